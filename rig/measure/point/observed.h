/* What the model checks collect of a point while it is analysed, in constant memory: a member for each collector, whose
 * file in rig/measure/checks/ says what it is. Filled by observe.c, read by the checks. */
#ifndef PENRIG_MEASURE_POINT_OBSERVED_H
#define PENRIG_MEASURE_POINT_OBSERVED_H

#include <stdint.h>

#include "rig/measure/checks/alternation.h"
#include "rig/measure/checks/clip.h"
#include "rig/measure/checks/gap_lines.h"
#include "rig/measure/checks/level_jump.h"
#include "rig/measure/checks/level_series.h"
#include "rig/measure/checks/mean_pulse.h"
#include "rig/measure/checks/period_profile.h"
#include "rig/measure/checks/settled.h"
#include "rig/measure/checks/strange.h"
#include "rig/measure/checks/tare.h"
#include "rig/measure/checks/top_lines.h"
#include "rig/measure/point/noise_seen.h"

struct observed {
	uint64_t strokes; /* of the window, fitted */
	struct clip clip;
	struct settled settled;
	struct strange strange;
	struct alternation heights, spacing; /* of the window's strokes, fitted or not */
	struct period_profile profile;
	struct level_series levels;
	struct level_jump jump;
	uint64_t jump_at; /* stroke behind the newest gap of it */
	struct gap_lines lines;
	struct top_lines tops;
	double turns[TOP_LINES_MAX]; /* of its lines, rad per sample; 0: not told from others or from the strokes */
	bool turns_known;
	double flank_n; /* of the stroke at hand, WEIGHTS_FLANK; NaN: not known */
	struct noise_seen noise;
	struct tare_record tare;
	struct mean_pulse mean_pulse;
};

#endif
