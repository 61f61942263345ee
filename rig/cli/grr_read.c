/* Run files into a gauge study: which pen, which appraiser, which trial. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/grr.h"
#include "rig/offline/reopen.h"
#include "rig/study/control.h"

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* The number of a name in a list of `width` bytes each; a new one is put behind. GRR_NAMES_MAX: no room. */
static unsigned number_of(char *names, size_t width, unsigned *count, const char *name)
{
	for (unsigned i = 0; i < *count; i++)
		if (strcmp(names + i * width, name) == 0)
			return i;
	if (*count == GRR_NAMES_MAX)
		return GRR_NAMES_MAX;
	snprintf(names + *count * width, width, "%s", name);
	return (*count)++;
}

static int make_room(struct grr_study *s, struct err *err)
{
	if (s->part)
		return 0;
	s->part = calloc(GRR_NAMES_MAX, sizeof(*s->part));
	s->appraiser_name = calloc(GRR_NAMES_MAX, sizeof(*s->appraiser_name));
	s->plan = calloc(GRR_NAMES_MAX, sizeof(*s->plan));
	s->file = calloc(OPERANDS_MAX, sizeof(*s->file));
	s->run = calloc(OPERANDS_MAX, sizeof(*s->run));
	return s->part && s->appraiser_name && s->plan && s->file && s->run ? 0
									    : err_set(err, -ENOMEM, "out of memory");
}

/* ---- a run --------------------------------------------------------------------------------------------------------- */

static const struct appraiser_kind {
	const char *word;
	size_t offset;
} kinds[] = {
	{"operator", offsetof(struct record, operator_name)},
	{"bench", offsetof(struct record, bench_name)},
	{"cartridge", offsetof(struct record, cartridge)},
	{"lot", offsetof(struct record, lot)},
};

static const char *appraiser_of(const struct record *r, const char *by)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(by, kinds[i].word) == 0)
			return (const char *)r + kinds[i].offset;
	for (unsigned i = 0; i < r->attrs; i++)
		if (strcmp(r->attr[i].key, by) == 0)
			return r->attr[i].value;
	return "";
}

static int know_file(struct grr_study *s, const char *path, const struct record *r, struct err *err)
{
	char name[sizeof(s->file[0])];

	if (*r->origin.sha256)
		snprintf(name, sizeof(name), "recording %.100s", r->origin.sha256);
	else
		snprintf(name, sizeof(name), "%.140s %.32s", r->name, r->started_utc);
	for (unsigned i = 0; i < s->files; i++)
		if (strcmp(s->file[i], name) == 0)
			return err_set(err, -EINVAL,
				       "%.200s: this run, or its recording, was named before; each counts once", path);
	memcpy(s->file[s->files++], name, sizeof(name));
	return 0;
}

/* Whose trial it is; a run that goes on with another one belongs to that one's. */
static int know_run(struct grr_study *s, const char *path, const struct record *r, struct grr_run *run,
		    unsigned *ret_number, struct err *err)
{
	unsigned i = 0;

	memcpy(run->first, s->file[s->files - 1], sizeof(run->first));
	if (r->sessions)
		snprintf(run->first, sizeof(run->first), "%.140s %.32s", r->session[0].name, r->session[0].started_utc);
	snprintf(run->name, sizeof(run->name), "%s", r->name);
	while (i < s->runs && strcmp(s->run[i].first, run->first) != 0)
		i++;
	if (i == s->runs)
		s->run[s->runs++] = *run;
	*ret_number = i;
	if (s->run[i].part != run->part || s->run[i].appraiser != run->appraiser)
		return err_set(err, -EINVAL,
			       "%.200s goes on with a run of another pen or appraiser: a trial has one of each", path);
	return 0;
}

static struct grr_row *row_for(struct grr_study *s, const struct result *result, bool sweep,
			       const struct plan_point *at, const char *phantom)
{
	for (unsigned i = 0; i < s->rows; i++) {
		struct grr_row *r = &s->row[i];
		if (r->id == result->id && strcmp(r->method, result->method) == 0 && r->sweep == sweep &&
		    same(r->depth_mm, at->depth_mm) && same(r->rate_hz, at->rate_hz) &&
		    strcmp(r->phantom, phantom) == 0)
			return r;
	}
	if (s->rows == s->row_room) {
		unsigned room = s->row_room ? 2 * s->row_room : 32;
		struct grr_row *more = realloc(s->row, room * sizeof(*more));
		if (!more)
			return NULL;
		s->row = more;
		s->row_room = room;
	}
	struct grr_row *r = &s->row[s->rows++];
	*r = (struct grr_row){.id = result->id,
			      .sweep = sweep,
			      .depth_mm = at->depth_mm,
			      .rate_hz = at->rate_hz,
			      .lower = NAN,
			      .upper = NAN,
			      .percent_tolerance = NAN};
	memcpy(r->method, result->method, sizeof(r->method));
	snprintf(r->phantom, sizeof(r->phantom), "%s", phantom);
	return r;
}

/* A setpoint that a run visits several times is one trial: the pen was not clamped anew. */
static int take_value(struct grr_row *r, struct grr_value value)
{
	for (unsigned i = r->n; i-- > 0;)
		if (r->value[i].run == value.run) {
			r->value[i].value += (value.value - r->value[i].value) / ++r->value[i].n;
			return 0;
		}
	if (r->n == r->room) {
		unsigned room = r->room ? 2 * r->room : 32;
		struct grr_value *more = realloc(r->value, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		r->value = more;
		r->room = room;
	}
	value.n = 1;
	r->value[r->n++] = value;
	return 0;
}

static void take_limit(struct grr_row *r, const struct limit *limit)
{
	double lower = limit->has_lower ? limit->lower : NAN, upper = limit->has_upper ? limit->upper : NAN;

	r->limits_differ |= r->limited && (!same(r->lower, lower) || !same(r->upper, upper));
	r->limited = true;
	r->lower = lower;
	r->upper = upper;
}

static bool is_wanted(const struct grr_wanted *wanted, const struct finding *f)
{
	if (!measurand_is_judged(f->result.id))
		return false;
	if (!wanted->measurand->count)
		return f->has_limit;
	for (unsigned i = 0; i < wanted->measurand->count; i++)
		if (strcmp(wanted->measurand->item[i], f->result.name) == 0)
			return true;
	return false;
}

struct taking {
	struct grr_study *study;
	const struct grr_wanted *wanted;
	const struct record *record;
	struct grr_value of_run;
};

/* What has a limit and no value that can be trusted makes a row too: that a trial gave none is told. */
static int take_finding(const struct taking *t, const struct finding *f, bool sweep, const struct plan_point *at)
{
	struct grr_value value = t->of_run;
	int phantom = at->phantom;

	if (!is_wanted(t->wanted, f))
		return 0;
	struct grr_row *r =
		row_for(t->study, &f->result, sweep, at,
			phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? t->record->phantom_serial[phantom] : "");
	if (!r)
		return -ENOMEM;
	r->plan[t->study->run[value.run].plan] = true;
	if (f->has_limit)
		take_limit(r, &f->limit);
	value.value = f->result.value;
	return f->result.valid && f->result.trusted && isfinite(value.value) ? take_value(r, value) : 0;
}

/* Of an earlier session's points the figures stand with the run that measured them. */
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

static int take_record(struct grr_study *s, const struct grr_wanted *wanted, const char *path, const struct record *r,
		       struct err *err)
{
	const char *by = wanted->appraiser, *appraiser = appraiser_of(r, by);
	const struct record_file *plan = record_file_of(r, "plan");
	struct taking taking = {.study = s, .wanted = wanted, .record = r};
	struct grr_run run = {.first = ""};
	int rc = know_file(s, path, r, err);

	if (rc)
		return rc;
	if (!*appraiser)
		return err_set(err, -EINVAL,
			       "%.200s does not say its %.40s, by which appraisers are told apart: another --appraiser",
			       path, by);
	run.part = number_of(s->part[0], sizeof(s->part[0]), &s->parts, r->dut);
	run.appraiser = number_of(s->appraiser_name[0], sizeof(s->appraiser_name[0]), &s->appraisers, appraiser);
	run.plan = number_of(s->plan[0], sizeof(s->plan[0]), &s->plans, plan ? plan->sha256 : "");
	if (run.part == GRR_NAMES_MAX || run.appraiser == GRR_NAMES_MAX || run.plan == GRR_NAMES_MAX)
		return err_set(err, -EINVAL, "more than %d pens, appraisers or plans in one study", GRR_NAMES_MAX);
	s->methods_differ |= s->files > 1 && s->method != r->method;
	s->method = r->method;
	taking.of_run = (struct grr_value){.part = run.part, .appraiser = run.appraiser};
	rc = know_run(s, path, r, &run, &taking.of_run.run, err);
	if (rc)
		return rc;
	rc = take_findings(&taking);
	return rc ? err_set(err, rc, "out of memory") : 0;
}

int grr_take_file(struct grr_study *study, const struct grr_wanted *wanted, const char *path, struct err *err)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	int rc = make_room(study, err);

	study->nested = wanted->nested;
	study->by_range = wanted->by_range;
	snprintf(study->by, sizeof(study->by), "%s", wanted->appraiser);
	if (!rc && study->files == OPERANDS_MAX)
		rc = err_set(err, -EINVAL, "more than %d runs in one study", OPERANDS_MAX);
	if (!rc)
		rc = reopen_sound(path, &reader, &record, err);
	if (!rc)
		rc = take_record(study, wanted, path, record, err);
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

/* ---- evaluated ----------------------------------------------------------------------------------------------------- */

static unsigned trials_in(const struct grr_row *r, unsigned part, unsigned appraiser)
{
	unsigned count = 0;

	for (unsigned i = 0; i < r->n; i++)
		count += r->value[i].part == part && r->value[i].appraiser == appraiser;
	return count;
}

/* Nested: the appraisers who measured this pen; it must be one. */
static unsigned appraisers_of(const struct grr_study *s, const struct grr_row *r, unsigned part, unsigned *ret_first)
{
	unsigned count = 0;

	for (unsigned a = s->appraisers; a-- > 0;)
		if (trials_in(r, part, a)) {
			*ret_first = a;
			count++;
		}
	return count;
}

static void cannot(struct grr_row *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void cannot(struct grr_row *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why_not, sizeof(r->why_not), fmt, ap);
	va_end(ap);
}

static void lay_out(struct grr_row *r, unsigned part, unsigned appraiser, double **to)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->value[i].part == part && r->value[i].appraiser == appraiser)
			*(*to)++ = r->value[i].value;
}

/* Each pen by each appraiser as often: else what is missing is named. */
static bool lay_out_crossed(const struct grr_study *s, struct grr_row *r, unsigned *ret_trials)
{
	unsigned trials = trials_in(r, 0, 0);
	double *to = r->x;

	for (unsigned p = 0; p < s->parts; p++)
		for (unsigned a = 0; a < s->appraisers; a++) {
			if (trials_in(r, p, a) != trials) {
				cannot(r, "%.60s by %.60s has %u trials, %.30s by %.30s %u: as many are wanted of each",
				       s->part[p], s->appraiser_name[a], trials_in(r, p, a), s->part[0],
				       s->appraiser_name[0], trials);
				return false;
			}
			lay_out(r, p, a, &to);
		}
	*ret_trials = trials;
	return true;
}

/* Each appraiser has as many pens, each pen one appraiser and as many trials. */
static bool lay_out_nested(const struct grr_study *s, struct grr_row *r, unsigned *ret_parts, unsigned *ret_trials)
{
	unsigned trials = 0, first_parts = 0;
	double *to = r->x;

	for (unsigned a = 0; a < s->appraisers; a++) {
		unsigned parts = 0;
		for (unsigned p = 0; p < s->parts; p++) {
			unsigned own = a, n = trials_in(r, p, a);
			if (!n)
				continue;
			trials = trials ? trials : n;
			if (n != trials || appraisers_of(s, r, p, &own) != 1) {
				cannot(r,
				       "%.60s has %u trials by %u appraisers: nested, each pen has one appraiser, and "
				       "%u",
				       s->part[p], n, appraisers_of(s, r, p, &own), trials);
				return false;
			}
			lay_out(r, p, a, &to);
			parts++;
		}
		first_parts = a == 0 ? parts : first_parts;
		if (parts != first_parts) {
			cannot(r, "%.60s has %u pens, %.60s %u: as many are wanted of each", s->appraiser_name[a],
			       parts, s->appraiser_name[0], first_parts);
			return false;
		}
	}
	*ret_parts = first_parts;
	*ret_trials = trials;
	return true;
}

/* Runs that were to give a value here and gave none that can be trusted: they may be as many in each cell. */
static bool nothing_missing(const struct grr_study *s, struct grr_row *r)
{
	const struct grr_run *first = NULL;
	unsigned wanted = 0;

	for (unsigned i = 0; i < s->runs; i++) {
		unsigned k = 0;
		if (!r->plan[s->run[i].plan])
			continue;
		wanted++;
		while (k < r->n && r->value[k].run != i)
			k++;
		if (k == r->n && !first)
			first = &s->run[i];
	}
	if (first)
		cannot(r,
		       "%u of %u runs gave no value that can be trusted, first %.60s (%.40s by %.40s): measure again, "
		       "or "
		       "leave out",
		       wanted - r->n, wanted, first->name, s->part[first->part], s->appraiser_name[first->appraiser]);
	return !first;
}

static bool too_many_for_ranges(const struct grr_study *s, struct grr_row *r, unsigned trials)
{
	if (!s->by_range || (s->parts <= SUBGROUP_MAX && s->appraisers <= SUBGROUP_MAX && trials <= SUBGROUP_MAX))
		return false;
	cannot(r, "%u pens, %u appraisers, %u trials: --method range goes up to %d of each; anova has no such bound",
	       s->parts, s->appraisers, trials, SUBGROUP_MAX);
	return true;
}

static void evaluate(const struct grr_study *s, struct grr_row *r)
{
	unsigned parts = s->parts, trials = 0;

	if (!nothing_missing(s, r))
		return;
	bool laid_out = s->nested ? lay_out_nested(s, r, &parts, &trials) : lay_out_crossed(s, r, &trials);

	if (!laid_out)
		return;
	if (parts < 2 || s->appraisers < 2 || trials < 2) {
		cannot(r, "%u pens%s, %u appraisers (%.40s), %u trials: two of each at least", parts,
		       s->nested ? " of each" : "", s->appraisers, s->by, trials);
		return;
	}
	if (too_many_for_ranges(s, r, trials))
		return;
	if (s->nested)
		grr_nested_of(r->x, parts, s->appraisers, trials, GRR_CONFIDENCE, &r->grr);
	else
		grr_of(r->x, parts, s->appraisers, trials, s->by_range ? GRR_RANGE : GRR_ANOVA, GRR_CONFIDENCE,
		       &r->grr);
	if (!(r->grr.tv.value > 0.0))
		cannot(r, "all values are the same to the last digit: nothing varies that could be told apart");
	if (!r->limits_differ)
		r->percent_tolerance = grr_percent_tolerance(&r->grr, r->lower, r->upper);
}

int grr_evaluate(struct grr_study *s, struct err *err)
{
	for (unsigned i = 0; i < s->rows; i++) {
		struct grr_row *r = &s->row[i];

		r->x = calloc(r->n + 1, sizeof(*r->x));
		if (!r->x)
			return err_set(err, -ENOMEM, "out of memory");
		if (s->methods_differ)
			cannot(r,
			       "the runs were judged by different versions of the method: penrig requalify tells what "
			       "that makes");
		else
			evaluate(s, r);
	}
	return 0;
}

void grr_study_free(struct grr_study *s)
{
	for (unsigned i = 0; i < s->rows; i++) {
		free(s->row[i].value);
		free(s->row[i].x);
	}
	free(s->row);
	free(s->part);
	free(s->appraiser_name);
	free(s->plan);
	free(s->file);
	free(s->run);
	*s = (struct grr_study){.rows = 0};
}
