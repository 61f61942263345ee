/* A block from what was handed over to its strokes. */
#include "rig/measure/point/analysis.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/point/holes.h"
#include "rig/measure/point/learn.h"
#include "rig/measure/point/observe.h"
#include "rig/measure/point/observe_mean.h"
#include "rig/measure/point/quiet.h"
#include "rig/measure/point/strokes.h"

#define PASSES_EARLY 2 /* over the baseline, while the frequency of the hum is not known well */
#define EARLY_BLOCKS 4

int analysis_init(struct analysis *a, const struct point_config *config, const struct grid *grid, size_t samples)
{
	memset(a, 0, sizeof(*a)); /* too large for a literal on the stack */
	a->config = config;
	a->grid = *grid;
	a->previous_at = NAN;
	a->gains.offset = 1.0;
	tally_init(&a->tally);
	baseline_init(&a->baseline, grid->fs_hz, config->mains_hz);
	a->flat = calloc(samples, sizeof(float));

	int rc = template_init(&a->template, grid->period);
	int weights_rc = weights_init(&a->observed.noise.weights, &a->template);
	int mean_rc = observe_mean_init(a);

	rc = rc ? rc : weights_rc ? weights_rc : mean_rc;
	return a->flat ? rc : -ENOMEM;
}

void analysis_release(struct analysis *a)
{
	observe_mean_release(a);
	template_release(&a->template);
	weights_release(&a->observed.noise.weights);
	free(a->flat);
	a->flat = NULL;
}

/* What holds memory of its own is copied by its own function; of the rest, no place is left in which a stale pointer
 * would be read: the block at hand is another before anything looks at it. */
void analysis_copy(struct analysis *to, const struct analysis *from, size_t samples)
{
	struct owned {
		const struct point_config *config;
		float *flat;
		struct weights weights;
		struct mean_pulse mean_pulse;
	} own = {to->config, to->flat, to->observed.noise.weights, to->observed.mean_pulse};

	template_copy(&to->template, &from->template);
	const struct pulse pulse = to->template.pulse;

	*to = *from;
	to->template.pulse = pulse;
	to->config = own.config;
	to->flat = own.flat;
	to->observed.noise.weights = own.weights;
	to->observed.mean_pulse = own.mean_pulse;
	memcpy(to->flat, from->flat, samples * sizeof(float));
	weights_copy(&to->observed.noise.weights, &from->observed.noise.weights);
	mean_pulse_copy(&to->observed.mean_pulse, &from->observed.mean_pulse);
	to->listeners = (struct listeners){.on_stroke = NULL};
}

/* How far before a block its analysis looks: strokes of its start reach so far, and what is flattened stays so far. */
static long look_back(const struct analysis *a)
{
	long reach = 2 * (long)a->template.pulse.half_max + 4;

	return reach < (long)a->grid.block ? reach : (long)a->grid.block;
}

/* Samples before the block before this one are no longer held: of what was flattened, only the last strokes' reach is
 * looked at again. */
static void follow(struct analysis *a)
{
	size_t shift = (size_t)(a->now.samples.base - a->flat_base), next = a->grid.block, reach = (size_t)look_back(a);

	if (shift > 0)
		memmove(a->flat + next - reach, a->flat + shift + next - reach, 2 * reach * sizeof(float));
	a->flat_base = a->now.samples.base;
}

static void take_over(struct analysis *a, const struct handover *handover)
{
	struct waiting *w = &a->waiting;

	a->now = *handover;
	for (; w->taken < handover->put; w->taken++) {
		assert(w->count < CANDIDATES_MAX);
		w->at[w->count++] = handover->ring[w->taken % FOUND_RING];
	}
	holes_take(a);
	a->tally.candidates_lost = a->tally.candidates_lost || handover->lost;
	follow(a);
}

/* What was analysed makes room for the next block's candidates. */
static void close_ranks(struct waiting *w)
{
	memmove(w->at, w->at + w->head, (w->count - w->head) * sizeof(w->at[0]));
	w->count -= w->head;
	w->head = 0;
}

static void note_level(struct analysis *a, const struct span *span)
{
	const struct baseline *bl = &a->baseline;
	enum point_phase first = axis_phase_at(&a->now.axis, (double)span->start);
	enum point_phase last = axis_phase_at(&a->now.axis, (double)span->end - 1.0);

	if (bl->observations == 0)
		return;
	if (first == POINT_TARE && axis_begun(&a->now.axis, POINT_TARE))
		moments_add(&a->tally.level.tare, baseline_level(bl, last == POINT_TARE ? bl->len / 2 : 0));
	if (first == POINT_REST && last == POINT_REST)
		moments_add(&a->tally.level.rest, bl->poly[0]);
	if (first <= POINT_MEASURE && last >= POINT_MEASURE)
		tally_level(&a->tally, bl->poly[0], bl->level_u);
	for (unsigned i = 0; i < bl->lines; i++) {
		if (bl->use[i] != LINE_ESTIMATED)
			a->tally.level.hum_left_n = fmax(a->tally.level.hum_left_n, baseline_amplitude(bl, i));
	}
}

static void note_gains(struct analysis *a)
{
	const struct pulse *pulse = &a->template.pulse;
	struct gains *g = &a->gains;

	if (!pulse->ready || g->builds == pulse->builds)
		return;
	g->builds = pulse->builds;
	g->offset = template_response(&a->template, 0.0);
	pulse_integrals(pulse, &g->area, &g->energy);
	for (unsigned i = 0; i < a->baseline.lines; i++)
		g->line[i] =
			template_response(&a->template, 2.0 * M_PI * baseline_line_hz(&a->baseline, i) / a->grid.fs_hz);
}

static void solve_block(struct analysis *a, const struct span *span)
{
	const struct axis *axis = &a->now.axis;
	const struct template *t = &a->template;

	if (axis_begun(axis, POINT_TARE) && axis_phase_at(axis, (double)span->start) == POINT_TARE)
		baseline_set_strokes(&a->baseline, a->grid.fs_hz,
				     1.0); /* with no strokes about, every line can be told */
	strokes_place(a, span);
	quiet_solve(a, span, a->now.block < EARLY_BLOCKS ? PASSES_EARLY : 1);
	quiet_flatten(a, span);
	if (t->pulse.ready)
		baseline_set_strokes(&a->baseline, a->grid.fs_hz / t->period, t->pulse.gap.share);
	note_level(a, span);
	note_gains(a);
}

/* What the block leaves for the next one. */
static void close_block(struct analysis *a, const struct span *span)
{
	close_ranks(&a->waiting);
	holes_tell(a, (double)span->end);
	holes_drop(a, span->end - 2 * (long)a->grid.block);
	a->tally.depth.zero_n2 += baseline_row_variance(&a->baseline, a->gains.row);
	memset(a->gains.row, 0, sizeof(a->gains.row));
	if (template_refresh(&a->template, a->now.noise_n))
		tally_new_template(&a->tally);
	template_end_block(&a->template, LEARN_STROKES_MIN);
	baseline_advance(&a->baseline);
}

void analysis_block(struct analysis *a, const struct handover *handover)
{
	struct span span = {.start = handover->block * (long)a->grid.block, .limit = handover->limit};
	long from = span.start - look_back(a);

	span.end = span.start + (long)handover->len;
	take_over(a, handover);
	a->from = from > 0 ? from : 0;
	learn_block(a, &span);
	solve_block(a, &span);
	observe_block(a, &span);
	while (analysis_waiting(a) > 0 && analysis_candidate(a, 0)->at < (double)span.end)
		strokes_next(a, &span);
	close_block(a, &span);
}
