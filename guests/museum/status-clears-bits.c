/* Museum: every write to Status takes the earlier bits away.

   Project:  rcore-os/virtio-drivers, until 2022
   The bug:  wrote ACKNOWLEDGE, then DRIVER, then FEATURES_OK, then DRIVER_OK, each by itself instead of adding it to
             what was set. A bit once set is only ever cleared by a reset.
   Rules:    status.no-clear-bit (2.1.1)
   Source:   https://github.com/rcore-os/virtio-drivers/pull/24, commit 233cf1c1138b
   Seen:     crosvm refused the driver; QEMU, on which it had grown up, does not look. */
#include "drivers/rng.h"

static struct rng rng;

int main(void)
{
  struct virtio *d = &rng.dev;
  static volatile uint8 bytes[8];

  if (!virtio_find(d, VIRTIO_ID_ENTROPY)) {
    printf("museum: no entropy device in slots 0 to %u\n", SLOTS - 1);
    return NO_DEVICE;
  }
  if (!virtio_reset(d))
    return INIT_FAILED;
  REG(d, Status) = VIRTIO_STATUS_ACKNOWLEDGE;
  REG(d, Status) = VIRTIO_STATUS_DRIVER;         /* the bug: ACKNOWLEDGE is gone */
  if (!virtio_choose_features(d, 0))
    return INIT_FAILED;
  REG(d, Status) = VIRTIO_STATUS_FEATURES_OK;    /* the bug: DRIVER is gone */
  if (!(REG(d, Status) & VIRTIO_STATUS_FEATURES_OK)) {
    virtio_fail(d, "the device refuses the features");
    return INIT_FAILED;
  }
  if (!virtq_setup(d, &rng.requestq, 0))
    return INIT_FAILED;
  REG(d, Status) = VIRTIO_STATUS_DRIVER_OK;      /* the bug: FEATURES_OK is gone */

  printf("museum: Status is %x\n", REG(d, Status));
  if (rng_read(&rng, bytes, sizeof bytes) == 0)
    return REQUEST_FAILED;
  printf("museum: and yet the device answers\n");
  return 0;
}
