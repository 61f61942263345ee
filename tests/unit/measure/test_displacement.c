/* Depth by needle-bar displacement, and what both methods say of scatter: sd, tolerance interval, largest stroke. Held
 * against the strokes that the plant really made. */
#include <stdio.h>

#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

#define NOISE_MM 0.002
#define LSB_MM   0.0002

struct both {
	struct plant_trial trial;
	double largest_mm, sd_mm;
};

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
		frames[2 * i] = (int32_t)nearbyint((t->plant.protrusion_mm + NOISE_MM * pw1_normal(&random)) / LSB_MM);
	}
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
	if (!with_curve)
		strcpy(config.curve_reason, "no phantom");
	assert_int_equal(point_new(&config, &point), 0);
	point_on_stroke(point, plant_found, t);
	plant_phases(&t->plant, point);
	for (size_t i = 0; i < t->samples; i += 600) {
		struct sample_block block = {.channels = 2, .frames = 600, .first_index = i, .counts = frames + 2 * i};

		block.frames = block.frames < t->samples - i ? block.frames : (uint32_t)(t->samples - i);
		point_feed(point, &block);
	}
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
	assert_true(bound <= raw);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_methods),
		cmocka_unit_test(displacement_alone),
		cmocka_unit_test(largest_of_equal_strokes),
		cmocka_unit_test(a_channel_that_ends_or_is_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
