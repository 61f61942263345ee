/* The table of model checks. */
#include "rig/measure/model_check.h"

#include <stddef.h>
#include <string.h>

#define LEAVES(name, how) .line = (name), .acts = (how)

static const struct model_check_row rows[MODEL_CHECKS] = {
	[CHECK_FROZEN] = {.name = "frozen", .about = "the converter delivers new samples", .doubts = DOUBTS_ALL},
	[CHECK_CLIP] = {.name = "clip",
			.about = "neither the top of the pulse nor the force between strokes is cut off",
			.doubts = DOUBTS_RATE | DOUBTS_JITTER | DOUBTS_DEPTH |
				  DOUBTS_FORCE, /* instants are those of the top */
			LEAVES("clip", ACTS_ON_TOP)},
	[CHECK_GLITCHES] = {.name = "glitches",
			    .about = "no sample moves faster than the load cell can",
			    .doubts = DOUBTS_ALL},
	[CHECK_TARE_MOTION] = {.name = "tare_motion", .about = "nothing moves in the tare", .doubts = DOUBTS_ALL},
	[CHECK_TARE_LINES] = {.name = "tare_lines",
			      .about = "the tare holds no line that the bench does not name",
			      .doubts = DOUBTS_JITTER | DOUBTS_DEPTH | DOUBTS_FORCE,
			      LEAVES("in step", ACTS_ON_LEVEL)},
	[CHECK_SUB_PULSES] = {.name = "sub_pulses", .about = "each stroke makes one pulse", .doubts = DOUBTS_ALL},
	[CHECK_LIFT_OFF] = {.name = "lift_off",
			    .about = "the needles leave the phantom between strokes",
			    .doubts = DOUBTS_DEPTH | DOUBTS_FORCE | DOUBTS_LEVEL,
			    LEAVES("lift-off", ACTS_ON_LEVEL)},
	[CHECK_CELL] = {.name = "cell",
			.about = "the load cell rings as declared",
			.doubts = DOUBTS_JITTER | DOUBTS_DEPTH | DOUBTS_FORCE,
			LEAVES("cell ring", ACTS_ON_SHAPE)},
	[CHECK_GAP] = {.name = "gap",
		       .about = "the force between strokes is flat",
		       .doubts = DOUBTS_JITTER | DOUBTS_DEPTH | DOUBTS_FORCE | DOUBTS_LEVEL,
		       LEAVES("gap", ACTS_ON_LEVEL)},
	[CHECK_LEVEL_STEP] = {.name = "level_step",
			      .about = "the level between strokes is that of the tare",
			      .doubts = DOUBTS_DEPTH | DOUBTS_FORCE | DOUBTS_LEVEL,
			      LEAVES("level step", ACTS_ON_LEVEL)},
	[CHECK_LEVEL_JUMP] = {.name = "level_jump",
			      .about = "the level between strokes does not jump",
			      .doubts = DOUBTS_JITTER | DOUBTS_DEPTH | DOUBTS_FORCE},
	[CHECK_REFERENCE] = {.name = "reference",
			     .about = "the tare is known to be free of contact",
			     .doubts = DOUBTS_DEPTH | DOUBTS_LEVEL,
			     LEAVES("reference", ACTS_ON_ZERO)}, /* heights count from the level as it is */
	[CHECK_FLOOR] = {.name = "floor",
			 .about = "what moves the force channel comes through between strokes, too",
			 .doubts = DOUBTS_JITTER | DOUBTS_DEPTH | DOUBTS_FORCE | DOUBTS_LEVEL,
			 LEAVES("floor", ACTS_ON_LEVEL)},
	[CHECK_STRANGE_STROKES] = {.name = "strange_strokes",
				   .about = "all pulses have one shape",
				   .doubts = DOUBTS_RATE | DOUBTS_JITTER | DOUBTS_DEPTH | DOUBTS_FORCE | DOUBTS_BAR,
				   LEAVES("strange strokes", ACTS_ON_MEAN)},
	[CHECK_CAP] = {.name = "cap",
		       .about = "the top of the pulse is smooth, and as sharp as an eccentric's",
		       .doubts = DOUBTS_RATE | DOUBTS_JITTER | DOUBTS_DEPTH |
				 DOUBTS_FORCE, /* instants are those of the top */
		       LEAVES("pulse shape", ACTS_ON_SHAPE)},
	[CHECK_NOISE] = {.name = "noise",
			 .about = "the noise acts on heights as white noise would",
			 .doubts = DOUBTS_DEPTH,
			 LEAVES("quantiser", ACTS_ON_SHAPE)},
	[CHECK_SETTLED] = {.name = "settled",
			   .about = "depth has come to rest before the window",
			   .doubts = DOUBTS_COUNTS | DOUBTS_DEPTH | DOUBTS_FORCE |
				     DOUBTS_BAR, /* one shape is no longer that of all strokes */
			   LEAVES("settling", ACTS_ON_MEAN)},
};

static const char *const states[] = {[CHECK_ABSENT] = "absent",
				     [CHECK_PASSED] = "passed",
				     [CHECK_TRIPPED] = "tripped",
				     [CHECK_NOT_MADE] = "not_made"};

const struct model_check_row *model_check_row(enum model_check check)
{
	return &rows[check];
}

enum model_check model_check_find(const char *name)
{
	unsigned i = 0;

	while (i < MODEL_CHECKS && strcmp(rows[i].name, name) != 0)
		i++;
	return (enum model_check)i;
}

const char *check_state_name(enum check_state state)
{
	return states[state];
}
