/* The load cell from what it does where contact ends: rings and feet of known making alone, and pens on cells that the
 * bench file does not tell rightly. */
#include <string.h>

#include "tests/bench/misfit_trial.h"
#include "tests/bench/misfits.h"
#include "tests/unit/measure/check.h"

#include "rig/measure/checks/foot.h"
#include "rig/measure/checks/mean_pulse.h"
#include "rig/measure/checks/ring.h"
#include "tests/unit/measure/plant_trial.h"

#define NOISE_N   0.001
#define WEIGHT    100.0
#define SLOPE_N   -0.01
#define RING_Z    20.0
#define STRETCH_N 400

/* ---- ring ------------------------------------------------------------------------------------------------------- */

/* Four points to a sample, each the mean of WEIGHT noisy samples, with a bend. */
static struct points quiet_points(uint64_t seed)
{
	struct points p = {.n = STRETCH_N, .first = 30.0, .step = 0.25};
	struct pw1_random random = pw1_seeded(seed);

	for (unsigned i = 0; i < p.n; i++) {
		double v = (double)i / p.n;

		p.weight[i] = WEIGHT;
		p.y[i] = 0.002 * v - 0.003 * v * v + NOISE_N / sqrt(WEIGHT) * pw1_normal(&random);
	}
	return p;
}

static void add_ring(struct points *p, double cycles, double damping, double amplitude_n)
{
	double w = 2.0 * M_PI * cycles;

	for (unsigned i = 0; i < p->n; i++) {
		double t = p->step * i;

		p->y[i] += amplitude_n * exp(-damping * w * t) * cos(w * sqrt(1.0 - damping * damping) * t + 0.4);
	}
}

static struct ring find(const struct points *p)
{
	const struct ring_question question = {.noise_n = NOISE_N, .slope_n = SLOPE_N};
	struct ring ring;

	ring_find(p, &question, &ring);
	return ring;
}

static void a_ring_is_found(void **state)
{
	static const struct {
		double cycles, damping;
	} rows[] = {{0.04, 0.02}, {0.05, 0.1}, {0.05, 0.3}, {0.1, 0.03}, {0.2, 0.05}, {0.3, 0.02}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct points p = quiet_points(i);
		double kick_n = -SLOPE_N / (2.0 * M_PI * rows[i].cycles);

		add_ring(&p, rows[i].cycles, rows[i].damping, kick_n);
		struct ring ring = find(&p);

		assert_true(ring.looked && ring.seen);
		check_less(RING_Z, ring.z);
		check_near(ring.cycles / rows[i].cycles, 1.0, 5.0 * ring.u_cycles_rel);
		check_near(ring.damping, rows[i].damping, 5.0 * ring.u_damping);
		check_near(ring.amplitude_n, kick_n, 0.1 * kick_n);
		check_less(ring.u_cycles_rel, 0.02);
	}
}

/* What is stated of it is what it scatters by. */
static void a_ring_scatters_as_stated(void **state)
{
	double squares = 0.0, damping_squares = 0.0;
	const unsigned n = 60;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct points p = quiet_points(100 + i);

		add_ring(&p, 0.05, 0.05, 0.01);
		struct ring ring = find(&p);

		assert_true(ring.seen);
		squares += pow((ring.cycles / 0.05 - 1.0) / ring.u_cycles_rel, 2.0);
		damping_squares += pow((ring.damping - 0.05) / ring.u_damping, 2.0);
	}
	check_near(sqrt(squares / n), 1.0, 0.35);
	check_near(sqrt(damping_squares / n), 1.0, 0.35);
}

static void noise_is_no_ring(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct points p = quiet_points(1000 + i);
		struct ring ring = find(&p);

		assert_true(ring.looked);
		assert_false(ring.seen);
		check_less(ring.z, 6.0);
	}
}

/* Half a sine of force, as of needles that stick or bounce: no cell of its frequency would be let go so gently. */
static void a_lobe_is_no_ring(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct points p = quiet_points(i);

		for (unsigned k = 40; k < 160; k++)
			p.y[k] += (i % 2 ? 0.001 : -0.001) * (1.0 + i) * sin(M_PI * (k - 40.0) / 120.0);
		assert_false(find(&p).seen);
	}
}

static void a_short_gap_shows_nothing(void **state)
{
	struct points p = quiet_points(3);

	(void)state;
	p.n = 44; /* 11 samples */
	assert_false(find(&p).looked);
	p.n = 52;
	assert_true(find(&p).looked);
}

/* ---- mean pulse ------------------------------------------------------------------------------------------------- */

/* Strokes at all places between samples lie upon each other; what the flat samples lack of the raw ones comes back. */
static void strokes_are_folded_where_they_are(void **state)
{
	enum { N = 400 };
	struct mean_pulse mean;
	float raw[N], force[N], flat[N];
	struct points points;

	(void)state;
	assert_int_equal(mean_pulse_init(&mean, 40, 60), 0);
	for (unsigned k = 0; k < 16; k++) {
		double at = 150.0 + k / 16.0;
		const struct mean_source source = {raw, force, flat, 0.0};

		for (unsigned i = 0; i < N; i++) {
			flat[i] = (float)(100.0 - fabs(i - at));
			force[i] = flat[i] + 7.0F;
			raw[i] = force[i] + 0.5F;
		}
		assert_true(mean_pulse_wants(&mean));
		mean_pulse_add(&mean, &source, at);
	}
	assert_int_equal(mean_pulse_strokes(&mean), 16);
	mean_pulse_points(&mean, NULL, -30.0, 50.0, &points);
	assert_int_equal(points.n, 321);
	for (unsigned i = 0; i < points.n; i++) {
		double at = points_at(&points, i);

		check_near(points.weight[i], 4.0, 0.0);
		check_near(points.y[i], 100.5 - fabs(at), 0.1);
	}

	const double average[3] = {0.25, 0.5, 0.25};

	mean_pulse_points(&mean, &(struct mean_filter){average, 1}, -0.25, 0.25, &points);
	check_near(points.y[1], 100.0, 0.1);
	mean_pulse_points(&mean, NULL, -40.0, 60.0, &points); /* 401 of them, and none before */
	check_near(points.first, -40.0, 0.25);
	mean_pulse_points(&mean, NULL, 80.0, 90.0, &points);
	check_near(points.weight[0], 0.0, 0.0);
	mean_pulse_release(&mean);
}

static void later_strokes_are_thinned_out(void **state)
{
	struct mean_pulse mean;
	unsigned wanted = 0;

	(void)state;
	assert_int_equal(mean_pulse_init(&mean, 1, 1), 0);
	for (unsigned i = 0; i < 256 + 800; i++)
		wanted += mean_pulse_wants(&mean);
	assert_int_equal(wanted, 256 + 100);
	mean_pulse_release(&mean);
}

/* ---- pens ------------------------------------------------------------------------------------------------------- */

struct bench {
	double hz, damping;                   /* of the cell; 0: stiff */
	double declared_hz, declared_damping; /* 0: not declared */
	double bandwidth_hz;
	double eccentric_mm; /* the longer, the shorter the contact */
};

static struct plant_trial measured(const struct bench *b)
{
	struct plant plant = plant_default(1.0, 120.0, 20000.0);
	struct plant_trial t;

	plant.cell_hz = b->hz;
	plant.cell_damping = b->damping;
	plant.eccentric_mm = b->eccentric_mm > 0.0 ? b->eccentric_mm : plant.eccentric_mm;
	plant.measure_s = 1.5;
	plant_generate(&t, &plant);

	struct curve *curve = plant_curve(&plant);
	struct point_config config = plant_config(&plant, curve);

	config.cell = (struct load_cell){.hz = b->declared_hz, .damping = b->declared_damping};
	config.bandwidth_hz = b->bandwidth_hz;
	plant_measure(&t, &config);
	plant_score(&t);
	curve_free(curve);
	return t;
}

static void assert_state(const struct bench *b, enum check_state state, const char *reason)
{
	struct plant_trial t = measured(b);
	const struct check_result *check = plant_check(&t, CHECK_CELL);
	const struct result *depth = plant_result(&t, "depth_mm", "force_equivalent");

	assert_non_null(check);
	if (check->state != state || !strstr(check->reason, reason))
		fail_msg("cell of %g Hz: %s, \"%s\"", b->hz, check_state_name(check->state), check->reason);
	if (state == CHECK_PASSED)
		check_less(fabs(depth->value - t.mean_depth_mm), depth->expanded_u);
	else
		assert_non_null(strstr(depth->reason, reason));
	assert_int_equal(depth->trusted, state == CHECK_PASSED);
	plant_end(&t);
}

static void a_cell_as_declared_passes(void **state)
{
	const struct bench benches[] = {
		{2000, 0.05, 2000, 0.05, 0, 0}, {1000, 0.1, 1000, 0.1, 0, 0}, {5000, 0.05, 5000, 0.05, 0, 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
		assert_state(&benches[i], CHECK_PASSED, "");
}

static void a_cell_a_little_off_is_carried(void **state)
{
	(void)state;
	assert_state(&(struct bench){1000, 0.05, 1020, 0.05, 0, 0}, CHECK_PASSED, "");
	assert_state(&(struct bench){1000, 0.05, 960, 0.05, 0, 0}, CHECK_PASSED, "");
	assert_state(&(struct bench){1000, 0.05, 1000, 0.08, 0, 0}, CHECK_PASSED, "");
}

static void a_cell_that_moved_is_refused(void **state)
{
	(void)state;
	assert_state(&(struct bench){1000, 0.05, 1100, 0.05, 0, 0}, CHECK_TRIPPED, "Hz, declared are 1100 Hz");
	assert_state(&(struct bench){2000, 0.05, 1800, 0.05, 0, 0}, CHECK_TRIPPED, "Hz, declared are 1800 Hz");
	assert_state(&(struct bench){1000, 0.05, 1000, 0.4, 0, 0}, CHECK_TRIPPED, "with a damping of 0.0");
	assert_state(&(struct bench){0, 0.05, 1000, 0.05, 0, 0}, CHECK_TRIPPED, "does not ring at 1000 Hz");
}

static void an_undeclared_cell_that_rings_is_refused(void **state)
{
	(void)state;
	assert_state(&(struct bench){1000, 0.05, 0, 0, 0, 0}, CHECK_TRIPPED, "load cell rings at 100");
	assert_state(&(struct bench){1000, 0.3, 0, 0, 0, 0}, CHECK_TRIPPED, "and is not declared");
	assert_state(&(struct bench){1250, 0.02, 0, 0, 8000, 0}, CHECK_TRIPPED, "load cell rings at 125");
}

/* It does not ring: it rounds the end of contact. */
static void an_undeclared_cell_that_is_damped_is_refused(void **state)
{
	(void)state;
	assert_state(&(struct bench){700, 1.0, 0, 0, 0, 0}, CHECK_TRIPPED, "contact ends as behind a load cell");
	assert_state(&(struct bench){800, 0.9, 0, 0, 8000, 0}, CHECK_TRIPPED, "contact ends as behind a load cell");
}

/* Stiff it is declared, and is another that does not ring: nothing says that it is the one declared. */
static void another_cell_that_is_damped_is_refused(void **state)
{
	const struct bench benches[] = {
		{700, 1.0, 5000, 0.05, 0, 0}, {900, 1.9, 5000, 0.05, 0, 0}, {1500, 1.5, 5000, 0.05, 0, 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
		assert_state(&benches[i], CHECK_TRIPPED, "slower than is declared");
}

/* A little slower: the line carries it. */
static void another_cell_that_does_little_is_carried(void **state)
{
	(void)state;
	assert_state(&(struct bench){4000, 1.0, 5000, 0.05, 0, 0}, CHECK_PASSED, "");
	assert_state(&(struct bench){5000, 0.3, 5000, 0.05, 0, 0}, CHECK_PASSED, "");
}

/* Needles that stay in the phantom: what is undone for the cell is the bench file's word, and all of it is in U. */
/* Three averages, longer than the flank: a path nearer to the top shows less of them, not more. */
static void filters_longer_than_the_flank_are_refused(void **state)
{
	static const unsigned trials[] = {5, 37, 41};

	(void)state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct recording r = misfit_recording(misfit_family_find("filter-sinc3"), 250.0, trials[i]);
		struct misfit_outcome o;

		misfit_run(&r, &o);
		assert_int_equal(o.state[CHECK_CELL], CHECK_TRIPPED);
		assert_non_null(strstr(o.claim[CLAIM_DEPTH].reason, "pulses are rounded as behind a filter"));
	}
}

static void no_gap_takes_the_word_for_the_cell(void **state)
{
	const double never_off_mm = 0.4995;
	struct plant_trial t = measured(&(struct bench){1500, 0.05, 1500, 0.05, 0, never_off_mm});
	const struct check_result *check = plant_check(&t, CHECK_CELL);

	(void)state;
	assert_int_equal(check->state, CHECK_PASSED);
	check_less(0.001, fabs(check->effect_mm));
	check_near(check->u_mm, 0.94 * fabs(check->effect_mm), 1e-9);
	plant_end(&t);
}

static void an_undeclared_cell_that_does_little_is_carried(void **state)
{
	const struct bench benches[] = {
		{5000, 0.05, 0, 0, 0, 0}, {4000, 0.3, 0, 0, 0, 0}, {3000, 1, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
		assert_state(&benches[i], CHECK_PASSED, "");
}

/* Needles that stay in the phantom: nothing rings there. That they stay is a check of its own. */
static void no_gap_and_nothing_declared_is_no_check(void **state)
{
	const double never_off_mm = 0.4995;
	struct plant_trial t = measured(&(struct bench){0, 0, 0, 0, 0, never_off_mm});
	const struct check_result *check = plant_check(&t, CHECK_CELL);

	(void)state;
	assert_int_equal(check->state, CHECK_NOT_MADE);
	assert_non_null(
		strstr(check->reason, "to see whether the load cell rings: declare \"cell\" in the bench file"));
	plant_end(&t);
	t = measured(&(struct bench){0, 0, 0, 0, 8000, never_off_mm});
	assert_int_equal(plant_check(&t, CHECK_CELL)->state, CHECK_PASSED);
	plant_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_is_found),
		cmocka_unit_test(a_ring_scatters_as_stated),
		cmocka_unit_test(noise_is_no_ring),
		cmocka_unit_test(a_lobe_is_no_ring),
		cmocka_unit_test(a_short_gap_shows_nothing),
		cmocka_unit_test(strokes_are_folded_where_they_are),
		cmocka_unit_test(later_strokes_are_thinned_out),
		cmocka_unit_test(a_cell_as_declared_passes),
		cmocka_unit_test(a_cell_a_little_off_is_carried),
		cmocka_unit_test(a_cell_that_moved_is_refused),
		cmocka_unit_test(an_undeclared_cell_that_rings_is_refused),
		cmocka_unit_test(an_undeclared_cell_that_is_damped_is_refused),
		cmocka_unit_test(an_undeclared_cell_that_does_little_is_carried),
		cmocka_unit_test(another_cell_that_is_damped_is_refused),
		cmocka_unit_test(another_cell_that_does_little_is_carried),
		cmocka_unit_test(filters_longer_than_the_flank_are_refused),
		cmocka_unit_test(no_gap_takes_the_word_for_the_cell),
		cmocka_unit_test(no_gap_and_nothing_declared_is_no_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
