/* Learning in the daemon: its store and its part, and the operator's word "learn file PATH" on the admin socket, by which a model or a
 * root set comes to this unit. */
#include "rsu/learning.h"
#include "rsu/rsud_internal.h"

#include <stdio.h>
#include <string.h>

static const char word[] = "learn file ";
enum { WORD = sizeof(word) - 1 };

int daemon_open_learning(struct daemon *d, struct ws_err *err) {
    char path[4096];
    const struct materials_limits limits = materials_limits_default();
    if (snprintf(path, sizeof(path), "%s/materials", d->config.data) >= (int)sizeof(path))
        return ws_fail(err, WS_EINPUT, "data: too long a path");
    int rc = materials_open(path, &limits, &d->face.materials, err);
    if (rc != WS_OK)
        return rc;
    d->learning_random = ws_random_system();
    (void)snprintf(path, sizeof(path), "%s/learning", d->config.data);
    struct learning_config cfg = {.signer = d->signer,
        .folder = path,
        .materials = d->face.materials,
        .random = &d->learning_random};
    memcpy(cfg.cell, d->face.cell_id, sizeof(cfg.cell));
    rc = learning_open(&cfg, &d->learning, err);
    d->face.learning = d->learning;
    return rc;
}

void daemon_close_learning(struct daemon *d) {
    learning_close(d->learning);
    materials_close(d->face.materials);
}

bool daemon_learning_order(struct daemon *d, struct span order) {
    char path[4096];
    if (order.n < WORD || memcmp(order.p, word, WORD) != 0)
        return false;
    (void)snprintf(path, sizeof(path), "%.*s", (int)(order.n - WORD), (const char *)order.p + WORD);
    learning_take_file(d->learning, path, admin_take_socket(d->admin));
    return true;
}
