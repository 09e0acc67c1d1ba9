/* Museum: the device is taken over as somebody left it.

   Project:  apache/nuttx (2025)
   The bug:  the reset was taken out of the initialization on purpose ("can cause qemu to lock up"). A device that
             boot loader or firmware used keeps its queues, and writes into memory that has another owner now.
   Rules:    init.reset-first (3.1.1)
   Source:   https://github.com/apache/nuttx, commit fee69a20461b */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  /* the bug: no virtio_reset(d) */
  REG(d, Status) |= VIRTIO_STATUS_ACKNOWLEDGE;
  REG(d, Status) |= VIRTIO_STATUS_DRIVER;
  if (!virtio_choose_features(d, 0) || !virtio_agree(d) || !virtq_setup(d, &rng.requestq, 0))
    return INIT_FAILED;
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
