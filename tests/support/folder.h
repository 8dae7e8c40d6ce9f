/* A folder of a test's own, removed with all that is in it. */
#ifndef WAYSIDE_TESTS_SUPPORT_FOLDER_H
#define WAYSIDE_TESTS_SUPPORT_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char top[256];
};

static inline int folder_make(struct folder *f) {
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(f->top, sizeof(f->top), "%s/wayside-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
    return mkdtemp(f->top) == NULL ? -1 : 0;
}

static inline int folder_remove_one(
    const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline int folder_remove(struct folder *f) {
    return nftw(f->top, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* dst: FOLDER_PATH octets. */
enum { FOLDER_PATH = 512 };
static inline const char *folder_path(const struct folder *f, char *dst, const char *name) {
    (void)snprintf(dst, FOLDER_PATH, "%s/%s", f->top, name);
    return dst;
}

#endif
