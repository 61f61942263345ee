/* The run file's second thread: from the ring into the store. Leaves out what is sent and why: runfile.c. */
#include "rig/runfile/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "rig/runfile/ring.h"
#include "rig/runfile/runfile.h"

#define JOURNAL_NS 50000000ull /* what was done is on the disk soon: a killed run must say how far it got */
#define RING_MIN   (2u << 20)
#define WAKE_PART  4 /* where time stands still while the disk works: samples wait for a quarter of the ring */

struct rows { /* small fixed-size rows gathered into one item */
	const char *kind;
	uint64_t key;
	unsigned count;
	size_t row_bytes;
	uint8_t bytes[WRITER_ITEM_MAX];
};

struct writer {
	const char *path;
	bool may_wait, thread_runs;
	struct ring *ring;
	pthread_t thread;
	uint64_t token; /* the first thread's */

	/* the writer's own */
	struct store *store;
	struct packer *packer[RECORD_DEVICES_MAX][STREAMS_MAX];
	struct rows strokes, telemetry;
	struct err write_err;
	bool write_failed;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t synced;
	int status;
	struct err err;
	uint64_t token_done;
	uint8_t head_done[DIGEST_BYTES];
};

/* ---- what is gathered ---- */

static int on_packed(void *ctx, const struct packed *packed)
{
	struct writer *writer = ctx;
	return store_block(writer->store, packed, &writer->write_err);
}

static int store_rows(struct writer *writer, struct rows *rows)
{
	if (!rows->count)
		return 0;
	struct item item = {.kind = rows->kind,
			    .key = rows->key,
			    .count = rows->count,
			    .data = rows->bytes,
			    .len = rows->count * rows->row_bytes};
	rows->count = 0;
	return store_squeezed(writer->store, item, &writer->write_err);
}

static int add_stroke(struct writer *writer, uint64_t point_row, const struct stroke *stroke)
{
	struct rows *rows = &writer->strokes;
	int rc = rows->count == STROKES_PER_ITEM || rows->key != point_row ? store_rows(writer, rows) : 0;
	if (rc)
		return rc;
	rows->key = point_row;
	stroke_to_row(stroke, rows->bytes + (size_t)rows->count++ * STROKE_BYTES);
	return 0;
}

static int add_telemetry(struct writer *writer, const struct pen_telemetry *telemetry)
{
	struct rows *rows = &writer->telemetry;
	int rc = rows->count == TELEMETRY_PER_ITEM ? store_rows(writer, rows) : 0;
	if (rc)
		return rc;
	telemetry_to_row(telemetry, rows->bytes + (size_t)rows->count++ * TELEMETRY_BYTES);
	return 0;
}

/* Everything that is gathered goes out, in a fixed order, and under the chain. */
static int flush(struct writer *writer)
{
	int rc = 0;
	for (unsigned d = 0; d < RECORD_DEVICES_MAX; d++) {
		for (unsigned s = 0; !rc && s < STREAMS_MAX; s++)
			rc = writer->packer[d][s] ? packer_flush(writer->packer[d][s]) : 0;
	}
	if (!rc)
		rc = store_rows(writer, &writer->strokes);
	if (!rc)
		rc = store_rows(writer, &writer->telemetry);
	return rc ? rc : store_cover(writer->store, &writer->write_err);
}

/* ---- messages ---- */

static int take_sync(struct writer *writer, uint64_t token, bool gather)
{
	int rc = flush(writer);
	if (!rc)
		rc = store_commit(writer->store, &writer->write_err);
	if (!rc && gather)
		rc = store_gather(writer->store, &writer->write_err);
	if (rc)
		return rc;
	pthread_mutex_lock(&writer->lock);
	writer->token_done = token;
	store_head(writer->store, writer->head_done);
	pthread_cond_broadcast(&writer->synced);
	pthread_mutex_unlock(&writer->lock);
	return 0;
}

static int take_piece(struct writer *writer, const struct message *msg, const uint8_t *raw)
{
	struct packer **packer = &writer->packer[msg->piece.device][msg->piece.stream];
	int rc = *packer ? 0 : packer_new(msg->block_frames, on_packed, writer, packer);
	if (!rc) {
		store_set_time(writer->store, msg->piece.host_ns);
		rc = packer_feed(*packer, &msg->piece, raw);
	}
	return rc == -ENOMEM ? err_set(&writer->write_err, rc, "%.300s: no memory for a block of samples", writer->path)
			     : rc;
}

static int take_item(struct writer *writer, const struct message *msg)
{
	/* Behind a point that ended stands all that it rests on, whatever becomes of the run. */
	bool ended = strcmp(msg->item.kind, "point") == 0 && strcmp(msg->item.state, "end") == 0;
	int rc = ended ? flush(writer) : 0;
	if (rc)
		return rc;
	return store_item(writer->store,
			  (struct item){.kind = msg->item.kind,
					.state = msg->item.state,
					.key = msg->item.key,
					.data = msg->item.data,
					.len = msg->item.len},
			  &writer->write_err);
}

static int take_journal(struct writer *writer, const struct message *msg, const uint8_t *body, size_t len)
{
	int rc = store_journal(writer->store, msg->journal.host_ns, msg->journal.kind, (const char *)body, len,
			       &writer->write_err);
	store_hurry(writer->store, JOURNAL_NS);
	return rc;
}

static int take(struct writer *writer, const struct message *msg, const uint8_t *body, size_t body_len)
{
	switch (msg->type) {
	case MSG_BLOCK: return take_piece(writer, msg, body);
	case MSG_JOURNAL: return take_journal(writer, msg, body, body_len);
	case MSG_ITEM: return take_item(writer, msg);
	case MSG_TELEMETRY: return add_telemetry(writer, &msg->telemetry);
	case MSG_STROKE: return add_stroke(writer, msg->stroke.point_row, &msg->stroke.stroke);
	case MSG_SYNC: return take_sync(writer, msg->sync.token, msg->sync.gather);
	}
	return 0;
}

static void discard(const struct message *msg)
{
	if (msg->type == MSG_ITEM)
		free(msg->item.data);
}

/* ---- the thread ---- */

void writer_fail(struct writer *writer, int status, const struct err *err)
{
	pthread_mutex_lock(&writer->lock);
	if (!writer->status) {
		writer->status = status;
		writer->err = *err;
	}
	pthread_cond_broadcast(&writer->synced);
	pthread_mutex_unlock(&writer->lock);
	ring_shut(writer->ring);
}

/* One message, or the commit that is due. */
static int work(struct writer *writer)
{
	size_t len;
	uint64_t wake_ns = writer->write_failed ? UINT64_MAX : store_wake_ns(writer->store);
	const struct message *msg = ring_peek(writer->ring, wake_ns, &len);
	int rc = 0;
	if (msg && !writer->write_failed)
		rc = take(writer, msg, (const uint8_t *)(msg + 1), len - sizeof(*msg));
	if (msg) {
		discard(msg);
		ring_pop(writer->ring);
	}
	if (!rc && !writer->write_failed && store_due(writer->store))
		rc = store_commit(writer->store, &writer->write_err);
	return rc;
}

/* Works until the ring is closed and empty. After a failure it only empties it. */
static void *writer_main(void *arg)
{
	struct writer *writer = arg;
	while (!ring_closed(writer->ring)) {
		int rc = work(writer);
		if (rc) {
			writer->write_failed = true;
			store_abandon(writer->store);
			writer_fail(writer, rc, &writer->write_err);
		}
	}
	return NULL;
}

int writer_start(struct writer *writer, struct store *store, struct err *err)
{
	sigset_t all, before;
	writer->store = store;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&writer->thread, NULL, writer_main, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	writer->thread_runs = rc == 0;
	return rc ? err_set(err, -rc, "the run file's writer cannot start: %s", strerror(rc)) : 0;
}

bool writer_stop(struct writer *writer)
{
	ring_close(writer->ring);
	if (writer->thread_runs)
		pthread_join(writer->thread, NULL);
	writer->thread_runs = false;
	return !writer->write_failed;
}

int writer_flush(struct writer *writer, struct err *err)
{
	int rc = flush(writer);
	return rc ? err_set(err, rc, "%s", writer->write_err.text) : 0;
}

/* ---- the first thread's side ---- */

int writer_status(struct writer *writer, struct err *err)
{
	pthread_mutex_lock(&writer->lock);
	int status = writer->status;
	if (status && err)
		*err = writer->err;
	pthread_mutex_unlock(&writer->lock);
	return status;
}

static bool may_lie(const struct message *msg)
{
	return msg->type == MSG_STROKE || msg->type == MSG_TELEMETRY;
}

int writer_put(struct writer *writer, const struct message *msg, const void *body, size_t body_len)
{
	int rc = ring_put(writer->ring, msg, sizeof(*msg), body, body_len, 0, writer->may_wait);
	if (!rc && !may_lie(msg))
		ring_wake(writer->ring);
	if (rc == -ENOBUFS || rc == -EMSGSIZE) {
		struct err err;
		err_set(&err, -EIO,
			"%.300s: the disk has stood still for too long, the journal is incomplete; use a faster disk",
			writer->path);
		writer_fail(writer, -EIO, &err);
	}
	return rc;
}

int writer_put_samples(struct writer *writer, const struct message *msg, const void *body, size_t body_len)
{
	return ring_put(writer->ring, msg, sizeof(*msg), body, body_len, WRITER_RESERVE, writer->may_wait);
}

static int wait_synced(struct writer *writer, uint64_t token, uint8_t ret_head[DIGEST_BYTES], struct err *err)
{
	pthread_mutex_lock(&writer->lock);
	while (!writer->status && writer->token_done < token)
		pthread_cond_wait(&writer->synced, &writer->lock);
	int status = writer->token_done < token ? writer->status : 0;
	if (status && err)
		*err = writer->err;
	memcpy(ret_head, writer->head_done, DIGEST_BYTES);
	pthread_mutex_unlock(&writer->lock);
	return status;
}

int writer_sync(struct writer *writer, bool gather, uint8_t ret_head[DIGEST_BYTES], struct err *err)
{
	struct message msg = {.type = MSG_SYNC, .sync = {.token = ++writer->token, .gather = gather}};
	int rc = writer_put(writer, &msg, NULL, 0) == 0 ? 0 : writer_status(writer, err);
	return rc ? rc : wait_synced(writer, msg.sync.token, ret_head, err);
}

/* ---- life ---- */

/* Small pieces (a serial line hands over a few frames at a time) carry a header as long as themselves: twice the bytes.
 */
static size_t ring_size(double bytes_per_s)
{
	double wanted = 2 * RUNFILE_RING_S * bytes_per_s + WRITER_RESERVE + WRITER_SAMPLES_MAX;
	return wanted > RING_MIN ? (size_t)wanted : RING_MIN;
}

int writer_new(const char *path, double bytes_per_s, bool may_wait, struct writer **ret)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return -ENOMEM;
	size_t size = ring_size(bytes_per_s);
	if (ring_new(size, may_wait ? size / WAKE_PART : 1, &writer->ring) != 0) {
		free(writer);
		return -ENOMEM;
	}
	writer->path = path;
	writer->may_wait = may_wait;
	writer->strokes = (struct rows){.kind = "strokes", .row_bytes = STROKE_BYTES};
	writer->telemetry = (struct rows){.kind = "telemetry", .row_bytes = TELEMETRY_BYTES};
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->synced, NULL);
	*ret = writer;
	return 0;
}

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	for (unsigned i = 0; i < RECORD_DEVICES_MAX * STREAMS_MAX; i++)
		packer_free(writer->packer[i / STREAMS_MAX][i % STREAMS_MAX]);
	ring_free(writer->ring);
	pthread_cond_destroy(&writer->synced);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}
