/* What the pulse says of the load cell, and of what corrects for it. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_CHECK_CELL_H
#define PENRIG_MEASURE_POINT_CHECK_CELL_H

#include "rig/measure/point/model_checks.h"

void check_cell(const struct account *account, const struct check_scale *scale, struct check_result *ret);
void check_cap(const struct account *account, const struct check_scale *scale, struct check_result *ret);

#endif
