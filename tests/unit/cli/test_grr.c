/* What of a gauge study is not evaluated, and what is said of it: `penrig grr` behind the reading of run files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/grr.h"

#define TRIALS 3

/* Crossed; each trial gave a value. */
static void make(struct grr_study *s, unsigned parts, unsigned appraisers)
{
	struct grr_row *r = calloc(1, sizeof(*r));

	*s = (struct grr_study){.parts = parts, .appraisers = appraisers, .plans = 1, .rows = 1, .row = r};
	s->part = calloc(parts, sizeof(*s->part));
	s->appraiser_name = calloc(appraisers, sizeof(*s->appraiser_name));
	s->run = calloc((size_t)parts * appraisers * TRIALS, sizeof(*s->run));
	*r = (struct grr_row){.lower = NAN, .upper = NAN, .percent_tolerance = NAN, .plan = {true}};
	r->value = calloc((size_t)parts * appraisers * TRIALS, sizeof(*r->value));
	for (unsigned i = 0; i < parts * appraisers * TRIALS; i++) {
		unsigned p = i / (appraisers * TRIALS), a = i / TRIALS % appraisers;
		s->run[s->runs] = (struct grr_run){.part = p, .appraiser = a};
		snprintf(s->run[s->runs].name, sizeof(s->run[0].name), "run-%u", i);
		snprintf(s->part[p], sizeof(s->part[0]), "P%u", p);
		snprintf(s->appraiser_name[a], sizeof(s->appraiser_name[0]), "A%u", a);
		r->value[r->n++] = (struct grr_value){p, a, s->runs++, 1, p + 0.1 * sin(7.0 * i)};
	}
}

static const char *why_not(struct grr_study *s)
{
	assert_int_equal(grr_evaluate(s, NULL), 0);
	return s->row->why_not;
}

static void test_more_than_ranges_go_by(void **state)
{
	struct grr_study s;

	(void)state;
	for (unsigned pens = 100; pens <= 101; pens++)
		for (unsigned by_range = 0; by_range < 2; by_range++) {
			make(&s, pens, 2);
			s.by_range = by_range;
			bool refused = *why_not(&s);
			assert_int_equal(refused, by_range && pens > 100);
			assert_true(!refused || strstr(s.row->why_not, "101 pens") != NULL);
			grr_study_free(&s);
		}
	make(&s, 2, 101);
	s.by_range = true;
	assert_non_null(strstr(why_not(&s), "101 appraisers"));
	grr_study_free(&s);
}

/* The last trial of each cell gave no value: the cells hold as many. */
static void test_missing_alike(void **state)
{
	struct grr_study s;

	(void)state;
	make(&s, 3, 2);
	unsigned kept = 0;
	for (unsigned i = 0; i < s.row->n; i++)
		if (i % TRIALS != TRIALS - 1)
			s.row->value[kept++] = s.row->value[i];
	s.row->n = kept;
	assert_non_null(strstr(why_not(&s), "6 of 18 runs gave no value"));
	assert_non_null(strstr(s.row->why_not, "first run-2 (P0 by A0)"));
	/* runs by a plan that does not go there owe nothing */
	s.row->why_not[0] = '\0';
	free(s.row->x);
	for (unsigned i = 0; i < s.runs; i++)
		s.run[i].plan = i % TRIALS == TRIALS - 1;
	assert_string_equal(why_not(&s), "");
	assert_int_equal(s.row->grr.trials, TRIALS - 1);
	grr_study_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_than_ranges_go_by),
		cmocka_unit_test(test_missing_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
