/* What the stopper did for a run, as it stands in a small file beside the run file: NAME.stopper.json. Written once the pen
 * has said that it is off, or could not be reached; where the stopper acts again, its next note stands beside that one, as
 * NAME.stopper-2.json and so on: none is written over. */
#ifndef PENRIG_STOPPER_NOTE_H
#define PENRIG_STOPPER_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/stopper/recipe.h"

#define STOP_NOTE_EXTENSION ".stopper.json"
#define STOP_NOTES_MAX      99 /* of one run */
#define STOP_NOTE_KIND      "penrig/stopper/1"

struct stop_note {
	char run[128], pen[LINK_NAME_MAX];
	char utc[32];      /* when it was noticed that penrig was gone or stood still, ISO 8601 with milliseconds, Z */
	char cause[160];   /* for people: "penrig (pid 412) is gone" */
	bool killed;       /* penrig stood still and held the pen's USB interface: it was killed, to free it */
	bool stopped;      /* the pen has confirmed that its motor is off */
	double ordered_ms; /* from then to the first order that left this computer; NaN: none did */
	double confirmed_ms; /* to the pen's answer that it is off; NaN: none came */
	char text[240];      /* for people: what was done and what came of it */
};

/* One line of text, without its end. */
int stop_note_print(const struct stop_note *note, char ret[RECIPE_TEXT_MAX], struct err *err);
int stop_note_parse(const char *text, struct stop_note *ret, struct err *err);

/* Into the folder that folder_fd is open on, under the first name that is free: beside it, fsynced, renamed, the folder
 * fsynced. 0 or -errno; -EEXIST: there are STOP_NOTES_MAX. */
int stop_note_write(int folder_fd, const struct stop_note *note);

/* The newest of the run that a recipe names. -ENOENT: the stopper has not acted for it, or not come to an end of it. */
int stop_note_read(const struct stop_recipe *recipe, struct stop_note *ret, struct err *err);

#endif
