/* Passages of the needle bar through half of its travel. Leaves out why a phase begins when it does. */
#include "rig/measure/freerun.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TRAVEL_MIN_MM      0.05 /* less is no stroke */
#define TRAVEL_PERIODS     4.0 /* of the setpoint: long enough for a whole stroke of a pen that turns at a third of it */
#define SAMPLES_PER_STROKE 10.0
#define PASSAGES_MIN       10
#define STUCK_S            0.05
#define EDGE_PERIODS       1.5 /* between the window's edge and the first or last passage */

void free_run_init(struct free_run *run, const struct free_run_config *config)
{
	*run = (struct free_run){.config = *config,
				 .seen_lo_mm = INFINITY,
				 .seen_hi_mm = -INFINITY,
				 .lo_mm = NAN,
				 .hi_mm = NAN,
				 .first_at = NAN,
				 .last_at = NAN};
	for (unsigned i = 0; i < POINT_PHASES; i++)
		run->phase_start[i] = UINT64_MAX;
	watch_init(&run->force, &config->force);
}

void free_run_phase(struct free_run *run, enum point_phase phase, uint64_t first_index)
{
	uint64_t ran_from = run->phase_start[POINT_SPIN_UP];

	if (phase == POINT_COAST && ran_from != UINT64_MAX)
		run->contact = run->force.last_motion >= ran_from;
	run->phase_start[phase] = first_index;
}

static bool in_window(const struct free_run *run, uint64_t index)
{
	return index >= run->phase_start[POINT_MEASURE] && index < run->phase_start[POINT_COAST];
}

static bool spinning_up(const struct free_run *run, uint64_t index)
{
	return index >= run->phase_start[POINT_SPIN_UP] && index < run->phase_start[POINT_MEASURE];
}

/* The newest whole stretch of a few periods counts, so that what the spin-up began with is forgotten. */
static void learn_travel(struct free_run *run, double mm)
{
	run->seen_lo_mm = fmin(run->seen_lo_mm, mm);
	run->seen_hi_mm = fmax(run->seen_hi_mm, mm);
	if ((double)++run->seen < TRAVEL_PERIODS * run->config.fs_hz / run->config.rate_set_hz)
		return;
	run->lo_mm = run->seen_lo_mm;
	run->hi_mm = run->seen_hi_mm;
	run->seen_lo_mm = INFINITY;
	run->seen_hi_mm = -INFINITY;
	run->seen = 0;
}

static void interval(struct free_run *run, double samples)
{
	double usual = run->interval.n ? run->interval.mean : samples;

	run->missed += samples > 1.5 * usual;
	run->doubled += samples < 0.5 * usual;
	moments_add(&run->interval, samples);
}

static void passage(struct free_run *run, double at, double slope_mm)
{
	if (run->passages++ == 0)
		run->first_at = at;
	else
		interval(run, at - run->last_at);
	run->last_at = at;
	run->slope_sum += slope_mm;
}

static void look_for_passage(struct free_run *run, uint64_t index, double mm)
{
	double half = (run->lo_mm + run->hi_mm) / 2.0, travel = run->hi_mm - run->lo_mm;

	if (!(travel > TRAVEL_MIN_MM))
		return;
	if (mm < half - travel / 4.0)
		run->armed = true;
	if (!run->armed || mm < half)
		return;
	run->armed = false;
	if (run->last_mm < half)
		passage(run, (double)index - (mm - half) / (mm - run->last_mm), mm - run->last_mm);
}

static void take(struct free_run *run, uint64_t index, int32_t count)
{
	const struct free_run_config *c = &run->config;
	double mm = c->bar.scale * count;

	run->same_counts = count == run->last_count ? run->same_counts + 1 : 0;
	run->last_count = count;
	if (spinning_up(run, index))
		learn_travel(run, mm);
	if (in_window(run, index)) {
		run->saturated |= count <= c->bar.count_lo || count >= c->bar.count_hi;
		run->stuck |= (double)run->same_counts >= STUCK_S * c->fs_hz;
		look_for_passage(run, index, mm);
	}
	run->last_mm = mm;
}

/* A force that stands, or is at an end of its range, does not show what the needles touch. */
static bool sees_no_contact(const struct watch *force)
{
	double saturated_s = (double)(force->next_index - force->last_saturated) / force->config.fs_hz;

	return force->stuck || force->noise_dead || (force->last_saturated && saturated_s < STUCK_S);
}

void free_run_feed(struct free_run *run, const struct sample_block *block)
{
	uint64_t end = block->first_index + block->frames;
	bool gap = (block->flags & (SAMPLE_GAP | SAMPLE_UNPAIRED)) ||
		   (run->started && block->first_index > run->next_index);

	if (block->frames == 0 || (run->started && end <= run->next_index))
		return;
	watch_feed(&run->force, block);
	if (block->first_index >= run->phase_start[POINT_SPIN_UP] && block->first_index < run->phase_start[POINT_COAST])
		run->blind |= sees_no_contact(&run->force);
	if (gap && end > run->phase_start[POINT_MEASURE] && run->next_index < run->phase_start[POINT_COAST])
		run->gap = true;
	for (uint32_t i = 0; i < block->frames; i++)
		take(run, block->first_index + i,
		     block->counts[(size_t)i * block->channels + (unsigned)run->config.bar.position]);
	run->started = true;
	run->next_index = end;
}

void free_run_aligned(struct free_run *run, double wander_s)
{
	run->wander_s = wander_s;
}

static bool covers_window(const struct free_run *run)
{
	double edge = EDGE_PERIODS * run->interval.mean, first = (double)run->phase_start[POINT_MEASURE];
	double end = (double)(run->phase_start[POINT_COAST] < run->next_index ? run->phase_start[POINT_COAST]
									      : run->next_index);

	return run->first_at - first <= edge && end - run->last_at <= edge;
}

static const char *why_not(const struct free_run *run)
{
	if (run->gap)
		return "samples are missing in the measure window";
	if (run->saturated)
		return "the displacement channel was saturated";
	if (run->stuck)
		return "the displacement channel was stuck";
	if (run->blind)
		return "whether the needles touched something could not be checked: the force channel stood still or "
		       "at an end "
		       "of its range";
	if (run->contact)
		return "the needles touched something: the force channel saw strokes";
	if (run->config.fs_hz < SAMPLES_PER_STROKE * run->config.rate_set_hz)
		return "fewer than 10 samples per stroke";
	if (run->config.bar_rate_hz > 0 && run->config.bar_rate_hz < SAMPLES_PER_STROKE * run->config.rate_set_hz)
		return "fewer than 10 displacement samples per stroke";
	if (run->passages < PASSAGES_MIN)
		return "too few strokes for a rate";
	if (run->missed || run->doubled)
		return "strokes are missing or doubled";
	return covers_window(run) ? NULL : "the needle bar did not move through the whole window";
}

static void line(struct result *r, const char *name, double u, double dof)
{
	struct budget_line *b = &r->budget[r->budget_lines++];

	*b = (struct budget_line){.u = u, .dof = dof};
	snprintf(b->name, sizeof(b->name), "%s", name);
}

static void begin(struct result *r, enum measurand id)
{
	*r = (struct result){.value = NAN};
	result_name(r, id, "displacement");
}

void free_run_finish(const struct free_run *run, struct result *ret)
{
	const char *why = why_not(run);
	double n = (double)run->interval.n, span = run->last_at - run->first_at;

	begin(ret, MEASURAND_FREE_RATE);
	ret->lacks = run->gap && !run->saturated;
	if (why)
		snprintf(ret->reason, sizeof(ret->reason), "%s", why);
	if (run->interval.n < 2)
		return;
	ret->valid = true;
	ret->trusted = !why;
	ret->n = run->passages;
	ret->value = n / span * run->config.fs_hz;
	double instant = run->config.bar.noise / (run->slope_sum / (double)run->passages);
	line(ret, "instants", M_SQRT2 * instant / span * ret->value, INFINITY);
	line(ret, "scatter", moments_sd(&run->interval) * sqrt(n) / span * ret->value, n - 1);
	line(ret, "clock", run->config.u_clock_rel * ret->value, INFINITY);
	if (run->wander_s > 0)
		line(ret, "alignment", M_SQRT2 * run->wander_s * run->config.fs_hz / span * ret->value, INFINITY);
	result_combine(ret);
}

void free_run_droop(double free_hz, double u_free_hz, const struct result *loaded, const struct result *jitter,
		    struct result *ret)
{
	begin(ret, MEASURAND_RATE_DROOP);
	ret->lacks = (loaded->lacks || loaded->trusted) && (jitter->lacks || jitter->trusted) &&
		     (loaded->lacks || jitter->lacks);
	if (!loaded->valid || !jitter->valid || !(free_hz > 0) || jitter->n < 2) {
		snprintf(ret->reason, sizeof(ret->reason), "not measured: no rate under load: %.100s", loaded->reason);
		return;
	}
	double ratio = loaded->value / free_hz;
	ret->valid = true;
	ret->trusted = loaded->trusted && jitter->trusted;
	if (!ret->trusted)
		snprintf(ret->reason, sizeof(ret->reason), "the rate under load: %.120s",
			 loaded->trusted ? jitter->reason : loaded->reason);
	ret->n = loaded->n;
	ret->value = 100.0 * (1.0 - ratio);
	line(ret, "free rate", 100.0 * ratio * u_free_hz / free_hz, INFINITY);
	line(ret, "loaded rate", 100.0 * loaded->u / free_hz, loaded->dof);
	line(ret, "scatter", ratio * jitter->value / sqrt((double)jitter->n), (double)jitter->n - 1.0);
	result_combine(ret);
}
