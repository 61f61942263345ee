/* What becomes of a point's results when it has ended: what is added beside the estimators' own, and what is doubted for
 * a clock, a thermometer, a room, a phantom, a pen that stands or a fault. A good point is measured, something is set
 * amiss right before its end, and the results are looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/plan.h"
#include "rig/estimate/estimator.h"
#include "tests/unit/estimate/uniform_noise.h"

#define FS_HZ     20000.0
#define BLOCK     100 /* 5 ms */
#define BLOCK_NS  5000000ull
#define SLOW_EACH 20 /* blocks: 10 readings a second */
#define PERIOD    167
#define PULSE     50
#define ALIKE_MM  0.722 /* what the phantom's curve makes of the pulse */
#define RATE_HZ   (FS_HZ / PERIOD)

/* The handle's channel stands first in the table: an index of 0 is a channel. */
static const struct channel channels[] = {
	{.name = "handle",
	 .unit = "degC",
	 .quantity = QUANTITY_TEMPERATURE,
	 .stream = 1,
	 .bits = 16,
	 .rate_hz = 10,
	 .scale = 0.01,
	 .range_lo = -40,
	 .range_hi = 150},
	{.name = "force",
	 .unit = "N",
	 .quantity = QUANTITY_FORCE,
	 .bits = 24,
	 .rate_hz = FS_HZ,
	 .scale = 1e-6,
	 .range_lo = -10,
	 .range_hi = 10,
	 .noise_rms = 1e-3},
	{.name = "displacement",
	 .unit = "mm",
	 .quantity = QUANTITY_DISPLACEMENT,
	 .position = 1,
	 .bits = 24,
	 .rate_hz = FS_HZ,
	 .scale = 1e-5,
	 .range_lo = -5,
	 .range_hi = 5,
	 .noise_rms = 1e-4},
	{.name = "ambient",
	 .unit = "degC",
	 .quantity = QUANTITY_TEMPERATURE,
	 .stream = 2,
	 .bits = 16,
	 .rate_hz = 10,
	 .scale = 0.01,
	 .range_lo = -40,
	 .range_hi = 150},
};

struct stage {
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	struct record *record;
	struct channel channels[4];
	struct estimator e;
	uint64_t blocks, slow[3];
	bool strikes, turns, bar_stuck;
	bool apart;    /* the displacement comes from a box of its own */
	double bar_mm; /* depth by displacement */
	double clock_ppm;
	uint64_t late_ns; /* blocks come by up to so much later than they could */
};

static double protrusion_at(const struct stage *s, uint64_t index)
{
	double turn = 2 * M_PI * ((double)(index % PERIOD) - PERIOD / 2) / PERIOD;
	return s->turns ? s->bar_mm - 0.78 * (1 - cos(turn)) : -1;
}

static int32_t pulse_at(uint64_t index)
{
	int64_t at = (int64_t)(index % PERIOD) - PERIOD / 2, half = PULSE / 2;
	return at * at < half * half ? (int32_t)(400000 * (half * half - at * at) / (half * half)) : 0;
}

static void feed_fast(struct stage *s)
{
	int32_t counts[2 * BLOCK];
	for (unsigned k = 0; k < BLOCK; k++) {
		uint64_t index = s->blocks * BLOCK + k;
		int32_t noise = uniform_noise(index);
		counts[2 * k] = 300000 + noise + (s->strikes ? pulse_at(index) : 0);
		counts[2 * k + 1] = s->bar_stuck ? 100 : (int32_t)lround(protrusion_at(s, index) * 1e5) + noise / 150;
	}
	uint64_t late_ns = s->late_ns ? s->blocks * 104729 * 1009 % s->late_ns : 0;
	const struct sample_block block = {
		.channels = 2,
		.frames = BLOCK,
		.first_index = s->blocks * BLOCK,
		.host_ns =
			(uint64_t)llround((double)((s->blocks + 1) * BLOCK_NS) * (1 - s->clock_ppm * 1e-6)) + late_ns,
		.counts = counts};
	if (!s->apart) {
		estimator_block(&s->e, &block);
		return;
	}
	int32_t alone[2][BLOCK];
	for (unsigned k = 0; k < 2 * BLOCK; k++)
		alone[k % 2][k / 2] = counts[k];
	for (uint8_t i = 0; i < 2; i++) {
		struct sample_block one = block;
		one.device = i;
		one.channels = 1;
		one.counts = alone[i];
		estimator_block(&s->e, &one);
	}
}

static void feed(struct stage *s, unsigned blocks)
{
	for (unsigned i = 0; i < blocks; i++, s->blocks++) {
		feed_fast(s);
		for (unsigned stream = 1; stream < 3 && s->blocks % SLOW_EACH == 0; stream++) {
			int32_t count = (stream == 1 ? 2500 : 2300) + (int32_t)(s->slow[stream] % 2);
			const struct sample_block block = {.stream = (uint8_t)stream,
							   .channels = 1,
							   .frames = 1,
							   .first_index = s->slow[stream]++,
							   .host_ns = (s->blocks + 1) * BLOCK_NS,
							   .counts = &count};
			estimator_block(&s->e, &block);
		}
	}
}

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct err err = {""};
	unsigned count;
	if (!s || plan_read("fixtures/plans/ci-smoke.json", &s->plan, &err) ||
	    bench_read("fixtures/benches/virtual-usb.json", &s->bench, &err) ||
	    plan_expand(s->plan, s->bench, &s->points, &count, &err))
		fail_msg("%s", err.text);
	/* What stands between its strokes does not move: the bench's word alone would not do. */
	s->bench->sensor.zero_n = 0.3;
	s->bench->sensor.u_zero_n = 0.005;
	memcpy(s->channels, channels, sizeof(channels));
	s->record = record_new();
	s->bar_mm = ALIKE_MM;
	*state = s;
	const struct estimator_device sensor = {
		.channels = s->channels, .channel_count = 4, .bench = bench_device(s->bench, ROLE_LOAD_SENSOR)};
	return estimator_init(&s->e, s->plan, s->bench, &sensor, false, &err);
}

static int tear_down(void **state)
{
	struct stage *s = *state;
	estimator_release(&s->e);
	record_free(s->record);
	free(s->points);
	plan_free(s->plan);
	bench_free(s->bench);
	free(s);
	return 0;
}

static uint64_t now_ns(const struct stage *s)
{
	return s->blocks * BLOCK_NS;
}

/* A good point up to where only its end is missing. */
static struct record_point *play(struct stage *s, bool free)
{
	struct record_point *point = record_add_point(s->record);
	assert_non_null(point);
	point->plan = s->points[0];
	if (free)
		point->plan.phantom = PHANTOM_NONE;
	feed(s, 40);
	assert_int_equal(estimator_begin(&s->e, point, now_ns(s), NULL, NULL), 0);
	estimator_phase(&s->e, point, POINT_TARE, now_ns(s));
	feed(s, 60);
	estimator_phase(&s->e, point, POINT_SPIN_UP, now_ns(s));
	s->strikes = !free;
	s->turns = true;
	feed(s, 100);
	estimator_phase(&s->e, point, POINT_MEASURE, now_ns(s));
	feed(s, 300);
	estimator_phase(&s->e, point, POINT_COAST, now_ns(s));
	s->strikes = s->turns = false;
	feed(s, 60);
	return point;
}

static void end(struct stage *s, struct record_point *point)
{
	estimator_end(&s->e, point, now_ns(s), true);
}

static struct result *result_of(struct record_point *point, enum measurand id, const char *method)
{
	for (unsigned i = 0; i < point->results; i++) {
		struct result *r = &point->result[i].result;
		if (r->id == id && strcmp(r->method, method) == 0)
			return r;
	}
	fail_msg("no result of %s", measurand_row(id)->name);
	abort();
}

static struct result *handle_of(struct record_point *point)
{
	return result_of(point, MEASURAND_HANDLE_TEMPERATURE, "maximum");
}

/* Every result that needs one of `needs` is doubted for this reason, and no other one is. ALL: every one is. */
#define ALL (~0u)
static void assert_doubted(const struct record_point *point, unsigned needs, const char *reason)
{
	unsigned doubted = 0;
	for (unsigned i = 0; i < point->results; i++) {
		const struct result *r = &point->result[i].result;
		bool concerned = needs == ALL || (measurand_row(r->id)->needs & needs), so = strstr(r->reason, reason);
		if (concerned && r->trusted)
			fail_msg("%s (%s) is trusted", r->name, r->method);
		if (so && !concerned)
			fail_msg("%s (%s): %s", r->name, r->method, r->reason);
		doubted += so;
	}
	if (!doubted)
		fail_msg("nothing says \"%s\"", reason);
}

static void a_good_point_is_trusted(void **state)
{
	static const struct {
		enum measurand id;
		const char *method;
	} good[] = {
		{MEASURAND_STROKE_RATE, "realised"},
		{MEASURAND_STROKE_RATE, "nominal"},
		{MEASURAND_MISSED_STROKES, ""},
		{MEASURAND_COAST_DOWN, ""},
		{MEASURAND_DEPTH, "displacement"},
		{MEASURAND_DEPTH, "force_equivalent"},
		{MEASURAND_PEAK_FORCE, ""},
		{MEASURAND_HANDLE_TEMPERATURE, "maximum"},
		{MEASURAND_TEMPERATURE_RISE, "handle"},
		{MEASURAND_AMBIENT_TEMPERATURE, ""},
		{MEASURAND_CREST_FACTOR, ""},
		{MEASURAND_IMPULSE, ""},
	};
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	end(s, point);
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct result *r = result_of(point, good[i].id, good[i].method);
		if (!r->valid || !r->trusted || r->reason[0])
			fail_msg("%s (%s): %s", r->name, r->method, r->reason);
	}
	for (unsigned i = 0; i < point->results; i++)
		assert_int_not_equal(point->result[i].result.id, MEASURAND_NONE);
	assert_true(point->measured && point->outcome <= OUTCOME_FAIL);
	const struct result *tip = result_of(point, MEASURAND_TIP_TEMPERATURE, "maximum");
	assert_false(tip->valid);
	assert_string_equal(tip->reason, "the sensor has no \"tip\" channel");
}

static void the_room_s_temperature_has_its_uncertainty(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	s->e.ambient.now = 23.25;
	end(s, point);
	const struct result *ambient = result_of(point, MEASURAND_AMBIENT_TEMPERATURE, "");
	assert_true(ambient->valid && ambient->trusted && ambient->value == 23.25 && ambient->n == 1);
	assert_true(ambient->u == bench_temperature_u_k(s->bench) && ambient->u > 0);
	assert_true(fabs(ambient->expanded_u - 1.96 * ambient->u) < 1e-3 && isinf(ambient->dof));
	assert_string_equal(ambient->budget[0].name, "calibration");
}

/* One letter is a reason. */
static void a_fault_of_any_length_is_one(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	strcpy(point->fault, "x");
	end(s, point);
	assert_doubted(point, ALL, "x");
	assert_string_equal(handle_of(point)->reason, "x");
	assert_false(point->measured);
}

static void a_fault_of_a_free_run_is_one_too(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, true);
	strcpy(point->fault, "x");
	end(s, point);
	assert_doubted(point, ALL, "x");
	assert_int_equal(s->e.free_rates, 1);
	assert_true(s->e.free_rate[0].valid && !s->e.free_rate[0].trusted);
}

/* ---- free runs and the droop ---- */

static void a_free_run_is_kept_for_the_points_at_its_rate(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, true);
	end(s, point);
	const struct free_rate *kept = &s->e.free_rate[0];
	const struct result rate = point->result[0].result;
	assert_true(rate.valid && rate.trusted && fabs(rate.value - RATE_HZ) < 0.01);
	assert_int_equal(s->e.free_rates, 1);
	assert_true(kept->step == 0 && kept->rate_hz == s->points[0].rate_hz && kept->valid && kept->trusted);
	assert_true(kept->value_hz == rate.value && kept->u_hz == rate.u);
	assert_true(result_of(point, MEASURAND_AMBIENT_TEMPERATURE, "")->valid);
	result_of(point, MEASURAND_PEN_RATE, "");

	s->e.free_rate[0].value_hz = 7; /* again at this rate: the last one counts */
	end(s, play(s, true));
	assert_true(s->e.free_rates == 1 && fabs(s->e.free_rate[0].value_hz - RATE_HZ) < 0.01);

	s->e.free_rate[0].rate_hz = 60; /* at another rate of this step: both */
	end(s, play(s, true));
	assert_true(s->e.free_rates == 2 && s->e.free_rate[1].rate_hz == s->points[0].rate_hz);

	s->e.free_rate[0].step = 5; /* those of another step go */
	s->e.free_rates = 1;
	end(s, play(s, true));
	assert_true(s->e.free_rates == 1 && s->e.free_rate[0].step == 0);

	point = play(s, true);
	s->e.free_run.contact = true;
	s->e.pen = (struct pen_sums){.n = 1, .rate_hz = 130};
	end(s, point);
	assert_true(s->e.free_rate[0].valid && !s->e.free_rate[0].trusted);
	assert_string_equal(result_of(point, MEASURAND_PEN_RATE, "")->reason, ""); /* no loaded rate to compare with */
}

static void no_more_free_rates_than_a_step_has(void **state)
{
	struct stage *s = *state;
	s->e.free_rates = STEP_VALUES_MAX;
	end(s, play(s, true));
	assert_int_equal(s->e.free_rates, STEP_VALUES_MAX);
	s->e.free_rates = STEP_VALUES_MAX - 1;
	end(s, play(s, true));
	assert_int_equal(s->e.free_rates, STEP_VALUES_MAX);
}

static const struct result *droop_with(struct stage *s, struct free_rate free)
{
	struct record_point *point = play(s, false);
	s->e.free_rates = 1;
	s->e.free_rate[0] = free;
	end(s, point);
	return result_of(point, MEASURAND_RATE_DROOP, "displacement");
}

static void the_droop_is_against_the_free_run_of_its_rate(void **state)
{
	struct stage *s = *state;
	const struct free_rate good = {
		.rate_hz = 120, .valid = true, .trusted = true, .value_hz = 1.25 * RATE_HZ, .u_hz = 0.01};
	const struct result *droop = droop_with(s, good);
	assert_true(droop->valid && droop->trusted && fabs(droop->value - 20) < 0.1);

	struct free_rate doubtful = good;
	doubtful.trusted = false;
	droop = droop_with(s, doubtful);
	assert_true(droop->valid && !droop->trusted);
	assert_string_equal(droop->reason, "the free run at this rate cannot be trusted");
}

static void without_a_free_run_of_its_rate_there_is_no_droop(void **state)
{
	static const struct free_rate others[] = {
		{.rate_hz = 120, .step = 1, .valid = true, .trusted = true, .value_hz = 130, .u_hz = 0.01},
		{.rate_hz = 60, .valid = true, .trusted = true, .value_hz = 130, .u_hz = 0.01},
		{.rate_hz = 120, .trusted = true, .value_hz = 130, .u_hz = 0.01},
	};
	static const char *const why[] = {"a free run makes no force pulse", "a free run makes no force pulse",
					  "not measured: the free run at this rate gave none"};
	struct stage *s = *state;
	for (unsigned i = 0; i < 3; i++) {
		struct record_point *point = play(s, false);
		s->e.free_rates = 1;
		s->e.free_rate[0] = others[i];
		end(s, point);
		const struct result *droop = result_of(point, MEASURAND_RATE_DROOP, "");
		assert_false(droop->valid || droop->trusted);
		assert_non_null(strstr(droop->reason, why[i]));
	}
}

/* ---- the pen's own word ---- */

static void the_pen_s_word_stands_beside_the_bench_s(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	s->e.pen = (struct pen_sums){
		.n = 2, .rate_hz = 2 * (RATE_HZ + 1.5), .motor_c = 90, .handle_c = 70, .battery_v = 8};
	end(s, point);
	const struct result *rate = result_of(point, MEASURAND_PEN_RATE, "");
	assert_true(rate->valid && fabs(rate->value - RATE_HZ - 1.5) < 1e-9);
	assert_string_equal(rate->reason, "+1.500 Hz against the bench");
	assert_true(result_of(point, MEASURAND_PEN_MOTOR_TEMPERATURE, "")->value == 45);
	assert_true(result_of(point, MEASURAND_PEN_HANDLE_TEMPERATURE, "")->value == 35);
	const struct result *battery = result_of(point, MEASURAND_PEN_BATTERY, "");
	assert_true(battery->value == 4 && battery->reason[0] == '\0');
	assert_string_equal(battery->unit, "V");
}

static void a_pen_that_says_nothing(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	end(s, point);
	const struct result *rate = result_of(point, MEASURAND_PEN_RATE, "");
	assert_false(rate->valid || rate->trusted);
	assert_string_equal(rate->reason, "the pen does not say");
}

/* ---- what is doubted ---- */

static void a_clock_off_its_specification(void **state)
{
	static const struct {
		double ppm;
		bool off;
		uint64_t late_ns;
	} trials[] = {{0, false, 0}, {-200, true, 0}, {200, true, 0}, {-200, false, 3000000}, {200, false, 3000000}};
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct stage *s = *state;
		s->clock_ppm = trials[i].ppm;
		s->late_ns = trials[i].late_ns;
		feed(s, 1000);
		struct record_point *point = play(s, false);
		end(s, point);
		if (trials[i].off)
			assert_doubted(point, NEEDS_CLOCK,
				       trials[i].ppm > 0 ? "clock is +200 ppm off the host's (u "
							 : "clock is -200 ppm off the host's (u ");
		else
			assert_true(result_of(point, MEASURAND_STROKE_RATE, "realised")->trusted);
		tear_down(state);
		set_up(state);
	}
}

/* The run's own clock holds, and this point's has changed. */
static void a_clock_that_has_changed(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	sample_clock_init(&s->e.clock, FS_HZ);
	sample_clock_init(&s->e.point_clock, FS_HZ);
	for (unsigned i = 0; i < 400; i++)
		sample_clock_feed(&s->e.point_clock, i * BLOCK, (uint64_t)((double)i * BLOCK_NS * 1.01));
	end(s, point);
	assert_doubted(point, NEEDS_CLOCK, "its specification is +-10 ppm");
	assert_null(strstr(result_of(point, MEASURAND_STROKE_RATE, "realised")->reason, "(u 0 ppm)"));
	point = play(s, true);
	for (unsigned i = 0; i < 400; i++)
		sample_clock_feed(&s->e.clock, i * BLOCK, (uint64_t)((double)i * BLOCK_NS * 1.01));
	sample_clock_init(&s->e.point_clock, FS_HZ);
	for (unsigned i = 0; i < 400; i++)
		sample_clock_feed(&s->e.point_clock, i * BLOCK, (uint64_t)((double)i * BLOCK_NS * 1.01));
	end(s, point);
	assert_doubted(point, NEEDS_CLOCK, "its specification is +-10 ppm");
}

/* Within 5 s a block that comes one frame of a bus later says nothing of 10 ppm; two frames are too much. */
static void a_frame_later_is_no_clock_off_its_specification(void **state)
{
	struct stage *s = *state;
	for (unsigned frames = 1; frames <= 2; frames++) {
		struct record_point *point = play(s, false);
		sample_clock_init(&s->e.clock, FS_HZ);
		sample_clock_init(&s->e.point_clock, FS_HZ);
		double rel, u;
		for (unsigned i = 0; i <= 1000; i++)
			sample_clock_feed(&s->e.clock, i * BLOCK, i * BLOCK_NS + 1000000ull * frames * i / 1001);
		assert_int_equal(sample_clock_rate(&s->e.clock, &rel, &u), 0);
		assert_true(u < 1e-6 && fabs(fabs(rel) - 200e-6 * frames) < 1e-6);
		end(s, point);
		if (frames == 1)
			assert_true(result_of(point, MEASURAND_STROKE_RATE, "realised")->trusted);
		else
			assert_doubted(point, NEEDS_CLOCK, "clock is -399 ppm off the host's (u 0 ppm)");
	}
}

/* Of another box than the force only the depth by displacement is doubted, and the force's clock does not matter to it. */
static void the_clock_of_the_displacement_s_own_box(void **state)
{
	struct stage *s = *state;
	struct bench_device own = {.roles = ROLE_BIT(ROLE_DISPLACEMENT), .clock_ppm = 20, .displacement_u_mm = 0.002};
	struct bench_device *sensor = (struct bench_device *)bench_device(s->bench, ROLE_LOAD_SENSOR);
	struct channel bar = channels[2];
	struct err err = {""};
	bar.position = 0;
	sensor->roles &= ~ROLE_BIT(ROLE_DISPLACEMENT);
	const struct estimator_device load = {.channels = s->channels, .channel_count = 2, .bench = sensor};
	const struct estimator_device other = {.device = 1, .channels = &bar, .channel_count = 1, .bench = &own};
	for (unsigned off = 0; off < 2; off++) {
		estimator_release(&s->e);
		assert_int_equal(estimator_init(&s->e, s->plan, s->bench, &load, false, &err), 0);
		assert_int_equal(estimator_add(&s->e, &other, &err), 0);
		assert_non_null(s->e.bar.align);
		s->apart = true;
		s->blocks = s->slow[1] = s->slow[2] = 0;
		struct record_point *point = play(s, false);
		sample_clock_init(&s->e.bar.point_clock, FS_HZ);
		for (unsigned i = 0; i < 400; i++)
			sample_clock_feed(&s->e.bar.point_clock, i * BLOCK,
					  (uint64_t)((double)i * BLOCK_NS * (off ? 1.01 : 1)));
		end(s, point);
		const struct result *depth = result_of(point, MEASURAND_DEPTH, "displacement");
		assert_true(depth->valid && depth->trusted == !off);
		assert_true(!off || strstr(depth->reason, "the displacement device's clock is -99"));
		assert_true(result_of(point, MEASURAND_DEPTH_SD, "displacement")->trusted == !off);
		assert_true(result_of(point, MEASURAND_DEPTH, "force_equivalent")->trusted);
		assert_true(result_of(point, MEASURAND_STROKE_RATE, "realised")->trusted);
	}
}

static void a_gap_in_a_slow_stream(void **state)
{
	struct stage *s = *state;
	struct record_point *silent = play(s, false);
	s->e.handle.gap_ns = 1500000000;
	end(s, silent);
	assert_doubted(silent, NEEDS_HEAT, "no temperature reading for 1.5 s while the pen ran: channel \"handle\"");
	silent = play(s, false);
	s->e.ambient.gap_ns = 1500000000;
	end(s, silent);
	assert_doubted(silent, ALL, "the \"ambient\" channel fell silent while the pen ran");
	struct record_point *point = play(s, false);
	s->e.handle.gap_ns = s->e.tip.gap_ns = 1000000000; /* as long as is borne; and there is no tip */
	end(s, point);
	assert_true(handle_of(point)->trusted);
	point = play(s, false);
	s->e.tip.gap_ns = 2000000000;
	end(s, point);
	assert_true(handle_of(point)->trusted);
	point = play(s, false);
	s->channels[0].rate_hz = 1; /* a slow one may be slow */
	s->e.handle.gap_ns = 1900000000;
	end(s, point);
	assert_true(handle_of(point)->trusted);
	s->channels[0].rate_hz = 10;
	point = play(s, false);
	s->e.slow_beyond = "handle";
	end(s, point);
	assert_doubted(point, NEEDS_HEAT, "channel \"handle\" left its range");
}

static void a_channel_that_stands(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	s->channels[0].noise_rms = 0.02;
	s->e.handle.stood = 20;
	end(s, point);
	assert_doubted(point, NEEDS_HEAT, "channel \"handle\" stood at one count for 20 readings");
	point = play(s, false);
	s->channels[0].noise_rms = 1e11; /* the shortest row there is */
	s->e.handle.stood = 2;
	end(s, point);
	assert_doubted(point, NEEDS_HEAT, "channel \"handle\" stood at one count for 2 readings");
	point = play(s, false);
	s->e.handle.stood = 1;
	end(s, point);
	assert_true(handle_of(point)->trusted);
	point = play(s, false);
	s->e.handle.stood = 0;
	s->e.handle.moved = false;
	s->e.handle.still_ns = 121000000000;
	end(s, point);
	assert_doubted(point, NEEDS_HEAT,
		       "channel \"handle\" has not left its first count since the run began, and the motor ran 121 s");
	point = play(s, false);
	s->e.handle.moved = false;
	s->e.handle.still_ns = 120000000000;
	s->e.tip.moved = false;
	s->e.tip.still_ns = 500000000000;
	end(s, point);
	assert_true(handle_of(point)->trusted);
	point = play(s, false);
	s->e.handle.moved = true;
	s->e.handle.still_ns = 500000000000;
	end(s, point);
	assert_true(handle_of(point)->trusted);
}

static void a_room_that_the_calibrations_do_not_hold_for(void **state)
{
	static const struct {
		double ambient_c;
		bool good;
	} trials[] = {{18 - 0.119, true}, {18 - 0.121, false}, {28 + 0.119, true}, {28 + 0.121, false}};
	struct stage *s = *state;
	for (unsigned free = 0; free < 2; free++) {
		for (unsigned i = 0; i < 4; i++) {
			struct record_point *point = play(s, free);
			s->e.ambient.now = trials[i].ambient_c; /* u is 0.06 K */
			end(s, point);
			const struct result *ambient = result_of(point, MEASURAND_AMBIENT_TEMPERATURE, "");
			assert_true(ambient->trusted == trials[i].good);
			if (!trials[i].good)
				assert_doubted(point, ALL, "outside the 18 to 28 degC");
		}
	}
	struct record_point *point = play(s, false);
	s->e.ambient.now = NAN;
	end(s, point);
	assert_doubted(point, ALL, "the \"ambient\" channel delivered nothing: whether");
	assert_string_equal(result_of(point, MEASURAND_AMBIENT_TEMPERATURE, "")->reason,
			    "the \"ambient\" channel delivered nothing");
	point = play(s, false);
	s->channels[3].noise_rms = 0.05;
	s->e.ambient.stood = 200;
	end(s, point);
	assert_doubted(point, ALL, "the \"ambient\" channel stood at one count");
	s->channels[3].noise_rms = 0;
	point = play(s, false);
	s->e.ambient.channel = -1; /* the operator vouches for the room */
	s->e.ambient.now = NAN;
	end(s, point);
	assert_true(handle_of(point)->trusted);
	assert_string_equal(result_of(point, MEASURAND_AMBIENT_TEMPERATURE, "")->reason,
			    "the sensor has no \"ambient\" channel");
}

/* With the channels' places exchanged: 0 is the room's. */
static void a_room_in_the_first_channel(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	s->channels[0] = channels[3];
	s->e.ambient.channel = 0;
	s->e.handle.channel = 3;
	s->e.ambient.now = 40;
	end(s, point);
	assert_doubted(point, ALL, "ambient of 40.00 degC outside");
	point = play(s, false);
	s->e.ambient.now = NAN;
	end(s, point);
	assert_string_equal(result_of(point, MEASURAND_AMBIENT_TEMPERATURE, "")->reason,
			    "the \"ambient\" channel delivered nothing");
}

static void no_more_results_than_there_is_room_for(void **state)
{
	struct stage *s = *state;
	const unsigned room = sizeof(((struct record_point *)NULL)->result) / sizeof(struct finding);
	for (unsigned left = 30; left < 42; left++) {
		struct record_point *point = play(s, false);
		point->results = room - left;
		point->reason[0] = '\0';
		end(s, point);
		assert_true(point->results == room || left > 40);
		assert_true(point->outcome <= OUTCOME_FAIL && point->collected);
	}
}

static void a_pen_that_hardly_strikes_says_nothing_of_its_heat(void **state)
{
	static const unsigned strokes[] = {2, 3};
	for (unsigned i = 0; i < 2; i++) {
		struct stage *s = *state;
		struct record_point *point = record_add_point(s->record);
		point->plan = s->points[0];
		feed(s, 40);
		assert_int_equal(estimator_begin(&s->e, point, now_ns(s), NULL, NULL), 0);
		estimator_phase(&s->e, point, POINT_TARE, now_ns(s));
		feed(s, 60);
		estimator_phase(&s->e, point, POINT_SPIN_UP, now_ns(s));
		feed(s, 100);
		estimator_phase(&s->e, point, POINT_MEASURE, now_ns(s));
		feed(s, 100);
		while ((s->blocks * BLOCK) % PERIOD > 10) /* whole pulses */
			feed(s, 1);
		s->strikes = true;
		feed(s, (strokes[i] * PERIOD - 40) / BLOCK + 1);
		s->strikes = false;
		feed(s, 200);
		estimator_phase(&s->e, point, POINT_COAST, now_ns(s));
		feed(s, 60);
		end(s, point);
		assert_true(result_of(point, MEASURAND_STROKES, "")->value == strokes[i]);
		assert_true(handle_of(point)->trusted == (strokes[i] == 3));
		if (strokes[i] < 3)
			assert_doubted(point, NEEDS_STROKES, "the pen was not seen to run");
		assert_true(result_of(point, MEASURAND_AMBIENT_TEMPERATURE, "")->trusted);
		tear_down(state);
		set_up(state);
	}
}

/* Where the bench has the means to tell the phantom, they must have been there. */
static void a_bar_that_stands_leaves_the_phantom_unchecked(void **state)
{
	struct stage *s = *state;
	struct bench_device *sensor = (struct bench_device *)bench_device(s->bench, ROLE_LOAD_SENSOR);
	s->bar_stuck = true;
	struct record_point *point = play(s, false);
	end(s, point);
	assert_false(result_of(point, MEASURAND_DEPTH, "displacement")->trusted);
	const struct result *force = result_of(point, MEASURAND_DEPTH, "force_equivalent");
	assert_true(force->valid && !force->trusted);
	assert_non_null(strstr(force->reason, "whether this is the phantom could not be checked"));
	sensor->displacement_u_mm = 0;
	point = play(s, false);
	end(s, point);
	assert_true(result_of(point, MEASURAND_DEPTH, "force_equivalent")->trusted);
}

/* What is under the needles shows as two depths: of those, what rests on the force is doubted. */
static void another_phantom_in_the_clamp(void **state)
{
	struct stage *s = *state;
	struct record_point *point = play(s, false);
	end(s, point);
	const struct result *force = result_of(point, MEASURAND_DEPTH, "force_equivalent");
	const struct result *bar = result_of(point, MEASURAND_DEPTH, "displacement");
	double borne_mm = 2 * hypot(force->expanded_u, bar->expanded_u), apart_mm = force->value - bar->value;
	assert_true(fabs(apart_mm) < borne_mm && borne_mm > 0.001);

	for (int sign = -1; sign <= 1; sign += 2) {
		for (unsigned beyond = 0; beyond < 2; beyond++) {
			s->bar_mm = ALIKE_MM + apart_mm + sign * borne_mm * (beyond ? 1.03 : 0.97);
			point = play(s, false);
			end(s, point);
			force = result_of(point, MEASURAND_DEPTH, "force_equivalent");
			assert_true(force->trusted == !beyond);
			assert_true(result_of(point, MEASURAND_DEPTH, "force_equivalent_process")->trusted == !beyond);
			assert_true(result_of(point, MEASURAND_DEPTH_MAX_RAW, "force_equivalent")->trusted == !beyond);
			/* it may be the load cell */
			assert_true(result_of(point, MEASURAND_PEAK_FORCE, "")->trusted == !beyond);
			assert_true(result_of(point, MEASURAND_IMPULSE, "")->trusted == !beyond);
			assert_true(result_of(point, MEASURAND_DEPTH, "displacement")->trusted);
			assert_true(result_of(point, MEASURAND_STROKE_RATE, "realised")->trusted);
			if (!beyond)
				continue;
			assert_non_null(strstr(force->reason, sign < 0 ? "+0.0" : "-0.0"));
			assert_non_null(strstr(force->reason, "another phantom in the clamp"));
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_good_point_is_trusted),
		T(the_room_s_temperature_has_its_uncertainty),
		T(a_fault_of_any_length_is_one),
		T(a_fault_of_a_free_run_is_one_too),
		T(a_free_run_is_kept_for_the_points_at_its_rate),
		T(no_more_free_rates_than_a_step_has),
		T(the_droop_is_against_the_free_run_of_its_rate),
		T(without_a_free_run_of_its_rate_there_is_no_droop),
		T(the_pen_s_word_stands_beside_the_bench_s),
		T(a_pen_that_says_nothing),
		T(a_clock_off_its_specification),
		T(a_clock_that_has_changed),
		T(a_frame_later_is_no_clock_off_its_specification),
		T(the_clock_of_the_displacement_s_own_box),
		T(a_gap_in_a_slow_stream),
		T(a_channel_that_stands),
		T(a_room_that_the_calibrations_do_not_hold_for),
		T(a_room_in_the_first_channel),
		T(no_more_results_than_there_is_room_for),
		T(a_pen_that_hardly_strikes_says_nothing_of_its_heat),
		T(a_bar_that_stands_leaves_the_phantom_unchecked),
		T(another_phantom_in_the_clamp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
