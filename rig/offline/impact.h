/* What a corrected calibration would have made of a run: derived again from its samples with the correction in the place of what
 * was known then, and held against what the run says. Writes into no file. */
#ifndef PENRIG_OFFLINE_IMPACT_H
#define PENRIG_OFFLINE_IMPACT_H

#include "rig/config/correction.h"
#include "rig/record/record.h"

/* Puts the correction into a run's inputs: scales of the device's channels and uncertainties, or the phantom's curves. A phantom
 * that was calibrated with the very sensor under the very certificate has its forces corrected as well: there the error cancels,
 * as it did in the run. *ret_concerned: the run rests on it. -EINVAL: the plan goes where the corrected phantom has no curve, or a phantom
 * that was struck was calibrated with the sensor, and another one measured. */
struct replay_inputs;
int impact_correct(const struct correction *correction, struct record *record, struct replay_inputs *inputs,
		   bool *ret_concerned, struct err *err);

struct impact_verdict {                                  /* texts are borrowed for the call */
	unsigned number;                                 /* 0: the run's own; else a later one of its file */
	const char *limits;                              /* name of the limits of a later one */
	const char *was, *now, *was_reason, *now_reason; /* "none": there is none */
	bool changes;
};

struct impact_listener {
	void *ctx;
	/* A value that a limit is for and that is judged otherwise now; where: "point 3, attempt 1 (1.5 mm, 120 Hz)". was or now
	 * NULL: there is no such result. */
	int (*turned)(void *ctx, const char *where, const struct finding *was, const struct finding *now);
	int (*verdict)(void *ctx, const struct impact_verdict *verdict);
};

struct impact {
	bool concerned; /* false: the run does not rest on what is corrected, and the rest is empty */
	unsigned results, turned;
	double largest; /* of the shifts, as a share of the U that was stated; NaN: none */
};

/* path: of the run file. `was` is what the file says where this very method judged it, else what this method makes of it without
 * the correction, so that the calibration alone makes a difference. -errno with the reason where it cannot be told. */
int impact_run(const char *path, const struct correction *correction, const struct impact_listener *listener,
	       struct impact *ret, struct err *err);

#endif
