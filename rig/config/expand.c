/* A plan as the sequence of its points, checked against a bench; and what it will cost in time and bytes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/plan.h"
#include "rig/config/takt.h"

/* What a point takes beside its own times: setting and reading back, stop, coast-down, and being shown to stand still.
 */
#define OPERATOR_S     60.0  /* exchanging a phantom */
#define COAST_S        0.5   /* strokes after the window, at most */
#define STILL_OF_PULSE 0.5   /* of the weakest pulse: what may still be taken for standing still */
#define RATE_MARGIN    0.005 /* curves hold this much beyond their first and last rate */

struct expansion {
	const struct plan *plan;
	const struct bench *bench; /* may be NULL */
	struct plan_point *points;
	unsigned count, room;
	const char *mounted; /* serial number of the phantom in the clamp; NULL: unknown; "": none */
	struct err *err;
};

static const struct json *step_node(const struct plan *plan, unsigned step)
{
	return json_at(json_get(json_root(plan->doc), "steps"), step);
}

/* Where the i-th value of a list stands, or the number or range that gave it. */
static const struct json *value_node(const struct plan *plan, unsigned step, const char *key, unsigned i)
{
	const struct json *node = json_get(step_node(plan, step), key);
	const struct json *element = json_kind(node) == JSON_ARRAY ? json_at(node, i) : NULL;

	return element ? element : node;
}

/* ---- ranges ----------------------------------------------------------------------------------------------------- */

struct setpoint_range {
	const char *key, *unit, *whose;
	double lo, hi;
};

static int check_values(const struct plan *plan, unsigned step, const double *values, unsigned count,
			const struct setpoint_range *range, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		if (values[i] >= range->lo && values[i] <= range->hi)
			continue;
		return json_error(plan->doc, value_node(plan, step, range->key, i), err,
				  "%s %.10g %s in step \"%s\" is outside %.10g to %.10g %s, the range of %s: write a "
				  "value inside",
				  range->key, values[i], range->unit, plan->step[step].name, range->lo, range->hi,
				  range->unit, range->whose);
	}
	return 0;
}

int plan_check_range(const struct plan *plan, double rate_lo_hz, double rate_hi_hz, double depth_lo_mm,
		     double depth_hi_mm, const char *whose, struct err *err)
{
	const struct setpoint_range rate = {
		.key = "rate_hz", .unit = "Hz", .whose = whose, .lo = rate_lo_hz, .hi = rate_hi_hz};
	const struct setpoint_range depth = {
		.key = "depth_mm", .unit = "mm", .whose = whose, .lo = depth_lo_mm, .hi = depth_hi_mm};

	for (unsigned i = 0; i < plan->steps; i++) {
		const struct plan_step *step = &plan->step[i];
		int ret = check_values(plan, i, step->depth_mm, step->depths, &depth, err);
		if (ret == 0)
			ret = check_values(plan, i, step->rate_hz, step->rates, &rate, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- phantoms --------------------------------------------------------------------------------------------------- */

/* The depths that the two curves around a rate have in common, as curve_new() will combine them; false: the rate is
 * outside the calibrated ones. */
static bool depths_at_rate(const struct curve_set *set, double rate_hz, double *ret_lo, double *ret_hi)
{
	unsigned last = set->rates - 1, below = 0;

	if (rate_hz < set->at[0].rate_hz * (1 - RATE_MARGIN) || rate_hz > set->at[last].rate_hz * (1 + RATE_MARGIN))
		return false;
	while (below < last && set->at[below + 1].rate_hz <= rate_hz)
		below++;
	unsigned above = below < last && rate_hz >= set->at[0].rate_hz ? below + 1 : below;
	const struct curve_table *a = &set->at[below], *b = &set->at[above];
	*ret_lo = fmax(a->depth_mm[0], b->depth_mm[0]);
	*ret_hi = fmin(a->depth_mm[a->points - 1], b->depth_mm[b->points - 1]);
	return true;
}

static int check_curve(const struct expansion *x, unsigned index, const struct phantom *phantom, unsigned rate_index)
{
	const struct plan_step *step = &x->plan->step[index];
	const struct curve_set *set = &phantom->curves;
	double rate = step->rate_hz[rate_index], lo = 0, hi = 0;
	char whose[160];

	if (!depths_at_rate(set, rate, &lo, &hi))
		return json_error(x->plan->doc, value_node(x->plan, index, "rate_hz", rate_index), x->err,
				  "phantom %s is calibrated from %.10g to %.10g Hz, step \"%s\" asks for %.10g Hz: "
				  "stay inside, or "
				  "have it calibrated at that rate",
				  phantom->serial, set->at[0].rate_hz, set->at[set->rates - 1].rate_hz, step->name,
				  rate);
	struct curve *curve = NULL;
	if (curve_new(set, rate, &curve))
		return json_error(x->plan->doc, value_node(x->plan, index, "rate_hz", rate_index), x->err,
				  "the curves of phantom %s around %.10g Hz have too few depths in common: have them "
				  "calibrated at the "
				  "same depths",
				  phantom->serial, rate);
	curve_free(curve);
	snprintf(whose, sizeof(whose), "the calibration of phantom %s at %.10g Hz", phantom->serial, rate);
	const struct setpoint_range depth = {.key = "depth_mm", .unit = "mm", .whose = whose, .lo = lo, .hi = hi};
	return check_values(x->plan, index, step->depth_mm, step->depths, &depth, x->err);
}

static int missing_phantom(const struct expansion *x, unsigned step, unsigned i)
{
	char list[200] = "";
	size_t used = 0;

	for (unsigned j = 0; j < x->bench->phantoms && used < sizeof(list); j++) {
		int n = snprintf(list + used, sizeof(list) - used, "%s%s", j ? ", " : "", x->bench->phantom[j].serial);
		used += n > 0 ? (size_t)n : 0;
	}
	return json_error(x->plan->doc, value_node(x->plan, step, "phantom", i), x->err,
			  "phantom %s is not on bench \"%s\", which has %s: name one of these, or add it to %s",
			  x->plan->step[step].phantom[i], x->bench->name, list, x->bench->path);
}

/* Index in the bench of a step's i-th phantom; -1 without a bench. */
static int phantom_index(const struct expansion *x, unsigned step, unsigned i)
{
	const struct plan_step *s = &x->plan->step[step];

	if (!x->bench)
		return -1;
	return s->phantoms ? bench_phantom(x->bench, s->phantom[i]) : 0;
}

static unsigned phantom_count(const struct plan_step *step)
{
	return step->phantoms ? step->phantoms : 1;
}

/* Where the one holds the other does not: no room would do. */
static int check_room(const struct expansion *x, const struct phantom *phantom)
{
	const struct json *root = json_root(phantom->doc), *range = json_get(root, "temperature_range_c");
	const double *hold_c = phantom->temperature_range_c;

	if (hold_c[0] == hold_c[1] || (hold_c[0] <= x->bench->ambient_hi_c && hold_c[1] >= x->bench->ambient_lo_c))
		return 0;
	return json_error(
		phantom->doc, range ? range : json_get(root, "temperature_c"), x->err,
		"phantom %s was calibrated at %.10g degC and holds from %.10g to %.10g degC%s, bench \"%s\" is "
		"for rooms of %.10g to %.10g degC: have it calibrated at the bench's temperature, or state where "
		"it holds in \"temperature_range_c\"",
		phantom->serial, phantom->temperature_c, hold_c[0], hold_c[1],
		range ? "" : " (5 K either way, as its file does not say)", x->bench->name, x->bench->ambient_lo_c,
		x->bench->ambient_hi_c);
}

static int check_phantoms(const struct expansion *x, unsigned step)
{
	const struct plan_step *s = &x->plan->step[step];

	for (unsigned i = 0; i < phantom_count(s); i++) {
		int index = phantom_index(x, step, i);
		if (index < 0)
			return missing_phantom(x, step, i);
		int room = check_room(x, &x->bench->phantom[index]);
		if (room)
			return room;
		for (unsigned rate = 0; rate < s->rates; rate++) {
			int ret = check_curve(x, step, &x->bench->phantom[index], rate);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* ---- what the bench can judge ----------------------------------------------------------------------------------- */

/* Where a device with this role is described, or else the load sensor, which could have it. */
static unsigned line_of(const struct bench *bench, enum device_role role)
{
	const struct bench_device *device = bench_device(bench, role);

	return bench_device_line(device ? device : bench_device(bench, ROLE_LOAD_SENSOR));
}

static int check_judged(const struct expansion *x, const struct limit *limit)
{
	const struct json *root = json_root(x->plan->doc), *judge = json_get(root, "judge");
	const struct measurand_row *row = measurand_row(limit->id);

	if (!limit->required)
		return 0;
	if ((row->needs & NEEDS_HEAT) && bench_temperature_u_k(x->bench) == 0)
		return json_error(x->plan->doc, root, x->err,
				  "the plan judges %s, and bench \"%s\" has no calibrated temperature channel: write "
				  "\"temperature_u_k\" at %s:%u, or \"required\": false in the limit",
				  limit->measurand, x->bench->name, x->bench->path,
				  line_of(x->bench, ROLE_THERMOMETER));
	if (x->plan->judge_displacement && row->judged_by == JUDGED_BY_DEPTH && bench_displacement_u_mm(x->bench) == 0)
		return json_error(x->plan->doc, judge, x->err,
				  "depth is judged by displacement, and bench \"%s\" has no calibrated displacement "
				  "channel: write "
				  "\"displacement_u_mm\" at %s:%u, or judge \"force_equivalent\"",
				  x->bench->name, x->bench->path, line_of(x->bench, ROLE_DISPLACEMENT));
	return 0;
}

static int check_free_run(const struct expansion *x, unsigned step)
{
	if (!x->plan->step[step].free_run || bench_displacement_u_mm(x->bench) > 0)
		return 0;
	return json_error(
		x->plan->doc, json_get(step_node(x->plan, step), "free_run"), x->err,
		"a free run makes no force pulse, and bench \"%s\" has no calibrated displacement channel to "
		"see its strokes and its stop by: write \"displacement_u_mm\" at %s:%u, or leave \"free_run\" "
		"out",
		x->bench->name, x->bench->path, line_of(x->bench, ROLE_DISPLACEMENT));
}

static int check_bench(const struct expansion *x)
{
	const struct bench_pen *pen = &x->bench->pen;
	char whose[96];

	snprintf(whose, sizeof(whose), "the pens of bench \"%s\"", x->bench->name);
	int ret = plan_check_range(x->plan, pen->rate_lo_hz, pen->rate_hi_hz, pen->depth_lo_mm, pen->depth_hi_mm, whose,
				   x->err);
	for (unsigned step = 0; step < x->plan->steps && ret == 0; step++) {
		const struct limit *limits[STEP_LIMITS_MAX];
		unsigned count = plan_limits_at(x->plan, step, limits);
		for (unsigned i = 0; i < count && ret == 0; i++)
			ret = check_judged(x, limits[i]);
		if (ret == 0)
			ret = check_free_run(x, step);
		if (ret == 0)
			ret = check_phantoms(x, step);
	}
	return ret;
}

/* ---- points ----------------------------------------------------------------------------------------------------- */

static int add_point(struct expansion *x, const struct plan_point *point)
{
	if (x->count == PLAN_POINTS_MAX)
		return json_error(x->plan->doc, step_node(x->plan, point->step), x->err,
				  "with this step the plan has more than %d points: fewer values or repeats, please",
				  PLAN_POINTS_MAX);
	if (x->count == x->room) {
		unsigned room = x->room ? 2 * x->room : 64;
		struct plan_point *points = realloc(x->points, room * sizeof(*points));
		if (!points)
			return err_set(x->err, -ENOMEM, "%s: no memory", x->plan->path);
		x->points = points;
		x->room = room;
	}
	x->points[x->count++] = *point;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The depths of one pass in order of visit; at most twice as many as the list has. */
static unsigned depth_sequence(const struct plan_step *step, double *ret)
{
	unsigned n = step->depths;

	memcpy(ret, step->depth_mm, n * sizeof(*ret));
	if (step->order != ORDER_UP_DOWN)
		return n;
	qsort(ret, n, sizeof(*ret), by_value);
	for (unsigned i = 0; i < n; i++)
		ret[n + i] = ret[n - 1 - i];
	return 2 * n;
}

static int add_pass(struct expansion *x, struct plan_point point, double rate_hz)
{
	double depths[2 * STEP_VALUES_MAX];
	unsigned count = depth_sequence(&x->plan->step[point.step], depths);

	point.rate_hz = rate_hz;
	for (unsigned i = 0; i < count; i++) {
		point.depth_mm = depths[i];
		int ret = add_point(x, &point);
		if (ret)
			return ret;
	}
	return 0;
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* Fisher-Yates. The bias of a 64-bit remainder over at most 20 000 values is below 1e-15. */
static void shuffle(struct plan_point *points, unsigned count, uint64_t *state)
{
	for (unsigned i = count; i > 1; i--) {
		unsigned j = (unsigned)(splitmix64(state) % i);
		struct plan_point swap = points[i - 1];
		points[i - 1] = points[j];
		points[j] = swap;
	}
}

/* All points of a step on one phantom: repeats around rates around depths. */
static int add_phantom(struct expansion *x, unsigned index, unsigned i, uint64_t *random)
{
	const struct plan_step *step = &x->plan->step[index];
	struct plan_point point = {.step = index, .phantom = phantom_index(x, index, i)};
	const char *serial = step->phantoms ? step->phantom[i] : x->bench ? x->bench->phantom[0].serial : x->mounted;
	unsigned first = x->count;

	for (point.repeat = 0; point.repeat < step->repeats; point.repeat++) {
		for (unsigned rate = 0; rate < step->rates; rate++) {
			int ret = add_pass(x, point, step->rate_hz[rate]);
			if (ret)
				return ret;
		}
	}
	if (step->order == ORDER_RANDOM)
		shuffle(x->points + first, x->count - first, random);
	bool empty = x->mounted && !*x->mounted;
	x->points[first].phantom_change = empty || (serial && x->mounted && strcmp(serial, x->mounted) != 0);
	x->mounted = serial;
	return 0;
}

/* Nothing loads the needles, so one depth stands for all: the one that comes next, to which the pen need not move. */
static int add_free_runs(struct expansion *x, unsigned index)
{
	const struct plan_step *step = &x->plan->step[index];
	double depths[2 * STEP_VALUES_MAX];

	depth_sequence(step, depths);
	for (unsigned rate = 0; rate < step->rates; rate++) {
		const struct plan_point point = {.step = index,
						 .phantom = PHANTOM_NONE,
						 .depth_mm = depths[0],
						 .rate_hz = step->rate_hz[rate],
						 .phantom_change = rate == 0};
		int ret = add_point(x, &point);
		if (ret)
			return ret;
	}
	x->mounted = "";
	return 0;
}

static void number_points(struct expansion *x)
{
	for (unsigned i = 0; i < x->count; i++) {
		struct plan_point *p = &x->points[i];
		p->number = i;
		p->upward =
			i == 0 || p[-1].step != p->step || plan_point_is_free(&p[-1]) || p[-1].depth_mm < p->depth_mm;
	}
}

static int add_steps(struct expansion *x)
{
	for (unsigned step = 0; step < x->plan->steps; step++) {
		uint64_t random = x->plan->step[step].seed;
		int ret = x->plan->step[step].free_run ? add_free_runs(x, step) : 0;
		if (ret)
			return ret;
		for (unsigned i = 0; i < phantom_count(&x->plan->step[step]); i++) {
			ret = add_phantom(x, step, i, &random);
			if (ret)
				return ret;
		}
	}
	number_points(x);
	return 0;
}

/* Of one point, at most. */
static unsigned tries_of(const struct plan_step *step)
{
	return step->attempts + step->retry + step->repeat_failed;
}

static double strokes_of(const struct plan *plan, const struct plan_point *point)
{
	const struct plan_step *step = &plan->step[point->step];

	return point->rate_hz * (step->settle.max_s + step->measure.max_s + COAST_S) * tries_of(step);
}

double plan_strokes(const struct plan *plan, const struct plan_point *points, unsigned count, int phantom)
{
	double strokes = 0;

	for (unsigned i = 0; i < count; i++)
		strokes += points[i].phantom == phantom ? strokes_of(plan, &points[i]) : 0;
	return strokes;
}

/* Every attempt counted: a run must not end on a worn phantom. */
static int check_budgets(const struct expansion *x)
{
	for (unsigned i = 0; i < x->bench->phantoms; i++) {
		const struct phantom *phantom = &x->bench->phantom[i];
		double strokes = plan_strokes(x->plan, x->points, x->count, (int)i);
		double left = phantom->strokes_used >= phantom->stroke_budget
				      ? 0
				      : (double)(phantom->stroke_budget - phantom->strokes_used);
		if (strokes > left)
			return json_error(x->plan->doc, json_get(json_root(x->plan->doc), "steps"), x->err,
					  "these steps strike phantom %s up to %.0f times, and its position %s has "
					  "%.0f of %llu strokes "
					  "left: take a fresh position and write it at %s:%u:%u",
					  phantom->serial, strokes, phantom->position, left,
					  (unsigned long long)phantom->stroke_budget, x->bench->path, phantom->line,
					  phantom->column);
	}
	return 0;
}

int plan_expand(const struct plan *plan, const struct bench *bench, struct plan_point **ret, unsigned *ret_count,
		struct err *err)
{
	struct expansion x = {.plan = plan, .bench = bench, .err = err};
	int status = bench ? check_bench(&x) : 0;

	if (bench)
		x.mounted = bench->phantom[0].serial;
	if (status == 0)
		status = add_steps(&x);
	if (status == 0 && bench)
		status = check_budgets(&x);
	if (status) {
		free(x.points);
		return status;
	}
	*ret = x.points;
	*ret_count = x.count;
	return 0;
}

/* ---- what the bench can see move -------------------------------------------------------------------------------- */

struct pulse_at {
	double force_n, depth_mm, rate_hz;
	const struct phantom *phantom;
	unsigned step;
};

static void weaker_pulse(const struct plan *plan, unsigned index, const struct phantom *phantom, struct pulse_at *ret)
{
	const struct plan_step *step = &plan->step[index];
	double shallow = step->depth_mm[0], force, slope;

	for (unsigned i = 1; i < step->depths; i++)
		shallow = fmin(shallow, step->depth_mm[i]);
	for (unsigned i = 0; i < step->rates; i++) {
		struct curve *curve = NULL;
		if (curve_new(&phantom->curves, step->rate_hz[i], &curve))
			continue;
		if (curve_force(curve, shallow, &force, &slope) == 0 && force < ret->force_n)
			*ret = (struct pulse_at){.force_n = force,
						 .depth_mm = shallow,
						 .rate_hz = step->rate_hz[i],
						 .phantom = phantom,
						 .step = index};
		curve_free(curve);
	}
}

int plan_check_still(const struct plan *plan, const struct bench *bench, struct err *err)
{
	const struct expansion x = {.plan = plan, .bench = bench};
	struct pulse_at weakest = {.force_n = INFINITY};

	for (unsigned step = 0; step < plan->steps; step++) {
		for (unsigned i = 0; i < phantom_count(&plan->step[step]); i++) {
			int index = phantom_index(&x, step, i);
			if (index >= 0)
				weaker_pulse(plan, step, &bench->phantom[index], &weakest);
		}
	}
	double most = STILL_OF_PULSE * weakest.force_n;
	if (!weakest.phantom || bench->sensor.still_n <= most)
		return 0;
	const struct json *sensor = bench_device(bench, ROLE_LOAD_SENSOR)->node;
	const struct json *still = json_get(sensor, "still_n");
	double digit = most > 0 ? pow(10, floor(log10(most)) - 1) : 1;
	return json_error(bench->doc, still ? still : sensor, err,
			  "swings of up to %.4g N are taken for standing still, more than half of the %.2g N that "
			  "phantom %s gives at %.10g mm and %.10g Hz (%s:%u): a needle that moves would not be seen; "
			  "write \"still_n\": %.2g or less, or leave that depth out",
			  bench->sensor.still_n, weakest.force_n, weakest.phantom->serial, weakest.depth_mm,
			  weakest.rate_hz, plan->path, plan->step[weakest.step].depth_line,
			  floor(most / digit * (1 + 1e-12)) * digit);
}

/* ---- estimates -------------------------------------------------------------------------------------------------- */

double plan_duration_s(const struct plan *plan, const struct bench *bench, const struct plan_point *points,
		       unsigned count)
{
	struct takt takt;
	double total;

	takt_expect(plan, bench, points, count, 1, &takt);
	total = takt_sum_s(&takt);
	for (unsigned i = 0; i < count; i++)
		total += points[i].phantom_change ? OPERATOR_S : 0;
	return total;
}

/* Rounded up from run files of the load-stream driver: force and displacement of 24 bits, whose noise does not
 * compress. */
#define CHANNELS         2.0
#define BYTES_PER_SAMPLE 3.2
#define BYTES_PER_POINT  57344 /* results with their budgets, in tables and in the report; journal */
#define BYTES_PER_STROKE 64
#define BYTES_FIXED      393216 /* tables, plan, bench and phantoms */

uint64_t plan_runfile_bytes(const struct plan *plan, const struct bench *bench, const struct plan_point *points,
			    unsigned count)
{
	double bytes = BYTES_FIXED;

	bytes +=
		plan_duration_s(plan, bench, points, count) * bench_sample_rate_hz(bench) * CHANNELS * BYTES_PER_SAMPLE;
	for (unsigned i = 0; i < count; i++)
		bytes += BYTES_PER_POINT +
			 BYTES_PER_STROKE * strokes_of(plan, &points[i]) / tries_of(&plan->step[points[i].step]);
	return (uint64_t)bytes;
}
