/* What a run spends its time on, from its begin to the proof that the pen stands still for good (what follows is writing):
 * the times that it keeps to between its windows, and what it is expected to take. */
#ifndef PENRIG_CONFIG_TAKT_H
#define PENRIG_CONFIG_TAKT_H

#include "rig/config/plan.h"

#define PROOF_STROKES 10  /* needles stand still that make no stroke for so many periods of the setpoint ... */
#define PROOF_MIN_S   0.3 /* ... and never less: a motor that dies slowly makes a stroke every quarter of a second */
#define PROOF_END_S   2.2 /* the last stop of a complete run; session/evidence.c says why */
#define CREEP_MIN_HZ  0.1 /* the slowest that a motor is taken to turn on after its stop: a stroke in ten seconds */
#define PROOF_ALONE_S                                                                                                  \
	(1.1 / CREEP_MIN_HZ) /* the last stop where only the force tells: a whole stroke of that, and a tenth */
#define REST_S          0.2  /* of stillness after a point, for the baseline behind it */
#define TARE_AFTER_S    0.2  /* of stillness before a tare that is another point's rest: the phantom comes back */
#define TARE_KEPT_MAX_S 1.0  /* a longer one is taken by itself */
#define DEADMAN_RUN_S   0.6  /* of a pen whose dead-man is tested, before the heartbeats stay away */
#define INTERLOCK_S     0.1  /* of stillness before a start */

enum takt_part {
	TAKT_OPENING,   /* devices opened, identified, checked; the pen off, its dead-man armed */
	TAKT_INTERLOCK, /* waiting for a signal that is alive and still, and for a pen that must not start without it */
	TAKT_TESTS,     /* of the pen: refusal, dead-man, with its stops */
	TAKT_PROMPT,    /* for the operator */
	TAKT_TARE,      /* those that are no other point's rest */
	TAKT_SETTING,   /* rate and depth set and read back */
	TAKT_SETTLE,    /* from the start to the window, spin-up included */
	TAKT_WINDOW,
	TAKT_COAST, /* from the order to stop until the stillness begins that proves it */
	TAKT_PROOF, /* that stillness; at the end of a complete run also what its last stop is watched for longer */
	TAKT_REST,  /* behind the proof */
	TAKT_PARTS
};

struct takt {
	double s[TAKT_PARTS];
};

/* "opening_s", ...: as in run files and reports. Never NULL. */
const char *takt_name(enum takt_part part);
double takt_sum_s(const struct takt *takt);

/* Whether the rest behind points[i] may be the tare of the one after it: there is one, nobody touches the bench between
 * them, both have a tare, and it is short enough to be kept. */
bool takt_goes_on(const struct plan *plan, const struct plan_point *points, unsigned count, unsigned i);

/* What a run of these points is expected to take, each at its first attempt, the operator's time not counted. bench NULL:
 * a usual one. open_windows: how long those last whose length the plan leaves open, 0: as short, 1: as long as may be. */
void takt_expect(const struct plan *plan, const struct bench *bench, const struct plan_point *points, unsigned count,
		 double open_windows, struct takt *ret);

#endif
