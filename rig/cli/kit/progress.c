/* Progress on a terminal and in a log; events are handed on. A write that would block is left out: the next one follows
 * within 250 ms. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/handing.h"
#include "rig/cli/kit/progress.h"

int progress_init(struct progress *progress, int fd, int event_fd, bool quiet, struct style style, struct err *err)
{
	*progress = (struct progress){.fd = fd, .quiet = quiet, .style = style, .terminal = isatty(fd) == 1};
	return events_init(&progress->events, event_fd, err);
}

/* Cleans, cuts to the terminal's width and ends the line as its place demands. */
static void say(struct progress *progress, const char *text, bool keep)
{
	char line[HANDING_MAX / 2], *clean = NULL;
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
		if (n > 0 && (size_t)n < sizeof(line) && hand_over(progress->fd, line, (size_t)n) > 0)
			progress->drawn = !keep;
	}
	free(clean);
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
	events_progress(&progress->events, now);
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

void progress_prompt(struct progress *progress, const struct session_prompt *prompt)
{
	char line[ERR_TEXT_MAX + 60];

	snprintf(line, sizeof(line), "%s  [%s, q: give up]", prompt->text,
		 prompt->question == QUESTION_SCAN_PEN ? "its serial number, Enter" : "Enter: done");
	say(progress, line, true);
	events_prompt(&progress->events, prompt);
}

void progress_remind(struct progress *progress, const char *typed)
{
	char line[ERR_TEXT_MAX];

	snprintf(line, sizeof(line), "\"%.40s\" is no answer: Enter goes on, q ends the run", typed);
	say(progress, line, true);
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		say(progress, "", false);
	progress->drawn = false;
}
