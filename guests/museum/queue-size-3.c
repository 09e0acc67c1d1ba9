/* Museum: a split queue of three descriptors.

   Project:  tock/tock, VirtIOInput (seen at commit 65608d717, August 2026)
   The bug:  gave its event queue the size 3. The size of a split queue is a power of 2: avail.idx counts modulo 65536,
             and 3 does not divide that, so after 65536 buffers the index and the slot that it stands for part ways.
   Rules:    inv.split-qsize-pow2 (2.7)
   Source:   https://github.com/tock/tock, chips/virtio/src/devices/virtio_input.rs
   Seen:     QEMU and semu accept it, TinyEMU keeps its own size, vm-virtio logs it and keeps the old size, and
             Firecracker and crosvm refuse the queue when it is activated. An entropy device stands in for the keyboard
             here; the ring is the same. (Tock does not read QueueReady back and waits for ever; this guest does, so
             that one thing is wrong.) */
#include "drivers/rng.h"

static struct rng rng;

int main(void)
{
  struct virtio *d = &rng.dev;
  static volatile uint8 bytes[8];

  if (!virtio_find(d, VIRTIO_ID_ENTROPY)) {
    printf("museum: no entropy device in slots 0 to %u\n", SLOTS - 1);
    return NO_DEVICE;
  }
  if (!virtio_begin(d, 0))
    return INIT_FAILED;
  if (virtq_choose_size(d, 0) < 3) {
    virtio_fail(d, "the queue has fewer than 3 descriptors");
    return INIT_FAILED;
  }
  virtq_enable(d, &rng.requestq, 0, 3);          /* the bug */
  if (REG(d, QueueReady) == 0) {
    virtio_fail(d, "the device refuses a queue of 3 descriptors");
    return INIT_FAILED;
  }
  virtio_ready(d);

  for (int i = 1; i <= 4; i++) {                 /* once around the ring */
    if (rng_read(&rng, bytes, sizeof bytes) == 0)
      return REQUEST_FAILED;
    printf("museum: request %u answered\n", i);
  }
  return 0;
}
