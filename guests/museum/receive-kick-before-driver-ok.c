/* Museum: the receive queue is kicked before the device is live.

   Project:  asterinas/asterinas, until 2026
   The bug:  filled and kicked receive and event queues while it made them, that is before DRIVER_OK.
   Rules:    init.no-notify-before-driver-ok (3.1.1)
   Source:   https://github.com/asterinas/asterinas/pull/3465, commit c3864a759e3a
   Seen:     it works on QEMU, and did not on Firecracker. */
#include "drivers/console.h"

static struct console console;
static volatile uint8 input[32];

int main(void)
{
  struct virtio *d = &console.dev;
  uint32 n;

  virtio_need(d, VIRTIO_ID_CONSOLE);
  if (!virtio_begin(d, 0) || !virtq_setup(d, &console.receiveq, 0) || !virtq_setup(d, &console.transmitq, 1))
    return INIT_FAILED;
  console_offer(&console, input, sizeof input);  /* the bug: it kicks */
  virtio_ready(d);

  if (!virtq_wait(&console.receiveq) || !virtq_pop_used(&console.receiveq, &n))
    return REQUEST_FAILED;
  printf("museum: %u bytes of input\n", n);
  return 0;
}
