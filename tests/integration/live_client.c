/* Clients of a live cell: hand in orders of the policy authority at any node, again at another when nothing is seen of
 * them, read where every node is, and read every block of every node. What they see goes into a history, which is judged at
 * the end (live_history.h). Exit code: 0 consistent, 1 not, 3 the clients could not work.
 *
 *   live_client CELL-FOLDER NODES SECONDS SCRIPT.lua HISTORY SEED
 *
 * Nodes answer on CELL-FOLDER/rsuN/{admin,http}.sock, whatever becomes of the links between them. A line on the standard input
 * says that a node was killed ("K N"). */
#include "base/fileio.h"
#include "base/mem.h"
#include "base/random.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/tx.h"
#include "ledger/light/types.h"
#include "ledger/policy/contract.h"
#include "rsu/cell/cell.h"
#include "rsu/config/value.h"
#include "rsu/host/admin.h"
#include "rsu/host/secret.h"
#include "tests/integration/live_history.h"
#include "tests/support/signed_order.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NODES_MAX = 8, OPS_MAX = 8, PAUSE_US = 60000, RETRY_US = 1500000, PATIENCE_US = 600000000 };

struct op {
    struct buf tx;
    uint64_t sequence, handed_us;
    bool seen;
};

struct clients {
    const char *folder;
    size_t nodes;
    FILE *history;
    struct ws_random random;
    struct genesis genesis;
    hash32 cell_id;
    struct signer *authority;
    struct buf body;
    uint64_t sequence, highest_seen;
    struct op op[OPS_MAX];
    size_t next_op;
    uint64_t height[NODES_MAX + 1]; /* last block read of each */
    uint64_t top, cell_time; /* of the cell's clock, as last told */
    CURL *curl;
};

static uint64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void die(const char *what, const struct ws_err *err) {
    (void)fprintf(stderr, "live_client: %s: %s\n", what, err == NULL ? "" : err->text);
    exit(3);
}

/* ---- asking ---- */

static size_t keep(char *p, size_t size, size_t n, void *ctx) {
    buf_put(ctx, p, size * n);
    return size * n;
}

/* NULL: no answer, or not 200. */
static json_t *get(struct clients *c, size_t node, const char *path) {
    struct buf b = {0};
    char socket[512];
    char url[256];
    (void)snprintf(socket, sizeof(socket), "%s/rsu%zu/http.sock", c->folder, node);
    (void)snprintf(url, sizeof(url), "http://cell%s", path);
    curl_easy_reset(c->curl);
    (void)curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    (void)curl_easy_setopt(c->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, keep);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &b);
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, 2000L);
    (void)curl_easy_setopt(c->curl, CURLOPT_FAILONERROR, 1L);
    json_t *o = NULL;
    if (curl_easy_perform(c->curl) == CURLE_OK)
        o = json_loadb((const char *)b.p, b.n, 0, NULL);
    buf_free(&b);
    return o;
}

static uint64_t number(const json_t *o, const char *key) {
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

static void note_seen(struct clients *c, uint64_t sequence) {
    c->highest_seen = sequence > c->highest_seen ? sequence : c->highest_seen;
    for (size_t i = 0; i < OPS_MAX; i++) {
        /* A later one in force means that this one never will be. */
        if (c->op[i].sequence <= c->highest_seen)
            c->op[i].seen = true;
    }
}

static bool read_block(struct clients *c, size_t node, uint64_t height) {
    char path[64];
    (void)snprintf(path, sizeof(path), "/v1/blocks/%" PRIu64, height);
    json_t *b = get(c, node, path);
    if (b == NULL)
        return false;
    uint64_t t = now_us();
    const json_t *header = json_object_get(b, "header");
    const char *id = json_string_value(json_object_get(header == NULL ? b : header, "id"));
    (void)fprintf(c->history, "B %" PRIu64 " %zu %" PRIu64 " %s\n", t, node, height, id);
    size_t i;
    json_t *tx;
    json_array_foreach(json_object_get(b, "transactions"), i, tx) {
        const char *kind = json_string_value(json_object_get(tx, "kind"));
        bool order = kind != NULL && strcmp(kind, "order") == 0;
        uint64_t sequence = order ? number(tx, "sequence") : 0;
        (void)fprintf(c->history, "T %" PRIu64 " %zu %" PRIu64 " %zu %s %" PRIu64 "\n", t, node,
            height, i, json_string_value(json_object_get(tx, "identity")), sequence);
        if (order)
            note_seen(c, sequence);
    }
    json_decref(b);
    return true;
}

/* Where the node is, and some of its blocks that were not read yet. */
static void look(struct clients *c, size_t node, unsigned blocks) {
    json_t *s = get(c, node, "/v1/status");
    if (s == NULL)
        return;
    uint64_t height = number(s, "height");
    (void)fprintf(c->history, "R %" PRIu64 " %zu %" PRIu64 " %" PRIu64 "\n", now_us(), node, height,
        number(json_object_get(s, "policy"), "sequence"));
    (void)value_time(json_string_value(json_object_get(s, "time")), &c->cell_time);
    json_decref(s);
    c->top = height > c->top ? height : c->top;
    while (blocks-- > 0 && c->height[node] < height && read_block(c, node, c->height[node] + 1))
        c->height[node]++;
}

/* ---- handing in ---- */

static void hand_in(struct clients *c, struct op *o) {
    char path[512];
    char id[65] = "-";
    struct buf line = {0};
    size_t node = 1 + ws_random_below(&c->random, c->nodes);
    (void)snprintf(path, sizeof(path), "%s/rsu%zu/admin.sock", c->folder, node);
    o->handed_us = now_us();
    int rc = admin_send(path, buf_span(&o->tx), &line, NULL);
    buf_u8(&line, 0);
    const char *answer = (const char *)line.p;
    bool ok = rc == WS_OK && strncmp(answer, "ok ", 3) == 0;
    if (ok)
        (void)snprintf(id, sizeof(id), "%.64s", answer + 3);
    (void)fprintf(c->history, "S %" PRIu64 " %" PRIu64 " %s %zu %s\n", o->handed_us, o->sequence,
        id, node,
        ok            ? "ok"
        : rc == WS_OK ? "no"
                      : "dead");
    if (!ok && rc == WS_OK && c->highest_seen == 0)
        (void)fprintf(stderr, "live_client: %.200s\n", answer);
    buf_free(&line);
}

static void next_order(struct clients *c) {
    struct op *o = &c->op[c->next_op++ % OPS_MAX];
    struct order order = {.role = ROLE_POLICY,
        .kind = POLICY_DEPLOY,
        .body = buf_span(&c->body),
        .sequence = ++c->sequence,
        .expiry = c->cell_time + UINT64_C(3600) * 1000000};
    buf_clear(&o->tx);
    signed_order_put(&o->tx, c->cell_id, &order, &c->authority, 1);
    o->sequence = order.sequence;
    o->seen = false;
    hand_in(c, o);
}

static void retry(struct clients *c) {
    for (size_t i = 0; i < OPS_MAX; i++) {
        struct op *o = &c->op[i];
        if (o->tx.n > 0 && !o->seen && now_us() - o->handed_us > RETRY_US)
            hand_in(c, o);
    }
}

/* ---- the run ---- */

static void take_word(struct clients *c) {
    char line[64];
    ssize_t n = read(0, line, sizeof(line) - 1);
    if (n < 2)
        return;
    line[n] = '\0';
    (void)fprintf(c->history, "K %" PRIu64 " %.2s\n", now_us(), line + 1);
}

static bool all_read(const struct clients *c, uint64_t to) {
    for (size_t i = 1; i <= c->nodes; i++) {
        if (c->height[i] < to)
            return false;
    }
    return true;
}

static bool open_orders(const struct clients *c) {
    for (size_t i = 0; i < OPS_MAX; i++) {
        if (c->op[i].tx.n > 0 && !c->op[i].seen)
            return true;
    }
    return false;
}

static int work(struct clients *c, unsigned seconds) {
    uint64_t end = now_us() + (uint64_t)seconds * 1000000;
    while (now_us() < end) {
        take_word(c);
        if (c->cell_time != 0)
            next_order(c);
        retry(c);
        for (size_t i = 1; i <= c->nodes; i++)
            look(c, i, 8);
        (void)usleep(PAUSE_US);
    }
    /* The network is whole again by now: everything must be committed, everywhere. */
    uint64_t patience = now_us() + PATIENCE_US;
    uint64_t to = c->top;
    while (open_orders(c) || !all_read(c, to)) {
        if (now_us() > patience) {
            (void)fprintf(stderr, "live_client: no progress at the end: height %" PRIu64 " of", to);
            for (size_t i = 1; i <= c->nodes; i++)
                (void)fprintf(stderr, " %" PRIu64, c->height[i]);
            (void)fprintf(stderr, ", orders %s\n", open_orders(c) ? "open" : "done");
            return 1;
        }
        retry(c);
        for (size_t i = 1; i <= c->nodes; i++)
            look(c, i, 200);
        if (open_orders(c))
            to = c->top;
        (void)usleep(PAUSE_US);
    }
    (void)fprintf(c->history, "E %" PRIu64 "\n", now_us());
    return 0;
}

static void open_clients(struct clients *c, const char *script) {
    struct ws_err err = {0};
    struct buf octets = {0};
    struct buf text = {0};
    uint8_t secret[32];
    uint8_t key[KEY_OCTETS];
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/genesis.bin", c->folder);
    if (file_read(path, 1U << 24, &octets, &err) != WS_OK ||
        genesis_decode(exec_sha256, buf_span(&octets), &c->genesis, &err) != WS_OK)
        die(path, &err);
    genesis_cell_id(exec_sha256, buf_span(&octets), c->cell_id);
    (void)snprintf(path, sizeof(path), "%s/authority/1.key", c->folder);
    if (secret_read(path, secret, &err) != WS_OK)
        die(path, &err);
    c->authority = signer_new(secret);
    signer_public(c->authority, key);
    if (memcmp(key, c->genesis.authorities[0].key, KEY_OCTETS) != 0)
        die("the first key is not the first authority's", NULL);
    if (file_read(script, 1U << 20, &text, &err) != WS_OK ||
        policy_make_body("motorway", buf_span(&text), cell_policy_schema(), cell_policy_limits(),
            &c->body, &err) != WS_OK)
        die(script, &err);
    buf_free(&octets);
    buf_free(&text);
    c->curl = curl_easy_init();
    (void)fcntl(0, F_SETFL, O_NONBLOCK);
}

static int judge(const char *path) {
    struct live_verdict v;
    FILE *f = fopen(path, "r");
    if (f == NULL)
        die(path, NULL);
    live_judge(f, &v);
    (void)fclose(f);
    (void)printf("orders: %zu handed in, %zu committed, %zu overtaken, %zu tries again; %zu "
                 "transactions in %zu blocks, %zu reads; longest time without a new block %.1f s\n",
        v.orders, v.committed, v.superseded, v.retried, v.transactions, v.blocks, v.reads,
        (double)v.longest_gap_us / 1e6);
    if (v.why[0] == '\0' && v.committed == 0)
        (void)snprintf(v.why, sizeof(v.why), "no order was committed");
    if (v.why[0] != '\0')
        (void)printf("contradiction: %s\n", v.why);
    return v.why[0] == '\0' ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc != 7)
        die("CELL-FOLDER NODES SECONDS SCRIPT.lua HISTORY SEED", NULL);
    struct clients *c = ws_alloc(sizeof(*c));
    c->folder = argv[1];
    c->nodes = strtoul(argv[2], NULL, 10);
    if (c->nodes < 1 || c->nodes > NODES_MAX)
        die("too many nodes", NULL);
    c->random = ws_random_seeded(strtoull(argv[6], NULL, 10));
    c->history = fopen(argv[5], "w");
    if (c->history == NULL)
        die(argv[5], NULL);
    open_clients(c, argv[4]);
    int code = work(c, (unsigned)strtoul(argv[3], NULL, 10));
    (void)fclose(c->history);
    for (size_t i = 0; i < OPS_MAX; i++)
        buf_free(&c->op[i].tx);
    buf_free(&c->body);
    signer_free(c->authority);
    curl_easy_cleanup(c->curl);
    int judged = judge(argv[5]);
    free(c);
    return code != 0 ? code : judged;
}
