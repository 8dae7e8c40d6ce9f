/* Every signed message of the recorded on-board units' logs. The issuers of their implicit certificates are not
 * published, but a public key follows from a signature and what it signs (SEC 1, 4.1.6): the key found from the first
 * message of a certificate has to verify all others of it. That only comes out when parsing, both hashes, the
 * certificate's hash and the forms of r are right in every one of them. */
#include "tests/support/cm.h"

#include "tests/support/obu_log.h"
#include "tests/unit/v2x/sec_support.h"

#include "base/clock.h"
#include "v2x/ec_curve.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

enum { SIGNERS_MAX = 32, KEYS_MAX = 4, LOGS = 6 };

/* As SOURCES.md counts them. */
static const struct {
    const char *name;
    unsigned signed_messages, unsigned_messages;
} logs[LOGS] = {
    {"bsmLogDuringEvent", 0, 222},
    {"bsmLogDuringEvent_commsignia", 511, 0},
    {"rxMsg_BSM_and_TIM", 393, 0},
    {"rxMsg_TIM_GeneratedBy_RSU", 243, 0},
    {"rxMsg_TIM_GeneratedBy_TMC_VIA_SAT", 166, 0},
    {"rxMsg_commsignia_map", 103, 0},
};

struct signer {
    uint8_t hash[32];
    bool is_recovered;
    struct verify_key *key[KEYS_MAX]; /* NULL: none, or the second message ruled it out */
    unsigned verified;
};

struct all {
    struct obu_log log[LOGS];
    struct signer signer[SIGNERS_MAX];
    size_t n_signers;
    unsigned verified, recovered, by_digest, by_certificate;
    unsigned form[EC_UNCOMPRESSED + 1];
    struct verify_kernel *kernel[VERIFY_BACKENDS];
};

static struct signer *find(struct all *a, const uint8_t id8[static 8]) {
    for (size_t i = 0; i < a->n_signers; i++) {
        if (memcmp(a->signer[i].hash + 24, id8, 8) == 0)
            return &a->signer[i];
    }
    return NULL;
}

/* Certificates come after messages that name them, too. */
static void note_certificate(struct all *a, const struct spdu *m) {
    uint8_t hash[32];
    assert_int_equal(m->n_certs, 1);
    assert_int_equal(m->cert.type, CERT_IMPLICIT);
    assert_true(m->cert.verify_is_reconstruction);
    cert_hash256(&m->cert, hash);
    if (find(a, hash + 24) != NULL)
        return;
    assert_true(a->n_signers < SIGNERS_MAX);
    memcpy(a->signer[a->n_signers++].hash, hash, 32);
}

/* Q = (s R - z G) / r for each point R that r may stand for: its y may be unknown, and r may be x less the order. */
static void recover(struct signer *s, const struct spdu *m, const struct verify_item *item) {
    EC_GROUP *g = EC_GROUP_new_by_curve_name(OBJ_sn2nid(ec_curve_name(m->signature.curve)));
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *x = BN_bin2bn(item->r, 32, NULL), *r = BN_new();
    BIGNUM *z = BN_bin2bn(item->digest, 32, NULL);
    BIGNUM *t = BN_bin2bn(item->s, 32, NULL);
    EC_POINT *big_r = EC_POINT_new(g), *q = EC_POINT_new(g);
    const BIGNUM *n = EC_GROUP_get0_order(g);
    assert_non_null(q);
    size_t found = 0;
    enum ec_form form = m->signature.r.form;
    assert_int_not_equal(form, EC_UNCOMPRESSED); /* none in these logs */
    for (int wraps = 0; wraps < (form == EC_X_ONLY ? 2 : 1); wraps++) {
        for (int y = 0; y < 2; y++) {
            if ((form == EC_Y_EVEN && y == 1) || (form == EC_Y_ODD && y == 0))
                continue;
            if (EC_POINT_set_compressed_coordinates(g, big_r, x, y, ctx) != 1)
                continue;
            assert_int_equal(BN_nnmod(r, x, n, ctx), 1);
            assert_non_null(BN_mod_inverse(r, r, n, ctx));
            BIGNUM *a = BN_new(), *b = BN_new();
            assert_int_equal(BN_mod_mul(a, t, r, n, ctx), 1);
            assert_int_equal(BN_mod_mul(b, z, r, n, ctx), 1);
            assert_int_equal(BN_sub(b, n, b), 1);
            assert_int_equal(EC_POINT_mul(g, q, b, big_r, a, ctx), 1);
            uint8_t sec1[65];
            assert_int_equal(
                EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, sec1, sizeof(sec1), ctx),
                65);
            struct ec_point point = {EC_UNCOMPRESSED, span_of(sec1 + 1, 64)};
            s->key[found] = verify_key_new(m->signature.curve, &point);
            assert_non_null(s->key[found]);
            found++;
            BN_free(a);
            BN_free(b);
        }
        assert_int_equal(BN_add(x, x, n), 1); /* from now on rarely below the prime */
    }
    assert_true(found > 0);
    s->is_recovered = true;
    EC_POINT_free(big_r);
    EC_POINT_free(q);
    BN_free(x);
    BN_free(r);
    BN_free(z);
    BN_free(t);
    BN_CTX_free(ctx);
    EC_GROUP_free(g);
}

static enum verify_answer_kind ask(struct verify_kernel *k, const struct verify_item *item) {
    struct verify_answer answer;
    assert_int_equal(verify_submit(k, item, 1), 1);
    while (verify_poll(k, &answer, 1) == 0)
        ;
    return answer.kind;
}

/* By the reference and by every engine that this machine runs; altered, by none. */
static void check_everywhere(struct all *a, struct verify_item *item) {
    for (unsigned b = 0; b < VERIFY_BACKENDS; b++) {
        if (a->kernel[b] == NULL)
            continue;
        assert_int_equal(ask(a->kernel[b], item), VERIFY_GOOD);
        item->digest[7] ^= 0x10;
        assert_int_equal(ask(a->kernel[b], item), VERIFY_BAD);
        item->digest[7] ^= 0x10;
    }
}

static void one_message(struct all *a, const struct spdu *m) {
    const uint8_t *id8 = m->digest;
    uint8_t hash[32];
    if (m->signer == SIGNER_CERTIFICATE) {
        cert_hash256(&m->cert, hash);
        id8 = hash + 24;
        a->by_certificate++;
    } else {
        assert_int_equal(m->signer, SIGNER_DIGEST);
        a->by_digest++;
    }
    a->form[m->signature.r.form]++;
    struct signer *s = find(a, id8);
    assert_non_null(s); /* the certificate of every signer is somewhere in the logs */
    struct verify_item item = {.key = NULL};
    size_t n;
    assert_true(spdu_digest(m, span_of(s->hash, 32), item.digest, &n));
    item.digest_octets = (uint8_t)n;
    assert_int_equal(n, 32);
    assert_int_equal(m->signature.curve, CURVE_P256);
    item.r_form = m->signature.r.form;
    memcpy(item.r, m->signature.r.octets.p, 32);
    memcpy(item.s, m->signature.s.p, 32);
    if (!s->is_recovered) {
        recover(s, m, &item);
        a->recovered++;
        return;
    }
    struct verify_key *good = NULL;
    for (unsigned i = 0; i < KEYS_MAX; i++) {
        item.key = s->key[i];
        if (s->key[i] != NULL && verify_one(&item) == VERIFY_GOOD) {
            assert_null(good);
            good = s->key[i];
        } else {
            verify_key_unref(s->key[i]);
            s->key[i] = NULL;
        }
    }
    if (good == NULL)
        fail_msg("message %u of a signer does not verify", s->verified + 2);
    item.key = good;
    check_everywhere(a, &item);
    s->verified++;
    a->verified++;
}

/* The record's message, which may be unsecured; its own end is that of the payload. */
static struct spdu message_of(const struct obu_record *r) {
    struct spdu m = test_spdu(r->message);
    assert_int_equal(m.all.n, r->message.n);
    if (r->has_psid && m.content == SPDU_SIGNED)
        assert_true(r->psid == m.psid);
    return m;
}

static void open_all(struct all *a) {
    for (unsigned i = 0; i < LOGS; i++) {
        if (!obu_log_open(test_data_dir(), logs[i].name, &a->log[i]))
            skip();
    }
}

static void every_message_of_a_signer(void **state) {
    (void)state;
    static struct all a;
    open_all(&a);
    for (unsigned b = 0; b < VERIFY_BACKENDS; b++) {
        struct verify_config cfg = verify_config_default(64);
        cfg.backend = (enum verify_backend)b;
        cfg.table_octets = 8U << 20;
        if (verify_backend_usable(cfg.backend))
            a.kernel[b] = verify_kernel_new(&cfg);
    }
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < LOGS; i++) {
            struct obu_record r;
            unsigned secured = 0, bare = 0;
            a.log[i].at = 0;
            while (obu_log_next(&a.log[i], &r)) {
                struct spdu m = message_of(&r);
                secured += m.content == SPDU_SIGNED;
                bare += m.content == SPDU_UNSECURED;
                if (m.content != SPDU_SIGNED)
                    continue;
                if (pass == 0 && m.signer == SIGNER_CERTIFICATE)
                    note_certificate(&a, &m);
                if (pass == 1)
                    one_message(&a, &m);
            }
            assert_int_equal(secured, logs[i].signed_messages);
            assert_int_equal(bare, logs[i].unsigned_messages);
        }
    }
    print_message("%zu signers; %u of %u messages verify under recovered keys; %u by digest, %u by "
                  "certificate; r: %u x-only, %u even, %u odd\n",
        a.n_signers, a.verified, a.by_digest + a.by_certificate - a.recovered, a.by_digest,
        a.by_certificate, a.form[EC_X_ONLY], a.form[EC_Y_EVEN], a.form[EC_Y_ODD]);
    assert_int_equal(a.n_signers, 11);
    assert_int_equal(a.recovered, 11);
    assert_int_equal(a.verified, 1405);
    for (size_t i = 0; i < a.n_signers; i++) {
        for (unsigned k = 0; k < KEYS_MAX; k++)
            verify_key_unref(a.signer[i].key[k]);
    }
    for (unsigned b = 0; b < VERIFY_BACKENDS; b++)
        verify_kernel_free(a.kernel[b]);
    for (unsigned i = 0; i < LOGS; i++)
        obu_log_close(&a.log[i]);
}

/* The unit's own clock stamped what it sent: the signed time is the same to some milliseconds, and would be seconds off
 * with another count of leap seconds. */
static void signed_time_is_the_logged_time(void **state) {
    (void)state;
    struct obu_log log;
    if (!obu_log_open(test_data_dir(), "bsmLogDuringEvent_commsignia", &log))
        skip();
    struct obu_record r;
    unsigned n = 0;
    while (obu_log_next(&log, &r)) {
        struct spdu m = message_of(&r);
        assert_true(m.has_generation_time);
        int64_t off_us =
            (int64_t)m.generation_time - (int64_t)its_from_unix_us((int64_t)r.unix_ms * 1000);
        assert_true(off_us > -50000 && off_us < 50000);
        n++;
    }
    assert_int_equal(n, 511);
    obu_log_close(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_of_a_signer),
        cmocka_unit_test(signed_time_is_the_logged_time),
    };
    if (!test_sec_have("v2x/logs"))
        return TEST_SKIPPED;
    return cmocka_run_group_tests_name("recovered signers of recorded logs", tests, NULL, NULL);
}
