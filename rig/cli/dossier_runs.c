/* Leaves out what becomes of the runs: dossier.c. */
#include "rig/cli/dossier_runs.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"

/* ---- from the command line and the history ------------------------------------------------------------------------- */

static const size_t row_texts[] = {
	offsetof(struct history_run, name),          offsetof(struct history_run, host),
	offsetof(struct history_run, started),       offsetof(struct history_run, ended),
	offsetof(struct history_run, path),          offsetof(struct history_run, dut),
	offsetof(struct history_run, lot),           offsetof(struct history_run, plan),
	offsetof(struct history_run, plan_sha256),   offsetof(struct history_run, bench),
	offsetof(struct history_run, operator_name), offsetof(struct history_run, verdict),
	offsetof(struct history_run, status),        offsetof(struct history_run, reason),
	offsetof(struct history_run, software),      offsetof(struct history_run, origin),
	offsetof(struct history_run, head),          offsetof(struct history_run, setup),
	offsetof(struct history_run, later),         offsetof(struct history_run, later_why),
	offsetof(struct history_run, recording),     offsetof(struct history_run, disposed_by),
	offsetof(struct history_run, disposed_why),  offsetof(struct history_run, disposed_utc),
};
#define ROW_TEXTS (sizeof(row_texts) / sizeof(row_texts[0]))

static const char **text_in(struct history_run *row, size_t offset)
{
	return (const char **)((char *)row + offset);
}

static int keep_row(struct dossier_source *s, const struct history_run *run, struct err *err)
{
	bool whole = true;

	s->row = *run;
	s->known = true;
	for (size_t i = 0; i < ROW_TEXTS; i++) {
		const char **text = text_in(&s->row, row_texts[i]);
		*text = strdup(*text ? *text : "");
		whole &= *text != NULL;
	}
	return whole ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int add(struct dossier_sources *sources, const char *path, struct dossier_source **ret, struct err *err)
{
	if (sources->count == sources->room) {
		unsigned room = 2 * sources->room + 16;
		void *more = reallocarray(sources->item, room, sizeof(*sources->item));
		if (!more)
			return err_set(err, -ENOMEM, "out of memory");
		sources->item = more;
		sources->room = room;
	}
	*ret = &sources->item[sources->count];
	**ret = (struct dossier_source){.path = strdup(path)};
	sources->count += (*ret)->path != NULL;
	return (*ret)->path ? 0 : err_set(err, -ENOMEM, "out of memory");
}

/* However a file is named, it is put in once. */
static int add_file(struct dossier_sources *sources, const char *named, struct err *err)
{
	char real[PATH_MAX];
	const char *path = realpath(named, real) ? real : named;
	struct dossier_source *added;

	for (unsigned i = 0; i < sources->count; i++)
		if (strcmp(sources->item[i].path, path) == 0)
			return 0;
	return add(sources, path, &added, err);
}

/* Two runs of the history may have stood at one path: each of them counts. */
static int add_row(struct dossier_sources *sources, const struct history_run *run, struct err *err)
{
	char real[PATH_MAX];
	const char *path = realpath(run->path, real) ? real : run->path;
	struct dossier_source *s = NULL;

	for (unsigned i = 0; i < sources->count; i++) {
		if (sources->item[i].known && sources->item[i].row.id == run->id)
			return 0;
		if (!sources->item[i].known && strcmp(sources->item[i].path, path) == 0)
			s = &sources->item[i];
	}
	int rc = s ? 0 : add(sources, path, &s, err);
	return rc ? rc : keep_row(s, run, err);
}

struct asking {
	struct dossier_sources *sources;
	unsigned found;
	struct err *err;
};

static int on_run(void *ctx, const struct history_run *run)
{
	struct asking *asking = ctx;

	asking->found++;
	return add_row(asking->sources, run, asking->err);
}

static int ask_history(struct dossier_sources *sources, struct history *history, const char *word, struct err *err)
{
	static const enum history_field fields[] = {BY_DUT, BY_LOT};
	struct asking asking = {.sources = sources, .err = err};
	int rc = 0;

	for (unsigned i = 0; i < 2 && !rc; i++) {
		const struct history_filter filter = {.count = 1, .item = {{fields[i], word}}};
		rc = history_each_run(history, &filter, ORDER_UNIT, on_run, &asking, err);
	}
	if (!rc && !asking.found)
		rc = err_set(err, -ENOENT,
			     "%.100s is no run file, and the history knows no unit and no lot of that name: penrig "
			     "history --rebuild DIR takes in run files",
			     word);
	return rc;
}

static bool is_run_file(const char *path)
{
	size_t len = strlen(path), end = strlen(RUNFILE_EXTENSION);

	return len > end && strcmp(path + len - end, RUNFILE_EXTENSION) == 0;
}

/* ---- from the files ------------------------------------------------------------------------------------------------ */

static void copy(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	enum unit_standing *worst = ctx;
	enum unit_standing one = unit_standing_of("", verdict_row(judged->dut_verdict, judged->on_statement)->name);

	*worst = one > *worst ? one : *worst;
	return 0;
}

static bool is_of_row(const struct history_run *row, const struct record *record)
{
	return strcmp(row->name, record->name) == 0 && strcmp(row->started, record->started_utc) == 0 &&
	       strcmp(row->host, record->host) == 0;
}

static void say_from_row(struct dossier_source *s)
{
	copy(s->dut, sizeof(s->dut), s->row.dut);
	copy(s->plan, sizeof(s->plan), s->row.plan);
	copy(s->plan_sha256, sizeof(s->plan_sha256), s->row.plan_sha256);
	copy(s->started, sizeof(s->started), s->row.started);
	copy(s->recording, sizeof(s->recording), s->row.recording);
	s->standing = unit_standing_of(s->row.verdict, s->row.later);
}

static void say_from_file(struct dossier_source *s, const struct record *record)
{
	const struct record_file *plan = record_file_of(record, "plan");

	copy(s->dut, sizeof(s->dut), record->dut);
	copy(s->plan, sizeof(s->plan), record->plan_name);
	copy(s->plan_sha256, sizeof(s->plan_sha256), plan ? plan->sha256 : "");
	copy(s->started, sizeof(s->started), record->started_utc);
	copy(s->recording, sizeof(s->recording), record->origin.sha256);
}

/* Of a resumed run those that it went on with belong to it: without them it cannot be verified. */
static int add_sessions(struct dossier_sources *sources, const char *path, const struct record *record, struct err *err)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0, rc = 0;

	for (unsigned i = 0; i < record->sessions && !rc; i++) {
		const char *name = record->session[i].name;
		char beside[PATH_MAX + 200];
		int n = snprintf(beside, sizeof(beside), "%.*s%s" RUNFILE_EXTENSION, folder, path, name);

		if (*name && *name != '.' && !strchr(name, '/') && n > 0 && (size_t)n < sizeof(beside))
			rc = add_file(sources, beside, err);
	}
	return rc;
}

static void take_stem(struct dossier_source *s)
{
	const char *slash = strrchr(s->path, '/'), *name = slash ? slash + 1 : s->path;
	size_t len = strlen(name), end = strlen(RUNFILE_EXTENSION);

	snprintf(s->root, sizeof(s->root), "%.*s", (int)(is_run_file(s->path) ? len - end : len), name);
}

/* What cannot be read here is told when it is put in. */
static int look_at(struct dossier_sources *sources, unsigned number, struct err *err)
{
	struct dossier_source *s = &sources->item[number];
	enum unit_standing standing = UNIT_UNKNOWN;
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	int rc = 0;

	take_stem(s);
	if (s->known)
		say_from_row(s);
	if (reopen(s->path, &reader, &record, NULL) == 0) {
		s->replaced = s->known && !is_of_row(&s->row, record);
		if (!s->known)
			say_from_file(s, record);
		(void)runfile_each_judged(reader, on_judged, &standing, NULL);
		if (unit_standing_of(verdict_name(record), "") > standing)
			standing = unit_standing_of(verdict_name(record), "");
		if (!s->replaced && standing > s->standing)
			s->standing = standing;
		if (!s->replaced && record->sessions)
			copy(s->root, sizeof(s->root), record->session[0].name);
		if (!s->replaced)
			rc = add_sessions(sources, s->path, record, err); /* s may have moved */
	}
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

/* ---- together ------------------------------------------------------------------------------------------------------ */

static int by_unit(const void *a, const void *b)
{
	const struct dossier_source *x = a, *y = b;
	const int order[] = {strcmp(x->dut, y->dut), strcmp(x->plan, y->plan), strcmp(x->plan_sha256, y->plan_sha256),
			     strcmp(x->started, y->started), strcmp(x->path, y->path)};

	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i])
			return order[i];
	return 0;
}

/* Of all runs of one recording and unit the worst counts, of those the first. */
static bool is_again(const struct dossier_sources *sources, unsigned number)
{
	const struct dossier_source *s = &sources->item[number];
	bool again = false;

	for (unsigned i = 0; i < sources->count && *s->recording && !again; i++) {
		const struct dossier_source *o = &sources->item[i];
		int order = strcmp(o->started, s->started);
		again = i != number && strcmp(o->recording, s->recording) == 0 && strcmp(o->dut, s->dut) == 0 &&
			(o->standing > s->standing ||
			 (o->standing == s->standing && (order < 0 || (order == 0 && i < number))));
	}
	return again;
}

/* A file that changed after it was taken in, as one of a killed run that was resumed, may have two rows. */
static bool is_twice(const struct dossier_sources *sources, unsigned number)
{
	const struct dossier_source *s = &sources->item[number];
	bool twice = false;

	for (unsigned i = 0; i < number && !s->replaced && !twice; i++)
		twice = !sources->item[i].replaced && strcmp(sources->item[i].path, s->path) == 0;
	return twice;
}

static bool of_one_chain(const struct dossier_source *a, const struct dossier_source *b)
{
	const char *x = strrchr(a->path, '/'), *y = strrchr(b->path, '/');
	size_t folder_a = x ? (size_t)(x - a->path) : 0, folder_b = y ? (size_t)(y - b->path) : 0;

	return folder_a == folder_b && strncmp(a->path, b->path, folder_a) == 0 && strcmp(a->root, b->root) == 0;
}

static void arrange(struct dossier_sources *sources)
{
	if (sources->count)
		qsort(sources->item, sources->count, sizeof(*sources->item), by_unit);
	for (unsigned i = 0; i < sources->count; i++) {
		unsigned first = 0;
		while (first < i && !of_one_chain(&sources->item[first], &sources->item[i]))
			first++;
		sources->item[i].folder = first + 1;
		sources->item[i].twice = is_twice(sources, i);
		sources->item[i].again = is_again(sources, i);
	}
}

int dossier_choose(struct dossier_sources *sources, const struct indexing *where, const char *const *operands,
		   unsigned count, struct err *err)
{
	struct history *history = NULL;
	int rc = 0;

	for (unsigned i = 0; i < count && !rc; i++) {
		if (is_run_file(operands[i])) {
			rc = add_file(sources, operands[i], err);
			continue;
		}
		if (!history)
			rc = indexing_ask(where, &history, err);
		if (!rc)
			rc = ask_history(sources, history, operands[i], err);
	}
	history_close(history);
	for (unsigned i = 0; i < sources->count && !rc; i++)
		rc = look_at(sources, i, err);
	if (!rc)
		arrange(sources);
	return rc;
}

void dossier_sources_free(struct dossier_sources *sources)
{
	for (unsigned i = 0; i < sources->count; i++) {
		struct dossier_source *s = &sources->item[i];
		for (size_t t = 0; s->known && t < ROW_TEXTS; t++)
			free((char *)*text_in(&s->row, row_texts[t]));
		free(s->path);
	}
	free(sources->item);
	*sources = (struct dossier_sources){.count = 0};
}
