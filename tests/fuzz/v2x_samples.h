/* Certificates and messages with every part that the builders of v2x/sign.h do not make, for unit tests and
 * for the corpora of the fuzz targets. Keys and signatures in them are patterns, not curve points. */
#ifndef WAYSIDE_TESTS_FUZZ_V2X_SAMPLES_H
#define WAYSIDE_TESTS_FUZZ_V2X_SAMPLES_H

#include "v2x/spdu.h"

struct sample_shape {
    enum cert_type type;
    enum cert_issuer_kind issuer;
    enum cert_id_kind id;
    bool group; /* linkage data with a group value */
    bool uncompressed; /* points with both coordinates, rSig as compressed point */
    enum ec_curve key, signature;
    int region; /* alternative of GeographicRegion; -1: none */
    bool permissions; /* application, issuing and request permissions of every form */
    bool encryption_key;
    bool additions;
};
extern const struct sample_shape SAMPLE_EVERYTHING;
void sample_cert(struct buf *b, const struct sample_shape *shape);

/* HeaderInfo with every field, and both extension additions; key: its public encryption key. */
void sample_header(struct buf *b, enum ec_form key, struct span requested_cert);
/* Encrypted data with a recipient of each kind. */
void sample_encrypted(struct buf *b);

#endif
