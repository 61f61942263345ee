/* A bounded ring of messages between the loop and one writer thread. Whole messages, each contiguous, in order.
 * What a message means is its users' business. */
#ifndef PENRIG_RUNFILE_RING_H
#define PENRIG_RUNFILE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* size: bytes, messages included with 16 bytes each. wake_at: a reader that found nothing sleeps until so many bytes wait for
 * it (1: any), or ring_wake(), its deadline, or a put that waits for room. 0 or -ENOMEM. */
int ring_new(size_t size, size_t wake_at, struct ring **ret);
void ring_free(struct ring *ring); /* NULL is fine; the other thread is gone by now */

/* Copies head and body as one message. keep_free: bytes that must stay free beside it (the reserve of more important
 * ones). wait: until there is room. -ENOBUFS: no room; -ESHUTDOWN: the reader gave up; -EMSGSIZE: never fits. */
int ring_put(struct ring *ring, const void *head, size_t head_len, const void *body, size_t body_len, size_t keep_free,
	     bool wait);

/* The oldest message, NULL at deadline_ns (CLOCK_MONOTONIC; UINT64_MAX: none) or when closed and empty. It stays in
 * place until ring_pop(). */
const void *ring_peek(struct ring *ring, uint64_t deadline_ns, size_t *ret_len);
void ring_pop(struct ring *ring);

void ring_wake(struct ring *ring);   /* what was put is to be read now: by the producer */
void ring_close(struct ring *ring);  /* no message follows: by the producer */
bool ring_closed(struct ring *ring); /* closed and empty: by the reader */
void ring_shut(struct ring *ring);   /* every ring_put() fails from now on: by the reader */

#endif
