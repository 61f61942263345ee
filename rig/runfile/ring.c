/* A bounded ring of messages between the loop and one writer thread. Who waits for room is woken when half of it is free: a
 * switch of threads costs as much as a small message. A message that would wrap starts at the front instead;
 * the bytes behind the last one stay unused that round. */
#include "rig/runfile/ring.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct slot {
	uint64_t len;  /* of the message; UINT64_MAX: go on at the front */
	uint64_t size; /* bytes from this slot to the next */
};

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t filled, drained;
	size_t size, head, tail, used; /* write at head, read at tail; all multiples of sizeof(struct slot) */
	size_t wake_at;
	bool hurry, closed, shut;
	uint8_t *bytes;
};

static size_t round_up(size_t len)
{
	return (len + sizeof(struct slot) - 1) / sizeof(struct slot) * sizeof(struct slot);
}

int ring_new(size_t size, size_t wake_at, struct ring **ret)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	ring->size = round_up(size);
	ring->wake_at = wake_at;
	ring->bytes = malloc(ring->size);
	if (!ring->bytes) {
		free(ring);
		return -ENOMEM;
	}
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&ring->lock, NULL);
	pthread_cond_init(&ring->filled, &attr);
	pthread_cond_init(&ring->drained, NULL);
	pthread_condattr_destroy(&attr);
	*ret = ring;
	return 0;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	pthread_cond_destroy(&ring->drained);
	pthread_cond_destroy(&ring->filled);
	pthread_mutex_destroy(&ring->lock);
	free(ring->bytes);
	free(ring);
}

static void slot_write(struct ring *ring, uint64_t len, size_t size)
{
	struct slot slot = {.len = len, .size = size};
	memcpy(ring->bytes + ring->head, &slot, sizeof(slot));
}

/* Bytes that would be skipped at the end so that `need` is contiguous; the head always moves past them. */
static size_t skip_for(const struct ring *ring, size_t need)
{
	size_t behind = ring->size - ring->head;
	return need <= behind ? 0 : behind;
}

static bool has_room(const struct ring *ring, size_t need, size_t keep_free)
{
	return ring->used + skip_for(ring, need) + need + keep_free <= ring->size;
}

static void append(struct ring *ring, const void *head, size_t head_len, const void *body, size_t body_len, size_t need)
{
	size_t skip = skip_for(ring, need);
	if (skip) {
		slot_write(ring, UINT64_MAX, skip);
		ring->head = 0;
	}
	slot_write(ring, head_len + body_len, need);
	uint8_t *at = ring->bytes + ring->head + sizeof(struct slot);
	memcpy(at, head, head_len);
	if (body_len)
		memcpy(at + head_len, body, body_len);
	ring->head = (ring->head + need) % ring->size;
	ring->used += skip + need;
}

static void wake_locked(struct ring *ring)
{
	ring->hurry = true;
	pthread_cond_signal(&ring->filled);
}

static void wait_for_room(struct ring *ring)
{
	wake_locked(ring);
	pthread_cond_wait(&ring->drained, &ring->lock);
}

int ring_put(struct ring *ring, const void *head, size_t head_len, const void *body, size_t body_len, size_t keep_free,
	     bool wait)
{
	size_t need = sizeof(struct slot) + round_up(head_len + body_len);
	/* Half: a message that must start at the front may find up to its own size unused behind the head. */
	if (need + keep_free > ring->size / 2)
		return -EMSGSIZE;
	pthread_mutex_lock(&ring->lock);
	while (wait && !ring->shut && !has_room(ring, need, keep_free))
		wait_for_room(ring);
	int rc = ring->shut ? -ESHUTDOWN : has_room(ring, need, keep_free) ? 0 : -ENOBUFS;
	if (!rc) {
		assert(!ring->closed);
		append(ring, head, head_len, body, body_len, need);
		if (ring->used >= ring->wake_at)
			pthread_cond_signal(&ring->filled);
	}
	pthread_mutex_unlock(&ring->lock);
	return rc;
}

void ring_wake(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	wake_locked(ring);
	pthread_mutex_unlock(&ring->lock);
}

static void pop_locked(struct ring *ring)
{
	struct slot slot;
	memcpy(&slot, ring->bytes + ring->tail, sizeof(slot));
	ring->tail = (ring->tail + slot.size) % ring->size;
	ring->used -= slot.size;
	if (ring->used <= ring->size / 2)
		pthread_cond_signal(&ring->drained);
}

static const void *front(struct ring *ring, size_t *ret_len)
{
	struct slot slot;
	memcpy(&slot, ring->bytes + ring->tail, sizeof(slot));
	if (slot.len == UINT64_MAX) {
		pop_locked(ring);
		memcpy(&slot, ring->bytes + ring->tail, sizeof(slot));
	}
	*ret_len = slot.len;
	return ring->bytes + ring->tail + sizeof(slot);
}

static bool stays_asleep(const struct ring *ring)
{
	return ring->used < ring->wake_at && !ring->hurry && !ring->closed;
}

const void *ring_peek(struct ring *ring, uint64_t deadline_ns, size_t *ret_len)
{
	struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
				    .tv_nsec = (long)(deadline_ns % 1000000000u)};
	const void *message = NULL;
	int rc = 0;

	pthread_mutex_lock(&ring->lock);
	bool found = ring->used > 0;
	ring->hurry &= found;
	while (!found && stays_asleep(ring) && rc != ETIMEDOUT) {
		if (deadline_ns == UINT64_MAX)
			rc = pthread_cond_wait(&ring->filled, &ring->lock);
		else
			rc = pthread_cond_timedwait(&ring->filled, &ring->lock, &deadline);
	}
	if (ring->used)
		message = front(ring, ret_len);
	pthread_mutex_unlock(&ring->lock);
	return message;
}

void ring_pop(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	pop_locked(ring);
	pthread_mutex_unlock(&ring->lock);
}

void ring_close(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->closed = true;
	pthread_cond_signal(&ring->filled);
	pthread_mutex_unlock(&ring->lock);
}

bool ring_closed(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	bool closed = ring->closed && !ring->used;
	pthread_mutex_unlock(&ring->lock);
	return closed;
}

void ring_shut(struct ring *ring)
{
	pthread_mutex_lock(&ring->lock);
	ring->shut = true;
	pthread_cond_broadcast(&ring->drained);
	pthread_mutex_unlock(&ring->lock);
}
