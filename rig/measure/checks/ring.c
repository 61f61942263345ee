/* A damped oscillation by least squares: over a grid of frequencies and dampings, then step by step from the best. */
#include "rig/measure/checks/ring.h"

#include <math.h>

#include "rig/measure/clones.h"

#define COLUMNS     8 /* of a row: what is smooth, what is left, and nought */
#define LEFT        SMOOTH
#define SMOOTH      5 /* a polynomial of third degree, and a decay */
#define DECAYS      8.0
#define POINTS_MIN  12
#define CYCLES_MIN  2.5 /* in the stretch */
#define CYCLES_MAX  0.4 /* of one, per sample and per point */
#define FREQUENCIES 64
#define SEEN_Z      8.0
#define REST_MAX    0.03
#define DAMPING_LO  0.002
#define DAMPING_HI  0.65
#define KICK_LO     0.1 /* amplitude against what the end of contact makes of a cell: seen 0.8 to 2 */
#define KICK_HI     8.0
#define STEP_END    1e-6

/* The points without what is smooth in them, and the smooth itself. */
struct stretch_fit {
	const struct points *p;
	double root[POINTS_MAX];           /* of the weights */
	double smooth[SMOOTH][POINTS_MAX]; /* orthonormal, weighted */
	double left[POINTS_MAX];           /* weighted values less the smooth */
	double row[POINTS_MAX][COLUMNS];   /* both, point by point */
	double energy;                     /* of left */
	unsigned n;                        /* points with a weight */
};

struct trial {
	double cycles, damping;
	double gain;         /* energy that the ring takes */
	double cosine, sine; /* of it, at the first point */
};

static double dot(const double *a, const double *b, unsigned n)
{
	double sum = 0.0;

	for (unsigned i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static void take_out(const struct stretch_fit *f, unsigned terms, double *x)
{
	for (unsigned k = 0; k < terms; k++) {
		double share = dot(f->smooth[k], x, f->p->n);

		for (unsigned i = 0; i < f->p->n; i++)
			x[i] -= share * f->smooth[k][i];
	}
}

static void prepare(struct stretch_fit *f, const struct points *p)
{
	f->p = p;
	f->n = 0;
	for (unsigned i = 0; i < p->n; i++) {
		f->root[i] = sqrt(p->weight[i]);
		f->left[i] = f->root[i] * p->y[i];
		f->n += p->weight[i] > 0.0;
	}
	for (unsigned k = 0; k < SMOOTH; k++) {
		double *s = f->smooth[k];

		for (unsigned i = 0; i < p->n; i++) {
			double v = (double)i / (p->n - 1);

			s[i] = f->root[i] * (k < SMOOTH - 1 ? pow(2.0 * v - 1.0, k) : exp(-DECAYS * v));
		}
		take_out(f, k, s);
		take_out(f, k, s);

		double norm = sqrt(dot(s, s, p->n));

		for (unsigned i = 0; i < p->n; i++)
			s[i] = norm > 1e-9 ? s[i] / norm : 0.0;
	}
	take_out(f, SMOOTH, f->left);
	f->energy = dot(f->left, f->left, p->n);
	for (unsigned i = 0; i < p->n; i++) {
		for (unsigned k = 0; k < COLUMNS; k++)
			f->row[i][k] = k < SMOOTH ? f->smooth[k][i] : k == LEFT ? f->left[i] : 0.0;
	}
}

/* Products of the rows with a cosine and a sine that decay, and of these with themselves. */
struct products {
	double cosine[COLUMNS], sine[COLUMNS], gram[3];
};

VECTOR_CLONES static struct products multiply(const struct stretch_fit *f, double turn_c, double turn_s)
{
	struct products ret = {.gram = {0.0}};
	double c = 1.0, s = 0.0;

	for (unsigned i = 0; i < f->p->n; i++) {
		double a = f->root[i] * c, b = f->root[i] * s, next = c * turn_c - s * turn_s;

		for (unsigned k = 0; k < COLUMNS; k++) {
			ret.cosine[k] += a * f->row[i][k];
			ret.sine[k] += b * f->row[i][k];
		}
		ret.gram[0] += a * a;
		ret.gram[1] += a * b;
		ret.gram[2] += b * b;
		s = c * turn_s + s * turn_c;
		c = next;
	}
	return ret;
}

/* The energy that a ring of t's frequency and damping takes out, and its size. */
static void try_ring(const struct stretch_fit *f, struct trial *t)
{
	double w = 2.0 * M_PI * t->cycles * f->p->step, wd = w * sqrt(1.0 - t->damping * t->damping);
	double decay = exp(-t->damping * w);
	struct products p = multiply(f, decay * cos(wd), decay * sin(wd));
	double *gram = p.gram, out[2] = {p.cosine[LEFT], p.sine[LEFT]};

	gram[0] -= dot(p.cosine, p.cosine, SMOOTH);
	gram[1] -= dot(p.cosine, p.sine, SMOOTH);
	gram[2] -= dot(p.sine, p.sine, SMOOTH);

	double det = gram[0] * gram[2] - gram[1] * gram[1];

	t->gain = t->cosine = t->sine = 0.0;
	if (!(det > 1e-9 * gram[0] * gram[2]))
		return;
	t->cosine = (gram[2] * out[0] - gram[1] * out[1]) / det;
	t->sine = (gram[0] * out[1] - gram[1] * out[0]) / det;
	t->gain = t->cosine * out[0] + t->sine * out[1];
}

static struct trial search_grid(const struct stretch_fit *f)
{
	static const double dampings[] = {0.01, 0.03, 0.08, 0.2, 0.4};
	double lo = CYCLES_MIN / (f->p->step * f->p->n), hi = CYCLES_MAX / fmax(1.0, f->p->step);
	struct trial best = {.gain = -1.0};

	for (unsigned k = 0; k < FREQUENCIES && lo < hi; k++) {
		for (unsigned m = 0; m < sizeof(dampings) / sizeof(dampings[0]); m++) {
			struct trial t = {.cycles = lo * pow(hi / lo, (double)k / (FREQUENCIES - 1)),
					  .damping = dampings[m]};

			try_ring(f, &t);
			if (t.gain > best.gain)
				best = t;
		}
	}
	return best;
}

static struct trial moved(const struct stretch_fit *f, const struct trial *from, double frequency, double damping)
{
	struct trial t = {.cycles = from->cycles * exp(frequency), .damping = fmin(0.95, from->damping * exp(damping))};

	try_ring(f, &t);
	return t;
}

/* Up the hill in steps of logarithms, halved where none leads up. */
static struct trial refine(const struct stretch_fit *f, struct trial best)
{
	for (double step = 0.05; step > STEP_END;) {
		static const double ways[][2] = {{1, 0}, {-1, 0}, {0, 3}, {0, -3}, {1, 3}, {1, -3}, {-1, 3}, {-1, -3}};
		struct trial next = best;

		for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			struct trial t = moved(f, &best, step * ways[i][0], step * ways[i][1]);

			if (t.gain > next.gain)
				next = t;
		}
		if (next.gain > best.gain * (1.0 + 1e-13))
			best = next;
		else
			step *= 0.5;
	}
	return best;
}

/* Inverse of half the second derivatives of the energy left, times its variance. */
static void uncertain(const struct stretch_fit *f, const struct trial *t, double variance, struct ring *ret)
{
	double h = fmax(1e-5, fmin(0.02, 0.5 / ret->z)), d = 3.0 * h;
	double g = t->gain, fp = moved(f, t, h, 0).gain, fm = moved(f, t, -h, 0).gain;
	double dp = moved(f, t, 0, d).gain, dm = moved(f, t, 0, -d).gain;
	double cross =
		moved(f, t, h, d).gain - moved(f, t, h, -d).gain - moved(f, t, -h, d).gain + moved(f, t, -h, -d).gain;
	double a = (2.0 * g - fp - fm) / (2.0 * h * h), b = -cross / (8.0 * h * d),
	       c = (2.0 * g - dp - dm) / (2.0 * d * d);
	double det = a * c - b * b;

	ret->u_cycles_rel = det > 0.0 && c > 0.0 ? sqrt(variance * c / det) : INFINITY;
	ret->u_damping = det > 0.0 && a > 0.0 ? t->damping * sqrt(variance * a / det) : INFINITY;
}

/* Long enough to be told from a mere bend. */
static bool fits_in(const struct stretch_fit *f, const struct trial *t)
{
	double samples = f->p->step * f->p->n, constants = 2.0 * M_PI * t->cycles * t->damping * samples;

	return t->cycles * samples >= 2.0 || constants >= 2.5;
}

static bool kicked(const struct ring *r, const struct ring_question *q)
{
	double kick = r->amplitude_n * 2.0 * M_PI * r->cycles / fabs(q->slope_n);

	return kick > KICK_LO && kick < KICK_HI;
}

void ring_find(const struct points *behind, const struct ring_question *q, struct ring *ret)
{
	struct stretch_fit f;

	*ret = (struct ring){.looked = false};
	if (behind->n < POINTS_MIN || behind->n * behind->step < POINTS_MIN)
		return;
	prepare(&f, behind);
	if (f.n < SMOOTH + POINTS_MIN)
		return;
	ret->looked = true;
	ret->n = f.n;

	struct trial best = refine(&f, search_grid(&f));
	double left = fmax(0.0, f.energy - best.gain) / (f.n - SMOOTH - 4.0);
	double white = q->noise_n * q->noise_n;

	ret->cycles = best.cycles;
	ret->damping = best.damping;
	ret->amplitude_n = hypot(best.cosine, best.sine);
	ret->z = sqrt(fmax(0.0, best.gain) / white);
	ret->rest = f.energy > 0.0 ? 1.0 - best.gain / f.energy : 1.0;
	ret->excess_sd = sqrt(left / white);
	uncertain(&f, &best, fmax(white, left), ret);
	ret->seen = ret->z > SEEN_Z && fits_in(&f, &best) && best.damping > DAMPING_LO && best.damping < DAMPING_HI &&
		    ret->rest < fmax(REST_MAX, 1.3 * (f.n - SMOOTH) / (ret->z * ret->z)) && best.cycles < 0.45 &&
		    kicked(ret, q);
}
