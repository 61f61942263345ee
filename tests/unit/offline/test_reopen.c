/* A run file opened again: a run that did not come to its end gets a verdict, a finished one keeps its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/offline/reopen.h"
#include "tests/unit/record/record_sample.h"

static char folder[] = "/tmp/penrig-reopen-XXXXXX", path[128];

/* No runfile_finish(): what a killed run leaves, but that its log is written back. */
static void write_run(const char *name, bool finished, void (*change)(struct record *record))
{
	struct record *record = sample_record(folder, name);
	struct runfile *rf;
	struct err err = {""};

	if (change)
		change(record);
	assert_int_equal(runfile_create(record, 1e5, true, &rf, &err), 0);
	runfile_record(rf, record);
	for (unsigned i = 0; i < record->points; i++) {
		runfile_point_begin(rf, i, &record->point[i]);
		runfile_point_end(rf, i, &record->point[i]);
	}
	if (finished)
		assert_int_equal(runfile_finish(rf, record, NULL, &err), 0);
	assert_int_equal(runfile_close(rf, &err), 0);
	snprintf(path, sizeof(path), "%s/%s.penrig", folder, name);
	record_free(record);
}

static struct record *reopened(void)
{
	struct runfile_reader *reader;
	struct record *record;
	struct err err = {""};

	assert_int_equal(reopen(path, &reader, &record, &err), 0);
	runfile_reader_free(reader);
	return record;
}

static void fails(struct record *record)
{
	struct finding *finding = &record->point[0].result[0];

	record->point[0].counts = true;
	finding->has_limit = true;
	finding->limit.required = true;
	finding->judgement.outcome = OUTCOME_FAIL;
}

static void test_unfinished_is_inconclusive(void **state)
{
	(void)state;
	write_run("unfinished", false, NULL);
	struct record *record = reopened();
	assert_true(record->has_verdict);
	assert_int_equal(record->run_status, RUN_INTERRUPTED);
	assert_int_equal(record->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_true(record->verdict_reason[0] != '\0');
	record_free(record);
}

static void test_unfinished_keeps_a_proven_fail(void **state)
{
	(void)state;
	write_run("failed", false, fails);
	struct record *record = reopened();
	assert_true(record->has_verdict);
	assert_int_equal(record->dut_verdict, OUTCOME_FAIL);
	record_free(record);
}

static void own_verdict(struct record *record)
{
	record->has_verdict = true;
	record->dut_verdict = OUTCOME_PASS;
	strcpy(record->verdict_reason, "as it was");
}

static void test_finished_keeps_its_own(void **state)
{
	(void)state;
	write_run("finished", true, own_verdict);
	struct record *record = reopened();
	assert_int_equal(record->dut_verdict, OUTCOME_PASS);
	assert_string_equal(record->verdict_reason, "as it was");
	record_free(record);
}

static void test_nothing_there(void **state)
{
	(void)state;
	struct runfile_reader *reader;
	struct record *record;
	struct err err = {""};

	assert_int_equal(reopen("/nowhere/at-all.penrig", &reader, &record, &err), -ENOENT);
}

/* ---- later verdicts, of a kept run file that was judged by four limits files ----------------------------------- */

#define KEPT "tests/data/runs-0.1.0/judged-anew.penrig.xz"

static void unpack_judged(void)
{
	char command[400];

	snprintf(path, sizeof(path), "%s/judged.penrig", folder);
	snprintf(command, sizeof(command),
		 "/usr/bin/python3 -c \"import lzma; open('%s', 'wb').write(lzma.open('" KEPT "').read())\"", path);
	assert_int_equal(system(command), 0);
}

static int judged(unsigned number, struct record **ret, struct err *err)
{
	struct runfile_reader *reader;
	int rc;

	assert_int_equal(reopen(path, &reader, ret, err), 0);
	rc = reopen_judged(reader, *ret, number, err);
	runfile_reader_free(reader);
	return rc;
}

static void test_a_verdict_of_another_method_is_not_formed(void **state)
{
	(void)state;
	struct runfile_reader *reader;
	struct record *record;
	struct err err = {""};

	unpack_judged();
	assert_int_equal(reopen(path, &reader, &record, &err), 0);
	record->method++;
	assert_int_equal(reopen_judged(reader, record, 1, &err), -ESTALE);
	assert_non_null(strstr(err.text, "of method 1, and the run file holds those of method 2"));
	runfile_reader_free(reader);
	record_free(record);
}

static void test_a_later_verdict_comes_again(void **state)
{
	static const struct {
		const char *limits;
		enum outcome verdict;
	} then[] = {{"wide", OUTCOME_PASS},
		    {"tight", OUTCOME_FAIL},
		    {"just-pass", OUTCOME_PASS},
		    {"just-fail", OUTCOME_FAIL}};
	struct record *record;
	struct err err = {""};

	(void)state;
	unpack_judged();
	for (unsigned i = 0; i < 4; i++) {
		if (judged(i + 1, &record, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(record->judged.number, i + 1);
		assert_string_equal(record->judged.limits_name, then[i].limits);
		assert_int_equal(record->dut_verdict, then[i].verdict);
		record_free(record);
	}
	assert_int_equal(judged(5, &record, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no verdict number 5"));
	assert_int_equal(record->judged.number, 0);
	record_free(record);
}

static void test_a_verdict_that_would_be_another_today_is_refused(void **state)
{
	struct runfile_reader *reader;
	struct record_judged other;
	struct record *record;
	struct err err = {""};
	char *limits = NULL;

	(void)state;
	unpack_judged();
	assert_int_equal(judged(1, &record, &err), 0);
	other = record->judged;
	record_free(record);
	other.number = 5;
	other.dut_verdict = OUTCOME_FAIL;
	strcpy(other.software_version, "9.9");
	assert_int_equal(reopen(path, &reader, &record, &err), 0);
	assert_int_equal(runfile_judged_limits(reader, 1, &limits, &err), 0);
	assert_int_equal(runfile_judged_limits(reader, 9, &limits, &err), -ENOENT);
	runfile_reader_free(reader);
	record_free(record);
	const struct judged_texts texts = {.limits = limits, .limits_len = strlen(limits), .report = "{}"};
	assert_int_equal(runfile_append_judged(path, &other, &texts, &err), 0);
	free(limits);
	assert_int_equal(judged(5, &record, &err), -ESTALE);
	assert_non_null(strstr(err.text, "penrig 9.9 judged this run fail by wide, this penrig pass"));
	record_free(record);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"unfinished", "failed", "finished", "judged"};

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s.penrig", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unfinished_is_inconclusive),
		cmocka_unit_test(test_unfinished_keeps_a_proven_fail),
		cmocka_unit_test(test_finished_keeps_its_own),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_a_verdict_of_another_method_is_not_formed),
		cmocka_unit_test(test_a_later_verdict_comes_again),
		cmocka_unit_test(test_a_verdict_that_would_be_another_today_is_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
