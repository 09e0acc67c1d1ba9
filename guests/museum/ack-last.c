/* Museum: the interrupt is acknowledged at the end of its handler.

   Project:  mit-pdos/xv6-riscv, in 2020
   The bug:  wrote InterruptACK after it had looked at the used ring and woken who waited. A process on another hart
             sends the next request in between; its interrupt is acknowledged before anyone has seen it. (With one
             hart, the handler sends the next request itself.)
   Rules:    inv.ack-race (4.2.3.4), with --watch rings
   Source:   https://github.com/mit-pdos/xv6-riscv, commit aeaf610c671d
   Seen:     the disk, and all of xv6 behind it, stood still. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];
static int to_send = 2;

static void send(void)
{
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };

  virtq_add(&rng.requestq, &buffer, 1);
  virtq_notify(&rng.requestq);
  to_send--;
}

static void interrupt(void *device)
{
  struct virtio *d = device;
  struct virtq *q = &rng.requestq;
  uint32 why = REG(d, InterruptStatus), n;

  q->done = q->used.idx;
  if (q->done != q->popped && virtq_pop_used(q, &n) && to_send > 0)
    send();
  REG(d, InterruptACK) = why;                    /* the bug: it belongs before the look at used.idx */
}

static bool both(void *queue)
{
  return ((struct virtq *)queue)->popped == 2;
}

int main(void)
{
  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_use_interrupts(&rng.requestq);
  irq_handle(SLOT_IRQ(rng.dev.slot), interrupt, &rng.dev);

  send();
  wait_until(both, &rng.requestq, 0);
  printf("museum: both requests answered\n");
  return 0;
}
