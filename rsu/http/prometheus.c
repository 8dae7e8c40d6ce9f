#include "rsu/http/prometheus.h"

#include <inttypes.h>
#include <stdarg.h>

void metrics_family(struct metrics *m, const char *name, enum metric_type type, const char *help) {
    m->name = name;
    buf_printf(m->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
        type == METRIC_COUNTER ? "counter" : "gauge");
}

/* The format knows three escapes in label values; other control characters would break its lines apart for some
 * readers, so they become spaces. */
static void put_label(struct buf *b, const char *value) {
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"')
            buf_printf(b, "\\%c", *c);
        else if (*c == '\n')
            buf_printf(b, "\\n");
        else
            buf_u8(b, (unsigned char)*c < 0x20 ? ' ' : (uint8_t)*c);
    }
}

static void put_name(struct metrics *m, va_list labels) {
    buf_printf(m->out, "%s", m->name);
    const char *mark = "{";
    for (const char *name; (name = va_arg(labels, const char *)) != NULL; mark = ",") {
        buf_printf(m->out, "%s%s=\"", mark, name);
        put_label(m->out, va_arg(labels, const char *));
        buf_printf(m->out, "\"");
    }
    buf_printf(m->out, "%s ", *mark == '{' ? "" : "}");
}

void metrics_value(struct metrics *m, uint64_t value, ...) {
    va_list ap;
    va_start(ap, value);
    put_name(m, ap);
    va_end(ap);
    buf_printf(m->out, "%" PRIu64 "\n", value);
}

void metrics_seconds(struct metrics *m, uint64_t us, ...) {
    va_list ap;
    va_start(ap, us);
    put_name(m, ap);
    va_end(ap);
    buf_printf(m->out, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}
