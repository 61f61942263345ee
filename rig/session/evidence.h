/* What is known of a pen and of the signals that show its needles: plain data, and what can be read from it at a moment.
 * Pure: no device, no loop, no clock. What follows from it stands in rules.h. */
#ifndef PENRIG_SESSION_EVIDENCE_H
#define PENRIG_SESSION_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/config/takt.h"
#include "rig/driver/driver.h"
#include "rig/measure/watch.h"

#define INTERLOCK_QUIET_S INTERLOCK_S /* of stillness before a start */

/* How long a channel may keep still before its newest sample is not fresh, and before it counts as silent. */
struct patience {
	uint64_t fresh_ns, silent_ns;
};
/* From the channel's nominal rate (> 0), a driver handing over at least once a tick what has come: 100 ms and 300 ms, and
 * for a channel too slow for that so many of its own periods that one lost sample is no silence. */
struct patience patience_of(double rate_hz);

struct watched { /* a channel under watch */
	struct watch watch;
	struct patience patience;
};

struct signals {
	bool streaming; /* blocks are due */
	bool lost;      /* the sensor is gone or silent: there will be none */
	bool has_bar;   /* a displacement channel stands beside the force */
	bool free_run;  /* nothing stands under the needles: only `bar` shows their motion */
	struct watched force;
	struct watched bar; /* in mm: motion that no phantom need feel */
	uint64_t behind_ns; /* when this process was last held up, or seen to work off what waited then; 0: never */
};

/* What comes now was taken too long ago to be fresh: it waited in a queue, and proves nothing of now. */
bool signals_behind(const struct signals *signals);
/* From when on a wait for a signal counts that began at since_ns: what waits in a queue is worked off first. At most 30 s
 * later, however often this process is held up. */
uint64_t signals_awaited_ns(const struct signals *signals, uint64_t since_ns);

/* Fresh, alive, unsaturated, seating force in its window; in a free run the bar, too. */
enum watch_verdict signals_alive(const struct signals *signals, uint64_t now_ns);
/* The same, and no motion for quiet_s. With a phantom the force shows it, and a needle bar that is seen to move disproves
 * it; without one both must be alive and still. */
enum watch_verdict signals_still(const struct signals *signals, uint64_t now_ns, double quiet_s);
/* Seconds since either was last seen to move, in samples of each; says nothing of whether they live. While they stream. */
double signals_quiet_s(const struct signals *signals);

struct pen_known {      /* what the pen has made known of itself */
	bool ready;     /* it has identified itself */
	bool lost;      /* its link is gone, or it fell silent */
	bool senseless; /* it answers, but no heartbeat with sense for too long: its word is not waited for */
	bool of_parts;  /* its word is its power supply's */
	bool off;       /* it has confirmed the stop */
	bool told;      /* it was told to stop, and has no way to say whether it did */
	uint64_t off_ns;
	bool off_again; /* and has said so again, asked for its state later in the same stop */
	bool tripped;   /* with that answer it said that its dead-man has tripped */
};

/* What the pen says of a stop that was ordered; each has a row in rules.c. */
enum pen_word {
	PEN_OWES_AN_ANSWER,
	PEN_IS_OFF,
	PEN_IS_OFF_OR_SO,
	PEN_WAS_TOLD,
	PEN_MAKES_NO_SENSE,
	PEN_IS_GONE,
	PEN_NEVER_CAME
};
enum pen_word pen_word(const struct pen_known *pen);

struct last_run {   /* when the pen was last told to run */
	bool moved; /* ever; or it was seen to move, whoever told it */
	uint64_t ns;
	uint64_t index, bar_index; /* on each watch's axis */
	bool ran_on;               /* after a stop that it had confirmed */
};

struct stop_order {          /* the stop that is to be proven */
	uint64_t ns;         /* when it was ordered */
	uint64_t first_ns;   /* the first since the pen ran */
	double quiet_s;      /* of stillness that are wanted */
	double alone_s;      /* of stillness that are wanted where only the force tells; at least quiet_s */
	uint64_t coasted_ns; /* when needles whose motor is off have come to rest */
	uint64_t rests_ns;   /* the same after the first order since the pen ran: what drifts later creeps */
	uint64_t
		alone_ns; /* that a pen which does not hear may run longer: its dead-man's time; 0 where none is armed */
	uint64_t first_index; /* of the first sample that was taken after it: what came before does not count */
	uint64_t
		trips_ns; /* the dead-man's earliest trip, if its time goes on: a set time after it was last fed; 0 where
				 none is armed */
	bool held_up;     /* this process stood still about or after the order: arrivals say nothing of moments */
};

struct stop_answer {     /* to the newest stop */
	bool given;      /* since the pen last ran: whether it stands still is known, or cannot be */
	bool verified;   /* it was seen to stand still */
	double proven_s; /* of stillness */
	char text[200];
};

struct known {
	struct signals signals;
	struct pen_known pen;
	struct last_run run;
	struct stop_order order;
	struct stop_answer answer;
};

/* How long needles must be seen to keep still after running at rate_hz (0: not known). last: of a run that completes;
 * a needle that creeps can hide between two strokes, or about its dead centre, so that stop is watched for longer; longest
 * where only the force tells (force_alone), which shows nothing of needles in the air. */
double quiet_needed_s(double rate_hz, bool last, bool force_alone);

enum fact {
	FACT_TOLD = 1 << 0,     /* nothing more is to be waited for from the pen itself */
	FACT_OFF = 1 << 1,      /* it says that its motor is off */
	FACT_MOVED = 1 << 2,    /* it was told to run, or was seen to */
	FACT_ANSWERED = 1 << 3, /* nothing has run since the answer that was given */
	FACT_LASTS = 1 << 4,    /* that answer is a no, or was proven for as long as is wanted */
	FACT_STILL = 1 << 5,    /* a live signal shows no motion */
	FACT_SEEN = 1 << 6,     /* for as long as is wanted, all of it since the order */
	FACT_SHOWN = 1 << 7,    /* the signal showed the pen run, or it ran too shortly to show */
	FACT_COASTED = 1 << 8,  /* needles whose motor is off have come to rest */
	FACT_OVERDUE = 1 << 9,  /* the time in which it could be shown is over */
	FACT_SENSOR_LOST = 1 << 10,
	FACT_ABANDONED = 1 << 11, /* nothing more will be heard of anything */
	FACT_OUTRAN = 1 << 12,    /* strokes went on without a break, past all coast-down */
	FACT_TRIPPED = 1 << 13,   /* strokes went on until the dead-man's time, and it tripped after the pen said off */
	FACT_CREPT =
		1 << 14, /* only the force tells, and it drifted after all coast-down: needles in the air may go on */
	FACT_NO_POWER =
		1
		<< 15, /* a jammed motor is not why it is still: it says that it is off, nothing but its needles was to
				    be off, or the time after which its power goes off by itself is over. The
				    word of one that ran on in spite of it does not count: what ended its
				    strokes may be an empty battery, so its dead-man must have */
	FACT_RAN_ON = 1 << 16, /* it confirmed a stop and ran on, this time or before */
};

struct evidence {
	uint32_t facts; /* enum fact */
	enum pen_word pen;
	enum watch_verdict signal; /* of stillness for as long as is wanted */
	double quiet_s;            /* that are wanted: order.alone_s while only the force tells, else order.quiet_s */
};

/* The newest strokes without a break began behind the order: needles that had come to rest strike again. */
bool strikes_anew(const struct known *known);
/* Strokes have gone on without a break since before the order, and were seen later than until_ns. */
bool strikes_past(const struct known *known, uint64_t until_ns);

struct evidence evidence_of(const struct known *known, uint64_t now_ns);

#endif
