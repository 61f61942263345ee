/* Columns beside the force: which one a word means, colons and all, and what its numbers are in millimetres and degrees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "rig/offline/import/beside_columns.h"

static struct recording_layout layout;
static const struct columns columns = {.force = 0, .time = 1};
static struct beside_columns chosen;
static struct err err;

static int set_up(void **state)
{
	static const struct recording_column column[] = {
		{.name = "F", .unit = "N", .scale = 1},
		{.name = "t", .unit = "s", .scale = 1},
		{.name = "bar",
		 .unit = "um",
		 .scale = 0.5,
		 .offset = 10}, /* as the reader gives it: um = 10 + value / 2 */
		{.name = "ai:1", .scale = 1},
		{.name = "T", .unit = "K", .scale = 1},
		{.name = "U", .unit = "degF", .scale = 1},
	};
	(void)state;
	layout = (struct recording_layout){.columns = 6};
	memcpy(layout.column, column, sizeof(column));
	return 0;
}

static int choose(const char *displacement, const char *const *temperature, unsigned temperatures)
{
	const struct beside_wish wish = {
		.displacement = displacement, .temperature = temperature, .temperatures = temperatures};
	err.text[0] = '\0';
	return beside_columns_choose(&layout, &columns, &wish, "x.csv", &chosen, &err);
}

static double physical(unsigned i, double value)
{
	return chosen.at[i].offset + chosen.at[i].scale * value;
}

static void test_units_scale_by_themselves(void **state)
{
	static const char *const temperatures[] = {"tip=T", "ambient=6"};
	(void)state;
	assert_int_equal(choose("bar", temperatures, 2), 0);
	assert_true(chosen.count == 3 && chosen.displacement && chosen.at[0].quantity == QUANTITY_DISPLACEMENT);
	assert_true(fabs(physical(0, 4) - 0.012) < 1e-12);
	assert_string_equal(chosen.at[1].name, "tip");
	assert_true(fabs(physical(1, 300) - 26.85) < 1e-9 && fabs(physical(2, 212) - 100) < 1e-9);
	assert_int_equal(chosen.at[2].column, 5);
}

static void test_a_name_may_hold_colons(void **state)
{
	(void)state;
	assert_int_equal(choose("ai:1:0.25", NULL, 0), 0);
	assert_true(chosen.at[0].column == 3 && physical(0, 4) == 1);
	assert_int_equal(choose("ai:1:0.25:-1", NULL, 0), 0);
	assert_true(chosen.at[0].column == 3 && physical(0, 4) == 0);
	assert_int_equal(choose("4:2", NULL, 0), 0);
	assert_true(chosen.at[0].column == 3 && physical(0, 4) == 8);
}

static void assert_refused(const char *displacement, const char *temperature, const char *why)
{
	assert_int_equal(choose(displacement, &temperature, temperature ? 1 : 0), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_what_is_refused(void **state)
{
	static const char *const four[] = {"tip=T", "handle=U", "ambient=ai:1:1", "tip=bar"};
	(void)state;
	assert_refused("ai:1", NULL, "in mm per number");
	assert_refused("ai:1:0", NULL, "every number is the same");
	assert_refused("bar:1", NULL, "is in \"um\" by the file");
	assert_refused("bar:0.001:3", NULL, "is in \"um\" by the file");
	assert_refused("F:1", NULL, "is the force already");
	assert_refused("t:1", NULL, "is the time already");
	assert_refused("nose", NULL, "x.csv has the columns 1 \"F\" [N]");
	assert_refused(NULL, "nose=T", "handle, tip or ambient");
	assert_refused(NULL, "tip:T", "must be NAME=COLUMN");
	assert_refused(NULL, "tip=bar", "no unit that says degC");
	assert_refused("4:1", "tip=4:1", "is displacement already");
	assert_int_equal(choose(NULL, four, 4), -EINVAL);
}

/* A word that is one column's name and another one's number may mean either. */
static void test_a_number_for_a_name(void **state)
{
	(void)state;
	strcpy(layout.column[5].name, "3");
	assert_int_equal(choose("3", NULL, 0), -EINVAL);
	assert_non_null(strstr(err.text, "column 6 of x.csv is called so, and column 3 has that number"));
	strcpy(layout.column[2].name, "3");
	strcpy(layout.column[5].name, "U");
	assert_int_equal(choose("3", NULL, 0), 0);
	assert_int_equal(chosen.at[0].column, 2);
}

static void test_two_units(void **state)
{
	(void)state;
	strcpy(layout.column[2].other_unit, "mm");
	assert_int_equal(choose("bar", NULL, 0), -EINVAL);
	assert_non_null(strstr(err.text, "two units, \"um\" and \"mm\""));
	assert_int_equal(choose("bar:1", NULL, 0), 0);
	assert_true(physical(0, 4) == 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_units_scale_by_themselves, set_up),
		cmocka_unit_test_setup(test_a_name_may_hold_colons, set_up),
		cmocka_unit_test_setup(test_what_is_refused, set_up),
		cmocka_unit_test_setup(test_a_number_for_a_name, set_up),
		cmocka_unit_test_setup(test_two_units, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
