/* The driving data and their schemas, for tests and benches. */
#ifndef WAYSIDE_TESTS_UNIT_FEDLEARN_DRIVING_H
#define WAYSIDE_TESTS_UNIT_FEDLEARN_DRIVING_H

#include "fedlearn/vehicle/features.h"

/* Accident risk, 14 inputs, 4 classes; blocks of 300 rows. */
extern const char driving_risk_schema[];
/* Phone, 20 rows to a window; boxes in a car, 14 rows to a window. */
extern const char driving_phone_schema[];
extern const char driving_manoeuvre_schema[];

/* Reads tables under DATA/driving by a schema into `set`; names ends with NULL. False: the folder is not there. */
bool driving_read(const char *data, const char *schema, const char *const *names,
    struct fl_schema *ret_schema, struct fl_dataset *set);

extern const char *const driving_risk_tables[]; /* alonso, furious */

#endif
