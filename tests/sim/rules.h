/* Watches every event that a consensus core handles (the linker puts the watcher in the place of cs_handle): which
 * rule fired, for the table of what was reached, and in words for the story. */
#ifndef WAYSIDE_TESTS_SIM_RULES_H
#define WAYSIDE_TESTS_SIM_RULES_H

#include "tests/support/nodes.h"

/* "block 3fa2.." or "nil", in a buffer of the caller. */
const char *rules_name(char dst[static 16], bool nil, const uint8_t *id);
void rules_note_down(const struct nodes *w, size_t i); /* before a member goes down */
void rules_note_back(const struct nodes *w, size_t i); /* after it came back */

#endif
