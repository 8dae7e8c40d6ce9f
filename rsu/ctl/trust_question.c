#include "rsu/ctl/trust_question.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "pktio/capture.h"
#include "rsu/trust/cert_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEX "0123456789abcdefABCDEF"

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
static void take_certs(struct ctl_question *q) {
    const struct spdu *m = &q->message;
    if (m->signer != SIGNER_CERTIFICATE)
        return;
    const uint8_t *from = m->cert.all.p;
    struct coer c = coer_of(span_of(from, (size_t)(m->all.p + m->all.n - from)));
    while (q->n < m->n_certs && q->n < CTL_QUESTION_CERTS && cert_read(&c, &q->cert[q->n]))
        q->n++;
}

static int of_message(struct ctl_question *q, struct span octets, struct ws_err *err) {
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
static int find_signer(const char *path, struct ctl_question *q, struct ws_err *err) {
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

static int of_capture(
    const char *path, uint64_t number, struct ctl_question *q, struct ws_err *err) {
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

static bool is_composite(struct span s) {
    return s.n > 4 && s.p[0] == 0 && s.p[1] == 1 && s.p[3] == 3;
}

/* Whatever the octets are: certificates and lists say it with their first octets, a frame with its carrier. */
static int of_octets(struct ctl_question *q, struct ws_err *err) {
    struct span s = buf_span(&q->octets);
    size_t at = 0;
    struct ws_err own = {0};
    q->lists = ws_calloc(LISTS_IN_FILE, sizeof(*q->lists));
    if (is_composite(s) || (s.n > 2 && s.p[0] == 3 && s.p[1] == 0x81)) {
        if (lists_read(s, q->lists, &q->n_lists, &own) == WS_OK)
            return WS_OK;
        q->n_lists = 0;
        if (is_composite(s))
            return ws_fail(err, WS_EINPUT, "%s", own.text);
    }
    if (s.n > 1 && s.p[0] == 3)
        return of_message(q, s, err);
    if (s.n > 2 && (s.p[0] == 0x80 || s.p[0] == 0) && s.p[1] == 3) {
        enum coer_fail f = cert_parse(s, &q->cert[0], &at);
        q->n = 1;
        return f == COER_OK ? WS_OK
                            : ws_fail(err, WS_EINPUT, "no certificate: %s at octet %zu",
                                  coer_fail_text(f), at);
    }
    struct carrier carrier;
    enum carrier_verdict v = carrier_read(LINK_ETHERNET, s, &carrier);
    if (v != CARRIER_SECURED)
        return ws_fail(err, WS_EINPUT,
            "neither a certificate nor a 1609.2 message nor a list, and as an Ethernet frame: no "
            "signed message: %s",
            carrier_verdict_text(v));
    return of_message(q, carrier.message, err);
}

static int of_file(const char *path, uint64_t frame, struct ctl_question *q, struct ws_err *err) {
    uint8_t *first = buf_grow(&q->octets, 4);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return ws_fail(err, WS_EIO, "%s: %s%s", path, strerror(errno),
            strspn(path, HEX) == strlen(path) ? ", and fewer than 16 hex digits are no octets"
                                              : "");
    q->octets.n = fread(first, 1, 4, file);
    (void)fclose(file);
    if (is_capture(&q->octets))
        return of_capture(path, frame == 0 ? 1 : frame, q, err);
    if (frame != 0)
        return ws_fail(err, WS_EINPUT, "%s: --frame is for captures", path);
    buf_clear(&q->octets);
    int rc = file_read(path, 4 * CTL_TRUST_OCTETS, &q->octets, err);
    if (rc != WS_OK)
        return rc;
    rc = cert_text_decode(&q->octets, NULL, err);
    if (rc == WS_OK)
        rc = of_octets(q, err);
    return rc == WS_OK ? rc : ws_fail_in(err, "%s", path);
}

static bool is_hex(const char *word) {
    size_t n = strspn(word, HEX);
    return n >= 16 && word[n] == '\0';
}

int ctl_question_read(
    const char *word, uint64_t frame, struct ctl_question *q, struct ws_err *err) {
    if (access(word, F_OK) == 0 || !is_hex(word))
        return of_file(word, frame, q, err);
    buf_put(&q->octets, word, strlen(word));
    int rc = cert_text_decode(&q->octets, NULL, err);
    return rc == WS_OK ? of_octets(q, err) : rc;
}

void ctl_question_complete(struct ctl_question *q) {
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < q->certs.n && q->n < CTL_QUESTION_CERTS; i++) {
            struct cert c;
            size_t at;
            uint8_t h256[32], h384[48];
            if (cert_parse(buf_span(&q->certs.cert[i]), &c, &at) != COER_OK)
                continue;
            cert_hash256(&c, h256);
            cert_hash384(&c, h384);
            const uint8_t *id = q->message.hash_id == 1 ? h384 + 40 : h256 + 24;
            bool signer = q->has_message && q->message.signer == SIGNER_DIGEST &&
                          memcmp(id, q->message.digest, 8) == 0;
            if (pass == 0 ? signer && q->n == 0 : q->n > 0 && c.n_issue > 0)
                q->cert[q->n++] = c;
        }
    }
}

void ctl_question_free(struct ctl_question *q) {
    trust_files_free(&q->certs);
    buf_free(&q->octets);
    buf_free(&q->signer);
    free(q->lists);
    *q = (struct ctl_question){0};
}
