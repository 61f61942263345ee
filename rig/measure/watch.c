/* Liveness and stand-still of a force channel from 1 ms means; no estimator, no memory of strokes. */
#include "rig/measure/watch.h"

#include <math.h>
#include <string.h>

#define WINDOW_BINS 50 /* 1 ms each */
#define SWING_BINS  20
#define RING        64    /* >= WINDOW_BINS, the size of the arrays in the header */
#define PACE_S      0.100 /* between two strokes of a pen that runs: ten per second, a third of the slowest setpoint */
#define COASTED_S   0.3   /* behind its last swing a motor that coasts, by 10 Hz/s or faster, stands */
#define RELAXES_REL 0.1   /* silicone: 5 % to 7 % per decade of time, from 50 ms to the seconds of a proof */
#define SHORT_GAP_S 0.020 /* as SWING_BINS: on both sides of it a stroke still shows */
/* Of a stand-still: needles touch for a fifth of a stroke or longer, so no gaps hide them all. */
#define UNSEEN_MAX 0.1
/* A line over the earliest arrivals tells when a sample was due. It follows a sample clock that is off by up to PACE_REL,
 * ten times what a bench file may say of one; what comes later than PACE_JITTER_NS waited somewhere, and moves it no more. */
#define PACE_REL       0.1
#define PACE_JITTER_NS 50e6
/* A backlog that was there from the first sample on is known by the line, which falls as long as it is worked off. */
#define FELL_TAU_NS 100e6
#define FELL_MAX_NS 500e6

void watch_init(struct watch *watch, const struct watch_config *config)
{
	*watch = (struct watch){.config = *config};
	watch->state.bin_len = (uint32_t)fmax(1.0, round(config->fs_hz / 1000.0));
	watch->rest_n = INFINITY;
}

void watch_ran(struct watch *watch)
{
	memset(&watch->strokes, 0, sizeof(watch->strokes));
	watch->crept = 0;
	watch->rest_n = watch->state.bins >= WINDOW_BINS ? watch->force_n : INFINITY;
}

/* After a long gap nothing is known of what went before: the windows fill anew. */
static void restart(struct watch *watch, uint64_t index)
{
	uint32_t bin_len = watch->state.bin_len;

	memset(&watch->state, 0, sizeof(watch->state));
	watch->state.bin_len = bin_len;
	watch->state.start = watch->state.closed = index;
	watch->state.gaps_at_motion = watch->gaps;
}

/* The millisecond that was under way is lost; those before the gap still count. */
static void skip(struct watch *watch)
{
	watch->state.bin_sum = watch->state.diff_squares = 0.0;
	watch->state.bin_count = watch->state.changes = watch->state.samples = 0;
}

static void gap(struct watch *watch, const struct sample_block *block)
{
	uint64_t lost =
		block->first_index - watch->next_index; /* 0: the sensor itself lost some, nobody knows how many */
	uint64_t blind = block->first_index - watch->state.closed;

	watch->gaps += lost;
	if (lost > 0 && (double)blind <= SHORT_GAP_S * watch->config.fs_hz)
		skip(watch);
	else
		restart(watch, block->first_index);
}

static double swing(const struct watch *watch)
{
	double lo = INFINITY, hi = -INFINITY;
	uint32_t n = watch->state.bins < SWING_BINS ? watch->state.bins : SWING_BINS;

	for (uint32_t i = 1; i <= n; i++) {
		double mean = watch->state.bin_mean[(watch->state.head - i) % RING];

		lo = fmin(lo, mean);
		hi = fmax(hi, mean);
	}
	return n < 2 ? 0.0 : hi - lo;
}

static void window(struct watch *watch)
{
	double mean = 0.0, diff = 0.0;
	uint32_t changes = 0, n = watch->state.bins < WINDOW_BINS ? watch->state.bins : WINDOW_BINS;

	for (uint32_t i = 1; i <= n; i++) {
		uint32_t at = (watch->state.head - i) % RING;

		mean += watch->state.bin_mean[at];
		diff += watch->state.bin_diff[at];
		changes += watch->state.bin_changes[at];
	}
	watch->force_n = mean / n;
	watch->noise_n = sqrt(diff / (2.0 * n * watch->state.bin_len));
	watch->stuck = n == WINDOW_BINS && changes == 0;
	watch->noise_dead = n == WINDOW_BINS && watch->noise_n < 0.1 * watch->config.channel.noise;
}

static void note_level(struct watch *watch, uint64_t last_index)
{
	if (watch->state.bins >= WINDOW_BINS && fabs(watch->force_n - watch->state.level_n) <= watch->config.still_n)
		return;
	watch->state.level_n = watch->force_n;
	watch->last_shift = last_index;
}

double watch_drift_max_n(const struct watch *watch, double from_n, double to_n)
{
	double above_n = to_n < from_n ? fmax(0.0, from_n - watch->rest_n) : 0.0;

	return watch->config.still_n + RELAXES_REL * above_n;
}

/* Of windows without a swing. */
static void note_drift(struct watch *watch, uint64_t last_index)
{
	double from_n = watch->state.calm_n, to_n = watch->force_n;

	if (watch->state.calm_bins < WINDOW_BINS && ++watch->state.calm_bins == WINDOW_BINS)
		watch->state.calm_n = from_n = to_n;
	if (watch->state.calm_bins < WINDOW_BINS || fabs(to_n - from_n) <= watch_drift_max_n(watch, from_n, to_n))
		return;
	watch->state.calm_n = to_n;
	watch->last_drift = last_index;
	if ((double)(last_index - watch->last_motion) > COASTED_S * watch->config.fs_hz)
		watch->crept = last_index;
}

static void note_stroke(struct watch *watch, double swing_n, uint64_t last_index)
{
	watch->strokes.top_n = fmax(watch->strokes.top_n, swing_n);
	if (swing_n < 0.5 * watch->strokes.top_n)
		return;
	if (!watch->strokes.last || (double)(last_index - watch->strokes.last) > PACE_S * watch->config.fs_hz)
		watch->strokes.since = last_index;
	watch->strokes.last = last_index;
}

static void close_bin(struct watch *watch, uint64_t last_index)
{
	uint32_t at = watch->state.head % RING;

	watch->state.bin_mean[at] = watch->state.bin_sum / watch->state.bin_count;
	watch->state.bin_diff[at] = watch->state.diff_squares;
	watch->state.bin_changes[at] = watch->state.changes;
	watch->state.head++;
	watch->state.bins += watch->state.bins < RING;
	watch->state.bin_sum = watch->state.diff_squares = 0.0;
	watch->state.bin_count = watch->state.changes = 0;
	watch->state.closed = last_index + 1;
	window(watch);
	note_level(watch, last_index);
	double swing_n = swing(watch);
	if (swing_n <= watch->config.still_n) {
		note_drift(watch, last_index);
		return;
	}
	watch->state.calm_bins = 0;
	note_stroke(watch, swing_n, last_index);
	watch->last_motion = last_index;
	watch->state.gaps_at_motion = watch->gaps;
}

static void feed_one(struct watch *watch, uint64_t index, int32_t count)
{
	const struct channel_scale *channel = &watch->config.channel;

	if (count <= channel->count_lo || count >= channel->count_hi)
		watch->last_saturated = index + 1;
	if (watch->state.samples > 0) {
		double diff = channel->scale * ((double)count - watch->state.last);

		watch->state.diff_squares += diff * diff;
		watch->state.changes += count != watch->state.last;
	}
	watch->state.last = count;
	watch->state.samples = 1;
	watch->state.bin_sum += channel->offset + channel->scale * count;
	if (++watch->state.bin_count == watch->state.bin_len)
		close_bin(watch, index);
}

static void move_line(struct watch *watch, uint64_t host_ns, double late_ns)
{
	watch->pace.host_ns = host_ns - (uint64_t)fmax(late_ns, 0.0);
	watch->pace.index = watch->next_index;
}

static void note_pace(struct watch *watch, uint64_t host_ns, uint64_t before_ns)
{
	double passed_ns = host_ns > before_ns ? (double)(host_ns - before_ns) : 0.0;
	double due_ns = (double)(watch->next_index - watch->pace.index) / watch->config.fs_hz * 1e9;
	double late_ns = ((double)host_ns - (double)watch->pace.host_ns) - due_ns;

	watch->pace.fell_ns *= exp(-passed_ns / FELL_TAU_NS);
	if (late_ns < 0.0)
		watch->pace.fell_ns = fmin(watch->pace.fell_ns - late_ns, FELL_MAX_NS);
	else if (late_ns < PACE_JITTER_NS)
		late_ns = fmax(late_ns - PACE_REL * passed_ns, 0.0);
	move_line(watch, host_ns, late_ns);
	watch->behind_ns = (uint64_t)(fmax(late_ns, 0.0) + watch->pace.fell_ns);
}

/* Where nobody knows how many samples are missing, nothing is known of when the next was due either. */
static void take_pace(struct watch *watch, const struct sample_block *block, uint64_t before_ns, bool lost_unknown)
{
	if (watch->pace.known && !lost_unknown) {
		note_pace(watch, block->host_ns, before_ns);
		return;
	}
	watch->pace.known = true;
	watch->pace.fell_ns = 0.0;
	watch->behind_ns = 0;
	move_line(watch, block->host_ns, 0.0);
}

void watch_feed(struct watch *watch, const struct sample_block *block)
{
	uint64_t before_ns = watch->last_host_ns;
	bool lost_unknown = (block->flags & SAMPLE_GAP) && block->first_index == watch->next_index;

	if (block->frames == 0)
		return;
	if (watch->last_host_ns == 0) {
		restart(watch, block->first_index);
	} else if (block->first_index > watch->next_index || (block->flags & SAMPLE_GAP)) {
		gap(watch, block);
	}
	for (uint32_t i = 0; i < block->frames; i++)
		feed_one(watch, block->first_index + i,
			 block->counts[(size_t)i * block->channels + (unsigned)watch->config.channel.position]);
	if (block->flags & (SAMPLE_SATURATED | SAMPLE_OVER_RANGE))
		watch->last_saturated = block->first_index + block->frames;
	watch->next_index = block->first_index + block->frames;
	watch->last_host_ns = block->host_ns ? block->host_ns : 1;
	take_pace(watch, block, before_ns, lost_unknown);
}

static uint64_t age_ns(const struct watch *watch, uint64_t now_ns)
{
	return (now_ns > watch->last_host_ns ? now_ns - watch->last_host_ns : 0) + watch->behind_ns;
}

uint64_t watch_index_at(const struct watch *watch, uint64_t now_ns)
{
	double due = (double)age_ns(watch, now_ns) * 1e-9 * watch->config.fs_hz;

	return watch->last_host_ns ? watch->next_index + (uint64_t)due : 0;
}

const char *watch_verdict_text(enum watch_verdict verdict)
{
	switch (verdict) {
	case WATCH_OK: return "alive";
	case WATCH_NO_DATA: return "no data yet";
	case WATCH_STALE: return "no fresh data";
	case WATCH_STUCK: return "stuck: the counts do not change";
	case WATCH_SATURATED: return "saturated";
	case WATCH_PRELOAD: return "seating force outside its window";
	case WATCH_MOVING: return "the needles still move";
	}
	return "unknown";
}

enum watch_verdict watch_alive(const struct watch *watch, uint64_t now_ns, uint64_t max_age_ns)
{
	double fs = watch->config.fs_hz;

	if (watch->last_host_ns == 0 || watch->state.bins < WINDOW_BINS)
		return watch->last_host_ns != 0 && age_ns(watch, now_ns) > max_age_ns ? WATCH_STALE : WATCH_NO_DATA;
	if (age_ns(watch, now_ns) > max_age_ns)
		return WATCH_STALE;
	if (watch->last_saturated != 0 && (double)(watch->next_index - watch->last_saturated) < 0.05 * fs)
		return WATCH_SATURATED;
	if (watch->stuck || watch->noise_dead)
		return WATCH_STUCK;
	if (watch->force_n < watch->config.preload_lo_n || watch->force_n > watch->config.preload_hi_n)
		return WATCH_PRELOAD;
	return WATCH_OK;
}

static uint64_t still_since(const struct watch *watch)
{
	return watch->last_motion > watch->state.start ? watch->last_motion : watch->state.start;
}

double watch_quiet_s(const struct watch *watch)
{
	return (double)(watch->next_index - still_since(watch)) / watch->config.fs_hz;
}

enum watch_verdict watch_still(const struct watch *watch, uint64_t now_ns, uint64_t max_age_ns, double quiet_s)
{
	enum watch_verdict verdict = watch_alive(watch, now_ns, max_age_ns);

	if (verdict != WATCH_OK)
		return verdict;
	double seen = (double)(watch->next_index - still_since(watch)),
	       unseen = (double)(watch->gaps - watch->state.gaps_at_motion);

	return seen < quiet_s * watch->config.fs_hz || unseen > UNSEEN_MAX * seen ? WATCH_MOVING : WATCH_OK;
}

static enum watch_verdict still_and(const struct watch *watch, enum watch_verdict still, uint64_t since, double quiet_s)
{
	if (still != WATCH_OK)
		return still;
	return (double)(watch->next_index - since) < quiet_s * watch->config.fs_hz ? WATCH_MOVING : WATCH_OK;
}

enum watch_verdict watch_steady(const struct watch *watch, uint64_t now_ns, uint64_t max_age_ns, double quiet_s)
{
	return still_and(watch, watch_still(watch, now_ns, max_age_ns, quiet_s), watch->last_shift, quiet_s);
}

enum watch_verdict watch_level(const struct watch *watch, uint64_t now_ns, uint64_t max_age_ns, double quiet_s)
{
	return still_and(watch, watch_still(watch, now_ns, max_age_ns, quiet_s), watch->last_drift, quiet_s);
}
