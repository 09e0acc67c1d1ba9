/* Museum: features are read and written without saying which.

   Project:  mit-pdos/xv6-riscv (seen in 2025)
   The bug:  reads DeviceFeatures and writes DriverFeatures, and relies on both selectors being 0. (It leaves
             VERSION_1, in the second word, out as well; this guest does not, so that one thing is wrong.)
   Rules:    mmio.devfeat-sel-first (4.2.2.2), mmio.drvfeat-sel-first (4.2.2.2)
   Source:   https://github.com/mit-pdos/xv6-riscv, kernel/virtio_disk.c */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;
  uint32 low, high;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_greet(d))
    return INIT_FAILED;
  low = REG(d, DeviceFeatures) & 0;              /* the bug: no REG(d, DeviceFeaturesSel) = 0 */
  REG(d, DeviceFeaturesSel) = 1;
  high = REG(d, DeviceFeatures) & (BIT(VIRTIO_F_VERSION_1) >> 32);

  REG(d, DriverFeatures) = low;                  /* the bug: no REG(d, DriverFeaturesSel) = 0 */
  REG(d, DriverFeaturesSel) = 1;
  REG(d, DriverFeatures) = high;
  if (!virtio_agree(d) || !virtq_setup(d, &rng.requestq, 0))
    return INIT_FAILED;
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
