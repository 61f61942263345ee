/* Inputs of budgets, from the account and the configuration. */
#include "rig/measure/point/budget_inputs.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "rig/measure/point/actual_rate.h"
#include "rig/measure/point/model_checks.h"
#include "rig/measure/point/stroke_noise.h"
#include "rig/measure/point/summary_parts.h"

struct inputs {
	struct budget_input *at;
	unsigned n;
};

unsigned budget_input_add(struct budget_input ret[BUDGET_INPUTS_MAX], unsigned n, const char *name, const char *unit,
			  double value)
{
	assert(n < BUDGET_INPUTS_MAX);
	if (n >= BUDGET_INPUTS_MAX)
		return n;
	ret[n] = (struct budget_input){.value = value};
	snprintf(ret[n].name, sizeof(ret[n].name), "%s", name);
	snprintf(ret[n].unit, sizeof(ret[n].unit), "%s", unit);
	return n + 1;
}

static void add(struct inputs *in, const char *name, const char *unit, double value)
{
	in->n = budget_input_add(in->at, in->n, name, unit, value);
}

static void add_timing(struct inputs *in, const struct account *a, const struct stroke_noise *noise)
{
	const struct tally *t = a->tally;

	add(in, "strokes", "1", (double)t->rhythm.strokes);
	add(in, "period", "samples", tally_period(t));
	add(in, "sample_rate", "Hz", a->grid->fs_hz);
	add(in, "instant_noise", "samples", sqrt(noise->shares.instant * tally_timing_variance(t)));
	add(in, "clock_rel", "1", a->config->u.clock_rel);
	if (t->rhythm.strokes < RATE_STROKES_MIN)
		return;

	struct rate_errors errors = rate_errors_of(a);
	double u_nominal, nominal = nominal_period(a, &u_nominal);

	add(in, "rate_intervals", "1", errors.intervals);
	add(in, "rate_period", "samples", errors.period);
	add(in, "nominal_period", "samples", nominal);
	add(in, "nominal_period_u", "samples", u_nominal);
	add(in, "ends_noise", "samples", errors.noise);
	add(in, "ends_shift", "samples", errors.ends);
	add(in, "unsure_strokes", "1", errors.unsure);
}

/* Of the two events: the converter's own rate, where several of its samples are one of the analysis. */
static void add_events_of(struct inputs *in, const struct account *a)
{
	struct event_widths width = event_widths_of(a);

	add(in, "converter_rate", "Hz", a->config->fs_hz);
	add(in, "spin_up_entry", "s", width.entry_s);
	add(in, "coast_down_last_stroke", "s", width.last_stroke_s);
	add(in, "event_clock", "s", EVENT_CLOCK_S);
}

/* Of the intervals: as the pen made them, what noise adds, and what of that is not known. */
static void add_intervals(struct inputs *in, const struct account *a)
{
	struct interval_scatter s = interval_scatter_of(a);
	double square = pow(100.0 / a->tally->rhythm.interval.mean, 2.0);

	add(in, "intervals_effective", "1", moments_effective_n(&a->tally->rhythm.interval));
	add(in, "interval_variance", "%^2", square * s.made);
	add(in, "interval_noise_variance", "%^2", square * s.noise);
	add(in, "interval_variance_u", "%^2", square * s.u);
}

/* Of the scatter of depths by force. */
static void add_spread(struct inputs *in, const struct account *a, const struct stroke_noise *noise)
{
	struct depth_spread spread;
	struct actual_rate at;

	actual_rate(a, &at);
	spread_of_force(a, noise, moments_sd(&at.seen), &spread);
	add(in, "depth_noise_variance", "mm^2", spread.noise_mm2);
	add(in, "depth_noise_variance_u", "mm^2", spread.u_noise_mm2);
	add(in, "depth_share", "1", spread.kappa);
	add(in, "depth_share_u", "1", spread.u_kappa);
	add(in, "depth_share_told_u", "1", spread.told_kappa_u);
	add(in, "depth_moved_variance", "mm^2", spread.moved_mm2);
	add(in, "depth_share_held", "1", spread.held);
	add(in, "scale_rel", "1", spread.gain_rel);
	add(in, "tolerance_k", "1", depth_tolerance_k(a, &a->tally->depth.seen));
	add(in, "tolerance_low", "1", depth_tolerance_low(&a->tally->depth.seen));
}

/* Noise as it acts. */
static void add_depth(struct inputs *in, const struct account *a, const struct stroke_noise *noise)
{
	const struct depths *d = &a->tally->depth;
	const struct heights *h = &a->tally->height;
	double n = (double)d->seen.n;
	struct actual_rate at;

	actual_rate(a, &at);
	add(in, "depths", "1", n);
	add(in, "depths_effective", "1", moments_effective_n(&d->seen));
	add(in, "depth_scatter", "mm", moments_sd(&at.seen));
	add(in, "depth_noise", "mm", at.scale * sqrt(noise->acting * noise->shares.mean));
	add(in, "depth_mean", "mm", d->seen.mean);

	struct depth_trend trend = depth_trend_of(d);

	add(in, "depth_trend", "mm", trend.over_mm);
	add(in, "depth_trend_noise", "mm", trend.noise_mm);
	add(in, "slope", "N/mm", d->slope / n);
	add(in, "gain", "mm", d->gain_mm / n);
	add(in, "sample_noise", "N", a->noise_n);
	add(in, "template_n", "N", sqrt(noise->shares.height * d->template_n2) / n);
	add(in, "zero_n", "N", sqrt(d->zero_n2) / n);
	add(in, "curve_rate_n", "N", actual_rate_u(a) * d->slope / n);
	add(in, "quantum", "N", fabs(a->config->force.scale));
	add(in, "cell_effect", "N", h->cell_count ? fabs(h->cell_n / (double)h->cell_count) : 0.0);
	add(in, "cell_frequency_rel", "1", a->config->cell.u_rel);
	add(in, "cell_damping_rel", "1", a->config->cell.damping_u_rel);
	add(in, "cell_rel", "1", cell_is_seen(a) ? 0.0 : cell_u_rel(a->config)); /* seen: its check has the line */
	add(in, "bandwidth_n", "N", filter_u_n(a));
	add(in, "hum", "N", hidden_hum(a));
}

/* Of peak, crest factor and impulse, and how a check's line in depth becomes one in theirs. */
static void add_force(struct inputs *in, const struct account *a)
{
	const struct force_shape shape = force_shape_of(a);
	const struct moments *heights = &a->tally->height.seen;

	add(in, "heights", "1", (double)heights->n);
	add(in, "height_mean", "N", heights->mean);
	add(in, "impulse_scatter", "N s", shape.scatter_n_s);
	add(in, "height_max", "N", a->tally->height.largest_n);
	add(in, "force_mean", "N", shape.mean_n);
	add(in, "force_rms", "N", shape.rms_n);
	add(in, "contact", "s", shape.contact_s);
	add(in, "residual_noise", "N", sqrt(a->baseline->sigma2));
	add(in, "template_rel", "1", template_u_rel(a));
	add(in, "template_impulse", "N s", shape.template_n_s);
	add(in, "level_n", "N", level_u_n(a));
	add(in, "level_gain", "1", level_gain(a));
	add(in, "check_depth_per_force", "mm/N", check_mm_per_n(a));
}

static void add_stated(struct inputs *in, const struct point_uncertainties *u)
{
	add(in, "gain_rel", "1", u->gain_rel);
	add(in, "temperature_rel", "1", u->temperature_rel);
	add(in, "curve_rel", "1", u->curve_force_rel);
	add(in, "curve_fit_mm", "mm", u->curve_fit_mm);
	add(in, "depth_reference_mm", "mm", u->depth_cal_mm);
	add(in, "cell_linearity_rel", "1", u->cell_linearity_rel);
	add(in, "cell_hysteresis_rel", "1", u->cell_hysteresis_rel);
	add(in, "cell_creep_rel", "1", u->cell_creep_rel);
	add(in, "cell_drift_rel", "1", u->cell_drift_rel);
	add(in, "cell_zero_n", "N", u->cell_zero_n);
	add(in, "cartridge_force_rel", "1", u->cartridge_rel);
	add(in, "position_rel", "1", u->position_rel);
	add(in, "ageing_rel", "1", u->ageing_rel);
	add(in, "needle_speed_rel", "1", u->needle_speed_rel);
	add(in, "phantom_temperature_rel", "1", u->phantom_temperature_rel);
	add(in, "needle_angle_rel", "1", u->angle_rel);
}

static void add_displacement(struct inputs *in, const struct account *a)
{
	const struct protrusions *p = &a->tally->protrusion;

	if (a->config->displacement.position < 0)
		return;
	add(in, "bar_depth_mean", "mm", p->seen.mean);
	add(in, "bar_depths_effective", "1", moments_effective_n(&p->seen));
	add(in, "bar_depth_scatter", "mm", moments_sd(&p->seen));
	add(in, "bar_tolerance_k", "1", depth_tolerance_k(a, &p->seen));
	add(in, "bar_tolerance_low", "1", depth_tolerance_low(&p->seen));
	add(in, "bar_depth_noise", "mm", sqrt(p->noise_mm2 / (double)p->seen.n));
	add(in, "displacement_mm", "mm", a->config->u.displacement_mm);
	add(in, "cartridge_length_mm", "mm", a->config->u.cartridge_mm);
	add(in, "seating_mm", "mm", a->config->u.seating_mm);
	add(in, "bar_shape_mm", "mm", bar_shape_mm(p));
	add(in, "alignment_s", "s", a->config->u.alignment_s);
}

unsigned budget_inputs(const struct account *account, struct budget_input ret[BUDGET_INPUTS_MAX])
{
	struct inputs in = {.at = ret};
	const struct stroke_noise noise = stroke_noise_of(account);
	struct account whole = *account;
	const struct account *a = &whole;

	whole.stroke_noise = &noise;
	add_timing(&in, a, &noise);
	add_events_of(&in, a);
	add(&in, "strokes_excluded", "1", (double)a->tally->rhythm.blind.touched);
	add(&in, "strokes_unseen", "1", strokes_unseen(a));
	if (a->tally->rhythm.interval.n > 2)
		add_intervals(&in, a);
	if (a->tally->depth.seen.n > 0)
		add_depth(&in, a, &noise);
	if (a->tally->depth.seen.n > 2)
		add_spread(&in, a, &noise);
	if (a->tally->height.seen.n > 0)
		add_force(&in, a);
	add_stated(&in, &a->config->u);
	add_displacement(&in, a);
	return in.n;
}
