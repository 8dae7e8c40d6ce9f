/* Maps as files, whatever form they have. */
#include "rsu/ctl/map.h"

#include "base/fileio.h"

#include <stdio.h>

enum { SNAPSHOT_MAX = 1 << 30 };

void ctl_map_tell(const struct map_report *report, const char *what) {
    for (size_t i = 0; i < report->n; i++)
        (void)fprintf(stderr, "%s: %s\n", what, report->text[i]);
    if (report->notes > report->n)
        (void)fprintf(stderr, "%s: and %zu more\n", what, report->notes - report->n);
}

int ctl_map_snapshot_load(const char *path, struct map_snapshot *ret, struct ws_err *err) {
    struct buf b = {0};
    int rc = file_read(path, SNAPSHOT_MAX, &b, err);
    if (rc == WS_OK && map_snapshot_decode(buf_span(&b), ret, err) != WS_OK)
        rc = ws_fail_in(err, "%s", path);
    buf_free(&b);
    return rc;
}

static bool is_snapshot(const char *path) {
    uint8_t head[8];
    FILE *f = fopen(path, "rb");
    bool is = f != NULL && fread(head, 1, sizeof(head), f) == sizeof(head) &&
              map_snapshot_begins(span_of(head, sizeof(head)));
    if (f != NULL)
        (void)fclose(f);
    return is;
}

int ctl_map_load(const char *path, const struct map_import_options *how, struct mapset *m,
    struct map_report *report, struct ws_err *err) {
    if (is_snapshot(path)) {
        struct map_snapshot s;
        int rc = ctl_map_snapshot_load(path, &s, err);
        if (report != NULL)
            *report = (struct map_report){0};
        if (rc == WS_OK)
            *m = s.map;
        return rc;
    }
    int rc = map_import(path, how, m, report, err);
    if (rc == WS_OK && report != NULL)
        ctl_map_tell(report, "note");
    return rc;
}
