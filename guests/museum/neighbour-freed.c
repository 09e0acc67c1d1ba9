/* Museum: freeing a chain writes into the descriptor beside it.

   Project:  asterinas/asterinas, until 2024
   The bug:  put a chain back into the list of free descriptors by writing `next` of the descriptor that follows it in
             the table, which may be part of a chain that the device has.
   Rules:    ring.no-alter-exposed (3.3.1), with --watch rings
   Source:   https://github.com/asterinas/asterinas, commit 349d7baa24fc */
#include "drivers/console.h"

static struct console console;
static volatile uint8 input[2][32];

int main(void)
{
  struct virtq *q = &console.receiveq;
  uint32 head, n;

  virtio_need(&console.dev, VIRTIO_ID_CONSOLE);
  if (!console_init(&console))
    return INIT_FAILED;
  for (int i = 0; i < 2; i++) {
    struct buffer buffer = { input[i], sizeof input[i], .writable = true };
    virtq_fill(q, i, &buffer, 1);
    virtq_publish(q, i);
  }
  virtq_notify(q);

  if (!virtq_wait(q))
    return REQUEST_FAILED;
  head = virtq_take(q, &n);
  q->desc[head + 1].next = head;                 /* the bug: that one waits for more input */
  printf("museum: %u bytes in buffer %u, the other is still with the device\n", n, head);
  return virtio_reset(&console.dev) ? 0 : REQUEST_FAILED;
}
