/* Threads for the jobs of a node (ledger/node/node.h): one that waits for the disk, some that compute. Given out and taken
 * back by the owner thread; bounded by what the node gives out. */
#ifndef WAYSIDE_RSU_HOST_JOBS_H
#define WAYSIDE_RSU_HOST_JOBS_H

#include "base/error.h"
#include "ledger/node/node.h"

struct jobs;

/* compute: threads beside the one for writes, 1..JOBS_THREADS_MAX. */
#define JOBS_THREADS_MAX 16
WARN_UNUSED int jobs_new(unsigned compute, struct jobs **ret_jobs, struct ws_err *err);
/* Waits until nothing runs; what was not taken is dropped. NULL is allowed. */
void jobs_free(struct jobs *j);
void jobs_give(struct jobs *j, struct node_job *job);
/* One whose run() has ended; NULL: none. */
struct node_job *jobs_take(struct jobs *j);
/* Readable while there may be something to take; jobs_take resets it when there is nothing. */
int jobs_fd(const struct jobs *j);
/* Waits until every job given has been run; they are still to be taken. */
void jobs_settle(struct jobs *j);

#endif
