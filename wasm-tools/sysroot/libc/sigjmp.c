/* sigsetjmp and siglongjmp: jumps that bring back the signal mask, without which a handler that jumps out of itself would
 * leave its signal blocked. */
#define _GNU_SOURCE
#include "coquina.h"
#include <setjmp.h>

/* Behind what sjlj.c keeps in a jmp_buf. */
struct saved {
    void *jump[4];
    uint64_t mask;
    int is_saved;
};
_Static_assert(sizeof(struct saved) <= sizeof(sigjmp_buf), "a jmp_buf has room for the mask");

struct __jmp_buf_tag *__coquina_save_mask(sigjmp_buf env, int save)
{
    struct saved *saved = (struct saved *)env;
    saved->is_saved = save && cq_sigmask(CQ_MASK_ASK, 0, &saved->mask) >= 0;
    return env;
}

_Noreturn void siglongjmp(sigjmp_buf env, int value)
{
    const struct saved *saved = (const struct saved *)env;
    if (saved->is_saved) {
        cq_sigmask(CQ_MASK_SET, saved->mask, NULL);
        if (__coquina_signal_run)
            __coquina_signal_run();
    }
    longjmp(env, value);
}
