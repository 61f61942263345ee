/* "daq" of a bench's device: which quantity hangs on which input of a DAQ. */
#ifndef PENRIG_CONFIG_DAQ_H
#define PENRIG_CONFIG_DAQ_H

#include "rig/base/json.h"
#include "rig/config/bench.h"

/* FIELD_CUSTOM into a struct bench_daq, whose `there` says that it was read. */
int bench_daq_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);

/* Completes it by what else its entry says (rate, roles). Of a device without "daq" it does nothing. node: the entry.
 * -EINVAL with file:line:column. */
int bench_daq_settle(const struct json_doc *doc, const struct json *node, uint32_t roles, struct bench_device *device,
		     struct err *err);

#endif
