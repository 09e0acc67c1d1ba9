/* Traps in M-mode: external interrupts through the PLIC, one timer through the CLINT, and the end for all else. */
#include "board.h"

#define MTIMECMP           ((volatile uint32 *)(CLINT + 0x4000))
#define MTIME              ((volatile uint32 *)(CLINT + 0xbff8))

static struct {
  void (*handler)(void *);
  void *arg;
} sources[32];
static volatile bool timer_fired;

/* The time in ticks of 100 ns. In halves, so that rv32 reads it whole. */
uint64 mtime(void)
{
  uint32 high, low;

  do {
    high = MTIME[1];
    low = MTIME[0];
  } while (high != MTIME[1]);
  return (uint64)high << 32 | low;
}

static void set_timer(uint64 when)
{
  MTIMECMP[1] = 0xffffffff;   /* never, while the halves disagree */
  MTIMECMP[0] = when;
  MTIMECMP[1] = when >> 32;
}

/* Call handler(arg) for an interrupt of this source that gets through. */
void irq_handle(int irq, void (*handler)(void *), void *arg)
{
  sources[irq].handler = handler;
  sources[irq].arg = arg;
}

/* Let the interrupts of this source through, from the PLIC to the hart. */
void irq_enable(int irq)
{
  PLIC_PRIORITY[irq] = 1;
  PLIC_ENABLE |= 1 << irq;
  PLIC_THRESHOLD = 0;
  csr_set(mie, MIE_EXTERNAL);
  csr_set(mstatus, MSTATUS_MIE);
}

/* Sleep until the condition holds. False: it does not, and `ticks` have passed (0: wait for ever). */
bool wait_until(bool (*condition)(void *), void *arg, uint32 ticks)
{
  if (condition(arg))
    return true;

  /* With interrupts off nothing slips in between the look and the wfi; wfi wakes up all the same. */
  csr_clear(mstatus, MSTATUS_MIE);
  timer_fired = false;
  if (ticks) {
    set_timer(mtime() + ticks);
    csr_set(mie, MIE_TIMER);
  }
  while (!condition(arg) && !timer_fired) {
    wfi();
    csr_set(mstatus, MSTATUS_MIE);     /* the trap is taken here */
    csr_clear(mstatus, MSTATUS_MIE);
  }
  csr_clear(mie, MIE_TIMER);
  csr_set(mstatus, MSTATUS_MIE);
  return condition(arg);
}

__attribute__((interrupt("machine"), aligned(4))) void trap(void)
{
  unsigned long cause = csr_read(mcause);

  if (cause == (INTERRUPT | 11)) {
    uint32 irq = PLIC_CLAIM;
    if (irq > 0 && irq < 32 && sources[irq].handler)
      sources[irq].handler(sources[irq].arg);
    if (irq > 0)
      PLIC_CLAIM = irq;
  } else if (cause == (INTERRUPT | 7)) {
    csr_clear(mie, MIE_TIMER);
    timer_fired = true;
  } else {
    printf("trap: mcause %lx, mepc %lx, mtval %lx\n", csr_read(mcause), csr_read(mepc), csr_read(mtval));
    exit(TRAPPED);
  }
}
