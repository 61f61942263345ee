/* Plans: reading, refusals with their messages, expansion in every order, checks against a bench, estimates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdbool.h>

#include "rig/base/units.h"
#include "rig/config/plan.h"
#include "tests/unit/config/variant.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char plan_text[] =
	"{ // a plan\n"
	"  \"kind\": \"penrig/plan/1\",\n"
	"  \"name\": \"p1\",\n"
	"  \"limits\": [\n"
	"    {\"measurand\": \"depth_error_mm\", \"unit\": \"mm\", \"lower\": -0.15, \"upper\": 0.15},\n"
	"    {\"measurand\": \"missed_strokes\", \"unit\": \"1\", \"upper\": 0, \"required\": false}\n"
	"  ],\n"
	"  \"steps\": [\n"
	"    {\n"
	"      \"name\": \"s1\",\n"
	"      \"depth_mm\": [0.5, 1.5, 1.0],\n"
	"      \"rate_hz\": [90, 120],\n"
	"      \"measure_s\": 2\n"
	"    }\n"
	"  ]\n"
	"}\n";

static struct plan *read_with(const char *find, const char *replace)
{
	struct plan *plan = NULL;
	struct err err = {""};

	assert_true(variant_write("plan.json", plan_text, find, replace));
	if (plan_read("plan.json", &plan, &err))
		fail_msg("%s", err.text);
	return plan;
}

static void reads_defaults(void **state)
{
	struct plan *p = read_with("", "");
	const struct plan_step *s = &p->step[0];

	(void)state;
	assert_string_equal(p->name, "p1");
	assert_string_equal(p->description, "");
	assert_false(p->judge_nominal_rate || p->judge_displacement || p->test_deadman || p->test_refusal);
	assert_true(isnan(p->rated_ambient_c));
	assert_int_equal(p->limits, 2);
	assert_string_equal(p->limit[0].measurand, "depth_error_mm");
	assert_true(p->limit[0].has_lower && p->limit[0].has_upper && p->limit[0].lower == -0.15 &&
		    p->limit[0].upper == 0.15);
	assert_true(p->limit[0].guard_r == 1 && p->limit[0].required && !p->limit[0].accept_conditional);
	assert_true(!p->limit[1].has_lower && p->limit[1].has_upper && !p->limit[1].required);
	assert_int_equal(p->steps, 1);
	assert_string_equal(s->name, "s1");
	assert_int_equal(s->depths, 3);
	assert_true(s->depth_mm[1] == 1.5);
	assert_int_equal(s->rates, 2);
	assert_int_equal(s->phantoms, 0);
	assert_int_equal(s->repeats, 1);
	assert_int_equal(s->attempts, 1);
	assert_false(s->still);
	assert_int_equal(s->order, ORDER_AS_WRITTEN);
	assert_true(s->tare_s == 0.3 && s->settle.min_s == 0.5 && s->settle.max_s == 0.5 && s->measure.min_s == 2 &&
		    s->measure.max_s == 2);
	assert_int_equal(s->measure.targets, 0);
	assert_int_equal(s->line, 9);
	assert_int_equal(s->depth_line, 11);
	assert_int_equal(s->depth_column, 19);
	plan_free(p);
}

static void reads_an_open_window(void **state)
{
	struct plan *p = read_with("\"measure_s\": 2", "\"measure_s\": {\"min\": 0.5, \"max\": 10, \"until\": "
						       "{\"depth_mm\": 0.008, \"stroke_rate_hz\": 0.01}}");
	const struct window *w = &p->step[0].measure;

	(void)state;
	assert_true(w->min_s == 0.5 && w->max_s == 10);
	assert_int_equal(w->targets, 2);
	assert_int_equal(w->target[0].id, MEASURAND_DEPTH);
	assert_int_equal(w->target[1].id, MEASURAND_STROKE_RATE);
	assert_true(w->target[0].u == 0.008 && w->target[1].u == 0.01);
	plan_free(p);
}

static void reads_an_open_settling_time(void **state)
{
	struct plan *p = read_with("\"measure_s\": 2", "\"measure_s\": 2, \"settle_s\": {\"min\": 0.2, \"max\": 3, "
						       "\"until\": {\"stroke_rate_hz\": 1, \"depth_mm\": 0.02}}");
	const struct window *w = &p->step[0].settle;

	(void)state;
	assert_true(w->min_s == 0.2 && w->max_s == 3);
	assert_int_equal(w->targets, 2);
	assert_int_equal(w->target[0].id, MEASURAND_STROKE_RATE);
	assert_int_equal(w->target[1].id, MEASURAND_DEPTH);
	assert_true(w->target[0].u == 1 && w->target[1].u == 0.02);
	assert_int_equal(p->step[0].measure.targets, 0);
	plan_free(p);
}

static void reads_every_value(void **state)
{
	struct plan *p =
		read_with("\"limits\": [\n    {\"measurand\": \"depth_error_mm\", \"unit\": \"mm\", \"lower\": -0.15, "
			  "\"upper\": 0.15}",
			  "\"description\": \"d\", \"judge\": {\"rate\": \"nominal\", \"depth\": \"displacement\"}, "
			  "\"tests\": {\"dead_man\": true, \"refusal\": true}, "
			  "\"thermal\": {\"rated_ambient_c\": 40, \"basis\": \"Table 23\"}, \"limits\": [\n"
			  "{\"measurand\": \"handle_temperature_c\", \"unit\": \"degC\", \"upper\": 48, "
			  "\"rule\": {\"guard_band\": 0.83, \"accept_conditional\": true}}");

	(void)state;
	assert_string_equal(p->description, "d");
	assert_true(p->judge_nominal_rate && p->judge_displacement && p->test_deadman && p->test_refusal);
	assert_true(p->rated_ambient_c == 40);
	assert_string_equal(p->thermal_basis, "Table 23");
	assert_true(p->limit[0].guard_r == 0.83 && p->limit[0].accept_conditional);
	plan_free(p);
	p = read_with(
		"\"measure_s\": 2",
		"\"measure_s\": 7, \"tare_s\": 0.2, \"settle_s\": 0, \"repeats\": 3, \"attempts\": 2, \"still\": true, "
		"\"order\": \"random\", \"seed\": 7, \"phantom\": [\"A\", \"B\"], \"limits\": ["
		"{\"measurand\": \"missed_strokes\", \"unit\": \"1\", \"upper\": 2}]");
	const struct plan_step *s = &p->step[0];
	const struct limit *limits[STEP_LIMITS_MAX];
	assert_true(s->tare_s == 0.2 && s->settle.min_s == 0 && s->settle.max_s == 0 && s->measure.max_s == 7);
	assert_int_equal(s->repeats, 3);
	assert_int_equal(s->attempts, 2);
	assert_true(s->still);
	assert_int_equal(s->order, ORDER_RANDOM);
	assert_int_equal(s->seed, 7);
	assert_int_equal(s->phantoms, 2);
	assert_string_equal(s->phantom[1], "B");
	assert_int_equal(plan_limits_at(p, 0, limits), 2); /* the step's own replaces the plan's */
	assert_ptr_equal(limits[0], &p->limit[0]);
	assert_ptr_equal(limits[1], &s->limit[0]);
	plan_free(p);
}

static void expands_ranges(void **state)
{
	struct plan *p = read_with("[0.5, 1.5, 1.0]", "{\"from\": 0.2, \"to\": 3.0, \"step\": 0.2}");

	(void)state;
	assert_int_equal(p->step[0].depths, 15);
	assert_true(p->step[0].depth_mm[1] == 0.4 && p->step[0].depth_mm[2] == 0.6 && p->step[0].depth_mm[14] == 3.0);
	plan_free(p);
	p = read_with("[0.5, 1.5, 1.0]",
		      "{\"from\": 1, \"to\": 0.25, \"step\": 0.3}"); /* downward; the end is not hit */
	assert_int_equal(p->step[0].depths, 3);
	assert_true(p->step[0].depth_mm[2] == 0.4);
	plan_free(p);
	p = read_with("[90, 120]", "{\"from\": 100, \"to\": 100, \"step\": 10}");
	assert_int_equal(p->step[0].rates, 1);
	plan_free(p);
	p = read_with("[90, 120]", "116.667");
	assert_int_equal(p->step[0].rates, 1);
	assert_true(p->step[0].rate_hz[0] == 116.667);
	plan_free(p);
	p = read_with("[90, 120]", "{\"from\": 1, \"to\": 256, \"step\": 1}");
	assert_int_equal(p->step[0].rates, STEP_VALUES_MAX);
	plan_free(p);
}

#define LIMIT1 "{\"measurand\": \"depth_error_mm\", \"unit\": \"mm\", \"lower\": -0.15, \"upper\": 0.15}"

static const struct variant variants[] = {
	{"penrig/plan/1", "penrig/bench/1",
	 "plan.json:2:11: this is a bench file; a plan file (\"penrig/plan/1\") is wanted here"},
	{"\"depth_mm\"", "\"dpeth_mm\"", "plan.json:11:7: unknown key \"dpeth_mm\"; did you mean \"depth_mm\"?"},
	{"      \"depth_mm\": [0.5, 1.5, 1.0],\n", "", "plan.json:9:5: \"depth_mm\" is missing here"},
	{",\n      \"measure_s\": 2", "", "plan.json:9:5: \"measure_s\" is missing here"},
	{"\"measure_s\": 2", "\"measure_s\": 2000000",
	 "plan.json:13:20: \"measure_s\" is 2000000 s; allowed is 0.1 to 86400 s"},
	{"\"measure_s\": 2", "\"measure_s\": \"2\"",
	 "plan.json:13:20: \"measure_s\" must be a number in s, or {\"min\": 0.5, \"max\": 10, \"until\": "
	 "{\"depth_mm\": 0.008}}"},
	{"\"measure_s\": 2", "\"measure_s\": {\"min\": 1, \"max\": 2}", "plan.json:13:20: \"until\" is missing here"},
	{"\"measure_s\": 2", "\"measure_s\": {\"min\": 1, \"until\": {\"depth_mm\": 0.01}}",
	 "plan.json:13:20: \"max\" is missing here: a number in s"},
	{"\"measure_s\": 2", "\"measure_s\": {\"min\": 3, \"max\": 2, \"until\": {\"depth_mm\": 0.01}}",
	 "plan.json:13:38: \"max\" is 2 s, less than \"min\" of 3 s: exchange them"},
	{"\"measure_s\": 2", "\"measure_s\": {\"min\": 0.05, \"max\": 2, \"until\": {\"depth_mm\": 0.01}}",
	 "plan.json:13:28: \"min\" is 0.05 s; allowed is 0.1 to 86400 s"},
	{"\"measure_s\": 2", "\"measure_s\": {\"min\": 1, \"max\": 2, \"until\": {}}",
	 "plan.json:13:50: \"until\" must name 1 to 8 measurands, each with the expanded uncertainty that is enough, "
	 "as in "
	 "{\"depth_mm\": 0.008}"},
	{"\"measure_s\": 2", "\"measure_s\": {\"min\": 1, \"max\": 2, \"until\": {\"depth_mm\": 0}}",
	 "plan.json:13:63: depth_mm is to be known to an expanded uncertainty: a number above 0 in mm"},
	{"\"measure_s\": 2", "\"measure_s\": {\"min\": 1, \"max\": 2, \"until\": {\"dpeth_mm\": 0.01}}",
	 "plan.json:13:51: \"dpeth_mm\" cannot end a window; did you mean \"depth_mm\"?"},
	{"\"measure_s\": 2", "\"measure_s\": {\"min\": 1, \"max\": 2, \"until\": {\"spin_up_s\": 0.01}}",
	 "plan.json:13:51: \"spin_up_s\" cannot end a window: only a mean, which becomes surer with every stroke, can, "
	 "such as "
	 "\"stroke_rate_hz\"; \"penrig help measurands\" lists them"},
	{"\"measure_s\": 2", "\"settle_s\": -1, \"measure_s\": 2",
	 "plan.json:13:19: \"settle_s\" is -1 s; allowed is 0 to 3600 s"},
	{"\"measure_s\": 2", "\"settle_s\": \"long\", \"measure_s\": 2",
	 "plan.json:13:19: \"settle_s\" must be a number in s, or {\"min\": 0.15, \"max\": 1, \"until\": "
	 "{\"depth_mm\": 0.01, \"stroke_rate_hz\": 1}}"},
	{"\"measure_s\": 2",
	 "\"settle_s\": {\"min\": 1, \"max\": 2, \"until\": {\"depth_sd_mm\": 0.01}}, \"measure_s\": 2",
	 "plan.json:13:50: \"depth_sd_mm\" cannot tell that a pen has settled: only what each stroke shows can, such "
	 "as "
	 "\"stroke_rate_hz\"; \"penrig help measurands\" lists them"},
	{"\"measure_s\": 2",
	 "\"settle_s\": {\"min\": 1, \"max\": 4000, \"until\": {\"depth_mm\": 0.01}}, \"measure_s\": 2",
	 "plan.json:13:37: \"max\" is 4000 s; allowed is 0.1 to 3600 s"},
	{"\"measure_s\": 2", "\"settle_s\": {\"min\": 1, \"max\": 2, \"until\": {\"depth_mm\": 0}}, \"measure_s\": 2",
	 "plan.json:13:62: depth_mm is to travel less than that: a number above 0 in mm"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"tare_s\": 0.1",
	 "plan.json:13:33: \"tare_s\" is 0.1 s; allowed is 0.2 to 60 s"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"repeats\": 0",
	 "plan.json:13:34: \"repeats\" is 0; allowed is 1 to 1000"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"order\": \"updown\"",
	 "plan.json:13:32: \"order\" is \"updown\"; did you mean \"up_down\"?"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"order\": \"random\"",
	 "plan.json:13:32: order random needs a seed, so that the sequence can be had again: write \"seed\": 1"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"seed\": 3",
	 "plan.json:13:31: a seed belongs to \"order\": \"random\"; leave it out"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"still\": true, \"free_run\": true",
	 "plan.json:13:32: \"still\" asks for no motion, and \"free_run\" measures one: leave one of them out"},
	{"[0.5, 1.5, 1.0]", "[]", "plan.json:11:19: \"depth_mm\" must hold 1 to 256 numbers, not 0"},
	{"[0.5, 1.5, 1.0]", "[0.5, 0, 1.0]", "plan.json:11:25: depth_mm 0 mm; allowed is 0.01 to 10 mm"},
	{"[0.5, 1.5, 1.0]", "\"0.5\"",
	 "plan.json:11:19: \"depth_mm\" must be a number in mm, a list of them, or {\"from\": ..., \"to\": ..., "
	 "\"step\": ...}"},
	{"[90, 120]", "{\"from\": 90, \"to\": 120}", "plan.json:12:18: \"step\" is missing here: a number in Hz"},
	{"[90, 120]", "{\"from\": 90, \"to\": 120, \"step\": 0}",
	 "plan.json:12:50: \"step\" is 0 Hz; allowed is 1e-06 to 1000 Hz"},
	{"[90, 120]", "{\"from\": 1, \"to\": 257, \"step\": 1}",
	 "plan.json:12:18: this range has more than 256 values: take a wider step"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"phantom\": \"A\"",
	 "plan.json:13:34: \"phantom\" must be a list of 1 to 16 serial numbers, as in [\"SIL-STD-01\"]; leave it out "
	 "for the "
	 "bench's first phantom"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"phantom\": [\"A\", \"A\"]",
	 "plan.json:13:40: phantom A is named twice: for more points use \"repeats\""},
	/* limits */
	{"\"depth_error_mm\"", "\"depth_eror_mm\"",
	 "plan.json:5:19: unknown measurand \"depth_eror_mm\"; did you mean \"depth_error_mm\"?"},
	{"\"depth_error_mm\"", "\"loudness_db\"",
	 "plan.json:5:19: unknown measurand \"loudness_db\"; \"penrig help measurands\" lists them: stroke_rate_hz, "
	 "depth_mm, ..."},
	{"\"depth_error_mm\"", "\"depth_max_raw_mm\"",
	 "plan.json:5:19: \"depth_max_raw_mm\" stands in reports for information and cannot be judged; \"penrig help "
	 "measurands\" lists what can be"},
	{"\"depth_error_mm\"", "\"pen.rate_hz\"",
	 "plan.json:5:19: \"pen.rate_hz\" is what the pen says of itself and cannot be judged; judge what the bench "
	 "measures, such as "
	 "\"stroke_rate_hz\" or \"handle_temperature_c\""},
	{"\"unit\": \"mm\", \"lower\": -0.15, \"upper\": 0.15", "\"unit\": \"um\", \"lower\": -150, \"upper\": 150",
	 "plan.json:5:45: this limit is in um; write lower -0.15 and upper 0.15 with unit \"mm\""},
	{"\"unit\": \"mm\", \"lower\": -0.15, \"upper\": 0.15", "\"unit\": \"N\", \"upper\": 150",
	 "plan.json:5:45: depth_error_mm is judged in mm, not in \"N\": write the bounds in mm with unit \"mm\""},
	{"\"unit\": \"mm\", ", "",
	 "plan.json:5:5: \"unit\" is missing: this measurand is judged in mm, write \"unit\": \"mm\""},
	{", \"lower\": -0.15, \"upper\": 0.15", "",
	 "plan.json:5:5: this limit on depth_error_mm has no bounds: write \"lower\", \"upper\" or both"},
	{"-0.15, \"upper\": 0.15", "0.15, \"upper\": -0.15",
	 "plan.json:5:60: lower 0.15 is above upper -0.15: exchange them"},
	{"\"missed_strokes\", \"unit\": \"1\"", "\"depth_error_mm\", \"unit\": \"mm\"",
	 "plan.json:6:5: a second limit on depth_error_mm in this list: write lower and upper into one"},
	{"\"upper\": 0.15}", "\"upper\": 0.15, \"required\": false}",
	 "plan.json:1:1: no limit of this plan is required, so it could only ever pass: write \"limits\" with at least "
	 "one that is"},
	{"\"measure_s\": 2",
	 "\"measure_s\": 2, \"limits\": [{\"measurand\": \"depth_error_mm\", \"unit\": \"mm\", \"upper\": 1, "
	 "\"required\": false}]",
	 "plan.json:1:1: no limit of this plan is required, so it could only ever pass: write \"limits\" with at least "
	 "one that is"},
	{"\"upper\": 0.15}", "\"upper\": 0.15, \"rule\": {\"guard\": 1}}",
	 "plan.json:5:91: unknown key \"guard\"; here may stand \"guard_band\", \"accept_conditional\""},
	{LIMIT1, "{\"measurand\": \"steady_temperature_c\", \"unit\": \"degC\", \"upper\": 48}",
	 "plan.json:5:5: steady_temperature_c is judged, so the plan must say on what basis: write \"thermal\": "
	 "{\"basis\": \"table, "
	 "contact time, material\"}, with \"rated_ambient_c\" where the limit holds at the rated maximum ambient"},
	{LIMIT1, "{\"measurand\": \"depth_hysteresis_mm\", \"unit\": \"mm\", \"upper\": 1}",
	 "plan.json:5:5: depth_hysteresis_mm cannot be met in step \"s1\", which does not visit its depths both ways: "
	 "write "
	 "\"order\": \"up_down\" with two depths or more there, or move this limit into the step that does"},
	{"\"measure_s\": 2",
	 "\"measure_s\": 2, \"limits\": [{\"measurand\": \"depth_hysteresis_mm\", \"unit\": \"mm\", \"upper\": 1}]",
	 "plan.json:13:34: depth_hysteresis_mm cannot be met in step \"s1\", which does not visit its depths both "
	 "ways: write "
	 "\"order\": \"up_down\" with two depths or more there, or move this limit into the step that does"},
	{"{\n      \"name\": \"s1\",\n      \"depth_mm\": [0.5, 1.5, 1.0],",
	 "{ \"name\": \"s1\", \"limits\": [{\"measurand\": \"depth_linearity_mm\", \"unit\": \"mm\", \"upper\": 1}],\n"
	 "\"depth_mm\": [0.5, 1.5, 0.5],",
	 "plan.json:9:32: depth_linearity_mm cannot be met in step \"s1\", which has 2 depths: a straight line is "
	 "judged from 3 "
	 "depths on; add depths there, or move this limit into the step that has them"},
};

static void refuses_wrong_plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(variants); i++) {
		struct plan *plan = (struct plan *)&plan;
		struct err err = {""};
		if (!variant_write("plan.json", plan_text, variants[i].find, variants[i].replace))
			fail_msg("%s does not stand in the plan once", variants[i].find);
		int ret = plan_read("plan.json", &plan, &err);
		assert_string_equal(err.text, variants[i].message);
		assert_int_equal(ret, -EINVAL);
		assert_ptr_equal(plan, &plan);
	}
	struct plan *plan;
	assert_int_equal(plan_read("gone.json", &plan, NULL), -ENOENT);
}

static void informative_limits_need_no_sweep(void **state)
{
	(void)state;
	plan_free(read_with("\"missed_strokes\", \"unit\": \"1\"", "\"depth_hysteresis_mm\", \"unit\": \"mm\""));
}

/* ---- expansion -------------------------------------------------------------------------------------------------- */

static struct plan_point *expand(const struct plan *plan, const struct bench *bench, unsigned *count)
{
	struct plan_point *points = NULL;
	struct err err = {""};

	if (plan_expand(plan, bench, &points, count, &err))
		fail_msg("%s", err.text);
	return points;
}

static void assert_depths(const struct plan_point *points, const double *depths, const bool *upward, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		assert_true(points[i].depth_mm == depths[i]);
		if (upward)
			assert_int_equal(points[i].upward, upward[i]);
	}
}

static void order_as_written(void **state)
{
	struct plan *p = read_with("\"measure_s\": 2", "\"measure_s\": 2, \"repeats\": 2");
	unsigned count;
	struct plan_point *points = expand(p, NULL, &count);
	static const double depths[] = {0.5, 1.5, 1.0, 0.5, 1.5, 1.0};
	static const bool upward[] = {true, true, false, false, true, false};

	(void)state;
	assert_int_equal(count, 12);
	assert_depths(points, depths, upward, 6);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(points[i].number, i);
		assert_int_equal(points[i].repeat, i / 6);
		assert_true(points[i].rate_hz == (i / 3 % 2 ? 120 : 90));
		assert_int_equal(points[i].phantom, -1);
		assert_false(points[i].phantom_change);
	}
	free(points);
	plan_free(p);
}

static void order_up_down(void **state)
{
	struct plan *p = read_with("\"measure_s\": 2", "\"measure_s\": 2, \"order\": \"up_down\"");
	unsigned count;
	struct plan_point *points = expand(p, NULL, &count);
	static const double depths[] = {0.5, 1.0, 1.5, 1.5, 1.0, 0.5};
	static const bool upward[] = {true, true, true, false, false, false};

	(void)state;
	assert_int_equal(count, 12);
	assert_depths(points, depths, upward, 6);
	assert_depths(points + 6, depths, NULL, 6);
	assert_true(points[5].rate_hz == 90 && points[6].rate_hz == 120);
	free(points);
	plan_free(p);
}

/* SplitMix64 of seed 1 gives 910A2DEC89025CC1, BEEB8DA1658EEC67, ...; the permutation below was worked out from these
 * by another program. */
static void order_random(void **state)
{
	struct plan *p = read_with("\"measure_s\": 2", "\"measure_s\": 2, \"order\": \"random\", \"seed\": 1");
	struct plan *other = NULL;
	unsigned count, again;
	struct plan_point *points = expand(p, NULL, &count), *same = expand(p, NULL, &again);
	static const double depths[] = {0.5, 1.5, 0.5, 1, 1.5, 1};
	static const double rates[] = {90, 90, 120, 90, 120, 120};
	unsigned seen[2][3] = {{0}}, moved = 0;

	(void)state;
	assert_int_equal(count, 6);
	assert_depths(points, depths, NULL, 6);
	for (unsigned i = 0; i < count; i++) {
		assert_true(points[i].rate_hz == rates[i]);
		assert_int_equal(points[i].number, i);
		assert_int_equal(points[i].upward, i == 0 || points[i].depth_mm > points[i - 1].depth_mm);
		assert_memory_equal(&points[i].depth_mm, &same[i].depth_mm, sizeof(double));
		seen[points[i].rate_hz == 120][(unsigned)(points[i].depth_mm * 2) - 1]++;
	}
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(seen[i / 3][i % 3], 1);
	free(same);
	other = read_with("\"measure_s\": 2", "\"measure_s\": 2, \"order\": \"random\", \"seed\": 2");
	same = expand(other, NULL, &again);
	for (unsigned i = 0; i < count; i++)
		moved += same[i].depth_mm != points[i].depth_mm || same[i].rate_hz != points[i].rate_hz;
	assert_true(moved > 0);
	free(points);
	free(same);
	plan_free(p);
	plan_free(other);
}

static const char phantom_text[] = "{\"kind\": \"penrig/phantom/1\", \"serial\": \"P-1\", \"material\": \"m\", "
				   "\"calibration\": {\"certificate\": \"C\", "
				   "\"laboratory\": \"L\", \"date\": \"2026-01-01\", \"due\": \"2027-01-01\"}, "
				   "\"temperature_c\": 23, \"stroke_budget\": 5000, "
				   "\"u_depth_mm\": 0.003, \"u_force_rel\": 0.004, \"u_fit_mm\": 0, \"curves\": "
				   "[{\"rate_hz\": 90, \"depth_mm\": [0, 1, 3], "
				   "\"force_n\": [0, 1, 3]}, {\"rate_hz\": 120, \"depth_mm\": [0, 1, 2.5], "
				   "\"force_n\": [0, 1, 3]}, {\"rate_hz\": 150, "
				   "\"depth_mm\": [0.3, 1, 2, 3], \"force_n\": [0.2, 1, 2, 3]}]}";

static const char bench_text[] =
	"{\"kind\": \"penrig/bench/1\", \"name\": \"b1\", \"mains_hz\": 50, \"ambient_c\": [18, 28],\n"
	"\"pen\": {\"driver\": \"d\", \"link\": \"usb:1209:0001:{dut}\", \"rate_hz\": [60, 200], \"depth_mm\": [0.2, "
	"2.8]},\n"
	"\"sensor\": {\"driver\": \"d\", \"link\": \"usb:1209:0002:LC\", \"calibration\": {\"certificate\": \"C\", "
	"\"laboratory\": "
	"\"L\", \"date\": \"2026-01-01\", \"due\": \"2027-01-01\"}, \"sample_rate_hz\": 20000, \"force\": {\"u_rel\": "
	"0.002, "
	"\"range_n\": "
	"[-10, 10]}, \"preload_n\": [0.1, 0.5], \"clock_ppm\": 25},\n"
	"\"phantoms\": [{\"file\": \"phantom.json\", \"position\": \"A1\", \"strokes_used\": 1000},\n"
	"{\"file\": \"phantom2.json\", \"position\": \"A1\", \"strokes_used\": 6000}]}";

static struct bench *bench_with(const char *find, const char *replace)
{
	struct bench *bench = NULL;
	struct err err = {""};

	assert_true(variant_write("phantom.json", phantom_text, "", ""));
	assert_true(variant_write("phantom2.json", phantom_text, "P-1", "P-2"));
	assert_true(variant_write("bench.json", bench_text, find, replace));
	if (bench_read("bench.json", &bench, &err))
		fail_msg("%s", err.text);
	return bench;
}

static void phantom_changes(void **state)
{
	struct plan *p =
		read_with("\"measure_s\": 2\n    }",
			  "\"measure_s\": 1, \"phantom\": [\"P-2\", \"P-1\"]}, {\"depth_mm\": 1, \"rate_hz\": 90, "
			  "\"measure_s\": 1}, {\"depth_mm\": [1, 2], \"rate_hz\": 90, \"measure_s\": 1, \"phantom\": "
			  "[\"P-2\"]}");
	struct bench *b = bench_with("6000", "0");
	unsigned count;
	struct plan_point *points = expand(p, b, &count);

	(void)state;
	assert_int_equal(count, 6 + 6 + 1 + 2);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(points[i].phantom, i < 6 || i > 12 ? 1 : 0);
		assert_int_equal(points[i].phantom_change, i == 0 || i == 6 || i == 13);
		assert_int_equal(points[i].step, i < 12 ? 0 : i - 11 > 2 ? 2 : i - 11);
	}
	assert_string_equal(p->step[1].name, "step 2");
	assert_true(points[12].upward && points[13].upward && points[14].upward);
	free(points);
	points = expand(p, NULL, &count); /* without a bench nothing is known of the clamp before the first phantom */
	assert_false(points[0].phantom_change);
	assert_true(points[6].phantom_change && !points[12].phantom_change && points[13].phantom_change);
	free(points);
	bench_free(b);
	plan_free(p);
}

static const struct variant refused[] = {
	/* .message: what plan_expand() says */
	{"[90, 120]", "[90, 201]",
	 "plan.json:12:23: rate_hz 201 Hz in step \"s1\" is outside 60 to 200 Hz, the range of the pens of bench "
	 "\"b1\": write a "
	 "value inside"},
	{"[0.5, 1.5, 1.0]", "[0.5, 2.9, 1.0]",
	 "plan.json:11:25: depth_mm 2.9 mm in step \"s1\" is outside 0.2 to 2.8 mm, the range of the pens of bench "
	 "\"b1\": write a "
	 "value inside"},
	{"[0.5, 1.5, 1.0]", "{\"from\": 0.1, \"to\": 1, \"step\": 0.1}",
	 "plan.json:11:19: depth_mm 0.1 mm in step \"s1\" is outside 0.2 to 2.8 mm, the range of the pens of bench "
	 "\"b1\": write a "
	 "value inside"},
	{"[90, 120]", "[90, 151]",
	 "plan.json:12:23: phantom P-1 is calibrated from 90 to 150 Hz, step \"s1\" asks for 151 Hz: stay inside, or "
	 "have it "
	 "calibrated at that rate"},
	{"[0.5, 1.5, 1.0]", "[0.5, 2.6, 1.0]",
	 "plan.json:11:25: depth_mm 2.6 mm in step \"s1\" is outside 0 to 2.5 mm, the range of the calibration of "
	 "phantom P-1 at "
	 "90 Hz: write a value inside"},
	{"[0.5, 1.5, 1.0],\n      \"rate_hz\": [90, 120]", "[0.5, 0.25], \"rate_hz\": 130",
	 "plan.json:11:25: depth_mm 0.25 mm in step \"s1\" is outside 0.3 to 2.5 mm, the range of the calibration of "
	 "phantom P-1 "
	 "at 130 Hz: write a value inside"},
	{"\"measure_s\": 2", "\"measure_s\": 2, \"phantom\": [\"P-1\", \"P-3\"]",
	 "plan.json:13:42: phantom P-3 is not on bench \"b1\", which has P-1, P-2: name one of these, or add it to "
	 "bench.json"},
	{"\"measure_s\": 2", "\"measure_s\": 6",
	 "plan.json:8:12: these steps strike phantom P-1 up to 4410 times, and its position A1 has 4000 of 5000 "
	 "strokes left: take a "
	 "fresh position and write it at bench.json:4:14"},
	{"\"measure_s\": 2", "\"measure_s\": 0.1, \"phantom\": [\"P-2\"]",
	 "plan.json:8:12: these steps strike phantom P-2 up to 693 times, and its position A1 has 0 of 5000 strokes "
	 "left: take a "
	 "fresh position and write it at bench.json:5:1"},
	{"\"name\": \"p1\"", "\"name\": \"p1\", \"judge\": {\"depth\": \"displacement\"}",
	 "plan.json:3:26: depth is judged by displacement, and bench \"b1\" has no calibrated displacement channel: "
	 "write "
	 "\"displacement_u_mm\" at bench.json:3, or judge \"force_equivalent\""},
	{LIMIT1, "{\"measurand\": \"ambient_temperature_c\", \"unit\": \"degC\", \"upper\": 30}",
	 "plan.json:1:1: the plan judges ambient_temperature_c, and bench \"b1\" has no calibrated temperature "
	 "channel: write "
	 "\"temperature_u_k\" at bench.json:3, or \"required\": false in the limit"},
};

static void refuses_to_expand(void **state)
{
	struct bench *b = bench_with("", "");

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct plan *p = read_with(refused[i].find, refused[i].replace);
		struct plan_point *points = (struct plan_point *)&points;
		unsigned count = 77;
		struct err err = {""};
		int ret = plan_expand(p, b, &points, &count, &err);
		assert_string_equal(err.text, refused[i].message);
		assert_int_equal(ret, -EINVAL);
		assert_ptr_equal(points, &points);
		assert_int_equal(count, 77);
		plan_free(p);
	}
	bench_free(b);
}

static void motion_must_be_seen(void **state)
{
	static const struct {
		const char *still, *message;
	} cases[] = {
		{"", NULL},
		{"\"still_n\": 0.25, ", NULL}, /* half of 0.5 N, to the last digit */
		{"\"still_n\": 0.26, ",
		 "bench.json:3:264: swings of up to 0.26 N are taken for standing still, more than half of the 0.5 N "
		 "that phantom P-1 gives at 0.5 mm and 90 Hz (plan.json:11): a needle that moves would not be seen; "
		 "write \"still_n\": 0.25 or less, or leave that depth out"},
	};
	struct plan *p = read_with("[90, 120]", "90");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char replace[64];
		struct err err = {""};
		snprintf(replace, sizeof(replace), "%s\"clock_ppm\"", cases[i].still);
		struct bench *b = bench_with("\"clock_ppm\"", replace);
		int ret = plan_check_still(p, b, &err);
		assert_string_equal(err.text, cases[i].message ? cases[i].message : "");
		assert_int_equal(ret, cases[i].message ? -EINVAL : 0);
		bench_free(b);
	}
	plan_free(p);
}

/* Where the bench does not say what it takes for still, the sensor is named. */
static void the_usual_threshold_counts_too(void **state)
{
	struct bench *b = bench_with("[0.2, 2.8]", "[0.01, 2.8]");
	struct plan *p =
		read_with("[0.5, 1.5, 1.0],\n      \"rate_hz\": [90, 120]", "[0.03, 1],\n      \"rate_hz\": 90");
	struct err err = {""};

	(void)state;
	assert_int_equal(plan_check_still(p, b, &err), -EINVAL);
	if (strncmp(err.text, "bench.json:3:11: swings of up to 0.02 N", 39) != 0 ||
	    !strstr(err.text, "write \"still_n\": 0.015 or less"))
		fail_msg("%s", err.text);
	plan_free(p);
	bench_free(b);
}

static void curves_must_overlap(void **state)
{
	struct bench *b = bench_with("6000", "0");
	struct plan *p = read_with("[0.5, 1.5, 1.0],\n      \"rate_hz\": [90, 120]", "1, \"rate_hz\": 130");
	struct plan_point *points = NULL;
	unsigned count;
	struct err err = {""};

	(void)state;
	bench_free(b);
	assert_true(variant_write("phantom.json", phantom_text, "[0, 1, 2.5]", "[0, 0.2, 0.4]"));
	assert_int_equal(bench_read("bench.json", &b, &err), 0);
	assert_int_equal(plan_expand(p, b, &points, &count, &err), -EINVAL);
	assert_string_equal(
		err.text,
		"plan.json:11:33: the curves of phantom P-1 around 130 Hz have too few depths in common: have "
		"them calibrated at the same depths");
	plan_free(p);
	bench_free(b);
}

static void accepts_the_edges(void **state)
{
	struct bench *b = bench_with("", "");
	struct plan *p = read_with("[0.5, 1.5, 1.0],\n      \"rate_hz\": [90, 120]",
				   "[0.6, 2.8],\n      \"rate_hz\": [89.6, 150.7]");
	unsigned count;

	(void)state;
	free(expand(p, b, &count)); /* 0.5 % beyond the calibrated rates belongs to them */
	assert_int_equal(count, 4);
	plan_free(p);
	p = read_with("[0.5, 1.5, 1.0],\n      \"rate_hz\": [90, 120]", "2.5, \"rate_hz\": 120");
	free(expand(p, b, &count));
	plan_free(p);
	bench_free(b);
}

/* Each rate once without a phantom, first of all, at the depth that comes next; then what the step had anyway. */
static void free_runs_come_first(void **state)
{
	struct plan *p = read_with("\"measure_s\": 2", "\"measure_s\": 2, \"order\": \"up_down\", \"free_run\": true");
	unsigned count;
	struct plan_point *points = expand(p, NULL, &count);
	static const double depths[] = {0.5, 0.5, 0.5, 1.0, 1.5, 1.5, 1.0, 0.5};
	static const bool upward[] = {true, true, true, true, true, false, false, false};

	(void)state;
	assert_int_equal(count, 14);
	assert_depths(points, depths, upward, 8);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(points[i].number, i);
		assert_int_equal(plan_point_is_free(&points[i]), i < 2);
		assert_int_equal(points[i].phantom_change, i == 0 || i == 2);
	}
	assert_true(points[0].rate_hz == 90 && points[1].rate_hz == 120 && points[2].rate_hz == 90);
	free(points);
	plan_free(p);
}

static void free_run_needs_a_displacement(void **state)
{
	struct bench *b = bench_with("", "");
	struct plan *p = read_with("\"measure_s\": 2", "\"measure_s\": 2, \"free_run\": true");
	struct plan_point *points = NULL;
	unsigned count;
	struct err err = {""};

	(void)state;
	assert_int_equal(plan_expand(p, b, &points, &count, &err), -EINVAL);
	assert_non_null(strstr(err.text, "displacement_u_mm"));
	plan_free(p);
	bench_free(b);
}

static void too_many_points(void **state)
{
	struct plan *p = read_with("[90, 120]", "{\"from\": 100, \"to\": 139, \"step\": 1}, \"repeats\": 167");
	struct plan_point *points = NULL;
	unsigned count;
	struct err err = {""};

	(void)state;
	assert_int_equal(plan_expand(p, NULL, &points, &count, &err), -EINVAL);
	assert_string_equal(
		err.text, "plan.json:9:5: with this step the plan has more than 20000 points: fewer values or repeats, "
			  "please");
	plan_free(p);
	p = read_with("[90, 120]", "{\"from\": 100, \"to\": 139, \"step\": 1}, \"repeats\": 166");
	points = expand(p, NULL, &count);
	assert_int_equal(count, 19920);
	free(points);
	plan_free(p);
}

static void range_of_the_pen(void **state)
{
	struct plan *p = read_with("", "");
	struct err err = {""};

	(void)state;
	assert_int_equal(plan_check_range(p, 90, 120, 0.5, 1.5, "the pen itself", &err), 0);
	assert_int_equal(plan_check_range(p, 91, 120, 0.5, 1.5, "the pen itself", &err), -EINVAL);
	assert_string_equal(
		err.text, "plan.json:12:19: rate_hz 90 Hz in step \"s1\" is outside 91 to 120 Hz, the range of the pen "
			  "itself: write a value inside");
	assert_int_equal(plan_check_range(p, 90, 120, 0.5, 1.4, "the pen itself", &err), -EINVAL);
	assert_int_equal(plan_check_range(p, NAN, 120, 0.5, 1.5, "the pen itself", &err),
			 -EINVAL); /* unknown is no range */
	plan_free(p);
}

static void estimates(void **state)
{
	struct bench *b = bench_with("", "");
	struct plan *p = read_with("", ""), *longer = read_with("\"measure_s\": 2", "\"measure_s\": 3");
	unsigned count;
	struct plan_point *points = expand(p, b, &count);
	double once = plan_duration_s(p, b, points, 1), all = plan_duration_s(p, b, points, count);

	(void)state;
	double added = plan_duration_s(p, b, points, 3) - plan_duration_s(p, b, points, 2);
	assert_true(fabs((all - once) - 5 * added) < 1e-9);
	assert_true(fabs(plan_duration_s(longer, b, points, count) - all - 6) < 1e-9);
	assert_true(all > 6 * 2.8 && all < 39); /* of it 11 at the last stop, where only the force tells */
	points[3].phantom_change = true;
	assert_true(plan_duration_s(p, b, points, count) - all > 10);
	points[3].phantom_change = false;
	/* 20 kS/s on two channels for 22.5 s: 0.9 M samples of 2 to 4 bytes, and what belongs to the points */
	uint64_t bytes = plan_runfile_bytes(p, b, points, count);
	assert_true(bytes > 1800000 && bytes < 5000000);
	assert_true(plan_runfile_bytes(longer, b, points, count) > bytes + 6 * 20000 * 2 * 2);
	free(points);
	plan_free(p);
	plan_free(longer);
	bench_free(b);
}

/* ---- what is shipped -------------------------------------------------------------------------------------------- */

static const struct shipped {
	const char *plan, *bench;
	double least_s, most_s;
} shipped[] = {
	{"demo", "virtual-usb", 15, 25},
	{"ci-smoke", "virtual-serial", 4, 9},
	{"conformance", "virtual-mixed", 240, 420},
	{"conformance-quick", "virtual-usb", 240, 320},
	{"thermal", "virtual-usb", 900, 930},
	{"fine-lines", "virtual-usb", 600, 1200},
	{"scars", "virtual-usb", 600, 1200},
	{"stretch-marks", "virtual-soft", 900, 1500},
	{"near-bone", "virtual-bone", 240, 600},
};

static void shipped_plans(void **state)
{
	(void)state;
	assert_int_equal(chdir(variant_home), 0);
	for (size_t i = 0; i < COUNT(shipped); i++) {
		struct plan *plan = NULL;
		struct bench *bench = NULL;
		struct err err = {""};
		char path[128];
		unsigned count;
		snprintf(path, sizeof(path), "fixtures/plans/%s.json", shipped[i].plan);
		if (plan_read(path, &plan, &err))
			fail_msg("%s", err.text);
		snprintf(path, sizeof(path), "fixtures/benches/%s.json", shipped[i].bench);
		if (bench_read(path, &bench, &err))
			fail_msg("%s", err.text);
		struct plan_point *points = expand(plan, bench, &count);
		double s = plan_duration_s(plan, bench, points, count);
		if (s < shipped[i].least_s || s > shipped[i].most_s)
			fail_msg("%s takes %.1f s", shipped[i].plan, s);
		for (unsigned j = 0; j < count; j++)
			assert_false(points[j].phantom_change); /* runs without an operator */
		free(points);
		plan_free(plan);
		bench_free(bench);
	}
	assert_int_equal(chdir(variant_folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_defaults),
		cmocka_unit_test(reads_an_open_window),
		cmocka_unit_test(reads_an_open_settling_time),
		cmocka_unit_test(reads_every_value),
		cmocka_unit_test(expands_ranges),
		cmocka_unit_test(refuses_wrong_plans),
		cmocka_unit_test(informative_limits_need_no_sweep),
		cmocka_unit_test(order_as_written),
		cmocka_unit_test(order_up_down),
		cmocka_unit_test(order_random),
		cmocka_unit_test(phantom_changes),
		cmocka_unit_test(refuses_to_expand),
		cmocka_unit_test(motion_must_be_seen),
		cmocka_unit_test(the_usual_threshold_counts_too),
		cmocka_unit_test(curves_must_overlap),
		cmocka_unit_test(accepts_the_edges),
		cmocka_unit_test(free_runs_come_first),
		cmocka_unit_test(free_run_needs_a_displacement),
		cmocka_unit_test(too_many_points),
		cmocka_unit_test(range_of_the_pen),
		cmocka_unit_test(estimates),
		cmocka_unit_test(shipped_plans),
	};

	return cmocka_run_group_tests(tests, variant_enter, variant_leave);
}
