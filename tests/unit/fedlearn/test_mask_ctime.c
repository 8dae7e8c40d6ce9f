/* Does anything branch on, or index memory by, a vehicle's secret? Seed and parameters are marked undefined and the
 * program watched by valgrind, which names every jump and every address made from them; marks travel through libcrypto's AES as
 * well. Run without valgrind, this program runs itself under it, twice: as it is, and with a planted branch that must be
 * found. Paths that valgrind cannot run (AVX-512) are watched by tests/bench/bench_fl_ctime instead. */
#include "fedlearn/vehicle/mask.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77, FOUND = 9 };

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <valgrind/memcheck.h>
#define HAVE_MEMCHECK
#endif
#endif

#ifdef HAVE_MEMCHECK

extern char **environ;

static struct fl_ring ring;
static struct fl_mask mask;

/* Secrets in, a ciphertext out that depends on them. 0 if so. */
static int encrypt_all(const char *path, bool plant) {
    static const uint8_t round_seed[32] = "public";
    static const char *const profiles[] = {"compact", "standard", "precise", "cell", "tiny"};
    static int32_t u[FL_CHUNK_PARAMS_MAX + 100];
    static uint8_t wire[2 * FL_CHUNK_WIRE_MAX];
    static uint8_t marks[2 * FL_CHUNK_WIRE_MAX];
    static int8_t s[FL_N];
    uint8_t seed[FL_SEED_OCTETS] = "a secret seed..";
    int bad = 0;
    if (fl_ring_init(&ring, path, NULL) != WS_OK || fl_mask_open(&mask, &ring, NULL) != WS_OK)
        return 1;
    fl_mask_round(&mask, round_seed);
    for (size_t k = 0; k < ARRAY_LEN(profiles); k++) {
        const struct fl_profile *p = fl_profile_by_name(profiles[k]);
        const size_t d = fl_full_params(p) + 100;
        for (size_t i = 0; i < ARRAY_LEN(u); i++)
            u[i] = (int32_t)(i % 5000) - 2500; /* some to be clamped */
        (void)VALGRIND_MAKE_MEM_UNDEFINED(seed, sizeof(seed));
        (void)VALGRIND_MAKE_MEM_UNDEFINED(u, sizeof(u));
        fl_mask_draw_key(&mask, seed, s);
        for (size_t c = 0; c < fl_chunks(p, d); c++)
            fl_mask_encrypt(
                &mask, p, d, c, u + c * fl_full_params(p), wire + c * fl_full_octets(p));
        fl_mask_forget(&mask);
        if (plant && s[5] > 0)
            bad |= 2;
        /* The marks arrived: the watching was not for nothing. */
        (void)VALGRIND_GET_VBITS(wire, marks, fl_wire_octets(p, d));
        size_t marked = 0;
        for (size_t i = 0; i < fl_wire_octets(p, d); i++)
            marked += marks[i] != 0;
        if (marked < fl_wire_octets(p, d) / 2)
            bad |= 1;
    }
    fl_mask_close(&mask);
    return bad & 1;
}

static int watched(bool plant) {
    const char *names[FL_RING_PATHS_MAX];
    const size_t n = fl_ring_paths(names);
    int bad = 0;
    for (size_t i = 0; i < n; i++) {
        (void)printf("path %s\n", names[i]);
        bad |= encrypt_all(names[i], plant);
    }
    return bad;
}

/* Exit code of valgrind over this program, or -1. */
static int watch(char *self, char *how) {
    char *args[] = {"valgrind", "-q", "--error-exitcode=9", self, how, NULL};
    pid_t pid;
    int status = 0;
    if (posix_spawnp(&pid, args[0], NULL, NULL, args, environ) != 0)
        return -1;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

int main(int argc, char **argv) {
    if (RUNNING_ON_VALGRIND)
        return watched(argc > 1 && strcmp(argv[1], "planted") == 0);
    const int clean = watch(argv[0], "as it is");
    if (clean == -1 || clean == 127) {
        (void)printf("skipped: no valgrind\n");
        return SKIPPED;
    }
    const int planted = watch(argv[0], "planted");
    (void)printf(
        "as it is: %d (want 0); with a planted branch: %d (want %d)\n", clean, planted, FOUND);
    return clean == 0 && planted == FOUND ? 0 : 1;
}

#else

int main(void) {
    (void)printf("skipped: built without valgrind's header, or with a sanitizer\n");
    return SKIPPED;
}

#endif
