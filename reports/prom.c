/* NAME.prom: the run as Prometheus text, for node_exporter's textfile collector: what became of it, and every judged
 * figure with its uncertainty and limits. What is not known has no sample: never a number in place of a value. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/report.h"
#include "rig/base/text_clean.h"
#include "rig/judge/verdict.h"

#define TEXT_MAX 300
#define PLACE    5 /* labels that say where: step, point, depth, rate, phantom; two sweeps may differ by the last alone */

/* ---- one sample ----------------------------------------------------------------------------------------------------- */

static void put_label(FILE *out, const char *name, const char *value, bool *begun)
{
	char clean[TEXT_MAX];

	fprintf(out, "%s%s=\"", *begun ? "," : "{", name);
	*begun = true;
	for (const char *c = text_clean(value, clean, sizeof(clean)); *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', out);
		if (*c == '\n')
			fputs("\\n", out);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void put_run_labels(FILE *out, const struct record *record, bool *begun)
{
	put_label(out, "dut", record->dut, begun);
	put_label(out, "plan", record->plan_name, begun);
	put_label(out, "bench", record->bench_name, begun);
}

static void put_value(FILE *out, double value)
{
	char text[DIGITS_TEXT_MAX];

	digits_text(value, DIGITS_EXACT, text);
	fprintf(out, "} %s\n", text);
}

static void put_help(FILE *out, const char *name, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void put_one(FILE *out, const struct record *record, const char *name, const char *help, double value)
{
	bool begun = false;

	put_help(out, name, help);
	fputs(name, out);
	put_run_labels(out, record, &begun);
	put_value(out, value);
}

/* ---- families: all samples of one name stand together --------------------------------------------------------------- */

struct family {
	const char *name, *help;
	double (*value)(const struct finding *f); /* NaN: it has none */
};

static double value_of(const struct finding *f)
{
	return f->result.valid ? f->result.value : NAN;
}

static double u_of(const struct finding *f)
{
	return f->result.valid ? f->result.expanded_u : NAN;
}

static double lower_of(const struct finding *f)
{
	return f->limit.has_lower ? f->limit.lower : NAN;
}

static double upper_of(const struct finding *f)
{
	return f->limit.has_upper ? f->limit.upper : NAN;
}

static double guard_of(const struct finding *f)
{
	return f->limit.guard_r;
}

static double trusted_of(const struct finding *f)
{
	return f->result.valid && f->result.trusted;
}

static double outcome_of(const struct finding *f)
{
	return f->judgement.outcome;
}

static const struct family families[] = {
	{"penrig_result_value", "What was measured, in the unit of its measurand", value_of},
	{"penrig_result_expanded_uncertainty", "Of the value, 95 %", u_of},
	{"penrig_result_trusted", "1: it may be judged", trusted_of},
	{"penrig_result_limit_lower", "Lower limit", lower_of},
	{"penrig_result_limit_upper", "Upper limit", upper_of},
	{"penrig_result_guard_r", "Guard band over expanded uncertainty", guard_of},
	{"penrig_result_outcome", "0 pass, 1 conditional_pass, 2 inconclusive, 3 conditional_fail, 4 fail", outcome_of},
};

static void put_finding(FILE *out, const struct record *record, const struct family *family, const struct finding *f,
			const char *const place[PLACE])
{
	bool begun = false;
	double value = f->has_limit ? family->value(f) : NAN;

	if (!isfinite(value))
		return;
	fputs(family->name, out);
	put_run_labels(out, record, &begun);
	put_label(out, "step", place[0], &begun);
	put_label(out, "point", place[1], &begun);
	put_label(out, "depth_mm", place[2], &begun);
	put_label(out, "rate_hz", place[3], &begun);
	put_label(out, "phantom", place[4], &begun);
	put_label(out, "measurand", f->result.name, &begun);
	put_label(out, "method", f->result.method, &begun);
	put_label(out, "required", f->limit.required ? "true" : "false", &begun);
	put_value(out, value);
}

static const char *phantom_of(const struct record *record, int phantom)
{
	return phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? record->phantom_serial[phantom] : "";
}

static void put_family(FILE *out, const struct record *record, const struct family *family)
{
	char step[16], point[16], depth[DIGITS_TEXT_MAX], rate[DIGITS_TEXT_MAX];

	put_help(out, family->name, family->help);
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];
		const char *const place[PLACE] = {step, point, depth, rate, phantom_of(record, p->plan.phantom)};

		snprintf(step, sizeof(step), "%u", p->plan.step + 1);
		snprintf(point, sizeof(point), "%u", p->plan.number + 1);
		digits_text(p->plan.depth_mm, DIGITS_EXACT, depth);
		digits_text(p->plan.rate_hz, DIGITS_EXACT, rate);
		for (unsigned k = 0; p->counts && k < p->results; k++)
			put_finding(out, record, family, &p->result[k], place);
	}
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *s = &record->sweep[i];
		const char *const place[PLACE] = {step, "", "", rate, phantom_of(record, s->phantom)};

		snprintf(step, sizeof(step), "%u", s->step + 1);
		digits_text(s->rate_hz, DIGITS_EXACT, rate);
		for (unsigned k = 0; k < s->results; k++)
			put_finding(out, record, family, &s->result[k], place);
	}
}

static int write_prom(const struct record *record, FILE *out, struct err *err)
{
	char causes[VERDICT_CAUSES_MAX];

	put_one(out, record, "penrig_run_exit_code", "As penrig run returned it; 0: the pen is accepted",
		verdict_exit_code(record));
	if (record_rejected(record))
		put_one(out, record, "penrig_run_rejected", "1: a person rejected it since, whatever the exit code was",
			1.0);
	put_one(out, record, "penrig_run_complete", "1: the run came to its end", record->run_status == RUN_COMPLETE);
	if (record->moved)
		put_one(out, record, "penrig_run_stop_verified", "1: the needles were seen to stand still",
			record->stop_verified);
	if (record->has_verdict)
		put_one(out, record, "penrig_run_verdict",
			"0 pass, 1 conditional_pass, 2 inconclusive, 3 conditional_fail, 4 fail", record->dut_verdict);
	if (record->on_statement)
		put_one(out, record, "penrig_run_pass_on_statement",
			"1: pass_on_statement, a named person vouches for what penrig did not see", 1.0);
	put_one(out, record, "penrig_run_points_measured_again", "Whose first attempt is not the one that counts",
		verdict_measured_again(record));
	put_one(out, record, "penrig_run_points_retried", "Of them, those with an attempt that the rig lost",
		verdict_retried(record, causes));
	for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		put_family(out, record, &families[i]);
	return ferror(out) ? err_set(err, -EIO, "the Prometheus text cannot be written: %s", strerror(EIO)) : 0;
}

const struct report_writer report_prom = {
	.id = "prom",
	.extension = ".prom",
	.description = "Prometheus text, for the textfile collector of node_exporter",
	.write = write_prom,
};
