/* What must happen without Python: counting instructions block by block, stopping at an exact place, finding the
   instruction that makes an access, and entering the common traps. No header of Unicorn is needed: its functions come
   as pointers, and the places of its state are found by emu/probe.py. */

#ifndef VIRTSCOPE_HELPER_H
#define VIRTSCOPE_HELPER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LOCAL __attribute__((visibility("hidden")))

enum { U_MODE = 0, S_MODE = 1, M_MODE = 3, AMO = 0x2f };

struct memo { uint64_t address, space; uint32_t size, count; };

/* The guest's time (emu/clock.py has the same words and says what they mean). */
struct clock { uint64_t kind, ahead, alarm, charge, last_look, start; };

/* Python lays this out too (emu/native/__init__.py): keep both the same. The first five are used by code that
   inline.c makes, by their offsets. */
struct state {
  volatile uint64_t limit;             /* the first block that begins after so many instructions stops the run */
  uint64_t total;                      /* instructions since reset, with those of the present block */
  uint64_t before;                     /* without them; the same as total: no block is being executed */
  uint64_t block;                      /* its address */
  void *(*at_limit)(struct state *);   /* does so, and returns the engine */
  uint64_t stopped;
  uint64_t fetch_fault;                /* total at the last page fault of a fetch */
  uint64_t last, last_total;           /* the instruction of the present block's last access; which block it was */
  uint64_t inside;                     /* a callback of an access is running */
  uint64_t pc, begun;                  /* its instruction, and how many had begun with it */
  int (*stop)(void *);
  void *uc;
  void (*exception)(uint64_t cause, uint64_t pc); /* Python's part */
  uint8_t *ram;
  uint64_t ram_base, ram_size, xlen;
  struct memo *memo;
  struct clock *clock;                 /* NULL: Python reads the time */
  uint64_t inlining;                   /* 0: not known yet, 1: code can be changed, 2: it cannot, or must not */
  uint64_t checking;                   /* the same for the checks after loads and stores */
  const uint8_t *check, *stub;         /* the engine's check, and the page with short ways to it */
  int64_t exit_word;                   /* what it looks at, from x */
  void *x;                             /* x0 to x31, at the beginning of the engine's own state; words of xlen bits: */
  void *core_pc, *satp, *mstatus, *medeleg, *stvec, *sepc, *scause, *stval, *badaddr, *reservation, *mcounteren,
      *scounteren;
  uint32_t *priv;
};

static inline uint64_t word(const struct state *s, const void *at) {
  return s->xlen == 64 ? *(const uint64_t *)at : *(const uint32_t *)at;
}

static inline void set_word(const struct state *s, void *at, uint64_t value) {
  if (s->xlen == 64)
    *(uint64_t *)at = value;
  else
    *(uint32_t *)at = (uint32_t)value;
}

static inline uint64_t reg(const struct state *s, unsigned n) {
  return s->xlen == 64 ? ((const uint64_t *)s->x)[n] : ((const uint32_t *)s->x)[n];
}

static inline unsigned length(uint32_t insn) { return (insn & 3) == 3 ? 4 : 2; }

enum { UNMAPPED = -1, OUTSIDE = -2 }; /* no page there; a table that is not in RAM */

LOCAL uint8_t *ram_at(const struct state *s, uint64_t physical, unsigned size);
LOCAL uint64_t translate(const struct state *s, uint64_t a);
LOCAL uint32_t fetch(const struct state *s, uint64_t a);
LOCAL uint64_t count(const struct state *s, uint64_t a, uint64_t end);
LOCAL const uint8_t *make_inline(struct state *s, uint8_t *back, uint64_t address, uint32_t size, uint32_t n);
LOCAL int has(const uint8_t *at, const char *bytes, size_t n);
LOCAL unsigned call(const uint8_t *at, const uint8_t **function);
enum { STUB_SIZE = 4096, LIMIT_STUB = 64 }; /* where in the page the way to at_limit is; the one to check comes first */

enum { RDI = 7 };

LOCAL uint8_t *move_before(uint8_t *end, unsigned reg, uint64_t value);
LOCAL int stubs_near(struct state *s, const uint8_t *near, const uint8_t *check);
LOCAL void shorten_checks(struct state *s, uint8_t *at, uint32_t n);
uint64_t vs_break(struct state *s, uint64_t pc);

#endif
