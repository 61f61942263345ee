/* The load sensor's frames (docs/protocols/load-stream.md) as pure functions: bytes to packets, packets to values,
 * requests to bytes. No state but the decoder's, no I/O, no clock. */
#ifndef PENRIG_DRIVERS_LOAD_STREAM_WIRE_H
#define PENRIG_DRIVERS_LOAD_STREAM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/samples.h"

#define LS_VERSION           1
#define LS_BAUD              3000000
#define LS_VID               0x1209
#define LS_PID_USB           0x0002
#define LS_PID_SERIAL        0x0004
#define LS_USB_CLASS         0xFF
#define LS_USB_SUBCLASS      0x50
#define LS_USB_PROTOCOL      0x01

#define LS_HEADER_BYTES      4
#define LS_CRC_BYTES         4
#define LS_PACKET_MAX        1024
#define LS_ENCODED_MAX       (LS_PACKET_MAX + (LS_PACKET_MAX + 253) / 254) /* 1029; the delimiter comes on top */
#define LS_BODY_MAX          (LS_PACKET_MAX - LS_HEADER_BYTES - LS_CRC_BYTES)
#define LS_DATA_HEADER_BYTES 20 /* of the body of a DATA packet */
#define LS_COUNTS_BYTES_MAX  (LS_BODY_MAX - LS_DATA_HEADER_BYTES)
#define LS_RATES_MAX         15
/* Encoded: RATE, the longest request, is 4 + 12 + 4 bytes, one COBS code and a delimiter at each end. */
#define LS_REQUEST_MAX 32

enum ls_type {
	LS_HELLO = 0x01,
	LS_CHANNEL = 0x02,
	LS_STREAM = 0x03,
	LS_START = 0x04,
	LS_STOP = 0x05,
	LS_ZERO = 0x06,
	LS_RATE = 0x07,
	LS_PING = 0x08,
	LS_DATA = 0x40,
	LS_EVENT = 0x41,
	LS_REPLY = 0x80, /* set in a reply's type */
};

enum ls_status { LS_OK, LS_BAD_REQUEST, LS_OUT_OF_RANGE, LS_LINE_TOO_SLOW, LS_BUSY, LS_FAULT };

enum ls_flag { LS_SATURATED = 1 << 0, LS_GAP = 1 << 1, LS_OVER_RANGE = 1 << 2 };

enum ls_event_code {
	LS_OVERLOAD = 1,
	LS_OVERLOAD_END,
	LS_OVER_TEMPERATURE,
	LS_OVER_TEMPERATURE_END,
	LS_OVERRUN,
	LS_EVENT_FAULT,
};

struct ls_packet {
	uint8_t type;
	uint16_t sequence;
	const uint8_t *body;
	size_t body_len;
};

struct ls_decoder {
	uint8_t partial[LS_ENCODED_MAX]; /* a frame whose delimiter has not come yet */
	size_t partial_len;
	bool too_long;
	uint8_t packet[LS_ENCODED_MAX];
	uint64_t frames, crc_errors, resyncs; /* resyncs: too long, too short, not COBS, unknown version */
};

/* Takes bytes up to and with the delimiter of the next good frame and fills *ret; false when all bytes are used without
 * one. ret->body lives until the next call. *ret_used says how many bytes were taken. Bad frames are counted and
 * dropped. */
bool ls_decode(struct ls_decoder *decoder, const uint8_t *data, size_t len, size_t *ret_used, struct ls_packet *ret);

/* Writes delimiter, frame, delimiter. Returns the length, 0 when it does not fit or the body is too long. */
size_t ls_encode(uint8_t type, uint16_t sequence, const uint8_t *body, size_t body_len, uint8_t *buffer, size_t size);

/* Body of a RATE request. */
#define LS_RATE_BODY_BYTES 12
void ls_put_rate(uint8_t stream, double rate_hz, uint8_t body[LS_RATE_BODY_BYTES]);

struct ls_hello {
	uint8_t streams, channels;
	uint32_t line_baud;
	char maker[33], model[33], serial[33], firmware[33], calibration_id[33], calibration_due[11];
};

struct ls_stream {
	uint8_t channels;
	uint8_t rates_count;
	double rate_hz, default_hz, lowest_hz, highest_hz;
	double rates_hz[LS_RATES_MAX];
};

struct ls_rate {
	uint8_t status;
	double rate_hz;
};

struct ls_ping {
	bool streaming;
	uint64_t device_ns, uptime_ms;
};

struct ls_event {
	uint8_t code, channel;
	uint64_t index;
	double value; /* NaN = none */
};

struct ls_data {
	uint8_t stream, flags;
	uint16_t samples;
	uint64_t first_index, device_ns;
	const uint8_t *counts;
	size_t counts_len;
};

/* Readers of bodies: true and *ret filled when every field lies in its range, else false and *ret untouched. Those of
 * replies want the status OK (ls_read_rate takes any). Numbers that make no sense (NaN, scale 0, range upside down) are
 * refused. */
bool ls_read_status(const struct ls_packet *packet, uint8_t *ret);
bool ls_read_hello(const struct ls_packet *packet, struct ls_hello *ret);
bool ls_read_channel(const struct ls_packet *packet, struct channel *ret); /* rate_hz stays 0: it is the stream's */
bool ls_read_stream(const struct ls_packet *packet, struct ls_stream *ret);
bool ls_read_rate(const struct ls_packet *packet, struct ls_rate *ret);
bool ls_read_ping(const struct ls_packet *packet, struct ls_ping *ret);
bool ls_read_event(const struct ls_packet *packet, struct ls_event *ret);
bool ls_read_data(const struct ls_packet *packet, struct ls_data *ret);

/* The counts of a DATA packet as integers, sample after sample. bits[c] of each of the `channels`: 16, 24 or 32. The
 * caller has checked that counts holds samples * (sum of bits) / 8 bytes and that out has room for samples * channels.
 */
void ls_unpack(const uint8_t *counts, size_t samples, const uint8_t *bits, size_t channels, int32_t *out);

#endif
