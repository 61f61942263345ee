/* Histogram of the tops, and noise by third differences. */
#include "rig/measure/checks/clip.h"

#include <math.h>
#include <string.h>

#include "rig/measure/clones.h"

#define ALL_STROKES   512 /* every one of the first, then two of EVERY */
#define EVERY         64
#define TOP           0.06 /* of the pulse's width, about its peak */
#define FLANK_FROM    0.12
#define FLANK_TO      0.22
#define ODD           9   /* samples above the wall that a few strokes deeper than all others may leave */
#define FAINT         0.5 /* of the bin below: less stands above a wall */
#define WALL_SAMPLES  12  /* at least, in WALL_STROKES strokes */
#define WALL_STROKES  8
#define FINE          0.5 /* noise in counts: above it the converter does not stand in the way of noise */
#define WALL_FINE     8.0
#define WALL_COARSE   3.5
#define NOISE_TARE    0.7
#define NOISE_FLANK   0.8
#define THIRD_SPREAD  4.62 /* n var / mean^2 of squares of third differences of white noise: their overlap counted */
#define SAMPLES_LEAST 64
#define STEPS_LEAST   32
#define STEPS_LIKE    16 /* of like size */
#define FOLLOWS       0.7
#define NOT_BELOW     3.0 /* standard uncertainties: tops that move against the baseline are no clip */
#define FLOOR_FINE    1.0 /* noise in counts: below it the lowest count may have a share */
#define FLOOR_SAMPLES 30
#define LANES         8
#define DENT_FROM     0.3
#define DENT_TO       0.9
#define DENT_LEAST    8

static double third(const float *x)
{
	return ((double)x[3] - (double)x[0]) - 3.0 * ((double)x[2] - (double)x[1]);
}

static void add_noise(struct clip_noise *noise, const float *x)
{
	double d = third(x);

	noise->squares += d * d;
	noise->n++;
}

void clip_tare(struct clip *clip, const float *x, unsigned n)
{
	for (unsigned i = 0; i + 4 <= n; i++)
		add_noise(&clip->tare, x + i);
}

VECTOR_CLONES static float lowest_of(const float *x, unsigned n)
{
	float lane[LANES];
	unsigned i = 0;

	for (unsigned k = 0; k < LANES; k++)
		lane[k] = x[0];
	for (; i + LANES <= n; i += LANES) {
		for (unsigned k = 0; k < LANES; k++)
			lane[k] = x[i + k] < lane[k] ? x[i + k] : lane[k];
	}
	for (; i < n; i++)
		lane[0] = x[i] < lane[0] ? x[i] : lane[0];
	for (unsigned k = 1; k < LANES; k++)
		lane[0] = lane[k] < lane[0] ? lane[k] : lane[0];
	return lane[0];
}

VECTOR_CLONES static unsigned count_up_to(const float *x, unsigned n, float value)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += x[i] <= value;
	return count;
}

VECTOR_CLONES static unsigned count_of(const float *x, unsigned n, float value)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += x[i] == value;
	return count;
}

void clip_rest(struct clip *clip, const float *x, unsigned n)
{
	struct clip_floor *f = &clip->floor;
	bool reached = n > 0 && (f->samples == 0 || count_up_to(x, n, f->lowest_n) > 0);
	float lowest = reached ? lowest_of(x, n) : 0.0F;

	if (reached && (f->samples == 0 || lowest < f->lowest_n)) {
		f->lowest_n = lowest;
		f->lowest = 0;
	}
	f->samples += n;
	if (reached)
		f->lowest += count_of(x, n, f->lowest_n);
}

/* The histogram moves up so that its highest bin is this one. */
static void raise_wall(struct clip_wall *wall, long highest)
{
	long by = highest - wall->highest;
	size_t keep = wall->known && by < CLIP_BINS ? (size_t)(CLIP_BINS - by) : 0, gone = CLIP_BINS - keep;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t *bins = i == 0 ? wall->samples : i == 1 ? wall->strokes : wall->last;

		memmove(bins + gone, bins, keep * sizeof(bins[0]));
		memset(bins, 0, gone * sizeof(bins[0]));
	}
	wall->highest = highest;
	wall->known = true;
}

static void add_top(struct clip *clip, double x)
{
	struct clip_wall *wall = &clip->wall;
	long bin = (long)floor(x / clip->bin_n + 0.5);

	if (!wall->known || bin > wall->highest)
		raise_wall(wall, bin);

	long i = wall->highest - bin;

	if (i >= CLIP_BINS)
		return;
	wall->samples[i]++;
	if (wall->last[i] != clip->strokes) {
		wall->strokes[i]++;
		wall->last[i] = clip->strokes;
	}
}

static void add_follow(struct clip_follow *f, const float *x, long x0, const struct clip_pulse *pulse)
{
	long lo = (long)floor(pulse->peak - TOP * pulse->width), hi = (long)ceil(pulse->peak + TOP * pulse->width);
	double sum = 0.0;

	for (long i = lo; i <= hi; i++)
		sum += (double)x[i - x0];

	double top_n = sum / (double)(hi - lo + 1), top = top_n - f->top_n, level = pulse->level_n - f->level_n;

	if (f->known) {
		f->n++;
		f->level2 += level * level;
		f->level4 += level * level * level * level;
		f->both += level * top;
		f->top2 += top * top;
	}
	f->known = true;
	f->top_n = top_n;
	f->level_n = pulse->level_n;
}

void clip_stroke(struct clip *clip, const float *x, long x0, const struct clip_pulse *pulse, double noise_n,
		 double count_n)
{
	long lo = (long)ceil(pulse->peak - FLANK_TO * pulse->width);
	long hi = (long)floor(pulse->peak + FLANK_TO * pulse->width);

	if (clip->strokes == 0)
		clip->bin_n = count_n * fmax(1.0, floor(0.5 * noise_n / count_n));
	if (clip->strokes++ >= ALL_STROKES && clip->strokes % EVERY > 1) {
		clip->follow.known = false;
		return;
	}
	add_follow(&clip->follow, x, x0, pulse);
	for (long i = lo; i <= hi; i++) {
		double off = fabs((double)i + 0.5 - pulse->peak) / pulse->width;

		add_top(clip, x[i - x0]);
		if (off <= TOP)
			add_noise(&clip->top, x + (i - x0) - 1);
		else if (off >= FLANK_FROM)
			add_noise(&clip->flank, x + (i - x0) - 1);
	}
}

/* The wall's bin: below it are more than ODD samples less than that above. On a coarse converter noise may lift a few
 * samples of a wall by a count. */
static void judge_wall(const struct clip *clip, bool fine, struct clip_verdict *ret)
{
	const struct clip_wall *wall = &clip->wall;
	uint64_t samples = 0, below = 0, strokes = 0;
	unsigned i = 0;

	for (; i < CLIP_BINS - 2 && (samples < ODD || (!fine && (double)samples < FAINT * (double)below)); i++) {
		samples += wall->samples[i];
		strokes = strokes > wall->strokes[i] ? strokes : wall->strokes[i];
		below = wall->samples[i + 1] > wall->samples[i + 2] ? wall->samples[i + 1] : wall->samples[i + 2];
	}
	if (i >= CLIP_BINS - 2)
		return;
	ret->wall = (double)samples / (double)(below > 1 ? below : 1);
	ret->wall_most = fine ? WALL_FINE : WALL_COARSE;
	ret->walled = ret->wall > ret->wall_most && samples >= WALL_SAMPLES && strokes >= WALL_STROKES;
	ret->end_n = ((double)(wall->highest - (long)i + 1) - 0.5) * clip->bin_n;
}

/* Mean square of a against that of b, less what is allowed. */
static double excess(const struct clip_noise *a, const struct clip_noise *b, double most, double *ret_ratio,
		     double *ret_least)
{
	double na = (double)a->n, nb = (double)b->n;

	*ret_ratio = a->squares / na / (b->squares / nb);
	*ret_least = fmin(most, 1.0 - CLIP_CHANCE * sqrt(THIRD_SPREAD * (1.0 / na + 1.0 / nb)));
	return *ret_ratio - *ret_least;
}

static void judge_noise(const struct clip *clip, struct clip_verdict *ret)
{
	double tare, tare_least, flank, flank_least;

	if (clip->top.n < SAMPLES_LEAST || clip->flank.n < SAMPLES_LEAST || clip->tare.n < SAMPLES_LEAST)
		return;

	double over_tare = excess(&clip->top, &clip->tare, NOISE_TARE, &tare, &tare_least);
	double over_flank = excess(&clip->top, &clip->flank, NOISE_FLANK, &flank, &flank_least);

	ret->noise = over_tare > over_flank ? tare : flank;
	ret->noise_least = over_tare > over_flank ? tare_least : flank_least;
	ret->quiet = over_tare < 0.0 && over_flank < 0.0;
}

static void judge_floor(const struct clip_floor *f, struct clip_verdict *ret)
{
	if (f->samples == 0)
		return;
	ret->floor = (double)f->lowest / (double)f->samples;
	ret->floored = f->lowest >= FLOOR_SAMPLES && ret->floor > CLIP_FLOOR_SHARE;
}

/* The error of a step is shared with the next one, with the other sign: twice the variance at most. */
static void judge_follow(const struct clip_follow *f, struct clip_verdict *ret)
{
	if (f->n < STEPS_LEAST || !(f->level2 * f->level2 > STEPS_LIKE * f->level4)) /* a few steps are no hum */
		return;
	ret->follows = f->both / f->level2;
	ret->follows_u = sqrt(2.0 * fmax(0.0, f->top2 - ret->follows * f->both) / (double)(f->n - 1) / f->level2);
	ret->follows_least = FOLLOWS;
	ret->stays = ret->follows < FOLLOWS && ret->follows > -NOT_BELOW * ret->follows_u &&
		     ret->follows_u < CLIP_TOLD && 1.0 - ret->follows > CLIP_CHANCE * ret->follows_u;
}

void clip_judge(const struct clip *clip, double noise_n, double count_n, struct clip_verdict *ret)
{
	bool fine = noise_n > FINE * count_n;

	*ret = (struct clip_verdict){.wall = NAN,
				     .wall_most = NAN,
				     .noise = NAN,
				     .noise_least = NAN,
				     .follows = NAN,
				     .follows_u = NAN,
				     .floor = NAN,
				     .end_n = NAN};
	if (clip->strokes == 0)
		return;
	judge_wall(clip, fine, ret);
	if (!fine) /* a count is then a step of its own, which no baseline moves */
		return;
	if (noise_n > FLOOR_FINE * count_n)
		judge_floor(&clip->floor, ret);
	judge_follow(&clip->follow, ret);
	judge_noise(clip, ret);
}

void clip_dent_add(struct clip_dent *dent, double v, double height)
{
	double even = v * v, h[CLIP_TERMS] = {1.0, even, even * even, even * even * even, v, v * even};

	if (height < DENT_FROM || height > DENT_TO)
		return;
	dent->n++;
	for (unsigned r = 0; r < CLIP_TERMS; r++) {
		for (unsigned c = 0; c < CLIP_TERMS; c++)
			dent->a[r][c] += h[r] * h[c];
		dent->b[r] += h[r] * height;
	}
}

/* First row of the inverse of a symmetric positive matrix, by elimination. */
static void first_row(double a[CLIP_TERMS][CLIP_TERMS], double *ret)
{
	for (unsigned c = 0; c < CLIP_TERMS; c++)
		ret[c] = c == 0;
	for (unsigned c = 0; c < CLIP_TERMS; c++) {
		for (unsigned r = c + 1; r < CLIP_TERMS; r++) {
			double f = a[r][c] / a[c][c];

			for (unsigned k = c; k < CLIP_TERMS; k++)
				a[r][k] -= f * a[c][k];
			ret[r] -= f * ret[c];
		}
	}
	for (unsigned c = CLIP_TERMS; c-- > 0;) {
		for (unsigned k = c + 1; k < CLIP_TERMS; k++)
			ret[c] -= a[c][k] * ret[k];
		ret[c] /= a[c][c];
	}
}

double clip_dent_solve(const struct clip_dent *dent, double noise, double *ret_u)
{
	double a[CLIP_TERMS][CLIP_TERMS], row[CLIP_TERMS], top = 0.0;

	*ret_u = NAN;
	if (dent->n < DENT_LEAST)
		return NAN;
	memcpy(a, dent->a, sizeof(a));
	first_row(a, row);
	for (unsigned c = 0; c < CLIP_TERMS; c++)
		top += row[c] * dent->b[c];
	*ret_u = noise * sqrt(row[0]);
	return top - 1.0;
}
