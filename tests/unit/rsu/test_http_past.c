/* Maps of old versions: right at each version, from whatever side it is reached; work that is bounded, and that others do not
 * wait for. A history of made-up versions in a store, with things that come, go, move and change. */
#include "tests/unit/rsu/http_history.h"
#include "tests/unit/rsu/http_listener.h"

#include "base/random.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/entry.h"
#include "ledger/store/store.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/fuse/range.h"
#include "mapsvc/fuse/tiles.h"
#include "rsu/http/map.h"
#include "rsu/proofs/tile_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { LANES = 40, SIGNS = 200, LAST = 2600, EDGE = 4000000 /* mm: over several tiles */ };

/* All of it, to compare with. */
struct history {
    struct store *s;
    struct mapset map; /* at version LAST */
    struct map_version *v; /* v[version], from 2 on */
    uint8_t root[LAST + 1][32], record[LAST + 1][32];
    size_t n[LAST + 1]; /* elements */
    uint64_t made; /* elements ever */
};

static struct history *hist;
static struct rig *rig;

/* ---- making it ---- */

static void new_id(struct history *h, uint8_t id[static 16]) {
    uint8_t octets[8];
    uint8_t hash[32];
    put_be64(octets, h->made++);
    exec_sha256_one(span_of(octets, sizeof(octets)), hash);
    memcpy(id, hash, 16);
}

static struct element thing(struct history *h, enum element_kind kind, const char *alias) {
    struct element e = {.kind = kind, .valid_to_ms = INT64_MAX};
    new_id(h, e.id);
    assert_true(element_add_alias(&e, alias));
    return e;
}

static void add_lane(struct history *h, unsigned i) {
    static const char *const sides[] = {"left", "right"};
    char name[64];
    char bound[2][64];
    for (size_t k = 0; k < 2; k++) {
        (void)snprintf(bound[k], sizeof(bound[k]), "lanelet2:way/%u", 1000 + 2 * i + (unsigned)k);
        struct element b = thing(h, EL_BOUNDARY, bound[k]);
        for (int32_t x = 0; x < 3; x++)
            element_add_point(
                &b, (struct map_point){x * 50000, (int32_t)(i * 90000 + k * 3500), 0});
        mapset_add(&h->map, &b);
    }
    (void)snprintf(name, sizeof(name), "lanelet2:relation/%u", i + 1);
    struct element lane = thing(h, EL_LANE, name);
    element_add_point(&lane, (struct map_point){0, (int32_t)(i * 90000), 0});
    for (size_t k = 0; k < 2; k++)
        assert_true(element_set_attr(&lane, sides[k], bound[k]));
    mapset_add(&h->map, &lane);
    char of_lane[80];
    (void)snprintf(of_lane, sizeof(of_lane), "%s#speed_limit", name);
    struct element limit = thing(h, EL_SPEED_LIMIT, of_lane);
    limit.has_value = true;
    limit.value = 50;
    element_add_point(&limit, (struct map_point){0, (int32_t)(i * 90000), 0});
    assert_true(element_set_attr(&limit, "lane", name));
    mapset_add(&h->map, &limit);
}

static struct element new_sign(struct history *h, struct ws_random *r) {
    char name[64];
    (void)snprintf(name, sizeof(name), "test:sign/%" PRIu64, h->made);
    struct element e = thing(h, EL_SIGN, name);
    element_add_point(&e, (struct map_point){(int32_t)ws_random_below(r, EDGE),
                              (int32_t)ws_random_below(r, EDGE), 0});
    e.has_value = true;
    e.value = (int32_t)ws_random_below(r, 100);
    return e;
}

/* What becomes of one element that no earlier change of this version is about; false: nothing. */
static bool invent(struct history *h, struct ws_random *r, struct change_record *c) {
    uint64_t dice = ws_random_below(r, 10);
    *c = (struct change_record){.tier = TIER_PERMANENT};
    if (dice < 2) {
        c->op = MAP_CREATE;
        c->has_after = true;
        c->after = new_sign(h, r);
        memcpy(c->element_id, c->after.id, 16);
        return true;
    }
    const struct element *e = &h->map.elements[ws_random_below(r, h->map.n)];
    memcpy(c->element_id, e->id, 16);
    c->has_before = true;
    c->before = element_copy(e);
    if (dice < 4 && (e->kind == EL_SIGN || e->kind == EL_SPEED_LIMIT)) {
        c->op = MAP_DELETE;
        return true;
    }
    c->op = MAP_MODIFY;
    c->has_after = true;
    c->after = element_copy(e);
    c->after.revision++;
    if (e->has_value && dice < 8) {
        c->after.value++;
    } else if (e->kind == EL_SIGN) {
        c->after.points[0].x = (int32_t)ws_random_below(r, EDGE);
    } else {
        c->after.points[0].z++;
    }
    return true;
}

static int by_change(const void *a, const void *b) {
    return change_compare(a, b);
}

static void make_version(struct history *h, uint64_t version, struct ws_random *r) {
    struct map_version *v = &h->v[version];
    size_t want = 1 + (size_t)ws_random_below(r, 3);
    *v = (struct map_version){.version = version, .height = version};
    v->changes = ws_calloc(want, sizeof(v->changes[0]));
    while (v->n_changes < want) {
        struct change_record *c = &v->changes[v->n_changes];
        bool twice = !invent(h, r, c);
        for (size_t i = 0; i < v->n_changes; i++)
            twice = twice || memcmp(v->changes[i].element_id, c->element_id, 16) == 0;
        if (twice) {
            change_free(c);
            continue;
        }
        change_seal(c);
        v->geometry = v->geometry || change_is_geometry(c);
        v->n_changes++;
    }
    qsort(v->changes, v->n_changes, sizeof(v->changes[0]), by_change);
    memcpy(v->previous_root, h->root[version - 1], 32);
    memcpy(v->previous_record, h->record[version - 1], 32);
}

static void put_state(struct history *h) {
    struct store_batch *b = store_batch_new(h->s);
    struct buf key = {0};
    struct buf value = {0};
    struct mapset frame = h->map;
    frame.elements = NULL;
    frame.n = frame.cap = 0;
    buf_u8(&value, 1);
    mapset_encode(&frame, &value);
    entry_key_put(&key, CELL_CONTRACT_MAP, span_of("m", 1));
    history_put(b, STORE_STATE, buf_span(&key), &value);
    buf_clear(&key);
    buf_u8(&value, 1);
    buf_u64(&value, LAST);
    buf_put(&value, h->root[LAST], 32);
    buf_put(&value, h->record[LAST], 32);
    buf_put(&value, h->root[1], 32);
    entry_key_put(&key, CELL_CONTRACT_MAP, span_of("v", 1));
    history_put(b, STORE_STATE, buf_span(&key), &value);
    /* Of another kind, in the midst of them. */
    buf_clear(&key);
    buf_put(&value, "whatever", 8);
    entry_key_put(&key, CELL_CONTRACT_MAP, span_of("tabc", 4));
    history_put(b, STORE_STATE, buf_span(&key), &value);
    for (size_t i = 0; i < h->map.n; i++) {
        uint8_t name[17] = {'e'};
        memcpy(name + 1, h->map.elements[i].id, 16);
        buf_clear(&key);
        entry_key_put(&key, CELL_CONTRACT_MAP, span_of(name, sizeof(name)));
        buf_u8(&value, 1);
        element_encode(&h->map.elements[i], &value);
        history_put(b, STORE_STATE, buf_span(&key), &value);
    }
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    buf_free(&key);
    buf_free(&value);
}

static void make_history(struct history *h) {
    struct ws_random r = ws_random_seeded(11);
    struct tiles tiles = {0};
    struct ws_err err = {0};
    h->s = store_open_memory();
    h->v = ws_calloc(LAST + 1, sizeof(h->v[0]));
    h->map.frame = frame_at(487600000, 114200000);
    (void)snprintf(h->map.ns, sizeof(h->map.ns), "test");
    for (unsigned i = 0; i < LANES; i++)
        add_lane(h, i);
    for (size_t i = 0; i < SIGNS; i++) {
        struct element e = new_sign(h, &r);
        mapset_add(&h->map, &e);
    }
    mapset_sort(&h->map);
    tiles_build(&tiles, &h->map);
    tiles_root(&tiles, h->root[1]);
    for (uint64_t version = 2; version <= LAST; version++) {
        struct map_version *v = &h->v[version];
        struct buf record = {0};
        make_version(h, version, &r);
        tiles_apply(&tiles, &h->map.frame, v->changes, v->n_changes);
        if (map_changes_apply(v->changes, v->n_changes, &h->map, &err) != WS_OK)
            fail_msg("%s", err.text);
        tiles_root(&tiles, v->root);
        map_version_encode(v, &record);
        exec_sha256_one(buf_span(&record), h->record[version]);
        memcpy(h->root[version], v->root, 32);
        history_put_block(h->s, version, buf_span(&record));
        buf_free(&record);
    }
    history_put_block(h->s, LAST + 1, span_of("", 0));
    tiles_free(&tiles);
    put_state(h);
}

static int open_shared(void **state) {
    (void)state;
    hist = ws_alloc(sizeof(*hist));
    make_history(hist);
    rig = ws_alloc(sizeof(*rig));
    rig_open(rig, &(struct rig_options){.store = hist->s, .connections = 64, .waiting = 6});
    return 0;
}

static int close_shared(void **state) {
    (void)state;
    rig_close(rig);
    free(rig);
    for (size_t i = 2; i <= LAST; i++)
        map_version_free(&hist->v[i]);
    free(hist->v);
    mapset_free(&hist->map);
    store_close(hist->s);
    free(hist);
    return 0;
}

/* ---- right at each version ---- */

static void expect_snapshot(uint64_t version, struct map_snapshot *ret) {
    char target[64];
    struct answer a;
    struct ws_err err = {0};
    (void)snprintf(target, sizeof(target), "/v1/map/snapshot?version=%" PRIu64, version);
    rig_get(rig, target, &a);
    assert_int_equal(a.status, 200);
    if (map_snapshot_decode(buf_span(&a.body), ret, &err) != WS_OK) /* its root is checked */
        fail_msg("version %" PRIu64 ": %s", version, err.text);
    answer_free(&a);
    assert_int_equal(ret->version, version);
    assert_memory_equal(ret->root, hist->root[version], 32);
    assert_memory_equal(ret->record, hist->record[version], 32);
}

static void maps_are_right_from_either_side(void **state) {
    (void)state;
    static const uint64_t turns[] = {LAST, LAST - 1, LAST, LAST - 8, LAST - 9, 1, 2, 3, 1023, 1024,
        1025, 1, 2047, 2048, 2049, LAST, 500, 2500, 1};
    struct ws_random r = ws_random_seeded(5);
    for (size_t i = 0; i < ARRAY_LEN(turns) + 20; i++) {
        struct map_snapshot s;
        expect_snapshot(i < ARRAY_LEN(turns) ? turns[i] : 1 + ws_random_below(&r, LAST), &s);
        mapset_free(&s.map);
    }
}

static uint64_t pick_version(struct ws_random *r, int run) {
    return run % 2 == 0 ? LAST - ws_random_below(r, 8) : 1 + ws_random_below(r, LAST);
}

static void tiles_are_right_at_each_version(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(6);
    for (int run = 0; run < 24; run++) {
        struct map_snapshot s;
        struct tiles tiles = {0};
        uint64_t version = pick_version(&r, run);
        expect_snapshot(version, &s);
        tiles_build(&tiles, &s.map);
        assert_true(tiles.n > 3);
        for (size_t i = 0; i < tiles.n; i++) {
            char target[96];
            struct answer a;
            struct buf want = {0};
            (void)snprintf(target, sizeof(target), "/v1/map/tiles/%" PRIu32 "?version=%" PRIu64,
                tiles.v[i].id, version);
            rig_get(rig, target, &a);
            assert_int_equal(a.status, 200);
            tile_file_encode(rig->face.cell_id, version, &tiles, i, &s.map, &want);
            assert_int_equal(a.body.n, want.n);
            assert_memory_equal(a.body.p, want.p, want.n);
            buf_free(&want);
            answer_free(&a);
        }
        tiles_free(&tiles);
        mapset_free(&s.map);
    }
}

/* The same octets as when the whole map is looked through. */
static void diffs_in_osm_are_made_of_a_part_of_the_map(void **state) {
    (void)state;
    struct ws_random r = ws_random_seeded(7);
    for (int run = 0; run < 24; run++) {
        struct map_snapshot s;
        uint64_t to = pick_version(&r, run);
        uint64_t from = to - ws_random_below(&r, to < 250 ? to : 250);
        const struct map_version *list[256];
        for (uint64_t v = from + 1; v <= to; v++)
            list[v - from - 1] = &hist->v[v];
        expect_snapshot(to, &s);
        for (int augmented = 0; augmented < 2; augmented++) {
            char target[96];
            struct answer a;
            struct buf want = {0};
            (void)snprintf(target, sizeof(target),
                "/v1/map/diffs?from=%" PRIu64 "&to=%" PRIu64 "&format=%s", from, to,
                augmented ? "adiff" : "osc");
            rig_get(rig, target, &a);
            assert_int_equal(a.status, 200);
            (augmented ? export_osmchange_augmented : export_osmchange)(
                list, (size_t)(to - from), &s.map, &want);
            assert_int_equal(a.body.n, want.n);
            assert_memory_equal(a.body.p, want.p, want.n);
            buf_free(&want);
            answer_free(&a);
        }
        mapset_free(&s.map);
    }
}

/* ---- bounded ---- */

static uint64_t steps(void) {
    return atomic_load(&rig->http->map_steps);
}

static void catch_up(uint64_t from) {
    while (from < LAST) {
        char target[64];
        struct answer a;
        (void)snprintf(target, sizeof(target), "/v1/map/diffs?from=%" PRIu64 "&format=osc", from);
        rig_get(rig, target, &a);
        assert_int_equal(a.status, 200);
        from = from + 256 < LAST ? from + 256 : LAST;
        char line[64];
        (void)snprintf(line, sizeof(line), "Wayside-Map-To: %" PRIu64 "\r\n", from);
        assert_true(answer_has(&a, line));
        answer_free(&a);
    }
}

/* Each version is stepped over a bounded number of times, not once for each answer that follows. */
static void catching_up_is_linear(void **state) {
    (void)state;
    uint64_t before = steps();
    catch_up(1);
    assert_true(steps() - before <= 2 * LAST + 1024); /* back once, and on */
    before = steps();
    catch_up(1); /* the copies are there now */
    assert_true(steps() - before <= LAST + 2 * 1024);
    /* Two at different places, by turns: neither has to go further than to the next copy. */
    before = steps();
    size_t answers = 0;
    for (uint64_t i = 0; i < 8; i++) {
        struct map_snapshot s;
        expect_snapshot(40 + i, &s);
        mapset_free(&s.map);
        expect_snapshot(2100 + i, &s);
        mapset_free(&s.map);
        answers += 2;
    }
    assert_true(steps() - before <= answers * 1024 + LAST);
}

/* ---- nobody waits ---- */

struct latch {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held, open;
};

static void hold(struct http *h, void *ctx) {
    struct latch *l = ctx;
    (void)h;
    (void)pthread_mutex_lock(&l->lock);
    l->held = true;
    (void)pthread_cond_broadcast(&l->changed);
    while (!l->open)
        (void)pthread_cond_wait(&l->changed, &l->lock);
    (void)pthread_mutex_unlock(&l->lock);
}

static void close_latch(struct latch *l, enum http_lane lane) {
    assert_true(lanes_post(rig->http->lanes, lane, hold, l));
    (void)pthread_mutex_lock(&l->lock);
    while (!l->held)
        (void)pthread_cond_wait(&l->changed, &l->lock);
    (void)pthread_mutex_unlock(&l->lock);
}

static void open_latch(struct latch *l) {
    (void)pthread_mutex_lock(&l->lock);
    l->open = true;
    (void)pthread_cond_broadcast(&l->changed);
    (void)pthread_mutex_unlock(&l->lock);
}

static size_t count_200(const char *const *targets, size_t n, size_t rounds) {
    size_t good = 0;
    for (size_t i = 0; i < rounds * n; i++) {
        struct answer a;
        rig_get(rig, targets[i % n], &a);
        good += a.status == 200;
        answer_free(&a);
    }
    return good;
}

static void send_get(int fd, const char *target) {
    char text[160];
    (void)snprintf(
        text, sizeof(text), "GET %s HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n\r\n", target);
    rig_send(fd, text);
}

static unsigned read_status(int fd) {
    struct buf all = {0};
    uint8_t chunk[8192];
    for (ssize_t n = 1; n > 0;) {
        n = recv(fd, chunk, sizeof(chunk), 0);
        if (n > 0)
            buf_put(&all, chunk, (size_t)n);
    }
    (void)close(fd);
    buf_u8(&all, 0);
    unsigned status = all.n > 12 ? (unsigned)strtoul((const char *)all.p + 9, NULL, 10) : 0;
    buf_free(&all);
    return status;
}

/* Of the next event that is one. 0: the stream ended. */
static uint64_t next_version(struct listener *l) {
    for (char *block = listener_block(l); block != NULL; block = listener_block(l)) {
        uint64_t id = strncmp(block, "id: ", 4) == 0 ? strtoull(block + 4, NULL, 10) : 0;
        free(block);
        if (id > 0)
            return id;
    }
    return 0;
}

/* More old versions are asked for than may wait, and their lane does not move: the others are told so, and whatever else is
 * asked meanwhile is answered, also the map as it is. */
static void old_versions_keep_nobody_else_waiting(void **state) {
    (void)state;
    enum { ASKED = 20, WAITING = 6 };
    static const char *const others[] = {"/healthz", "/metrics", "/v1/status", "/v1/map/versions",
        "/v1/map/diffs?from=2599", "/v1/map/diffs?from=1", "/v1/map/net?from=2500", "/v1/map",
        "/v1/map/tiles", "/v1/map/diffs?from=2599&format=osc"};
    struct latch l = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
    uint64_t refused = atomic_load(&rig->http->refused[REFUSED_QUEUE]);
    int fd[ASKED];
    unsigned told = 0;
    rig->face.started_mono_us = ws_clock_now(&rig->face.clock).mono_us; /* healthy */
    bool healthy = count_200(others, 1, 1) == 1;
    close_latch(&l, LANE_FAR);
    for (size_t i = 0; i < ASKED; i++) {
        char target[64];
        (void)snprintf(target, sizeof(target), "/v1/map?version=%zu", 100 + i);
        fd[i] = rig_connect(rig);
        send_get(fd[i], target);
    }
    while (lanes_waiting(rig->http->lanes, LANE_FAR) < WAITING ||
           atomic_load(&rig->http->refused[REFUSED_QUEUE]) - refused < ASKED - WAITING)
        (void)usleep(1000);
    struct listener stream;
    listener_open(&stream, rig, "?from=2590", NULL);
    for (uint64_t v = 2591; v <= LAST; v++)
        assert_int_equal(next_version(&stream), v);
    listener_close(&stream);
    for (size_t i = 0; i < 5; i++) {
        listener_open(&stream, rig, "?from=2590&poll=1", NULL);
        assert_int_equal(next_version(&stream), 2591);
        listener_close(&stream);
    }
    size_t first = healthy ? 0 : 1; /* a cell whose history is made up may well be thought silent */
    assert_int_equal(
        count_200(others + first, ARRAY_LEN(others) - first, 10), 10 * (ARRAY_LEN(others) - first));
    assert_int_equal(lanes_waiting(rig->http->lanes, LANE_FAR), WAITING);
    open_latch(&l);
    unsigned good = 0;
    for (size_t i = 0; i < ASKED; i++) {
        unsigned status = read_status(fd[i]);
        good += status == 200;
        told += status == 503;
    }
    assert_int_equal(good, WAITING);
    assert_int_equal(told, ASKED - WAITING);
    assert_int_equal(atomic_load(&rig->http->refused[REFUSED_QUEUE]) - refused, ASKED - WAITING);
    assert_int_equal(lanes_waiting(rig->http->lanes, LANE_FAR), 0);
}

/* However much may wait: connections are left for short questions. */
static void those_who_wait_leave_some_connections(void **state) {
    (void)state;
    enum { CONNECTIONS = 16, ASKED = 24, SLEEPING = CONNECTIONS - CONNECTIONS / 8 };
    struct rig *r = ws_alloc(sizeof(*r));
    struct rig *shared = rig;
    struct latch l = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
    int fd[SLEEPING];
    rig_open(
        r, &(struct rig_options){.store = hist->s, .connections = CONNECTIONS, .waiting = 100});
    rig = r;
    close_latch(&l, LANE_FAR);
    for (size_t i = 0; i < SLEEPING; i++) {
        fd[i] = rig_connect(r);
        send_get(fd[i], "/v1/map/snapshot?version=7");
        while (lanes_waiting(r->http->lanes, LANE_FAR) <= i)
            (void)usleep(1000);
    }
    for (size_t i = 0; i < ASKED; i++)
        rig_refused(r, 503, "too many wait", "/v1/map/snapshot?version=8");
    static const char *const others[] = {"/v1/status", "/metrics", "/v1/map/versions"};
    assert_int_equal(count_200(others, ARRAY_LEN(others), 10), 10 * ARRAY_LEN(others));
    open_latch(&l);
    for (size_t i = 0; i < SLEEPING; i++)
        assert_int_equal(read_status(fd[i]), 200);
    assert_int_equal(atomic_load(&r->http->seats), 0);
    rig_close(r);
    free(r);
    rig = shared;
}

/* Those who wait when the unit stops are told so; nobody is left behind. */
static void those_who_wait_are_told_when_the_unit_stops(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    struct rig *shared = rig;
    struct latch l = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
    int fd[3];
    rig_open(r, &(struct rig_options){.store = hist->s});
    rig = r;
    close_latch(&l, LANE_FAR);
    for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
        fd[i] = rig_connect(r);
        send_get(fd[i], "/v1/map?version=7");
    }
    while (lanes_waiting(r->http->lanes, LANE_FAR) < ARRAY_LEN(fd))
        (void)usleep(1000);
    open_latch(&l);
    rig_close(r);
    for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
        unsigned status = read_status(fd[i]);
        assert_true(status == 503 || status == 200 || status == 0); /* 0: cut off by the server */
    }
    free(r);
    rig = shared;
}

/* However many ask for it: one text, and one count. */
static void pages_are_shared_and_counted_once(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){.store = hist->s});
    size_t n = 0;
    for (size_t i = 0; i < 3; i++) {
        struct answer a;
        rig_get(r, "/v1/map", &a);
        assert_int_equal(a.status, 200);
        n = a.body.n;
        answer_free(&a);
        assert_true(n > 100000);
        assert_int_equal(atomic_load(&r->http->octets), n);
    }
    assert_int_equal(atomic_load(&r->http->map_steps), 0); /* made once, where the state is */
    http_pages_drop(r->http);
    while (atomic_load(&r->http->octets) > 0)
        (void)usleep(1000); /* the server may not be done with the last answer */
    rig_close(r);
    free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_right_from_either_side),
        cmocka_unit_test(tiles_are_right_at_each_version),
        cmocka_unit_test(diffs_in_osm_are_made_of_a_part_of_the_map),
        cmocka_unit_test(catching_up_is_linear),
        cmocka_unit_test(old_versions_keep_nobody_else_waiting),
        cmocka_unit_test(pages_are_shared_and_counted_once),
        cmocka_unit_test(those_who_wait_leave_some_connections),
        cmocka_unit_test(those_who_wait_are_told_when_the_unit_stops),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
