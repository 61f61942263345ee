/* Linearity and hysteresis of depth over a sweep of setpoints. */
#include "rig/measure/sweep.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SETPOINT_SAME_MM 1e-6

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

static void distrust(struct result *r)
{
	r->trusted = false;
	snprintf(r->reason, sizeof(r->reason), "a depth of the sweep is not trusted");
}

static unsigned distinct_setpoints(const struct sweep_point *points, unsigned count)
{
	unsigned distinct = 0;

	for (unsigned i = 0; i < count; i++) {
		bool seen = false;

		for (unsigned j = 0; j < i && !seen; j++)
			seen = fabs(points[j].setpoint_mm - points[i].setpoint_mm) <= SETPOINT_SAME_MM;
		distinct += !seen;
	}
	return distinct;
}

struct line {
	double x0, y0, slope, sxx;
};

static struct line fit_line(const struct sweep_point *points, unsigned count)
{
	struct line line = {0};
	double sxy = 0.0;

	for (unsigned i = 0; i < count; i++) {
		line.x0 += points[i].setpoint_mm / count;
		line.y0 += points[i].depth_mm / count;
	}
	for (unsigned i = 0; i < count; i++) {
		double dx = points[i].setpoint_mm - line.x0;

		line.sxx += dx * dx;
		sxy += dx * (points[i].depth_mm - line.y0);
	}
	line.slope = sxy / line.sxx;
	return line;
}

/* u of the residual at point i: the calibration common to all points lies in the line, so what varies is u_mm itself
 * (taken in full, on the safe side) reduced by the leverage of the point. */
static void linearity(const struct sweep_point *points, unsigned count, struct result *r)
{
	begin(r, MEASURAND_DEPTH_LINEARITY);
	if (distinct_setpoints(points, count) < 3) {
		refuse(r, "linearity needs at least 3 different depth setpoints");
		return;
	}

	struct line line = fit_line(points, count);
	double worst = -1.0, u = 0.0;

	for (unsigned i = 0; i < count; i++) {
		double dx = points[i].setpoint_mm - line.x0;
		double residual = fabs(points[i].depth_mm - line.y0 - line.slope * dx);
		double leverage = 1.0 / count + dx * dx / line.sxx;

		if (!points[i].trusted)
			distrust(r);
		if (residual > worst) {
			worst = residual;
			u = points[i].u_mm * sqrt(fmax(0.0, 1.0 - leverage));
		}
	}
	r->valid = true;
	r->value = worst;
	r->n = count;
	r->budget[0] = (struct budget_line){.name = "depth", .u = u, .dof = INFINITY};
	r->budget_lines = 1;
	result_combine(r);
}

struct both_ways {
	double sum[2], variance[2];
	unsigned n[2];
	bool trusted;
};

static struct both_ways visits(const struct sweep_point *points, unsigned count, double setpoint_mm)
{
	struct both_ways v = {.trusted = true};

	for (unsigned i = 0; i < count; i++) {
		unsigned way = points[i].upward;

		if (fabs(points[i].setpoint_mm - setpoint_mm) > SETPOINT_SAME_MM)
			continue;
		v.sum[way] += points[i].depth_mm;
		v.variance[way] += points[i].u_mm * points[i].u_mm;
		v.n[way]++;
		v.trusted = v.trusted && points[i].trusted;
	}
	return v;
}

static void hysteresis(const struct sweep_point *points, unsigned count, struct result *r)
{
	double worst = -1.0, u = 0.0;

	begin(r, MEASURAND_DEPTH_HYSTERESIS);
	for (unsigned i = 0; i < count; i++) {
		struct both_ways v = visits(points, count, points[i].setpoint_mm);

		if (v.n[0] == 0 || v.n[1] == 0)
			continue;
		double difference = fabs(v.sum[1] / v.n[1] - v.sum[0] / v.n[0]);

		if (!v.trusted)
			distrust(r);
		r->n++;
		if (difference > worst) {
			worst = difference;
			u = sqrt(v.variance[0] / (v.n[0] * v.n[0]) + v.variance[1] / (v.n[1] * v.n[1]));
		}
	}
	if (worst < 0.0) {
		refuse(r, "hysteresis needs a setpoint visited from below and from above");
		return;
	}
	r->valid = true;
	r->value = worst;
	r->budget[0] = (struct budget_line){.name = "depth", .u = u, .dof = INFINITY};
	r->budget_lines = 1;
	result_combine(r);
}

unsigned sweep_results(const struct sweep_point *points, unsigned count, struct result *results)
{
	linearity(points, count, &results[0]);
	hysteresis(points, count, &results[1]);
	return 2;
}
