/* NAME.results.csv: a row per result, for spreadsheets and data frames. RFC 4180, comma and point, all digits; a figure that
 * is not there is an empty cell. Every row says of which run it is, so that files of many runs can be put one behind the
 * other. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "reports/csv.h"
#include "reports/report.h"
#include "rig/judge/verdict.h"

static const char header[] =
	"run,dut,lot,plan,bench,started,dut_verdict,run_status,step,point,attempt,counts,depth_set_mm,rate_set_hz,"
	"measurand,method,value,expanded_uncertainty,coverage_factor,degrees_of_freedom,n,unit,trusted,"
	"lower,upper,guard_band,required,outcome,margin,false_accept_risk,reason,rig_cause\r\n";

static void put_run(struct csv_row *row, const struct record *record)
{
	csv_put_text(row, record->name);
	csv_put_text(row, record->dut);
	csv_put_text(row, record->lot);
	csv_put_text(row, record->plan_name);
	csv_put_text(row, record->bench_name);
	csv_put_text(row, record->started_utc);
	csv_put_text(row, record_rejected(record) ? "rejected" : record->has_verdict ? verdict_name(record) : "");
	csv_put_text(row, run_status_name(record->run_status));
}

static void put_finding(struct csv_row *row, const struct finding *f, const char *rig_cause)
{
	const struct result *r = &f->result;
	bool limited = f->has_limit, told = r->valid;

	csv_put_text(row, r->name);
	csv_put_text(row, r->method);
	csv_put_real(row, told ? r->value : NAN);
	csv_put_real(row, told ? r->expanded_u : NAN);
	csv_put_real(row, told ? r->k : NAN);
	csv_put_real(row, told ? r->dof : NAN);
	csv_put_count(row, r->n);
	csv_put_text(row, r->unit);
	csv_put_bool(row, told && r->trusted);
	csv_put_real(row, limited && f->limit.has_lower ? f->limit.lower : NAN);
	csv_put_real(row, limited && f->limit.has_upper ? f->limit.upper : NAN);
	csv_put_real(row, limited ? f->judgement.guard_band : NAN);
	csv_put_bool(row, limited && f->limit.required);
	csv_put_text(row, limited ? outcome_name(f->judgement.outcome) : "");
	csv_put_real(row, limited ? f->judgement.margin : NAN);
	csv_put_real(row, limited ? f->judgement.false_accept_risk : NAN);
	csv_put_text(row, limited && f->judgement.reason[0] ? f->judgement.reason : r->reason);
	csv_put_text(row, rig_cause);
	csv_end(row);
}

static void put_points(FILE *out, const struct record *record)
{
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];

		for (unsigned k = 0; k < p->results; k++) {
			struct csv_row row = {.out = out};

			put_run(&row, record);
			csv_put_count(&row, p->plan.step + 1u);
			csv_put_count(&row, p->plan.number + 1u);
			csv_put_count(&row, p->attempt);
			csv_put_bool(&row, p->counts);
			csv_put_real(&row, p->plan.depth_mm);
			csv_put_real(&row, p->plan.rate_hz);
			put_finding(&row, &p->result[k], p->rig_cause);
		}
	}
}

/* What stands over all depths of a step has no point. */
static void put_sweeps(FILE *out, const struct record *record)
{
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *s = &record->sweep[i];

		for (unsigned k = 0; k < s->results; k++) {
			struct csv_row row = {.out = out};

			put_run(&row, record);
			csv_put_count(&row, s->step + 1u);
			csv_put_text(&row, "");
			csv_put_text(&row, "");
			csv_put_bool(&row, true);
			csv_put_text(&row, "");
			csv_put_real(&row, s->rate_hz);
			put_finding(&row, &s->result[k], "");
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
