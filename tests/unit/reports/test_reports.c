/* The report writers: the JSON one against its schema and against the verdict recomputed from its digits, the JUnit one
 * against an XML parser, both against a record that went through a run file; and saving. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/report.h"
#include "rig/judge/judge.h"
#include "rig/runfile/runfile.h"
#include "tests/unit/record/record_sample.h"

#define SCHEMA "reports/schema/report.schema.json"
#define PYTHON "/usr/bin/python3 "

static char folder[64];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/penrig-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static char *text_of(const struct report_writer *writer, const struct record *record)
{
	char *text;
	size_t len;
	struct err err = {""};
	FILE *out = open_memstream(&text, &len);
	int rc = writer->write(record, out, &err);
	fclose(out);
	if (rc)
		fail_msg("%s", err.text);
	return text;
}

/* Judged without a plan, a record is inconclusive at best: the sample's pass is set by hand. */
static struct record *good_record(const char *name)
{
	struct record *record = sample_record(folder, name);
	record->has_verdict = true;
	record->dut_verdict = OUTCOME_PASS;
	strcpy(record->verdict_reason, "all is well");
	return record;
}

static void save(const struct report_writer *writer, const struct record *record, const char *name)
{
	char path[160];
	struct err err = {""};
	snprintf(path, sizeof(path), "%s/%s%s", folder, name, writer->extension);
	int rc = report_save(writer, record, path, &err);
	if (rc)
		fail_msg("%s", err.text);
}

/* What few runs have: a plan that tells of its production, and correlated lines. */
static void tell_of_production(struct record *record)
{
	struct finding *depth = &record->point[0].result[0], *linearity = &record->sweep[0].result[0];
	depth->has_process = linearity->has_process = true;
	depth->process = (struct finding_process){.prior = {PRIOR_NORMAL, 0.51, 0.03},
						  .risk = {0.00123456, 0.0345678, 0.987654},
						  .consumer_risk = 0.001,
						  .acceptance = {0.3625, 0.6375}};
	linearity->process = (struct finding_process){.prior = {PRIOR_GAMMA, 0.004, 0.002},
						      .risk = {1e-9, 0.0, 1.0},
						      .consumer_risk = NAN,
						      .acceptance = {NAN, NAN}};
	depth->result.pairs = 1;
	depth->result.pair[0] = (struct budget_pair){0, 1, -0.25};
}

static void vary(struct record *record, unsigned i)
{
	switch (i) {
	case 1:
		record->run_status = RUN_INTERRUPTED;
		record->signal_number = SIGINT;
		record->dut_verdict = OUTCOME_INCONCLUSIVE;
		record->stop_verified = false;
		strcpy(record->stop_text, "the \"sensor\" is silent \xff");
		break;
	case 2:
		record->run_status = RUN_REFUSED;
		record->refusal = REFUSED_BENCH;
		record->has_verdict = false;
		record->points = record->sweeps = record->devices = record->files = record->tests = 0;
		break;
	case 3:
		record->conditions = 1;
		record->condition[0] = (struct record_condition){
			.condition = PEN_STALL | PEN_OVER_TEMPERATURE, .host_ns = 5000000000, .text = "stall & heat"};
		record->dut_verdict = OUTCOME_FAIL;
		break;
	case 4: tell_of_production(record); break;
	default: break;
	}
}

static void check_with_python(const char *arguments)
{
	char command[600];
	snprintf(command, sizeof(command), PYTHON "%s > %s/out 2>&1", arguments, folder);
	if (system(command) != 0) {
		snprintf(command, sizeof(command), "cat %s/out", folder);
		fail_msg("%s: %d", arguments, system(command));
	}
}

static void test_json_fits_its_schema(void **state)
{
	(void)state;
	char arguments[400];
	for (unsigned i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof(name), "r%u", i);
		struct record *record = good_record(name);
		vary(record, i);
		save(&report_json, record, name);
		record_free(record);
	}
	snprintf(arguments, sizeof(arguments), "tests/unit/reports/check_json.py " SCHEMA " %s/r*.report.json", folder);
	check_with_python(arguments);
}

static void put_near(struct finding *r, unsigned i, double u)
{
	static const double distance[] = {1e-16, 1e-12, 1e-9, 1e-6, 1e-3, 0.3};
	double edge = 1.15 + ((int)(i / 12 % 3) - 1) * u;
	double off = distance[i % 6] * (i / 6 % 2 ? 1 : -1);
	sample_result(r, "depth_mm", "force_equivalent", "mm", 0, 0.004);
	r->result.expanded_u = u;
	r->result.value = edge + off * u;
	sample_limit(r, NAN, 1.15, true);
}

/* Values a hair beside the limit and beside both ends of the guard band, with awkward uncertainties. */
static void test_outcome_stands_in_the_printed_digits(void **state)
{
	(void)state;
	static const double u[] = {0.0123456789, 0.00999499, 1.0 / 3, 3.3333e-7, 0.0499999999};
	char arguments[400];
	unsigned conditional = 0;
	struct record *record = good_record("near");
	for (unsigned k = 0; k < 5; k++) {
		sample_point(record, 2 + k, 1, 1);
		struct record_point *point = &record->point[2 + k];
		for (unsigned i = 0; i < 36; i++) {
			put_near(&point->result[i], i, u[k]);
			conditional += point->result[i].judgement.outcome == OUTCOME_CONDITIONAL_PASS;
		}
		point->results = 36;
	}
	assert_in_range(conditional, 40, 120);
	save(&report_json, record, "near");
	record_free(record);
	snprintf(arguments, sizeof(arguments), "tests/unit/reports/check_json.py " SCHEMA " %s/near.report.json",
		 folder);
	check_with_python(arguments);
}

static void test_rounding_says_no_more_than_it_must(void **state)
{
	(void)state;
	struct record *record = good_record("round");
	sample_result(&record->point[0].result[0], "depth_mm", "", "mm", 0.512345678, 0.0041111);
	record->point[0].results = 1;
	char *text = text_of(&report_json, record);
	assert_non_null(strstr(text, ",0.51235,"));
	assert_null(strstr(text, "0.512345678"));
	free(text);
	record_free(record);
}

static void test_what_is_not_there_is_null(void **state)
{
	(void)state;
	struct record *record = good_record("null");
	char *text = text_of(&report_json, record);
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf\""));
	assert_non_null(strstr(text, "no channel shows the free rate"));
	assert_non_null(strstr(text, "\"18446744073709551614\"")); /* 64 bits keep their digits */
	free(text);
	record->stop_verified = false;
	text = text_of(&report_json, record);
	assert_non_null(strstr(text, "STOP UNVERIFIED: still for 0.1 s"));
	free(text);
	record_free(record);
}

static void test_restored_record_gives_the_same_bytes(void **state)
{
	(void)state;
	struct record *record = good_record("same"), *restored;
	struct runfile *rf;
	struct runfile_reader *reader;
	struct err err = {""};
	char path[160];
	snprintf(record->point[0].reason, sizeof(record->point[0].reason), "cut in a character \xc3");
	tell_of_production(record);
	assert_int_equal(runfile_create(record, 1000, true, &rf, &err), 0);
	assert_int_equal(runfile_sync(rf, record->journal_head, &err), 0);
	char *json = text_of(&report_json, record), *junit = text_of(&report_junit, record);
	char *plain = text_of(&report_text, record);
	assert_int_equal(runfile_finish(rf, record, json, &err), 0);
	assert_int_equal(runfile_close(rf, &err), 0);
	snprintf(path, sizeof(path), "%s/same.penrig", folder);
	assert_int_equal(runfile_open(path, &reader, &restored, &err), 0);
	char *stored, *again = text_of(&report_json, restored), *junit_again = text_of(&report_junit, restored);
	char *plain_again = text_of(&report_text, restored);
	assert_string_equal(plain, plain_again);
	free(plain);
	free(plain_again);
	assert_int_equal(runfile_report(reader, 0, &stored, &err), 0);
	assert_string_equal(json, stored);
	assert_string_equal(json, again);
	assert_string_equal(junit, junit_again);
	assert_int_equal(runfile_verify(reader, &err), 0);
	free(json);
	free(junit);
	free(stored);
	free(again);
	free(junit_again);
	runfile_reader_free(reader);
	record_free(restored);
	record_free(record);
}

/* The point as a judge leaves it who finds no rate for the limit on it. */
static void lose_rate(struct record_point *point)
{
	struct plan_step step = {.limits = 2, .limit = {point->result[0].limit, point->result[1].limit}};
	const struct plan plan = {.steps = 1, .step = &step};
	point->result[1] = point->result[2];
	point->results = 2;
	judge_point(&plan, point, true);
	assert_int_equal(point->results, 3);
	assert_int_equal(point->outcome, OUTCOME_INCONCLUSIVE);
}

/* One of each: failed, not to be trusted, informative, superseded, not measured, without its rate. */
static struct record *troubled_record(const char *name)
{
	struct record *record = good_record(name);
	struct finding *near = &record->point[0].result[1];
	strcpy(record->step_name[0], "fine <lines> & \"more\" \001");
	record->point[0].result[0].result.value = 2;
	decide(&record->point[0].result[0].result, &record->point[0].result[0].limit,
	       &record->point[0].result[0].judgement);
	near->result.trusted = false;
	decide(&near->result, &near->limit, &near->judgement);
	record->point[0].result[4].result.value = 80; /* informative: no failure */
	decide(&record->point[0].result[4].result, &record->point[0].result[4].limit,
	       &record->point[0].result[4].judgement);
	sample_point(record, 1, 1, 1);
	record->point[1].counts = false;
	record->point[2].attempt = 2;
	sample_point(record, 2, 1.5, 1.5);
	record->point[3].measured = false;
	record->point[3].results = 0;
	sample_point(record, 3, 1.5, 1.5);
	lose_rate(&record->point[4]);
	sample_point(record, 4, 1.5, 1.5);
	record->point[5].outcome = OUTCOME_INCONCLUSIVE; /* one that met none anywhere */
	record->points_planned = 6;
	record->dut_verdict = OUTCOME_FAIL;
	return record;
}

static void test_junit_says_whose_fault(void **state)
{
	(void)state;
	struct record *record = troubled_record("j");
	save(&report_junit, record, "j");
	record_free(record);
	char arguments[300];
	snprintf(arguments, sizeof(arguments), "tests/unit/reports/check_junit.py %s/j.junit.xml", folder);
	check_with_python(arguments);
}

static void test_junit_rounds_what_people_read(void **state)
{
	(void)state;
	struct record *record = good_record("j");
	sample_result(&record->point[0].result[0], "depth_mm", "", "mm", 0.512345678, 0.0041111);
	sample_limit(&record->point[0].result[0], 0.4, 0.6, true);
	char *text = text_of(&report_junit, record);
	assert_non_null(strstr(text, "pass: 0.51235 mm, U = 0.00"));
	assert_non_null(strstr(text, "name=\"value\" value=\"0.512345678\""));
	assert_null(strstr(strstr(text, "pass: 0.51235 mm"), "0.512345"));
	assert_non_null(strstr(text, "116.6712"));
	free(text);
	record_free(record);
}

static void test_html_is_a_page_by_itself(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct record *record = i < 5 ? good_record("h") : troubled_record("h");
		char arguments[300];
		strcpy(record->dut, "<b>&\"PEN</b>");
		vary(record, i);
		save(&report_html, record, "h");
		save(&report_json, record, "h");
		record_free(record);
		snprintf(arguments, sizeof(arguments),
			 "tests/unit/reports/check_html.py %s/h.report.html %s/h.report.json", folder, folder);
		check_with_python(arguments);
	}
}

static void test_csv_has_every_figure(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct record *record = i < 5 ? good_record("c") : troubled_record("c");
		char arguments[300];
		strcpy(record->dut, "=1+\"2\",");
		vary(record, i);
		save(&report_csv, record, "c");
		save(&report_json, record, "c");
		record_free(record);
		snprintf(arguments, sizeof(arguments),
			 "tests/unit/reports/check_csv.py %s/c.results.csv %s/c.report.json", folder, folder);
		check_with_python(arguments);
	}
}

static void test_html_says_that_needles_may_move(void **state)
{
	(void)state;
	struct record *record = good_record("h");
	char *text = text_of(&report_html, record);
	assert_null(strstr(text, "STOP UNVERIFIED"));
	free(text);
	record->stop_verified = false;
	text = text_of(&report_html, record);
	assert_non_null(strstr(text, "STOP UNVERIFIED: the needles may still have been moving."));
	free(text);
	record->has_verdict = false;
	record->run_status = RUN_REFUSED;
	strcpy(record->status_reason, "a certificate <is> overdue");
	text = text_of(&report_html, record);
	assert_non_null(strstr(text, "no verdict"));
	assert_non_null(strstr(text, "the run: refused. a certificate &lt;is&gt; overdue"));
	free(text);
	record_free(record);
}

static void test_text_is_what_show_prints(void **state)
{
	(void)state;
	struct record *record = good_record("t");
	char *text = text_of(&report_text, record);
	assert_ptr_equal(strstr(text, "run        t\n"), text);
	assert_non_null(strstr(text, "\nDUT        "));
	assert_non_null(strstr(text, "verdict: PASS, all is well\n"));
	assert_non_null(strstr(text, " \xc2\xb1 "));
	assert_null(strchr(text, '\x1b'));
	assert_null(strstr(text, "judged anew"));
	assert_null(strstr(text, "STOP"));
	free(text);
	vary(record, 1);
	record->judged.number = 2;
	strcpy(record->judged.limits_name, "tight");
	strcpy(record->journal_head, "abc");
	text = text_of(&report_text, record);
	assert_non_null(strstr(text, "*** STOP UNVERIFIED"));
	assert_non_null(strstr(text, "*** the \"sensor\" is silent ? ***\n"));
	assert_non_null(strstr(text, "judged anew, number 2, "));
	assert_non_null(strstr(text, "run file: t.penrig, journal head abc\n"));
	free(text);
	record_free(record);
}

static void test_risks_are_told(void **state)
{
	(void)state;
	struct record *record = good_record("t");
	char *text = text_of(&report_text, record), *json;
	assert_non_null(strstr(text,
			       "\nrisk that this pass is wrong: below 0.0001 %, 5 limits together; the largest of "
			       "one below 0.0001 %\n"));
	assert_null(strstr(text, "production"));
	free(text);
	tell_of_production(record);
	record->point[1].result[0].judgement.false_accept_risk = 0.0123;
	record->sweep[0].result[0].judgement.false_accept_risk = 0.02;
	text = text_of(&report_text, record);
	json = text_of(&report_json, record);
	assert_non_null(strstr(text,
			       "\nrisk that this pass is wrong: at most 3.2 %, 5 limits together; the largest of one 2 "
			       "%\n"));
	assert_non_null(strstr(text,
			       "       depth_mm: 98.77 % of the production conform; 0.12 % would pass wrongly, 3.5 % "
			       "be rejected wrongly\n       0.1 % to pass wrongly would need acceptance from 0.3625 "
			       "up to 0.6375 mm\n"));
	assert_non_null(strstr(text,
			       "       depth_linearity_mm: 100 % of the production conform; below 0.0001 % would pass "
			       "wrongly, below 0.0001 % be rejected wrongly\n"));
	assert_non_null(strstr(json, "\"bound\":0.0323,"));
	assert_non_null(strstr(json, "\"other_line\""));
	free(text);
	free(json);
	record->dut_verdict = OUTCOME_FAIL;
	text = text_of(&report_text, record);
	json = text_of(&report_json, record);
	assert_null(strstr(text, "risk that this pass"));
	assert_non_null(strstr(json, "\"run_risk\": null"));
	free(text);
	free(json);
	record_free(record);
}

static int fail_to_write(const struct record *record, FILE *out, struct err *err)
{
	(void)record;
	fputs("half a ", out);
	return err_set(err, -EIO, "the writer gave up");
}

/* Two sweeps that differ by their phantom alone are two series: the name and its labels, up to the value, stand once. */
static void test_prom_has_no_series_twice(void **state)
{
	(void)state;
	struct record *record = good_record("p");
	struct record_sweep other = record->sweep[0];
	other.phantom = record->sweep[0].phantom + 1;
	strcpy(record->phantom_serial[other.phantom], "PH-2");
	*record_add_sweep(record) = other;
	char *text = text_of(&report_prom, record), *series[400];
	unsigned count = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (line[0] == '#')
			continue;
		assert_true(count < sizeof(series) / sizeof(series[0]));
		*strrchr(line, ' ') = '\0';
		for (unsigned i = 0; i < count; i++)
			assert_string_not_equal(line, series[i]);
		series[count++] = line;
	}
	assert_true(count > 12);
	free(text);
	record_free(record);
}

static void test_saving_is_all_or_nothing(void **state)
{
	(void)state;
	const struct report_writer broken = {.id = "broken", .extension = ".report.json", .write = fail_to_write};
	struct record *record = good_record("s");
	struct err err = {""};
	struct stat before, after;
	char path[160], command[200];
	mode_t mask = umask(027);
	save(&report_json, record, "s");
	umask(mask);
	snprintf(path, sizeof(path), "%s/s.report.json", folder);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_mode & 0777, 0640);
	assert_int_equal(report_save(&broken, record, path, &err), -EIO);
	assert_string_equal(err.text, "the writer gave up");
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_size, after.st_size);
	snprintf(command, sizeof(command), "test \"$(ls -A %s)\" = s.report.json", folder); /* nothing left beside it */
	assert_int_equal(system(command), 0);
	assert_int_equal(report_save(&report_json, record, "/tmp/penrig/no/such/folder/x", &err), -ENOENT);
	assert_non_null(strstr(err.text, "no/such/folder"));
	record_free(record);
}

static void test_table(void **state)
{
	(void)state;
	assert_ptr_equal(report_find(report_table, "json"), &report_json);
	assert_ptr_equal(report_find(report_table, "junit"), &report_junit);
	assert_ptr_equal(report_find(report_table, "text"), &report_text);
	assert_null(report_find(report_table, "JSON"));
	assert_ptr_equal(report_kept(report_table), &report_json);
	unsigned kept = 0;
	for (unsigned i = 0; report_table[i]; i++) {
		const struct report_writer *w = report_table[i];
		kept += w->kept;
		assert_non_null(w->write);
		assert_non_null(w->description);
		assert_int_equal(w->extension[0], '.');
		assert_ptr_equal(report_find(report_table, w->id), w);
	}
	assert_int_equal(kept, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_json_fits_its_schema),
		T(test_outcome_stands_in_the_printed_digits),
		T(test_rounding_says_no_more_than_it_must),
		T(test_what_is_not_there_is_null),
		T(test_restored_record_gives_the_same_bytes),
		T(test_junit_says_whose_fault),
		T(test_junit_rounds_what_people_read),
		T(test_html_is_a_page_by_itself),
		T(test_csv_has_every_figure),
		T(test_html_says_that_needles_may_move),
		T(test_text_is_what_show_prints),
		T(test_risks_are_told),
		T(test_prom_has_no_series_twice),
		T(test_saving_is_all_or_nothing),
		T(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
