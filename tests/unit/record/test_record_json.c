/* What a later version adds to a record: missing in what earlier ones wrote, left out where there is nothing of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "rig/record/record_json.h"
#include "tests/unit/record/record_sample.h"

static char *without(const char *text, const char *member)
{
	char *copy = strdup(text), *at = copy ? strstr(copy, member) : NULL;
	if (!at)
		abort();
	memmove(at, at + strlen(member), strlen(at + strlen(member)) + 1);
	return copy;
}

static void a_record_without_a_method_is_of_the_first(void **state)
{
	struct record *record = sample_record("/tmp", "r"), *again = record_new();
	struct err err = {0};
	char *text, *older;

	(void)state;
	assert_int_equal(record->method, METHOD_VERSION);
	record->method = 7;
	assert_int_equal(record_to_json(record, &text, &err), 0);
	assert_int_equal(record_from_json(text, strlen(text), again, &err), 0);
	assert_int_equal(again->method, 7);
	older = without(text, "\"method\":7,");
	assert_int_equal(record_from_json(older, strlen(older), again, &err), 0);
	assert_int_equal(again->method, METHOD_UNNAMED);
	free(older);
	free(text);
	record_free(record);
	record_free(again);
}

static void a_verdict_without_a_method_is_of_the_first(void **state)
{
	struct record_judged judged = {.number = 1, .limits_name = "x", .method = 3}, again = {.method = 9};
	struct err err = {0};
	char *text, *older;

	(void)state;
	assert_int_equal(judged_to_json(&judged, &text, &err), 0);
	assert_int_equal(judged_from_json(text, strlen(text), &again, &err), 0);
	assert_int_equal(again.method, 3);
	older = without(text, "\"method\":3,");
	assert_int_equal(judged_from_json(older, strlen(older), &again, &err), 0);
	assert_int_equal(again.method, METHOD_UNNAMED);
	free(older);
	free(text);
}

static void correlations_come_back(void **state)
{
	struct record *record = sample_record("/tmp", "r");
	struct record_point *point = &record->point[0], again;
	struct err err = {0};
	char *text;

	(void)state;
	assert_int_equal(point_to_json(point, &text, &err), 0);
	assert_null(strstr(text, "\"pair\"")); /* not written where there are none */
	again = *point;
	again.result[0].result.pairs = 2;
	assert_int_equal(point_from_json(text, strlen(text), &again, &err), 0);
	assert_int_equal(again.result[0].result.pairs, 0);
	free(text);
	point->result[0].result.pairs = 1;
	point->result[0].result.pair[0] = (struct budget_pair){1, 0, -0.36};
	assert_int_equal(point_to_json(point, &text, &err), 0);
	assert_int_equal(point_from_json(text, strlen(text), &again, &err), 0);
	assert_int_equal(again.result[0].result.pairs, 1);
	assert_int_equal(again.result[0].result.pair[0].i, 1);
	assert_int_equal(again.result[0].result.pair[0].j, 0);
	assert_true(again.result[0].result.pair[0].r == -0.36);
	free(text);
	record_free(record);
}

static void correlations_that_cannot_be_are_refused(void **state)
{
	const struct budget_pair wrong[] = {{0, 0, 0.5}, {2, 0, 0.5}, {0, 2, 0.5}, {0, 1, 1.5}, {0, 1, NAN}};
	struct record *record = sample_record("/tmp", "r");
	struct record_point *point = &record->point[0], again = *point;
	struct err err = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *text;
		point->result[0].result.pairs = 1;
		point->result[0].result.pair[0] = wrong[i];
		assert_int_equal(point_to_json(point, &text, &err), 0);
		assert_true(point_from_json(text, strlen(text), &again, &err) < 0);
		free(text);
	}
	record_free(record);
}

static void a_production_comes_back(void **state)
{
	struct record *record = sample_record("/tmp", "r");
	struct record_point *point = &record->point[0], again = *point;
	struct finding *f = &point->result[0];
	struct err err = {0};
	char *text;

	(void)state;
	again.result[0].has_process = true;
	assert_int_equal(point_to_json(point, &text, &err), 0);
	assert_null(strstr(text, "\"process\"")); /* not written where none is told */
	assert_int_equal(point_from_json(text, strlen(text), &again, &err), 0);
	assert_false(again.result[0].has_process);
	free(text);
	f->has_process = true;
	f->process = (struct finding_process){.prior = {PRIOR_GAMMA, 1, 0.5},
					      .risk = {1e-3, 2e-3, 0.9},
					      .consumer_risk = NAN,
					      .acceptance = {-INFINITY, 1.672}};
	assert_int_equal(point_to_json(point, &text, &err), 0);
	assert_int_equal(point_from_json(text, strlen(text), &again, &err), 0);
	const struct finding_process *p = &again.result[0].process;
	assert_true(again.result[0].has_process && p->prior.shape == PRIOR_GAMMA && p->prior.sd == 0.5);
	assert_true(p->risk.consumer == 1e-3 && p->risk.producer == 2e-3 && p->risk.conforming == 0.9);
	assert_true(isnan(p->consumer_risk) && p->acceptance.lower == -INFINITY && p->acceptance.upper == 1.672);
	free(text);
	f->process.prior.shape = PRIOR_GAMMA + 1;
	assert_int_equal(point_to_json(point, &text, &err), 0);
	assert_true(point_from_json(text, strlen(text), &again, &err) < 0);
	free(text);
	record_free(record);
}

/* Each such part with its own members and no more: its table ends where it ends. */
static void parts_that_may_be_left_out_come_back(void **state)
{
	struct record *record = sample_record("/tmp", "r"), *again = record_new();
	struct err err = {0};
	char *text;

	(void)state;
	record->dut_said = (struct record_identity){.wanted = true, .before = "P-1", .after = "P-2"};
	record->proof = (struct record_proof){.wanted = true, .run = "earlier", .utc = "2026-09-20", .why = "no"};
	record->golden = (struct record_golden){.asked = true, .valid = true, .pen = "G-1", .text = "it passed"};
	assert_int_equal(record_to_json(record, &text, &err), 0);
	assert_non_null(strstr(text, "\"dut_said\":{\"before\":\"P-1\",\"after\":\"P-2\"}"));
	assert_non_null(strstr(text, "\"proof\":{\"run\":\"earlier\",\"utc\":\"2026-09-20\",\"why\":\"no\"}"));
	assert_non_null(strstr(text,
			       "\"golden\":{\"valid\":true,\"pen\":\"G-1\",\"run\":\"\",\"started_utc\":\"\",\"head\":"
			       "\"\",\"text\":\"it passed\"}"));
	assert_int_equal(record_from_json(text, strlen(text), again, &err), 0);
	assert_true(again->dut_said.wanted && again->proof.wanted && again->golden.asked && again->golden.valid);
	assert_string_equal(again->proof.why, "no");
	assert_string_equal(again->golden.text, "it passed");
	free(text);
	record_free(record);
	record_free(again);
}

/* A count that no run file had before is 0 in those, and is not written where it is; its lowest byte says neither. */
static void failed_reads_are_kept(void **state)
{
	struct record *record = sample_record("runs", "r"), *again = record_new();
	char *text = NULL;
	struct err err;

	(void)state;
	assert_int_equal(record_to_json(record, &text, &err), 0);
	assert_null(strstr(text, "failed_in"));
	record->device[1].counters.link.failed_in = again->device[1].counters.link.failed_in = 0x100;
	assert_int_equal(record_from_json(text, strlen(text), again, &err), 0);
	assert_int_equal(again->device[1].counters.link.failed_in, 0);
	free(text);
	assert_int_equal(record_to_json(record, &text, &err), 0);
	assert_int_equal(record_from_json(text, strlen(text), again, &err), 0);
	assert_int_equal(again->device[1].counters.link.failed_in, 0x100);
	free(text);
	record_free(record);
	record_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_without_a_method_is_of_the_first),
		cmocka_unit_test(a_verdict_without_a_method_is_of_the_first),
		cmocka_unit_test(correlations_come_back),
		cmocka_unit_test(correlations_that_cannot_be_are_refused),
		cmocka_unit_test(a_production_comes_back),
		cmocka_unit_test(parts_that_may_be_left_out_come_back),
		cmocka_unit_test(failed_reads_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
