#include "rig/offline/import/stretches.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define BIN_S      1e-3
#define BINS       20   /* within which a swing is a stroke */
#define UP         0.5  /* share of the way from the lowest to the highest of late at which a pulse rises */
#define AT_SPEED   0.03 /* by which a period may differ from those before it */
#define SPEED_OVER 16.0 /* of those, an exponential mean */
#define RHYTHM     0.1  /* by which two periods in a row may differ */
#define DOWN       0.25 /* and must have fallen below before the next */

struct stretches {
	struct stretches_config config;
	unsigned bin_rows;
	uint64_t pause_rows;
	/* the bin under way, and the means of those before, a ring */
	double sum;
	unsigned summed, held, at;
	double mean[BINS];
	double lowest_n, highest_n; /* of late: both go towards each other within pause_s */
	double fade;
	bool high, started;
	uint64_t pulse;         /* the last one */
	double period, of_late; /* before it, and on average */
	uint64_t rhythm, rhythm_first;
	bool open;
	struct stretch now;
	struct stretch *found;
	unsigned count, room;
};

int stretches_new(const struct stretches_config *config, struct stretches **ret)
{
	struct stretches *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->bin_rows = (unsigned)fmax(1, round(config->rate_hz * BIN_S));
	s->pause_rows = (uint64_t)ceil(config->pause_s * config->rate_hz);
	s->fade = 1 / fmax(1, config->pause_s * config->rate_hz);
	*ret = s;
	return 0;
}

void stretches_free(struct stretches *s)
{
	if (!s)
		return;
	free(s->found);
	free(s);
}

static int keep(struct stretches *s)
{
	if (s->count == STRETCHES_MAX)
		return -E2BIG;
	if (s->count == s->room) {
		unsigned room = 2 * s->room + 64;
		struct stretch *found = realloc(s->found, room * sizeof(*found));
		if (!found)
			return -ENOMEM;
		s->found = found;
		s->room = room;
	}
	s->found[s->count++] = s->now;
	s->open = false;
	return 0;
}

static double swing(const struct stretches *s)
{
	double lo = INFINITY, hi = -INFINITY;
	for (unsigned i = 0; i < s->held; i++) {
		lo = fmin(lo, s->mean[i]);
		hi = fmax(hi, s->mean[i]);
	}
	return hi - lo;
}

static void open_stretch(struct stretches *s, uint64_t row)
{
	s->open = true;
	s->now = (struct stretch){.first = row, .last = row};
}

static int take_bin(struct stretches *s, uint64_t row)
{
	double mean = s->sum / s->summed;
	s->mean[s->at] = mean;
	s->at = (s->at + 1) % BINS;
	s->held = s->held < BINS ? s->held + 1 : BINS;
	s->sum = 0;
	s->summed = 0;
	bool moves = swing(s) > s->config.still_n;
	if (moves && !s->open)
		open_stretch(s, row);
	if (moves)
		s->now.last = row;
	return s->open && row - s->now.last >= s->pause_rows ? keep(s) : 0;
}

/* A pulse that comes as late as the one before it goes on with its rhythm. */
static void keep_rhythm(struct stretches *s, uint64_t row)
{
	struct stretch *now = &s->now;
	double period = (double)(row - s->pulse);
	bool follows = now->pulses >= 2 && fabs(period - s->period) <= RHYTHM * s->period;
	now->pulses++;
	s->rhythm = follows ? s->rhythm + 1 : now->pulses >= 2 ? 2 : 1;
	if (s->rhythm <= 2)
		s->rhythm_first = now->pulses >= 2 ? s->pulse : row;
	if (s->rhythm > now->steady) {
		now->steady = s->rhythm;
		now->steady_first = s->rhythm_first;
		now->steady_last = row;
	}
	s->of_late = s->rhythm > 3 ? s->of_late + (period - s->of_late) / SPEED_OVER : period;
	if (s->rhythm > 3 && fabs(period - s->of_late) <= AT_SPEED * s->of_late)
		now->last_at_speed = row;
	s->period = period;
	s->pulse = row;
}

static void count_pulse(struct stretches *s, uint64_t row, double force_n)
{
	double span_n = s->highest_n - s->lowest_n, above_n;
	s->highest_n = fmax(force_n, s->highest_n - s->fade * span_n);
	s->lowest_n = fmin(force_n, s->lowest_n + s->fade * span_n);
	span_n = s->highest_n - s->lowest_n;
	above_n = force_n - s->lowest_n;
	if (s->high && above_n < DOWN * span_n)
		s->high = false;
	if (s->high || above_n < UP * span_n || span_n < s->config.still_n || !s->open)
		return;
	s->high = true;
	keep_rhythm(s, row);
}

int stretches_feed(struct stretches *s, uint64_t row, double force_n)
{
	if (!s->started)
		s->lowest_n = s->highest_n = force_n;
	s->started = true;
	count_pulse(s, row, force_n);
	s->sum += force_n;
	return ++s->summed == s->bin_rows ? take_bin(s, row) : 0;
}

int stretches_end(struct stretches *s)
{
	return s->open ? keep(s) : 0;
}

const struct stretch *stretches_found(const struct stretches *s, unsigned *ret_count)
{
	*ret_count = s->count;
	return s->found;
}

double stretch_rate_hz(const struct stretch *stretch, double rate_hz)
{
	if (stretch->steady < 3)
		return NAN;
	return (double)(stretch->steady - 1) * rate_hz / (double)(stretch->steady_last - stretch->steady_first);
}
