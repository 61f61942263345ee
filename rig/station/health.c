/* How a bench stands, before a test is refused for it. Its file, the history and the folder of runs may lie on a share that does not
 * answer: a child looks at them, with a time limit, and the page says where it did not come back. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "rig/station/inside.h"

#define LOOK_NS       (300 * NS_PER_S)
#define LOOK_S        5
#define AGAIN_NS      (5 * NS_PER_S) /* where it did not say */
#define UNTESTED_MANY 2              /* the line engineer is to be called */
#define DISK_FEW_GB   1.0            /* a run needs some 10 MB */

const char *const station_health_words[] = {
	[HEALTH_GOOD] = "",
	[HEALTH_BENCH_FILE] = "bench_file",
	[HEALTH_CALIBRATION] = "calibration",
	[HEALTH_GOLDEN] = "golden",
	[HEALTH_DISK] = "disk",
	[HEALTH_NOT_TESTED] = "not_tested",
	[HEALTH_UNREAD] = "unread",
	[HEALTH_UNKEPT] = "unkept",
	NULL,
};

#define AT(member) .offset = offsetof(struct station_health, member)
static const struct json_field fields[] = {
	{.key = "word", .kind = FIELD_WORD, AT(word), .required = true, .words = station_health_words},
	{.key = "calibration_days", .kind = FIELD_NUMBER, AT(calibration_days)},
	{.key = "golden_days", .kind = FIELD_NUMBER, AT(golden_days)},
	{.key = "disk_gb", .kind = FIELD_NUMBER, AT(disk_gb)},
	{.key = NULL},
};

static struct station_health health_none(enum health_word word)
{
	return (struct station_health){.word = word, .calibration_days = NAN, .golden_days = NAN, .disk_gb = NAN};
}

void health_begin(struct bench *b)
{
	b->health = health_none(HEALTH_GOOD);
}

enum health_word health_of(const struct bench *b)
{
	if (elsewhere_unkept(b->station))
		return HEALTH_UNKEPT;
	if (b->health.word != HEALTH_GOOD)
		return (enum health_word)b->health.word;
	if (b->health.disk_gb < DISK_FEW_GB)
		return HEALTH_DISK;
	return b->untested >= UNTESTED_MANY ? HEALTH_NOT_TESTED : HEALTH_GOOD;
}

void health_print(const struct bench *b, struct json_out *out)
{
	struct json_out *o = json_out_add_object(out, "health");

	json_out_string(o, "word", station_health_words[health_of(b)]);
	if (isfinite(b->health.calibration_days))
		json_out_number(o, "calibration_days", b->health.calibration_days, 6);
	if (isfinite(b->health.golden_days))
		json_out_number(o, "golden_days", b->health.golden_days, 3);
}

static void take(struct bench *b, const struct station_health *health)
{
	b->health = *health;
	if (isfinite(health->disk_gb) && !(fabs(health->disk_gb - b->station->disk_gb) < 0.05)) {
		b->station->disk_gb = health->disk_gb;
		tell_station(b->station);
	}
	tell_bench(b);
}

static void fail(struct bench *b, uint64_t now_ns)
{
	const struct station_health unread = health_none(HEALTH_UNREAD);

	b->health_ns = now_ns + AGAIN_NS;
	take(b, &unread);
}

static bool read_answer(const char *text, struct station_health *ret)
{
	struct json_doc *doc = NULL;
	bool ok;

	*ret = health_none(HEALTH_GOOD);
	if (json_parse("health", text, strlen(text), &doc, NULL) < 0)
		return false;
	ok = json_read_object(doc, json_root(doc), fields, ret, NULL) == 0;
	json_doc_free(doc);
	return ok;
}

static void clean(void *ctx, uint64_t now_ns)
{
	struct looking *l = &((struct bench *)ctx)->looking;

	(void)now_ns;
	helper_free(l->ended);
	l->ended = NULL;
}

static void on_answer(void *ctx, const struct helper_end *end)
{
	struct bench *b = ctx;
	struct looking *l = &b->looking;
	struct station_health health;
	const bool late = l->late, read = end->exit_code == 0 && read_answer(end->output, &health);

	l->ended = l->helper;
	l->helper = NULL;
	l->late = false;
	loop_timer_at(b->station->loop, &l->clean, 0);
	if (read)
		take(b, &health);
	if (read && health.word == HEALTH_UNREAD)
		b->health_ns = loop_now_ns(b->station->loop) + AGAIN_NS;
	else if (!read && !late)
		fail(b, loop_now_ns(b->station->loop));
}

static void begin(struct bench *b, uint64_t now_ns)
{
	const struct station_config *c = b->station->config;
	const struct helper_host host = {.ctx = b, .ended = on_answer};
	struct helper_command command = {.count = 0};
	struct looking *l = &b->looking;
	char word[STATION_TEXT + 16];

	l->clean.fn = clean;
	l->clean.ctx = b;
	l->since_ns = now_ns;
	b->health_ns = now_ns + LOOK_NS;
	snprintf(word, sizeof(word), "--health=%s", b->label);
	if (!helper_word(&command, own_program(), NULL) || !helper_word(&command, "station", NULL) ||
	    !helper_word(&command, c->path, NULL) || !helper_word(&command, word, NULL) ||
	    helper_start(b->station->loop, &command, LOOK_S, &host, &l->helper, NULL) < 0)
		fail(b, now_ns);
}

void health_look(struct bench *b, uint64_t now_ns)
{
	struct looking *l = &b->looking;

	if (!b->station->host.answers)
		return;
	if (l->helper && !l->late && now_ns - l->since_ns > (LOOK_S + 1) * NS_PER_S) {
		l->late = true; /* it was killed, and the kernel does not let it go */
		fail(b, now_ns);
	}
	if (!l->helper && !l->ended && now_ns >= b->health_ns && !state_busy(&b->state))
		begin(b, now_ns);
}

void health_close(struct bench *b)
{
	struct looking *l = &b->looking;

	loop_timer_cancel(b->station->loop, &l->clean);
	helper_free(l->helper);
	helper_free(l->ended);
	l->helper = l->ended = NULL;
}
