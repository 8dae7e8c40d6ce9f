/* The demo town for tests of obusim, and how they use it. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_OBUSIM_MAPS_H
#define WAYSIDE_TESTS_UNIT_RSU_OBUSIM_MAPS_H

#include "tests/support/cm.h"

#include "rsu/obus/obusim.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOWN_MAP "configs/demo/town.osm"
#define TOWN_WORLD "configs/demo/town-world.osm"

static inline struct mapset map_of(const char *path) {
    struct mapset m = {0};
    struct map_import_options how = {0};
    struct ws_err err = {0};
    if (map_import(path, &how, &m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

static inline const struct sim_thing *thing_named(const struct sim_world *w, const char *alias) {
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->things[i].element->n_aliases; k++)
            if (strcmp(w->things[i].element->aliases[k], alias) == 0)
                return &w->things[i];
    fail_msg("no thing is called %s", alias);
    return NULL;
}

/* A new folder; the caller removes what it put there. */
static inline const char *test_folder(char *name) {
    assert_non_null(mkdtemp(name));
    return name;
}

static inline void remove_folder(const char *path) {
    char command[512];
    (void)snprintf(command, sizeof(command), "rm -r -- '%s'", path);
    assert_int_equal(system(command), 0);
}

#endif
