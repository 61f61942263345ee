/* Codes, whatever they are: no crash, no read beyond, fields within their bounds and their characters, and what is taken as
 * GS1 has a serial number. A code that loses its FNC1 is refused, or names the same unit, or is seen to have two readings. */
#include <ctype.h>

#include "rig/station/scan.h"
#include "tests/fuzz/standalone.h"

static void check_text(const char *text, size_t size)
{
	FUZZ_CHECK(memchr(text, '\0', size));
	for (; *text; text++)
		FUZZ_CHECK(*text >= ' ' && *text <= '~');
}

static bool is_same(void *serial, const char *other)
{
	check_text(other, SCAN_SERIAL);
	return strcmp(serial, other) == 0;
}

static size_t without_marks(const uint8_t *data, size_t size, char ret[SCAN_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		if (data[i] != SCAN_GS)
			ret[n++] = (char)data[i];
	return n;
}

static void lose_marks(const uint8_t *data, size_t size, const struct scan *scan)
{
	char bytes[SCAN_MAX], serial[SCAN_SERIAL], alone[SCAN_SERIAL + 2];
	struct scan other;
	struct scan_refusal refusal;

	if (!scan_read(bytes, without_marks(data, size, bytes), 2026, &other, &refusal))
		return;
	snprintf(serial, sizeof(serial), "%s", scan->serial);
	snprintf(alone, sizeof(alone), "21%s", serial); /* never without a GTIN: no label that is GS1's */
	FUZZ_CHECK(strcmp(other.gs1 ? other.serial : other.text, other.gs1 ? serial : alone) == 0 ||
		   scan_may_be_cut(&other, is_same, serial));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan scan;
	struct scan_refusal refusal = {SCAN_FAULTS, ""};
	bool taken = scan_read((const char *)data, size, 2026, &scan, &refusal);

	FUZZ_CHECK(taken || (refusal.fault < SCAN_FAULTS && scan_fault_name(refusal.fault)));
	FUZZ_CHECK(memchr(refusal.ai, '\0', sizeof(refusal.ai)));
	check_text(scan.text, sizeof(scan.text));
	check_text(scan.serial, sizeof(scan.serial));
	check_text(scan.lot, sizeof(scan.lot));
	check_text(scan.extra, sizeof(scan.extra));
	FUZZ_CHECK(taken == (scan.text[0] != '\0'));
	FUZZ_CHECK(!scan.gs1 || scan.serial[0]);
	FUZZ_CHECK(scan.gs1 || !(scan.serial[0] || scan.gtin[0] || scan.lot[0]));
	FUZZ_CHECK(!scan.gtin[0] || (strlen(scan.gtin) == 14 && scan_check_digit(scan.gtin, 14)));
	FUZZ_CHECK(!scan.made[0] || strlen(scan.made) == 10);
	if (scan.gs1 && memchr(data, SCAN_GS, size))
		lose_marks(data, size, &scan);
	return 0;
}

#ifndef PENRIG_LIBFUZZER
static void with_damage(const char *code)
{
	uint64_t state = 1;
	size_t len = strlen(code);

	fuzz_run((const uint8_t *)code, len);
	for (int i = 0; i < 50 * DAMAGED_RUNS; i++)
		fuzz_damage((const uint8_t *)code, len, &state);
}

int main(int argc, char **argv)
{
	static const char *const codes[] = {
		"]d2010401234567890121PEN-GOOD-01\x1d"
		"10L42\x1d"
		"17271231",
		"]C1\x1d"
		"0104012345678901\x1d"
		"21A\x1d"
		"240X\x1d"
		"3103001234"
		"4104012345678901",
		"(01)04012345678901(21)PEN(10)-GOOD(x)(10)L42(17)271200",
		"(21)A(10)(21)(10)(10(10)B(11)270101(17)(240)",
		"https://id.gs1.org/a/01/4012345678901/10/L%2F4/21/PEN-GOOD-01?17=271231&x=y;240=%41#z",
		"10ABC12321SN-0417",
		"]d221A\x1d"
		"10B",
		"\x1d"
		"17271231\x1d"
		"21A\x1d"
		"30123\x1d"
		"10B21C",
		"PEN-GOOD-01",
	};

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (size_t i = 0; argc == 1 && i < sizeof(codes) / sizeof(codes[0]); i++)
		with_damage(codes[i]);
	return 0;
}
#endif
