/* Linearity and hysteresis of depth over a sweep of setpoints: each the largest of some linear combinations of depths. */
#include "rig/measure/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/budget.h"
#include "rig/measure/draws.h"
#include "rig/measure/largest.h"

#define SETPOINT_SAME_MM 1e-6
#define SEED             53 /* any: the same depths give the same results */
#define TWO_SIDED        1.959963984540054

struct sweep {
	const struct sweep_point *points;
	unsigned count;
	unsigned *setpoint; /* of each point: the first point at the same one */
};

/* Combinations of the depths d, one of each point, into ret; returns how many: at most as many as points. */
typedef unsigned combine(const struct sweep *sweep, const double *d, double *ret);

static void begin(struct result *r, enum measurand id)
{
	*r = (struct result){.trusted = true, .value = NAN};
	result_name(r, id, "");
}

static void refuse(struct result *r, const char *reason)
{
	r->valid = false;
	r->trusted = false;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

static unsigned first_at(const struct sweep *s, unsigned point)
{
	unsigned i = 0;

	while (fabs(s->points[i].setpoint_mm - s->points[point].setpoint_mm) > SETPOINT_SAME_MM)
		i++;
	return i;
}

static unsigned distinct_setpoints(const struct sweep *s)
{
	unsigned distinct = 0;

	for (unsigned i = 0; i < s->count; i++)
		distinct += s->setpoint[i] == i;
	return distinct;
}

/* What is left beside the least-squares line. */
static unsigned beside_line(const struct sweep *s, const double *d, double *ret)
{
	double x0 = 0.0, y0 = 0.0, sxx = 0.0, sxy = 0.0;

	for (unsigned i = 0; i < s->count; i++) {
		x0 += s->points[i].setpoint_mm / s->count;
		y0 += d[i] / s->count;
	}
	for (unsigned i = 0; i < s->count; i++) {
		double dx = s->points[i].setpoint_mm - x0;

		sxx += dx * dx;
		sxy += dx * (d[i] - y0);
	}
	for (unsigned i = 0; i < s->count; i++)
		ret[i] = d[i] - y0 - sxy / sxx * (s->points[i].setpoint_mm - x0);
	return s->count;
}

/* Up less down, of each setpoint visited both ways. */
static unsigned both_ways(const struct sweep *s, const double *d, double *ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->count; i++) {
		double sum[2] = {0.0};
		unsigned visits[2] = {0};

		for (unsigned k = i; s->setpoint[i] == i && k < s->count; k++) {
			unsigned way = s->points[k].upward;

			if (s->setpoint[k] != i)
				continue;
			sum[way] += d[k];
			visits[way]++;
		}
		if (visits[0] > 0 && visits[1] > 0)
			ret[n++] = sum[1] / visits[1] - sum[0] / visits[0];
	}
	return n;
}

/* ---- errors of the depths, drawn together ---- */

/* Standard deviations of the errors of each point, by what shares them. The lines of one kind that are not of the run add
 * up in squares. */
struct errors {
	double *own, *at_setpoint, *of_run[BUDGET_MAX];
	const char *line[BUDGET_MAX]; /* of of_run */
	unsigned lines;
};

static unsigned line_of_run(struct errors *e, const char *name)
{
	unsigned i = 0;

	while (i < e->lines && strcmp(e->line[i], name) != 0)
		i++;
	if (i == e->lines && i < BUDGET_MAX)
		e->line[e->lines++] = name;
	return i;
}

static void add_line(struct errors *e, unsigned point, const struct budget_line *line)
{
	enum budget_shared shared = budget_shared(line->name);
	unsigned place = shared == SHARED_BY_RUN ? line_of_run(e, line->name) : BUDGET_MAX;

	if (place < BUDGET_MAX)
		e->of_run[place][point] += line->u;
	else if (shared == SHARED_BY_SETPOINT)
		e->at_setpoint[point] = hypot(e->at_setpoint[point], line->u);
	else
		e->own[point] = hypot(e->own[point], line->u);
}

/* Room for BUDGET_MAX + 2 rows of a number for each point. */
static struct errors errors_of(const struct sweep *s, double *room)
{
	struct errors e = {.own = room, .at_setpoint = room + s->count};

	for (unsigned i = 0; i < BUDGET_MAX; i++)
		e.of_run[i] = room + (size_t)(i + 2) * s->count;
	for (unsigned i = 0; i < s->count; i++) {
		const struct result *depth = s->points[i].depth;

		for (unsigned k = 0; k < depth->budget_lines; k++)
			add_line(&e, i, &depth->budget[k]);
	}
	return e;
}

/* setpoint: room for a number for each point. */
static void draw_errors(const struct sweep *s, const struct errors *e, struct draws *draws, double *setpoint,
			double *ret)
{
	double run[BUDGET_MAX];

	for (unsigned k = 0; k < e->lines; k++)
		run[k] = draws_normal(draws);
	for (unsigned i = 0; i < s->count; i++) {
		if (s->setpoint[i] == i)
			setpoint[i] = draws_normal(draws);
		ret[i] = e->own[i] * draws_normal(draws) + setpoint[s->setpoint[i]] * e->at_setpoint[i];
		for (unsigned k = 0; k < e->lines; k++)
			ret[i] += run[k] * e->of_run[k][i];
	}
}

/* The largest of the combinations of what was measured, and how surely: false where memory lacks. */
static bool largest_combination(const struct sweep *s, combine *of, struct largest *ret, unsigned *ret_n)
{
	size_t count = s->count, rows = BUDGET_MAX + 5;
	double *room = calloc(count * (rows + LARGEST_DRAWS), sizeof(*room));

	if (!room)
		return false;
	double *d = room, *seen = d + count, *setpoint = seen + count, *drawn = room + rows * count;
	struct errors errors = errors_of(s, setpoint + count);
	struct draws draws;

	for (unsigned i = 0; i < s->count; i++)
		d[i] = s->points[i].depth->value;
	*ret_n = of(s, d, seen);
	draws_seed(&draws, SEED);
	for (size_t draw = 0; draw < LARGEST_DRAWS; draw++) {
		draw_errors(s, &errors, &draws, setpoint, d);
		of(s, d, drawn + draw * *ret_n);
	}
	*ret = largest_of(seen, drawn, *ret_n);
	free(room);
	return true;
}

static void conclude(const struct sweep *s, combine *of, unsigned n, struct result *r)
{
	struct largest largest;
	unsigned combinations;

	if (!largest_combination(s, of, &largest, &combinations)) {
		refuse(r, "no memory");
		return;
	}
	for (unsigned i = 0; i < s->count && r->trusted; i++) {
		if (!s->points[i].depth->trusted) {
			r->trusted = false;
			snprintf(r->reason, sizeof(r->reason), "a depth of the sweep is not trusted");
		}
	}
	r->valid = true;
	r->value = largest.value;
	r->n = n ? n : combinations;
	r->budget[0] = (struct budget_line){.name = "depth", .u = largest.expanded_u / TWO_SIDED, .dof = INFINITY};
	r->budget_lines = 1;
	result_combine(r);
}

static bool goes_both_ways(const struct sweep *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (s->setpoint[i] == s->setpoint[k] && s->points[i].upward != s->points[k].upward)
				return true;
		}
	}
	return false;
}

unsigned sweep_results(const struct sweep_point *points, unsigned count, struct result *results)
{
	struct sweep s = {.points = points, .count = count, .setpoint = calloc(count + 1u, sizeof(unsigned))};

	begin(&results[0], MEASURAND_DEPTH_LINEARITY);
	begin(&results[1], MEASURAND_DEPTH_HYSTERESIS);
	for (unsigned i = 0; s.setpoint && i < count; i++)
		s.setpoint[i] = first_at(&s, i);
	if (!s.setpoint || distinct_setpoints(&s) < 3)
		refuse(&results[0], s.setpoint ? "linearity needs at least 3 different depth setpoints" : "no memory");
	else
		conclude(&s, beside_line, count, &results[0]);
	if (!s.setpoint || !goes_both_ways(&s))
		refuse(&results[1],
		       s.setpoint ? "hysteresis needs a setpoint visited from below and from above" : "no memory");
	else
		conclude(&s, both_ways, 0, &results[1]);
	free(s.setpoint);
	return 2;
}
