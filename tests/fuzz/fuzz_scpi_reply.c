/* Bytes of a pen, whatever they are: no crash, no read beyond, lines and fields within their bounds, and the same lines
 * whether the bytes come whole or in pieces. */
#include <math.h>

#include "drivers/scpi-pen/wire.h"
#include "rig/base/crc32c.h"
#include "rig/driver/ieee488.h"
#include "rig/driver/lines.h"
#include "tests/fuzz/standalone.h"

#define SHOWN_MAX 40

static void read_field(const char *field)
{
	double number;
	uint64_t uint;
	bool on;
	struct scpi_error error;
	struct scpi_identity identity;
	struct scpi_cartridge cartridge;
	struct scpi_readings readings;

	if (scpi_read_number(field, &number))
		FUZZ_CHECK(!isfinite(number) || fabs(number) < IEEE488_INFINITY);
	(void)scpi_read_uint(field, &uint);
	(void)scpi_read_bool(field, &on);
	if (scpi_read_error(field, &error))
		FUZZ_CHECK(error.code >= -32768 && error.code <= 32768 && strlen(error.text) < SCPI_TEXT_MAX);
	if (scpi_read_identity(field, &identity))
		FUZZ_CHECK(strlen(identity.maker) < SCPI_TEXT_MAX && strlen(identity.firmware) < SCPI_TEXT_MAX);
	if (scpi_read_cartridge(field, &cartridge))
		FUZZ_CHECK(strlen(cartridge.id) < SCPI_TEXT_MAX);
	if (scpi_read_readings(field, &readings))
		FUZZ_CHECK(!isinf(readings.rate_hz) && !isinf(readings.motor_c) && !isinf(readings.handle_c) &&
			   !isinf(readings.volts_v) && !isinf(readings.current_a));
}

static uint32_t read_lines(const uint8_t *data, size_t size, size_t step)
{
	struct lines lines = {.len = 0};
	uint32_t digest = 0;

	for (size_t at = 0; at < size;) {
		char *fields[SCPI_FIELDS_MAX];
		size_t used = 0, piece = size - at < step ? size - at : step;
		enum lines_fed fed = lines_feed(&lines, data + at, piece, &used);

		FUZZ_CHECK(used > 0 && used <= piece);
		at += used;
		if (fed == LINES_DROPPED)
			digest = crc32c(digest, "spoilt", 6);
		if (fed != LINES_LINE)
			continue;
		char shown[SHOWN_MAX];
		lines_show(&lines, shown, sizeof(shown));
		FUZZ_CHECK(strlen(shown) < sizeof(shown));
		size_t len = strlen(lines.text);
		FUZZ_CHECK(len > 0 && len <= LINES_MAX);
		digest = crc32c(digest, lines.text, len);
		int n = scpi_split(lines.text, fields);
		FUZZ_CHECK(n == -1 || (n >= 1 && n <= SCPI_FIELDS_MAX));
		for (int i = 0; i < n; i++)
			read_field(fields[i]);
	}
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size ? 1 + data[0] % 31 : 1;

	FUZZ_CHECK(read_lines(data, size, size ? size : 1) == read_lines(data, size, step));
	return 0;
}

FUZZ_MAIN("scpi-pen.txt")
