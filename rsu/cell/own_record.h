/* A validator's own record, signed and handed to its node: one way for everything a unit says to a contract. Owner thread. */
#ifndef WAYSIDE_RSU_CELL_OWN_RECORD_H
#define WAYSIDE_RSU_CELL_OWN_RECORD_H

#include "ledger/node/node.h"

/* Who speaks. All borrowed. */
struct own_record {
    const uint8_t *cell; /* 32 octets */
    const uint8_t *address; /* of the validator, 32 octets */
    const struct signer *signer;
};

/* The address of the validator whose signer this is. */
void own_record_address(const struct signer *signer, uint8_t ret_address[static 32]);
/* contract: its index in the cell. TX_DUPLICATE: it waits in the mempool since an earlier time. */
enum tx_verdict own_record_submit(const struct own_record *who, uint8_t contract, uint16_t kind,
    struct span body, struct node *n, struct ws_now now);

#endif
