/* The life of a device that a profile describes: what is asked when, what an answer means, and the readings as samples.
 * It asks one thing at a time and rests behind silence and nonsense (dialogue.h), so that no late answer is taken for the
 * next one's; what comes unasked is counted and dropped. Leaves out what a line says (reply.c) and what a bench may say of
 * it (told.c). */
#include "drivers/profile/device.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/profile/frame.h"
#include "drivers/profile/profile.h"
#include "drivers/profile/reply.h"
#include "drivers/profile/script.h"
#include "drivers/profile/shipped.h"
#include "drivers/profile/told.h"
#include "rig/driver/dialogue.h"
#include "rig/driver/lines.h"

#define WAITING_MAX   8
#define PENDING_MAX   4
#define SHOWN_MAX     120                /* of what came, in a message */
#define FAILED_MAX    3                  /* readings in a row that were not given: of no use */
#define FIRST_WAIT_NS (1500 * NS_PER_MS) /* for the first line of what streams by itself; 3 of its periods, if longer */
#define UNANSWERED_NS (1000 * NS_PER_MS) /* how long what is not answered may take to come to rest */
#define REST_MAX_NS   (500 * NS_PER_MS)
#define COUNT_END     INT32_MAX

/* A verb for which nothing is sent: done at the next tick. */
struct pending {
	device_done_fn done;
	void *ctx;
	int status;
};

struct instrument {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct profile *profile;
	char bench_unit[16];
	struct device_identity identity;
	unsigned channels;
	struct channel channel[PROFILE_VALUES_MAX];
	double factor; /* from the profile's unit to the channels' */
	bool streams;  /* by its stream; else asked */
	uint64_t period_ns;

	struct frame frame;
	unsigned line;     /* of the answer that is awaited */
	uint64_t heard_ns; /* when bytes last came */
	uint64_t opened_ns;
	bool asked_all; /* opening: nothing is left to ask, a first line of the stream is waited for */
	bool torn;      /* the next line may be the rest of one */

	bool running; /* readings are passed on */
	uint64_t started_ns, next_ns;
	bool reading_due; /* a reading is asked for */
	bool answered;    /* with nonsense, to the question as it was asked last */
	bool doubtful;    /* it was asked again behind silence: what comes may be the late answer to the first time */
	uint64_t index;   /* of the reading that is awaited */
	uint64_t next_index; /* behind the one that was passed on last */
	unsigned failed;
	enum profile_state state;    /* of the last reading */
	char unit[PROFILE_WORD_MAX]; /* of the last value; empty: none yet */

	unsigned pending_count;
	struct pending pending[PENDING_MAX];
	uint64_t lines, strays, odd, lost;
	char odd_text[SHOWN_MAX]; /* the last line that made no sense */
	const char *odd_why;      /* and why, where it is known; static, or the profile's */
};

static struct instrument *instrument_of(struct device *device)
{
	return (struct instrument *)device;
}

static const struct instrument *instrument_of_const(const struct device *device)
{
	return (const struct instrument *)device;
}

static const struct profile_command *command_of(const struct instrument *t, int verb)
{
	return &t->profile->verb[verb];
}

static bool awaits(const struct instrument *t, enum profile_verb verb)
{
	const struct dialogue_request *request = dialogue_awaits(t->dialogue);

	return request && request->what == (int)verb;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct instrument *t = device;
	const struct profile_command *command = command_of(t, request->what);

	t->doubtful = asked > 0 && (t->doubtful || !t->answered);
	t->answered = false;
	assert(command->len > 0 && command->len <= size);
	t->line = 0;
	frame_reset(&t->frame);
	if (request->what == VERB_START) {
		t->running = t->torn = true;
		t->index = t->next_index = 0;
	}
	memcpy(buffer, command->send, command->len);
	return command->len;
}

static uint64_t reply_ns(const struct profile_command *command)
{
	uint64_t sum_ns = 0;

	for (unsigned i = 0; i < command->lines; i++)
		sum_ns += command->line[i].timeout_ns;
	return command->lines ? sum_ns : command->settle_ns + UNANSWERED_NS;
}

static void pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	const struct instrument *t = device;
	const struct profile_command *command = command_of(t, request->what);
	uint64_t rest_ns = command->lines ? command->line[0].timeout_ns : 0;

	*ret = (struct dialogue_pace){.reply_ns = reply_ns(command),
				      .rest_ns = rest_ns < REST_MAX_NS ? rest_ns : REST_MAX_NS,
				      .between_ns = t->profile->between_ns};
}

static void note(struct instrument *t, const char *text)
{
	t->host.event(t->host.ctx, 0, text);
}

/* ---- readings --------------------------------------------------------------------------------------------------- */

static int32_t count_of(const struct instrument *t, double value, uint32_t *flags)
{
	double count = round(value * t->factor / t->channel[0].scale);

	if (fabs(count) < COUNT_END)
		return (int32_t)count;
	*flags |= SAMPLE_OVER_RANGE;
	return count < 0 ? -COUNT_END : COUNT_END;
}

static bool is_beyond(enum profile_state state)
{
	return state == PROFILE_OVERLOAD || state == PROFILE_UNDERLOAD;
}

static void tell_changes(struct instrument *t, const struct reading *reading)
{
	char text[160];

	if (is_beyond(reading->state) && reading->state != t->state) {
		snprintf(text, sizeof(text), "it says %s: beyond its range", profile_state_name(reading->state));
		note(t, text);
	}
	t->state = reading->state;
	if (reading->values && t->unit[0] && strcmp(t->unit, reading->unit) != 0) {
		snprintf(text, sizeof(text), "its unit has changed from %s to %s: converted, as its lines say it",
			 t->unit, reading->unit);
		note(t, text);
	}
	if (reading->values)
		snprintf(t->unit, sizeof(t->unit), "%s", reading->unit);
}

/* What has no value leaves a gap behind. */
static void pass_on(struct instrument *t, const struct reading *reading, uint64_t host_ns)
{
	int32_t counts[PROFILE_VALUES_MAX];
	uint32_t flags = t->index != t->next_index ? SAMPLE_GAP : 0;

	tell_changes(t, reading);
	if (!t->running || (!reading->values && !is_beyond(reading->state)))
		return;
	flags |= reading->state == PROFILE_UNSTABLE ? SAMPLE_UNSTABLE : 0;
	flags |= is_beyond(reading->state) ? SAMPLE_OVER_RANGE : 0;
	for (unsigned i = 0; i < t->channels; i++)
		counts[i] = reading->values                       ? count_of(t, reading->value[i], &flags)
			    : reading->state == PROFILE_UNDERLOAD ? -COUNT_END
								  : COUNT_END;
	t->lost += t->index - t->next_index;
	t->next_index = t->index + 1;
	const struct sample_block block = {.channels = (uint8_t)t->channels,
					   .flags = flags,
					   .frames = 1,
					   .first_index = t->index,
					   .host_ns = host_ns,
					   .counts = counts};
	t->host.block(t->host.ctx, &block);
}

/* ---- answers that count against the device ---------------------------------------------------------------------- */

static void show_line(const struct instrument *t, char ret[SHOWN_MAX])
{
	frame_show(&t->frame, ret, SHOWN_MAX);
}

static void show_sent(const struct profile_command *command, char ret[SHOWN_MAX])
{
	lines_show_bytes((const char *)command->send, command->len, ret, SHOWN_MAX);
}

static void reject(struct instrument *t, int verb, unsigned asked_max, int status, const char *what)
{
	char came[SHOWN_MAX], sent[SHOWN_MAX];
	struct err err;

	t->answered = true;
	show_line(t, came);
	show_sent(command_of(t, verb), sent);
	err_set(&err, status, "%s: \"%s\" was sent and \"%s\" came: %s", profile_verb_name((enum profile_verb)verb),
		sent, came, what);
	if (dialogue_state(t->dialogue) == DIALOGUE_OPENING && dialogue_asked(t->dialogue) == 1)
		note(t, err.text); /* or nobody would hear of it where silence follows */
	dialogue_reject(t->dialogue, asked_max, status, &err);
}

static void reject_reply(struct instrument *t, int verb, const struct reply *reply)
{
	char what[PROFILE_TEXT_MAX + 40];

	switch (reply->kind) {
	case REPLY_REFUSED:
		snprintf(what, sizeof(what), "the device refuses: %s", reply->means);
		reject(t, verb, 1, -EREMOTEIO, what);
		break;
	case REPLY_ERROR:
		snprintf(what, sizeof(what), "the device reports: %s", reply->means);
		reject(t, verb, DIALOGUE_ASKED_MAX, -EREMOTEIO, what);
		break;
	default:
		reject(t, verb, DIALOGUE_ASKED_MAX, -EPROTO,
		       reply->means ? reply->means : "no form of the answer in the profile fits");
		break;
	}
}

/* What is asked next waits until the line has been quiet. */
static void wait_for_quiet(struct instrument *t)
{
	uint64_t quiet_ns = dialogue_now_ns(t->dialogue) + REST_MAX_NS;

	if (!t->streams && t->next_ns < quiet_ns)
		t->next_ns = quiet_ns;
}

/* It came too late, or nobody asked. */
static void take_stray(struct instrument *t)
{
	t->strays++;
	show_line(t, t->odd_text);
	wait_for_quiet(t);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/* Verbs while opening, in this order; a reading at the end shows that unit and form are what the profile says. */
static void open_from(struct instrument *t, int verb)
{
	static const enum profile_verb order[] = {VERB_IDENTIFY, VERB_UNIT, VERB_READ};

	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if ((int)order[i] <= verb || !command_of(t, order[i])->there)
			continue;
		dialogue_ask(t->dialogue, order[i], 0);
		return;
	}
	if (t->profile->unasked) {
		t->asked_all = t->torn = true;
		dialogue_listen(t->dialogue);
	} else {
		dialogue_ready(t->dialogue);
	}
}

static_assert(VERB_IDENTIFY < VERB_UNIT && VERB_UNIT < VERB_READ, "the order of opening");

static void keep_identity(struct instrument *t, const struct reply *reply)
{
	struct device_identity *own = &t->identity;

	memcpy(own->maker, reply->maker, sizeof(own->maker));
	memcpy(own->model, reply->model, sizeof(own->model));
	memcpy(own->serial, reply->serial, sizeof(own->serial));
	memcpy(own->firmware, reply->firmware, sizeof(own->firmware));
}

static_assert(sizeof(((struct device_identity *)0)->serial) == REPLY_TEXT_MAX, "texts of an identity");

static uint64_t first_wait_ns(const struct instrument *t)
{
	return 3 * t->period_ns > FIRST_WAIT_NS ? 3 * t->period_ns : FIRST_WAIT_NS;
}

static void wait_for_first(struct instrument *t)
{
	uint64_t held_ns = dialogue_link(t->dialogue)->held_until_ns;
	uint64_t from_ns = t->opened_ns > held_ns ? t->opened_ns : held_ns;
	struct err err;
	int status;

	if (dialogue_now_ns(t->dialogue) < from_ns + first_wait_ns(t))
		return;
	if (t->odd_text[0])
		status = err_set(
			&err, -EPROTO,
			"stream: \"%s\" came: %s; check the profile and, on a serial line, the baud rate in the "
			"bench file",
			t->odd_text, t->odd_why);
	else
		status = err_set(
			&err, -ETIMEDOUT,
			"stream: no line came within %u ms: check the device's power, its cable and, on a serial "
			"line, the baud rate in the bench file",
			(unsigned)(first_wait_ns(t) / NS_PER_MS));
	dialogue_lose(t->dialogue, status, &err);
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static void finish(struct instrument *t, int verb, const struct reply *reply, uint64_t host_ns)
{
	if (dialogue_state(t->dialogue) == DIALOGUE_OPENING) {
		if (verb == VERB_IDENTIFY && reply)
			keep_identity(t, reply);
		if (verb == VERB_READ && reply && reply->reading.values)
			memcpy(t->unit, reply->reading.unit, sizeof(t->unit));
		open_from(t, verb);
		return;
	}
	if (verb == VERB_READ && reply && t->doubtful)
		wait_for_quiet(t); /* nobody knows when it was measured, and a second answer may follow */
	else if (verb == VERB_READ && reply)
		pass_on(t, &reply->reading, host_ns);
	dialogue_answered(t->dialogue);
}

static void take_answer(struct instrument *t, int verb, uint64_t host_ns)
{
	const struct profile_command *command = command_of(t, verb);
	struct reply reply;

	reply_read(t->profile, command->lines ? &command->line[t->line].any : NULL, t->bench_unit, t->frame.text,
		   &reply);
	if (reply.kind == REPLY_IGNORED)
		return;
	if (reply.kind == REPLY_ODD && (verb == VERB_STOP || !command->lines)) {
		t->strays++;
		return;
	}
	if (reply.kind != REPLY_DONE) {
		reject_reply(t, verb, &reply);
		return;
	}
	t->line++;
	if (t->line == command->lines)
		finish(t, verb, &reply, host_ns);
}

/* Told once, until a line is right again. */
static void miss_sample(struct instrument *t, const char *why)
{
	char text[SHOWN_MAX + PROFILE_TEXT_MAX + 40];

	t->odd++;
	t->index++;
	show_line(t, t->odd_text);
	t->odd_why = why ? why : "no form of the profile fits";
	if (t->failed++ > 0 || dialogue_state(t->dialogue) != DIALOGUE_READY)
		return;
	snprintf(text, sizeof(text), "stream: \"%s\" came: %s", t->odd_text, t->odd_why);
	note(t, text);
}

/* The first line of a stream may be the rest of one: "1.35" has arrived as "5". */
static void take_sample(struct instrument *t, uint64_t host_ns)
{
	struct reply reply;

	if (t->torn) {
		t->torn = false;
		return;
	}
	reply_read(t->profile, &t->profile->sample, t->bench_unit, t->frame.text, &reply);
	if (reply.kind == REPLY_IGNORED)
		return;
	if (reply.kind != REPLY_DONE) {
		miss_sample(t, reply.means);
	} else if (dialogue_state(t->dialogue) == DIALOGUE_OPENING) {
		memcpy(t->unit, reply.reading.unit, sizeof(t->unit));
		t->asked_all = false;
		dialogue_ready(t->dialogue);
	} else {
		t->failed = 0;
		pass_on(t, &reply.reading, host_ns);
		t->index++;
	}
}

static bool is_sample(const struct instrument *t)
{
	struct reply reply;

	reply_read(t->profile, &t->profile->sample, t->bench_unit, t->frame.text, &reply);
	return reply.form != NULL;
}

static bool line_flows(const struct instrument *t)
{
	return t->profile->unasked ? t->asked_all || dialogue_state(t->dialogue) == DIALOGUE_READY
				   : t->streams && t->running;
}

static void take_line(struct instrument *t, uint64_t host_ns)
{
	const struct dialogue_request *request = dialogue_awaits(t->dialogue);
	bool streaming = t->profile->samples_per_s > 0;

	t->lines++;
	if (request && streaming && !t->profile->verb[request->what].lines && line_flows(t))
		take_sample(t, host_ns);
	else if (request && streaming && request->what != VERB_READ && is_sample(t))
		t->strays++; /* amid the answer to a stop, or to a question to what streams by itself */
	else if (request)
		take_answer(t, request->what, host_ns);
	else if (line_flows(t))
		take_sample(t, host_ns);
	else
		take_stray(t);
}

static void take_spoilt(struct instrument *t)
{
	const struct dialogue_request *request = dialogue_awaits(t->dialogue);

	t->torn = false;
	if (request && request->what != VERB_STOP && command_of(t, request->what)->lines)
		reject(t, request->what, DIALOGUE_ASKED_MAX, -EPROTO, "bytes that are no text, or too many of them");
	else if (line_flows(t))
		miss_sample(t, "bytes that are no text, or too many of them");
	else if (!request)
		take_stray(t);
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct instrument *t = device;

	t->heard_ns = host_ns;
	while (len > 0 && dialogue_state(t->dialogue) != DIALOGUE_LOST) {
		size_t used = len;
		enum frame_fed fed = frame_feed(&t->frame, &t->profile->frame, data, len, &used);

		data += used;
		len -= used;
		if (fed == FRAME_LINE)
			take_line(t, host_ns);
		else if (fed == FRAME_DROPPED)
			take_spoilt(t);
	}
}

static const struct dialogue_ops speech = {
	.driver = &driver_profile,
	.name = "instrument",
	.waiting_max = WAITING_MAX,
	.encode = encode,
	.bytes = on_bytes,
	.pace = pace,
};

/* ---- time ------------------------------------------------------------------------------------------------------- */

static void tell_pending(struct instrument *t)
{
	struct pending pending[PENDING_MAX];
	unsigned count = t->pending_count;
	struct err err;

	memcpy(pending, t->pending, sizeof(pending));
	t->pending_count = 0;
	for (unsigned i = 0; i < count; i++) {
		err_set(&err, pending[i].status, "%s",
			pending[i].status == -ENOTSUP  ? "the profile has no such verb"
			: pending[i].status == -ENODEV ? "the instrument is gone or silent"
						       : "cancelled: the end of the session came first");
		if (pending[i].done)
			pending[i].done(pending[i].ctx, pending[i].status, pending[i].status ? &err : NULL);
	}
}

/* A reading that was not given is missing, and that is all; several in a row are a device of no use. */
static void reading_done(void *ctx, int status, const struct err *err)
{
	struct instrument *t = ctx;
	uint64_t now_ns = dialogue_now_ns(t->dialogue);

	t->reading_due = false;
	if (status == 0) {
		t->failed = 0;
		return;
	}
	if (status != -EPROTO && status != -EREMOTEIO)
		return;
	t->next_ns = t->next_ns > now_ns + REST_MAX_NS ? t->next_ns : now_ns + REST_MAX_NS;
	if (t->failed++ == 0)
		note(t, err->text);
	if (t->failed == FAILED_MAX)
		dialogue_lose(t->dialogue, status, err);
}

static void ask_reading(struct instrument *t, uint64_t now_ns)
{
	if (!t->running || t->streams || t->profile->unasked || t->reading_due || now_ns < t->next_ns)
		return;
	t->index = (now_ns - t->started_ns) / t->period_ns;
	t->next_ns = t->started_ns + (t->index + 1) * t->period_ns;
	t->reading_due = true;
	dialogue_submit(t->dialogue,
			&(const struct dialogue_request){.what = VERB_READ, .done = reading_done, .ctx = t});
}

/* What is not answered is done when the line was left alone for its time; a stop, when nothing has come for so long. */
static void settle(struct instrument *t, uint64_t now_ns)
{
	const struct dialogue_request *request = dialogue_awaits(t->dialogue);
	uint64_t from_ns = dialogue_asked_ns(t->dialogue);

	if (!request || command_of(t, request->what)->lines)
		return;
	if (request->what != VERB_START && t->heard_ns > from_ns)
		from_ns = t->heard_ns;
	if (now_ns >= from_ns + command_of(t, request->what)->settle_ns)
		finish(t, request->what, NULL, now_ns);
}

static void instrument_on_tick(struct device *device, uint64_t now_ns)
{
	struct instrument *t = instrument_of(device);

	tell_pending(t);
	dialogue_tick(t->dialogue, now_ns);
	if (dialogue_state(t->dialogue) == DIALOGUE_OPENING && t->opened_ns == 0) {
		t->opened_ns = now_ns;
		if (!dialogue_awaits(t->dialogue) && !t->asked_all)
			open_from(t, -1);
	}
	if (dialogue_state(t->dialogue) == DIALOGUE_OPENING && t->asked_all)
		wait_for_first(t);
	if (dialogue_state(t->dialogue) != DIALOGUE_LOST)
		settle(t, now_ns);
	if (dialogue_state(t->dialogue) == DIALOGUE_READY)
		ask_reading(t, now_ns);
}

/* ---- verbs ------------------------------------------------------------------------------------------------------ */

static void later(struct instrument *t, int status, device_done_fn done, void *ctx)
{
	assert(t->pending_count < PENDING_MAX);
	if (dialogue_state(t->dialogue) == DIALOGUE_LOST)
		status = -ENODEV;
	t->pending[t->pending_count++] = (struct pending){.done = done, .ctx = ctx, .status = status};
}

static void instrument_start(struct device *device, device_done_fn done, void *ctx)
{
	struct instrument *t = instrument_of(device);

	if (t->streams && t->profile->verb[VERB_START].there) {
		dialogue_submit(t->dialogue,
				&(const struct dialogue_request){.what = VERB_START, .done = done, .ctx = ctx});
		return;
	}
	t->running = true;
	t->index = t->next_index = 0;
	t->started_ns = t->next_ns = dialogue_now_ns(t->dialogue);
	later(t, 0, done, ctx);
}

static void instrument_stop(struct device *device, device_done_fn done, void *ctx)
{
	struct instrument *t = instrument_of(device);
	bool sends = t->streams && t->profile->verb[VERB_STOP].there;

	t->running = false;
	if (sends)
		dialogue_stop(t->dialogue,
			      &(const struct dialogue_request){.what = VERB_STOP, .done = done, .ctx = ctx});
	else
		later(t, 0, done, ctx);
}

static void instrument_zero(struct device *device, device_done_fn done, void *ctx)
{
	struct instrument *t = instrument_of(device);

	if (t->profile->verb[VERB_ZERO].there)
		dialogue_submit(t->dialogue,
				&(const struct dialogue_request){.what = VERB_ZERO, .done = done, .ctx = ctx});
	else
		later(t, -ENOTSUP, done, ctx);
}

static const struct stream_verbs verbs = {
	.start = instrument_start,
	.stop = instrument_stop,
};

/* ---- the driver ------------------------------------------------------------------------------------------------- */

/* Adapters say nothing of what is behind them. */
static int instrument_match(const struct link_identity *id)
{
	(void)id;
	return 0;
}

static int profiles_check(const struct device_told *told, struct profile_facts *facts, struct err *err)
{
	struct profile *profile = NULL;
	int status = told_load(told, &profile, err);

	if (status)
		return status;
	status = told_check(told, profile, err);
	if (status == 0 && facts) {
		*facts =
			(struct profile_facts){.measures = profile_measures_name(profile->measures),
					       .sure = profile_sure_name(profile_sure(profile)),
					       .reads_per_s = profile->verb[VERB_READ].there ? profile->reads_per_s : 0,
					       .samples_per_s = profile->samples_per_s};
		snprintf(facts->name, sizeof(facts->name), "%s", profile->name);
		snprintf(facts->title, sizeof(facts->title), "%s", profile->title);
		memcpy(facts->sha256, profile->digest, sizeof(facts->sha256));
	}
	profile_free(profile);
	return status;
}

static int prepare(struct instrument *t, const struct device_open *open, struct err *err)
{
	if (!open->told)
		return err_set(err, -EINVAL, "which profile? write its name or its file in \"profile\"");
	int status = told_load(open->told, &t->profile, err);
	if (status == 0)
		status = told_check(open->told, t->profile, err);
	if (status)
		return status;
	double rate_hz;
	t->streams = told_streams(open->told, t->profile, &rate_hz);
	if (t->streams) /* what is asked for and does not come is seen */
		snprintf(t->identity.loss, sizeof(t->identity.loss), "the lines of its stream carry no number");
	t->period_ns = (uint64_t)(1e9 / rate_hz);
	t->channels = told_channels(open->told, t->profile, t->channel, &t->factor);
	snprintf(t->bench_unit, sizeof(t->bench_unit), "%s", open->told->unit);
	snprintf(t->identity.profile, sizeof(t->identity.profile), "%s", t->profile->name);
	memcpy(t->identity.profile_sha256, t->profile->digest, sizeof(t->identity.profile_sha256));
	return 0;
}

static void instrument_free(struct instrument *t)
{
	profile_free(t->profile);
	free(t);
}

static int instrument_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct instrument *t = calloc(1, sizeof(*t));
	struct device_open own = *open;

	if (!t)
		return err_set(err, -ENOMEM, "no memory for an instrument");
	t->base.driver = &driver_profile;
	t->host = open->host;
	int status = prepare(t, open, err);
	if (status == 0) {
		own.settings = link_settings_over(&open->settings, &t->profile->line);
		status = dialogue_open(&speech, t, &own, now_ns, &t->dialogue, err);
	}
	if (status) {
		instrument_free(t);
		return status;
	}
	*ret = &t->base;
	return 0;
}

static void instrument_close(struct device *device)
{
	static const struct dialogue_request stop = {.what = VERB_STOP};
	struct instrument *t = instrument_of(device);

	if (!t)
		return;
	bool streams = dialogue_state(t->dialogue) == DIALOGUE_READY && t->streams &&
		       t->profile->verb[VERB_STOP].there && (t->running || awaits(t, VERB_START));
	for (unsigned i = 0; i < t->pending_count; i++)
		t->pending[i].status = -ECANCELED;
	tell_pending(t);
	t->running = false;
	dialogue_close(t->dialogue, streams ? &stop : NULL);
	instrument_free(t);
}

static const struct device_identity *instrument_identity(const struct device *device)
{
	return &instrument_of_const(device)->identity;
}

static const struct channel *instrument_channels(const struct device *device, unsigned *ret_count)
{
	const struct instrument *t = instrument_of_const(device);

	*ret_count = t->channels;
	return t->channel;
}

static void instrument_counters(const struct device *device, struct device_counters *ret)
{
	const struct instrument *t = instrument_of_const(device);

	*ret = (struct device_counters){.frames = t->lines, .resyncs = t->frame.dropped, .lost_samples = t->lost};
	dialogue_counters(t->dialogue, ret);
	ret->odd_replies += t->strays + t->odd;
}

static const struct link *instrument_link(const struct device *device)
{
	return dialogue_link(instrument_of_const(device)->dialogue);
}

static const struct driver_profiles profiles = {
	.shipped = shipped_at,
	.check = profiles_check,
	.rehearse = script_rehearse,
	.zero = instrument_zero,
};

const struct driver driver_profile = {
	.name = "profile",
	.description = "thermometer or reference instrument that speaks lines of text, by a profile",
	.roles = ROLE_BIT(ROLE_THERMOMETER) | ROLE_BIT(ROLE_REFERENCE),
	.wants = {.serial = {.baud = 9600}},
	.match = instrument_match,
	.open = instrument_open,
	.close = instrument_close,
	.on_tick = instrument_on_tick,
	.identity = instrument_identity,
	.channels = instrument_channels,
	.counters = instrument_counters,
	.link = instrument_link,
	.stream = &verbs,
	.profiles = &profiles,
};
