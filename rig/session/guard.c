/* See guard.h. Numbers here are moments and periods; what they mean for a stop stands in evidence.c and rules.c. */
#include "rig/session/guard.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/loop.h"
#include "rig/session/rules.h"

#define STOP_RETRY_NS        (250 * NS_PER_MS) /* a stop that was not confirmed is sent again */
#define SICK_NS              (100 * NS_PER_MS) /* a channel not alive for so long under a running pen ends the point */
#define NO_SENSE_NS          (500 * NS_PER_MS) /* without a sensible answer to a heartbeat a pen is as good as gone */
#define SLEPT_NS             (50 * NS_PER_MS)  /* the process itself did not run: what it missed is still queued */
#define GRACE_NS             (300 * NS_PER_MS) /* in which that is handed over; then as long without, however often */
#define CATCH_UP_NS          (5 * NS_PER_S)    /* the longest that it may take to work off what waited */
#define NOTED_NS             (100 * NS_PER_MS) /* what it missed by more stands in the record */
#define TELEMETRY_NS         (500 * NS_PER_MS)
#define RUNS_ON_NS           (100 * NS_PER_MS) /* between questions to a pen that is told to stop and strikes on */
#define ODD_HEARTBEATS       2                 /* in a row, before they count: text has no checksum */
#define ODD_WORDS            2                 /* the same, that a pen runs at rest; 1 where it strikes as well */
#define INTERLOCK_TIMEOUT_NS (2 * NS_PER_S)
#define INTERLOCK_SICK_NS    (500 * NS_PER_MS)

struct heartbeats {
	bool armed;    /* the pen's dead-man is set: they are due */
	bool withheld; /* by the dead-man test */
	bool barred;   /* until the pen is told to stop: somebody else may have switched it off */
	bool pending;
	bool unanswered; /* the last one came to nothing */
	unsigned odd;    /* in a row: a condition, or off while it should run */
	uint64_t next_ns, last_ns;
	uint64_t heard_ns;  /* the last that came back with sense in it, or for how long none is missed */
	uint64_t fed_by_ns; /* when the last was answered */
};

struct running {
	bool wanted; /* told to run and not yet to stop */
	bool deadman_expected;
	uint64_t next_telemetry_ns;
	uint64_t sick_since_ns; /* the channel has not been alive since; 0 = it is */
};

struct stopping {
	bool active;
	bool pending; /* an order is under way */
	bool blamed;  /* it was told that the pen ran on */
	bool runs;    /* it had confirmed, stood, and says that it runs */
	bool again;   /* which began the watch anew, once */
	uint64_t next_try_ns, next_question_ns;
};

struct resting {        /* of a pen that was seen to stand, and was not told to run since */
	unsigned words; /* in a row, that it runs */
	bool told;
	uint64_t next_question_ns;
};

struct guard {
	struct guard_config config;
	struct known known;
	struct heartbeats beats;
	struct running running;
	struct stopping stopping;
	struct resting resting;
	struct pen_telemetry telemetry;
	bool bar_apart; /* its blocks come by themselves */
	uint64_t last_tick_ns;
	uint64_t held_until_ns; /* this process was held up, and is not over it before then; 0: never */
	uint64_t grace_until_ns;
	uint64_t absent_ns; /* so long it did not run since the newest block */
};

int guard_new(const struct guard_config *config, struct guard **ret)
{
	struct guard *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->config = *config;
	g->known.pen.of_parts = config->of_parts;
	g->last_tick_ns = config->host->now_ns(config->ctx);
	*ret = g;
	return 0;
}

void guard_free(struct guard *g)
{
	free(g);
}

static uint64_t now(const struct guard *g)
{
	return g->config.host->now_ns(g->config.ctx);
}

static void tell(struct guard *g, enum guard_event_kind kind, const char *text)
{
	g->config.host->event(g->config.ctx, &(struct guard_event){.kind = kind, .text = text});
}

/* ---- heartbeat ------------------------------------------------------------------------------------------------- */

static void judge_heartbeat(struct guard *g)
{
	const struct report report = {
		.condition = g->telemetry.condition,
		.running = g->telemetry.running,
		.should_run = g->running.wanted,
		.deadman_expected = g->running.deadman_expected,
	};
	char text[120];
	struct guard_event event = {.kind = GUARD_CONDITION, .text = text};
	enum blame blame = report_blame(&report, &event.condition, text, sizeof(text));
	if (blame == BLAME_NOBODY) {
		g->beats.odd = 0;
		return;
	}
	if (++g->beats.odd < ODD_HEARTBEATS) {
		g->beats.next_ns = now(g);
		return;
	}
	if (blame == BLAME_BENCH) {
		event.kind = GUARD_FAULT;
		event.cause = condition_cause(event.condition);
	}
	g->config.host->event(g->config.ctx, &event);
}

static void heartbeat_done(void *ctx, int status, const struct err *err)
{
	struct guard *g = ctx;
	g->beats.pending = false;
	g->beats.unanswered = status != 0;
	g->beats.fed_by_ns = now(g);
	if (status == 0) {
		g->beats.heard_ns = g->beats.fed_by_ns;
		judge_heartbeat(g);
	} else if (status != -ECANCELED) {
		char text[ERR_TEXT_MAX];
		snprintf(text, sizeof(text), "heartbeat: %.500s", err ? err->text : strerror(-status));
		tell(g, GUARD_NOTED, text);
	}
}

/* From the order to stop on nothing feeds the dead-man, which is to stop a pen that does not obey; and it is fed again
 * only while the needles stand still. */
static bool is_fed(const struct guard *g, uint64_t now_ns)
{
	const struct heartbeats *beats = &g->beats;
	const struct stop_answer *a = &g->known.answer;
	if (!beats->armed || beats->withheld || g->known.pen.lost || g->known.pen.senseless)
		return false;
	if (g->running.wanted)
		return !beats->barred;
	if (g->stopping.active || (a->given && !a->verified))
		return false;
	return signals_still(&g->known.signals, now_ns, INTERLOCK_QUIET_S) != WATCH_MOVING;
}

static void beat(struct guard *g, uint64_t now_ns)
{
	struct heartbeats *beats = &g->beats;
	if (beats->pending || now_ns < beats->next_ns || !is_fed(g, now_ns))
		return;
	beats->next_ns = now_ns + g->config.heartbeat_ms * NS_PER_MS;
	beats->last_ns = now_ns;
	beats->pending = true;
	g->config.host->heartbeat(g->config.ctx, heartbeat_done, g);
}

/* ---- watchdogs ------------------------------------------------------------------------------------------------- */

static void fault(struct guard *g, const char *text, const char *cause)
{
	g->config.host->event(g->config.ctx, &(struct guard_event){.kind = GUARD_FAULT, .text = text, .cause = cause});
}

static void unmeasured(struct guard *g, const char *text)
{
	g->config.host->event(
		g->config.ctx,
		&(struct guard_event){.kind = GUARD_FAULT, .text = text, .cause = "timing", .unmeasured = true});
}

/* This process did not run, or the line was blocked, for longer than the pen waits: it may have stopped, and for no
 * fault of its own. What was measured meanwhile is still queued and would be taken for its doing. */
static void watch_starvation(struct guard *g, uint64_t now_ns)
{
	uint64_t fed_ns = g->beats.last_ns > g->known.run.ns ? g->beats.last_ns : g->known.run.ns;
	if (!g->beats.armed || !g->config.deadman_ms || !g->running.wanted ||
	    now_ns - fed_ns < g->config.deadman_ms * NS_PER_MS)
		return;
	char text[120];
	snprintf(text, sizeof(text), "no heartbeat left this computer for %.2f s, longer than the pen's dead-man waits",
		 (double)(now_ns - fed_ns) * 1e-9);
	unmeasured(g, text);
}

/* A pen that answers, but never with sense, could report anything and nobody would know; one that falls silent shows
 * here or to its driver first. */
static void watch_pen(struct guard *g, uint64_t now_ns)
{
	struct pen_known *pen = &g->known.pen;
	uint64_t most_ns = g->config.slow_ns ? g->config.slow_ns : NO_SENSE_NS;
	char text[160];
	bool owes = is_fed(g, now_ns) || (g->stopping.active && !pen->off);
	if (!g->beats.armed || g->beats.withheld || pen->lost || !owes)
		g->beats.heard_ns = now_ns;
	if (pen->senseless || now_ns <= g->beats.heard_ns + most_ns) /* it may have been heard since this tick began */
		return;
	pen->senseless = true; /* now its dead-man stops it, should it not hear the order */
	snprintf(text, sizeof(text),
		 "the pen has not answered its heartbeat with sense for %.1f s: check its cable and, on a serial line, "
		 "the baud "
		 "rate in the bench file",
		 (double)most_ns * 1e-9);
	tell(g, GUARD_LOST, text);
}

static void sensor_silent(struct guard *g, uint64_t silent_ns)
{
	char text[96];
	guard_sensor_lost(g);
	snprintf(text, sizeof(text), "the load sensor is silent: no sample for %llu ms",
		 (unsigned long long)(silent_ns / NS_PER_MS));
	g->config.host->event(g->config.ctx, &(struct guard_event){.kind = GUARD_LOST, .text = text, .sensor = true});
}

/* Under a running pen the channel must stay alive; its seating force cannot be seen then. */
static void watch_health(struct guard *g, uint64_t now_ns)
{
	uint64_t *since_ns = &g->running.sick_since_ns;
	enum watch_verdict verdict = g->running.wanted ? guard_alive(g) : WATCH_OK;
	if (verdict == WATCH_OK || verdict == WATCH_PRELOAD) {
		*since_ns = 0;
		return;
	}
	if (!*since_ns)
		*since_ns = now_ns;
	if (now_ns - *since_ns < SICK_NS)
		return;
	char text[160];
	snprintf(text, sizeof(text), "load sensor while the pen ran: %s", watch_verdict_text(verdict));
	if (verdict == WATCH_STALE && signals_behind(&g->known.signals))
		unmeasured(g, text);
	else
		fault(g, text, sickness_cause(verdict));
}

static void watch_sensor(struct guard *g, uint64_t now_ns)
{
	const struct watched *force = &g->known.signals.force;
	if (!g->known.signals.streaming)
		return;
	if (now_ns - force->watch.last_host_ns > force->patience.silent_ns + g->absent_ns)
		sensor_silent(g, force->patience.silent_ns);
	else if (now_ns >= g->grace_until_ns)
		watch_health(g, now_ns);
}

static void watch_storage(struct guard *g)
{
	struct err err = {""};
	if (g->config.host->storage(g->config.ctx, &err))
		tell(g, GUARD_STORAGE, err.text);
}

static void read_telemetry(struct guard *g, uint64_t now_ns)
{
	if (!g->running.wanted || now_ns < g->running.next_telemetry_ns)
		return;
	g->running.next_telemetry_ns = now_ns + TELEMETRY_NS;
	g->config.host->telemetry(g->config.ctx);
}

/* Time in which the process did not run is nobody's silence, and what it missed waits in queues. A computer that is held
 * up again and again does not put its watchdogs off for ever. */
static void held_up(struct guard *g, uint64_t now_ns, uint64_t missed_ns)
{
	char text[96];
	g->absent_ns += missed_ns;
	/* What came in the turn that ended the hold-up was heard now, and not so much later. */
	g->beats.heard_ns = g->beats.heard_ns + missed_ns < now_ns ? g->beats.heard_ns + missed_ns : now_ns;
	g->known.order.held_up = true;
	if (g->stopping.active && !g->known.pen.off) /* the pen may not have heard of it before now */
		g->known.order.coasted_ns += missed_ns;
	g->held_until_ns = now_ns + CATCH_UP_NS;
	g->known.signals.behind_ns = now_ns;
	if (now_ns >= g->grace_until_ns + GRACE_NS)
		g->grace_until_ns = now_ns + GRACE_NS;
	if (missed_ns < NOTED_NS)
		return;
	snprintf(text, sizeof(text), "this program was held up for %.2f s: what came meanwhile waited",
		 (double)missed_ns * 1e-9);
	tell(g, GUARD_NOTED, text);
}

static void note_time(struct guard *g, uint64_t now_ns)
{
	uint64_t passed_ns = now_ns - g->last_tick_ns;
	g->last_tick_ns = now_ns;
	if (passed_ns > SLEPT_NS)
		held_up(g, now_ns, passed_ns - DRIVER_TICK_NS);
	if (now_ns < g->held_until_ns && signals_behind(&g->known.signals))
		g->known.signals.behind_ns = now_ns;
}

/* ---- stop and proof -------------------------------------------------------------------------------------------- */

static void stop_done(void *ctx, int status, const struct err *err)
{
	struct guard *g = ctx;
	(void)err;
	struct pen_known *pen = &g->known.pen;
	g->stopping.pending = false;
	pen->off = status == 0;
	pen->told = status == -ENODATA;
	pen->off_ns = now(g);
	if (pen->off || pen->told)
		g->beats.heard_ns = pen->off_ns;
}

static void send_stop(struct guard *g, uint64_t now_ns)
{
	const struct pen_known *pen = &g->known.pen;
	g->stopping.next_try_ns = now_ns + STOP_RETRY_NS;
	if (g->stopping.pending || (pen->lost && !pen->of_parts) || !pen->ready)
		return; /* a supply that is lost may hear all the same */
	g->stopping.pending = true;
	g->config.host->stop(g->config.ctx, stop_done, g);
}

static void answer(struct guard *g, const struct evidence *evidence, const char *why)
{
	struct stop_answer *a = &g->known.answer;
	const struct stop_rule *rule = stop_rule_for(evidence);
	if (rule->ruling == RULING_WAIT)
		return;
	bool news = rule->ruling != RULING_AS_BEFORE;
	if (rule->ruling == RULING_UNVERIFIED && g->known.pen.told)
		tell(g, GUARD_FAULT, "whether the pen had power is not known: what switches it cannot say");
	if (news) {
		a->verified = rule->ruling == RULING_PROVEN;
		stop_text(rule, evidence, &g->known, why, a->text, sizeof(a->text));
	}
	a->given = true;
	a->proven_s = a->verified ? fmax(a->proven_s, evidence->quiet_s) : 0;
	g->stopping.active = false;
	g->config.host->event(g->config.ctx,
			      &(struct guard_event){.kind = GUARD_STOPPED, .text = a->text, .news = news});
}

/* A pen that says that it is off and strikes on is asked for its state, by what does not feed its dead-man: it may have
 * tripped, and the first word may have been garbled. */
static void question(struct guard *g, uint64_t now_ns)
{
	const struct stop_order *order = &g->known.order;
	bool due = (order->trips_ns && strikes_past(&g->known, order->trips_ns)) ||
		   strikes_past(&g->known, order->coasted_ns) || strikes_anew(&g->known);
	if (!g->known.pen.off || now_ns < g->stopping.next_question_ns || !due)
		return;
	g->stopping.next_question_ns = now_ns + RUNS_ON_NS;
	g->config.host->telemetry(g->config.ctx);
}

static void blame(struct guard *g, const struct evidence *evidence)
{
	const char *text = stop_blame(evidence);
	if (!text || g->stopping.blamed || g->config.of_parts)
		return;
	g->stopping.blamed = true;
	g->config.host->event(g->config.ctx,
			      &(struct guard_event){.kind = GUARD_CONDITION, .condition = PEN_RAN_ON, .text = text});
}

static void place_order(struct guard *g, uint64_t now_ns)
{
	struct stop_order *order = &g->known.order;
	order->ns = now_ns;
	order->held_up = now_ns < g->held_until_ns;
	order->coasted_ns = now_ns + (uint64_t)(g->config.coast_down_max_s * 1e9);
	if (!g->known.answer.given) { /* else nothing has run since the order that was given then */
		order->first_index = watch_index_at(&g->known.signals.force.watch, now_ns);
		order->rests_ns = order->coasted_ns;
		order->first_ns = now_ns;
	}
	g->known.pen.off = g->known.pen.off_again = g->known.pen.told = g->known.pen.tripped = false;
}

/* It ran once more and says so itself, so its stop is proven once more, by as much as the first. One that strikes and says that it is off
 * gets no second watch, nor does what is no stroke of a motor: what creeps may hide from the next one. */
static void watch_again(struct guard *g, uint64_t now_ns)
{
	g->stopping.runs = false;
	if (g->stopping.again)
		return;
	g->stopping.again = true;
	g->known.answer = (struct stop_answer){.given = false};
	place_order(g, now_ns);
	g->known.order.trips_ns = 0; /* its dead-man's time began with its strokes, nobody knows when */
	g->stopping.next_try_ns = now_ns;
	tell(g, GUARD_SWITCHED_ON,
	     "behind its stop the pen was switched on by its button, or by itself; it was ordered off again");
}

static bool at_rest(const struct guard *g)
{
	const struct stop_answer *a = &g->known.answer; /* there is none from each order to run on */
	return g->beats.armed && !g->stopping.active && a->given && a->verified;
}

static bool strikes_at_rest(const struct guard *g, uint64_t now_ns)
{
	return strikes_anew(&g->known) && signals_still(&g->known.signals, now_ns, INTERLOCK_QUIET_S) == WATCH_MOVING;
}

/* The next order to stop would end it, and nobody would know that it ran. */
static void watch_rest(struct guard *g, uint64_t now_ns)
{
	struct resting *resting = &g->resting;
	if (!at_rest(g)) {
		*resting = (struct resting){.words = 0};
		return;
	}
	bool strikes = strikes_at_rest(g, now_ns);
	if (resting->told || (!strikes && !resting->words))
		return;
	if (resting->words >= (strikes ? 1 : ODD_WORDS)) {
		resting->told = true;
		tell(g, GUARD_SWITCHED_ON,
		     "the pen was switched on at rest by its button, or by itself; it was ordered off");
	} else if (now_ns >= resting->next_question_ns) {
		resting->next_question_ns = now_ns + RUNS_ON_NS;
		g->config.host->telemetry(g->config.ctx);
	}
}

static void prove(struct guard *g, uint64_t now_ns)
{
	if (g->stopping.runs)
		watch_again(g, now_ns);
	question(g, now_ns);
	if (!g->known.pen.off && now_ns >= g->stopping.next_try_ns)
		send_stop(g, now_ns);
	struct evidence evidence = evidence_of(&g->known, now_ns);
	g->known.run.moved = evidence.facts & FACT_MOVED;
	g->known.run.ran_on |= (evidence.facts & FACT_OFF) && (evidence.facts & (FACT_OUTRAN | FACT_TRIPPED));
	blame(g, &evidence);
	answer(g, &evidence, NULL);
}

bool guard_stop(struct guard *g, const char *why, double rate_hz, bool last)
{
	if (g->stopping.active)
		return false;
	char text[ERR_TEXT_MAX];
	uint64_t now_ns = now(g);
	snprintf(text, sizeof(text), "stop: %.500s", why);
	tell(g, GUARD_ORDERED, text);
	struct stop_order *order = &g->known.order;
	if (at_rest(g) && (g->resting.words || strikes_at_rest(g, now_ns))) /* that it stood says nothing of now */
		g->known.answer = (struct stop_answer){.given = false};
	g->running.wanted = g->beats.barred = false;
	place_order(g, now_ns);
	order->trips_ns =
		g->beats.armed && g->config.deadman_ms ? g->beats.last_ns + g->config.deadman_ms * NS_PER_MS : 0;
	order->quiet_s = quiet_needed_s(rate_hz, last, false);
	order->alone_s = quiet_needed_s(rate_hz, last, true);
	order->alone_ns = g->beats.armed ? g->config.deadman_ms * NS_PER_MS : 0;
	g->stopping = (struct stopping){.active = true};
	send_stop(g, now_ns);
	return true;
}

void guard_abandon(struct guard *g, const char *why)
{
	if (!g->stopping.active)
		return;
	struct evidence evidence = evidence_of(&g->known, now(g));
	evidence.facts |= FACT_TOLD | FACT_ABANDONED;
	answer(g, &evidence, why);
}

/* ---- run ------------------------------------------------------------------------------------------------------- */

void guard_run(struct guard *g, const char *what, bool deadman_expected, device_done_fn done, void *ctx)
{
	uint64_t now_ns = now(g);
	g->known.run = (struct last_run){
		.moved = true,
		.ns = now_ns,
		.index = watch_index_at(&g->known.signals.force.watch, now_ns),
		.bar_index = watch_index_at(&g->known.signals.bar.watch, now_ns),
	};
	g->known.answer = (struct stop_answer){.given = false};
	watch_ran(&g->known.signals.force.watch);
	watch_ran(&g->known.signals.bar.watch);
	/* The dead-man test runs shortly: what the pen says of itself is wanted from its beginning. */
	uint64_t telemetry_ns = deadman_expected ? now_ns : now_ns + TELEMETRY_NS;
	g->running = (struct running){
		.wanted = true,
		.deadman_expected = deadman_expected,
		.next_telemetry_ns = telemetry_ns,
	};
	g->beats.odd = 0;
	g->telemetry.running = true; /* until a reply says otherwise */
	g->telemetry.condition = 0;  /* what still holds, the next reply says again */
	tell(g, GUARD_ORDERED, what);
	g->config.host->run(g->config.ctx, done, ctx);
}

void guard_ran_itself(struct guard *g)
{
	g->known.run = (struct last_run){.moved = true, .ns = now(g)};
	g->known.answer = (struct stop_answer){.given = false};
}

bool guard_withhold(struct guard *g)
{
	if (g->beats.pending || g->beats.unanswered)
		return false;
	g->beats.withheld = true;
	g->running.wanted = false;
	return true;
}

bool guard_stop_feeding(struct guard *g)
{
	g->beats.barred = g->running.wanted;
	return g->beats.barred;
}

void guard_resume(struct guard *g)
{
	g->beats.withheld = false;
}

/* ---- what it is told ------------------------------------------------------------------------------------------- */

bool guard_tick(struct guard *g, uint64_t now_ns)
{
	note_time(g, now_ns);
	watch_starvation(g, now_ns);
	beat(g, now_ns);
	read_telemetry(g, now_ns);
	watch_storage(g);
	watch_pen(g, now_ns);
	watch_sensor(g, now_ns);
	watch_rest(g, now_ns);
	bool proving = g->stopping.active;
	if (proving)
		prove(g, now_ns);
	return proving;
}

void guard_pen_ready(struct guard *g)
{
	g->known.pen.ready = true;
}

void guard_pen_lost(struct guard *g)
{
	g->known.pen.lost = true;
}

void guard_arm(struct guard *g)
{
	g->beats.armed = true;
	g->beats.next_ns = g->beats.heard_ns = now(g);
}

void guard_disarm(struct guard *g)
{
	g->beats.armed = false;
}

void guard_telemetry(struct guard *g, const struct pen_telemetry *telemetry)
{
	struct pen_known *pen = &g->known.pen;
	g->telemetry = *telemetry;
	if (at_rest(g))
		g->resting.words = telemetry->running ? g->resting.words + 1 : 0;
	if (!g->stopping.active || !pen->off)
		return;
	pen->off_again = !telemetry->running;
	pen->tripped = telemetry->condition & PEN_DEADMAN_TRIPPED;
	pen->off = pen->off_again; /* one that runs after all is ordered to stop once more */
	g->stopping.runs = telemetry->running && strikes_anew(&g->known);
}

static void watch_begin(struct watched *watched, const struct guard_channel *channel, uint64_t now_ns)
{
	watch_init(&watched->watch, &channel->watch);
	watched->patience = channel->patience;
	watched->watch.last_host_ns = now_ns;
}

void guard_watch(struct guard *g, const struct guard_channel *force, const struct guard_channel *bar)
{
	struct signals *signals = &g->known.signals;
	watch_begin(&signals->force, force, now(g));
	if (bar)
		watch_begin(&signals->bar, bar, now(g));
	signals->has_bar = bar;
	g->bar_apart = bar && bar->apart;
	signals->streaming = true;
}

void guard_block(struct guard *g, const struct sample_block *block)
{
	struct signals *signals = &g->known.signals;
	g->absent_ns = 0;
	watch_feed(&signals->force.watch, block);
	if (signals->has_bar && !g->bar_apart)
		watch_feed(&signals->bar.watch, block);
}

void guard_bar_block(struct guard *g, const struct sample_block *block)
{
	if (g->bar_apart)
		watch_feed(&g->known.signals.bar.watch, block);
}

void guard_sensor_lost(struct guard *g)
{
	g->known.signals.lost = true;
	g->known.signals.streaming = false;
}

void guard_unwatch(struct guard *g)
{
	g->known.signals.streaming = false;
}

void guard_free_run(struct guard *g, bool free_run)
{
	struct watch_config *force = &g->known.signals.force.watch.config;
	g->known.signals.free_run = free_run;
	force->preload_lo_n = free_run ? -INFINITY : g->config.preload_lo_n;
	force->preload_hi_n = free_run ? INFINITY : g->config.preload_hi_n;
}

/* ---- what it knows --------------------------------------------------------------------------------------------- */

enum watch_verdict guard_alive(const struct guard *g)
{
	return signals_alive(&g->known.signals, now(g));
}

enum watch_verdict guard_still(const struct guard *g, double quiet_s)
{
	return signals_still(&g->known.signals, now(g), quiet_s);
}

double guard_quiet_s(const struct guard *g)
{
	return signals_quiet_s(&g->known.signals);
}

bool guard_hopeless(const struct guard *g, enum watch_verdict verdict, uint64_t since_ns)
{
	uint64_t waited_ns = now(g) - guard_awaited_ns(g, since_ns);
	bool may_settle = verdict == WATCH_PRELOAD || verdict == WATCH_MOVING;
	return waited_ns > (may_settle ? INTERLOCK_TIMEOUT_NS : INTERLOCK_SICK_NS);
}

const struct watch *guard_force(const struct guard *g)
{
	return &g->known.signals.force.watch;
}

bool guard_moved(const struct guard *g)
{
	return g->known.run.moved;
}

bool guard_doubts(const struct guard *g)
{
	return at_rest(g) && g->resting.words > 0;
}

bool guard_power_off(const struct guard *g)
{
	const struct pen_known *pen = &g->known.pen;
	const struct stop_answer *a = &g->known.answer;
	bool off = pen->off || (pen->told && a->given && a->verified); /* where it cannot say, it was seen */
	return !pen->of_parts || !g->known.run.moved || (off && !g->running.wanted);
}

const struct stop_answer *guard_answer(const struct guard *g)
{
	return &g->known.answer;
}

uint64_t guard_last_heartbeat_ns(const struct guard *g)
{
	return g->beats.last_ns;
}

uint64_t guard_fed_by_ns(const struct guard *g)
{
	return g->beats.fed_by_ns;
}

uint64_t guard_awaited_ns(const struct guard *g, uint64_t since_ns)
{
	return signals_awaited_ns(&g->known.signals, since_ns);
}

const struct pen_telemetry *guard_said(const struct guard *g)
{
	return &g->telemetry;
}
