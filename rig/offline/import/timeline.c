/* A row's place follows from the one before it, a step on, and from where the times of the next rows lie: a late stamp is
 * jitter, late stamps from there on are lost rows. The grid follows slow differences of the clocks. */
#include "rig/offline/import/timeline.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MIN    8
#define FOLLOW       (1.0 / 64) /* of a row's distance from the grid, by which the grid follows */
#define LEARN        (1.0 / 16) /* the same while the step is still to be learned, and follows as well */
#define LEARN_ROWS   1024       /* until then */
#define SPANS        64         /* coarse stamps that a span of the step holds at least */
#define FINE         1.3        /* times the resolution: a step that single rows show */
#define GAP_MAX_S    86400.0    /* a day without a row is no gap: it is another recording */
#define GAP_MAX_ROWS 1e9
#define EXACT_PART   1e-3 /* of a step: what rounding may do to a time in double precision */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *value, unsigned n)
{
	qsort(value, n, sizeof(*value), by_value);
	return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

static double median_span(const double *value, unsigned n, unsigned span, double *work)
{
	for (unsigned i = 0; i + span < n; i++)
		work[i] = (value[i + span] - value[i]) / span;
	return median(work, n - span);
}

/* Of the steps that are none: stamps in bursts. */
static double median_rise(const double *value, unsigned n, double *work)
{
	unsigned rises = 0;

	for (unsigned i = 1; i < n; i++)
		if (value[i] > value[i - 1])
			work[rises++] = value[i] - value[i - 1];
	return rises > 0 ? median(work, rises) : NAN;
}

/* The mean of the steps that are neither lost rows nor rows that stand too close. */
static double mean_step(const double *value, unsigned n, double about)
{
	double sum = 0;
	unsigned steps = 0;

	for (unsigned i = 1; i < n; i++) {
		double by = value[i] - value[i - 1];
		if (by > 0.5 * about && by < 1.5 * about) {
			sum += by;
			steps++;
		}
	}
	return sum / steps;
}

/* Of stamps that are coarser than a step: over spans that hold many of them. */
static double span_step(const double *value, unsigned n, double coarse, double *work)
{
	double mean = (value[n - 1] - value[0]) / (n - 1), span = fmax(16, SPANS * coarse / mean);
	unsigned most = n / 4 > 0 ? n / 4 : 1;

	return median_span(value, n, span < most ? (unsigned)span : most, work);
}

double timeline_step(const double *value, unsigned n, double resolution, double *ret_coarse)
{
	double *work = n >= 3 && n <= TIMELINE_HEAD ? malloc(n * sizeof(*work)) : NULL;
	double coarse = resolution;

	if (!work)
		return NAN;
	double one = median_span(value, n, 1, work);
	if (one <= 0)
		coarse = fmax(coarse, median_rise(value, n, work));
	double step = one > FINE * coarse ? mean_step(value, n, one) : span_step(value, n, coarse, work);
	free(work);
	*ret_coarse = coarse;
	return step > 0 ? step : NAN;
}

void timeline_init(struct timeline *t, double unit_s, double resolution_s, double step_s, double coarse_s,
		   bool learning)
{
	memset(t, 0, sizeof(*t));
	t->unit_s = unit_s;
	t->resolution_s = resolution_s;
	t->step_s = step_s;
	t->coarse_s = coarse_s;
	t->learning = learning;
	double ahead = ceil(4 * coarse_s / step_s);
	t->ahead = ahead > TIMELINE_AHEAD ? TIMELINE_AHEAD : ahead > AHEAD_MIN ? (unsigned)ahead : AHEAD_MIN;
}

void timeline_push(struct timeline *t, const struct timeline_row *row)
{
	t->wait[(t->at + t->held) % TIMELINE_AHEAD] = *row;
	t->held++;
}

static const struct timeline_row *waiting(const struct timeline *t, unsigned i)
{
	return &t->wait[(t->at + i) % TIMELINE_AHEAD];
}

static void done(struct timeline *t)
{
	t->at = (t->at + 1) % TIMELINE_AHEAD;
	t->held--;
	t->rows++;
}

static int goes_back(const struct timeline *t, const struct timeline_row *row, double before, struct err *err)
{
	return err_set(err, -EINVAL,
		       ":%llu: %s goes back from %.9g to %.9g: two recordings in one file, or a clock that was "
		       "set; cut the file there, or say --time-column none and --rate",
		       (unsigned long long)row->line, t->unit_s > 0 ? "the time column" : "the column that counts rows",
		       before, row->value);
}

/* A column that counts rows tells exactly. */
static int by_count(struct timeline *t, const struct timeline_row *row, uint64_t *ret_missing, struct err *err)
{
	double by = t->started ? row->value - t->last_s : 1;

	if (by < 0)
		return goes_back(t, row, t->last_s, err);
	if (by < 1 || by != floor(by) || by > GAP_MAX_ROWS)
		return err_set(err, -EINVAL,
			       ":%llu: the column that counts rows goes from %.9g to %.9g; say --time-column none "
			       "where it counts something else",
			       (unsigned long long)row->line, t->last_s, row->value);
	*ret_missing = (uint64_t)by - 1;
	t->last_s = row->value;
	return 0;
}

/* How late on the grid the rows in sight are, this one among them. */
static void look_ahead(const struct timeline *t, double *ret_least, double *ret_most, double *ret_mean)
{
	double expect = t->expect_s + t->step_s, least = INFINITY, most = -INFINITY, sum = 0;
	unsigned n = t->held < t->ahead ? t->held : t->ahead, seen = 0;

	for (unsigned i = 0; i < n; i++) {
		double value = waiting(t, i)->value;
		if (isnan(value))
			continue;
		double late = value * t->unit_s - (expect + i * t->step_s);
		least = fmin(least, late);
		most = fmax(most, late);
		sum += late;
		seen++;
	}
	*ret_least = least;
	*ret_most = most;
	*ret_mean = sum / seen;
}

/* Steps by which this row and all that follow it in sight are later than the grid; < 0: earlier. */
static double lost_steps(const struct timeline *t, double late, double least, double most, double mean)
{
	bool fine = t->coarse_s < t->step_s;
	double enough = fine ? 0.5 * t->step_s : 0.5 * t->coarse_s + 0.5 * t->step_s;

	if (least > enough)
		return fmax(1, round((fine ? late : mean) / t->step_s));
	if (most < -enough && (!fine || late < -0.75 * t->step_s))
		return fmin(-1, round(late / t->step_s));
	return 0;
}

static void follow(struct timeline *t, double late)
{
	double most = 0.5 * t->step_s + t->coarse_s, pull = late > most ? most : late < -most ? -most : late;

	t->jitter2 += late * late;
	t->jitter_max_s = fabs(late) > t->jitter_max_s ? fabs(late) : t->jitter_max_s;
	if (t->learning && t->rows < LEARN_ROWS) {
		t->expect_s += LEARN * pull;
		t->step_s += LEARN * LEARN / 4 * pull; /* critically damped */
		return;
	}
	t->expect_s += FOLLOW * pull;
	if (t->learning)
		t->step_s = (t->last_s - t->first_s) / (double)(t->index - t->first_index);
}

static int by_time(struct timeline *t, const struct timeline_row *row, uint64_t *ret_missing, struct err *err)
{
	double now_s = row->value * t->unit_s, least, most, mean;

	*ret_missing = 0;
	if (!t->started) {
		t->first_s = t->last_s = t->expect_s = now_s;
		t->index = t->first_index = t->rows;
		return 0;
	}
	if (now_s < t->last_s - EXACT_PART * t->step_s)
		return goes_back(t, row, t->last_s / t->unit_s, err);
	double late = now_s - t->expect_s - t->step_s, lost = 0;
	if (fabs(late) > 0.5 * t->step_s) {
		look_ahead(t, &least, &most, &mean);
		lost = lost_steps(t, late, least, most, mean);
	}
	if (lost < 0)
		return err_set(err, -EINVAL,
			       ":%llu: from here on rows come %.3g steps of %.6g s too early for the time column: rows "
			       "that stand "
			       "there twice, a rate that changed, or stamps that wander; say --time-column none and "
			       "--rate where "
			       "the rows are complete",
			       (unsigned long long)row->line, -lost, t->step_s);
	if (lost * t->step_s > GAP_MAX_S)
		return err_set(err, -EINVAL,
			       ":%llu: the time column goes on from %.9g to %.9g: more than a day is missing; cut the "
			       "file there, "
			       "or say --time-column none and --rate",
			       (unsigned long long)row->line, t->last_s / t->unit_s, row->value);
	*ret_missing = (uint64_t)lost;
	t->expect_s += t->step_s * (1 + lost);
	t->last_s = now_s;
	t->index += 1 + *ret_missing;
	follow(t, now_s - t->expect_s);
	return 0;
}

/* How late a row is, where that needs no look at what follows. */
static bool is_calm(const struct timeline *t, double now_s, double *ret_late)
{
	*ret_late = now_s - t->expect_s - t->step_s;
	return t->started && t->unit_s > 0 && now_s >= t->last_s && fabs(*ret_late) <= 0.5 * t->step_s;
}

static void step_on(struct timeline *t, double now_s, double late)
{
	t->expect_s += t->step_s;
	t->last_s = now_s;
	t->index++;
	follow(t, late);
}

bool timeline_quick(struct timeline *t, double value, uint64_t *ret_index)
{
	double now_s = value * t->unit_s, late;

	if (t->held > 0 || !is_calm(t, now_s, &late))
		return false;
	step_on(t, now_s, late);
	*ret_index = t->index;
	t->rows++;
	return true;
}

int timeline_next(struct timeline *t, bool last, uint64_t *ret_index, uint64_t *ret_missing, struct err *err)
{
	const struct timeline_row *row = waiting(t, 0);
	uint64_t missing = 0;
	double late;
	int rc = 0;

	if (t->held == 0)
		return 0;
	if (!last && t->held < t->ahead && !is_calm(t, row->value * t->unit_s, &late))
		return 0;
	if (isnan(row->value)) { /* a row whose time is not known stands where the grid has it */
		t->expect_s += t->step_s;
		t->last_s += t->unit_s > 0 ? 0 : 1;
		t->index += t->rows > 0;
	} else if (t->unit_s > 0) {
		rc = by_time(t, row, &missing, err);
	} else {
		rc = by_count(t, row, &missing, err);
		t->index = t->started ? t->index + 1 + missing : t->rows;
	}
	if (rc < 0)
		return rc;
	t->started = t->started || !isnan(row->value);
	*ret_index = t->index;
	*ret_missing = missing;
	done(t);
	return 1;
}

double timeline_rate_hz(const struct timeline *t, double *ret_rel)
{
	double span_s = t->last_s - t->first_s;

	*ret_rel = span_s > 0 ? (t->coarse_s > 0 ? t->coarse_s : 1e-12 * fabs(t->last_s)) / span_s : NAN;
	return span_s > 0 ? (double)(t->index - t->first_index) / span_s : NAN;
}

double timeline_jitter_s(const struct timeline *t)
{
	return t->rows > 1 ? sqrt(t->jitter2 / (double)(t->rows - 1)) : 0;
}

double timeline_round(double value, double rel)
{
	char text[32];

	if (!(rel < 1e-3))
		return value;
	for (int digits = 1; digits < 17; digits++) {
		snprintf(text, sizeof(text), "%.*e", digits - 1, value);
		double rounded = strtod(text, NULL);
		if (fabs(rounded - value) <= rel * fabs(value))
			return rounded;
	}
	return value;
}
