/* Museum: the interrupt comes before the sleep that waits for it.

   Project:  RIOT-OS/RIOT, fe310 (2020)
   The bug:  caused an interrupt and executed a wfi, for which it may be too late: when the interrupt was taken in
             between, there is nothing left to wake up from. The wait has to look whether it still has something to
             wait for.
   Rules:    none: what happens in the hart is not VirtIO's business
   Source:   https://github.com/RIOT-OS/RIOT/pull/15277
   Seen:     noticed in a simulator, and not on a board. */
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
  virtq_use_interrupts(q);
  virtq_add(q, &buffer, 1);
  virtq_notify(q);
  printf("museum: interrupts: %u, and now to sleep\n", (uint16)(q->done - q->popped));
  wfi();                                         /* the bug: no virtq_sleep(q), which looks first */
  if (!virtq_pop_used(q, &n))
    return MISMATCH;
  printf("museum: %u bytes\n", n);
  return 0;
}
