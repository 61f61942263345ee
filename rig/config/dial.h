/* "dial" of a pen made of parts: the stage that turns it. */
#ifndef PENRIG_CONFIG_DIAL_H
#define PENRIG_CONFIG_DIAL_H

#include <stdbool.h>

#include "rig/base/json.h"
#include "rig/driver/driver.h"

struct bench_dial {
	bool present;
	char driver[32], link[160];
	int64_t baud; /* 0: the driver's */
	struct stage_setup stage;
	double zero_mm, mm_per_mm; /* the stage's position at a depth of 0, and its travel per mm of depth */
};

/* FIELD_CUSTOM into a struct bench_dial. */
int bench_dial_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);

/* Against the rest of its pen's entry, `node`. -EINVAL with file:line:column. */
int bench_dial_check(const struct json_doc *doc, const struct json *node, const struct bench_dial *dial,
		     bool made_of_parts, struct err *err);

/* What the pen's driver gets; a hand's dial gives no driver. table: where the stage's is looked up. -EINVAL: it is not there,
 * or drives no stage. */
int bench_dial_setup(const struct bench_dial *dial, const struct driver *const *table, struct dial_setup *ret,
		     struct err *err);

#endif
