/* A course of sessions as it is gathered from run files (life_read.c) and shown (life_show.c). */
#ifndef PENRIG_CLI_LIFE_H
#define PENRIG_CLI_LIFE_H

#include "rig/cli/kit/command.h"
#include "rig/record/record.h"
#include "rig/study/life.h"
#include "rig/study/weibull.h"

#define LIFE_CONFIDENCE 0.95
#define LIFE_UNITS      WEIBULL_MAX
#define LIFE_PERCENT    10.0 /* of units that have failed by the life that is told beside the scale: B10 */

struct life_session {
	char name[128], started[32], cartridge[64];
	unsigned unit, cartridge_number; /* of its unit, from 0 */
	double strokes, before;          /* in it; of its unit in the sessions before it */
	bool judged, failed;             /* it has a verdict about the pen; a failure */
};

struct life_row_value {
	unsigned session, n;      /* how often the session visited the setpoint: */
	double value, expanded_u; /* mean; the largest */
};

struct life_row { /* one measurand at one setpoint, of one unit */
	unsigned unit;
	enum measurand id;
	char method[32], phantom[64];
	bool sweep, limited, limits_differ;
	double depth_mm, rate_hz, lower, upper, expanded_u; /* expanded_u: the largest of the values' */
	unsigned n, room;
	struct life_row_value *value; /* in order of time */
	/* what it comes to */
	char why_not[160]; /* there is no line through it; "": there is */
	struct life_drift drift;
	struct interval left; /* strokes; NaN: no limit, or not the same in all sessions */
};

struct life_unit {
	char dut[64];
	unsigned sessions, cartridges;
	double strokes; /* in all */
	double life; /* half way between the last session that was in order and the first that failed; else strokes */
	bool failed;
};

struct life_study {
	unsigned units, sessions, rows, row_room, method;
	bool methods_differ;
	struct life_unit *unit;
	struct life_session *session; /* each unit's in order of time */
	struct life_row *row;
	bool has_weibull;
	char no_weibull[160];
	struct weibull_fit weibull;
	struct interval shape, scale, tenth; /* tenth: by when LIFE_PERCENT have failed */
};

struct life_wanted {
	const char *dut;                     /* of this pen; NULL: any */
	const struct option_list *measurand; /* none: those that a limit is for */
};

/* One more run file; in order of time. -EINVAL with text: it was named before, or begins before one that came before; else as
 * reopen_sound(). */
int life_take_file(struct life_study *study, const struct life_wanted *wanted, const char *path, struct err *err);
/* -ENOMEM. */
int life_evaluate(struct life_study *study, struct err *err);
void life_study_free(struct life_study *study);

void life_title(const struct life_row *row, char *ret, size_t size);
void life_print(const struct life_study *study);
int life_print_form(const struct life_study *study, bool csv, struct err *err);
/* Lines that could be laid. -errno with text. */
int life_draw(const char *path, const struct life_study *study, struct err *err);

#endif
