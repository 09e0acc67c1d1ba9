/* The guest of `make demo`: entropy by polling, then a disk by interrupt. */
#include "drivers/rng.h"
#include "drivers/blk.h"

static struct rng rng;
static struct blk disk;

static int show_entropy(void)
{
  static volatile uint8 bytes[16];
  int n;

  if (!virtio_find(&rng.dev, VIRTIO_ID_ENTROPY)) {
    printf("demo: no entropy device in slots 0 to %u\n", SLOTS - 1);
    return NO_DEVICE;
  }
  if (!rng_init(&rng))
    return INIT_FAILED;
  n = rng_read(&rng, bytes, sizeof bytes);
  if (n == 0)
    return REQUEST_FAILED;
  printf("entropy  slot %u: %u bytes:", rng.dev.slot, n);
  for (int i = 0; i < n; i++)
    printf(" %02x", bytes[i]);
  printf("\n");
  return 0;
}

static int show_disk(void)
{
  static volatile uint8 data[SECTOR];

  if (!virtio_find(&disk.dev, VIRTIO_ID_BLOCK)) {
    printf("demo: no block device in slots 0 to %u\n", SLOTS - 1);
    return NO_DEVICE;
  }
  if (!blk_init(&disk))
    return INIT_FAILED;
  virtq_use_interrupts(&disk.requestq);
  if (!blk_read(&disk, 0, data))
    return REQUEST_FAILED;
  printf("disk     slot %u: %llu sectors, the first begins \"", disk.dev.slot, disk.capacity);
  print_text(data, 64);
  printf("\"\n");
  return 0;
}

int main(void)
{
  int failed;

  printf("virtscope demo on an rv%u hart\n", __riscv_xlen);
  failed = show_entropy();
  if (!failed)
    failed = show_disk();
  return failed;
}
