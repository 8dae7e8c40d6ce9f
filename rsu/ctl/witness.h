/* Asking a second unit: more than a third of a committee that lies together can fool whoever asks one only (consensus
 * facts, section 9). One thread. */
#ifndef WAYSIDE_RSU_CTL_WITNESS_H
#define WAYSIDE_RSU_CTL_WITNESS_H

#include "rsu/ctl/light.h"

struct ctl_witness {
    const struct ctl_verb *v;
    const struct ctl_genesis *genesis;
    const char *trusted; /* as for ctl_light_begin */
    struct ctl_list units; /* addresses */
    const char *evidence_file; /* NULL: evidence of a fork is not kept */
    const struct ctl_face *face; /* with what certificates they are asked */
};

/* Each witness must prove the same block of that height. CTL_DONE, or the exit code after saying what is wrong; two
 * blocks that both hold are a fork: evidence of each goes into FILE.1 and FILE.2. */
WARN_UNUSED int ctl_witness_ask(const struct ctl_witness *w, const struct light_block *believed);

#endif
