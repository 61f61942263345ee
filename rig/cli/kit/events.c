/* Events as lines of JSON. What a key means stands in docs/guide.md; what is not known is left out. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/base/text_clean.h"
#include "rig/cli/kit/events.h"
#include "rig/cli/kit/handing.h"
#include "rig/config/live.h"
#include "rig/judge/verdict.h"

#define DIGITS 7

int events_init(struct events *events, int fd, struct err *err)
{
	int mode = fd < 0 ? 0 : fcntl(fd, F_GETFL);
	struct stat st;

	if (mode < 0 || (fd >= 0 && (mode & O_ACCMODE) == O_RDONLY))
		return err_set(
			err, -EBADF,
			"--progress-fd %d: not open for writing; open it in the shell, for example %d>events.jsonl", fd,
			fd);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) != 0 &&
	    errno == EWOULDBLOCK)
		return err_set(
			err, -EBUSY,
			"--progress-fd %d: another run writes its events to this file; give each a file of its own",
			fd);
	/* A child that inherited it would keep its lock when this process is gone. */
	if (fd > STDERR_FILENO)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	*events = (struct events){.fd = fd};
	return 0;
}

static struct json_out *event_of(const char *kind)
{
	struct json_out *event = json_out_object();

	json_out_string(event, "event", kind);
	return event;
}

static void emit(struct events *events, struct json_out *event)
{
	char *text = NULL, line[HANDING_MAX + 1];
	int n;

	if (events->dropped)
		json_out_int(event, "dropped", events->dropped);
	if (json_out_print(event, false, &text, NULL) == 0) {
		n = snprintf(line, sizeof(line), "%s%s\n", events->partial ? "\n" : "", text);
		ssize_t sent = n < (int)sizeof(line) ? hand_over(events->fd, line, (size_t)n) : -EMSGSIZE;

		events->dropped = sent == n ? 0 : events->dropped + 1;
		events->partial = sent > 0 ? sent != n : events->partial;
		free(text);
	}
	json_out_free(event);
}

static void number(struct json_out *event, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(event, key, value, DIGITS);
}

static void text(struct json_out *event, const char *key, const char *value)
{
	if (value && *value)
		json_out_string(event, key, value);
}

void events_begin(struct events *events, const struct record *record, const struct plan *plan, const char *bench,
		  unsigned points)
{
	struct json_out *event;

	if (events->fd < 0)
		return;
	event = event_of("begin");
	json_out_int(event, "pid", getpid());
	json_out_string(event, "name", record->name);
	json_out_string(event, "dut", record->dut);
	text(event, "operator", record->operator_name);
	json_out_string(event, "plan", plan->name);
	json_out_string(event, "bench", bench);
	json_out_string(event, "version", record->software_version);
	json_out_int(event, "points", points);
	emit(events, event);
}

static void add_band(struct json_out *limits, const char *key, const struct live_band *band)
{
	struct json_out *out;

	if (!isfinite(band->lower) && !isfinite(band->upper))
		return;
	out = json_out_add_object(limits, key);
	number(out, "lower", band->lower);
	number(out, "upper", band->upper);
}

void events_setpoint(struct events *events, const struct plan *plan, const struct plan_point *points, unsigned count,
		     unsigned point)
{
	struct json_out *event, *limits;
	struct live_limits live;

	if (events->fd < 0 || point >= count || events->told == point + 1)
		return;
	events->told = point + 1;
	live_limits(plan, &points[point], &live);
	event = event_of("setpoint");
	json_out_int(event, "point", point + 1);
	json_out_int(event, "points", count);
	number(event, "depth_set_mm", points[point].depth_mm);
	number(event, "rate_set_hz", points[point].rate_hz);
	limits = json_out_add_object(event, "limits");
	add_band(limits, "rate_hz", &live.rate_hz);
	add_band(limits, "depth_mm", &live.depth_mm);
	emit(events, event);
}

static void add_point(struct json_out *event, const struct record_point *point)
{
	json_out_int(event, "number", point->plan.number + 1);
	json_out_int(event, "attempt", point->attempt);
	json_out_bool(event, "counts", point->counts);
	json_out_bool(event, "measured", point->measured);
	json_out_string(event, "outcome", outcome_name(point->outcome));
	text(event, "reason", point->reason);
}

void events_progress(struct events *events, const struct session_progress *now)
{
	const char *kind = now->finished ? "point" : now->alarm ? "alarm" : now->text ? "message" : "progress";
	struct json_out *event;

	if (events->fd < 0)
		return;
	event = event_of(kind);
	json_out_string(event, "stage", session_stage_name(now->stage));
	json_out_int(event, "point", now->point + 1);
	json_out_int(event, "points", now->points);
	number(event, "depth_set_mm", now->depth_set_mm);
	number(event, "rate_set_hz", now->rate_set_hz);
	number(event, "elapsed_s", now->elapsed_s);
	number(event, "remaining_s", now->remaining_s);
	number(event, "rate_hz", now->rate_hz);
	number(event, "depth_mm", now->depth_mm);
	number(event, "force_n", now->force_n);
	number(event, "handle_c", now->handle_c);
	json_out_int(event, "strokes", (int64_t)now->strokes);
	if (now->text)
		json_out_string(event, "text", now->text);
	if (now->finished)
		add_point(event, now->finished);
	emit(events, event);
}

void events_prompt(struct events *events, const struct session_prompt *prompt)
{
	struct json_out *event;

	events->asked++;
	if (events->fd < 0)
		return;
	event = event_of("prompt");
	json_out_int(event, "id", (int64_t)events->asked);
	json_out_string(event, "question", session_question_name(prompt->question));
	json_out_int(event, "point", prompt->point + 1);
	text(event, "phantom", prompt->phantom);
	text(event, "material", prompt->material);
	text(event, "position", prompt->position);
	if (prompt->depth_mm > 0)
		number(event, "depth_mm", prompt->depth_mm);
	json_out_string(event, "text", prompt->text);
	emit(events, event);
}

void events_refused(struct events *events, const char *line, const char *why)
{
	char clean[128];
	struct json_out *event;

	if (events->fd < 0)
		return;
	event = event_of("refused");
	json_out_string(event, "line", text_clean(line, clean, sizeof(clean)));
	json_out_string(event, "text", why);
	emit(events, event);
}

/* Which result's limit decided, as figures: a page says it in its own language. */
static void add_decided(struct json_out *event, const struct verdict_decided *decided)
{
	const struct finding *f = decided->finding;
	struct json_out *out = json_out_add_object(event, "decided");

	json_out_string(out, "measurand", f->result.name);
	text(out, "method", f->result.method);
	json_out_string(out, "unit", f->result.unit);
	number(out, "value", f->result.value);
	number(out, "expanded_uncertainty", f->result.expanded_u);
	if (f->limit.has_lower)
		number(out, "lower", f->limit.lower);
	if (f->limit.has_upper)
		number(out, "upper", f->limit.upper);
	number(out, "margin", f->judgement.margin);
	json_out_string(out, "outcome", outcome_name(f->judgement.outcome));
	if (!decided->point)
		return;
	json_out_int(out, "point", decided->point->plan.number + 1);
	number(out, "depth_set_mm", decided->point->plan.depth_mm);
	number(out, "rate_set_hz", decided->point->plan.rate_hz);
}

void events_end(struct events *events, const struct record *record, const struct plan *plan, int exit_code)
{
	bool unverified = record->moved && !record->stop_verified;
	struct verdict_decided decided;
	struct json_out *event;

	if (events->fd < 0)
		return;
	event = event_of("end");
	json_out_string(event, "run_status", run_status_name(record->run_status));
	json_out_string(event, "dut_verdict", record->has_verdict ? verdict_name(record) : NULL);
	json_out_int(event, "exit_code", exit_code);
	json_out_bool(event, "stop_unverified", unverified);
	json_out_bool(event, "moved", record->moved);
	json_out_bool(event, "safety_stop", record->safety_stop);
	json_out_string(event, "name", record->name);
	json_out_string(event, "dut", record->dut);
	text(event, "reason", record->run_status == RUN_COMPLETE ? record->verdict_reason : record->status_reason);
	if (unverified)
		text(event, "stop", record->stop_text);
	if (plan && verdict_decided(record, plan, &decided))
		add_decided(event, &decided);
	emit(events, event);
}
