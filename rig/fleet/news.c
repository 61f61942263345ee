#include "rig/fleet/news.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/base/json.h"

#define VERSION     1 /* of the messages: reports/schema/telemetry.schema.json */
#define PROGRESS_NS NS_PER_S
#define AGAIN_NS    (30 * NS_PER_S)

static struct json_out *message(enum telemetry_kind kind, const char *bench)
{
	struct json_out *out = json_out_object();

	json_out_string(out, "kind", telemetry_topics[kind]);
	json_out_int(out, "version", VERSION);
	json_out_string(out, "bench", bench);
	return out;
}

static void add_time(struct json_out *out, const struct agent *agent)
{
	uint64_t wall_ns = loop_wall_ns(agent->loop);
	time_t at = (time_t)(wall_ns / NS_PER_S);
	struct tm utc;
	char text[32];

	gmtime_r(&at, &utc);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(wall_ns % NS_PER_S / NS_PER_MS));
	json_out_string(out, "at", text);
}

static void tell(struct seat *seat, enum telemetry_kind kind, struct json_out *out)
{
	char *text = NULL;

	if (json_out_print(out, false, &text, NULL) == 0)
		telemetry_tell(seat->agent->telemetry, seat->index, kind, text);
	free(text);
	json_out_free(out);
}

static void add_run(struct json_out *out, const struct seat *seat)
{
	json_out_string(out, "run", seat->item.name);
	json_out_string(out, "run_id", seat->item.run_id);
	json_out_int(out, "job", seat->item.job);
	json_out_string(out, "dut", seat->news.dut);
}

/* ---- state --------------------------------------------------------------------------------------------------------- */

static char *offline(const char *bench)
{
	struct json_out *out = message(TELEMETRY_STATE, bench);
	char *text = NULL;

	json_out_string(out, "state", "offline");
	(void)json_out_print(out, false, &text, NULL);
	json_out_free(out);
	return text;
}

/* Without the time, by which no two are the same. */
static struct json_out *state_of(const struct seat *seat, const struct outbox_counts *counts, uint64_t lost)
{
	struct json_out *out = message(TELEMETRY_STATE, seat_name(seat));

	json_out_string(out, "state", seat_state(seat, seat->child != NULL));
	if (seat->child)
		add_run(out, seat);
	json_out_bool(out, "server", !seat->agent->failures);
	if (counts) {
		json_out_int(out, "outbox", counts->waiting);
		json_out_int(out, "refused", counts->refused);
	}
	json_out_int(out, "lost", (int64_t)lost);
	json_out_string(out, "software", seat->agent->config->version);
	return out;
}

/* Of a text that is too long its beginning is kept, and compared. counts NULL: the history does not say. */
static void tell_state(struct seat *seat, const struct outbox_counts *counts, uint64_t lost, uint64_t now_ns)
{
	struct json_out *out = state_of(seat, counts, lost);
	char *text = NULL;

	if (json_out_print(out, false, &text, NULL) == 0 &&
	    (strncmp(text, seat->news.state, sizeof(seat->news.state) - 1) != 0 || now_ns >= seat->news.again_ns)) {
		snprintf(seat->news.state, sizeof(seat->news.state), "%s", text);
		seat->news.again_ns = now_ns + AGAIN_NS;
		add_time(out, seat->agent);
		tell(seat, TELEMETRY_STATE, out);
	} else {
		json_out_free(out);
	}
	free(text);
}

static void tell_person(struct seat *seat, const struct telemetry_counts *now)
{
	struct seat_news *news = &seat->news;

	if (!now->up && *now->why && !news->away) {
		agent_say(seat->agent, "%s: no telemetry: %s; it is tried again, and nothing waits for it",
			  seat_name(seat), now->why);
		news->away = true;
	} else if (now->up && news->away) {
		agent_say(seat->agent, "%s: telemetry is back, %llu messages were lost so far", seat_name(seat),
			  (unsigned long long)now->lost);
		news->away = false;
	}
}

void news_state(struct agent *agent, uint64_t now_ns)
{
	struct outbox_counts outbox;

	if (!agent->telemetry)
		return;
	bool known = outbox_count(agent->history, &outbox, NULL) == 0;
	for (unsigned i = 0; i < agent->seats; i++) {
		struct telemetry_counts counts;
		telemetry_look(agent->telemetry, i, &counts);
		tell_person(&agent->seat[i], &counts);
		tell_state(&agent->seat[i], known ? &outbox : NULL, counts.lost, now_ns);
	}
}

/* ---- a run --------------------------------------------------------------------------------------------------------- */

static void copy(struct json_out *out, const struct json *event, const char *const *keys)
{
	for (; *keys; keys++) {
		const struct json *value = json_get(event, *keys);
		if (value)
			json_out_copy(out, *keys, value);
	}
}

static const char *text_of(const struct json *event, const char *key)
{
	const struct json *value = json_get(event, key);

	return value && json_kind(value) == JSON_STRING ? json_string(value) : "";
}

static void on_begin(struct seat *seat, const struct json *event)
{
	snprintf(seat->news.dut, sizeof(seat->news.dut), "%s", text_of(event, "dut"));
	seat->news.ended = false;
	seat->news.progress_ns = 0;
	news_state(seat->agent, loop_now_ns(seat->agent->loop));
}

static void on_progress(struct seat *seat, const struct json *event)
{
	static const char *const keys[] = {"stage",     "point",       "points",  "depth_set_mm", "rate_set_hz",
					   "elapsed_s", "remaining_s", "rate_hz", "depth_mm",     "force_n",
					   "handle_c",  "strokes",     NULL};
	uint64_t now_ns = loop_now_ns(seat->agent->loop);

	if (now_ns < seat->news.progress_ns)
		return;
	seat->news.progress_ns = now_ns + PROGRESS_NS;
	struct json_out *out = message(TELEMETRY_PROGRESS, seat_name(seat));
	add_time(out, seat->agent);
	add_run(out, seat);
	copy(out, event, keys);
	tell(seat, TELEMETRY_PROGRESS, out);
}

static void on_end(struct seat *seat, const struct json *event)
{
	static const char *const keys[] = {"run_status", "dut_verdict", "exit_code", "stop_unverified",
					   "moved",      "reason",      "stop",      NULL};
	struct json_out *out = message(TELEMETRY_VERDICT, seat_name(seat));

	seat->news.ended = true;
	add_time(out, seat->agent);
	if (!*seat->news.dut)
		snprintf(seat->news.dut, sizeof(seat->news.dut), "%s", text_of(event, "dut"));
	add_run(out, seat);
	copy(out, event, keys);
	tell(seat, TELEMETRY_VERDICT, out);
}

void news_event(struct seat *seat, const struct json *event)
{
	static const struct {
		const char *name;
		void (*fn)(struct seat *seat, const struct json *event);
	} rows[] = {{"begin", on_begin}, {"progress", on_progress}, {"end", on_end}};
	const char *name = text_of(event, "event");

	for (unsigned i = 0; seat->agent->telemetry && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(name, rows[i].name) == 0)
			rows[i].fn(seat, event);
}

/* Without a last word: nobody knows what its pen does, and whoever watches is told so. */
void news_ended(struct seat *seat)
{
	if (!seat->agent->telemetry || seat->news.ended)
		return;
	struct json_out *out = message(TELEMETRY_VERDICT, seat_name(seat));
	add_time(out, seat->agent);
	add_run(out, seat);
	json_out_string(out, "run_status", "died");
	json_out_null(out, "dut_verdict");
	if (seat->exit_code >= 0)
		json_out_int(out, "exit_code", seat->exit_code);
	else
		json_out_null(out, "exit_code");
	tell(seat, TELEMETRY_VERDICT, out);
	seat->news.ended = true;
}

/* ---- beginning and end --------------------------------------------------------------------------------------------- */

int news_open(struct agent *agent, struct err *err)
{
	const struct telemetry_config *config = &agent->config->telemetry;
	int rc = config->url ? telemetry_open(config, &agent->telemetry, err) : 0;

	for (unsigned i = 0; agent->telemetry && i < agent->seats && !rc; i++) {
		char *will = offline(seat_name(&agent->seat[i]));
		rc = will ? telemetry_add(agent->telemetry, seat_name(&agent->seat[i]), will, err)
			  : err_set(err, -ENOMEM, "out of memory");
		free(will);
	}
	return rc || !agent->telemetry ? rc : telemetry_begin(agent->telemetry, err);
}

void news_close(struct agent *agent)
{
	for (unsigned i = 0; agent->telemetry && i < agent->seats; i++) {
		struct json_out *out = message(TELEMETRY_STATE, seat_name(&agent->seat[i]));
		json_out_string(out, "state", "offline");
		add_time(out, agent);
		tell(&agent->seat[i], TELEMETRY_STATE, out);
	}
	telemetry_close(agent->telemetry);
	agent->telemetry = NULL;
}
