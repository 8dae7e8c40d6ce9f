#include "tests/support/obu_log.h"

#include "base/assert.h"
#include "v2x/wsmp.h"

#include <stdio.h>
#include <zlib.h>

enum { HEADER = 26 };

static uint32_t le(const uint8_t *p, unsigned n) {
    uint32_t v = 0;
    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

bool obu_log_open(const char *data_folder, const char *name, struct obu_log *ret_log) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/v2x/logs/%s.gz", data_folder, name);
    gzFile f = gzopen(path, "rb");
    if (f == NULL)
        return false;
    *ret_log = (struct obu_log){.separated = strstr(name, "commsignia") != NULL};
    uint8_t part[65536];
    int n;
    while ((n = gzread(f, part, sizeof(part))) > 0)
        buf_put(&ret_log->octets, part, (size_t)n);
    (void)gzclose(f);
    return n == 0;
}

bool obu_log_next(struct obu_log *log, struct obu_record *ret_record) {
    const struct buf *b = &log->octets;
    if (log->at == b->n)
        return false;
    WS_ASSERT(b->n - log->at >= HEADER);
    const uint8_t *p = b->p + log->at;
    size_t n = le(p + 24, 2);
    WS_ASSERT(b->n - log->at - HEADER >= n);
    log->at += HEADER + n;
    if (log->separated && log->at < b->n) {
        WS_ASSERT(b->p[log->at] == 0x0a);
        log->at++;
    }
    struct obu_record r = {
        .source = p[0],
        .lat = (int32_t)le(p + 1, 4),
        .lon = (int32_t)le(p + 5, 4),
        .speed = (uint16_t)le(p + 13, 2),
        .heading = (uint16_t)le(p + 15, 2),
        .unix_ms = (uint64_t)le(p + 17, 4) * 1000 + le(p + 21, 2),
        .payload = span_of(p + HEADER, n),
    };
    r.message = r.payload;
    struct wsmp w;
    if (n > 1 && r.payload.p[1] == 0 && wsmp_read(r.payload, &w) == WSMP_OK) {
        r.message = w.message;
        r.has_psid = true;
        r.psid = w.psid;
    }
    *ret_record = r;
    return true;
}

void obu_log_close(struct obu_log *log) {
    buf_free(&log->octets);
}
