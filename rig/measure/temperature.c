/* Temperatures over one run of the motor: maximum, rise, and the steady state by separable least squares on a two-node
 * (two-exponential) step response. Derivation: docs/method.md, "Temperature". */
#include "rig/measure/temperature.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/statistics.h"

#define TAU_GRID        24
#define REFINE_STEPS    40
#define STEADY_WINDOW_S 60.0 /* a handle warms through in minutes: of a shorter window the fast nodes alone are seen */
#define POINTS_MIN      20
#define TAU_STEP        0.01

struct thermal_point {
	double t_s, temperature_c, ambient_c, weight;
};

struct thermal {
	struct thermal_config config;
	struct thermal_point points[THERMAL_POINTS_MAX], pending;
	unsigned count, group; /* group: readings averaged into one point */
	uint64_t readings, with_ambient;
	double max_c, max_rise_k, start_c;
	double last_c, last_rise_k; /* of the reading before */
	double step_c, rise_step_k; /* from the reading before the largest one to it */
	double steady_u_k, steady_growth,
		steady_dof; /* of the asymptote: its own u, that u's slope, its degrees; 0: none */
	bool fitted;
	struct thermal_curve curve; /* that the steady state was read from */
};

int thermal_new(const struct thermal_config *config, struct thermal **ret)
{
	struct thermal *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->config = *config;
	t->group = 1;
	t->max_c = t->max_rise_k = -INFINITY;
	t->last_c = t->last_rise_k = NAN;
	*ret = t;
	return 0;
}

void thermal_free(struct thermal *thermal)
{
	free(thermal);
}

static void average_into(struct thermal_point *a, const struct thermal_point *b)
{
	double w = a->weight + b->weight;

	a->t_s = (a->t_s * a->weight + b->t_s * b->weight) / w;
	a->temperature_c = (a->temperature_c * a->weight + b->temperature_c * b->weight) / w;
	a->ambient_c = (a->ambient_c * a->weight + b->ambient_c * b->weight) / w;
	a->weight = w;
}

static void halve(struct thermal *t)
{
	for (unsigned i = 0; i < THERMAL_POINTS_MAX / 2; i++) {
		t->points[i] = t->points[2 * i];
		average_into(&t->points[i], &t->points[2 * i + 1]);
	}
	t->count = THERMAL_POINTS_MAX / 2;
	t->group *= 2;
}

static void note_largest(double value, double *last, double *largest, double *step)
{
	if (value > *largest) {
		*step = isfinite(*last) ? fmax(0.0, value - *last) : 0.0;
		*largest = value;
	}
	*last = value;
}

void thermal_feed(struct thermal *t, double t_s, double temperature_c, double ambient_c)
{
	struct thermal_point p = {.t_s = t_s, .temperature_c = temperature_c, .ambient_c = ambient_c, .weight = 1.0};

	if (!isfinite(t_s) || !isfinite(temperature_c))
		return;
	t->readings++;
	t->with_ambient += isfinite(ambient_c) ? 1 : 0;
	note_largest(temperature_c, &t->last_c, &t->max_c, &t->step_c);
	if (isfinite(ambient_c))
		note_largest(temperature_c - ambient_c, &t->last_rise_k, &t->max_rise_k, &t->rise_step_k);
	if (t->pending.weight > 0.0)
		average_into(&t->pending, &p);
	else
		t->pending = p;
	if (t->pending.weight < t->group)
		return;
	if (t->count == THERMAL_POINTS_MAX)
		halve(t);
	t->points[t->count++] = t->pending;
	t->pending.weight = 0.0;
}

struct thermal_fit {
	double tau[2], coef[3]; /* y = coef0 - coef1 exp(-t/tau0) - coef2 exp(-t/tau1) */
	double chi2;
	unsigned nodes;
};

static double ordinate(const struct thermal *t, unsigned i)
{
	const struct thermal_point *p = &t->points[i];

	return t->with_ambient == t->readings ? p->temperature_c - p->ambient_c : p->temperature_c;
}

/* Solves the symmetric positive n x n system by elimination, in place; a is n x 5. False when singular. */
static bool solve(double a[5][5], double *b, unsigned n)
{
	for (unsigned c = 0; c < n; c++) {
		if (!(a[c][c] > 1e-12))
			return false;
		for (unsigned r = c + 1; r < n; r++) {
			double f = a[r][c] / a[c][c];

			for (unsigned k = c; k < n; k++)
				a[r][k] -= f * a[c][k];
			b[r] -= f * b[c];
		}
	}
	for (unsigned c = n; c-- > 0;) {
		for (unsigned k = c + 1; k < n; k++)
			b[c] -= a[c][k] * b[k];
		b[c] /= a[c][c];
	}
	return true;
}

/* The linear half of the problem: coefficients for given time constants. */
static void fit_linear(const struct thermal *t, struct thermal_fit *fit)
{
	double a[5][5] = {{0}}, b[5] = {0};
	unsigned n = 1 + fit->nodes;

	for (unsigned i = 0; i < t->count; i++) {
		double w = t->points[i].weight, y = ordinate(t, i), h[3] = {1.0, 0.0, 0.0};

		for (unsigned k = 0; k < fit->nodes; k++)
			h[1 + k] = -exp(-t->points[i].t_s / fit->tau[k]);
		for (unsigned r = 0; r < n; r++) {
			b[r] += w * h[r] * y;
			for (unsigned c = 0; c < n; c++)
				a[r][c] += w * h[r] * h[c];
		}
	}
	fit->chi2 = INFINITY;
	if (!solve(a, b, n))
		return;
	memset(fit->coef, 0, sizeof(fit->coef));
	memcpy(fit->coef, b, n * sizeof(b[0]));
	fit->chi2 = 0.0;
	for (unsigned i = 0; i < t->count; i++) {
		double y = ordinate(t, i) - fit->coef[0];

		for (unsigned k = 0; k < fit->nodes; k++)
			y += fit->coef[1 + k] * exp(-t->points[i].t_s / fit->tau[k]);
		fit->chi2 += t->points[i].weight * y * y;
	}
}

static void try_taus(const struct thermal *t, double slow, double fast, struct thermal_fit *best)
{
	struct thermal_fit trial = *best;

	trial.tau[0] = slow;
	trial.tau[1] = fast;
	if (trial.nodes == 2 && fast > 0.6 * slow)
		return;
	fit_linear(t, &trial);
	if (trial.chi2 < best->chi2)
		*best = trial;
}

/* Grid over the time constants, then a shrinking pattern search: two dimensions, robust, and always the same answer. */
static struct thermal_fit fit_nodes(const struct thermal *t, unsigned nodes)
{
	struct thermal_fit best = {.nodes = nodes, .chi2 = INFINITY};
	double span = t->points[t->count - 1].t_s - t->points[0].t_s, shortest = 2.0 * span / t->count;
	double ratio = pow(20.0 * span / shortest, 1.0 / (TAU_GRID - 1)), step = sqrt(ratio);

	for (unsigned i = 0; i < TAU_GRID; i++) {
		double slow = shortest * pow(ratio, i);

		for (unsigned j = 0; j < (nodes == 2 ? i : 1); j++)
			try_taus(t, slow, nodes == 2 ? shortest * pow(ratio, j) : slow, &best);
	}
	for (unsigned i = 0; i < REFINE_STEPS && isfinite(best.chi2); i++) {
		struct thermal_fit before = best;

		try_taus(t, before.tau[0] * step, before.tau[1], &best);
		try_taus(t, before.tau[0] / step, before.tau[1], &best);
		if (nodes == 2) {
			try_taus(t, before.tau[0], before.tau[1] * step, &best);
			try_taus(t, before.tau[0], before.tau[1] / step, &best);
			try_taus(t, before.tau[0] * step, before.tau[1] * step, &best);
			try_taus(t, before.tau[0] / step, before.tau[1] / step, &best);
			try_taus(t, before.tau[0] * step, before.tau[1] / step, &best);
			try_taus(t, before.tau[0] / step, before.tau[1] * step, &best);
		}
		if (best.chi2 >= before.chi2)
			step = sqrt(step);
	}
	return best;
}

/* Standard uncertainty of the asymptote: all parameters, the time constants included, by the inverse of J'J. */
static double asymptote_u(const struct thermal *t, const struct thermal_fit *fit)
{
	unsigned n = 1 + 2 * fit->nodes;
	double a[5][5] = {{0}}, b[5] = {1.0, 0.0, 0.0, 0.0, 0.0};
	double scale[5] = {1.0, 1.0, 1.0, 1.0, 1.0};

	for (unsigned i = 0; i < t->count; i++) {
		double h[5] = {1.0, 0.0, 0.0, 0.0, 0.0};

		for (unsigned k = 0; k < fit->nodes; k++) {
			double x = t->points[i].t_s / fit->tau[k], e = exp(-x);

			h[1 + 2 * k] = -e;
			h[2 + 2 * k] = -fit->coef[1 + k] * x * e; /* per relative change of tau */
		}
		for (unsigned r = 0; r < n; r++) {
			for (unsigned c = 0; c < n; c++)
				a[r][c] += t->points[i].weight * h[r] * h[c];
		}
	}
	for (unsigned r = 0; r < n; r++)
		scale[r] = a[r][r] > 0.0 ? sqrt(a[r][r]) : 1.0;
	for (unsigned r = 0; r < n; r++) {
		for (unsigned c = 0; c < n; c++)
			a[r][c] /= scale[r] * scale[c];
	}
	b[0] = 1.0 / scale[0];
	if (!solve(a, b, n) || !(b[0] > 0.0))
		return INFINITY;
	return sqrt(b[0] / scale[0] * fit->chi2 / (t->count - n));
}

/* u grows with the asymptote (a slower node), so a low estimate states too little. The interval's upper end T + U is
 * where T is just explained by the u that stands there: U = k u (1 + k du/dT), du/dT along the slow time constant. */
static double asymptote_u_above(struct thermal *t, const struct thermal_fit *fit)
{
	double u = asymptote_u(t, fit), dof = t->count - 1.0 - 2.0 * fit->nodes;
	struct thermal_fit slower = *fit;

	slower.tau[0] *= 1.0 + TAU_STEP;
	fit_linear(t, &slower);
	slower.chi2 = fit->chi2;
	double rise = (asymptote_u(t, &slower) - u) / (slower.coef[0] - fit->coef[0]);

	rise = isfinite(rise) && rise > 0.0 ? rise : 0.0;
	t->steady_u_k = u;
	t->steady_growth = rise;
	t->steady_dof = dof;
	return u * (1.0 + student_k(dof) * rise);
}

static void begin(struct result *r, enum measurand id, const char *method)
{
	*r = (struct result){.value = NAN, .dof = INFINITY};
	result_name(r, id, method);
}

static void end(struct result *r, double value, uint64_t n, double u_sensor, double u_fit, double dof)
{
	r->budget[r->budget_lines++] = (struct budget_line){.name = "calibration", .u = u_sensor, .dof = INFINITY};
	if (u_fit > 0.0)
		r->budget[r->budget_lines++] = (struct budget_line){.name = "fit", .u = u_fit, .dof = dof};
	r->valid = r->trusted = true;
	r->value = value;
	r->n = n;
	result_combine(r);
}

/* What rises this fast goes on rising until the next reading, or until the motor's stop. */
static void end_largest(struct result *r, double value, uint64_t n, double u_sensor, double step)
{
	r->budget[r->budget_lines++] =
		(struct budget_line){.name = "resolution", .u = step / sqrt(3.0), .dof = INFINITY};
	end(r, value, n, u_sensor, 0.0, INFINITY);
}

static void refuse(struct result *r, const char *reason)
{
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

static void keep_curve(struct thermal *t, const struct thermal_fit *fit, double room_c)
{
	bool two = fit->nodes == 2;

	t->fitted = true;
	t->curve = (struct thermal_curve){.room_c = room_c,
					  .end_k = fit->coef[0],
					  .slow_k = fit->coef[1],
					  .slow_s = fit->tau[0],
					  .fast_k = two ? fit->coef[2] : 0.0,
					  .fast_s = two ? fit->tau[1] : NAN};
}

static void steady(struct thermal *t, struct result *r)
{
	double window = t->count > 1 ? t->points[t->count - 1].t_s - t->points[0].t_s : 0.0, ambient = 0.0;

	if (t->count < POINTS_MIN || !(window > 0.0)) {
		refuse(r, "too few readings for a steady state");
		return;
	}
	if (window < STEADY_WINDOW_S) {
		snprintf(r->reason, sizeof(r->reason),
			 "window of %.4g s is too short for a steady state, at least %g s needed: \"measure_s\"",
			 window, STEADY_WINDOW_S);
		return;
	}
	struct thermal_fit one = fit_nodes(t, 1), two = fit_nodes(t, 2), fit = one;

	/* F test of two parameters, at about 0.1 % */
	if (isfinite(two.chi2) && t->count > 8 && (one.chi2 - two.chi2) / 2.0 > 7.0 * two.chi2 / (t->count - 5.0))
		fit = two;
	if (!isfinite(fit.chi2) || window < fit.tau[0]) {
		snprintf(r->reason, sizeof(r->reason),
			 "window of %.4g s is shorter than the slow time constant of about %.4g s", window,
			 isfinite(fit.chi2) ? fit.tau[0] : INFINITY);
		return;
	}
	double u = asymptote_u_above(t, &fit);

	if (!isfinite(u)) {
		refuse(r, "the readings do not determine a steady state");
		return;
	}
	double u_sensor = t->config.u_sensor_k;

	if (t->with_ambient == t->readings)
		for (unsigned i = 0; i < t->count; i++)
			ambient += t->points[i].ambient_c / t->count;
	keep_curve(t, &fit, ambient);
	/* then the ambient sensor's error does not cancel */
	if (t->with_ambient == t->readings && isfinite(t->config.rated_ambient_c)) {
		ambient = t->config.rated_ambient_c;
		u_sensor *= M_SQRT2;
	}
	end(r, fit.coef[0] + ambient, t->readings, u_sensor, u, t->count - 1.0 - 2.0 * fit.nodes);
}

unsigned thermal_finish(struct thermal *t, struct result *results, unsigned cap)
{
	struct result local[3];
	bool rated = isfinite(t->config.rated_ambient_c), ambient = t->readings > 0 && t->with_ambient == t->readings;
	unsigned n = cap < 3 ? cap : 3;

	begin(&local[0], t->config.id, rated ? "rise_plus_rated_ambient" : "maximum");
	begin(&local[1], MEASURAND_TEMPERATURE_RISE, t->config.site);
	begin(&local[2], MEASURAND_STEADY_TEMPERATURE, t->config.site);
	if (t->pending.weight > 0.0 && t->count < THERMAL_POINTS_MAX) {
		t->points[t->count++] = t->pending;
		t->pending.weight = 0.0;
	}
	if (t->readings == 0) {
		for (unsigned i = 0; i < 3; i++)
			refuse(&local[i], "no temperature readings");
	} else {
		double u = t->config.u_sensor_k;

		if (rated && !ambient)
			refuse(&local[0], "rise over ambient needs an ambient channel");
		else
			end_largest(&local[0], rated ? t->max_rise_k + t->config.rated_ambient_c : t->max_c,
				    t->readings, rated ? M_SQRT2 * u : u, rated ? t->rise_step_k : t->step_c);
		if (ambient)
			end_largest(&local[1], t->max_rise_k, t->readings, M_SQRT2 * u, t->rise_step_k);
		else
			refuse(&local[1], "rise over ambient needs an ambient channel");
		steady(t, &local[2]);
	}
	memcpy(results, local, n * sizeof(local[0]));
	return n;
}

static const struct {
	const char *name, *unit;
	size_t offset; /* of a double in struct thermal_curve */
} curve_rows[] = {
#define ROW(name, unit, member)                                                                                        \
	{                                                                                                              \
		name, unit, offsetof(struct thermal_curve, member)                                                     \
	}
	ROW("fit_room", "degC", room_c),  ROW("fit_end", "K", end_k),   ROW("fit_slow", "K", slow_k),
	ROW("fit_slow_tau", "s", slow_s), ROW("fit_fast", "K", fast_k), ROW("fit_fast_tau", "s", fast_s),
#undef ROW
};
#define CURVE_ROWS (sizeof(curve_rows) / sizeof(curve_rows[0]))

bool thermal_curve_of(const struct budget_input *input, unsigned inputs, const char *site, struct thermal_curve *ret)
{
	unsigned found = 0; /* a bit for each row: a file may name one of them twice */

	for (unsigned i = 0; i < inputs; i++) {
		for (unsigned k = 0; k < CURVE_ROWS; k++) {
			char name[sizeof(input->name)];

			snprintf(name, sizeof(name), "%.15s_%s", site, curve_rows[k].name);
			if (strcmp(name, input[i].name) != 0)
				continue;
			memcpy((char *)ret + curve_rows[k].offset, &input[i].value, sizeof(double));
			found |= 1U << k;
		}
	}
	return found == (1U << CURVE_ROWS) - 1;
}

double thermal_curve_at(const struct thermal_curve *c, double t_s)
{
	double fast = c->fast_k == 0.0 ? 0.0 : c->fast_k * exp(-t_s / c->fast_s);

	return c->room_c + c->end_k - c->slow_k * exp(-t_s / c->slow_s) - fast;
}

static unsigned add_input(const struct thermal *t, struct budget_input ret[BUDGET_INPUTS_MAX], unsigned n,
			  const char *what, const char *unit, double value)
{
	char name[sizeof(ret->name)];

	snprintf(name, sizeof(name), "%s_%s", t->config.site, what);
	return budget_input_add(ret, n, name, unit, value);
}

unsigned thermal_inputs(const struct thermal *t, struct budget_input ret[BUDGET_INPUTS_MAX], unsigned n)
{
	const struct {
		const char *name, *unit;
		double value;
	} rows[] = {
		{"sensor", "K", t->config.u_sensor_k},      {"step", "K", t->step_c},
		{"rise_step", "K", t->rise_step_k},         {"steady_u", "K", t->steady_u_k},
		{"steady_u_growth", "1", t->steady_growth}, {"steady_dof", "1", t->steady_dof},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		n = add_input(t, ret, n, rows[i].name, rows[i].unit, rows[i].value);
	for (unsigned i = 0; t->fitted && i < CURVE_ROWS; i++) {
		double value;

		memcpy(&value, (const char *)&t->curve + curve_rows[i].offset, sizeof(value));
		n = add_input(t, ret, n, curve_rows[i].name, curve_rows[i].unit, value);
	}
	return n;
}
