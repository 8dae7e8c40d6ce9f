/* Writes the corpora of fuzz_cert and fuzz_spdu: make_v2x_corpus FOLDER, which is tests/fuzz/corpus. Run by
 * hand when a structure changes; the same octets every time. */
#include "tests/fuzz/v2x_samples.h"

#include "base/fileio.h"
#include "v2x/gn.h"
#include "v2x/sign.h"

#include <stdio.h>
#include <stdlib.h>

static const char *folder;

static void store(const char *name, struct buf *b) {
    char path[4096];
    struct ws_err err;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (file_write(path, buf_span(b), 0644, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    buf_free(b);
}

static const struct sample_shape all = {.id = CERT_ID_LINKAGE,
    .group = true,
    .uncompressed = true,
    .region = 3,
    .permissions = true,
    .encryption_key = true,
    .additions = true};

static void make_samples(void) {
    struct buf b = {0};
    sample_cert(&b, &all);
    store("cert/all", &b);
    struct sample_shape s = all;
    s.type = CERT_IMPLICIT;
    s.id = CERT_ID_BINARY;
    s.region = 1;
    sample_cert(&b, &s);
    store("cert/implicit", &b);
    s = all;
    s.issuer = ISSUER_SHA384;
    s.key = CURVE_P384;
    s.signature = CURVE_BP384;
    s.region = 2;
    sample_cert(&b, &s);
    store("cert/long-curves", &b);
    s = (struct sample_shape){.id = CERT_ID_NAME, .issuer = ISSUER_SELF, .region = -1};
    sample_cert(&b, &s);
    store("cert/plain", &b);
    struct buf requested = {0};
    sample_cert(&requested, &s);
    buf_put(&b, "\x03\x81\x01\xe0\x03\x80\x03pay\x80", 11);
    memset(buf_grow(&b, 32), 0x55, 32);
    buf_put(&b, "\x02\x07\x80\x01\x00", 5); /* payload addition: omitted */
    sample_header(&b, EC_UNCOMPRESSED, buf_span(&requested));
    buf_put(&b, "\x81\x01\x02", 3);
    sample_cert(&b, &all);
    sample_cert(&b, &s);
    buf_put(&b, "\x83\x81\x91\x84", 4);
    memset(buf_grow(&b, 144), 0x56, 144);
    store("spdu/all", &b);
    buf_free(&requested);
    sample_encrypted(&b);
    store("spdu/encrypted", &b);
    buf_put(&b, "\x03\x80\x04open", 7);
    store("spdu/unsecured", &b);
    buf_put(&b, "\x03\x83\x07request", 10);
    store("spdu/request", &b);
    /* Signed data inside signed data, by "self". */
    buf_put(&b, "\x03\x81\x00\x40\x03\x81\x00\x40\x03\x80\x01x\x00\x01\x23\x82\x80\x80", 18);
    memset(buf_grow(&b, 64), 0x57, 64);
    buf_put(&b, "\x00\x01\x23\x82\x81\x82", 6);
    memset(buf_grow(&b, 64), 0x58, 64);
    store("spdu/nested", &b);
}

static void make_signed(void) {
    struct ws_random rnd = ws_random_seeded(1609);
    struct sign_key *root = sign_key_new(CURVE_BP256, &rnd);
    struct sign_key *issuer = sign_key_new(CURVE_P256, &rnd);
    struct sign_key *ticket = sign_key_new(CURVE_P256, &rnd);
    struct buf root_cert = {0}, issuer_cert = {0}, ticket_cert = {0}, b = {0};
    struct cert_request rq = {.name = "root",
        .valid_from_s = 700000000,
        .valid_hours = 50000,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = 1};
    cert_put(&root_cert, &rq, root, NULL, (struct span){NULL, 0});
    rq.name = "issuer";
    rq.issue_chain_range = 0;
    cert_put(&issuer_cert, &rq, issuer, root, buf_span(&root_cert));
    const struct sign_permission app[] = {
        {36, span_of("\x01\x00\x00", 3), true}, {37, span_of("ssp", 3), false}};
    struct cert_request tq = {.valid_from_s = 700000000,
        .valid_hours = 168,
        .app = app,
        .n_app = 2,
        .has_circle = true,
        .circle_lat = 450000000,
        .circle_lon = 76000000,
        .circle_radius_m = 500};
    cert_put(&ticket_cert, &tq, ticket, issuer, buf_span(&issuer_cert));
    struct gn_source source = {.address = 0x1400112233445566, .lat = 450000000, .lon = 76000000};
    struct buf payload = {0};
    gn_put_shb(&payload, &source, 2001, span_of("\x02\x02\x00\x00\x00\x01", 6));
    for (unsigned with = 0; with < 2; with++) {
        struct spdu_request sq = {.psid = 36,
            .generation_time = 700000004000000,
            .has_location = with == 1,
            .lat = 450000000,
            .lon = 76000000,
            .payload = buf_span(&payload),
            .with_certificate = with == 1};
        spdu_put_signed(&b, &sq, ticket, buf_span(&ticket_cert));
        store(with == 1 ? "spdu/certificate" : "spdu/digest", &b);
    }
    store("cert/root", &root_cert);
    store("cert/issuer", &issuer_cert);
    store("cert/ticket", &ticket_cert);
    buf_free(&payload);
    sign_key_free(root);
    sign_key_free(issuer);
    sign_key_free(ticket);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    make_samples();
    make_signed();
    return 0;
}
