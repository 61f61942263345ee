/* Depth by needle-bar displacement, and what both methods say of scatter: sd, tolerance interval, largest stroke. Held
 * against the strokes that the plant really made. */
#include <stdbool.h>
#include <stdio.h>

#include "rig/measure/align.h"

#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

#define NOISE_MM 0.002
#define LSB_MM   0.0002

/* The displacement as a box of its own gives it: late by `late` samples of force, with a bend of its own. */
struct box {
	double rate_hz; /* 0: there is no such box */
	long late;
	double bend_mm; /* amplitude of a second harmonic, steepest at the deepest point */
	double alignment_s;
	bool missing; /* a block of the window has no displacement */
};

static struct box box;

/* A needle bar that is not moved by an eccentric alone. */
static struct {
	double stop_mm; /* 0: it meets none */
	double bend;    /* per mm: sharper or blunter at its deepest, which stays where it is about 1 mm */
} bar;

static double bar_mm(double mm)
{
	mm += bar.bend * (mm - 1) * (mm - 1);
	return bar.stop_mm > 0 ? fmin(mm, bar.stop_mm) : mm;
}

struct both {
	struct plant_trial trial;
	double largest_mm, sd_mm;
};

static int32_t noisy_count(double mm, struct pw1_random *random)
{
	double noise_mm = box.rate_hz > 0 ? 0 : NOISE_MM;

	return (int32_t)nearbyint((mm + noise_mm * pw1_normal(random)) / LSB_MM);
}

/* Of a sine (y - e) y' is one of twice the rate. */
static void box_frames(int32_t *frames, size_t samples, double period)
{
	static double mm[PLANT_SAMPLES_MAX];

	for (size_t i = 0; i < samples; i++)
		mm[i] = frames[2 * i] * LSB_MM;
	for (size_t i = 0; i < samples; i++) {
		size_t k = (long)i < box.late + 1 ? 1 : (size_t)((long)i - box.late);
		k = k > samples - 2 ? samples - 2 : k;
		double slope = (mm[k + 1] - mm[k - 1]) / 2.0 * period / (2 * M_PI);
		frames[2 * i] = (int32_t)nearbyint((mm[k] + box.bend_mm * slope * (mm[k] + 1)) / LSB_MM);
	}
}

static void measure_ended(struct both *b, const struct plant *plant, bool with_curve, int32_t end, bool stuck)
{
	static int32_t frames[2 * PLANT_SAMPLES_MAX];
	struct plant_trial *t = &b->trial;
	struct curve *curve = with_curve ? plant_curve(plant) : NULL;
	struct point_config config = plant_config(plant, curve);
	struct pw1_random random = {.state = 4242};
	struct point *point = NULL;

	*t = (struct plant_trial){.plant = *plant, .found = calloc(PLANT_STROKES_MAX, sizeof(struct stroke))};
	plant_start(&t->plant);
	t->samples = (size_t)(t->plant.end_s * plant->fs_hz);
	assert_true(t->found != NULL && t->samples <= PLANT_SAMPLES_MAX);
	for (size_t i = 0; i < t->samples; i++) {
		frames[2 * i + 1] = plant_sample(&t->plant, i);
		frames[2 * i] = noisy_count(bar_mm(t->plant.protrusion_mm), &random);
	}
	if (box.rate_hz > 0)
		box_frames(frames, t->samples, plant->fs_hz / plant->rate_hz);
	for (size_t i = 0; i < t->samples; i++) {
		frames[2 * i] = end && frames[2 * i] > end ? end : frames[2 * i];
		frames[2 * i] = stuck ? 4000 : frames[2 * i];
	}
	config.displacement.count_lo = -50000;
	config.displacement.count_hi = end ? end : 50000;
	config.force.position = 1;
	config.displacement.position = 0;
	config.displacement.scale = LSB_MM;
	config.u.displacement_mm = 0.0005;
	config.bar_rate_hz = box.rate_hz;
	if (!with_curve)
		strcpy(config.curve_reason, "no phantom");
	assert_int_equal(point_new(&config, &point), 0);
	point_on_stroke(point, plant_found, t);
	plant_phases(&t->plant, point);
	for (size_t i = 0; i < t->samples; i += 600) {
		struct sample_block block = {.channels = 2, .frames = 600, .first_index = i, .counts = frames + 2 * i};

		if (box.missing && i >= t->samples / 2 && i < t->samples / 2 + 600)
			block.flags = SAMPLE_UNPAIRED;
		block.frames = block.frames < t->samples - i ? block.frames : (uint32_t)(t->samples - i);
		point_feed(point, &block);
	}
	if (box.rate_hz > 0)
		point_aligned(point, box.alignment_s);
	t->result_count = point_finish(point, t->results, RESULTS_PER_POINT_MAX);
	point_free(point);
	curve_free(curve);
	plant_score(t);
}

static void measure(struct both *b, const struct plant *plant, bool with_curve)
{
	measure_ended(b, plant, with_curve, 0, false);
}

static void true_spread(struct both *b)
{
	const struct plant *p = &b->trial.plant;
	double sum = 0.0;
	unsigned n = 0;

	b->largest_mm = 0.0;
	for (unsigned i = 0; i < p->strokes; i++) {
		if (p->instant_s[i] < p->measure_from_s || p->instant_s[i] >= p->stop_s)
			continue;
		sum += pow(p->depth[i] - b->trial.mean_depth_mm, 2.0);
		b->largest_mm = fmax(b->largest_mm, p->depth[i]);
		n++;
	}
	b->sd_mm = sqrt(sum / (n - 1));
}

static double of(const struct both *b, const char *name, const char *method)
{
	const struct result *r = plant_result(&b->trial, name, method);

	if (!r->trusted)
		fail_msg("%s, %s: %s", name, method, r->reason);
	return r->value;
}

static void check_method(const struct both *b, const char *method, double tolerance_mm)
{
	const struct plant *p = &b->trial.plant;
	const struct result *mean = plant_result(&b->trial, "depth_mm", method);
	double lo = of(b, "depth_tolerance_lo_mm", method), hi = of(b, "depth_tolerance_hi_mm", method);
	double raw = of(b, "depth_max_raw_mm", method), bound = of(b, "depth_max_mm", method), inside = 0.0, n = 0.0;

	check_near(of(b, "depth_mm", method), b->trial.mean_depth_mm, tolerance_mm);
	check_less(fabs(mean->value - b->trial.mean_depth_mm), mean->expanded_u);
	check_near(of(b, "depth_error_mm", method), b->trial.mean_depth_mm - p->depth_mm, tolerance_mm);
	check_near(of(b, "depth_sd_mm", method), b->sd_mm, 0.0005);
	for (unsigned i = 0; i < p->strokes; i++) {
		if (p->instant_s[i] < p->measure_from_s || p->instant_s[i] >= p->stop_s)
			continue;
		inside += p->depth[i] > lo && p->depth[i] < hi;
		n++;
	}
	check_less(0.95, inside / n);
	check_less(hi - lo, 6.0 * b->sd_mm); /* honest, but not by being wide */
	check_near(bound, b->largest_mm, 4.0 * NOISE_MM);
	check_less(bound, raw + 0.1 * b->sd_mm); /* by force it sees a little less than the whole of a stroke */
	print_message("%-16s mean %+.3f um, sd %.2f of %.2f um, max %+.2f um (raw %+.2f um), inside %.3f\n", method,
		      1e3 * (mean->value - b->trial.mean_depth_mm), 1e3 * of(b, "depth_sd_mm", method), 1e3 * b->sd_mm,
		      1e3 * (bound - b->largest_mm), 1e3 * (raw - b->largest_mm), inside / n);
}

static void both_methods(void **state)
{
	const double depths[] = {0.5, 1.2, 2.0};
	struct both b;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct plant plant = plant_default(depths[i], 120.0, 20000.0);

		plant.seed = 60 + i;
		measure(&b, &plant, true);
		true_spread(&b);
		check_method(&b, "force_equivalent", 0.002);
		check_method(&b, "displacement", 0.0005);
		assert_int_equal((int)of(&b, "strokes", ""), plant_result(&b.trial, "depth_mm", "displacement")->n);
		free(b.trial.found);
	}
}

/* Without a phantom's curve displacement alone carries the depth; force says why it cannot. */
static void displacement_alone(void **state)
{
	struct plant plant = plant_default(1.0, 120.0, 20000.0);
	struct both b;

	(void)state;
	measure(&b, &plant, false);
	true_spread(&b);
	check_method(&b, "displacement", 0.0005);
	assert_false(plant_result(&b.trial, "depth_mm", "force_equivalent")->valid);
	assert_string_equal(plant_result(&b.trial, "depth_max_mm", "force_equivalent")->reason, "no phantom");
	free(b.trial.found);
}

static double bar_shape_u(const struct result *r)
{
	for (unsigned i = 0; i < r->budget_lines; i++)
		if (strcmp(r->budget[i].name, "bar shape") == 0)
			return r->budget[i].u;
	return NAN;
}

/* A top that is no eccentric's is fitted too deep or too shallow; how much stands in the budget, and is no noise of the
 * strokes that would be taken off their spread. */
static void a_bar_that_is_no_eccentric(void **state)
{
	struct plant plant = plant_default(1.0, 120.0, 20000.0);
	struct both b;

	(void)state;
	measure(&b, &plant, false);
	check_less(bar_shape_u(plant_result(&b.trial, "depth_mm", "displacement")), 0.0003);
	free(b.trial.found);
	for (unsigned i = 0; i < 4; i++) {
		bar.stop_mm = 1.0 - (const double[]){0.03, 0.05, 0.1, 0.2}[i];
		measure(&b, &plant, false);
		const struct result *r = plant_result(&b.trial, "depth_mm", "displacement");
		print_message("stop at %.2f mm: %+.1f um, U %.1f um\n", bar.stop_mm, 1e3 * (r->value - bar.stop_mm),
			      1e3 * r->expanded_u);
		check_less(0.005, fabs(r->value - bar.stop_mm));
		check_less(fabs(r->value - bar.stop_mm), r->expanded_u);
		free(b.trial.found);
	}
	bar.stop_mm = 0;
	for (unsigned i = 0; i < 2; i++) {
		bar.bend = i == 0 ? 0.15 : -0.15;
		measure(&b, &plant, false);
		true_spread(&b);
		const struct result *sd = plant_result(&b.trial, "depth_sd_mm", "displacement");
		print_message("bent by %+.2f: sd %.2f of %.2f um\n", bar.bend, 1e3 * sd->value, 1e3 * b.sd_mm);
		check_less(fabs(sd->value - b.sd_mm), sd->expanded_u);
		free(b.trial.found);
	}
	bar.bend = 0;
}

/* Strokes that do not differ, seen through noise: the raw maximum is luck, the bound is not. */
static void largest_of_equal_strokes(void **state)
{
	struct plant plant = plant_default(1.0, 120.0, 20000.0);
	struct both b;

	(void)state;
	plant.depth_sd_mm = 0.0;
	plant.noise_n = 0.03;
	plant.measure_s = 4.0;
	measure(&b, &plant, true);
	double raw = of(&b, "depth_max_raw_mm", "force_equivalent") - 1.0;
	double bound = of(&b, "depth_max_mm", "force_equivalent") - 1.0;

	print_message("equal strokes: raw maximum %+.2f um, bound %+.2f um\n", 1e3 * raw, 1e3 * bound);
	check_less(0.003, raw);
	check_less(fabs(bound), 0.4 * raw);
	free(b.trial.found);
}

/* A pen that goes deeper than its displacement sensor sees, and a sensor that stands still: both look shallow. */
static void a_channel_that_ends_or_is_stuck(void **state)
{
	static const char *const names[] = {"depth_mm", "depth_error_mm", "depth_max_mm"};
	struct plant plant = plant_default(1.2, 120.0, 20000.0);
	struct both b;

	(void)state;
	for (unsigned stuck = 0; stuck < 2; stuck++) {
		measure_ended(&b, &plant, true, stuck ? 0 : (int32_t)(1.1 / LSB_MM), stuck);
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			const struct result *r = plant_result(&b.trial, names[i], "displacement");

			assert_false(r->trusted);
			assert_non_null(strstr(r->reason, stuck ? "stuck" : "an end of its range"));
			assert_true(plant_result(&b.trial, names[i], "force_equivalent")->trusted);
		}
		free(b.trial.found);
	}
}

static double line_of(const struct both *b, const char *name)
{
	const struct result *r = plant_result(&b->trial, "depth_mm", "displacement");

	for (unsigned i = 0; i < r->budget_lines; i++)
		if (strcmp(r->budget[i].name, name) == 0)
			return r->budget[i].u;
	return NAN;
}

static double depth_with(struct both *b, const struct plant *plant, struct box with)
{
	double depth_mm;

	box = with;
	measure(b, plant, false);
	depth_mm = plant_result(&b->trial, "depth_mm", "displacement")->value;
	free(b->trial.found);
	box = (struct box){.rate_hz = 0};
	return depth_mm;
}

/* What the budget says of an alignment that is unsure by 0.25 ms is what a displacement does that is 0.25 ms early or late:
 * its first order with a bend, its second without. */
static void alignment_is_what_a_shift_does(void **state)
{
	const double bends[] = {0.02, 0.0};
	struct plant plant = plant_default(1.0, 120.0, 20000.0);
	const double u_s = 5 / 20000.0;
	struct both b;

	(void)state;
	plant.depth_sd_mm = 0.0;
	for (unsigned i = 0; i < 2; i++) {
		struct box with = {.rate_hz = 10000, .bend_mm = bends[i], .late = 5};
		double late_mm = depth_with(&b, &plant, with), early_mm, line_mm;

		with.late = -5;
		early_mm = depth_with(&b, &plant, with);
		with.late = 0;
		with.alignment_s = u_s;
		double depth_mm = depth_with(&b, &plant, with);
		double first_mm = (late_mm - early_mm) / 2, second_mm = late_mm + early_mm - 2 * depth_mm;
		line_mm = line_of(&b, "alignment");
		print_message("bend %g: first %g, second %g, line %g mm\n", bends[i], first_mm, second_mm, line_mm);
		check_near(line_mm, hypot(first_mm, sqrt(0.75) * second_mm), 0.05 * line_mm + 5e-7);
		check_less(i == 0 ? 0.0015 : 0.000001, line_mm);
		check_near(line_of(&b, "interpolation"),
			   align_interpolation_rel(10000, 120) * b.trial.plant.eccentric_mm / sqrt(3),
			   0.1 * line_of(&b, "interpolation"));
		with.alignment_s = 0;
		depth_with(&b, &plant, with);
		assert_false(line_of(&b, "alignment") > 0);
	}
	measure(&b, &plant, false);
	assert_true(isnan(line_of(&b, "alignment")) && isnan(line_of(&b, "interpolation")));
	free(b.trial.found);
}

static void a_box_that_cannot_tell(void **state)
{
	static const struct {
		struct box box;
		const char *reason; /* NULL: it can */
	} cases[] = {
		{{.rate_hz = 1200, .alignment_s = 0.69e-3}, NULL},
		{{.rate_hz = 1200, .alignment_s = 0.70e-3}, "aligned to 0.7 ms only"},
		{{.rate_hz = 1199}, "under-sampled: 10 displacement samples per stroke"},
		{{.rate_hz = 10000, .missing = true}, "samples of the displacement device are missing"},
	};
	struct plant plant = plant_default(1.0, 120.0, 20000.0);
	struct both b;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		depth_with(&b, &plant, cases[i].box);
		const struct result *r = plant_result(&b.trial, "depth_mm", "displacement");
		assert_true(r->trusted == !cases[i].reason);
		if (cases[i].reason)
			assert_non_null(strstr(r->reason, cases[i].reason));
		assert_true(plant_result(&b.trial, "stroke_rate_hz", "realised")->trusted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_methods),
		cmocka_unit_test(displacement_alone),
		cmocka_unit_test(largest_of_equal_strokes),
		cmocka_unit_test(a_bar_that_is_no_eccentric),
		cmocka_unit_test(a_channel_that_ends_or_is_stuck),
		cmocka_unit_test(alignment_is_what_a_shift_does),
		cmocka_unit_test(a_box_that_cannot_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
