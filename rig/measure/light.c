/* Alternating extremes of bin sums that differ by a hysteresis, then the vertex of a parabola. Samples and sums stay
 * whole numbers until the parabola is solved. Leaves out everything that needs a model of pulse or baseline. */
#include "rig/measure/light.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"

#define PERIOD_MIN      10.0
#define PERIOD_MAX      65536.0
#define BINS_PER_CYCLE  24.0
#define BIN_MAX         64u
#define CAP_SHARE       0.08 /* half-width of the parabola, in periods */
#define CAP_HALF_MAX    512u /* i^2 x summed over 2^10 samples: 18 + 23 + 10 bits, exact in a double too */
#define CAP_LANES       8
#define COUNT_BITS      24u
#define WARM_UP_PERIODS 4.0 /* whose swing is the first idea of a stroke's size */
#define REACH_PERIODS   3.0 /* how far back a stroke is looked at when it is confirmed */
#define HYSTERESIS      0.4
#define NOISE_FACTOR    12.0 /* a hundred million bins of noise span 11.5 */
#define SWING_WEIGHT    0.1

/* How samples are cut and scaled, from the configuration. */
struct cut {
	unsigned bin, half, shift;
	double scale;                /* N per held count, positive */
	long period, reach, warm_up; /* samples, bins, bins */
};

/* A parabola by least squares over -half..half. */
struct parabola {
	double a2;                /* sum of i^2 */
	double mean, slope, bend; /* of it, per sum of x, of i x, and of both of even order */
};

/* The newest samples and bins. */
struct held {
	size_t room; /* samples; a multiple of bin */
	int32_t *samples;
	int32_t *sums;          /* of each bin that is held: 24 bits and 64 samples make 30 */
	long base, fed, binned; /* local: first bin held, samples, bins */
};

struct detection {
	bool warm, rising;
	int32_t extreme, low, hysteresis, floor;
	long extreme_bin;
	double swing;
	double previous_at; /* local; NaN before the first */
};

/* Heights by Welford. */
struct heights {
	uint64_t n;
	double mean, m2;
};

/* Fitted strokes of the stretch at hand, from one gap to the next. */
struct stretch {
	uint64_t fitted, first_number, last_number;
	double first_at, last_at;
};

struct light {
	struct light_config config;
	void (*on_stroke)(void *ctx, const struct light_stroke *stroke);
	void *ctx;

	struct cut cut;
	struct parabola cap;
	bool started;
	uint64_t origin, next_index; /* absolute index of local sample 0; one past the last fed */
	struct held held;
	struct detection detection;

	struct light_summary summary;
	struct heights heights;
	struct stretch stretch;
	double span;        /* of all stretches that ended, in samples */
	uint64_t intervals; /* in them */
	double peak_sum;
};

static void add_bins(const int32_t *x, size_t bins, unsigned bin, int32_t *restrict out)
{
	for (size_t i = 0; i < bins; i++) {
		int32_t sum = 0;

		for (unsigned k = 0; k < bin; k++)
			sum += x[i * bin + k];
		out[i] = sum;
	}
}

typedef int32_t four __attribute__((vector_size(16)));

#if defined(__clang__) || __GNUC__ >= 12
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (four){__VA_ARGS__})
#endif

/* The 16 samples of a bin as four lanes. */
static inline four lanes_of(const int32_t *x)
{
	four a, b, c, d;

	memcpy(&a, x, sizeof(a));
	memcpy(&b, x + 4, sizeof(b));
	memcpy(&c, x + 8, sizeof(c));
	memcpy(&d, x + 12, sizeof(d));
	return (a + b) + (c + d);
}

/* The usual case, 384 to 767 samples per stroke: four bins at a time, their lanes added crosswise. */
static void add_bins_16(const int32_t *x, size_t bins, int32_t *restrict out)
{
	size_t i = 0;

	for (; i + 4 <= bins; i += 4, x += 64) {
		four a = lanes_of(x), b = lanes_of(x + 16), c = lanes_of(x + 32), d = lanes_of(x + 48);
		four ab = PICK(a, b, 0, 4, 1, 5) + PICK(a, b, 2, 6, 3, 7);
		four cd = PICK(c, d, 0, 4, 1, 5) + PICK(c, d, 2, 6, 3, 7);
		four sum = PICK(ab, cd, 0, 1, 4, 5) + PICK(ab, cd, 2, 3, 6, 7);

		memcpy(out + i, &sum, sizeof(sum));
	}
	add_bins(x, bins - i, 16, out + i);
}

/* Sums of x, i x and i^2 x for i = -half..half. Whole numbers below 2^51 all along, so exact whatever the order. */
VECTOR_CLONES static void add_cap(const int32_t *centre, int half, double ret[3])
{
	double s0[CAP_LANES] = {0}, s1[CAP_LANES] = {0}, s2[CAP_LANES] = {0};
	int i = -half;

	for (; i + CAP_LANES - 1 <= half; i += CAP_LANES) {
		for (int lane = 0; lane < CAP_LANES; lane++) {
			double at = i + lane, x = centre[i + lane];

			s0[lane] += x;
			s1[lane] += at * x;
			s2[lane] += at * at * x;
		}
	}
	for (int lane = 0; i <= half; i++, lane++) {
		double at = i, x = centre[i];

		s0[lane] += x;
		s1[lane] += at * x;
		s2[lane] += at * at * x;
	}
	ret[0] = ret[1] = ret[2] = 0.0;
	for (int lane = 0; lane < CAP_LANES; lane++) {
		ret[0] += s0[lane];
		ret[1] += s1[lane];
		ret[2] += s2[lane];
	}
}

/* ---- life ---- */

static int allocate(struct light *l)
{
	long hold = (l->cut.reach > l->cut.warm_up ? l->cut.reach : l->cut.warm_up) * (long)l->cut.bin;

	l->held.room = (size_t)(2 * hold + SAMPLES_PER_BLOCK_MAX + 2 * (long)l->cut.half) / l->cut.bin * l->cut.bin +
		       l->cut.bin;
	l->held.samples = malloc(l->held.room * sizeof(*l->held.samples));
	l->held.sums = malloc(l->held.room / l->cut.bin * sizeof(*l->held.sums));
	return l->held.samples && l->held.sums ? 0 : -ENOMEM;
}

static void begin_stretch(struct light *l, uint64_t first_index)
{
	l->origin = l->next_index = first_index;
	l->held.base = l->held.fed = l->held.binned = 0;
	l->detection.warm = l->detection.rising = false;
	l->detection.previous_at = NAN;
	l->stretch.fitted = 0;
}

/* The normal equations of a parabola over i = -half..half, solved once. */
static void weigh_cap(struct light *l)
{
	double h = l->cut.half, n = 2.0 * h + 1.0, a2 = h * (h + 1.0) * n / 3.0;
	double a4 = a2 * (3.0 * h * h + 3.0 * h - 1.0) / 5.0;

	l->cap.a2 = a2;
	l->cap.mean = 1.0 / n;
	l->cap.slope = 1.0 / a2;
	l->cap.bend = 1.0 / (n * a4 - a2 * a2);
}

/* The smallest swing of bin sums that may be a stroke's. */
static int32_t floor_of(const struct light *l)
{
	const struct light_config *c = &l->config;
	double noise = NOISE_FACTOR * fmax(0.0, c->noise_n / l->cut.scale) * sqrt(l->cut.bin);
	double swing = fmax(0.0, c->swing_n / l->cut.scale) * l->cut.bin;

	return 1 + (int32_t)fmin(0x1p29, fmax(noise, swing));
}

int light_new(const struct light_config *config, struct light **ret)
{
	double period = config->fs_hz / config->rate_set_hz;

	if (!(config->fs_hz > 0.0) || !(period >= PERIOD_MIN && period <= PERIOD_MAX) || config->scale == 0.0 ||
	    !isfinite(config->scale) || !isfinite(config->offset) || config->position >= CHANNELS_MAX ||
	    config->bits < 1 || config->bits > 32)
		return -EINVAL;

	struct light *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->config = *config;
	for (l->cut.bin = 1; l->cut.bin < BIN_MAX && 2 * l->cut.bin <= period / BINS_PER_CYCLE;)
		l->cut.bin *= 2;
	l->cut.shift = config->bits > COUNT_BITS ? config->bits - COUNT_BITS : 0;
	l->cut.scale = ldexp(fabs(config->scale), (int)l->cut.shift);
	l->cut.period = lround(period);
	l->cut.half = (unsigned)fmin(CAP_HALF_MAX, fmax(2.0, round(CAP_SHARE * period)));
	l->cut.reach = (long)ceil(REACH_PERIODS * period / l->cut.bin);
	l->cut.warm_up = (long)ceil(WARM_UP_PERIODS * period / l->cut.bin);
	l->detection.floor = floor_of(l);
	weigh_cap(l);
	if (allocate(l) != 0) {
		light_free(l);
		return -ENOMEM;
	}
	*ret = l;
	return 0;
}

void light_free(struct light *light)
{
	if (!light)
		return;
	free(light->held.samples);
	free(light->held.sums);
	free(light);
}

void light_on_stroke(struct light *light, void (*fn)(void *ctx, const struct light_stroke *stroke), void *ctx)
{
	light->on_stroke = fn;
	light->ctx = ctx;
}

/* ---- one stroke ---- */

static int32_t sum_at(const struct light *l, long bin)
{
	return l->held.sums[bin - l->held.base];
}

static long oldest(const struct light *l, long now)
{
	return now + 1 > l->cut.reach ? now + 1 - l->cut.reach : 0;
}

/* Middle of the bins around the extreme that are above it less the hysteresis, weighted; local samples. */
static double cap_centre(const struct light *l, long now)
{
	int32_t level = l->detection.extreme - l->detection.hysteresis;
	long lo = l->detection.extreme_bin, hi = lo, first = oldest(l, now);
	double weight = 0.0, moment = 0.0;

	while (lo > first && sum_at(l, lo - 1) > level)
		lo--;
	while (hi < now && sum_at(l, hi + 1) > level)
		hi++;
	for (long i = lo; i <= hi; i++) {
		double w = (double)(sum_at(l, i) - level);

		weight += w;
		moment += w * (double)(i - l->detection.extreme_bin);
	}
	return ((double)l->detection.extreme_bin + moment / weight + 0.5) * l->cut.bin - 0.5;
}

/* Least-squares parabola about `centre`; offset of its vertex and the value there, in counts. */
static bool fit_cap(const struct light *l, long centre, double *ret_offset, double *ret_value)
{
	double h = l->cut.half, n = 2.0 * h + 1.0, a2 = l->cap.a2, s[3];

	add_cap(l->held.samples + (centre - l->held.base * (long)l->cut.bin), (int)l->cut.half, s);

	double c1 = s[1] * l->cap.slope, c2 = (n * s[2] - a2 * s[0]) * l->cap.bend;

	if (!(c2 < 0.0) || fabs(c1) > -2.0 * c2 * h)
		return false;
	*ret_offset = -0.5 * c1 / c2;
	*ret_value = (s[0] - c2 * a2) * l->cap.mean + 0.5 * c1 * *ret_offset;
	return true;
}

static bool find_vertex(const struct light *l, long now, double *ret_at, double *ret_value)
{
	long first = oldest(l, now) * (long)l->cut.bin + (long)l->cut.half,
	     last = (now + 1) * (long)l->cut.bin - 1 - (long)l->cut.half;
	long centre = lround(cap_centre(l, now));
	double offset;

	for (unsigned step = 0; step < 2; step++) {
		if (centre < first || centre > last || !fit_cap(l, centre, &offset, ret_value))
			return false;
		*ret_at = (double)centre + offset;
		if (fabs(offset) <= 0.25 * l->cut.half)
			break;
		centre = lround(*ret_at);
	}
	return true;
}

/* Mean count midway between two strokes, over an eighth of a period. */
static double base_before(const struct light *l, double at, long now)
{
	long middle = lround(0.5 * (l->detection.previous_at + at) / l->cut.bin - 0.5),
	     around = l->cut.period / 16 / (long)l->cut.bin;
	long lo = middle - around, hi = middle + around;
	int64_t sum = 0;

	if (lo < oldest(l, now) || hi > now)
		return NAN;
	for (long i = lo; i <= hi; i++)
		sum += sum_at(l, i);
	return (double)sum / (double)(l->cut.bin * (unsigned)(hi - lo + 1));
}

static void add_height(struct light *l, double height_n)
{
	double delta = height_n - l->heights.mean;

	l->heights.mean += delta / (double)++l->heights.n;
	l->heights.m2 += delta * (height_n - l->heights.mean);
	if (l->heights.n == 1 || height_n > l->summary.height_max_n)
		l->summary.height_max_n = height_n;
}

static void tell(struct light *l, double at, double value, double base)
{
	struct light_stroke stroke = {.instant = (double)l->origin + at,
				      .peak_n = l->config.offset + l->cut.scale * value,
				      .height_n = l->cut.scale * (value - base)};

	if (l->stretch.fitted++ == 0) {
		l->stretch.first_at = at;
		l->stretch.first_number = l->summary.strokes;
	}
	l->stretch.last_at = at;
	l->stretch.last_number = l->summary.strokes;
	l->peak_sum += stroke.peak_n;
	if (isfinite(stroke.height_n))
		add_height(l, stroke.height_n);
	if (l->on_stroke)
		l->on_stroke(l->ctx, &stroke);
}

static void size_hysteresis(struct light *l)
{
	int32_t h = (int32_t)(HYSTERESIS * l->detection.swing);

	l->detection.hysteresis = h > l->detection.floor ? h : l->detection.floor;
}

static void confirm(struct light *l, long now)
{
	double at, value, base = NAN;

	l->summary.strokes++;
	l->detection.swing +=
		SWING_WEIGHT * (((double)l->detection.extreme - (double)l->detection.low) - l->detection.swing);
	if (l->detection.extreme_bin >= oldest(l, now) && find_vertex(l, now, &at, &value)) {
		if (!isnan(l->detection.previous_at))
			base = base_before(l, at, now);
		tell(l, at, value, base);
		l->detection.previous_at = at;
	} else {
		l->summary.unfitted++;
		l->detection.previous_at = NAN;
	}
	size_hysteresis(l);
}

/* ---- detection ---- */

static void step(struct light *l, long bin)
{
	int32_t v = sum_at(l, bin);

	if (l->detection.rising) {
		if (v > l->detection.extreme) {
			l->detection.extreme = v;
			l->detection.extreme_bin = bin;
		} else if (v < l->detection.extreme - l->detection.hysteresis) {
			confirm(l, bin);
			l->detection.rising = false;
			l->detection.extreme = v;
		}
	} else if (v < l->detection.extreme) {
		l->detection.extreme = v;
	} else if (v > l->detection.extreme + l->detection.hysteresis) {
		l->detection.low = l->detection.extreme;
		l->detection.rising = true;
		l->detection.extreme = v;
		l->detection.extreme_bin = bin;
	}
}

/* The swing of the first periods sizes the hysteresis; then they are gone through. */
static void warm_up(struct light *l, long bins)
{
	int32_t lo = INT32_MAX, hi = INT32_MIN;

	for (long i = 0; i < bins; i++) {
		int32_t v = sum_at(l, i);

		lo = v < lo ? v : lo;
		hi = v > hi ? v : hi;
	}
	l->detection.swing = (double)hi - (double)lo;
	size_hysteresis(l);
	l->detection.extreme = sum_at(l, 0);
	l->detection.warm = true;
}

static void detect(struct light *l, long from)
{
	if (!l->detection.warm) {
		if (l->held.binned < l->cut.warm_up)
			return;
		warm_up(l, l->cut.warm_up);
		from = 0;
	}
	for (long bin = from; bin < l->held.binned; bin++)
		step(l, bin);
}

static void end_stretch(struct light *l)
{
	if (!l->detection.warm && l->held.binned > 0) {
		warm_up(l, l->held.binned);
		for (long bin = 0; bin < l->held.binned; bin++)
			step(l, bin);
	}
	l->span += l->stretch.fitted > 1 ? l->stretch.last_at - l->stretch.first_at : 0.0;
	l->intervals += l->stretch.fitted > 1 ? l->stretch.last_number - l->stretch.first_number : 0;
}

/* ---- intake ---- */

static void make_room(struct light *l, uint32_t frames)
{
	long keep = l->cut.reach > l->cut.warm_up ? l->cut.reach : l->cut.warm_up, first = l->held.binned - keep;

	if ((size_t)(l->held.fed - l->held.base * (long)l->cut.bin) + frames <= l->held.room || first <= l->held.base)
		return;
	size_t shift = (size_t)(first - l->held.base), samples = (size_t)(l->held.fed - first * (long)l->cut.bin);

	memmove(l->held.samples, l->held.samples + shift * l->cut.bin, samples * sizeof(*l->held.samples));
	memmove(l->held.sums, l->held.sums + shift, (size_t)keep * sizeof(*l->held.sums));
	l->held.base = first;
}

static void copy(const struct light *l, const int32_t *from, uint32_t frames, unsigned channels, int32_t *restrict to)
{
	if (channels == 1 && l->config.scale > 0.0 && l->cut.shift == 0) {
		memcpy(to, from, frames * sizeof(*to));
		return;
	}
	from += l->config.position;
	for (uint32_t i = 0; i < frames; i++) {
		int32_t x = from[(size_t)i * channels] >> l->cut.shift;

		to[i] = l->config.scale > 0.0 ? x : -x;
	}
}

void light_feed(struct light *light, const struct sample_block *block)
{
	struct light *l = light;
	uint32_t skip = 0;

	if (!l->started) {
		l->started = true;
		begin_stretch(l, block->first_index);
	} else if (block->first_index > l->next_index) {
		l->summary.gaps++;
		end_stretch(l);
		begin_stretch(l, block->first_index);
	} else if (block->first_index < l->next_index) {
		uint64_t old = l->next_index - block->first_index;

		skip = old < block->frames ? (uint32_t)old : block->frames;
	}
	uint32_t frames = block->frames - skip;
	long from = l->held.binned;

	make_room(l, frames);
	copy(l, block->counts + (size_t)skip * block->channels, frames, block->channels,
	     l->held.samples + (l->held.fed - l->held.base * (long)l->cut.bin));
	l->held.fed += frames;
	l->next_index += frames;
	l->summary.samples += frames;
	l->held.binned = l->held.fed / (long)l->cut.bin;
	if (l->cut.bin == 16)
		add_bins_16(l->held.samples + (from - l->held.base) * 16, (size_t)(l->held.binned - from),
			    l->held.sums + (from - l->held.base));
	else
		add_bins(l->held.samples + (from - l->held.base) * (long)l->cut.bin, (size_t)(l->held.binned - from),
			 l->cut.bin, l->held.sums + (from - l->held.base));
	detect(l, from);
}

void light_finish(struct light *light, struct light_summary *ret)
{
	struct light *l = light;

	end_stretch(l);
	*ret = l->summary;

	uint64_t fitted = ret->strokes - ret->unfitted;

	ret->rate_hz = l->intervals ? (double)l->intervals / l->span * l->config.fs_hz : NAN;
	ret->peak_n = fitted ? l->peak_sum / (double)fitted : NAN;
	ret->height_n = l->heights.n ? l->heights.mean : NAN;
	ret->height_sd_n = l->heights.n > 1 ? sqrt(l->heights.m2 / (double)(l->heights.n - 1)) : NAN;
	if (!l->heights.n)
		ret->height_max_n = NAN;
}
