/* Answers and orders of a watching program, over a FIFO as a supervisor holds it and over a pipe whose writer goes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig/cli/kit/answers.h"

struct desk {
	struct answers answers;
	struct loop *loop;
	int in; /* where the program writes */
	unsigned done, given_up, stops, refused;
	char why[64], line[64], words[160];
};

static void on_answer(void *ctx, bool go_on)
{
	struct desk *desk = ctx;

	*(go_on ? &desk->done : &desk->given_up) += 1;
}

static void on_words(void *ctx, const char *words)
{
	struct desk *desk = ctx;

	snprintf(desk->words, sizeof(desk->words), "%s", words);
}

static void on_stop(void *ctx)
{
	((struct desk *)ctx)->stops++;
}

static void on_refused(void *ctx, const char *line, const char *why)
{
	struct desk *desk = ctx;

	desk->refused++;
	snprintf(desk->line, sizeof(desk->line), "%s", line);
	snprintf(desk->why, sizeof(desk->why), "%s", why);
}

static void open_desk(struct desk *desk, int read_end, int write_end)
{
	struct err err = {""};

	*desk = (struct desk){.in = write_end,
			      .answers = {.fd = read_end,
					  .answer = on_answer,
					  .say = on_words,
					  .stop = on_stop,
					  .refused = on_refused,
					  .ctx = desk}};
	assert_int_equal(loop_new(&loop_clock_monotonic, NULL, &desk->loop, &err), 0);
	assert_int_equal(answers_check(&desk->answers, &err), 0);
	assert_int_equal(answers_open(&desk->answers, desk->loop, &err), 0);
}

/* One descriptor for reading and writing, as the run holds it. */
static void open_fifo(struct desk *desk)
{
	char folder[] = "/tmp/penrig-answers-XXXXXX", path[64];
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK);
	assert_true(fd > 2);
	unlink(path);
	rmdir(folder);
	open_desk(desk, fd, fd);
}

static void say(struct desk *desk, const char *text)
{
	assert_int_equal(write(desk->in, text, strlen(text)), (ssize_t)strlen(text));
	assert_true(loop_turn(desk->loop, loop_now_ns(desk->loop)) >= 0);
}

static void close_desk(struct desk *desk)
{
	int fd = desk->answers.fd;

	answers_close(&desk->answers);
	loop_free(desk->loop);
	close(fd);
	if (desk->in != fd && desk->in >= 0)
		close(desk->in);
}

#define LONGEST "SN 0123456789012345678901234567890123456789012345678901234567890" /* of --dut: 63 bytes */

/* Who is asked to read something cannot just nod, nor the other way round. */
static void words_are_for_whom_they_are_asked(void **state)
{
	struct desk desk;

	(void)state;
	open_fifo(&desk);
	answers_ask(&desk.answers, 1, true);
	say(&desk, "answer 1 done\nanswer 1 is\n");
	assert_int_equal(desk.done, 0);
	assert_int_equal(desk.refused, 2);
	say(&desk, "answer 1 is " LONGEST "\n");
	assert_string_equal(desk.words, LONGEST);
	say(&desk, "answer 1 is SN 18\n"); /* it is not open any more */
	assert_string_equal(desk.words, LONGEST);
	assert_int_equal(desk.refused, 3);
	answers_ask(&desk.answers, 2, false);
	say(&desk, "answer 2 is SN 19\n");
	assert_int_equal(desk.refused, 4);
	assert_non_null(strstr(desk.why, "done"));
	say(&desk, "answer 2 done\n");
	assert_int_equal(desk.done, 1);
	answers_ask(&desk.answers, 3, true);
	say(&desk, "answer 3 give_up\n");
	assert_int_equal(desk.given_up, 1);
	assert_string_equal(desk.words, LONGEST);
	close_desk(&desk);
}

static void an_answer_meets_its_question(void **state)
{
	struct desk desk;

	(void)state;
	open_fifo(&desk);
	answers_ask(&desk.answers, 1, false);
	say(&desk, "answer 1 done\n");
	assert_int_equal(desk.done, 1);
	answers_ask(&desk.answers, 2, false);
	say(&desk, "answer 1 do"); /* in two pieces, and late */
	say(&desk, "ne\n");
	assert_int_equal(desk.done, 1);
	assert_int_equal(desk.refused, 1);
	assert_string_equal(desk.why, "this question is not open");
	say(&desk, "answer 2 give_up\nanswer 2 done\n");
	assert_int_equal(desk.given_up, 1);
	assert_int_equal(desk.done, 1);
	assert_int_equal(desk.refused, 2);
	close_desk(&desk);
}

static void a_stop_needs_no_question(void **state)
{
	struct desk desk;

	(void)state;
	open_fifo(&desk);
	say(&desk, "stop\nstop\n");
	assert_int_equal(desk.stops, 1); /* a second signal would skip saving */
	assert_int_equal(desk.refused, 0);
	close_desk(&desk);
}

static void anything_else_is_refused(void **state)
{
	static const char *const lines[] = {
		"done\n",
		"answer 1\n",
		"answer 1 Done\n",
		"answer 1 done \n",
		"answer 1x done\n",
		"answer -1 done\n",
		"answer  1 done\n",
		"answer 99999999999999999999999 done\n",
		"Stop\n",
		"stop \n",
		"\n",
		"answer 1 is a serial number longer than any that could be an answer, which goes on and on, and then "
		"on for "
		"a while still until nobody can believe that a label has room for it\n",
	};
	struct desk desk;

	(void)state;
	open_fifo(&desk);
	answers_ask(&desk.answers, 1, false);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		say(&desk, lines[i]);
		assert_int_equal(desk.refused, i + 1);
	}
	assert_int_equal(write(desk.in, "stop\0\n", 6), 6);
	assert_true(loop_turn(desk.loop, loop_now_ns(desk.loop)) >= 0);
	assert_string_equal(desk.why, "the line holds a null byte");
	assert_int_equal(desk.done + desk.given_up + desk.stops, 0);
	say(&desk, "answer 1 done\n");
	assert_int_equal(desk.done, 1);
	close_desk(&desk);
}

static void a_writer_that_goes_gives_up(void **state)
{
	struct desk desk;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	open_desk(&desk, fds[0], fds[1]);
	answers_ask(&desk.answers, 1, false);
	close(desk.in);
	desk.in = -1;
	assert_true(loop_turn(desk.loop, LOOP_NEVER) >= 0);
	assert_int_equal(desk.given_up, 1);
	answers_ask(&desk.answers, 2, false); /* nobody will ever answer */
	assert_int_equal(desk.given_up, 2);
	close_desk(&desk);
}

static void the_descriptor_is_checked(void **state)
{
	struct answers answers = {.fd = -1};
	struct err err = {""};
	int fds[2];

	(void)state;
	assert_int_equal(answers_check(&answers, &err), 0);
	assert_int_equal(pipe(fds), 0);
	answers.fd = fds[1];
	assert_int_equal(answers_check(&answers, &err), -EBADF);
	assert_non_null(strstr(err.text, "not open for reading"));
	answers.fd = fds[0];
	assert_int_equal(answers_check(&answers, &err), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(answers_check(&answers, &err), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_for_whom_they_are_asked), cmocka_unit_test(an_answer_meets_its_question),
		cmocka_unit_test(a_stop_needs_no_question),          cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(a_writer_that_goes_gives_up),       cmocka_unit_test(the_descriptor_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
