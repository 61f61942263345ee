/* The terminal: keys in, orders and 24 rows out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig/station/screen.h"

#define FAILED "{\"view\":\"verdict\",\"serial\":\"PEN-1\",\"verdict\":{\"word\":\"fail\"}}"
#define ARMED  "{\"view\":\"armed\",\"serial\":\"PEN-2\"}"
#define RUNS   "{\"view\":\"running\",\"serial\":\"PEN-2\"}"

static struct screen s;
static struct json_doc *is, *words;
static char orders[1024];

static void on_order(void *ctx, const char *body)
{
	(void)ctx;
	strncat(orders, body, sizeof(orders) - strlen(orders) - 1);
}

static struct json_doc *parsed(const char *text)
{
	struct json_doc *doc = NULL;

	assert_int_equal(json_parse("test", text, strlen(text), &doc, NULL), 0);
	return doc;
}

static void show(const char *bench)
{
	json_doc_free(is);
	is = parsed(bench);
	s.is = json_root(is);
	orders[0] = '\0';
}

static int set_up(void **state)
{
	(void)state;
	words = parsed("{\"supervisor\":\"Supervisor\",\"no_no_unit\":\"nothing to decide\",\"todo_unasked\":\"nobody "
		       "was asked\"}");
	s = (struct screen){.order = on_order, .words = json_root(words)};
	show("{\"view\":\"ready\"}");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	json_doc_free(is);
	json_doc_free(words);
	is = words = NULL;
	return 0;
}

static void keys(const char *text)
{
	for (; *text; text++)
		screen_key(&s, *text, text[1] != '\0');
}

/* What stands on the screen; the caller's until the next. */
static const char *drawn(void)
{
	static char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	memset(text, 0, sizeof(text));
	screen_draw(&s, "12:00", out);
	fclose(out);
	return text;
}

static void assert_ordered(const char *what)
{
	if (!strstr(orders, what))
		fail_msg("%s is not in what was ordered: %s", what, orders);
}

static void stop_card_in_every_field(void **state)
{
	static const char *const before[] = {"",
					     "%SUPERVISOR\r",
					     "%SUPERVISOR\rSV-01\r",
					     "%SUPERVISOR\rSV-01\r1234\r",
					     "%SUPERVISOR\rSV-01\r1234\rtorn\r",
					     "half",
					     "%SUPERVISOR\rhalf",
					     "%STO"};

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		for (unsigned runs = 0; runs < 2; runs++) {
			show(FAILED);
			keys(before[i]);
			if (runs)
				show(RUNS);
			orders[0] = '\0';
			keys("%STOP\r");
			assert_ordered("\"do\":\"stop\"");
			assert_int_equal(s.field, TYPE_CODE);
			assert_string_equal(s.pin, "");
		}
	show("{\"view\":\"running\",\"signing\":\"A. Meier\"}");
	keys("%STOP\t");
	assert_ordered("\"do\":\"stop\"");
	assert_null(strstr(orders, "sign_in"));
}

static void stop_card_behind_more_than_fits(void **state)
{
	(void)state;
	show(RUNS);
	for (unsigned i = 0; i < 2 * SCREEN_TYPED; i++)
		keys("x");
	keys("%STOP\r");
	assert_ordered("\"do\":\"stop\"");
	orders[0] = '\0';
	keys("%STOPPED\r");
	assert_null(strstr(orders, "\"stop\""));
}

/* A scanner's suffix comes behind it; also there it stops whatever was typed before. */
static void stop_card_with_its_suffix(void **state)
{
	struct json_doc *all = parsed("{\"scan_suffix\":\"!?\"}");

	(void)state;
	s.all = json_root(all);
	show(RUNS);
	keys("half%STOP!?\r");
	assert_ordered("\"do\":\"stop\"");
	show(RUNS);
	keys("half%STOP\r");
	assert_ordered("\"do\":\"stop\"");
	show(RUNS);
	keys("%STOP!?more\r");
	assert_null(strstr(orders, "\"stop\""));
	json_doc_free(all);
	s.all = NULL;
}

static void other_cards_in_every_field(void **state)
{
	(void)state;
	show(FAILED);
	keys("%SUPERVISOR\rSV-01\r%START\r");
	assert_ordered("\"code\":\"%START\"");
	assert_int_equal(s.field, TYPE_CODE);
	keys("%SUPERVISOR\r%SIGNOUT\r");
	assert_ordered("\"do\":\"sign_out\"");
	assert_int_equal(s.field, TYPE_CODE);
	keys("%SUPERVISOR\rSV-01\r%SUPERVISOR\r");
	assert_int_equal(s.field, TYPE_WHO);
}

static void no_decision_while_a_test_runs(void **state)
{
	(void)state;
	show(RUNS);
	keys("%SUPERVISOR\r");
	assert_int_equal(s.field, TYPE_CODE);
	assert_string_equal(orders, ""); /* nor is it what stands on a pen */
	assert_non_null(strstr(drawn(), "nothing to decide"));
	keys("x\b");
	assert_null(strstr(drawn(), "nothing to decide"));
	show(FAILED);
	keys("%SUPERVISOR\rSV-01\r12");
	show("{\"view\":\"prompt\",\"prompt\":{\"id\":1,\"question\":\"scan_pen\"}}");
	assert_null(strstr(drawn(), "**>"));
	assert_int_equal(s.field, TYPE_CODE);
	assert_string_equal(s.typed, "");
}

static void enter_alone_starts_nothing_from_a_dialog(void **state)
{
	(void)state;
	show(FAILED);
	keys("%SUPERVISOR\r");
	show(ARMED);
	keys("\r");
	assert_string_equal(orders, "");
	show("{\"view\":\"armed\",\"signing\":\"A. Meier\"}");
	s.field = TYPE_CODE;
	keys("\r");
	assert_string_equal(orders, "");
	show(ARMED);
	keys("\r");
	assert_ordered("\"do\":\"start\"");
}

struct asked {
	const char *shown, *serial; /* serial "": no decision */
};

static void decides_about_the_unit_that_is_named(void **state)
{
	static const struct asked rows[] = {
		{FAILED, "PEN-1"},
		{"{\"view\":\"verdict\",\"serial\":\"PEN-1\",\"verdict\":{\"word\":\"held\"}}", "PEN-1"},
		{"{\"view\":\"verdict\",\"serial\":\"PEN-1\",\"verdict\":{\"word\":\"pass\"}}", ""},
		{"{\"view\":\"ready\",\"serial\":\"\",\"refused\":\"held\",\"refused_detail\":\"PEN-2\"}", "PEN-2"},
		{"{\"view\":\"verdict\",\"serial\":\"PEN-1\",\"verdict\":{\"word\":\"fail\"},"
		 "\"refused\":\"rejected\",\"refused_detail\":\"PEN-2\"}",
		 "PEN-2"},
		{"{\"view\":\"verdict\",\"serial\":\"PEN-1\",\"verdict\":{\"word\":\"fail\"},"
		 "\"refused\":\"passed_already\",\"refused_detail\":\"PEN-2\"}",
		 "PEN-1"},
		{"{\"view\":\"verdict\",\"serial\":\"PEN-1\",\"verdict\":{\"word\":\"fail\"},"
		 "\"refused\":\"no_supervisor\",\"refused_detail\":\"E. Setter\"}",
		 "PEN-1"},
		{"{\"view\":\"ready\",\"serial\":\"\",\"refused\":\"scan_length\",\"refused_detail\":\"01\"}", ""},
		{ARMED, ""},
		{RUNS, ""},
	};
	static const char *const typed[] = {"SV-01\r", "1234\r", "torn\r"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char wanted[64];

		show(rows[i].shown);
		keys("%SUPERVISOR\r");
		assert_int_equal(s.field, *rows[i].serial ? TYPE_WHO : TYPE_CODE);
		if (!*rows[i].serial) {
			assert_non_null(strstr(drawn(), "nothing to decide"));
			continue;
		}
		snprintf(wanted, sizeof(wanted), "Supervisor: %s", rows[i].serial);
		for (size_t k = 0; k < sizeof(typed) / sizeof(typed[0]); k++) {
			assert_non_null(strstr(drawn(), wanted));
			keys(typed[k]);
		}
		assert_non_null(strstr(drawn(), wanted));
		keys("1\r");
		snprintf(wanted, sizeof(wanted), "\"serial\":\"%s\"", rows[i].serial);
		assert_ordered(wanted);
		assert_null(strstr(drawn(), "Supervisor:"));
	}
}

static void a_pass_says_what_is_not_known(void **state)
{
	(void)state;
	show("{\"view\":\"verdict\",\"serial\":\"PEN-1\",\"verdict\":{\"word\":\"pass\",\"unasked\":true}}");
	assert_non_null(strstr(drawn(), "nobody was asked"));
	show("{\"view\":\"verdict\",\"serial\":\"PEN-1\",\"verdict\":{\"word\":\"pass\",\"unasked\":false}}");
	assert_null(strstr(drawn(), "nobody was asked"));
}

static void no_text_steers_the_terminal(void **state)
{
	const char *text;

	(void)state;
	show("{\"view\":\"armed\",\"serial\":\"PEN\\u009b31m-\\u001b]0;x\\u0007\\u0085-\\u00e9\",\"operator\":"
	     "\"\\u0090q\"}");
	keys("\x9b"
	     "2J");
	text = drawn();
	assert_null(strstr(text, "\xc2\x9b"));
	assert_null(strstr(text, "\xc2\x85"));
	assert_null(strstr(text, "\xc2\x90"));
	assert_null(strstr(text, "\x9b"));
	assert_null(strstr(text, "\x1b]"));
	assert_null(strchr(text, '\a'));
	assert_non_null(strstr(text, "-\xc3\xa9")); /* and a letter stays one */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stop_card_in_every_field, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stop_card_behind_more_than_fits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stop_card_with_its_suffix, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_cards_in_every_field, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_decision_while_a_test_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(enter_alone_starts_nothing_from_a_dialog, set_up, tear_down),
		cmocka_unit_test_setup_teardown(decides_about_the_unit_that_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pass_says_what_is_not_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_text_steers_the_terminal, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
