/* SQLite, and the only file that includes it: its error codes end here.
 * Leaves out the tables (runfile_schema.c) and what stands in them. */
#include "rig/base/db.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rig/base/disk.h"

#define NAME_MAX_BYTES 300 /* leaves room for SQLite's words in an error's text */

struct db {
	sqlite3 *handle;
	enum db_mode mode;
	char name[NAME_MAX_BYTES + 1];
};

struct db_stmt {
	sqlite3_stmt *handle;
	struct db *db;
};

/* ---- errors ---- */

/* The system's error behind SQLITE_IOERR. sqlite3_system_errno() alone is not enough: by the time a COMMIT has failed
 * it tells of the clean-up, so the database's and the log's own last errors are asked too. */
static bool system_error_is(sqlite3 *handle, int a, int b, int c)
{
	int seen[3] = {sqlite3_system_errno(handle), 0, 0};
	sqlite3_file *log = NULL;
	sqlite3_file_control(handle, "main", SQLITE_FCNTL_LAST_ERRNO, &seen[1]);
	sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (log && log->pMethods)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &seen[2]);
	for (unsigned i = 0; i < 3; i++) {
		if (seen[i] == a || seen[i] == b || seen[i] == c)
			return true;
	}
	return false;
}

static int errno_of_io(sqlite3 *handle)
{
	if (system_error_is(handle, ENOSPC, EDQUOT, EFBIG))
		return -ENOSPC;
	return system_error_is(handle, EACCES, EROFS, EPERM) ? -EACCES : -EIO;
}

static int errno_of(sqlite3 *handle)
{
	switch (sqlite3_errcode(handle) & 0xff) {
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM: return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: return -EBADMSG;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_IOERR: return errno_of_io(handle);
	default: return -EIO;
	}
}

static int failed(const struct db *db, const char *what, struct err *err)
{
	int code = errno_of(db->handle);
	return err_set(err, code, "%s: %s failed: %s (%s)%s", db->name, what, strerror(-code),
		       sqlite3_errmsg(db->handle), disk_remedy(code));
}

static int access_failed(const struct db *db, struct err *err)
{
	return failed(db, db->mode == DB_READ ? "reading" : "writing", err);
}

/* ---- the database ---- */

/* The first read of the tables is what fails where the log cannot be opened. */
static int read_schema(struct db *db, struct err *err)
{
	int64_t tables;
	int rc = db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
	return rc && (sqlite3_errcode(db->handle) & 0xff) == SQLITE_NOTADB ? -EMEDIUMTYPE : rc;
}

/* Whoever wrote the file may have put more into it than rows: none of it runs. */
static void distrust(sqlite3 *handle)
{
	static const struct {
		int what, on;
	} settings[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},
		{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	};
	for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		sqlite3_db_config(handle, settings[i].what, settings[i].on, (int *)NULL);
	sqlite3_exec(handle, "PRAGMA cell_size_check=ON", NULL, NULL, NULL);
}

/* A pipe would be waited for, and has no places to read at. */
static bool has_places(const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
}

static int open_handle(struct db *db, const char *path, struct err *err)
{
	if (!has_places(path))
		return err_set(err, -EMEDIUMTYPE, "%s is a device or a pipe: copy it into a file", db->name);
	int flags = db->mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	if (sqlite3_open_v2(path, &db->handle, flags, NULL) == SQLITE_OK) {
		distrust(db->handle);
		return 0;
	}
	if (!db->handle)
		return err_set(err, -ENOMEM, "no memory for SQLite");
	return failed(db, db->mode == DB_READ ? "reading" : "opening", err);
}

int db_open(const char *path, const char *name, enum db_mode mode, int busy_ms, struct db **ret, struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));
	if (!db)
		return err_set(err, -ENOMEM, "no memory for SQLite");
	db->mode = mode;
	snprintf(db->name, sizeof(db->name), "%.*s", NAME_MAX_BYTES, name);
	int rc = open_handle(db, path, err);
	if (!rc)
		db_set_busy(db, busy_ms);
	if (!rc && mode == DB_READ)
		rc = read_schema(db, err);
	if (!rc && mode == DB_READ) /* every page is read once, in order: KiB of them kept, less than SQLite would */
		rc = db_exec(db, "PRAGMA cache_size=-640", err);
	if (rc) {
		db_close(db);
		return rc;
	}
	*ret = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	sqlite3_close(db->handle);
	free(db);
}

void db_set_busy(struct db *db, int busy_ms)
{
	sqlite3_busy_timeout(db->handle, busy_ms);
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	char what[48];
	snprintf(what, sizeof(what), "\"%.40s\"", sql);
	return failed(db, what, err);
}

int db_begin(struct db *db, struct err *err)
{
	return db_exec(db, "BEGIN IMMEDIATE", err);
}

int db_commit(struct db *db, struct err *err)
{
	return db_exec(db, "COMMIT", err);
}

void db_rollback(struct db *db)
{
	db_exec(db, "ROLLBACK", NULL);
}

int db_checkpoint(struct db *db, struct err *err)
{
	return db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", err);
}

int db_number(struct db *db, const char *sql, int64_t *ret, struct err *err)
{
	struct db_stmt *query = NULL;
	int rc = db_prepare(db, sql, &query, err);
	if (rc)
		return rc;
	rc = db_step(query, err);
	if (rc >= 0)
		*ret = rc ? db_int(query, 0) : 0;
	db_finalize(query);
	return rc < 0 ? rc : 0;
}

/* ---- statements ---- */

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct err *err)
{
	struct db_stmt *stmt = calloc(1, sizeof(*stmt));
	if (!stmt)
		return err_set(err, -ENOMEM, "no memory for SQLite");
	stmt->db = db;
	if (sqlite3_prepare_v2(db->handle, sql, -1, &stmt->handle, NULL) != SQLITE_OK) {
		free(stmt);
		return access_failed(db, err);
	}
	*ret = stmt;
	return 0;
}

void db_finalize(struct db_stmt *stmt)
{
	if (!stmt)
		return;
	sqlite3_finalize(stmt->handle);
	free(stmt);
}

void db_bind_int(struct db_stmt *stmt, int index, int64_t value)
{
	sqlite3_bind_int64(stmt->handle, index, value);
}

void db_bind_real(struct db_stmt *stmt, int index, double value)
{
	if (isfinite(value))
		sqlite3_bind_double(stmt->handle, index, value);
	else
		sqlite3_bind_null(stmt->handle, index);
}

void db_bind_text(struct db_stmt *stmt, int index, const char *text, size_t len)
{
	sqlite3_bind_text64(stmt->handle, index, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

void db_bind_blob(struct db_stmt *stmt, int index, const void *data, size_t len)
{
	sqlite3_bind_blob64(stmt->handle, index, data ? data : "", len, SQLITE_STATIC);
}

int db_step(struct db_stmt *stmt, struct err *err)
{
	switch (sqlite3_step(stmt->handle)) {
	case SQLITE_ROW: return 1;
	case SQLITE_DONE: return 0;
	default: return access_failed(stmt->db, err);
	}
}

int db_insert(struct db_stmt *stmt, struct err *err)
{
	int rc = sqlite3_step(stmt->handle) == SQLITE_DONE ? 0 : access_failed(stmt->db, err);
	sqlite3_reset(stmt->handle);
	sqlite3_clear_bindings(stmt->handle);
	return rc;
}

bool db_row_is(struct db_stmt *row, const char *types)
{
	for (int i = 0; types[i]; i++) {
		int type = sqlite3_column_type(row->handle, i);
		size_t len;

		if (type != (types[i] == 'i' ? SQLITE_INTEGER : types[i] == 't' ? SQLITE_TEXT : SQLITE_BLOB))
			return false;
		if (types[i] == 't' && strlen(db_text(row, i, &len)) != len)
			return false;
	}
	return true;
}

int64_t db_int(struct db_stmt *row, int column)
{
	return sqlite3_column_int64(row->handle, column);
}

double db_real(struct db_stmt *row, int column)
{
	if (sqlite3_column_type(row->handle, column) == SQLITE_NULL)
		return NAN;
	return sqlite3_column_double(row->handle, column);
}

const char *db_text(struct db_stmt *row, int column, size_t *ret_len)
{
	const char *text = (const char *)sqlite3_column_text(row->handle, column);
	if (ret_len)
		*ret_len = (size_t)sqlite3_column_bytes(row->handle, column);
	return text ? text : "";
}

const void *db_blob(struct db_stmt *row, int column, size_t *ret_len)
{
	const void *data = sqlite3_column_blob(row->handle, column);
	if (ret_len)
		*ret_len = (size_t)sqlite3_column_bytes(row->handle, column);
	return data ? data : "";
}

static void bind_keys(struct db_stmt *query, int64_t key, int64_t key2)
{
	int count = sqlite3_bind_parameter_count(query->handle);
	if (count >= 1)
		db_bind_int(query, 1, key);
	if (count >= 2)
		db_bind_int(query, 2, key2);
}

int db_each(struct db *db, const char *sql, int64_t key, int64_t key2,
	    int (*fn)(void *ctx, struct db_stmt *row, struct err *err), void *ctx, struct err *err)
{
	struct db_stmt *query;
	int rc = db_prepare(db, sql, &query, err);
	if (rc)
		return rc;
	bind_keys(query, key, key2);
	do {
		rc = db_step(query, err);
		if (rc <= 0)
			break;
		rc = fn(ctx, query, err);
	} while (!rc);
	db_finalize(query);
	return rc;
}
