#include "rsu/ctl/tls.h"

#include "base/fileio.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { PEM_MAX = 4 << 20 };

static int look_at(const char *option, const char *path, struct ws_err *err) {
    struct buf b = {0};
    int rc = file_read(path, PEM_MAX, &b, err);
    if (rc == WS_OK && memmem(b.p, b.n, "-----BEGIN ", 11) == NULL)
        rc = ws_fail(err, WS_EINPUT, "%s: holds nothing in PEM", path);
    if (b.n > 0)
        explicit_bzero(b.p, b.n); /* a key, perhaps */
    buf_free(&b);
    return rc == WS_OK ? rc : ws_fail_in(err, "%s", option);
}

/* A group may read it, as services have it. */
static int look_at_key(const char *path, struct ws_err *err) {
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & 037) != 0)
        return ws_fail(err, WS_EINPUT,
            "--key: %s: mode %03o lets others at the key; use 0600 or 0640", path,
            (unsigned)st.st_mode & 0777);
    return look_at("--key", path, err);
}

static CURLcode set_certificate(CURL *curl, const struct ctl_face *f) {
    CURLcode rc = curl_easy_setopt(curl, CURLOPT_SSLCERT, f->cert);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(curl, CURLOPT_SSLKEY, f->key == NULL ? f->cert : f->key);
    if (rc == CURLE_OK) /* nobody is asked for the pass phrase of a key that has one */
        rc = curl_easy_setopt(curl, CURLOPT_KEYPASSWD, "");
    return rc;
}

int ctl_tls_set(CURL *curl, const struct ctl_face *f, struct ws_err *err) {
    int looked = WS_OK;
    if (f->cacert != NULL)
        looked = look_at("--cacert", f->cacert, err);
    if (looked == WS_OK && f->cert != NULL)
        looked = look_at("--cert", f->cert, err);
    if (looked == WS_OK && f->cert != NULL)
        looked = look_at_key(f->key == NULL ? f->cert : f->key, err);
    if (looked != WS_OK)
        return looked;
    CURLcode rc = curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (rc == CURLE_OK && f->cacert != NULL)
        rc = curl_easy_setopt(curl, CURLOPT_CAINFO, f->cacert);
    if (rc == CURLE_OK && f->cacert != NULL) /* and no other */
        rc = curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    if (rc == CURLE_OK && f->cert != NULL)
        rc = set_certificate(curl, f);
    return rc == CURLE_OK ? WS_OK
                          : ws_fail(err, WS_EINPUT, "%s: %s", f->address, curl_easy_strerror(rc));
}

const char *ctl_tls_advice(CURLcode rc, const char *said, const struct ctl_face *f) {
    bool alert = strstr(said, "alert") != NULL;
    /* It hung up, before the alert was read. */
    bool gone = rc == CURLE_GOT_NOTHING || rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR;
    if (rc == CURLE_PEER_FAILED_VERIFICATION && strstr(said, "issuer certificate") != NULL)
        return f->cacert == NULL ? ". --cacert names who signed its certificate"
                                 : ". --cacert does not name who signed its certificate";
    if (rc == CURLE_PEER_FAILED_VERIFICATION)
        return ". Its certificate is not accepted";
    if (rc == CURLE_SSL_CERTPROBLEM)
        return ". It is about --cert and its key";
    if (!alert && !gone)
        return "";
    if (f->cert == NULL)
        return ". It may want a certificate of ours: --cert, with its key";
    return alert ? ". It does not accept our certificate (--cert)"
                 : ". It may not accept our certificate (--cert)";
}
