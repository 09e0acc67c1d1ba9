/* The ways in which the initialization of a device can fail, told apart as Tock's VirtIOInitializationError does.

   Initializes slot 0 as an entropy device with one queue and reports, on the UART,
     @@ERROR code=<decimal> a=<hex> b=<hex> status=<hex>
   where a and b are what the error carries, and status is what Status reads at the end. The tests run it
   against devices that go wrong in each way, and compare with what the driver in virtio/drivers says of the same. */
#include "lib/virtio.h"

#define RESET_READS 1000
#define REFUSED     0xffffffffffffffff   /* accepted features, when the driver itself refuses */
#define NOMEM       9                    /* what the first hook fails with, and */
#define BUSY        2                    /* the second: Tock's ErrorCode */

enum error {
  SUCCESS, NOT_A_VIRTIO_DEVICE, INVALID_VIRTIO_VERSION, INVALID_TRANSPORT_VERSION, UNKNOWN_DEVICE_TYPE,
  INCOMPATIBLE_DRIVER_DEVICE_TYPE, FEATURE_NEGOTIATION_FAILED, VIRTQUEUE_NOT_AVAILABLE,
  DRIVER_PRE_INITIALIZATION_ERROR, DRIVER_INITIALIZATION_ERROR, DEVICE_ERROR,
};

/* How the driver behaves. Whoever loads this guest may change it in memory before the start. */
enum { NORMAL, REFUSES_FEATURES, PRE_HOOK_FAILS, POST_HOOK_FAILS, WANTS_A_BLOCK_DEVICE };
__attribute__((section(".data"))) volatile uint32 driver_mode = NORMAL;

static struct virtio slot = { .base = SLOT(0) };
static struct virtq queue;
static struct {
  enum error code;
  uint64 a, b;
} result;

static void stop(enum error code, uint64 a, uint64 b)
{
  result.code = code;
  result.a = a;
  result.b = b;
}

/* The device has been told that a driver is there, so it is told that this one gives up (3.1.1). */
static void give_up(enum error code, uint64 a, uint64 b)
{
  REG(&slot, Status) |= VIRTIO_STATUS_FAILED;
  stop(code, a, b);
}

/* One more bit of Status; the device must not have broken down by now (2.1.2). */
static bool add_status(uint32 bit)
{
  uint32 status = REG(&slot, Status);

  if (status & VIRTIO_STATUS_DEVICE_NEEDS_RESET) {
    give_up(DEVICE_ERROR, 0, 0);
    return false;
  }
  REG(&slot, Status) = status | bit;
  return true;
}

static bool known(uint32 type)
{
  return (type >= 1 && type <= 13) || (type >= 16 && type <= 24);
}

static bool reset(void)
{
  REG(&slot, Status) = 0;
  for (int i = 0; i < RESET_READS; i++)
    if (REG(&slot, Status) == 0)
      return true;
  return false;
}

static void initialize(void)
{
  uint32 type, low, high, max;
  uint64 offered, accepted = BIT(VIRTIO_F_VERSION_1);
  uint16 size = QUEUE_SIZE;

  if (REG(&slot, MagicValue) != VIRTIO_MAGIC)
    return stop(NOT_A_VIRTIO_DEVICE, 0, 0);
  if (REG(&slot, Version) != VIRTIO_VERSION)
    return stop(INVALID_TRANSPORT_VERSION, 0, 0);
  type = REG(&slot, DeviceID);
  if (!known(type))
    return stop(UNKNOWN_DEVICE_TYPE, type, 0);
  if (type != (driver_mode == WANTS_A_BLOCK_DEVICE ? VIRTIO_ID_BLOCK : VIRTIO_ID_ENTROPY))
    return stop(INCOMPATIBLE_DRIVER_DEVICE_TYPE, type, 0);

  if (!reset())                                              /* 1 */
    return stop(DEVICE_ERROR, 0, 0);
  if (!add_status(VIRTIO_STATUS_ACKNOWLEDGE))                /* 2 */
    return;
  if (!add_status(VIRTIO_STATUS_DRIVER))                     /* 3 */
    return;

  REG(&slot, DeviceFeaturesSel) = 0;                         /* 4 */
  low = REG(&slot, DeviceFeatures);
  REG(&slot, DeviceFeaturesSel) = 1;
  high = REG(&slot, DeviceFeatures);
  offered = (uint64)high << 32 | low;
  if (!(offered & accepted))
    return give_up(INVALID_VIRTIO_VERSION, 0, 0);
  if (driver_mode == REFUSES_FEATURES)
    return give_up(FEATURE_NEGOTIATION_FAILED, offered, REFUSED);
  REG(&slot, DriverFeaturesSel) = 0;
  REG(&slot, DriverFeatures) = accepted;
  REG(&slot, DriverFeaturesSel) = 1;
  REG(&slot, DriverFeatures) = accepted >> 32;

  if (!add_status(VIRTIO_STATUS_FEATURES_OK))                /* 5 */
    return;
  if (!(REG(&slot, Status) & VIRTIO_STATUS_FEATURES_OK))     /* 6 */
    return give_up(FEATURE_NEGOTIATION_FAILED, offered, accepted);

  REG(&slot, QueueSel) = 0;                                  /* 7 */
  if (REG(&slot, QueueReady) != 0)
    return give_up(DEVICE_ERROR, 0, 0);
  max = REG(&slot, QueueSizeMax);
  if (max == 0)
    return give_up(VIRTQUEUE_NOT_AVAILABLE, 0, 0);
  while (size > max)
    size /= 2;
  virtq_enable(&slot, &queue, 0, size);

  if (driver_mode == PRE_HOOK_FAILS)
    return give_up(DRIVER_PRE_INITIALIZATION_ERROR, NOMEM, 0);
  if (!add_status(VIRTIO_STATUS_DRIVER_OK))                  /* 8 */
    return;
  if (driver_mode == POST_HOOK_FAILS)
    return stop(DRIVER_INITIALIZATION_ERROR, BUSY, type);    /* the device is live: FAILED is the driver's to set */
  stop(SUCCESS, 0, 0);
}

int main(void)
{
  initialize();
  printf("@@ERROR code=%u a=%llx b=%llx status=%x\n", result.code, result.a, result.b, REG(&slot, Status));
  return 0;
}
