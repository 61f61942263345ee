/* What the force channel reads when no needle is in contact: seating force with slow drift, and mains hum. An extended
 * Kalman filter from block to block: polynomial of second degree per block, hum lines as continuing oscillators with a
 * tracked frequency; fed with runs of samples that hold no pulse. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_BASELINE_H
#define PENRIG_MEASURE_POINT_BASELINE_H

#include <stdbool.h>
#include <stdint.h>

#define BASELINE_LINES  6                        /* five harmonics of the mains, and the other mains' fundamental */
#define BASELINE_HUM    (2 * BASELINE_LINES + 1) /* cosine and sine of each, and the frequency */
#define BASELINE_STATES (3 + BASELINE_HUM)

#define BASELINE_RADIX  64 /* three digits of it reach beyond any block */
#define BASELINE_DIGITS 3

/* Cosine and sine of each line's turn over d * RADIX^digit samples, so that none is computed per stroke. */
struct baseline_turns {
	double c[BASELINE_DIGITS][BASELINE_RADIX][BASELINE_LINES], s[BASELINE_DIGITS][BASELINE_RADIX][BASELINE_LINES];
	double half_c[BASELINE_LINES], half_s[BASELINE_LINES];   /* over half a sample */
	double start_c[BASELINE_LINES], start_s[BASELINE_LINES]; /* at the start of the block */
};

#define BASELINE_BATCH 16

/* Observations that wait for the normal equations: rows, the same times their weights, and what was seen. */
struct baseline_batch {
	double h[BASELINE_BATCH][BASELINE_STATES], hw[BASELINE_BATCH][BASELINE_STATES], y[BASELINE_BATCH];
	unsigned n;
};

/* What becomes of a line of the hum. */
enum line_use {
	LINE_ESTIMATED, /* told apart from the strokes: estimated and removed */
	LINE_HELD,      /* not told apart, but known from before: removed as predicted */
	LINE_LEFT,      /* left in */
};

struct baseline {
	double fs_hz;
	unsigned segment; /* samples averaged into one observation, at most */
	unsigned lines;
	double nominal_hz[BASELINE_LINES];
	unsigned multiple[BASELINE_LINES]; /* of the mains fundamental; 0: not of its family, frequency not tracked */
	enum line_use use[BASELINE_LINES];
	double detune_hz;             /* of the fundamental */
	double phase[BASELINE_LINES]; /* at the start of the block */
	double hum[BASELINE_HUM], hum_cov[BASELINE_HUM][BASELINE_HUM];
	double poly[3]; /* in u = (k - len/2)/(len/2) */
	double level;   /* at the end of the last solved block; NaN before any */
	double level_u; /* standard uncertainty of poly[0] */
	bool solved;    /* the block at hand had observations of its own */
	double sigma2;  /* variance of one sample */
	unsigned len;   /* of the block at hand */
	/* normal equations of the block at hand */
	double a[BASELINE_STATES][BASELINE_STATES], b[BASELINE_STATES], yy;
	uint64_t samples, observations;
	struct baseline_batch batch;
	struct baseline_turns turns; /* as of baseline_begin() */
};

/* mains_hz: 50 or 60. */
void baseline_init(struct baseline *bl, double fs_hz, double mains_hz);

/* Which lines can be told from strokes of this rate: one at a multiple of it is held, or left in, where the gaps
 * between the strokes (share of the period) are too short. */
void baseline_set_strokes(struct baseline *bl, double rate_hz, double gap_share);

/* A block of len samples; sigma2: variance of one sample, as far as known. */
void baseline_begin(struct baseline *bl, unsigned len, double sigma2);

/* n samples x without contact, the first k0 samples after the start of the block; they may lie before it or beyond its
 * end by a little. */
void baseline_add(struct baseline *bl, const float *x, long k0, unsigned n);

/* Solves the block for its polynomial and the hum; call again from baseline_begin() to iterate on the frequency. */
void baseline_solve(struct baseline *bl);

/* Instead of all that, without samples: level held, hum as predicted. */
void baseline_predict(struct baseline *bl, unsigned len, double level);

/* out[k] = in[k] - baseline from the start of the block on; n may pass its end by a little. */
void baseline_flatten(const struct baseline *bl, const float *in, float *out, unsigned n);

/* The polynomial alone, k samples after the start of the block. N. */
double baseline_level(const struct baseline *bl, long k);

/* The next block begins where this one ended. */
void baseline_advance(struct baseline *bl);

/* What weights on the samples about one make of the baseline's parts: tau counts from it, in samples. */
struct baseline_sum {
	double level, slope, bend;                   /* sum of the weights, times tau, times tau^2 */
	double c[BASELINE_LINES], s[BASELINE_LINES]; /* times the cosine, the sine of each line's turn over tau */
};

/* Weights w[0 ..] of n samples, the first of them `first` samples after the one that tau counts from. */
struct baseline_sum baseline_sum_of(const struct baseline *bl, const double *w, unsigned n, long first);
/* Adds the row of such a sum about k. */
void baseline_sum_row(const struct baseline *bl, double k, const struct baseline_sum *sum, double *row);

/* Error of a sum over samples of baseline and hum: add the row of each sample (its line terms times gain[line], its
 * polynomial terms times offset_gain), then ask for the variance of the sum. Both between solve and advance. */
void baseline_row(const struct baseline *bl, double k, double offset_gain, const double *gain, double *row);
double baseline_row_variance(const struct baseline *bl, const double *row);

/* A line's frequency, with its detuning, and its amplitude in N. */
double baseline_line_hz(const struct baseline *bl, unsigned line);
double baseline_amplitude(const struct baseline *bl, unsigned line);
/* Standard uncertainty of both its parts together, N. */
double baseline_amplitude_u(const struct baseline *bl, unsigned line);

#endif
