/* The console driver (5.3), port 0 alone. */
#include "lib/virtio.h"

struct console {
  struct virtio dev;
  struct virtq receiveq;
  struct virtq transmitq;
  uint16 cols, rows;    /* 0: the device does not say */
};

bool console_init(struct console *c);
bool console_emergency_write(struct console *c, char ch);
bool console_write(struct console *c, volatile const void *bytes, uint32 n);
void console_offer(struct console *c, volatile uint8 *bytes, uint32 n);
