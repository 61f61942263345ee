/* What outlives a run: where it is kept, what is counted, and several processes and users at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/base/db.h"
#include "rig/state/state.h"

#define NOBODY 65534

static char folder[64], bench[96];

static void make_bench(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/penrig-state-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(bench, sizeof(bench), "%s/line-3.json", folder);
	make_bench(bench);
	return 0;
}

static int tear_down(void **state)
{
	char command[96];
	(void)state;
	chmod(folder, 0755);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static struct state *opened(const char *bench_path)
{
	struct state *state = NULL;
	struct err err = {""};
	int rc = state_open(folder, bench_path, &state, &err);
	if (rc)
		fail_msg("state_open: %d %s", rc, err.text);
	return state;
}

static struct state_run run_of(const char *name, uint64_t started_ns)
{
	struct state_run run = {.started_wall_ns = started_ns, .seen_wall_ns = started_ns, .host = "h", .dut = "SN-1"};
	snprintf(run.name, sizeof(run.name), "%s", name);
	return run;
}

static void strikes(struct state *state, struct state_run run, const char *position, uint64_t strokes)
{
	struct err err = {""};
	int rc = state_strokes(state, &run, "SIL-01", position, strokes, &err);
	if (rc)
		fail_msg("state_strokes: %d %s", rc, err.text);
}

static uint64_t used(struct state *state, const char *position)
{
	struct state_use use;
	struct err err = {""};
	assert_int_equal(state_use(state, "SIL-01", position, &use, &err), 0);
	assert_string_equal(use.phantom, "SIL-01");
	assert_string_equal(use.position, position);
	return use.strokes;
}

/* ---- where --------------------------------------------------------------------------------------------------------- */

static void expect_folder(const char *wanted, const char *system, const char *expected)
{
	char path[FILE_PATH_MAX];
	struct err err = {""};
	assert_int_equal(state_folder(wanted, system, path, &err), 0);
	assert_string_equal(path, expected);
}

static void test_where(void **state)
{
	char path[FILE_PATH_MAX], longest[FILE_PATH_MAX];
	struct err err = {""};
	(void)state;
	setenv("HOME", "/home/x", 1);
	setenv("XDG_STATE_HOME", "/xdg", 1);
	expect_folder("/here", folder, "/here");
	expect_folder(NULL, folder, folder);       /* it stands: penrig is installed */
	expect_folder(NULL, bench, "/xdg/penrig"); /* a file is no folder */
	expect_folder(NULL, "/nowhere/at/all", "/xdg/penrig");
	setenv("XDG_STATE_HOME", "not/absolute", 1); /* to be ignored, by its specification */
	expect_folder(NULL, "/nowhere/at/all", "/home/x/.local/state/penrig");
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	strcpy(path, "untouched");
	assert_int_equal(state_folder(NULL, "/nowhere/at/all", path, &err), -ENOENT);
	assert_non_null(strstr(err.text, "--state DIR"));
	assert_string_equal(path, "untouched");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/', longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(state_folder(longest, folder, path, &err), -ENAMETOOLONG);
}

static void test_one_file_for_each_bench(void **ignored)
{
	char other[128], link_path[96], folder_two[96];
	(void)ignored;
	snprintf(folder_two, sizeof(folder_two), "%s/two", folder);
	assert_int_equal(mkdir(folder_two, 0755), 0);
	snprintf(other, sizeof(other), "%s/line-3.json", folder_two);
	make_bench(other);
	snprintf(link_path, sizeof(link_path), "%s/link.json", folder);
	assert_int_equal(symlink(bench, link_path), 0);
	struct state *a = opened(bench), *b = opened(other), *c = opened(link_path);
	assert_string_not_equal(state_path(a), state_path(b));
	assert_string_equal(state_path(a), state_path(c));
	assert_non_null(strstr(state_path(a), "/line-3-"));
	strikes(a, run_of("r", 1), "A1", 5);
	assert_int_equal(used(c, "A1"), 5);
	assert_int_equal(used(b, "A1"), 0);
	state_close(a);
	state_close(b);
	state_close(c);
}

static void test_no_such_bench(void **ignored)
{
	struct state *state;
	struct err err = {""};
	(void)ignored;
	assert_int_equal(state_open(folder, "/nowhere/bench.json", &state, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/bench.json"));
}

static void test_the_folder_decides_who_writes(void **ignored)
{
	struct stat st;
	char shared[96], command[128];
	struct err err = {""};
	struct state *state;
	(void)ignored;
	snprintf(shared, sizeof(shared), "%s/shared", folder);
	assert_int_equal(mkdir(shared, 0700), 0);
	assert_int_equal(chmod(shared, 02770), 0);
	mode_t before = umask(077);
	assert_int_equal(state_open(shared, bench, &state, &err), 0);
	umask(before);
	strikes(state, run_of("r", 1), "A1", 5);
	assert_int_equal(stat(state_path(state), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	snprintf(command, sizeof(command), "test $(stat -c %%a %s/*-wal) = 660", shared);
	assert_int_equal(system(command), 0);
	state_close(state);
}

/* ---- what is counted ----------------------------------------------------------------------------------------------- */

static void test_strokes_add_up_over_runs(void **ignored)
{
	(void)ignored;
	struct state *state = opened(bench);
	strikes(state, run_of("one", 100), "A1", 1000);
	strikes(state, run_of("one", 100), "A1", 2500); /* so far */
	strikes(state, run_of("one", 100), "A1", 2500); /* told again */
	strikes(state, run_of("one", 100), "B2", 7);
	strikes(state, run_of("two", 200), "A1", 40);
	strikes(state, run_of("two", 300), "A1", 2); /* the same name, another run */
	assert_int_equal(used(state, "A1"), 2542);
	assert_int_equal(used(state, "B2"), 7);
	assert_int_equal(used(state, "C3"), 0);
	state_close(state);
	state = opened(bench);
	assert_int_equal(used(state, "A1"), 2542);
	state_close(state);
}

static int collect(void *ctx, const struct state_use *use)
{
	char *text = ctx;
	size_t n = strlen(text);
	snprintf(text + n, 200 - n, "%s/%s=%llu in %llu until %llu;", use->phantom, use->position,
		 (unsigned long long)use->strokes, (unsigned long long)use->runs,
		 (unsigned long long)use->last_wall_ns);
	return 0;
}

static int stop_at_once(void *ctx, const struct state_use *use)
{
	(void)use;
	++*(int *)ctx;
	return 42;
}

static void test_each_position(void **ignored)
{
	char text[200] = "";
	int calls = 0;
	struct err err = {""};
	(void)ignored;
	struct state *state = opened(bench);
	strikes(state, run_of("one", 100), "B2", 10);
	strikes(state, run_of("two", 300), "A1", 1);
	strikes(state, run_of("three", 200), "A1", 2);
	assert_int_equal(state_each_use(state, collect, text, &err), 0);
	assert_string_equal(text, "SIL-01/A1=3 in 2 until 300;SIL-01/B2=10 in 1 until 100;");
	assert_int_equal(state_each_use(state, stop_at_once, &calls, &err), 42);
	assert_int_equal(calls, 1);
	state_close(state);
}

static void test_the_last_run_is_the_one_furthest_ahead(void **ignored)
{
	struct state_run last = {.name = "untouched"}, run = run_of("late", 500);
	struct err err = {""};
	(void)ignored;
	struct state *state = opened(bench);
	assert_int_equal(state_last_run(state, &last, &err), 0);
	assert_string_equal(last.name, "untouched");
	run.seen_wall_ns = 900;
	assert_int_equal(state_saw(state, &run, &err), 0);
	run.seen_wall_ns = 600; /* the clock was set back: what was seen stays seen */
	assert_int_equal(state_saw(state, &run, &err), 0);
	strikes(state, run_of("earlier", 700), "A1", 1);
	assert_int_equal(state_last_run(state, &last, &err), 1);
	assert_string_equal(last.name, "late");
	assert_int_equal(last.seen_wall_ns, 900);
	assert_int_equal(last.started_wall_ns, 500);
	assert_string_equal(last.dut, "SN-1");
	assert_string_equal(last.host, "h");
	state_close(state);
}

/* ---- several at once ----------------------------------------------------------------------------------------------- */

#define WRITERS 4
#define ROUNDS  25

static void write_many(unsigned writer)
{
	char name[32];
	struct state *state;
	struct err err = {""};
	if (state_open(folder, bench, &state, &err))
		_exit(1);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		snprintf(name, sizeof(name), "run-%u", writer);
		struct state_run run = run_of(name, writer);
		if (state_strokes(state, &run, "SIL-01", "A1", i * 10, &err))
			_exit(2);
	}
	state_close(state);
	_exit(0);
}

static void test_several_processes(void **ignored)
{
	(void)ignored;
	for (unsigned i = 0; i < WRITERS; i++)
		if (fork() == 0)
			write_many(i);
	for (unsigned i = 0; i < WRITERS; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	struct state *state = opened(bench);
	assert_int_equal(used(state, "A1"), WRITERS * ROUNDS * 10);
	state_close(state);
}

static void test_a_killed_process_leaves_what_it_told(void **ignored)
{
	int pipe_fds[2], status;
	char byte;
	(void)ignored;
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();
	if (child == 0) {
		struct state *state;
		struct err err;
		struct state_run run = run_of("killed", 1);
		if (state_open(folder, bench, &state, &err) || state_strokes(state, &run, "SIL-01", "A1", 77, &err) ||
		    write(pipe_fds[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	close(pipe_fds[1]); /* a child that fails is an end of file, not a wait for ever */
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(pipe_fds[0]);
	struct state *state = opened(bench);
	assert_int_equal(used(state, "A1"), 77);
	state_close(state);
}

/* ---- what is refused ----------------------------------------------------------------------------------------------- */

static void spoil(const char *sql)
{
	struct db *db;
	struct err err = {""};
	struct state *state = opened(bench);
	char path[FILE_PATH_MAX];
	snprintf(path, sizeof(path), "%s", state_path(state));
	state_close(state);
	assert_int_equal(db_open(path, path, DB_WRITE, 0, &db, &err), 0);
	assert_int_equal(db_exec(db, sql, &err), 0);
	db_close(db);
}

static int tested(struct state *state, const struct state_run *run, const char *supply, unsigned output, bool passed)
{
	struct state_deadman test = {.output = output, .set_ms = 1500, .passed = passed};
	struct err err = {""};

	snprintf(test.supply, sizeof(test.supply), "%s", supply);
	return state_deadman(state, run, &test, &err);
}

static void test_the_newest_dead_man_test_counts(void **ignored)
{
	struct state *state = opened(bench);
	struct state_run first = {.name = "r-1", .started_wall_ns = 100, .seen_wall_ns = 200};
	struct state_run second = {.name = "r-2", .started_wall_ns = 300, .seen_wall_ns = 300};
	struct state_deadman last;
	struct err err = {""};

	(void)ignored;
	assert_int_equal(state_last_deadman(state, "S-1", 1, &last, &err), 0);
	assert_int_equal(tested(state, &first, "S-1", 1, false), 0); /* as it begins ... */
	assert_int_equal(tested(state, &first, "S-1", 1, true), 0);  /* ... and as it ended */
	assert_int_equal(state_last_deadman(state, "S-1", 1, &last, &err), 1);
	assert_true(last.passed && last.set_ms == 1500 && last.tested_wall_ns == 100);
	assert_string_equal(last.run, "r-1");
	assert_int_equal(state_last_deadman(state, "S-2", 1, &last, &err), 0);
	assert_int_equal(state_last_deadman(state, "S-1", 2, &last, &err), 0);
	assert_int_equal(tested(state, &second, "S-1", 1, false), 0); /* killed in the middle of its test */
	state_close(state);
	state = opened(bench);
	assert_int_equal(state_last_deadman(state, "S-1", 1, &last, &err), 1);
	assert_true(!last.passed && strcmp(last.run, "r-2") == 0);
	assert_int_equal(state_deadman_untested(state, &second, &err), 0); /* it did not come so far */
	assert_int_equal(state_last_deadman(state, "S-1", 1, &last, &err), 1);
	assert_true(last.passed && strcmp(last.run, "r-1") == 0);
	state_close(state);
}

static void test_the_newest_run_of_the_reference_pen(void **ignored)
{
	struct state *state = opened(bench);
	struct state_run first = {.name = "g-1", .dut = "GOLD-1", .started_wall_ns = 100, .seen_wall_ns = 200};
	struct state_run second = {.name = "g-2", .dut = "GOLD-1", .started_wall_ns = 300, .seen_wall_ns = 300};
	const struct state_reference told = {.bench = "b", .plan = "golden", .folder = "/out"};
	struct state_reference last;
	struct err err = {""};

	(void)ignored;
	assert_int_equal(state_last_reference(state, "GOLD-1", "b", "golden", &last, &err), 0);
	assert_int_equal(state_reference(state, &second, &told, &err), 0);
	assert_int_equal(state_reference(state, &first, &told, &err), 0);
	state_close(state);
	state = opened(bench);
	assert_int_equal(state_last_reference(state, "GOLD-1", "b", "golden", &last, &err), 1);
	assert_true(strcmp(last.name, "g-2") == 0 && strcmp(last.folder, "/out") == 0 && last.started_wall_ns == 300);
	assert_int_equal(state_last_reference(state, "GOLD-1", "b", "other", &last, &err), 0);
	assert_int_equal(state_last_reference(state, "GOLD-1", "other", "golden", &last, &err), 0);
	assert_int_equal(state_last_reference(state, "GOLD-2", "b", "golden", &last, &err), 0);
	assert_int_equal(state_reference_unmoved(state, &second, &err), 0);
	assert_int_equal(state_last_reference(state, "GOLD-1", "b", "golden", &last, &err), 1);
	assert_string_equal(last.name, "g-1");
	state_close(state);
}

/* A file of the first format, as it was before dead-man tests were kept. */
static void test_a_file_from_before_dead_man_tests(void **ignored)
{
	struct state *state = opened(bench);
	struct state_run run = {.name = "r-1", .started_wall_ns = 100, .seen_wall_ns = 200};
	struct err err = {""};
	struct db *db;

	(void)ignored;
	assert_int_equal(db_open(state_path(state), "s", DB_WRITE, 0, &db, &err), 0);
	state_close(state);
	assert_int_equal(db_exec(db, "DROP TABLE deadman", &err), 0);
	db_close(db);
	state = opened(bench);
	assert_int_equal(tested(state, &run, "S-1", 1, true), 0);
	state_close(state);
}

static void test_a_newer_format(void **ignored)
{
	struct state *state;
	struct err err = {""};
	(void)ignored;
	spoil("PRAGMA user_version=2");
	assert_int_equal(state_open(folder, bench, &state, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "format 2"));
}

static void test_another_database(void **ignored)
{
	struct state *state;
	struct err err = {""};
	(void)ignored;
	spoil("PRAGMA application_id=7");
	assert_int_equal(state_open(folder, bench, &state, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "not a state file"));
}

static void test_not_a_database(void **ignored)
{
	struct state *state = opened(bench);
	struct err err = {""};
	char path[FILE_PATH_MAX];
	(void)ignored;
	snprintf(path, sizeof(path), "%s", state_path(state));
	state_close(state);
	FILE *f = fopen(path, "w");
	for (unsigned i = 0; i < 500; i++)
		fputs("not a database ", f);
	fclose(f);
	assert_int_equal(state_open(folder, bench, &state, &err), -EBADMSG);
}

static void test_a_folder_that_nobody_may_write(void **ignored)
{
	int status;
	(void)ignored;
	chmod(folder, 0555);
	pid_t child = fork();
	if (child == 0) {
		struct state *state;
		struct err err = {""};
		if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
			_exit(1);
		int rc = state_open(folder, bench, &state, &err);
		_exit(rc == -EACCES && strstr(err.text, "give another folder with --state") ? 0 : 2);
	}
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_where),
		TEST(test_one_file_for_each_bench),
		TEST(test_no_such_bench),
		TEST(test_the_folder_decides_who_writes),
		TEST(test_strokes_add_up_over_runs),
		TEST(test_each_position),
		TEST(test_the_last_run_is_the_one_furthest_ahead),
		TEST(test_several_processes),
		TEST(test_a_killed_process_leaves_what_it_told),
		TEST(test_the_newest_dead_man_test_counts),
		TEST(test_the_newest_run_of_the_reference_pen),
		TEST(test_a_file_from_before_dead_man_tests),
		TEST(test_a_newer_format),
		TEST(test_another_database),
		TEST(test_not_a_database),
		TEST(test_a_folder_that_nobody_may_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
