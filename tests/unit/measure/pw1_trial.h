/* One PW1 run through a point: truth against estimate, and the bounds of measurement theory to compare with. */
#ifndef PENRIG_TESTS_UNIT_MEASURE_PW1_TRIAL_H
#define PENRIG_TESTS_UNIT_MEASURE_PW1_TRIAL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/point/point.h"
#include "tests/bench/pw1.h"

#define TRIAL_STROKES_MAX  80000
#define TRIAL_CURVE_POINTS 61

struct trial {
	struct pw1_stroke *truth;
	size_t truths, matched, missed, invented;
	double sum_error, sum_square; /* depth, mm */
	double sum_noise;             /* instants, s */
	struct stroke *found;
	size_t founds;
	struct result results[RESULTS_PER_POINT_MAX];
	unsigned result_count;
};

static inline void trial_truth(void *ctx, const struct pw1_stroke *stroke)
{
	struct trial *t = ctx;

	if (t->truths < TRIAL_STROKES_MAX)
		t->truth[t->truths++] = *stroke;
}

static inline void trial_found(void *ctx, const struct stroke *stroke)
{
	struct trial *t = ctx;

	if (t->founds < TRIAL_STROKES_MAX)
		t->found[t->founds++] = *stroke;
}

static inline double trial_depth(double force_n)
{
	return (-0.4 + sqrt(0.16 + 0.8 * force_n)) / 0.4;
}

static inline struct curve *trial_curve(void)
{
	struct curve_set set = {.rates = 1, .u_depth_mm = 0.001, .u_force_rel = 0.002, .u_fit_mm = 0.001};
	struct curve *curve = NULL;

	set.at[0].rate_hz = 120.0;
	set.at[0].points = TRIAL_CURVE_POINTS;
	for (unsigned i = 0; i < TRIAL_CURVE_POINTS; i++) {
		double d = 0.025 * i;

		set.at[0].depth_mm[i] = d;
		set.at[0].force_n[i] = 0.4 * d + 0.2 * d * d;
	}
	return curve_new(&set, 120.0, &curve) == 0 ? curve : NULL;
}

static inline struct point_config trial_config(const struct pw1_config *pw1, const struct curve *curve)
{
	return (struct point_config){.fs_hz = PW1_FS_HZ,
				     .force = {.scale = PW1_SCALE, .count_lo = -32768, .count_hi = 32767},
				     .displacement.position = -1,
				     .force_lo_n = -2.0,
				     .force_hi_n = 2.0,
				     .cell = {.hz = pw1->cell_hz, .damping = pw1->cell_damping},
				     .rate_set_hz = pw1->rate_hz,
				     .depth_set_mm = 1.0,
				     .mains_hz = 50.0,
				     .curve = curve,
				     .preload_lo_n = 0.0,
				     .preload_hi_n = 0.5,
				     .u = {.gain_rel = 0.001, .clock_rel = 1e-5}};
}

/* Depth bound per stroke (known shape, M = 400 baseline samples) and instant bound, measurement.md. */
static inline double trial_depth_bound(const struct pw1_config *c)
{
	double sigma = PW1_FORCE * pow(10.0, -c->snr_db / 20.0), d = PW1_FS_HZ * c->duty / c->rate_hz;

	return sigma * sqrt(2.0 / d + pow(4.0 / M_PI, 2.0) / 400.0) / 0.8;
}

static inline void trial_score(struct trial *t)
{
	size_t k = 0;

	for (size_t i = 0; i < t->founds; i++) {
		double at = t->found[i].instant / PW1_FS_HZ;

		while (k < t->truths && t->truth[k].start_s + t->truth[k].width_s < at) {
			k++;
			t->missed++;
		}
		if (k >= t->truths || t->truth[k].start_s > at) {
			t->invented++;
			continue;
		}
		double error = t->found[i].depth_mm - trial_depth(t->truth[k].height_n);
		double late = at - t->truth[k].start_s - 0.5 * t->truth[k].width_s;

		t->sum_error += error;
		t->sum_square += error * error;
		t->sum_noise += late * late;
		t->matched++;
		k++;
	}
}

static inline void trial_run(struct trial *t, const struct pw1_config *pw1, const struct point_config *config,
			     size_t samples)
{
	static int32_t counts[4096];
	struct point *point = NULL;
	struct pw1 generator;

	*t = (struct trial){.truth = calloc(TRIAL_STROKES_MAX, sizeof(struct pw1_stroke)),
			    .found = calloc(TRIAL_STROKES_MAX, sizeof(struct stroke))};
	pw1_init(&generator, pw1, trial_truth, t);
	if (point_new(config, &point) != 0)
		abort();
	point_on_stroke(point, trial_found, t);
	point_phase(point, POINT_MEASURE, 0, NAN);
	for (size_t i = 0; i < samples; i += 4096) {
		struct sample_block block = {.channels = 1, .frames = 4096, .first_index = i, .counts = counts};

		if (block.frames > samples - i)
			block.frames = (uint32_t)(samples - i);
		pw1_fill(&generator, counts, block.frames);
		point_feed(point, &block);
	}
	t->result_count = point_finish(point, t->results, RESULTS_PER_POINT_MAX);
	point_free(point);
	trial_score(t);
}

static inline void trial_end(struct trial *t)
{
	free(t->truth);
	free(t->found);
}

static inline const struct result *trial_result(const struct result *results, unsigned count, const char *name,
						const char *method)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(results[i].name, name) == 0 && (method == NULL || strcmp(results[i].method, method) == 0))
			return &results[i];
	}
	abort(); /* a result of that name is part of the contract */
}

#endif
