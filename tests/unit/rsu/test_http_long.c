/* A long history, made up in a store of its own: answers in helpings without a gap, streams that catch up, and what is
 * told when a version is too old, not provable yet, or missing. Contents are made up; proofs are not checked here. */
#include "tests/unit/rsu/http_history.h"
#include "tests/unit/rsu/http_listener.h"

#include "ledger/committee/court.h"
#include "ledger/store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void encode_version(uint64_t version, uint64_t height, size_t padding, struct buf *b) {
    struct change_record c = {.op = MAP_MODIFY,
        .tier = TIER_PERMANENT,
        .has_before = true,
        .has_after = true,
        .before = {.kind = EL_SIGN, .has_value = true, .value = 50, .valid_to_ms = INT64_MAX},
        .after = {.kind = EL_SIGN,
            .revision = 1,
            .has_value = true,
            .value = 30,
            .valid_to_ms = INT64_MAX}};
    element_add_point(&c.before, (struct map_point){0, 0, 0});
    element_add_point(&c.after, (struct map_point){0, 0, 0});
    char text[ELEMENT_MAX_TEXT + 1];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < padding; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "k%zu", i);
        assert_true(element_set_attr(&c.before, key, text));
        assert_true(element_set_attr(&c.after, key, text));
    }
    change_seal(&c);
    struct map_version v = {.version = version, .height = height, .changes = &c, .n_changes = 1};
    map_version_encode(&v, b);
    change_free(&c);
}

/* Block `height`, with an event that publishes `version` unless that is 0. */
static void put_block(struct store *s, uint64_t height, uint64_t version, size_t padding) {
    struct buf record = {0};
    if (version > 0)
        encode_version(version, height, padding, &record);
    history_put_block(s, height, buf_span(&record));
    buf_free(&record);
}

/* Versions first..last in blocks of the same numbers, and the block after them. */
static struct rig *open_history(struct store *s, uint64_t first, uint64_t last, size_t padding) {
    for (uint64_t v = first; v <= last; v++)
        put_block(s, v, v, padding);
    put_block(s, last + 1, 0, 0);
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){.store = s});
    return r;
}

static void shut(struct rig *r, struct store *s) {
    rig_close(r);
    free(r);
    store_close(s);
}

/* Goes on from `to` as long as there is more; true when every version came once, in order. */
static size_t collect(struct rig *r, uint64_t from, uint64_t last) {
    size_t answers = 0;
    for (bool more = true; more; answers++) {
        char target[64];
        (void)snprintf(target, sizeof(target), "/v1/map/diffs?from=%" PRIu64, from);
        json_t *o = rig_json(r, 200, target);
        json_t *list = json_object_get(o, "versions");
        assert_true(json_array_size(list) > 0);
        for (size_t i = 0; i < json_array_size(list); i++)
            assert_int_equal(rig_number(json_array_get(list, i), "version"), ++from);
        assert_int_equal(rig_number(o, "to"), from);
        more = json_is_true(json_object_get(o, "more"));
        assert_int_equal(more, from < last);
        json_decref(o);
    }
    assert_int_equal(from, last);
    return answers;
}

static void long_histories_come_in_helpings_without_a_gap(void **state) {
    (void)state;
    enum { LAST = 1201 };
    struct store *s = store_open_memory();
    struct rig *r = open_history(s, 2, LAST, 0);
    assert_int_equal(collect(r, 1, LAST), 5); /* 256 each */
    struct answer a;
    rig_get(r, "/v1/map/diffs?from=1&format=geojsonseq", &a);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Wayside-Map-To: 257\r\n"));
    assert_true(answer_has(&a, "Wayside-Map-Current: 1201\r\n"));
    answer_free(&a);
    json_t *o = rig_json(r, 200, "/v1/map/versions");
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 1000);
    assert_true(json_is_true(json_object_get(o, "more")));
    json_decref(o);
    o = rig_json(r, 200, "/v1/map/versions?from=1001");
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 200);
    assert_true(json_is_false(json_object_get(o, "more")));
    json_decref(o);
    shut(r, s);
}

/* A version of some 15 kB; the bound of octets is reached before that of versions. */
static void large_versions_come_in_smaller_helpings(void **state) {
    (void)state;
    enum { LAST = 401, PADDING = 60 };
    struct store *s = store_open_memory();
    struct rig *r = open_history(s, 2, LAST, PADDING);
    struct version_ref ref;
    assert_int_equal(versions_find(r->http->versions, 2, &ref), VERSION_HERE);
    size_t each = (2U << 20) / ref.octets;
    assert_true(each < 256);
    assert_int_equal(collect(r, 1, LAST), (400 + each - 1) / each);
    shut(r, s);
}

/* One client does not take what it asked for: there is no room for another large answer, and room for every other question. */
static void large_answers_share_a_bound(void **state) {
    (void)state;
    enum { LAST = 120, PADDING = 60 };
    static const char large[] = "/v1/map/diffs?from=1";
    struct store *s = store_open_memory();
    for (uint64_t v = 2; v <= LAST; v++)
        put_block(s, v, v, PADDING);
    put_block(s, LAST + 1, 0, 0);
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){.store = s, .octets = 1 << 20});
    int fd = rig_connect(r);
    rig_send(fd, "GET /v1/map/diffs?from=1 HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n\r\n");
    while (atomic_load(&r->http->octets) == 0)
        (void)usleep(1000);
    size_t counted = atomic_load(&r->http->octets);
    assert_true(counted > 1 << 20); /* one alone may be larger */
    for (int i = 0; i < 5; i++) {
        rig_refused(r, 503, "no room", large);
        rig_refused(r, 503, "no room", "/v1/map/net?from=1");
    }
    json_decref(rig_json(r, 200, "/v1/status"));
    json_decref(rig_json(r, 200, "/v1/map/diffs?from=120"));
    assert_int_equal(atomic_load(&r->http->octets), counted);
    assert_int_equal(atomic_load(&r->http->refused[REFUSED_OCTETS]), 10);
    struct answer a;
    rig_get(r, "/metrics", &a);
    buf_u8(&a.body, 0);
    assert_non_null(
        strstr((char *)a.body.p, "\nwayside_http_refused_total{reason=\"octets\"} 10\n"));
    assert_non_null(strstr((char *)a.body.p, "\nwayside_http_octets_max 1048576\n"));
    answer_free(&a);
    size_t got = 0;
    uint8_t chunk[65536];
    for (ssize_t n = 1; n > 0; got += n > 0 ? (size_t)n : 0)
        n = recv(fd, chunk, sizeof(chunk), 0);
    (void)close(fd);
    assert_true(got > counted);
    while (atomic_load(&r->http->octets) > 0)
        (void)usleep(1000);
    json_decref(rig_json(r, 200, large));
    shut(r, s);
}

/* Nothing is skipped however much waits; the reader takes a little at a time. */
static void streams_catch_up_with_a_long_history(void **state) {
    (void)state;
    enum { LAST = 1500 };
    struct store *s = store_open_memory();
    struct rig *r = open_history(s, 2, LAST, 4);
    struct listener l;
    listener_open(&l, r, "?from=1", NULL);
    for (uint64_t v = 2; v <= LAST; v++)
        assert_int_equal(listener_version(&l), v);
    listener_close(&l);
    shut(r, s);
}

static void what_is_too_old_is_gone(void **state) {
    (void)state;
    struct store *s = store_open_memory();
    struct rig *r = open_history(s, 10, 12, 0);
    rig_refused(r, 410, "the oldest kept is 10", "/v1/map/diffs?from=8");
    rig_refused(r, 410, "begin again from /v1/map/snapshot", "/v1/map/stream?from=1");
    rig_refused(r, 410, "the oldest kept is 10", "/v1/map/versions?from=1");
    rig_refused(r, 410, "too far back", "/v1/map?version=8");
    rig_refused(r, 410, "map version 9 is not kept here any more", "/v1/proofs/map/9");
    assert_int_equal(collect(r, 9, 12), 1);
    json_t *o = rig_json(r, 200, "/v1/map/versions");
    assert_int_equal(rig_number(o, "oldest"), 10);
    assert_int_equal(json_array_size(json_object_get(o, "versions")), 3);
    json_decref(o);
    shut(r, s);
}

static void versions_wait_for_their_proof(void **state) {
    (void)state;
    struct store *s = store_open_memory();
    struct rig *r = open_history(s, 2, 3, 0); /* block 4 follows */
    put_block(s, 5, 4, 0);
    rig_refused(r, 409, "not decided yet", "/v1/proofs/map/4");
    rig_refused(r, 409, "not decided yet", "/v1/proofs/event/5/0");
    rig_refused(r, 404, "the current one is 3", "/v1/map/diffs?from=4");
    assert_int_equal(collect(r, 1, 3), 1);
    put_block(s, 6, 0, 0);
    assert_int_equal(collect(r, 1, 4), 1);
    json_decref(rig_json(r, 200, "/v1/proofs/map/4"));
    shut(r, s);
}

static void holes_and_damage_are_named(void **state) {
    (void)state;
    struct store *s = store_open_memory();
    struct rig *r = open_history(s, 2, 3, 0);
    put_block(s, 5, 9, 0);
    put_block(s, 6, 0, 0);
    rig_refused(r, 500, "map version 9 follows 3", "/v1/map/diffs?from=1");
    rig_refused(r, 500, "map version 9 follows 3", "/v1/status");
    uint8_t key[12] = {0};
    put_be64(key, 3);
    struct store_batch *b = store_batch_new(s);
    store_batch_put(b, STORE_EVENT, span_of(key, 12), span_of("junk", 4));
    assert_int_equal(store_batch_write(b, NULL), 0);
    rig_refused(r, 500, "damaged", "/v1/proofs/map/3");
    shut(r, s);
}

/* Convictions that the store tells of; nobody knows the committees of this made-up history any more. */
static void jailed_validators_are_listed_the_last_ones(void **state) {
    (void)state;
    enum { CONVICTED = 70, LISTED = 64 };
    struct store *s = store_open_memory();
    struct rig *r = open_history(s, 2, 3, 0);
    for (unsigned i = 0; i < CONVICTED; i++) {
        uint8_t key[15] = {EXECUTOR_COMMITTEE};
        put_be16(key + 1, COMMITTEE_EVENT_JAILED);
        put_be64(key + 3, 3);
        put_be32(key + 11, 1 + i);
        struct buf body = {0};
        struct buf value = {0};
        buf_u8(&body, 1);
        for (size_t k = 0; k < 32; k++)
            buf_u8(&body, (uint8_t)i);
        buf_u8(&body, EVIDENCE_DOUBLE_VOTE);
        buf_u64(&body, 2);
        for (size_t k = 0; k < 32; k++)
            buf_u8(&body, 0xee);
        struct event e = {.contract = EXECUTOR_COMMITTEE,
            .type = COMMITTEE_EVENT_JAILED,
            .height = 3,
            .sequence = 1 + i,
            .body = buf_span(&body)};
        event_encode(&e, &value);
        struct store_batch *b = store_batch_new(s);
        history_put(b, STORE_EVENT, span_of(key + 3, 12), &value);
        history_put(b, STORE_INDEX, span_of(key, 15), &value);
        assert_int_equal(store_batch_write(b, NULL), 0);
        buf_free(&body);
        buf_free(&value);
    }
    json_t *o = rig_json(r, 200, "/v1/status");
    json_t *list = json_object_get(o, "jailed");
    assert_int_equal(json_array_size(list), LISTED);
    for (size_t i = 0; i < LISTED; i++) {
        json_t *one = json_array_get(list, i);
        uint8_t address[32];
        memset(address, (int)(i + CONVICTED - LISTED), sizeof(address));
        rig_assert_hex(one, "address", address, sizeof(address));
        assert_string_equal(rig_word(one, "evidence_kind"), "double_vote");
        assert_int_equal(rig_number(one, "evidence_height"), 2);
        assert_int_equal(rig_number(one, "height"), 3);
        assert_string_equal(rig_word(one, "owner"), "");
    }
    json_decref(o);
    shut(r, s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_histories_come_in_helpings_without_a_gap),
        cmocka_unit_test(large_versions_come_in_smaller_helpings),
        cmocka_unit_test(large_answers_share_a_bound),
        cmocka_unit_test(streams_catch_up_with_a_long_history),
        cmocka_unit_test(what_is_too_old_is_gone),
        cmocka_unit_test(versions_wait_for_their_proof),
        cmocka_unit_test(holes_and_damage_are_named),
        cmocka_unit_test(jailed_validators_are_listed_the_last_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
