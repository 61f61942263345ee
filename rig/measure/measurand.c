/* What a limit may name. */
#include "rig/measure/measurand.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name, *unit;
} measurands[] = {
	{"stroke_rate_hz", "Hz"},
	{"stroke_rate_error_pct", "%"},
	{"period_jitter_pct", "%"},
	{"missed_strokes", "1"},
	{"double_strokes", "1"},
	{"strokes", "1"},
	{"depth_mm", "mm"},
	{"depth_sd_mm", "mm"},
	{"depth_error_mm", "mm"},
	{"depth_tolerance_lo_mm", "mm"},
	{"depth_tolerance_hi_mm", "mm"},
	{"depth_max_mm", "mm"},
	{"depth_linearity_mm", "mm"},
	{"depth_hysteresis_mm", "mm"},
	{"spin_up_s", "s"},
	{"coast_down_s", "s"},
	{"rate_droop_pct", "%"},
	{"handle_temperature_c", "degC"},
	{"tip_temperature_c", "degC"},
	{"ambient_temperature_c", "degC"},
	{"temperature_rise_k", "K"},
	{"steady_temperature_c", "degC"},
	{"peak_force_n", "N"},
	{"seating_force_n", "N"},
};

const char *measurand_name(unsigned i)
{
	return i < sizeof(measurands) / sizeof(measurands[0]) ? measurands[i].name : NULL;
}

const char *measurand_unit(const char *name)
{
	for (size_t i = 0; i < sizeof(measurands) / sizeof(measurands[0]); i++)
		if (strcmp(measurands[i].name, name) == 0)
			return measurands[i].unit;
	return NULL;
}
