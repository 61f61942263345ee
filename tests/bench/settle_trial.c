#include "tests/bench/settle_trial.h"

#include <math.h>
#include <stdlib.h>

#include "rig/estimate/settle.h"

#define WHOLE_S      3.6 /* of strokes: what does not go to settling is measured */
#define BLOCK_FRAMES 100
#define CURVE_POINTS 61

const struct settle_family settle_families[] = {
	{"good pen", 0, 0, 1, 0},
	{"noisy pen, 20 um", 0, 0, 1, 0.02},
	{"depth 10 um, 0.1 s", 0.01, 0, 0.1, 0},
	{"depth 50 um, 0.1 s", 0.05, 0, 0.1, 0},
	{"depth 200 um, 0.1 s", 0.2, 0, 0.1, 0},
	{"depth 20 um, 0.3 s", 0.02, 0, 0.3, 0},
	{"depth 50 um, 0.3 s", 0.05, 0, 0.3, 0},
	{"depth 100 um, 0.3 s", 0.1, 0, 0.3, 0},
	{"depth 20 um, 1 s", 0.02, 0, 1, 0},
	{"depth 50 um, 1 s", 0.05, 0, 1, 0},
	{"depth 100 um, 1 s", 0.1, 0, 1, 0},
	{"rate 5 %, 0.2 s", 0, 0.05, 0.2, 0},
	{"rate 5 %, 1 s", 0, 0.05, 1, 0},
};
const unsigned settle_family_count = sizeof(settle_families) / sizeof(settle_families[0]);

static struct recording recording_of(const struct settle_family *f, uint64_t seed, double settle_s)
{
	struct recording r = recording_usual(seed);

	r.settle_s = settle_s;
	r.window_s = WHOLE_S - settle_s;
	r.depth_sd_mm = f->sd_mm > 0.0 ? f->sd_mm : r.depth_sd_mm;
	r.misfit.unsettled_mm = f->depth_mm * exp(-settle_s / f->tau_s);
	r.misfit.unsettled_rate = f->rate * exp(-settle_s / f->tau_s);
	r.misfit.unsettled_s = f->tau_s;
	r.misfit.unsettled_long = true;
	return r;
}

static struct curve *curve_of(const struct recording *r)
{
	struct curve_set set = {.rates = 1};
	struct curve *curve = NULL;

	set.at[0].rate_hz = r->rate_hz;
	set.at[0].points = CURVE_POINTS;
	for (unsigned i = 0; i < CURVE_POINTS; i++) {
		set.at[0].depth_mm[i] = 0.05 * i;
		set.at[0].force_n[i] = recording_force(r, 0.05 * i);
	}
	if (curve_new(&set, r->rate_hz, &curve) != 0)
		abort();
	return curve;
}

/* As a run does: in small blocks, the window begins behind the one in which it was seen. */
static double settles_after_s(const struct recording *r, const struct take *take, const struct window *rule,
			      bool *shown)
{
	const struct light_config light = {
		.fs_hz = r->fs_hz, .rate_set_hz = r->rate_hz, .scale = take->lsb_n, .bits = r->bits, .swing_n = 0.02};
	struct curve *curve = curve_of(r);
	struct settle *settle = calloc(1, sizeof(*settle));
	uint64_t at = 0, last = take->spin_up + (uint64_t)(rule->max_s * r->fs_hz);

	if (!settle || settle_begin(settle, rule, &light, curve) != 0)
		abort();
	settle_start(settle, take->spin_up);
	for (; at < last && !settle->settled; at += BLOCK_FRAMES) {
		const struct sample_block block = {
			.channels = 1, .frames = BLOCK_FRAMES, .first_index = at, .counts = take->counts + at};

		settle_feed(settle, &block);
	}
	*shown = settle->settled;
	settle_release(settle);
	free(settle);
	curve_free(curve);
	return (double)(at - take->spin_up) / r->fs_hz;
}

void settle_run(const struct settle_family *family, uint64_t seed, const struct window *rule, double fixed_s,
		struct settle_outcome *ret)
{
	struct misfit_results *results = calloc(1, sizeof(*results));
	struct recording r = recording_of(family, seed, fixed_s);
	struct take take;

	if (!results)
		abort();
	ret->shown = false;
	recording_make(&r, &take);
	if (rule) {
		fixed_s = settles_after_s(&r, &take, rule, &ret->shown);
		take_free(&take);
		r = recording_of(family, seed, fixed_s);
		recording_make(&r, &take);
	}
	misfit_measure(&r, &take, results);
	misfit_judge(&r, &take, results, &ret->of);
	ret->settle_s = fixed_s;
	ret->lacks_mm = -r.misfit.unsettled_mm * family->tau_s / r.window_s * (1.0 - exp(-r.window_s / family->tau_s));
	take_free(&take);
	free(results);
}
