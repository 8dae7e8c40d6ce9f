/* Writes the corpus of fuzz_pipeline: make_pipeline_corpus FOLDER, which is tests/fuzz/corpus. Run by hand when
 * a structure changes; the same octets every time. */
#include "tests/support/air.h"
#include "tests/support/wrap.h"

#include "base/fileio.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <stdlib.h>

enum { MODE_IFMA = 1, MODE_LISTS = 2, MODE_REGION = 4 }; /* of the target */

static const char *folder;
static struct buf input;

static void add(uint8_t link, struct buf *frame) {
    buf_u8(&input, link);
    buf_u16(&input, (uint16_t)frame->n);
    buf_put(&input, frame->p, frame->n);
    buf_clear(frame);
}

static void store(const char *name, uint8_t mode) {
    char path[4096];
    struct ws_err err;
    struct buf all = {0};
    (void)snprintf(path, sizeof(path), "%s/pipeline/%s", folder, name);
    buf_u8(&all, mode);
    buf_put(&all, input.p, input.n);
    if (file_write(path, buf_span(&all), 0644, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    buf_free(&all);
    buf_clear(&input);
}

/* Index of a link type in the target's list. */
static uint8_t link_octet(uint32_t link) {
    static const uint32_t links[] = {1, 101, 228, 229, 105, 127, 192, 113, 276, 147, 162};
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        if (links[i] == link)
            return (uint8_t)i;
    }
    return 9; /* another of the user types */
}

/* By certificate, then by digest, of every kind of ticket; each carrier gets its turn. */
static void of_tickets(const struct air *air) {
    static const char *const names[AIR_TICKETS] = {
        "p384", "brainpool", "below-implicit", "implicit", "linked", "linked-revoked"};
    struct ws_random rnd = ws_random_seeded(3);
    for (unsigned i = 0; i < AIR_TICKETS; i++) {
        for (unsigned by_digest = 0; by_digest < 2; by_digest++) {
            struct dot2_message_spec spec = {.psid = PSID_CAM,
                .generation_us = PKI_NOW_US + by_digest,
                .payload = span_of("hello", 5),
                .with_certificate = by_digest == 0,
                .r_form = (enum dot2_form)(i % DOT2_FORMS),
                .sha384 = i == AIR_P384,
                .long_additions = by_digest == 1};
            struct dot2_free_octets no_matter;
            struct buf m = {0};
            struct wrapped w;
            dot2_message(&m, &spec, &air->ticket[i], &rnd, &no_matter);
            if (!wrap(2 * i + by_digest, 0, buf_span(&m), PSID_CAM, 1, &w))
                exit(1);
            add(link_octet(w.link), &w.frame);
            buf_free(&w.frame);
            buf_free(&m);
        }
        store(names[i], MODE_LISTS | (i % 2 == 0 ? MODE_IFMA : 0));
    }
    struct buf f = {0};
    const struct span hello = {(const uint8_t *)"hello", 5};
    station_frame(&f, &air->revoked, PSID_CAM, PKI_NOW_US, hello, true);
    add(0, &f);
    station_frame(&f, &air->car, PSID_DENM, PKI_NOW_US, hello, true);
    add(0, &f);
    store("revoked", MODE_LISTS | MODE_REGION);
    buf_free(&f);
}

/* One of each link layer, with the network layers by turns. */
static void of_carriers(const struct air *air) {
    struct ws_random rnd = ws_random_seeded(4);
    for (size_t link = 0; link < wrap_links(); link++) {
        size_t network = link % wrap_networks();
        while (!wrap_goes(link, network))
            network = (network + 1) % wrap_networks();
        struct dot2_message_spec spec = {.psid = PSID_BSM,
            .generation_us = PKI_NOW_US + link,
            .payload = span_of("hello", 5),
            .with_certificate = link % 4 == 0};
        struct dot2_free_octets no_matter;
        struct buf m = {0};
        struct wrapped w;
        char name[32];
        dot2_message(&m, &spec, &air->ticket[AIR_BELOW_IMPLICIT], &rnd, &no_matter);
        if (!wrap(link, network, buf_span(&m), PSID_BSM, 2, &w))
            exit(1);
        add(link_octet(w.link), &w.frame);
        (void)snprintf(name, sizeof(name), "carrier-%zu", link / 4);
        if (link % 4 == 3 || link + 1 == wrap_links())
            store(name, 0);
        buf_free(&w.frame);
        buf_free(&m);
    }
}

/* Requests for certificates, and an authority's given in answer to one. */
static void of_requests(const struct air *air) {
    struct spdu_request rq = {.psid = PSID_CAM,
        .generation_time = PKI_NOW_US,
        .payload = span_of("hello", 5),
        .with_certificate = true,
        .ask = span_of("abcdef", 6)};
    struct buf spdu = {0};
    struct buf f = {0};
    spdu_put_signed(&spdu, &rq, air->truck.key, buf_span(&air->truck.cert));
    carrier_put_gn_secured(&f, air->truck.mac, buf_span(&spdu));
    add(0, &f);
    buf_clear(&spdu);
    rq.generation_time++;
    rq.with_certificate = false;
    rq.give = buf_span(&air->foreign.ca);
    spdu_put_signed(&spdu, &rq, air->truck.key, buf_span(&air->truck.cert));
    carrier_put_gn_secured(&f, air->truck.mac, buf_span(&spdu));
    add(0, &f);
    store("requests", 0);
    buf_free(&spdu);
    buf_free(&f);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    folder = argv[1];
    struct air air;
    air_init(&air);
    const struct station car = air.car;
    const struct station stranger = air.stranger;
    struct buf f = {0};
    const struct span hello = {(const uint8_t *)"hello", 5};

    station_frame(&f, &car, PSID_CAM, PKI_NOW_US, hello, true);
    add(0, &f);
    store("certificate", MODE_LISTS);
    station_frame(&f, &car, PSID_CAM, PKI_NOW_US, hello, false);
    add(0, &f);
    station_frame(&f, &car, PSID_CAM, PKI_NOW_US, hello, true);
    add(0, &f);
    station_frame(&f, &car, PSID_CAM, PKI_NOW_US, hello, false);
    add(0, &f);
    store("digest-certificate-duplicate", MODE_LISTS);
    station_frame(&f, &stranger, PSID_CAM, PKI_NOW_US, hello, true);
    add(0, &f);
    station_frame(&f, &stranger, PSID_CAM, PKI_NOW_US + 1, hello, false);
    add(0, &f);
    store("unknown-chain", MODE_LISTS);
    station_frame(&f, &car, PSID_DENM, PKI_NOW_US, hello, true);
    add(0, &f);
    store("denm", MODE_LISTS);

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
    store("wsmp-and-udp", MODE_LISTS);
    carrier_put_udp6(&f, car.mac, src, dst, 5000, buf_span(&spdu));
    struct buf raw = {0};
    buf_put(&raw, f.p + 14, f.n - 14);
    add(3, &raw);
    add(0x80, &f); /* says how long it was on the air */
    input.n -= 30;
    store("raw-and-cut", MODE_LISTS);

    of_tickets(&air);
    of_carriers(&air);
    of_requests(&air);
    buf_free(&raw);
    buf_free(&spdu);
    buf_free(&f);
    buf_free(&input);
    air_free(&air);
    return 0;
}
