/* How a unit stands by all its runs: every verdict, every decision, every order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "rig/history/unit.h"

struct told {
	const char *plan, *verdict;
	int decision; /* from 1; 0: none */
	bool again;
};

#define RETEST (1 + DISPOSITION_RETEST)
#define ACCEPT (1 + DISPOSITION_ACCEPT)
#define REJECT (1 + DISPOSITION_REJECT)

/* Run i starts in minute i and is called "r<i>". */
static struct unit unit_of(const struct told *told, unsigned count)
{
	struct unit unit = {.runs = 0};

	for (unsigned i = 0; i < count; i++) {
		char name[16], started[32];
		struct history_run run = {.name = name,
					  .started = started,
					  .dut = "SN-1",
					  .plan = told[i].plan,
					  .plan_sha256 = "a",
					  .later = "",
					  .again = told[i].again,
					  .later_why = "",
					  .verdict = told[i].verdict,
					  .reason = "why",
					  .disposition = DISPOSITIONS,
					  .disposed_by = "",
					  .disposed_why = ""};
		snprintf(name, sizeof(name), "r%u", i);
		snprintf(started, sizeof(started), "2026-01-01T00:%02u:00Z", i);
		if (told[i].decision) {
			run.disposition = (enum disposition_kind)(told[i].decision - 1);
			run.disposed_by = "R. Chief";
			run.disposed_why = "torn";
		}
		unit_add(&unit, &run);
	}
	unit_end(&unit);
	return unit;
}

#define EXPECT(standing_, by, ...)                                                                                     \
	do {                                                                                                           \
		const struct told told[] = {__VA_ARGS__};                                                              \
		struct unit unit = unit_of(told, sizeof(told) / sizeof(told[0]));                                      \
		assert_string_equal(unit_standing_name(unit.standing), unit_standing_name(standing_));                 \
		assert_string_equal(unit.decided_by, by);                                                              \
	} while (0)

static void test_one_run(void **state)
{
	(void)state;
	EXPECT(UNIT_PASS, "r0", {"a", "pass", 0, false});
	EXPECT(UNIT_CONDITIONAL, "r0", {"a", "conditional_pass", 0, false});
	EXPECT(UNIT_CONDITIONAL, "r0", {"a", "pass_on_statement", 0, false});
	EXPECT(UNIT_INCONCLUSIVE, "r0", {"a", "inconclusive", 0, false});
	EXPECT(UNIT_FAIL, "r0", {"a", "conditional_fail", 0, false});
	EXPECT(UNIT_FAIL, "r0", {"a", "fail", 0, false});
	EXPECT(UNIT_UNKNOWN, "", {"a", "none", 0, false});
}

/* Each row as history_each_run() marks it: of one recording the worst verdict is the run, the others are it again. */
static void test_a_recording_again(void **state)
{
	(void)state;
	EXPECT(UNIT_INCONCLUSIVE, "r0", {"a", "fail", RETEST, false}, {"a", "pass_on_statement", 0, true});
	EXPECT(UNIT_CONDITIONAL, "r1", {"a", "fail", RETEST, false}, {"a", "pass_on_statement", 0, false});
	EXPECT(UNIT_FAIL, "r1", {"a", "fail", RETEST, false}, {"a", "fail", 0, true});
	EXPECT(UNIT_INCONCLUSIVE, "r1", {"a", "pass", 0, false}, {"b", "inconclusive", 0, true});
	const struct told told[] = {{"a", "fail", 0, false}, {"a", "fail", 0, true}, {"a", "inconclusive", 0, true}};
	const struct unit unit = unit_of(told, 3);
	assert_int_equal(unit.runs, 1);
	assert_int_equal(unit.failures, 1);
	assert_int_equal(unit.others, 0);
}

static void test_a_failure_stays(void **state)
{
	(void)state;
	EXPECT(UNIT_FAIL, "r0", {"a", "fail", 0, false}, {"a", "pass", 0, false}, {"a", "pass", 0, false});
	EXPECT(UNIT_FAIL, "r1", {"a", "pass", 0, false}, {"a", "conditional_fail", 0, false}, {"b", "pass", 0, false});
	EXPECT(UNIT_FAIL, "r0", {"a", "fail", 0, false}, {"a", "inconclusive", 0, false});
}

static void test_the_newest_of_each_plan(void **state)
{
	(void)state;
	EXPECT(UNIT_PASS, "r1", {"a", "inconclusive", 0, false}, {"a", "pass", 0, false});
	EXPECT(UNIT_INCONCLUSIVE, "r1", {"a", "pass", 0, false}, {"a", "inconclusive", 0, false});
	EXPECT(UNIT_INCONCLUSIVE, "r0", {"a", "inconclusive", 0, false}, {"b", "pass", 0, false});
	EXPECT(UNIT_INCONCLUSIVE, "r1", {"a", "pass", 0, false}, {"b", "inconclusive", 0, false});
	EXPECT(UNIT_PASS, "r0", {"a", "pass", 0, false}, {"a", "none", 0, false}); /* a refused run says nothing */
}

static void test_decisions(void **state)
{
	(void)state;
	EXPECT(UNIT_INCONCLUSIVE, "r0", {"a", "fail", RETEST, false});
	EXPECT(UNIT_PASS, "r1", {"a", "fail", RETEST, false}, {"a", "pass", 0, false});
	EXPECT(UNIT_INCONCLUSIVE, "r1", {"a", "pass", 0, false},
	       {"a", "fail", RETEST, false}); /* an earlier pass is no retest */
	EXPECT(UNIT_INCONCLUSIVE, "r0", {"a", "fail", RETEST, false},
	       {"b", "pass", 0, false}); /* nor is one by another plan */
	EXPECT(UNIT_FAIL, "r1", {"a", "fail", RETEST, false}, {"a", "fail", 0, false}, {"a", "pass", 0, false});
	EXPECT(UNIT_CONCEDED, "r0", {"a", "fail", ACCEPT, false}, {"a", "pass", 0, false});
	EXPECT(UNIT_FAIL, "r1", {"a", "fail", ACCEPT, false}, {"a", "fail", 0, false});
	EXPECT(UNIT_REJECTED, "r0", {"a", "fail", REJECT, false}, {"a", "fail", 0, false}, {"a", "pass", 0, false});
}

static struct history_run run_of(const char *name, const char *sha256, const char *verdict, const char *later)
{
	return (struct history_run){.name = name,
				    .started = name,
				    .dut = "SN-1",
				    .plan = "a",
				    .plan_sha256 = sha256,
				    .verdict = verdict,
				    .later = later,
				    .later_why = "too deep",
				    .reason = "",
				    .disposition = DISPOSITIONS};
}

static void test_an_edited_plan_is_another(void **state)
{
	const struct history_run first = run_of("r0", "aa", "inconclusive", ""),
				 second = run_of("r1", "bb", "pass", "");
	struct unit unit = {.runs = 0};

	(void)state;
	unit_add(&unit, &first);
	unit_add(&unit, &second);
	unit_end(&unit);
	assert_int_equal(unit.standing, UNIT_INCONCLUSIVE);
	assert_string_equal(unit.decided_by, "r0");
}

static void test_a_later_verdict_counts_where_it_is_worse(void **state)
{
	const struct history_run worse = run_of("r0", "aa", "pass", "fail"), newer = run_of("r1", "aa", "pass", "");
	const struct history_run milder = run_of("r0", "aa", "fail", "pass");
	struct unit unit = {.runs = 0}, other = {.runs = 0};

	(void)state;
	unit_add(&unit, &worse);
	unit_add(&unit, &newer);
	unit_end(&unit);
	assert_int_equal(unit.standing, UNIT_FAIL);
	assert_int_equal(unit.failures, 1);
	assert_string_equal(unit.decided_why, "by a later verdict: too deep");
	unit_add(&other, &milder);
	unit_end(&other);
	assert_int_equal(other.standing, UNIT_FAIL);
}

static void test_counts(void **state)
{
	const struct told told[] = {{"a", "fail", RETEST, false},
				    {"a", "pass", 0, false},
				    {"b", "pass", 0, false},
				    {"b", "none", 0, false}};
	struct unit unit = unit_of(told, 4);
	(void)state;
	assert_int_equal(unit.runs, 4);
	assert_int_equal(unit.passes, 2);
	assert_int_equal(unit.failures, 1);
	assert_int_equal(unit.others, 1);
	assert_int_equal(unit.set_aside, 1);
	assert_string_equal(unit.last, "2026-01-01T00:03:00Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_run),
		cmocka_unit_test(test_a_recording_again),
		cmocka_unit_test(test_a_failure_stays),
		cmocka_unit_test(test_the_newest_of_each_plan),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_an_edited_plan_is_another),
		cmocka_unit_test(test_a_later_verdict_counts_where_it_is_worse),
		cmocka_unit_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
