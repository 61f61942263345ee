/* What is counted and summed of a point while its strokes are analysed: all that results are made of, in constant
 * memory. Knows no sample and no template: it is told of each stroke what it needs. */
#ifndef PENRIG_MEASURE_POINT_TALLY_H
#define PENRIG_MEASURE_POINT_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/point/ticks.h"
#include "rig/measure/statistics.h"

#define SPIN_UP_KEPT 8192

/* Sums over strokes of powers of the height, relative to the first one, and of each instant's variance from its
 * residuals times them. */
struct timing {
	double first, power[5], variance[3];
};

/* What the sensor did not show of the window. */
struct blind {
	uint64_t glitches, frozen; /* holes of each kind */
	uint64_t samples;          /* in them */
	double longest;            /* frozen one, periods */
	uint64_t touched;          /* strokes */
	double largest_n;          /* of them: rise as detection has it */
	uint64_t excused;          /* strokes that it may hide, since the last one that was seen */
	uint64_t excused_first;    /* the same before the first one */
	uint64_t hidden;           /* of those between the first and the last one seen, as time tells */
	uint64_t doubled;          /* strokes that came too soon behind a hole: they may be its own */
	bool here;                 /* a hole since the last one that was seen */
};

/* A stroke, as the end of those before it. */
struct rhythm_end {
	double at, s2;      /* its place; variance of that where it was not fitted, 0: it was */
	uint64_t intervals; /* since the first one, hidden ones included */
};

/* An interval that the next one shows to be the pen's own: what a pen does behind a stroke moves that stroke's instant. */
struct last_interval {
	double at, length; /* where it ends; NaN: strokes were missed in it */
	unsigned steps;    /* 0: there is none */
};

/* Strokes of the measure window in time. Places on the local axis. */
struct rhythm {
	uint64_t strokes;
	bool started_before; /* the pen made strokes before the window */
	double first_at, last_at, local_period;
	struct rhythm_end before; /* the stroke before the last one; no intervals: there is none, or it is the first */
	double after[2];          /* of the next strokes behind the window; NaN: none was seen */
	double first_s2, last_s2; /* variance of those instants where they were not fitted; 0: they were */
	double unfitted_s2;       /* sum of the same over all that were not fitted, unfitted of them */
	uint64_t unfitted;
	struct last_interval last;
	struct moments
		interval; /* of strokes that follow each other: neither missed nor doubled between; the last one not */
	struct ticks ticks; /* without the last stroke */
	uint64_t missed, doubled;
	uint64_t cut;   /* intervals in a row that are so short that they may be pieces of one */
	double longest; /* interval, in periods as they were before it */
	struct timing timing;
	struct blind blind;
};

/* Force-equivalent depths of the window, less those of strokes of another shape, and the sums that turn what all strokes share into depth. */
struct depths {
	struct moments seen;
	double trend_k, trend_kk, trend_d, trend_kd; /* sums for a straight line over the stroke's number k */
	double gain_mm, slope;                       /* sums: F / (dF/dd), dF/dd */
	double noise_mm2;                            /* sum of per-stroke variances from noise */
	double template_n2, template_heights; /* variance of the sum of heights from the template's own; that sum */
	double zero_n2;        /* sum over blocks of the variance that the baseline puts into the sum of heights */
	uint64_t out_of_curve; /* strokes of the window whose force the curve does not cover */
	double max_mm;         /* of all strokes: none leaves the maximum */
	double misfit_mm;      /* sum over strokes of another shape, which are in no other sum */
	uint64_t misfits;
};

/* Depths of the window by the displacement method. */
struct protrusions {
	struct moments seen;
	double noise_mm2; /* sum of per-stroke variances from noise */
	double travel_mm; /* sum of the amplitudes of the fitted sines */
	double crown_mm;  /* sum of what a fit half as wide finds shallower */
	uint64_t crowns;
	/* Where another device has the displacement, over `shifted` strokes: the depth as it would be were the
	 * displacement a share of BAR_SHIFT of a period earlier and later. Sums of half the difference of the two, and of
	 * what both have more than the depth itself. */
	uint64_t shifted;
	double first_mm, second_mm;
};

#define BAR_SHIFT (1.0 / 36.0)

/* Forces of the window's strokes. */
struct heights {
	struct moments seen;
	double largest_n;
	struct moments push; /* integral over each stroke, N samples; none before a template is learned */
	double square;       /* sum of the integrals of the force's square, N^2 samples */
	double cell_n;       /* sum of what undoing the load cell changed, over cell_count strokes */
	uint64_t cell_count;
	uint64_t misfits, unfitted; /* fitted badly; not at all */
};

/* What the force channel reads with no needle in contact. */
struct levels {
	struct moments tare, rest;
	double window_n, window_weight; /* sums over window_count blocks of the window, by 1 / u^2 */
	uint64_t window_count;
	double hum_left_n; /* largest amplitude of a line that the strokes hide */
};

struct tally { /* tally_init() */
	struct rhythm rhythm;
	struct heights height;
	struct depths depth;
	struct protrusions protrusion;
	struct levels level;
	bool candidates_lost; /* more pulses than any stroke rate explains */
	double spin_up[SPIN_UP_KEPT];
	unsigned spin_ups; /* absolute instants of the first strokes, up to the window's end */
	double coast_last; /* absolute instant of the last stroke after the stop; NaN: none */
	double coast_full; /* the same of one that is at least half as high as those of the window */
};

/* One stroke of the measure window. */
struct tallied {
	double at;       /* local axis */
	double period;   /* samples: where it is the first one, what the next interval is held against */
	bool first_ever; /* the pen made none before it in this point */

	double height_n;
	double width; /* relative to the template's, as fitted; 0: not fitted */
	double push,
		square; /* integrals of the force and of its square, N samples, N^2 samples; 0: no template is known */
	double noise_n; /* sd that noise puts into it */
	bool fitted;    /* against the template; else the members up to cell_n but instant_s2 mean nothing */
	bool misfits;   /* the residuals say that it is of another shape */
	double instant_s2; /* variance of its instant from its residuals, samples^2 */
	bool has_cell;
	double cell_n; /* what undoing the load cell changed at its peak */

	double depth_mm;    /* NaN: it has none */
	bool out_of_curve;  /* there is a curve, and it does not reach so far */
	double slope;       /* of the curve there, N / mm */
	double template_n2; /* variance, for a height of 1 N, that it shares through the template with all others */

	double protrusion_mm, protrusion_mm2; /* NaN: it has none; and its variance from noise */
	double travel_mm;                     /* with it: amplitude of the fitted sine */
	double crown_mm;                      /* what a fit half as wide finds shallower; NaN: not asked for */
	double earlier_mm, later_mm;          /* the protrusion with a shifted displacement; NaN: not asked for */
};

void tally_init(struct tally *tally);
void tally_stroke(struct tally *tally, const struct tallied *stroke);
/* A hole of the window, in order of what is seen: its samples; how many hide a stroke; those of a period. */
void tally_hole(struct tally *tally, double samples, double hides, double period, bool frozen);
/* A stroke of the window that a hole touches: it counts as one, and for no statistic. */
void tally_touched(struct tally *tally, double swing_n);
/* Any stroke's absolute instant, in order: up to the window's end, and after it. */
void tally_spin_up(struct tally *tally, double instant);
void tally_coast(struct tally *tally, double instant, double height_n);
/* A stroke behind the window, in order; local axis. Less than half a stroke is none. */
void tally_after(struct tally *tally, double at, double height_n);
/* Strokes from here on share another template, made of none of those before. */
void tally_new_template(struct tally *tally);
/* A level of the window, of one block, with its standard uncertainty. */
void tally_level(struct tally *tally, double level_n, double u_n);

double tally_period(const struct tally *tally);           /* mean, samples; NaN: fewer than two strokes */
double tally_window_level(const struct tally *tally);     /* N; NaN where no block of the window had one */
double tally_instant_variance(const struct tally *tally); /* from noise, samples^2; 0: no stroke was fitted */
/* The same where not all were fitted: the mean over the strokes, and the sum of those of the first one and of `end`. */
double tally_timing_variance(const struct tally *tally);
double tally_ends_variance(const struct tally *tally, const struct rhythm_end *end);
/* The window's last stroke. Of two or more. */
struct rhythm_end tally_last(const struct tally *tally);

#endif
