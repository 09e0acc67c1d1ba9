/* What the guest's addresses mean in its present mode (privileged 4.3 to 4.5), and what lies there. */

#include "helper.h"

LOCAL uint8_t *ram_at(const struct state *s, uint64_t physical, unsigned size) {
  uint64_t offset = physical - s->ram_base;
  return physical >= s->ram_base && offset + size <= s->ram_size ? s->ram + offset : NULL;
}

/* The physical address of virtual `a` in the present mode (Sv32, Sv39, Sv48, Sv57), UNMAPPED or OUTSIDE. */
LOCAL uint64_t translate(const struct state *s, uint64_t a) {
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
      return UNMAPPED;
    levels = mode - 5, bits = 9, size = 8, table = (satp & ((1ull << 44) - 1)) << 12;
    int64_t sign = (int64_t)a >> (11 + levels * bits);
    if (sign != 0 && sign != -1) /* all of these bits have to be the same */
      return UNMAPPED;
  }
  while (levels-- > 0) {
    int shift = 12 + levels * bits;
    uint8_t *entry_at = ram_at(s, table + ((a >> shift) & ((1u << bits) - 1)) * size, size);
    if (!entry_at)
      return OUTSIDE;
    uint64_t entry = 0, base;
    memcpy(&entry, entry_at, size);
    if (!(entry & 1))
      return UNMAPPED;
    base = ((entry >> 10) & ((1ull << 44) - 1)) << 12;
    if (entry & 10) {
      uint64_t offset = (1ull << shift) - 1;
      return (base & ~offset) | (a & offset);
    }
    table = base;
  }
  return UNMAPPED;
}

/* The instruction at virtual `a`, or 0 where it cannot be read (0 is never a valid instruction). */
LOCAL uint32_t fetch(const struct state *s, uint64_t a) {
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

/* How many instructions lie in [a, end). */
LOCAL uint64_t count(const struct state *s, uint64_t a, uint64_t end) {
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

/* For Python. */
uint32_t vs_fetch(const struct state *s, uint64_t pc) { return fetch(s, pc); }
