/* The console driver (5.3): a queue each way, and the little in the configuration. */
#include "console.h"

#define COLS       0   /* offsets in the configuration (5.3.4) */
#define ROWS       2
#define EMERG_WR   8

/* Columns and rows belong together: read again if the configuration changed in between (2.5.1). */
static void read_size(struct console *c)
{
  uint32 generation;

  do {
    generation = REG(&c->dev, ConfigGeneration);
    c->cols = CONFIG(&c->dev, uint16, COLS);
    c->rows = CONFIG(&c->dev, uint16, ROWS);
  } while (generation != REG(&c->dev, ConfigGeneration));
}

/* Set the device in c->dev up. */
bool console_init(struct console *c)
{
  if (!virtio_begin(&c->dev, BIT(VIRTIO_CONSOLE_F_SIZE) | BIT(VIRTIO_CONSOLE_F_EMERG_WRITE)))
    return false;
  if (!virtq_setup(&c->dev, &c->receiveq, 0) || !virtq_setup(&c->dev, &c->transmitq, 1))
    return false;
  if (virtio_has(&c->dev, VIRTIO_CONSOLE_F_SIZE))
    read_size(c);
  virtio_ready(&c->dev);
  return true;
}

/* One character without any queue, if the device can do that. */
bool console_emergency_write(struct console *c, char ch)
{
  if (!virtio_has(&c->dev, VIRTIO_CONSOLE_F_EMERG_WRITE))
    return false;
  CONFIG(&c->dev, uint32, EMERG_WR) = (uint8)ch;
  return true;
}

/* Write n bytes and wait until the device has taken them. */
bool console_write(struct console *c, volatile const void *bytes, uint32 n)
{
  struct buffer buffer = { (volatile void *)bytes, n, .writable = false };
  uint32 written;

  if (n == 0)
    return true;    /* a descriptor has at least one byte */
  return virtq_request(&c->transmitq, &buffer, 1, &written);
}

/* Give the device n bytes of room for input, and do not wait. */
void console_offer(struct console *c, volatile uint8 *bytes, uint32 n)
{
  struct buffer buffer = { bytes, n, .writable = true };

  virtq_add(&c->receiveq, &buffer, 1);
  virtq_notify(&c->receiveq);
}
