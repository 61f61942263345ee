/* What an open run file holds, row by row: whole walks, and cursors for reading several streams side by side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/record/record_json.h"
#include "rig/runfile/reader.h"
#include "rig/runfile/rows.h"

#define TELEMETRY_SQL "SELECT state, count, data, seq FROM item WHERE kind='telemetry' ORDER BY seq"

/* Columns 0 to 8, before they become numbers of fewer bits: what lies within them is what was digested. */
static bool sound_numbers(struct db_stmt *row)
{
	static const int64_t most[] = {
		RECORD_DEVICES_MAX - 1, STREAMS_MAX - 1, CHANNELS_MAX, 4, INT64_MAX - PACK_RAW_MAX,
		PACK_RAW_MAX,           INT64_MAX,       INT64_MAX,    1};

	if (!db_row_is(row, BLOCK_TYPES))
		return false;
	for (int i = 0; i < (int)(sizeof(most) / sizeof(most[0])); i++)
		if (db_int(row, i) < 0 || db_int(row, i) > most[i])
			return false;
	return true;
}

int read_packed(const struct runfile_reader *reader, struct squeeze_buffer *buffer, struct db_stmt *row,
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
	int rc = sound_numbers(row) ? unsqueeze(buffer, db_int(row, 8) != 0, &ret->raw, &ret->raw_len,
						(size_t)ret->frames * ret->channels * ret->width)
				    : -EBADMSG;
	return rc ? err_set(err, rc, "%.300s: block %lld does not decode", reader->path,
			    (long long)db_int(row, BLOCK_SEQ))
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
	if (walk->reader->verification)
		verify_block(walk->reader->verification, row, &packed);
	rc = unpacker_feed(&walk->reader->unpacker, &packed, walk->fn, walk->ctx);
	return rc == -EBADMSG ? err_set(err, rc, "%.300s: block %lld does not decode", walk->reader->path,
					(long long)db_int(row, BLOCK_SEQ))
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

struct place { /* of a stored block */
	int64_t seq, end_index;
	bool there;
};

static int on_place(void *ctx, struct db_stmt *row, struct err *err)
{
	struct place *place = ctx;

	(void)err;
	*place = (struct place){db_int(row, 0), db_int(row, 1) + db_int(row, 2), true};
	return 0;
}

/* The first block of the stream whose number is not below `seq`. */
static int place_from(struct runfile_reader *reader, unsigned device, unsigned stream, int64_t seq, struct place *ret,
		      struct err *err)
{
	char sql[200];

	*ret = (struct place){.there = false};
	snprintf(sql, sizeof(sql),
		 "SELECT seq, first_index, frames FROM block WHERE device=%u AND stream=%u AND seq>=? ORDER BY seq "
		 "LIMIT "
		 "1",
		 device, stream);
	return db_each(reader->db, sql, seq, 0, on_place, ret, err);
}

/* Numbers and indices of a stream's blocks rise together: halved until the first one that reaches beyond `first_index`. */
static int find_block(struct runfile_reader *reader, unsigned device, unsigned stream, uint64_t first_index,
		      int64_t *ret, struct err *err)
{
	int64_t low = 1, high;
	int rc = db_number(reader->db, "SELECT ifnull(max(seq), 0) + 1 FROM block", &high, err);

	while (!rc && low < high) {
		int64_t middle = low + (high - low) / 2;
		struct place place;
		rc = place_from(reader, device, stream, middle, &place, err);
		if (place.there && (uint64_t)place.end_index <= first_index)
			low = place.seq + 1;
		else
			high = middle;
	}
	*ret = low;
	return rc;
}

int runfile_each_block_from(struct runfile_reader *reader, unsigned device, unsigned stream, uint64_t first_index,
			    int (*fn)(void *ctx, const struct sample_block *block), void *ctx, struct err *err)
{
	struct block_walk walk = {.reader = reader, .fn = fn, .ctx = ctx};
	char sql[sizeof(BLOCK_COLUMNS) + 120];
	int64_t seq;
	int rc = find_block(reader, device, stream, first_index, &seq, err);

	if (rc)
		return rc;
	reader->unpacker.frames = 0;
	snprintf(sql, sizeof(sql), BLOCK_COLUMNS "WHERE device=? AND stream=? AND seq>=%lld ORDER BY seq",
		 (long long)seq);
	return db_each(reader->db, sql, device, stream, on_block, &walk, err);
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

static int on_text(void *ctx, struct db_stmt *row, struct err *err)
{
	size_t len;
	const void *data = db_blob(row, 0, &len);
	char *text = malloc(len + 1);
	if (!text)
		return err_set(err, -ENOMEM, "no memory for a text of the run file");
	memcpy(text, data, len);
	text[len] = '\0';
	free(*(char **)ctx);
	*(char **)ctx = text;
	return 0;
}

int runfile_report(struct runfile_reader *reader, unsigned judged, char **ret_text, struct err *err)
{
	char *text = NULL;
	int rc = db_each(reader->db, "SELECT data FROM item WHERE kind='report' AND key=?1 ORDER BY seq DESC LIMIT 1",
			 judged, 0, on_text, &text, err);
	if (rc)
		return rc;
	if (!text)
		return err_set(err, -ENOENT, "%.300s holds no report: the run ended before one was written",
			       reader->path);
	*ret_text = text;
	return 0;
}

int runfile_judged_limits(struct runfile_reader *reader, unsigned judged, char **ret_text, struct err *err)
{
	char *text = NULL;
	int rc = db_each(reader->db, "SELECT data FROM item WHERE kind='limits' AND key=?1 ORDER BY seq DESC LIMIT 1",
			 judged, 0, on_text, &text, err);
	if (rc)
		return rc;
	if (!text)
		return err_set(err, -ENOENT, "%.300s holds no limits of a verdict number %u", reader->path, judged);
	*ret_text = text;
	return 0;
}

static int text_of_kind(struct runfile_reader *reader, const char *sql, unsigned number, char **ret, struct err *err)
{
	char *text = NULL;
	int rc = db_each(reader->db, sql, number, 0, on_text, &text, err);
	if (!rc && !text)
		rc = err_set(err, -ENOENT, "%.300s holds no seal number %u", reader->path, number);
	if (rc)
		free(text);
	else
		*ret = text;
	return rc;
}

int runfile_seal_texts(struct runfile_reader *reader, unsigned number, struct seal_texts *ret, struct err *err)
{
	static const char seal[] = "SELECT data FROM item WHERE kind='seal' AND key=?1 ORDER BY seq LIMIT 1";
	static const char signature[] = "SELECT data FROM item WHERE kind='signature' AND key=?1 ORDER BY seq LIMIT 1";
	struct seal_texts texts = {.seal = NULL};
	int rc = text_of_kind(reader, seal, number, &texts.seal, err);

	if (!rc)
		rc = text_of_kind(reader, signature, number, &texts.signature, err);
	if (rc)
		seal_texts_free(&texts);
	else
		*ret = texts;
	return rc;
}

/* ---- cursors ---- */

struct runfile_cursor {
	struct runfile_reader *reader;
	struct db_stmt *query;
	struct unpacker unpacker;
	struct squeeze_buffer bytes;
};

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
			(long long)db_int(cursor->query, BLOCK_SEQ));
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
