/* rsuctl model verify: a round of learning gone through again with the genesis alone. Of the ledger this uses ledger/light (by
 * rsu/proofs/check), of the rest rsu/learning/audit. */
#include "base/assert.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/cell/cell.h"
#include "rsu/config/value.h"
#include "rsu/ctl/model_dossier.h"
#include "rsu/learning/audit.h"
#include "rsu/proofs/check.h"

#include "fedlearn/round/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verify {
    const struct ctl_verb *v;
    const char *genesis_file, *fingerprint, *out;
    struct ctl_face face;
    bool json;
    struct ctl_genesis genesis;
    struct ctl_dossier d;
    struct buf bundle[FL_EVENT_SUSPECT + 1];
    struct fl_event_body event; /* the one looked at */
    uint8_t seed_value[32], draw_value[32];
    struct buf record;
    struct audit_claim claim;
    bool aborted;
    uint8_t model_before[32], model_after[32]; /* of OPEN, of CLOSED */
    size_t failed, unfit, missing; /* lines */
    json_t *steps;
};

/* ---- lines ---- */

static void say(void *ctx, enum audit_mark mark, const char *place, const char *text) {
    static const char *const words[] = {"ok", "FAILS", "unfit", "missing", "skipped"};
    static const char *const names[] = {"ok", "fails", "unfit", "missing", "skipped"};
    struct verify *o = ctx;
    o->failed += mark == AUDIT_FAILS;
    o->unfit += mark == AUDIT_UNFIT;
    o->missing += mark == AUDIT_MISSING;
    if (o->json)
        (void)json_array_append_new(o->steps,
            json_pack("{s:s, s:s, s:s}", "result", names[mark], "place", place, "text", text));
    else
        (void)printf("%-7s %s: %s\n", words[mark], place, text);
}

static bool holds(const struct verify *o) {
    return o->failed + o->unfit + o->missing == 0;
}

/* What the line of a round that holds does not say. */
static const char *unproven_part(const struct verify *o) {
    const bool groups = o->claim.draw_value == NULL;
    if (o->claim.seed_value == NULL)
        return groups ? "seed and groups follow" : "seed follows";
    return groups ? "groups follow" : NULL;
}

static void hexes_of(
    const struct verify *o, char cell[static 65], char before[static 65], char after[static 65]) {
    hex_encode(cell, o->genesis.cell_id, 32);
    hex_encode(before, o->model_before, 32);
    hex_encode(after, o->model_after, 32);
}

/* The line that one quotes: it names what it is about. */
static void sum_up_good(const struct verify *o, struct buf *b) {
    const char *unproven = unproven_part(o);
    char cell[65];
    char before[65];
    char after[65];
    hexes_of(o, cell, before, after);
    if (o->aborted) {
        buf_printf(b, " was aborted: %s (in the cell with fingerprint %s)\n",
            fl_abort_name(o->event.aborted), cell);
        return;
    }
    buf_printf(b, " holds%s: in the cell with fingerprint %s ",
        unproven != NULL ? ", as far as it was looked at" : "", cell);
    if (memcmp(o->model_before, o->model_after, 32) == 0)
        buf_printf(b, "the model stays %s", before);
    else
        buf_printf(b, "it goes from model %s to model %s", before, after);
    if (unproven != NULL)
        buf_printf(b,
            "; that its %s from the cell's randomness was not looked at, because no proof of that "
            "randomness is there",
            unproven);
    buf_printf(b, "\n");
}

static void sum_up(const struct verify *o, struct buf *b) {
    if (o->claim.round == 0) /* nobody said it that is believed */
        buf_printf(b, "the round");
    else
        buf_printf(b, "round %llu", (unsigned long long)o->claim.round);
    if (holds(o))
        sum_up_good(o, b);
    else if (o->failed > 0)
        buf_printf(b,
            " does not hold: a quorum signed what does not follow, see the line%s that begin%s "
            "with FAILS\n",
            o->failed == 1 ? "" : "s", o->failed == 1 ? "s" : "");
    else if (o->unfit > 0)
        buf_printf(b,
            " cannot be checked with what was given: it is damaged, or does not belong to this "
            "cell and round, see the line%s that begin%s with unfit; nothing is said about the "
            "round\n",
            o->unfit == 1 ? "" : "s", o->unfit == 1 ? "s" : "");
    else
        buf_printf(b, ": nothing is wrong in what was given, but it is not all that is needed: "
                      "whether the round holds cannot be said\n");
}

static int tell_json(const struct verify *o) {
    char cell[65];
    char before[65];
    char after[65];
    hexes_of(o, cell, before, after);
    json_t *said = holds(o) || o->failed > 0 ? json_boolean(holds(o)) : json_null();
    json_t *j = json_pack("{s:I, s:s, s:o, s:b, s:O}", "round", (json_int_t)o->claim.round, "cell",
        cell, "holds", said, "aborted", (int)o->aborted, "steps", o->steps);
    if (holds(o) && !o->aborted) {
        (void)json_object_set_new(j, "model_before", json_string(before));
        (void)json_object_set_new(j, "model_after", json_string(after));
    }
    const int code = ctl_print_json(o->v, j);
    json_decref(j);
    return code;
}

static int tell(const struct verify *o) {
    struct buf b = {0};
    if (o->json)
        return tell_json(o);
    sum_up(o, &b);
    const int code = ctl_print(o->v, buf_span(&b));
    buf_free(&b);
    return code;
}

/* ---- what the ledger said ---- */

/* An event of learning, proven from the genesis by this bundle; said, whatever comes of it. */
static int prove(struct verify *o, const char *what, const struct buf *octets, struct event *ret,
    struct ws_err *err) {
    char place[48];
    char text[160];
    (void)snprintf(place, sizeof(place), "proof of %s", what);
    const int rc = proof_check_event(
        buf_span(&o->genesis.octets), buf_span(octets), CELL_CONTRACT_LEARN, ret, err);
    if (rc != WS_OK) {
        say(o, AUDIT_UNFIT, place, err->text);
        return rc;
    }
    (void)snprintf(text, sizeof(text), "it is event %u of block %llu, which a quorum signed for",
        ret->sequence, (unsigned long long)ret->height);
    say(o, AUDIT_OK, place, text);
    return WS_OK;
}

/* The event of a step. False: it was not given, or is not proven; said. */
static bool prove_event(
    struct verify *o, const char *step, enum fl_event type, struct event *ret, struct buf *octets) {
    char place[32];
    struct ws_err err = {0};
    (void)snprintf(place, sizeof(place), "proof of %s", step);
    if (ctl_dossier_event(&o->d, step, octets, &err) == WS_OK) {
        o->claim.unfit[type] = prove(o, step, octets, ret, &err) != WS_OK;
        return !o->claim.unfit[type];
    }
    say(o, AUDIT_MISSING, place, err.text);
    return false;
}

/* As the audit asks for it. */
static int excluded(void *ctx, uint32_t submission, struct buf *ret_body, struct ws_err *err) {
    struct verify *o = ctx;
    struct event e;
    char what[40];
    struct buf octets = {0};
    (void)snprintf(what, sizeof(what), "exclusion of submission %u", submission);
    int rc = ctl_dossier_exclusion(&o->d, submission, &octets, err);
    if (rc == WS_EINPUT)
        say(o, AUDIT_UNFIT, what, err->text);
    if (rc == WS_OK && prove(o, what, &octets, &e, err) != WS_OK)
        rc = WS_EINPUT;
    if (rc == WS_OK && e.type != FL_EVENT_EXCLUDED) {
        rc = ws_fail(err, WS_EINPUT, "what is proven is another event of learning");
        say(o, AUDIT_UNFIT, what, err->text);
    }
    if (rc == WS_OK)
        buf_put(ret_body, e.body.p, e.body.n);
    buf_free(&octets);
    return rc;
}

static void take_event(struct verify *o, const char *step, enum fl_event type) {
    struct event e;
    struct buf *octets = &o->bundle[type];
    if (!prove_event(o, step, type, &e, octets))
        return;
    if (e.type == FL_EVENT_ABORTED && type == FL_EVENT_CLOSED) {
        o->aborted = fl_event_decode(e.type, e.body, &o->event);
        if (o->claim.round == 0)
            o->claim.round = o->event.round;
        if (!o->aborted || o->event.round != o->claim.round)
            say(o, AUDIT_UNFIT, step, "the event is of another round");
        return;
    }
    if (e.type != (uint16_t)type) {
        say(o, AUDIT_UNFIT, step, "what is proven is another event of learning");
        o->claim.unfit[type] = true;
        return;
    }
    o->claim.event[type] = e.body;
    if ((type != FL_EVENT_OPEN && type != FL_EVENT_CLOSED) ||
        !fl_event_decode(e.type, e.body, &o->event))
        return;
    if (type == FL_EVENT_CLOSED) {
        memcpy(o->model_after, o->event.closed.outcome.model_hash, 32);
        return;
    }
    memcpy(o->model_before, o->event.open.model_hash, 32);
    if (o->claim.round == 0)
        o->claim.round = o->event.open.round;
    else if (o->event.open.round != o->claim.round)
        say(o, AUDIT_UNFIT, step, "the event is of another round");
}

/* A height's randomness, proven from the genesis. False: the cell does not prove it any more, or what is given is no proof (said). */
static bool prove_randomness(
    struct verify *o, const char *name, uint64_t height, uint8_t ret[static 32], bool *ret_unfit) {
    struct ws_err err = {0};
    struct buf octets = {0};
    struct proof_entry e = {0};
    uint8_t key[BEACON_HEIGHT_KEY_OCTETS];
    beacon_height_key(height, key);
    int rc = ctl_dossier_randomness(&o->d, name, height, &octets, &err);
    const bool given = rc == WS_OK;
    if (rc == WS_OK)
        rc = proof_check_state(buf_span(&o->genesis.octets), buf_span(&octets),
            CELL_CONTRACT_BEACON, span_of(key, sizeof(key)), &e, &err);
    const bool known = rc == WS_OK && e.present && beacon_height_value(e.value, ret);
    buf_free(&octets);
    *ret_unfit = given && rc != WS_OK;
    if (*ret_unfit)
        say(o, AUDIT_UNFIT, strcmp(name, "seed_value") == 0 ? "seed value" : "draw value",
            err.text);
    return known;
}

static void take_randomness(struct verify *o) {
    const struct span open = o->claim.event[FL_EVENT_OPEN];
    const struct span cut_off = o->claim.event[FL_EVENT_CUT_OFF];
    if (open.n > 0 && fl_event_decode(FL_EVENT_OPEN, open, &o->event) &&
        prove_randomness(
            o, "seed_value", o->event.open.seed_height, o->seed_value, &o->claim.unfit_seed_value))
        o->claim.seed_value = o->seed_value;
    if (cut_off.n > 0 && fl_event_decode(FL_EVENT_CUT_OFF, cut_off, &o->event) &&
        prove_randomness(o, "draw_value", o->event.cut_off.draw_height, o->draw_value,
            &o->claim.unfit_draw_value))
        o->claim.draw_value = o->draw_value;
}

/* ---- the rest ---- */

static int material(
    void *ctx, const uint8_t id[static 32], struct buf *ret_octets, struct ws_err *err) {
    return ctl_dossier_material(ctx, id, ret_octets, err);
}
static int file(
    void *ctx, const uint8_t sha256[static 32], struct buf *ret_octets, struct ws_err *err) {
    return ctl_dossier_file(ctx, sha256, ret_octets, err);
}

static void go_through(struct verify *o, struct buf *ret_model) {
    const struct audit_source from = {material, file, &o->d};
    const struct audit_hearer to = {say, o};
    struct ws_err err = {0};
    take_event(o, "seed", FL_EVENT_SEED);
    take_event(o, "cut_off", FL_EVENT_CUT_OFF);
    take_event(o, "groups", FL_EVENT_GROUPS);
    take_event(o, "opened", FL_EVENT_OPENED);
    take_event(o, "suspect", FL_EVENT_SUSPECT);
    take_randomness(o);
    if (ctl_dossier_record(&o->d, &o->record, &err) != WS_OK) {
        say(o, AUDIT_MISSING, "record", err.text);
        return;
    }
    o->claim.record = buf_span(&o->record);
    o->claim.excluded = excluded;
    o->claim.excluded_ctx = o;
    const enum audit_result result = audit_round(&o->claim, &from, &to, ret_model);
    WS_ASSERT((result != AUDIT_WRONG || o->failed > 0) &&
              (result != AUDIT_OPEN || o->unfit + o->missing > 0)); /* say has counted its lines */
}

/* Who asks for a round is told when the folder is another's; who names none takes what there is. */
static int other_round(const struct verify *o, struct ws_err *err) {
    if (o->d.from == NULL || o->d.round == 0 || o->claim.round == 0 || o->claim.round == o->d.round)
        return WS_OK;
    return ws_fail(err, WS_ENOTFOUND, "%s: round %llu is kept there, and not %llu", o->d.from,
        (unsigned long long)o->claim.round, (unsigned long long)o->d.round);
}

static int verify(struct verify *o) {
    struct ws_err err = {0};
    struct buf model = {0};
    int code = ctl_genesis_load(o->v, o->genesis_file, o->fingerprint, &o->genesis);
    if (code != CTL_DONE)
        return code;
    if (o->d.from == NULL && ctl_http_open(&o->face, &o->d.http, &err) != WS_OK)
        return ctl_fail(o->v, CTL_UNREACHABLE, &err);
    int rc = ctl_dossier_begin(&o->d, &err);
    if (rc != WS_OK)
        return ctl_fail(o->v, rc == WS_EEXIST ? CTL_USAGE : CTL_UNREACHABLE, &err);
    memcpy(o->claim.cell, o->genesis.cell_id, 32);
    o->claim.round = o->d.from == NULL ? o->d.round : 0;
    take_event(o, "open", FL_EVENT_OPEN);
    take_event(o, "end", FL_EVENT_CLOSED);
    if (other_round(o, &err) != WS_OK)
        return ctl_fail(o->v, CTL_UNREACHABLE, &err);
    if (o->claim.round == 0)
        o->claim.round = o->d.round;
    if (!o->aborted)
        go_through(o, &model);
    code = tell(o);
    if (code == CTL_DONE && o->out != NULL && model.n > 0 && holds(o) &&
        file_write(o->out, buf_span(&model), 0644, &err) != WS_OK)
        code = ctl_fail(o->v, CTL_UNREACHABLE, &err);
    buf_free(&model);
    if (o->d.lost.code != WS_OK)
        code = ctl_fail(o->v, CTL_UNREACHABLE, &o->d.lost);
    if (o->failed > 0)
        return CTL_NO; /* whatever else was lost: this much is known */
    return code == CTL_DONE && !holds(o) ? CTL_UNREACHABLE : code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct verify *o = ws_alloc(sizeof(*o));
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"genesis", CTL_TEXT, (void *)&o->genesis_file, 0, 0},
        {"fingerprint", CTL_TEXT, (void *)&o->fingerprint, 0, 0},
        {"http", CTL_FACE, &o->face, 0, 0},
        {"from", CTL_TEXT, (void *)&o->d.from, 0, 0},
        {"save", CTL_TEXT, (void *)&o->d.save, 0, 0},
        {"out", CTL_TEXT, (void *)&o->out, 0, 0},
        {"json", CTL_FLAG, &o->json, 0, 0},
    };
    int code;
    o->v = v;
    o->steps = json_array();
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 0, 1, &code)) {
        const bool numbered = words.n == 1;
        if (o->genesis_file == NULL)
            code = ctl_misuse(v, "--genesis is needed: nobody else is believed");
        else if (numbered && !value_u64(words.v[0], 1, INT64_MAX, &o->d.round))
            code = ctl_misuse(v, "'%.40s' is no round: they begin with 1", words.v[0]);
        else if (o->d.from != NULL && (o->face.address != NULL || o->d.save != NULL))
            code = ctl_misuse(v, "--from goes without --http and --save: no unit is asked");
        else if (o->d.from == NULL && !numbered)
            code = ctl_misuse(v, "which round?");
        else {
            if (o->face.address == NULL)
                o->face.address = CTL_FACE_HERE;
            code = verify(o);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(o->bundle); i++)
        buf_free(&o->bundle[i]);
    buf_free(&o->record);
    json_decref(o->steps);
    ctl_dossier_free(&o->d);
    ctl_genesis_free(&o->genesis);
    free(o);
    return code;
}

const struct ctl_verb ctl_model_verify = {"model", "verify",
    "go through a round again, with the genesis alone",
    "ROUND --genesis FILE [--fingerprint HEX] [--http ADDR] [--save FOLDER] [options]\n"
    "       rsuctl model verify [ROUND] --genesis FILE --from FOLDER [options]\n"
    "\n"
    "Checks that a quorum signed what the ledger says of the round, that its seed and groups "
    "follow "
    "from the cell's\n"
    "randomness, that each ciphertext is what its vehicle signed, and computes outcome and model "
    "again, field by field.\n"
    "The unit is not believed. A line for each step: ok, FAILS, unfit, missing or skipped, and "
    "where. "
    "Exit "
    "code 1: something\n"
    "fails, that is, a quorum signed what does not follow; 3: nothing does, but what was given is "
    "unfit (damaged, or of\n"
    "another cell or round than the genesis and the ledger name) or missing (the round is not "
    "over, the unit does not keep\n"
    "it any more or cannot be reached): then nothing is said about the round.\n"
    "\n"
    "  --genesis FILE      the cell's genesis\n"
    "  --fingerprint HEX   what its fingerprint must be\n"
    "  --http ADDR         of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --save FOLDER       keep all that is fetched there, in a folder that is new or empty\n"
    "  --from FOLDER       use what was kept there; no unit is asked\n"
    "  --out FILE          the model that follows, as it was computed here, when all holds\n"
    "  --json              print JSON\n",
    run};
