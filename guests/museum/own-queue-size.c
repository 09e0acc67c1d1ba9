/* Museum: the queue gets the size that the driver likes.

   Project:  au-ts/sddf, all virtio drivers, until 2026
   The bug:  never read QueueSizeMax and wrote its own number, more than the device has.
   Rules:    mmio.queue-size-le-max (4.2.2.2), inv.queue-size-max-read (4.2.3.2)
   Source:   https://github.com/au-ts/sddf/pull/769, https://github.com/au-ts/libvmm/pull/391
   Seen:     QEMU took it until version 11.1, which refuses it for a good reason (CVE-2026-50626). (sDDF did not read
             QueueReady back; this guest does, so that one thing is wrong.) */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_begin(d, 0))
    return INIT_FAILED;
  REG(d, QueueSel) = 0;
  if (REG(d, QueueReady) != 0)
    return INIT_FAILED;
  /* the bug: no look at QueueSizeMax */
  virtq_enable(d, &rng.requestq, 0, 2048);
  if (REG(d, QueueReady) == 0) {
    virtio_fail(d, "the device refuses a queue of 2048 descriptors");
    return INIT_FAILED;
  }
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
