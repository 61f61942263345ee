/* NAME.penrig, written: what the run tells of itself becomes messages to the writer's thread (writer.c).
 * Leaves out how they are stored (store.c) and reading (open.c, walk.c, verify.c). */
#include "rig/runfile/runfile.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/record/record_json.h"
#include "rig/runfile/writer.h"

#define RUNFILE_PATH_MAX (FILE_PATH_MAX + 136) /* folder, '/', a name of 127 bytes and its extension */

struct stream_in {              /* what came of one stream */
	uint32_t width, frames; /* 0: not seen yet */
	uint64_t lost, lost_first, lost_end;
};

/* What the end writes: the final record and the report, in the log and in the file, the report files, and all of it
 * once more should it have to be corrected. A verdict that cannot be taken back must not be the last thing on a full
 * disk. */
#define SUFFIX_MAX          sizeof("-journal")
#define RESERVE_BYTES       (2u << 20)
#define RESERVE_POINT_BYTES (512u << 10)

struct runfile {
	char path[RUNFILE_PATH_MAX], folder[FILE_PATH_MAX];
	struct store *store; /* the writer's alone while its thread runs */
	struct writer *writer;
	struct stream_in stream[RECORD_DEVICES_MAX][STREAMS_MAX];
	uint64_t lost;
	uint8_t (*point_digest)[DIGEST_BYTES]; /* of each point as last stored */
	unsigned point_digests;
	unsigned sweeps_put; /* a second finish adds what changed */
	int reserve_fd;      /* room for the end, until it comes */
	bool own;            /* what stands at the path is its doing */
	uint8_t counts[WRITER_SAMPLES_MAX];
};

void runfile_journal(struct runfile *rf, uint64_t host_ns, const char *kind, const char *json)
{
	struct message msg = {.type = MSG_JOURNAL, .journal = {.host_ns = host_ns}};
	assert(strlen(kind) < KIND_MAX && strcmp(kind, "item") != 0 && strcmp(kind, "blocks") != 0);
	strcpy(msg.journal.kind, kind);
	writer_put(rf->writer, &msg, json, strlen(json));
}

/* Takes `data`. */
static void put_item(struct runfile *rf, const char *kind, const char *state, uint64_t key, char *data, size_t len)
{
	struct message msg = {.type = MSG_ITEM, .item = {.key = key, .data = data, .len = len}};
	snprintf(msg.item.kind, sizeof(msg.item.kind), "%s", kind);
	snprintf(msg.item.state, sizeof(msg.item.state), "%s", state);
	if (writer_put(rf->writer, &msg, NULL, 0) != 0)
		free(data);
}

static void put_channels(struct runfile *rf, unsigned device, unsigned stream, const struct channel *channels,
			 unsigned count)
{
	char *json;
	struct err err;
	int rc = channels_to_json(channels, count, &json, &err);
	if (rc)
		writer_fail(rf->writer, rc, &err);
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
	rf->lost += (uint64_t)block->frames * block->channels;
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

/* Packs the block's counts beside the message that announces them; returns their bytes. */
static size_t pack_block(struct runfile *rf, const struct sample_block *block, struct pack_piece *piece)
{
	size_t n = (size_t)block->frames * block->channels;
	if (!pack_counts(block->counts, n, piece->width, rf->counts)) {
		piece->width = 4; /* a driver that exceeds its own channel table: kept as it came */
		pack_counts(block->counts, n, 4, rf->counts);
	}
	return n * piece->width;
}

static int put_block(struct runfile *rf, const struct stream_in *in, unsigned device, const struct sample_block *block)
{
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
	size_t len = pack_block(rf, block, &msg.piece);
	return writer_put_samples(rf->writer, &msg, rf->counts, len);
}

void runfile_block(struct runfile *rf, unsigned device, const struct channel *channels, unsigned channel_count,
		   const struct sample_block *block)
{
	assert(device < RECORD_DEVICES_MAX && block->stream < STREAMS_MAX);
	assert((size_t)block->frames * block->channels <= SAMPLES_PER_BLOCK_MAX);
	struct stream_in *in = &rf->stream[device][block->stream];
	if (!block->frames || !block->channels)
		return;
	if (!in->width)
		begin_stream(rf, in, device, channels, channel_count, block);
	int rc = put_block(rf, in, device, block);
	if (rc == -ENOBUFS || rc == -EMSGSIZE)
		count_lost(rf, in, block);
	else if (!rc && in->lost)
		journal_lost(rf, in, device, block);
}

void runfile_telemetry(struct runfile *rf, const struct pen_telemetry *telemetry)
{
	struct message msg = {.type = MSG_TELEMETRY, .telemetry = *telemetry};
	writer_put(rf->writer, &msg, NULL, 0);
}

void runfile_stroke(struct runfile *rf, unsigned point_row, const struct stroke *stroke)
{
	struct message msg = {.type = MSG_STROKE, .stroke = {.point_row = point_row, .stroke = *stroke}};
	writer_put(rf->writer, &msg, NULL, 0);
}

/* Remembers what was stored of each point, so that a later change is stored again and nothing else is. */
static bool point_changed(struct runfile *rf, unsigned row, const char *json)
{
	uint8_t digest[DIGEST_BYTES];
	digest_of(json, strlen(json), digest);
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
		writer_fail(rf->writer, rc, &err);
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
		writer_fail(rf->writer, rc, &err);
	else
		put_item(rf, "record", state, 0, json, strlen(json));
}

void runfile_record(struct runfile *rf, const struct record *record)
{
	put_record(rf, record, "open");
}

static void put_sweeps(struct runfile *rf, const struct record *record)
{
	for (unsigned i = rf->sweeps_put; i < record->sweeps; i++) {
		char *json;
		struct err err;
		int rc = sweep_to_json(&record->sweep[i], &json, &err);
		if (rc)
			writer_fail(rf->writer, rc, &err);
		else
			put_item(rf, "sweep", "end", i, json, strlen(json));
	}
	rf->sweeps_put = record->sweeps;
}

int runfile_status(struct runfile *rf, uint64_t *ret_lost, struct err *err)
{
	if (ret_lost)
		*ret_lost = rf->lost;
	return writer_status(rf->writer, err);
}

int runfile_sync(struct runfile *rf, char ret_head[SHA256_HEX], struct err *err)
{
	uint8_t head[DIGEST_BYTES];
	int rc = writer_sync(rf->writer, ret_head != NULL, head, err);
	if (!rc && ret_head)
		digest_hex(head, ret_head);
	return rc;
}

int runfile_finish(struct runfile *rf, const struct record *record, const char *report_json, struct err *err)
{
	disk_release(rf->reserve_fd);
	rf->reserve_fd = -1;
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

static void path_of(const struct record *record, char ret[RUNFILE_PATH_MAX])
{
	snprintf(ret, RUNFILE_PATH_MAX, "%s/%s" RUNFILE_EXTENSION, record->folder[0] ? record->folder : ".",
		 record->name);
}

/* What SQLite leaves beside a file that was not closed: the newest part of its content. */
static void beside(const char *path, const char *suffix, char ret[RUNFILE_PATH_MAX + SUFFIX_MAX])
{
	snprintf(ret, RUNFILE_PATH_MAX + SUFFIX_MAX, "%s%s", path, suffix);
}

static bool has_wal(const char *path)
{
	char wal[RUNFILE_PATH_MAX + SUFFIX_MAX];
	beside(path, "-wal", wal);
	return access(wal, F_OK) == 0;
}

/* Of a run that could not begin its file: an empty one, as it was when its name was taken. */
static void leave_name(const char *path)
{
	static const char *const suffix[] = {"-wal", "-shm", "-journal"};
	char other[RUNFILE_PATH_MAX + SUFFIX_MAX];
	for (unsigned i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		beside(path, suffix[i], other);
		unlink(other);
	}
	if (truncate(path, 0) != 0)
		unlink(path);
}

static bool is_empty(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
}

static int make_file(const char *path, struct err *err)
{
	if (has_wal(path))
		return err_set(err, -EEXIST,
			       "%.300s-wal is there already, left by an earlier run: choose another folder or name",
			       path);
	int rc = disk_make_file(path, err);
	if (rc == -EEXIST)
		return err_set(
			err, rc,
			"%.300s is there already: a run file is never overwritten; choose another folder or name",
			path);
	return rc;
}

int runfile_take_name(const struct record *record, struct err *err)
{
	char path[RUNFILE_PATH_MAX];
	path_of(record, path);
	return make_file(path, err);
}

void runfile_give_name_back(const struct record *record)
{
	char path[RUNFILE_PATH_MAX];
	path_of(record, path);
	if (is_empty(path) && !has_wal(path))
		unlink(path);
}

static int store_files(struct runfile *rf, const struct record *record, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; !rc && i < record->files; i++) {
		const struct record_file *file = &record->file[i];
		rc = store_item(
			rf->store,
			(struct item){
				.kind = "file", .state = file->kind, .key = i, .data = file->text, .len = file->len},
			err);
	}
	return rc;
}

static int store_header(struct runfile *rf, const struct record *record, struct err *err)
{
	char *json;
	const char *begun = "{\"format\":\"penrig run file\",\"version\":1}";
	int rc = store_journal(rf->store, record->started_host_ns, "begin", begun, strlen(begun), err);
	if (!rc)
		rc = store_files(rf, record, err);
	if (!rc)
		rc = record_to_json(record, &json, err);
	if (rc)
		return rc;
	rc = store_item(rf->store, (struct item){.kind = "record", .state = "open", .data = json, .len = strlen(json)},
			err);
	free(json);
	if (!rc)
		rc = store_commit(rf->store, err);
	if (!rc && (rc = disk_sync_folder(rf->folder)) != 0)
		err_set(err, rc, "the folder %.300s cannot be made durable: %s", rf->folder, strerror(-rc));
	return rc;
}

static void release(struct runfile *rf)
{
	disk_release(rf->reserve_fd);
	store_free(rf->store);
	writer_free(rf->writer);
	free(rf->point_digest);
	free(rf);
}

static struct runfile *allocate(const struct record *record)
{
	struct runfile *rf = calloc(1, sizeof(*rf));
	if (!rf)
		return NULL;
	rf->reserve_fd = -1;
	snprintf(rf->folder, sizeof(rf->folder), "%s", record->folder[0] ? record->folder : ".");
	path_of(record, rf->path);
	return rf;
}

static int begin(struct runfile *rf, const struct record *record, double bytes_per_s, bool may_wait, struct err *err)
{
	if (writer_new(rf->path, bytes_per_s, may_wait, &rf->writer) != 0)
		return err_set(err, -ENOMEM, "no memory for the run file's ring");
	int rc = disk_make_folder(rf->folder, err);
	if (!rc)
		rc = is_empty(rf->path) && !has_wal(rf->path) ? 0 : make_file(rf->path, err);
	rf->own = rc == 0;
	if (!rc)
		rc = store_create(rf->path, WRITER_ITEM_MAX, &rf->store, err);
	if (!rc)
		rc = store_header(rf, record, err);
	if (!rc)
		rc = disk_reserve(rf->path, RESERVE_BYTES + record->points_planned * RESERVE_POINT_BYTES,
				  &rf->reserve_fd, err);
	return rc ? rc : writer_start(rf->writer, rf->store, err);
}

int runfile_create(const struct record *record, double bytes_per_s, bool may_wait, struct runfile **ret,
		   struct err *err)
{
	struct runfile *rf = allocate(record);
	if (!rf)
		return err_set(err, -ENOMEM, "no memory for the run file");
	int rc = begin(rf, record, bytes_per_s, may_wait, err);
	if (rc) {
		char path[RUNFILE_PATH_MAX];
		const bool own = rf->own;
		memcpy(path, rf->path, sizeof(path));
		release(rf);
		if (own)
			leave_name(path);
		return rc;
	}
	*ret = rf;
	return 0;
}

static int settle(struct runfile *rf, struct err *err)
{
	int rc = writer_flush(rf->writer, err);
	if (!rc)
		rc = store_settle(rf->store, err);
	if (rc)
		return rc;
	rc = disk_sync_file(rf->path);
	if (!rc)
		rc = disk_sync_folder(rf->folder);
	return rc ? err_set(err, rc, "%.300s cannot be made durable: %s%s", rf->path, strerror(-rc), disk_remedy(rc))
		  : 0;
}

int runfile_close(struct runfile *rf, struct err *err)
{
	struct err why;
	if (!rf)
		return 0;
	bool sound = writer_stop(rf->writer);
	int rc = writer_status(rf->writer, err);
	int settled = sound ? settle(rf, &why) : 0;
	if (!rc && settled)
		rc = err_set(err, settled, "%s", why.text);
	release(rf);
	return rc;
}

void runfile_discard(struct runfile *rf)
{
	char path[RUNFILE_PATH_MAX];

	if (!rf)
		return;
	memcpy(path, rf->path, sizeof(path));
	(void)writer_stop(rf->writer);
	release(rf); /* the last connection that is closed takes SQLite's own files away */
	unlink(path);
}
