/* The run file: what goes in comes out, whatever happens to the disk, the process or the folder meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/record/record_json.h"
#include "rig/runfile/pack.h"
#include "rig/runfile/ring.h"
#include "rig/runfile/runfile.h"
#include "tests/unit/record/record_sample.h"

#define FS_HZ  50000
#define NOBODY 65534

static char folder[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/penrig-test-XXXXXX");
	return mkdtemp(folder) && chmod(folder, 0777) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	chmod(folder, 0777);
	return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static char *path_of(const char *name)
{
	static char path[160];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* A force-like count for every index, so that a sample in the wrong place is seen. */
static int32_t count_at(uint64_t index, unsigned channel)
{
	uint64_t x = (index + 1) * 0x9E3779B97F4A7C15ull + channel;
	return (int32_t)((x >> 40) % 4000) - 2000 + (int32_t)(index % 97);
}

static void feed(struct runfile *rf, const struct record *record, uint64_t first, uint32_t frames, uint32_t flags)
{
	static int32_t counts[SAMPLES_PER_BLOCK_MAX];
	const struct record_device *sensor = &record->device[1];
	for (uint32_t i = 0; i < frames; i++)
		counts[i] = count_at(first + i, 0);
	struct sample_block block = {.channels = 1,
				     .flags = flags,
				     .frames = frames,
				     .first_index = first,
				     .host_ns = 1000000000 + (first + frames) * 20000 + first % 977,
				     .device_ns = first * 20000,
				     .counts = counts};
	runfile_block(rf, 1, sensor->channel, sensor->channels, &block);
}

/* Pieces of changing size; returns the index behind the last one. */
static uint64_t feed_span(struct runfile *rf, const struct record *record, uint64_t first, uint64_t frames,
			  unsigned seed)
{
	uint64_t end = first + frames;
	for (unsigned i = 0; first < end; i++) {
		uint32_t n = 1 + (i * 7919u + seed * 104729u) % 3000u;
		n = n < end - first ? n : (uint32_t)(end - first);
		feed(rf, record, first, n, 0);
		first += n;
	}
	return end;
}

struct seen {
	uint64_t next, frames, blocks, gaps, host_ns;
	uint32_t frames_of_first, flags_of_last;
};

static int on_block(void *ctx, const struct sample_block *block)
{
	struct seen *seen = ctx;
	if (block->first_index != seen->next)
		seen->gaps++;
	for (uint32_t i = 0; i < block->frames; i++)
		assert_int_equal(block->counts[i], count_at(block->first_index + i, 0));
	assert_int_equal(block->host_ns,
			 1000000000 + (block->first_index + block->frames) * 20000 + block->first_index % 977);
	assert_int_equal(block->device_ns, block->first_index * 20000);
	if (!seen->blocks++)
		seen->frames_of_first = block->frames;
	seen->next = block->first_index + block->frames;
	seen->frames += block->frames;
	seen->flags_of_last = block->flags;
	return 0;
}

static struct seen walk(struct runfile_reader *reader)
{
	struct seen seen = {0};
	struct err err;
	assert_int_equal(runfile_each_block(reader, 1, 0, on_block, &seen, &err), 0);
	return seen;
}

static struct runfile *create(const struct record *record, bool may_wait)
{
	struct runfile *rf;
	struct err err = {""};
	int rc = runfile_create(record, 2.0 * FS_HZ, may_wait, &rf, &err);
	if (rc)
		fail_msg("runfile_create: %s", err.text);
	return rf;
}

static struct runfile_reader *open_file(const char *path, struct record **ret)
{
	struct runfile_reader *reader;
	struct err err = {""};
	int rc = runfile_open(path, &reader, ret, &err);
	if (rc)
		fail_msg("runfile_open: %s", err.text);
	return reader;
}

static void close_file(struct runfile *rf)
{
	struct err err = {""};
	int rc = runfile_close(rf, &err);
	if (rc)
		fail_msg("runfile_close: %s", err.text);
}

static void write_strokes(struct runfile *rf, unsigned row, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct stroke stroke = {.number = i,
					.phase = POINT_MEASURE,
					.instant = 428.5 * i + row,
					.height_n = 0.6,
					.depth_mm = 1.0 / (i + 1),
					.protrusion_mm = NAN,
					.misfit_n = INFINITY};
		runfile_stroke(rf, row, &stroke);
	}
}

static void write_telemetry(struct runfile *rf, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct pen_telemetry t = {.host_ns = 1000000000ull * i,
					  .rate_hz = 116 + 0.001 * i,
					  .motor_c = NAN,
					  .handle_c = 30,
					  .battery_v = 3.7,
					  .current_a = 0.4,
					  .condition = i,
					  .running = i % 2};
		runfile_telemetry(rf, &t);
	}
}

/* A whole run: header, points with samples, strokes, telemetry, the end. */
static void write_run(const struct record *record, uint64_t frames)
{
	struct runfile *rf = create(record, false);
	char head[SHA256_HEX];
	struct err err = {""};
	runfile_record(rf, record);
	for (unsigned i = 0; i < record->points; i++) {
		runfile_point_begin(rf, i, &record->point[i]);
		runfile_journal(rf, 1000000000 + i, "stage", "{\"stage\":\"measuring\"}");
		feed_span(rf, record, i * frames, frames, i);
		write_strokes(rf, i, 2500);
		runfile_point_end(rf, i, &record->point[i]);
	}
	write_telemetry(rf, 150);
	assert_int_equal(runfile_sync(rf, head, &err), 0);
	struct record *final = (struct record *)record;
	memcpy(final->journal_head, head, sizeof(head));
	assert_int_equal(runfile_finish(rf, final, "{\"report\": \"ü\"}", &err), 0);
	close_file(rf);
}

static void assert_same_json(const struct record *a, const struct record *b)
{
	char *left, *right;
	struct err err;
	assert_int_equal(record_to_json(a, &left, &err), 0);
	assert_int_equal(record_to_json(b, &right, &err), 0);
	assert_string_equal(left, right);
	free(left);
	free(right);
	assert_int_equal(a->points, b->points);
	for (unsigned i = 0; i < a->points; i++) {
		assert_int_equal(point_to_json(&a->point[i], &left, &err), 0);
		assert_int_equal(point_to_json(&b->point[i], &right, &err), 0);
		assert_string_equal(left, right);
		free(left);
		free(right);
	}
	assert_int_equal(a->sweeps, b->sweeps);
	assert_int_equal(sweep_to_json(&a->sweep[0], &left, &err), 0);
	assert_int_equal(sweep_to_json(&b->sweep[0], &right, &err), 0);
	assert_string_equal(left, right);
	free(left);
	free(right);
}

static int count_stroke(void *ctx, const struct stroke *stroke)
{
	unsigned *n = ctx;
	assert_int_equal(stroke->number, *n);
	assert_true(stroke->instant == 428.5 * *n + 1);
	assert_true(stroke->depth_mm == 1.0 / (*n + 1));
	assert_true(isnan(stroke->protrusion_mm) && isinf(stroke->misfit_n));
	assert_int_equal(stroke->phase, POINT_MEASURE);
	(*n)++;
	return 0;
}

static int count_telemetry(void *ctx, const struct pen_telemetry *t)
{
	unsigned *n = ctx;
	assert_int_equal(t->host_ns, 1000000000ull * *n);
	assert_true(t->rate_hz == 116 + 0.001 * *n && isnan(t->motor_c));
	assert_int_equal(t->condition, *n);
	assert_int_equal(t->running, *n % 2);
	(*n)++;
	return 0;
}

static void test_round_trip(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "whole"), *restored;
	struct err err;
	record->run_status = RUN_COMPLETE;
	write_run(record, 40000);
	struct runfile_reader *reader = open_file(path_of("whole.penrig"), &restored);
	assert_same_json(record, restored);
	assert_int_equal(restored->file[0].len, 14);
	assert_string_equal(restored->file[0].text, "{\"a\": 1} // ü");
	struct seen seen = walk(reader);
	assert_int_equal(seen.frames, 80000);
	assert_int_equal(seen.gaps, 0);
	unsigned n = 0;
	assert_int_equal(runfile_each_stroke(reader, 1, count_stroke, &n, &err), 0);
	assert_int_equal(n, 2500);
	n = 0;
	assert_int_equal(runfile_each_telemetry(reader, count_telemetry, &n, &err), 0);
	assert_int_equal(n, 150);
	char *text;
	assert_int_equal(runfile_report(reader, 0, &text, &err), 0);
	assert_string_equal(text, "{\"report\": \"ü\"}");
	free(text);
	int rc = runfile_verify(reader, &err);
	if (rc)
		fail_msg("%s", err.text);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

static void test_one_file_of_the_stated_form(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "form");
	write_run(record, 1000);
	assert_int_equal(access(path_of("form.penrig-wal"), F_OK), -1);
	assert_int_equal(access(path_of("form.penrig-shm"), F_OK), -1);
	assert_int_equal(access(path_of("form.penrig-journal"), F_OK), -1);
	unsigned char head[100];
	FILE *f = fopen(path_of("form.penrig"), "rb");
	assert_int_equal(fread(head, 1, sizeof(head), f), sizeof(head));
	fclose(f);
	assert_int_equal(head[16] << 8 | head[17], 1); /* 1 stands for 65 536 */
	assert_int_equal(head[18], 1);                 /* written by a rollback journal's rules again */
	assert_int_equal(head[63], 1);                 /* user_version */
	assert_memory_equal(head + 68, "PRIG", 4);
	record_free(record);
}

struct row {
	uint64_t first, frames;
	size_t len;
	uint8_t bytes[PACK_RAW_MAX];
};

static unsigned stored_rows(const char *path, struct row *rows, unsigned cap)
{
	sqlite3 *db;
	sqlite3_stmt *query;
	unsigned n = 0;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT first_index, frames, samples FROM block ORDER BY seq", -1, &query, NULL),
		SQLITE_OK);
	while (sqlite3_step(query) == SQLITE_ROW) {
		assert_true(n < cap);
		rows[n].first = (uint64_t)sqlite3_column_int64(query, 0);
		rows[n].frames = (uint64_t)sqlite3_column_int64(query, 1);
		rows[n].len = (size_t)sqlite3_column_bytes(query, 2);
		assert_true(rows[n].len <= sizeof(rows[n].bytes));
		memcpy(rows[n].bytes, sqlite3_column_blob(query, 2), rows[n].len);
		n++;
	}
	sqlite3_finalize(query);
	sqlite3_close(db);
	return n;
}

static void test_blocks_do_not_depend_on_arrival(void **state)
{
	(void)state;
	static struct row rows[2][16];
	unsigned n[2];
	const char *names[2] = {"a", "b"};
	for (unsigned i = 0; i < 2; i++) {
		struct record *record = sample_record(folder, names[i]);
		struct runfile *rf = create(record, false);
		feed_span(rf, record, 0, 20000, i);
		feed_span(rf, record, 25000, 20000, i + 5); /* after a gap */
		close_file(rf);
		n[i] = stored_rows(path_of(i ? "b.penrig" : "a.penrig"), rows[i], 16);
		record_free(record);
	}
	/* 7 800 frames of two bytes fill a block; the gap ends one: 7800 7800 4400 | 6200 7800 6000 */
	assert_int_equal(n[0], 6);
	assert_int_equal(n[1], n[0]);
	assert_int_equal(rows[0][2].frames, 4400);
	assert_int_equal(rows[0][3].first, 25000);
	assert_int_equal(rows[0][3].frames, 6200);
	for (unsigned i = 0; i < n[0]; i++) {
		assert_int_equal(rows[0][i].first, rows[1][i].first);
		assert_int_equal(rows[0][i].frames, rows[1][i].frames);
		assert_int_equal(rows[0][i].len, rows[1][i].len);
		assert_memory_equal(rows[0][i].bytes, rows[1][i].bytes, rows[0][i].len);
	}
}

struct digest_of_blocks { /* asserts nothing: it is called on another thread, too */
	uint64_t blocks, sum;
	uint64_t stop_at; /* block that ends the walk; 0: none */
};

static int sum_block(void *ctx, const struct sample_block *block)
{
	struct digest_of_blocks *d = ctx;
	d->sum = d->sum * 31 + block->first_index + block->frames + block->host_ns + block->flags;
	for (uint32_t i = 0; i < block->frames * block->channels; i++)
		d->sum = d->sum * 31 + (uint32_t)block->counts[i];
	return ++d->blocks == d->stop_at ? 7 : 0;
}

/* Pieces of one sample have more arrivals to a stored block than are passed on to the other thread. */
static void test_walks_aside_are_the_same(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "aside"), *restored;
	struct runfile *rf = create(record, true);
	uint64_t next = feed_span(rf, record, 0, 60000, 1);
	for (uint64_t end = next + 12000; next < end; next++)
		feed(rf, record, next, 1, 0);
	feed_span(rf, record, next, 60000, 2);
	close_file(rf);
	struct runfile_reader *reader = open_file(path_of("aside.penrig"), &restored);
	for (uint64_t stop_at = 0; stop_at < 8000; stop_at = 3 * stop_at + 1) {
		struct digest_of_blocks here = {.stop_at = stop_at}, aside = {.stop_at = stop_at};
		struct err err = {""};
		int rc = runfile_each_block(reader, 1, 0, sum_block, &here, &err);
		assert_int_equal(rc, stop_at ? 7 : 0);
		assert_int_equal(runfile_each_block_aside(reader, 1, 0, sum_block, &aside, &err), rc);
		assert_int_equal(aside.blocks, here.blocks);
		assert_int_equal(aside.sum, here.sum);
		assert_true(here.blocks > 12000 || stop_at);
	}
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

/* The walk finds what runfile_verify() finds, and says the same. */
static void assert_found_on_the_way(const char *path, const char *text)
{
	struct record *restored;
	struct runfile_reader *reader = open_file(path, &restored);
	struct digest_of_blocks blocks = {0};
	struct err err = {""}, walked = {""};
	assert_int_equal(runfile_verify_begin(reader, &err), 0);
	(void)runfile_each_block(reader, 1, 0, sum_block, &blocks, &walked);
	assert_int_equal(runfile_verify_end(reader, &err), *text ? -EBADMSG : 0);
	assert_string_equal(err.text, text);
	runfile_reader_free(reader);
	record_free(restored);
}

struct first_index {
	uint64_t index, frames;
};

static int on_first(void *ctx, const struct sample_block *block)
{
	struct first_index *first = ctx;
	first->index = block->first_index;
	first->frames = block->frames;
	for (uint32_t i = 0; i < block->frames; i++)
		assert_int_equal(block->counts[i], count_at(block->first_index + i, 0));
	return 7;
}

/* A walk from a sample on begins no later than at it, and not far before. */
static void test_a_walk_from_a_sample(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "from"), *restored;
	write_run(record, 200000);
	struct runfile_reader *reader = open_file(path_of("from.penrig"), &restored);
	struct first_index first;
	struct err err = {""};
	for (uint64_t index = 0; index < 200000; index += 13331) {
		first.index = UINT64_MAX;
		assert_int_equal(runfile_each_block_from(reader, 1, 0, index, on_first, &first, &err), 7);
		assert_true(first.index <= index);
		assert_true(index - first.index < 2 * PACK_RAW_MAX / 2);
	}
	first.index = UINT64_MAX;
	assert_int_equal(runfile_each_block_from(reader, 1, 0, 10000000, on_first, &first, &err), 0);
	assert_int_equal(first.index, UINT64_MAX);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

static void test_flags_and_gaps_come_back(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "gaps"), *restored;
	struct runfile *rf = create(record, false);
	feed(rf, record, 0, 10000, 0); /* crosses a block's end: comes back in one piece */
	feed(rf, record, 12000, 500, SAMPLE_GAP | SAMPLE_SATURATED);
	close_file(rf);
	struct runfile_reader *reader = open_file(path_of("gaps.penrig"), &restored);
	struct seen seen = walk(reader);
	assert_int_equal(seen.blocks, 2);
	assert_int_equal(seen.frames_of_first, 10000);
	assert_int_equal(seen.gaps, 1);
	assert_int_equal(seen.flags_of_last, SAMPLE_GAP | SAMPLE_SATURATED);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

static void test_widths(void **state)
{
	(void)state;
	const int32_t counts[] = {0, 1, -1, 32767, -32768, 8388607, -8388608, INT32_MAX, INT32_MIN};
	const unsigned fit[] = {0, 0, 5, 7, 9}; /* how many of them fit into so many bytes */
	for (uint32_t width = 2; width <= 4; width++) {
		uint8_t raw[sizeof(counts)];
		int32_t back[9];
		assert_true(pack_counts(counts, fit[width], width, raw));
		unpack_counts(raw, fit[width], width, back);
		assert_memory_equal(back, counts, fit[width] * sizeof(counts[0]));
		for (unsigned i = fit[width]; i < 9; i++)
			assert_false(pack_counts(&counts[i], 1, width, raw));
		const int32_t beyond = width < 4 ? 1 << (8 * width - 1) : 0, below = -beyond - 1;
		assert_false(width < 4 && pack_counts(&beyond, 1, width, raw));
		assert_false(width < 4 && pack_counts(&below, 1, width, raw));
	}
}

static int count_lost(void *ctx, uint64_t host_ns, const char *kind, const char *json)
{
	(void)host_ns;
	if (strcmp(kind, "lost") == 0) {
		assert_non_null(strstr(json, "\"frames\""));
		++*(unsigned *)ctx;
	}
	return 0;
}

/* Somebody else's lock on the database is a disk that does not answer. */
static sqlite3 *stall(const char *path)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void end_stall(sqlite3 *db)
{
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_stalled_disk_loses_nothing_within_the_ring(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "stall"), *restored;
	struct runfile *rf = create(record, false);
	struct err err;
	uint64_t lost = 99;
	assert_int_equal(runfile_sync(rf, NULL, &err), 0);
	sqlite3 *db = stall(path_of("stall.penrig"));
	uint64_t end = (uint64_t)(RUNFILE_RING_S * FS_HZ);
	for (uint64_t at = 0; at < end; at += 250) /* 5 ms at a time */
		feed(rf, record, at, 250, 0);
	assert_int_equal(runfile_status(rf, &lost, &err), 0);
	assert_int_equal(lost, 0);
	end_stall(db);
	assert_int_equal(runfile_sync(rf, NULL, &err), 0);
	close_file(rf);
	struct runfile_reader *reader = open_file(path_of("stall.penrig"), &restored);
	struct seen seen = walk(reader);
	assert_int_equal(seen.frames, end);
	assert_int_equal(seen.gaps, 0);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

static void test_full_ring_counts_what_it_drops(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "drop"), *restored;
	struct runfile *rf = create(record, false);
	struct err err;
	uint64_t lost = 0, at = 0;
	assert_int_equal(runfile_sync(rf, NULL, &err), 0);
	sqlite3 *db = stall(path_of("drop.penrig"));
	for (; at < 100ull * FS_HZ && !lost; at += 10000) {
		feed(rf, record, at, 10000, 0);
		runfile_status(rf, &lost, &err);
	}
	assert_int_equal(lost, 10000);
	runfile_journal(rf, 5, "event", "{\"text\":\"the journal has a reserve\"}");
	end_stall(db);
	assert_int_equal(runfile_sync(rf, NULL, &err), 0);
	feed(rf, record, at, 100, 0);
	close_file(rf);
	struct runfile_reader *reader = open_file(path_of("drop.penrig"), &restored);
	struct seen seen = walk(reader);
	assert_int_equal(seen.frames, at - 10000 + 100);
	assert_int_equal(seen.gaps, 1);
	assert_int_equal(seen.flags_of_last, SAMPLE_GAP);
	unsigned entries = 0;
	assert_int_equal(runfile_each_journal(reader, count_lost, &entries, &err), 0);
	assert_int_equal(entries, 1);
	assert_int_equal(runfile_verify(reader, &err), 0);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

/* A disk that stands still for so long that not even the journal fits any more: the run is told, what was there is
 * kept. */
static void test_full_journal_fails_the_run(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "mute"), *restored;
	struct runfile *rf = create(record, false);
	struct err err = {""};
	unsigned entries = 0;
	assert_int_equal(runfile_sync(rf, NULL, &err), 0);
	sqlite3 *db = stall(path_of("mute.penrig"));
	feed_span(rf, record, 0, 50000, 1);
	while (runfile_status(rf, NULL, &err) == 0 && entries++ < 1000000)
		runfile_journal(rf, entries, "event", "{\"text\":\"once more\"}");
	assert_int_equal(runfile_status(rf, NULL, &err), -EIO);
	assert_non_null(strstr(err.text, "faster disk"));
	end_stall(db);
	assert_int_equal(runfile_close(rf, &err), -EIO);
	struct runfile_reader *reader = open_file(path_of("mute.penrig"), &restored);
	assert_int_equal(walk(reader).frames, 50000);
	assert_int_equal(runfile_verify(reader, &err), 0);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

static unsigned versions_of(const char *path, const char *where)
{
	sqlite3 *db;
	sqlite3_stmt *query;
	char sql[120];
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM point WHERE %s", where);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(query), SQLITE_ROW);
	unsigned n = (unsigned)sqlite3_column_int(query, 0);
	sqlite3_finalize(query);
	sqlite3_close(db);
	return n;
}

static void test_a_later_change_is_added_never_written_over(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "later"), *restored;
	struct runfile *rf = create(record, true);
	struct err err = {""};
	for (unsigned i = 0; i < 2; i++) {
		runfile_point_begin(rf, i, &record->point[i]);
		runfile_point_end(rf, i, &record->point[i]);
	}
	record->point[0].counts = false; /* a second attempt took its place */
	assert_int_equal(runfile_finish(rf, record, NULL, &err), 0);
	close_file(rf);
	assert_int_equal(versions_of(path_of("later.penrig"), "row = 0"), 3);
	assert_int_equal(versions_of(path_of("later.penrig"), "row = 1"), 2);
	struct runfile_reader *reader = open_file(path_of("later.penrig"), &restored);
	assert_same_json(record, restored);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

static void test_who_may_wait_loses_nothing(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "wait"), *restored;
	struct runfile *rf = create(record, true);
	struct err err;
	uint64_t lost = 99;
	feed_span(rf, record, 0, 3000000, 1); /* 6 MB through a ring of 2 */
	assert_int_equal(runfile_status(rf, &lost, &err), 0);
	assert_int_equal(lost, 0);
	close_file(rf);
	struct runfile_reader *reader = open_file(path_of("wait.penrig"), &restored);
	assert_int_equal(walk(reader).frames, 3000000);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

/* In a child: a limit on file size is a disk that is full, for this process alone. */
static int fill_disk(void)
{
	struct record *record = sample_record(folder, "full");
	struct runfile *rf;
	struct err err = {""};
	if (runfile_create(record, 2.0 * FS_HZ, true, &rf, &err) != 0)
		return 10;
	struct rlimit limit = {.rlim_cur = 3000000, .rlim_max = 3000000};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	runfile_point_begin(rf, 0, &record->point[0]);
	runfile_sync(rf, NULL, &err);
	feed_span(rf, record, 0, 3000000, 3);
	if (runfile_sync(rf, NULL, &err) != -ENOSPC || !strstr(err.text, "--output-dir"))
		return 11;
	runfile_journal(rf, 1, "event", "{}"); /* goes nowhere, does no harm */
	runfile_point_end(rf, 0, &record->point[0]);
	if (runfile_status(rf, NULL, &err) != -ENOSPC || runfile_finish(rf, record, "{}", &err) != -ENOSPC)
		return 12;
	int rc = runfile_close(rf, &err);
	record_free(record);
	return rc == -ENOSPC ? 0 : 13;
}

static void test_full_disk(void **state)
{
	(void)state;
	int status;
	pid_t child = fork();
	if (child == 0)
		_exit(fill_disk());
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	struct record *restored;
	struct err err;
	struct runfile_reader *reader = open_file(path_of("full.penrig"), &restored);
	assert_int_equal(restored->run_status, RUN_INTERRUPTED);
	assert_int_equal(restored->points, 1);
	assert_true(walk(reader).frames > 0);
	assert_int_equal(runfile_verify(reader, &err), 0);
	runfile_reader_free(reader);
	record_free(restored);
}

static void write_until_killed(const char *name, int ready)
{
	struct record *record = sample_record(folder, name);
	struct runfile *rf;
	struct err err;
	if (runfile_create(record, 2.0 * FS_HZ, true, &rf, &err) != 0)
		_exit(1);
	runfile_record(rf, record);
	runfile_point_begin(rf, 0, &record->point[0]);
	feed_span(rf, record, 0, 30000, 1);
	runfile_point_end(rf, 0, &record->point[0]);
	record->point[1].measured = false;
	runfile_point_begin(rf, 1, &record->point[1]);
	runfile_journal(rf, 31000000000, "stage", "{\"stage\":\"spin_up\"}");
	runfile_sync(rf, NULL, &err);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	for (uint64_t at = 30000;; at += 250)
		feed(rf, record, at, 250, 0);
}

static void kill_while_writing(const char *name)
{
	int pipe_fds[2], status;
	char byte;
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();
	if (child == 0)
		write_until_killed(name, pipe_fds[1]);
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	close(pipe_fds[0]);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
}

static void check_killed(const char *path)
{
	struct record *restored;
	struct err err = {""};
	struct runfile_reader *reader = open_file(path, &restored);
	assert_int_equal(restored->run_status, RUN_INTERRUPTED);
	assert_non_null(strstr(restored->status_reason,
			       "at point 2 of 2 (step 1 \"fine lines\", 1 mm, 116.667 Hz), stage spin_up"));
	assert_int_equal(restored->points, 2);
	assert_true(restored->point[0].measured);
	assert_true(restored->point[0].result[0].result.value == 0.51);
	assert_false(restored->point[1].measured);
	assert_false(restored->has_verdict); /* whoever reopens it forms one */
	assert_false(restored->stop_verified);
	assert_memory_equal(restored->ended_utc, "2026-09-21T14:1", 15);
	struct seen seen = walk(reader);
	assert_true(seen.frames >= 30000);
	assert_int_equal(seen.gaps, 0);
	char *text;
	assert_int_equal(runfile_report(reader, 0, &text, &err), -ENOENT);
	int rc = runfile_verify(reader, &err);
	if (rc)
		fail_msg("%s", err.text);
	runfile_reader_free(reader);
	record_free(restored);
}

static void test_killed_run(void **state)
{
	(void)state;
	kill_while_writing("killed");
	assert_int_equal(access(path_of("killed.penrig-wal"), F_OK), 0);
	check_killed(path_of("killed.penrig"));
	check_killed(path_of("killed.penrig")); /* reading changes nothing */
}

/* The system kills who writes a file beyond this length, or gives an error: at each of its lengths, and in the middle of a page. */
static int began_within(const char *name, rlim_t length, bool killed)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct record *record = sample_record(folder, name);
		struct runfile *rf;
		struct err err;
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		signal(SIGXFSZ, killed ? SIG_DFL : SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){length, length});
		_exit(runfile_create(record, 2.0 * FS_HZ, true, &rf, &err) ? 1 : 0);
	}
	waitpid(child, &status, 0);
	return status;
}

static bool killed_as_it_began(const char *name, rlim_t length)
{
	int status = began_within(name, length, true);
	if (!WIFSIGNALED(status))
		return false;
	assert_int_equal(WTERMSIG(status), SIGXFSZ);
	return true;
}

static bool opens(const char *path)
{
	struct runfile_reader *reader;
	struct record *record;
	struct err err;
	int rc = runfile_open(path, &reader, &record, &err);
	if (!rc) {
		runfile_reader_free(reader);
		record_free(record);
	}
	return rc == 0;
}

/* What is left holds nothing, or can be read: never what is neither. */
static void test_killed_as_it_began(void **state)
{
	unsigned killed = 0;
	char name[32], file[64];
	(void)state;
	for (rlim_t length = 0; length < 1000000; length += 49152 + 512, killed++) {
		snprintf(name, sizeof(name), "begun-%lu", (unsigned long)length);
		snprintf(file, sizeof(file), "%s.penrig", name);
		if (!killed_as_it_began(name, length))
			break;
		assert_true(access(path_of(file), F_OK) != 0 || runfile_holds_nothing(path_of(file)) ||
			    opens(path_of(file)));
	}
	assert_true(killed > 15);
}

/* Where its file cannot be made, no more than its name stays, for whoever took that. */
static void test_no_room_as_it_began(void **state)
{
	unsigned full = 0;
	char name[32], file[64], wal[64];
	struct stat st;
	(void)state;
	for (rlim_t length = 0; length < 1000000; length += 49152 + 512, full++) {
		snprintf(name, sizeof(name), "no-room-%lu", (unsigned long)length);
		snprintf(file, sizeof(file), "%s.penrig", name);
		snprintf(wal, sizeof(wal), "%s.penrig-wal", name);
		int status = began_within(name, length, false);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 0)
			break;
		assert_true(stat(path_of(file), &st) != 0 || st.st_size == 0);
		assert_int_not_equal(access(path_of(wal), F_OK), 0);
	}
	assert_true(full > 5);
}

/* Runs fn where the test folder cannot be written, for root by becoming nobody. */
static void in_read_only_folder(void (*fn)(const char *path), const char *path)
{
	int status;
	setenv("TMPDIR", "/tmp", 1); /* the caller's may be closed to nobody */
	chmod(folder, 0555);
	pid_t child = fork();
	if (child == 0) {
		if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
			_exit(1);
		if (access(folder, W_OK) == 0)
			_exit(2);
		fn(path);
		_exit(0);
	}
	waitpid(child, &status, 0);
	chmod(folder, 0777);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void check_whole(const char *path)
{
	struct record *restored;
	struct runfile_reader *reader = open_file(path, &restored);
	assert_int_equal(walk(reader).frames, 20000);
	assert_string_equal(restored->dut, "PEN-0012");
	runfile_reader_free(reader);
	record_free(restored);
}

static void test_read_only_folder(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "archived");
	write_run(record, 10000);
	in_read_only_folder(check_whole, path_of("archived.penrig"));
	record_free(record);
	kill_while_writing("evidence");
	unlink(path_of("evidence.penrig-shm"));
	in_read_only_folder(check_killed, path_of("evidence.penrig"));
	/* A link from elsewhere: the log stands beside the file, not beside the link. */
	char elsewhere[] = "/tmp/penrig-link-XXXXXX", link_there[64];
	assert_non_null(mkdtemp(elsewhere));
	assert_int_equal(chmod(elsewhere, 0755), 0);
	snprintf(link_there, sizeof(link_there), "%s/run.penrig", elsewhere);
	assert_int_equal(symlink(path_of("evidence.penrig"), link_there), 0);
	unlink(path_of("evidence.penrig-shm"));
	in_read_only_folder(check_killed, link_there);
	unlink(link_there);
	rmdir(elsewhere);
}

/* Killed in the middle of a change to the file itself: half of it is there, and what undoes it lies beside it. */
static void test_a_half_change_is_undone(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "half");
	struct err err;
	int status;
	write_run(record, 200000);
	record_free(record);
	pid_t child = fork();
	if (child == 0) {
		sqlite3 *db;
		if (sqlite3_open_v2(path_of("half.penrig"), &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
		    sqlite3_exec(db,
				 "PRAGMA cache_size=1; BEGIN; UPDATE block SET samples=zeroblob(length(samples)); "
				 "UPDATE journal SET json='{}'",
				 NULL, NULL, NULL) != SQLITE_OK)
			_exit(1);
		_exit(0);
	}
	waitpid(child, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(access(path_of("half.penrig-journal"), F_OK), 0);
	for (int twice = 0; twice < 2; twice++) { /* reading changes nothing */
		struct runfile_reader *reader = open_file(path_of("half.penrig"), &record);
		assert_int_equal(runfile_verify(reader, &err), 0);
		runfile_reader_free(reader);
		record_free(record);
		assert_int_equal(access(path_of("half.penrig-journal"), F_OK), 0);
	}
}

static void change(const char *path, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_changes(db), 1);
	sqlite3_close(db);
}

static void set_pragma(const char *path, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_every_change_is_found(void **state)
{
	(void)state;
	static const struct {
		const char *sql, *names;
	} changes[] = {
		{"UPDATE journal SET json='{}' WHERE seq=5", "journal entry 5"},
		{"UPDATE journal SET host_ns=host_ns+1 WHERE seq=6", "journal entry 6"},
		{"DELETE FROM journal WHERE seq=7", "journal entry 7"},
		{"DELETE FROM journal WHERE seq=(SELECT max(seq) FROM journal)", "item"},
		{"UPDATE block SET samples=zeroblob(length(samples)) WHERE seq=3", "block 3"},
		{"UPDATE block SET first_index=first_index+1 WHERE seq=2", "block 2"},
		{"UPDATE block SET arrivals=CAST(arrivals||x'00' AS BLOB) WHERE seq=2", "block 2"},
		{"DELETE FROM block WHERE seq=(SELECT max(seq) FROM block)", "journal entry"},
		{"UPDATE item SET data=replace(data,'0.51','0.52') WHERE kind='point' AND state='end' AND key=0",
		 "item"},
		{"UPDATE item SET data=CAST(data||' ' AS BLOB) WHERE kind='report'", "item"},
		{"UPDATE item SET data=x'7b7d' WHERE kind='file' AND key=0", "item 1"},
		{"DELETE FROM item WHERE kind='report'", "journal entry"},
		/* the same bytes, but no query finds them any more; the same number in as many bits as are digested */
		{"UPDATE item SET kind=CAST(kind AS BLOB) WHERE kind='report'", "item"},
		{"UPDATE item SET kind=kind||char(0)||'x' WHERE kind='report'", "item"},
		{"UPDATE journal SET json=json||char(0) WHERE seq=3", "journal entry 3"},
		{"UPDATE block SET device=device+4294967296 WHERE seq=2", "block 2"},
		{"UPDATE block SET channels='x' WHERE seq=2", "block 2"},
		{"UPDATE block SET zstd=2 WHERE seq=2", "block 2"},
		{"UPDATE block SET first_host_ns=first_host_ns+1 WHERE seq=2", "block 2"},
		{"UPDATE block SET last_host_ns=last_host_ns-1 WHERE seq=3", "block 3"},
		{"INSERT INTO item SELECT seq+100, kind, key, state, count, digest, data FROM item WHERE kind='report'",
		 "item"},
	};
	struct record *record = sample_record(folder, "sound"), *restored;
	struct err err = {""};
	write_run(record, 40000);
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char command[400];
		snprintf(command, sizeof(command), "cp %s/sound.penrig %s/changed.penrig", folder, folder);
		assert_int_equal(system(command), 0);
		change(path_of("changed.penrig"), changes[i].sql);
		struct runfile_reader *reader = open_file(path_of("changed.penrig"), &restored);
		if (runfile_verify(reader, &err) != -EBADMSG || !strstr(err.text, changes[i].names))
			fail_msg("%s: %s", changes[i].sql, err.text);
		runfile_reader_free(reader);
		record_free(restored);
		assert_found_on_the_way(path_of("changed.penrig"), err.text);
	}
	assert_found_on_the_way(path_of("sound.penrig"), "");
	record_free(record);
}

/* What the words alone show: all but samples, arrivals and the numbers of blocks. */
static void test_words_without_samples(void **state)
{
	(void)state;
	static const struct {
		const char *sql;
		bool found;
	} changes[] = {
		{"UPDATE item SET data=CAST(data||' ' AS BLOB) WHERE kind='report'", true},
		{"UPDATE journal SET json='{}' WHERE seq=5", true},
		{"UPDATE block SET digest=zeroblob(32) WHERE seq=3", true},
		{"DELETE FROM block WHERE seq=(SELECT max(seq) FROM block)", true},
		{"UPDATE block SET samples=zeroblob(length(samples)) WHERE seq=3", false},
	};
	struct record *record = sample_record(folder, "words"), *restored;
	struct err err = {""};
	write_run(record, 40000);
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char command[400];
		snprintf(command, sizeof(command), "cp %s/words.penrig %s/changed.penrig", folder, folder);
		assert_int_equal(system(command), 0);
		struct runfile_reader *reader = open_file(path_of("changed.penrig"), &restored);
		assert_int_equal(runfile_verify_words(reader, &err), 0);
		runfile_reader_free(reader);
		record_free(restored);
		change(path_of("changed.penrig"), changes[i].sql);
		reader = open_file(path_of("changed.penrig"), &restored);
		assert_int_equal(runfile_verify_words(reader, &err), changes[i].found ? -EBADMSG : 0);
		assert_int_equal(runfile_verify(reader, &err), -EBADMSG);
		runfile_reader_free(reader);
		record_free(restored);
	}
	record_free(record);
}

static void test_a_name_is_taken_before_there_is_a_run(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "taken");
	struct err err;
	struct stat st;
	assert_int_equal(runfile_take_name(record, &err), 0);
	assert_int_equal(runfile_take_name(record, &err), -EEXIST);
	assert_non_null(strstr(err.text, "never overwritten"));
	runfile_give_name_back(record);
	assert_int_not_equal(access(path_of("taken.penrig"), F_OK), 0);
	runfile_give_name_back(record); /* nothing there: nothing happens */
	assert_int_equal(runfile_take_name(record, &err), 0);
	write_run(record, 100); /* takes the empty file over */
	assert_int_equal(runfile_take_name(record, &err), -EEXIST);
	runfile_give_name_back(record);
	assert_int_equal(stat(path_of("taken.penrig"), &st), 0);
	assert_true(st.st_size > 0);
	record_free(record);

	record = sample_record(folder, "torn"); /* all that was written may stand in the -wal */
	assert_int_equal(runfile_take_name(record, &err), 0);
	assert_int_equal(creat(path_of("torn.penrig-wal"), 0600) >= 0, 1);
	runfile_give_name_back(record);
	assert_int_equal(access(path_of("torn.penrig"), F_OK), 0);
	record_free(record);
}

static void test_refusals_when_opening(void **state)
{
	(void)state;
	struct runfile_reader *reader;
	struct record *record = sample_record(folder, "there"), *restored;
	struct runfile *rf;
	struct err err;
	FILE *f = fopen(path_of("text.penrig"), "w");
	fputs("This is a text of more than a hundred bytes, which no database would begin with, whatever one calls its "
	      "file.",
	      f);
	fclose(f);
	assert_int_equal(runfile_open(path_of("text.penrig"), &reader, &restored, &err), -EBADMSG);
	assert_int_equal(runfile_open(path_of("nowhere.penrig"), &reader, &restored, &err), -ENOENT);
	write_run(record, 100);
	assert_int_equal(runfile_create(record, 1000, false, &rf, &err), -EEXIST);
	change(path_of("there.penrig"), "UPDATE item SET data=x'7b7d' WHERE kind='record' AND state='final'");
	assert_int_equal(runfile_open(path_of("there.penrig"), &reader, &restored, &err), -EBADMSG);
	set_pragma(path_of("there.penrig"), "PRAGMA user_version=2");
	assert_int_equal(runfile_open(path_of("there.penrig"), &reader, &restored, &err), -ENOTSUP);
	set_pragma(path_of("there.penrig"), "PRAGMA application_id=7");
	assert_int_equal(runfile_open(path_of("there.penrig"), &reader, &restored, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "not a run file"));
	kill_while_writing("torn");
	char from[200], to[200];
	snprintf(from, sizeof(from), "%s", path_of("torn.penrig-wal"));
	snprintf(to, sizeof(to), "%s", path_of("elsewhere"));
	assert_int_equal(rename(from, to), 0);
	int rc = runfile_open(path_of("torn.penrig"), &reader, &restored, &err);
	if (rc == 0) { /* a checkpoint had begun: what it wrote stands */
		runfile_reader_free(reader);
		record_free(restored);
	} else {
		assert_int_equal(rc, -EBADMSG);
		assert_non_null(strstr(err.text, "-wal"));
	}
	snprintf(record->folder, sizeof(record->folder), "%s/text.penrig/below", folder);
	assert_int_equal(runfile_create(record, 1000, false, &rf, &err), -ENOTDIR);
	record_free(record);
}

static void test_ring_bounds(void **state)
{
	(void)state;
	struct ring *ring;
	uint8_t bytes[600] = {7};
	size_t len;
	assert_int_equal(ring_new(1024, 1, &ring), 0);
	assert_int_equal(ring_put(ring, bytes, 496, NULL, 0, 0, false), 0);
	assert_int_equal(ring_put(ring, bytes, 497, NULL, 0, 0, false), -EMSGSIZE);
	assert_int_equal(ring_put(ring, bytes, 100, bytes, 396, 0, false), 0);
	assert_int_equal(ring_put(ring, bytes, 1, NULL, 0, 0, false), -ENOBUFS);
	assert_non_null(ring_peek(ring, 0, &len));
	assert_int_equal(len, 496);
	ring_pop(ring);
	assert_int_equal(ring_put(ring, bytes, 100, NULL, 0, 380, false), 0);
	assert_int_equal(ring_put(ring, bytes, 100, NULL, 0, 300, false), -ENOBUFS);
	for (unsigned i = 0; i < 2; i++) {
		assert_non_null(ring_peek(ring, 0, &len));
		ring_pop(ring);
	}
	assert_null(ring_peek(ring, 0, &len));
	for (unsigned i = 0; i < 1000; i++) { /* wraps in many places */
		bytes[0] = (uint8_t)i;
		assert_int_equal(ring_put(ring, bytes, 1 + i % 300, NULL, 0, 0, false), 0);
		if (!i)
			continue;
		assert_non_null(ring_peek(ring, 0, &len));
		assert_int_equal(len, 1 + (i - 1) % 300);
		ring_pop(ring);
	}
	assert_int_equal(((const uint8_t *)ring_peek(ring, 0, &len))[0], (uint8_t)999);
	ring_close(ring);
	assert_false(ring_closed(ring));
	ring_pop(ring);
	assert_true(ring_closed(ring));
	assert_null(ring_peek(ring, UINT64_MAX, &len));
	ring_shut(ring);
	assert_int_equal(ring_put(ring, bytes, 1, NULL, 0, 0, true), -ESHUTDOWN);
	ring_free(ring);
}

/* Two threads: what the reader has read, and when. */
struct reading {
	struct ring *ring;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned read;
};

static void *read_all(void *arg)
{
	struct reading *r = arg;
	size_t len;
	while (!ring_closed(r->ring)) {
		if (!ring_peek(r->ring, UINT64_MAX, &len))
			continue;
		ring_pop(r->ring);
		pthread_mutex_lock(&r->lock);
		r->read++;
		pthread_cond_signal(&r->changed);
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

static void wait_until_read(struct reading *r, unsigned messages)
{
	pthread_mutex_lock(&r->lock);
	while (r->read < messages)
		pthread_cond_wait(&r->changed, &r->lock);
	assert_int_equal(r->read, messages);
	pthread_mutex_unlock(&r->lock);
}

/* Every way in which a reader that sleeps until much waits for it is woken: a test that hangs has found one that fails. */
static void test_ring_wakes_its_reader(void **state)
{
	(void)state;
	struct reading r = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	uint8_t bytes[300] = {0};
	pthread_t thread;
	size_t len;
	alarm(60);
	assert_int_equal(ring_new(1024, 512, &r.ring), 0);
	assert_null(ring_peek(r.ring, 0, &len));
	assert_int_equal(ring_put(r.ring, bytes, 100, NULL, 0, 0, true), 0);
	assert_non_null(ring_peek(r.ring, 0, &len)); /* too little to wake anybody, and there at a deadline */
	assert_int_equal(pthread_create(&thread, NULL, read_all, &r), 0);
	wait_until_read(&r, 1);
	for (unsigned i = 0; i < 2; i++) /* enough of them */
		assert_int_equal(ring_put(r.ring, bytes, 300, NULL, 0, 0, true), 0);
	wait_until_read(&r, 3);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(ring_put(r.ring, bytes, 1, NULL, 0, 0, true), 0);
		ring_wake(r.ring);
		wait_until_read(&r, 4 + i);
	}
	for (unsigned i = 0; i < 1000; i++) /* who waits for room */
		assert_int_equal(ring_put(r.ring, bytes, 1, NULL, 0, 300, true), 0);
	assert_int_equal(ring_put(r.ring, bytes, 1, NULL, 0, 0, true), 0);
	ring_close(r.ring);
	pthread_join(thread, NULL);
	assert_int_equal(r.read, 1104);
	ring_free(r.ring);
	alarm(0);
}

static int number_of(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int number = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return number;
}

/* An entry that holds blocks stands at the time of the newest of them, not of what was done before. */
static void test_entries_of_blocks_have_their_time(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "times");
	write_run(record, 40000);
	const char *path = path_of("times.penrig");
	assert_true(number_of(path, "SELECT count(*) FROM journal WHERE kind='blocks'") > 0);
	assert_int_equal(number_of(path, "SELECT count(*) FROM journal j WHERE kind='blocks' AND host_ns < (SELECT "
					 "max(last_host_ns) FROM block WHERE seq <= json_extract(j.json, '$.last'))"),
			 0);
	record_free(record);
}

static void assert_resumed_by(const char *path, const char *name, struct runfile_head *ret)
{
	struct record *restored;
	struct runfile_reader *reader = open_file(path, &restored);
	struct err err;
	char by[128];
	assert_int_equal(runfile_verify(reader, &err), 0);
	assert_int_equal(runfile_resumed_by(reader, by, sizeof(by), &err), 0);
	assert_string_equal(by, name);
	assert_int_equal(runfile_head_of(reader, ret, &err), 0);
	runfile_reader_free(reader);
	record_free(restored);
}

/* Of two that go on with one run, or where it was changed meanwhile, the later one is sent away. */
static void test_a_run_is_gone_on_with_once(void **state)
{
	(void)state;
	struct record *record = sample_record(folder, "half");
	struct runfile_head seen, later;
	struct err err;
	write_run(record, 40000);
	const char *path = path_of("half.penrig");
	assert_resumed_by(path, "", &seen);
	assert_int_equal(runfile_append_resumed(path, &seen, "second", "2026-06-01T09:00:00Z", &err), 0);
	assert_resumed_by(path, "second", &later);
	assert_int_equal(later.entries, seen.entries + 1);
	assert_string_not_equal(later.head, seen.head);
	assert_int_equal(runfile_append_resumed(path, &seen, "third", "2026-06-01T09:00:00Z", &err), -ESTALE);
	assert_resumed_by(path, "second", &seen);
	assert_int_equal(seen.entries, later.entries);
	assert_int_equal(runfile_append_resumed(path, &seen, "", "", &err), 0); /* who does not say so has it, too */
	assert_resumed_by(path, "another run", &seen);
	assert_int_not_equal(runfile_append_resumed(path_of("none.penrig"), &seen, "x", "", &err), 0);
	record_free(record);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_round_trip),
		T(test_one_file_of_the_stated_form),
		T(test_blocks_do_not_depend_on_arrival),
		T(test_walks_aside_are_the_same),
		T(test_a_walk_from_a_sample),
		T(test_flags_and_gaps_come_back),
		T(test_widths),
		T(test_stalled_disk_loses_nothing_within_the_ring),
		T(test_full_ring_counts_what_it_drops),
		T(test_full_journal_fails_the_run),
		T(test_a_later_change_is_added_never_written_over),
		T(test_who_may_wait_loses_nothing),
		T(test_full_disk),
		T(test_killed_run),
		T(test_killed_as_it_began),
		T(test_no_room_as_it_began),
		T(test_read_only_folder),
		T(test_a_half_change_is_undone),
		T(test_every_change_is_found),
		T(test_words_without_samples),
		T(test_a_name_is_taken_before_there_is_a_run),
		T(test_a_run_is_gone_on_with_once),
		T(test_entries_of_blocks_have_their_time),
		T(test_refusals_when_opening),
		T(test_ring_bounds),
		T(test_ring_wakes_its_reader),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
