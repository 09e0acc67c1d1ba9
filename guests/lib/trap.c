/* Traps in M-mode: external interrupts through the PLIC, one timer through the CLINT, and the end for all else. */
#include "board.h"

#define PLIC_PRIORITY      ((volatile uint32 *)PLIC)                  /* one each source */
#define PLIC_ENABLE        (*(volatile uint32 *)(PLIC + 0x2000))     /* context 0: hart 0, M-mode */
#define PLIC_THRESHOLD     (*(volatile uint32 *)(PLIC + 0x200000))
#define PLIC_CLAIM         (*(volatile uint32 *)(PLIC + 0x200004))   /* read: claim, write: complete */
#define MTIMECMP           ((volatile uint32 *)(CLINT + 0x4000))
#define MTIME              ((volatile uint32 *)(CLINT + 0xbff8))

#define MSTATUS_MIE  (1 << 3)
#define MIE_TIMER    (1 << 7)
#define MIE_EXTERNAL (1 << 11)
#define INTERRUPT    (1ul << (__riscv_xlen - 1))

#define csr_read(csr) ({ unsigned long v_; asm volatile("csrr %0, " #csr : "=r"(v_) :: "memory"); v_; })
#define csr_set(csr, bits) asm volatile("csrs " #csr ", %0" :: "r"(bits) : "memory")
#define csr_clear(csr, bits) asm volatile("csrc " #csr ", %0" :: "r"(bits) : "memory")

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

/* From now on call handler(arg) for every interrupt of this source. */
void irq_enable(int irq, void (*handler)(void *), void *arg)
{
  sources[irq].handler = handler;
  sources[irq].arg = arg;
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
    asm volatile("wfi" ::: "memory");
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
