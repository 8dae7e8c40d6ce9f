/* --check and cell init, one against the other: what init writes is good, and each thing that can then be wrong
 * around it is found. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "rsu/cell/cell_plan.h"
#include "rsu/config/config.h"
#include "rsu/config/value.h"
#include "rsu/host/secret.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = 4 };

struct rig {
    char dir[64]; /* of the test */
    char out[96]; /* of the cell */
    char unit[128];
    struct mapset map;
    struct cell_plan plan;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void remake(struct rig *r, uint64_t seed, struct cell_plan *p, const char *out) {
    struct ws_random random = ws_random_seeded(seed);
    struct ws_err err = {0};
    memset(p, 0, sizeof(*p));
    p->out = out;
    p->base_port = 7100;
    p->http_port = 8100;
    p->clock = (struct ws_clock){
        .kind = WS_CLOCK_SCALED, .epoch_its_us = UINT64_C(704707205000000), .rate_ppm = 20000000};
    p->founding = (struct founding){.name = "check",
        .time = p->clock.epoch_its_us - 1000000,
        .params = cell_params_default(),
        .policy_name = founding_policy_name,
        .policy_script = founding_policy_script(),
        .map = &r->map,
        .margin_m = 100};
    cell_plan_stretch(&p->founding.params, p->clock.rate_ppm);
    if (cell_plan_draw_keys(p, N, 3, 2, &random, &err) != WS_OK ||
        founding_genesis(&p->founding, &p->genesis, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static int setup(void **state) {
    struct rig *r = ws_alloc(sizeof(*r));
    struct ws_err err = {0};
    char warning[128];
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/ws-check-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->out, sizeof(r->out), "%s/cell", r->dir);
    (void)snprintf(r->unit, sizeof(r->unit), "%s/rsu2", r->out);
    struct map_import_options how = {0};
    if (map_import("configs/demo/town.osm", &how, &r->map, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    remake(r, 1, &r->plan, r->out);
    if (cell_plan_write(&r->plan, warning, sizeof(warning), &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_string_equal(warning, "");
    *state = r;
    return 0;
}

static int teardown(void **state) {
    struct rig *r = *state;
    (void)nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    cell_plan_wipe(&r->plan);
    mapset_free(&r->map);
    free(r);
    return 0;
}

static void path_in(const struct rig *r, const char *name, char dst[static PATH_MAX]) {
    (void)snprintf(dst, PATH_MAX, "%s/%s", r->unit, name);
}

static int check_text(const struct rig *r, struct ws_err *err) {
    char path[PATH_MAX];
    struct config c;
    path_in(r, "rsud.yaml", path);
    int rc = config_load(path, &c, err);
    if (rc == WS_OK) {
        rc = config_check(&c, err);
        config_free(&c);
    }
    return rc;
}

static void expect_no(const struct rig *r, int code, const char *key, const char *words) {
    struct ws_err err = {0};
    assert_int_equal(check_text(r, &err), code);
    if (strstr(err.text, key) == NULL || strstr(err.text, words) == NULL)
        fail_msg("neither '%s' nor '%s' may be missing in: %s", key, words, err.text);
}

/* Appends a line to the configuration. */
static void add_line(const struct rig *r, const char *line) {
    char path[PATH_MAX];
    struct buf b = {0};
    path_in(r, "rsud.yaml", path);
    assert_int_equal(file_read(path, 65536, &b, NULL), WS_OK);
    buf_printf(&b, "%s\n", line);
    assert_int_equal(file_write(path, buf_span(&b), 0644, NULL), WS_OK);
    buf_free(&b);
}

static void replace_file(const struct rig *r, const char *name, const char *text, unsigned mode) {
    char path[PATH_MAX];
    path_in(r, name, path);
    assert_int_equal(file_write(path, span_of(text, strlen(text)), mode, NULL), WS_OK);
}

static void test_good(void **state) {
    struct rig *r = *state;
    for (int i = 1; i <= N; i++) {
        struct ws_err err = {0};
        (void)snprintf(r->unit, sizeof(r->unit), "%s/rsu%d", r->out, i);
        if (check_text(r, &err) != WS_OK)
            fail_msg("%s", err.text);
    }
}

/* Secrets are their owner's; unit i is validator i - 1 of the genesis and has its own links. */
static void test_what_init_writes(void **state) {
    struct rig *r = *state;
    static const char *const secrets[] = {
        "rsu2/validator.key", "rsu2/curve.key", "authority/3.key"};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        char path[PATH_MAX];
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s/%s", r->out, secrets[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    const struct founding *f = &r->plan.founding;
    for (size_t i = 0; i < N; i++) {
        char path[PATH_MAX];
        uint8_t secret[32];
        uint8_t key[32];
        char owner[16];
        (void)snprintf(owner, sizeof(owner), "rsu%zu", i + 1);
        assert_string_equal(f->validators.v[i].owner, owner);
        (void)snprintf(path, sizeof(path), "%s/rsu%zu/validator.key", r->out, i + 1);
        assert_int_equal(secret_read(path, secret, NULL), WS_OK);
        struct signer *s = signer_new(secret);
        signer_public(s, key);
        signer_free(s);
        assert_memory_equal(key, f->validators.v[i].key, 32);
    }
    assert_int_equal(f->n_authorities, 3);
    assert_int_equal(f->quorum[ROLE_POLICY - 1], 2);
    assert_int_equal(f->quorum[ROLE_MAP - 1], 2);
    assert_int_equal(f->quorum[ROLE_IDENTITY - 1], 0);
    /* Twenty times real time: 100 ms become 2 s, and nothing leaves its range. */
    assert_int_equal(f->params.time_precision_us, 2000000);
    assert_int_equal(f->params.message_future_us, 40000000);
}

static void test_nothing_is_written_over(void **state) {
    struct rig *r = *state;
    struct cell_plan p;
    struct ws_err err = {0};
    char warning[128];
    struct buf before = {0};
    struct buf after = {0};
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/genesis.bin", r->out);
    assert_int_equal(file_read(path, 1U << 20, &before, NULL), WS_OK);
    remake(r, 2, &p, r->out);
    assert_int_equal(cell_plan_write(&p, warning, sizeof(warning), &err), WS_EEXIST);
    assert_int_equal(file_read(path, 1U << 20, &after, NULL), WS_OK);
    assert_true(span_equal(buf_span(&before), buf_span(&after)));
    buf_free(&before);
    buf_free(&after);
    /* An empty folder is taken. */
    (void)snprintf(path, sizeof(path), "%s/empty", r->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    p.out = path;
    assert_int_equal(cell_plan_write(&p, warning, sizeof(warning), &err), WS_OK);
    cell_plan_wipe(&p);
}

/* A capture's path that YAML cannot carry: the message comes from init, and nothing is left behind. */
static void test_half_made(void **state) {
    struct rig *r = *state;
    struct cell_plan p;
    struct ws_err err = {0};
    char warning[128];
    char odd[] = "/captures/\xff\xfe.pcap";
    char *captures[] = {odd};
    char out[128];
    (void)snprintf(out, sizeof(out), "%s/other", r->dir);
    remake(r, 3, &p, out);
    p.captures = captures;
    p.n_captures = 1;
    assert_int_equal(cell_plan_write(&p, warning, sizeof(warning), &err), WS_EINPUT);
    char find[256];
    (void)snprintf(find, sizeof(find), "test -z \"$(ls -d %s* 2>/dev/null)\"", out);
    assert_int_equal(system(find), 0); /* NOLINT(cert-env33-c): names are the test's own */
    cell_plan_wipe(&p);
}

static void test_odd_names(void **state) {
    struct rig *r = *state;
    struct cell_plan p;
    struct ws_err err = {0};
    char warning[128];
    char odd[] = "/cap \"tures\"/a\\b: #c\x1b.pcap";
    char *captures[] = {odd};
    char out[128];
    (void)snprintf(out, sizeof(out), "%s/odd", r->dir);
    remake(r, 3, &p, out);
    p.founding.name = "line\nbreak: [";
    p.captures = captures;
    p.n_captures = 1;
    if (cell_plan_write(&p, warning, sizeof(warning), &err) != WS_OK)
        fail_msg("%s", err.text);
    cell_plan_wipe(&p);
    struct config c;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/rsu1/rsud.yaml", out);
    assert_int_equal(config_load(path, &c, &err), WS_OK);
    assert_string_equal(c.ports[0].captures[0], odd);
    config_free(&c);
}

static void test_genesis(void **state) {
    struct rig *r = *state;
    replace_file(r, "../genesis.bin", "no genesis", 0644);
    expect_no(r, WS_EINPUT, "genesis", "genesis.bin");
    char path[PATH_MAX];
    path_in(r, "../genesis.bin", path);
    assert_int_equal(unlink(path), 0);
    expect_no(r, WS_ENOTFOUND, "genesis", "genesis.bin");
}

static void test_map(void **state) {
    struct rig *r = *state;
    struct buf b = {0};
    char path[PATH_MAX];
    /* A good map, but another one. */
    r->map.frame.north += 1;
    mapset_encode(&r->map, &b);
    path_in(r, "../base.wmap", path);
    assert_int_equal(file_write(path, buf_span(&b), 0644, NULL), WS_OK);
    buf_free(&b);
    expect_no(r, WS_EINPUT, "map", "not the map that");
    replace_file(r, "../base.wmap", "no map", 0644);
    expect_no(r, WS_EINPUT, "map", "base.wmap");
}

static void test_keys(void **state) {
    struct rig *r = *state;
    char path[PATH_MAX];
    path_in(r, "validator.key", path);
    assert_int_equal(chmod(path, 0640), 0);
    expect_no(r, WS_EINPUT, "key", "0600");
    assert_int_equal(chmod(path, 0600), 0);
    uint8_t other[32] = {1};
    assert_int_equal(secret_write(path, other, NULL), WS_OK);
    expect_no(r, WS_EINPUT, "key", "not the key");
    replace_file(r, "validator.key", "zz\n", 0600);
    expect_no(r, WS_EINPUT, "key", "64 hex digits");
    assert_int_equal(unlink(path), 0);
    expect_no(r, WS_ENOTFOUND, "key", "validator.key");
}

static void test_curve_key(void **state) {
    struct rig *r = *state;
    char path[PATH_MAX];
    uint8_t other[32] = {1};
    path_in(r, "curve.key", path);
    assert_int_equal(secret_write(path, other, NULL), WS_OK);
    expect_no(r, WS_EINPUT, "curve_key", "not the CURVE key");
    assert_int_equal(chmod(path, 0604), 0);
    expect_no(r, WS_EINPUT, "curve_key", "0600");
}

static void test_ports_and_folders(void **state) {
    struct rig *r = *state;
    add_line(r, "ports: [{kind: capture, files: [nope.pcap]}]");
    expect_no(r, WS_ENOTFOUND, "ports[1]", "nope.pcap");
    replace_file(r, "nope.pcap", "this is no capture at all", 0644);
    expect_no(r, WS_EINPUT, "ports[1]: files", "not a capture");
    static const uint8_t no_frames[24] = {
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, [17] = 0x20, [20] = 1}; /* pcap, Ethernet */
    char path[PATH_MAX];
    path_in(r, "nope.pcap", path);
    assert_int_equal(file_write(path, span_of(no_frames, sizeof(no_frames)), 0644, NULL), WS_OK);
    struct ws_err err = {0};
    assert_int_equal(check_text(r, &err), WS_OK);
}

static void test_interface(void **state) {
    struct rig *r = *state;
    add_line(r, "ports: [{kind: af_packet, interface: no-such-if}]");
    expect_no(r, WS_ENOTFOUND, "ports[1]: interface", "no-such-if");
}

static void test_memory_of_ports(void **state) {
    struct rig *r = *state;
    if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
        skip(); /* then something else is said first */
    add_line(r, "ports: [{kind: tap, interface: ws-config, buffers: 65536}]");
    expect_no(r, WS_ELIMIT, "memory_mb", "and 64 MB are given");
    add_line(r, "memory_mb: 300");
    struct ws_err err = {0};
    assert_int_equal(check_text(r, &err), WS_OK);
}

/* Takes "key: value" out of the file. */
static void drop_line(const struct rig *r, const char *start) {
    char path[PATH_MAX];
    struct buf b = {0};
    struct buf out = {0};
    path_in(r, "rsud.yaml", path);
    assert_int_equal(file_read(path, 65536, &b, NULL), WS_OK);
    buf_u8(&b, 0);
    bool found = false;
    for (char *line = (char *)b.p; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        bool this = strncmp(line, start, strlen(start)) == 0;
        if (!this)
            buf_put(&out, line, n + 1);
        found = found || this;
        line += n + 1;
    }
    assert_true(found);
    assert_int_equal(file_write(path, buf_span(&out), 0644, NULL), WS_OK);
    buf_free(&b);
    buf_free(&out);
}

static void test_peers(void **state) {
    struct rig *r = *state;
    drop_line(r, "peers:");
    drop_line(r, "  - {address: ");
    /* All three are gone. */
    expect_no(r, WS_EINPUT, "peers", "another cell's genesis");
}

static void test_strange_peer(void **state) {
    struct rig *r = *state;
    drop_line(r, "peers:");
    drop_line(r, "  - {address: ");
    add_line(r,
        "peers: [{address: "
        "0000000000000000000000000000000000000000000000000000000000000000, endpoint: tcp://h:1}]");
    expect_no(r, WS_EINPUT, "peers", "another cell's genesis");
    /* A unit with a ledger knows the validators of now from there. */
    char path[PATH_MAX];
    struct ws_err err = {0};
    path_in(r, "data", path);
    assert_int_equal(mkdir(path, 0755), 0);
    path_in(r, "data/store", path);
    assert_int_equal(mkdir(path, 0755), 0);
    replace_file(r, "data/store/CURRENT", "x", 0644);
    assert_int_equal(check_text(r, &err), WS_OK);
}

/* After the whole committee has changed: a new unit reaches those whose link keys it is given. */
static void test_later_peers(void **state) {
    struct rig *r = *state;
    drop_line(r, "peers:");
    drop_line(r, "  - {address: ");
    add_line(r,
        "peers: [{address: "
        "0000000000000000000000000000000000000000000000000000000000000000, endpoint: tcp://h:1, "
        "key: 1111111111111111111111111111111111111111111111111111111111111111}]");
    struct ws_err err = {0};
    assert_int_equal(check_text(r, &err), WS_OK);
    drop_line(r, "peers:");
    add_line(r,
        "peers: [{address: "
        "0000000000000000000000000000000000000000000000000000000000000000, endpoint: tcp://h:1, "
        "key: 11}]");
    expect_no(r, WS_EINPUT, "peers[1].key", "64 hex digits");
}

/* A node that has started before needs no map; an observer no key of its own, either. */
static void test_observer_and_restart(void **state) {
    struct rig *r = *state;
    drop_line(r, "map:");
    expect_no(r, WS_EINPUT, "map", "first start");
    char path[PATH_MAX];
    path_in(r, "data", path);
    assert_int_equal(mkdir(path, 0755), 0);
    struct ws_err err = {0};
    assert_int_equal(check_text(r, &err), WS_OK);
    drop_line(r, "key:");
    assert_int_equal(check_text(r, &err), WS_OK);
}

/* Whoever came after the genesis has keys that it does not know. */
static void test_newcomer(void **state) {
    struct rig *r = *state;
    char path[PATH_MAX];
    uint8_t secret[32] = {3};
    struct ws_err err = {0};
    path_in(r, "validator.key", path);
    assert_int_equal(secret_write(path, secret, NULL), WS_OK);
    path_in(r, "curve.key", path);
    assert_int_equal(secret_write(path, secret, NULL), WS_OK);
    if (check_text(r, &err) != WS_OK)
        fail_msg("%s", err.text);
}

/* What is logged while the configuration with this address of the face is checked. */
static void hear_check(struct rig *r, const char *line, struct buf *ret_log) {
    char path[PATH_MAX];
    struct ws_err err = {0};
    drop_line(r, "http:");
    add_line(r, line);
    (void)snprintf(path, sizeof(path), "%s/log", r->dir);
    int log = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
    int stderr_was = dup(STDERR_FILENO);
    assert_true(log >= 0 && stderr_was >= 0 && dup2(log, STDERR_FILENO) >= 0);
    int rc = check_text(r, &err);
    assert_true(dup2(stderr_was, STDERR_FILENO) >= 0);
    (void)close(stderr_was);
    (void)close(log);
    if (rc != WS_OK)
        fail_msg("%s", err.text);
    buf_clear(ret_log);
    assert_int_equal(file_read(path, 65536, ret_log, NULL), WS_OK);
    buf_u8(ret_log, 0);
}

/* Allowed, and not unnoticed. */
static void test_public_face(void **state) {
    static const char *const own[] = {
        "http: 127.0.0.1:8100", "http: 127.9.0.1:8100", "http: \"[::1]:8100\""};
    static const char *const open_to_all[] = {
        "http: 0.0.0.0:8100", "http: \"[::]:8100\"", "http: 192.0.2.7:8100"};
    struct rig *r = *state;
    struct buf log = {0};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        hear_check(r, own[i], &log);
        assert_string_equal((const char *)log.p, "");
    }
    for (size_t i = 0; i < ARRAY_LEN(open_to_all); i++) {
        hear_check(r, open_to_all[i], &log);
        assert_non_null(strstr((const char *)log.p, "open to everyone"));
    }
    buf_free(&log);
}

static void test_long_out(void **state) {
    struct rig *r = *state;
    struct cell_plan p;
    struct ws_err err = {0};
    char warning[256];
    char out[256];
    (void)snprintf(out, sizeof(out), "%s/%0100d", r->dir, 1);
    remake(r, 4, &p, out);
    assert_int_equal(cell_plan_write(&p, warning, sizeof(warning), &err), WS_OK);
    assert_non_null(strstr(warning, "admin"));
    cell_plan_wipe(&p);
    char path[PATH_MAX];
    struct config c;
    (void)snprintf(path, sizeof(path), "%s/rsu1/rsud.yaml", out);
    assert_int_equal(config_load(path, &c, &err), WS_OK);
    assert_null(c.admin);
    config_free(&c);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_good),
        T(test_what_init_writes),
        T(test_nothing_is_written_over),
        T(test_half_made),
        T(test_odd_names),
        T(test_genesis),
        T(test_map),
        T(test_keys),
        T(test_curve_key),
        T(test_ports_and_folders),
        T(test_interface),
        T(test_memory_of_ports),
        T(test_peers),
        T(test_strange_peer),
        T(test_later_peers),
        T(test_observer_and_restart),
        T(test_newcomer),
        T(test_public_face),
        T(test_long_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
