/* What taking uploads costs: vehicles send over loopback to the socket of a unit, some at a time, each of them 300 kB and checked as a
 * whole; beside it, in the same run, the same datagrams to a socket that only receives them, and the receiver alone without a socket.
 * Then the same with a store on the disk under FOLDER: written by the thread that receives, and by one of its own, which is what a unit does; beside
 * them, files of the same size written and synced one by one. usage: bench_uploads [VEHICLES [AT-A-TIME [FOLDER]]] */
#include "base/assert.h"
#include "base/mem.h"
#include "base/table.h"
#include "fedlearn/vehicle/upload_send.h"
#include "rsu/learning/materials.h"
#include "rsu/learning/uploads_port.h"
#include "rsu/learning/writer.h"
#include "tests/support/folder.h"

#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WIRE = 300000, VEHICLES_MAX = 4096, AT_A_TIME = 16, BATCH = 64 };

struct vehicle {
    struct fl_submission submission;
    struct fl_upload_pair key;
    uint8_t token[32], name[32];
    uint8_t cover[FL_COVER_OCTETS_MAX], bundles[FL_BUNDLES_OCTETS_MAX];
};
struct world {
    struct uploads_round round;
    struct vehicle *v;
    size_t n;
    struct table by_name;
    uint8_t signer[32], secret[64];
    uint8_t *wire;
    atomic_size_t kept;
    struct materials *store; /* NULL: nothing is written */
    bool told;
    uint8_t unit_key[32]; /* of the last WELCOME without a socket */
};

static uint64_t clock_us(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}
static uint64_t processor_us(void) {
    return clock_us(CLOCK_PROCESS_CPUTIME_ID);
}
static struct ws_now now(void) {
    const struct ws_clock c = {.kind = WS_CLOCK_SYSTEM};
    return ws_clock_now(&c);
}

static struct fl_material material_of(const struct world *w, const struct vehicle *v) {
    return (struct fl_material){span_of(v->cover, w->round.shape.cover),
        span_of(v->bundles, w->round.shape.bundles), span_of(w->wire, WIRE)};
}

static void make(struct world *w, size_t n) {
    struct ws_random random = ws_random_seeded(1);
    struct fl_sealer *work = ws_alloc(sizeof(*work));
    struct fl_round *r = &w->round.round;
    int8_t key[FL_KEY_VALUES] = {0};
    uint8_t root[32], octets[49] = "WAYSIDE-ADDRESS", seed[32] = {1};
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    (void)crypto_sign_seed_keypair(w->signer, w->secret, seed);
    octets[16] = 1;
    memcpy(octets + 17, w->signer, 32);
    r->n = 4;
    r->profile = 2;
    for (size_t i = 0; i < 4; i++) {
        struct fl_ephemeral any;
        fl_ephemeral_draw(&random, &any);
        r->seat[i].key = any.public;
    }
    crypto_hash_sha256(r->seat[0].address, octets, sizeof(octets));
    w->round.number = 1;
    w->round.open = true;
    w->round.shape = (struct fl_upload_shape){
        (uint32_t)fl_cover_octets(4), (uint32_t)fl_bundles_octets(4), WIRE};
    w->wire = ws_alloc(WIRE);
    ws_random_bytes(&random, w->wire, WIRE);
    fl_data_root(span_of(w->wire, WIRE), root);
    w->n = n;
    w->v = ws_calloc(n, sizeof(*w->v));
    for (size_t i = 0; i < n; i++) {
        struct vehicle *v = &w->v[i];
        const struct fl_parcel p = {r, v->token, key, WIRE, root};
        ws_random_bytes(&random, v->token, 32);
        fl_seal(work, &p, &random, &v->submission, v->bundles);
        fl_cover_put(&v->submission.cover, v->cover);
        fl_upload_draw(&random, &v->key);
        fl_upload_name(r->cell, v->submission.id, v->key.public, v->name);
        (void)table_put(&w->by_name, v->name, v);
    }
    free(work);
}

static bool ledger_round(void *ctx, struct uploads_round *ret) {
    struct world *w = ctx;
    const bool first = !w->told;
    w->told = true;
    *ret = w->round;
    return first;
}
static bool ledger_claim(
    void *ctx, const uint8_t name[static 32], size_t k, struct uploads_claim *ret) {
    const struct world *w = ctx;
    const struct vehicle *v = k == 0 ? table_get(&w->by_name, name) : NULL;
    if (v == NULL)
        return false;
    *ret = (struct uploads_claim){0};
    memcpy(ret->id, v->submission.id, 32);
    memcpy(ret->token, v->token, 32);
    memcpy(ret->upload_key, v->key.public, 32);
    return true;
}
static int keep(void *ctx, uint64_t round, const uint8_t id[static 32], const struct fl_material *m,
    struct ws_err *err) {
    struct world *w = ctx;
    const int rc = w->store == NULL ? WS_OK : materials_put(w->store, round, id, m, err);
    if (rc == WS_OK)
        atomic_fetch_add(&w->kept, 1);
    return rc;
}
static void keep_many(void *ctx, struct uploads_whole *const *what, size_t n) {
    struct world *w = ctx;
    struct materials_item item[WRITER_BATCH];
    for (size_t i = 0; i < n; i++)
        item[i] = (struct materials_item){
            .round = what[i]->round, .id = what[i]->id, .what = &what[i]->material};
    materials_put_many(w->store, item, n);
    for (size_t i = 0; i < n; i++) {
        what[i]->rc = item[i].rc;
        if (item[i].rc == WS_OK)
            atomic_fetch_add(&w->kept, 1);
    }
}
static bool has(void *ctx, const uint8_t id[static 32]) {
    (void)ctx;
    (void)id;
    return false;
}
static void sign(void *ctx, struct span octets, uint8_t ret[static 64]) {
    const struct world *w = ctx;
    (void)crypto_sign_detached(ret, NULL, octets.p, octets.n, w->secret);
}

static void say(const char *what, uint64_t octets, uint64_t us, uint64_t processor) {
    (void)printf("%-46s %8.1f MB/s, %6.2f ns of processor an octet\n", what,
        (double)octets / (double)us, (double)processor * 1000.0 / (double)octets);
}

static int socket_to(uint16_t port) {
    struct sockaddr_in6 sa;
    const int octets = 4 << 20;
    int rc = uploads_port_parse("127.0.0.1:1", &sa, NULL);
    WS_ASSERT(rc == WS_OK);
    sa.sin6_port = htons(port);
    const int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    WS_ASSERT(s >= 0);
    (void)setsockopt(s, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
    rc = connect(s, (const struct sockaddr *)&sa, sizeof(sa));
    WS_ASSERT(rc == 0);
    return s;
}

/* ---- vehicles, some at a time, on one socket ---- */

static void begin(const struct world *w, size_t i, struct fl_upload *u) {
    const struct fl_upload_parcel p = {.round = &w->round.round,
        .number = 1,
        .id = w->v[i].submission.id,
        .key = &w->v[i].key,
        .material = material_of(w, &w->v[i]),
        .give_up_us = now().mono_us + 600000000};
    fl_upload_begin(u, &p, now());
}

static void hear_all(int s, struct fl_upload *u, size_t n) {
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX];
    for (ssize_t got; (got = recv(s, o, sizeof(o), MSG_DONTWAIT)) > 0;) {
        for (size_t k = 0; k < n; k++)
            if (got >= FL_UPLOAD_HEAD && memcmp(o + 2, u[k].name, 32) == 0)
                fl_upload_hear(&u[k], span_of(o, (size_t)got), now());
    }
}

static bool drive(const struct world *w, uint16_t port, size_t at_a_time, uint64_t *ret_again) {
    struct fl_upload *u = ws_calloc(at_a_time, sizeof(*u));
    struct ws_random random = ws_random_system();
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX];
    size_t next = 0, done = 0, failed = 0;
    const int s = socket_to(port);
    for (; next < at_a_time; next++)
        begin(w, next, &u[next]);
    while (done + failed < w->n) {
        uint64_t soonest = UINT64_MAX;
        for (size_t k = 0; k < at_a_time; k++) {
            for (size_t n; (n = fl_upload_next(&u[k], now(), &random, o)) > 0;)
                (void)send(s, o, n, 0);
            if (u[k].state != FL_UPLOAD_GOING && u[k].pieces > 0) {
                *ret_again += u[k].counters.again;
                done += u[k].state == FL_UPLOAD_DONE;
                failed += u[k].state != FL_UPLOAD_DONE;
                fl_upload_end(&u[k]);
                u[k].pieces = 0;
                if (next < w->n)
                    begin(w, next++, &u[k]);
            }
            const uint64_t at = fl_upload_when(&u[k]);
            soonest = at < soonest ? at : soonest;
        }
        struct pollfd on = {.fd = s, .events = POLLIN};
        if (soonest > now().mono_us)
            (void)poll(&on, 1, 1);
        hear_all(s, u, at_a_time);
    }
    (void)close(s);
    free(u);
    return failed == 0;
}

static bool over_loopback(struct world *w, size_t at_a_time, const char *what,
    void (*many)(void *ctx, struct uploads_whole *const *w, size_t n)) {
    const struct uploads_ledger ledger = {ledger_round, ledger_claim, w};
    struct uploads_io io = {.keep = keep, .has = has, .sign = sign, .ctx = w};
    struct uploads_limits limits = uploads_limits_default();
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    struct uploads_port *port = NULL;
    struct ws_err err = {0};
    uint64_t again = 0;
    limits.per_source = 100000000; /* all come from one address here */
    memcpy(io.signer, w->signer, 32);
    w->told = false;
    atomic_store(&w->kept, 0);
    if (uploads_port_open("127.0.0.1:0", &limits, &ledger, &io, many, &clock, &port, &err) !=
        WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return false;
    }
    const uint64_t t = now().mono_us, p = processor_us();
    const bool good = drive(w, uploads_port_number(port), at_a_time, &again);
    const uint64_t octets = (uint64_t)w->n * fl_upload_length(&w->round.shape);
    say(what, octets, now().mono_us - t, processor_us() - p);
    (void)printf("%zu of %zu kept, %llu parts sent again\n", (size_t)atomic_load(&w->kept), w->n,
        (unsigned long long)again);
    uploads_port_close(port);
    return good && atomic_load(&w->kept) == w->n;
}

/* ---- the receiver without a socket: what was sealed before is taken ---- */

static void remember_key(void *ctx, const struct uploads_source *to, struct span datagram) {
    struct world *w = ctx;
    struct fl_upload_welcome m;
    (void)to;
    if (fl_upload_welcome_read(datagram, &m))
        memcpy(w->unit_key, m.unit.key, 32);
}

static bool alone(struct world *w) {
    const struct uploads_ledger ledger = {ledger_round, ledger_claim, w};
    struct ws_random random = ws_random_system();
    struct uploads_io io = {.send = remember_key,
        .send_ctx = w,
        .keep = keep,
        .has = has,
        .sign = sign,
        .random = &random,
        .ctx = w};
    struct uploads_limits limits = uploads_limits_default();
    const struct uploads_source from = {.port = 1};
    const uint32_t pieces = fl_upload_pieces(&w->round.shape);
    uint8_t *o = ws_calloc(pieces, FL_UPLOAD_PART_OCTETS_MAX);
    size_t *n = ws_calloc(pieces, sizeof(*n));
    uint8_t *all = ws_alloc(fl_upload_length(&w->round.shape));
    uint64_t us = 0;
    const size_t before = atomic_load(&w->kept), most = w->n < 256 ? w->n : 256;
    limits.per_source = 100000000;
    memcpy(io.signer, w->signer, 32);
    w->told = false;
    struct uploads *u = uploads_new(&limits, &ledger, &io);
    uploads_flush(u, now());
    for (size_t i = 0; i < most; i++) {
        const struct vehicle *v = &w->v[i];
        struct fl_upload_ask a = {.nonce = 1, .length = fl_upload_length(&w->round.shape)};
        struct fl_upload_keys keys;
        uint8_t ask[FL_UPLOAD_REQUEST_OCTETS];
        memcpy(a.name, v->name, 32);
        fl_upload_ask_put(&a, ask);
        (void)uploads_hear(u, &from, span_of(ask, sizeof(ask)), now());
        if (!fl_upload_agree(&v->key, w->unit_key, false, w->round.round.cell, v->name, &keys))
            break;
        memcpy(all, v->cover, w->round.shape.cover);
        memcpy(all + w->round.shape.cover, v->bundles, w->round.shape.bundles);
        memcpy(all + w->round.shape.cover + w->round.shape.bundles, w->wire, WIRE);
        for (uint32_t k = 0; k < pieces; k++) {
            size_t at = 0;
            const size_t octets = fl_upload_piece(&w->round.shape, k, &at);
            n[k] = fl_upload_part_put(v->name, k, span_of(all + at, octets), &keys,
                o + (size_t)k * FL_UPLOAD_PART_OCTETS_MAX);
        }
        const struct ws_now t = now();
        const uint64_t p = clock_us(CLOCK_THREAD_CPUTIME_ID);
        for (uint32_t k = 0; k < pieces; k++)
            (void)uploads_hear(
                u, &from, span_of(o + (size_t)k * FL_UPLOAD_PART_OCTETS_MAX, n[k]), t);
        us += clock_us(CLOCK_THREAD_CPUTIME_ID) - p;
    }
    say("the receiver alone, one core, whole check included",
        (uint64_t)most * fl_upload_length(&w->round.shape), us, us);
    uploads_free(u);
    free(o);
    free(n);
    free(all);
    return atomic_load(&w->kept) - before == most;
}

/* ---- with a disk ---- */

static bool with_store(struct world *w, size_t at_a_time, const char *top, const char *what,
    void (*many)(void *ctx, struct uploads_whole *const *w, size_t n)) {
    char path[600];
    const struct materials_limits limits = materials_limits_default();
    struct ws_err err = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", top, many == NULL ? "one" : "many");
    if (materials_open(path, &limits, &w->store, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return false;
    }
    const bool good = over_loopback(w, at_a_time, what, many);
    materials_close(w->store);
    w->store = NULL;
    return good;
}

/* What the disk gives to who waits for each file. */
static bool plain_files(const struct world *w, const char *top) {
    const size_t n = w->n < 128 ? w->n : 128;
    char path[600];
    const uint64_t t = now().mono_us;
    const uint64_t p = processor_us();
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/%zu", top, i);
        FILE *f = fopen(path, "we");
        if (f == NULL || fwrite(w->wire, 1, WIRE, f) != WIRE || fflush(f) != 0 ||
            fsync(fileno(f)) != 0 || fclose(f) != 0)
            return false;
    }
    say("plain files, each synced", (uint64_t)n * WIRE, now().mono_us - t, processor_us() - p);
    return true;
}

static bool on_disk(struct world *w, size_t at_a_time, const char *where) {
    struct folder f;
    (void)snprintf(f.top, sizeof(f.top), "%s/uploads-XXXXXX", where);
    if (mkdtemp(f.top) == NULL) {
        (void)fprintf(stderr, "%s: no folder can be made there\n", where);
        return false;
    }
    bool good = plain_files(w, f.top);
    good = with_store(w, at_a_time, f.top, "kept on the disk, the receiver waits", NULL) && good;
    good = with_store(w, at_a_time, f.top, "kept on the disk by a thread", keep_many) && good;
    return folder_remove(&f) == 0 && good;
}

/* ---- a socket that only receives ---- */

struct plain {
    int socket;
    uint64_t octets, first_us, last_us;
};

static void *receive(void *ctx) {
    struct plain *p = ctx;
    static uint8_t octets[BATCH][FL_UPLOAD_DATAGRAM_MAX];
    struct mmsghdr m[BATCH];
    struct iovec iov[BATCH];
    for (;;) {
        for (size_t i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){octets[i], sizeof(octets[i])};
            m[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
        }
        struct pollfd on = {.fd = p->socket, .events = POLLIN};
        if (poll(&on, 1, 500) == 0)
            return NULL;
        const int n = recvmmsg(p->socket, m, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            p->octets += m[i].msg_len;
        p->last_us = now().mono_us;
    }
}

static bool plain(size_t datagrams) {
    struct sockaddr_in6 sa;
    socklen_t size = sizeof(sa);
    struct plain p = {.socket = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const int octets = 4 << 20;
    uint8_t o[FL_UPLOAD_PART_OCTETS_MAX] = {0};
    pthread_t t;
    if (p.socket < 0 || uploads_port_parse("127.0.0.1:0", &sa, NULL) != WS_OK)
        return false;
    (void)setsockopt(p.socket, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
    if (bind(p.socket, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        getsockname(p.socket, (struct sockaddr *)&sa, &size) != 0 ||
        pthread_create(&t, NULL, receive, &p) != 0)
        return false;
    const int s = socket_to(ntohs(sa.sin6_port));
    const uint64_t from = now().mono_us, cpu = processor_us();
    for (size_t i = 0; i < datagrams; i++)
        (void)send(s, o, sizeof(o), 0);
    (void)pthread_join(t, NULL);
    say("plain UDP, sent and received", p.octets, p.last_us - from, processor_us() - cpu);
    (void)printf(
        "%.0f %% of it arrived\n", 100.0 * (double)p.octets / (double)(datagrams * sizeof(o)));
    (void)close(s);
    (void)close(p.socket);
    return p.octets > 0;
}

int main(int argc, char **argv) {
    struct world *w = ws_alloc(sizeof(*w));
    const unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
    const unsigned long at_a_time = argc > 2 ? strtoul(argv[2], NULL, 10) : AT_A_TIME;
    if (n == 0 || n > VEHICLES_MAX || at_a_time == 0 || at_a_time > n) {
        (void)fprintf(stderr, "usage: bench_uploads [VEHICLES (1 to %d) [AT-A-TIME [FOLDER]]]\n",
            VEHICLES_MAX);
        return 2;
    }
    make(w, n);
    (void)printf("%lu vehicles, %lu at a time, %u octets each\n", n, at_a_time,
        (unsigned)fl_upload_length(&w->round.shape));
    const size_t datagrams = n * fl_upload_pieces(&w->round.shape);
    bool good = plain(datagrams);
    good = over_loopback(w, at_a_time, "uploads over loopback, both sides", NULL) && good;
    good = alone(w) && good;
    if (argc > 3)
        good = on_disk(w, at_a_time, argv[3]) && good;
    free(w->wire);
    free(w->v);
    table_free(&w->by_name);
    free(w);
    return good ? 0 : 1;
}
