/* Modbus RTU as one who asks speaks it, by "Modbus over Serial Line V1.02" and "Application Protocol V1.1b3": requests to
 * bytes, bytes to the answer of the request under way. Pure: no I/O, no clock.
 * RTU marks the end of a frame by silence alone, which does not come through a USB adapter; so an answer is what has the
 * unit, the function and the shape that the request asks for, and a right CRC. Whatever else comes is dropped, byte by byte:
 * noise before an answer costs nothing, and an answer to an earlier request of another shape is none. Two requests of one
 * shape cannot be told apart, so behind silence the caller rests before it asks again (struct dialogue_pace). */
#ifndef PENRIG_DRIVER_MODBUS_H
#define PENRIG_DRIVER_MODBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODBUS_FRAME_MAX   256
#define MODBUS_VALUES_MAX  16 /* registers or bits of one answer that are kept; more are not asked for */
#define MODBUS_ADDRESS_MAX 247

enum modbus_function {
	MODBUS_READ_COILS = 1,
	MODBUS_READ_DISCRETE = 2,
	MODBUS_READ_HOLDING = 3,
	MODBUS_READ_INPUT = 4,
	MODBUS_WRITE_COIL = 5,     /* value: 0xFF00 on, 0 off; some devices know more */
	MODBUS_WRITE_REGISTER = 6, /* value */
	MODBUS_WRITE_REGISTERS = 16,
};

struct modbus_request {
	uint8_t unit;     /* 1 to 247 */
	uint8_t function; /* enum modbus_function */
	uint16_t at;      /* as on the wire, from 0 */
	uint16_t count;   /* of what is read, 1 to MODBUS_VALUES_MAX; a write is of one */
	uint16_t value;   /* of a write */
};

struct modbus_answer {
	uint8_t exception; /* 0: none, and the rest counts */
	unsigned count;    /* of what was read; a write has been confirmed as it was sent */
	uint16_t value[MODBUS_VALUES_MAX];
};

struct modbus_line { /* zero-initialised: nothing has come */
	uint8_t byte[MODBUS_FRAME_MAX];
	size_t len;
	uint64_t dropped; /* bytes that belonged to no answer */
};

uint16_t modbus_crc(const uint8_t *data, size_t len);

/* The frame with its CRC; its length, 0: it does not fit, or the request is none. */
size_t modbus_encode(const struct modbus_request *request, uint8_t *buffer, size_t size);

/* How many bytes a good answer has. */
size_t modbus_answer_len(const struct modbus_request *request);

/* Takes bytes; true where the answer to this request has come with them: *ret is it, and what stood behind it is dropped, as
 * nobody has asked for more. */
bool modbus_feed(struct modbus_line *line, const struct modbus_request *request, const uint8_t *data, size_t len,
		 struct modbus_answer *ret);

/* What came before now answers nothing that is asked from now on. */
void modbus_clear(struct modbus_line *line);

const char *modbus_exception_text(uint8_t exception); /* "no such address" */

/* How long a line of this baud rate is busy with bytes, with the silence of 3.5 of them (1.75 ms at least) before and behind
 * them. In ns. */
uint64_t modbus_line_ns(uint32_t baud, size_t bytes);

#endif
