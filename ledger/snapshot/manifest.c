#include "ledger/snapshot/manifest.h"

#include "base/assert.h"
#include "ledger/exec/hash.h"

enum { MANIFEST_VERSION = 1 };

static void put_contracts(const struct manifest *m, struct buf *out) {
    buf_u8(out, (uint8_t)m->n);
    for (size_t i = 0; i < m->n; i++) {
        buf_put(out, m->contract[i].root, 32);
        buf_u8(out, (uint8_t)m->contract[i].bits);
        buf_u64(out, m->contract[i].entries);
        buf_u64(out, m->contract[i].octets);
    }
}

void manifest_encode(const struct manifest *m, struct buf *out) {
    buf_u8(out, MANIFEST_VERSION);
    header_encode(&m->last, out);
    commit_encode(&m->last_commit, out);
    header_encode(&m->next, out);
    commit_encode(&m->next_commit, out);
    put_contracts(m, out);
}

static bool read_contracts(struct rd *r, struct manifest *m) {
    m->n = rd_u8(r);
    if (m->n == 0 || m->n > STATE_CONTRACTS_MAX)
        return false;
    for (size_t i = 0; i < m->n; i++) {
        rd_copy(r, m->contract[i].root, 32);
        m->contract[i].bits = rd_u8(r);
        m->contract[i].entries = rd_u64(r);
        m->contract[i].octets = rd_u64(r);
        if (r->bad || m->contract[i].bits > TREE_BITS_MAX)
            return false;
    }
    return true;
}

static int refuse(struct ws_err *err, const char *why) {
    return ws_fail(err, WS_EINPUT, "manifest: %s", why);
}

static int check_parts(const struct manifest *m, struct ws_err *err) {
    hash32 hash;
    if (m->next.height < 2 || m->last.height != m->next.height - 1)
        return refuse(err, "its headers are not of neighbouring heights");
    if (memcmp(m->last.cell_id, m->next.cell_id, 32) != 0)
        return refuse(err, "its headers belong to two cells");
    header_id(exec_sha256, &m->last, hash);
    if (memcmp(hash, m->next.previous, 32) != 0 || memcmp(hash, m->last_commit.id, 32) != 0)
        return refuse(err, "its first header is not the block that the second one follows");
    if (m->last_commit.height != m->last.height)
        return refuse(err, "its first commit is of another height");
    commit_hash(exec_sha256, &m->last_commit, hash);
    if (memcmp(hash, m->next.last_commit, 32) != 0)
        return refuse(err, "its first commit is not the one that the second header names");
    header_id(exec_sha256, &m->next, hash);
    if (memcmp(hash, m->next_commit.id, 32) != 0 || m->next_commit.height != m->next.height)
        return refuse(err, "its second commit is not of its second header");
    hash32 leaves[STATE_CONTRACTS_MAX];
    for (size_t i = 0; i < m->n; i++)
        contract_leaf(exec_sha256, (uint8_t)i, m->contract[i].root, leaves[i]);
    list_root(exec_sha256, leaves, m->n, leaves, hash);
    if (memcmp(hash, m->next.state_root, 32) != 0)
        return refuse(err, "its contracts' roots are not what the second header commits to");
    return WS_OK;
}

int manifest_decode(struct span s, struct manifest *ret_manifest, struct ws_err *err) {
    struct rd r = rd_of(s);
    struct manifest *m = ret_manifest;
    memset(m, 0, sizeof(*m));
    uint8_t version = rd_u8(&r);
    if (version != MANIFEST_VERSION)
        return ws_fail(
            err, WS_ENOTSUP, "manifest: version %u is not read by this program", version);
    if (!header_read(&r, &m->last) || !commit_read(&r, &m->last_commit) ||
        !header_read(&r, &m->next) || !commit_read(&r, &m->next_commit) || !read_contracts(&r, m) ||
        !rd_done(&r))
        return ws_fail(err, WS_EINPUT, "manifest: malformed near octet %zu", r.at);
    return check_parts(m, err);
}

int manifest_check_id(const struct manifest *m, const hash32 trusted_next_id, struct ws_err *err) {
    if (memcmp(m->next_commit.id, trusted_next_id, 32) == 0)
        return WS_OK;
    return ws_fail(err, WS_EINPUT, "manifest: block %llu is not the trusted one",
        (unsigned long long)m->next.height);
}

int manifest_check_set(const struct manifest *m, light_verify_fn verify, const hash32 cell_id,
    const struct validator_set *set, struct ws_err *err) {
    hash32 hash;
    if (memcmp(m->next.cell_id, cell_id, 32) != 0)
        return refuse(err, "belongs to another cell");
    validator_set_hash(exec_sha256, set, hash);
    if (memcmp(hash, m->next.validators, 32) != 0)
        return ws_fail(err, WS_EINPUT,
            "manifest: height %llu is signed by another set of validators than the one given",
            (unsigned long long)m->next.height);
    int rc = commit_check(verify, cell_id, set, &m->next_commit, err);
    return rc == WS_OK ? rc : ws_fail_in(err, "manifest");
}

size_t manifest_chunks(const struct manifest *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += (size_t)1 << m->contract[i].bits;
    return n;
}

void manifest_place(
    const struct manifest *m, size_t chunk, uint8_t *ret_contract, uint32_t *ret_prefix) {
    size_t i = 0;
    while (i < m->n && chunk >= (size_t)1 << m->contract[i].bits)
        chunk -= (size_t)1 << m->contract[i++].bits;
    WS_ASSERT(i < m->n);
    *ret_contract = (uint8_t)i;
    *ret_prefix = (uint32_t)chunk;
}

size_t manifest_chunk_of(const struct manifest *m, uint8_t contract, uint32_t prefix) {
    if (contract >= m->n || prefix >> m->contract[contract].bits != 0)
        return SIZE_MAX;
    size_t before = 0;
    for (size_t i = 0; i < contract; i++)
        before += (size_t)1 << m->contract[i].bits;
    return before + prefix;
}

void manifest_id(const struct manifest *m, hash32 ret_id) {
    struct buf b = {0};
    buf_u8(&b, MANIFEST_VERSION);
    buf_put(&b, m->next_commit.id, 32); /* binds both headers, the first commit and the roots */
    put_contracts(m, &b);
    exec_sha256_one(buf_span(&b), ret_id);
    buf_free(&b);
}
