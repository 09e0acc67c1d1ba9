/* Museum: VERSION_1 is never accepted.

   Project:  rcore-os/virtio-drivers, until 2025
   The bug:  accepted only the features that its drivers knew, and VERSION_1 was not among them. Without it a device
             has to be driven by the rules of VirtIO 0.9, and a modern one need not put up with that.
   Rules:    feat.accept-version-1 (6.1)
   Source:   https://github.com/rcore-os/virtio-drivers/pull/196, commit 97f598284ed6
   Seen:     QEMU looks over it. The hypervisor COQOS refused the device. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;
  uint64 supported = 0;                          /* the bug: no BIT(VIRTIO_F_VERSION_1) */

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_greet(d))
    return INIT_FAILED;
  d->features = virtio_offered(d) & supported;
  REG(d, DriverFeaturesSel) = 0;
  REG(d, DriverFeatures) = d->features;
  REG(d, DriverFeaturesSel) = 1;
  REG(d, DriverFeatures) = d->features >> 32;
  if (!virtio_agree(d) || !virtq_setup(d, &rng.requestq, 0))
    return INIT_FAILED;
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
