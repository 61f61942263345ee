/* Did the pen's dead-man stop it, and in its time? What was seen after the last heartbeat, and what follows. Pure. */
#ifndef PENRIG_SESSION_DEADMAN_H
#define PENRIG_SESSION_DEADMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/measure/decision.h"

#define DEADMAN_LATE_S 0.02 /* docs/protocols/scpi-pen.md, 4: never earlier than set, at most so much later */

/* Times in seconds from the moment at which the last heartbeat left this computer. */
struct deadman_seen {
	double set_s;        /* the dead-man's time */
	double fed_by_s;     /* when that heartbeat was answered: the pen had it by then */
	double coast_down_s; /* the longest that needles go on without a motor */
	double period_s;     /* of a stroke, as it was set: so long may pass between the last one seen and the trip */
	bool of_parts;       /* it is a pen's of parts: its supply's timer is tested, and that is the bench's */
	bool still;          /* the load signal shows no motion any more */
	double ran_s;        /* the last motion in it */
	double said_on_s;    /* when the pen was asked that last answered that its motor is on; below 0: it was not */
	bool said_off;
	double said_off_s;  /* when its first answer that it is off was heard */
	uint32_t condition; /* enum pen_condition, with that answer */
};

/* When the last motion may be, the dead-man being as it should. */
double deadman_earliest_s(const struct deadman_seen *seen);
double deadman_latest_s(const struct deadman_seen *seen);

/* A pass only for a pen that stands still, within those bounds, says that its dead-man tripped and nothing else, and by its
 * own word was not off before the set time nor on behind it. A pen that stopped for another reason, or does not say why, says
 * nothing of its dead-man: inconclusive. So is the timer of a power supply that is not as it should be: it is no fault of the
 * pen's. text: for people. */
enum outcome deadman_judge(const struct deadman_seen *seen, char *text, size_t size);

#endif
