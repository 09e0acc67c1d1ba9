/* The engine calls a function after each load and store, to see if it has to stop:

     mov $uc, %rdi; xor %esi, %esi; call helper_check_exit_request

   That takes longer than most of the loads. The function only looks whether a word of the engine's state is negative,
   and the state is where %rbp points: these calls are overwritten by the comparison, with the call behind it. */

#define _GNU_SOURCE
#include "helper.h"

#include <sys/mman.h>

#if defined(__x86_64__) && defined(__linux__)

enum { LONGEST_SITE = 18, BYTES_PER_INSTRUCTION = 80 };

/* Sets exit_word from the function's own code; 0 if it is not the one that is known. */
static int understand(struct state *s) {
  const uint8_t *check = s->check, *cpu;
  int32_t cpu_at, word_at;
  if (!has(check, "\x4c\x8b\x87", 3) ||                        /* mov cpu_at(%rdi), %r8 */
      !has(check + 7, "\x41\x8b\x80", 3) ||                    /* mov word_at(%r8), %eax */
      !has(check + 14, "\x85\xc0\x79\x04\x85\xf6\x74", 7) ||   /* negative, and %esi 0: go on below */
      !has(check + 22, "\xc3", 1))
    return 0;
  memcpy(&cpu_at, check + 3, 4), memcpy(&word_at, check + 10, 4);
  memcpy(&cpu, (uint8_t *)s->uc + cpu_at, 8);
  s->exit_word = cpu + word_at - (uint8_t *)s->x;
  return s->exit_word == (int32_t)s->exit_word;
}

static int reaches(const uint8_t *from, const uint8_t *to) { return to - from == (int32_t)(to - from); }

/* movabs $uc, %rdi, or what at_limit returned; xor %esi, %esi; movabs $check, %rax; jmp *%rax: to the check, which
   finds the block by the address that it will return to. */
static void jump_to_check(const struct state *s, uint8_t *to) {
  uint64_t check = (uint64_t)s->check;
  memcpy(to, "\x33\xf6\x48\xb8", 4), memcpy(to + 4, &check, 8), memcpy(to + 12, "\xff\xe0", 2);
}

static void write_stubs(struct state *s, uint8_t *page) {
  uint64_t uc = (uint64_t)s->uc;
  memcpy(page, "\x48\xbf", 2), memcpy(page + 2, &uc, 8);
  jump_to_check(s, page + 10);
  uint8_t *limit = page + LIMIT_STUB; /* sub $8, %rsp; call *at_limit(%rdi); add $8, %rsp; mov %rax, %rdi */
  memcpy(limit, "\x48\x83\xec\x08\xff\x57\x20\x48\x83\xc4\x08\x48\x89\xc7", 14);
  jump_to_check(s, limit + 14);
}

/* Whether there is a page of short ways near the engine's code at `near`; `check` is what its blocks call. */
LOCAL int stubs_near(struct state *s, const uint8_t *near, const uint8_t *check) {
  if (s->stub)
    return check == s->check && reaches(near, s->stub);
  for (long away = 1; away < 64; away++) {
    uint8_t *wish = (uint8_t *)(((uintptr_t)near & ~0xfffull) - (uintptr_t)away * (24 << 20));
    uint8_t *page = mmap(wish, STUB_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
      return 0;
    if (reaches(near, page - (1l << 30)) && reaches(near, page + (1l << 30))) { /* the code grows, too */
      s->stub = page;
      s->check = check;
      write_stubs(s, page);
      return mprotect(page, STUB_SIZE, PROT_READ | PROT_EXEC) == 0;
    }
    munmap(page, STUB_SIZE);
  }
  return 0;
}

/* Overwrite the checks in the code of a block of `n` instructions that goes on at `at`. */
LOCAL void shorten_checks(struct state *s, uint8_t *at, uint32_t n) {
  if (s->checking == 0)
    s->checking = understand(s) ? 1 : 2;
  if (s->checking == 2)
    return;
  for (uint8_t *end = at + n * BYTES_PER_INSTRUCTION; at < end; at++) {
    at = memchr(at, 0xf6, (size_t)(end - at));
    if (!at)
      return;
    const uint8_t *function;
    uint8_t *site;
    unsigned size;
    if (at[-1] != 0x33 || !(site = move_before(at - 1, RDI, (uint64_t)s->uc)) || !(size = call(at + 1, &function)) ||
        function != s->check)
      continue;
    size += (unsigned)(at + 1 - site);
    uint8_t code[LONGEST_SITE], *to = code;
    int32_t exit_word = (int32_t)s->exit_word;
    if (exit_word == (int8_t)exit_word)
      memcpy(to, "\x83\x7d", 2), to[2] = (uint8_t)exit_word, to[3] = 0, to += 4;    /* cmpl $0, exit_word(%rbp) */
    else
      memcpy(to, "\x83\xbd", 2), memcpy(to + 2, &exit_word, 4), to[6] = 0, to += 7;
    to[0] = 0x7d, to[1] = (uint8_t)(code + size - to - 2), to += 2;                /* jge behind the site */
    int32_t stub = (int32_t)(s->stub - (site + (to - code) + 5));
    to[0] = 0xe8, memcpy(to + 1, &stub, 4), to += 5;                               /* call stub */
    memset(to, 0x90, (size_t)(code + size - to));
    memcpy(site, code, size);
  }
}

void vs_release(struct state *s) {
  if (s->stub)
    munmap((void *)s->stub, STUB_SIZE);
  s->stub = NULL;
}

#else

LOCAL void shorten_checks(struct state *s, uint8_t *at, uint32_t n) { (void)s, (void)at, (void)n; }

LOCAL int stubs_near(struct state *s, const uint8_t *near, const uint8_t *check) {
  (void)s, (void)near, (void)check;
  return 0;
}

void vs_release(struct state *s) { (void)s; }

#endif
