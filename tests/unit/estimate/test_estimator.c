/* The road from samples to results: what must not matter (the order of streams that arrived together), what must be
 * kept for replay (the marks), and limits that take the plan's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/limit.h"
#include "rig/estimate/estimator.h"
#include "rig/judge/judge.h"
#include "rig/measure/measurand.h"

static const struct channel channels[] = {
	{.name = "force", .unit = "N", .quantity = QUANTITY_FORCE, .bits = 24, .rate_hz = 1000, .scale = 1e-4},
	{.name = "handle",
	 .unit = "degC",
	 .quantity = QUANTITY_TEMPERATURE,
	 .stream = 1,
	 .bits = 16,
	 .rate_hz = 10,
	 .scale = 0.01},
	{.name = "ambient",
	 .unit = "degC",
	 .quantity = QUANTITY_TEMPERATURE,
	 .stream = 2,
	 .bits = 16,
	 .rate_hz = 10,
	 .scale = 0.01},
};

struct stage {
	struct plan plan;
	struct plan_step step;
	struct bench bench;
	struct record *record;
	struct channel channels[3];
	struct estimator estimator;
};

static int begin_with(struct stage *s, unsigned channel_count)
{
	struct err err;
	estimator_release(&s->estimator);
	const struct estimator_device sensor = {
		.channels = s->channels, .channel_count = channel_count, .bench = &s->bench.device[0]};
	return estimator_init(&s->estimator, &s->plan, &s->bench, &sensor, false, &err);
}

static int begin_streams(struct stage *s)
{
	return begin_with(s, 3);
}

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	memcpy(s->channels, channels, sizeof(channels));
	s->plan.rated_ambient_c = NAN;
	s->plan.steps = 1;
	s->plan.step = &s->step;
	s->bench.mains_hz = 50;
	s->bench.ambient_hi_c = 25;
	s->bench.phantoms = 1;
	s->bench.devices = 1;
	s->bench.device[0] = (struct bench_device){.roles = ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_DISPLACEMENT) |
							    ROLE_BIT(ROLE_THERMOMETER),
						   .clock_ppm = 50};
	s->bench.sensor.force_range_lo_n = -10;
	s->bench.sensor.force_range_hi_n = 10;
	s->bench.sensor.preload_hi_n = 1;
	s->record = record_new();
	*state = s;
	return begin_streams(s);
}

static int tear_down(void **state)
{
	struct stage *s = *state;
	estimator_release(&s->estimator);
	record_free(s->record);
	free(s);
	return 0;
}

static void feed_batch(struct stage *s, unsigned stream, uint64_t index, uint64_t host_ns, const int32_t *counts,
		       unsigned frames)
{
	const struct sample_block block = {.stream = (uint8_t)stream,
					   .channels = 1,
					   .frames = frames,
					   .first_index = index,
					   .host_ns = host_ns,
					   .counts = counts};
	estimator_block(&s->estimator, &block);
}

static void feed(struct stage *s, unsigned stream, uint64_t index, uint64_t host_ns, int32_t count)
{
	feed_batch(s, stream, index, host_ns, &count, 1);
}

static struct record_point *begin_point(struct stage *s)
{
	struct record_point *point = record_add_point(s->record);
	if (!point)
		abort();
	point->plan = (struct plan_point){.depth_mm = 1, .rate_hz = 50};
	assert_int_equal(estimator_begin(&s->estimator, point, 200, NULL, NULL), 0);
	return point;
}

static const struct result *result_of(const struct record_point *point, const char *name)
{
	for (unsigned i = 0; i < point->results; i++)
		if (strcmp(point->result[i].result.name, name) == 0)
			return &point->result[i].result;
	fail_msg("no result %s", name);
	abort();
}

static double value_of(const struct record_point *point, const char *name)
{
	for (unsigned i = 0; i < point->results; i++)
		if (strcmp(point->result[i].result.name, name) == 0)
			return point->result[i].result.value;
	return NAN;
}

/* 20 moments at which handle and ambient arrive together, in one order or the other. */
static double rise_with(struct stage *s, bool ambient_first)
{
	const unsigned order[] = {ambient_first ? 2 : 1, ambient_first ? 1 : 2};
	feed(s, 2, 0, 1, 2000);
	struct record_point *point = begin_point(s);
	estimator_phase(&s->estimator, point, POINT_SPIN_UP, 300);
	for (unsigned i = 1; i <= 20; i++)
		for (unsigned k = 0; k < 2; k++)
			feed(s, order[k], i, 1000 + i * 100000000ull,
			     order[k] == 1 ? 2500 + (int32_t)(30 * i) : 2000 + (int32_t)(7 * i));
	estimator_phase(&s->estimator, point, POINT_COAST, 2100000000u);
	estimator_end(&s->estimator, point, 2200000000u, true);
	return value_of(point, "temperature_rise_k");
}

static void streams_that_arrived_together_have_no_order(void **state)
{
	struct stage *s = *state;
	double one = rise_with(s, false);
	assert_int_equal(begin_streams(s), 0);
	double other = rise_with(s, true);
	assert_true(isfinite(one));
	assert_memory_equal(&one, &other, sizeof(one));
}

#define MS 1000000ull

/* A motor that runs from 1.0 to 2.0 s, and one batch of handle readings, 100 ms apart. */
static struct record_point *run_with_batch(struct stage *s, uint64_t host_ns, const int32_t *counts, unsigned frames)
{
	struct record_point *point = begin_point(s);
	estimator_phase(&s->estimator, point, POINT_SPIN_UP, 1000 * MS);
	if (host_ns < 2000 * MS)
		feed_batch(s, 1, 0, host_ns, counts, frames);
	estimator_phase(&s->estimator, point, POINT_COAST, 2000 * MS);
	if (host_ns >= 2000 * MS)
		feed_batch(s, 1, 0, host_ns, counts, frames);
	estimator_end(&s->estimator, point, 2500 * MS, true);
	return point;
}

static void an_ambient_that_never_comes_leaves_nothing_to_trust(void **state)
{
	static const int32_t counts[] = {2500, 2600};
	const struct record_point *point = run_with_batch(*state, 1600 * MS, counts, 2);
	for (unsigned i = 0; i < point->results; i++)
		assert_false(point->result[i].result.trusted);
	assert_non_null(
		strstr(result_of(point, "handle_temperature_c")->reason, "\"ambient\" channel delivered nothing"));
	assert_non_null(strstr(result_of(point, "ambient_temperature_c")->reason, "delivered nothing"));
}

static void a_bench_without_ambient_is_taken_at_its_word(void **state)
{
	static const int32_t counts[] = {2500, 2600};
	struct stage *s = *state;
	assert_int_equal(begin_with(s, 2), 0);
	const struct record_point *point = run_with_batch(s, 1600 * MS, counts, 2);
	assert_non_null(strstr(result_of(point, "ambient_temperature_c")->reason, "no \"ambient\" channel"));
	const struct result *handle = result_of(point, "handle_temperature_c");
	assert_true(handle->valid && !strstr(handle->reason, "ambient"));
}

static const struct finding *of_part(const struct record_point *point, const char *name, const char *part)
{
	for (unsigned i = 0; i < point->results; i++)
		if (strcmp(point->result[i].result.name, name) == 0 &&
		    strcmp(point->result[i].result.method, part) == 0)
			return &point->result[i];
	fail_msg("no result %s of the %s", name, part);
	abort();
}

/* There is a handle and no tip. */
static void a_part_without_a_channel_is_not_answered_for_by_the_other(void **state)
{
	static const char *const names[] = {"temperature_rise_k", "steady_temperature_c"};
	static const int32_t counts[] = {2500, 2600};
	for (unsigned i = 0; i < 2; i++) {
		struct stage *s = *state;
		assert_int_equal(begin_streams(s), 0);
		s->plan.limits = 1;
		s->plan.limit[0] = (struct limit){.has_upper = true, .upper = 60, .guard_r = 1, .required = true};
		s->plan.limit[0].id = measurand_find(names[i]);
		strcpy(s->plan.limit[0].measurand, names[i]);
		strcpy(s->plan.limit[0].unit, measurand_row(s->plan.limit[0].id)->unit);
		s->bench.device[0].temperature_u_k = 0.1;
		feed(s, 2, 0, 1, 2300);
		const struct record_point *point = run_with_batch(s, 1600 * MS, counts, 2);
		const struct finding *tip = of_part(point, names[i], "tip");
		assert_true(tip->has_limit && tip->judgement.outcome == OUTCOME_INCONCLUSIVE);
		assert_non_null(strstr(tip->result.reason, "no \"tip\" channel"));
		assert_true(of_part(point, names[i], "handle")->has_limit);
		assert_int_equal(point->outcome, OUTCOME_INCONCLUSIVE);
		char label[JUDGE_LABEL_MAX];
		judge_label(&tip->result, label, sizeof(label));
		assert_non_null(strstr(label, "(tip)"));
	}
}

/* One point with the motor on for so many readings, ten a second; the handle dithers over `swing` counts. */
static const struct record_point *run_for(struct stage *s, uint64_t *index, unsigned readings, int32_t swing)
{
	struct record_point *point = begin_point(s);
	uint64_t start_ns = 1000 * MS + *index * 100 * MS;
	estimator_phase(&s->estimator, point, POINT_SPIN_UP, start_ns);
	for (unsigned i = 1; i <= readings; i++, (*index)++) {
		feed(s, 1, *index, start_ns + i * 100 * MS, 2500 + (swing ? (int32_t)(i * 7 % 3) % (swing + 1) : 0));
		feed(s, 2, *index, start_ns + i * 100 * MS, 2300 + (int32_t)(i % 2));
	}
	estimator_phase(&s->estimator, point, POINT_COAST, start_ns + (readings + 1) * 100 * MS);
	estimator_end(&s->estimator, point, start_ns + (readings + 2) * 100 * MS, true);
	return point;
}

static const char *why_handle(const struct record_point *point)
{
	return result_of(point, "handle_temperature_c")->reason;
}

static void a_channel_that_its_noise_forbids_to_stand(void **state)
{
	static const struct {
		double noise_k; /* the resolution is 0.01 K */
		unsigned readings;
		int32_t swing;
		bool stuck;
	} trials[] = {
		{0.02, 20, 0, true}, {0.02, 20, 1, false},   {0.02, 10, 0, false}, /* 0.1974^n < 1e-12: n > 17.03 */
		{0.02, 19, 0, true}, {0.02, 18, 0, false},   {0.01, 29, 0, false},
		{0.01, 31, 0, true}, {0.005, 500, 0, false}, {0, 500, 0, false},
	};
	struct stage *s = *state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		uint64_t index = 0;
		s->channels[1].noise_rms = trials[i].noise_k;
		assert_int_equal(begin_streams(s), 0);
		const struct record_point *point = run_for(s, &index, trials[i].readings, trials[i].swing);
		if ((strstr(why_handle(point), "its noise forbids") != NULL) != trials[i].stuck)
			fail_msg("trial %u: \"%s\"", i, why_handle(point));
	}
}

static void a_channel_that_a_long_run_does_not_move(void **state)
{
	struct stage *s = *state;
	uint64_t index = 0;
	assert_null(strstr(why_handle(run_for(s, &index, 700, 0)), "since the run began"));
	assert_non_null(strstr(why_handle(run_for(s, &index, 700, 0)), "since the run began"));
	index = 0;
	assert_int_equal(begin_streams(s), 0);
	run_for(s, &index, 10, 1);
	assert_null(strstr(why_handle(run_for(s, &index, 1500, 0)), "since the run began"));
}

static void an_ambient_that_stands_proves_nothing(void **state)
{
	struct stage *s = *state;
	static const int32_t counts[] = {2500, 2600};
	s->channels[2].noise_rms = 0.05;
	assert_int_equal(begin_streams(s), 0);
	struct record_point *point = begin_point(s);
	estimator_phase(&s->estimator, point, POINT_SPIN_UP, 1000 * MS);
	for (unsigned i = 1; i <= 40; i++)
		feed(s, 2, i, (1000 + 100 * i) * MS, 2300);
	feed_batch(s, 1, 0, 2000 * MS, counts, 2);
	estimator_phase(&s->estimator, point, POINT_COAST, 5100 * MS);
	estimator_end(&s->estimator, point, 5200 * MS, true);
	for (unsigned i = 0; i < point->results; i++)
		assert_false(point->result[i].result.trusted);
	assert_non_null(strstr(why_handle(point), "\"ambient\" channel stood"));
}

/* What it said before says nothing of the room since. */
static void an_ambient_that_falls_silent_proves_nothing(void **state)
{
	for (unsigned last = 30; last >= 15; last -= 15) {
		struct stage *s = *state;
		assert_int_equal(begin_streams(s), 0);
		struct record_point *point = begin_point(s);
		estimator_phase(&s->estimator, point, POINT_SPIN_UP, 1000 * MS);
		for (unsigned i = 1; i <= 30; i++) {
			feed(s, 1, i, (1000 + 100 * i) * MS, 2500);
			if (i <= last)
				feed(s, 2, i, (1000 + 100 * i) * MS, 2300 + (int32_t)(i % 2));
		}
		estimator_phase(&s->estimator, point, POINT_COAST, 4100 * MS);
		estimator_end(&s->estimator, point, 4200 * MS, true);
		const struct result *ambient = result_of(point, "ambient_temperature_c");
		assert_true(ambient->trusted == (last == 30));
		assert_true((strstr(ambient->reason, "\"ambient\" channel fell silent") != NULL) == (last == 15));
	}
}

/* The specification is 50 ppm, a frame of 1 ms in 5 s is 200. */
static void the_host_corrects_a_clock_only_where_it_knows_better(void **state)
{
	static const struct {
		unsigned seconds;
		bool synchronised, applied;
	} trials[] = {{5, true, false}, {14, true, false}, {15, true, true}, {100, true, true}, {100, false, false}};
	struct stage *s = *state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		assert_int_equal(begin_streams(s), 0);
		s->estimator.host_clock_synchronised = trials[i].synchronised;
		for (uint64_t k = 0; k <= trials[i].seconds * 100u; k++)
			sample_clock_feed(&s->estimator.clock, k * 10, k * 10 * MS);
		begin_point(s);
		double grain = 1e-3 / trials[i].seconds / sqrt(6), spec = 50e-6 / sqrt(3);
		assert_true(s->estimator.clock_applied == trials[i].applied);
		assert_true(fabs(s->estimator.u_clock_rel / (trials[i].applied ? grain : spec) - 1) < 1e-3);
	}
}

/* Ambient goes on, on a stream of its own. */
static void no_channel_vouches_for_another(void **state)
{
	struct stage *s = *state;
	struct record_point *point = begin_point(s);
	estimator_phase(&s->estimator, point, POINT_SPIN_UP, 1000 * MS);
	for (unsigned i = 1; i <= 30; i++) {
		feed(s, 2, i, (1000 + 100 * i) * MS, 2300);
		if (i <= 15)
			feed(s, 1, i, (1000 + 100 * i) * MS, 2500);
	}
	estimator_phase(&s->estimator, point, POINT_COAST, 4100 * MS);
	estimator_end(&s->estimator, point, 4200 * MS, true);
	assert_string_equal(why_handle(point),
			    "no temperature reading for 1.6 s while the pen ran: channel \"handle\"");
}

static void a_peak_in_the_middle_of_a_batch_counts(void **state)
{
	static const int32_t counts[] = {2500, 2600, 4800, 2600, 2500};
	const struct record_point *point = run_with_batch(*state, 1600 * MS, counts, 5);
	const struct result *handle = result_of(point, "handle_temperature_c");
	assert_true(fabs(handle->value - 48) < 1e-9);
	assert_true(handle->n == 5);
}

static void frames_count_by_their_own_times(void **state)
{
	struct stage *s = *state;
	static const int32_t counts[] = {4900, 2500, 2600, 2700, 4700}; /* late by 400 ms at most */
	const struct result *early = result_of(run_with_batch(s, 1350 * MS, counts, 5), "handle_temperature_c");
	assert_true(early->n == 4 && fabs(early->value - 47) < 1e-9); /* the first was before the motor ran */
	assert_int_equal(begin_streams(s), 0);
	const struct result *late = result_of(run_with_batch(s, 2050 * MS, counts, 5), "handle_temperature_c");
	assert_true(late->n == 4 && fabs(late->value - 49) < 1e-9); /* the last was after it */
}

static void a_batch_is_beyond_its_range_in_any_frame(void **state)
{
	static const int32_t counts[] = {2500, 32767, 2500};
	struct stage *s = *state;
	feed(s, 2, 0, 1, 2300);
	const struct record_point *point = run_with_batch(s, 1600 * MS, counts, 3);
	const struct result *handle = result_of(point, "handle_temperature_c");
	assert_false(handle->trusted);
	assert_non_null(strstr(handle->reason, "left its range"));
}

static void marks_say_where_every_stream_stood(void **state)
{
	struct stage *s = *state;
	const struct pen_telemetry telemetry = {.host_ns = 5, .rate_hz = 50};
	for (uint64_t i = 0; i < 7; i++)
		feed(s, 0, i, 100 + i, 1000);
	feed(s, 2, 0, 108, 2000);
	struct record_point *point = begin_point(s);
	const struct record_mark *open = &point->mark[MARK_OPEN], *tare = &point->mark[MARK_PHASE(POINT_TARE)];
	assert_true(tare->host_ns == UINT64_MAX && point->mark[MARK_CLOSE].host_ns == UINT64_MAX);
	estimator_telemetry(&s->estimator, &telemetry);
	estimator_phase(&s->estimator, point, POINT_TARE, 300);
	assert_int_equal(open->host_ns, 200);
	assert_int_equal(open->index[0], 7);
	assert_int_equal(open->index[1], 0);
	assert_int_equal(open->index[2], 1);
	assert_int_equal(open->telemetry, 0);
	assert_int_equal(tare->telemetry, 1);
	assert_int_equal(point->phase_index[POINT_TARE], 7);
	assert_true(isnan(point->command_index[POINT_TARE]));
}

static void only_the_window_counts_for_the_pens_own_word(void **state)
{
	struct stage *s = *state;
	const enum point_phase phases[] = {POINT_SPIN_UP, POINT_MEASURE, POINT_MEASURE, POINT_COAST};
	const double rates_hz[] = {1, 50, 52, 1};
	struct record_point *point = begin_point(s);
	for (unsigned i = 0; i < 4; i++) {
		struct pen_telemetry telemetry = {.rate_hz = rates_hz[i]};
		if (s->estimator.phase != phases[i])
			estimator_phase(&s->estimator, point, phases[i], 300 + i);
		estimator_telemetry(&s->estimator, &telemetry);
	}
	estimator_end(&s->estimator, point, 500, true);
	assert_true(value_of(point, "pen.rate_hz") == 51);
}

static void a_fault_takes_the_trust_from_every_result(void **state)
{
	struct stage *s = *state;
	struct record_point *point = begin_point(s);
	strcpy(point->fault, "the cable fell out");
	estimator_end(&s->estimator, point, 500, true);
	assert_true(point->collected && !point->measured && point->results > 0);
	assert_string_equal(point->reason, "the cable fell out");
	for (unsigned i = 0; i < point->results; i++)
		assert_false(point->result[i].result.trusted);
}

static void limits_take_the_place_of_all_of_the_plans(void **state)
{
	struct stage *s = *state;
	struct err err;
	const char *text = "{\"limits\": [{}]}";
	struct limits_file file = {
		.name = "x", .limits = 1, .limit = {{.id = MEASURAND_DEPTH, .measurand = "depth_mm", .unit = "mm"}}};
	assert_int_equal(json_parse("x", text, strlen(text), &file.doc, &err), 0);
	s->plan.limits = 5;
	s->step.limits = 3;
	assert_int_equal(limits_apply(&file, &s->plan, &err), 0);
	assert_int_equal(s->plan.limits, 1);
	assert_int_equal(s->step.limits, 0);
	file.limit[0].id = MEASURAND_HANDLE_TEMPERATURE;
	assert_int_equal(limits_apply(&file, &s->plan, &err), -EINVAL);
	assert_non_null(strstr(err.text, "basis"));
	strcpy(s->plan.thermal_basis, "IEC 60601-1, table 24");
	assert_int_equal(limits_apply(&file, &s->plan, &err), 0);
	json_doc_free(file.doc);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(streams_that_arrived_together_have_no_order),
		TEST(marks_say_where_every_stream_stood),
		TEST(only_the_window_counts_for_the_pens_own_word),
		TEST(a_fault_takes_the_trust_from_every_result),
		TEST(limits_take_the_place_of_all_of_the_plans),
		TEST(an_ambient_that_never_comes_leaves_nothing_to_trust),
		TEST(a_bench_without_ambient_is_taken_at_its_word),
		TEST(a_part_without_a_channel_is_not_answered_for_by_the_other),
		TEST(a_channel_that_its_noise_forbids_to_stand),
		TEST(a_channel_that_a_long_run_does_not_move),
		TEST(an_ambient_that_stands_proves_nothing),
		TEST(the_host_corrects_a_clock_only_where_it_knows_better),
		TEST(an_ambient_that_falls_silent_proves_nothing),
		TEST(no_channel_vouches_for_another),
		TEST(a_peak_in_the_middle_of_a_batch_counts),
		TEST(frames_count_by_their_own_times),
		TEST(a_batch_is_beyond_its_range_in_any_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
