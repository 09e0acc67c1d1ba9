/* Museum: a chain of no buffers begins at descriptor 65535.

   Project:  zephyrproject-rtos/zephyr, virtqueue, until 2026
   The bug:  took an empty list of buffers, and made descriptor 0xffff available.
   Rules:    inv.avail-head-range (2.7.6)
   Source:   https://github.com/zephyrproject-rtos/zephyr/pull/115008 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

static void add(struct virtq *q, const struct buffer *buffers, int n)
{
  uint16 head = 0xffff;

  for (int i = n - 1; i >= 0; i--) {             /* from the last to the first, as each names the next */
    virtq_fill(q, i, &buffers[i], 1);
    if (i + 1 < n)
      q->desc[i].flags |= VIRTQ_DESC_F_NEXT;
    q->desc[i].next = head;
    head = i;
  }
  virtq_publish(q, head);                        /* the bug: there may be none */
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
  for (int buffers = 1; buffers >= 0; buffers--) {
    add(q, &buffer, buffers);
    virtq_notify(q);
    virtq_sleep(q);
    if (!virtq_pop_used(q, &n))
      return MISMATCH;
    printf("museum: a chain of %u buffers came back\n", buffers);
  }
  return 0;
}
