/* Lines of a GRBL controller, whatever stands in them: no crash, no read beyond, numbers that are numbers, and what it says
 * of itself is printable where the line was. */
#include <math.h>
#include <string.h>

#include "drivers/grbl/wire.h"
#include "tests/fuzz/standalone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[256];
	size_t len = size < sizeof(line) - 1 ? size : sizeof(line) - 1;

	memcpy(line, data, len);
	line[len] = '\0';
	struct grbl_said said = grbl_read(line);
	FUZZ_CHECK(said.kind <= GRBL_NONSENSE && said.state <= GRBL_OTHER);
	FUZZ_CHECK(said.number < 1000 && isfinite(said.value));
	FUZZ_CHECK(memchr(said.text, 0, sizeof(said.text)));
	FUZZ_CHECK(grbl_error(said.number)[0] && grbl_alarm(said.number)[0]);
	for (int i = 0; said.has_position && i < GRBL_AXES; i++)
		FUZZ_CHECK(said.kind == GRBL_REPORT && fabs(said.position_mm[i]) <= 1e5);
	if (said.kind == GRBL_OK)
		FUZZ_CHECK(strcmp(line, "ok") == 0);
	return 0;
}

#ifndef PENRIG_LIBFUZZER
int main(int argc, char **argv)
{
	static const char *const lines[] = {
		"ok",
		"error:9",
		"ALARM:1",
		"Grbl 1.1h ['$' for help]",
		"[MSG:'$H'|'$X' to unlock]",
		"<Idle|MPos:0.000,0.000,0.000|FS:0,0>",
		"<Run|MPos:-12.504,1.000,0.000|FS:480,0|WCO:0.000,0.000,0.000>",
		"$100=250.000",
		"",
	};
	uint64_t state = 1;

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (size_t i = 0; argc == 1 && i < sizeof(lines) / sizeof(lines[0]); i++) {
		fuzz_run((const uint8_t *)lines[i], strlen(lines[i]));
		for (int k = 0; lines[i][0] && k < 50 * DAMAGED_RUNS; k++)
			fuzz_damage((const uint8_t *)lines[i], strlen(lines[i]), &state);
	}
	return 0;
}
#endif
