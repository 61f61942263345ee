/* The file of units on a disk that becomes full, and what stands in the station's folder that no station wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/station/supervise.h"
#include "rig/station/units.h"

static char folder[64], path[128];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/unitsXXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/units.jsonl", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static int add(struct units *units, const char *serial, enum verdict_word word)
{
	struct unit_row row = {.word = word, .wall_ns = 1};
	struct err err;

	snprintf(row.serial, sizeof(row.serial), "%s", serial);
	snprintf(row.name, sizeof(row.name), "%s-run", serial);
	return units_add(units, &row, &err);
}

static off_t size(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* The file may grow by `more` bytes. */
static void limit(struct rlimit *was, off_t more)
{
	struct rlimit now;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, was), 0);
	now = (struct rlimit){.rlim_cur = (rlim_t)(size() + more), .rlim_max = was->rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static void a_full_disk_takes_one_verdict_and_no_other(void **state)
{
	struct units *units;
	struct rlimit was;
	struct err err = {""};
	off_t before;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(units_open(folder, &units, &err), 0);
	assert_int_equal(add(units, "PEN-1", WORD_FAIL), 0);
	before = size();
	limit(&was, 20);
	assert_true(add(units, "PEN-2", WORD_PASS) < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(size(), before);
	assert_false(units_past(units, "PEN-2").passed);
	assert_int_equal(add(units, "PEN-3", WORD_PASS), 0);
	units_close(units);
	if (units_open(folder, &units, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(units_past(units, "PEN-1").failed, 1);
	assert_false(units_seen(units, "PEN-2-run"));
	assert_true(units_past(units, "PEN-3").passed);
	units_close(units);
}

static bool identified(const char *first, unsigned *ret_bench, struct unit *ret_unit)
{
	static struct station_config config;
	char events[160], label[STATION_TEXT];
	bool known;
	FILE *file;

	config.benches = config.products = 2;
	snprintf(config.bench[0].label, STATION_TEXT, "Left");
	snprintf(config.bench[1].label, STATION_TEXT, "Right");
	snprintf(config.product[0].name, STATION_TEXT, "Pen M");
	snprintf(config.product[1].name, STATION_TEXT, "Pen S");
	snprintf(config.state, sizeof(config.state), "%s", folder);
	snprintf(events, sizeof(events), "%s/x.events.jsonl", folder);
	file = fopen(events, "w");
	assert_non_null(file);
	fputs(first, file);
	assert_int_equal(fclose(file), 0);
	known = child_identify(&config, "x", ret_bench, label, ret_unit);
	unlink(events);
	return known;
}

#define FIRST(event, bench, product, attempt)                                                                          \
	"{\"event\":\"" event "\",\"bench\":" bench ",\"dut\":\"PEN-1\",\"lot\":\"\",\"product\":" product             \
	",\"attempt\":" attempt "}\n"

/* Benches and products are known by their names: a number would be another's once the station's file is put in another order. */
static void only_a_stations_own_line_is_believed(void **state)
{
	static const char *const foreign[] = {
		"",
		"{",
		"[]\n",
		FIRST("station", "1", "\"Pen S\"", "1"),
		FIRST("station", "\"\"", "\"Pen S\"", "1"),
		FIRST("station", "\"Left\"", "1", "1"),
		FIRST("station", "\"Left\"", "\"\"", "1"),
		FIRST("station", "\"Left\"", "\"Pen S\"", "-1"),
		FIRST("station", "\"Left\"", "\"Pen S\"", "0"),
		FIRST("begin", "\"Left\"", "\"Pen S\"", "1"),
		("{\"event\":\"station\",\"bench\":\"Left\",\"dut\":7,\"lot\":\"\",\"product\":\"Pen "
		 "S\",\"attempt\":1}\n"),
	};
	struct unit unit;
	unsigned bench;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (identified(foreign[i], &bench, &unit))
			fail_msg("believed: %s", foreign[i]);
	assert_true(identified(FIRST("station", "\"Right\"", "\"Pen S\"", "2"), &bench, &unit));
	assert_int_equal(bench, 1);
	assert_int_equal(unit.product, 1);
	assert_int_equal(unit.attempt, 2);
	assert_string_equal(unit.serial, "PEN-1");
	assert_true(identified(FIRST("station", "\"Middle\"", "\"Pen L\"", "1"), &bench, &unit)); /* both went since */
	assert_int_equal(bench, CHILD_NO_BENCH);
	assert_int_equal(unit.product, -1);
}

/* Files of before name benches by number. */
static void a_file_of_before_is_read(void **state)
{
	struct units *units = NULL;
	FILE *file = fopen(path, "w");
	struct err err;

	(void)state;
	assert_non_null(file);
	fputs("{\"serial\":\"PEN-1\",\"name\":\"r\",\"verdict\":\"fail\",\"wall_ns\":\"1\",\"bench\":0}\n", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(units_open(folder, &units, &err), 0);
	assert_int_equal(units_past(units, "PEN-1").failed, 1);
	units_close(units);
}

/* The run proved a failure, and nobody saw the needles stop: it counts, and its run is decided about. */
static void count_open(void *ctx, const char *name)
{
	assert_string_equal(name, "r");
	++*(unsigned *)ctx;
}

static void a_proven_failure_counts_whatever_its_word(void **state)
{
	static const enum verdict_word words[] = {WORD_STOP_UNVERIFIED, WORD_NOT_TESTED, WORD_FAIL};
	struct units *units = NULL;
	struct err err;
	unsigned open = 0;

	(void)state;
	assert_int_equal(units_open(folder, &units, &err), 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct unit_row row = {
			.serial = "PEN-1", .name = "r", .word = words[i], .failed = true, .wall_ns = 1};

		assert_int_equal(units_add(units, &row, &err), 0);
		units_close(units);
		assert_int_equal(units_open(folder, &units, &err), 0);
		assert_true(units_past(units, "PEN-1").open);
		assert_int_equal(units_past(units, "PEN-1").failed, i + 1);
	}
	units_each_open(units, "PEN-1", count_open, &open);
	assert_int_equal(open, 3);
	units_close(units);
}

static void decide(struct units *units, enum verdict_word word, const char *reason)
{
	const struct unit_row row = {.serial = "PEN-1", .word = word, .wall_ns = 1};
	struct err err;

	assert_int_equal(units_decide(units, &row, "R. Chief", reason, &err), 0);
}

/* The next one is this, and is told to have reached its file unless `tell` is false. */
static void assert_pending(struct units *units, size_t *at, const char *name, enum verdict_word word, bool tell)
{
	struct unit_pending p;
	struct err err;

	assert_true(units_pending(units, "", at, &p));
	assert_string_equal(p.name, name);
	assert_string_equal(p.by, "R. Chief");
	assert_int_equal(p.word, word);
	if (tell)
		assert_int_equal(units_disposed(units, &p, 1, &err), 0);
}

static struct units *again(struct units *units)
{
	struct err err;

	units_close(units);
	assert_int_equal(units_open(folder, &units, &err), 0);
	return units;
}

/* A decision is owed to each run file until it is told that it stands there; so is a later one that stands for it. */
static void decisions_reach_every_run_file(void **state)
{
	struct unit_row row = {.serial = "PEN-1", .name = "a", .word = WORD_FAIL, .wall_ns = 1};
	struct units *units = NULL;
	struct unit_pending p;
	struct err err;
	size_t at = 0;

	(void)state;
	assert_int_equal(units_open(folder, &units, &err), 0);
	assert_int_equal(units_add(units, &row, &err), 0);
	assert_false(units_pending(units, "", &at, &p));
	row.name[0] = 'b';
	assert_int_equal(units_add(units, &row, &err), 0);
	decide(units, WORD_REJECT, "why {not}");
	units = again(units);
	at = 0;
	assert_pending(units, &at, "a", WORD_REJECT, true);
	assert_pending(units, &at, "b", WORD_REJECT, false); /* the station ended */
	units = again(units);
	at = 0;
	assert_false(units_pending(units, "PEN-2", &at, &p));
	at = 0;
	assert_pending(units, &at, "b", WORD_REJECT, false);
	decide(units, WORD_ACCEPT, "on second thoughts"); /* of both: one says rejected, one says nothing */
	units = again(units);
	at = 0;
	assert_pending(units, &at, "a", WORD_ACCEPT, true);
	assert_pending(units, &at, "b", WORD_ACCEPT, true);
	row.name[0] = 'c';
	assert_int_equal(units_add(units, &row, &err), 0);
	decide(units, WORD_RETEST, "torn"); /* of the new one alone */
	units = again(units);
	at = 0;
	assert_pending(units, &at, "c", WORD_RETEST, true);
	assert_false(units_pending(units, "", &at, &p));
	units_close(units);
}

static void assert_day(struct units *units, uint64_t from_ns, const char *counts)
{
	struct json_out *out = json_out_object();
	char *text = NULL;

	units_print(units, from_ns, out);
	assert_int_equal(json_out_print(out, false, &text, NULL), 0);
	if (!strstr(text, counts))
		fail_msg("%s, not %s", text, counts);
	free(text);
	json_out_free(out);
}

/* Counted on between rows, anew for another day; NOT TESTED is no first test. */
static void what_came_of_a_day(void **state)
{
	static const struct {
		const char *serial;
		enum verdict_word word;
		uint64_t wall_ns;
		const char *counts;
	} rows[] = {
		{"PEN-1", WORD_FAIL, 5, "\"today\":0,\"firsts\":0,\"first_passes\":0"},
		{"PEN-1", WORD_PASS, 10, "\"today\":1,\"firsts\":0,\"first_passes\":0"},
		{"PEN-2", WORD_NOT_TESTED, 11, "\"today\":1,\"firsts\":0,\"first_passes\":0"},
		{"PEN-2", WORD_PASS, 12, "\"today\":2,\"firsts\":1,\"first_passes\":1"},
		{"PEN-3", WORD_FAIL, 13, "\"today\":3,\"firsts\":2,\"first_passes\":1"},
		{"PEN-3", WORD_HELD, 14, "\"today\":3,\"firsts\":2,\"first_passes\":1"},
	};
	struct units *units = NULL;
	struct err err;

	(void)state;
	assert_int_equal(units_open(folder, &units, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct unit_row row = {.word = rows[i].word, .name = "r", .wall_ns = rows[i].wall_ns};

		snprintf(row.serial, sizeof(row.serial), "%s", rows[i].serial);
		assert_int_equal(units_add(units, &row, &err), 0);
		assert_day(units, 10, rows[i].counts);
	}
	assert_day(units, 13, "\"today\":1,\"firsts\":1,\"first_passes\":0");
	assert_day(units, 1, "\"today\":4,\"firsts\":3,\"first_passes\":1");
	units = again(units);
	assert_day(units, 10, rows[5].counts);
	units_close(units);
}

/* Row by row what is known of a unit afterwards. */
static void what_follows_from_the_rows(void **state)
{
	static const struct {
		enum verdict_word word;
		const char *past; /* what is known: passed, held, open, rejected, accepted by their letters */
		unsigned failed;
	} rows[] = {
		{WORD_FAIL, "--o--", 1},   {WORD_HELD, "-ho--", 1},   {WORD_NOT_TESTED, "-ho--", 1},
		{WORD_REJECT, "-h-r-", 0}, {WORD_ACCEPT, "-h--a", 0}, {WORD_RETEST, "-----", 0},
		{WORD_FAIL, "--o--", 1},   {WORD_ACCEPT, "----a", 0}, {WORD_STOP_UNVERIFIED, "-----", 0},
		{WORD_PASS, "p----", 0},   {WORD_RETEST, "-----", 0},
	};
	struct units *units = NULL;
	struct err err;

	(void)state;
	assert_int_equal(units_open(folder, &units, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct unit_row row = {.serial = "PEN-1", .name = "r", .word = rows[i].word, .wall_ns = 1};

		assert_int_equal(rows[i].word < WORD_RETEST ? units_add(units, &row, &err)
							    : units_decide(units, &row, "R. Chief", "why", &err),
				 0);
		for (int again = 0; again < 2; again++) { /* as it stands in memory, and as it is read from the file */
			const struct unit_past past = units_past(units, "PEN-1");

			const char text[] = {past.passed ? 'p' : '-',   past.held ? 'h' : '-',
					     past.open ? 'o' : '-',     past.rejected ? 'r' : '-',
					     past.accepted ? 'a' : '-', '\0'};

			if (strcmp(text, rows[i].past) != 0 || past.failed != rows[i].failed)
				fail_msg("after row %zu: %s, failed %u", i, text, past.failed);
			units_close(units);
			assert_int_equal(units_open(folder, &units, &err), 0);
		}
	}
	units_close(units);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_full_disk_takes_one_verdict_and_no_other),
		T(a_file_of_before_is_read),
		T(what_follows_from_the_rows),
		T(what_came_of_a_day),
		T(decisions_reach_every_run_file),
		T(a_proven_failure_counts_whatever_its_word),
		T(only_a_stations_own_line_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
