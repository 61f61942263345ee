/* A point's life: allocation, phases, a look at it while it lives. What becomes of its samples: intake.c, detect.c,
 * analyse.c; what is made of them: summary.c. */
#include "rig/measure/point/point.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/point/state.h"

#define PERIOD_MAX       4096.0 /* samples; above, samples are averaged in groups */
#define BLOCK_S          0.5
#define BLOCK_PERIODS    36.0
#define BINS_PER_CYCLE   24.0
#define INVERSE_REACH    0.7 /* of a period of the cell, to both sides */
#define INVERSE_TERMS    9
#define RING_SAMPLES_MIN 3.0 /* per period of the cell, to tell its ring from a polynomial */
#define RING_DAMPING_MAX 0.9 /* above, there is none to tell */

/* Local model of a cell's output: a polynomial and, where there are samples enough, the cell's own decaying ring. */
static void inverse_basis(const struct point *p, int i, int half, double *ret)
{
	const struct point_config *c = &p->config;
	double w = 2.0 * M_PI * c->cell.hz / p->fs_hz,
	       ring = w * sqrt(fmax(0.0, 1.0 - c->cell.damping * c->cell.damping));
	double v = (double)i / half, decay = exp(-c->cell.damping * w * i);

	for (unsigned k = 0; k < INVERSE_TERMS; k++)
		ret[k] = k == 0 ? 1.0 : ret[k - 1] * v;
	if (p->fs_hz >= RING_SAMPLES_MIN * c->cell.hz && c->cell.damping < RING_DAMPING_MAX) {
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
	double w = 2.0 * M_PI * p->config.cell.hz / p->fs_hz;
	int half = (int)fmax(5.0, fmin(INVERSE_HALF_MAX, round(INVERSE_REACH * p->fs_hz / p->config.cell.hz)));
	double want[INVERSE_TERMS] = {1.0, 2.0 * p->config.cell.damping / (w * half), 2.0 / (w * w * half * half)};

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
	size_t n = (size_t)p->blocks_held * p->block + 2 * INVERSE_HALF_MAX;

	p->raw = calloc(n, sizeof(float));
	p->flat = calloc(n, sizeof(float));
	p->force = p->inverse_half > 0 ? calloc(n, sizeof(float)) : p->raw;
	p->bins = calloc(n / p->bin + 1, sizeof(float));
	p->spin_up = calloc(SPIN_UP_KEPT, sizeof(double));
	if (p->config.displacement.position >= 0)
		p->displacement = calloc(n, sizeof(float));
	if (!p->raw || !p->flat || !p->force || !p->bins || !p->spin_up ||
	    (p->config.displacement.position >= 0 && !p->displacement))
		return -ENOMEM;
	return pulse_init(&p->pulse, 1.6 * p->period);
}

int point_new(const struct point_config *config, struct point **ret)
{
	struct point *p;
	double slope;

	if (!(config->fs_hz > 0.0) || !(config->rate_set_hz > 0.0) || !(config->force.scale != 0.0))
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
	if (config->cell.hz > 0.0 && config->cell.hz < 0.75 * p->fs_hz)
		design_inverse(p);
	if (config->curve != NULL)
		curve_force(config->curve, config->depth_set_mm, &p->detector.expected_n, &slope);
	baseline_init(&p->baseline, p->fs_hz, config->mains_hz);
	p->blocks_held = BLOCKS_HELD + (config->second_thread ? BLOCKS_AHEAD : 0);
	int rc = allocate(p);
	if (!rc && config->second_thread)
		rc = point_start_worker(p);
	if (rc) {
		point_free(p);
		return rc;
	}
	*ret = p;
	return 0;
}

void point_free(struct point *point)
{
	if (point == NULL)
		return;
	worker_free(point->worker);
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
	point_settle(point);
	point->phase_start[phase] = (int64_t)first_index;
	point->command[phase] = command_index;
	return 0;
}

enum point_phase point_phase_of(const struct point *p, int64_t index)
{
	for (unsigned i = POINT_PHASES; i-- > 0;) {
		if (index >= p->phase_start[i])
			return (enum point_phase)i;
	}
	return POINT_TARE;
}

enum point_phase point_phase_at(const struct point *p, double local)
{
	return point_phase_of(p, point_absolute(p, local));
}

void point_live(const struct point *point, struct point_live *ret)
{
	const struct detector *d = &point->detector;
	long n = (long)(0.02 * point->fs_hz), held = point->fed - point->base;
	double sum = 0.0, squares = 0.0;

	point_settle(point);
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
