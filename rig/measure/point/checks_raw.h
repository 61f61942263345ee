/* The checks of the samples themselves, before any stroke is looked at. As check_function of model_checks.c. */
#ifndef PENRIG_MEASURE_POINT_CHECKS_RAW_H
#define PENRIG_MEASURE_POINT_CHECKS_RAW_H

#include "rig/measure/point/model_checks.h"

void check_frozen(const struct account *account, const struct check_scale *scale, struct check_result *ret);
void check_glitches(const struct account *account, const struct check_scale *scale, struct check_result *ret);
void check_tare_motion(const struct account *account, const struct check_scale *scale, struct check_result *ret);
void check_tare_lines(const struct account *account, const struct check_scale *scale, struct check_result *ret);
void check_clip(const struct account *account, const struct check_scale *scale, struct check_result *ret);

#endif
