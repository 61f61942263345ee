/* Is the tare known to be free of contact? */
#include "rig/measure/point/gap_view.h"

#include <math.h>

#include "rig/measure/point/doubts.h"

#define SURE 4.0 /* standard uncertainties */

/* What the tare reads above the level without contact. */
static double excess_n(const struct account *a, double *ret_u)
{
	const struct tare_reference *tare = &a->config->tare;
	const struct moments *seen = &a->tally->level.tare;

	*ret_u = tare->u_zero_n;
	return seen->mean - tare->zero_n;
}

bool gap_tare_is_measured(const struct account *a)
{
	double u, excess = excess_n(a, &u);

	return a->config->tare.proof == TARE_DISPLACEMENT ||
	       (a->config->tare.proof == TARE_LEVEL && fabs(excess) <= SURE * u);
}

static void check_level(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	double u, excess = excess_n(a, &u), mm = scale->mm_per_n;

	ret->statistic = fabs(excess) / u;
	ret->threshold = SURE;
	ret->effect_mm = excess * mm;
	ret->u_mm = check_line(excess * mm, u * mm);
	if (fabs(excess) <= SURE * u || !check_outweighs(scale, ret->effect_mm))
		return;
	ret->state = CHECK_TRIPPED;
	doubt(ret->reason, "the tare reads %.4g N, and %.4g N without contact: needles touch, or the zero has moved",
	      a->tally->level.tare.mean, a->config->tare.zero_n);
}

/* What a reader has to believe for it. */
static void name_evidence(const struct account *a, struct check_result *ret)
{
	const struct tare_reference *tare = &a->config->tare;

	if (tare->proof == TARE_LEVEL)
		doubt(ret->reason,
		      "by measurement: %.4g N in the tare, and %.4g N without contact, known to %.2g N (k = 1)",
		      a->tally->level.tare.mean, tare->zero_n, tare->u_zero_n);
	else if (tare->proof == TARE_DISPLACEMENT)
		doubt(ret->reason, "by measurement: depths are held against the displacement of the needle bar");
	else if (tare->proof == TARE_STATED)
		doubt(ret->reason, "by the bench's word alone: its \"tare_free\"");
}

void check_reference(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	enum tare_proof proof = a->config->tare.proof;

	if (proof == TARE_UNASKED || scale->strokes < RATE_STROKES_MIN)
		return;
	if (proof == TARE_UNKNOWN) {
		check_not_made(ret, "nothing says that the tare is free of contact: write \"tare_free\" or \"zero_n\" "
				    "into the bench file's sensor, or measure displacement");
		return;
	}
	if (a->tally->level.tare.n == 0)
		return;
	ret->n = a->tally->level.tare.n;
	ret->state = CHECK_PASSED;
	if (proof == TARE_LEVEL)
		check_level(a, scale, ret);
	if (ret->state == CHECK_PASSED)
		name_evidence(a, ret);
}
