/* Runs the plant of plant.h through a point in blocks, and scores strokes and results against its truth. */
#ifndef PENRIG_TESTS_UNIT_MEASURE_PLANT_TRIAL_H
#define PENRIG_TESTS_UNIT_MEASURE_PLANT_TRIAL_H

#include "tests/unit/measure/plant.h"

#define PLANT_SAMPLES_MAX 600000

struct plant_trial {
	struct plant plant;
	int32_t *counts;
	size_t samples;
	struct stroke *found;
	unsigned founds;
	struct result results[RESULTS_PER_POINT_MAX];
	unsigned result_count;
	char unmoved[160]; /* point_motion() */
	struct check_result check[MODEL_CHECKS];
	unsigned checks;
	/* score */
	unsigned missed, invented; /* over the whole run */
	unsigned window_missed, window_invented;
	double mean_depth_mm, mean_rate_hz, spin_up_s, coast_down_s; /* truth */
};

static inline void plant_found(void *ctx, const struct stroke *stroke)
{
	struct plant_trial *t = ctx;

	if (t->founds < PLANT_STROKES_MAX)
		t->found[t->founds++] = *stroke;
}

static inline void plant_generate(struct plant_trial *t, const struct plant *plant)
{
	*t = (struct plant_trial){.plant = *plant};
	t->counts = calloc(PLANT_SAMPLES_MAX, sizeof(int32_t));
	t->found = calloc(PLANT_STROKES_MAX, sizeof(struct stroke));
	plant_start(&t->plant);
	t->samples = (size_t)(t->plant.end_s * plant->fs_hz);
	if (t->counts == NULL || t->found == NULL || t->samples > PLANT_SAMPLES_MAX)
		abort();
	for (size_t i = 0; i < t->samples; i++)
		t->counts[i] = plant_sample(&t->plant, i);
}

static inline uint64_t plant_index(const struct plant *p, double t_s)
{
	return (uint64_t)ceil(t_s * p->fs_hz);
}

static inline void plant_phases(const struct plant *p, struct point *point)
{
	point_phase(point, POINT_TARE, 0, NAN);
	point_phase(point, POINT_SPIN_UP, plant_index(p, p->tare_s), p->start_s * p->fs_hz);
	point_phase(point, POINT_MEASURE, plant_index(p, p->measure_from_s), NAN);
	point_phase(point, POINT_COAST, plant_index(p, p->stop_s), p->stop_s * p->fs_hz);
	point_phase(point, POINT_REST, plant_index(p, p->stop_s + 0.5), NAN);
}

static inline void plant_measure(struct plant_trial *t, const struct point_config *config)
{
	struct point *point = NULL;

	if (point_new(config, &point) != 0)
		abort();
	t->founds = 0;
	point_on_stroke(point, plant_found, t);
	plant_phases(&t->plant, point);
	for (size_t i = 0; i < t->samples; i += 997) {
		struct sample_block block = {.channels = 1, .frames = 997, .first_index = i, .counts = t->counts + i};

		if (block.frames > t->samples - i)
			block.frames = (uint32_t)(t->samples - i);
		point_feed(point, &block);
	}
	t->result_count = point_finish(point, t->results, RESULTS_PER_POINT_MAX);
	point_motion(point, t->unmoved);
	t->checks = point_checks(point, t->check);
	point_free(point);
}

static inline void plant_score(struct plant_trial *t)
{
	const struct plant *p = &t->plant;
	double first = NAN, last = NAN;
	unsigned k = 0, n = 0;

	t->missed = t->invented = t->window_missed = t->window_invented = 0;
	t->mean_depth_mm = 0.0;
	for (unsigned i = 0; i < t->founds; i++) {
		double at = t->found[i].instant / p->fs_hz;

		while (k < p->strokes && p->instant_s[k] < at - 0.25 / p->rate[k]) {
			t->missed++;
			t->window_missed += p->instant_s[k] >= p->measure_from_s && p->instant_s[k] < p->stop_s;
			k++;
		}
		if (k >= p->strokes || fabs(p->instant_s[k] - at) > 0.25 / p->rate[k]) {
			t->invented++;
			t->window_invented += at >= p->measure_from_s && at < p->stop_s;
		} else {
			k++;
		}
	}
	t->missed += p->strokes - k;
	for (unsigned i = 0; i < p->strokes; i++) {
		if (p->instant_s[i] < p->measure_from_s || p->instant_s[i] >= p->stop_s)
			continue;
		first = n == 0 ? p->instant_s[i] : first;
		last = p->instant_s[i];
		t->mean_depth_mm += p->depth[i];
		n++;
	}
	t->mean_depth_mm /= n;
	t->mean_rate_hz = (n - 1) / (last - first);
	t->coast_down_s = p->strokes ? fmax(0.0, p->instant_s[p->strokes - 1] - p->stop_s) : 0.0;
	t->spin_up_s = -p->spin_tau_s * log(0.05);
}

static inline const struct result *plant_result(const struct plant_trial *t, const char *name, const char *method)
{
	for (unsigned i = 0; i < t->result_count; i++) {
		if (strcmp(t->results[i].name, name) == 0 && (!method || strcmp(t->results[i].method, method) == 0))
			return &t->results[i];
	}
	abort(); /* a result of that name is part of the contract */
}

/* Absent where it was not asked. */
static inline const struct check_result *plant_check(const struct plant_trial *t, enum model_check check)
{
	static const struct check_result absent = {.state = CHECK_ABSENT};

	for (unsigned i = 0; i < t->checks; i++) {
		if (t->check[i].check == check)
			return &t->check[i];
	}
	return &absent;
}

static inline void plant_end(struct plant_trial *t)
{
	free(t->counts);
	free(t->found);
}

#endif
