/* What a file says becomes what a point is given: ages from dates, a cosine from an angle. */
#include "rig/estimate/uncertainties.h"

#include <math.h>
#include <time.h>

#define SECONDS_PER_YEAR (365.25 * 86400.0)

/* From midnight of that date (UTC), not below 0. */
static double years_since(const char date[11], uint64_t wall_ns)
{
	struct tm tm = {.tm_mday = 1};

	if (strptime(date, "%Y-%m-%d", &tm) == NULL)
		return 0.0;
	return fmax(0.0, ((double)wall_ns * 1e-9 - (double)timegm(&tm)) / SECONDS_PER_YEAR);
}

/* rms of 1 - cos a = a^2 / 2 for an angle that is anywhere within its half-width: the mean of a^4 / 4 is half^4 / 20. */
static double cosine_rel(double half_deg)
{
	double half = half_deg * M_PI / 180.0;

	return half * half / sqrt(20.0);
}

void uncertainties_of_bench(const struct bench *bench, uint64_t wall_ns, struct point_uncertainties *ret)
{
	const double *value = bench->uncertainty.value;
	const struct bench_device *sensor = bench_device(bench, ROLE_LOAD_SENSOR);

	ret->gain_rel = bench->sensor.force_u_rel;
	ret->cell_linearity_rel = value[UNCERTAINTY_CELL_LINEARITY];
	ret->cell_hysteresis_rel = value[UNCERTAINTY_CELL_HYSTERESIS];
	ret->cell_creep_rel = value[UNCERTAINTY_CELL_CREEP];
	ret->cell_drift_rel = value[UNCERTAINTY_CELL_DRIFT] * years_since(sensor->calibration.date, wall_ns);
	ret->cell_zero_n = value[UNCERTAINTY_CELL_ZERO];
	ret->cartridge_rel = value[UNCERTAINTY_CARTRIDGE_FORCE];
	ret->cartridge_mm = value[UNCERTAINTY_CARTRIDGE_LENGTH];
	ret->seating_mm = value[UNCERTAINTY_SEATING];
	ret->angle_rel = cosine_rel(value[UNCERTAINTY_ANGLE]);
}

void uncertainties_of_phantom(const struct phantom *phantom, uint64_t wall_ns, struct point_uncertainties *ret)
{
	const double *value = phantom->uncertainty.value;

	ret->position_rel = value[UNCERTAINTY_POSITION];
	ret->ageing_rel = value[UNCERTAINTY_AGEING] * years_since(phantom->calibration.date, wall_ns);
	ret->needle_speed_rel = value[UNCERTAINTY_NEEDLE_SPEED];
}
