/* Results as they are put together: a value, its budget, and why it may not be judged. */
#include "rig/measure/point/result_list.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/measure/point/doubts.h"

#define BEYOND "lines beyond" /* stands last, instead of what has no place */

struct result *results_add(struct result_list *list, enum measurand id, const char *method)
{
	struct result *r = list->n < list->cap ? &list->at[list->n++] : &list->spare;

	*r = (struct result){.value = NAN, .k = NAN, .dof = INFINITY};
	result_name(r, id, method);
	return r;
}

void results_budget(struct result *r, const char *name, double u, double dof)
{
	if (u <= 0.0) /* NaN stays: what is not known must not look like nothing */
		return;
	if (r->budget_lines == BUDGET_MAX) {
		r->budget[BUDGET_MAX - 1] = (struct budget_line){.name = BEYOND, .u = NAN, .dof = INFINITY};
		return;
	}

	struct budget_line *line = &r->budget[r->budget_lines++];

	*line = (struct budget_line){.u = u, .dof = dof};
	snprintf(line->name, sizeof(line->name), "%s", name);
}

static bool has_lines_beyond(const struct result *r)
{
	return r->budget_lines == BUDGET_MAX && strcmp(r->budget[BUDGET_MAX - 1].name, BEYOND) == 0;
}

static const char *why_untrusted(const struct result *r)
{
	if (!r->valid)
		return "no value could be formed";
	return has_lines_beyond(r) ? "its budget has more lines than penrig keeps: the uncertainty is not known"
				   : "its uncertainty could not be formed";
}

static void close_result(struct result *r, uint64_t n, const char *why_not)
{
	r->valid = isfinite(r->value);
	r->n = n;
	r->trusted = r->valid && why_not[0] == '\0' && isfinite(r->expanded_u);
	r->lacks = !r->trusted && doubt_is_lack(why_not);
	if (!r->trusted)
		snprintf(r->reason, sizeof(r->reason), "%s", why_not[0] ? why_not : why_untrusted(r));
}

void results_value(struct result *r, double v, uint64_t n, const char *why_not)
{
	r->value = v;
	result_combine(r);
	close_result(r, n, why_not);
}

void results_root(struct result *r, double square, uint64_t n, const char *why_not)
{
	result_root(r, square);
	close_result(r, n, why_not);
}

void results_none(struct result *r, const char *reason)
{
	r->lacks = doubt_is_lack(reason);
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}
