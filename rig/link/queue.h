/* What a link was asked to write and has not reported yet: a bounded FIFO of whole writes with deadlines.
 * Moves no bytes and calls nobody; the link does. */
#ifndef PENRIG_LINK_QUEUE_H
#define PENRIG_LINK_QUEUE_H

#include "rig/link/link.h"

struct link_write {
	struct link_write *next;
	link_done_fn done;
	void *ctx;
	uint64_t deadline_ns;
	int status;       /* meaningful once finished */
	size_t len, sent; /* 0 <= sent <= len */
	uint8_t data[];
};

struct link_queue { /* zero-initialised = empty */
	struct link_write *head, **tail;
	size_t bytes;
};

/* 0; -EINVAL empty; -ENOBUFS when the queue would hold more than LINK_QUEUE_BYTES; -ENOMEM. */
int link_queue_add(struct link_queue *queue, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		   void *ctx);
struct link_write *link_queue_take(struct link_queue *queue); /* the head, or NULL; the caller's */

uint64_t link_queue_deadline(const struct link_queue *queue); /* the earliest, LOOP_NEVER when empty */

/* Moves to `finished` with the status: those whose deadline is not after now_ns, in order; or all of them. */
void link_queue_expire(struct link_queue *queue, uint64_t now_ns, struct link_queue *finished);
void link_queue_finish_all(struct link_queue *queue, int status, struct link_queue *finished);
void link_queue_finish(struct link_write *write, int status, struct link_queue *finished);

/* Calls done() of every finished write, in order, and frees it. A done() may add to the queue, or call this again
 * (then the inner call reports the rest). Touches nothing of the queue's owner afterwards but the queue itself. */
void link_queue_report(struct link_queue *finished);

#endif
