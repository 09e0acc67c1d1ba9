/* What the compiler expects to find even without a C library. */
#include "board.h"

void *memset(void *to, int byte, size_t n)
{
  for (char *p = to; n > 0; n--)
    *p++ = byte;
  return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
  const char *q = from;
  for (char *p = to; n > 0; n--)
    *p++ = *q++;
  return to;
}
