/* Forces, and what is a property of the whole pulse. */
#include "rig/measure/point/summary_parts.h"

#include <math.h>
#include <stddef.h>

#include "rig/measure/point/model_checks.h"

static const struct {
	const char *line;
	size_t offset; /* in struct point_uncertainties: relative to force */
} of_cell[] = {
	{"cell linearity", offsetof(struct point_uncertainties, cell_linearity_rel)},
	{"cell hysteresis", offsetof(struct point_uncertainties, cell_hysteresis_rel)},
	{"cell creep", offsetof(struct point_uncertainties, cell_creep_rel)},
	{"cell drift", offsetof(struct point_uncertainties, cell_drift_rel)},
};
#define CELL_LINES (sizeof(of_cell) / sizeof(of_cell[0]))

static double of_cell_rel(const struct point_uncertainties *u, unsigned i)
{
	return *(const double *)((const char *)u + of_cell[i].offset);
}

void add_cell_lines(struct result *r, const struct point_uncertainties *u, double per)
{
	for (unsigned i = 0; i < CELL_LINES; i++)
		results_budget(r, of_cell[i].line, of_cell_rel(u, i) * per, INFINITY);
}

double cell_lines_rel(const struct point_uncertainties *u)
{
	double sum = 0.0;

	for (unsigned i = 0; i < CELL_LINES; i++)
		sum = hypot(sum, of_cell_rel(u, i));
	return sum;
}

/* Of a force in newton: what scales it. */
static void scale_budget(struct result *r, const struct account *a, double value)
{
	const struct point_uncertainties *u = &a->config->u;

	results_budget(r, "calibration", u->gain_rel * value, INFINITY);
	results_budget(r, "temperature", u->temperature_rel * value, INFINITY);
	add_cell_lines(r, u, value);
}

double level_u_n(const struct account *a)
{
	const struct levels *l = &a->tally->level;

	return l->window_count ? sqrt(1.0 / l->window_weight) : moments_sd(&l->tare);
}

double level_gain(const struct account *a)
{
	return a->template->pulse.ready ? template_response(a->template, 0.0) : 1.0;
}

double template_u_rel(const struct account *a)
{
	const struct template *t = a->template;

	return t->pulse.ready ? sqrt(a->baseline->sigma2 * pulse_peak_variance(&t->pulse, t->width_weight)) : 0.0;
}

/* Of a height, a fitted one, but for noise. */
static void height_budget(struct result *r, const struct account *a, double height_n)
{
	scale_budget(r, a, height_n);
	results_budget(r, "template", height_n * template_u_rel(a), INFINITY);
	results_budget(r, "zero", level_gain(a) * level_u_n(a), INFINITY);
	results_budget(r, "resolution", fabs(a->config->force.scale) / sqrt(12.0), INFINITY);
}

double height_rest_u(const struct account *a)
{
	const struct moments *heights = &a->tally->height.seen;
	struct result rest = {.k = NAN};

	if (heights->n == 0)
		return NAN;
	results_budget(&rest, "repeatability", sqrt(a->baseline->sigma2 / (double)heights->n), INFINITY);
	height_budget(&rest, a, heights->mean);
	result_combine(&rest);
	return rest.expanded_u;
}

static void add_peak_force(struct result_list *list, const struct account *a, const char *force)
{
	const struct heights *h = &a->tally->height;
	const double per_n[CHECK_ACTS] = {[ACTS_ON_LEVEL] = 1.0, [ACTS_ON_TOP] = 1.0, [ACTS_ON_SHAPE] = 1.0};
	struct result *r = results_add(list, MEASURAND_PEAK_FORCE, "");

	char reason[REASON_MAX] = "";

	doubt(reason, "%s", force);
	doubt_few(a, reason);
	if (h->seen.n == 0) {
		results_none(r, reason[0] ? reason : "no strokes");
		return;
	}
	results_budget(r, "repeatability", sqrt(a->baseline->sigma2), INFINITY);
	height_budget(r, a, h->largest_n);
	if (!cell_is_seen(a))
		results_budget(r, "cell", cell_u_n(a) * h->largest_n / h->seen.mean, INFINITY);
	results_budget(r, "bandwidth", filter_u_n(a) * h->largest_n / h->seen.mean, INFINITY);
	results_budget(r, "hum", hidden_hum(a) * M_SQRT1_2, INFINITY);
	add_check_lines_of_force(r, a, per_n);
	results_value(r, h->largest_n, h->seen.n, reason);
}

static void add_seating_force(struct result_list *list, const struct account *a, const char *event)
{
	const struct levels *l = &a->tally->level;
	struct result *r = results_add(list, MEASURAND_SEATING_FORCE, "");

	if (l->window_count + l->tare.n == 0) {
		results_none(r, "no stretch without contact");
		return;
	}

	double level = l->window_count ? tally_window_level(a->tally) : l->tare.mean;
	char reason[REASON_MAX] = "";

	doubt(reason, "%s", event);
	doubt_checks(a, DOUBTS_LEVEL, reason);

	results_budget(r, "zero", level_u_n(a), INFINITY);
	results_budget(r, "cell zero", a->config->u.cell_zero_n, INFINITY);
	scale_budget(r, a, fabs(level));
	if (l->rest.n > 0 && l->tare.n > 0)
		results_budget(r, "drift", fabs(l->rest.mean - l->tare.mean) / sqrt(12.0), INFINITY);
	add_check_lines_of_force(r, a, (const double[CHECK_ACTS]){[ACTS_ON_LEVEL] = 1.0, [ACTS_ON_ZERO] = 1.0});
	results_value(r, level, l->window_count + l->tare.n, reason);
}

void add_forces(struct result_list *list, const struct account *a, const struct reasons *why)
{
	const struct rhythm *rhythm = &a->tally->rhythm;

	add_peak_force(list, a, why->force);
	add_seating_force(list, a, why->event);
	results_value(results_add(list, MEASURAND_STROKES, ""), (double)(rhythm->strokes + rhythm->blind.hidden),
		      rhythm->strokes, why->count);
}

struct force_shape force_shape_of(const struct account *a)
{
	const struct pulse *pulse = &a->template->pulse;
	const struct heights *h = &a->tally->height;
	uint64_t made_of = pulse->fold.built_from ? pulse->fold.built_from : a->template->learned;
	double period = tally_period(a->tally), fs = a->grid->fs_hz, contact = pulse->gap.lo + pulse->gap.hi;

	if (!pulse->ready || h->push.n == 0)
		return (struct force_shape){.mean_n = 0.0};
	return (struct force_shape){.mean_n = h->push.mean / period,
				    .rms_n = sqrt(h->square / (double)h->push.n / period),
				    .impulse_n_s = h->push.mean / fs,
				    .scatter_n_s = moments_sd(&h->push) / fs,
				    .template_n_s =
					    sqrt(a->baseline->sigma2 * contact / fmax(1.0, (double)made_of)) / fs,
				    .contact_s = contact / fs};
}

static bool has_shape(const struct account *a)
{
	return a->template->pulse.ready && a->tally->height.push.n >= RATE_STROKES_MIN;
}

/* (74). What scales the force scales peak and rms alike. */
static void crest_budget(struct result *r, const struct account *a, const struct force_shape *shape, double crest)
{
	const struct heights *h = &a->tally->height;
	double peak = h->largest_n, sigma = sqrt(a->baseline->sigma2),
	       samples = tally_period(a->tally) * (double)h->seen.n;
	double lifted =
		shape->mean_n / (shape->rms_n * shape->rms_n); /* of the rms, by a force that is not the needles' */
	double per_n = crest * fmax(1.0 / peak, lifted);
	const double effect[CHECK_ACTS] = {[ACTS_ON_LEVEL] = per_n,
					   [ACTS_ON_TOP] = crest / peak,
					   [ACTS_ON_SHAPE] = crest / h->seen.mean,
					   [ACTS_ON_MEAN] = crest / h->seen.mean};

	results_budget(r, "repeatability", crest * sigma / peak, INFINITY);
	results_budget(r, "noise", crest * sigma / (shape->rms_n * sqrt(samples)), INFINITY);
	results_budget(r, "template", crest * template_u_rel(a), INFINITY);
	results_budget(r, "zero", crest * level_u_n(a) * fabs(1.0 / peak - lifted), INFINITY);
	results_budget(r, "cell linearity", crest * a->config->u.cell_linearity_rel, INFINITY);
	results_budget(r, "cell hysteresis", crest * a->config->u.cell_hysteresis_rel, INFINITY);
	if (!cell_is_seen(a)) /* else its check leaves the line */
		results_budget(r, "cell", crest * cell_u_n(a) / h->seen.mean, INFINITY);
	results_budget(r, "bandwidth", crest * filter_u_n(a) / h->seen.mean, INFINITY);
	results_budget(r, "hum", hidden_hum(a) * M_SQRT1_2 * per_n, INFINITY);
	add_check_lines_of_force(r, a, effect);
}

/* (73). */
void add_crest_factor(struct result_list *list, const struct account *a, const char *force)
{
	const struct heights *h = &a->tally->height;
	struct result *r = results_add(list, MEASURAND_CREST_FACTOR, "");
	char reason[REASON_MAX] = "";

	doubt_shape(a, force, reason);
	if (!has_shape(a)) {
		results_none(r, reason);
		return;
	}

	struct force_shape shape = force_shape_of(a);
	double crest = h->largest_n / shape.rms_n;

	crest_budget(r, a, &shape, crest);
	results_value(r, crest, h->seen.n, reason);
}

/* (76). */
static void impulse_budget(struct result *r, const struct account *a, const struct force_shape *shape)
{
	const struct heights *h = &a->tally->height;
	double n = (double)h->push.n, per_height = shape->impulse_n_s / h->seen.mean;
	const double effect[CHECK_ACTS] = {
		[ACTS_ON_LEVEL] = shape->contact_s, [ACTS_ON_TOP] = per_height, [ACTS_ON_MEAN] = per_height};

	results_budget(r, "repeatability", shape->scatter_n_s / sqrt(n), n - 1.0);
	scale_budget(r, a, shape->impulse_n_s);
	results_budget(r, "clock", a->config->u.clock_rel * shape->impulse_n_s, INFINITY);
	results_budget(r, "template", shape->template_n_s, INFINITY);
	results_budget(r, "zero", level_u_n(a) * shape->contact_s, INFINITY);
	results_budget(r, "hum", hidden_hum(a) * M_SQRT1_2 * shape->contact_s, INFINITY);
	add_check_lines_of_force(r, a, effect);
}

/* (75). */
void add_impulse(struct result_list *list, const struct account *a, const char *force)
{
	struct result *r = results_add(list, MEASURAND_IMPULSE, "");
	char reason[REASON_MAX] = "";

	doubt_shape(a, force, reason);
	if (!has_shape(a)) {
		results_none(r, reason);
		return;
	}

	struct force_shape shape = force_shape_of(a);

	impulse_budget(r, a, &shape);
	results_value(r, shape.impulse_n_s, a->tally->height.seen.n, reason);
}
