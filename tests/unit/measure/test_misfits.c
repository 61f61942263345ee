/* No confident wrong number: the gross end of each family of signals that the model does not fit, and good ones. Whatever the
 * checks find, a result that is trusted is right, and no strokes are told that the pen did not make. In bulk, from harmless
 * to gross: tests/bench/misfit.c. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/measure/check.h"

#include "tests/bench/misfit_trial.h"
#include "tests/bench/misfits.h"

#define TRIALS 2
#define GOOD   40
/* Certificates are exact here: of a mean, most of U is theirs, and what is beyond it is no chance. Of a scatter, chance is all. */
#define U_OF_MEANS       1.25
#define U_OF_SCATTERS    2.0
#define ONE_SIDED_TRIALS 8

static const struct {
	enum misfit_claim claim;
	double u_most;
} claims[] = {
	{CLAIM_DEPTH, U_OF_MEANS},       {CLAIM_RATE, U_OF_MEANS},      {CLAIM_DEPTH_MAX, U_OF_MEANS},
	{CLAIM_DEPTH_SD, U_OF_SCATTERS}, {CLAIM_JITTER, U_OF_SCATTERS},
};

static unsigned wrong_of(const struct recording *r, const char *name, double severity, unsigned trial)
{
	struct misfit_outcome o;
	unsigned wrong = 0;

	misfit_run(r, &o);
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		const struct claim_outcome *c = &o.claim[claims[i].claim];

		if (!c->trusted || fabs(c->error) <= claims[i].u_most * c->expanded_u)
			continue;
		print_message("%s %g, trial %u: %s is %.6g, off by %.3g, U %.3g, and trusted\n", name, severity, trial,
			      misfit_claim_name(claims[i].claim), c->value, c->error, c->expanded_u);
		wrong++;
	}
	if (o.miscounted)
		print_message("%s %g, trial %u: strokes missed or doubled that the pen did not\n", name, severity,
			      trial);
	return wrong + o.miscounted;
}

static void nothing_wrong_is_trusted(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (unsigned f = 0; f < misfit_family_count; f++) {
		const struct misfit_family *family = &misfit_families[f];
		double severity = family->severity[misfit_severities(family) - 1];

		for (unsigned k = 0; !family->depth_wrong && !family->fits && k < TRIALS; k++) {
			struct recording r = misfit_recording(family, severity, k);

			wrong += wrong_of(&r, family->name, severity, k);
		}
	}
	assert_int_equal(wrong, 0);
}

static void good_signals_are_trusted(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (unsigned k = 0; k < GOOD; k++) {
		struct recording r = recording_good(k);
		struct misfit_outcome o;

		misfit_run(&r, &o);
		wrong += wrong_of(&r, "good", 0.0, k);
		if (r.duty <= 0.85 && !o.claim[CLAIM_DEPTH].trusted) {
			print_message("good, trial %u: %s\n", k, o.claim[CLAIM_DEPTH].reason);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static const struct misfit_family *family_of(const char *name)
{
	for (unsigned f = 0; f < misfit_family_count; f++) {
		if (strcmp(misfit_families[f].name, name) == 0)
			return &misfit_families[f];
	}
	fail_msg("no family %s", name);
	return NULL;
}

/* Small errors, each seen and in a line of the budget: a pen beyond a limit from above passes as rarely as one without them. */
static void errors_of_one_side_pass_no_more_pens(void **state)
{
	static const struct {
		const char *family;
		double severity;
	} cells[] = {{"inertia-opposed", -0.001}, {"cell-undeclared-heavy", 2000.0}, {"dwell", 0.01}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		const struct misfit_family *family = family_of(cells[i].family);
		double depth = 0.0, max = 0.0;

		for (unsigned k = 0; k < ONE_SIDED_TRIALS; k++) {
			struct recording r = misfit_recording(family, cells[i].severity, k);
			struct misfit_outcome o;

			misfit_run(&r, &o);
			depth += o.claim[CLAIM_DEPTH].accept_upper / ONE_SIDED_TRIALS;
			max += o.claim[CLAIM_DEPTH_MAX].accept_upper / ONE_SIDED_TRIALS;
		}
		check_less(depth, 0.028);
		check_less(max, 0.028);
	}
}

/* Depths that wander with the mains look as a front end that cuts tops: what the strokes tell of the share that is seen stands
 * all the same, and tolerance limits carry what it is not known by. */
static void a_wander_with_the_mains_is_within_the_tolerance_limits(void **state)
{
	const struct misfit_family *family = family_of("fits-wander-50Hz");
	unsigned shorter = 0, held = 0;

	(void)state;
	for (unsigned k = 16; k <= 28; k += 2) {
		struct recording r = misfit_recording(family, 8.0, k);
		struct misfit_outcome o;

		misfit_run(&r, &o);
		shorter += o.claim[CLAIM_TOLERANCE].outside > 0.0;
		held += o.claim[CLAIM_DEPTH_SD].expanded_u > 0.5 * o.claim[CLAIM_DEPTH_SD].value;
		check_near(o.claim[CLAIM_DEPTH_SD].value, o.claim[CLAIM_DEPTH_SD].truth, 0.0005);
	}
	assert_true(held >= 4);
	assert_int_equal(shorter, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong_is_trusted),
		cmocka_unit_test(good_signals_are_trusted),
		cmocka_unit_test(errors_of_one_side_pass_no_more_pens),
		cmocka_unit_test(a_wander_with_the_mains_is_within_the_tolerance_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
