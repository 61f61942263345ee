/* Results from a tally: which there are, and what they have in common. */
#include "rig/measure/point/summary.h"

#include <math.h>
#include <stdio.h>

#include "rig/measure/point/model_checks.h"
#include "rig/measure/point/stroke_noise.h"
#include "rig/measure/point/summary_parts.h"

#define U_CELL_REL  0.02 /* natural frequency, where the bench file gives no uncertainty */
#define DAMPING_MAX 0.4  /* of the cell; beyond it a correction of the peak has no first order */

/* Amplitude of the hum that cannot be told from the strokes within the window: |line - m rate| T < 1. */
double hidden_hum(const struct account *a)
{
	double period = tally_period(a->tally), rate = a->grid->fs_hz / period, worst = a->tally->level.hum_left_n;
	double seconds = period * (double)a->tally->rhythm.strokes / a->grid->fs_hz;

	for (unsigned i = 0; i < a->baseline->lines; i++) {
		double line = a->baseline->nominal_hz[i] + a->baseline->multiple[i] * a->baseline->detune_hz;
		double order = fmax(1.0, round(line / rate));

		if (fabs(line - order * rate) * seconds < 1.0)
			worst = fmax(worst, baseline_amplitude(a->baseline, i));
	}
	return worst;
}

/* Relative change of the cell's correction per relative change of its natural frequency, times the uncertainty of that,
 * with the next order (GUM 5.1.2, note); and the same of its damping. At the peak of the force the correction is
 * (1 - 4 zeta^2) y'' / w^2. */
double cell_u_rel(const struct point_config *c)
{
	double u = c->cell.u_rel > 0.0 ? c->cell.u_rel : U_CELL_REL, damping = fmin(c->cell.damping, DAMPING_MAX);
	double square = 4.0 * damping * damping;

	return hypot((2.0 - square) * u * sqrt(1.0 + 16.5 * u * u), 2.0 * square * c->cell.damping_u_rel) /
	       (1.0 - square);
}

bool cell_is_seen(const struct account *a)
{
	return a->config->cell.hz > 0.0 && a->check && isfinite(a->check[CHECK_CELL].statistic);
}

double cell_u_n(const struct account *a)
{
	const struct heights *h = &a->tally->height;

	return h->cell_count > 0 ? fabs(h->cell_n / (double)h->cell_count) * cell_u_rel(a->config) : 0.0;
}

/* Undoing the cell gives back (1 - 4 zeta^2) y'' / w^2 at the peak. A filter that is slower than the cell is not undone; it
 * takes y'' / w^2 of its own angular frequency at most, either way. */
double filter_u_n(const struct account *a)
{
	const struct point_config *c = a->config;
	const struct heights *h = &a->tally->height;
	double damping = fmin(c->cell.damping, DAMPING_MAX), slower = c->cell.hz / c->bandwidth_hz;

	if (!(c->cell.hz > 0.0 && c->bandwidth_hz > 0.0 && slower > 1.0) || h->cell_count == 0)
		return 0.0;
	return fabs(h->cell_n / (double)h->cell_count) / (1.0 - 4.0 * damping * damping) * slower * slower / sqrt(3.0);
}

void summarise_motion(const struct account *a, char reason[REASON_MAX])
{
	reason[0] = '\0';
	doubt_few(a, reason);
	doubt_edges(a, reason);
	doubt_holes(a, reason);
}

unsigned summarise(const struct account *account, struct result *results, unsigned cap)
{
	struct stroke_noise noise = stroke_noise_of(account);
	struct account whole = *account;
	const struct account *a = &whole;
	struct result_list list = {.at = results, .cap = cap};
	struct reasons why = {.count = ""};

	whole.stroke_noise = &noise;
	doubt_rate(a, why.count);
	doubt(why.rate, "%s", why.count);
	doubt_edges(a, why.rate);
	doubt_tare(a, why.event);
	model_checks(a);
	doubt_checks(a, DOUBTS_EVENTS, why.event);
	doubt_checks(a, DOUBTS_COUNTS, why.count);
	doubt_checks(a, DOUBTS_RATE, why.rate);
	doubt(why.force, "%s", why.rate);
	doubt_checks(a, DOUBTS_FORCE, why.force);
	add_rates(&list, a, &why);
	for (unsigned i = 0; i < 2 && i < cap; i++) /* realised and nominal stand first */
		add_rate_error(&list, a, &why, results[i]);
	add_rate_details(&list, a, &why);
	add_events(&list, a, &why);
	add_depths(&list, a, &why);
	add_forces(&list, a, &why);
	add_crest_factor(&list, a, why.force);
	add_impulse(&list, a, why.force);
	return list.n;
}
