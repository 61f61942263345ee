/* The load sensor driver over a link made of bytes: opening, streaming, losses, and every way in which a sensor can
 * fail it. Frames are written with the driver's own encoder, which test_load_stream_wire holds against the vectors. */
#include "drivers/load-stream/wire.h"
#include "fake_link.h"

#define MS NS_PER_MS

static struct device *sensor;
static uint64_t now;
static struct ls_packet request; /* the last one read */
static struct ls_decoder host_decoder, *to_sensor = &host_decoder;
static uint16_t own_sequence;
static size_t piece = 100000;

static uint8_t out[65536]; /* what the sensor has ready to send in one piece of bytes */
static size_t out_len;

static void tick(uint64_t ms)
{
	for (uint64_t end = now + ms * MS; now < end;) {
		now += DRIVER_TICK_NS < end - now ? DRIVER_TICK_NS : end - now;
		sensor->driver->on_tick(sensor, now);
	}
}

static bool next_request(void)
{
	size_t used = 0;
	bool found =
		ls_decode(to_sensor, fake.written + fake.read_to, fake.written_len - fake.read_to, &used, &request);

	fake.read_to += used;
	return found;
}

static void expect(uint8_t type)
{
	if (!next_request())
		fail_msg("nothing was sent where request %u is due", type);
	assert_int_equal(request.type, type);
	assert_int_equal(to_sensor->crc_errors + to_sensor->resyncs, 0);
}

/* The next request, with a sequence of its own. */
static void expect_new(uint8_t type)
{
	uint16_t last = request.sequence;

	expect(type);
	assert_int_equal(request.sequence, (uint16_t)(last + 1));
}

static void put(uint8_t type, uint16_t sequence, const void *body, size_t len)
{
	size_t n = ls_encode(type, sequence, body, len, out + out_len, sizeof(out) - out_len);

	assert_true(n > 0);
	out_len += n;
}

static void send_out(void)
{
	size_t len = out_len;

	now += MS;
	out_len = 0;
	arrive(out, len, piece, now);
}

static void reply(const void *body, size_t len)
{
	put(request.type | LS_REPLY, request.sequence, body, len);
	send_out();
}

static void reply_status(uint8_t status)
{
	reply(&status, 1);
}

static void put_f64(uint8_t *p, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(bits >> 8 * i);
}

static void put_u64(uint8_t *p, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static void reply_hello(void)
{
	uint8_t body[180] = {0, 2, 3, 0, 0x40, 0x42, 0x0f, 0}; /* 1 000 000 baud */

	memcpy(body + 8, "penrig", 6);
	memcpy(body + 40, "Model S", 7);
	memset(body + 72, 'L', 32); /* full, without a NUL */
	memcpy(body + 104, "1.0", 3);
	memcpy(body + 136, "CAL-1", 5);
	memcpy(body + 168, "2027-01-17", 10);
	reply(body, sizeof(body));
}

static void channel_body(uint8_t *body, unsigned channel)
{
	static const char *const names[] = {"force", "handle", "tip"};

	memset(body, 0, 80);
	body[1] = channel ? 2 : 0;
	body[2] = channel ? 1 : 0;
	body[3] = (uint8_t)(channel ? channel - 1 : 0);
	body[4] = channel ? 24 : 16;
	memcpy(body + 8, names[channel], strlen(names[channel]));
	memcpy(body + 24, channel ? "degC" : "N", channel ? 4 : 1);
	put_f64(body + 32, channel ? 1e-4 : 2.0 / 32768);
	put_f64(body + 48, -2);
	put_f64(body + 56, channel ? 120 : 2);
}

static void reply_channel(void)
{
	uint8_t body[80];

	assert_int_equal(request.body_len, 1);
	assert_true(request.body[0] < 3);
	channel_body(body, request.body[0]);
	reply(body, sizeof(body));
}

static void reply_stream(void)
{
	uint8_t body[160] = {0};
	uint8_t stream = request.body[0];

	assert_int_equal(request.body_len, 1);
	body[1] = stream ? 2 : 1;
	body[2] = stream ? 0 : 2;
	put_f64(body + 8, stream ? 10 : 50000);
	put_f64(body + 16, stream ? 10 : 50000);
	put_f64(body + 24, stream ? 1 : 10000);
	put_f64(body + 32, stream ? 100 : 50000);
	put_f64(body + 40, 10000);
	put_f64(body + 48, 50000);
	if (stream)
		memset(body + 40, 0, 120);
	reply(body, sizeof(body));
}

static void reply_rate(uint8_t status, double rate_hz)
{
	uint8_t body[12] = {status};

	put_f64(body + 4, rate_hz);
	reply(body, sizeof(body));
}

static void begin_open(double rate_hz)
{
	const struct device_open open = {
		.links = fake_table, .uri = "serial:by-id=TEST", .rate_hz = rate_hz, .host = test_host};
	struct err err = {""};

	memset(&heard, 0, sizeof(heard));
	memset(&host_decoder, 0, sizeof(host_decoder));
	own_sequence = 0;
	out_len = 0;
	now = 5000 * MS;
	assert_int_equal(driver_load_stream.open(&open, now, &sensor, &err), 0);
}

static void describe(void)
{
	expect(LS_HELLO);
	assert_int_equal(request.body_len, 0);
	reply_hello();
	for (unsigned i = 0; i < 3; i++) {
		expect_new(LS_CHANNEL);
		assert_int_equal(request.body[0], i);
		reply_channel();
	}
	for (unsigned i = 0; i < 2; i++) {
		expect_new(LS_STREAM);
		assert_int_equal(request.body[0], i);
		reply_stream();
	}
}

#define VERB(call)                                                                                                     \
	do {                                                                                                           \
		inside_verb = true;                                                                                    \
		driver_load_stream.stream->call;                                                                       \
		inside_verb = false;                                                                                   \
	} while (0)

static int setup(void **state)
{
	(void)state;
	piece = 100000;
	begin_open(0);
	describe();
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
	return 0;
}

static int setup_started(void **state)
{
	struct outcome start = {0};

	setup(state);
	VERB(start(sensor, on_done, &start));
	expect(LS_START);
	reply_status(LS_OK);
	assert_int_equal(start.calls, 1);
	assert_int_equal(start.status, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake.refuse_writes = 0;
	driver_load_stream.close(sensor);
	assert_false(fake.open);
	return 0;
}

static struct device_counters counters(void)
{
	struct device_counters ret;

	driver_load_stream.counters(sensor, &ret);
	return ret;
}

/* n samples of stream 0 whose counts are their index, cut to 16 bits. */
static void put_force(uint64_t first, uint16_t n, uint8_t flags)
{
	uint8_t body[LS_BODY_MAX] = {0, flags, (uint8_t)n, (uint8_t)(n >> 8)};

	put_u64(body + 4, first);
	put_u64(body + 12, 1000 + first * 20000);
	for (uint64_t i = 0; i < n; i++) {
		body[LS_DATA_HEADER_BYTES + 2 * i] = (uint8_t)(first + i);
		body[LS_DATA_HEADER_BYTES + 2 * i + 1] = (uint8_t)((first + i) >> 8);
	}
	put(LS_DATA, own_sequence++, body, LS_DATA_HEADER_BYTES + 2U * n);
}

static void put_temperatures(uint64_t first, int32_t handle, int32_t tip)
{
	uint8_t body[LS_DATA_HEADER_BYTES + 6] = {1, 0, 1, 0};

	put_u64(body + 4, first);
	for (unsigned i = 0; i < 3; i++) {
		body[LS_DATA_HEADER_BYTES + i] = (uint8_t)((uint32_t)handle >> 8 * i);
		body[LS_DATA_HEADER_BYTES + 3 + i] = (uint8_t)((uint32_t)tip >> 8 * i);
	}
	put(LS_DATA, own_sequence++, body, sizeof(body));
}

static void test_open(void **state)
{
	const struct device_identity *identity = driver_load_stream.identity(sensor);
	unsigned n;
	const struct channel *channels = driver_load_stream.channels(sensor, &n);

	(void)state;
	assert_int_equal(fake.wants.serial.baud, 3000000);
	assert_false(fake.wants.usbtmc);
	assert_string_equal(identity->maker, "penrig");
	assert_string_equal(identity->model, "Model S");
	assert_string_equal(identity->firmware, "1.0");
	assert_int_equal(strlen(identity->serial), 32);
	assert_string_equal(identity->calibration_id, "CAL-1");
	assert_string_equal(identity->calibration_due, "2027-01-17");
	assert_int_equal(identity->protocol_version, 1);
	assert_int_equal(n, 3);
	assert_string_equal(channels[0].name, "force");
	assert_true(channels[0].rate_hz == 50000 && channels[1].rate_hz == 10 && channels[2].rate_hz == 10);
	assert_int_equal(channels[2].stream, 1);
	assert_int_equal(channels[2].position, 1);
	assert_false(next_request());
}

static void test_open_with_rate(void **state)
{
	unsigned n;

	(void)state;
	begin_open(10000);
	describe();
	expect(LS_RATE);
	assert_int_equal(request.body_len, 12);
	assert_int_equal(heard.ready, 0);
	reply_rate(LS_OK, 10000);
	assert_int_equal(heard.ready_status, 0);
	assert_int_equal(heard.ready, 1);
	assert_true(driver_load_stream.channels(sensor, &n)[0].rate_hz == 10000);
	assert_true(driver_load_stream.channels(sensor, &n)[1].rate_hz == 10);
}

static void test_rate_refused(void **state)
{
	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		begin_open(12345);
		describe();
		for (int i = 0; i < 2; i++) {
			assert_int_equal(heard.ready, 0);
			expect(LS_RATE);
			reply_rate(slow ? LS_LINE_TOO_SLOW : LS_OUT_OF_RANGE, 50000);
		}
		assert_int_equal(heard.ready, 1);
		assert_int_equal(heard.ready_status, -ERANGE);
		assert_non_null(strstr(heard.err, slow ? "1000000 baud" : "10000, 50000"));
		driver_load_stream.close(sensor);
	}
	begin_open(10000);
	describe();
	for (int i = 0; i < 2; i++) {
		expect(LS_RATE);
		reply_rate(LS_OK, 10001);
	}
	assert_int_equal(heard.ready_status, -EREMOTEIO);
	driver_load_stream.close(sensor);
	begin_open(10000);
	describe();
	for (int i = 0; i < 2; i++) {
		expect(LS_RATE);
		reply_status(LS_OK);
	}
	assert_int_equal(heard.ready_status, -EPROTO);
	assert_non_null(strstr(heard.err, "RATE"));
}

static void test_open_refuses_nonsense(void **state)
{
	struct device_open open = {.links = fake_table, .uri = "serial:by-id=TEST", .rate_hz = NAN, .host = test_host};
	struct err err = {""};
	uint8_t body[180] = {0};

	(void)state;
	assert_int_equal(driver_load_stream.open(&open, 1, &sensor, &err), -EINVAL);
	open.rate_hz = INFINITY;
	assert_int_equal(driver_load_stream.open(&open, 1, &sensor, &err), -EINVAL);
	open.rate_hz = -1;
	assert_int_equal(driver_load_stream.open(&open, 1, &sensor, &err), -EINVAL);
	begin_open(0);
	expect(LS_HELLO);
	uint16_t sequence = request.sequence;
	reply(body, sizeof(body)); /* no stream, no channel */
	expect(LS_HELLO);
	assert_int_equal(request.sequence, sequence); /* asked again as it was */
	reply(body, 3);
	assert_int_equal(heard.ready_status, -EPROTO);
	assert_non_null(strstr(heard.err, "HELLO"));
	driver_load_stream.close(sensor);

	begin_open(0); /* channels out of order */
	expect(LS_HELLO);
	reply_hello();
	for (int i = 0; i < 2; i++) {
		uint8_t channel[80];
		expect(LS_CHANNEL);
		channel_body(channel, 2);
		reply(channel, sizeof(channel));
	}
	assert_int_equal(heard.ready_status, -EPROTO);
	driver_load_stream.close(sensor);

	begin_open(0); /* a stream with more channels than were described */
	expect(LS_HELLO);
	reply_hello();
	for (int i = 0; i < 3; i++) {
		expect(LS_CHANNEL);
		reply_channel();
	}
	for (int i = 0; i < 2; i++) {
		uint8_t stream[160] = {0, 2, 0};
		expect(LS_STREAM);
		for (unsigned at = 8; at < 40; at += 8)
			put_f64(stream + at, 50000);
		reply(stream, sizeof(stream));
	}
	assert_int_equal(heard.ready_status, -EPROTO);
	assert_non_null(strstr(heard.err, "STREAM"));
}

/* There are two. */
static void test_open_refuses_a_third_stream(void **state)
{
	(void)state;
	begin_open(0);
	expect(LS_HELLO);
	reply_hello();
	for (int i = 0; i < 2; i++) {
		expect(LS_CHANNEL);
		reply_channel();
	}
	for (int i = 0; i < 2; i++) {
		uint8_t channel[80];
		expect(LS_CHANNEL);
		channel_body(channel, 2);
		channel[2] = 2;
		channel[3] = 0;
		reply(channel, sizeof(channel));
	}
	assert_int_equal(heard.ready_status, -EPROTO);
	assert_non_null(strstr(heard.err, "CHANNEL"));
}

static void test_open_silent(void **state)
{
	(void)state;
	begin_open(0);
	expect(LS_HELLO);
	uint16_t sequence = request.sequence;
	tick(199);
	assert_false(next_request());
	tick(1);
	expect(LS_HELLO);
	assert_int_equal(request.sequence, sequence);
	tick(200);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, -ETIMEDOUT);
	assert_int_equal(heard.lost, 0);
}

/* The process itself stood still: the time it did not listen is not the sensor's. */
static void test_open_held_up(void **state)
{
	(void)state;
	begin_open(0);
	expect(LS_HELLO);
	tick(100);
	now += 5000 * MS;
	sensor->driver->on_tick(sensor, now);
	tick(90); /* the tick that was due counts */
	assert_false(next_request());
	tick(10);
	expect(LS_HELLO);
	assert_int_equal(heard.ready, 0);
}

/* An unclean client left it streaming, and the first bytes are the tail of a frame. */
static void test_open_while_streaming(void **state)
{
	(void)state;
	begin_open(0);
	expect(LS_HELLO);
	put_force(7000, 200, 0);
	put_force(7200, 200, 0);
	memmove(out, out + 100, out_len - 100);
	out_len -= 100;
	send_out();
	reply_hello();
	for (unsigned i = 0; i < 3; i++) {
		expect(LS_CHANNEL);
		reply_channel();
	}
	for (unsigned i = 0; i < 2; i++) {
		expect(LS_STREAM);
		reply_stream();
	}
	assert_int_equal(heard.ready_status, 0);
	assert_int_equal(heard.blocks + heard.events, 0);
	assert_int_equal(counters().lost_samples, 0);
}

static void test_stream(void **state)
{
	(void)state;
	put_force(0, 250, 0);
	put_force(250, 250, 0);
	send_out();
	assert_int_equal(heard.blocks, 1); /* together in, together out */
	assert_int_equal(heard.block.frames, 500);
	assert_int_equal(heard.block.channels, 1);
	assert_true(heard.block.first_index == 0 && heard.block.device_ns == 1000 && heard.block.host_ns == now);
	assert_int_equal(heard.block.flags, 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(heard.counts[i], i);
	put_force(500, 250, 0);
	put_temperatures(0, -8388608, 8388607);
	put_force(750, 1, 0);
	send_out();
	assert_int_equal(heard.blocks, 4);
	assert_int_equal(heard.block.stream, 0);
	assert_true(heard.block.first_index == 750);
	put_temperatures(1, 250000, -1);
	send_out();
	assert_int_equal(heard.block.stream, 1);
	assert_int_equal(heard.block.channels, 2);
	assert_int_equal(heard.counts[0], 250000);
	assert_int_equal(heard.counts[1], -1);
	assert_true(heard.block.first_index == 1 && heard.block.device_ns == 0);
	assert_int_equal(heard.samples, 753);
	assert_int_equal(counters().lost_samples, 0);
	tick(50);
	assert_int_equal(heard.events, 0);
}

static void test_blocks_are_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		put_force(498ULL * i, 498, 0);
	send_out();
	assert_int_equal(heard.samples, 60 * 498);
	assert_int_equal(heard.blocks, 2);
	uint64_t next = 60 * 498;
	for (unsigned left = SAMPLES_PER_BLOCK_MAX; left > 0;) { /* one block to the last sample */
		uint16_t n = left < 498 ? (uint16_t)left : 498;
		put_force(next, n, 0);
		next += n;
		left -= n;
	}
	send_out();
	assert_int_equal(heard.blocks, 3);
	assert_int_equal(heard.block.frames, SAMPLES_PER_BLOCK_MAX);
}

static void test_flags_stay_with_their_samples(void **state)
{
	(void)state;
	put_force(0, 100, 0);
	put_force(100, 100, LS_SATURATED | LS_OVER_RANGE | 0x80);
	put_force(200, 100, 0);
	send_out();
	assert_int_equal(heard.blocks, 3);
	assert_int_equal(heard.block.flags, 0);
	put_force(300, 100, LS_SATURATED | LS_OVER_RANGE | 0x80);
	send_out();
	assert_int_equal(heard.block.flags, SAMPLE_SATURATED | SAMPLE_OVER_RANGE);
}

static void test_gap(void **state)
{
	(void)state;
	put_force(0, 100, 0);
	send_out();
	put_force(150, 100, 0);
	send_out();
	assert_true(heard.block.first_index == 150);
	assert_int_equal(heard.block.flags, SAMPLE_GAP);
	assert_int_equal(counters().lost_samples, 50);
	assert_int_equal(heard.events, 0);
	tick(5);
	assert_int_equal(heard.events, 1);
	assert_non_null(strstr(heard.event, "50 samples lost"));
	for (uint64_t i = 0; i < 30; i++) { /* 60 ms of gaps: told once more, summed */
		put_force(300 + 20 * i, 10, 0);
		send_out();
		tick(1);
	}
	tick(100);
	assert_int_equal(heard.events, 2);
	assert_non_null(strstr(heard.event, "340 samples lost, 30 gaps"));
	assert_int_equal(counters().lost_samples, 390);
	put_force(890, 10, LS_GAP); /* the sensor says so itself; the index follows on */
	send_out();
	assert_int_equal(heard.block.flags, SAMPLE_GAP);
	assert_int_equal(counters().lost_samples, 390);
}

static void test_lost_frame(void **state)
{
	(void)state;
	put_force(0, 100, 0);
	size_t start = out_len;
	put_force(100, 100, 0);
	out[start + 50] ^= 0x10;
	put_force(200, 100, 0);
	send_out();
	assert_int_equal(heard.samples, 200);
	assert_int_equal(heard.block.flags, SAMPLE_GAP);
	assert_true(heard.block.first_index == 200);
	assert_int_equal(counters().crc_errors + counters().resyncs, 1);
	assert_int_equal(counters().lost_samples, 100);
	tick(5);
	assert_non_null(strstr(heard.event, "100 samples lost, 1 gaps"));
}

static void test_backwards(void **state)
{
	(void)state;
	put_force(0, 100, 0);
	send_out();
	put_force(0, 100, 0);
	put_force(50, 100, 0);
	send_out();
	assert_int_equal(heard.samples, 100);
	assert_int_equal(counters().odd_replies, 2);
	put_force(100, 100, 0);
	send_out();
	assert_int_equal(heard.samples, 200);
	assert_int_equal(heard.block.flags, 0);
	tick(5);
	assert_non_null(strstr(heard.event, "2 frames with samples sent before"));
}

/* Its firmware counts anew while it streams: what is said is that, not that it is silent. */
static void test_counts_anew(void **state)
{
	(void)state;
	put_force(0, 100, 0);
	put_force(5000, 100, 0);
	send_out();
	for (uint64_t index = 0; index < 900; index += 100) {
		put_force(index, 100, 0);
		send_out();
		tick(10);
		assert_int_equal(heard.lost, 0);
	}
	tick(10);
	put_force(900, 100, 0);
	put_force(1000, 100, 0);
	send_out();
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -EPROTO);
	assert_non_null(strstr(heard.err, "counts its samples anew (900 behind 5100 of stream 0)"));
	assert_int_equal(heard.samples, 200);
}

/* Of before is what a wire repeats, too: late, with others between, or again and again. */
static void test_repeated_by_the_wire(void **state)
{
	(void)state;
	for (uint64_t index = 0; index < 3000; index += 100) {
		put_force(index, 100, 0);
		put_force(index, 100, 0);
		send_out();
		tick(10);
	}
	for (unsigned i = 0; i < 18; i++) {
		put_force(100, 100, 0);
		send_out();
		tick(10);
	}
	assert_int_equal(heard.lost, 0);
	assert_int_equal(heard.samples, 3000);
}

static void test_malformed_data(void **state)
{
	uint8_t body[64] = {0, 0, 4, 0};

	(void)state;
	put(LS_DATA, 0, body, LS_DATA_HEADER_BYTES + 7); /* four samples in seven bytes */
	body[0] = 2;
	put(LS_DATA, 1, body, LS_DATA_HEADER_BYTES + 8); /* no such stream */
	body[0] = 0;
	body[2] = 0;
	put(LS_DATA, 2, body, LS_DATA_HEADER_BYTES + 8); /* no samples */
	put(LS_DATA, 3, body, 4);
	body[2] = 4;
	memset(body + 4, 0xff, 8);
	put(LS_DATA, 4, body, LS_DATA_HEADER_BYTES + 8); /* the index would wrap */
	send_out();
	assert_int_equal(heard.blocks, 0);
	assert_int_equal(counters().odd_replies, 5);
	put_force(0, 10, 0);
	send_out();
	assert_int_equal(heard.samples, 10);
	assert_int_equal(heard.block.flags, 0);
	tick(5);
	assert_non_null(strstr(heard.event, "5 malformed frames dropped"));
}

/* Each report tells what came after the one before it, of every kind of loss. */
static void test_losses_are_told_once(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		uint8_t body[4] = {0};
		size_t start = out_len;
		put_force(1000, 10, 0);
		out[start + 20] ^= 0x10;
		memcpy(out + out_len, "\0\x01\0", 3);
		out_len += 3;
		put(LS_DATA, 0, body, sizeof(body));
		if (i == 0)
			put_force(0, 10, 0);
		put_force(0, 10, 0);
		send_out();
		tick(100);
		assert_int_equal(heard.events, i + 1);
		assert_string_equal(heard.event, "load sensor: 1 frames with a wrong checksum, 1 resynchronisations, "
						 "1 frames with samples sent before, dropped, 1 malformed frames "
						 "dropped");
	}
}

static void test_events(void **state)
{
	uint8_t body[20] = {LS_OVERLOAD, 0};

	(void)state;
	put_u64(body + 4, 42);
	put_f64(body + 12, 2.5);
	put_force(0, 10, 0);
	put(LS_EVENT, own_sequence++, body, sizeof(body));
	send_out();
	assert_int_equal(heard.events, 1);
	assert_int_equal(heard.conditions, SENSOR_OVERLOADED);
	assert_int_equal(heard.samples_before_event, 10); /* in the order in which they came */
	assert_string_equal(heard.event, "load sensor: overload (code 1), channel force at 2.5 N, index 42");
	body[0] = 77;
	body[1] = 0xff;
	put_f64(body + 12, NAN);
	put(LS_EVENT, own_sequence++, body, sizeof(body));
	put(LS_EVENT, own_sequence++, body, 19);
	send_out();
	assert_int_equal(heard.events, 2);
	assert_non_null(strstr(heard.event, "(code 77), index 42"));
	assert_int_equal(counters().odd_replies, 1);
}

static void test_start_nonsense(void **state)
{
	struct outcome start = {0};

	(void)state;
	VERB(start(sensor, on_done, &start));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(start.calls, 0);
		expect(LS_START);
		reply("", 0);
	}
	assert_int_equal(start.status, -EPROTO);
	assert_non_null(strstr(start.err, "START"));
	VERB(start(sensor, on_done, &start));
	for (int i = 0; i < 2; i++) {
		expect(LS_START);
		reply_status(LS_FAULT + 1);
	}
	assert_int_equal(start.calls, 2);
	assert_int_equal(start.status, -EPROTO);
	VERB(start(sensor, on_done, &start));
	for (int i = 0; i < 2; i++) {
		expect(LS_START);
		reply_status(LS_FAULT);
	}
	assert_int_equal(start.calls, 3);
	assert_int_equal(start.status, -EREMOTEIO);
	assert_non_null(strstr(start.err, "does not start: hardware fault"));
	assert_int_equal(counters().odd_replies, 6);
}

static void test_start_refused(void **state)
{
	struct outcome start = {0};

	(void)state;
	VERB(start(sensor, on_done, &start));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(start.calls, 0);
		expect(LS_START);
		reply_status(LS_LINE_TOO_SLOW);
	}
	assert_int_equal(start.status, -ERANGE);
	assert_non_null(strstr(start.err, "baud"));
	put_force(0, 10, 0);
	send_out();
	assert_int_equal(heard.blocks, 0);
	assert_int_equal(heard.lost, 0);
}

/* The reply to START is lost: the repetition has the same sequence, and the samples in between are not. */
static void test_start_reply_lost(void **state)
{
	struct outcome start = {0};

	(void)state;
	VERB(start(sensor, on_done, &start));
	expect(LS_START);
	uint16_t sequence = request.sequence;
	put_force(0, 100, 0);
	send_out();
	tick(200);
	expect(LS_START);
	assert_int_equal(request.sequence, sequence);
	put_force(100, 100, 0);
	reply_status(LS_OK);
	assert_int_equal(start.status, 0);
	assert_int_equal(start.calls, 1);
	assert_int_equal(heard.samples, 200);
	assert_int_equal(counters().lost_samples, 0);
	assert_int_equal(counters().repeated_requests, 1);
}

static void test_wrong_sequence(void **state)
{
	struct outcome start = {0};
	uint8_t ok = LS_OK;

	(void)state;
	VERB(start(sensor, on_done, &start));
	expect(LS_START);
	put(LS_START | LS_REPLY, (uint16_t)(request.sequence - 1), &ok, 1);
	put(LS_STOP | LS_REPLY, request.sequence, &ok, 1);
	put(0x7e, request.sequence, &ok, 1);
	send_out();
	assert_int_equal(start.calls, 0);
	reply_status(LS_OK);
	assert_int_equal(start.calls, 1);
	reply_status(LS_OK); /* answered twice */
	assert_int_equal(start.calls, 1);
}

static void test_stop(void **state)
{
	struct outcome stop = {0}, again = {0};

	(void)state;
	put_force(0, 100, 0);
	send_out();
	VERB(stop(sensor, on_done, &stop));
	expect(LS_STOP);
	put_force(100, 100, 0); /* what was under way still counts */
	reply_status(LS_OK);
	assert_int_equal(stop.status, 0);
	assert_int_equal(stop.calls, 1);
	assert_int_equal(heard.samples, 200);
	put_force(200, 100, 0);
	send_out();
	assert_int_equal(heard.samples, 200);
	tick(2000);
	assert_int_equal(heard.lost, 0);
	assert_false(next_request());
	VERB(start(sensor, on_done, &again));
	expect(LS_START);
	reply_status(LS_OK);
	put_force(0, 10, 0);
	send_out();
	assert_int_equal(heard.samples, 210);
	assert_int_equal(heard.block.flags, 0);
}

static void done_after_samples(void *ctx, int status, const struct err *err)
{
	assert_int_equal(heard.samples, 100);
	on_done(ctx, status, err);
}

static void test_stop_nonsense(void **state)
{
	struct outcome stop = {0};

	(void)state;
	VERB(stop(sensor, on_done, &stop));
	expect(LS_STOP);
	reply_status(LS_BUSY); /* there is no reason not to stop */
	expect(LS_STOP);
	reply("", 0);
	assert_int_equal(stop.calls, 1);
	assert_int_equal(stop.status, -EPROTO);
	assert_non_null(strstr(stop.err, "STOP"));
	tick(200);
	expect(LS_PING);
	reply("", 0);
	expect(LS_PING);
	assert_int_equal(counters().odd_replies, 3);
}

/* What came before an answer in the same piece of bytes is delivered before what the answer brings about. */
static void test_samples_before_what_follows(void **state)
{
	struct outcome stop = {0};

	VERB(stop(sensor, done_after_samples, &stop));
	expect(LS_STOP);
	put_force(0, 100, 0);
	reply_status(LS_OK);
	assert_int_equal(stop.calls, 1);
	driver_load_stream.close(sensor);
	assert_int_equal(setup_started(state), 0);
	tick(200);
	expect(LS_PING);
	put_temperatures(0, 1, 2); /* not the stream that is missed */
	put(LS_PING | LS_REPLY, request.sequence, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	send_out();
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.samples, 1);
}

static void test_stop_jumps_the_queue(void **state)
{
	struct outcome start = {0}, second = {0}, stop = {0};

	(void)state;
	VERB(start(sensor, on_done, &start));
	VERB(start(sensor, on_done, &second));
	expect(LS_START);
	VERB(stop(sensor, on_done, &stop));
	expect(LS_STOP);
	assert_int_equal(start.calls + second.calls, 0);
	tick(5);
	assert_int_equal(start.status, -ECANCELED);
	assert_int_equal(second.status, -ECANCELED);
	reply_status(LS_OK);
	assert_int_equal(stop.calls, 1);
	assert_int_equal(stop.status, 0);
	assert_int_equal(start.calls + second.calls, 2);
}

static void reply_ping(bool streaming)
{
	uint8_t body[20] = {0, streaming};

	put_u64(body + 12, 1234);
	reply(body, sizeof(body));
}

/* More verbs at once than there is room for their refusals in any queue: none is told from inside a verb. */
static void test_queue_is_bounded(void **state)
{
	static struct outcome many[200];
	unsigned refused = 0;

	(void)state;
	memset(many, 0, sizeof(many));
	for (unsigned i = 0; i < 200; i++)
		VERB(start(sensor, on_done, &many[i]));
	tick(5);
	for (unsigned i = 0; i < 200; i++)
		refused += many[i].calls == 1 && many[i].status == -ENOBUFS;
	assert_int_equal(refused, 200 - 9); /* one under way, 8 waiting */
	for (unsigned i = 0; i < 200; i++)
		VERB(stop(sensor, on_done, &many[i]));
	driver_load_stream.close(sensor);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(many[i].calls, 2);
	begin_open(0);
}

static void test_data_stops(void **state)
{
	(void)state;
	put_force(0, 100, 0);
	send_out();
	tick(195);
	assert_false(next_request());
	tick(5);
	expect(LS_PING);
	tick(200);
	expect(LS_PING);
	assert_int_equal(heard.lost, 0);
	tick(200);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -ETIMEDOUT);
	tick(1000);
	assert_int_equal(heard.lost, 1);
}

/* The slow stream goes on, the force has stopped: that is silence too. */
static void test_alive_without_data(void **state)
{
	unsigned pings = 0;

	(void)state;
	for (unsigned i = 0; i < 40 && !heard.lost; i++) {
		tick(50);
		put_temperatures(i, 1, 2);
		send_out();
		while (!heard.lost && next_request()) {
			assert_int_equal(request.type, LS_PING);
			reply_ping(true);
			pings++;
		}
	}
	assert_true(pings > 2);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -ETIMEDOUT);
}

/* The process was stopped for ten seconds: one tick may come before the bytes that wait. */
static void test_time_jumps(void **state)
{
	(void)state;
	put_force(0, 100, 0);
	send_out();
	now += 10000 * MS;
	driver_load_stream.on_tick(sensor, now);
	driver_load_stream.on_tick(sensor, now);
	expect(LS_PING);
	assert_int_equal(heard.lost, 0);
	put_force(500000, 100, LS_GAP);
	send_out();
	reply_ping(true);
	tick(150);
	assert_int_equal(heard.lost, 0);
	assert_int_equal(heard.samples, 200);
	assert_int_equal(counters().lost_samples, 499900);
	tick(50);
	expect(LS_PING);
	assert_int_equal(heard.lost, 0);
}

static void test_restarted_by_itself(void **state)
{
	(void)state;
	put_force(0, 100, 0);
	send_out();
	tick(200);
	expect(LS_PING);
	reply_ping(false);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -ETIMEDOUT);
}

static void test_unplugged(void **state)
{
	struct outcome stop = {0}, late = {0};
	struct err why = {"unplugged"};

	(void)state;
	VERB(stop(sensor, on_done, &stop));
	fake.sink.gone(fake.sink.ctx, &why);
	assert_int_equal(stop.status, -ENODEV);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -ENODEV);
	VERB(start(sensor, on_done, &late));
	tick(5);
	assert_int_equal(late.status, -ENODEV);
	assert_int_equal(stop.calls + late.calls, 2);
}

static void test_close_stops(void **state)
{
	struct outcome stop = {0};

	(void)state;
	VERB(stop(sensor, on_done, &stop));
	expect(LS_STOP);
	driver_load_stream.close(sensor);
	assert_int_equal(stop.status, -ECANCELED);
	assert_int_equal(stop.calls, 1);
	expect(LS_STOP);
	assert_false(fake.open);
	begin_open(0);
}

/* The same stream with noise bytes between frames, cut at every size: the same samples, and no false ones. */
static void test_pieces_with_garbage(void **state)
{
	(void)state;
	driver_load_stream.close(sensor);
	for (piece = 1; piece < 400; piece += piece < 30 ? 1 : 37) {
		struct outcome start = {0};
		begin_open(0);
		describe();
		VERB(start(sensor, on_done, &start));
		expect(LS_START);
		reply_status(LS_OK);
		for (uint64_t i = 0; i < 5; i++) {
			put_force(i * 100, 100, 0);
			for (unsigned k = 0; k < 17 * i; k++)
				out[out_len++] = (uint8_t)(k * 59 + i);
			out[out_len++] = 0;
		}
		send_out();
		assert_int_equal(heard.samples, 500);
		assert_int_equal(counters().lost_samples, 0);
		assert_true(counters().resyncs + counters().crc_errors >= 4);
		driver_load_stream.close(sensor);
	}
	begin_open(0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define S(test) cmocka_unit_test_setup_teardown(test, setup_started, teardown)
	const struct CMUnitTest tests[] = {
		T(test_open),
		cmocka_unit_test_teardown(test_open_with_rate, teardown),
		cmocka_unit_test_teardown(test_rate_refused, teardown),
		cmocka_unit_test_teardown(test_open_refuses_nonsense, teardown),
		cmocka_unit_test_teardown(test_open_refuses_a_third_stream, teardown),
		cmocka_unit_test_teardown(test_open_silent, teardown),
		cmocka_unit_test_teardown(test_open_held_up, teardown),
		cmocka_unit_test_teardown(test_open_while_streaming, teardown),
		S(test_stream),
		S(test_blocks_are_bounded),
		S(test_flags_stay_with_their_samples),
		S(test_gap),
		S(test_lost_frame),
		S(test_backwards),
		S(test_counts_anew),
		S(test_repeated_by_the_wire),
		S(test_malformed_data),
		S(test_events),
		T(test_start_nonsense),
		T(test_start_refused),
		S(test_losses_are_told_once),
		S(test_stop_nonsense),
		S(test_samples_before_what_follows),
		T(test_queue_is_bounded),
		T(test_start_reply_lost),
		T(test_wrong_sequence),
		S(test_stop),
		T(test_stop_jumps_the_queue),
		S(test_data_stops),
		S(test_alive_without_data),
		S(test_time_jumps),
		S(test_restarted_by_itself),
		S(test_unplugged),
		S(test_close_stops),
		T(test_pieces_with_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
