/* A pen made of parts. To run it is to switch its supply on, to stop it is to switch that off; its rate is the pen's own, or
 * what a voltage makes of it; its depth is set by a hand. It tells nothing of itself: what is known is what its supply says
 * of the output, which is passed on as the pen's word. It speaks to the supply through the verbs of that role alone; and so
 * to the stage that turns its dial, where there is one. Leaves out whose hand turns it else, and who is asked to. */
#include "drivers/powered/device.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_MAX  8                /* answers of its own that wait for a tick: the session has one verb under way */
#define LAST_WORDS   2                /* that agree: behind a stop no other read would tell a garbled one */
#define LAST_ASKED   3                /* times, where the answer makes no sense */
#define TRIP_NEAR_NS (50 * NS_PER_MS) /* how much earlier than its time the timer may be seen to have been over */

struct answer { /* of a verb that no device is asked for */
	device_done_fn done;
	void *ctx;
	int status;
	struct err err;
};

/* A stop: it is done once the supply's output is off and the timer's last word is heard, so that what that says is of the point
 * that the stop has ended. */
struct stop {
	struct powered *pen;
	device_done_fn done;
	void *ctx;
	unsigned words, unheard; /* in a row that the timer was not armed; that made no sense */
	bool off;                /* it is done, but for the look at the dial */
};

struct powered {
	struct device base;
	struct driver_host host;
	struct power_setup setup;
	struct device *supply;
	const struct power_verbs *verbs;
	uint64_t now_ns;
	double volts_v; /* as it was told last; NaN: not yet */
	bool set;       /* and the supply has confirmed that */
	uint64_t settings;
	bool wanted;       /* told to run, and it was; until it is told to stop */
	uint64_t timer_ns; /* of the supply's timer; 0: it is not armed */
	uint64_t fed_ns;   /* when that began to count, at the latest */
	uint64_t timer_asked_ns;
	unsigned low;       /* reads in a row with another voltage than was set */
	uint32_t condition; /* latched until the next start */
	struct answer answer[ANSWERS_MAX];
	unsigned answers;
	bool starting; /* told to run, and not answered yet */
	uint64_t reads_begun, reads_ended;
	uint64_t fresh_from; /* number of the first read that began with the output on */
	bool timer_off;      /* as it was told with the read that ended last */
	bool owes_word;      /* of the timer, behind a stop: whether it was armed to the end */
	struct stop *stop;   /* the newest that is not done; NULL: none */
	device_done_fn run_done;
	void *run_ctx;
	struct device *dial;             /* NULL: a hand's, or not opened yet */
	struct device_identity identity; /* the supply's, and the dial's; once that is ready */
	const struct link_ops *const *links;
	struct loop *loop;
	bool dial_wanted;  /* to be opened with the next tick: the supply is there */
	struct turn *turn; /* a move that is under way; NULL: none */
	bool dial_unsure;  /* where it stands is not known, since it was set last */
	bool looking;      /* asked, behind a stop, whether it stands where it was set */
};

static struct powered *powered_of(struct device *device)
{
	return (struct powered *)device;
}

static const struct powered *powered_of_const(const struct device *device)
{
	return (const struct powered *)device;
}

double powered_volts(const struct power_setup *setup, double rate_hz)
{
	const double *v = setup->volts_v, *hz = setup->rate_hz;

	if (setup->points == 1)
		return v[0];
	for (unsigned i = 1; i < setup->points; i++)
		if (rate_hz >= hz[i - 1] && rate_hz <= hz[i])
			return v[i - 1] + (v[i] - v[i - 1]) * (rate_hz - hz[i - 1]) / (hz[i] - hz[i - 1]);
	return NAN;
}

/* ---- answers of its own ---------------------------------------------------------------------------------------- */

/* Verbs never call back. */
static void answer_later(struct powered *pen, int status, const struct err *err, device_done_fn done, void *ctx)
{
	assert(pen->answers < ANSWERS_MAX);
	pen->answer[pen->answers++] =
		(struct answer){.done = done, .ctx = ctx, .status = status, .err = err ? *err : (struct err){""}};
}

static void tell_answers(struct powered *pen)
{
	struct answer told[ANSWERS_MAX];
	unsigned count = pen->answers;

	memcpy(told, pen->answer, sizeof(told));
	pen->answers = 0;
	for (unsigned i = 0; i < count; i++)
		if (told[i].done)
			told[i].done(told[i].ctx, told[i].status, told[i].status ? &told[i].err : NULL);
}

static void cancel_answers(struct powered *pen)
{
	for (unsigned i = 0; i < pen->answers; i++)
		pen->answer[i].status = err_set(&pen->answer[i].err, -ECANCELED,
						"cancelled: a stop or the end of the session came first");
}

/* ---- what the supply says -------------------------------------------------------------------------------------- */

static void appear(struct powered *pen, uint32_t bit, const char *text)
{
	if (pen->condition & bit)
		return;
	pen->condition |= bit;
	pen->host.event(pen->host.ctx, bit, text);
}

static void watch_output(struct powered *pen, const struct power_state *state)
{
	if (!pen->wanted || state->on)
		return;
	if (pen->timer_ns && state->host_ns + TRIP_NEAR_NS >= pen->fed_ns + pen->timer_ns)
		appear(pen, PEN_DEADMAN_TRIPPED, "the timer of the pen's power supply has switched it off");
	else
		appear(pen, PEN_POWER_LOST, "the output of the pen's power supply went off unasked");
}

static void watch_volts(struct powered *pen, const struct power_state *state)
{
	double off_v = fabs(state->volts_v - pen->volts_v);

	if (!pen->wanted || !state->on || !pen->verbs->set || off_v <= POWERED_LOW_REL * pen->volts_v + POWERED_LOW_V)
		pen->low = 0;
	else if (++pen->low >= POWERED_LOW_READS)
		appear(pen, PEN_POWER_LOW,
		       "the pen's power supply does not hold the voltage that was set: look at its current limit");
}

/* Of an output that is off it says nothing yet: it is asked before the next start. */
static const char disarmed[] = "the timer of the pen's power supply, which is to stop it, is not armed any more";

static void watch_timer(struct powered *pen, const struct power_state *state)
{
	if (pen->wanted && state->on && state->timer_off)
		appear(pen, PEN_TIMER_OFF, disarmed);
}

/* How the output stood before it was switched on says nothing of how it stands. */
static bool is_stale(const struct powered *pen)
{
	return pen->starting || (pen->wanted && pen->reads_ended < pen->fresh_from);
}

static void on_power(void *ctx, const struct power_state *state)
{
	struct powered *pen = ctx;

	pen->timer_off = state->timer_off;
	if (is_stale(pen))
		return;
	watch_output(pen, state);
	watch_volts(pen, state);
	watch_timer(pen, state);
	const struct pen_telemetry telemetry = {
		.host_ns = state->host_ns,
		.rate_hz = NAN,
		.motor_c = NAN,
		.handle_c = NAN,
		.battery_v = state->volts_v,
		.current_a = state->current_a,
		.condition = pen->condition,
		.running = state->on,
	};
	pen->host.telemetry(pen->host.ctx, &telemetry);
}

static void on_ready(void *ctx, int status, const struct err *err)
{
	struct powered *pen = ctx;

	pen->dial_wanted = status == 0 && pen->setup.dial.driver;
	if (!pen->dial_wanted)
		pen->host.ready(pen->host.ctx, status, err);
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	struct powered *pen = ctx;

	(void)condition; /* of a supply there is none */
	pen->host.event(pen->host.ctx, 0, text);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	struct powered *pen = ctx;

	pen->host.lost(pen->host.ctx, status, err);
}

/* ---- what turns the dial --------------------------------------------------------------------------------------- */

static void know_dial(struct powered *pen)
{
	const struct device_identity *stage = pen->setup.dial.driver->identity(pen->dial);

	pen->identity = *pen->setup.driver->identity(pen->supply);
	snprintf(pen->identity.dial, sizeof(pen->identity.dial), "%.20s %.24s %.24s %.24s %.60s",
		 pen->setup.dial.driver->name, stage->model, stage->serial, stage->firmware, pen->setup.dial.uri);
}

static void dial_ready(void *ctx, int status, const struct err *err)
{
	struct powered *pen = ctx;
	const struct driver *driver = pen->setup.dial.driver;
	struct err why = err ? *err : (struct err){""};
	char text[240];

	if (status == 0) {
		snprintf(text, sizeof(text), "the pen's dial is turned by %s %s (%.60s)",
			 driver->identity(pen->dial)->model, driver->identity(pen->dial)->firmware,
			 pen->setup.dial.uri);
		pen->host.event(pen->host.ctx, 0, text);
		know_dial(pen);
	}
	err_prefix(&why, "the pen's dial, %s", pen->setup.dial.uri);
	pen->host.ready(pen->host.ctx, status, status ? &why : NULL);
}

/* What was measured since it was set last is worth nothing, if it was. */
static void doubt_dial(struct powered *pen, const char *text)
{
	bool counts = (pen->wanted || pen->looking) && !pen->dial_unsure;

	pen->dial_unsure = true;
	pen->host.event(pen->host.ctx, counts ? PEN_DIAL_LOST : 0, text);
}

static void dial_event(void *ctx, uint32_t condition, const char *text)
{
	struct powered *pen = ctx;

	if (condition)
		doubt_dial(pen, text);
	else
		pen->host.event(pen->host.ctx, 0, text);
}

/* The pen can still be stopped; the next depth fails. */
static void dial_lost(void *ctx, int status, const struct err *err)
{
	char text[200];

	(void)status;
	snprintf(text, sizeof(text), "what turns the pen's dial is lost: %.150s", err->text);
	doubt_dial(ctx, text);
}

static void open_dial(struct powered *pen)
{
	const struct dial_setup *dial = &pen->setup.dial;
	const struct device_open open = {
		.links = pen->links,
		.loop = pen->loop,
		.uri = dial->uri,
		.settings = dial->line,
		.stage = &dial->stage,
		.host = {.ctx = pen, .ready = dial_ready, .event = dial_event, .lost = dial_lost}};
	struct err err;
	int status = dial->driver->open(&open, pen->now_ns, &pen->dial, &err);

	pen->dial_wanted = false;
	if (status)
		dial_ready(pen, status, &err);
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

static int powered_limits(const struct device *device, struct pen_limits *ret)
{
	*ret = powered_of_const(device)->setup.limits;
	return 0;
}

struct setting {
	struct powered *pen;
	uint64_t number;
	device_done_fn done;
	void *ctx;
};

static void is_set(void *ctx, int status, const struct err *err)
{
	struct setting *setting = ctx;

	if (setting->number == setting->pen->settings)
		setting->pen->set = status == 0;
	if (setting->done)
		setting->done(setting->ctx, status, err);
	free(setting);
}

static void powered_set_rate(struct device *device, double rate_hz, device_done_fn done, void *ctx)
{
	struct powered *pen = powered_of(device);
	double volts_v = powered_volts(&pen->setup, rate_hz);
	struct err err;

	if (!pen->verbs->set) { /* its own, at what its plug makes */
		pen->set = true;
		answer_later(pen, 0, NULL, done, ctx);
		return;
	}
	if (!isfinite(volts_v)) {
		int status = err_set(&err, -ERANGE, "no voltage is known at which this pen makes %.6g Hz", rate_hz);
		answer_later(pen, status, &err, done, ctx);
		return;
	}
	struct setting *setting = malloc(sizeof(*setting));
	assert(setting); /* a done that is lost is worse: somebody would wait for it for ever */
	*setting = (struct setting){.pen = pen, .number = ++pen->settings, .done = done, .ctx = ctx};
	pen->set = false;
	pen->volts_v = volts_v;
	pen->low = 0;
	pen->verbs->set(pen->supply, volts_v, pen->setup.current_max_a, is_set, setting);
}

struct turn {
	struct powered *pen;
	device_done_fn done; /* NULL: it was told already */
	void *ctx;
	device_done_fn next; /* of one that was asked for since, and begins behind it; NULL: none was */
	void *next_ctx;
	double next_mm;
};

static void turn_dial(struct powered *pen, double depth_mm, device_done_fn done, void *ctx);

/* Whoever asked for it has gone on to something else by the time the stage has come to rest. */
static void give_up_turn(struct powered *pen)
{
	struct turn *turn = pen->turn;

	if (!turn || !(turn->done || turn->next))
		return;
	if (turn->done)
		answer_later(pen, 0, NULL, turn->done, turn->ctx);
	else
		answer_later(pen, 0, NULL, turn->next, turn->next_ctx);
	turn->done = turn->next = NULL;
}

static void turned(void *ctx, int status, const struct err *err)
{
	struct turn *turn = ctx;

	turn->pen->turn = NULL;
	turn->pen->dial_unsure |= status != 0;
	if (turn->next)
		turn_dial(turn->pen, turn->next_mm, turn->next, turn->next_ctx);
	else if (turn->done)
		turn->done(turn->ctx, status, err);
	free(turn);
}

static void turn_dial(struct powered *pen, double depth_mm, device_done_fn done, void *ctx)
{
	const struct dial_setup *dial = &pen->setup.dial;
	struct turn *turn = malloc(sizeof(*turn));

	assert(turn); /* a done that is lost is worse: somebody would wait for it for ever */
	*turn = (struct turn){.pen = pen, .done = done, .ctx = ctx};
	pen->turn = turn;
	pen->dial_unsure = false;
	dial->driver->stage->move(pen->dial, dial->zero_mm + dial->mm_per_mm * depth_mm, turned, turn);
}

/* The dial is a hand's, or a stage turns it. */
static void powered_set_depth(struct device *device, double depth_mm, device_done_fn done, void *ctx)
{
	struct powered *pen = powered_of(device);
	const struct pen_limits *limits = &pen->setup.limits;
	struct err err;
	int status = 0;

	if (!(depth_mm >= limits->depth_min_mm && depth_mm <= limits->depth_max_mm))
		status = err_set(&err, -ERANGE,
				 "the bench file lets this pen's dial go from %.6g to %.6g mm, not to %.6g",
				 limits->depth_min_mm, limits->depth_max_mm, depth_mm);
	struct turn *given_up = pen->turn && !pen->turn->done && !pen->turn->next ? pen->turn : NULL;
	if (status == 0 && pen->dial && (pen->wanted || pen->starting || (pen->turn && !given_up) || pen->looking))
		status = err_set(&err, -EAGAIN, "a pen's dial is turned only while its power is off and it is at rest");
	if (status == 0 && given_up) {
		given_up->next = done;
		given_up->next_ctx = ctx;
		given_up->next_mm = depth_mm;
	} else if (status == 0 && pen->dial) {
		turn_dial(pen, depth_mm, done, ctx);
	} else {
		answer_later(pen, status, status ? &err : NULL, done, ctx);
	}
}

static void ran(void *ctx, int status, const struct err *err)
{
	struct powered *pen = ctx;
	device_done_fn done = pen->run_done;

	pen->run_done = NULL;
	pen->starting = false;
	pen->wanted = status == 0;
	pen->fresh_from = pen->reads_begun;
	if (pen->wanted && pen->dial_unsure)
		pen->host.event(pen->host.ctx, PEN_DIAL_LOST,
				"where the stage at the pen's dial stands was not known when it started");
	if (done)
		done(pen->run_ctx, status, err);
}

static void powered_run(struct device *device, device_done_fn done, void *ctx)
{
	struct powered *pen = powered_of(device);
	struct err err;

	if (pen->starting || !pen->set || pen->owes_word || pen->turn || pen->looking) {
		int status = err_set(&err, -EAGAIN,
				     pen->owes_word || pen->looking ? "the stop before this start is not done"
				     : pen->turn                    ? "the pen's dial is being turned"
						 : "the pen's power is to be set before it is switched on");
		answer_later(pen, status, &err, done, ctx);
		return;
	}
	pen->condition = 0;
	pen->low = 0;
	pen->fed_ns = pen->timer_asked_ns = pen->now_ns;
	pen->starting = true;
	pen->run_done = done;
	pen->run_ctx = ctx;
	pen->verbs->on(pen->supply, ran, pen);
}

static void powered_deadman(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx)
{
	struct powered *pen = powered_of(device);

	struct err err;

	if (!pen->verbs->timer) {
		err_set(&err, -ERANGE, "what switches this pen has no timer");
		answer_later(pen, -ERANGE, &err, done, ctx);
		return;
	}
	pen->timer_ns = timeout_ms * NS_PER_MS;
	pen->verbs->timer(pen->supply, timeout_ms, done, ctx);
}

struct read { /* of the supply's output; they end in the order in which they begin */
	struct powered *pen;
	device_done_fn done;
	void *ctx;
};

static void read_done(void *ctx, int status, const struct err *err)
{
	struct read *read = ctx;

	read->pen->reads_ended++;
	if (read->done)
		read->done(read->ctx, status, err);
	free(read);
}

static void read_output(struct powered *pen, unsigned also, device_done_fn done, void *ctx)
{
	struct read *read = calloc(1, sizeof(*read));

	assert(read); /* a done that is lost is worse: somebody would wait for it for ever */
	*read = (struct read){.pen = pen, .done = done, .ctx = ctx};
	pen->reads_begun++;
	pen->verbs->read(pen->supply, also, read_done, read);
}

static void ask_last_word(struct stop *stop);

static const char no_word[] =
	"whether the timer of the pen's power supply was armed to the end is not known: it has not said so with sense";

/* A newer stop asks for itself. */
static void end_stop(struct stop *stop, int status, const struct err *err)
{
	if (status == 0 && stop->pen->looking && stop->pen->stop == stop) {
		stop->off = true;
		return;
	}
	if (stop->pen->stop == stop)
		stop->pen->stop = NULL;
	if (stop->done)
		stop->done(stop->ctx, status, err);
	free(stop);
}

/* The output is known to be off, whatever becomes of the question. */
static void last_word(void *ctx, int status, const struct err *err)
{
	struct stop *stop = ctx;
	struct powered *pen = stop->pen;

	if (status == -ECANCELED) {
		end_stop(stop, status, err);
		return;
	}
	if (status == 0)
		stop->words = pen->timer_off ? stop->words + 1 : 0;
	else if (status != -ENODEV && status != -ETIMEDOUT) /* else the supply is lost, and that is said */
		stop->unheard++;
	if ((status == 0 && stop->words > 0 && stop->words < LAST_WORDS) ||
	    (status && stop->unheard > 0 && stop->unheard < LAST_ASKED)) {
		ask_last_word(stop);
		return;
	}
	pen->owes_word = false;
	if (stop->words >= LAST_WORDS)
		appear(pen, PEN_TIMER_OFF, disarmed);
	else if (stop->unheard >= LAST_ASKED)
		appear(pen, PEN_TIMER_OFF, no_word);
	end_stop(stop, 0, NULL);
}

static void ask_last_word(struct stop *stop)
{
	read_output(stop->pen, POWER_READ_TIMER, last_word, stop);
}

static void switched_off(void *ctx, int status, const struct err *err)
{
	struct stop *stop = ctx;

	if (status == 0 && stop->pen->owes_word && stop->pen->stop == stop)
		ask_last_word(stop);
	else
		end_stop(stop, status, err);
}

/* With the point still open: what it says is of that. */
static void dial_looked(void *ctx, int status, const struct err *err)
{
	struct powered *pen = ctx;
	char text[200];

	if (status && status != -ECANCELED) {
		snprintf(text, sizeof(text), "behind the stop of the pen: %.150s", err->text);
		doubt_dial(pen, text);
	}
	pen->looking = false;
	if (pen->stop && pen->stop->off)
		end_stop(pen->stop, 0, NULL);
}

/* A newer stop has come before the look that this one waits for. */
static void give_up_waiting(struct powered *pen)
{
	struct stop *stop = pen->stop;

	if (!stop || !stop->off)
		return;
	answer_later(pen, 0, NULL, stop->done, stop->ctx);
	free(stop);
	pen->stop = NULL;
}

/* Behind it the timer is asked for once more: it may have been disarmed since it last was. One that has tripped says nothing
 * of that. */
static void powered_stop(struct device *device, device_done_fn done, void *ctx)
{
	struct powered *pen = powered_of(device);
	struct stop *stop = calloc(1, sizeof(*stop));

	if (stop)
		*stop = (struct stop){.pen = pen, .done = done, .ctx = ctx};
	pen->owes_word |= pen->wanted && pen->timer_ns && pen->setup.fed &&
			  !(pen->condition & (PEN_DEADMAN_TRIPPED | PEN_TIMER_OFF));
	bool look = pen->dial && pen->wanted && !pen->dial_unsure && !pen->looking;
	pen->wanted = false;
	pen->looking |= look;
	give_up_turn(pen);
	cancel_answers(pen);
	give_up_waiting(pen);
	pen->stop = stop;
	if (stop)
		pen->verbs->off(pen->supply, switched_off, stop);
	else /* a computer without memory must be able to stop its pen; it starts it no more where a word is owed */
		pen->verbs->off(pen->supply, done, ctx);
	if (pen->dial)
		pen->setup.dial.driver->stage->halt(pen->dial);
	if (look)
		pen->setup.dial.driver->stage->look(pen->dial, dial_looked, pen);
}

static void powered_heartbeat(struct device *device, device_done_fn done, void *ctx)
{
	struct powered *pen = powered_of(device);
	unsigned also = pen->setup.fed && pen->timer_ns ? POWER_READ_FEED : 0;

	if (also)
		pen->fed_ns = pen->now_ns;
	if (also && pen->wanted && pen->now_ns - pen->timer_asked_ns >= POWERED_TIMER_NS) {
		also |= POWER_READ_TIMER;
		pen->timer_asked_ns = pen->now_ns;
	}
	read_output(pen, also, done, ctx);
}

static void powered_telemetry(struct device *device, device_done_fn done, void *ctx)
{
	struct powered *pen = powered_of(device);

	read_output(pen, 0, done, ctx);
}

static void powered_release(struct device *device, device_done_fn done, void *ctx)
{
	struct powered *pen = powered_of(device);

	pen->timer_ns = 0;
	pen->owes_word = false;
	if (pen->verbs->release)
		pen->verbs->release(pen->supply, done, ctx);
	else
		answer_later(pen, 0, NULL, done, ctx);
}

static const struct pen_verbs verbs = {
	.limits = powered_limits,
	.set_rate = powered_set_rate,
	.set_depth = powered_set_depth,
	.run = powered_run,
	.stop = powered_stop,
	.deadman = powered_deadman,
	.heartbeat = powered_heartbeat,
	.telemetry = powered_telemetry,
	.release = powered_release,
};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

static int powered_match(const struct link_identity *id)
{
	(void)id; /* what hangs on a supply does not show on its link */
	return 0;
}

static int open_supply(struct powered *pen, const struct device_open *open, uint64_t now_ns, struct err *err)
{
	struct device_open parts = *open;

	parts.power = NULL;
	parts.output = open->power->output;
	parts.address = open->power->address;
	parts.volts_max_v = open->power->points ? open->power->volts_v[open->power->points - 1] : 0;
	parts.amps_max_a = open->power->current_max_a;
	parts.dialect = open->power->dialect;
	parts.host = (struct driver_host){
		.ctx = pen, .ready = on_ready, .power = on_power, .event = on_event, .lost = on_lost};
	return open->power->driver->open(&parts, now_ns, &pen->supply, err);
}

static int powered_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	if (!open->power || !open->power->driver || !driver_serves(open->power->driver, ROLE_POWER))
		return err_set(err, -EINVAL,
			       "a powered pen needs a power supply: the bench file names it in \"power\"");
	struct powered *pen = calloc(1, sizeof(*pen));
	if (!pen)
		return err_set(err, -ENOMEM, "no memory for a pen");
	pen->base.driver = &driver_powered;
	pen->host = open->host;
	pen->setup = *open->power;
	pen->verbs = pen->setup.driver->power;
	pen->volts_v = NAN;
	pen->links = open->links;
	pen->loop = open->loop;
	pen->now_ns = now_ns;
	int status = open_supply(pen, open, now_ns, err);
	if (status) {
		free(pen);
		return status;
	}
	*ret = &pen->base;
	return 0;
}

static void powered_close(struct device *device)
{
	struct powered *pen = powered_of(device);

	if (!pen)
		return;
	pen->setup.driver->close(pen->supply);
	if (pen->dial)
		pen->setup.dial.driver->close(pen->dial);
	cancel_answers(pen);
	tell_answers(pen);
	free(pen);
}

static void powered_on_tick(struct device *device, uint64_t now_ns)
{
	struct powered *pen = powered_of(device);

	pen->now_ns = now_ns;
	tell_answers(pen);
	pen->setup.driver->on_tick(pen->supply, now_ns);
	if (pen->dial_wanted)
		open_dial(pen);
	if (pen->dial)
		pen->setup.dial.driver->on_tick(pen->dial, now_ns);
}

static const struct device_identity *powered_identity(const struct device *device)
{
	const struct powered *pen = powered_of_const(device);

	return pen->identity.dial[0] ? &pen->identity : pen->setup.driver->identity(pen->supply);
}

static void powered_counters(const struct device *device, struct device_counters *ret)
{
	const struct powered *pen = powered_of_const(device);

	pen->setup.driver->counters(pen->supply, ret);
}

static const struct link *powered_link(const struct device *device)
{
	const struct powered *pen = powered_of_const(device);

	return pen->setup.driver->link(pen->supply);
}

const struct driver driver_powered = {
	.name = "powered",
	.description = "pen without a plug: a power supply or relay switches it, an operator or a stage sets its depth",
	.roles = ROLE_BIT(ROLE_PEN),
	.wants =
		{.usb_class = 0xFE, .usb_subclass = 0x03, .usb_protocol = -1, .usbtmc = true, .serial = {.baud = 9600}},
	.match = powered_match,
	.open = powered_open,
	.close = powered_close,
	.on_tick = powered_on_tick,
	.identity = powered_identity,
	.channels = driver_no_channels,
	.counters = powered_counters,
	.link = powered_link,
	.powered = true,
	.pen = &verbs,
};
