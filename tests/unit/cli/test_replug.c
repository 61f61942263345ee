/* Waiting for a device that was lost, on a clock that jumps, with lists that the test makes: who must be there, who is listed
 * nowhere, and what ends the wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fixtures/virtual/inproc.h"
#include "rig/cli/replug.h"

#define BEGAN_NS (1000 * NS_PER_S)

static const struct link_identity supply = {
	.uri = "serial:1209:0008:DP8V00000001", .vid = 0x1209, .pid = 0x0008, .serial = "DP8V00000001"};
static const struct link_identity stage = {
	.uri = "serial:1209:0009:GRBL-1", .vid = 0x1209, .pid = 0x0009, .serial = "GRBL-1"};

static struct {
	struct loop *loop;
	struct bench *bench;
	double supply_at_s, stage_at_s; /* when it is plugged in again */
	unsigned asked;
	double signal_at_s; /* 0: none */
} t;

static double waited_s(void)
{
	return (double)(loop_now_ns(t.loop) - BEGAN_NS) * 1e-9;
}

static int list_serial(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err)
{
	(void)err;
	t.asked++;
	if (t.signal_at_s > 0 && waited_s() >= t.signal_at_s)
		kill(getpid(), SIGTERM);
	if (waited_s() >= t.supply_at_s)
		each(ctx, &supply);
	if (waited_s() >= t.stage_at_s)
		each(ctx, &stage);
	return 0;
}

static const struct link_ops serial = {.name = "serial", .scheme = "serial", .list = list_serial};
static const struct link_ops tcp = {.name = "tcp", .scheme = "tcp", .unlisted = true};
static const struct link_ops *const links[] = {&serial, &tcp, NULL};

static int set_up(void **state)
{
	static struct virtual_clock clock;
	struct err err;

	(void)state;
	memset(&t, 0, sizeof(t));
	clock = (struct virtual_clock){.now_ns = BEGAN_NS};
	if (bench_read("fixtures/benches/bought-1.json", &t.bench, &err) ||
	    loop_new(&virtual_clock_ops, &clock, &t.loop, &err) || signals_block(&err))
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < t.bench->devices; i++) /* its DAQ is one on the network */
		if (strncmp(t.bench->device[i].link, "usb:", 4) == 0)
			strcpy(t.bench->device[i].link, "tcp:192.0.2.7");
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	loop_free(t.loop);
	bench_free(t.bench);
	return 0;
}

static enum replug waits(double from_s, double until_s)
{
	const struct replug_wait wait = {.loop = t.loop,
					 .links = links,
					 .bench = t.bench,
					 .dut = "SN-1",
					 .from_ns = BEGAN_NS + (uint64_t)(from_s * 1e9),
					 .until_ns = BEGAN_NS + (uint64_t)(until_s * 1e9)};
	struct replug_came came = {.how = REPLUG_BACK};
	struct err err;

	if (replug_wait(&wait, &came, &err))
		fail_msg("%s", err.text);
	assert_int_equal(came.signal, came.how == REPLUG_INTERRUPTED ? SIGTERM : 0);
	return came.how;
}

/* Nothing lists the DAQ on the network: the others decide. */
static void test_what_no_link_lists_is_there(void **state)
{
	(void)state;
	t.supply_at_s = 4.2;
	assert_int_equal(waits(0, 30), REPLUG_BACK);
	assert_true(waited_s() >= 4.2 && waited_s() <= 4.7);
	assert_int_equal(t.asked > 8, 1);
}

static void test_the_stage_is_waited_for(void **state)
{
	(void)state;
	t.stage_at_s = 9;
	assert_int_equal(waits(0, 30), REPLUG_BACK);
	assert_true(waited_s() >= 9 && waited_s() <= 9.5);
	t.bench->pen.dial.present = false;
	t.stage_at_s = 1e6;
	assert_int_equal(waits(0, 30), REPLUG_BACK);
}

static void test_too_late(void **state)
{
	(void)state;
	t.stage_at_s = 31;
	assert_int_equal(waits(0, 30), REPLUG_LATE);
	assert_true(waited_s() >= 30 && waited_s() <= 30.5);
}

/* Not before its time, and once more when all of it is over. */
static void test_from(void **state)
{
	(void)state;
	assert_int_equal(waits(7, 30), REPLUG_BACK);
	assert_true(waited_s() >= 7 && waited_s() <= 7.5);
	assert_int_equal(waits(30, 30), REPLUG_BACK);
	assert_true(waited_s() >= 30 && waited_s() <= 30.5);
}

static void test_a_signal_ends_it_at_once(void **state)
{
	(void)state;
	t.stage_at_s = 1e6;
	t.signal_at_s = 3;
	assert_int_equal(waits(0, 3600), REPLUG_INTERRUPTED);
	assert_true(waited_s() <= 4);
}

static void test_who_is_tried(void **state)
{
	(void)state;
	assert_true(replug_is_tried(links, t.bench));
	for (unsigned i = 0; i < t.bench->devices; i++)
		snprintf(t.bench->device[i].link, sizeof(t.bench->device[i].link), "%s", supply.uri);
	assert_false(replug_is_tried(links, t.bench));
	strcpy(t.bench->pen.dial.link, "tcp:192.0.2.9");
	assert_true(replug_is_tried(links, t.bench));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, clean_up)
	const struct CMUnitTest tests[] = {
		T(test_what_no_link_lists_is_there),
		T(test_the_stage_is_waited_for),
		T(test_too_late),
		T(test_from),
		T(test_a_signal_ends_it_at_once),
		T(test_who_is_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
