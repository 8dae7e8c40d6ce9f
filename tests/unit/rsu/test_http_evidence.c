/* Candidates, changes one by one, sightings, a validator's blocks and the live stream, as the page reads them. */
#include "tests/unit/rsu/http_listener.h"

#include <stdio.h>

enum { CARS = 3, ENOUGH = 5 /* min_vehicles of urban.lua */ };
static struct rig *rig; /* version 2 made the limit 30; since then CARS cars saw 80 */

static int open_shared(void **state) {
    (void)state;
    rig = ws_alloc(sizeof(*rig));
    rig_open(rig, &(struct rig_options){0});
    rig_step(rig, 2000000);
    rig_change(rig, 30);
    rig_sight(rig, CARS, 80);
    return 0;
}

static int close_shared(void **state) {
    (void)state;
    rig_close(rig);
    free(rig);
    return 0;
}

static double real_of(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}

static json_t *only_candidate(json_t *page) {
    json_t *list = json_object_get(page, "candidates");
    assert_int_equal(rig_number(page, "total"), 1);
    assert_int_equal(json_array_size(list), 1);
    return json_array_get(list, 0);
}

static void candidates_say_what_is_suspected(void **state) {
    (void)state;
    json_t *page = rig_json(rig, 200, "/v1/map/candidates");
    json_t *k = only_candidate(page);
    rig_assert_hex(k, "subject", rig->box.town.map.elements[0].id, 16);
    assert_string_equal(rig_word(k, "op"), "modify");
    assert_int_equal(rig_number(k, "value"), 80);
    assert_int_equal(rig_number(k, "vehicles"), CARS);
    assert_int_equal(rig_number(k, "window_vehicles"), CARS);
    /* Too few bits is the first that is wanting. */
    assert_string_equal(json_string_value(json_array_get(json_object_get(k, "lacks"), 0)), "bits");
    assert_null(json_object_get(k, "covered"));
    assert_true(real_of(k, "bits") > 0);
    assert_true(real_of(k, "bits") < real_of(k, "threshold_bits"));
    assert_int_equal(json_array_size(json_object_get(k, "at")), 2);
    assert_int_equal(rig_number(page, "height"), rig_height(rig));
    assert_int_equal(rig_number(page, "total_waiting"), 0);
    json_decref(page);
}

static size_t count_of(const json_t *page, const char *says, json_int_t value) {
    size_t n = 0;
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(page, "sightings"), i, s) {
        if (strcmp(rig_word(s, "says"), says) == 0 && rig_number(s, "value") == value)
            n++;
    }
    return n;
}

static json_t *sightings_since(struct rig *r, json_int_t since) {
    json_t *page = rig_json(r, 200, "/v1/map/candidates");
    char target[128];
    char query[40] = "";
    if (since >= 0)
        (void)snprintf(query, sizeof(query), "?since=%lld", (long long)since);
    (void)snprintf(target, sizeof(target), "/v1/map/candidates/%s/sightings%s",
        rig_word(only_candidate(page), "subject"), query);
    json_decref(page);
    return rig_json(r, 200, target);
}

static json_t *sightings_of_only_candidate(struct rig *r) {
    return sightings_since(r, -1);
}

/* Fewer vehicles than a published change needs are not told of one by one. */
static void sightings_of_few_are_withheld(void **state) {
    (void)state;
    json_t *page = sightings_of_only_candidate(rig);
    assert_int_equal(json_array_size(json_object_get(page, "sightings")), 0);
    json_t *withheld = json_object_get(page, "withheld");
    assert_int_equal(rig_number(withheld, "vehicles"), CARS);
    assert_int_equal(rig_number(withheld, "needed"), ENOUGH);
    json_decref(page);
}

static void sightings_of_a_candidate_name_class_and_family(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){0});
    rig_step(r, 2000000);
    rig_sight(r, ENOUGH, 80);
    json_t *page = sightings_of_only_candidate(r);
    assert_null(json_object_get(page, "withheld"));
    assert_true(json_is_true(json_object_get(page, "complete")));
    assert_int_equal(count_of(page, "value", 80), ENOUGH);
    json_t *list = json_object_get(page, "sightings");
    json_t *last = json_array_get(list, json_array_size(list) - 1);
    assert_string_equal(rig_word(last, "class"), "good_camera");
    assert_true(rig_number(last, "family") > 0);
    assert_string_equal(rig_word(last, "result"), "ok");
    assert_int_equal(strlen(rig_word(last, "leaf")), 64);
    /* The transaction is where it says. */
    char target[128];
    (void)snprintf(target, sizeof(target), "/v1/tx/%s", rig_word(last, "identity"));
    json_t *tx = rig_json(r, 200, target);
    assert_int_equal(rig_number(tx, "height"), rig_number(last, "height"));
    json_decref(tx);
    json_decref(page);
    rig_close(r);
    free(r);
}

/* Whoever watches reads each block once. */
static void sightings_are_read_on_from_a_height(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){0});
    rig_step(r, 2000000);
    rig_sight(r, ENOUGH, 80);
    json_t *all = sightings_of_only_candidate(r);
    json_t *list = json_object_get(all, "sightings");
    size_t n = json_array_size(list);
    assert_true(n >= ENOUGH);
    json_int_t middle = rig_number(json_array_get(list, n / 2), "height");
    size_t later = 0;
    for (size_t i = 0; i < n; i++)
        later += rig_number(json_array_get(list, i), "height") > middle;
    assert_true(later > 0 && later < n);
    json_t *on = sightings_since(r, middle);
    json_t *rest = json_object_get(on, "sightings");
    assert_int_equal(json_array_size(rest), later);
    for (size_t i = 0; i < later; i++)
        assert_true(json_equal(json_array_get(rest, i), json_array_get(list, n - later + i)));
    assert_true(json_is_true(json_object_get(on, "complete")));
    assert_int_equal(rig_number(on, "from_height"), middle + 1);
    assert_int_equal(rig_number(on, "to_height"), rig_number(all, "to_height"));
    json_decref(on);
    on = sightings_since(r, rig_number(all, "to_height"));
    json_decref(all);
    assert_int_equal(json_array_size(json_object_get(on, "sightings")), 0);
    assert_true(json_is_true(json_object_get(on, "complete")));
    json_decref(on);
    on = sightings_since(r, INT64_MAX); /* of a unit that was further */
    assert_int_equal(json_array_size(json_object_get(on, "sightings")), 0);
    assert_true(rig_number(on, "to_height") <= (json_int_t)rig_height(r));
    json_decref(on);
    rig_refused(r, 400, "parameter since",
        "/v1/map/candidates/00000000000000000000000000000000/sightings?since=x");
    rig_close(r);
    free(r);
}

static void changes_are_found_by_id_with_their_sightings(void **state) {
    (void)state;
    json_t *diffs = rig_json(rig, 200, "/v1/map/diffs?from=1");
    json_t *v = json_array_get(json_object_get(diffs, "versions"), 0);
    json_t *c = json_array_get(json_object_get(v, "changes"), 0);
    char target[128];
    (void)snprintf(target, sizeof(target), "/v1/map/changes/%s", rig_word(c, "id"));
    json_t *page = rig_json(rig, 200, target);
    assert_int_equal(rig_number(page, "version"), 2);
    assert_int_equal(rig_number(page, "height"), rig_number(v, "height"));
    assert_true(json_equal(json_object_get(page, "change"), c));
    json_decref(page);
    (void)snprintf(target, sizeof(target), "/v1/map/changes/%s/sightings", rig_word(c, "id"));
    page = rig_json(rig, 200, target);
    json_int_t vehicles = rig_number(json_object_get(c, "evidence"), "vehicles");
    assert_int_equal(count_of(page, "value", 30), vehicles);
    assert_int_equal(count_of(page, "value", 80), 0); /* came later */
    assert_int_equal(rig_number(page, "to_height"), rig_number(v, "height"));
    json_decref(page);
    json_decref(diffs);
}

/* The authority orders what the road does not show. */
static void orders_are_listed_with_what_the_road_says(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){0});
    rig_step(r, 2000000);
    json_t *page = rig_json(r, 200, "/v1/map/orders");
    assert_int_equal(json_array_size(json_object_get(page, "orders")), 0);
    json_decref(page);
    rig_order(r, 70);
    page = rig_json(r, 200, "/v1/map/orders");
    assert_true(json_is_false(json_object_get(page, "more")));
    json_t *o = json_array_get(json_object_get(page, "orders"), 0);
    rig_assert_hex(o, "element", r->box.town.map.elements[0].id, 16);
    assert_string_equal(rig_word(o, "op"), "modify");
    assert_true(json_is_true(json_object_get(o, "in_force")));
    assert_true(json_is_null(json_object_get(o, "road")));
    assert_true(json_is_null(json_object_get(o, "valid_to_ms")));
    /* The change names it. */
    json_t *diffs = rig_json(r, 200, "/v1/map/diffs?from=1");
    json_t *v = json_array_get(json_object_get(diffs, "versions"), 0);
    json_t *c = json_array_get(json_object_get(v, "changes"), 0);
    assert_string_equal(rig_word(c, "tier"), "order");
    assert_string_equal(rig_word(c, "order"), rig_word(o, "id"));
    json_decref(diffs);
    json_decref(page);
    rig_close(r);
    free(r);
}

#define NONE "00000000000000000000000000000000"
static void what_is_not_there_is_said(void **state) {
    (void)state;
    rig_refused(rig, 404, "no published change", "/v1/map/changes/" NONE NONE);
    rig_refused(rig, 404, "no published change", "/v1/map/changes/" NONE NONE "/sightings");
    rig_refused(rig, 404, "nothing is suspected", "/v1/map/candidates/" NONE "/sightings");
    rig_refused(rig, 404, "no validator", "/v1/validators/" NONE NONE);
    rig_refused(rig, 400, "it has 32", "/v1/map/changes/" NONE);
    rig_refused(rig, 400, "at most 16", "/v1/map/candidates/" NONE NONE "/sightings");
    rig_refused(rig, 400, "not a hex digit", "/v1/map/changes/xyz/sightings");
    rig_refused(rig, 400, "it has 32", "/v1/validators/00");
    rig_refused(rig, 400, "is not known", "/v1/map/candidates?from=1");
    rig_refused(rig, 400, "is not known", "/v1/live?from=1");
}

static void validators_have_their_blocks(void **state) {
    (void)state;
    size_t signed_by_all = 0;
    size_t proposed = 0;
    size_t blocks = 0;
    for (size_t i = 0; i < RIG_VALIDATORS; i++) {
        const struct validator *who = &rig->face.genesis->validators.v[i];
        char hex[65];
        char target[128];
        hex_encode(hex, who->address, 32);
        (void)snprintf(target, sizeof(target), "/v1/validators/%s", hex);
        json_t *page = rig_json(rig, 200, target);
        assert_string_equal(rig_word(page, "owner"), who->owner);
        rig_assert_hex(page, "key", who->key, KEY_OCTETS);
        json_t *list = json_object_get(page, "blocks");
        size_t k;
        json_t *b;
        blocks = json_array_size(list);
        json_array_foreach(list, k, b) {
            signed_by_all += json_is_true(json_object_get(b, "signed"));
            proposed += json_is_true(json_object_get(b, "proposed"));
        }
        json_decref(page);
    }
    /* Two of two: both votes are in each commit; each block has one proposer. */
    assert_true(blocks > 3);
    assert_int_equal(signed_by_all, RIG_VALIDATORS * blocks);
    assert_int_equal(proposed, blocks);
}

/* The JSON of the next event; the caller frees it. */
static json_t *next_state(struct listener *l) {
    static const char lead[] = "event: now\ndata: ";
    char *block = listener_block(l);
    assert_non_null(block);
    assert_memory_equal(block, lead, sizeof(lead) - 1);
    json_t *o = json_loads(block + sizeof(lead) - 1, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    free(block);
    return o;
}

static void live_streams_follow_the_cell(void **state) {
    (void)state;
    struct listener l;
    struct listener other;
    listener_open_at(&l, rig, "/v1/live");
    json_t *o = next_state(&l);
    json_int_t height = rig_number(json_object_get(o, "status"), "height");
    assert_int_equal(rig_number(json_object_get(o, "candidates"), "total"), 1);
    json_decref(o);
    listener_open_at(&other, rig, "/v1/live");
    json_decref(next_state(&other));
    rig_step(rig, 3000000);
    json_int_t now = height;
    for (int i = 0; i < 20 && now < height + 3; i++) {
        o = next_state(&l);
        json_int_t next = rig_number(json_object_get(o, "status"), "height");
        assert_true(next >= now);
        now = next;
        json_decref(o);
    }
    assert_true(now >= height + 3);
    o = next_state(&other); /* what it did not read is gone but for what was on its way */
    json_decref(o);
    /* Both are counted. */
    json_t *status = rig_json(rig, 200, "/v1/status");
    assert_int_equal(rig_number(status, "streams"), 2);
    json_decref(status);
    listener_close(&l);
    listener_close(&other);
}

static void streams_of_both_kinds_share_their_seats(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){.connections = 4});
    struct listener l[3];
    listener_open_at(&l[0], r, "/v1/live");
    json_decref(next_state(&l[0]));
    listener_open(&l[1], r, "", NULL);
    free(listener_block(&l[1]));
    listener_open_at(&l[2], r, "/v1/live");
    json_decref(next_state(&l[2]));
    rig_refused(r, 503, "all 3 event streams", "/v1/live");
    rig_refused(r, 503, "all 3 event streams", "/v1/map/stream");
    for (size_t i = 0; i < ARRAY_LEN(l); i++)
        listener_close(&l[i]);
    rig_close(r);
    free(r);
}

struct sitter {
    struct http *h;
    pthread_t thread;
    unsigned taken;
};

static void *take_seats(void *arg) {
    struct sitter *s = arg;
    struct http_reply r = {0};
    for (int i = 0; i < 2000; i++) {
        if (http_take_seat(s->h, &r))
            s->taken++;
        else if (r.status != MHD_HTTP_SERVICE_UNAVAILABLE)
            break;
        buf_free(&r.body);
        r = (struct http_reply){0};
    }
    return NULL;
}

static void no_two_take_the_last_seat(void **state) {
    (void)state;
    struct http h = {.streams_max = 1000};
    struct sitter s[4];
    unsigned taken = 0;
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        s[i] = (struct sitter){.h = &h};
        assert_int_equal(pthread_create(&s[i].thread, NULL, take_seats, &s[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        assert_int_equal(pthread_join(s[i].thread, NULL), 0);
        taken += s[i].taken;
    }
    assert_int_equal(taken, 1000);
    struct http_reply r = {0};
    assert_false(http_take_seat(&h, &r));
    buf_free(&r.body);
    http_leave_seat(&h);
    r = (struct http_reply){0};
    assert_true(http_take_seat(&h, &r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_say_what_is_suspected),
        cmocka_unit_test(sightings_of_few_are_withheld),
        cmocka_unit_test(sightings_of_a_candidate_name_class_and_family),
        cmocka_unit_test(sightings_are_read_on_from_a_height),
        cmocka_unit_test(changes_are_found_by_id_with_their_sightings),
        cmocka_unit_test(orders_are_listed_with_what_the_road_says),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(validators_have_their_blocks),
        cmocka_unit_test(live_streams_follow_the_cell),
        cmocka_unit_test(streams_of_both_kinds_share_their_seats),
        cmocka_unit_test(no_two_take_the_last_seat),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
