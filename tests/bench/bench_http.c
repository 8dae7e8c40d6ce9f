/* One tile of a large map over HTTP, as a vehicle or an editor asks for it: out of the state, again, and first after a version that
 * changed something in it; beside the same octets over a bare socket, and beside encoding the tile anew.
 * `bench_http [ELEMENTS]`, by default 1,000,000. Prints; fails only when an answer is wrong. */
#include "tests/unit/rsu/http_history.h"

#include "ledger/exec/hash.h"
#include "ledger/snapshot/entry.h"
#include "ledger/store/store.h"
#include "mapsvc/fuse/tiles.h"
#include "rsu/proofs/tile_file.h"
#include "tests/support/folder.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 21, BATCH = 20000, APART_MM = 13700, POINTS = 5 };

struct world {
    struct store *s;
    struct mapset map;
    struct tiles tiles;
    uint64_t version;
    uint8_t root[32], record[32];
    struct rig *rig;
    uint8_t *answer;
    size_t room;
};

static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what) {
    (void)fprintf(stderr, "bench_http: %s\n", what);
    exit(1);
}

/* ---- the map ---- */

/* Lines, lanes, limits and signs, with names and attributes as an import leaves them; 5,300 to the square kilometre. */
static struct element thing(size_t i, size_t row) {
    static const enum element_kind kinds[] = {
        EL_BOUNDARY, EL_BOUNDARY, EL_LANE, EL_SPEED_LIMIT, EL_SIGN};
    uint8_t octets[8];
    uint8_t hash[32];
    char name[64];
    struct element e = {.kind = kinds[i % 5], .valid_to_ms = INT64_MAX};
    put_be64(octets, i);
    exec_sha256_one(span_of(octets, sizeof(octets)), hash);
    memcpy(e.id, hash, sizeof(e.id));
    int32_t x = (int32_t)(i % row) * APART_MM;
    int32_t y = (int32_t)(i / row) * APART_MM;
    size_t points = e.kind == EL_SIGN ? 1 : POINTS;
    for (size_t k = 0; k < points; k++)
        if (!element_add_point(&e, (struct map_point){x + (int32_t)k * 2500, y, 400}))
            die("no element");
    e.has_value = e.kind == EL_SIGN || e.kind == EL_SPEED_LIMIT;
    e.value = e.has_value ? 50 : 0;
    (void)snprintf(name, sizeof(name), "lanelet2:way/%zu", i);
    if (!element_add_alias(&e, name) || !element_set_attr(&e, "type", "line_thin") ||
        !element_set_attr(&e, "subtype", "solid"))
        die("no element");
    return e;
}

static void make_map(struct world *w, size_t n) {
    size_t row = 1;
    while (row * row < n)
        row++;
    w->map.frame = frame_at(487600000, 114200000);
    (void)snprintf(w->map.ns, sizeof(w->map.ns), "bench");
    for (size_t i = 0; i < n; i++) {
        struct element e = thing(i, row);
        mapset_add(&w->map, &e);
    }
    mapset_sort(&w->map);
    tiles_build(&w->tiles, &w->map);
    tiles_root(&w->tiles, w->root);
    w->version = 1;
}

/* ---- the store ---- */

static void put(struct store_batch *b, struct span name, struct buf *value) {
    struct buf key = {0};
    entry_key_put(&key, CELL_CONTRACT_MAP, name);
    history_put(b, STORE_STATE, buf_span(&key), value);
    buf_free(&key);
}

static void write_batch(struct store_batch *b) {
    if (store_batch_write_later(b, NULL) != WS_OK)
        die("the store fails");
}

static void put_state(struct world *w) {
    struct store_batch *b = store_batch_new(w->s);
    struct buf value = {0};
    struct mapset frame = w->map;
    static const uint8_t none[32];
    frame.elements = NULL;
    frame.n = frame.cap = 0;
    buf_u8(&value, 1);
    mapset_encode(&frame, &value);
    put(b, span_of("m", 1), &value);
    buf_u8(&value, 1);
    buf_u64(&value, w->version);
    buf_put(&value, w->root, 32);
    buf_put(&value, none, 32);
    buf_put(&value, w->root, 32);
    put(b, span_of("v", 1), &value);
    for (size_t i = 0; i < w->map.n; i++) {
        uint8_t name[17] = {'e'};
        memcpy(name + 1, w->map.elements[i].id, 16);
        buf_u8(&value, 1);
        element_encode(&w->map.elements[i], &value);
        put(b, span_of(name, sizeof(name)), &value);
        if (i % BATCH == BATCH - 1) {
            write_batch(b);
            b = store_batch_new(w->s);
        }
    }
    write_batch(b);
    buf_free(&value);
}

/* One value of an element in the tile, published. */
static void publish(struct world *w, size_t tile, size_t member) {
    const struct tile *t = &w->tiles.v[tile];
    const struct element *e = tiles_element(&w->tiles, &w->map, &t->members[member % t->n]);
    struct change_record c = {.op = MAP_MODIFY,
        .tier = TIER_PERMANENT,
        .has_before = true,
        .has_after = true,
        .before = element_copy(e),
        .after = element_copy(e)};
    struct map_version v = {.version = ++w->version, .changes = &c, .n_changes = 1};
    struct ws_err err = {0};
    struct buf record = {0};
    memcpy(c.element_id, e->id, sizeof(c.element_id));
    c.after.revision++;
    if (!element_set_attr(&c.after, "subtype", w->version % 2 == 0 ? "dashed" : "solid"))
        die("no change");
    change_seal(&c);
    v.height = v.version;
    v.geometry = change_is_geometry(&c);
    memcpy(v.previous_root, w->root, 32);
    memcpy(v.previous_record, w->record, 32);
    tiles_apply(&w->tiles, &w->map.frame, &c, 1);
    if (map_changes_apply(&c, 1, &w->map, &err) != WS_OK)
        die(err.text);
    tiles_root(&w->tiles, w->root);
    memcpy(v.root, w->root, 32);
    map_version_encode(&v, &record);
    exec_sha256_one(buf_span(&record), w->record);
    history_put_block(w->s, v.version, buf_span(&record));
    history_put_block(w->s, v.version + 1, span_of("", 0));
    buf_free(&record);
    change_free(&c);
}

/* ---- asking ---- */

/* Octets of the answer, head included; one connection each. */
static size_t get(struct world *w, const char *target) {
    char text[160];
    int fd = rig_connect(w->rig);
    (void)snprintf(
        text, sizeof(text), "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n", target);
    rig_send(fd, text);
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n<w->room; n += got> 0 ? (size_t)got : 0)
        got = recv(fd, w->answer + n, w->room - n, 0);
    (void)close(fd);
    if (n < 16 || memcmp(w->answer, "HTTP/1.1 200", 12) != 0)
        die("an answer is not 200");
    return n;
}

static void check(struct world *w, size_t n) {
    const uint8_t *body = memmem(w->answer, n, "\r\n\r\n", 4);
    struct tile_file f;
    struct ws_err err = {0};
    if (body == NULL)
        die("no answer");
    body += 4;
    if (tile_file_decode(span_of(body, n - (size_t)(body - w->answer)), &f, &err) != WS_OK)
        die(err.text);
    if (f.version != w->version || memcmp(f.root, w->root, 32) != 0)
        die("a tile of another version");
    tile_file_free(&f);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *what, double *took) {
    qsort(took, RUNS, sizeof(took[0]), ascending);
    (void)printf("  %-58s %7.2f ms (least %.2f, most %.2f)\n", what, took[RUNS / 2] * 1000,
        took[0] * 1000, took[RUNS - 1] * 1000);
    (void)fflush(stdout);
}

struct pipe_end {
    int fd;
    const uint8_t *octets;
    size_t n;
};

static void *pour(void *arg) {
    struct pipe_end *e = arg;
    for (size_t at = 0; at < e->n;) {
        ssize_t put_now = send(e->fd, e->octets + at, e->n - at, MSG_NOSIGNAL);
        if (put_now <= 0)
            break;
        at += (size_t)put_now;
    }
    (void)close(e->fd);
    return NULL;
}

/* The same octets from one thread to another through a socket of the same kind. */
static double bare(struct world *w, const struct buf *octets) {
    int ends[2];
    pthread_t t;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        die("no socket");
    struct pipe_end e = {ends[1], octets->p, octets->n};
    double from = seconds();
    if (pthread_create(&t, NULL, pour, &e) != 0)
        die("no thread");
    size_t n = 0;
    for (ssize_t got = 1; got > 0; n += got > 0 ? (size_t)got : 0)
        got = recv(ends[0], w->answer, w->room, 0);
    (void)pthread_join(t, NULL);
    (void)close(ends[0]);
    if (n != octets->n)
        die("octets are lost");
    return seconds() - from;
}

static void measure(struct world *w, size_t tile) {
    char target[64];
    double took[RUNS];
    double plain[RUNS];
    double anew[RUNS];
    static const uint8_t cell[32];
    struct buf file = {0};
    (void)snprintf(target, sizeof(target), "/v1/map/tiles/%" PRIu32, w->tiles.v[tile].id);
    for (size_t i = 0; i < RUNS; i++) {
        double from = seconds();
        buf_clear(&file);
        tile_file_encode(cell, w->version, &w->tiles, tile, &w->map, &file);
        anew[i] = seconds() - from;
        plain[i] = bare(w, &file);
    }
    double from = seconds();
    size_t n = get(w, target);
    (void)printf(
        "  first of all, with the map out of the state: %.2f s, %zu octets\n", seconds() - from, n);
    check(w, n);
    tell("baseline: the same octets over a bare socket", plain);
    tell("baseline: encoding the tile anew, in memory", anew);
    for (size_t i = 0; i < RUNS; i++) {
        from = seconds();
        n = get(w, target);
        took[i] = seconds() - from;
    }
    check(w, n);
    tell("GET of the tile, repeated", took);
    /* Asked for at once: what the answer waits for is the whole of what a version means to a reader. */
    for (size_t i = 0; i < RUNS; i++) {
        publish(w, tile, i * 37);
        from = seconds();
        http_notify(w->rig->http);
        n = get(w, target);
        took[i] = seconds() - from;
        check(w, n);
    }
    tell("GET at the instant of a version that changed it", took);
    for (size_t i = 0; i < RUNS; i++) {
        publish(w, tile, i * 41);
        http_notify(w->rig->http);
        (void)usleep(100000);
        from = seconds();
        n = get(w, target);
        took[i] = seconds() - from;
        check(w, n);
    }
    tell("first GET after such a version, 0.1 s later", took);
    buf_free(&file);
}

int main(int argc, char **argv) {
    struct world w = {0};
    struct ws_err err = {0};
    struct folder dir;
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    if (n == 0 || folder_make(&dir) != 0)
        return 2;
    if (store_open_rocks(dir.top, 64U << 20, &w.s, &err) != WS_OK)
        die(err.text);
    make_map(&w, n);
    put_state(&w);
    history_put_block(w.s, 1, span_of("", 0));
    size_t full = 0;
    for (size_t i = 0; i < w.tiles.n; i++)
        full = w.tiles.v[i].n > w.tiles.v[full].n ? i : full;
    (void)printf("One tile over HTTP: map of %zu elements, %zu tiles, the fullest of %zu\n", n,
        w.tiles.n, w.tiles.v[full].n);
    w.room = 64U << 20;
    w.answer = ws_alloc(w.room);
    w.rig = ws_alloc(sizeof(*w.rig));
    rig_open(w.rig, &(struct rig_options){.store = w.s});
    measure(&w, full);
    rig_close(w.rig);
    free(w.rig);
    free(w.answer);
    tiles_free(&w.tiles);
    mapset_free(&w.map);
    store_close(w.s);
    return folder_remove(&dir) == 0 ? 0 : 1;
}
