/* Museum: the first request is sent before the device is live.

   Project:  torvalds/linux, virtio_scsi; openbsd, vioscsi
   The bug:  used its queues before DRIVER_OK. A device may not look at a queue by then, and it need not remember the
             kick.
   Rules:    init.no-notify-before-driver-ok (3.1.1)
   Source:   https://github.com/torvalds/linux/commit/52c9cf1ac3d3; https://github.com/openbsd/src, commit
             cdd248411fe3
   Seen:     OpenBSD hung on Oracle's cloud. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_begin(d, 0) || !virtq_setup(d, q, 0))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  virtq_add(q, &buffer, 1);
  virtq_notify(q);                               /* the bug: it belongs after virtio_ready(d) */
  virtio_ready(d);
  virtq_sleep(q);
  printf("museum: it came back\n");
  return 0;
}
