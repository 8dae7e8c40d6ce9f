/* Blocks that the store holds above its state: a rollback takes back what execution made of them, and leaves the blocks. They
 * were decided, so they are executed again before consensus starts; a cell whose units all went back loses nothing. */
#include "ledger/node/node_internal.h"

#include "base/log.h"
#include "ledger/exec/hash.h"

static int read_at(struct store *s, enum store_space space, uint64_t height, struct buf *ret_octets,
    struct ws_err *err) {
    uint8_t key[8];
    put_be64(key, height);
    return store_get(s, space, span_of(key, 8), ret_octets, err);
}

/* WS_ENOTFOUND: none is there. */
static int read_block(struct node *n, uint64_t height, struct block **ret_block,
    struct commit *ret_commit, struct ws_err *err) {
    struct buf octets = {0};
    struct buf commit = {0};
    int rc = read_at(n->io.store, STORE_BLOCK, height, &octets, err);
    if (rc == WS_OK)
        rc = read_at(n->io.store, STORE_COMMIT, height, &commit, err);
    struct rd r = rd_of(buf_span(&commit));
    if (rc == WS_OK && (!commit_read(&r, ret_commit) || !rd_done(&r)))
        rc = ws_fail(err, WS_EIO, "store: commit %llu is damaged", (unsigned long long)height);
    if (rc == WS_OK && block_decode(buf_span(&octets), committee_params(n->committee, height),
                           ret_block, err) != WS_OK)
        rc = ws_fail_in(err, "store: block %llu", (unsigned long long)height);
    buf_free(&octets);
    buf_free(&commit);
    return rc;
}

static const char *misfit(const struct node *n, const struct block *b, const struct commit *c) {
    const struct header *hd = &b->header;
    if (hd->height != n->height + 1 || memcmp(hd->previous, n->last_id, 32) != 0 ||
        memcmp(c->id, b->id, 32) != 0)
        return "does not follow the last block";
    if (commit_check(exec_verify, executor_cell_id(n->ex), committee_set(n->committee, hd->height),
            c, NULL) != WS_OK)
        return "its commit is no quorum";
    if (memcmp(hd->state_root, n->roots.state_root, 32) != 0)
        return "commits to another state than ours";
    if (memcmp(hd->result_root, n->roots.result_root, 32) != 0 ||
        memcmp(hd->event_root, n->roots.event_root, 32) != 0)
        return "commits to other results or events than ours";
    return NULL;
}

static int redo_one(struct node *n, struct ws_now now, struct ws_err *err) {
    struct block *b = NULL;
    struct commit c;
    int rc = read_block(n, n->height + 1, &b, &c, err);
    if (rc != WS_OK)
        return rc;
    const char *why = misfit(n, b, &c);
    if (why != NULL) {
        n->diverged = true;
        n->other_header = b->header;
        n->other_commit = c;
        rc = ws_fail(err, WS_EIO,
            "block %llu, which the cell committed, %s: state or software differs; see rsuctl "
            "ledger "
            "diff and rollback",
            (unsigned long long)b->header.height, why);
        block_free(b);
        return rc;
    }
    blocks_commit(n, b, &c, now);
    return n->failed ? ws_fail(err, n->fail_code, "%s", n->why) : WS_OK;
}

int redo_blocks(struct node *n, struct ws_now now, struct ws_err *err) {
    /* Nobody is there yet who could bring a job back, or be told. */
    struct node_io io = n->io;
    n->io.start_job = NULL;
    n->io.committed = NULL;
    uint64_t from = n->height;
    n->durable = n->height;
    int rc;
    do
        rc = redo_one(n, now, err);
    while (rc == WS_OK);
    n->io.start_job = io.start_job;
    n->io.committed = io.committed;
    if (n->height > from)
        ws_log(WS_LOG_INFO, "ledger", "blocks %llu to %llu were executed again",
            (unsigned long long)from + 1, (unsigned long long)n->height);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}
