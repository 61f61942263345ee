/* What it takes to stop the pen of a bench: which device, by which driver, over which line, and for which run. As one line
 * of JSON: on the stopper's socket, and in the bench's lock file, where the next start finds it. */
#ifndef PENRIG_STOPPER_RECIPE_H
#define PENRIG_STOPPER_RECIPE_H

#include <stdint.h>

#include "rig/base/disk.h"
#include "rig/base/error.h"
#include "rig/link/link.h"

#define RECIPE_TEXT_MAX 4096 /* escaped, its texts take six times their bytes at most; longer is refused */

struct stop_recipe {
	char driver[32];  /* of the pen */
	char power[32];   /* of its power supply, of a pen made of parts; "": it is none */
	unsigned output;  /* of that supply, from 1 */
	unsigned address; /* its own, on a bus with several devices; 0: its driver's */
	char dialect[32]; /* what that supply speaks, once it has said so; "": not known */
	char supply[48];  /* that supply's serial number, as the bench or itself says; "": not known */
	char link[LINK_NAME_MAX];
	struct link_settings line;  /* of a serial port; 0 = the driver's */
	uint32_t standstill_ms;     /* a program that drives the pen and gives no sign for so long is not waited for */
	char run[128];              /* stem of its files */
	char folder[FILE_PATH_MAX]; /* where they are, absolute */
};

/* Without the line's end. -EMSGSIZE where it does not fit. */
int stop_recipe_print(const struct stop_recipe *recipe, char ret[RECIPE_TEXT_MAX], struct err *err);

/* -EINVAL for what is no recipe. */
int stop_recipe_parse(const char *text, struct stop_recipe *ret, struct err *err);

#endif
