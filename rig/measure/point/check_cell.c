/* The load cell, from what it does when contact lets it go: its ring against the bench file, or how sharply the force
 * ends where no cell is declared. */
#include "rig/measure/point/check_cell.h"

#include <math.h>
#include <stdio.h>

#include "rig/measure/checks/foot.h"
#include "rig/measure/checks/ring.h"
#include "rig/measure/point/cell.h"
#include "rig/measure/point/pulse_view.h"
#include "rig/measure/point/summary_parts.h"

#define STROKES_MIN   3.0  /* fewer give no value */
#define RING_Z        20.0 /* from here on a ring is known better than a certificate knows the cell */
#define OFF_CYCLES    2.4  /* in the gap: with fewer what is smooth there may shift a ring by as much */
#define OFF_SD        3.0  /* a cell that moved by more of its sd than this is loose, or another */
#define CELL_U_REL    0.02 /* and by at least so many of these */
#define DAMPING_STEP  0.01
#define DAMPING_FOLD  1.2
#define DAMPING_SD    4.0
#define LEAST_MM      0.002
#define FOOT_SD       2.0
#define FOOT_REL      0.4 /* of the effect: force that follows path and curve less well than an eccentric's */
#define ROUNDS_SD     7.0 /* below, and above the next one: line */
#define UNSEEN_ROUNDS 3.5
#define SLOW_LOW      0.005 /* of the flank squared: a moving average as long as the flank shows 0.006 or more of its 0.15 */
#define SLOW_SURE     0.015 /* the same whatever growth is, by SURE_SD: of filters longer than the flank */
#define SURE_SD       4.0
#define SLOW_GROWTH   0.0025 /* and in growth, half of it */
#define UNSEEN_GROWTH 0.005  /* what it may show and noise not tell: line */
#define SLOW_TOP      0.15   /* and what it takes from the top */
#define REST_SHARE    0.25   /* of the declared cell's own variance */
#define RINGS_SHARE   0.6    /* the same where it is seen to ring: from stroke to stroke it may */
#define CLEAR         0.01   /* share of the structure in the gap that a ring alone leaves at most */
#define NEARLY_CLEAR  0.03   /* and a cell that hardly rings */
#define AGREE_SHARE   0.2
#define AGREE_SD      4.0
#define LOOSE_SHARE   0.5
#define FOOT_SHARE    0.4 /* of the gap: what rounds the end of contact has died away */
#define UNSEEN_SD     8.0
#define UNSEEN_MAX    0.2 /* cycles per sample: rings above are not looked for */
#define SILENT        0.1 /* of the ring that a declared cell would show */
#define U_MAX         0.5 /* of a frequency, relative, and of a damping */
#define SQRT3         1.7320508075688772
#define SLOWER        "slower than is declared, or a phantom that follows late"
#define UNDECLARED    "or a phantom that follows late: declare \"cell\" in the bench file"

/* All that is asked of one pulse. */
struct cell_case {
	const struct account *account;
	const struct check_scale *scale;
	const struct pulse_view *view;
	struct ring ring;
	struct foot foot;
	double height_n; /* with the cell undone as declared */
};

static double unseen_noise(const struct cell_case *c)
{
	return UNSEEN_SD * c->view->noise_n / sqrt((double)c->view->strokes);
}

/* Slowest cell that could ring unseen, cycles per sample. */
static double unseen_cycles(const struct cell_case *c)
{
	return fmin(UNSEEN_MAX, fabs(c->view->slope_n) / (2.0 * M_PI * unseen_noise(c)));
}

static struct load_cell ring_cell(const struct cell_case *c)
{
	return (struct load_cell){.hz = c->ring.cycles * c->account->grid->fs_hz, .damping = c->ring.damping};
}

/* Of what delays a force like this cell, samples^2. (143) */
static double cell_variance(double cycles, double damping)
{
	double w = 2.0 * M_PI * cycles;

	return (4.0 * damping * damping - 2.0) / (w * w);
}

/* The same of the ring, less that of the cell which is undone already. */
static double ring_variance(const struct cell_case *c)
{
	const struct load_cell *declared = &c->account->config->cell;
	double undone =
		declared->hz > 0.0 ? cell_variance(declared->hz / c->account->grid->fs_hz, declared->damping) : 0.0;

	return cell_variance(c->ring.cycles, c->ring.damping) - undone;
}

/* Share of what is in the gap that is neither the ring nor noise: at most, as far as noise tells. */
static double structure(const struct ring *r)
{
	double noise = 1.0 / fmax(1.0, r->excess_sd * r->excess_sd);

	return r->rest * (1.0 - noise + 2.0 * sqrt(2.0 / r->n));
}

/* A ring leaves nothing but noise. What leaves more may be one beside something else, or adhesion, or bounce: a cell
 * that rings so also overshoots so where contact ends. */
static bool agrees(const struct cell_case *c)
{
	double cell = ring_variance(c), off = c->foot.variance - cell;

	return structure(&c->ring) < CLEAR || !c->foot.looked ||
	       fabs(off) < AGREE_SHARE * fabs(cell) + AGREE_SD * c->foot.u_variance;
}

/* sd of the height when the cell of `cell` is undone and it is known to these. */
static double height_u(const struct cell_case *c, struct load_cell cell, double u_rel, double u_damping)
{
	struct load_cell up = cell, down = cell, more = cell, less = cell;

	u_rel = fmin(u_rel, U_MAX);
	u_damping = fmin(u_damping, U_MAX);
	up.hz *= 1.0 + u_rel;
	down.hz *= 1.0 - u_rel;
	more.damping += u_damping;
	less.damping = fmax(1e-4, less.damping - u_damping);
	return hypot(0.5 * (pulse_view_height(c->view, &up) - pulse_view_height(c->view, &down)),
		     0.5 * (pulse_view_height(c->view, &more) - pulse_view_height(c->view, &less)));
}

static void leave(const struct cell_case *c, double effect_n, double s_n, struct check_result *ret)
{
	ret->effect_mm = effect_n * c->scale->mm_per_n;
	ret->u_mm = check_line(ret->effect_mm, s_n * c->scale->mm_per_n);
}

/* ---- the end of contact ----------------------------------------------------------------------------------------- */

/* Without a curve there is no depth, and no path to tell how contact should end. */
static bool is_told(const struct cell_case *c)
{
	return c->foot.looked || c->account->config->curve == NULL;
}

/* An overshoot that a cell makes, too heavily damped to be seen as a ring. */
static bool overshoots(const struct cell_case *c)
{
	double off = c->foot.variance - ring_variance(c);

	return c->foot.looked && c->foot.variance < 0.0 && structure(&c->ring) < NEARLY_CLEAR &&
	       fabs(off) < -LOOSE_SHARE * c->foot.variance;
}

/* No judgement on a needle turns on less than LEAST_MM. */
static bool is_too_much(const struct cell_case *c, double effect_mm)
{
	struct check_scale scale = *c->scale;

	scale.rest_u_mm = fmax(scale.rest_u_mm, LEAST_MM);
	return check_outweighs(&scale, effect_mm);
}

/* A cell as declared would ring so loudly that it could not be missed, and nothing does. */
static bool is_silent(const struct cell_case *c, const struct load_cell *declared)
{
	double w = 2.0 * M_PI * declared->hz / c->account->grid->fs_hz, samples = 0.5 / (declared->damping * w);
	double room = c->view->next - c->view->end, kick = fabs(c->view->slope_n) / w;
	double expected = kick * sqrt(0.5 * fmin(samples, room) * (double)c->view->strokes) / c->view->noise_n;

	return c->ring.looked && w < 2.0 * M_PI * UNSEEN_MAX && w * room > 4.0 * M_PI && samples * w > 1.0 &&
	       SILENT * expected > RING_Z && c->ring.z < SILENT * expected;
}

static double flank_squared(const struct cell_case *c)
{
	double flank = isnan(c->foot.low.u) ? c->view->end : c->foot.flank;

	return flank * flank;
}

/* What undoing a cell leaves that is a little another one is on the flank, too. */
static bool is_rest_of_cell(const struct cell_case *c)
{
	const struct load_cell *declared = &c->account->config->cell;

	return declared->hz > 0.0 && !is_silent(c, declared) &&
	       fmax(fabs(c->foot.low.variance), fabs(c->foot.low.variance + c->foot.growth.variance)) <
		       (c->ring.seen && c->ring.z > RING_Z ? RINGS_SHARE : REST_SHARE) *
			       fabs(cell_variance(declared->hz / c->account->grid->fs_hz, declared->damping));
}

static bool is_more(const struct cell_case *c, const struct foot_part *part, double sd, double share)
{
	return part->variance > sd * part->u && part->variance > share * flank_squared(c);
}

static bool may_be_more(const struct cell_case *c, const struct foot_part *part, double share)
{
	return !(part->variance + UNSEEN_ROUNDS * part->u < share * flank_squared(c));
}

/* What rounds the flank itself, not only the end of contact. */
static bool rounds_flank(const struct cell_case *c)
{
	const struct foot *f = &c->foot;

	return f->looked && !is_rest_of_cell(c) &&
	       (is_more(c, &f->growth, ROUNDS_SD, SLOW_GROWTH) ||
		(f->lag > 0.0 && is_more(c, &f->low, ROUNDS_SD, SLOW_LOW) && may_be_more(c, &f->growth, 0.0)) ||
		(f->lag > 0.0 && is_more(c, &f->low, SURE_SD, SLOW_SURE)));
}

/* A filter as slow as the flank could do so unseen. */
static bool may_round_flank(const struct cell_case *c)
{
	const struct foot *f = &c->foot;

	return f->looked && !(c->account->config->bandwidth_hz > 0.0) && may_be_more(c, &f->low, SLOW_LOW) &&
	       may_be_more(c, &f->growth, UNSEEN_GROWTH);
}

/* What delays the force and is not undone, as far as it may be a cell's or a filter's: before a phantom that follows late,
 * or beside force between strokes, a part. */
static double foot_variance(const struct cell_case *c)
{
	const struct foot *f = &c->foot;

	if (overshoots(c))
		return f->variance;
	return f->lag > 0.0 || f->lag_part < FOOT_SD * f->u_variance ? f->lag : f->lag_part;
}

static double cell_hz(const struct cell_case *c, double variance)
{
	return c->account->grid->fs_hz / (2.0 * M_PI * sqrt(0.5 * fabs(variance)));
}

/* ---- declared --------------------------------------------------------------------------------------------------- */

static bool damping_is_off(const struct cell_case *c, double declared)
{
	double seen = c->ring.damping, off = fabs(seen - declared);

	return off > fmax(DAMPING_STEP, DAMPING_FOLD * fmin(seen, declared)) && off > DAMPING_SD * c->ring.u_damping;
}

static void compare(const struct cell_case *c, const struct load_cell *declared, struct check_result *ret)
{
	struct load_cell seen = ring_cell(c);
	double u = fmax(CELL_U_REL, declared->u_rel), off = seen.hz / declared->hz - 1.0;
	bool long_enough = c->ring.cycles * (c->view->next - c->view->end) > OFF_CYCLES;

	ret->statistic = off;
	ret->threshold = OFF_SD * hypot(u, c->ring.u_cycles_rel);
	leave(c, c->height_n - pulse_view_height(c->view, &seen),
	      height_u(c, seen, c->ring.u_cycles_rel, c->ring.u_damping), ret);
	if (fabs(off) > ret->threshold && (long_enough || check_outweighs(c->scale, ret->effect_mm)))
		check_trip(ret, "load cell rings at %.0f Hz, declared are %.0f Hz", seen.hz, declared->hz);
	else if (damping_is_off(c, declared->damping) && check_outweighs(c->scale, ret->effect_mm))
		check_trip(ret, "load cell rings with a damping of %.2g, declared is %.2g", seen.damping,
			   declared->damping);
}

/* As certified, (4). */
static double certified_n(const struct cell_case *c)
{
	const struct heights *h = &c->account->tally->height;

	return h->cell_count > 0 ? fabs(h->cell_n / (double)h->cell_count) * cell_u_rel(c->account->config) : 0.0;
}

/* Does it make the point untrusted? Its effect is left as far as it can be told; that of one that rounds the flank itself
 * cannot. */
static void judge_delay(const struct cell_case *c, double variance, double sd, const char *says,
			struct check_result *ret)
{
	double half_mm = 0.5 * c->view->second_n * c->scale->mm_per_n;

	if (variance != 0.0 && sd > FOOT_SD && is_too_much(c, half_mm * variance)) {
		ret->statistic = sd;
		ret->threshold = FOOT_SD;
		check_trip(ret, "contact ends as behind a load cell or filter of about %.0f Hz, %s",
			   cell_hz(c, variance), says);
	} else if (rounds_flank(c) && is_too_much(c, half_mm * SLOW_TOP * flank_squared(c))) {
		ret->statistic = fmax(c->foot.low.variance / c->foot.low.u, c->foot.growth.variance / c->foot.growth.u);
		ret->threshold = ROUNDS_SD;
		ret->effect_mm = half_mm * SLOW_TOP * flank_squared(c);
		check_trip(ret, "pulses are rounded as behind a filter that is slower than they are, %s", says);
	} else if (rounds_flank(c) || may_round_flank(c)) { /* nor by a path that there is not */
		ret->u_mm = hypot(ret->u_mm, half_mm * SLOW_TOP * flank_squared(c));
	}
}

/* No ring says that the cell is the one declared: it may be another, that is damped. */
static void judge_rest(const struct cell_case *c, struct check_result *ret)
{
	double half = 0.5 * c->view->second_n, variance = foot_variance(c), effect_n = half * variance;

	ret->state = CHECK_PASSED;
	ret->threshold = FOOT_SD;
	ret->statistic = fabs(foot_variance(c)) / c->foot.u_variance;
	leave(c, effect_n, hypot(hypot(half * c->foot.u_variance, FOOT_REL * effect_n), certified_n(c)), ret);
	judge_delay(c, variance, ret->statistic, SLOWER, ret);
}

/* A cell that rings may have a filter behind it, and what seems to ring may be none. */
static void judge_beside(const struct cell_case *c, const char *says, struct check_result *ret)
{
	double half = 0.5 * c->view->second_n, variance = c->foot.lag - ring_variance(c);
	double sd = variance / c->foot.u_variance, mm_per_n = c->scale->mm_per_n;

	if (!(c->foot.lag > 0.0) || !(sd > FOOT_SD))
		variance = 0.0;
	ret->u_mm = hypot(ret->u_mm, check_line(half * variance * mm_per_n, FOOT_REL * half * variance * mm_per_n));
	judge_delay(c, variance, sd, says, ret);
}

/* Nothing shows what the cell does: all that is undone for it is no more than the bench file's word. */
static void take_its_word(const struct cell_case *c, struct check_result *ret)
{
	ret->state = CHECK_PASSED;
	leave(c, c->height_n - pulse_view_height(c->view, NULL), 0.0, ret);
}

static void judge_declared(const struct cell_case *c, const struct load_cell *declared, struct check_result *ret)
{
	if (!c->account->template->pulse.gap.natural) {
		take_its_word(c, ret);
	} else if (c->ring.seen && c->ring.z > RING_Z) {
		ret->state = CHECK_PASSED;
		compare(c, declared, ret);
		if (ret->state == CHECK_PASSED)
			judge_beside(c, SLOWER, ret);
	} else if (is_told(c)) {
		judge_rest(c, ret);
	}
	if ((ret->state != CHECK_PASSED && ret->state != CHECK_TRIPPED) || !is_silent(c, declared))
		return;
	leave(c, c->height_n - pulse_view_height(c->view, NULL), ret->u_mm / c->scale->mm_per_n, ret);
	if (check_outweighs(c->scale, ret->effect_mm))
		check_trip(ret, "load cell does not ring at %.0f Hz, as declared", declared->hz);
}

/* ---- not declared ----------------------------------------------------------------------------------------------- */

static void judge_ring(const struct cell_case *c, struct check_result *ret)
{
	struct load_cell seen = ring_cell(c);

	ret->state = CHECK_PASSED;
	ret->statistic = c->ring.z;
	ret->threshold = RING_Z;
	leave(c, c->height_n - pulse_view_height(c->view, &seen),
	      height_u(c, seen, c->ring.u_cycles_rel, c->ring.u_damping), ret);
	if (check_outweighs(c->scale, ret->effect_mm))
		check_trip(ret, "load cell rings at %.0f Hz (damping %.2g) and is not declared: declare \"cell\"",
			   seen.hz, seen.damping);
	else
		judge_beside(c, UNDECLARED, ret);
}

/* A smooth top loses half its second derivative times the variance of what delays it. What rings unseen is faster. */
static void judge_foot(const struct cell_case *c, double slowest, struct check_result *ret)
{
	double half = 0.5 * c->view->second_n, w = 2.0 * M_PI * slowest;
	double variance = foot_variance(c), effect_n = half * variance, unseen = half * 2.0 / (w * w * SQRT3),
	       u_n = half * c->foot.u_variance;

	ret->threshold = FOOT_SD;
	ret->state = CHECK_PASSED;
	ret->statistic = c->foot.looked ? fabs(foot_variance(c)) / c->foot.u_variance : NAN;
	if (c->account->config->bandwidth_hz > 0.0 && check_outweighs(c->scale, u_n * c->scale->mm_per_n))
		u_n = 0.0; /* it tells nothing; what is declared does */
	leave(c, effect_n, hypot(hypot(u_n, unseen), FOOT_REL * effect_n), ret);
	judge_delay(c, variance, ret->statistic, UNDECLARED, ret);
}

static void judge_undeclared(const struct cell_case *c, struct check_result *ret)
{
	double bandwidth = c->account->config->bandwidth_hz / c->account->grid->fs_hz;

	if (c->ring.seen && agrees(c))
		judge_ring(c, ret);
	else if (c->ring.looked && is_told(c))
		judge_foot(c, unseen_cycles(c), ret);
	else if (bandwidth > 0.0)
		judge_foot(c, bandwidth, ret);
	else
		check_not_made(ret, "%s to see whether the load cell rings: declare \"cell\" in the bench file",
			       c->ring.looked ? "too few samples where contact ends" : "gap between strokes too short");
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

static void look(struct cell_case *c)
{
	const struct pulse_view *v = c->view;
	const struct moments *depths = &c->account->tally->depth.seen;
	struct ring_question question = {.noise_n = v->noise_n, .slope_n = v->slope_n};
	struct foot_question foot = {.curve = c->account->config->curve,
				     .height_n = v->height_n,
				     .period = tally_period(c->account->tally),
				     .settled = v->end + FOOT_SHARE * (v->next - v->end),
				     .noise_n = v->noise_n,
				     .scatter_mm = depths->n > 1 ? moments_sd(depths) : 0.0};
	struct cell_inverse inverse;
	struct points points;

	if (!c->account->template->pulse.gap.natural)
		return;
	cell_inverse_design(&c->account->config->cell, v->fs_hz, &inverse);
	mean_pulse_points(v->mean, NULL, v->end, v->next, &points);
	ring_find(&points, &question, &c->ring);
	mean_pulse_points(v->mean, &(struct mean_filter){inverse.weight, inverse.reach}, 0.0, v->next, &points);
	foot_find(&points, &foot, &c->foot);
}

void check_cell(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	const struct load_cell *declared = &a->config->cell;
	struct pulse_view view;
	struct cell_case c = {.account = a, .scale = scale, .view = &view};

	if (!(scale->strokes >= STROKES_MIN))
		return;
	if (!pulse_view(a, &view))
		return;
	ret->n = view.strokes;
	look(&c);
	c.height_n = pulse_view_height(&view, declared);
	if (declared->hz > 0.0)
		judge_declared(&c, declared, ret);
	else
		judge_undeclared(&c, ret);
}
