/* strtod and its kin, and printing what they read. */
#include "helper.h"
#include <math.h>
#include <stdint.h>

static uint64_t state = 88172645463325252u;

static unsigned next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 32;
}

static void one(const char *text)
{
    char *end, *end_float, *end_long;
    errno = 0;
    double value = strtod(text, &end);
    int error = errno;
    float single = strtof(text, &end_float);
    long double wide = strtold(text, &end_long);
    printf("%s: %.17g %s [%s] %.9g [%s] %.15Lg [%s]\n", text, value, error == ERANGE ? "range" : error ? strerror(error) : "", end, single,
           end_float, wide, end_long);
}

int main(void)
{
    static const char *const texts[] = {
        "0", "-0", "1", "+1", "  42 ", "3.14", ".5", "5.", ".", "-", "", "e5", "1e", "1e+", "1e5", "1E-5x", "1.5e3.2", "inf", "-INFINITY!", "infinit",
        "nan", "nan(123)", "nan(", "NAN(a_b)c", "0x10", "0x1.8p3", "0x", "0xg", "0x.8", "0x1p", "0x1p-1074", "1e400", "-1e400", "1e-400", "5e-324", "2e-324",
        "4.9406564584124654e-324", "1.7976931348623157e308", "1.7976931348623159e308", "2.2250738585072011e-308", "9007199254740993", "9007199254740992",
        "9007199254740993.0000000000000000000001", "0.1", "123456789012345678901234567890", "1234567890123456789", "12345678901234567890", "0.000001",
        "0.0000000000000000000000000000000000001", "1e22", "1e23", "8e22", "1.0000000000000000000000000000000000000000000000000000001", "00000000000000000000000012",
        "0.00000000000000000000000000012", "1e0000000000005", "1e-0000000000005", "6.02214076e23", "179769313486231580793e289", "16777217", "3.4e38", "1e-45", "1,5",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        one(texts[i]);
    uint64_t sum = 0;
    for (int i = 0; i < 20000; i++) {
        char text[100], back[100];
        int kind = next() % 4;
        uint64_t bits = (uint64_t)next() << 32 | next();
        double value;
        memcpy(&value, &bits, 8);
        if (kind == 0)
            snprintf(text, sizeof text, "%.*g", (int)(next() % 20) + 1, value);
        else if (kind == 1)
            snprintf(text, sizeof text, "%u.%0*u", next() % 100000, (int)(next() % 8) + 1, next() % 10000000);
        else if (kind == 2)
            snprintf(text, sizeof text, "%ue%d", next(), (int)(next() % 80) - 40);
        else
            snprintf(text, sizeof text, "%llu.%u", (unsigned long long)bits, next());
        value = strtod(text, NULL);
        memcpy(&bits, &value, 8);
        if (value == value)
            sum = sum * 31 + bits;
        float single = strtof(text, NULL);
        uint32_t small;
        memcpy(&small, &single, 4);
        if (single == single)
            sum = sum * 31 + small;
        if (i % 1000 == 0)
            printf("%s %llx\n", text, (unsigned long long)sum);
        snprintf(back, sizeof back, "%.17g", value);
        if (value == value && strtod(back, NULL) != value)
            printf("%s is not %s\n", back, text);
    }
    printf("%llx\n", (unsigned long long)sum);
    return 0;
}
