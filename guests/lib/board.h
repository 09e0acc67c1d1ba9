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

/* The PLIC's registers for context 0, which is hart 0 in M-mode; a priority for each source. */
#define PLIC_PRIORITY  ((volatile uint32 *)PLIC)
#define PLIC_ENABLE    (*(volatile uint32 *)(PLIC + 0x2000))
#define PLIC_THRESHOLD (*(volatile uint32 *)(PLIC + 0x200000))
#define PLIC_CLAIM     (*(volatile uint32 *)(PLIC + 0x200004))   /* read: claim, write: complete */

#define MSTATUS_MIE  (1 << 3)
#define MIE_TIMER    (1 << 7)
#define MIE_EXTERNAL (1 << 11)
#define INTERRUPT    (1ul << (__riscv_xlen - 1))

#define csr_read(csr) ({ unsigned long v_; asm volatile("csrr %0, " #csr : "=r"(v_) :: "memory"); v_; })
#define csr_set(csr, bits) asm volatile("csrs " #csr ", %0" :: "r"(bits) : "memory")
#define csr_clear(csr, bits) asm volatile("csrc " #csr ", %0" :: "r"(bits) : "memory")
#define wfi() asm volatile("wfi" ::: "memory")

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
void irq_handle(int irq, void (*handler)(void *), void *arg);
void irq_enable(int irq);
bool wait_until(bool (*condition)(void *), void *arg, uint32 ticks);

/* string.c: the compiler calls these by itself */
void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);

#endif
