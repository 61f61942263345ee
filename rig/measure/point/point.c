/* A point's life: samples go in, blocks are detected and handed over to analysis, here or on a thread of its own, and
 * at the end the tally is summed up. Each part has a file of its own and knows itself alone. */
#include "rig/measure/point/point.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/worker.h"
#include "rig/measure/point/analysis.h"
#include "rig/measure/point/clean.h"
#include "rig/measure/point/detector.h"
#include "rig/measure/point/intake.h"
#include "rig/measure/point/summary.h"

#define BLOCKS_HELD  6  /* in the buffers: one being analysed, its neighbours, and room so that moving is rare */
#define BLOCKS_AHEAD 10 /* more of them where analysis has its own thread: it rests while they are moved */
#define LIVE_S       0.02

struct point {
	struct point_config config; /* const once the point is made */
	struct grid grid;           /* the same */
	double command[POINT_PHASES];

	struct intake intake;
	struct clean clean;
	struct detector detector;
	unsigned blocks_held;
	long handed; /* blocks handed over */

	struct worker *worker;    /* NULL: analysis runs where samples are fed */
	struct analysis analysis; /* the worker's: read here after settle() alone */

	struct check_result check[MODEL_CHECKS]; /* as of point_finish() */
	struct point *ahead;                     /* where point_so_far() works; NULL: it is not asked */
};

/* Until analysis has done with every block handed over. */
static void settle(const struct point *p)
{
	if (p->worker)
		worker_drain(p->worker);
}

static void analyse(void *analysis, const void *handover)
{
	analysis_block(analysis, handover);
}

/* The most that are ever at hand. One figure for all who keep something of each: at the end of the samples what was not
 * known to be clean is detected and analysed at once, and nothing is moved then. */
static size_t samples_held(const struct point *p)
{
	return (size_t)p->blocks_held * p->grid.block + clean_unknown(&p->clean) + INTAKE_AHEAD;
}

static int open_parts(struct point *p)
{
	const struct point_config *c = &p->config;
	double expected_n = 0.0, slope;

	if (c->curve != NULL)
		curve_force(c->curve, c->depth_set_mm, &expected_n, &slope);

	clean_init(&p->clean, &p->grid, fabs(c->force.scale) / p->grid.decimation);

	size_t samples = samples_held(p);
	int rc = intake_init(&p->intake, c, &p->grid, samples);
	int detector_rc = detector_init(&p->detector, &p->grid, expected_n, samples);
	int analysis_rc = analysis_init(&p->analysis, c, &p->grid, samples);

	rc = rc ? rc : detector_rc ? detector_rc : analysis_rc;
	if (!rc && c->second_thread)
		rc = worker_new(sizeof(struct handover), HANDED_MAX, analyse, &p->analysis, &p->worker);
	return rc;
}

static int make(const struct point_config *config, unsigned blocks_held, struct point **ret)
{
	struct point *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->config = *config;
	p->grid = grid_of(config);
	p->blocks_held = blocks_held;
	for (unsigned i = 0; i < POINT_PHASES; i++)
		p->command[i] = NAN;

	int rc = open_parts(p);

	if (rc) {
		point_free(p);
		return rc;
	}
	*ret = p;
	return 0;
}

static int make_ahead(struct point *p)
{
	struct point_config config = p->config;

	config.second_thread = false;
	return make(&config, p->blocks_held, &p->ahead);
}

int point_new(const struct point_config *config, struct point **ret)
{
	if (!(config->fs_hz > 0.0) || !(config->rate_set_hz > 0.0) || !(config->force.scale != 0.0))
		return -EINVAL;

	struct point *p;
	int rc = make(config, BLOCKS_HELD + (config->second_thread ? BLOCKS_AHEAD : 0), &p);

	if (rc)
		return rc;
	rc = config->so_far ? make_ahead(p) : 0;
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
	point_free(point->ahead);
	analysis_release(&point->analysis);
	detector_release(&point->detector);
	intake_release(&point->intake);
	free(point);
}

void point_on_stroke(struct point *point, void (*fn)(void *ctx, const struct stroke *stroke), void *ctx)
{
	settle(point);
	point->analysis.listeners.on_stroke = fn;
	point->analysis.listeners.on_stroke_ctx = ctx;
}

void point_on_residual(struct point *point, void (*fn)(void *ctx, const struct residual_chunk *chunk), void *ctx)
{
	settle(point);
	point->analysis.listeners.on_residual = fn;
	point->analysis.listeners.on_residual_ctx = ctx;
}

int point_phase(struct point *point, enum point_phase phase, uint64_t first_index, double command_index)
{
	int rc = intake_phase(&point->intake, phase, first_index);

	if (rc)
		return rc;
	point->command[phase] = command_index;
	settle(point);
	return 0;
}

void point_aligned(struct point *point, double u_s)
{
	settle(point);
	point->config.u.alignment_s = u_s;
}

/* The next block, len samples of it, with all samples at hand before local index limit. */
static void hand_over(struct point *p, unsigned len, long limit)
{
	const struct detector *d = &p->detector;
	struct handover handover = {.block = p->handed++,
				    .len = len,
				    .limit = limit,
				    .axis = p->intake.axis,
				    .samples = intake_stretch(&p->intake),
				    .ring = d->ring,
				    .put = d->put,
				    .holes = p->clean.ring,
				    .holes_put = p->clean.put,
				    .lost = d->lost,
				    .noise_n = d->noise_n,
				    .swing_n = d->swing_n};

	handover.samples.bins = d->bins;
	if (!p->worker) {
		analysis_block(&p->analysis, &handover);
		return;
	}
	*(struct handover *)worker_slot(p->worker) = handover;
	worker_post(p->worker);
}

/* The next block, up to local index end. */
static void detect(struct point *p, long end)
{
	long start = p->detector.blocks * (long)p->grid.block;

	intake_compensate(&p->intake, end);

	struct stretch samples = intake_stretch(&p->intake);

	detector_look(&p->detector, &p->intake.axis, samples.force + (start - samples.base),
		      samples.raw + (start - samples.base), (unsigned)(end - start));
}

/* What stays: the block before the one to be analysed next, into which its first strokes reach, and what follows. */
static void move_down(struct point *p)
{
	long base = (p->handed - 1) * (long)p->grid.block;

	settle(p);
	intake_drop(&p->intake, base);
	detector_drop(&p->detector, base);
}

/* A block is looked at when the whole of it and of the inverse filter's reach has come and is clean; analysed when its follower has.
 * When blocks are moved hangs on their number alone: what analysis sees must not hang on how samples came. */
static void advance(struct point *p)
{
	long block = p->grid.block;

	clean_follow(&p->clean, &p->intake.axis, p->intake.raw, p->intake.base, p->intake.end);
	for (long end; end = (p->detector.blocks + 1) * block, p->clean.known >= end + (long)p->intake.inverse.reach;) {
		detect(p, end);
		if (p->detector.blocks >= 2)
			hand_over(p, p->grid.block, end);
		if (end + (long)p->intake.inverse.reach - p->intake.base >= (long)p->blocks_held * block)
			move_down(p);
	}
}

void point_feed(struct point *point, const struct sample_block *block)
{
	struct piecewise piecewise = intake_begin(&point->intake, block);

	while (intake_take(&point->intake, &piecewise))
		advance(point);
}

/* What has no follower, and is shorter than a block. */
static void end_of_samples(struct point *p)
{
	long block = p->grid.block, fed = p->intake.end;

	clean_end(&p->clean, &p->intake.axis, p->intake.raw, p->intake.base, fed);
	while (p->detector.blocks * block < fed) {
		long end = (p->detector.blocks + 1) * block;

		end = end > fed ? fed : end;
		detect(p, end);
		if (p->detector.blocks >= 2 && p->handed < p->detector.blocks - 1)
			hand_over(p, p->grid.block, end);
	}
	if (fed > p->handed * block)
		hand_over(p, (unsigned)(fed - p->handed * block), fed);
	settle(p);
}

static struct account account_of(const struct point *p, struct check_result *check)
{
	return (struct account){.config = &p->config,
				.grid = &p->grid,
				.axis = &p->intake.axis,
				.command = p->command,
				.end_index = p->intake.next_index,
				.quality = p->intake.quality,
				.tally = &p->analysis.tally,
				.baseline = &p->analysis.baseline,
				.template = &p->analysis.template,
				.observed = &p->analysis.observed,
				.noise_n = p->analysis.now.noise_n,
				.swing_n = p->detector.swing_n,
				.tare_swing_n = p->detector.tare_swing_n,
				.check = check};
}

static unsigned finish(struct point *p, bool so_far, struct result *results, unsigned cap)
{
	end_of_samples(p);

	struct account account = account_of(p, p->check);

	account.so_far = so_far;
	return summarise(&account, results, cap);
}

unsigned point_finish(struct point *point, struct result *results, unsigned cap)
{
	return finish(point, false, results, cap);
}

unsigned point_checks(const struct point *point, struct check_result ret[MODEL_CHECKS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_CHECKS; i++) {
		if (point->check[i].state != CHECK_ABSENT)
			ret[n++] = point->check[i];
	}
	return n;
}

static void copy_parts(struct point *to, const struct point *from)
{
	intake_copy(&to->intake, &from->intake);
	to->config.u = from->config.u;
	memcpy(to->command, from->command, sizeof(to->command));
	to->clean = from->clean;
	detector_copy(&to->detector, &from->detector, samples_held(from));
	to->handed = from->handed;
	analysis_copy(&to->analysis, &from->analysis, samples_held(from));
}

unsigned point_so_far(struct point *point, struct result *results, unsigned cap, struct check_result *ret_check,
		      unsigned *ret_checks)
{
	if (!point->ahead)
		return 0;
	settle(point);
	copy_parts(point->ahead, point);

	unsigned n = finish(point->ahead, true, results, cap);

	*ret_checks = point_checks(point->ahead, ret_check);
	return n;
}

unsigned point_inputs(const struct point *point, struct budget_input ret[BUDGET_INPUTS_MAX])
{
	struct check_result check[MODEL_CHECKS];

	memcpy(check, point->check, sizeof(check));
	const struct account account = account_of(point, check);

	return budget_inputs(&account, ret);
}

void point_motion(const struct point *point, char reason[REASON_MAX])
{
	const struct account account = account_of(point, NULL);

	summarise_motion(&account, reason);
}

void point_live(const struct point *point, struct point_live *ret)
{
	const struct intake *in = &point->intake;
	const struct detector *d = &point->detector;
	double force_n, noise_n;

	intake_newest(in, (long)(LIVE_S * point->grid.fs_hz), &force_n, &noise_n);
	settle(point);

	const struct moments *depth = &point->analysis.tally.depth.seen;

	*ret = (struct point_live){
		.next_index = in->next_index,
		.strokes = d->found,
		.last_stroke = (double)in->axis.origin + d->last_at * in->axis.decimation,
		.rate_hz = point->grid.fs_hz / (d->last_at - d->before_at),
		.depth_mm = depth->n > 0 ? depth->mean : NAN,
		.force_n = force_n,
		.noise_n = noise_n,
		.saturated = in->quality[in->phase].saturated,
		.gap = in->quality[in->phase].gap,
	};
}
