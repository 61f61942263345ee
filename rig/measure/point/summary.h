/* What a point's tally amounts to: values, budgets, and the reasons why a value may not be judged. */
#ifndef PENRIG_MEASURE_POINT_SUMMARY_H
#define PENRIG_MEASURE_POINT_SUMMARY_H

#include "rig/measure/model_check.h"
#include "rig/measure/point/axis.h"
#include "rig/measure/point/baseline.h"
#include "rig/measure/point/intake.h"
#include "rig/measure/point/observed.h"
#include "rig/measure/point/tally.h"
#include "rig/measure/point/template.h"

struct stroke_noise;

/* All that results rest on, when the last block has been analysed. Borrowed. */
struct account {
	const struct point_config *config;
	const struct grid *grid;
	const struct axis *axis;
	const double *command;         /* POINT_PHASES of them: absolute index with fraction; NaN: none */
	uint64_t end_index;            /* absolute, one past the last sample */
	const struct quality *quality; /* POINT_PHASES of them */
	const struct tally *tally;
	const struct baseline *baseline; /* of the last block */
	const struct template *template; /* the last one */
	const struct observed *observed;
	double noise_n;                          /* rms of one sample's white noise, of the last block */
	double swing_n, tare_swing_n;            /* of bin means: rise of a stroke, and range of the tare */
	const struct stroke_noise *stroke_noise; /* made by summarise() of all the others */
	bool so_far;                             /* the point goes on: what no window ends by may be rough */
	struct check_result *check; /* MODEL_CHECKS of them: where summarise() leaves what the model checks say */
};

/* As point_finish(). */
unsigned summarise(const struct account *account, struct result *results, unsigned cap);
/* As point_motion(). */
void summarise_motion(const struct account *account, char reason[REASON_MAX]);

#endif
