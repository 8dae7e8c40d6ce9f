/* A program of somebody else: nothing but the installed headers, libwayside-light and its libcrypto binding.
 * usage: light_outside map GENESIS PROOF...   |   light_outside chain FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wayside_light_crypto.h>

#define EXPECT(condition)                                                                          \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #condition,            \
                        wsl_error(client)),                                                        \
                       exit(1)))

static struct wsl_client *client;

static struct wsl_span load(const char *path) {
    static unsigned char octets[8][1 << 18];
    static unsigned turn;
    unsigned char *to = octets[turn++ % 8];
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(3);
    }
    struct wsl_span s = {to, fread(to, 1, sizeof(octets[0]), f)};
    fclose(f);
    return s;
}

static void begin(struct wsl_span genesis) {
    static const struct wsl_params archive = {0, 0, 1, 3, true};
    wsl_client_free(client);
    client = wsl_client_new(wsl_crypto_openssl());
    wsl_client_set_params(client, &archive);
    struct wsl_event e;
    EXPECT(wsl_prove_event(client, genesis, 0, &e) == WSL_NO_TRUST);
    EXPECT(wsl_trust_genesis(client, genesis, NULL) == WSL_OK);
}

static int check_map(int n, char **files) {
    struct wsl_span genesis = load(files[0]);
    unsigned char fingerprint[32];
    begin(genesis);
    wsl_cell_id(client, fingerprint);
    EXPECT(wsl_trust_genesis(client, genesis, fingerprint) == WSL_OK);
    fingerprint[3] ^= 1;
    EXPECT(wsl_trust_genesis(client, genesis, fingerprint) == WSL_OTHER_FINGERPRINT);
    for (int i = 1; i < n; i++) {
        struct wsl_span proof = load(files[i]);
        struct wsl_event e;
        begin(genesis);
        EXPECT(wsl_prove_event(client, proof, 0, &e) == WSL_OK);
        EXPECT(e.contract == 3 && e.height + 1 == wsl_height(client) && e.body.n > 100);
        EXPECT(wsl_prove_event(client, proof, 0, &e) ==
               WSL_OK); /* the header is the trusted one now */
        for (size_t k = 4; k < proof.n; k += proof.n / 40) {
            unsigned char *octet = (unsigned char *)proof.p + k;
            begin(genesis);
            *octet ^= 4;
            if (wsl_prove_event(client, proof, 0, &e) == WSL_OK)
                EXPECT(k >= 4 && e.sequence < 8 && "only the number of leaves is free");
            else
                EXPECT(wsl_error(client)[0] != '\0');
            *octet ^= 4;
        }
    }
    printf("%d proofs hold\n", n - 1);
    return 0;
}

static int check_chain(const char *folder) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/genesis.0", folder);
    begin(load(path));
    struct wsl_pool *pool = wsl_pool_new(wsl_crypto_openssl());
    struct wsl_span whole = {NULL, 0};
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof(path), "%s/fragment.%d", folder, i ^ 1); /* in the wrong order */
        struct wsl_span piece = load(path);
        enum wsl_fragment v = wsl_fragment_take(pool, piece, &whole);
        EXPECT(v == (i % 2 == 0 ? WSL_FRAGMENT_HELD : WSL_FRAGMENT_WHOLE));
        if (v == WSL_FRAGMENT_WHOLE) {
            EXPECT(whole.n < 2000);
            EXPECT(wsl_cross(client, whole, 0) == WSL_OK);
            EXPECT(wsl_cross(client, whole, 0) == WSL_NOT_NEWER);
        }
    }
    unsigned char kept[8192];
    size_t n = wsl_trust_save(client, kept, sizeof(kept));
    EXPECT(n > 100 && n < sizeof(kept));
    wsl_client_free(client);
    client = wsl_client_new(wsl_crypto_openssl());
    struct wsl_span bad = {kept, n - 1};
    EXPECT(wsl_trust_load(client, bad) == WSL_MALFORMED);
    struct wsl_span good = {kept, n};
    EXPECT(wsl_trust_load(client, good) == WSL_OK);
    snprintf(path, sizeof(path), "%s/header.0", folder);
    struct wsl_span header = load(path);
    snprintf(path, sizeof(path), "%s/commit.0", folder);
    struct wsl_span commit = load(path);
    struct wsl_span none = {NULL, 0};
    uint64_t now = wsl_time(client) + 2000000;
    EXPECT(wsl_advance(client, header, commit, none, now - 60000000) == WSL_FROM_FUTURE);
    EXPECT(
        wsl_advance(client, header, commit, none, now + UINT64_C(30) * 86400000000) == WSL_EXPIRED);
    EXPECT(wsl_advance(client, header, commit, none, now) == WSL_OK);
    EXPECT(
        strcmp(wsl_verdict_text(wsl_advance(client, header, commit, none, now)), "not_newer") == 0);
    printf("height %llu reached\n", (unsigned long long)wsl_height(client));
    wsl_pool_free(pool);
    return wsl_height(client) == 201 ? 0 : 1;
}

int main(int argc, char **argv) {
    int rc = 2;
    if (argc > 3 && strcmp(argv[1], "map") == 0)
        rc = check_map(argc - 2, argv + 2);
    else if (argc == 3 && strcmp(argv[1], "chain") == 0)
        rc = check_chain(argv[2]);
    wsl_client_free(client);
    return rc;
}
