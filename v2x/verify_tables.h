/* Tables of signers' multiples inside fixed memory: who has one, who gets one, who loses it (decision 0010).
 *
 * A signer is known by the serial of its key once one of its signatures was found good. Known signers own a MID table each;
 * those who go on sending get a FULL one as well, as long as there is room. Everything is allocated at start; memory for tables
 * is reserved and touched only when used. Time is counted in signatures looked up, so that nothing here asks a clock.
 * One thread. Private to the kernel. */
#ifndef WAYSIDE_V2X_VERIFY_TABLES_H
#define WAYSIDE_V2X_VERIFY_TABLES_H

#include "v2x/verify_parts.h"

struct tables;

#define TABLES_NOBODY UINT32_MAX

/* FULL after so many good signatures: about when its price is earned back (facts: 25 to 30). */
enum { TABLES_FULL_AFTER = 30 };

/* octets bounds tables and index together. Too small for one table: nobody ever gets one, which is fine. */
struct tables *tables_new(const struct bulk_engine *engine, size_t octets);
void tables_free(struct tables *t);

/* The signer's best table. Until tables_release the signer and its tables stay where they are. */
struct tables_use {
    uint32_t signer; /* TABLES_NOBODY: not known, COLD */
    enum bulk_tier tier;
    const void *table; /* NULL when COLD */
};
/* Fetch what tables_take will look at, one step a call, for many keys in turn: the key itself is there, then the head of its
 * chain. */
void tables_fetch_head(const struct tables *t, const struct verify_key *key);
void tables_fetch_signer(const struct tables *t, const struct verify_key *key);
struct tables_use tables_take(struct tables *t, const struct verify_key *key);
void tables_release(struct tables *t, uint32_t signer, bool good);
/* A signature of a key that is not known was found good. */
void tables_admit(struct tables *t, const struct verify_key *key);

/* Earns time to build with: `items` were checked, build_percent as in verify_config. */
void tables_earn(struct tables *t, size_t items, unsigned build_percent);
/* Builds one group of waiting tables if it is paid for; spare: or if not, for there is nothing else to do. True: did. */
bool tables_build(struct tables *t, void *scratch, bool spare);

void tables_counters(const struct tables *t, struct verify_counters *c); /* adds its part */

#endif
