/* Samples into a point: quality, conversion, the compensation of the load cell, and the fixed re-blocking that makes
 * results independent of how the samples arrived. */
#include <math.h>
#include <string.h>

#include "rig/measure/clones.h"
#include "rig/measure/point/state.h"

#define STUCK_S    0.05
#define PIECE      256  /* frames looked at together */
#define HOLD_MAX_S 10.0 /* a longer gap ends what can be said of the point */

/* What stays: the block before the one to be analysed next, into which its first strokes reach, and what follows. */
static void move_down(struct point *p)
{
	size_t shift = (size_t)((p->analysed - 1) * (long)p->grid.block - p->base),
	       keep = (size_t)(p->fed - p->base) - shift;

	memmove(p->raw, p->raw + shift, keep * sizeof(float));
	/* Of what was flattened only the last strokes' reach is looked at again. */
	size_t next = p->grid.block, reach = (size_t)point_look_back(p);

	memmove(p->flat + next - reach, p->flat + shift + next - reach, 2 * reach * sizeof(float));
	if (p->force != p->raw)
		memmove(p->force, p->force + shift, keep * sizeof(float));
	if (p->displacement)
		memmove(p->displacement, p->displacement + shift, keep * sizeof(float));
	memmove(p->bins, p->bins + shift / p->grid.bin, keep / p->grid.bin * sizeof(float));
	p->base += (long)shift;
}

static void invert_cell(struct point *p, long end)
{
	if (p->inverse.reach > 0)
		cell_inverse_run(&p->inverse, p->raw, p->fed - p->base, p->inverted - p->base, end - p->base, p->force);
	p->inverted = end;
}

static void analyse_handed(void *ctx, const void *job)
{
	analyse_block(ctx, job);
}

int point_start_worker(struct point *p)
{
	return worker_new(sizeof(struct handed), HANDED_MAX, analyse_handed, p, &p->worker);
}

void point_settle(const struct point *p)
{
	if (p->worker)
		worker_drain(p->worker);
}

static void hand_over(struct point *p, unsigned len, long limit)
{
	const struct detector *d = &p->detector;
	const struct handed handed = {.block = p->analysed++,
				      .len = len,
				      .limit = limit,
				      .put = d->put,
				      .lost = d->lost,
				      .noise_n = d->noise_n,
				      .swing_n = d->swing_n};

	if (!p->worker) {
		analyse_block(p, &handed);
		return;
	}
	*(struct handed *)worker_slot(p->worker) = handed;
	worker_post(p->worker);
}

/* A block is looked at when the whole of it and of the inverse filter's reach has come; analysed when its follower has.
 */
static void advance(struct point *p)
{
	while (p->fed >= (p->detected + 1) * (long)p->grid.block + (long)p->inverse.reach) {
		invert_cell(p, (p->detected + 1) * (long)p->grid.block);
		detect_block(p, p->detected, p->grid.block);
		p->detected++;
		if (p->detected >= 2)
			hand_over(p, p->grid.block, p->detected * (long)p->grid.block);
	}
	if (p->fed - p->base >= (long)p->blocks_held * p->grid.block) {
		point_settle(p);
		move_down(p);
	}
}

/* Samples that still fit before the next block has to be looked at. */
static long room(const struct point *p)
{
	return (p->detected + 1) * (long)p->grid.block + (long)p->inverse.reach - p->fed;
}

static void push_one(struct point *p, double force, double displacement)
{
	p->sum_force += force;
	p->sum_displacement += displacement;
	if (++p->summed < p->axis.decimation)
		return;
	p->raw[p->fed - p->base] = (float)(p->sum_force / p->axis.decimation);
	if (p->displacement)
		p->displacement[p->fed - p->base] = (float)(p->sum_displacement / p->axis.decimation);
	p->sum_force = p->sum_displacement = 0.0;
	p->summed = 0;
	p->fed++;
	if (room(p) <= 0)
		advance(p);
}

VECTOR_CLONES static void convert(const int32_t *counts, unsigned n, double offset, double scale, float *to)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = (float)(offset + scale * counts[i]);
}

static void push(struct point *p, const int32_t *force, const int32_t *displacement, unsigned n)
{
	const struct point_config *c = &p->config;
	unsigned i = 0, m;

	for (; p->axis.decimation > 1 && i < n; i++)
		push_one(p, c->force.offset + c->force.scale * force[i],
			 displacement ? c->displacement.offset + c->displacement.scale * displacement[i] : 0.0);
	for (; i < n; i += m) {
		m = room(p) < (long)(n - i) ? (unsigned)room(p) : n - i;
		convert(force + i, m, c->force.offset, c->force.scale, p->raw + (p->fed - p->base));
		if (displacement)
			convert(displacement + i, m, c->displacement.offset, c->displacement.scale,
				p->displacement + (p->fed - p->base));
		p->fed += m;
		if (room(p) <= 0)
			advance(p);
	}
}

/* A stretch of equal counts is known as stuck only at its end, and may have begun a phase earlier. */
static void mark_stuck(struct point *p, uint64_t index)
{
	unsigned from = axis_phase_of(&p->axis, (int64_t)(index - p->same_counts));

	for (unsigned i = from; i <= (unsigned)p->phase; i++)
		p->quality[i].stuck = true;
}

/* How many counts differ from the one before them, and how many stand at or beyond the converter's ends. */
VECTOR_CLONES static void scan(const int32_t *counts, unsigned n, int32_t lo, int32_t hi, unsigned *ret_changes,
			       unsigned *ret_outside)
{
	unsigned changes = 0, outside = 0;

	for (unsigned i = 1; i < n; i++)
		changes += counts[i] != counts[i - 1];
	for (unsigned i = 0; i < n; i++)
		outside += (counts[i] <= lo) | (counts[i] >= hi);
	*ret_changes = changes;
	*ret_outside = outside;
}

static void count_equal(struct point *p, uint64_t index, const int32_t *counts, unsigned n, double stuck)
{
	for (unsigned i = 0; i < n; i++) {
		p->same_counts = counts[i] == p->last_count ? p->same_counts + 1 : 0;
		if ((double)p->same_counts >= stuck)
			mark_stuck(p, index + i);
		p->last_count = counts[i];
	}
}

/* A piece that changes somewhere and is shorter than what counts as stuck can only end one stretch of equal counts and
 * begin another. */
static void watch_stuck(struct point *p, uint64_t index, const int32_t *counts, unsigned n, unsigned changes)
{
	double stuck = STUCK_S * p->config.fs_hz;
	unsigned lead = 0, tail = 1;

	if (changes == 0 || stuck <= PIECE) {
		count_equal(p, index, counts, n, stuck);
		return;
	}
	while (counts[lead] == p->last_count)
		lead++;
	count_equal(p, index, counts, lead, stuck);
	while (counts[n - 1 - tail] == counts[n - 1])
		tail++;
	p->same_counts = tail - 1;
	p->last_count = counts[n - 1];
}

/* Only the window counts: a needle bar that is off stands still, and may be parked at an end. */
static void watch_displacement(struct point *p, const int32_t *counts, unsigned n)
{
	const struct point_config *c = &p->config;
	struct quality *q = &p->quality[p->phase];
	double stuck = STUCK_S * c->fs_hz;

	for (unsigned i = 0; i < n; i++) {
		if (c->displacement.count_hi > c->displacement.count_lo &&
		    (counts[i] <= c->displacement.count_lo || counts[i] >= c->displacement.count_hi))
			q->displacement_ended = true;
		p->same_displacements = counts[i] == p->last_displacement ? p->same_displacements + 1 : 0;
		if ((double)p->same_displacements >= stuck)
			q->displacement_stuck = true;
		p->last_displacement = counts[i];
	}
}

/* n <= PIECE samples of one phase. */
static void take(struct point *p, uint64_t index, const int32_t *force, const int32_t *displacement, unsigned n)
{
	const struct point_config *c = &p->config;
	struct quality *q = &p->quality[p->phase];
	unsigned changes, outside;

	scan(force, n, c->force.count_lo, c->force.count_hi, &changes, &outside);
	q->samples += n;
	q->saturated = q->saturated || outside > 0;
	watch_stuck(p, index, force, n, changes);
	if (displacement)
		watch_displacement(p, displacement, n);
	push(p, force, displacement, n);
}

/* The same out of frames of several channels. */
static void take_columns(struct point *p, uint64_t index, const int32_t *frames, unsigned channels, unsigned n)
{
	int32_t force[PIECE], displacement[PIECE];

	for (unsigned i = 0; i < n; i++)
		force[i] = frames[(size_t)i * channels + (unsigned)p->config.force.position];
	for (unsigned i = 0; p->displacement && i < n; i++)
		displacement[i] = frames[(size_t)i * channels + (unsigned)p->config.displacement.position];
	take(p, index, force, p->displacement ? displacement : NULL, n);
}

/* Frames from index on that belong to the phase at index; that phase becomes the present one. */
static unsigned of_one_phase(struct point *p, uint64_t index, uint32_t most)
{
	uint64_t n = most < PIECE ? most : PIECE;

	while (p->phase < POINT_REST && axis_phase_of(&p->axis, (int64_t)index) > p->phase)
		p->phase = axis_phase_of(&p->axis, (int64_t)index);
	for (unsigned i = 0; i < POINT_PHASES; i++) {
		int64_t start = p->axis.phase_start[i];

		if (start > (int64_t)index && (uint64_t)start - index < n)
			n = (uint64_t)start - index;
	}
	return (unsigned)n;
}

static void mark(struct point *p, uint64_t first, uint64_t last, bool gap, bool saturated)
{
	unsigned from = axis_phase_of(&p->axis, (int64_t)first), to = axis_phase_of(&p->axis, (int64_t)last);

	for (unsigned i = from; i <= to; i++) {
		p->quality[i].gap = p->quality[i].gap || gap;
		p->quality[i].saturated = p->quality[i].saturated || saturated;
	}
}

/* Missing samples hold the last value, so that the axis stays true; what rests on them is not trusted. */
static void bridge(struct point *p, uint64_t first_index)
{
	uint64_t missing = first_index - p->next_index, most = (uint64_t)(HOLD_MAX_S * p->config.fs_hz);
	double force = p->config.force.offset + p->config.force.scale * p->last_count;

	mark(p, p->next_index, first_index, true, false);
	if (missing > most) {
		for (unsigned i = 0; i < POINT_PHASES; i++)
			p->quality[i].gap = true;
		point_settle(p);
		p->axis.origin += missing - most / p->axis.decimation * p->axis.decimation;
		missing = most / p->axis.decimation * p->axis.decimation;
	}
	for (uint64_t i = 0; i < missing; i++)
		push_one(p, force, 0.0);
	p->same_counts = 0;
}

void point_feed(struct point *point, const struct sample_block *block)
{
	uint32_t skip = 0;

	if (!point->started) {
		point->started = true;
		point->axis.origin = point->next_index = block->first_index;
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
	for (uint32_t i = skip, n; i < block->frames; i += n) {
		n = of_one_phase(point, block->first_index + i, block->frames - i);
		const int32_t *frames = block->counts + (size_t)i * block->channels;

		if (block->channels == 1)
			take(point, block->first_index + i, frames, NULL, n);
		else
			take_columns(point, block->first_index + i, frames, block->channels, n);
	}
	if (block->frames > skip)
		point->next_index = block->first_index + block->frames;
}

void point_end_of_samples(struct point *p)
{
	long rest;

	if (p->fed == 0)
		return;
	while (p->detected * (long)p->grid.block < p->fed) {
		long end = (p->detected + 1) * (long)p->grid.block;

		end = end > p->fed ? p->fed : end;
		invert_cell(p, end);
		detect_block(p, p->detected, (unsigned)(end - p->detected * (long)p->grid.block));
		p->detected++;
		if (p->detected >= 2 && p->analysed < p->detected - 1)
			hand_over(p, p->grid.block, end);
	}
	rest = p->fed - p->analysed * (long)p->grid.block;
	if (rest > 0)
		hand_over(p, (unsigned)rest, p->fed);
	point_settle(p);
}
