/* The beacon as a whole: members and contract, block by block, honest and not. After each block a contract loaded from
 * state must have done the same (beacon_rig). */
#include "tests/support/beacon_rig.h"

static struct beacon_params small_params(void) {
    return (struct beacon_params){
        .every = 1, .window = 64, .settle = 4, .attempt = 16, .again = 12};
}

/* Heights after which the last validators speak. */
enum { WAVES = 4 };

static uint8_t value[32];
static bool has(struct beacon_rig *r, uint64_t height) {
    return beacon_contract_value(r->contract.self, height, value) == BEACON_IS;
}

static struct beacon_rig *rig; /* one at a time */
static int setup(void **state) {
    (void)state;
    rig = ws_alloc(sizeof(*rig));
    return 0;
}
static int teardown(void **state) {
    (void)state;
    beacon_rig_close(rig);
    free(rig);
    return 0;
}
static void open_n(size_t n) {
    const struct beacon_params p = small_params();
    beacon_rig_open(rig, &p, n, NULL);
}

/* All honest: four blocks to a key, and each height's value is in the block after it. */
static void test_honest(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_until_key(rig, 5);
    assert_int_equal(rig->host.height, 4);
    assert_int_equal(rig->host.n_events, 1);
    assert_int_equal(rig->host.events[0].type, BEACON_EVENT_KEY);
    assert_int_equal(rig->host.events[0].body.n, 1 + 8 + 8 + 32);
    beacon_rig_blocks(rig, 3);
    for (uint64_t h = 1; h <= 6; h++)
        assert_true(has(rig, h)); /* those that waited for the key, too */
    for (size_t i = 0; i < 100; i++) {
        beacon_rig_block(rig);
        assert_true(has(rig, rig->host.height - 1));
        assert_int_equal(
            beacon_contract_value(rig->contract.self, rig->host.height, value), BEACON_COMES);
    }
    assert_int_equal(
        beacon_contract_value(rig->contract.self, rig->host.height - 64, value), BEACON_FORGOTTEN);
    assert_true(has(rig, rig->host.height - 63));
    /* State stays as large as the window. */
    assert_int_equal(fake_exec_count(&rig->host, 'h'), 64);
    assert_int_equal(fake_exec_count(&rig->host, 'k'), 1);
    assert_int_equal(fake_exec_count(&rig->host, 'd'), 4);
    assert_int_equal(rig->codes[BEACON_BAD_PROOF] + rig->codes[BEACON_MALFORMED], 0);
}

static void test_one_validator(void **state) {
    (void)state;
    open_n(1);
    beacon_rig_until_key(rig, 5);
    beacon_rig_blocks(rig, 3);
    assert_true(has(rig, 1) && has(rig, rig->host.height - 1));
}

static void test_every(void **state) {
    (void)state;
    struct beacon_params p = small_params();
    p.every = 5;
    beacon_rig_open(rig, &p, 4, NULL);
    beacon_rig_blocks(rig, 40);
    assert_true(has(rig, 10) && has(rig, 35));
    assert_int_equal(beacon_contract_value(rig->contract.self, 11, value), BEACON_FORGOTTEN);
    assert_int_equal(beacon_contract_height(rig->contract.self, 11), 15);
    assert_int_equal(beacon_contract_height(rig->contract.self, 15), 15);
    assert_int_equal(beacon_contract_height(rig->contract.self, 0), 5);
    assert_true(rig->submitted[BEACON_PARTIAL] <= 4 * 8);
}

/* What a proof of state shows is what the contract tells. */
static void test_proven_value(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_blocks(rig, 10);
    uint8_t key[BEACON_HEIGHT_KEY_OCTETS], shown[32];
    struct span entry;
    beacon_height_key(8, key);
    assert_true(exec_get(&rig->host, span_of(key, sizeof(key)), &entry));
    assert_true(has(rig, 8) && beacon_height_value(entry, shown));
    assert_memory_equal(shown, value, 32);
    for (size_t n = 0; n < entry.n; n++)
        assert_false(beacon_height_value(span_of(entry.p, n), shown));
    beacon_height_key(10, key); /* no values yet */
    assert_true(exec_get(&rig->host, span_of(key, sizeof(key)), &entry));
    assert_false(beacon_height_value(entry, shown));
}

/* ---- who speaks does not matter ---- */

static size_t silent_from, silent_to; /* people without partials in the later blocks */
static bool no_partials(struct beacon_rig *r, size_t person, uint16_t kind, struct buf *body) {
    (void)body;
    return kind != BEACON_PARTIAL || r->host.height < 6 || person < silent_from ||
           person >= silent_to;
}

/* The same cell with the same secrets, each time another validator keeps back its values: the same randomness. */
static void test_withholding_changes_nothing(void **state) {
    (void)state;
    uint8_t first[20][32] = {{0}};
    for (size_t who = 0; who <= 4; who++) {
        if (who > 0)
            beacon_rig_close(rig);
        open_n(4);
        rig->twin = false;
        rig->bend = no_partials;
        silent_from = who;
        silent_to = who + 1; /* 4: nobody */
        beacon_rig_blocks(rig, 22);
        for (uint64_t h = 1; h <= 20; h++) {
            assert_true(has(rig, h));
            if (who == 0)
                memcpy(first[h - 1], value, 32);
            assert_memory_equal(first[h - 1], value, 32);
        }
    }
}

/* With fewer than the threshold nothing comes, and as soon as one more speaks the value is there, late. */
static void test_late(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_until_key(rig, 5);
    beacon_rig_blocks(rig, 3);
    rig->bend = no_partials;
    silent_from = 0;
    silent_to = 3;
    const uint64_t from = rig->host.height;
    beacon_rig_blocks(rig, 10);
    for (uint64_t h = from + 1; h <= rig->host.height; h++)
        assert_false(has(rig, h));
    silent_from = 1;
    beacon_rig_blocks(rig, 8);
    for (uint64_t h = from + 1; h + WAVES < rig->host.height; h++)
        assert_true(has(rig, h));
}

/* ---- dealers that lie ---- */

static unsigned victims; /* bit i: seat i gets a bad share */
static size_t liar;
static bool spoil_dealing(struct beacon_rig *r, size_t person, uint16_t kind, struct buf *body) {
    (void)r;
    if (kind != BEACON_DEAL || person != liar)
        return true;
    struct dealing *d = ws_alloc(sizeof(*d));
    assert_true(dealing_decode(buf_span(body), d));
    const struct scalar one = scalar_of(1);
    for (size_t i = 0; i < d->total; i++)
        if ((victims >> i & 1) != 0)
            scalar_add(&d->share[i], &d->share[i], &one);
    buf_clear(body);
    dealing_encode(d, body);
    free(d);
    return true;
}

static void test_bad_shares(void **state) {
    (void)state;
    for (victims = 1; victims < 16; victims += 7) { /* one, then others */
        if (victims > 1)
            beacon_rig_close(rig);
        open_n(4);
        liar = 2;
        rig->bend = spoil_dealing;
        beacon_rig_until_key(rig, 5);
        const struct beacon_contract *c = beacon_rig_state(rig);
        const struct live_key *k = beacon_find_key(c, c->in_force);
        const int seat = generation_find(&k->key.g, rig->person[liar].address);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(k->key.qualified[i], i != seat);
            assert_int_equal(c->barred[i], i == seat);
        }
        beacon_rig_blocks(rig, 3);
        assert_true(has(rig, 1) && has(rig, rig->host.height - 1));
    }
}

/* A victim that was away during the review shows the share later: the dealer is barred and a new key is made without it;
 * heights go on under the old key meanwhile. */
static void test_late_complaint(void **state) {
    (void)state;
    open_n(4);
    liar = 0;
    victims = 0;
    rig->bend = spoil_dealing;
    beacon_rig_blocks(rig, 2);
    const struct beacon_contract *c = beacon_rig_state(rig);
    assert_int_equal(c->phase, BEACON_DEALING);
    const size_t victim = 3;
    victims = 1U << generation_find(&c->gen, rig->person[victim].address);
    rig->n_pool = 0; /* they were dealt before the liar knew its victim: ask again */
    for (size_t i = 0; i < 4; i++)
        beacon_rig_restart(rig, i);
    for (size_t i = 0; i < RIG_PEOPLE; i++) {
        const struct beacon_wish *w;
        size_t n = i < 4 ? beacon_member_step(rig->member[i], rig->contract.self, &w) : 0;
        for (size_t j = 0; j < n; j++) {
            struct buf b = {0};
            buf_put(&b, w[j].body.p, w[j].body.n);
            (void)spoil_dealing(rig, i, w[j].kind, &b);
            beacon_rig_submit(rig, i, w[j].kind, buf_span(&b));
            buf_free(&b);
        }
    }
    rig->off[victim] = true;
    beacon_rig_until_key(rig, 20);
    const uint64_t first = c->in_force;
    beacon_rig_blocks(rig, 2);
    assert_true(has(rig, rig->host.height - 1)); /* three are enough */
    rig->off[victim] = false;
    beacon_rig_blocks(rig, 2);
    const int seat = generation_find(&c->roster, rig->person[liar].address);
    assert_true(c->barred[seat]);
    for (int i = 0; i < 30; i++) {
        beacon_rig_block(rig);
        assert_true(has(rig, rig->host.height - 1)); /* never a gap */
    }
    assert_true(c->in_force > first);
    const struct live_key *k = beacon_find_key(c, c->in_force);
    assert_false(k->key.qualified[seat]);
    assert_int_equal(c->n_keys, 1); /* the old one is gone once nothing needs it */
    assert_int_equal(c->phase, BEACON_IDLE); /* and it does not start over and over */
    beacon_rig_blocks(rig, 40);
    assert_int_equal(c->serial, k->key.g.serial);
}

/* ---- a liar with every kind of bad record: each is refused by name, nothing stops ---- */

static void test_refusals(void **state) {
    (void)state;
    open_n(4);
    struct buf body = {0};
    bool later;
    struct own_key own;
    struct registration reg = {.epoch = 1};
    /* Registration: another's key, another cell's. */
    own_key_derive(rig->secret[0], rig->host.cell_id, rig->person[0].address, &own);
    registration_make(&own, rig->host.cell_id, rig->person[0].address, &reg);
    registration_encode(&reg, &body);
    beacon_rig_block(rig);
    assert_int_equal(
        beacon_rig_check(rig, 1, BEACON_REGISTER, buf_span(&body), &later), BEACON_BAD_PROOF);
    assert_int_equal(
        beacon_rig_check(rig, 9, BEACON_REGISTER, buf_span(&body), &later), BEACON_NO_MEMBER);
    assert_int_equal(beacon_rig_check(rig, 0, 99, buf_span(&body), &later), BEACON_UNKNOWN_KIND);
    assert_false(later);
    assert_int_equal(
        beacon_rig_check(rig, 0, BEACON_REGISTER, span_of(body.p, 112), &later), BEACON_MALFORMED);
    /* Dealings before their time wait; after it they are late. */
    while (beacon_rig_state(rig)->phase != BEACON_DEALING)
        beacon_rig_block(rig);
    assert_int_equal(
        beacon_rig_check(rig, 0, BEACON_REGISTER, buf_span(&body), &later), BEACON_ALREADY);
    struct generation next = beacon_rig_state(rig)->gen;
    const size_t seat0 = (size_t)generation_find(&next, rig->person[0].address);
    struct dealing *d = ws_alloc(sizeof(*d));
    next.serial++;
    generation_finish(&next);
    dealing_make(&next, seat0, rig->secret[0], d);
    buf_clear(&body);
    dealing_encode(d, &body);
    assert_int_equal(
        beacon_rig_check(rig, 0, BEACON_DEAL, buf_span(&body), &later), BEACON_TOO_EARLY);
    assert_true(later);
    /* Twice differently: the first that stands on the ledger counts. */
    beacon_rig_block(rig);
    struct buf dealt = {0};
    const struct generation gen = next;
    while (beacon_rig_state(rig)->phase == BEACON_DEALING)
        beacon_rig_block(rig);
    dealing_make(&beacon_rig_state(rig)->gen, seat0, rig->secret[5], d);
    dealing_encode(d, &dealt);
    assert_int_equal(
        beacon_rig_check(rig, 0, BEACON_DEAL, buf_span(&dealt), &later), BEACON_TOO_LATE);
    (void)gen;
    /* False complaint: the dealing was good. */
    const struct beacon_contract *c = beacon_rig_state(rig);
    assert_int_equal(c->phase, BEACON_REVIEWING);
    struct review v = {.serial = c->serial, .n = 1};
    size_t dealer = (seat0 + 1) % 4;
    complaint_make(&c->gen, seat0, &own, dealer, c->dealing[dealer], &v.complaint[0]);
    buf_clear(&body);
    review_encode(&v, &body);
    assert_int_equal(
        beacon_rig_check(rig, 0, BEACON_REVIEW, buf_span(&body), &later), BEACON_FALSE_COMPLAINT);
    v.complaint[0].dealer = 3 - (uint16_t)dealer; /* proof of another */
    buf_clear(&body);
    review_encode(&v, &body);
    assert_int_equal(
        beacon_rig_check(rig, 0, BEACON_REVIEW, buf_span(&body), &later), BEACON_BAD_PROOF);
    v.complaint[0].dealer = 63; /* nobody */
    buf_clear(&body);
    review_encode(&v, &body);
    assert_int_equal(
        beacon_rig_check(rig, 0, BEACON_REVIEW, buf_span(&body), &later), BEACON_BAD_PROOF);
    buf_free(&dealt);
    buf_free(&body);
    free(d);
}

/* A dealer with two machines, or with two minds: what stands first on the ledger is its dealing, whatever else it signs,
 * in the same block or later. */
static void test_deals_twice(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_blocks(rig, 2);
    const struct beacon_contract *c = beacon_rig_state(rig);
    assert_int_equal(c->phase, BEACON_DEALING);
    rig->n_pool = 0;
    for (size_t i = 0; i < 4; i++)
        rig->off[i] = true;
    const size_t seat = (size_t)generation_find(&c->gen, rig->person[2].address);
    struct dealing *d = ws_calloc(2, sizeof(*d));
    struct buf b[2] = {{0}};
    for (size_t k = 0; k < 2; k++) {
        dealing_make(&c->gen, seat, rig->secret[2 + k], &d[k]);
        dealing_encode(&d[k], &b[k]);
        assert_int_equal(beacon_rig_check(rig, 2, BEACON_DEAL, buf_span(&b[k]), NULL), BEACON_OK);
        beacon_rig_submit(rig, 2, BEACON_DEAL, buf_span(&b[k]));
    }
    assert_true(b[0].n == b[1].n && memcmp(b[0].p, b[1].p, b[0].n) != 0);
    beacon_rig_block(rig);
    assert_memory_equal(c->dealing[seat], &d[0], sizeof(*d));
    assert_int_equal(fake_exec_count(&rig->host, 'd'), 1);
    bool later;
    assert_int_equal(
        beacon_rig_check(rig, 2, BEACON_DEAL, buf_span(&b[1]), &later), BEACON_ALREADY);
    assert_false(later);
    /* Another's dealing under one's own name is no dealing. */
    assert_int_equal(
        beacon_rig_check(rig, 1, BEACON_DEAL, buf_span(&b[0]), &later), BEACON_BAD_PROOF);
    for (size_t i = 0; i < 4; i++)
        rig->off[i] = false;
    beacon_rig_until_key(rig, 12);
    assert_memory_equal(beacon_find_key(c, c->in_force)->dealing[seat], &d[0], sizeof(*d));
    buf_free(&b[0]);
    buf_free(&b[1]);
    free(d);
}

/* One member's wish for the newest height, and everything that it is not good for. */
static void test_partials_refused(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_until_key(rig, 5);
    beacon_rig_blocks(rig, 5);
    rig->n_pool = 0;
    beacon_rig_restart(rig, 0);
    const struct beacon_wish *w;
    size_t n = beacon_member_step(rig->member[0], rig->contract.self, &w);
    assert_true(n >= 1 && w[n - 1].kind == BEACON_PARTIAL);
    const struct span good = buf_span(&w[n - 1].body);
    struct partials p, bad;
    bool later;
    assert_true(partials_decode(good, &p));
    assert_int_equal(p.height, rig->host.height);
    assert_int_equal(beacon_rig_check(rig, 0, BEACON_PARTIAL, good, &later), BEACON_OK);
    assert_int_equal(beacon_rig_check(rig, 1, BEACON_PARTIAL, good, &later), BEACON_BAD_PROOF);
    assert_int_equal(beacon_rig_check(rig, 8, BEACON_PARTIAL, good, &later), BEACON_NO_MEMBER);
    struct buf b = {0};
    struct {
        uint64_t serial, height;
        enum beacon_code code;
        bool later;
    } cases[] = {
        {p.serial, p.height + 1, BEACON_TOO_EARLY, true},
        {p.serial + 1, p.height, BEACON_TOO_EARLY, true},
        {p.serial - 1, p.height, BEACON_TOO_LATE, false},
        {p.serial, p.height - 1, BEACON_TOO_LATE, false}, /* done already */
        {p.serial, 0, BEACON_TOO_LATE, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bad = p;
        bad.serial = cases[i].serial;
        bad.height = cases[i].height;
        buf_clear(&b);
        partials_encode(&bad, &b);
        assert_int_equal(
            beacon_rig_check(rig, 0, BEACON_PARTIAL, buf_span(&b), &later), cases[i].code);
        assert_int_equal(later, cases[i].later);
    }
    bad = p;
    bad.n = 2;
    bad.p[1] = bad.p[0];
    buf_clear(&b);
    partials_encode(&bad, &b);
    assert_int_equal(
        beacon_rig_check(rig, 0, BEACON_PARTIAL, buf_span(&b), &later), BEACON_MALFORMED);
    /* Twice in one block: the second is counted and changes nothing. */
    beacon_rig_submit(rig, 0, BEACON_PARTIAL, good);
    beacon_rig_submit(rig, 0, BEACON_PARTIAL, good);
    rig->off[1] = rig->off[2] = rig->off[3] = true;
    beacon_rig_block(rig);
    assert_false(has(rig, p.height));
    assert_int_equal(beacon_find_moment(beacon_rig_state(rig), p.height)->got, 1);
    buf_free(&b);
}

/* A liar's garbage in every record it sends: octets bent at random, and records of others under its own name. */
static bool bend_everything(struct beacon_rig *r, size_t person, uint16_t kind, struct buf *body) {
    if (person != liar) {
        if (kind != BEACON_REGISTER || r->host.height % 2 == 0)
            beacon_rig_submit(r, liar, kind, buf_span(body)); /* replayed as its own */
        return true;
    }
    static uint64_t turn;
    turn = turn * 6364136223846793005U + 1442695040888963407U;
    if (kind == BEACON_REGISTER)
        return true; /* it wants to be in */
    body->p[(turn >> 33) % body->n] ^= (uint8_t)(1U << (turn >> 61));
    return true;
}

static void test_garbage(void **state) {
    (void)state;
    open_n(4);
    liar = 1;
    rig->bend = bend_everything;
    beacon_rig_until_key(rig, 12);
    beacon_rig_blocks(rig, 30);
    for (uint64_t h = 1; h < rig->host.height; h++)
        assert_true(has(rig, h));
    assert_true(rig->codes[BEACON_BAD_PROOF] > 20);
}

/* ---- f liars of n = 7, each of another kind ---- */

static bool two_liars(struct beacon_rig *r, size_t person, uint16_t kind, struct buf *body) {
    if (person == 2 && kind != BEACON_REGISTER)
        return false; /* registers, then falls silent */
    if (person == 5 && kind == BEACON_PARTIAL)
        return false;
    liar = 5;
    return spoil_dealing(r, person, kind, body);
}

static void test_two_of_seven(void **state) {
    (void)state;
    open_n(7);
    victims = 0x7f;
    rig->bend = two_liars;
    beacon_rig_until_key(rig, 16);
    beacon_rig_blocks(rig, 20);
    for (uint64_t h = 1; h + WAVES < rig->host.height; h++)
        assert_true(has(rig, h));
    const struct beacon_contract *c = beacon_rig_state(rig);
    const struct live_key *k = beacon_find_key(c, c->in_force);
    assert_int_equal(k->key.g.threshold, 3);
    size_t qualified = 0;
    for (size_t i = 0; i < 7; i++)
        qualified += k->key.qualified[i];
    assert_int_equal(qualified, 5);
}

/* f crashed members: the cell has its key and goes on; when they come back late they get a part by and by. */
static void test_absent_members(void **state) {
    (void)state;
    open_n(4);
    rig->off[3] = true;
    beacon_rig_until_key(rig, 20);
    beacon_rig_blocks(rig, 3);
    assert_true(has(rig, 1) && has(rig, rig->host.height - 1));
    rig->off[3] = false;
    beacon_rig_blocks(rig, 40);
    const struct beacon_contract *c = beacon_rig_state(rig);
    const struct live_key *k = beacon_find_key(c, c->in_force);
    assert_true(generation_has_shares(
        &k->key.g, (size_t)generation_find(&k->key.g, rig->person[3].address)));
    /* Now another may be away. */
    rig->off[0] = true;
    beacon_rig_blocks(rig, 5);
    assert_true(has(rig, rig->host.height - 1));
}

/* Two of four away: no quorum, no key; nothing is lost when one comes back. */
static void test_no_quorum(void **state) {
    (void)state;
    open_n(4);
    rig->off[2] = rig->off[3] = true;
    beacon_rig_blocks(rig, 50);
    assert_int_equal(beacon_rig_state(rig)->in_force, 0);
    rig->off[2] = false;
    beacon_rig_until_key(rig, 20);
    beacon_rig_blocks(rig, 12);
    for (uint64_t h = 20; h < rig->host.height; h++)
        assert_true(has(rig, h));
}

/* Members that go away while a key is made are waited for; it does not start over and over. */
static void test_generation_waits(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_blocks(rig, 2); /* all have registered */
    rig->off[2] = rig->off[3] = true;
    rig->n_pool = 0;
    beacon_rig_blocks(rig, 60);
    const struct beacon_contract *c = beacon_rig_state(rig);
    assert_int_equal(c->in_force, 0);
    assert_int_equal(c->serial, 1);
    assert_int_equal(c->phase, BEACON_DEALING);
    rig->off[2] = false;
    beacon_rig_until_key(rig, 20);
    assert_int_equal(c->serial, 1);
}

/* Three have registered when dealing starts and one of them goes away: two reviews are not enough. The fourth comes and
 * registers, and the generation starts again with it. */
static void test_generation_starts_again(void **state) {
    (void)state;
    open_n(4);
    rig->off[3] = true;
    const struct beacon_contract *c = beacon_rig_state(rig);
    while (c->phase != BEACON_REVIEWING)
        beacon_rig_block(rig);
    rig->n_pool = 0;
    rig->off[2] = true;
    beacon_rig_blocks(rig, 30);
    assert_int_equal(c->serial, 1);
    assert_int_equal(c->phase, BEACON_REVIEWING);
    rig->off[3] = false;
    beacon_rig_until_key(rig, 30);
    assert_int_equal(c->serial, 2);
    assert_int_equal(fake_exec_count(&rig->host, 'g'), 1);
    assert_int_equal(fake_exec_count(&rig->host, 'd'), 3);
    beacon_rig_blocks(rig, 30);
    for (uint64_t h = 30; h + WAVES < rig->host.height; h++)
        assert_true(has(rig, h));
}

/* ---- restarts and secrets ---- */

static void test_restarts(void **state) {
    (void)state;
    uint8_t first[32] = {0};
    for (int restarting = 0; restarting < 2; restarting++) {
        if (restarting == 1)
            beacon_rig_close(rig);
        open_n(4);
        for (int i = 0; i < 20; i++) {
            for (size_t m = 0; m < 4 && restarting == 1; m++)
                beacon_rig_restart(rig, m);
            beacon_rig_block(rig);
        }
        assert_true(has(rig, 15));
        if (restarting == 0)
            memcpy(first, value, 32);
        assert_memory_equal(first, value, 32);
    }
}

/* A member that has lost its secret registers another key; the next generation gives it shares again. */
static void test_lost_secret(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_blocks(rig, 10);
    rig->secret[1][0] ^= 1;
    beacon_rig_restart(rig, 1);
    beacon_rig_blocks(rig, 40);
    const struct beacon_contract *c = beacon_rig_state(rig);
    const struct live_key *k = beacon_find_key(c, c->in_force);
    struct own_key own;
    own_key_derive(rig->secret[1], rig->host.cell_id, rig->person[1].address, &own);
    const int seat = generation_find(&k->key.g, rig->person[1].address);
    assert_memory_equal(k->key.g.seat[seat].key.b, own.key.b, 32);
    for (uint64_t h = 1; h < rig->host.height; h++)
        assert_true(has(rig, h));
    assert_int_equal(c->phase, BEACON_IDLE);
}

/* A registration is good once: not after another one, not in another committee, whoever hands it in. */
static void test_old_registration(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_block(rig);
    const struct beacon_contract *c = beacon_rig_state(rig);
    struct buf first = {0};
    for (size_t i = 0; i < rig->n_pool; i++)
        if (memcmp(rig->pool[i].signer, rig->person[1].address, 32) == 0)
            buf_put(&first, rig->pool[i].body.p, rig->pool[i].body.n);
    assert_int_equal(first.n, 113);
    assert_int_equal(beacon_rig_check(rig, 1, BEACON_REGISTER, buf_span(&first), NULL), BEACON_OK);
    beacon_rig_blocks(rig, 9);
    assert_int_equal(
        beacon_rig_check(rig, 1, BEACON_REGISTER, buf_span(&first), NULL), BEACON_ALREADY);
    rig->secret[1][0] ^= 1;
    beacon_rig_restart(rig, 1);
    beacon_rig_blocks(rig, 40);
    bool later;
    assert_int_equal(
        beacon_rig_check(rig, 1, BEACON_REGISTER, buf_span(&first), &later), BEACON_TOO_LATE);
    assert_false(later);
    /* It leaves, and comes back as if it had never been there: what it said then is still past. */
    beacon_rig_set(rig, rig->host.height + 3, (const size_t[]){0, 2, 3, 4}, 4, NULL);
    beacon_rig_set(rig, rig->host.height + 14, (const size_t[]){0, 1, 2, 3}, 4, NULL);
    rig->off[1] = true;
    beacon_rig_blocks(rig, 30);
    const size_t seat = (size_t)generation_find(&c->roster, rig->person[1].address);
    assert_false(c->roster.seat[seat].registered);
    assert_int_equal(
        beacon_rig_check(rig, 1, BEACON_REGISTER, buf_span(&first), &later), BEACON_TOO_LATE);
    rig->off[1] = false;
    beacon_rig_blocks(rig, 3);
    assert_true(c->roster.seat[seat].registered);
    buf_free(&first);
}

/* ---- committees ---- */

/* Nobody stays: heights of the change come late, under the new key, and the old members' last height under the old. */
static void test_zero_overlap(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_blocks(rig, 10);
    const struct beacon_contract *c = beacon_rig_state(rig);
    const uint64_t old = c->in_force;
    beacon_rig_set(rig, 13, (const size_t[]){6, 7, 8, 9, 10, 11, 12}, 7, NULL);
    beacon_rig_blocks(rig, 1);
    assert_int_equal(c->in_force, old);
    beacon_rig_block(rig); /* 12: its values would stand in a block of the others */
    assert_int_equal(c->in_force, 0);
    assert_int_equal(c->roster.n, 7);
    /* From here on the old members are gone but for what is on its way. */
    beacon_rig_block(rig);
    for (size_t i = 0; i < 4; i++)
        rig->off[i] = true;
    beacon_rig_until_key(rig, 6);
    beacon_rig_blocks(rig, 3);
    for (uint64_t h = 1; h < rig->host.height; h++)
        assert_true(has(rig, h));
    assert_int_equal(beacon_find_moment(c, 11)->serial, old);
    assert_true(beacon_find_moment(c, 12)->serial > old);
    assert_int_equal(c->n_keys, 1);
    assert_int_equal(fake_exec_count(&rig->host, 'k'), 1);
    assert_int_equal(fake_exec_count(&rig->host, 'd'), 7);
}

/* The old members never finish their last height: it has no value, which is final once it leaves the window; it does
 * not get one under another key. */
static void test_unfinished_height(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_blocks(rig, 10);
    beacon_rig_set(rig, 12, (const size_t[]){6, 7, 8, 9}, 4, NULL);
    rig->n_pool = 0; /* values of height 10 are lost, and the old members with them */
    for (size_t i = 0; i < 4; i++)
        rig->off[i] = true;
    const struct beacon_contract *c = beacon_rig_state(rig);
    const uint64_t old = c->in_force;
    beacon_rig_block(rig);
    beacon_rig_until_key(rig, 8);
    beacon_rig_blocks(rig, 5);
    assert_int_equal(beacon_contract_value(rig->contract.self, 10, value), BEACON_COMES);
    assert_int_equal(beacon_find_moment(c, 10)->serial, old);
    assert_int_equal(c->n_keys, 2); /* kept for it */
    assert_true(has(rig, 11) && has(rig, rig->host.height - 1));
    /* An old member that comes back, validator or not, finishes it. */
    rig->off[0] = rig->off[1] = false;
    beacon_rig_blocks(rig, 2);
    assert_true(has(rig, 10));
    assert_int_equal(c->n_keys, 1);
}

/* Committees that change again and again, each time before or after its key, with members who never finish. */
static void test_many_committees(void **state) {
    (void)state;
    struct beacon_params p = small_params();
    p.window = 128;
    beacon_rig_open(rig, &p, 4, NULL);
    uint64_t from = 8;
    for (uint64_t i = 0; i < 40; i++, from += 4 + i % 5) {
        size_t people[4] = {i % 20, (i + 1) % 20, (i + 2) % 20, (i + 3) % 20};
        beacon_rig_set(rig, from, people, 4, NULL);
    }
    silent_from = 0;
    silent_to = 24;
    rig->bend = no_partials; /* nobody gives values after height 6 */
    beacon_rig_blocks(rig, 280);
    const struct beacon_contract *c = beacon_rig_state(rig);
    assert_true(c->n_keys < BEACON_KEYS_MAX);
    assert_true(c->epoch > 30);
    size_t never = 0;
    for (uint64_t h = rig->host.height - 127; h <= rig->host.height; h++)
        never += beacon_contract_value(rig->contract.self, h, value) == BEACON_NEVER;
    assert_true(never > 0);
    rig->bend = NULL;
    beacon_rig_blocks(rig, 140);
    assert_true(has(rig, rig->host.height - 1));
    assert_int_equal(c->n_keys, 1);
    assert_int_equal(fake_exec_count(&rig->host, 'h'), 128);
    assert_int_equal(fake_exec_count(&rig->host, 'd'), 4);
}

/* Powers change: the committee is another one. */
static void test_powers(void **state) {
    (void)state;
    const struct beacon_params p = small_params();
    beacon_rig_open(rig, &p, 5, (const uint64_t[]){50, 30, 20, 10, 10});
    beacon_rig_until_key(rig, 6);
    beacon_rig_blocks(rig, 3);
    assert_true(has(rig, 1));
    const struct beacon_contract *c = beacon_rig_state(rig);
    assert_true(c->roster.total >= 5);
    const uint64_t old = c->in_force;
    beacon_rig_set(
        rig, 12, (const size_t[]){0, 1, 2, 3, 4}, 5, (const uint64_t[]){20, 20, 20, 20, 20});
    beacon_rig_blocks(rig, 12);
    assert_true(c->in_force > old);
    for (uint64_t h = 1; h < rig->host.height; h++)
        assert_true(has(rig, h));
}

/* State of a beacon with other numbers is refused, and so is damaged state. */
static void test_load_refuses(void **state) {
    (void)state;
    open_n(4);
    beacon_rig_blocks(rig, 12);
    struct ws_err err = {0};
    struct beacon_params other = rig->params;
    other.settle++;
    struct contract c = beacon_contract_new(&other);
    assert_int_equal(c.ops->load(c.self, &rig->host, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "other numbers"));
    c.ops->free(c.self);
    /* Each entry cut short by an octet, or gone where it must be there. */
    for (size_t i = 0; i < rig->host.n; i++) {
        struct exec_host bent = fake_exec_copy(&rig->host);
        bent.entries[i]->value.n--;
        c = beacon_contract_new(&rig->params);
        assert_int_equal(c.ops->load(c.self, &bent, &err), WS_EINPUT);
        c.ops->free(c.self);
        fake_exec_free(&bent);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_honest),
        T(test_one_validator),
        T(test_every),
        T(test_proven_value),
        T(test_withholding_changes_nothing),
        T(test_late),
        T(test_bad_shares),
        T(test_late_complaint),
        T(test_refusals),
        T(test_deals_twice),
        T(test_partials_refused),
        T(test_garbage),
        T(test_two_of_seven),
        T(test_absent_members),
        T(test_no_quorum),
        T(test_generation_waits),
        T(test_generation_starts_again),
        T(test_restarts),
        T(test_lost_secret),
        T(test_old_registration),
        T(test_zero_overlap),
        T(test_unfinished_height),
        T(test_many_committees),
        T(test_powers),
        T(test_load_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
