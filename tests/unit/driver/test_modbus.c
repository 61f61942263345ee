/* Modbus RTU framing: the frames of makers' documents, every bit of an answer turned over, answers in pieces, behind noise, to
 * other requests, too late. */
#include "rig/driver/modbus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct modbus_request coil = {.unit = 1, .function = MODBUS_READ_COILS, .at = 0, .count = 8};
static const struct modbus_request registers = {.unit = 1, .function = MODBUS_READ_HOLDING, .at = 8, .count = 2};
static const struct modbus_request off = {.unit = 1, .function = MODBUS_WRITE_COIL, .at = 0, .value = 0};

static const uint8_t coils_say[] = {0x01, 0x01, 0x01, 0x05, 0x91, 0x8B};
static const uint8_t registers_say[] = {0x01, 0x03, 0x04, 0x01, 0x4A, 0x05, 0xDC, 0xD8, 0xD0};
static const uint8_t off_says[] = {0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0xCD, 0xCA};

static void encodes(struct modbus_request request, const char *hex)
{
	uint8_t frame[MODBUS_FRAME_MAX];
	char text[64];
	size_t len = modbus_encode(&request, frame, sizeof(frame)), n = 0;

	for (size_t i = 0; i < len; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%02X", frame[i]);
	assert_string_equal(len ? text : "", hex);
}

static void the_makers_frames(void **state)
{
	(void)state;
	encodes((struct modbus_request){1, MODBUS_WRITE_COIL, 0, 0, 0xFF00}, "01050000FF008C3A");
	encodes((struct modbus_request){1, MODBUS_WRITE_COIL, 0, 0, 0}, "010500000000CDCA");
	encodes((struct modbus_request){1, MODBUS_WRITE_COIL, 0x200, 0, 7}, "0105020000078DB0");
	encodes((struct modbus_request){1, MODBUS_WRITE_COIL, 0x200, 0, 30}, "01050200001E4C7A");
	encodes((struct modbus_request){1, MODBUS_READ_COILS, 0, 8, 0}, "0101000000083DCC");
	encodes((struct modbus_request){1, MODBUS_READ_HOLDING, 8, 11, 0}, "01030008000B85CF");
	encodes((struct modbus_request){1, MODBUS_READ_HOLDING, 0x0B, 2, 0}, "0103000B0002B5C9");
	encodes((struct modbus_request){1, MODBUS_WRITE_REGISTERS, 18, 0, 1}, "01100012000102000164E2");
	encodes((struct modbus_request){1, MODBUS_WRITE_REGISTERS, 18, 0, 0}, "011000120001020000A522");
	encodes((struct modbus_request){1, MODBUS_WRITE_REGISTERS, 8, 0, 330}, "01100008000102014A277F");
}

static void what_is_no_request(void **state)
{
	(void)state;
	encodes((struct modbus_request){0, MODBUS_WRITE_COIL, 0, 0, 0}, ""); /* to all, and nobody answers */
	encodes((struct modbus_request){248, MODBUS_WRITE_COIL, 0, 0, 0}, "");
	encodes((struct modbus_request){1, MODBUS_READ_COILS, 0, 0, 0}, "");
	encodes((struct modbus_request){1, MODBUS_READ_HOLDING, 0, MODBUS_VALUES_MAX + 1, 0}, "");
	uint8_t frame[8];
	assert_int_equal(modbus_encode(&off, frame, 7), 0);
	assert_int_equal(modbus_encode(&off, frame, 8), 8);
}

/* In pieces of every size: the same answer, and only with its last byte. */
static void an_answer_in_pieces(void **state)
{
	(void)state;
	for (size_t step = 1; step <= sizeof(registers_say); step++) {
		struct modbus_line line = {.len = 0};
		struct modbus_answer answer = {.count = 0};
		for (size_t at = 0; at < sizeof(registers_say); at += step) {
			size_t n = sizeof(registers_say) - at < step ? sizeof(registers_say) - at : step;
			bool whole = modbus_feed(&line, &registers, registers_say + at, n, &answer);
			assert_int_equal(whole, at + n == sizeof(registers_say));
		}
		assert_int_equal(answer.count, 2);
		assert_int_equal(answer.value[0], 330);
		assert_int_equal(answer.value[1], 1500);
		assert_int_equal(answer.exception, 0);
	}
}

static void bits_are_read_least_first(void **state)
{
	struct modbus_line line = {.len = 0};
	struct modbus_answer answer;

	(void)state;
	assert_true(modbus_feed(&line, &coil, coils_say, sizeof(coils_say), &answer));
	assert_int_equal(answer.count, 8);
	assert_true(answer.value[0] && !answer.value[1] && answer.value[2] && !answer.value[7]);
}

static bool answers(const struct modbus_request *request, const uint8_t *bytes, size_t len)
{
	struct modbus_line line = {.len = 0};
	struct modbus_answer answer;

	return modbus_feed(&line, request, bytes, len, &answer);
}

static void no_bit_may_be_wrong(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(registers_say); bit++) {
		uint8_t bytes[sizeof(registers_say)];
		memcpy(bytes, registers_say, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(answers(&registers, bytes, sizeof(bytes)));
	}
}

/* Noise in front costs nothing, whatever it looks like; also where it looks like a beginning. */
static void behind_noise(void **state)
{
	static const uint8_t noises[][5] = {
		{0}, {1, 3, 4, 1, 3}, {1, 1, 1, 1, 1}, {1, 3, 1, 3, 4}, {0xFF, 0x01, 0x83, 1, 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++)
		for (size_t n = 0; n <= sizeof(noises[i]); n++) {
			uint8_t bytes[5 + sizeof(registers_say)];
			memcpy(bytes, noises[i], n);
			memcpy(bytes + n, registers_say, sizeof(registers_say));
			assert_true(answers(&registers, bytes, n + sizeof(registers_say)));
		}
}

static void another_requests_answer_is_none(void **state)
{
	struct modbus_request other = registers;
	struct modbus_line line = {.len = 0};
	struct modbus_answer answer;

	(void)state;
	other.count = 3;
	assert_false(answers(&other, registers_say, sizeof(registers_say)));
	other = registers;
	other.unit = 2;
	assert_false(answers(&other, registers_say, sizeof(registers_say)));
	assert_false(answers(&registers, coils_say, sizeof(coils_say)));
	other = off;
	other.value = 0xFF00; /* that of off is none to on */
	assert_false(answers(&other, off_says, sizeof(off_says)));
	assert_true(answers(&off, off_says, sizeof(off_says)));
	/* One that comes late, of another shape, and the right one behind it. */
	assert_false(modbus_feed(&line, &off, registers_say, sizeof(registers_say), &answer));
	assert_true(modbus_feed(&line, &off, off_says, sizeof(off_says), &answer));
	assert_int_equal(line.dropped, sizeof(registers_say));
}

static void what_came_before_is_forgotten(void **state)
{
	struct modbus_line line = {.len = 0};
	struct modbus_answer answer;

	(void)state;
	assert_false(modbus_feed(&line, &registers, registers_say, 5, &answer));
	modbus_clear(&line);
	assert_int_equal(line.dropped, 5);
	assert_false(modbus_feed(&line, &registers, registers_say + 5, sizeof(registers_say) - 5, &answer));
	assert_true(modbus_feed(&line, &registers, registers_say, sizeof(registers_say), &answer));
}

static void exceptions(void **state)
{
	static const uint8_t refused[] = {0x01, 0x85, 0x02, 0xC3, 0x51}, no_reason[] = {0x01, 0x85, 0x00, 0x42, 0x90};
	struct modbus_line line = {.len = 0};
	struct modbus_answer answer;

	(void)state;
	assert_true(modbus_feed(&line, &off, refused, sizeof(refused), &answer));
	assert_int_equal(answer.exception, 2);
	assert_string_equal(modbus_exception_text(2), "no such address");
	assert_true(modbus_feed(&line, &off, no_reason, sizeof(no_reason), &answer));
	assert_true(answer.exception);
	assert_string_equal(modbus_exception_text(0), "no reason known");
	assert_string_equal(modbus_exception_text(99), "no reason known");
	assert_false(answers(&registers, refused, sizeof(refused)));
}

static void how_long_the_line_is_busy(void **state)
{
	(void)state;
	assert_int_equal(modbus_line_ns(9600, 16) / 1000, 26354); /* 16 and twice 3.5 characters of 11 bits */
	assert_int_equal(modbus_line_ns(115200, 0), 3500000);
	assert_true(modbus_line_ns(0, 1) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_makers_frames),
		cmocka_unit_test(what_is_no_request),
		cmocka_unit_test(an_answer_in_pieces),
		cmocka_unit_test(bits_are_read_least_first),
		cmocka_unit_test(no_bit_may_be_wrong),
		cmocka_unit_test(behind_noise),
		cmocka_unit_test(another_requests_answer_is_none),
		cmocka_unit_test(what_came_before_is_forgotten),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(how_long_the_line_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
