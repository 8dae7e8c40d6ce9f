/* The part of /metrics about signed lists. */
#include "rsu/http/internal.h"
#include "rsu/http/prometheus.h"

/* The labels that tell two lists apart, also of one file. */
static void put_seconds(struct metrics *m, const struct http_list *l, uint32_t seconds) {
    metrics_value(m, seconds, "list", l->name, "kind", l->kind, "authority", l->authority, "series",
        l->series, "sequence", l->sequence, NULL);
}

static void put_each(struct metrics *m, const struct http_view *v) {
    metrics_family(m, "wayside_list_age_seconds", METRIC_GAUGE, "Time since the list was issued");
    for (size_t i = 0; i < v->n_lists; i++) {
        const struct http_list *l = &v->list[i];
        put_seconds(m, l, v->its_s > l->issued_s ? v->its_s - l->issued_s : 0);
    }
    metrics_family(m, "wayside_list_next_update_seconds", METRIC_GAUGE,
        "Time until the next one is due; 0 when it is overdue");
    for (size_t i = 0; i < v->n_lists; i++) {
        const struct http_list *l = &v->list[i];
        put_seconds(m, l, l->next_s > v->its_s ? l->next_s - v->its_s : 0);
    }
    metrics_family(m, "wayside_list_overdue_seconds", METRIC_GAUGE,
        "Time since the next one was due; it goes on revoking");
    for (size_t i = 0; i < v->n_lists; i++) {
        const struct http_list *l = &v->list[i];
        put_seconds(m, l, v->its_s > l->next_s ? v->its_s - l->next_s : 0);
    }
    metrics_family(m, "wayside_list_entries", METRIC_GAUGE,
        "Certificates, devices and groups, authorities or commands in the list");
    for (size_t i = 0; i < v->n_lists; i++) {
        const struct http_list *l = &v->list[i];
        metrics_value(m, l->entries, "list", l->name, "kind", l->kind, "authority", l->authority,
            "series", l->series, "sequence", l->sequence, NULL);
    }
}

static void one(
    struct metrics *m, const char *name, enum metric_type type, const char *help, uint64_t value) {
    metrics_family(m, name, type, help);
    metrics_value(m, value, NULL);
}

void http_put_lists(struct metrics *m, const struct http_view *v) {
    size_t overdue = 0, unapplied = 0;
    for (size_t i = 0; i < v->n_lists; i++) {
        overdue += v->list[i].next_s < v->its_s;
        unapplied += !v->list[i].applied;
    }
    one(m, "wayside_lists", METRIC_GAUGE, "Signed lists in force", v->n_lists);
    one(m, "wayside_lists_max", METRIC_GAUGE, "Its bound", REVOCATIONS_LISTS_MAX);
    one(m, "wayside_lists_overdue", METRIC_GAUGE, "Of these, those whose next one is overdue",
        overdue);
    one(m, "wayside_lists_unapplied", METRIC_GAUGE,
        "Of these, those beyond the configured limits, which revoke nobody", unapplied);
    one(m, "wayside_list_scans_total", METRIC_COUNTER, "Times the folder of lists had changed",
        v->lists.scans);
    metrics_family(m, "wayside_lists_refused_total", METRIC_COUNTER,
        "Files and lists that were not taken, by reason; counted again with each change of the "
        "folder");
    for (int i = 0; i < REFUSED_REASONS; i++)
        metrics_value(m, v->lists.refused_total[i], "reason",
            revocations_reason_name((enum revocations_reason)i), NULL);
    one(m, "wayside_revoked_linkage_values", METRIC_GAUGE,
        "Linkage values in the set: of the last, the present and the next period", v->lists.values);
    one(m, "wayside_revocation_octets", METRIC_GAUGE, "Memory of the set", v->lists.octets);
    put_each(m, v);
    one(m, "wayside_learned_issuers", METRIC_GAUGE,
        "Issuing certificates learned from neighbours, under roots of the cell", v->lists.learned);
    metrics_family(m, "wayside_issuers_offered_total", METRIC_COUNTER,
        "Issuing certificates that verified messages carried, by what became of them");
    for (int i = 0; i < LEARNED_OUTCOMES; i++)
        metrics_value(m, v->lists.offered[i], "outcome",
            revocations_learned_name((enum revocations_learned)i), NULL);
}
