/* Writes the corpus of fuzz_fl_share: what an honest vehicle and an honest validator send. usage: make_fl_share_corpus FOLDER */
#include "base/assert.h"
#include "fedlearn/vehicle/share_sum.h"
#include "tests/fuzz/fl_share_world.h"

#include <stdio.h>

static const char *folder;

static void put(const char *name, const uint8_t *head, size_t n_head, struct span body) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    WS_ASSERT(f != NULL);
    WS_ASSERT(fwrite(head, 1, n_head, f) == n_head);
    WS_ASSERT(body.n == 0 || fwrite(body.p, 1, body.n, f) == body.n);
    WS_ASSERT(fclose(f) == 0);
}

int main(int argc, char **argv) {
    static uint8_t cover[FL_COVER_OCTETS_MAX], sum[FL_SUM_OCTETS];
    uint8_t wire[FL_COMPLAINT_OCTETS];
    struct fl_complaint c;
    if (argc != 2)
        return 2;
    folder = argv[1];
    const struct fl_share_world *four = fl_share_world(4), *ten = fl_share_world(10);
    fl_cover_put(&four->submission.cover, cover);
    put("cover-4", (const uint8_t[]){0}, 1, span_of(cover, fl_cover_octets(4)));
    fl_cover_put(&ten->submission.cover, cover);
    put("cover-10", (const uint8_t[]){0x85}, 1, span_of(cover, fl_cover_octets(10)));
    put("bundle-4", (const uint8_t[]){1, 2}, 2, four->bundle[2]);
    unsigned v = 1;
    while (fl_plain_octets(&ten->submission.plan, v) != FL_SHARE_OCTETS)
        v++;
    put("bundle-10", (const uint8_t[]){0x80 + 6, (uint8_t)(v - 1)}, 2, ten->bundle[v - 1]);
    static const uint8_t seeds[48] = {1, 2, 3};
    put("plain-4", (const uint8_t[]){2, 0}, 2, span_of(seeds, sizeof(seeds)));
    static const uint8_t share[FL_SHARE_OCTETS];
    put("plain-10", (const uint8_t[]){0x80, (uint8_t)(v - 1)}, 2, span_of(share, sizeof(share)));
    fl_complaint_make(&four->round, &four->submission, 3, four->reader[2], &c);
    fl_complaint_put(&c, wire);
    put("complaint", (const uint8_t[]){3}, 1, span_of(wire, sizeof(wire)));
    static const uint8_t liars[] = {3, 0, 0, 0, 0x7f, 0, 5, 0, 0, 0, 9, 1, 1, 0, 7, 0, 0, 0, 8, 0,
        0, 1, 0, 2, 2, 0, 3, 0, 0, 0, 4, 0, 0};
    put("sums-7", (const uint8_t[]){4}, 1, span_of(liars, sizeof(liars)));
    for (size_t i = 0; i < sizeof(sum); i++)
        sum[i] = (uint8_t)(i % 251);
    put("sum", (const uint8_t[]){5}, 1, span_of(sum, sizeof(sum)));
    static const uint8_t draw[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
        19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 16, 0, 8, 0, 64, 1, 0, 0, 3, 0,
        4, 0, 9, 0, 10, 0, 11, 0, 12, 0, 200, 0, 201};
    put("draw", (const uint8_t[]){6}, 1, span_of(draw, sizeof(draw)));
    return 0;
}
