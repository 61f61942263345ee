/* Pairs by mapping indices through both clocks' lines. Leaves out which of the devices is which (estimate/). */
#include "rig/measure/align.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NS           1e9
#define SQRT12       3.4641016151377544
#define FIT_EVERY_NS 20000000ull /* as often as the clocks' envelopes get a point */
#define WAIT_S       0.25        /* for the bar, beyond its latency: a few blocks, and what the host holds back */
#define WAIT_SAMPLES 6           /* and so many of its own */
#define BEHIND_S     0.5         /* of the bar's past that is kept beyond the force's latency */
#define PIECE        512         /* frames that go out together */
#define WAITING_MAX  2048        /* blocks of force that wait */
#define TAPS         4
#define BITS_OUT     31 /* of the bar's counts as they go out, sign included */
#define ABSENT       INT32_MIN

/* A block of force that waits for the bar. */
struct waiting {
	uint64_t first_index, host_ns;
	uint32_t frames, flags;
};

struct align {
	struct align_config config;
	struct sample_clock force_clock, bar_clock;
	struct clock_line force_line, bar_line;
	uint64_t arrived_ns, fitted_ns;

	/* the bar's newest samples: of index i at i % bar_room; bar_first <= i < bar_next */
	int32_t *bar;
	uint64_t bar_room, bar_first, bar_next;
	bool bar_began;
	double finer; /* counts out for one count in */
	int32_t last_out;

	/* force that waits: its counts in a ring, its blocks in another */
	int32_t *force;
	uint64_t force_room, force_head, force_count, wait_frames;
	struct waiting waiting[WAITING_MAX];
	unsigned head, count;
	uint32_t taken; /* frames of the first one that have gone out */

	int32_t out[2 * PIECE];
};

static double latency_s(const struct align_side *side)
{
	return 0.5 * (side->latency_lo_s + side->latency_hi_s);
}

static bool is_sound(const struct align_config *c)
{
	return c->force.rate_hz > 0 && c->bar.rate_hz > 0 && c->emit && c->scale.position >= 0 &&
	       c->force.latency_lo_s >= 0 && c->force.latency_hi_s >= c->force.latency_lo_s &&
	       c->bar.latency_lo_s >= 0 && c->bar.latency_hi_s >= c->bar.latency_lo_s;
}

int align_new(const struct align_config *config, struct align **ret)
{
	if (!is_sound(config))
		return -EINVAL;
	struct align *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	double wait_s = WAIT_S + config->bar.latency_hi_s + WAIT_SAMPLES / config->bar.rate_hz;
	a->config = *config;
	a->wait_frames = (uint64_t)ceil(wait_s * config->force.rate_hz);
	a->force_room = a->wait_frames + SAMPLES_PER_BLOCK_MAX;
	a->bar_room = (uint64_t)ceil((wait_s + config->force.latency_hi_s + BEHIND_S) * config->bar.rate_hz) +
		      SAMPLES_PER_BLOCK_MAX;
	a->force = calloc(a->force_room, sizeof(*a->force));
	a->bar = calloc(a->bar_room, sizeof(*a->bar));
	if (!a->force || !a->bar) {
		align_free(a);
		return -ENOMEM;
	}
	double end = fmax(fabs((double)config->scale.count_lo), fabs((double)config->scale.count_hi));
	a->finer = exp2(fmax(0.0, floor(BITS_OUT - 1 - log2(fmax(end, 1.0) + 1.0))));
	sample_clock_init(&a->force_clock, config->force.rate_hz);
	sample_clock_init(&a->bar_clock, config->bar.rate_hz);
	sample_clock_line(&a->force_clock, 0, &a->force_line);
	sample_clock_line(&a->bar_clock, 0, &a->bar_line);
	*ret = a;
	return 0;
}

void align_free(struct align *a)
{
	if (!a)
		return;
	free(a->force);
	free(a->bar);
	free(a);
}

/* ---- the mapping ---- */

static void fit(struct align *a, bool now)
{
	if (!now && a->fitted_ns && a->arrived_ns - a->fitted_ns < FIT_EVERY_NS)
		return;
	a->fitted_ns = a->arrived_ns;
	sample_clock_line(&a->force_clock, a->config.force.clock_rel, &a->force_line);
	sample_clock_line(&a->bar_clock, a->config.bar.clock_rel, &a->bar_line);
}

/* Where among the bar's samples the force's sample `index` was taken; both samples were taken before their earliest
 * arrival by their latency. */
static double bar_index_of(const struct align *a, uint64_t index)
{
	const struct sample_clock *f = &a->force_clock, *b = &a->bar_clock;
	double nominal_s = (double)(int64_t)(index - f->first_index) / f->nominal_hz;
	double host_s = a->force_line.intercept_s + (1.0 + a->force_line.slope) * nominal_s;
	double between_s = (double)(int64_t)(f->first_ns - b->first_ns) / NS;
	double later_s = latency_s(&a->config.bar) - latency_s(&a->config.force);

	return (double)b->first_index +
	       b->nominal_hz * (host_s + between_s + later_s - a->bar_line.intercept_s) / (1.0 + a->bar_line.slope);
}

double align_wander_s(const struct align *a)
{
	struct clock_line force, bar;

	sample_clock_line(&a->force_clock, a->config.force.clock_rel, &force);
	sample_clock_line(&a->bar_clock, a->config.bar.clock_rel, &bar);
	return hypot(force.u_s, bar.u_s);
}

double align_u_s(const struct align *a)
{
	const struct align_side *f = &a->config.force, *b = &a->config.bar;

	return hypot(align_wander_s(a),
		     hypot(f->latency_hi_s - f->latency_lo_s, b->latency_hi_s - b->latency_lo_s) / SQRT12);
}

const struct sample_clock *align_bar_clock(const struct align *a)
{
	return &a->bar_clock;
}

/* ---- the bar ---- */

void align_scale(const struct align *a, struct channel_scale *ret)
{
	struct channel_scale scale = a->config.scale;

	scale.position = 1;
	scale.scale /= a->finer;
	scale.count_lo = (int32_t)(scale.count_lo * a->finer);
	scale.count_hi = (int32_t)(scale.count_hi * a->finer);
	*ret = scale;
}

static int32_t *bar_at(const struct align *a, uint64_t index)
{
	return &a->bar[index % a->bar_room];
}

static void put_bar(struct align *a, uint64_t index, int32_t count)
{
	*bar_at(a, index) = count;
	a->bar_next = index + 1;
	if (a->bar_next - a->bar_first > a->bar_room)
		a->bar_first = a->bar_next - a->bar_room;
}

/* What is missing has no value; nor has the sample behind a gap of unknown length. */
static void bridge_bar(struct align *a, const struct sample_block *block)
{
	if (!a->bar_began || block->first_index - a->bar_next > a->bar_room) {
		a->bar_began = true;
		a->bar_first = a->bar_next = block->first_index;
	}
	while (a->bar_next < block->first_index)
		put_bar(a, a->bar_next, ABSENT);
}

void align_bar(struct align *a, const struct sample_block *block)
{
	const struct channel_scale *scale = &a->config.scale;

	if (!block->frames || (a->bar_began && block->first_index < a->bar_next))
		return;
	bridge_bar(a, block);
	for (uint32_t i = 0; i < block->frames; i++) {
		int32_t count = block->counts[(size_t)i * block->channels + (unsigned)scale->position];
		if (block->flags & SAMPLE_OVER_RANGE)
			count = scale->count_hi;
		put_bar(a, block->first_index + i, i == 0 && (block->flags & SAMPLE_GAP) ? ABSENT : count);
	}
	sample_clock_feed(&a->bar_clock, block->first_index + block->frames - 1, block->host_ns);
}

static double lagrange(const int32_t y[TAPS], double s)
{
	double a = s + 1.0, b = s - 1.0, c = s - 2.0;

	return (double)y[0] * -(s * b * c) / 6.0 + (double)y[1] * (a * b * c) / 2.0 - (double)y[2] * (a * s * c) / 2.0 +
	       (double)y[3] * (a * s * b) / 6.0;
}

/* A sample at an end of its range spoils what is drawn through it. */
static bool interpolate(const struct align *a, uint64_t first, double s, int32_t *ret)
{
	const struct channel_scale *scale = &a->config.scale;
	int32_t y[TAPS];
	bool ended = false;

	for (unsigned i = 0; i < TAPS; i++) {
		y[i] = *bar_at(a, first + i);
		if (y[i] == ABSENT)
			return false;
		ended |= y[i] <= scale->count_lo || y[i] >= scale->count_hi;
	}
	double most = scale->count_hi * a->finer, least = scale->count_lo * a->finer;
	double value = ended ? most : fmax(least + 1, fmin(most - 1, round(a->finer * lagrange(y, s))));
	*ret = (int32_t)value;
	return true;
}

/* ---- out ---- */

enum pairing { PAIRED, UNPAIRED, NOT_YET };

static enum pairing pair(struct align *a, uint64_t index, bool last)
{
	double at = bar_index_of(a, index);
	bool late = last || a->force_count > a->wait_frames;

	if (!a->bar_began)
		return late ? UNPAIRED : NOT_YET;
	double from = floor(at) - 1.0;
	if (!(from >= (double)a->bar_first))
		return UNPAIRED;
	if (from + TAPS > (double)a->bar_next)
		return late ? UNPAIRED : NOT_YET;
	return interpolate(a, (uint64_t)from, at - floor(at), &a->last_out) ? PAIRED : UNPAIRED;
}

static void send(const struct align *a, const struct waiting *w, uint32_t from, uint32_t frames, bool paired)
{
	const uint32_t flags = (from ? w->flags & ~(uint32_t)SAMPLE_GAP : w->flags) | (paired ? 0 : SAMPLE_UNPAIRED);
	const struct sample_block block = {
		.channels = 2,
		.flags = flags,
		.frames = frames,
		.first_index = w->first_index + from,
		.host_ns = w->host_ns,
		.counts = a->out,
	};

	if (frames)
		a->config.emit(a->config.ctx, &block);
}

/* Frames of the first block that waits, as many as are of one kind and fit. False: nothing can go yet. */
static bool send_piece(struct align *a, bool last)
{
	const struct waiting *w = &a->waiting[a->head];
	uint32_t n = 0, from = a->taken;
	enum pairing first = PAIRED;

	for (; n < PIECE && from + n < w->frames; n++) {
		enum pairing next = pair(a, w->first_index + from + n, last);
		first = n == 0 ? next : first;
		if (next != first || next == NOT_YET)
			break;
		a->out[2 * n] = a->force[a->force_head];
		a->out[2 * n + 1] = a->last_out;
		a->force_head = (a->force_head + 1) % a->force_room;
		a->force_count--;
	}
	send(a, w, from, n, first == PAIRED);
	a->taken += n;
	if (a->taken < w->frames)
		return n > 0;
	a->head = (a->head + 1) % WAITING_MAX;
	a->count--;
	a->taken = 0;
	return true;
}

static void send_all(struct align *a, bool last)
{
	while (a->count && send_piece(a, last))
		;
}

void align_advance(struct align *a, uint64_t host_ns)
{
	if (host_ns <= a->arrived_ns)
		return;
	fit(a, false);
	send_all(a, false);
	a->arrived_ns = host_ns;
}

void align_flush(struct align *a)
{
	fit(a, true);
	send_all(a, true);
}

void align_force(struct align *a, const struct sample_block *block)
{
	if (!block->frames)
		return;
	/* No force is lost for a bar that does not come, or for blocks that are many and small. */
	while (a->count && (a->count == WAITING_MAX || a->force_count + block->frames > a->force_room))
		send_piece(a, true);
	for (uint32_t i = 0; i < block->frames; i++)
		a->force[(a->force_head + a->force_count++) % a->force_room] =
			block->counts[(size_t)i * block->channels + a->config.force_position];
	a->waiting[(a->head + a->count++) % WAITING_MAX] = (struct waiting){.first_index = block->first_index,
									    .host_ns = block->host_ns,
									    .frames = block->frames,
									    .flags = block->flags};
	sample_clock_feed(&a->force_clock, block->first_index + block->frames - 1, block->host_ns);
}

double align_interpolation_rel(double rate_hz, double signal_hz)
{
	double w = 2.0 * M_PI * signal_hz / rate_hz;

	return 3.0 / 128.0 * w * w * w * w;
}
