/* Museum: a queue is stopped, and its memory is taken away at once.

   Project:  rcore-os/virtio-drivers, until 2023
   The bug:  wrote 0 to QueueReady and did not wait until it reads 0; until then the device may use the rings.
   Rules:    mmio.queue-stop-readback (4.2.2.2)
   Source:   https://github.com/rcore-os/virtio-drivers/pull/69 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

static void unset(struct virtq *q)
{
  struct virtio *d = q->dev;

  REG(d, QueueSel) = q->index;
  REG(d, QueueReady) = 0;                        /* the bug: no look whether it is */
  REG(d, QueueDescLow) = 0;
  REG(d, QueueDescHigh) = 0;
  REG(d, QueueDriverLow) = 0;
  REG(d, QueueDriverHigh) = 0;
  REG(d, QueueDeviceLow) = 0;
  REG(d, QueueDeviceHigh) = 0;
}

int main(void)
{
  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  unset(&rng.requestq);
  memset(&rng.requestq, 0, sizeof rng.requestq);
  printf("museum: the queue is gone\n");
  return 0;
}
