#include "rsu/cell/cell_plan.h"

#include "base/fileio.h"
#include "ledger/exec/contract.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/net/net.h"
#include "rsu/config/internal.h"
#include "rsu/host/secret.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Time between writing the files and the first instant of a scaled clock: enough to start the units. */
enum { START_DELAY_US = 4000000 };

/* ---- keys ---- */

static int draw_public(struct ws_random *random, uint8_t secret[static 32],
    uint8_t ret_key[static 32], struct ws_err *err) {
    ws_random_bytes(random, secret, 32);
    struct signer *s = signer_new(secret);
    if (s == NULL)
        return ws_fail(err, WS_ECRYPTO, "the machine gives no locked memory for a key");
    signer_public(s, ret_key);
    signer_free(s);
    return WS_OK;
}

int cell_plan_draw_keys(struct cell_plan *p, size_t n, size_t authorities, uint8_t policy_quorum,
    struct ws_random *random, struct ws_err *err) {
    struct founding *f = &p->founding;
    struct drawn {
        uint8_t public_key[32], key[32], curve_key[32];
    } drawn[VALIDATORS_MAX];
    int rc = WS_OK;
    f->validators.n = n;
    for (size_t i = 0; i < n && rc == WS_OK; i++) {
        struct validator *v = &f->validators.v[i];
        *v = (struct validator){.alg = KEY_ED25519, .power = 1};
        rc = draw_public(random, drawn[i].key, v->key, err);
        ws_random_bytes(random, drawn[i].curve_key, 32);
        net_curve_public(drawn[i].curve_key, v->curve_key);
        memcpy(drawn[i].public_key, v->key, 32);
    }
    if (rc == WS_OK)
        rc = validator_set_prepare(exec_sha256, &f->validators, err);
    /* The genesis sorts: units are numbered in its order, so that rsu1 is the first everywhere. */
    for (size_t i = 0; i < n && rc == WS_OK; i++) {
        struct validator *v = &f->validators.v[i];
        (void)snprintf(v->owner, sizeof(v->owner), "rsu%zu", i + 1);
        (void)snprintf(v->mast, sizeof(v->mast), "rsu%zu", i + 1);
        for (size_t k = 0; k < n; k++) {
            if (memcmp(drawn[k].public_key, v->key, 32) != 0)
                continue;
            memcpy(p->key[i], drawn[k].key, 32);
            memcpy(p->curve_key[i], drawn[k].curve_key, 32);
        }
    }
    explicit_bzero(drawn, sizeof(drawn));
    f->n_authorities = authorities;
    f->quorum[ROLE_POLICY - 1] = policy_quorum;
    f->quorum[ROLE_COMMITTEE - 1] = policy_quorum; /* unless the caller says otherwise */
    f->quorum[ROLE_MAP - 1] = policy_quorum; /* the same */
    for (size_t i = 0; i < authorities && rc == WS_OK; i++) {
        struct authority *a = &f->authorities[i];
        a->roles = 1U << (ROLE_POLICY - 1) | 1U << (ROLE_COMMITTEE - 1) | 1U << (ROLE_MAP - 1);
        (void)snprintf(a->name, sizeof(a->name), "authority %zu", i + 1);
        rc = draw_public(random, p->authority_key[i], a->key, err);
    }
    return rc;
}

void cell_plan_wipe(struct cell_plan *p) {
    explicit_bzero(p->key, sizeof(p->key));
    explicit_bzero(p->curve_key, sizeof(p->curve_key));
    explicit_bzero(p->authority_key, sizeof(p->authority_key));
    buf_free(&p->genesis);
}

static uint64_t stretched(uint64_t us, uint64_t rate_ppm, uint64_t most) {
    if (rate_ppm <= 1000000)
        return us;
    uint64_t v = (uint64_t)((unsigned __int128)us * rate_ppm / 1000000);
    return v > most ? most : v;
}

void cell_plan_stretch(struct cell_params *params, uint64_t rate_ppm) {
    static const struct cell_params most = {
#define X(name, lo, hi, help) .name = (hi),
        CELL_PARAMS(X)
#undef X
    };
#define STRETCH(field) params->field = stretched(params->field, rate_ppm, most.field)
    STRETCH(time_precision_us);
    STRETCH(time_delay_us);
    STRETCH(message_future_us);
    STRETCH(evidence_us);
#undef STRETCH
}

/* ---- files ---- */

/* A YAML string in double quotes. */
static void quoted(struct buf *b, const char *s) {
    buf_u8(b, '"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s);
        else if ((unsigned char)*s < ' ' || *s == 0x7f)
            buf_printf(b, "\\x%02x", (unsigned)(unsigned char)*s);
        else
            buf_u8(b, (uint8_t)*s);
    }
    buf_u8(b, '"');
}

static void put_clock(const struct ws_clock *c, struct buf *b) {
    if (c->kind != WS_CLOCK_SCALED) {
        buf_printf(b, "clock: {kind: system}\n");
        return;
    }
    buf_printf(b, "clock: {kind: scaled, epoch: %llu, start_mono_us: %llu, rate: %llu.%06llu}\n",
        (unsigned long long)c->epoch_its_us, (unsigned long long)c->start_mono_us,
        (unsigned long long)(c->rate_ppm / 1000000), (unsigned long long)(c->rate_ppm % 1000000));
}

static void put_yaml(const struct cell_plan *p, size_t me, bool admin, struct buf *b) {
    const struct validator_set *set = &p->founding.validators;
    buf_printf(b, "# Unit rsu%zu of the cell ", me + 1);
    for (const char *s = p->founding.name; *s != '\0'; s++)
        buf_u8(b, (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : (uint8_t)*s);
    buf_printf(b,
        "; every key is described in rsud.yaml(5).\n"
        "genesis: ../genesis.bin\n"
        "map: ../base.wmap\n"
        "key: validator.key\n"
        "curve_key: curve.key\n"
        "data: data\n"
        "bind: tcp://127.0.0.1:%u\n"
        "peers:\n",
        p->base_port + (unsigned)me);
    for (size_t i = 0; i < set->n; i++) {
        char address[65];
        if (i == me)
            continue;
        hex_encode(address, set->v[i].address, 32);
        buf_printf(b, "  - {address: %s, endpoint: \"tcp://127.0.0.1:%u\"}\n", address,
            p->base_port + (unsigned)i);
    }
    if (set->n == 1)
        buf_printf(b, "  []\n");
    put_clock(&p->clock, b);
    if (p->n_captures > 0) {
        buf_printf(b, "ports:\n  - kind: capture\n    paced: true\n    files:\n");
        for (size_t i = 0; i < p->n_captures; i++) {
            buf_printf(b, "      - ");
            quoted(b, p->captures[i]);
            buf_u8(b, '\n');
        }
    }
    if (p->clock.kind == WS_CLOCK_SCALED)
        buf_printf(b,
            "# Generous: cell time runs faster than the machine works.\n"
            "pipeline: {freshness_ms: 60000, freshness_own_ms: 300000, future_ms: 60000,\n"
            "  max_age_ms: 60000, max_age_safety_ms: 60000}\n");
    buf_printf(b, "http: 127.0.0.1:%u\n", p->http_port + (unsigned)me);
    if (admin)
        buf_printf(b, "admin: admin.sock\n");
}

static int write_unit(
    const struct cell_plan *p, const char *dir, size_t me, bool admin, struct ws_err *err) {
    char unit[PATH_MAX];
    char path[PATH_MAX + 32];
    if (snprintf(unit, sizeof(unit), "%s/rsu%zu", dir, me + 1) >= (int)sizeof(unit))
        return ws_fail(err, WS_ELIMIT, "%s: too long a path", dir);
    int rc = dir_make(unit, err);
    (void)snprintf(path, sizeof(path), "%s/validator.key", unit);
    if (rc == WS_OK)
        rc = secret_write(path, p->key[me], err);
    (void)snprintf(path, sizeof(path), "%s/curve.key", unit);
    if (rc == WS_OK)
        rc = secret_write(path, p->curve_key[me], err);
    (void)snprintf(path, sizeof(path), "%s/rsud.yaml", unit);
    struct buf b = {0};
    struct config c;
    put_yaml(p, me, admin, &b);
    /* The capture's path is the user's: find out here what YAML cannot carry. */
    if (rc == WS_OK)
        rc = config_parse("rsud.yaml", buf_span(&b), &c, err);
    if (rc == WS_OK) {
        config_free(&c);
        rc = file_write(path, buf_span(&b), 0644, err);
    }
    buf_free(&b);
    return rc;
}

static int write_all(const struct cell_plan *p, const char *dir, bool admin, struct ws_err *err) {
    char path[PATH_MAX + 32];
    struct buf map = {0};
    int rc = dir_make(dir, err);
    (void)snprintf(path, sizeof(path), "%s/genesis.bin", dir);
    if (rc == WS_OK)
        rc = file_write(path, buf_span(&p->genesis), 0644, err);
    mapset_encode(p->founding.map, &map);
    (void)snprintf(path, sizeof(path), "%s/base.wmap", dir);
    if (rc == WS_OK)
        rc = file_write(path, buf_span(&map), 0644, err);
    buf_free(&map);
    (void)snprintf(path, sizeof(path), "%s/authority", dir);
    if (rc == WS_OK && p->founding.n_authorities > 0)
        rc = dir_make(path, err);
    for (size_t i = 0; i < p->founding.n_authorities && rc == WS_OK; i++) {
        (void)snprintf(path, sizeof(path), "%s/authority/%zu.key", dir, i + 1);
        rc = secret_write(path, p->authority_key[i], err);
    }
    for (size_t i = 0; i < p->founding.validators.n && rc == WS_OK; i++)
        rc = write_unit(p, dir, i, admin, err);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int check_out(const char *out, struct ws_err *err) {
    DIR *d = opendir(out);
    if (d == NULL && errno == ENOENT)
        return WS_OK;
    if (d == NULL)
        return ws_fail(err, errno == ENOTDIR ? WS_EEXIST : WS_EIO, "%s: %s", out, strerror(errno));
    bool empty = true;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    (void)closedir(d);
    return empty ? WS_OK : ws_fail(err, WS_EEXIST, "%s: not empty; nothing is written over", out);
}

/* Whether the longest socket path fits once the daemon puts its config's folder before it. */
static bool socket_fits(const char *out) {
    char full[PATH_MAX];
    struct buf b = {0};
    if (out[0] != '/' && getcwd(full, sizeof(full)) != NULL)
        buf_printf(&b, "%s/", full);
    buf_printf(&b, "%s/rsu%d/admin.sock", out, VALIDATORS_MAX);
    bool fits = b.n < sizeof(((struct sockaddr_un *)NULL)->sun_path);
    buf_free(&b);
    return fits;
}

int cell_plan_write(struct cell_plan *p, char *ret_warning, size_t size, struct ws_err *err) {
    char out[PATH_MAX - 64];
    char tmp[PATH_MAX];
    size_t n = strlen(p->out);
    while (n > 1 && p->out[n - 1] == '/')
        n--;
    if (n >= sizeof(out))
        return ws_fail(err, WS_ELIMIT, "%.60s...: too long a path", p->out);
    memcpy(out, p->out, n);
    out[n] = '\0';
    (void)snprintf(tmp, sizeof(tmp), "%s.new.%ld", out, (long)getpid());
    int rc = check_out(out, err);
    if (rc != WS_OK)
        return rc;
    ret_warning[0] = '\0';
    bool admin = socket_fits(out);
    if (!admin)
        (void)snprintf(ret_warning, size,
            "no admin sockets: the paths would be longer than a "
            "socket's may be; set `admin` to a shorter one");
    p->clock.start_mono_us = ws_clock_now(&p->clock).mono_us + START_DELAY_US;
    rc = write_all(p, tmp, admin, err);
    if (rc == WS_OK && rename(tmp, out) != 0)
        rc = ws_fail(err, WS_EIO, "%s: %s", out, strerror(errno));
    if (rc != WS_OK)
        (void)nftw(tmp, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return rc;
}
