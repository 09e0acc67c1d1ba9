/* The block driver (5.2). */
#include "lib/virtio.h"

#define SECTOR 512

/* Types of request (5.2.6). */
enum { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4, BLK_GET_ID = 8 };

/* What a request has beside its data (5.2.6). */
struct blk_request {
  uint32 type;
  uint32 reserved;
  uint64 sector;
  volatile uint8 status;
};

struct blk {
  struct virtio dev;
  struct virtq requestq;
  uint64 capacity;      /* sectors */
  bool readonly;
};

bool blk_init(struct blk *b);
int blk_buffers(struct blk_request *r, volatile void *data, uint32 n, struct buffer buffers[3]);
bool blk_read(struct blk *b, uint64 sector, volatile uint8 *data);
bool blk_write(struct blk *b, uint64 sector, volatile uint8 *data);
bool blk_flush(struct blk *b);
bool blk_serial(struct blk *b, volatile uint8 serial[20]);
