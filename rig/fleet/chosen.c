#include "rig/fleet/chosen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rig/fleet/tables.h"

#define NEEDS     3 /* version of the tables */
#define SQL_MAX   4096
#define TERMS_MAX 12
#define VALUE_MAX 256

static const struct {
	const char *key, *column;
} columns[] = {{"name", "r.name"},           {"dut", "r.dut"},     {"lot", "r.lot"},
	       {"plan", "r.plan"},           {"bench", "r.bench"}, {"operator", "r.operator"},
	       {"build", "m.more->>'build'"}};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct question {
	char sql[SQL_MAX];
	size_t len;
	unsigned values;
	char value[2 * TERMS_MAX + 4][2 * VALUE_MAX];
	const char *list[2 * TERMS_MAX + 4];
};

__attribute__((format(printf, 2, 3))) static void say(struct question *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(q->sql + q->len, sizeof(q->sql) - q->len, fmt, ap);
	va_end(ap);
	q->len += n > 0 ? (size_t)n : 0;
}

static unsigned add_value(struct question *q, const char *text)
{
	snprintf(q->value[q->values], sizeof(q->value[0]), "%s", text);
	q->list[q->values] = q->value[q->values];
	return ++q->values;
}

/* * and ? as LIKE has them. */
static unsigned add_pattern(struct question *q, const char *text)
{
	char *to = q->value[q->values];

	for (; *text; text++) {
		if (*text == '%' || *text == '_' || *text == '\\')
			*to++ = '\\';
		*to++ = (char)(*text == '*' ? '%' : *text == '?' ? '_' : *text);
	}
	*to = '\0';
	q->list[q->values] = q->value[q->values];
	return ++q->values;
}

static void add_term(struct question *q, const char *key, const char *value)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		if (strcmp(columns[i].key, key) == 0) {
			say(q, " AND %s LIKE $%u", columns[i].column, add_pattern(q, value));
			return;
		}
	unsigned number = add_value(q, key);
	say(q,
	    " AND EXISTS (SELECT FROM jsonb_array_elements(m.more->'attributes') a WHERE a->>'key' = $%u AND "
	    "a->>'value' "
	    "LIKE $%u)",
	    number, add_pattern(q, value));
}

static int add_words(struct question *q, const char *words, struct err *err)
{
	char copy[TERMS_MAX * VALUE_MAX], *rest = copy, *term;
	unsigned count = 0;

	if (!strchr(words, '=')) {
		if (strlen(words) >= VALUE_MAX)
			return err_set(err, -EINVAL, "%.60s...: no run has so long a name", words);
		say(q, " AND r.name LIKE $%u", add_pattern(q, words));
		return 0;
	}
	snprintf(copy, sizeof(copy), "%s", words);
	while ((term = strsep(&rest, ","))) {
		char *equals = strchr(term, '=');
		if (!equals || equals == term || strlen(term) >= VALUE_MAX || ++count > TERMS_MAX)
			return err_set(
				err, -EINVAL,
				"%.100s: the name of a run, or KEY=VALUE, up to %d of them with commas between, as "
				"plan=demo,build=4.1",
				words, TERMS_MAX);
		*equals = '\0';
		add_term(q, term, equals + 1);
	}
	return 0;
}

static int make_question(struct question *q, const struct chosen_question *from, struct err *err)
{
	say(q, "SELECT r.run_id FROM run r LEFT JOIN run_more m USING (run_no) WHERE r.status <> 'refused'");
	if (from->plan_sha256)
		say(q, " AND r.plan_sha256 = $%u", add_value(q, from->plan_sha256));
	if (from->since)
		say(q, " AND r.started COLLATE \"C\" >= $%u", add_value(q, from->since));
	if (from->until)
		say(q, " AND r.started COLLATE \"C\" <= $%u || '~'", add_value(q, from->until));
	int rc = from->words ? add_words(q, from->words, err) : 0;
	say(q, " ORDER BY r.run_no LIMIT %d", CHOSEN_MAX + 1);
	return rc;
}

int chosen_each(struct server *server, const struct chosen_question *question,
		int (*fn)(void *ctx, const char *run_id, struct err *err), void *ctx, struct err *err)
{
	struct question q = {.len = 0};
	struct answer *runs = NULL;
	int rc = tables_check(server, NEEDS, NULL, err);

	if (!rc)
		rc = make_question(&q, question, err);
	if (!rc)
		rc = server_ask(server, q.sql, q.list, q.values, &runs, err);
	if (!rc && !answer_rows(runs))
		rc = err_set(err, -ENOENT, "%.100s: the server has no such run, or none that this login sees",
			     question->words ? question->words : "this plan");
	if (!rc && answer_rows(runs) > CHOSEN_MAX)
		rc = err_set(err, -E2BIG, "%.100s: more than %d runs: choose fewer",
			     question->words ? question->words : "this plan", CHOSEN_MAX);
	for (unsigned i = 0; !rc && i < answer_rows(runs); i++)
		rc = fn(ctx, answer_text(runs, i, 0), err);
	answer_free(runs);
	return rc;
}
