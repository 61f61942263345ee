/* A course of sessions as it is gathered from run files (life_read.c) and shown (life_show.c). */
#ifndef PENRIG_CLI_LIFE_H
#define PENRIG_CLI_LIFE_H

#include "rig/cli/kit/command.h"
#include "rig/history/history.h"
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
	bool judged, failed, in_order; /* it has a verdict about the pen; a failure; a pass, be it a conditional one */
	bool cut;                      /* killed while the pen ran: how long it ran then is not known */
	bool other;                    /* a run by another plan: it made strokes, and that is all */
	uint64_t counter; /* strokes of its cartridge when it began, by the pen's own word; 0 where it says none */
	char counted[48]; /* of which cartridge, by the same */
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
	struct interval left; /* strokes; NaN: not told, and why: */
	char no_left[160];
};

struct life_unit {
	char dut[64];
	unsigned sessions, cartridges, others; /* others: runs by other plans that were counted, */
	unsigned unread;                       /* and those that could not be: their strokes are not known */
	double strokes; /* in all: by every run that is known, and by the pen's counter where that has more */
	double elsewhere, by_counter; /* of these: in other runs; beyond all runs, by the pen's counter */
	double life;   /* to the end of the first session that failed, else of the last that was in order; */
	double within; /* and it failed somewhere in so many strokes before that: since it was in order last */
	bool failed;
	unsigned
		not_judged; /* sessions before its end that say nothing of its life: without a verdict, or inconclusive */
	bool cartridge_out; /* behind the last session a run had another, or one that is not named */
};

struct life_study {
	unsigned units, sessions, session_room, rows, row_room, method;
	bool methods_differ;
	bool alone; /* no history was asked: what the pens did in other runs is not known */
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
/* Strokes of what else the pens of the course did, as a history has it: each run of theirs that is not one of the course, until
 * then (as choice_filter() has it; NULL: to the newest). One whose file is gone or altered counts as unread. -ENOMEM; -errno of
 * the history. */
int life_take_others(struct life_study *study, struct history *history, const char *until, struct err *err);
/* -ENOMEM. */
int life_evaluate(struct life_study *study, struct err *err);
void life_study_free(struct life_study *study);

void life_title(const struct life_row *row, char *ret, size_t size);
void life_print(const struct life_study *study);
int life_print_form(const struct life_study *study, bool csv, struct err *err);
/* Lines that could be laid. -errno with text. */
int life_draw(const char *path, const struct life_study *study, struct err *err);

#endif
