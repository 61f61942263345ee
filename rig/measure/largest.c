/* A test turned around: which sizes of the pattern seen make a largest value as the one seen. */
#include "rig/measure/largest.h"

#include <math.h>
#include <stdbool.h>

#define TAIL      0.025
#define ONE_SIDED 1.6448536269514722 /* quantile 0.95 of the normal distribution */
#define DOUBLINGS 20
#define HALVINGS  22

struct search {
	const double *seen, *errors;
	size_t n;
	double top; /* the largest one seen */
};

static bool is_below(const struct search *s, double size, const double *error, double sign)
{
	for (size_t i = 0; i < s->n; i++) {
		if (fabs(size * s->seen[i] + sign * error[i]) > s->top)
			return false;
	}
	return true;
}

/* Share of the draws whose largest value does not exceed the one seen, were the pattern `size` times as large. */
static double share_below(const struct search *s, double size)
{
	unsigned below = 0;

	for (size_t draw = 0; draw < LARGEST_DRAWS; draw++) {
		const double *error = s->errors + draw * s->n;

		below += is_below(s, size, error, 1.0);
		below += is_below(s, size, error, -1.0);
	}
	return below / (2.0 * LARGEST_DRAWS);
}

/* The largest size at which the share is still above `share`; 0 where none is. */
static double size_at(const struct search *s, double share)
{
	double lo = 0.0, hi = 1.0;

	if (share_below(s, 0.0) <= share)
		return 0.0;
	for (unsigned i = 0; i < DOUBLINGS && share_below(s, hi) > share; i++) {
		lo = hi;
		hi *= 2.0;
	}
	for (unsigned i = 0; i < HALVINGS; i++) {
		double middle = 0.5 * (lo + hi);

		if (share_below(s, middle) > share)
			lo = middle;
		else
			hi = middle;
	}
	return lo;
}

/* No value is larger than that, whichever is the largest. */
static double bound_of_any(const struct search *s)
{
	double bound = 0.0;

	for (size_t i = 0; i < s->n; i++) {
		double square = 0.0;

		for (size_t draw = 0; draw < LARGEST_DRAWS; draw++)
			square += pow(s->errors[draw * s->n + i], 2.0);
		bound = fmax(bound, fabs(s->seen[i]) + ONE_SIDED * sqrt(square / LARGEST_DRAWS));
	}
	return bound;
}

struct largest largest_of(const double *seen, const double *errors, size_t n)
{
	struct search s = {.seen = seen, .errors = errors, .n = n};

	for (size_t i = 0; i < n; i++)
		s.top = fmax(s.top, fabs(seen[i]));

	double bound = bound_of_any(&s);

	if (!(bound > s.top)) /* known exactly */
		return (struct largest){.value = s.top};

	double value = s.top * size_at(&s, 0.5), lower = s.top * size_at(&s, 1.0 - TAIL);
	double upper = fmax(s.top * size_at(&s, TAIL), bound);

	return (struct largest){.value = value, .expanded_u = fmax(upper - value, value - lower)};
}
