/* What clang's setjmp lowering calls: a setjmp notes its place, a longjmp throws, and the catch that every function with a
 * setjmp then has asks whether the throw is for it. */
struct jump {
    void *invocation; /* of the function that called setjmp */
    unsigned label;   /* which setjmp in it */
    struct {
        void *env;
        int value;
    } thrown;
};

void __wasm_setjmp(struct jump *env, unsigned label, void *invocation)
{
    env->invocation = invocation;
    env->label = label;
}

unsigned __wasm_setjmp_test(struct jump *env, void *invocation)
{
    return env->invocation == invocation ? env->label : 0;
}

_Noreturn void __wasm_longjmp(struct jump *env, int value)
{
    enum { C_LONGJMP = 1 }; /* clang's number for the tag in sjlj_tag.s */
    env->thrown.env = env;
    env->thrown.value = value ? value : 1;
    __builtin_wasm_throw(C_LONGJMP, &env->thrown);
}

/* For callers compiled without the lowering: only setjmp needs it. */
_Noreturn void longjmp(struct jump *env, int value)
{
    __wasm_longjmp(env, value);
}
