#include "rsu/replay/internal.h"

#include "base/assert.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "base/random.h"
#include "ledger/policy/contract.h"
#include "mapsvc/fuse/policy_fields.h"
#include "pktio/capture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum {
    DELAY_US = 5000, /* one way between validators: a cell's backhaul */
    QUIET_GAP_US = 60000000, /* a longer silence in the capture is passed over */
    STEP_US = 1000000,
    TRACKS = 65536, /* signers whose way is followed */
    WAITING_MAX = 1024, /* messages that wait for a certificate */
};
/* What the last frames started is carried to its end: as long as the policy lets a confirmed change wait for its version,
 * and a little; within these. */
#define TAIL_LEAST_US UINT64_C(30000000)
#define TAIL_MOST_US UINT64_C(900000000)

/* ---- setting up ---- */

static int load_inputs(struct replay *r, struct ws_err *err) {
    const struct replay_options *o = r->opt;
    struct map_import_options how = {.has_origin = o->has_origin, .lat0 = o->lat0, .lon0 = o->lon0};
    int rc = map_import(o->map, &how, &r->map, &r->map_report, err);
    if (rc == WS_OK && o->trust != NULL)
        rc = trust_files_load(o->trust, TRUST_ROOTS_MAX, &r->trust, err);
    if (rc == WS_OK && o->policy != NULL) {
        rc = file_read(o->policy, cell_policy_limits()->source + 1, &r->policy_script, err);
        r->policy_name = "given";
    }
    return rc;
}

/* A capture that holds nothing that is read is a mistake; one that ends inside a record is what a machine left behind
 * that lost its power or its disk, and what stands before that place is as good as ever. */
static bool is_cut(int rc) {
    return rc < 0 && rc != WS_ENOTSUP;
}

/* The instant of the first frame of the first capture that has one; empty captures start at the ITS epoch. */
static int find_start(struct replay *r, struct ws_err *err) {
    for (size_t i = 0; i < r->opt->n_captures; i++) {
        struct capture *c = NULL;
        struct pkt_frame f;
        int rc = capture_open(r->opt->captures[i], (uint32_t)i, &c, err);
        if (rc != WS_OK)
            return rc;
        rc = capture_next(c, &f, err);
        capture_close(c);
        if (rc < 0 && !is_cut(rc))
            return rc;
        if (rc == 1) {
            r->first_stamp_ns = f.stamp_ns;
            r->last_stamp_ns = f.stamp_ns;
            return WS_OK;
        }
    }
    return WS_OK;
}

static int found_cell(struct replay *r, uint64_t start_its_us, struct ws_err *err) {
    const struct replay_options *o = r->opt;
    struct founding *f = ws_alloc(sizeof(*f));
    f->name = "replay";
    f->time = start_its_us > 1000000 ? start_its_us - 1000000 : 0;
    f->validators.n = o->validators;
    for (size_t i = 0; i < o->validators; i++) {
        struct signer *s = signer_new(r->seeds[i]);
        WS_ASSERT(s != NULL);
        f->validators.v[i] = (struct validator){.alg = KEY_ED25519, .power = 1, .owner = "replay"};
        (void)snprintf(
            f->validators.v[i].mast, sizeof(f->validators.v[i].mast), "replay%zu", i + 1);
        signer_public(s, f->validators.v[i].key);
        memcpy(
            f->validators.v[i].curve_key, f->validators.v[i].key, KEY_OCTETS); /* no links here */
        signer_free(s);
    }
    f->trust = &r->trust;
    f->params = cell_params_default();
    f->params.block_min_us = 200000;
    f->params.message_future_us = 60000000; /* captures and vehicles rarely agree on the second */
    f->policy_name = r->policy_name == NULL ? founding_policy_name : r->policy_name;
    f->policy_script =
        r->policy_name == NULL ? founding_policy_script() : buf_span(&r->policy_script);
    f->map = &r->map;
    int rc = founding_genesis(f, &r->genesis, err);
    free(f);
    return rc;
}

static void on_committed(void *ctx, size_t validator, const struct block *b, const struct commit *c,
    const struct exec_outcome *o);

static int open_box(struct replay *r, uint64_t start_its_us, struct ws_err *err) {
    struct onebox_config cfg = {
        .genesis = buf_span(&r->genesis),
        .map = &r->map,
        .n = r->opt->validators,
        .seeds = (const uint8_t(*)[32])r->seeds,
        .delay_us = DELAY_US,
        .limits = node_limits_default(),
        .start = {.mono_us = 1000000, .its_us = start_its_us},
        .any_map_version = r->opt->any_version,
        .committed = on_committed,
        .ctx = r,
    };
    return onebox_new(&cfg, &r->box, err);
}

static struct replay_frame *line_of(struct replay *r, uint32_t capture, uint64_t number);

static bool on_verified(void *ctx, struct pkt_message *m) {
    struct replay *r = ctx;
    struct buf words = {0};
    admit_judge(r->tracks, m, NULL);
    plausibility_print(&m->plausibility, &words);
    buf_u8(&words, 0);
    line_of(r, m->capture, m->frame)->plausibility = (char *)words.p;
    /* A real cell's RSUs hear a message each where they stand; here they take turns, by the message's own identity. */
    size_t at = m->id[31] % r->opt->validators;
    (void)admit_message(onebox_node(r->box, at), m, onebox_now(r->box), &r->admit);
    pkt_message_release(m);
    return true;
}

static void note_verdict(
    void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail);

static int open_lists(struct replay *r, const struct trust_store *base, struct ws_err *err) {
    if (r->opt->revocations == NULL)
        return WS_OK;
    struct revocations_config cfg = {.dir = r->opt->revocations,
        .manager = r->opt->manager,
        .base = base,
        .clock = REVOCATION_CLOCK_SCMS,
        .limits = revocation_limits_default(),
        .ahead_s = (uint32_t)(r->opt->freshness_us / 1000000)};
    return revocations_open(&cfg, (uint32_t)(onebox_now(r->box).its_us / 1000000), &r->lists, err);
}

static void open_pipe(struct replay *r) {
    struct pipeline_config cfg = {
        .repeatable = true,
        .limits =
            {
                .source_slots = 65536,
                .source_rate = 1000,
                .source_burst = 2000,
                .replay_slots = 1U << 18,
                .cert_slots = 65536,
                .message_pool = 64,
                .freshness_us = r->opt->freshness_us,
                .freshness_own_us = r->opt->freshness_us,
                .future_us = r->opt->freshness_us,
                /* Time is the capture's: a message may wait for its certificate as long as it is fresh. */
                .queue_slots = 4096,
                .wait_slots = WAITING_MAX,
                .wait_octets = WAITING_MAX * 2048,
                .wait_share = WAITING_MAX,
                .wait_us = r->opt->freshness_us,
            },
        .trust = executor_trust(node_executor(onebox_node(r->box, 0))),
        .views = r->lists == NULL ? NULL : revocations_slot(r->lists),
        .verify = true,
    };
    r->pipe = pipeline_new(&cfg, on_verified, r, note_verdict, r);
    struct plausibility_config tracks = {.tracks = TRACKS,
        .has_place = r->opt->has_place,
        .lat = r->opt->place_lat,
        .lon = r->opt->place_lon,
        .reach_m = r->opt->reach_m};
    r->tracks = plausibility_new(&tracks);
}

/* ---- what the cell decides ---- */

static void on_committed(void *ctx, size_t validator, const struct block *b, const struct commit *c,
    const struct exec_outcome *o) {
    struct replay *r = ctx;
    (void)validator;
    (void)c;
    r->blocks++;
    r->txs += b->n_txs;
    for (size_t i = 0; i < o->n_results; i++) {
        size_t code = o->results[i].code;
        if (code < ARRAY_LEN(r->results[0]))
            r->results[o->results[i].contract][code]++;
    }
    for (size_t i = 0; i < o->n_events; i++)
        replay_note_event(r, &o->events[i], b->header.time);
    if (r->block != NULL)
        r->block(r->block_ctx, b);
    r->final_height = b->header.height;
    memcpy(r->final_block, b->id, 32);
    memcpy(r->state_root, o->state_root, 32);
}

/* ---- time and frames ---- */

static void pace(const struct replay *r, const struct timespec *wall, uint64_t stamp_ns) {
    if (r->opt->speed <= 0)
        return;
    double ns = (double)(stamp_ns - r->first_stamp_ns) / r->opt->speed;
    struct timespec due = *wall;
    due.tv_sec += (time_t)(ns / 1e9);
    due.tv_nsec += (long)(ns - (double)(time_t)(ns / 1e9) * 1e9);
    if (due.tv_nsec >= 1000000000) {
        due.tv_sec++;
        due.tv_nsec -= 1000000000;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0) {
    }
}

/* Runs the cell up to the cell time `its_us`. A long silence is run until nothing more can happen, then passed over. */
static int run_to(struct replay *r, uint64_t its_us, struct ws_err *err) {
    for (;;) {
        struct ws_now now = onebox_now(r->box);
        if (its_us <= now.its_us)
            return WS_OK;
        uint64_t left = its_us - now.its_us;
        uint64_t step = left < STEP_US ? left : STEP_US;
        if (left > QUIET_GAP_US && onebox_quiet(r->box)) {
            int rc = onebox_run_until(r->box, now.mono_us + QUIET_GAP_US / 2, err);
            if (rc != WS_OK)
                return rc;
            left -= QUIET_GAP_US / 2;
            if (onebox_quiet(r->box)) {
                onebox_skip(r->box, left);
                r->skipped_us += left;
            }
            continue;
        }
        int rc = onebox_run_until(r->box, now.mono_us + step, err);
        if (rc != WS_OK)
            return rc;
    }
}

/* Frames are numbered in each capture from 1, and verdicts that come late belong to frames not long ago. */
static struct replay_frame *line_of(struct replay *r, uint32_t capture, uint64_t number) {
    for (size_t i = r->n_frames; i-- > r->first_open;) {
        struct replay_frame *line = &r->frames[i];
        if (line->capture == capture && line->number == number)
            return line;
    }
    WS_ASSERT(false);
    return NULL;
}

static void note_verdict(
    void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct replay *r = ctx;
    struct replay_frame *line = line_of(r, f->capture, f->number);
    WS_ASSERT(line->verdict == PKT_VERDICT_COUNT);
    line->why = detail[0] == '\0' ? NULL : ws_strdup(detail);
    line->verdict = v;
    while (r->first_open < r->n_frames && r->frames[r->first_open].verdict != PKT_VERDICT_COUNT)
        r->first_open++;
}

static void run_frame(struct replay *r, const struct pkt_frame *f) {
    if (r->n_frames == r->cap_frames) {
        r->cap_frames = r->cap_frames == 0 ? 1024 : r->cap_frames * 2;
        r->frames = ws_realloc(r->frames, r->cap_frames * sizeof(*r->frames));
    }
    r->frames[r->n_frames++] = (struct replay_frame){.capture = f->capture,
        .number = f->number,
        .stamp_ns = f->stamp_ns,
        .verdict = PKT_VERDICT_COUNT};
    uint64_t now = onebox_now(r->box).its_us;
    /* Periods go on with the captures' time; the folder is not looked at again. */
    while (r->lists != NULL && revocations_tick(r->lists, 0, (uint32_t)(now / 1000000)))
        ;
    pipeline_tick(r->pipe, now);
    pipeline_take(r->pipe, f, 1, now);
    while (pipeline_work(r->pipe, now))
        ;
}

static int run_capture(
    struct replay *r, size_t index, const struct timespec *wall, struct ws_err *err) {
    struct capture *c = NULL;
    int rc = capture_open(r->opt->captures[index], (uint32_t)index, &c, err);
    if (rc != WS_OK)
        return rc;
    struct pkt_frame f;
    struct replay_capture *file = &r->captures[index];
    while ((rc = capture_next(c, &f, err)) == 1) {
        file->frames++;
        file->last_stamp_ns = f.stamp_ns;
        if (f.stamp_ns < r->last_stamp_ns)
            r->backward_stamps++;
        else
            r->last_stamp_ns = f.stamp_ns;
        pace(r, wall, r->last_stamp_ns);
        rc = run_to(r, its_from_unix_us((int64_t)(r->last_stamp_ns / 1000)), err);
        if (rc != WS_OK) {
            capture_close(c);
            return rc;
        }
        run_frame(r, &f);
        if (r->opt->progress != NULL && r->n_frames % 5000 == 0)
            (void)fprintf(r->opt->progress,
                "replay: %zu frames, height %" PRIu64 ", %zu map version%s\n", r->n_frames,
                r->final_height, r->n_versions, r->n_versions == 1 ? "" : "s");
    }
    capture_close(c);
    if (!is_cut(rc))
        return rc;
    /* The outputs name no path: the same captures elsewhere give the same octets. */
    const char *why = err->text;
    size_t path = strlen(r->opt->captures[index]);
    if (strncmp(why, r->opt->captures[index], path) == 0 && strncmp(why + path, ": ", 2) == 0)
        why += path + 2;
    file->cut = ws_strdup(why);
    r->cuts++;
    return WS_OK;
}

void replay_release(struct replay *r) {
    pipeline_free(r->pipe);
    plausibility_free(r->tracks);
    revocations_free(r->lists);
    onebox_free(r->box);
    for (size_t i = 0; i < r->n_versions; i++)
        map_version_free(&r->versions[i].version);
    free(r->versions);
    mapset_free(&r->map);
    trust_files_free(&r->trust);
    buf_free(&r->policy_script);
    buf_free(&r->genesis);
    for (size_t i = 0; i < r->n_frames; i++) {
        free(r->frames[i].why);
        free(r->frames[i].plausibility);
    }
    free(r->frames);
    for (size_t i = 0; r->captures != NULL && i < r->opt->n_captures; i++)
        free(r->captures[i].cut);
    free(r->captures);
    buf_free(&r->events_csv);
    free(r);
}

/* ---- the whole of it ---- */

struct replay *replay_new(const struct replay_options *opt) {
    WS_ASSERT(opt->validators >= 1 && opt->validators <= VALIDATORS_MAX);
    struct replay *r = ws_alloc(sizeof(*r));
    r->opt = opt;
    r->captures = ws_calloc(opt->n_captures, sizeof(*r->captures));
    struct ws_random rnd = ws_random_seeded(opt->seed);
    ws_random_bytes(&rnd, r->seeds, sizeof(r->seeds));
    return r;
}

int replay_prepare(struct replay *r, struct ws_err *err) {
    int rc = load_inputs(r, err);
    if (rc == WS_OK)
        rc = find_start(r, err);
    uint64_t start = its_from_unix_us((int64_t)(r->first_stamp_ns / 1000));
    if (rc == WS_OK)
        rc = found_cell(r, start, err);
    if (rc == WS_OK)
        rc = open_box(r, start, err);
    if (rc == WS_OK)
        rc = open_lists(r, executor_trust(node_executor(onebox_node(r->box, 0))), err);
    if (rc != WS_OK)
        return rc;
    open_pipe(r);
    size_t n = 0;
    const int64_t *policy = policy_contract_values(onebox_cell(r->box, 0)->policy, &n);
    WS_ASSERT(n > MAP_POLICY_VERSION_AGE_MS);
    replay_wait_for_versions(r, policy[MAP_POLICY_VERSION_AGE_MS]);
    buf_printf(&r->events_csv, "height,time,contract,type,sequence,what\n");
    return WS_OK;
}

void replay_wait_for_versions(struct replay *r, int64_t version_age_ms) {
    uint64_t wait = (uint64_t)version_age_ms * 1000 + TAIL_LEAST_US / 10;
    wait = wait < TAIL_LEAST_US ? TAIL_LEAST_US : wait > TAIL_MOST_US ? TAIL_MOST_US : wait;
    r->tail_us = wait > r->tail_us ? wait : r->tail_us;
}

/* Damaged before its first frame, and nothing else was there: that is no capture. */
static int nothing_read(const struct replay *r, struct ws_err *err) {
    for (size_t i = 0; i < r->opt->n_captures; i++) {
        if (r->captures[i].cut != NULL)
            return ws_fail(err, WS_EINPUT, "%s: %s", r->opt->captures[i], r->captures[i].cut);
    }
    return WS_OK;
}

int replay_play(struct replay *r, struct ws_err *err) {
    int rc = WS_OK;
    struct timespec wall;
    (void)clock_gettime(CLOCK_MONOTONIC, &wall);
    for (size_t i = 0; i < r->opt->n_captures && rc == WS_OK; i++)
        rc = run_capture(r, i, &wall, err);
    if (rc == WS_OK && r->n_frames == 0)
        rc = nothing_read(r, err);
    if (rc != WS_OK)
        return rc;
    pipeline_finish(r->pipe, onebox_now(r->box).its_us);
    struct ws_now now = onebox_now(r->box);
    return onebox_run_until(r->box, now.mono_us + r->tail_us, err);
}

struct replay_summary replay_summary_of(const struct replay *r) {
    struct replay_summary s = {
        .frames = r->n_frames,
        .verified = replay_verdicts(r, PKT_VERIFIED),
        .blocks = r->blocks,
        .txs = r->txs,
        .versions = r->n_versions,
        .cuts = r->cuts,
        .capture_us = (r->last_stamp_ns - r->first_stamp_ns) / 1000,
    };
    for (size_t i = 0; i < r->n_versions; i++)
        s.changes += r->versions[i].version.n_changes;
    memcpy(s.final_block, r->final_block, 32);
    return s;
}

int replay_run(const struct replay_options *opt, struct replay_summary *ret, struct ws_err *err) {
    struct replay *r = replay_new(opt);
    int rc = replay_prepare(r, err);
    if (rc == WS_OK)
        rc = replay_play(r, err);
    if (rc == WS_OK && opt->record != NULL)
        rc = replay_record(r, err);
    if (rc == WS_OK)
        rc = replay_write(r, err);
    if (rc == WS_OK)
        *ret = replay_summary_of(r);
    replay_release(r);
    return rc;
}
