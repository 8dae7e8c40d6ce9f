/* The folder of lists: what is in it and what may come into force. */
#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/trust/cert_text.h"
#include "rsu/trust/revocations_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MAX = 1024 };

struct found {
    struct buf octets;
    struct signed_list *lists;
    size_t n;
    bool taken[LISTS_IN_FILE];
    char why[LISTS_IN_FILE][160];
    enum revocations_reason reason[LISTS_IN_FILE];
    char name[128];
};

static int not_hidden(const struct dirent *e) {
    return e->d_name[0] != '.';
}

static uint64_t mix(uint64_t h, uint64_t v) {
    return (h ^ v) * 0x100000001b3ULL;
}

/* Names, sizes and times of the folder's files, as one number. */
uint64_t rev_folder_print(const char *dir) {
    struct dirent **names = NULL;
    uint64_t h = 0xcbf29ce484222325ULL;
    int n = scandir(dir, &names, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        for (const char *p = names[i]->d_name; *p != '\0'; p++)
            h = mix(h, (unsigned char)*p);
        if (stat(path, &st) == 0) {
            h = mix(h, (uint64_t)st.st_size);
            h = mix(h, (uint64_t)st.st_mtim.tv_sec);
            h = mix(h, (uint64_t)st.st_mtim.tv_nsec);
            h = mix(h, (uint64_t)st.st_ino);
        }
        free(names[i]);
    }
    free((void *)names);
    return h;
}

/* A certificate in the folder may have signed lists. It must chain to a root when one comes. */
static bool take_certificate(struct revocations *r, struct buf *octets) {
    struct cert c;
    size_t at;
    if (cert_parse(buf_span(octets), &c, &at) != COER_OK || c.issuer_kind == ISSUER_SELF)
        return false;
    for (size_t i = 0; i < r->n_others; i++) {
        if (span_equal(r->others[i].all, c.all)) {
            buf_free(octets);
            return true;
        }
    }
    if (r->n_others == REV_OTHERS_MAX)
        return false;
    r->others[r->n_others] = c; /* spans into octets, whose memory moves along */
    r->other_octets[r->n_others++] = *octets;
    *octets = (struct buf){0};
    return true;
}

static size_t read_folder(struct revocations *r, struct found *f, size_t max) {
    struct dirent **names = NULL;
    size_t n_found = 0;
    int n = scandir(r->dir, &names, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct ws_err err = {0};
        struct found spare, *e = n_found == max ? &spare : &f[n_found];
        *e = (struct found){0};
        (void)snprintf(e->name, sizeof(e->name), "%.120s", names[i]->d_name);
        (void)snprintf(path, sizeof(path), "%s/%s", r->dir, names[i]->d_name);
        free(names[i]);
        if (n_found == max) {
            rev_refuse(r, e->name, REFUSED_LIMIT, "too many files in the folder");
            continue;
        }
        if (file_read(path, REVOCATIONS_FILE_MAX, &e->octets, &err) != WS_OK) {
            rev_refuse(r, e->name, REFUSED_UNREADABLE, err.text);
            buf_free(&e->octets);
            continue;
        }
        if (cert_text_decode(&e->octets, NULL, &err) != WS_OK) {
            rev_refuse(r, e->name, REFUSED_MALFORMED, err.text);
            buf_free(&e->octets);
            continue;
        }
        if (take_certificate(r, &e->octets))
            continue;
        e->lists = ws_calloc(LISTS_IN_FILE, sizeof(*e->lists));
        if (lists_read(buf_span(&e->octets), e->lists, &e->n, &err) != WS_OK) {
            rev_refuse(r, e->name, REFUSED_MALFORMED, err.text);
            buf_free(&e->octets);
            free(e->lists);
            continue;
        }
        n_found++;
    }
    free((void *)names);
    return n_found;
}

/* Tries one list; true if it is in force now and was not before. */
static bool try_list(struct revocations *r, struct found *f, size_t i, uint32_t now_s) {
    static const char *const words[] = {[OFFER_OTHER] = "another list has the same sequence number",
        [OFFER_NO_BASE] = "delta without the list before it",
        [OFFER_FULL] = "more lists or entries than the configuration allows"};
    const struct signed_list *l = &f->lists[i];
    struct list_trust t = {rev_store(r), r->others, r->n_others, now_s, r->cfg.ahead_s};
    uint8_t authority[32];
    enum list_verdict v = list_check(l, &t, authority);
    static const enum revocations_reason of_verdict[] = {
        [LIST_SIGNER_UNKNOWN] = REFUSED_SIGNER_UNKNOWN,
        [LIST_SIGNER_INVALID] = REFUSED_SIGNER_INVALID,
        [LIST_BAD_SIGNATURE] = REFUSED_SIGNATURE,
        [LIST_NO_PERMISSION] = REFUSED_PERMISSION,
        [LIST_WRONG_AUTHORITY] = REFUSED_AUTHORITY,
        [LIST_NOT_YET] = REFUSED_NOT_YET,
        [LIST_ALGORITHM] = REFUSED_ALGORITHM,
        [LIST_OUTDATED] = REFUSED_OVERDUE};
    static const enum revocations_reason of_offer[] = {[OFFER_OLD] = REFUSED_OLD,
        [OFFER_OTHER] = REFUSED_SAME_SEQUENCE,
        [OFFER_NO_BASE] = REFUSED_NO_BASE,
        [OFFER_FULL] = REFUSED_LIMIT};
    f->why[i][0] = '\0';
    if (v != LIST_OK) {
        f->reason[i] = of_verdict[v];
        (void)snprintf(f->why[i], sizeof(f->why[i]), "octet %zu: %s", l->at, list_verdict_text(v));
        return false;
    }
    enum offer o = rev_offer(r, l, authority, f->name);
    f->taken[i] = o == OFFER_TAKEN || o == OFFER_KNOWN;
    if (!f->taken[i])
        f->reason[i] = of_offer[o];
    if (o == OFFER_OLD)
        (void)snprintf(
            f->why[i], sizeof(f->why[i]), "octet %zu: older than the list in force", l->at);
    else if (!f->taken[i])
        (void)snprintf(f->why[i], sizeof(f->why[i]), "octet %zu: %s", l->at, words[o]);
    if (o == OFFER_TAKEN && (l->kind == LIST_RCA_CTL || l->kind == LIST_ECTL))
        rev_store_rebuild(r, now_s);
    return o == OFFER_TAKEN;
}

/* True if something came into force. A list may need another one first: its signer's trust list, its base. */
bool rev_scan(struct revocations *r, uint32_t now_s) {
    struct found *f = ws_calloc(FILES_MAX, sizeof(*f));
    bool changed = false;
    buf_clear(&r->refused);
    r->n.refused = 0;
    r->n.scans++;
    size_t n = read_folder(r, f, FILES_MAX);
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < f[i].n; k++) {
                if (!f[i].taken[k] && try_list(r, &f[i], k, now_s))
                    progress = changed = true;
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < f[i].n; k++) {
            if (f[i].why[k][0] != '\0')
                rev_refuse(r, f[i].name, f[i].reason[k], f[i].why[k]);
        }
        buf_free(&f[i].octets);
        free(f[i].lists);
    }
    free(f);
    return changed;
}
