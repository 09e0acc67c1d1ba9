/* Museum: no interrupt is urgent enough.

   Project:  tinygo-org/tinygo, hifive1b, until 2020
   The bug:  did not set the PLIC's threshold. Nothing says what it is at power-on, or after whoever ran before, and
             only priorities above it get through.
   Rules:    none: what happens at the PLIC is not VirtIO's business
   Source:   https://github.com/tinygo-org/tinygo/pull/1162 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

static void boot_loader(void)
{
  PLIC_THRESHOLD = 7;                            /* which was its good right */
}

static void enable(int irq)
{
  PLIC_PRIORITY[irq] = 1;
  PLIC_ENABLE |= 1u << irq;                      /* the bug: no PLIC_THRESHOLD = 0 */
  csr_set(mie, MIE_EXTERNAL);
  csr_set(mstatus, MSTATUS_MIE);
}

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };

  boot_loader();
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
