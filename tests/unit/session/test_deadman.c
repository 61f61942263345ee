/* What was seen after the last heartbeat and what follows, each bound on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rig/driver/driver.h"
#include "rig/session/deadman.h"

/* Set to 0.5 s, fed by 0.01 s, tripped at 0.515 s, coasted for 0.2 s. */
static const struct deadman_seen good = {
	.set_s = 0.5,
	.fed_by_s = 0.01,
	.coast_down_s = 0.4,
	.period_s = 0.01,
	.still = true,
	.ran_s = 0.715,
	.said_on_s = 0.51,
	.said_off = true,
	.said_off_s = 0.52,
	.condition = PEN_DEADMAN_TRIPPED,
};

static void check(const struct deadman_seen *seen, enum outcome outcome, const char *text)
{
	char said[200] = "";
	assert_int_equal(deadman_judge(seen, said, sizeof(said)), outcome);
	assert_non_null(strstr(said, text));
}

static void a_trip_in_time_passes(void **state)
{
	struct deadman_seen seen = good;
	(void)state;
	check(&seen, OUTCOME_PASS,
	      "stood still 0.715 s after the last heartbeat; set to 0.500 s, allowed 0.470 s to 0.930 s with "
	      "coast-down");
	seen.said_on_s = -1; /* it was not asked before it stood */
	check(&seen, OUTCOME_PASS, "stood still");
}

static void what_still_moves_fails_whatever_it_says(void **state)
{
	struct deadman_seen seen = good;
	(void)state;
	seen.still = false;
	check(&seen, OUTCOME_FAIL, "still running");
	seen.said_off = false;
	check(&seen, OUTCOME_FAIL, "still running");
}

/* The timer of a power supply is the bench's: whatever is wrong with it, the pen does not fail for it. */
static void a_supplys_timer_fails_no_pen(void **state)
{
	struct deadman_seen seen = good;
	(void)state;
	seen.of_parts = true;
	check(&seen, OUTCOME_PASS, "stood still");
	seen.ran_s = 0.4699;
	check(&seen, OUTCOME_INCONCLUSIVE, "tripped too early");
	seen.ran_s = 0.9301;
	check(&seen, OUTCOME_INCONCLUSIVE, "the power supply's timer's doing and not the pen's");
	seen.still = false;
	check(&seen, OUTCOME_INCONCLUSIVE, "still running");
}

static void motion_has_two_bounds(void **state)
{
	struct deadman_seen seen = good;
	(void)state;
	seen.ran_s = 0.4701;
	check(&seen, OUTCOME_PASS, "");
	seen.ran_s = 0.4699;
	check(&seen, OUTCOME_FAIL, "tripped too early");
	seen.ran_s = 0.9299;
	check(&seen, OUTCOME_PASS, "");
	seen.ran_s = 0.9301;
	check(&seen, OUTCOME_FAIL, "tripped too late");
}

static void the_pens_word_has_two_bounds(void **state)
{
	struct deadman_seen seen = good;
	(void)state;
	seen.said_off_s = 0.5001;
	check(&seen, OUTCOME_PASS, "");
	seen.said_off_s = 0.4999;
	check(&seen, OUTCOME_FAIL, "tripped too early");
	seen = good;
	seen.said_on_s = 0.5299;
	check(&seen, OUTCOME_PASS, "");
	seen.said_on_s = 0.5301;
	check(&seen, OUTCOME_FAIL, "tripped too late");
}

static void another_reason_says_nothing_of_the_deadman(void **state)
{
	static const struct {
		uint32_t condition;
		const char *text;
	} cases[] = {
		{0, "it does not say that its dead-man tripped"},
		{PEN_UNDERVOLTAGE, "the pen reports undervoltage"},
		{PEN_STALL, "the pen reports motor stall"},
		{PEN_OVER_TEMPERATURE, "the pen reports over-temperature"},
		{PEN_CARTRIDGE_MISSING, "the pen reports cartridge missing"},
		{PEN_STALL | PEN_DEADMAN_TRIPPED, "the pen reports motor stall dead-man tripped"},
	};
	struct deadman_seen seen = good;
	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		seen.condition = cases[i].condition;
		check(&seen, OUTCOME_INCONCLUSIVE, cases[i].text);
		seen.ran_s = 0.2; /* nor does it trip too early */
		check(&seen, OUTCOME_INCONCLUSIVE, cases[i].text);
		seen.ran_s = good.ran_s;
	}
	seen.said_off = false;
	check(&seen, OUTCOME_INCONCLUSIVE, "it has not said that its motor is off");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trip_in_time_passes),
		cmocka_unit_test(what_still_moves_fails_whatever_it_says),
		cmocka_unit_test(a_supplys_timer_fails_no_pen),
		cmocka_unit_test(motion_has_two_bounds),
		cmocka_unit_test(the_pens_word_has_two_bounds),
		cmocka_unit_test(another_reason_says_nothing_of_the_deadman),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
