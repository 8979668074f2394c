/* strftime and strptime. */
#include "helper.h"
#include <time.h>

static void formats(time_t when)
{
    static const char *const hows[] = {
        "%a %A %b %B %h", "%c|%x|%X|%r", "%C %d %e %D %F %g %G %H %I %j", "%k %l %m %M %n%t%p %P %R %S", "%s %T %u %U %V %w %W %y %Y %z %Z %%",
        "%-d %_d %05d %5d %^a %#a %#p %#Z %10Y %-m/%-d/%-y", "%_5H|%-5H|%05H|%10A|%-10A|%^10B|%010A", "%Ey %Od %EC", "%Q %! %5 %E", "%3%|%-e|%03e|%_3k",
        "%10F|%^c|%20c|%012T", "",
    };
    struct tm tm = *localtime(&when);
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
        char text[300] = "";
        size_t len = strftime(text, sizeof text, hows[i], &tm);
        printf("%lld %zu [%s]\n", (long long)when, len, text);
    }
    char small[11];
    printf("%zu %zu\n", strftime(small, 11, "%F", &tm), strftime(small, 10, "%F", &tm));
}

static void parses(void)
{
    static const char *const cases[][2] = {
        { "2024-02-29T12:34:56Z", "%Y-%m-%dT%H:%M:%SZ" }, { "29 Feb 2024", "%d %b %Y" }, { "Thursday, 29 february 24", "%A, %d %B %y" },
        { "12/31/99", "%D" }, { "01/02/68", "%x" }, { "11:05:09 pm", "%r" }, { "12:00 AM", "%I:%M %p" }, { "2024 060", "%Y %j" },
        { "2023 365", "%Y %j" }, { "1700000000", "%s" }, { "2024-01-01 +0530", "%F %z" }, { "2024-01-01 -08:00", "%F %z" }, { "2024-01-01 Z", "%F %z" },
        { "2024 10 1", "%Y %U %w" }, { "2024 10 1", "%Y %W %w" }, { "  2024-1-2", "%Y-%m-%d" }, { "2024-13-01", "%F" }, { "2024-12-32", "%F" },
        { "24:00", "%H:%M" }, { "23:59:60", "%T" }, { "Mon Jan  1 00:00:00 2024", "%c" }, { "20 24", "%C %y" }, { "100%", "100%%" }, { "x", "y" },
        { "2024-02-29 trailing", "%F" }, { "5", "%e" }, { " 5", "%e" }, { "2024UTC5", "%Y%Z" }, { "7", "%u" }, { "", "%Y" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tm tm = { 0 };
        const char *end = strptime(cases[i][0], cases[i][1], &tm);
        printf("%s by %s: ", cases[i][0], cases[i][1]);
        if (end)
            printf("%d-%d-%d %d:%d:%d wday %d yday %d off %ld rest [%s]\n", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   tm.tm_wday, tm.tm_yday, (long)tm.tm_gmtoff, end);
        else
            puts("no");
    }
}

int main(void)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    formats(0);
    formats(1700000000);
    formats(1719999999);
    for (int year = 0; year < 60; year++) { /* weeks at the turn of years */
        for (int day = -4; day < 5; day++) {
            time_t when = (year * 365 + year / 4) * 86400ll + day * 86400ll;
            char text[100];
            strftime(text, sizeof text, "%F %G %g %V %U %W", gmtime(&when));
            puts(text);
        }
    }
    parses();
    return 0;
}
