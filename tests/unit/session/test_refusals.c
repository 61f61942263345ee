/* What is refused before anything moves, and what is found at the start that ends a run. */
#include "rig/judge/verdict.h"
#include "tests/unit/session/tapped_bench.h"

#include "rig/session/lock.h"

static void overdue(struct bench *bench)
{
	strcpy(bench_device_of(bench, ROLE_LOAD_SENSOR)->calibration.due, "2026-01-01");
}

static void an_overdue_calibration_is_refused(void **state)
{
	(void)state;
	tapped.prepare = overdue;
	assert_refused(run_session(), REFUSED_BENCH, "due");
	assert_int_equal(tapped.sent[TAP_STOP], 0);
}

static void phantom_overdue(struct bench *bench)
{
	for (unsigned i = 0; i < bench->phantoms; i++)
		strcpy(bench->phantom[i].calibration.due, "2026-01-01");
}

static void an_overdue_phantom_is_refused(void **state)
{
	(void)state;
	tapped.prepare = phantom_overdue;
	assert_refused(run_session(), REFUSED_BENCH, "due");
}

static void calibrate(struct session_config *config)
{
	config->calibrating = true;
}

static void who_calibrates_a_phantom_may_find_it_overdue(void **state)
{
	(void)state;
	tapped.prepare = phantom_overdue;
	tapped.prepare_config = calibrate;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_int_equal(tapped.sent[TAP_RUN], 1);
}

static void another_calibration_than_the_benchs_is_refused(void **state)
{
	(void)state;
	tapped.calibration_id = "VB-LC-2001-B";
	assert_refused(run_session(), REFUSED_DEVICE, "declares calibration \"VB-LC-2001-B\"");
}

/* The bench says 2099-12-31. */
static void a_calibration_that_the_sensor_knows_to_end_earlier_is_refused(void **state)
{
	(void)state;
	tapped.calibration_due = "2020-05-01";
	const struct record *r = run_session();
	assert_refused(
		r, REFUSED_DEVICE,
		"the load sensor declares that its calibration was due on 2020-05-01, the bench says 2099-12-31");
	assert_int_equal(verdict_exit_code(r), 8);
}

static void the_same_due_date_is_taken(void **state)
{
	(void)state;
	tapped.calibration_due = "2099-12-31";
	assert_int_equal(run_session()->run_status, RUN_COMPLETE);
}

static void a_sensor_that_knows_of_no_due_date_is_taken(void **state)
{
	(void)state;
	tapped.calibration_due = "";
	assert_int_equal(run_session()->run_status, RUN_COMPLETE);
}

static void a_sensor_that_declares_no_calibration_is_taken(void **state)
{
	(void)state;
	tapped.calibration_id = "";
	assert_int_equal(run_session()->run_status, RUN_COMPLETE);
}

static void another_sensor_is_refused(void **state)
{
	(void)state;
	tapped.sensor_serial = "LC-9999";
	assert_refused(run_session(), REFUSED_DEVICE, "the load sensor says it is \"LC-9999\"");
}

static void any_sensor(struct bench *bench)
{
	bench_device_of(bench, ROLE_LOAD_SENSOR)->serial[0] = '\0';
}

static void a_bench_may_leave_the_sensor_open(void **state)
{
	(void)state;
	tapped.sensor_serial = "LC-9999";
	tapped.prepare = any_sensor;
	assert_int_equal(run_session()->run_status, RUN_COMPLETE);
}

static void another_pen_is_refused(void **state)
{
	(void)state;
	tapped.pen_serial = "PEN-BAD-01";
	assert_refused(run_session(), REFUSED_DUT, "the pen says it is \"PEN-BAD-01\"");
}

static void no_serials(struct bench *bench)
{
	bench->pen.carries_serial = false;
}

static void a_pen_without_a_serial_is_taken(void **state)
{
	(void)state;
	tapped.pen_serial = "";
	tapped.prepare = no_serials;
	assert_int_equal(run_session()->run_status, RUN_COMPLETE);
}

static void another_sample_rate_is_refused(void **state)
{
	(void)state;
	tapped.rate_factor = 1.0011;
	assert_refused(run_session(), REFUSED_DEVICE, "the sensor streams force at");
}

static void a_slower_one_too(void **state)
{
	(void)state;
	tapped.rate_factor = 0.9989;
	assert_refused(run_session(), REFUSED_DEVICE, "the sensor streams force at");
}

static void about_the_same_sample_rate_is_taken(void **state)
{
	(void)state;
	tapped.rate_factor = 1.0009;
	assert_int_equal(run_session()->run_status, RUN_COMPLETE);
}

static void wide_up(struct bench *bench)
{
	bench->sensor.force_range_hi_n = 1000;
}

static void wide_down(struct bench *bench)
{
	bench->sensor.force_range_lo_n = -1000;
}

static void a_range_wider_than_the_sensors_is_refused(void **state)
{
	(void)state;
	tapped.prepare = wide_up;
	assert_refused(run_session(), REFUSED_DEVICE, "is wider than the sensor's own");
}

static void a_range_wider_downwards_is_refused(void **state)
{
	(void)state;
	tapped.prepare = wide_down;
	assert_refused(run_session(), REFUSED_DEVICE, "is wider than the sensor's own");
}

static void unknown_pen_driver(struct bench *bench)
{
	strcpy(bench_device_of(bench, ROLE_PEN)->driver, "load-stream"); /* there is one, and it is no pen */
}

static void a_driver_must_serve_the_role(void **state)
{
	(void)state;
	tapped.prepare = unknown_pen_driver;
	assert_refused(run_session(), REFUSED_DEVICE, "there is no pen driver named \"load-stream\"");
}

static void nobody_there(struct bench *bench)
{
	strcpy(bench_device_of(bench, ROLE_PEN)->link, "usb:1209:7777:X");
}

static void a_pen_that_is_not_there_is_lost(void **state)
{
	(void)state;
	tapped.prepare = nobody_there;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_DEVICE_LOST);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	assert_true(r->stop_verified); /* never told to run */
}

static struct bench_lock *held;

static void lock_it(struct bench *bench)
{
	struct err err;
	assert_int_equal(bench_lock_take(bench->path, &held, &err), 0);
}

static void a_bench_in_use_is_refused(void **state)
{
	(void)state;
	tapped.prepare = lock_it;
	assert_refused(run_session(), REFUSED_BUSY, "");
	bench_lock_release(held);
}

static void press_from_the_start(struct bench *bench)
{
	bench->sensor.preload_hi_n = 0.2;
	bench->sensor.preload_lo_n = 0.15;
}

static void a_preload_outside_its_window_is_refused(void **state)
{
	(void)state;
	tapped.prepare = press_from_the_start;
	assert_refused(run_session(), REFUSED_DEVICE, "start interlock: seating force outside its window");
}

static void a_sensor_that_lies_at_the_start_is_inconclusive(void **state)
{
	(void)state;
	tapped.saturate = true;
	const struct record *r = run_session();
	assert_ended(r, RUN_COMPLETE, "start interlock: saturated");
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

static void a_deadman_that_cannot_be_armed_is_refused(void **state)
{
	(void)state;
	tapped.status[TAP_DEADMAN] = -EREMOTEIO;
	assert_refused(run_session(), REFUSED_DEVICE, "the pen's dead-man could not be armed");
	assert_int_equal(tapped.sent[TAP_HEARTBEAT], 0);
	assert_int_equal(tapped.sent[TAP_STREAM_START], 0);
}

/* That the pen has no such dead-man is said of a refusal alone: another answer says nothing of it. */
static void an_odd_answer_is_no_refusal_of_the_deadman(void **state)
{
	(void)state;
	tapped.status[TAP_DEADMAN] = -EPROTO;
	assert_null(strstr(run_session()->status_reason, "attended"));
}

static void a_refused_deadman_leaves_a_pen_that_runs_attended(void **state)
{
	(void)state;
	tapped.status[TAP_DEADMAN] = -ERANGE;
	assert_refused(run_session(), REFUSED_DEVICE, "; such a pen runs attended or behind a relay only");
}

static void a_pen_that_does_not_confirm_off_is_lost(void **state)
{
	(void)state;
	tapped.status[TAP_STOP] = -ETIMEDOUT;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the pen did not confirm that it is off");
	assert_int_equal(tapped.sent[TAP_DEADMAN], 0);
}

static void a_sensor_that_does_not_stream_is_lost(void **state)
{
	(void)state;
	tapped.status[TAP_STREAM_START] = -ETIMEDOUT;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the load sensor did not start streaming");
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

static const char two_phantoms[] = PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" PLAN_STEP
					     ", \"phantom\": [\"SIL-STD-01\", \"SIL-SOFT-01\"]}]}";

static void a_plan_that_needs_an_operator_is_refused_without_one(void **state)
{
	(void)state;
	tapped.plan = two_phantoms;
	tapped.no_prompt = true;
	assert_refused(run_session(), REFUSED_PLAN, "needs an operator");
}

static void give_up(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	session_note(tapped.session, "no more");
	session_answer(tapped.session, false);
}

static void gives_up_later(void)
{
	later(give_up, 700);
}

static void an_operator_may_give_up(void **state)
{
	(void)state;
	tapped.plan = two_phantoms;
	tapped.on_prompt = gives_up_later;
	const struct record *r = run_session();
	assert_ended(r, RUN_INTERRUPTED, "the operator gave up at the change of the phantom");
	assert_int_equal(tapped.prompts, 1);
	assert_int_equal(r->points, 1);
	assert_stopped(r);
}

static void go_on(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	session_answer(tapped.session, true);
}

static void goes_on_later(void)
{
	later(go_on, 700);
}

static void an_operator_may_go_on(void **state)
{
	(void)state;
	tapped.plan = two_phantoms;
	tapped.on_prompt = goes_on_later;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_int_equal(r->points, 2);
	assert_int_equal(tapped.sent[TAP_RUN], 2);
}

static bool ask_before_the_first(void *ctx, unsigned i, char *text, size_t size)
{
	(void)ctx;
	snprintf(text, size, "Set the stage.");
	return i == 0;
}

static void ask_for_the_stage(struct session_config *config)
{
	config->ask = ask_before_the_first;
}

static void the_stage_is_asked_for(void **state)
{
	(void)state;
	tapped.prepare_config = ask_for_the_stage;
	tapped.on_prompt = gives_up_later;
	const struct record *r = run_session();
	assert_ended(r, RUN_INTERRUPTED, "the operator gave up at the setting of the stage");
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

/* No answer is taken for granted: what follows waits for it, however slowly it comes. */
static void slow_no(enum tap tap, int status)
{
	tapped.slow_ms = 60;
	tapped.status[tap] = status;
}

static void a_slow_deadman_is_waited_for(void **state)
{
	(void)state;
	slow_no(TAP_DEADMAN, -EREMOTEIO);
	assert_refused(run_session(), REFUSED_DEVICE, "the pen's dead-man could not be armed");
	assert_int_equal(tapped.sent[TAP_STREAM_START], 0);
}

static void a_slow_first_stop_is_waited_for(void **state)
{
	(void)state;
	slow_no(TAP_STOP, -ETIMEDOUT);
	assert_ended(run_session(), RUN_DEVICE_LOST, "the pen did not confirm that it is off");
	assert_int_equal(tapped.sent[TAP_DEADMAN], 0);
}

static void a_slow_start_of_the_streams_is_waited_for(void **state)
{
	(void)state;
	slow_no(TAP_STREAM_START, -ETIMEDOUT);
	assert_ended(run_session(), RUN_DEVICE_LOST, "did not start streaming");
	assert_int_equal(tapped.sent[TAP_SET_RATE], 0);
}

/* Once it is open: it is no serial port, for which alone a bench may say so. */
static void slow_board(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	tapped.bench->device[0].line.wait_ns = tapped.bench->device[1].line.wait_ns = 4 * NS_PER_S;
}

static void slow_when_open(struct session_config *config)
{
	(void)config;
	later(slow_board, 100);
}

/* What the bench says that its line needs before the first byte is waited for as well. */
static void a_board_that_restarts_is_waited_for_as_the_bench_says(void **state)
{
	(void)state;
	tapped.pen_mute = true;
	tapped.prepare_config = slow_when_open;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the pen does not identify itself: no answer in 7 s");
	assert_true(r->ended_host_ns - r->started_host_ns >= 7 * NS_PER_S);
}

static void a_pen_that_says_nothing_is_waited_for(void **state)
{
	(void)state;
	tapped.pen_mute = true;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the pen does not identify itself: no answer in 3 s");
	assert_true(r->ended_host_ns - r->started_host_ns >= 3 * NS_PER_S);
	assert_int_equal(tapped.sent[TAP_STOP], 0);
}

static void a_pen_that_says_why_is_not(void **state)
{
	(void)state;
	tapped.pen_status = -EPROTO;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the pen does not identify itself: bent by the test");
	assert_true(r->ended_host_ns - r->started_host_ns < 3 * NS_PER_S);
}

static void a_pen_in_use_is_refused(void **state)
{
	(void)state;
	tapped.open_status = -EBUSY;
	assert_refused(run_session(), REFUSED_BUSY, "bent by the test");
}

static void a_pen_that_cannot_be_opened_is_lost(void **state)
{
	(void)state;
	tapped.open_status = -EIO;
	assert_int_equal(run_session()->run_status, RUN_DEVICE_LOST);
}

static void due_today(struct bench *bench)
{
	strcpy(bench_device_of(bench, ROLE_LOAD_SENSOR)->calibration.due, "2026-06-01");
}

static void a_calibration_holds_on_its_last_day(void **state)
{
	(void)state;
	tapped.prepare = due_today;
	assert_int_equal(run_session()->run_status, RUN_COMPLETE);
}

static void what_an_operator_says_stands_in_the_journal(void **state)
{
	(void)state;
	tapped.plan = two_phantoms;
	tapped.on_prompt = gives_up_later;
	run_session();
	assert_int_equal(rows_where("journal WHERE kind = 'prompt'"), 1);
	assert_int_equal(rows_where("journal WHERE kind = 'operator' AND json LIKE '%no more%'"), 1);
	assert_int_equal(rows_where("journal WHERE kind = 'operator' AND json LIKE '%gave up at%'"), 1);
}

static const char free_run[] =
	PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" PLAN_STEP ", \"free_run\": true}]}";

static void a_free_run_without_a_bar_to_see_is_refused(void **state)
{
	(void)state;
	tapped.plan = free_run;
	tapped.bar_untold = true;
	assert_refused(run_session(), REFUSED_DEVICE, "the plan asks for a free run");
}

static void with_one_the_operator_is_asked(void **state)
{
	(void)state;
	tapped.plan = free_run;
	tapped.on_prompt = gives_up_later;
	assert_ended(run_session(), RUN_INTERRUPTED, "the operator gave up at the change of the phantom");
	assert_int_equal(tapped.prompts, 1);
}

static void soon_too_late(struct session_config *config)
{
	config->start_by_ns = tapped.clock.now_ns + 15 * NS_PER_S;
}

/* The tare was in time; what came behind it was not. */
static void time_passes(enum tap tap)
{
	if (tap == TAP_SET_DEPTH)
		tapped.slow_ms = 20000;
}

static void a_pen_that_is_late_by_its_setpoints_is_not_started(void **state)
{
	(void)state;
	tapped.prepare_config = soon_too_late;
	tapped.on_order = time_passes;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_REFUSED);
	assert_int_equal(r->refusal, REFUSED_BUSY);
	assert_non_null(strstr(r->status_reason, "had to be started"));
	assert_int_equal(tapped.sent[TAP_SET_DEPTH], 1);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	assert_false(r->moved);
}

static void late_by_boot(struct session_config *config)
{
	config->start_by_boot_ns = 1;
}

static void a_sleep_of_the_computer_counts(void **state)
{
	(void)state;
	tapped.prepare_config = late_by_boot;
	assert_refused(run_session(), REFUSED_BUSY, "had to be started");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_overdue_calibration_is_refused),
		TEST(an_overdue_phantom_is_refused),
		TEST(who_calibrates_a_phantom_may_find_it_overdue),
		TEST(another_calibration_than_the_benchs_is_refused),
		TEST(a_calibration_that_the_sensor_knows_to_end_earlier_is_refused),
		TEST(the_same_due_date_is_taken),
		TEST(a_sensor_that_knows_of_no_due_date_is_taken),
		TEST(a_sensor_that_declares_no_calibration_is_taken),
		TEST(another_sensor_is_refused),
		TEST(a_bench_may_leave_the_sensor_open),
		TEST(another_pen_is_refused),
		TEST(a_pen_without_a_serial_is_taken),
		TEST(another_sample_rate_is_refused),
		TEST(a_slower_one_too),
		TEST(about_the_same_sample_rate_is_taken),
		TEST(a_range_wider_than_the_sensors_is_refused),
		TEST(a_range_wider_downwards_is_refused),
		TEST(a_driver_must_serve_the_role),
		TEST(a_pen_that_is_not_there_is_lost),
		TEST(a_bench_in_use_is_refused),
		TEST(a_preload_outside_its_window_is_refused),
		TEST(a_sensor_that_lies_at_the_start_is_inconclusive),
		TEST(a_deadman_that_cannot_be_armed_is_refused),
		TEST(an_odd_answer_is_no_refusal_of_the_deadman),
		TEST(a_refused_deadman_leaves_a_pen_that_runs_attended),
		TEST(a_pen_that_does_not_confirm_off_is_lost),
		TEST(a_sensor_that_does_not_stream_is_lost),
		TEST(a_plan_that_needs_an_operator_is_refused_without_one),
		TEST(an_operator_may_give_up),
		TEST(an_operator_may_go_on),
		TEST(the_stage_is_asked_for),
		TEST(a_slow_deadman_is_waited_for),
		TEST(a_slow_first_stop_is_waited_for),
		TEST(a_slow_start_of_the_streams_is_waited_for),
		TEST(a_pen_that_says_nothing_is_waited_for),
		TEST(a_board_that_restarts_is_waited_for_as_the_bench_says),
		TEST(a_pen_that_says_why_is_not),
		TEST(a_pen_in_use_is_refused),
		TEST(a_pen_that_cannot_be_opened_is_lost),
		TEST(a_calibration_holds_on_its_last_day),
		TEST(what_an_operator_says_stands_in_the_journal),
		TEST(a_free_run_without_a_bar_to_see_is_refused),
		TEST(with_one_the_operator_is_asked),
		TEST(a_pen_that_is_late_by_its_setpoints_is_not_started),
		TEST(a_sleep_of_the_computer_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
