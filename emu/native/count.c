/* Counting instructions and stopping. The engine calls vs_block before each translated block; where inline.c can, it
   then puts the count into the block itself, so that a block is asked about once. */

#include "helper.h"

enum { MEMO_BITS = 16 };

static uint64_t space(const struct state *s) { return *s->priv == M_MODE ? 0 : word(s, s->satp); }

static struct memo *memo_of(struct state *s, uint64_t address, uint64_t in) {
  return &s->memo[((address >> 1) ^ (address >> 15) ^ (in << 4)) & ((1 << MEMO_BITS) - 1)];
}

/* A block begins and the limit is reached. */
void *vs_limit(struct state *s) {
  s->before = s->total;
  s->stopped = 1;
  s->stop(s->uc);
  return s->uc;
}

/* `back` is where the call came from. Returns where to go on. */
__attribute__((used)) LOCAL const uint8_t *begin_block(void *uc, uint64_t address, uint32_t size, struct state *s,
                                                       uint8_t *back) {
  (void)uc;
  if (s->total >= s->limit) {
    vs_limit(s);
    return back;
  }
  uint64_t in = space(s);
  struct memo *m = memo_of(s, address, in);
  if (m->address != address || m->size != size || m->space != in)
    *m = (struct memo){ address, in, size, (uint32_t)count(s, address, address + size) };
  s->block = address;
  s->before = s->total;
  s->total += m->count;
  return s->inlining == 2 ? back : make_inline(s, back, address, size, m->count);
}

#if defined(__x86_64__)
__asm__(".globl vs_block\n.type vs_block, @function\nvs_block:\n"
        "  mov (%rsp), %r8\n  sub $8, %rsp\n  call begin_block\n  add $8, %rsp\n  mov %rax, (%rsp)\n  ret\n");
#else
void vs_block(void *uc, uint64_t address, uint32_t size, struct state *s) { begin_block(uc, address, size, s, NULL); }
#endif

struct tb { uint64_t pc; uint16_t icount, size; }; /* the engine's uc_tb */

/* A new translation: what was remembered of a block that begins there may be about other code. */
void vs_translated(void *uc, const struct tb *tb, const struct tb *before, struct state *s) {
  (void)uc, (void)before;
  *memo_of(s, tb->pc, space(s)) = (struct memo){ tb->pc, space(s), tb->size, tb->icount };
}

/* The present block ends before `pc`. Returns how many instructions have been executed. */
uint64_t vs_break(struct state *s, uint64_t pc) {
  if (s->total != s->before && pc >= s->block)
    s->total = s->before + count(s, s->block, pc);
  return s->before = s->total;
}

/* Whether Python and this were built from the same sources. */
uint64_t vs_state_size(void) { return sizeof(struct state); }
