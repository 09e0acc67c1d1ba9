/* Museum: the fence stands behind the bell.

   Project:  littlekernel/lk, until 2026
   The bug:  had its barrier after the store to QueueNotify instead of before it.
   Rules:    inv.kick-barrier (2.7.13.4), with --watch rings
   Source:   https://github.com/littlekernel/lk, commit 9c44d5d24dcb */
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
  virtq_add(q, &buffer, 1);
  REG(q->dev, QueueNotify) = q->index;
  fence(w, o);                                   /* the bug: it belongs before the store */
  if (!virtq_wait(q) || !virtq_pop_used(q, &n))
    return REQUEST_FAILED;
  printf("museum: %u bytes\n", n);
  return 0;
}
