/* Museum: the disk is flushed if it cannot be.

   Project:  asterinas/asterinas, virtio-blk, until 2026
   The bug:  looked for the feature FLUSH with == 1, which bit 9 never is, and then sent FLUSH if the feature was
             missing: the condition was written backwards too.
   Rules:    inv.blk-unsupported-cmd (5.2.6)
   Source:   https://github.com/asterinas/asterinas/pull/3275 */
#include "drivers/blk.h"

static struct blk disk;

int main(void)
{
  struct virtio *d = &disk.dev;
  struct blk_request flush = { .type = BLK_FLUSH };
  struct buffer buffers[3];
  uint32 n;

  virtio_need(d, VIRTIO_ID_BLOCK);
  if (!virtio_begin(d, 0) || !virtq_setup(d, &disk.requestq, 0))
    return INIT_FAILED;
  virtio_ready(d);
  if (virtio_has(d, VIRTIO_BLK_F_FLUSH))         /* the bug: the other way around */
    return 0;
  if (!virtq_request(&disk.requestq, buffers, blk_buffers(&flush, NULL, 0, buffers), &n))
    return REQUEST_FAILED;
  printf("museum: FLUSH ended with status %u\n", flush.status);
  return 0;
}
