/* Museum: a buffer goes back to the device, and the device is not told.

   Project:  u-boot, virtio_net, until 2025
   The bug:  put each receive buffer back into the avail ring and did not notify. A device that found the ring empty
             waits for the bell. (A console stands in for the network card.)
   Rules:    split.kick-when-required (2.7.10.1), with --watch rings
   Source:   https://github.com/u-boot/u-boot, commit d1b4bfc98441
   Seen:     the host waits, the guest waits, the network is dead. */
#include "drivers/console.h"

static struct console console;
static volatile uint8 input[8];

int main(void)
{
  struct virtq *q = &console.receiveq;
  struct buffer buffer = { input, sizeof input, .writable = true };
  uint32 n;

  virtio_need(&console.dev, VIRTIO_ID_CONSOLE);
  if (!console_init(&console))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  console_offer(&console, input, sizeof input);

  for (;;) {
    virtq_sleep(q);
    if (!virtq_pop_used(q, &n) || n == 0)
      return MISMATCH;
    printf("museum: %u bytes of input\n", n);
    if (input[n - 1] == '\n')
      return 0;
    virtq_add(q, &buffer, 1);                    /* the bug: no virtq_notify(q) */
  }
}
