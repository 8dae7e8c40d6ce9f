/* Identities of messages that were verified and handed on, remembered until their generation time is too old
 * to be accepted again. Only verified messages get in, so nobody without a certificate can make it forget.
 * Fixed memory: a queue in order of arrival with a hash index. One thread per object. */
#ifndef WAYSIDE_PKTIO_REPLAY_FILTER_H
#define WAYSIDE_PKTIO_REPLAY_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay_filter;

struct replay_filter *replay_filter_new(size_t slots); /* > 0, asserted */
void replay_filter_free(struct replay_filter *f);
bool replay_filter_seen(const struct replay_filter *f, const uint8_t id[static 32]);
/* id is not in the filter yet. until_us: cell time at which its generation time stops being fresh. False: the
 * filter was full and forgot an identity before its time. */
bool replay_filter_add(
    struct replay_filter *f, const uint8_t id[static 32], uint64_t until_us, uint64_t now_us);
/* Forgets what need not be remembered any more. */
void replay_filter_age(struct replay_filter *f, uint64_t now_us);
size_t replay_filter_used(const struct replay_filter *f);

#endif
