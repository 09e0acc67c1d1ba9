/* Museum: a request takes two descriptors and pays for one.

   Project:  asterinas/asterinas, virtio-blk, until 2026
   The bug:  counted one descriptor for a FLUSH, which has two (header and status). When the table is nearly full, the
             last request gets descriptors that are in use.
   Rules:    inv.head-not-outstanding (2.7.13.1); ring.no-alter-exposed (3.3.1), with --watch rings
   Source:   https://github.com/asterinas/asterinas, commit 5f6520d99cd7 */
#include "drivers/blk.h"

static struct blk disk;
static volatile uint8 data[2][SECTOR];
static struct blk_request requests[4] = {
  { .type = BLK_IN }, { .type = BLK_IN, .sector = 1 }, { .type = BLK_FLUSH }, { .type = BLK_FLUSH },
};
static int next_free, unused = QUEUE_SIZE;

/* Make a request available if there is room for it. Descriptors are handed out in turn. */
static bool add(struct virtq *q, struct blk_request *r, volatile uint8 *sector)
{
  struct buffer buffers[3];
  int n = blk_buffers(r, sector, sector ? SECTOR : 0, buffers);
  int cost = r->type == BLK_FLUSH ? 1 : n;       /* the bug: it is n, always */

  if (unused < cost)
    return false;
  virtq_fill(q, next_free, buffers, n);
  virtq_publish(q, next_free);
  next_free = (next_free + n) % q->size;
  unused -= cost;
  return true;
}

int main(void)
{
  struct virtq *q = &disk.requestq;
  int sent = 0, lost = 0;

  virtio_need(&disk.dev, VIRTIO_ID_BLOCK);
  if (!blk_init(&disk))
    return INIT_FAILED;
  for (int i = 0; i < 4; i++)
    sent += add(q, &requests[i], i < 2 ? data[i] : NULL);
  virtq_notify(q);
  if (!virtq_wait(q))
    return REQUEST_FAILED;

  for (int i = 0; i < sent; i++)
    lost += requests[i].status != 0;
  printf("museum: %u requests in %u descriptors, %u of them lost\n", sent, q->size, lost);
  return lost ? MISMATCH : 0;
}
