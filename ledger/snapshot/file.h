/* A snapshot as one file (.wsnap), and the same file while its chunks still come in, from the writer or from peers
 * in any order (docs/formats/snapshot.md).
 *
 * Start: magic and version (8), then the manifest as a record. Record: length u32, CRC32C u32 over length and octets,
 * octets. Chunks follow as records in any order. A finished file ends with the offset of each chunk (8 each), their
 * number u32, CRC32C u32 over both, "WSNAPEND". An unfinished one has the name with ".part" behind it;
 * what of it is whole is found again when it is taken up, and a torn end is cut off.
 *
 * One thread for each object. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_FILE_H
#define WAYSIDE_LEDGER_SNAPSHOT_FILE_H

#include "ledger/snapshot/chunk.h"

#define SNAPSHOT_SUFFIX ".wsnap"

/* Places where a test can stand while a file is written; see ledger/store/fault.h. */
enum snapshot_point {
    SNAPSHOT_POINT_CHUNK, /* before a chunk is written */
    SNAPSHOT_POINT_CHUNK_HALF, /* the first half of it is */
    SNAPSHOT_POINT_END, /* before the end is written */
    SNAPSHOT_POINT_SYNC, /* before the file is synced */
    SNAPSHOT_POINT_RENAME, /* synced, not renamed */
    SNAPSHOT_POINT_RENAMED, /* renamed; the folder is not synced */
    SNAPSHOT_POINT_DONE,
    SNAPSHOT_POINT_COUNT
};
typedef bool (*snapshot_point_fn)(void *ctx, enum snapshot_point at);

/* ---- coming in ---- */
struct snapshot_part;
/* Begins path.part, or goes on with what is there when it is of the same manifest; another manifest's is removed.
 * WS_EIO; WS_EBUSY: another process works on it. */
WARN_UNUSED int snapshot_part_open(const char *path, const struct manifest *m,
    struct snapshot_part **ret_part, struct ws_err *err);
const struct manifest *snapshot_part_manifest(const struct snapshot_part *p);
bool snapshot_part_has(const struct snapshot_part *p, size_t chunk);
size_t snapshot_part_missing(const struct snapshot_part *p); /* how many */
/* Checks the chunk under the manifest before it is kept; *ret_chunk (may be NULL): its number. One that is held is taken
 * again without effect. WS_EINPUT: refused, nothing changed. */
WARN_UNUSED int snapshot_part_take(
    struct snapshot_part *p, struct span octets, size_t *ret_chunk, struct ws_err *err);
/* The writer's own: not checked. */
WARN_UNUSED int snapshot_part_put(
    struct snapshot_part *p, size_t chunk, struct span octets, struct ws_err *err);
/* All chunks are there (asserted): makes it the finished file, durable, and frees p on success. */
WARN_UNUSED int snapshot_part_finish(struct snapshot_part *p, struct ws_err *err);
/* Keeps what is there for later, or removes it. NULL is allowed. */
void snapshot_part_close(struct snapshot_part *p, bool keep);
void snapshot_part_on_point(struct snapshot_part *p, snapshot_point_fn fn, void *ctx);

/* ---- finished ---- */
struct snapshot;
/* Reads start, manifest and end; chunks when they are asked for. WS_EINPUT: damaged, with file and offset; WS_ENOTSUP:
 * of another version; WS_ENOTFOUND. */
WARN_UNUSED int snapshot_open(const char *path, struct snapshot **ret_snapshot, struct ws_err *err);
void snapshot_close(struct snapshot *s); /* NULL is allowed */
const struct manifest *snapshot_manifest(const struct snapshot *s);
uint64_t snapshot_octets(const struct snapshot *s); /* of the file */
/* Appends the octets of a chunk, whose CRC holds; chunk_open says whether they are true. */
WARN_UNUSED int snapshot_chunk(
    struct snapshot *s, size_t chunk, struct buf *ret_octets, struct ws_err *err);
/* The same, and checked under the manifest. The octets must outlive ret_chunk. The text of a refusal names file, chunk and
 * offset. */
WARN_UNUSED int snapshot_read(struct snapshot *s, size_t chunk, struct buf *ret_octets,
    struct chunk *ret_chunk, struct ws_err *err);

#endif
