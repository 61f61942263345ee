/* The results of a point that has ended. */
#ifndef PENRIG_RUN_RESULTS_H
#define PENRIG_RUN_RESULTS_H

#include "rig/run/estimating.h"

/* Takes the estimators' results; they are done then. Distrusts all of them for point->fault, where there is one. */
void results_collect(struct estimating *e, struct record_point *point);

#endif
