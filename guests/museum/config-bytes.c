/* Museum: a field of the configuration is read byte by byte.

   Project:  torvalds/linux, virtio_mmio
   The bug:  read and wrote the configuration of modern devices in single bytes, whatever the field is. For a field of
             64 bits two accesses of 32 are right.
   Rules:    mmio.cfg-width-match (4.2.2.2)
   Source:   https://github.com/torvalds/linux/commit/704a0b5f234d */
#include "drivers/blk.h"

static struct virtio disk;

int main(void)
{
  uint64 capacity;
  uint32 generation;

  virtio_need(&disk, VIRTIO_ID_BLOCK);
  if (!virtio_begin(&disk, 0))
    return INIT_FAILED;
  do {
    generation = REG(&disk, ConfigGeneration);
    capacity = 0;
    for (int i = 0; i < 8; i++)                  /* the bug */
      capacity |= (uint64)CONFIG(&disk, uint8, i) << 8 * i;
  } while (generation != REG(&disk, ConfigGeneration));
  printf("museum: %llu sectors\n", capacity);
  return virtio_reset(&disk) ? 0 : INIT_FAILED;
}
