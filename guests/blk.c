/* Reads a disk's capacity, serial number and first sector; then, with interrupts, writes sector 1 and reads it back. */
#include "drivers/blk.h"

static struct blk disk;
static volatile uint8 data[SECTOR], back[SECTOR];

/* Write a pattern, flush, read it back, compare. */
static int write_and_compare(uint64 sector)
{
  for (int i = 0; i < SECTOR; i++)
    data[i] = i ^ i >> 8 ^ 0xa5;
  if (!blk_write(&disk, sector, data) || !blk_flush(&disk) || !blk_read(&disk, sector, back))
    return REQUEST_FAILED;
  for (int i = 0; i < SECTOR; i++) {
    if (back[i] != data[i]) {
      printf("blk: sector %llu, byte %u: wrote %02x, read %02x\n", sector, i, data[i], back[i]);
      return MISMATCH;
    }
  }
  printf("blk: sector %llu written, flushed and read back by interrupt\n", sector);
  return 0;
}

int main(void)
{
  static volatile uint8 serial[20];
  int failed = 0;

  if (!virtio_find(&disk.dev, VIRTIO_ID_BLOCK)) {
    printf("blk: no block device in slots 0 to %u\n", SLOTS - 1);
    return NO_DEVICE;
  }
  if (!blk_init(&disk))
    return INIT_FAILED;
  printf("blk: slot %u, %llu sectors%s\n", disk.dev.slot, disk.capacity, disk.readonly ? ", read-only" : "");

  if (!blk_serial(&disk, serial) || !blk_read(&disk, 0, data))
    return REQUEST_FAILED;
  printf("blk: serial \"");
  print_text(serial, sizeof serial);
  printf("\"\nblk: sector 0 by polling: \"");
  print_text(data, 64);
  printf("\"\n");

  virtq_use_interrupts(&disk.requestq);
  if (disk.readonly || disk.capacity < 2)
    failed = blk_read(&disk, 0, data) ? 0 : REQUEST_FAILED;
  else
    failed = write_and_compare(1);
  if (!failed)
    printf("blk: ok\n");
  return failed;
}
