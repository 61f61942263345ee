/* Design and use of the load cell's inverse: a local model of its output, fitted by weights of a fixed window. */
#include "rig/measure/point/cell.h"

#include <math.h>

#include "rig/measure/clones.h"

#define REACH_PERIODS    0.7 /* of the cell, to both sides */
#define REACH_MIN        5.0
#define TERMS            9
#define RING_SAMPLES_MIN 3.0  /* per period of the cell, to tell its ring from a polynomial */
#define RING_DAMPING_MAX 0.9  /* above, there is none to tell */
#define SHOWN            0.75 /* of the sample rate: a resonance above it is not seen */
#define LANES            8

/* Local model of a cell's output: a polynomial and, where there are samples enough, the cell's own decaying ring. */
static void basis(const struct load_cell *cell, double fs_hz, int i, int reach, double ret[TERMS])
{
	double w = 2.0 * M_PI * cell->hz / fs_hz, ring = w * sqrt(fmax(0.0, 1.0 - cell->damping * cell->damping));
	double v = (double)i / reach, decay = exp(-cell->damping * w * i);

	for (unsigned k = 0; k < TERMS; k++)
		ret[k] = k == 0 ? 1.0 : ret[k - 1] * v;
	if (fs_hz >= RING_SAMPLES_MIN * cell->hz && cell->damping < RING_DAMPING_MAX) {
		ret[TERMS - 2] = decay * cos(ring * i);
		ret[TERMS - 1] = decay * sin(ring * i);
	}
}

/* Elimination without pivoting: a is positive definite. */
static void solve_normal(double a[TERMS][TERMS], double *b)
{
	for (unsigned c = 0; c < TERMS; c++) {
		for (unsigned r = c + 1; r < TERMS; r++) {
			double f = a[r][c] / a[c][c];

			for (unsigned k = c; k < TERMS; k++)
				a[r][k] -= f * a[c][k];
			b[r] -= f * b[c];
		}
	}
	for (unsigned c = TERMS; c-- > 0;) {
		for (unsigned k = c + 1; k < TERMS; k++)
			b[c] -= a[c][k] * b[k];
		b[c] /= a[c][c];
	}
}

/* The force is y + 2 zeta / w y' + y'' / w^2 of the model fitted to the samples; of the ring that is zero. */
void cell_inverse_design(const struct load_cell *cell, double fs_hz, struct cell_inverse *ret)
{
	*ret = (struct cell_inverse){.reach = 0};
	if (!(cell->hz > 0.0) || !(cell->hz < SHOWN * fs_hz))
		return;

	double a[TERMS][TERMS] = {{0}}, at[TERMS], w = 2.0 * M_PI * cell->hz / fs_hz;
	int reach = (int)fmax(REACH_MIN, fmin(CELL_REACH_MAX, round(REACH_PERIODS * fs_hz / cell->hz)));
	double want[TERMS] = {1.0, 2.0 * cell->damping / (w * reach), 2.0 / (w * w * reach * reach)};

	ret->reach = (unsigned)reach;
	for (int i = -reach; i <= reach; i++) {
		basis(cell, fs_hz, i, reach, at);
		for (unsigned r = 0; r < TERMS; r++) {
			for (unsigned c = 0; c < TERMS; c++)
				a[r][c] += at[r] * at[c];
		}
	}
	solve_normal(a, want);
	for (int i = -reach; i <= reach; i++) {
		basis(cell, fs_hz, i, reach, at);
		for (unsigned r = 0; r < TERMS; r++)
			ret->weight[i + reach] += want[r] * at[r];
	}
}

static double at_edge(const struct cell_inverse *inverse, const float *x, long n, long centre)
{
	long reach = inverse->reach;
	double sum = 0.0;

	for (long k = 0; k <= 2 * reach; k++) {
		long i = centre - reach + k;

		i = i > n - 1 ? n - 1 : i;
		sum += inverse->weight[k] * (double)x[i < 0 ? 0 : i];
	}
	return sum;
}

VECTOR_CLONES static void inside_lanes(const double *weight, long taps, const float *x, float *out)
{
	double sum[LANES] = {0};

	for (long k = 0; k < taps; k++) {
		for (unsigned lane = 0; lane < LANES; lane++)
			sum[lane] += weight[k] * (double)x[k + lane];
	}
	for (unsigned lane = 0; lane < LANES; lane++)
		out[lane] = (float)sum[lane];
}

void cell_inverse_run(const struct cell_inverse *inverse, const float *x, long n, long from, long end, float *out)
{
	long reach = inverse->reach, inside = end < n - reach ? end : n - reach, i = from;

	for (; i < end && i < reach; i++)
		out[i] = (float)at_edge(inverse, x, n, i);
	for (; i + LANES <= inside; i += LANES)
		inside_lanes(inverse->weight, 2 * reach + 1, x + (i - reach), out + i);
	for (; i < end; i++)
		out[i] = (float)at_edge(inverse, x, n, i);
}
