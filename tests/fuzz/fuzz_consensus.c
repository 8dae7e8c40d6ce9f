/* Any events in any order into one core: no crash, never two statements for one place, no lock that goes back.
 * Octets are read as a small machine: first the core's place in a weighted set, then events of a few octets. */
#include "base/assert.h"
#include "tests/support/cs_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIGNED_MAX = 512 };

struct watch {
    size_t n;
    struct vote vote[SIGNED_MAX];
    int32_t lock;
};

static void check_signed(struct watch *w, const struct vote *v) {
    for (size_t i = 0; i < w->n; i++)
        WS_ASSERT(w->vote[i].round != v->round || w->vote[i].type != v->type);
    if (w->n < SIGNED_MAX)
        w->vote[w->n++] = *v;
}

static int32_t round_near(const struct drive *d, uint8_t octet) {
    int32_t now = cs_round(d->c);
    return octet < 200   ? (octet % 8) - 1
           : octet < 250 ? now + (octet % 5) - 2
                         : INT32_MAX - (octet % 3);
}

static bool read_event(struct rd *r, const struct drive *d, struct cs_event *ev) {
    uint8_t kind = rd_u8(r);
    uint8_t who = rd_u8(r);
    uint8_t where = rd_u8(r);
    uint8_t what = rd_u8(r);
    memset(ev, 0, sizeof(*ev));
    ev->kind = kind >= 240 && kind < 250 ? CS_EV_CLOCK : (enum cs_event_kind)(kind % 8);
    ev->height = kind < 250 ? DRIVE_HEIGHT : DRIVE_HEIGHT + 1;
    ev->received_time = what < 240 ? DRIVE_TIME : 0;
    ev->round = round_near(d, where);
    ev->timer = (enum cs_timer)(who % 3);
    ev->ok = what % 8 != 7;
    ev->block_time = DRIVE_TIME;
    drive_id((char)('A' + what % 4), ev->id);
    char block = (char)(what % 5 == 4 ? 0 : 'A' + what % 5);
    ev->vote =
        drive_make_vote(who, who / 64 % 2 == 0 ? VOTE_PREVOTE : VOTE_PRECOMMIT, ev->round, block);
    ev->vote.validator = (uint16_t)(who % 9);
    ev->vote.height = ev->height;
    ev->proposal = (struct cs_proposal){.height = ev->height,
        .round = ev->round,
        .valid_round = (int32_t)(what / 8) - 2,
        .block_time = DRIVE_TIME,
        .validator = (uint16_t)(who % 9)};
    if (who > 100 && ev->round >= 0 && ev->round <= CS_ROUND_MAX)
        ev->proposal.validator = (uint16_t)cs_proposer(d->c, ev->round);
    drive_id((char)('A' + what % 4), ev->proposal.id);
    return !r->bad;
}

/* Only what the core itself asked for comes back as signed. */
static void give(struct drive *d, struct watch *w, const struct cs_event *ev) {
    struct cs_actions out;
    out.n = 0;
    (void)cs_handle(d->c, ev, &out);
    int32_t lock = cs_locked_round(d->c);
    WS_ASSERT(lock >= w->lock);
    WS_ASSERT(lock <= cs_valid_round(d->c));
    w->lock = lock;
    for (size_t i = 0; i < out.n; i++) {
        struct cs_event answer = {.received_time = DRIVE_TIME};
        if (out.a[i].kind == CS_ACT_SIGN_VOTE) {
            check_signed(w, &out.a[i].vote);
            answer.kind = CS_EV_SIGNED_VOTE;
            answer.vote = out.a[i].vote;
            give(d, w, &answer);
        } else if (out.a[i].kind == CS_ACT_SIGN_PROPOSAL) {
            answer.kind = CS_EV_SIGNED_PROPOSAL;
            answer.proposal = out.a[i].proposal;
            give(d, w, &answer);
        } else if (out.a[i].kind == CS_ACT_DECIDED) {
            struct commit c;
            cs_commit(d->c, &c);
            uint64_t power = 0;
            for (size_t k = 0; k < c.n; k++)
                power += c.present[k] ? d->set.v[k].power : 0;
            WS_ASSERT(power_is_quorum(power, d->set.total));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint64_t powers[] = {5, 3, 3, 2, 1, 1, 1};
    struct rd r = rd_of(span_of(data, size));
    struct drive d;
    struct watch w = {.lock = -1};
    uint8_t place = rd_u8(&r);
    drive_open(&d, place & 8U ? 4 : 7, place & 8U ? NULL : powers, (int)((place & 7U) % 5) - 1);
    struct cs_event ev;
    while (rd_left(&r) > 0 && read_event(&r, &d, &ev)) {
        if (ev.kind != CS_EV_SIGNED_PROPOSAL && ev.kind != CS_EV_SIGNED_VOTE)
            give(&d, &w, &ev);
    }
    drive_close(&d);
    return 0;
}
