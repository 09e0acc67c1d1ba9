/* Museum: the interrupt is acknowledged last, and takes one along that has not been looked at.

   Project:  asterinas/asterinas, virtio-mmio, until 2025
   The bug:  handled the queues and wrote InterruptACK afterwards. What came back in between raised the same bit of
             InterruptStatus, which the write cleared with the rest: no interrupt is left for it.
   Rules:    inv.ack-race (4.2.3.4), with --watch rings
   Source:   https://github.com/asterinas/asterinas/pull/2493, commit 0be36ee2c1ad
   Seen:     the console froze and did not answer input any more. */
#include "drivers/console.h"

static struct console console;
static volatile uint8 input[32];

/* Both queues, and an echo of what was typed; the device takes it at once. */
static void interrupt(void *device)
{
  struct virtio *d = device;
  struct virtq *rx = &console.receiveq, *tx = &console.transmitq;
  uint32 why = REG(d, InterruptStatus), n;

  if (why & VIRTIO_INTERRUPT_USED_BUFFER) {
    tx->done = tx->used.idx;
    if (rx->used.idx != rx->popped && virtq_pop_used(rx, &n)) {
      struct buffer echo = { input, n, .writable = false };
      virtq_add(tx, &echo, 1);
      virtq_notify(tx);
    }
  }
  REG(d, InterruptACK) = why;                    /* the bug: it belongs before the look at the queues */
}

int main(void)
{
  uint32 n;

  virtio_need(&console.dev, VIRTIO_ID_CONSOLE);
  if (!console_init(&console))
    return INIT_FAILED;
  virtq_use_interrupts(&console.transmitq);
  virtq_use_interrupts(&console.receiveq);
  irq_handle(SLOT_IRQ(console.dev.slot), interrupt, &console.dev);

  console_offer(&console, input, sizeof input);
  virtq_sleep(&console.transmitq);               /* until the echo is out */
  if (!virtq_pop_used(&console.transmitq, &n))
    return MISMATCH;
  printf("museum: echoed\n");
  return 0;
}
