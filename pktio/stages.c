#include "pktio/stages.h"

#include "v2x/psid.h"

bool stage_fail(struct frame_work *w, enum pkt_verdict verdict, const char *text) {
    w->verdict = verdict;
    w->detail = (struct stage_detail){.text = text};
    return false;
}

static enum pkt_verdict of_carrier(enum carrier_verdict v) {
    switch (v) {
    case CARRIER_SECURED:
        return PKT_VERIFIED; /* not used: the frame goes on */
    case CARRIER_BARE:
    case CARRIER_EMPTY: /* a beacon: well formed, nothing signed in it */
        return PKT_UNSECURED;
    case CARRIER_NOT_V2X:
        return PKT_NOT_V2X;
    case CARRIER_TRUNCATED:
        return PKT_TRUNCATED_CARRIER;
    case CARRIER_GN_VERSION:
    case CARRIER_GN_HEADER:
    case CARRIER_WSMP_VERSION:
    case CARRIER_WSMP_HEADER:
    case CARRIER_IP_HEADER:
    case CARRIER_LINK_HEADER:
        return PKT_BAD_CARRIER;
    case CARRIER_LINK_TYPE:
    case CARRIER_AMSDU:
    case CARRIER_LINK_PROTECTED:
    case CARRIER_LINK_FRAGMENT:
        return PKT_LINK_UNREAD;
    case CARRIER_BAD_FCS:
        return PKT_BAD_FCS;
    case CARRIER_SECURITY_VERSION:
        return PKT_BAD_SPDU;
    case CARRIER_IP_FRAGMENT:
        return PKT_IP_FRAGMENT;
    case CARRIER_VERDICT_COUNT:
        break;
    }
    return PKT_BAD_CARRIER;
}

void stage_classify(const struct pkt_frame *f, struct stage_heard *ret) {
    enum carrier_verdict v = carrier_read(f->link, f->data, &ret->carrier);
    /* A frame cut by the capture is not the sender's fault, whatever it then looks like inside. */
    bool cut = v != CARRIER_NOT_V2X && f->original_octets > f->data.n;
    ret->go_on = v == CARRIER_SECURED && !cut;
    ret->verdict = cut ? PKT_CUT_FRAME : of_carrier(v);
    /* Where the carrier has no more to say than the verdict's own name, the verdict's sentence says more. */
    bool same = v == CARRIER_BARE || v == CARRIER_NOT_V2X || v == CARRIER_BAD_FCS ||
                v == CARRIER_IP_FRAGMENT;
    ret->text = cut || same ? NULL : carrier_verdict_text(v);
}

/* TS 103 097 7.1 and the rules shared by every profile we read. Other applications have profiles of their own;
 * what they may carry is left to them. */
static const char *broken_rule(const struct spdu *m) {
    bool cam = m->psid == PSID_CAM;
    bool denm = m->psid == PSID_DENM;
    bool own = m->psid == PSID_MAP_OBSERVATION || m->psid == PSID_LEARNING_RECORD;
    if (!m->has_generation_time)
        return "generationTime is absent";
    if (m->signer == SIGNER_SELF)
        return "signer is self";
    if (m->has_functional_type)
        return "pduFunctionalType: not for an application";
    if (!cam && !denm && !own)
        return NULL;
    if (m->signer == SIGNER_CERTIFICATE && m->n_certs != 1)
        return "more than one certificate";
    if (m->has_p2pcd_learning)
        return "p2pcdLearningRequest is present";
    if (m->has_missing_crl)
        return "missingCrlIdentifier is present";
    if (m->has_expiry_time)
        return "expiryTime is present";
    if (m->has_encryption_key)
        return "encryptionKey is present";
    if (m->payload.n == 0)
        return "payload is absent";
    if (cam && m->has_location)
        return "CAM with generationLocation";
    if (cam && m->requested_cert.n > 0 && m->signer != SIGNER_DIGEST)
        return "requestedCertificate beside a certificate";
    if (denm && !m->has_location)
        return "DENM without generationLocation";
    if (denm && m->signer != SIGNER_CERTIFICATE)
        return "DENM signed by digest";
    if (denm && (m->inline_p2pcd.n > 0 || m->requested_cert.n > 0))
        return "DENM with a certificate request or answer";
    return NULL;
}

bool stage_decode(struct frame_work *w) {
    size_t at = 0;
    enum coer_fail fail = spdu_parse(w->carrier.message, &w->spdu, &at);
    if (fail != COER_OK) {
        (void)stage_fail(w, PKT_BAD_SPDU, coer_fail_text(fail));
        w->detail.has_at = true;
        w->detail.at = at;
        return false;
    }
    const struct spdu *m = &w->spdu;
    if (m->content != SPDU_SIGNED)
        return stage_fail(w, PKT_NOT_SIGNED, NULL);
    if (m->unsupported != NULL)
        return stage_fail(w, PKT_NOT_COUNTED_ALG, m->unsupported);
    if (m->all.n > PKT_MESSAGE_OCTETS)
        return stage_fail(w, PKT_BAD_PROFILE, "message is too long");
    if (w->carrier.has_psid && w->carrier.psid != m->psid)
        return stage_fail(w, PKT_PSID_MISMATCH, NULL);
    const char *rule = broken_rule(m);
    if (rule != NULL)
        return stage_fail(w, PKT_BAD_PROFILE, rule);
    if (m->psid == PSID_LEARNING_RECORD && m->has_location)
        return stage_fail(w, PKT_TELLS_PLACE, NULL);
    return true;
}

uint64_t stage_window_us(const struct pipeline_limits *l, uint64_t psid) {
    bool own = psid == PSID_MAP_OBSERVATION || psid == PSID_LEARNING_RECORD;
    return own ? l->freshness_own_us : l->freshness_us;
}

bool stage_freshness(struct frame_work *w, const struct pipeline_config *cfg, uint64_t its_us) {
    const struct spdu *m = &w->spdu;
    if (m->generation_time > its_us) {
        if (m->generation_time - its_us > cfg->limits.future_us)
            return stage_fail(w, PKT_FUTURE, NULL);
    } else if (its_us - m->generation_time > stage_window_us(&cfg->limits, m->psid)) {
        return stage_fail(w, PKT_STALE, NULL);
    }
    if (m->has_expiry_time && m->expiry_time < its_us)
        return stage_fail(w, PKT_STALE, "expiryTime has passed");
    if (cfg->has_region && m->has_location &&
        (m->lat < cfg->lat_min || m->lat > cfg->lat_max || m->lon < cfg->lon_min ||
            m->lon > cfg->lon_max))
        return stage_fail(w, PKT_OUT_OF_REGION, NULL);
    return true;
}

bool stage_cert_permits(struct frame_work *w, const struct cert *c, struct cert_permitted *memo) {
    const struct spdu *m = &w->spdu;
    uint64_t s = m->generation_time / 1000000;
    if (m->all.n + c->all.n > PKT_MESSAGE_OCTETS)
        return stage_fail(w, PKT_BAD_PROFILE, "message and certificate are too long");
    if ((!memo->any || memo->psid != m->psid) && !cert_app_permission(c, m->psid, NULL, NULL))
        return stage_fail(w, PKT_NO_PERMISSION, NULL);
    *memo = (struct cert_permitted){.any = true, .psid = m->psid};
    if (s < c->valid_from_s || s >= c->valid_until_s)
        return stage_fail(w, PKT_CERT_TIME, NULL);
    return stage_region_permits(w, c);
}

bool stage_region_permits(struct frame_work *w, const struct cert *region) {
    const struct spdu *m = &w->spdu;
    if (region != NULL && m->has_location && !cert_region_contains(region, m->lat, m->lon))
        return stage_fail(
            w, PKT_CERT_INVALID, "generationLocation outside the certificate's region");
    return true;
}
