/* Museum: a second reset takes ACKNOWLEDGE away, and nobody sets it again.

   Project:  u-boot, until 2026
   The bug:  reset the device a second time on the way through the initialization and went on with DRIVER.
   Rules:    init.ack-before-driver (3.1.1)
   Source:   https://github.com/u-boot/u-boot, commit 30e1733297ac */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_reset(d))
    return INIT_FAILED;
  REG(d, Status) |= VIRTIO_STATUS_ACKNOWLEDGE;

  if (!virtio_reset(d))                          /* the bug: ACKNOWLEDGE is gone */
    return INIT_FAILED;
  REG(d, Status) |= VIRTIO_STATUS_DRIVER;
  if (!virtio_choose_features(d, 0) || !virtio_agree(d) || !virtq_setup(d, &rng.requestq, 0))
    return INIT_FAILED;
  virtio_ready(d);
  printf("museum: Status is %x, and %u bytes came\n", REG(d, Status), rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
