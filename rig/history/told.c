/* A run between the history's rows and JSON. The same tables of columns serve both ways. */
#include "rig/history/told.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/history/inside.h"
#include "rig/history/unit.h"

struct column {
	const char *key;
	char kind; /* t text, i integer, r real (NULL: null), b 0 or 1 */
};

static const struct column run_columns[] = {
	{"head", 't'},         {"name", 't'},     {"host", 't'},    {"started", 't'},     {"ended", 't'},
	{"dut", 't'},          {"lot", 't'},      {"plan", 't'},    {"plan_sha256", 't'}, {"bench", 't'},
	{"bench_sha256", 't'}, {"operator", 't'}, {"verdict", 't'}, {"status", 't'},      {"exit_code", 'i'},
	{"reason", 't'},       {"software", 't'}, {NULL, 0},
};
static const struct column more_columns[] = {
	{"setup", 't'},  {"golden", 't'},    {"cartridge", 't'}, {"build", 't'}, {"method", 'i'},
	{"origin", 't'}, {"recording", 't'}, {"sessions", 'i'},  {NULL, 0},
};
static const struct column decided_columns[] = {{"judged", 'i'}, {"later", 't'}, {"later_reason", 't'}, {NULL, 0}};
static const struct column attribute_columns[] = {{"key", 't'}, {"value", 't'}, {NULL, 0}};
static const struct column disposition_columns[] = {
	{"utc", 't'}, {"by", 't'}, {"decision", 't'}, {"reason", 't'}, {NULL, 0}};
static const struct column place_columns[] = {{"place", 'i'},    {"sweep", 'b'},   {"step", 'i'},    {"phantom", 't'},
					      {"depth_mm", 'r'}, {"rate_hz", 'r'}, {"attempt", 'i'}, {NULL, 0}};
static const struct column quantity_columns[] = {{"measurand", 't'}, {"method", 't'}, {"unit", 't'}, {NULL, 0}};
static const struct column value_columns[] = {{"place", 'i'},      {"value", 'r'}, {"u", 'r'},
					      {"expanded_u", 'r'}, {"n", 'i'},     {"outcome", 't'},
					      {"lower", 'r'},      {"upper", 'r'}, {NULL, 0}};
static const struct column device_columns[] = {
	{"number", 'i'},   {"role", 't'},        {"driver", 't'}, {"model", 't'}, {"serial", 't'},
	{"firmware", 't'}, {"certificate", 't'}, {"due", 't'},    {NULL, 0},
};

/* ---- telling ------------------------------------------------------------------------------------------------------- */

/* at: the row's column where they begin; behind them the next. */
static int add_columns(struct json_out *out, const struct column *column, struct db_stmt *row, int at)
{
	for (; column->key; column++, at++) {
		double number = column->kind == 'r' ? db_real(row, at) : 0;

		if (column->kind == 't')
			json_out_string(out, column->key, db_text(row, at, NULL));
		else if (column->kind == 'i')
			json_out_int(out, column->key, db_int(row, at));
		else if (column->kind == 'b')
			json_out_bool(out, column->key, db_int(row, at) != 0);
		else if (isfinite(number))
			json_out_number(out, column->key, number, 17);
		else
			json_out_null(out, column->key);
	}
	return at;
}

#define RUN_SQL                                                                                                        \
	"SELECT head, name, host, started, ended, dut, lot, plan, plan_sha256, bench, bench_sha256, operator, "        \
	"verdict, status, exit_code, reason, software, setup, golden, cartridge, build, method, origin, recording, "   \
	"sessions, judged, later, later_reason, path FROM run WHERE id = ?1"
#define RESULT_SQL                                                                                                     \
	"SELECT q.measurand, q.method, q.unit, r.place, p.sweep, p.step, p.phantom, p.depth_mm, p.rate_hz, "           \
	"p.attempt, r.place, r.value, r.u, r.expanded_u, coalesce(r.n, 0), r.outcome, r.lower, r.upper FROM result r " \
	"JOIN quantity q ON q.id = r.quantity JOIN place p ON p.run = r.run AND p.number = r.place WHERE r.run = ?1 "  \
	"ORDER BY r.place, q.measurand, q.method"
#define DEVICE_SQL                                                                                                     \
	"SELECT number, role, driver, model, serial, firmware, certificate, due FROM device WHERE run = ?1 ORDER BY 1"
#define ATTRIBUTE_SQL   "SELECT key, value FROM attribute WHERE run = ?1 ORDER BY key"
#define DISPOSITION_SQL "SELECT utc, by, decision, reason FROM disposition WHERE run = ?1 ORDER BY number"

/* What stands in a row: one table of columns behind the other. */
static const struct list {
	const char *sql;
	const struct column *columns[3];
} results = {RESULT_SQL, {quantity_columns, place_columns, value_columns + 1}}, /* its place was told */
	devices = {DEVICE_SQL, {device_columns}}, attributes = {ATTRIBUTE_SQL, {attribute_columns}},
  dispositions = {DISPOSITION_SQL, {disposition_columns}};

struct rows {
	struct json_out *to;
	const struct list *list;
	int64_t count;
};

static int on_row(void *ctx, struct db_stmt *row, struct err *err)
{
	struct rows *rows = ctx;
	struct json_out *entry = json_out_add_object(rows->to, NULL);
	int at = 0;

	(void)err;
	for (unsigned i = 0; i < 3 && rows->list->columns[i]; i++)
		at = add_columns(entry, rows->list->columns[i], row, at + (i == 2));
	rows->count++;
	return 0;
}

static int add_list(struct history *history, struct json_out *out, const char *key, const struct list *list,
		    int64_t run, int64_t *ret_count, struct err *err)
{
	struct rows rows = {json_out_add_array(out, key), list, 0};
	int rc = db_each(history->db, list->sql, run, 0, on_row, &rows, err);

	if (ret_count)
		*ret_count = rows.count;
	return rc;
}

static int add_lists(struct history *history, struct json_out *out, struct json_out *more, struct json_out *decided,
		     int64_t row, int64_t *ret_disposed, struct err *err)
{
	int rc = add_list(history, out, "results", &results, row, NULL, err);

	if (!rc)
		rc = add_list(history, out, "devices", &devices, row, NULL, err);
	if (!rc)
		rc = add_list(history, more, "attributes", &attributes, row, NULL, err);
	return rc ? rc : add_list(history, decided, "dispositions", &dispositions, row, ret_disposed, err);
}

int told_run(struct history *history, int64_t row, const char *run_id, struct json_out **ret, struct told *ret_told,
	     struct err *err)
{
	struct json_out *out = json_out_object(), *more = json_out_add_object(out, "more"),
			*decided = json_out_add_object(out, "decided");
	struct db_stmt *stmt;
	int rc = db_prepare(history->db, RUN_SQL, &stmt, err);

	if (!rc) {
		db_bind_int(stmt, 1, row);
		rc = db_step(stmt, err);
	}
	if (rc == 1) {
		json_out_string(out, "run", run_id);
		int at = add_columns(out, run_columns, stmt, 0);
		at = add_columns(more, more_columns, stmt, at);
		ret_told->judged = db_int(stmt, at);
		at = add_columns(decided, decided_columns, stmt, at);
		snprintf(ret_told->path, sizeof(ret_told->path), "%s", db_text(stmt, at, NULL));
	}
	db_finalize(stmt);
	int failed = rc == 1 ? add_lists(history, out, more, decided, row, &ret_told->disposed, err) : 0;
	if (rc != 1 || failed) {
		json_out_free(out);
		return failed ? failed : rc;
	}
	*ret = out;
	return 1;
}

/* ---- taking in ----------------------------------------------------------------------------------------------------- */

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *node = object ? json_get(object, key) : NULL;

	return node && json_kind(node) == JSON_STRING ? json_string(node) : "";
}

static double number_of(const struct json *object, const char *key)
{
	const struct json *node = object ? json_get(object, key) : NULL;

	if (node && json_kind(node) == JSON_BOOL)
		return json_bool(node);
	return node && json_kind(node) == JSON_NUMBER ? json_number(node) : NAN;
}

/* index: of the first; behind them the next. */
static int bind_columns(struct db_stmt *stmt, int index, const struct json *object, const struct column *column)
{
	for (; column->key; column++, index++) {
		double number = number_of(object, column->key);

		if (column->kind == 't')
			db_bind_text(stmt, index, text_of(object, column->key), strlen(text_of(object, column->key)));
		else if (column->kind == 'r')
			db_bind_real(stmt, index, number);
		else
			db_bind_int(stmt, index, isfinite(number) ? (int64_t)number : 0);
	}
	return index;
}

#define TAKE_RUN_SQL                                                                                                   \
	"INSERT INTO run(head, name, host, started, ended, dut, lot, plan, plan_sha256, bench, bench_sha256, "         \
	"operator, verdict, status, exit_code, reason, software, setup, golden, cartridge, build, method, origin, "    \
	"recording, sessions, judged, later, later_reason, severity, path) "                                           \
	"VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'')"

static int take_run(struct db *db, const struct json *run, int64_t *ret, struct err *err)
{
	const struct json *decided = json_get(run, "decided");
	struct db_stmt *stmt;
	int rc = db_prepare(db, TAKE_RUN_SQL, &stmt, err);

	if (rc)
		return rc;
	int at = bind_columns(stmt, 1, run, run_columns);
	at = bind_columns(stmt, at, json_get(run, "more"), more_columns);
	at = bind_columns(stmt, at, decided, decided_columns);
	db_bind_int(stmt, at, unit_standing_of(text_of(run, "verdict"), text_of(decided, "later")));
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc ? rc : db_number(db, "SELECT last_insert_rowid()", ret, err);
}

/* A row of a table for each entry: the run, its number in the list where the table has one, and these columns. */
struct into {
	const char *sql;
	bool numbered;
	const struct column *columns[2];
};
static const struct into
	into_device = {"INSERT INTO device(run, number, role, driver, model, serial, firmware, "
		       "certificate, due) VALUES(?,?,?,?,?,?,?,?,?)",
		       false,
		       {device_columns}},
	into_attribute = {"INSERT INTO attribute(run, key, value) VALUES(?,?,?)", false, {attribute_columns}},
	into_disposition = {"INSERT INTO disposition(run, number, utc, by, decision, reason) "
			    "VALUES(?,?,?,?,?,?)",
			    true,
			    {disposition_columns}},
	into_place = {"INSERT OR IGNORE INTO place(run, number, sweep, step, phantom, depth_mm, "
		      "rate_hz, attempt, outcome) VALUES(?,?,?,?,?,?,?,?,'')",
		      false,
		      {place_columns}},
	into_quantity = {"INSERT OR IGNORE INTO quantity(measurand, method, unit) SELECT ?2, ?3, ?4 WHERE ?1",
			 false,
			 {quantity_columns}},
	into_result = {"INSERT OR IGNORE INTO result(run, quantity, place, value, u, expanded_u, n, "
		       "outcome, lower, upper) VALUES(?1, (SELECT id FROM quantity WHERE measurand = ?2 "
		       "AND method = ?3 AND unit = ?4), ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
		       false,
		       {quantity_columns, value_columns}};

static int take_list(struct db *db, const struct json *list, const struct into *into, int64_t run, struct err *err)
{
	struct db_stmt *stmt;
	size_t entries = list && json_kind(list) == JSON_ARRAY ? json_size(list) : 0;
	int rc = entries ? db_prepare(db, into->sql, &stmt, err) : 0;

	if (rc || !entries)
		return rc;
	for (size_t i = 0; i < entries && !rc; i++) {
		const struct json *entry = json_at(list, i);
		int at = 2;
		db_bind_int(stmt, 1, run);
		if (into->numbered)
			db_bind_int(stmt, at++, (int64_t)i);
		for (unsigned c = 0; c < 2 && into->columns[c]; c++)
			at = bind_columns(stmt, at, entry, into->columns[c]);
		rc = db_insert(stmt, err);
	}
	db_finalize(stmt);
	return rc;
}

int told_take(struct history *history, const struct json *run, struct err *err)
{
	const struct json *list = json_get(run, "results"), *more = json_get(run, "more"),
			  *decided = json_get(run, "decided");
	const struct {
		const struct json *list;
		const struct into *into;
	} part[] = {{json_get(run, "devices"), &into_device},
		    {more ? json_get(more, "attributes") : NULL, &into_attribute},
		    {decided ? json_get(decided, "dispositions") : NULL, &into_disposition},
		    {list, &into_place},
		    {list, &into_quantity},
		    {list, &into_result}};
	int64_t row = 0;
	int rc = json_kind(run) == JSON_OBJECT && *text_of(run, "name")
			 ? take_run(history->db, run, &row, err)
			 : err_set(err, -EBADMSG, "what was told is no run");

	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]) && !rc; i++)
		rc = take_list(history->db, part[i].list, part[i].into, row, err);
	return rc;
}
