/* A VirtIO device in an MMIO slot, and its split virtqueues. Numbers in brackets are sections of VirtIO 1.2 to 1.4. */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "virtio_regs.h"
#include "board.h"

#define QUEUE_SIZE 8                      /* descriptors; a power of 2 (2.7) */
#define BIT(n)     ((uint64)1 << (n))   /* features are counted in bits, and there are 64 */

/* A register of device d, as 32 bits; nothing else is allowed (4.2.2.2). */
#define REG(d, name) (*(volatile uint32 *)((d)->base + VIRTIO_MMIO_##name))
/* A field of the configuration of device d, in the field's own width (4.2.2.2). */
#define CONFIG(d, type, offset) (*(volatile type *)((d)->base + VIRTIO_MMIO_Config + (offset)))

struct virtio {
  uintptr base;
  unsigned slot;
  uint64 features;              /* negotiated */
  struct virtq *queues;           /* all that were set up */
  volatile bool config_changed;   /* set by the interrupt handler */
};

struct desc {
  uint64 addr;
  uint32 len;
  uint16 flags;
  uint16 next;
};

struct virtq {
  /* What the device sees (2.7.5, 2.7.6, 2.7.8). */
  struct desc desc[QUEUE_SIZE] __attribute__((aligned(16)));
  volatile struct {
    uint16 flags;
    uint16 idx;
    uint16 ring[QUEUE_SIZE];
    uint16 used_event;
  } avail __attribute__((aligned(2)));
  volatile struct {
    uint16 flags;
    uint16 idx;
    struct { uint32 id, len; } ring[QUEUE_SIZE];
    uint16 avail_event;
  } used __attribute__((aligned(4)));

  /* What the device does not see. */
  struct virtio *dev;
  struct virtq *next;
  uint16 index;
  uint16 size;
  uint16 popped;          /* chains taken from the used ring so far */
  volatile uint16 done;   /* used.idx when the interrupt handler last looked */
};

/* A piece of memory that the device reads, or writes if `writable`. */
struct buffer {
  volatile void *addr;
  uint32 len;
  bool writable;
};

/* Setting up, in this order: find, begin, virtq_setup for each queue, ready. False: printed, FAILED is set. */
bool virtio_find(struct virtio *d, uint32 device_id);
bool virtio_begin(struct virtio *d, uint64 wanted);
bool virtq_setup(struct virtio *d, struct virtq *q, uint16 index);
void virtio_ready(struct virtio *d);

/* The parts of the above, for guests that leave one out or do it in their own way. */
void virtio_need(struct virtio *d, uint32 device_id);
bool virtio_reset(struct virtio *d);
bool virtio_fail(struct virtio *d, const char *why);
bool virtio_greet(struct virtio *d);
uint64 virtio_offered(struct virtio *d);
bool virtio_choose_features(struct virtio *d, uint64 wanted);
bool virtio_agree(struct virtio *d);
uint16 virtq_choose_size(struct virtio *d, uint16 index);
void virtq_enable(struct virtio *d, struct virtq *q, uint16 index, uint16 size);
void virtq_show(struct virtio *d, struct virtq *q, uint16 index, uint16 size);

/* Using a queue: one chain at a time. */
void virtq_add(struct virtq *q, const struct buffer *buffers, int n);
void virtq_notify(struct virtq *q);
bool virtq_wait(struct virtq *q);
bool virtq_pop_used(struct virtq *q, uint32 *written);
bool virtq_request(struct virtq *q, const struct buffer *buffers, int n, uint32 *written);

/* The parts of them: n descriptors from `first` on, a place in the avail ring, the bell, a place in the used ring. */
void virtq_fill(struct virtq *q, uint16 first, const struct buffer *buffers, int n);
void virtq_publish(struct virtq *q, uint16 head);
void virtq_kick(struct virtq *q);
uint32 virtq_take(struct virtq *q, uint32 *written);
void virtq_sleep(struct virtq *q);
void virtq_ask_interrupts(struct virtq *q);

/* Polled is the default. */
void virtq_use_interrupts(struct virtq *q);
void virtio_interrupt(void *device);

static inline bool virtio_has(const struct virtio *d, int feature)
{
  return (d->features & BIT(feature)) != 0;
}

#endif
