/* The check of the noise. As check_function of model_checks.c. */
#ifndef PENRIG_MEASURE_POINT_CHECK_NOISE_H
#define PENRIG_MEASURE_POINT_CHECK_NOISE_H

#include <stdbool.h>

#include "rig/measure/point/model_checks.h"

void check_noise(const struct account *account, const struct check_scale *scale, struct check_result *ret);

/* Are the converter's steps coarse beside noise and hum? */
bool quantiser_shows(const struct account *account);

#endif
