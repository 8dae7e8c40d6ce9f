/* What is known about certificates that are not in the cache: those that cannot be checked (implicit, issuer
 * unknown) and those that were checked and failed. Saves the elliptic-curve work of checking a bad certificate
 * twice and gives messages that name only the digest their right verdict. Anybody can fill it, so it is small,
 * apart from the cache, and being forgotten costs nothing but work. One thread per object. */
#ifndef WAYSIDE_PKTIO_SIGNER_NOTES_H
#define WAYSIDE_PKTIO_SIGNER_NOTES_H

#include <stddef.h>
#include <stdint.h>

struct signer_notes;

struct signer_notes *signer_notes_new(size_t slots); /* rounded up to a power of two, at least 64 */
void signer_notes_free(struct signer_notes *n);
/* note > 0; replaces an earlier note of the same certificate. */
void signer_notes_put(struct signer_notes *n, const uint8_t hash[static 32], uint8_t note);
/* 0: none. */
uint8_t signer_notes_of(const struct signer_notes *n, const uint8_t hash[static 32]);
uint8_t signer_notes_of_id8(const struct signer_notes *n, const uint8_t id8[static 8]);

#endif
