/* Which instruction makes an access, and the way into a device's callbacks: pc and the count are exact there, and the
   two halves that the engine makes of an 8-byte access are one again. */

#include "helper.h"

enum { LOAD = 0x03, LOAD_FP = 0x07, STORE = 0x23, STORE_FP = 0x27 };

enum { NOT_INTEGER = 32 };

struct access { unsigned base, rd, source, size, load, store; int64_t offset; };

static int64_t sign(uint64_t value, int bits) { return (int64_t)(value << (64 - bits)) >> (64 - bits); }

static int compressed(const struct state *s, uint32_t i, struct access *a) {
  unsigned quadrant = i & 3, f = i >> 13, wide = f == 1 || f == 5 || (s->xlen == 64 && (f == 3 || f == 7));
  if (quadrant == 1 || f == 0 || f == 4)
    return 0;
  a->size = wide ? 8 : 4;
  a->store = f >= 5;
  a->load = !a->store;
  int fp = f == 1 || f == 5 || (s->xlen == 32 && (f == 3 || f == 7));
  if (quadrant == 0) {
    a->base = 8 + (i >> 7 & 7);
    a->rd = fp || a->store ? NOT_INTEGER : 8 + (i >> 2 & 7);
    a->source = fp ? NOT_INTEGER : 8 + (i >> 2 & 7);
    a->offset = (i >> 10 & 7) << 3 | (wide ? (i >> 5 & 3) << 6 : (i >> 6 & 1) << 2 | (i >> 5 & 1) << 6);
    return 1;
  }
  a->base = 2;
  a->rd = fp || a->store ? NOT_INTEGER : i >> 7 & 31;
  a->source = fp ? NOT_INTEGER : i >> 2 & 31;
  if (a->store) {
    unsigned six = i >> 7 & 63;
    a->offset = wide ? (six >> 3) << 3 | (six & 7) << 6 : (six >> 2) << 2 | (six & 3) << 6;
  } else if (wide) {
    a->offset = (i >> 12 & 1) << 5 | (i >> 5 & 3) << 3 | (i >> 2 & 7) << 6;
  } else {
    a->offset = (i >> 12 & 1) << 5 | (i >> 4 & 7) << 2 | (i >> 2 & 3) << 6;
  }
  return 1;
}

static int memory_access(const struct state *s, uint32_t i, struct access *a) {
  memset(a, 0, sizeof *a);
  if ((i & 3) != 3)
    return compressed(s, i & 0xffff, a);
  unsigned opcode = i & 0x7f;
  a->base = i >> 15 & 31;
  a->rd = NOT_INTEGER;
  a->source = opcode == STORE_FP ? NOT_INTEGER : i >> 20 & 31;
  a->size = 1u << (i >> 12 & 3);
  switch (opcode) {
  case LOAD:
    a->rd = i >> 7 & 31;                                                     /* fall through */
  case LOAD_FP:
    a->load = 1, a->offset = sign(i >> 20, 12);
    return 1;
  case STORE: case STORE_FP:
    a->store = 1, a->offset = sign((i >> 25) << 5 | (i >> 7 & 31), 12);
    return 1;
  case AMO:
    a->rd = i >> 7 & 31;
    a->load = i >> 27 != 3, a->store = i >> 27 != 2;
    return 1;
  }
  return 0;
}

/* Whether the low `size` bytes at `half` of the register that a store writes are `value`. */
static int stores(const struct state *s, const struct access *a, uint64_t value, unsigned size, int half) {
  if (a->source == NOT_INTEGER)
    return 1;
  uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
  return ((reg(s, a->source) >> (half ? 32 : 0)) & mask) == (value & mask);
}

/* Whether instruction `i` overwrites register `r` without having read it: what was in it before is of no more use. */
static int renews(uint32_t i, unsigned r) {
  unsigned rd = i >> 7 & 31, rs1 = i >> 15 & 31, rs2 = i >> 20 & 31, f = i >> 13 & 7;
  switch (i & 3) {
  case 0: /* C.LW, C.LD, of the registers 8 to 15 */
    return (f == 2 || f == 3) && 8 + (i >> 2 & 7) == r && 8 + (i >> 7 & 7) != r;
  case 1: /* C.LI, C.LUI */
    return (f == 2 || (f == 3 && rd != 2)) && rd == r;
  case 2: /* C.LWSP, C.LDSP, C.MV */
    rs2 = i >> 2 & 31;
    return rd == r && (((f == 2 || f == 3) && r != 2) || (f == 4 && !(i >> 12 & 1) && rs2 && rs2 != r));
  }
  if (rd != r)
    return 0;
  switch (i & 0x7f) {
  case 0x17: case 0x37: /* AUIPC, LUI */
    return 1;
  case 0x03: case 0x13: case 0x1b: /* loads, and operations with an immediate */
    return rs1 != r;
  case 0x33: case 0x3b:
    return rs1 != r && rs2 != r;
  }
  return 0;
}

/* Find the instruction of the present block that accesses `size` bytes at `physical` (and stores `value` there): sets
   pc and begun. Returns how many bytes it moves.

   Every access is seen, so it comes after the last one. Registers are as they are now: a load through the register
   that it overwrites (a pointer being followed) may seem to match though it was executed before. If what it loaded is
   used for a later access that matches too, it is that one; not if the register has got another value between. */
static unsigned find(struct state *s, uint64_t physical, unsigned size, int store, uint64_t value) {
  uint64_t mask = s->xlen == 64 ? ~0ull : 0xffffffffull, a = s->block;
  unsigned whole = 0, chased = 0; /* the register of a found load through itself */
  if (s->last_total != s->total) /* another block, or the same one again */
    s->last_total = s->total, s->last = 0;
  s->pc = s->block;
  s->begun = s->total;
  for (uint64_t n = 0; n < s->total - s->before; n++) {
    uint32_t i = fetch(s, a);
    struct access m;
    if (!i || (chased && renews(i, chased)))
      break;
    if (a >= s->last && memory_access(s, i, &m) && (store ? m.store : m.load)) {
      uint64_t at = translate(s, (reg(s, m.base) + m.offset) & mask);
      int half = m.size == 8 && size == 4 && at + 4 == physical;
      int again = half || (m.load && m.store && store); /* the second half, or the store of an AMO */
      int fits = half || (at == physical && (m.size == size || (m.size == 8 && size == 4)));
      fits &= !chased || m.base == chased;
      if (fits && (a > s->last || again) && (!store || m.load || stores(s, &m, value, size, half))) {
        whole = m.size;
        s->pc = s->last = a;
        s->begun = s->before + n + 1;
        if (!m.load || m.rd != m.base)
          break;
        chased = m.base;
      }
    }
    a += length(i);
  }
  return whole;
}

/* A device's registers at physical `base`. `pairs`: the two calls that the engine makes of an 8-byte access, low half
   first, become one again. */
struct region {
  struct state *s;
  uint64_t base, pairs, expected, half;
  uint64_t (*load)(void *uc, uint64_t offset, unsigned size, void *data);
  void (*store)(void *uc, uint64_t offset, unsigned size, uint64_t value, void *data);
};

uint64_t vs_load(void *uc, uint64_t offset, unsigned size, struct region *r) {
  struct state *s = r->s;
  if (r->expected == offset && size == 4) {
    r->expected = -1;
    return r->half;
  }
  int whole = find(s, r->base + offset, size, 0, 0) == 8 && r->pairs && size == 4 && !(offset & 7);
  s->inside = 1;
  uint64_t value = r->load(uc, offset, whole ? 8 : size, NULL);
  s->inside = 0;
  r->expected = whole ? offset + 4 : (uint64_t)-1;
  r->half = value >> 32;
  return whole ? value & 0xffffffff : value;
}

void vs_store(void *uc, uint64_t offset, unsigned size, uint64_t value, struct region *r) {
  struct state *s = r->s;
  int second = r->expected == offset && size == 4;
  r->expected = -1;
  if (second) {
    offset -= 4, size = 8, value = value << 32 | r->half;
  } else if (find(s, r->base + offset, size, 1, value) == 8 && r->pairs && size == 4 && !(offset & 7)) {
    r->expected = offset + 4, r->half = value & 0xffffffff;
    return;
  }
  s->inside = 1;
  r->store(uc, offset, size, value, NULL);
  s->inside = 0;
}
