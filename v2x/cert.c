/* Reading of certificates: clause 6.4 of IEEE 1609.2, editions 2016 to 2022. Permissions are in
 * cert_perm.c, regions in cert_region.c, hashes in cert_hash.c. */
#include "v2x/cert.h"

#include "v2x/cert_parts.h"

enum {
    TBS_EXTENSION = 0x80,
    TBS_REGION = 0x40,
    TBS_ASSURANCE = 0x20,
    TBS_APP = 0x10,
    TBS_ISSUE = 0x08,
    TBS_REQUEST = 0x04,
    TBS_ROLLOVER = 0x02, /* a NULL: nothing follows */
    TBS_ENCRYPTION_KEY = 0x01,
};

void ec_point_read(struct coer *c, size_t coordinate, struct ec_point *ret_point) {
    size_t at = coer_at(c);
    unsigned form = coer_choice(c);
    *ret_point = (struct ec_point){.form = EC_FILL};
    if (form > EC_UNCOMPRESSED) {
        coer_set_fail_at(c, at, COER_CHOICE);
        return;
    }
    ret_point->form = (enum ec_form)form;
    if (form == EC_UNCOMPRESSED)
        ret_point->octets = coer_take(c, 2 * coordinate);
    else if (form != EC_FILL)
        ret_point->octets = coer_take(c, coordinate);
}

void ec_point_put_compressed(struct buf *b, const struct ec_point *point) {
    if (point->form != EC_UNCOMPRESSED) {
        buf_u8(b, (uint8_t)(0x80 + point->form));
        buf_put(b, point->octets.p, point->octets.n);
        return;
    }
    bool odd = (point->octets.p[point->octets.n - 1] & 1) != 0;
    buf_u8(b, (uint8_t)(0x80 + (odd ? EC_Y_ODD : EC_Y_EVEN)));
    buf_put(b, point->octets.p, point->octets.n / 2);
}

const char *cert_unsupported_text(unsigned bits) {
    if ((bits & CERT_SM2_KEY) != 0)
        return "SM2 key";
    if ((bits & CERT_SM2_SIGNATURE) != 0)
        return "SM2 signature";
    return (bits & CERT_SM3_HASH) != 0 ? "SM3 hash" : NULL;
}

/* The CHOICE that PublicVerificationKey and Signature share: two alternatives before the extension
 * marker, those after it inside an open type. */
enum curve_form { CURVE_PLAIN, CURVE_OPEN, CURVE_SM2 };
enum { ALTERNATIVE_SM2 = 4 };
static enum curve_form curve_read(struct coer *c, enum ec_curve *ret_curve) {
    size_t at = coer_at(c);
    static const enum ec_curve curve[] = {CURVE_P256, CURVE_BP256, CURVE_BP384, CURVE_P384};
    unsigned alternative = coer_choice(c);
    *ret_curve = CURVE_P256;
    if (alternative == ALTERNATIVE_SM2)
        return CURVE_SM2;
    if (alternative >= ARRAY_LEN(curve)) {
        coer_set_fail_at(c, at, COER_CHOICE);
        return CURVE_PLAIN;
    }
    *ret_curve = curve[alternative];
    return alternative >= 2 ? CURVE_OPEN : CURVE_PLAIN;
}

static void verification_key_read(struct coer *c, struct cert *cert) {
    struct coer inner;
    switch (curve_read(c, &cert->key_curve)) {
    case CURVE_PLAIN:
        ec_point_read(c, ec_octets(cert->key_curve), &cert->key);
        break;
    case CURVE_OPEN:
        inner = coer_open(c);
        ec_point_read(&inner, ec_octets(cert->key_curve), &cert->key);
        coer_close(c, &inner);
        break;
    case CURVE_SM2:
        (void)coer_octets(c);
        cert->key = (struct ec_point){.form = EC_FILL};
        cert->unsupported |= CERT_SM2_KEY;
        break;
    }
}

static void ecdsa_read(struct coer *c, struct ec_signature *sig) {
    size_t at = coer_at(c);
    ec_point_read(c, ec_octets(sig->curve), &sig->r);
    if (sig->r.form == EC_FILL)
        coer_set_fail_at(c, at, COER_CHOICE);
    sig->s = coer_take(c, ec_octets(sig->curve));
}

void ec_signature_read(struct coer *c, struct ec_signature *ret_signature) {
    struct coer inner;
    switch (curve_read(c, &ret_signature->curve)) {
    case CURVE_PLAIN:
        ecdsa_read(c, ret_signature);
        break;
    case CURVE_OPEN:
        inner = coer_open(c);
        ecdsa_read(&inner, ret_signature);
        coer_close(c, &inner);
        break;
    case CURVE_SM2:
        (void)coer_octets(c);
        ret_signature->r = (struct ec_point){.form = EC_FILL};
        ret_signature->s = (struct span){NULL, 0};
        break;
    }
}

void public_encryption_key_read(struct coer *c, struct ec_point *ret_point) {
    size_t at = coer_at(c);
    if (coer_u8(c) > 1) /* aes128Ccm, sm4Ccm */
        coer_set_fail_at(c, at, COER_VALUE);
    at = coer_at(c);
    unsigned alternative = coer_choice(c);
    if (alternative <= 1) { /* ECIES on NIST P-256 or Brainpool P256r1 */
        ec_point_read(c, 32, ret_point);
        return;
    }
    if (alternative > 2) /* SM2 */
        coer_set_fail_at(c, at, COER_CHOICE);
    (void)coer_octets(c);
    *ret_point = (struct ec_point){.form = EC_FILL};
}

static void read_fixed(struct coer *c, uint8_t *dst, size_t n) {
    struct span s = coer_take(c, n);
    if (s.p != NULL)
        memcpy(dst, s.p, n);
    else
        memset(dst, 0, n);
}

static void issuer_read(struct coer *c, struct cert *cert) {
    size_t at = coer_at(c);
    unsigned kind = coer_choice(c);
    switch (kind) {
    case ISSUER_SHA256:
        read_fixed(c, cert->issuer_id, 8);
        break;
    case ISSUER_SELF:
        at = coer_at(c);
        switch (coer_u8(c)) {
        case 0:
            cert->self_hash = CERT_HASH_SHA256;
            break;
        case 1:
            cert->self_hash = CERT_HASH_SHA384;
            break;
        case 2:
            cert->unsupported |= CERT_SM3_HASH;
            break;
        default:
            coer_set_fail_at(c, at, COER_VALUE);
        }
        break;
    case ISSUER_SM3:
        cert->unsupported |= CERT_SM3_HASH;
        /* fall through */
    case ISSUER_SHA384: {
        struct coer inner = coer_open(c);
        read_fixed(&inner, cert->issuer_id, 8);
        coer_close(c, &inner);
        break;
    }
    default:
        coer_set_fail_at(c, at, COER_CHOICE);
        return;
    }
    cert->issuer_kind = (enum cert_issuer_kind)kind;
}

static void id_read(struct coer *c, struct cert *cert) {
    unsigned kind = coer_choice(c);
    switch (kind) {
    case CERT_ID_LINKAGE: {
        const uint8_t *from = c->p;
        bool group = coer_preamble(c, 0x7f) != 0;
        /* iCert and linkage value; then the group's j value and its linkage value. */
        (void)coer_take(c, 2 + 9);
        if (group)
            (void)coer_take(c, 4 + 9);
        if (c->fail == COER_OK)
            cert->id = span_of(from, (size_t)(c->p - from));
        break;
    }
    case CERT_ID_NAME:
    case CERT_ID_BINARY:
        cert->id = coer_octets(c);
        break;
    case CERT_ID_NONE:
        break;
    default: /* behind the extension marker: an open type */
        cert->id = coer_octets(c);
        kind = CERT_ID_OTHER;
        break;
    }
    cert->id_kind = (enum cert_id_kind)kind;
}

static void validity_read(struct coer *c, struct cert *cert) {
    /* Seconds for one unit of each alternative; those below a second are rounded up to whole ones, since
     * the end is exclusive. */
    static const uint64_t unit[] = {0, 0, 1, 60, 3600, 60 * 3600, 31556952};
    cert->valid_from_s = coer_u32(c);
    size_t at = coer_at(c);
    unsigned alternative = coer_choice(c);
    uint64_t amount = coer_u16(c);
    uint64_t seconds = 0;
    if (alternative >= ARRAY_LEN(unit))
        coer_set_fail_at(c, at, COER_CHOICE);
    else if (alternative == 0)
        seconds = (amount + 999999) / 1000000;
    else if (alternative == 1)
        seconds = (amount + 999) / 1000;
    else
        seconds = amount * unit[alternative];
    cert->valid_until_s = cert->valid_from_s + seconds;
}

static struct span list_read(struct coer *c, size_t *ret_n, void (*element)(struct coer *c)) {
    size_t n = coer_count(c, CERT_MAX_PERMISSIONS);
    const uint8_t *from = c->p;
    for (size_t i = 0; i < n && c->fail == COER_OK; i++)
        element(c);
    *ret_n = n;
    if (c->fail != COER_OK)
        return (struct span){NULL, 0};
    return span_of(from, (size_t)(c->p - from));
}

static void app_element(struct coer *c) {
    struct psid_ssp entry;
    psid_ssp_read(c, &entry);
}

static void keep_parity(struct cert *cert) {
    struct ec_point *p = &cert->key;
    cert->key_uncompressed = true;
    p->form = (p->octets.p[p->octets.n - 1] & 1) != 0 ? EC_Y_ODD : EC_Y_EVEN;
    p->octets.n /= 2;
}

static void issue_element(struct coer *c) {
    struct issue_group group;
    issue_group_read(c, &group);
}

static void tbs_read(struct coer *c, struct cert *cert) {
    uint8_t present = coer_preamble(c, 0);
    cert->has_assurance = (present & TBS_ASSURANCE) != 0;
    cert->can_request_rollover = (present & TBS_ROLLOVER) != 0;
    cert->has_additions = (present & TBS_EXTENSION) != 0;
    id_read(c, cert);
    read_fixed(c, cert->craca_id, 3);
    cert->crl_series = coer_u16(c);
    validity_read(c, cert);
    if ((present & TBS_REGION) != 0)
        region_read(c, &cert->region);
    if ((present & TBS_ASSURANCE) != 0)
        cert->assurance = coer_u8(c);
    if ((present & TBS_APP) != 0)
        cert->app_permissions = list_read(c, &cert->n_app, app_element);
    if ((present & TBS_ISSUE) != 0)
        cert->issue_permissions = list_read(c, &cert->n_issue, issue_element);
    if ((present & TBS_REQUEST) != 0) {
        cert->request_permissions = list_read(c, &cert->n_request, issue_element);
        cert->has_request_permissions = true;
    }
    if ((present & TBS_ENCRYPTION_KEY) != 0) {
        cert->has_encryption_key = true;
        public_encryption_key_read(c, &cert->encryption_key);
    }
    size_t at = coer_at(c);
    unsigned indicator = coer_choice(c);
    const uint8_t *from = c->p;
    if (indicator > 1)
        coer_set_fail_at(c, at, COER_CHOICE);
    cert->verify_is_reconstruction = indicator == 1;
    if (cert->verify_is_reconstruction) {
        cert->key_curve = CURVE_P256;
        ec_point_read(c, 32, &cert->key);
    } else {
        verification_key_read(c, cert);
    }
    if (c->fail == COER_OK) {
        cert->key_encoding = span_of(from, (size_t)(c->p - from));
        if (cert->key.form == EC_UNCOMPRESSED && cert->key.octets.p != NULL)
            keep_parity(cert);
    }
    if ((present & TBS_EXTENSION) != 0)
        coer_skip_additions(c);
}

bool cert_read(struct coer *c, struct cert *ret_cert) {
    *ret_cert = (struct cert){0};
    const uint8_t *from = c->p;
    size_t start_at = coer_at(c);
    ret_cert->has_signature = coer_preamble(c, 0x7f) != 0;
    size_t at = coer_at(c);
    if (coer_u8(c) != 3)
        coer_set_fail_at(c, at, COER_VALUE);
    at = coer_at(c);
    uint8_t type = coer_u8(c);
    if (type > CERT_IMPLICIT)
        coer_set_fail_at(c, at, COER_VALUE);
    ret_cert->type = type == CERT_IMPLICIT ? CERT_IMPLICIT : CERT_EXPLICIT;
    issuer_read(c, ret_cert);
    const uint8_t *tbs = c->p;
    tbs_read(c, ret_cert);
    ret_cert->tbs = span_of(tbs, (size_t)(c->p - tbs));
    if (ret_cert->has_signature)
        ec_signature_read(c, &ret_cert->signature);
    if (ret_cert->has_signature && ret_cert->signature.r.form == EC_FILL)
        ret_cert->unsupported |= CERT_SM2_SIGNATURE;
    /* 6.4.5 and 6.4.6: an explicit certificate has a verification key and a signature, an implicit one a
     * reconstruction value and no signature; an implicit one cannot vouch for itself. */
    bool is_implicit = ret_cert->type == CERT_IMPLICIT;
    if (ret_cert->has_signature == is_implicit ||
        ret_cert->verify_is_reconstruction != is_implicit ||
        (is_implicit && ret_cert->issuer_kind == ISSUER_SELF))
        coer_set_fail_at(c, start_at, COER_VALUE);
    ret_cert->all = span_of(from, (size_t)(c->p - from));
    return c->fail == COER_OK;
}

enum coer_fail cert_parse(struct span octets, struct cert *ret_cert, size_t *ret_fail_at) {
    struct coer c = coer_of(octets);
    if (cert_read(&c, ret_cert) && c.p != c.end)
        coer_set_fail(&c, COER_TRAILING);
    *ret_fail_at = c.fail_at;
    return c.fail;
}
