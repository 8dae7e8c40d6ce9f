/* One vehicle's part: it trains, perhaps it poisons, and makes what it sends. */
#include "rsu/obus/learn.h"

#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/round/records.h"
#include "fedlearn/vehicle/quantise.h"
#include "fedlearn/vehicle/standing.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <math.h>
#include <stdlib.h>

const char *learn_poison_name(enum learn_poison p) {
    static const char *const names[] = {"none", "sign-flip", "random", "label-flip", "boost"};
    return names[p];
}

int learn_desk_open(struct learn_desk *d, struct ws_err *err) {
    *d = (struct learn_desk){.secrets = ws_random_system()};
    d->client = aligned_alloc(64, (sizeof(*d->client) + 63) / 64 * 64);
    if (d->client == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory");
    int rc = fl_client_open(d->client, err);
    if (rc != WS_OK) {
        free(d->client);
        d->client = NULL;
    }
    return rc;
}

void learn_desk_close(struct learn_desk *d) {
    if (d->client != NULL)
        fl_client_close(d->client);
    free(d->client);
    free(d->local);
    free(d->update);
    free(d->scratch);
    free(d->symbols);
    free(d->labels);
    *d = (struct learn_desk){0};
}

void learn_ticket(struct learn_driver *v, const struct sim_pki *pki, uint64_t seed, uint64_t its_us,
    uint64_t epoch_us) {
    const uint64_t epoch = its_us / epoch_us;
    if (v->ticket.key != NULL && v->epoch == epoch)
        return;
    struct ws_random seeds = ws_random_seeded(seed);
    struct ws_random epochs = ws_random_seeded(ws_random_u64(&seeds) + epoch);
    struct ws_random own = ws_random_seeded(ws_random_u64(&epochs) + v->index);
    struct cert c;
    size_t at = 0;
    sim_station_free(&v->ticket);
    sim_learner_new(pki, v->index % pki->n_issuers, its_us, epoch_us, &own, &v->ticket);
    WS_ASSERT(cert_parse(buf_span(&v->ticket.cert), &c, &at) == COER_OK);
    cert_hash256(&c, v->token);
    v->epoch = epoch;
}

int learn_stays_away(const struct learn_driver *v, struct span table, enum learn_away *ret_away,
    struct ws_err *err) {
    struct fl_suspect found = {.standing = FL_FREE};
    *ret_away = LEARN_COMES;
    if (v->poisons)
        return WS_OK;
    const int rc = table.n == 0 ? WS_OK : fl_standing_find(table, v->token, &found, err);
    if (rc == WS_OK && found.standing != FL_FREE)
        *ret_away = LEARN_NOT_FREE;
    return rc;
}

static void make_room(struct learn_desk *d, const struct fl_shape *shape, size_t rows) {
    const size_t params = fl_shape_params(shape);
    if (params != d->params) {
        d->params = params;
        d->local = ws_realloc(d->local, params * sizeof(*d->local));
        d->update = ws_realloc(d->update, params * sizeof(*d->update));
        d->symbols = ws_realloc(d->symbols, params * sizeof(*d->symbols));
    }
    d->scratch = ws_realloc(d->scratch, fl_train_scratch(shape) * sizeof(*d->scratch));
    if (rows > d->n_labels) {
        d->n_labels = rows;
        d->labels = ws_realloc(d->labels, rows);
    }
}

int learn_train(struct learn_driver *v, const struct learn_options *o, const struct fl_rows *rows,
    const struct fl_model *global, struct learn_desk *d, struct ws_err *err) {
    struct fl_rows mine = *rows;
    make_room(d, &global->shape, rows->n);
    if (v->poisons && o->poison == LEARN_LABEL_FLIP) {
        for (size_t i = 0; i < rows->n; i++)
            d->labels[i] = (uint8_t)(global->shape.classes - 1 - rows->y[i]);
        mine.y = d->labels;
    }
    for (size_t i = 0; i < d->params; i++)
        d->local[i] = (float)ldexp(global->params[i], -FL_PARAM_FRACTION);
    int rc = fl_train_run(&global->shape, &mine, &o->train, &v->random, d->local, d->scratch, err);
    if (rc == WS_OK)
        fl_update(d->local, global->params, d->params, d->update);
    return rc;
}

static double length_of(const float *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

/* As long as what was learnt, in any direction. */
static void any_direction(struct learn_driver *v, size_t params, float *update) {
    const double want = length_of(update, params);
    for (size_t i = 0; i < params; i++)
        update[i] = (float)ws_random_below(&v->random, 2000001) - 1e6F;
    const double have = length_of(update, params);
    for (size_t i = 0; i < params; i++)
        update[i] = (float)((double)update[i] * want / (have > 0 ? have : 1));
}

bool learn_spoil(
    struct learn_driver *v, const struct learn_options *o, size_t params, struct learn_desk *d) {
    if (!v->poisons)
        return false;
    if (o->poison == LEARN_RANDOM)
        any_direction(v, params, d->update);
    for (size_t i = 0; i < params && o->poison == LEARN_SIGN_FLIP; i++)
        d->update[i] = -d->update[i];
    return o->poison != LEARN_LABEL_FLIP && o->boost_milli != 1000;
}

/* Nothing but what a symbol can be limits it. */
static void boost(const struct fl_scale *scale, uint32_t milli, const float *update, size_t params,
    int32_t *ret_symbols) {
    const double most = fl_symbol_max(scale);
    const double by = milli / 1000.0 * most / ldexp(scale->clip_inf, -FL_PARAM_FRACTION);
    for (size_t i = 0; i < params; i++)
        ret_symbols[i] = (int32_t)fmax(fmin((double)update[i] * by, most), -most);
}

int learn_make(const struct fl_client_round *round, uint32_t boost_milli, bool boosted,
    struct learn_desk *d, uint8_t *ret_octets, struct fl_client_made *ret, struct ws_err *err) {
    if (!boosted)
        return fl_client_make(
            d->client, round, d->update, d->symbols, &d->secrets, ret_octets, ret, err);
    boost(&round->open->config.scale, boost_milli, d->update, round->open->params, d->symbols);
    fl_client_seal(d->client, round, d->symbols, &d->secrets, ret_octets, ret);
    return WS_OK;
}

void learn_put_frame(const struct learn_driver *v, const struct fl_open *open,
    const struct fl_client_made *made, const struct fl_upload_pair *key, uint64_t its_us,
    struct buf *frame) {
    struct fl_submit s = {
        .round = open->round, .profile = open->config.profile->octet, .params = open->params};
    struct buf payload = {0};
    struct buf spdu = {0};
    memcpy(s.id, made->id, sizeof(s.id));
    memcpy(s.upload_key, key->public, sizeof(s.upload_key));
    fl_submit_encode(&s, &payload);
    const struct spdu_request rq = {.psid = PSID_LEARNING_RECORD,
        .generation_time = its_us,
        .payload = buf_span(&payload),
        .with_certificate = true};
    spdu_put_signed(&spdu, &rq, v->ticket.key, buf_span(&v->ticket.cert));
    if (v->index % 2 == 0) {
        carrier_put_wsmp(frame, v->ticket.mac, PSID_LEARNING_RECORD, buf_span(&spdu));
    } else {
        static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
        uint8_t from[16];
        sim_link_address(v->ticket.mac, from);
        carrier_put_udp6(frame, v->ticket.mac, from, all_nodes, BTP_PORT_WAYSIDE, buf_span(&spdu));
    }
    buf_free(&payload);
    buf_free(&spdu);
}
