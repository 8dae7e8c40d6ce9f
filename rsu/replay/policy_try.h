/* What another policy would have made of captures: they run through a cell under the policy in force, as in replay, and every
 * block that it decides is executed twice more, under that policy and under the one to be tried. Frames are decoded and
 * signatures checked once; both see the same messages in the same blocks, so what differs is the policies' doing. Same inputs,
 * same answer. One thread. */
#ifndef WAYSIDE_RSU_REPLAY_POLICY_TRY_H
#define WAYSIDE_RSU_REPLAY_POLICY_TRY_H

#include "ledger/policy/lua_host.h"
#include "rsu/replay/replay.h"

#include <jansson.h>

/* A policy that takes part. */
struct try_policy {
    const char *name; /* shown: of its file, or as deployed */
    const char *source; /* one phrase: where it is from */
    struct buf script; /* owned */
    struct policy_usage usage; /* written by try_check */
};
void try_policy_free(struct try_policy *p);
/* Runs the script as every validator would. The text of a refusal begins with its name and, where there is one, the line. */
WARN_UNUSED int try_check(struct try_policy *p, struct ws_err *err);

/* in_force, tried: have passed try_check. opt: policy, out and record are NULL, any_version is true. *ret_report: what `rsuctl policy try --json`
 * prints (rsuctl(1)). A capture that is cut is no failure; the report says so. */
WARN_UNUSED int policy_try(const struct replay_options *opt, const struct try_policy *in_force,
    const struct try_policy *tried, json_t **ret_report, struct ws_err *err);

/* The report as text for people. */
void policy_try_text(const json_t *report, struct buf *b);

#endif
