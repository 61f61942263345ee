/* What the fleet's server knows of a unit. It may be slow, frozen or gone: a child asks it, with a time limit, while the unit is
 * tested, and the verdict waits for the answer, no longer than that. */
#include <stdio.h>
#include <string.h>

#include "rig/station/inside.h"

#define ASK_S    5
#define FRESH_NS (3 * NS_PER_S) /* between a scan and the start that follows it */

const char *const station_standings[] = {
	[STANDING_UNKNOWN] = "unknown", [STANDING_OPEN] = "open",         [STANDING_ACCEPTED] = "accepted",
	[STANDING_FAILED] = "failed",   [STANDING_REJECTED] = "rejected", NULL,
};

static void clean(void *ctx, uint64_t now_ns)
{
	struct elsewhere *e = &((struct bench *)ctx)->elsewhere;

	(void)now_ns;
	helper_free(e->ended);
	e->ended = NULL;
}

static enum station_standing standing_named(const char *text)
{
	size_t len = strcspn(text, "\n");

	for (int i = 0; station_standings[i]; i++)
		if (strlen(station_standings[i]) == len && strncmp(station_standings[i], text, len) == 0)
			return (enum station_standing)i;
	return STANDING_UNKNOWN;
}

static void answered(struct bench *b, enum station_standing standing)
{
	struct elsewhere *e = &b->elsewhere;

	e->standing = standing;
	e->at_ns = loop_now_ns(b->station->loop);
	b->state.fleet_gone = standing == STANDING_UNKNOWN;
	if (!e->waits) {
		tell_bench(b);
		return;
	}
	e->waits = false;
	conclude(b, e->exit_code);
}

static void on_answer(void *ctx, const struct helper_end *end)
{
	struct bench *b = ctx;
	struct elsewhere *e = &b->elsewhere;

	e->ended = e->helper;
	e->helper = NULL;
	loop_timer_at(b->station->loop, &e->clean, 0);
	answered(b, end->exit_code == 0 ? standing_named(end->output) : STANDING_UNKNOWN);
}

static bool is_fresh(const struct bench *b, const char *serial)
{
	const struct elsewhere *e = &b->elsewhere;

	return strcmp(e->serial, serial) == 0 &&
	       (e->helper || (e->standing != STANDING_UNKNOWN && loop_now_ns(b->station->loop) - e->at_ns < FRESH_NS));
}

void elsewhere_ask(struct bench *b, const char *serial)
{
	const struct station_config *c = b->station->config;
	const struct helper_host host = {.ctx = b, .ended = on_answer};
	struct elsewhere *e = &b->elsewhere;
	struct helper_command command = {.count = 0};
	char word[STATION_TEXT + 16];

	if (!c->fleet[0] || is_fresh(b, serial))
		return;
	elsewhere_close(b);
	*e = (struct elsewhere){.clean = {.fn = clean, .ctx = b}};
	snprintf(e->serial, sizeof(e->serial), "%s", serial);
	snprintf(word, sizeof(word), "--stands=%s", serial);
	if (!helper_word(&command, own_program(), NULL) || !helper_word(&command, "station", NULL) ||
	    !helper_word(&command, c->path, NULL) || !helper_word(&command, word, NULL) ||
	    helper_start(b->station->loop, &command, ASK_S, &host, &e->helper, NULL) < 0)
		answered(b, STANDING_UNKNOWN);
}

enum station_standing elsewhere_standing(const struct bench *b, const char *serial)
{
	if (!b->station->config->fleet[0])
		return STANDING_OPEN;
	return strcmp(b->elsewhere.serial, serial) == 0 ? b->elsewhere.standing : STANDING_UNKNOWN;
}

bool elsewhere_delays(struct bench *b, int exit_code)
{
	struct elsewhere *e = &b->elsewhere;

	e->waits = e->helper && strcmp(e->serial, b->state.unit.serial) == 0;
	e->exit_code = exit_code;
	return e->waits;
}

void elsewhere_await(struct bench *b)
{
	while (b->elsewhere.helper && loop_turn(b->station->loop, LOOP_NEVER) >= 0)
		;
}

void elsewhere_close(struct bench *b)
{
	struct elsewhere *e = &b->elsewhere;

	loop_timer_cancel(b->station->loop, &e->clean);
	helper_free(e->helper);
	helper_free(e->ended);
	e->helper = e->ended = NULL;
}
