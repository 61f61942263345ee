/* Is the tare at rest? Its samples are kept, averaged in groups that grow as it goes on, so that in the end all of it is
 * there at a rate that memory allows. Constant memory. */
#ifndef PENRIG_MEASURE_CHECKS_TARE_H
#define PENRIG_MEASURE_CHECKS_TARE_H

#include <stdbool.h>

#define TARE_HELD      8192 /* a power of two */
#define TARE_LINES_MAX 8
#define TARE_ORDERS    6

struct tare_record { /* zero-initialise */
	float x[TARE_HELD];
	unsigned n;
	unsigned group; /* samples in one; 0 stands for 1 */
	double sum;
	unsigned summed;
};

void tare_add(struct tare_record *tare, const float *x, unsigned n);

struct tare_question {
	double fs_hz;                   /* of the samples as added */
	double rate_hz;                 /* of the strokes; NaN: unknown */
	double count_n;                 /* N per count: what a level may be off by where the converter is coarse */
	double line_hz[TARE_LINES_MAX]; /* that the baseline knows and takes off */
	unsigned lines;
};

struct tare_answer {
	double motion;    /* largest mean of an eighth, over what noise makes of it; NaN: too few samples */
	double spread_n;  /* of these means */
	double largest_n; /* farthest mean of a 64th from the level */
	/* the strongest line that is not known, from 8 to 1500 Hz: over the median of its neighbours; NaN: not asked */
	double line, line_hz, line_n;
	double in_step_n; /* amplitude at multiples of the rate, those that are no noise, root sum square */
};
void tare_judge(const struct tare_record *tare, const struct tare_question *question, struct tare_answer *ret);

#endif
