/* The record of a run on a terminal or in a log. Judges nothing: every outcome and reason is the record's own. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/control.h"
#include "reports/digits.h"
#include "reports/failures.h"
#include "reports/render.h"
#include "rig/base/text_clean.h"
#include "rig/judge/verdict.h"
#include "rig/record/sessions.h"

#define NAME_WIDTH 11 /* of a header line, with its space */
#define CELL       48

enum tone { TONE_NONE, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_DIM };

static void tone_on(FILE *out, const struct style *style, enum tone tone)
{
	static const char *const code[] = {"", "\x1b[1;32m", "\x1b[1;33m", "\x1b[1;31m", "\x1b[2m"};

	if (style->colour)
		fputs(code[tone], out);
}

static void tone_off(FILE *out, const struct style *style, enum tone tone)
{
	if (style->colour && tone != TONE_NONE)
		fputs("\x1b[0m", out);
}

static enum tone tone_of(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_PASS: return TONE_GOOD;
	case OUTCOME_CONDITIONAL_PASS:
	case OUTCOME_INCONCLUSIVE: return TONE_WARN;
	case OUTCOME_CONDITIONAL_FAIL:
	case OUTCOME_FAIL: return TONE_BAD;
	}
	return TONE_NONE;
}

/* The finding on this measurand; `method` NULL: the first one. NULL: there is none. */
static const struct finding *finding_on(const struct record_point *point, enum measurand id, const char *method)
{
	for (unsigned i = 0; i < point->results; i++) {
		const struct result *r = &point->result[i].result;

		if (r->id == id && (!method || strcmp(r->method, method) == 0))
			return &point->result[i];
	}
	return NULL;
}

/* Padded (never cut) to `columns` as displayed; negative: flush right. */
static unsigned columns_of(const char *text)
{
	unsigned columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

static void print_padded(FILE *out, const char *text, int columns)
{
	int pad = abs(columns) - (int)columns_of(text);

	if (columns < 0 && pad > 0)
		fprintf(out, "%*s", pad, "");
	print_clean(out, text);
	if (columns > 0 && pad > 0)
		fprintf(out, "%*s", pad, "");
}

static void field(FILE *out, const char *name, const char *value)
{
	if (!*value)
		return;
	fprintf(out, "%-*s", NAME_WIDTH - 1, name);
	fputc(' ', out);
	print_clean(out, value);
	fputc('\n', out);
}

static void render_device(FILE *out, const struct record_device *d)
{
	const struct device_identity *id = &d->identity;
	const char *role = strcmp(d->role, "load_sensor") == 0 ? "sensor" : d->role;
	char line[600];

	if (!*id->maker && !*id->model && !*id->serial)
		snprintf(line, sizeof(line), "not identified (%s)", d->link.uri);
	else
		snprintf(line, sizeof(line), "%s %s, serial number %s, firmware %s (%s)", id->maker, id->model,
			 *id->serial ? id->serial : "not told", *id->firmware ? id->firmware : "not told", d->link.uri);
	field(out, role, line);
	if (*id->profile) {
		snprintf(line, sizeof(line), "profile %s, %.16s...", id->profile, id->profile_sha256);
		field(out, "", line);
	}
	if (*id->loss) {
		snprintf(line, sizeof(line), "that no sample was lost cannot be proven: %s", id->loss);
		field(out, "", line);
	}
	if (!*d->calibration.certificate)
		return;
	snprintf(line, sizeof(line), "certificate %s of %s, valid through %s", d->calibration.certificate,
		 d->calibration.laboratory, d->calibration.due);
	field(out, "", line);
}

/* What was made of a recording: in files of earlier versions the first line is all. */
void render_origin(FILE *out, const struct record_origin *o)
{
	char line[700];
	const struct record_gaps *g = &o->gaps;

	snprintf(line, sizeof(line), "%.300s: a recording, not a supervised run", o->path);
	field(out, "imported", line);
	if (!*o->rate_from)
		return;
	snprintf(line, sizeof(line), "%s%s%s%s; column %s; %.9g rows a second (%s)", o->format, *o->dialect ? " (" : "",
		 o->dialect, *o->dialect ? ")" : "", o->column, o->rate_hz, o->rate_from);
	field(out, "read as", line);
	if (*o->time_column)
		field(out, "times", o->time_column);
	if (*o->beside)
		field(out, "beside", o->beside);
	if (*o->times_from)
		field(out, "measured", o->times_from);
	if (*o->unchecked)
		field(out, "unchecked", o->unchecked);
	if (g->count == 0)
		return;
	snprintf(line, sizeof(line), "%llu, %llu rows in all, %llu in the longest; the first %s%.0llu",
		 (unsigned long long)g->count, (unsigned long long)g->rows, (unsigned long long)g->longest,
		 g->first_line ? "before line " : "at the end", (unsigned long long)g->first_line);
	field(out, "gaps", line);
}

/* The statement line by line, as it was handed in. */
void render_statement(FILE *out, const struct record *record)
{
	const struct record_file *file = record_file_of(record, "statement");

	if (!record->origin.witness[0] || !file || !file->text)
		return;
	field(out, "witness", record->origin.witness);
	for (const char *line = file->text; *line;) {
		char text[400];
		size_t n = strcspn(line, "\r\n");
		snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ? n : sizeof(text) - 1), line);
		field(out, line == file->text ? "statement" : "", text);
		line += n < sizeof(text) ? n : sizeof(text) - 1;
		line += *line == '\r';
		line += *line == '\n';
	}
}

/* Revision and approver of what the run rests on; nothing where the file names none. */
static void render_control(FILE *out, const struct record *record)
{
	for (unsigned i = 0; i < record->files; i++) {
		const struct record_file *file = &record->file[i];
		const char *slash = strrchr(file->path, '/');
		char line[500], words[CONTROL_WORDS_MAX];

		if (!control_words(&file->control, record->approvals, words, sizeof(words)))
			continue;
		snprintf(line, sizeof(line), "%s %.120s, %s", file->kind, slash ? slash + 1 : file->path, words);
		field(out, "control", line);
	}
	field(out, "override", record->override);
}

const char *render_rejected(const struct record *record, char ret[RENDER_REJECTED_MAX])
{
	const struct record_seal *seal = record_rejected(record);

	*ret = '\0';
	if (seal)
		snprintf(ret, RENDER_REJECTED_MAX,
			 "%s since by %s, by its seal %u, and accepted by nobody who is trusted", seal->meaning,
			 seal->signer, seal->number);
	return ret;
}

const char *render_again(const struct record *record, char ret[160])
{
	char causes[VERDICT_CAUSES_MAX];
	unsigned again = verdict_measured_again(record), rig = verdict_retried(record, causes);
	unsigned lost = verdict_devices_lost(record);

	*ret = '\0';
	if (rig)
		snprintf(ret, 160, "points that had to be measured again: %u, of them %u because of the rig: %s", again,
			 rig, causes);
	else if (again)
		snprintf(ret, 160, "points that had to be measured again: %u", again);
	if (lost)
		snprintf(ret + strlen(ret), 160 - strlen(ret), "%sdevices that were lost on the way: %u",
			 again ? "; " : "", lost);
	return ret;
}

const char *render_golden(const struct record_golden *golden, char *ret, size_t size)
{
	*ret = '\0';
	if (golden->asked)
		snprintf(ret, size, "%s%s%s: %s", golden->valid ? "" : "NO VALID PASS of ", golden->pen,
			 golden->valid ? " passed" : "", golden->text);
	return ret;
}

/* Of what the bench has between the pen and its power: what shows that it stops the pen. */
static void say_proof(const struct record *record, char *ret, size_t size)
{
	for (unsigned i = 0; i < record->tests; i++)
		if (record->test[i].done && !record->test[i].session && strcmp(record->test[i].name, "dead_man") == 0)
			return;
	if (record->proof.run[0])
		snprintf(ret, size, "; tested in run %.80s, %.19sZ", record->proof.run, record->proof.utc);
	else
		snprintf(ret, size, "; not tested in this run");
}

/* The bench's emergency stop and doors: seen closed before the run, and which of them ended it. */
static void render_inputs(void (*row)(FILE *out, const char *name, const char *text), FILE *out,
			  const struct record *record)
{
	char line[RECORD_INPUTS_MAX * 64] = "";
	size_t n = 0;

	for (unsigned i = 0; i < record->inputs && n < sizeof(line); i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s%s%s", i ? "; " : "", record->input[i].name,
				      record->input[i].tried ? ", tried before the run" : "",
				      record->input[i].opened ? ", OPENED" : "");
	if (record->inputs)
		row(out, "safety inputs", line);
}

/* By what a setting of a pen made of parts comes about. */
struct how {
	const char *by, *text;
};

static const char *how_of(const struct how *rows, unsigned count, const char *by)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(by, rows[i].by) == 0)
			return rows[i].text;
	return "not said";
}

void render_made_of(void (*row)(FILE *out, const char *name, const char *text), FILE *out, const struct record *record)
{
	static const struct how rates[] = {{"volts", "by the supply's voltage"}, {"own", "the pen's own"}};
	static const struct how depths[] = {{"asked", "asked of the operator, not set"},
					    {"set", "set by the stage at its dial"}};
	const struct deadman_row *dead_man = deadman_find(record->dead_man);
	char line[300], proof[140] = "";

	if (!dead_man)
		return;
	if (dead_man->proven)
		say_proof(record, proof, sizeof(proof));
	snprintf(line, sizeof(line), "class %s: %s%s", dead_man->name, dead_man->text, proof);
	row(out, "dead-man", line);
	render_inputs(row, out, record);
	if (!dead_man->of_parts)
		return;
	snprintf(line, sizeof(line), "rate %s; depth %s", how_of(rates, 2, record->rate_by),
		 how_of(depths, 2, record->depth_by));
	row(out, "setting", line);
	snprintf(line, sizeof(line), "on the operator's word: read as %.60s before the run, %.60s after it",
		 record->dut_said.before[0] ? record->dut_said.before : "nothing",
		 record->dut_said.after[0] ? record->dut_said.after : "nothing");
	row(out, "which pen", line);
}

/* Which points: "points 1 to 3". */
static void points_text(const struct record *record, unsigned session, char *ret, size_t size)
{
	unsigned first = UINT_MAX, last = 0;

	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *point = &record->point[i];
		if (point->session != session)
			continue;
		first = point->plan.number < first ? point->plan.number : first;
		last = point->plan.number > last ? point->plan.number : last;
	}
	if (first == UINT_MAX)
		snprintf(ret, size, "no point");
	else if (first == last)
		snprintf(ret, size, "point %u", first + 1);
	else
		snprintf(ret, size, "points %u to %u", first + 1, last + 1);
}

/* Of a pen that cannot tell itself which it is. */
static void session_pen_text(const struct record_session *s, char *ret, size_t size)
{
	ret[0] = '\0';
	if (s->dut_said.wanted)
		snprintf(ret, size, "; pen read as %.60s before it, %s%.60s after it",
			 s->dut_said.before[0] ? s->dut_said.before : "nothing",
			 s->dut_said.after[0] ? "as " : "not read", s->dut_said.after);
}

void render_sessions(void (*row)(FILE *out, const char *name, const char *text), FILE *out, const struct record *record)
{
	char line[900], name[24], points[40], pen[180];

	for (unsigned i = 0; i < record->sessions; i++) {
		const struct record_session *s = &record->session[i];
		snprintf(name, sizeof(name), "session %u", i + 1);
		points_text(record, i + 1, points, sizeof(points));
		session_pen_text(s, pen, sizeof(pen));
		snprintf(line, sizeof(line), "%.120s, %.19sZ to %.19sZ, %s%s%.90s; %s: %.200s%s%s", s->name,
			 s->started_utc, s->ended_utc, points, s->operator_name[0] ? ", by " : "", s->operator_name,
			 run_status_name(s->run_status), s->status_reason,
			 s->moved && !s->stop_verified ? "; STOP UNVERIFIED" : "", pen);
		row(out, name, line);
		row(out, "override", s->override);
	}
	if (!record->sessions)
		return;
	snprintf(name, sizeof(name), "session %u", record->sessions + 1);
	points_text(record, 0, points, sizeof(points));
	snprintf(line, sizeof(line), "this run, %s", points);
	row(out, name, line);
}

void render_header(FILE *out, const struct record *record)
{
	char line[500];

	field(out, "DUT", record->dut);
	snprintf(line, sizeof(line), "%s%s%s", record->plan_name, *record->plan_description ? ": " : "",
		 record->plan_description);
	field(out, "plan", line);
	snprintf(line, sizeof(line), "%s%s%s", record->bench_name, *record->bench_site ? ", " : "", record->bench_site);
	field(out, "bench", line);
	render_made_of(field, out, record);
	field(out, "golden pen", render_golden(&record->golden, line, sizeof(line)));
	field(out, "found", record->bench_found);
	render_control(out, record);
	for (unsigned i = 0; i < record->devices; i++)
		render_device(out, &record->device[i]);
	field(out, "operator", record->operator_name);
	field(out, "lot", record->lot);
	field(out, "cartridge", record->cartridge);
	for (unsigned i = 0; i < record->attrs; i++)
		field(out, record->attr[i].key, record->attr[i].value);
	if (*record->origin.path)
		render_origin(out, &record->origin);
	render_statement(out, record);
	field(out, "started", record->started_utc);
	field(out, "ended", record->ended_utc);
	render_sessions(field, out, record);
}

static void cell_value(const struct style *style, const struct finding *r, char cell[CELL])
{
	if (r && r->result.valid)
		digits_pair(r->result.value, r->result.expanded_u, style->utf8 ? "\xc2\xb1" : "+-", cell, CELL);
	else
		snprintf(cell, CELL, "-");
}

static void cell_plain(int decimals, const struct finding *r, double factor, char cell[CELL])
{
	if (r && r->result.valid && isfinite(r->result.value))
		snprintf(cell, CELL, "%.*f", decimals, r->result.value * factor);
	else
		snprintf(cell, CELL, "-");
}

static const char *outcome_text(const struct record_point *point)
{
	bool limited = false;

	for (unsigned i = 0; i < point->results; i++)
		limited = limited || point->result[i].has_limit;
	if (!point->measured)
		return point->outcome >= OUTCOME_CONDITIONAL_FAIL ? outcome_name(point->outcome) : "not measured";
	bool unsure = plan_point_is_free(&point->plan) && point->outcome != OUTCOME_PASS;
	return limited || unsure ? outcome_name(point->outcome) : "measured";
}

/* With its rows no wider than 80 columns, whatever came of a point; where there are fewer, without what is judged least. */
#define ROW_WIDTH 80
static const char row_head[] = "\n #    mm    Hz    rate Hz (95 %) depth mm (95 %)";

static void put_row_head(FILE *out, const struct style *style)
{
	fprintf(out, "%s%s outcome\n", row_head, style->width < ROW_WIDTH ? "" : " sd um jit % hand C");
}

static void scatter_cells(FILE *out, const struct record_point *point)
{
	char cell[CELL];

	cell_plain(1, finding_on(point, MEASURAND_DEPTH_SD, NULL), 1000, cell);
	print_padded(out, cell, -6);
	cell_plain(3, finding_on(point, MEASURAND_PERIOD_JITTER, NULL), 1, cell);
	print_padded(out, cell, -6);
	cell_plain(1, finding_on(point, MEASURAND_HANDLE_TEMPERATURE, NULL), 1, cell);
	print_padded(out, cell, -7);
}

static void point_row(FILE *out, const struct style *style, const struct record *record,
		      const struct record_point *point)
{
	bool nominal = record->judge_nominal_rate, displacement = record->judge_displacement;
	const char *rate_method = measurand_method(JUDGED_BY_RATE, nominal, displacement);
	const char *depth_method = measurand_method(JUDGED_BY_DEPTH, nominal, displacement);
	enum tone tone = point->counts ? tone_of(point->outcome) : TONE_DIM;
	char cell[CELL];
	char session[SESSION_TEXT_MAX];

	fprintf(out, "%2u %5.3f %5.4g ", point->plan.number + 1, point->plan.depth_mm, point->plan.rate_hz);
	bool free = plan_point_is_free(&point->plan);
	cell_value(style,
		   free ? finding_on(point, MEASURAND_FREE_RATE, NULL)
			: finding_on(point, MEASURAND_STROKE_RATE, rate_method),
		   cell);
	print_padded(out, cell, -17);
	if (free)
		snprintf(cell, CELL, "free run");
	else
		cell_value(style, finding_on(point, MEASURAND_DEPTH, depth_method), cell);
	fputc(' ', out);
	print_padded(out, cell, -15);
	if (style->width >= ROW_WIDTH)
		scatter_cells(out, point);
	fputc(' ', out);
	tone_on(out, style, tone);
	fputs(outcome_text(point), out);
	tone_off(out, style, tone);
	session_text(record, point->session, session);
	if (!point->counts)
		fprintf(out, " (attempt %u, does not count%s)", point->attempt, session);
	else if (point->attempt > 1)
		fprintf(out, " (attempt %u%s)", point->attempt, session);
	else if (session[0])
		fprintf(out, " (%s)", session + strlen(", "));
	fputc('\n', out);
}

static void result_reason(FILE *out, const struct style *style, const struct finding *r)
{
	const char *why = *r->judgement.reason ? r->judgement.reason : r->result.reason;
	enum tone tone = tone_of(r->judgement.outcome);

	fprintf(out, "       %s%s%s%s: ", r->result.name, *r->result.method ? " (" : "", r->result.method,
		*r->result.method ? ")" : "");
	tone_on(out, style, tone);
	fputs(outcome_name(r->judgement.outcome), out);
	tone_off(out, style, tone);
	fputs(r->limit.required ? ", " : " (informative), ", out);
	print_clean(out, why);
	fputc('\n', out);
}

static void acceptance(FILE *out, const struct finding *r)
{
	const struct finding_process *p = &r->process;
	char wanted[DIGITS_TEXT_MAX];

	if (isnan(p->consumer_risk))
		return;
	digits_risk(p->consumer_risk, wanted);
	fprintf(out, "       %s to pass wrongly would need acceptance", wanted);
	if (isfinite(p->acceptance.lower))
		fprintf(out, " from %.5g", p->acceptance.lower);
	if (isfinite(p->acceptance.upper))
		fprintf(out, " up to %.5g", p->acceptance.upper);
	fprintf(out, " %s\n", r->result.unit);
}

/* Global risks, where the plan tells of the production. */
static void production(FILE *out, const struct finding *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct finding *r = &results[i];
		char consumer[DIGITS_TEXT_MAX], producer[DIGITS_TEXT_MAX];

		if (!r->has_process)
			continue;
		digits_risk(r->process.risk.consumer, consumer);
		digits_risk(r->process.risk.producer, producer);
		fprintf(out,
			"       %s: %.4g %% of the production conform; %s would pass wrongly, %s be rejected wrongly\n",
			r->result.name, 100 * r->process.risk.conforming, consumer, producer);
		acceptance(out, r);
	}
}

static bool has_reason(const struct finding *r)
{
	return r->has_limit && r->judgement.outcome != OUTCOME_PASS;
}

static void reasons(FILE *out, const struct style *style, const struct finding *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (has_reason(&results[i]))
			result_reason(out, style, &results[i]);
}

/* Unless a result beneath says it. */
static void point_reason(FILE *out, const struct record_point *point)
{
	for (unsigned i = 0; i < point->results; i++) {
		const struct finding *r = &point->result[i];
		const char *why = *r->judgement.reason ? r->judgement.reason : r->result.reason;
		size_t reason = strlen(point->reason), len = strlen(why);

		if (has_reason(r) && len && len <= reason && strcmp(point->reason + reason - len, why) == 0)
			return;
	}
	if (!*point->reason)
		return;
	fputs("       ", out);
	print_clean(out, point->reason);
	fputc('\n', out);
}

/* The column does not show what a thermometer showed. */
static bool over_rated_ambient(const struct record *record)
{
	const struct finding *handle =
		record->points ? finding_on(&record->point[0], MEASURAND_HANDLE_TEMPERATURE, NULL) : NULL;
	return handle && strcmp(handle->result.method, "rise_plus_rated_ambient") == 0;
}

/* Only where a free run was there to compare with. */
static void droop(FILE *out, const struct style *style, const struct record_point *point)
{
	const struct finding *r = finding_on(point, MEASURAND_RATE_DROOP, NULL);
	char cell[CELL];

	if (!r || !r->result.valid)
		return;
	cell_value(style, r, cell);
	fprintf(out, "       slower under load by %s %%\n", cell);
}

/* Of windows that the plan leaves open: what their longest time did not make known well enough. */
static void not_reached(FILE *out, const struct record_point *point)
{
	for (unsigned i = 0; i < point->targets; i++) {
		const struct record_target *t = &point->target[i];
		const char *unit = measurand_row(measurand_find(t->measurand))->unit;

		if (t->reached)
			continue;
		fprintf(out, "       target not reached: %s ", t->measurand);
		if (isfinite(t->u))
			fprintf(out, "is known to %.3g %s, ", t->u, unit);
		else
			fputs("has no value, ", out);
		fprintf(out, "%.3g %s was wanted\n", t->wanted_u, unit);
	}
}

void render_points(FILE *out, const struct style *style, const struct record *record)
{
	int step = -1;

	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *point = &record->point[i];

		if ((int)point->plan.step != step) {
			step = (int)point->plan.step;
			fprintf(out, "\nstep %d", step + 1);
			if (record->step_name && (unsigned)step < record->step_count) {
				fputs(": ", out);
				print_clean(out, record->step_name[step]);
			}
			put_row_head(out, style);
		}
		point_row(out, style, record, point);
		point_reason(out, point);
		droop(out, style, point);
		not_reached(out, point);
		reasons(out, style, point->result, point->results);
		production(out, point->result, point->results);
	}
	if (style->width >= ROW_WIDTH && over_rated_ambient(record))
		fputs("hand C: the handle's rise over ambient, added to the rated maximum ambient (IEC 60601-1 "
		      "11.1.3)\n",
		      out);
	if (record->points_planned > 0 && record->points == 0)
		fprintf(out, "\nNone of the %u planned points was begun.\n", record->points_planned);
}

/* What nobody asked for and what could not be had is no news. */
static bool is_idle(const struct finding *f)
{
	return !f->has_limit && !f->result.valid;
}

static bool is_idle_sweep(const struct record_sweep *sweep)
{
	for (unsigned i = 0; i < sweep->results; i++)
		if (!is_idle(&sweep->result[i]))
			return false;
	return true;
}

static void render_sweeps(FILE *out, const struct style *style, const struct record *record)
{
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *sweep = &record->sweep[i];

		if (is_idle_sweep(sweep))
			continue;
		fprintf(out, "step %u, %g Hz:", sweep->step + 1, sweep->rate_hz);
		for (unsigned j = 0, told = 0; j < sweep->results; j++) {
			const struct result *result = &sweep->result[j].result;
			char cell[CELL];

			if (is_idle(&sweep->result[j]))
				continue;
			cell_value(style, &sweep->result[j], cell);
			fprintf(out, "%s %s ", told++ ? "," : "", result->name);
			fprintf(out, "%s%s%s", result->valid ? cell : "not known", result->valid ? " " : "",
				result->valid ? result->unit : "");
		}
		fputc('\n', out);
		reasons(out, style, sweep->result, sweep->results);
		production(out, sweep->result, sweep->results);
	}
}

static void render_tests(FILE *out, const struct style *style, const struct record *record)
{
	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		enum tone tone = test->done ? tone_of(test->outcome) : TONE_WARN;
		char session[SESSION_TEXT_MAX];

		fprintf(out, "%s test%s: ", test->name, session_text(record, test->session, session));
		tone_on(out, style, tone);
		fputs(test->done ? outcome_name(test->outcome) : "not done", out);
		tone_off(out, style, tone);
		fputs(*test->text ? ", " : "", out);
		print_clean(out, test->text);
		fputc('\n', out);
	}
}

void render_extras(FILE *out, const struct style *style, const struct record *record)
{
	if (record->sweeps + record->tests + record->conditions > 0)
		fputc('\n', out);
	if (record->points > 0)
		render_sweeps(out, style, record);
	render_tests(out, style, record);
	for (unsigned i = 0; i < record->conditions; i++) {
		fputs("the pen reported: ", out);
		print_clean(out, record->condition[i].text);
		fputc('\n', out);
	}
}

void render_stop_unverified(FILE *out, const struct style *style, const char *why)
{
	tone_on(out, style, TONE_BAD);
	fputc('\n', out);
	render_banner(out, style, "STOP");
	fputs("\n*** STOP UNVERIFIED: the needles may still be moving. Cut the pen's power; do not touch the tip. "
	      "***\n*** ",
	      out);
	print_clean(out, why);
	fputs(" ***\n", out);
	tone_off(out, style, TONE_BAD);
}

static void print_upper(FILE *out, const char *name)
{
	for (; *name; name++)
		fputc(*name == '_' ? ' ' : *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name, out);
}

/* Each word on a line of its own: two would fit no terminal. */
static void print_big(FILE *out, const struct style *style, const struct record *record)
{
	enum tone tone = tone_of(record->dut_verdict);

	if (!style->big)
		return;
	tone_on(out, style, tone);
	render_banner(out, style, verdict_row(record->dut_verdict, record->on_statement)->banner);
	tone_off(out, style, tone);
	fputc('\n', out);
}

static void print_status(FILE *out, const struct style *style, const struct record *record)
{
	bool complete = record->run_status == RUN_COMPLETE;

	fputs("run: ", out);
	tone_on(out, style, complete ? TONE_NONE : TONE_WARN);
	fputs(run_status_name(record->run_status), out);
	tone_off(out, style, complete ? TONE_NONE : TONE_WARN);
	if (*record->status_reason && !strstr(record->verdict_reason, record->status_reason)) {
		fputs(", ", out);
		print_clean(out, record->status_reason);
	}
	fputc('\n', out);
	if (!record->moved)
		return;
	tone_on(out, style, record->stop_verified ? TONE_NONE : TONE_BAD);
	fputs(record->stop_verified ? "pen: seen to stand still" : "pen: STOP UNVERIFIED", out);
	tone_off(out, style, record->stop_verified ? TONE_NONE : TONE_BAD);
	fputs(*record->stop_text ? ", " : "", out);
	print_clean(out, record->stop_text);
	fputc('\n', out);
}

static void run_risk(FILE *out, const struct record *record)
{
	struct joint_risk joint;
	char bound[DIGITS_TEXT_MAX], largest[DIGITS_TEXT_MAX];

	if (!verdict_risk(record, &joint))
		return;
	bool many = joint.limits > 1, worth_a_figure = joint_risk_bound(&joint) >= DIGITS_RISK_LEAST;

	digits_risk(joint_risk_bound(&joint), bound);
	digits_risk(joint.largest, largest);
	fprintf(out, "risk that this pass is wrong: %s%s", many && worth_a_figure ? "at most " : "", bound);
	if (many)
		fprintf(out, ", %u limits together; the largest of one %s", joint.limits, largest);
	fputc('\n', out);
}

void render_verdict(FILE *out, const struct style *style, const struct record *record)
{
	enum tone tone = record->has_verdict ? tone_of(record->dut_verdict) : TONE_WARN;
	char again[160];

	fputc('\n', out);
	if (record->has_verdict)
		print_big(out, style, record);
	fputs("verdict: ", out);
	tone_on(out, style, tone);
	if (record->has_verdict)
		print_upper(out, verdict_name(record));
	else
		fputs("none", out);
	tone_off(out, style, tone);
	if (*record->verdict_reason) {
		fputs(", ", out);
		print_clean(out, record->verdict_reason);
	}
	if (*render_again(record, again))
		fprintf(out, "; %s", again);
	fputc('\n', out);
	run_risk(out, record);
	print_status(out, style, record);
}

#define FAILURES_SHOWN   12
#define FAILURE_LINE_MAX (ERR_TEXT_MAX + 300) /* a reason, a name and a place */

struct failure_list {
	FILE *out;
	const char *said; /* the verdict's reason: whole, or cut */
	bool left_out;    /* what it says, once */
	unsigned told;
};

/* "depth_error_mm at point 1 (1 mm, 120 Hz): why", as a verdict's reason begins. */
static void failure_line(const struct failure *f, char *ret, size_t size)
{
	char where[120];

	failure_place(f, where, sizeof(where));
	bool itself = where[0] && (f->kind == FAILURE_POINT || f->kind == FAILURE_NOT_RUN); /* its place is its name */
	snprintf(ret, size, "%s%s%s%s%s", itself ? "" : f->name, where[0] && !itself ? " at " : "", where,
		 f->reason[0] ? ": " : "", f->reason);
}

static bool is_said(const char *said, const struct failure *f, const char *line)
{
	char where[120];

	if (f->kind == FAILURE_RESULT)
		return strncmp(said, line, strlen(line)) == 0;
	failure_place(f, where, sizeof(where));
	return f->reason[0] && strstr(said, f->reason) && strstr(said, where);
}

static void render_failure(void *ctx, const struct failure *f)
{
	struct failure_list *list = ctx;
	char line[FAILURE_LINE_MAX];

	failure_line(f, line, sizeof(line));
	/* Why the run ended stands in a line above, as does what the verdict says whole. */
	if (f->kind == FAILURE_RUN)
		return;
	if (!list->left_out && is_said(list->said, f, line)) {
		list->left_out = true;
		return;
	}
	if (list->told++ >= FAILURES_SHOWN)
		return;
	fprintf(list->out, "  %s: ", outcome_name(f->outcome));
	print_clean(list->out, line);
	fputc('\n', list->out);
}

void render_failures(FILE *out, const struct record *record)
{
	struct failure_list list = {.out = out, .said = record->verdict_reason};

	failures_each(record, render_failure, &list);
	if (list.told > FAILURES_SHOWN)
		fprintf(out, "  and %u more: \"penrig show\" lists them\n", list.told - FAILURES_SHOWN);
}

static void render_software(FILE *out, const struct record *record)
{
	bool built = record->software_build[0] != '\0';

	fputs("penrig     ", out);
	print_clean(out, record->software_version);
	fputs(built ? " (" : "", out);
	print_clean(out, record->software_build);
	fprintf(out, "%s, method %u\n", built ? ")" : "", record->method);
}

void render_seals(FILE *out, const struct record *record)
{
	static const char *const said[] = {"not checked: ", "holds, key ", "DOES NOT HOLD: "};

	if (record->seals)
		fputs("\nsigned\n", out);
	for (unsigned i = 0; i < record->seals; i++) {
		const struct record_seal *seal = &record->seal[i];
		char line[700];

		snprintf(line, sizeof(line), "  %u  %s by %s%s at %s (%s): %s%s", seal->number,
			 *seal->meaning ? seal->meaning : "?", seal->bench ? "the bench " : "",
			 *seal->signer ? seal->signer : "?", *seal->utc ? seal->utc : "?",
			 *seal->verdict ? seal->verdict : "?", said[seal->state],
			 seal->state == SEAL_HOLDS ? seal->key_id : seal->why);
		print_clean(out, line);
		fputc('\n', out);
	}
}

void render_origins(FILE *out, const struct record *record)
{
	render_software(out, record);
	render_header(out, record);
}

void render_outcomes(FILE *out, const struct style *style, const struct record *record)
{
	render_points(out, style, record);
	render_extras(out, style, record);
	render_verdict(out, style, record);
	render_seals(out, record);
	if (record->moved && !record->stop_verified)
		render_stop_unverified(out, style, record->stop_text);
}

void render_record(FILE *out, const struct style *style, const struct record *record)
{
	render_origins(out, record);
	render_outcomes(out, style, record);
}
