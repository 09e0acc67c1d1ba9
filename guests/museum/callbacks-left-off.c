/* Museum: the driver says that it wants no interrupts, and waits for one.

   Project:  OpenAMP/open-amp, rpmsg (2019)
   The bug:  the callbacks of the send queue were switched off for good when it was made: NO_INTERRUPT in avail.flags.
             The echo example waited for the answer that it had asked not to be told of.
   Rules:    none: a driver may do without interrupts
   Source:   https://github.com/OpenAMP/open-amp/issues/176 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_use_interrupts(q);
  q->avail.flags = VIRTQ_AVAIL_F_NO_INTERRUPT;   /* the bug: it stays set */
  virtq_add(q, &buffer, 1);
  virtq_notify(q);
  virtq_sleep(q);
  printf("museum: interrupted\n");
  return 0;
}
