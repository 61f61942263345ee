/* One pen on a bench whose certificates are a little wrong, as real ones are: gain, curve, depth reference, clock and
 * resonance are drawn within their stated uncertainties, then noise, stroke scatter and jitter; last what the lines of the
 * model checks stand for. For coverage and risk of the stated uncertainties, by tests/bench/trials.c in bulk and by
 * tests/unit/measure in small. */
#ifndef PENRIG_TESTS_BENCH_PEN_TRIAL_H
#define PENRIG_TESTS_BENCH_PEN_TRIAL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/decision.h"
#include "rig/measure/model_check.h"
#include "rig/measure/point/point.h"
#include "tests/bench/pw1.h"

#define PEN_STROKES_MAX 1024
#define PEN_SAMPLES_MAX 131072
#define PEN_SUBSTEPS    16
#define PEN_A           0.45 /* F = a p + b p^2 */
#define PEN_B           0.28
#define PEN_ECCENTRIC   1.56
#define PEN_STIFF_HZ    1e6 /* declared where the pen has no cell */
#define PEN_LSB_N       (10.0 / 32768.0)

struct pen_regime {
	const char *name;
	double fs_hz, noise_n, depth_sd_mm;
	double walk, scatter; /* jitter of a period (instants walk) and of an instant, relative to the period */
	double cell_hz, cell_damping;
	double u_gain_rel, u_curve_rel, u_fit_mm, u_depth_mm, u_clock_rel, u_cell_rel;
	double measure_s;
	bool walk_hidden; /* too small for any interval of the nominal rate to be right: docs/method.md, "Rate" */
};

struct pen_trial {
	struct pw1_random random;
	double rate_hz, depth_mm; /* nominal = process truth */
	double true_fs_hz;
	double measure_s, stop_s;
	double mean_depth_mm, mean_rate_hz; /* realised in the window */
	double instant_s[PEN_STROKES_MAX], depth[PEN_STROKES_MAX], reach_s[PEN_STROKES_MAX], period_s;
	unsigned strokes, window_strokes;
	double unseen[MODEL_CHECKS]; /* what each check cannot exclude, in standard uncertainties of its line */
	double unseen_ends;          /* the same of a rate's line "ends" */
	int32_t counts[PEN_SAMPLES_MAX];
	unsigned samples;
	struct result results[RESULTS_PER_POINT_MAX];
	unsigned result_count;
};

static inline double pen_uniform(struct pw1_random *random)
{
	return 0.5 * erfc(-pw1_normal(random) * M_SQRT1_2);
}

static inline double pen_force(double p)
{
	return p > 0.0 ? PEN_A * p + PEN_B * p * p : 0.0;
}

static inline struct curve *pen_curve(double rate_hz)
{
	struct curve_set set = {.rates = 1};
	struct curve *curve = NULL;

	set.at[0].rate_hz = rate_hz;
	set.at[0].points = 61;
	for (unsigned i = 0; i < 61; i++) {
		set.at[0].depth_mm[i] = 0.05 * i;
		set.at[0].force_n[i] = pen_force(0.05 * i);
	}
	return curve_new(&set, rate_hz, &curve) == 0 ? curve : NULL;
}

#define PEN_START_S  0.3
#define PEN_SETTLE_S 0.3
#define PEN_REST_S   0.3

/* The window opens and closes midway between two strokes: which strokes are in it is no matter of noise. */
static inline void pen_strokes(struct pen_trial *t, const struct pen_regime *g)
{
	double grid = PEN_START_S + t->period_s * (1.0 + pen_uniform(&t->random)), sum = 0.0;
	unsigned first = (unsigned)(PEN_SETTLE_S / t->period_s), n = (unsigned)(g->measure_s / t->period_s);

	t->strokes = first + n + 3;
	if (t->strokes > PEN_STROKES_MAX)
		abort();
	for (unsigned i = 0; i < t->strokes; i++) {
		t->instant_s[i] = grid + t->period_s * g->scatter * pw1_normal(&t->random);
		t->depth[i] = t->depth_mm + g->depth_sd_mm * pw1_normal(&t->random);
		t->reach_s[i] = t->period_s / (2.0 * M_PI) * acos(1.0 - t->depth[i] / PEN_ECCENTRIC) * 1.001;
		grid += t->period_s * (1.0 + g->walk * pw1_normal(&t->random));
		sum += i >= first && i < first + n ? t->depth[i] : 0.0;
	}
	t->window_strokes = n;
	t->measure_s = 0.5 * (t->instant_s[first - 1] + t->instant_s[first]);
	t->stop_s = 0.5 * (t->instant_s[first + n - 1] + t->instant_s[first + n]);
	t->mean_depth_mm = sum / n;
	t->mean_rate_hz = (n - 1) / (t->instant_s[first + n - 1] - t->instant_s[first]);
	t->samples = (unsigned)((t->stop_s + PEN_REST_S) * g->fs_hz);
}

static inline double pen_force_at(const struct pen_trial *t, double at_s, unsigned *stroke, double shift_mm)
{
	while (*stroke + 1 < t->strokes && at_s > 0.5 * (t->instant_s[*stroke] + t->instant_s[*stroke + 1]))
		(*stroke)++;
	double late = at_s - t->instant_s[*stroke];

	if (fabs(late) > t->reach_s[*stroke]) /* no contact */
		return 0.0;
	double p = t->depth[*stroke] - PEN_ECCENTRIC * (1.0 - cos(2.0 * M_PI * late / t->period_s));

	return p > 0.0 ? pen_force(p + shift_mm) : 0.0;
}

static inline void pen_signal(struct pen_trial *t, const struct pen_regime *g)
{
	struct pw1_random *r = &t->random;
	double gain = (1.0 + g->u_gain_rel * pw1_normal(r)) * (1.0 + g->u_curve_rel * pw1_normal(r));
	double shift = g->u_fit_mm * pw1_normal(r) + g->u_depth_mm * pw1_normal(r), y = 0.0, v = 0.0;
	double cell = 2.0 * M_PI * g->cell_hz * (1.0 + g->u_cell_rel * pw1_normal(r));
	double damping = g->cell_damping * (1.0 + g->u_cell_rel * pw1_normal(r));
	double hum_phase = 2.0 * M_PI * pen_uniform(r), slope = 0.004 * pw1_normal(r);
	double h = 1.0 / (PEN_SUBSTEPS * t->true_fs_hz);
	unsigned stroke = 0;

	for (unsigned i = 0; i < t->samples; i++) {
		double at = i / t->true_fs_hz, force;

		if (g->cell_hz > 0.0) {
			for (unsigned k = 0; k < PEN_SUBSTEPS; k++) {
				force = pen_force_at(t, at + (k + 1.0 - PEN_SUBSTEPS) * h, &stroke, shift);
				v += h * (cell * cell * (force - y) - 2.0 * damping * cell * v);
				y += h * v;
			}
			force = y;
		} else {
			force = pen_force_at(t, at, &stroke, shift);
		}
		force = 0.3 + slope * at + gain * force + g->noise_n * pw1_normal(r);
		force += 0.003 * sin(2.0 * M_PI * 50.03 * at + hum_phase);
		t->counts[i] = (int32_t)nearbyint(force / PEN_LSB_N);
	}
}

static inline struct point_config pen_config(const struct pen_trial *t, const struct pen_regime *g,
					     const struct curve *curve)
{
	return (struct point_config){.fs_hz = g->fs_hz,
				     .force = {.scale = PEN_LSB_N, .count_lo = -32768, .count_hi = 32767},
				     .displacement.position = -1,
				     .cell = {.hz = g->cell_hz > 0.0 ? g->cell_hz : PEN_STIFF_HZ,
					      .damping = g->cell_damping,
					      .u_rel = g->u_cell_rel},
				     .rate_set_hz = t->rate_hz,
				     .depth_set_mm = t->depth_mm,
				     .mains_hz = 50.0,
				     .curve = curve,
				     .u = {.gain_rel = g->u_gain_rel,
					   .curve_force_rel = g->u_curve_rel,
					   .curve_fit_mm = g->u_fit_mm,
					   .depth_cal_mm = g->u_depth_mm,
					   .clock_rel = g->u_clock_rel}};
}

static inline void pen_measure(struct pen_trial *t, const struct pen_regime *g, const struct curve *curve)
{
	struct sample_block block = {.channels = 1, .frames = t->samples, .counts = t->counts};
	struct point *point = NULL;
	struct point_config config = pen_config(t, g, curve);

	if (point_new(&config, &point) != 0)
		abort();
	point_phase(point, POINT_TARE, 0, NAN);
	point_phase(point, POINT_SPIN_UP, (uint64_t)ceil(PEN_START_S * t->true_fs_hz), NAN);
	point_phase(point, POINT_MEASURE, (uint64_t)ceil(t->measure_s * t->true_fs_hz), NAN);
	point_phase(point, POINT_COAST, (uint64_t)ceil(t->stop_s * t->true_fs_hz), NAN);
	point_phase(point, POINT_REST, (uint64_t)ceil((t->stop_s + 0.1) * t->true_fs_hz), NAN);
	point_feed(point, &block);
	t->result_count = point_finish(point, t->results, RESULTS_PER_POINT_MAX);
	point_free(point);
}

/* A pen, what it did, and its samples. */
static inline void pen_draw(struct pen_trial *t, const struct pen_regime *g, uint64_t seed)
{
	t->random = pw1_seeded(seed);
	t->rate_hz = 104.0 + 36.0 * pen_uniform(&t->random);
	t->depth_mm = 0.5 + 1.3 * pen_uniform(&t->random);
	t->period_s = 1.0 / t->rate_hz;
	t->true_fs_hz = g->fs_hz * (1.0 + g->u_clock_rel * pw1_normal(&t->random));
	pen_strokes(t, g);
	if (t->samples > PEN_SAMPLES_MAX)
		abort();
	pen_signal(t, g);
	for (unsigned i = 0; i < MODEL_CHECKS; i++)
		t->unseen[i] = i == CHECK_CELL && g->cell_hz > 0.0 ? 0.0 : pw1_normal(&t->random); /* that one rings */
	t->unseen_ends = pw1_normal(&t->random);
}

static inline void pen_run(struct pen_trial *t, const struct pen_regime *g, uint64_t seed)
{
	pen_draw(t, g, seed);
	struct curve *curve = pen_curve(t->rate_hz);
	pen_measure(t, g, curve);
	curve_free(curve);
}

static inline const struct result *pen_result(const struct pen_trial *t, const char *name, const char *method)
{
	for (unsigned i = 0; i < t->result_count; i++) {
		if (strcmp(t->results[i].name, name) == 0 && strcmp(t->results[i].method, method) == 0)
			return &t->results[i];
	}
	abort(); /* a result of that name is part of the contract */
}

/* The error of a result that the lines of its model checks stand for, and a rate's line "ends": inputs of type B like those of
 * the certificates, so they are drawn, too. The signal itself has no ring, clip or contact between strokes, and no pulse in
 * which the speed changes; with these inputs fixed at nil every interval would cover more than it states. */
static inline double pen_unseen(const struct pen_trial *t, const struct result *r)
{
	double sum = 0.0;

	for (unsigned i = 0; i < r->budget_lines; i++) {
		if (strcmp(r->budget[i].name, "ends") == 0)
			sum += t->unseen_ends * r->budget[i].u;
		for (unsigned c = 0; c < MODEL_CHECKS; c++) {
			const char *line = model_check_row((enum model_check)c)->line;

			if (line && strcmp(r->budget[i].name, line) == 0)
				sum += t->unseen[c] * r->budget[i].u;
		}
	}
	return sum;
}

enum pen_claim { PEN_DEPTH, PEN_DEPTH_PROCESS, PEN_RATE, PEN_RATE_NOMINAL, PEN_CLAIMS };

struct pen_score {
	unsigned trials, wrong_count, claimed[PEN_CLAIMS], covered[PEN_CLAIMS], false_accepts[PEN_CLAIMS];
	unsigned undrawn[PEN_CLAIMS]; /* covered, by the signal's own error alone */
	double squares[PEN_CLAIMS];   /* of error / u */
	double widths[PEN_CLAIMS];    /* sum of U */
};

static inline double pen_truth(const struct pen_trial *t, enum pen_claim claim)
{
	return claim == PEN_DEPTH           ? t->mean_depth_mm
	       : claim == PEN_DEPTH_PROCESS ? t->depth_mm
	       : claim == PEN_RATE          ? t->mean_rate_hz
					    : t->rate_hz;
}

/* A pen exactly on its upper limit: a pass is a false accept. */
static inline void pen_add(struct pen_score *score, const struct pen_trial *t)
{
	static const char *const names[] = {"depth_mm", "depth_mm", "stroke_rate_hz", "stroke_rate_hz"};
	static const char *const methods[] = {"force_equivalent", "force_equivalent_process", "realised", "nominal"};

	score->trials++;
	for (unsigned i = 0; i < PEN_CLAIMS; i++) {
		const struct result *r = pen_result(t, names[i], methods[i]);
		double truth = pen_truth(t, (enum pen_claim)i) - pen_unseen(t, r), error = r->value - truth;
		struct limit limit = {.id = r->id, .has_upper = true, .upper = truth, .guard_r = 1.0};
		struct judgement j;

		if (!r->trusted)
			continue;
		score->claimed[i]++;
		strcpy(limit.measurand, r->name);
		strcpy(limit.unit, r->unit);
		decide(r, &limit, &j);
		score->covered[i] += fabs(error) <= r->expanded_u;
		score->undrawn[i] += fabs(r->value - pen_truth(t, (enum pen_claim)i)) <= r->expanded_u;
		score->widths[i] += r->expanded_u;
		score->false_accepts[i] += j.outcome == OUTCOME_PASS;
		score->squares[i] += error * error / (r->u * r->u);
	}
	score->wrong_count += (unsigned)(pen_result(t, "strokes", "")->value != t->window_strokes);
}

static inline void pen_join(struct pen_score *score, const struct pen_score *other)
{
	score->trials += other->trials;
	score->wrong_count += other->wrong_count;
	for (unsigned i = 0; i < PEN_CLAIMS; i++) {
		score->claimed[i] += other->claimed[i];
		score->covered[i] += other->covered[i];
		score->false_accepts[i] += other->false_accepts[i];
		score->squares[i] += other->squares[i];
		score->undrawn[i] += other->undrawn[i];
		score->widths[i] += other->widths[i];
	}
}

static const struct pen_regime pen_regimes[] = {
	{.name = "certificates rule",
	 .fs_hz = 10000.0,
	 .noise_n = 0.002,
	 .depth_sd_mm = 0.01,
	 .walk = 0.003,
	 .u_gain_rel = 0.002,
	 .u_curve_rel = 0.004,
	 .u_fit_mm = 0.001,
	 .u_depth_mm = 0.003,
	 .u_clock_rel = 1e-5,
	 .measure_s = 0.8},
	{.name = "noise rules",
	 .fs_hz = 10000.0,
	 .noise_n = 0.02,
	 .depth_sd_mm = 0.002,
	 .u_gain_rel = 1e-5,
	 .u_clock_rel = 1e-7,
	 .measure_s = 0.8},
	{.name = "pen scatters",
	 .fs_hz = 10000.0,
	 .noise_n = 0.002,
	 .depth_sd_mm = 0.03,
	 .scatter = 0.004,
	 .u_gain_rel = 0.0005,
	 .u_clock_rel = 1e-6,
	 .measure_s = 0.8},
	{.name = "walk and scatter",
	 .fs_hz = 10000.0,
	 .noise_n = 0.002,
	 .depth_sd_mm = 0.01,
	 .walk = 0.002,
	 .scatter = 0.003,
	 .u_gain_rel = 0.0005,
	 .u_clock_rel = 1e-6,
	 .measure_s = 0.8},
	{.name = "small walk",
	 .fs_hz = 10000.0,
	 .noise_n = 0.002,
	 .depth_sd_mm = 0.01,
	 .walk = 0.00032,
	 .scatter = 0.004,
	 .u_gain_rel = 0.0005,
	 .u_clock_rel = 1e-6,
	 .measure_s = 0.8,
	 .walk_hidden = true},
	{.name = "cell rules",
	 .fs_hz = 20000.0,
	 .noise_n = 0.001,
	 .depth_sd_mm = 0.005,
	 .walk = 0.002,
	 .cell_hz = 1500.0,
	 .cell_damping = 0.05,
	 .u_gain_rel = 1e-5,
	 .u_clock_rel = 1e-6,
	 .u_cell_rel = 0.02,
	 .measure_s = 0.8},
};
#define PEN_REGIMES (sizeof(pen_regimes) / sizeof(pen_regimes[0]))

#endif
