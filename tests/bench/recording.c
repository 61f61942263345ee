/* One recording: when the strokes are, what acts on the cell, what the converter makes of it. */
#include "tests/bench/recording.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/pw1.h"

#define START_LATE_S  0.05 /* from the command to the first motion */
#define REST_S        0.5
#define COAST_STROKES 6
#define COAST_BRAKE   0.3
#define CELL_STEPS    8 /* per sample */
#define SECOND_AT     0.2
#define LOSSES        5
#define AVERAGE_MAX   256
#define SECTIONS_MAX  2
#define SINC_STAGES   3
#define SINC_3DB      0.262 /* of the rate at which such a filter delivers */

struct stroke_plan {
	double instant_s, period_s, depth_mm, width;
};

/* Of a filter, by the bilinear transform: y = b (x + 2 x1 + x2) - a1 y1 - a2 y2, or of first order. */
struct section {
	double b, b1, b2, a1, a2;
	double x1, x2, y1, y2;
};

struct averaged {
	double last[AVERAGE_MAX], sum;
	unsigned long n;
};

struct maker {
	const struct recording *r;
	struct take *take;
	struct pw1_random strokes, noise, faults;
	struct stroke_plan *plan;
	unsigned count, first, end; /* first and end: of the window */
	double height_n, eccentric_mm, sigma_n;
	double stop_period_s; /* from the last stroke's deepest point on */
	double end_s;
	double lobe_start, lobe_width;
	unsigned at; /* stroke whose neighbourhood the last time was in */
	double tail_n, tail_top, cell_y, cell_v;
	double *wave; /* noise */
	double coupled_n, slewed_n, sum_n, last_n[AVERAGE_MAX];
	unsigned long samples; /* averaged */
	bool begun, filtering;
	struct section section[SECTIONS_MAX];
	struct averaged stage[SINC_STAGES];
	unsigned sections;
};

static double uniform(struct pw1_random *random)
{
	return 0.5 * erfc(-pw1_normal(random) * M_SQRT1_2);
}

static double between(struct pw1_random *random, double lo, double hi)
{
	return lo + (hi - lo) * uniform(random);
}

static double between_log(struct pw1_random *random, double lo, double hi)
{
	return lo * pow(hi / lo, uniform(random));
}

static void *have(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (memory == NULL)
		abort();
	return memory;
}

/* ---- benches and pens */

struct recording recording_nominal(uint64_t seed)
{
	return (struct recording){.seed = seed,
				  .rate_hz = 120.0,
				  .depth_mm = 1.0,
				  .duty = 0.4,
				  .depth_sd_mm = 0.008,
				  .jitter = 0.001,
				  .speed_change = SPEED_IN_GAP,
				  .park = 0.5,
				  .a = 0.3,
				  .b = 0.8,
				  .fs_hz = 20000.0,
				  .range_n = 10.0,
				  .bits = 24,
				  .snr_db = 40.0,
				  .hum_n = 0.005,
				  .hum_hz = 50.0,
				  .drift_n = 0.01,
				  .level_n = 0.3,
				  .tare_s = 0.5,
				  .settle_s = 0.8,
				  .window_s = 3.0,
				  .mains_hz = 50.0,
				  .clock_rel = 1e-5,
				  .depth_cal_mm = 0.0033,
				  .gain_rel = 0.001,
				  .curve_rel = 0.001};
}

struct recording recording_usual(uint64_t seed)
{
	struct recording r = recording_nominal(seed);
	struct pw1_random random = pw1_seeded(seed ^ 0x5CA1AB1E);

	r.rate_hz = between_log(&random, 80.0, 200.0);
	r.depth_mm = between(&random, 0.6, 1.6);
	r.duty = between(&random, 0.25, 0.65);
	r.snr_db = between(&random, 32.0, 50.0);
	r.depth_sd_mm = between(&random, 0.002, 0.012);
	r.jitter = between_log(&random, 0.0005, 0.01);
	r.hum_n = between(&random, 0.0, 0.006);
	r.hum_hz = 50.0 + 0.05 * pw1_normal(&random);
	r.drift_n = 0.005 * pw1_normal(&random);
	return r;
}

static void good_bench(struct recording *r, struct pw1_random *random)
{
	static const unsigned widths[] = {24, 24, 24, 16, 14, 12};
	double height = recording_force(r, r->depth_mm);

	r->snr_db = between(random, 20.0, 60.0);
	r->hum_n = between(random, 0.0, 0.007);
	r->hum_hz = 50.0 + 0.05 * pw1_normal(random);
	r->drift_n = 0.01 * pw1_normal(random);
	r->bits = widths[(unsigned)(5.999 * uniform(random))];
	r->range_n = (height + r->level_n) * between_log(random, 2.0, 8.0);
	r->fs_hz = uniform(random) < 0.25 ? 50000.0 : 20000.0;
	if (uniform(random) < 0.25) {
		r->cell_hz = between_log(random, fmax(1000.0, 10.0 * r->rate_hz), fmax(3200.0, 11.0 * r->rate_hz));
		r->cell_damping = between_log(random, 0.02, 0.15);
		r->declared_hz = r->cell_hz * (1.0 + 0.02 * pw1_normal(random));
		r->declared_damping = r->cell_damping * (1.0 + 0.02 * pw1_normal(random));
	} else if (r->duty > 0.6) {
		r->declared_bandwidth_hz = 0.4 * r->fs_hz;
	}
}

struct recording recording_good(uint64_t seed)
{
	struct recording r = recording_nominal(seed);
	struct pw1_random random = pw1_seeded(seed ^ 0x600D600D);

	r.rate_hz = between_log(&random, 60.0, 300.0);
	r.depth_mm = between(&random, 0.2, 2.5);
	r.duty = between(&random, 0.15, 0.95);
	r.depth_sd_mm = between_log(&random, 0.002, 0.02) * fmin(1.0, r.depth_mm);
	r.jitter = between_log(&random, 0.0002, 0.02);
	r.width_sd = uniform(&random) < 0.5 ? 0.0 : between(&random, 0.0, 0.01);
	r.offset_path = uniform(&random) < 0.5;
	r.speed_change = (enum speed_change)(unsigned)(2.999 * uniform(&random));
	if (uniform(&random) < 0.3) {
		r.slow_mm = between(&random, 0.0, 0.01) * fmin(1.0, r.depth_mm);
		r.slow_hz = between_log(&random, 0.8, 8.0);
	}
	if (uniform(&random) < 0.25)
		r.park = between(&random, -0.5, 0.5);
	good_bench(&r, &random);
	if (r.duty > 0.85)
		r.u_zero_n = 0.003;
	return r;
}

double recording_force(const struct recording *r, double depth_mm)
{
	return depth_mm > 0.0 ? r->a * expm1(r->b * depth_mm) : 0.0;
}

double recording_slope(const struct recording *r, double depth_mm)
{
	return r->a * r->b * exp(r->b * depth_mm);
}

#define DEPTH_ERROR_FULL_MM 0.1

/* What the phantom does, where the certificates are a little wrong. The error of depth begins with the contact. */
static double contact(const struct recording *r, double depth_mm)
{
	double share = fmin(1.0, depth_mm / DEPTH_ERROR_FULL_MM);

	return (1.0 + r->gain_error_rel) * recording_force(r, depth_mm + share * r->depth_error_mm);
}

/* ---- strokes */

static double share_of_window(const struct maker *m, double at_s)
{
	return fmin(1.0, fmax(0.0, (at_s - m->r->tare_s - m->r->settle_s) / m->r->window_s));
}

static bool skipped(const struct maker *m, unsigned i)
{
	return m->r->misfit.skip > 0 && i % m->r->misfit.skip == 0;
}

static double period_of(struct maker *m, unsigned i)
{
	const struct recording *r = m->r;
	double slow = 2.5 * exp(-(double)i / (0.04 * r->rate_hz));

	if (r->misfit.unsettled_rate != 0.0) {
		double late = (i ? m->plan[i - 1].instant_s - r->tare_s : 0.0) - r->settle_s;

		slow += r->misfit.unsettled_rate * exp(-late / r->misfit.unsettled_s);
	}

	double grown = i > 0 && r->misfit.rate_drift != 0.0 ? share_of_window(m, m->plan[i - 1].instant_s) : 0.0;

	return (1.0 + slow + r->jitter * pw1_normal(&m->strokes)) / r->rate_hz / (1.0 + r->misfit.rate_drift * grown);
}

static void place(struct maker *m, unsigned i, double period)
{
	struct stroke_plan *s = &m->plan[i];

	s->period_s = period;
	if (i == 0)
		s->instant_s = m->r->tare_s + START_LATE_S + 0.5 * period;
	else if (m->r->speed_change == SPEED_IN_GAP)
		s->instant_s = s[-1].instant_s + 0.5 * (s[-1].period_s + period);
	else
		s->instant_s = s[-1].instant_s + period;
}

static double edge_after(const struct maker *m, unsigned i)
{
	return 0.5 * (m->plan[i].instant_s + m->plan[i + 1].instant_s);
}

/* Behind the strokes at speed, of which the next one is number i. */
static void make_coast(struct maker *m, unsigned i)
{
	const struct misfit *f = &m->r->misfit;
	double brake = f->stop == STOP_BEHIND ? COAST_BRAKE : f->brake;

	m->end = f->stop == STOP_BEHIND ? i - 1 : i;
	for (unsigned k = 1; k <= COAST_STROKES; k++, i++)
		place(m, i, (1.0 + brake * k) / m->r->rate_hz);
	m->count = f->stop == STOP_STANDS ? m->end : i;
	m->stop_period_s = f->stop == STOP_STANDS ? (1.0 + brake) / m->r->rate_hz : m->plan[m->count - 1].period_s;
}

/* The window begins and ends midway between two strokes: which of them are in it is no matter of noise. */
static void make_strokes(struct maker *m)
{
	const struct recording *r = m->r;
	double from = r->tare_s + r->settle_s, reach_s = r->misfit.unsettled_long ? -from : -0.3;
	unsigned i = 0, most = (unsigned)((r->settle_s + r->window_s) * r->rate_hz * 1.2) + 64;

	m->plan = have(most * sizeof(*m->plan));
	for (; i == 0 || m->plan[i - 1].instant_s < from + r->window_s; i++) {
		if (i + COAST_STROKES + 1 >= most)
			abort();
		place(m, i, period_of(m, i));
		if (m->plan[i].instant_s < from)
			m->first = i + 1;
	}
	make_coast(m, i);
	for (i = 0; i < m->count; i++) {
		struct stroke_plan *s = &m->plan[i];
		double late = s->instant_s - from;

		s->depth_mm = r->depth_mm + r->depth_sd_mm * pw1_normal(&m->strokes);
		s->depth_mm += r->slow_mm * sin(2.0 * M_PI * r->slow_hz * s->instant_s);
		if (r->misfit.unsettled_mm != 0.0)
			s->depth_mm -= r->misfit.unsettled_mm * exp(-fmax(late, reach_s) / r->misfit.unsettled_s);
		s->depth_mm += i % 2 ? -r->misfit.alternate_mm : r->misfit.alternate_mm;
		s->depth_mm = skipped(m, i)
				      ? 0.0
				      : fmax(s->depth_mm, 0.0); /* a path that is scaled by less would turn around */
		s->width = 1.0 + r->width_sd * pw1_normal(&m->strokes);
	}
}

/* What is still on its way when the window begins is no property of the pen: the depth it settles to is. */
static void note_truth(struct maker *m)
{
	struct recording_truth *t = &m->take->truth;
	double n = m->end - m->first, made = 0.0, sum = 0.0, squares = 0.0, periods = 0.0;
	double mean = (m->plan[m->end - 1].instant_s - m->plan[m->first].instant_s) / (n - 1.0);

	for (unsigned i = m->first; i < m->end; i++) {
		double late = m->plan[i].instant_s - m->r->tare_s - m->r->settle_s, depth = m->plan[i].depth_mm;

		if (m->r->misfit.unsettled_mm != 0.0)
			depth += m->r->misfit.unsettled_mm * exp(-late / m->r->misfit.unsettled_s);
		if (i + 1 < m->end)
			periods += pow(m->plan[i + 1].instant_s - m->plan[i].instant_s - mean, 2.0);
		t->missed += skipped(m, i);
		if (skipped(m, i))
			continue;
		made++;
		sum += depth;
		squares += depth * depth;
		t->depth_max_mm = fmax(t->depth_max_mm, depth);
	}
	t->strokes = (unsigned)made;
	t->rate_hz = 1.0 / mean;
	t->depth_mm = sum / made;
	t->depth_sd_mm = sqrt(fmax(0.0, squares - sum * sum / made) / (made - 1.0));
	t->jitter_pct = 100.0 * sqrt(periods / (n - 2.0)) / mean;
}

/* Phase between two deepest points, 0 to 1, of the share w of the time between them. */
static double phase_between(const struct maker *m, unsigned i, double at_s)
{
	const struct stroke_plan *s = &m->plan[i];
	double whole = s[1].instant_s - s->instant_s, w = (at_s - s->instant_s) / whole;

	switch (m->r->speed_change) {
	case SPEED_AT_DEEPEST: return w;
	case SPEED_IN_GAP:
		w = (at_s - s->instant_s) / s->period_s;
		return w < 0.5 ? w : 1.0 + (at_s - s[1].instant_s) / s[1].period_s;
	case SPEED_SMOOTH: break;
	}
	double before = i > 0 ? s->instant_s - s[-1].instant_s : whole;
	double after = i + 2 < m->count ? s[2].instant_s - s[1].instant_s : whole;
	double p = 2.0 * whole / (whole + before), q = 2.0 * whole / (whole + after), v = 1.0 - w;

	return w * w * (3.0 - 2.0 * w) + p * w * v * v - q * w * w * v;
}

/* Phase about the deepest point of the stroke that is told; false: the pen stands. */
static bool phase_at(struct maker *m, double at_s, unsigned *ret_stroke, double *ret_phase)
{
	unsigned last = m->count - 1;

	while (m->at + 1 < last && at_s >= m->plan[m->at + 1].instant_s)
		m->at++;

	const struct stroke_plan *s = &m->plan[m->at];
	double u = at_s < s->instant_s ? (at_s - s->instant_s) / s->period_s : phase_between(m, m->at, at_s);

	*ret_stroke = m->at;
	if (at_s >= m->plan[last].instant_s) {
		*ret_stroke = last;
		u = (at_s - m->plan[last].instant_s) / m->stop_period_s;
	} else if (u > 0.5) {
		*ret_stroke = m->at + 1;
		u -= 1.0;
	}
	bool parked = *ret_stroke == last && u >= m->r->park;

	*ret_phase = *ret_stroke == last ? fmin(u, m->r->park) : u;
	if (u < -0.5) {
		*ret_phase = -0.5;
		return false;
	}
	return !parked;
}

/* ---- force */

static double way(const struct maker *m, const struct stroke_plan *s, double u)
{
	const struct recording *r = m->r;
	const struct misfit *f = &r->misfit;
	double fall, more = s->depth_mm - r->depth_mm;

	if (f->asymmetry > 0.0)
		u *= u > 0.0 ? 1.0 - f->asymmetry : 1.0 + f->asymmetry;
	fall = m->eccentric_mm * (1.0 - cos(2.0 * M_PI * u / s->width));
	if (f->never_off_mm > 0.0)
		return r->depth_mm - fall + 0.5 * more * (1.0 + cos(2.0 * M_PI * u));
	if (r->offset_path)
		return s->depth_mm - fall;
	return (r->depth_mm - fall) * s->depth_mm / r->depth_mm;
}

static double depth_at(const struct maker *m, unsigned stroke, double u)
{
	const struct misfit *f = &m->r->misfit;
	const struct stroke_plan *s = &m->plan[stroke];
	double d = way(m, s, u);

	if (f->cut > 1.0)
		d = fmin(s->depth_mm, d * f->cut);
	if (f->second > 0.0)
		d = fmax(d, f->second * way(m, s, u - SECOND_AT));
	return fmax(d, f->lowest_mm);
}

static double half_sine(double u, double from, double width)
{
	return u > from && u < from + width ? sin(M_PI * (u - from) / width) : 0.0;
}

/* u counts from the deepest point to the next one. */
static double lobes(const struct maker *m, double u)
{
	const struct misfit *f = &m->r->misfit;
	double gap = 1.0 - m->r->duty, behind = u < 0.0 ? u + 1.0 : u, from = 0.5 * m->r->duty;
	double start = from + gap * m->lobe_start, width = gap * m->lobe_width;

	return m->height_n *
	       (f->bounce * half_sine(behind, start, width) - f->adhesion * half_sine(behind, from, width));
}

static double inertia(const struct maker *m, unsigned stroke, double u)
{
	const struct misfit *f = &m->r->misfit;
	double speed = 1.0 / (m->r->rate_hz * m->plan[stroke].period_s), w = 2.0 * M_PI * u;

	if (f->inertia_n == 0.0 && f->inertia_q_n == 0.0 && f->inertia_2_n == 0.0)
		return 0.0;
	return speed * speed * (f->inertia_n * cos(w) + f->inertia_q_n * sin(w) + f->inertia_2_n * cos(2.0 * w));
}

static double force_at(struct maker *m, double at_s, double step_s)
{
	const struct recording *r = m->r;
	const struct misfit *f = &r->misfit;
	unsigned stroke;
	double u, force;

	if (at_s < r->tare_s) /* the needle's own place in the tare, whatever it does later */
		return contact(r, f->tare_contact_mm);

	bool moves = phase_at(m, at_s, &stroke, &u);

	if (!moves && stroke == 0)
		force = contact(r, fmax(f->tare_contact_mm, 0.0));
	else if (!moves && stroke + 1 == m->count && r->park >= 0.5)
		force = contact(r, f->tare_contact_mm);
	else
		force = contact(r, depth_at(m, stroke, u));
	if (f->tail > 0.0) {
		m->tail_n += (force - m->tail_n) * step_s * 10.0 * r->rate_hz;
		force = (force + f->tail * m->tail_n) / m->tail_top;
	}
	if (f->soften != 0.0)
		force *= 1.0 - f->soften * share_of_window(m, at_s);
	if (moves && (stroke > 0 || u > 0.0))
		force += lobes(m, u);
	return moves ? force + inertia(m, stroke, u) : force;
}

#define TAIL_PERIODS 4
#define TAIL_STEPS   2000 /* of a period */

/* The phantom's curve was taken with its tail: what it adds at the top of a pulse is in it. */
static void scale_tail(struct maker *m)
{
	const struct stroke_plan nominal = {.depth_mm = m->r->depth_mm, .width = 1.0};
	double y = 0.0, most = 0.0;

	for (int i = 0; i < TAIL_PERIODS * TAIL_STEPS; i++) {
		double force = recording_force(m->r, way(m, &nominal, (double)(i % TAIL_STEPS) / TAIL_STEPS - 0.5));

		y += (force - y) * 10.0 / TAIL_STEPS;
		most = fmax(most, force + m->r->misfit.tail * y);
	}
	m->tail_top = most / m->height_n;
}

/* Semi-implicit Euler: at CELL_STEPS a sample and f0 below fs / 6 its resonance is right to a few 1e-4. */
static double through_cell(struct maker *m, uint64_t i)
{
	const struct recording *r = m->r;
	double h = 1.0 / (CELL_STEPS * r->fs_hz), w = 2.0 * M_PI * r->cell_hz;
	double a = 2.0 * sin(0.5 * w * h) / h; /* exact frequency of the discrete oscillator */

	for (unsigned k = 0; k < CELL_STEPS; k++) {
		double force = force_at(m, (double)i / r->fs_hz + (k + 1.0 - CELL_STEPS) * h, h);

		m->cell_v += h * (a * a * (force - m->cell_y) - 2.0 * r->cell_damping * a * m->cell_v);
		m->cell_y += h * m->cell_v;
	}
	return m->cell_y;
}

/* ---- noise: of rms 1 */

static double noise_next(struct maker *m, double *state)
{
	const struct misfit *f = &m->r->misfit;
	double x = pw1_normal(&m->noise), w, z;

	switch (f->noise) {
	case NOISE_WHITE: return x;
	case NOISE_PINK: /* three first-order filters, a decade apart, and white */
		w = 0.0;
		for (unsigned i = 0; i < 3; i++) {
			double pole = exp(-2.0 * M_PI * 2.0 * pow(10.0, i) / m->r->fs_hz);

			state[i] = pole * state[i] + sqrt(1.0 - pole * pole) * pw1_normal(&m->noise);
			w += state[i] * 0.5;
		}
		return w + 0.5 * x;
	case NOISE_LOW_PASS:
		w = exp(-2.0 * M_PI * f->noise_hz / m->r->fs_hz);
		state[0] = w * state[0] + sqrt(1.0 - w * w) * x;
		return state[0];
	case NOISE_STUDENT:
		z = 0.0;
		for (unsigned i = 0; i < 3; i++)
			z += pow(pw1_normal(&m->noise), 2.0);
		return x / sqrt(z);
	case NOISE_IMPULSIVE: return fabs(pw1_normal(&m->noise)) > 2.5758 ? 15.0 * x : x;
	}
	return x;
}

static void make_noise(struct maker *m)
{
	double state[3] = {0.0, 0.0, 0.0};

	m->wave = have(m->take->samples * sizeof(*m->wave));
	for (uint64_t i = 0; i < m->take->samples; i++)
		m->wave[i] = noise_next(m, state);
}

/* ---- what is added behind the phantom */

static double window_time(const struct maker *m, double share)
{
	double from = edge_after(m, m->first - 1), to = edge_after(m, m->end - 1);

	return from + share * (to - from);
}

struct additions {
	double phase, line_phase, tremor_phase, step_s, slope;
	double impulse_s[32];
};

static struct additions draw_additions(struct maker *m)
{
	struct additions a = {.phase = 2.0 * M_PI * uniform(&m->noise),
			      .line_phase = 2.0 * M_PI * uniform(&m->noise),
			      .tremor_phase = 2.0 * M_PI * uniform(&m->noise)};

	a.step_s = window_time(m, between(&m->faults, 0.1, 0.9));
	for (unsigned i = 0; i < m->r->misfit.impulses && i < 32; i++)
		a.impulse_s[i] = window_time(m, uniform(&m->faults));
	return a;
}

static double in_tare(const struct maker *m, double at_s)
{
	const struct recording *r = m->r;
	const struct misfit *f = &r->misfit;
	double half = 0.5 * r->tare_s, late = at_s - half, sum = 0.0;

	if (f->tare_pulse_n != 0.0)
		sum += f->tare_pulse_n * half_sine(late, 0.0, 0.2 * half);
	if (f->tare_ramp_n != 0.0 && late > 0.0)
		sum += f->tare_ramp_n * fmin(1.0, late / half);
	if (f->tare_stroke && at_s < 3.0 / r->rate_hz)
		sum += recording_force(r, r->depth_mm - m->eccentric_mm * (1.0 + cos(2.0 * M_PI * at_s * r->rate_hz)));
	return sum;
}

static double line_share(const struct maker *m, double at_s)
{
	if (m->r->misfit.line_of_motor)
		return at_s > m->plan[0].instant_s && at_s < m->plan[m->count - 1].instant_s ? 1.0 : 0.0;
	return m->r->misfit.line_grows ? share_of_window(m, at_s) : 1.0;
}

static double added(const struct maker *m, const struct additions *a, double at_s)
{
	const struct recording *r = m->r;
	const struct misfit *f = &r->misfit;
	double sum = r->level_n + in_tare(m, at_s);

	sum += r->drift_n * (at_s / m->end_s + 0.2 * sin(2.0 * M_PI * at_s / m->end_s + a->tremor_phase));
	sum += r->hum_n * sin(2.0 * M_PI * r->hum_hz * at_s + a->phase);
	if (f->line_n != 0.0)
		sum += line_share(m, at_s) * f->line_n * sin(2.0 * M_PI * f->line_hz * at_s + a->line_phase);
	if (f->tremor_n != 0.0)
		sum += f->tremor_n * (0.8 * sin(2.0 * M_PI * 3.1 * at_s + a->tremor_phase) +
				      0.2 * sin(2.0 * M_PI * 5.3 * at_s + a->line_phase));
	if (f->dimmer_n != 0.0)
		sum += f->dimmer_n * half_sine(fmod(at_s, 0.01), 0.002, 0.0005);
	if (f->step_n != 0.0 && at_s > a->step_s)
		sum += f->step_n;
	for (unsigned i = 0; i < f->impulses && i < 32; i++)
		sum += m->height_n * half_sine(at_s, a->impulse_s[i], 0.0005);
	return sum;
}

/* What comes before its ends. */
static double coupled(struct maker *m, double force)
{
	const struct misfit *f = &m->r->misfit;

	if (f->high_pass_hz > 0.0) {
		m->coupled_n = m->begun ? m->coupled_n : force;
		m->coupled_n += (force - m->coupled_n) * 2.0 * M_PI * f->high_pass_hz / m->r->fs_hz;
		force -= m->coupled_n - m->r->level_n;
	}
	if (f->slew > 0.0) {
		double most = f->slew * m->height_n * m->r->rate_hz / m->r->fs_hz;

		m->slewed_n = m->begun ? fmax(m->slewed_n - most, fmin(m->slewed_n + most, force)) : force;
		force = m->slewed_n;
	}
	if (f->average > 1) {
		double *slot = &m->last_n[m->samples++ % f->average];

		m->sum_n += force - (m->begun ? *slot : 0.0);
		if (!m->begun)
			for (unsigned i = 1; i < f->average; i++)
				m->last_n[i] = force, m->sum_n += force;
		*slot = force;
		force = m->sum_n / f->average;
	}
	m->begun = true;
	return force;
}

/* Poles of the prototypes that have -3 dB at 1 rad/s; one of each pair. */
static const struct {
	unsigned sections;
	double re[SECTIONS_MAX], im[SECTIONS_MAX]; /* im 0: a single pole */
} prototypes[FILTER_KINDS] = {
	[FILTER_FIRST] = {1, {-1.0}, {0.0}},
	[FILTER_BESSEL_2] = {1, {-1.10160133059}, {0.636009824757}},
	[FILTER_BESSEL_4] = {2, {-1.37006783055, -0.995208764350}, {0.410249717494, 1.25710573945}},
	[FILTER_BUTTERWORTH_2] = {1, {-0.70710678119}, {0.70710678119}},
	[FILTER_BUTTERWORTH_3] = {2, {-1.0, -0.5}, {0.0, 0.86602540378}},
	[FILTER_BUTTERWORTH_4] = {2, {-0.92387953251, -0.38268343236}, {0.38268343236, 0.92387953251}},
};

static struct section section_of(double re, double im, double k)
{
	double a = (re * re + im * im) * k * k, b = -2.0 * re * k, all = 1.0 + b + a;

	if (im == 0.0) {
		a = -re * k;
		return (struct section){.b = a / (1.0 + a), .b1 = a / (1.0 + a), .a1 = (a - 1.0) / (1.0 + a)};
	}
	return (struct section){.b = a / all,
				.b1 = 2.0 * a / all,
				.b2 = a / all,
				.a1 = 2.0 * (a - 1.0) / all,
				.a2 = (1.0 - b + a) / all};
}

/* As if it had stood at x for ever. */
static void begin_filter(struct maker *m, double x)
{
	const struct misfit *f = &m->r->misfit;
	unsigned n = prototypes[f->filter].sections;

	m->filtering = true;
	m->sections = n;
	for (unsigned i = 0; i < n; i++) {
		m->section[i] = section_of(prototypes[f->filter].re[i], prototypes[f->filter].im[i],
					   tan(M_PI * f->filter_hz / m->r->fs_hz));
		m->section[i].x1 = m->section[i].x2 = m->section[i].y1 = m->section[i].y2 = x;
	}
}

static double through_section(struct section *s, double x)
{
	double y = s->b * x + s->b1 * s->x1 + s->b2 * s->x2 - s->a1 * s->y1 - s->a2 * s->y2;

	s->x2 = s->x1;
	s->x1 = x;
	s->y2 = s->y1;
	s->y1 = y;
	return y;
}

static double through_average(struct averaged *a, unsigned length, double x)
{
	double *slot = &a->last[a->n % length];

	if (a->n == 0) {
		for (unsigned i = 0; i < length; i++)
			a->last[i] = x;
		a->sum = length * x;
	}
	a->sum += x - *slot;
	*slot = x;
	a->n++;
	return a->sum / length;
}

static double filtered(struct maker *m, double x)
{
	const struct misfit *f = &m->r->misfit;

	if (f->filter == FILTER_NONE)
		return x;
	if (f->filter == FILTER_SINC3) {
		unsigned length = (unsigned)fmax(1.0, nearbyint(SINC_3DB * m->r->fs_hz / f->filter_hz));

		for (unsigned i = 0; i < SINC_STAGES; i++)
			x = through_average(&m->stage[i], length < AVERAGE_MAX ? length : AVERAGE_MAX, x);
		return x;
	}
	if (!m->filtering)
		begin_filter(m, x);
	for (unsigned i = 0; i < m->sections; i++)
		x = through_section(&m->section[i], x);
	return x;
}

static double front_end(const struct maker *m, double force)
{
	const struct misfit *f = &m->r->misfit;
	double end = m->r->level_n + m->height_n * (1.0 - f->clip);

	if (f->floor)
		force = fmax(force, m->r->level_n + f->floor_at * m->height_n);
	return f->clip == 0.0 || force <= end ? force : end + f->clip_slope * (force - end);
}

/* ---- counts */

static int32_t convert(const struct take *t, double force)
{
	double count = nearbyint(force / t->lsb_n);

	return (int32_t)fmax(t->count_lo, fmin(t->count_hi, count));
}

static uint64_t sample_in(struct maker *m, uint64_t from, uint64_t to)
{
	return from + (uint64_t)(uniform(&m->faults) * (double)(to - from - 1));
}

static void spoil(struct maker *m)
{
	const struct misfit *f = &m->r->misfit;
	struct take *t = m->take;
	double spike = f->spike * m->height_n / t->lsb_n;

	for (unsigned i = 0; i < f->spikes + f->tare_spikes; i++) {
		bool tare = i >= f->spikes;
		uint64_t at = sample_in(m, tare ? 0 : t->measure, tare ? t->spin_up : t->coast);
		double count = t->counts[at] + (uniform(&m->faults) < 0.5 ? -spike : spike);

		t->counts[at] = (int32_t)fmax(t->count_lo + 1, fmin(t->count_hi - 1, nearbyint(count)));
	}
	uint64_t at = sample_in(m, t->measure, t->coast - f->burst);

	for (unsigned i = 0; i < f->burst; i++)
		t->counts[at + i] += (int32_t)(spike * between(&m->faults, -1.0, 1.0));

	uint64_t frozen = (uint64_t)(f->freeze_s * m->r->fs_hz);

	at = sample_in(m, t->measure, t->coast - frozen);
	for (uint64_t i = 1; i < frozen; i++)
		t->counts[at + i] = t->counts[at];
	for (uint64_t i = 0; f->hold > 1 && i < t->samples; i++)
		t->counts[i] = t->counts[i - i % f->hold];
	for (unsigned k = 0; f->lost > 0 && k < LOSSES; k++) {
		at = sample_in(m, t->measure, t->coast - f->lost);
		t->samples -= f->lost;
		t->coast -= f->lost;
		t->rest -= f->lost;
		memmove(&t->counts[at], &t->counts[at + f->lost], (t->samples - at) * sizeof(*t->counts));
	}
	if (f->twice > 0) {
		at = sample_in(m, t->measure + f->twice, t->coast);
		memmove(&t->counts[at], &t->counts[at - f->twice], (t->samples - at) * sizeof(*t->counts));
		t->coast += f->twice;
		t->rest += f->twice;
	}
}

static void fill(struct maker *m)
{
	const struct recording *r = m->r;
	struct additions a = draw_additions(m);
	bool before = r->misfit.clip_behind_noise;

	for (uint64_t i = 0; i < m->take->samples; i++) {
		double at = (double)i / r->fs_hz, noise = m->sigma_n * m->wave[i];
		double force = r->cell_hz > 0.0 ? through_cell(m, i) : force_at(m, at, 1.0 / r->fs_hz);

		force += added(m, &a, at);
		if (at > a.step_s)
			force *= 1.0 + r->misfit.gain_step;
		force = filtered(m, coupled(m, force));
		force = before ? front_end(m, force + noise) : front_end(m, force) + noise;
		m->take->counts[i] = convert(m->take, force);
	}
}

static uint64_t sample_of(const struct maker *m, double at_s)
{
	return (uint64_t)ceil(at_s * m->r->fs_hz);
}

static double window_end(const struct maker *m)
{
	double edge = m->r->misfit.stop_edge;

	return edge > 0.0 ? m->plan[m->end - 1].instant_s + edge / m->r->rate_hz : edge_after(m, m->end - 1);
}

static void lay_out(struct maker *m)
{
	const struct recording *r = m->r;
	struct take *t = m->take;
	const struct stroke_plan *last = &m->plan[m->count - 1];
	double stands = last->instant_s + r->park * m->stop_period_s;

	m->end_s = stands + REST_S;
	t->spin_up = sample_of(m, r->tare_s);
	t->measure = sample_of(m, edge_after(m, m->first - 1));
	t->coast = sample_of(m, window_end(m));
	t->rest = sample_of(m, stands + 0.1);
	t->samples = sample_of(m, m->end_s);
	t->lsb_n = 2.0 * r->range_n / ldexp(1.0, (int)r->bits);
	t->count_hi = (int32_t)ldexp(1.0, (int)r->bits - 1) - 1;
	t->count_lo = -t->count_hi;
	t->counts = have(t->samples * sizeof(*t->counts));
}

void recording_make(const struct recording *r, struct take *ret)
{
	struct maker m = {.r = r, .take = ret};

	memset(ret, 0, sizeof(*ret));
	m.strokes = pw1_seeded(3 * r->seed);
	m.noise = pw1_seeded(3 * r->seed + 1);
	m.faults = pw1_seeded(3 * r->seed + 2);
	m.height_n = recording_force(r, r->depth_mm);
	m.sigma_n = m.height_n * pow(10.0, -r->snr_db / 20.0);
	m.eccentric_mm = r->misfit.never_off_mm > 0.0 ? 0.5 * (r->depth_mm - r->misfit.never_off_mm)
						      : r->depth_mm / (1.0 - cos(M_PI * r->duty));
	m.lobe_start = r->misfit.lobe_start > 0.0 ? r->misfit.lobe_start : between(&m.faults, 0.02, 0.3);
	m.lobe_width = r->misfit.lobe_width > 0.0 ? r->misfit.lobe_width : between(&m.faults, 0.15, 0.5);
	scale_tail(&m);
	make_strokes(&m);
	note_truth(&m);
	lay_out(&m);
	make_noise(&m);
	fill(&m);
	spoil(&m);
	free(m.plan);
	free(m.wave);
}

void take_free(struct take *take)
{
	free(take->counts);
	take->counts = NULL;
}
