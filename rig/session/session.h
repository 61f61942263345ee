/* One conformance run as a state machine in the loop: refuse or lock, open, identify, interlock, points, stop, verify,
 * record. Every road out leads through the guard (guard.h), which stops the pen and shows that it stands still. */
#ifndef PENRIG_SESSION_SESSION_H
#define PENRIG_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/loop.h"
#include "rig/driver/driver.h"
#include "rig/record/record.h"
#include "rig/record/sessions.h"
#include "rig/runfile/runfile.h"

enum session_stage {
	STAGE_OPENING,
	STAGE_INTERLOCK,
	STAGE_TESTS,
	STAGE_PROMPT,
	STAGE_TARE,
	STAGE_SETTING,
	STAGE_SPIN_UP,
	STAGE_MEASURING,
	STAGE_STOPPING,
	STAGE_SAVING,
	STAGE_DONE,
};
const char *session_stage_name(enum session_stage stage);

/* For a progress line or an event stream; borrowed, sent on every change of stage, about 4 times a second while
 * measuring, at the end of every point (`point` set) and whenever there is something to say (`text` set). */
struct session_progress {
	enum session_stage stage;
	unsigned point, points; /* current (from 0) and planned */
	double depth_set_mm, rate_set_hz;
	double elapsed_s, remaining_s;
	double rate_hz, depth_mm, force_n, handle_c; /* live; NaN unknown */
	uint64_t strokes;
	const struct record_point *finished; /* a point whose results now stand; else NULL */
	const char *text;
	bool alarm; /* text must be shouted: stop_unverified */
};

/* What the operator is asked to do, for a person (text) and for a program that asks in its own words; borrowed. */
enum session_question {
	QUESTION_PUT_PHANTOM,
	QUESTION_TAKE_PHANTOM_AWAY,
	QUESTION_SET_STAGE,
	QUESTION_SCAN_PEN, /* answered in words: session_answer_words() */
	QUESTION_SET_DIAL,
	QUESTION_ATTEND,
	QUESTION_OPEN_INPUT,
	QUESTION_CLOSE_INPUT, /* a safety input of the bench, by hand */
	QUESTION_SWITCH_OFF, /* at once: the pen may run, and nothing here can stop it. Asked again while it is seen to */
};
const char *session_question_name(enum session_question question); /* "put_phantom", ... */

struct session_prompt {
	enum session_question question;
	const char *text;
	const char *phantom, *material, *position; /* of QUESTION_PUT_PHANTOM; else NULL */
	double depth_mm;                           /* of QUESTION_SET_DIAL and QUESTION_ATTEND; else 0 */
	unsigned point;                            /* that waits for it, from 0 */
};

/* prompt: ask the operator; answered by session_answer(). NULL: nobody can be asked. */
struct session_observer {
	void *ctx;
	void (*progress)(void *ctx, const struct session_progress *progress);
	void (*prompt)(void *ctx, const struct session_prompt *prompt);
};

struct bench_lock;

/* A run that goes on where an earlier one was interrupted. The record holds already what that one measured
 * (record/sessions.h). */
struct session_resume {
	const struct record *before; /* its record: every device must be as it was */
	struct sessions_place place; /* where this run begins */
	/* Called once, directly before the pen is told to run for the first time, when nothing else refuses that, or
	 * before, once something was shown against the pen: takes the
	 * earlier run, so that no other goes on with it. -ESTALE refuses the run, anything else ends it as
	 * RUN_STORAGE_FAILED; at the run's end both do. */
	int (*claim)(void *ctx, struct err *err);
	void *ctx;
	bool replug; /* that run ended by a lost device a moment ago: a pen that runs when it is opened started by itself */
	bool unheard; /* and since then a pen was told to stop that did not say whether it ran: session_unheard() */
};

struct session_config {
	struct loop *loop;
	const struct link_ops *const *links;
	const struct driver *const *drivers;
	const struct plan *plan;
	const struct bench *bench;
	const struct plan_point *points;
	unsigned point_count;
	struct record
		*record; /* name, folder, operator, lot, cartridge, dut, attrs are set; the session fills the rest */
	const struct session_resume *resume; /* NULL: the run begins with the first point */
	struct session_observer observer;
	/* Called once every device has said who it is, and before the pen is touched: -errno refuses the run. NULL: nobody asks. */
	int (*known)(void *ctx, struct record *record, struct err *err);
	void *known_ctx;
	/* Called once the record is final and its journal head known, with the run file still open: writes reports,
	 * stores the JSON one by runfile_finish(). A failure makes the run RUN_STORAGE_FAILED. */
	int (*finish)(void *ctx, struct record *record, struct runfile *rf, struct err *err);
	void *finish_ctx;
	/* A calibration of the phantom that is struck (docs/calibration.md): its own certificate need not be valid, and
	 * whoever calibrates is asked to set the reference before a point where `ask` fills a text, through
	 * observer.prompt, which must then stand. `stroke` gets every stroke of every attempt; attempt: index in
	 * record->point. NULL: none. */
	bool calibrating;
	bool (*ask)(void *ctx, unsigned point, char *text, size_t size);
	/* Every block of a device with the role reference; block->device: index in record->device. Borrowed. */
	void (*reference)(void *ctx, const struct sample_block *block);
	void (*stroke)(void *ctx, unsigned attempt, const struct stroke *stroke);
	void *calibrating_ctx;
	struct bench_lock
		*lock; /* of the bench, where it was waited for; the session's from session_start() on, where that
				  * gives 0. NULL: it takes the lock itself, or refuses */
	const char *lock_for; /* it is not let go at the end, and held on for this: session_take_lock(). NULL: let go */
	/* Whether a stopper is started, as the bench file says. False where nothing of another process reaches the devices. */
	bool stopper;
	/* On the loop's clock: a pen that has not been started by then is not started any more, and the run refused as one whose
	 * bench is in use. 0: whenever. */
	uint64_t start_by_ns;
	uint64_t start_by_boot_ns; /* the same on loop_boot_ns(), which a computer that sleeps does not hold up */
	uint64_t end_by_boot_ns;   /* on loop_boot_ns(): the run is interrupted then, wherever it is. 0: never */
	/* Called at the very end; the caller stops its loop then. */
	void (*ended)(void *ctx);
	void *ended_ctx;
};

struct session;

/* Checks what can be checked without a device and begins; everything else happens in the loop. Always ends by ended().
 */
int session_start(const struct session_config *config, struct session **ret, struct err *err);
/* Turns the loop until the session has ended. A loop that fails does not end it: the pen is ordered to stop, and the
 * run ends as RUN_INTERNAL_ERROR, its stop unverified where the loop cannot be turned any more. */
void session_run(struct session *session);
/* The run has ended: it was to hear whether the pen had started by itself, and its opening failed behind the question, which
 * switches a pen off. Whoever opens it next must not believe that it stood still. */
bool session_unheard(const struct session *session);
/* The run has ended in order: the bench's lock, still held, where config.lock_for asked for it; once. Else NULL: it was let go,
 * or the stopper has it. */
struct bench_lock *session_take_lock(struct session *session);
void session_free(struct session *session);

/* The operator's answer to a prompt: true = done, go on; false = give up. */
void session_answer(struct session *session, bool go_on);
/* The answer to QUESTION_SCAN_PEN; an answer without words has read nothing. */
void session_answer_words(struct session *session, const char *words);
/* What the operator said, for the journal. */
void session_note(struct session *session, const char *text);

/* A signal asks for the end: stop, verify, save, end as RUN_INTERRUPTED. A second one skips saving, never stopping. */
void session_interrupt(struct session *session, int signal_number);

/* Strokes made on a phantom of the bench: of attempts as the load signal showed them; of pen tests at most as many as the
 * pen can have made. phantom: index in the bench. */
uint64_t session_struck(const struct session *session, unsigned phantom);

/* The pen was commanded to run and has not yet been shown to stand still. */
bool session_moving(const struct session *session);

#endif
