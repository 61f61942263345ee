/* The results of a point while they are put together. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_RESULT_LIST_H
#define PENRIG_MEASURE_POINT_RESULT_LIST_H

#include <stdint.h>

#include "rig/measure/result.h"

struct result_list {
	struct result *at;
	unsigned n, cap;
	struct result spare; /* takes what has no place */
};

/* The next result, without a value yet. Never NULL. */
struct result *results_add(struct result_list *list, enum measurand id, const char *method);
/* A line more; u <= 0 adds none. One beyond BUDGET_MAX makes the result's uncertainty unknown (NaN), never smaller. */
void results_budget(struct result *result, const char *name, double u, double dof);
/* After its last line. why_not: why it may not be judged; empty: it may. */
void results_value(struct result *result, double value, uint64_t n, const char *why_not);
/* The same where the lines are those of the value's square (result_root()). */
void results_root(struct result *result, double square, uint64_t n, const char *why_not);
/* Instead: no value, for a reason. */
void results_none(struct result *result, const char *reason);

#endif
