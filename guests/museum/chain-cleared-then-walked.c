/* Museum: a descriptor is cleared, and then asked for the next one.

   Project:  mit-pdos/xv6-riscv, until 2020
   The bug:  freed a chain by clearing each descriptor and looking afterwards whether NEXT was set in it. It never
             was, so only the first descriptor of each chain came back into use. After a few requests this driver
             sleeps until a descriptor is free, which none will ever be.
   Rules:    none: what the driver keeps for itself is not the device's business
   Source:   https://github.com/mit-pdos/xv6-riscv, commit aeaf610c671d */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];
static bool used[QUEUE_SIZE];

/* Three descriptors, wherever they are; false if there are none. */
static bool take_three(int chain[3])
{
  int n = 0;

  for (int i = 0; i < QUEUE_SIZE && n < 3; i++)
    if (!used[i])
      chain[n++] = i;
  for (int i = 0; n == 3 && i < 3; i++)
    used[chain[i]] = true;
  return n == 3;
}

static void free_chain(struct virtq *q, int i)
{
  for (;;) {
    int next = q->desc[i].next;
    q->desc[i] = (struct desc){ 0 };
    used[i] = false;
    if (!(q->desc[i].flags & VIRTQ_DESC_F_NEXT))  /* the bug: it was cleared above */
      return;
    i = next;
  }
}

int main(void)
{
  struct virtq *q = &rng.requestq;
  uint32 n;

  virtio_need(&rng.dev, VIRTIO_ID_ENTROPY);
  if (!rng_init(&rng))
    return INIT_FAILED;
  for (int request = 1; request <= 10; request++) {
    int chain[3];
    while (!take_three(chain))
      wfi();
    for (int i = 0; i < 3; i++) {
      struct buffer buffer = { bytes + 4 * i, 4, .writable = true };
      virtq_fill(q, chain[i], &buffer, 1);
      q->desc[chain[i]].flags |= i < 2 ? VIRTQ_DESC_F_NEXT : 0;
      q->desc[chain[i]].next = i < 2 ? chain[i + 1] : 0;
    }
    virtq_publish(q, chain[0]);
    virtq_notify(q);
    if (!virtq_wait(q))
      return REQUEST_FAILED;
    free_chain(q, virtq_take(q, &n));
    printf("museum: request %u answered\n", request);
  }
  return 0;
}
