/* "inputs" of a bench's device: which contacts hang on which of its lines. */
#ifndef PENRIG_CONFIG_INPUTS_H
#define PENRIG_CONFIG_INPUTS_H

#include "rig/base/json.h"
#include "rig/config/bench.h"

/* FIELD_CUSTOM into a struct bench_inputs, whose `there` says that it was read. */
int bench_inputs_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);

/* Against the driver of its device: the lines are such as it has, and what it needs beside them is there. Fills the lines'
 * numbers. -EINVAL with file:line:column. */
int bench_inputs_settle(const struct json_doc *doc, struct bench_device *device, const struct driver *driver,
			struct err *err);

#endif
