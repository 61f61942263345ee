/* How far gaps are off the baseline. */
#include "rig/measure/checks/level_jump.h"

#include <math.h>

#include "rig/measure/statistics.h"

#define MOVED_GAPS   16
#define MOVED_CHANCE 2.0 /* times its variance, that noise makes of a median of so many */
#define MOVED_SQUARE 1.5 /* the same of the samples' squares: what is not quite white */
#define LOCKED       2.0 /* times its mean square: a line that all strokes meet where it is largest */

/* Every second of those kept stays. */
static void thin_out(struct level_jump *j)
{
	for (unsigned i = 0; i < JUMP_KEPT / 2; i++) {
		j->kept[i] = j->kept[2 * i];
		j->halves[i] = j->halves[2 * i];
		j->squares[i] = j->squares[2 * i];
	}
	j->keeps = JUMP_KEPT / 2;
	j->each *= 2;
}

void level_jump_add(struct level_jump *j, const struct level_gap *gap, bool next)
{
	double off = fabs(0.5 * (gap->first_n + gap->second_n));

	if (j->gaps == 0)
		j->each = 1;
	if (j->gaps > 0 && next)
		j->largest = fmax(j->largest, fmin(off, j->before));
	j->before = off;
	j->samples += gap->n;
	if (j->gaps++ % j->each != 0)
		return;
	if (j->keeps == JUMP_KEPT)
		thin_out(j);
	j->halves[j->keeps] = (float)(hypot(gap->first_n, gap->second_n) * M_SQRT1_2);
	j->squares[j->keeps] = (float)gap->square_n2;
	j->kept[j->keeps++] = (float)off;
}

static double median(const float *of, unsigned n)
{
	double sorted[JUMP_KEPT];

	for (unsigned i = 0; i < n; i++)
		sorted[i] = (double)of[i];
	return n > 0 ? select_kth(sorted, n, n / 2) : 0.0;
}

struct level_jump_look level_jump_look(const struct level_jump *j)
{
	return (struct level_jump_look){.largest_n = j->largest, .usual_n = median(j->kept, j->keeps) / 0.67449};
}

double level_jump_moved(const struct level_jump *j, double noise_n2, double white_n2)
{
	/* of the mean of two squares of normal values of variance 1 the median is ln 2 */
	double usual_n2 = pow(median(j->halves, j->keeps), 2.0) / M_LN2,
	       noise = noise_n2 * (double)j->gaps / j->samples;

	/* what swings faster than a half has no mean */
	double square_n2 = median(j->squares, j->keeps), ret = 0.0;

	if (j->gaps < MOVED_GAPS)
		return 0.0;
	if (usual_n2 > MOVED_CHANCE * noise)
		ret = usual_n2 - noise;
	return square_n2 > MOVED_SQUARE * white_n2 ? fmax(ret, LOCKED * (square_n2 - white_n2)) : ret;
}
