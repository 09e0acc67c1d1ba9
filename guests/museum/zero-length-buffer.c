/* Museum: a buffer of no bytes.

   Project:  au-ts/sddf, virtio network, until 2026
   The bug:  passed on what its client sent, packets of length 0 included. A descriptor has at least one byte. (A
             console stands in for the network card.)
   Rules:    inv.buffer-in-ram (2.7.5)
   Source:   https://github.com/au-ts/sddf/issues/740, https://github.com/au-ts/sddf/pull/758
   Seen:     QEMU says "virtio: zero sized buffers are not allowed", and the queue is dead from then on. */
#include "drivers/console.h"

static struct console console;

static void write(const char *text, uint32 n)
{
  struct buffer buffer = { (void *)text, n, .writable = false };
  uint32 written;

  virtq_add(&console.transmitq, &buffer, 1);     /* the bug: n may be 0 */
  virtq_notify(&console.transmitq);
  virtq_sleep(&console.transmitq);
  virtq_pop_used(&console.transmitq, &written);
  printf("museum: %u bytes written\n", n);
}

int main(void)
{
  virtio_need(&console.dev, VIRTIO_ID_CONSOLE);
  if (!console_init(&console))
    return INIT_FAILED;
  virtq_use_interrupts(&console.transmitq);
  write("hello\r\n", 7);
  write("", 0);
  return 0;
}
