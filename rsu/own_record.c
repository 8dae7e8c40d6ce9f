#include "rsu/own_record.h"

#include <string.h>

enum tx_verdict own_record_submit(const struct own_record *who, uint8_t contract, uint16_t kind,
    struct span body, struct node *n, struct ws_now now) {
    struct record k = {.contract = contract, .kind = kind, .body = body};
    struct buf said = {0}, octets = {0};
    struct ws_err err;
    memcpy(k.signer, who->address, sizeof(k.signer));
    record_sign_bytes(who->cell, &k, &said);
    signer_sign(who->signer, buf_span(&said), k.sig);
    tx_put_record(&octets, &k);
    enum tx_verdict v = node_submit(n, buf_span(&octets), false, now, &err);
    buf_free(&said);
    buf_free(&octets);
    return v;
}
