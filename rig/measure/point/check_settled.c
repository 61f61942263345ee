/* Has depth come to rest before the window? Where the strokes before the window lie where its head comes from, it is the
 * pen's setting that is still on its way, not its wear. */
#include "rig/measure/point/model_checks.h"

#include <math.h>
#include <stdio.h>

#define STROKES_MIN   10
#define HEAD_CHANCE   1e-4
#define HEAD_MIN_MM   0.002
#define HEAD_SHARE    0.25 /* of the expanded uncertainty: it also widens what is told of the scatter */
#define COURSE_CHANCE 1e-5
#define COURSE_R2     0.8
#define COURSE_MIN_MM 0.003
#define COURSE_SHARE  0.4
#define SAME_WAY      0.7  /* of what is seen within the window, at least so far off before it */
#define BEFORE_SIGMAS 0.75 /* three standard errors of 16 strokes' mean */

/* Nothing seen before the window: nothing speaks against it. */
static bool came_from(const struct settled_finding *f, double off_mm)
{
	return isnan(f->before) || f->before * off_mm >= SAME_WAY * off_mm * off_mm;
}

static bool head_travels(const struct settled_finding *f, double rest_u_mm)
{
	return f->head_p < HEAD_CHANCE && fabs(f->head) > fmax(HEAD_MIN_MM, HEAD_SHARE * rest_u_mm) &&
	       came_from(f, f->head);
}

static bool course_travels(const struct settled_finding *f, double rest_u_mm)
{
	return f->start_p < COURSE_CHANCE && f->r2 > COURSE_R2 &&
	       fabs(f->start) > fmax(COURSE_MIN_MM, COURSE_SHARE * rest_u_mm) && came_from(f, f->start);
}

/* What the mean owes to depths that the pen does not keep: by the halves of the window, and by the approach. */
static double effect_of(const struct settled_finding *f)
{
	bool from_there = isnan(f->before) || (f->before * f->half > 0.0 && fabs(f->before) > BEFORE_SIGMAS * f->sd);

	if (!from_there)
		return 0.0;
	return f->start_p < COURSE_CHANCE && fabs(f->mean) > fabs(f->half) ? f->mean : f->half;
}

void check_settled(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	const struct settled *s = &a->observed->settled;
	struct settled_finding f;

	if (s->n < STROKES_MIN || !isfinite(scale->rest_u_mm))
		return;
	settled_find(s, &f);

	bool head = head_travels(&f, scale->rest_u_mm), course = course_travels(&f, scale->rest_u_mm);

	ret->n = s->n;
	ret->statistic = head || !course ? f.head_p : f.start_p;
	ret->threshold = head || !course ? HEAD_CHANCE : COURSE_CHANCE;
	ret->effect_mm = effect_of(&f);
	ret->u_mm = check_line(ret->effect_mm, 0.0);
	ret->state = head || course ? CHECK_TRIPPED : CHECK_PASSED;
	if (ret->state == CHECK_TRIPPED)
		snprintf(ret->reason, sizeof(ret->reason), "not settled: depth is %.3g um %s where the window begins",
			 1e3 * fabs(head ? f.head : f.start), (head ? f.head : f.start) > 0.0 ? "deeper" : "shallower");
}
