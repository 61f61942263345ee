/* Sums over strokes, and what follows of them alone. */
#include "rig/measure/point/tally.h"

#include <math.h>
#include <string.h>

#define TIMING_STROKES_MIN 16
#define MISSED_RATIO       1.5 /* of the usual interval */
#define DOUBLED_RATIO      0.5
#define CUT_RATIO          0.7
#define CUT_PIECES         2 /* that an interval has when a pulse that is none cuts it */
#define STEPS_MAX          1e6

#define COAST_SHARE        0.5 /* of a stroke: less is the pen coming to rest, or no stroke */

void tally_init(struct tally *t)
{
	memset(t, 0, sizeof(*t)); /* too large for a literal on the stack */
	t->coast_last = t->coast_full = t->rhythm.after[0] = t->rhythm.after[1] = NAN;
	t->depth.max_mm = -INFINITY;
}

/* Another stroke came behind the last interval: it is the pen's own. */
static void next_interval(struct rhythm *r, struct last_interval next)
{
	const struct last_interval *own = &r->last;

	if (own->steps > 0)
		ticks_add(&r->ticks, own->at, own->steps);
	if (own->steps > 0 && isfinite(own->length))
		moments_add(&r->interval, own->length);
	r->last = next;
}

static void add_interval(struct rhythm *r, double at)
{
	double interval = at - r->last_at, ratio = interval / r->local_period;

	r->longest = fmax(r->longest, ratio);
	if (ratio > MISSED_RATIO) {
		uint64_t between = (uint64_t)(ratio + 0.5) - 1;
		uint64_t hidden = between < r->blind.excused ? between : r->blind.excused;

		r->missed += between - hidden;
		r->blind.hidden += hidden;
		next_interval(r, (struct last_interval){at, NAN, (unsigned)fmin(ratio + 0.5, STEPS_MAX)});
		return;
	}
	if (ratio < DOUBLED_RATIO) {
		r->doubled += !r->blind.here;
		r->blind.doubled += r->blind.here;
		r->cut = 0;
		return;
	}
	next_interval(r, (struct last_interval){at, interval, 1});
	r->cut = ratio > CUT_RATIO ? 0 : r->cut + 1;
	/* The one half of an interval that is cut in two must not hide the other. More in a row are a pen that is faster. */
	if (r->cut == 0 || r->cut > CUT_PIECES)
		r->local_period += 0.1 * (interval - r->local_period);
}

static struct rhythm_end rhythm_last(const struct rhythm *r)
{
	return (struct rhythm_end){r->last_at, r->last_s2, r->strokes ? r->strokes - 1 + r->blind.hidden : 0};
}

static void add_instant(struct rhythm *r, const struct tallied *s)
{
	r->before = rhythm_last(r);
	r->last_s2 = s->fitted ? 0.0 : s->instant_s2;
	r->unfitted_s2 += r->last_s2;
	r->unfitted += !s->fitted;
	if (r->strokes == 0) {
		r->first_at = s->at;
		r->first_s2 = r->last_s2;
		r->started_before = !s->first_ever;
		r->local_period = s->period;
		r->blind.excused_first = r->blind.excused;
		ticks_add(&r->ticks, s->at, 1);
	} else {
		add_interval(r, s->at);
	}
	r->blind.excused = 0;
	r->blind.here = false;
	r->last_at = s->at;
	r->strokes++;
}

static void add_height(struct heights *h, const struct tallied *s)
{
	moments_add(&h->seen, s->height_n);
	h->largest_n = fmax(h->largest_n, s->height_n);
	if (s->push > 0.0) {
		moments_add(&h->push, s->push);
		h->square += s->square;
	}
	h->unfitted += !s->fitted;
	h->misfits += s->fitted && s->misfits;
	if (s->fitted && s->has_cell) {
		h->cell_n += s->cell_n;
		h->cell_count++;
	}
}

static void add_depth(struct depths *d, const struct tallied *s, double k)
{
	d->max_mm = fmax(d->max_mm, s->depth_mm);
	if (s->fitted && s->misfits) {
		d->misfit_mm += s->depth_mm;
		d->misfits++;
		return;
	}
	moments_add(&d->seen, s->depth_mm);
	d->trend_k += k;
	d->trend_kk += k * k;
	d->trend_d += s->depth_mm;
	d->trend_kd += k * s->depth_mm;
	d->gain_mm += s->height_n / s->slope;
	d->slope += s->slope;
	/* Of two templates the later holds the earlier's strokes: their covariance is the later's variance. */
	d->template_n2 += s->template_n2 * s->height_n * (s->height_n + 2.0 * d->template_heights);
	d->template_heights += s->height_n;
	d->noise_mm2 += s->noise_n * s->noise_n / (s->slope * s->slope);
}

static void add_protrusion(struct protrusions *p, const struct tallied *s)
{
	moments_add(&p->seen, s->protrusion_mm);
	p->noise_mm2 += s->protrusion_mm2;
	p->travel_mm += s->travel_mm;
	if (isfinite(s->crown_mm)) {
		p->crown_mm += s->crown_mm;
		p->crowns++;
	}
	if (!isfinite(s->earlier_mm) || !isfinite(s->later_mm))
		return;
	p->shifted++;
	p->first_mm += 0.5 * (s->later_mm - s->earlier_mm);
	p->second_mm += s->later_mm + s->earlier_mm - 2.0 * s->protrusion_mm;
}

static void add_timing(struct timing *t, double height_n, double variance)
{
	double power = 1.0;

	if (t->power[0] == 0.0)
		t->first = height_n;
	for (unsigned k = 0; k < 5; k++, power *= height_n / t->first - 1.0) {
		t->power[k] += power;
		if (k < 3)
			t->variance[k] += variance * power;
	}
}

void tally_stroke(struct tally *t, const struct tallied *s)
{
	add_height(&t->height, s);
	if (isfinite(s->protrusion_mm))
		add_protrusion(&t->protrusion, s);
	if (isfinite(s->depth_mm))
		add_depth(&t->depth, s, (double)t->rhythm.strokes);
	t->depth.out_of_curve += s->out_of_curve;
	add_instant(&t->rhythm, s);
	if (s->fitted)
		add_timing(&t->rhythm.timing, s->height_n, s->instant_s2);
}

void tally_hole(struct tally *t, double samples, double hides, double period, bool frozen)
{
	struct blind *b = &t->rhythm.blind;

	b->glitches += !frozen;
	b->frozen += frozen;
	b->samples += (uint64_t)samples;
	b->here = true;
	if (frozen)
		b->longest = fmax(b->longest, samples / period);
	if (samples >= hides)
		b->excused += (uint64_t)(samples / period) + 1;
}

void tally_touched(struct tally *t, double swing_n)
{
	t->rhythm.blind.touched++;
	t->rhythm.blind.largest_n = fmax(t->rhythm.blind.largest_n, swing_n);
	t->rhythm.blind.excused++;
	t->rhythm.blind.here = true;
}

void tally_spin_up(struct tally *t, double instant)
{
	if (t->spin_ups < SPIN_UP_KEPT)
		t->spin_up[t->spin_ups++] = instant;
}

void tally_coast(struct tally *t, double instant, double height_n)
{
	t->coast_last = instant;
	if (height_n >= COAST_SHARE * t->height.seen.mean)
		t->coast_full = instant;
}

void tally_after(struct tally *t, double at, double height_n)
{
	double *after = t->rhythm.after;

	if (height_n < COAST_SHARE * t->height.seen.mean)
		return;
	if (isnan(after[0]))
		after[0] = at;
	else if (isnan(after[1]))
		after[1] = at;
}

void tally_new_template(struct tally *t)
{
	t->depth.template_heights = 0.0;
}

void tally_level(struct tally *t, double level_n, double u_n)
{
	double weight = 1.0 / (u_n * u_n);

	t->level.window_n += weight * level_n;
	t->level.window_weight += weight;
	t->level.window_count++;
}

double tally_period(const struct tally *t)
{
	const struct rhythm *r = &t->rhythm;

	return r->strokes < 2 ? NAN : (r->last_at - r->first_at) / (double)rhythm_last(r).intervals;
}

double tally_window_level(const struct tally *t)
{
	return t->level.window_count ? t->level.window_n / t->level.window_weight : NAN;
}

/* Of the residuals' squares what does not grow with the square of the distance from the mean height, for that is the
 * shape of deeper and shallower pulses. By regression; with few strokes, all. */
double tally_instant_variance(const struct tally *tally)
{
	const struct timing *t = &tally->rhythm.timing;
	double n = t->power[0], mean = t->power[1] / n, v = t->variance[0] / n, m2 = t->power[2] / n - mean * mean;
	double m4 =
		(t->power[4] - 4.0 * mean * t->power[3] + 6.0 * mean * mean * t->power[2]) / n - 3.0 * pow(mean, 4.0);
	double with_m2 = (t->variance[2] - 2.0 * mean * t->variance[1]) / n + mean * mean * v - v * m2;
	double spread = m4 - m2 * m2;

	if (n < TIMING_STROKES_MIN || !(spread > 0.0) || !(with_m2 > 0.0))
		return n > 0.0 ? v : 0.0;
	return fmax(0.0, v - with_m2 / spread * m2);
}

double tally_timing_variance(const struct tally *t)
{
	const struct rhythm *r = &t->rhythm;
	double n = (double)r->strokes, fitted = n - (double)r->unfitted;

	return n > 0.0 ? (fitted * tally_instant_variance(t) + r->unfitted_s2) / n : 0.0;
}

double tally_ends_variance(const struct tally *t, const struct rhythm_end *end)
{
	double first = t->rhythm.first_s2, fitted = tally_instant_variance(t);

	return (first > 0.0 ? first : fitted) + (end->s2 > 0.0 ? end->s2 : fitted);
}

struct rhythm_end tally_last(const struct tally *t)
{
	return rhythm_last(&t->rhythm);
}
