/* Museum: an interrupt that is never acknowledged.

   Project:  mit-pdos/xv6-riscv, until 2020
   The bug:  the interrupt handler took the finished request and never wrote InterruptACK, so that the device never
             lowered its line. (xv6 did not read InterruptStatus either; this guest does, so that one thing is wrong.)
   Rules:    mmio.irq-ack-after (4.2.3.4.1)
   Source:   https://github.com/mit-pdos/xv6-riscv/pull/10, commit 7a5fcb28b33d
   Seen:     QEMU raises a line that is up already once more, and that is enough for its PLIC. The author of another
             RISC-V emulator found the bug: there the second interrupt never came. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

static void interrupt(void *device)
{
  struct virtio *d = device;

  if (REG(d, InterruptStatus) & VIRTIO_INTERRUPT_USED_BUFFER)
    rng.requestq.done = rng.requestq.used.idx;
  /* the bug: no REG(d, InterruptACK) = VIRTIO_INTERRUPT_USED_BUFFER */
}

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint32 n;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  irq_handle(SLOT_IRQ(rng.dev.slot), interrupt, &rng.dev);

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
