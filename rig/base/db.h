/* A thin layer over SQLite for the run file: open, run SQL, bind, step, read columns. No type and no code of SQLite
 * stands above it: functions return 0 or -errno and say in `err` which file it was and what to do.
 * -ENOSPC, -EROFS, -EACCES, -EBUSY (another program has it locked for longer than busy_ms), -EBADMSG (damaged, or the
 * SQL does not fit its tables), -ENOMEM, -EIO. For one thread at a time.
 * A file may come from anywhere: no trigger of it runs and no view of it is looked through. */
#ifndef PENRIG_BASE_DB_H
#define PENRIG_BASE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"

struct db;
struct db_stmt; /* one prepared statement, and the row on which it stands */

enum db_mode { DB_READ, DB_WRITE };

/* Opens a file that is there. name: what errors call it (a copy may be read in its place). busy_ms: how long to wait
 * for another program's lock. DB_READ reads the schema at once, so that what is unreadable says so here:
 * -EMEDIUMTYPE: not a database; -EACCES, -EROFS: also where the log beside it cannot be opened. */
int db_open(const char *path, const char *name, enum db_mode mode, int busy_ms, struct db **ret, struct err *err);
void db_close(struct db *db); /* NULL is fine; its statements are finalized by now; a transaction is rolled back */
void db_set_busy(struct db *db, int busy_ms);

/* SQL without parameters and rows. */
int db_exec(struct db *db, const char *sql, struct err *err);
int db_begin(struct db *db, struct err *err); /* to write */
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db);
/* Writes the whole log back and empties it. */
int db_checkpoint(struct db *db, struct err *err);
/* The first column of the first row; 0 where there is no row. */
int db_number(struct db *db, const char *sql, int64_t *ret, struct err *err);

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct err *err);
void db_finalize(struct db_stmt *stmt); /* NULL is fine */

/* index: from 1. Text and data are borrowed until the statement was stepped or inserted. */
void db_bind_int(struct db_stmt *stmt, int index, int64_t value);
void db_bind_real(struct db_stmt *stmt, int index, double value); /* not finite: NULL */
void db_bind_text(struct db_stmt *stmt, int index, const char *text, size_t len);
void db_bind_blob(struct db_stmt *stmt, int index, const void *data, size_t len);

/* 1: stands on a row; 0: no further one. */
int db_step(struct db_stmt *stmt, struct err *err);
/* Steps a statement that gives no row, and makes it ready to be bound again, whatever came of it. */
int db_insert(struct db_stmt *stmt, struct err *err);

/* Whether the row's columns are of the types that are named, one letter each: i integer, t text without a zero byte in
 * it, b blob. SQLite keeps whatever somebody put there.
 * Before anything is read of the row: reading a text makes it one. */
bool db_row_is(struct db_stmt *row, const char *types);

/* Of the row at hand; column: from 0. Never NULL; lives until the next step. ret_len may be NULL. */
int64_t db_int(struct db_stmt *row, int column);
double db_real(struct db_stmt *row, int column); /* NULL: NaN */
const char *db_text(struct db_stmt *row, int column, size_t *ret_len);
const void *db_blob(struct db_stmt *row, int column, size_t *ret_len);

/* Calls fn for every row of a query; fn returns 0 to go on, anything else ends the walk and is returned. key and key2
 * are the query's first and second parameter, where it has them. */
int db_each(struct db *db, const char *sql, int64_t key, int64_t key2,
	    int (*fn)(void *ctx, struct db_stmt *row, struct err *err), void *ctx, struct err *err);

#endif
