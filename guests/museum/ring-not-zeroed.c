/* Museum: the rings begin with what was in the memory before.

   Project:  hermit-os/kernel, packed virtqueues, until 2024 (after it: here the queue is a split one)
   The bug:  did not zero the memory of its rings. (In a packed ring flags that are left over look like descriptors; a
             split ring survives it as long as the first words are right.)
   Rules:    inv.ring-zeroed (4.2.3.2)
   Source:   https://github.com/hermit-os/kernel, commit 97eda5892984 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;
  struct virtq *q = &rng.requestq;
  uint16 size;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_begin(d, 0))
    return INIT_FAILED;
  size = virtq_choose_size(d, 0);
  memset(q, 0xa5, sizeof *q);                    /* the bug: 0xa5 stands for whatever it was */
  q->avail.idx = q->used.flags = q->used.idx = q->popped = 0;
  q->avail.flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
  virtq_show(d, q, 0, size);
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
