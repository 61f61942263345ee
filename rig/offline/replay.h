/* The run again, from its file: every result of every point, the sweeps and the verdict, derived from the raw samples
 * by the same estimators and compared with what the run stored. */
#ifndef PENRIG_OFFLINE_REPLAY_H
#define PENRIG_OFFLINE_REPLAY_H

#include "rig/config/plan.h"
#include "rig/runfile/runfile.h"

/* The plan, the bench and the points as they were, from the texts that the run file keeps. */
struct replay_inputs {
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	unsigned point_count;
};
int replay_inputs_read(const struct record *record, struct replay_inputs *ret, struct err *err);
void replay_inputs_free(struct replay_inputs *inputs);

/* Another class of processor, or another C library, rounds mathematical functions differently in the last bit. What
 * that makes of a result is smaller than this share of it, or than this many of its unit. */
#define REPLAY_RELATIVE 1e-7
#define REPLAY_ABSOLUTE 1e-12

/* A result that the file and the new derivation do not share bit for bit; NULL where only the other has it. Of one point
 * or sweep results are matched by measurand and method. */
struct replay_change {
	const struct record_point *point; /* NULL: of a sweep */
	unsigned sweep;                   /* its number, from 0, where there is no point */
	const struct finding *stored, *again;
};

/* Who wants to hear of differences; NULL members are left out. What they are given is theirs for the call. */
struct replay_listener {
	void *ctx;
	void (*difference)(void *ctx, const char *text);                /* one line for each */
	void (*changed)(void *ctx, const struct replay_change *change); /* where the file's method is another one */
	/* Inputs of a run that this one went on with, before it is derived: may be corrected. -errno ends it all. */
	int (*inputs)(void *ctx, struct record *before, struct replay_inputs *inputs, struct err *err);
};

struct replay_summary {
	unsigned method;       /* of the program that judged the file; this one's is METHOD_VERSION */
	unsigned points, open; /* derived again; never ended, so that there is nothing to derive */
	unsigned results;      /* of points and sweeps, without those that are new */
	uint64_t frames, strokes;
	unsigned differences;
	unsigned in_results;      /* of the differences, those in results, by another method */
	unsigned changed;         /* results that are not the same, by another method; 0 where it is this one's */
	unsigned beyond;          /* of them, those that no other rounding explains: see REPLAY_RELATIVE */
	char first[ERR_TEXT_MAX]; /* the first one */
	bool added
		[MEASURANDS]; /* derived again, and nowhere in the file: its program did not know them. No difference */
};

/* Derives everything again into `record` (as runfile_open() gave it; what the run knew from elsewhere stays:
 * identities, tests of the pen, conditions, stop), and tells every difference from what was stored, one line each. 0
 * also where there are differences; -EBADMSG, -ENOMEM ... where the file cannot be read. Memory does not grow with the
 * length of the run. The record's method is then this program's. */
int replay_run(struct runfile_reader *reader, struct record *record, const struct replay_inputs *inputs,
	       const struct replay_listener *listener, struct replay_summary *ret, struct err *err);

/* Who wants to see what passes while a run is derived again. Everything is borrowed for the call; NULL members are left
 * out. */
struct replay_observer {
	void *ctx;
	/* A point opens, and it is no free run: `estimators` lives until `end`; point_on_residual() may be set on it.
	 */
	void (*begin)(void *ctx, const struct record_point *point, struct point *estimators);
	void (*stroke)(void *ctx, const struct stroke *stroke);
	/* Its results stand; other than 0 ends the replay and is returned. */
	int (*end)(void *ctx, const struct record_point *point);
};
/* replay_run() with differences counted only. */
int replay_observed(struct runfile_reader *reader, struct record *record, const struct replay_inputs *inputs,
		    const struct replay_observer *observer, struct replay_summary *ret, struct err *err);

/* Judges the results that stand by the limits of `plan`: points, sweeps, verdict. */
void replay_judge(struct record *record, const struct plan *plan);

#endif
