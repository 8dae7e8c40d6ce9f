/* Everything in the data folder for vehicles' messages, through the pipeline with the verdicts its sources record. A file
 * that is not in the table is another capture, which has to be read to its end, or it is named at the end. */
#include "tests/support/cm.h"
#include "tests/support/obu_log.h"

#include "base/clock.h"
#include "base/fileio.h"
#include "pktio/capture.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig {
    struct trust_store *trust;
    struct pipeline *p;
    uint64_t count[PKT_VERDICT_COUNT];
    uint64_t frames;
    uint64_t its_us;
};

static bool sink(void *ctx, struct pkt_message *m) {
    (void)ctx;
    pkt_message_release(m);
    return true;
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct rig *r = ctx;
    (void)f;
    assert_true(strlen(detail) > 0);
    r->count[v]++;
}

static void rig_start(struct rig *r) {
    struct pipeline_config cfg = {
        .limits = {.source_slots = 256,
            .source_burst = 1000,
            .replay_slots = 8192,
            .cert_slots = 256,
            .message_pool = 8,
            .freshness_us = 60000000, /* one capture's clock is 18.7 s ahead of the signed time */
            .freshness_own_us = 60000000,
            .future_us = 60000000,
            .wait_us = 60000000,
            .table_octets = 8U << 20},
        .trust = r->trust,
        .verify = true,
    };
    r->p = pipeline_new(&cfg, sink, r, note, r);
}

static struct rig rig_open(void) {
    struct rig r = {.trust = trust_store_new(64)};
    return r;
}

static void take(struct rig *r, struct pkt_frame *f, uint64_t its_us) {
    r->its_us = its_us;
    f->number = ++r->frames;
    pipeline_tick(r->p, its_us);
    pipeline_take(r->p, f, 1, its_us);
    while (pipeline_work(r->p, its_us))
        ;
}

/* 1609.2 without a carrier, as a user link type has it, at the time it was signed. */
static void take_message(struct rig *r, struct span message) {
    struct spdu m;
    size_t at;
    assert_int_equal(spdu_parse(message, &m, &at), COER_OK);
    struct pkt_frame f = {
        .data = message, .link = LINK_USER_FIRST, .original_octets = (uint32_t)message.n};
    take(r, &f, m.has_generation_time ? m.generation_time : r->its_us);
}

/* Every frame has its verdict; frees the rig. wanted: pairs of verdict and count, ended by 0 for the count. */
struct count {
    enum pkt_verdict v;
    uint64_t n;
};

static void rig_close(struct rig *r, const char *name, const struct count *wanted) {
    uint64_t sum = 0;
    pipeline_finish(r->p, r->its_us);
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++) {
        sum += r->count[v];
        if (r->count[v] > 0)
            print_message("%s: %llu %s\n", name, (unsigned long long)r->count[v],
                pkt_verdict_name((enum pkt_verdict)v));
    }
    assert_int_equal(sum, r->frames);
    for (; wanted != NULL && wanted->n > 0; wanted++) {
        if (r->count[wanted->v] != wanted->n)
            fail_msg("%s: %llu frames are %s instead of %llu", name,
                (unsigned long long)r->count[wanted->v], pkt_verdict_name(wanted->v),
                (unsigned long long)wanted->n);
        sum -= wanted->n;
        if (wanted[1].n == 0 && sum != 0)
            fail_msg("%s: %llu frames of other verdicts", name, (unsigned long long)sum);
    }
    pipeline_free(r->p);
    trust_store_free(r->trust);
}

static const char *data_path(char dst[static 512], const char *name) {
    int n = snprintf(dst, 512, "%s/v2x/%s", test_data_dir(), name);
    assert_true(n > 0 && n < 512);
    return dst;
}

static json_t *load(const char *name) {
    char path[512];
    json_error_t err;
    json_t *j = json_load_file(data_path(path, name), 0, &err);
    if (j == NULL)
        fail_msg("%s:%d: %s", name, err.line, err.text);
    return j;
}

/* ---- kinds of files ---- */

static void of_capture(const char *name, const struct count *wanted) {
    char path[512];
    struct capture *c;
    struct pkt_frame f;
    struct ws_err err;
    struct rig r = rig_open();
    rig_start(&r);
    if (capture_open(data_path(path, name), 0, &c, &err) != WS_OK)
        fail_msg("%s", err.text);
    int got;
    while ((got = capture_next(c, &f, &err)) == 1)
        take(&r, &f, its_from_unix_us((int64_t)(f.stamp_ns / 1000)));
    if (got != 0)
        fail_msg("%s", err.text);
    capture_close(c);
    rig_close(&r, name, wanted);
}

static void of_log(const char *name, const struct count *wanted) {
    struct obu_log log;
    struct obu_record rec;
    char stem[128];
    (void)snprintf(stem, sizeof(stem), "%s", strchr(name, '/') + 1);
    *strstr(stem, ".gz") = '\0';
    struct rig r = rig_open();
    rig_start(&r);
    assert_true(obu_log_open(test_data_dir(), stem, &log));
    while (obu_log_next(&log, &rec))
        take_message(&r, rec.message);
    obu_log_close(&log);
    rig_close(&r, name, wanted);
}

/* Frames in hex, one a line: GeoNetworking without a link layer. The same as in the capture beside it. */
static void of_hex(const char *name, const struct count *wanted) {
    char path[512];
    struct buf text = {0};
    struct ws_err err;
    struct rig r = rig_open();
    rig_start(&r);
    assert_int_equal(file_read(data_path(path, name), 1U << 20, &text, &err), WS_OK);
    buf_u8(&text, 0);
    char *rest = NULL;
    for (char *line = strtok_r((char *)text.p, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        struct buf b = test_unhex(line);
        struct carrier c;
        struct spdu m;
        size_t at;
        assert_int_equal(carrier_read(LINK_USER_FIRST, buf_span(&b), &c), CARRIER_SECURED);
        assert_int_equal(spdu_parse(c.message, &m, &at), COER_OK);
        struct pkt_frame f = {
            .data = buf_span(&b), .link = LINK_USER_FIRST, .original_octets = (uint32_t)b.n};
        take(&r, &f, m.generation_time);
        buf_free(&b);
    }
    buf_free(&text);
    rig_close(&r, name, wanted);
}

static void of_messages(const char *name, const struct count *wanted) {
    json_t *list = load(name);
    size_t i;
    json_t *o;
    struct rig r = rig_open();
    rig_start(&r);
    json_array_foreach(list, i, o) {
        struct buf b = test_unhex(json_string_value(json_object_get(o, "hex")));
        take_message(&r, buf_span(&b));
        buf_free(&b);
    }
    json_decref(list);
    rig_close(&r, name, wanted);
}

static const char *text_of(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s == NULL ? "" : s;
}

/* Four roots and what stands under them. The signatures of the twelve intended negatives are wrong (which
 * unit_v2x_sec_vectors asks for); of most the issuer could not have granted what they claim either, and that is cheaper
 * to find. */
static void add_chains(struct rig *r, const json_t *certificates) {
    size_t i;
    json_t *o;
    unsigned negative[TRUST_VERDICT_COUNT];
    struct ws_err err;
    json_array_foreach(certificates, i, o) {
        struct buf b = test_unhex(text_of(o, "hex"));
        if (strcmp(text_of(o, "issuer"), "self") == 0)
            assert_int_equal(trust_add_root(r->trust, buf_span(&b), &err), WS_OK);
        buf_free(&b);
    }
    for (unsigned pass = 0; pass < 3; pass++) {
        memset(negative, 0, sizeof(negative));
        json_array_foreach(certificates, i, o) {
            if (strcmp(text_of(o, "type"), "explicit") != 0 ||
                strcmp(text_of(o, "issuer"), "self") == 0)
                continue;
            struct buf b = test_unhex(text_of(o, "hex"));
            enum trust_verdict v = trust_add_issuer(r->trust, buf_span(&b));
            if (json_is_false(json_object_get(o, "signature_valid")))
                negative[v]++;
            buf_free(&b);
        }
    }
    assert_int_equal(negative[TRUST_BAD_SIGNATURE], 2);
    assert_int_equal(negative[TRUST_PERMISSION], 8);
    assert_int_equal(negative[TRUST_PROFILE], 2);
    assert_int_equal(negative[TRUST_OK], 0);
}

static void of_chains(const char *name, const struct count *wanted) {
    json_t *root = load(name);
    size_t i;
    json_t *o;
    struct rig r = rig_open();
    add_chains(&r, json_object_get(root, "certificates"));
    rig_start(&r);
    json_array_foreach(json_object_get(root, "spdus"), i, o) {
        struct buf b = test_unhex(text_of(o, "hex"));
        take_message(&r, buf_span(&b));
        buf_free(&b);
    }
    json_decref(root);
    rig_close(&r, name, wanted);
}

static void of_root(const char *name, const struct count *wanted) {
    char path[512];
    struct buf b = {0};
    struct ws_err err;
    (void)wanted;
    struct trust_store *store = trust_store_new(2);
    assert_int_equal(file_read(data_path(path, name), 65536, &b, &err), WS_OK);
    assert_int_equal(trust_add_root(store, buf_span(&b), &err), WS_OK);
    b.p[b.n - 1] ^= 1;
    assert_int_not_equal(trust_add_root(store, buf_span(&b), &err), WS_OK);
    trust_store_free(store);
    buf_free(&b);
}

/* ---- the table ---- */

typedef void (*file_fn)(const char *name, const struct count *wanted);

static const struct {
    const char *name;
    file_fn fn; /* NULL: not for this test, `why` says whose it is */
    const char *why;
    struct count wanted[4];
} files[] = {
    {"captures/its-g5-cam-secured-boslx.pcapng", of_capture, NULL, {{PKT_GOOD_ISSUER_UNKNOWN, 9}}},
    {"captures/its-g5-cam-secured-vanetza.pcap", of_capture, NULL, {{PKT_GOOD_ISSUER_UNKNOWN, 2}}},
    {"captures/its-g5-denm-secured-npra.pcap", of_capture, NULL, {{PKT_GOOD_ISSUER_UNKNOWN, 5}}},
    {"captures/its-g5-denm-secured-npra.hex", of_hex, NULL, {{PKT_GOOD_ISSUER_UNKNOWN, 5}}},
    {"captures/its-g5-cam-cpm-unsecured-msvan3t.pcapng", of_capture, NULL, {{PKT_UNSECURED, 929}}},
    {"captures/wsmp-bsm-signed-commsignia.pcap", of_capture, NULL, {{PKT_ISSUER_UNKNOWN, 511}}},
    {"captures/wsmp-map-signed-commsignia.pcap", of_capture, NULL, {{PKT_ISSUER_UNKNOWN, 103}}},
    {"logs/bsmLogDuringEvent.gz", of_log, NULL, {{PKT_NOT_SIGNED, 222}}},
    {"logs/bsmLogDuringEvent_commsignia.gz", of_log, NULL, {{PKT_ISSUER_UNKNOWN, 511}}},
    {"logs/rxMsg_BSM_and_TIM.gz", of_log, NULL, {{PKT_ISSUER_UNKNOWN, 393}}},
    {"logs/rxMsg_TIM_GeneratedBy_RSU.gz", of_log, NULL, {{PKT_ISSUER_UNKNOWN, 243}}},
    {"logs/rxMsg_TIM_GeneratedBy_TMC_VIA_SAT.gz", of_log, NULL, {{PKT_ISSUER_UNKNOWN, 166}}},
    {"logs/rxMsg_commsignia_map.gz", of_log, NULL, {{PKT_ISSUER_UNKNOWN, 103}}},
    {"vectors/us-signed-spdus.json", of_messages, NULL,
        {{PKT_SIGNER_UNKNOWN, 3}, {PKT_ISSUER_UNKNOWN, 1}}},
    /* Seven of the fifteen have no generation time; one names its signer by digest alone. Their signatures, which are all
     * good, are the business of unit_v2x_sec_vectors. */
    {"vectors/scms-implicit-chains.json", of_chains, NULL,
        {{PKT_VERIFIED, 7}, {PKT_BAD_PROFILE, 7}, {PKT_SIGNER_UNKNOWN, 1}}},
    {"vectors/us-production-root-iss.oer", of_root, NULL, {{0}}},
    {"vectors/etsi-crl-and-headerinfo.json", NULL, "unit_v2x_lists_real, unit_v2x_sec_vectors",
        {{0}}},
    {"vectors/scms-crypto/lv.txt", NULL, "unit_v2x_lists_real", {{0}}},
    {"vectors/scms-crypto/implicit.txt", NULL,
        "half of the hash, as drafts of 2015 had it: the final scheme, which is ours, does not",
        {{0}}},
    {"vectors/scms-crypto/bfkeyexp.txt", NULL, "butterfly keys are made by devices, not receivers",
        {{0}}},
    {"vectors/scms-crypto/ecies.txt", NULL, "nothing is encrypted to a roadside unit", {{0}}},
    {"trajectories/gnss-drive-biella-3cars.csv", NULL, "drives without messages", {{0}}},
    {"trajectories/gnss-ubx-nmea-tracenx.json", NULL, "drives without messages", {{0}}},
    {"SOURCES.md", NULL, "says what the others are", {{0}}},
};

static void each_of_the_table(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[512];
        if (access(data_path(path, files[i].name), R_OK) != 0)
            print_message("%s is not there\n", files[i].name);
        else if (files[i].fn != NULL)
            files[i].fn(files[i].name, files[i].wanted);
    }
}

static void of_stranger(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (strcmp(files[i].name, name) == 0)
            return;
    }
    if (strstr(name, ".pcap") != NULL)
        of_capture(name, NULL);
    else
        print_message("%s is in no table\n", name);
}

static void walk(const char *folder) {
    char path[512];
    DIR *dir = opendir(data_path(path, folder));
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char name[400];
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(
            name, sizeof(name), "%s%s%s", folder, folder[0] != '\0' ? "/" : "", e->d_name);
        if (stat(data_path(path, name), &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            walk(name);
        else
            of_stranger(name);
    }
    (void)closedir(dir);
}

static void others_are_read_to_their_end(void **state) {
    (void)state;
    walk("");
}

int main(void) {
    char path[512];
    if (access(data_path(path, ""), R_OK) != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_the_table),
        cmocka_unit_test(others_are_read_to_their_end),
    };
    return cmocka_run_group_tests_name("the data folder", tests, NULL, NULL);
}
