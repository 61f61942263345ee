/* From detected strokes to instants, heights and depths: per block, baseline and hum from what no needle touches,
 * template from the strokes themselves, least squares per stroke. Holds no result: it fills the tally.
 *
 * Where a point has a second thread, all of this is that thread's own. It names neither intake nor detector: of them
 * it knows what is handed over. */
#ifndef PENRIG_MEASURE_POINT_ANALYSIS_H
#define PENRIG_MEASURE_POINT_ANALYSIS_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/point/axis.h"
#include "rig/measure/point/baseline.h"
#include "rig/measure/point/handover.h"
#include "rig/measure/point/observed.h"
#include "rig/measure/point/tally.h"
#include "rig/measure/point/template.h"

#define CANDIDATES_MAX (2 * FOUND_MAX) /* of the block being analysed and of the next one */

/* A block, and the end of the samples at hand; local axis. */
struct span {
	long start, end, limit;
};

/* Candidates handed over and not yet analysed, in order. */
struct waiting {
	struct candidate at[CANDIDATES_MAX];
	unsigned head, count; /* the first one, and one past the last */
	uint64_t taken;       /* from the ring, in all */
};

#define HOLES_HELD (4 * HOLES_MAX) /* from the block before to the end of what was handed over, and what comes behind */

/* Holes about the block, in order. */
struct holes {
	struct hole at[HOLES_HELD];
	unsigned count, told; /* told: the tally knows of so many */
	uint64_t taken;       /* from the ring, in all */
};

/* Whom strokes and residuals are told, and with what context. NULL: nobody. */
struct listeners {
	void (*on_stroke)(void *ctx, const struct stroke *stroke);
	void *on_stroke_ctx;
	void (*on_residual)(void *ctx, const struct residual_chunk *chunk);
	void *on_residual_ctx;
};

/* How much of an error of the baseline, and of each line, a height takes in, and the sum of it over the block. */
struct gains {
	double offset, line[BASELINE_LINES];
	double area, energy; /* of the template and of its square, samples */
	double row[BASELINE_STATES];
	unsigned builds; /* the template they belong to: struct pulse's builds */
};

struct analysis {
	const struct point_config *config; /* borrowed */
	struct grid grid;
	struct listeners listeners;

	struct handover now; /* the block at hand */
	long from;           /* samples before it are not looked at, whether or not they are still held */
	float *flat;         /* the force less baseline and hum, from flat_base on: now.samples.base */
	long flat_base;

	struct waiting waiting;
	struct holes holes;
	double previous_at; /* last stroke analysed, local axis; NaN before the first */
	uint64_t number;    /* strokes analysed */
	struct baseline baseline;
	bool baseline_known;
	struct gains gains;
	struct template template;
	struct tally tally;
	struct observed observed;
};

/* config stays where it is for as long as the analysis lives. samples: how many are held at most, as of
 * intake_init(). -ENOMEM. Released in either case. */
int analysis_init(struct analysis *analysis, const struct point_config *config, const struct grid *grid,
		  size_t samples);
void analysis_release(struct analysis *analysis);
/* Both made alike: `to` becomes what `from` is, in its own memory, and tells nobody. samples: as analysis_init() had. */
void analysis_copy(struct analysis *to, const struct analysis *from, size_t samples);
void analysis_block(struct analysis *analysis, const struct handover *handover);

/* The candidates that wait, i from 0. */
static inline unsigned analysis_waiting(const struct analysis *analysis)
{
	return analysis->waiting.count - analysis->waiting.head;
}

static inline struct candidate *analysis_candidate(struct analysis *analysis, unsigned i)
{
	return &analysis->waiting.at[analysis->waiting.head + i];
}

#endif
