/* Uploads over a network that fails, in virtual time: what arrives is what was sent, once, and nobody on the way can do more than
 * delay it. The seed is in the name of what fails. */
#include "tests/unit/rsu/upload_net.h"

#include <stdio.h>

#define SECONDS(n) ((uint64_t)(n)*1000000)

static const struct uploads_counters *counters(const struct net *n, size_t unit) {
    return uploads_counters(n->unit[unit].uploads);
}

static void assert_done(const struct net *n, size_t vehicle, size_t unit) {
    const struct fl_upload *s = &n->vehicle[vehicle].send;
    if (s->state != FL_UPLOAD_DONE)
        fail_msg(
            "vehicle %zu, loss %u: state %d, %s, at piece %u of %u; %u asks, %u probes, %u parts, "
            "asking %d, unanswered %u",
            vehicle, n->loss, (int)s->state, fl_upload_why(s), s->first, s->pieces,
            (unsigned)s->counters.asks, (unsigned)s->counters.probes, (unsigned)s->counters.parts,
            s->asking, s->unanswered);
    assert_memory_equal(s->receipt.signer, n->world.unit[unit].signer, 32);
    assert_memory_equal(s->receipt.id, n->vehicle[vehicle].made.submission.id, 32);
    assert_int_equal(s->receipt.deadline_us, NET_START_US + 600000000);
    assert_int_equal(n->unit[unit].kept[vehicle], 1);
}

static void arrives(void **state) {
    (void)state;
    struct net *n = net_open(1);
    net_vehicle(n, 0, 0, SECONDS(10));
    net_run(n, SECONDS(10));
    assert_done(n, 0, 0);
    assert_int_equal(n->vehicle[0].send.counters.again, 0);
    assert_int_equal(n->vehicle[0].send.counters.parts, n->vehicle[0].send.pieces);
    assert_int_equal(counters(n, 0)->finished, 1);
    assert_int_equal(counters(n, 0)->under_way, 0);
    assert_int_equal(counters(n, 0)->octets_now, 0);
    assert_true(n->now.mono_us < SECONDS(2));
    net_close(n);
}

/* Half of all may be lost. */
static void loss(void **state) {
    (void)state;
    for (unsigned percent = 0; percent <= 50; percent += 5)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct net *n = net_open(seed * 100 + percent);
            n->loss = percent;
            n->twice = percent / 3;
            n->jitter_us = 30000;
            for (size_t i = 0; i < 3; i++)
                net_vehicle(n, i, i % 2, SECONDS(120));
            net_run(n, SECONDS(120));
            for (size_t i = 0; i < 3; i++) {
                assert_done(n, i, i % 2);
                const struct fl_upload *s = &n->vehicle[i].send;
                /* Not many more than were lost: what arrived is rarely sent again. */
                if (s->counters.parts * (100 - percent) > s->pieces * UINT64_C(145))
                    fail_msg("seed %u, loss %u: %u parts for %u pieces", (unsigned)seed, percent,
                        (unsigned)s->counters.parts, (unsigned)s->pieces);
            }
            net_close(n);
        }
}

/* The unit starts again in the middle: another key, nothing there. */
static void unit_restarts(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct net *n = net_open(seed);
        n->loss = 5;
        net_vehicle(n, 0, 0, SECONDS(60));
        net_run(n, 60000 + seed * 20000);
        assert_int_equal(n->vehicle[0].send.state, FL_UPLOAD_GOING);
        net_restart(n, 0);
        net_run(n, SECONDS(60));
        assert_done(n, 0, 0);
        net_close(n);
    }
}

/* The vehicle drives on; the first unit never answers again, or comes back later. */
static void unit_changes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct net *n = net_open(seed);
        struct net_vehicle *v = &n->vehicle[0];
        n->loss = 10;
        net_vehicle(n, 0, 0, SECONDS(60));
        while (v->send.first < 20)
            net_run(n, 5000);
        assert_int_equal(v->send.state, FL_UPLOAD_GOING);
        const uint32_t was = v->send.first;
        v->unit = 1;
        fl_upload_change(&v->send, n->now);
        if (seed % 2 == 0) {
            /* And back: it goes on where it was, although it has talked to another. */
            net_run(n, 80000);
            v->unit = 0;
            fl_upload_change(&v->send, n->now);
            const uint64_t parts = v->send.counters.parts;
            net_run(n, SECONDS(60));
            assert_true(v->send.counters.parts - parts < v->send.pieces - was + 20);
        }
        net_run(n, SECONDS(60));
        assert_done(n, 0, seed % 2 == 0 ? 0 : 1);
        net_close(n);
    }
}

/* The vehicle forgets everything but its key and what it sends. */
static void vehicle_restarts(void **state) {
    (void)state;
    struct net *n = net_open(3);
    struct net_vehicle *v = &n->vehicle[0];
    net_vehicle(n, 0, 0, SECONDS(60));
    net_run(n, 120000);
    const uint32_t was = v->send.first;
    assert_true(was > 0 && v->send.state == FL_UPLOAD_GOING);
    const struct fl_upload_parcel p = v->send.parcel;
    const uint8_t *id = v->made.submission.id;
    struct fl_upload_parcel again = p;
    again.id = id;
    again.key = &v->made.key;
    fl_upload_begin(&v->send, &again, n->now);
    net_run(n, SECONDS(10));
    assert_done(n, 0, 0);
    assert_true(v->send.counters.parts < v->send.pieces - was + 20);
    /* And once more, when it is there: a receipt and no part. */
    fl_upload_begin(&v->send, &again, n->now);
    net_run(n, SECONDS(10));
    assert_done(n, 0, 0);
    assert_int_equal(v->send.counters.parts, 0);
    /* The same from a unit that has started again since. */
    net_restart(n, 0);
    fl_upload_begin(&v->send, &again, n->now);
    net_run(n, SECONDS(10));
    assert_done(n, 0, 0);
    assert_int_equal(v->send.counters.parts, 0);
    net_close(n);
}

/* Another token's submission under the same id: with its own key it has another name, with the same key it is another claim. */
static void two_with_one_id(void **state) {
    (void)state;
    struct net *n = net_open(4);
    struct net_vehicle *a = &n->vehicle[0], *b = &n->vehicle[1];
    net_vehicle(n, 1, 0, SECONDS(20));
    net_vehicle(n, 0, 0, SECONDS(20));
    /* Vehicle 0 stands first on the ledger and claims what vehicle 1 made. */
    memcpy(a->made.submission.id, b->made.submission.id, 32);
    memset(a->made.bundles, 7, 20);
    struct fl_upload_parcel p = a->send.parcel;
    p.id = a->made.submission.id;
    p.key = &a->made.key;
    fl_upload_begin(&a->send, &p, n->now);
    n->unit[0].kept[0] = 0;
    net_run(n, SECONDS(20));
    assert_int_equal(b->send.state, FL_UPLOAD_DONE);
    /* It gets a receipt for what is there, or is shown to have sent something else. */
    assert_int_equal(n->unit[0].kept[1] + n->unit[0].kept[0], 1);
    net_close(n);

    n = net_open(5);
    a = &n->vehicle[0];
    b = &n->vehicle[1];
    net_vehicle(n, 0, 0, SECONDS(20));
    net_vehicle(n, 1, 0, SECONDS(20));
    /* Vehicle 0 copied the key, too, and has nothing to send. */
    a->made.key = b->made.key;
    memcpy(a->made.submission.id, b->made.submission.id, 32);
    memcpy(a->send.name, b->send.name, 32);
    a->send.state = FL_UPLOAD_FAILED;
    net_run(n, SECONDS(20));
    assert_int_equal(b->send.state, FL_UPLOAD_DONE);
    net_close(n);
}

static void refusals(void **state) {
    (void)state;
    struct net *n = net_open(6);
    struct net_vehicle *v = &n->vehicle[0];
    /* Not on the ledger yet; half a second later it is. */
    net_vehicle(n, 0, 0, SECONDS(20));
    v->unknown = true;
    net_run(n, 500000);
    assert_string_equal(fl_upload_why(&v->send), "unknown_submission");
    assert_int_equal(v->send.state, FL_UPLOAD_GOING);
    v->unknown = false;
    net_run(n, SECONDS(20));
    assert_done(n, 0, 0);
    /* Excluded, of another length, when the round is over: the vehicle's time ends with that reason. */
    net_vehicle(n, 1, 0, SECONDS(3));
    n->vehicle[1].excluded = true;
    net_vehicle(n, 2, 0, SECONDS(3));
    n->vehicle[2].send.shape.wire++;
    net_run(n, SECONDS(5));
    assert_int_equal(n->vehicle[1].send.state, FL_UPLOAD_FAILED);
    assert_string_equal(fl_upload_why(&n->vehicle[1].send), "excluded");
    assert_string_equal(fl_upload_why(&n->vehicle[2].send), "wrong_length");
    net_vehicle(n, 3, 0, SECONDS(3));
    net_run(n, 100000);
    assert_true(n->vehicle[3].send.first > 0);
    n->unit[0].round.open = false;
    n->unit[0].changed = true;
    net_run(n, SECONDS(2));
    assert_int_equal(n->vehicle[3].send.state, FL_UPLOAD_FAILED);
    assert_string_equal(fl_upload_why(&n->vehicle[3].send), "round_over");
    assert_int_equal(counters(n, 0)->octets_now, 0);
    assert_true(counters(n, 0)->refusals[FL_UPLOAD_EXCLUDED] > 0);
    assert_true(counters(n, 0)->refusals[FL_UPLOAD_WRONG_LENGTH] > 0);
    assert_true(counters(n, 0)->refusals[FL_UPLOAD_ROUND_OVER] > 0);
    /* Nobody there. */
    n->unit[1].down = true;
    net_vehicle(n, 4, 1, SECONDS(3));
    net_run(n, SECONDS(5));
    assert_int_equal(n->vehicle[4].send.state, FL_UPLOAD_FAILED);
    assert_string_equal(fl_upload_why(&n->vehicle[4].send), "no_answer");
    assert_true(n->vehicle[4].send.counters.asks <= 5);
    net_close(n);
}

/* What came is whole and not what was signed: said under the seal, and not taken a second time. */
static void other_content(void **state) {
    (void)state;
    struct net *n = net_open(7);
    net_vehicle(n, 0, 0, SECONDS(20));
    n->vehicle[0].made.wire.p[NET_WIRE - 1] ^= 1;
    net_run(n, SECONDS(20));
    assert_int_equal(n->vehicle[0].send.state, FL_UPLOAD_FAILED);
    assert_string_equal(fl_upload_why(&n->vehicle[0].send), "other_content");
    assert_int_equal(counters(n, 0)->spoiled, 1);
    assert_int_equal(counters(n, 0)->octets_now, 0);
    assert_int_equal(n->unit[0].kept[0], 0);
    net_close(n);
}

/* The disk is full for a while; the vehicle waits, and sends nothing twice. */
static void disk_full(void **state) {
    (void)state;
    struct net *n = net_open(8);
    n->unit[0].full = true;
    net_vehicle(n, 0, 0, SECONDS(40));
    net_run(n, SECONDS(3));
    assert_string_equal(fl_upload_why(&n->vehicle[0].send), "no_room");
    assert_int_equal(n->vehicle[0].send.state, FL_UPLOAD_GOING);
    n->unit[0].full = false;
    net_run(n, SECONDS(30));
    assert_done(n, 0, 0);
    assert_int_equal(n->vehicle[0].send.counters.parts, n->vehicle[0].send.pieces);
    net_close(n);
}

/* A disk that takes a second, in a thread of its own: others go on, the receipt comes when it is written, nothing is sent again. */
static void slow_disk(void **state) {
    (void)state;
    for (unsigned loss = 0; loss <= 30; loss += 10) {
        struct net *n = net_open(21 + loss);
        n->loss = loss;
        n->disk_us = SECONDS(1);
        n->limits.idle_us =
            SECONDS(1) / 5; /* what is being written is not idle, whoever wants its room */
        n->limits.octets = 3 * (NET_WIRE + 4000);
        net_restart(n, 0);
        for (size_t i = 0; i < NET_VEHICLES; i++)
            net_vehicle(n, i, 0, SECONDS(120));
        while (n->unit[0].n_writing == 0)
            net_run(n, 1000);
        const size_t was = counters(n, 0)->octets;
        net_run(n, SECONDS(1) / 2);
        assert_int_equal(counters(n, 0)->finished, 0);
        assert_true(loss > 0 || counters(n, 0)->octets > was);
        assert_false(net_all_done(n));
        net_run(n, SECONDS(120));
        for (size_t i = 0; i < NET_VEHICLES; i++)
            assert_done(n, i, 0);
        assert_int_equal(counters(n, 0)->octets_now, 0);
        assert_int_equal(counters(n, 0)->under_way, 0);
        net_close(n);
    }
}

/* The disk fails, or its queue is full: the vehicle waits, and what came is there still. */
static void slow_disk_fails(void **state) {
    (void)state;
    struct net *n = net_open(22);
    n->disk_us = SECONDS(1) / 10;
    net_restart(n, 0);
    n->unit[0].full = true;
    net_vehicle(n, 0, 0, SECONDS(60));
    net_run(n, SECONDS(3));
    assert_string_equal(fl_upload_why(&n->vehicle[0].send), "no_room");
    n->unit[0].full = false;
    n->unit[0].busy = true;
    net_run(n, SECONDS(8));
    assert_int_equal(n->vehicle[0].send.state, FL_UPLOAD_GOING);
    n->unit[0].busy = false;
    net_run(n, SECONDS(30));
    assert_done(n, 0, 0);
    assert_int_equal(n->vehicle[0].send.counters.parts, n->vehicle[0].send.pieces);
    net_close(n);
}

/* Attesting is over while something is written: it came in time and gets its receipt. Another round has begun: nobody is there for it. */
static void round_ends_while_writing(void **state) {
    (void)state;
    for (unsigned other = 0; other <= 1; other++) {
        struct net *n = net_open(23 + other);
        n->disk_us = SECONDS(1);
        net_restart(n, 0);
        net_vehicle(n, 0, 0, SECONDS(20));
        net_vehicle(n, 1, 0, SECONDS(20));
        while (n->unit[0].n_writing < 2)
            net_run(n, 1000);
        n->unit[0].round.open = false;
        if (other == 1)
            n->unit[0].round.number = 6;
        n->vehicle[0].unknown = n->vehicle[1].unknown = other == 1;
        n->unit[0].changed = true;
        net_run(n, SECONDS(1) / 2);
        assert_int_equal(n->vehicle[0].send.state, FL_UPLOAD_GOING);
        net_run(n, SECONDS(2));
        assert_int_equal(n->unit[0].kept[0] + n->unit[0].kept[1] >= 1, true);
        assert_int_equal(counters(n, 0)->finished > 0, other == 0);
        assert_int_equal(counters(n, 0)->under_way, 0);
        assert_int_equal(counters(n, 0)->octets_now, 0);
        net_close(n);
    }
}

/* Room for two at a time: the others are told to wait, and all come through. One that stops half way makes room. */
static void little_room(void **state) {
    (void)state;
    struct net *n = net_open(9);
    n->limits.octets = 2 * (NET_WIRE + 4000);
    n->limits.idle_us = SECONDS(2);
    net_restart(n, 0);
    net_vehicle(n, 0, 0, SECONDS(60));
    net_run(n, 80000);
    n->vehicle[0].unit = 3; /* out of reach */
    n->unit[3].down = true;
    for (size_t i = 1; i < NET_VEHICLES; i++)
        net_vehicle(n, i, 0, SECONDS(60));
    net_run(n, SECONDS(60));
    for (size_t i = 1; i < NET_VEHICLES; i++)
        assert_done(n, i, 0);
    assert_int_equal(n->vehicle[0].send.state, FL_UPLOAD_FAILED);
    assert_true(counters(n, 0)->refusals[FL_UPLOAD_BUSY] > 0);
    n->limits.octets = NET_WIRE;
    net_restart(n, 1);
    net_vehicle(n, 0, 1, SECONDS(2));
    net_run(n, SECONDS(3));
    assert_string_equal(fl_upload_why(&n->vehicle[0].send), "too_large");
    net_close(n);
}

/* ---- somebody on the way ---- */

enum { STRANGER = 50000 };

/* Repeats everything from an address of its own, and says it again with one bit changed as if it were the vehicle or the unit. */
static void repeats(struct net *n, const struct net_flight *f) {
    struct net_flight mine = *f;
    if (n->n_flights + 4 > NET_FLIGHTS)
        return;
    if (f->up) {
        mine.port = STRANGER;
        net_inject(n, &mine);
        mine = *f;
    }
    const size_t bit = ws_random_below(&n->world.random, f->n * 8);
    mine.octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
    net_inject(n, &mine);
    net_inject(n, f);
}

static void eavesdropper_repeats(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct net *n = net_open(seed);
        n->eavesdropper = repeats;
        n->loss = 10;
        net_vehicle(n, 0, 0, SECONDS(60));
        net_vehicle(n, 1, 0, SECONDS(60));
        net_run(n, SECONDS(60));
        assert_done(n, 0, 0);
        assert_done(n, 1, 0);
        assert_true(counters(n, 0)->datagrams[UPLOADS_BAD_SEAL] > 0);
        assert_true(counters(n, 0)->datagrams[UPLOADS_DUPLICATE] > 0);
        net_close(n);
    }
}

/* Says on its own: refusals of every kind with the right nonce, welcomes and receipts signed by somebody else. */
static void lies(struct net *n, const struct net_flight *f) {
    struct net_flight mine = *f;
    enum fl_upload_kind kind;
    uint8_t name[32];
    if (!f->up || !fl_upload_head(span_of(f->octets, f->n), &kind, name))
        return;
    mine.up = false;
    if (kind == FL_UPLOAD_ASK) {
        struct fl_upload_refusal r = {.nonce = be64(f->octets + FL_UPLOAD_HEAD),
            .reason = FL_UPLOAD_ROUND_OVER,
            .wait_ms = UINT32_MAX};
        struct fl_upload_welcome w = {
            .nonce = r.nonce, .unit = {.key = {9}, .alg = 1, .since_us = n->now.its_us}};
        uint8_t o[FL_UNIT_KEY_SIGNED];
        /* Every second time: else the vehicle would never hear a word of the unit's. */
        memcpy(r.name, name, 32);
        memcpy(w.name, name, 32);
        memcpy(w.unit.signer, n->world.unit[0].signer, 32);
        fl_unit_key_signed(n->world.round.cell, &w.unit, o);
        upload_sign(&n->world.unit[1], span_of(o, sizeof(o)), w.unit.signature);
        fl_upload_welcome_put(&w, mine.octets);
        mine.n = FL_UPLOAD_WELCOME_OCTETS;
        net_inject(n, &mine);
        if (n->sent_up % 2 == 1) {
            fl_upload_refusal_put(&r, mine.octets);
            mine.n = FL_UPLOAD_REFUSAL_OCTETS;
            net_inject(n, &mine);
        }
    } else {
        struct fl_receipt r = {
            .round = 5, .octets = fl_upload_length(&n->vehicle[f->vehicle].send.shape), .alg = 1};
        memcpy(r.id, n->vehicle[f->vehicle].made.submission.id, 32);
        memcpy(r.signer, n->world.unit[0].signer, 32);
        fl_upload_receipt_put(name, 0, &r, mine.octets);
        mine.n = FL_UPLOAD_RECEIPT_OCTETS;
        net_inject(n, &mine);
        mine.up = true;
        mine.octets[1] = FL_UPLOAD_PART;
        put_be32(mine.octets + FL_UPLOAD_HEAD, 1);
        mine.n = FL_UPLOAD_PART_OCTETS_MAX;
        net_inject(n, &mine);
    }
}

static void eavesdropper_lies(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct net *n = net_open(seed);
        n->eavesdropper = lies;
        net_vehicle(n, 0, 0, SECONDS(120));
        net_run(n, SECONDS(120));
        assert_done(n, 0, 0);
        assert_true(n->vehicle[0].send.counters.ignored > 0);
        net_close(n);
    }
}

/* Somebody floods the unit from one address, and asks in the name of others: it is slowed down, the others are not, and what comes
 * back is less than what it sent. */
static void flood(void **state) {
    (void)state;
    struct net *n = net_open(11);
    struct net_flight f = {.up = true, .unit = 0, .port = STRANGER};
    uint64_t octets = 0;
    n->limits.per_source = 500;
    net_restart(n, 0);
    net_vehicle(n, 0, 0, SECONDS(20));
    for (unsigned ms = 0; ms < 3000; ms++) {
        for (unsigned k = 0; k < 4; k++) {
            struct fl_upload_ask a = {.nonce = 1, .length = 5};
            memcpy(a.name, n->vehicle[0].send.name, 32);
            a.name[0] = (uint8_t)(a.name[0] ^ (k & 1U));
            if (k < 2)
                fl_upload_ask_put(&a, f.octets);
            else
                ws_random_bytes(&n->world.random, f.octets, 256);
            f.n = 256;
            octets += f.n;
            net_inject(n, &f);
        }
        if (net_all_done(n))
            n->vehicle[0].send.state = FL_UPLOAD_GOING; /* time goes on */
        net_run(n, 1000);
    }
    assert_int_equal(n->unit[0].kept[0], 1);
    assert_true(counters(n, 0)->datagrams[UPLOADS_TOO_OFTEN] > 9000);
    assert_true(n->answers_elsewhere > 0 && n->answers_elsewhere < 2000);
    assert_true(n->octets_elsewhere < octets / 4);
    net_close(n);
}

/* What was sent to the unit, sent again from elsewhere, after the fact: no answer but to an ASK, and that one shorter. */
static struct net_flight heard[512];
static size_t n_heard;
static void listens(struct net *n, const struct net_flight *f) {
    (void)n;
    if (f->up && n_heard < ARRAY_LEN(heard))
        heard[n_heard++] = *f;
}

static void nothing_to_gain(void **state) {
    (void)state;
    struct net *n = net_open(12);
    n_heard = 0;
    n->eavesdropper = listens;
    net_vehicle(n, 0, 0, SECONDS(20));
    net_run(n, SECONDS(20));
    assert_done(n, 0, 0);
    n->eavesdropper = NULL;
    size_t asks = 0;
    for (size_t i = 0; i < n_heard; i++) {
        heard[i].port = STRANGER;
        asks += heard[i].octets[1] == FL_UPLOAD_ASK;
        net_inject(n, &heard[i]);
    }
    n->vehicle[0].send.state = FL_UPLOAD_GOING;
    n->vehicle[0].unit = 3;
    net_run(n, SECONDS(2));
    assert_true(asks > 0);
    assert_int_equal(n->answers_elsewhere, asks);
    assert_true(n->octets_elsewhere < asks * FL_UPLOAD_REQUEST_OCTETS);
    net_close(n);
}

/* The next round: nothing of the old one opens, and a unit's key is another. */
static void rounds_are_apart(void **state) {
    (void)state;
    struct net *n = net_open(13);
    net_vehicle(n, 0, 0, SECONDS(9));
    net_run(n, 100000);
    assert_int_equal(counters(n, 0)->under_way, 1);
    n->unit[0].round.number = 6;
    n->unit[0].changed = true;
    n->vehicle[0].unknown = true;
    net_run(n, SECONDS(4));
    assert_int_equal(counters(n, 0)->under_way, 0);
    assert_int_equal(counters(n, 0)->known, 0);
    assert_true(counters(n, 0)->datagrams[UPLOADS_UNKNOWN] > 0);
    net_run(n, SECONDS(4));
    assert_string_equal(fl_upload_why(&n->vehicle[0].send), "unknown_submission");
    n->unit[0].round.number = 0;
    n->unit[0].changed = true;
    net_vehicle(n, 1, 0, SECONDS(3));
    net_run(n, SECONDS(4));
    assert_string_equal(fl_upload_why(&n->vehicle[1].send), "unknown_submission");
    net_close(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrives),
        cmocka_unit_test(loss),
        cmocka_unit_test(unit_restarts),
        cmocka_unit_test(unit_changes),
        cmocka_unit_test(vehicle_restarts),
        cmocka_unit_test(two_with_one_id),
        cmocka_unit_test(refusals),
        cmocka_unit_test(other_content),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(slow_disk),
        cmocka_unit_test(slow_disk_fails),
        cmocka_unit_test(round_ends_while_writing),
        cmocka_unit_test(little_room),
        cmocka_unit_test(eavesdropper_repeats),
        cmocka_unit_test(eavesdropper_lies),
        cmocka_unit_test(flood),
        cmocka_unit_test(nothing_to_gain),
        cmocka_unit_test(rounds_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
