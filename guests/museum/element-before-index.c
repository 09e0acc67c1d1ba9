/* Museum: the used element is read before the index says that it is there.

   Project:  rcore-os/virtio-drivers, until 2024
   The bug:  read used.idx and the used ring with plain loads and fences in the wrong places, so that compiler or
             processor could read the element first. Here the program does itself what they were free to do.
   Rules:    inv.used-before-idx (2.7.14), with --watch rings
   Source:   https://github.com/rcore-os/virtio-drivers/issues/125, commit a609ad8af436
   Seen:     the RISC-V example hung or worked with the compiler's inlining. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint32 early, n;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_add(q, &buffer, 1);
  early = q->used.ring[q->popped % q->size].len;       /* the bug: nothing has come back yet */
  virtq_notify(q);
  if (!virtq_wait(q) || !virtq_pop_used(q, &n))
    return REQUEST_FAILED;
  printf("museum: read early: %u bytes, read in time: %u\n", early, n);
  return early == n ? 0 : MISMATCH;
}
