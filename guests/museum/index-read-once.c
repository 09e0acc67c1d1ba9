/* Museum: used.idx is read once, and what was read is waited for to change.

   Project:  rcore-os/virtio-drivers, until 2024
   The bug:  can_pop() was a plain load of used.idx in a loop, which the compiler may take out of the loop. Here the
             program does itself what the compiler was free to do (and sleeps where the original spins).
   Rules:    none: the device sees the request, and answers it
   Source:   https://github.com/rcore-os/virtio-drivers/issues/125, commit a609ad8af436
   Seen:     #[inline(never)] or a log line in the loop made the hang go away. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint16 seen;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_add(q, &buffer, 1);
  seen = q->used.idx;                            /* the bug: it belongs into the loop */
  virtq_notify(q);
  while (seen == q->popped)
    wfi();
  printf("museum: it came back\n");
  return 0;
}
