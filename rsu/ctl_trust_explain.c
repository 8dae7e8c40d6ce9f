/* rsuctl trust explain: which link of a chain fails, and by which rule. */
#include "base/fileio.h"
#include "pktio/capture.h"
#include "rsu/cert_text.h"
#include "rsu/ctl_trust.h"
#include "v2x/trust_explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { UNIX_OF_ITS = 1072915200, LEAP = 5 };

struct question {
    struct buf octets; /* what the rest borrows from */
    struct buf signer; /* certificate found elsewhere in the capture */
    bool has_message;
    struct spdu message;
    size_t n;
    struct cert cert[SPDU_MAX_CERTS];
    uint32_t now_s;
};

static bool is_capture(const struct buf *b) {
    static const uint8_t magic[][4] = {{0xa1, 0xb2, 0xc3, 0xd4}, {0xd4, 0xc3, 0xb2, 0xa1},
        {0xa1, 0xb2, 0x3c, 0x4d}, {0x4d, 0x3c, 0xb2, 0xa1}, {0x0a, 0x0d, 0x0d, 0x0a}};
    for (size_t i = 0; i < ARRAY_LEN(magic); i++) {
        if (b->n >= 4 && memcmp(b->p, magic[i], 4) == 0)
            return true;
    }
    return false;
}

/* The certificates a message brings along; the first was read by spdu_parse, those behind it follow it. */
static void take_certs(struct question *q) {
    const struct spdu *m = &q->message;
    if (m->signer != SIGNER_CERTIFICATE)
        return;
    const uint8_t *from = m->cert.all.p;
    struct coer c = coer_of(span_of(from, (size_t)(m->all.p + m->all.n - from)));
    while (q->n < m->n_certs && cert_read(&c, &q->cert[q->n]))
        q->n++;
}

static int of_message(struct question *q, struct span octets, struct ws_err *err) {
    size_t at;
    enum coer_fail f = spdu_parse(octets, &q->message, &at);
    if (f != COER_OK)
        return ws_fail(err, WS_EINPUT, "1609.2 message: %s at octet %zu", coer_fail_text(f), at);
    if (q->message.content != SPDU_SIGNED)
        return ws_fail(err, WS_EINPUT, "1609.2 data that is not signed");
    q->has_message = true;
    take_certs(q);
    return WS_OK;
}

/* Looks through the capture for the certificate that a digest stands for. */
static int find_signer(const char *path, struct question *q, struct ws_err *err) {
    struct capture *c;
    struct pkt_frame f;
    int rc = capture_open(path, 0, &c, err);
    if (rc != WS_OK)
        return rc;
    while (q->n == 0 && (rc = capture_next(c, &f, err)) == 1) {
        struct carrier carrier;
        struct spdu m;
        size_t at;
        uint8_t h256[32], h384[48];
        if (carrier_read(f.link, f.data, &carrier) != CARRIER_SECURED ||
            spdu_parse(carrier.message, &m, &at) != COER_OK || m.content != SPDU_SIGNED ||
            m.signer != SIGNER_CERTIFICATE)
            continue;
        cert_hash256(&m.cert, h256);
        cert_hash384(&m.cert, h384);
        if (memcmp(q->message.hash_id == 1 ? h384 + 40 : h256 + 24, q->message.digest, 8) != 0)
            continue;
        buf_put(&q->signer, m.cert.all.p, m.cert.all.n);
        if (cert_parse(buf_span(&q->signer), &q->cert[0], &at) == COER_OK)
            q->n = 1;
    }
    capture_close(c);
    return rc < 0 ? rc : WS_OK;
}

static int of_capture(const char *path, uint64_t number, struct question *q, struct ws_err *err) {
    struct capture *c;
    struct pkt_frame f;
    uint64_t at = 0;
    int rc = capture_open(path, 0, &c, err);
    if (rc != WS_OK)
        return rc;
    while ((rc = capture_next(c, &f, err)) == 1 && ++at < number)
        ;
    if (rc == 1) {
        struct carrier carrier;
        enum carrier_verdict v = carrier_read(f.link, f.data, &carrier);
        buf_clear(&q->octets);
        if (v == CARRIER_SECURED) {
            buf_put(&q->octets, carrier.message.p, carrier.message.n);
            rc = of_message(q, buf_span(&q->octets), err);
        } else {
            rc = ws_fail(err, WS_EINPUT, "no signed message: %s", carrier_verdict_text(v));
        }
    } else if (rc == 0) {
        rc = ws_fail(err, WS_ENOTFOUND, "the capture has %llu frames", (unsigned long long)at);
    }
    capture_close(c);
    if (rc == WS_OK && q->message.signer == SIGNER_DIGEST)
        rc = find_signer(path, q, err);
    return rc == WS_OK ? rc : ws_fail_in(err, "%s: frame %llu", path, (unsigned long long)number);
}

static int of_file(const char *path, uint64_t frame, struct question *q, struct ws_err *err) {
    FILE *file = fopen(path, "rb");
    uint8_t *first = buf_grow(&q->octets, 4);
    if (file == NULL)
        return ws_fail(err, WS_EIO, "%s: cannot be read", path);
    q->octets.n = fread(first, 1, 4, file);
    (void)fclose(file);
    if (is_capture(&q->octets))
        return of_capture(path, frame == 0 ? 1 : frame, q, err);
    if (frame != 0)
        return ws_fail(err, WS_EINPUT, "%s: --frame is for captures", path);
    buf_free(&q->octets);
    q->octets = (struct buf){0};
    int rc = file_read(path, 4 * CTL_TRUST_OCTETS, &q->octets, err);
    if (rc == WS_OK && cert_text_decode(&q->octets, NULL, err) != WS_OK)
        rc = ws_fail_in(err, "%s", path);
    if (rc != WS_OK)
        return rc;
    if (q->octets.n > 1 &&
        q->octets.p[0] == 3) /* Ieee1609Dot2Data; certificates begin with 00 or 80 */
        rc = of_message(q, buf_span(&q->octets), err);
    else {
        size_t at;
        enum coer_fail f = cert_parse(buf_span(&q->octets), &q->cert[0], &at);
        q->n = 1;
        if (f != COER_OK)
            rc = ws_fail(err, WS_EINPUT, "no certificate: %s at octet %zu", coer_fail_text(f), at);
    }
    return rc == WS_OK ? rc : ws_fail_in(err, "%s", path);
}

/* ---- saying it ---- */

static json_t *checks_json(const struct explain_link *l) {
    json_t *list = json_array();
    for (size_t i = 0; i < l->n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "rule", l->check[i].rule, "outcome",
                      explain_outcome_text(l->check[i].outcome), "text", l->check[i].text));
    return list;
}

static json_t *as_json(const struct explanation *x) {
    json_t *links = json_array();
    for (size_t i = 0; i < x->n_links; i++) {
        const struct explain_link *l = &x->link[i];
        char hash[65];
        hex_encode(hash, l->hash, 32);
        (void)json_array_append_new(
            links, json_pack("{s:s, s:s, s:s, s:b, s:o}", "hashed_id8", hash + 48, "hash", hash,
                       "name", l->name, "in_store", l->in_store, "checks", checks_json(l)));
    }
    json_t *o =
        json_pack("{s:s, s:o}", "outcome", explain_outcome_text(x->outcome), "chain", links);
    if (x->has_message)
        (void)json_object_set_new(o, "message", checks_json(&x->message));
    return o;
}

static void put_checks(const struct explain_link *l, struct buf *b) {
    for (size_t i = 0; i < l->n; i++)
        buf_printf(b, "  %-5s  %-18s  %s\n", explain_outcome_text(l->check[i].outcome),
            l->check[i].rule, l->check[i].text);
}

static void put_text(const struct explanation *x, struct buf *b) {
    if (x->has_message) {
        buf_printf(b, "message\n");
        put_checks(&x->message, b);
    }
    for (size_t i = 0; i < x->n_links; i++) {
        char hash[65];
        hex_encode(hash, x->link[i].hash, 32);
        buf_printf(b, "%s %s (%s%s)\n", i == 0 ? "signer" : "issuer", hash + 48, x->link[i].name,
            x->link[i].in_store ? ", in the store" : "");
        put_checks(&x->link[i], b);
    }
    buf_printf(b, "outcome: %s\n",
        x->outcome == EXPLAIN_OK      ? "believed"
        : x->outcome == EXPLAIN_FAILS ? "not believed: a rule fails"
                                      : "not believed: the chain is not complete");
}

static int answer(
    const struct ctl_verb *v, const struct question *q, const struct trust_store *t, bool json) {
    struct explanation x;
    int code;
    if (q->n == 0) {
        char id[17];
        struct ws_err err;
        hex_encode(id, q->message.digest, 8);
        (void)ws_fail(&err, WS_ENOTFOUND,
            "the message names its signer by digest %s, and no frame of the capture brings that "
            "certificate",
            id);
        return ctl_fail(v, CTL_NO, &err);
    }
    if (q->has_message)
        trust_explain_message(t, &q->message, q->cert, q->n, q->now_s, &x);
    else
        trust_explain(t, q->cert, q->n, q->now_s, &x);
    if (json) {
        json_t *o = as_json(&x);
        code = ctl_print_json(v, o);
        json_decref(o);
    } else {
        struct buf b = {0};
        put_text(&x, &b);
        code = ctl_print(v, buf_span(&b));
        buf_free(&b);
    }
    return code != CTL_DONE ? code : x.outcome == EXPLAIN_OK ? CTL_DONE : CTL_NO;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    const char *dir = NULL;
    const char *at = NULL;
    uint64_t frame = 0;
    uint64_t max = CTL_TRUST_CERTS;
    bool json = false;
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"trust", CTL_TEXT, (void *)&dir, 0, 0},
        {"max-certs", CTL_NUMBER, &max, 1, CTL_TRUST_CERTS_MAX},
        {"frame", CTL_NUMBER, &frame, 1, UINT32_MAX},
        {"at", CTL_TEXT, (void *)&at, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    time_t now = time(NULL);
    if (at != NULL) {
        struct tm tm = {0};
        const char *end = strptime(at, "%Y-%m-%dT%H:%M:%SZ", &tm);
        if (end == NULL || *end != '\0')
            return ctl_misuse(v, "--at: '%.40s' is not a time like 2026-03-08T12:00:00Z", at);
        now = timegm(&tm);
    }
    if (now < UNIX_OF_ITS || now > UNIX_OF_ITS + (time_t)UINT32_MAX - LEAP)
        return ctl_misuse(v, "the time is outside the years 2004 to 2140");
    struct trust_store *t;
    code = ctl_trust_open(v, dir, max, &t);
    if (code != CTL_DONE)
        return code;
    struct question *q = calloc(1, sizeof(*q));
    struct ws_err err = {0};
    if (q == NULL) {
        (void)ws_fail(&err, WS_ENOMEM, "no memory");
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    } else {
        q->now_s = (uint32_t)(now - UNIX_OF_ITS + LEAP);
        code = of_file(words.v[0], frame, q, &err) == WS_OK ? answer(v, q, t, json)
                                                            : ctl_fail(v, CTL_UNREACHABLE, &err);
        buf_free(&q->octets);
        buf_free(&q->signer);
    }
    free(q);
    trust_store_free(t);
    return code;
}

const struct ctl_verb ctl_trust_explain = {"trust", "explain",
    "say which link of a chain fails, and why",
    "FILE [options]\n"
    "\n"
    "FILE is a certificate, a 1609.2 message (COER or hex digits), or a capture. Every rule is "
    "judged for\n"
    "every certificate from the signer up, also behind the first that fails. Exit code 0: "
    "believed, 1: not.\n"
    "\n"
    "  --trust DIR   roots and issuing authorities; nobody is believed without\n"
    "  --frame N     frame of the capture, counted from 1; 1 unless given\n"
    "  --at TIME     2026-03-08T12:00:00Z; now unless given. A message counts at its own "
    "generation time\n"
    "  --json        print as JSON\n",
    run};
