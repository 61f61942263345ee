/* NAME.penrig: the writer's thread behind its ring, and the reader.
 * Leaves out the database itself (db.c) and the forms of what it stores: pack.c (samples), runfile_rows.c (strokes,
 * telemetry), record_json.c (record), squeeze.c (zstd), chain.c (digests). */
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
#include "rig/run/squeeze.h"

#define FORMAT_VERSION 1
#define COMMIT_BYTES   1000000u
#define COMMIT_NS      1000000000ull
#define JOURNAL_NS     50000000ull /* what was done is on the disk soon: a killed run must say how far it got */
/* Somebody else's lock on the file counts as a stalled disk so long; at the end, where only the file's form is at
 * stake, not as long. */
#define BUSY_MS        60000
#define BUSY_AT_END_MS 5000
#define COVER_BLOCKS   16           /* blocks under one entry of the journal */
#define RING_RESERVE   (512u << 10) /* kept free of samples: what was done matters more than what was seen */
#define RING_MIN       (2u << 20)
#define KIND_MAX       16
#define SIDE_PATH_MAX  (FILE_PATH_MAX + 160)

static const char schema_sql[] =
	"CREATE TABLE journal(seq INTEGER PRIMARY KEY, host_ns INTEGER NOT NULL, kind TEXT NOT NULL, json TEXT NOT "
	"NULL,"
	" hash BLOB NOT NULL);"
	"CREATE TABLE item(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key INTEGER NOT NULL, state TEXT NOT NULL,"
	" count INTEGER NOT NULL, digest BLOB NOT NULL, data BLOB NOT NULL);"
	"CREATE INDEX item_by_kind ON item(kind, key);"
	"CREATE TABLE block(seq INTEGER PRIMARY KEY, device INTEGER NOT NULL, stream INTEGER NOT NULL,"
	" first_index INTEGER NOT NULL, frames INTEGER NOT NULL, channels INTEGER NOT NULL, width INTEGER NOT NULL,"
	" first_host_ns INTEGER NOT NULL, last_host_ns INTEGER NOT NULL, zstd INTEGER NOT NULL, digest BLOB NOT NULL,"
	" arrivals BLOB NOT NULL, samples BLOB NOT NULL);"
	"CREATE INDEX block_by_stream ON block(device, stream);"
	"CREATE VIEW record AS SELECT seq, state, CAST(data AS TEXT) AS json FROM item WHERE kind = 'record';"
	"CREATE VIEW point AS SELECT seq, key AS row, state, CAST(data AS TEXT) AS json FROM item WHERE kind = 'point';"
	"CREATE VIEW file AS SELECT seq, state AS kind, CAST(data AS TEXT) AS text FROM item WHERE kind = 'file';";

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

static int set_pragmas(struct runfile *rf, struct err *err)
{
	char header[128];
	snprintf(header, sizeof(header), "PRAGMA page_size=65536; PRAGMA application_id=%d; PRAGMA user_version=%d",
		 RUNFILE_APPLICATION_ID, FORMAT_VERSION);
	int rc = db_exec(rf->db, header, err);
	if (!rc)
		rc = db_exec(rf->db, "PRAGMA journal_mode=WAL", err);
	if (!rc)
		rc = db_exec(rf->db, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=256", err);
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
		rc = set_pragmas(rf, err);
	if (!rc)
		rc = db_exec(rf->db, schema_sql, err);
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

/* ---- reading ---- */

struct runfile_reader {
	char path[SIDE_PATH_MAX];
	char copy[SIDE_PATH_MAX]; /* folder of the copy that is read instead; empty: none */
	struct db *db;
	bool final;
	struct unpacker unpacker;
	struct squeeze_buffer bytes; /* decompressed */
};

struct runfile_cursor {
	struct runfile_reader *reader;
	struct db_stmt *query;
	struct unpacker unpacker;
	struct squeeze_buffer bytes;
};

static int open_file(struct runfile_reader *reader, const char *path, struct err *err)
{
	int rc = db_open(path, reader->path, DB_READ, BUSY_MS, &reader->db, err);
	/* Walks read every page once: eight of them are enough. */
	if (!rc)
		db_exec(reader->db, "PRAGMA cache_size=-512", NULL);
	return rc;
}

static void remove_copy(struct runfile_reader *reader)
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	char path[SIDE_PATH_MAX + 32];
	if (!reader->copy[0])
		return;
	for (unsigned i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		snprintf(path, sizeof(path), "%s/run.penrig%s", reader->copy, suffix[i]);
		unlink(path);
	}
	rmdir(reader->copy);
}

/* A killed run's file and its log in a folder that cannot be written: SQLite must write beside them to read them. */
static int open_copy(struct runfile_reader *reader, const char *path, struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	char from[SIDE_PATH_MAX], to[SIDE_PATH_MAX + 32];

	snprintf(reader->copy, sizeof(reader->copy), "%.400s/penrig-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	if (!mkdtemp(reader->copy)) {
		int rc = -errno;
		reader->copy[0] = '\0';
		return err_set(err, rc, "%.300s: its folder cannot be written, and no copy can be made in TMPDIR: %s",
			       path, strerror(-rc));
	}
	snprintf(to, sizeof(to), "%s/run.penrig", reader->copy);
	int rc = disk_copy(path, to);
	snprintf(from, sizeof(from), "%s-wal", path);
	snprintf(to, sizeof(to), "%s/run.penrig-wal", reader->copy);
	if (!rc)
		rc = disk_copy(from, to);
	if (rc)
		return err_set(err, rc,
			       "%.300s: its folder cannot be written, and copying it to %.200s failed: %s; copy the "
			       "file and its "
			       "-wal to a folder that can be written",
			       path, reader->copy, strerror(-rc));
	snprintf(to, sizeof(to), "%s/run.penrig", reader->copy);
	return open_file(reader, to, err);
}

static int open_reader(struct runfile_reader *reader, const char *path, struct err *err)
{
	char wal[SIDE_PATH_MAX];
	struct stat st;
	struct err why;

	if (stat(path, &st) != 0)
		return err_set(err, -errno, "%.300s cannot be opened: %s", path, strerror(errno));
	snprintf(wal, sizeof(wal), "%s-wal", path);
	int rc = open_file(reader, path, &why);
	if (rc == -EMEDIUMTYPE)
		return err_set(err, -EBADMSG, "%.300s is not a run file: it is not an SQLite database", path);
	if ((rc == -EACCES || rc == -EROFS) && stat(wal, &st) == 0)
		return open_copy(reader, path, err);
	return rc ? err_set(err, rc, "%s", why.text) : 0;
}

static int holds_nothing(const struct runfile_reader *reader, struct err *err)
{
	return err_set(
		err, -EBADMSG,
		"%.300s holds nothing: the run was killed as it began, or the -wal file beside it was left behind",
		reader->path);
}

static int check_format(struct runfile_reader *reader, struct err *err)
{
	static const char count_tables[] = "SELECT count(*) FROM sqlite_schema WHERE type='table'";
	static const char count_records[] = "SELECT count(*) FROM item WHERE kind='record'";
	int64_t id, version, tables, records = 0;
	int rc = db_number(reader->db, "PRAGMA application_id", &id, err);
	if (!rc)
		rc = db_number(reader->db, "PRAGMA user_version", &version, err);
	if (!rc)
		rc = db_number(reader->db, count_tables, &tables, err);
	if (rc)
		return rc;
	if (id == 0 && tables == 0)
		return holds_nothing(reader, err);
	if (id != RUNFILE_APPLICATION_ID)
		return err_set(err, -EBADMSG, "%.300s is an SQLite database, but not a run file of penrig",
			       reader->path);
	if (version != FORMAT_VERSION)
		return err_set(err, -ENOTSUP,
			       "%.300s has format %lld, and this penrig reads %d: use the version that wrote it",
			       reader->path, (long long)version, FORMAT_VERSION);
	rc = tables ? db_number(reader->db, count_records, &records, err) : 0;
	return rc || records ? rc : holds_nothing(reader, err);
}

bool runfile_is_final(const struct runfile_reader *reader)
{
	return reader->final;
}

static int on_record(void *ctx, struct db_stmt *row, struct err *err)
{
	size_t len;
	const char *text = db_blob(row, 0, &len);
	return record_from_json(text, len, ctx, err);
}

static int on_file(void *ctx, struct db_stmt *row, struct err *err)
{
	struct record *record = ctx;
	int64_t i = db_int(row, 0);
	size_t len;
	const void *data = db_blob(row, 1, &len);
	if (i < 0 || i >= record->files)
		return err_set(err, -EBADMSG, "the run file holds a file that its record does not name");
	char *text = malloc(len + 1);
	if (!text)
		return err_set(err, -ENOMEM, "no memory for the files of the run");
	memcpy(text, data, len);
	text[len] = '\0';
	free((char *)record->file[i].text);
	record->file[i].text = text;
	record->file[i].len = len;
	return 0;
}

static int on_point(void *ctx, struct db_stmt *row, struct err *err)
{
	struct record *record = ctx;
	int64_t key = db_int(row, 0);
	size_t len;
	const char *text = db_blob(row, 1, &len);
	if (key < 0 || key > record->points)
		return err_set(err, -EBADMSG, "the run file lacks point row %u", record->points);
	if (key == record->points && !record_add_point(record))
		return err_set(err, -ENOMEM, "no memory for the points of the run");
	return point_from_json(text, len, &record->point[key], err);
}

static int on_sweep(void *ctx, struct db_stmt *row, struct err *err)
{
	struct record *record = ctx;
	size_t len;
	const char *text = db_blob(row, 1, &len);
	struct record_sweep *sweep = record_add_sweep(record);
	return sweep ? sweep_from_json(text, len, sweep, err)
		     : err_set(err, -ENOMEM, "no memory for the sweeps of the run");
}

static int on_number(void *ctx, struct db_stmt *row, struct err *err)
{
	(void)err;
	*(uint64_t *)ctx = (uint64_t)db_int(row, 0);
	return 0;
}

static int restore(struct runfile_reader *reader, struct record *record, struct err *err)
{
	uint64_t finals = 0;
	record->owns_texts = true;
	int rc = db_each(reader->db, "SELECT data FROM item WHERE kind='record' ORDER BY seq DESC LIMIT 1", 0, 0,
			 on_record, record, err);
	if (!rc)
		rc = db_each(reader->db, "SELECT key, data FROM item WHERE kind='file' ORDER BY seq", 0, 0, on_file,
			     record, err);
	if (!rc)
		rc = db_each(reader->db, "SELECT key, data FROM item WHERE kind='point' ORDER BY seq", 0, 0, on_point,
			     record, err);
	if (!rc)
		rc = db_each(reader->db, "SELECT key, data FROM item WHERE kind='sweep' ORDER BY seq", 0, 0, on_sweep,
			     record, err);
	if (!rc)
		rc = db_each(reader->db, "SELECT count(*) FROM item WHERE kind='record' AND state='final'", 0, 0,
			     on_number, &finals, err);
	reader->final = finals > 0;
	return rc;
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

struct judged_walk {
	int (*fn)(void *ctx, const struct record_judged *judged);
	void *ctx;
};

static int on_judged(void *ctx, struct db_stmt *row, struct err *err)
{
	const struct judged_walk *walk = ctx;
	struct record_judged judged = {.number = 0};
	size_t len;
	const char *text = db_blob(row, 0, &len);
	int rc = judged_from_json(text, len, &judged, err);
	return rc ? rc : walk->fn(walk->ctx, &judged);
}

int runfile_each_judged(struct runfile_reader *reader, int (*fn)(void *ctx, const struct record_judged *judged),
			void *ctx, struct err *err)
{
	struct judged_walk walk = {.fn = fn, .ctx = ctx};
	return db_each(reader->db, "SELECT data FROM item WHERE kind='judged' ORDER BY seq", 0, 0, on_judged, &walk,
		       err);
}

/* ---- a run that did not come to its end ---- */

struct last_stage {
	char name[48];
};

static int on_stage(void *ctx, struct db_stmt *row, struct err *err)
{
	static const char *const member[] = {"stage", "phase", "text"};
	struct last_stage *stage = ctx;
	struct json_doc *doc;
	const char *text = db_text(row, 0, NULL);
	(void)err;
	if (json_parse("journal", text, strlen(text), &doc, NULL) != 0)
		return 0;
	for (unsigned i = 0; i < sizeof(member) / sizeof(member[0]) && !stage->name[0]; i++) {
		const struct json *value = json_get(json_root(doc), member[i]);
		if (value && json_kind(value) == JSON_STRING)
			snprintf(stage->name, sizeof(stage->name), "%.40s", json_string(value));
	}
	json_doc_free(doc);
	return 0;
}

static void add_to_utc(const char *started, uint64_t elapsed_ns, char ret[32])
{
	struct tm tm = {0};
	unsigned ms = 0;
	char zone = 0;
	if (sscanf(started, "%d-%d-%dT%d:%d:%d.%3u%c", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
		   &tm.tm_sec, &ms, &zone) != 8)
		return;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	uint64_t ms_sum = ms + elapsed_ns / 1000000u;
	time_t end = timegm(&tm) + (time_t)(ms_sum / 1000u);
	char text[24];
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&end, &tm));
	snprintf(ret, 32, "%s.%03uZ", text, (unsigned)(ms_sum % 1000u));
}

static const struct record_point *settle_points(struct record *record)
{
	for (unsigned i = 0; i < record->points; i++) {
		struct record_point *point = &record->point[i];
		if (!point->measured && !point->reason[0])
			snprintf(point->reason, sizeof(point->reason),
				 "the run ended while this point was being measured");
		for (unsigned j = 0; point->counts && j < i; j++) {
			if (record->point[j].plan.number == point->plan.number)
				record->point[j].counts = false;
		}
	}
	return record->points ? &record->point[record->points - 1] : NULL;
}

static void say_where(struct record *record, const struct record_point *last, const char *stage)
{
	char at[240];
	if (!last)
		snprintf(at, sizeof(at), "before the first of %u points", record->points_planned);
	else
		snprintf(at, sizeof(at), "%s point %u of %u (step %u \"%s\", %.6g mm, %.6g Hz)",
			 last->measured ? "after" : "at", last->plan.number + 1, record->points_planned,
			 last->plan.step + 1,
			 last->plan.step < record->step_count ? record->step_name[last->plan.step] : "",
			 last->plan.depth_mm, last->plan.rate_hz);
	snprintf(record->status_reason, sizeof(record->status_reason),
		 "the program or the machine ended before the run did: interrupted %s%s%s", at,
		 stage[0] ? ", stage " : "", stage);
}

static int settle_unfinished(struct runfile_reader *reader, struct record *record, struct err *err)
{
	struct last_stage stage = {.name = ""};
	uint64_t end_ns = record->started_host_ns;
	int rc = db_each(reader->db,
			 "SELECT json FROM journal WHERE kind IN ('stage','phase') ORDER BY seq DESC LIMIT 1", 0, 0,
			 on_stage, &stage, err);
	if (!rc)
		rc = db_each(reader->db,
			     "SELECT max(ifnull((SELECT max(host_ns) FROM journal),0),"
			     " ifnull((SELECT last_host_ns FROM block ORDER BY seq DESC LIMIT 1),0))",
			     0, 0, on_number, &end_ns, err);
	if (rc)
		return rc;
	say_where(record, settle_points(record), stage.name);
	record->run_status = RUN_INTERRUPTED;
	record->ended_host_ns = end_ns;
	if (end_ns >= record->started_host_ns)
		add_to_utc(record->started_utc, end_ns - record->started_host_ns, record->ended_utc);
	record->stop_verified = false;
	snprintf(record->stop_text, sizeof(record->stop_text), "the run file ends before the pen's stop was recorded");
	record->moved = record->moved || record->points > 0;
	record_judge(record, NULL);
	return 0;
}

int runfile_open(const char *path, struct runfile_reader **ret, struct record **ret_record, struct err *err)
{
	struct runfile_reader *reader = calloc(1, sizeof(*reader));
	struct record *record = record_new();
	int rc = reader && record && sodium_init() >= 0 ? 0 : err_set(err, -ENOMEM, "no memory for the run file");
	if (!rc) {
		snprintf(reader->path, sizeof(reader->path), "%s", path);
		rc = open_reader(reader, path, err);
	}
	if (!rc)
		rc = check_format(reader, err);
	if (!rc)
		rc = restore(reader, record, err);
	if (!rc && !reader->final)
		rc = settle_unfinished(reader, record, err);
	if (rc) {
		record_free(record);
		runfile_reader_free(reader);
		return rc;
	}
	*ret = reader;
	*ret_record = record;
	return 0;
}

void runfile_reader_free(struct runfile_reader *reader)
{
	if (!reader)
		return;
	db_close(reader->db);
	remove_copy(reader);
	free(reader->bytes.at);
	free(reader);
}

/* ---- walks ---- */

#define TELEMETRY_SQL "SELECT state, count, data, seq FROM item WHERE kind='telemetry' ORDER BY seq"

#define BLOCK_COLUMNS                                                                                                  \
	"SELECT device, stream, channels, width, first_index, frames, first_host_ns, last_host_ns, zstd, arrivals, "   \
	"samples,"                                                                                                     \
	" digest, seq FROM block "

static int read_packed(const struct runfile_reader *reader, struct squeeze_buffer *buffer, struct db_stmt *row,
		       struct packed *ret, struct err *err)
{
	*ret = (struct packed){
		.device = (uint32_t)db_int(row, 0),
		.stream = (uint32_t)db_int(row, 1),
		.channels = (uint32_t)db_int(row, 2),
		.width = (uint32_t)db_int(row, 3),
		.first_index = (uint64_t)db_int(row, 4),
		.frames = (uint64_t)db_int(row, 5),
		.first_host_ns = (uint64_t)db_int(row, 6),
		.last_host_ns = (uint64_t)db_int(row, 7),
	};
	ret->arrivals = db_blob(row, 9, &ret->arrivals_len);
	ret->raw = db_blob(row, 10, &ret->raw_len);
	bool sound = ret->channels <= CHANNELS_MAX && ret->width <= 4 && ret->frames <= PACK_RAW_MAX;
	int rc = sound ? unsqueeze(buffer, db_int(row, 8) != 0, &ret->raw, &ret->raw_len,
				   (size_t)ret->frames * ret->channels * ret->width)
		       : -EBADMSG;
	return rc ? err_set(err, rc, "%.300s: block %lld does not decode", reader->path, (long long)db_int(row, 12))
		  : 0;
}

struct block_walk {
	struct runfile_reader *reader;
	int (*fn)(void *ctx, const struct sample_block *block);
	void *ctx;
};

static int on_block(void *ctx, struct db_stmt *row, struct err *err)
{
	struct block_walk *walk = ctx;
	struct packed packed;
	int rc = read_packed(walk->reader, &walk->reader->bytes, row, &packed, err);
	if (rc)
		return rc;
	rc = unpacker_feed(&walk->reader->unpacker, &packed, walk->fn, walk->ctx);
	return rc == -EBADMSG ? err_set(err, rc, "%.300s: block %lld does not decode", walk->reader->path,
					(long long)db_int(row, 12))
			      : rc;
}

int runfile_each_block(struct runfile_reader *reader, unsigned device, unsigned stream,
		       int (*fn)(void *ctx, const struct sample_block *block), void *ctx, struct err *err)
{
	struct block_walk walk = {.reader = reader, .fn = fn, .ctx = ctx};
	reader->unpacker.frames = 0;
	return db_each(reader->db, BLOCK_COLUMNS "WHERE device=? AND stream=? ORDER BY seq", device, stream, on_block,
		       &walk, err);
}

struct journal_walk {
	int (*fn)(void *ctx, uint64_t host_ns, const char *kind, const char *json);
	void *ctx;
};

static int on_journal(void *ctx, struct db_stmt *row, struct err *err)
{
	const struct journal_walk *walk = ctx;
	(void)err;
	return walk->fn(walk->ctx, (uint64_t)db_int(row, 0), db_text(row, 1, NULL), db_text(row, 2, NULL));
}

int runfile_each_journal(struct runfile_reader *reader,
			 int (*fn)(void *ctx, uint64_t host_ns, const char *kind, const char *json), void *ctx,
			 struct err *err)
{
	struct journal_walk walk = {.fn = fn, .ctx = ctx};
	return db_each(reader->db, "SELECT host_ns, kind, json FROM journal ORDER BY seq", 0, 0, on_journal, &walk,
		       err);
}

struct rows_walk {
	struct runfile_reader *reader;
	struct squeeze_buffer *buffer;
	size_t row_bytes, rows_max;
	int (*stroke)(void *ctx, const struct stroke *stroke);
	int (*telemetry)(void *ctx, const struct pen_telemetry *telemetry);
	void *ctx;
};

static int give_row(const struct rows_walk *walk, const uint8_t *row)
{
	struct stroke stroke;
	struct pen_telemetry telemetry;
	if (walk->stroke)
		return stroke_from_row(row, &stroke) ? walk->stroke(walk->ctx, &stroke) : -EBADMSG;
	telemetry_from_row(row, &telemetry);
	return walk->telemetry(walk->ctx, &telemetry);
}

static int on_rows(void *ctx, struct db_stmt *row, struct err *err)
{
	const struct rows_walk *walk = ctx;
	uint64_t count = (uint64_t)db_int(row, 1);
	size_t len;
	const uint8_t *data = db_blob(row, 2, &len);
	int rc = unsqueeze(walk->buffer, strcmp(db_text(row, 0, NULL), "zstd") == 0, &data, &len,
			   walk->rows_max * walk->row_bytes);
	if (!rc && (count > walk->rows_max || len != count * walk->row_bytes))
		rc = -EBADMSG;
	for (uint64_t i = 0; !rc && i < count; i++)
		rc = give_row(walk, data + i * walk->row_bytes);
	return rc == -EBADMSG ? err_set(err, rc, "%.300s: item %lld does not decode", walk->reader->path,
					(long long)db_int(row, 3))
			      : rc;
}

int runfile_each_stroke(struct runfile_reader *reader, unsigned point_row,
			int (*fn)(void *ctx, const struct stroke *stroke), void *ctx, struct err *err)
{
	struct rows_walk walk = {.reader = reader,
				 .buffer = &reader->bytes,
				 .row_bytes = STROKE_BYTES,
				 .rows_max = STROKES_PER_ITEM,
				 .stroke = fn,
				 .ctx = ctx};
	return db_each(reader->db,
		       "SELECT state, count, data, seq FROM item WHERE kind='strokes' AND key=? ORDER BY seq",
		       point_row, 0, on_rows, &walk, err);
}

int runfile_each_telemetry(struct runfile_reader *reader, int (*fn)(void *ctx, const struct pen_telemetry *telemetry),
			   void *ctx, struct err *err)
{
	struct rows_walk walk = {.reader = reader,
				 .buffer = &reader->bytes,
				 .row_bytes = TELEMETRY_BYTES,
				 .rows_max = TELEMETRY_PER_ITEM,
				 .telemetry = fn,
				 .ctx = ctx};
	return db_each(reader->db, TELEMETRY_SQL, 0, 0, on_rows, &walk, err);
}

/* ---- cursors ---- */

static int new_cursor(struct runfile_reader *reader, const char *sql, struct runfile_cursor **ret, struct err *err)
{
	struct runfile_cursor *cursor = calloc(1, sizeof(*cursor));
	if (!cursor)
		return err_set(err, -ENOMEM, "no memory for reading the run file");
	cursor->reader = reader;
	int rc = db_prepare(reader->db, sql, &cursor->query, err);
	if (rc) {
		free(cursor);
		return rc;
	}
	*ret = cursor;
	return 0;
}

int runfile_blocks(struct runfile_reader *reader, unsigned device, unsigned stream, struct runfile_cursor **ret,
		   struct err *err)
{
	int rc = new_cursor(reader, BLOCK_COLUMNS "WHERE device=? AND stream=? ORDER BY seq", ret, err);
	if (rc)
		return rc;
	db_bind_int((*ret)->query, 1, device);
	db_bind_int((*ret)->query, 2, stream);
	return 0;
}

int runfile_telemetries(struct runfile_reader *reader, struct runfile_cursor **ret, struct err *err)
{
	return new_cursor(reader, TELEMETRY_SQL, ret, err);
}

int runfile_next_blocks(struct runfile_cursor *cursor, int (*fn)(void *ctx, const struct sample_block *block),
			void *ctx, struct err *err)
{
	struct packed packed;
	int rc = db_step(cursor->query, err);
	if (rc <= 0)
		return rc;
	rc = read_packed(cursor->reader, &cursor->bytes, cursor->query, &packed, err);
	if (rc)
		return rc;
	rc = unpacker_feed(&cursor->unpacker, &packed, fn, ctx);
	if (rc == -EBADMSG)
		err_set(err, rc, "%.300s: block %lld does not decode", cursor->reader->path,
			(long long)db_int(cursor->query, 12));
	return rc ? rc : 1;
}

int runfile_next_telemetry(struct runfile_cursor *cursor, int (*fn)(void *ctx, const struct pen_telemetry *telemetry),
			   void *ctx, struct err *err)
{
	struct rows_walk walk = {.reader = cursor->reader,
				 .buffer = &cursor->bytes,
				 .row_bytes = TELEMETRY_BYTES,
				 .rows_max = TELEMETRY_PER_ITEM,
				 .telemetry = fn,
				 .ctx = ctx};
	int rc = db_step(cursor->query, err);
	if (rc <= 0)
		return rc;
	rc = on_rows(&walk, cursor->query, err);
	return rc ? rc : 1;
}

void runfile_cursor_free(struct runfile_cursor *cursor)
{
	if (!cursor)
		return;
	db_finalize(cursor->query);
	free(cursor->bytes.at);
	free(cursor);
}

static int on_report(void *ctx, struct db_stmt *row, struct err *err)
{
	size_t len;
	const void *data = db_blob(row, 0, &len);
	char *text = malloc(len + 1);
	if (!text)
		return err_set(err, -ENOMEM, "no memory for the report");
	memcpy(text, data, len);
	text[len] = '\0';
	*(char **)ctx = text;
	return 0;
}

int runfile_report(struct runfile_reader *reader, char **ret_text, struct err *err)
{
	char *text = NULL;
	int rc = db_each(reader->db, "SELECT data FROM item WHERE kind='report' AND key=0 ORDER BY seq DESC LIMIT 1", 0,
			 0, on_report, &text, err);
	if (rc)
		return rc;
	if (!text)
		return err_set(err, -ENOENT, "%.300s holds no report: the run ended before one was written",
			       reader->path);
	*ret_text = text;
	return 0;
}

/* ---- verifying ---- */

struct verification {
	struct runfile_reader *reader;
	uint64_t seq, items, blocks; /* last ones that fit */
	uint8_t head[DIGEST_BYTES];
	char want_head[SHA256_HEX]; /* the one the record names; empty: none, or met */
	struct digest cover;        /* of the blocks under the entry at hand */
	char item_hex[DIGEST_HEX];  /* of the item at hand */
};

static int misfit(const struct verification *v, struct err *err, const char *what, uint64_t number)
{
	return err_set(err, -EBADMSG,
		       "%.300s: %s %" PRIu64 " does not fit: the file was changed or damaged after it was written",
		       v->reader->path, what, number);
}

static bool digest_is(struct db_stmt *row, int column, const uint8_t digest[DIGEST_BYTES])
{
	size_t len;
	const void *stored = db_blob(row, column, &len);
	return len == DIGEST_BYTES && memcmp(stored, digest, len) == 0;
}

static int check_item(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	uint8_t digest[DIGEST_BYTES];
	struct item item = {
		.seq = (uint64_t)db_int(row, 0),
		.kind = db_text(row, 1, NULL),
		.key = (uint64_t)db_int(row, 2),
		.state = db_text(row, 3, NULL),
		.count = (uint64_t)db_int(row, 4),
	};
	item.data = db_blob(row, 6, &item.len);
	item_digest(&item, digest);
	if (item.seq != v->items + 1 || !digest_is(row, 5, digest))
		return misfit(v, err, "item", item.seq);
	v->items = item.seq;
	digest_hex(digest, v->item_hex);
	return 0;
}

static int check_block(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	struct packed packed;
	uint8_t digest[DIGEST_BYTES];
	uint64_t seq = (uint64_t)db_int(row, 12);
	if (read_packed(v->reader, &v->reader->bytes, row, &packed, err) != 0)
		return -EBADMSG;
	block_digest(&packed, digest);
	if (seq != v->blocks + 1 || !digest_is(row, 11, digest))
		return misfit(v, err, "block", seq);
	v->blocks = seq;
	digest_raw(&v->cover, digest, sizeof(digest));
	return 0;
}

static bool member_text(const struct json_doc *doc, const char *key, const char **ret)
{
	const struct json *value = json_get(json_root(doc), key);
	if (!value || json_kind(value) != JSON_STRING)
		return false;
	*ret = json_string(value);
	return true;
}

/* The digest of what stands in v->cover against the one that the journal's entry names. */
static bool cover_matches(struct verification *v, const struct json_doc *doc)
{
	uint8_t digest[DIGEST_BYTES];
	char hex[DIGEST_HEX];
	const char *named;
	digest_end(&v->cover, digest);
	digest_hex(digest, hex);
	return member_text(doc, "sha256", &named) && strcmp(named, hex) == 0;
}

static int check_item_entry(struct verification *v, const struct json_doc *doc, uint64_t seq, struct err *err)
{
	uint64_t before = v->items;
	int rc = db_each(v->reader->db, "SELECT seq, kind, key, state, count, digest, data FROM item WHERE seq=?",
			 (int64_t)before + 1, 0, check_item, v, err);
	if (rc)
		return rc;
	const char *named;
	if (v->items != before + 1 || !member_text(doc, "item", &named) || strtoull(named, NULL, 10) != v->items ||
	    !member_text(doc, "sha256", &named) || strcmp(named, v->item_hex) != 0)
		return misfit(v, err, "journal entry", seq);
	return 0;
}

static int check_blocks_entry(struct verification *v, const struct json_doc *doc, uint64_t seq, struct err *err)
{
	const char *first, *last;
	if (!member_text(doc, "first", &first) || !member_text(doc, "last", &last) ||
	    strtoull(first, NULL, 10) != v->blocks + 1)
		return misfit(v, err, "journal entry", seq);
	uint64_t end = strtoull(last, NULL, 10);
	digest_begin(&v->cover);
	int rc = db_each(v->reader->db, BLOCK_COLUMNS "WHERE seq>=? AND seq<=? ORDER BY seq", (int64_t)v->blocks + 1,
			 (int64_t)end, check_block, v, err);
	if (rc)
		return rc;
	return v->blocks == end && cover_matches(v, doc) ? 0 : misfit(v, err, "journal entry", seq);
}

static int check_own_entry(struct verification *v, const char *kind, const char *json, uint64_t seq, struct err *err)
{
	struct json_doc *doc;
	bool item = strcmp(kind, "item") == 0;
	if (!item && strcmp(kind, "blocks") != 0)
		return 0;
	if (json_parse("journal", json, strlen(json), &doc, NULL) != 0)
		return misfit(v, err, "journal entry", seq);
	int rc = item ? check_item_entry(v, doc, seq, err) : check_blocks_entry(v, doc, seq, err);
	json_doc_free(doc);
	return rc;
}

static int check_entry(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	uint64_t seq = (uint64_t)db_int(row, 0);
	size_t len;
	const char *kind = db_text(row, 2, NULL), *json = db_text(row, 3, &len);
	char hex[DIGEST_HEX];

	if (seq != v->seq + 1)
		return misfit(v, err, "journal entry", v->seq + 1);
	chain_append(v->head, seq, (uint64_t)db_int(row, 1), kind, json, len);
	if (!digest_is(row, 4, v->head))
		return misfit(v, err, "journal entry", seq);
	v->seq = seq;
	digest_hex(v->head, hex);
	if (strcmp(hex, v->want_head) == 0)
		v->want_head[0] = '\0';
	return check_own_entry(v, kind, json, seq, err);
}

static int on_record_head(void *ctx, struct db_stmt *row, struct err *err)
{
	struct record *record = record_new();
	if (!record)
		return err_set(err, -ENOMEM, "no memory for the record");
	int rc = on_record(record, row, err);
	if (!rc)
		memcpy(ctx, record->journal_head, SHA256_HEX);
	record_free(record);
	return rc;
}

/* Rows behind the last entry of the journal: blocks of a killed run may stand there, nothing else may. */
static int check_rest(struct verification *v, struct err *err)
{
	uint64_t items = 0, blocks = 0;
	int rc = db_each(v->reader->db, "SELECT count(*) FROM item", 0, 0, on_number, &items, err);
	if (!rc)
		rc = db_each(v->reader->db, "SELECT count(*) FROM block", 0, 0, on_number, &blocks, err);
	if (!rc && v->seq == 0)
		rc = misfit(v, err, "journal entry", 1);
	if (!rc && items != v->items)
		rc = misfit(v, err, "item", v->items + 1);
	if (!rc && v->reader->final && blocks != v->blocks)
		rc = misfit(v, err, "block", v->blocks + 1);
	if (!rc)
		rc = db_each(v->reader->db, BLOCK_COLUMNS "WHERE seq>? ORDER BY seq", (int64_t)v->blocks, 0,
			     check_block, v, err);
	if (!rc && v->want_head[0])
		rc = err_set(err, -EBADMSG,
			     "%.300s: the journal's head that the report names, %s, is not in the journal",
			     v->reader->path, v->want_head);
	return rc;
}

int runfile_verify(struct runfile_reader *reader, struct err *err)
{
	struct verification v = {.reader = reader};
	int rc = db_each(reader->db, "SELECT data FROM item WHERE kind='record' ORDER BY seq DESC LIMIT 1", 0, 0,
			 on_record_head, v.want_head, err);
	if (!rc)
		rc = db_each(reader->db, "SELECT seq, host_ns, kind, json, hash FROM journal ORDER BY seq", 0, 0,
			     check_entry, &v, err);
	return rc ? rc : check_rest(&v, err);
}
