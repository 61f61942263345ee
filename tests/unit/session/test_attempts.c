/* What becomes of attempts at a point: tried again or not, the last look before a start, faults, conditions. */
#include "tests/unit/session/tapped_bench.h"

static const char two_attempts[] =
	PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" PLAN_STEP ", \"attempts\": 2}]}";
static const char fails_twice[] =
	PLAN_HEAD "\"limits\": [{\"measurand\": \"stroke_rate_error_pct\", \"unit\": \"%\", \"lower\": 20}], "
		  "\"steps\": [{" PLAN_STEP ", \"attempts\": 2}]}";

static void a_failed_point_is_not_tried_away(void **state)
{
	(void)state;
	tapped.plan = fails_twice;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_int_equal(r->dut_verdict, OUTCOME_FAIL);
	assert_int_equal(r->points, 1);
	assert_int_equal(tapped.sent[TAP_RUN], 1);
	assert_stopped(r);
}

static void sensor_says(uint32_t condition, const char *text)
{
	tapped.sensor_host.event(tapped.sensor_host.ctx, condition, text);
}

static void hot_and_cool_again(enum session_stage stage)
{
	if (stage == STAGE_MEASURING && tapped.sent[TAP_RUN] == 1) {
		sensor_says(SENSOR_HOT, "the sensor is hot");
		sensor_says(0, "it is not");
	}
}

static void an_inconclusive_point_is_tried_again(void **state)
{
	(void)state;
	tapped.plan = two_attempts;
	tapped.on_stage = hot_and_cool_again;
	const struct record *r = run_session();
	assert_int_equal(r->points, 2);
	assert_string_equal(point(r, 0)->fault, "the sensor is hot");
	assert_int_equal(point(r, 0)->outcome, OUTCOME_INCONCLUSIVE);
	assert_int_equal(point(r, 0)->attempt, 1);
	assert_false(point(r, 0)->counts);
	assert_int_equal(point(r, 1)->attempt, 2);
	assert_true(point(r, 1)->counts);
	assert_string_equal(point(r, 1)->fault, "");
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_stopped(r);
}

static const char one_retry[] = PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" PLAN_STEP ", \"retry\": 1}]}";
static uint32_t said, said_then; /* by the sensor, and once more */
static bool pen_too;

static void say_it_once(enum session_stage stage)
{
	if (stage != STAGE_MEASURING || tapped.sent[TAP_RUN] != 1)
		return;
	sensor_says(said, "the sensor is unwell");
	if (said_then)
		sensor_says(said_then, "and more so");
	if (pen_too)
		tapped.pen_host.event(tapped.pen_host.ctx, PEN_TIMER_OFF, "the timer is not armed");
	sensor_says(0, "no more");
}

/* What a device says of itself has a try of its own; an overload has not: strokes that are too hard make one. */
static void only_what_no_pen_does_is_retried(void **state)
{
	static const struct {
		uint32_t said, then;
		bool pen_too;
		const char *cause;
	} trials[] = {
		{SENSOR_HOT, 0, false, "device"}, {SENSOR_FAULTY, 0, true, "device"},
		{0, 0, true, "device"},           {SENSOR_OVERLOADED, 0, false, ""},
		{SENSOR_OVERLOADED, 0, true, ""}, {SENSOR_HOT, SENSOR_HOT | SENSOR_OVERLOADED, false, ""},
	};
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		clean_up(state);
		set_up(state);
		said = trials[i].said;
		said_then = trials[i].then;
		pen_too = trials[i].pen_too;
		tapped.plan = one_retry;
		tapped.on_stage = say_it_once;
		const struct record *r = run_session();
		assert_string_equal(point(r, 0)->rig_cause, trials[i].cause);
		assert_int_equal(r->points, trials[i].cause[0] ? 2 : 1);
		assert_int_equal(r->dut_verdict, trials[i].cause[0] ? OUTCOME_PASS : OUTCOME_INCONCLUSIVE);
	}
}

static void hot_for_ever(enum session_stage stage)
{
	if (stage == STAGE_MEASURING && tapped.sent[TAP_RUN] == 1) {
		sensor_says(SENSOR_HOT, "the sensor is hot");
		sensor_says(SENSOR_HOT, "it still is"); /* no news */
	}
}

static void what_a_sensor_says_holds_until_it_takes_it_back(void **state)
{
	(void)state;
	tapped.plan = two_attempts;
	tapped.on_stage = hot_for_ever;
	const struct record *r = run_session();
	assert_int_equal(r->points, 2); /* and not a third time */
	assert_string_equal(point(r, 1)->fault, "the sensor is hot");
	assert_int_equal(tapped.sent[TAP_RUN], 1); /* the second is not even begun */
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_false(needles_move());
}

static void the_last_look_before_a_start(void **state)
{
	(void)state;
	tapped.on_order = saturate_when_the_depth_is_set;
	const struct record *r = run_session();
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	assert_string_equal(point(r, 0)->fault, "start interlock: saturated");
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_false(r->moved);
}

static void press_when_the_depth_is_set(enum tap tap)
{
	if (tap == TAP_SET_DEPTH)
		tapped.press = true;
}

static void what_presses_at_the_last_look_may_settle(void **state)
{
	(void)state;
	tapped.on_order = press_when_the_depth_is_set;
	const struct record *r = run_session();
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	assert_string_equal(point(r, 0)->fault, "start interlock: seating force outside its window");
	assert_true(r->ended_host_ns - r->started_host_ns > 2 * NS_PER_S);
}

static void saturate_when_a_point_begins(enum session_stage stage)
{
	tapped.saturate = tapped.saturate || (stage == STAGE_STOPPING && tapped.sent[TAP_RUN] == 1);
	tapped.saturate = tapped.saturate && stage != STAGE_TARE;
}

static const char two_depths[] = PLAN_HEAD
	"\"limits\": [" EASY_LIMIT "], \"steps\": [{\"name\": \"one\", \"depth_mm\": [0.5, 1.0], \"rate_hz\": 120, "
	"\"tare_s\": 0.25, \"settle_s\": 0.3, \"measure_s\": 0.6}]}";

static void a_pen_that_cannot_be_shown_to_stand_ends_the_run(void **state)
{
	(void)state;
	tapped.plan = two_depths;
	tapped.on_stage = saturate_when_a_point_begins;
	const struct record *r = run_session();
	assert_int_equal(r->points, 1);
	assert_int_equal(tapped.sent[TAP_RUN], 1);
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_unverified(r, "saturated");
	assert_false(needles_move());
}

static void assert_fault(enum tap tap, int status, const char *fault)
{
	tapped.status[tap] = status;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_string_equal(point(r, 0)->fault, fault);
	assert_int_equal(rows_where("journal WHERE kind = 'event' AND json LIKE '%bent by the test%'"), 1);
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_false(needles_move());
}

static void a_rate_that_is_not_taken_is_a_fault(void **state)
{
	(void)state;
	assert_fault(TAP_SET_RATE, -ERANGE, "setting the rate: bent by the test");
	assert_int_equal(tapped.sent[TAP_SET_DEPTH], 0);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

static void a_depth_that_is_not_taken_is_a_fault(void **state)
{
	(void)state;
	assert_fault(TAP_SET_DEPTH, -EREMOTEIO, "setting the depth: bent by the test");
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

static void a_start_that_is_not_confirmed_is_a_fault(void **state)
{
	(void)state;
	assert_fault(TAP_RUN, -ETIMEDOUT, "starting the pen: bent by the test");
	assert_true(tapped.record->moved && tapped.record->stop_verified);
	assert_int_equal(tapped.stages[STAGE_MEASURING], 0);
}

static void pen_reboots(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	tapped.pen_host.event(tapped.pen_host.ctx, PEN_REBOOTED, "the pen lost its settings");
}

static void reboot_while_measuring(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		later(pen_reboots, 100);
}

static void a_condition_of_the_pen_fails_it(void **state)
{
	(void)state;
	tapped.on_stage = reboot_while_measuring;
	const struct record *r = run_session();
	assert_ended(r, RUN_COMPLETE, "the pen lost its settings");
	assert_int_equal(r->conditions, 1);
	assert_int_equal(r->condition[0].condition, PEN_REBOOTED);
	assert_int_equal(r->dut_verdict, OUTCOME_FAIL);
	assert_stopped(r);
}

static void pen_says_something(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		tapped.pen_host.event(tapped.pen_host.ctx, 0, "a line that makes no sense");
}

static void what_else_a_pen_says_does_not(void **state)
{
	(void)state;
	tapped.on_stage = pen_says_something;
	assert_int_equal(run_session()->dut_verdict, OUTCOME_PASS);
	assert_int_equal(tapped.record->conditions, 0);
}

static void reboot_while_saving(enum session_stage stage)
{
	if (stage == STAGE_SAVING)
		later(pen_reboots, 1);
}

static void a_condition_at_the_end_counts(void **state)
{
	(void)state;
	tapped.on_stage = reboot_while_saving;
	const struct record *r = run_session();
	assert_int_equal(r->conditions, 1);
	assert_int_equal(r->dut_verdict, OUTCOME_FAIL);
}

static void reboot_twice(void *ctx, uint64_t now_ns)
{
	pen_reboots(ctx, now_ns);
	pen_reboots(ctx, now_ns);
}

static void reboot_twice_while_measuring(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		later(reboot_twice, 100);
}

static void a_condition_is_told_once(void **state)
{
	(void)state;
	tapped.on_stage = reboot_twice_while_measuring;
	assert_int_equal(run_session()->conditions, 1);
}

static unsigned strokes;

static void on_stroke(void *ctx, unsigned attempt, const struct stroke *stroke)
{
	(void)ctx;
	(void)stroke;
	assert_int_equal(attempt, 0);
	strokes++;
}

static void listen_to_strokes(struct session_config *config)
{
	config->stroke = on_stroke;
}

static void every_stroke_is_handed_on(void **state)
{
	(void)state;
	strokes = 0;
	tapped.prepare_config = listen_to_strokes;
	run_session();
	assert_in_range(strokes, 95, 130); /* 120 Hz for 0.9 s, less what spins up */
}

static void slow_answers_are_waited_for(void **state)
{
	(void)state;
	tapped.slow_ms = 60;
	assert_fault(TAP_SET_RATE, -ERANGE, "setting the rate: bent by the test");
	assert_int_equal(tapped.sent[TAP_SET_DEPTH], 0);
}

static void a_slow_depth_is_waited_for(void **state)
{
	(void)state;
	tapped.slow_ms = 60;
	assert_fault(TAP_SET_DEPTH, -EREMOTEIO, "setting the depth: bent by the test");
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

static void a_slow_start_is_waited_for(void **state)
{
	(void)state;
	tapped.slow_ms = 400; /* longer than it settles */
	assert_fault(TAP_RUN, -ETIMEDOUT, "starting the pen: bent by the test");
	assert_int_equal(tapped.stages[STAGE_MEASURING], 0);
}

static unsigned told_at[2];

static void note_the_point(enum session_stage stage)
{
	if (stage == STAGE_MEASURING)
		told_at[tapped.sent[TAP_RUN] - 1] = tapped.point;
}

static void progress_names_the_point(void **state)
{
	(void)state;
	tapped.plan = two_depths;
	tapped.on_stage = note_the_point;
	run_session();
	assert_int_equal(told_at[0], 0);
	assert_int_equal(told_at[1], 1);
	assert_int_equal(tapped.point, 1); /* and stays at the last one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failed_point_is_not_tried_away),
		TEST(an_inconclusive_point_is_tried_again),
		TEST(only_what_no_pen_does_is_retried),
		TEST(what_a_sensor_says_holds_until_it_takes_it_back),
		TEST(the_last_look_before_a_start),
		TEST(what_presses_at_the_last_look_may_settle),
		TEST(a_pen_that_cannot_be_shown_to_stand_ends_the_run),
		TEST(a_rate_that_is_not_taken_is_a_fault),
		TEST(a_depth_that_is_not_taken_is_a_fault),
		TEST(a_start_that_is_not_confirmed_is_a_fault),
		TEST(a_condition_of_the_pen_fails_it),
		TEST(what_else_a_pen_says_does_not),
		TEST(a_condition_at_the_end_counts),
		TEST(a_condition_is_told_once),
		TEST(every_stroke_is_handed_on),
		TEST(slow_answers_are_waited_for),
		TEST(a_slow_depth_is_waited_for),
		TEST(a_slow_start_is_waited_for),
		TEST(progress_names_the_point),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
