/* Reading the limits of a plan or a step. Inside rig/run only. */
#ifndef PENRIG_RUN_LIMIT_H
#define PENRIG_RUN_LIMIT_H

#include "rig/base/json.h"
#include "rig/measure/result.h"

/* A list of limits: names, units, bounds and rules checked, no measurand twice. -EINVAL with file:line:column. */
int limits_read(const struct json_doc *doc, const struct json *node, struct limit *limits, unsigned cap,
		unsigned *ret_count, struct err *err);

#endif
