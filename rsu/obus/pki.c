/* A public-key infrastructure of the run's own: root, authorities that issue tickets, vehicles. */
#include "rsu/obus/obusim.h"

#include "base/assert.h"
#include "base/fileio.h"
#include "rsu/host/secret.h"
#include "v2x/psid.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    DAY_S = 86400,
    ROOT_HOURS = 3 * 8760,
    AA_HOURS = 8760,
};

void sim_pki_new(struct sim_pki *p, size_t issuers, uint64_t start_its_us, uint64_t seed,
    struct ws_random *rnd) {
    WS_ASSERT(issuers >= 1 && issuers <= SIM_ISSUERS_MAX);
    *p = (struct sim_pki){.n_issuers = issuers};
    char name[64];
    (void)snprintf(name, sizeof(name), "obusim root %llu", (unsigned long long)seed);
    uint32_t start_s = (uint32_t)(start_its_us / 1000000);
    struct cert_request root = {
        .name = name,
        .valid_from_s = start_s - 30 * DAY_S,
        .valid_hours = ROOT_HOURS,
        .issue_all = true,
        .issue_min_chain = 1,
        .issue_chain_range = 1,
    };
    p->root_key = sign_key_new(CURVE_P256, rnd);
    cert_put(&p->root, &root, p->root_key, NULL, (struct span){0});
    for (size_t i = 0; i < issuers; i++) {
        struct cert_request aa = root;
        (void)snprintf(name, sizeof(name), "obusim aa %zu", i + 1);
        aa.valid_from_s = start_s - 7 * DAY_S;
        aa.valid_hours = AA_HOURS;
        aa.issue_chain_range = 0;
        p->issuer_key[i] = sign_key_new(CURVE_P256, rnd);
        cert_put(&p->issuer[i], &aa, p->issuer_key[i], p->root_key, buf_span(&p->root));
    }
}

void sim_pki_free(struct sim_pki *p) {
    for (size_t i = 0; i < p->n_issuers; i++) {
        sign_key_free(p->issuer_key[i]);
        buf_free(&p->issuer[i]);
    }
    sign_key_free(p->root_key);
    buf_free(&p->root);
    *p = (struct sim_pki){0};
}

static int path_of(
    char ret_path[static 4096], const char *dir, const char *name, struct ws_err *err) {
    int n = snprintf(ret_path, 4096, "%s/%s", dir, name);
    if (n < 0 || n >= 4096)
        return ws_fail(err, WS_EINPUT, "%.60s...: name of a folder is too long", dir);
    return WS_OK;
}

int sim_pki_write(const struct sim_pki *p, const char *dir, struct ws_err *err) {
    char path[4096];
    int rc = dir_make(dir, err);
    if (rc == WS_OK)
        rc = path_of(path, dir, "root.cert", err);
    if (rc == WS_OK)
        rc = file_write(path, buf_span(&p->root), 0644, err);
    for (size_t i = 0; i < SIM_ISSUERS_MAX && rc == WS_OK; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "aa-%zu.cert", i + 1);
        rc = path_of(path, dir, name, err);
        if (rc != WS_OK)
            break;
        /* A certificate under another run's root would make the folder one that nobody can load. */
        if (i < p->n_issuers)
            rc = file_write(path, buf_span(&p->issuer[i]), 0644, err);
        else if (unlink(path) != 0 && errno != ENOENT)
            rc = ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    }
    return rc;
}

/* root.key and aa-N.key; i = 0: the root's. */
static int key_path(char ret_path[static 4096], const char *dir, size_t i, struct ws_err *err) {
    char name[24] = "root.key";
    char folder[4096];
    if (i > 0)
        (void)snprintf(name, sizeof(name), "aa-%zu.key", i);
    if (snprintf(folder, sizeof(folder), "%s.issuers", dir) >= (int)sizeof(folder))
        return ws_fail(err, WS_EINPUT, "%.60s...: name of a folder is too long", dir);
    int rc = dir_make(folder, err);
    return rc == WS_OK ? path_of(ret_path, folder, name, err) : rc;
}

int sim_pki_keep(const struct sim_pki *p, const char *dir, struct ws_err *err) {
    int rc = WS_OK;
    for (size_t i = 0; i <= p->n_issuers && rc == WS_OK; i++) {
        char path[4096];
        uint8_t scalar[32];
        rc = key_path(path, dir, i, err);
        if (rc != WS_OK)
            break;
        sign_key_octets(i == 0 ? p->root_key : p->issuer_key[i - 1], scalar);
        rc = secret_write(path, scalar, err);
        explicit_bzero(scalar, sizeof(scalar));
    }
    return rc;
}

static int load_key(const char *dir, size_t i, struct sign_key **ret, struct ws_err *err) {
    char path[4096];
    uint8_t scalar[32];
    int rc = key_path(path, dir, i, err);
    if (rc == WS_OK)
        rc = secret_read(path, scalar, err);
    if (rc != WS_OK)
        return rc;
    *ret = sign_key_from_octets(CURVE_P256, scalar);
    explicit_bzero(scalar, sizeof(scalar));
    return *ret != NULL ? WS_OK : ws_fail(err, WS_EINPUT, "%s: no key", path);
}

static int load_cert(const char *dir, const char *name, struct buf *ret, struct ws_err *err) {
    enum { CERT_MAX = 4096 };
    char path[4096];
    struct cert c;
    size_t at = 0;
    int rc = path_of(path, dir, name, err);
    if (rc == WS_OK)
        rc = file_read(path, CERT_MAX, ret, err);
    if (rc == WS_OK && cert_parse(buf_span(ret), &c, &at) != COER_OK)
        rc = ws_fail(err, WS_EINPUT, "%s: no certificate (octet %zu)", path, at);
    return rc;
}

int sim_pki_load(struct sim_pki *p, const char *dir, struct ws_err *err) {
    *p = (struct sim_pki){0};
    int rc = load_key(dir, 0, &p->root_key, err);
    if (rc == WS_OK)
        rc = load_cert(dir, "root.cert", &p->root, err);
    for (size_t i = 0; i < SIM_ISSUERS_MAX && rc == WS_OK; i++) {
        char name[24];
        char path[4096];
        (void)snprintf(name, sizeof(name), "aa-%zu.cert", i + 1);
        rc = path_of(path, dir, name, err);
        if (rc != WS_OK || (i > 0 && access(path, F_OK) != 0))
            break;
        rc = load_key(dir, i + 1, &p->issuer_key[i], err);
        if (rc == WS_OK)
            rc = load_cert(dir, name, &p->issuer[i], err);
        p->n_issuers = i + 1;
    }
    if (rc != WS_OK)
        sim_pki_free(p);
    return rc;
}

/* Vehicles name themselves after their ticket (wire formats, 4): nobody can claim two names under one. */
static void name_station(struct sim_station *s) {
    struct cert c;
    size_t at = 0;
    uint8_t hash[32];
    WS_ASSERT(cert_parse(buf_span(&s->cert), &c, &at) == COER_OK);
    cert_hash256(&c, hash);
    memcpy(s->mac, hash + 26, sizeof(s->mac));
    s->mac[0] = (uint8_t)((s->mac[0] & 0xfc) | 2);
    s->station_id = be32(hash + 28);
}

void sim_station_new(const struct sim_pki *p, size_t issuer, const struct observer_class *observer,
    uint64_t start_its_us, uint64_t duration_us, struct ws_random *rnd, struct sim_station *ret) {
    static const uint8_t cam_ssp[] = {1, 0, 0};
    static const uint8_t denm_ssp[] = {1, 0, 0, 0};
    uint8_t ssp[OBS_SSP_OCTETS];
    observer_put_ssp(ssp, observer);
    const struct sign_permission app[] = {
        {PSID_MAP_OBSERVATION, span_of(ssp, sizeof(ssp)), false},
        {PSID_CAM, span_of(cam_ssp, sizeof(cam_ssp)), true},
        {PSID_DENM, span_of(denm_ssp, sizeof(denm_ssp)), true},
    };
    struct cert_request rq = {
        .valid_from_s = (uint32_t)(start_its_us / 1000000) - 3600,
        .valid_hours = (uint16_t)(duration_us / 3600000000U + 3),
        .app = app,
        .n_app = ARRAY_LEN(app),
    };
    WS_ASSERT(issuer < p->n_issuers);
    *ret = (struct sim_station){.key = sign_key_new(CURVE_P256, rnd)};
    cert_put(&ret->cert, &rq, ret->key, p->issuer_key[issuer], buf_span(&p->issuer[issuer]));
    name_station(ret);
}

void sim_learner_new(const struct sim_pki *p, size_t issuer, uint64_t its_us, uint64_t epoch_us,
    struct ws_random *rnd, struct sim_station *ret) {
    static const struct sign_permission app[] = {{PSID_LEARNING_RECORD, {NULL, 0}, false}};
    const uint64_t hours = epoch_us / 3600000000U;
    WS_ASSERT(hours >= 1 && hours <= UINT16_MAX);
    const struct cert_request rq = {
        .valid_from_s = (uint32_t)(its_us / epoch_us * epoch_us / 1000000),
        .valid_hours = (uint16_t)hours,
        .app = app,
        .n_app = ARRAY_LEN(app)};
    WS_ASSERT(issuer < p->n_issuers);
    *ret = (struct sim_station){.key = sign_key_new(CURVE_P256, rnd)};
    cert_put(&ret->cert, &rq, ret->key, p->issuer_key[issuer], buf_span(&p->issuer[issuer]));
    name_station(ret);
}

void sim_station_free(struct sim_station *s) {
    sign_key_free(s->key);
    buf_free(&s->cert);
    *s = (struct sim_station){0};
}

static int write_unit(
    const struct sim_station *s, const char *dir, unsigned number, struct ws_err *err) {
    char name[24];
    char path[4096];
    uint8_t scalar[32];
    (void)snprintf(name, sizeof(name), "unit%u.cert", number);
    int rc = path_of(path, dir, name, err);
    if (rc == WS_OK)
        rc = file_write(path, buf_span(&s->cert), 0644, err);
    (void)snprintf(name, sizeof(name), "unit%u.key", number);
    if (rc == WS_OK)
        rc = path_of(path, dir, name, err);
    if (rc != WS_OK)
        return rc;
    sign_key_octets(s->key, scalar);
    rc = secret_write(path, scalar, err);
    explicit_bzero(scalar, sizeof(scalar));
    return rc;
}

int sim_units_write(const struct sim_pki *p, const char *dir, unsigned n, uint64_t start_its_us,
    uint64_t duration_us, struct ws_random *rnd, struct ws_err *err) {
    static const struct observer_class roadside = {SENSOR_ROADSIDE, 0};
    char folder[4096];
    char path[4096];
    /* Beside the trusted certificates, not among them. */
    if (snprintf(folder, sizeof(folder), "%s.units", dir) >= (int)sizeof(folder))
        return ws_fail(err, WS_EINPUT, "%.60s...: name of a folder is too long", dir);
    int rc = dir_make(folder, err);
    if (rc == WS_OK)
        rc = path_of(path, folder, "issuer.cert", err);
    if (rc == WS_OK)
        rc = file_write(path, buf_span(&p->issuer[0]), 0644, err);
    for (unsigned i = 1; i <= n && rc == WS_OK; i++) {
        struct sim_station s;
        sim_station_new(p, 0, &roadside, start_its_us, duration_us, rnd, &s);
        rc = write_unit(&s, folder, i, err);
        sim_station_free(&s);
    }
    return rc;
}
