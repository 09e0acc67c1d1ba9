/* Museum: the hart sleeps, and has forbidden everything that could wake it.

   Project:  tinygo-org/tinygo, FE310 and K210 (2020)
   The bug:  before its wfi it disabled interrupts one by one in mie. A wfi wakes up without mstatus.MIE, which is
             what was wanted; it does not without mie.
   Rules:    none: what happens in the hart is not VirtIO's business
   Source:   https://github.com/tinygo-org/tinygo/pull/1227 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

static void disable_interrupts(void)
{
  csr_clear(mie, MIE_EXTERNAL);                  /* the bug: csr_clear(mstatus, MSTATUS_MIE) */
}

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  disable_interrupts();
  virtq_add(q, &buffer, 1);
  virtq_notify(q);
  while (q->done == q->popped) {
    wfi();
    csr_set(mie, MIE_EXTERNAL);                  /* the trap is taken here */
    disable_interrupts();
  }
  printf("museum: interrupted\n");
  return 0;
}
