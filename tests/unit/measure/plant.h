/* A pen on a bench for tests of measure/, written from the physics alone: eccentric of fixed stroke whose rest position
 * sets the depth, stiffening rate-dependent phantom, load cell with resonance, seating force with drift, hum, noise,
 * quantisation. From stand-still through spin-up, measuring and coast-down to rest. */
#ifndef PENRIG_TESTS_UNIT_MEASURE_PLANT_H
#define PENRIG_TESTS_UNIT_MEASURE_PLANT_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/point/point.h"
#include "tests/bench/pw1.h"

#define PLANT_STROKES_MAX 8192
#define PLANT_STEP_HZ     400000.0

struct plant {
	/* given */
	double fs_hz, rate_hz, depth_mm, eccentric_mm;
	double a, b, rate_exponent; /* F = (a p + b p^2)(1 + c ln(rate / 100)) */
	double seating_n, drift_n_s, hum_n, hum_hz, noise_n, lsb_n;
	double cell_hz, cell_damping;
	double spin_tau_s, coast_tau_s, speed_jitter, depth_sd_mm, shallow;
	double tare_s, settle_s, measure_s, rest_s;
	double bottom_mm; /* > 0: the needles go no deeper, whatever the eccentric does */
	uint64_t seed;
	unsigned miss_from, miss_count; /* strokes that do not reach the phantom */
	double travel_mm, travel_tau_s; /* what the depth lacks when the window begins, and how it is made up */
	unsigned deep_turn;             /* a stroke that is deeper than the others; 0: none */
	double deep_mm;
	/* state */
	struct pw1_random random;
	double theta, omega, target, now_depth_mm, protrusion_mm, y, v, speed;
	unsigned turns;
	/* truth */
	double instant_s[PLANT_STROKES_MAX], depth[PLANT_STROKES_MAX], rate[PLANT_STROKES_MAX];
	unsigned strokes;
	double start_s, measure_from_s, stop_s, end_s;
};

static inline struct plant plant_default(double depth_mm, double rate_hz, double fs_hz)
{
	return (struct plant){.fs_hz = fs_hz,
			      .rate_hz = rate_hz,
			      .depth_mm = depth_mm,
			      .eccentric_mm = 1.56,
			      .a = 0.45,
			      .b = 0.28,
			      .rate_exponent = 0.1,
			      .seating_n = 0.3,
			      .drift_n_s = 0.002,
			      .hum_n = 0.003,
			      .hum_hz = 50.03,
			      .noise_n = 0.001,
			      .lsb_n = 10.0 / 32768.0,
			      .cell_hz = 5000.0,
			      .cell_damping = 0.05,
			      .spin_tau_s = 0.06,
			      .coast_tau_s = 0.05,
			      .speed_jitter = 0.003,
			      .depth_sd_mm = 0.006,
			      .tare_s = 0.4,
			      .settle_s = 0.6,
			      .measure_s = 2.0,
			      .rest_s = 0.5,
			      .seed = 7};
}

static inline double plant_force(const struct plant *p, double protrusion_mm, double rate_hz)
{
	double x = fmax(0.0, protrusion_mm);

	return (p->a * x + p->b * x * x) * (1.0 + p->rate_exponent * log(fmax(rate_hz, 1.0) / 100.0));
}

static inline void plant_turn(struct plant *p, double t)
{
	double draw = pw1_normal(&p->random);

	p->turns++;
	p->now_depth_mm = p->depth_mm - p->shallow + p->depth_sd_mm * draw;
	if (p->miss_count && p->turns > p->miss_from && p->turns <= p->miss_from + p->miss_count)
		p->now_depth_mm = -1.0;
	if (p->travel_mm != 0.0)
		p->now_depth_mm -= p->travel_mm * exp(-(t - p->measure_from_s) / p->travel_tau_s);
	if (p->deep_turn && p->turns == p->deep_turn)
		p->now_depth_mm += p->deep_mm;
	p->speed = 0.7 * p->speed + p->speed_jitter * pw1_normal(&p->random);
}

static inline void plant_step(struct plant *p, double t)
{
	double h = 1.0 / PLANT_STEP_HZ, running = t >= p->start_s && t < p->stop_s;
	double tau = running ? p->spin_tau_s : p->coast_tau_s, before = p->theta;
	double goal = running ? 2.0 * M_PI * p->rate_hz * (1.0 + p->speed) : -20.0;

	p->omega = fmax(0.0, p->omega + h * (goal - p->omega) / tau);
	if (t < p->start_s)
		p->omega = 0.0;
	p->theta += h * p->omega;
	/* theta = pi: needles home; multiples of 2 pi: deepest */
	if (floor((p->theta + M_PI) / (2.0 * M_PI)) > floor((before + M_PI) / (2.0 * M_PI)))
		plant_turn(p, t);
	if (floor(p->theta / (2.0 * M_PI)) > floor(before / (2.0 * M_PI)) && p->now_depth_mm > 0.0 &&
	    p->strokes < PLANT_STROKES_MAX) {
		p->instant_s[p->strokes] = t;
		p->rate[p->strokes] = p->omega / (2.0 * M_PI);
		p->depth[p->strokes++] = p->now_depth_mm;
	}
	double protrusion = p->now_depth_mm - p->eccentric_mm * (1.0 - cos(p->theta));

	if (p->bottom_mm > 0.0)
		protrusion = fmin(protrusion, p->bottom_mm);
	p->protrusion_mm = protrusion;
	double force = plant_force(p, protrusion, p->omega / (2.0 * M_PI));

	if (p->cell_hz > 0.0) {
		double w = 2.0 * M_PI * p->cell_hz;

		p->v += h * (w * w * (force - p->y) - 2.0 * p->cell_damping * w * p->v);
		p->y += h * p->v;
	} else {
		p->y = force;
	}
}

static inline void plant_start(struct plant *p)
{
	p->random = (struct pw1_random){.state = p->seed};
	p->theta = M_PI;
	p->now_depth_mm = p->depth_mm - p->shallow;
	p->start_s = p->tare_s + 0.05;
	p->measure_from_s = p->start_s + p->settle_s;
	p->stop_s = p->measure_from_s + p->measure_s;
	p->end_s = p->stop_s + 0.5 + p->rest_s;
}

static inline int32_t plant_sample(struct plant *p, uint64_t index)
{
	unsigned steps = (unsigned)(PLANT_STEP_HZ / p->fs_hz + 0.5);
	double t = (double)index / p->fs_hz;

	for (unsigned i = 0; i < steps; i++)
		plant_step(p, t + ((double)i - steps + 1.0) / PLANT_STEP_HZ);
	double w = 2.0 * M_PI * p->hum_hz * t;
	double x = p->seating_n + p->drift_n_s * t + p->y + p->noise_n * pw1_normal(&p->random) +
		   p->hum_n * (sin(w + 0.3) + 0.4 * sin(2.0 * w + 1.0) + 0.3 * sin(3.0 * w));

	return (int32_t)nearbyint(x / p->lsb_n);
}

static inline struct curve_set plant_curves(const struct plant *p)
{
	struct curve_set set = {.rates = 2, .u_depth_mm = 0.002, .u_force_rel = 0.003, .u_fit_mm = 0.002};

	for (unsigned r = 0; r < 2; r++) {
		set.at[r].rate_hz = r == 0 ? 30.0 : 300.0;
		set.at[r].points = 36;
		for (unsigned i = 0; i < 36; i++) {
			set.at[r].depth_mm[i] = 0.1 * i;
			set.at[r].force_n[i] = plant_force(p, 0.1 * i, set.at[r].rate_hz);
		}
	}
	return set;
}

static inline struct curve *plant_curve(const struct plant *p)
{
	const struct curve_set set = plant_curves(p);
	struct curve *curve = NULL;

	return curve_new(&set, p->rate_hz, &curve) == 0 ? curve : NULL;
}

static inline struct point_config plant_config(const struct plant *p, const struct curve *curve)
{
	return (struct point_config){
		.fs_hz = p->fs_hz,
		.force = {.scale = p->lsb_n, .count_lo = -32768, .count_hi = 32767},
		.displacement.position = -1,
		.force_lo_n = -9.0,
		.force_hi_n = 9.0,
		.cell = {.hz = p->cell_hz, .damping = p->cell_damping},
		.rate_set_hz = p->rate_hz,
		.depth_set_mm = p->depth_mm,
		.mains_hz = 50.0,
		.curve = curve,
		.preload_lo_n = 0.05,
		.preload_hi_n = 0.8,
		.u = {.gain_rel = 0.002, .clock_rel = 1e-5, .curve_force_rel = 0.003, .curve_fit_mm = 0.002}};
}

#endif
