/* Least squares with a level for each cartridge, and where the line meets a limit. */
#include "rig/study/life.h"

#include <errno.h>
#include <math.h>

#include "rig/measure/distribution.h"

struct levels {
	unsigned count, n[LIFE_CARTRIDGES];
	double strokes[LIFE_CARTRIDGES], value[LIFE_CARTRIDGES]; /* means */
};

static unsigned level_of(const struct life_value *v, bool apart)
{
	return apart ? v->cartridge : 0;
}

static void means_of(const struct life_value *value, unsigned n, bool apart, struct levels *ret)
{
	*ret = (struct levels){.count = 0};
	for (unsigned i = 0; i < n; i++) {
		unsigned l = level_of(&value[i], apart), count = ++ret->n[l];

		ret->strokes[l] += (value[i].strokes - ret->strokes[l]) / count;
		ret->value[l] += (value[i].value - ret->value[l]) / count;
		ret->count += count == 1;
	}
}

static void fit(const struct life_value *value, unsigned n, bool apart, struct life_drift *ret)
{
	unsigned newest = level_of(&value[n - 1], apart);
	struct levels means;
	double together = 0.0, squares = 0.0;

	means_of(value, n, apart, &means);
	ret->spread = 0.0;
	for (unsigned i = 0; i < n; i++) {
		unsigned l = level_of(&value[i], apart);
		double x = value[i].strokes - means.strokes[l], y = value[i].value - means.value[l];

		ret->spread += x * x;
		together += x * y;
	}
	ret->levels_apart = apart;
	ret->slope.value = together / ret->spread;
	for (unsigned i = 0; i < n; i++) {
		unsigned l = level_of(&value[i], apart);
		double left =
			value[i].value - means.value[l] - ret->slope.value * (value[i].strokes - means.strokes[l]);

		squares += left * left;
	}
	ret->dof = (double)n - means.count - 1.0;
	ret->sd = ret->dof > 0.0 ? sqrt(squares / ret->dof) : NAN;
	ret->own = means.n[newest];
	ret->mean_strokes = means.strokes[newest];
	ret->mean_value = means.value[newest];
}

int life_drift(const struct life_value *value, unsigned n, double confidence, struct life_drift *ret)
{
	struct levels means;

	*ret = (struct life_drift){.n = n};
	if (n < 3)
		return -ENODATA;
	means_of(value, n, true, &means);
	ret->cartridges = means.count;
	fit(value, n, means.count > 1, ret);
	if (means.count > 1 && (!(ret->dof > 0.0) || !(ret->spread > 0.0)))
		fit(value, n, false, ret);
	if (!(ret->spread > 0.0))
		return -ENODATA;
	double reach = student_quantile(0.5 * (1.0 + confidence), ret->dof) * ret->sd / sqrt(ret->spread);
	ret->slope.lo = ret->slope.value - reach;
	ret->slope.hi = ret->slope.value + reach;
	return 0;
}

/* From the mean place of the values to where the line, or its band, meets a limit that lies `away` from their mean. */
struct crossing {
	const struct life_drift *drift;
	double away, now; /* now: from the same place */
	double t, shared; /* of the band: Student's t, and what all values share */
};

static double on_line(const struct crossing *c)
{
	double place = c->away / c->drift->slope.value;

	return place > c->now && isfinite(place) ? place - c->now : INFINITY;
}

/* (away - b d)^2 = t^2 s^2 (1/n + d^2/S) + U^2 in d: between the roots, or beyond them where a is negative, the limit lies in the
 * band. */
static void in_band(const struct crossing *c, double *ret_lo, double *ret_hi)
{
	const struct life_drift *d = c->drift;
	double ts = c->t * d->sd, b = d->slope.value, a = b * b - ts * ts / d->spread;
	double constant = c->away * c->away - ts * ts / d->own - c->shared * c->shared;
	double half = b * c->away, root = half * half - a * constant;

	*ret_lo = *ret_hi = INFINITY;
	if (constant < 0.0 && a <= 0.0) {
		*ret_lo = 0.0;
		return;
	}
	if (a == 0.0) {
		*ret_lo = half > 0.0 ? 0.5 * constant / half : INFINITY;
	} else if (a < 0.0) {
		double far = (half - sqrt(fmax(0.0, root))) / a; /* the greater one */
		*ret_lo = far;
	} else if (root >= 0.0) {
		*ret_lo = (half - sqrt(root)) / a;
		*ret_hi = (half + sqrt(root)) / a;
	}
	if (*ret_hi <= c->now) /* it was in the band once, and the line leaves it */
		*ret_lo = *ret_hi = INFINITY;
	else
		*ret_hi -= c->now;
	*ret_lo = fmax(0.0, *ret_lo - c->now);
}

static struct interval left_to(const struct crossing *c)
{
	struct interval left = {.value = on_line(c)};

	in_band(c, &left.lo, &left.hi);
	left.lo = fmin(left.lo, left.value);
	left.hi = fmax(left.hi, left.value);
	return left;
}

static void take_nearer(struct interval *nearest, struct interval one)
{
	nearest->value = fmin(nearest->value, one.value);
	nearest->lo = fmin(nearest->lo, one.lo);
	nearest->hi = fmin(nearest->hi, one.hi);
}

struct interval life_left(const struct life_drift *drift, double lower, double upper, double now, double expanded_u,
			  double confidence)
{
	struct interval nearest = {INFINITY, INFINITY, INFINITY};
	struct crossing c = {.drift = drift,
			     .now = now - drift->mean_strokes,
			     .t = student_quantile(0.5 * (1.0 + confidence), drift->dof),
			     .shared = expanded_u};
	const double limit[] = {lower, upper};
	double line = drift->mean_value + drift->slope.value * c.now;
	double band = hypot(c.t * drift->sd * sqrt(1.0 / drift->own + c.now * c.now / drift->spread), c.shared);

	for (unsigned i = 0; i < 2; i++) {
		if (!isfinite(limit[i]))
			continue;
		double inside = i ? limit[i] - line : line - limit[i];
		c.away = limit[i] - drift->mean_value;
		struct interval left = left_to(&c);
		if (inside <= 0.0) /* met; whether for sure, its band says */
			left = (struct interval){0.0, 0.0, inside + band <= 0.0 ? 0.0 : left.hi};
		take_nearer(&nearest, left);
	}
	return nearest;
}
