/* Orders of authorities: numbered, dated, signed here and handed to a unit's admin socket. One thread. */
#ifndef WAYSIDE_RSU_CTL_ORDER_H
#define WAYSIDE_RSU_CTL_ORDER_H

#include "ledger/exec/tx.h"
#include "rsu/ctl/ctl.h"

#define CTL_ORDER_OPTIONS 8
#define CTL_ORDER_USAGE                                                                            \
    "  --genesis FILE        of the cell: the order is good in no other\n"                         \
    "  --key FILE            of an authority; once for each that signs\n"                          \
    "  --admin SOCKET        of a unit, as `admin` in its configuration\n"                         \
    "  --http ADDR           ask this unit for the cell's time and the number of the last "        \
    "order,\n"                                                                                     \
    "                        and wait until the order is in a block: exit code 1 when the cell "   \
    "refuses it there\n"                                                                           \
    "  --wait SECONDS        with --http: so long, then exit code 3; 30 unless given, 0: do not "  \
    "wait\n"                                                                                       \
    "  --sequence N          must be larger than the last order's; without --http the time "       \
    "unless given\n"                                                                               \
    "  --valid-for SECONDS   the order is void after that; 3600 unless given\n"                    \
    "  --json                print JSON\n"

struct ctl_order {
    const struct ctl_verb *v;
    const char *genesis_file, *admin;
    struct ctl_face http;
    struct ctl_list keys;
    uint64_t sequence, valid_for_s, wait_s;
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
/* Says why, with a sentence to the word that a unit or a contract gave; CTL_NO. */
int ctl_order_refused(const struct ctl_verb *v, const char *answer);
void ctl_order_free(struct ctl_order *d);

#endif
