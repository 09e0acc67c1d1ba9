#!/bin/sh
# /init of the guest `linux`: loads the VirtIO modules, says what is there, exercises it, ends in a shell or powers off.
# What is to be done comes from the kernel command line, as virtscope=WORD,WORD...:
#   check   use the disk, /dev/hwrng, hvc0, fork and exec, a checksum     format  make a file system on the disk first
#   off     power off at the end instead of a shell       bench   fixed work for `make bench`, a marker before each
# Every fact is a line that begins with @@, so that a test can wait for it. The disk is written only with `check`, and by
# `bench`, which writes 64 KiB at 1 MiB.
export PATH=/bin PS1='/ # '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
words=$(sed -n 's/.*\bvirtscope=\([^ ]*\).*/\1/p' /proc/cmdline)
asked() { case ",$words," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }
up() { read -r seconds _ < /proc/uptime; echo "$seconds"; }
fork() {
  turns=0
  while [ $turns -lt "$1" ] && /bin/busybox true; do turns=$((turns + 1)); done
  echo "@@fork and exec $turns times up=$(up)"
}
zeros() {
  echo "@@md5 of $1 MiB of zeros $(dd if=/dev/zero bs=65536 count=$(($1 * 16)) 2> /dev/null | md5sum | cut -d ' ' -f 1) up=$(up)"
}
verdict() { if "$@" > /dev/null 2>&1; then echo ok; else echo FAILED; fi; }

echo "@@userspace up=$(up) $(uname -srm)"
sed -n 's/^isa[[:space:]]*: /@@isa /p; s/^mmu[[:space:]]*: /@@mmu /p' /proc/cpuinfo
while read -r module; do
  echo "@@module $module $(verdict insmod "/mod/$module.ko")"
done < /mod/order
for device in /sys/bus/virtio/devices/*; do
  [ -e "$device/device" ] || continue
  driver=none
  [ -e "$device/driver" ] && driver=$(basename "$(readlink "$device/driver")")
  echo "@@virtio $(basename "$device") id=$(cat "$device/device") status=$(cat "$device/status") driver=$driver"
done

check_disk() {
  disk=/dev/$1
  echo "@@disk $1 sectors=$(cat "/sys/block/$1/size") readonly=$(cat "/sys/block/$1/ro") serial=$(cat "/sys/block/$1/serial")"
  echo "@@disk $1 md5 of the first 64 KiB $(dd if="$disk" bs=4096 count=16 2>/dev/null | md5sum | cut -d ' ' -f 1)"
  [ "$(cat "/sys/block/$1/ro")" = 0 ] || return
  asked format && echo "@@disk $1 format $(verdict mke2fs "$disk")"
  mount -t ext4 "$disk" /mnt 2> /dev/null || { echo "@@disk $1 no file system that can be mounted"; return; }
  dd if=/dev/urandom of=/mnt/virtscope.bin bs=4096 count=64 2> /dev/null
  wrote=$(md5sum < /mnt/virtscope.bin)
  umount /mnt
  echo 3 > /proc/sys/vm/drop_caches
  mount -t ext4 "$disk" /mnt
  echo "@@disk $1 file system $(verdict [ "$(md5sum < /mnt/virtscope.bin)" = "$wrote" ])"
  umount /mnt
}

if asked check; then
  for block in /sys/block/vd*; do
    [ -e "$block" ] && check_disk "$(basename "$block")"
  done
  if dd if=/dev/hwrng of=/tmp/entropy bs=32 count=1 2> /dev/null && [ -s /tmp/entropy ]; then
    echo "@@hwrng $(cat /sys/class/misc/hw_random/rng_current) $(od -An -v -tx1 /tmp/entropy | tr -d ' \n')"
  else
    echo "@@hwrng none"
  fi
  if [ -n "$(ls /sys/bus/virtio/drivers/virtio_console 2> /dev/null | grep ^virtio)" ]; then
    echo "@@hvc0 $(verdict sh -c 'echo hello from hvc0 > /dev/hvc0')"
  else
    echo "@@hvc0 none"
  fi
  fork 20
  zeros 1
fi

begin() { echo "@@bench $1"; }
read_blocks() {
  begin "$1"
  what=$1
  shift
  echo "@@read $what $(dd "$@" of=/dev/null 2>&1 | sed -n 's/ records out//p')"
}

if asked bench; then
  begin pattern
  yes virtscope | head -c 65536 > /tmp/pattern
  dd if=/tmp/pattern of=/dev/vda bs=4096 seek=256 conv=fsync 2> /dev/null
  echo 3 > /proc/sys/vm/drop_caches
  dd if=/dev/vda of=/tmp/back bs=4096 skip=256 count=16 2> /dev/null
  echo "@@disk vda pattern $(verdict cmp /tmp/pattern /tmp/back)"
  read_blocks disk-64k if=/dev/vda bs=64k count=1024 iflag=direct
  read_blocks disk-4k if=/dev/vda bs=4k count=512 iflag=direct
  read_blocks hwrng if=/dev/hwrng bs=64 count=64
  begin shell
  turns=0
  while [ $turns -lt 20000 ]; do turns=$((turns + 1)); done
  begin md5
  zeros 8
  begin fork
  fork 50
  begin end
fi
if ! asked off; then
  echo "@@shell (exit powers off)"
  setsid sh -c 'exec sh -i < /dev/ttyS0 > /dev/ttyS0 2>&1'
fi
echo "@@poweroff up=$(up)"
poweroff -f
