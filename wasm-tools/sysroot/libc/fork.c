/* fork and vfork, as a borrowed child.
 *
 * The kernel's vfork turns the caller into its own child for a while: same memory, same stack, but every call acts for the
 * child. That ends with exec or exit, which must bring control back to the place of the fork, now with the child's pid. So
 *
 *     #define fork() (setjmp(__coquina_fork_frame()) ? __coquina_fork_parent() : __coquina_fork_child())
 *
 * in <unistd.h>: the first pass through setjmp starts the child and returns 0; exec and exit in the child end it in the
 * kernel and longjmp to the second pass. A child may fork again, hence frames.
 *
 * What a child changes in memory its parent sees, as with Linux's vfork. The function that called fork must not return in
 * the child: it is where the parent goes on. */
#define _GNU_SOURCE
#include "coquina.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FRAMES_MAX = 16 };

struct frame {
    jmp_buf env;
    pid_t pid;
    void *signals; /* the handlers as the parent left them, or NULL */
};

static struct frame frames[FRAMES_MAX + 1]; /* the last one is where a fork too many sets its jump, which is never made */
static int depth;
static pid_t latest;

_Noreturn void __wasm_longjmp(void *env, int value);

struct __jmp_buf_tag *__coquina_fork_frame(void)
{
    return frames[depth].env;
}

/* First pass: the caller becomes its child. */
pid_t __coquina_fork_child(void)
{
    if (depth == FRAMES_MAX)
        return cq_result(-EAGAIN);
    struct frame *frame = &frames[depth];
    fflush(NULL); /* what is written so far is the parent's; on real systems each would have a copy */
    size_t size = __coquina_signal_state ? __coquina_signal_state(NULL, 0) : 0;
    frame->signals = size ? malloc(size) : NULL;
    if (size && !frame->signals)
        return cq_result(-ENOMEM);
    if (size)
        __coquina_signal_state(frame->signals, 0);
    frame->pid = cq_result(cq_vfork());
    if (frame->pid < 0) {
        free(frame->signals);
        return -1;
    }
    depth++;
    return 0;
}

/* Second pass: the parent. */
pid_t __coquina_fork_parent(void)
{
    return latest;
}

static _Noreturn void back_to_parent(pid_t pid)
{
    struct frame *frame = &frames[--depth];
    if (frame->signals) {
        __coquina_signal_state(frame->signals, 1);
        free(frame->signals);
    }
    latest = pid;
    __wasm_longjmp(frame->env, 1);
}

void __coquina_fork_execed(int pid)
{
    if (depth)
        back_to_parent(pid);
}

void __coquina_fork_exit(int status, int flush)
{
    if (!depth)
        return;
    if (flush)
        fflush(NULL);
    pid_t pid = frames[depth - 1].pid;
    cq_vfork_exit(status & 0xff);
    back_to_parent(pid);
}
