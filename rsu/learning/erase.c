#include "rsu/learning/erase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_over(int fd) {
    static const char zero[4096];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    for (off_t at = 0; at < st.st_size;) {
        size_t n =
            (size_t)(st.st_size - at) < sizeof(zero) ? (size_t)(st.st_size - at) : sizeof(zero);
        ssize_t put = pwrite(fd, zero, n, at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
    }
    return fsync(fd) == 0;
}

int file_erase(const char *path, struct ws_err *err) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return WS_OK;
    const bool over = fd >= 0 && write_over(fd);
    const int why = errno;
    if (fd >= 0)
        (void)close(fd);
    if (unlink(path) != 0 && errno != ENOENT)
        return ws_fail(err, WS_EIO, "%s cannot be removed: %s", path, strerror(errno));
    return over ? WS_OK
                : ws_fail(err, WS_EIO, "%s was removed and could not be written over: %s", path,
                      strerror(why));
}
