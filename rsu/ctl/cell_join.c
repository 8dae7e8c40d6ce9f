/* rsuctl cell join: a new unit for a cell that runs: its keys, its configuration, and what has to be done where. */
#include "base/assert.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "base/random.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/net/net.h"
#include "rsu/config/config.h"
#include "rsu/config/value.h"
#include "rsu/ctl/ctl.h"
#include "rsu/host/secret.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAP_MAX = 1U << 30 };

struct join {
    const struct ctl_verb *v;
    const char *out, *like, *bind, *endpoint, *http, *fingerprint;
    struct ctl_list peers; /* ADDRESS=ENDPOINT */
    bool json;
    struct config config; /* of `like` */
    struct ctl_genesis genesis;
    struct buf map;
    uint8_t key[32], curve_key[32]; /* secrets */
    struct validator me;
    struct validator other; /* the unit of `like`, when its keys are beside it */
    bool has_other;
};

/* tcp://(all addresses):PORT is no place to be reached at. */
static bool binds_everywhere(const char *bind) {
    return strncmp(bind, "tcp://*", 7) == 0 || strncmp(bind, "tcp://0.0.0.0:", 14) == 0 ||
           strncmp(bind, "tcp://[::]", 10) == 0;
}

static const char *endpoint_of(const struct join *o, const char *address) {
    for (size_t i = 0; i < o->peers.n; i++) {
        if (strncasecmp(o->peers.v[i], address, 64) == 0 && o->peers.v[i][64] == '=')
            return o->peers.v[i] + 65;
    }
    for (size_t i = 0; i < o->config.n_peers; i++) {
        if (strcasecmp(o->config.peers[i].address, address) == 0)
            return o->config.peers[i].endpoint;
    }
    char other[65];
    hex_encode(other, o->other.address, 32);
    return o->has_other && strcmp(other, address) == 0 && !binds_everywhere(o->config.bind)
               ? o->config.bind
               : NULL;
}

/* Whose keys cannot be read here is not known: the file may have been copied without them. */
static void find_other(struct join *o) {
    uint8_t secret[32];
    if (o->config.key == NULL || secret_read(o->config.key, secret, NULL) != WS_OK)
        return;
    struct signer *s = signer_new(secret);
    if (s != NULL) {
        o->other.alg = KEY_ED25519;
        signer_public(s, o->other.key);
        signer_free(s);
        validator_address(exec_sha256, &o->other);
        o->has_other = secret_read(o->config.curve_key, secret, NULL) == WS_OK;
        net_curve_public(secret, o->other.curve_key);
    }
    explicit_bzero(secret, sizeof(secret));
}

static int check_peers(const struct join *o) {
    for (size_t i = 0; i < o->peers.n; i++) {
        uint8_t address[32];
        char hex[65] = {0};
        const char *is = strchr(o->peers.v[i], '=');
        if (is != NULL && is - o->peers.v[i] == 64)
            memcpy(hex, o->peers.v[i], 64);
        if (!hex_decode(address, sizeof(address), hex) || !value_endpoint(is + 1, false))
            return ctl_misuse(o->v,
                "--peer %.80s: not ADDRESS=tcp://HOST:PORT, ADDRESS 64 hex digits", o->peers.v[i]);
    }
    if (!value_endpoint(o->bind, true))
        return ctl_misuse(o->v, "--bind %.80s: not tcp://ADDRESS:PORT", o->bind);
    if (!value_endpoint(o->endpoint, false))
        return ctl_misuse(o->v, "--endpoint %.80s: not tcp://HOST:PORT", o->endpoint);
    return CTL_DONE;
}

static void put_peer(const char *address, const char *endpoint, const uint8_t *key, struct buf *b) {
    char hex[65];
    buf_printf(b, "  - {address: %s, endpoint: \"%s\"", address, endpoint);
    if (key != NULL) {
        hex_encode(hex, key, 32);
        buf_printf(b, ", key: %s", hex);
    }
    buf_printf(b, "}\n");
}

static bool of_genesis(const struct join *o, const char *address) {
    uint8_t octets[32];
    return hex_decode(octets, sizeof(octets), address) &&
           validator_set_find(&o->genesis.g.validators, octets) >= 0;
}

/* Validators since the genesis: the unit of `like`, its peers, and whom --peer names. */
static size_t put_later(const struct join *o, struct buf *b) {
    size_t n = 0;
    char other[65] = "";
    if (o->has_other)
        hex_encode(other, o->other.address, 32);
    if (o->has_other && !of_genesis(o, other) && endpoint_of(o, other) != NULL) {
        put_peer(other, endpoint_of(o, other), o->other.curve_key, b);
        n++;
    }
    for (size_t i = 0; i < o->config.n_peers; i++) {
        const struct config_peer *p = &o->config.peers[i];
        if (of_genesis(o, p->address) || strcmp(p->address, other) == 0)
            continue;
        put_peer(p->address, endpoint_of(o, p->address), p->has_key ? p->key : NULL, b);
        n++;
    }
    for (size_t i = 0; i < o->peers.n; i++) {
        char hex[65] = {0};
        bool known = false;
        memcpy(hex, o->peers.v[i], 64);
        for (size_t k = 0; k < o->config.n_peers; k++)
            known = known || strcasecmp(o->config.peers[k].address, hex) == 0;
        if (!known && !of_genesis(o, hex) && strcasecmp(hex, other) != 0) {
            put_peer(hex, o->peers.v[i] + 65, NULL, b);
            n++;
        }
    }
    return n;
}

/* Where the others are. A validator of the genesis that `like` does not name has left, most likely; said, not refused. */
static void put_peers(const struct join *o, struct buf *b, struct buf *ret_missing) {
    const struct validator_set *set = &o->genesis.g.validators;
    buf_printf(b, "peers:\n");
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        char address[65];
        hex_encode(address, set->v[i].address, 32);
        const char *endpoint = endpoint_of(o, address);
        if (endpoint == NULL) {
            buf_printf(ret_missing, " %s (%s)", address, set->v[i].owner);
            continue;
        }
        put_peer(address, endpoint, NULL, b);
        n++;
    }
    if (n + put_later(o, b) == 0)
        buf_printf(b, "  []\n");
}

/* Before anything is written: a unit that its own neighbour cannot be told of is made twice. */
static int check_other(const struct join *o) {
    char address[65];
    hex_encode(address, o->other.address, 32);
    if (!o->has_other || endpoint_of(o, address) != NULL)
        return CTL_DONE;
    return ctl_misuse(o->v,
        "%s listens on %s, which does not say where it is reached: --peer %s=tcp://HOST:PORT",
        o->like, o->config.bind, address);
}

static void put_yaml(const struct join *o, struct buf *b, struct buf *ret_missing) {
    buf_printf(b, "# A unit that joined its cell; every key is described in rsud.yaml(5).\n"
                  "genesis: genesis.bin\n");
    if (o->map.n > 0)
        buf_printf(b, "map: base.wmap\n");
    buf_printf(b,
        "key: validator.key\n"
        "curve_key: curve.key\n"
        "data: data\n"
        "bind: \"%s\"\n",
        o->bind);
    put_peers(o, b, ret_missing);
    const struct ws_clock *c = &o->config.clock;
    if (c->kind == WS_CLOCK_SCALED)
        buf_printf(b,
            "clock: {kind: scaled, epoch: %llu, start_mono_us: %llu, rate: %llu.%06llu}\n",
            (unsigned long long)c->epoch_its_us, (unsigned long long)c->start_mono_us,
            (unsigned long long)(c->rate_ppm / 1000000),
            (unsigned long long)(c->rate_ppm % 1000000));
    if (o->http != NULL)
        buf_printf(b, "http: \"%s\"\n", o->http);
    else
        buf_printf(
            b, "# http: \"127.0.0.1:8100\"                           # status, map and proofs\n");
    buf_printf(b,
        "# ports: [{kind: af_packet, interface: eth1}]       # without one it hears no vehicle\n");
    buf_printf(b, "admin: admin.sock\n");
}

static int draw_keys(struct join *o, struct ws_err *err) {
    struct ws_random random = ws_random_system();
    ws_random_bytes(&random, o->key, 32);
    ws_random_bytes(&random, o->curve_key, 32);
    struct signer *s = signer_new(o->key);
    if (s == NULL)
        return ws_fail(err, WS_ECRYPTO, "the machine gives no locked memory for a key");
    o->me = (struct validator){.alg = KEY_ED25519, .power = 1};
    signer_public(s, o->me.key);
    signer_free(s);
    net_curve_public(o->curve_key, o->me.curve_key);
    validator_address(exec_sha256, &o->me);
    return WS_OK;
}

static int put_file(
    const struct join *o, const char *name, struct span octets, struct ws_err *err) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s", o->out, name) >= (int)sizeof(path))
        return ws_fail(err, WS_ELIMIT, "%.60s...: too long a path", o->out);
    return file_write(path, octets, 0644, err);
}

static int put_secret(
    const struct join *o, const char *name, const uint8_t *secret, struct ws_err *err) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s", o->out, name) >= (int)sizeof(path))
        return ws_fail(err, WS_ELIMIT, "%.60s...: too long a path", o->out);
    return secret_write(path, secret, err);
}

/* The folder must be new: keys are never written over. */
static int write_unit(const struct join *o, struct span yaml, struct ws_err *err) {
    struct stat st;
    if (stat(o->out, &st) == 0)
        return ws_fail(err, WS_EEXIST, "%s: is there already; nothing is written over", o->out);
    int rc = dir_make(o->out, err);
    if (rc == WS_OK)
        rc = put_file(o, "genesis.bin", buf_span(&o->genesis.octets), err);
    if (rc == WS_OK && o->map.n > 0)
        rc = put_file(o, "base.wmap", buf_span(&o->map), err);
    if (rc == WS_OK)
        rc = put_secret(o, "validator.key", o->key, err);
    if (rc == WS_OK)
        rc = put_secret(o, "curve.key", o->curve_key, err);
    return rc == WS_OK ? put_file(o, "rsud.yaml", yaml, err) : rc;
}

static int tell(const struct join *o, const struct buf *missing) {
    char address[65];
    char key[65];
    char link[65];
    hex_encode(address, o->me.address, 32);
    hex_encode(key, o->me.key, 32);
    hex_encode(link, o->me.curve_key, 32);
    if (o->json) {
        json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s}", "folder", o->out, "address", address,
            "validator_key", key, "link_key", link, "endpoint", o->endpoint);
        int code = ctl_print_json(o->v, j);
        json_decref(j);
        return code;
    }
    struct buf b = {0};
    buf_printf(&b, "unit: %s/rsud.yaml\naddress: %s\n", o->out, address);
    if (missing->n > 0)
        buf_printf(&b,
            "not among its peers, as %s does not name them:%.*s; those still in the cell go under "
            "peers in "
            "rsud.yaml\n",
            o->like, (int)missing->n, (const char *)missing->p);
    if (o->http == NULL)
        buf_printf(
            &b, "note: no HTTP face (--http); vehicles are heard when ports are in rsud.yaml\n");
    buf_printf(&b,
        "\nNext:\n"
        "1. In rsud.yaml of every unit of the cell, then kill -HUP of its rsud:\n"
        "     peers: ...\n"
        "       - {address: %s, endpoint: \"%s\", key: %s}\n"
        "2. Here: rsud --config %s/rsud.yaml; it follows the cell and does not vote yet.\n"
        "   (From a snapshot file instead: rsuctl ledger snapshot restore, before that.)\n"
        "3. When `rsuctl cell status` of any other unit shows it as a follower at the cell's "
        "height, the\n"
        "   committee's authorities order (SOCKET and ADDR: admin and http of a unit that runs):\n"
        "     rsuctl cell validators add --genesis %s --validator-key %s \\\n"
        "       --link-key %s --owner NAME --mast NAME --key AUTHORITY.key ... \\\n"
        "       --admin SOCKET --http ADDR\n"
        "   It signs two blocks after the one that takes the order. A cell has four validators at "
        "least:\n"
        "   whoever it replaces is removed after that.\n",
        address, o->endpoint, link, o->out, o->config.genesis, key, link);
    int code = ctl_print(o->v, buf_span(&b));
    buf_free(&b);
    return code;
}

static int make(struct join *o) {
    struct ws_err err = {0};
    if (config_load(o->like, &o->config, &err) != WS_OK)
        return ctl_fail(o->v, CTL_UNREACHABLE, &err);
    int code = ctl_genesis_load(o->v, o->config.genesis, o->fingerprint, &o->genesis);
    if (code != CTL_DONE)
        return code;
    find_other(o);
    code = check_other(o);
    if (code != CTL_DONE)
        return code;
    struct buf yaml = {0};
    struct buf missing = {0};
    int rc = o->config.map == NULL ? WS_OK : file_read(o->config.map, MAP_MAX, &o->map, &err);
    if (rc == WS_OK)
        rc = draw_keys(o, &err);
    if (rc == WS_OK) {
        put_yaml(o, &yaml, &missing);
        rc = write_unit(o, buf_span(&yaml), &err);
    }
    if (rc == WS_OK)
        code = tell(o, &missing);
    else
        code = ctl_fail(o->v, rc == WS_EEXIST ? CTL_NO : CTL_UNREACHABLE, &err);
    buf_free(&yaml);
    buf_free(&missing);
    return code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct join *o = ws_alloc(sizeof(*o));
    *o = (struct join){.v = v};
    const struct ctl_option options[] = {
        {"out", CTL_TEXT, (void *)&o->out, 0, 0},
        {"like", CTL_TEXT, (void *)&o->like, 0, 0},
        {"bind", CTL_TEXT, (void *)&o->bind, 0, 0},
        {"endpoint", CTL_TEXT, (void *)&o->endpoint, 0, 0},
        {"http", CTL_TEXT, (void *)&o->http, 0, 0},
        {"fingerprint", CTL_TEXT, (void *)&o->fingerprint, 0, 0},
        {"peer", CTL_LIST, &o->peers, 0, 0},
        {"json", CTL_FLAG, &o->json, 0, 0},
    };
    int code;
    char *out = NULL;
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code)) {
        if (o->out == NULL || o->like == NULL || o->bind == NULL || o->endpoint == NULL)
            code = ctl_misuse(v, "--out, --like, --bind and --endpoint are needed");
        else
            code = check_peers(o);
        out = code == CTL_DONE ? ws_strdup(o->out) : NULL;
        for (size_t n = out == NULL ? 0 : strlen(out); n > 1 && out[n - 1] == '/';)
            out[--n] = '\0'; /* it is said with a file's name behind it */
        o->out = out;
        if (code == CTL_DONE)
            code = make(o);
    }
    free(out);
    config_free(&o->config);
    ctl_genesis_free(&o->genesis);
    buf_free(&o->map);
    explicit_bzero(o->key, sizeof(o->key));
    explicit_bzero(o->curve_key, sizeof(o->curve_key));
    free(o);
    return code;
}

const struct ctl_verb ctl_cell_join = {"cell", "join", "a new unit for a cell that runs",
    "--out DIR --like FILE --bind tcp://ADDRESS:PORT --endpoint tcp://HOST:PORT [options]\n"
    "\n"
    "Makes keys and a configuration for a new unit and says what to do where: it follows the cell\n"
    "first, and validates when the committee's authorities have ordered so.\n"
    "\n"
    "  --out DIR             new folder; nothing is written over\n"
    "  --like FILE           rsud.yaml of a unit of the cell, with its genesis and base map beside "
    "it:\n"
    "                        genesis, map, clock and peers are taken from there\n"
    "  --bind ADDR           where the new unit listens for links, e.g. tcp://*:7100\n"
    "  --endpoint ADDR       where the others reach it\n"
    "  --peer ADDRESS=ADDR   endpoint of a validator that --like does not name; its own is taken "
    "from its\n"
    "                        bind, unless that is every address; may be given again\n"
    "  --http ADDR           HTTP face of the new unit; without it only its log tells what it "
    "does\n"
    "  --fingerprint HEX     of the genesis, known from elsewhere: another one is refused\n"
    "  --json                print JSON\n",
    run};
