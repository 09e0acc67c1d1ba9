/* Museum: the used ring begins where the avail ring has not ended.

   Project:  OpenAMP/open-amp, until 2018
   The bug:  left used_event, the last two bytes of the avail ring, out when it computed where the used ring begins.
             The usual alignment of 4096 hid it; here the parts stand close together, and with
             EVENT_IDX used_event is used.flags.
   Rules:    inv.rings-disjoint (2.7)
   Source:   https://github.com/OpenAMP/open-amp/pull/131 */
#include "drivers/rng.h"

static struct rng rng;
static volatile uint8 bytes[16];

#define DESC  0
#define AVAIL (DESC + 16 * QUEUE_SIZE)
#define USED  ((AVAIL + 4 + 2 * QUEUE_SIZE + 3) & ~3)  /* the bug: 6 + 2 * QUEUE_SIZE */

static volatile uint8 memory[USED + 6 + 8 * QUEUE_SIZE] __attribute__((aligned(16)));
static volatile uint16 *const avail = (volatile uint16 *)(memory + AVAIL);
static volatile uint16 *const used = (volatile uint16 *)(memory + USED);

int main(void)
{
  struct virtio *d = &rng.dev;
  uint64 at = (uintptr)memory;

  virtio_need(d, VIRTIO_ID_ENTROPY);
  if (!virtio_begin(d, BIT(VIRTIO_F_EVENT_IDX)) || virtq_choose_size(d, 0) < QUEUE_SIZE)
    return INIT_FAILED;
  REG(d, QueueSize) = QUEUE_SIZE;
  REG(d, QueueDescLow) = at + DESC;
  REG(d, QueueDescHigh) = (at + DESC) >> 32;
  REG(d, QueueDriverLow) = at + AVAIL;
  REG(d, QueueDriverHigh) = (at + AVAIL) >> 32;
  REG(d, QueueDeviceLow) = at + USED;
  REG(d, QueueDeviceHigh) = (at + USED) >> 32;
  REG(d, QueueReady) = 1;
  virtio_ready(d);

  *(volatile struct desc *)(memory + DESC) = (struct desc){ (uintptr)bytes, sizeof bytes, VIRTQ_DESC_F_WRITE, 0 };
  avail[2] = 0;
  fence(w, w);
  avail[1] = 1;
  fence(w, o);
  REG(d, QueueNotify) = 0;
  while (used[1] == 0)
    ;
  printf("museum: one request answered; avail ring at %u, used ring at %u\n", AVAIL, USED);
  return 0;
}
