/* Codes as scanners send them: every form, and every way to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig/station/scan.h"

#define GS   "\x1d"
#define GTIN "04012345678901"
#define YEAR 2026

struct good {
	const char *code, *serial, *lot, *gtin, *made, *expires, *extra;
};

static void assert_field(const char *code, const char *what, const char *is, const char *wanted)
{
	if (strcmp(is, wanted ? wanted : "") != 0)
		fail_msg("%s: %s is \"%s\", not \"%s\"", code, what, is, wanted ? wanted : "");
}

static void every_form(void **state)
{
	static const struct good rows[] = {
		{.code = "]d201" GTIN "21PEN-GOOD-01" GS "10L42", .serial = "PEN-GOOD-01", .lot = "L42", .gtin = GTIN},
		{.code = "]C101" GTIN "21PEN-GOOD-01", .serial = "PEN-GOOD-01", .gtin = GTIN},
		{.code = "]d2" GS "01" GTIN GS "21A" GS "17271231",
		 .serial = "A",
		 .gtin = GTIN,
		 .expires = "2027-12-31"},
		{.code = GS "01" GTIN "21A", .serial = "A", .gtin = GTIN},
		{.code = "]Q301" GTIN "1127110021A", .serial = "A", .gtin = GTIN, .made = "2027-11-30"},
		{.code = "]e021A" GS "240-X/2", .serial = "A", .extra = "-X/2"},
		{.code = "]J13103001234"
			 "21A",
		 .serial = "A"},
		{.code = "]d24104012345678901"
			 "21A",
		 .serial = "A"},
		{.code = "]d221A10B", .serial = "A10B"}, /* no mark, and no way to know */
		{.code = "]d221A" GS "21A", .serial = "A"},
		{.code = "]d221A" GS, .serial = "A"},
		{.code = "(01)" GTIN "(21)PEN-GOOD-01(10)L42(17)271231",
		 .serial = "PEN-GOOD-01",
		 .lot = "L42",
		 .gtin = GTIN,
		 .expires = "2027-12-31"},
		{.code = "(21)A(x)(10)B", .serial = "A(x)", .lot = "B"},
		{.code = "(21)A(10", .serial = "A(10"},
		{.code = "(21)A(10)", .serial = "A(10)"},
		{.code = "(21)A(99)B", .serial = "A(99)B"},
		{.code = "]d2(21)A",
		 .serial = NULL}, /* parentheses are for people: behind an identifier they are no field */
		{.code = "https://id.gs1.org/01/" GTIN "/21/PEN-GOOD-01?17=271231",
		 .serial = "PEN-GOOD-01",
		 .gtin = GTIN,
		 .expires = "2027-12-31"},
		{.code = "HTTPS://x.example/a/b/01/4012345678901/10/L%2F4/21/A%20?linkType=all&x", .serial = NULL},
		{.code = "http://x.example/a/b/01/4012345678901/10/L%2F4/21/A#top",
		 .serial = "A",
		 .lot = "L/4",
		 .gtin = GTIN},
		{.code = "https://x/01/40123455/21/A?10=L42;999=3",
		 .serial = "A",
		 .lot = "L42",
		 .gtin = "00000040123455"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct good *g = &rows[i];
		struct scan scan;
		struct scan_refusal refusal = {SCAN_FAULTS, ""};
		bool ok = scan_read(g->code, strlen(g->code), YEAR, &scan, &refusal);

		if (ok != (g->serial != NULL))
			fail_msg("%s: %s", g->code, ok ? "taken" : scan_fault_name(refusal.fault));
		if (!ok)
			continue;
		assert_true(scan.gs1);
		assert_field(g->code, "serial number", scan.serial, g->serial);
		assert_field(g->code, "lot", scan.lot, g->lot);
		assert_field(g->code, "GTIN", scan.gtin, g->gtin);
		assert_field(g->code, "date of making", scan.made, g->made);
		assert_field(g->code, "expiry", scan.expires, g->expires);
		assert_field(g->code, "additional id", scan.extra, g->extra);
	}
}

static void plain_text(void **state)
{
	static const struct {
		const char *code, *text;
	} rows[] = {
		{"PEN-GOOD-01", "PEN-GOOD-01"},
		{"]C0PEN-GOOD-01", "PEN-GOOD-01"}, /* Code 128 that is not GS1 */
		{"]d1PEN-GOOD-01", "PEN-GOOD-01"},
		{"]", "]"},
		{"]d", "]d"},
		{"(x)", "(x)"},
		{"102100", "102100"}, /* a number is no element string */
		{"21A", "21A"},
		{"0104012345678902", "0104012345678902"}, /* no GTIN: the check digit is wrong */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scan scan;
		struct scan_refusal refusal;

		if (!scan_read(rows[i].code, strlen(rows[i].code), YEAR, &scan, &refusal))
			fail_msg("%s: %s", rows[i].code, scan_fault_name(refusal.fault));
		assert_false(scan.gs1);
		assert_string_equal(scan.text, rows[i].text);
		assert_string_equal(scan.serial, "");
	}
}

static void wrong_ones(void **state)
{
	static const struct {
		const char *code;
		enum scan_fault fault;
		const char *ai;
	} rows[] = {
		{"", SCAN_EMPTY, ""},
		{"]d2", SCAN_EMPTY, ""},
		{GS, SCAN_EMPTY, ""},
		{"PEN\tGOOD", SCAN_CHARACTER, ""},
		{"PEN\x80", SCAN_CHARACTER, ""},
		{"]d221PEN GOOD", SCAN_CHARACTER, "21"},
		{"]d201040123456789X121A", SCAN_CHARACTER, "01"},
		{"]d20104012345678902"
		 "21A",
		 SCAN_CHECK_DIGIT, "01"},
		{"]d2410401234567890221A", SCAN_CHECK_DIGIT, "41n"},
		{"(01)04012345678902(21)A", SCAN_CHECK_DIGIT, "01"},
		{"https://x/01/4012345678902/21/A", SCAN_CHECK_DIGIT, "01"},
		{"]d221A" GS "17270230", SCAN_NO_SUCH_DATE, "17"},
		{"]d221A" GS "11271301", SCAN_NO_SUCH_DATE, "11"},
		{"]d221A" GS "11270001", SCAN_NO_SUCH_DATE, "11"},
		{"]d221A" GS "1727123", SCAN_LENGTH, "17"},
		{"]d221", SCAN_LENGTH, "21"},
		{"]d210" GS "21A", SCAN_LENGTH, "10"},
		{"]d221123456789012345678901", SCAN_LENGTH, "21"},
		{"(01)4012345678901(21)A", SCAN_LENGTH, "01"},
		{"(21)", SCAN_LENGTH, "21"},
		{"]d29912" GS "21A", SCAN_UNKNOWN_AI, "9912"},
		{"(99)12(21)A", SCAN_UNKNOWN_AI, "99)1"},
		{"https://x/01/" GTIN "/99/A", SCAN_UNKNOWN_AI, "99"},
		{"]d221A" GS "21B", SCAN_TWICE, "21"},
		{"(21)A(21)B", SCAN_TWICE, "21"},
		{"https://x/01/" GTIN "/21/A?21=B", SCAN_TWICE, "21"},
		{"]d201" GTIN, SCAN_NO_SERIAL, "21"},
		{"]d201" GTIN "10ABC12321SN-0417", SCAN_NO_SERIAL, "21"}, /* FNC1 dropped behind the lot */
		{"https://x/01/" GTIN, SCAN_NO_SERIAL, "21"},
		{"10ABC12321SN-0417", SCAN_AMBIGUOUS, ""},
		{"21SN-041710ABC", SCAN_AMBIGUOUS, ""},
		{"01" GTIN "21A", SCAN_AMBIGUOUS, ""},
		{"PEN" GS "21A", SCAN_AMBIGUOUS, ""},
		{"]d1" GS "21A", SCAN_AMBIGUOUS, ""}, /* no GS1, says the one; GS1, the other */
		{"https://x/shop/pens", SCAN_LINK, ""},
		{"https://x/01", SCAN_LINK, ""},
		{"https://x/01/" GTIN "/21", SCAN_LINK, ""},
		{"https://x/01/" GTIN "/21/A%2", SCAN_LINK, ""},
		{"https://", SCAN_LINK, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scan scan = {.gs1 = true, .serial = "old"};
		struct scan_refusal refusal = {SCAN_FAULTS, ""};

		if (scan_read(rows[i].code, strlen(rows[i].code), YEAR, &scan, &refusal))
			fail_msg("%s: taken as %s", rows[i].code, scan.serial);
		if (refusal.fault != rows[i].fault || strncmp(refusal.ai, rows[i].ai, 2) != 0)
			fail_msg("%s: %s (%s)", rows[i].code, scan_fault_name(refusal.fault), refusal.ai);
		assert_false(scan.gs1 || scan.serial[0] || scan.text[0]);
	}
}

static void two_codes_are_too_long(void **state)
{
	char code[SCAN_MAX + 2];
	struct scan scan;
	struct scan_refusal refusal;

	(void)state;
	memset(code, 'A', sizeof(code));
	assert_true(scan_read(code, SCAN_MAX, YEAR, &scan, &refusal));
	assert_false(scan_read(code, SCAN_MAX + 1, YEAR, &scan, &refusal));
	assert_int_equal(refusal.fault, SCAN_TOO_LONG);
}

/* GS1 General Specifications 7.12. */
static void centuries(void **state)
{
	static const struct {
		int year;
		const char *yy, *is;
	} rows[] = {
		{2026, "76", "2076-01-01"}, {2026, "77", "1977-01-01"}, {2026, "00", "2000-01-01"},
		{2060, "10", "2110-01-01"}, {2060, "11", "2011-01-01"}, {2099, "49", "2149-01-01"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char code[32];
		struct scan scan;
		struct scan_refusal refusal;

		snprintf(code, sizeof(code), "]d211%s010121A", rows[i].yy);
		assert_true(scan_read(code, strlen(code), rows[i].year, &scan, &refusal));
		assert_string_equal(scan.made, rows[i].is);
	}
}

static void every_fault_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < SCAN_FAULTS; i++)
		assert_non_null(scan_fault_name((enum scan_fault)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form), cmocka_unit_test(plain_text),
		cmocka_unit_test(wrong_ones), cmocka_unit_test(two_codes_are_too_long),
		cmocka_unit_test(centuries),  cmocka_unit_test(every_fault_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
