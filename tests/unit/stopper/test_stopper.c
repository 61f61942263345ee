/* penrig's side of its stopper: a script stands in for it, and the time is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/stopper/stopper.h"

#define STANDSTILL_S 2

static struct loop *loop;
static struct stopper *stopper;
static unsigned lost;
static char why[ERR_TEXT_MAX], folder[40], program[64];

static void on_acted(void *ctx, const struct stop_note *note)
{
	(void)ctx;
	(void)note;
	fail();
}

static void on_lost(void *ctx, const struct err *err)
{
	(void)ctx;
	lost++;
	snprintf(why, sizeof(why), "%s", err->text);
}

/* As a stopper does, it has its socket as descriptor 3. */
static void start(const char *script, uint32_t standstill_s)
{
	struct stopper_config config = {
		.loop = loop,
		.program = program,
		.lock_fd = -1,
		.recipe = {.driver = "d", .link = "usb:1:1:P", .run = "R", .standstill_ms = standstill_s * 1000},
		.host = {.acted = on_acted, .lost = on_lost}};
	FILE *file = fopen(program, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	assert_int_equal(chmod(program, 0700), 0);
	snprintf(config.recipe.folder, sizeof(config.recipe.folder), "%s", folder);
	assert_int_equal(stopper_start(&config, &stopper, NULL), 0);
	while (!stopper_ready(stopper) && !lost)
		assert_int_equal(loop_turn(loop, LOOP_NEVER), 0);
}

static int set_up(void **state)
{
	(void)state;
	lost = 0;
	strcpy(folder, "/tmp/penrig-stopper-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(program, sizeof(program), "%s/stopper", folder);
	return loop_new(&loop_clock_monotonic, NULL, &loop, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	stopper_dismiss(stopper);
	loop_free(loop);
	unlink(program);
	return rmdir(folder);
}

/* Turns of 50 ms, from one moment to another. */
static void beat(double from_s, double to_s)
{
	for (double s = from_s; s < to_s - 1e-9; s += 0.05) {
		stopper_watch(stopper, (uint64_t)((1000 + s) * 1e9));
		stopper_beat(stopper, true, (uint64_t)((1000 + s) * 1e9));
	}
}

/* It is ready and then says nothing, whatever it hears. */
#define SLEEP "kill -STOP $$"
#define MUTE  "printf r >&3; " SLEEP

static void one_that_answers_nothing_stands_still(void **state)
{
	(void)state;
	start(MUTE, STANDSTILL_S);
	beat(0, STANDSTILL_S);
	assert_int_equal(lost, 0);
	beat(STANDSTILL_S, STANDSTILL_S + 0.2);
	assert_int_equal(lost, 1);
	assert_string_equal(
		why, "the stopper stands still: it has answered nothing for 2.0 s; end it (it holds the bench's lock)");
	beat(STANDSTILL_S + 0.2, 10);
	assert_int_equal(lost, 1); /* once */
}

static void a_long_standstill_is_waited_for_ten_seconds(void **state)
{
	(void)state;
	start(MUTE, 3600);
	beat(0, 9.9);
	assert_int_equal(lost, 0);
	beat(9.9, 10.2);
	assert_int_equal(lost, 1);
}

static void time_in_which_penrig_itself_did_not_run_is_no_silence(void **state)
{
	(void)state;
	start(MUTE, STANDSTILL_S);
	for (unsigned turn = 0; turn < 10; turn++)
		beat(10 * turn, 10 * turn + 0.1);
	assert_int_equal(lost, 0);
}

/* To the recipe and the first sign of life. */
static void an_answer_ends_the_silence(void **state)
{
	(void)state;
	start("printf r >&3; dd bs=4096 count=2 <&3 >/dev/null 2>&1; printf a >&3; " SLEEP, STANDSTILL_S);
	beat(0, 1.5);
	assert_int_equal(loop_turn(loop, LOOP_NEVER), 0); /* the recipe and a sign of life were read, and it says so */
	beat(1.5, 1.5 + STANDSTILL_S - 0.1);
	assert_int_equal(lost, 0);
	beat(1.5 + STANDSTILL_S - 0.1, 1.5 + STANDSTILL_S + 0.2);
	assert_int_equal(lost, 1);
}

static void let_go(const char *fifo)
{
	FILE *file = fopen(fifo, "w");
	assert_non_null(file);
	fputs("go\n", file);
	fclose(file);
}

/* A run that need not have one goes on meanwhile. */
static void one_that_goes_on_and_then_ends_is_lost_again(void **state)
{
	(void)state;
	char speak[160], end[160], script[400];
	snprintf(speak, sizeof(speak), "%s/speak", folder);
	snprintf(end, sizeof(end), "%s/end", folder);
	snprintf(script, sizeof(script), "printf r >&3; read word <%s; printf a >&3; read word <%s", speak, end);
	assert_int_equal(mkfifo(speak, 0600) | mkfifo(end, 0600), 0);
	start(script, STANDSTILL_S);
	beat(0, STANDSTILL_S + 0.2);
	assert_int_equal(lost, 1);
	let_go(speak);
	assert_int_equal(loop_turn(loop, LOOP_NEVER), 0); /* its sign of life */
	let_go(end);
	while (lost < 2)
		assert_int_equal(loop_turn(loop, LOOP_NEVER), 0);
	assert_non_null(strstr(why, "the stopper"));
	unlink(speak);
	unlink(end);
}

static void one_that_ends_is_lost_once(void **state)
{
	(void)state;
	start("dd bs=4096 count=1 <&3 >/dev/null 2>&1; printf r >&3",
	      STANDSTILL_S); /* not before it was told its recipe */
	while (!lost)
		assert_int_equal(loop_turn(loop, LOOP_NEVER), 0);
	assert_non_null(strstr(why, "the stopper has ended"));
	beat(0, 10);
	assert_int_equal(lost, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(one_that_answers_nothing_stands_still),
		TEST(a_long_standstill_is_waited_for_ten_seconds),
		TEST(time_in_which_penrig_itself_did_not_run_is_no_silence),
		TEST(an_answer_ends_the_silence),
		TEST(one_that_goes_on_and_then_ends_is_lost_again),
		TEST(one_that_ends_is_lost_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
