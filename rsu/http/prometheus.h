/* Prometheus text format 0.0.4, written straight into a buffer: a family's HELP and TYPE once, then all its
 * samples. Names and label names are ours (constants), label values may be any octets. Any thread, one per
 * buffer. */
#ifndef WAYSIDE_RSU_HTTP_PROMETHEUS_H
#define WAYSIDE_RSU_HTTP_PROMETHEUS_H

#include "base/bytes.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

struct metrics {
    struct buf *out;
    const char *name; /* of the family in progress */
};

void metrics_family(struct metrics *m, const char *name, enum metric_type type, const char *help);
/* Label names and values by turns, then NULL. */
void metrics_value(struct metrics *m, uint64_t value, ...) __attribute__((sentinel));
/* Seconds with six decimals from microseconds. */
void metrics_seconds(struct metrics *m, uint64_t us, ...) __attribute__((sentinel));

#endif
