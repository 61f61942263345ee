/* Jitter, and the level between strokes, on recordings whose truth is known: a level that jumps is named, what moves instants
 * is in the jitter's uncertainty or named, and noise is not counted as strokes. */
#include <string.h>

#include "rig/measure/checks/level_jump.h"
#include "tests/bench/misfit_trial.h"
#include "tests/bench/misfits.h"
#include "tests/bench/pw1.h"
#include "tests/unit/measure/check.h"

#define TRIALS 4

static struct misfit_outcome outcome_of(const char *family, double severity, unsigned trial)
{
	struct recording r = misfit_recording(misfit_family_find(family), severity, trial);
	struct misfit_outcome ret;

	misfit_run(&r, &ret);
	return ret;
}

static void add_gap(struct level_jump *jump, double off_n, bool next)
{
	level_jump_add(jump, &(struct level_gap){off_n, off_n, 40, 0.0}, next);
}

/* What moves the force between strokes is told from noise, in the gaps' means, only in their halves, or only in their samples. */
static void what_moves_between_strokes_is_seen(void **state)
{
	const double noise_n = 0.001, amplitude_n = 0.01;
	struct pw1_random random = {.state = 11};

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct level_jump jump = {.gaps = 0};

		for (unsigned i = 0; i < 300; i++) {
			double first = amplitude_n * (kind == 1) * (i % 2 ? 1.0 : -1.0) +
				       noise_n / sqrt(40.0) * pw1_normal(&random);
			double second = first + amplitude_n * (kind == 2) * (i % 2 ? 2.0 : -2.0);

			first -= amplitude_n * (kind == 2) * (i % 2 ? 1.0 : -1.0);
			second -= amplitude_n * (kind == 2) * (i % 2 ? 1.0 : -1.0);

			double square = noise_n * noise_n + 0.5 * amplitude_n * amplitude_n * (kind == 3);

			level_jump_add(&jump, &(struct level_gap){first, second, 40, square}, true);
		}

		double moved = level_jump_moved(&jump, noise_n * noise_n, noise_n * noise_n);

		if (kind == 0)
			check_near(moved, 0.0, 0.0);
		else if (kind == 3) /* a line that has no mean in either half: all strokes may meet its crest */
			check_near(moved, amplitude_n * amplitude_n, 1e-3 * amplitude_n * amplitude_n);
		else
			check_near(moved, amplitude_n * amplitude_n / M_LN2, 0.1 * amplitude_n * amplitude_n);
	}
}

/* The lesser of two neighbours counts, against the median of all; a gap alone is a knock, and gaps apart are no neighbours. */
static void neighbours_tell_a_jump(void **state)
{
	struct level_jump jump = {.gaps = 0};

	(void)state;
	for (unsigned i = 0; i < 3 * JUMP_KEPT; i++)
		add_gap(&jump, i % 2 ? 0.001 : -0.001, true);
	check_near(level_jump_look(&jump).largest_n, 0.001, 1e-9);
	check_near(level_jump_look(&jump).usual_n, 0.001 / 0.67449, 1e-8);
	add_gap(&jump, 0.5, true);
	add_gap(&jump, 0.001, true);
	check_near(level_jump_look(&jump).largest_n, 0.001, 1e-9);
	add_gap(&jump, 0.02, true);
	add_gap(&jump, -0.03, false);
	check_near(level_jump_look(&jump).largest_n, 0.001, 1e-9);
	add_gap(&jump, 0.02, true);
	check_near(level_jump_look(&jump).largest_n, 0.02, 1e-9);
	check_near(level_jump_look(&jump).usual_n, 0.001 / 0.67449, 1e-8);
}

/* A moving average as long as a flank rounds the flank, too: a path through that hides most of it. */
static void a_filter_as_slow_as_the_pulse_is_refused(void **state)
{
	(void)state;
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct misfit_outcome o = outcome_of("running-average", 40, trial);

		assert_int_equal(o.state[CHECK_CELL], CHECK_TRIPPED);
		assert_false(o.claim[CLAIM_DEPTH].trusted || o.claim[CLAIM_DEPTH_MAX].trusted);
		assert_non_null(strstr(o.claim[CLAIM_DEPTH].reason, "filter"));
		assert_true(o.claim[CLAIM_RATE].trusted);
	}
}

/* Nor do strokes of different depths, a cell that is declared, a short pulse or noise hide it: refused, or inside U. */
static void nothing_hides_a_slow_filter(void **state)
{
	static const struct {
		double sd_mm, cell_hz, damping, rate_hz, duty, snr_db;
	} rows[] = {{0.05, 0.0, 0.0, 120.0, 0.4, 40.0},
		    {0.008, 3000.0, 0.02, 120.0, 0.4, 40.0},
		    {0.008, 1000.0, 0.05, 120.0, 0.4, 40.0},
		    {0.008, 0.0, 0.0, 180.0, 0.3, 40.0},
		    {0.008, 0.0, 0.0, 120.0, 0.4, 28.0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned trial = 0; trial < 2; trial++) {
			struct recording r = misfit_recording(misfit_family_find("running-average"), 40, 2 * trial);
			struct misfit_outcome o;

			r.depth_sd_mm = rows[i].sd_mm;
			r.cell_hz = r.declared_hz = rows[i].cell_hz;
			r.cell_damping = r.declared_damping = rows[i].damping;
			r.rate_hz = rows[i].rate_hz;
			r.duty = rows[i].duty;
			r.snr_db = rows[i].snr_db;
			misfit_run(&r, &o);
			if (o.claim[CLAIM_DEPTH].trusted &&
			    fabs(o.claim[CLAIM_DEPTH].error) > o.claim[CLAIM_DEPTH].expanded_u)
				fail_msg("row %u: error %g mm, U %g mm", i, o.claim[CLAIM_DEPTH].error,
					 o.claim[CLAIM_DEPTH].expanded_u);
		}
	}
}

/* At other multiples of the rate than the halves of a gap are blind to, too. */
static void a_locked_line_is_in_the_scatter(void **state)
{
	static const double multiples[] = {2.5, 3.3, 3.5, 4.5};

	(void)state;
	for (unsigned i = 0; i < sizeof(multiples) / sizeof(multiples[0]); i++) {
		for (unsigned trial = 0; trial < 2; trial++) {
			struct recording r =
				misfit_recording(misfit_family_find("motor-1.5-times-rate"), 0.01, 2 * trial);
			struct misfit_outcome o;

			r.misfit.line_hz = multiples[i] * r.rate_hz;
			misfit_run(&r, &o);
			if (o.claim[CLAIM_DEPTH_SD].trusted)
				check_less(fabs(o.claim[CLAIM_DEPTH_SD].error), o.claim[CLAIM_DEPTH_SD].expanded_u);
		}
	}
}

/* A motor that shakes the bench is in no tare: what it does to each stroke is in the uncertainty of their scatter. */
static void a_motor_that_shakes_is_in_the_scatter(void **state)
{
	static const char *const families[] = {"motor-73Hz", "motor-1.5-times-rate"};

	(void)state;
	for (unsigned i = 0; i < 2 * TRIALS; i++) {
		struct misfit_outcome o = outcome_of(families[i % 2], 0.01, i / 2);
		const struct claim_outcome *sd = &o.claim[CLAIM_DEPTH_SD], *largest = &o.claim[CLAIM_DEPTH_MAX];

		assert_true(sd->trusted && largest->trusted);
		assert_true(fabs(sd->error) <= sd->expanded_u);
		assert_true(fabs(largest->error) <= largest->expanded_u);
	}
}

static void a_jump_is_named(void **state)
{
	(void)state;
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct misfit_outcome o = outcome_of("step", 0.05, trial);
		const struct claim_outcome *largest = &o.claim[CLAIM_DEPTH_MAX];

		assert_int_equal(o.state[CHECK_LEVEL_JUMP], CHECK_TRIPPED);
		assert_false(largest->trusted);
		assert_non_null(strstr(largest->reason, "the level jumps between strokes"));
		assert_false(o.claim[CLAIM_JITTER].trusted);
		assert_true(o.claim[CLAIM_RATE].trusted);
	}
}

/* Doubted by the check that sees what moves the instants; the rate stands. */
static void what_moves_instants_doubts_jitter(void **state)
{
	static const struct {
		const char *family;
		double severity;
		const char *reason;
	} rows[] = {
		{"bounce", 0.1, "bounce"},
		{"adhesion", 0.2, ""},
		{"inertia-opposed", -0.03, ""},
		{"cell-undeclared", 1000, ""},
		{"vibration-41Hz", 0.02, "the tare has a line"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned trial = 0; trial < TRIALS; trial++) {
			struct misfit_outcome o = outcome_of(rows[i].family, rows[i].severity, trial);
			const struct claim_outcome *jitter = &o.claim[CLAIM_JITTER];

			if (jitter->trusted || !strstr(jitter->reason, rows[i].reason))
				fail_msg("%s %g, trial %u: \"%s\"", rows[i].family, rows[i].severity, trial,
					 jitter->reason);
		}
	}
}

/* Steps of a coarse converter, and noise that wanders from stroke to stroke, act on instants as no white noise does. */
static void strange_noise_is_in_the_jitter(void **state)
{
	static const struct {
		const char *family;
		double severity;
	} rows[] = {{"noise-20Hz", 40}, {"noise-20Hz", 30}, {"bits", 10}, {"clip-10-bit", 0.02}, {"fits-noise", 20}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned trusted = 0;

		for (unsigned trial = 0; trial < 2 * TRIALS; trial++) {
			struct misfit_outcome o = outcome_of(rows[i].family, rows[i].severity, trial);
			const struct claim_outcome *jitter = &o.claim[CLAIM_JITTER];

			trusted += jitter->trusted;
			if (jitter->trusted && fabs(jitter->error) > jitter->expanded_u)
				fail_msg("%s %g, trial %u: error %g, U %g", rows[i].family, rows[i].severity, trial,
					 jitter->error, jitter->expanded_u);
		}
		assert_in_range(trusted, TRIALS, 2 * TRIALS);
	}
}

/* At 20 dB with impulses of fifteen times the noise no count of strokes is believed; nor where a knock looks like a short one. */
static void noise_is_not_counted(void **state)
{
	(void)state;
	assert_false(outcome_of("impulses", 5, 13).miscounted);
	assert_false(outcome_of("impulses", 30, 13).miscounted);
	for (unsigned trial = 0; trial < TRIALS; trial++)
		assert_false(outcome_of("noise-impulsive", 20, trial).miscounted);
}

/* Knots that are nearer than noise allows put it into instants: jitter of 0.3 % at 20 dB read 0.16 % too high. */
static void noise_of_the_template_is_in_no_instant(void **state)
{
	double sum = 0.0;

	(void)state;
	for (unsigned k = 0; k < 40; k++)
		sum += outcome_of("fits-jitter-20dB", 0.3, 5000 + k).claim[CLAIM_JITTER].error;
	print_message("jitter of 0.3 %% at 20 dB: %+.4f %% off in the mean\n", sum / 40.0);
	check_less(fabs(sum / 40.0), 0.05);
}

/* Noise, baseline and what the pen does behind the window are in what the ends of the realised rate may be off; the clock's part
 * is taken off. */
static double rate_error_over_u(const char *family, double severity, unsigned trials)
{
	double squares = 0.0, n = 0.0;

	for (unsigned k = 0; k < trials; k++) {
		struct recording r = misfit_recording(misfit_family_find(family), severity, 5000 + k);
		struct misfit_outcome o = outcome_of(family, severity, 5000 + k);
		const struct claim_outcome *rate = &o.claim[CLAIM_RATE];
		double clock = 1.96 * r.clock_rel * rate->value,
		       u2 = rate->expanded_u * rate->expanded_u - clock * clock;

		if (!rate->trusted || !(u2 > 0.0))
			continue;
		squares += pow(1.96 * rate->error, 2.0) / u2;
		n++;
	}
	print_message("%s %g: realised rate's error over its u %.2f rms, %g windows\n", family, severity,
		      sqrt(squares / n), n);
	return sqrt(squares / n);
}

static void the_ends_of_a_rate_are_as_sure_as_is_said(void **state)
{
	(void)state;
	check_less(rate_error_over_u("fits-jitter", 0.1, 60), 1.0); /* 2.4 where what comes next is not looked at */
	check_less(rate_error_over_u("fits-jitter-20dB", 0.3, 60), 1.0);
}

/* A pen that stands or slows from its window's last deepest point on moves that stroke's instant: neither rate nor jitter takes it
 * for the pen's. Worst error over U; all are trusted. */
static void a_stop_at_the_last_stroke_moves_neither_rate_nor_jitter(void **state)
{
	static const char *const family[] = {"fits-stands-at-end", "fits-slows-at-end"};
	double rate = 0.0, jitter = 0.0;

	(void)state;
	for (unsigned f = 0; f < 2; f++) {
		for (unsigned k = 0; k < 20; k++) {
			struct misfit_outcome o = outcome_of(family[f], 0.6, 5000 + k);
			const struct claim_outcome *r = &o.claim[CLAIM_RATE], *j = &o.claim[CLAIM_JITTER];

			assert_true(r->trusted && j->trusted);
			rate = fmax(rate, fabs(r->error) / r->expanded_u);
			jitter = fmax(jitter, fabs(j->error) / j->expanded_u);
			check_less(r->expanded_u, 0.002 * r->value);
		}
	}
	print_message("pens that stop at the window's last stroke: rate within %.2f U, jitter within %.2f\n", rate,
		      jitter);
	check_less(rate, 1.5); /* 38 where the last stroke is taken for the pen's */
	check_less(jitter, 1.5);
}

/* Of the realised rate. */
static double ends_of(const struct recording *r, const struct take *take)
{
	struct misfit_results results;

	misfit_measure(r, take, &results);
	const struct result *rate = misfit_find(&results, "stroke_rate_hz", "realised");

	for (unsigned i = 0; i < rate->budget_lines; i++) {
		if (strcmp(rate->budget[i].name, "ends") == 0)
			return rate->budget[i].u;
	}
	return 0.0;
}

/* Of a pen whose speed changes at the deepest point, a window whose last stroke is the one at which it slows down. */
static void a_change_at_the_last_stroke_is_in_the_ends(void **state)
{
	struct recording r = recording_nominal(5);
	struct take take;

	(void)state;
	r.speed_change = SPEED_AT_DEEPEST;
	r.jitter = 0.003;
	recording_make(&r, &take);
	double before = ends_of(&r, &take);

	take.coast += (uint64_t)(r.fs_hz / r.rate_hz);
	double slowing = ends_of(&r, &take);

	take_free(&take);
	print_message("ends of a window before the pen slows down, and of one as it does: %.3g, %.3g Hz\n", before,
		      slowing);
	check_less(5.0 * before, slowing);
}

/* Three intervals and fewer are alike by chance: neither the realised rate nor the nominal one is surer than they are. */
static void a_few_strokes_are_not_sure_of_a_rate(void **state)
{
	struct misfit_results results;
	struct take take;

	(void)state;
	for (unsigned strokes = 3; strokes <= 5; strokes++) {
		double realised_off = 0.0;
		unsigned nominal_off = 0, seen = 0;

		for (unsigned k = 0; k < 40; k++) {
			struct recording r = recording_nominal(1000 + 7 * k);

			r.window_s = (strokes + 0.01) / r.rate_hz;
			r.jitter = 0.03;
			r.speed_change = SPEED_IN_GAP;
			recording_make(&r, &take);
			misfit_measure(&r, &take, &results);
			const struct result *realised = misfit_find(&results, "stroke_rate_hz", "realised"),
					    *nominal = misfit_find(&results, "stroke_rate_hz", "nominal");

			if (realised->n < 3) {
				take_free(&take);
				continue;
			}
			seen++;
			assert_true(realised->trusted && nominal->trusted);
			realised_off =
				fmax(realised_off, fabs(realised->value - take.truth.rate_hz) / realised->expanded_u);
			nominal_off += fabs(nominal->value - r.rate_hz) > nominal->expanded_u;
			take_free(&take);
		}
		print_message("%u strokes: realised rate within %.2f U, nominal outside U in %u of %u\n", strokes,
			      realised_off, nominal_off, seen);
		assert_true(seen >= 35);
		check_less(realised_off, 1.1); /* 8.9 of 4 strokes where the last interval is not looked at */
		assert_true(nominal_off <= 6); /* 27 and 30 of 3 and 4 where nothing but noise is */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_tell_a_jump),
		cmocka_unit_test(what_moves_between_strokes_is_seen),
		cmocka_unit_test(a_filter_as_slow_as_the_pulse_is_refused),
		cmocka_unit_test(nothing_hides_a_slow_filter),
		cmocka_unit_test(a_motor_that_shakes_is_in_the_scatter),
		cmocka_unit_test(a_locked_line_is_in_the_scatter),
		cmocka_unit_test(a_jump_is_named),
		cmocka_unit_test(what_moves_instants_doubts_jitter),
		cmocka_unit_test(strange_noise_is_in_the_jitter),
		cmocka_unit_test(noise_is_not_counted),
		cmocka_unit_test(noise_of_the_template_is_in_no_instant),
		cmocka_unit_test(a_change_at_the_last_stroke_is_in_the_ends),
		cmocka_unit_test(a_stop_at_the_last_stroke_moves_neither_rate_nor_jitter),
		cmocka_unit_test(the_ends_of_a_rate_are_as_sure_as_is_said),
		cmocka_unit_test(a_few_strokes_are_not_sure_of_a_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
