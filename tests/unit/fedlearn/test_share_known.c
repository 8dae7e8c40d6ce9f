/* Shares, bundles, commitments, complaints, sums and groups against tests/vectors/sharing.txt, which an implementation with
 * nothing in common with this one has made (tests/vectors/sharing.py), octet for octet. */
#include "fedlearn/round/group.h"
#include "fedlearn/vehicle/bundle_complaint.h"
#include "fedlearn/vehicle/bundle_tree.h"
#include "fedlearn/vehicle/share_sum.h"
#include "ledger/exec/hash.h"
#include "tests/support/cm.h"

#include <stdio.h>

enum { WORDS_MAX = 80 };

struct known {
    struct fl_round round;
    struct fl_reader *reader[FL_VALIDATORS_MAX];
    struct fl_submission submission;
    unsigned submissions; /* of this round */
    bool has_share[FL_VALIDATORS_MAX];
    uint8_t share[FL_VALIDATORS_MAX][32]; /* what its hash should be */
    struct fl_share_sum sum[FL_VALIDATORS_MAX];
    unsigned added[FL_VALIDATORS_MAX];
    struct buf bad; /* bundle that should not open */
    uint32_t order[128], first[128], suspects[128];
    struct fl_groups groups;
    uint32_t group; /* next */
    unsigned lines, bundles, spoilt, openings, group_lines;
};

static unsigned number(const char *word) {
    return (unsigned)strtoul(word, NULL, 10);
}

static void octets(uint8_t *to, size_t n, const char *hex) {
    assert_true(hex_decode(to, n, hex));
}

static void expect_hash(struct span data, const char *hex) {
    uint8_t is[32], should[32];
    exec_sha256_one(data, is);
    octets(should, 32, hex);
    assert_memory_equal(is, should, 32);
}

static void on_round(struct known *k, char *const *w, size_t n) {
    assert_int_equal(n, 5);
    memset(&k->round, 0, sizeof(k->round));
    octets(k->round.cell, 32, w[1]);
    octets(k->round.id, 32, w[2]);
    k->round.profile = (uint8_t)number(w[3]);
    k->round.n = (uint8_t)number(w[4]);
    k->submissions = 0;
    memset(k->sum, 0, sizeof(k->sum));
    memset(k->added, 0, sizeof(k->added));
}

static void on_seat(struct known *k, char *const *w, size_t n) {
    uint8_t secret[32], key[32], is[FL_PROOF_OCTETS], proof[FL_PROOF_OCTETS];
    struct fl_proof p;
    assert_int_equal(n, 6);
    const unsigned v = number(w[1]);
    struct fl_seat *seat = &k->round.seat[v - 1];
    octets(seat->address, 32, w[2]);
    octets(secret, 32, w[3]);
    octets(key, 32, w[4]);
    octets(proof, sizeof(proof), w[5]);
    fl_reader_free(k->reader[v - 1]);
    k->reader[v - 1] = fl_reader_new(secret);
    assert_non_null(k->reader[v - 1]);
    fl_reader_public(k->reader[v - 1], &seat->key);
    assert_memory_equal(seat->key.b, key, 32);
    fl_key_prove(k->reader[v - 1], k->round.cell, seat->address, 7, &p);
    fl_proof_put(&p, is);
    assert_memory_equal(is, proof, sizeof(is));
    struct rd r = rd_of(span_of(proof, sizeof(proof)));
    fl_proof_read(&r, &p);
    assert_true(rd_done(&r) && fl_key_check(&seat->key, k->round.cell, seat->address, 7, &p));
}

static void on_submission(struct known *k, char *const *w, size_t n) {
    static struct fl_cover cover;
    uint8_t sender[32], want[32];
    struct ws_err err;
    assert_int_equal(n, 7);
    struct buf c = test_unhex(w[2]);
    octets(sender, 32, w[1]);
    if (fl_cover_read(buf_span(&c), &cover, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(
        fl_submission_accept(&k->round, sender, &cover, &k->submission), FL_ACCEPT_GOOD);
    octets(want, 32, w[3]);
    assert_memory_equal(k->submission.id, want, 32);
    octets(want, 32, w[4]);
    assert_memory_equal(k->submission.challenge, want, 32);
    octets(want, 32, w[6]);
    assert_memory_equal(cover.ciphertext_root, want, 32);
    buf_free(&c);
    memset(k->has_share, 0, sizeof(k->has_share));
    k->submissions++;
}

static void on_share(struct known *k, char *const *w, size_t n) {
    assert_int_equal(n, 3);
    const unsigned v = number(w[1]);
    octets(k->share[v - 1], 32, w[2]);
    k->has_share[v - 1] = true;
}

static void on_bundle(struct known *k, char *const *w, size_t n) {
    uint16_t share[FL_SHARE_VALUES];
    uint8_t packed[FL_SHARE_OCTETS], is[32];
    assert_int_equal(n, 3);
    const unsigned v = number(w[1]);
    struct buf b = test_unhex(w[2]);
    const enum fl_bundle_verdict verdict =
        fl_bundle_open(&k->round, &k->submission, v, buf_span(&b), k->reader[v - 1], share);
    if (!k->has_share[v - 1]) {
        assert_int_equal(verdict, FL_BUNDLE_OFF_POLYNOMIAL);
        buf_free(&k->bad);
        k->bad = b;
        k->spoilt++;
        return;
    }
    assert_int_equal(verdict, FL_BUNDLE_GOOD);
    fl_pack12(share, FL_SHARE_VALUES, packed);
    exec_sha256_one(span_of(packed, sizeof(packed)), is);
    assert_memory_equal(is, k->share[v - 1], 32);
    fl_share_sum_add(&k->sum[v - 1], share, k->submissions == 1 ? 1 : 3);
    k->added[v - 1]++;
    k->bundles++;
    buf_free(&b);
}

static void on_sum(struct known *k, char *const *w, size_t n) {
    uint8_t packed[FL_SUM_OCTETS];
    assert_int_equal(n, 3);
    const unsigned v = number(w[1]);
    if (k->added[v - 1] != 2)
        return;
    fl_share_sum_put(&k->sum[v - 1], packed);
    expect_hash(span_of(packed, sizeof(packed)), w[2]);
}

static void on_opened(struct known *k, char *const *w, size_t n) {
    const struct fl_share_sum *sums[FL_VALIDATORS_MAX] = {NULL};
    struct fl_key_sum out;
    uint8_t values[2 * FL_KEY_VALUES];
    size_t have = 0;
    assert_int_equal(n, 2);
    for (unsigned v = 0; v < k->round.n; v++)
        if (k->added[v] == 2) {
            sums[v] = &k->sum[v];
            have++;
        }
    fl_shares_decode(sums, k->round.n, &out);
    if (have < k->round.n) {
        assert_int_equal(out.state, FL_DECODE_WAIT);
        return;
    }
    assert_int_equal(out.state, FL_DECODE_DONE);
    assert_int_equal(out.liars, 0);
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        put_be16(values + 2 * i, (uint16_t)out.key[i]);
    expect_hash(span_of(values, sizeof(values)), w[1]);
    k->openings++;
}

static void on_complaint(struct known *k, char *const *w, size_t n) {
    struct fl_complaint c;
    uint8_t is[FL_COMPLAINT_OCTETS], should[FL_COMPLAINT_OCTETS];
    enum fl_bundle_verdict reason;
    assert_int_equal(n, 3);
    const unsigned v = number(w[1]);
    octets(should, sizeof(should), w[2]);
    fl_complaint_make(&k->round, &k->submission, v, k->reader[v - 1], &c);
    fl_complaint_put(&c, is);
    assert_memory_equal(is, should, sizeof(is));
    assert_int_equal(fl_complaint_read(span_of(should, sizeof(should)), &c, NULL), WS_OK);
    assert_int_equal(fl_complaint_judge(&k->round, &k->submission, &c, buf_span(&k->bad), &reason),
        FL_COMPLAINT_UPHELD);
    assert_int_equal(reason, FL_BUNDLE_OFF_POLYNOMIAL);
}

static void on_draw(struct known *k, char *const *w, size_t n) {
    struct fl_drawing d = {.suspects = k->suspects};
    assert_true(n >= 8);
    octets(d.cell, 32, w[1]);
    octets(d.round, 32, w[2]);
    octets(d.beacon, 32, w[3]);
    d.n = number(w[4]);
    d.sizes = (struct fl_group_sizes){
        (uint16_t)number(w[5]), (uint16_t)number(w[6]), (uint16_t)number(w[7])};
    for (size_t i = 8; i < n; i++)
        k->suspects[d.n_suspects++] = number(w[i]);
    assert_true(d.n <= ARRAY_LEN(k->order));
    k->groups = (struct fl_groups){.order = k->order, .first = k->first};
    assert_int_equal(fl_groups_draw(&d, &k->groups), FL_GROUPS_DRAWN);
    k->group = 0;
}

static void on_group(struct known *k, char *const *w, size_t n) {
    assert_true(k->group < k->groups.groups);
    const uint32_t from = k->first[k->group], to = k->first[k->group + 1];
    assert_int_equal(to - from, n - 1);
    for (size_t i = 1; i < n; i++)
        assert_int_equal(k->order[from + i - 1], number(w[i]));
    k->group++;
    k->group_lines++;
}

static void known_answers(void **state) {
    (void)state;
    static const struct {
        const char *name;
        void (*on)(struct known *k, char *const *w, size_t n);
    } kinds[] = {{"round", on_round}, {"seat", on_seat}, {"submission", on_submission},
        {"share", on_share}, {"bundle", on_bundle}, {"sum", on_sum}, {"opened", on_opened},
        {"complaint", on_complaint}, {"draw", on_draw}, {"group", on_group}};
    static struct known k;
    FILE *f = fopen("tests/vectors/sharing.txt", "re");
    assert_non_null(f);
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, f) > 0) {
        char none[] = "", *w[WORDS_MAX], *at = NULL;
        size_t n = 0, kind = 0;
        for (size_t i = 0; i < WORDS_MAX; i++)
            w[i] = none;
        if (line[0] == '#')
            continue;
        for (char *t = strtok_r(line, " \n", &at); t != NULL && n < WORDS_MAX;
             t = strtok_r(NULL, " \n", &at))
            w[n++] = t;
        assert_true(n > 0);
        while (kind < ARRAY_LEN(kinds) && strcmp(kinds[kind].name, w[0]) != 0)
            kind++;
        assert_true(kind < ARRAY_LEN(kinds));
        kinds[kind].on(&k, w, n);
        k.lines++;
    }
    free(line);
    (void)fclose(f);
    for (size_t v = 0; v < FL_VALIDATORS_MAX; v++)
        fl_reader_free(k.reader[v]);
    buf_free(&k.bad);
    assert_int_equal(k.lines, 174);
    assert_int_equal(k.spoilt, 3);
    assert_int_equal(k.openings, 2);
    assert_int_equal(k.bundles, 4 + 4 + 3 + 7 + 7 + 6 + 2 + 2 + 2);
    assert_true(k.group_lines > 10 && k.group == k.groups.groups);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
