/* Museum: the device refuses the queue, and the driver does not look.

   Project:  tock/tock, VirtIOInput (seen at commit 65608d717, August 2026)
   The bug:  gave its event queue three descriptors and did not read QueueReady back: the device has no queue, and the
             driver waits for keys. (An entropy device stands in for the keyboard.)
   Rules:    inv.split-qsize-pow2 (2.7), inv.notify-live-queue (4.2.3.3)
   Source:   https://github.com/tock/tock, chips/virtio/src/devices/virtio_input.rs
   Seen:     QEMU and semu accept the size; Firecracker and crosvm refuse the queue when it is activated. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_begin(d, 0) || virtq_choose_size(d, 0) < 3)
    return INIT_FAILED;
  virtq_enable(d, q, 0, 3);                      /* the bug, and no look at QueueReady afterwards */
  virtio_ready(d);
  virtq_use_interrupts(q);
  virtq_add(q, &buffer, 1);
  virtq_notify(q);
  virtq_sleep(q);
  printf("museum: it came back\n");
  return 0;
}
