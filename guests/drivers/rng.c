/* The entropy driver (5.4): one queue, buffers that the device fills. */
#include "rng.h"

/* Set the device in r->dev up. */
bool rng_init(struct rng *r)
{
  if (!virtio_begin(&r->dev, 0) || !virtq_setup(&r->dev, &r->requestq, 0))
    return false;
  virtio_ready(&r->dev);
  return true;
}

/* Get random bytes: n at the most, at least one. Returns how many; 0 is an error. */
int rng_read(struct rng *r, volatile uint8 *bytes, uint32 n)
{
  struct buffer buffer = { bytes, n, .writable = true };
  uint32 written;

  if (!virtq_request(&r->requestq, &buffer, 1, &written))
    return 0;
  return written < n ? written : n;
}
