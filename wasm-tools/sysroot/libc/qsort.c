/* qsort and qsort_r, by merging: what compares equal keeps its order, as with glibc's, and programs have come to show it. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int compare_fn(const void *, const void *);
typedef int compare_with_fn(const void *, const void *, void *);

struct sort {
    size_t size;
    compare_fn *compare; /* or NULL, and then: */
    compare_with_fn *compare_with;
    void *context;
    char *spare; /* room for half of the elements */
};

static inline int order(const struct sort *sort, const void *a, const void *b)
{
    return sort->compare ? sort->compare(a, b) : sort->compare_with(a, b, sort->context);
}

/* Elements of four bytes, pointers mostly, are moved as such. */
static inline void move(char *to, const char *from, size_t size)
{
    if (size == 4)
        __builtin_memcpy(to, from, 4);
    else
        memcpy(to, from, size);
}

static void insertion_sort(const struct sort *sort, char *base, size_t count)
{
    char *spare = sort->spare;
    for (size_t i = 1; i < count; i++) {
        char *at = base + i * sort->size, *to = at;
        while (to > base && order(sort, to - sort->size, at) > 0)
            to -= sort->size;
        if (to != at) {
            move(spare, at, sort->size);
            memmove(to + sort->size, to, at - to);
            move(to, spare, sort->size);
        }
    }
}

static void merge_sort(const struct sort *sort, char *base, size_t count)
{
    enum { FEW = 6 };
    if (count <= FEW) {
        insertion_sort(sort, base, count);
        return;
    }
    size_t size = sort->size, half = count / 2;
    char *middle = base + half * size, *end = base + count * size;
    merge_sort(sort, base, half);
    merge_sort(sort, middle, count - half);
    if (order(sort, middle - size, middle) <= 0)
        return;
    char *left = sort->spare, *left_end = left + half * size, *right = middle, *to = base;
    memcpy(left, base, half * size);
    for (; left < left_end && right < end; to += size) {
        char **from = order(sort, left, right) <= 0 ? &left : &right;
        move(to, *from, size);
        *from += size;
    }
    memcpy(to, left, left_end - left);
}

/* Without memory for merging: in place, slower, and equal elements may change places. */
static void sift(const struct sort *sort, char *base, size_t root, size_t count, char *spare)
{
    size_t size = sort->size;
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && order(sort, base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (order(sort, base + root * size, base + child * size) >= 0)
            return;
        memcpy(spare, base + root * size, size);
        memcpy(base + root * size, base + child * size, size);
        memcpy(base + child * size, spare, size);
    }
}

static void heap_sort(const struct sort *sort, char *base, size_t count)
{
    char spare[sort->size];
    for (size_t i = count / 2; i--;)
        sift(sort, base, i, count, spare);
    while (--count) {
        memcpy(spare, base, sort->size);
        memcpy(base, base + count * sort->size, sort->size);
        memcpy(base + count * sort->size, spare, sort->size);
        sift(sort, base, 0, count, spare);
    }
}

static void sort_all(struct sort *sort, void *base, size_t count)
{
    char small[1024];
    size_t need = (count / 2 + 1) * sort->size;
    if (count < 2 || !sort->size)
        return;
    sort->spare = need > sizeof small ? malloc(need) : small;
    if (sort->spare)
        merge_sort(sort, base, count);
    else
        heap_sort(sort, base, count);
    if (sort->spare != small)
        free(sort->spare);
}

void qsort_r(void *base, size_t count, size_t size, compare_with_fn *compare, void *context)
{
    sort_all(&(struct sort){ .size = size, .compare_with = compare, .context = context }, base, count);
}

void qsort(void *base, size_t count, size_t size, compare_fn *compare)
{
    sort_all(&(struct sort){ .size = size, .compare = compare }, base, count);
}
