/* The station's page on this terminal: keys in, 24 rows out, in the loop. */
#ifndef PENRIG_CLI_KIT_FULL_SCREEN_H
#define PENRIG_CLI_KIT_FULL_SCREEN_H

#include "rig/base/loop.h"
#include "rig/station/config.h"
#include "rig/station/station.h"

struct full_screen;

/* -EINVAL with text: standard input and output are no terminal, or it is smaller than 80 x 24. */
int full_screen_open(const struct station_config *config, struct station *station, struct loop *loop, unsigned bench,
		     struct full_screen **ret, struct err *err);
/* That bench shows something else; drawn at the loop's next turn. NULL is fine. */
void full_screen_changed(struct full_screen *screen, unsigned bench);
void full_screen_close(struct full_screen *screen); /* the terminal is as it was; NULL is fine */

#endif
