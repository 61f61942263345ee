/* Needles that do not leave the phantom, levels that are not the tare's, force between strokes: gross ones are named,
 * harmless ones lie within U, good pens pass. Each on recordings whose truth is known. */
#include <string.h>

#include "tests/bench/misfit_trial.h"
#include "tests/bench/misfits.h"
#include "tests/unit/measure/check.h"

#define TRIALS 6

static struct misfit_outcome outcome_of(const char *family, double severity, unsigned trial)
{
	struct recording r = misfit_recording(misfit_family_find(family), severity, trial);
	struct misfit_outcome ret;

	misfit_run(&r, &ret);
	return ret;
}

/* Its check trips, and depth is not trusted, for this reason. */
static void assert_named(const char *family, double severity, enum model_check check, const char *reason)
{
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct misfit_outcome o = outcome_of(family, severity, trial);
		const struct claim_outcome *depth = &o.claim[CLAIM_DEPTH];

		if (o.state[check] != CHECK_TRIPPED || depth->trusted || !strstr(depth->reason, reason))
			fail_msg("%s %g, trial %u: %s %s, \"%s\"", family, severity, trial,
				 model_check_row(check)->name, check_state_name(o.state[check]), depth->reason);
	}
}

/* Trusted, and the error within U. */
static void assert_harmless(const char *family, double severity)
{
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct misfit_outcome o = outcome_of(family, severity, trial);
		const struct claim_outcome *depth = &o.claim[CLAIM_DEPTH];

		if (!depth->trusted || !(fabs(depth->error) < depth->expanded_u))
			fail_msg("%s %g, trial %u: error %g, U %g, \"%s\"", family, severity, trial, depth->error,
				 depth->expanded_u, depth->reason);
	}
}

/* Not trusted, or within U. */
static void assert_no_confident_error(const char *family, double severity)
{
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct misfit_outcome o = outcome_of(family, severity, trial);
		const struct claim_outcome *depth = &o.claim[CLAIM_DEPTH];

		if (depth->trusted && !(fabs(depth->error) < depth->expanded_u))
			fail_msg("%s %g, trial %u: error %g, U %g", family, severity, trial, depth->error,
				 depth->expanded_u);
	}
}

static void needles_that_never_leave_the_phantom(void **state)
{
	(void)state;
	assert_named("never-off", 0.01, CHECK_LIFT_OFF, "do not lift off");
	assert_named("never-off", 0.2, CHECK_LIFT_OFF, "do not lift off");
}

static void needles_that_never_leave_it_nor_did_in_the_tare(void **state)
{
	(void)state;
	assert_named("never-off-tare", 0.01, CHECK_LIFT_OFF, "do not lift off");
	assert_named("never-off-tare", 0.2, CHECK_LIFT_OFF, "do not lift off");
}

static void needles_that_dwell_in_the_phantom(void **state)
{
	(void)state;
	assert_harmless("dwell", 0.003);
	assert_no_confident_error("dwell", 0.01);
	assert_named("dwell", 0.05, CHECK_LEVEL_STEP, "from that of the tare");
}

static void a_tare_taken_in_contact(void **state)
{
	(void)state;
	assert_named("tare-contact", 0.05, CHECK_LEVEL_STEP, "from that of the tare");
}

static void adhesion(void **state)
{
	(void)state;
	assert_harmless("adhesion", 0.002);
	assert_no_confident_error("adhesion", 0.01);
	assert_named("adhesion", 0.05, CHECK_GAP, "down (adhesion)");
}

static void bounce(void **state)
{
	(void)state;
	assert_harmless("bounce", 0.002);
	assert_no_confident_error("bounce", 0.02);
	assert_named("bounce", 0.05, CHECK_GAP, "up (bounce");
	assert_no_confident_error("bounce", 0.2);
}

static void inertia_in_step(void **state)
{
	(void)state;
	assert_harmless("inertia", 0.0003);
	assert_no_confident_error("inertia", 0.003);
	assert_named("inertia-opposed", -0.01, CHECK_GAP, "in step with the strokes");
	assert_no_confident_error("inertia-duty-0.9", 0.003);
	assert_no_confident_error("inertia-duty-0.9", 0.01);
}

/* Inertia that looks like a lobe and a step of the level, neither of which is much by itself. */
static void a_lobe_and_a_step_are_one_force(void **state)
{
	static const unsigned trials[] = {37, 69, 77, 111};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct misfit_outcome o = outcome_of("inertia-opposed", -0.01, trials[i]);

		assert_int_equal(o.state[CHECK_GAP], CHECK_TRIPPED);
		assert_false(o.claim[CLAIM_DEPTH].trusted);
	}
}

static void good_pens_pass(void **state)
{
	static const enum model_check checks[] = {CHECK_LIFT_OFF, CHECK_GAP, CHECK_LEVEL_STEP};

	(void)state;
	for (unsigned trial = 0; trial < 2 * TRIALS; trial++) {
		struct misfit_outcome o = outcome_of("none", 0.0, trial);

		for (unsigned i = 0; i < 3; i++) {
			if (o.state[checks[i]] != CHECK_PASSED)
				fail_msg("trial %u: %s %s", trial, model_check_row(checks[i])->name,
					 check_state_name(o.state[checks[i]]));
		}
	}
}

/* A drifting zero and a hand that trembles are neither steps nor structure. */
static void drift_and_tremor_do_not_alarm(void **state)
{
	(void)state;
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct recording r = misfit_recording(misfit_family_find("tremor"), 0.005, trial);
		struct misfit_outcome o;

		r.drift_n = 0.05;
		misfit_run(&r, &o);
		assert_int_equal(o.state[CHECK_LIFT_OFF], CHECK_PASSED);
		assert_int_equal(o.state[CHECK_GAP], CHECK_PASSED);
		assert_int_equal(o.state[CHECK_LEVEL_STEP], CHECK_PASSED);
	}
}

static struct misfit_outcome outcome_with(const char *family, double severity, unsigned trial, double u_zero_n)
{
	struct recording r = misfit_recording(misfit_family_find(family), severity, trial);
	struct misfit_outcome ret;

	r.u_zero_n = u_zero_n;
	misfit_run(&r, &ret);
	return ret;
}

/* One level in the tare and between strokes: no force shows it, the level of the empty cell does. */
static void contact_that_stays_shows_by_the_empty_level(void **state)
{
	(void)state;
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct misfit_outcome o = outcome_with("dwell-tare", 0.2, trial, 0.003);

		assert_int_equal(o.state[CHECK_REFERENCE], CHECK_TRIPPED);
		assert_non_null(strstr(o.claim[CLAIM_DEPTH].reason, "without contact"));
		o = outcome_with("dwell-tare", 0.01, trial, 0.003);
		assert_true(o.claim[CLAIM_DEPTH].trusted);
		check_less(fabs(o.claim[CLAIM_DEPTH].error), o.claim[CLAIM_DEPTH].expanded_u);
	}
}

/* A tare that is known to be free is the reference of a pen of long duty, whose lift-off the noise hides; not of one
 * whose needles never leave the phantom, whatever the tare. */
static void a_free_tare_is_the_reference(void **state)
{
	unsigned hidden = 0;

	(void)state;
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct recording r = misfit_recording(misfit_family_find("none"), 0.0, 2 * trial);
		struct misfit_outcome o;

		r.duty = 0.93;
		r.snr_db = 24.0;
		r.declared_bandwidth_hz = 0.4 * r.fs_hz;
		misfit_run(&r, &o);
		hidden += o.state[CHECK_LIFT_OFF] == CHECK_TRIPPED;
		r.u_zero_n = 0.003;
		misfit_run(&r, &o);
		assert_int_equal(o.state[CHECK_LIFT_OFF], CHECK_PASSED);
		check_less(fabs(o.claim[CLAIM_DEPTH].error), o.claim[CLAIM_DEPTH].expanded_u);
		o = outcome_with("never-off", 0.05, trial, 0.003);
		assert_int_equal(o.state[CHECK_LIFT_OFF], CHECK_TRIPPED);
		o = outcome_with("never-off-tare", 0.2, trial, 0.003);
		assert_int_equal(o.state[CHECK_LIFT_OFF], CHECK_TRIPPED);
	}
	assert_true(hidden > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needles_that_never_leave_the_phantom),
		cmocka_unit_test(needles_that_never_leave_it_nor_did_in_the_tare),
		cmocka_unit_test(needles_that_dwell_in_the_phantom),
		cmocka_unit_test(a_tare_taken_in_contact),
		cmocka_unit_test(adhesion),
		cmocka_unit_test(bounce),
		cmocka_unit_test(inertia_in_step),
		cmocka_unit_test(a_lobe_and_a_step_are_one_force),
		cmocka_unit_test(good_pens_pass),
		cmocka_unit_test(contact_that_stays_shows_by_the_empty_level),
		cmocka_unit_test(a_free_tare_is_the_reference),
		cmocka_unit_test(drift_and_tremor_do_not_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
