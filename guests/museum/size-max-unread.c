/* Museum: the queue gets a size that happens to fit.

   Project:  au-ts/sddf, all virtio drivers, until 2026
   The bug:  never read QueueSizeMax. The number that it wrote fitted into most devices.
   Rules:    inv.queue-size-max-read (4.2.3.2)
   Source:   https://github.com/au-ts/sddf/pull/769 */
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
  virtq_enable(d, &rng.requestq, 0, QUEUE_SIZE);  /* the bug: without a look at QueueSizeMax */
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
