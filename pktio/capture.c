#include "pktio/capture.h"

#include "base/mem.h"
#include "pktio/capture_gzip.h"
#include "pktio/capture_pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S 1000000000U

enum {
    PCAPNG_FIRST_OCTET = 0x0a,
    DLT_RAW_ELSEWHERE = 14 /* raw IP in files of other systems, as 12 is ours */
};

/* Classic files through libpcap, pcapng through our own reader. */
struct capture {
    pcap_t *pcap;
    struct pcapng *ng;
    FILE *f; /* of ng; libpcap owns its own */
    struct gunzip *gz; /* of a packed file; what is read comes from it */
    FILE *packed; /* of gz */
    bool any_known; /* ng: a frame of a link type that is read was there */
    uint32_t unknown; /* ng: a link type that is not read, of a frame */
    struct span comment, interface;
    char *path;
    uint32_t index;
    enum frame_link link;
    uint64_t number; /* records read so far */
};

/* libpcap answers with DLT values, which differ from the LINKTYPE values in files for raw IP only. */
static enum frame_link link_of(uint32_t number) {
    bool raw = number == DLT_RAW || number == DLT_RAW_ELSEWHERE;
    return raw ? LINK_RAW_IP : (enum frame_link)number;
}

static int link_refused(const char *path, int dlt, struct ws_err *err) {
    const char *name = pcap_datalink_val_to_name(dlt);
    const char *what = pcap_datalink_val_to_description(dlt);
    return ws_fail(err, WS_ENOTSUP,
        "%s: link type %d (%s%s%s) is not read; Ethernet, 802.11, cooked and raw IP captures are",
        path, dlt, name != NULL ? name : "unnamed", what != NULL ? ", " : "",
        what != NULL ? what : "");
}

/* ---- a stream that can be stopped while it waits ---- */

struct stoppable {
    int fd, stop_fd;
};

static ssize_t stoppable_read(void *cookie, char *dst, size_t n) {
    struct stoppable *s = cookie;
    for (;;) {
        /* A FIFO that no writer has opened yet counts as not ready, so this also waits for the first one. */
        struct pollfd p[2] = {
            {.fd = s->stop_fd, .events = POLLIN}, {.fd = s->fd, .events = POLLIN}};
        int ready = poll(p, 2, -1);
        if (ready < 0 && errno != EINTR)
            return -1;
        if (ready <= 0)
            continue;
        if (p[0].revents != 0) {
            errno = ECANCELED;
            return -1;
        }
        ssize_t got = read(s->fd, dst, n);
        if (got >= 0 || errno != EINTR)
            return got;
    }
}

static int stoppable_close(void *cookie) {
    struct stoppable *s = cookie;
    int rc = s->fd == STDIN_FILENO ? 0 : close(s->fd);
    free(s);
    return rc;
}

static FILE *stoppable_open(const char *path, bool is_stdin, int stop_fd) {
    int fd = STDIN_FILENO;
    if (!is_stdin) {
        /* Without O_NONBLOCK opening a FIFO waits for its writer; reading should wait, though. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            return NULL;
        (void)fcntl(fd, F_SETFL, 0);
    }
    struct stoppable *s = ws_alloc(sizeof(*s));
    *s = (struct stoppable){fd, stop_fd};
    FILE *f = fopencookie(
        s, "r", (cookie_io_functions_t){.read = stoppable_read, .close = stoppable_close});
    if (f == NULL)
        (void)stoppable_close(s);
    return f;
}

/* ---- opening ---- */

static FILE *stream_open(const char *path, bool is_stdin, int stop_fd) {
    struct stat st;
    bool waits = is_stdin || (stat(path, &st) == 0 && !S_ISREG(st.st_mode));
    if (stop_fd >= 0 && waits)
        return stoppable_open(path, is_stdin, stop_fd);
    return is_stdin ? stdin : fopen(path, "rbe");
}

static void shut(FILE *f) {
    if (f != stdin)
        (void)fclose(f);
}

static int open_classic(struct capture *c, FILE *f, struct ws_err *err) {
    char why[PCAP_ERRBUF_SIZE] = "";
    c->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
    if (c->pcap == NULL) {
        shut(f);
        const char *packed = c->gz == NULL ? NULL : gunzip_why(c->gz);
        return ws_fail(err, WS_EINPUT, "%s: not a capture that can be read: %s", c->path,
            packed != NULL ? packed : why);
    }
    c->link = link_of((uint32_t)pcap_datalink(c->pcap));
    if (!carrier_link_known(c->link))
        return link_refused(c->path, pcap_datalink(c->pcap), err);
    return WS_OK;
}

static int peek(FILE *f) {
    int first = getc(f);
    if (first != EOF)
        (void)ungetc(first, f);
    return first;
}

/* *f becomes what is packed in it. */
static int open_packed(struct capture *c, FILE **f, struct ws_err *err) {
    c->packed = *f;
    c->gz = gunzip_new(c->packed);
    *f = gunzip_stream(c->gz);
    return *f != NULL ? WS_OK : ws_fail(err, WS_EIO, "%s: %s", c->path, strerror(errno));
}

int capture_open_until(const char *path, uint32_t index, int stop_fd, struct capture **ret_capture,
    struct ws_err *err) {
    bool is_stdin = strcmp(path, "-") == 0;
    const char *shown = is_stdin ? "standard input" : path;
    FILE *f = stream_open(path, is_stdin, stop_fd);
    if (f == NULL)
        return ws_fail(
            err, errno == ENOENT ? WS_ENOTFOUND : WS_EIO, "%s: %s", shown, strerror(errno));
    struct capture *c = ws_alloc(sizeof(*c));
    c->path = ws_strdup(shown);
    c->index = index;
    int first = peek(f);
    int rc = WS_OK;
    if (first == GZIP_FIRST_OCTET) {
        rc = open_packed(c, &f, err);
        first = rc == WS_OK ? peek(f) : EOF;
    }
    if (rc == WS_OK && first == GZIP_FIRST_OCTET) {
        shut(f);
        rc = ws_fail(err, WS_ENOTSUP, "%s: packed with gzip twice; unpack it once first", shown);
    } else if (rc == WS_OK && first == PCAPNG_FIRST_OCTET) {
        c->f = f;
        c->ng = pcapng_new(f, shown);
    } else if (rc == WS_OK) {
        rc = open_classic(c, f, err);
    }
    if (rc == WS_OK)
        *ret_capture = c;
    else
        capture_close(c);
    return rc;
}

int capture_open(
    const char *path, uint32_t index, struct capture **ret_capture, struct ws_err *err) {
    return capture_open_until(path, index, -1, ret_capture, err);
}

/* Seconds are unsigned in the file but signed in libpcap's reader of classic files, so 2038 to 2106
 * come out negative. With nanosecond precision asked for, tv_usec holds nanoseconds; a damaged file may
 * name more than a second of them, which carries over. */
static uint64_t stamp_of(const struct pcap_pkthdr *h) {
    uint64_t s = h->ts.tv_sec < 0 ? (uint32_t)h->ts.tv_sec : (uint64_t)h->ts.tv_sec;
    uint64_t ns = h->ts.tv_usec < 0 ? (uint32_t)h->ts.tv_usec : (uint64_t)h->ts.tv_usec;
    if (s > (UINT64_MAX - UINT32_MAX) / NS_PER_S)
        return UINT64_MAX;
    return s * NS_PER_S + (ns > UINT32_MAX ? UINT32_MAX : ns);
}

static int read_failed(const struct capture *c, struct ws_err *err) {
    const char *packed = c->gz == NULL ? NULL : gunzip_why(c->gz);
    if (packed != NULL)
        return ws_fail(err, WS_EINPUT, "%s: record %llu: %s", c->path,
            (unsigned long long)c->number + 1, packed);
    return ws_fail(err, WS_EINPUT, "%s: record %llu: %s", c->path,
        (unsigned long long)c->number + 1, pcap_geterr(c->pcap));
}

/* A frame of an unread link type comes out like any other, since its neighbours may be of a type that is read; a
 * file that holds nothing else is refused, as a classic one is. */
static int next_ng(struct capture *c, struct pkt_frame *ret_frame, struct ws_err *err) {
    struct pcapng_packet p;
    int got = pcapng_next(c->ng, &p, err);
    if (got == 0 && !c->any_known && c->number > 0)
        return link_refused(c->path, (int)c->unknown, err);
    if (got < 0 && c->gz != NULL && gunzip_why(c->gz) != NULL)
        return read_failed(c, err);
    if (got != 1)
        return got;
    enum frame_link link = link_of(p.link);
    if (carrier_link_known(link))
        c->any_known = true;
    else
        c->unknown = p.link;
    c->number++;
    c->comment = p.comment;
    c->interface = p.name;
    *ret_frame = (struct pkt_frame){
        .data = p.data,
        .link = link,
        .original_octets = p.original_octets,
        .stamp_ns = p.stamp_ns,
        .capture = c->index,
        .number = c->number,
    };
    return 1;
}

int capture_next(struct capture *c, struct pkt_frame *ret_frame, struct ws_err *err) {
    if (c->ng != NULL)
        return next_ng(c, ret_frame, err);
    struct pcap_pkthdr *h;
    const u_char *data;
    int got = pcap_next_ex(c->pcap, &h, &data);
    if (got == PCAP_ERROR_BREAK)
        return 0;
    if (got != 1)
        return read_failed(c, err);
    c->number++;
    *ret_frame = (struct pkt_frame){
        .data = span_of(data, h->caplen),
        .link = c->link,
        /* A file that says the frame was shorter on the air than what it holds is wrong about that. */
        .original_octets = h->len < h->caplen ? h->caplen : h->len,
        .stamp_ns = stamp_of(h),
        .capture = c->index,
        .number = c->number,
    };
    return 1;
}

struct span capture_comment(const struct capture *c) {
    return c->comment;
}

struct span capture_interface(const struct capture *c) {
    return c->interface;
}

void capture_close(struct capture *c) {
    if (c == NULL)
        return;
    if (c->pcap != NULL)
        pcap_close(c->pcap);
    if (c->f != NULL)
        shut(c->f);
    pcapng_free(c->ng);
    gunzip_free(c->gz);
    if (c->packed != NULL)
        shut(c->packed);
    free(c->path);
    free(c);
}
