/* A file of limits alone: what it must hold, and what it does to a plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/limit.h"

#define HEAD  "{\"kind\": \"penrig/limits/1\", "
#define DEPTH "{\"measurand\": \"depth_mm\", \"lower\": 0.9, \"upper\": 1.1, \"unit\": \"mm\""

static struct err err;

static int parse(const char *text, struct limits_file **ret)
{
	*ret = NULL;
	return limits_file_parse("tighter.json", text, strlen(text), ret, &err);
}

static void refused(const char *text, const char *why)
{
	struct limits_file *file;
	assert_int_equal(parse(text, &file), -EINVAL);
	assert_null(file);
	if (!strstr(err.text, why))
		fail_msg("not \"%s\": %s", why, err.text);
	assert_non_null(strstr(err.text, "tighter.json:1:"));
}

static void a_file_is_read(void **state)
{
	struct limits_file *file;
	(void)state;
	assert_int_equal(parse(HEAD "\"name\": \"tight.er-2\", \"limits\": [" DEPTH ", \"required\": false}, "
				    "{\"measurand\": \"stroke_rate_hz\", \"upper\": 130, \"unit\": \"Hz\"}]}",
			       &file),
			 0);
	assert_string_equal(file->name, "tight.er-2");
	assert_string_equal(file->path, "tighter.json");
	assert_int_equal(file->limits, 2);
	assert_true(file->limit[0].has_lower && file->limit[0].has_upper && !file->limit[0].required);
	assert_true(file->limit[0].lower == 0.9 && file->limit[0].upper == 1.1);
	assert_true(!file->limit[1].has_lower && file->limit[1].upper == 130 && file->limit[1].required);
	limits_file_free(file);
	limits_file_free(NULL);
}

static void what_a_file_must_hold(void **state)
{
	(void)state;
	refused("{\"kind\": \"penrig/plan/1\", \"name\": \"a\", \"limits\": [" DEPTH "}]}", "penrig/limits/1");
	refused(HEAD "\"limits\": [" DEPTH "}]}", "name");
	refused(HEAD "\"name\": \"a\"}", "limits");
	refused(HEAD "\"name\": \"a/b\", \"limits\": [" DEPTH "}]}", "letters, digits");
	refused(HEAD "\"name\": \".a\", \"limits\": [" DEPTH "}]}", "no '.' at its start");
	refused(HEAD "\"name\": \"plan\", \"limits\": [" DEPTH "}]}", "the plan's own limits");
	refused(HEAD "\"name\": \"a\", \"limits\": []}", "no limit of this file is required");
	refused(HEAD "\"name\": \"a\", \"limits\": [" DEPTH ", \"required\": false}]}",
		"no limit of this file is required");
	refused(HEAD "\"name\": \"a\", \"limits\": [" DEPTH "}, " DEPTH "}]}", "a second limit");
	refused(HEAD "\"name\": \"a\", \"limits\": 3}", "must be a list");
	refused(HEAD "\"name\": \"a\", \"limits\": {}}", "must be a list");
}

static void bounds_and_units(void **state)
{
	struct limits_file *file;
	(void)state;
	refused(HEAD "\"name\": \"a\", \"limits\": [{\"measurand\": \"depth_mm\", \"unit\": \"mm\"}]}",
		"has no bounds");
	refused(HEAD "\"name\": \"a\", \"limits\": [{\"measurand\": \"depth_mm\", \"lower\": 1.2, \"upper\": "
		     "1.1}]}",
		"exchange them");
	refused(HEAD "\"name\": \"a\", \"limits\": [{\"measurand\": \"tip_temperature_c\", \"upper\": 110, \"unit\": "
		     "\"degF\"}]}",
		"write the bounds in degC");
	refused(HEAD "\"name\": \"a\", \"limits\": [{\"measurand\": \"depth_mm\", \"lower\": 900, \"unit\": \"um\"}]}",
		"write lower 0.9 with unit \"mm\"");
	refused(HEAD "\"name\": \"a\", \"limits\": [{\"measurand\": \"depth_mm\", \"lower\": 900, \"upper\": 1100, "
		     "\"unit\": \"um\"}]}",
		"write lower 0.9 and upper 1.1 with");
	refused(HEAD "\"name\": \"a\", \"limits\": [{\"measurand\": \"depth_mm\", \"upper\": 1100, \"unit\": "
		     "\"um\"}]}",
		"upper 1.1 with unit \"mm\"");
	refused(HEAD "\"name\": \"a\", \"limits\": [{\"measurand\": \"depth_m\", \"upper\": 1, \"unit\": \"mm\"}]}",
		"depth_m");
	assert_int_equal(parse(HEAD "\"name\": \"a\", \"limits\": [{\"measurand\": \"depth_mm\", \"lower\": "
				    "1, \"upper\": 1, \"unit\": \"mm\"}]}",
			       &file),
			 0); /* a point is an interval */
	limits_file_free(file);
}

static void it_takes_the_place_of_all_limits_of_a_plan(void **state)
{
	static struct plan plan;
	static struct plan_step steps[2];
	struct limits_file *file;
	(void)state;
	plan = (struct plan){.step = steps, .steps = 2, .limits = 3};
	steps[0].limits = steps[1].limits = 3;
	assert_int_equal(parse(HEAD "\"name\": \"a\", \"limits\": [" DEPTH "}]}", &file), 0);
	assert_int_equal(limits_apply(file, &plan, &err), 0);
	assert_int_equal(plan.limits, 1);
	assert_int_equal(plan.step[0].limits, 0);
	assert_int_equal(plan.step[1].limits, 0);
	assert_true(plan.limit[0].upper == 1.1);
	limits_file_free(file);
}

/* What stands for a patient's skin must be said before it is judged. */
static void a_temperature_wants_its_basis(void **state)
{
	static struct plan plan;
	static struct plan_step step;
	struct limits_file *file;
	(void)state;
	plan = (struct plan){.step = &step, .steps = 1};
	assert_int_equal(parse(HEAD "\"name\": \"a\", \"limits\": [" DEPTH "}, {\"measurand\": \"tip_temperature_c\", "
				    "\"upper\": 43, \"unit\": \"degC\"}]}",
			       &file),
			 0);
	assert_int_equal(limits_apply(file, &plan, &err), -EINVAL);
	assert_non_null(strstr(err.text, "tip_temperature_c can be judged only where"));
	assert_int_equal(plan.limits, 0);
	strcpy(plan.thermal_basis, "a table");
	assert_int_equal(limits_apply(file, &plan, &err), 0);
	assert_int_equal(plan.limits, 2);
	limits_file_free(file);
}

static void a_file_that_is_not_there(void **state)
{
	struct limits_file *file = NULL;
	(void)state;
	assert_int_equal(limits_file_read("/nowhere/tighter.json", &file, &err), -ENOENT);
	assert_null(file);
	assert_non_null(strstr(err.text, "/nowhere/tighter.json"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(what_a_file_must_hold),
		cmocka_unit_test(bounds_and_units),
		cmocka_unit_test(it_takes_the_place_of_all_limits_of_a_plan),
		cmocka_unit_test(a_temperature_wants_its_basis),
		cmocka_unit_test(a_file_that_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
