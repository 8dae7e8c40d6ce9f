#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p, size_t n) {
    if (p == NULL) {
        (void)fprintf(stderr, "wayside: out of memory asking for %zu octets; stopping\n", n);
        abort();
    }
    return p;
}

void *ws_alloc(size_t n) {
    return checked(calloc(1, n == 0 ? 1 : n), n);
}

void *ws_calloc(size_t n, size_t size) {
    return checked(calloc(n == 0 ? 1 : n, size == 0 ? 1 : size), n);
}

void *ws_realloc(void *p, size_t n) {
    return checked(realloc(p, n == 0 ? 1 : n), n);
}

void *ws_memdup(const void *p, size_t n) {
    void *copy = ws_alloc(n);
    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

char *ws_strdup(const char *s) {
    return ws_memdup(s, strlen(s) + 1);
}
