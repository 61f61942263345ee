/* Lines in the force between strokes, whatever holds them: what the baseline leaves of the gaps, in bins of even length, looked
 * at by its spectrum. Coherent over the whole record, so it sees a line far below the noise of one sample. Constant memory. */
#ifndef PENRIG_MEASURE_CHECKS_GAP_LINES_H
#define PENRIG_MEASURE_CHECKS_GAP_LINES_H

#define LINE_BINS       16384 /* kept, the last ones; a power of two */
#define LINE_PER_STROKE 24    /* bins in a period, where it has so many samples */

struct gap_lines {          /* zeroed is empty */
	float x[LINE_BINS]; /* N: mean of a bin, at its place modulo LINE_BINS; 0 where no gap is */
	unsigned char filled[LINE_BINS];
	unsigned width;    /* samples of a bin; 0: none yet */
	long first, after; /* bins from the first that was added to behind the newest one */
};

/* x: samples of one gap less its baseline, n of them from place `at` on; period in samples. Gaps come in order. */
void gap_lines_add(struct gap_lines *lines, const float *x, long at, unsigned n, double period);

/* Power that a line of w rad per sample has in what is asked for, for an amplitude of 1 N. */
typedef double gap_lines_power(double w, const void *context);
/* Sum over the lines that no noise explains of their amplitude squared times their power. period: of the strokes, samples. */
double gap_lines_act(const struct gap_lines *lines, double period, gap_lines_power *power, const void *context);

#endif
