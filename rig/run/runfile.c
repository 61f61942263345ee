/* NAME.penrig, written: the producer's side of the ring, the writer's thread behind it, and verdicts formed later.
 * Leaves out reading (runfile_open.c, runfile_walk.c, runfile_verify.c), the database itself (db.c) and the forms of
 * what it stores: pack.c (samples), runfile_rows.c (strokes, telemetry), record_json.c (record), squeeze.c (zstd),
 * chain.c (digests). */
#include "rig/run/runfile.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/run/chain.h"
#include "rig/run/db.h"
#include "rig/run/disk.h"
#include "rig/run/pack.h"
#include "rig/run/record_json.h"
#include "rig/run/ring.h"
#include "rig/run/runfile_rows.h"
#include "rig/run/runfile_schema.h"
#include "rig/run/squeeze.h"

#define COMMIT_BYTES  1000000u
#define COMMIT_NS     1000000000ull
#define JOURNAL_NS    50000000ull  /* what was done is on the disk soon: a killed run must say how far it got */
#define COVER_BLOCKS  16           /* blocks under one entry of the journal */
#define RING_RESERVE  (512u << 10) /* kept free of samples: what was done matters more than what was seen */
#define RING_MIN      (2u << 20)
#define KIND_MAX      16
#define SIDE_PATH_MAX (FILE_PATH_MAX + 160)

enum message_type { MSG_BLOCK, MSG_JOURNAL, MSG_ITEM, MSG_TELEMETRY, MSG_STROKE, MSG_SYNC };

struct message { /* in the ring, followed by its body: packed counts, or the text of a journal entry */
	enum message_type type;
	uint32_t block_frames;
	union {
		struct pack_piece piece;
		struct {
			uint64_t host_ns;
			char kind[KIND_MAX];
		} journal;
		struct {
			char kind[KIND_MAX], state[KIND_MAX];
			uint64_t key;
			char *data; /* malloc'd, the receiver's */
			size_t len;
		} item;
		struct pen_telemetry telemetry;
		struct {
			uint64_t point_row;
			struct stroke stroke;
		} stroke;
		uint64_t token;
	};
};

struct rows { /* small fixed-size rows gathered into one item */
	const char *kind;
	uint64_t key;
	unsigned count;
	size_t row_bytes;
	uint8_t bytes[STROKES_PER_ITEM * STROKE_BYTES];
};

struct cover { /* blocks that no journal entry holds yet */
	uint64_t first, last;
	struct digest digest;
};

struct stream_in {              /* the producer's view of one stream */
	uint32_t width, frames; /* 0: not seen yet */
	uint64_t lost, lost_first, lost_end;
};

struct runfile {
	char path[FILE_PATH_MAX + 136], folder[FILE_PATH_MAX];
	bool may_wait, thread_runs;
	struct ring *ring;
	pthread_t thread;

	/* the producer's */
	struct stream_in stream[RECORD_DEVICES_MAX][STREAMS_MAX];
	uint64_t token;
	uint8_t (*point_digest)[DIGEST_BYTES]; /* of each point as last stored */
	unsigned point_digests;
	uint8_t counts[SAMPLES_PER_BLOCK_MAX * 4];

	/* the writer's */
	struct db *db;
	struct db_stmt *insert_journal, *insert_item, *insert_block;
	bool in_transaction;
	size_t transaction_bytes;
	uint64_t commit_ns, host_ns;
	uint64_t journal_seq, item_seq, block_seq;
	uint8_t head[DIGEST_BYTES];
	struct cover cover;
	struct packer *packer[RECORD_DEVICES_MAX][STREAMS_MAX];
	struct rows strokes, telemetry;
	struct squeezer *squeezer;
	struct err write_err;
	bool write_failed;

	unsigned sweeps_put;  /* the producer's: a second finish adds what changed */
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t synced;
	int status;
	struct err err;
	uint64_t lost, token_done;
	uint8_t head_done[DIGEST_BYTES];
};

static uint64_t monotonic_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- storing: in the writer's thread, and before it starts ---- */

static int begin(struct runfile *rf, struct err *err)
{
	if (rf->in_transaction)
		return 0;
	int rc = db_begin(rf->db, err);
	if (rc)
		return rc;
	rf->in_transaction = true;
	rf->transaction_bytes = 0;
	rf->commit_ns = monotonic_ns() + COMMIT_NS;
	return 0;
}

static int commit(struct runfile *rf, struct err *err)
{
	if (!rf->in_transaction)
		return 0;
	int rc = db_commit(rf->db, err);
	if (!rc)
		rf->in_transaction = false;
	return rc;
}

static int insert_row(struct runfile *rf, struct db_stmt *insert, size_t bytes, struct err *err)
{
	rf->transaction_bytes += bytes;
	return db_insert(insert, err);
}

static int store_journal(struct runfile *rf, uint64_t host_ns, const char *kind, const char *json, size_t len,
			 struct err *err)
{
	int rc = begin(rf, err);
	if (rc)
		return rc;
	uint8_t head[DIGEST_BYTES];
	memcpy(head, rf->head, sizeof(head));
	chain_append(head, rf->journal_seq + 1, host_ns, kind, json, len);
	db_bind_int(rf->insert_journal, 1, (int64_t)rf->journal_seq + 1);
	db_bind_int(rf->insert_journal, 2, (int64_t)host_ns);
	db_bind_text(rf->insert_journal, 3, kind, strlen(kind));
	db_bind_text(rf->insert_journal, 4, json, len);
	db_bind_blob(rf->insert_journal, 5, head, sizeof(head));
	rc = insert_row(rf, rf->insert_journal, len, err);
	if (rc)
		return rc;
	rf->journal_seq++;
	memcpy(rf->head, head, sizeof(head));
	return 0;
}

static int store_cover(struct runfile *rf, struct err *err)
{
	if (!rf->cover.first)
		return 0;
	uint8_t hash[DIGEST_BYTES];
	char hex[DIGEST_HEX], json[160];
	digest_end(&rf->cover.digest, hash);
	digest_hex(hash, hex);
	int len = snprintf(json, sizeof(json), "{\"first\":\"%" PRIu64 "\",\"last\":\"%" PRIu64 "\",\"sha256\":\"%s\"}",
			   rf->cover.first, rf->cover.last, hex);
	rf->cover.first = 0;
	return store_journal(rf, rf->host_ns, "blocks", json, (size_t)len, err);
}

static int insert_item(struct runfile *rf, const struct item *item, const uint8_t digest[DIGEST_BYTES], struct err *err)
{
	db_bind_int(rf->insert_item, 1, (int64_t)item->seq);
	db_bind_text(rf->insert_item, 2, item->kind, strlen(item->kind));
	db_bind_int(rf->insert_item, 3, (int64_t)item->key);
	db_bind_text(rf->insert_item, 4, item->state, strlen(item->state));
	db_bind_int(rf->insert_item, 5, (int64_t)item->count);
	db_bind_blob(rf->insert_item, 6, digest, DIGEST_BYTES);
	db_bind_blob(rf->insert_item, 7, item->data, item->len);
	return insert_row(rf, rf->insert_item, item->len, err);
}

static int store_item(struct runfile *rf, struct item item, struct err *err)
{
	uint8_t digest[DIGEST_BYTES];
	char hex[DIGEST_HEX], json[160];

	int rc = begin(rf, err);
	if (rc)
		return rc;
	item.seq = rf->item_seq + 1;
	item_digest(&item, digest);
	rc = insert_item(rf, &item, digest, err);
	if (rc)
		return rc;
	rf->item_seq++;
	digest_hex(digest, hex);
	int len = snprintf(json, sizeof(json), "{\"item\":\"%" PRIu64 "\",\"kind\":\"%s\",\"sha256\":\"%s\"}", item.seq,
			   item.kind, hex);
	return store_journal(rf, rf->host_ns, "item", json, (size_t)len, err);
}

static int insert_block(struct runfile *rf, const struct packed *packed, const uint8_t digest[DIGEST_BYTES],
			struct err *err)
{
	size_t len;
	bool squeezed;
	const uint8_t *samples = squeeze(rf->squeezer, packed->raw, packed->raw_len, &len, &squeezed);
	const uint64_t numbers[] = {rf->block_seq + 1,    packed->device,   packed->stream, packed->first_index,
				    packed->frames,       packed->channels, packed->width,  packed->first_host_ns,
				    packed->last_host_ns, squeezed};
	int column = 1;
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		db_bind_int(rf->insert_block, column++, (int64_t)numbers[i]);
	db_bind_blob(rf->insert_block, column++, digest, DIGEST_BYTES);
	db_bind_blob(rf->insert_block, column++, packed->arrivals, packed->arrivals_len);
	db_bind_blob(rf->insert_block, column, samples, len);
	return insert_row(rf, rf->insert_block, len + packed->arrivals_len, err);
}

static int store_block(struct runfile *rf, const struct packed *packed, struct err *err)
{
	uint8_t digest[DIGEST_BYTES];
	int rc = begin(rf, err);
	if (rc)
		return rc;
	block_digest(packed, digest);
	rc = insert_block(rf, packed, digest, err);
	if (rc)
		return rc;
	rf->block_seq++;
	if (!rf->cover.first) {
		rf->cover.first = rf->block_seq;
		digest_begin(&rf->cover.digest);
	}
	rf->cover.last = rf->block_seq;
	digest_raw(&rf->cover.digest, digest, sizeof(digest));
	return rf->cover.last - rf->cover.first + 1 == COVER_BLOCKS ? store_cover(rf, err) : 0;
}

static int on_packed(void *ctx, const struct packed *packed)
{
	struct runfile *rf = ctx;
	return store_block(rf, packed, &rf->write_err);
}

static int store_rows(struct runfile *rf, struct rows *rows, struct err *err)
{
	if (!rows->count)
		return 0;
	size_t len;
	bool squeezed;
	const uint8_t *data = squeeze(rf->squeezer, rows->bytes, rows->count * rows->row_bytes, &len, &squeezed);
	int rc = store_item(rf,
			    (struct item){.kind = rows->kind,
					  .state = squeezed ? "zstd" : "raw",
					  .key = rows->key,
					  .count = rows->count,
					  .data = data,
					  .len = len},
			    err);
	rows->count = 0;
	return rc;
}

static int add_stroke(struct runfile *rf, uint64_t point_row, const struct stroke *stroke, struct err *err)
{
	struct rows *rows = &rf->strokes;
	int rc = rows->count == STROKES_PER_ITEM || rows->key != point_row ? store_rows(rf, rows, err) : 0;
	if (rc)
		return rc;
	uint8_t *at = rows->bytes + (size_t)rows->count++ * STROKE_BYTES;
	rows->key = point_row;
	stroke_to_row(stroke, at);
	return 0;
}

static int add_telemetry(struct runfile *rf, const struct pen_telemetry *t, struct err *err)
{
	struct rows *rows = &rf->telemetry;
	int rc = rows->count == TELEMETRY_PER_ITEM ? store_rows(rf, rows, err) : 0;
	if (rc)
		return rc;
	uint8_t *at = rows->bytes + (size_t)rows->count++ * TELEMETRY_BYTES;
	telemetry_to_row(t, at);
	return 0;
}

/* Everything that is gathered goes out, in a fixed order, and under the chain. */
static int flush(struct runfile *rf, struct err *err)
{
	int rc = 0;
	for (unsigned d = 0; d < RECORD_DEVICES_MAX; d++) {
		for (unsigned s = 0; !rc && s < STREAMS_MAX; s++)
			rc = rf->packer[d][s] ? packer_flush(rf->packer[d][s]) : 0;
	}
	if (!rc)
		rc = store_rows(rf, &rf->strokes, err);
	if (!rc)
		rc = store_rows(rf, &rf->telemetry, err);
	return rc ? rc : store_cover(rf, err);
}

static int sync_now(struct runfile *rf, uint64_t token, struct err *err)
{
	int rc = flush(rf, err);
	if (!rc)
		rc = commit(rf, err);
	if (rc)
		return rc;
	pthread_mutex_lock(&rf->lock);
	rf->token_done = token;
	memcpy(rf->head_done, rf->head, sizeof(rf->head));
	pthread_cond_broadcast(&rf->synced);
	pthread_mutex_unlock(&rf->lock);
	return 0;
}

static int take_piece(struct runfile *rf, const struct message *msg, const uint8_t *raw, struct err *err)
{
	struct packer **packer = &rf->packer[msg->piece.device][msg->piece.stream];
	if (!*packer && packer_new(msg->block_frames, on_packed, rf, packer) != 0)
		return err_set(err, -ENOMEM, "%.300s: no memory for a block of samples", rf->path);
	rf->host_ns = msg->piece.host_ns;
	int rc = packer_feed(*packer, &msg->piece, raw);
	return rc == -ENOMEM ? err_set(err, rc, "%.300s: no memory for a block of samples", rf->path) : rc;
}

static int take_item(struct runfile *rf, const struct message *msg, struct err *err)
{
	/* Behind a point that ended stands all that it rests on, whatever becomes of the run. */
	bool ended = strcmp(msg->item.kind, "point") == 0 && strcmp(msg->item.state, "end") == 0;
	int rc = ended ? flush(rf, err) : 0;
	if (rc)
		return rc;
	return store_item(rf,
			  (struct item){.kind = msg->item.kind,
					.state = msg->item.state,
					.key = msg->item.key,
					.data = msg->item.data,
					.len = msg->item.len},
			  err);
}

static int take_journal(struct runfile *rf, const struct message *msg, const uint8_t *body, size_t len, struct err *err)
{
	rf->host_ns = msg->journal.host_ns;
	int rc = store_journal(rf, msg->journal.host_ns, msg->journal.kind, (const char *)body, len, err);
	uint64_t soon_ns = monotonic_ns() + JOURNAL_NS;
	if (soon_ns < rf->commit_ns)
		rf->commit_ns = soon_ns;
	return rc;
}

static int take(struct runfile *rf, const struct message *msg, const uint8_t *body, size_t body_len, struct err *err)
{
	switch (msg->type) {
	case MSG_BLOCK: return take_piece(rf, msg, body, err);
	case MSG_JOURNAL: return take_journal(rf, msg, body, body_len, err);
	case MSG_ITEM: return take_item(rf, msg, err);
	case MSG_TELEMETRY: return add_telemetry(rf, &msg->telemetry, err);
	case MSG_STROKE: return add_stroke(rf, msg->stroke.point_row, &msg->stroke.stroke, err);
	case MSG_SYNC: return sync_now(rf, msg->token, err);
	}
	return 0;
}

static void fail(struct runfile *rf, int status, const struct err *err)
{
	pthread_mutex_lock(&rf->lock);
	if (!rf->status) {
		rf->status = status;
		if (err)
			rf->err = *err;
	}
	pthread_cond_broadcast(&rf->synced);
	pthread_mutex_unlock(&rf->lock);
	ring_shut(rf->ring);
}

static void discard(const struct message *msg)
{
	if (msg->type == MSG_ITEM)
		free(msg->item.data);
}

static bool due(const struct runfile *rf)
{
	return rf->in_transaction && (rf->transaction_bytes >= COMMIT_BYTES || monotonic_ns() >= rf->commit_ns);
}

/* Works until the ring is closed and empty. After a failure it only empties it. */
static void *writer_main(void *arg)
{
	struct runfile *rf = arg;

	while (!ring_closed(rf->ring)) {
		size_t len;
		uint64_t wake_ns = rf->in_transaction && !rf->write_failed ? rf->commit_ns : UINT64_MAX;
		const struct message *msg = ring_peek(rf->ring, wake_ns, &len);
		int rc = 0;
		if (msg && !rf->write_failed)
			rc = take(rf, msg, (const uint8_t *)(msg + 1), len - sizeof(*msg), &rf->write_err);
		if (msg) {
			discard(msg);
			ring_pop(rf->ring);
		}
		if (!rc && !rf->write_failed && due(rf))
			rc = commit(rf, &rf->write_err);
		if (rc) {
			rf->write_failed = true;
			db_rollback(rf->db);
			rf->in_transaction = false;
			fail(rf, rc, &rf->write_err);
		}
	}
	return NULL;
}

/* ---- the producer's side ---- */

static int status_of(struct runfile *rf, struct err *err)
{
	pthread_mutex_lock(&rf->lock);
	int status = rf->status;
	if (status && err)
		*err = rf->err;
	pthread_mutex_unlock(&rf->lock);
	return status;
}

/* What must not be lost: a ring that has no room for it means that the disk has stood still for too long. */
static int put(struct runfile *rf, const struct message *msg, const void *body, size_t body_len)
{
	int rc = ring_put(rf->ring, msg, sizeof(*msg), body, body_len, 0, rf->may_wait);
	if (rc == -ENOBUFS || rc == -EMSGSIZE) {
		struct err err;
		err_set(&err, -EIO,
			"%.300s: the disk has stood still for too long, the journal is incomplete; use a faster disk",
			rf->path);
		fail(rf, -EIO, &err);
	}
	return rc;
}

void runfile_journal(struct runfile *rf, uint64_t host_ns, const char *kind, const char *json)
{
	struct message msg = {.type = MSG_JOURNAL, .journal = {.host_ns = host_ns}};
	assert(strlen(kind) < KIND_MAX && strcmp(kind, "item") != 0 && strcmp(kind, "blocks") != 0);
	strcpy(msg.journal.kind, kind);
	put(rf, &msg, json, strlen(json));
}

/* Takes `data`. */
static void put_item(struct runfile *rf, const char *kind, const char *state, uint64_t key, char *data, size_t len)
{
	struct message msg = {.type = MSG_ITEM, .item = {.key = key, .data = data, .len = len}};
	snprintf(msg.item.kind, sizeof(msg.item.kind), "%s", kind);
	snprintf(msg.item.state, sizeof(msg.item.state), "%s", state);
	if (put(rf, &msg, NULL, 0) != 0)
		free(data);
}

static void put_channels(struct runfile *rf, unsigned device, unsigned stream, const struct channel *channels,
			 unsigned count)
{
	char *json;
	struct err err;
	int rc = channels_to_json(channels, count, &json, &err);
	if (rc)
		fail(rf, rc, &err);
	else
		put_item(rf, "stream", "", device * STREAMS_MAX + stream, json, strlen(json));
}

static double stream_rate(const struct channel *channels, unsigned count, unsigned stream)
{
	for (unsigned i = 0; i < count; i++) {
		if (channels[i].stream == stream)
			return channels[i].rate_hz;
	}
	return 1;
}

static void begin_stream(struct runfile *rf, struct stream_in *in, unsigned device, const struct channel *channels,
			 unsigned channel_count, const struct sample_block *block)
{
	in->width = pack_width(channels, channel_count, block->stream);
	in->frames = pack_frames(stream_rate(channels, channel_count, block->stream), block->channels, in->width);
	put_channels(rf, device, block->stream, channels, channel_count);
}

static void count_lost(struct runfile *rf, struct stream_in *in, const struct sample_block *block)
{
	if (!in->lost)
		in->lost_first = block->first_index;
	in->lost += block->frames;
	in->lost_end = block->first_index + block->frames;
	pthread_mutex_lock(&rf->lock);
	rf->lost += (uint64_t)block->frames * block->channels;
	pthread_mutex_unlock(&rf->lock);
}

static void journal_lost(struct runfile *rf, struct stream_in *in, unsigned device, const struct sample_block *block)
{
	char json[192];
	snprintf(json, sizeof(json),
		 "{\"device\":%u,\"stream\":%u,\"first_index\":\"%" PRIu64 "\",\"end_index\":\"%" PRIu64
		 "\",\"frames\":\"%" PRIu64 "\",\"text\":\"the disk was too slow: samples were dropped\"}",
		 device, block->stream, in->lost_first, in->lost_end, in->lost);
	in->lost = 0;
	runfile_journal(rf, block->host_ns, "lost", json);
}

void runfile_block(struct runfile *rf, unsigned device, const struct channel *channels, unsigned channel_count,
		   const struct sample_block *block)
{
	assert(device < RECORD_DEVICES_MAX && block->stream < STREAMS_MAX);
	struct stream_in *in = &rf->stream[device][block->stream];
	size_t n = (size_t)block->frames * block->channels;
	assert(n <= SAMPLES_PER_BLOCK_MAX);
	if (!n)
		return;
	if (!in->width)
		begin_stream(rf, in, device, channels, channel_count, block);
	struct message msg = {
		.type = MSG_BLOCK,
		.block_frames = in->frames,
		.piece = {.device = device,
			  .stream = block->stream,
			  .channels = block->channels,
			  .width = in->width,
			  .flags = block->flags | (in->lost ? SAMPLE_GAP : 0),
			  .frames = block->frames,
			  .first_index = block->first_index,
			  .host_ns = block->host_ns,
			  .device_ns = block->device_ns},
	};
	if (!pack_counts(block->counts, n, msg.piece.width, rf->counts)) {
		msg.piece.width = 4; /* a driver that exceeds its own channel table: kept as it came */
		pack_counts(block->counts, n, 4, rf->counts);
	}
	int rc = ring_put(rf->ring, &msg, sizeof(msg), rf->counts, n * msg.piece.width, RING_RESERVE, rf->may_wait);
	if (rc == -ENOBUFS || rc == -EMSGSIZE)
		count_lost(rf, in, block);
	else if (!rc && in->lost)
		journal_lost(rf, in, device, block);
}

void runfile_telemetry(struct runfile *rf, const struct pen_telemetry *telemetry)
{
	struct message msg = {.type = MSG_TELEMETRY, .telemetry = *telemetry};
	put(rf, &msg, NULL, 0);
}

void runfile_stroke(struct runfile *rf, unsigned point_row, const struct stroke *stroke)
{
	struct message msg = {.type = MSG_STROKE, .stroke = {.point_row = point_row, .stroke = *stroke}};
	put(rf, &msg, NULL, 0);
}

/* Remembers what was stored of each point, so that a later change is stored again and nothing else is. */
static bool point_changed(struct runfile *rf, unsigned row, const char *json)
{
	uint8_t digest[DIGEST_BYTES];
	crypto_hash_sha256(digest, (const unsigned char *)json, strlen(json));
	if (row >= rf->point_digests) {
		unsigned more = 2 * row + 16;
		void *moved = reallocarray(rf->point_digest, more, sizeof(rf->point_digest[0]));
		if (!moved)
			return true;
		rf->point_digest = moved;
		memset(rf->point_digest[rf->point_digests], 0,
		       (more - rf->point_digests) * sizeof(rf->point_digest[0]));
		rf->point_digests = more;
	}
	bool changed = memcmp(rf->point_digest[row], digest, sizeof(digest)) != 0;
	memcpy(rf->point_digest[row], digest, sizeof(digest));
	return changed;
}

static void put_point(struct runfile *rf, unsigned row, const struct record_point *point, const char *state,
		      bool only_changed)
{
	char *json;
	struct err err;
	int rc = point_to_json(point, &json, &err);
	if (rc) {
		fail(rf, rc, &err);
		return;
	}
	if (point_changed(rf, row, json) || !only_changed)
		put_item(rf, "point", state, row, json, strlen(json));
	else
		free(json);
}

void runfile_point_begin(struct runfile *rf, unsigned point_row, const struct record_point *point)
{
	put_point(rf, point_row, point, "begin", false);
}

void runfile_point_end(struct runfile *rf, unsigned point_row, const struct record_point *point)
{
	put_point(rf, point_row, point, "end", false);
}

static void put_record(struct runfile *rf, const struct record *record, const char *state)
{
	char *json;
	struct err err;
	int rc = record_to_json(record, &json, &err);
	if (rc)
		fail(rf, rc, &err);
	else
		put_item(rf, "record", state, 0, json, strlen(json));
}

void runfile_record(struct runfile *rf, const struct record *record)
{
	put_record(rf, record, "open");
}

int runfile_status(struct runfile *rf, uint64_t *ret_lost, struct err *err)
{
	int status = status_of(rf, err);
	if (ret_lost) {
		pthread_mutex_lock(&rf->lock);
		*ret_lost = rf->lost;
		pthread_mutex_unlock(&rf->lock);
	}
	return status;
}

static int wait_synced(struct runfile *rf, uint64_t token, uint8_t ret_head[DIGEST_BYTES], struct err *err)
{
	pthread_mutex_lock(&rf->lock);
	while (!rf->status && rf->token_done < token)
		pthread_cond_wait(&rf->synced, &rf->lock);
	int status = rf->token_done < token ? rf->status : 0;
	if (status && err)
		*err = rf->err;
	memcpy(ret_head, rf->head_done, DIGEST_BYTES);
	pthread_mutex_unlock(&rf->lock);
	return status;
}

int runfile_sync(struct runfile *rf, char ret_head[SHA256_HEX], struct err *err)
{
	struct message msg = {.type = MSG_SYNC, .token = ++rf->token};
	uint8_t head[DIGEST_BYTES];
	int rc = put(rf, &msg, NULL, 0) == 0 ? 0 : status_of(rf, err);
	if (!rc)
		rc = wait_synced(rf, msg.token, head, err);
	if (!rc && ret_head)
		digest_hex(head, ret_head);
	return rc;
}

static void put_sweeps(struct runfile *rf, const struct record *record)
{
	for (unsigned i = rf->sweeps_put; i < record->sweeps; i++) {
		char *json;
		struct err err;
		int rc = sweep_to_json(&record->sweep[i], &json, &err);
		if (rc)
			fail(rf, rc, &err);
		else
			put_item(rf, "sweep", "end", i, json, strlen(json));
	}
	rf->sweeps_put = record->sweeps;
}

int runfile_finish(struct runfile *rf, const struct record *record, const char *report_json, struct err *err)
{
	for (unsigned i = 0; i < record->points; i++)
		put_point(rf, i, &record->point[i], "end", true);
	put_sweeps(rf, record);
	put_record(rf, record, "final");
	char *text = report_json ? strdup(report_json) : NULL;
	if (report_json && !text)
		return err_set(err, -ENOMEM, "%.300s: no memory for the report", rf->path);
	if (text)
		put_item(rf, "report", "json", 0, text, strlen(text));
	return runfile_sync(rf, NULL, err);
}

const char *runfile_path(const struct runfile *rf)
{
	return rf->path;
}

/* ---- creating and closing ---- */

static int make_file(struct runfile *rf, struct err *err)
{
	char wal[SIDE_PATH_MAX];
	snprintf(wal, sizeof(wal), "%s-wal", rf->path);
	if (access(wal, F_OK) == 0)
		return err_set(err, -EEXIST,
			       "%.300s is there already, left by an earlier run: choose another folder or name", wal);
	int rc = disk_make_file(rf->path, err);
	if (rc == -EEXIST)
		return err_set(
			err, rc,
			"%.300s is there already: a run file is never overwritten; choose another folder or name",
			rf->path);
	return rc;
}

static int prepare_inserts(struct runfile *rf, struct err *err)
{
	int rc = db_prepare(rf->db, "INSERT INTO journal VALUES(?,?,?,?,?)", &rf->insert_journal, err);
	if (!rc)
		rc = db_prepare(rf->db, "INSERT INTO item VALUES(?,?,?,?,?,?,?)", &rf->insert_item, err);
	if (!rc)
		rc = db_prepare(rf->db, "INSERT INTO block VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)", &rf->insert_block, err);
	return rc;
}

static int open_db(struct runfile *rf, struct err *err)
{
	int rc = db_open(rf->path, rf->path, DB_WRITE, BUSY_MS, &rf->db, err);
	if (!rc)
		rc = schema_create(rf->db, err);
	return rc ? rc : prepare_inserts(rf, err);
}

static int store_files(struct runfile *rf, const struct record *record, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; !rc && i < record->files; i++) {
		const struct record_file *file = &record->file[i];
		rc = store_item(
			rf,
			(struct item){
				.kind = "file", .state = file->kind, .key = i, .data = file->text, .len = file->len},
			err);
	}
	return rc;
}

static int store_header(struct runfile *rf, const struct record *record, struct err *err)
{
	char *json;
	rf->host_ns = record->started_host_ns;
	const char *begun = "{\"format\":\"penrig run file\",\"version\":1}";
	int rc = store_journal(rf, rf->host_ns, "begin", begun, strlen(begun), err);
	if (!rc)
		rc = store_files(rf, record, err);
	if (!rc)
		rc = record_to_json(record, &json, err);
	if (rc)
		return rc;
	rc = store_item(rf, (struct item){.kind = "record", .state = "open", .data = json, .len = strlen(json)}, err);
	free(json);
	if (!rc)
		rc = commit(rf, err);
	if (!rc && (rc = disk_sync_folder(rf->folder)) != 0)
		err_set(err, rc, "the folder %.300s cannot be made durable: %s", rf->folder, strerror(-rc));
	return rc;
}

static int start_writer(struct runfile *rf, struct err *err)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&rf->thread, NULL, writer_main, rf);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	rf->thread_runs = rc == 0;
	return rc ? err_set(err, -rc, "the run file's writer cannot start: %s", strerror(rc)) : 0;
}

/* Small pieces (a serial line hands over a few frames at a time) carry a header as long as themselves: twice the bytes.
 */
static size_t ring_size(double bytes_per_s)
{
	double wanted = 2 * RUNFILE_RING_S * bytes_per_s + RING_RESERVE + sizeof(((struct runfile *)NULL)->counts);
	return wanted > RING_MIN ? (size_t)wanted : RING_MIN;
}

static struct runfile *allocate(const struct record *record, double bytes_per_s, bool may_wait)
{
	struct runfile *rf = calloc(1, sizeof(*rf));
	if (!rf)
		return NULL;
	rf->may_wait = may_wait;
	rf->strokes = (struct rows){.kind = "strokes", .row_bytes = STROKE_BYTES};
	rf->telemetry = (struct rows){.kind = "telemetry", .row_bytes = TELEMETRY_BYTES};
	pthread_mutex_init(&rf->lock, NULL);
	pthread_cond_init(&rf->synced, NULL);
	snprintf(rf->folder, sizeof(rf->folder), "%s", record->folder[0] ? record->folder : ".");
	snprintf(rf->path, sizeof(rf->path), "%s/%s.penrig", rf->folder, record->name);
	if (squeezer_new(sizeof(rf->strokes.bytes), &rf->squeezer) == 0 &&
	    ring_new(ring_size(bytes_per_s), &rf->ring) == 0)
		return rf;
	rf->ring = NULL;
	return rf;
}

static void release(struct runfile *rf)
{
	db_finalize(rf->insert_journal);
	db_finalize(rf->insert_item);
	db_finalize(rf->insert_block);
	db_close(rf->db);
	for (unsigned i = 0; i < RECORD_DEVICES_MAX * STREAMS_MAX; i++)
		packer_free(rf->packer[i / STREAMS_MAX][i % STREAMS_MAX]);
	ring_free(rf->ring);
	squeezer_free(rf->squeezer);
	pthread_cond_destroy(&rf->synced);
	pthread_mutex_destroy(&rf->lock);
	free(rf->point_digest);
	free(rf);
}

int runfile_create(const struct record *record, double bytes_per_s, bool may_wait, struct runfile **ret,
		   struct err *err)
{
	struct runfile *rf = sodium_init() < 0 ? NULL : allocate(record, bytes_per_s, may_wait);
	if (!rf)
		return err_set(err, -ENOMEM, "no memory for the run file");
	int rc = rf->ring ? disk_make_folder(rf->folder, err)
			  : err_set(err, -ENOMEM, "no memory for the run file's ring");
	if (!rc)
		rc = make_file(rf, err);
	if (!rc)
		rc = open_db(rf, err);
	if (!rc)
		rc = store_header(rf, record, err);
	if (!rc)
		rc = start_writer(rf, err);
	if (rc) {
		release(rf);
		return rc;
	}
	*ret = rf;
	return 0;
}

/* One file is left that can be copied and opened where nothing can be written. */
static int settle(struct runfile *rf, struct err *err)
{
	int rc = flush(rf, err);
	if (!rc)
		rc = commit(rf, err);
	db_set_busy(rf->db, BUSY_AT_END_MS);
	if (!rc)
		rc = db_checkpoint(rf->db, err);
	if (rc)
		return rc;
	db_finalize(rf->insert_journal);
	db_finalize(rf->insert_item);
	db_finalize(rf->insert_block);
	rf->insert_journal = rf->insert_item = rf->insert_block = NULL;
	rc = db_exec(rf->db, "PRAGMA journal_mode=DELETE", err);
	if (rc == -EBUSY)
		return err_set(
			err, rc,
			"%.300s: another program has it open; all is saved in it and its -wal: keep both together",
			rf->path);
	if (rc)
		return rc;
	db_close(rf->db);
	rf->db = NULL;
	rc = disk_sync_file(rf->path);
	if (!rc)
		rc = disk_sync_folder(rf->folder);
	return rc ? err_set(err, rc, "%.300s cannot be made durable: %s%s", rf->path, strerror(-rc), disk_remedy(rc))
		  : 0;
}

int runfile_close(struct runfile *rf, struct err *err)
{
	if (!rf)
		return 0;
	ring_close(rf->ring);
	if (rf->thread_runs)
		pthread_join(rf->thread, NULL);
	int rc = status_of(rf, err);
	int settled = rf->write_failed ? 0 : settle(rf, &rf->write_err);
	if (!rc && settled && err)
		*err = rf->write_err;
	release(rf);
	return rc ? rc : settled;
}

/* ---- verdicts that were formed later ---- */

static int load_number(struct runfile *rf, const char *sql, uint64_t *ret, struct err *err)
{
	int64_t number;
	int rc = db_number(rf->db, sql, &number, err);
	if (!rc)
		*ret = (uint64_t)number;
	return rc;
}

static int on_head(void *ctx, struct db_stmt *row, struct err *err)
{
	struct runfile *rf = ctx;
	size_t len;
	const void *hash = db_blob(row, 1, &len);
	(void)err;
	if (len != DIGEST_BYTES)
		return 0;
	rf->journal_seq = (uint64_t)db_int(row, 0);
	memcpy(rf->head, hash, DIGEST_BYTES);
	rf->host_ns = (uint64_t)db_int(row, 2);
	return 0;
}

static int load_head(struct runfile *rf, struct err *err)
{
	int rc = load_number(rf, "SELECT ifnull(max(seq),0) FROM item", &rf->item_seq, err);
	if (!rc)
		rc = load_number(rf, "SELECT ifnull(max(seq),0) FROM block", &rf->block_seq, err);
	if (!rc)
		rc = db_each(rf->db, "SELECT seq, hash, host_ns FROM journal ORDER BY seq DESC LIMIT 1", 0, 0, on_head,
			     rf, err);
	if (!rc && !rf->journal_seq)
		rc = err_set(err, -EBADMSG, "%.300s: its journal has no head to append to", rf->path);
	return rc;
}

static int open_to_append(struct runfile *rf, struct err *err)
{
	int rc = db_open(rf->path, rf->path, DB_WRITE, BUSY_AT_END_MS, &rf->db, err);
	if (!rc)
		rc = db_exec(rf->db, "PRAGMA synchronous=FULL", err);
	if (!rc)
		rc = begin(rf, err);
	if (!rc)
		rc = load_head(rf, err);
	return rc ? rc : prepare_inserts(rf, err);
}

static int append_judged(struct runfile *rf, const struct record_judged *judged, const void *limits, size_t limits_len,
			 const char *report, struct err *err)
{
	char *json;
	int rc = judged_to_json(judged, &json, err);
	if (rc)
		return rc;
	struct item item = {
		.kind = "limits", .state = "json", .key = judged->number, .data = limits, .len = limits_len};
	rc = limits ? store_item(rf, item, err) : 0;
	item = (struct item){
		.kind = "judged", .state = "final", .key = judged->number, .data = json, .len = strlen(json)};
	if (!rc)
		rc = store_item(rf, item, err);
	item = (struct item){
		.kind = "report", .state = "json", .key = judged->number, .data = report, .len = strlen(report)};
	if (!rc)
		rc = store_item(rf, item, err);
	if (!rc)
		rc = store_journal(rf, rf->host_ns, "verdict", json, strlen(json), err);
	free(json);
	return rc ? rc : commit(rf, err);
}

int runfile_append_judged(const char *path, const struct record_judged *judged, const void *limits, size_t limits_len,
			  const char *report, struct err *err)
{
	struct runfile *rf = calloc(1, sizeof(*rf));
	if (!rf || sodium_init() < 0) {
		free(rf);
		return err_set(err, -ENOMEM, "no memory for the run file");
	}
	snprintf(rf->path, sizeof(rf->path), "%s", path);
	int rc = open_to_append(rf, err);
	if (!rc)
		rc = append_judged(rf, judged, limits, limits_len, report, err);
	db_finalize(rf->insert_journal);
	db_finalize(rf->insert_item);
	db_finalize(rf->insert_block);
	db_close(rf->db);
	if (!rc && (rc = disk_sync_file(path)) != 0)
		err_set(err, rc, "%.300s cannot be made durable: %s", path, strerror(-rc));
	free(rf);
	return rc;
}
