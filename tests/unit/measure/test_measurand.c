/* The table of measurands: complete, without doubles, and with the rules that reports and plans rest on. */
#include <string.h>

#include "rig/measure/measurand.h"
#include "rig/measure/result.h"
#include "tests/unit/measure/check.h"

#define EACH(id) (enum measurand id = 1; id < MEASURANDS; id++)

static void every_row_is_filled(void **state)
{
	static const char *const units[] = {"Hz", "%", "1", "mm", "s", "degC", "K", "N", "N s", "V"};

	(void)state;
	for
		EACH(id)
		{
			const struct measurand_row *row = measurand_row(id);
			bool known = false;

			if (!row->name || !row->unit || !row->about || !row->about[0])
				fail_msg("row %d is not filled", (int)id);
			for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
				known |= strcmp(units[i], row->unit) == 0;
			if (!known || strlen(row->name) >= sizeof(((struct result *)NULL)->name))
				fail_msg("%s: unit \"%s\" or its own length", row->name, row->unit);
		}
}

static void a_name_finds_its_row_and_no_other(void **state)
{
	(void)state;
	for
		EACH(id)
	assert_int_equal(measurand_find(measurand_row(id)->name), id);
	assert_int_equal(measurand_find("depth"), MEASURAND_NONE);
	assert_int_equal(measurand_find(""), MEASURAND_NONE);
	assert_int_equal(measurand_find("loudness_db"), MEASURAND_NONE);
	assert_string_equal(measurand_row(MEASURAND_NONE)->name, "");
	assert_false(measurand_is_judged(MEASURAND_NONE));
}

static void a_result_is_named_by_its_row(void **state)
{
	struct result r = {.value = 7, .n = 3};

	(void)state;
	result_name(&r, MEASURAND_STEADY_TEMPERATURE, "tip");
	assert_int_equal(r.id, MEASURAND_STEADY_TEMPERATURE);
	assert_string_equal(r.name, "steady_temperature_c");
	assert_string_equal(r.method, "tip");
	assert_string_equal(r.unit, "degC");
	assert_true(r.value == 7 && r.n == 3);
}

static const struct rules {
	const char *name;
	bool judged, parts, thermal_basis, moving;
	unsigned needs;
	enum judged_by by;
} rules[] = {
	{"stroke_rate_hz", true, false, false, true, NEEDS_FORCE | NEEDS_CLOCK, JUDGED_BY_RATE},
	{"stroke_rate_error_pct", true, false, false, true, NEEDS_FORCE | NEEDS_CLOCK, JUDGED_BY_RATE},
	{"period_jitter_pct", true, false, false, true, NEEDS_FORCE | NEEDS_CLOCK, JUDGED_BY_ANY},
	{"missed_strokes", true, false, false, true, NEEDS_FORCE, JUDGED_BY_ANY},
	{"double_strokes", true, false, false, true, NEEDS_FORCE, JUDGED_BY_ANY},
	{"strokes", true, false, false, true, NEEDS_FORCE, JUDGED_BY_ANY},
	{"depth_mm", true, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"depth_sd_mm", true, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"depth_error_mm", true, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"depth_tolerance_lo_mm", true, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"depth_tolerance_hi_mm", true, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"depth_max_mm", true, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"depth_max_raw_mm", false, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"depth_linearity_mm", true, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"depth_hysteresis_mm", true, false, false, true, NEEDS_FORCE, JUDGED_BY_DEPTH},
	{"spin_up_s", true, false, false, true, NEEDS_FORCE | NEEDS_CLOCK, JUDGED_BY_ANY},
	{"coast_down_s", true, false, false, true, NEEDS_FORCE | NEEDS_CLOCK, JUDGED_BY_ANY},
	{"rate_droop_pct", true, false, false, true, NEEDS_FORCE | NEEDS_CLOCK | NEEDS_FREE_RUN, JUDGED_BY_ANY},
	{"free_rate_hz", false, false, false, false, NEEDS_BAR | NEEDS_CLOCK | NEEDS_FREE_RUN, JUDGED_BY_ANY},
	{"handle_temperature_c", true, false, true, false, NEEDS_HEAT | NEEDS_STROKES, JUDGED_BY_ANY},
	{"tip_temperature_c", true, false, true, false, NEEDS_HEAT | NEEDS_STROKES, JUDGED_BY_ANY},
	{"ambient_temperature_c", true, false, false, false, NEEDS_HEAT, JUDGED_BY_ANY},
	{"temperature_rise_k", true, true, true, false, NEEDS_HEAT | NEEDS_STROKES, JUDGED_BY_ANY},
	{"steady_temperature_c", true, true, true, false, NEEDS_HEAT | NEEDS_STROKES, JUDGED_BY_ANY},
	{"peak_force_n", true, false, false, true, NEEDS_FORCE, JUDGED_BY_ANY},
	{"seating_force_n", true, false, false, false, NEEDS_FORCE, JUDGED_BY_ANY},
	{"crest_factor", true, false, false, true, NEEDS_FORCE, JUDGED_BY_ANY},
	{"impulse_n_s", true, false, false, true, NEEDS_FORCE | NEEDS_CLOCK, JUDGED_BY_ANY},
	{"pen.rate_hz", false, false, false, false, 0, JUDGED_BY_ANY},
	{"pen.motor_temperature_c", false, false, false, false, 0, JUDGED_BY_ANY},
	{"pen.handle_temperature_c", false, false, false, false, 0, JUDGED_BY_ANY},
	{"pen.battery_v", false, false, false, false, 0, JUDGED_BY_ANY},
};

static void the_rules_stand_in_the_rows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rules *want = &rules[i];
		enum measurand id = measurand_find(want->name);
		const struct measurand_row *row = measurand_row(id);

		if (id == MEASURAND_NONE || measurand_is_judged(id) != want->judged || row->parts != want->parts ||
		    row->thermal_basis != want->thermal_basis || row->moving != want->moving ||
		    row->needs != want->needs || row->judged_by != want->by)
			fail_msg("the row of %s has other rules", want->name);
	}
	for (unsigned id = 0; id < MEASURANDS; id++)
		if (measurand_row((enum measurand)id)->stays && !measurand_is_judged((enum measurand)id))
			fail_msg("%s has no limit that could stay", measurand_row((enum measurand)id)->name);
	assert_int_equal(measurand_row(MEASURAND_DEPTH_LINEARITY)->scope, SCOPE_SWEEP);
	assert_int_equal(measurand_row(MEASURAND_DEPTH_LINEARITY)->sweep, SWEEP_THREE_DEPTHS);
	assert_int_equal(measurand_row(MEASURAND_DEPTH_HYSTERESIS)->scope, SCOPE_SWEEP);
	assert_int_equal(measurand_row(MEASURAND_DEPTH_HYSTERESIS)->sweep, SWEEP_BOTH_WAYS);
}

static void the_plan_s_word_names_a_method(void **state)
{
	(void)state;
	assert_string_equal(measurand_method(JUDGED_BY_RATE, false, true), "realised");
	assert_string_equal(measurand_method(JUDGED_BY_RATE, true, false), "nominal");
	assert_string_equal(measurand_method(JUDGED_BY_DEPTH, true, false), "force_equivalent");
	assert_string_equal(measurand_method(JUDGED_BY_DEPTH, false, true), "displacement");
	assert_null(measurand_method(JUDGED_BY_ANY, true, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_filled),
		cmocka_unit_test(a_name_finds_its_row_and_no_other),
		cmocka_unit_test(a_result_is_named_by_its_row),
		cmocka_unit_test(the_rules_stand_in_the_rows),
		cmocka_unit_test(the_plan_s_word_names_a_method),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
