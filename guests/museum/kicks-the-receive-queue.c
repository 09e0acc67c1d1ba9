/* Museum: the bell of another queue is rung.

   Project:  intel/MigTD, virtio-serial, until 2024
   The bug:  made its transmit queue with the number of the receive queue, so that what it did with the one was done
             to the other. Here the queue is set up right, and only kicked by the wrong number.
   Rules:    split.kick-when-required (2.7.10.1), with --watch rings
   Source:   https://github.com/intel/MigTD/issues/219 */
#include "drivers/console.h"

#define RECEIVEQ 0

static struct console console;

int main(void)
{
  static const char text[] = "never seen\r\n";
  struct virtq *q = &console.transmitq;
  struct buffer buffer = { (void *)text, sizeof text - 1, .writable = false };

  virtio_need(&console.dev, VIRTIO_ID_CONSOLE);
  if (!console_init(&console))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  virtq_add(q, &buffer, 1);
  fence(rw, rw);
  REG(&console.dev, QueueNotify) = RECEIVEQ;     /* the bug: q->index */
  virtq_sleep(q);
  printf("museum: written\n");
  return 0;
}
