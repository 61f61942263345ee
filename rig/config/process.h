/* What the plan says of the production that a pen comes from: how a measurand is spread over its pens. */
#ifndef PENRIG_CONFIG_PROCESS_H
#define PENRIG_CONFIG_PROCESS_H

#include "rig/base/json.h"
#include "rig/measure/measurand.h"
#include "rig/measure/risk.h"

#define PROCESS_MAX 32

struct process {
	enum measurand id;
	char measurand[32], unit[8]; /* as the plan has them; unit: the measurand's own */
	struct prior prior;
	double consumer_risk; /* wanted, in (0, 1); NaN: none */
};

extern const char *const prior_names[]; /* by enum prior_shape: "normal", "gamma"; NULL at the end */

/* A list of at most PROCESS_MAX, no measurand twice. -EINVAL with file:line:column. */
int processes_read(const struct json_doc *doc, const struct json *node, struct process *processes, unsigned *ret_count,
		   struct err *err);

#endif
