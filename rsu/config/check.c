/* What --check does beyond loading: everything the configuration names is looked at, nothing is changed. */
#include "rsu/config/config.h"

#include "base/fileio.h"
#include "base/log.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/light/types.h"
#include "mapsvc/model/mapset.h"
#include "pktio/capture.h"
#include "pktio/port_check.h"
#include "rsu/host/secret.h"
#include "rsu/radio/radio.h"
#include "rsu/sensors/sensors.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { GENESIS_MAX = 16U << 20, MAP_MAX = 1U << 30 };

static int not_there(const char *path, const char *key, struct ws_err *err) {
    return ws_fail(
        err, errno == ENOENT ? WS_ENOTFOUND : WS_EIO, "%s: %s: %s", key, path, strerror(errno));
}

static int check_map(const struct config *c, const struct genesis *g, struct ws_err *err) {
    struct buf b = {0};
    struct stat st;
    if (c->map == NULL) {
        if (stat(c->data, &st) == 0)
            return WS_OK;
        return ws_fail(
            err, WS_EINPUT, "map: needed for the first start, and %s is not there yet", c->data);
    }
    struct mapset m = {0};
    int rc = file_read(c->map, MAP_MAX, &b, err);
    if (rc == WS_OK && mapset_decode(buf_span(&b), &m, err) != WS_OK)
        rc = ws_fail_in(err, "%s", c->map);
    buf_free(&b);
    if (rc != WS_OK)
        return ws_fail_in(err, "map");
    uint8_t digest[32];
    mapset_digest(&m, digest);
    mapset_free(&m);
    if (memcmp(digest, g->map_digest, sizeof(digest)) != 0)
        return ws_fail(err, WS_EINPUT, "map: %s is not the map that %s names", c->map, c->genesis);
    return WS_OK;
}

/* Index in the set, -1 for an observer. */
static int check_keys(
    const struct config *c, const struct genesis *g, int *ret_me, struct ws_err *err) {
    uint8_t secret[32];
    uint8_t key[KEY_OCTETS];
    *ret_me = -1;
    if (c->key != NULL) {
        if (secret_read(c->key, secret, err) != WS_OK)
            return ws_fail_in(err, "key");
        struct signer *s = signer_new(secret);
        explicit_bzero(secret, sizeof(secret));
        if (s == NULL)
            return ws_fail(err, WS_ECRYPTO, "key: %s: no usable key", c->key);
        signer_public(s, key);
        signer_free(s);
        for (size_t i = 0; i < g->validators.n; i++) {
            if (memcmp(g->validators.v[i].key, key, KEY_OCTETS) == 0)
                *ret_me = (int)i;
        }
    }
    if (secret_read(c->curve_key, secret, err) != WS_OK)
        return ws_fail_in(err, "curve_key");
    net_curve_public(secret, key);
    explicit_bzero(secret, sizeof(secret));
    if (*ret_me >= 0 && memcmp(g->validators.v[*ret_me].curve_key, key, KEY_OCTETS) != 0)
        return ws_fail(err, WS_EINPUT,
            "curve_key: %s is not the CURVE key that %s gives this validator", c->curve_key,
            c->genesis);
    /* A key that the genesis does not know is a newcomer's; beside the link key of a founder it is a mistake, unless keys
     * were changed since. */
    for (size_t i = 0; c->key != NULL && *ret_me < 0 && i < g->validators.n; i++) {
        if (access(c->data, F_OK) != 0 &&
            memcmp(g->validators.v[i].curve_key, key, KEY_OCTETS) == 0)
            return ws_fail(err, WS_EINPUT,
                "key: %s is not the key that %s gives the validator of this curve_key", c->key,
                c->genesis);
    }
    return WS_OK;
}

static bool has_store(const struct config *c) {
    char path[PATH_MAX];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/store/CURRENT", c->data);
    return stat(path, &st) == 0;
}

/* Validators come and go after the genesis, which only the ledger knows. A validator of the genesis without an endpoint
 * must have left since, and an address that is not in it must have come. A unit without a ledger can only reach those whose link
 * keys it has from the genesis or the configuration. */
static int check_peers(
    const struct config *c, const struct genesis *g, int me, struct ws_err *err) {
    size_t known = c->n_followers;
    for (size_t i = 0; i < c->n_peers; i++) {
        uint8_t address[32];
        known +=
            c->peers[i].has_key || (hex_decode(address, sizeof(address), c->peers[i].address) &&
                                       validator_set_find(&g->validators, address) >= 0);
    }
    size_t others = g->validators.n - (me >= 0 ? 1 : 0);
    if (known == 0 && others > 0 && !has_store(c))
        return ws_fail(err, WS_EINPUT,
            "peers: none of them is a validator of %s, so it is another cell's genesis, or all "
            "came "
            "later: then one needs a key, its link key, to be reached from here",
            c->genesis);
    return WS_OK;
}

/* A FIFO is read once only, so not here. */
static int check_capture(const char *path, struct ws_err *err) {
    struct capture *capture = NULL;
    struct stat st;
    if (access(path, R_OK) != 0 || stat(path, &st) != 0)
        return not_there(path, "files", err);
    if (!S_ISREG(st.st_mode))
        return WS_OK;
    int rc = capture_open(path, 0, &capture, err);
    if (rc != WS_OK)
        return ws_fail_in(err, "files");
    capture_close(capture);
    return WS_OK;
}

static int check_port(
    const struct config *c, const struct config_port *p, uint64_t *memory, struct ws_err *err) {
    const struct port_config port = {.kind = p->kind,
        .interface = p->interface,
        .device = p->device,
        .ring_frames = p->ring_frames,
        .mbufs = p->mbufs};
    struct ws_err why;
    for (size_t k = 0; k < p->n_captures; k++) {
        int bad = check_capture(p->captures[k], err);
        if (bad != WS_OK)
            return bad;
    }
    int rc = port_check(&port, err);
    if (rc == WS_OK && p->kind == PORT_NIC)
        rc = port_check_huge_pages("", c->memory_mb, err);
    if (rc == WS_OK && port_ring_is_cut(&port, &why))
        ws_log(WS_LOG_WARN, "config", "%s", why.text);
    if (rc == WS_OK && port_is_down(&port))
        ws_log(WS_LOG_WARN, "config",
            "interface %s: it is down, and nothing is heard until it is up", port.interface);
    *memory += port_memory(&port, port_huge_pages("") >> 20 >= c->memory_mb);
    return rc;
}

static int check_ports(const struct config *c, struct ws_err *err) {
    uint64_t memory = 0;
    for (size_t i = 0; i < c->n_ports; i++) {
        int rc = check_port(c, &c->ports[i], &memory, err);
        if (rc != WS_OK) {
            (void)ws_fail_in(err, "ports[%zu]", i + 1);
            return rc;
        }
    }
    if (memory > (uint64_t)c->memory_mb << 20)
        return ws_fail(err, WS_ELIMIT,
            "memory_mb: the buffers of the ports take %llu MB at least, and %u MB are given",
            (unsigned long long)(memory >> 20) + 1, c->memory_mb);
    return WS_OK;
}

/* What the kernel shows as files is no place for others. */
static bool holds_files(const char *dir) {
    struct statfs fs;
    return statfs(dir, &fs) != 0 || (fs.f_type != PROC_SUPER_MAGIC && fs.f_type != SYSFS_MAGIC);
}

static int check_folder(const char *path, const char *key, struct ws_err *err) {
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return ws_fail(err, WS_EINPUT, "%s: %s: is no folder", key, path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return not_there(path, key, err);
    return holds_files(path) ? WS_OK : ws_fail(err, WS_EINPUT, "%s: %s: holds no files", key, path);
}

int config_check_folder_of(const char *path, const char *key, struct ws_err *err) {
    char *dir = strdup(path);
    if (dir == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory");
    char *slash = strrchr(dir, '/');
    if (slash == dir)
        slash[1] = '\0';
    else if (slash != NULL)
        *slash = '\0';
    int rc = check_folder(slash == NULL ? "." : dir, key, err);
    free(dir);
    return rc;
}

/* It is there, or can be made. */
static int check_own_folder(const char *path, const char *key, struct ws_err *err) {
    return access(path, F_OK) == 0 ? check_folder(path, key, err)
                                   : config_check_folder_of(path, key, err);
}

/* The face tells everybody the same and takes nothing, so this is no mistake; but it should be on purpose. */
static void remark_http(const char *http) {
    if (strncmp(http, "127.", 4) == 0 || strncmp(http, "[::1]:", 6) == 0)
        return;
    ws_log(WS_LOG_WARN, "config",
        "http: %s: open to everyone who reaches this address, without TLS and without asking who "
        "it is; rsud.yaml(5) and docs/proxy.md say what goes in front of it",
        http);
}

static int check_faces(const struct config *c, struct ws_err *err) {
    static const char unix_prefix[] = "unix:";
    const size_t skip = sizeof(unix_prefix) - 1;
    int rc = WS_OK;
    if (c->revocations != NULL && access(c->revocations, R_OK | X_OK) != 0)
        return not_there(c->revocations, "revocations", err);
    if (c->list_manager != NULL && access(c->list_manager, R_OK) != 0)
        return not_there(c->list_manager, "list_manager", err);
    rc = check_own_folder(c->data, "data", err);
    if (rc == WS_OK && c->record.folder != NULL)
        rc = check_own_folder(c->record.folder, "record.folder", err);
    if (rc == WS_OK && c->admin != NULL)
        rc = config_check_folder_of(c->admin, "admin", err);
    for (size_t i = 0; i < c->n_sensors && rc == WS_OK; i++) {
        char key[40];
        (void)snprintf(key, sizeof(key), "sensors[%zu].socket", i + 1);
        rc = config_check_folder_of(c->sensors[i].socket, key, err);
    }
    if (rc == WS_OK && c->http != NULL && strncmp(c->http, unix_prefix, skip) == 0)
        rc = config_check_folder_of(c->http + skip, "http", err);
    else if (rc == WS_OK && c->http != NULL)
        remark_http(c->http);
    return rc;
}

int config_check(const struct config *c, struct ws_err *err) {
    struct buf b = {0};
    struct genesis *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory");
    int me = -1;
    int rc = file_read(c->genesis, GENESIS_MAX, &b, err);
    if (rc == WS_OK && genesis_decode(exec_sha256, buf_span(&b), g, err) != WS_OK)
        rc = ws_fail_in(err, "%s", c->genesis);
    if (rc != WS_OK)
        (void)ws_fail_in(err, "genesis");
    if (rc == WS_OK)
        rc = check_map(c, g, err);
    if (rc == WS_OK)
        rc = check_keys(c, g, &me, err);
    if (rc == WS_OK)
        rc = check_peers(c, g, me, err);
    if (rc == WS_OK)
        rc = check_ports(c, err);
    if (rc == WS_OK && c->radio.ticket != NULL)
        rc = radio_check(&c->radio, err);
    if (rc == WS_OK)
        rc = sensors_check(c->sensors, c->n_sensors, err);
    if (rc == WS_OK)
        rc = check_faces(c, err);
    buf_free(&b);
    free(g);
    return rc;
}
