/* Bytes of a load sensor, whatever they are: no crash, no read beyond, packets within their bounds, and the same
 * packets whether the bytes come whole or in pieces. */
#include "drivers/load-stream/wire.h"
#include "rig/base/crc32c.h"
#include "tests/fuzz/standalone.h"

static void read_all(const struct ls_packet *packet)
{
	static int32_t counts[LS_COUNTS_BYTES_MAX];
	static const uint8_t bits[3] = {16, 24, 32};
	struct ls_hello hello;
	struct channel channel;
	struct ls_stream stream;
	struct ls_rate rate;
	struct ls_ping ping;
	struct ls_event event;
	struct ls_data data;
	uint8_t status;

	FUZZ_CHECK(packet->body_len <= LS_BODY_MAX);
	if (ls_read_status(packet, &status))
		FUZZ_CHECK(status <= LS_FAULT);
	if (ls_read_hello(packet, &hello))
		FUZZ_CHECK(hello.streams <= STREAMS_MAX && hello.channels <= CHANNELS_MAX);
	if (ls_read_channel(packet, &channel))
		FUZZ_CHECK(channel.stream < STREAMS_MAX && channel.position < CHANNELS_MAX);
	if (ls_read_stream(packet, &stream))
		FUZZ_CHECK(stream.rates_count <= LS_RATES_MAX && stream.rate_hz > 0);
	(void)ls_read_rate(packet, &rate);
	(void)ls_read_ping(packet, &ping);
	(void)ls_read_event(packet, &event);
	if (ls_read_data(packet, &data)) {
		FUZZ_CHECK(data.counts_len <= LS_COUNTS_BYTES_MAX && data.stream < STREAMS_MAX);
		ls_unpack(data.counts, data.counts_len / 2, bits, 1, counts);
		ls_unpack(data.counts, data.counts_len / 9, bits, 3, counts);
	}
}

static uint32_t decode(const uint8_t *data, size_t size, size_t step, struct ls_decoder *decoder)
{
	uint32_t digest = 0;

	memset(decoder, 0, sizeof(*decoder));
	for (size_t at = 0; at < size;) {
		struct ls_packet packet;
		size_t used = 0, piece = size - at < step ? size - at : step;
		if (ls_decode(decoder, data + at, piece, &used, &packet)) {
			read_all(&packet);
			digest = crc32c(digest, &packet.type, 1);
			digest = crc32c(digest, packet.body, packet.body_len);
		}
		FUZZ_CHECK(used > 0 && used <= piece);
		at += used;
	}
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ls_decoder whole, pieces;
	size_t step = size ? 1 + data[0] % 67 : 1;

	FUZZ_CHECK(decode(data, size, size, &whole) == decode(data, size, step, &pieces));
	FUZZ_CHECK(whole.frames == pieces.frames && whole.crc_errors == pieces.crc_errors &&
		   whole.resyncs == pieces.resyncs);

	/* The bytes as a body: what is encoded is decoded again. */
	uint8_t wire[LS_ENCODED_MAX + 2];
	size_t body_len = size < LS_BODY_MAX ? size : LS_BODY_MAX;
	size_t len = ls_encode(LS_EVENT, 7, data, body_len, wire, sizeof(wire));
	FUZZ_CHECK(len > 0);
	struct ls_packet packet = {0};
	size_t used;
	memset(&whole, 0, sizeof(whole));
	FUZZ_CHECK(ls_decode(&whole, wire, len, &used, &packet));
	FUZZ_CHECK(packet.body_len == body_len && (body_len == 0 || memcmp(packet.body, data, body_len) == 0));
	read_all(&packet);
	return 0;
}

FUZZ_MAIN("load-stream.txt")
