/* Museum: a driver gives the device up and does not say so.

   Project:  asterinas/asterinas, until 2026
   The bug:  returned an error from the middle of the initialization without FAILED in Status, so that the device
             waits for the rest.
   Rules:    init.failed-on-giveup (3.1.1), a SHOULD
   Source:   https://github.com/asterinas/asterinas/pull/3465, commit c3864a759e3a */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

#define CONTROL_QUEUE 7    /* which an entropy device does not have */

int main(void)
{
  struct virtio *d = &rng.dev;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_begin(d, 0) || !virtq_setup(d, &rng.requestq, 0))
    return INIT_FAILED;
  if (virtq_choose_size(d, CONTROL_QUEUE) == 0) {
    printf("museum: no queue %u, Status stays %x\n", CONTROL_QUEUE, REG(d, Status));
    return INIT_FAILED;                          /* the bug: no virtio_fail(d, ...) */
  }
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
