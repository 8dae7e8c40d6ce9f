/* How large the diff of one speed limit is: for each limit of a map, the version record that gives it another figure (what is
 * hashed, proven and fetched; without the certificate of its block) and the notice that goes to vehicles. Beside it what the
 * record would be with the shape of the lane in it twice. `bench_map_diff MAP...`, by default all maps of the data folder;
 * 77 when it is absent. */
#include "base/mem.h"
#include "mapsvc/fuse/notice.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b) {
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    return (x > y) - (x < y);
}

struct sizes {
    size_t *record, *twice, *notice, n;
};

/* With a place for what it supersedes and evidence of the usual size. */
static void measure(const struct mapset *m, const struct element *e, struct sizes *s) {
    struct change_record c = {.op = MAP_MODIFY,
        .tier = TIER_PERMANENT,
        .has_before = true,
        .has_after = true,
        .has_supersedes = true,
        .before = element_copy(e),
        .after = element_copy(e)};
    memcpy(c.element_id, e->id, sizeof(c.element_id));
    c.after.revision++;
    c.after.value = e->value == 30 ? 50 : 30;
    change_seal(&c);
    struct map_version v = {.version = 2, .changes = &c, .n_changes = 1};
    struct buf b = {0};
    map_version_encode(&v, &b);
    s->record[s->n] = b.n;
    buf_clear(&b);
    element_encode_difference(&c.before, &c.after, &b);
    size_t difference = b.n;
    buf_clear(&b);
    element_encode(&c.after, &b);
    s->twice[s->n] = s->record[s->n] - difference + b.n;
    buf_clear(&b);
    struct notice n = {.map_version = 2, .time = 700000000000000};
    notice_from_change(&c, &m->frame, &n);
    notice_put(&b, &n);
    s->notice[s->n++] = b.n;
    buf_free(&b);
    change_free(&c);
}

static void print(const char *name, struct sizes *s) {
    size_t small = 0;
    size_t before = 0;
    for (size_t i = 0; i < s->n; i++) {
        small += s->record[i] <= 1000 ? 1 : 0;
        before += s->twice[i] <= 1000 ? 1 : 0;
    }
    qsort(s->record, s->n, sizeof(s->record[0]), by_size);
    qsort(s->twice, s->n, sizeof(s->twice[0]), by_size);
    qsort(s->notice, s->n, sizeof(s->notice[0]), by_size);
    const size_t p90 = s->n * 9 / 10;
    (void)printf("  %-46s %4zu limits: p50 %4zu, p90 %4zu, max %5zu octets, %3zu %% within 1000 "
                 "(shape twice: p90 %5zu, max %5zu, %3zu %%); to vehicles at most %zu\n",
        name, s->n, s->record[s->n / 2], s->record[p90], s->record[s->n - 1], 100 * small / s->n,
        s->twice[p90], s->twice[s->n - 1], 100 * before / s->n, s->notice[s->n - 1]);
}

static bool one_map(const char *path, struct sizes *all) {
    struct mapset m;
    struct ws_err err;
    if (map_import(path, NULL, &m, NULL, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return false;
    }
    struct sizes s = {.record = ws_calloc(m.n, sizeof(size_t)),
        .twice = ws_calloc(m.n, sizeof(size_t)),
        .notice = ws_calloc(m.n, sizeof(size_t))};
    for (size_t i = 0; i < m.n; i++)
        if (m.elements[i].kind == EL_SPEED_LIMIT)
            measure(&m, &m.elements[i], &s);
    const char *name = strrchr(path, '/');
    if (s.n > 0)
        print(name == NULL ? path : name + 1, &s);
    size_t n = all->n + s.n;
    all->record = ws_realloc(all->record, n * sizeof(size_t));
    all->twice = ws_realloc(all->twice, n * sizeof(size_t));
    all->notice = ws_realloc(all->notice, n * sizeof(size_t));
    if (s.n > 0) {
        memcpy(all->record + all->n, s.record, s.n * sizeof(size_t));
        memcpy(all->twice + all->n, s.twice, s.n * sizeof(size_t));
        memcpy(all->notice + all->n, s.notice, s.n * sizeof(size_t));
    }
    all->n = n;
    free(s.record);
    free(s.twice);
    free(s.notice);
    mapset_free(&m);
    return true;
}

int main(int argc, char **argv) {
    const char *dir = getenv("WAYSIDE_DATA");
    char pattern[4096];
    glob_t found = {0};
    for (int i = 1; i < argc; i++)
        (void)glob(argv[i], GLOB_NOCHECK | (i > 1 ? GLOB_APPEND : 0), NULL, &found);
    static const char *const ours[] = {"lanelet2/*.osm", "opendrive/*.xodr"};
    for (size_t i = 0; i < ARRAY_LEN(ours) && argc == 1; i++) {
        (void)snprintf(pattern, sizeof(pattern), "%s/maps/%s",
            dir != NULL && dir[0] != '\0' ? dir : "../shared/data", ours[i]);
        (void)glob(pattern, i > 0 ? GLOB_APPEND : 0, NULL, &found);
    }
    if (found.gl_pathc == 0)
        return 77;
    (void)printf("diff of one speed limit (version record, without certificate):\n");
    struct sizes all = {0};
    bool good = true;
    for (size_t i = 0; i < found.gl_pathc; i++)
        good = one_map(found.gl_pathv[i], &all) && good;
    if (all.n > 0)
        print("all of them", &all);
    free(all.record);
    free(all.twice);
    free(all.notice);
    globfree(&found);
    return good ? 0 : 1;
}
