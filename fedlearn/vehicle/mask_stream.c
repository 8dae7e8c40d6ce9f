#include "fedlearn/vehicle/mask_stream.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <openssl/evp.h>
#include <string.h>

int fl_stream_open(struct fl_stream *s, struct ws_err *err) {
    static const uint8_t zero[16];
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (c == NULL || EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, zero, zero) != 1) {
        EVP_CIPHER_CTX_free(c);
        return ws_fail(err, WS_ECRYPTO, "libcrypto gives no AES-128 counter mode");
    }
    s->cipher = c;
    return WS_OK;
}

void fl_stream_close(struct fl_stream *s) {
    EVP_CIPHER_CTX_free(s->cipher); /* cleanses */
    s->cipher = NULL;
}

void fl_stream_key(struct fl_stream *s, const uint8_t key[static FL_SEED_OCTETS]) {
    WS_ASSERT(EVP_EncryptInit_ex(s->cipher, NULL, NULL, key, NULL) == 1);
}

void fl_stream_seek(struct fl_stream *s, uint64_t index) {
    uint8_t block[16] = {0};
    put_be64(block, index);
    WS_ASSERT(EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, block) == 1);
}

void fl_stream_read(struct fl_stream *s, uint8_t *dst, size_t n) {
    int written = 0;
    WS_ASSERT(n <= INT32_MAX);
    memset(dst, 0, n);
    WS_ASSERT(EVP_EncryptUpdate(s->cipher, dst, &written, dst, (int)n) == 1);
    WS_ASSERT((size_t)written == n);
}
