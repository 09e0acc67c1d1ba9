/* Museum: the used ring begins with a flag that the device never set.

   Project:  hermit-os/kernel, packed virtqueues, until 2024 (after it: here the queue is a split one)
   The bug:  did not zero the memory of its rings. Here what was left over reads as NO_NOTIFY, so the driver believes
             that the device does not want to be kicked.
   Rules:    split.used-flags-init-zero (2.7.10.1)
   Source:   https://github.com/hermit-os/kernel, commit 97eda5892984 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint16 size;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_begin(d, 0))
    return INIT_FAILED;
  size = virtq_choose_size(d, 0);
  q->used.flags = VIRTQ_USED_F_NO_NOTIFY;        /* the bug: left over, and not cleared */
  virtq_show(d, q, 0, size);
  virtio_ready(d);

  virtq_use_interrupts(q);
  virtq_add(q, &buffer, 1);
  virtq_notify(q);                               /* which does not kick */
  virtq_sleep(q);
  printf("museum: it came back\n");
  return 0;
}
