/* Museum: the chain is in the ring, and the index that says so never moves.

   Project:  none: the one link between driver and device for which no public report was found
   The bug:  counts what it made available in a variable of its own and does not store it in avail.idx. The bell
             rings, and the device finds nothing new.
   Rules:    none: a kick with nothing available is allowed
   Source:   none */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint16 available = 0;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  virtq_fill(q, 0, &buffer, 1);
  q->avail.ring[available % q->size] = 0;
  available += 1;
  fence(w, w);
  /* the bug: no q->avail.idx = available */
  virtq_notify(q);
  virtq_sleep(q);
  printf("museum: it came back, chain %u\n", available);
  return 0;
}
