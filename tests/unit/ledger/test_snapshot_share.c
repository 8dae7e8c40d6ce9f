/* ledger/node/share: a snapshot goes from several peers to one that joins; some lie, some lose it, some are silent. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"

#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/net/link.pb-c.h"
#include "ledger/node/share.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/restore.h"
#include "tests/support/chain.h"

#include <stdio.h>
#include <unistd.h>

enum { SERVERS = 3, SECOND = 1000000, STEP = 20000, PATIENCE = 8 * SECOND };

struct message {
    size_t from, to; /* SERVERS: who joins */
    struct buf octets;
    struct message *next;
};

struct world {
    struct folder folder;
    struct store *s;
    struct chain chain;
    uint64_t now;
    char at[SERVERS + 1][512];
    struct share_server *server[SERVERS];
    struct share_join *join;
    struct message *first, **last;
    /* what becomes of chunks that a server sends; false: nothing of it */
    bool (*bend)(struct world *w, size_t from, Wayside__Link__Link *link);
    /* the same for offers */
    void (*bend_offer)(struct world *w, size_t from, Wayside__Link__SnapshotOffer *o);
    struct light_trust trust; /* as a genesis gives it */
    bool forgotten; /* nobody can show the way to the committee */
    size_t none_enough;
    size_t sent[SERVERS]; /* chunks */
    size_t offers;
    size_t bent;
    size_t cut_after; /* the joiner's process ends after so many chunks; 0: never */
};
static struct world *acting;

struct end {
    size_t me;
};
static struct end ends[SERVERS + 1] = {{0}, {1}, {2}, {SERVERS}};

static void send_to(void *ctx, size_t peer, struct span msg) {
    const struct end *e = ctx;
    struct message *m = ws_alloc(sizeof(*m));
    m->from = e->me;
    m->to = e->me == SERVERS ? peer : SERVERS;
    Wayside__Link__Link *link = wayside__link__link__unpack(NULL, msg.n, msg.p);
    assert_non_null(link);
    assert_true(share_owns(msg));
    bool keep = true;
    if (e->me < SERVERS && link->body_case == WAYSIDE__LINK__LINK__BODY_CHUNK_REPLY) {
        acting->sent[e->me]++;
        keep = acting->bend == NULL || acting->bend(acting, e->me, link);
    }
    if (e->me < SERVERS && link->body_case == WAYSIDE__LINK__LINK__BODY_SNAPSHOT_OFFER) {
        acting->offers++;
        if (acting->bend_offer != NULL)
            acting->bend_offer(acting, e->me, link->snapshot_offer);
    }
    (void)wayside__link__link__pack(
        link, buf_grow(&m->octets, wayside__link__link__get_packed_size(link)));
    wayside__link__link__free_unpacked(link, NULL);
    if (!keep) {
        buf_free(&m->octets);
        free(m);
        return;
    }
    *acting->last = m;
    acting->last = &m->next;
}

/* What the committee's state gives in a real unit. */
static int give_handovers(void *ctx, uint64_t after, uint64_t below, size_t max,
    struct query_handovers *ret, struct ws_err *err) {
    (void)ctx;
    (void)err;
    const struct chain *c = &acting->chain;
    *ret = (struct query_handovers){.forgotten = acting->forgotten};
    for (size_t i = 0; i < c->n_handovers; i++) {
        uint64_t height = handover_height(buf_span(&c->handover[i]));
        if (height <= after || height >= below)
            continue;
        if (ret->n == max) {
            ret->more = true;
            break;
        }
        buf_var(&ret->octets, buf_span(&c->handover[i]));
        ret->n++;
        ret->last = height;
    }
    return WS_OK;
}

static void make_snapshot(struct world *w, size_t server) {
    struct manifest *m = ws_alloc(sizeof(*m));
    struct snapshot_make how = {.store = w->s, .folder = w->at[server]};
    struct ws_err err = {0};
    if (snapshot_make(&how, m, &err) != WS_OK)
        fail_msg("%s", err.text);
    free(m);
}

static void open_server(struct world *w, size_t i) {
    struct share_server_config cfg = {.folder = w->at[i],
        .octets_per_s = 4U << 20,
        .handovers = give_handovers,
        .send = send_to,
        .ctx = &ends[i]};
    w->server[i] = share_server_new(&cfg);
}

static void open_join(struct world *w) {
    struct share_join_config cfg = {.folder = w->at[SERVERS],
        .n_peers = SERVERS,
        .trust = &w->trust,
        .verify = exec_verify,
        .least_height = 2,
        .patience_us = PATIENCE,
        .none_enough = w->none_enough,
        .send = send_to,
        .ctx = &ends[SERVERS]};
    w->join = share_join_new(&cfg, w->now);
}

/* With so many changes of the committee, each to one that shares nobody with the last. */
static struct world *open_changed(size_t changes) {
    struct world *w = ws_alloc(sizeof(*w));
    assert_int_equal(folder_make(&w->folder), 0);
    w->s = store_open_memory();
    chain_open(&w->chain, w->s, 4, 5);
    memcpy(w->trust.cell_id, w->chain.cell_id, 32);
    w->trust.next = w->chain.set;
    w->trust.has_next = true;
    validator_set_hash(exec_sha256, &w->chain.set, w->trust.next_validators);
    for (size_t i = 0; i < changes; i++) {
        chain_change(&w->chain);
        chain_block(&w->chain, 1, 10);
    }
    for (unsigned i = 0; i < 20; i++)
        chain_block(&w->chain, 200, 4000);
    w->now = SECOND;
    w->last = &w->first;
    acting = w;
    for (size_t i = 0; i <= SERVERS; i++) {
        (void)snprintf(w->at[i], sizeof(w->at[i]), "%s/%zu", w->folder.top, i);
        if (i < SERVERS) {
            make_snapshot(w, i);
            open_server(w, i);
        }
    }
    open_join(w);
    return w;
}

static struct world *open_world(void) {
    return open_changed(0);
}

static void drop_messages(struct world *w) {
    while (w->first != NULL) {
        struct message *m = w->first;
        w->first = m->next;
        buf_free(&m->octets);
        free(m);
    }
    w->last = &w->first;
}

static void close_world(struct world *w) {
    drop_messages(w);
    for (size_t i = 0; i < SERVERS; i++)
        share_server_free(w->server[i]);
    share_join_free(w->join);
    chain_close(&w->chain);
    store_close(w->s);
    assert_int_equal(folder_remove(&w->folder), 0);
    free(w);
}

static bool is_cut(const struct world *w) {
    return w->cut_after > 0 && share_join_counters(w->join).chunks >= w->cut_after;
}

static void deliver(struct world *w) {
    while (w->first != NULL && !is_cut(w)) {
        struct message *m = w->first;
        w->first = m->next;
        if (w->first == NULL)
            w->last = &w->first;
        if (m->to == SERVERS)
            assert_true(share_join_message(w->join, m->from, buf_span(&m->octets), w->now));
        else if (w->server[m->to] != NULL)
            assert_true(
                share_server_message(w->server[m->to], SERVERS, buf_span(&m->octets), w->now));
        buf_free(&m->octets);
        free(m);
    }
}

/* False: not within so many seconds. */
static bool run(struct world *w, enum share_state until, unsigned seconds) {
    uint64_t end = w->now + (uint64_t)seconds * SECOND;
    while (w->now < end) {
        (void)share_join_tick(w->join, w->now);
        for (size_t i = 0; i < SERVERS; i++) {
            if (w->server[i] != NULL)
                (void)share_server_tick(w->server[i], w->now);
        }
        deliver(w);
        if (share_join_state(w->join) == until)
            return true;
        if (is_cut(w))
            return false;
        w->now += STEP;
    }
    return false;
}

/* The file gives a store with the state that the chain has. */
static void check_file(struct world *w) {
    struct snapshot *s = NULL;
    struct store *into = store_open_memory();
    struct ws_err err = {0};
    if (snapshot_open(share_join_path(w->join), &s, &err) != WS_OK)
        fail_msg("%s", err.text);
    struct snapshot_restore how = {.from = s, .into = into};
    if (snapshot_restore(&how, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(snapshot_manifest(s)->last.height, w->chain.height - 1);
    snapshot_close(s);
    store_close(into);
}

static void chunks_come_from_all(void **state) {
    (void)state;
    struct world *w = open_world();
    assert_true(run(w, SHARE_DONE, 60));
    check_file(w);
    struct share_counters c = share_join_counters(w->join);
    assert_true(c.chunks >= 8);
    assert_int_equal(c.refused + c.gone + c.timeouts + c.distrusted, 0);
    assert_int_equal(w->sent[0] + w->sent[1] + w->sent[2], c.chunks); /* nothing twice */
    for (size_t i = 0; i < SERVERS; i++)
        assert_true(w->sent[i] >= 2);
    close_world(w);
}

static bool spoil(struct world *w, size_t from, Wayside__Link__Link *link) {
    if (from == 1 && link->chunk_reply->octets.len > 0) {
        link->chunk_reply->octets.data[link->chunk_reply->octets.len / 2] ^= 1;
        w->bent++;
    }
    return true;
}

/* Each chunk is checked before it is kept: who sends a wrong one is asked for nothing more. */
static void a_liar_s_chunk_is_refused(void **state) {
    (void)state;
    struct world *w = open_world();
    w->bend = spoil;
    assert_true(run(w, SHARE_DONE, 60));
    check_file(w);
    struct share_counters c = share_join_counters(w->join);
    assert_in_range(w->bent, 1, 4); /* what was on its way when the first one came */
    assert_true(c.refused >= 1);
    close_world(w);
}

static bool silence(struct world *w, size_t from, Wayside__Link__Link *link) {
    (void)link;
    w->bent += from == 2;
    return from != 2;
}

static void the_silent_are_passed_over(void **state) {
    (void)state;
    struct world *w = open_world();
    w->bend = silence;
    assert_true(run(w, SHARE_DONE, 60));
    check_file(w);
    assert_true(share_join_counters(w->join).timeouts >= 1);
    close_world(w);
}

static void who_restarts_goes_on_with_what_it_has(void **state) {
    (void)state;
    struct world *w = open_world();
    w->cut_after = 4;
    assert_false(run(w, SHARE_DONE, 60));
    size_t had = share_join_counters(w->join).chunks;
    assert_true(had >= 4);
    share_join_free(w->join);
    drop_messages(w);
    w->cut_after = 0;
    memset(w->sent, 0, sizeof(w->sent));
    open_join(w);
    assert_true(run(w, SHARE_DONE, 60));
    check_file(w);
    struct snapshot *s = NULL;
    assert_int_equal(snapshot_open(share_join_path(w->join), &s, NULL), WS_OK);
    size_t all = manifest_chunks(snapshot_manifest(s));
    snapshot_close(s);
    assert_true(share_join_counters(w->join).chunks <= all - had);
    close_world(w);
}

static bool gone(struct world *w, size_t from, Wayside__Link__Link *link) {
    if (from != 0)
        return true;
    w->bent++;
    free(link->chunk_reply->octets.data);
    link->chunk_reply->octets = (ProtobufCBinaryData){0, NULL};
    return true;
}

/* One of the peers does not have it any more: the others do. */
static void who_has_lost_it_is_left_out(void **state) {
    (void)state;
    struct world *w = open_world();
    w->bend = gone;
    assert_true(run(w, SHARE_DONE, 60));
    check_file(w);
    assert_true(share_join_counters(w->join).gone >= 1);
    close_world(w);
}

/* The cell has gone on, and the snapshot that was being fetched is nowhere any more: the next one is taken. */
static void the_next_one_is_taken(void **state) {
    (void)state;
    struct world *w = open_world();
    w->cut_after = 3;
    assert_false(run(w, SHARE_DONE, 60));
    drop_messages(w);
    w->cut_after = 0;
    for (size_t i = 0; i < SERVERS; i++)
        share_server_free(w->server[i]);
    chain_block(&w->chain, 50, 1000);
    for (size_t i = 0; i < SERVERS; i++) {
        make_snapshot(w, i);
        open_server(w, i);
    }
    assert_true(run(w, SHARE_DONE, 60));
    check_file(w);
    close_world(w);
}

/* Another cell's snapshot, or one that nobody signed, is not begun. */
static void strange_offers_are_distrusted(void **state) {
    (void)state;
    struct world *w = open_world();
    share_join_free(w->join);
    w->trust.cell_id[0] ^= 1;
    open_join(w);
    assert_true(run(w, SHARE_NONE, 20));
    assert_int_equal(share_join_counters(w->join).distrusted, SERVERS);
    close_world(w);
}

/* From a genesis of which nobody is left, over all committees since; in one offer, and in several. */
static void committees_are_crossed(void **state) {
    (void)state;
    static const size_t changes[] = {1, 5, SHARE_HANDOVERS_MAX, 2 * SHARE_HANDOVERS_MAX + 7};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct world *w = open_changed(changes[i]);
        assert_int_equal(w->chain.n_handovers, changes[i]);
        assert_true(run(w, SHARE_DONE, 60));
        check_file(w);
        struct share_counters c = share_join_counters(w->join);
        assert_int_equal(c.handovers, changes[i]); /* each once, whoever showed it */
        assert_int_equal(c.distrusted + c.bad_handovers, 0);
        assert_true((changes[i] > SHARE_HANDOVERS_MAX) == (c.unproven > 0));
        close_world(w);
    }
}

/* The committee changes in the very block that the snapshot is of, and in the one that signs it. */
static void a_boundary_at_the_snapshot_itself(void **state) {
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct world *w = open_world();
        chain_change(&w->chain);
        chain_block(&w->chain, 5, 100);
        if (late == 1) /* the boundary is header h, not h + 1 */
            chain_block(&w->chain, 5, 100);
        for (size_t i = 0; i < SERVERS; i++) {
            share_server_free(w->server[i]);
            make_snapshot(w, i);
            open_server(w, i);
        }
        assert_true(run(w, SHARE_DONE, 60));
        check_file(w);
        assert_int_equal(share_join_counters(w->join).handovers, late);
        close_world(w);
    }
}

/* A handover of the lying server: its last signature is another one. */
static void forge(struct world *w, size_t from, Wayside__Link__SnapshotOffer *o) {
    if (from != 1 || o->handovers.len < 300)
        return;
    const struct buf *last = &w->chain.handover[w->chain.n_handovers - 1];
    struct handover *h = ws_alloc(sizeof(*h));
    struct buf b = {0};
    assert_int_equal(handover_decode(exec_sha256, buf_span(last), h, NULL), WS_OK);
    h->commit.sig[0][7] ^= 1;
    handover_encode(h, &b);
    assert_int_equal(b.n, last->n);
    memcpy(o->handovers.data + o->handovers.len - b.n, b.p, b.n);
    buf_free(&b);
    free(h);
    w->bent++;
}

static void a_liar_s_handovers_are_refused(void **state) {
    (void)state;
    struct world *w = open_changed(3);
    w->bend_offer = forge;
    for (size_t i = 0; i < SERVERS; i += 2) { /* nobody else is heard for a while */
        share_server_free(w->server[i]);
        w->server[i] = NULL;
    }
    assert_false(run(w, SHARE_FETCHING, 5));
    struct share_counters c = share_join_counters(w->join);
    assert_int_equal(c.bad_handovers, 1); /* then it is not listened to any more */
    assert_int_equal(c.distrusted, 1);
    assert_int_equal(c.handovers, 2); /* what was true of it stays */
    assert_true(w->bent >= 1);
    assert_int_equal(w->sent[0] + w->sent[1] + w->sent[2], 0); /* no chunk was asked for */
    open_server(w, 0);
    assert_true(run(w, SHARE_DONE, 60));
    check_file(w);
    assert_int_equal(w->sent[1], 0);
    assert_int_equal(share_join_counters(w->join).handovers, 3);
    close_world(w);
}

/* What does not fit an older or a newer chain, garbage and lists out of order stop nobody. */
static void mangle(struct world *w, size_t from, Wayside__Link__SnapshotOffer *o) {
    if (from != 1 || o->handovers.len == 0)
        return;
    struct ws_random *r = &w->chain.random;
    size_t n = (size_t)ws_random_below(r, o->handovers.len);
    if (ws_random_below(r, 2) == 0)
        o->handovers.len = n;
    else
        o->handovers.data[n] ^= (uint8_t)(1U << ws_random_below(r, 8));
    w->bent++;
}

static void mangled_handovers_are_refused(void **state) {
    (void)state;
    struct world *w = open_changed(3);
    w->bend_offer = mangle;
    for (size_t i = 0; i < SERVERS; i += 2) {
        share_server_free(w->server[i]);
        w->server[i] = NULL;
    }
    for (unsigned i = 0; i < 300; i++) {
        share_join_free(w->join);
        open_join(w);
        assert_false(run(w, SHARE_DONE, 2));
        struct share_counters c = share_join_counters(w->join);
        assert_true(c.bad_handovers <= 1);
        assert_int_equal(c.chunks, 0);
        drop_messages(w);
    }
    assert_true(w->bent >= 300);
    close_world(w);
}

/* Unit and cell are of one protocol but the way is lost: nobody is called a liar, and blocks are fetched. */
static void without_a_way_nothing_is_begun(void **state) {
    (void)state;
    struct world *w = open_changed(2);
    w->forgotten = true;
    assert_true(run(w, SHARE_NONE, 20));
    assert_int_equal(share_join_counters(w->join).distrusted, 0);
    close_world(w);
}

static void no_way(struct world *w, size_t from, Wayside__Link__SnapshotOffer *o) {
    (void)w;
    (void)from;
    o->handovers.len = 0;
}

/* Peers of an older version offer without the way. */
static void an_offer_without_proof_is_no_lie(void **state) {
    (void)state;
    struct world *w = open_changed(2);
    w->bend_offer = no_way;
    assert_true(run(w, SHARE_NONE, 20));
    struct share_counters c = share_join_counters(w->join);
    assert_true(c.unproven >= SERVERS);
    assert_int_equal(c.distrusted + c.chunks, 0);
    close_world(w);
}

/* A snapshot that is always there when asked for, and never sent: not for ever. */
static bool keep_back(struct world *w, size_t from, Wayside__Link__Link *link) {
    (void)w;
    (void)from;
    (void)link;
    return false;
}

static void who_offers_and_never_sends_is_given_up(void **state) {
    (void)state;
    struct world *w = open_world();
    w->bend = keep_back;
    assert_true(run(w, SHARE_NONE, 12 * PATIENCE / SECOND));
    assert_int_equal(share_join_counters(w->join).chunks, 0);
    close_world(w);
}

/* In a cell that begins nobody has one: as soon as enough have said so, nobody waits any longer. */
static void enough_have_none(void **state) {
    (void)state;
    for (size_t enough = 1; enough <= SERVERS; enough++) {
        struct world *w = open_world();
        w->none_enough = enough;
        share_join_free(w->join);
        open_join(w);
        for (size_t i = 0; i < SERVERS; i++) {
            share_server_free(w->server[i]);
            (void)snprintf(w->at[i], sizeof(w->at[i]), "%s/nothing", w->folder.top);
            if (i < 2)
                open_server(w, i);
            else
                w->server[i] = NULL; /* down */
        }
        uint64_t before = w->now;
        assert_true(run(w, SHARE_NONE, 20));
        if (enough <= 2)
            assert_in_range(w->now - before, SECOND, SECOND + 2 * STEP);
        else
            assert_in_range(w->now - before, PATIENCE, PATIENCE + SECOND);
        close_world(w);
    }
}

static void without_an_offer_blocks_are_fetched(void **state) {
    (void)state;
    struct world *w = open_world();
    for (size_t i = 0; i < SERVERS; i++) {
        share_server_free(w->server[i]);
        (void)snprintf(w->at[i], sizeof(w->at[i]), "%s/nothing", w->folder.top);
        open_server(w, i);
    }
    uint64_t before = w->now;
    assert_true(run(w, SHARE_NONE, 20));
    assert_in_range(w->now - before, PATIENCE, PATIENCE + SECOND);
    close_world(w);
}

/* Octets of each kind, cut at each length and with bits changed, stop neither end. */
static void garbage_is_harmless(void **state) {
    (void)state;
    struct world *w = open_world();
    struct ws_random random = ws_random_seeded(3);
    w->cut_after = 2;
    (void)run(w, SHARE_DONE, 10);
    Wayside__Link__ChunkRequest q = WAYSIDE__LINK__CHUNK_REQUEST__INIT;
    uint8_t id[32] = {1};
    uint32_t many[300] = {0, UINT32_MAX};
    q.id = (ProtobufCBinaryData){32, id};
    q.n_chunk = ARRAY_LEN(many);
    q.chunk = many;
    Wayside__Link__SnapshotOffer o = WAYSIDE__LINK__SNAPSHOT_OFFER__INIT;
    o.height = UINT64_MAX;
    o.manifest = (ProtobufCBinaryData){32, id};
    o.handovers = (ProtobufCBinaryData){32, id};
    o.more = true;
    Wayside__Link__ChunkReply a = WAYSIDE__LINK__CHUNK_REPLY__INIT;
    a.chunk = UINT32_MAX;
    a.id = q.id;
    Wayside__Link__Link links[3] = {
        WAYSIDE__LINK__LINK__INIT, WAYSIDE__LINK__LINK__INIT, WAYSIDE__LINK__LINK__INIT};
    links[0].body_case = WAYSIDE__LINK__LINK__BODY_CHUNK_REQUEST;
    links[0].chunk_request = &q;
    links[1].body_case = WAYSIDE__LINK__LINK__BODY_SNAPSHOT_OFFER;
    links[1].snapshot_offer = &o;
    links[2].body_case = WAYSIDE__LINK__LINK__BODY_CHUNK_REPLY;
    links[2].chunk_reply = &a;
    for (size_t k = 0; k < 3; k++) {
        struct buf b = {0};
        (void)wayside__link__link__pack(
            &links[k], buf_grow(&b, wayside__link__link__get_packed_size(&links[k])));
        for (size_t i = 0; i < 2000; i++) {
            size_t at = ws_random_below(&random, b.n);
            b.p[at] ^= (uint8_t)(1U << ws_random_below(&random, 8));
            size_t n = i < b.n ? i : b.n;
            (void)share_join_message(w->join, i % (SERVERS + 1), span_of(b.p, n), w->now);
            (void)share_server_message(w->server[0], i % 200, span_of(b.p, n), w->now);
            drop_messages(w);
        }
        buf_free(&b);
    }
    close_world(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_from_all),
        cmocka_unit_test(a_liar_s_chunk_is_refused),
        cmocka_unit_test(the_silent_are_passed_over),
        cmocka_unit_test(who_restarts_goes_on_with_what_it_has),
        cmocka_unit_test(who_has_lost_it_is_left_out),
        cmocka_unit_test(the_next_one_is_taken),
        cmocka_unit_test(strange_offers_are_distrusted),
        cmocka_unit_test(committees_are_crossed),
        cmocka_unit_test(a_boundary_at_the_snapshot_itself),
        cmocka_unit_test(a_liar_s_handovers_are_refused),
        cmocka_unit_test(mangled_handovers_are_refused),
        cmocka_unit_test(without_a_way_nothing_is_begun),
        cmocka_unit_test(an_offer_without_proof_is_no_lie),
        cmocka_unit_test(who_offers_and_never_sends_is_given_up),
        cmocka_unit_test(enough_have_none),
        cmocka_unit_test(without_an_offer_blocks_are_fetched),
        cmocka_unit_test(garbage_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
