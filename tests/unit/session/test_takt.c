/* What the rest behind one point may be to the next: its tare, where nobody touched anything, nothing moved for long
 * enough and no sample is missing; and what a run says it spent its time on. */
#include "rig/config/takt.h"
#include "tests/unit/session/tapped_bench.h"

#define TWO_DEPTHS                                                                                                     \
	"\"name\": \"one\", \"depth_mm\": [0.5, 1.0], \"rate_hz\": 120, \"settle_s\": 0.3, \"measure_s\": 0.6"
#define TARE_S 0.25
#define FS_HZ  20000

static const char two_depths[] =
	PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" TWO_DEPTHS ", \"tare_s\": 0.25}]}";
static const char slow_tare[] =
	PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" TWO_DEPTHS ", \"tare_s\": 1.5}]}";
static const char tried_again[] =
	PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" TWO_DEPTHS ", \"tare_s\": 0.25, \"attempts\": 2}]}";

/* Of this point; below the sample at which it was opened where it is the rest before. */
static uint64_t tare_from(const struct record_point *p)
{
	return p->phase_index[POINT_TARE];
}

static bool has_its_own_tare(const struct record_point *p)
{
	return tare_from(p) >= p->mark[MARK_OPEN].index[0];
}

static double tare_s(const struct record_point *p)
{
	return (double)(p->phase_index[POINT_SPIN_UP] - tare_from(p)) / FS_HZ;
}

static void the_rest_is_the_next_tare(void **state)
{
	(void)state;
	tapped.plan = two_depths;
	const struct record *r = run_session();
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_int_equal(r->points, 2);
	assert_true(has_its_own_tare(point(r, 0)));
	assert_false(has_its_own_tare(point(r, 1)));
	assert_true(tare_s(point(r, 1)) >= TARE_S && tare_s(point(r, 1)) < TARE_S + 0.05);
	/* 0.3 s of proof, and it begins 0.2 s behind the last motion; the proof may last a little longer */
	assert_true(tare_from(point(r, 1)) >= point(r, 0)->phase_index[POINT_REST] - (uint64_t)(0.15 * FS_HZ));
	assert_true(tare_from(point(r, 1)) < point(r, 0)->end_index);
	assert_stopped(r);
}

static void a_long_tare_is_taken_by_itself(void **state)
{
	(void)state;
	tapped.plan = slow_tare;
	const struct record *r = run_session();
	assert_int_equal(r->points, 2);
	assert_true(has_its_own_tare(point(r, 1)));
	assert_true(tare_s(point(r, 1)) >= 1.5);
}

static void hot_once(enum session_stage stage)
{
	if (stage != STAGE_MEASURING || tapped.sent[TAP_RUN] != 1)
		return;
	tapped.sensor_host.event(tapped.sensor_host.ctx, SENSOR_HOT, "the sensor is hot");
	tapped.sensor_host.event(tapped.sensor_host.ctx, 0, "it is not");
}

static void an_attempt_after_a_fault_has_its_own(void **state)
{
	(void)state;
	tapped.plan = tried_again;
	tapped.on_stage = hot_once;
	const struct record *r = run_session();
	assert_int_equal(r->points, 3);
	assert_true(has_its_own_tare(point(r, 1)));
	assert_int_equal(point(r, 1)->attempt, 2);
	assert_false(has_its_own_tare(point(r, 2)));
}

static void press(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	tapped.press = true;
}

static void press_behind_the_proof(enum session_stage stage)
{
	if (stage == STAGE_STOPPING && tapped.sent[TAP_RUN] == 1)
		later(press, 700); /* 0.33 s of coast-down, 0.3 s of proof */
}

/* What leaves its window while the pen rests is no tare, and no start. */
static void a_bench_that_is_touched_meanwhile(void **state)
{
	(void)state;
	tapped.plan = two_depths;
	tapped.on_stage = press_behind_the_proof;
	const struct record *r = run_session();
	assert_int_equal(tapped.sent[TAP_RUN], 1);
	assert_int_equal(r->points, 2);
	assert_int_equal(tare_from(point(r, 1)), UINT64_MAX);
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_false(needles_move());
}

static void release(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	tapped.press = false;
}

static void knock(void *ctx, uint64_t now_ns)
{
	press(ctx, now_ns);
	later(release, 20);
}

static void knock_behind_the_proof(enum session_stage stage)
{
	if (stage == STAGE_STOPPING && tapped.sent[TAP_RUN] == 1)
		later(knock, 700);
}

/* What moves while the pen rests makes that stretch no tare; a quieter one is not waited for, the next point has its own. */
static void a_bench_that_is_knocked_meanwhile(void **state)
{
	(void)state;
	tapped.plan = two_depths;
	tapped.on_stage = knock_behind_the_proof;
	const struct record *r = run_session();
	assert_int_equal(r->points, 2);
	assert_true(has_its_own_tare(point(r, 1)));
	assert_true(point(r, 0)->end_index - point(r, 0)->phase_index[POINT_REST] < (uint64_t)(0.2 * FS_HZ));
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
}

static void where_the_time_went(void **state)
{
	(void)state;
	tapped.plan = two_depths;
	const struct record *r = run_session();
	double whole_s = (double)(r->ended_host_ns - r->started_host_ns) * 1e-9;
	const double *s = r->takt.s;
	assert_true(r->has_takt);
	assert_true(fabs(takt_sum_s(&r->takt) - whole_s) < 0.02);
	assert_true(fabs(s[TAKT_WINDOW] - 2 * 0.6) < 0.02);
	assert_true(fabs(s[TAKT_SETTLE] - 2 * 0.3) < 0.02);
	assert_true(fabs(s[TAKT_TARE] - TARE_S) < 0.02);
	assert_true(s[TAKT_PROOF] > 2 * PROOF_MIN_S + 1 && s[TAKT_PROOF] < PROOF_MIN_S + PROOF_END_S);
	assert_true(s[TAKT_COAST] > 0.3 && s[TAKT_COAST] < 1);
	assert_true(s[TAKT_PROMPT] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_rest_is_the_next_tare),
		TEST(a_long_tare_is_taken_by_itself),
		TEST(an_attempt_after_a_fault_has_its_own),
		TEST(a_bench_that_is_touched_meanwhile),
		TEST(a_bench_that_is_knocked_meanwhile),
		TEST(where_the_time_went),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
