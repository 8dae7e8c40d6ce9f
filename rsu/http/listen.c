/* The listening socket. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "rsu/host/local_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64, ADDRESS_MAX = 64 };

static int os_error(struct ws_err *err, int fd, const char *listen_on) {
    int why = errno;
    if (fd >= 0)
        (void)close(fd);
    return ws_fail(err, WS_EIO, "http: %s: %s", listen_on, strerror(why));
}

static int listen_unix(const char *listen_on, const char *path, int *ret_fd, char **ret_unix_path,
    struct ws_err *err) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(sa.sun_path))
        return ws_fail(err, WS_EINPUT, "http: %s: a socket path has 1 to %zu octets", listen_on,
            sizeof(sa.sun_path) - 1);
    memcpy(sa.sun_path, path, strlen(path));
    struct ws_err why;
    if (local_clear(path, &sa, &why) != WS_OK)
        return ws_fail(err, WS_EEXIST, "http: %s", why.text);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The socket's own mode is what its file gets: never wider than 0660, not even for an instant. */
    if (fd < 0 || fchmod(fd, 0660) != 0 ||
        bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 || chmod(path, 0660) != 0 ||
        listen(fd, BACKLOG) != 0)
        return os_error(err, fd, listen_on);
    *ret_fd = fd;
    *ret_unix_path = ws_strdup(path);
    return WS_OK;
}

static int bad_address(struct ws_err *err, const char *listen_on) {
    return ws_fail(err, WS_EINPUT,
        "http: \"%s\": not \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/path\"", listen_on);
}

/* "A.B.C.D:PORT" or "[A::B]:PORT" into `sa`, which is zero. */
static int parse_tcp(
    const char *listen_on, struct sockaddr_storage *sa, socklen_t *ret_size, struct ws_err *err) {
    const char *colon = strrchr(listen_on, ':');
    uint64_t port = 0;
    if (colon == NULL || http_number(colon + 1, "port", 65535, &port, NULL) != WS_OK)
        return bad_address(err, listen_on);
    char host[ADDRESS_MAX] = {0};
    size_t n = (size_t)(colon - listen_on);
    bool six = n >= 2 && listen_on[0] == '[' && listen_on[n - 1] == ']';
    if (n >= sizeof(host))
        return bad_address(err, listen_on);
    memcpy(host, listen_on + (six ? 1 : 0), n - (six ? 2 : 0));
    if (six) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        *ret_size = sizeof(*in6);
        return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? WS_OK
                                                               : bad_address(err, listen_on);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)sa;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    *ret_size = sizeof(*in);
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? WS_OK : bad_address(err, listen_on);
}

static int listen_tcp(const char *listen_on, int *ret_fd, unsigned *ret_port, struct ws_err *err) {
    struct sockaddr_storage sa = {0};
    socklen_t size = 0;
    int rc = parse_tcp(listen_on, &sa, &size, err);
    if (rc != WS_OK)
        return rc;
    int one = 1;
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0)
        return os_error(err, fd, listen_on);
    /* One family each: "[::]" must not take IPv4 along by the machine's default. */
    if (sa.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0)
        return os_error(err, fd, listen_on);
    if (bind(fd, (const struct sockaddr *)&sa, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &size) != 0)
        return os_error(err, fd, listen_on);
    /* Both families have the port at the same place. */
    _Static_assert(
        offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
        "place of the port");
    in_port_t port = 0;
    memcpy(&port, (const uint8_t *)&sa + offsetof(struct sockaddr_in, sin_port), sizeof(port));
    *ret_port = ntohs(port);
    *ret_fd = fd;
    return WS_OK;
}

int http_listen(const char *listen_on, int *ret_fd, char **ret_unix_path, unsigned *ret_port,
    struct ws_err *err) {
    *ret_unix_path = NULL;
    *ret_port = 0;
    if (strncmp(listen_on, "unix:", 5) == 0)
        return listen_unix(listen_on, listen_on + 5, ret_fd, ret_unix_path, err);
    return listen_tcp(listen_on, ret_fd, ret_port, err);
}
