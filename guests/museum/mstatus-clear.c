/* Museum: who waits for the interrupt keeps it from being taken.

   Project:  oscomp/starry-next (2025)
   The bug:  waited inside a system call, where the trap had switched interrupts off: they stay pending, and nobody's
             handler is called. (Here it is MIE of M-mode, there SIE.)
   Rules:    none: what happens in the hart is not VirtIO's business
   Source:   https://github.com/oscomp/starry-next/issues/29
   Seen:     processes that yield to each other for ever; this guest turns in a circle too, as a pending interrupt
             ends a wfi. */
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
  virtq_use_interrupts(q);
  csr_clear(mstatus, MSTATUS_MIE);               /* the bug: and nobody sets it while it waits */
  virtq_add(q, &buffer, 1);
  virtq_notify(q);
  while (q->done == q->popped)
    wfi();
  printf("museum: interrupted\n");
  return 0;
}
