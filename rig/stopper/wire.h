/* What penrig and its stopper say to each other, one message each over a socket that keeps them apart (SOCK_SEQPACKET): one
 * byte that says which, and text behind it. */
#ifndef PENRIG_STOPPER_WIRE_H
#define PENRIG_STOPPER_WIRE_H

#include "rig/stopper/recipe.h"

#define STOPPER_MESSAGE_MAX (RECIPE_TEXT_MAX + 1)
#define STOPPER_SOCKET      3 /* the stopper's descriptors when it starts */
#define STOPPER_LOCK        4

enum stopper_message {
	/* penrig says */
	STOPPER_RECIPE = 'R',  /* once, first; the recipe behind it */
	STOPPER_LINE = 'L',    /* a descriptor comes with it: the pen's port, open */
	STOPPER_IDLE = 'i',    /* I am here, and the pen is known to stand still */
	STOPPER_MOVING = 'm',  /* I am here, and the pen may run: it was told to, and has not been seen to stop */
	STOPPER_ORDER = 'O',   /* stop the pen now: another program left it so */
	STOPPER_DISMISS = 'D', /* the end is in order */
	/* the stopper says */
	STOPPER_READY = 'r',
	STOPPER_NOTE = 'n',  /* it has acted; its note behind it */
	STOPPER_ALIVE = 'a', /* an answer to what was said: nothing it says by itself, so that no queue is full of it */
	STOPPER_UNFIT = 'u', /* it cannot; why, in words, behind it */
};

#endif
