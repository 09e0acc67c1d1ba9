/* Sending chains of buffers through a split virtqueue (2.7.13, 2.7.14). */
#include "virtio.h"

/* Describe the buffers as one chain in the descriptors from `first` on; readable ones come first (2.7.4.2). */
void virtq_fill(struct virtq *q, uint16 first, const struct buffer *buffers, int n)
{
  for (int i = 0; i < n; i++) {
    struct desc *desc = &q->desc[first + i];
    desc->addr = (uintptr)buffers[i].addr;
    desc->len = buffers[i].len;
    desc->flags = buffers[i].writable ? VIRTQ_DESC_F_WRITE : 0;
    if (i + 1 < n) {
      desc->flags |= VIRTQ_DESC_F_NEXT;
      desc->next = first + i + 1;
    }
  }
}

/* Make the chain available that begins at descriptor `head`. */
void virtq_publish(struct virtq *q, uint16 head)
{
  q->avail.ring[q->avail.idx % q->size] = head;
  fence(w, w);                 /* the chain, then the index (2.7.13.3.1) */
  q->avail.idx += 1;           /* it counts on for ever, modulo 65536 */
}

/* Offer the buffers as one chain. There is one at a time, so it begins at descriptor 0. */
void virtq_add(struct virtq *q, const struct buffer *buffers, int n)
{
  virtq_fill(q, 0, buffers, n);
  virtq_publish(q, 0);
}

/* Tell the device that there are chains. */
void virtq_kick(struct virtq *q)
{
  fence(w, o);                 /* the ring is in memory before the device is called */
  REG(q->dev, QueueNotify) = q->index;
}

/* The same, unless the device does not want to hear it. */
void virtq_notify(struct virtq *q)
{
  fence(rw, rw);               /* the index, then the look at the flag (2.7.13.4.1) */
  if (q->used.flags & VIRTQ_USED_F_NO_NOTIFY)
    return;
  virtq_kick(q);
}

/* Ask the device to interrupt when it returns a chain, and have a handler for it. */
void virtq_ask_interrupts(struct virtq *q)
{
  q->done = q->popped;
  q->avail.flags = 0;
  fence(w, w);
  irq_handle(SLOT_IRQ(q->dev->slot), virtio_interrupt, q->dev);
}

/* From now on the device interrupts when it returns a chain, and virtq_wait sleeps. */
void virtq_use_interrupts(struct virtq *q)
{
  virtq_ask_interrupts(q);
  irq_enable(SLOT_IRQ(q->dev->slot));
}

static bool interrupted(void *queue)
{
  struct virtq *q = queue;
  return q->done != q->popped;
}

static bool poll(struct virtq *q)
{
  uint64 deadline = 0;

  while (q->used.idx == q->popped) {
    uint64 now = mtime();
    if (deadline == 0)
      deadline = now + TICKS_PER_SECOND;
    if (now > deadline)
      return false;
  }
  return true;
}

/* Wait for the chain to come back, for a second at the most. */
bool virtq_wait(struct virtq *q)
{
  bool polled = q->avail.flags & VIRTQ_AVAIL_F_NO_INTERRUPT;

  if (polled ? poll(q) : wait_until(interrupted, q, TICKS_PER_SECOND))
    return true;
  printf("slot %u: queue %u: no answer in a second, Status %x\n", q->dev->slot, q->index, REG(q->dev, Status));
  return false;
}

/* Sleep until the interrupt handler has seen a chain come back, for ever if none does. */
void virtq_sleep(struct virtq *q)
{
  wait_until(interrupted, q, 0);
}

/* Take a chain back that has come: its head. `written` is how much of it the device wrote: what lies beyond is not to
   be used (2.7.8.3). */
uint32 virtq_take(struct virtq *q, uint32 *written)
{
  uint32 id;

  fence(r, r);                 /* the index, then the element */
  id = q->used.ring[q->popped % q->size].id;
  *written = q->used.ring[q->popped % q->size].len;
  q->popped += 1;
  return id;
}

/* Take the one chain back. */
bool virtq_pop_used(struct virtq *q, uint32 *written)
{
  uint32 id = virtq_take(q, written);

  if (id != 0) {
    printf("slot %u: queue %u: chain %u came back, which was not sent\n", q->dev->slot, q->index, id);
    return false;
  }
  return true;
}

/* All of it: send the buffers and wait for them. */
bool virtq_request(struct virtq *q, const struct buffer *buffers, int n, uint32 *written)
{
  if (n > q->size) {
    printf("slot %u: queue %u: %u buffers in %u descriptors\n", q->dev->slot, q->index, n, q->size);
    return false;
  }
  virtq_add(q, buffers, n);
  virtq_notify(q);
  return virtq_wait(q) && virtq_pop_used(q, written);
}
