/* /metrics about what was heard: what was heard before, and how believable it was. */
#include "rsu/http/internal.h"
#include "rsu/http/prometheus.h"

/* ---- what was heard before, here or at a neighbour ---- */

static void put_replay(struct metrics *m, const struct http_view *v) {
    static const char key[] = "origin";
    static const char ours[] = "unit";
    static const char theirs[] = "neighbours";
    const struct replay_window_counters *w = &v->window;
    const struct gossip_counters *g = &v->gossip;
    metrics_family(m, "wayside_replay_identities", METRIC_GAUGE,
        "Message identities remembered, by who handed the message on");
    metrics_value(m, w->used - w->told_used, key, ours, NULL);
    metrics_value(m, w->told_used, key, theirs, NULL);
    metrics_family(m, "wayside_replay_identities_max", METRIC_GAUGE,
        "Their bounds; those of neighbours lie within those of the unit");
    metrics_value(m, w->slots, key, ours, NULL);
    metrics_value(m, w->told_slots, key, theirs, NULL);
    metrics_family(m, "wayside_replay_evicted_total", METRIC_COUNTER,
        "Identities forgotten while still fresh; replay_slots is too small");
    metrics_value(m, w->evicted, key, ours, NULL);
    metrics_value(m, w->told_evicted, key, theirs, NULL);
    metrics_family(m, "wayside_gossip_sent_total", METRIC_COUNTER,
        "Identities of beacons for the neighbours; unsent: the rate was used up");
    metrics_value(m, g->told, "outcome", "sent", NULL);
    metrics_value(m, g->untold, "outcome", "unsent", NULL);
    metrics_family(m, "wayside_gossip_batches_total", METRIC_COUNTER, "Batches these went out in");
    metrics_value(m, g->batches, NULL);
    metrics_family(m, "wayside_gossip_received_total", METRIC_COUNTER,
        "Identities from neighbours; over_rate: beyond what one neighbour may tell, not taken");
    metrics_value(m, w->told, "outcome", "new", NULL);
    metrics_value(m, w->told_known, "outcome", "known", NULL);
    metrics_value(m, g->over_rate, "outcome", "over_rate", NULL);
    metrics_family(m, "wayside_gossip_malformed_total", METRIC_COUNTER,
        "Batches from neighbours that could not be read");
    metrics_value(m, g->malformed, NULL);
}

/* ---- how believable it was ---- */

static void put_plausibility(struct metrics *m, const struct http_view *v) {
    const struct plausibility_counters *n = &v->plausibility;
    metrics_family(m, "wayside_plausibility_messages_total", METRIC_COUNTER,
        "Verified messages by how believable they were; none is refused for it");
    metrics_value(m, n->clean, "judgement", "clean", NULL);
    metrics_value(m, n->judged - n->clean, "judgement", "flagged", NULL);
    metrics_value(m, n->unjudged, "judgement", "unjudged", NULL);
    metrics_family(m, "wayside_plausibility_flags_total", METRIC_COUNTER,
        "Flags raised; a message may have several");
    for (int f = 0; f < PLAUSIBILITY_FLAG_COUNT; f++)
        metrics_value(
            m, n->flag[f], "flag", plausibility_flag_name((enum plausibility_flag)f), NULL);
    metrics_family(m, "wayside_plausibility_tracks", METRIC_GAUGE, "Signers remembered");
    metrics_value(m, n->used, NULL);
    metrics_family(m, "wayside_plausibility_tracks_max", METRIC_GAUGE, "Its bound");
    metrics_value(m, n->tracks, NULL);
    metrics_family(m, "wayside_plausibility_forgotten_total", METRIC_COUNTER,
        "Signers forgotten for others while they were still heard; too few tracks");
    metrics_value(m, n->forgotten, NULL);
}

void http_metrics_heard(struct metrics *m, const struct http_view *v) {
    put_replay(m, v);
    put_plausibility(m, v);
}
