/* A disk that says no, for programs as they are: loaded before the C library (LD_PRELOAD). BADFS=CALL:NTH:ERRNO:MODE:PATH, where
 * CALL is write, sync or rename, and counts calls on files whose path holds PATH; the NTH of them fails, and with
 * MODE on all after it, with once no other. Says on standard error that it did. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct plan {
    char call[16], nth_text[16], error_text[16], mode[16], path[256];
    long nth;
    int error;
};

static atomic_long passed;

static int load(struct plan *p) {
    const char *env = getenv("BADFS");
    if (env == NULL || sscanf(env, "%15[^:]:%15[^:]:%15[^:]:%15[^:]:%255s", p->call, p->nth_text,
                           p->error_text, p->mode, p->path) != 5)
        return 0;
    p->nth = strtol(p->nth_text, NULL, 10);
    p->error = (int)strtol(p->error_text, NULL, 10);
    return 1;
}

static int says_no(const char *call, const char *path) {
    struct plan p;
    if (!load(&p) || strcmp(p.call, call) != 0 || strstr(path, p.path) == NULL)
        return 0;
    long n = atomic_fetch_add(&passed, 1) + 1;
    if (n < p.nth || (n > p.nth && strcmp(p.mode, "on") != 0))
        return 0;
    if (n == p.nth)
        (void)dprintf(
            2, "badfs: %s number %ld on %s fails: %s\n", call, n, path, strerror(p.error));
    errno = p.error;
    return 1;
}

static int fd_says_no(const char *call, int fd) {
    char link[64];
    char path[4096];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n < 0)
        return 0;
    path[n] = '\0';
    return says_no(call, path);
}

typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef int (*sync_fn)(int);
typedef int (*rename_fn)(const char *, const char *);

/* The function of the C library behind ours. POSIX lets a pointer to data be one to a function here. */
#define REAL(name, type)                                                                           \
    static type real;                                                                              \
    if (real == NULL) {                                                                            \
        void *found = dlsym(RTLD_NEXT, name);                                                      \
        memcpy(&real, &found, sizeof(real));                                                       \
    }

ssize_t write(int fd, const void *p, size_t n);
ssize_t write(int fd, const void *p, size_t n) {
    REAL("write", write_fn)
    return fd_says_no("write", fd) ? -1 : real(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
    REAL("pwrite", pwrite_fn)
    return fd_says_no("write", fd) ? -1 : real(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t pwrite64(int fd, const void *p, size_t n, off_t at) {
    REAL("pwrite64", pwrite_fn)
    return fd_says_no("write", fd) ? -1 : real(fd, p, n, at);
}

int fsync(int fd);
int fsync(int fd) {
    REAL("fsync", sync_fn)
    return fd_says_no("sync", fd) ? -1 : real(fd);
}

int fdatasync(int fd);
int fdatasync(int fd) {
    REAL("fdatasync", sync_fn)
    return fd_says_no("sync", fd) ? -1 : real(fd);
}

int rename(const char *from, const char *to);
int rename(const char *from, const char *to) {
    REAL("rename", rename_fn)
    return says_no("rename", to) ? -1 : real(from, to);
}
