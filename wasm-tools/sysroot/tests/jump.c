/* setjmp and longjmp. */
#include "helper.h"
#include <setjmp.h>
#include <sys/time.h>

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

static sigjmp_buf *where;

static void alarmed(int sig)
{
    siglongjmp(*where, sig);
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

    /* out of one that came while the program waited, twice, which takes the signal mask */
    static sigjmp_buf waiting;
    struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
    int ends[2];
    char byte;
    if (pipe(ends) < 0)
        return 1;
    signal(SIGALRM, alarmed);
    for (volatile int i = 0; i < 2; i++) {
        where = &waiting;
        int sig = sigsetjmp(waiting, 1);
        printf("alarm: %d\n", sig);
        if (!sig) {
            setitimer(ITIMER_REAL, &soon, NULL);
            printf("read: %zd\n", read(ends[0], &byte, 1));
        }
    }
    return 0;
}
