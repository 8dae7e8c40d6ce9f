/* docs/openapi.yaml as data, and answers held against it. Of the schema language it knows what that page uses. Asserts on
 * failure. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_DESCRIBED_H
#define WAYSIDE_TESTS_UNIT_RSU_DESCRIBED_H

#include "tests/support/cm.h"

#include <jansson.h>

/* The whole page; the caller's. */
json_t *described_load(const char *file);
/* What a path says of a status; NULL: nothing. References are followed. */
const json_t *described_response(const json_t *page, const char *path, unsigned status);
/* The schema of a response's content type; NULL: it does not name that type. */
const json_t *described_schema(const json_t *page, const json_t *response, const char *type);
/* Fails unless value is as the schema says, with every member described. `where` is for the message. */
void described_check(
    const json_t *page, const json_t *schema, const json_t *value, const char *where);

#endif
