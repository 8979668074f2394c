/* setlocale. There are two locales, C and C.UTF-8, which differ in what bytes make a character; any name that says UTF-8 is
 * the latter's. wasi-libc's keeps only the first category's name and takes UTF-8 for granted; glibc does neither, nor does this. */
#define _GNU_SOURCE
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *wasi_setlocale(int, const char *) __asm__("setlocale");

enum { NAME_MAX_LEN = 32 };

static const char *const categories[LC_ALL] = {
    [LC_CTYPE] = "LC_CTYPE",     [LC_NUMERIC] = "LC_NUMERIC",   [LC_TIME] = "LC_TIME",
    [LC_COLLATE] = "LC_COLLATE", [LC_MONETARY] = "LC_MONETARY", [LC_MESSAGES] = "LC_MESSAGES",
};

typedef char name_list[LC_ALL][NAME_MAX_LEN];
static name_list names = { "C", "C", "C", "C", "C", "C" };

static int is_c(const char *name)
{
    return !strcmp(name, "C") || !strcmp(name, "POSIX");
}

/* What a category is to be called; 0 if there is no such locale. */
static int choose(char to[NAME_MAX_LEN], const char *name)
{
    const char *dot = strchr(name, '.');
    int utf8 = dot && (!strncasecmp(dot + 1, "UTF-8", 5) || !strncasecmp(dot + 1, "UTF8", 4));
    if ((!is_c(name) && !utf8) || strlen(name) >= NAME_MAX_LEN)
        return 0;
    strcpy(to, is_c(name) ? "C" : name);
    return 1;
}

/* What the environment says of a category. */
static const char *wanted(int category)
{
    const char *const sources[] = { "LC_ALL", categories[category], "LANG" };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const char *name = getenv(sources[i]);
        if (name && *name)
            return name;
    }
    return "C";
}

/* All categories, by one name, the environment's, or a list such as setlocale itself returns. */
static int choose_all(name_list to, const char *name)
{
    for (int i = 0; i < LC_ALL; i++) {
        const char *one = *name ? name : wanted(i);
        char part[NAME_MAX_LEN];
        if (strchr(name, '=')) {
            const char *at = strstr(name, categories[i]);
            size_t skip = strlen(categories[i]);
            if (!at || at[skip] != '=')
                return 0;
            at += skip + 1;
            if (snprintf(part, sizeof part, "%.*s", (int)strcspn(at, ";"), at) >= (int)sizeof part)
                return 0;
            one = part;
        }
        if (!choose(to[i], one))
            return 0;
    }
    return 1;
}

static char *all_names(void)
{
    static char list[LC_ALL * (NAME_MAX_LEN + 16)];
    int same = 1;
    for (int i = 1; i < LC_ALL; i++)
        same &= !strcmp(names[0], names[i]);
    if (same)
        return names[0];
    size_t used = 0;
    for (int i = 0; i < LC_ALL; i++)
        used += snprintf(list + used, sizeof list - used, "%s%s=%s", i ? ";" : "", categories[i], names[i]);
    return list;
}

char *setlocale(int category, const char *name)
{
    if (category < 0 || category > LC_ALL)
        return NULL;
    if (name) {
        name_list chosen;
        memcpy(chosen, names, sizeof chosen);
        int known = category == LC_ALL ? choose_all(chosen, name) : choose(chosen[category], *name ? name : wanted(category));
        if (!known)
            return NULL;
        memcpy(names, chosen, sizeof chosen);
        wasi_setlocale(LC_CTYPE, is_c(names[LC_CTYPE]) ? "C" : "C.UTF-8");
    }
    if (category == LC_ALL)
        return all_names();
    /* The order of characters is that of their codes in both, and programs that hear "C" compare faster. */
    return category == LC_COLLATE && !name ? "C" : names[category];
}
