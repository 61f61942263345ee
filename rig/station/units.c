/* The file of units: read once, appended to, kept in memory (about 200 bytes for each). */
#include "rig/station/units.h"

#include <errno.h>
#include <search.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/station/lines.h"

#define SHOWN_MAX 20

struct decided {
	char by[STATION_TEXT], reason[ACCOUNT_REASON];
	enum verdict_word word;
};

struct kept {
	struct unit_row row;
	size_t decision; /* which stands for this failure, from 1; 0: none */
	bool disposed;   /* and stands in its run file */
	bool first;      /* test of its unit */
};

struct day { /* what came of the rows up to `rows`, of those since from_ns */
	uint64_t from_ns;
	size_t rows;
	unsigned tested, firsts, first_passes;
};

struct units {
	int fd;
	size_t count, room, decisions;
	struct kept *kept;
	struct decided *decided;
	void *tested; /* tree of the serial numbers that were */
	struct day day;
};

static bool is_decision(enum verdict_word word)
{
	return word >= WORD_RETEST && word <= WORD_REJECT;
}

static bool is_test(enum verdict_word word)
{
	return word < WORD_RETEST;
}

static bool is_failure(const struct unit_row *row)
{
	return row->word == WORD_FAIL || row->failed;
}

static int by_serial(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* 1: of this unit; 0: another was before. -ENOMEM */
static int is_first(struct units *u, const struct unit_row *row)
{
	char *serial;

	if (row->word == WORD_NOT_TESTED || tfind(row->serial, &u->tested, by_serial))
		return 0;
	serial = strdup(row->serial);
	if (serial && tsearch(serial, &u->tested, by_serial))
		return 1;
	free(serial);
	return -ENOMEM;
}

int units_keep(struct units *u, const struct unit_row *row)
{
	int first;

	if (u->count == u->room) {
		size_t room = u->room ? 2 * u->room : 64;
		struct kept *more = realloc(u->kept, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		u->kept = more;
		u->room = room;
	}
	first = is_first(u, row);
	if (first < 0)
		return first;
	u->kept[u->count++] = (struct kept){.row = *row, .first = first};
	return 0;
}

/* A failure that was accepted, or set aside, and whose file says so is settled; what was rejected may be accepted yet. */
static bool is_settled(const struct units *u, const struct kept *k)
{
	return k->decision && k->disposed && u->decided[k->decision - 1].word != WORD_REJECT;
}

/* tracked: units_disposed() tells what reached a run file; files of before do not. */
static int keep_decision(struct units *u, const struct unit_row *row, const char *by, const char *reason, bool tracked)
{
	struct decided *more = realloc(u->decided, (u->decisions + 1) * sizeof(*more));
	int rc = more ? 0 : -ENOMEM;

	if (more)
		u->decided = more;
	if (rc == 0)
		rc = units_keep(u, row);
	if (rc < 0)
		return rc;
	u->decided[u->decisions] = (struct decided){.word = row->word};
	snprintf(u->decided[u->decisions].by, sizeof(u->decided->by), "%s", by);
	snprintf(u->decided[u->decisions].reason, sizeof(u->decided->reason), "%s", reason);
	u->decisions++;
	for (size_t i = 0; i < u->count; i++) {
		struct kept *k = &u->kept[i];

		if (!is_failure(&k->row) || strcmp(k->row.serial, row->serial) != 0 || is_settled(u, k))
			continue;
		k->decision = u->decisions;
		k->disposed = !tracked;
	}
	return 0;
}

static int keep_disposed(struct units *u, const struct unit_row *row)
{
	for (size_t i = 0; i < u->count; i++)
		if (is_failure(&u->kept[i].row) && strcmp(u->kept[i].row.name, row->name) == 0)
			u->kept[i].disposed = u->kept[i].decision > 0;
	return units_keep(u, row);
}

struct line {
	char serial[STATION_TEXT], name[128], word[24], utc_ns[24], by[STATION_TEXT], reason[ACCOUNT_REASON];
	bool failed, tracked;
	const struct json *bench; /* a label; a number in files of before */
};

#define AT(member) offsetof(struct line, member), sizeof(((struct line *)NULL)->member)
static const struct json_field fields[] = {
	{"serial", FIELD_STRING, AT(serial), .required = true},
	{"name", FIELD_STRING, AT(name), .required = true},
	{"verdict", FIELD_STRING, AT(word), .required = true},
	{"wall_ns", FIELD_STRING, AT(utc_ns), .required = true},
	{.key = "bench", .kind = FIELD_NODE, .offset = offsetof(struct line, bench), .required = true},
	{.key = "failed", .kind = FIELD_BOOL, .offset = offsetof(struct line, failed)},
	{.key = "tracked", .kind = FIELD_BOOL, .offset = offsetof(struct line, tracked)},
	{"by", FIELD_STRING, AT(by), .required = false},
	{"reason", FIELD_STRING, AT(reason), .required = false},
	{.key = NULL},
};

static int read_line(void *ctx, const struct json_doc *doc, struct err *err)
{
	struct units *u = ctx;
	struct unit_row row = {.word = WORD_NONE};
	struct line line = {.bench = NULL};
	int rc;

	if (json_read_object(doc, json_root(doc), fields, &line, err) < 0)
		return -EBADMSG;
	if (json_kind(line.bench) == JSON_STRING)
		snprintf(row.bench, sizeof(row.bench), "%s", json_string(line.bench));
	snprintf(row.serial, sizeof(row.serial), "%s", line.serial);
	snprintf(row.name, sizeof(row.name), "%s", line.name);
	row.word = verdict_word_find(line.word);
	row.failed = line.failed;
	row.wall_ns = strtoull(line.utc_ns, NULL, 10);
	rc = is_decision(row.word)       ? keep_decision(u, &row, line.by, line.reason, line.tracked)
	     : row.word == WORD_DISPOSED ? keep_disposed(u, &row)
					 : units_keep(u, &row);
	return rc < 0 ? err_set(err, rc, "out of memory") : 0;
}

int units_open(const char *folder, struct units **ret, struct err *err)
{
	struct units *u = calloc(1, sizeof(*u));
	char path[FILE_PATH_MAX + 16];
	int rc;

	if (!u)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(path, sizeof(path), "%s/units.jsonl", folder);
	u->fd = lines_open(path, read_line, u, err);
	if (u->fd < 0) {
		rc = u->fd;
		units_close(u);
		return rc;
	}
	*ret = u;
	return 0;
}

void units_close(struct units *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	tdestroy(u->tested, free);
	free(u->kept);
	free(u->decided);
	free(u);
}

static int put_line(struct units *u, const struct unit_row *row, const char *by, const char *reason, struct err *err)
{
	struct json_out *out = json_out_object();

	json_out_string(out, "serial", row->serial);
	json_out_string(out, "name", row->name);
	json_out_string(out, "verdict", verdict_word_name(row->word));
	if (row->failed)
		json_out_bool(out, "failed", true);
	json_out_u64(out, "wall_ns", row->wall_ns);
	json_out_string(out, "bench", row->bench);
	if (by) {
		json_out_string(out, "by", by);
		json_out_string(out, "reason", reason);
		json_out_bool(out, "tracked", true);
	}
	return lines_append(u->fd, "units.jsonl", out, err);
}

int units_add(struct units *u, const struct unit_row *row, struct err *err)
{
	int rc = put_line(u, row, NULL, NULL, err);

	return rc < 0 ? rc : units_keep(u, row);
}

int units_decide(struct units *u, const struct unit_row *row, const char *by, const char *reason, struct err *err)
{
	int rc = put_line(u, row, by, reason, err);

	return rc < 0 ? rc : keep_decision(u, row, by, reason, true);
}

bool units_pending(const struct units *u, const char *serial, size_t *at, struct unit_pending *ret)
{
	for (; *at < u->count; ++*at) {
		const struct kept *k = &u->kept[*at];

		if (!k->decision || k->disposed || (*serial && strcmp(k->row.serial, serial) != 0))
			continue;
		const struct decided *d = &u->decided[k->decision - 1];

		*ret = (struct unit_pending){k->row.serial, k->row.name, d->by, d->reason, d->word};
		++*at;
		return true;
	}
	return false;
}

int units_disposed(struct units *u, const struct unit_pending *pending, uint64_t wall_ns, struct err *err)
{
	struct unit_row row = {.word = WORD_DISPOSED, .wall_ns = wall_ns};
	int rc;

	snprintf(row.serial, sizeof(row.serial), "%s", pending->serial);
	snprintf(row.name, sizeof(row.name), "%s", pending->name);
	rc = put_line(u, &row, NULL, NULL, err);
	return rc < 0 ? rc : keep_disposed(u, &row);
}

void units_each_open(const struct units *u, const char *serial, void (*fn)(void *ctx, const char *name), void *ctx)
{
	for (size_t i = 0; i < u->count; i++)
		if (is_failure(&u->kept[i].row) && !u->kept[i].decision && strcmp(u->kept[i].row.serial, serial) == 0)
			fn(ctx, u->kept[i].row.name);
}

const char *units_last(const struct units *u, const char *serial)
{
	for (size_t i = u->count; i-- > 0;)
		if (is_test(u->kept[i].row.word) && strcmp(u->kept[i].row.serial, serial) == 0)
			return u->kept[i].row.name;
	return "";
}

bool units_seen(const struct units *u, const char *name)
{
	for (size_t i = u->count; i-- > 0;)
		if (strcmp(u->kept[i].row.name, name) == 0)
			return true;
	return false;
}

static void take_row(struct unit_past *past, const struct unit_row *row)
{
	const enum verdict_word word = row->word;

	past->passed = past->passed || word == WORD_PASS;
	if (word != WORD_NOT_TESTED && is_test(word)) {
		past->held = word == WORD_HELD;
		past->accepted = false;
	}
	if (is_failure(row)) {
		past->failed++;
		past->open = true;
	}
	if (is_decision(word)) {
		past->open = false;
		past->failed = 0;
		past->rejected = word == WORD_REJECT;
		past->accepted = word == WORD_ACCEPT;
	}
	if (word == WORD_RETEST) { /* neither what it passed nor what was held decides: the next test does */
		past->held = false;
		past->passed = false;
	}
}

struct unit_past units_past(const struct units *u, const char *serial)
{
	struct unit_past past = {.passed = false};

	for (size_t i = 0; i < u->count; i++) {
		if (strcmp(u->kept[i].row.serial, serial) != 0)
			continue;
		take_row(&past, &u->kept[i].row);
	}
	return past;
}

/* Counted on from where it was; anew for another day. */
static void count_on(struct units *u, uint64_t from_ns)
{
	if (u->day.from_ns != from_ns)
		u->day = (struct day){.from_ns = from_ns};
	for (; u->day.rows < u->count; u->day.rows++) {
		const struct kept *k = &u->kept[u->day.rows];

		if (k->row.wall_ns < from_ns || (k->row.word != WORD_PASS && k->row.word != WORD_FAIL))
			continue;
		u->day.tested++;
		u->day.firsts += k->first;
		u->day.first_passes += k->first && k->row.word == WORD_PASS;
	}
}

void units_print(struct units *u, uint64_t from_ns, struct json_out *out)
{
	struct json_out *last = json_out_add_array(out, "last");

	count_on(u, from_ns);
	for (size_t i = u->count > SHOWN_MAX ? u->count - SHOWN_MAX : 0; i < u->count; i++) {
		if (!is_test(u->kept[i].row.word))
			continue;
		struct json_out *o = json_out_add_object(last, NULL);

		json_out_string(o, "serial", u->kept[i].row.serial);
		json_out_string(o, "name", u->kept[i].row.name);
		json_out_string(o, "word", verdict_word_name(u->kept[i].row.word));
	}
	json_out_int(out, "today", u->day.tested);
	json_out_int(out, "firsts", u->day.firsts);
	json_out_int(out, "first_passes", u->day.first_passes);
}
