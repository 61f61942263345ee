/* Reading the limits of a plan or a step. Limits files. */
#ifndef PENRIG_CONFIG_LIMIT_H
#define PENRIG_CONFIG_LIMIT_H

#include "rig/base/json.h"
#include "rig/config/plan.h"
#include "rig/measure/result.h"

/* A list of limits: names, units, bounds and rules checked, no measurand twice. -EINVAL with file:line:column. */
int limits_read(const struct json_doc *doc, const struct json *node, struct limit *limits, unsigned cap,
		unsigned *ret_count, struct err *err);

/* A limits file ("penrig/limits/1"): by what else a run may be judged. */
struct limits_file {
	char path[FILE_PATH_MAX];
	struct json_doc *doc;
	char name[64]; /* letters, digits, . _ -: it becomes part of the report's name */
	unsigned limits;
	struct limit limit[PLAN_LIMITS_MAX];
};
/* -EINVAL with file:line:column; -errno of the file. free: NULL is fine. */
int limits_file_read(const char *path, struct limits_file **ret, struct err *err);
/* The same from a text that was once read from `path`. */
int limits_file_parse(const char *path, const char *text, size_t len, struct limits_file **ret, struct err *err);
void limits_file_free(struct limits_file *file);

/* Puts the file's limits in the place of all limits of the plan, its steps' too. -EINVAL: a limit that this plan gives
 * no ground for: a temperature without a basis. */
int limits_apply(const struct limits_file *file, struct plan *plan, struct err *err);

#endif
