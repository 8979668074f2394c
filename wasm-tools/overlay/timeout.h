/* Included first when timeout.c is compiled; timeout-exec.c says why. */
#define execvp timeout_execvp
