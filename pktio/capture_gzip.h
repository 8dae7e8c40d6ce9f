/* A gzip file (RFC 1952; several members one behind the other are one file) read as what is packed in it, piece by piece and
 * never as a whole. Internal to pktio/capture*.c. One thread. */
#ifndef WAYSIDE_PKTIO_CAPTURE_GZIP_H
#define WAYSIDE_PKTIO_CAPTURE_GZIP_H

#include <stdio.h>

#define GZIP_FIRST_OCTET 0x1f

struct gunzip;

/* packed: borrowed, read from where it stands; closed by nobody here. */
struct gunzip *gunzip_new(FILE *packed);
/* What is packed, for reading only; close it before gunzip_free. Damage, and an end before the gzip stream's own, is a read
 * error there, after everything that came out before. NULL: errno says why. */
FILE *gunzip_stream(struct gunzip *g);
/* Why reading failed, in words; NULL: it did not, or packed itself did. */
const char *gunzip_why(const struct gunzip *g);
void gunzip_free(struct gunzip *g); /* NULL is fine */

#endif
