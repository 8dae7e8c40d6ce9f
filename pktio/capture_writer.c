#include "pktio/capture.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "pktio/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Classic pcap, draft-ietf-opsawg-pcap: always little-endian, so that the same frames give the same file on
 * every machine. */
enum {
    PCAP_MAGIC_NS = 0x4d3cb2a1, /* a1b23c4d stored with the low octet first */
    PCAP_SNAPLEN = 262144,
    FLUSH_AT = 1 << 18,
    INTERFACES_MAX = 256, /* in one file; the last of them are for link types, not for names */
    LINKS_MAX = 32, /* more than there are link types that are read */
};
#define NS_PER_S 1000000000U

struct capture_writer {
    char *path;
    char *tmp; /* NULL: written straight into something that is no regular file, e.g. a FIFO */
    int fd;
    struct buf out;
    uint64_t frames;
    uint64_t safe_octets, safe_frames; /* given to the kernel, whole blocks */
    struct {
        enum frame_link link;
        char *name;
    } interface[INTERFACES_MAX]; /* annotated: so far */
    uint32_t n_interfaces;
    struct ws_err failure; /* the first one; code 0: none */
};

static void put_le32(struct buf *b, uint32_t v) {
    buf_u32(b, __builtin_bswap32(v));
}

static void put_le16(struct buf *b, uint16_t v) {
    buf_u16(b, __builtin_bswap16(v));
}

static void flush(struct capture_writer *w) {
    const uint8_t *p = w->out.p;
    size_t left = w->out.n;
    while (left > 0 && w->failure.code == WS_OK) {
        ssize_t put = write(w->fd, p, left);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            (void)ws_fail(&w->failure, WS_EIO, "%s: %s", w->path, strerror(errno));
            break;
        }
        p += put;
        left -= (size_t)put;
    }
    if (w->failure.code == WS_OK) {
        w->safe_octets += w->out.n;
        w->safe_frames = w->frames;
    }
    buf_clear(&w->out);
}

static int create(
    const char *path, mode_t mode, struct capture_writer **ret_writer, struct ws_err *err) {
    struct capture_writer *w = ws_alloc(sizeof(*w));
    struct stat st;
    bool straight = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    w->path = ws_strdup(path);
    if (!straight) {
        struct buf tmp = {0};
        buf_printf(&tmp, "%s.tmp.%ld", path, (long)getpid());
        buf_u8(&tmp, 0);
        w->tmp = (char *)tmp.p;
    }
    const char *name = straight ? w->path : w->tmp;
    w->fd = open(name, O_WRONLY | O_CLOEXEC | (straight ? 0 : O_CREAT | O_TRUNC), mode);
    if (w->fd < 0) {
        int rc = ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
        free(w->tmp);
        free(w->path);
        free(w);
        return rc;
    }
    *ret_writer = w;
    return WS_OK;
}

int capture_create(const char *path, struct capture_writer **ret_writer, struct ws_err *err) {
    struct capture_writer *w = NULL;
    int rc = create(path, 0644, &w, err);
    if (rc != WS_OK)
        return rc;
    buf_u32(&w->out, PCAP_MAGIC_NS);
    put_le16(&w->out, 2);
    put_le16(&w->out, 4);
    put_le32(&w->out, 0); /* zone and accuracy: always 0 */
    put_le32(&w->out, 0);
    put_le32(&w->out, PCAP_SNAPLEN);
    put_le32(&w->out, LINK_ETHERNET);
    *ret_writer = w;
    return WS_OK;
}

void capture_put(struct capture_writer *w, uint64_t stamp_ns, struct span frame) {
    if (w->failure.code != WS_OK)
        return;
    w->frames++;
    if (stamp_ns / NS_PER_S > UINT32_MAX || frame.n > PCAP_SNAPLEN) {
        (void)ws_fail(&w->failure, WS_EINPUT, "%s: frame %llu: %s", w->path,
            (unsigned long long)w->frames,
            frame.n > PCAP_SNAPLEN ? "longer than a capture holds" : "stamp after the year 2106");
        return;
    }
    put_le32(&w->out, (uint32_t)(stamp_ns / NS_PER_S));
    put_le32(&w->out, (uint32_t)(stamp_ns % NS_PER_S));
    put_le32(&w->out, (uint32_t)frame.n);
    put_le32(&w->out, (uint32_t)frame.n);
    buf_put(&w->out, frame.p, frame.n);
    if (w->out.n >= FLUSH_AT)
        flush(w);
}

int capture_create_annotated(
    const char *path, mode_t mode, struct capture_writer **ret_writer, struct ws_err *err) {
    int rc = create(path, mode, ret_writer, err);
    if (rc == WS_OK)
        pcapng_put_section(&(*ret_writer)->out, "wayside");
    return rc;
}

static bool find_interface(
    const struct capture_writer *w, enum frame_link link, const char *name, uint32_t *ret_at) {
    for (*ret_at = 0; *ret_at < w->n_interfaces; ++*ret_at) {
        if (w->interface[*ret_at].link == link && strcmp(w->interface[*ret_at].name, name) == 0)
            return true;
    }
    return false;
}

/* One interface for each name and link type, described when its first frame comes. With more names than there is room for,
 * the later ones are not told. */
static uint32_t interface_of(struct capture_writer *w, enum frame_link link, const char *name) {
    uint32_t at;
    if (w->n_interfaces >= INTERFACES_MAX - LINKS_MAX && !find_interface(w, link, name, &at))
        name = "";
    if (find_interface(w, link, name, &at))
        return at;
    WS_ASSERT(w->n_interfaces < INTERFACES_MAX);
    pcapng_put_interface(&w->out, link, name);
    w->interface[at].link = link;
    w->interface[at].name = ws_strdup(name);
    return w->n_interfaces++;
}

void capture_put_annotated(struct capture_writer *w, const struct pkt_frame *f,
    const char *interface, const char *comment) {
    if (w->failure.code != WS_OK)
        return;
    w->frames++;
    uint32_t number = interface_of(w, f->link, interface == NULL ? "" : interface);
    pcapng_put_frame(&w->out, number, f, PCAPNG_INBOUND, comment);
    if (w->out.n >= FLUSH_AT)
        flush(w);
}

static void sync_folder_of(const char *path) {
    char *copy = ws_strdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
    free(copy);
}

int capture_finish(struct capture_writer *w, struct ws_err *err) {
    flush(w);
    if (w->failure.code == WS_OK && w->tmp != NULL && fsync(w->fd) != 0)
        (void)ws_fail(&w->failure, WS_EIO, "%s: %s", w->path, strerror(errno));
    if (close(w->fd) != 0 && w->failure.code == WS_OK)
        (void)ws_fail(&w->failure, WS_EIO, "%s: %s", w->path, strerror(errno));
    if (w->tmp != NULL) {
        if (w->failure.code == WS_OK && rename(w->tmp, w->path) != 0)
            (void)ws_fail(&w->failure, WS_EIO, "%s: %s", w->path, strerror(errno));
        if (w->failure.code == WS_OK)
            sync_folder_of(w->path);
        else
            (void)unlink(w->tmp);
    }
    int rc = w->failure.code;
    if (rc != WS_OK && err != NULL)
        *err = w->failure;
    buf_free(&w->out);
    for (uint32_t i = 0; i < w->n_interfaces; i++)
        free(w->interface[i].name);
    free(w->tmp);
    free(w->path);
    free(w);
    return rc;
}

bool capture_flush(struct capture_writer *w) {
    flush(w);
    return w->failure.code == WS_OK;
}

struct capture_progress capture_progress(const struct capture_writer *w) {
    return (struct capture_progress){.octets = w->safe_octets + w->out.n,
        .frames = w->frames,
        .safe_frames = w->safe_frames,
        .failed = w->failure.code != WS_OK};
}

int capture_keep(struct capture_writer *w, struct ws_err *err) {
    flush(w);
    struct ws_err failure = w->failure;
    /* What the kernel took of the block that failed is cut off again. */
    if (failure.code != WS_OK && w->tmp != NULL && w->safe_octets > 0 &&
        ftruncate(w->fd, (off_t)w->safe_octets) == 0)
        w->failure.code = WS_OK;
    int rc = capture_finish(w, err);
    if (failure.code != WS_OK && err != NULL)
        *err = failure;
    return failure.code != WS_OK ? failure.code : rc;
}

void capture_discard(struct capture_writer *w) {
    struct ws_err err = {0};
    if (w->failure.code == WS_OK)
        (void)ws_fail(&w->failure, WS_EIO, "%s: discarded", w->path);
    buf_clear(&w->out);
    int rc = capture_finish(w, &err);
    WS_ASSERT(rc != WS_OK);
}
