/* Museum: nothing orders the ring before the bell.

   Project:  unikraft/unikraft, until 2019 (and mit-pdos/xv6-riscv, until 2020)
   The bug:  stored avail.idx and wrote QueueNotify with no barrier in between. Memory and device registers are
             ordered by a fence only: the bell may ring before the index can be seen.
   Rules:    inv.kick-barrier (2.7.13.4), with --watch rings
   Source:   https://github.com/unikraft/unikraft, commit 80859dbdc39e; https://github.com/mit-pdos/xv6-riscv, commit
             aeaf610c671d */
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
  REG(q->dev, QueueNotify) = q->index;           /* the bug: no fence(w, o) before it */
  if (!virtq_wait(q) || !virtq_pop_used(q, &n))
    return REQUEST_FAILED;
  printf("museum: %u bytes\n", n);
  return 0;
}
