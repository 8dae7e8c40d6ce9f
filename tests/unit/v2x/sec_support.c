#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include <pcap/pcap.h>
#include <unistd.h>

void test_sec_path(char dst[static 512], const char *name) {
    int n = snprintf(dst, 512, "%s/%s", test_data_dir(), name);
    assert_true(n > 0 && n < 512);
}

bool test_sec_have(const char *name) {
    char path[512];
    test_sec_path(path, name);
    return access(path, R_OK) == 0;
}

bool test_frames_load(const char *name, struct test_frames *ret_frames) {
    char file[256], path[512], err[PCAP_ERRBUF_SIZE];
    *ret_frames = (struct test_frames){0};
    (void)snprintf(file, sizeof(file), "v2x/captures/%s", name);
    if (!test_sec_have(file))
        return false;
    test_sec_path(path, file);
    pcap_t *pcap = pcap_open_offline(path, err);
    assert_non_null(pcap);
    struct pcap_pkthdr *header;
    const u_char *data;
    while (pcap_next_ex(pcap, &header, &data) == 1) {
        assert_true(ret_frames->n < ARRAY_LEN(ret_frames->at));
        ret_frames->at[ret_frames->n] = ret_frames->octets.n;
        ret_frames->len[ret_frames->n++] = header->caplen;
        buf_put(&ret_frames->octets, data, header->caplen);
    }
    pcap_close(pcap);
    return true;
}

void test_frames_free(struct test_frames *f) {
    buf_free(&f->octets);
}

struct cert test_cert(struct span octets) {
    struct cert c;
    size_t at;
    enum coer_fail fail = cert_parse(octets, &c, &at);
    if (fail != COER_OK)
        fail_msg("octet %zu: %s", at, coer_fail_text(fail));
    return c;
}

struct cert test_bare_cert(
    struct buf *b, unsigned optional, const char *hex, const char *more_hex) {
    struct buf part = test_unhex(hex), more = test_unhex(more_hex);
    *b = (struct buf){0};
    buf_put(b, "\x80\x03\x00\x81\x00", 5);
    buf_u8(b, (uint8_t)optional);
    buf_put(b, "\x83\x00\x00\x00\x00\x00\x00\x00\x00\x01\x84\x00\x01", 13);
    buf_put(b, part.p, part.n);
    buf_put(b, more.p, more.n);
    buf_put(b, "\x80\x80\x82", 3);
    memset(buf_grow(b, 32), 1, 32);
    buf_put(b, "\x80\x80", 2);
    memset(buf_grow(b, 64), 1, 64);
    buf_free(&part);
    buf_free(&more);
    return test_cert(buf_span(b));
}

struct spdu test_spdu(struct span octets) {
    struct spdu m;
    size_t at;
    enum coer_fail fail = spdu_parse(octets, &m, &at);
    if (fail != COER_OK)
        fail_msg("octet %zu: %s", at, coer_fail_text(fail));
    return m;
}

struct spdu test_spdu_of_gn_frame(struct span frame) {
    assert_true(frame.n > 18);
    assert_int_equal(be16(frame.p + 12), 0x8947);
    assert_int_equal(frame.p[14] & 0x0f, 2); /* secured packet */
    return test_spdu(span_of(frame.p + 18, frame.n - 18));
}

struct spdu test_spdu_of_wsmp_frame(struct span frame) {
    struct rd r = rd_of(frame);
    (void)rd_take(&r, 12);
    assert_int_equal(rd_u16(&r), 0x88dc);
    uint8_t first = rd_u8(&r);
    assert_int_equal(first & 0xf7, 3);
    if ((first & 8) != 0) {
        for (unsigned n = rd_u8(&r); n > 0; n--) {
            (void)rd_u8(&r);
            (void)rd_take(&r, rd_u8(&r));
        }
    }
    assert_int_equal(rd_u8(&r), 0); /* TPID */
    unsigned psid = rd_u8(&r);
    (void)rd_take(&r, psid < 0x80 ? 0 : psid < 0xc0 ? 1 : psid < 0xe0 ? 2 : 3);
    size_t n = rd_u8(&r);
    if (n >= 0x80)
        n = (n & 0x3f) << 8 | rd_u8(&r);
    struct span message = rd_take(&r, n);
    assert_false(r.bad);
    struct spdu m = test_spdu(message);
    assert_int_equal(m.all.n, message.n);
    return m;
}

void test_signer_of(const struct cert *c, struct test_signer *ret_signer) {
    ret_signer->key = trust_unproven_key(c);
    assert_non_null(ret_signer->key);
    cert_hash256(c, ret_signer->hash);
}

enum verify_answer_kind test_verify(const struct spdu *m, const struct test_signer *signer) {
    struct verify_item item = {.key = signer->key};
    size_t n;
    if (!verify_item_signature(&item, &m->signature) ||
        !spdu_digest(m, span_of(signer->hash, 32), item.digest, &n))
        return VERIFY_BAD;
    item.digest_octets = (uint8_t)n;
    return verify_one(&item);
}
