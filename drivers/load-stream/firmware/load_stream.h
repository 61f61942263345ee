/* A load sensor's side of docs/protocols/load-stream.md, for a microcontroller: C99, no library but memcpy(), no memory of
 * its own, under 2 kB of code. It makes frames into a buffer of the caller's and finds requests in what the line brings;
 * sampling, sending and what a request means are the firmware's own. Not part of penrig itself.
 *
 *      lsf_begin(&frame, buffer, LSF_HELLO | LSF_REPLY, request.sequence);
 *      lsf_hello(&frame, &who);
 *      send(buffer, lsf_end(&frame));
 *
 * double must be IEEE 754 binary64 (of avr-gcc: -mdouble=64). One 0x00 is sent before the first frame of all. */
#ifndef PENRIG_LOAD_STREAM_FIRMWARE_H
#define PENRIG_LOAD_STREAM_FIRMWARE_H

#include <stdint.h>

#define LSF_FRAME_MAX   1030 /* bytes of a buffer: the longest frame with its delimiter */
#define LSF_REQUEST_MAX 32
#define LSF_RATES_MAX   15
#define LSF_COUNTS_MAX  996 /* bytes of counts in one DATA frame */
#define LSF_REPLY       0x80

enum lsf_type {
	LSF_HELLO = 0x01,
	LSF_CHANNEL = 0x02,
	LSF_STREAM = 0x03,
	LSF_START = 0x04,
	LSF_STOP = 0x05,
	LSF_ZERO = 0x06,
	LSF_RATE = 0x07,
	LSF_PING = 0x08,
	LSF_DATA = 0x40,
	LSF_EVENT = 0x41
};

enum lsf_status { LSF_OK, LSF_BAD_REQUEST, LSF_OUT_OF_RANGE, LSF_LINE_TOO_SLOW, LSF_BUSY, LSF_FAULT };

enum lsf_flag { LSF_SATURATED = 1, LSF_GAP = 2, LSF_OVER_RANGE = 4 };

/* One frame under construction; the buffer has LSF_FRAME_MAX bytes. */
struct lsf_frame {
	uint8_t *out;
	uint32_t crc;
	uint16_t len, code_at, packet; /* bytes written; where the code of the piece under way goes; packet bytes */
	uint8_t code;
	uint8_t broken; /* more was put in than a frame holds */
};

void lsf_begin(struct lsf_frame *frame, uint8_t *buffer, uint8_t type, uint16_t sequence);
/* Bytes to send, delimiter included; 0: the packet was too long, and nothing is to be sent. */
uint16_t lsf_end(struct lsf_frame *frame);

/* What bodies are made of: little endian, `bytes` from 1 to 8; doubles; texts padded with 0 to `room`. */
void lsf_put(struct lsf_frame *frame, uint64_t value, uint8_t bytes);
void lsf_put_f64(struct lsf_frame *frame, double value);
void lsf_put_text(struct lsf_frame *frame, const char *text, uint8_t room);

/* ---- bodies, each between lsf_begin() and lsf_end() -------------------------------------------------------------- */

struct lsf_who { /* texts of at most 32 bytes, the due date of 10 (YYYY-MM-DD); "" where there is nothing to say */
	uint8_t streams, channels;
	uint32_t line_baud; /* 0 on USB */
	const char *maker, *model, *serial, *firmware, *calibration_id, *calibration_due;
};
void lsf_hello(struct lsf_frame *frame, const struct lsf_who *who);

struct lsf_channel {
	uint8_t quantity; /* 0 force, 1 displacement, 2 temperature, 3 other */
	uint8_t stream, position, bits;
	const char *name, *unit; /* at most 15 and 7 bytes */
	double scale, offset, range_lo, range_hi, noise_rms, bandwidth_hz;
};
void lsf_channel(struct lsf_frame *frame, const struct lsf_channel *channel);

struct lsf_stream {
	uint8_t channels, rates_count; /* rates_count 0: any rate from the lowest to the highest */
	double rate_hz, default_hz, lowest_hz, highest_hz, rates_hz[LSF_RATES_MAX];
};
void lsf_stream(struct lsf_frame *frame, const struct lsf_stream *stream);

void lsf_status(struct lsf_frame *frame,
		uint8_t status); /* alone: START, STOP, ZERO, and whatever is refused but RATE */
void lsf_rate(struct lsf_frame *frame, uint8_t status, double rate_hz);
void lsf_ping(struct lsf_frame *frame, uint8_t streaming, uint64_t device_ns, uint64_t uptime_ms);

/* The head of a DATA body; behind it each sample's counts by lsf_put(frame, (uint64_t)count, bits / 8). samples: as many
 * as follow, at least 1, of LSF_COUNTS_MAX bytes at most. */
void lsf_data(struct lsf_frame *frame, uint8_t stream, uint8_t flags, uint16_t samples, uint64_t first_index,
	      uint64_t device_ns);
void lsf_event(struct lsf_frame *frame, uint8_t code, uint8_t channel, uint64_t index, double value);

/* ---- requests ---------------------------------------------------------------------------------------------------- */

struct lsf_request { /* zero-initialised */
	uint8_t type;
	uint16_t sequence;
	uint8_t body_len;
	const uint8_t *body;                 /* valid until the next byte is taken */
	uint8_t frame[LSF_REQUEST_MAX], len; /* what has come of the next one */
};

/* Takes one byte of the line; 1: a whole good request is there. Anything that is none is dropped. */
int lsf_take(struct lsf_request *request, uint8_t byte);
/* Of a RATE request whose body_len is 12: its stream is body[0]. */
double lsf_rate_wanted(const struct lsf_request *request);

#endif
