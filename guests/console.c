/* Greets on a console, and echoes one line if somebody types one. */
#include "drivers/console.h"

#define POLLS 2000000

/* How long to wait for a line. 0: look for input so many times, and do without. 1: sleep until a line is there.
   Whoever loads this guest may change it in memory before the start. */
__attribute__((section(".data"))) volatile uint32 wait_for_line = 0;

static struct console console;
static uint8 line[128];
static uint32 length;

static bool arrived(void *queue)
{
  struct virtq *q = queue;
  return q->used.idx != q->popped;
}

/* Wait for the offered buffer to come back. */
static bool wait_for_input(void)
{
  if (wait_for_line)
    return wait_until(arrived, &console.receiveq, 0);
  for (int i = 0; i < POLLS; i++)
    if (arrived(&console.receiveq))
      return true;
  return false;
}

/* Collect input up to the end of a line. False: none came, or the device did wrong. */
static bool read_line(void)
{
  static volatile uint8 input[32];
  uint32 n;

  for (;;) {
    console_offer(&console, input, sizeof input);
    if (!wait_for_input() || !virtq_pop_used(&console.receiveq, &n))
      return false;
    for (uint32 i = 0; i < n && i < sizeof input; i++) {
      if (input[i] == '\n' || input[i] == '\r' || length == sizeof line)
        return true;
      line[length++] = input[i];
    }
  }
}

static bool say(const char *text)
{
  uint32 n = 0;

  while (text[n])
    n++;
  return console_write(&console, text, n);
}

int main(void)
{
  if (!virtio_find(&console.dev, VIRTIO_ID_CONSOLE)) {
    printf("console: no console in slots 0 to %u\n", SLOTS - 1);
    return NO_DEVICE;
  }
  if (!console_init(&console))
    return INIT_FAILED;
  printf("console: slot %u\n", console.dev.slot);
  if (virtio_has(&console.dev, VIRTIO_CONSOLE_F_SIZE))
    printf("console: %u x %u\n", console.cols, console.rows);
  if (console_emergency_write(&console, '!'))
    printf("console: emergency write\n");

  if (!say("Hello from the guest, by polling.\r\n"))
    return REQUEST_FAILED;
  virtq_use_interrupts(&console.transmitq);
  virtq_use_interrupts(&console.receiveq);
  if (!say("Hello from the guest, by interrupt. Type a line:\r\n"))
    return REQUEST_FAILED;

  if (read_line()) {
    printf("console: %u bytes of input\n", length);
    if (!say("You typed: ") || !console_write(&console, line, length) || !say("\r\n"))
      return REQUEST_FAILED;
  } else {
    printf("console: no input\n");
  }
  if (!virtio_reset(&console.dev))    /* takes the receive buffer back (3.3.1) */
    return REQUEST_FAILED;
  printf("console: ok\n");
  return 0;
}
