#include "tests/support/cs_drive.h"

#include "base/assert.h"
#include "ledger/exec/hash.h"

void drive_id(char block, hash32 ret_id) {
    memset(ret_id, block, sizeof(hash32));
}

struct validator_set drive_set(size_t n, const uint64_t *powers) {
    struct validator_set s = {.n = n};
    for (size_t i = 0; i < n; i++) {
        s.v[i].alg = KEY_ED25519;
        put_be64(s.v[i].key, i + 1);
        put_be64(s.v[i].curve_key, i + 1);
        s.v[i].power = powers == NULL ? 1 : powers[i];
    }
    WS_ASSERT(validator_set_prepare(exec_sha256, &s, NULL) == WS_OK);
    return s;
}

void drive_start(struct drive *d, uint64_t height) {
    struct cs_height at = {height, &d->set, d->me, &d->params, &d->proposers};
    cs_start(d->c, &at);
}

void drive_open(struct drive *d, size_t n, const uint64_t *powers, int me) {
    memset(d, 0, sizeof(*d));
    d->set = drive_set(n, powers);
    d->params = cell_params_default();
    proposer_init(&d->proposers, &d->set);
    d->me = me;
    d->c = cs_new();
    drive_start(d, DRIVE_HEIGHT);
}

void drive_close(struct drive *d) {
    cs_free(d->c);
    d->c = NULL;
}

static enum cs_refusal handle(struct drive *d, const struct cs_event *ev) {
    d->out.n = 0;
    return cs_handle(d->c, ev, &d->out);
}

enum cs_refusal drive_begin(struct drive *d) {
    return handle(d, &(struct cs_event){.kind = CS_EV_BEGIN, .height = DRIVE_HEIGHT});
}

struct cs_proposal drive_make_proposal(
    const struct drive *d, int32_t round, char block, int32_t valid_round) {
    struct cs_proposal p = {.height = DRIVE_HEIGHT,
        .round = round,
        .valid_round = valid_round,
        .block_time = DRIVE_TIME,
        .validator = (uint16_t)cs_proposer(d->c, round)};
    drive_id(block, p.id);
    return p;
}

enum cs_refusal drive_proposal(struct drive *d, int32_t round, char block, int32_t valid_round) {
    return handle(d, &(struct cs_event){.kind = CS_EV_PROPOSAL,
                         .proposal = drive_make_proposal(d, round, block, valid_round),
                         .received_time = DRIVE_TIME});
}

struct vote drive_make_vote(size_t validator, enum vote_type type, int32_t round, char block) {
    struct vote v = {.type = type,
        .height = DRIVE_HEIGHT,
        .round = round,
        .nil = block == 0,
        .locked_round = -1,
        .valid_round = -1,
        .validator = (uint16_t)validator};
    drive_id(block, v.id);
    return v;
}

enum cs_refusal drive_vote(
    struct drive *d, size_t validator, enum vote_type type, int32_t round, char block) {
    return handle(d, &(struct cs_event){.kind = CS_EV_VOTE,
                         .vote = drive_make_vote(validator, type, round, block)});
}

void drive_votes(
    struct drive *d, size_t first, size_t last, enum vote_type type, int32_t round, char block) {
    struct cs_actions all = {0};
    for (size_t i = first; i <= last; i++) {
        (void)drive_vote(d, i, type, round, block);
        for (size_t k = 0; k < d->out.n; k++) {
            WS_ASSERT(all.n < CS_ACTIONS_MAX);
            all.a[all.n++] = d->out.a[k];
        }
    }
    d->out = all;
}

enum cs_refusal drive_validated(struct drive *d, char block, bool ok) {
    struct cs_event ev = {.kind = CS_EV_VALIDATED, .height = DRIVE_HEIGHT, .ok = ok};
    drive_id(block, ev.id);
    return handle(d, &ev);
}

enum cs_refusal drive_timeout(struct drive *d, enum cs_timer timer, int32_t round) {
    return handle(
        d, &(struct cs_event){
               .kind = CS_EV_TIMEOUT, .height = DRIVE_HEIGHT, .timer = timer, .round = round});
}

enum cs_refusal drive_built(struct drive *d, int32_t round, char block) {
    struct cs_event ev = {
        .kind = CS_EV_BUILT, .height = DRIVE_HEIGHT, .round = round, .block_time = DRIVE_TIME};
    drive_id(block, ev.id);
    return handle(d, &ev);
}

void drive_sign(struct drive *d) {
    struct cs_actions asked = d->out;
    struct cs_actions all = {0};
    for (size_t i = 0; i < asked.n; i++) {
        struct cs_event ev = {.received_time = DRIVE_TIME};
        if (asked.a[i].kind == CS_ACT_SIGN_VOTE) {
            ev.kind = CS_EV_SIGNED_VOTE;
            ev.vote = asked.a[i].vote;
        } else if (asked.a[i].kind == CS_ACT_SIGN_PROPOSAL) {
            ev.kind = CS_EV_SIGNED_PROPOSAL;
            ev.proposal = asked.a[i].proposal;
        } else {
            continue;
        }
        (void)handle(d, &ev);
        for (size_t k = 0; k < d->out.n; k++) {
            WS_ASSERT(all.n < CS_ACTIONS_MAX);
            all.a[all.n++] = d->out.a[k];
        }
    }
    d->out = all;
}

void drive_valid_proposal(struct drive *d, int32_t round, char block, int32_t valid_round) {
    (void)drive_proposal(d, round, block, valid_round);
    struct cs_actions first = d->out;
    (void)drive_validated(d, block, true);
    for (size_t k = 0; k < d->out.n; k++) {
        WS_ASSERT(first.n < CS_ACTIONS_MAX);
        first.a[first.n++] = d->out.a[k];
    }
    d->out = first;
}

size_t drive_count(const struct drive *d, enum cs_action_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < d->out.n; i++)
        n += d->out.a[i].kind == kind;
    return n;
}

const struct cs_action *drive_find(const struct drive *d, enum cs_action_kind kind) {
    for (size_t i = 0; i < d->out.n; i++) {
        if (d->out.a[i].kind == kind)
            return &d->out.a[i];
    }
    return NULL;
}

static bool is_block(const uint8_t *id, char block) {
    hash32 want;
    drive_id(block, want);
    return memcmp(id, want, sizeof(hash32)) == 0;
}

bool drive_asks_vote(const struct drive *d, enum vote_type type, int32_t round, char block) {
    const struct cs_action *a = drive_find(d, CS_ACT_SIGN_VOTE);
    return drive_count(d, CS_ACT_SIGN_VOTE) == 1 && a->vote.type == type &&
           a->vote.round == round && a->vote.nil == (block == 0) && is_block(a->vote.id, block);
}

bool drive_asks_timer(const struct drive *d, enum cs_timer timer, int32_t round) {
    for (size_t i = 0; i < d->out.n; i++) {
        const struct cs_action *a = &d->out.a[i];
        if (a->kind == CS_ACT_TIMER && a->timer == timer && a->round == round)
            return true;
    }
    return false;
}

bool drive_asks_validation(const struct drive *d, char block) {
    for (size_t i = 0; i < d->out.n; i++) {
        if (d->out.a[i].kind == CS_ACT_VALIDATE && is_block(d->out.a[i].id, block))
            return true;
    }
    return false;
}

bool drive_decided(const struct drive *d, int32_t round, char block) {
    const struct cs_action *a = drive_find(d, CS_ACT_DECIDED);
    return a != NULL && drive_count(d, CS_ACT_DECIDED) == 1 && a->round == round &&
           is_block(a->id, block);
}
