/* What must happen without Python: counting instructions block by block, stopping at an exact place, and finding the
   instruction that makes an access. No header of Unicorn is needed: its functions come as pointers.

   The engine calls vs_block before every translated block. It adds what the block before has executed and stops the
   engine, at a block's start, once the limit is reached. How many instructions a block has is counted from its bytes
   and remembered by address, size and address space. */

#include <stdint.h>
#include <string.h>

enum { M_MODE = 3, MEMO_BITS = 16, LOAD = 0x03, LOAD_FP = 0x07, STORE = 0x23, STORE_FP = 0x27, AMO = 0x2f };

struct memo { uint64_t address, space; uint32_t size, count; };

/* Python lays this out too (emu/native/__init__.py): keep both the same. */
struct state {
  volatile uint64_t limit;             /* stop at the first block that begins after so many instructions */
  uint64_t done;                       /* instructions of the blocks before the present one */
  uint64_t pending;                    /* instructions of the present block; 0: none is being executed */
  uint64_t block;                      /* its address */
  uint64_t last;                       /* the instruction of its last access, or 0 */
  uint64_t stopped;
  uint64_t inside;                     /* a callback of an access is running */
  uint64_t pc, begun;                  /* its instruction, and how many had begun with it */
  int (*stop)(void *);
  void *x;                             /* x0 to x31 */
  void *satp;
  uint32_t *priv;
  uint8_t *ram;
  uint64_t ram_base, ram_size, xlen;
  struct memo *memo;
};

static uint64_t word(const struct state *s, const void *at) {
  return s->xlen == 64 ? *(const uint64_t *)at : *(const uint32_t *)at;
}

static uint64_t reg(const struct state *s, unsigned n) {
  return s->xlen == 64 ? ((const uint64_t *)s->x)[n] : ((const uint32_t *)s->x)[n];
}

static uint8_t *ram_at(const struct state *s, uint64_t physical, unsigned size) {
  uint64_t offset = physical - s->ram_base;
  return physical >= s->ram_base && offset + size <= s->ram_size ? s->ram + offset : NULL;
}

/* The physical address of virtual `a` in the present mode (Sv32, Sv39, Sv48), or -1. */
static uint64_t translate(const struct state *s, uint64_t a) {
  if (*s->priv == M_MODE)
    return a;
  uint64_t satp = word(s, s->satp), table;
  int levels, bits, size;
  if (s->xlen == 32) {
    if (!(satp >> 31))
      return a;
    levels = 2, bits = 10, size = 4, table = (satp & 0x3fffff) << 12;
  } else {
    unsigned mode = satp >> 60;
    if (mode == 0)
      return a;
    if (mode < 8 || mode > 10)
      return -1;
    levels = mode - 5, bits = 9, size = 8, table = (satp & ((1ull << 44) - 1)) << 12;
  }
  while (levels-- > 0) {
    int shift = 12 + levels * bits;
    uint8_t *entry_at = ram_at(s, table + ((a >> shift) & ((1u << bits) - 1)) * size, size);
    if (!entry_at)
      return -1;
    uint64_t entry = 0, base;
    memcpy(&entry, entry_at, size);
    if (!(entry & 1))
      return -1;
    base = ((entry >> 10) & ((1ull << 44) - 1)) << 12;
    if (entry & 10) {
      uint64_t offset = (1ull << shift) - 1;
      return (base & ~offset) | (a & offset);
    }
    table = base;
  }
  return -1;
}

/* The instruction at virtual `a`, or 0 where it cannot be read (0 is never a valid instruction). */
static uint32_t fetch(const struct state *s, uint64_t a) {
  uint16_t low, high;
  uint8_t *at = ram_at(s, translate(s, a), 2);
  if (!at)
    return 0;
  memcpy(&low, at, 2);
  if ((low & 3) != 3)
    return low;
  at = ram_at(s, translate(s, a + 2), 2);
  if (!at)
    return 0;
  memcpy(&high, at, 2);
  return low | (uint32_t)high << 16;
}

static unsigned length(uint32_t insn) { return (insn & 3) == 3 ? 4 : 2; }

static uint64_t count(const struct state *s, uint64_t a, uint64_t end) {
  uint64_t n = 0;
  const uint8_t *page = NULL;
  uint64_t page_of = 1;
  while (a < end) {
    uint16_t low = 0;
    if ((a & ~0xfffull) != page_of) {
      page_of = a & ~0xfffull;
      page = ram_at(s, translate(s, page_of), 4096);
    }
    if (page)
      memcpy(&low, page + (a & 0xfff), 2);
    a += length(low);
    n++;
  }
  return n;
}

static uint64_t space(const struct state *s) { return *s->priv == M_MODE ? 0 : word(s, s->satp); }

static struct memo *memo_of(struct state *s, uint64_t address, uint64_t in) {
  return &s->memo[((address >> 1) ^ (address >> 15) ^ (in << 4)) & ((1 << MEMO_BITS) - 1)];
}

void vs_block(void *uc, uint64_t address, uint32_t size, struct state *s) {
  s->done += s->pending;
  if (s->done >= s->limit) {
    s->pending = 0;
    s->stopped = 1;
    s->stop(uc);
    return;
  }
  s->block = address;
  s->last = 0;
  uint64_t in = space(s);
  struct memo *m = memo_of(s, address, in);
  if (m->address != address || m->size != size || m->space != in)
    *m = (struct memo){ address, in, size, (uint32_t)count(s, address, address + size) };
  s->pending = m->count;
}

struct tb { uint64_t pc; uint16_t icount, size; }; /* the engine's uc_tb */

/* A new translation: what was remembered of a block that begins there may be about other code. */
void vs_translated(void *uc, const struct tb *tb, const struct tb *before, struct state *s) {
  (void)uc, (void)before;
  *memo_of(s, tb->pc, space(s)) = (struct memo){ tb->pc, space(s), tb->size, tb->icount };
}

/* The present block ends before `pc`. Returns how many instructions have been executed. */
uint64_t vs_break(struct state *s, uint64_t pc) {
  s->done += s->pending && pc >= s->block ? count(s, s->block, pc) : s->pending;
  s->pending = 0;
  return s->done;
}

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

/* Find the instruction of the present block that accesses `size` bytes at `physical` (and stores `value` there): sets
   pc and begun. Returns how many bytes it moves.

   Every access is seen, so it comes after the last one. Registers are as they are now: a load through the register
   that it overwrites (a pointer being followed) may seem to match though it was executed before. If what it loaded is
   used for a later access that matches too, it is that one. */
static unsigned find(struct state *s, uint64_t physical, unsigned size, int store, uint64_t value) {
  uint64_t mask = s->xlen == 64 ? ~0ull : 0xffffffffull, a = s->block;
  unsigned whole = 0, chased = 0; /* the register of a found load through itself */
  s->pc = s->block;
  s->begun = s->done + s->pending;
  for (uint64_t n = 0; n < s->pending; n++) {
    uint32_t i = fetch(s, a);
    struct access m;
    if (!i)
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
        s->begun = s->done + n + 1;
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
