/* A vehicle's program of somebody else: nothing but the installed headers, libwayside-fl, libwayside-light, libsodium and sockets. Looks up
 * how the cell thinks of it, trains on a table that it makes itself, takes part in the round that learning_unit.c opens, uploads, and
 * compares what came out of the ciphertext at the other end with what it had put in. usage: learning_outside FOLDER
 * Exit code 4: it stays away, since it is not free, or not proven to be. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <wayside_fl.h>
#include <wayside_light_crypto.h>

#define EXPECT(condition)                                                                          \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #condition, err.text), \
                       exit(1)))

enum { ROWS = 400, PARAMS_MAX = 64, OCTETS_MAX = 1 << 16 };

static const char *folder;
static struct ws_err err;
static struct ws_random random_source;

static struct span load(const char *name, uint8_t *to, size_t max) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(3);
    }
    const size_t n = fread(to, 1, max, f);
    fclose(f);
    return span_of(to, n);
}

static struct ws_now now(void) {
    struct timespec mono, real;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &real);
    return (struct ws_now){(uint64_t)mono.tv_sec * 1000000 + (uint64_t)mono.tv_nsec / 1000,
        its_from_unix_us((int64_t)real.tv_sec * 1000000 + real.tv_nsec / 1000)};
}

/* Whether a table of scores that a quorum signed has the vehicle as free. The table is of the round's opening or later: an older one is as
 * well proven, and does not know the last verdict. Octets that prove nothing are as good as none: ask another unit. */
static bool is_free(const uint8_t *cell, const uint8_t *token, const struct fl_open *open) {
    static uint8_t genesis[1 << 16], bundle[1 << 20];
    static const struct wsl_params archive = {0, 0, 1, 3, true};
    struct wsl_client *c = wsl_client_new(wsl_crypto_openssl());
    struct wsl_entry e;
    struct fl_suspect me = {.standing = FL_FREE};
    wsl_client_set_params(c, &archive);
    EXPECT(wsl_trust_genesis(c, load("genesis", genesis, sizeof(genesis)), cell) == WSL_OK);
    EXPECT(wsl_prove_state(c, load("standings.proof", bundle, sizeof(bundle)), 0, &e) == WSL_OK);
    EXPECT(e.contract == 5 && e.key.n == 1 && e.key.p[0] == 'q');
    const bool recent = e.height >= open->height;
    if (e.present) /* or nobody has a score */
        EXPECT(fl_standing_find(e.value, token, &me, &err) == WS_OK);
    wsl_client_free(c);
    return recent && me.standing == FL_FREE;
}

/* Rows of driving: who is fast and brakes hard is hasty. */
static void drive(const struct fl_schema *schema, struct fl_dataset *set) {
    static char table[ROWS * 48];
    size_t n = (size_t)snprintf(table, sizeof(table), "speed;brake;yaw;manner\n");
    for (unsigned i = 0; i < ROWS; i++) {
        const unsigned speed = (unsigned)ws_random_below(&random_source, 40);
        const unsigned brake = (unsigned)ws_random_below(&random_source, 100);
        const unsigned yaw = (unsigned)ws_random_below(&random_source, 100);
        n += (size_t)snprintf(table + n, sizeof(table) - n, "%u;0.%02u;0.%02u;%s\n", speed, brake,
            yaw, speed + brake / 4 > 32 ? "hasty" : "calm");
    }
    EXPECT(fl_dataset_read(set, schema, span_of(table, n), &err) == WS_OK);
    EXPECT(set->n == ROWS);
}

/* From here on nothing uses the heap but fl_client_open. */
static void learn(const struct fl_model *model, const struct fl_dataset *set, float *ret_update) {
    static int32_t x[ROWS * 3];
    static uint8_t y[ROWS];
    static uint32_t rows[ROWS];
    static float scratch[4096];
    float local[PARAMS_MAX];
    const size_t d = fl_shape_params(&model->shape);
    const struct fl_train opts = {.steps = 200, .batch = 16, .rate = 0.1F};
    for (uint32_t i = 0; i < ROWS; i++)
        rows[i] = i;
    EXPECT(d <= PARAMS_MAX && fl_train_scratch(&model->shape) <= 4096);
    fl_normalise_rows(set, model->norm, rows, ROWS, x, y);
    for (size_t i = 0; i < d; i++)
        local[i] = (float)model->params[i] / (1 << FL_PARAM_FRACTION);
    const struct fl_rows all = {x, y, ROWS};
    EXPECT(fl_train_run(&model->shape, &all, &opts, &random_source, local, scratch, &err) == WS_OK);
    fl_update(local, model->params, d, ret_update);
}

static int connect_to_unit(void) {
    uint8_t text[16] = {0};
    load("port", text, sizeof(text) - 1);
    struct sockaddr_in at = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi((const char *)text)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int s = socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT(s >= 0 && connect(s, (const struct sockaddr *)&at, sizeof(at)) == 0);
    return s;
}

static void upload(struct fl_upload *up, const struct fl_upload_parcel *parcel) {
    uint8_t octets[2048];
    const int s = connect_to_unit();
    fl_upload_begin(up, parcel, now());
    while (up->state == FL_UPLOAD_GOING) {
        size_t n = 0;
        while ((n = fl_upload_next(up, now(), &random_source, octets)) > 0)
            if (send(s, octets, n, 0) < 0)
                break; /* lost, as any datagram may be */
        const uint64_t mono = now().mono_us;
        const uint64_t when = fl_upload_when(up);
        struct pollfd p = {s, POLLIN, 0};
        (void)poll(&p, 1, when > mono ? (int)((when - mono) / 1000) + 1 : 0);
        ssize_t got = 0;
        while ((got = recv(s, octets, sizeof(octets), MSG_DONTWAIT)) > 0)
            fl_upload_hear(up, span_of(octets, (size_t)got), now());
    }
    close(s);
}

/* Where the ledger would be: what the vehicle signs. */
static void say(const uint8_t *octets, size_t n) {
    char path[4096], other[4096];
    snprintf(path, sizeof(path), "%s/submit.part", folder);
    snprintf(other, sizeof(other), "%s/submit", folder);
    FILE *f = fopen(path, "wb");
    EXPECT(f != NULL && fwrite(octets, 1, n, f) == n && fclose(f) == 0 && rename(path, other) == 0);
}

/* The update as the other end has it: within one symbol (rounding) of what was learned. */
static void compare(const struct fl_open *open, const float *update, bool clipped) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/found", folder);
    FILE *f = fopen(path, "r");
    EXPECT(f != NULL);
    const double symbol = (double)open->config.scale.clip_inf / fl_symbol_max(&open->config.scale) /
                          (1 << FL_PARAM_FRACTION);
    double found2 = 0;
    for (size_t i = 0; i < open->params; i++) {
        int v = 0;
        EXPECT(fscanf(f, "%d", &v) == 1);
        const double error = v * symbol - (double)update[i];
        EXPECT(clipped || (error < symbol && error > -symbol));
        found2 += v * symbol * v * symbol;
    }
    const double clip = (double)open->config.scale.clip / (1 << FL_PARAM_FRACTION);
    EXPECT(found2 > 0.01 && found2 < clip * clip * 1.01);
    fclose(f);
}

int main(int argc, char **argv) {
    static uint8_t model_octets[1 << 16], open_octets[4096], schema_octets[4096],
        made_octets[OCTETS_MAX];
    static _Alignas(64) struct fl_client client;
    static struct fl_upload up;
    static struct fl_schema schema;
    static struct fl_open open;
    uint8_t cell[32], seed[32], token[32];
    struct fl_dataset set = {0};
    struct fl_model model;
    float update[PARAMS_MAX];
    int32_t symbols[PARAMS_MAX];
    if (argc != 2)
        return 2;
    folder = argv[1];
    random_source = ws_random_system();
    EXPECT(sodium_init() >= 0);

    EXPECT(fl_open_decode(load("open", open_octets, sizeof(open_octets)), &open));
    load("cell", cell, 32);
    load("seed", seed, 32);
    load("token", token, 32);
    EXPECT(
        fl_model_decode(load("model", model_octets, sizeof(model_octets)), &model, &err) == WS_OK);
    uint8_t hash[32];
    fl_model_hash(&model, hash);
    EXPECT(memcmp(hash, open.model_hash, 32) == 0 && fl_shape_params(&model.shape) == open.params);
    EXPECT(fl_schema_read(load("schema", schema_octets, sizeof(schema_octets)), &schema, &err) ==
           WS_OK);

    if (!is_free(cell, token, &open)) {
        printf("not free: it stays away\n");
        fl_model_free(&model);
        return 4;
    }
    drive(&schema, &set);
    learn(&model, &set, update);

    EXPECT(fl_client_open(&client, &err) == WS_OK);
    EXPECT(fl_client_octets(&open) <= sizeof(made_octets));
    const struct fl_client_round round = {cell, &open, seed, token};
    struct fl_client_made made;
    EXPECT(fl_client_make(&client, &round, update, symbols, &random_source, made_octets, &made,
               &err) == WS_OK);

    struct fl_upload_pair key;
    fl_upload_draw(&random_source, &key);
    struct fl_submit s = {
        .round = open.round, .profile = open.config.profile->octet, .params = open.params};
    memcpy(s.id, made.id, 32);
    memcpy(s.upload_key, key.public, 32);
    uint8_t to_sign[FL_SUBMIT_OCTETS];
    fl_submit_put(&s, to_sign);
    say(to_sign, sizeof(to_sign));

    struct fl_round sealed_for;
    fl_open_round(&open, cell, &sealed_for);
    const struct fl_upload_parcel parcel = {.round = &sealed_for,
        .number = open.round,
        .id = made.id,
        .key = &key,
        .material = {span_of(made_octets, made.cover_octets),
            span_of(made_octets + made.cover_octets, made.bundle_octets),
            span_of(made_octets + made.cover_octets + made.bundle_octets, made.wire_octets)},
        .give_up_us = now().mono_us + 30000000};
    upload(&up, &parcel);
    if (up.state != FL_UPLOAD_DONE) {
        fprintf(stderr, "not uploaded: %s\n", fl_upload_why(&up));
        return 1;
    }
    EXPECT(fl_receipt_check(&up.receipt, &sealed_for) && memcmp(up.receipt.id, made.id, 32) == 0);
    compare(&open, update, made.quantised.clipped);

    struct fl_privacy spent = {0};
    fl_privacy_spend(&spent, &open.config.scale, open.params, open.config.group_min);
    EXPECT(
        spent.rounds == 1 && spent.rho > 1e300); /* this round has no noise: nothing is promised */
    fl_upload_end(&up);
    fl_client_close(&client);
    fl_dataset_free(&set);
    fl_model_free(&model);
    printf("%u octets sent for %u parameters, receipt at hand\n",
        (unsigned)(made.cover_octets + made.bundle_octets + made.wire_octets), open.params);
    return 0;
}
