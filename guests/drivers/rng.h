/* The entropy driver (5.4). */
#include "lib/virtio.h"

struct rng {
  struct virtio dev;
  struct virtq requestq;
};

bool rng_init(struct rng *r);
int rng_read(struct rng *r, volatile uint8 *bytes, uint32 n);
