/* What plan, bench and phantom files have in common. */
#ifndef PENRIG_CONFIG_FILEKIND_H
#define PENRIG_CONFIG_FILEKIND_H

#include "rig/base/json.h"
#include "rig/config/bench.h"
#include "rig/config/control.h"

/* The root must be an object whose "kind" is "penrig/WORD/1": -EINVAL that says which kind it is and which is wanted.
 */
int file_kind_check(const struct json_doc *doc, const char *word, struct err *err);

/* For the keys "kind" (checked above) and "$schema" (for editors): a FIELD_CUSTOM that takes any string. */
int file_kind_ignore(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);
/* And for what change control reads of a file: control.h. */
#define FILE_KIND_FIELDS                                                                                               \
	{.key = "kind", .kind = FIELD_CUSTOM, .required = true, .read = file_kind_ignore},                             \
		{.key = "revision", .kind = FIELD_CUSTOM, .read = control_revision},                                   \
		{.key = "effective", .kind = FIELD_CUSTOM, .read = control_effective},                                 \
	{                                                                                                              \
		.key = "$schema", .kind = FIELD_CUSTOM, .read = file_kind_ignore                                       \
	}

/* A FIELD_CUSTOM into a struct calibration. */
int calibration_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);

/* "[lower, upper]" into two doubles, lower < upper, both within lo..hi. */
struct interval_rule {
	const char *key, *unit;
	double lo, hi;
};
int interval_read(const struct json_doc *doc, const struct json *node, const struct interval_rule *rule, double ret[2],
		  struct err *err);

/* Fills ret->doc and everything that the phantom's own file says; `path` as given. -EINVAL, -errno of the file. */
int phantom_read(const char *path, struct phantom *ret, struct err *err);
int phantom_parse(const struct bench_text *file, struct phantom *ret, struct err *err);
void phantom_release(struct phantom *phantom);

#endif
