/* The block driver (5.2): a request is a header, the data, and a byte where the device says how it went. */
#include "blk.h"

#define CAPACITY_LOW  0   /* offsets in the configuration (5.2.4) */
#define CAPACITY_HIGH 4

static struct {
  uint32 type;
  uint32 reserved;
  uint64 sector;
} header;
static volatile uint8 status;

/* 64 bits come in two reads; if the generation moves in between, they may not belong together (2.5.1). */
static void read_capacity(struct blk *b)
{
  uint32 generation, low, high;

  do {
    generation = REG(&b->dev, ConfigGeneration);
    low = CONFIG(&b->dev, uint32, CAPACITY_LOW);
    high = CONFIG(&b->dev, uint32, CAPACITY_HIGH);
  } while (generation != REG(&b->dev, ConfigGeneration));
  b->capacity = (uint64)high << 32 | low;
}

/* Set the device in b->dev up. */
bool blk_init(struct blk *b)
{
  if (!virtio_begin(&b->dev, BIT(VIRTIO_BLK_F_RO) | BIT(VIRTIO_BLK_F_FLUSH)))
    return false;
  if (!virtq_setup(&b->dev, &b->requestq, 0))
    return false;
  b->readonly = virtio_has(&b->dev, VIRTIO_BLK_F_RO);
  read_capacity(b);
  virtio_ready(&b->dev);
  return true;
}

/* One request. `n` bytes of data are written by the device, or read by it for BLK_OUT. */
static bool request(struct blk *b, uint32 type, uint64 sector, volatile void *data, uint32 n)
{
  bool writable = type != BLK_OUT;
  uint32 expected = 1 + (writable ? n : 0), written;
  struct buffer buffers[3] = { { &header, sizeof header, .writable = false } };
  int count = 1;

  header.type = type;
  header.reserved = 0;
  header.sector = sector;
  status = 0xff;
  if (n > 0)
    buffers[count++] = (struct buffer){ data, n, writable };
  buffers[count++] = (struct buffer){ &status, 1, .writable = true };

  if (!virtq_request(&b->requestq, buffers, count, &written))
    return false;
  if (b->dev.config_changed) {
    b->dev.config_changed = false;
    read_capacity(b);          /* the disk may have another size (5.2.6.1) */
  }
  if (written < expected || status != 0) {
    printf("blk: request %u at sector %llu: status %u, %u bytes written\n", type, sector, status, written);
    return false;
  }
  return true;
}

static bool transfer(struct blk *b, uint32 type, uint64 sector, volatile uint8 *data)
{
  if (sector >= b->capacity) {
    printf("blk: sector %llu of a disk of %llu\n", sector, b->capacity);
    return false;
  }
  return request(b, type, sector, data, SECTOR);
}

bool blk_read(struct blk *b, uint64 sector, volatile uint8 *data)
{
  return transfer(b, BLK_IN, sector, data);
}

bool blk_write(struct blk *b, uint64 sector, volatile uint8 *data)
{
  return transfer(b, BLK_OUT, sector, data);
}

/* Have what was written reach the disk. A device without FLUSH has no cache to empty. */
bool blk_flush(struct blk *b)
{
  return !virtio_has(&b->dev, VIRTIO_BLK_F_FLUSH) || request(b, BLK_FLUSH, 0, NULL, 0);
}

/* The serial number: 20 bytes of text, ended by a 0 if it is shorter. */
bool blk_serial(struct blk *b, volatile uint8 serial[20])
{
  return request(b, BLK_GET_ID, 0, serial, 20);
}
