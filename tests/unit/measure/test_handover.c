/* Analysis alone: what is handed over is all it needs, and all it heeds. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/point/analysis.h"
#include "tests/bench/pw1.h"

#define FS_HZ   10000.0
#define RATE_HZ 100.0
#define PERIOD  100.0
#define BLOCK   5000
#define BLOCKS  12
#define SAMPLES (BLOCKS * BLOCK)
#define FIRST   6020.25 /* the first stroke */
#define STROKES 500
#define SIGMA_N 0.001

struct setup {
	struct point_config config;
	struct grid grid;
	struct analysis analysis;
	struct axis axis;
	float force[SAMPLES], bins[SAMPLES];
	double height_n[STROKES];
	struct candidate ring[FOUND_RING];
	struct stroke told[STROKES + 8];
	unsigned count;
	uint64_t chunks, templated;
	double squares, values, largest_n, earliest, latest;
};

static void on_stroke(void *ctx, const struct stroke *stroke)
{
	struct setup *s = ctx;

	assert_in_range(s->count, 0, STROKES + 7);
	s->told[s->count++] = *stroke;
}

static void on_residual(void *ctx, const struct residual_chunk *chunk)
{
	struct setup *s = ctx;

	/* At first the template is of strokes before the window, then of more and more of its own. */
	assert_true(s->chunks == 0 ? chunk->templated == 0 : chunk->templated >= s->templated);
	assert_in_range(chunk->learned, 16, 150);
	assert_int_equal(chunk->stride, 1);
	check_near(chunk->noise_n, SIGMA_N, 0.0);
	for (unsigned i = 0; i < chunk->n; i++) {
		s->squares += pow((double)chunk->residual_n[i], 2.0);
		s->largest_n = fmax(s->largest_n, (double)chunk->pulse_n[i] / chunk->height_n);
		s->earliest = fmin(s->earliest, (double)chunk->phase[i]);
		s->latest = fmax(s->latest, (double)chunk->phase[i]);
	}
	s->values += chunk->n;
	s->templated = chunk->templated;
	s->chunks++;
}

/* Seating force, strokes of half a sine at every hundredth sample, a little noise; phases all through. */
static struct setup *start(void)
{
	struct setup *s = calloc(1, sizeof(*s));
	struct pw1_random random = {.state = 21};

	assert_non_null(s);
	s->config = (struct point_config){.fs_hz = FS_HZ,
					  .rate_set_hz = RATE_HZ,
					  .force.scale = 1e-6,
					  .displacement.position = -1,
					  .mains_hz = 50.0};
	s->grid = grid_of(&s->config);
	assert_int_equal(s->grid.block, BLOCK);
	assert_int_equal(analysis_init(&s->analysis, &s->config, &s->grid, SAMPLES), 0);
	s->analysis.listeners = (struct listeners){.on_stroke = on_stroke, .on_stroke_ctx = s};
	axis_init(&s->axis, 1);
	s->axis.origin = 70000;
	for (unsigned i = 0; i < SAMPLES; i++)
		s->force[i] = (float)(0.3 + SIGMA_N * pw1_normal(&random));
	for (unsigned k = 0; k < STROKES; k++) {
		double at = FIRST + PERIOD * k;

		s->height_n[k] = 1.0 + 0.02 * pw1_normal(&random);
		for (long i = (long)ceil(at - 20.0); i <= (long)floor(at + 20.0); i++)
			s->force[i] += (float)(s->height_n[k] * cos(M_PI * ((double)i - at) / 40.0));
		s->ring[k] = (struct candidate){.at = at + 0.4, .peak_n = 1.3, .swing_n = 1.0};
	}
	for (unsigned i = 0; i < SAMPLES / s->grid.bin; i++)
		s->bins[i] = s->force[(size_t)i * s->grid.bin];
	axis_begin(&s->axis, POINT_TARE, 70000);
	axis_begin(&s->axis, POINT_SPIN_UP, 70000 + 5500);
	axis_begin(&s->axis, POINT_MEASURE, 70000 + 20000);
	axis_begin(&s->axis, POINT_COAST, 70000 + 50000);
	return s;
}

static void finish(struct setup *s)
{
	analysis_release(&s->analysis);
	free(s);
}

/* As detection would, when the block after this one has been looked at. */
static struct handover handover(const struct setup *s, long block, long base)
{
	struct handover h = {.block = block,
			     .len = BLOCK,
			     .limit = block + 1 < BLOCKS ? (block + 2) * BLOCK : SAMPLES,
			     .axis = s->axis,
			     .samples = {.base = base,
					 .raw = s->force + base,
					 .force = s->force + base,
					 .bins = s->bins + base / (long)s->grid.bin},
			     .ring = s->ring,
			     .noise_n = SIGMA_N,
			     .swing_n = 1.0};

	while (h.put < STROKES && s->ring[h.put].at < (double)h.limit)
		h.put++;
	return h;
}

static void analyse(struct setup *s, bool moved)
{
	long base = 0;

	for (long block = 0; block < BLOCKS; block++) {
		if (moved && block > 1 && block % 3 == 0)
			base = (block - 1) * BLOCK;

		const struct handover h = handover(s, block, base);

		analysis_block(&s->analysis, &h);
	}
}

static void strokes_of_a_block_by_hand(void **state)
{
	struct setup *s = start();
	double window = 0.0, first = INFINITY, last = 0.0, squares = 0.0;
	unsigned n = 0;

	(void)state;
	analyse(s, false);
	assert_int_equal(s->count, STROKES);
	for (unsigned k = 0; k < STROKES; k++) {
		double at = FIRST + PERIOD * k;
		enum point_phase phase = at < 20000.0 ? POINT_SPIN_UP : at < 50000.0 ? POINT_MEASURE : POINT_COAST;

		assert_int_equal(s->told[k].number, k);
		assert_int_equal(s->told[k].phase, phase);
		check_near(s->told[k].instant, 70000.0 + at, 0.02);
		check_near(s->told[k].height_n, s->height_n[k], 0.004);
		assert_true(isnan(s->told[k].depth_mm) && isnan(s->told[k].protrusion_mm));
		if (phase != POINT_MEASURE)
			continue;
		window += s->height_n[k];
		squares += pow(s->told[k].height_n - s->height_n[k], 2.0);
		first = fmin(first, at);
		last = at;
		n++;
	}
	const struct tally *t = &s->analysis.tally;

	check_less(sqrt(squares / n), 0.001);
	assert_int_equal(t->rhythm.strokes, n);
	check_near(t->rhythm.first_at, first, 0.02);
	check_near(t->rhythm.last_at, last, 0.02);
	assert_true(t->rhythm.started_before);
	check_near(t->height.seen.mean, window / n, 0.0002);
	assert_int_equal(t->height.misfits + t->height.unfitted, 0);
	assert_int_equal(t->height.cell_count, 0);
	assert_int_equal(t->depth.out_of_curve, 0);
	check_near(t->level.tare.mean, 0.3, 0.0002);
	check_near(tally_window_level(t), 0.3, 0.0002);
	assert_int_equal(t->level.tare.n, 2);
	assert_int_equal(t->level.window_count, 6); /* from the block that the window begins to that it ends in */
	check_near(t->coast_last, s->told[STROKES - 1].instant, 0.0);
	assert_false(t->candidates_lost);
	finish(s);
}

/* A curve of 1 N / mm, so that what is said of depths is said of heights. */
static struct curve *straight(void)
{
	struct curve_set set = {.rates = 1, .at[0] = {.rate_hz = RATE_HZ, .points = 20}};
	struct curve *curve = NULL;

	for (unsigned i = 0; i < 20; i++)
		set.at[0].depth_mm[i] = set.at[0].force_n[i] = 0.1 * i;
	assert_int_equal(curve_new(&set, RATE_HZ, &curve), 0);
	return curve;
}

/* What the tally says of its own errors, against the errors. */
static void errors_that_are_told(void **state)
{
	struct setup *s = start();
	struct curve *curve = straight();
	double mean = 0.0, scatter = 0.0, late = 0.0, late2 = 0.0, sum = 0.0;
	unsigned n = 0;

	(void)state;
	s->config.curve = curve;
	analyse(s, false);
	for (unsigned k = 0; k < STROKES; k++) {
		double off = s->told[k].depth_mm - s->height_n[k],
		       delay = s->told[k].instant - 70000.0 - FIRST - PERIOD * k;

		if (s->told[k].phase != POINT_MEASURE)
			continue;
		mean += off;
		scatter += off * off;
		late += delay;
		late2 += delay * delay;
		sum += s->height_n[k];
		n++;
	}
	const struct tally *t = &s->analysis.tally;

	assert_int_equal(t->depth.seen.n, n);
	check_near(t->depth.slope, n, 1e-6);
	check_near(t->depth.gain_mm, sum, 0.1);
	scatter = scatter / n - pow(mean / n, 2.0);
	check_near(sqrt(t->depth.noise_mm2 / n) / sqrt(scatter), 1.0, 0.15);
	late2 = late2 / n - pow(late / n, 2.0);
	check_near(sqrt(tally_instant_variance(t) / late2), 1.0, 0.15);
	/* Shared by all: far less than one stroke's, and not nothing. */
	check_less(sqrt(t->depth.template_n2) / n, 0.3 * sqrt(scatter));
	check_less(0.005 * sqrt(scatter), sqrt(t->depth.template_n2) / n);
	check_less(sqrt(t->depth.zero_n2) / n, 0.3 * sqrt(scatter));
	check_less(0.005 * sqrt(scatter), sqrt(t->depth.zero_n2) / n);
	check_less(fabs(mean / n), 3.0 * sqrt(t->depth.template_n2 + t->depth.zero_n2) / n + 3.0 * sqrt(scatter / n));
	print_message("errors: heights %.3g, told %.3g; instants %.3g, told %.3g; template %.2g, zero %.2g\n",
		      sqrt(scatter), sqrt(t->depth.noise_mm2 / n), sqrt(late2), sqrt(tally_instant_variance(t)),
		      sqrt(t->depth.template_n2) / n, sqrt(t->depth.zero_n2) / n);
	finish(s);
	curve_free(curve);
}

/* Where samples are held is nobody's result. */
static void samples_that_moved(void **state)
{
	struct setup *a = start(), *b = start();

	(void)state;
	analyse(a, false);
	analyse(b, true);
	assert_int_equal(b->analysis.flat_base, 8 * BLOCK);
	assert_int_equal(a->count, b->count);
	for (unsigned k = 0; k < a->count; k++) {
		assert_memory_equal(&a->told[k].instant, &b->told[k].instant, sizeof(double));
		assert_memory_equal(&a->told[k].height_n, &b->told[k].height_n, sizeof(double));
		assert_memory_equal(&a->told[k].misfit_n, &b->told[k].misfit_n, sizeof(double));
	}
	assert_memory_equal(&a->analysis.tally.level, &b->analysis.tally.level, sizeof(struct levels));
	finish(a);
	finish(b);
}

/* The axis counts as it was when the block was handed over: a phase that begins later is of later blocks. */
static void the_axis_is_a_copy(void **state)
{
	struct setup *s = start();

	(void)state;
	for (long block = 0; block < BLOCKS; block++) {
		const struct handover h = handover(s, block, 0);

		if (block == 6) /* strokes of this one lie behind it, but it was handed over before */
			s->axis.phase_start[POINT_COAST] = 70000 + 31000;
		analysis_block(&s->analysis, &h);
	}
	for (unsigned k = 0; k < s->count; k++) {
		double at = s->told[k].instant - 70000.0;

		assert_int_equal(s->told[k].phase, at < 20000.0   ? POINT_SPIN_UP
						   : at < 35000.0 ? POINT_MEASURE
								  : POINT_COAST);
	}
	finish(s);
}

/* The ring goes round, and what was lost on the way is said for good. */
static void candidates_of_the_ring(void **state)
{
	struct setup *s = start();
	const uint64_t turned = FOUND_RING - 100;

	(void)state;
	struct candidate *ring = calloc(FOUND_RING, sizeof(*ring));

	assert_non_null(ring);
	for (unsigned k = 0; k < STROKES; k++)
		ring[(turned + k) % FOUND_RING] = s->ring[k];
	s->analysis.waiting.taken = turned;
	for (long block = 0; block < BLOCKS; block++) {
		struct handover h = handover(s, block, 0);

		h.ring = ring;
		h.put += turned;
		h.lost = block == 5;
		analysis_block(&s->analysis, &h);
		assert_int_equal(s->analysis.tally.candidates_lost, block >= 5);
		assert_int_equal(s->analysis.waiting.taken, h.put);
	}
	assert_int_equal(s->count, STROKES);
	check_near(s->told[STROKES - 1].instant, 70000.0 + FIRST + PERIOD * (STROKES - 1), 0.02);
	free(ring);
	finish(s);
}

/* Residuals are told of strokes of the window alone, and only to who listens. */
static void residuals_of_the_window(void **state)
{
	struct setup *s = start();

	(void)state;
	s->analysis.listeners.on_residual = on_residual;
	s->analysis.listeners.on_residual_ctx = s;
	analyse(s, false);
	assert_int_equal(s->chunks, s->analysis.tally.rhythm.strokes);
	assert_int_equal(s->templated > 150, 1);
	check_near(s->values / (double)s->chunks, PERIOD, 0.1);
	check_near(sqrt(s->squares / s->values), SIGMA_N, 0.1 * SIGMA_N);
	check_near(s->largest_n, 1.0, 0.01);
	check_near(s->latest - s->earliest, 1.0, 0.02);
	finish(s);
}

static double uniform(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(*seed >> 11) / 9007199254740992.0;
}

/* Strokes that keep no beat teach no template: each is measured by the parabola over its cap, and a parabola exactly. */
static void caps_before_a_template(void **state)
{
	struct setup *s = start();
	uint64_t seed = 33;
	double at = FIRST, height[STROKES], instant[STROKES];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < SAMPLES; i++)
		s->force[i] = 0.3F;
	for (; at < SAMPLES - 400.0; n++) {
		height[n] = 1.0 + 0.3 * uniform(&seed);
		instant[n] = at;
		s->ring[n] = (struct candidate){.at = at + 1.3, .peak_n = 1.3, .swing_n = height[n]};
		for (long i = (long)ceil(at - 20.0); i <= (long)floor(at + 20.0); i++)
			s->force[i] += (float)(height[n] * (1.0 - pow(((double)i - at) / 20.0, 2.0)));
		at += 120.0 + 150.0 * uniform(&seed);
	}
	for (long block = 0; block < BLOCKS; block++) {
		struct handover h = handover(s, block, 0);

		for (h.put = 0; h.put < n && s->ring[h.put].at < (double)h.limit;)
			h.put++;
		h.noise_n = 1e-5;
		analysis_block(&s->analysis, &h);
	}
	assert_int_equal(s->count, n);
	for (unsigned k = 0; k < n; k++) {
		check_near(s->told[k].instant, 70000.0 + instant[k], 0.001);
		check_near(s->told[k].height_n, height[k], 0.0003);
		assert_true(isnan(s->told[k].misfit_n));
	}
	assert_int_equal(s->analysis.tally.height.unfitted, s->analysis.tally.rhythm.strokes);
	finish(s);
}

/* A pulse of another shape is no stroke that fits; one twice as wide is of another template. */
static void a_stroke_of_another_shape(void **state)
{
	struct setup *s = start();
	const unsigned odd = 300;

	(void)state;
	for (long i = -20; i <= 20; i++)
		s->force[(long)(FIRST + PERIOD * odd) + i] = (float)(0.3 + (i % 5 == 0 ? 0.9 : 0.2));
	analyse(s, false);
	assert_int_equal(s->analysis.tally.height.misfits + s->analysis.tally.height.unfitted, 1);
	finish(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strokes_of_a_block_by_hand), cmocka_unit_test(errors_that_are_told),
		cmocka_unit_test(samples_that_moved),         cmocka_unit_test(the_axis_is_a_copy),
		cmocka_unit_test(candidates_of_the_ring),     cmocka_unit_test(residuals_of_the_window),
		cmocka_unit_test(caps_before_a_template),     cmocka_unit_test(a_stroke_of_another_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
