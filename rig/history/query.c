/* Questions to the history as SQL: conditions from a filter, rows to whoever asks. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rig/history/inside.h"
#include "rig/history/unit.h"

#define SQL_MAX   8192
#define VALUE_MAX 512

/* How a field chooses runs: what stands before the comparison and behind it. Several values of a field are joined by "or",
 * but where each must hold. */
struct field_row {
	const char *before, *behind;
	bool every;
	const char *comparison; /* NULL: equal, or like the pattern */
	const char *to_value;   /* put behind the value */
};

static const struct field_row field_table[] = {
	[BY_DUT] = {.before = "run.dut "},
	[BY_LOT] = {.before = "run.lot "},
	[BY_PLAN] = {.before = "run.plan "},
	[BY_BENCH] = {.before = "run.bench "},
	[BY_OPERATOR] = {.before = "run.operator "},
	[BY_VERDICT] = {.before = "run.id IN (SELECT id FROM (SELECT id, verdict AS formed FROM run UNION ALL"
				  " SELECT id, later FROM run WHERE later <> '') WHERE formed ",
			.behind = ")"},
	[BY_STATUS] = {.before = "run.status "},
	[BY_DEVICE] = {.before = "run.id IN (SELECT run FROM device WHERE serial ", .behind = ")"},
	[BY_CERTIFICATE] = {.before = "run.id IN (SELECT run FROM device WHERE certificate ", .behind = ")"},
	[BY_SENSOR] = {.before = "run.id IN (WITH wanted(word) AS (SELECT ",
		       .behind = ") SELECT run FROM device, wanted WHERE serial = word OR (sensor_certificate <> '' AND"
				 " (sensor_certificate = word OR sensor_certificate IN (SELECT certificate FROM device"
				 " WHERE serial = word))))",
		       .comparison = "?"},
	[BY_ATTRIBUTE] = {.before = "run.id IN (SELECT run FROM attribute WHERE key || '=' || value ",
			  .behind = ")",
			  .every = true},
	[BY_SINCE] = {.before = "run.started ", .every = true, .comparison = ">=?"},
	[BY_UNTIL] = {.before = "run.started ", .every = true, .comparison = "<=?", .to_value = "~"},
	[BY_NAME] = {.before = "run.name "},
};

struct question {
	char sql[SQL_MAX];
	size_t len;
	unsigned values;
	char value[HISTORY_FILTERS_MAX + 2][VALUE_MAX];
};

__attribute__((format(printf, 2, 3))) static void say(struct question *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(q->sql + q->len, sizeof(q->sql) - q->len, fmt, ap);
	va_end(ap);
	q->len += n > 0 ? (size_t)n : 0;
}

static void add_value(struct question *q, const char *value, const char *behind)
{
	snprintf(q->value[q->values++], VALUE_MAX, "%s%s", value, behind ? behind : "");
}

static const char *comparison(const struct field_row *row, const char *value)
{
	if (row->comparison)
		return row->comparison;
	return strpbrk(value, "*?") ? "GLOB ?" : "=?";
}

/* The conditions that this field's values make, joined; nothing where it has none. */
static void add_field(struct question *q, const struct history_filter *filter, enum history_field field)
{
	const struct field_row *row = &field_table[field];
	bool begun = false;

	for (unsigned i = 0; i < filter->count; i++) {
		if (filter->item[i].field != field)
			continue;
		say(q, "%s%s%s%s",
		    !begun       ? " AND ("
		    : row->every ? " AND "
				 : " OR ",
		    row->before, comparison(row, filter->item[i].value), row->behind ? row->behind : "");
		add_value(q, filter->item[i].value, row->to_value);
		begun = true;
	}
	if (begun)
		say(q, ")");
}

static void add_filter(struct question *q, const struct history_filter *filter)
{
	for (unsigned field = 0; field < sizeof(field_table) / sizeof(field_table[0]); field++)
		add_field(q, filter, (enum history_field)field);
}

static int ask(struct db *db, struct question *q, int (*fn)(void *ctx, struct db_stmt *row), void *ctx, struct err *err)
{
	struct db_stmt *stmt;
	int rc = q->len < sizeof(q->sql) ? db_prepare(db, q->sql, &stmt, err)
					 : err_set(err, -E2BIG, "too many conditions at once: leave some out");

	if (rc)
		return rc;
	for (unsigned i = 0; i < q->values; i++)
		db_bind_text(stmt, (int)i + 1, q->value[i], strlen(q->value[i]));
	while ((rc = db_step(stmt, err)) == 1 && (rc = fn(ctx, stmt)) == 0)
		;
	db_finalize(stmt);
	return rc;
}

/* ---- runs ---------------------------------------------------------------------------------------------------------- */

struct run_walk {
	int (*fn)(void *ctx, const struct history_run *run);
	void *ctx;
};

static enum disposition_kind decision_of(const char *word)
{
	unsigned kind = 0;

	while (kind < DISPOSITIONS && strcmp(word, disposition_words[kind]) != 0)
		kind++;
	return (enum disposition_kind)kind;
}

static int on_run(void *ctx, struct db_stmt *row)
{
	const struct run_walk *walk = ctx;
	const struct history_run run = {
		.id = db_int(row, 0),
		.exit_code = (int)db_int(row, 1),
		.name = db_text(row, 2, NULL),
		.host = db_text(row, 3, NULL),
		.started = db_text(row, 4, NULL),
		.ended = db_text(row, 5, NULL),
		.path = db_text(row, 6, NULL),
		.dut = db_text(row, 7, NULL),
		.lot = db_text(row, 8, NULL),
		.plan = db_text(row, 9, NULL),
		.plan_sha256 = db_text(row, 10, NULL),
		.bench = db_text(row, 11, NULL),
		.operator_name = db_text(row, 12, NULL),
		.verdict = db_text(row, 13, NULL),
		.status = db_text(row, 14, NULL),
		.reason = db_text(row, 15, NULL),
		.software = db_text(row, 16, NULL),
		.origin = db_text(row, 17, NULL),
		.disposition = decision_of(db_text(row, 18, NULL)),
		.disposed_by = db_text(row, 19, NULL),
		.disposed_why = db_text(row, 20, NULL),
		.disposed_utc = db_text(row, 21, NULL),
		.later = db_text(row, 22, NULL),
		.later_why = db_text(row, 23, NULL),
		.recording = db_text(row, 24, NULL),
		.again = db_int(row, 25) != 0,
		.head = db_text(row, 26, NULL),
		.setup = db_text(row, 27, NULL),
		.sessions = (unsigned)db_int(row, 29),
		.method_version = (unsigned)db_int(row, 28),
	};

	return walk->fn(walk->ctx, &run);
}

/* Of all runs of one recording and unit the worst counts, of those the first. */
#define AGAIN_SQL                                                                                                      \
	"recording <> '' AND EXISTS (SELECT 1 FROM run AS o WHERE o.recording = run.recording AND o.dut = run.dut AND" \
	" (o.severity > run.severity OR (o.severity = run.severity AND (o.started, o.name, o.host, o.head) <"          \
	" (run.started, run.name, run.host, run.head))))"

int history_each_run(struct history *history, const struct history_filter *filter, enum history_order order,
		     int (*fn)(void *ctx, const struct history_run *run), void *ctx, struct err *err)
{
	struct run_walk walk = {.fn = fn, .ctx = ctx};
	struct question q = {.len = 0};

	say(&q,
	    "SELECT run.id, exit_code, name, host, started, ended, path, dut, lot, plan, plan_sha256, bench, operator, "
	    "verdict, status, run.reason, software, origin, decision, by, d.reason, utc, later, later_reason, "
	    "recording, " AGAIN_SQL ", head, setup, method, sessions FROM run"
	    " LEFT JOIN disposition AS d ON d.run = run.id AND d.number = (SELECT max(number) FROM disposition WHERE "
	    "run = run.id) WHERE %s",
	    order == ORDER_UNIT ? "dut IN (SELECT dut FROM run WHERE 1" : "1");
	add_filter(&q, filter);
	say(&q, order == ORDER_UNIT ? ") ORDER BY dut, plan, plan_sha256, started, name, host"
				    : " ORDER BY started, name, host");
	return ask(history->db, &q, on_run, &walk, err);
}

static int on_mark(void *ctx, struct db_stmt *row)
{
	struct history_mark *mark = ctx;

	snprintf(mark->name, sizeof(mark->name), "%s", db_text(row, 0, NULL));
	snprintf(mark->started, sizeof(mark->started), "%s", db_text(row, 1, NULL));
	return 0;
}

int history_newest(struct history *history, struct history_mark *ret, struct err *err)
{
	struct question q = {.len = 0};

	*ret = (struct history_mark){.name = ""};
	say(&q, "SELECT name, started FROM run ORDER BY id DESC LIMIT 1");
	return ask(history->db, &q, on_mark, ret, err);
}

static int on_there(void *ctx, struct db_stmt *row)
{
	(void)row;
	*(bool *)ctx = true;
	return 0;
}

int history_has(struct history *history, const struct history_mark *mark, bool *ret, struct err *err)
{
	struct question q = {.len = 0};

	*ret = false;
	say(&q, "SELECT 1 FROM run WHERE name = ? AND started = ? LIMIT 1");
	add_value(&q, mark->name, NULL);
	add_value(&q, mark->started, NULL);
	return ask(history->db, &q, on_there, ret, err);
}

/* ---- devices ------------------------------------------------------------------------------------------------------- */

struct device_walk {
	int (*fn)(void *ctx, const struct history_device *device);
	void *ctx;
};

static int on_device(void *ctx, struct db_stmt *row)
{
	const struct device_walk *walk = ctx;
	const struct history_device device = {
		.run_id = db_int(row, 0),
		.run = db_text(row, 1, NULL),
		.started = db_text(row, 2, NULL),
		.role = db_text(row, 3, NULL),
		.model = db_text(row, 4, NULL),
		.serial = db_text(row, 5, NULL),
		.firmware = db_text(row, 6, NULL),
		.certificate = db_text(row, 7, NULL),
		.due = db_text(row, 8, NULL),
	};

	return walk->fn(walk->ctx, &device);
}

int history_each_device(struct history *history, const struct history_filter *filter,
			int (*fn)(void *ctx, const struct history_device *device), void *ctx, struct err *err)
{
	struct device_walk walk = {.fn = fn, .ctx = ctx};
	struct question q = {.len = 0};

	say(&q, "SELECT run.id, name, started, role, model, serial, firmware, certificate, due FROM run"
		" JOIN device ON device.run = run.id WHERE 1");
	add_filter(&q, filter);
	say(&q, " ORDER BY started, name, host, run.id, device.number");
	return ask(history->db, &q, on_device, &walk, err);
}

/* ---- results ------------------------------------------------------------------------------------------------------- */

struct result_walk {
	int (*fn)(void *ctx, const struct history_result *result);
	void *ctx;
};

static int on_result(void *ctx, struct db_stmt *row)
{
	const struct result_walk *walk = ctx;
	const struct history_result result = {
		.measurand = db_text(row, 21, NULL),
		.bench = db_text(row, 22, NULL),
		.run = db_text(row, 0, NULL),
		.dut = db_text(row, 1, NULL),
		.lot = db_text(row, 2, NULL),
		.started = db_text(row, 3, NULL),
		.method = db_text(row, 4, NULL),
		.unit = db_text(row, 5, NULL),
		.outcome = db_text(row, 6, NULL),
		.phantom = db_text(row, 7, NULL),
		.sweep = db_int(row, 8) != 0,
		.depth_mm = db_real(row, 9),
		.rate_hz = db_real(row, 10),
		.value = db_real(row, 11),
		.u = db_real(row, 12),
		.expanded_u = db_real(row, 13),
		.lower = db_real(row, 14),
		.upper = db_real(row, 15),
		.n = db_int(row, 16),
		.run_id = db_int(row, 17),
		.recording = db_text(row, 18, NULL),
		.method_version = (unsigned)db_int(row, 19),
		.failed_later = unit_standing_of("", db_text(row, 20, NULL)) == UNIT_FAIL,
	};

	return walk->fn(walk->ctx, &result);
}

int history_each_result(struct history *history, const struct history_filter *filter, const char *measurand,
			const char *method, bool judged, int (*fn)(void *ctx, const struct history_result *result),
			void *ctx, struct err *err)
{
	struct result_walk walk = {.fn = fn, .ctx = ctx};
	struct question q = {.len = 0};

	say(&q,
	    "SELECT name, dut, lot, started, quantity.method, unit, result.outcome, phantom, sweep, depth_mm, rate_hz, "
	    "value, u, "
	    "expanded_u, lower, upper, n, run.id, recording, run.method, later, measurand, bench FROM quantity JOIN "
	    "result ON "
	    "result.quantity = quantity.id"
	    " JOIN run ON run.id = result.run JOIN place ON place.run = run.id AND place.number = result.place"
	    " WHERE 1");
	if (judged)
		say(&q, " AND result.outcome <> ''");
	if (measurand) {
		say(&q, " AND measurand = ?");
		add_value(&q, measurand, NULL);
	}
	if (method) {
		say(&q, " AND (quantity.method = ? OR (quantity.method = '' AND value IS NULL))");
		add_value(&q, method, NULL);
	}
	add_filter(&q, filter);
	say(&q, " ORDER BY started, name, host, place.number, quantity.id");
	return ask(history->db, &q, on_result, &walk, err);
}
