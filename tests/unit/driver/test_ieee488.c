/* Numbers and texts as instruments send them: every form that is taken, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "rig/driver/ieee488.h"

static void test_headers(void **state)
{
	static const struct {
		const char *question, *unit, *data; /* data NULL: it answers something else */
	} rows[] = {
		{"SOUR:FREQ?", "120", "120"},
		{"SOUR:FREQ?", "  120", "120"},
		{"SOUR:FREQ?", ":SOUR:FREQ 120", "120"},
		{"*CLS;:SOUR:FREQ? MAX\n", "\t:SOURCE:FREQuency \t 120 ", "120 "},
		{"SOURce:FREQuency?", ":sour:freq 120", "120"},
		{"SOUR:FREQ?", "FREQ +1.2E+2", "+1.2E+2"},
		{"FREQ?", "SOUR:FREQ 5", "5"},
		{"SOUR:FREQ?", "SOUR:DEPT 5", NULL},
		{"SOUR:FREQ?", "MEAS:FREQ 5", NULL},
		{":MEAS:VOLT?", "VOLT 5", NULL},
		{":SOUR:VOLT?", "MEAS:VOLT 5", NULL},
		{":MEAS:VOLT?", "MEAS:VOLT:DC 5", NULL},
		{":MEAS:VOLT?", "MEAS 5", NULL},
		{":MEAS:VOLT? CH1", "MEASURE:VOLTAGE 5", "5"},
		{":MEASURE:VOLT?", "MEASU:VOLT 5", NULL}, /* neither form */
		{"SYST:UPT?", ":SYSTEM:UPTIME 5", "5"},
		{"SYST:UPT?", ":SYST:UPTI 5", NULL},
		{":OUTP?", "OUTPUT:STATE ON", "ON"},
		{":OUTP:STAT?", ":OUTP 1", "1"},
		{":OUTP?", ":OUTP:STAT:X 1", NULL},
		{":OUTP?", ":OUTP:TIM 1", NULL},
		{":OUTP:TIM?", ":OUTP 1", NULL},
		{":OUTP:TIM?", ":OUTP:STAT 1", NULL},
		{"CH1:VOLT_2?", "CH1:VOLT_2 5", "5"},
		{"CH1:VOLT?", "CH:VOLT 5", "5"},
		{"CH1:VOLT?", "CH2:VOLT 5", NULL},
		{"CH2:VOLT?", "CH:VOLT 5", NULL},
		{"*ESR?", "*ESR 32", "32"},
		{"*ESR?", "*STB 32", NULL},
		{"*ESR?", "ESR 32", "ESR 32"},
		{"*ESR?", ":OUTP 1", NULL},
		{"ESR?", "*ESR 32", NULL},
		{"*IDN?", "Maker Limited,P,1,2", "Maker Limited,P,1,2"},
		{"*IDN?", "*IDN Maker,P,1,2", "Maker,P,1,2"},
		{"\"?\"", "OUTP 1", NULL}, /* a question without a header */
		{"OUTP?", "FREQ", "FREQ"}, /* a word, and no header of nothing */
		{"OUTP?", "ON ", "ON "},
		{"OUTP?", "FREQ120", "FREQ120"},
		{"OUTP?", "FREQ,120", "FREQ,120"},
		{"FREQ?", "FREQ? 120", "FREQ? 120"},
		{"FREQ?", "1FREQ 120", "1FREQ 120"},
		{"FREQ?", ": 120", ": 120"},
		{"A?", "::A 1", "::A 1"},
		{"A?", "\"A\" 1", "\"A\" 1"},
		{"A?", "-INF", "-INF"},
		{"A?", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *data = NULL;
		bool is = ieee488_data(rows[i].unit, rows[i].question, &data);
		if (is != (rows[i].data != NULL) || (is && strcmp(data, rows[i].data) != 0))
			fail_msg("\"%s\" to \"%s\" is read as %s", rows[i].unit, rows[i].question,
				 is ? data : "another's");
	}
}

static bool same(double a, double b)
{
	return isnan(a) ? isnan(b) : isinf(b) ? a == b : fabs(a - b) <= 1e-12 * fabs(b);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text, *rest;
		double value;
	} taken[] = {
		{"120,7", ",7", 120},        {"+5.000E-01", "", 0.5},
		{"-.5e0x", "x", -0.5},       {"7.", "", 7},
		{"1e-0005", "", 1e-5},       {"0x10", "x10", 0},
		{"9.91E37", "", NAN},        {"+9.9e+37", "", INFINITY},
		{"-9.9E37", "", -INFINITY},  {"nan", "", NAN},
		{"NINF,3", ",3", -INFINITY}, {"1 E3", " E3", 1}, /* what follows is the caller's */
	};
	static const char *const refused[] = {"",       ".",    "+",    "1e",   "1e+",     "--1",
					      "+ 1",    "e5",   "INFI", "1e38", "9.95e37", "1e999999999999",
					      "-1e999", "\"1\""};

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		const char *at = taken[i].text;
		double value = 3;
		assert_true(ieee488_number(&at, false, &value));
		assert_string_equal(at, taken[i].rest);
		assert_true(same(value, taken[i].value));
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *at = refused[i];
		double value = 3;
		assert_false(ieee488_number(&at, false, &value));
		assert_true(value == 3 && at == refused[i]);
	}
}

/* Blanks about the letter, for who asks for them. */
static void test_exponents(void **state)
{
	const char *at = "5 E +1 ";
	double value;

	(void)state;
	assert_true(ieee488_number(&at, true, &value) && value == 50 && ieee488_at_end(at));
	at = "5 E";
	assert_false(ieee488_number(&at, true, &value));
	at = "5 V";
	assert_true(ieee488_number(&at, true, &value) && value == 5 && !ieee488_at_end(at));
	at = "1234567890123456789012345678901234567890123456789012345678901234";      /* 64 */
	assert_true(ieee488_number(&at, false, &value) == false && strlen(at) == 64); /* beyond 9.9e37 */
	at = "00000000000000000000000000000000000000000000000000000000000000012";     /* 65 */
	assert_false(ieee488_number(&at, false, &value));
}

static void test_integers(void **state)
{
	static const struct {
		const char *text, *rest;
		uint64_t value;
	} taken[] = {
		{"0", "", 0},
		{"+00012,3", ",3", 12},
		{"18446744073709551615", "", UINT64_MAX},
		{"5.302E+04", "", 53020},
		{"12.", "", 12},
		{"9007199254740992.0", "", UINT64_C(1) << 53},
		{"#HfF", "", 255},
		{"#h10,1", ",1", 16},
		{"#Q17", "", 15},
		{"#B1012", "2", 5},
		{"12 ", " ", 12},
		{"12A", "A", 12},
	};
	static const char *const refused[] = {"",
					      "-1",
					      "-0",
					      "1.5",
					      "1e-1",
					      "18446744073709551616",
					      "9007199254740994.0",
					      "#",
					      "#H",
					      "#Hx",
					      "#H-1",
					      "#H 1",
					      "#D1",
					      "#H10000000000000000",
					      "NAN",
					      "9.9E37",
					      "+ 1",
					      "1e",
					      "++1"};

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		const char *at = taken[i].text;
		uint64_t value = 3;
		assert_true(ieee488_uint(&at, &value));
		assert_string_equal(at, taken[i].rest);
		assert_true(value == taken[i].value);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const char *at = refused[i];
		uint64_t value = 3;
		assert_false(ieee488_uint(&at, &value));
		assert_true(value == 3 && at == refused[i]);
	}
}

static void test_strings(void **state)
{
	const char *at = " \"a \"\"b\"\";c\",5";
	char text[10];

	(void)state;
	assert_true(ieee488_string(&at, text, sizeof(text), false));
	assert_string_equal(text, "a \"b\";c");
	assert_string_equal(at, ",5");
	at = "\"0123456789\"";
	assert_false(ieee488_string(&at, text, sizeof(text), false));
	assert_true(ieee488_string(&at, text, sizeof(text), true));
	assert_string_equal(text, "012345678");
	assert_string_equal(at, "");
	for (const char *const *bad = (const char *const[]){"a", "'a'", "\"a", "\"a\"\"", "", NULL}; *bad; bad++) {
		at = *bad;
		assert_false(ieee488_string(&at, text, sizeof(text), true));
		assert_ptr_equal(at, *bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),  cmocka_unit_test(test_numbers), cmocka_unit_test(test_exponents),
		cmocka_unit_test(test_integers), cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
