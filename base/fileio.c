#include "base/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t max, struct buf *ret_data, struct ws_err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ws_fail(
            err, errno == ENOENT ? WS_ENOTFOUND : WS_EIO, "%s: %s", path, strerror(errno));
    size_t start = ret_data->n;
    int rc = WS_OK;
    for (;;) {
        enum { STEP = 65536 };
        uint8_t *at = buf_grow(ret_data, STEP);
        ssize_t got = read(fd, at, STEP);
        ret_data->n -= STEP;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            rc = ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
            break;
        }
        if (got == 0)
            break;
        ret_data->n += (size_t)got;
        if (ret_data->n - start > max) {
            rc = ws_fail(err, WS_ELIMIT, "%s: larger than the limit of %zu octets", path, max);
            break;
        }
    }
    (void)close(fd);
    if (rc != WS_OK)
        ret_data->n = start;
    return rc;
}

static int write_all(int fd, struct span data) {
    while (data.n > 0) {
        ssize_t put = write(fd, data.p, data.n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        data.p += put;
        data.n -= (size_t)put;
    }
    return 0;
}

int file_write(const char *path, struct span data, unsigned mode, struct ws_err *err) {
    char tmp[PATH_MAX];
    char dir[PATH_MAX];
    int n = snprintf(tmp, sizeof(tmp), "%s.tmp.%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof(tmp))
        return ws_fail(err, WS_EINPUT, "%s: path too long", path);
    (void)snprintf(dir, sizeof(dir), "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == NULL)
        (void)snprintf(dir, sizeof(dir), ".");
    else
        slash[slash == dir ? 1 : 0] = '\0';

    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    int bad = write_all(fd, data) != 0 || fsync(fd) != 0;
    int why = errno;
    if (close(fd) != 0 && !bad) {
        bad = 1;
        why = errno;
    }
    if (!bad && rename(tmp, path) != 0) {
        bad = 1;
        why = errno;
    }
    if (bad) {
        (void)unlink(tmp);
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(why));
    }
    return dir_sync(dir, err);
}

int dir_sync(const char *path, struct ws_err *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc =
        fd >= 0 && fsync(fd) == 0 ? WS_OK : ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int dir_make(const char *path, struct ws_err *err) {
    char part[PATH_MAX];
    int n = snprintf(part, sizeof(part), "%s", path);
    if (n <= 0 || (size_t)n >= sizeof(part))
        return ws_fail(err, WS_EINPUT, "%s: bad path", path);
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char keep = *p;
        *p = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return ws_fail(err, WS_EIO, "%s: %s", part, strerror(errno));
        *p = keep;
        if (keep == '\0')
            return WS_OK;
    }
}
