/* Museum: EVENT_IDX is negotiated, and used_event stays where it was.

   Project:  rcore-os/virtio-drivers, until the end of 2023
   The bug:  accepted EVENT_IDX and never wrote used_event. The device then interrupts when used.idx passes 0, which
             it does once in 65536 chains: the first interrupt comes, and no other.
   Rules:    inv.used-event-stale (2.7.7)
   Source:   https://github.com/rcore-os/virtio-drivers/pull/121, commit 3ce80bd1022e */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint32 n;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!virtio_begin(&rng.dev, BIT(VIRTIO_F_EVENT_IDX)) || !virtq_setup(&rng.dev, q, 0))
    return INIT_FAILED;
  virtio_ready(&rng.dev);
  virtq_use_interrupts(q);

  for (int i = 1; i <= 2; i++) {
    /* the bug: no q->avail.used_event = q->popped */
    virtq_add(q, &buffer, 1);
    virtq_kick(q);
    virtq_sleep(q);
    if (!virtq_pop_used(q, &n))
      return MISMATCH;
    printf("museum: interrupt %u came\n", i);
  }
  return 0;
}
