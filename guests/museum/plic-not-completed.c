/* Museum: an interrupt is claimed, and the PLIC never hears that it was handled.

   Project:  apache/nuttx, mpfs, until 2025
   The bug:  disabled the source before it wrote the completion, and a PLIC ignores the completion of a source that is
             disabled: the source stays claimed. (QEMU's PLIC and the one here are more patient, so this guest leaves
             the completion out, which comes to the same.)
   Rules:    none: what happens at the PLIC is not VirtIO's business
   Source:   https://github.com/apache/nuttx/pull/15858
   Seen:     at some point the interrupts stopped coming. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

__attribute__((interrupt("machine"), aligned(4))) static void handle(void)
{
  if (PLIC_CLAIM == (uint32)SLOT_IRQ(rng.dev.slot))
    virtio_interrupt(&rng.dev);
  /* the bug: no PLIC_CLAIM = SLOT_IRQ(rng.dev.slot) */
}

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint32 n;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  asm volatile("csrw mtvec, %0" :: "r"(handle));
  virtq_use_interrupts(q);
  for (int i = 1; i <= 2; i++) {
    virtq_add(q, &buffer, 1);
    virtq_notify(q);
    virtq_sleep(q);
    if (!virtq_pop_used(q, &n))
      return MISMATCH;
    printf("museum: interrupt %u came\n", i);
  }
  return 0;
}
