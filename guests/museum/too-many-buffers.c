/* Museum: more buffers are made available than the queue has descriptors.

   Project:  apache/nuttx, virtio-net, until 2024
   The bug:  queued more receive buffers than the queue has descriptors. (A console stands in for the network card.)
   Rules:    inv.avail-idx-jump (2.7.13); ring.no-alter-exposed (3.3.1), with --watch rings
   Source:   https://github.com/apache/nuttx, commit c0edb0f4024e */
#include "drivers/console.h"

#define BUFFERS 10

static struct console console;
static volatile uint8 input[BUFFERS][16];

int main(void)
{
  struct virtq *q = &console.receiveq;
  uint32 n;

  virtio_need(&console.dev, VIRTIO_ID_CONSOLE);
  if (!console_init(&console))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  for (int i = 0; i < BUFFERS; i++) {            /* the bug: q->size is 8 */
    struct buffer buffer = { input[i], sizeof input[i], .writable = true };
    virtq_fill(q, i % q->size, &buffer, 1);
    virtq_publish(q, i % q->size);
  }
  virtq_notify(q);
  virtq_sleep(q);
  printf("museum: input in buffer %u\n", virtq_take(q, &n));
  return 0;
}
