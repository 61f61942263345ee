/* See modbus.h. */
#include "rig/driver/modbus.h"

#include <assert.h>
#include <string.h>

#define CRC_LEN       2
#define EXCEPTION     0x80
#define EXCEPTION_LEN 5
#define HEAD_LEN      3 /* of an answer to a read: unit, function, number of bytes */
#define CHAR_BITS     11
#define SILENCE_CHARS 7 /* 3.5 before and 3.5 behind */
#define SILENCE_NS    3500000u

uint16_t modbus_crc(const uint8_t *data, size_t len)
{
	uint16_t crc = 0xFFFF;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xA001) : (uint16_t)(crc >> 1);
	}
	return crc;
}

static size_t put(uint8_t *buffer, uint16_t value)
{
	buffer[0] = (uint8_t)(value >> 8);
	buffer[1] = (uint8_t)value;
	return 2;
}

static bool is_read(const struct modbus_request *request)
{
	return request->function >= MODBUS_READ_COILS && request->function <= MODBUS_READ_INPUT;
}

static bool reads_bits(const struct modbus_request *request)
{
	return request->function <= MODBUS_READ_DISCRETE;
}

size_t modbus_encode(const struct modbus_request *request, uint8_t *buffer, size_t size)
{
	uint8_t frame[16] = {request->unit, request->function};
	size_t len = 2;

	if (request->unit < 1 || request->unit > MODBUS_ADDRESS_MAX ||
	    (is_read(request) && (request->count < 1 || request->count > MODBUS_VALUES_MAX)))
		return 0;
	len += put(frame + len, request->at);
	if (request->function == MODBUS_WRITE_REGISTERS) {
		len += put(frame + len, 1);
		frame[len++] = 2;
	}
	len += put(frame + len, is_read(request) ? request->count : request->value);
	uint16_t crc = modbus_crc(frame, len);
	frame[len++] = (uint8_t)crc;
	frame[len++] = (uint8_t)(crc >> 8);
	if (len > size)
		return 0;
	memcpy(buffer, frame, len);
	return len;
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static size_t data_len(const struct modbus_request *request)
{
	return reads_bits(request) ? (size_t)(request->count + 7) / 8 : 2u * request->count;
}

size_t modbus_answer_len(const struct modbus_request *request)
{
	return is_read(request) ? HEAD_LEN + data_len(request) + CRC_LEN : 6 + CRC_LEN;
}

/* What an answer to this request begins with, as far as that is known beforehand. */
static size_t head_of(const struct modbus_request *request, uint8_t head[6])
{
	head[0] = request->unit;
	head[1] = request->function;
	if (is_read(request)) {
		head[2] = (uint8_t)data_len(request);
		return HEAD_LEN;
	}
	put(head + 2, request->at);
	put(head + 4, request->function == MODBUS_WRITE_REGISTERS ? 1 : request->value);
	return 6;
}

enum match { MATCH_NOT, MATCH_MORE, MATCH_WHOLE };

static enum match match_crc(const uint8_t *frame, size_t len, size_t due)
{
	if (len < due)
		return MATCH_MORE;
	uint16_t crc = (uint16_t)(frame[due - 2] | frame[due - 1] << 8);
	return crc == modbus_crc(frame, due - CRC_LEN) ? MATCH_WHOLE : MATCH_NOT;
}

static enum match match(const uint8_t *frame, size_t len, const struct modbus_request *request)
{
	uint8_t head[6];
	size_t known = head_of(request, head);

	if (len >= 2 && frame[0] == head[0] && frame[1] == (head[1] | EXCEPTION))
		return match_crc(frame, len, EXCEPTION_LEN);
	if (memcmp(frame, head, len < known ? len : known) != 0)
		return MATCH_NOT;
	return match_crc(frame, len, modbus_answer_len(request));
}

static void read_answer(const uint8_t *frame, const struct modbus_request *request, struct modbus_answer *ret)
{
	const uint8_t *data = frame + HEAD_LEN;

	*ret = (struct modbus_answer){.exception = frame[1] & EXCEPTION ? frame[2] : 0};
	if (frame[1] & EXCEPTION && !ret->exception)
		ret->exception = EXCEPTION; /* one that says no reason is one all the same */
	if (ret->exception || !is_read(request))
		return;
	ret->count = request->count;
	for (unsigned i = 0; i < ret->count; i++)
		ret->value[i] =
			reads_bits(request) ? data[i / 8] >> i % 8 & 1 : (uint16_t)(data[2 * i] << 8 | data[2 * i + 1]);
}

static void drop(struct modbus_line *line, size_t bytes)
{
	line->dropped += bytes;
	line->len -= bytes;
	memmove(line->byte, line->byte + bytes, line->len);
}

/* Of what has come: the answer, at its front; else what can be none is dropped. */
static bool find(struct modbus_line *line, const struct modbus_request *request)
{
	while (line->len > 0) {
		enum match found = match(line->byte, line->len, request);
		if (found != MATCH_NOT)
			return found == MATCH_WHOLE;
		drop(line, 1);
	}
	return false;
}

bool modbus_feed(struct modbus_line *line, const struct modbus_request *request, const uint8_t *data, size_t len,
		 struct modbus_answer *ret)
{
	for (size_t i = 0; i < len; i++) {
		line->byte[line->len++] = data[i];
		if (!find(line, request))
			continue;
		read_answer(line->byte, request, ret);
		line->len = 0;
		line->dropped += len - 1 - i;
		return true;
	}
	return false;
}

void modbus_clear(struct modbus_line *line)
{
	drop(line, line->len);
}

const char *modbus_exception_text(uint8_t exception)
{
	static const char *const texts[] = {
		[1] = "no such function",  [2] = "no such address", [3] = "no such value",
		[4] = "the device failed", [5] = "not yet done",    [6] = "the device is busy",
	};

	return exception < sizeof(texts) / sizeof(texts[0]) && texts[exception] ? texts[exception] : "no reason known";
}

uint64_t modbus_line_ns(uint32_t baud, size_t bytes)
{
	uint64_t char_ns = 1000000000ull * CHAR_BITS / (baud ? baud : 1);
	uint64_t silence_ns = SILENCE_CHARS * char_ns;

	return bytes * char_ns + (silence_ns > SILENCE_NS ? silence_ns : SILENCE_NS);
}
