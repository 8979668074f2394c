/* The functions of strtol's family with glibc's behaviour: a string without digits is 0 and no error. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

static int
digit_value (unsigned char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : c >= 'A' && c <= 'Z' ? c - 'A' + 10 : INT_MAX;
}

/* The number at TEXT. NEGATIVE_MAX and POSITIVE_MAX are the largest magnitudes that may follow a minus sign or none. */
static unsigned long long
scan (const char *text, char **end, int base, unsigned long long negative_max, unsigned long long positive_max)
{
  const char *at = text;
  if (end)
    *end = (char *) text;
  if (base < 0 || base == 1 || base > 36)
    {
      errno = EINVAL;
      return 0;
    }
  while (isspace ((unsigned char) *at))
    at++;
  bool negative = *at == '-';
  if (*at == '-' || *at == '+')
    at++;
  if ((base == 0 || base == 16) && at[0] == '0' && (at[1] | 32) == 'x' && digit_value (at[2]) < 16)
    at += 2, base = 16;
  else if (base == 0)
    base = *at == '0' ? 8 : 10;

  unsigned long long max = negative ? negative_max : positive_max, value = 0;
  const char *digits = at;
  bool over = false;
  for (int digit; (digit = digit_value (*at)) < base; at++)
    if (__builtin_mul_overflow (value, base, &value) || __builtin_add_overflow (value, digit, &value))
      over = true;
  if (at == digits)
    return 0;
  if (end)
    *end = (char *) at;
  if (over || value > max)
    {
      errno = ERANGE;
      return negative && negative_max != positive_max ? -max : max;
    }
  return negative ? -value : value;
}

long
strtol (const char *restrict text, char **restrict end, int base)
{
  return scan (text, end, base, -(unsigned long long) LONG_MIN, LONG_MAX);
}

unsigned long
strtoul (const char *restrict text, char **restrict end, int base)
{
  return scan (text, end, base, ULONG_MAX, ULONG_MAX);
}

long long
strtoll (const char *restrict text, char **restrict end, int base)
{
  return scan (text, end, base, -(unsigned long long) LLONG_MIN, LLONG_MAX);
}

unsigned long long
strtoull (const char *restrict text, char **restrict end, int base)
{
  return scan (text, end, base, ULLONG_MAX, ULLONG_MAX);
}

intmax_t
strtoimax (const char *restrict text, char **restrict end, int base)
{
  return strtoll (text, end, base);
}

uintmax_t
strtoumax (const char *restrict text, char **restrict end, int base)
{
  return strtoull (text, end, base);
}
