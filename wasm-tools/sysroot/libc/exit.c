/* Leaving. In a fork's child, exit ends the child alone: what it has written to streams goes out, but the parent's exit
 * functions are not run, since what they would close and free is the parent's. */
#define _GNU_SOURCE
#include "coquina.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <wasi/api.h>

void __funcs_on_exit(void) __attribute__((weak));
void __stdio_exit(void) __attribute__((weak));

void __wasm_call_dtors(void)
{
    if (__funcs_on_exit)
        __funcs_on_exit();
    if (__stdio_exit)
        __stdio_exit();
}

_Noreturn void _Exit(int status)
{
    if (__coquina_fork_exit)
        __coquina_fork_exit(status, 0);
    __wasi_proc_exit(status & 0xff);
}

_Noreturn void _exit(int status)
{
    _Exit(status);
}

_Noreturn void exit(int status)
{
    if (__coquina_fork_exit)
        __coquina_fork_exit(status, 1);
    __wasm_call_dtors();
    _Exit(status);
}

_Noreturn void abort(void)
{
    int self = cq_getpid();
    if (__coquina_fork_exit)
        __coquina_fork_exit(128 + SIGABRT, 1);
    cq_kill(self, SIGABRT);
    if (__coquina_signal_run) /* it is caught: its handler may leave in its own way */
        __coquina_signal_run();
    cq_sigaction(SIGABRT, CQ_SIG_DEFAULT);
    cq_sigmask(CQ_MASK_UNBLOCK, 1ull << (SIGABRT - 1), NULL);
    cq_kill(self, SIGABRT);
    __builtin_trap();
}
