/* Sample clock against host clock by the lower envelope of arrival times; host time alone, no device time. */
#include "rig/measure/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS             1e9
#define SPAN_MIN_S     3.0
#define BUCKET_FIRST_S 0.02
#define DRIFT_MIN      12
#define EDGE_SPREADS   1.2 /* both ends of the hull's edge may lie above the true envelope by about the typical excess */
#define STAMP_S        1e-9 /* resolution of a time stamp */
#define SQRT3          1.7320508075688772
#define FRAME_NS       410000.0 /* both ends fall anywhere in a 1 ms bus frame: 1 ms / sqrt 12 * sqrt 2 */

void sample_clock_init(struct sample_clock *clock, double nominal_hz)
{
	*clock = (struct sample_clock){.nominal_hz = nominal_hz};
	clock->bucket_len = (uint64_t)fmax(1.0, nominal_hz * BUCKET_FIRST_S);
}

/* Lateness of an arrival against a nominal clock that started at the first block, in ns. */
static double lateness(const struct sample_clock *clock, const struct clock_point *p)
{
	double elapsed_ns = (double)(int64_t)(p->host_ns - clock->first_ns);

	return elapsed_ns - (double)(p->index - clock->first_index) * NS / clock->nominal_hz;
}

static uint64_t bucket_of(const struct sample_clock *clock, uint64_t index)
{
	return (index - clock->first_index) / clock->bucket_len;
}

static void merge_or_add(struct sample_clock *clock, struct clock_point p)
{
	if (clock->points > 0) {
		struct clock_point *last = &clock->envelope[clock->points - 1];

		if (bucket_of(clock, last->index) == bucket_of(clock, p.index)) {
			if (lateness(clock, &p) < lateness(clock, last))
				*last = p;
			return;
		}
	}
	clock->envelope[clock->points++] = p;
}

static void coarsen(struct sample_clock *clock)
{
	unsigned points = clock->points;

	clock->bucket_len *= 2;
	clock->points = 0;
	for (unsigned i = 0; i < points; i++)
		merge_or_add(clock, clock->envelope[i]);
}

void sample_clock_feed(struct sample_clock *clock, uint64_t last_index, uint64_t host_ns)
{
	if (clock->points == 0) {
		clock->first_index = last_index;
		clock->first_ns = host_ns;
	} else if (last_index <= clock->last_index) {
		return;
	}
	while (clock->points == CLOCK_ENVELOPE_MAX)
		coarsen(clock);
	merge_or_add(clock, (struct clock_point){.index = last_index, .host_ns = host_ns});
	clock->last_index = last_index;
	clock->last_ns = host_ns;
}

struct hull {
	double x[CLOCK_ENVELOPE_MAX], y[CLOCK_ENVELOPE_MAX];
	unsigned n;
};

static void hull_push(struct hull *h, double x, double y)
{
	while (h->n >= 2) {
		double dx = h->x[h->n - 1] - h->x[h->n - 2], dy = h->y[h->n - 1] - h->y[h->n - 2];

		if (dx * (y - h->y[h->n - 2]) > dy * (x - h->x[h->n - 2]))
			break;
		h->n--;
	}
	h->x[h->n] = x;
	h->y[h->n++] = y;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The line under all points with the least total distance to them: the edge of the lower hull over the mean of the
 * abscissae (the dual of the linear programme). Seconds by seconds. */
struct envelope_line {
	double slope, intercept_s, spread_s, span_s;
};

static struct envelope_line envelope_line(const struct sample_clock *clock)
{
	struct hull hull = {.n = 0};
	double mean = 0.0, excess[CLOCK_ENVELOPE_MAX];
	struct envelope_line line = {0};
	unsigned edge = 0;

	for (unsigned i = 0; i < clock->points; i++) {
		const struct clock_point *p = &clock->envelope[i];
		double x = (double)(p->index - clock->first_index) / clock->nominal_hz;

		mean += x / clock->points;
		hull_push(&hull, x, lateness(clock, p) / NS);
	}
	line.intercept_s = hull.y[0];
	if (hull.n < 2)
		return line;
	while (edge + 2 < hull.n && hull.x[edge + 1] < mean)
		edge++;
	line.slope = (hull.y[edge + 1] - hull.y[edge]) / (hull.x[edge + 1] - hull.x[edge]);
	line.intercept_s = hull.y[edge] - line.slope * hull.x[edge];
	line.span_s = hull.x[hull.n - 1] - hull.x[0];
	for (unsigned i = 0; i < clock->points; i++) {
		const struct clock_point *p = &clock->envelope[i];
		double x = (double)(p->index - clock->first_index) / clock->nominal_hz;

		excess[i] = lateness(clock, p) / NS - line.intercept_s - line.slope * x;
	}
	qsort(excess, clock->points, sizeof(excess[0]), by_value);
	line.spread_s = excess[clock->points / 2];
	return line;
}

int sample_clock_rate(const struct sample_clock *clock, double *ret_rel, double *ret_u_rel)
{
	if (clock->points < 3 || (double)(clock->last_index - clock->first_index) < SPAN_MIN_S * clock->nominal_hz)
		return -ENODATA;

	struct envelope_line line = envelope_line(clock);

	/* Host time per nominal second is 1 + slope. */
	*ret_rel = 1.0 / (1.0 + line.slope) - 1.0;
	*ret_u_rel = (EDGE_SPREADS * line.spread_s + STAMP_S) / line.span_s;
	return 0;
}

double sample_clock_grain(const struct sample_clock *clock)
{
	double span_s = (double)(clock->last_index - clock->first_index) / clock->nominal_hz;

	return span_s > 0.0 ? CLOCK_GRAIN_S / span_s : INFINITY;
}

static const struct clock_point *earliest(const struct sample_clock *clock, unsigned from, unsigned to)
{
	const struct clock_point *best = &clock->envelope[from];

	for (unsigned i = from + 1; i < to; i++) {
		if (lateness(clock, &clock->envelope[i]) < lateness(clock, best))
			best = &clock->envelope[i];
	}
	return best;
}

/* Median second difference of the lateness: neither an offset nor a drift shows in it, only what arrivals scatter. */
static double scatter_ns(const struct sample_clock *clock)
{
	double bends[CLOCK_ENVELOPE_MAX];
	unsigned n = clock->points - 2;

	for (unsigned i = 0; i < n; i++)
		bends[i] = fabs(lateness(clock, &clock->envelope[i]) - 2.0 * lateness(clock, &clock->envelope[i + 1]) +
				lateness(clock, &clock->envelope[i + 2]));
	qsort(bends, n, sizeof(bends[0]), by_value);
	return bends[n / 2];
}

int sample_clock_drift(const struct sample_clock *clock, double *ret_rel, double *ret_u_rel)
{
	if (clock->points < DRIFT_MIN)
		return -ENODATA;

	const struct clock_point *first = earliest(clock, 0, clock->points / 4);
	const struct clock_point *last = earliest(clock, clock->points - clock->points / 4, clock->points);
	double nominal_ns = (double)(last->index - first->index) * NS / clock->nominal_hz;
	double later_ns = lateness(clock, last) - lateness(clock, first);

	*ret_rel = 1.0 / (1.0 + later_ns / nominal_ns) - 1.0;
	*ret_u_rel = (scatter_ns(clock) + FRAME_NS) / nominal_ns;
	return 0;
}

static struct envelope_line usable_line(const struct sample_clock *clock)
{
	struct envelope_line line = envelope_line(clock);

	if ((double)(clock->last_index - clock->first_index) >= SPAN_MIN_S * clock->nominal_hz)
		return line;
	line.slope = 0.0;
	for (unsigned i = 0; i < clock->points; i++)
		line.intercept_s = fmin(i ? line.intercept_s : INFINITY, lateness(clock, &clock->envelope[i]) / NS);
	return line;
}

void sample_clock_line(const struct sample_clock *clock, double spec_rel, struct clock_line *ret)
{
	struct clock_line line = {.u_s = INFINITY};

	if (clock->points > 0) {
		struct envelope_line edge = usable_line(clock);
		double span_s = (double)(clock->last_index - clock->first_index) / clock->nominal_hz;

		line.slope = edge.slope;
		line.intercept_s = edge.intercept_s;
		line.u_s = EDGE_SPREADS * edge.spread_s + STAMP_S;
		if (span_s < SPAN_MIN_S)
			line.u_s = hypot(line.u_s, spec_rel / SQRT3 * span_s);
	}
	*ret = line;
}

double sample_clock_index_at(const struct sample_clock *clock, uint64_t host_ns)
{
	if (clock->points == 0)
		return NAN;

	struct envelope_line line = usable_line(clock);
	double elapsed_s = (double)(int64_t)(host_ns - clock->first_ns) / NS;

	return (double)clock->first_index + clock->nominal_hz * (elapsed_s - line.intercept_s) / (1.0 + line.slope);
}
