/* Museum: the interrupt controller is told to leave the device alone.

   Project:  JonasKruckenberg/k23 (2025)
   The bug:  the function that enables a source at the PLIC did the opposite.
   Rules:    none: what happens at the PLIC is not VirtIO's business
   Source:   https://github.com/JonasKruckenberg/k23/pull/347 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

static void enable(int irq)
{
  PLIC_PRIORITY[irq] = 1;
  PLIC_THRESHOLD = 0;
  PLIC_ENABLE &= ~(1u << irq);                   /* the bug: |= 1u << irq */
  csr_set(mie, MIE_EXTERNAL);
  csr_set(mstatus, MSTATUS_MIE);
}

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_ask_interrupts(q);
  enable(SLOT_IRQ(rng.dev.slot));
  virtq_add(q, &buffer, 1);
  virtq_notify(q);
  virtq_sleep(q);
  printf("museum: interrupted\n");
  return 0;
}
