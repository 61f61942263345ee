/* What only a whole sweep shows: linearity and hysteresis. Pure: live and in replay. */
#ifndef PENRIG_JUDGE_SWEEPS_H
#define PENRIG_JUDGE_SWEEPS_H

#include "rig/config/plan.h"
#include "rig/record/record.h"

/* Adds the sweeps of all points that count to the record; those that it has already stay. */
void sweeps_collect(struct record *record, const struct plan *plan, const struct plan_point *points, unsigned count);

#endif
