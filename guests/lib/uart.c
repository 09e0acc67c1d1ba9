/* Talking to the outside: the 16550 UART, a small printf over it, and the way out. */
#include "board.h"
#include <stdarg.h>

#define THR 0             /* transmit holding register */
#define LSR 5             /* line status register */
#define LSR_TX_IDLE 0x20

void putc(char c)
{
  volatile uint8 *uart = (volatile uint8 *)UART;

  while ((uart[LSR] & LSR_TX_IDLE) == 0)
    ;
  uart[THR] = c;
}

static void print_hex(uint64 value, int width)
{
  uint32 half[2] = { value >> 32, value };   /* rv32 has no 64-bit shift by a variable */
  bool begun = false;

  for (int i = 15; i >= 0; i--) {
    int digit = half[i < 8] >> (i % 8 * 4) & 15;
    begun = begun || digit != 0 || i < width || i == 0;
    if (begun)
      putc("0123456789abcdef"[digit]);
  }
}

static void print_decimal(uint64 value)
{
  /* Digits by subtraction: rv32 has no 64-bit division. */
  static const uint64 powers[] = {
    10000000000000000000u, 1000000000000000000, 100000000000000000, 10000000000000000, 1000000000000000,
    100000000000000, 10000000000000, 1000000000000, 100000000000, 10000000000, 1000000000,
    100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1,
  };
  bool begun = false;

  for (int i = 0; i < 20; i++) {
    int digit = 0;
    for (; value >= powers[i]; value -= powers[i])
      digit++;
    begun = begun || digit != 0 || i == 19;
    if (begun)
      putc('0' + digit);
  }
}

/* Knows %s, %c, %u and %x, the numbers also as %lu, %llu, %lx, %llx, and a width as in %02x. */
void printf(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  for (; *format; format++) {
    if (*format != '%') {
      putc(*format);
      continue;
    }
    int longs = 0, width = 0;
    for (format++; *format >= '0' && *format <= '9'; format++)
      width = 10 * width + *format - '0';
    for (; *format == 'l'; format++)
      longs++;
    if (*format == 's') {
      for (const char *s = va_arg(args, const char *); *s; s++)
        putc(*s);
    } else if (*format == 'c') {
      putc(va_arg(args, int));
    } else {
      uint64 value = longs == 2 ? va_arg(args, unsigned long long)
                     : longs == 1 ? va_arg(args, unsigned long) : va_arg(args, unsigned);
      if (*format == 'x')
        print_hex(value, width);
      else
        print_decimal(value);
    }
  }
  va_end(args);
}

/* The first line of n bytes, as far as it is text. */
void print_text(const volatile uint8 *bytes, int n)
{
  for (int i = 0; i < n && bytes[i] >= ' ' && bytes[i] <= '~'; i++)
    putc(bytes[i]);
}

/* Leave the machine through the test finisher: 0 is success, any other code is handed on. */
void exit(int code)
{
  *(volatile uint32 *)FINISHER = code == 0 ? 0x5555 : (uint32)code << 16 | 0x3333;
  for (;;)
    asm volatile("wfi");
}
