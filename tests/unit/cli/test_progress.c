/* Progress lines, events and prompts over real pipes: what a reader gets, and that a reader who does not read costs
 * nothing. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig/base/json.h"
#include "rig/cli/kit/progress.h"
#include "rig/cli/kit/prompt.h"

struct pipes {
	int people[2], events[2];
	struct progress progress;
};

static void open_pipes(struct pipes *p, bool quiet)
{
	struct err err;

	assert_int_equal(pipe2(p->people, O_NONBLOCK), 0);
	assert_int_equal(pipe2(p->events, 0), 0);
	assert_int_equal(fcntl(p->events[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(
		progress_init(&p->progress, p->people[1], p->events[1], quiet, (struct style){.width = 80}, &err), 0);
}

static void close_pipes(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		close(p->people[i]);
		close(p->events[i]);
	}
}

static const char *received(int fd)
{
	static char text[8192];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static struct session_progress measuring(void)
{
	return (struct session_progress){.stage = STAGE_MEASURING,
					 .point = 2,
					 .points = 9,
					 .depth_set_mm = 1,
					 .rate_set_hz = 120,
					 .elapsed_s = 12.5,
					 .remaining_s = 20,
					 .rate_hz = 119.98,
					 .depth_mm = NAN,
					 .force_n = 0.1,
					 .handle_c = NAN,
					 .strokes = 480};
}

static struct record_point point = {.plan = {.number = 2, .depth_mm = 1, .rate_hz = 120},
				    .attempt = 1,
				    .counts = true,
				    .measured = true,
				    .outcome = OUTCOME_CONDITIONAL_PASS};

static void test_a_log_gets_one_line_per_point(void **state)
{
	struct pipes p;
	struct session_progress now = measuring();

	(void)state;
	open_pipes(&p, false);
	progress_show(&p.progress, &now);
	assert_string_equal(received(p.people[0]), "");
	now.finished = &point;
	progress_show(&p.progress, &now);
	assert_string_equal(received(p.people[0]), "point 3 of 9: 1.000 mm, 120 Hz: conditional_pass\n");
	close_pipes(&p);
	open_pipes(&p, true);
	progress_show(&p.progress, &now);
	assert_string_equal(received(p.people[0]), "");
	close_pipes(&p);
}

static void test_an_alarm_is_shouted_even_when_quiet(void **state)
{
	struct pipes p;
	struct session_progress now = measuring();

	(void)state;
	open_pipes(&p, true);
	now.alarm = true;
	now.text = "STOP UNVERIFIED: no frames";
	progress_show(&p.progress, &now);
	assert_string_equal(received(p.people[0]), "*** STOP UNVERIFIED: no frames ***\n");
	assert_non_null(strstr(received(p.events[0]), "\"event\":\"alarm\""));
	close_pipes(&p);
}

static void test_events_are_json_lines(void **state)
{
	struct pipes p;
	struct session_progress now = measuring();
	struct json_doc *doc;
	const struct json *root;
	const char *line;
	struct err err;

	(void)state;
	open_pipes(&p, false);
	now.finished = &point;
	progress_show(&p.progress, &now);
	line = received(p.events[0]);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_int_equal(json_parse("event", line, strlen(line), &doc, &err), 0);
	root = json_root(doc);
	assert_string_equal(json_string(json_get(root, "event")), "point");
	assert_string_equal(json_string(json_get(root, "stage")), "measuring");
	assert_string_equal(json_string(json_get(root, "outcome")), "conditional_pass");
	assert_true(json_number(json_get(root, "point")) == 3);
	assert_true(json_number(json_get(root, "rate_hz")) == 119.98);
	assert_null(json_get(root, "depth_mm")); /* not known */
	json_doc_free(doc);
	close_pipes(&p);
}

static void test_a_slow_reader_loses_events_and_is_told(void **state)
{
	struct pipes p;
	struct session_progress now = measuring();
	char drain[65536];
	unsigned sent = 0;

	(void)state;
	open_pipes(&p, false);
	while (p.progress.events.dropped < 3) { /* a pipe holds 64 KiB; this ends only because nothing blocks */
		progress_show(&p.progress, &now);
		assert_in_range(++sent, 1, 10000);
	}
	while (read(p.events[0], drain, sizeof(drain)) > 0)
		;
	progress_show(&p.progress, &now);
	assert_non_null(strstr(received(p.events[0]), "\"dropped\":3"));
	assert_int_equal(p.progress.events.dropped, 0);
	close_pipes(&p);
}

static void test_the_end_is_an_event(void **state)
{
	struct pipes p;
	struct record *record = record_new();
	const char *line;

	(void)state;
	open_pipes(&p, false);
	record->has_verdict = true;
	record->dut_verdict = OUTCOME_FAIL;
	record->run_status = RUN_INTERRUPTED;
	record->moved = true;
	events_end(&p.progress.events, record, NULL, 1);
	line = received(p.events[0]);
	assert_non_null(strstr(line, "\"run_status\":\"interrupted\""));
	assert_non_null(strstr(line, "\"dut_verdict\":\"fail\""));
	assert_non_null(strstr(line, "\"exit_code\":1"));
	assert_non_null(strstr(line, "\"stop_unverified\":true"));
	record_free(record);
	close_pipes(&p);
}

static void test_a_question_is_told_in_fields(void **state)
{
	struct session_prompt prompt = {.question = QUESTION_PUT_PHANTOM,
					.text = "Put phantom P-1 (gel) under the pen, position A2.",
					.phantom = "P-1",
					.material = "gel",
					.position = "A2",
					.point = 4};
	struct pipes p;
	const char *line;

	(void)state;
	open_pipes(&p, false);
	progress_prompt(&p.progress, &prompt);
	line = received(p.events[0]);
	assert_non_null(strstr(line, "\"id\":1,\"question\":\"put_phantom\",\"point\":5,\"phantom\":\"P-1\","
				     "\"material\":\"gel\",\"position\":\"A2\""));
	assert_string_equal(received(p.people[0]),
			    "Put phantom P-1 (gel) under the pen, position A2.  [Enter: done, q: give up]\n");
	prompt = (struct session_prompt){.question = QUESTION_TAKE_PHANTOM_AWAY, .text = "Take it away."};
	progress_prompt(&p.progress, &prompt);
	line = received(p.events[0]);
	assert_non_null(strstr(line, "\"id\":2,\"question\":\"take_phantom_away\""));
	assert_null(strstr(line, "\"phantom\""));
	close_pipes(&p);
}

/* Its lock says whether the run lives: a second writer has no place in it. */
static void test_an_event_file_is_locked(void **state)
{
	char path[] = "/tmp/penrig-events-XXXXXX";
	struct progress first, second;
	struct err err = {""};
	int fd = mkstemp(path), other = open(path, O_WRONLY | O_APPEND), reader = open(path, O_RDONLY);

	(void)state;
	assert_true(fd >= 0 && other >= 0 && reader >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0); /* by whoever starts the run, on the same open file */
	assert_int_equal(progress_init(&first, 2, fd, true, (struct style){.width = 80}, &err), 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(progress_init(&second, 2, other, true, (struct style){.width = 80}, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another run writes its events to this file"));
	assert_int_equal(flock(reader, LOCK_SH | LOCK_NB), -1);
	close(fd);
	assert_int_equal(progress_init(&second, 2, other, true, (struct style){.width = 80}, &err), 0);
	assert_int_equal(flock(reader, LOCK_SH | LOCK_NB), -1);
	close(other);
	assert_int_equal(flock(reader, LOCK_SH | LOCK_NB), 0);
	close(reader);
	unlink(path);
}

static void test_a_setpoint_is_told_once(void **state)
{
	struct plan_step step = {.name = "s"};
	struct plan plan = {
		.steps = 1,
		.step = &step,
		.limits = 1,
		.limit = {{.id = MEASURAND_STROKE_RATE_ERROR, .has_lower = true, .lower = -10}},
	};
	const struct plan_point points[2] = {{.rate_hz = 100, .depth_mm = 0.5}, {.rate_hz = 200, .depth_mm = 1}};
	struct pipes p;
	const char *line;

	(void)state;
	open_pipes(&p, false);
	for (unsigned i = 0; i < 3; i++)
		events_setpoint(&p.progress.events, &plan, points, 2, i);
	events_setpoint(&p.progress.events, &plan, points, 2, 1);
	line = received(p.events[0]);
	assert_string_equal(line, "{\"event\":\"setpoint\",\"point\":1,\"points\":2,\"depth_set_mm\":0.5,"
				  "\"rate_set_hz\":100,\"limits\":{\"rate_hz\":{\"lower\":90}}}\n"
				  "{\"event\":\"setpoint\",\"point\":2,\"points\":2,\"depth_set_mm\":1,"
				  "\"rate_set_hz\":200,\"limits\":{\"rate_hz\":{\"lower\":180}}}\n");
	close_pipes(&p);
}

static void test_event_descriptor_must_be_open_for_writing(void **state)
{
	struct progress progress;
	struct err err = {""};
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(progress_init(&progress, 2, fds[0], false, (struct style){.width = 80}, &err), -EBADF);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(progress_init(&progress, 2, fds[1], false, (struct style){.width = 80}, &err), -EBADF);
	assert_non_null(strstr(err.text, "not open for writing"));
}

/* ---- prompt */

struct answers {
	int yes, no;
};

static void on_answer(void *ctx, bool go_on)
{
	struct answers *answers = ctx;

	*(go_on ? &answers->yes : &answers->no) += 1;
}

static struct answers ask(const char *input)
{
	struct answers answers = {0, 0};
	struct prompt prompt = {.answer = on_answer, .ctx = &answers};
	struct err err;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], input, strlen(input)), (ssize_t)strlen(input));
	close(fds[1]);
	prompt.fd = fds[0];
	assert_int_equal(loop_new(&loop_clock_monotonic, NULL, &prompt.loop, &err), 0);
	assert_int_equal(prompt_ask(&prompt), 0);
	assert_int_equal(prompt_ask(&prompt), -EALREADY);
	while (prompt.waiting)
		assert_true(loop_turn(prompt.loop, LOOP_NEVER) >= 0);
	loop_free(prompt.loop);
	close(fds[0]);
	return answers;
}

static void test_answers(void **state)
{
	static const struct {
		const char *input;
		int yes, no;
	} cases[] = {
		{"\n", 1, 0},
		{"y\n", 1, 0},
		{"YES\nq\n", 1, 0},
		{"q\n", 0, 1},
		{"N\n", 0, 1},
		{"", 0, 1},
		{"q", 0, 1},
		{"what?\n\n", 1, 0},
		{"qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\nq\n", 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answers got = ask(cases[i].input);

		assert_int_equal(got.yes, cases[i].yes);
		assert_int_equal(got.no, cases[i].no);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_log_gets_one_line_per_point),
		cmocka_unit_test(test_an_alarm_is_shouted_even_when_quiet),
		cmocka_unit_test(test_events_are_json_lines),
		cmocka_unit_test(test_a_slow_reader_loses_events_and_is_told),
		cmocka_unit_test(test_the_end_is_an_event),
		cmocka_unit_test(test_a_question_is_told_in_fields),
		cmocka_unit_test(test_an_event_file_is_locked),
		cmocka_unit_test(test_a_setpoint_is_told_once),
		cmocka_unit_test(test_event_descriptor_must_be_open_for_writing),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
