/* A point's life: allocation, phases, a look at it while it lives. What becomes of its samples: intake.c, detect.c,
 * analyse.c; what is made of them: summary.c. */
#include "rig/measure/point/point.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/point/state.h"

static int allocate(struct point *p)
{
	/* The look-ahead of the inverse filter stands above the blocks. */
	size_t n = (size_t)p->blocks_held * p->grid.block + 2 * CELL_REACH_MAX;

	p->raw = calloc(n, sizeof(float));
	p->flat = calloc(n, sizeof(float));
	p->force = p->inverse.reach > 0 ? calloc(n, sizeof(float)) : p->raw;
	p->bins = calloc(n / p->grid.bin + 1, sizeof(float));
	p->spin_up = calloc(SPIN_UP_KEPT, sizeof(double));
	if (p->config.displacement.position >= 0)
		p->displacement = calloc(n, sizeof(float));
	if (!p->raw || !p->flat || !p->force || !p->bins || !p->spin_up ||
	    (p->config.displacement.position >= 0 && !p->displacement))
		return -ENOMEM;
	return pulse_init(&p->pulse, 1.6 * p->grid.period);
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
	p->grid = grid_of(config);
	axis_init(&p->axis, p->grid.decimation);
	for (unsigned i = 0; i < POINT_PHASES; i++)
		p->command[i] = NAN;
	p->phase = POINT_TARE;
	p->width_weight = 1.0; /* the template may come from strokes at another speed */
	p->previous_at = p->detector.last_at = p->detector.before_at = p->coast_last = NAN;
	cell_inverse_design(&config->cell, p->grid.fs_hz, &p->inverse);
	if (config->curve != NULL)
		curve_force(config->curve, config->depth_set_mm, &p->detector.expected_n, &slope);
	baseline_init(&p->baseline, p->grid.fs_hz, config->mains_hz);
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
	struct axis axis = point->axis;

	if ((point->started && first_index < point->next_index) || axis_begin(&axis, phase, first_index))
		return -EINVAL;
	point_settle(point);
	point->axis = axis;
	point->command[phase] = command_index;
	return 0;
}

void point_live(const struct point *point, struct point_live *ret)
{
	const struct detector *d = &point->detector;
	long n = (long)(0.02 * point->grid.fs_hz), held = point->fed - point->base;
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
		.last_stroke = (double)point->axis.origin + d->last_at * point->axis.decimation,
		.rate_hz = point->grid.fs_hz / (d->last_at - d->before_at),
		.depth_mm = point->tally.depth.n > 0 ? point->tally.depth.mean : NAN,
		.force_n = n > 0 ? sum / (double)n : NAN,
		.noise_n = n > 0 ? sqrt(squares / (double)n) : NAN,
		.saturated = point->quality[point->phase].saturated,
		.gap = point->quality[point->phase].gap,
	};
}
