#include "rsu/cell/own_record.h"

#include "ledger/exec/hash.h"

#include <string.h>

void own_record_address(const struct signer *signer, uint8_t ret_address[static 32]) {
    struct validator me = {.alg = KEY_ED25519};
    signer_public(signer, me.key);
    validator_address(exec_sha256, &me);
    memcpy(ret_address, me.address, sizeof(me.address));
}

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
