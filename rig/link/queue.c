/* The write queue of a link: whole writes in order, each with its deadline and the function that hears how it ended. */
#include "rig/link/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct link_write *copy_write(const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
				     void *ctx)
{
	struct link_write *write = malloc(sizeof(*write) + len);

	if (!write)
		return NULL;
	*write = (struct link_write){.done = done, .ctx = ctx, .deadline_ns = deadline_ns, .len = len};
	memcpy(write->data, data, len);
	return write;
}

static void put(struct link_queue *queue, struct link_write *write)
{
	if (!queue->head)
		queue->tail = &queue->head;
	write->next = NULL;
	*queue->tail = write;
	queue->tail = &write->next;
	queue->bytes += write->len;
}

int link_queue_add(struct link_queue *queue, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		   void *ctx)
{
	struct link_write *write;

	if (!len)
		return -EINVAL;
	if (len > LINK_QUEUE_BYTES || queue->bytes > LINK_QUEUE_BYTES - len)
		return -ENOBUFS;
	write = copy_write(data, len, deadline_ns, done, ctx);
	if (!write)
		return -ENOMEM;
	put(queue, write);
	return 0;
}

static struct link_write *unlink_at(struct link_queue *queue, struct link_write **at)
{
	struct link_write *write = *at;

	*at = write->next;
	if (queue->tail == &write->next)
		queue->tail = at;
	queue->bytes -= write->len;
	write->next = NULL;
	return write;
}

struct link_write *link_queue_take(struct link_queue *queue)
{
	return queue->head ? unlink_at(queue, &queue->head) : NULL;
}

uint64_t link_queue_deadline(const struct link_queue *queue)
{
	uint64_t earliest_ns = LOOP_NEVER;

	for (const struct link_write *write = queue->head; write; write = write->next)
		if (write->deadline_ns < earliest_ns)
			earliest_ns = write->deadline_ns;
	return earliest_ns;
}

void link_queue_finish(struct link_write *write, int status, struct link_queue *finished)
{
	write->status = status;
	put(finished, write);
}

void link_queue_expire(struct link_queue *queue, uint64_t now_ns, struct link_queue *finished)
{
	struct link_write **at = &queue->head;

	while (*at) {
		if ((*at)->deadline_ns <= now_ns)
			link_queue_finish(unlink_at(queue, at), -ETIMEDOUT, finished);
		else
			at = &(*at)->next;
	}
}

void link_queue_finish_all(struct link_queue *queue, int status, struct link_queue *finished)
{
	struct link_write *write;

	while ((write = link_queue_take(queue)))
		link_queue_finish(write, status, finished);
}

void link_queue_report(struct link_queue *finished)
{
	struct link_write *write;

	while ((write = link_queue_take(finished))) {
		if (write->done)
			write->done(write->ctx, write->status);
		free(write);
	}
}
