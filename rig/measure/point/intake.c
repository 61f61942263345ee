/* Quality, conversion and decimation of samples, piece by piece. */
#include "rig/measure/point/intake.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"

#define STUCK_S    0.05
#define HOLD_MAX_S 10.0  /* a longer gap ends what can be said of the point */
#define HOLD_ALL_S 600.0 /* and so do all of them together: each second of a gap is as much work as one of samples */

_Static_assert(INTAKE_AHEAD >= 2 * CELL_REACH_MAX + INTAKE_PIECE,
	       "the inverse's look-ahead, and what a piece brings too much");

int intake_init(struct intake *in, const struct point_config *config, const struct grid *grid, size_t samples)
{
	*in = (struct intake){.config = config, .grid = *grid, .phase = POINT_TARE, .room = (long)samples};
	axis_init(&in->axis, grid->decimation);
	cell_inverse_design(&config->cell, grid->fs_hz, &in->inverse);

	bool displaced = config->displacement.position >= 0;

	in->raw = calloc(samples, sizeof(float));
	in->force = in->inverse.reach > 0 ? calloc(samples, sizeof(float)) : in->raw;
	in->displacement = displaced ? calloc(samples, sizeof(float)) : NULL;
	return !in->raw || !in->force || (displaced && !in->displacement) ? -ENOMEM : 0;
}

void intake_release(struct intake *in)
{
	if (in->force != in->raw)
		free(in->force);
	free(in->raw);
	free(in->displacement);
	in->raw = in->force = in->displacement = NULL;
}

void intake_copy(struct intake *to, const struct intake *from)
{
	const struct point_config *config = to->config;
	float *raw = to->raw, *force = to->force, *displacement = to->displacement;
	size_t held = (size_t)(from->end - from->base);

	*to = *from;
	to->config = config;
	to->raw = raw;
	to->force = force;
	to->displacement = displacement;
	memcpy(raw, from->raw, held * sizeof(float));
	if (force != raw)
		memcpy(force, from->force, held * sizeof(float));
	if (displacement)
		memcpy(displacement, from->displacement, held * sizeof(float));
}

int intake_phase(struct intake *in, enum point_phase phase, uint64_t first_index)
{
	if (in->started && first_index < in->next_index)
		return -EINVAL;
	return axis_begin(&in->axis, phase, first_index);
}

static void push_one(struct intake *in, double force, double displacement)
{
	in->sum_force += force;
	in->sum_displacement += displacement;
	if (++in->summed < in->grid.decimation)
		return;
	in->raw[in->end - in->base] = (float)(in->sum_force / in->grid.decimation);
	if (in->displacement)
		in->displacement[in->end - in->base] = (float)(in->sum_displacement / in->grid.decimation);
	in->sum_force = in->sum_displacement = 0.0;
	in->summed = 0;
	in->end++;
}

VECTOR_CLONES static void convert(const int32_t *counts, unsigned n, double offset, double scale, float *to)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = (float)(offset + scale * counts[i]);
}

static void push(struct intake *in, const int32_t *force, const int32_t *displacement, unsigned n)
{
	const struct channel_scale *f = &in->config->force, *d = &in->config->displacement;

	assert(in->end - in->base + (long)(n / in->grid.decimation) < in->room);
	for (unsigned i = 0; in->grid.decimation > 1 && i < n; i++)
		push_one(in, f->offset + f->scale * force[i],
			 displacement ? d->offset + d->scale * displacement[i] : 0.0);
	if (in->grid.decimation > 1)
		return;
	convert(force, n, f->offset, f->scale, in->raw + (in->end - in->base));
	if (displacement)
		convert(displacement, n, d->offset, d->scale, in->displacement + (in->end - in->base));
	in->end += n;
}

/* A stretch of equal counts is known as stuck only at its end, and may have begun a phase earlier. */
static void mark_stuck(struct intake *in, uint64_t index)
{
	unsigned from = axis_phase_of(&in->axis, (int64_t)(index - in->force_count.same));

	for (unsigned i = from; i <= (unsigned)in->phase; i++)
		in->quality[i].stuck = true;
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

static void count_equal(struct intake *in, uint64_t index, const int32_t *counts, unsigned n)
{
	struct last_count *last = &in->force_count;
	double stuck = STUCK_S * in->config->fs_hz;

	for (unsigned i = 0; i < n; i++) {
		last->same = counts[i] == last->count ? last->same + 1 : 0;
		if ((double)last->same >= stuck)
			mark_stuck(in, index + i);
		last->count = counts[i];
	}
}

/* A piece that changes somewhere and is shorter than what counts as stuck can only end one stretch of equal counts and
 * begin another. */
static void watch_stuck(struct intake *in, uint64_t index, const int32_t *counts, unsigned n, unsigned changes)
{
	if (changes == 0 || STUCK_S * in->config->fs_hz <= INTAKE_PIECE) {
		count_equal(in, index, counts, n);
		return;
	}

	unsigned lead = 0, tail = 1;

	while (counts[lead] == in->force_count.count)
		lead++;
	count_equal(in, index, counts, lead);
	while (counts[n - 1 - tail] == counts[n - 1])
		tail++;
	in->force_count = (struct last_count){.count = counts[n - 1], .same = tail - 1};
}

/* Only the window counts: a needle bar that is off stands still, and may be parked at an end. */
static void watch_displacement(struct intake *in, const int32_t *counts, unsigned n)
{
	const struct channel_scale *d = &in->config->displacement;
	struct last_count *last = &in->displacement_count;
	struct quality *q = &in->quality[in->phase];
	double stuck = STUCK_S * in->config->fs_hz;

	for (unsigned i = 0; i < n; i++) {
		if (d->count_hi > d->count_lo && (counts[i] <= d->count_lo || counts[i] >= d->count_hi))
			q->displacement_ended = true;
		last->same = counts[i] == last->count ? last->same + 1 : 0;
		if ((double)last->same >= stuck)
			q->displacement_stuck = true;
		last->count = counts[i];
	}
}

/* n <= INTAKE_PIECE samples of one phase. */
static void take(struct intake *in, uint64_t index, const int32_t *force, const int32_t *displacement, unsigned n)
{
	struct quality *q = &in->quality[in->phase];
	unsigned changes, outside;

	scan(force, n, in->config->force.count_lo, in->config->force.count_hi, &changes, &outside);
	q->samples += n;
	q->changes += changes + (force[0] != in->force_count.count);
	q->saturated = q->saturated || outside > 0;
	watch_stuck(in, index, force, n, changes);
	repeats_take(&in->repeats, index, force, n, &q->repeated);
	if (displacement)
		watch_displacement(in, displacement, n);
	push(in, force, displacement, n);
}

/* The same out of frames of several channels. */
static void take_columns(struct intake *in, uint64_t index, const int32_t *frames, unsigned channels, unsigned n)
{
	unsigned force_at = (unsigned)in->config->force.position;
	unsigned displacement_at = (unsigned)in->config->displacement.position;
	int32_t force[INTAKE_PIECE], displacement[INTAKE_PIECE];

	for (unsigned i = 0; i < n; i++)
		force[i] = frames[(size_t)i * channels + force_at];
	for (unsigned i = 0; in->displacement && i < n; i++)
		displacement[i] = frames[(size_t)i * channels + displacement_at];
	take(in, index, force, in->displacement ? displacement : NULL, n);
}

/* Frames from index on that belong to the phase at index; that phase becomes the present one. */
static unsigned of_one_phase(struct intake *in, uint64_t index, uint32_t most)
{
	uint64_t n = most < INTAKE_PIECE ? most : INTAKE_PIECE;
	enum point_phase phase = axis_phase_of(&in->axis, (int64_t)index);

	if (phase > in->phase)
		in->phase = phase;
	for (unsigned i = 0; i < POINT_PHASES; i++) {
		int64_t start = in->axis.phase_start[i];

		if (start > (int64_t)index && (uint64_t)start - index < n)
			n = (uint64_t)start - index;
	}
	return (unsigned)n;
}

static void mark(struct intake *in, uint64_t first, uint64_t last, bool gap, bool saturated)
{
	unsigned from = axis_phase_of(&in->axis, (int64_t)first), to = axis_phase_of(&in->axis, (int64_t)last);

	for (unsigned i = from; i <= to; i++) {
		in->quality[i].gap = in->quality[i].gap || gap;
		in->quality[i].saturated = in->quality[i].saturated || saturated;
	}
}

/* Samples to be held before first_index. Of a gap that is too long the axis skips the rest, and nothing is trusted. */
static uint64_t bridge(struct intake *in, uint64_t first_index)
{
	uint64_t missing = first_index - in->next_index, most = (uint64_t)(HOLD_MAX_S * in->config->fs_hz);
	uint64_t left = (uint64_t)(HOLD_ALL_S * in->config->fs_hz) - in->bridged;

	most = most < left ? most : left;
	mark(in, in->next_index, first_index, true, false);
	if (missing > most) {
		for (unsigned i = 0; i < POINT_PHASES; i++)
			in->quality[i].gap = true;
		most = most / in->grid.decimation * in->grid.decimation;
		in->axis.origin += missing - most;
		missing = most;
	}
	in->bridged += missing;
	return missing;
}

static void mark_unpaired(struct intake *in, uint64_t first, uint64_t last)
{
	unsigned from = axis_phase_of(&in->axis, (int64_t)first), to = axis_phase_of(&in->axis, (int64_t)last);

	for (unsigned i = from; i <= to; i++)
		in->quality[i].displacement_missing = true;
}

struct piecewise intake_begin(struct intake *in, const struct sample_block *block)
{
	struct piecewise p = {.block = block};

	if (!in->started) {
		in->started = true;
		in->axis.origin = in->next_index = block->first_index;
	} else if (block->first_index > in->next_index) {
		p.missing = bridge(in, block->first_index);
		in->next_index = block->first_index;
	} else if (block->first_index < in->next_index) {
		uint64_t old = in->next_index - block->first_index;

		p.next = old < block->frames ? (uint32_t)old : block->frames;
	}
	if (block->frames > p.next)
		mark(in, block->first_index, block->first_index + block->frames - 1, block->flags & SAMPLE_GAP,
		     block->flags & (SAMPLE_SATURATED | SAMPLE_OVER_RANGE));
	if (block->frames > p.next && (block->flags & SAMPLE_UNPAIRED))
		mark_unpaired(in, block->first_index, block->first_index + block->frames - 1);
	return p;
}

/* The last value again, up to a piece of it. */
static void hold(struct intake *in, struct piecewise *p)
{
	double force = in->config->force.offset + in->config->force.scale * in->force_count.count;

	for (unsigned i = 0; i < INTAKE_PIECE && p->missing > 0; i++, p->missing--)
		push_one(in, force, 0.0);
	if (p->missing == 0)
		in->force_count.same = in->repeats.known = 0;
}

bool intake_take(struct intake *in, struct piecewise *p)
{
	const struct sample_block *block = p->block;

	if (p->missing > 0) {
		hold(in, p);
		return true;
	}
	if (p->next >= block->frames)
		return false;

	uint64_t index = block->first_index + p->next;
	const int32_t *frames = block->counts + (size_t)p->next * block->channels;
	unsigned n = of_one_phase(in, index, block->frames - p->next);

	if (block->channels == 1)
		take(in, index, frames, NULL, n);
	else
		take_columns(in, index, frames, block->channels, n);
	p->next += n;
	in->next_index = index + n;
	return true;
}

bool intake_reaches(const struct intake *in, long end)
{
	return in->end >= end + (long)in->inverse.reach;
}

void intake_compensate(struct intake *in, long end)
{
	if (in->inverse.reach > 0)
		cell_inverse_run(&in->inverse, in->raw, in->end - in->base, in->compensated - in->base, end - in->base,
				 in->force);
	in->compensated = end;
}

void intake_drop(struct intake *in, long base)
{
	size_t shift = (size_t)(base - in->base), keep = (size_t)(in->end - base);

	memmove(in->raw, in->raw + shift, keep * sizeof(float));
	if (in->force != in->raw)
		memmove(in->force, in->force + shift, keep * sizeof(float));
	if (in->displacement)
		memmove(in->displacement, in->displacement + shift, keep * sizeof(float));
	in->base = base;
}

struct stretch intake_stretch(const struct intake *in)
{
	return (struct stretch){.base = in->base, .raw = in->raw, .force = in->force, .displacement = in->displacement};
}

void intake_newest(const struct intake *in, long n, double *ret_mean, double *ret_rms)
{
	long held = in->end - in->base;
	double sum = 0.0, squares = 0.0;

	n = n < 1 ? 1 : n;
	n = n > held ? held : n;
	for (long i = held - n; i < held; i++)
		sum += in->raw[i];
	for (long i = held - n; i < held; i++)
		squares += pow(in->raw[i] - sum / (double)n, 2.0);
	*ret_mean = n > 0 ? sum / (double)n : NAN;
	*ret_rms = n > 0 ? sqrt(squares / (double)n) : NAN;
}
