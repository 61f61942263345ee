/* Run files into a course: which unit, how many strokes, what it measured. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/life.h"
#include "rig/offline/reopen.h"

#define SECOND_NS 1e9

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static int make_room(struct life_study *s, struct err *err)
{
	if (s->unit)
		return 0;
	s->unit = calloc(LIFE_UNITS, sizeof(*s->unit));
	return s->unit ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static struct life_session *add_session(struct life_study *s)
{
	if (s->sessions == s->session_room) {
		unsigned room = s->session_room ? 2 * s->session_room : 32;
		struct life_session *more = realloc(s->session, room * sizeof(*more));
		if (!more)
			return NULL;
		s->session = more;
		s->session_room = room;
	}
	struct life_session *session = &s->session[s->sessions++];
	*session = (struct life_session){.strokes = 0.0};
	return session;
}

/* ---- a session ----------------------------------------------------------------------------------------------------- */

/* From the command to run to the one to stop, at the rate that was seen, or where none was, the one that was set. NAN: it ran, and
 * nobody wrote down how long. */
static double strokes_of(const struct record_point *p)
{
	uint64_t from = p->mark[MARK_PHASE(POINT_SPIN_UP)].host_ns, until = p->mark[MARK_PHASE(POINT_COAST)].host_ns;
	double rate = p->plan.rate_hz;

	if (until == UINT64_MAX)
		until = p->mark[MARK_CLOSE].host_ns;
	if (from != UINT64_MAX && until == UINT64_MAX)
		return NAN;
	if (from == UINT64_MAX || until <= from)
		return 0.0;
	for (unsigned i = 0; i < p->results; i++)
		if (p->result[i].result.id == MEASURAND_STROKE_RATE && p->result[i].result.valid)
			rate = p->result[i].result.value;
	return rate * (double)(until - from) / SECOND_NS;
}

static const char *cartridge_of(const struct record *r)
{
	for (unsigned i = 0; i < r->devices && !*r->cartridge; i++)
		if (*r->device[i].identity.cartridge)
			return r->device[i].identity.cartridge;
	return r->cartridge;
}

/* The pen's own count of strokes on its cartridge, where it keeps one. */
static void take_counter(struct life_session *session, const struct record *r)
{
	for (unsigned i = 0; i < r->devices && !session->counter; i++) {
		session->counter = r->device[i].identity.cartridge_strokes;
		snprintf(session->counted, sizeof(session->counted), "%s", r->device[i].identity.cartridge);
	}
}

static void describe(struct life_session *session, const struct record *r)
{
	snprintf(session->name, sizeof(session->name), "%s", r->name);
	snprintf(session->started, sizeof(session->started), "%s", r->started_utc);
	snprintf(session->cartridge, sizeof(session->cartridge), "%s", cartridge_of(r));
	take_counter(session, r);
	for (unsigned i = 0; i < r->points; i++) {
		double strokes = r->point[i].session ? 0.0 : strokes_of(&r->point[i]);
		session->cut |= isnan(strokes);
		session->strokes += isnan(strokes) ? 0.0 : strokes;
	}
}

static bool is_known(const struct life_study *s, const char *name, const char *started)
{
	for (unsigned i = 0; i < s->sessions; i++)
		if (strcmp(s->session[i].name, name) == 0 && strcmp(s->session[i].started, started) == 0)
			return true;
	return false;
}

static struct life_unit *unit_of(struct life_study *s, const char *dut)
{
	for (unsigned i = 0; i < s->units; i++)
		if (strcmp(s->unit[i].dut, dut) == 0)
			return &s->unit[i];
	if (s->units == LIFE_UNITS)
		return NULL;
	struct life_unit *u = &s->unit[s->units++];
	snprintf(u->dut, sizeof(u->dut), "%s", dut);
	return u;
}

static int know_session(struct life_study *s, const char *path, const struct record *r, struct err *err)
{
	struct life_unit *unit = unit_of(s, r->dut);

	if (is_known(s, r->name, r->started_utc))
		return err_set(err, -EINVAL, "%.200s: this run was named before; each counts once", path);
	if (!unit)
		return err_set(err, -EINVAL, "more than %d pens in one course", LIFE_UNITS);
	if (s->sessions == OPERANDS_MAX)
		return err_set(err, -EINVAL, "more than %d runs in one course", OPERANDS_MAX);
	struct life_session *session = add_session(s);
	if (!session)
		return err_set(err, -ENOMEM, "out of memory");
	describe(session, r);
	session->unit = (unsigned)(unit - s->unit);
	session->judged = r->has_verdict;
	session->failed = r->has_verdict && r->dut_verdict >= OUTCOME_CONDITIONAL_FAIL;
	session->in_order = r->has_verdict && r->dut_verdict <= OUTCOME_CONDITIONAL_PASS;
	return 0;
}

/* ---- what it measured ---------------------------------------------------------------------------------------------- */

static struct life_row *row_for(struct life_study *s, unsigned unit, const struct result *result, bool sweep,
				const struct plan_point *at, const char *phantom)
{
	for (unsigned i = 0; i < s->rows; i++) {
		struct life_row *r = &s->row[i];
		if (r->unit == unit && r->id == result->id && strcmp(r->method, result->method) == 0 &&
		    r->sweep == sweep && same(r->depth_mm, at->depth_mm) && same(r->rate_hz, at->rate_hz) &&
		    strcmp(r->phantom, phantom) == 0)
			return r;
	}
	if (s->rows == s->row_room) {
		unsigned room = s->row_room ? 2 * s->row_room : 32;
		struct life_row *more = realloc(s->row, room * sizeof(*more));
		if (!more)
			return NULL;
		s->row = more;
		s->row_room = room;
	}
	struct life_row *r = &s->row[s->rows++];
	*r = (struct life_row){.unit = unit,
			       .id = result->id,
			       .sweep = sweep,
			       .depth_mm = at->depth_mm,
			       .rate_hz = at->rate_hz,
			       .lower = NAN,
			       .upper = NAN};
	memcpy(r->method, result->method, sizeof(r->method));
	snprintf(r->phantom, sizeof(r->phantom), "%s", phantom);
	return r;
}

/* Visits of one session are one value: it is the sessions that are apart. */
static int take_value(struct life_row *r, unsigned session, const struct result *result)
{
	struct life_row_value *last = r->n ? &r->value[r->n - 1] : NULL;

	r->expanded_u = fmax(r->expanded_u, isfinite(result->expanded_u) ? result->expanded_u : 0.0);
	if (last && last->session == session) {
		last->value += (result->value - last->value) / ++last->n;
		return 0;
	}
	if (r->n == r->room) {
		unsigned room = r->room ? 2 * r->room : 16;
		struct life_row_value *more = realloc(r->value, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		r->value = more;
		r->room = room;
	}
	r->value[r->n++] = (struct life_row_value){.session = session, .n = 1, .value = result->value};
	return 0;
}

static void take_limit(struct life_row *r, const struct limit *limit)
{
	double lower = limit->has_lower ? limit->lower : NAN, upper = limit->has_upper ? limit->upper : NAN;

	r->limits_differ |= r->limited && (!same(r->lower, lower) || !same(r->upper, upper));
	r->limited = true;
	r->lower = lower;
	r->upper = upper;
}

static bool is_wanted(const struct life_wanted *wanted, const struct finding *f)
{
	if (!measurand_is_judged(f->result.id))
		return false;
	for (unsigned i = 0; i < wanted->measurand->count; i++)
		if (strcmp(wanted->measurand->item[i], f->result.name) == 0)
			return true;
	return !wanted->measurand->count && f->has_limit;
}

struct taking {
	struct life_study *study;
	const struct life_wanted *wanted;
	const struct record *record;
	unsigned session;
};

static int take_finding(const struct taking *t, const struct finding *f, bool sweep, const struct plan_point *at)
{
	int phantom = at->phantom;

	if (!is_wanted(t->wanted, f) || !f->result.valid || !f->result.trusted || !isfinite(f->result.value))
		return 0;
	struct life_row *r =
		row_for(t->study, t->study->session[t->session].unit, &f->result, sweep, at,
			phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? t->record->phantom_serial[phantom] : "");
	if (!r)
		return -ENOMEM;
	if (f->has_limit)
		take_limit(r, &f->limit);
	return take_value(r, t->session, &f->result);
}

static int take_findings(const struct taking *t)
{
	const struct record *r = t->record;
	int rc = 0;

	for (unsigned i = 0; i < r->points && !rc; i++)
		for (unsigned k = 0; k < r->point[i].results && r->point[i].counts && r->point[i].collected &&
				     !r->point[i].session && !rc;
		     k++)
			rc = take_finding(t, &r->point[i].result[k], false, &r->point[i].plan);
	for (unsigned i = 0; i < r->sweeps && !rc; i++) {
		const struct plan_point at = {
			.depth_mm = NAN, .rate_hz = r->sweep[i].rate_hz, .phantom = r->sweep[i].phantom};
		for (unsigned k = 0; k < r->sweep[i].results && !rc; k++)
			rc = take_finding(t, &r->sweep[i].result[k], true, &at);
	}
	return rc;
}

static int take_record(struct life_study *s, const struct life_wanted *wanted, const char *path, const struct record *r,
		       struct err *err)
{
	struct taking t = {.study = s, .wanted = wanted, .record = r, .session = s->sessions};
	int rc;

	if (wanted->dut && strcmp(wanted->dut, r->dut) != 0)
		return 0;
	rc = know_session(s, path, r, err);
	if (rc)
		return rc;
	s->methods_differ |= s->sessions > 1 && s->method != r->method;
	s->method = r->method;
	return take_findings(&t) ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int life_take_file(struct life_study *study, const struct life_wanted *wanted, const char *path, struct err *err)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	int rc = make_room(study, err);

	if (!rc)
		rc = reopen_sound(path, &reader, &record, err);
	if (!rc)
		rc = take_record(study, wanted, path, record, err);
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

/* ---- what else the pens did ------------------------------------------------------------------------------------------ */

struct others {
	struct life_study *study;
	unsigned unit;
};

static int on_other(void *ctx, const struct history_run *run)
{
	const struct others *o = ctx;
	struct life_study *s = o->study;
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err why = {""};
	int rc = 0;

	if (strcmp(run->dut, s->unit[o->unit].dut) != 0 || run->again || strcmp(run->status, "refused") == 0 ||
	    is_known(s, run->name, run->started))
		return 0;
	if (reopen_sound(run->path, &reader, &record, &why) < 0) {
		s->unit[o->unit].unread++;
	} else if (!is_known(s, record->name, record->started_utc)) {
		struct life_session *session = add_session(s);
		rc = session ? 0 : -ENOMEM;
		if (session) {
			describe(session, record);
			session->unit = o->unit;
			session->other = true;
			s->unit[o->unit].others++;
		}
	}
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

int life_take_others(struct life_study *study, struct history *history, const char *until, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < study->units && !rc; i++) {
		struct others others = {study, i};
		const struct history_filter filter = {.count = until ? 2 : 1,
						      .item = {{BY_DUT, study->unit[i].dut}, {BY_UNTIL, until}}};
		rc = history_each_run(history, &filter, ORDER_TIME, on_other, &others, err);
	}
	return rc == -ENOMEM ? err_set(err, rc, "out of memory") : rc;
}

/* ---- evaluated ----------------------------------------------------------------------------------------------------- */

/* The sessions of each unit by time, and where they went: place[old number] is the new one. */
static void in_order(struct life_study *s, unsigned *place)
{
	for (unsigned i = 0; i < s->sessions; i++)
		place[i] = i;
	for (unsigned i = 1; i < s->sessions; i++)
		for (unsigned k = i;
		     k > 0 && strcmp(s->session[place[k - 1]].started, s->session[place[k]].started) > 0; k--) {
			unsigned other = place[k];
			place[k] = place[k - 1];
			place[k - 1] = other;
		}
}

/* What the pen's own counter has more than was seen of it, between the beginnings of two runs with one cartridge. */
static double unseen(const struct life_session *last, const struct life_session *next)
{
	if (!last || !last->counter || next->counter < last->counter || strcmp(last->counted, next->counted) != 0)
		return 0.0;
	return fmax(0.0, (double)(next->counter - last->counter) - last->strokes);
}

/* Behind the first failure nothing adds to a life. What was not judged may have been a failure as well. */
static void count_session(struct life_unit *u, const struct life_session *session)
{
	u->sessions++;
	if (u->failed || (!session->failed && !session->in_order)) {
		u->not_judged += !u->failed;
		return;
	}
	u->failed = session->failed;
	u->within = session->failed ? u->strokes - u->life : 0.0;
	u->life = u->strokes;
}

/* A cartridge that comes back is another one: what it bore in between nobody knows. */
static void count_unit(struct life_study *s, const unsigned *order, unsigned unit)
{
	struct life_unit *u = &s->unit[unit];
	const struct life_session *last = NULL;
	bool changed = true;

	for (unsigned i = 0; i < s->sessions; i++) {
		struct life_session *session = &s->session[order[i]];

		if (session->unit != unit)
			continue;
		double more = unseen(last, session);
		changed |= last && strcmp(last->cartridge, session->cartridge) != 0;
		u->cartridges += changed && !session->other;
		session->cartridge_number = u->cartridges ? u->cartridges - 1 : 0;
		session->before = u->strokes + more;
		u->by_counter += more;
		u->elsewhere += session->other ? session->strokes : 0.0;
		u->strokes = session->before + session->strokes;
		if (!session->other) {
			count_session(u, session);
			changed = false;
		}
		last = session;
	}
	u->cartridge_out = changed;
}

static int by_place(const void *a, const void *b)
{
	const struct life_value *p = a, *q = b;

	return (p->strokes > q->strokes) - (p->strokes < q->strokes);
}

/* Of a line through the values of a cartridge that is out nothing is left. */
static void tell_left(const struct life_unit *u, struct life_row *r, unsigned newest)
{
	r->left = (struct interval){NAN, NAN, NAN};
	if (!r->limited)
		snprintf(r->no_left, sizeof(r->no_left), "it has no limit");
	else if (r->limits_differ)
		snprintf(r->no_left, sizeof(r->no_left), "its limits were not the same in all sessions");
	else if (u->cartridge_out || newest + 1 != u->cartridges)
		snprintf(r->no_left, sizeof(r->no_left),
			 "behind its newest value another cartridge was put in, or a run does not say which "
			 "(--cartridge)");
	else
		r->left = life_left(&r->drift, r->lower, r->upper, u->strokes, r->expanded_u, LIFE_CONFIDENCE);
}

/* A value stands where half of its session's strokes are made. */
static void lay_line(const struct life_study *s, struct life_row *r, struct life_value *value)
{
	const struct life_unit *u = &s->unit[r->unit];

	for (unsigned i = 0; i < r->n; i++) {
		const struct life_session *session = &s->session[r->value[i].session];
		value[i] = (struct life_value){.strokes = session->before + 0.5 * session->strokes,
					       .value = r->value[i].value,
					       .cartridge = session->cartridge_number};
	}
	qsort(value, r->n, sizeof(*value), by_place);
	r->left = (struct interval){NAN, NAN, NAN};
	if (s->methods_differ)
		snprintf(r->why_not, sizeof(r->why_not),
			 "the runs were judged by different versions of the method: penrig requalify");
	else if (u->cartridges > LIFE_CARTRIDGES)
		snprintf(r->why_not, sizeof(r->why_not), "more than %d cartridges", LIFE_CARTRIDGES);
	else if (life_drift(value, r->n, LIFE_CONFIDENCE, &r->drift) < 0)
		snprintf(r->why_not, sizeof(r->why_not), "%u session%s with a value to be trusted; a line needs three",
			 r->n, r->n == 1 ? "" : "s");
	else
		tell_left(u, r, value[r->n - 1].cartridge);
}

static int fit_lives(struct life_study *s)
{
	struct weibull_life *life = calloc(s->units + 1, sizeof(*life));
	struct weibull_intervals intervals;
	int rc = life ? 0 : -ENOMEM;
	unsigned failed = 0, n = 0;

	for (unsigned i = 0; i < s->units && !rc; i++) {
		failed += s->unit[i].failed;
		if (s->unit[i].life > 0.0)
			life[n++] = (struct weibull_life){s->unit[i].life, s->unit[i].failed, s->unit[i].within};
	}
	if (!rc && weibull_fit(life, n, &s->weibull) < 0) {
		snprintf(s->no_weibull, sizeof(s->no_weibull),
			 "%u of %u pens failed: Weibull's distribution needs %d "
			 "failures, not all at one life and not all before the first pass",
			 failed, s->units, WEIBULL_FAILURES);
	} else if (!rc) {
		rc = weibull_intervals(life, n, &s->weibull, LIFE_PERCENT / 100.0, LIFE_CONFIDENCE, &intervals);
		s->has_weibull = !rc;
		s->shape = intervals.shape;
		s->scale = intervals.scale;
		s->tenth = intervals.life;
	}
	free(life);
	return rc;
}

int life_evaluate(struct life_study *s, struct err *err)
{
	unsigned *order = calloc(s->sessions + 1, sizeof(*order));
	struct life_value *value = calloc(s->sessions + 1, sizeof(*value));
	int rc = order && value ? 0 : -ENOMEM;

	if (!rc) {
		in_order(s, order);
		for (unsigned i = 0; i < s->units; i++)
			count_unit(s, order, i);
		for (unsigned i = 0; i < s->rows; i++)
			lay_line(s, &s->row[i], value);
		rc = fit_lives(s);
	}
	free(order);
	free(value);
	return rc ? err_set(err, rc, "out of memory") : 0;
}

void life_study_free(struct life_study *s)
{
	for (unsigned i = 0; i < s->rows; i++)
		free(s->row[i].value);
	free(s->row);
	free(s->unit);
	free(s->session);
	*s = (struct life_study){.rows = 0};
}
