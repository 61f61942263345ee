/* A force recording of a pen on a phantom with exactly known truth, from a seed alone: tare, spin-up, window, coast, rest,
 * and whatever does not fit the model of the estimators. It shares no code with them and none with the virtual bench.
 *
 * A needle on an eccentric: d = D - E (1 - cos 2 pi u), u in periods about the deepest point, E such that contact lasts
 * `duty` of the period; force a (exp(b d) - 1). What acts on the phantom passes the load cell, then the front end, the
 * converter, and what a bad link does to counts. */
#ifndef PENRIG_TESTS_BENCH_RECORDING_H
#define PENRIG_TESTS_BENCH_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

/* Where in the period the speed changes from stroke to stroke. */
enum speed_change { SPEED_AT_DEEPEST, SPEED_IN_GAP, SPEED_SMOOTH };

enum noise_kind {
	NOISE_WHITE,
	NOISE_PINK,
	NOISE_LOW_PASS, /* first order, at noise_hz */
	NOISE_STUDENT,  /* 3 degrees of freedom */
	NOISE_IMPULSIVE /* white, and 1 % of the samples 15 times as loud */
};

enum filter_kind {
	FILTER_NONE,
	FILTER_FIRST,
	FILTER_BESSEL_2,
	FILTER_BESSEL_4,
	FILTER_BUTTERWORTH_2,
	FILTER_BUTTERWORTH_3,
	FILTER_BUTTERWORTH_4,
	FILTER_SINC3, /* of a sigma-delta converter: three averages */
	FILTER_KINDS
};

/* From where on the pen slows down. */
enum stop_kind {
	STOP_BEHIND, /* from the second stroke behind the window */
	STOP_SLOWS,  /* from the deepest point of the window's last stroke */
	STOP_STANDS  /* the same, and it makes no other stroke */
};

/* What the model does not know. All zero: nothing. Shares are of the pulse's height at the nominal depth. */
struct misfit {
	enum stop_kind stop;
	double brake;            /* by this share of a period the pen is late behind the window's last stroke */
	double stop_edge;        /* of a period: the window ends so far behind that stroke; 0: midway to the next one */
	double adhesion, bounce; /* half sines in the gap: share, downward at once, upward after a while */
	double lobe_start, lobe_width; /* of the gap; 0: drawn */
	double inertia_n, inertia_q_n,
		inertia_2_n;    /* in step: cosine, sine, and at twice the rate; goes with speed squared */
	double lowest_mm;       /* the needle never rises above this depth: it dwells there */
	double never_off_mm;    /* it never leaves: the eccentric's top is this deep */
	double tare_contact_mm; /* the needle's depth while the tare was taken */
	double cut;             /* > 1: path that would go this much deeper, cut off at the depth: bottoming out */
	double tail;            /* the phantom follows late: share, of tenth of a period */
	double asymmetry;       /* withdrawal is slower by this, penetration quicker */
	double second;          /* another bump at 0.2 periods: share in depth */
	double clip;            /* front end ends at this share below the top; negative: above */
	double clip_slope;      /* what it passes beyond: 0 hard */
	bool clip_behind_noise;
	unsigned spikes; /* single samples anywhere in the window */
	unsigned tare_spikes;
	double spike;      /* share; sign drawn */
	unsigned burst;    /* samples that are nonsense, in a row */
	unsigned impulses; /* blows of 0.5 ms on the bench */
	double freeze_s;   /* the converter repeats itself */
	double line_n, line_hz, tremor_n, step_n;
	double tare_pulse_n, tare_ramp_n; /* in the second half of the tare */
	bool tare_stroke;                 /* the pen still makes three strokes in it */
	double unsettled_mm,
		unsettled_s;   /* depth still on its way at the window's head: by this, falling with this time */
	bool unsettled_long;   /* it was so since the start, not only for 0.3 s */
	double unsettled_rate; /* share by which the rate still lacks at the window's head, falling with the same time */
	double rate_drift;     /* share by which the rate has grown at the window's end */
	double alternate_mm;   /* every other stroke is as much deeper, the next one shallower */
	unsigned skip;         /* every so many-th stroke does not reach the phantom */
	double soften;         /* share by which the phantom's force has fallen at the window's end */
	unsigned hold;         /* the converter is slower than it says: each count comes so many times */
	unsigned lost;         /* samples that are lost in the window, five times, and nobody says so */
	unsigned twice;        /* samples that a link delivers again, once in the window */
	bool floor;            /* the front end ends below, */
	double floor_at;       /* at this share of the height above the level */
	double high_pass_hz;   /* the front end is coupled by alternating current */
	unsigned average;      /* the front end shows the mean of so many samples */
	double slew;           /* it moves by so many heights of a pulse in a period at most; 0: as fast as it likes */
	enum filter_kind filter; /* before the noise, of filter_hz at -3 dB */
	double filter_hz;
	bool line_of_motor; /* line_n is there while the pen runs */
	bool line_grows;    /* line_n comes up over the window */
	double dimmer_n;    /* blows of 0.5 ms, a hundred a second */
	double gain_step;   /* share by which the gain of the front end jumps in the window */
	enum noise_kind noise;
	double noise_hz;
};

struct recording {
	uint64_t seed;

	/* the pen */
	double rate_hz, depth_mm, duty;
	double depth_sd_mm, jitter, width_sd; /* of a stroke; of a period, relative; of the time in contact, relative */
	bool offset_path;                     /* a deeper stroke is moved, not scaled */
	enum speed_change speed_change;
	double slow_mm, slow_hz; /* modulation of the depth */
	double park;             /* phase at which it stops, -0.5 to 0.5 */

	/* the phantom: a [N], b [1/mm] */
	double a, b;

	/* the bench */
	double fs_hz, range_n;
	unsigned bits;
	double snr_db, hum_n, hum_hz, drift_n, level_n;
	double cell_hz, cell_damping; /* 0: stiff */
	double tare_s, settle_s, window_s;

	/* what the bench file says */
	double declared_hz, declared_damping, declared_bandwidth_hz, mains_hz;
	double u_zero_n; /* of level_n, what the channel reads without contact; 0: nothing is said of the tare */
	double clock_rel, depth_cal_mm, gain_rel, curve_rel;
	double gain_error_rel,
		depth_error_mm; /* by which its certificates are wrong: of the force, of where the force stands */

	struct misfit misfit;
};

struct recording_truth {
	double depth_mm, depth_sd_mm, depth_max_mm, rate_hz, jitter_pct; /* of the strokes made in the window */
	unsigned strokes, missed; /* that reach the phantom; that do not, between others */
};

struct take {
	int32_t *counts;
	uint64_t samples;
	double lsb_n;
	int32_t count_lo, count_hi;
	uint64_t spin_up, measure, coast, rest; /* first samples of the phases; the tare begins at 0 */
	struct recording_truth truth;
};

/* A pen as the bench knows it: 120 Hz, 1 mm, duty 0.4, 40 dB, sd 8 um, jitter 0.1 %, hum 5 mN, drift 10 mN, 20 kS/s, 3 s. */
struct recording recording_nominal(uint64_t seed);
/* One drawn from all that a good bench may bring: 60 to 300 Hz, 0.2 to 2.5 mm, duty 0.15 to 0.95, 20 to 60 dB, 12 to 24
 * bits, cells declared within their 2 %, widths, jitter, slow modulation. */
struct recording recording_good(uint64_t seed);
/* One drawn from the middle of those: what misfits are tried on beside the nominal one. */
struct recording recording_usual(uint64_t seed);

/* Force of the phantom and its slope. */
double recording_force(const struct recording *r, double depth_mm);
double recording_slope(const struct recording *r, double depth_mm);

/* Aborts where memory lacks. The counts are the caller's until take_free(). */
void recording_make(const struct recording *r, struct take *ret);
void take_free(struct take *take);

#endif
