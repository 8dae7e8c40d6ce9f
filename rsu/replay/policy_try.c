#include "rsu/replay/policy_try.h"

#include "base/mem.h"
#include "mapsvc/fuse/policy_fields.h"
#include "rsu/json/map.h"
#include "rsu/replay/internal.h"
#include "rsu/replay/trial.h"

#include <stdlib.h>

enum { NEAREST = 50 };

struct trying {
    const struct try_policy *policy[2]; /* in force, tried */
    struct trial trial[2];
    struct replay *replay;
};
static const char *const side_name[2] = {"in_force", "tried"};

/* ---- the policies ---- */

void try_policy_free(struct try_policy *p) {
    buf_free(&p->script);
}

int try_check(struct try_policy *p, struct ws_err *err) {
    int64_t *values = ws_calloc(cell_policy_schema()->n, sizeof(*values));
    int rc = policy_measure(buf_span(&p->script), p->name, cell_policy_schema(),
        cell_policy_limits(), values, &p->usage, err);
    free(values);
    return rc;
}

static json_t *policy_json(const struct trying *y, int side) {
    static const struct {
        const char *key;
        enum map_policy_field field;
    } asks[] = {
        {"bits", MAP_POLICY_CONFIRM_BITS},
        {"margin_bits", MAP_POLICY_MARGIN_BITS},
        {"vehicles", MAP_POLICY_MIN_VEHICLES},
        {"groups", MAP_POLICY_MIN_GROUPS},
        {"issuers", MAP_POLICY_MIN_ISSUERS},
        {"software_families", MAP_POLICY_MIN_FAMILIES},
        {"views", MAP_POLICY_MIN_VIEWS},
        {"advisory_bits", MAP_POLICY_ADVISORY_BITS},
        {"advisory_vehicles", MAP_POLICY_ADVISORY_VEHICLES},
    };
    const struct try_policy *p = y->policy[side];
    const struct trial *t = &y->trial[side];
    json_t *o = json_object();
    json_t *least = json_object();
    json_put(o, "name", json_words(span_of(p->name, strlen(p->name))));
    json_put(o, "source", json_words(span_of(p->source, strlen(p->source))));
    json_put(o, "hash", json_hex(policy_contract_hash(t->cell.policy), 32));
    json_put(o, "steps", json_count(p->usage.steps));
    json_put(o, "memory", json_count(p->usage.memory));
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        json_put(least, asks[i].key, json_integer(trial_policy(t)[asks[i].field]));
    json_put(o, "asks", least);
    return o;
}

static json_t *fields_json(const struct trying *y) {
    const struct policy_schema *schema = cell_policy_schema();
    json_t *list = json_array();
    for (size_t i = 0; i < schema->n; i++) {
        int64_t v[2] = {trial_policy(&y->trial[0])[i], trial_policy(&y->trial[1])[i]};
        if (v[0] == v[1])
            continue;
        json_t *o = json_object();
        json_put(o, "field", json_string(schema->fields[i]->name));
        json_put(o, "unit", json_string(schema->fields[i]->unit));
        for (int side = 0; side < 2; side++)
            json_put(o, side_name[side], json_integer(v[side]));
        json_add(list, o);
    }
    return list;
}

/* ---- what became of the messages ---- */

static json_t *observations_json(const struct trial *t) {
    const struct executor *ex = t->cell.ex;
    json_t *o = json_object();
    for (size_t code = 0; code < TRIAL_CODES_MAX; code++) {
        struct tx_result r = {CELL_CONTRACT_MAP, (exec_code)code};
        uint64_t n = t->results[CELL_CONTRACT_MAP][code];
        if (n > 0)
            json_put(o, executor_code_name(ex, r), json_count(n));
    }
    return o;
}

/* ---- changes ---- */

static void put_evidence(json_t *o, const struct change_record *r) {
    json_put(o, "bits", json_bits(r->bits_q16));
    json_put(o, "threshold_bits", json_bits(r->threshold_q16));
    json_put(o, "vehicles", json_count(r->vehicles));
    json_put(o, "groups", json_count(r->groups));
    json_put(o, "issuers", json_count(r->issuers));
    json_put(o, "software_families", json_count(r->families));
    json_put(o, "first_seen", json_instant(r->first_seen));
    json_put(o, "last_seen", json_instant(r->last_seen));
}

static json_t *advisory_json(const struct trial_change *c) {
    static const char *const why[] = {
        [ADVISORY_WITHDRAWN] = "withdrawn",
        [ADVISORY_EXPIRED] = "expired",
        [ADVISORY_PERMANENT] = "became_permanent",
        [ADVISORY_SUPERSEDED] = "superseded",
    };
    if (c == NULL || c->advisories == 0)
        return json_null();
    json_t *o = json_object();
    json_put(o, "at", json_instant(c->advised_at));
    json_put(o, "times", json_count(c->advisories));
    put_evidence(o, &c->advisory);
    json_put(o, "until", json_instant(c->advisory_until));
    json_put(o, "ended", c->advisory_over ? json_string(why[c->advisory_why]) : json_null());
    json_put(o, "ended_at", c->advisory_over ? json_instant(c->advisory_over_at) : json_null());
    return o;
}

static json_t *permanent_json(const struct trial_change *c) {
    if (c == NULL || !c->confirmed)
        return json_null();
    json_t *o = json_object();
    json_put(o, "confirmed_at", json_instant(c->confirmed_at));
    json_put(o, "published_at", c->published ? json_instant(c->published_at) : json_null());
    json_put(o, "version", c->published ? json_count(c->version) : json_null());
    put_evidence(o, &c->record);
    json_put(o, "element", json_hex(c->record.element_id, 16));
    json_put(o, "id", json_hex(c->record.id, 32));
    return o;
}

static json_t *lacks_json(unsigned lacks) {
    static const char *const names[] = {
#define X(id, text) text,
        MAP_LACKS(X)
#undef X
    };
    json_t *list = json_array();
    for (size_t i = 0; i < MAP_LACK_COUNT; i++) {
        if ((lacks >> i & 1) != 0)
            json_add(list, json_string(names[i]));
    }
    return list;
}

static json_t *standing_json(const struct map_suspicion *m) {
    json_t *o = json_object();
    json_put(o, "bits", json_bits(m->bits_q16));
    json_put(o, "threshold_bits", json_bits(m->threshold_q16));
    json_put(o, "vehicles", json_count(m->vehicles));
    json_put(o, "vehicles_in_a_window", json_count(m->window_vehicles));
    json_put(o, "groups", json_count(m->groups));
    json_put(o, "issuers", json_count(m->issuers));
    json_put(o, "software_families", json_count(m->families));
    json_put(o, "views", json_count(m->views));
    json_put(o, "first_seen", json_instant(m->first_seen));
    json_put(o, "last_seen", json_instant(m->last_seen));
    json_put(o, "lacks", lacks_json(m->lacks));
    return o;
}

/* any: the change as one of the two trials has it. */
static json_t *side_json(
    const struct trial *t, const struct trial_change *own, const struct trial_change *any) {
    struct map_suspicion m;
    json_t *o = json_object();
    bool open = own == NULL || !own->confirmed;
    json_put(o, "advisory", advisory_json(own));
    json_put(o, "permanent", permanent_json(own));
    json_put(o, "standing",
        open && trial_standing(t, own != NULL ? own : any, &m) ? standing_json(&m) : json_null());
    return o;
}

static json_t *verdict_json(enum trial_verdict v, int64_t us, int64_t vehicles) {
    json_t *o = json_object();
    bool both = v == TRIAL_SAME || v == TRIAL_EARLIER || v == TRIAL_LATER;
    json_put(o, "verdict", json_string(trial_verdict_name(v)));
    json_put(o, "milliseconds", both ? json_milli(us) : json_null());
    json_put(o, "vehicles", both ? json_integer(vehicles) : json_null());
    return o;
}

static json_t *change_json(const struct trying *y, const struct trial_row *r) {
    static const char *const classes[] = {
        [TRIAL_NEW] = "new",
        [TRIAL_REMOVED] = "removed",
        [TRIAL_VALUE] = "value",
        [TRIAL_MOVED] = "moved",
        [TRIAL_COVERED] = "covered",
    };
    const struct trial_change *any = r->first != NULL ? r->first : r->second;
    const struct element *e = any->record.has_after ? &any->record.after : &any->record.before;
    char words[CHANGE_WORDS_OCTETS];
    change_describe_what(&any->record, words, sizeof(words));
    json_t *o = json_object();
    json_put(o, "what", json_words(span_of(words, strlen(words))));
    json_put(o, "class", json_string(classes[any->cls]));
    json_put(o, "kind", json_string(element_kind_name(e->kind)));
    json_put(o, "permanent", verdict_json(r->permanent, r->permanent_us, r->permanent_vehicles));
    json_put(o, "advisory", verdict_json(r->advisory, r->advisory_us, r->advisory_vehicles));
    json_put(o, side_name[0], side_json(&y->trial[0], r->first, any));
    json_put(o, side_name[1], side_json(&y->trial[1], r->second, any));
    return o;
}

static json_t *totals_json(const size_t *counts) {
    json_t *o = json_object();
    for (int v = TRIAL_SAME; v < TRIAL_VERDICTS; v++)
        json_put(o, trial_verdict_name((enum trial_verdict)v), json_count(counts[v]));
    return o;
}

static void put_changes(const struct trying *y, json_t *report) {
    size_t n = 0;
    size_t permanent[TRIAL_VERDICTS] = {0};
    size_t advisory[TRIAL_VERDICTS] = {0};
    size_t differ = 0;
    struct trial_row *rows = trial_compare(&y->trial[0], &y->trial[1], &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        permanent[rows[i].permanent]++;
        advisory[rows[i].advisory]++;
        differ += rows[i].permanent > TRIAL_SAME || rows[i].advisory > TRIAL_SAME;
        json_add(list, change_json(y, &rows[i]));
    }
    free(rows);
    json_put(report, "changes", list);
    json_put(report, "permanent", totals_json(permanent));
    json_put(report, "advisory", totals_json(advisory));
    json_put(report, "differences", json_count(differ));
}

/* ---- how near the rest came ---- */

static void describe(const struct trial *t, const struct map_suspicion *m, struct buf *b) {
    const struct element *e = mapset_find(map_contract_current(t->cell.map), m->subject);
    char id[33];
    hex_encode(id, m->subject, 16);
    buf_printf(b, "%s%s", m->is_place ? "new " : "", element_kind_name(m->kind));
    if (m->op == MAP_DELETE)
        buf_printf(b, " removed");
    else if (m->moved)
        buf_printf(b, " moved");
    else if (!m->is_place && m->has_value && e != NULL && e->has_value)
        buf_printf(b, " %d -> %d", e->value, m->value);
    else if (m->has_value)
        buf_printf(b, " %d", m->value);
    buf_printf(b, ", %s", e != NULL && e->n_aliases > 0 ? e->aliases[0] : id);
}

static json_t *nearest_json(const struct trial *t) {
    struct map_suspicion m[NEAREST];
    size_t total = 0;
    size_t n = map_contract_suspicions(t->cell.map, m, NEAREST, &total);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        struct buf what = {0};
        describe(t, &m[i], &what);
        json_t *o = standing_json(&m[i]);
        json_put(o, "what", json_words(buf_span(&what)));
        json_add(list, o);
        buf_free(&what);
    }
    json_t *o = json_object();
    json_put(o, "total", json_count(total));
    json_put(o, "strongest", list);
    return o;
}

/* ---- the run ---- */

static json_t *report_of(const struct trying *y) {
    const struct replay *r = y->replay;
    struct replay_summary s = replay_summary_of(r);
    json_t *o = json_object();
    json_put(o, "format", json_string("wayside-policy-try-1"));
    for (int side = 0; side < 2; side++)
        json_put(o, side_name[side], policy_json(y, side));
    json_put(o, "fields", fields_json(y));
    json_put(o, "frames", json_count(s.frames));
    json_put(o, "verified", json_count(s.verified));
    json_put(o, "capture_seconds", json_count(s.capture_us / 1000000));
    json_put(o, "blocks", json_count(s.blocks));
    json_put(o, "transactions", json_count(s.txs));
    replay_put_heard(r, o);
    json_t *observations = json_object();
    json_t *nearest = json_object();
    for (int side = 0; side < 2; side++) {
        json_put(observations, side_name[side], observations_json(&y->trial[side]));
        json_put(nearest, side_name[side], nearest_json(&y->trial[side]));
    }
    json_put(o, "observations", observations);
    put_changes(y, o);
    json_put(o, "unconfirmed", nearest);
    return o;
}

static void on_block(void *ctx, const struct block *b) {
    struct trying *y = ctx;
    for (int side = 0; side < 2; side++)
        trial_block(&y->trial[side], b);
}

static int prepare(struct trying *y, struct ws_err *err) {
    struct replay *r = y->replay;
    struct buf body = {0};
    const struct try_policy *tried = y->policy[1];
    r->policy_name = "given";
    buf_put(&r->policy_script, y->policy[0]->script.p, y->policy[0]->script.n);
    int rc = replay_prepare(r, err);
    if (rc == WS_OK)
        rc = policy_make_body("tried", buf_span(&tried->script), cell_policy_schema(),
            cell_policy_limits(), &body, err);
    if (rc == WS_OK)
        rc = trial_open(&y->trial[0], buf_span(&r->genesis), &r->map, NULL, err);
    if (rc == WS_OK)
        rc = trial_open(&y->trial[1], buf_span(&r->genesis), &r->map, &body, err);
    buf_free(&body);
    return rc;
}

int policy_try(const struct replay_options *opt, const struct try_policy *in_force,
    const struct try_policy *tried, json_t **ret_report, struct ws_err *err) {
    struct trying *y = ws_alloc(sizeof(*y));
    y->policy[0] = in_force;
    y->policy[1] = tried;
    y->replay = replay_new(opt);
    int rc = prepare(y, err);
    if (rc == WS_OK) {
        y->replay->block = on_block;
        y->replay->block_ctx = y;
        replay_wait_for_versions(y->replay, trial_policy(&y->trial[1])[MAP_POLICY_VERSION_AGE_MS]);
        rc = replay_play(y->replay, err);
    }
    if (rc == WS_OK)
        *ret_report = report_of(y);
    for (int side = 0; side < 2; side++)
        trial_close(&y->trial[side]);
    replay_release(y->replay);
    free(y);
    return rc;
}
