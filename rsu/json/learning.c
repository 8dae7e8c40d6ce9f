#include "rsu/json/learning.h"

#include "fedlearn/round/outcome.h"

json_t *json_place(const struct json_place *p) {
    if (p->height == 0)
        return json_null();
    json_t *o = json_object();
    json_put(o, "height", json_count(p->height));
    json_put(o, "sequence", json_count(p->sequence));
    return o;
}

json_t *json_learn_steps(const struct json_place at[static JSON_LEARN_STEPS]) {
    static const char *const names[JSON_LEARN_STEPS] = {
        "open", "seed", "cut_off", "groups", "opened", "end", "suspect"};
    json_t *o = json_object();
    for (size_t i = 0; i < JSON_LEARN_STEPS; i++)
        json_put(o, names[i], json_place(&at[i]));
    return o;
}

json_t *json_hash_or_null(const uint8_t hash[static 32]) {
    uint8_t any = 0;
    for (size_t i = 0; i < 32; i++)
        any |= hash[i];
    return any == 0 ? json_null() : json_hex(hash, 32);
}

json_t *json_model_view(const struct fl_model_view *m, uint64_t height) {
    if (m->name[0] == '\0')
        return json_null();
    json_t *o = json_object();
    json_put(o, "name", json_words(span_of(m->name, strnlen(m->name, sizeof(m->name)))));
    json_put(o, "version", json_count(m->version));
    json_put(o, "hash", json_hex(m->hash, 32));
    json_put(o, "params", json_count(m->params));
    json_put(o, "classes", json_count(m->classes));
    json_put(o, "root_set", json_hash_or_null(m->root_set));
    json_put(o, "parent", json_hash_or_null(m->parent));
    json_put(o, "height", height == 0 ? json_null() : json_count(height));
    return o;
}

json_t *json_learn_members(const struct fl_open *o) {
    json_t *list = json_array();
    for (size_t i = 0; i < o->n; i++) {
        json_t *member = json_object();
        json_put(member, "address", json_hex(o->seat[i].address, 32));
        json_put(member, "key", json_hex(o->seat[i].key.b, sizeof(o->seat[i].key.b)));
        json_add(list, member);
    }
    return list;
}

const char *json_learn_record(enum fl_record kind) {
    static const char *const names[] = {
        "unknown", "key", "attest", "complaint", "shares", "outcome"};
    return names[(size_t)kind < ARRAY_LEN(names) ? kind : 0];
}

json_t *json_learn_rules(const struct fl_round_config *k) {
    static const char *const locations[FL_LOCATION_COUNT] = {"mean", "trimmed", "distance", "krum"};
    json_t *safety = json_array();
    for (unsigned c = 0; c < 32; c++)
        if ((k->safety_classes >> c & 1U) != 0)
            json_add(safety, json_count(c));
    json_t *o = json_object();
    json_put(o, "profile", json_string(k->profile->name));
    json_put(o, "clip", json_count(k->scale.clip));
    json_put(o, "clip_inf", json_count(k->scale.clip_inf));
    json_put(o, "noise", json_count(k->scale.noise));
    json_put(o, "group_min", json_count(k->group_min));
    json_put(o, "group", json_count(k->group));
    json_put(o, "submissions_max", json_count(k->submissions_max));
    json_put(o, "submit_us", json_count(k->submit_us));
    json_put(o, "attest_us", json_count(k->attest_us));
    json_put(o, "open_us", json_count(k->open_us));
    json_put(o, "judge_us", json_count(k->judge_us));
    json_put(o, "epoch_us", json_count(k->epoch_us));
    json_put(o, "min_groups", json_count(k->rules.min_groups));
    json_put(o, "location", json_string(locations[k->rules.location]));
    json_put(o, "clip_thousandths", json_count(k->rules.clip_thousandths));
    json_put(o, "cosine_thousandths", json_integer(k->rules.cosine_thousandths));
    json_put(o, "trim_thousandths", json_count(k->rules.trim_thousandths));
    json_put(o, "mad_thousandths", json_count(k->rules.mad_thousandths));
    json_put(o, "spread_thousandths", json_count(k->rules.spread_thousandths));
    json_put(o, "krum_thousandths", json_count(k->rules.krum_thousandths));
    json_put(o, "momentum_thousandths", json_count(k->rules.momentum_thousandths));
    json_put(o, "bad_ppm", json_count(k->suspicion.bad_ppm));
    json_put(o, "flag_bad_ppm", json_count(k->suspicion.flag_bad_ppm));
    json_put(o, "flag_good_ppm", json_count(k->suspicion.flag_good_ppm));
    json_put(o, "quarantine_q16", json_integer(k->suspicion.quarantine));
    json_put(o, "floor_q16", json_integer(k->suspicion.floor));
    json_put(o, "quarantine_rounds", json_count(k->suspicion.quarantine_rounds));
    json_put(o, "veto_ppm", json_count(k->veto_ppm));
    json_put(o, "veto_total_ppm", json_count(k->veto_total_ppm));
    json_put(o, "safety_classes", safety);
    return o;
}

/* ---- outcomes ---- */

json_t *json_learn_verdicts(const struct fl_outcome *o) {
    uint32_t n[FL_VERDICT_COUNT] = {0};
    for (size_t i = 0; i < o->n_groups; i++)
        n[o->group[i].verdict]++;
    json_t *counts = json_object();
    for (size_t v = 0; v < FL_VERDICT_COUNT; v++)
        json_put(counts, fl_verdict_name((enum fl_verdict_code)v), json_count(n[v]));
    return counts;
}

static uint64_t rows_of(const struct fl_outcome *o, const uint32_t *n, size_t class) {
    uint64_t rows = 0;
    for (size_t said = 0; said < o->classes; said++)
        rows += n[class * o->classes + said];
    return rows;
}

json_t *json_learn_recall(const struct fl_outcome *o) {
    uint64_t rows = 0;
    uint64_t before = 0;
    uint64_t after = 0;
    if (o->classes == 0)
        return json_null();
    json_t *classes = json_array();
    for (size_t k = 0; k < o->classes; k++) {
        const size_t right = k * o->classes + k;
        json_t *c = json_object();
        json_put(c, "rows", json_count(rows_of(o, o->before, k)));
        json_put(c, "right_before", json_count(o->before[right]));
        json_put(c, "right_after", json_count(o->after[right]));
        json_add(classes, c);
        rows += rows_of(o, o->before, k);
        before += o->before[right];
        after += o->after[right];
    }
    json_t *all = json_object();
    json_put(all, "rows", json_count(rows));
    json_put(all, "right_before", json_count(before));
    json_put(all, "right_after", json_count(after));
    json_put(all, "classes", classes);
    return all;
}

json_t *json_learn_changes(const struct fl_outcome *o) {
    json_t *list = json_array();
    for (size_t i = 0; i < o->n_changes; i++) {
        json_t *c = json_object();
        json_put(c, "parameter", json_count(o->change[i].index));
        json_put(c, "before_q20", json_integer(o->change[i].before));
        json_put(c, "after_q20", json_integer(o->change[i].after));
        json_add(list, c);
    }
    return list;
}

static json_t *group(const struct fl_group_outcome *g) {
    json_t *o = json_object();
    json_put(o, "verdict", json_string(fl_verdict_name(g->verdict)));
    json_put(o, "clipped", json_boolean(g->clipped));
    json_put(o, "residual", json_count(g->residual));
    json_put(o, "norm", json_count(g->norm));
    json_put(o, "distance", json_count(g->distance));
    json_put(o, "sum_hash", json_hash_or_null(g->sum_hash));
    return o;
}

static json_t *matrix(const struct fl_outcome *o, const uint32_t *n) {
    json_t *rows = json_array();
    for (size_t k = 0; k < o->classes; k++) {
        json_t *row = json_array();
        for (size_t said = 0; said < o->classes; said++)
            json_add(row, json_count(n[k * o->classes + said]));
        json_add(rows, row);
    }
    return rows;
}

/* Classes that the step lost too much of. */
static json_t *vetoes(const struct fl_open *open, const struct fl_outcome *o) {
    json_t *list = json_array();
    for (unsigned k = 0; o->vetoed && k < o->classes; k++) {
        struct fl_class_recall n;
        const enum fl_veto veto = fl_outcome_veto(open, o, k, &n);
        if (veto == FL_VETO_NONE)
            continue;
        json_t *x = json_object();
        json_put(x, "class", json_count(k));
        json_put(x, "bound", json_string(fl_veto_name(veto)));
        json_put(x, "rows", json_count(n.rows));
        json_put(x, "right_before", json_count(n.before));
        json_put(x, "right_best", json_count(n.best));
        json_put(x, "right_after", json_count(n.after));
        json_add(list, x);
    }
    return list;
}

json_t *json_learn_outcome(const struct fl_open *open, const struct fl_outcome *o) {
    json_t *groups = json_array();
    for (size_t i = 0; i < o->n_groups; i++)
        json_add(groups, group(&o->group[i]));
    json_t *out = json_object();
    json_put(out, "groups", groups);
    json_put(out, "step", json_boolean(o->step));
    json_put(out, "vetoed", json_boolean(o->vetoed));
    json_put(out, "vetoed_by", vetoes(open, o));
    json_put(out, "groups_in_step", json_count(o->accepted));
    json_put(out, "vehicles_in_step", json_count(o->vehicles));
    json_put(out, "step_norm_q20", json_count(o->step_norm));
    json_put(out, "model_hash", json_hex(o->model_hash, 32));
    json_put(out, "recall", json_learn_recall(o));
    json_put(out, "said_before", matrix(o, o->before));
    json_put(out, "said_after", matrix(o, o->after));
    json_put(out, "changes", json_learn_changes(o));
    return out;
}

/* ---- who did wrong ---- */

static json_t *at_place(const struct json_place *p) {
    json_t *o = json_object();
    json_put(o, "height", json_count(p->height));
    json_put(o, "sequence", json_count(p->sequence));
    return o;
}

json_t *json_learn_fault(const struct fl_event_body *e, const struct json_place *p) {
    json_t *o = at_place(p);
    json_put(o, "address", json_hex(e->fault.address, 32));
    json_put(o, "fault", json_string(fl_fault_name(e->fault.fault)));
    json_put(o, "what", json_count(e->fault.what));
    return o;
}

json_t *json_learn_exclusion(const struct fl_event_body *e, const struct json_place *p) {
    json_t *o = at_place(p);
    json_put(o, "token", json_hex(e->excluded.token, 32));
    json_put(o, "reason", json_string(fl_exclusion_name(e->excluded.reason)));
    json_put(o, "submission", json_count(e->excluded.submission));
    return o;
}

void json_learn_standings(const struct fl_event_body *e, const struct json_place *p, json_t *list) {
    for (size_t i = 0; i < e->suspects.n; i++) {
        struct fl_suspect s;
        json_t *o = at_place(p);
        fl_event_suspect(e, i, &s);
        json_put(o, "token", json_hex(s.token, FL_TOKEN));
        json_put(o, "standing", json_string(fl_standing_name(s.standing)));
        json_put(o, "score_q16", json_integer(s.score));
        json_put(o, "flagged_round", json_count(s.evidence >> 16));
        json_put(o, "flagged_group", json_count(s.evidence & 0xffff));
        json_add(list, o);
    }
}
