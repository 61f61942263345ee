/* The session's state, shared by the files that drive it (session.c, devices.c, safety.c, attempt.c, pen_tests.c) and
 * by nobody else. One state function is current at a time; the tick calls it every few milliseconds, so that every wait
 * has a bound beside its condition. While a stop is being proven the guard has the ticks. */
#ifndef PENRIG_SESSION_STATE_H
#define PENRIG_SESSION_STATE_H

#include "rig/estimate/estimator.h"
#include "rig/record/host.h"
#include "rig/session/guard.h"
#include "rig/session/lock.h"
#include "rig/session/session.h"
#include "rig/stopper/stopper.h"

#define TICK_NS DRIVER_TICK_NS
#define OPEN_TIMEOUT_NS                                                                                                \
	(3 * NS_PER_S) /* a driver is ready within 2 s, and what the bench says that its line needs first */
#define PROGRESS_NS     (250 * NS_PER_MS)
#define ANOTHER_PEN     (-EMEDIUMTYPE) /* than the one that --dut names is in the clamp */
#define REST_TIMEOUT_S  0.5            /* later than a rest ought to end: no samples come */
#define REST_ROUNDING_S 1e-6           /* seconds that are whole samples may come out so much longer */

struct session;
typedef void (*state_fn)(struct session *s, uint64_t now_ns);

struct verb { /* a pending request to a device */
	bool pending;
	int status;
	struct err err;
};

struct known_inputs {                  /* of a device with safety inputs, bit i its i-th */
	uint32_t closed;               /* as it said last */
	uint32_t opened;               /* seen open since somebody was asked to open one */
	uint64_t heard_ns;             /* 0: never */
	uint64_t since_ns[INPUTS_MAX]; /* each that is closed */
	unsigned told[INPUTS_MAX];     /* how often the journal says that it opened */
};

struct attached { /* a device of the run */
	struct session *session;
	const struct bench_device *bench;
	const struct driver *driver;
	struct device *device;
	struct record_device *record;
	unsigned index; /* in record->device, and in session.device */
	bool ready, lost;
	int status; /* why not ready, or why lost */
	struct err err;
	/* of one whose samples feed the run */
	const struct channel *channels;
	unsigned channel_count;
	struct patience patience; /* of its fastest stream */
	uint64_t heard_ns;        /* its newest block */
	uint32_t condition;       /* enum sensor_condition */
	char trouble[160];        /* what it said when a condition came up */
	struct verb verb;         /* start and stop of its streams */
	struct known_inputs inputs;
};

struct sensing {            /* of the load sensor */
	double fs_hz;       /* of the force stream; 0 before it was started */
	bool streaming;     /* blocks are taken, its own and those of every other device */
	uint64_t newest_ns; /* arrival of the newest block of any device */
	uint64_t ticked_ns;
};

struct attempt {            /* one try at a point: the one under way, or the next */
	unsigned point;     /* index in config.points */
	unsigned number;    /* at this point, from 1 */
	unsigned before;    /* at this point, that an earlier run began and did not end: they do not count as tries */
	unsigned failed_at; /* the one that failed; 0: none did */
	unsigned lost;      /* of those at this point, to the rig */
	unsigned index;     /* in record->point, which holds every attempt */
	bool open;          /* it stands in the record and is not finished */
	uint64_t phase_first;
	char fault[200];     /* why it cannot be trusted; empty = nothing known */
	const char *cause;   /* of that, the rig's alone; NULL: the pen may have had a part in it */
	bool rests_for_next; /* its rest is to be the next point's tare ... */
	double rest_s;       /* ... the end of this much of it, whatever the force does meanwhile */
	uint64_t
		rest_first; /* sample at which the tare of the point to be opened began behind the one before; 0: it has its
				own */
	void (*after_prompt)(struct session *s); /* what an answered question of a point leads to */
	bool phantom_put;                        /* that of the point was asked for before the pen tests */
	bool unmeasured; /* this computer did not see what the pen did: the attempt ends without results */
};

struct deadman_test { /* from the last heartbeat on */
	unsigned tries;
	struct verb question; /* why do you stand? */
	uint64_t asked_ns;
	uint64_t ran_ns; /* when the pen was asked that last answered that its motor is on; 0: it was not */
	uint64_t off_ns; /* when its first answer that it is off was heard; 0: none */
	uint32_t condition;
};

struct standby { /* the stopper */
	struct stopper *stopper;
	void (*then)(struct session *s); /* what it is waited for with; NULL: nothing waits */
	bool acted, lost;
	uint64_t looked_ns; /* standby_look() */
	struct stop_note note;
	struct err why;
	struct stop_recipe left; /* by an earlier run */
	struct stop_note before; /* of the stopper of then; run empty: there is none */
	bool open;               /* that pen was not seen to stop: the lock's file goes on naming it */
	bool handed_over;        /* this run's was not, and the stopper was told to stop it */
};

struct prompt {
	bool answered, go_on;
	char text[128]; /* of an answer in words; cut to fit */
};

struct hands {           /* of the operator, for a pen made of parts */
	double dial_mm;  /* to which the dial was last asked to be set; NaN: not yet */
	double asked_mm; /* by the question that is open */
	void (*then)(struct session *s);
	void (*after_scan)(struct session *s);
	struct { /* the pen's power, where nothing else can */
		unsigned asked;
		uint64_t put_ns;      /* when it was asked last */
		uint64_t done_ns;     /* when they said that it is; 0: not yet */
		bool interrupted;     /* since it was asked first */
		char came_of_it[160]; /* behind what is said of the stop; "": it was not asked */
	} off;
};

struct inputs_watch {
	bool recorded;          /* they stand in the record */
	bool watched;           /* one that opens ends the run */
	unsigned device, input; /* that is being tried */
	void (*then)(struct session *s);
	bool asks;            /* for them to be closed, behind another question: */
	struct prompt kept;   /* whose answer this was */
	uint64_t answered_ns; /* 0: not yet */
};

struct ending {
	bool begun, done;
	bool saved; /* the record is final */
	uint64_t begun_ns;
	bool skip_saving;
	int interrupts;
};

struct session {
	struct session_config config;
	const struct plan *plan;
	const struct bench *bench;
	struct record *record;
	struct runfile *runfile;
	struct bench_lock *lock, *held_on;
	bool taken;       /* the run that this one goes on with */
	bool pen_unheard; /* it was closed before it was ready, and had been ordered to stop */
	bool ran;         /* the pen was allowed to run once: see session_may_run() */
	struct loop *loop;
	struct loop_timer tick;
	uint64_t next_progress_ns, started_ns;
	struct {
		unsigned point;             /* from 1; 0: none yet */
		bool asked;                 /* somebody, at this point */
		uint64_t since_ns, told_ns; /* since: the time of questions is taken out */
	} telling;                          /* of the point at hand, for the time that is left */
	uint64_t started_wall_ns;
	int64_t clock_off_ns; /* by which the host's clock was last seen to stand ahead of session_wall_ns() */
	enum session_stage stage;
	enum takt_part part; /* what its time is spent on, since part_since_ns */
	uint64_t part_since_ns;
	state_fn state; /* NULL: nothing is waited for but the guard's word */
	uint64_t state_since_ns;

	unsigned devices; /* attached: the load sensor, the pen, then the others as the bench lists them */
	struct attached device[BENCH_DEVICES_MAX];
	struct attached *sensor, *pen; /* the first two, also before they are attached */
	struct verb verb;
	struct sensing sensing;
	struct guard *guard;
	void (*after_stop)(struct session *s, bool verified);
	struct estimator estimator;
	struct attempt at;
	struct deadman_test deadman;
	struct prompt prompt;
	struct hands hands;
	struct inputs_watch inputs;
	struct standby standby;
	void (*after_tests)(struct session *s);
	uint64_t struck[BENCH_PHANTOMS_MAX]; /* strokes on each phantom of the bench */
	struct ending ending;
};

/* session.c */
void session_go(struct session *s, enum session_stage stage, state_fn state);
/* The time from now on is spent on this, TAKT_PARTS: on what is not told; session_go() says it for what a stage is usually spent on. */
void session_part(struct session *s, enum takt_part part);
/* A stop was proven just now: the last seconds of it were the stillness that proves it. */
void session_proven(struct session *s, double quiet_s);
/* The one way out: stop, verify, save. The first status and reason stay. */
void session_end(struct session *s, enum run_status status, const char *reason);
/* Asked directly before the pen is told to run: whoever asked for this run may have given it to another bench since. False,
 * the first time alone: it is too late, and the run ends as refused. A run that goes on with another takes that one here; where that
 * was done, or cannot be, false as well: it is asked again in the next tick, behind the interlock. */
bool session_may_run(struct session *s);
/* A pen test is done: where it was not passed, the run that this one goes on with is taken at once, so that nobody goes on there
 * without it. False: the run ends. */
bool session_keeps_failure(struct session *s);
/* A safety input, or a hand at the pen: ends the run, and one that is ending already is none that anything goes on behind by itself. */
void session_safety_stop(struct session *s, const char *reason);
/* A device is gone or silent: ends the run, and a run that is ending already is not complete any more. */
void session_lost(struct session *s, const char *reason);
/* UTC of this moment: that of the start and the monotonic time since. The host's clock may be set meanwhile. */
uint64_t session_wall_ns(const struct session *s);
void session_say(struct session *s, const char *text, bool alarm);
void session_strikes(struct session *s, const struct plan_point *point, uint64_t strokes);
void session_report(struct session *s, const struct record_point *finished); /* progress */
void session_condition(struct session *s, uint32_t condition, const char *text);
/* The pen ran when it was opened, or may have. It was told to stop then; the run ends so once the streams tell whether it does. */
void session_ran_itself(struct session *s, uint32_t condition, const char *text);
void verb_done(void *ctx, int status, const struct err *err); /* ctx: struct verb */
void verb_begin(struct verb *verb);

/* devices.c */
int devices_open(struct session *s, struct err *err);
void devices_close(struct session *s);
void devices_close_pen(struct session *s);
/* Identity, calibration, channels and ranges against the bench and the plan. Fills the refusal. */
int devices_check(struct session *s, enum refusal *ret, struct err *err);
/* For messages: "load sensor"; of a device that the bench names "thermometer \"room\"". */
void attached_label(const struct attached *device, char *ret, size_t size);
void devices_record(struct session *s);                   /* counters and clock into the record */
void devices_silent(struct session *s, const char *text); /* the load sensor is as good as gone */
/* The streams of all devices begin or end; done when none is pending any more. */
void devices_start(struct session *s);
void devices_stop(struct session *s);
void devices_started(struct session *s); /* what became of it, beside the load sensor's */
bool devices_pending(const struct session *s);
/* Every tick: drivers', and the silence of devices that the guard does not watch. */
void devices_tick(struct session *s, uint64_t now_ns);
/* The next tick comes with the loop's next turn: what has gone wrong waits for none. */
void session_hurry(struct session *s);
/* The device that says of itself (trouble) why nothing that is measured now can be trusted; NULL: none does. */
const struct attached *devices_trouble(const struct session *s);

/* resumed.c */
/* At the start: what the earlier run measured goes into the run file; nothing where there is none. */
void resumed_begin(struct session *s);
/* The same devices, calibrations and channels as then; -EINVAL with what differs. 0 where there was no run before. */
int resumed_check(const struct session *s, struct err *err);

/* safety.c */
int safety_new(struct session *s);    /* the guard; -ENOMEM */
void safety_watch(struct session *s); /* the streams begin */
/* The channel that shows the needle bar move, and whose it is: in mm, and not too slow for it. NULL: there is none. */
const struct channel *safety_bar(const struct session *s, unsigned *ret_device);
/* The one way to stop the pen: ordered, proven, then then(). Where a stop is under way, only `then` is another. */
void session_stop(struct session *s, const char *why, void (*then)(struct session *s, bool verified));

/* standby.c */
/* A pen that an earlier run left as it was is stopped, what was found is kept, and `then` is called. The lock is held. */
void standby_clear(struct session *s, void (*then)(struct session *s));
/* `then` is called once this run's stopper stands by, or none is to; where one is required and there is none, the run is
 * refused. Before any device is opened. */
void standby_begin(struct session *s, void (*then)(struct session *s));
/* The pen is ready: what its power supply speaks is told to the stopper, and left for the next start. */
void standby_learn(struct session *s);
/* moving: before the pen is told to run, and until it was seen to stand still. */
/* Before anything is said to a device in a tick: behind a standstill in which the stopper may have stopped the pen, that is told
 * to stop. */
void standby_look(struct session *s, uint64_t now_ns);
uint64_t standby_stood_ns(const struct session *s); /* such a standstill; 0: there is no stopper */
void standby_beat(struct session *s, bool moving);
void standby_watch(
	struct session
		*s); /* at every tick; a stopper that is found to stand still ends the run, where one is required */
void standby_lend(struct session *s); /* the pen's port is open */
/* Before the reports are saved. Where the pen may still run, or its power is not confirmed off, its device is closed, and the stopper told to stop it; where a
 * pen that an earlier run left was not seen to stop, that is said. */
void standby_hand_over(struct session *s);
bool standby_stopped_it(
	struct session *s); /* the pen has confirmed it since; else the stopper is told again once it gave up */
/* The devices are closed. The lock is released; its file goes on naming a pen that was not seen to stop. */
void standby_end(struct session *s);

/* attempt.c */
void attempt_next(struct session *s); /* the next point, or the end */
/* Of a run that goes on with another: asks for the phantom of its first point, where nobody knows what lies there now. */
void attempt_put_phantom(struct session *s, void (*then)(struct session *s));
/* The point under way cannot be trusted: it ends early. cause: of the rig, as in rules.h; NULL: the pen may have had a part
 * in it, and then no other fault of the attempt is the rig's alone either. */
void attempt_fault(struct session *s, const char *cause, const char *reason);
/* The same, and nothing that it measured is judged: what was missed was not the pen's doing. */
void attempt_unmeasured(struct session *s, const char *reason);
/* The run ends: an open point that was measured to its end keeps its results, any other is closed for this reason. */
void attempt_close(struct session *s, const char *reason);

/* hands.c: of a pen made of parts; of any other, then() at once */
/* Whether somebody is there for what a hand must do; else why not. */
bool hands_check(const struct session *s, char *why, size_t size);
void hands_before_run(struct session *s, void (*then)(struct session *s));
void hands_before_point(struct session *s, void (*then)(struct session *s));
void hands_after_run(struct session *s, void (*then)(struct session *s));
/* The pen is lost, and was not confirmed off before: what has power that only a person can take away, they are told at once. */
void hands_pen_lost(struct session *s);
/* The pen's stop is not verified, and the run ends: where it is made of parts and may run, its power is asked to be taken away
 * by hand, and waited for until no stroke is seen, nobody answers, or the stopper did it. `then` at once for any other. */
void hands_switch_off(struct session *s, void (*then)(struct session *s));
/* An interrupt: true where a hand was asked to switch the power off. It ends the waiting for that hand, and nothing else. */
bool hands_interrupt(struct session *s);
bool hands_come(const struct session *s, unsigned point); /* before this point, as things stand */

/* inputs.c: the bench's safety inputs; of a bench without any they are closed. */
void inputs_heard(struct attached *device, const struct inputs_state *state);
void inputs_lost(struct attached *device);
void inputs_tick(struct attached *device, uint64_t now_ns);
bool inputs_need_hand(const struct session *s); /* one is to be tried before the run */
/* In each tick of the first interlock: true once all are closed; else it is waited, or the run ends as refused. */
bool inputs_let_start(struct session *s);
/* Those that are to be tried are; from then on one that opens ends the run. */
void inputs_before_run(struct session *s, void (*then)(struct session *s));
bool inputs_closed(const struct session *s); /* now, all of them, and steadily */
/* A run that ends for another reason: true while one of them may yet turn out to be what was behind it. At most a second. */
bool inputs_undecided(const struct session *s);
/* Of a question that is answered: true while it does not go on, since one is open, and somebody is asked to close it. */
bool inputs_ask_closed(struct session *s);

/* pen_tests.c */
void pen_tests_begin(struct session *s, void (*then)(struct session *s));
/* The point whose setpoints, and phantom, the dead-man test takes. */
const struct plan_point *pen_tests_point(const struct session *s);

/* journal.c: one line of JSON each */
__attribute__((format(printf, 3, 4))) void journal_text(struct session *s, const char *kind, const char *fmt, ...);
/* kind "stage" or "phase": tells how far a run got that was killed. */
void journal_mark(struct session *s, const char *kind, const char *what, uint64_t first_index);
void journal_device(struct session *s, const struct record_device *device);
void journal_setpoint(struct session *s, double depth_mm, double rate_hz);

#endif
