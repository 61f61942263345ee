/* Running medians over the last strokes, looked at once in a while. */
#include "rig/measure/checks/strange.h"

#include <math.h>

#include "rig/measure/statistics.h"

#define LOOK_EVERY  16
#define SIGMAS      10.0
#define SD_OF_MAD   1.4826
#define MAD_SHARE   0.02  /* of the median, at least */
#define SHARE_MIN   0.015 /* rms of the height: less moves no height by what matters */
#define FAR         16.0  /* squared distances of the further half's: the slope is not followed beyond */
#define AMPLE       1.25  /* of the slope, which medians tell to a tenth */
#define OWN_SHARE   0.1   /* residual of a deeper stroke, of what it is higher by: no other shape */
#define EARLY_NOISE 5.0   /* before there are medians: rms, of the noise's */
#define EARLY_SHARE 0.12  /* the same, of the height */

static double median(double *x, unsigned n)
{
	return select_kth(x, n, n / 2);
}

/* Slope of the squares over the squared distance from the median height, by the medians of the nearer and the further half:
 * a few strange ones among either move neither. */
static double slope_of(struct strange *s)
{
	double distance[STRANGE_KEPT], part[2][STRANGE_KEPT], far[2][STRANGE_KEPT];
	unsigned n[2] = {0, 0};

	for (unsigned i = 0; i < s->held; i++)
		distance[i] = pow(s->height[i] - s->height_median, 2.0);

	double copy[STRANGE_KEPT];

	for (unsigned i = 0; i < s->held; i++)
		copy[i] = distance[i];

	double border = median(copy, s->held);

	for (unsigned i = 0; i < s->held; i++) {
		unsigned half = distance[i] > border;

		part[half][n[half]] = s->square[i];
		far[half][n[half]++] = distance[i];
	}
	if (n[0] == 0 || n[1] == 0)
		return 0.0;

	double outer = median(far[1], n[1]), run = outer - median(far[0], n[0]);

	s->far2 = FAR * outer;
	return run > 0.0 ? fmax(0.0, (median(part[1], n[1]) - median(part[0], n[0])) / run) : 0.0;
}

/* What of the squares a stroke of this height has of itself. */
static double own_square(const struct strange *s, double height_n)
{
	double off2 = pow(height_n - s->height_median, 2.0);

	return fmax(AMPLE * s->per_height2 * fmin(off2, s->far2), OWN_SHARE * OWN_SHARE * off2);
}

static void look(struct strange *s)
{
	double x[STRANGE_KEPT], middle;

	for (unsigned i = 0; i < s->held; i++)
		x[i] = s->height[i];
	s->height_median = median(x, s->held);
	s->per_height2 = slope_of(s);
	for (unsigned i = 0; i < s->held; i++)
		x[i] = s->square[i] - own_square(s, s->height[i]);
	middle = median(x, s->held);
	for (unsigned i = 0; i < s->held; i++)
		x[i] = fabs(s->square[i] - own_square(s, s->height[i]) - middle);
	s->limit = middle + SIGMAS * SD_OF_MAD * fmax(median(x, s->held), MAD_SHARE * fabs(middle));
	s->known = true;
	s->fresh = 0;
}

bool strange_stroke(struct strange *s, double height_n, double rms_n, double noise_n)
{
	double square = rms_n * rms_n;
	bool ret = s->known ? square - own_square(s, height_n) > s->limit && rms_n > SHARE_MIN * height_n
			    : rms_n > fmax(EARLY_NOISE * noise_n, EARLY_SHARE * height_n);

	s->square[s->next] = square;
	s->height[s->next] = height_n;
	s->next = (s->next + 1) % STRANGE_KEPT;
	s->held += s->held < STRANGE_KEPT;
	if (++s->fresh >= LOOK_EVERY)
		look(s);
	return ret;
}
