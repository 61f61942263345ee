/* The page on a terminal of 80 x 24 characters: the same states, words and orders, by keyboard and scanner alone. Pure: what the
 * station tells and keys go in, text for the terminal and orders come out. */
#ifndef PENRIG_STATION_SCREEN_H
#define PENRIG_STATION_SCREEN_H

#include <stdio.h>

#include "rig/base/json.h"

#define SCREEN_COLUMNS 80
#define SCREEN_ROWS    24
#define SCREEN_TYPED   200

enum screen_field { TYPE_CODE, TYPE_PIN, TYPE_WHO, TYPE_SUPERVISOR_PIN, TYPE_REASON, TYPE_DECISION };

struct screen {
	unsigned bench;
	const struct json *words;    /* of the page, in the station's language */
	const struct json *is, *all; /* what the station tells of this bench, and of itself; NULL: nothing yet */
	enum screen_field field;
	char typed[SCREEN_TYPED + 1];
	char serial[64], who[64], pin[65], reason[SCREEN_TYPED + 1]; /* of a decision that is being typed */
	unsigned card;                                               /* characters of %STOP, the last keys */
	bool no_unit;                                                /* the last key asked for a decision about none */
	bool escape;                                                 /* the key before was Escape, in the same read */
	char told[192];                                              /* the verdict that the bell rang for */
	bool heard;                                                  /* something was shown before */
	/* An order: a JSON object. */
	void (*order)(void *ctx, const char *body);
	void *ctx;
};

/* One byte of the keyboard or scanner; more: others came with it. Space (where nothing is typed) and Escape stop; Enter starts, or
 * says done; a text with Enter or Tab is a code. A command card is one in every field, and %STOP also behind what was typed before it.
 * "%SUPERVISOR" begins a decision about the unit on the screen; while a test runs there is none. */
void screen_key(struct screen *screen, char key, bool more);
/* All of it, with the clock's text in the head. */
void screen_draw(struct screen *screen, const char *time, FILE *out);

#endif
