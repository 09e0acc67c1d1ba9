/* Counts a block in the block's own code. The engine (x86-64) begins each translated block with two calls:

     mov reg, pc(%rbp)                    the address of the block into its state (or an immediate in place of reg)
     mov $uc, %rdi; mov $address, %rsi; mov $size, %edx; mov $state, %rcx; call vs_block
     mov $uc, %rdi; xor %esi, %esi; call helper_check_exit_request

   (call offset, or call *offset(%rip) where the function is too far away.) They are overwritten, from the first move to
   %rdi, by a comparison and an addition, with one short call for the case that the limit is reached. A block that does
   not look like this to the byte keeps its calls. */

#define _GNU_SOURCE
#include "helper.h"

#include <unistd.h>

#if defined(__x86_64__) && defined(__linux__)

enum { RCX = 1, RSI = 6, LIMIT = 0, TOTAL = 8, BEFORE = 16, BLOCK = 24, AT_LIMIT = 32 };
_Static_assert(offsetof(struct state, limit) == LIMIT && offsetof(struct state, total) == TOTAL &&
               offsetof(struct state, before) == BEFORE && offsetof(struct state, block) == BLOCK &&
               offsetof(struct state, at_limit) == AT_LIMIT, "the offsets in the code that is made");

LOCAL int has(const uint8_t *at, const char *bytes, size_t n) { return memcmp(at, bytes, n) == 0; }

static int has64(const uint8_t *at, uint64_t value) { return memcmp(at, &value, 8) == 0; }

static int has32(const uint8_t *at, uint32_t value) { return memcmp(at, &value, 4) == 0; }

/* Whether memory at `at` can be written: the kernel tries it, with the byte that is there. */
static int writable(uint8_t *at) {
  int ends[2];
  if (pipe(ends))
    return 0;
  int done = write(ends[1], at, 1) == 1 && read(ends[0], at, 1) == 1;
  close(ends[0]), close(ends[1]);
  return done;
}

/* How many bytes the engine's move of `value` to `reg` takes that begins at `at`; 0 if something else is there. */
static unsigned move(const uint8_t *at, unsigned reg, uint64_t value) {
  if (at[0] == (0xb8 | reg) && has32(at + 1, (uint32_t)value))
    return value <= UINT32_MAX ? 5 : 0;
  if (at[0] != 0x48)
    return 0;
  if (at[1] == 0xc7 && at[2] == (0xc0 | reg) && has32(at + 3, (uint32_t)value))
    return (uint64_t)(int64_t)(int32_t)value == value ? 7 : 0;
  if (at[1] == 0x8d && at[2] == (0x05 | reg << 3)) /* lea offset(%rip), reg */
    return has32(at + 3, (uint32_t)(value - (uint64_t)(at + 7))) ? 7 : 0;
  return at[1] == (0xb8 | reg) && has64(at + 2, value) ? 10 : 0;
}

/* Where that move begins if it ends at `end`, or NULL. */
LOCAL uint8_t *move_before(uint8_t *end, unsigned reg, uint64_t value) {
  static const unsigned char lengths[] = { 10, 7, 5 };
  for (unsigned i = 0; i < sizeof lengths; i++)
    if (move(end - lengths[i], reg, value) == lengths[i])
      return end - lengths[i];
  return NULL;
}

/* Code that stores what the instruction before `at` stores as pc into the state's `block`; 0 if it is another one. */
static unsigned store_block(const struct state *s, const uint8_t *at, uint64_t address, uint8_t *code) {
  uint32_t pc = (uint32_t)((uint8_t *)s->core_pc - (uint8_t *)s->x);
  if (has(at - 11, "\x48\xc7\x85", 3) && has32(at - 8, pc) && has32(at - 4, (uint32_t)address)) {
    memcpy(code, "\x48\xc7\x47\x18", 4);
    memcpy(code + 4, at - 4, 4);
    return 8;
  }
  if (s->xlen == 32 && has(at - 10, "\xc7\x85", 2) && has32(at - 8, pc) && has32(at - 4, (uint32_t)address)) {
    memcpy(code, "\xc7\x47\x18", 3);
    memcpy(code + 3, at - 4, 4);
    return 7;
  }
  if (!has32(at - 4, pc) || (at[-5] & 0xc7) != 0x85 || at[-6] != 0x89)
    return 0;
  unsigned reg = at[-5] >> 3 & 7, rex = at[-7];
  if (s->xlen == 64 ? (rex & 0xfb) != 0x48 : rex != 0x44 && (rex & 0xf0) == 0x40)
    return 0;
  code[0] = 0x48 | ((rex & 0xf0) == 0x40 ? rex & 4 : 0);
  code[1] = 0x89, code[2] = (uint8_t)(0x47 | reg << 3), code[3] = BLOCK;
  return 4;
}

/* How many bytes the call takes that begins at `at`, and whom it calls; 0 if there is none. */
LOCAL unsigned call(const uint8_t *at, const uint8_t **function) {
  int32_t offset;
  if (at[0] == 0xe8) {
    memcpy(&offset, at + 1, 4);
    *function = at + 5 + offset;
    return 5;
  }
  if (!has(at, "\xff\x15", 2))
    return 0;
  memcpy(&offset, at + 2, 4);
  memcpy(function, at + 6 + offset, 8);
  return 6;
}

/* Where in the code the calls begin (`back` is behind the first), or NULL. */
static uint8_t *calls(const struct state *s, uint8_t *back, uint64_t address, uint32_t size) {
  const uint8_t *function;
  uint8_t *at = back - (back[-5] == 0xe8 ? 5 : 6);
  if (!call(at, &function) || !(at = move_before(at, RCX, (uint64_t)s)) || at[-5] != 0xba || !has32(at - 4, size))
    return NULL;
  at = move_before(at - 5, RSI, address);
  return at ? move_before(at, RDI, (uint64_t)s->uc) : NULL;
}

/* Puts the count into the block that called vs_block; `back` is behind that call. Returns where to go on. */
LOCAL const uint8_t *make_inline(struct state *s, uint8_t *back, uint64_t address, uint32_t size, uint32_t n) {
  uint8_t code[64], *to = code, *at = calls(s, back, address, size);
  unsigned engine = move(back, RDI, (uint64_t)s->uc), last;
  const uint8_t *check;
  if (!at || !engine || !has(back + engine, "\x33\xf6", 2) || !(last = call(back + engine + 2, &check)))
    return back;
  uint8_t *end = back + engine + 2 + last;
  unsigned room = (unsigned)(end - at);
  if (s->inlining == 0)
    s->inlining = writable(at) && stubs_near(s, at, check) ? 1 : 2;
  if (s->inlining == 2 || !stubs_near(s, at, check))
    return back;
  int64_t near = (int64_t)((uint64_t)s - (uint64_t)(at + 7));
  if (near == (int32_t)near) {                                               /* lea state, %rdi */
    int32_t offset = (int32_t)near;
    memcpy(to, "\x48\x8d\x3d", 3), memcpy(to + 3, &offset, 4), to += 7;
  } else {
    uint64_t state = (uint64_t)s;
    memcpy(to, "\x48\xbf", 2), memcpy(to + 2, &state, 8), to += 10;
  }
  memcpy(to, "\x48\x8b\x4f\x08\x48\x3b\x0f\x73", 8), to += 9;              /* total >= limit: jump to slow */
  uint8_t *jump = to;
  memcpy(to, "\x48\x89\x4f\x10\x48", 5), to += 5;                           /* before = total; total += n */
  if (n < 128)
    memcpy(to, "\x83\x47\x08", 3), to[3] = (uint8_t)n, to += 4;
  else
    memcpy(to, "\x81\x47\x08", 3), memcpy(to + 3, &n, 4), to += 7;
  unsigned stored = store_block(s, at, address, to);
  to += stored;
  uint8_t *slow = to + 2;
  if (!stored || slow - code + 5 > (long)room)
    return back;
  jump[-1] = (uint8_t)(slow - jump);
  to[0] = 0xeb, to[1] = (uint8_t)(room - (unsigned)(slow - code));           /* jmp end */
  int32_t stub = (int32_t)(s->stub + LIMIT_STUB - (at + (slow - code) + 5));
  slow[0] = 0xe8, memcpy(slow + 1, &stub, 4), to = slow + 5;                 /* call the way to at_limit */
  memset(to, 0x90, (size_t)(code + room - to));
  memcpy(at, code, room);
  shorten_checks(s, end, n);
  return end;
}

#else

LOCAL const uint8_t *make_inline(struct state *s, uint8_t *back, uint64_t address, uint32_t size, uint32_t n) {
  (void)s, (void)address, (void)size, (void)n;
  return back;
}

#endif
