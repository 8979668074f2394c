/* getopt, getopt_long and getopt_long_only with GNU's rules and words: operands may stand before options, long options may
 * be cut short, and error messages are those that people have seen everywhere else. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *optarg;
int optind = 1, opterr = 1, optopt = '?', optreset;

static enum { PERMUTE, STOP_AT_OPERAND, OPERANDS_IN_PLACE } ordering;
static char *rest;                  /* of the argument with short options that is being read, or NULL */
static int operands, operands_end;  /* operands passed over so far: argv[operands] up to argv[operands_end] */

static const char *start(const char *options)
{
    if (!optind)
        optind = 1;
    operands = operands_end = optind;
    rest = NULL;
    optreset = 0;
    if (*options == '-')
        ordering = OPERANDS_IN_PLACE;
    else if (*options == '+' || getenv("POSIXLY_CORRECT"))
        ordering = STOP_AT_OPERAND;
    else
        ordering = PERMUTE;
    return options;
}

static void reverse(char **from, char **to)
{
    while (from < --to) {
        char *swap = *from;
        *from++ = *to;
        *to = swap;
    }
}

/* Moves the operands passed over behind the options read since. */
static void move_operands(char **argv)
{
    reverse(argv + operands, argv + operands_end);
    reverse(argv + operands_end, argv + optind);
    reverse(argv + operands, argv + optind);
    operands += optind - operands_end;
    operands_end = optind;
}

static int is_operand(const char *arg)
{
    return arg[0] != '-' || !arg[1];
}

/* Goes to the next argument with options. 0 if there is one, else what getopt is to return. */
static int next_argument(int argc, char **argv)
{
    if (operands_end > optind)
        operands_end = optind;
    if (operands > optind)
        operands = optind;
    if (ordering == PERMUTE) {
        if (operands != operands_end && operands_end != optind)
            move_operands(argv);
        else if (operands_end != optind)
            operands = optind;
        while (optind < argc && is_operand(argv[optind]))
            optind++;
        operands_end = optind;
    }
    if (optind < argc && !strcmp(argv[optind], "--")) {
        optind++;
        if (operands != operands_end && operands_end != optind)
            move_operands(argv);
        else if (operands == operands_end)
            operands = optind;
        operands_end = optind = argc;
    }
    if (optind >= argc) {
        if (operands != operands_end)
            optind = operands;
        return -1;
    }
    if (is_operand(argv[optind])) {
        if (ordering == STOP_AT_OPERAND)
            return -1;
        optarg = argv[optind++];
        return 1;
    }
    return 0;
}

static int short_option(int argc, char **argv, const char *options, int silent)
{
    int c = (unsigned char)*rest++;
    const char *known = c == ':' || c == ';' ? NULL : strchr(options, c);
    if (!*rest) {
        rest = NULL;
        optind++;
    }
    if (!known) {
        if (!silent)
            fprintf(stderr, "%s: invalid option -- '%c'\n", argv[0], c);
        optopt = c;
        return '?';
    }
    if (known[1] != ':')
        return c;
    if (rest) {
        optarg = rest;
        optind++;
    } else if (known[2] == ':') {
        optarg = NULL;
    } else if (optind < argc) {
        optarg = argv[optind++];
    } else {
        if (!silent)
            fprintf(stderr, "%s: option requires an argument -- '%c'\n", argv[0], c);
        optopt = c;
        c = *options == ':' ? ':' : '?';
    }
    rest = NULL;
    return c;
}

static int same_meaning(const struct option *a, const struct option *b)
{
    return a->has_arg == b->has_arg && a->flag == b->flag && a->val == b->val;
}

static void say_ambiguous(char *program, const char *prefix, const char *text, size_t len, const struct option *longs)
{
    fprintf(stderr, "%s: option '%s%s' is ambiguous; possibilities:", program, prefix, text);
    for (; longs->name; longs++)
        if (!strncmp(longs->name, text, len))
            fprintf(stderr, " '%s%s'", prefix, longs->name);
    putc('\n', stderr);
}

/* The option that `text`, up to its '=', names whole or without doubt. `ambiguous` if there is doubt. */
static const struct option *find_long(const char *text, size_t len, const struct option *longs, int only, int *ambiguous)
{
    const struct option *found = NULL;
    *ambiguous = 0;
    for (const struct option *option = longs; option->name; option++) {
        if (strncmp(option->name, text, len))
            continue;
        if (strlen(option->name) == len) {
            *ambiguous = 0;
            return option;
        }
        if (!found)
            found = option;
        else if (only || !same_meaning(found, option))
            *ambiguous = 1;
    }
    return found;
}

/* `text` is what follows the prefix. -2 if it may be short options after all. */
static int long_option(int argc, char **argv, const char *options, const struct option *longs, int *index, const char *prefix,
                       char *text, int only, int silent)
{
    size_t len = strcspn(text, "=");
    int ambiguous;
    const struct option *option = find_long(text, len, longs, only, &ambiguous);
    if (ambiguous || !option) {
        if (!ambiguous && only && argv[optind][1] != '-' && strchr(options, *text))
            return -2;
        if (!silent && ambiguous)
            say_ambiguous(argv[0], prefix, text, len, longs);
        else if (!silent)
            fprintf(stderr, "%s: unrecognized option '%s%s'\n", argv[0], prefix, text);
        optind++;
        optopt = 0;
        return '?';
    }
    optind++;
    optarg = NULL;
    if (text[len]) {
        if (option->has_arg == no_argument) {
            if (!silent)
                fprintf(stderr, "%s: option '%s%s' doesn't allow an argument\n", argv[0], prefix, option->name);
            optopt = option->val;
            return '?';
        }
        optarg = text + len + 1;
    } else if (option->has_arg == required_argument) {
        if (optind >= argc) {
            if (!silent)
                fprintf(stderr, "%s: option '%s%s' requires an argument\n", argv[0], prefix, option->name);
            optopt = option->val;
            return *options == ':' ? ':' : '?';
        }
        optarg = argv[optind++];
    }
    if (index)
        *index = option - longs;
    if (!option->flag)
        return option->val;
    *option->flag = option->val;
    return 0;
}

static int next_option(int argc, char **argv, const char *options, const struct option *longs, int *index, int only)
{
    static int started;
    if (argc < 1)
        return -1;
    optarg = NULL;
    if (!started || !optind || optreset) {
        start(options);
        started = 1;
    }
    if (*options == '-' || *options == '+')
        options++;
    int silent = !opterr || *options == ':';
    if (!rest) {
        int done = next_argument(argc, argv);
        if (done)
            return done;
        char *arg = argv[optind];
        if (longs && arg[1] == '-')
            return long_option(argc, argv, options, longs, index, "--", arg + 2, only, silent);
        if (longs && only && (arg[2] || !strchr(options, arg[1]))) {
            int result = long_option(argc, argv, options, longs, index, "-", arg + 1, only, silent);
            if (result != -2)
                return result;
        }
        rest = arg + 1;
    }
    return short_option(argc, argv, options, silent);
}

int getopt(int argc, char *const argv[], const char *options)
{
    return next_option(argc, (char **)argv, options, NULL, NULL, 0);
}

int __posix_getopt(int argc, char *const argv[], const char *options) __attribute__((alias("getopt")));

int getopt_long(int argc, char *const argv[], const char *options, const struct option *longs, int *index)
{
    return next_option(argc, (char **)argv, options, longs, index, 0);
}

int getopt_long_only(int argc, char *const argv[], const char *options, const struct option *longs, int *index)
{
    return next_option(argc, (char **)argv, options, longs, index, 1);
}
