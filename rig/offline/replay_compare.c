/* What a run stored against what was derived again. Leaves out what is compared when: replay.c. */
#include "rig/offline/replay_compare.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/record/record_json.h"

void differs(struct differences *d, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!d->summary->differences++)
		snprintf(d->summary->first, sizeof(d->summary->first), "%s", text);
	if (d->listener.difference)
		d->listener.difference(d->listener.ctx, text);
}

static bool rounded(double x, double y)
{
	return fabs(x - y) <= REPLAY_RELATIVE * fmax(fabs(x), fabs(y)) + REPLAY_ABSOLUTE;
}

void compare_real(struct differences *d, const char *where, const char *what, double stored, double again)
{
	if (memcmp(&stored, &again, sizeof(stored)) == 0 || (isnan(stored) && isnan(again)))
		return;
	d->summary->beyond += !rounded(stored, again);
	differs(d, "%s: %s is %.17g in the file and %.17g derived again", where, what, stored, again);
}

void compare_whole(struct differences *d, const char *where, const char *what, uint64_t stored, uint64_t again)
{
	if (stored == again)
		return;
	d->summary->beyond++;
	differs(d, "%s: %s is %" PRIu64 " in the file and %" PRIu64 " derived again", where, what, stored, again);
}

void compare_text(struct differences *d, const char *where, const char *what, const char *stored, const char *again)
{
	if (strcmp(stored, again) == 0)
		return;
	d->summary->beyond++;
	differs(d, "%s: %s is \"%.200s\" in the file and \"%.200s\" derived again", where, what, stored, again);
}

static void know(struct differences *d, const struct finding *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		d->known[results[i].result.id] = d->any_known = true;
}

void differences_know(struct differences *d, const struct record *stored)
{
	d->other_method = stored->method != METHOD_VERSION;
	for (unsigned i = 0; i < stored->points; i++)
		know(d, stored->point[i].result, stored->point[i].results);
	for (unsigned i = 0; i < stored->sweeps; i++)
		know(d, stored->sweep[i].result, stored->sweep[i].results);
}

/* Takes out of `results` what is new, and returns how many are left. */
static unsigned take_out_new(struct differences *d, struct finding *results, unsigned count)
{
	unsigned left = 0;
	for (unsigned i = 0; i < count; i++) {
		enum measurand id = results[i].result.id;
		if (d->any_known && !d->known[id])
			d->summary->added[id] = true;
		else
			results[left++] = results[i];
	}
	return left;
}

static void compare_result(struct differences *d, const char *where, const struct finding *stored,
			   const struct finding *again)
{
	const struct result *a = &stored->result, *b = &again->result;
	char at[200], line[48];
	snprintf(at, sizeof(at), "%.100s %s %s", where, a->name, a->method);
	compare_text(d, where, "the name of a result", a->name, b->name);
	compare_text(d, at, "method", a->method, b->method);
	compare_real(d, at, "value", a->value, b->value);
	compare_real(d, at, "standard uncertainty", a->u, b->u);
	compare_real(d, at, "degrees of freedom", a->dof, b->dof);
	compare_real(d, at, "coverage factor", a->k, b->k);
	compare_real(d, at, "expanded uncertainty", a->expanded_u, b->expanded_u);
	compare_whole(d, at, "n", a->n, b->n);
	compare_whole(d, at, "valid", a->valid, b->valid);
	compare_whole(d, at, "trusted", a->trusted, b->trusted);
	compare_text(d, at, "reason", a->reason, b->reason);
	compare_whole(d, at, "budget lines", a->budget_lines, b->budget_lines);
	for (unsigned i = 0; i < a->budget_lines && i < b->budget_lines; i++) {
		snprintf(line, sizeof(line), "budget: %s", a->budget[i].name);
		compare_real(d, at, line, a->budget[i].u, b->budget[i].u);
	}
	compare_whole(d, at, "correlation coefficients", a->pairs, b->pairs);
	for (unsigned i = 0; i < a->pairs && i < b->pairs; i++)
		compare_real(d, at, "a correlation coefficient", a->pair[i].r, b->pair[i].r);
	compare_whole(d, at, "outcome", stored->judgement.outcome, again->judgement.outcome);
	compare_real(d, at, "margin", stored->judgement.margin, again->judgement.margin);
	compare_whole(d, at, "global risk", stored->has_process, again->has_process);
	if (!stored->has_process || !again->has_process)
		return;
	compare_real(d, at, "consumer's risk", stored->process.risk.consumer, again->process.risk.consumer);
	compare_real(d, at, "producer's risk", stored->process.risk.producer, again->process.risk.producer);
}

/* The results of one point or sweep. */
struct side {
	const struct finding *at;
	unsigned count;
};

static void compare_in_order(struct differences *d, const char *where, struct side stored, struct side again)
{
	compare_whole(d, where, "the number of results", stored.count, again.count);
	for (unsigned i = 0; i < stored.count && i < again.count; i++)
		compare_result(d, where, &stored.at[i], &again.at[i]);
}

/* What stands once at a point is the same result by whatever name its method goes. */
static bool stands_once(enum measurand id)
{
	const struct measurand_row *row = measurand_row(id);
	return id != MEASURAND_NONE && row->judged_by == JUDGED_BY_ANY && !row->parts;
}

static const struct finding *same_result(struct side side, const struct finding *wanted)
{
	for (unsigned i = 0; i < side.count; i++) {
		const struct result *r = &side.at[i].result;
		if (strcmp(r->name, wanted->result.name) == 0 &&
		    (stands_once(r->id) || strcmp(r->method, wanted->result.method) == 0))
			return &side.at[i];
	}
	return NULL;
}

static void tell_change(struct differences *d, struct replay_change *change, const struct finding *stored,
			const struct finding *again)
{
	change->stored = stored;
	change->again = again;
	d->summary->changed++;
	if (d->listener.changed)
		d->listener.changed(d->listener.ctx, change);
}

/* Another method may give more results, fewer, or in another order. */
static void match_results(struct differences *d, const char *where, struct side stored, struct side again,
			  struct replay_change *change)
{
	for (unsigned i = 0; i < stored.count; i++) {
		const struct finding *match = same_result(again, &stored.at[i]);
		unsigned differences = d->summary->differences;
		if (match)
			compare_result(d, where, &stored.at[i], match);
		else
			differs(d, "%s: %s %s is in the file alone", where, stored.at[i].result.name,
				stored.at[i].result.method);
		d->summary->in_results += d->summary->differences - differences;
		if (d->summary->differences > differences)
			tell_change(d, change, &stored.at[i], match);
	}
	for (unsigned i = 0; i < again.count; i++) {
		if (same_result(stored, &again.at[i]))
			continue;
		differs(d, "%s: %s %s is not in the file", where, again.at[i].result.name, again.at[i].result.method);
		d->summary->in_results++;
		tell_change(d, change, NULL, &again.at[i]);
	}
}

static void compare_results(struct differences *d, const char *where, struct side stored, struct side again,
			    struct replay_change change)
{
	if (d->other_method)
		match_results(d, where, stored, again, &change);
	else
		compare_in_order(d, where, stored, again);
}

static bool has_input(const struct record_point *point, const char *name)
{
	for (unsigned i = 0; i < point->inputs; i++)
		if (strcmp(point->input[i].name, name) == 0)
			return true;
	return false;
}

/* What the program that wrote the file did not tell yet is no difference; a point without any tells nothing of that. */
static void take_out_new_inputs(const struct record_point *stored, struct record_point *again)
{
	unsigned left = 0;
	for (unsigned i = 0; i < again->inputs; i++)
		if (!stored->inputs || has_input(stored, again->input[i].name))
			again->input[left++] = again->input[i];
	again->inputs = left;
}

static void compare_inputs(struct differences *d, const char *where, const struct record_point *a,
			   const struct record_point *b)
{
	char what[64];
	compare_whole(d, where, "inputs of budgets", a->inputs, b->inputs);
	for (unsigned i = 0; i < a->inputs && i < b->inputs; i++) {
		snprintf(what, sizeof(what), "input %s", a->input[i].name);
		compare_text(d, where, "the name of an input", a->input[i].name, b->input[i].name);
		compare_real(d, where, what, a->input[i].value, b->input[i].value);
		compare_whole(d, where, what, a->input[i].assumed, b->input[i].assumed);
	}
}

static void compare_checks(struct differences *d, const char *where, const struct record_point *a,
			   const struct record_point *b)
{
	char at[128];
	compare_whole(d, where, "model checks", a->checks, b->checks);
	for (unsigned i = 0; i < a->checks && i < b->checks; i++) {
		const struct check_result *was = &a->check[i], *is = &b->check[i];
		snprintf(at, sizeof(at), "%.90s check %s", where, was->name);
		compare_text(d, where, "the name of a check", was->name, is->name);
		compare_whole(d, at, "state", was->state, is->state);
		compare_real(d, at, "statistic", was->statistic, is->statistic);
		compare_real(d, at, "threshold", was->threshold, is->threshold);
		compare_real(d, at, "effect", was->effect_mm, is->effect_mm);
		compare_real(d, at, "standard uncertainty", was->u_mm, is->u_mm);
		compare_whole(d, at, "n", was->n, is->n);
		compare_text(d, at, "reason", was->reason, is->reason);
	}
}

static void compare_point_members(struct differences *d, const char *where, const struct record_point *a,
				  const struct record_point *b)
{
	for (unsigned i = 0; i < POINT_PHASES; i++) {
		compare_whole(d, where, "the first sample of a phase", a->phase_index[i], b->phase_index[i]);
		compare_real(d, where, "the place of a command", a->command_index[i], b->command_index[i]);
	}
	compare_whole(d, where, "the last sample", a->end_index, b->end_index);
	compare_whole(d, where, "measured", a->measured, b->measured);
	compare_whole(d, where, "outcome", a->outcome, b->outcome);
	compare_text(d, where, "reason", a->reason, b->reason);
	compare_inputs(d, where, a, b);
	compare_checks(d, where, a, b);
	compare_results(d, where, (struct side){a->result, a->results}, (struct side){b->result, b->results},
			(struct replay_change){.point = a});
}

void point_name(const struct record_point *point, char *ret, size_t size)
{
	snprintf(ret, size, "point %u, attempt %u (%.6g mm, %.6g Hz)", point->plan.number + 1, point->attempt,
		 point->plan.depth_mm, point->plan.rate_hz);
}

/* As text both have gone the road into the file; where that is the same, everything is. */
static int compare_old(struct differences *d, const struct record_point *stored, const struct record_point *again,
		       struct err *err)
{
	char *before = NULL, *after = NULL, where[96];
	int rc = point_to_json(stored, &before, err);
	if (!rc)
		rc = point_to_json(again, &after, err);
	if (!rc && strcmp(before, after) != 0) {
		unsigned differences = d->summary->differences;
		point_name(stored, where, sizeof(where));
		compare_point_members(d, where, stored, again);
		if (d->summary->differences == differences) {
			d->summary->beyond++;
			differs(d, "%s: not stored as it is derived again", where);
		}
	}
	free(before);
	free(after);
	return rc;
}

static int there_and_back(struct record_point *point, struct err *err)
{
	char *text = NULL;
	int rc = point_to_json(point, &text, err);
	if (!rc)
		rc = point_from_json(text, strlen(text), point, err);
	free(text);
	return rc;
}

int compare_point(struct differences *d, const struct record_point *stored, struct record_point *again, struct err *err)
{
	int rc = there_and_back(again, err);
	struct record_point *old = rc ? NULL : malloc(sizeof(*old));
	if (!old)
		return rc ? rc : err_set(err, -ENOMEM, "out of memory");
	*old = *again;
	if (d->other_method) { /* other checks: what they lead to stands in the results */
		old->inputs = stored->inputs;
		memcpy(old->input, stored->input, sizeof(old->input));
		old->checks = stored->checks;
		memcpy(old->check, stored->check, sizeof(old->check));
	}
	take_out_new_inputs(stored, old);
	old->results = take_out_new(d, old->result, old->results);
	d->summary->results += old->results;
	rc = compare_old(d, stored, old, err);
	free(old);
	return rc;
}

int compare_sweep(struct differences *d, unsigned sweep, const struct record_sweep *stored, struct record_sweep *again,
		  struct err *err)
{
	char *text, where[64];
	int rc = sweep_to_json(again, &text, err);
	if (rc)
		return rc;
	rc = sweep_from_json(text, strlen(text), again, err);
	free(text);
	if (rc)
		return rc;
	struct record_sweep old = *again;
	old.results = take_out_new(d, old.result, old.results);
	d->summary->results += old.results;
	snprintf(where, sizeof(where), "sweep %u", sweep + 1);
	compare_results(d, where, (struct side){stored->result, stored->results},
			(struct side){old.result, old.results}, (struct replay_change){.sweep = sweep});
	return 0;
}
