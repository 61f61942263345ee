/* See sensor_calibration.h, and docs/calibration.md for the formulas. */
#include "rig/calibrate/sensor_calibration.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/measure/curve_fit.h"

#define STILL_U       4.0   /* a window's halves may be so many standard uncertainties apart, */
#define STILL_REL     0.001 /* or so much of the load */
#define NOTICED_U     10.0  /* a load that changes the reading by less does not lie on the cell */
#define NOTICED_SHARE 0.05
#define LEAST_SHARE   0.5 /* of what the loads before would change it by */
#define MOST_SHARE    2.0
#define DRIFT_REL     0.005 /* of the largest load, from the first look without one to the last */
#define CHANCE        0.01
#define LONE_REL      0.0005 /* of the largest load: what a load that is put on once may be off by wandering, and no bend */

double sensor_calibration_force_n(const struct sensor_setup *setup, double load)
{
	return setup->gravity_m_s2 > 0 ? 1e-3 * load * setup->gravity_m_s2 * SENSOR_BUOYANCY : load;
}

static void add(struct sensor_calibration *c, unsigned repeat, double load, bool falling)
{
	c->point[c->count++] = (struct sensor_point){.load = load,
						     .force_n = sensor_calibration_force_n(&c->setup, load),
						     .falling = falling,
						     .repeat = repeat};
}

int sensor_calibration_init(struct sensor_calibration *c, const struct sensor_setup *setup, struct err *err)
{
	*c = (struct sensor_calibration){.setup = *setup};
	for (unsigned i = 0; i < setup->loads; i++)
		if (!(setup->load[i] > (i ? setup->load[i - 1] : 0)))
			return err_set(err, -EINVAL, "the loads must rise, and none stand there twice: %g behind %g",
				       setup->load[i], i ? setup->load[i - 1] : 0);
	for (unsigned r = 0; r < setup->repeats; r++) {
		add(c, r, 0, false);
		for (unsigned i = 0; i < setup->loads; i++)
			add(c, r, setup->load[i], false);
		for (unsigned i = setup->loads; setup->unload && i > 1; i--)
			add(c, r, setup->load[i - 2], true);
		add(c, r, 0, true);
	}
	return 0;
}

/* ---- windows --------------------------------------------------------------------------------------------------- */

void sensor_sum_begin(struct sensor_sum *sum, double samples)
{
	unsigned each = (unsigned)ceil(samples / SENSOR_BLOCKS);

	*sum = (struct sensor_sum){.wanted = (each ? each : 1) * SENSOR_BLOCKS};
}

bool sensor_sum_add(struct sensor_sum *sum, double reading)
{
	if (sum->n == sum->wanted)
		return true;
	if (sum->n == 0)
		sum->first = reading;
	sum->block[sum->n++ / (sum->wanted / SENSOR_BLOCKS)] += reading - sum->first;
	return sum->n == sum->wanted;
}

void sensor_sum_end(const struct sensor_sum *sum, struct sensor_window *ret)
{
	double each = sum->wanted / SENSOR_BLOCKS, mean = 0, square = 0, half[2] = {0, 0};

	for (unsigned i = 0; i < SENSOR_BLOCKS; i++) {
		mean += sum->block[i] / each / SENSOR_BLOCKS;
		half[i >= SENSOR_BLOCKS / 2] += sum->block[i] / each / (SENSOR_BLOCKS / 2);
	}
	for (unsigned i = 0; i < SENSOR_BLOCKS; i++)
		square += (sum->block[i] / each - mean) * (sum->block[i] / each - mean);
	*ret = (struct sensor_window){.mean = sum->first + mean,
				      .u = sqrt(square / (SENSOR_BLOCKS - 1) / SENSOR_BLOCKS),
				      .moved = half[1] - half[0],
				      .samples = sum->n,
				      .flags = sum->flags};
	ret->u_moved = 2 * ret->u;
}

/* ---- each point ------------------------------------------------------------------------------------------------ */

/* What one newton changes the reading by, of the loads so far; 0: not known yet. */
static double per_newton(const struct sensor_calibration *c, unsigned i)
{
	double most = 0, slope = c->setup.claims ? 1 : 0;

	for (unsigned k = 1; k < i; k++) {
		double by_n = fabs(c->point[k].force_n - c->point[0].force_n);
		if (by_n <= most)
			continue;
		most = by_n;
		slope = (c->point[k].window.mean - c->point[0].window.mean) /
			(c->point[k].force_n - c->point[0].force_n);
	}
	return slope;
}

static int check_step(const struct sensor_calibration *c, unsigned i, const struct sensor_window *w, struct err *err)
{
	const struct sensor_point *before = &c->point[i - 1], *now = &c->point[i];
	double changed = w->mean - before->window.mean, by_n = now->force_n - before->force_n;
	double slope = per_newton(c, i), share = slope != 0 ? changed / (slope * by_n) : 1;

	if (by_n == 0)
		return 0;
	if (fabs(changed) <= NOTICED_U * hypot(w->u, before->window.u) || fabs(share) < NOTICED_SHARE)
		return err_set(err, -EDOM, "the reading did not change from %g to %g: is the load on the cell?",
			       before->load, now->load);
	if (share >= LEAST_SHARE && share <= MOST_SHARE)
		return 0;
	return err_set(err, -EDOM,
		       "from %g to %g the reading changed by %.3g times what %s: the same load again, another one, or "
		       "one that touches something",
		       before->load, now->load, share,
		       c->setup.claims && i == 1 ? "its own scale says" : "the loads before make");
}

/* Against the largest load so far: what is nothing of that is no unrest. */
static int check_still(const struct sensor_calibration *c, unsigned i, const struct sensor_window *w, struct err *err)
{
	double most = fabs(w->mean - c->point[0].window.mean);

	for (unsigned k = 1; k < i; k++)
		most = fmax(most, fabs(c->point[k].window.mean - c->point[0].window.mean));
	if (i == 0 || fabs(w->moved) <= STILL_U * w->u_moved || fabs(w->moved) <= STILL_REL * most)
		return 0;
	return err_set(err, -EDOM, "the reading still moves, by %.3g within the window: wait until it rests", w->moved);
}

int sensor_window_check(const struct sensor_window *window, struct err *err)
{
	const uint32_t bad = SAMPLE_SATURATED | SAMPLE_GAP | SAMPLE_OVER_RANGE | SAMPLE_UNSTABLE;

	if (!(window->flags & bad))
		return 0;
	return err_set(err, -EDOM, "%s",
		       window->flags & SAMPLE_GAP        ? "samples were lost"
		       : window->flags & SAMPLE_UNSTABLE ? "the device says that it is not settled"
							 : "the reading left the sensor's range");
}

int sensor_calibration_take(struct sensor_calibration *c, unsigned i, const struct sensor_window *window,
			    struct err *err)
{
	int rc = sensor_window_check(window, err);

	if (rc == 0)
		rc = check_still(c, i, window, err);
	if (rc == 0 && i > 0)
		rc = check_step(c, i, window, err);
	if (rc)
		return rc;
	c->point[i].window = *window;
	c->point[i].measured = true;
	return 0;
}

/* ---- the outcome ----------------------------------------------------------------------------------------------- */

static unsigned points_of_repeat(const struct sensor_calibration *c)
{
	return c->count / c->setup.repeats;
}

/* Above what it reads without load, which goes straight from the first look to the last. */
static double lifted(const struct sensor_calibration *c, unsigned i)
{
	unsigned each = points_of_repeat(c), first = i / each * each;
	double share = (double)(i - first) / (each - 1);
	double zero = c->point[first].window.mean * (1 - share) + c->point[first + each - 1].window.mean * share;

	return c->point[i].window.mean - zero;
}

struct fitting {
	unsigned n;
	double force2, lift2, both; /* sums of squares and products */
	double square, u2;          /* of the residuals; of what their windows explain */
};

static void fit_line(struct sensor_calibration *c, struct fitting *f)
{
	for (unsigned i = 0; i < c->count; i++) {
		double lift = lifted(c, i);
		f->n += c->point[i].load > 0;
		f->lift2 += c->point[i].load > 0 ? lift * lift : 0;
		f->both += c->point[i].load > 0 ? lift * c->point[i].force_n : 0;
		f->force2 += c->point[i].force_n * c->point[i].force_n;
	}
	c->gain = f->both / f->lift2;
	for (unsigned i = 0; i < c->count; i++) {
		struct sensor_point *p = &c->point[i];
		if (!(p->load > 0))
			continue;
		p->residual_n = p->force_n - c->gain * lifted(c, i);
		f->square += p->residual_n * p->residual_n;
		f->u2 += c->gain * c->gain *
			 (1.5 * p->window.u * p->window.u + c->setup.count_n * c->setup.count_n / 12);
	}
	c->residual_n = f->n > 1 ? sqrt(f->square / (f->n - 1)) : 0;
}

/* Residuals of one load. */
struct at_load {
	double force_n, mean_n, beside_n;
	double sum[2]; /* going up, coming down */
	unsigned n[2];
};

static void gather(const struct sensor_calibration *c, double load, struct at_load *ret)
{
	*ret = (struct at_load){.force_n = sensor_calibration_force_n(&c->setup, load)};
	for (unsigned i = 0; i < c->count; i++) {
		if (c->point[i].load != load)
			continue;
		ret->sum[c->point[i].falling] += c->point[i].residual_n;
		ret->n[c->point[i].falling]++;
	}
	ret->mean_n = (ret->sum[0] + ret->sum[1]) / (ret->n[0] + ret->n[1]);
}

/* Looks without load that wander shift all loads alike, and turn the line: what a line of its own leaves of the means is a bend. */
static double leave_line(struct at_load *at, unsigned loads)
{
	double w = 0, x = 0, y = 0, xx = 0, xy = 0, between = 0;

	for (unsigned k = 0; k < loads; k++) {
		double n = at[k].n[0] + at[k].n[1];
		w += n;
		x += n * at[k].force_n;
		y += n * at[k].mean_n;
		xx += n * at[k].force_n * at[k].force_n;
		xy += n * at[k].force_n * at[k].mean_n;
	}
	double slope = (w * xy - x * y) / (w * xx - x * x), offset = (y - slope * x) / w;
	for (unsigned k = 0; k < loads; k++) {
		at[k].beside_n = at[k].mean_n - offset - slope * at[k].force_n;
		between += (at[k].n[0] + at[k].n[1]) * at[k].beside_n * at[k].beside_n;
	}
	return between;
}

/* What a reading is off for what the readings are beside the line, at most, from the largest load down to none, where the two
 * smallest loads lead. */
static double most_off_rel(const struct sensor_calibration *c, const struct at_load *at)
{
	double first = at[0].mean_n / at[0].force_n, second = at[1].mean_n / at[1].force_n;
	double ret = fabs(first + (first - second) * at[0].force_n / (at[1].force_n - at[0].force_n));

	for (unsigned k = 0; k < c->setup.loads; k++)
		ret = fmax(ret, fabs(at[k].mean_n) / at[k].force_n);
	return ret;
}

static void test_line(struct sensor_calibration *c, const struct fitting *f, const struct at_load *at, double between)
{
	unsigned loads = c->setup.loads, dof = loads - 2, within_dof = f->n - loads;
	double lone_n = within_dof > 0 ? 0 : LONE_REL * at[loads - 1].force_n, within = f->square;

	for (unsigned k = 0; k < loads; k++) {
		within -= (at[k].n[0] + at[k].n[1]) * at[k].mean_n * at[k].mean_n;
		c->linearity_rel = fmax(c->linearity_rel, fabs(at[k].beside_n) / at[loads - 1].force_n);
	}
	c->lack_p = curve_fit_chi2_p(between / (f->u2 / f->n + lone_n * lone_n), dof);
	if (within_dof > 0 && within > 0)
		c->lack_p = fmax(c->lack_p, curve_fit_fisher_p(between / dof / (within / within_dof), dof, within_dof));
	c->beside = c->lack_p < CHANCE;
	c->u_line_rel = c->beside ? most_off_rel(c, at) / sqrt(3) : 0;
}

static void look_at_line(struct sensor_calibration *c, const struct fitting *f)
{
	struct at_load at[SENSOR_LOADS_MAX];
	unsigned loads = c->setup.loads;

	for (unsigned k = 0; k < loads; k++)
		gather(c, c->setup.load[k], &at[k]);
	for (unsigned k = 0; k < loads; k++)
		if (at[k].n[0] && at[k].n[1])
			c->hysteresis_rel =
				fmax(c->hysteresis_rel, fabs(at[k].sum[0] / at[k].n[0] - at[k].sum[1] / at[k].n[1]) /
								at[loads - 1].force_n);
	c->lack_p = NAN;
	if (loads > 2)
		test_line(c, f, at, leave_line(at, loads));
}

/* Two standard uncertainties are what 95.45 % of Student's distribution ask for, however few points there are. */
static double of_few(unsigned dof)
{
	return curve_fit_student_k(dof) / 2;
}

static void make_budget(struct sensor_calibration *c, const struct fitting *f)
{
	const struct sensor_setup *s = &c->setup;
	double rms_n = sqrt(f->force2 / f->n), windows = sqrt(f->u2 / f->n);
	double seen = f->n > 1 ? c->residual_n * of_few(f->n - 1) : 0;

	c->u_load_rel = s->load_u_rel;
	c->u_gravity_rel = s->gravity_m_s2 > 0 ? hypot(s->gravity_u_m_s2 / s->gravity_m_s2, SENSOR_BUOYANCY_REL) : 0;
	c->u_repeat_rel = fmax(seen, windows * of_few(SENSOR_BLOCKS - 1)) / sqrt(f->force2);
	if (f->n == s->loads) /* each was put on once: nothing shows how it wanders */
		c->u_repeat_rel = fmax(c->u_repeat_rel, LONE_REL / sqrt(3));
	c->u_zero_rel = c->zero_moved_n / sqrt(12) / rms_n;
	c->u_resolution_rel = fabs(c->gain) * s->count_n / sqrt(12) / rms_n;
	c->u_rel = sqrt(c->u_load_rel * c->u_load_rel + c->u_gravity_rel * c->u_gravity_rel +
			c->u_repeat_rel * c->u_repeat_rel + c->u_zero_rel * c->u_zero_rel +
			c->u_resolution_rel * c->u_resolution_rel + c->u_line_rel * c->u_line_rel);
}

int sensor_calibration_fit(struct sensor_calibration *c, struct err *err)
{
	unsigned each = points_of_repeat(c);
	double most_n = sensor_calibration_force_n(&c->setup, c->setup.load[c->setup.loads - 1]);
	struct fitting f = {.n = 0};

	fit_line(c, &f);
	for (unsigned first = 0; first < c->count; first += each) {
		const struct sensor_point *last = &c->point[first + each - 1];
		c->zero_moved_n =
			fmax(c->zero_moved_n, fabs(c->gain * (last->window.mean - c->point[first].window.mean)));
	}
	if (c->zero_moved_n > DRIFT_REL * most_n)
		return err_set(
			err, -EDOM,
			"no calibration: without load it reads %.3g N otherwise than before the loads, more than "
			"%.1f %% of the largest: something lies on the cell, or it drifts",
			c->zero_moved_n, 100 * DRIFT_REL);
	look_at_line(c, &f);
	make_budget(c, &f);
	return 0;
}
