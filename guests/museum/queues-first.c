/* Museum: the queues are there before anyone has agreed on what they look like.

   Project:  hermit-os/kernel, virtio-net, until 2025
   The bug:  set up its virtqueues, and negotiated the features afterwards.
   Rules:    init.setup-before-driver-ok (3.1.1)
   Source:   https://github.com/hermit-os/kernel, commit 77637dd9a879 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtio *d = &rng.dev;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_greet(d))
    return INIT_FAILED;
  if (!virtq_setup(d, &rng.requestq, 0))         /* the bug: it belongs after virtio_agree(d) */
    return INIT_FAILED;
  if (!virtio_choose_features(d, 0) || !virtio_agree(d))
    return INIT_FAILED;
  virtio_ready(d);
  printf("museum: %u bytes\n", rng_read(&rng, bytes, sizeof bytes));
  return 0;
}
