/* Writes the seeds of fuzz_beacon: every kind of record and state, as members and contract make them.
 * usage: make_beacon_corpus FOLDER */
#include "base/fileio.h"
#include "tests/support/beacon_rig.h"

#include <stdio.h>

static const char *folder;

static void put(const char *name, const uint8_t *head, size_t n, struct span s) {
    char path[512];
    struct buf b = {0};
    buf_put(&b, head, n);
    buf_put(&b, s.p, s.n);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    struct ws_err err;
    if (file_write(path, buf_span(&b), 0644, &err) != WS_OK)
        (void)fprintf(stderr, "%s\n", err.text);
    buf_free(&b);
}

static unsigned made;
static bool save(struct beacon_rig *r, size_t person, uint16_t kind, struct buf *body) {
    char name[64];
    if (person == 0 && made < 24) {
        const uint8_t decoder[1] = {(uint8_t)(kind - 1)};
        (void)snprintf(name, sizeof(name), "record-%u-%u", kind, made);
        put(name, decoder, sizeof(decoder), buf_span(body));
        const uint64_t height = r->host.height;
        const uint8_t judged[3] = {(uint8_t)(height == 2   ? 5
                                             : height == 3 ? 6
                                                           : 7),
            (uint8_t)person, (uint8_t)kind};
        (void)snprintf(name, sizeof(name), "judge-%u-%u", kind, made++);
        put(name, judged, sizeof(judged), buf_span(body));
    }
    return true;
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    folder = argv[1];
    struct beacon_rig *r = ws_alloc(sizeof(*r));
    const struct beacon_params p = {
        .every = 1, .window = 16, .settle = 2, .attempt = 16, .again = 8};
    beacon_rig_open(r, &p, 4, NULL);
    r->bend = save;
    beacon_rig_blocks(r, 9);
    const struct beacon_contract *c = beacon_rig_state(r);
    const struct live_key *k = beacon_find_key(c, c->in_force);
    struct own_key own;
    own_key_derive(r->secret[0], c->cell, r->person[0].address, &own);
    struct review v = {.serial = k->key.g.serial, .n = 1};
    complaint_make(&k->key.g, (size_t)generation_find(&k->key.g, r->person[0].address), &own, 1,
        k->dealing[1], &v.complaint[0]);
    struct buf b = {0};
    review_encode(&v, &b);
    put("complaint", (const uint8_t[]){2}, 1, buf_span(&b));
    put("judge-complaint", (const uint8_t[]){6, 0, BEACON_REVIEW}, 3, buf_span(&b));
    buf_clear(&b);
    generation_encode(&k->key.g, &b);
    put("generation", (const uint8_t[]){4}, 1, buf_span(&b));
    buf_free(&b);
    beacon_rig_close(r);
    free(r);
    return 0;
}
