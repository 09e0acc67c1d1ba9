/* Museum: nobody looks whether the device agreed.

   Project:  asterinas/asterinas, until 2026
   The bug:  set FEATURES_OK and went on. A device that cannot live with the features takes the bit back, and that is
             all it can say.
   Rules:    init.reread-features-ok (3.1.1)
   Source:   https://github.com/asterinas/asterinas/pull/3465, commit c3864a759e3a */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_greet(d) || !virtio_choose_features(d, 0))
    return INIT_FAILED;
  REG(d, Status) |= VIRTIO_STATUS_FEATURES_OK;
  /* the bug: no if (!(REG(d, Status) & VIRTIO_STATUS_FEATURES_OK)) */
  if (!virtq_setup(d, &rng.requestq, 0))
    return INIT_FAILED;
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
