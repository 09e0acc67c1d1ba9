/* Reads entropy twice: polling, then sleeping until the interrupt. */
#include "drivers/rng.h"

static struct rng rng;

static bool show(const char *how)
{
  static volatile uint8 bytes[16];
  int n = rng_read(&rng, bytes, sizeof bytes);

  printf("rng: %u bytes %s:", n, how);
  for (int i = 0; i < n; i++)
    printf(" %02x", bytes[i]);
  printf("\n");
  return n > 0;
}

int main(void)
{
  if (!virtio_find(&rng.dev, VIRTIO_ID_ENTROPY)) {
    printf("rng: no entropy device in slots 0 to %u\n", SLOTS - 1);
    return NO_DEVICE;
  }
  if (!rng_init(&rng))
    return INIT_FAILED;
  printf("rng: slot %u, %u descriptors\n", rng.dev.slot, rng.requestq.size);

  if (!show("by polling"))
    return REQUEST_FAILED;
  virtq_use_interrupts(&rng.requestq);
  if (!show("by interrupt"))
    return REQUEST_FAILED;
  printf("rng: ok\n");
  return 0;
}
