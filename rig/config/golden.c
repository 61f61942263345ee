/* "golden" of a bench file. */
#include "rig/config/golden.h"

#include <stddef.h>
#include <string.h>

#include "rig/config/bench.h"
#include "rig/config/bench_device.h"
#include "rig/config/filekind.h"

#define IN(member)   offsetof(struct bench_golden, member)
#define SIZE(member) sizeof(((struct bench_golden *)0)->member)

static const struct json_field fields[] = {
	{.key = "pen", .kind = FIELD_STRING, .offset = IN(pen), .size = SIZE(pen), .required = true, .lo = 1},
	{.key = "plan", .kind = FIELD_STRING, .offset = IN(plan), .size = SIZE(plan), .required = true, .lo = 1},
	{.key = "valid_h",
	 .kind = FIELD_NUMBER,
	 .offset = IN(valid_h),
	 .required = true,
	 .lo = 0.1,
	 .hi = 8784,
	 .unit = "h"},
	{.key = "valid_runs", .kind = FIELD_INT, .offset = IN(valid_runs), .lo = 1, .hi = 1e6, .unit = "runs"},
	{.key = "required", .kind = FIELD_BOOL, .offset = IN(required)},
	{.key = "since", .kind = FIELD_DATE, .offset = IN(since)},
	{.key = NULL},
};

int bench_golden_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct bench *bench = dst;
	struct bench_golden *golden = &bench->golden;
	char plan[FILE_PATH_MAX];

	golden->required = true;
	int rc = json_read_object(doc, node, fields, golden, err);
	if (rc)
		return rc;
	if (bench_file_path(bench->path, golden->plan, plan))
		return json_error(doc, json_get(node, "plan"), err, "the path of this file has more than %d bytes",
				  FILE_PATH_MAX - 1);
	memcpy(golden->plan, plan, sizeof(plan));
	golden->present = true;
	return 0;
}

int bench_golden_check(const struct bench *bench, struct err *err)
{
	const struct json *node = json_get(json_root(bench->doc), "golden");

	if (!bench->golden.present)
		return 0;
	if (strpbrk(bench->golden.pen, "*?") || strpbrk(bench->name, "*?"))
		return json_error(bench->doc, node, err,
				  "\"*\" and \"?\" stand for any letters in a history: a reference pen and its bench "
				  "have names without them");
	for (unsigned i = 0; i < bench->devices; i++)
		if (!(bench->device[i].roles & ROLE_BIT(ROLE_PEN)) && !bench->device[i].serial[0])
			return json_error(bench->doc, bench->device[i].node ? bench->device[i].node : node, err,
					  "\"serial\" is missing here: the pass of a reference pen is one of the "
					  "sensors that measured it");
	return 0;
}
