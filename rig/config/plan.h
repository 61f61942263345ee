/* A plan: what to do with a pen and what to demand of it; and its expansion into points. */
#ifndef PENRIG_CONFIG_PLAN_H
#define PENRIG_CONFIG_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/json.h"
#include "rig/config/bench.h"
#include "rig/config/process.h"
#include "rig/config/window.h"
#include "rig/measure/decision.h"

#define PLAN_STEPS_MAX  64
#define PLAN_LIMITS_MAX 32
#define STEP_LIMITS_MAX (2 * PLAN_LIMITS_MAX) /* the plan's and the step's own */
#define STEP_VALUES_MAX 256
#define PLAN_POINTS_MAX 20000
#define PHANTOM_NONE    (-2) /* nothing stands under the needles */

enum plan_order { ORDER_AS_WRITTEN, ORDER_UP_DOWN, ORDER_RANDOM };

/* depth and rate lists are in the order of the file; a range {from, to, step} is expanded (the end included when hit).
 */
struct plan_step {
	char name[64];
	unsigned depths, rates, phantoms;
	double depth_mm[STEP_VALUES_MAX], rate_hz[STEP_VALUES_MAX];
	char phantom[BENCH_PHANTOMS_MAX][48]; /* serial numbers; none = the bench's first */
	unsigned repeats;                     /* >= 1 */
	enum plan_order order;                /* up_down: depths upward then downward, the turning point twice */
	uint64_t seed;                        /* of ORDER_RANDOM */
	double tare_s;
	struct window settle; /* from the start to the window */
	struct window measure;
	unsigned attempts; /* >= 1: an inconclusive point is measured again up to this often */
	unsigned
		repeat_failed; /* a point that failed is measured so many times more, to learn of it: the failure counts */
	unsigned retry;        /* an attempt that was lost to the rig is made again up to so often, beside `attempts` */
	bool still;            /* it passes without a measured motion, too */
	bool free_run;         /* before its other points: each rate once with nothing under the needles */
	unsigned limits;       /* own limits; they replace plan limits of the same measurand */
	struct limit limit[PLAN_LIMITS_MAX];
	unsigned processes; /* own ones; they replace the plan's of the same measurand */
	struct process process[PROCESS_MAX];
	unsigned line, column, depth_line, depth_column, rate_line, rate_column; /* for messages */
};

struct plan {
	char path[FILE_PATH_MAX];
	struct json_doc *doc;
	struct approval approval;
	char name[64], description[256];
	bool judge_nominal_rate;         /* which stroke_rate_hz is judged; default the realised one */
	bool judge_displacement;         /* which depth method is judged; default force_equivalent */
	bool accept_statement;           /* of a recording: a pass on a witness's statement is one (exit code 0) */
	bool test_deadman, test_refusal; /* done once, before the first point */
	bool fleet_strict;               /* the server's affair (docs/fleet.md): the bench only knows the word */
	double rated_ambient_c;          /* NaN: temperatures are judged as measured */
	char thermal_basis[160]; /* which table, contact time, material: for the report; required where a temperature is
				    judged */
	unsigned limits;
	struct limit limit[PLAN_LIMITS_MAX];
	unsigned processes;
	struct process process[PROCESS_MAX];
	unsigned steps;
	struct plan_step *step;
};

struct plan_point {
	unsigned number; /* from 0, in order of execution */
	unsigned step;
	unsigned repeat; /* from 0 */
	int phantom;     /* index in the bench; -1 where there is none to expand against; PHANTOM_NONE: a free run */
	double depth_mm, rate_hz;
	bool upward;         /* the depth before it in this step was smaller, or it is the first */
	bool phantom_change; /* the operator must exchange the phantom before it, put it in or take it away */
};

static inline bool plan_point_is_free(const struct plan_point *point)
{
	return point->phantom == PHANTOM_NONE;
}

int plan_read(const char *path, struct plan **ret, struct err *err);
/* The same from a text that was read before; `path` names it in messages. */
int plan_parse(const char *path, const char *text, size_t len, struct plan **ret, struct err *err);
void plan_free(struct plan *plan);

/* Steps in order; in a step first its free runs (one for each rate, at the depth that comes next), then phantom by
 * phantom, on each repeats around rates around depths (random: all of a phantom's points shuffled). The bench's first
 * phantom is taken to be in the clamp. Expands against a bench: -EINVAL with the plan's file:line:column for a setpoint
 * outside the pen's range, a phantom the bench does not have, a rate or depth outside a phantom's calibrated curve,
 * more strokes than a position's budget, more than PLAN_POINTS_MAX points, a judged temperature without a basis. bench
 * NULL: only what the plan itself can tell. free() *ret. */
int plan_expand(const struct plan *plan, const struct bench *bench, struct plan_point **ret, unsigned *ret_count,
		struct err *err);

/* What the bench takes for standing still must be well below the weakest pulse that the phantoms' curves predict for a
 * plan that expands against it: else -EINVAL with the bench's file:line:column, as motion would not be seen. */
int plan_check_still(const struct plan *plan, const struct bench *bench, struct err *err);

/* The same check against the MIN and MAX that the pen itself tells: -EINVAL names the plan's line. */
int plan_check_range(const struct plan *plan, double rate_lo_hz, double rate_hi_hz, double depth_lo_mm,
		     double depth_hi_mm, const char *whose, struct err *err);

/* The limits that hold at a step: plan's and step's merged. Returns their number; pointers into the plan. */
unsigned plan_limits_at(const struct plan *plan, unsigned step, const struct limit *ret[STEP_LIMITS_MAX]);

/* How a measurand is spread over the production, as the step or else the plan says; NULL: not said. Into the plan. */
const struct process *plan_process_at(const struct plan *plan, unsigned step, enum measurand id);

/* The method whose result is judged by this plan, where a measurand stands under several; NULL: any. */
const char *plan_judged_method(const struct plan *plan, enum measurand id);

/* Estimates: seconds that these points take at most, each at its first attempt (takt.h), and a minute for each question to
 * the operator; bytes of the run file. bench NULL: a usual one. */
double plan_duration_s(const struct plan *plan, const struct bench *bench, const struct plan_point *points,
		       unsigned count);
/* Strokes on this phantom of the bench, every attempt that there may be counted. */
double plan_strokes(const struct plan *plan, const struct plan_point *points, unsigned count, int phantom);
uint64_t plan_runfile_bytes(const struct plan *plan, const struct bench *bench, const struct plan_point *points,
			    unsigned count);

#endif
