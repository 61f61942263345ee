/* Run file and reports on a disk that fails in every way: what stands at the end is true, or is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports/deliver.h"
#include "tests/unit/record/record_sample.h"

static char folder[64];
static bool broken; /* the writer of the second report gives up */
static char complaints[2000];

/* ---- writers that say what the record says --------------------------------------------------------------------- */

static int say(const struct record *record, FILE *out, struct err *err)
{
	(void)err;
	fprintf(out, "%s %s\n", run_status_name(record->run_status),
		record->has_verdict ? outcome_name(record->dut_verdict) : "none");
	return 0;
}

static int say_or_fail(const struct record *record, FILE *out, struct err *err)
{
	return broken ? err_set(err, -EIO, "the second writer gave up") : say(record, out, err);
}

static const struct report_writer first = {.id = "first", .extension = ".first", .kept = true, .write = say};
static const struct report_writer second = {.id = "second", .extension = ".second", .write = say_or_fail};
static const struct report_writer third = {.id = "third", .extension = ".third", .write = say};
static const struct report_writer unwanted = {.id = "unwanted", .extension = ".unwanted", .write = say};
static const struct report_writer *const table[] = {&unwanted, &second, &first, &third, NULL};

static void on_complaint(void *ctx, const char *text)
{
	size_t used = strlen(complaints);

	(void)ctx;
	snprintf(complaints + used, sizeof(complaints) - used, "%s\n", text);
}

static struct delivery delivery_of_three(void)
{
	static const char *const ids[] = {"third", "second"};
	struct delivery d;
	struct err err;

	assert_int_equal(delivery_init(&d, table, ids, 2, &err), 0);
	d.complain = on_complaint;
	complaints[0] = '\0';
	return d;
}

/* ---- the disk -------------------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	broken = false;
	signal(SIGXFSZ, SIG_IGN);
	strcpy(folder, "/tmp/penrig-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

/* No file grows beyond so many bytes, as on a full disk. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int tear_down(void **state)
{
	(void)state;
	limit_files(RLIM_INFINITY);
	return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *extension)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/run%s", folder, extension);
	return path;
}

/* The file's line, "" where there is none. */
static const char *said(const char *extension)
{
	static char line[80];
	FILE *in = fopen(path_of(extension), "r");

	line[0] = '\0';
	if (in && !fgets(line, sizeof(line), in))
		line[0] = '\0';
	if (in)
		fclose(in);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static unsigned files(void)
{
	char command[120];
	unsigned n = 0;
	FILE *in;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", folder);
	in = popen(command, "r");
	assert_non_null(in);
	assert_int_equal(fscanf(in, "%u", &n), 1);
	pclose(in);
	return n;
}

static struct record *passed(void)
{
	struct record *record = sample_record(folder, "run");

	record->run_status = RUN_COMPLETE;
	record->has_verdict = true;
	record->dut_verdict = OUTCOME_PASS;
	return record;
}

static void storage_fails(struct record *record)
{
	record->run_status = RUN_STORAGE_FAILED;
	record->dut_verdict = OUTCOME_INCONCLUSIVE;
}

static struct runfile *begin_run_file(struct record *record)
{
	struct runfile *rf = NULL;
	struct err err;

	if (runfile_create(record, 1000, true, &rf, &err) < 0)
		fail_msg("%s", err.text);
	return rf;
}

/* ---- what is wanted -------------------------------------------------------------------------------------------- */

static void test_the_kept_report_is_always_wanted(void **state)
{
	static const char *const unknown[] = {"third", "Second"};
	struct delivery d;
	struct err err;

	(void)state;
	d = delivery_of_three();
	assert_int_equal(d.writers, 3);
	assert_ptr_equal(d.writer[0], &second); /* in the table's order */
	assert_ptr_equal(d.writer[1], &first);
	assert_ptr_equal(d.writer[2], &third);
	assert_int_equal(delivery_init(&d, table, NULL, 0, &err), 0);
	assert_int_equal(d.writers, 1);
	assert_ptr_equal(d.writer[0], &first);
	assert_int_equal(delivery_init(&d, table, unknown, 2, &err), -EINVAL);
	assert_non_null(strstr(err.text, "Second: no such format"));
}

static void test_all_is_written_and_the_run_file_keeps_one(void **state)
{
	struct delivery d = delivery_of_three();
	struct record *record = passed(), *again;
	struct runfile *rf = begin_run_file(record);
	struct runfile_reader *reader;
	struct err err;
	char *text;

	(void)state;
	assert_int_equal(deliver(&d, record, rf, &err), 0);
	assert_int_equal(runfile_close(rf, &err), 0);
	assert_string_equal(said(".first"), "complete pass");
	assert_string_equal(said(".second"), "complete pass");
	assert_string_equal(said(".third"), "complete pass");
	assert_true(delivery_stands(record, &third));
	assert_false(delivery_stands(record, &unwanted));
	assert_int_equal(files(), 4);
	assert_int_equal(runfile_open(path_of(".penrig"), &reader, &again, &err), 0);
	assert_int_equal(runfile_report(reader, 0, &text, &err), 0);
	assert_string_equal(text, "complete pass\n");
	free(text);
	runfile_reader_free(reader);
	record_free(again);
	record_free(record);
	assert_string_equal(complaints, "");
}

/* ---- what fails ------------------------------------------------------------------------------------------------ */

static void test_one_that_cannot_be_written_keeps_none_of_the_others(void **state)
{
	struct delivery d = delivery_of_three();
	struct record *record = passed();
	struct runfile *rf = begin_run_file(record);
	struct err err = {""};

	(void)state;
	broken = true;
	assert_int_equal(deliver(&d, record, rf, &err), -EIO);
	assert_string_equal(err.text, "the second writer gave up");
	assert_false(delivery_stands(record, &second));
	storage_fails(record); /* what the session makes of it; then once more */
	assert_int_equal(deliver(&d, record, rf, &err), -EIO);
	assert_string_equal(said(".first"), "storage_failed inconclusive");
	assert_string_equal(said(".third"), "storage_failed inconclusive");
	assert_int_equal(deliver_last_word(&d, record), 0);
	assert_int_equal(runfile_close(rf, &err), 0);
	assert_int_equal(files(), 3);
	assert_string_equal(complaints, "");
	record_free(record);
}

static void test_reports_of_a_refused_run_are_a_courtesy(void **state)
{
	struct delivery d = delivery_of_three();
	struct record *record = passed();
	struct err err = {"untouched"};

	(void)state;
	record->run_status = RUN_REFUSED;
	record->has_verdict = false;
	broken = true;
	assert_int_equal(deliver(&d, record, NULL, &err), 0);
	assert_string_equal(err.text, "untouched");
	assert_string_equal(complaints, "the second writer gave up\n");
	assert_string_equal(said(".first"), "refused none");
	assert_string_equal(said(".third"), "refused none");
	assert_int_equal(files(), 2);
	record_free(record);
}

static void test_no_report_of_a_run_file_that_cannot_be_finished(void **state)
{
	struct delivery d = delivery_of_three();
	struct record *record = passed();
	struct runfile *rf = begin_run_file(record);
	struct err err = {""};

	(void)state;
	limit_files(4096); /* reports are smaller */
	assert_true(deliver(&d, record, rf, &err) < 0);
	assert_string_equal(said(".first"), "");
	assert_int_equal(deliver_last_word(&d, record), 0); /* nothing was delivered: nothing to correct */
	assert_string_equal(said(".first"), "");
	storage_fails(record);
	assert_true(deliver(&d, record, rf, &err) < 0);
	assert_string_equal(said(".first"), "storage_failed inconclusive");
	assert_string_equal(said(".second"), "storage_failed inconclusive");
	assert_true(runfile_close(rf, &err) < 0);
	record_free(record);
}

/* ---- a word after the last ------------------------------------------------------------------------------------- */

static void test_a_late_change_is_written_into_every_report(void **state)
{
	struct delivery d = delivery_of_three();
	struct record *record = passed();
	struct stat before, after;
	struct err err;

	(void)state;
	assert_int_equal(deliver(&d, record, NULL, &err), 0);
	assert_int_equal(stat(path_of(".first"), &before), 0);
	assert_int_equal(deliver_last_word(&d, record), 0);
	assert_int_equal(stat(path_of(".first"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* nothing changed: not touched */
	record->dut_verdict = OUTCOME_FAIL;
	assert_int_equal(deliver_last_word(&d, record), 0);
	assert_string_equal(said(".first"), "complete fail");
	record->has_verdict = false;
	assert_int_equal(deliver_last_word(&d, record), 0);
	assert_string_equal(said(".second"), "complete none");
	record->run_status = RUN_INTERRUPTED;
	assert_int_equal(deliver_last_word(&d, record), 0);
	assert_string_equal(said(".third"), "interrupted none");
	assert_string_equal(complaints, "");
	record_free(record);
}

static void test_what_is_no_longer_true_and_cannot_be_rewritten_goes(void **state)
{
	struct delivery d = delivery_of_three();
	struct record *record = passed();
	struct err err;

	(void)state;
	assert_int_equal(deliver(&d, record, NULL, &err), 0);
	storage_fails(record);
	broken = true;
	assert_int_equal(deliver_last_word(&d, record), 0);
	assert_string_equal(complaints, "the second writer gave up\n");
	assert_false(delivery_stands(record, &second));
	assert_string_equal(said(".first"), "storage_failed inconclusive");
	complaints[0] = '\0';
	broken = false;
	record->run_status = RUN_INTERNAL_ERROR;
	limit_files(4);
	assert_int_equal(deliver_last_word(&d, record), 0);
	assert_int_equal(files(), 0);
	assert_non_null(strstr(complaints, "run.first cannot be saved: writing: File too large"));
	assert_non_null(strstr(complaints, "run.third cannot be saved"));
	record_free(record);
}

/* A folder in a report's place can be neither replaced nor removed by unlink(). */
static void test_what_can_neither_be_rewritten_nor_removed_is_said(void **state)
{
	struct delivery d = delivery_of_three();
	struct record *record = passed();
	struct err err;

	(void)state;
	assert_int_equal(deliver(&d, record, NULL, &err), 0);
	assert_int_equal(unlink(path_of(".second")), 0);
	assert_int_equal(mkdir(path_of(".second"), 0777), 0);
	storage_fails(record);
	assert_int_equal(deliver_last_word(&d, record), -EISDIR);
	assert_non_null(strstr(complaints, "run.second says what is no longer true and cannot be removed"));
	assert_string_equal(said(".first"), "storage_failed inconclusive");
	assert_string_equal(said(".third"), "storage_failed inconclusive");
	record_free(record);
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static void test_a_name_belongs_to_one_process(void **state)
{
	enum { PROCESSES = 8 };
	struct delivery d = delivery_of_three();
	struct record *record = passed();
	unsigned taken = 0;
	int gate[2], status;
	char go = 0;

	(void)state;
	assert_int_equal(pipe(gate), 0);
	for (unsigned i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid > 0)
			continue;
		struct err err;
		if (read(gate[0], &go, 1) != 1)
			_exit(9);
		int rc = delivery_take_name(&d, record, &err);
		_exit(rc == 0 ? 0 : rc == -EEXIST ? 1 : 2);
	}
	assert_int_equal(write(gate[1], "12345678", PROCESSES), PROCESSES);
	for (unsigned i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
		taken += WEXITSTATUS(status) == 0;
	}
	assert_int_equal(taken, 1);
	close(gate[0]);
	close(gate[1]);
	record_free(record);
}

/* Also a format that this run does not want: the other run's report would be taken for this one's. */
static void test_a_report_of_any_format_takes_the_name(void **state)
{
	struct delivery d = delivery_of_three();
	struct record *record = passed();
	struct err err = {""};
	FILE *out = fopen(path_of(".unwanted"), "w");

	(void)state;
	assert_non_null(out);
	fclose(out);
	assert_int_equal(delivery_take_name(&d, record, &err), -EEXIST);
	assert_non_null(strstr(err.text, "run.unwanted is there already"));
	assert_int_equal(files(), 1);
	assert_int_equal(unlink(path_of(".unwanted")), 0);
	assert_int_equal(delivery_take_name(&d, record, &err), 0);
	delivery_give_name_back(record);
	assert_int_equal(files(), 0);
	record_free(record);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_the_kept_report_is_always_wanted),
		T(test_all_is_written_and_the_run_file_keeps_one),
		T(test_one_that_cannot_be_written_keeps_none_of_the_others),
		T(test_reports_of_a_refused_run_are_a_courtesy),
		T(test_no_report_of_a_run_file_that_cannot_be_finished),
		T(test_a_late_change_is_written_into_every_report),
		T(test_what_is_no_longer_true_and_cannot_be_rewritten_goes),
		T(test_what_can_neither_be_rewritten_nor_removed_is_said),
		T(test_a_name_belongs_to_one_process),
		T(test_a_report_of_any_format_takes_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
