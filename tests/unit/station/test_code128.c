/* Codes of Code 128: published symbols, and what no symbol may stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig/station/code128.h"

/* As dark and light modules in hexadecimal, from the first bar on. */
static void modules(const struct code128 *code, char *ret)
{
	unsigned n = 0, nibble = 0;

	for (unsigned i = 0; i < code->widths; i++)
		for (unsigned m = 0; m < code->width[i]; m++) {
			nibble = nibble << 1 | (i % 2 == 0);
			if (++n % 4 == 0)
				ret += sprintf(ret, "%X", nibble & 15);
		}
	if (n % 4)
		sprintf(ret, "%X", nibble << (4 - n % 4) & 15);
}

static void symbols(void **state)
{
	/* What zint 2.11 draws (zint -b 60 --dump). */
	static const struct {
		const char *text, *modules;
	} rows[] = {
		{"PEN-GOOD-01", "D21DDA345C69B9A223B476B11372764E69CD8EB"},
		{"%STOP", "D21133746E28EDDDA1963AC"},
		{"%GIVEUP", "D2113344622EB11A377776E4D8EB"},
		{"OP-0007", "D211DBBB4DC9D93B27676EB218EB"},
		{" !\"#$%&'()*+,-./0123456789:;<=>?",
		 "D21B3336666931232264C898919324644C496726E4CEB993B273672CB993B72674EDDD3396726EC9CD3996D8D8DE8B1D6"},
		{"@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_",
		 "D218DA8C45888D62234462D118A3115B8B1D1BAEC5C68EDDDB4762EDD1B8B77758E8DC5BB4762E35DEB2178AA61EBB1D6"},
		{"_`abcdefghijklmnopqrstuvwxyz{|}~",
		 "D214C2864B090D0B213590B093426143486584B287BAC291EA9E4BC93D7927A4F2F49E53C96DEDEDEDABC51E8BD47B1D6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct code128 code;
		char seen[400] = "";

		assert_true(code128_encode(rows[i].text, &code));
		assert_int_equal(code.modules, (strlen(rows[i].text) + 2) * 11 + 13);
		modules(&code, seen);
		if (strcmp(seen, rows[i].modules) != 0)
			fail_msg("%s: %s, not %s", rows[i].text, seen, rows[i].modules);
	}
}

static void what_cannot_be_printed(void **state)
{
	char longest[CODE128_TEXT_MAX + 2];
	struct code128 code;

	(void)state;
	memset(longest, '~', sizeof(longest) - 1);
	longest[CODE128_TEXT_MAX + 1] = '\0';
	assert_false(code128_encode(longest, &code));
	longest[CODE128_TEXT_MAX] = '\0';
	assert_true(code128_encode(longest, &code));
	assert_int_equal(code.widths, sizeof(code.width));
	assert_false(code128_encode("", &code));
	assert_false(code128_encode("\x1f", &code));
	assert_false(code128_encode("\x7f", &code));
	assert_false(code128_encode("PEN-\xc3\xbc", &code));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symbols),
		cmocka_unit_test(what_cannot_be_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
