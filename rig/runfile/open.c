/* Opening a run file to read it, wherever it lies, and its record as it was.
 * Leaves out what a run that did not come to its end is missing: unfinished.c. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/record/record_json.h"
#include "rig/runfile/altered.h"
#include "rig/runfile/chain.h"
#include "rig/runfile/reader.h"
#include "rig/runfile/schema.h"

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
	static const char *const suffix[] = {"", "-wal", "-shm", "-journal"};
	char path[SIDE_PATH_MAX + 32];
	if (!reader->copy[0])
		return;
	for (unsigned i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
		snprintf(path, sizeof(path), "%s/run.penrig%s", reader->copy, suffix[i]);
		unlink(path);
	}
	rmdir(reader->copy);
}

/* What SQLite may leave beside a file that was not closed: its log, or what it takes to undo a change that was under way. */
static const char *const sides[] = {"-wal", "-journal"};

static bool has_side(const char *path, const char *suffix)
{
	char side[PATH_MAX + 16];
	struct stat st;

	snprintf(side, sizeof(side), "%s%s", path, suffix);
	return stat(side, &st) == 0;
}

static int copy_with_sides(const char *path, const char *to)
{
	int rc = disk_copy(path, to);

	for (unsigned i = 0; !rc && i < sizeof(sides) / sizeof(sides[0]); i++) {
		char from_side[PATH_MAX + 16], to_side[SIDE_PATH_MAX + 48];
		if (!has_side(path, sides[i]))
			continue;
		snprintf(from_side, sizeof(from_side), "%s%s", path, sides[i]);
		snprintf(to_side, sizeof(to_side), "%s%s", to, sides[i]);
		rc = disk_copy(from_side, to_side);
	}
	return rc;
}

/* A change that was under way is undone by whoever may write: the copy's next reader may not. */
static int undo_half_change(const struct runfile_reader *reader, const char *copy, struct err *err)
{
	struct db *db = NULL;
	int64_t tables;

	if (!has_side(copy, "-journal"))
		return 0;
	int rc = db_open(copy, reader->path, DB_WRITE, BUSY_MS, &db, err);
	if (!rc)
		rc = db_number(db, "SELECT count(*) FROM sqlite_master", &tables, err);
	db_close(db);
	return rc;
}

/* A killed run's file and what lies beside it, where it cannot be read without writing: SQLite must write beside it. */
static int open_copy(struct runfile_reader *reader, const char *path, struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	char to[SIDE_PATH_MAX + 32];

	snprintf(reader->copy, sizeof(reader->copy), "%.400s/penrig-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
	if (!mkdtemp(reader->copy)) {
		int rc = -errno;
		reader->copy[0] = '\0';
		return err_set(err, rc, "%.300s: its folder cannot be written, and no copy can be made in TMPDIR: %s",
			       path, strerror(-rc));
	}
	snprintf(to, sizeof(to), "%s/run.penrig", reader->copy);
	int rc = copy_with_sides(path, to);
	if (rc)
		return err_set(err, rc,
			       "%.300s: its folder cannot be written, and copying it to %.200s failed: %s; copy the "
			       "file and its "
			       "-wal to a folder that can be written",
			       path, reader->copy, strerror(-rc));
	rc = undo_half_change(reader, to, err);
	return rc ? rc : open_file(reader, to, err);
}

static int open_reader(struct runfile_reader *reader, const char *path, struct err *err)
{
	char real[PATH_MAX];
	struct err why;

	if (!realpath(path, real)) /* the log stands beside the file, wherever a link to it stands */
		return err_set(err, -errno, "%.300s cannot be opened: %s", path, strerror(errno));
	int rc = open_file(reader, path, &why);
	if (rc == -EMEDIUMTYPE)
		return err_set(err, -EBADMSG, "%.300s is not a run file: it is not an SQLite database", path);
	if ((rc == -EACCES || rc == -EROFS) && (has_side(real, sides[0]) || has_side(real, sides[1])))
		return open_copy(reader, real, err);
	return rc ? err_set(err, rc, "%s", why.text) : 0;
}

void runfile_search_long(struct runfile_reader *reader)
{
	reader->search = ALTERED_SEARCH_LONG;
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
	int rc = point_from_json(text, len, &record->point[key], err);
	if (!rc && record->point[key].session > record->sessions)
		rc = err_set(err, -EBADMSG, "the run file holds a point of a session that its record does not name");
	return rc;
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

static int restore(struct runfile_reader *reader, struct record *record, struct err *err)
{
	int64_t finals = 0;
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
		rc = db_number(reader->db, "SELECT count(*) FROM item WHERE kind='record' AND state='final'", &finals,
			       err);
	reader->final = finals > 0;
	return rc;
}

/* What cannot be read because it was altered: the row, not what a reader stumbled upon in it. */
static int name_altered(struct runfile_reader *reader, int rc, struct err *err)
{
	struct err why = {""};

	if (rc == -ENOMEM || runfile_verify_words(reader, &why) != -EBADMSG)
		return rc;
	return err_set(err, -EBADMSG, "%s", why.text);
}

bool runfile_holds_nothing(const char *path)
{
	struct runfile_reader *reader = calloc(1, sizeof(*reader));
	struct err err;
	bool nothing;

	if (!reader)
		return false;
	snprintf(reader->path, sizeof(reader->path), "%s", path);
	nothing = open_reader(reader, path, &err) == 0 && schema_holds_nothing(reader->db);
	runfile_reader_free(reader);
	return nothing;
}

int runfile_open(const char *path, struct runfile_reader **ret, struct record **ret_record, struct err *err)
{
	struct runfile_reader *reader = calloc(1, sizeof(*reader));
	struct record *record = record_new();
	int rc = reader && record ? 0 : err_set(err, -ENOMEM, "no memory for the run file");
	if (!rc) {
		reader->search = ALTERED_SEARCH_SHORT;
		snprintf(reader->path, sizeof(reader->path), "%s", path);
		rc = open_reader(reader, path, err);
	}
	if (!rc)
		rc = schema_check(reader->db, reader->path, err);
	if (!rc && (rc = restore(reader, record, err)) != 0)
		rc = name_altered(reader, rc, err);
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
	verification_free(reader->verification);
	db_close(reader->db);
	remove_copy(reader);
	free(reader->bytes.at);
	free(reader);
}
