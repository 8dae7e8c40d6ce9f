/* Hash and signature check of libwayside-light by libcrypto (OpenSSL 3). A library of its own, so that the core needs none.
 * Any thread. */
#ifndef WAYSIDE_LIGHT_CRYPTO_H
#define WAYSIDE_LIGHT_CRYPTO_H

#ifdef WAYSIDE_LIGHT_INSIDE
#include "ledger/light/wayside_light.h"
#else
#include <wayside_light.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Static; SHA-256 and Ed25519. If libcrypto itself fails, the process stops: a hash that is not one must not be believed. */
WSL_API const struct wsl_crypto *wsl_crypto_openssl(void);

#ifdef __cplusplus
}
#endif

#endif
