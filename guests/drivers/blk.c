/* The block driver (5.2): a request is a header, the data, and a byte where the device says how it went. */
#include "blk.h"

#define HEADER 16         /* bytes of a request that come before its data (5.2.6) */
#define CAPACITY_LOW  0   /* offsets in the configuration (5.2.4) */
#define CAPACITY_HIGH 4

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

/* Request r as buffers, of which there are as many as it says: header, data if there are any, status. */
int blk_buffers(struct blk_request *r, volatile void *data, uint32 n, struct buffer buffers[3])
{
  int count = 0;

  r->reserved = 0;
  r->status = 0xff;
  buffers[count++] = (struct buffer){ r, HEADER, .writable = false };
  if (n > 0)
    buffers[count++] = (struct buffer){ data, n, r->type != BLK_OUT };
  buffers[count++] = (struct buffer){ &r->status, 1, .writable = true };
  return count;
}

/* One request. `n` bytes of data are written by the device, or read by it for BLK_OUT. */
static bool request(struct blk *b, uint32 type, uint64 sector, volatile void *data, uint32 n)
{
  static struct blk_request r;
  uint32 expected = 1 + (type != BLK_OUT ? n : 0), written;
  struct buffer buffers[3];
  int count;

  r.type = type;
  r.sector = sector;
  count = blk_buffers(&r, data, n, buffers);
  if (!virtq_request(&b->requestq, buffers, count, &written))
    return false;
  if (b->dev.config_changed) {
    b->dev.config_changed = false;
    read_capacity(b);          /* the disk may have another size (5.2.6.1) */
  }
  if (written < expected || r.status != 0) {
    printf("blk: request %u at sector %llu: status %u, %u bytes written\n", type, sector, r.status, written);
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
