/* One point of the plan after the other: interlock, tare, set, start, settle, measure, stop, verify, rest, results. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/run/state.h"

#define CALIBRATION_TEMPERATURE_C 23.0               /* load cells are calibrated at 23 degC (ISO 376) */
#define SQRT3                     1.7320508075688772 /* half-width of a rectangle to its standard uncertainty (GUM 4.3.7) */

static const struct plan_point *planned(const struct session *s)
{
	return &s->config.points[s->at.next];
}

static const struct plan_step *plan_step_of(const struct session *s)
{
	return &s->plan->step[planned(s)->step];
}

static struct record_point *row(const struct session *s)
{
	return &s->record->point[s->at.row];
}

static bool samples_since_phase(const struct session *s, double seconds)
{
	return (double)(s->watch.next_index - s->at.phase_first) >= seconds * s->fs_hz;
}

/* ---- opening a point ------------------------------------------------------------------------------------------- */

/* The sample clock is corrected only where the comparison with the host is surer than the sensor's own specification.
 */
static void choose_clock(struct session *s)
{
	double spec_rel = s->bench->sensor.clock_ppm * 1e-6 / SQRT3;
	double rel, u_rel;
	s->at.fs_hz = s->fs_hz;
	s->at.u_clock_rel = spec_rel;
	if (sample_clock_rate(&s->clock, &rel, &u_rel) || u_rel >= spec_rel || !s->record->host_clock_synchronised)
		return;
	s->at.fs_hz = s->fs_hz * (1 + rel);
	s->at.u_clock_rel = u_rel;
	s->sensor.record->clock_applied = true;
}

static double temperature_u_rel(const struct session *s)
{
	double excursion = isnan(s->ambient_c) ? s->bench->ambient_hi_c - CALIBRATION_TEMPERATURE_C
					       : s->ambient_c - CALIBRATION_TEMPERATURE_C;
	return s->bench->sensor.temperature_coefficient_rel_per_k * fabs(excursion) / SQRT3;
}

static void configure_channel(const struct session *s, struct point_config *c)
{
	const struct channel *force = &s->channels[s->force];
	const struct bench_sensor *bench = &s->bench->sensor;
	c->force_position = force->position;
	c->force_scale = force->scale;
	c->force_offset = force->offset;
	c->force_noise_n = force->noise_rms;
	c->count_lo = s->watch.config.count_lo;
	c->count_hi = s->watch.config.count_hi;
	c->force_lo_n = bench->force_range_lo_n;
	c->force_hi_n = bench->force_range_hi_n;
	c->bandwidth_hz = force->bandwidth_hz;
	c->cell_hz = bench->cell_hz;
	c->cell_damping = bench->cell_damping;
	c->displacement_position = -1;
	if (s->displacement >= 0 && bench->displacement_u_mm > 0) {
		const struct channel *d = &s->channels[s->displacement];
		c->displacement_position = d->position;
		c->displacement_scale = d->scale;
		c->displacement_offset = d->offset;
	}
}

static void configure_curve(struct session *s, struct point_config *c)
{
	const struct plan_point *p = planned(s);
	const struct curve_set *set = &s->bench->phantom[p->phantom].curves;
	curve_free(s->at.curve);
	s->at.curve = NULL;
	int status = curve_new(set, p->rate_hz, &s->at.curve);
	if (status == -ERANGE)
		snprintf(c->curve_reason, sizeof(c->curve_reason), "the phantom is not calibrated at %g Hz",
			 p->rate_hz);
	else if (status)
		snprintf(c->curve_reason, sizeof(c->curve_reason), "the phantom's curve is not monotone");
	c->curve = s->at.curve;
	c->u_depth_cal_mm = set->u_depth_mm;
	c->u_curve_force_rel = set->u_force_rel;
	c->u_curve_fit_mm = set->u_fit_mm;
}

static void on_stroke(void *ctx, const struct stroke *stroke)
{
	struct session *s = ctx;
	if (s->runfile)
		runfile_stroke(s->runfile, s->at.row, stroke);
}

static int open_estimators(struct session *s)
{
	const struct plan_point *p = planned(s);
	choose_clock(s);
	struct point_config config = {
		.fs_hz = s->at.fs_hz,
		.rate_set_hz = p->rate_hz,
		.depth_set_mm = p->depth_mm,
		.mains_hz = s->bench->mains_hz,
		.preload_lo_n = s->bench->sensor.preload_lo_n,
		.preload_hi_n = s->bench->sensor.preload_hi_n,
		.u_gain_rel = s->bench->sensor.force_u_rel,
		.u_clock_rel = s->at.u_clock_rel,
		.u_temperature_rel = temperature_u_rel(s),
		.u_displacement_mm = s->bench->sensor.displacement_u_mm,
	};
	configure_channel(s, &config);
	configure_curve(s, &config);
	int status = point_new(&config, &s->at.point);
	if (status)
		return status;
	point_on_stroke(s->at.point, on_stroke, s);
	struct thermal_config thermal = {
		.u_sensor_k = s->bench->sensor.temperature_u_k,
		.rated_ambient_c = s->plan->rated_ambient_c,
	};
	snprintf(thermal.site, sizeof(thermal.site), "handle");
	status = s->handle >= 0 ? thermal_new(&thermal, &s->at.handle) : 0;
	if (status)
		return status;
	snprintf(thermal.site, sizeof(thermal.site), "tip");
	return s->tip >= 0 ? thermal_new(&thermal, &s->at.tip) : 0;
}

static void close_estimators(struct session *s)
{
	point_free(s->at.point);
	thermal_free(s->at.handle);
	thermal_free(s->at.tip);
	curve_free(s->at.curve);
	s->at.point = NULL;
	s->at.handle = s->at.tip = NULL;
	s->at.curve = NULL;
}

static void enter_phase(struct session *s, enum point_phase phase, double command_index)
{
	s->at.phase = phase;
	s->at.phase_first = s->watch.next_index;
	row(s)->phase_index[phase] = s->at.phase_first;
	row(s)->command_index[phase] = command_index;
	point_phase(s->at.point, phase, s->at.phase_first, command_index);
	static const char *const names[POINT_PHASES] = {"tare", "spin_up", "measure", "coast", "rest"};
	journal_mark(s, "phase", names[phase], s->at.phase_first);
}

/* ---- the steps ------------------------------------------------------------------------------------------------- */

static void step_stop(struct session *s, const char *why);
static void step_rest(struct session *s, uint64_t now_ns);
static void finish_point(struct session *s);

void measuring_fault(struct session *s, const char *reason)
{
	if (!s->at.open || s->at.fault[0])
		return;
	snprintf(s->at.fault, sizeof(s->at.fault), "%s", reason);
	journal_text(s, "event", "%s", reason);
}

/* True, and the point is on its way to its end, where a fault was found or a verb failed. */
static bool gone_wrong(struct session *s, const char *what)
{
	if (!s->at.fault[0] && !s->verb.pending && s->verb.status) {
		char text[200];
		snprintf(text, sizeof(text), "%s: %.120s", what,
			 s->verb.err.text[0] ? s->verb.err.text : strerror(-s->verb.status));
		measuring_fault(s, text);
	}
	if (!s->at.fault[0])
		return false;
	step_stop(s, s->at.fault);
	return true;
}

static void step_measure(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (gone_wrong(s, "measuring"))
		return;
	if (samples_since_phase(s, plan_step_of(s)->measure_s))
		step_stop(s, "the point is measured");
}

static void step_settle(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (gone_wrong(s, "starting the pen") || s->verb.pending || !samples_since_phase(s, plan_step_of(s)->settle_s))
		return;
	enter_phase(s, POINT_MEASURE, NAN);
	session_go(s, STAGE_MEASURING, step_measure);
}

static void start_pen(struct session *s, uint64_t now_ns)
{
	/* The start interlock's last look: what was true at the tare must be true now. */
	enum watch_verdict verdict = safety_still(s, INTERLOCK_QUIET_S);
	if (verdict != WATCH_OK) {
		if (now_ns - s->step_since_ns > INTERLOCK_TIMEOUT_NS) {
			char text[120];
			snprintf(text, sizeof(text), "start interlock: %s", watch_verdict_text(verdict));
			measuring_fault(s, text);
			step_stop(s, text);
		}
		return;
	}
	enter_phase(s, POINT_SPIN_UP, sample_clock_index_at(&s->clock, now_ns));
	s->at.motor_start_ns = now_ns;
	s->at.next_telemetry_ns = now_ns + TELEMETRY_NS;
	s->record->moved = true;
	s->record->stop_verified = false;
	s->should_run = true;
	s->odd_heartbeats = 0;
	s->deadman_expected = false;
	s->telemetry.running = true; /* until a reply says otherwise */
	journal_text(s, "command", "run");
	verb_begin(&s->verb);
	s->pen.driver->pen->run(s->pen.device, verb_done, &s->verb);
	session_go(s, STAGE_SPIN_UP, step_settle);
}

static void step_start(struct session *s, uint64_t now_ns)
{
	if (s->verb.pending || gone_wrong(s, "setting the depth"))
		return;
	start_pen(s, now_ns);
}

static void step_set_depth(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (s->verb.pending || gone_wrong(s, "setting the rate"))
		return;
	verb_begin(&s->verb);
	s->pen.driver->pen->set_depth(s->pen.device, planned(s)->depth_mm, verb_done, &s->verb);
	session_go(s, STAGE_SETTING, step_start);
}

static void step_tare(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	double tare_s = fmax(plan_step_of(s)->tare_s, POINT_TARE_MIN_S);
	if (gone_wrong(s, "tare") || !samples_since_phase(s, tare_s))
		return;
	journal_setpoint(s, planned(s)->depth_mm, planned(s)->rate_hz);
	verb_begin(&s->verb);
	s->pen.driver->pen->set_rate(s->pen.device, planned(s)->rate_hz, verb_done, &s->verb);
	session_go(s, STAGE_SETTING, step_set_depth);
}

/* Before a tare: fresh, alive, unsaturated, preload in its window, nothing moves. A bench that does not get there in
 * time makes the point, and so the run, inconclusive. */
static void step_interlock(struct session *s, uint64_t now_ns)
{
	enum watch_verdict verdict = safety_still(s, INTERLOCK_QUIET_S);
	if (verdict == WATCH_OK) {
		enter_phase(s, POINT_TARE, NAN);
		session_go(s, STAGE_TARE, step_tare);
		return;
	}
	if (now_ns - s->step_since_ns < INTERLOCK_TIMEOUT_NS)
		return;
	char text[120];
	snprintf(text, sizeof(text), "start interlock: %s", watch_verdict_text(verdict));
	measuring_fault(s, text);
	step_stop(s, text);
}

static void begin_point(struct session *s)
{
	struct record_point *point = record_add_point(s->record);
	if (!point) {
		session_end(s, RUN_INTERNAL_ERROR, "out of memory");
		return;
	}
	s->at.row = s->record->points - 1;
	s->at.open = true;
	s->at.fault[0] = '\0';
	s->at.sick_since_ns = 0;
	s->at.phase = POINT_PHASES;
	s->at.pen = (struct pen_sums){0};
	s->verb = (struct verb){0};
	point->plan = *planned(s);
	point->attempt = s->at.attempt;
	point->start_wall_ns = loop_wall_ns(s->loop);
	point->stop_latency_ms = NAN;
	if (s->runfile)
		runfile_point_begin(s->runfile, s->at.row, point);
	int status = open_estimators(s);
	if (status) {
		char text[120];
		snprintf(text, sizeof(text), "cannot measure this point: %s", strerror(-status));
		session_end(s, RUN_INTERNAL_ERROR, text);
		return;
	}
	session_go(s, STAGE_INTERLOCK, step_interlock);
}

/* ---- the end of a point ---------------------------------------------------------------------------------------- */

static void stopped(struct session *s, bool verified)
{
	if (!verified) {
		measuring_fault(s, "the stop could not be verified");
		finish_point(s);
		return;
	}
	if (s->at.phase == POINT_COAST) {
		enter_phase(s, POINT_REST, NAN);
		session_go(s, STAGE_STOPPING, step_rest);
		return;
	}
	finish_point(s);
}

static void step_stop(struct session *s, const char *why)
{
	uint64_t now_ns = loop_now_ns(s->loop);
	if (s->at.phase == POINT_SPIN_UP || s->at.phase == POINT_MEASURE)
		enter_phase(s, POINT_COAST, sample_clock_index_at(&s->clock, now_ns));
	safety_stop(s, why, stopped);
	row(s)->stop_latency_ms = (double)(loop_now_ns(s->loop) - s->watch.last_host_ns) * 1e-6;
}

static void step_rest(struct session *s, uint64_t now_ns)
{
	if (samples_since_phase(s, REST_S) || now_ns - s->step_since_ns > INTERLOCK_TIMEOUT_NS)
		finish_point(s);
}

static void why_inconclusive(struct record_point *point)
{
	for (unsigned i = 0; i < point->results && !point->reason[0]; i++) {
		const struct record_result *r = &point->result[i];
		if (r->has_limit && r->limit.required && r->judgement.outcome == OUTCOME_INCONCLUSIVE)
			snprintf(point->reason, sizeof(point->reason), "%s: %.150s", r->result.name,
				 r->judgement.reason);
	}
}

static void supersede_earlier_attempts(struct session *s)
{
	for (unsigned i = 0; i + 1 < s->record->points; i++)
		if (s->record->point[i].plan.number == planned(s)->number)
			s->record->point[i].counts = false;
}

/* Again after an inconclusive attempt, as often as the plan allows; a failed one is never tried away. */
static void after_point(struct session *s)
{
	const struct record_point *point = row(s);
	bool again = point->outcome == OUTCOME_INCONCLUSIVE && s->at.attempt < plan_step_of(s)->attempts;
	bool dead_end = !s->record->stop_verified && s->record->moved;
	bool interlock = !point->measured && point->phase_index[POINT_TARE] == UINT64_MAX;
	if (dead_end || (interlock && !again)) {
		session_end(s, RUN_COMPLETE, point->reason);
		return;
	}
	if (again) {
		s->at.attempt++;
		begin_point(s);
		return;
	}
	s->at.next++;
	measuring_next(s);
}

/* With the results of what was measured, or without any where `measured` is false. */
static void close_point(struct session *s, bool measured)
{
	struct record_point *point = row(s);
	point->end_index = s->watch.next_index;
	if (measured)
		results_collect(s, point);
	judge_results(s->plan, point->plan.step, point->result, point->results);
	point->outcome = judge_worst(s->plan, point->plan.step, point->result, point->results);
	point->measured = measured && !s->at.fault[0];
	if (s->at.fault[0])
		snprintf(point->reason, sizeof(point->reason), "%s", s->at.fault);
	if (!point->measured && point->outcome < OUTCOME_INCONCLUSIVE)
		point->outcome = OUTCOME_INCONCLUSIVE;
	if (point->outcome == OUTCOME_INCONCLUSIVE)
		why_inconclusive(point);
	supersede_earlier_attempts(s);
	point->counts = true;
	close_estimators(s);
	if (s->runfile)
		runfile_point_end(s->runfile, s->at.row, point);
	s->at.open = false;
	session_report(s, point);
}

static void finish_point(struct session *s)
{
	close_point(s, true);
	after_point(s);
}

void measuring_close(struct session *s, const char *reason, bool stop_verified)
{
	if (!s->at.open)
		return;
	bool measured = s->at.phase == POINT_COAST || s->at.phase == POINT_REST;
	if (!measured || !stop_verified)
		measuring_fault(s, reason);
	close_point(s, measured);
}

/* ---- the next point -------------------------------------------------------------------------------------------- */

static void step_prompt(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (!s->answered)
		return;
	journal_text(s, "operator", s->answer ? "phantom changed" : "gave up at the change of the phantom");
	if (s->answer)
		begin_point(s);
	else
		session_end(s, RUN_INTERRUPTED, "the operator gave up at the change of the phantom");
}

static void ask_for_phantom(struct session *s)
{
	const struct phantom *phantom = &s->bench->phantom[planned(s)->phantom];
	char text[240];
	snprintf(text, sizeof(text), "Put phantom %s (%.80s) under the pen, position %s.", phantom->serial,
		 phantom->material, phantom->position);
	journal_text(s, "prompt", "%s", text);
	s->answered = false;
	session_go(s, STAGE_PROMPT, step_prompt);
	s->config.observer.prompt(s->config.observer.ctx, text);
}

void measuring_next(struct session *s)
{
	if (s->at.next >= s->config.point_count) {
		session_end(s, RUN_COMPLETE, "");
		return;
	}
	s->at.attempt = 1;
	if (planned(s)->phantom_change)
		ask_for_phantom(s);
	else
		begin_point(s);
}

/* ---- what arrives meanwhile ------------------------------------------------------------------------------------ */

void measuring_block(struct session *s, const struct sample_block *block)
{
	if (s->at.open && s->at.point)
		point_feed(s->at.point, block);
}

void measuring_temperature(struct session *s, uint64_t now_ns)
{
	if (!s->at.open || now_ns < s->at.motor_start_ns ||
	    (s->at.phase != POINT_SPIN_UP && s->at.phase != POINT_MEASURE))
		return;
	double t_s = (double)(now_ns - s->at.motor_start_ns) * 1e-9;
	if (s->at.handle)
		thermal_feed(s->at.handle, t_s, s->handle_c, s->ambient_c);
	if (s->at.tip)
		thermal_feed(s->at.tip, t_s, s->tip_c, s->ambient_c);
}

void measuring_telemetry(struct session *s, const struct pen_telemetry *telemetry)
{
	if (!s->at.open || s->at.phase != POINT_MEASURE)
		return;
	struct pen_sums *sums = &s->at.pen;
	sums->n++;
	sums->rate_hz += telemetry->rate_hz;
	sums->motor_c += telemetry->motor_c;
	sums->handle_c += telemetry->handle_c;
	sums->battery_v += telemetry->battery_v;
}
