#include "rig/fleet/mirror.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/fleet/tables.h"
#include "rig/history/told.h"

#define NEEDS     2 /* version of the tables */
#define PAGE      "200"
#define SQL_MAX   8192
#define VALUE_MAX 512

/* What the server can choose by: before and behind the value's number. The history chooses again, so that too many runs do no
 * harm; too few would. */
static const struct field_row {
	const char *before, *exact, *behind; /* before NULL: left to the history */
	bool patterns;                       /* can be asked for here */
	bool every;                          /* several values: all of them */
} field_table[] = {
	[BY_DUT] = {"dut ", "= ", "", true, false},
	[BY_LOT] = {"lot ", "= ", "", true, false},
	[BY_PLAN] = {"plan ", "= ", "", true, false},
	[BY_BENCH] = {"bench ", "= ", "", true, false},
	[BY_OPERATOR] = {"operator ", "= ", "", true, false},
	[BY_STATUS] = {"status ", "= ", "", true, false},
	[BY_DEVICE] = {"(run_no, recorded_at) IN (SELECT run_no, recorded_at FROM device_use JOIN device USING "
		       "(device_id) WHERE "
		       "serial ",
		       "= ", ")", true, false},
	[BY_CERTIFICATE] = {"(run_no, recorded_at) IN (SELECT run_no, recorded_at FROM device_use WHERE certificate ",
			    "= ", ")", true, false},
	[BY_SINCE] = {"started COLLATE \"C\" ", ">= ", "", false, true},
	[BY_UNTIL] = {"started COLLATE \"C\" ", "<= ", " || '~'", false, true},
	[BY_NAME] = {NULL, NULL, NULL, false, false},
};
#define FIELDS (sizeof(field_table) / sizeof(field_table[0]))

struct question {
	char sql[SQL_MAX];
	size_t len;
	unsigned values;
	char value[HISTORY_FILTERS_MAX + 1][VALUE_MAX];
	const char *list[HISTORY_FILTERS_MAX + 1];
};

__attribute__((format(printf, 2, 3))) static void say(struct question *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(q->sql + q->len, sizeof(q->sql) - q->len, fmt, ap);
	va_end(ap);
	q->len += n > 0 ? (size_t)n : 0;
}

/* * and ? as LIKE has them. */
static void to_like(const char *pattern, char ret[VALUE_MAX])
{
	size_t n = 0;

	for (; *pattern && n + 2 < VALUE_MAX; pattern++) {
		if (*pattern == '%' || *pattern == '_' || *pattern == '\\')
			ret[n++] = '\\';
		ret[n++] = (char)(*pattern == '*' ? '%' : *pattern == '?' ? '_' : *pattern);
	}
	ret[n] = '\0';
}

static bool is_pattern(const char *value)
{
	return strpbrk(value, "*?") != NULL;
}

/* Whether every value of the field can be asked for here; LIKE knows no [a-z]. */
static bool can_ask(const struct history_filter *filter, unsigned field)
{
	const struct field_row *row = &field_table[field];
	unsigned n = 0;

	for (unsigned i = 0; i < filter->count; i++) {
		const char *value = filter->item[i].value;
		if (filter->item[i].field != (enum history_field)field)
			continue;
		if (!row->before || strlen(value) >= VALUE_MAX / 2 ||
		    (is_pattern(value) && (!row->patterns || strchr(value, '['))))
			return false;
		n++;
	}
	return n > 0;
}

static void add_field(struct question *q, const struct history_filter *filter, unsigned field)
{
	const struct field_row *row = &field_table[field];
	const char *joint = " AND (";

	for (unsigned i = 0; i < filter->count; i++) {
		const char *value = filter->item[i].value;
		bool pattern = is_pattern(value);
		if (filter->item[i].field != (enum history_field)field)
			continue;
		if (pattern)
			to_like(value, q->value[q->values]);
		else
			snprintf(q->value[q->values], VALUE_MAX, "%s", value);
		q->list[q->values] = q->value[q->values];
		q->values++;
		say(q, "%s%s%s$%u%s", joint, row->before, pattern ? "LIKE " : row->exact, q->values, row->behind);
		joint = row->every ? " AND " : " OR ";
	}
	say(q, ")");
}

/* $1 is the last run of the page before. */
static int make_question(struct question *q, const struct history_filter *filter, bool units, struct err *err)
{
	q->values = 1;
	say(q, "SELECT run_no, told FROM run_told WHERE run_no > $1%s",
	    units ? " AND dut IN (SELECT dut FROM run WHERE true" : "");
	for (unsigned field = 0; field < FIELDS; field++)
		if (can_ask(filter, field))
			add_field(q, filter, field);
	say(q, "%s ORDER BY run_no LIMIT " PAGE, units ? ")" : "");
	return q->len < sizeof(q->sql) ? 0 : err_set(err, -E2BIG, "too many conditions at once: leave some out");
}

static int take(struct history *history, const char *text, struct err *err)
{
	struct json_doc *doc;
	int rc = json_parse("a run of the server", text, strlen(text), &doc, err);

	if (rc)
		return rc == -EINVAL ? -EBADMSG : rc;
	rc = told_take(history, json_root(doc), err);
	json_doc_free(doc);
	return rc;
}

/* A page at a time: what is asked for may be all that there is. */
static int fetch(struct server *server, struct question *q, struct history *history, struct err *err)
{
	char last[24] = "0";
	unsigned rows = 1;
	int rc = 0;

	q->list[0] = last;
	while (!rc && rows) {
		struct answer *page = NULL;
		rc = server_ask(server, q->sql, q->list, q->values, &page, err);
		rows = rc ? 0 : answer_rows(page);
		for (unsigned i = 0; i < rows && !rc; i++)
			rc = take(history, answer_text(page, i, 1), err);
		if (rows)
			snprintf(last, sizeof(last), "%s", answer_text(page, rows - 1, 0));
		answer_free(page);
	}
	return rc;
}

int mirror_fetch(struct server *server, const struct history_filter *filter, bool units, struct history **ret,
		 struct err *err)
{
	struct question *q = calloc(1, sizeof(*q));
	struct history *history = NULL;
	int rc = q ? tables_check(server, NEEDS, NULL, err) : err_set(err, -ENOMEM, "out of memory");

	if (!rc)
		rc = make_question(q, filter, units, err);
	if (!rc)
		rc = history_none(&history, err);
	if (!rc)
		rc = fetch(server, q, history, err);
	free(q);
	if (rc)
		history_close(history);
	else
		*ret = history;
	return rc;
}
