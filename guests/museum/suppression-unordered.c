/* Museum: the device's wish not to be kicked is read too early.

   Project:  hermit-os/kernel, until 2026
   The bug:  nothing ordered the store of avail.idx before the load of used.flags (in a packed ring, of the device's
             event structure). The processor may load first: driver and device then each miss what the other has just
             said.
   Rules:    split.barrier-before-suppress-read (2.7.13.4.1), with --watch rings
   Source:   https://github.com/hermit-os/kernel/pull/2669, commit 7184aa0d94fa
   Seen:     on processors with weak memory order, and a device that polls, both waited for ever. */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

int main(void)
{
  struct virtq *q = &rng.requestq;
  struct buffer buffer = { bytes, sizeof bytes, .writable = true };
  uint32 n;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  virtq_add(q, &buffer, 1);
  if (!(q->used.flags & VIRTQ_USED_F_NO_NOTIFY))   /* the bug: no fence(rw, rw) before it */
    virtq_kick(q);
  if (!virtq_wait(q) || !virtq_pop_used(q, &n))
    return REQUEST_FAILED;
  printf("museum: %u bytes\n", n);
  return 0;
}
