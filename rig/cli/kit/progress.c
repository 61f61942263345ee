/* Progress on a terminal, in a log and as events. A write that would block is left out: for people the next one follows
 * within 250 ms, for programs the count of what is missing stands in the next event. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/progress.h"

#define LINE_MAX_BYTES 4096 /* PIPE_BUF: a pipe that polls writable takes so much at once, whole */

int progress_init(struct progress *progress, int fd, int event_fd, bool quiet, struct style style, struct err *err)
{
	int mode = event_fd < 0 ? 0 : fcntl(event_fd, F_GETFL);

	if (mode < 0 || (event_fd >= 0 && (mode & O_ACCMODE) == O_RDONLY))
		return err_set(
			err, -EBADF,
			"--progress-fd %d: not open for writing; open it in the shell, for example %d>events.jsonl",
			event_fd, event_fd);
	*progress = (struct progress){
		.fd = fd, .event_fd = event_fd, .quiet = quiet, .style = style, .terminal = isatty(fd) == 1};
	return 0;
}

static ssize_t write_if_ready(int fd, const char *text, size_t len)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (len == 0 || len > LINE_MAX_BYTES || poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return -EAGAIN;
	return write(fd, text, len);
}

/* Cleans, cuts to the terminal's width and ends the line as its place demands. */
static void say(struct progress *progress, const char *text, bool keep)
{
	char line[LINE_MAX_BYTES / 2], *clean = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&clean, &len);
	int n;

	if (!out)
		return;
	print_clean(out, text);
	if (fclose(out) == 0) {
		int cut = keep ? 1200 : (int)terminal_width(progress->fd) - 1;

		n = snprintf(line, sizeof(line), "%s%.*s%s%s", progress->terminal ? "\r" : "", cut, clean,
			     progress->terminal ? "\x1b[K" : "", keep ? "\n" : "");
		if (n > 0 && (size_t)n < sizeof(line) && write_if_ready(progress->fd, line, (size_t)n) > 0)
			progress->drawn = !keep;
	}
	free(clean);
}

static void send_event(struct progress *progress, struct json_out *event)
{
	char *text = NULL, line[LINE_MAX_BYTES + 1];
	int n;

	if (progress->dropped_events)
		json_out_int(event, "dropped", progress->dropped_events);
	if (json_out_print(event, false, &text, NULL) == 0) {
		n = snprintf(line, sizeof(line), "%s%s\n", progress->partial_event ? "\n" : "", text);
		ssize_t sent = n < (int)sizeof(line) ? write_if_ready(progress->event_fd, line, (size_t)n) : -EMSGSIZE;

		progress->dropped_events = sent == n ? 0 : progress->dropped_events + 1;
		progress->partial_event = sent > 0 ? sent != n : progress->partial_event;
		free(text);
	}
	json_out_free(event);
}

static void number(struct json_out *event, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(event, key, value, 7);
}

static void point_event(struct json_out *event, const struct record_point *point)
{
	json_out_int(event, "number", point->plan.number + 1);
	json_out_int(event, "attempt", point->attempt);
	json_out_bool(event, "counts", point->counts);
	json_out_bool(event, "measured", point->measured);
	json_out_string(event, "outcome", outcome_name(point->outcome));
	if (*point->reason)
		json_out_string(event, "reason", point->reason);
}

static void emit(struct progress *progress, const struct session_progress *now)
{
	struct json_out *event;
	const char *kind = now->finished ? "point" : now->alarm ? "alarm" : now->text ? "message" : "progress";

	if (progress->event_fd < 0)
		return;
	event = json_out_object();
	json_out_string(event, "event", kind);
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
		point_event(event, now->finished);
	send_event(progress, event);
}

static void point_line(struct progress *progress, const struct session_progress *now)
{
	const struct record_point *point = now->finished;
	char text[600];

	snprintf(text, sizeof(text), "point %u of %u: %.3f mm, %g Hz: %s%s%s", point->plan.number + 1, now->points,
		 point->plan.depth_mm, point->plan.rate_hz,
		 point->measured ? outcome_name(point->outcome) : "not measured", *point->reason ? ", " : "",
		 point->reason);
	say(progress, text, true);
}

static void live_part(const char *format_name, double value, int decimals, const char *unit, char *text, size_t size)
{
	size_t used = strlen(text);

	if (isfinite(value))
		snprintf(text + used, size - used, "  %s%.*f %s", format_name, decimals, value, unit);
}

static const char *stage_for_people(enum session_stage stage)
{
	switch (stage) {
	case STAGE_INTERLOCK: return "start interlock";
	case STAGE_TESTS: return "testing the pen";
	case STAGE_SPIN_UP: return "spin-up";
	default: return session_stage_name(stage);
	}
}

static void status_line(struct progress *progress, const struct session_progress *now)
{
	bool live = now->stage == STAGE_SPIN_UP || now->stage == STAGE_MEASURING;
	char text[600], left[40];

	snprintf(text, sizeof(text), "[%u/%u] %s", now->point + 1, now->points, stage_for_people(now->stage));
	if (now->stage >= STAGE_TARE && now->stage <= STAGE_STOPPING) {
		live_part("", now->depth_set_mm, 2, "mm", text, sizeof(text));
		live_part("", now->rate_set_hz, 0, "Hz", text, sizeof(text));
	}
	live_part("| ", live ? now->rate_hz : NAN, 2, "Hz", text, sizeof(text));
	live_part("", live ? now->depth_mm : NAN, 3, "mm", text, sizeof(text));
	live_part("", now->handle_c, 1, "degC", text, sizeof(text));
	if (now->stage < STAGE_SAVING && isfinite(now->remaining_s) && now->remaining_s > 0) {
		format_duration(now->remaining_s, left, sizeof(left));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "  %s left", left);
	}
	say(progress, text, false);
}

void progress_show(struct progress *progress, const struct session_progress *now)
{
	emit(progress, now);
	if (now->alarm) {
		char text[ERR_TEXT_MAX + 40];

		snprintf(text, sizeof(text), "*** %s ***", now->text ? now->text : "");
		say(progress, text, true);
		return;
	}
	if (progress->quiet)
		return;
	if (now->text)
		say(progress, now->text, true);
	if (now->finished)
		point_line(progress, now);
	else if (progress->terminal && now->stage != STAGE_PROMPT)
		status_line(progress, now);
}

void progress_prompt(struct progress *progress, const char *text)
{
	char line[ERR_TEXT_MAX + 60];

	snprintf(line, sizeof(line), "%s  [Enter: done, q: give up]", text);
	say(progress, line, true);
	if (progress->event_fd >= 0) {
		struct json_out *event = json_out_object();

		json_out_string(event, "event", "prompt");
		json_out_string(event, "text", text);
		send_event(progress, event);
	}
}

void progress_end(struct progress *progress, const struct record *record, int exit_code)
{
	struct json_out *event;

	if (progress->drawn)
		say(progress, "", false);
	progress->drawn = false;
	if (progress->event_fd < 0)
		return;
	event = json_out_object();
	json_out_string(event, "event", "end");
	json_out_string(event, "run_status", run_status_name(record->run_status));
	json_out_string(event, "dut_verdict", record->has_verdict ? outcome_name(record->dut_verdict) : NULL);
	json_out_int(event, "exit_code", exit_code);
	json_out_bool(event, "stop_unverified", record->moved && !record->stop_verified);
	json_out_string(event, "name", record->name);
	send_event(progress, event);
}
