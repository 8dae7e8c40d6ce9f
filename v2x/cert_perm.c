/* Permissions of certificates: reading the lists, and whether an issuer could grant them. */
#include "v2x/cert.h"

#include "base/assert.h"
#include "v2x/cert_parts.h"

/* Far above any chain that exists, and small enough that sums of two never overflow. */
#define CHAIN_MAX 65535

void psid_ssp_read(struct coer *c, struct psid_ssp *ret_entry) {
    bool has_ssp = coer_preamble(c, 0x7f) != 0;
    *ret_entry = (struct psid_ssp){.psid = coer_uint(c), .has_ssp = has_ssp};
    if (!has_ssp)
        return;
    size_t at = coer_at(c);
    switch (coer_choice(c)) {
    case 0:
        ret_entry->ssp = coer_octets(c);
        break;
    case 1: {
        struct coer inner = coer_open(c);
        ret_entry->bitmap = true;
        ret_entry->ssp = coer_octets(&inner);
        coer_close(c, &inner);
        break;
    }
    default:
        coer_set_fail_at(c, at, COER_CHOICE);
    }
}

void ssp_range_read(struct coer *c, struct ssp_range *ret_range) {
    bool present = coer_preamble(c, 0x7f) != 0;
    *ret_range = (struct ssp_range){.psid = coer_uint(c), .kind = SSP_RANGE_ABSENT};
    if (!present)
        return;
    size_t at = coer_at(c);
    switch (coer_choice(c)) {
    case 0: {
        ret_range->kind = SSP_RANGE_OPAQUE;
        ret_range->n_opaque = coer_count(c, CERT_MAX_PERMISSIONS);
        const uint8_t *from = c->p;
        for (size_t i = 0; i < ret_range->n_opaque && c->fail == COER_OK; i++)
            (void)coer_octets(c);
        ret_range->opaque = span_of(from, (size_t)(c->p - from));
        break;
    }
    case 1:
        ret_range->kind = SSP_RANGE_ALL;
        break;
    case 2: {
        struct coer inner = coer_open(c);
        ret_range->kind = SSP_RANGE_BITMAP;
        ret_range->value = coer_octets(&inner);
        ret_range->mask = coer_octets(&inner);
        coer_close(c, &inner);
        break;
    }
    default:
        coer_set_fail_at(c, at, COER_CHOICE);
    }
}

static int64_t chain_integer(struct coer *c, int64_t least) {
    size_t at = coer_at(c);
    int64_t v = coer_int(c);
    if (v < least || v > CHAIN_MAX) {
        coer_set_fail_at(c, at, COER_VALUE);
        return least;
    }
    return v;
}

void issue_group_read(struct coer *c, struct issue_group *ret_group) {
    *ret_group = (struct issue_group){.ee_type = EE_TYPE_APP, .min_chain = 1, .chain_range = 0};
    uint8_t present = coer_preamble(c, 0x1f);
    size_t at = coer_at(c);
    switch (coer_choice(c)) {
    case 0: {
        ret_group->n_ranges = coer_count(c, CERT_MAX_PERMISSIONS);
        const uint8_t *from = c->p;
        struct ssp_range range;
        for (size_t i = 0; i < ret_group->n_ranges && c->fail == COER_OK; i++)
            ssp_range_read(c, &range);
        ret_group->ranges = span_of(from, (size_t)(c->p - from));
        break;
    }
    case 1:
        ret_group->all = true;
        break;
    default:
        coer_set_fail_at(c, at, COER_CHOICE);
    }
    if ((present & 0x80) != 0)
        ret_group->min_chain = chain_integer(c, 0);
    if ((present & 0x40) != 0)
        ret_group->chain_range = chain_integer(c, -1);
    if ((present & 0x20) != 0)
        ret_group->ee_type = coer_u8(c);
}

/* The lists were read once by cert_read, so reading them again cannot fail. */
static void group_again(struct coer *c, struct issue_group *ret_group) {
    issue_group_read(c, ret_group);
    WS_ASSERT(c->fail == COER_OK);
}

static void range_again(struct coer *c, struct ssp_range *ret_range) {
    ssp_range_read(c, ret_range);
    WS_ASSERT(c->fail == COER_OK);
}

static void ssp_again(struct coer *c, struct psid_ssp *ret_entry) {
    psid_ssp_read(c, ret_entry);
    WS_ASSERT(c->fail == COER_OK);
}

bool cert_app_permission(
    const struct cert *c, uint64_t psid, struct span *ret_ssp, bool *ret_bitmap) {
    struct coer list = coer_of(c->app_permissions);
    for (size_t i = 0; i < c->n_app; i++) {
        struct psid_ssp entry;
        ssp_again(&list, &entry);
        if (entry.psid != psid)
            continue;
        if (ret_ssp != NULL)
            *ret_ssp = entry.ssp;
        if (ret_bitmap != NULL)
            *ret_bitmap = entry.bitmap;
        return true;
    }
    return false;
}

bool cert_psids_unique(const struct cert *c) {
    uint64_t seen[CERT_MAX_PERMISSIONS];
    struct coer list = coer_of(c->app_permissions);
    for (size_t i = 0; i < c->n_app; i++) {
        struct psid_ssp entry;
        ssp_again(&list, &entry);
        for (size_t k = 0; k < i; k++) {
            if (seen[k] == entry.psid)
                return false;
        }
        seen[i] = entry.psid;
    }
    return true;
}

static bool group_names(const struct issue_group *g, uint64_t psid) {
    struct coer list = coer_of(g->ranges);
    for (size_t i = 0; i < g->n_ranges; i++) {
        struct ssp_range range;
        range_again(&list, &range);
        if (range.psid == psid)
            return true;
    }
    return false;
}

static bool any_group_names(const struct cert *c, uint64_t psid) {
    struct coer list = coer_of(c->issue_permissions);
    for (size_t i = 0; i < c->n_issue; i++) {
        struct issue_group group;
        group_again(&list, &group);
        if (group_names(&group, psid))
            return true;
    }
    return false;
}

/* Chains of g may have a length from `least` to least + range (range -1: any above). */
static bool chain_allows(const struct issue_group *g, int64_t least, int64_t range) {
    /* 6.4.28: 0 makes an issuing permission invalid; it has a meaning for requests only. */
    if (g->min_chain < 1 || g->min_chain > least)
        return false;
    if (g->chain_range < 0)
        return true;
    return range >= 0 && least + range <= g->min_chain + g->chain_range;
}

bool cert_may_issue(const struct cert *c, uint64_t psid, unsigned depth) {
    bool named = any_group_names(c, psid);
    struct coer list = coer_of(c->issue_permissions);
    for (size_t i = 0; i < c->n_issue; i++) {
        struct issue_group group;
        group_again(&list, &group);
        if ((group.ee_type & EE_TYPE_APP) == 0 || !chain_allows(&group, depth, 0))
            continue;
        /* "all" speaks only of PSIDs that are not named anywhere in the certificate (6.4.30). */
        if (group.all ? !named : group_names(&group, psid))
            return true;
    }
    return false;
}

static bool opaque_lists(const struct ssp_range *range, struct span ssp) {
    struct coer list = coer_of(range->opaque);
    for (size_t i = 0; i < range->n_opaque; i++) {
        if (span_equal(coer_octets(&list), ssp))
            return true;
    }
    return false;
}

/* Every bit that the mask fixes has the value that the range prescribes. */
static bool bits_agree(struct span value, struct span range_value, struct span range_mask) {
    if (value.n != range_value.n || value.n != range_mask.n)
        return false;
    for (size_t i = 0; i < value.n; i++) {
        if (((value.p[i] ^ range_value.p[i]) & range_mask.p[i]) != 0)
            return false;
    }
    return true;
}

/* An absent range means any SSP. So does an opaque list without entries, although the standard is silent
 * on it: deployed roots in the US and in Korea write it for permissions that their subordinates use. */
static bool any_ssp(const struct ssp_range *range) {
    return range->kind == SSP_RANGE_ABSENT || range->kind == SSP_RANGE_ALL ||
           (range->kind == SSP_RANGE_OPAQUE && range->n_opaque == 0);
}

/* 6.4.29: the SSP of an application permission against one range of the issuer. An absent SSP is written
 * as an empty octet string in an opaque list. */
static bool ssp_in_range(const struct psid_ssp *a, const struct ssp_range *range) {
    if (any_ssp(range))
        return true;
    switch (range->kind) {
    case SSP_RANGE_ABSENT:
    case SSP_RANGE_ALL:
        return true;
    case SSP_RANGE_OPAQUE:
        return !a->bitmap && opaque_lists(range, a->ssp);
    case SSP_RANGE_BITMAP:
        return a->bitmap && bits_agree(a->ssp, range->value, range->mask);
    }
    return false;
}

/* 6.4.31: a range of a subordinate issuer against one range of its own issuer. */
static bool range_in_range(const struct ssp_range *a, const struct ssp_range *range) {
    if (any_ssp(range) || any_ssp(a))
        return any_ssp(range);
    switch (range->kind) {
    case SSP_RANGE_ABSENT:
    case SSP_RANGE_ALL:
        return true;
    case SSP_RANGE_OPAQUE: {
        if (a->kind != SSP_RANGE_OPAQUE)
            return false;
        struct coer list = coer_of(a->opaque);
        for (size_t i = 0; i < a->n_opaque; i++) {
            if (!opaque_lists(range, coer_octets(&list)))
                return false;
        }
        return true;
    }
    case SSP_RANGE_BITMAP:
        if (a->kind != SSP_RANGE_BITMAP || !bits_agree(a->value, range->value, range->mask) ||
            a->mask.n != range->mask.n)
            return false;
        /* A bit that the issuer fixed must not become free again. */
        for (size_t i = 0; i < a->mask.n; i++) {
            if ((range->mask.p[i] & ~a->mask.p[i]) != 0)
                return false;
        }
        return true;
    }
    return false;
}

/* What is asked of an issuer: end-entity types, chain lengths below it, one PSID with either an SSP or a
 * range of SSPs. */
struct wanted {
    uint8_t ee_type;
    int64_t least, range;
    uint64_t psid;
    const struct psid_ssp *app; /* one of the two */
    const struct ssp_range *issue;
};

/* What a subordinate's group asks for in one range: its chains are one longer seen from the issuer. */
static struct wanted wanted_by_group(const struct issue_group *g, const struct ssp_range *range) {
    return (struct wanted){.ee_type = g->ee_type,
        .least = g->min_chain + 1,
        .range = g->chain_range,
        .psid = range->psid,
        .issue = range};
}

static bool group_grants(const struct issue_group *g, const struct wanted *w) {
    struct coer list = coer_of(g->ranges);
    for (size_t i = 0; i < g->n_ranges; i++) {
        struct ssp_range range;
        range_again(&list, &range);
        if (range.psid != w->psid)
            continue;
        if (w->app != NULL ? ssp_in_range(w->app, &range) : range_in_range(w->issue, &range))
            return true;
    }
    return false;
}

static bool issuer_grants(const struct cert *issuer, const struct wanted *w) {
    bool named = any_group_names(issuer, w->psid);
    struct coer list = coer_of(issuer->issue_permissions);
    for (size_t i = 0; i < issuer->n_issue; i++) {
        struct issue_group group;
        group_again(&list, &group);
        if ((w->ee_type & ~group.ee_type) != 0 || !chain_allows(&group, w->least, w->range))
            continue;
        if (group.all ? !named : group_grants(&group, w))
            return true;
    }
    return false;
}

/* "all" in a subordinate needs "all" in the issuer. It reaches PSIDs that the issuer names and the
 * subordinate does not; for these the issuer must grant any SSP, or "all" would widen it. */
static bool issuer_grants_all(
    const struct cert *issuer, const struct cert *c, const struct issue_group *wanted) {
    bool found = false;
    struct coer list = coer_of(issuer->issue_permissions);
    for (size_t i = 0; i < issuer->n_issue; i++) {
        struct issue_group group;
        group_again(&list, &group);
        if (group.all) {
            found = found || ((wanted->ee_type & ~group.ee_type) == 0 &&
                                 chain_allows(&group, wanted->min_chain + 1, wanted->chain_range));
            continue;
        }
        struct coer ranges = coer_of(group.ranges);
        for (size_t k = 0; k < group.n_ranges; k++) {
            struct ssp_range range;
            range_again(&ranges, &range);
            struct ssp_range any = {.psid = range.psid, .kind = SSP_RANGE_ALL};
            struct wanted w = wanted_by_group(wanted, &any);
            if (!any_group_names(c, range.psid) && !issuer_grants(issuer, &w))
                return false;
        }
    }
    return found;
}

static bool group_within(
    const struct issue_group *g, const struct cert *c, const struct cert *issuer) {
    if (g->min_chain < 1)
        return false;
    if (g->all)
        return issuer_grants_all(issuer, c, g);
    struct coer ranges = coer_of(g->ranges);
    for (size_t i = 0; i < g->n_ranges; i++) {
        struct ssp_range range;
        range_again(&ranges, &range);
        struct wanted w = wanted_by_group(g, &range);
        if (!issuer_grants(issuer, &w))
            return false;
    }
    return true;
}

bool cert_permissions_within(const struct cert *c, const struct cert *issuer) {
    struct coer apps = coer_of(c->app_permissions);
    for (size_t i = 0; i < c->n_app; i++) {
        struct psid_ssp entry;
        ssp_again(&apps, &entry);
        struct wanted w = {
            .ee_type = EE_TYPE_APP, .least = 1, .range = 0, .psid = entry.psid, .app = &entry};
        if (!issuer_grants(issuer, &w))
            return false;
    }
    struct coer groups = coer_of(c->issue_permissions);
    for (size_t i = 0; i < c->n_issue; i++) {
        struct issue_group group;
        group_again(&groups, &group);
        if (!group_within(&group, c, issuer))
            return false;
    }
    return true;
}
