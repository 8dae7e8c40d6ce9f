#include "rsu/ctl/witness.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/tx.h"
#include "rsu/host/admin.h"

#include <stdlib.h>
#include <string.h>

/* ---- two blocks of one height ---- */

/* Which of the two the chain has is for the chain to say: evidence of the other one convicts. */
static int keep_one(const char *file, char number, const struct light_block *b, bool other_set,
    uint64_t common, struct ws_err *err) {
    struct evidence *e = ws_alloc(sizeof(*e));
    struct buf tx = {0};
    struct buf path = {0};
    e->kind = EVIDENCE_ATTACK;
    e->header = b->header;
    e->commit = b->commit;
    e->common = common;
    e->has_set = other_set;
    e->set = b->set;
    validator_set_seats(exec_sha256, &b->set, e->seats);
    tx_put_evidence(&tx, e);
    buf_printf(&path, "%s.%c", file, number);
    buf_u8(&path, 0);
    int rc = file_write((const char *)path.p, buf_span(&tx), 0644, err);
    buf_free(&path);
    buf_free(&tx);
    free(e);
    return rc;
}

static int fork_found(const struct ctl_witness *w, const char *unit, const struct light_block *a,
    const struct light_block *b, uint64_t common) {
    struct ws_err err = {0};
    bool other_set = memcmp(a->header.validators, b->header.validators, 32) != 0;
    if (w->evidence_file != NULL &&
        (keep_one(w->evidence_file, '1', a, other_set, common, &err) != WS_OK ||
            keep_one(w->evidence_file, '2', b, other_set, common, &err) != WS_OK))
        return ctl_fail(w->v, CTL_UNREACHABLE, &err);
    (void)ws_fail(&err, WS_EINPUT, "%s proves another block %llu: a quorum signed both%s%s", unit,
        (unsigned long long)a->header.height,
        w->evidence_file == NULL ? "" : "; evidence is in .1 and .2 of ",
        w->evidence_file == NULL ? "" : w->evidence_file);
    return ctl_fail(w->v, CTL_NO, &err);
}

static int ask_one(
    const struct ctl_witness *w, const char *unit, const struct light_block *believed) {
    struct ws_err err = {0};
    struct ctl_http *h = NULL;
    struct ctl_light *l = ws_alloc(sizeof(*l));
    struct light_block *b = ws_alloc(sizeof(*b));
    uint64_t common = 0;
    struct ctl_face face = *w->face;
    face.address = unit;
    int code = ctl_http_open(&face, &h, &err) == WS_OK
                   ? ctl_light_begin(w->genesis, h, w->trusted, l, &err)
                   : CTL_UNREACHABLE;
    if (code == CTL_DONE) {
        common = l->trust.height;
        code = ctl_light_code(l, ctl_light_block(l, believed->header.height, b, &err));
    }
    if (code != CTL_DONE) {
        (void)ws_fail_in(&err, "witness %s", unit);
        code = ctl_fail(w->v, (enum ctl_code)code, &err);
    } else {
        hash32 want;
        hash32 got;
        header_id(exec_sha256, &believed->header, want);
        header_id(exec_sha256, &b->header, got);
        if (memcmp(want, got, 32) != 0)
            code = fork_found(w, unit, believed, b,
                common < believed->header.height ? common : believed->header.height - 1);
    }
    ctl_http_close(h);
    free(b);
    free(l);
    return code;
}

int ctl_witness_ask(const struct ctl_witness *w, const struct light_block *believed) {
    int code = CTL_DONE;
    for (size_t i = 0; i < w->units.n && code == CTL_DONE; i++)
        code = ask_one(w, w->units.v[i], believed);
    return code;
}

/* ---- rsuctl cell report ---- */

static int hand_in(const struct ctl_verb *v, const char *file, const char *admin) {
    struct ws_err err = {0};
    struct buf octets = {0};
    struct buf line = {0};
    struct tx *t = NULL;
    int code = CTL_UNREACHABLE;
    if (file_read(file, EVIDENCE_OCTETS_MAX + 2, &octets, &err) == WS_OK) {
        code = CTL_NO;
        if (tx_parse(buf_span(&octets), &t, &err) == WS_OK && t->kind != TX_EVIDENCE)
            (void)ws_fail(&err, WS_EINPUT, "this is no evidence");
        else if (t != NULL)
            code = admin_send(admin, buf_span(&octets), &line, &err) == WS_OK ? CTL_DONE
                                                                              : CTL_UNREACHABLE;
    }
    buf_u8(&line, 0);
    const char *answer = (const char *)line.p;
    if (code == CTL_DONE && strncmp(answer, "ok ", 3) != 0) {
        answer += strncmp(answer, "no ", 3) == 0 ? 3 : 0;
        const char *word = strrchr(answer, ' ');
        const char *why = ctl_sentence(word == NULL ? answer : word + 1);
        (void)ws_fail(&err, WS_EINPUT, "refused: %s%s%s", answer, why[0] == '\0' ? "" : ": ", why);
        code = CTL_NO;
    }
    if (code == CTL_DONE) {
        struct buf b = {0};
        buf_printf(&b, "%s: taken: evidence %s of a %s at height %llu\n", file, answer + 3,
            evidence_kind_text(t->evidence->kind),
            (unsigned long long)evidence_height(t->evidence));
        code = ctl_print(v, buf_span(&b));
        buf_free(&b);
    } else {
        (void)ws_fail_in(&err, "%s", file);
        code = ctl_fail(v, (enum ctl_code)code, &err);
    }
    tx_unref(t);
    buf_free(&line);
    buf_free(&octets);
    return code;
}

static int run_report(const struct ctl_verb *v, int argc, char **argv) {
    const char *admin = NULL;
    struct ctl_list files = {0};
    const struct ctl_option options[] = {{"admin", CTL_TEXT, (void *)&admin, 0, 0}};
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &files, 1, CTL_LIST_MAX, &code))
        return code;
    if (admin == NULL)
        return ctl_misuse(v, "--admin is needed");
    int worst = CTL_DONE;
    for (size_t i = 0; i < files.n; i++) {
        code = hand_in(v, files.v[i], admin);
        worst = code > worst ? code : worst;
    }
    return worst;
}

const struct ctl_verb ctl_cell_report = {"cell", "report", "hand evidence of a lie to the cell",
    "FILE... --admin SOCKET\n"
    "\n"
    "Evidence proves itself: nobody signs it, and every validator judges it. Who is guilty leaves "
    "the "
    "committee. Of the two\n"
    "files that block verify leaves about a fork, the cell takes the one about the block that is "
    "not "
    "its own. Exit code 1:\n"
    "refused, with the reason.\n"
    "\n"
    "  --admin SOCKET        of a unit, as `admin` in its configuration\n",
    run_report};
