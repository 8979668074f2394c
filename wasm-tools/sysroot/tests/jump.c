/* setjmp and longjmp. */
#include "helper.h"
#include <setjmp.h>

static jmp_buf outer;

static void dive(int depth, int value)
{
    if (!depth)
        longjmp(outer, value);
    dive(depth - 1, value);
    printf("not reached\n");
}

static int inner(void)
{
    jmp_buf env;
    volatile int tries = 0;
    int value = setjmp(env);
    if (tries++ < 2)
        longjmp(env, tries);
    return value;
}

static void handler(int sig)
{
    (void)sig;
    longjmp(outer, 99);
}

int main(void)
{
    volatile int round = 0;
    int value = setjmp(outer);
    printf("setjmp: %d, round %d\n", value, round);
    if (round++ < 3)
        dive(round * 10, round);
    printf("inner: %d\n", inner());
    jmp_buf zero;
    volatile int first = 1;
    value = setjmp(zero);
    if (first--)
        longjmp(zero, 0);
    printf("zero is %d\n", value);
    /* out of a handler that the program called itself */
    if (!setjmp(outer)) {
        signal(SIGUSR1, handler);
        raise(SIGUSR1);
        printf("not reached\n");
    }
    printf("out of the handler\n");
    return 0;
}
