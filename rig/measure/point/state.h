/* Inside of a point, shared by its files: life (point.c), intake (intake.c), detection (detect.c), analysis
 * (analyse.c), results (summary.c). Local axis: samples after decimation, 0 = first sample fed. */
#ifndef PENRIG_MEASURE_POINT_STATE_H
#define PENRIG_MEASURE_POINT_STATE_H

#include "rig/base/worker.h"
#include "rig/measure/point/axis.h"
#include "rig/measure/point/baseline.h"
#include "rig/measure/point/cell.h"
#include "rig/measure/point/point.h"
#include "rig/measure/point/pulse.h"
#include "rig/measure/point/ticks.h"
#include "rig/measure/statistics.h"

#define BLOCKS_HELD    6    /* in the buffers: one being analysed, its neighbours, and room so that moving is rare */
#define BLOCKS_AHEAD   10   /* more of them where analysis has its own thread: it rests while they are moved */
#define FOUND_MAX      2048 /* candidates in one block: seven times as many as at 0.15 periods apart */
#define CANDIDATES_MAX (2 * FOUND_MAX) /* of the block being analysed and of the next one */
#define FOUND_RING     (FOUND_MAX * (HANDED_MAX + 2))
#define HANDED_MAX     6 /* blocks that wait for analysis */
#define SPIN_UP_KEPT   8192
#define FIRST_KEPT     64

struct candidate {
	double at;      /* instant */
	double peak_n;  /* bin mean there, raw */
	double swing_n; /* rise before it */
};

struct detector {
	bool rising;
	double extreme, low;
	long extreme_bin;
	long from_bin;  /* bins before it are not looked at: those of the two blocks before this one are always held */
	double swing_n; /* running mean of the rises */
	uint64_t found;
	double tare_swing_n, expected_n;
	double last_at, before_at;
	double noise_n;                    /* rms of one raw sample's white noise, smoothed over blocks */
	struct candidate ring[FOUND_RING]; /* of the block at hand, and of those not yet analysed */
	uint64_t put;                      /* candidates ever put into the ring */
	unsigned put_here;                 /* of this block */
	bool lost;
};

/* What analysis learns of a block from detection, as it stood when the next block had been looked at. */
struct handed {
	long block, limit; /* limit: the samples at hand end there, local axis */
	unsigned len;
	uint64_t put;
	double noise_n, swing_n;
	bool lost;
};

/* Relative widths as fitted, and the sum of their variances from noise. */
struct widths {
	struct moments seen;
	double noise2;
};

/* Sums over strokes of powers of the height, relative to the first one, and of each instant's variance from its
 * residuals times them. */
struct timing {
	double first, power[5], variance[3];
};

struct quality {
	bool saturated, gap, stuck;
	bool displacement_ended, displacement_stuck;
	uint64_t samples;
};

/* Of the strokes inside the measure window. */
struct tally {
	uint64_t strokes;
	bool started_before; /* the pen made strokes before the window */
	double first_at, last_at, local_period;
	struct moments interval;
	struct ticks ticks;
	uint64_t missed, doubled;
	struct moments height, depth, protrusion;
	double trend_k, trend_kk, trend_d, trend_kd;
	double gain_mm, slope; /* sums: F / (dF/dd), dF/dd */
	double noise_mm2;      /* sum of per-stroke variances from noise */
	struct timing timing;
	double peak_force_n, cell_n, level_n, level_weight; /* level: weighted sum */
	uint64_t level_count, cell_count;
	double template_n2, template_heights; /* variance of the sum of heights from the template's own; that sum */
	double protrusion_mm2;                /* sum of per-stroke variances from noise, displacement method */
	double zero_n2; /* sum over blocks of the variance that the baseline puts into the sum of heights */
	uint64_t misfits, unfitted, out_of_curve;
};

struct point {
	struct point_config config;
	void (*on_stroke)(void *ctx, const struct stroke *stroke);
	void *on_stroke_ctx;
	void (*on_residual)(void *ctx, const struct residual_chunk *chunk);
	void *on_residual_ctx;

	struct grid grid;
	struct axis axis;
	bool started;
	uint64_t next_index;
	double sum_force, sum_displacement;
	unsigned summed;
	int32_t last_count, last_displacement;
	uint64_t same_counts, same_displacements;

	float *raw, *force, *flat, *displacement, *bins;
	unsigned blocks_held;
	long base;               /* local index of buffer[0], a multiple of block */
	long fed, inverted;      /* samples in raw, in force */
	long detected, analysed; /* blocks */
	struct cell_inverse inverse;

	double command[POINT_PHASES];
	enum point_phase phase;
	struct quality quality[POINT_PHASES];

	struct detector detector;
	struct worker *worker; /* NULL: analysis runs where samples are fed. What follows is analysis' own. */

	struct candidate candidates[CANDIDATES_MAX];
	unsigned candidate_count, candidate_head;
	uint64_t taken; /* from the detector's ring */
	bool candidates_lost;
	double noise_n, swing_n; /* the detector's, as handed over */
	long from;               /* samples before it are not looked at, whether or not they are still held */
	double previous_at;      /* last stroke analysed */
	struct baseline baseline;
	bool baseline_known;
	struct pulse pulse;
	double pulse_period, peak_offset;
	bool template_renewed;                /* from strokes of the window */
	uint64_t learned;                     /* strokes of the first template */
	unsigned block_fitted, block_strange; /* of this block: fitted, and of another width than the template's */
	unsigned relearned;
	double width_weight;
	struct widths widths_learned, widths; /* of the strokes the template was learned from; of the window */
	uint64_t number;
	struct moments tare_level, rest_level;
	double offset_gain, line_gain[BASELINE_LINES]; /* of the stroke fit: height per offset, per line */
	double zero_row[BASELINE_STATES];
	unsigned gains_of; /* template that the gains belong to */
	double hum_left_n; /* largest amplitude of a line that the strokes hide */
	struct tally tally;
	double *spin_up;
	unsigned spin_ups;
	double coast_last;
};

/* How far before a block its analysis looks: strokes of its start reach so far, and what is flattened is kept so far.
 */
static inline long point_look_back(const struct point *p)
{
	long reach = 2 * (long)p->pulse.half_max + 4;

	return reach < (long)p->grid.block ? reach : (long)p->grid.block;
}

void detect_block(struct point *p, long block, unsigned len);
void point_end_of_samples(struct point *p);
int point_start_worker(struct point *p);
/* Waits until analysis has done with every block handed over: before anything that it reads is changed. */
void point_settle(const struct point *p);
void analyse_block(struct point *p, const struct handed *handed);

#endif
