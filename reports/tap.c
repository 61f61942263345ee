/* NAME.tap: Test Anything Protocol. A test point for each required limit, test of the pen, and the run itself;
 * the figures stand beneath in YAML, all digits of the JSON report. Version 13 on the first line, because prove refuses 14, and
 * nothing here is new in 14. Informative limits are left out. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/render.h"
#include "reports/report.h"
#include "rig/base/text_clean.h"
#include "rig/judge/verdict.h"
#include "rig/record/sessions.h"

#define TEXT_MAX 700

struct tap {
	FILE *out; /* NULL: counts only */
	unsigned count;
};

/* A description cannot hold a line feed, and a '#' would begin a directive. */
static void put_words(FILE *out, const char *text)
{
	char clean[TEXT_MAX];

	for (const char *c = text_clean(text, clean, sizeof(clean)); *c; c++) {
		if (*c == '#' || *c == '\\')
			fputc('\\', out);
		fputc(*c == '\n' || *c == '\t' ? ' ' : *c, out);
	}
}

/* Double quoted: the one YAML style that takes every text. */
static void put_yaml_text(FILE *out, const char *key, const char *text)
{
	char clean[TEXT_MAX];

	if (!text[0])
		return;
	fprintf(out, "  %s: \"", key);
	for (const char *c = text_clean(text, clean, sizeof(clean)); *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', out);
		if (*c == '\n')
			fputs("\\n", out);
		else
			fputc(*c == '\t' ? ' ' : *c, out);
	}
	fputs("\"\n", out);
}

static void put_yaml_real(FILE *out, const char *key, double value, int digits)
{
	char text[DIGITS_TEXT_MAX];

	if (!isfinite(value))
		return;
	digits_text(value, digits, text);
	fprintf(out, "  %s: %s\n", key, text);
}

/* True where lines are written. */
static bool begin_point(struct tap *tap, bool ok)
{
	tap->count++;
	if (!tap->out)
		return false;
	fprintf(tap->out, "%sok %u - ", ok ? "" : "not ", tap->count);
	return true;
}

static void put_finding(struct tap *tap, const char *where, const struct finding *f)
{
	const struct result *r = &f->result;
	struct digits digits = digits_of(f);
	enum outcome outcome = f->judgement.outcome;
	FILE *out = tap->out;

	if (!f->has_limit || !f->limit.required)
		return;
	bool ok = outcome == OUTCOME_PASS || (outcome == OUTCOME_CONDITIONAL_PASS && f->limit.accept_conditional);
	if (!begin_point(tap, ok))
		return;
	put_words(out, r->name);
	fputc(' ', out);
	put_words(out, where);
	fputs("\n  ---\n", out);
	put_yaml_text(out, "outcome", outcome_name(outcome));
	put_yaml_text(out, "method", r->method);
	put_yaml_text(out, "unit", r->unit);
	put_yaml_real(out, "value", r->valid ? r->value : NAN, digits.value);
	put_yaml_real(out, "expanded_uncertainty", r->valid ? r->expanded_u : NAN, digits.u);
	put_yaml_real(out, "coverage_factor", r->valid ? r->k : NAN, 4);
	put_yaml_real(out, "lower", f->limit.has_lower ? f->limit.lower : NAN, DIGITS_EXACT);
	put_yaml_real(out, "upper", f->limit.has_upper ? f->limit.upper : NAN, DIGITS_EXACT);
	put_yaml_real(out, "guard_r", f->limit.guard_r, DIGITS_EXACT);
	fprintf(out, "  trusted: %s\n", r->valid && r->trusted ? "true" : "false");
	put_yaml_text(out, "reason", f->judgement.reason[0] ? f->judgement.reason : r->reason);
	fputs("  ...\n", out);
}

static void put_plain(struct tap *tap, bool ok, const char *what, const char *outcome, const char *reason)
{
	if (!begin_point(tap, ok))
		return;
	put_words(tap->out, what);
	fputs("\n  ---\n", tap->out);
	put_yaml_text(tap->out, "outcome", outcome);
	put_yaml_text(tap->out, "reason", reason);
	fputs("  ...\n", tap->out);
}

static void put_attempt(struct tap *tap, const struct record_point *p)
{
	char where[120], what[160];

	snprintf(where, sizeof(where), "at point %u (%.6g mm, %.6g Hz)", p->plan.number + 1, p->plan.depth_mm,
		 p->plan.rate_hz);
	snprintf(what, sizeof(what), "measured %s", where);
	if (!p->counts)
		return;
	put_plain(tap, p->measured, what, p->measured ? outcome_name(p->outcome) : "inconclusive", p->reason);
	for (unsigned i = 0; i < p->results; i++)
		put_finding(tap, where, &p->result[i]);
}

static void put_run(struct tap *tap, const struct record *record)
{
	bool complete = record->run_status == RUN_COMPLETE;

	put_plain(tap, complete, "run complete", run_status_name(record->run_status), record->status_reason);
	if (record->moved)
		put_plain(tap, record->stop_verified, "needles seen to stop",
			  record->stop_verified ? "verified" : "STOP UNVERIFIED", record->stop_text);
	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *t = &record->test[i];
		char what[64], session[SESSION_TEXT_MAX];

		snprintf(what, sizeof(what), "%s test%s", t->name, session_text(record, t->session, session));
		put_plain(tap, t->done && t->outcome == OUTCOME_PASS, what,
			  t->done ? outcome_name(t->outcome) : "not_done", t->text);
	}
	for (unsigned i = 0; i < record->conditions; i++)
		put_plain(tap, false, "no condition reported by the pen", "fail", record->condition[i].text);
}

static void put_points(struct tap *tap, const struct record *record)
{
	char where[64], rejected[RENDER_REJECTED_MAX];

	put_run(tap, record);
	for (unsigned i = 0; i < record->points; i++)
		put_attempt(tap, &record->point[i]);
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *s = &record->sweep[i];

		snprintf(where, sizeof(where), "over step %u at %.6g Hz", s->step + 1, s->rate_hz);
		for (unsigned k = 0; k < s->results; k++)
			put_finding(tap, where, &s->result[k]);
	}
	put_plain(tap, record->has_verdict && verdict_accepted(record), "verdict on the pen",
		  record->has_verdict ? verdict_name(record) : "none", record->verdict_reason);
	if (*render_rejected(record, rejected))
		put_plain(tap, false, "not rejected since", "rejected", rejected);
}

static int write_tap(const struct record *record, FILE *out, struct err *err)
{
	struct tap counted = {.out = NULL}, tap = {.out = out};
	char golden[500], causes[VERDICT_CAUSES_MAX];

	put_points(&counted, record);
	fprintf(out, "TAP version 13\n1..%u\n# run ", counted.count);
	put_words(out, record->name);
	fputs("\n# DUT ", out);
	put_words(out, record->dut);
	fputs("\n# plan ", out);
	put_words(out, record->plan_name);
	if (verdict_measured_again(record))
		fprintf(out, "\n# points measured again %u", verdict_measured_again(record));
	if (verdict_retried(record, causes))
		fprintf(out, "\n# points retried because of the rig %u: %s", verdict_retried(record, causes), causes);
	if (record->golden.asked) {
		fputs("\n# golden pen ", out);
		put_words(out, render_golden(&record->golden, golden, sizeof(golden)));
	}
	fputc('\n', out);
	put_points(&tap, record);
	return ferror(out) ? err_set(err, -EIO, "the TAP report cannot be written: %s", strerror(EIO)) : 0;
}

const struct report_writer report_tap = {
	.id = "tap",
	.extension = ".tap",
	.description = "Test Anything Protocol, for prove and CI",
	.write = write_tap,
};
