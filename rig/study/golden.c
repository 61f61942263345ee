/* The reference pen's pass. */
#include "rig/study/golden.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/history/unit.h"
#include "rig/measure/distribution.h"

const char *const golden_state_name[GOLDEN_STATES] = {
	[GOLDEN_VALID] = "valid",
	[GOLDEN_NONE] = "none",
	[GOLDEN_NOT_INDEXED] = "not_indexed",
	[GOLDEN_NOT_PASSED] = "not_passed",
	[GOLDEN_OTHER_PLAN] = "other_plan",
	[GOLDEN_OTHER_SETUP] = "other_setup",
	[GOLDEN_OTHER_PROGRAM] = "other_program",
	[GOLDEN_OTHER_FIRMWARE] = "other_firmware",
	[GOLDEN_FUTURE] = "future",
	[GOLDEN_OVERDUE] = "overdue",
	[GOLDEN_USED_UP] = "used_up",
	[GOLDEN_DRIFTED] = "drifted",
};

static double seconds_of(const char *utc)
{
	struct tm tm = {.tm_year = 0};
	const char *rest = strptime(utc, "%Y-%m-%dT%H:%M:%S", &tm);

	return rest ? (double)timegm(&tm) + (*rest == '.' ? strtod(rest, NULL) : 0.0) : NAN;
}

/* ---- the rule ------------------------------------------------------------------------------------------------------ */

bool golden_ran(const struct history_run *run)
{
	return !*run->origin && unit_standing_of(run->verdict, run->later) != UNIT_UNKNOWN;
}

bool golden_passed(const struct history_run *run)
{
	return unit_standing_of(run->verdict, run->later) == UNIT_PASS && run->disposition == DISPOSITIONS &&
	       !*run->origin && !run->sessions && strcmp(run->status, "complete") == 0;
}

static enum golden_state state_of(const struct golden_rule *rule, const struct history_run *newest,
				  const struct golden_pass *pass)
{
	if (!newest)
		return GOLDEN_NONE;
	if (!golden_passed(newest))
		return GOLDEN_NOT_PASSED;
	if (strcmp(newest->plan_sha256, rule->plan_sha256) != 0)
		return GOLDEN_OTHER_PLAN;
	if (strcmp(newest->setup, rule->setup) != 0)
		return GOLDEN_OTHER_SETUP;
	if (strcmp(newest->software, rule->software) != 0 || newest->method_version != rule->method)
		return GOLDEN_OTHER_PROGRAM;
	if (!(pass->age_s >= 0.0)) /* nor where its start is no time */
		return GOLDEN_FUTURE;
	if (pass->age_s >= rule->valid_s)
		return GOLDEN_OVERDUE;
	return rule->valid_runs && pass->runs_since >= rule->valid_runs ? GOLDEN_USED_UP : GOLDEN_VALID;
}

static void say_until(const struct golden_rule *rule, const struct history_run *newest, struct golden_pass *ret)
{
	time_t until = (time_t)floor(rule->now_s - ret->age_s + rule->valid_s);
	char when[32];
	struct tm tm;
	int n;

	gmtime_r(&until, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	n = snprintf(ret->text, sizeof(ret->text), "%.120s at %.19s, good until %s", newest->name, newest->started,
		     when);
	if (rule->valid_runs && n > 0 && (size_t)n < sizeof(ret->text))
		snprintf(ret->text + n, sizeof(ret->text) - (size_t)n, " or for %lld more runs",
			 (long long)rule->valid_runs - ret->runs_since);
}

static void say_why_not(const struct golden_rule *rule, const struct history_run *newest, struct golden_pass *ret)
{
	char *text = ret->text;
	size_t size = sizeof(ret->text);
	const char *name = newest ? newest->name : "", *when = newest ? newest->started : "";
	bool later = newest && unit_standing_of("", newest->later) > unit_standing_of(newest->verdict, "");

	switch (ret->state) {
	case GOLDEN_NONE:
		snprintf(text, size, "the history has no run of %.60s by plan %.60s on bench %.60s", rule->pen,
			 rule->plan, rule->bench);
		break;
	case GOLDEN_NOT_PASSED:
		snprintf(text, size, "its newest run, %.100s at %.19s, is no pass: %.20s%s%.20s%s", name, when,
			 newest->verdict, later ? ", later " : "", later ? newest->later : "",
			 newest->disposition != DISPOSITIONS ? ", and somebody decided about it"
			 : *newest->origin                   ? ", and a recording"
			 : newest->sessions ? ", and resumed: a part of it was measured before its start"
					    : "");
		break;
	case GOLDEN_OTHER_PLAN:
		snprintf(text, size, "its newest run, %.100s at %.19s, was by the plan as it was before an edit", name,
			 when);
		break;
	case GOLDEN_OTHER_SETUP:
		snprintf(text, size,
			 "bench file, a phantom or a profile was changed since its newest run, %.100s at %.19s", name,
			 when);
		break;
	case GOLDEN_OTHER_PROGRAM:
		snprintf(text, size, "its newest run, %.100s at %.19s, was by another penrig, %.30s, method %u", name,
			 when, newest->software, newest->method_version);
		break;
	case GOLDEN_FUTURE:
		snprintf(text, size,
			 "its newest run, %.100s, is dated %.19s, after now: is this computer's clock right?", name,
			 when);
		break;
	case GOLDEN_OVERDUE:
		snprintf(text, size, "its newest run, %.100s at %.19s, is %.1f h old, and holds for %g h", name, when,
			 ret->age_s / 3600.0, rule->valid_s / 3600.0);
		break;
	case GOLDEN_USED_UP:
		snprintf(text, size, "its newest run, %.100s at %.19s, holds for %lld runs, and there were %u since",
			 name, when, (long long)rule->valid_runs, ret->runs_since);
		break;
	default: break;
	}
}

void golden_judge(const struct golden_rule *rule, const struct history_run *newest, unsigned runs_since,
		  struct golden_pass *ret)
{
	*ret = (struct golden_pass){.runs_since = runs_since, .age_s = NAN};
	if (newest) {
		ret->age_s = rule->now_s - seconds_of(newest->started);
		ret->run_id = newest->id;
		snprintf(ret->run, sizeof(ret->run), "%s", newest->name);
		snprintf(ret->started, sizeof(ret->started), "%s", newest->started);
		snprintf(ret->head, sizeof(ret->head), "%s", newest->head);
	}
	ret->state = state_of(rule, newest, ret);
	if (ret->state == GOLDEN_VALID)
		say_until(rule, newest, ret);
	else
		say_why_not(rule, newest, ret);
}

/* ---- its runs ------------------------------------------------------------------------------------------------------ */

struct looking {
	const struct golden_rule *rule;
	struct golden_pass *pass;
	unsigned runs_since, earlier, room;
	bool any;
	bool arrived;                /* the run that began last, or a newer one, is in the history */
	int64_t newest, *earlier_id; /* run ids, rising as they were found */
	struct err *err;
};

static bool is_of_pen(const struct golden_rule *rule, const struct history_run *run)
{
	return strcmp(run->dut, rule->pen) == 0 && strcmp(run->bench, rule->bench) == 0 &&
	       strcmp(run->plan, rule->plan) == 0 && !*run->origin;
}

/* The one before is an earlier pass now, if it was one. */
static int keep_earlier(struct looking *l, const struct history_run *run)
{
	if (l->earlier == l->room) {
		unsigned room = l->room ? 2 * l->room : 64;
		int64_t *more = realloc(l->earlier_id, room * sizeof(*more));

		if (!more)
			return err_set(l->err, -ENOMEM, "out of memory");
		l->earlier_id = more;
		l->room = room;
	}
	if (golden_passed(run) && strcmp(run->plan_sha256, l->rule->plan_sha256) == 0 &&
	    strcmp(run->started, l->rule->since) >= 0)
		l->earlier_id[l->earlier++] = run->id;
	return 0;
}

static int on_pen(void *ctx, const struct history_run *run)
{
	struct looking *l = ctx;

	if (!is_of_pen(l->rule, run))
		return 0;
	if (unit_standing_of(run->verdict, run->later) == UNIT_UNKNOWN)
		return 0;                                        /* it never began, and shows nothing of what did */
	l->arrived |= strcmp(run->started, l->rule->begun) >= 0; /* its record dates it after the state did */
	golden_judge(l->rule, run, 0, l->pass);
	l->any = true;
	l->newest = run->id;
	return keep_earlier(l, run);
}

static int on_newest(void *ctx, const struct history_run *run)
{
	struct looking *l = ctx;

	if (run->id == l->newest)
		golden_judge(l->rule, run, l->runs_since, l->pass);
	return 0;
}

static int on_bench(void *ctx, const struct history_run *run)
{
	struct looking *l = ctx;

	l->runs_since += strcmp(run->started, l->pass->started) > 0 && strcmp(run->dut, l->rule->pen) != 0 &&
			 !*run->origin && unit_standing_of(run->verdict, run->later) != UNIT_UNKNOWN;
	return 0;
}

/* ---- its devices --------------------------------------------------------------------------------------------------- */

static bool measures(const char *role)
{
	return strcmp(role, "pen") != 0 && strcmp(role, "phantom") != 0;
}

static int on_own_device(void *ctx, const struct history_device *device)
{
	struct golden_pass *pass = ctx;

	if (device->run_id == pass->run_id && measures(device->role) && pass->devices < RECORD_DEVICES_MAX) {
		struct golden_device *d = &pass->device[pass->devices++];
		snprintf(d->serial, sizeof(d->serial), "%s", device->serial);
		snprintf(d->firmware, sizeof(d->firmware), "%s", device->firmware);
	}
	return 0;
}

const char *golden_other_firmware(const struct golden_pass *pass, const char *serial, const char *firmware,
				  char ret[240])
{
	for (unsigned i = 0; i < pass->devices; i++) {
		const struct golden_device *d = &pass->device[i];
		if (strcmp(d->serial, serial) != 0 || strcmp(d->firmware, firmware) == 0)
			continue;
		snprintf(ret, 240, "%.47s has the firmware \"%.47s\", and had \"%.47s\"", serial, firmware,
			 d->firmware);
		return ret;
	}
	return NULL;
}

/* A run with another one since ends it, also where the old one is back: nobody knows what the other left behind. */
static int on_device_since(void *ctx, const struct history_device *device)
{
	struct golden_pass *pass = ctx;
	char why[240];

	if (pass->state != GOLDEN_VALID || !measures(device->role) ||
	    !golden_other_firmware(pass, device->serial, device->firmware, why))
		return 0;
	pass->state = GOLDEN_OTHER_FIRMWARE;
	snprintf(pass->text, sizeof(pass->text), "in run %.50s at %.19s %.150s in its newest run, %.50s", device->run,
		 device->started, why, pass->run);
	return 0;
}

static int look_at_devices(struct history *history, const struct golden_rule *rule, struct golden_pass *pass,
			   struct err *err)
{
	const struct history_filter own = {.count = 2, .item = {{BY_NAME, pass->run}, {BY_SINCE, pass->started}}};
	const struct history_filter since = {.count = 2, .item = {{BY_BENCH, rule->bench}, {BY_SINCE, pass->started}}};
	int rc = history_each_device(history, &own, on_own_device, pass, err);

	return rc ? rc : history_each_device(history, &since, on_device_since, pass, err);
}

/* ---- its values ---------------------------------------------------------------------------------------------------- */

struct compared_value {
	char measurand[32], method[32], unit[8], phantom[64];
	double depth_mm, rate_hz;
	bool sweep;
	unsigned n;           /* earlier runs */
	double mean, squares; /* of them [Welford] */
	double stated;        /* the greatest of their expanded uncertainties */
	unsigned in_run;      /* values of the run at hand, whose mean counts */
	double at_hand, at_hand_stated;
};

struct comparing {
	const struct looking *looking;
	int64_t run; /* at hand; -1: none */
	unsigned n, room;
	struct compared_value *item;
};

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static struct compared_value *quantity_for(struct comparing *c, const struct history_result *r)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct compared_value *q = &c->item[i];
		if (strcmp(q->measurand, r->measurand) == 0 && strcmp(q->method, r->method) == 0 &&
		    strcmp(q->phantom, r->phantom) == 0 && q->sweep == r->sweep && same(q->depth_mm, r->depth_mm) &&
		    same(q->rate_hz, r->rate_hz))
			return q;
	}
	if (c->n == c->room) {
		unsigned room = c->room ? 2 * c->room : 32;
		struct compared_value *more = realloc(c->item, room * sizeof(*more));

		if (!more)
			return NULL;
		c->item = more;
		c->room = room;
	}
	struct compared_value *q = &c->item[c->n++];
	*q = (struct compared_value){.depth_mm = r->depth_mm, .rate_hz = r->rate_hz, .sweep = r->sweep};
	snprintf(q->measurand, sizeof(q->measurand), "%s", r->measurand);
	snprintf(q->method, sizeof(q->method), "%s", r->method);
	snprintf(q->unit, sizeof(q->unit), "%s", r->unit);
	snprintf(q->phantom, sizeof(q->phantom), "%s", r->phantom);
	return q;
}

static bool is_known(const struct looking *l, int64_t run)
{
	bool known = run == l->newest;

	for (unsigned i = 0; i < l->earlier && !known; i++)
		known = l->earlier_id[i] == run;
	return known;
}

double golden_allowed(unsigned n, double sd, unsigned together)
{
	double tail = 0.5 * (1.0 - pow(1.0 - GOLDEN_FALSE_ALARM, 1.0 / together));

	return student_quantile(1.0 - tail, n - 1.0) * sd * sqrt(1.0 + 1.0 / n);
}

static bool can_compare(const struct compared_value *q)
{
	return q->in_run && q->n >= GOLDEN_EARLIER_MIN;
}

/* What never scattered may differ by what it was said to be uncertain by: a count by nothing. */
static double allowed_of(const struct compared_value *q, unsigned together)
{
	return q->squares > 0.0 ? golden_allowed(q->n, sqrt(q->squares / (q->n - 1.0)), together) : q->stated;
}

static double share_of(const struct compared_value *q, double allowed)
{
	double apart = fabs(q->at_hand - q->mean);

	return apart > 0.0 ? apart / allowed : 0.0; /* infinite where nothing is allowed */
}

/* Of the run at hand. */
static void find_worst(const struct comparing *c, unsigned together, struct golden_worst *ret)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct compared_value *q = &c->item[i];

		if (!can_compare(q))
			continue;
		double allowed = allowed_of(q, together), share = share_of(q, allowed);
		if (share <= ret->share)
			continue;
		*ret = (struct golden_worst){.value = q->at_hand, .mean = q->mean, .allowed = allowed, .share = share};
		memcpy(ret->measurand, q->measurand, sizeof(q->measurand));
		memcpy(ret->method, q->method, sizeof(q->method));
		memcpy(ret->unit, q->unit, sizeof(q->unit));
	}
}

static void fold(struct compared_value *q)
{
	double step = q->at_hand - q->mean;

	q->mean += step / ++q->n;
	q->squares += step * (q->at_hand - q->mean);
	q->stated = fmax(q->stated, q->at_hand_stated);
}

/* Each measurand once, for as long as there is room. */
static void name_other(struct golden_pass *pass, const char *measurand)
{
	size_t len = strlen(pass->others), more = strlen(measurand);
	const char *at = strstr(pass->others, measurand);

	while (at && ((at != pass->others && at[-1] != ' ') || (at[more] && at[more] != ',')))
		at = strstr(at + 1, measurand);
	if (!at && len + more + 3 <= sizeof(pass->others))
		snprintf(pass->others + len, sizeof(pass->others) - len, "%s%s", len ? ", " : "", measurand);
}

/* The run at hand is over. One that lay beside its history is none of it: to run the pen again and again makes no drift
 * good. */
static void end_run(struct comparing *c)
{
	struct golden_pass *pass = c->looking->pass;
	bool newest = c->run == c->looking->newest;
	unsigned compared = 0, others = 0;
	struct golden_worst worst = {.share = 0.0};

	if (c->run < 0)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		compared += can_compare(&c->item[i]);
		others += c->item[i].in_run && !can_compare(&c->item[i]);
		if (newest && c->item[i].in_run && !can_compare(&c->item[i]))
			name_other(pass, c->item[i].measurand);
	}
	find_worst(c, compared, &worst);
	if (newest) {
		pass->worst = worst;
		pass->compared = compared;
		pass->not_compared = others;
	}
	pass->earlier += !newest && worst.share <= 1.0;
	for (unsigned i = 0; i < c->n; i++) {
		if (!newest && c->item[i].in_run && worst.share <= 1.0)
			fold(&c->item[i]);
		c->item[i].in_run = 0;
	}
	c->run = -1;
}

static int on_value(void *ctx, const struct history_result *r)
{
	struct comparing *c = ctx;

	if (!*r->outcome || isnan(r->value) || !is_known(c->looking, r->run_id))
		return 0;
	if (c->run != r->run_id)
		end_run(c);
	c->run = r->run_id;
	struct compared_value *q = quantity_for(c, r);
	if (!q)
		return err_set(c->looking->err, -ENOMEM, "out of memory");
	if (!q->in_run)
		q->at_hand = q->at_hand_stated = 0.0;
	q->at_hand_stated = fmax(q->at_hand_stated, r->expanded_u); /* of a NaN the other */
	q->at_hand += (r->value - q->at_hand) / ++q->in_run;
	return 0;
}

/* What it showed is not known here, so nothing older stands. */
static void say_not_indexed(const struct golden_rule *rule, struct golden_pass *pass)
{
	pass->state = GOLDEN_NOT_INDEXED;
	snprintf(pass->text, sizeof(pass->text),
		 "its newest run, %.80s at %.19s, is not in the history, or not over: penrig history --rebuild %.120s "
		 "takes it in",
		 rule->begun_name, rule->begun, rule->begun_folder);
}

static void conclude(struct golden_pass *pass)
{
	const struct golden_worst *w = &pass->worst;
	size_t len = strlen(pass->text);

	if (pass->state != GOLDEN_VALID)
		return;
	if (w->share > 1.0) {
		pass->state = GOLDEN_DRIFTED;
		snprintf(pass->text, sizeof(pass->text),
			 "its newest run, %.100s at %.19s, passed, and %.31s is %.5g %.7s where %u earlier passes have "
			 "%.5g within %.2g",
			 pass->run, pass->started, w->measurand, w->value, w->unit, pass->earlier, w->mean, w->allowed);
		return;
	}
	if (pass->compared)
		snprintf(pass->text + len, sizeof(pass->text) - len, "; agrees with %u earlier passes", pass->earlier);
	else
		snprintf(pass->text + len, sizeof(pass->text) - len,
			 "; not compared with earlier ones (%u, %d are needed)", pass->earlier, GOLDEN_EARLIER_MIN);
}

static int hold_against_history(struct history *history, struct looking *l, struct err *err)
{
	const struct history_filter own = {.count = 2, .item = {{BY_DUT, l->rule->pen}, {BY_BENCH, l->rule->bench}}};
	struct comparing c = {.looking = l, .run = -1};
	int rc = history_each_result(history, &own, NULL, NULL, false, on_value, &c, err);

	if (!rc)
		end_run(&c);
	free(c.item);
	return rc;
}

int golden_look(struct history *history, const struct golden_rule *rule, struct golden_pass *ret, struct err *err)
{
	struct looking l = {.rule = rule, .pass = ret, .err = err};
	const struct history_filter own = {.count = 2, .item = {{BY_DUT, rule->pen}, {BY_BENCH, rule->bench}}};
	golden_judge(rule, NULL, 0, ret);
	int rc = history_each_run(history, &own, ORDER_TIME, on_pen, &l, err);

	if (!rc && l.any) {
		const struct history_filter since = {.count = 2,
						     .item = {{BY_BENCH, rule->bench}, {BY_SINCE, ret->started}}};
		rc = history_each_run(history, &since, ORDER_TIME, on_bench, &l, err);
	}
	if (!rc && l.any)
		rc = history_each_run(history, &own, ORDER_TIME, on_newest, &l, err);
	if (!rc && ret->state == GOLDEN_VALID)
		rc = look_at_devices(history, rule, ret, err);
	if (!rc && ret->state == GOLDEN_VALID)
		rc = hold_against_history(history, &l, err);
	free(l.earlier_id);
	if (!rc && *rule->begun && !l.arrived)
		say_not_indexed(rule, ret);
	else if (!rc)
		conclude(ret);
	return rc;
}
