/* Runs a fuzz entry point without a fuzzer: every file of the corpus folder as it is, cut at every
 * length up to a bound, and with seeded bit flips. A crash or sanitizer report fails the test. */
#include "base/fileio.h"
#include "base/random.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS_MAX = 2048, FLIPS = 400 };

static void feed(const uint8_t *data, size_t n) {
    /* A copy of the exact size, so that ASan sees one octet too far. */
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    if (copy == NULL)
        abort();
    if (n > 0)
        memcpy(copy, data, n);
    (void)LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void attack(struct span s, struct ws_random *rnd) {
    feed(s.p, s.n);
    size_t step = s.n / CUTS_MAX + 1;
    for (size_t n = 0; n < s.n; n += step)
        feed(s.p, n);
    if (s.n == 0)
        return;
    uint8_t *copy = malloc(s.n);
    if (copy == NULL)
        abort();
    for (unsigned i = 0; i < FLIPS; i++) {
        memcpy(copy, s.p, s.n);
        unsigned flips = 1 + (unsigned)ws_random_below(rnd, 4);
        for (unsigned k = 0; k < flips; k++)
            copy[ws_random_below(rnd, s.n)] ^= (uint8_t)(1U << ws_random_below(rnd, 8));
        feed(copy, s.n);
    }
    free(copy);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    DIR *dir = opendir(argv[1]);
    if (dir == NULL) {
        perror(argv[1]);
        return 3;
    }
    struct ws_random rnd = ws_random_seeded(1);
    unsigned files = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.')
            continue;
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
        struct buf b = {0};
        struct ws_err err;
        if (file_read(path, 16U << 20, &b, &err) != WS_OK) {
            (void)fprintf(stderr, "%s\n", err.text);
            return 3;
        }
        attack(buf_span(&b), &rnd);
        buf_free(&b);
        files++;
    }
    (void)closedir(dir);
    (void)printf("%u corpus files, each cut and flipped (seed 1)\n", files);
    return files == 0 ? 3 : 0;
}
