#include "rsu/host/secret.h"

#include "base/fileio.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { DIGITS = 64 };

int secret_read(const char *path, uint8_t ret[static 32], struct ws_err *err) {
    struct stat st;
    if (stat(path, &st) != 0)
        return ws_fail(
            err, errno == ENOENT ? WS_ENOTFOUND : WS_EIO, "%s: %s", path, strerror(errno));
    if ((st.st_mode & 077) != 0)
        return ws_fail(err, WS_EINPUT, "%s: mode %03o lets others at the key; use 0600", path,
            (unsigned)st.st_mode & 0777);
    struct buf b = {0};
    int rc = file_read(path, 1024, &b, err);
    if (rc != WS_OK)
        return rc;
    size_t n = b.n;
    while (n > 0 && (b.p[n - 1] == '\n' || b.p[n - 1] == '\r'))
        n--;
    char hex[DIGITS + 1] = {0};
    if (n == DIGITS)
        memcpy(hex, b.p, DIGITS);
    if (n != DIGITS || !hex_decode(ret, 32, hex))
        rc = ws_fail(err, WS_EINPUT, "%s: not %d hex digits", path, DIGITS);
    if (b.n > 0)
        explicit_bzero(b.p, b.n);
    explicit_bzero(hex, sizeof(hex));
    buf_free(&b);
    return rc;
}

int secret_write(const char *path, const uint8_t secret[static 32], struct ws_err *err) {
    char line[DIGITS + 2];
    hex_encode(line, secret, 32);
    line[DIGITS] = '\n';
    int rc = file_write(path, span_of(line, DIGITS + 1), 0600, err);
    explicit_bzero(line, sizeof(line));
    return rc;
}
