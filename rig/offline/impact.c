/* A run by a corrected calibration. */
#include "rig/offline/impact.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/config/limit.h"
#include "rig/judge/verdict.h"
#include "rig/measure/method.h"
#include "rig/offline/reopen.h"
#include "rig/offline/replay.h"
#include "rig/offline/replay_compare.h"

/* ---- the correction ------------------------------------------------------------------------------------------------ */

/* A budget grows with the time since the calibration. One that was made after the run is as far from it, on the other side. */
static void date_as_far(const struct calibration *calibration, const struct record *record, char ret[11])
{
	struct tm made = {.tm_mday = 1}, run = {.tm_mday = 1};

	memcpy(ret, calibration->date, 11);
	if (!strptime(calibration->date, "%Y-%m-%d", &made) || !strptime(record->started_utc, "%Y-%m-%d", &run))
		return;
	time_t at = timegm(&made), then = timegm(&run);
	if (at <= then)
		return;
	at = 2 * then - at;
	gmtime_r(&at, &made);
	strftime(ret, 11, "%Y-%m-%d", &made);
}

static struct bench_device *entry_of(struct bench *bench, const struct record_device *device)
{
	const struct bench_device *entry = record_bench_device(device, bench);

	return entry ? &bench->device[entry - bench->device] : NULL;
}

static void scale_channel(struct channel *channel, double gain)
{
	channel->scale *= gain;
	channel->offset *= gain;
	channel->range_lo *= gain;
	channel->range_hi *= gain;
	channel->noise_rms *= gain;
}

static void correct_channels(const struct correction *c, struct record_device *device)
{
	for (unsigned i = 0; i < device->channels; i++) {
		struct channel *channel = &device->channel[i];
		if (channel->quantity == QUANTITY_FORCE && c->force.there)
			scale_channel(channel, c->force.gain);
		else if (channel->quantity == QUANTITY_DISPLACEMENT && c->displacement.there)
			scale_channel(channel, c->displacement.gain);
		else if (channel->quantity == QUANTITY_TEMPERATURE && c->temperature.there)
			channel->offset += c->temperature.offset_k;
	}
}

/* Of phantoms whose forces this sensor measured while it was wrong. */
static void correct_curves(double gain, const char *certificate, struct bench *bench)
{
	for (unsigned i = 0; i < bench->phantoms; i++) {
		struct phantom *phantom = &bench->phantom[i];
		if (!*certificate || strcmp(phantom->conditions.sensor_certificate, certificate) != 0)
			continue;
		for (unsigned r = 0; r < phantom->curves.rates; r++)
			for (unsigned p = 0; p < phantom->curves.at[r].points; p++)
				phantom->curves.at[r].force_n[p] *= gain;
	}
}

static void correct_device(const struct correction *c, struct record *record, struct record_device *device,
			   struct bench_device *entry, struct bench *bench)
{
	correct_channels(c, device);
	if (c->force.there && strcmp(device->role, role_row(ROLE_LOAD_SENSOR)->name) == 0) {
		bench->sensor.force_u_rel = c->force.u;
		correct_curves(c->force.gain, device->calibration.certificate, bench);
	}
	if (!entry)
		return;
	if (c->displacement.there && entry->displacement_u_mm > 0.0)
		entry->displacement_u_mm = c->displacement.u;
	if (c->temperature.there && entry->temperature_u_k > 0.0)
		entry->temperature_u_k = c->temperature.u_k;
	entry->calibration = c->calibration;
	date_as_far(&c->calibration, record, entry->calibration.date);
}

static bool is_meant(const struct correction *c, const struct bench *bench, const struct record_device *device)
{
	const struct bench_device *entry = record_bench_device(device, bench);
	const char *own = device->identity.serial; /* the sensor of a recording says none */

	return strcmp(*own || !entry ? own : entry->serial, c->serial) == 0 &&
	       (!*c->replaces || strcmp(device->calibration.certificate, c->replaces) == 0);
}

static bool correct_devices(const struct correction *c, struct record *record, struct bench *bench)
{
	bool concerned = false;

	for (unsigned i = 0; i < record->devices; i++) {
		struct record_device *device = &record->device[i];
		struct bench_device *entry = entry_of(bench, device);
		if (!is_meant(c, bench, device))
			continue;
		correct_device(c, record, device, entry, bench);
		concerned = true;
	}
	return concerned;
}

static bool struck(const struct record *record, unsigned phantom)
{
	for (unsigned i = 0; i < record->points; i++)
		if (record->point[i].plan.phantom == (int)phantom)
			return true;
	return false;
}

/* Its load sensor is the corrected one, and has this certificate: see correct_curves(). */
static bool measured_with(const struct correction *c, const struct record *record, const struct bench *bench,
			  const char *certificate)
{
	for (unsigned i = 0; i < record->devices; i++)
		if (is_meant(c, bench, &record->device[i]) &&
		    strcmp(record->device[i].role, role_row(ROLE_LOAD_SENSOR)->name) == 0 &&
		    strcmp(record->device[i].calibration.certificate, certificate) == 0)
			return true;
	return false;
}

/* A phantom that the sensor calibrated while it was wrong, struck where another one measures, or the same with another certificate.
 * By how much its curves are off, and how well they are known then, its calibration anew says, and nothing here. */
static int check_phantoms(const struct correction *c, const struct record *record, const struct bench *bench,
			  struct err *err)
{
	for (unsigned i = 0; i < bench->phantoms && c->force.there; i++) {
		const char *certificate = bench->phantom[i].conditions.sensor_certificate;
		if (struck(record, i) && correction_is_of(c, certificate) &&
		    !measured_with(c, record, bench, certificate))
			return err_set(
				err, -EINVAL,
				"its phantom %s was calibrated with %s by certificate %s: calibrate it again, and "
				"give its new file to --impact",
				bench->phantom[i].serial, c->serial, certificate);
	}
	return 0;
}

static bool correct_phantom(const struct correction *c, const struct record *record, struct bench *bench)
{
	int at = bench_phantom(bench, c->serial);

	if (at < 0 || !struck(record, (unsigned)at))
		return false;
	struct phantom *phantom = &bench->phantom[at];
	const struct phantom *made = &c->phantom;
	phantom->curves = made->curves;
	phantom->temperature_c = made->temperature_c;
	memcpy(phantom->temperature_range_c, made->temperature_range_c, sizeof(phantom->temperature_range_c));
	phantom->force_rel_per_k = made->force_rel_per_k;
	phantom->u_force_rel_per_k = made->u_force_rel_per_k;
	phantom->conditions = made->conditions;
	phantom->uncertainty = made->uncertainty;
	phantom->calibration = made->calibration;
	date_as_far(&made->calibration, record, phantom->calibration.date);
	return true;
}

int impact_correct(const struct correction *c, struct record *record, struct replay_inputs *inputs, bool *ret_concerned,
		   struct err *err)
{
	*ret_concerned =
		c->of_phantom ? correct_phantom(c, record, inputs->bench) : correct_devices(c, record, inputs->bench);
	int rc = c->of_phantom ? 0 : check_phantoms(c, record, inputs->bench, err);
	if (rc || !*ret_concerned)
		return rc;
	free(inputs->points);
	inputs->points = NULL;
	return plan_expand(inputs->plan, inputs->bench, &inputs->points, &inputs->point_count, err);
}

/* ---- the run, twice ------------------------------------------------------------------------------------------------ */

struct side {
	struct runfile_reader *reader;
	struct record *record;
	struct replay_inputs inputs;
	bool concerned; /* it, or a run that it went on with */
};

struct weighing {
	const struct correction *correction;
	const struct impact_listener *listener;
	struct side was, now;
	struct impact *impact;
	struct err *err;
};

static void release(struct side *side)
{
	replay_inputs_free(&side->inputs);
	runfile_reader_free(side->reader);
	record_free(side->record);
}

static int open_side(const char *path, struct side *side, struct err *err)
{
	int rc = reopen_sound(path, &side->reader, &side->record, err);

	return rc ? rc : replay_inputs_read(side->record, &side->inputs, err);
}

static int on_earlier(void *ctx, struct record *record, struct replay_inputs *inputs, struct err *err)
{
	struct weighing *w = ctx;
	bool concerned;
	int rc = impact_correct(w->correction, record, inputs, &concerned, err);

	w->now.concerned |= concerned;
	return rc;
}

static int derive(struct side *side, const struct replay_listener *listener, struct err *err)
{
	struct replay_summary summary;
	int rc = runfile_verify_begin(side->reader, err);

	if (!rc)
		rc = replay_run(side->reader, side->record, &side->inputs, listener, &summary, err);
	return rc ? rc : runfile_verify_end(side->reader, err);
}

/* Judged by another method, what it says differs for two reasons: the method's share is taken out of both. */
static int derive_both(struct weighing *w)
{
	const struct replay_listener plain = {.ctx = NULL}, correcting = {.ctx = w, .inputs = on_earlier};
	int rc = on_earlier(w, w->now.record, &w->now.inputs, w->err);

	if (rc || (!w->now.concerned && !w->now.record->sessions))
		return rc;
	if (w->was.record->method != METHOD_VERSION)
		rc = derive(&w->was, &plain, w->err);
	return rc ? rc : derive(&w->now, &correcting, w->err);
}

/* ---- what differs -------------------------------------------------------------------------------------------------- */

static const struct finding *find(const struct finding *list, unsigned count, const struct finding *like)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i].result.id == like->result.id && strcmp(list[i].result.method, like->result.method) == 0)
			return &list[i];
	return NULL;
}

static bool judged_as(const struct finding *finding, enum outcome *ret)
{
	if (finding && finding->has_limit)
		*ret = finding->judgement.outcome;
	return finding && finding->has_limit;
}

static int weigh(struct weighing *w, const char *where, const struct finding *was, const struct finding *now)
{
	enum outcome before = OUTCOME_PASS, after = OUTCOME_PASS;
	bool judged_before = judged_as(was, &before), judged_after = judged_as(now, &after);

	w->impact->results++;
	if (was && now && was->result.valid && now->result.valid && was->result.expanded_u > 0.0)
		w->impact->largest =
			fmax(w->impact->largest, fabs(now->result.value - was->result.value) / was->result.expanded_u);
	if (judged_before == judged_after && before == after)
		return 0;
	w->impact->turned++;
	return w->listener->turned(w->listener->ctx, where, was, now);
}

static int weigh_all(struct weighing *w, const char *where, const struct finding *was, unsigned was_count,
		     const struct finding *now, unsigned now_count)
{
	int rc = 0;

	for (unsigned i = 0; i < was_count && !rc; i++)
		rc = weigh(w, where, &was[i], find(now, now_count, &was[i]));
	for (unsigned i = 0; i < now_count && !rc; i++)
		if (!find(was, was_count, &now[i]))
			rc = weigh(w, where, NULL, &now[i]);
	return rc;
}

/* Attempts that another one took the place of are no part of the verdict, then or now. */
static int weigh_results(struct weighing *w)
{
	const struct record *was = w->was.record, *now = w->now.record;
	char where[96];
	int rc = 0;

	for (unsigned i = 0; i < was->points && i < now->points && !rc; i++) {
		const struct record_point *a = &was->point[i], *b = &now->point[i];
		if (!a->counts && !b->counts)
			continue;
		point_name(a, where, sizeof(where));
		rc = weigh_all(w, where, a->result, a->results, b->result, b->results);
	}
	for (unsigned i = 0; i < was->sweeps && i < now->sweeps && !rc; i++) {
		snprintf(where, sizeof(where), "sweep %u", i + 1);
		rc = weigh_all(w, where, was->sweep[i].result, was->sweep[i].results, now->sweep[i].result,
			       now->sweep[i].results);
	}
	return rc;
}

static const char *said(const struct record *record)
{
	return record->has_verdict ? verdict_name(record) : "none";
}

static int tell_verdict(struct weighing *w, unsigned number, const char *limits, const char *was,
			const char *was_reason)
{
	const struct record *now = w->now.record;
	const struct impact_verdict verdict = {.number = number,
					       .limits = limits,
					       .was = was,
					       .now = said(now),
					       .was_reason = was_reason,
					       .now_reason = now->verdict_reason,
					       .changes = strcmp(was, said(now)) != 0};

	return w->listener->verdict(w->listener->ctx, &verdict);
}

/* The limits of each replace those of the one before. */
static int on_later(void *ctx, const struct record_judged *judged)
{
	struct weighing *w = ctx;
	struct limits_file *file = NULL;
	char *text = NULL;
	int rc = runfile_judged_limits(w->was.reader, judged->number, &text, w->err);

	if (!rc)
		rc = limits_file_parse(judged->limits_path, text, strlen(text), &file, w->err);
	if (!rc)
		rc = limits_apply(file, w->now.inputs.plan, w->err);
	if (!rc) {
		replay_judge(w->now.record, w->now.inputs.plan);
		rc = tell_verdict(w, judged->number, judged->limits_name,
				  verdict_row(judged->dut_verdict, judged->on_statement)->name, judged->verdict_reason);
	}
	limits_file_free(file);
	free(text);
	return rc;
}

static int compare(struct weighing *w)
{
	int rc = weigh_results(w);

	if (!rc)
		rc = tell_verdict(w, 0, "", said(w->was.record), w->was.record->verdict_reason);
	return rc ? rc : runfile_each_judged(w->was.reader, on_later, w, w->err);
}

int impact_run(const char *path, const struct correction *correction, const struct impact_listener *listener,
	       struct impact *ret, struct err *err)
{
	struct impact impact = {.largest = NAN};
	struct weighing w = {.correction = correction, .listener = listener, .impact = &impact, .err = err};
	int rc = open_side(path, &w.was, err);

	if (!rc)
		rc = open_side(path, &w.now, err);
	if (!rc)
		rc = derive_both(&w);
	impact.concerned = w.now.concerned;
	if (!rc && impact.concerned)
		rc = compare(&w);
	release(&w.was);
	release(&w.now);
	if (!rc)
		*ret = impact;
	return rc;
}
