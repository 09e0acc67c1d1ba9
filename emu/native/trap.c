/* Exceptions that need no Python: calls and page faults that S mode handles, and looks at the time. Everything else, and
   whatever is not plain about these, goes to emu/exceptions.py, which does them all where there is no helper. */

#include "helper.h"

#include <time.h>

enum { ILLEGAL = 2, ECALL = 8, FETCH_FAULT = 12, LOAD_FAULT = 13, STORE_FAULT = 15 };
enum { SIE = 1 << 1, SPIE = 1 << 5, SPP = 1 << 8, TM = 2 };
enum { WALL = 1, VIRTUAL = 2, SPIN = 256, INSTRUCTIONS_PER_TICK = 10 };
#define RDTIME 0xc0102073u /* csrrs rd, time, x0 */
#define RDTIMEH 0xc8102073u

static int delegated(const struct state *s, uint64_t cause) {
  return *s->priv <= S_MODE && word(s, s->medeleg) >> cause & 1;
}

/* Trap entry in S mode (privileged 4.1.1); `enter` of emu/traps.py. */
static int enter(struct state *s, uint64_t cause, uint64_t pc, uint64_t tval) {
  uint64_t status = word(s, s->mstatus), sie = status & SIE;
  status = (status & ~(uint64_t)(SIE | SPIE | SPP)) | sie << 4 | (*s->priv & 1) << 8;
  set_word(s, s->sepc, pc), set_word(s, s->scause, cause), set_word(s, s->stval, tval);
  set_word(s, s->core_pc, word(s, s->stvec) & ~3ull);
  set_word(s, s->mstatus, status);
  set_word(s, s->reservation, ~0ull);
  *s->priv = S_MODE;
  return 1;
}

static int page_fault(struct state *s, uint64_t cause, uint64_t pc) {
  uint64_t address = word(s, s->badaddr);
  if (cause == LOAD_FAULT) {
    uint32_t insn = fetch(s, pc);
    if ((insn & 0x7f) == AMO && insn >> 27 != 2) /* the core takes an AMO for a load where it cannot read */
      cause = STORE_FAULT;
  }
  if (!delegated(s, cause) || translate(s, address) == (uint64_t)OUTSIDE)
    return 0;
  return enter(s, cause, pc, address);
}

/* mtime, unless Python has to hear of this look: the alarm is due, or the guest spins. */
static int read_time(struct state *s, uint64_t *ticks) {
  struct clock *c = s->clock;
  struct timespec now;
  if (!c)
    return 0;
  if (c->kind == WALL) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    *ticks = ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - c->start) / 100 + c->ahead;
    return *ticks < c->alarm;
  }
  if (c->kind != VIRTUAL || s->total - c->last_look < SPIN)
    return 0;
  c->charge = 1;
  c->last_look = s->total;
  *ticks = s->total / INSTRUCTIONS_PER_TICK + c->ahead;
  return 1;
}

static int time_csr(struct state *s, uint64_t pc) {
  uint32_t insn = fetch(s, pc), rd = insn >> 7 & 31, what = insn & ~(31u << 7);
  uint64_t ticks;
  if (what != RDTIME && (what != RDTIMEH || s->xlen == 64))
    return 0;
  if (*s->priv < M_MODE && !(word(s, s->mcounteren) & TM))
    return 0;
  if (*s->priv < S_MODE && !(word(s, s->scounteren) & TM))
    return 0;
  if (!read_time(s, &ticks))
    return 0;
  if (what == RDTIMEH)
    ticks >>= 32;
  if (rd)
    set_word(s, (char *)s->x + rd * (s->xlen / 8), ticks);
  set_word(s, s->core_pc, pc + 4);
  return 1;
}

void vs_exception(void *uc, uint32_t cause, struct state *s) {
  (void)uc;
  uint64_t mask = s->xlen == 64 ? ~0ull : 0xffffffffull;
  uint64_t pc = (word(s, s->core_pc) - 4) & mask; /* four bytes behind it, whatever its length */
  if (cause == FETCH_FAULT) {
    if (s->total == s->fetch_fault)
      s->total++; /* a handler that cannot be fetched either: time goes on, and the run can be stopped */
    s->before = s->fetch_fault = s->total; /* there was nothing to execute */
  } else {
    vs_break(s, pc);
    s->before = ++s->total; /* it was begun, and the rest of its block is not executed */
  }
  int done = 0;
  switch (cause) {
  case ILLEGAL:
    done = time_csr(s, pc);
    break;
  case ECALL:
    done = *s->priv == U_MODE && delegated(s, ECALL) && enter(s, ECALL, pc, 0);
    break;
  case FETCH_FAULT: case LOAD_FAULT: case STORE_FAULT:
    done = page_fault(s, cause, pc);
    break;
  }
  if (!done)
    s->exception(cause, pc);
  if (cause == FETCH_FAULT && s->total >= s->limit) {
    s->stopped = 1;
    s->stop(s->uc);
  }
}
