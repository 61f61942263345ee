#include "rig/offline/import/times.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/filekind.h"
#include "rig/measure/point/point.h"

#define TIME_MAX_S    1e7
#define SAME_SETPOINT 1e-9 /* relative */
#define PAUSE_PERIODS 3.0  /* of the slowest stroke: a stroke that is missed is no pause */
#define PAUSE_MIN_S   0.15
#define GUARD_S       0.03 /* kept from motion: a swing is seen up to 20 ms late, and so is its end */
#define BACK_PERIODS  2.0
#define RATE_BAND     0.2 /* beyond it the stretch belongs to another point */
#define LISTED        12

int point_times_check(const struct point_times *t, const char *what, struct err *err)
{
	bool rises =
		t->tare_until_s <= t->start_s && t->start_s < t->measure_from_s && t->measure_from_s < t->measure_to_s;
	/* As rows are counted: a tare of just the least may come out a row shorter. */
	if (rises && t->tare_until_s - t->tare_from_s >= POINT_TARE_MIN_S - 1e-9)
		return 0;
	return err_set(err, -EINVAL,
		       "%s: the times must rise, and the tare take %g s at least: from %g s quiet, until %g s, started "
		       "at %g s, "
		       "measured from %g s to %g s",
		       what, POINT_TARE_MIN_S, t->tare_from_s, t->tare_until_s, t->start_s, t->measure_from_s,
		       t->measure_to_s);
}

/* ---- a file ---- */

struct entry {
	struct point_times times;
	double depth_mm, rate_hz; /* NAN: not stated */
};

static int read_tare(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "tare_s", .unit = "s", .lo = 0, .hi = TIME_MAX_S};
	double value[2];
	struct entry *entry = dst;
	int rc = interval_read(doc, node, &rule, value, err);
	if (rc)
		return rc;
	entry->times.tare_from_s = value[0];
	entry->times.tare_until_s = value[1];
	return 0;
}

static int read_measure(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "measure_s", .unit = "s", .lo = 0, .hi = TIME_MAX_S};
	double value[2];
	struct entry *entry = dst;
	int rc = interval_read(doc, node, &rule, value, err);
	if (rc)
		return rc;
	entry->times.measure_from_s = value[0];
	entry->times.measure_to_s = value[1];
	return 0;
}

static const struct json_field entry_fields[] = {
	{.key = "tare_s", .kind = FIELD_CUSTOM, .required = true, .read = read_tare},
	{.key = "start_s",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct entry, times.start_s),
	 .required = true,
	 .lo = 0,
	 .hi = TIME_MAX_S,
	 .unit = "s"},
	{.key = "measure_s", .kind = FIELD_CUSTOM, .required = true, .read = read_measure},
	{.key = "depth_mm",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct entry, depth_mm),
	 .lo = 0,
	 .hi = 10,
	 .unit = "mm"},
	{.key = "rate_hz",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct entry, rate_hz),
	 .lo = 0.01,
	 .hi = 1000,
	 .unit = "Hz"},
	{.key = NULL},
};

struct points_file {
	const struct json *points;
};

static const struct json_field file_fields[] = {
	FILE_KIND_FIELDS,
	{.key = "points", .kind = FIELD_NODE, .offset = offsetof(struct points_file, points), .required = true},
	{.key = NULL},
};

static bool same(double stated, double planned)
{
	return isnan(stated) || fabs(stated - planned) <= SAME_SETPOINT * fabs(planned);
}

static int read_entry(const struct json_doc *doc, const struct json *node, const struct plan_point *point,
		      const struct point_times *before, struct point_times *ret, struct err *err)
{
	struct entry entry = {.depth_mm = NAN, .rate_hz = NAN};
	struct err why;
	int rc = json_read_object(doc, node, entry_fields, &entry, err);
	if (rc)
		return rc;
	if (point_times_check(&entry.times, "this point", &why) < 0)
		return json_error(doc, node, err, "%s", why.text);
	if (before && entry.times.tare_from_s < before->measure_to_s)
		return json_error(doc, node, err, "its tare begins at %g s, before the point above it ends at %g s",
				  entry.times.tare_from_s, before->measure_to_s);
	if (!same(entry.depth_mm, point->depth_mm) || !same(entry.rate_hz, point->rate_hz))
		return json_error(doc, node, err,
				  "point %u of the plan is %.10g mm at %.10g Hz: list the points in the plan's order",
				  point->number + 1, point->depth_mm, point->rate_hz);
	*ret = entry.times;
	return 0;
}

static int read_entries(const struct json_doc *doc, const struct json *list, const struct plan_point *points,
			unsigned count, struct point_times *ret, struct err *err)
{
	int rc = 0;
	if (json_kind(list) != JSON_ARRAY || json_size(list) == 0)
		return json_error(doc, list, err, "\"points\" must be a list of points");
	if (json_size(list) != count)
		return json_error(doc, list, err,
				  "\"points\" lists %zu; the plan has %u, in the order in which they were measured",
				  json_size(list), count);
	for (unsigned i = 0; !rc && i < count; i++)
		rc = read_entry(doc, json_at(list, i), &points[i], i ? &ret[i - 1] : NULL, &ret[i], err);
	return rc;
}

int point_times_read(const char *path, const struct plan_point *points, unsigned count, struct point_times **ret,
		     struct json_doc **ret_doc, struct err *err)
{
	struct points_file file = {.points = NULL};
	struct point_times *times = calloc(count, sizeof(*times));
	struct json_doc *doc = NULL;
	int rc = times ? json_read(path, &doc, err) : err_set(err, -ENOMEM, "out of memory");
	if (!rc)
		rc = file_kind_check(doc, "points", err);
	if (!rc)
		rc = json_read_object(doc, json_root(doc), file_fields, &file, err);
	if (!rc)
		rc = read_entries(doc, file.points, points, count, times, err);
	if (rc) {
		free(times);
		json_doc_free(doc);
		return rc;
	}
	*ret = times;
	*ret_doc = doc;
	return 0;
}

/* ---- found in the recording ---- */

double point_times_pause_s(const struct plan_point *points, unsigned count)
{
	double slowest_hz = INFINITY;
	for (unsigned i = 0; i < count; i++)
		slowest_hz = fmin(slowest_hz, points[i].rate_hz);
	return fmax(PAUSE_MIN_S, PAUSE_PERIODS / slowest_hz);
}

struct finding_times {
	const char *path;
	double rate_hz;
	const struct plan *plan;
	const struct stretch *found; /* all of them, in order */
	const struct stretch **kept; /* those that are points */
	unsigned count;
};

static double at_s(const struct finding_times *f, uint64_t row)
{
	return (double)row / f->rate_hz;
}

static void list_kept(const struct finding_times *f, char *ret, size_t size)
{
	size_t n = 0;
	snprintf(ret, size, "none");
	for (unsigned i = 0; i < f->count && i < LISTED && n + 60 < size; i++) {
		const struct stretch *s = f->kept[i];
		double hz = stretch_rate_hz(s, f->rate_hz);
		n += (size_t)snprintf(ret + n, size - n, "%s%.2f to %.2f s", i ? ", " : "", at_s(f, s->first),
				      at_s(f, s->last));
		if (isfinite(hz))
			n += (size_t)snprintf(ret + n, size - n, " at %.4g Hz", hz);
	}
	if (f->count > LISTED || n + 60 >= size)
		snprintf(ret + n, size - n, " ...");
}

static double window_s(const struct plan *plan, const struct plan_point *point)
{
	return plan->step[point->step].settle.min_s + plan->step[point->step].measure.min_s;
}

static int other_number(const struct finding_times *f, unsigned count, struct err *err)
{
	char list[400];
	list_kept(f, list, sizeof(list));
	return err_set(err, -EINVAL,
		       "%.120s: the plan has %u point%s, the recording %u stretch%s of strokes (%s): say when each was "
		       "measured by "
		       "--points FILE",
		       f->path, count, count == 1 ? "" : "s", f->count, f->count == 1 ? "" : "es", list);
}

__attribute__((format(printf, 5, 6))) static int
unfit(const struct finding_times *f, unsigned i, const struct plan_point *point, struct err *err, const char *fmt, ...)
{
	char why[200];
	va_list args;
	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return err_set(
		err, -EINVAL,
		"%.120s: point %u (%.4g mm, %.6g Hz), strokes from %.2f to %.2f s: %s; --points FILE states times",
		f->path, i + 1, point->depth_mm, point->rate_hz, at_s(f, f->kept[i]->first), at_s(f, f->kept[i]->last),
		why);
}

/* Until then no stroke is of the coast: the first of it are late by less than shows. */
static double at_speed_s(const struct finding_times *f, const struct stretch *s)
{
	double hz = stretch_rate_hz(s, f->rate_hz);
	return at_s(f, s->last_at_speed) - (isfinite(hz) ? BACK_PERIODS / hz : 0);
}

/* Where the plan leaves it open, as long as the strokes leave time for it: of these nobody waited for the pen to settle,
 * and what they show must not choose their window. */
static double settle_s(const struct plan_step *step, double strokes_s)
{
	return fmax(step->settle.min_s, fmin(step->settle.max_s, strokes_s - step->measure.max_s));
}

static int times_of(const struct finding_times *f, unsigned i, const struct plan_point *point, struct point_times *ret,
		    struct err *err)
{
	const struct plan_step *step = &f->plan->step[point->step];
	const struct stretch *s = f->kept[i];
	/* Behind whatever moved last: handling that is no point is no tare either. */
	double quiet_from_s = s > f->found ? at_s(f, s[-1].last) + GUARD_S : 0, first_s = at_s(f, s->first);
	double hz = stretch_rate_hz(s, f->rate_hz);
	ret->tare_until_s = first_s - GUARD_S;
	ret->tare_from_s = fmax(quiet_from_s, ret->tare_until_s - step->tare_s);
	ret->start_s = first_s;
	ret->measure_from_s = first_s + settle_s(step, at_speed_s(f, s) - first_s);
	ret->measure_to_s = fmin(ret->measure_from_s + step->measure.max_s, at_speed_s(f, s));
	if (ret->tare_until_s - ret->tare_from_s < POINT_TARE_MIN_S)
		return unfit(f, i, point, err, "only %.2f s are quiet before it, the tare takes %g s",
			     fmax(0, ret->tare_until_s - quiet_from_s), POINT_TARE_MIN_S);
	if (ret->measure_to_s - ret->measure_from_s < WINDOW_LEAST * step->measure.min_s)
		return unfit(f, i, point, err, "at speed until %.2f s; the plan wants settle_s %g and measure_s %g",
			     at_speed_s(f, s), step->settle.min_s, step->measure.min_s);
	if (isfinite(hz) && fabs(hz / point->rate_hz - 1) > RATE_BAND)
		return unfit(f, i, point, err, "they come at %.4g Hz", hz);
	return 0;
}

/* Those that are long enough to be meant. */
static unsigned keep_long(const struct stretch *found, unsigned found_count, double shortest_s, struct finding_times *f)
{
	for (unsigned i = 0; i < found_count; i++)
		if (at_s(f, found[i].last - found[i].first) >= shortest_s / 2)
			f->kept[f->count++] = &found[i];
	return found_count - f->count;
}

int point_times_find(const struct stretch *found, unsigned found_count, double rate_hz, const struct plan *plan,
		     const struct plan_point *points, unsigned count, const char *path, struct point_times **ret,
		     unsigned *ret_left_out, struct err *err)
{
	struct finding_times f = {.path = path, .rate_hz = rate_hz, .plan = plan, .found = found};
	struct point_times *times = calloc(count, sizeof(*times));
	double shortest_s = INFINITY;
	f.kept = calloc(found_count + 1, sizeof(*f.kept));
	int rc = times && f.kept ? 0 : err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < count; i++)
		shortest_s = fmin(shortest_s, window_s(plan, &points[i]));
	if (!rc) {
		unsigned left_out = keep_long(found, found_count, shortest_s, &f);
		if (f.count != count)
			rc = other_number(&f, count, err);
		else
			*ret_left_out = left_out;
	}
	for (unsigned i = 0; !rc && i < count; i++)
		rc = times_of(&f, i, &points[i], &times[i], err);
	free(f.kept);
	if (rc)
		free(times);
	else
		*ret = times;
	return rc;
}
