/* The list of what is not well. One walk for each outcome, so that the worst comes first without a copy. */
#include "reports/failures.h"

#include <stdio.h>
#include <stdlib.h>

struct walk {
	const struct record *record;
	enum outcome outcome; /* looked for */
	unsigned found, seen; /* seen: a bit for each outcome that anything has */
	void (*fn)(void *ctx, const struct failure *failure);
	void *ctx;
};

const char *failure_kind_name(enum failure_kind kind)
{
	static const char *const names[] = {
		[FAILURE_RESULT] = "result", [FAILURE_POINT] = "point",         [FAILURE_NOT_RUN] = "not_run",
		[FAILURE_TEST] = "test",     [FAILURE_CONDITION] = "condition", [FAILURE_STOP] = "stop",
		[FAILURE_RUN] = "run",
	};

	return names[kind];
}

static void tell(struct walk *w, const struct failure *failure)
{
	w->seen |= 1u << failure->outcome;
	if (failure->outcome != w->outcome)
		return;
	w->found++;
	if (w->fn)
		w->fn(w->ctx, failure);
}

static bool is_required(const struct finding *f)
{
	return f->has_limit && f->limit.required;
}

static void tell_results(struct walk *w, const struct finding *results, unsigned count, const struct failure *where)
{
	for (unsigned i = 0; i < count; i++) {
		const struct finding *f = &results[i];
		struct failure failure = *where;

		if (!is_required(f) || f->judgement.outcome == OUTCOME_PASS)
			continue;
		failure.kind = FAILURE_RESULT;
		failure.outcome = f->judgement.outcome;
		failure.finding = f;
		failure.name = f->result.name;
		failure.reason = f->judgement.reason[0] ? f->judgement.reason : f->result.reason;
		tell(w, &failure);
	}
}

/* Worse than all of its required results say. */
static bool is_unexplained(const struct record_point *p)
{
	enum outcome worst = OUTCOME_PASS;

	for (unsigned i = 0; i < p->results; i++)
		if (is_required(&p->result[i]) && p->result[i].judgement.outcome > worst)
			worst = p->result[i].judgement.outcome;
	return p->outcome > worst;
}

static void tell_point(struct walk *w, const struct record_point *p)
{
	struct failure failure = {.kind = FAILURE_POINT,
				  .outcome = p->measured ? p->outcome : OUTCOME_INCONCLUSIVE,
				  .point = p,
				  .name = "point",
				  .reason = p->reason[0]  ? p->reason
					    : p->measured ? "a required limit met no result"
							  : "it did not reach its end"};

	if (p->counts || w->outcome != OUTCOME_INCONCLUSIVE)
		tell_results(w, p->result, p->results, &failure);
	if (p->counts && (!p->measured || is_unexplained(p)))
		tell(w, &failure);
}

static void tell_not_run(struct walk *w)
{
	const struct record *record = w->record;
	bool *begun = calloc(record->points_planned + 1u, sizeof(*begun));

	for (unsigned i = 0; begun && i < record->points; i++)
		if (record->point[i].counts && record->point[i].plan.number < record->points_planned)
			begun[record->point[i].plan.number] = true;
	for (unsigned n = 0; n < record->points_planned; n++)
		if (!begun || !begun[n])
			tell(w, &(struct failure){.kind = FAILURE_NOT_RUN,
						  .outcome = OUTCOME_INCONCLUSIVE,
						  .number = n + 1,
						  .name = "point",
						  .reason = "it was not run"});
	free(begun);
}

static void tell_pen(struct walk *w)
{
	const struct record *record = w->record;

	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *t = &record->test[i];

		if (!t->done || t->outcome != OUTCOME_PASS)
			tell(w, &(struct failure){.kind = FAILURE_TEST,
						  .outcome = t->done ? t->outcome : OUTCOME_INCONCLUSIVE,
						  .test = t,
						  .name = t->name,
						  .reason = t->text});
	}
	for (unsigned i = 0; i < record->conditions; i++) {
		const struct record_condition *c = &record->condition[i];
		bool benchs = c->condition == PEN_CARTRIDGE_MISSING;

		tell(w, &(struct failure){.kind = FAILURE_CONDITION,
					  .outcome = benchs ? OUTCOME_INCONCLUSIVE : OUTCOME_FAIL,
					  .name = "condition",
					  .reason = c->text});
	}
}

static void tell_run(struct walk *w)
{
	const struct record *record = w->record;

	if (record->moved && !record->stop_verified)
		tell(w, &(struct failure){.kind = FAILURE_STOP,
					  .outcome = OUTCOME_INCONCLUSIVE,
					  .name = "stop",
					  .reason = record->stop_text});
	for (unsigned i = 0; i < record->sessions; i++)
		if (record->session[i].moved && !record->session[i].stop_verified)
			tell(w, &(struct failure){.kind = FAILURE_STOP,
						  .outcome = OUTCOME_INCONCLUSIVE,
						  .name = "stop of an earlier session",
						  .reason = record->session[i].stop_text});
	if (record->run_status != RUN_COMPLETE)
		tell(w, &(struct failure){.kind = FAILURE_RUN,
					  .outcome = OUTCOME_INCONCLUSIVE,
					  .name = run_status_name(record->run_status),
					  .reason = record->status_reason});
}

unsigned failures_each(const struct record *record, void (*fn)(void *ctx, const struct failure *failure), void *ctx)
{
	struct walk w = {.record = record, .fn = fn, .ctx = ctx};

	for (int outcome = OUTCOME_FAIL; outcome > OUTCOME_PASS; outcome--) {
		if (outcome < OUTCOME_FAIL && !(w.seen >> outcome & 1)) /* the first walk met all */
			continue;
		w.outcome = (enum outcome)outcome;
		tell_run(&w);
		tell_pen(&w);
		for (unsigned i = 0; i < record->points; i++)
			tell_point(&w, &record->point[i]);
		for (unsigned i = 0; i < record->sweeps; i++)
			tell_results(&w, record->sweep[i].result, record->sweep[i].results,
				     &(struct failure){.sweep = &record->sweep[i]});
		tell_not_run(&w);
	}
	return w.found;
}

void failure_place(const struct failure *f, char *ret, size_t size)
{
	ret[0] = '\0';
	if (f->point)
		snprintf(ret, size, "point %u (%.6g mm, %.6g Hz)%s", f->point->plan.number + 1, f->point->plan.depth_mm,
			 f->point->plan.rate_hz, f->point->counts ? "" : ", an attempt that was made again");
	else if (f->sweep)
		snprintf(ret, size, "step %u at %.6g Hz", f->sweep->step + 1, f->sweep->rate_hz);
	else if (f->kind == FAILURE_NOT_RUN)
		snprintf(ret, size, "point %u", f->number);
}
