/* Two builds, one measurand at one setpoint. */
#include "rig/study/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rig/measure/distribution.h"

#define DRIFT_LEAST 6 /* values: three are spent on two means and a slope */
#define FALSE_ALARM 0.05

const char *const compare_model_name[] = {"none", "paired", "one pen", "groups"};
const char *const compare_outcome_name[] = {"equivalent", "better", "cannot tell", "worse"};

struct unit_sum { /* of one pen */
	unsigned n[2];
	double sum[2];
};

struct units {
	struct unit_sum *unit;
	unsigned count, both, only[2]; /* pens that ran both builds, or one */
};

static double mean(const struct unit_sum *u, int build)
{
	return u->sum[build] / u->n[build];
}

static void nothing(struct comparison *c, const char *why)
{
	c->model = COMPARE_NONE;
	snprintf(c->reason, sizeof(c->reason), "%s", why);
}

static void add_up(const struct compare_value *values, unsigned n, struct units *units)
{
	for (unsigned i = 0; i < n; i++) {
		struct unit_sum *u = &units->unit[values[i].unit];
		u->n[values[i].is_new]++;
		u->sum[values[i].is_new] += values[i].value;
		units->count = values[i].unit + 1 > units->count ? values[i].unit + 1 : units->count;
	}
	for (unsigned i = 0; i < units->count; i++) {
		const struct unit_sum *u = &units->unit[i];
		units->both += u->n[0] && u->n[1];
		units->only[0] += u->n[0] && !u->n[1];
		units->only[1] += u->n[1] && !u->n[0];
	}
}

/* Of values that come one by one. */
struct spread {
	unsigned n;
	double mean, squares;
};

static void spread_add(struct spread *s, double x)
{
	double from = x - s->mean;

	s->n++;
	s->mean += from / s->n;
	s->squares += from * (x - s->mean);
}

/* ---- several pens -------------------------------------------------------------------------------------------------- */

static void paired(const struct units *units, struct comparison *c)
{
	struct spread difference = {.n = 0}, base = {.n = 0}, fresh = {.n = 0};

	for (unsigned i = 0; i < units->count; i++) {
		const struct unit_sum *u = &units->unit[i];
		if (!u->n[0] || !u->n[1]) {
			c->left_out += u->n[0] + u->n[1];
			continue;
		}
		c->base += u->n[0];
		c->fresh += u->n[1];
		spread_add(&base, mean(u, 0));
		spread_add(&fresh, mean(u, 1));
		spread_add(&difference, mean(u, 1) - mean(u, 0));
	}
	c->model = COMPARE_PAIRED;
	c->base_mean = base.mean;
	c->new_mean = fresh.mean;
	c->difference = difference.mean;
	c->dof = difference.n - 1.0;
	c->se = sqrt(difference.squares / c->dof / difference.n);
}

static void welch(const struct spread s[2], struct comparison *c)
{
	double part[2];

	for (int b = 0; b < 2; b++)
		part[b] = s[b].squares / (s[b].n - 1.0) / s[b].n;
	c->base_mean = s[0].mean;
	c->new_mean = s[1].mean;
	c->difference = s[1].mean - s[0].mean;
	c->se = sqrt(part[0] + part[1]);
	c->dof = c->se > 0.0 ? pow(part[0] + part[1], 2) /
				       (part[0] * part[0] / (s[0].n - 1.0) + part[1] * part[1] / (s[1].n - 1.0))
			     : s[0].n + s[1].n - 2.0;
}

static void groups(const struct units *units, struct comparison *c)
{
	struct spread s[2] = {{.n = 0}, {.n = 0}};

	if (units->only[0] < 2 || units->only[1] < 2) {
		nothing(c, "no pen ran both builds, and one pen of a build says nothing of the build: pen and build "
			   "cannot be told "
			   "apart");
		return;
	}
	for (unsigned i = 0; i < units->count; i++)
		for (int b = 0; b < 2; b++)
			if (units->unit[i].n[b])
				spread_add(&s[b], mean(&units->unit[i], b));
	c->model = COMPARE_GROUPS;
	welch(s, c);
}

/* ---- one pen ------------------------------------------------------------------------------------------------------- */

/* Least squares of value = level + build + slope * time: build and value less what each build's mean and the time within the
 * builds explain (Frisch, Waugh, Lovell). */
static bool without_drift(const struct compare_value *v, unsigned n, const struct spread s[2], struct comparison *c)
{
	struct spread t[2] = {{.n = 0}, {.n = 0}};
	double tt = 0.0, ty = 0.0, residual = 0.0;

	for (unsigned i = 0; i < n; i++)
		spread_add(&t[v[i].is_new], v[i].time);
	for (unsigned i = 0; i < n; i++) {
		double dt = v[i].time - t[v[i].is_new].mean;
		tt += dt * dt;
		ty += dt * (v[i].value - s[v[i].is_new].mean);
	}
	if (!(tt > 0.0))
		return false;
	for (unsigned i = 0; i < n; i++) {
		double left = v[i].value - s[v[i].is_new].mean - ty / tt * (v[i].time - t[v[i].is_new].mean);
		residual += left * left;
	}
	double apart = t[1].mean - t[0].mean;
	c->dof = n - 3.0;
	c->difference = s[1].mean - s[0].mean - ty / tt * apart;
	c->se = sqrt(residual / c->dof * (1.0 / s[0].n + 1.0 / s[1].n + apart * apart / tt));
	c->drift = true;
	return true;
}

static void one_pen(const struct compare_value *v, unsigned n, struct comparison *c)
{
	struct spread s[2] = {{.n = 0}, {.n = 0}};

	for (unsigned i = 0; i < n; i++)
		spread_add(&s[v[i].is_new], v[i].value);
	if (s[0].n < 2 || s[1].n < 2) {
		nothing(c, "one run of a build does not show how much runs differ: two of each are needed");
		return;
	}
	c->model = COMPARE_ONE_PEN;
	welch(s, c);
	if (n >= DRIFT_LEAST)
		without_drift(v, n, s, c);
}

/* The pen's own runs: those of others count for nothing. */
static void only_pen(const struct compare_value *values, unsigned n, const struct units *units, struct comparison *c)
{
	struct compare_value *own = calloc(n, sizeof(*own));
	unsigned count = 0;

	for (unsigned i = 0; i < n && own; i++) {
		const struct unit_sum *u = &units->unit[values[i].unit];
		if (u->n[0] && u->n[1])
			own[count++] = values[i];
	}
	c->left_out = n - count;
	for (unsigned i = 0; i < count; i++) {
		c->base += !own[i].is_new;
		c->fresh += own[i].is_new;
	}
	if (own)
		one_pen(own, count, c);
	else
		nothing(c, "out of memory");
	free(own);
}

#define ROUNDING 1e-12 /* of the values: what is left of a scatter of nil by the arithmetic */

/* Values that do not scatter at all say nothing of how much runs differ, and a few of them may agree by chance or for want of
 * digits. Only where nothing has changed either, as of counts that stay at 0, is there nothing to be told. */
static void demand_scatter(struct comparison *c)
{
	double least = ROUNDING * fmax(fabs(c->base_mean), fabs(c->new_mean));

	if (c->model != COMPARE_NONE && fabs(c->difference) > least && !(c->se > least))
		nothing(c, "the values do not scatter at all, so they do not show how much runs differ");
}

void compare_values(const struct compare_value *values, unsigned n, struct comparison *ret)
{
	struct units units = {.unit = calloc(n + 1, sizeof(*units.unit))};

	*ret = (struct comparison){.model = COMPARE_NONE, .difference = NAN, .se = NAN};
	if (!units.unit) {
		nothing(ret, "out of memory");
		return;
	}
	add_up(values, n, &units);
	if (units.both >= 2) {
		paired(&units, ret);
	} else if (units.both == 1) {
		only_pen(values, n, &units, ret);
	} else if (units.only[0] && units.only[1]) {
		for (unsigned i = 0; i < n; i++) {
			ret->base += !values[i].is_new;
			ret->fresh += values[i].is_new;
		}
		groups(&units, ret);
	} else {
		nothing(ret, "one of the builds has no value that can be trusted");
	}
	demand_scatter(ret);
	free(units.unit);
}

/* ---- the decision -------------------------------------------------------------------------------------------------- */

/* How far inside the limits of the product. */
static double room(double value, const struct compare_rule *rule)
{
	return fmin(rule->upper - value, value - rule->lower); /* fmin passes a NaN over */
}

/* Room is concave in the value, so the least of an interval is at one of its ends. */
static enum compare_outcome direction(const struct comparison *c, const struct compare_rule *rule,
				      const struct compared *at)
{
	double base = room(c->base_mean, rule);

	if (room(c->base_mean + at->lo, rule) > base && room(c->base_mean + at->hi, rule) > base)
		return COMPARE_BETTER;
	return room(c->base_mean + c->difference, rule) > base ? COMPARE_CANNOT_TELL : COMPARE_WORSE;
}

/* The distance of the difference from the margin is what the half width must come down to. */
static double more_needed(const struct comparison *c, const struct compare_rule *rule, double half, double near_half)
{
	double beyond = fabs(c->difference) - rule->margin;
	double ratio = beyond > 0.0 ? half / beyond : near_half / -beyond;
	double each = 0.5 * (c->base + c->fresh);

	return beyond == 0.0 ? INFINITY : fmax(1.0, ceil(each * (ratio * ratio - 1.0)));
}

void compare_decide(const struct comparison *c, const struct compare_rule *rule, struct compared *ret)
{
	*ret = (struct compared){
		.outcome = COMPARE_CANNOT_TELL, .lo = NAN, .hi = NAN, .near_lo = NAN, .near_hi = NAN, .more = INFINITY};
	if (c->model == COMPARE_NONE || !isfinite(c->se))
		return;
	double each = 1.0 - pow(1.0 - FALSE_ALARM, 1.0 / fmax(1.0, rule->family)); /* Sidak */
	double half = c->se * student_quantile(1.0 - 0.5 * each, c->dof);
	double near_half = c->se * student_quantile(1.0 - FALSE_ALARM, c->dof);

	ret->lo = c->difference - half;
	ret->hi = c->difference + half;
	ret->near_lo = c->difference - near_half;
	ret->near_hi = c->difference + near_half;
	if (ret->lo > rule->margin || ret->hi < -rule->margin)
		ret->outcome = direction(c, rule, ret);
	else if (ret->near_lo >= -rule->margin && ret->near_hi <= rule->margin)
		ret->outcome = COMPARE_EQUIVALENT;
	ret->more = ret->outcome == COMPARE_CANNOT_TELL ? more_needed(c, rule, half, near_half) : 0.0;
}
