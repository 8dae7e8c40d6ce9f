/* rsuctl cell validators add|remove|params: orders of the committee's authorities. Internal to rsu/ctl. */
#ifndef WAYSIDE_RSU_CTL_COMMITTEE_H
#define WAYSIDE_RSU_CTL_COMMITTEE_H

#include "rsu/ctl/ctl.h"

/* True when the first word is one of these; then *ret_code is what to leave with. */
bool ctl_committee(const struct ctl_verb *v, int argc, char **argv, int *ret_code);

#endif
