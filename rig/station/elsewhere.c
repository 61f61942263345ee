/* What the history and the fleet's server know of a unit. Either may be slow, frozen or gone: a child asks them, with a time limit; a
 * code, a start and a verdict wait for the answer, no longer than that. Where the server does not say, what it said last against the
 * unit counts, and is kept on the disk for the station that comes after this one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/station/inside.h"
#include "rig/station/lines.h"

#define SAID     "server.jsonl"
#define ASK_S    5
#define AGAIN_NS (10 * NS_PER_S)
#define FRESH_NS (3 * NS_PER_S) /* between a scan and the start that follows it; also that it did not say */

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
	for (int i = 0; station_standings[i]; i++)
		if (strcmp(station_standings[i], text) == 0)
			return (enum station_standing)i;
	return STANDING_UNKNOWN;
}

static bool is_against(enum station_standing standing)
{
	return standing == STANDING_FAILED || standing == STANDING_REJECTED;
}

/* ---- what it said against a unit ------------------------------------------------------------------------------- */

static struct against_unit *against_of(const struct station *s, const char *serial)
{
	for (size_t i = 0; i < s->against.count; i++)
		if (strcmp(s->against.unit[i].serial, serial) == 0)
			return &s->against.unit[i];
	return NULL;
}

static struct against_unit *against_new(struct against *a, const char *serial)
{
	if (a->count == a->room) {
		const size_t room = 2 * a->room + 16;
		struct against_unit *more = reallocarray(a->unit, room, sizeof(*more));

		if (!more)
			return NULL;
		a->unit = more;
		a->room = room;
	}
	a->unit[a->count] = (struct against_unit){.standing = STANDING_UNKNOWN};
	snprintf(a->unit[a->count].serial, sizeof(a->unit->serial), "%s", serial);
	return &a->unit[a->count++];
}

/* NULL: nothing is to be kept of it, or no memory. */
static struct against_unit *note(struct station *s, const char *serial, enum station_standing standing)
{
	struct against_unit *unit = against_of(s, serial);

	if (!unit && is_against(standing))
		unit = against_new(&s->against, serial);
	if (!unit)
		return NULL;
	standing = is_against(standing) ? standing : STANDING_UNKNOWN;
	unit->written = unit->written && unit->standing == standing;
	unit->standing = standing;
	return unit;
}

/* Where the disk does not take it, it counts until this process ends, the page says so, and it is tried again. */
static void write_down(const struct station *s, struct against_unit *unit)
{
	struct json_out *out = json_out_object();

	json_out_string(out, "serial", unit->serial);
	json_out_string(out, "standing", station_standings[unit->standing]);
	json_out_u64(out, "wall_ns", loop_wall_ns(s->loop));
	unit->written = lines_append(s->against.fd, SAID, out, NULL) == 0;
}

/* Each page has it in its foot that something is on no disk, or is again. */
static void tell_where_changed(struct station *s, bool unkept)
{
	for (unsigned i = 0; elsewhere_unkept(s) != unkept && i < s->config->benches; i++)
		tell_bench(&s->bench[i]);
}

void elsewhere_keep(struct station *s, const char *serial, enum station_standing standing)
{
	const bool unkept = elsewhere_unkept(s);
	struct against_unit *unit = standing == STANDING_UNKNOWN ? NULL : note(s, serial, standing);

	if (unit && !unit->written)
		write_down(s, unit);
	tell_where_changed(s, unkept);
}

bool elsewhere_unkept(const struct station *s)
{
	for (size_t i = 0; i < s->against.count; i++)
		if (!s->against.unit[i].written)
			return true;
	return false;
}

void elsewhere_write_again(struct station *s, uint64_t now_ns)
{
	if (now_ns < s->against.again_ns || !elsewhere_unkept(s))
		return;
	s->against.again_ns = now_ns + AGAIN_NS;
	for (size_t i = 0; i < s->against.count; i++)
		if (!s->against.unit[i].written)
			write_down(s, &s->against.unit[i]);
	tell_where_changed(s, true);
}

enum station_standing elsewhere_before(const struct station *s, const char *serial)
{
	const struct against_unit *unit = against_of(s, serial);

	return unit ? unit->standing : STANDING_UNKNOWN;
}

struct said {
	char serial[STATION_TEXT], utc_ns[24];
	int standing;
};

#define AT(member) offsetof(struct said, member), sizeof(((struct said *)NULL)->member)
static const struct json_field said_fields[] = {
	{"serial", FIELD_STRING, AT(serial), .required = true, .lo = 1},
	{"standing", FIELD_WORD, AT(standing), .required = true, .words = station_standings},
	{"wall_ns", FIELD_STRING, AT(utc_ns), .required = true},
	{.key = NULL},
};

static int read_said(void *ctx, const struct json_doc *doc, struct err *err)
{
	struct said said = {.standing = STANDING_UNKNOWN};
	struct against_unit *unit;

	if (json_read_object(doc, json_root(doc), said_fields, &said, err) < 0)
		return -EBADMSG;
	unit = note(ctx, said.serial, (enum station_standing)said.standing);
	if (unit)
		unit->written = true;
	return unit || said.standing == STANDING_UNKNOWN ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int elsewhere_open(struct station *s, struct err *err)
{
	char path[FILE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/" SAID, s->config->state);
	s->against.fd = s->config->fleet[0] ? lines_open(path, read_said, s, err) : -1;
	return s->config->fleet[0] && s->against.fd < 0 ? s->against.fd : 0;
}

void elsewhere_forget(struct station *s)
{
	free(s->against.unit);
	if (s->against.fd >= 0)
		close(s->against.fd);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

static void tell_those_that_wait(struct bench *b)
{
	struct elsewhere *e = &b->elsewhere;
	struct state_known known = known_of(b);
	const bool releases = e->releases;

	known.past = past_of;
	e->releases = false;
	act(b, state_told(&b->state, &known));
	if (releases)
		people_release(b, e->serial);
}

static void answered(struct bench *b)
{
	struct elsewhere *e = &b->elsewhere;

	e->at_ns = loop_now_ns(b->station->loop);
	b->state.fleet_gone = elsewhere_standing(b, e->serial) == STANDING_UNKNOWN;
	b->state.history_gone = e->history == STANDING_UNKNOWN;
	if (b->state.history_gone)
		e->history = e->before;
	elsewhere_keep(b->station, e->serial, e->server);
	if (!e->waits) {
		tell_those_that_wait(b);
		return;
	}
	e->waits = false;
	conclude(b, e->exit_code);
}

static const char *behind(const char *line, const char *word)
{
	const size_t len = strlen(word);

	return strncmp(line, word, len) == 0 ? line + len : NULL;
}

static void on_line(void *ctx, const char *line)
{
	struct elsewhere *e = &((struct bench *)ctx)->elsewhere;
	const char *word;

	if (e->late)
		return;
	if ((word = behind(line, "history ")))
		e->history = standing_named(word);
	else if ((word = behind(line, "server ")))
		e->server = standing_named(word);
	else if ((word = behind(line, "decided ")) && e->count < DECIDED_MAX)
		snprintf(e->decided[e->count++], sizeof(e->decided[0]), "%s", word);
}

static void on_answer(void *ctx, const struct helper_end *end)
{
	struct bench *b = ctx;
	struct elsewhere *e = &b->elsewhere;
	const bool late = e->late;

	(void)end; /* what it has said stands, however it ended */
	helper_free(e->ended);
	e->ended = e->helper;
	e->helper = NULL;
	e->late = false;
	loop_timer_cancel(b->station->loop, &e->limit);
	loop_timer_at(b->station->loop, &e->clean, 0);
	if (!late)
		answered(b);
}

/* It was killed, and the kernel does not let it go. */
static void on_late(void *ctx, uint64_t now_ns)
{
	struct bench *b = ctx;

	(void)now_ns;
	b->elsewhere.late = true;
	answered(b);
}

bool elsewhere_asks(const struct bench *b, const char *serial)
{
	return b->elsewhere.helper && !b->elsewhere.late && strcmp(b->elsewhere.serial, serial) == 0;
}

/* As the code of the unit that is ready now was read. */
static bool has_just_said(const struct bench *b, const char *serial)
{
	const struct elsewhere *e = &b->elsewhere;

	return b->state.view == VIEW_ARMED && strcmp(e->serial, serial) == 0 && e->at_ns &&
	       loop_now_ns(b->station->loop) - e->at_ns < FRESH_NS;
}

static int start(struct bench *b)
{
	const struct helper_host host = {.ctx = b, .line = on_line, .ended = on_answer};
	struct helper_command command = {.count = 0};
	struct elsewhere *e = &b->elsewhere;
	char word[STATION_TEXT + 16];

	snprintf(word, sizeof(word), "--stands=%s", e->serial);
	if (!helper_word(&command, own_program(), NULL) || !helper_word(&command, "station", NULL) ||
	    !helper_word(&command, b->station->config->path, NULL) || !helper_word(&command, word, NULL))
		return -E2BIG;
	return helper_start(b->station->loop, &command, ASK_S, &host, &e->helper, NULL);
}

static bool is_about(const struct bench *b, const char *serial)
{
	return strcmp(b->elsewhere.serial, serial) == 0;
}

/* What the history said against this unit when it last answered. */
static enum station_standing said_before(const struct bench *b, const char *serial)
{
	const struct elsewhere *e = &b->elsewhere;

	if (!is_about(b, serial))
		return STANDING_UNKNOWN;
	return e->history == STANDING_UNKNOWN ? e->before : is_against(e->history) ? e->history : STANDING_UNKNOWN;
}

static void ask(struct bench *b, const char *serial)
{
	const enum station_standing before = said_before(b, serial);
	struct elsewhere *e = &b->elsewhere;

	if (!e->late) {
		helper_free(e->helper); /* one that has ended may be the caller: its timer frees it */
		e->helper = NULL;
	}
	loop_timer_cancel(b->station->loop, &e->limit);
	*e = (struct elsewhere){
		.clean = e->clean, .helper = e->helper, .ended = e->ended, .late = e->late, .before = before};
	e->clean.fn = clean;
	e->limit.fn = on_late;
	e->clean.ctx = e->limit.ctx = b;
	snprintf(e->serial, sizeof(e->serial), "%s", serial);
	if (e->late || start(b) < 0)
		answered(b);
	else
		loop_timer_at(b->station->loop, &e->limit, loop_now_ns(b->station->loop) + (ASK_S + 1) * NS_PER_S);
}

void elsewhere_ask(struct bench *b, const char *serial)
{
	if (b->station->host.answers && !elsewhere_asks(b, serial) && !has_just_said(b, serial))
		ask(b, serial);
}

void elsewhere_ask_again(struct bench *b, const char *serial)
{
	if (b->station->host.answers && !elsewhere_asks(b, serial) &&
	    (elsewhere_history(b, serial) == STANDING_UNKNOWN || elsewhere_standing(b, serial) == STANDING_UNKNOWN))
		ask(b, serial);
}

void elsewhere_ask_at_end(struct bench *b, const char *serial)
{
	if (b->station->host.answers && !elsewhere_asks(b, serial) && !b->elsewhere.late)
		ask(b, serial);
}

enum station_standing elsewhere_history(const struct bench *b, const char *serial)
{
	return is_about(b, serial) ? b->elsewhere.history : STANDING_UNKNOWN;
}

enum station_standing elsewhere_standing(const struct bench *b, const char *serial)
{
	if (!b->station->config->fleet[0])
		return STANDING_OPEN;
	return is_about(b, serial) ? b->elsewhere.server : STANDING_UNKNOWN;
}

bool elsewhere_decided(const struct bench *b, const char *serial, const char *run)
{
	for (unsigned i = 0; is_about(b, serial) && i < b->elsewhere.count; i++)
		if (strcmp(b->elsewhere.decided[i], run) == 0)
			return true;
	return false;
}

void elsewhere_release(struct bench *b, const char *serial)
{
	if (b->station->host.answers && !b->elsewhere.helper &&
	    !state_busy(&b->state)) /* else that answer is wanted more */
		ask(b, serial);     /* what was decided stands there now */
	if (elsewhere_asks(b, serial) && !state_busy(&b->state))
		b->elsewhere.releases = true;
	else
		people_release(b, serial);
}

bool elsewhere_delays(struct bench *b, int exit_code)
{
	struct elsewhere *e = &b->elsewhere;

	e->waits = elsewhere_asks(b, b->state.unit.serial);
	e->exit_code = exit_code;
	return e->waits;
}

void elsewhere_await(struct bench *b)
{
	while (b->elsewhere.helper && !b->elsewhere.late && loop_turn(b->station->loop, LOOP_NEVER) >= 0)
		;
}

void elsewhere_close(struct bench *b)
{
	struct elsewhere *e = &b->elsewhere;

	loop_timer_cancel(b->station->loop, &e->clean);
	loop_timer_cancel(b->station->loop, &e->limit);
	helper_free(e->helper);
	helper_free(e->ended);
	e->helper = e->ended = NULL;
}
