#include "pktio/capture_gzip.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { PIECE = 64 << 10, GZIP_ONLY = 16 };

struct gunzip {
    FILE *packed;
    z_stream z;
    bool
        between; /* behind a member: the file may end, be padded with zeros, or go on with another */
    bool began; /* a member was there */
    int broken; /* errno of the failure, once there was one */
    const char *why;
    uint8_t in[PIECE];
};

struct gunzip *gunzip_new(FILE *packed) {
    struct gunzip *g = ws_alloc(sizeof(*g));
    g->packed = packed;
    g->between = true;
    int rc = inflateInit2(&g->z, GZIP_ONLY + MAX_WBITS);
    WS_ASSERT(rc == Z_OK); /* anything else is no memory, or another zlib than the headers' */
    return g;
}

void gunzip_free(struct gunzip *g) {
    if (g == NULL)
        return;
    (void)inflateEnd(&g->z);
    free(g);
}

const char *gunzip_why(const struct gunzip *g) {
    return g->why;
}

static ssize_t broken(struct gunzip *g, int cause, const char *why) {
    g->broken = cause;
    g->why = why;
    errno = cause;
    return -1;
}

/* More octets to unpack; 0: the file has ended. */
static ssize_t refill(struct gunzip *g) {
    if (g->z.avail_in > 0)
        return (ssize_t)g->z.avail_in;
    errno = 0;
    size_t n = fread(g->in, 1, sizeof(g->in), g->packed);
    if (n == 0 && ferror(g->packed))
        return broken(g, errno == 0 ? EIO : errno, NULL);
    g->z.next_in = g->in;
    g->z.avail_in = (uInt)n;
    return (ssize_t)n;
}

/* 1: a member goes on; 0: the file ends here, as it may. */
static ssize_t begin_member(struct gunzip *g) {
    for (;;) {
        ssize_t n = refill(g);
        if (n <= 0)
            return n;
        if (*g->z.next_in != 0 || !g->began)
            break;
        g->z.next_in++;
        g->z.avail_in--;
    }
    if (g->began && *g->z.next_in != GZIP_FIRST_OCTET)
        return broken(g, EBADMSG, "something else stands behind the gzip stream");
    if (g->began && inflateReset(&g->z) != Z_OK)
        return broken(g, EBADMSG, "the gzip stream cannot be read on");
    g->began = true;
    g->between = false;
    return 1;
}

/* Until something came out, or nothing will. */
static ssize_t unpack(struct gunzip *g, char *dst, size_t n) {
    g->z.next_out = (Bytef *)dst;
    g->z.avail_out = n > UINT32_MAX ? UINT32_MAX : (uInt)n;
    uInt room = g->z.avail_out;
    while (g->z.avail_out == room) {
        ssize_t more = g->between ? begin_member(g) : refill(g);
        if (more == 0 && !g->between)
            return broken(g, EBADMSG, "the gzip stream is cut");
        if (more <= 0)
            return more;
        int rc = inflate(&g->z, Z_NO_FLUSH);
        if (rc == Z_STREAM_END)
            g->between = true;
        else if (rc == Z_MEM_ERROR)
            return broken(g, ENOMEM, NULL);
        else if (rc != Z_OK) {
            ssize_t n_bad = broken(g, EBADMSG, "the gzip stream is damaged");
            /* What came out before the damage is good; the next read fails. */
            return g->z.avail_out == room ? n_bad : (ssize_t)(room - g->z.avail_out);
        }
    }
    return (ssize_t)(room - g->z.avail_out);
}

static ssize_t on_read(void *cookie, char *dst, size_t n) {
    struct gunzip *g = cookie;
    if (g->broken != 0) {
        errno = g->broken;
        return -1;
    }
    return n == 0 ? 0 : unpack(g, dst, n);
}

FILE *gunzip_stream(struct gunzip *g) {
    return fopencookie(g, "r", (cookie_io_functions_t){.read = on_read});
}
