/* What the verbs of `rsuctl trust` share. Internal to rsu/ctl/trust*.c. */
#ifndef WAYSIDE_RSU_CTL_TRUST_H
#define WAYSIDE_RSU_CTL_TRUST_H

#include "rsu/ctl/ctl.h"
#include "rsu/trust/revocations.h"
#include "rsu/trust/trust_files.h"
#include "v2x/trust_view.h"

/* Larger files are no single messages. */
#define CTL_TRUST_OCTETS (1U << 20)
/* Most trust certificates, unless --max-certs says otherwise, and the most that it may say. */
#define CTL_TRUST_CERTS 4096
#define CTL_TRUST_CERTS_MAX 1000000

struct ctl_trust_options {
    const char *path; /* certificates, file or folder; NULL: none */
    const char *lists,
        *manager; /* folder of signed lists, file of the trust list manager; NULL: none */
    uint64_t max;
};
/* As rows of struct ctl_option. */
#define CTL_TRUST_OPTIONS(o)                                                                       \
    {"trust", CTL_TEXT, (void *)&(o)->path, 0, 0},                                                 \
        {"revocations", CTL_TEXT, (void *)&(o)->lists, 0, 0},                                      \
        {"list-manager", CTL_TEXT, (void *)&(o)->manager, 0, 0}, {                                 \
        "max-certs", CTL_NUMBER, &(o)->max, 1, CTL_TRUST_CERTS_MAX                                 \
    }

/* What is believed at an instant. */
struct ctl_trust {
    struct trust_store *base;
    struct revocations *lists; /* NULL: none */
    struct trust_view *view;
    uint32_t now_s;
};
/* CTL_DONE, or the exit code after saying what is wrong. Lists count from whenever they were issued. */
WARN_UNUSED int ctl_trust_open(const struct ctl_verb *v, const struct ctl_trust_options *o,
    uint32_t now_s, struct ctl_trust *ret);
void ctl_trust_close(struct ctl_trust *t);

/* Time32 of a time like 2026-03-08T12:00:00Z, of the present for NULL; false: it is none. */
bool ctl_trust_time(const char *text, uint32_t *ret_s);

/* A line about a list in force, and the same as JSON. */
void ctl_trust_put_list(const struct ctl_trust *t, size_t i, struct buf *b);
json_t *ctl_trust_list_json(const struct ctl_trust *t, size_t i);

#endif
