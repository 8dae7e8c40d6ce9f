/* Writes the corpus of fuzz_audit: rounds that have closed, one with all groups opened, and two with one that was given up. usage:
 * make_audit_corpus FOLDER */
#include "tests/unit/rsu/audit_rig.h"

#include <stdio.h>
#include <stdlib.h>

enum { MATERIALS = 2 }; /* of a round: the others are no different */

static void put_record(struct buf *b, struct span s) {
    buf_u32(b, (uint32_t)s.n);
    buf_put(b, s.p, s.n);
}

static void put(const char *folder, const char *name, const struct dossier *d) {
    char path[4096];
    struct buf b = {0};
    buf_u8(&b, 2); /* these events, and randomness */
    buf_put(&b, d->claim.cell, 32);
    buf_put(&b, d->seed_value, 32);
    buf_put(&b, d->draw_value, 32);
    put_record(&b, d->claim.record);
    for (int t = FL_EVENT_OPEN; t <= FL_EVENT_CLOSED; t++)
        put_record(&b, d->claim.event[t]);
    put_record(&b, d->claim.event[FL_EVENT_SUSPECT]);
    put_record(&b, d->claim.event[FL_EVENT_EXCLUDED]);
    for (size_t i = 0; i < MATERIALS; i++)
        put_record(&b, buf_span(&d->material[i]));
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
    buf_free(&b);
}

int main(int argc, char **argv) {
    static const char *const names[] = {"round", "bad-share", "not-in-time"};
    if (argc != 2)
        return 2;
    for (int why = DOSSIER_ALL_OPENED; why <= DOSSIER_NO_SHARES; why++) {
        struct dossier *d = dossier_open((enum dossier_unopened)why);
        put(argv[1], names[why], d);
        dossier_free(d);
    }
    return 0;
}
