/* Museum: the avail ring gets avail.idx where the head of the chain belongs; here a chain has two descriptors.

   Project:  asterinas/asterinas, until 2023
   The bug:  stored avail.idx in avail.ring. The second chain begins at descriptor 2; the ring says 1, which is the
             middle of the first chain.
   Rules:    inv.head-not-outstanding (2.7.13.1)
   Source:   https://github.com/asterinas/asterinas, commit 0ba24e90db81 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer halves[2] = { { bytes, 8, .writable = true }, { bytes + 8, 8, .writable = true } };

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  for (int i = 0; i < 2; i++) {
    virtq_fill(q, 2 * i, halves, 2);
    virtq_publish(q, q->avail.idx);              /* the bug: it is 2 * i that belongs there */
  }
  virtq_notify(q);

  for (uint32 i = 0; i < 2; i++) {
    uint32 head, n;
    if (!virtq_wait(q))
      return REQUEST_FAILED;
    head = virtq_take(q, &n);
    printf("museum: chain %u came back with %u bytes\n", head, n);
    if (head != 2 * i)
      return MISMATCH;
  }
  return 0;
}
