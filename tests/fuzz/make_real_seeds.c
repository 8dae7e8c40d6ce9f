/* Seeds for the fuzzer out of real captures and logs, which the project does not hold: make_real_seeds DATA-FOLDER
 * OUT-FOLDER writes OUT-FOLDER/<target>/ for the targets reachable from the air. tests/fuzz/fuzz.sh runs it. */
#include "base/fileio.h"
#include "pktio/capture.h"
#include "tests/support/obu_log.h"
#include "v2x/gn.h"
#include "v2x/spdu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *out;
static unsigned number;

static void die(const char *what, const char *why) {
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void put(const char *target, struct span octets) {
    char path[4096];
    struct ws_err err;
    (void)snprintf(path, sizeof(path), "%s/%s", out, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof(path), "%s/%s/real-%05u", out, target, number++);
    if (file_write(path, octets, 0644, &err) != WS_OK)
        die(path, err.text);
}

/* The signed message, its certificate, and what is inside as the readers of contents take it. */
static void put_message(struct span octets) {
    struct spdu m;
    size_t at;
    uint16_t port;
    if (spdu_parse(octets, &m, &at) != COER_OK)
        return;
    put("spdu", m.all);
    if (m.content == SPDU_SIGNED && m.signer == SIGNER_CERTIFICATE)
        put("cert", m.cert.all);
    struct span app = spdu_app_payload(&m, &port);
    put(port != 0 ? "facility" : "bsm", app);
}

/* fuzz_carrier's link octet, and fuzz_pipeline's, are indices; 0 is Ethernet in both. */
static void put_frame(struct span frame) {
    struct buf b = {0};
    struct carrier c;
    buf_u8(&b, 0);
    buf_put(&b, frame.p, frame.n);
    put("carrier", buf_span(&b));
    buf_clear(&b);
    buf_u16(&b, 0); /* modes, link */
    buf_u16(&b, (uint16_t)frame.n);
    buf_put(&b, frame.p, frame.n);
    put("pipeline", buf_span(&b));
    buf_free(&b);
    enum carrier_verdict v = carrier_read(LINK_ETHERNET, frame, &c);
    if (v == CARRIER_SECURED)
        put_message(c.message);
    else if (v == CARRIER_BARE && c.kind == CARRIER_GN)
        put("facility", c.message);
}

/* At most so many of each file: neighbours hardly differ. */
enum { FRAMES_MAX = 24 };

static void of_capture(const char *path) {
    struct capture *c;
    struct pkt_frame f;
    struct ws_err err;
    if (capture_open(path, 0, &c, &err) != WS_OK)
        return;
    for (unsigned n = 0; n < FRAMES_MAX && capture_next(c, &f, &err) == 1; n++) {
        if (f.link == LINK_ETHERNET)
            put_frame(f.data);
    }
    capture_close(c);
    struct buf b = {0};
    if (file_read(path, 1U << 20, &b, &err) == WS_OK) {
        b.n = b.n < 8192 ? b.n : 8192;
        put("pcapng", buf_span(&b));
    }
    buf_free(&b);
}

static void of_log(const char *data, const char *name) {
    struct obu_log log;
    struct obu_record r;
    if (!obu_log_open(data, name, &log))
        return;
    for (unsigned n = 0; n < FRAMES_MAX && obu_log_next(&log, &r); n++)
        put_message(r.message);
    obu_log_close(&log);
}

static void each(const char *data, const char *folder) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/v2x/%s", data, folder);
    DIR *dir = opendir(path);
    if (dir == NULL)
        die(path, "not there");
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char file[4096 + 256];
        char *end = strstr(e->d_name, ".gz");
        (void)snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
        if (end != NULL) {
            *end = '\0';
            of_log(data, e->d_name);
        } else if (strstr(e->d_name, ".pcap") != NULL) {
            of_capture(file);
        }
    }
    (void)closedir(dir);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        (void)fprintf(stderr, "usage: %s DATA-FOLDER OUT-FOLDER\n", argv[0]);
        return 2;
    }
    out = argv[2];
    (void)mkdir(out, 0777);
    each(argv[1], "captures");
    each(argv[1], "logs");
    (void)printf("%u seeds\n", number);
    return 0;
}
