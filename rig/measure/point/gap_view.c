/* Lift-off and levels of a point, as its checks want them. */
#include "rig/measure/point/gap_view.h"

#include <math.h>

#define FLANK      0.5 /* of the pulse, as collected */
#define SURE       4.0 /* standard uncertainties, of both steps */
#define SURE_ALONE 6.0 /* of one of them */
#define FAR_BETTER 3.0
#define COMPATIBLE 3.0

struct lift_off_look gap_lift_off(const struct account *a, const struct check_scale *scale)
{
	const struct template *t = a->template;
	const struct pulse *pulse = &t->pulse;
	struct profile_point points[PROFILE_BINS];
	unsigned n = period_profile_points(&a->observed->profile, FLANK * pulse->support_hi / t->period,
					   1.0 + FLANK * pulse->support_lo / t->period, points);

	return lift_off_look(points, n, scale->height_n, 0.5 * (pulse->gap.lo + t->period - pulse->gap.hi) / t->period);
}

static bool is_known(const struct level_step *step)
{
	return isfinite(step->s);
}

static bool is_sure(const struct level_step *step, double times)
{
	return is_known(step) && fabs(step->d) > times * step->s;
}

/* A pen may park with its needle in the phantom: its last level alone says nothing that its first one does not bear. */
static bool is_significant(const struct level_step *start, const struct level_step *stop)
{
	if (!is_known(start))
		return false;
	bool agree = fabs(start->d - stop->d) < COMPATIBLE * hypot(start->s, stop->s);

	if (stop->s > FAR_BETTER * start->s)
		return is_sure(start, SURE_ALONE);
	if (start->s > FAR_BETTER * stop->s)
		return is_sure(stop, SURE_ALONE) && agree;
	if (is_sure(start, SURE_ALONE) && agree)
		return true;
	return is_sure(start, SURE) && is_sure(stop, SURE) && start->d * stop->d > 0.0;
}

/* Less what noise makes of none. */
static double shrunk(const struct level_step *step)
{
	double square = step->d * step->d - step->s * step->s;

	return square > 0.0 ? copysign(sqrt(square), step->d) : 0.0;
}

static double common_step(const struct level_step *start, const struct level_step *stop)
{
	double first = shrunk(start), last = shrunk(stop);

	if (!is_known(start) || !is_known(stop))
		return is_known(start) ? first : 0.0;
	if (stop->s > FAR_BETTER * start->s)
		return first;
	if (start->s > FAR_BETTER * stop->s)
		return is_significant(start, stop) ? last : first;
	return first * last > 0.0 ? copysign(fmin(fabs(first), fabs(last)), first) : 0.0;
}

struct gap_level gap_level(const struct account *a)
{
	struct gap_level ret = {.d_n = 0.0, .s_n = INFINITY};

	level_series_steps(&a->observed->levels, tally_period(a->tally), &ret.start, &ret.stop);
	ret.known = is_known(&ret.start);
	ret.significant = is_significant(&ret.start, &ret.stop);
	ret.step_n = common_step(&ret.start, &ret.stop);
	if (!ret.known)
		return ret;
	ret.d_n = ret.start.d;
	ret.s_n = ret.start.s;
	if (is_known(&ret.stop) && fabs(ret.start.d - ret.stop.d) < COMPATIBLE * hypot(ret.start.s, ret.stop.s)) {
		double w = 1.0 / (ret.start.s * ret.start.s), v = 1.0 / (ret.stop.s * ret.stop.s);

		ret.d_n = (w * ret.start.d + v * ret.stop.d) / (w + v);
		ret.s_n = 1.0 / sqrt(w + v);
	}
	return ret;
}
