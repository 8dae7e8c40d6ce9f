#include "fedlearn/vehicle/bundle_complaint.h"

#include "base/assert.h"

void fl_complaint_put(
    const struct fl_complaint *c, uint8_t ret_octets[static FL_COMPLAINT_OCTETS]) {
    uint8_t *to = ret_octets;
    *to++ = FL_FORMAT_VERSION;
    memcpy(to, c->submission, 32);
    to += 32;
    *to++ = c->validator;
    memcpy(to, c->shared.b, FL_POINT_OCTETS);
    fl_proof_put(&c->proof, to + FL_POINT_OCTETS);
}

int fl_complaint_read(struct span octets, struct fl_complaint *ret_complaint, struct ws_err *err) {
    struct rd r = rd_of(octets);
    const uint8_t version = rd_u8(&r);
    if (!r.bad && version != FL_FORMAT_VERSION)
        return ws_fail(err, WS_ENOTSUP, "complaint: version %u at octet 0", version);
    rd_copy(&r, ret_complaint->submission, 32);
    ret_complaint->validator = rd_u8(&r);
    fl_point_read(&r, &ret_complaint->shared);
    fl_proof_read(&r, &ret_complaint->proof);
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "complaint: malformed at octet %zu of %zu", r.at, octets.n);
    if (ret_complaint->validator < 1 || ret_complaint->validator > FL_VALIDATORS_MAX)
        return ws_fail(
            err, WS_EINPUT, "complaint: validator %u at octet 33", ret_complaint->validator);
    return WS_OK;
}

static void statement(struct fl_statement *t, const struct fl_round *round,
    const struct fl_submission *s, unsigned v) {
    const uint8_t number = (uint8_t)v;
    fl_statement_begin(t, FL_FOR_COMPLAINT);
    fl_statement_add(t, round->cell, 32);
    fl_statement_add(t, round->id, 32);
    fl_statement_add(t, s->id, 32);
    fl_statement_add(t, &number, 1);
    fl_statement_add(t, round->seat[v - 1].address, 32);
}

void fl_complaint_make(const struct fl_round *round, const struct fl_submission *s, unsigned v,
    const struct fl_reader *reader, struct fl_complaint *ret_complaint) {
    struct fl_statement t;
    WS_ASSERT(v >= 1 && v <= round->n);
    memcpy(ret_complaint->submission, s->id, 32);
    ret_complaint->validator = (uint8_t)v;
    fl_reader_exchange(reader, &s->cover.ephemeral, &ret_complaint->shared);
    statement(&t, round, s, v);
    fl_reader_prove(reader, &t, &s->cover.ephemeral, &ret_complaint->shared, &ret_complaint->proof);
}

const char *fl_complaint_verdict_name(enum fl_complaint_verdict v) {
    switch (v) {
    case FL_COMPLAINT_UPHELD:
        return "upheld";
    case FL_COMPLAINT_FALSE:
        return "false: the bundle is good";
    case FL_COMPLAINT_UNPROVEN:
        return "unproven";
    case FL_COMPLAINT_OTHER_SUBMISSION:
        return "about another submission";
    case FL_COMPLAINT_NO_VALIDATOR:
        return "no such validator";
    case FL_COMPLAINT_OTHER_BUNDLE:
        return "without the bundle";
    }
    return "unknown";
}

enum fl_complaint_verdict fl_complaint_judge(const struct fl_round *round,
    const struct fl_submission *s, const struct fl_complaint *complaint, struct span bundle,
    enum fl_bundle_verdict *ret_reason) {
    const unsigned v = complaint->validator;
    struct fl_statement t;
    uint16_t share[FL_SHARE_VALUES]; /* public by now */
    if (memcmp(complaint->submission, s->id, 32) != 0)
        return FL_COMPLAINT_OTHER_SUBMISSION;
    if (v < 1 || v > round->n)
        return FL_COMPLAINT_NO_VALIDATOR;
    statement(&t, round, s, v);
    if (!fl_proof_check(&t, &round->seat[v - 1].key, &s->cover.ephemeral, &complaint->shared,
            &complaint->proof))
        return FL_COMPLAINT_UNPROVEN;
    const enum fl_bundle_verdict reason =
        fl_bundle_open_shared(round, s, v, bundle, &complaint->shared, share);
    if (ret_reason != NULL)
        *ret_reason = reason;
    switch (reason) {
    case FL_BUNDLE_GOOD:
        return FL_COMPLAINT_FALSE;
    case FL_BUNDLE_OTHER:
        return FL_COMPLAINT_OTHER_BUNDLE;
    case FL_BUNDLE_BAD_LENGTH:
    case FL_BUNDLE_UNREADABLE:
    case FL_BUNDLE_BAD_VALUE:
    case FL_BUNDLE_OFF_POLYNOMIAL:
        return FL_COMPLAINT_UPHELD;
    }
    return FL_COMPLAINT_UNPROVEN;
}
