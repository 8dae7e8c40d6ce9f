#include "rsu/host/local_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fill_address(const char *path, struct sockaddr_un *ret, struct ws_err *err) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path))
        return ws_fail(err, WS_EINPUT, "%s: longer than a socket path may be (%zu)", path,
            sizeof(ret->sun_path) - 1);
    memcpy(ret->sun_path, path, strlen(path));
    return WS_OK;
}

/* What a killed predecessor left goes away; what anybody else needs stays. */
int local_clear(const char *path, const struct sockaddr_un *sa, struct ws_err *err) {
    struct stat st;
    if (lstat(path, &st) != 0)
        return WS_OK; /* nothing there, or binding will say what is wrong */
    if (!S_ISSOCK(st.st_mode))
        return ws_fail(err, WS_EIO, "%s: is there and is no socket", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool alive =
        fd >= 0 && (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno == EAGAIN);
    if (fd >= 0)
        (void)close(fd);
    if (alive)
        return ws_fail(err, WS_EBUSY, "%s: another process listens there", path);
    (void)unlink(path);
    return WS_OK;
}

int local_listen(const char *path, unsigned mode, int backlog, int *ret_fd, struct ws_err *err) {
    struct sockaddr_un sa;
    int rc = fill_address(path, &sa, err);
    if (rc == WS_OK)
        rc = local_clear(path, &sa, err);
    if (rc != WS_OK)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t old = umask(~(mode_t)mode & 0777);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0;
    bool ok = bound && listen(fd, backlog) == 0;
    int why = errno;
    (void)umask(old);
    if (ok) {
        *ret_fd = fd;
        return WS_OK;
    }
    if (bound)
        (void)unlink(path);
    if (fd >= 0)
        (void)close(fd);
    return ws_fail(err, WS_EIO, "%s: %s", path, strerror(why));
}

int local_connect(const char *path, int *ret_fd, struct ws_err *err) {
    struct sockaddr_un sa;
    int rc = fill_address(path, &sa, err);
    if (rc != WS_OK)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0) {
        *ret_fd = fd;
        return WS_OK;
    }
    rc = ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return rc;
}
