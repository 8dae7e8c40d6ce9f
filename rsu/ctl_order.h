/* Orders of authorities: numbered, dated, signed here and handed to a unit's admin socket. One thread. */
#ifndef WAYSIDE_RSU_CTL_ORDER_H
#define WAYSIDE_RSU_CTL_ORDER_H

#include "ledger/exec/tx.h"
#include "rsu/ctl.h"

#define CTL_ORDER_OPTIONS 7
#define CTL_ORDER_USAGE                                                                            \
    "  --genesis FILE        of the cell: the order is good in no other\n"                         \
    "  --key FILE            of an authority; once for each that signs\n"                          \
    "  --admin SOCKET        of a unit, as `admin` in its configuration\n"                         \
    "  --http ADDR           ask this unit for the cell's time and the number of the last "        \
    "order\n"                                                                                      \
    "  --sequence N          must be larger than the last order's; without --http the time "       \
    "unless given\n"                                                                               \
    "  --valid-for SECONDS   the order is void after that; 3600 unless given\n"                    \
    "  --json                print JSON\n"

struct ctl_order {
    const struct ctl_verb *v;
    const char *genesis_file, *admin, *http;
    struct ctl_list keys;
    uint64_t sequence, valid_for_s;
    bool json;

    struct ctl_genesis genesis; /* when it is loaded */
    struct order order; /* role, kind and body are the caller's */
};
/* The options that all orders share. */
void ctl_order_options(
    struct ctl_order *d, const struct ctl_verb *v, struct ctl_option ret[static CTL_ORDER_OPTIONS]);
/* Behind the reading of options: the genesis is loaded. CTL_DONE, or everything has been said. */
WARN_UNUSED int ctl_order_begin(struct ctl_order *d);
/* Numbers, dates, signs and hands over; the exit code. */
int ctl_order_send(struct ctl_order *d);
void ctl_order_free(struct ctl_order *d);

#endif
