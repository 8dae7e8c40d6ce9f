/* Sine, cosine, arctangent and rounding from IEEE 754 basic operations alone (+ - * / sqrt), so that one
 * map file gives the same integers on every machine; libm's versions differ in the last bit. Used at
 * import only. Absolute error below 1e-15 for |x| <= 1e5. Pure; any thread. */
#ifndef WAYSIDE_MAPSVC_MODEL_IEEE_H
#define WAYSIDE_MAPSVC_MODEL_IEEE_H

#include <stdbool.h>
#include <stdint.h>

#define IEEE_PI 3.14159265358979323846

void ieee_sincos(double x, double *ret_sin, double *ret_cos);
double ieee_atan2(double y, double x); /* -pi..pi; 0 for (0, 0) */
double ieee_sqrt(double x); /* x >= 0 */
/* Towards minus infinity; false when the result is outside the integer type or x is not a number. */
bool ieee_floor(double x, int64_t *ret_v);
/* Nearest, half away from minus infinity (floor(x + 0.5)). */
bool ieee_round(double x, int64_t *ret_v);
bool ieee_round_i32(double x, int32_t *ret_v);
/* 1/65536 turn counter-clockwise from east (element.h) of a direction vector. */
uint16_t ieee_heading(double dx, double dy);

#endif
