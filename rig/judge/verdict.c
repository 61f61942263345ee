/* The verdict on a run, and the exit code that follows from it and from what became of the run.
 * Leaves out which limit meets which result: that is decided before (judge.c), and stands in the results. */
#include "rig/judge/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rig/judge/judge.h"

/* The verdict under construction: the worst so far, and the one among equals that decides its reason. */
struct weighing {
	enum outcome outcome;
	double weight;   /* among equals the smallest decides */
	unsigned equals; /* others as bad */
	bool any;
	bool conditional_accepted;
	char reason[240];
	struct verdict_decided decided; /* finding NULL: it was no result */
};

/* True: this decides, as far as is known. */
__attribute__((format(printf, 4, 5))) static bool weigh(struct weighing *w, enum outcome outcome, double weight,
							const char *fmt, ...)
{
	bool worse = !w->any || outcome > w->outcome;
	if (!worse && outcome < w->outcome)
		return false;
	w->equals = worse ? 0 : w->equals + 1;
	if (!worse && !(weight < w->weight))
		return false;
	w->any = true;
	w->outcome = outcome;
	w->weight = weight;
	va_list args;
	va_start(args, fmt);
	vsnprintf(w->reason, sizeof(w->reason), fmt, args);
	va_end(args);
	w->decided = (struct verdict_decided){.finding = NULL};
	return true;
}

#define FIRST (-INFINITY) /* weight of what decides before any measured figure */

/* How near to its limit in terms of its uncertainty; an exact count that passes says nothing of nearness. */
static double margin_in_u(const struct finding *r)
{
	double margin = r->judgement.margin, u = r->result.expanded_u;
	if (isnan(margin))
		return FIRST;
	if (u > 0 && isfinite(u))
		return margin / u;
	return r->judgement.outcome == OUTCOME_PASS ? INFINITY : margin;
}

static void weigh_unmet(struct weighing *w, const char *measurand, const char *where)
{
	weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "%s is required %s and was not measured", measurand, where);
}

static void weigh_result(struct weighing *w, const struct finding *r, const struct record_point *point,
			 const char *where)
{
	if (!judge_counts(r))
		return;
	if (judge_is_unmet(r)) {
		weigh_unmet(w, r->result.name, where);
		return;
	}
	if (r->judgement.outcome == OUTCOME_CONDITIONAL_PASS && !r->limit.accept_conditional)
		w->conditional_accepted = false;
	char label[JUDGE_LABEL_MAX];
	judge_label(&r->result, label, sizeof(label));
	if (weigh(w, r->judgement.outcome, margin_in_u(r), "%s %s: %s", label, where, r->judgement.reason))
		w->decided = (struct verdict_decided){.finding = r, .point = point};
}

static void point_text(const struct record_point *point, char *ret, size_t size)
{
	snprintf(ret, size, "at point %u (%.4g mm, %.6g Hz)", point->plan.number + 1, point->plan.depth_mm,
		 point->plan.rate_hz);
}

/* What no single result says: it is the point as a whole that shows too little. */
static bool lacks_as_a_whole(const struct record_point *point)
{
	for (unsigned i = 0; i < point->results; i++)
		if (judge_counts(&point->result[i]) && point->result[i].judgement.outcome >= OUTCOME_INCONCLUSIVE)
			return false;
	return point->outcome == OUTCOME_INCONCLUSIVE && point->reason[0];
}

static void weigh_point(struct weighing *w, const struct record_point *point)
{
	char where[64];
	point_text(point, where, sizeof(where));
	if (!point->measured)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "nothing was measured %s: %s", where,
		      point->reason[0] ? point->reason : "it did not reach its end");
	else if (plan_point_is_free(&point->plan) && point->outcome != OUTCOME_PASS)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "the free run %s: %s", where, point->reason);
	else if (lacks_as_a_whole(point))
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "%s: %s", where, point->reason);
	for (unsigned i = 0; i < point->results; i++)
		weigh_result(w, &point->result[i], point, where);
}

/* What an attempt showed of the pen is not taken back by a later one that shows it better. */
static void weigh_superseded(struct weighing *w, const struct record_point *point)
{
	char where[64], why[240], label[JUDGE_LABEL_MAX];
	point_text(point, where, sizeof(where));
	for (unsigned i = 0; i < point->results; i++) {
		const struct finding *f = &point->result[i];
		enum outcome outcome = judge_what_stays(point, f, why);
		if (outcome == OUTCOME_PASS)
			continue;
		if (outcome == OUTCOME_CONDITIONAL_PASS && !f->limit.accept_conditional)
			w->conditional_accepted = false;
		judge_label(&f->result, label, sizeof(label));
		if (weigh(w, outcome, outcome == OUTCOME_INCONCLUSIVE ? FIRST : margin_in_u(f), "%s %s, attempt %u: %s",
			  label, where, point->attempt, why))
			w->decided = (struct verdict_decided){.finding = f, .point = point};
	}
}

static const struct record_sweep *sweep_of(const struct record *record, const struct plan_point *point)
{
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *sweep = &record->sweep[i];
		if (sweep->step == point->step && sweep->phantom == point->phantom && sweep->rate_hz == point->rate_hz)
			return sweep;
	}
	return NULL;
}

/* Every required limit that holds at a point must have met a result there or in the point's sweep, whoever judged them.
 * Returns how many there are. */
static unsigned weigh_required(struct weighing *w, const struct record *record, const struct plan *plan,
			       const struct record_point *point)
{
	const struct limit *limit[STEP_LIMITS_MAX];
	const struct record_sweep *sweep = sweep_of(record, &point->plan);
	unsigned required = 0, limits = plan_limits_at(plan, point->plan.step, limit);
	char where[64];

	point_text(point, where, sizeof(where));
	for (unsigned i = 0; i < limits; i++) {
		if (!limit[i]->required)
			continue;
		required++;
		bool met = !judge_is_of_sweep(limit[i]) ? judge_met(limit[i], point->result, point->results)
							: sweep && judge_met(limit[i], sweep->result, sweep->results);
		if (!met)
			weigh_unmet(w, limit[i]->measurand, where);
	}
	return required;
}

/* Attempts stand in the order of their points, so the first number without one that counts shows itself in one pass. */
static void weigh_missing_point(struct weighing *w, const struct record *record)
{
	unsigned next = 0;
	for (unsigned i = 0; i < record->points; i++) {
		if (record->point[i].counts && record->point[i].plan.number == next)
			next++;
	}
	if (next < record->points_planned)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "point %u of %u was not measured", next + 1,
		      record->points_planned);
}

static void weigh_points(struct weighing *w, const struct record *record, const struct plan *plan)
{
	unsigned required = 0;
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *point = &record->point[i];
		if (!point->counts) {
			weigh_superseded(w, point);
			continue;
		}
		weigh_point(w, point);
		if (plan && point->measured && !plan_point_is_free(&point->plan))
			required += weigh_required(w, record, plan, point);
	}
	weigh_missing_point(w, record);
	if (!plan)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "the run did not come to its verdict");
	else if (!required && record->run_status == RUN_COMPLETE)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST,
		      "no required limit met a measurement: nothing was shown of the pen");
}

static void weigh_sweeps(struct weighing *w, const struct record *record)
{
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *sweep = &record->sweep[i];
		char where[64];
		snprintf(where, sizeof(where), "in the sweep at %.6g Hz of step %u", sweep->rate_hz, sweep->step + 1);
		for (unsigned j = 0; j < sweep->results; j++)
			weigh_result(w, &sweep->result[j], NULL, where);
	}
}

static bool was_done(const struct record *record, unsigned session, const char *name)
{
	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		if (test->session == session && strcmp(test->name, name) == 0 && test->done)
			return true;
	}
	return false;
}

/* Of a session that was interrupted before it had measured anything no result rests on its tests. */
static bool needs_tests(const struct record *record, unsigned session)
{
	bool measured = !session;

	for (unsigned i = 0; i < record->points; i++)
		measured |= record->point[i].session == session && record->point[i].collected;
	return measured && (!session || record->session[session - 1].moved);
}

/* Each session that measured has its own: what the pen was tested for in one says nothing of the other. */
static void weigh_test_missing(struct weighing *w, const struct record *record, bool wanted, const char *name)
{
	for (unsigned session = 0; wanted && session <= record->sessions; session++) {
		if (was_done(record, session, name) || !needs_tests(record, session))
			continue;
		if (!session)
			weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "the %s test that the plan asks for was not done", name);
		else
			weigh(w, OUTCOME_INCONCLUSIVE, FIRST,
			      "the %s test that the plan asks for was not done in session %u", name, session);
	}
}

static void weigh_tests(struct weighing *w, const struct record *record, const struct plan *plan)
{
	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		if (test->done && test->outcome == OUTCOME_CONDITIONAL_PASS)
			w->conditional_accepted = false;
		if (test->done)
			weigh(w, test->outcome, test->outcome == OUTCOME_PASS ? INFINITY : FIRST, "%s test: %s",
			      test->name, test->text);
	}
	weigh_test_missing(w, record, plan && plan->test_deadman, "dead_man");
	weigh_test_missing(w, record, plan && plan->test_refusal, "refusal");
}

static void weigh_proof_of(struct weighing *w, const struct record *record, unsigned session,
			   const struct record_proof *proof)
{
	char where[40] = "";

	if (proof->run[0] || was_done(record, session, "dead_man"))
		return; /* what a test showed is weighed */
	if (session)
		snprintf(where, sizeof(where), " in session %u", session);
	weigh(w, OUTCOME_INCONCLUSIVE, FIRST,
	      "nothing shows that the timer of the pen's power supply stops it%s%s%.120s: let the plan say \"tests\": "
	      "{\"dead_man\": true}",
	      where, proof->why[0] ? ", as " : "", proof->why);
}

/* What would have stopped the pen, had this program not been there? A timer that nobody has seen to trip is none, and what
 * is shown of it today says nothing of the day on which an earlier session ran. */
static void weigh_proof(struct weighing *w, const struct record *record)
{
	if (!record->proof.wanted)
		return;
	for (unsigned i = 0; i < record->sessions; i++)
		if (record->session[i].moved)
			weigh_proof_of(w, record, i + 1, &record->session[i].proof);
	weigh_proof_of(w, record, 0, &record->proof);
}

static void weigh_conditions(struct weighing *w, const struct record *record)
{
	const uint32_t failing =
		PEN_OVER_TEMPERATURE | PEN_STALL | PEN_UNDERVOLTAGE | PEN_REBOOTED | PEN_DEADMAN_TRIPPED;
	for (unsigned i = 0; i < record->conditions; i++) {
		const struct record_condition *c = &record->condition[i];
		if (c->condition & (PEN_RAN_ON | PEN_RAN_ITSELF))
			weigh(w, OUTCOME_FAIL, FIRST, "%s", c->text);
		else if (c->condition & failing)
			weigh(w, OUTCOME_FAIL, FIRST, "the pen itself reported: %s", c->text);
		else if (c->condition & PEN_MAY_HAVE_RUN)
			weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "%s", c->text);
		else if (c->condition & PEN_CARTRIDGE_MISSING)
			weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "the pen itself reported: %s", c->text);
	}
}

/* Whose results are these? What was read from a pen that is not this one, NULL: nothing. A pen that was changed meanwhile
 * neither passes nor fails by them. */
static const char *another_pen(const struct record *record)
{
	const struct record_identity *said = &record->dut_said;
	for (unsigned i = 0; i < record->sessions; i++) {
		const struct record_identity *then = &record->session[i].dut_said;
		if (then->wanted && then->after[0] && strcmp(then->after, record->dut) != 0)
			return then->after;
	}
	return said->wanted && record->run_status == RUN_COMPLETE && !record->status_reason[0] &&
			       strcmp(said->after, record->dut) != 0
		       ? said->after
		       : NULL;
}

unsigned verdict_devices_lost(const struct record *record)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < record->sessions; i++)
		lost += record->session[i].moved && record->session[i].run_status == RUN_DEVICE_LOST;
	return lost;
}

/* Once is a cable that somebody caught. A pen whose supply breaks down under load takes its link down with it, and others on
 * the same bus: what went again may be its own failure, which no log of a cable can tell from that. */
static void weigh_losses(struct weighing *w, const struct record *record)
{
	unsigned lost = verdict_devices_lost(record);

	if (lost > 1)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST,
		      "a device was lost %u times after the pen had been started: it is not known that the pen did not "
		      "do that",
		      lost);
}

static void weigh_run(struct weighing *w, const struct record *record)
{
	if (record->run_status != RUN_COMPLETE)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "%s: %s", run_status_name(record->run_status),
		      record->status_reason);
	if (record->moved && !record->stop_verified)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "STOP UNVERIFIED: %s", record->stop_text);
	for (unsigned i = 0; i < record->sessions; i++) {
		const struct record_session *s = &record->session[i];
		if (s->moved && !s->stop_verified)
			weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "STOP UNVERIFIED at the end of session %u: %s", i + 1,
			      s->stop_text);
	}
	if (record->samples_lost)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "%llu samples did not reach the run file",
		      (unsigned long long)record->samples_lost);
}

/* All that was measured would pass; where something lies in a guard band, the plan accepts it. */
static bool would_pass(const struct weighing *w)
{
	return w->any &&
	       (w->outcome == OUTCOME_PASS || (w->outcome == OUTCOME_CONDITIONAL_PASS && w->conditional_accepted));
}

/* Nobody watched over the pen here, so nothing that a recording shows can make it pass; what it fails, it fails. A witness
 * may vouch for what was not seen, never for a check that was not made. */
static void weigh_origin(struct weighing *w, struct record *record)
{
	const struct record_origin *o = &record->origin;
	const char *within = w->outcome <= OUTCOME_CONDITIONAL_PASS && w->any
				     ? "every required figure within its limits"
				     : "not a supervised run";
	if (!o->path[0] || (o->witness[0] && w->any && w->outcome >= OUTCOME_INCONCLUSIVE))
		return; /* with a witness, what is wrong says more than who watched */
	if (o->witness[0] && w->any && !would_pass(w)) {
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST,
		      "imported recording, inside a guard band, which the plan does not accept: no statement makes "
		      "that a "
		      "pass");
		return;
	}
	record->on_statement = o->witness[0] && !o->unchecked[0] && would_pass(w);
	if (record->on_statement)
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST,
		      "imported recording, %s; on the statement of %.60s, who vouches for pen, setpoint, bench and "
		      "stop",
		      within, o->witness);
	else if (o->witness[0] && o->unchecked[0])
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST, "imported recording, %s: no statement stands for a check: %s",
		      within, o->unchecked);
	else
		weigh(w, OUTCOME_INCONCLUSIVE, FIRST,
		      "imported recording, %s: what was in the clamp and at which setpoint is the importer's word",
		      within);
}

unsigned verdict_measured_again(const struct record *record)
{
	unsigned count = 0;

	for (unsigned i = 0; i < record->points; i++)
		count += record->point[i].counts && record->point[i].attempt > 1;
	return count;
}

/* An attempt before the one that counts was lost to the rig. */
static const char *rig_cause_before(const struct record *record, const struct record_point *counting)
{
	for (const struct record_point *p = record->point; p < counting; p++)
		if (p->plan.number == counting->plan.number && p->rig_cause[0])
			return p->rig_cause;
	return NULL;
}

unsigned verdict_retried(const struct record *record, char ret_causes[VERDICT_CAUSES_MAX])
{
	unsigned count = 0;
	size_t len = 0;

	ret_causes[0] = '\0';
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];
		const char *cause = p->counts && p->attempt > 1 ? rig_cause_before(record, p) : NULL;
		if (!cause)
			continue;
		count++;
		if (!strstr(ret_causes, cause) && len + strlen(cause) + 3 < VERDICT_CAUSES_MAX)
			len += (size_t)snprintf(ret_causes + len, VERDICT_CAUSES_MAX - len, "%s%s", len ? ", " : "",
						cause);
	}
	return count;
}

static void write_reason(struct record *record, const struct weighing *w)
{
	const char *nearest = w->outcome == OUTCOME_PASS ? "nearest to its limit: " : "";
	char more[48] = "";
	if (w->equals && w->outcome != OUTCOME_PASS)
		snprintf(more, sizeof(more), " (and %u more)", w->equals);
	snprintf(record->verdict_reason, sizeof(record->verdict_reason), "%s%.*s%s", nearest,
		 (int)(sizeof(record->verdict_reason) - strlen(nearest) - strlen(more) - 1), w->reason, more);
}

static void weigh_all(struct weighing *w, const struct record *record, const struct plan *plan)
{
	weigh_run(w, record);
	weigh_losses(w, record);
	weigh_conditions(w, record);
	weigh_tests(w, record, plan);
	weigh_proof(w, record);
	weigh_points(w, record, plan);
	weigh_sweeps(w, record);
}

bool verdict_decided(const struct record *record, const struct plan *plan, struct verdict_decided *ret)
{
	struct weighing w = {.conditional_accepted = true};

	if (!record->has_verdict || record->origin.path[0])
		return false;
	weigh_all(&w, record, plan);
	if (w.decided.finding)
		*ret = w.decided;
	return w.decided.finding != NULL;
}

void verdict_form(struct record *record, const struct plan *plan)
{
	struct weighing w = {.conditional_accepted = true};

	record->has_verdict = record->run_status != RUN_REFUSED;
	record->dut_verdict = OUTCOME_INCONCLUSIVE;
	record->accept_conditional = record->on_statement = record->accept_statement = false;
	record->verdict_reason[0] = '\0';
	if (!record->has_verdict)
		return;
	weigh_all(&w, record, plan);
	weigh_origin(&w, record);
	const char *another = another_pen(record);
	if (another) {
		record->on_statement = false; /* no more than any other figure */
		w = (struct weighing){.conditional_accepted = true};
		weigh(&w, OUTCOME_INCONCLUSIVE, FIRST,
		      "the operator read \"%.60s\" from the pen after the run, which is for \"%.60s\": it is not known "
		      "whose "
		      "results these are",
		      another, record->dut);
	}
	record->dut_verdict = w.any ? w.outcome : OUTCOME_INCONCLUSIVE;
	record->accept_conditional = record->dut_verdict == OUTCOME_CONDITIONAL_PASS && w.conditional_accepted;
	record->accept_statement = record->on_statement && plan && plan->accept_statement;
	write_reason(record, &w);
}

/* docs/exit-codes.md; a signal's code is 128 + its number. */
enum {
	CODE_PASS = 0,
	CODE_FAIL = 1,
	CODE_USAGE = 2,
	CODE_INCONCLUSIVE = 3,
	CODE_DEVICE_LOST = 4,
	CODE_BUSY = 5,
	CODE_STORAGE = 6,
	CODE_INTERNAL = 7,
	CODE_REFUSED = 8,
	CODE_SIGNAL = 128,
	CODE_INTERRUPT = 2
};

static int refused_code(enum refusal refusal)
{
	switch (refusal) {
	case REFUSED_PLAN: return CODE_USAGE;
	case REFUSED_BUSY: return CODE_BUSY;
	case REFUSED_BENCH:
	case REFUSED_DEVICE:
	case REFUSED_DUT:
	case REFUSED_NOT: break;
	}
	return CODE_REFUSED;
}

static const struct verdict_row rows[] = {
	[OUTCOME_PASS] =
		{.name = "pass", .banner = "PASS", .passes = true, .code = CODE_PASS, .accepted_code = CODE_PASS},
	[OUTCOME_CONDITIONAL_PASS] = {.name = "conditional_pass",
				      .banner = "CONDITIONAL PASS",
				      .passes = true,
				      .code = CODE_INCONCLUSIVE,
				      .accepted_code = CODE_PASS},
	[OUTCOME_INCONCLUSIVE] = {.name = "inconclusive",
				  .banner = "INCONCLUSIVE",
				  .code = CODE_INCONCLUSIVE,
				  .accepted_code = CODE_INCONCLUSIVE},
	[OUTCOME_CONDITIONAL_FAIL] = {.name = "conditional_fail",
				      .banner = "CONDITIONAL FAIL",
				      .code = CODE_FAIL,
				      .accepted_code = CODE_FAIL},
	[OUTCOME_FAIL] = {.name = "fail", .banner = "FAIL", .code = CODE_FAIL, .accepted_code = CODE_FAIL},
};

static const struct verdict_row on_statement = {.name = "pass_on_statement",
						.banner = "STATEMENT PASS",
						.passes = true,
						.code = CODE_INCONCLUSIVE,
						.accepted_code = CODE_PASS};

const struct verdict_row *verdict_row(enum outcome outcome, bool stated)
{
	return outcome == OUTCOME_INCONCLUSIVE && stated ? &on_statement : &rows[outcome];
}

const char *verdict_name(const struct record *record)
{
	return record->has_verdict ? verdict_row(record->dut_verdict, record->on_statement)->name : "none";
}

static int verdict_code(const struct record *record)
{
	if (!record->has_verdict)
		return CODE_INCONCLUSIVE;
	const struct verdict_row *row = verdict_row(record->dut_verdict, record->on_statement);
	bool accepted = record->on_statement ? record->accept_statement : record->accept_conditional;
	return accepted ? row->accepted_code : row->code;
}

bool verdict_accepted(const struct record *record)
{
	return record->has_verdict && verdict_code(record) == CODE_PASS;
}

static bool add_risks(struct joint_risk *joint, const struct finding *findings, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!judge_counts(&findings[i]))
			continue;
		if (!isfinite(findings[i].judgement.false_accept_risk))
			return false;
		joint_risk_add(joint, findings[i].judgement.false_accept_risk);
	}
	return true;
}

bool verdict_risk(const struct record *record, struct joint_risk *ret)
{
	struct joint_risk joint = {.limits = 0};

	if (!record->has_verdict || record->dut_verdict > OUTCOME_CONDITIONAL_PASS)
		return false;
	for (unsigned i = 0; i < record->points; i++)
		if (record->point[i].counts && !add_risks(&joint, record->point[i].result, record->point[i].results))
			return false;
	for (unsigned i = 0; i < record->sweeps; i++)
		if (!add_risks(&joint, record->sweep[i].result, record->sweep[i].results))
			return false;
	*ret = joint;
	return joint.limits > 0;
}

int verdict_exit_code(const struct record *record)
{
	bool failed = verdict_code(record) == CODE_FAIL;

	switch (record->run_status) {
	case RUN_COMPLETE: return verdict_code(record);
	case RUN_INTERRUPTED: return CODE_SIGNAL + (record->signal_number ? record->signal_number : CODE_INTERRUPT);
	case RUN_DEVICE_LOST: return failed ? CODE_FAIL : CODE_DEVICE_LOST;
	case RUN_STORAGE_FAILED: return CODE_STORAGE;
	case RUN_REFUSED: return refused_code(record->refusal);
	case RUN_INTERNAL_ERROR: break;
	}
	return CODE_INTERNAL;
}
