/* The station's own scanner, foot switch and light: served by a child, `penrig io FILE`, which holds the devices; the station holds
 * none. Lines both ways: the child says {"event":"code","code":"..."} and {"event":"switch"}, each with its bench's label ("": the
 * first), and {"event":"devices","missing":[...]}; it is told {"light":"pass","bench":LABEL}. A switch starts and never stops: a foot that slips must not decide anything else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/station/inside.h"

#define AGAIN_NS (2 * NS_PER_S)
#define END_MS   1000              /* it switches its lights off */
#define READ_NS  (500 * NS_PER_MS) /* a question that has just come is not the one that a code answers */

static void take_missing(struct station *s, const struct json *list)
{
	s->io_missing = list && json_kind(list) == JSON_ARRAY && json_size(list) > 0;
	tell_station(s);
}

static enum state_act take_code(struct bench *b, const struct state_known *known, const char *code)
{
	const bool read = loop_now_ns(b->station->loop) - b->prompted_ns >= READ_NS;
	size_t len = strlen(code);

	station_unwrap(known->config, &code, &len);
	return state_scan(&b->state, known, code, len, read ? b->asked : 0);
}

static void take(struct station *s, const struct json *line)
{
	const struct json *event = json_get(line, "event"), *code = json_get(line, "code"),
			  *bench = json_get(line, "bench");
	const char *label = bench && json_kind(bench) == JSON_STRING ? json_string(bench) : "";
	const bool text = code && json_kind(code) == JSON_STRING;
	unsigned number = 0;

	while (*label && number < s->config->benches && strcmp(s->config->bench[number].label, label) != 0)
		number++;
	if (!event || json_kind(event) != JSON_STRING)
		return;
	if (strcmp(json_string(event), "devices") == 0) {
		take_missing(s, json_get(line, "missing"));
		return;
	}
	if (number == s->config->benches)
		return;
	struct bench *b = &s->bench[number];
	const struct state_known known = known_of(b);

	b->ordered_ns = loop_now_ns(s->loop);
	if (strcmp(json_string(event), "code") == 0 && text)
		act(b, take_code(b, &known, json_string(code)));
	else if (strcmp(json_string(event), "switch") == 0 && b->state.view == VIEW_ARMED && !b->helper)
		act(b, state_start(&b->state, &known));
}

static void on_line(void *ctx, const char *text)
{
	struct json_doc *doc;

	if (json_parse("io", text, strlen(text), &doc, NULL) < 0)
		return;
	take(ctx, json_root(doc));
	json_doc_free(doc);
}

static void begin(void *ctx, uint64_t now_ns);

static void clean(void *ctx, uint64_t now_ns)
{
	struct station *s = ctx;

	(void)now_ns;
	helper_free(s->io_ended);
	s->io_ended = NULL;
}

static void on_ended(void *ctx, const struct helper_end *end)
{
	struct station *s = ctx;

	(void)end;
	s->io_ended = s->io;
	s->io = NULL;
	s->io_missing = false;
	loop_timer_at(s->loop, &s->io_clean, 0);
	loop_timer_at(s->loop, &s->io_again, loop_now_ns(s->loop) + AGAIN_NS);
	tell_station(s);
}

static void begin(void *ctx, uint64_t now_ns)
{
	struct station *s = ctx;
	const struct helper_host host = {.ctx = s, .line = on_line, .ended = on_ended};
	struct helper_command command = {.count = 0};

	(void)now_ns;
	if (!helper_word(&command, own_program(), NULL) || !helper_word(&command, "io", NULL) ||
	    !helper_word(&command, s->config->io, NULL) ||
	    helper_start(s->loop, &command, 0, &host, &s->io, NULL) < 0) {
		loop_timer_at(s->loop, &s->io_again, loop_now_ns(s->loop) + AGAIN_NS);
		return;
	}
	for (unsigned i = 0; i < s->config->benches; i++) {
		s->bench[i].light[0] = '\0';
		station_io_light(&s->bench[i]);
	}
	tell_station(s);
}

void station_io_open(struct station *s)
{
	s->io_again = (struct loop_timer){.fn = begin, .ctx = s};
	s->io_clean = (struct loop_timer){.fn = clean, .ctx = s};
	if (s->config->io[0])
		begin(s, 0);
}

void station_io_close(struct station *s)
{
	loop_timer_cancel(s->loop, &s->io_again);
	loop_timer_cancel(s->loop, &s->io_clean);
	helper_end(s->io, END_MS);
	helper_free(s->io);
	helper_free(s->io_ended);
}

void station_io_light(struct bench *b)
{
	static const char *const views[] = {
		[VIEW_READY] = "ready", [VIEW_ARMED] = "armed", [VIEW_RUNNING] = "running", [VIEW_PROMPT] = "prompt"};
	const char *word = b->state.view == VIEW_VERDICT ? verdict_word_name(b->state.word) : views[b->state.view];
	struct json_out *out;
	char *text = NULL, line[256];

	if (!b->station->io || strcmp(b->light, word) == 0)
		return;
	out = json_out_object();
	json_out_string(out, "light", word);
	json_out_string(out, "bench", b->label);
	if (json_out_print(out, false, &text, NULL) == 0 &&
	    (size_t)snprintf(line, sizeof(line), "%s\n", text) < sizeof(line) && helper_say(b->station->io, line) == 0)
		snprintf(b->light, sizeof(b->light), "%s", word);
	free(text);
	json_out_free(out);
}
