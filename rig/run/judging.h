/* Which limit meets which result, what a point comes to, and what only a whole sweep shows. Pure: live and in replay.
 */
#ifndef PENRIG_RUN_JUDGING_H
#define PENRIG_RUN_JUDGING_H

#include "rig/run/config/plan.h"
#include "rig/run/record.h"

/* Gives every result the limit of its step that it meets, and judges it; forgets what it met before. */
void judge_results(const struct plan *plan, unsigned step, struct record_result *results, unsigned count);
/* The worst of the required ones; inconclusive where a required limit met no result. */
enum outcome judge_worst(const struct plan *plan, unsigned step, const struct record_result *results, unsigned count);

/* Results judged, outcome and reason formed. collected: results stand; point->fault as the run saw it. */
void judge_point(const struct plan *plan, struct record_point *point, bool collected);
#define JUDGE_LABEL_MAX 72
/* The measurand as people read it in a reason: with the part that was judged where it stands for several. */
void judge_label(const struct result *result, char *ret, size_t size);
/* The attempt at `row` is the one that counts from now on. */
void judge_supersede(struct record *record, unsigned row);

/* Adds the sweeps of all points that count to the record; those that it has already stay. */
void sweeps_collect(struct record *record, const struct plan *plan, const struct plan_point *points, unsigned count);

#endif
