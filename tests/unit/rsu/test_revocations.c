/* rsu/trust/revocations.h: what a folder of lists does to the views that come out of it. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "rsu/trust/revocations.h"
#include "tests/support/lists.h"
#include "tests/support/pki.h"
#include "v2x/linkage.h"

#include <stdio.h>
#include <unistd.h>

#define NOW_S (PKI_FROM_S + 3600)

struct world {
    struct ws_random rnd;
    struct sign_key *root_key, *ca_key, *new_ca_key, *manager_key, *far_root_key;
    struct buf root, ca, new_ca, manager, far_root;
    uint8_t root_hash[32], ca_hash[32], new_ca_hash[32];
    struct trust_store *base;
    char dir[64], manager_path[80], state[80];
    bool keeps; /* from one run to the next */
    struct revocation_limits limits;
    size_t learned_max;
    bool no_folder;
    struct revocations *r;
    uint64_t mono_us;
};

static void hash_of(const struct buf *b, uint8_t *hash) {
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(b), &c, &at), COER_OK);
    cert_hash256(&c, hash);
}

static void world_make(struct world *w) {
    static const struct sign_permission root_app[] = {
        {0x100, {(const uint8_t *)"\x00\x01\x00\x01\x01\x00\x00", 7}, false},
        {622, {(const uint8_t *)"\x01", 1}, false}, {624, {(const uint8_t *)"\x01\x38", 2}, false}};
    static const struct sign_permission manager_app[] = {
        {624, {(const uint8_t *)"\x01\xc8", 2}, false}};
    struct ws_err err;
    *w = (struct world){.rnd = ws_random_seeded(8), .mono_us = 1};
    struct sign_key **const keys[] = {
        &w->root_key, &w->ca_key, &w->new_ca_key, &w->manager_key, &w->far_root_key};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        *keys[i] = sign_key_new(CURVE_P256, &w->rnd);
    struct cert_request rq = {.name = "root",
        .valid_from_s = PKI_FROM_S - 86400,
        .valid_hours = 9000,
        .app = root_app,
        .n_app = 3,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = 1};
    cert_put(&w->root, &rq, w->root_key, NULL, (struct span){0});
    rq.name = "far root";
    cert_put(&w->far_root, &rq, w->far_root_key, NULL, (struct span){0});
    rq.name = "ca";
    rq.n_app = 0;
    rq.issue_chain_range = 0;
    cert_put(&w->ca, &rq, w->ca_key, w->root_key, buf_span(&w->root));
    rq.name = "new ca";
    cert_put(&w->new_ca, &rq, w->new_ca_key, w->root_key, buf_span(&w->root));
    struct cert_request plain = {.name = "manager",
        .valid_from_s = PKI_FROM_S - 86400,
        .valid_hours = 9000,
        .app = manager_app,
        .n_app = 1};
    cert_put(&w->manager, &plain, w->manager_key, NULL, (struct span){0});
    hash_of(&w->root, w->root_hash);
    hash_of(&w->ca, w->ca_hash);
    hash_of(&w->new_ca, w->new_ca_hash);
    w->base = trust_store_new(8);
    assert_int_equal(trust_add_root(w->base, buf_span(&w->root), &err), WS_OK);
    assert_int_equal(trust_add_issuer(w->base, buf_span(&w->ca)), TRUST_OK);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/lists-%d-XXXXXX", (int)getpid());
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->state, sizeof(w->state), "%s/.state/lists", w->dir);
    w->limits = revocation_limits_default();
    (void)snprintf(w->manager_path, sizeof(w->manager_path), "%s/.manager", w->dir);
    assert_int_equal(file_write(w->manager_path, buf_span(&w->manager), 0644, &err), WS_OK);
}

static void world_open(struct world *w, bool manager) {
    struct revocations_config cfg = {.dir = w->no_folder ? NULL : w->dir,
        .learned_max = w->learned_max,
        .manager = manager ? w->manager_path : NULL,
        .base = w->base,
        .clock = REVOCATION_CLOCK_SCMS,
        .limits = w->limits,
        .state = w->keeps ? w->state : NULL,
        .ahead_s = 60};
    struct ws_err err;
    if (revocations_open(&cfg, NOW_S, &w->r, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void world_free(struct world *w) {
    char command[128];
    revocations_free(w->r);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", w->dir);
    assert_int_equal(system(command), 0);
    struct sign_key *const keys[] = {
        w->root_key, w->ca_key, w->new_ca_key, w->manager_key, w->far_root_key};
    struct buf *const bufs[] = {&w->root, &w->ca, &w->new_ca, &w->manager, &w->far_root};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        sign_key_free(keys[i]);
        buf_free(bufs[i]);
    }
    trust_store_free(w->base);
}

static void put_file(struct world *w, const char *name, struct buf *payload, uint64_t psid,
    const struct sign_key *key, const struct buf *cert) {
    char path[128];
    struct buf file = {0};
    struct ws_err err;
    list_sign(&file, psid, (uint64_t)NOW_S * 1000000, buf_span(payload), key, buf_span(cert), true);
    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    assert_int_equal(file_write(path, buf_span(&file), 0644, &err), WS_OK);
    buf_free(&file);
    buf_free(payload);
}

static void tick(struct world *w, uint32_t now_s) {
    w->mono_us += REVOCATIONS_SCAN_US;
    while (revocations_tick(w->r, w->mono_us, now_s)) {
    }
}

/* A hash list of the root's with one ticket. */
static void put_hash_list(
    struct world *w, const char *name, enum crl_form form, uint32_t serial, uint8_t id) {
    const uint8_t ids[1][10] = {{id}};
    struct buf payload = {0};
    struct crl_writer writer = {.form = form,
        .craca = w->root_hash + 24,
        .issued_s = NOW_S,
        .next_s = NOW_S + 86400,
        .serial = serial,
        .ids = ids,
        .n_ids = 1};
    list_put_crl(&payload, &writer);
    put_file(w, name, &payload, 0x100, w->root_key, &w->root);
}

/* Is the certificate revoked whose HashedId10 begins with id? */
static bool revoked(struct world *w, uint8_t id, const uint8_t *issuer) {
    uint8_t hash[32] = {0};
    struct cert c = {.id_kind = CERT_ID_NONE};
    hash[22] = id;
    struct trust_view *v = trust_slot_take(revocations_slot(w->r));
    struct revocation_answer a = trust_view_revoked(v, &c, hash, issuer);
    trust_view_unref(v);
    return a.kind != REVOCATION_NONE;
}

static void lists_go_forward_only(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    world_open(&w, false);
    assert_int_equal(trust_slot_generation(revocations_slot(w.r)), 1);
    assert_false(revoked(&w, 1, w.ca_hash));
    put_hash_list(&w, "a.crl", CRL_HASH_FULL, 5, 1);
    tick(&w, NOW_S);
    assert_int_equal(trust_slot_generation(revocations_slot(w.r)), 2);
    assert_true(revoked(&w, 1, w.ca_hash));
    assert_string_equal(revocations_refused(w.r), "");
    tick(&w, NOW_S); /* nothing changed: no new view */
    assert_int_equal(trust_slot_generation(revocations_slot(w.r)), 2);
    /* A delta on it; one that skips; an old full list in its place. */
    put_hash_list(&w, "b.crl", CRL_HASH_DELTA, 6, 2);
    put_hash_list(&w, "c.crl", CRL_HASH_DELTA, 8, 3);
    tick(&w, NOW_S);
    assert_true(revoked(&w, 1, w.ca_hash) && revoked(&w, 2, w.ca_hash));
    assert_false(revoked(&w, 3, w.ca_hash));
    assert_string_equal(
        revocations_refused(w.r), "c.crl: octet 0: delta without the list before it\n");
    put_hash_list(&w, "a.crl", CRL_HASH_FULL, 4, 9);
    tick(&w, NOW_S);
    assert_true(revoked(&w, 1, w.ca_hash));
    assert_false(revoked(&w, 9, w.ca_hash));
    /* The missing one comes, and what waited for it counts. */
    put_hash_list(&w, "d.crl", CRL_HASH_DELTA, 7, 4);
    tick(&w, NOW_S);
    assert_true(revoked(&w, 3, w.ca_hash) && revoked(&w, 4, w.ca_hash));
    assert_int_equal(revocations_read_counters(w.r).lists, 4);
    /* A newer full list replaces all of them. */
    put_hash_list(&w, "a.crl", CRL_HASH_FULL, 9, 4);
    tick(&w, NOW_S);
    assert_false(revoked(&w, 1, w.ca_hash));
    assert_true(revoked(&w, 4, w.ca_hash));
    assert_int_equal(revocations_read_counters(w.r).lists, 1);
    world_free(&w);
}

static void bad_files_change_nothing(void **state) {
    (void)state;
    struct world w;
    char path[128];
    struct ws_err err;
    world_make(&w);
    put_hash_list(&w, "a.crl", CRL_HASH_FULL, 5, 1);
    world_open(&w, false);
    assert_true(revoked(&w, 1, w.ca_hash));
    (void)snprintf(path, sizeof(path), "%s/a.crl", w.dir);
    assert_int_equal(file_write(path, span_of("\x03\x81\x00\x41", 4), 0644, &err), WS_OK);
    tick(&w, NOW_S);
    assert_string_equal(
        revocations_refused(w.r), "a.crl: no list: octet 3: padding bits of a preamble are set\n");
    assert_true(revoked(&w, 1, w.ca_hash));
    assert_int_equal(unlink(path), 0);
    tick(&w, NOW_S);
    assert_true(revoked(&w, 1, w.ca_hash));
    assert_int_equal(trust_slot_generation(revocations_slot(w.r)), 1);
    world_free(&w);
}

static size_t store_count(struct world *w) {
    struct trust_view *v = trust_slot_take(revocations_slot(w->r));
    size_t n = trust_count(v->store);
    trust_view_unref(v);
    return n;
}

static void trust_lists_add_and_delete(void **state) {
    (void)state;
    struct world w;
    struct buf payload = {0};
    world_make(&w);
    world_open(&w, true);
    assert_int_equal(store_count(&w), 2);
    list_put_ctl(&payload, false, NOW_S + 1000, true, 255, 1);
    list_put_add(&payload, 2, buf_span(&w.new_ca));
    put_file(&w, "root.ctl", &payload, 624, w.root_key, &w.root);
    list_put_ctl(&payload, true, NOW_S + 2000, true, 1, 1);
    list_put_add(&payload, 0, buf_span(&w.far_root));
    put_file(&w, "manager.ectl", &payload, 624, w.manager_key, &w.manager);
    tick(&w, NOW_S);
    assert_string_equal(revocations_refused(w.r), "");
    assert_int_equal(store_count(&w), 4);
    assert_false(revoked(&w, 0, w.ca_hash));
    /* A delta takes back an authority of genesis too; sequence numbers go round. */
    list_put_ctl(&payload, false, NOW_S + 3000, false, 0, 1);
    list_put_delete(&payload, w.ca_hash + 24);
    put_file(&w, "root.delta", &payload, 624, w.root_key, &w.root);
    tick(&w, NOW_S);
    assert_true(revoked(&w, 0, w.ca_hash));
    assert_false(revoked(&w, 0, w.new_ca_hash));
    /* Overdue lists add nothing more, and what they revoked stays so. */
    tick(&w, NOW_S + 1001);
    assert_int_equal(store_count(&w), 3);
    tick(&w, NOW_S + 2001);
    assert_int_equal(store_count(&w), 2);
    assert_true(revoked(&w, 0, w.ca_hash));
    /* ETSI revocation of the root itself. */
    assert_false(revoked(&w, 0, w.root_hash));
    uint8_t ids[1][8];
    memcpy(ids[0], w.root_hash + 24, 8);
    list_put_etsi_crl(&payload, NOW_S, NOW_S + 86400, (const uint8_t(*)[8])ids, 1);
    put_file(&w, "root.crl", &payload, 622, w.root_key, &w.root);
    tick(&w, NOW_S + 2002);
    assert_true(revoked(&w, 0, w.root_hash));
    world_free(&w);
}

static void a_manager_must_be_named(void **state) {
    (void)state;
    struct world w;
    struct buf payload = {0};
    world_make(&w);
    list_put_ctl(&payload, true, NOW_S + 2000, true, 1, 1);
    list_put_add(&payload, 0, buf_span(&w.far_root));
    put_file(&w, "manager.ectl", &payload, 624, w.manager_key, &w.manager);
    world_open(&w, false);
    assert_int_equal(store_count(&w), 2);
    assert_string_equal(
        revocations_refused(w.r), "manager.ectl: octet 0: its signer is not known here\n");
    world_free(&w);
}

static void remove_file(struct world *w, const char *name) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    assert_int_equal(unlink(path), 0);
}

static void restart(struct world *w) {
    revocations_free(w->r);
    w->r = NULL;
    world_open(w, true);
}

static uint64_t refused(const struct world *w, enum revocations_reason why) {
    return revocations_read_counters(w->r).refused_total[why];
}

/* What was in force is in force after a restart, though its file is gone and an older one lies in its place. */
static void no_older_list_comes_back_with_a_restart(void **state) {
    (void)state;
    struct world w;
    struct buf payload = {0};
    world_make(&w);
    w.keeps = true;
    put_hash_list(&w, "a.crl", CRL_HASH_FULL, 5, 1);
    put_hash_list(&w, "b.crl", CRL_HASH_DELTA, 6, 2);
    put_hash_list(&w, "c.crl", CRL_HASH_DELTA, 7, 3);
    list_put_ctl(&payload, false, NOW_S + 1000, true, 9, 1);
    list_put_add(&payload, 2, buf_span(&w.new_ca));
    put_file(&w, "root.ctl", &payload, 624, w.root_key, &w.root);
    world_open(&w, true);
    assert_int_equal(revocations_count(w.r), 4);
    assert_int_equal(store_count(&w), 3);
    static const char *const files[] = {"a.crl", "b.crl", "c.crl", "root.ctl"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        remove_file(&w, files[i]);
    put_hash_list(&w, "old.crl", CRL_HASH_FULL, 4, 9);
    list_put_ctl(&payload, false, NOW_S + 2000, true, 8, 1);
    list_put_add(&payload, 2, buf_span(&w.ca));
    put_file(&w, "old.ctl", &payload, 624, w.root_key, &w.root);
    for (unsigned run = 0; run < 2; run++) {
        restart(&w);
        assert_int_equal(revocations_count(w.r), 4);
        assert_int_equal(store_count(&w), 3);
        assert_true(revoked(&w, 1, w.ca_hash) && revoked(&w, 2, w.ca_hash));
        assert_true(revoked(&w, 3, w.ca_hash));
        assert_false(revoked(&w, 9, w.ca_hash));
        assert_int_equal(refused(&w, REFUSED_OLD), 2);
    }
    for (size_t i = 0; i < 4; i++) {
        struct revocations_list l = revocations_at(w.r, i);
        assert_non_null(strstr("a.crl b.crl c.crl root.ctl", l.name));
        assert_true(l.applied);
        assert_memory_equal(l.authority, w.root_hash, 32);
        assert_memory_equal(l.facts.signer, w.root_hash + 24, 8);
        assert_int_equal(l.facts.entries, 1);
        assert_int_equal(l.facts.issued_s, NOW_S);
    }
    /* A newer one replaces them here too. */
    put_hash_list(&w, "new.crl", CRL_HASH_FULL, 20, 7);
    tick(&w, NOW_S);
    remove_file(&w, "new.crl");
    restart(&w);
    assert_int_equal(revocations_count(w.r), 2);
    assert_true(revoked(&w, 7, w.ca_hash));
    assert_false(revoked(&w, 1, w.ca_hash));
    /* A file that was damaged is no list any more; the others count. */
    char command[256];
    (void)snprintf(command, sizeof(command),
        "for f in '%s'/*.list; do printf x | dd of=$f bs=1 seek=150 conv=notrunc status=none; "
        "break; done",
        w.state);
    assert_int_equal(system(command), 0);
    restart(&w);
    assert_int_equal(revocations_count(w.r), 2); /* the older ones of the folder */
    world_free(&w);
}

static void a_list_beyond_the_limits_does_not_stop_the_others(void **state) {
    (void)state;
    struct world w;
    struct buf payload = {0};
    uint8_t many[20][10] = {{0}};
    world_make(&w);
    w.limits.entries = 12;
    struct crl_writer writer = {.form = CRL_HASH_FULL,
        .series = 1,
        .craca = w.root_hash + 24,
        .issued_s = NOW_S,
        .next_s = NOW_S + 86400,
        .serial = 1,
        .ids = (const uint8_t(*)[10])many,
        .n_ids = 11};
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i][0] = (uint8_t)(100 + i);
    put_hash_list(&w, "a.crl", CRL_HASH_FULL, 5, 1);
    world_open(&w, false);
    assert_true(revoked(&w, 1, w.ca_hash));
    put_hash_list(&w, "b.crl", CRL_HASH_FULL, 6, 2);
    writer.series = 0;
    writer.n_ids = 20;
    writer.serial = 7;
    list_put_crl(&payload, &writer);
    put_file(&w, "c.crl", &payload, 0x100, w.root_key, &w.root);
    tick(&w, NOW_S);
    /* The longer one is the newest of its series, and too long: the one before it stays in force. */
    assert_int_equal(refused(&w, REFUSED_LIMIT), 1);
    assert_int_equal(revocations_count(w.r), 1);
    assert_true(revoked(&w, 2, w.ca_hash));
    assert_true(revocations_at(w.r, 0).applied);
    assert_non_null(strstr(revocations_refused(w.r), "c.crl: octet 0: more lists or entries"));
    /* A newer one that fits. */
    put_hash_list(&w, "d.crl", CRL_HASH_FULL, 8, 3);
    tick(&w, NOW_S);
    assert_true(revoked(&w, 3, w.ca_hash));
    assert_true(revocations_at(w.r, 0).applied);
    world_free(&w);
}

/* Overdue: said, and in force all the same. */
static void overdue_lists_go_on_counting(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    w.keeps = true;
    put_hash_list(&w, "a.crl", CRL_HASH_FULL, 5, 1);
    world_open(&w, false);
    assert_true(revoked(&w, 1, w.ca_hash));
    assert_int_equal(revocations_at(w.r, 0).facts.next_s, NOW_S + 86400);
    tick(&w, NOW_S + 86401);
    assert_true(revoked(&w, 1, w.ca_hash));
    tick(&w, NOW_S + 400 * 86400);
    assert_true(revoked(&w, 1, w.ca_hash));
    restart(&w);
    assert_true(revoked(&w, 1, w.ca_hash));
    world_free(&w);
}

/* On request the folder is looked at before its time, and though it looks the same. */
static void reload_on_request(void **state) {
    (void)state;
    struct world w;
    struct buf text = {0};
    char path[128];
    world_make(&w);
    world_open(&w, false);
    uint64_t scans = revocations_read_counters(w.r).scans;
    tick(&w, NOW_S);
    assert_int_equal(revocations_read_counters(w.r).scans, scans);
    put_hash_list(&w, "a.crl", CRL_HASH_FULL, 5, 1);
    (void)revocations_tick(w.r, w.mono_us, NOW_S);
    assert_false(revoked(&w, 1, w.ca_hash));
    revocations_reload(w.r);
    while (revocations_tick(w.r, w.mono_us, NOW_S)) {
    }
    assert_true(revoked(&w, 1, w.ca_hash));
    revocations_reload(w.r);
    (void)revocations_tick(w.r, w.mono_us, NOW_S);
    assert_int_equal(revocations_read_counters(w.r).scans, scans + 2);
    /* Lists in hex, as people send them. */
    put_hash_list(&w, "b.crl", CRL_HASH_FULL, 6, 2);
    (void)snprintf(path, sizeof(path), "%s/b.crl", w.dir);
    struct buf octets = {0};
    assert_int_equal(file_read(path, 65535, &octets, NULL), WS_OK);
    hex_encode((char *)buf_grow(&text, 2 * octets.n + 1), octets.p, octets.n);
    text.p[text.n - 1] = '\n';
    assert_int_equal(file_write(path, buf_span(&text), 0644, NULL), WS_OK);
    tick(&w, NOW_S);
    assert_true(revoked(&w, 2, w.ca_hash));
    /* A signature with SM2: two octets of curve and length in place of those of P-256. */
    octets.p[octets.n - 66] = 0x84;
    octets.p[octets.n - 65] = 64;
    assert_int_equal(file_write(path, buf_span(&octets), 0644, NULL), WS_OK);
    tick(&w, NOW_S);
    assert_int_equal(refused(&w, REFUSED_ALGORITHM), 1);
    assert_non_null(strstr(revocations_refused(w.r), "SM2"));
    for (unsigned i = 0; i < REFUSED_REASONS; i++)
        assert_true(strlen(revocations_reason_name((enum revocations_reason)i)) > 2);
    buf_free(&octets);
    buf_free(&text);
    world_free(&w);
}

/* However many series there are, the list of each is asked. */
static void many_series(void **state) {
    (void)state;
    enum { SERIES = 100 };
    struct world w;
    world_make(&w);
    /* Its CRL permission has all of these series. */
    struct buf ssp = {0};
    buf_put(&ssp, "\x00\x01\x00\x01", 4);
    buf_u8(&ssp, SERIES);
    for (unsigned i = 0; i < SERIES; i++)
        buf_u16(&ssp, (uint16_t)i);
    const struct sign_permission app = {0x100, buf_span(&ssp), false};
    struct cert_request rq = {.name = "signer of many",
        .valid_from_s = PKI_FROM_S - 86400,
        .valid_hours = 9000,
        .app = &app,
        .n_app = 1,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = 1};
    struct trust_store *base = trust_store_new(8);
    struct ws_err err;
    buf_clear(&w.root);
    cert_put(&w.root, &rq, w.root_key, NULL, (struct span){0});
    hash_of(&w.root, w.root_hash);
    assert_int_equal(trust_add_root(base, buf_span(&w.root), &err), WS_OK);
    trust_store_free(w.base);
    w.base = base;
    for (unsigned i = 0; i < SERIES; i++) {
        const uint8_t ids[1][10] = {{(uint8_t)(i + 1)}};
        char name[16];
        struct buf payload = {0};
        struct crl_writer writer = {.form = CRL_HASH_FULL,
            .series = (uint16_t)i,
            .craca = w.root_hash + 24,
            .issued_s = NOW_S,
            .next_s = NOW_S + 86400,
            .serial = 1,
            .ids = ids,
            .n_ids = 1};
        (void)snprintf(name, sizeof(name), "%u.crl", i);
        list_put_crl(&payload, &writer);
        put_file(&w, name, &payload, 0x100, w.root_key, &w.root);
    }
    world_open(&w, false);
    assert_int_equal(revocations_count(w.r), SERIES);
    struct trust_view *v = trust_slot_take(revocations_slot(w.r));
    for (unsigned i = 0; i < SERIES; i++) {
        for (unsigned series = 0; series < SERIES; series += 33) {
            uint8_t hash[32] = {[22] = (uint8_t)(i + 1)};
            struct cert c = {.id_kind = CERT_ID_NONE, .crl_series = (uint16_t)series};
            struct revocation_answer a = trust_view_revoked(v, &c, hash, w.root_hash);
            assert_int_equal(a.kind == REVOCATION_HASH, i == series);
        }
    }
    trust_view_unref(v);
    buf_free(&ssp);
    world_free(&w);
}

/* ---- linkage from period to period ---- */

enum { WEEK = 604800, PERIODS = 5 };
static const uint32_t WEEK_0 = 347619603;

struct device {
    uint16_t i; /* of the list */
    uint8_t value[PERIODS][LINKAGE_OCTETS]; /* for j = 3 in period i, i + 1, ... */
};

static void device_make(struct device *d, uint8_t seed1[16], uint8_t seed2[16]) {
    uint8_t s1[16], s2[16];
    struct linkage *l = linkage_new();
    memcpy(s1, seed1, 16);
    memcpy(s2, seed2, 16);
    for (unsigned k = 0; k < PERIODS; k++) {
        struct linkage_seeds seeds = {1, 2, s1, s2};
        linkage_values(l, &seeds, 3, 1, d->value[k]);
        linkage_evolve(l, 1, s1);
        linkage_evolve(l, 2, s2);
    }
    linkage_free(l);
}

/* Is the device's certificate of its k-th period revoked by the view in force? */
static bool device_revoked(struct world *w, const struct device *d, unsigned k) {
    uint8_t id[12] = {0}, hash[32] = {0};
    put_be16(id + 1, (uint16_t)(d->i + k));
    memcpy(id + 3, d->value[k], LINKAGE_OCTETS);
    struct cert c = {.id_kind = CERT_ID_LINKAGE, .id = span_of(id, sizeof(id))};
    struct trust_view *v = trust_slot_take(revocations_slot(w->r));
    struct revocation_answer a = trust_view_revoked(v, &c, hash, w->ca_hash);
    trust_view_unref(v);
    return a.kind == REVOCATION_LINKAGE;
}

/* Certificates count an hour longer than their period and come before it: at each instant those of the last, the present
 * and the next period are known, also in the second in which a period begins and before any work was done for it. */
static void linkage_from_week_to_week(void **state) {
    (void)state;
    struct world w;
    uint8_t s1[16] = "first seed......", s2[16] = "second seed.....";
    world_make(&w);
    struct device d = {.i = (uint16_t)((NOW_S - WEEK_0) / WEEK)};
    const struct crl_seeds seeds = {.jmax = 20,
        .i_max = (uint16_t)(d.i + PERIODS - 2),
        .la1 = 1,
        .la2 = 2,
        .seed1 = s1,
        .seed2 = s2};
    struct crl_writer writer = {.form = CRL_LINKED_FULL,
        .craca = w.root_hash + 24,
        .issued_s = NOW_S,
        .next_s = NOW_S + WEEK,
        .serial = (uint32_t)d.i << 8,
        .seeds = &seeds,
        .n_seeds = 1};
    struct buf payload = {0};
    device_make(&d, s1, s2);
    list_put_crl(&payload, &writer);
    put_file(&w, "lv.crl", &payload, 0x100, w.root_key, &w.root);
    world_open(&w, false);
    uint32_t begin = WEEK_0 + (uint32_t)(d.i + 1) * WEEK; /* of its second period */
    for (unsigned k = 0; k < PERIODS; k++)
        assert_int_equal(device_revoked(&w, &d, k), k <= 1);
    uint64_t generation = trust_slot_generation(revocations_slot(w.r));
    tick(&w, begin - 1);
    assert_int_equal(trust_slot_generation(revocations_slot(w.r)), generation);
    assert_true(device_revoked(&w, &d, 0) && device_revoked(&w, &d, 1));
    /* The first instant of the new week, before the owner had its turn: the old view knows it already. */
    assert_true(device_revoked(&w, &d, 1));
    tick(&w, begin);
    assert_int_equal(trust_slot_generation(revocations_slot(w.r)), generation + 1);
    for (unsigned k = 0; k < PERIODS; k++)
        assert_int_equal(device_revoked(&w, &d, k), k <= 2); /* the last one still counts */
    tick(&w, begin + 3600);
    assert_true(device_revoked(&w, &d, 0));
    tick(&w, begin + WEEK);
    for (unsigned k = 0; k < PERIODS; k++)
        assert_int_equal(device_revoked(&w, &d, k), k >= 1 && k <= 3);
    /* Behind iMax nothing is revoked; weeks that were slept through are caught up with. */
    tick(&w, begin + 3 * WEEK);
    for (unsigned k = 0; k < PERIODS; k++)
        assert_int_equal(device_revoked(&w, &d, k), k == 3);
    /* A clock that goes back finds what it needs. */
    tick(&w, begin + 2 * WEEK);
    assert_true(device_revoked(&w, &d, 3));
    world_free(&w);
}

/* ---- issuing certificates from neighbours ---- */

/* An authority under this one. */
static struct buf authority(struct world *w, const char *name, const struct sign_key *issuer,
    const struct buf *issuer_cert, uint16_t hours) {
    struct cert_request rq = {.name = name,
        .valid_from_s = PKI_FROM_S - 3600,
        .valid_hours = hours,
        .issue_all = true,
        .issue_min_chain = 1};
    struct sign_key *key = sign_key_new(CURVE_P256, &w->rnd);
    struct buf b = {0};
    cert_put(&b, &rq, key, issuer, buf_span(issuer_cert));
    sign_key_free(key);
    return b;
}

static void expect_learned(struct world *w, const struct buf *cert, enum revocations_learned l) {
    uint64_t before = revocations_read_counters(w->r).offered[l];
    assert_string_equal(revocations_learned_name(revocations_learn(w->r, buf_span(cert), NOW_S)),
        revocations_learned_name(l));
    assert_int_equal(revocations_read_counters(w->r).offered[l], before + 1);
}

static void authorities_are_learned_under_known_roots_only(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    w.learned_max = 2;
    w.no_folder = true;
    world_open(&w, false);
    struct buf first = authority(&w, "first", w.root_key, &w.root, 10);
    struct buf second = authority(&w, "second", w.root_key, &w.root, 1000);
    struct buf third = authority(&w, "third", w.root_key, &w.root, 1000);
    struct buf far = authority(&w, "far", w.far_root_key, &w.far_root, 1000);
    struct buf forged = authority(&w, "forged", w.far_root_key, &w.root, 1000);
    struct buf old = authority(&w, "old", w.root_key, &w.root, 1);
    struct buf junk = {0};
    buf_put(&junk, "\x80\x03\x00", 3);
    expect_learned(&w, &junk, LEARNED_REFUSED);
    expect_learned(&w, &w.root, LEARNED_KNOWN);
    expect_learned(&w, &w.ca, LEARNED_KNOWN);
    expect_learned(&w, &w.far_root, LEARNED_REFUSED); /* never a root */
    expect_learned(&w, &far, LEARNED_REFUSED);
    expect_learned(&w, &forged, LEARNED_REFUSED);
    expect_learned(&w, &forged, LEARNED_REFUSED); /* remembered */
    expect_learned(&w, &old, LEARNED_TIME);
    assert_int_equal(store_count(&w), 2);
    uint64_t generation = trust_slot_generation(revocations_slot(w.r));
    tick(&w, NOW_S);
    assert_int_equal(trust_slot_generation(revocations_slot(w.r)), generation);
    expect_learned(&w, &first, LEARNED_NEW);
    expect_learned(&w, &first, LEARNED_KNOWN);
    tick(&w, NOW_S);
    assert_int_equal(trust_slot_generation(revocations_slot(w.r)), generation + 1);
    assert_int_equal(store_count(&w), 3);
    assert_false(revoked(&w, 1, w.ca_hash));
    /* A second one counts after a pause: each new store costs the packet path what it knew. */
    expect_learned(&w, &second, LEARNED_NEW);
    while (revocations_tick(w.r, w.mono_us + 1, NOW_S)) {
    }
    assert_int_equal(store_count(&w), 3);
    tick(&w, NOW_S);
    assert_int_equal(store_count(&w), 4);
    expect_learned(&w, &third, LEARNED_FULL);
    assert_int_equal(revocations_read_counters(w.r).learned, 2);
    /* What ran out makes room. */
    tick(&w, NOW_S + 10 * 3600);
    tick(&w, NOW_S + 10 * 3600);
    assert_int_equal(store_count(&w), 3);
    assert_int_equal(revocations_read_counters(w.r).learned, 1);
    expect_learned(&w, &third, LEARNED_NEW);
    struct buf *const all[] = {&first, &second, &third, &far, &forged, &old, &junk};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_free(all[i]);
    world_free(&w);
}

static void revoked_authorities_are_not_learned(void **state) {
    (void)state;
    struct world w;
    struct buf payload = {0};
    uint8_t hash[32], ids[1][10];
    world_make(&w);
    w.learned_max = 8;
    struct buf bad = authority(&w, "bad", w.root_key, &w.root, 1000);
    struct buf late = authority(&w, "late", w.root_key, &w.root, 1000);
    hash_of(&bad, hash);
    memcpy(ids[0], hash + 22, 10);
    struct crl_writer writer = {.form = CRL_HASH_FULL,
        .craca = w.root_hash + 24,
        .issued_s = NOW_S,
        .next_s = NOW_S + 86400,
        .serial = 1,
        .ids = (const uint8_t(*)[10])ids,
        .n_ids = 1};
    list_put_crl(&payload, &writer);
    put_file(&w, "a.crl", &payload, 0x100, w.root_key, &w.root);
    world_open(&w, false);
    expect_learned(&w, &bad, LEARNED_REVOKED);
    expect_learned(&w, &late, LEARNED_NEW);
    tick(&w, NOW_S);
    assert_int_equal(store_count(&w), 3);
    hash_of(&late, hash);
    assert_false(revoked(&w, 9, hash));
    /* One that is revoked afterwards stays in the store, and nobody under it is believed. */
    memcpy(ids[0], hash + 22, 10);
    writer.serial = 2;
    list_put_crl(&payload, &writer);
    put_file(&w, "a.crl", &payload, 0x100, w.root_key, &w.root);
    tick(&w, NOW_S);
    assert_true(revoked(&w, 9, hash));
    buf_free(&bad);
    buf_free(&late);
    world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_go_forward_only),
        cmocka_unit_test(bad_files_change_nothing),
        cmocka_unit_test(trust_lists_add_and_delete),
        cmocka_unit_test(a_manager_must_be_named),
        cmocka_unit_test(no_older_list_comes_back_with_a_restart),
        cmocka_unit_test(a_list_beyond_the_limits_does_not_stop_the_others),
        cmocka_unit_test(overdue_lists_go_on_counting),
        cmocka_unit_test(reload_on_request),
        cmocka_unit_test(many_series),
        cmocka_unit_test(linkage_from_week_to_week),
        cmocka_unit_test(authorities_are_learned_under_known_roots_only),
        cmocka_unit_test(revoked_authorities_are_not_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
