/* Writes the corpora of fuzz_crl and fuzz_ctl: make_lists_corpus FOLDER, which is tests/fuzz/corpus. Run by hand
 * when a structure changes; the same octets every time. */
#include "tests/support/lists.h"

#include "base/fileio.h"

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
    buf_clear(b);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    static const uint8_t ids[2][10] = {"hashed 1..", "hashed 2.."};
    static const uint8_t id8[2][8] = {"issuer 1", "issuer 2"};
    static const uint8_t seed1[16] = "seed one........";
    static const uint8_t seed2[16] = "seed two........";
    const struct crl_seeds seeds[] = {
        {.jmax = 20, .i_max = 500, .la1 = 1, .la2 = 2, .seed1 = seed1, .seed2 = seed2},
        {.jmax = 3, .i_max = 500, .la1 = 1, .seed1 = seed1},
        {.group = true, .i_max = 500, .la1 = 1, .la2 = 2, .seed1 = seed1, .seed2 = seed2}};
    struct ws_random rnd = ws_random_seeded(941);
    struct sign_key *key = sign_key_new(CURVE_P256, &rnd);
    struct buf cert = {0};
    struct buf b = {0};
    struct buf signed_list = {0};
    struct cert_request rq = {.name = "root",
        .valid_from_s = 700000000,
        .valid_hours = 50000,
        .issue_all = true,
        .issue_min_chain = 1};
    cert_put(&cert, &rq, key, NULL, (struct span){NULL, 0});
    struct crl_writer w = {.series = 7,
        .craca = id8[0],
        .issued_s = 700000000,
        .next_s = 700086400,
        .serial = 440 << 8,
        .ids = ids,
        .n_ids = 2,
        .seeds = seeds,
        .n_seeds = 3};
    list_put_crl(&b, &w);
    store("crl/hash-2016", &b);
    w.modern = true;
    w.form = CRL_HASH_DELTA;
    list_put_crl(&b, &w);
    store("crl/hash-2022", &b);
    w.form = CRL_LINKED_FULL_ALG;
    list_put_crl(&b, &w);
    store("crl/linked-named", &b);
    w.form = CRL_LINKED_FULL;
    list_put_crl(&b, &w);
    list_sign(&signed_list, 0x100, 700000000000000, buf_span(&b), key, buf_span(&cert), false);
    store("crl/linked", &b);
    buf_put(&b, "\x00\x01\x02", 3);
    buf_put(&b, signed_list.p, signed_list.n);
    buf_put(&b, signed_list.p, signed_list.n);
    buf_put(&b, "\x01\x00\x01\x00", 4);
    store("crl/composite", &b);
    buf_clear(&signed_list);
    list_put_etsi_crl(&b, 700000000, 700086400, id8, 2);
    list_sign(&signed_list, 622, 700000000000000, buf_span(&b), key, buf_span(&cert), true);
    store("crl/etsi-signed", &signed_list);
    buf_clear(&b);
    list_put_ctl(&b, true, 700086400, false, 5, 3);
    list_put_add(&b, 0, buf_span(&cert));
    list_put_add(&b, 4, buf_span(&cert));
    list_put_delete(&b, id8[0]);
    list_sign(&signed_list, 624, 700000000000000, buf_span(&b), key, buf_span(&cert), false);
    store("crl/ectl-signed", &signed_list);
    struct buf tail = {0};
    buf_put(&tail, b.p + 2, b.n - 2); /* behind version and CHOICE */
    store("ctl/delta", &tail);
    buf_clear(&b);
    list_put_ctl(&b, false, 700086400, true, 4, 2);
    list_put_add(&b, 2, buf_span(&cert));
    list_put_add(&b, 1, buf_span(&cert));
    buf_put(&tail, b.p + 2, b.n - 2);
    store("ctl/full", &tail);
    buf_free(&tail);
    buf_free(&b);
    buf_free(&signed_list);
    buf_free(&cert);
    sign_key_free(key);
    return 0;
}
