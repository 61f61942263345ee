/* One point of a sweep, from tare to stand-still: takes the force stream (and, where there is one, the displacement
 * channel of the same stream) in order and yields strokes as they are found and results at the end.
 *
 * Pure and streaming: no allocation while samples come, memory independent of the length of the window, and results that
 * do not depend on how the samples were cut into blocks. The same calls live, in replay, in tests and in benchmarks. */
#ifndef PENRIG_MEASURE_POINT_POINT_H
#define PENRIG_MEASURE_POINT_POINT_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/samples.h"
#include "rig/measure/channel_scale.h"
#include "rig/measure/curve.h"
#include "rig/measure/model_check.h"
#include "rig/measure/point/budget_inputs.h"
#include "rig/measure/result.h"

/* Phases begin at a sample index and last until the next one begins.
 * tare: pen off, quiet. spin_up: start was commanded. measure: the window that is judged. coast: stop was commanded.
 * rest: pen off again; the end of the point closes it. Settling belongs to spin_up. */
enum point_phase { POINT_TARE, POINT_SPIN_UP, POINT_MEASURE, POINT_COAST, POINT_REST, POINT_PHASES };

/* The resonance of the load cell that the force channel is compensated for. */
struct load_cell {
	double hz; /* natural frequency; 0 = none to compensate */
	double damping;
	double u_rel;         /* standard uncertainty of hz, relative; 0: 2 % */
	double damping_u_rel; /* and of the damping */
};

/* How it is known that no needle touches the phantom while the tare is taken. No force can show it: a needle that rests
 * at one depth in the tare and between strokes has one level in both. */
enum tare_proof {
	TARE_UNASKED,      /* whoever feeds the point answers for it; no check is made */
	TARE_UNKNOWN,      /* nothing says so: no depth by force is trusted */
	TARE_STATED,       /* the bench says how */
	TARE_LEVEL,        /* the level without contact is known: zero_n, to u_zero_n */
	TARE_DISPLACEMENT, /* depths are compared with those of a displacement, elsewhere */
};

struct tare_reference {
	enum tare_proof proof;
	double zero_n, u_zero_n; /* of TARE_LEVEL */
};

/* Standard uncertainties that all strokes of a point share, from certificates. */
struct point_uncertainties {
	double gain_rel;        /* load-cell sensitivity, relative */
	double clock_rel;       /* sample clock, relative */
	double temperature_rel; /* temperature coefficient times the ambient excursion, relative to force */
	double depth_cal_mm, curve_force_rel, curve_fit_mm; /* of the curve: see curve_set */
	/* of force-equivalent depth, relative to force; see rig/config/uncertainty.h for what each is */
	double cell_linearity_rel, cell_hysteresis_rel, cell_creep_rel, cell_drift_rel, cartridge_rel, position_rel,
		ageing_rel, needle_speed_rel, phantom_temperature_rel;
	double cell_zero_n; /* of what the cell reads without any force; in differences of forces it cancels */
	double angle_rel;   /* relative to any depth: that the needles do not stand upright */
	double displacement_mm;
	double cartridge_mm, seating_mm; /* of depth by displacement: length of the needles, place of the surface */
	double alignment_s; /* of the displacement's place on the force's axis; 0: both are of one stream */
};

struct point_config {
	/* the channels */
	double fs_hz; /* true sample rate as far as known: nominal * (1 + clock correction) */
	struct channel_scale force;
	struct channel_scale displacement; /* count_lo and count_hi equal: its ends are unknown */
	double bar_rate_hz; /* of the device whose displacement was put beside the force (align.h); 0: of this stream */
	double force_lo_n, force_hi_n; /* calibrated range of the sensor; equal = unknown */
	double bandwidth_hz; /* -3 dB of the force channel, cell or filter, whichever is slower; 0 = unknown */
	struct load_cell cell;

	/* the setpoint */
	double rate_set_hz, depth_set_mm;
	double mains_hz; /* 50 or 60 */

	/* the bench */
	const struct curve *curve; /* at the set rate; borrowed; NULL: no force-equivalent depth, for curve_reason */
	const struct curve_set
		*curves; /* what it was made of, borrowed: depths are those at the rate seen. NULL: not known */
	char curve_reason[96];
	struct tare_reference tare;
	double preload_lo_n, preload_hi_n; /* window of the seating force; equal: any */
	struct point_uncertainties u;

	/* Analysis on a thread of its own, for samples that come faster than in real time. Changes no result; on_stroke
	 * and on_residual are called there: while point_feed() runs, or until point_phase(), point_live(),
	 * point_finish() or point_free() return. */
	bool second_thread;

	bool so_far; /* point_so_far() will be asked: as much memory again */
};

struct stroke {
	uint64_t number;        /* from 0 within the point, spin-up and coast-down included */
	enum point_phase phase; /* by its instant */
	double instant;         /* of the deepest point, in samples (absolute sample index, with fraction) */
	double height_n;        /* force pulse above the local baseline */
	double depth_mm;        /* force-equivalent; NaN where it has none */
	double protrusion_mm;   /* displacement method; NaN where there is no channel */
	double misfit_n;        /* rms residual of the pulse against the template; NaN before one is learned */
};

/* Samples that point_new() wants of each phase: fewer of tare or measure makes the results untrusted. */
#define POINT_TARE_MIN_S 0.2
/* Bandwidth of the force channel over the commanded rate: with less the results that rest on a pulse's shape are not. */
#define POINT_BANDWIDTH_PER_RATE 10.0

struct point;

int point_new(const struct point_config *config, struct point **ret);
void point_free(struct point *point);

/* Borrowed stroke, in order of instant. May be called from point_feed() and point_finish(); see second_thread. */
void point_on_stroke(struct point *point, void (*fn)(void *ctx, const struct stroke *stroke), void *ctx);

/* What one stroke of the measure window leaves after hum, baseline and fitted template; one period, half before and
 * half after, in pieces. A view: valid only during the call. */
#define RESIDUAL_CHUNK_MAX 512
struct residual_chunk {
	uint64_t stroke;         /* its number */
	uint64_t first_index;    /* absolute, of the first value */
	unsigned stride;         /* samples from one value to the next: 1 but for very slow strokes */
	unsigned n;              /* values, at most RESIDUAL_CHUNK_MAX */
	const float *phase;      /* of a period, 0 at the deepest point; in about -0.7 to 0.7 */
	const float *pulse_n;    /* force above baseline and hum */
	const float *residual_n; /* the same less the fitted template */
	double height_n;         /* as fitted */
	uint64_t templated;      /* strokes of the window that the template was made of; 0: of `learned` earlier ones */
	uint64_t learned;
	double noise_n; /* rms of one sample, as the estimators know it */
};
/* Pieces in order of index within a stroke; a stroke's own come before point_on_stroke() tells it. Only strokes that
 * were fitted. NULL: none (the default; costs nothing). */
void point_on_residual(struct point *point, void (*fn)(void *ctx, const struct residual_chunk *chunk), void *ctx);

/* The next phase begins at first_index, which is not below the index that the next fed block may hold. In order; a
 * phase may be left out. command_index: where on the sample axis the command that opened the phase (start for spin_up,
 * stop for coast) left the host, with fraction; NaN where there is none. */
int point_phase(struct point *point, enum point_phase phase, uint64_t first_index, double command_index);

/* What is known of the alignment at the end of the window takes the place of config's u.alignment_s. */
void point_aligned(struct point *point, double u_s);

/* Blocks of the force stream in order of index. What rests on a gap or saturation inside tare or measure is not
 * trusted. */
void point_feed(struct point *point, const struct sample_block *block);

/* Ends the point at the last sample fed. Results in a fixed order, each named measurand of a point once per method:
 * stroke_rate_hz and stroke_rate_error_pct (each by the methods realised and nominal), period_jitter_pct,
 * missed_strokes, double_strokes, spin_up_s, coast_down_s, depth_mm (methods force_equivalent, displacement: realised
 * mean; then method suffix _process), depth_sd_mm (it and what follows of depth: both methods), depth_error_mm,
 * depth_tolerance_lo_mm, depth_tolerance_hi_mm (content 95 %, confidence 99 %), depth_max_mm (noise-corrected bound),
 * depth_max_raw_mm, peak_force_n, seating_force_n, strokes (whose instant lies in the measure window). Returns their
 * number, at most cap (RESULTS_PER_POINT_MAX is always enough). Call once. */
unsigned point_finish(struct point *point, struct result *results, unsigned cap);

/* What point_finish() would give if the samples fed so far were all, and its checks (MODEL_CHECKS places), but for
 * tolerance intervals, whose factors are those of an approximation (an exact one takes longer than all the rest): the point
 * goes on, and nothing of it is another for having been asked. Works on a copy, in memory that point_new() took where
 * the configuration says so_far: no allocation, as long as the analysis of two blocks and the copy of a few MB take.
 * 0: it does not say so. */
unsigned point_so_far(struct point *point, struct result *results, unsigned cap, struct check_result *ret_check,
		      unsigned *ret_checks);

/* Behind point_finish(): what the model checks say, in their order; returns how many were made or had to be. */
unsigned point_checks(const struct point *point, struct check_result ret[MODEL_CHECKS]);

/* Behind point_finish(): the numbers that its budgets are made of; returns how many. */
unsigned point_inputs(const struct point *point, struct budget_input ret[BUDGET_INPUTS_MAX]);

/* Behind point_finish(): why the needles were not seen to strike throughout the measure window; empty where they were. */
void point_motion(const struct point *point, char reason[REASON_MAX]);

/* What the session needs to know live, cheap at any time but with a second thread, for which it waits. */
struct point_live {
	uint64_t next_index; /* one past the last sample fed */
	uint64_t strokes;    /* found so far in the point */
	double last_stroke;  /* instant of the last one; NaN before the first */
	double rate_hz;      /* over the last few strokes; NaN when unknown */
	double depth_mm;     /* over the last few strokes; NaN when unknown */
	double force_n;      /* mean of the last 20 ms: the seating force when still */
	double noise_n;      /* rms about that mean */
	bool saturated, gap; /* seen in this phase */
};
void point_live(const struct point *point, struct point_live *ret);

#endif
