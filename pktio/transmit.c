#include "pktio/transmit.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/carrier.h"
#include "v2x/gn.h"
#include "v2x/psid.h"
#include "v2x/verify.h"

#include <stdlib.h>

enum {
    PORT_CAM = 2001,
    PORT_DENM = 2002,
    STATION_RSU = 15,
    WANTED_MAX = 32,
};
#define TICKET_EVERY_US 1000000
#define WANTED_FOR_US 2000000

struct wanted {
    uint8_t id3[3];
    uint64_t until_us;
};

struct transmit {
    struct buf ticket, issuer;
    const struct sign_key *key;
    uint32_t octets_per_s, burst_octets;
    transmit_send send;
    void *ctx;
    struct cert cert; /* spans into ticket */
    uint8_t ticket_id3[3], issuer_id3[3];
    uint8_t mac[6];
    uint32_t station_id;
    struct gn_source source;

    uint64_t tokens; /* octets times 1,000,000 */
    uint64_t filled_us;
    bool has_filled;
    bool ticket_asked, issuer_asked;
    bool has_cam_ticket, has_notice_ticket;
    uint64_t cam_ticket_us, notice_ticket_us; /* when the ticket went along last */
    uint16_t sequence; /* of GeoBroadcasts */
    struct wanted wanted[WANTED_MAX];
    size_t n_wanted;
    struct buf pdu, spdu, frame; /* scratch */
    struct transmit_counters n;
};

const char *transmit_outcome_name(enum transmit_outcome o) {
    static const char *const names[] = {
#define X(id, name, text) name,
        TRANSMIT_OUTCOMES(X)
#undef X
    };
    return names[o];
}

/* ---- who we are ---- */

static int read_cert(struct buf *dst, struct span octets, const char *what, struct cert *ret_cert,
    uint8_t ret_hash[static 32], struct ws_err *err) {
    size_t at = 0;
    buf_put(dst, octets.p, octets.n);
    enum coer_fail fail = cert_parse(buf_span(dst), ret_cert, &at);
    if (fail != COER_OK)
        return ws_fail(
            err, WS_EINPUT, "%s: no certificate: %s at octet %zu", what, coer_fail_text(fail), at);
    cert_hash256(ret_cert, ret_hash);
    return WS_OK;
}

/* Signs something and checks it under the ticket: the one proof that key and ticket belong together. */
static int check_key(const struct transmit *t, struct ws_err *err) {
    struct verify_item item = {.digest = {1}, .digest_octets = 32, .r_form = EC_X_ONLY};
    if (t->cert.type != CERT_EXPLICIT)
        return ws_fail(err, WS_EINPUT, "ticket: implicit certificates are not used for sending");
    if (ec_octets(t->cert.key_curve) != 32)
        return ws_fail(err, WS_EINPUT, "ticket: its key is not on a 256-bit curve");
    item.key = verify_key_new(t->cert.key_curve, &t->cert.key);
    if (item.key == NULL)
        return ws_fail(err, WS_EINPUT, "ticket: its key is no point of its curve");
    sign_digest(t->key, item.digest, item.r, item.s);
    enum verify_answer_kind k = verify_one(&item);
    verify_key_unref(item.key);
    if (k != VERIFY_GOOD)
        return ws_fail(err, WS_EINPUT, "the key is not that of the ticket");
    return WS_OK;
}

static void name_station(struct transmit *t, const uint8_t hash[static 32]) {
    memcpy(t->ticket_id3, hash + 29, 3);
    memcpy(t->mac, hash + 26, 6);
    t->mac[0] = (uint8_t)((t->mac[0] & 0xfc) | 2); /* locally administered, no group */
    t->station_id = be32(hash + 28);
    t->source.address = (uint64_t)STATION_RSU << 58;
    for (size_t i = 0; i < 6; i++)
        t->source.address |= (uint64_t)t->mac[i] << (8 * (5 - i));
}

static int take_certificates(
    struct transmit *t, const struct transmit_config *cfg, struct ws_err *err) {
    uint8_t hash[32] = {0};
    uint8_t issuer_hash[32] = {0};
    struct cert issuer;
    int rc = read_cert(&t->ticket, cfg->ticket, "ticket", &t->cert, hash, err);
    if (rc != WS_OK)
        return rc;
    name_station(t, hash);
    if (cfg->issuer.n > 0) {
        rc = read_cert(&t->issuer, cfg->issuer, "issuer", &issuer, issuer_hash, err);
        if (rc != WS_OK)
            return rc;
        if (t->cert.issuer_kind != ISSUER_SHA256 ||
            memcmp(t->cert.issuer_id, issuer_hash + 24, 8) != 0)
            return ws_fail(err, WS_EINPUT, "issuer: is not the one that the ticket names");
        memcpy(t->issuer_id3, issuer_hash + 29, 3);
    }
    return check_key(t, err);
}

int transmit_new(const struct transmit_config *cfg, transmit_send send, void *ctx,
    struct transmit **ret_transmit, struct ws_err *err) {
    WS_ASSERT(cfg->octets_per_s > 0);
    WS_ASSERT(cfg->burst_octets >= TRANSMIT_FRAME_MAX);
    struct transmit *t = ws_alloc(sizeof(*t));
    t->key = cfg->key;
    t->octets_per_s = cfg->octets_per_s;
    t->burst_octets = cfg->burst_octets;
    t->send = send;
    t->ctx = ctx;
    t->source = (struct gn_source){.lat = cfg->lat, .lon = cfg->lon};
    int rc = take_certificates(t, cfg, err);
    if (rc != WS_OK) {
        transmit_free(t);
        return rc;
    }
    *ret_transmit = t;
    return WS_OK;
}

void transmit_free(struct transmit *t) {
    if (t == NULL)
        return;
    struct buf *const own[] = {&t->ticket, &t->issuer, &t->pdu, &t->spdu, &t->frame};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        buf_free(own[i]);
    free(t);
}

/* ---- the budget ---- */

static void refill(struct transmit *t, uint64_t its_us) {
    const uint64_t full = (uint64_t)t->burst_octets * 1000000;
    if (!t->has_filled) {
        t->has_filled = true;
        t->tokens = full;
    } else if (its_us > t->filled_us) {
        uint64_t gone = its_us - t->filled_us;
        uint64_t whole = full / t->octets_per_s + 1; /* fills any bucket; keeps the product small */
        t->tokens += (gone < whole ? gone : whole) * t->octets_per_s;
        if (t->tokens > full)
            t->tokens = full;
    }
    t->filled_us = its_us; /* a clock that went back fills nothing, and counts from there */
}

/* ---- sending ---- */

struct message {
    uint64_t psid;
    struct span payload; /* from the GeoNetworking common header on */
    bool has_location;
    int32_t lat, lon;
    bool with_ticket;
    struct span ask, give;
};

static enum transmit_outcome sign_and_send(
    struct transmit *t, const struct message *m, uint64_t its_us) {
    uint64_t now_s = its_us / 1000000;
    if (!cert_app_permission(&t->cert, m->psid, NULL, NULL))
        return TRANSMIT_NO_PERMISSION;
    if (now_s < t->cert.valid_from_s || now_s >= t->cert.valid_until_s)
        return TRANSMIT_TICKET_TIME;
    refill(t, its_us);
    /* The rest of a frame is about this much; an empty bucket costs no signature. */
    uint64_t least = (uint64_t)m->payload.n * 1000000;
    if (least > t->tokens)
        return TRANSMIT_BUDGET;
    const struct spdu_request rq = {
        .psid = m->psid,
        .generation_time = its_us,
        .has_location = m->has_location,
        .lat = m->lat,
        .lon = m->lon,
        .payload = m->payload,
        .with_certificate = m->with_ticket,
        .ask = m->ask,
        .give = m->give,
    };
    buf_clear(&t->spdu);
    buf_clear(&t->frame);
    spdu_put_signed(&t->spdu, &rq, t->key, buf_span(&t->ticket));
    carrier_put_gn_secured(&t->frame, t->mac, buf_span(&t->spdu));
    if (t->frame.n > TRANSMIT_FRAME_MAX)
        return TRANSMIT_TOO_LONG;
    uint64_t cost = (uint64_t)t->frame.n * 1000000;
    if (cost > t->tokens)
        return TRANSMIT_BUDGET;
    if (!t->send(t->ctx, buf_span(&t->frame)))
        return TRANSMIT_PORT;
    t->tokens -= cost;
    t->n.octets += t->frame.n;
    t->n.tickets += m->with_ticket;
    return TRANSMIT_SENT;
}

static enum transmit_outcome count(struct transmit *t, enum transmit_outcome o, uint64_t *sent) {
    t->n.outcome[o]++;
    *sent += o == TRANSMIT_SENT;
    return o;
}

static const struct gn_source *source_at(struct transmit *t, uint64_t its_us) {
    t->source.timestamp_ms = (uint32_t)(its_us / 1000);
    return &t->source;
}

/* ---- certificates of others ---- */

void transmit_want(struct transmit *t, const uint8_t hashed_id3[static 3], uint64_t its_us) {
    size_t at = t->n_wanted;
    size_t oldest = 0;
    for (size_t i = 0; i < t->n_wanted; i++) {
        if (memcmp(t->wanted[i].id3, hashed_id3, 3) == 0)
            at = i;
        if (t->wanted[i].until_us < t->wanted[oldest].until_us)
            oldest = i;
    }
    if (at == WANTED_MAX)
        at = oldest;
    if (at == t->n_wanted)
        t->n_wanted++;
    memcpy(t->wanted[at].id3, hashed_id3, 3);
    t->wanted[at].until_us = its_us + WANTED_FOR_US;
}

void transmit_asked(struct transmit *t, struct span hashed_id3s) {
    for (size_t i = 0; i + 3 <= hashed_id3s.n; i += 3) {
        if (memcmp(hashed_id3s.p + i, t->ticket_id3, 3) == 0)
            t->ticket_asked = true;
        if (t->issuer.n > 0 && memcmp(hashed_id3s.p + i, t->issuer_id3, 3) == 0)
            t->issuer_asked = true;
    }
}

void transmit_heard_new(struct transmit *t) {
    t->ticket_asked = true;
}

/* The first of those still wanted, for one CAM. */
static struct span asking(
    struct transmit *t, uint64_t its_us, uint8_t dst[static 3 * TRANSMIT_ASK_MAX]) {
    size_t keep = 0;
    size_t n = 0;
    for (size_t i = 0; i < t->n_wanted; i++) {
        if (t->wanted[i].until_us > its_us)
            t->wanted[keep++] = t->wanted[i];
    }
    t->n_wanted = keep;
    for (; n < keep && n < TRANSMIT_ASK_MAX; n++)
        memcpy(dst + 3 * n, t->wanted[n].id3, 3);
    return span_of(dst, 3 * n);
}

/* What was asked for in this CAM goes to the end of the line, so that all get their turn. */
static void asked_for(struct transmit *t, size_t n) {
    struct wanted head[TRANSMIT_ASK_MAX];
    memcpy(head, t->wanted, n * sizeof(*head));
    memmove(t->wanted, t->wanted + n, (t->n_wanted - n) * sizeof(*head));
    memcpy(t->wanted + t->n_wanted - n, head, n * sizeof(*head));
    t->n.asked += n;
}

/* ---- messages ---- */

static bool is_due(bool before, uint64_t last_us, uint64_t its_us) {
    return !before || its_us < last_us || its_us - last_us >= TICKET_EVERY_US;
}

enum transmit_outcome transmit_cam(struct transmit *t, uint64_t its_us) {
    uint8_t ids[3 * TRANSMIT_ASK_MAX];
    const struct cam_fields cam = {
        .station_id = t->station_id,
        .generation_delta_ms = (uint16_t)(its_us / 1000),
        .station_type = STATION_RSU,
        .lat = t->source.lat,
        .lon = t->source.lon,
        .heading = 3601,
        .speed = 16383,
    };
    struct buf body = {0};
    cam_put(&body, &cam);
    buf_clear(&t->pdu);
    gn_put_shb(&t->pdu, source_at(t, its_us), PORT_CAM, buf_span(&body));
    buf_free(&body);
    struct message m = {.psid = PSID_CAM, .payload = buf_span(&t->pdu)};
    m.with_ticket = t->ticket_asked || is_due(t->has_cam_ticket, t->cam_ticket_us, its_us);
    m.ask = asking(t, its_us, ids);
    /* requestedCertificate goes with a digest only (TS 103 097, 7.1.1), so it waits for the CAM after. */
    bool gives = t->issuer_asked && !m.with_ticket;
    if (gives)
        m.give = buf_span(&t->issuer);
    enum transmit_outcome o = sign_and_send(t, &m, its_us);
    if (o == TRANSMIT_SENT) {
        asked_for(t, m.ask.n / 3);
        if (m.with_ticket) {
            t->n.answered += t->ticket_asked;
            t->ticket_asked = false;
            t->has_cam_ticket = true;
            t->cam_ticket_us = its_us;
        }
        if (gives) {
            t->n.answered++;
            t->issuer_asked = false;
        }
    }
    return count(t, o, &t->n.cam);
}

enum transmit_outcome transmit_denm(
    struct transmit *t, const struct denm_fields *f, uint16_t radius_m, uint64_t its_us) {
    struct denm_fields denm = *f;
    denm.station_id = t->station_id;
    denm.station_type = STATION_RSU;
    if (denm.action_station == 0)
        denm.action_station = t->station_id;
    struct buf body = {0};
    denm_put(&body, &denm);
    buf_clear(&t->pdu);
    const struct gn_circle area = {f->lat, f->lon, radius_m, t->sequence};
    gn_put_gbc(&t->pdu, source_at(t, its_us), &area, PORT_DENM, buf_span(&body));
    buf_free(&body);
    /* A receiver wants to know where the sender stood, not where the event is. */
    const struct message m = {
        .psid = PSID_DENM,
        .payload = buf_span(&t->pdu),
        .has_location = true,
        .lat = t->source.lat,
        .lon = t->source.lon,
        .with_ticket = true,
    };
    enum transmit_outcome o = sign_and_send(t, &m, its_us);
    if (o == TRANSMIT_SENT)
        t->sequence++;
    return count(t, o, &t->n.denm);
}

enum transmit_outcome transmit_notice(struct transmit *t, struct span payload, uint64_t its_us) {
    buf_clear(&t->pdu);
    gn_put_shb(&t->pdu, source_at(t, its_us), BTP_PORT_WAYSIDE, payload);
    const struct message m = {
        .psid = PSID_MAP_OBSERVATION,
        .payload = buf_span(&t->pdu),
        .with_ticket = is_due(t->has_notice_ticket, t->notice_ticket_us, its_us),
    };
    enum transmit_outcome o = sign_and_send(t, &m, its_us);
    if (o == TRANSMIT_SENT && m.with_ticket) {
        t->has_notice_ticket = true;
        t->notice_ticket_us = its_us;
    }
    return count(t, o, &t->n.notices);
}

uint32_t transmit_station_id(const struct transmit *t) {
    return t->station_id;
}

const uint8_t *transmit_mac(const struct transmit *t) {
    return t->mac;
}

const struct transmit_counters *transmit_counters(const struct transmit *t) {
    return &t->n;
}
