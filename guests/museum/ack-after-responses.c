/* Museum: responses are handled, requests are sent, and then the interrupt is acknowledged.

   Project:  au-ts/sddf, virtio block, until 2025
   The bug:  the handler took every response out of the used ring, sent what its client had for the disk, and wrote
             InterruptACK at its end. A request that was answered by then has no interrupt left.
   Rules:    inv.ack-race (4.2.3.4), with --watch rings
   Source:   https://github.com/au-ts/sddf/pull/429 */
#include "drivers/blk.h"

static struct blk disk;
static struct blk_request requests[3] = { { .sector = 0 }, { .sector = 1 }, { .sector = 2 } };
static volatile uint8 data[3][SECTOR];
static int sent, answered;

static void handle_requests(void)
{
  struct buffer buffers[3];
  int n;

  if (sent > answered || sent == 3)              /* one at a time */
    return;
  n = blk_buffers(&requests[sent], data[sent], SECTOR, buffers);
  virtq_add(&disk.requestq, buffers, n);
  virtq_notify(&disk.requestq);
  sent++;
}

static void handle_responses(void)
{
  uint32 n;

  while (disk.requestq.used.idx != disk.requestq.popped && virtq_pop_used(&disk.requestq, &n))
    answered++;
}

static void interrupt(void *device)
{
  struct virtio *d = device;
  uint32 why = REG(d, InterruptStatus);

  handle_responses();
  handle_requests();
  REG(d, InterruptACK) = why;                    /* the bug: it belongs before handle_responses() */
}

static bool all(void *nothing)
{
  (void)nothing;
  return answered == 3;
}

int main(void)
{
  virtio_need(&disk.dev, VIRTIO_ID_BLOCK);
  if (!blk_init(&disk))
    return INIT_FAILED;
  virtq_use_interrupts(&disk.requestq);
  irq_handle(SLOT_IRQ(disk.dev.slot), interrupt, &disk.dev);
  handle_requests();
  wait_until(all, NULL, 0);
  printf("museum: all requests answered\n");
  return 0;
}
