/* Writes the corpus of fuzz_pipeline: make_pipeline_corpus FOLDER, which is tests/fuzz/corpus. Run by hand when
 * a structure changes; the same octets every time. */
#include "tests/support/pki.h"

#include "base/fileio.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <stdlib.h>

static const char *folder;
static struct buf input;

static void add(uint8_t link, struct buf *frame) {
    buf_u8(&input, link);
    buf_u16(&input, (uint16_t)frame->n);
    buf_put(&input, frame->p, frame->n);
    buf_clear(frame);
}

static void store(const char *name) {
    char path[4096];
    struct ws_err err;
    (void)snprintf(path, sizeof(path), "%s/pipeline/%s", folder, name);
    if (file_write(path, buf_span(&input), 0644, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    buf_clear(&input);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    folder = argv[1];
    /* The target trusts the infrastructure of seed 1; that of seed 2 is unknown to it. */
    struct pki pki;
    struct pki foreign;
    struct station car;
    struct station stranger;
    struct buf f = {0};
    const struct span hello = {(const uint8_t *)"hello", 5};
    pki_init(&pki, 1);
    pki_init(&foreign, 2);
    pki_vehicle(&pki, &car);
    pki_vehicle(&foreign, &stranger);

    station_frame(&f, &car, PSID_CAM, PKI_NOW_US, hello, true);
    add(0, &f);
    store("certificate");
    station_frame(&f, &car, PSID_CAM, PKI_NOW_US, hello, false);
    add(0, &f);
    station_frame(&f, &car, PSID_CAM, PKI_NOW_US, hello, true);
    add(0, &f);
    station_frame(&f, &car, PSID_CAM, PKI_NOW_US, hello, false);
    add(0, &f);
    store("digest-certificate-duplicate");
    station_frame(&f, &stranger, PSID_CAM, PKI_NOW_US, hello, true);
    add(0, &f);
    station_frame(&f, &stranger, PSID_CAM, PKI_NOW_US + 1, hello, false);
    add(0, &f);
    store("unknown-chain");
    station_frame(&f, &car, PSID_DENM, PKI_NOW_US, hello, true);
    add(0, &f);
    store("denm");

    struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
        .generation_time = PKI_NOW_US,
        .payload = hello,
        .with_certificate = true};
    struct buf spdu = {0};
    spdu_put_signed(&spdu, &rq, car.key, buf_span(&car.cert));
    carrier_put_wsmp(&f, car.mac, PSID_MAP_OBSERVATION, buf_span(&spdu));
    add(0, &f);
    const uint8_t src[16] = {0xfe, 0x80, [15] = 1};
    const uint8_t dst[16] = {0xff, 0x02, [15] = 1};
    carrier_put_udp6(&f, car.mac, src, dst, 5000, buf_span(&spdu));
    add(0, &f);
    store("wsmp-and-udp");
    carrier_put_udp6(&f, car.mac, src, dst, 5000, buf_span(&spdu));
    struct buf raw = {0};
    buf_put(&raw, f.p + 14, f.n - 14);
    add(3, &raw);
    add(0x80, &f); /* says how long it was on the air */
    input.n -= 30;
    store("raw-and-cut");

    buf_free(&raw);
    buf_free(&spdu);
    buf_free(&f);
    buf_free(&input);
    station_free(&car);
    station_free(&stranger);
    pki_free(&pki);
    pki_free(&foreign);
    return 0;
}
