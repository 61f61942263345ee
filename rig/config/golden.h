/* The reference pen of a bench, as its file names it: what it runs, and for how long its pass holds. A bench that requires a
 * valid pass measures no other pen without one. */
#ifndef PENRIG_CONFIG_GOLDEN_H
#define PENRIG_CONFIG_GOLDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"

struct bench_golden {
	bool present;
	bool required;            /* a run of another pen without a valid pass is refused; default true */
	char pen[64];             /* its serial number */
	char plan[FILE_PATH_MAX]; /* what it runs; in the file, relative paths count from the bench file */
	double valid_h;           /* a pass holds so long, from the start of its run */
	int64_t valid_runs;       /* and for so many runs of other pens; 0: any number */
	char since[11];           /* runs of it before this day are not compared with; "": all are */
};

struct bench;
/* FIELD_CUSTOM into a struct bench. */
int bench_golden_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);
/* A pass is of the sensors that measured it, so the bench must name them: each device but the pen has "serial". Names may hold
 * nothing that stands for others. -EINVAL with file:line:column. */
int bench_golden_check(const struct bench *bench, struct err *err);

#endif
