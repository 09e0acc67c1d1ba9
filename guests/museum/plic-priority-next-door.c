/* Museum: the priority of another interrupt is set.

   Project:  littlekernel/lk, riscv-virt, until 2022
   The bug:  the address of a source's priority at the PLIC was off by one word. A source of priority 0 never
             interrupts.
   Rules:    none: what happens at the PLIC is not VirtIO's business
   Source:   https://github.com/littlekernel/lk/pull/355 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

static void enable(int irq)
{
  PLIC_PRIORITY[irq + 1] = 1;                    /* the bug: + 1 */
  PLIC_THRESHOLD = 0;
  PLIC_ENABLE |= 1u << irq;
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
