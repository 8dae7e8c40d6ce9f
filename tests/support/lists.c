#include "tests/support/lists.h"

#include "v2x/coer.h"

static void put_hashes(struct buf *b, const struct crl_writer *w) {
    buf_u8(b, 0);
    buf_u32(b, w->serial);
    coer_put_count(b, w->n_ids);
    for (size_t i = 0; i < w->n_ids; i++) {
        if (w->modern)
            buf_u8(b, 0);
        buf_put(b, w->ids[i], 10);
        buf_u32(b, w->next_s);
    }
}

static void put_device(struct buf *b, const struct crl_seeds *s) {
    buf_u8(b, 0);
    buf_u8(b, s->jmax);
    coer_put_count(b, 1);
    buf_u8(b, 0);
    buf_u16(b, s->la1);
    buf_u16(b, s->la2);
    coer_put_count(b, 1);
    buf_u8(b, s->seed2 == NULL ? 0x80 : 0);
    buf_u16(b, s->i_max);
    coer_put_count(b, s->seed2 == NULL ? 0 : 1);
    if (s->seed2 == NULL) { /* the addition "single seed" */
        buf_put(b, "\x02\x07\x80", 3);
        coer_put_length(b, 2 + 16);
        coer_put_count(b, 1);
        buf_put(b, s->seed1, 16);
        return;
    }
    buf_u8(b, 0);
    buf_put(b, s->seed1, 16);
    buf_put(b, s->seed2, 16);
}

static void put_linked(struct buf *b, const struct crl_writer *w) {
    size_t devices = 0;
    while (devices < w->n_seeds && !w->seeds[devices].group)
        devices++;
    buf_u8(b, (uint8_t)(0x40 | (devices < w->n_seeds ? 0x20 : 0)));
    buf_u16(b, (uint16_t)(w->serial >> 8));
    buf_u8(b, (uint8_t)w->serial);
    coer_put_count(b, devices);
    for (size_t i = 0; i < devices; i++)
        put_device(b, &w->seeds[i]);
    if (devices == w->n_seeds)
        return;
    coer_put_count(b, w->n_seeds - devices);
    for (size_t i = devices; i < w->n_seeds; i++) {
        const struct crl_seeds *s = &w->seeds[i];
        buf_u8(b, 0);
        buf_u16(b, s->i_max);
        buf_u16(b, s->la1);
        buf_put(b, s->seed1, 16);
        buf_u16(b, s->la2);
        buf_put(b, s->seed2, 16);
    }
}

void list_put_crl(struct buf *b, const struct crl_writer *w) {
    struct buf body = {0};
    buf_u8(b, 1);
    buf_u16(b, w->series);
    buf_put(b, w->craca, 8);
    buf_u32(b, w->issued_s);
    buf_u32(b, w->next_s);
    buf_u8(b, 0);
    buf_u8(b, (uint8_t)(0x80 + w->form));
    if (w->form >= CRL_LINKED_FULL)
        put_linked(&body, w);
    else
        put_hashes(&body, w);
    if (w->form >= CRL_LINKED_FULL_ALG)
        coer_put_length(b, body.n);
    buf_put(b, body.p, body.n);
    buf_free(&body);
}

void list_put_etsi_crl(
    struct buf *b, uint32_t this_s, uint32_t next_s, const uint8_t (*ids)[8], size_t n) {
    buf_put(b, "\x01\x84\x00\x01\x01", 5);
    buf_u32(b, this_s);
    buf_u32(b, next_s);
    coer_put_count(b, n);
    buf_put(b, ids, n * 8);
}

void list_put_ctl(
    struct buf *b, bool manager, uint32_t next_s, bool full, uint8_t sequence, size_t n) {
    buf_u8(b, 1);
    buf_u8(b, manager ? 0x85 : 0x86);
    buf_put(b, "\x00\x01\x01", 3);
    buf_u32(b, next_s);
    buf_u8(b, full ? 0xff : 0);
    buf_u8(b, sequence);
    coer_put_count(b, n);
}

void list_put_add(struct buf *b, unsigned entry, struct span cert) {
    buf_u8(b, 0x80);
    buf_u8(b, (uint8_t)(0x80 + entry));
    if (entry != 2)
        buf_u8(b, 0);
    buf_put(b, cert.p, cert.n);
    if (entry != 0)
        coer_put_octets(b, span_of("https://a.test", 14));
}

void list_put_delete(struct buf *b, const uint8_t id8[static 8]) {
    buf_put(b, "\x81\x80", 2);
    buf_put(b, id8, 8);
}

void list_sign(struct buf *b, uint64_t psid, uint64_t generation_us, struct span payload,
    const struct sign_key *key, struct span cert, bool whole) {
    struct spdu_request rq = {.psid = psid,
        .generation_time = generation_us,
        .payload = payload,
        .with_certificate = whole};
    spdu_put_signed(b, &rq, key, cert);
}
