/* Which limit meets which result, and what a point comes to. Pure: live and in replay. */
#ifndef PENRIG_JUDGE_JUDGE_H
#define PENRIG_JUDGE_JUDGE_H

#include "rig/config/plan.h"
#include "rig/record/record.h"

/* Gives every result the limit of its step that it meets, and judges it; forgets what it met before. */
void judge_results(const struct plan *plan, unsigned step, struct finding *results, unsigned count);
/* The worst of the required ones; inconclusive where a required limit met no result. */
enum outcome judge_worst(const struct plan *plan, unsigned step, const struct finding *results, unsigned count);

/* Results judged, outcome and reason formed. collected: results stand; point->fault as the run saw it. */
void judge_point(const struct plan *plan, struct record_point *point, bool collected);
#define JUDGE_LABEL_MAX 72
/* The measurand as people read it in a reason: with the part that was judged where it stands for several. */
void judge_label(const struct result *result, char *ret, size_t size);
/* The attempt at `row` is the one that counts from now on. */
void judge_supersede(struct record *record, unsigned row);

#endif
