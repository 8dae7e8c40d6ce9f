/* Orders of the bent cell's authorities: one key holds all roles (tests/support/town.h). One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_ORDERS_H
#define WAYSIDE_TESTS_SUPPORT_ORDERS_H

#include "tests/support/nodes.h"

/* Hands an order to member i. sequence: above all before it of this role. */
enum tx_verdict orders_submit(struct nodes *w, size_t i, enum exec_role role, uint16_t kind,
    struct span body, uint64_t sequence);
/* The committee: who goes and who comes, by slot (bits); those who come have one vote each. */
enum tx_verdict orders_change_set(
    struct nodes *w, size_t i, uint32_t out, uint32_t in, uint64_t sequence);
enum tx_verdict orders_change_params(
    struct nodes *w, size_t i, const struct cell_params *params, uint64_t sequence);

#endif
