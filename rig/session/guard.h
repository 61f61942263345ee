/* What keeps a pen from running unwatched: heartbeats, watchdogs, and the one stop that is proven. In go ticks, blocks,
 * what the pen says, run and stop; out come orders to the pen through struct guard_host, and events through its one
 * callback. It knows no driver, loop, plan or record. Nothing but guard.c writes what it holds. */
#ifndef PENRIG_SESSION_GUARD_H
#define PENRIG_SESSION_GUARD_H

#include "rig/session/evidence.h"

struct guard;

enum guard_event_kind {
	GUARD_ORDERED,   /* an order that goes to the pen: text says which */
	GUARD_NOTED,     /* something that a record of the run must have */
	GUARD_FAULT,     /* what is being measured cannot be trusted any more; the run may go on */
	GUARD_CONDITION, /* the pen's own fault: it ends the run, and fails the pen */
	GUARD_LOST,      /* a device is as good as gone: it ends the run */
	GUARD_STORAGE,   /* samples cannot be kept: it ends the run */
	GUARD_SWITCHED_ON, /* behind the order to stop it says that it runs, and strikes: it is ordered off and watched anew; or it
			      says so at rest: it is to be ordered off */
	GUARD_STOPPED, /* the stop under way has its answer: guard_answer() */
};

struct guard_event {
	enum guard_event_kind kind;
	const char *text;   /* borrowed, for people; never NULL */
	uint32_t condition; /* GUARD_CONDITION: enum pen_condition */
	bool sensor;        /* GUARD_LOST: the sensor, not the pen */
	bool unmeasured;    /* GUARD_FAULT: this computer's own: what was measured meanwhile says nothing of the pen */
	const char *cause;  /* GUARD_FAULT: of the rig alone, as in rules.h; NULL: the pen may have had a part in it */
	bool news;          /* GUARD_STOPPED: not the answer of an earlier stop once more */
};

/* Orders return at once; their done function runs later, never from inside. All slots must be filled.
 *
 * now_ns: the monotonic time.
 *
 * heartbeat, run, stop: the pen's verbs of these names (driver/driver.h). What a heartbeat's reply says goes to
 * guard_telemetry() before its done function runs.
 *
 * telemetry: asks the pen what it knows of itself; the reply goes to guard_telemetry().
 *
 * storage: 0 while samples can be kept, or while that does not matter any more; else -errno and the reason in err.
 *
 * event: an event of above. It may call any function of the guard but guard_free(). */
struct guard_host {
	uint64_t (*now_ns)(void *ctx);
	void (*heartbeat)(void *ctx, device_done_fn done, void *done_ctx);
	void (*run)(void *ctx, device_done_fn done, void *done_ctx);
	void (*stop)(void *ctx, device_done_fn done, void *done_ctx);
	void (*telemetry)(void *ctx);
	int (*storage)(void *ctx, struct err *err);
	void (*event)(void *ctx, const struct guard_event *event);
};

struct guard_config {
	const struct guard_host *host; /* borrowed for the guard's life, as is ctx */
	void *ctx;
	uint32_t heartbeat_ms; /* period */
	uint32_t deadman_ms;   /* what the pen's dead-man is set to; 0: nothing counts, and heartbeats only ask */
	uint64_t slow_ns;      /* an answer may take so long; 0: half a second */
	bool of_parts;         /* what the pen says is its power supply's word: no motion after it is the pen's fault */
	double coast_down_max_s;
	double preload_lo_n, preload_hi_n; /* seating force */
};

/* A channel to watch, and for how long it may keep still: patience_of() its rate. */
struct guard_channel {
	struct watch_config watch;
	struct patience patience;
	bool apart; /* a bar whose blocks are of another stream than the force's */
};

int guard_new(const struct guard_config *config, struct guard **ret); /* -ENOMEM */
void guard_free(struct guard *guard);                                 /* NULL is fine; no order may be under way */

/* ---- what it is told ------------------------------------------------------------------------------------------- */

/* Every 5 ms, by the same clock as guard_host.now_ns: heartbeats, watchdogs, and the proof of a stop that is under way. True where the tick went to that proof,
 * whether it came to its answer or not: whatever else waits is not to be done in this tick. */
bool guard_tick(struct guard *guard, uint64_t now_ns);

void guard_pen_ready(struct guard *guard);
void guard_pen_lost(struct guard *guard);
/* The dead-man is set: heartbeats are due from now on. guard_disarm: they end. */
void guard_arm(struct guard *guard);
void guard_disarm(struct guard *guard);
void guard_telemetry(struct guard *guard, const struct pen_telemetry *telemetry);

/* Blocks are due from now on. bar: a displacement channel in mm; NULL: there is none. */
void guard_watch(struct guard *guard, const struct guard_channel *force, const struct guard_channel *bar);
void guard_block(struct guard *guard, const struct sample_block *block);     /* of the force's stream */
void guard_bar_block(struct guard *guard, const struct sample_block *block); /* of the bar's, where it is apart */
void guard_sensor_lost(struct guard *guard);
/* No block is due any more, and that is as it should be. */
void guard_unwatch(struct guard *guard);

/* The operator has taken the phantom away, or put one in: seating force is not demanded meanwhile, and the displacement
 * channel must be alive and still. */
void guard_free_run(struct guard *guard, bool free_run);

/* ---- run and stop ---------------------------------------------------------------------------------------------- */

/* Tells the pen to run, from which moment on its stop is to be proven. what: for people. deadman_expected: it is run to
 * test its dead-man, so a trip is no fault. done and ctx as the verb's. */
void guard_run(struct guard *guard, const char *what, bool deadman_expected, device_done_fn done, void *ctx);

/* It was found running before it was told to: from now on its stop is to be proven, as if it had been. */
void guard_ran_itself(struct guard *guard);

/* For the dead-man test: no heartbeat from now on, and the pen should stop by itself. False, and nothing is done, while
 * one is still under way, or the last was not answered. */
bool guard_withhold(struct guard *guard);
void guard_resume(struct guard *guard);

/* Somebody else may have switched the pen off: nothing feeds it any more before guard_stop(), which the caller sees to. False,
 * and nothing is done, where it was not told to run. */
bool guard_stop_feeding(struct guard *guard);

/* Orders the pen to stop, again until it confirms, and wants proof; GUARD_STOPPED follows, never from inside the call.
 * rate_hz: at which it was to run; 0: none. last: the run is complete with this stop. False where a stop is under way
 * already: its answer is the answer to this one, too. */
bool guard_stop(struct guard *guard, const char *why, double rate_hz, bool last);

/* Nothing more will be heard of anything: a stop under way ends at once with what is known. */
void guard_abandon(struct guard *guard, const char *why);

/* ---- what it knows --------------------------------------------------------------------------------------------- */

enum watch_verdict guard_alive(const struct guard *guard);
enum watch_verdict guard_still(const struct guard *guard, double quiet_s);
double guard_quiet_s(const struct guard *guard); /* as signals_quiet_s() */
/* The start interlock has been waited for long enough, since since_ns: a signal that moves or lies outside its window may
 * settle, one that is not alive will not come back. What waited in a queue while this process was held up is worked off
 * first. */
bool guard_hopeless(const struct guard *guard, enum watch_verdict verdict, uint64_t since_ns);

const struct watch *guard_force(const struct guard *guard); /* all zero before guard_watch() */
bool guard_moved(const struct guard *guard);                /* the pen was told to run, or seen to move */
/* A pen at rest has said that it runs, and was not heard to take it back. */
bool guard_doubts(const struct guard *guard);
bool guard_power_off(
	const struct guard
		*guard); /* a pen made of parts that ran: confirmed; any other: nothing is known against it */
const struct stop_answer *guard_answer(const struct guard *guard);
uint64_t guard_last_heartbeat_ns(const struct guard *guard); /* 0: none was sent */
uint64_t guard_fed_by_ns(const struct guard *guard);         /* when that one was answered; the pen had it by then */
/* Of a wait for a signal that began at since_ns, from when on it counts: what waited while this process was held up is
 * worked off first. */
uint64_t guard_awaited_ns(const struct guard *guard, uint64_t since_ns);
const struct pen_telemetry *guard_said(const struct guard *guard); /* the newest of the pen; all zero before any */

#endif
