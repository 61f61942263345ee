/* A point against a known truth: workload PW1 against the bounds of measurement theory, the pen of plant.h over depth
 * and rate. Seeds are fixed; the ratios reached are printed and asserted with margin. */
#include <stdio.h>

#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"
#include "tests/unit/measure/pw1_trial.h"

#define PW1_SAMPLES 600000

static void pw1_case(const char *name, const struct pw1_config *pw1, double rmse_max, double bias_max)
{
	struct curve *curve = trial_curve();
	struct point_config config = trial_config(pw1, curve);
	struct trial t;

	trial_run(&t, pw1, &config, PW1_SAMPLES);

	double bound = trial_depth_bound(pw1), n = (double)t.matched;
	double rmse = sqrt(t.sum_square / n) / bound, bias = t.sum_error / n / bound;

	print_message("%-12s %2.0f dB: %zu strokes, depth RMSE/bound %.3f, bias/bound %+.3f\n", name, pw1->snr_db,
		      t.matched, rmse, bias);
	assert_int_equal(t.missed, 0);
	assert_int_equal(t.invented, 0);
	check_less(fabs((double)t.matched - PW1_SAMPLES / PW1_FS_HZ * pw1->rate_hz), 6.0);
	check_less(rmse, rmse_max);
	check_less(fabs(bias), bias_max);
	trial_end(&t);
	curve_free(curve);
}

static void pw1_at_three_noise_levels(void **state)
{
	(void)state;
	for (int snr = 20; snr <= 60; snr += 20) {
		struct pw1_config pw1 = pw1_default(snr);

		pw1_case("PW1", &pw1, 1.05, 0.15);
	}
}

static void pw1_variants(void **state)
{
	const double rates[] = {30.0, 90.0, 300.0}, duties[] = {0.25, 0.5};
	struct pw1_config pw1;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		pw1 = pw1_default(40.0);
		pw1.rate_hz = rates[i];
		pw1_case("other rate", &pw1, 1.15, 0.2);
	}
	for (unsigned i = 0; i < 2; i++) {
		pw1 = pw1_default(40.0);
		pw1.duty = duties[i];
		pw1_case("other duty", &pw1, 1.15, 0.2);
	}
	pw1 = pw1_default(40.0);
	pw1.hum_hz = 50.07;
	pw1.hum_wander_hz = 0.05;
	pw1_case("hum wanders", &pw1, 1.15, 0.2);
	pw1 = pw1_default(40.0);
	pw1.cell_hz = 1500.0;
	pw1.cell_damping = 0.03;
	pw1_case("cell 1.5 kHz", &pw1, 1.15, 0.2);
	pw1 = pw1_default(20.0);
	pw1.width_sd = 0.03;
	pw1_case("width 3 %", &pw1, 1.15, 0.2);
}

/* What needs longer than these 12 s to reach 1.15 (docs/method.md, "Limits"), and the hardest of the others. */
static void pw1_hard_variants(void **state)
{
	struct pw1_config pw1 = pw1_default(40.0);

	(void)state;
	pw1.duty = 0.9;
	pw1_case("duty 0.9", &pw1, 1.5, 0.2);
	pw1 = pw1_default(40.0);
	pw1.width_sd = 0.03;
	pw1_case("width 3 %", &pw1, 1.15, 0.2);
	pw1 = pw1_default(60.0);
	pw1.width_sd = 0.03;
	pw1_case("width 3 %", &pw1, 1.4, 0.4);
	pw1 = pw1_default(60.0);
	pw1.cell_hz = 1500.0;
	pw1.cell_damping = 0.03;
	pw1_case("cell 1.5 kHz", &pw1, 1.15, 0.2);
}

static void rate_kinds(void **state)
{
	struct pw1_config pw1 = pw1_default(40.0);
	struct point_config config = trial_config(&pw1, NULL);
	const struct result *r;
	struct trial t;

	(void)state;
	trial_run(&t, &pw1, &config, PW1_SAMPLES);
	r = trial_result(t.results, t.result_count, "stroke_rate_hz", "realised");
	check_near(r->value * (t.truth[t.matched - 1].start_s - t.truth[0].start_s) / (double)(t.matched - 1), 1.0,
		   1e-6);
	r = trial_result(t.results, t.result_count, "period_jitter_pct", NULL);
	assert_string_equal(r->method, "random_walk");
	check_near(r->value, 0.5, 0.05);
	trial_end(&t);

	pw1.jitter = 0.0;
	pw1.jitter_independent = 0.005;
	trial_run(&t, &pw1, &config, PW1_SAMPLES);
	r = trial_result(t.results, t.result_count, "period_jitter_pct", NULL);
	assert_string_equal(r->method, "independent");
	r = trial_result(t.results, t.result_count, "stroke_rate_hz", "nominal");
	/* slope of 1440 instants with 0.5 % of a period: 1e-7 relative */
	print_message("independent jitter: nominal rate off by %.3g ppm\n", 1e6 * (r->value / 120.0 - 1.0));
	check_near(r->value / 120.0, 1.0, 1e-6);
	check_less(fabs(r->value - 120.0), 2.0 * r->expanded_u);
	r = trial_result(t.results, t.result_count, "depth_mm", "force_equivalent");
	assert_false(r->valid);
	assert_true(r->reason[0] != '\0');
	trial_end(&t);
}

static void plant_case(const struct plant *plant, double *ret_worst)
{
	struct curve *curve = plant_curve(plant);
	struct point_config config = plant_config(plant, curve);
	const struct result *depth, *rate, *spin, *coast;
	struct plant_trial t;

	plant_generate(&t, plant);
	plant_measure(&t, &config);
	plant_score(&t);
	depth = plant_result(&t, "depth_mm", "force_equivalent");
	rate = plant_result(&t, "stroke_rate_hz", "realised");
	spin = plant_result(&t, "spin_up_s", NULL);
	coast = plant_result(&t, "coast_down_s", NULL);
	if (!depth->trusted || !rate->trusted)
		fail_msg("%.0f Hz, %.2f mm: %s%s", plant->rate_hz, plant->depth_mm, depth->reason, rate->reason);
	assert_int_equal(t.missed + t.invented, 0);
	check_near(depth->value, t.mean_depth_mm, 0.002);
	check_less(fabs(depth->value - t.mean_depth_mm), depth->expanded_u);
	check_near(rate->value / t.mean_rate_hz, 1.0, 0.00005);
	check_near(spin->value, t.spin_up_s, 0.010);
	check_near(coast->value, t.coast_down_s, 0.008);
	check_near(plant_result(&t, "depth_sd_mm", NULL)->value, plant->depth_sd_mm, 0.0015);
	check_near(plant_result(&t, "seating_force_n", NULL)->value, 0.304, 0.004);
	assert_int_equal((int)plant_result(&t, "missed_strokes", NULL)->value, 0);
	assert_int_equal((int)plant_result(&t, "double_strokes", NULL)->value, 0);
	*ret_worst = fmax(*ret_worst, fabs(depth->value - t.mean_depth_mm));
	plant_end(&t);
	curve_free(curve);
}

static void plant_over_depth_and_rate(void **state)
{
	const double depths[] = {0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0}, rates[] = {90.0, 120.0, 150.0, 300.0};
	double worst = 0.0;

	(void)state;
	for (unsigned r = 0; r < 4; r++) {
		for (unsigned d = 0; d < 7; d++) {
			struct plant plant = plant_default(depths[d], rates[r], 50000.0);

			plant_case(&plant, &worst);
		}
	}
	print_message("plant, 50 kS/s, 0.2-3 mm, 90-300 Hz: worst mean depth error %.2f um\n", 1e3 * worst);
}

static void plant_at_10_ks(void **state)
{
	const double depths[] = {0.2, 1.0, 2.0, 3.0};
	double worst = 0.0;

	(void)state;
	for (unsigned d = 0; d < 4; d++) {
		struct plant plant = plant_default(depths[d], 120.0, 10000.0);

		plant_case(&plant, &worst);
	}
	print_message("plant, 10 kS/s: worst mean depth error %.2f um\n", 1e3 * worst);
}

/* Other strokes (2 e = 3.0 and 3.2 mm: the deepest setting with no gap at all, and with one), rates off the round
 * numbers, jitter, hum frequency, spin-up and coast-down times. */
static void plant_other_pens(void **state)
{
	const double depths[] = {0.6, 1.2, 1.8, 2.4, 3.0}, jitters[] = {0.001, 0.003, 0.01};
	double worst = 0.0;

	(void)state;
	for (unsigned i = 0; i < 15; i++) {
		struct plant plant = plant_default(depths[i % 5], 91.0 + (i * 53) % 207, i % 2 ? 20000.0 : 50000.0);

		plant.eccentric_mm = i % 3 ? 1.5 : 1.6;
		plant.speed_jitter = jitters[i % 3];
		plant.seed = 100 + i;
		plant.hum_hz = 49.9 + 0.05 * (i % 5);
		plant.spin_tau_s = 0.03 + 0.02 * (i % 4);
		plant.coast_tau_s = 0.02 + 0.02 * (i % 4);
		plant.measure_s = 1.5;
		struct curve *curve = plant_curve(&plant);
		struct point_config config = plant_config(&plant, curve);
		struct plant_trial t;

		plant_generate(&t, &plant);
		plant_measure(&t, &config);
		plant_score(&t);
		const struct result *depth = plant_result(&t, "depth_mm", "force_equivalent");

		assert_true(depth->trusted);
		assert_int_equal(t.window_missed + t.window_invented + t.invented, 0);
		check_near(depth->value, t.mean_depth_mm, 0.002);
		check_near(plant_result(&t, "stroke_rate_hz", "realised")->value / t.mean_rate_hz, 1.0, 0.00005);
		worst = fmax(worst, fabs(depth->value - t.mean_depth_mm));
		plant_end(&t);
		curve_free(curve);
	}
	print_message("plant, 15 other pens: worst mean depth error %.2f um\n", 1e3 * worst);
}

/* A cell at critical damping has no ring to model; at 20 kS/s it is resolved well enough for one. */
static void plant_on_a_damped_cell(void **state)
{
	double worst = 0.0;

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		struct plant plant = plant_default(1.0, 120.0, 20000.0);

		plant.cell_damping = k == 0 ? 1.0 : k == 1 ? 0.92 : 0.88;
		plant_case(&plant, &worst);
	}
}

/* The pen dwells at another rate and comes to the set one well before the window: the template learned in between fits
 * another time scale, and the one that counts must not inherit from it. */
static void plant_at_two_speeds(void **state)
{
	const double early_hz[] = {90.0, 97.0, 103.0, 150.0};
	double worst = 0.0;

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		struct plant plant = plant_default(1.0, 120.0, 20000.0);

		plant.settle_s = 2.3;
		plant.measure_s = 0.5;
		plant.depth_sd_mm = 0.002;
		struct plant_trial t;

		plant_generate(&t, &plant);
		t.plant = plant;
		plant_start(&t.plant);
		for (size_t i = 0; i < t.samples; i++) {
			double t_s = (double)i / plant.fs_hz;

			t.plant.rate_hz = t_s < t.plant.measure_from_s - 0.8 ? early_hz[k] : plant.rate_hz;
			t.counts[i] = plant_sample(&t.plant, i);
		}
		struct curve *curve = plant_curve(&plant);
		struct point_config config = plant_config(&plant, curve);

		plant_measure(&t, &config);
		plant_score(&t);
		const struct result *depth = plant_result(&t, "depth_mm", "force_equivalent");

		if (!depth->trusted)
			fail_msg("spun up by way of %.0f Hz: %s", early_hz[k], depth->reason);
		check_near(depth->value, t.mean_depth_mm, 0.001);
		worst = fmax(worst, fabs(depth->value - t.mean_depth_mm));
		plant_end(&t);
		curve_free(curve);
	}
	print_message("plant, spun up by way of another rate: worst mean depth error %.2f um\n", 1e3 * worst);
}

/* A line of the other mains at the stroke rate: nobody tracks its frequency, so the tare says nothing of its phase
 * later on. It stays in the samples, and in the budget. */
static void plant_under_the_other_mains(void **state)
{
	const unsigned phases = 8;

	(void)state;
	for (unsigned k = 0; k < phases; k++) {
		struct plant plant = plant_default(1.0, 60.0, 10000.0);
		struct plant_trial t;

		plant.seed = k + 1;
		plant.depth_sd_mm = 0.001;
		plant.hum_n = 0.0;
		plant.speed_jitter = 0.0002;
		plant.cell_hz = 0.0;
		plant_generate(&t, &plant);
		for (size_t i = 0; i < t.samples; i++)
			t.counts[i] += (int32_t)nearbyint(
				0.010 / plant.lsb_n *
				sin(2.0 * M_PI * (60.15 * (double)i / plant.fs_hz + (double)k / phases)));
		struct curve *curve = plant_curve(&plant);
		struct point_config config = plant_config(&plant, curve);

		plant_measure(&t, &config);
		plant_score(&t);
		const struct result *depth = plant_result(&t, "depth_mm", "force_equivalent");

		check_less(fabs(depth->value - t.mean_depth_mm), depth->expanded_u);
		plant_end(&t);
		curve_free(curve);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pw1_at_three_noise_levels), cmocka_unit_test(pw1_variants),
		cmocka_unit_test(pw1_hard_variants),         cmocka_unit_test(rate_kinds),
		cmocka_unit_test(plant_over_depth_and_rate), cmocka_unit_test(plant_at_10_ks),
		cmocka_unit_test(plant_other_pens),          cmocka_unit_test(plant_on_a_damped_cell),
		cmocka_unit_test(plant_at_two_speeds),       cmocka_unit_test(plant_under_the_other_mains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
