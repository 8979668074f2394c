/* getopt in its three forms, and qsort. */
#include "helper.h"
#include <getopt.h>

static void options(const char *name, const char *shorts, int form, const char *line)
{
    static const struct option longs[] = {
        { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { "verbose", no_argument, NULL, 'v' },
        { "file", required_argument, NULL, 'f' }, { "filter", required_argument, NULL, 'F' }, { "colour", optional_argument, NULL, 'c' },
        { "color", optional_argument, NULL, 'c' }, { 0 },
    };
    char text[200], *argv[40];
    int argc = 0, c, index;
    snprintf(text, sizeof text, "prog %s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    printf("%s [%s] %s:", name, shorts, line);
    fflush(stdout);
    optind = 0;
    for (int guard = 0; guard < 40; guard++) {
        index = -1;
        c = form == 0 ? getopt(argc, argv, shorts) : form == 1 ? getopt_long(argc, argv, shorts, longs, &index)
                                                               : getopt_long_only(argc, argv, shorts, longs, &index);
        if (c == -1)
            break;
        printf(" %c", c == 1 ? '1' : c ? c : '0');
        if (c == '?' || c == ':')
            printf("(%c)", optopt > 32 ? optopt : '.');
        if (optarg)
            printf("=%s", optarg);
        if (index >= 0)
            printf("#%d", index);
        fflush(stdout);
    }
    printf(" |");
    for (int i = optind; i < argc; i++)
        printf(" %s", argv[i]);
    puts("");
}

struct item {
    int key, place;
};

static int by_key(const void *a, const void *b)
{
    return ((const struct item *)a)->key - ((const struct item *)b)->key;
}

static void sorting(void)
{
    static struct item items[5000];
    unsigned seed = 1;
    for (int count = 0; count < 5000; count = count * 2 + 1) {
        int wrong = 0;
        for (int i = 0; i < count; i++)
            items[i] = (struct item){ (seed = seed * 1103515245 + 12345) >> 16 & 63, i };
        qsort(items, count, sizeof *items, by_key);
        for (int i = 1; i < count; i++)
            wrong += items[i - 1].key > items[i].key || (items[i - 1].key == items[i].key && items[i - 1].place > items[i].place);
        printf("%d items, %d wrong\n", count, wrong);
    }
}

int main(void)
{
    static const char *const lines[] = {
        "-a -b one two", "one -a two -b three", "-ab -fname x", "-f name -- -a x", "one -- -a two", "-x -a", "-f", "-af", "-abfx -b -- -",
        "- -a -", "--help", "--he one --ver", "--verb --version", "--fil=x", "--file=x --file y z", "--file", "--help=no", "--nothing -a",
        "--col --colour=red x", "--colour red", "-help", "-file x", "-v -verbose -vb", "-nothing", "one two -a three --file f four", "-",
        "--", "", "-a--b", "-:", "-;",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        options("short", "abf:o::", 0, lines[i]);
        options("posix", "+abf:", 0, lines[i]);
        options("place", "-abf:", 0, lines[i]);
        options("silent", ":abf:", 0, lines[i]);
        options("long", "abf:vhV", 1, lines[i]);
        options("only", "abf:v", 2, lines[i]);
        options("long silent", "+:abf:", 1, lines[i]);
    }
    sorting();
    return 0;
}
