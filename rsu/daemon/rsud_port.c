/* Orders of an operator to ports, through the admin socket: "port list", "port stop PORT", "port start PORT". */
#include "rsu/daemon/rsud_internal.h"

#include "pktio/port_check.h"
#include "rsu/config/value.h"
#include "rsu/json/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 3, ORDER_MAX = 64 };

static json_t *port_json(struct daemon *d, size_t i) {
    const struct config_port *p = &d->config.ports[i];
    struct worker_counters c;
    worker_read_counters(d->face.workers[i], &c);
    json_t *o = json_object();
    json_put(o, "port", json_count(i));
    json_put(o, "kind", json_string(port_kind_name(p->kind)));
    json_put(o, "interface",
        p->interface == NULL ? json_string("")
                             : json_words(span_of(p->interface, strlen(p->interface))));
    json_put(o, "workers", json_count(p->workers));
    json_put(o, "state", json_string(worker_state_name(c.state)));
    json_put(o, "trouble", json_words(span_of(c.trouble, strlen(c.trouble))));
    json_put(o, "frames", json_count(c.pipe.frames));
    return o;
}

static void list(struct daemon *d, struct buf *line) {
    json_t *all = json_array();
    for (size_t i = 0; i < d->face.n_workers; i++)
        json_add(all, port_json(d, i));
    char *text = json_dumps(all, JSON_COMPACT);
    buf_printf(line, "ok %s", text == NULL ? "[]" : text);
    free(text);
    json_decref(all);
}

/* By its number or the name of its interface; n_workers: none. */
static size_t find(const struct daemon *d, const char *word) {
    uint64_t n = 0;
    if (value_u64(word, 0, CONFIG_PORTS_MAX, &n) && n < d->face.n_workers)
        return (size_t)n;
    for (size_t i = 0; i < d->face.n_workers; i++) {
        const char *name = d->config.ports[i].interface;
        if (name != NULL && strcmp(name, word) == 0)
            return i;
    }
    return d->face.n_workers;
}

static void run(struct daemon *d, const char *word, bool start, struct buf *line) {
    size_t i = find(d, word);
    if (i == d->face.n_workers)
        buf_printf(line, "no there is no port %s", word);
    else if (!worker_order(d->face.workers[i], start))
        buf_printf(line, "no port %zu is a %s: it cannot be stopped", i,
            port_kind_name(d->config.ports[i].kind));
    else
        buf_printf(line, "ok %zu", i);
}

bool daemon_port_order(struct daemon *d, struct span order, struct buf *ret_line) {
    char text[ORDER_MAX];
    char *word[WORDS_MAX] = {"", "", ""};
    size_t n = 0;
    if (order.n < 5 || order.n >= sizeof(text) || memcmp(order.p, "port ", 5) != 0)
        return false;
    for (size_t i = 0; i < order.n; i++)
        text[i] = order.p[i] > ' ' && order.p[i] < 0x7f ? (char)order.p[i] : ' ';
    text[order.n] = '\0';
    char *rest = NULL;
    for (char *w = strtok_r(text, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest), n++) {
        if (n < WORDS_MAX)
            word[n] = w;
    }
    if (n == 2 && strcmp(word[1], "list") == 0)
        list(d, ret_line);
    else if (n == 3 && (strcmp(word[1], "stop") == 0 || strcmp(word[1], "start") == 0))
        run(d, word[2], strcmp(word[1], "start") == 0, ret_line);
    else
        buf_printf(ret_line, "no the orders for ports are list, stop PORT and start PORT");
    return true;
}
