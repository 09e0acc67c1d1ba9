/* Museum: what was received is kept.

   Project:  vivoblueos/kernel, virtio-net, until 2025
   The bug:  took the packet out of a receive buffer and did not give the buffer back, so that in the end the device
             has none. (A console stands in for the network card.)
   Rules:    none: a driver may offer as few buffers as it likes
   Source:   https://github.com/vivoblueos/kernel/pull/14 */
#include "drivers/console.h"

static struct console console;
static volatile uint8 input[2][8];

int main(void)
{
  struct virtq *q = &console.receiveq;
  uint32 total = 0;

  virtio_need(&console.dev, VIRTIO_ID_CONSOLE);
  if (!console_init(&console))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  for (int i = 0; i < 2; i++) {
    struct buffer buffer = { input[i], sizeof input[i], .writable = true };
    virtq_fill(q, i, &buffer, 1);
    virtq_publish(q, i);
  }
  virtq_notify(q);

  for (;;) {
    uint32 n, i;
    virtq_sleep(q);
    i = virtq_take(q, &n);
    total += n;
    printf("museum: %u bytes of input\n", total);
    if (n == 0 || input[i][n - 1] == '\n')
      return 0;
    /* the bug: no virtq_publish(q, i) */
  }
}
