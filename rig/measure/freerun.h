/* The stroke rate of a pen whose needles touch nothing. No force pulse tells it, so it is taken from the needle bar's
 * displacement: rising passages through half of its travel are counted and timed. Constant memory. */
#ifndef PENRIG_MEASURE_FREERUN_H
#define PENRIG_MEASURE_FREERUN_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/samples.h"
#include "rig/measure/point/point.h"
#include "rig/measure/result.h"
#include "rig/measure/statistics.h"
#include "rig/measure/watch.h"

struct free_run_config {
	double fs_hz, rate_set_hz;
	struct channel_scale bar; /* the needle bar's displacement; its offset does not matter */
	double bar_rate_hz; /* of the device whose displacement was put beside the force (align.h); 0: of this stream */
	double u_clock_rel; /* standard uncertainty of the sample clock */
	struct watch_config force; /* of the same stream: what swings there has touched something */
};

struct free_run {
	struct free_run_config config;
	struct watch force;
	uint64_t phase_start[POINT_PHASES]; /* UINT64_MAX until it begins */
	uint64_t next_index;
	bool started, contact, gap, saturated, stuck;
	bool blind; /* to contact: at some time of the motor the force showed nothing */

	/* travel, from the spin-up's last periods; fixed when the window begins */
	double lo_mm, hi_mm, seen_lo_mm, seen_hi_mm;
	uint64_t seen;
	bool armed; /* below half of the travel by a quarter of it */
	double last_mm;
	int32_t last_count;
	uint64_t same_counts;

	/* of the window */
	uint64_t passages, missed, doubled;
	double first_at, last_at, slope_sum; /* samples; mm per sample */
	struct moments interval;
	double wander_s; /* of the alignment; 0: there is none */
};

void free_run_init(struct free_run *run, const struct free_run_config *config);
/* As point_phase(): the next phase begins at first_index. */
void free_run_phase(struct free_run *run, enum point_phase phase, uint64_t first_index);
/* How far an alignment may have wandered in the window, s: before free_run_finish(). */
void free_run_aligned(struct free_run *run, double wander_s);
void free_run_feed(struct free_run *run, const struct sample_block *block);
/* free_rate_hz, realised mean over the window. u: instants, clock, and the scatter of the periods as if they were a
 * random walk, because another run's rate is compared with it. Untrusted where a passage is missing, the bar did not
 * move through the whole window, samples are missing, or the force channel saw a touch since the start. */
void free_run_finish(const struct free_run *run, struct result *ret);

/* By how much the load slows the pen: 100 (free - loaded) / free, in percent. Both may be untrusted or not valid: so is
 * the droop then. scatter_pct: period jitter of the loaded run, n its strokes. */
void free_run_droop(double free_hz, double u_free_hz, const struct result *loaded, const struct result *jitter,
		    struct result *ret);

#endif
