/* Setting up a VirtIO device behind MMIO: the eight steps of 3.1.1 and the queues of 4.2.3.2. */
#include "virtio.h"

#define RESET_READS 100000

/* Look through the slots for a device of this type. Says nothing of the empty ones (4.2.2.2). */
bool virtio_find(struct virtio *d, uint32 device_id)
{
  for (unsigned i = 0; i < SLOTS; i++) {
    d->base = SLOT(i);
    d->slot = i;
    if (REG(d, MagicValue) != VIRTIO_MAGIC || REG(d, Version) != VIRTIO_VERSION)
      continue;
    if (REG(d, DeviceID) == device_id)
      return true;
  }
  return false;
}

/* Look for it, and leave with NO_DEVICE if there is none. */
void virtio_need(struct virtio *d, uint32 device_id)
{
  if (virtio_find(d, device_id))
    return;
  printf("museum: no device of type %u in slots 0 to %u\n", device_id, SLOTS - 1);
  exit(NO_DEVICE);
}

/* Give the device up, and let it know (3.1.1). */
bool virtio_fail(struct virtio *d, const char *why)
{
  REG(d, Status) |= VIRTIO_STATUS_FAILED;
  printf("slot %u: %s\n", d->slot, why);
  return false;
}

/* Back to the state of power-on; the device is done when Status reads 0 (2.4.2). */
bool virtio_reset(struct virtio *d)
{
  d->queues = NULL;
  REG(d, Status) = 0;
  for (int i = 0; i < RESET_READS; i++)
    if (REG(d, Status) == 0)
      return true;
  printf("slot %u: the reset does not end\n", d->slot);
  return false;
}

/* Steps 1 to 3 of 3.1.1. */
bool virtio_greet(struct virtio *d)
{
  if (!virtio_reset(d))                                  /* 1 */
    return false;
  REG(d, Status) |= VIRTIO_STATUS_ACKNOWLEDGE;           /* 2: seen */
  REG(d, Status) |= VIRTIO_STATUS_DRIVER;                /* 3: and there is a driver for it */
  return true;
}

/* What the device offers, word by word (2.2, 4.2.2.2). */
uint64 virtio_offered(struct virtio *d)
{
  uint32 low, high;

  REG(d, DeviceFeaturesSel) = 0;
  low = REG(d, DeviceFeatures);
  REG(d, DeviceFeaturesSel) = 1;
  high = REG(d, DeviceFeatures);
  return (uint64)high << 32 | low;
}

/* Step 4: accept what is wanted of what is offered. */
bool virtio_choose_features(struct virtio *d, uint64 wanted)
{
  d->features = virtio_offered(d) & (wanted | BIT(VIRTIO_F_VERSION_1));
  if (!virtio_has(d, VIRTIO_F_VERSION_1))
    return virtio_fail(d, "the device does not offer VERSION_1");

  REG(d, DriverFeaturesSel) = 0;
  REG(d, DriverFeatures) = d->features;
  REG(d, DriverFeaturesSel) = 1;
  REG(d, DriverFeatures) = d->features >> 32;
  return true;
}

/* Steps 5 and 6. */
bool virtio_agree(struct virtio *d)
{
  REG(d, Status) |= VIRTIO_STATUS_FEATURES_OK;           /* 5 */
  if (!(REG(d, Status) & VIRTIO_STATUS_FEATURES_OK))     /* 6: does the device agree? */
    return virtio_fail(d, "the device refuses the features");
  return true;
}

/* Steps 1 to 6 of 3.1.1. */
bool virtio_begin(struct virtio *d, uint64 wanted)
{
  return virtio_greet(d) && virtio_choose_features(d, wanted) && virtio_agree(d);
}

/* The size for a queue: QUEUE_SIZE, or less if the device has less. 0: the queue cannot be had. */
uint16 virtq_choose_size(struct virtio *d, uint16 index)
{
  uint16 size = QUEUE_SIZE;
  uint32 max;

  REG(d, QueueSel) = index;
  if (REG(d, QueueReady) != 0)
    return 0;
  max = REG(d, QueueSizeMax);
  while (size > max)
    size /= 2;    /* it stays a power of 2 */
  return size;
}

/* Let the queue live that was selected to choose its size. Its memory is zero, and polling is the default, which can
   only be said without EVENT_IDX (2.7.7.1). */
void virtq_enable(struct virtio *d, struct virtq *q, uint16 index, uint16 size)
{
  memset(q, 0, sizeof *q);
  q->avail.flags = virtio_has(d, VIRTIO_F_EVENT_IDX) ? 0 : VIRTQ_AVAIL_F_NO_INTERRUPT;
  virtq_show(d, q, index, size);
}

/* Show the device where it is, as it is (4.2.3.2). */
void virtq_show(struct virtio *d, struct virtq *q, uint16 index, uint16 size)
{
  uint64 desc = (uintptr)q->desc, avail = (uintptr)&q->avail, used = (uintptr)&q->used;

  q->dev = d;
  q->index = index;
  q->size = size;
  q->next = d->queues;
  d->queues = q;
  fence(w, o);

  REG(d, QueueSize) = size;
  REG(d, QueueDescLow) = desc;
  REG(d, QueueDescHigh) = desc >> 32;
  REG(d, QueueDriverLow) = avail;
  REG(d, QueueDriverHigh) = avail >> 32;
  REG(d, QueueDeviceLow) = used;
  REG(d, QueueDeviceHigh) = used >> 32;
  REG(d, QueueReady) = 1;
}

/* Step 7 of 3.1.1, for one queue. */
bool virtq_setup(struct virtio *d, struct virtq *q, uint16 index)
{
  uint16 size = virtq_choose_size(d, index);

  if (size == 0)
    return virtio_fail(d, "a queue that the driver needs is not available");
  virtq_enable(d, q, index, size);
  return true;
}

/* Step 8 of 3.1.1: the device is live. */
void virtio_ready(struct virtio *d)
{
  REG(d, Status) |= VIRTIO_STATUS_DRIVER_OK;
}

/* The device's interrupt. What is acknowledged is acknowledged before the rings are looked at:
   a chain that comes back from then on interrupts again, so none is overlooked. */
void virtio_interrupt(void *device)
{
  struct virtio *d = device;
  uint32 why = REG(d, InterruptStatus) & (VIRTIO_INTERRUPT_USED_BUFFER | VIRTIO_INTERRUPT_CONFIG_CHANGE);

  if (why == 0)
    return;
  REG(d, InterruptACK) = why;
  fence(o, r);
  if (why & VIRTIO_INTERRUPT_USED_BUFFER)
    for (struct virtq *q = d->queues; q; q = q->next)
      q->done = q->used.idx;
  if (why & VIRTIO_INTERRUPT_CONFIG_CHANGE)
    d->config_changed = true;
}
