/* Museum: nothing orders the descriptors before the index that makes them available.

   Project:  au-ts/sddf, the virtio network driver, until 2026
   The bug:  stored descriptor, ring entry and avail.idx one after the other, with no barrier before the last: a
             device on another core may see the index first, and an old descriptor behind it.
   Rules:    split.barrier-before-idx (2.7.13.3.1), with --watch rings
   Source:   https://github.com/au-ts/sddf/pull/758
   Seen:     no emulator notices: there the device runs when it is kicked, after all stores. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint32 n;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_fill(q, 0, &buffer, 1);
  q->avail.ring[q->avail.idx % q->size] = 0;
  q->avail.idx += 1;                             /* the bug: no fence(w, w) before it */
  virtq_notify(q);
  if (!virtq_wait(q) || !virtq_pop_used(q, &n))
    return REQUEST_FAILED;
  printf("museum: %u bytes\n", n);
  return 0;
}
