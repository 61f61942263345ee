/* The firmware's encoder against the product's decoder and the protocol's vectors: what it makes of a body's values is the
 * vector's frame to the last byte, and every request is found whole or not at all. */
#include "drivers/load-stream/wire.h"
#include "fake_link.h"

#include "drivers/load-stream/firmware/load_stream.c"

static uint8_t out[LSF_FRAME_MAX];
static struct lsf_frame frame;

struct vector {
	char name[48];
	uint8_t packet[LS_PACKET_MAX], wire[2048];
	size_t packet_len, wire_len;
};

/* The next vector of a kind, "frame" or "bad". */
static bool next_vector(struct vectors *v, const char *kind, struct vector *ret)
{
	bool good = strcmp(kind, "frame") == 0;

	while (vectors_next(v)) {
		if (strcmp(v->words[0], kind) != 0)
			continue;
		snprintf(ret->name, sizeof(ret->name), "%s", v->words[1]);
		ret->packet_len = good ? from_hex(v->words[2], ret->packet, sizeof(ret->packet)) : 0;
		ret->wire_len = from_hex(v->words[3], ret->wire, sizeof(ret->wire));
		return true;
	}
	return false;
}

static void assert_made(const struct vector *v)
{
	uint16_t len = lsf_end(&frame);

	if (len != v->wire_len || memcmp(out, v->wire, len) != 0)
		fail_msg("%s: another frame of %u bytes, not %zu", v->name, len, v->wire_len);
}

/* Any packet, byte by byte: stuffing and checksum. */
static void test_frames(void **state)
{
	static struct vectors v;
	struct vector own;
	unsigned count = 0;

	(void)state;
	vectors_open(&v, "load-stream.txt");
	for (; next_vector(&v, "frame", &own); count++) {
		memset(out, 0xaa, sizeof(out));
		lsf_begin(&frame, out, own.packet[1], (uint16_t)(own.packet[2] | own.packet[3] << 8));
		for (size_t i = LS_HEADER_BYTES; i < own.packet_len; i++)
			lsf_put(&frame, own.packet[i], 1);
		assert_made(&own);
	}
	assert_true(count > 30);
}

/* ---- bodies: read by the product, written again by the firmware --------------------------------------------------- */

static void write_hello(const struct ls_packet *packet)
{
	struct ls_hello own;

	assert_true(ls_read_hello(packet, &own));
	const struct lsf_who who = {.streams = (uint8_t)own.streams,
				    .channels = (uint8_t)own.channels,
				    .line_baud = own.line_baud,
				    .maker = own.maker,
				    .model = own.model,
				    .serial = own.serial,
				    .firmware = own.firmware,
				    .calibration_id = own.calibration_id,
				    .calibration_due = own.calibration_due};
	lsf_hello(&frame, &who);
}

static void write_channel(const struct ls_packet *packet)
{
	struct channel own;

	assert_true(ls_read_channel(packet, &own));
	const struct lsf_channel channel = {.quantity = (uint8_t)own.quantity,
					    .stream = own.stream,
					    .position = own.position,
					    .bits = own.bits,
					    .name = own.name,
					    .unit = own.unit,
					    .scale = own.scale,
					    .offset = own.offset,
					    .range_lo = own.range_lo,
					    .range_hi = own.range_hi,
					    .noise_rms = own.noise_rms,
					    .bandwidth_hz = own.bandwidth_hz};
	lsf_channel(&frame, &channel);
}

static void write_stream(const struct ls_packet *packet)
{
	struct ls_stream own;
	struct lsf_stream stream;

	assert_true(ls_read_stream(packet, &own));
	stream = (struct lsf_stream){.channels = (uint8_t)own.channels,
				     .rates_count = (uint8_t)own.rates_count,
				     .rate_hz = own.rate_hz,
				     .default_hz = own.default_hz,
				     .lowest_hz = own.lowest_hz,
				     .highest_hz = own.highest_hz};
	memcpy(stream.rates_hz, own.rates_hz, sizeof(stream.rates_hz));
	lsf_stream(&frame, &stream);
}

static void write_rate(const struct ls_packet *packet)
{
	struct ls_rate own;

	assert_true(ls_read_rate(packet, &own));
	lsf_rate(&frame, own.status, own.rate_hz);
}

static void write_ping(const struct ls_packet *packet)
{
	struct ls_ping own;

	assert_true(ls_read_ping(packet, &own));
	lsf_ping(&frame, own.streaming, own.device_ns, own.uptime_ms);
}

static void write_status(const struct ls_packet *packet)
{
	uint8_t status = 0xff;

	assert_true(packet->body_len == 1 && ls_read_status(packet, &status));
	lsf_status(&frame, status);
}

static void write_event(const struct ls_packet *packet)
{
	struct ls_event own;

	assert_true(ls_read_event(packet, &own));
	lsf_event(&frame, own.code, own.channel, own.index, own.value);
}

static void write_data(const struct ls_packet *packet)
{
	struct ls_data own;

	assert_true(ls_read_data(packet, &own));
	lsf_data(&frame, own.stream, own.flags, own.samples, own.first_index, own.device_ns);
	for (size_t i = 0; i < own.counts_len; i++)
		lsf_put(&frame, own.counts[i], 1);
}

static void test_bodies(void **state)
{
	static const struct {
		const char *name;
		void (*write)(const struct ls_packet *packet);
	} rows[] = {
		{"hello-reply", write_hello},       {"channel-0-reply", write_channel},
		{"channel-3-reply", write_channel}, {"stream-0-reply", write_stream},
		{"stream-1-reply", write_stream},   {"start-reply", write_status},
		{"start-busy", write_status},       {"channel-9-refused", write_status},
		{"rate-reply", write_rate},         {"rate-too-slow", write_rate},
		{"ping-reply", write_ping},         {"data-i24x3", write_data},
		{"data-full", write_data},          {"event-overload", write_event},
		{"event-no-value", write_event},
	};
	static struct ls_decoder decoder;
	unsigned count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct vectors v;
		struct vector own;
		vectors_open(&v, "load-stream.txt");
		while (next_vector(&v, "frame", &own)) {
			struct ls_packet packet;
			size_t used;
			if (strcmp(own.name, rows[i].name) != 0)
				continue;
			assert_true(ls_decode(&decoder, own.wire, own.wire_len, &used, &packet));
			lsf_begin(&frame, out, packet.type, packet.sequence);
			rows[i].write(&packet);
			assert_made(&own);
			count++;
		}
	}
	assert_int_equal(count, sizeof(rows) / sizeof(rows[0]));
}

/* Counts of every width, from the end of one range to the other. */
static void test_counts(void **state)
{
	static const int32_t counts[] = {-32768, 32767, -1, 0, 255, -8388608, 8388607, INT32_MIN, INT32_MAX};
	static const uint8_t bits[] = {16, 16, 16, 16, 16, 24, 24, 32, 32};
	static struct ls_decoder decoder;
	struct ls_packet packet;
	struct ls_data data;
	int32_t back[9];
	size_t used;

	(void)state;
	lsf_begin(&frame, out, LSF_DATA, 7);
	lsf_data(&frame, 1, LSF_GAP, 1, UINT64_C(1) << 40, 5);
	for (unsigned i = 0; i < 9; i++)
		lsf_put(&frame, (uint64_t)(int64_t)counts[i], bits[i] / 8);
	assert_true(ls_decode(&decoder, out, lsf_end(&frame), &used, &packet));
	assert_true(packet.type == LS_DATA && packet.sequence == 7 && ls_read_data(&packet, &data));
	assert_true(data.stream == 1 && data.flags == LS_GAP && data.first_index == UINT64_C(1) << 40);
	ls_unpack(data.counts, 1, bits, 9, back);
	assert_memory_equal(back, counts, sizeof(counts));
}

/* Packets of every length and of runs of every kind come back; one that is too long is not sent. */
static void test_lengths(void **state)
{
	static struct ls_decoder decoder;
	static uint8_t body[LS_PACKET_MAX];
	uint32_t random = 1;

	(void)state;
	for (unsigned len = 0; len <= LS_BODY_MAX + 1; len++) {
		struct ls_packet packet;
		size_t used;
		lsf_begin(&frame, out, 0x5a, (uint16_t)len);
		for (unsigned i = 0; i < len; i++) {
			random = random * 1664525 + 1013904223;
			body[i] = (uint8_t)(random >> 24 < len / 5 ? 0 : 1 + random % 255);
			lsf_put(&frame, body[i], 1);
		}
		uint16_t n = lsf_end(&frame);
		if (len > LS_BODY_MAX) {
			assert_int_equal(n, 0);
			continue;
		}
		assert_true(n <= LSF_FRAME_MAX && ls_decode(&decoder, out, n, &used, &packet));
		assert_int_equal(packet.body_len, len);
		assert_memory_equal(packet.body, body, len);
	}
	assert_int_equal(decoder.crc_errors + decoder.resyncs, 0);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static unsigned take_all(struct lsf_request *request, const uint8_t *bytes, size_t len)
{
	unsigned found = 0;

	for (size_t i = 0; i < len; i++)
		found += (unsigned)lsf_take(request, bytes[i]);
	return found;
}

static void test_requests(void **state)
{
	static struct vectors v;
	struct lsf_request request = {0};
	struct vector own;
	unsigned count = 0;

	(void)state;
	vectors_open(&v, "load-stream.txt");
	while (next_vector(&v, "frame", &own)) {
		if (own.packet[1] >= LS_DATA)
			continue;
		count++;
		assert_int_equal(take_all(&request, own.wire, own.wire_len), 1);
		assert_int_equal(request.type, own.packet[1]);
		assert_int_equal(request.sequence, own.packet[2] | own.packet[3] << 8);
		assert_int_equal(request.body_len, own.packet_len - LS_HEADER_BYTES);
		assert_memory_equal(request.body, own.packet + LS_HEADER_BYTES, request.body_len);
		if (request.type == LSF_RATE)
			assert_true(lsf_rate_wanted(&request) == 50000);
	}
	assert_int_equal(count, 8);
}

/* What must be thrown away is, and the request behind it is found. */
static void test_bad_requests(void **state)
{
	static struct vectors v;
	struct lsf_request request = {0};
	struct vector own;
	uint8_t good[64], spoilt[64];
	size_t len = ls_encode(LS_PING, 9, NULL, 0, good, sizeof(good));
	unsigned count = 0;

	(void)state;
	vectors_open(&v, "load-stream.txt");
	for (; next_vector(&v, "bad", &own); count++) {
		assert_int_equal(take_all(&request, own.wire, own.wire_len), 0);
		assert_int_equal(take_all(&request, good, len), 1);
	}
	assert_true(count > 4);
	for (size_t bit = 8; bit < 8 * (len - 1); bit++) {
		memcpy(spoilt, good, len);
		spoilt[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(take_all(&request, spoilt, len), 0);
		assert_int_equal(take_all(&request, good, len), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),  cmocka_unit_test(test_bodies),   cmocka_unit_test(test_counts),
		cmocka_unit_test(test_lengths), cmocka_unit_test(test_requests), cmocka_unit_test(test_bad_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
