/* The board, QEMU's `virt` as far as these guests need it, and the little that stands in for a C library. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>

typedef unsigned char uint8;
typedef unsigned short uint16;
typedef unsigned int uint32;
typedef unsigned long long uint64;
typedef unsigned long uintptr;    /* as wide as a register: 32 or 64 bits */

#define FINISHER    0x00100000
#define CLINT       0x02000000
#define PLIC        0x0c000000
#define UART        0x10000000
#define SLOTS       8
#define SLOT(i)     (0x10001000 + 0x1000 * (i))
#define SLOT_IRQ(i) (1 + (i))

#define TICKS_PER_SECOND 10000000

/* What a guest exits with; 0 is success. */
enum { NO_DEVICE = 1, INIT_FAILED = 2, REQUEST_FAILED = 3, MISMATCH = 4, TRAPPED = 5 };

/* Order the loads (r) and stores (w) of memory, and those of devices (i, o): fence(w, o). */
#define fence(before, after) asm volatile("fence " #before "," #after ::: "memory")

/* uart.c */
void putc(char c);
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_text(const volatile uint8 *bytes, int n);
_Noreturn void exit(int code);

/* trap.c */
uint64 mtime(void);
void irq_enable(int irq, void (*handler)(void *), void *arg);
bool wait_until(bool (*condition)(void *), void *arg, uint32 ticks);

/* string.c: the compiler calls these by itself */
void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);

#endif
