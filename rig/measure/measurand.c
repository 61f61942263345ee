/* The table of measurands. What is done with a row stands where it is done: judge/, estimate/, config/. */
#include "rig/measure/measurand.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define RATE                                                                                                           \
	.scope = SCOPE_POINT, .needs = NEEDS_FORCE | NEEDS_CLOCK, .judged_by = JUDGED_BY_RATE, .moving = true,         \
	.narrows = true, .outlasts = true
#define COUNT .scope = SCOPE_POINT, .unit = "1", .needs = NEEDS_FORCE, .moving = true
#define TIME  .scope = SCOPE_POINT, .unit = "s", .needs = NEEDS_FORCE | NEEDS_CLOCK, .moving = true
#define DEPTH                                                                                                          \
	.unit = "mm", .needs = NEEDS_FORCE, .judged_by = JUDGED_BY_DEPTH,                                              \
	.moving = true /* by displacement: the bar instead */
#define FORCE .scope = SCOPE_POINT, .unit = "N", .needs = NEEDS_FORCE
#define HEAT  .scope = SCOPE_POINT, .needs = NEEDS_HEAT | NEEDS_STROKES, .thermal_basis = true /* the pen's own */

static const struct measurand_row rows[MEASURANDS] = {
	[MEASURAND_NONE] = {.name = "", .unit = "", .about = ""},
	[MEASURAND_STROKE_RATE] = {.name = "stroke_rate_hz",
				   .unit = "Hz",
				   .about = "strokes per second",
				   RATE,
				   .travels = true,
				   .model = MODEL_RATE,
				   .live = LIVE_RATE},
	[MEASURAND_STROKE_RATE_ERROR] = {.name = "stroke_rate_error_pct",
					 .unit = "%",
					 .about = "stroke rate against its setpoint",
					 RATE,
					 .model = MODEL_RATE_ERROR,
					 .live = LIVE_RATE_PERCENT},
	[MEASURAND_PERIOD_JITTER] = {.name = "period_jitter_pct",
				     .unit = "%",
				     .about = "standard deviation of the periods over their mean",
				     .scope = SCOPE_POINT,
				     .needs = NEEDS_FORCE | NEEDS_CLOCK,
				     .moving = true,
				     .outlasts = true},
	[MEASURAND_MISSED_STROKES] = {.name = "missed_strokes",
				      .about = "strokes that are missing in the measure window",
				      .counted = "missed",
				      COUNT,
				      .outlasts = true},
	[MEASURAND_DOUBLE_STROKES] = {.name = "double_strokes",
				      .about = "strokes that came twice",
				      .counted = "double",
				      COUNT,
				      .stays = true},
	[MEASURAND_STROKES] = {.name = "strokes",
			       .about = "strokes in the measure window",
			       .counted = "strokes",
			       COUNT},
	[MEASURAND_DEPTH] = {.name = "depth_mm",
			     .about = "mean penetration depth",
			     .scope = SCOPE_POINT,
			     DEPTH,
			     .narrows = true,
			     .travels = true,
			     .stays = true,
			     .model = MODEL_DEPTH,
			     .live = LIVE_DEPTH},
	[MEASURAND_DEPTH_SD] = {.name = "depth_sd_mm",
				.about = "scatter of the depth from stroke to stroke",
				.scope = SCOPE_POINT,
				DEPTH,
				.outlasts = true},
	[MEASURAND_DEPTH_ERROR] = {.name = "depth_error_mm",
				   .about = "mean depth against its setpoint",
				   .scope = SCOPE_POINT,
				   DEPTH,
				   .narrows = true,
				   .stays = true,
				   .model = MODEL_DEPTH_ERROR,
				   .live = LIVE_DEPTH_OFFSET},
	[MEASURAND_DEPTH_TOLERANCE_LO] =
		{.name = "depth_tolerance_lo_mm",
		 .about = "lower end of the interval that holds 95 % of all strokes, with 99 % confidence",
		 .scope = SCOPE_POINT,
		 DEPTH,
		 .model = MODEL_DEPTH},
	[MEASURAND_DEPTH_TOLERANCE_HI] =
		{.name = "depth_tolerance_hi_mm",
		 .about = "upper end of the interval that holds 95 % of all strokes, with 99 % confidence",
		 .scope = SCOPE_POINT,
		 DEPTH,
		 .model = MODEL_DEPTH},
	[MEASURAND_DEPTH_MAX] = {.name = "depth_max_mm",
				 .about = "deepest stroke, without what noise adds",
				 .scope = SCOPE_POINT,
				 DEPTH,
				 .stays = true,
				 .model = MODEL_DEPTH},
	[MEASURAND_DEPTH_MAX_RAW] = {.name = "depth_max_raw_mm",
				     .about = "deepest stroke as measured",
				     .scope = SCOPE_INFORMATIVE,
				     DEPTH},
	[MEASURAND_DEPTH_LINEARITY] = {.name = "depth_linearity_mm",
				       .about =
					       "largest deviation of a depth from the straight line over the setpoints",
				       .scope = SCOPE_SWEEP,
				       DEPTH,
				       .sweep = SWEEP_THREE_DEPTHS},
	[MEASURAND_DEPTH_HYSTERESIS] = {.name = "depth_hysteresis_mm",
					.about = "largest difference of a depth reached from below and from above",
					.scope = SCOPE_SWEEP,
					DEPTH,
					.sweep = SWEEP_BOTH_WAYS},
	[MEASURAND_SPIN_UP] = {.name = "spin_up_s",
			       .about = "from the start command to the final rate",
			       TIME,
			       .stays = true},
	[MEASURAND_COAST_DOWN] = {.name = "coast_down_s",
				  .about = "from the stop command to the last stroke",
				  TIME,
				  .stays = true},
	[MEASURAND_RATE_DROOP] = {.name = "rate_droop_pct",
				  .unit = "%",
				  .about = "how much slower the pen strikes under load than in a free run",
				  .scope = SCOPE_POINT,
				  .needs = NEEDS_FORCE | NEEDS_CLOCK | NEEDS_FREE_RUN,
				  .moving = true},
	[MEASURAND_FREE_RATE] = {.name = "free_rate_hz",
				 .unit = "Hz",
				 .about = "strokes per second with nothing under the needles",
				 .needs = NEEDS_BAR | NEEDS_CLOCK | NEEDS_FREE_RUN},
	[MEASURAND_HANDLE_TEMPERATURE] = {.name = "handle_temperature_c",
					  .unit = "degC",
					  .about = "highest temperature of the handle",
					  HEAT,
					  .stays = true},
	[MEASURAND_TIP_TEMPERATURE] = {.name = "tip_temperature_c",
				       .unit = "degC",
				       .about = "highest temperature of the tip",
				       HEAT,
				       .stays = true},
	[MEASURAND_AMBIENT_TEMPERATURE] = {.name = "ambient_temperature_c",
					   .unit = "degC",
					   .about = "temperature of the room",
					   .scope = SCOPE_POINT,
					   .needs = NEEDS_HEAT},
	[MEASURAND_TEMPERATURE_RISE] = {.name = "temperature_rise_k",
					.unit = "K",
					.about = "highest temperature over the room's",
					.parts = true,
					HEAT,
					.stays = true},
	[MEASURAND_STEADY_TEMPERATURE] = {.name = "steady_temperature_c",
					  .unit = "degC",
					  .about = "temperature that the part is heading for",
					  .parts = true,
					  HEAT},
	[MEASURAND_PEAK_FORCE] = {.name = "peak_force_n",
				  .about = "highest force above the baseline",
				  FORCE,
				  .of_pulse = true,
				  .moving = true,
				  .stays = true},
	[MEASURAND_SEATING_FORCE] = {.name = "seating_force_n",
				     .about = "force with the needles away",
				     FORCE,
				     .stays = true},
	[MEASURAND_CREST_FACTOR] = {.name = "crest_factor",
				    .unit = "1",
				    .about = "highest force above the baseline over the rms of that force",
				    .scope = SCOPE_POINT,
				    .needs = NEEDS_FORCE,
				    .of_pulse = true,
				    .moving = true},
	[MEASURAND_IMPULSE] = {.name = "impulse_n_s",
			       .unit = "N s",
			       .about = "force above the baseline, integrated over a stroke; mean of the strokes",
			       .scope = SCOPE_POINT,
			       .needs = NEEDS_FORCE | NEEDS_CLOCK,
			       .of_pulse = true,
			       .moving = true},
	[MEASURAND_PEN_RATE] = {.name = "pen.rate_hz",
				.unit = "Hz",
				.about = "stroke rate, as the pen says",
				.scope = SCOPE_PEN},
	[MEASURAND_PEN_MOTOR_TEMPERATURE] = {.name = "pen.motor_temperature_c",
					     .unit = "degC",
					     .about = "temperature of its motor, as the pen says",
					     .scope = SCOPE_PEN},
	[MEASURAND_PEN_HANDLE_TEMPERATURE] = {.name = "pen.handle_temperature_c",
					      .unit = "degC",
					      .about = "temperature of its handle, as the pen says",
					      .scope = SCOPE_PEN},
	[MEASURAND_PEN_BATTERY] = {.name = "pen.battery_v",
				   .unit = "V",
				   .about = "voltage of its battery, as the pen says",
				   .scope = SCOPE_PEN},
};

const struct measurand_row *measurand_row(enum measurand id)
{
	assert((unsigned)id < MEASURANDS);
	return &rows[id];
}

enum measurand measurand_find(const char *name)
{
	for (unsigned i = MEASURAND_NONE + 1; i < MEASURANDS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return (enum measurand)i;
	return MEASURAND_NONE;
}

bool measurand_is_judged(enum measurand id)
{
	enum measurand_scope scope = measurand_row(id)->scope;

	return scope == SCOPE_POINT || scope == SCOPE_SWEEP;
}

const char *measurand_method(enum judged_by by, bool nominal_rate, bool displacement)
{
	switch (by) {
	case JUDGED_BY_RATE: return nominal_rate ? "nominal" : "realised";
	case JUDGED_BY_DEPTH: return displacement ? "displacement" : "force_equivalent";
	case JUDGED_BY_ANY: break;
	}
	return NULL;
}
