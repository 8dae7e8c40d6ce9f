/* Real frames: every signed message of the European captures verifies with the ticket it was signed with. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

static void open_capture(const char *name, struct test_frames *f) {
    if (!test_frames_load(name, f))
        skip();
}

/* All frames verify with the certificate seen last (its frame may come after a digest). */
static unsigned verify_all(const struct test_frames *f) {
    struct test_signer signers[8];
    size_t n_signers = 0;
    for (size_t i = 0; i < f->n; i++) {
        struct spdu m = test_spdu_of_gn_frame(test_frame(f, i));
        if (m.signer != SIGNER_CERTIFICATE)
            continue;
        assert_true(n_signers < ARRAY_LEN(signers));
        test_signer_of(&m.cert, &signers[n_signers++]);
    }
    unsigned good = 0;
    for (size_t i = 0; i < f->n; i++) {
        struct spdu m = test_spdu_of_gn_frame(test_frame(f, i));
        uint8_t id[8];
        if (m.signer == SIGNER_DIGEST) {
            memcpy(id, m.digest, 8);
        } else {
            uint8_t hash[32];
            cert_hash256(&m.cert, hash);
            memcpy(id, hash + 24, 8);
        }
        for (size_t k = 0; k < n_signers; k++) {
            if (memcmp(signers[k].hash + 24, id, 8) == 0) {
                good += test_verify(&m, &signers[k]) == VERIFY_GOOD;
                break;
            }
        }
    }
    for (size_t k = 0; k < n_signers; k++)
        verify_key_unref(signers[k].key);
    return good;
}

static void nine_cam_of_a_car(void **state) {
    (void)state;
    struct test_frames f;
    open_capture("its-g5-cam-secured-boslx.pcapng", &f);
    assert_int_equal(f.n, 9);
    assert_int_equal(verify_all(&f), 9);
    test_frames_free(&f);
}

static void two_cam_digest_first(void **state) {
    (void)state;
    struct test_frames f;
    open_capture("its-g5-cam-secured-vanetza.pcap", &f);
    assert_int_equal(f.n, 2);
    assert_int_equal(verify_all(&f), 2);
    test_frames_free(&f);
}

static void five_of_roadside_units(void **state) {
    (void)state;
    struct test_frames f;
    open_capture("its-g5-denm-secured-npra.pcap", &f);
    assert_int_equal(f.n, 5);
    assert_int_equal(verify_all(&f), 5);
    unsigned denm = 0, spatem = 0;
    for (size_t i = 0; i < f.n; i++) {
        struct spdu m = test_spdu_of_gn_frame(test_frame(&f, i));
        denm += m.psid == 37 && m.has_location;
        spatem += m.psid == 137;
        /* A P-256 ticket signed by a Brainpool authority. */
        assert_int_equal(m.cert.key_curve, CURVE_P256);
        assert_int_equal(m.cert.signature.curve, CURVE_BP256);
        struct buf issuer = test_unhex("09707265a61774e8");
        assert_memory_equal(m.cert.issuer_id, issuer.p, 8);
        buf_free(&issuer);
    }
    assert_int_equal(denm, 4);
    assert_int_equal(spatem, 1);
    test_frames_free(&f);
}

/* The worked frame of the wire-format notes, field by field. */
static void worked_frame(void **state) {
    (void)state;
    struct test_frames f;
    open_capture("its-g5-cam-secured-boslx.pcapng", &f);
    struct span frame = test_frame(&f, 0);
    assert_int_equal(frame.n, 428);
    struct spdu m = test_spdu_of_gn_frame(frame);
    assert_int_equal(m.content, SPDU_SIGNED);
    assert_int_equal(m.hash_id, 0);
    assert_ptr_equal(m.all.p, frame.p + 18);
    assert_int_equal(m.all.n, 410);
    assert_ptr_equal(m.tbs.p, frame.p + 21);
    assert_int_equal(m.tbs.n, 190);
    assert_ptr_equal(m.payload.p, frame.p + 26);
    assert_int_equal(m.payload.n, 174);
    assert_int_equal(m.psid, 36);
    assert_true(m.has_generation_time);
    assert_true(m.generation_time == 0x00024ea526e653d4);
    assert_false(m.has_location);
    assert_false(m.has_expiry_time);
    assert_int_equal(m.signer, SIGNER_CERTIFICATE);
    assert_int_equal(m.n_certs, 1);
    assert_ptr_equal(m.cert.all.p, frame.p + 214);
    assert_int_equal(m.cert.all.n, 148);
    assert_int_equal(m.cert.type, CERT_EXPLICIT);
    assert_int_equal(m.cert.issuer_kind, ISSUER_SHA256);
    assert_memory_equal(m.cert.issuer_id, "\x04\x98\xfb\xf3\xb8\xb8\xc2\x49", 8);
    assert_int_equal(m.cert.id_kind, CERT_ID_NONE);
    assert_int_equal(m.cert.valid_from_s, 0x26b4f435);
    assert_true(m.cert.valid_until_s == 0x26b4f435 + UINT64_C(168) * 3600);
    assert_false(m.cert.region.present);
    assert_int_equal(m.cert.n_app, 2);
    assert_int_equal(m.cert.n_issue, 0);
    struct span ssp;
    bool bitmap;
    assert_true(cert_app_permission(&m.cert, 36, &ssp, &bitmap));
    assert_true(bitmap);
    assert_true(span_equal(ssp, span_of("\x01\x00\x00", 3)));
    assert_true(cert_app_permission(&m.cert, 37, &ssp, &bitmap));
    assert_true(span_equal(ssp, span_of("\x01\x90\x1a\x25", 4)));
    assert_false(cert_app_permission(&m.cert, 38, &ssp, &bitmap));
    assert_int_equal(m.cert.key.form, EC_Y_ODD);
    assert_ptr_equal(m.cert.key.octets.p, frame.p + 264);
    assert_int_equal(m.cert.signature.r.form, EC_X_ONLY);
    assert_int_equal(m.signature.r.form, EC_Y_EVEN);
    assert_ptr_equal(m.signature.r.octets.p, frame.p + 364);
    assert_ptr_equal(m.signature.s.p, frame.p + 396);
    uint8_t hash[32];
    cert_hash256(&m.cert, hash);
    assert_memory_equal(hash + 24, "\x69\x99\xac\x93\x1b\xf6\x5e\x6b", 8);
    uint16_t port;
    struct span app = spdu_app_payload(&m, &port);
    assert_int_equal(port, 2001);
    assert_ptr_equal(app.p, frame.p + 66);
    assert_int_equal(app.n, 134);
    test_frames_free(&f);
}

/* Cut anywhere, the message is refused as truncated; with any single bit changed it is refused or no longer
 * verifies under the signer it names, except for bits that nothing depends on. */
static void cut_and_flip(const struct spdu *m, const struct test_signer *signer) {
    size_t at;
    for (size_t n = 0; n < m->all.n; n++) {
        uint8_t *copy = ws_memdup(m->all.p, n);
        struct spdu cut;
        assert_int_equal(spdu_parse(span_of(copy, n), &cut, &at), COER_TRUNCATED);
        assert_true(at <= n);
        free(copy);
    }
    /* The form of a point R, from which only x counts: in the message's signature and in the certificate's,
     * which is hashed as x-only whatever was sent. */
    size_t free_octet[] = {(size_t)(m->signature.r.octets.p - m->all.p) - 1, SIZE_MAX};
    if (m->signer == SIGNER_CERTIFICATE)
        free_octet[1] = (size_t)(m->cert.signature.r.octets.p - m->all.p) - 1;
    for (size_t bit = 0; bit < m->all.n * 8; bit++) {
        uint8_t *copy = ws_memdup(m->all.p, m->all.n);
        copy[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
        struct spdu bad;
        if (spdu_parse(span_of(copy, m->all.n), &bad, &at) == COER_OK) {
            struct test_signer named = *signer;
            if (bad.signer == SIGNER_CERTIFICATE)
                cert_hash256(&bad.cert, named.hash);
            bool other_signer =
                bad.signer == SIGNER_DIGEST && memcmp(bad.digest, signer->hash + 24, 8) != 0;
            if (!other_signer && test_verify(&bad, &named) == VERIFY_GOOD &&
                bit / 8 != free_octet[0] && bit / 8 != free_octet[1])
                fail_msg("bit %zu is not protected", bit);
        }
        free(copy);
    }
}

static void cut_and_flipped(void **state) {
    (void)state;
    static const struct {
        const char *capture;
        size_t signer, message;
    } v[] = {
        {"its-g5-cam-secured-boslx.pcapng", 0, 0}, /* CAM with certificate */
        {"its-g5-cam-secured-boslx.pcapng", 0, 1}, /* CAM with digest */
        {"its-g5-denm-secured-npra.pcap", 0, 0}, /* DENM, Brainpool issuer */
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct test_frames f;
        open_capture(v[i].capture, &f);
        struct spdu with_cert = test_spdu_of_gn_frame(test_frame(&f, v[i].signer));
        struct spdu m = test_spdu_of_gn_frame(test_frame(&f, v[i].message));
        assert_int_equal(with_cert.signer, SIGNER_CERTIFICATE);
        assert_int_equal(m.signer, i == 1 ? SIGNER_DIGEST : SIGNER_CERTIFICATE);
        struct test_signer signer;
        test_signer_of(&with_cert.cert, &signer);
        assert_int_equal(test_verify(&m, &signer), VERIFY_GOOD);
        cut_and_flip(&m, &signer);
        verify_key_unref(signer.key);
        test_frames_free(&f);
    }
}

/* Implicit signers are read, named and left unverified. */
static void implicit_signers_are_read(void **state) {
    (void)state;
    static const char *const names[] = {
        "wsmp-bsm-signed-commsignia.pcap", "wsmp-map-signed-commsignia.pcap"};
    static const size_t count[] = {511, 103};
    static const uint64_t psid[] = {32, 2113687};
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        struct test_frames f;
        open_capture(names[k], &f);
        assert_int_equal(f.n, count[k]);
        struct trust_store *store = trust_store_new(1);
        for (size_t i = 0; i < f.n; i++) {
            struct spdu m = test_spdu_of_wsmp_frame(test_frame(&f, i));
            assert_int_equal(m.content, SPDU_SIGNED);
            assert_true(m.psid == psid[k]);
            if (m.signer != SIGNER_CERTIFICATE)
                continue;
            assert_int_equal(m.cert.type, CERT_IMPLICIT);
            assert_true(m.cert.verify_is_reconstruction);
            assert_null(trust_unproven_key(&m.cert));
            struct trust_result r =
                trust_check(store, &m.cert, (uint32_t)(m.generation_time / 1000000));
            assert_int_equal(r.verdict, TRUST_UNKNOWN_ISSUER);
            assert_null(r.key);
        }
        trust_store_free(store);
        test_frames_free(&f);
    }
}

/* One line a frame: psid, time, signer, hash, digest, form of r; as an independent dissector reads them. */
static void as_a_dissector_reads_them(void **state) {
    (void)state;
    static const char *const names[] = {"its-g5-cam-secured-boslx.pcapng",
        "its-g5-cam-secured-vanetza.pcap", "its-g5-denm-secured-npra.pcap",
        "wsmp-bsm-signed-commsignia.pcap"};
    if (system("command -v tshark >/dev/null 2>&1") != 0)
        skip();
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        struct test_frames f;
        open_capture(names[k], &f);
        bool wsmp = strstr(names[k], "wsmp") != NULL;
        char command[2048];
        /* A certificate has a psid and a signature of its own: the message's psid is the first, its r the last. */
        (void)snprintf(command, sizeof(command),
            "tshark -r '%s/v2x/captures/%s' -T fields -E separator=';' -e ieee1609dot2.psid "
            "-e ieee1609dot2.generationTime -e ieee1609dot2.signer -e ieee1609dot2.hashId "
            "-e ieee1609dot2.digest -e ieee1609dot2.rSig 2>/dev/null | "
            "sed -E 's/^([0-9]+)(,[0-9,]*)?;/\\1;/; s/;[0-9,]*,([0-9]+)$/;\\1/'",
            test_data_dir(), names[k]);
        FILE *answer = popen(command, "r");
        assert_non_null(answer);
        char *line = NULL;
        size_t cap = 0, n = 0;
        for (; n < f.n && getline(&line, &cap, answer) > 0 && line[0] != ';'; n++) {
            struct spdu m = wsmp ? test_spdu_of_wsmp_frame(test_frame(&f, n))
                                 : test_spdu_of_gn_frame(test_frame(&f, n));
            char digest[17] = "", ours[256];
            if (m.signer == SIGNER_DIGEST)
                hex_encode(digest, m.digest, 8);
            (void)snprintf(ours, sizeof(ours), "%llu;%llu;%d;%d;%s;%d\n",
                (unsigned long long)m.psid, (unsigned long long)m.generation_time, (int)m.signer,
                m.hash_id, digest, (int)m.signature.r.form);
            assert_string_equal(ours, line);
        }
        free(line);
        if (pclose(answer) != 0 || n == 0)
            print_message(
                "a dissector that does not know these fields: %s not compared\n", names[k]);
        else
            assert_int_equal(n, f.n);
        test_frames_free(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nine_cam_of_a_car),
        cmocka_unit_test(two_cam_digest_first),
        cmocka_unit_test(five_of_roadside_units),
        cmocka_unit_test(worked_frame),
        cmocka_unit_test(as_a_dissector_reads_them),
        cmocka_unit_test(cut_and_flipped),
        cmocka_unit_test(implicit_signers_are_read),
    };
    if (!test_sec_have("v2x/captures"))
        return TEST_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
