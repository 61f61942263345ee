/* One thread that does jobs of one kind in the order they are posted, while the poster goes on. */
#ifndef PENRIG_BASE_WORKER_H
#define PENRIG_BASE_WORKER_H

#include <stddef.h>

struct worker;

/* fn(ctx, job) is called on the thread, one job at a time. At most `depth` jobs wait. -ENOMEM, -EAGAIN: no thread is to
 * be had. */
int worker_new(size_t job_size, unsigned depth, void (*fn)(void *ctx, const void *job), void *ctx, struct worker **ret);
/* Where the next job is put together, job_size bytes aligned for anything; waits while the queue is full. One thread
 * alone fills, posts and drains. */
void *worker_slot(struct worker *worker);
void worker_post(struct worker *worker); /* the slot; all that was written before is seen by the job */
/* Until every job is done; all that they wrote is then seen by the caller. */
void worker_drain(struct worker *worker);
void worker_free(struct worker *worker); /* drains; NULL is allowed */

#endif
