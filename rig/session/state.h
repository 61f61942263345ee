/* The session's state, shared by the files that drive it (session.c, devices.c, safety.c, attempt.c, pen_tests.c) and
 * by nobody else. One step function is current at a time; the tick calls it every few milliseconds, so that every wait
 * has a bound beside its condition. */
#ifndef PENRIG_SESSION_STATE_H
#define PENRIG_SESSION_STATE_H

#include "rig/estimate/estimator.h"
#include "rig/measure/watch.h"
#include "rig/record/host.h"
#include "rig/session/lock.h"
#include "rig/session/session.h"

#define TICK_NS              DRIVER_TICK_NS
#define FRESH_NS             (100 * NS_PER_MS) /* start interlock: the newest block is no older */
#define SENSOR_SILENT_NS     (300 * NS_PER_MS) /* a streaming sensor sends every 5 ms; 60 missed blocks are silence */
#define OPEN_TIMEOUT_NS      (3 * NS_PER_S)    /* a driver is ready within 2 s */
#define INTERLOCK_TIMEOUT_NS (2 * NS_PER_S)
#define INTERLOCK_SICK_NS    (500 * NS_PER_MS)
#define VERIFY_STROKES       10 /* standing still = no stroke for so many periods of the setpoint ... */
#define VERIFY_MIN_S         0.3 /* ... and never less: a motor that dies slowly makes a stroke every quarter of a second */
/* The last stop of a complete run, where only the force tells: a needle that creeps at a stroke in two seconds, the
 * slowest that a motor turns on, has struck within this. */
#define VERIFY_END_S      2.2
#define INTERLOCK_QUIET_S 0.1 /* of stillness before a start */
#define TELEMETRY_NS      (500 * NS_PER_MS)
#define PROGRESS_NS       (250 * NS_PER_MS)
#define REST_S            0.2 /* of stillness after a point, for the baseline behind it */

struct session;
typedef void (*step_fn)(struct session *s, uint64_t now_ns);

struct attached { /* a device of the run */
	struct session *session;
	const struct driver *driver;
	struct device *device;
	struct record_device *record;
	unsigned row; /* index in record->device */
	bool ready, lost;
	int status; /* why not ready, or why lost */
	struct err err;
};

struct verb { /* a pending request to a device */
	bool pending;
	int status;
	struct err err;
};

struct stopping { /* safety.c */
	bool active;
	void (*then)(struct session *s, bool verified);
	bool answered; /* since the pen last ran: whether it stands still is known, or cannot be */
	struct verb verb;
	uint64_t coasted_ns, alone_ns, next_try_ns;
	uint64_t first_index;                      /* motion before it does not count */
	uint64_t run_index, bar_run_index, run_ns; /* when the pen was last told to run; on each watch's axis */
	double quiet_s;
	double proven_s; /* of stillness, since the pen last ran */
};

struct attempt {       /* the point under way */
	unsigned next; /* index in config.points */
	unsigned attempt;
	unsigned row; /* index in record->point */
	bool open;    /* point exists and its row is not finished */
	uint64_t phase_first, next_telemetry_ns;
	uint64_t sick_since_ns; /* the channel has not been alive since; 0 = it is */
	char fault[200];        /* why the point cannot be trusted; empty = nothing known */
};

struct session {
	struct session_config config;
	const struct plan *plan;
	const struct bench *bench;
	struct record *record;
	struct runfile *runfile;
	struct bench_lock *lock;
	struct loop *loop;
	struct loop_timer tick;
	uint64_t last_tick_ns, grace_until_ns, next_progress_ns, started_ns;
	enum session_stage stage;
	step_fn step;
	uint64_t step_since_ns;

	struct attached pen, sensor;
	struct verb verb, heartbeat;
	bool armed;          /* the pen's dead-man is set: heartbeats are due */
	bool heartbeat_held; /* the dead-man test withholds them */
	bool should_run;     /* the pen was told to run and not yet to stop */
	uint64_t next_heartbeat_ns, last_heartbeat_ns;
	uint64_t heard_ns;       /* the last heartbeat that came back with sense in it */
	bool senseless;          /* none came for too long: the pen is fed no more, and its word is not waited for */
	unsigned odd_heartbeats; /* in a row: a condition, or off while it should run */
	struct pen_telemetry telemetry;
	bool deadman_expected;

	uint32_t sensor_condition; /* enum sensor_condition */
	char sensor_trouble[160];  /* what it said when a condition came up */
	bool streaming;
	const struct channel *channels;
	unsigned channel_count;
	double fs_hz;
	struct watch watch;
	bool has_bar;     /* a displacement channel stands beside the force */
	struct watch bar; /* of it, in mm: motion that no phantom need feel */
	bool free;        /* nothing stands under the needles: only `bar` shows their motion */
	struct estimator estimator;

	struct stopping stop;
	struct attempt at;
	bool answered, answer;
	void (*after_tests)(struct session *s);
	bool ending, ended, skip_saving;
	int interrupts;
};

/* session.c */
void session_go(struct session *s, enum session_stage stage, step_fn step);
/* The one way out: stop, verify, save. The first status and reason stay. */
void session_end(struct session *s, enum run_status status, const char *reason);
/* A device is gone or silent: ends the run, and a run that is ending already is not complete any more. */
void session_lost(struct session *s, const char *reason);
void session_say(struct session *s, const char *text, bool alarm);
void session_report(struct session *s, const struct record_point *finished); /* progress */
void session_condition(struct session *s, uint32_t condition, const char *text);
void verb_done(void *ctx, int status, const struct err *err); /* ctx: struct verb */
void verb_begin(struct verb *verb);

/* devices.c */
int devices_open(struct session *s, struct err *err);
void devices_close(struct session *s);
/* Identity, calibration, channels and ranges against the bench and the plan. Fills the refusal. */
int devices_check(struct session *s, enum refusal *ret, struct err *err);
void devices_record(struct session *s); /* counters and clock into the record */

/* safety.c */
void safety_tick(struct session *s, uint64_t now_ns);
/* Tells the pen to run, through s->verb: from here on the stop is to be proven. */
void safety_run(struct session *s, const char *what, bool deadman_expected);
void safety_stop(struct session *s, const char *why, void (*then)(struct session *s, bool verified));
/* Nothing more will be heard: the stop under way ends with what is known. */
void safety_abandon(struct session *s, const char *why);
enum watch_verdict safety_alive(const struct session *s);
enum watch_verdict safety_still(const struct session *s, double quiet_s);
/* The operator has taken the phantom away, or put one in: seating force is not demanded meanwhile, and the displacement
 * channel must be alive and still. */
void safety_free(struct session *s, bool free);
/* The start interlock has been waited for long enough: a signal that moves or lies outside its window may settle, one
 * that is not alive will not come back. */
bool safety_hopeless(enum watch_verdict verdict, uint64_t waited_ns);

/* attempt.c */
void attempt_next(struct session *s);                      /* the next point, or the end */
void attempt_fault(struct session *s, const char *reason); /* the point under way cannot be trusted: it ends early */
/* The run ends: an open point that was measured to its end keeps its results, any other is closed for this reason. */
void attempt_close(struct session *s, const char *reason);

/* pen_tests.c */
void pen_tests_begin(struct session *s, void (*then)(struct session *s));

/* journal.c: one line of JSON each */
__attribute__((format(printf, 3, 4))) void journal_text(struct session *s, const char *kind, const char *fmt, ...);
/* kind "stage" or "phase": tells how far a run got that was killed. */
void journal_mark(struct session *s, const char *kind, const char *what, uint64_t first_index);
void journal_device(struct session *s, const struct record_device *device);
void journal_setpoint(struct session *s, double depth_mm, double rate_hz);

#endif
