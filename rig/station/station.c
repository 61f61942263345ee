/* Benches, their children, the file of units and the page's stream, tied together. Decisions are state.c's. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "rig/station/inside.h"

#define BEAT_NS NS_PER_S

/* ---- what pages are told --------------------------------------------------------------------------------------- */

static char *bench_text(const struct bench *b)
{
	struct json_out *out = json_out_object();
	char *text = NULL;

	json_out_int(out, "bench", b->number);
	json_out_string(out, "label", b->station->config->bench[b->number].label);
	state_print(&b->state, b->station->config, out);
	health_print(b, out);
	(void)json_out_print(out, false, &text, NULL);
	json_out_free(out);
	return text;
}

/* Midnight of the bench's own time zone. */
static uint64_t day_begin_ns(const struct station *s)
{
	time_t now = (time_t)(loop_wall_ns(s->loop) / NS_PER_S);
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return 0;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	now = mktime(&tm);
	return now > 0 ? (uint64_t)now * NS_PER_S : 0;
}

char *station_text(const struct station *s)
{
	struct json_out *out = json_out_object();
	char *text = NULL;

	json_out_string(out, "name", s->config->name);
	json_out_string(out, "language", station_languages[s->config->language]);
	json_out_int(out, "benches", s->config->benches);
	json_out_bool(out, "sign_in", s->config->operators > 0 || s->accounts);
	json_out_bool(out, "accounts", s->accounts != NULL);
	json_out_string(out, "scan_prefix", s->config->prefix);
	json_out_string(out, "scan_suffix", s->config->suffix);
	if (isfinite(s->disk_gb))
		json_out_number(out, "disk_gb", s->disk_gb, 3);
	json_out_bool(out, "devices_gone", s->config->io[0] && (!s->io || s->io_missing));
	units_print(s->units, day_begin_ns(s), out);
	(void)json_out_print(out, false, &text, NULL);
	json_out_free(out);
	return text;
}

static void tell(struct station *s, const char *kind, char *text)
{
	if (text)
		(void)feed_add(s->feed, kind, text);
	free(text);
	http_wake(s->http);
}

void tell_bench(struct bench *b)
{
	const int64_t asked = state_question(&b->state, b->station->config);

	if (b == &b->station->gone)
		return;
	if (asked != b->asked)
		b->prompted_ns = loop_now_ns(b->station->loop);
	b->asked = asked;
	tell(b->station, "bench", bench_text(b));
	station_io_light(b);
	if (b->station->host.changed)
		b->station->host.changed(b->station->host.ctx, b->number);
}

void tell_station(struct station *s)
{
	tell(s, "station", station_text(s));
}

static char *snapshot(void *ctx)
{
	const struct station *s = ctx;
	char *text = NULL, *part = station_text(s);
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		goto done;
	fprintf(out, "event: station\ndata: %s\n\n", part ? part : "{}");
	for (unsigned i = 0; i < s->config->benches; i++) {
		free(part);
		part = bench_text(&s->bench[i]);
		fprintf(out, "event: bench\ndata: %s\n\n", part ? part : "{}");
	}
	if (fclose(out) != 0) {
		free(text);
		text = NULL;
	}
done:
	free(part);
	return text;
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static void on_event(void *ctx, const struct json *event)
{
	struct bench *b = ctx;

	state_event(&b->state, event);
	tell_bench(b);
}

static void clean(void *ctx, uint64_t now_ns)
{
	struct bench *b = ctx;

	(void)now_ns;
	child_free(b->ended);
	b->ended = NULL;
}

void remember(struct bench *b)
{
	struct station *s = b->station;
	struct unit_row row = {.word = b->state.word, .wall_ns = loop_wall_ns(s->loop)};
	struct err err;

	row.failed = row.word != WORD_FAIL && state_proved_fail(&b->state);
	snprintf(row.bench, sizeof(row.bench), "%s", b->label);
	snprintf(row.serial, sizeof(row.serial), "%s", b->state.unit.serial);
	snprintf(row.name, sizeof(row.name), "%s", b->state.name);
	if (units_add(s->units, &row, &err) < 0) {
		/* A pass that cannot be kept is none; what is worse stays, and counts as long as this station runs. */
		if (row.word == WORD_PASS)
			state_failed(&b->state, "storage");
		else
			state_unheard(&b->state, "not_kept");
		row.word = b->state.word;
		(void)units_keep(s->units, &row);
	}
	tell_station(s);
}

static void on_ended(void *ctx, int exit_code)
{
	struct bench *b = ctx;

	if (b->child && exit_code <= 0) /* maybe a pass; one that ended while nobody watched was just asked about */
		elsewhere_ask_at_end(b, b->state.unit.serial);
	b->ended = b->child;
	b->child = NULL;
	loop_timer_at(b->station->loop, &b->clean, 0);
	if (!elsewhere_delays(b, exit_code))
		conclude(b, exit_code);
}

void conclude(struct bench *b, int exit_code)
{
	const struct unit_past past = past_of(b, b->state.unit.serial);

	if (exit_code >= 0 && exit_code < BENCH_CODES)
		b->ended_as[exit_code]++;
	state_ended(&b->state, exit_code, &past);
	b->untested = b->state.word == WORD_NOT_TESTED || b->state.word == WORD_STOP_UNVERIFIED ? b->untested + 1 : 0;
	b->health_ns = 0; /* a reference pen may have passed, or been used up */
	remember(b);
	if (b != &b->station->gone)
		hooks_after(b);
	tell_bench(b);
}

static struct child_host child_host_of(struct bench *b)
{
	return (struct child_host){.ctx = b, .event = on_event, .ended = on_ended, .watches = b->station->watches};
}

static void name_run(const struct bench *b, char *ret, size_t size)
{
	uint64_t wall_ns = loop_wall_ns(b->station->loop);
	time_t now = (time_t)(wall_ns / NS_PER_S);
	char when[32];
	struct tm tm;

	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", gmtime_r(&now, &tm));
	snprintf(ret, size, "%.63s-%s.%03uZ-%u", b->state.unit.serial, when, (unsigned)(wall_ns / NS_PER_MS % 1000),
		 b->number + 1);
	for (char *c = ret; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
			*c = '-';
	if (*ret == '.' || *ret == '-')
		*ret = '_';
}

static void start(struct bench *b)
{
	struct unit unit = b->state.unit;
	char name[128];

	name_run(b, name, sizeof(name));
	state_run(&b->state, name, &unit);
	elsewhere_ask_again(b, unit.serial); /* it has until the test ends */
	hooks_before(b);
}

void start_run(struct bench *b)
{
	const struct child_host host = child_host_of(b);
	struct child_order order = {
		.bench = b->number, .unit = &b->state.unit, .person = b->state.person, .name = b->state.name};
	struct err err;

	for (unsigned i = 0; i < b->station->config->befores; i++)
		order.attribute[i] = b->hook_said[i];
	if (child_start(b->station->config, b->station->loop, &order, &host, &b->child, &err) < 0) {
		state_failed(&b->state, "cannot_start");
		snprintf(b->state.end.reason, sizeof(b->state.end.reason), "%.300s", err.text);
		remember(b);
	}
}

static void heard(struct bench *b, int rc)
{
	if (rc < 0)
		state_unheard(&b->state, "not_answered");
}

void act(struct bench *b, enum state_act what)
{
	switch (b->elsewhere.waits ? ACT_NOTHING : what) { /* its run has ended: nothing is left to be told */
	case ACT_START:
		if (b->helper) /* of the unit before */
			state_refuse(&b->state, "hooks_run", "");
		else
			start(b);
		break;
	case ACT_STOP:
		if (!hooks_stop(b) && child_stop(b->child) < 0)
			state_unheard(&b->state, "not_stopped");
		break;
	case ACT_DONE:
	case ACT_GIVE_UP: heard(b, child_answer(b->child, b->state.prompt.id, what == ACT_DONE)); break;
	case ACT_TELL: heard(b, child_tell(b->child, b->state.prompt.id, b->state.prompt.read)); break;
	case ACT_NOTHING: break;
	}
	tell_bench(b);
}

/* ---- orders of a page ------------------------------------------------------------------------------------------ */

struct undecided {
	const struct bench *bench;
	const char *serial;
	unsigned failed;
};

/* Decided at a terminal, by penrig dispose: the history knows of it. */
static void look_at_open(void *ctx, const char *name)
{
	struct undecided *u = ctx;

	u->failed += !elsewhere_decided(u->bench, u->serial, name);
}

/* What the history knows beyond this station's own file. */
static void add_history(struct bench *b, const char *serial, struct unit_past *past)
{
	const struct station *s = b->station;
	struct undecided undecided = {.bench = b, .serial = serial};
	const enum station_standing standing = elsewhere_history(b, serial);
	enum station_standing far = elsewhere_standing(b, serial);
	const bool far_gone = far == STANDING_UNKNOWN;

	if (past->open) {
		units_each_open(s->units, serial, look_at_open, &undecided);
		past->open = undecided.failed > 0;
		past->failed = undecided.failed; /* as after a decision at the page */
	}
	if (far_gone)
		far = elsewhere_before(s, serial);
	past->unknown = standing == STANDING_UNKNOWN || far_gone;
	past->open = past->open || standing == STANDING_FAILED || far == STANDING_FAILED;
	past->rejected = past->rejected || standing == STANDING_REJECTED || far == STANDING_REJECTED;
	past->accepted = past->accepted || standing == STANDING_ACCEPTED || far == STANDING_ACCEPTED;
	/* Set aside at a terminal: a new test decides. */
	if (past->held && !past->accepted && !past->open && !past->rejected && !past->unknown)
		past->held = false;
}

/* What was held is green once a supervisor has accepted it, and nothing that could be asked stands against it. */
static void settle(struct bench *b, const char *serial, struct unit_past *past)
{
	struct unit_row row = {.word = WORD_PASS, .wall_ns = loop_wall_ns(b->station->loop)};

	if (!past->held || !past->accepted || past->open || past->rejected || past->unknown)
		return;
	snprintf(row.serial, sizeof(row.serial), "%s", serial);
	snprintf(row.bench, sizeof(row.bench), "%s", b->label);
	snprintf(row.name, sizeof(row.name), "%s", units_last(b->station->units, serial));
	if (units_add(b->station->units, &row, NULL) < 0)
		return;
	past->held = false;
	past->passed = true;
	tell_station(b->station);
	if (b != &b->station->gone)
		hooks_released(b, serial, row.name);
}

struct unit_past past_of(void *ctx, const char *serial)
{
	struct bench *b = ctx;
	struct unit_past past = units_past(b->station->units, serial);

	add_history(b, serial, &past);
	settle(b, serial, &past);
	for (unsigned i = 0; i < b->station->config->benches; i++) {
		const struct bench *other = &b->station->bench[i];

		if (other != b && state_busy(&other->state) && strcmp(other->state.unit.serial, serial) == 0)
			past.elsewhere = true;
	}
	return past;
}

/* For a code that is read, or a test that is to begin. */
static struct unit_past past_asked(void *ctx, const char *serial)
{
	struct unit_past past;

	elsewhere_ask(ctx, serial);
	past = past_of(ctx, serial);
	past.asked = elsewhere_asks(ctx, serial);
	return past;
}

static int year_of(const struct station *s)
{
	time_t now = (time_t)(loop_wall_ns(s->loop) / NS_PER_S);
	struct tm tm;

	return gmtime_r(&now, &tm) ? tm.tm_year + 1900 : 1970;
}

struct state_known known_of(struct bench *b)
{
	return (struct state_known){.config = b->station->config,
				    .year = year_of(b->station),
				    .past = past_asked,
				    .account = b->station->accounts ? account_of : NULL,
				    .ctx = b};
}

struct order {
	int what;
	int64_t bench, id;
	int decision;
	const struct json *code, *who, *pin, *reason, *serial;
};
enum { DO_SCAN, DO_START, DO_STOP, DO_DONE, DO_GIVE_UP, DO_SIGN_IN, DO_SIGN_OUT, DO_DECIDE };
static const char *const order_words[] = {"scan",    "start",    "stop",   "done", "give_up",
					  "sign_in", "sign_out", "decide", NULL};
static const char *const decision_words[] = {"retest", "accept", "reject", NULL};

#define AT(member) .offset = offsetof(struct order, member)
static const struct json_field order_fields[] = {
	{.key = "do", .kind = FIELD_WORD, AT(what), .required = true, .words = order_words},
	{.key = "bench", .kind = FIELD_INT, AT(bench), .required = true, .hi = STATION_BENCHES_MAX - 1},
	{.key = "id", .kind = FIELD_INT, AT(id), .hi = 1e9},
	{.key = "code", .kind = FIELD_NODE, AT(code)},
	{.key = "who", .kind = FIELD_NODE, AT(who)},
	{.key = "pin", .kind = FIELD_NODE, AT(pin)},
	{.key = "reason", .kind = FIELD_NODE, AT(reason)},
	{.key = "serial", .kind = FIELD_NODE, AT(serial)},
	{.key = "decision", .kind = FIELD_WORD, AT(decision), .words = decision_words},
	{.key = NULL},
};

static const char *said(const struct json *node)
{
	return node ? json_string(node) : "";
}

/* Who orders a start by what a page shows means the unit that it shows. */
static enum state_act start_unit(struct bench *b, const struct state_known *known, const char *serial)
{
	const struct bench_state *s = &b->state;
	const char *unit = s->asking.serial[0] ? s->asking.serial : s->unit.serial;

	if (*serial && strcmp(serial, unit) != 0 && !state_busy(s)) {
		state_refuse(&b->state, "another_unit", unit);
		return ACT_NOTHING;
	}
	return state_start(&b->state, known);
}

static enum state_act obey(struct bench *b, const struct order *o)
{
	const char *code = said(o->code);
	const struct state_known known = known_of(b);
	const struct order_text text = {.who = said(o->who),
					.pin = said(o->pin),
					.reason = said(o->reason),
					.serial = said(o->serial),
					.decision = (enum verdict_word)(WORD_RETEST + o->decision)};

	b->ordered_ns = loop_now_ns(b->station->loop);
	if (o->what != DO_START && o->what != DO_SCAN)
		state_drop(&b->state);
	switch (o->what) {
	case DO_START: return start_unit(b, &known, text.serial);
	case DO_STOP: return state_stop(&b->state);
	case DO_DONE:
	case DO_GIVE_UP: return state_answer(&b->state, &known, o->id, o->what == DO_DONE);
	case DO_SIGN_IN: people_sign_in(b, &text); return ACT_NOTHING;
	case DO_SIGN_OUT: people_sign_out(b); return ACT_NOTHING;
	case DO_DECIDE: people_decide(b, &text); return ACT_NOTHING;
	default: return state_scan(&b->state, &known, code, strlen(code), o->id);
	}
}

/* Each order has what it needs and nothing that is another's; all of it is text. */
static bool is_whole(const struct order *o)
{
	const struct json *const texts[] = {o->code, o->who, o->pin, o->reason, o->serial};
	bool person = o->what == DO_SIGN_IN || o->what == DO_DECIDE;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i] && json_kind(texts[i]) != JSON_STRING)
			return false;
	return (o->what == DO_SCAN) == (o->code != NULL) && person == (o->pin != NULL) && (person || !o->who) &&
	       (o->what == DO_DECIDE) == (o->reason && o->serial && o->decision >= 0) &&
	       (o->what == DO_DECIDE || !o->reason) && (o->what == DO_DECIDE || o->what == DO_START || !o->serial);
}

static unsigned on_order(void *ctx, const char *body, size_t len)
{
	struct station *s = ctx;
	struct order order = {.what = -1, .decision = -1};
	struct json_doc *doc;
	unsigned status = 400;

	if (json_parse("order", body, len, &doc, NULL) < 0)
		return status;
	if (json_read_object(doc, json_root(doc), order_fields, &order, NULL) == 0 &&
	    order.bench < s->config->benches && is_whole(&order)) {
		struct bench *b = &s->bench[order.bench];

		act(b, obey(b, &order));
		status = 200;
	}
	json_doc_free(doc);
	return status;
}

static bool on_report(void *ctx, const char *name, char *ret, size_t size)
{
	const struct station *s = ctx;

	return units_seen(s->units, name) && !strchr(name, '/') &&
	       (size_t)snprintf(ret, size, "%s/%s.report.html", s->config->output, name) < size;
}

/* By its number in the configuration, and no other way: no name of a file comes from a page. */
static bool on_picture(void *ctx, const char *name, const char **ret_path, const char **ret_type)
{
	const struct station_config *c = ((const struct station *)ctx)->config;
	char *end = NULL;
	unsigned long number = isdigit((unsigned char)*name) ? strtoul(name, &end, 10) : STATION_PICTURES_MAX;

	if (!end || *end || number >= c->pictures)
		return false;
	*ret_path = c->picture[number].file;
	*ret_type = c->picture[number].type;
	return true;
}

/* ---- beginning and end ----------------------------------------------------------------------------------------- */

static void beat(void *ctx, uint64_t now_ns)
{
	struct station *s = ctx;

	loop_timer_at(s->loop, &s->beat, now_ns + BEAT_NS);
	elsewhere_write_again(s, now_ns);
	for (unsigned i = 0; i < s->config->benches; i++) {
		people_idle(&s->bench[i]);
		health_look(&s->bench[i], now_ns);
		station_io_light(&s->bench[i]);
	}
	(void)feed_add(s->feed, "beat", "{}");
	http_wake(s->http);
	http_sweep(s->http);
}

struct adoption {
	struct station *station;
	struct err *err;
	bool living; /* the second pass: those that run */
	bool silent; /* the server did not say: nobody waits for it once more */
	int rc;
};

/* One that is not in the file of units: it runs, or ended while nobody watched. */
static void adopt(void *ctx, const char *name)
{
	struct adoption *a = ctx;
	struct station *s = a->station;
	struct unit unit;
	unsigned number;
	char label[STATION_TEXT];

	if (units_seen(s->units, name) || !child_identify(s->config, name, &number, label, &unit))
		return;
	if (number == CHILD_NO_BENCH && child_lives(s->config, name)) {
		a->rc = err_set(
			a->err, -EINVAL,
			"%s: %s is being tested at \"%s\", and no bench has that label: end that run, or give the "
			"bench back under its label",
			s->config->path, unit.serial, label);
		return;
	}
	struct bench *b = number == CHILD_NO_BENCH ? &s->gone : &s->bench[number];

	if (b == &s->gone)
		snprintf(b->label, sizeof(b->label), "%s", label);
	const struct child_host host = child_host_of(b);

	if (a->rc < 0)
		return;
	if (!a->living) {
		struct bench_state before = b->state;

		state_run(&b->state, name, &unit);
		if (!a->silent) {
			elsewhere_ask(b, unit.serial);
			elsewhere_await(b);
			a->silent = b->elsewhere.late || elsewhere_standing(b, unit.serial) == STANDING_UNKNOWN;
		}
		if (!child_finished(s->config, name, &host))
			b->state = before;
		return;
	}
	if (b->child) /* a bench has one run: its lock sees to that */
		return;
	state_run(&b->state, name, &unit);
	elsewhere_ask(b, unit.serial);
	a->rc = child_adopt(s->config, s->loop, name, &host, &b->child, a->err);
}

static int take_folder(struct station *s, struct err *err)
{
	char path[FILE_PATH_MAX + 16];
	int rc;

	if ((rc = disk_make_folder(s->config->state, err)) < 0 || (rc = disk_make_folder(s->config->output, err)) < 0)
		return rc;
	snprintf(path, sizeof(path), "%s/station.lock", s->config->state);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, -EBUSY,
			       "%s: another station has this folder; stop it, or give each its own \"state\"",
			       s->config->state);
	rc = units_open(s->config->state, &s->units, err);
	return rc < 0 ? rc : elsewhere_open(s, err);
}

static int begin(struct station *s, struct err *err)
{
	const struct station_config *c = s->config;
	const struct http_host host = {.ctx = s,
				       .order = on_order,
				       .snapshot = snapshot,
				       .report = on_report,
				       .picture = on_picture,
				       .metrics = station_metrics};
	struct adoption adoption = {.station = s, .err = err};
	int rc = take_folder(s, err);

	if (rc < 0)
		return rc;
	rc = people_open(s, err);
	if (rc < 0)
		return rc;
	rc = watches_new(s->loop, &s->watches, err);
	if (rc < 0)
		return rc;
	s->feed = feed_new(loop_wall_ns(s->loop) / NS_PER_MS);
	if (!s->feed)
		return err_set(err, -ENOMEM, "out of memory");
	rc = child_each(c->state, adopt, &adoption, err);
	adoption.living = true;
	if (rc == 0)
		rc = child_each(c->state, adopt, &adoption, err);
	if (rc < 0 || adoption.rc < 0)
		return rc < 0 ? rc : adoption.rc;
	rc = http_open(s->loop, s->feed, &host, c->address, (unsigned)c->port, c->host, c->hosts, &s->http, err);
	if (rc < 0)
		return rc;
	s->beat = (struct loop_timer){.fn = beat, .ctx = s};
	station_io_open(s);
	people_resume(s);
	for (unsigned i = 0; i < c->benches; i++)
		health_look(&s->bench[i], loop_now_ns(s->loop));
	return loop_timer_at(s->loop, &s->beat, loop_now_ns(s->loop) + BEAT_NS);
}

int station_open(const struct station_config *config, const struct station_host *host, struct loop *loop,
		 struct station **ret, struct err *err)
{
	struct station *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	*s = (struct station){.config = config, .loop = loop, .lock = -1, .disk_gb = NAN, .against = {.fd = -1}};
	if (host)
		s->host = *host;
	for (unsigned i = 0; i < config->benches; i++) {
		s->bench[i] = (struct bench){.station = s, .number = i, .clean = {.fn = clean, .ctx = &s->bench[i]}};
		snprintf(s->bench[i].label, sizeof(s->bench[i].label), "%s", config->bench[i].label);
		state_begin(&s->bench[i].state);
		health_begin(&s->bench[i]);
	}
	s->gone = (struct bench){.station = s, .number = CHILD_NO_BENCH, .clean = {.fn = clean, .ctx = &s->gone}};
	state_begin(&s->gone.state);
	rc = begin(s, err);
	if (rc < 0) {
		station_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void station_close(struct station *s)
{
	if (!s)
		return;
	loop_timer_cancel(s->loop, &s->beat);
	loop_timer_cancel(s->loop, &s->gone.clean);
	elsewhere_close(&s->gone);
	for (unsigned i = 0; i < s->config->benches; i++) {
		loop_timer_cancel(s->loop, &s->bench[i].clean);
		child_free(s->bench[i].child);
		child_free(s->bench[i].ended);
		hooks_close(&s->bench[i]);
		elsewhere_close(&s->bench[i]);
		health_close(&s->bench[i]);
	}
	watches_free(s->watches);
	station_io_close(s);
	people_close(s);
	http_close(s->http);
	feed_free(s->feed);
	units_close(s->units);
	elsewhere_forget(s);
	if (s->lock >= 0)
		close(s->lock);
	free(s);
}

unsigned station_port(const struct station *s)
{
	return http_port(s->http);
}

char *station_bench_text(const struct station *s, unsigned bench)
{
	return bench_text(&s->bench[bench]);
}

unsigned station_order(struct station *s, const char *body, size_t len)
{
	return on_order(s, body, len);
}
