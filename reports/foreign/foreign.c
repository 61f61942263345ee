/* A run as groups of figures and checks, as formats of other programs want it. Judges nothing: every outcome is the record's. */
#include "reports/foreign/foreign.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reports/digits.h"
#include "reports/render.h"
#include "rig/base/digest.h"
#include "rig/base/text_clean.h"
#include "rig/judge/verdict.h"
#include "rig/record/sessions.h"

#define TEXT_MAX 1000

/* ---- grades ------------------------------------------------------------------------------------------------------- */

static enum grade grade_of(enum outcome outcome, bool accept_conditional)
{
	switch (outcome) {
	case OUTCOME_PASS: return GRADE_PASS;
	case OUTCOME_CONDITIONAL_PASS: return accept_conditional ? GRADE_PASS : GRADE_ERROR;
	case OUTCOME_INCONCLUSIVE: return GRADE_ERROR;
	case OUTCOME_CONDITIONAL_FAIL:
	case OUTCOME_FAIL: break;
	}
	return GRADE_FAIL;
}

enum grade grade_of_run(const struct record *record)
{
	if (verdict_exit_code(record) == 0)
		return record_rejected(record) ? GRADE_ERROR : GRADE_PASS;
	if (record->has_verdict && grade_of(record->dut_verdict, false) == GRADE_FAIL)
		return GRADE_FAIL;
	return record->run_status == RUN_INTERRUPTED ? GRADE_ABORTED : GRADE_ERROR;
}

enum grade grade_of_finding(const struct finding *f)
{
	return f->has_limit && f->limit.required ? grade_of(f->judgement.outcome, f->limit.accept_conditional)
						 : GRADE_NONE;
}

const char *foreign_why(const struct record *record, char ret[FOREIGN_VERDICT_MAX])
{
	const char *why = record->verdict_reason[0] ? record->verdict_reason : record->status_reason;
	char again[160], rejected[RENDER_REJECTED_MAX];

	render_again(record, again);
	render_rejected(record, rejected);
	snprintf(ret, FOREIGN_VERDICT_MAX, "%s%s%.500s%s%s", rejected, *rejected ? "; " : "", why,
		 *why && *again ? "; " : "", again);
	return ret;
}

const char *foreign_verdict(const struct record *record, char ret[FOREIGN_VERDICT_MAX])
{
	char why[FOREIGN_VERDICT_MAX];

	foreign_why(record, why);
	snprintf(ret, FOREIGN_VERDICT_MAX, "%s%s%.*s", verdict_name(record), *why ? ": " : "", FOREIGN_VERDICT_MAX - 60,
		 why);
	return ret;
}

/* A fail outweighs what could not be shown, and both outweigh what passed. */
static enum grade worse(enum grade a, enum grade b)
{
	static const unsigned weight[GRADES] = {[GRADE_PASS] = 1, [GRADE_ERROR] = 2, [GRADE_FAIL] = 3};

	return weight[b] > weight[a] ? b : a;
}

/* ---- groups ------------------------------------------------------------------------------------------------------- */

/* A mark is of the clock of the session that measured the point. */
static uint64_t ms_of_host(const struct record *record, unsigned session, uint64_t host_ns, uint64_t other)
{
	uint64_t begin = foreign_utc_ms(session_started_utc(record, session));
	uint64_t started_ns = session_started_ns(record, session);

	return host_ns == UINT64_MAX || host_ns < started_ns || !begin ? other
								       : begin + (host_ns - started_ns) / 1000000;
}

static const char *phantom_of(const struct record *record, int phantom)
{
	return phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? record->phantom_serial[phantom] : "";
}

static enum grade grade_of_results(const struct finding *result, unsigned results)
{
	enum grade grade = GRADE_NONE;

	for (unsigned i = 0; i < results; i++)
		grade = worse(grade, grade_of_finding(&result[i]));
	return grade;
}

/* An attempt that did not reach its end shows nothing; one whose outcome no result explains is told by that outcome. */
static enum grade grade_of_point(const struct record_point *p)
{
	enum grade grade = grade_of_results(p->result, p->results);

	if (!p->counts)
		return GRADE_NONE;
	if (!p->measured)
		return worse(grade, GRADE_ERROR);
	return p->outcome == OUTCOME_CONDITIONAL_PASS || p->outcome == OUTCOME_PASS
		       ? grade
		       : worse(grade, grade_of(p->outcome, false));
}

void foreign_point_group(const struct record *record, const struct record_point *p, struct foreign_group *ret)
{
	const char *phantom = phantom_of(record, p->plan.phantom);
	uint64_t open = p->mark[MARK_OPEN].host_ns, close = p->mark[MARK_CLOSE].host_ns;

	*ret = (struct foreign_group){.point = p,
				      .results = p->results,
				      .result = p->result,
				      .grade = grade_of_point(p),
				      .reason = p->reason};
	snprintf(ret->place, sizeof(ret->place), "point %u%s: %.4g mm, %.6g Hz%s%.48s%s", p->plan.number + 1,
		 plan_point_is_free(&p->plan) ? " (free run)" : "", p->plan.depth_mm, p->plan.rate_hz,
		 phantom[0] ? " on " : "", phantom, p->plan.upward ? "" : ", downward");
	snprintf(ret->name, sizeof(ret->name), "%s, attempt %u", ret->place, p->attempt);
	ret->begin_ms = ms_of_host(record, p->session, open, p->start_wall_ns / 1000000);
	ret->end_ms = ms_of_host(record, p->session, close, ret->begin_ms);
	if (ret->end_ms < ret->begin_ms)
		ret->end_ms = ret->begin_ms;
}

uint64_t foreign_point_ms(const struct record *record, const struct record_point *point)
{
	struct foreign_group group;

	foreign_point_group(record, point, &group);
	return group.end_ms - group.begin_ms;
}

static void sweep_group(const struct record *record, const struct record_sweep *s, struct foreign_group *ret)
{
	const char *phantom = phantom_of(record, s->phantom);

	*ret = (struct foreign_group){.sweep = s,
				      .results = s->results,
				      .result = s->result,
				      .grade = grade_of_results(s->result, s->results),
				      .reason = ""};
	snprintf(ret->place, sizeof(ret->place), "step %u over all depths at %.6g Hz%s%.48s", s->step + 1, s->rate_hz,
		 phantom[0] ? " on " : "", phantom);
	snprintf(ret->name, sizeof(ret->name), "%s", ret->place);
	ret->begin_ms = ret->end_ms = foreign_utc_ms(record->ended_utc);
}

void foreign_each_group(const struct record *record, void (*fn)(void *ctx, const struct foreign_group *group),
			void *ctx)
{
	struct foreign_group group;

	for (unsigned i = 0; i < record->points; i++) {
		foreign_point_group(record, &record->point[i], &group);
		fn(ctx, &group);
	}
	for (unsigned i = 0; i < record->sweeps; i++) {
		sweep_group(record, &record->sweep[i], &group);
		fn(ctx, &group);
	}
}

void foreign_name(const struct finding *f, char ret[FOREIGN_NAME_MAX])
{
	const struct result *r = &f->result;

	snprintf(ret, FOREIGN_NAME_MAX, "%.40s%s%.40s%s", r->name, r->method[0] ? " (" : "", r->method,
		 r->method[0] ? ")" : "");
}

/* ---- checks ------------------------------------------------------------------------------------------------------- */

struct checking {
	void (*fn)(void *ctx, const struct foreign_check *check);
	void *ctx;
};

__attribute__((format(printf, 4, 5))) static void tell(const struct checking *c, enum grade grade, const char *text,
						       const char *fmt, ...)
{
	struct foreign_check check = {.grade = grade, .text = text};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(check.name, sizeof(check.name), fmt, ap);
	va_end(ap);
	c->fn(c->ctx, &check);
}

static bool was_run(const struct record *record, unsigned number)
{
	for (unsigned i = 0; i < record->points; i++)
		if (record->point[i].plan.number == number)
			return true;
	return false;
}

static void tell_pen(const struct checking *c, const struct record *record)
{
	char session[SESSION_TEXT_MAX];

	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		tell(c, test->done ? grade_of(test->outcome, false) : GRADE_ERROR, test->text, "%s test%s", test->name,
		     session_text(record, test->session, session));
	}
	for (unsigned i = 0; i < record->conditions; i++) {
		bool rig = record->condition[i].condition == PEN_CARTRIDGE_MISSING;
		tell(c, rig ? GRADE_ERROR : GRADE_FAIL, record->condition[i].text, "condition %u reported by the pen",
		     i + 1);
	}
}

static void tell_stop(const struct checking *c, bool verified, const char *text, const char *name)
{
	char told[sizeof(((struct record *)NULL)->stop_text) + 32];

	snprintf(told, sizeof(told), "%s%s", verified ? "" : "STOP UNVERIFIED: ", text);
	tell(c, verified ? GRADE_PASS : GRADE_ERROR, told, "%s", name);
}

/* Of an earlier session only what was not seen: its other stops are in its own report. */
static void tell_stops(const struct checking *c, const struct record *record)
{
	char name[64];

	if (record->moved)
		tell_stop(c, record->stop_verified, record->stop_text, "stop verified");
	for (unsigned i = 0; i < record->sessions; i++) {
		const struct record_session *s = &record->session[i];

		snprintf(name, sizeof(name), "stop verified, session %u", i + 1);
		if (s->moved && !s->stop_verified)
			tell_stop(c, false, s->stop_text, name);
	}
}

void foreign_each_check(const struct record *record, void (*fn)(void *ctx, const struct foreign_check *check),
			void *ctx)
{
	const struct checking c = {.fn = fn, .ctx = ctx};
	const char *status = record->status_reason[0] ? record->status_reason : run_status_name(record->run_status);

	tell(&c, record->run_status == RUN_COMPLETE ? GRADE_PASS : GRADE_ERROR, status, "run status");
	tell_stops(&c, record);
	tell_pen(&c, record);
	for (unsigned number = 0; number < record->points_planned; number++)
		if (!was_run(record, number))
			tell(&c, GRADE_ERROR, "it was not run", "point %u of %u", number + 1, record->points_planned);
}

/* ---- words -------------------------------------------------------------------------------------------------------- */

uint64_t foreign_utc_ms(const char *iso)
{
	struct tm tm = {.tm_year = 0};
	unsigned ms = 0;
	const char *rest = strptime(iso, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!rest)
		return 0;
	if (sscanf(rest, ".%3u", &ms) != 1)
		ms = 0;
	return (uint64_t)timegm(&tm) * 1000 + ms;
}

void foreign_utc_text(uint64_t ms, char ret[FOREIGN_UTC_MAX])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	size_t n = strftime(ret, FOREIGN_UTC_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret + n, FOREIGN_UTC_MAX - n, ".%03uZ", (unsigned)(ms % 1000));
}

void foreign_uuid(const struct record *record, char ret[FOREIGN_UUID_MAX])
{
	const char *const parts[] = {record->name, record->host, record->started_utc, record->dut};
	uint8_t sum[DIGEST_BYTES];
	struct digest digest;

	digest_begin(&digest);
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		digest_raw(&digest, parts[i], strlen(parts[i]) + 1);
	digest_end(&digest, sum);
	sum[6] = (sum[6] & 0x0f) | 0x80;
	sum[8] = (sum[8] & 0x3f) | 0x80;
	for (unsigned i = 0, at = 0; i < 16; i++)
		at += (unsigned)snprintf(ret + at, FOREIGN_UUID_MAX - at, "%s%02x",
					 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", sum[i]);
}

void foreign_put_text(struct json_stream *out, const char *key, const char *text)
{
	char clean[TEXT_MAX];

	json_put_string(out, key, text_clean(text, clean, sizeof(clean)));
}

static void put_real(struct json_stream *out, const char *key, double value)
{
	if (isfinite(value))
		json_put_number(out, key, value, DIGITS_EXACT);
}

void foreign_put_judgement(struct json_stream *out, const struct finding *f)
{
	const struct result *r = &f->result;

	json_put_string(out, "outcome", f->has_limit ? outcome_name(f->judgement.outcome) : "informative");
	json_put_bool(out, "trusted", r->valid && r->trusted);
	if (r->valid) {
		put_real(out, "value", r->value);
		put_real(out, "expanded_uncertainty", r->expanded_u);
		put_real(out, "coverage_factor", r->k);
	}
	foreign_put_text(out, "unit", r->unit);
	if (f->has_limit) {
		put_real(out, "lower", f->limit.has_lower ? f->limit.lower : NAN);
		put_real(out, "upper", f->limit.has_upper ? f->limit.upper : NAN);
		put_real(out, "guard_r", f->limit.guard_r);
		json_put_bool(out, "required", f->limit.required);
		json_put_bool(out, "accept_conditional", f->limit.accept_conditional);
		put_real(out, "false_accept_risk", f->judgement.false_accept_risk);
	}
	foreign_put_text(out, "reason", f->has_limit && f->judgement.reason[0] ? f->judgement.reason : r->reason);
}

char *foreign_judgement(const struct finding *f)
{
	struct json_stream *js = malloc(sizeof(*js));
	char *text = NULL;
	size_t len;
	FILE *out = js ? open_memstream(&text, &len) : NULL;

	if (out) {
		json_stream_open(js, out);
		json_object(js, NULL, JSON_LINE);
		foreign_put_judgement(js, f);
		json_end(js);
		bool bad = json_stream_close(js, NULL) != 0;
		if (fclose(out) != 0 || bad) {
			free(text);
			text = NULL;
		}
	}
	free(js);
	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

const char *foreign_attribute(const struct record *record, const char *name, const char *other)
{
	for (unsigned i = 0; i < record->attrs; i++)
		if (strcmp(record->attr[i].key, name) == 0)
			return record->attr[i].value;
	return other;
}

const struct record_device *foreign_pen(const struct record *record)
{
	for (unsigned i = 0; i < record->devices; i++)
		if (strcmp(record->device[i].role, "pen") == 0)
			return &record->device[i];
	return NULL;
}
