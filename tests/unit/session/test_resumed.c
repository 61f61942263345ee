/* A session that goes on with an earlier one: nothing on the bench may be another than it was, and it takes the earlier run
 * only when nothing else stands in the way. */
#include "rig/record/sessions.h"
#include "rig/session/state.h"
#include "tests/unit/session/tapped_bench.h"

static struct record *before;
static struct session_resume resume;
static unsigned claims;
static int claim_status;

static const char two_points[] =
	PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" PLAN_STEP ", \"repeats\": 2}]}";

static int claim(void *ctx, struct err *err)
{
	(void)ctx;
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	claims++;
	return claim_status ? err_set(err, claim_status, "claimed by another") : 0;
}

static void take_over(struct session_config *config)
{
	static const char head[SHA256_HEX] = "00";
	struct err err;

	assert_int_equal(sessions_take_over(config->record, before, 7, head, &err), 0);
	config->resume = &resume;
}

/* As an interrupted run leaves it: the first of two points measured, its second try at the other one cut short. */
static void a_run_before(void)
{
	tapped.plan = two_points;
	const struct record *r = run_session();
	assert_int_equal(r->points, 2);
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	before = record_new();
	*before = *r;
	before->point = NULL;
	before->sweep = NULL;
	before->step_name = NULL;
	before->owns_texts = false;
	before->points = before->sweeps = before->point_room = before->sweep_room = 0;
	for (unsigned i = 0; i < 2; i++)
		*record_add_point(before) = r->point[i];
	before->point[1].collected = before->point[1].measured = false;
	before->run_status = RUN_INTERRUPTED;
	clean_up(NULL);
	set_up(NULL);
	claims = 0;
	claim_status = 0;
	resume = (struct session_resume){
		.before = before, .place = {.point = 1, .attempts = 1, .tried = 0}, .claim = claim};
	tapped.plan = two_points;
	tapped.prepare_config = take_over;
}

static void forget(void)
{
	record_free(before);
	before = NULL;
}

static void it_goes_on_at_the_second_point(void **state)
{
	(void)state;
	a_run_before();
	const struct record *r = run_session();
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_int_equal(claims, 1);
	assert_int_equal(tapped.sent[TAP_RUN], 1);
	assert_int_equal(r->points, 3);
	assert_int_equal(point(r, 0)->session, 1);
	assert_true(point(r, 0)->counts);
	assert_false(point(r, 1)->counts);
	assert_int_equal(point(r, 2)->session, 0);
	assert_int_equal(point(r, 2)->plan.number, 1);
	assert_int_equal(point(r, 2)->attempt, 2);
	assert_true(point(r, 2)->counts);
	assert_int_equal(r->points_planned, 2);
	forget();
}

#define DIFFERS(change)                                                                                                \
	do {                                                                                                           \
		a_run_before();                                                                                        \
		struct record_device *sensor = &before->device[0], *pen = &before->device[1];                          \
		(void)sensor, (void)pen;                                                                               \
		change;                                                                                                \
		const struct record *differs_ = run_session();                                                         \
		if (differs_->run_status != RUN_REFUSED || claims || tapped.sent[TAP_RUN] || tapped.sent[TAP_DEADMAN]) \
			fail_msg("%s: status %d, %u claims, %u runs: %s", #change, differs_->run_status, claims,       \
				 tapped.sent[TAP_RUN], differs_->status_reason);                                       \
		assert_int_equal(differs_->refusal, REFUSED_DEVICE);                                                   \
		assert_false(differs_->has_verdict);                                                                   \
		clean_up(NULL);                                                                                        \
		set_up(NULL);                                                                                          \
		forget();                                                                                              \
	} while (0)

static void whatever_differs_refuses(void **state)
{
	(void)state;
	DIFFERS(before->devices--);
	DIFFERS(strcpy(pen->name, "x"));
	DIFFERS(strcpy(pen->role, "x"));
	DIFFERS(strcpy(pen->driver, "x"));
	DIFFERS(strcpy(pen->identity.maker, "x"));
	DIFFERS(strcpy(pen->identity.model, "x"));
	DIFFERS(strcpy(pen->identity.serial, "x"));
	DIFFERS(strcpy(pen->identity.firmware, "x"));
	DIFFERS(strcpy(pen->identity.cartridge, "x"));
	DIFFERS(strcpy(pen->identity.dial, "x"));
	DIFFERS(pen->identity.needles++);
	DIFFERS(pen->identity.cartridge_strokes += 1);
	DIFFERS(strcpy(sensor->identity.calibration_id, "x"));
	DIFFERS(strcpy(sensor->identity.calibration_due, "x"));
	DIFFERS(strcpy(sensor->identity.profile_sha256, "x"));
	DIFFERS(strcpy(sensor->calibration.certificate, "x"));
	DIFFERS(strcpy(sensor->calibration.date, "x"));
	DIFFERS(strcpy(sensor->calibration.due, "x"));
	DIFFERS(sensor->channels--);
	DIFFERS(strcpy(sensor->channel[0].name, "x"));
	DIFFERS(strcpy(sensor->channel[0].unit, "x"));
	DIFFERS(sensor->channel[0].quantity++);
	DIFFERS(sensor->channel[0].stream++);
	DIFFERS(sensor->channel[0].position++);
	DIFFERS(sensor->channel[0].bits++);
	DIFFERS(sensor->channel[0].rate_hz *= 2);
	DIFFERS(sensor->channel[0].scale *= 1.001);
	DIFFERS(sensor->channel[0].offset += 1e-3);
	DIFFERS(sensor->channel[0].range_lo -= 1);
	DIFFERS(sensor->channel[0].range_hi += 1);
	tapped.plan = two_points;
	run_session();
}

/* A pen that was asked, and switched off by that, in an opening that failed: what it says now is no proof. */
static void whether_it_ran_is_not_known(void **state)
{
	(void)state;
	a_run_before();
	resume.replug = true;
	const struct record *r = run_session();
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_false(session_unheard(tapped.session));
	clean_up(NULL);
	set_up(NULL);
	forget();
	a_run_before();
	resume.replug = true;
	tapped.pen_status = -ETIMEDOUT;
	run_session();
	assert_true(session_unheard(tapped.session));
	assert_int_equal(claims, 0);
	clean_up(NULL);
	set_up(NULL);
	forget();
	a_run_before();
	resume.replug = true;
	tapped.open_status = -ENODEV; /* it was asked nothing */
	run_session();
	assert_false(session_unheard(tapped.session));
	clean_up(NULL);
	set_up(NULL);
	forget();
	a_run_before();
	resume.replug = resume.unheard = true;
	r = run_session();
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_int_equal(r->condition[0].condition, PEN_MAY_HAVE_RUN);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	assert_int_equal(claims, 1);
	forget();
}

/* Its stream of before, or a program that looks at each new port, has it for a moment: it is not somebody else's bench. */
static void what_is_still_held_is_waited_for(void **state)
{
	static const struct {
		bool replug, at_once; /* at_once: its port cannot be opened; else the device says so itself */
		enum run_status status;
		enum refusal refusal;
	} rows[] = {{true, true, RUN_DEVICE_LOST, REFUSED_NOT},
		    {true, false, RUN_DEVICE_LOST, REFUSED_NOT},
		    {false, true, RUN_REFUSED, REFUSED_BUSY},
		    {false, false, RUN_REFUSED, REFUSED_BUSY}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i > 0) {
			clean_up(NULL);
			set_up(NULL);
		}
		a_run_before();
		resume.replug = rows[i].replug;
		tapped.open_status = rows[i].at_once ? -EBUSY : 0;
		tapped.pen_status = rows[i].at_once ? 0 : -EBUSY;
		const struct record *r = run_session();
		assert_int_equal(r->run_status, rows[i].status);
		assert_int_equal(r->refusal, rows[i].refusal);
		assert_int_equal(tapped.sent[TAP_RUN], 0);
		forget();
	}
	(void)state;
}

static void hold_on(struct session_config *config)
{
	config->lock_for = "waits for a device";
}

/* Nobody comes between two parts. */
static void the_bench_is_held_on(void **state)
{
	struct bench_lock *lock = NULL;
	struct err err = {""};

	(void)state;
	run_session();
	assert_null(session_take_lock(tapped.session));
	clean_up(NULL);
	set_up(NULL);
	tapped.prepare_config = hold_on;
	run_session();
	assert_int_equal(bench_lock_take(tapped.bench->path, &lock, &err), -EBUSY);
	assert_non_null(strstr(err.text, "waits for a device"));
	bench_lock_release(session_take_lock(tapped.session));
	assert_null(session_take_lock(tapped.session));
	assert_int_equal(bench_lock_take(tapped.bench->path, &lock, &err), 0);
	bench_lock_release(lock);
}

static void a_run_that_another_has_taken(void **state)
{
	(void)state;
	a_run_before();
	claim_status = -ESTALE;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_REFUSED);
	assert_int_equal(r->refusal, REFUSED_BENCH);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	forget();
}

static void a_file_that_takes_no_note(void **state)
{
	(void)state;
	a_run_before();
	claim_status = -EROFS;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_STORAGE_FAILED);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	assert_int_not_equal(r->dut_verdict, OUTCOME_PASS);
	forget();
}

static void fewer_strokes_are_another_cartridge(void **state)
{
	(void)state;
	a_run_before();
	before->device[1].identity.cartridge_strokes = 0; /* worn on since: the same */
	assert_int_equal(run_session()->dut_verdict, OUTCOME_PASS);
	forget();
}

static void preload_too_low(struct bench *bench)
{
	bench->sensor.preload_lo_n = 8;
	bench->sensor.preload_hi_n = 9;
}

/* What is refused behind the look at the devices takes the earlier run from nobody either. */
static void a_refusal_takes_nothing(void **state)
{
	(void)state;
	a_run_before();
	tapped.status[TAP_DEADMAN] = -ERANGE;
	const struct record *r = run_session();
	assert_int_equal(r->run_status, RUN_REFUSED);
	assert_non_null(strstr(r->status_reason, "could not be armed"));
	assert_int_equal(claims, 0);
	clean_up(NULL);
	set_up(NULL);
	forget();
	a_run_before();
	tapped.prepare = preload_too_low;
	r = run_session();
	assert_int_equal(r->run_status, RUN_REFUSED);
	assert_non_null(strstr(r->status_reason, "preload"));
	assert_int_equal(claims, 0);
	forget();
}

static void ran_on(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	session_condition(tapped.session, PEN_RAN_ON, "it ran on");
}

static void ran_on_at_the_end(enum session_stage stage)
{
	if (stage == STAGE_SAVING)
		ran_on(NULL, 0);
}

/* One that the earlier run saw hides none that this one sees at its end. */
static void a_condition_at_the_end_stands_beside_earlier_ones(void **state)
{
	(void)state;
	a_run_before();
	before->conditions = 1;
	before->condition[0] = (struct record_condition){.condition = PEN_CARTRIDGE_MISSING, .text = "none"};
	tapped.on_stage = ran_on_at_the_end;
	const struct record *r = run_session();
	assert_int_equal(r->conditions, 2);
	assert_int_equal(r->condition[0].session, 1);
	assert_int_equal(r->condition[1].session, 0);
	assert_int_equal(r->condition[1].condition, PEN_RAN_ON);
	assert_int_equal(r->dut_verdict, OUTCOME_FAIL);
	forget();
}

static const char two_points_and_refusal[] = PLAN_HEAD "\"tests\": {\"refusal\": true}, \"limits\": [" EASY_LIMIT
						       "], \"steps\": [{" PLAN_STEP ", \"repeats\": 2}]}";

static void interrupted_at_the_tare(enum session_stage stage)
{
	if (stage == STAGE_TARE)
		session_interrupt(tapped.session, SIGINT);
}

/* It ends before the pen ran for the first time. */
static const struct record *refusal_changed_in_silence(int claimed)
{
	a_run_before();
	claim_status = claimed;
	tapped.plan = two_points_and_refusal;
	tapped.status[TAP_SET_DEPTH] = -EREMOTEIO;
	tapped.on_stage = interrupted_at_the_tare;
	return run_session();
}

/* Else whoever goes on with the earlier run leaves the failure behind. */
static void a_test_that_failed_takes_the_earlier_run(void **state)
{
	(void)state;
	const struct record *r = refusal_changed_in_silence(0);
	assert_int_equal(r->run_status, RUN_INTERRUPTED);
	assert_int_equal(r->tests, 1);
	assert_int_equal(r->test[0].outcome, OUTCOME_FAIL);
	assert_int_equal(r->dut_verdict, OUTCOME_FAIL);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	assert_int_equal(claims, 1);
	forget();
}

static void a_failure_that_nobody_would_know_of_is_loud(void **state)
{
	(void)state;
	const struct record *r = refusal_changed_in_silence(-ESTALE);
	assert_int_equal(r->run_status, RUN_STORAGE_FAILED);
	assert_non_null(strstr(r->status_reason, "is not known to the run that it goes on with: claimed by another"));
	assert_int_equal(r->dut_verdict, OUTCOME_FAIL);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	forget();
}

/* A test that was passed takes nothing from anybody. */
static void a_test_that_was_passed_takes_nothing(void **state)
{
	(void)state;
	a_run_before();
	tapped.plan = two_points_and_refusal;
	tapped.on_stage = interrupted_at_the_tare;
	const struct record *r = run_session();
	assert_int_equal(r->test[0].outcome, OUTCOME_PASS);
	assert_int_equal(claims, 0);
	forget();
}

static struct plan_point changed[2];

static void phantom_changed(struct session_config *config)
{
	take_over(config);
	memcpy(changed, config->points, sizeof(changed));
	changed[1].phantom_change = true;
	config->points = changed;
}

static void nothing_was_tested_yet(void)
{
	assert_int_equal(tapped.sent[TAP_STREAM_START], 0);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	session_answer(tapped.session, true);
}

/* Before anything runs on it, and once. */
static void its_phantom_is_asked_for_first(void **state)
{
	(void)state;
	a_run_before();
	tapped.prepare_config = phantom_changed;
	tapped.on_prompt = nothing_was_tested_yet;
	const struct record *r = run_session();
	assert_int_equal(tapped.prompts, 1);
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_true(session_struck(tapped.session, (unsigned)changed[1].phantom) > 0);
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_goes_on_at_the_second_point, set_up, clean_up),
		cmocka_unit_test_setup_teardown(whatever_differs_refuses, set_up, clean_up),
		cmocka_unit_test_setup_teardown(whether_it_ran_is_not_known, set_up, clean_up),
		cmocka_unit_test_setup_teardown(what_is_still_held_is_waited_for, set_up, clean_up),
		cmocka_unit_test_setup_teardown(the_bench_is_held_on, set_up, clean_up),
		cmocka_unit_test_setup_teardown(a_run_that_another_has_taken, set_up, clean_up),
		cmocka_unit_test_setup_teardown(a_file_that_takes_no_note, set_up, clean_up),
		cmocka_unit_test_setup_teardown(a_refusal_takes_nothing, set_up, clean_up),
		cmocka_unit_test_setup_teardown(a_condition_at_the_end_stands_beside_earlier_ones, set_up, clean_up),
		cmocka_unit_test_setup_teardown(a_test_that_failed_takes_the_earlier_run, set_up, clean_up),
		cmocka_unit_test_setup_teardown(a_failure_that_nobody_would_know_of_is_loud, set_up, clean_up),
		cmocka_unit_test_setup_teardown(a_test_that_was_passed_takes_nothing, set_up, clean_up),
		cmocka_unit_test_setup_teardown(its_phantom_is_asked_for_first, set_up, clean_up),
		cmocka_unit_test_setup_teardown(fewer_strokes_are_another_cartridge, set_up, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
