/* NAME.results.csv: a row per result, for spreadsheets and data frames. RFC 4180, comma and point, all digits; a figure that
 * is not there is an empty cell. Every row says of which run it is, so that files of many runs can be put one behind the
 * other. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/report.h"
#include "rig/base/text_clean.h"
#include "rig/judge/verdict.h"

#define TEXT_MAX 700

static const char header[] =
	"run,dut,lot,plan,bench,started,dut_verdict,run_status,step,point,attempt,counts,depth_set_mm,rate_set_hz,"
	"measurand,method,value,expanded_uncertainty,coverage_factor,degrees_of_freedom,n,unit,trusted,"
	"lower,upper,guard_band,required,outcome,margin,false_accept_risk,reason\r\n";

struct row {
	FILE *out;
	bool begun;
};

static void next_cell(struct row *row)
{
	if (row->begun)
		fputc(',', row->out);
	row->begun = true;
}

/* Quoted where it must be. A text that a spreadsheet would take for a formula gets a blank before it. */
static void put_text(struct row *row, const char *text)
{
	char clean[TEXT_MAX];

	next_cell(row);
	text_clean(text, clean, sizeof(clean));
	bool formula = clean[0] && strchr("=+-@\t", clean[0]);
	if (!formula && !strpbrk(clean, ",\"\r\n")) {
		fputs(clean, row->out);
		return;
	}
	fputs(formula ? "\" " : "\"", row->out);
	for (const char *c = clean; *c; c++) {
		if (*c == '"')
			fputc('"', row->out);
		fputc(*c, row->out);
	}
	fputc('"', row->out);
}

static void put_real(struct row *row, double value)
{
	char text[DIGITS_TEXT_MAX];

	next_cell(row);
	if (!isfinite(value))
		return;
	digits_text(value, DIGITS_EXACT, text);
	fputs(text, row->out);
}

static void put_count(struct row *row, uint64_t count)
{
	next_cell(row);
	fprintf(row->out, "%" PRIu64, count);
}

static void put_bool(struct row *row, bool yes)
{
	next_cell(row);
	fputs(yes ? "true" : "false", row->out);
}

static void put_run(struct row *row, const struct record *record)
{
	put_text(row, record->name);
	put_text(row, record->dut);
	put_text(row, record->lot);
	put_text(row, record->plan_name);
	put_text(row, record->bench_name);
	put_text(row, record->started_utc);
	put_text(row, record->has_verdict ? verdict_name(record) : "");
	put_text(row, run_status_name(record->run_status));
}

static void put_finding(struct row *row, const struct finding *f)
{
	const struct result *r = &f->result;
	bool limited = f->has_limit, told = r->valid;

	put_text(row, r->name);
	put_text(row, r->method);
	put_real(row, told ? r->value : NAN);
	put_real(row, told ? r->expanded_u : NAN);
	put_real(row, told ? r->k : NAN);
	put_real(row, told ? r->dof : NAN);
	put_count(row, r->n);
	put_text(row, r->unit);
	put_bool(row, told && r->trusted);
	put_real(row, limited && f->limit.has_lower ? f->limit.lower : NAN);
	put_real(row, limited && f->limit.has_upper ? f->limit.upper : NAN);
	put_real(row, limited ? f->judgement.guard_band : NAN);
	put_bool(row, limited && f->limit.required);
	put_text(row, limited ? outcome_name(f->judgement.outcome) : "");
	put_real(row, limited ? f->judgement.margin : NAN);
	put_real(row, limited ? f->judgement.false_accept_risk : NAN);
	put_text(row, limited && f->judgement.reason[0] ? f->judgement.reason : r->reason);
	fputs("\r\n", row->out);
}

static void put_points(FILE *out, const struct record *record)
{
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];

		for (unsigned k = 0; k < p->results; k++) {
			struct row row = {.out = out};

			put_run(&row, record);
			put_count(&row, p->plan.step + 1u);
			put_count(&row, p->plan.number + 1u);
			put_count(&row, p->attempt);
			put_bool(&row, p->counts);
			put_real(&row, p->plan.depth_mm);
			put_real(&row, p->plan.rate_hz);
			put_finding(&row, &p->result[k]);
		}
	}
}

/* What stands over all depths of a step has no point. */
static void put_sweeps(FILE *out, const struct record *record)
{
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *s = &record->sweep[i];

		for (unsigned k = 0; k < s->results; k++) {
			struct row row = {.out = out};

			put_run(&row, record);
			put_count(&row, s->step + 1u);
			put_text(&row, "");
			put_text(&row, "");
			put_bool(&row, true);
			put_text(&row, "");
			put_real(&row, s->rate_hz);
			put_finding(&row, &s->result[k]);
		}
	}
}

static int write_csv(const struct record *record, FILE *out, struct err *err)
{
	fputs(header, out);
	put_points(out, record);
	put_sweeps(out, record);
	return ferror(out) ? err_set(err, -EIO, "the table cannot be written: %s", strerror(EIO)) : 0;
}

const struct report_writer report_csv = {
	.id = "csv",
	.extension = ".results.csv",
	.description = "a row per result, for spreadsheets and data frames",
	.write = write_csv,
};
