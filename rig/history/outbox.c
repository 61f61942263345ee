/* The outbox's table. It stands beside the history's own, which know nothing of it. */
#include "rig/history/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/history/inside.h"

/* AUTOINCREMENT: a number that was given again behind the last row's end would be taken out in another's place. */
static const char table_sql[] = "CREATE TABLE IF NOT EXISTS outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT "
				"NOT NULL UNIQUE, bench TEXT NOT "
				"NULL, name TEXT NOT NULL, job INTEGER NOT NULL, fence INTEGER NOT NULL, begun INTEGER "
				"NOT NULL, ended INTEGER NOT "
				"NULL, exit_code INTEGER NOT NULL, refused TEXT NOT NULL, folder TEXT NOT NULL "
				"DEFAULT '', output TEXT NOT NULL DEFAULT '')";
/* A table that an older penrig made. */
static const char count_folders[] =
	"SELECT count(*) FROM pragma_table_info('outbox') WHERE name IN ('folder', 'output')";
static const char add_folders[] = "ALTER TABLE outbox ADD COLUMN folder TEXT NOT NULL DEFAULT ''; "
				  "ALTER TABLE outbox ADD COLUMN output TEXT NOT NULL DEFAULT ''";

static void bind(struct db_stmt *stmt, int index, const char *text)
{
	db_bind_text(stmt, index, text, strlen(text));
}

int outbox_open(struct history *history, struct err *err)
{
	int64_t columns = 0;
	int rc = db_exec(history->db, table_sql, err);

	if (!rc)
		rc = db_number(history->db, count_folders, &columns, err);
	return rc || columns ? rc : db_exec(history->db, add_folders, err);
}

int outbox_begin(struct history *history, struct outbox_item *item, struct err *err)
{
	struct db_stmt *stmt;
	int64_t known = 0;
	int rc = db_prepare(
		history->db,
		"INSERT OR IGNORE INTO outbox(run_id, bench, name, job, fence, begun, ended, exit_code, refused, "
		"folder, output) VALUES(?,?,?,?,?,?,0,-1,'',?,?)",
		&stmt, err);

	if (rc)
		return rc;
	item->begun_s = (int64_t)time(NULL);
	bind(stmt, 1, item->run_id);
	bind(stmt, 2, item->bench);
	bind(stmt, 3, item->name);
	db_bind_int(stmt, 4, item->job);
	db_bind_int(stmt, 5, item->fence);
	db_bind_int(stmt, 6, item->begun_s);
	bind(stmt, 7, item->folder);
	bind(stmt, 8, item->output);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	if (!rc)
		rc = db_number(history->db, "SELECT changes()", &known, err);
	if (!rc && !known)
		rc = err_set(err, -EEXIST, "run %s stands in the outbox already", item->run_id);
	return rc ? rc : db_number(history->db, "SELECT last_insert_rowid()", &item->seq, err);
}

static int change(struct history *history, const char *sql, int64_t seq, int exit_code, const char *why,
		  struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(history->db, sql, &stmt, err);

	if (rc)
		return rc;
	db_bind_int(stmt, 1, seq);
	if (exit_code >= -1)
		db_bind_int(stmt, 2, exit_code);
	if (why)
		bind(stmt, 2, why);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

int outbox_end(struct history *history, int64_t seq, int exit_code, struct err *err)
{
	return change(history, "UPDATE outbox SET ended = 1, exit_code = ?2 WHERE seq = ?1", seq,
		      exit_code < -1 ? -1 : exit_code, NULL, err);
}

int outbox_done(struct history *history, int64_t seq, struct err *err)
{
	return change(history, "DELETE FROM outbox WHERE seq = ?1", seq, -2, NULL, err);
}

int outbox_refuse(struct history *history, int64_t seq, const char *why, struct err *err)
{
	return change(history, "UPDATE outbox SET refused = ?2 WHERE seq = ?1", seq, -2, *why ? why : "refused", err);
}

static int on_counts(void *ctx, struct db_stmt *row, struct err *err)
{
	struct outbox_counts *counts = ctx;

	(void)err;
	*counts = (struct outbox_counts){db_int(row, 0), db_int(row, 1), db_int(row, 2)};
	return 0;
}

int outbox_count(struct history *history, struct outbox_counts *ret, struct err *err)
{
	return db_each(history->db,
		       "SELECT coalesce(sum(ended AND refused = ''), 0), coalesce(sum(refused <> ''), 0), "
		       "coalesce(min(CASE WHEN ended AND refused = '' THEN begun END), 0) FROM outbox",
		       0, 0, on_counts, ret, err);
}

struct walk {
	int (*fn)(void *ctx, const struct outbox_item *item);
	void *ctx;
};

static void copy(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
}

static int on_item(void *ctx, struct db_stmt *row, struct err *err)
{
	const struct walk *walk = ctx;
	struct outbox_item item = {
		.seq = db_int(row, 0),
		.job = db_int(row, 4),
		.fence = db_int(row, 5),
		.begun_s = db_int(row, 6),
		.ended = db_int(row, 7),
		.exit_code = (int)db_int(row, 8),
	};

	(void)err;
	copy(item.run_id, sizeof(item.run_id), db_text(row, 1, NULL));
	copy(item.bench, sizeof(item.bench), db_text(row, 2, NULL));
	copy(item.name, sizeof(item.name), db_text(row, 3, NULL));
	copy(item.folder, sizeof(item.folder), db_text(row, 9, NULL));
	copy(item.output, sizeof(item.output), db_text(row, 10, NULL));
	return walk->fn(walk->ctx, &item);
}

int outbox_each(struct history *history, bool ended, int (*fn)(void *ctx, const struct outbox_item *item), void *ctx,
		struct err *err)
{
	struct walk walk = {fn, ctx};

	return db_each(
		history->db,
		"SELECT seq, run_id, bench, name, job, fence, begun, ended, exit_code, folder, output FROM outbox "
		"WHERE ended = ?1 AND refused = '' ORDER BY seq",
		ended, 0, on_item, &walk, err);
}

/* ---- what is told of a run ----------------------------------------------------------------------------------------- */

struct column {
	const char *key;
	char kind; /* t text, i integer, r real (NULL: null), b 0 or 1 */
};

static void add_columns(struct json_out *out, const struct column *column, struct db_stmt *row)
{
	for (int i = 0; column[i].key; i++) {
		double number = column[i].kind == 'r' ? db_real(row, i) : 0;

		if (column[i].kind == 't')
			json_out_string(out, column[i].key, db_text(row, i, NULL));
		else if (column[i].kind == 'i')
			json_out_int(out, column[i].key, db_int(row, i));
		else if (column[i].kind == 'b')
			json_out_bool(out, column[i].key, db_int(row, i) != 0);
		else if (number == number)
			json_out_number(out, column[i].key, number, 17);
		else
			json_out_null(out, column[i].key);
	}
}

static const struct column run_columns[] = {
	{"head", 't'},         {"name", 't'},     {"host", 't'},    {"started", 't'},     {"ended", 't'},
	{"dut", 't'},          {"lot", 't'},      {"plan", 't'},    {"plan_sha256", 't'}, {"bench", 't'},
	{"bench_sha256", 't'}, {"operator", 't'}, {"verdict", 't'}, {"status", 't'},      {"exit_code", 'i'},
	{"reason", 't'},       {"software", 't'}, {NULL, 0},
};
static const struct column result_columns[] = {
	{"measurand", 't'},  {"method", 't'},   {"unit", 't'},    {"place", 'i'},   {"sweep", 'b'}, {"step", 'i'},
	{"phantom", 't'},    {"depth_mm", 'r'}, {"rate_hz", 'r'}, {"attempt", 'i'}, {"value", 'r'}, {"u", 'r'},
	{"expanded_u", 'r'}, {"n", 'i'},        {"outcome", 't'}, {"lower", 'r'},   {"upper", 'r'}, {NULL, 0},
};
static const struct column device_columns[] = {
	{"number", 'i'},   {"role", 't'},        {"driver", 't'}, {"model", 't'}, {"serial", 't'},
	{"firmware", 't'}, {"certificate", 't'}, {"due", 't'},    {NULL, 0},
};

#define RUN_SQL                                                                                                        \
	"SELECT head, name, host, started, ended, dut, lot, plan, plan_sha256, bench, bench_sha256, operator, "        \
	"verdict, "                                                                                                    \
	"status, exit_code, reason, software, path, id FROM run "                                                      \
	"WHERE id = (SELECT max(run) FROM attribute WHERE key = '" OUTBOX_RUN_ATTRIBUTE "' AND value = ?1)"
#define RESULT_SQL                                                                                                     \
	"SELECT q.measurand, q.method, q.unit, r.place, p.sweep, p.step, p.phantom, p.depth_mm, p.rate_hz, "           \
	"p.attempt, "                                                                                                  \
	"r.value, r.u, r.expanded_u, coalesce(r.n, 0), r.outcome, r.lower, r.upper FROM result r JOIN quantity q ON "  \
	"q.id = r.quantity JOIN place p ON p.run = r.run AND p.number = r.place WHERE r.run = ?1 "                     \
	"ORDER BY r.place, q.measurand, q.method"
#define DEVICE_SQL                                                                                                     \
	"SELECT number, role, driver, model, serial, firmware, certificate, due FROM device WHERE run = ?1 ORDER BY 1"

struct rows {
	struct json_out *list;
	const struct column *column;
};

static int on_row(void *ctx, struct db_stmt *row, struct err *err)
{
	const struct rows *rows = ctx;

	(void)err;
	add_columns(json_out_add_object(rows->list, NULL), rows->column, row);
	return 0;
}

static int add_rows(struct history *history, struct json_out *out, const char *key, int64_t run, struct err *err)
{
	bool results = strcmp(key, "results") == 0;
	struct rows rows = {json_out_add_array(out, key), results ? result_columns : device_columns};

	return db_each(history->db, results ? RESULT_SQL : DEVICE_SQL, run, 0, on_row, &rows, err);
}

int outbox_run(struct history *history, const char *run_id, struct json_out **ret, char ret_path[FILE_PATH_MAX],
	       struct err *err)
{
	struct json_out *out = json_out_object();
	struct db_stmt *row;
	int64_t run = 0;
	int rc = db_prepare(history->db, RUN_SQL, &row, err);

	if (rc) {
		json_out_free(out);
		return rc;
	}
	bind(row, 1, run_id);
	rc = db_step(row, err);
	if (rc == 1) {
		json_out_string(out, "run", run_id);
		add_columns(out, run_columns, row);
		copy(ret_path, FILE_PATH_MAX, db_text(row, 17, NULL));
		run = db_int(row, 18);
	}
	db_finalize(row);
	int more = rc == 1 ? add_rows(history, out, "results", run, err) : 0;
	if (rc == 1 && !more)
		more = add_rows(history, out, "devices", run, err);
	if (rc != 1 || more) {
		json_out_free(out);
		return more ? more : rc;
	}
	*ret = out;
	return 1;
}
