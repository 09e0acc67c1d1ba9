/* Museum: the avail ring gets avail.idx where the head of the chain belongs.

   Project:  asterinas/asterinas, until 2023
   The bug:  stored avail.idx in avail.ring. With chains of one descriptor, used in turn, the two are the same number,
             once around the ring.
   Rules:    inv.avail-head-range (2.7.6)
   Source:   https://github.com/asterinas/asterinas, commit 0ba24e90db81 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;

  for (uint32 i = 0; i <= q->size; i++) {
    uint16 head = i % q->size;
    uint32 n;
    virtq_fill(q, head, &buffer, 1);
    virtq_publish(q, q->avail.idx);              /* the bug: it is `head` that belongs there */
    virtq_notify(q);
    if (!virtq_wait(q))
      return REQUEST_FAILED;
    if (virtq_take(q, &n) != head)
      return MISMATCH;
    printf("museum: request %u answered\n", i);
  }
  return 0;
}
