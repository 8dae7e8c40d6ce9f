#include "pktio/capture_pcapng.h"

#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio_ext.h>
#include <stdlib.h>

enum block_type {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete */
    BLOCK_SIMPLE = 3,
    BLOCK_ENHANCED = 6,
};

enum {
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    FRAME_OCTETS = 12, /* type, length, length again */
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_NAME = 2,
    OPTION_TSRESOL = 9,
    OPTION_TSOFFSET = 14,
    RESOLUTION_DEFAULT = 6,
};
#define NS_PER_S 1000000000U

struct interface {
    uint16_t link;
    uint8_t resolution; /* if_tsresol: negative power of ten, or of two with the top bit */
    uint32_t snaplen; /* 0: no limit */
    int64_t offset_s;
    uint8_t *name; /* owned; NULL: none */
    size_t n_name;
};

struct pcapng {
    FILE *f;
    char *path;
    bool big_endian; /* of the section */
    bool in_section;
    struct buf block; /* body: behind type and length, the second length excluded */
    struct interface *interfaces;
    size_t n_interfaces, cap_interfaces;
    struct buf comment;
    uint64_t packets; /* given so far */
    uint64_t at; /* octet at which the block begins */
    uint64_t next_at;
    uint64_t last_stamp_ns;
    struct ws_err failure; /* once it went wrong */
};

struct pcapng *pcapng_new(FILE *f, const char *path) {
    struct pcapng *g = ws_alloc(sizeof(*g));
    (void)__fsetlocking(f, FSETLOCKING_BYCALLER); /* several reads for each packet, one thread */
    g->f = f;
    g->path = ws_strdup(path);
    return g;
}

static void forget_interfaces(struct pcapng *g) {
    for (size_t i = 0; i < g->n_interfaces; i++)
        free(g->interfaces[i].name);
    g->n_interfaces = 0;
}

void pcapng_free(struct pcapng *g) {
    if (g == NULL)
        return;
    buf_free(&g->block);
    buf_free(&g->comment);
    forget_interfaces(g);
    free(g->interfaces);
    free(g->path);
    free(g);
}

static int refuse(struct pcapng *g, enum ws_code code, const char *why) {
    return ws_fail(&g->failure, code, "%s: record %" PRIu64 ", block at octet %" PRIu64 ": %s",
        g->path, g->packets + 1, g->at, why);
}

static uint16_t get16(const struct pcapng *g, const uint8_t *p) {
    uint16_t v = be16(p);
    return g->big_endian ? v : __builtin_bswap16(v);
}

static uint32_t get32(const struct pcapng *g, const uint8_t *p) {
    uint32_t v = be32(p);
    return g->big_endian ? v : __builtin_bswap32(v);
}

/* ---- octets from the file ---- */

static int read_octets(struct pcapng *g, uint8_t *dst, size_t n) {
    size_t got = fread(dst, 1, n, g->f);
    g->next_at += got;
    if (got == n)
        return WS_OK;
    if (ferror(g->f)) {
        int cause = errno;
        return refuse(g, WS_EIO, strerror(cause));
    }
    return refuse(g, WS_EINPUT, "the file ends inside the block");
}

static int skip_octets(struct pcapng *g, uint64_t n) {
    uint8_t away[4096];
    int rc = WS_OK;
    while (n > 0 && rc == WS_OK) {
        size_t part = n < sizeof(away) ? (size_t)n : sizeof(away);
        rc = read_octets(g, away, part);
        n -= part;
    }
    return rc;
}

/* ---- options ---- */

/* The next option of a list, *at behind it; false: the end, or *ret_bad because one runs past the block. */
static bool next_option(const struct pcapng *g, struct span list, size_t *at, uint16_t *ret_code,
    struct span *ret_value, bool *ret_bad) {
    *ret_bad = false;
    size_t left = list.n - *at;
    if (left < 4)
        return false;
    *ret_code = get16(g, list.p + *at);
    size_t n = get16(g, list.p + *at + 2);
    if (*ret_code == OPTION_END)
        return false;
    if (n > left - 4) {
        *ret_bad = true;
        return false;
    }
    *ret_value = span_of(list.p + *at + 4, n);
    size_t padded = (n + 3) & ~(size_t)3;
    *at += 4 + (padded < left - 4 ? padded : left - 4);
    return true;
}

/* A damaged option does not make the frame worse: what was read before it counts. */
static void read_comments(struct pcapng *g, struct span options) {
    uint16_t code;
    struct span value;
    bool bad;
    buf_clear(&g->comment);
    for (size_t at = 0; next_option(g, options, &at, &code, &value, &bad);) {
        if (code != OPTION_COMMENT)
            continue;
        if (g->comment.n > 0)
            buf_u8(&g->comment, '\n');
        buf_put(&g->comment, value.p, value.n);
    }
}

/* ---- sections and interfaces ---- */

static int read_interface(struct pcapng *g) {
    struct span body = buf_span(&g->block);
    if (body.n < 8)
        return refuse(g, WS_EINPUT, "interface description is too short");
    if (g->n_interfaces == PCAPNG_INTERFACES_MAX)
        return refuse(g, WS_ELIMIT, "more than 65536 interfaces in one section");
    struct interface i = {
        .link = get16(g, body.p),
        .resolution = RESOLUTION_DEFAULT,
        .snaplen = get32(g, body.p + 4),
    };
    uint16_t code;
    struct span value;
    bool bad;
    struct span options = span_of(body.p + 8, body.n - 8);
    struct span name = {0};
    for (size_t at = 0; next_option(g, options, &at, &code, &value, &bad);) {
        if (code == OPTION_NAME)
            name = span_of(value.p, value.n < PCAPNG_NAME_MAX ? value.n : PCAPNG_NAME_MAX);
        if (code == OPTION_TSRESOL && value.n >= 1)
            i.resolution = value.p[0];
        if (code == OPTION_TSOFFSET && value.n >= 8) {
            uint64_t v = be64(value.p);
            i.offset_s = (int64_t)(g->big_endian ? v : __builtin_bswap64(v));
        }
    }
    /* Here it could change every stamp of the interface. */
    if (bad)
        return refuse(g, WS_EINPUT, "an option of the interface runs past its block");
    if (g->n_interfaces == g->cap_interfaces) {
        g->cap_interfaces = g->cap_interfaces == 0 ? 4 : g->cap_interfaces * 2;
        g->interfaces = ws_realloc(g->interfaces, g->cap_interfaces * sizeof(*g->interfaces));
    }
    i.n_name = name.n;
    i.name = name.n == 0 ? NULL : ws_memdup(name.p, name.n);
    g->interfaces[g->n_interfaces++] = i;
    return WS_OK;
}

/* ---- packets ---- */

/* Whole seconds and the rest by the interface's resolution; beyond what 64 bits hold: the last instant there is,
 * before 1970: the first. */
static uint64_t stamp_of(const struct interface *i, uint64_t ticks) {
    unsigned power = i->resolution & 0x7fU;
    __int128 ns;
    if ((i->resolution & 0x80) != 0) {
        ns = (__int128)(((unsigned __int128)ticks * NS_PER_S) >> power);
    } else if (power <= 9) {
        ns = (__int128)ticks;
        for (unsigned k = power; k < 9; k++)
            ns *= 10;
    } else {
        for (unsigned k = 9; k < power && ticks != 0; k++)
            ticks /= 10;
        ns = (__int128)ticks;
    }
    ns += (__int128)i->offset_s * NS_PER_S;
    if (ns < 0)
        return 0;
    return ns > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static const struct interface *interface_at(struct pcapng *g, uint32_t number) {
    if (number < g->n_interfaces)
        return &g->interfaces[number];
    (void)refuse(g, WS_EINPUT, "the packet names an interface that was not described");
    return NULL;
}

/* Enhanced and obsolete packet blocks differ in the first four octets only. */
static int read_packet(struct pcapng *g, uint32_t type, struct pcapng_packet *ret_packet) {
    struct span body = buf_span(&g->block);
    if (body.n < 20)
        return refuse(g, WS_EINPUT, "packet block is too short");
    uint32_t number = type == BLOCK_ENHANCED ? get32(g, body.p) : get16(g, body.p);
    const struct interface *i = interface_at(g, number);
    if (i == NULL)
        return g->failure.code;
    uint64_t ticks = (uint64_t)get32(g, body.p + 4) << 32 | get32(g, body.p + 8);
    size_t n = get32(g, body.p + 12);
    uint32_t original = get32(g, body.p + 16);
    if (n > body.n - 20)
        return refuse(g, WS_EINPUT, "the captured length runs past the block");
    size_t padded = (n + 3) & ~(size_t)3;
    size_t options = padded < body.n - 20 ? 20 + padded : body.n;
    read_comments(g, span_of(body.p + options, body.n - options));
    g->last_stamp_ns = stamp_of(i, ticks);
    *ret_packet = (struct pcapng_packet){
        .data = span_of(body.p + 20, n),
        .link = i->link,
        .name = span_of(i->name, i->n_name),
        .interface = number,
        .original_octets = original < n ? (uint32_t)n : original,
        .stamp_ns = g->last_stamp_ns,
        .comment = buf_span(&g->comment),
    };
    return 1;
}

/* Of the first interface; its length on the air, the snapshot length and the block bound what is there. */
static int read_simple(struct pcapng *g, struct pcapng_packet *ret_packet) {
    struct span body = buf_span(&g->block);
    if (body.n < 4)
        return refuse(g, WS_EINPUT, "packet block is too short");
    const struct interface *i = interface_at(g, 0);
    if (i == NULL)
        return g->failure.code;
    uint32_t original = get32(g, body.p);
    size_t n = original;
    if (i->snaplen != 0 && n > i->snaplen)
        n = i->snaplen;
    if (n > body.n - 4)
        return refuse(g, WS_EINPUT, "the captured length runs past the block");
    buf_clear(&g->comment);
    *ret_packet = (struct pcapng_packet){
        .data = span_of(body.p + 4, n),
        .link = i->link,
        .name = span_of(i->name, i->n_name),
        .original_octets = original,
        .stamp_ns = g->last_stamp_ns,
    };
    return 1;
}

/* ---- blocks ---- */

static bool is_read(uint32_t type) {
    return type == BLOCK_SECTION || type == BLOCK_INTERFACE || type == BLOCK_PACKET ||
           type == BLOCK_SIMPLE || type == BLOCK_ENHANCED;
}

/* The byte order stands behind the length that it is needed for. */
static int begin_section(struct pcapng *g, uint8_t magic[static 4]) {
    int rc = read_octets(g, magic, 4);
    if (rc != WS_OK)
        return rc;
    g->big_endian = be32(magic) == BYTE_ORDER_MAGIC;
    if (!g->big_endian && be32(magic) != __builtin_bswap32(BYTE_ORDER_MAGIC))
        return refuse(g, WS_EINPUT, "no byte-order magic in the section header: not a pcapng file");
    forget_interfaces(g);
    g->in_section = true;
    return WS_OK;
}

static int read_body(struct pcapng *g, uint32_t type, uint32_t length, size_t had) {
    if (length < FRAME_OCTETS + had || length % 4 != 0)
        return refuse(g, WS_EINPUT, "the block's length is impossible");
    size_t left = length - FRAME_OCTETS - had;
    int rc;
    if (!is_read(type) || type == BLOCK_SECTION) {
        rc = skip_octets(g, left);
    } else if (length > PCAPNG_BLOCK_MAX) {
        rc = refuse(g, WS_ELIMIT, "the block is longer than 16 MiB");
    } else {
        buf_clear(&g->block);
        rc = read_octets(g, buf_grow(&g->block, left), left);
    }
    uint8_t again[4];
    if (rc == WS_OK)
        rc = read_octets(g, again, 4);
    if (rc == WS_OK && get32(g, again) != length)
        rc = refuse(g, WS_EINPUT, "the block's two lengths differ");
    return rc;
}

/* 1: a packet; 2: something else; 0: end of file. */
static int read_block(struct pcapng *g, struct pcapng_packet *ret_packet) {
    uint8_t head[8];
    g->at = g->next_at;
    size_t got = fread(head, 1, 1, g->f);
    if (got == 0 && !ferror(g->f))
        return 0;
    if (got == 0) {
        int cause = errno;
        return refuse(g, WS_EIO, strerror(cause));
    }
    g->next_at++;
    int rc = read_octets(g, head + 1, sizeof(head) - 1);
    if (rc != WS_OK)
        return rc;
    bool section = be32(head) == BLOCK_SECTION; /* the same in both orders */
    if (!section && !g->in_section)
        return refuse(g, WS_EINPUT, "no section header: not a pcapng file");
    uint8_t magic[4];
    if (section)
        rc = begin_section(g, magic);
    if (rc != WS_OK)
        return rc;
    uint32_t type = get32(g, head);
    rc = read_body(g, type, get32(g, head + 4), section ? sizeof(magic) : 0);
    if (rc != WS_OK)
        return rc;
    switch (type) {
    case BLOCK_INTERFACE:
        rc = read_interface(g);
        return rc == WS_OK ? 2 : rc;
    case BLOCK_ENHANCED:
    case BLOCK_PACKET:
        return read_packet(g, type, ret_packet);
    case BLOCK_SIMPLE:
        return read_simple(g, ret_packet);
    default:
        return 2;
    }
}

int pcapng_next(struct pcapng *g, struct pcapng_packet *ret_packet, struct ws_err *err) {
    int rc = g->failure.code;
    if (rc == WS_OK) {
        do
            rc = read_block(g, ret_packet);
        while (rc == 2);
    }
    if (rc < 0 && err != NULL)
        *err = g->failure;
    if (rc == 1)
        g->packets++;
    return rc;
}
