/* What signed lists say about themselves, for people and for metrics. */
#include "v2x/lists.h"

#include "v2x/trust_explain.h"

#include <inttypes.h>
#include <stdlib.h>

struct list_facts list_facts(const struct signed_list *l) {
    struct list_facts f = {.has_signer = l->spdu.signer != SIGNER_SELF};
    uint8_t hash[48];
    if (l->spdu.signer == SIGNER_DIGEST) {
        memcpy(f.signer, l->spdu.digest, 8);
    } else if (l->spdu.signer == SIGNER_CERTIFICATE && l->spdu.hash_id == 1) {
        cert_hash384(&l->spdu.cert, hash);
        memcpy(f.signer, hash + 40, 8);
    } else if (l->spdu.signer == SIGNER_CERTIFICATE) {
        cert_hash256(&l->spdu.cert, hash);
        memcpy(f.signer, hash + 24, 8);
    }
    switch (l->kind) {
    case LIST_CRL:
        f.issued_s = l->crl.issued_s;
        f.next_s = l->crl.next_s;
        f.entries = l->crl.n_hashes + l->crl.n_devices + l->crl.n_groups;
        break;
    case LIST_ETSI_CRL:
        f.issued_s = l->etsi.this_update_s;
        f.next_s = l->etsi.next_update_s;
        f.entries = l->etsi.ids.n / 8;
        break;
    case LIST_RCA_CTL:
    case LIST_ECTL:
        if (l->spdu.has_generation_time)
            f.issued_s = (uint32_t)(l->spdu.generation_time / 1000000);
        f.next_s = l->ctl.next_update_s;
        f.entries = l->ctl.n;
        break;
    }
    return f;
}

void list_describe(const struct signed_list *l, struct buf *b) {
    struct list_facts f = list_facts(l);
    char id[17], issued[EXPLAIN_TIME] = "no time", next[EXPLAIN_TIME];
    if (f.issued_s != 0)
        explain_time(f.issued_s, issued);
    explain_time(f.next_s, next);
    buf_printf(b, "%s at octet %zu, %s, ", list_kind_text(l->kind), l->at,
        list_is_delta(l) ? "delta" : "full");
    if (f.has_signer) {
        hex_encode(id, f.signer, 8);
        buf_printf(b, "signed by %s, ", id);
    }
    buf_printf(b, "issued %s, next %s, ", issued, next);
    switch (l->kind) {
    case LIST_CRL:
        hex_encode(id, l->crl.craca, 8);
        buf_printf(b, "authority %s, series %u, ", id, l->crl.series);
        if (crl_is_linked(&l->crl))
            buf_printf(b, "period %u index %u: %zu devices, %zu groups\n", l->crl.i_rev,
                (unsigned)(l->crl.serial & 0xff), l->crl.n_devices, l->crl.n_groups);
        else
            buf_printf(b, "serial %" PRIu32 ": %zu certificates\n", l->crl.serial, l->crl.n_hashes);
        break;
    case LIST_ETSI_CRL:
        buf_printf(b, "%zu authorities revoked\n", l->etsi.ids.n / 8);
        break;
    case LIST_RCA_CTL:
    case LIST_ECTL:
        buf_printf(b, "sequence %u: %zu commands\n", l->ctl.sequence, l->ctl.n);
        break;
    }
}

int lists_describe(struct span file, struct buf *ret_text, struct ws_err *err) {
    struct signed_list *l = calloc(LISTS_IN_FILE, sizeof(*l));
    size_t n = 0;
    if (l == NULL)
        return ws_fail(err, WS_ENOMEM, "no memory");
    int rc = lists_read(file, l, &n, err);
    for (size_t i = 0; i < n && rc == WS_OK; i++)
        list_describe(&l[i], ret_text);
    free(l);
    return rc;
}
