/* Museum: a register that can only be written is read, changed and written back.

   Project:  zephyrproject-rtos/zephyr, virtio-mmio, until 2026
   The bug:  accepted features one by one with a read-modify-write of DriverFeatures. It reads as 0, so each bit takes
             the earlier bits of its word away: with a feature above 32 VERSION_1 is lost.
   Rules:    mmio.no-read-wo (4.2.2.2), feat.accept-version-1 (6.1)
   Source:   https://github.com/zephyrproject-rtos/zephyr/issues/115150 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

static void accept(struct virtio *d, int feature)
{
  REG(d, DriverFeaturesSel) = feature / 32;
  REG(d, DriverFeatures) |= 1u << feature % 32;  /* the bug: |= */
}

int main(void)
{
  struct virtio *d = &rng.dev;
  uint64 wanted = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_RESET);

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_greet(d))
    return INIT_FAILED;
  d->features = virtio_offered(d) & wanted;
  for (int feature = 0; feature < 64; feature++)
    if (virtio_has(d, feature))
      accept(d, feature);
  if (!virtio_agree(d) || !virtq_setup(d, &rng.requestq, 0))
    return INIT_FAILED;
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
