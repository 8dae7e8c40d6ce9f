/* A Unix-domain socket that a daemon listens on. Any thread, but the file mode comes by the process's umask: one at a time. */
#ifndef WAYSIDE_RSU_HOST_LOCAL_SOCKET_H
#define WAYSIDE_RSU_HOST_LOCAL_SOCKET_H

#include "base/error.h"

struct sockaddr_un;

/* Removes the socket that a killed predecessor left at a path (sa: the same as an address). WS_EBUSY: somebody listens there;
 * WS_EIO: a file of another kind. */
WARN_UNUSED int local_clear(const char *path, const struct sockaddr_un *sa, struct ws_err *err);
/* Not blocking, closed on exec. A socket that a killed predecessor left is replaced; one where somebody listens (WS_EBUSY) and a
 * file of another kind (WS_EIO) stay. mode: permission bits of the file. The caller closes *ret_fd and removes the file. */
WARN_UNUSED int local_listen(
    const char *path, unsigned mode, int backlog, int *ret_fd, struct ws_err *err);
/* Blocking. */
WARN_UNUSED int local_connect(const char *path, int *ret_fd, struct ws_err *err);

#endif
