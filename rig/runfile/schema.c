/* The run file's tables and format version. */
#include "rig/runfile/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig/runfile/runfile.h"

#define FORMAT_VERSION 1

/* In the words in which SQLite keeps them, which are those in which they were made. */
static const struct part {
	const char *name, *sql;
} parts[] = {
	{"journal",
	 "CREATE TABLE journal(seq INTEGER PRIMARY KEY, host_ns INTEGER NOT NULL, kind TEXT NOT NULL, json TEXT NOT "
	 "NULL,"
	 " hash BLOB NOT NULL)"},
	{"item",
	 "CREATE TABLE item(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key INTEGER NOT NULL, state TEXT NOT NULL,"
	 " count INTEGER NOT NULL, digest BLOB NOT NULL, data BLOB NOT NULL)"},
	{"item_by_kind", "CREATE INDEX item_by_kind ON item(kind, key)"},
	{"block",
	 "CREATE TABLE block(seq INTEGER PRIMARY KEY, device INTEGER NOT NULL, stream INTEGER NOT NULL,"
	 " first_index INTEGER NOT NULL, frames INTEGER NOT NULL, channels INTEGER NOT NULL, width INTEGER NOT NULL,"
	 " first_host_ns INTEGER NOT NULL, last_host_ns INTEGER NOT NULL, zstd INTEGER NOT NULL, digest BLOB NOT NULL,"
	 " arrivals BLOB NOT NULL, samples BLOB NOT NULL)"},
	{"block_by_stream", "CREATE INDEX block_by_stream ON block(device, stream)"},
	{"record",
	 "CREATE VIEW record AS SELECT seq, state, CAST(data AS TEXT) AS json FROM item WHERE kind = 'record'"},
	{"point", "CREATE VIEW point AS SELECT seq, key AS row, state, CAST(data AS TEXT) AS json FROM item WHERE kind "
		  "= 'point'"},
	{"file",
	 "CREATE VIEW file AS SELECT seq, state AS kind, CAST(data AS TEXT) AS text FROM item WHERE kind = 'file'"},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static int set_pragmas(struct db *db, struct err *err)
{
	char header[128];
	snprintf(header, sizeof(header), "PRAGMA page_size=65536; PRAGMA application_id=%d; PRAGMA user_version=%d",
		 RUNFILE_APPLICATION_ID, FORMAT_VERSION);
	int rc = db_exec(db, header, err);
	if (!rc)
		rc = db_exec(db, "PRAGMA journal_mode=WAL", err);
	if (!rc)
		rc = db_exec(db, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=256", err);
	return rc;
}

int schema_create(struct db *db, struct err *err)
{
	int rc = set_pragmas(db, err);
	/* All of them or none: a run that is killed here leaves a file that holds nothing. */
	if (!rc)
		rc = db_begin(db, err);
	for (unsigned i = 0; !rc && i < PARTS; i++)
		rc = db_exec(db, parts[i].sql, err);
	return rc ? rc : db_commit(db, err);
}

struct comparison {
	const char *path;
	unsigned met;
};

static int on_part(void *ctx, struct db_stmt *row, struct err *err)
{
	struct comparison *c = ctx;
	const char *name = db_text(row, 0, NULL), *sql = db_text(row, 1, NULL);

	for (unsigned i = 0; i < PARTS; i++) {
		if (strcmp(name, parts[i].name) == 0 && strcmp(sql, parts[i].sql) == 0) {
			c->met++;
			return 0;
		}
	}
	return err_set(err, -EBADMSG,
		       "%.300s holds a \"%.60s\" that no run file of penrig holds: it was changed after it was written",
		       c->path, name);
}

/* Triggers, views, tables and constraints of somebody else, also such as change nothing yet. */
static int check_parts(struct db *db, const char *path, struct err *err)
{
	struct comparison c = {.path = path};
	int rc = db_each(db, "SELECT name, ifnull(sql, '') FROM sqlite_schema", 0, 0, on_part, &c, err);
	if (!rc && c.met < PARTS)
		rc = err_set(err, -EBADMSG,
			     "%.300s lacks a table, an index or a view that every run file of penrig has", path);
	return rc;
}

static const char count_tables[] = "SELECT count(*) FROM sqlite_schema WHERE type='table'";
static const char count_records[] = "SELECT count(*) FROM item WHERE kind='record'";

static int holds_nothing(const char *path, struct err *err)
{
	return err_set(
		err, -EBADMSG,
		"%.300s holds nothing: the run was killed as it began, or the -wal file beside it was left behind",
		path);
}

int schema_check(struct db *db, const char *path, struct err *err)
{
	int64_t id, version, tables, records = 0;
	int rc = db_number(db, "PRAGMA application_id", &id, err);
	if (!rc)
		rc = db_number(db, "PRAGMA user_version", &version, err);
	if (!rc)
		rc = db_number(db, count_tables, &tables, err);
	if (rc)
		return rc;
	if (tables == 0 && (id == 0 || (id == RUNFILE_APPLICATION_ID && version == 0)))
		return holds_nothing(path, err);
	if (id != RUNFILE_APPLICATION_ID)
		return err_set(err, -EBADMSG, "%.300s is an SQLite database, but not a run file of penrig", path);
	if (version != FORMAT_VERSION)
		return err_set(err, -ENOTSUP,
			       "%.300s has format %lld, and this penrig reads %d: use the version that wrote it", path,
			       (long long)version, FORMAT_VERSION);
	rc = tables ? check_parts(db, path, err) : 0;
	if (!rc && tables)
		rc = db_number(db, count_records, &records, err);
	return rc || records ? rc : holds_nothing(path, err);
}

bool schema_holds_nothing(struct db *db)
{
	int64_t tables = 1, records = 1;

	if (db_number(db, count_tables, &tables, NULL))
		return false;
	return tables == 0 || (db_number(db, count_records, &records, NULL) == 0 && records == 0);
}
