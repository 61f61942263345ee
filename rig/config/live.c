/* Limits as bands of live figures. */
#include "rig/config/live.h"

#include <math.h>

static double as_live(enum measurand_live live, double limit, const struct plan_point *point)
{
	switch (live) {
	case LIVE_RATE_PERCENT: return point->rate_hz * (1 + limit / 100);
	case LIVE_DEPTH_OFFSET: return point->depth_mm + limit;
	default: return limit;
	}
}

static struct live_band *band_of(enum measurand_live live, struct live_limits *limits)
{
	switch (live) {
	case LIVE_RATE:
	case LIVE_RATE_PERCENT: return &limits->rate_hz;
	case LIVE_DEPTH:
	case LIVE_DEPTH_OFFSET: return &limits->depth_mm;
	case LIVE_NONE: break;
	}
	return NULL;
}

void live_limits(const struct plan *plan, const struct plan_point *point, struct live_limits *ret)
{
	const struct live_band open = {-INFINITY, INFINITY};
	const struct limit *limit[STEP_LIMITS_MAX];
	unsigned limits = plan_limits_at(plan, point->step, limit);

	*ret = (struct live_limits){.rate_hz = open, .depth_mm = open};
	for (unsigned i = 0; i < limits; i++) {
		enum measurand_live live = measurand_row(limit[i]->id)->live;
		struct live_band *band = band_of(live, ret);

		if (!band)
			continue;
		if (limit[i]->has_lower)
			band->lower = fmax(band->lower, as_live(live, limit[i]->lower, point));
		if (limit[i]->has_upper)
			band->upper = fmin(band->upper, as_live(live, limit[i]->upper, point));
	}
}
