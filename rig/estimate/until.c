/* When a window may end. */
#include "rig/estimate/until.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE_SO_FAR                                                                                                    \
	0.93 /* of a rate's uncertainty: what the pen does behind the window, which comes with its stop, widens it */
#define RATE_STROKES 26 /* of fewer a rate's uncertainty is an estimate from few, and small where chance has it */

int until_begin(struct until *u, const struct plan *plan, const struct window *window, double fs_hz)
{
	*u = (struct until){.plan = plan, .next = UINT64_MAX, .fs_hz = fs_hz};
	if (!window || !window->targets)
		return 0;
	u->results = calloc(RESULTS_PER_POINT_MAX, sizeof(*u->results));
	u->window = window;
	return u->results ? 0 : -ENOMEM;
}

void until_release(struct until *u)
{
	free(u->results);
	u->results = NULL;
	u->window = NULL;
	u->next = UINT64_MAX;
}

void until_window(struct until *u, uint64_t first_index)
{
	if (u->window)
		u->next = first_index + (uint64_t)llround(u->window->min_s * u->fs_hz);
}

/* Its method is the judged one. */
static bool is_meant(const struct plan *plan, const struct window_target *target, const struct result *r)
{
	const char *method = plan_judged_method(plan, target->id);

	return r->id == target->id && (!method || strcmp(r->method, method) == 0);
}

static const struct result *meant(const struct plan *plan, const struct window_target *target,
				  const struct result *results, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (is_meant(plan, target, &results[i]))
			return &results[i];
	return NULL;
}

static bool waits(const struct check_result *check, unsigned checks)
{
	for (unsigned i = 0; i < checks; i++)
		if (check[i].state == CHECK_NOT_MADE)
			return true;
	return false;
}

static bool tripped(const struct check_result *check, unsigned checks)
{
	for (unsigned i = 0; i < checks; i++)
		if (check[i].state == CHECK_TRIPPED)
			return true;
	return false;
}

bool until_met(const struct plan *plan, const struct window *window, const struct result *results, unsigned n,
	       const struct check_result *check, unsigned checks)
{
	bool doubted = tripped(check, checks);

	if (waits(check, checks))
		return false;
	for (unsigned i = 0; i < window->targets; i++) {
		const struct result *r = meant(plan, &window->target[i], results, n);
		bool rate = r && measurand_row(r->id)->judged_by == JUDGED_BY_RATE, few = rate && r->n < RATE_STROKES;
		double most = window->target[i].u * (rate ? RATE_SO_FAR : 1.0);

		if (!r || few || !r->valid || !(r->trusted || doubted) || !(r->expanded_u <= most))
			return false;
	}
	return true;
}

static void look_later(struct until *u)
{
	u->next += (uint64_t)llround(UNTIL_EVERY_S * u->fs_hz);
}

void until_feed(struct until *u, uint64_t first_index, uint64_t end)
{
	bool gap = u->seen > 0 && first_index > u->seen;

	while (gap && u->next != UINT64_MAX && u->next > u->seen && u->next <= first_index)
		look_later(u);
	u->seen = end;
}

void until_look(struct until *u, struct point *point)
{
	struct check_result check[MODEL_CHECKS];
	unsigned checks = 0, n = point_so_far(point, u->results, RESULTS_PER_POINT_MAX, check, &checks);

	u->reached = until_met(u->plan, u->window, u->results, n, check, checks);
	u->reached_at = u->reached ? u->next : 0;
	if (u->reached)
		u->next = UINT64_MAX;
	else
		look_later(u);
}

void until_tell(const struct plan *plan, struct record_point *point)
{
	const struct window *window = &plan->step[point->plan.step].measure;

	point->targets = plan_point_is_free(&point->plan) ? 0 : window->targets;
	for (unsigned i = 0; i < point->targets; i++) {
		const struct window_target *target = &window->target[i];
		struct record_target *t = &point->target[i];

		*t = (struct record_target){.wanted_u = target->u, .u = NAN};
		snprintf(t->measurand, sizeof(t->measurand), "%s", measurand_row(target->id)->name);
		for (unsigned k = 0; k < point->results; k++) {
			const struct result *r = &point->result[k].result;

			if (is_meant(plan, target, r) && r->valid)
				t->u = r->expanded_u;
		}
		t->reached = t->u <= t->wanted_u;
	}
}
