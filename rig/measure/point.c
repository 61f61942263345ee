/* A point's life: allocation, phases, intake of samples, and the fixed re-blocking that makes results independent of
 * how the samples arrived. What is found in the blocks: detect.c, analyse.c; what is made of it: point_results.c. */
#include "rig/measure/point.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"
#include "rig/measure/point_state.h"

#define PERIOD_MAX       4096.0 /* samples; above, samples are averaged in groups */
#define BLOCK_S          0.5
#define BLOCK_PERIODS    36.0
#define BINS_PER_CYCLE   24.0
#define STUCK_S          0.05
#define INVERSE_REACH    0.7 /* of a period of the cell, to both sides */
#define INVERSE_TERMS    9
#define INVERSE_LANES    8
#define RING_SAMPLES_MIN 5.0  /* per period of the cell, to tell its ring from a polynomial */
#define HOLD_MAX_S       10.0 /* a longer gap ends what can be said of the point */

/* Local model of a cell's output: a polynomial and, where there are samples enough, the cell's own decaying ring. */
static void inverse_basis(const struct point *p, int i, int half, double *ret)
{
	const struct point_config *c = &p->config;
	double w = 2.0 * M_PI * c->cell_hz / p->fs_hz,
	       ring = w * sqrt(fmax(0.0, 1.0 - c->cell_damping * c->cell_damping));
	double v = (double)i / half, decay = exp(-c->cell_damping * w * i);

	for (unsigned k = 0; k < INVERSE_TERMS; k++)
		ret[k] = k == 0 ? 1.0 : ret[k - 1] * v;
	if (p->fs_hz >= RING_SAMPLES_MIN * c->cell_hz) {
		ret[INVERSE_TERMS - 2] = decay * cos(ring * i);
		ret[INVERSE_TERMS - 1] = decay * sin(ring * i);
	}
}

/* Elimination without pivoting: a is positive definite. */
static void solve_normal(double a[INVERSE_TERMS][INVERSE_TERMS], double *b)
{
	for (unsigned c = 0; c < INVERSE_TERMS; c++) {
		for (unsigned r = c + 1; r < INVERSE_TERMS; r++) {
			double f = a[r][c] / a[c][c];

			for (unsigned k = c; k < INVERSE_TERMS; k++)
				a[r][k] -= f * a[c][k];
			b[r] -= f * b[c];
		}
	}
	for (unsigned c = INVERSE_TERMS; c-- > 0;) {
		for (unsigned k = c + 1; k < INVERSE_TERMS; k++)
			b[c] -= a[c][k] * b[k];
		b[c] /= a[c][c];
	}
}

/* Weights that turn 2 half + 1 samples into the force at their centre, y + 2 zeta / w y' + y'' / w^2 of the model
 * fitted to them; of the ring that is zero. See docs/method.md, "Load cell". */
static void design_inverse(struct point *p)
{
	double a[INVERSE_TERMS][INVERSE_TERMS] = {{0}}, basis[INVERSE_TERMS];
	double w = 2.0 * M_PI * p->config.cell_hz / p->fs_hz;
	int half = (int)fmax(5.0, fmin(INVERSE_HALF_MAX, round(INVERSE_REACH * p->fs_hz / p->config.cell_hz)));
	double want[INVERSE_TERMS] = {1.0, 2.0 * p->config.cell_damping / (w * half), 2.0 / (w * w * half * half)};

	p->inverse_half = (unsigned)half;
	for (int i = -half; i <= half; i++) {
		inverse_basis(p, i, half, basis);
		for (unsigned r = 0; r < INVERSE_TERMS; r++) {
			for (unsigned c = 0; c < INVERSE_TERMS; c++)
				a[r][c] += basis[r] * basis[c];
		}
	}
	solve_normal(a, want);
	for (int i = -half; i <= half; i++) {
		inverse_basis(p, i, half, basis);
		for (unsigned r = 0; r < INVERSE_TERMS; r++)
			p->inverse[i + half] += want[r] * basis[r];
	}
}

static int allocate(struct point *p)
{
	/* The look-ahead of the inverse filter stands above the blocks. */
	size_t n = (size_t)BLOCKS_HELD * p->block + 2 * INVERSE_HALF_MAX;

	p->raw = calloc(n, sizeof(float));
	p->flat = calloc(n, sizeof(float));
	p->force = p->inverse_half > 0 ? calloc(n, sizeof(float)) : p->raw;
	p->bins = calloc(n / p->bin + 1, sizeof(float));
	p->spin_up = calloc(SPIN_UP_KEPT, sizeof(double));
	if (p->config.displacement_position >= 0)
		p->displacement = calloc(n, sizeof(float));
	if (!p->raw || !p->flat || !p->force || !p->bins || !p->spin_up ||
	    (p->config.displacement_position >= 0 && !p->displacement))
		return -ENOMEM;
	return pulse_init(&p->pulse, 1.6 * p->period);
}

int point_new(const struct point_config *config, struct point **ret)
{
	struct point *p;
	double slope;

	if (!(config->fs_hz > 0.0) || !(config->rate_set_hz > 0.0) || !(config->force_scale != 0.0))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->config = *config;
	p->decimation = (unsigned)fmax(1.0, ceil(config->fs_hz / config->rate_set_hz / PERIOD_MAX));
	p->fs_hz = config->fs_hz / p->decimation;
	p->period = p->fs_hz / config->rate_set_hz;
	p->bin = (unsigned)fmax(1.0, fmin(64.0, floor(p->period / BINS_PER_CYCLE)));
	p->block = (unsigned)ceil(fmax(BLOCK_S * p->fs_hz, BLOCK_PERIODS * p->period) / p->bin) * p->bin;
	for (unsigned i = 0; i < POINT_PHASES; i++) {
		p->phase_start[i] = INT64_MAX;
		p->command[i] = NAN;
	}
	p->phase = POINT_TARE;
	p->width_weight = 1.0; /* the template may come from strokes at another speed */
	p->previous_at = p->detector.last_at = p->detector.before_at = p->coast_last = NAN;
	if (config->cell_hz > 0.0 && config->cell_hz < 0.75 * p->fs_hz)
		design_inverse(p);
	if (config->curve != NULL)
		curve_force(config->curve, config->depth_set_mm, &p->detector.expected_n, &slope);
	baseline_init(&p->baseline, p->fs_hz, config->mains_hz, p->bin);
	if (allocate(p) != 0) {
		point_free(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

void point_free(struct point *point)
{
	if (point == NULL)
		return;
	pulse_release(&point->pulse);
	if (point->force != point->raw)
		free(point->force);
	free(point->raw);
	free(point->flat);
	free(point->displacement);
	free(point->bins);
	free(point->spin_up);
	free(point);
}

void point_on_stroke(struct point *point, void (*fn)(void *ctx, const struct stroke *stroke), void *ctx)
{
	point->on_stroke = fn;
	point->on_stroke_ctx = ctx;
}

void point_on_residual(struct point *point, void (*fn)(void *ctx, const struct residual_chunk *chunk), void *ctx)
{
	point->on_residual = fn;
	point->on_residual_ctx = ctx;
}

int point_phase(struct point *point, enum point_phase phase, uint64_t first_index, double command_index)
{
	if ((unsigned)phase >= POINT_PHASES || first_index > INT64_MAX - 1 ||
	    (point->started && first_index < point->next_index))
		return -EINVAL;
	for (unsigned i = 0; i < POINT_PHASES; i++) {
		if (point->phase_start[i] == INT64_MAX)
			continue;
		if (i >= (unsigned)phase || (uint64_t)point->phase_start[i] > first_index)
			return -EINVAL;
	}
	point->phase_start[phase] = (int64_t)first_index;
	point->command[phase] = command_index;
	return 0;
}

static enum point_phase phase_of(const struct point *p, int64_t index)
{
	for (unsigned i = POINT_PHASES; i-- > 0;) {
		if (index >= p->phase_start[i])
			return (enum point_phase)i;
	}
	return POINT_TARE;
}

enum point_phase point_phase_at(const struct point *p, double local)
{
	return phase_of(p, point_absolute(p, local));
}

static void move_down(struct point *p)
{
	size_t shift = (size_t)(BLOCKS_HELD / 2) * p->block, keep = (size_t)(p->fed - p->base) - shift;

	memmove(p->raw, p->raw + shift, keep * sizeof(float));
	memmove(p->flat, p->flat + shift, keep * sizeof(float));
	if (p->force != p->raw)
		memmove(p->force, p->force + shift, keep * sizeof(float));
	if (p->displacement)
		memmove(p->displacement, p->displacement + shift, keep * sizeof(float));
	memmove(p->bins, p->bins + shift / p->bin, keep / p->bin * sizeof(float));
	p->base += (long)shift;
}

/* Beyond the ends the channel is taken to stand still. */
static double raw_at(const struct point *p, long i)
{
	long last = p->fed - 1;

	i = i > last ? last : i;
	return p->raw[i < p->base ? 0 : i - p->base];
}

static double inverse_at_edge(const struct point *p, long i)
{
	long half = p->inverse_half;
	double sum = 0.0;

	for (long k = 0; k <= 2 * half; k++)
		sum += p->inverse[k] * raw_at(p, i - half + k);
	return sum;
}

VECTOR_CLONES static void inverse_lanes(const double *inverse, long taps, const float *x, float *out)
{
	double sum[INVERSE_LANES] = {0};

	for (long k = 0; k < taps; k++) {
		for (unsigned lane = 0; lane < INVERSE_LANES; lane++)
			sum[lane] += inverse[k] * (double)x[k + lane];
	}
	for (unsigned lane = 0; lane < INVERSE_LANES; lane++)
		out[lane] = (float)sum[lane];
}

static void invert_cell(struct point *p, long end)
{
	long half = p->inverse_half;

	if (half == 0) {
		p->inverted = end;
		return;
	}
	long i = p->inverted, inside = end < p->fed - half ? end : p->fed - half;

	for (; i < end && i - half < p->base; i++)
		p->force[i - p->base] = (float)inverse_at_edge(p, i);
	for (; i + INVERSE_LANES <= inside; i += INVERSE_LANES)
		inverse_lanes(p->inverse, 2 * half + 1, p->raw + (i - half - p->base), p->force + (i - p->base));
	for (; i < end; i++)
		p->force[i - p->base] = (float)inverse_at_edge(p, i);
	p->inverted = end;
}

/* A block is looked at when the whole of it and of the inverse filter's reach has come; analysed when its follower has.
 */
static void advance(struct point *p)
{
	while (p->fed >= (p->detected + 1) * (long)p->block + (long)p->inverse_half) {
		invert_cell(p, (p->detected + 1) * (long)p->block);
		detect_block(p, p->detected, p->block);
		p->detected++;
		if (p->detected >= 2) {
			analyse_block(p, p->analysed, p->block, p->detected * (long)p->block);
			p->analysed++;
		}
	}
	if (p->fed - p->base >= (long)BLOCKS_HELD * p->block)
		move_down(p);
}

static void push(struct point *p, double force, double displacement)
{
	p->sum_force += force;
	p->sum_displacement += displacement;
	if (++p->summed < p->decimation)
		return;
	p->raw[p->fed - p->base] = (float)(p->sum_force / p->decimation);
	if (p->displacement)
		p->displacement[p->fed - p->base] = (float)(p->sum_displacement / p->decimation);
	p->sum_force = p->sum_displacement = 0.0;
	p->summed = 0;
	p->fed++;
	if (p->fed >= (p->detected + 1) * (long)p->block + (long)p->inverse_half)
		advance(p);
}

/* A stretch of equal counts is known as stuck only at its end, and may have begun a phase earlier. */
static void mark_stuck(struct point *p, uint64_t index)
{
	unsigned from = phase_of(p, (int64_t)(index - p->same_counts));

	for (unsigned i = from; i <= (unsigned)p->phase; i++)
		p->quality[i].stuck = true;
}

static void take(struct point *p, uint64_t index, int32_t count, int32_t displacement)
{
	const struct point_config *c = &p->config;

	while (p->phase < POINT_REST && phase_of(p, (int64_t)index) > p->phase)
		p->phase = phase_of(p, (int64_t)index);

	struct quality *q = &p->quality[p->phase];

	q->samples++;
	if (count <= c->count_lo || count >= c->count_hi)
		q->saturated = true;
	p->same_counts = count == p->last_count ? p->same_counts + 1 : 0;
	if ((double)p->same_counts >= STUCK_S * c->fs_hz)
		mark_stuck(p, index);
	p->last_count = count;
	push(p, c->force_offset + c->force_scale * count,
	     c->displacement_offset + c->displacement_scale * displacement);
}

static void mark(struct point *p, uint64_t first, uint64_t last, bool gap, bool saturated)
{
	unsigned from = phase_of(p, (int64_t)first), to = phase_of(p, (int64_t)last);

	for (unsigned i = from; i <= to; i++) {
		p->quality[i].gap = p->quality[i].gap || gap;
		p->quality[i].saturated = p->quality[i].saturated || saturated;
	}
}

/* Missing samples hold the last value, so that the axis stays true; what rests on them is not trusted. */
static void bridge(struct point *p, uint64_t first_index)
{
	uint64_t missing = first_index - p->next_index, most = (uint64_t)(HOLD_MAX_S * p->config.fs_hz);
	double force = p->config.force_offset + p->config.force_scale * p->last_count;

	mark(p, p->next_index, first_index, true, false);
	if (missing > most) {
		for (unsigned i = 0; i < POINT_PHASES; i++)
			p->quality[i].gap = true;
		p->origin += missing - most / p->decimation * p->decimation;
		missing = most / p->decimation * p->decimation;
	}
	for (uint64_t i = 0; i < missing; i++)
		push(p, force, 0.0);
	p->same_counts = 0;
}

void point_feed(struct point *point, const struct sample_block *block)
{
	const struct point_config *c = &point->config;
	uint32_t skip = 0;

	if (!point->started) {
		point->started = true;
		point->origin = point->next_index = block->first_index;
	} else if (block->first_index > point->next_index) {
		bridge(point, block->first_index);
		point->next_index = block->first_index;
	} else if (block->first_index < point->next_index) {
		uint64_t old = point->next_index - block->first_index;

		skip = old < block->frames ? (uint32_t)old : block->frames;
	}
	if (block->frames > skip)
		mark(point, block->first_index, block->first_index + block->frames - 1, block->flags & SAMPLE_GAP,
		     block->flags & (SAMPLE_SATURATED | SAMPLE_OVER_RANGE));
	for (uint32_t i = skip; i < block->frames; i++) {
		const int32_t *frame = block->counts + (size_t)i * block->channels;

		take(point, block->first_index + i, frame[c->force_position],
		     c->displacement_position >= 0 ? frame[c->displacement_position] : 0);
	}
	if (block->frames > skip)
		point->next_index = block->first_index + block->frames;
}

void point_end_of_samples(struct point *p)
{
	long rest;

	if (p->fed == 0)
		return;
	while (p->detected * (long)p->block < p->fed) {
		long end = (p->detected + 1) * (long)p->block;

		end = end > p->fed ? p->fed : end;
		invert_cell(p, end);
		detect_block(p, p->detected, (unsigned)(end - p->detected * (long)p->block));
		p->detected++;
		if (p->detected >= 2 && p->analysed < p->detected - 1) {
			analyse_block(p, p->analysed, p->block, end);
			p->analysed++;
		}
	}
	rest = p->fed - p->analysed * (long)p->block;
	if (rest > 0)
		analyse_block(p, p->analysed, (unsigned)rest, p->fed);
	p->analysed++;
}

void point_live(const struct point *point, struct point_live *ret)
{
	const struct detector *d = &point->detector;
	long n = (long)(0.02 * point->fs_hz), held = point->fed - point->base;
	double sum = 0.0, squares = 0.0;

	n = n < 1 ? 1 : n;
	n = n > held ? held : n;
	for (long i = held - n; i < held; i++)
		sum += point->raw[i];
	for (long i = held - n; i < held; i++)
		squares += pow(point->raw[i] - sum / (double)n, 2.0);
	*ret = (struct point_live){
		.next_index = point->next_index,
		.strokes = d->found,
		.last_stroke = (double)point->origin + d->last_at * point->decimation,
		.rate_hz = point->fs_hz / (d->last_at - d->before_at),
		.depth_mm = point->tally.depth.n > 0 ? point->tally.depth.mean : NAN,
		.force_n = n > 0 ? sum / (double)n : NAN,
		.noise_n = n > 0 ? sqrt(squares / (double)n) : NAN,
		.saturated = point->quality[point->phase].saturated,
		.gap = point->quality[point->phase].gap,
	};
}
