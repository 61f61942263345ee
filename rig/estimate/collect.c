/* The results of a point that has ended: the estimators', the thermal fits', what the pen said of itself, and what the
 * sample clock's state does to them. */
#include "rig/estimate/estimator.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BLURRED         3.0           /* times what the bench's figures make of a displacement */
#define TOLD_APART      0.25          /* of the depth: phantoms that differ by less are not taken for another */
#define DISAGREE_U      2.0           /* of the expanded uncertainty of a difference: never by chance */
#define SLOW_GAP_MAX_NS 1000000000ull /* temperatures change in seconds */
#define SLOW_GAP_FRAMES 3.5           /* of a channel slower than that; one that is lost leaves a gap of two */
#define STROKES_MIN     3
#define EVERY_RESULT    0u
#define STUCK_CHANCE    1e-12           /* of a row of equal counts from the declared noise alone: never by chance */
#define STILL_MAX_NS    120000000000ull /* a motor at work warms handle and tip by then */

static struct result *add_result(struct record_point *point, enum measurand id, double value)
{
	if (point->results >= sizeof(point->result) / sizeof(point->result[0]))
		return NULL;
	struct result *r = &point->result[point->results++].result;
	*r = (struct result){.valid = isfinite(value), .trusted = isfinite(value), .value = value};
	result_name(r, id, "");
	if (!r->valid)
		snprintf(r->reason, sizeof(r->reason), "the pen does not say");
	return r;
}

static double mean_of(double sum, unsigned n)
{
	return n ? sum / n : NAN;
}

/* What the pen says of itself stands beside the bench's own figures and is never judged. */
static void add_pen_results(const struct estimator *e, struct record_point *point)
{
	const struct pen_sums *sums = &e->pen;
	struct result *rate = add_result(point, MEASURAND_PEN_RATE, mean_of(sums->rate_hz, sums->n));
	for (unsigned i = 0; rate && i < point->results; i++) {
		const struct result *bench = &point->result[i].result;
		if (bench->id == MEASURAND_STROKE_RATE && bench->valid && rate->valid && !rate->reason[0])
			snprintf(rate->reason, sizeof(rate->reason), "%+.3f Hz against the bench",
				 rate->value - bench->value);
	}
	add_result(point, MEASURAND_PEN_MOTOR_TEMPERATURE, mean_of(sums->motor_c, sums->n));
	add_result(point, MEASURAND_PEN_HANDLE_TEMPERATURE, mean_of(sums->handle_c, sums->n));
	add_result(point, MEASURAND_PEN_BATTERY, mean_of(sums->battery_v, sums->n));
}

static const struct free_rate *free_rate_of(const struct estimator *e, const struct record_point *point)
{
	for (unsigned i = 0; i < e->free_rates; i++)
		if (e->free_rate[i].step == point->plan.step && e->free_rate[i].rate_hz == point->plan.rate_hz)
			return &e->free_rate[i];
	return NULL;
}

/* The last attempt counts, as everywhere. */
static void keep_free_rate(struct estimator *e, const struct record_point *point, const struct result *rate)
{
	struct free_rate *kept = (struct free_rate *)free_rate_of(e, point);
	if (!kept && e->free_rates && e->free_rate[0].step != point->plan.step)
		e->free_rates = 0;
	if (!kept && e->free_rates < STEP_VALUES_MAX)
		kept = &e->free_rate[e->free_rates++];
	if (kept)
		*kept = (struct free_rate){.step = point->plan.step,
					   .rate_hz = point->plan.rate_hz,
					   .valid = rate->valid,
					   .trusted = rate->trusted && !point->fault[0],
					   .value_hz = rate->value,
					   .u_hz = rate->u};
}

static const struct result *found(const struct record_point *point, enum measurand id, const char *method)
{
	for (unsigned i = 0; i < point->results; i++) {
		const struct result *r = &point->result[i].result;
		if (r->id == id && (!method || strcmp(r->method, method) == 0))
			return r;
	}
	return NULL;
}

static void add_droop(const struct estimator *e, struct record_point *point)
{
	const struct free_rate *free = free_rate_of(e, point);
	const struct result *loaded =
		found(point, MEASURAND_STROKE_RATE, plan_judged_method(e->plan, MEASURAND_STROKE_RATE));
	const struct result *jitter = found(point, MEASURAND_PERIOD_JITTER, NULL);
	struct result *droop = add_result(point, MEASURAND_RATE_DROOP, NAN);
	if (!droop)
		return;
	if (!free || !free->valid || !loaded || !jitter) {
		snprintf(droop->reason, sizeof(droop->reason), "not measured: %s",
			 free ? "the free run at this rate gave none"
			      : "a free run makes no force pulse; it takes a step with \"free_run\" on a bench with a "
				"displacement channel");
		return;
	}
	free_run_droop(free->value_hz, free->u_hz, loaded, jitter, droop);
	if (!free->trusted && droop->trusted) {
		droop->trusted = false;
		snprintf(droop->reason, sizeof(droop->reason), "the free run at this rate cannot be trusted");
	}
}

/* A part without a channel has the same results, none of them valid: a rise or a steady state that is judged is that of
 * handle and tip, and one of them does not answer for the other. */
static void take_thermal(struct record_point *point, struct thermal *thermal, const struct held *held, const char *site)
{
	struct result results[4];
	unsigned count = thermal ? thermal_finish(thermal, results, 4) : 0;
	if (thermal && held->channel >= 0)
		point->inputs = thermal_inputs(thermal, point->input, point->inputs);
	for (unsigned i = 0; i < count && point->results < sizeof(point->result) / sizeof(point->result[0]); i++) {
		if (held->channel < 0)
			snprintf(results[i].reason, sizeof(results[i].reason), "the sensor has no \"%s\" channel",
				 site);
		point->result[point->results++].result = results[i];
	}
}

/* needs: what is not sound, NEEDS_...; EVERY_RESULT: nothing is. */
static void distrust(struct record_point *point, unsigned needs, const char *reason)
{
	for (unsigned i = 0; i < point->results; i++) {
		struct result *r = &point->result[i].result;
		bool concerned = needs == EVERY_RESULT || (measurand_row(r->id)->needs & needs);
		if (!concerned || !r->trusted)
			continue;
		r->trusted = false;
		snprintf(r->reason, sizeof(r->reason), "%.159s", reason);
	}
}

/* Depths by this method, and what follows of them. lacks: as of a result. */
static void distrust_method(struct record_point *point, const char *method, bool lacks, const char *reason)
{
	for (unsigned i = 0; i < point->results; i++) {
		struct result *r = &point->result[i].result;
		bool depth = measurand_row(r->id)->judged_by == JUDGED_BY_DEPTH;
		if (!depth || strncmp(r->method, method, strlen(method)) != 0 || !r->trusted)
			continue;
		r->trusted = false;
		r->lacks = lacks;
		snprintf(r->reason, sizeof(r->reason), "%s", reason);
	}
}

static void distrust_pulses(struct record_point *point, const char *reason)
{
	for (unsigned i = 0; i < point->results; i++) {
		struct result *r = &point->result[i].result;
		if (!measurand_row(r->id)->of_pulse || !r->trusted)
			continue;
		r->trusted = false;
		snprintf(r->reason, sizeof(r->reason), "%s", reason);
	}
}

/* Over the whole run the comparison with the host is sharper; over the point alone it shows a clock that has changed.
 */
static bool clock_is_off(const struct sample_clock *run, const struct sample_clock *point, double spec_ppm,
			 char text[160])
{
	double rel, u_rel, spec_rel = spec_ppm * 1e-6;
	bool off =
		sample_clock_rate(run, &rel, &u_rel) == 0 && fabs(rel) > spec_rel + 4 * u_rel + sample_clock_grain(run);
	if (!off)
		off = sample_clock_drift(point, &rel, &u_rel) == 0 && fabs(rel) > spec_rel + 4 * u_rel;
	if (off)
		snprintf(text, 160, "clock is %+.0f ppm off the host's (u %.0f ppm), its specification is +-%g ppm",
			 rel * 1e6, u_rel * 1e6, spec_ppm);
	return off;
}

/* A sample clock further off than its specification makes every time and rate doubtful; of a displacement from another
 * device, where it belongs among the strokes. */
static void check_clock(const struct estimator *e, struct record_point *point)
{
	char text[160], whole[200];
	if (clock_is_off(&e->clock, &e->point_clock, e->source[0].of.bench->clock_ppm, text)) {
		snprintf(whole, sizeof(whole), "the sensor's %s", text);
		distrust(point, NEEDS_CLOCK, whole);
	}
	if (!e->bar.align)
		return;
	const struct bench_device *bar = e->source[e->bar.source].of.bench;
	if (!clock_is_off(align_bar_clock(e->bar.align), &e->bar.point_clock, bar->clock_ppm, text))
		return;
	snprintf(whole, sizeof(whole), "the displacement device's %s", text);
	distrust_method(point, measurand_method(JUDGED_BY_DEPTH, false, true), false, whole);
}

static uint64_t slow_gap_max_ns(const struct estimator *e, const struct held *held)
{
	uint64_t frames_ns = (uint64_t)(SLOW_GAP_FRAMES * 1e9 / estimator_held_channel(e, held)->rate_hz);

	return frames_ns > SLOW_GAP_MAX_NS ? frames_ns : SLOW_GAP_MAX_NS;
}

/* It left the motor's time without a reading for too long. */
static bool is_silent(const struct estimator *e, const struct held *held)
{
	return held->channel >= 0 && held->gap_ns > slow_gap_max_ns(e, held);
}

/* White noise of s rms falls on one count of width q at most with erf(q / (2 sqrt 2 s)), each time. Below a count it
 * may never show, so nothing follows. */
static bool is_stuck(const struct estimator *e, const struct held *held)
{
	if (held->channel < 0 || held->stood < 2)
		return false;
	const struct channel *c = estimator_held_channel(e, held);
	double step = fabs(c->scale), noise = c->noise_rms;
	if (!(noise >= step))
		return false;
	return (double)(held->stood - 1) * log(erf(step / (2 * M_SQRT2 * noise))) < log(STUCK_CHANCE);
}

static void check_standing(const struct estimator *e, struct record_point *point)
{
	const struct held *const held[] = {&e->handle, &e->tip};
	char text[160] = "";
	for (unsigned i = 0; i < 2 && !text[0]; i++) {
		const char *name = held[i]->channel < 0 ? "" : estimator_held_channel(e, held[i])->name;
		if (is_stuck(e, held[i]))
			snprintf(text, sizeof(text),
				 "channel \"%.20s\" stood at one count for %llu readings while the pen ran; its noise "
				 "forbids that",
				 name, (unsigned long long)held[i]->stood);
		else if (held[i]->channel >= 0 && !held[i]->moved && held[i]->still_ns > STILL_MAX_NS)
			snprintf(
				text, sizeof(text),
				"channel \"%.20s\" has not left its first count since the run began, and the motor ran "
				"%.0f s of that",
				name, (double)held[i]->still_ns * 1e-9);
	}
	if (text[0])
		distrust(point, NEEDS_HEAT, text);
}

static void check_slow_stream(const struct estimator *e, struct record_point *point)
{
	const struct held *const held[] = {&e->handle, &e->tip, &e->ambient}, *silent = NULL;
	char text[120];
	for (unsigned i = 0; i < 3 && !silent; i++)
		if (is_silent(e, held[i]))
			silent = held[i];
	if (e->slow_beyond)
		snprintf(text, sizeof(text), "channel \"%.20s\" left its range or stood at its end while the pen ran",
			 e->slow_beyond);
	else if (silent)
		snprintf(text, sizeof(text), "no temperature reading for %.1f s while the pen ran: channel \"%.20s\"",
			 (double)silent->gap_ns * 1e-9, estimator_held_channel(e, silent)->name);
	else
		return;
	distrust(point, NEEDS_HEAT, text);
}

/* A pen that was not seen to work says nothing of how hot it gets at work. */
static void check_strokes(struct record_point *point)
{
	const struct result *strokes = found(point, MEASURAND_STROKES, NULL);
	if (strokes && !(strokes->value >= STROKES_MIN))
		distrust(point, NEEDS_STROKES, "the pen was not seen to run: no strokes in the measure window");
}

/* The calibrations hold within the bench's range of ambient temperature and nowhere else. */
static void check_ambient(const struct estimator *e, struct record_point *point)
{
	if (e->ambient.channel < 0) /* the operator vouches for the room */
		return;
	double lo_c = e->bench->ambient_lo_c, hi_c = e->bench->ambient_hi_c, u_k = estimator_held_u_k(e, &e->ambient);
	if (!isfinite(e->ambient.now)) {
		distrust(point, EVERY_RESULT,
			 "the \"ambient\" channel delivered nothing: whether the bench's calibrations hold is not "
			 "known");
		return;
	}
	if (is_silent(e, &e->ambient)) {
		distrust(point, EVERY_RESULT,
			 "the \"ambient\" channel fell silent while the pen ran: whether the bench's calibrations hold "
			 "is "
			 "not known");
		return;
	}
	if (is_stuck(e, &e->ambient)) {
		distrust(point, EVERY_RESULT,
			 "the \"ambient\" channel stood at one count, which its noise forbids: whether the bench's "
			 "calibrations hold is not known");
		return;
	}
	if (e->ambient.now >= lo_c - 2 * u_k && e->ambient.now <= hi_c + 2 * u_k)
		return;
	char text[160];
	snprintf(text, sizeof(text),
		 "ambient of %.2f degC outside the %g to %g degC that the bench's calibrations hold for",
		 e->ambient.now, lo_c, hi_c);
	distrust(point, EVERY_RESULT, text);
}

static void add_ambient(const struct estimator *e, struct record_point *point)
{
	struct result *ambient = add_result(point, MEASURAND_AMBIENT_TEMPERATURE, e->ambient.now);
	if (!ambient)
		return;
	if (!ambient->valid) {
		snprintf(ambient->reason, sizeof(ambient->reason), "%s",
			 e->ambient.channel < 0 ? "the sensor has no \"ambient\" channel"
						: "the \"ambient\" channel delivered nothing");
		return;
	}
	ambient->budget_lines = 1;
	ambient->budget[0] =
		(struct budget_line){.name = "calibration", .u = estimator_held_u_k(e, &e->ambient), .dof = INFINITY};
	ambient->n = 1;
	result_combine(ambient);
}

/* Whether the bar's depth is blurred by its way, beyond what the bench's own figures make of it, so far that it tells no
 * phantom from another. */
static bool is_blurred(const struct estimator *e, const struct result *force, const struct result *bar)
{
	const double *stated = e->bench->uncertainty.value;
	double seat_mm = hypot(stated[UNCERTAINTY_CARTRIDGE_LENGTH], stated[UNCERTAINTY_SEATING]);
	double stated_u = bar->k * hypot(bench_displacement_u_mm(e->bench), seat_mm);

	return bar->expanded_u > BLURRED * stated_u &&
	       DISAGREE_U * hypot(force->expanded_u, bar->expanded_u) > TOLD_APART * fabs(force->value);
}

/* The force says what stands under the needles only together with a depth that does not come from the force. Where both
 * are measured, another phantom than the plan names shows as two depths that cannot both be true. A bench that declares
 * no calibrated displacement has not got this check; one that declares it and does not get it has not made it. */
static void check_phantom(const struct estimator *e, struct record_point *point)
{
	const struct result *force = found(point, MEASURAND_DEPTH, measurand_method(JUDGED_BY_DEPTH, false, false));
	const struct result *bar = found(point, MEASURAND_DEPTH, measurand_method(JUDGED_BY_DEPTH, false, true));
	char text[160];

	if (!force || !force->trusted || !estimator_compares_depths(e))
		return;
	double apart_mm = force->value - (bar ? bar->value : NAN);
	if (!bar || !bar->trusted)
		snprintf(text, sizeof(text), "whether this is the phantom could not be checked: %.100s",
			 bar ? bar->reason : "no depth by displacement");
	else if (is_blurred(e, force, bar))
		snprintf(text, sizeof(text),
			 "whether this is the phantom could not be checked: the needle bar's depth is known to %.2g mm "
			 "only, because its top is no eccentric's",
			 bar->expanded_u);
	else if (fabs(apart_mm) > DISAGREE_U * hypot(force->expanded_u, bar->expanded_u))
		snprintf(text, sizeof(text),
			 "%+.3f mm against the needle bar's displacement: another phantom in the clamp, or a "
			 "calibration that does not hold",
			 apart_mm);
	else
		return;
	if (bar && bar->trusted && !is_blurred(e, force, bar))
		distrust_pulses(point, text);
	distrust_method(point, force->method, bar && bar->lacks, text);
}

/* A phantom has the temperature of its room, and its curves hold about that of its calibration. Without an ambient channel
 * the room is the operator's word, and a bench whose rooms never suit the phantom is refused. */
static void check_phantom_temperature(const struct estimator *e, struct record_point *point)
{
	const struct phantom *phantom = &e->bench->phantom[point->plan.phantom];
	const double *hold_c = phantom->temperature_range_c;
	char text[160];

	if (e->ambient.channel < 0 || hold_c[0] == hold_c[1])
		return;
	double u_k = estimator_held_u_k(e, &e->ambient);
	if (e->ambient.now >= hold_c[0] - 2 * u_k && e->ambient.now <= hold_c[1] + 2 * u_k)
		return;
	snprintf(text, sizeof(text),
		 "ambient of %.2f degC, and the phantom's calibration at %g degC holds from %g to %g degC only",
		 e->ambient.now, phantom->temperature_c, hold_c[0], hold_c[1]);
	distrust_method(point, measurand_method(JUDGED_BY_DEPTH, false, false), false, text);
}

/* What the files leave unsaid is marked, so that a reader of the report sees which widths are guesses. */
static void take_inputs(const struct estimator *e, struct record_point *point)
{
	const struct uncertainty *said[] = {&e->bench->uncertainty,
					    &e->bench->phantom[point->plan.phantom].uncertainty};

	point->inputs = point_inputs(e->point, point->input);
	for (unsigned i = 0; i < point->inputs; i++) {
		int entry = uncertainty_of_input(point->input[i].name);

		if (entry >= 0)
			point->input[i].assumed = !said[0]->said[entry] || !said[1]->said[entry];
	}
}

static void collect_free_run(struct estimator *e, struct record_point *point)
{
	struct result *rate = &point->result[point->results++].result;
	free_run_finish(&e->free_run, rate);
	add_ambient(e, point);
	add_pen_results(e, point);
	check_clock(e, point);
	check_ambient(e, point);
	if (point->fault[0])
		distrust(point, EVERY_RESULT, point->fault);
	keep_free_rate(e, point, rate);
}

void estimator_collect(struct estimator *e, struct record_point *point)
{
	if (!e->point) {
		collect_free_run(e, point);
		return;
	}
	struct result results[RESULTS_PER_POINT_MAX];
	unsigned count = point_finish(e->point, results, RESULTS_PER_POINT_MAX);
	point_motion(e->point, point->unmoved);
	point->checks = point_checks(e->point, point->check);
	take_inputs(e, point);
	for (unsigned i = 0; i < count; i++)
		point->result[point->results++].result = results[i];
	take_thermal(point, e->handle_fit, &e->handle, "handle");
	take_thermal(point, e->tip_fit, &e->tip, "tip");
	add_ambient(e, point);
	add_pen_results(e, point);
	add_droop(e, point);
	check_phantom(e, point);
	check_clock(e, point);
	check_ambient(e, point);
	check_phantom_temperature(e, point);
	check_slow_stream(e, point);
	check_standing(e, point);
	check_strokes(point);
	if (point->fault[0])
		distrust(point, EVERY_RESULT, point->fault);
}
