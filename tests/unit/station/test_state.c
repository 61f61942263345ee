/* The way of a unit: codes, orders, the run's word and its exit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig/station/state.h"

static struct station_config config;
static struct unit_past past;
static struct bench_state s;

static int set_up(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	config.benches = 1;
	config.products = 1;
	config.product[0] = (struct station_product){.name = "Pen S", .gtin = "04012345678901", .attempts = 2};
	assert_int_equal(regcomp(&config.product[0].pattern, "PEN-[0-9]+", REG_EXTENDED), 0);
	past = (struct unit_past){.passed = false};
	state_begin(&s);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < config.products; i++)
		regfree(&config.product[i].pattern);
	return 0;
}

static struct unit_past past_of(void *ctx, const char *serial)
{
	(void)ctx;
	(void)serial;
	return past;
}

static const struct state_known known = {.config = &config, .year = 2026, .past = past_of};

static enum state_act scan(const char *code)
{
	return state_scan(&s, &known, code, strlen(code), s.view == VIEW_PROMPT ? s.prompt.id : 0);
}

static void tell(const char *line)
{
	struct json_doc *doc;
	struct err err = {""};

	if (json_parse("event", line, strlen(line), &doc, &err) < 0)
		fail_msg("%s", err.text);
	state_event(&s, json_root(doc));
	json_doc_free(doc);
}

static void begin_run(void)
{
	struct unit unit;

	assert_int_equal(scan("PEN-1"), ACT_NOTHING);
	assert_int_equal(state_start(&s, &known), ACT_START);
	unit = s.unit;
	state_run(&s, "run-1", &unit);
}

static void assert_refused(const char *why)
{
	assert_string_equal(s.refused, why);
}

#define PROGRESS "{\"event\":\"progress\",\"stage\":\"measuring\",\"point\":1,\"points\":2}"
#define PASSED                                                                                                         \
	"{\"event\":\"end\",\"run_status\":\"complete\",\"dut_verdict\":\"pass\",\"exit_code\":0,"                     \
	"\"stop_unverified\":false,\"dut\":\"PEN-1\"}"

static void scan_start_pass(void **state)
{
	(void)state;
	begin_run();
	assert_int_equal(s.view, VIEW_RUNNING);
	tell(PROGRESS);
	tell(PASSED);
	assert_int_equal(s.view, VIEW_RUNNING); /* its exit may say otherwise */
	state_ended(&s, 0, &past);
	assert_int_equal(s.view, VIEW_VERDICT);
	assert_int_equal(s.word, WORD_PASS);
	past.passed = true;
	assert_int_equal(scan("PEN-1"), ACT_NOTHING);
	assert_refused("passed_already");
	past.passed = false;
	assert_int_equal(scan("PEN-2"), ACT_NOTHING);
	assert_int_equal(s.view, VIEW_ARMED);
	assert_int_equal(s.word, WORD_NONE); /* the verdict went with its unit */
	assert_string_equal(s.unit.serial, "PEN-2");
}

/* Where nobody could say what became of it elsewhere its pass says so; another verdict needs no such word. */
static void a_pass_that_nobody_was_asked_about(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		past = (struct unit_past){.unknown = i < 2, .open = i == 1};
		state_begin(&s);
		begin_run();
		tell(PROGRESS);
		tell(PASSED);
		state_ended(&s, 0, &past);
		assert_int_equal(s.unasked, i == 0);
	}
	past = (struct unit_past){.unknown = true};
	begin_run();
	assert_false(s.unasked);
	past = (struct unit_past){.passed = false};
}

static void hold(void)
{
	begin_run();
	tell(PROGRESS);
	tell(PASSED);
	past.open = true;
	state_ended(&s, 0, &past);
	assert_int_equal(s.word, WORD_HELD);
}

/* A held verdict goes with the next unit's code, and no screen becomes a pass by a decision. */
static void held_goes_with_the_next_code(void **state)
{
	static const char *const codes[] = {"PEN-2", "NOBODY'S", "PEN-1"};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		past = (struct unit_past){.passed = false};
		state_begin(&s);
		hold();
		past.held = true;
		assert_int_equal(scan(codes[i]), ACT_NOTHING);
		assert_int_equal(s.view, VIEW_READY);
		assert_int_equal(s.word, WORD_NONE);
		state_released(&s, "PEN-1");
		assert_refused("released");
		assert_int_equal(s.view, VIEW_READY);
		assert_int_equal(s.word, WORD_NONE);
	}
}

static void a_decision_turns_no_screen_green(void **state)
{
	unsigned refusals;

	(void)state;
	hold();
	refusals = s.refusals;
	state_released(&s, "PEN-1");
	assert_int_equal(s.view, VIEW_READY);
	assert_int_equal(s.word, WORD_NONE);
	assert_refused("released");
	assert_string_equal(s.refused_detail, "PEN-1");
	assert_int_equal(s.refusals, refusals + 1);
	past = (struct unit_past){.passed = false};
	hold();
	state_released(&s, "PEN-7"); /* of another unit */
	assert_int_equal(s.word, WORD_HELD);
	assert_string_equal(s.unit.serial, "PEN-1");
}

struct ending {
	bool moved;
	const char *end; /* NULL: none was told */
	int exit_code;
	enum verdict_word word;
	bool failed; /* proved, whatever the word */
};

#define END(status, verdict, code, unverified, dut)                                                                    \
	"{\"event\":\"end\",\"run_status\":\"" status "\",\"dut_verdict\":" verdict ",\"exit_code\":" #code            \
	",\"stop_unverified\":" #unverified ",\"dut\":\"" dut "\"}"

static void only_what_agrees_is_a_verdict(void **state)
{
	static const struct ending rows[] = {
		{true, END("complete", "\"pass\"", 0, false, "PEN-1"), 0, WORD_PASS, false},
		{true, END("complete", "\"pass\"", 0, false, "PEN-1"), -1, WORD_PASS,
		 false}, /* somebody else's child */
		{true, END("complete", "\"conditional_pass\"", 0, false, "PEN-1"), 0, WORD_PASS, false},
		{true, END("complete", "\"conditional_pass\"", 3, false, "PEN-1"), 3, WORD_NOT_TESTED, false},
		{true, END("complete", "\"pass\"", 0, false, "PEN-1"), 1, WORD_NOT_TESTED, false},
		{true, END("complete", "\"pass\"", 0, false, "PEN-1"), 256, WORD_NOT_TESTED, false},
		{true, END("complete", "\"pass\"", 0, false, "PEN-2"), 0, WORD_NOT_TESTED, false},
		{true, END("complete", "\"pass\"", 0, true, "PEN-1"), 0, WORD_STOP_UNVERIFIED, false},
		{true, END("interrupted", "\"pass\"", 0, false, "PEN-1"), 0, WORD_NOT_TESTED, false},
		{true, END("complete", "\"inconclusive\"", 0, false, "PEN-1"), 0, WORD_NOT_TESTED, false},
		{true, END("complete", "null", 0, false, "PEN-1"), 0, WORD_NOT_TESTED, false},
		{true, END("complete", "\"fail\"", 1, false, "PEN-1"), 1, WORD_FAIL, true},
		{true, END("device_lost", "\"fail\"", 1, false, "PEN-1"), 1, WORD_FAIL, true},
		{true, END("interrupted", "\"fail\"", 143, false, "PEN-1"), 143, WORD_FAIL, true},
		{true, END("complete", "\"conditional_fail\"", 1, false, "PEN-1"), 1, WORD_FAIL, true},
		{true, END("complete", "\"fail\"", 1, true, "PEN-1"), 1, WORD_STOP_UNVERIFIED, true},
		{true, END("complete", "\"fail\"", 1, false, "PEN-1"), 256, WORD_NOT_TESTED, true},
		{true, END("complete", "\"fail\"", 1, false, "PEN-2"), 1, WORD_NOT_TESTED, false},
		{true, END("interrupted", "\"inconclusive\"", 143, false, "PEN-1"), 143, WORD_NOT_TESTED, false},
		{false, END("refused", "null", 8, false, "PEN-1"), 8, WORD_NOT_TESTED, false},
		{true, END("storage_failed", "\"inconclusive\"", 6, false, "PEN-1"), 6, WORD_NOT_TESTED, false},
		{true, NULL, 0, WORD_STOP_UNVERIFIED, false},
		{true, NULL, 256, WORD_STOP_UNVERIFIED, false},
		{true, NULL, -1, WORD_STOP_UNVERIFIED, false},
		{false, NULL, 2, WORD_NOT_TESTED, false}, /* a plan that is wrong */
		{false, NULL, 256, WORD_NOT_TESTED, false},
		{false, NULL, 0, WORD_NOT_TESTED, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		state_begin(&s);
		begin_run();
		tell("{\"event\":\"begin\",\"dut\":\"PEN-1\"}");
		tell("{\"event\":\"setpoint\",\"point\":1,\"points\":2,\"limits\":{}}");
		if (rows[i].moved)
			tell(PROGRESS);
		if (rows[i].end)
			tell(rows[i].end);
		state_ended(&s, rows[i].exit_code, &past);
		if (s.word != rows[i].word)
			fail_msg("row %zu: %s, not %s", i, verdict_word_name(s.word), verdict_word_name(rows[i].word));
		if (state_proved_fail(&s) != rows[i].failed)
			fail_msg("row %zu: a failure is proved, or is not", i);
	}
}

static void codes_that_are_not_taken(void **state)
{
	(void)state;
	assert_int_equal(scan(""), ACT_NOTHING);
	assert_refused("scan_empty");
	assert_int_equal(scan("HELLO"), ACT_NOTHING);
	assert_refused("unknown");
	scan("10ABC12321SN-0417");
	assert_refused("scan_ambiguous");
	scan("]d20104012345678918"
	     "21PEN-1"); /* a GTIN of no product here */
	assert_refused("unknown");
	assert_int_equal(s.view, VIEW_READY);
	assert_int_equal(state_start(&s, &known), ACT_NOTHING);
	assert_refused("nothing_to_start");
	past.failed = 2;
	scan("PEN-1");
	assert_refused("no_more_attempts");
	past = (struct unit_past){.elsewhere = true};
	scan("PEN-1");
	assert_refused("elsewhere");
	assert_int_equal(s.view, VIEW_READY);
	assert_int_equal(s.refusals, 7);
	past = (struct unit_past){.failed = 1};
	scan("]d2010401234567890121PEN-1\x1d"
	     "10L42");
	assert_refused("");
	assert_int_equal(s.view, VIEW_ARMED);
	assert_string_equal(s.unit.serial, "PEN-1");
	assert_string_equal(s.unit.lot, "L42");
	assert_int_equal(s.unit.attempt, 2);
}

/* Programs before and after a test are given the serial number and the lot as words. */
static void no_code_is_an_option(void **state)
{
	static const char *const codes[] = {"-PEN-1", "--force", "]d2010401234567890121-1\03510L42",
					    "]d2010401234567890121PEN-1\03510-rf"};

	(void)state;
	regfree(&config.product[0].pattern);
	assert_int_equal(regcomp(&config.product[0].pattern, ".*", REG_EXTENDED), 0);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_int_equal(scan(codes[i]), ACT_NOTHING);
		assert_refused("scan_character");
		assert_int_equal(s.view, VIEW_READY);
	}
	scan("P-1");
	assert_int_equal(s.view, VIEW_ARMED);
}

static void two_scans_are_one_run(void **state)
{
	(void)state;
	config.product[0].at_once = 1;
	assert_int_equal(scan("PEN-1"), ACT_START);
	struct unit unit = s.unit;

	state_run(&s, "run-1", &unit);
	assert_int_equal(scan("PEN-1"), ACT_NOTHING);
	assert_refused("busy");
	assert_string_equal(s.refused_detail, "PEN-1");
	assert_int_equal(scan("PEN-2"), ACT_NOTHING);
	assert_int_equal(state_start(&s, &known), ACT_NOTHING);
	assert_int_equal(s.view, VIEW_RUNNING);
	assert_string_equal(s.unit.serial, "PEN-1");
}

static void command_cards(void **state)
{
	(void)state;
	assert_int_equal(scan("%START"), ACT_NOTHING);
	assert_refused("nothing_to_start");
	scan("PEN-1");
	assert_int_equal(scan("%START"), ACT_START);
	struct unit unit = s.unit;

	state_run(&s, "run-1", &unit);
	assert_int_equal(scan("%DONE"), ACT_NOTHING); /* nothing is asked */
	tell("{\"event\":\"prompt\",\"id\":3,\"question\":\"put_phantom\",\"phantom\":\"P-1\"}");
	assert_int_equal(s.view, VIEW_PROMPT);
	assert_string_equal(s.prompt.phantom, "P-1");
	assert_int_equal(scan("%DONE"), ACT_DONE);
	assert_int_equal(scan("%GIVEUP"), ACT_GIVE_UP);
	assert_int_equal(state_answer(&s, &known, 2, true), ACT_NOTHING); /* too late, for an earlier question */
	assert_refused("late");
	assert_int_equal(state_scan(&s, &known, "%DONE", 5, 2),
			 ACT_NOTHING); /* read while the one before stood there */
	assert_refused("late");
	assert_int_equal(state_scan(&s, &known, "%DONE", 5, 0), ACT_NOTHING); /* read by nobody who saw it */
	assert_refused("late");
	assert_int_equal(scan("%STOP"), ACT_STOP);
	assert_int_equal(state_answer(&s, &known, 3, true), ACT_NOTHING); /* it is to stop */
	tell(PROGRESS);
	assert_int_equal(s.view, VIEW_RUNNING);
}

/* A product that wants to know its lot and cartridge, and two things confirmed. */
static void ask_for_everything(void)
{
	struct station_product *p = &config.product[0];

	snprintf(p->lot.expression, sizeof(p->lot.expression), "L[0-9]+");
	snprintf(p->cartridge.expression, sizeof(p->cartridge.expression), "NC-[0-9]+");
	assert_int_equal(regcomp(&p->lot.pattern, p->lot.expression, REG_EXTENDED), 0);
	assert_int_equal(regcomp(&p->cartridge.pattern, p->cartridge.expression, REG_EXTENDED), 0);
	p->checks = 2;
	p->check[0] = (struct station_check){.text = "The cable hangs free", .picture = -1};
	p->check[1] = (struct station_check){.text = "Nothing lies under it", .picture = -1};
	p->at_once = 1;
}

static void forget_what_is_asked(void)
{
	regfree(&config.product[0].lot.pattern);
	regfree(&config.product[0].cartridge.pattern);
}

/* Nothing starts before all of it is there, whoever orders it and how; each thing is what was asked for. */
static void what_a_product_needs(void **state)
{
	(void)state;
	ask_for_everything();
	assert_int_equal(scan("PEN-1"), ACT_NOTHING);
	assert_int_equal(s.view, VIEW_ARMED);
	assert_int_equal(state_start(&s, &known), ACT_NOTHING);
	assert_refused("needs");
	scan("%START");
	assert_refused("needs");
	scan("NC-7");
	assert_refused("want_lot");
	assert_string_equal(s.unit.lot, "");
	assert_int_equal(scan("L42"), ACT_NOTHING);
	assert_string_equal(s.unit.lot, "L42");
	scan("L43");
	assert_refused("want_cartridge");
	scan("NC-7");
	assert_string_equal(s.unit.cartridge, "NC-7");
	const int64_t first = state_question(&s, &config);

	assert_true(first > 0);
	assert_int_equal(state_answer(&s, &known, first + 1, true), ACT_NOTHING); /* of the one behind it */
	assert_refused("late");
	assert_int_equal(state_scan(&s, &known, "%DONE", 5, 0), ACT_NOTHING); /* read by nobody who saw it */
	assert_refused("late");
	assert_int_equal(s.unit.checked, 0);
	assert_int_equal(state_answer(&s, &known, first, true), ACT_NOTHING);
	assert_int_equal(state_start(&s, &known), ACT_NOTHING);
	assert_refused("needs");
	past.passed = true; /* at another bench meanwhile */
	assert_int_equal(state_answer(&s, &known, first + 1, true), ACT_NOTHING);
	assert_refused("passed_already");
	past.passed = false;
	scan("PEN-1");
	scan("L42");
	scan("NC-7");
	assert_int_equal(state_answer(&s, &known, first, true), ACT_NOTHING); /* of the unit before, on another page */
	assert_refused("late");
	assert_int_equal(s.unit.checked, 0);
	state_answer(&s, &known, state_question(&s, &config), true);
	assert_int_equal(state_answer(&s, &known, state_question(&s, &config), true), ACT_START);
	assert_int_equal(s.unit.checked, 2);
	forget_what_is_asked();
}

/* Who starts a test has confirmed its list. */
static void another_badge_begins_the_list_anew(void **state)
{
	static const char *const badges[] = {"OP-0008", "OP-0007"};

	(void)state;
	ask_for_everything();
	config.operators = 2;
	config.person[0] = (struct station_operator){.name = "A. Meier", .badge = "OP-0007"};
	config.person[1] = (struct station_operator){.name = "B. Huber", .badge = "OP-0008"};
	scan("OP-0007");
	scan("PEN-1");
	scan("L42");
	scan("NC-7");
	for (unsigned i = 0; i < 2; i++) {
		const int64_t first = state_question(&s, &config);

		state_answer(&s, &known, first, true);
		assert_int_equal(s.unit.checked, 1);
		scan(badges[i]);
		assert_int_equal(s.unit.checked, 0);
		assert_string_equal(s.unit.lot, "L42");
		state_answer(&s, &known, first, true); /* read by the one before */
		assert_refused("late");
		assert_int_equal(state_answer(&s, &known, first + 1, true), ACT_NOTHING);
		assert_refused("late");
	}
	state_answer(&s, &known, state_question(&s, &config), true);
	scan("OP-0007"); /* the same person */
	assert_int_equal(s.unit.checked, 1);
	assert_int_equal(state_answer(&s, &known, state_question(&s, &config), true), ACT_START);
	config.operators = 0;
	forget_what_is_asked();
}

static void what_is_not_so_is_not_tested(void **state)
{
	(void)state;
	ask_for_everything();
	scan("(01)04012345678901(21)PEN-1(10)X1");
	assert_refused("wrong_lot");
	assert_int_equal(s.view, VIEW_READY);
	scan("(01)04012345678901(21)PEN-1(10)L7"); /* its own code says it */
	assert_string_equal(s.unit.lot, "L7");
	scan("NC-1");
	assert_int_equal(state_answer(&s, &known, state_question(&s, &config), false), ACT_NOTHING);
	assert_int_equal(s.view, VIEW_READY);
	scan("PEN-1");
	scan("PEN-2"); /* another unit in the place of the lot */
	assert_string_equal(s.unit.serial, "PEN-2");
	regfree(&config.product[0].lot.pattern);
	assert_int_equal(regcomp(&config.product[0].lot.pattern, "PEN-[0-9]+", REG_EXTENDED), 0);
	scan("PEN-3");
	assert_refused("two_meanings");
	assert_string_equal(s.unit.serial, "PEN-2");
	assert_string_equal(s.unit.lot, "");
	forget_what_is_asked();
}

static void cards_for_the_next_and_the_same(void **state)
{
	(void)state;
	scan("%RETEST");
	assert_refused("nothing_to_retest");
	scan("(01)04012345678901(21)PEN-1(10)L7");
	scan("%NEXT");
	assert_int_equal(s.view, VIEW_READY);
	assert_string_equal(s.unit.serial, "");
	scan("(01)04012345678901(21)PEN-1(10)L7");
	assert_int_equal(state_start(&s, &known), ACT_START);
	struct unit unit = s.unit;

	state_run(&s, "run-1", &unit);
	scan("%NEXT");
	assert_refused("busy");
	scan("%RETEST");
	assert_refused("busy");
	assert_int_equal(s.view, VIEW_RUNNING);
	tell(PROGRESS);
	tell("{\"event\":\"end\",\"run_status\":\"complete\",\"dut_verdict\":\"fail\",\"exit_code\":1,"
	     "\"stop_unverified\":false,\"dut\":\"PEN-1\"}");
	state_ended(&s, 1, &past);
	assert_int_equal(s.word, WORD_FAIL);
	past.failed = 1;
	scan("%RETEST");
	assert_int_equal(s.view, VIEW_ARMED);
	assert_int_equal(s.word, WORD_NONE);
	assert_string_equal(s.unit.serial, "PEN-1");
	assert_string_equal(s.unit.lot, "L7");
	assert_string_equal(s.unit.gtin, "04012345678901");
	assert_int_equal(s.unit.attempt, 2);
	unit = s.unit;
	state_run(&s, "run-2", &unit);
	state_ended(&s, 2, &past);
	past.failed = 2;
	scan("%RETEST");
	assert_refused("no_more_attempts");
}

static void assert_unwrapped(const char *sent, const char *code)
{
	size_t len = strlen(sent);

	station_unwrap(&config, &sent, &len);
	assert_int_equal(len, strlen(code));
	assert_memory_equal(sent, code, len);
}

/* It is taken away where the scanner is, and nowhere a second time: "PPEN-1" of a scanner with prefix P is PEN-1, not EN-1. */
static void what_a_scanner_puts_around_a_code(void **state)
{
	(void)state;
	snprintf(config.prefix, sizeof(config.prefix), "P");
	snprintf(config.suffix, sizeof(config.suffix), "!?");
	assert_unwrapped("PPEN-1!?", "PEN-1");
	assert_unwrapped("P%START!?", "%START");
	assert_unwrapped("P", "P");
	assert_unwrapped("!?", "!?");
	assert_unwrapped("", "");
	scan("PEN-2");
	assert_string_equal(s.unit.serial, "PEN-2");
	scan("PPEN-1!?");
	assert_refused("unknown");
}

/* The one question that wants to know a code: no order and no card answers it, and only who saw it. */
static void the_pen_in_the_clamp(void **state)
{
	(void)state;
	begin_run();
	tell("{\"event\":\"prompt\",\"id\":1,\"question\":\"scan_pen\",\"text\":\"Scan\"}");
	assert_int_equal(state_answer(&s, &known, 1, true), ACT_NOTHING);
	assert_refused("read_pen");
	assert_int_equal(scan("%DONE"), ACT_NOTHING);
	assert_refused("read_pen");
	assert_int_equal(state_scan(&s, &known, "PEN-1", 5, 0), ACT_NOTHING);
	assert_refused("late");
	assert_int_equal(scan("PEN-9"), ACT_TELL); /* the run judges it */
	assert_string_equal(s.prompt.read, "PEN-9");
	assert_string_equal(s.unit.serial, "PEN-1");
	assert_int_equal(scan("(01)04012345678901(21)PEN-1"), ACT_TELL);
	assert_string_equal(s.prompt.read, "PEN-1");
	assert_int_equal(state_answer(&s, &known, 1, false), ACT_GIVE_UP);
	assert_int_equal(state_stop(&s), ACT_STOP);
	assert_int_equal(scan("PEN-1"), ACT_NOTHING); /* it stops */
	tell(PROGRESS);
	assert_int_equal(scan("PEN-1"), ACT_NOTHING);
	assert_refused("busy");
	tell("{\"event\":\"prompt\",\"id\":2,\"question\":\"set_dial\",\"depth_mm\":1.5}");
	assert_true(s.prompt.depth_mm == 1.5);
}

static void somebody_signs_in(void **state)
{
	(void)state;
	config.operators = 1;
	config.person[0] = (struct station_operator){.name = "A. Meier", .badge = "OP-0007"};
	scan("PEN-1");
	assert_refused("sign_in");
	scan("OP-0008");
	assert_refused("unknown");
	assert_int_equal(scan("OP-0007"), ACT_NOTHING);
	assert_refused("");
	assert_string_equal(s.person, "A. Meier");
	begin_run();
	scan("OP-0007");
	assert_refused("busy");
}

static void live_figures_are_shown(void **state)
{
	struct json_out *out = json_out_object();
	char *text = NULL;
	struct err err;

	(void)state;
	begin_run();
	tell("{\"event\":\"setpoint\",\"point\":1,\"points\":2,\"limits\":{\"depth_mm\":{\"lower\":0.85,\"upper\":1.15}"
	     "}}");
	tell("{\"event\":\"progress\",\"stage\":\"measuring\",\"point\":1,\"points\":2,\"depth_mm\":1.03,\"remaining_"
	     "s\":7.5}");
	state_print(&s, &config, out);
	assert_int_equal(json_out_print(out, false, &text, &err), 0);
	assert_non_null(strstr(text, "\"depth\":{\"value\":1.03,\"lower\":0.85,\"upper\":1.15}"));
	assert_non_null(strstr(text, "\"rate\":{}"));
	assert_non_null(strstr(text, "\"remaining_s\":7.5"));
	assert_null(strstr(text, "\"verdict\""));
	free(text);
	json_out_free(out);
}

/* What follows the end of a run is not of it. */
static void an_event_after_the_end_changes_nothing(void **state)
{
	(void)state;
	begin_run();
	tell(PROGRESS);
	state_ended(&s, 256, &past);
	tell(PASSED);
	assert_int_equal(s.word, WORD_STOP_UNVERIFIED);
	assert_int_equal(state_stop(&s), ACT_NOTHING);
}

/* Between scan and start the unit was tested at another bench, or is. */
static void a_start_asks_again(void **state)
{
	static const struct {
		struct unit_past past;
		const char *why;
	} rows[] = {
		{{.elsewhere = true}, "elsewhere"},
		{{.passed = true}, "passed_already"},
		{{.failed = 2}, "no_more_attempts"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		past = (struct unit_past){.passed = false};
		assert_int_equal(scan("PEN-1"), ACT_NOTHING);
		assert_int_equal(s.view, VIEW_ARMED);
		past = rows[i].past;
		assert_int_equal(i % 2 ? scan("%START") : state_start(&s, &known), ACT_NOTHING);
		assert_refused(rows[i].why);
		assert_string_equal(s.refused_detail, "PEN-1");
		assert_int_equal(s.view, VIEW_READY);
	}
	past = (struct unit_past){.passed = false};
	scan("PEN-1");
	past.failed = 1;
	assert_int_equal(state_start(&s, &known), ACT_START);
	assert_int_equal(s.unit.attempt, 2);
}

/* What the server is asked about is decided once it has said: a code, a start, and both; the newest order alone. */
static void what_is_asked_about_waits(void **state)
{
	(void)state;
	scan("PEN-1");
	past.asked = true;
	scan("PEN-2");
	assert_int_equal(s.view, VIEW_READY); /* nobody starts the one before */
	assert_string_equal(s.asking.serial, "PEN-2");
	past = (struct unit_past){.rejected = true};
	assert_int_equal(state_told(&s, &known), ACT_NOTHING);
	assert_refused("rejected");
	assert_string_equal(s.asking.serial, "");
	past = (struct unit_past){.asked = true};
	scan("PEN-1");
	assert_int_equal(scan("%START"), ACT_NOTHING);
	assert_refused("");
	past.asked = false;
	assert_int_equal(state_told(&s, &known), ACT_START);
	assert_string_equal(s.unit.serial, "PEN-1");
	assert_int_equal(state_told(&s, &known), ACT_NOTHING); /* once */
	past.asked = true;
	assert_int_equal(state_start(&s, &known), ACT_NOTHING); /* of the one that is ready */
	assert_int_equal(s.view, VIEW_ARMED);
	past = (struct unit_past){.passed = true};
	assert_int_equal(state_told(&s, &known), ACT_NOTHING);
	assert_refused("passed_already");
	for (int i = 0; i < 3; i++) {
		past = (struct unit_past){.asked = true};
		scan("PEN-1");
		if (i == 0)
			state_stop(&s);
		else if (i == 1)
			scan("HELLO");
		else
			state_sign_out(&s);
		past.asked = false;
		assert_string_equal(s.asking.serial, "");
		assert_int_equal(state_told(&s, &known), ACT_NOTHING);
		assert_int_equal(s.view, VIEW_READY);
	}
	config.product[0].at_once = true;
	past.asked = true;
	assert_int_equal(scan("PEN-1"), ACT_NOTHING);
	past.asked = false;
	assert_int_equal(state_told(&s, &known), ACT_START);
}

/* Two codes in one moment: one unit is tested, and of the other it is said that it is not, also once the test goes on. */
static void a_code_that_another_replaces_is_said(void **state)
{
	(void)state;
	config.product[0].at_once = true;
	past.asked = true;
	scan("PEN-1");
	scan("PEN-1"); /* once more */
	assert_refused("");
	scan("PEN-2");
	assert_refused("replaced");
	assert_string_equal(s.refused_detail, "PEN-1");
	past.asked = false;
	assert_int_equal(state_told(&s, &known), ACT_START);
	assert_string_equal(s.unit.serial, "PEN-2");
	const struct unit unit = s.unit;
	state_run(&s, "name", &unit);
	assert_refused("replaced");
	state_begin(&s);
	config.operators = 1;
	config.person[0] = (struct station_operator){.name = "A. Meier", .badge = "OP-0007"};
	scan("OP-0007");
	past.asked = true;
	scan("PEN-1");
	scan("OP-0007"); /* no order is left of it */
	assert_refused("replaced");
}

/* Who signs in while somebody's order waits for the server has not given it. */
static void nobody_starts_under_anothers_name(void **state)
{
	static const struct account meier = {.name = "A. Meier"}, huber = {.name = "B. Huber"};

	(void)state;
	for (int at_once = 0; at_once < 2; at_once++) {
		state_begin(&s);
		config.product[0].at_once = at_once;
		state_signed_in(&s, ACCOUNT_KNOWN, &meier);
		past = (struct unit_past){.asked = true};
		assert_int_equal(scan("PEN-1"), ACT_NOTHING);
		if (!at_once)
			assert_int_equal(state_start(&s, &known), ACT_NOTHING);
		state_signed_in(&s, ACCOUNT_KNOWN, &meier); /* the same person once more */
		assert_string_equal(s.asking.serial, "PEN-1");
		state_signed_in(&s, ACCOUNT_KNOWN, &huber);
		past.asked = false;
		assert_int_equal(state_told(&s, &known), ACT_NOTHING);
		assert_int_equal(s.view, VIEW_READY);
		assert_string_equal(s.person, "B. Huber");
	}
}

static void end_with(const char *end, int exit_code)
{
	begin_run();
	tell(PROGRESS);
	tell(end);
	state_ended(&s, exit_code, &past);
}

/* The pass is not the one of the pen whose code was not taken. */
static void a_pass_goes_with_the_next_code(void **state)
{
	(void)state;
	end_with(PASSED, 0);
	assert_int_equal(scan("%DONE"), ACT_NOTHING); /* of no unit */
	assert_int_equal(s.view, VIEW_VERDICT);
	scan("HELLO");
	assert_refused("unknown");
	assert_int_equal(s.view, VIEW_READY);
	assert_int_equal(s.word, WORD_NONE);
	end_with(END("complete", "\"fail\"", 1, false, "PEN-1"), 1);
	scan("HELLO");
	assert_int_equal(s.view, VIEW_VERDICT);
	end_with(END("complete", "\"pass\"", 0, true, "PEN-1"), 0);
	scan("HELLO");
	assert_int_equal(s.word, WORD_STOP_UNVERIFIED);
	assert_int_equal(s.view, VIEW_VERDICT);
}

static void a_stop_that_did_not_arrive_is_said(void **state)
{
	(void)state;
	begin_run();
	assert_int_equal(state_stop(&s), ACT_STOP);
	assert_true(s.stopping);
	state_unheard(&s, "not_stopped");
	assert_false(s.stopping);
	assert_refused("not_stopped");
	assert_int_equal(state_stop(&s), ACT_STOP); /* can be tried again */
}

/* The pattern is PEN-[0-9]+. Both readings fit: refused. One alone does: taken. */
static void a_code_of_two_readings_is_refused(void **state)
{
	static const struct {
		const char *code, *why, *serial;
	} rows[] = {
		{"]d20104012345678901"
		 "21PEN-117271231",
		 "scan_two_readings", ""}, /* PEN-1, expires 2027-12-31? */
		{"]d20104012345678901"
		 "21PEN-1104711",
		 "scan_two_readings", ""}, /* PEN-1, lot 4711? */
		{"\x1d"
		 "21PEN-1104711",
		 "scan_two_readings", ""},
		{"]d20104012345678901"
		 "21PEN-117271331",
		 "", "PEN-117271331"}, /* there is no month 13 */
		{"]d20104012345678901"
		 "21PEN-110",
		 "", "PEN-110"}, /* no lot is empty */
		{"]d20104012345678901"
		 "21PEN-1104711\x1d",
		 "", "PEN-1104711"}, /* its end is marked */
		{"]d210L1\x1d"
		 "21PEN-1104711",
		 "", "PEN-1104711"}, /* this scanner sends marks */
		{"(01)04012345678901(21)PEN-1104711", "", "PEN-1104711"},
		{"https://x/01/04012345678901/21/PEN-1104711", "", "PEN-1104711"},
		{"PEN-1104711", "", "PEN-1104711"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scan(rows[i].code);
		assert_refused(rows[i].why);
		assert_string_equal(s.unit.serial, rows[i].serial);
		state_begin(&s);
	}
	regfree(&config.product[0].pattern);
	assert_int_equal(regcomp(&config.product[0].pattern, "[0-9A-Z]{4,}", REG_EXTENDED), 0);
	scan("1727123121SN04");
	assert_refused("scan_two_readings");
	scan("]C01727123121SN04"); /* the scanner says that it is no GS1 code */
	assert_refused("");
	scan("1727123121SN4"); /* no product has SN4 */
	assert_refused("");
	assert_string_equal(s.unit.serial, "1727123121SN4");
}

static void a_serial_number_of_two_products_is_none(void **state)
{
	(void)state;
	config.products = 2;
	config.product[1] = (struct station_product){.name = "Pen L", .gtin = "04012345678918", .attempts = 2};
	assert_int_equal(regcomp(&config.product[1].pattern, "PEN-1|PEN-10)|x", REG_EXTENDED), 0);
	scan("PEN-2");
	assert_int_equal(s.unit.product, 0);
	scan("PEN-1");
	assert_refused("several_products");
	scan("]d2010401234567891821PEN-1");
	assert_refused("");
	assert_int_equal(s.unit.product, 1);
	assert_int_equal(scan("xy"), ACT_NOTHING); /* a part of it matches */
	assert_refused("unknown");
	scan("]d2010401234567891821PEN-11");
	assert_refused("unknown");
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(scan_start_pass),
		T(only_what_agrees_is_a_verdict),
		T(codes_that_are_not_taken),
		T(no_code_is_an_option),
		T(two_scans_are_one_run),
		T(command_cards),
		T(what_a_product_needs),
		T(another_badge_begins_the_list_anew),
		T(what_is_not_so_is_not_tested),
		T(cards_for_the_next_and_the_same),
		T(what_a_scanner_puts_around_a_code),
		T(the_pen_in_the_clamp),
		T(somebody_signs_in),
		T(live_figures_are_shown),
		T(an_event_after_the_end_changes_nothing),
		T(a_start_asks_again),
		T(what_is_asked_about_waits),
		T(a_code_that_another_replaces_is_said),
		T(nobody_starts_under_anothers_name),
		T(a_pass_goes_with_the_next_code),
		T(a_pass_that_nobody_was_asked_about),
		T(held_goes_with_the_next_code),
		T(a_decision_turns_no_screen_green),
		T(a_stop_that_did_not_arrive_is_said),
		T(a_serial_number_of_two_products_is_none),
		T(a_code_of_two_readings_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
