/* A batch: plans by pens by builds of the firmware, run one after the other. Builds are drawn anew in each block, so that a night
 * that warms up is no difference between them. */
#ifndef PENRIG_CONFIG_BATCH_H
#define PENRIG_CONFIG_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"

#define BATCH_PENS_MAX   64
#define BATCH_PLANS_MAX  16
#define BATCH_BUILDS_MAX 16
#define BATCH_WORDS_MAX  32

struct batch_hook { /* a command and its arguments; words 0: none */
	unsigned words;
	char word[BATCH_WORDS_MAX][FILE_PATH_MAX];
};

struct batch_build {
	char name[48];
	char file[FILE_PATH_MAX]; /* the artefact; "": none */
	char commit[72];
	char version[96]; /* what reading back must say; "": not read back */
};

/* What each job waits for before its pen moves, so that what was warm or drained by the one before is no difference between builds. */
struct batch_ready {
	double handle_within_k; /* so near the handle must be to the room; 0: whatever */
	double battery_min_v;   /* so much the battery must have at rest; 0: whatever */
	double wait_max_s;      /* then the job is given up */
};

struct batch {
	struct json_doc *doc;
	char path[FILE_PATH_MAX];
	char name[48], bench[FILE_PATH_MAX], output[FILE_PATH_MAX]; /* paths count from the file's folder */
	unsigned pens, plans, builds;
	char pen[BATCH_PENS_MAX][64], plan[BATCH_PLANS_MAX][FILE_PATH_MAX];
	struct batch_build build[BATCH_BUILDS_MAX]; /* at least one, which may be nameless */
	int64_t blocks, seed;
	struct batch_hook before, read_back, after;
	double hook_timeout_s;
	bool waits;
	struct batch_ready ready; /* where it waits */
};

struct batch_job {
	unsigned number; /* from 1 */
	unsigned block, pen, plan, build;
};

/* -EINVAL with file:line:column; -errno of the file. */
int batch_read(const char *path, struct batch **ret, struct err *err);
void batch_free(struct batch *batch); /* NULL is fine */
/* Block by block, pen by pen, plan by plan, builds in an order that the seed draws. free() *ret; -ENOMEM. */
int batch_jobs(const struct batch *batch, struct batch_job **ret, unsigned *ret_count);

#endif
