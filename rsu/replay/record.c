/* Every frame once more, with what became of it as comment. */
#include "pktio/capture.h"
#include "rsu/replay/internal.h"

/* Verdicts may come long after their frames, so the captures are read again once all of them are known. */
int replay_record(const struct replay *r, struct ws_err *err) {
    struct capture_writer *w = NULL;
    struct buf comment = {0};
    struct buf name = {0};
    size_t line = 0;
    int rc = capture_create_annotated(r->opt->record, 0644, &w, err);
    for (size_t i = 0; i < r->opt->n_captures && rc == WS_OK; i++) {
        struct capture *c = NULL;
        struct pkt_frame f;
        rc = capture_open(r->opt->captures[i], (uint32_t)i, &c, err);
        if (rc != WS_OK)
            break;
        /* No further than it was read before: it may be cut there. */
        while (line < r->n_frames && r->frames[line].capture == i &&
               (rc = capture_next(c, &f, err)) == 1) {
            const struct replay_frame *l = &r->frames[line];
            if (l->capture != f.capture || l->number != f.number) {
                rc =
                    ws_fail(err, WS_EIO, "%s: not the file that was replayed", r->opt->captures[i]);
                break;
            }
            line++;
            buf_clear(&comment);
            buf_printf(&comment, "%s", pkt_verdict_name(l->verdict));
            if (l->why != NULL)
                buf_printf(&comment, ": %s", l->why);
            if (l->plausibility != NULL)
                buf_printf(&comment, "; %s", l->plausibility);
            buf_u8(&comment, 0);
            /* By the name that the capture has for it. */
            struct span came_by = capture_interface(c);
            buf_clear(&name);
            buf_put(&name, came_by.p, came_by.n);
            buf_u8(&name, 0);
            capture_put_annotated(w, &f, (const char *)name.p, (const char *)comment.p);
        }
        capture_close(c);
        rc = rc == 1 ? WS_OK : rc;
    }
    buf_free(&comment);
    buf_free(&name);
    if (w == NULL)
        return rc;
    if (rc == WS_OK)
        return capture_finish(w, err);
    capture_discard(w);
    return rc;
}
