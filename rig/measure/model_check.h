/* Is the signal what the method takes it to be? One row for each question that is asked of a point before its results are
 * believed. docs/method.md, "Model checks", has the statistic, its distribution and the threshold of each. */
#ifndef PENRIG_MEASURE_MODEL_CHECK_H
#define PENRIG_MEASURE_MODEL_CHECK_H

#include <stdint.h>

#include "rig/measure/result.h"

/* In the order of causes: what stands further up spoils what stands below, so the first that is not well names the
 * cause. */
enum model_check {
	CHECK_FROZEN,
	CHECK_CLIP,
	CHECK_GLITCHES,
	CHECK_TARE_MOTION,
	CHECK_TARE_LINES,
	CHECK_SUB_PULSES,
	CHECK_LIFT_OFF,
	CHECK_CELL,
	CHECK_GAP,
	CHECK_LEVEL_STEP,
	CHECK_LEVEL_JUMP,
	CHECK_REFERENCE,
	CHECK_FLOOR,
	CHECK_STRANGE_STROKES,
	CHECK_CAP,
	CHECK_NOISE,
	CHECK_SETTLED,
	MODEL_CHECKS
};

/* Which results may not be judged where a check is not well. Flags. */
enum check_doubt {
	DOUBTS_COUNTS = 1, /* of strokes: missed, double */
	DOUBTS_RATE = 2,
	DOUBTS_DEPTH = 4,    /* by force */
	DOUBTS_FORCE = 8,    /* peak, crest factor, impulse */
	DOUBTS_LEVEL = 16,   /* that forces count from: seating force */
	DOUBTS_EVENTS = 32,  /* seating, spin-up, coast-down */
	DOUBTS_BAR = 64,     /* depth by displacement: strokes that are not seen by force are in no mean */
	DOUBTS_JITTER = 128, /* what stands where contact ends moves each instant by how far the next stroke is */
	DOUBTS_ALL = 255
};

/* How what a check leaves, an error of the height, acts on results that are made of the force. */
enum check_acts {
	ACTS_NOT,
	ACTS_ON_LEVEL, /* a force that is not the needles', in the gap or under the pulse */
	ACTS_ON_TOP,   /* the top is missing; the rest of the pulse stands */
	ACTS_ON_SHAPE, /* height and width err together: their product, the impulse, stays */
	ACTS_ON_MEAN,  /* single strokes, none of them the largest */
	ACTS_ON_ZERO,  /* the level that forces count from, where it is the tare's */
	CHECK_ACTS
};

struct model_check_row {
	const char *name;  /* in files: "lift_off" */
	const char *about; /* for people: what is asked, half a line */
	const char *line;  /* its line in budgets of depth and force; NULL: it leaves none */
	unsigned doubts;   /* DOUBTS_... */
	enum check_acts acts;
};

enum check_state {
	CHECK_ABSENT,   /* there was nothing to ask it of; not told */
	CHECK_PASSED,   /* as the model has it; a line may stand all the same */
	CHECK_TRIPPED,  /* not as the model has it, and by more than a line can carry */
	CHECK_NOT_MADE, /* it had to be asked and could not be: as good as tripped */
};

/* check below MODEL_CHECKS. Never NULL. */
const struct model_check_row *model_check_row(enum model_check check);
/* MODEL_CHECKS for a name that no row has. */
enum model_check model_check_find(const char *name);
/* "passed", "tripped", ... Never NULL. */
const char *check_state_name(enum check_state state);

struct check_result {
	enum model_check check; /* MODEL_CHECKS: a name without a row, as a file of another version may hold */
	char name[24];          /* that of its row, for people and files */
	enum check_state state;
	double statistic, threshold; /* as docs/method.md has them; NaN: none */
	double effect_mm;            /* what it comes to in depth, as estimated; NaN: not known */
	double u_mm;                 /* standard uncertainty of its line in the budget of depth; 0: none */
	uint64_t n;                  /* strokes or samples that it was asked of */
	char reason[REASON_MAX];     /* why it is not well, for people; where it passed what that rests on, or empty */
};

#endif
