/* obusim --learn: options, who has which rows, what vehicles make of them, and issuers that a later run issues for. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "fedlearn/round/records.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/material.h"
#include "rsu/obus/learn.h"
#include "tests/support/folder.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"
#include "v2x/spdu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { ROWS = 1200, INPUTS = 3, CLASSES = 2, VEHICLES = 12, MEMBERS = 4 };
#define NOON UINT64_C(722692800000000)

static int options(
    struct learn_options *o, enum learn_asked *asked, char *const *argv, struct ws_err *err) {
    static char texts[32][96];
    char *copies[33] = {NULL};
    int argc = 0;
    for (; argv[argc] != NULL; argc++) {
        (void)snprintf(texts[argc], sizeof(texts[argc]), "%s", argv[argc]);
        copies[argc] = texts[argc];
    }
    return learn_options_read(argc, copies, o, asked, err);
}
#define OPTIONS(o, asked, err, ...)                                                                \
    options(o, asked, (char *const[]){"obusim", "--learn", __VA_ARGS__, NULL}, err)

static void options_are_read(void **state) {
    (void)state;
    struct learn_options o;
    enum learn_asked asked;
    struct ws_err err;
    assert_int_equal(OPTIONS(&o, &asked, &err, "--unit", "127.0.0.1:8100,car0", "--unit",
                         "[::1]:8101,car1,[::1]:4750", "--genesis", "g", "--pki", "p", "--schema",
                         "s", "--data", "a", "--data", "b", "--vehicles", "128", "--absent", "0.1",
                         "--poison", "random", "--boost", "2.5", "--rate", "0.05", "--dp", "1.5"),
        WS_OK);
    assert_int_equal(asked, LEARN_RUN);
    assert_int_equal(o.n_units, 2);
    assert_string_equal(o.unit[0].http, "127.0.0.1:8100");
    assert_string_equal(o.unit[0].interface, "car0");
    assert_null(o.unit[0].upload);
    assert_string_equal(o.unit[1].http, "[::1]:8101");
    assert_string_equal(o.unit[1].upload, "[::1]:4750");
    assert_int_equal(o.n_data, 2);
    assert_int_equal(o.vehicles, 128);
    assert_int_equal(o.absent_ppm, 100000);
    assert_int_equal(o.poison, LEARN_RANDOM);
    assert_int_equal(o.poison_ppm, 50000);
    assert_int_equal(o.boost_milli, 2500);
    assert_int_equal(o.epsilon_milli, 1500);
    assert_float_equal(o.train.rate, 0.05F, 1e-6F);
    /* Tables as in rsuctl model: again, or words behind. */
    assert_int_equal(
        OPTIONS(&o, &asked, &err, "--unit", "h,i", "--genesis", "g", "--pki", "p", "--schema", "s",
            "--data", "a", "b", "--data", "c", "--train", "75", "--split", "18446744073709551615"),
        WS_OK);
    assert_int_equal(o.n_data, 3);
    assert_string_equal(o.data[0], "a");
    assert_int_equal(o.train_percent, 75);
    assert_int_equal(o.split, UINT64_MAX);
    assert_int_equal(OPTIONS(&o, &asked, &err, "--prepare", "--pki", "p"), WS_OK);
    assert_int_equal(asked, LEARN_PREPARE);
    assert_int_equal(OPTIONS(&o, &asked, &err, "--help"), WS_OK);
    assert_int_equal(asked, LEARN_HELP);
}

static void wrong_options_are_named(void **state) {
    (void)state;
    static const struct {
        const char *argv[4];
        const char *says;
    } cases[] = {
        {{"--pki", "p", NULL}, "--unit is missing"},
        {{"--unit", "127.0.0.1:8100", NULL}, "--unit 127.0.0.1:8100"},
        {{"--unit", ",car0", NULL}, "--unit ,car0"},
        {{"--unit", "h,i,", NULL}, "--unit"},
        {{"--unit", "h,i,u,v", NULL}, "--unit"},
        {{"--vehicles", "0", NULL}, "--vehicles 0"},
        {{"--vehicles", "4097", NULL}, "to 4096 without decimals"},
        {{"--absent", "1.1", NULL}, "from 0 to 1"},
        {{"--boost", "0", NULL}, "from 0.001"},
        {{"--poison", "tea", NULL}, "--poison tea"},
        {{"--seed", "-1", NULL}, "--seed -1"},
        {{"--map", "m", NULL}, "no option of --learn"},
        {{"--rounds", NULL}, "wants a value"},
        {{"more", NULL}, "belongs to no option"},
        {{"--train", "0.8", NULL},
            "--train 0.8: not a number from 1 to 99 without decimals: it is percent"},
        {{"--train", "100", NULL}, "--train 100: not a number"},
        {{"--split", "1.5", NULL}, "--split 1.5"},
        {{"--prepare", NULL}, "--pki is missing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct learn_options o;
        enum learn_asked asked;
        struct ws_err err = {0};
        assert_int_equal(OPTIONS(&o, &asked, &err, (char *)cases[i].argv[0],
                             (char *)cases[i].argv[1], (char *)cases[i].argv[2]),
            WS_EINPUT);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu says: %s", i, err.text);
    }
}

/* ---- a small world: the class is on which side of a plane a row lies ---- */

struct world {
    struct folder folder;
    char schema[300], table[300];
    struct learn_options o;
    struct learn_slices slices;
    struct fl_model model;
    struct learn_desk desk;
    struct fl_open open;
    struct fl_reader *reader[MEMBERS];
    struct ws_random random;
};

static void write_text(const char *path, struct buf *b) {
    assert_int_equal(file_write(path, buf_span(b), 0644, NULL), WS_OK);
    buf_free(b);
}

static void make_open(struct world *w) {
    struct fl_open *o = &w->open;
    *o = (struct fl_open){.round = 7,
        .height = 40,
        .time_us = NOON,
        .seed_height = 42,
        .model = "side",
        .model_version = 1,
        .params = (uint32_t)fl_shape_params(&w->model.shape),
        .config = {.scale = {.bits = 12, .clip = 3 << 19, .clip_inf = 1 << 18},
            .rules = FL_RULES_DEFAULT,
            .suspicion = FL_SUSPICION_DEFAULT,
            .group_min = 8,
            .group = 8,
            .submissions_max = 64,
            .submit_us = 1000000,
            .attest_us = 1000000,
            .open_us = 1000000,
            .judge_us = 1000000,
            .epoch_us = UINT64_C(86400000000),
            .veto_ppm = 20000},
        .n = MEMBERS};
    fl_model_hash(&w->model, o->model_hash);
    assert_int_equal(fl_profile_by_octet(FL_STANDARD, &o->config.profile, NULL), WS_OK);
    for (size_t i = 0; i < MEMBERS; i++) {
        uint8_t secret[FL_SECRET_OCTETS];
        ws_random_bytes(&w->random, secret, sizeof(secret));
        ws_random_bytes(&w->random, o->seat[i].address, 32);
        w->reader[i] = fl_reader_new(secret);
        assert_non_null(w->reader[i]);
        fl_reader_public(w->reader[i], &o->seat[i].key);
    }
}

static void open_world(struct world *w) {
    struct buf b = {0};
    struct buf notes = {0};
    struct ws_err err = {0};
    *w = (struct world){.random = ws_random_seeded(5)};
    assert_int_equal(folder_make(&w->folder), 0);
    (void)snprintf(w->schema, sizeof(w->schema), "%s/schema", w->folder.top);
    (void)snprintf(w->table, sizeof(w->table), "%s/table.csv", w->folder.top);
    buf_printf(&b, "label side left right\nfeature a\nfeature b\nfeature c\nblock 10\n");
    write_text(w->schema, &b);
    buf_printf(&b, "a,b,c,side\n");
    for (int i = 0; i < ROWS; i++) {
        const int64_t x[INPUTS] = {(int64_t)ws_random_below(&w->random, 2001) - 1000,
            (int64_t)ws_random_below(&w->random, 2001) - 1000,
            (int64_t)ws_random_below(&w->random, 2001) - 1000};
        buf_printf(&b, "%lld,%lld,%lld,%s\n", (long long)x[0], (long long)x[1], (long long)x[2],
            2 * x[0] - x[1] + x[2] > 0 ? "right" : "left");
    }
    buf_printf(&b, "1,2,tea,left\n");
    write_text(w->table, &b);
    w->o = (struct learn_options){.schema = w->schema,
        .data = {w->table},
        .n_data = 1,
        .vehicles = VEHICLES,
        .boost_milli = 10000,
        .train = {.steps = 10, .batch = 16, .rate = 0.2F},
        .train_percent = 75,
        .pieces = 3,
        .seed = 3};
    if (learn_slices_read(&w->slices, &w->o, &notes, &err) != WS_OK)
        fail_msg("%s", err.text);
    buf_u8(&notes, 0);
    assert_non_null(strstr((const char *)notes.p, "1 rows left out: number"));
    buf_free(&notes);
    struct fl_norm norm[INPUTS];
    fl_norm_of(&w->slices.set, w->slices.order, w->slices.n_train, norm);
    assert_int_equal(fl_model_new(&w->slices.schema, 0, norm, NULL, &w->model, NULL), WS_OK);
    assert_int_equal(learn_slices_fit(&w->slices, &w->model, NULL), WS_OK);
    assert_int_equal(learn_desk_open(&w->desk, NULL), WS_OK);
    make_open(w);
}

static void close_world(struct world *w) {
    for (size_t i = 0; i < MEMBERS; i++)
        fl_reader_free(w->reader[i]);
    learn_desk_close(&w->desk);
    learn_slices_free(&w->slices);
    fl_model_free(&w->model);
    assert_int_equal(folder_remove(&w->folder), 0);
}

/* Every row to train with belongs to one vehicle, none of those held out to any, and all have about as many. */
static void rows_are_dealt_once(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    const struct learn_slices *s = &w.slices;
    assert_int_equal(s->set.n, ROWS);
    assert_int_equal(s->n_train, ROWS * 3 / 4);
    uint8_t *seen = ws_calloc(ROWS, 1);
    for (size_t v = 0; v < VEHICLES; v++) {
        const struct fl_rows mine = learn_slice(s, v);
        assert_in_range(mine.n, ROWS * 3 / 4 / VEHICLES - 3, ROWS * 3 / 4 / VEHICLES + 3);
        for (size_t i = 0; i < mine.n; i++) {
            const uint32_t row = s->dealt[s->from[v] + i];
            assert_int_equal(seen[row]++, 0);
            assert_int_equal(mine.y[i], s->set.y[row]);
            for (size_t k = 0; k < INPUTS; k++)
                assert_int_equal(mine.x[i * INPUTS + k],
                    fl_normalise(&w.model.norm[k], s->set.x[row * INPUTS + k]));
        }
    }
    for (size_t i = s->n_train; i < ROWS; i++)
        assert_int_equal(seen[s->order[i]]++, 0);
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(seen[i], 1);
    free(seen);
    assert_int_equal(learn_held_out(s).n, ROWS / 4);
    close_world(&w);
}

static void too_few_rows_are_refused(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    struct learn_slices s;
    struct buf notes = {0};
    struct ws_err err = {0};
    w.o.vehicles = 400;
    assert_int_equal(learn_slices_read(&s, &w.o, &notes, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "too few for 400 vehicles"));
    learn_slices_free(&s);
    w.o.data[0] = "/nowhere/table.csv";
    assert_true(learn_slices_read(&s, &w.o, &notes, &err) != WS_OK);
    assert_non_null(strstr(err.text, "/nowhere/table.csv"));
    learn_slices_free(&s);
    buf_free(&notes);
    close_world(&w);
}

static void other_models_are_refused(void **state) {
    (void)state;
    struct world w;
    struct ws_err err = {0};
    open_world(&w);
    w.model.inputs[1][0] = 'z';
    assert_int_equal(learn_slices_fit(&w.slices, &w.model, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "input 1 of the model is z"));
    w.model.inputs[1][0] = 'b';
    w.model.classes[1][0] = 'z';
    assert_int_equal(learn_slices_fit(&w.slices, &w.model, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "class 1"));
    w.model.classes[1][0] = 'r';
    w.model.shape.inputs = 2;
    assert_int_equal(learn_slices_fit(&w.slices, &w.model, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "2 inputs"));
    w.model.shape.inputs = INPUTS;
    assert_int_equal(learn_slices_fit(&w.slices, &w.model, &err), WS_OK);
    close_world(&w);
}

static double accuracy(const struct world *w) {
    struct fl_confusion c;
    const struct fl_rows held = learn_held_out(&w->slices);
    fl_confuse(&w->model.shape, w->model.params, &held, &c);
    return (double)fl_confusion_right(&c) / (double)held.n;
}

/* Rounds without a cell: the mean of all updates, again and again. */
static double rounds(struct world *w, unsigned n, size_t bad) {
    const size_t params = w->open.params;
    for (unsigned round = 0; round < n; round++) {
        double sum[INPUTS * CLASSES + CLASSES] = {0};
        assert_int_equal(params, ARRAY_LEN(sum));
        for (size_t v = 0; v < VEHICLES; v++) {
            struct learn_driver d = {
                .index = v, .poisons = v < bad, .random = ws_random_seeded(100 * round + v)};
            const struct fl_rows rows = learn_slice(&w->slices, v);
            assert_int_equal(learn_train(&d, &w->o, &rows, &w->model, &w->desk, NULL), WS_OK);
            (void)learn_spoil(&d, &w->o, params, &w->desk);
            for (size_t i = 0; i < params; i++)
                sum[i] += (double)w->desk.update[i] / VEHICLES;
        }
        for (size_t i = 0; i < params; i++)
            w->model.params[i] += (int32_t)lrint(ldexp(sum[i], FL_PARAM_FRACTION));
    }
    return accuracy(w);
}

static void honest_vehicles_learn(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    assert_true(accuracy(&w) < 0.7);
    assert_true(rounds(&w, 20, 0) > 0.95);
    close_world(&w);
}

static void poison_does_harm(void **state) {
    (void)state;
    static const enum learn_poison kinds[] = {LEARN_SIGN_FLIP, LEARN_LABEL_FLIP};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct world w;
        open_world(&w);
        w.o.poison = kinds[i];
        assert_true(rounds(&w, 20, VEHICLES) < 0.3); /* all of them: the opposite is learnt */
        close_world(&w);
    }
}

static void poison_is_what_it_is_called(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    const size_t params = w.open.params;
    const struct fl_rows rows = learn_slice(&w.slices, 0);
    float honest[INPUTS * CLASSES + CLASSES];
    for (int kind = LEARN_SIGN_FLIP; kind <= LEARN_BOOST; kind++) {
        struct learn_driver v = {.random = ws_random_seeded(9)};
        w.o.poison = (enum learn_poison)kind;
        assert_int_equal(learn_train(&v, &w.o, &rows, &w.model, &w.desk, NULL), WS_OK);
        assert_false(learn_spoil(&v, &w.o, params, &w.desk)); /* this one does not poison */
        memcpy(honest, w.desk.update, sizeof(honest));
        v = (struct learn_driver){.poisons = true, .random = ws_random_seeded(9)};
        assert_int_equal(learn_train(&v, &w.o, &rows, &w.model, &w.desk, NULL), WS_OK);
        assert_int_equal(learn_spoil(&v, &w.o, params, &w.desk), kind != LEARN_LABEL_FLIP);
        double own = 0;
        double was = 0;
        double both = 0;
        for (size_t i = 0; i < params; i++) {
            own += (double)w.desk.update[i] * (double)w.desk.update[i];
            was += (double)honest[i] * (double)honest[i];
            both += (double)honest[i] * (double)w.desk.update[i];
        }
        const double cosine = both / sqrt(own * was);
        if (kind == LEARN_SIGN_FLIP)
            assert_true(cosine < -0.999999);
        else if (kind == LEARN_BOOST)
            assert_true(cosine > 0.999999);
        else
            assert_true(cosine < 0.9);
        if (kind != LEARN_LABEL_FLIP)
            assert_float_equal((float)sqrt(own / was), 1.0F, 1e-3F);
        w.o.boost_milli = 1000;
        assert_false(learn_spoil(&v, &w.o, params, &w.desk));
        w.o.boost_milli = 10000;
    }
    close_world(&w);
}

/* What is made is what a validator takes; a boosted update is as long as it likes. */
static void what_is_made_is_taken(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    const uint8_t cell[32] = {1};
    const uint8_t seed[32] = {2};
    const uint8_t token[32] = {3};
    const struct fl_client_round round = {cell, &w.open, seed, token};
    const struct fl_rows rows = learn_slice(&w.slices, 1);
    uint8_t *octets = ws_alloc(fl_client_octets(&w.open));
    for (int boosted = 0; boosted < 2; boosted++) {
        struct learn_driver v = {.poisons = boosted == 1, .random = ws_random_seeded(4)};
        struct fl_client_made made = {0};
        w.o.poison = LEARN_SIGN_FLIP;
        assert_int_equal(learn_train(&v, &w.o, &rows, &w.model, &w.desk, NULL), WS_OK);
        assert_int_equal(learn_spoil(&v, &w.o, w.open.params, &w.desk), boosted);
        assert_int_equal(
            learn_make(&round, w.o.boost_milli, boosted == 1, &w.desk, octets, &made, NULL), WS_OK);
        for (size_t i = 0; i < w.open.params; i++) {
            const double wish = (double)w.desk.update[i] * 10 * 2047 / 0.25;
            const double want = boosted == 0 ? 0 /* wiped */ : fmax(fmin(wish, 2047), -2047);
            assert_true(fabs(w.desk.symbols[i] - want) <= 1);
        }
        struct fl_round sealed;
        struct fl_submission submission;
        fl_open_round(&w.open, cell, &sealed);
        const struct fl_material m = {.cover = span_of(octets, made.cover_octets),
            .bundles = span_of(octets + made.cover_octets, made.bundle_octets),
            .wire = span_of(octets + made.cover_octets + made.bundle_octets, made.wire_octets)};
        assert_int_equal(
            fl_material_check(&sealed, token, made.id, &m, &submission), FL_MATERIAL_GOOD);
        assert_int_equal(fl_wire_check(w.open.config.profile, w.open.params, m.wire, NULL), WS_OK);
    }
    free(octets);
    close_world(&w);
}

/* ---- tickets and frames ---- */

static void issuers_are_kept(void **state) {
    (void)state;
    struct folder f;
    char dir[300];
    char path[320];
    assert_int_equal(folder_make(&f), 0);
    (void)snprintf(dir, sizeof(dir), "%s/trust", f.top);
    struct sim_pki made;
    struct sim_pki read;
    struct ws_err err = {0};
    struct ws_random keys = ws_random_seeded(8);
    assert_int_equal(sim_pki_load(&read, dir, &err) != WS_OK, 1);
    sim_pki_new(&made, 2, NOON, 8, &keys);
    assert_int_equal(sim_pki_write(&made, dir, &err), WS_OK);
    assert_int_equal(sim_pki_keep(&made, dir, &err), WS_OK);
    (void)snprintf(path, sizeof(path), "%s.issuers/aa-2.key", dir);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    if (sim_pki_load(&read, dir, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(read.n_issuers, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(span_equal(buf_span(&read.issuer[i]), buf_span(&made.issuer[i])));
    /* The same vehicle in the same epoch has the same ticket, whoever issues it; in another one, or with another seed, another one. */
    const uint64_t hour = UINT64_C(3600000000);
    const uint64_t day = 24 * hour;
    const uint64_t epoch = NOON / day * day;
    struct learn_driver a = {.index = 3};
    struct learn_driver b = {.index = 3};
    struct cert c;
    size_t at = 0;
    learn_ticket(&a, &made, 5, epoch, day);
    learn_ticket(&b, &read, 5, epoch + day - 1, day);
    assert_true(span_equal(buf_span(&a.ticket.cert), buf_span(&b.ticket.cert)));
    assert_memory_equal(a.token, b.token, 32);
    assert_int_equal(cert_parse(buf_span(&a.ticket.cert), &c, &at), COER_OK);
    assert_int_equal(c.valid_from_s, epoch / 1000000);
    assert_int_equal(c.valid_until_s - c.valid_from_s, 86400);
    learn_ticket(&b, &read, 5, epoch + day, day);
    assert_memory_not_equal(a.token, b.token, 32);
    struct learn_driver other = {.index = 4};
    learn_ticket(&other, &read, 5, epoch, day);
    assert_memory_not_equal(a.token, other.token, 32);
    sim_station_free(&a.ticket);
    learn_ticket(&a, &made, 6, epoch, day);
    assert_memory_not_equal(a.token, other.token, 32);
    sim_station_free(&a.ticket);
    sim_station_free(&b.ticket);
    sim_station_free(&other.ticket);
    sim_pki_free(&made);
    sim_pki_free(&read);
    assert_int_equal(unlink(path), 0);
    assert_true(sim_pki_load(&read, dir, &err) != WS_OK);
    assert_non_null(strstr(err.text, "aa-2.key"));
    assert_int_equal(folder_remove(&f), 0);
}

/* Who is quarantined or excluded does not come. */
static void who_has_something_to_lose_stays_away(void **state) {
    (void)state;
    const struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct fl_suspicion s = fl_suspicion_new(&rules, 16);
    struct learn_driver v[4] = {{.index = 0}, {.index = 1}, {.index = 2}, {.poisons = true}};
    struct buf table = {0};
    enum learn_away away = LEARN_NOT_FREE;
    /* Nobody has a score. */
    assert_int_equal(learn_stays_away(&v[0], (struct span){0}, &away, NULL), WS_OK);
    assert_int_equal(away, LEARN_COMES);
    for (size_t i = 0; i < 4; i++)
        memset(v[i].token, (int)i + 1, sizeof(v[i].token));
    fl_suspicion_convict(&s, v[1].token, 7);
    fl_suspicion_convict(&s, v[3].token, 8);
    for (uint64_t round = 1; fl_suspicion_standing(&s, v[2].token) == FL_FREE; round++) {
        struct fl_sighting seen = {.group_size = 8, .flagged = true, .evidence = round};
        memcpy(seen.token, v[2].token, FL_TOKEN);
        assert_true(round < 100);
        (void)fl_suspicion_round(&s, &seen, 1, 0, NULL);
    }
    assert_int_equal(fl_suspicion_standing(&s, v[2].token), FL_QUARANTINED);
    fl_suspicion_encode(&s, &table);
    static const enum learn_away expected[] = {
        LEARN_COMES, LEARN_NOT_FREE, LEARN_NOT_FREE, LEARN_COMES};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(learn_stays_away(&v[i], buf_span(&table), &away, NULL), WS_OK);
        assert_int_equal(away, expected[i]);
    }
    assert_int_equal(
        learn_stays_away(&v[0], span_of(table.p, table.n - 1), &away, NULL), WS_EINPUT);
    buf_free(&table);
    fl_suspicion_free(&s);
}

static void frames_say_who_takes_part(void **state) {
    (void)state;
    struct world w;
    open_world(&w);
    struct sim_pki pki;
    struct ws_random keys = ws_random_seeded(8);
    sim_pki_new(&pki, 1, NOON, 8, &keys);
    for (size_t i = 0; i < 2; i++) {
        struct learn_driver v = {.index = i};
        learn_ticket(&v, &pki, 8, NOON, UINT64_C(86400000000));
        struct fl_client_made made = {.id = {1, 2, 3}};
        struct fl_upload_pair key;
        struct buf frame = {0};
        struct carrier c;
        struct spdu m;
        struct fl_submit s;
        size_t at = 0;
        uint16_t port = 0;
        fl_upload_draw(&w.random, &key);
        learn_put_frame(&v, &w.open, &made, &key, NOON, &frame);
        assert_true(frame.n <= 1514);
        assert_int_equal(carrier_read(LINK_ETHERNET, buf_span(&frame), &c), CARRIER_SECURED);
        assert_int_equal(c.kind, i == 0 ? CARRIER_WSMP : CARRIER_UDP);
        assert_int_equal(spdu_parse(c.message, &m, &at), COER_OK);
        assert_false(m.has_location); /* where a vehicle is has no part in what it learned */
        assert_int_equal(m.psid, PSID_LEARNING_RECORD);
        assert_int_equal(m.generation_time, NOON);
        assert_int_equal(m.n_certs, 1);
        assert_true(fl_submit_decode(spdu_app_payload(&m, &port), &s));
        assert_int_equal(s.round, 7);
        assert_int_equal(s.params, w.open.params);
        assert_int_equal(s.profile, FL_STANDARD);
        assert_memory_equal(s.id, made.id, 32);
        assert_memory_equal(s.upload_key, key.public, 32);
        buf_free(&frame);
        sim_station_free(&v.ticket);
    }
    sim_pki_free(&pki);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(wrong_options_are_named),
        cmocka_unit_test(rows_are_dealt_once),
        cmocka_unit_test(too_few_rows_are_refused),
        cmocka_unit_test(other_models_are_refused),
        cmocka_unit_test(honest_vehicles_learn),
        cmocka_unit_test(poison_does_harm),
        cmocka_unit_test(poison_is_what_it_is_called),
        cmocka_unit_test(what_is_made_is_taken),
        cmocka_unit_test(issuers_are_kept),
        cmocka_unit_test(who_has_something_to_lose_stays_away),
        cmocka_unit_test(frames_say_who_takes_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
