#include "mapsvc/model/mapset.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/model/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* File form: magic, version, frame, namespace, digest, with version 2 lineage, elements in ascending id. */
static const char magic[8] = {'W', 'S', 'M', 'A', 'P', '\r', '\n', 0x1a};
enum { FILE_VERSION = 1, FILE_VERSION_LINEAGE = 2, ELEMENT_OCTETS_MAX = 1 << 20 };

void mapset_free(struct mapset *m) {
    for (size_t i = 0; i < m->n; i++)
        element_free(&m->elements[i]);
    free(m->elements);
    *m = (struct mapset){0};
}

void mapset_add(struct mapset *m, struct element *e) {
    if (m->n == m->cap) {
        m->cap = m->cap == 0 ? 64 : m->cap * 2;
        m->elements = ws_realloc(m->elements, m->cap * sizeof(m->elements[0]));
    }
    m->elements[m->n++] = *e;
    *e = (struct element){0};
}

static int by_id(const void *a, const void *b) {
    return memcmp(((const struct element *)a)->id, ((const struct element *)b)->id, 16);
}

void mapset_sort(struct mapset *m) {
    if (m->n > 1)
        qsort(m->elements, m->n, sizeof(m->elements[0]), by_id);
}

static void close_up(struct mapset *m, const uint32_t *gone, size_t n) {
    if (n == 0)
        return;
    size_t to = gone[0];
    for (size_t k = 0; k < n; k++) {
        size_t from = (size_t)gone[k] + 1;
        size_t end = k + 1 < n ? gone[k + 1] : m->n;
        WS_ASSERT(from <= end && end <= m->n);
        element_free(&m->elements[gone[k]]);
        memmove(&m->elements[to], &m->elements[from], (end - from) * sizeof(m->elements[0]));
        to += end - from;
    }
    m->n = to;
}

/* Where an element with this id is or would be, below n. */
static size_t lower_bound(const struct mapset *m, size_t n, const uint8_t id[static 16]) {
    size_t lo = 0;
    size_t hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(m->elements[mid].id, id, 16) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* From the last to the first: what lies behind each moves once, to where it stays. */
static void spread_out(struct mapset *m, struct element *fresh, size_t n) {
    size_t end = m->n;
    if (m->n + n > m->cap) {
        m->cap = m->n + n > 2 * m->cap ? m->n + n : 2 * m->cap;
        m->elements = ws_realloc(m->elements, m->cap * sizeof(m->elements[0]));
    }
    m->n += n;
    while (n-- > 0) {
        size_t at = lower_bound(m, end, fresh[n].id);
        memmove(&m->elements[at + n + 1], &m->elements[at], (end - at) * sizeof(m->elements[0]));
        m->elements[at + n] = fresh[n];
        fresh[n] = (struct element){0};
        end = at;
    }
}

void mapset_edit(
    struct mapset *m, const uint32_t *gone, size_t n_gone, struct element *fresh, size_t n_fresh) {
    close_up(m, gone, n_gone);
    spread_out(m, fresh, n_fresh);
}

const struct element *mapset_find(const struct mapset *m, const uint8_t id[static 16]) {
    size_t at = lower_bound(m, m->n, id);
    return at < m->n && memcmp(m->elements[at].id, id, 16) == 0 ? &m->elements[at] : NULL;
}

static bool has_lineage(const struct mapset *m) {
    static const uint8_t none[32] = {0};
    return memcmp(m->lineage, none, sizeof(none)) != 0;
}

void mapset_encode(const struct mapset *m, struct buf *b) {
    buf_put(b, magic, sizeof(magic));
    buf_u8(b, has_lineage(m) ? FILE_VERSION_LINEAGE : FILE_VERSION);
    buf_i32(b, m->frame.lat0);
    buf_i32(b, m->frame.lon0);
    buf_i64(b, m->frame.north);
    buf_i64(b, m->frame.east);
    size_t ns = strnlen(m->ns, sizeof(m->ns));
    WS_ASSERT(ns < sizeof(m->ns));
    buf_u8(b, (uint8_t)ns);
    buf_put(b, m->ns, ns);
    buf_put(b, m->base_digest, sizeof(m->base_digest));
    if (has_lineage(m))
        buf_put(b, m->lineage, sizeof(m->lineage));
    WS_ASSERT(m->n <= UINT32_MAX);
    buf_u32(b, (uint32_t)m->n);
    struct buf one = {0};
    for (size_t i = 0; i < m->n; i++) {
        WS_ASSERT(i == 0 || by_id(&m->elements[i - 1], &m->elements[i]) < 0);
        buf_clear(&one);
        element_encode(&m->elements[i], &one);
        buf_var(b, buf_span(&one));
    }
    buf_free(&one);
}

static bool frame_is_sane(const struct cell_frame *f) {
    return f->lat0 >= -900000000 && f->lat0 <= 900000000 && f->lon0 >= -1800000000 &&
           f->lon0 <= 1800000000 && f->north >= FRAME_SCALE_MIN && f->north <= FRAME_SCALE_MAX &&
           f->east >= FRAME_SCALE_MIN && f->east <= FRAME_SCALE_MAX;
}

static int decode_elements(struct rd *r, struct mapset *m, struct ws_err *err) {
    uint32_t n = rd_u32(r);
    for (uint32_t i = 0; i < n; i++) {
        size_t at = r->at;
        struct span s = rd_var(r, ELEMENT_OCTETS_MAX);
        if (r->bad)
            return ws_fail(err, WS_EINPUT, "map: octet %zu: element %u of %u is cut off", at, i, n);
        struct element e;
        int rc = element_decode(s, &e, err);
        if (rc != WS_OK)
            return ws_fail_in(err, "map: octet %zu: element %u of %u", at, i, n);
        mapset_add(m, &e);
        if (i > 0 && by_id(&m->elements[i - 1], &m->elements[i]) >= 0)
            return ws_fail(err, WS_EINPUT, "map: octet %zu: element %u is out of order", at, i);
    }
    return WS_OK;
}

int mapset_decode(struct span s, struct mapset *ret_map, struct ws_err *err) {
    struct rd r = rd_of(s);
    struct mapset m = {0};
    struct span head = rd_take(&r, sizeof(magic));
    if (r.bad || memcmp(head.p, magic, sizeof(magic)) != 0)
        return ws_fail(err, WS_EINPUT, "map: not a Wayside map");
    uint8_t version = rd_u8(&r);
    if (!r.bad && version != FILE_VERSION && version != FILE_VERSION_LINEAGE)
        return ws_fail(err, WS_ENOTSUP, "map: encoding version %u is not 1 or 2", version);
    m.frame.lat0 = rd_i32(&r);
    m.frame.lon0 = rd_i32(&r);
    m.frame.north = rd_i64(&r);
    m.frame.east = rd_i64(&r);
    size_t n = rd_u8(&r);
    struct span ns = rd_take(&r, n);
    if (r.bad || n >= sizeof(m.ns) || !text_is_clean(ns) || !frame_is_sane(&m.frame))
        return ws_fail(err, WS_EINPUT, "map: octet %zu: malformed frame or namespace", r.at);
    if (n > 0)
        memcpy(m.ns, ns.p, n);
    rd_copy(&r, m.base_digest, sizeof(m.base_digest));
    if (version == FILE_VERSION_LINEAGE) {
        rd_copy(&r, m.lineage, sizeof(m.lineage));
        if (!has_lineage(&m))
            return ws_fail(err, WS_EINPUT, "map: octet %zu: a lineage of zeros", r.at);
    }
    int rc = decode_elements(&r, &m, err);
    if (rc == WS_OK && !rd_done(&r))
        rc = ws_fail(
            err, WS_EINPUT, "map: octet %zu of %zu: octets missing or left over", r.at, s.n);
    if (rc != WS_OK) {
        mapset_free(&m);
        return rc;
    }
    *ret_map = m;
    return WS_OK;
}

void mapset_digest(const struct mapset *m, uint8_t ret_digest[static 32]) {
    struct buf b = {0};
    mapset_encode(m, &b);
    exec_sha256_one(buf_span(&b), ret_digest);
    buf_free(&b);
}

void map_report_add(struct map_report *r, const char *fmt, ...) {
    if (r == NULL)
        return;
    r->notes++;
    if (r->n == MAP_REPORT_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->text[r->n], sizeof(r->text[r->n]), fmt, ap);
    va_end(ap);
    r->n++;
}
