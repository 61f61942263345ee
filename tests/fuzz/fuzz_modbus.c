/* Bytes of a Modbus device, whatever they are, to requests of every kind: no crash, no write beyond, and the same answer whether
 * the bytes come whole or one by one. */
#include "rig/driver/modbus.h"

#include "tests/fuzz/standalone.h"

static bool feed(const struct modbus_request *request, const uint8_t *data, size_t size, size_t step,
		 struct modbus_answer *ret)
{
	struct modbus_line line = {.len = 0};

	for (size_t at = 0; at < size; at += step) {
		bool whole = modbus_feed(&line, request, data + at, size - at < step ? size - at : step, ret);
		FUZZ_CHECK(line.len < modbus_answer_len(request) + 1);
		if (whole)
			return true;
	}
	return false;
}

static void ask(const struct modbus_request *request, const uint8_t *data, size_t size)
{
	struct modbus_answer whole = {.count = 0}, pieces = {.count = 0};
	bool came = feed(request, data, size, size ? size : 1, &whole);

	FUZZ_CHECK(came == feed(request, data, size, 1, &pieces));
	FUZZ_CHECK(memcmp(&whole, &pieces, sizeof(whole)) == 0);
	FUZZ_CHECK(!came || whole.exception || whole.count == request->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t functions[] = {MODBUS_READ_COILS, MODBUS_READ_DISCRETE,  MODBUS_READ_HOLDING,
					    MODBUS_WRITE_COIL, MODBUS_WRITE_REGISTER, MODBUS_WRITE_REGISTERS};

	for (size_t i = 0; i < sizeof(functions); i++)
		for (uint16_t count = 1; count <= MODBUS_VALUES_MAX; count++) {
			const struct modbus_request request = {
				.unit = 1, .function = functions[i], .count = i < 3 ? count : 0, .value = 0xFF00};
			ask(&request, data, size);
		}
	return 0;
}

FUZZ_MAIN("modbus.txt")
