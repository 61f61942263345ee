/* What a person reads: the table, the verdict, block letters. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/render.h"

static const struct style plain = {.width = 100};
static FILE *stream;
static char *text;
static size_t text_len;

static void end(void)
{
	if (stream)
		fclose(stream);
	free(text);
	stream = NULL;
	text = NULL;
}

static FILE *begin(void)
{
	end();
	stream = open_memstream(&text, &text_len);
	return stream;
}

static void says(const char *what)
{
	if (!strstr(text, what))
		fail_msg("\"%s\" is not in:\n%s", what, text);
}

static void says_not(const char *what)
{
	if (strstr(text, what))
		fail_msg("\"%s\" is in:\n%s", what, text);
}

static void add_result(struct record_point *point, const char *name, const char *method, double value, double u)
{
	struct result *r = &point->result[point->results++].result;

	result_name(r, measurand_find(name), method);
	r->valid = r->trusted = true;
	r->value = value;
	r->expanded_u = u;
}

static struct record_point *measured_point(struct record *record, unsigned number, enum outcome outcome)
{
	struct record_point *point = record_add_point(record);

	assert_non_null(point);
	point->plan = (struct plan_point){.number = number, .depth_mm = 1, .rate_hz = 120};
	point->attempt = 1;
	point->counts = point->measured = true;
	point->outcome = outcome;
	add_result(point, "stroke_rate_hz", "realised", 119.9981, 0.0024);
	add_result(point, "stroke_rate_hz", "nominal", 119.91, 0.0024);
	add_result(point, "depth_mm", "force_equivalent", 1.21347, 0.0051);
	add_result(point, "depth_mm", "displacement", 1.5, 0.0051);
	add_result(point, "depth_sd_mm", "", 0.0123, 0);
	add_result(point, "handle_temperature_c", "", 31.24, 0.3);
	return point;
}

static void limit_last(struct record_point *point, enum outcome outcome, const char *reason)
{
	struct finding *r = &point->result[point->results - 1];

	r->has_limit = true;
	r->limit.required = true;
	r->judgement.outcome = outcome;
	snprintf(r->judgement.reason, sizeof(r->judgement.reason), "%s", reason);
}

static void test_table_shows_values_outcome_and_reason(void **state)
{
	struct record *record = record_new();
	struct record_point *point = measured_point(record, 0, OUTCOME_FAIL);

	(void)state;
	limit_last(point, OUTCOME_FAIL, "31.2 degC is 1.2 degC above the upper limit of 30 degC");
	render_points(begin(), &plain, record);
	fflush(stream);
	says(" 1.000   120 119.9981 +- 0.0024 1.2135 +- 0.0051  12.3     -   31.2 fail\n");
	assert_true(strcspn(strstr(text, " 1 1.000"), "\n") <= 80);
	says("handle_temperature_c: fail, 31.2 degC is 1.2 degC above the upper limit of 30 degC");
	says_not("\x1b");
	record->judge_nominal_rate = record->judge_displacement = true;
	render_points(begin(), &plain, record);
	fflush(stream);
	says("119.9100 +- 0.0024");
	says("1.5000 +- 0.0051");
	record_free(record);
}

/* Where a terminal has 60 columns no row is broken: what it judges stays. */
static void test_table_fits_a_narrow_terminal(void **state)
{
	const struct style narrow = {.width = 60, .utf8 = true};
	struct record *record = record_new();
	struct record_point *point = measured_point(record, 0, OUTCOME_FAIL);
	unsigned columns = 0;

	(void)state;
	limit_last(point, OUTCOME_FAIL, "31.2 degC is 1.2 degC above the upper limit of 30 degC");
	render_points(begin(), &narrow, record);
	fflush(stream);
	says(" #    mm    Hz    rate Hz (95 %) depth mm (95 %) outcome\n");
	says("1.2135 \xc2\xb1 0.0051 fail\n");
	for (const char *c = strstr(text, " 1 1.000"); *c != '\n'; c++)
		columns += (*c & 0xc0) != 0x80;
	assert_in_range(columns, 48, 60);
	says("handle_temperature_c: fail, 31.2 degC is 1.2 degC above the upper limit of 30 degC");
	record_free(record);
}

static void test_table_says_what_was_not_measured(void **state)
{
	struct record *record = record_new();
	struct record_point *point = measured_point(record, 0, OUTCOME_INCONCLUSIVE);

	(void)state;
	point->counts = false;
	limit_last(point, OUTCOME_INCONCLUSIVE, "");
	snprintf(point->result[point->results - 1].result.reason, 60, "the channel was saturated");
	point = record_add_point(record);
	point->plan.number = 1;
	point->attempt = 2;
	point->counts = true;
	point->outcome = OUTCOME_INCONCLUSIVE;
	snprintf(point->reason, sizeof(point->reason), "the load sensor was unplugged");
	render_points(begin(), &plain, record);
	fflush(stream);
	says("inconclusive (attempt 1, does not count)");
	says("the channel was saturated");
	says("inconclusive, the channel was saturated\n");
	says("not measured (attempt 2)");
	says("the load sensor was unplugged");
	snprintf(record->point[0].reason, sizeof(record->point[0].reason),
		 "handle_temperature_c: the channel was saturated");
	render_points(begin(), &plain, record);
	fflush(stream);
	says_not("       handle_temperature_c: the channel"); /* the result's own line says it */
	says("the load sensor was unplugged");
	record->point[1].measured = true;
	render_points(begin(), &plain, record);
	fflush(stream);
	says(" measured (attempt 2)"); /* no limit met it: nothing was judged */
	record_free(record);
}

static void test_no_point_at_all(void **state)
{
	struct record *record = record_new();

	(void)state;
	record->points_planned = 9;
	render_points(begin(), &plain, record);
	fflush(stream);
	says("None of the 9 planned points was begun.");
	record_free(record);
}

static void verdict(struct record *record, const struct style *style)
{
	render_verdict(begin(), style, record);
	fflush(stream);
}

static void test_verdict_and_status(void **state)
{
	struct record *record = record_new();

	(void)state;
	record->has_verdict = true;
	record->dut_verdict = OUTCOME_CONDITIONAL_FAIL;
	record->run_status = RUN_DEVICE_LOST;
	record->moved = true;
	snprintf(record->verdict_reason, sizeof(record->verdict_reason), "depth_mm by 0.063 mm");
	snprintf(record->status_reason, sizeof(record->status_reason), "gone");
	snprintf(record->stop_text, sizeof(record->stop_text), "no fresh frames");
	verdict(record, &plain);
	says("verdict: CONDITIONAL FAIL, depth_mm by 0.063 mm\n");
	says("run: device_lost, gone\n");
	says("pen: STOP UNVERIFIED, no fresh frames\n");
	snprintf(record->verdict_reason, sizeof(record->verdict_reason), "device_lost: gone"); /* said there already */
	verdict(record, &plain);
	says("run: device_lost\n");
	snprintf(record->verdict_reason, sizeof(record->verdict_reason), "depth_mm by 0.063 mm");
	record->dut_verdict = OUTCOME_INCONCLUSIVE;
	record->on_statement = true;
	verdict(record, &plain);
	says("verdict: PASS ON STATEMENT, depth_mm");
	record->stop_verified = true;
	record->has_verdict = false;
	verdict(record, &plain);
	says("verdict: none");
	says("pen: seen to stand still, no fresh frames\n");
	says_not("UNVERIFIED");
	record_free(record);
}

static void test_colours_follow_the_outcome(void **state)
{
	const struct style colour = {.colour = true, .width = 100};
	struct record *record = record_new();

	(void)state;
	record->has_verdict = true;
	record->run_status = RUN_COMPLETE;
	record->dut_verdict = OUTCOME_PASS;
	verdict(record, &colour);
	says("\x1b[1;32mPASS\x1b[0m");
	record->dut_verdict = OUTCOME_INCONCLUSIVE;
	verdict(record, &colour);
	says("\x1b[1;33mINCONCLUSIVE\x1b[0m");
	record->dut_verdict = OUTCOME_FAIL;
	verdict(record, &colour);
	says("\x1b[1;31mFAIL\x1b[0m");
	record_free(record);
}

static size_t widest_line(const char *s)
{
	size_t widest = 0;

	while (*s) {
		size_t len = strcspn(s, "\n");

		widest = len > widest ? len : widest;
		s += len + (s[len] == '\n');
	}
	return widest;
}

static void test_banner_has_every_letter_and_fits(void **state)
{
	static const char *const words[] = {"PASS",      "FAIL", "INCONCLUSIVE", "CONDITIONAL",
					    "STATEMENT", "STOP", "UNVERIFIED"};
	const struct style narrow = {.width = 80}, wide = {.width = 200}, tiny = {.width = 20};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_true(render_banner(begin(), &narrow, words[i]));
		fflush(stream);
		assert_in_range(widest_line(text), 1, 80);
		says("#");
		assert_true(render_banner(begin(), &wide, words[i]));
		fflush(stream);
		assert_int_equal(widest_line(text), 2 + 12 * strlen(words[i]));
		assert_false(render_banner(begin(), &tiny, words[i]));
		fflush(stream);
		assert_int_equal(text_len, 0);
	}
	assert_false(render_banner(begin(), &wide, "QUIZ"));
	fflush(stream);
	assert_int_equal(text_len, 0);
	assert_true(render_banner(begin(), &narrow, "L"));
	fflush(stream);
	assert_int_equal(strncmp(text, "  ##          \n  ##          \n", 30), 0);
	says("  ##########  \n");
}

/* Half blocks: three characters a letter, of three bytes each, and blanks of one. */
static void test_long_word_is_squeezed_where_it_must_be(void **state)
{
	const struct style narrow = {.width = 60, .utf8 = true}, ascii = {.width = 60},
			   tiny = {.width = 37, .utf8 = true};

	(void)state;
	assert_true(render_banner(begin(), &narrow, "INCONCLUSIVE"));
	fflush(stream);
	says("\xe2\x96\x8c");
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		unsigned columns = 0;

		for (size_t i = 0; line[i] != '\n'; i++)
			columns += (line[i] & 0xc0) != 0x80;
		assert_int_equal(columns, 2 + 12 * 3);
	}
	assert_true(render_banner(begin(), &(struct style){.width = 5, .utf8 = true}, "L"));
	fflush(stream);
	assert_int_equal(strncmp(text, "  \xe2\x96\x8c  \n", 8), 0);
	says("  \xe2\x96\x88\xe2\x96\x88\xe2\x96\x8c\n");
	assert_false(render_banner(begin(), &ascii, "INCONCLUSIVE"));
	assert_false(render_banner(begin(), &tiny, "INCONCLUSIVE"));
}

/* A pass with a word before it is not read as a pass: the words have one size, or none of them is there. */
static void test_no_word_of_a_verdict_stands_out(void **state)
{
	const struct style plain_60 = {.width = 60}, utf8_60 = {.width = 60, .utf8 = true}, plain_80 = {.width = 80},
			   plain_120 = {.width = 120};

	(void)state;
	assert_false(render_banner(begin(), &plain_60, "CONDITIONAL PASS"));
	fflush(stream);
	assert_int_equal(text_len, 0);
	assert_true(render_banner(begin(), &utf8_60, "CONDITIONAL PASS"));
	fflush(stream);
	const char *pass = strstr(text, "\n\n") + 2;
	assert_int_equal(strncmp(pass, "  \xe2\x96\x88", 5), 0);
	assert_null(strstr(pass, "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88")); /* three columns a letter */
	const struct style *plains[] = {&plain_80, &plain_120};
	for (unsigned i = 0; i < 2; i++) {
		assert_true(render_banner(begin(), plains[i], "STATEMENT PASS"));
		fflush(stream);
		assert_int_equal(widest_line(strstr(text, "\n\n") + 2), 2 + 4 * (i ? 12 : 6));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_word_is_squeezed_where_it_must_be),
		cmocka_unit_test(test_table_shows_values_outcome_and_reason),
		cmocka_unit_test(test_table_fits_a_narrow_terminal),
		cmocka_unit_test(test_table_says_what_was_not_measured),
		cmocka_unit_test(test_no_point_at_all),
		cmocka_unit_test(test_verdict_and_status),
		cmocka_unit_test(test_colours_follow_the_outcome),
		cmocka_unit_test(test_banner_has_every_letter_and_fits),
		cmocka_unit_test(test_no_word_of_a_verdict_stands_out),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	end();
	return failed;
}
