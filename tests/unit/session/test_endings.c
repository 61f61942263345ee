/* How a run ends: complete, interrupted, a device lost, storage failed, an internal error; and that the needles stand
 * whatever happened. Every test holds what the session says against what the virtual bench knows. */
#include "tests/unit/session/tapped_bench.h"

#include <sys/resource.h>

static void a_good_pen_passes(void **state)
{
	(void)state;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_string_equal(r->status_reason, "");
	assert_true(r->has_verdict);
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_stopped(r);
	assert_int_equal(r->points, 1);
	assert_int_equal(tapped.sent[TAP_RUN], 1);
	assert_int_equal(tapped.finishes, 1);
	assert_int_equal(tapped.sent[TAP_STREAM_STOP], 1);
	assert_true(point(r, 0)->stop_latency_ms >= 0 && point(r, 0)->stop_latency_ms < 10);
	assert_true(point(r, 0)->measured && point(r, 0)->collected && point(r, 0)->counts);
	assert_memory_equal(r->started_utc, "2026-06-01T", 11);
	assert_true(r->host[0]);
	for (unsigned i = 0; i < r->devices; i++)
		assert_true(r->device[i].counters.link.bytes_in > 0);
	for (enum session_stage stage = STAGE_INTERLOCK; stage <= STAGE_DONE; stage++)
		assert_int_equal(tapped.stages[stage] > 0, stage != STAGE_TESTS && stage != STAGE_PROMPT);
}

static void interrupt(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	session_interrupt(tapped.session, SIGINT);
}

static void interrupt_twice(void *ctx, uint64_t now_ns)
{
	interrupt(ctx, now_ns);
	interrupt(ctx, now_ns);
}

static void interrupt_while_measuring(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		later(interrupt, 100);
}

static void interrupt_twice_while_measuring(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		later(interrupt_twice, 100);
}

static void interrupted_once_it_saves(void **state)
{
	(void)state;
	tapped.on_stage = interrupt_while_measuring;
	const struct record *r = run_session();
	assert_ended(r, RUN_INTERRUPTED, "interrupted: Interrupt");
	assert_int_equal(r->signal_number, SIGINT);
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_int_equal(tapped.finishes, 1);
	assert_false(point(r, 0)->measured);
	assert_string_equal(point(r, 0)->fault, "interrupted: Interrupt");
	assert_stopped(r);
}

static void interrupted_twice_it_stops_but_does_not_save(void **state)
{
	(void)state;
	tapped.on_stage = interrupt_twice_while_measuring;
	const struct record *r = run_session();
	assert_ended(r, RUN_INTERRUPTED, "interrupted: Interrupt");
	assert_int_equal(tapped.finishes, 0);
	assert_stopped(r);
}

static void interrupt_twice_while_saving(enum session_stage stage)
{
	if (stage == STAGE_SAVING)
		later(interrupt_twice, 1);
}

static void a_complete_run_that_was_not_saved_is_none(void **state)
{
	(void)state;
	tapped.on_stage = interrupt_twice_while_saving;
	const struct record *r = run_session();
	assert_ended(r, RUN_INTERRUPTED, "interrupted twice: the reports were not saved");
	assert_int_not_equal(r->dut_verdict, OUTCOME_PASS);
	assert_int_equal(tapped.finishes, 0);
	assert_stopped(r);
}

static void interrupt_while_saving(enum session_stage stage)
{
	if (stage == STAGE_SAVING)
		later(interrupt, 1);
}

static void a_complete_run_interrupted_once_is_saved(void **state)
{
	(void)state;
	tapped.on_stage = interrupt_while_saving;
	const struct record *r = run_session();
	assert_ended(r, RUN_COMPLETE, "");
	assert_int_equal(tapped.finishes, 1);
	assert_stopped(r);
}

static void lose_pen(void *ctx, uint64_t now_ns)
{
	const struct err err = {"unplugged"};
	(void)ctx;
	(void)now_ns;
	tapped.pen_host.lost(tapped.pen_host.ctx, -ENODEV, &err);
}

static void lose_pen_while_measuring(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		later(lose_pen, 100);
}

/* Only the session takes it for lost: its dead-man stops it, as no heartbeat comes. */
static void a_pen_that_is_lost_stops_by_its_deadman(void **state)
{
	(void)state;
	tapped.on_stage = lose_pen_while_measuring;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the pen is lost: unplugged");
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_true(r->stop_verified);
	assert_string_equal(r->stop_text,
			    "stopped: no stroke for 0.30 s with a live load signal, though the pen itself is gone");
	assert_int_equal(tapped.finishes, 1);
	assert_false(needles_move());
}

static void lose_sensor(void *ctx, uint64_t now_ns)
{
	const struct err err = {"unplugged"};
	(void)ctx;
	(void)now_ns;
	tapped.sensor_host.lost(tapped.sensor_host.ctx, -ENODEV, &err);
}

static void lose_sensor_while_measuring(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		later(lose_sensor, 100);
}

static void without_its_sensor_a_stop_is_unverified(void **state)
{
	(void)state;
	tapped.on_stage = lose_sensor_while_measuring;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the load sensor is lost: unplugged");
	assert_unverified(r, "the load sensor is gone; the pen says that its motor is off");
	assert_int_equal(tapped.sent[TAP_STREAM_STOP], 0);
	assert_false(needles_move());
}

static void drop_blocks_while_measuring(enum session_stage stage)
{
	tapped.drop_blocks = tapped.drop_blocks || stage == STAGE_MEASURING;
}

static void a_silent_sensor_ends_the_run(void **state)
{
	(void)state;
	tapped.on_stage = drop_blocks_while_measuring;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the load sensor is silent: no sample for 300 ms");
	assert_unverified(r, "the load sensor is gone");
	assert_int_equal(tapped.sent[TAP_STREAM_STOP], 0); /* it would not hear */
	assert_false(needles_move());
}

static void no_sense_while_measuring(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		tapped.status[TAP_HEARTBEAT] = -EPROTO;
}

static void a_senseless_pen_ends_the_run(void **state)
{
	(void)state;
	tapped.on_stage = no_sense_while_measuring;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "has not answered its heartbeat with sense");
	assert_non_null(strstr(r->stop_text, "though the pen itself makes no sense"));
	assert_stopped(r);
}

static void lose_pen_while_saving(enum session_stage stage)
{
	if (stage == STAGE_SAVING)
		later(lose_pen, 1);
}

static void a_device_lost_at_the_end_is_no_complete_run(void **state)
{
	(void)state;
	tapped.on_stage = lose_pen_while_saving;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the pen is lost: unplugged");
	assert_int_not_equal(r->dut_verdict, OUTCOME_PASS);
	assert_int_equal(tapped.finishes, 1);
}

static void interrupt_and_lose(void *ctx, uint64_t now_ns)
{
	interrupt(ctx, now_ns);
	later(lose_pen, 50);
}

static void interrupt_and_lose_while_measuring(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		later(interrupt_and_lose, 100);
}

static void the_first_reason_to_end_stays(void **state)
{
	(void)state;
	tapped.on_stage = interrupt_and_lose_while_measuring;
	assert_ended(run_session(), RUN_INTERRUPTED, "interrupted: Interrupt");
}

static void no_more_room(enum session_stage stage)
{
	const struct rlimit limit = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
	if (stage == STAGE_MEASURING)
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void storage_that_fails_ends_the_run(void **state)
{
	(void)state;
	const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	signal(SIGXFSZ, SIG_IGN);
	tapped.on_stage = no_more_room;
	const struct record *r = run_session();
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_equal(r->run_status, RUN_STORAGE_FAILED);
	assert_stopped(r);
}

static void a_report_that_fails_is_storage_that_failed(void **state)
{
	(void)state;
	tapped.finish_status = -ENOSPC;
	const struct record *r = run_session();
	assert_ended(r, RUN_STORAGE_FAILED, "the report could not be written");
	assert_int_equal(tapped.finishes, 2); /* once more, so that the run file does not say that all was saved */
	assert_stopped(r);
}

static void a_loop_that_fails_once_is_an_internal_error(void **state)
{
	(void)state;
	tapped.wait_fails_at_s = 1.5;
	tapped.wait_fails = 1;
	const struct record *r = run_session();
	assert_ended(r, RUN_INTERNAL_ERROR, "the event loop failed: Cannot allocate memory");
	assert_int_equal(tapped.finishes, 1);
	assert_stopped(r);
}

static void fail_once_while_saving(enum session_stage stage)
{
	tapped.wait_fails = stage == STAGE_SAVING;
}

static void a_loop_that_fails_at_the_end_is_no_complete_run(void **state)
{
	(void)state;
	tapped.on_stage = fail_once_while_saving;
	const struct record *r = run_session();
	assert_int_equal(r->points, 1);
	assert_true(point(r, 0)->measured);
	assert_ended(r, RUN_INTERNAL_ERROR, "the event loop failed: Cannot allocate memory");
	assert_int_not_equal(r->dut_verdict, OUTCOME_PASS);
	assert_stopped(r);
}

static void a_loop_that_fails_for_ever_leaves_the_stop_unverified(void **state)
{
	(void)state;
	tapped.wait_fails_at_s = 1.5;
	tapped.wait_fails = UINT32_MAX;
	const struct record *r = run_session();
	assert_ended(r, RUN_INTERNAL_ERROR, "the event loop failed");
	assert_unverified(r, "nothing shows that it did");
	assert_true(tapped.sent[TAP_STOP] >= 2);
	assert_int_equal(tapped.finishes, 1);
}

static void two_failures_of_the_loop_leave_time_to_stop(void **state)
{
	(void)state;
	tapped.wait_fails_at_s = 1.5;
	tapped.wait_fails = 2;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_INTERNAL_ERROR);
	assert_stopped(r);
}

static void a_third_one_does_not(void **state)
{
	(void)state;
	tapped.wait_fails_at_s = 1.5;
	tapped.wait_fails = 3;
	assert_unverified(run_session(), "nothing shows that it did");
}

static void progress_is_told_four_times_a_second(void **state)
{
	(void)state;
	const struct record *r = run_session();
	double seconds = (double)(r->ended_host_ns - r->started_host_ns) * 1e-9;
	assert_true(seconds > 3.4 && seconds < 4.9);              /* a point that rests for 0.2 s, no longer */
	assert_in_range(tapped.pace, 3, (unsigned)(4 * seconds)); /* every stage is told besides */
}

static void slow_answers_change_nothing(void **state)
{
	(void)state;
	tapped.slow_ms = 60;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_stopped(r);
}

static unsigned fed;

static void count_heartbeats(enum tap tap)
{
	if (tap == TAP_STREAM_STOP)
		fed = tapped.sent[TAP_HEARTBEAT];
}

static void a_pen_that_stands_is_fed_no_more(void **state)
{
	(void)state;
	tapped.slow_ms = 250;
	tapped.on_order = count_heartbeats;
	run_session();
	assert_int_equal(tapped.sent[TAP_STREAM_STOP], 1);
	assert_int_equal(tapped.sent[TAP_HEARTBEAT], fed);
}

static void the_last_stop_of_a_complete_run_takes_longer(void **state)
{
	(void)state;
	const struct record *r = run_session();
	assert_string_equal(r->stop_text, "stopped: no stroke for 2.20 s with a live load signal");
	assert_int_equal(rows_where("journal WHERE kind = 'stop' AND json LIKE '%no stroke for 0.30 s%'"), 1);
	assert_stopped(r);
}

static void one_that_is_not_complete_does_not(void **state)
{
	(void)state;
	tapped.bar_untold = true;
	tapped.on_stage = interrupt_while_measuring;
	const struct record *r = run_session();
	assert_string_equal(r->stop_text, "stopped: no stroke for 0.30 s with a live load signal");
	assert_stopped(r);
}

static void what_happened_stands_in_the_run_file(void **state)
{
	(void)state;
	run_session();
	assert_int_equal(rows_where("journal WHERE kind = 'start'"), 1);
	assert_int_equal(rows_where("journal WHERE kind = 'device'"), 2);
	assert_int_equal(rows_where("journal WHERE kind = 'command' AND json LIKE '%setpoint%'"), 1);
	assert_int_equal(rows_where("journal WHERE kind = 'command' AND json LIKE '%\"run\"%'"), 1);
	assert_int_equal(rows_where("journal WHERE kind = 'phase'"), 5);
	assert_int_equal(rows_where("journal WHERE kind = 'stop'"), 2);
	assert_int_equal(rows_where("journal WHERE kind = 'end'"), 1);
	assert_true(rows_where("block") > 0);
	assert_true(rows_where("item WHERE kind = 'strokes'") > 0);
	assert_true(rows_where("item WHERE kind = 'telemetry'") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_pen_passes),
		TEST(interrupted_once_it_saves),
		TEST(interrupted_twice_it_stops_but_does_not_save),
		TEST(a_complete_run_that_was_not_saved_is_none),
		TEST(a_complete_run_interrupted_once_is_saved),
		TEST(a_pen_that_is_lost_stops_by_its_deadman),
		TEST(without_its_sensor_a_stop_is_unverified),
		TEST(a_silent_sensor_ends_the_run),
		TEST(a_senseless_pen_ends_the_run),
		TEST(a_device_lost_at_the_end_is_no_complete_run),
		TEST(the_first_reason_to_end_stays),
		TEST(storage_that_fails_ends_the_run),
		TEST(a_report_that_fails_is_storage_that_failed),
		TEST(a_loop_that_fails_once_is_an_internal_error),
		TEST(a_loop_that_fails_at_the_end_is_no_complete_run),
		TEST(a_loop_that_fails_for_ever_leaves_the_stop_unverified),
		TEST(two_failures_of_the_loop_leave_time_to_stop),
		TEST(a_third_one_does_not),
		TEST(progress_is_told_four_times_a_second),
		TEST(slow_answers_change_nothing),
		TEST(a_pen_that_stands_is_fed_no_more),
		TEST(the_last_stop_of_a_complete_run_takes_longer),
		TEST(one_that_is_not_complete_does_not),
		TEST(what_happened_stands_in_the_run_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
