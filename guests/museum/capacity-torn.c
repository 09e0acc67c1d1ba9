/* Museum: the two halves of a number are not of one time.

   Project:  penberg/manticore (2020)
   The bug:  read 64-bit fields of the configuration in two halves and did not look at ConfigGeneration, so that a
             change in between gives a number that never was.
   Rules:    cfg.no-assume-atomic (2.5.1)
   Source:   https://github.com/penberg/manticore/issues/41 */
#include "drivers/blk.h"

static struct virtio disk;

int main(void)
{
  uint32 low, high;

  virtio_need(&disk, VIRTIO_ID_BLOCK);
  if (!virtio_begin(&disk, 0))
    return INIT_FAILED;
  low = CONFIG(&disk, uint32, 0);                /* the bug: ConfigGeneration belongs before and after */
  high = CONFIG(&disk, uint32, 4);
  printf("museum: %llu sectors\n", (uint64)high << 32 | low);
  return virtio_reset(&disk) ? 0 : INIT_FAILED;
}
