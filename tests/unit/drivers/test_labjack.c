/* The life of a LabJack, against one made of registers: what is asked, set and read back, when a stream begins and ends, and
 * what follows where it does not obey. The test owns the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/labjack/device.h"
#include "drivers/labjack/wire.h"

#define REGISTERS      65536
#define ADDRESS        "tcp:192.0.2.7"
#define DIALOGUE_ASKED 2 /* so often an odd answer is asked for again before it counts */

/* One connection. */
struct wire {
	struct link link;
	struct link_sink sink;
	char uri[64];
	bool open;
};

static struct wire command, samples;
static uint16_t reg[REGISTERS];
static bool mute, streams, deaf;          /* deaf: what is set stays as it was */
static unsigned writes;                   /* that were executed */
static unsigned flash_moved;              /* by reads since the pointer was written */
static unsigned asked, flash_at, refuses; /* refuses: a register of which every request is an exception */
static uint8_t late[256];                 /* an answer that was kept back */
static size_t late_len;
static bool keep_back;

static struct device *device;
static uint64_t now_ns;
static unsigned ready, lost, dones, blocks, warm_blocks, events;
static int ready_status, done_status;
static char why[ERR_TEXT_MAX], event[128];
static struct sample_block last, last_warm;
static int32_t counts[LJ_SAMPLES_MAX], warm_counts[4];

/* ---- the device ---------------------------------------------------------------------------------------------------- */

static void set32(unsigned address, uint32_t value)
{
	reg[address] = (uint16_t)(value >> 16);
	reg[address + 1] = (uint16_t)value;
}

static uint32_t bits(float value)
{
	uint32_t b;

	memcpy(&b, &value, sizeof(b));
	return b;
}

static void answer(uint8_t *frame, size_t len)
{
	if (mute)
		return;
	if (keep_back) {
		memcpy(late, frame, len);
		late_len = len;
		keep_back = false;
		return;
	}
	command.sink.bytes(command.sink.ctx, frame, len, false, now_ns);
}

static void refuse(const uint8_t *request)
{
	uint8_t frame[9] = {request[0], request[1], 0, 0, 0, 3, 1, request[7] | 0x80, 4};

	answer(frame, sizeof(frame));
}

static void read_registers(const uint8_t *request, unsigned address, unsigned count)
{
	uint8_t frame[256] = {request[0], request[1], 0, 0, 0, (uint8_t)(3 + 2 * count), 1, 3, (uint8_t)(2 * count)};
	unsigned from = address == LJ_FLASH_READ ? flash_at + flash_moved : address;

	flash_moved += address == LJ_FLASH_READ ? count : 0;

	set32(LJ_STREAM_ENABLE, streams);
	for (unsigned i = 0; i < count; i++) {
		frame[9 + 2 * i] = (uint8_t)(reg[from + i] >> 8);
		frame[10 + 2 * i] = (uint8_t)reg[from + i];
	}
	answer(frame, 9 + 2 * count);
}

static void write_registers(const uint8_t *request, unsigned address, unsigned count)
{
	uint8_t frame[12] = {request[0], request[1], 0,          0,          0,           6,
			     1,          16,         request[8], request[9], request[10], request[11]};
	bool enables = address == LJ_STREAM_ENABLE, on = enables && request[16];

	writes++;
	flash_moved = address == LJ_FLASH_POINTER ? 0 : flash_moved;
	if (enables && on == streams) {
		refuse(request);
		return;
	}
	if (enables && !deaf)
		streams = on;
	for (unsigned i = 0; !deaf && i < count; i++)
		reg[address + i] = (uint16_t)(request[13 + 2 * i] << 8 | request[14 + 2 * i]);
	answer(frame, sizeof(frame));
}

static uint8_t pending[LJ_REQUEST_MAX];
static bool has_pending;

/* A request is answered when the test turns: no answer comes from inside a verb. */
static int wire_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		      void *ctx)
{
	(void)deadline_ns, (void)ctx;
	assert_ptr_equal(link, &command.link);
	assert_null(done);
	assert_in_range(len, 12, LJ_REQUEST_MAX);
	memcpy(pending, data, len);
	has_pending = true;
	asked++;
	return 0;
}

static int wire_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err);

static void wire_close(struct link *link)
{
	struct wire *wire = (struct wire *)link;

	assert_true(wire->open);
	wire->open = false;
}

static void wire_counters(const struct link *link, struct link_counters *ret)
{
	(void)link;
	*ret = (struct link_counters){.bytes_in = 0};
}

static const struct link_ops wire_ops = {
	.name = "fake",
	.scheme = "tcp",
	.open = wire_open,
	.close = wire_close,
	.write = wire_write,
	.counters = wire_counters,
};
static const struct link_ops *const table[] = {&wire_ops, NULL};

static int wire_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err)
{
	struct wire *wire = wants->tcp_port == LJ_PORT ? &command : &samples;

	(void)loop, (void)err;
	assert_false(wire->open);
	*wire = (struct wire){.link = {.ops = &wire_ops, .connecting = wire == &samples}, .sink = *sink, .open = true};
	snprintf(wire->uri, sizeof(wire->uri), "%s", uri);
	*ret = &wire->link;
	return 0;
}

static void execute(void)
{
	uint8_t request[LJ_REQUEST_MAX];
	unsigned address, count;

	has_pending = false;
	memcpy(request, pending, sizeof(request));
	address = (unsigned)(request[8] << 8 | request[9]);
	count = (unsigned)(request[10] << 8 | request[11]);
	if (address == refuses)
		refuse(request);
	else if (request[7] == 3)
		read_registers(request, address, count);
	else
		write_registers(request, address, count);
}

/* Until nothing is asked any more, at most so many requests. */
static void turn(unsigned most)
{
	for (unsigned i = 0; i < most && has_pending; i++)
		execute();
	now_ns += DRIVER_TICK_NS;
	if (device)
		device->driver->on_tick(device, now_ns);
}

static void wait_ns(uint64_t ns)
{
	for (uint64_t end_ns = now_ns + ns; now_ns < end_ns;)
		turn(100);
}

/* ---- the host ------------------------------------------------------------------------------------------------------ */

static void on_ready(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	ready++;
	ready_status = status;
	if (status)
		snprintf(why, sizeof(why), "%s", err->text);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	(void)ctx;
	if (block->stream == 1) {
		warm_blocks++;
		last_warm = *block;
		memcpy(warm_counts, block->counts, block->channels * sizeof(*counts));
		return;
	}
	blocks++;
	last = *block;
	memcpy(counts, block->counts, (size_t)block->frames * block->channels * sizeof(*counts));
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	(void)ctx;
	assert_int_equal(condition, 0);
	events++;
	snprintf(event, sizeof(event), "%s", text);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	assert_true(status < 0);
	lost++;
	snprintf(why, sizeof(why), "%s", err->text);
}

static void on_done(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	dones++;
	done_status = status;
	if (status)
		snprintf(why, sizeof(why), "%s", err->text);
}

static void power_on(void)
{
	float scale = 1;

	memset(reg, 0, sizeof(reg));
	set32(LJ_TEST, LJ_TEST_VALUE);
	set32(LJ_PRODUCT_ID, bits(7));
	set32(LJ_FIRMWARE_VERSION, bits(1.0292f));
	set32(LJ_SERIAL_NUMBER, 470010001);
	flash_at = 1000;
	for (unsigned gain = 0; gain < 4; gain++, scale /= 10) {
		set32(flash_at + 8 * gain, bits(3.1580578e-4f * scale));
		set32(flash_at + 8 * gain + 2, bits(-3.1580578e-4f * scale));
		set32(flash_at + 8 * gain + 4, bits(33523));
	}
}

static int setup(void **state)
{
	(void)state;
	mute = streams = deaf = keep_back = has_pending = false;
	asked = writes = flash_moved = refuses = ready = lost = dones = blocks = warm_blocks = events = 0;
	ready_status = done_status = 1;
	late_len = 0;
	now_ns = NS_PER_S;
	command.open = samples.open = false;
	power_on();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (device)
		device->driver->close(device);
	device = NULL;
	assert_false(command.open || samples.open);
	return 0;
}

static struct daq_setup usual(void)
{
	return (struct daq_setup){.inputs = 3,
				  .rate_hz = 10000,
				  .input = {{.channel = {.name = "force",
							 .unit = "N",
							 .quantity = QUANTITY_FORCE,
							 .column = 2,
							 .scale = 2,
							 .offset = 0.5,
							 .range_lo = -10,
							 .range_hi = 10},
					     .range_v = 10},
					    {.channel = {.name = "tip",
							 .unit = "degC",
							 .quantity = QUANTITY_TEMPERATURE,
							 .column = 0,
							 .scale = 50,
							 .range_hi = 100},
					     .range_v = 1},
					    {.channel = {.name = "displacement",
							 .unit = "mm",
							 .quantity = QUANTITY_DISPLACEMENT,
							 .column = 3,
							 .scale = 1,
							 .range_hi = 8},
					     .range_v = 10}}};
}

static void open_device(const struct daq_setup *daq)
{
	const struct device_open open = {
		.links = table,
		.uri = ADDRESS,
		.daq = daq,
		.host = {.ready = on_ready, .block = on_block, .event = on_event, .lost = on_lost}};
	struct err err;

	assert_int_equal(driver_labjack.open(&open, now_ns, &device, &err), 0);
}

static void open_ready(void)
{
	const struct daq_setup daq = usual();

	open_device(&daq);
	turn(200);
	if (ready != 1 || ready_status != 0)
		fail_msg("not ready: %s", why);
}

static void start(void)
{
	device->driver->stream->start(device, on_done, NULL);
	assert_int_equal(dones, 0);
	samples.link.connecting = false;
	wait_ns(NS_PER_MS);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, 0);
	dones = 0;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static void test_opening(void **state)
{
	unsigned count;

	(void)state;
	open_ready();
	const struct device_identity *id = device->driver->identity(device);
	const struct channel *channel = device->driver->channels(device, &count);
	assert_string_equal(id->model, "T7");
	assert_string_equal(id->serial, "470010001");
	assert_string_equal(id->firmware, "1.0292");
	assert_string_equal(id->loss, "");
	assert_int_equal(count, 3);
	assert_int_equal(channel[0].stream, 0);
	assert_int_equal(channel[0].position, 0);
	assert_int_equal(channel[1].stream, 1); /* temperatures are slow */
	assert_int_equal(channel[1].position, 0);
	assert_int_equal(channel[2].stream, 0);
	assert_int_equal(channel[2].position, 1);
	assert_true(channel[0].rate_hz == 10000 && channel[1].rate_hz == 10);
	/* Full scale of the counts is 1.25 times the range. */
	assert_true(channel[0].scale * 8388608 > 24.999 && channel[0].scale * 8388608 < 25.001);
	assert_true(channel[0].offset == 0.5);
	assert_true(channel[1].scale * 8388608 > 62.499 && channel[1].scale * 8388608 < 62.501);
	assert_int_equal(reg[LJ_SCANLIST + 1], 4);
	assert_int_equal(reg[LJ_SCANLIST + 3], 0);
	assert_int_equal(reg[LJ_SCANLIST + 5], 6);
	assert_int_equal(reg[LJ_AUTORECOVER_DISABLE + 1], 1);
	assert_false(streams || samples.open);
}

static void refused(const char *says)
{
	wait_ns(1100 * NS_PER_MS);
	assert_int_equal(ready, 1);
	assert_true(ready_status < 0);
	if (!strstr(why, says))
		fail_msg("it says \"%s\"", why);
}

static void test_refused(void **state)
{
	struct daq_setup daq = usual();
	unsigned row = (unsigned)(uintptr_t)*state;

	static const char *const says[] = {"no LabJack",
					   "product 8",
					   "AIN2 at +-10 V are none",
					   "AIN0 to AIN13",
					   "reads",
					   "in use",
					   "refuses to tell register 60028",
					   "gone or silent",
					   "refuses to set register 4100"};
	if (row == 0)
		set32(LJ_TEST, 0x33221100);
	if (row == 1)
		set32(LJ_PRODUCT_ID, bits(8));
	if (row == 2)
		set32(1000, bits(1));
	if (row == 3)
		daq.input[0].channel.column = 14;
	if (row == 4 || row == 5)
		deaf = true;
	streams = row == 5;
	if (row == 6)
		refuses = LJ_SERIAL_NUMBER;
	if (row == 7)
		mute = true;
	if (row == 8)
		refuses = LJ_SCANLIST;
	open_device(&daq);
	if (row == 7) {
		wait_ns(900 * NS_PER_MS);
		assert_int_equal(ready, 1);
		assert_int_equal(ready_status, -ETIMEDOUT);
		return;
	}
	refused(says[row]);
	assert_true(row != 5 || (ready_status == -EBUSY && streams && writes == 0));
}

/* Its pointer moves with each read: what is asked again is read from the same place again. */
static void test_calibration_asked_again(void **state)
{
	const struct daq_setup daq = usual();
	unsigned lost_answers = (unsigned)(uintptr_t)*state;

	open_device(&daq);
	for (unsigned i = 0; i < lost_answers; i++) {
		for (unsigned n = 0; n < 400 && !(has_pending && pending[8] == LJ_FLASH_READ >> 8 && pending[7] == 3 &&
						  pending[9] == (LJ_FLASH_READ & 0xFF));
		     n++)
			turn(1);
		assert_true(has_pending);
		keep_back = true;
		turn(1);
		assert_false(keep_back);
	}
	wait_ns(NS_PER_S);
	assert_int_equal(ready, 1);
	assert_int_equal(ready_status, lost_answers < 3 ? 0 : -ETIMEDOUT);
	assert_true(lost_answers >= 3 || flash_moved == 2 * LJ_CAL_WORDS);
}

/* What a dead run has left ends by itself, and is waited for; it is not ended, as it may be somebody's. */
static void test_left_streaming(void **state)
{
	const struct daq_setup daq = usual();

	(void)state;
	streams = true;
	open_device(&daq);
	wait_ns(600 * NS_PER_MS);
	assert_int_equal(ready, 0);
	assert_true(streams && writes == 0);
	streams = false;
	wait_ns(300 * NS_PER_MS);
	assert_int_equal(ready, 1);
	assert_int_equal(ready_status, 0);
}

/* Two that open it at once: who begins second does not, and ends nothing, whatever follows. */
static void test_somebody_elses_stream(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		if (how > 0)
			setup(state);
		open_ready();
		streams = true;
		if (how < 2) {
			device->driver->stream->start(device, on_done, NULL);
			samples.link.connecting = false;
			wait_ns(10 * NS_PER_MS);
			assert_int_equal(dones, 1);
			assert_int_equal(done_status, -EREMOTEIO);
			assert_non_null(strstr(why, "does not begin"));
			assert_false(samples.open);
		}
		if (how > 0) {
			dones = 0;
			device->driver->stream->stop(device, on_done, NULL);
			wait_ns(10 * NS_PER_MS);
			assert_int_equal(dones, 1);
			assert_int_equal(done_status, 0);
		}
		teardown(state);
		assert_false(has_pending);
		assert_true(streams);
	}
}

/* One of its own is ended, also where it was begun twice, and when it is closed. */
static void test_own_stream(void **state)
{
	(void)state;
	open_ready();
	start();
	start();
	device->driver->stream->stop(device, on_done, NULL);
	wait_ns(10 * NS_PER_MS);
	assert_true(dones == 1 && done_status == 0 && !streams);
	dones = 0;
	start();
	deaf = true;
	device->driver->stream->stop(device, on_done, NULL);
	wait_ns(10 * NS_PER_MS);
	assert_int_equal(done_status, -EREMOTEIO);
	assert_non_null(strstr(why, "does not end"));
	deaf = false;
	teardown(state);
	assert_true(has_pending && pending[9] == (LJ_STREAM_ENABLE & 0xFF) && pending[16] == 0);
	has_pending = false;
}

/* An answer that comes late is not taken for that to the next question, which is a read of as many registers. */
static void test_late_answer(void **state)
{
	const struct daq_setup daq = usual();

	(void)state;
	open_device(&daq);
	keep_back = true; /* the test register's: it is asked again */
	for (unsigned i = 0; i < 50 && asked < 2; i++)
		turn(1);
	assert_true(late_len > 0 && has_pending);
	execute();
	assert_true(has_pending); /* the product, whose answer is awaited now */
	for (unsigned i = 0; i < DIALOGUE_ASKED; i++)
		command.sink.bytes(command.sink.ctx, late, late_len, false, now_ns);
	wait_ns(20 * NS_PER_MS);
	assert_int_equal(ready, 1);
	assert_int_equal(ready_status, 0);
}

static void test_no_modbus(void **state)
{
	const struct daq_setup daq = usual();

	(void)state;
	open_device(&daq);
	command.sink.bytes(command.sink.ctx, (const uint8_t *)"HTTP/1.1 400", 12, false, now_ns);
	assert_int_equal(ready, 1);
	assert_int_equal(ready_status, -EPROTO);
	has_pending = false;
}

/* ---- streaming ----------------------------------------------------------------------------------------------------- */

static void test_start_waits(void **state)
{
	(void)state;
	open_ready();
	device->driver->stream->start(device, on_done, NULL);
	assert_string_equal(samples.uri, &ADDRESS[strlen("tcp:")]);
	wait_ns(50 * NS_PER_MS);
	assert_false(streams);
	assert_int_equal(dones, 0);
	samples.link.connecting = false;
	wait_ns(NS_PER_MS);
	assert_true(streams);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, 0);
	device->driver->stream->stop(device, on_done, NULL);
	assert_int_equal(dones, 1);
	wait_ns(NS_PER_MS);
	assert_int_equal(dones, 2);
	assert_int_equal(done_status, 0);
	assert_false(streams || samples.open);
}

/* Somebody has set another range since it was opened. */
static void test_changed_meanwhile(void **state)
{
	(void)state;
	open_ready();
	set32(LJ_AIN_RANGE + 4, bits(1));
	device->driver->stream->start(device, on_done, NULL);
	samples.link.connecting = false;
	wait_ns(10 * NS_PER_MS);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	assert_non_null(strstr(why, "40004 was set to 10 and reads 1"));
	assert_false(streams || samples.open);
}

static void test_does_not_begin(void **state)
{
	(void)state;
	open_ready();
	refuses = LJ_STREAM_ENABLE;
	device->driver->stream->start(device, on_done, NULL);
	samples.link.connecting = false;
	wait_ns(10 * NS_PER_MS);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
}

/* The answer is lost, and it is asked again: that is refused, because it streams. */
static void test_enabled_twice(void **state)
{
	(void)state;
	open_ready();
	device->driver->stream->start(device, on_done, NULL);
	samples.link.connecting = false;
	for (unsigned i = 0; i < 200 && !streams; i++) {
		keep_back = pending[7] == 16; /* of all requests this alone writes */
		turn(1);
	}
	keep_back = false;
	wait_ns(300 * NS_PER_MS);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, 0);
}

static void test_stop_while_starting(void **state)
{
	(void)state;
	open_ready();
	device->driver->stream->start(device, on_done, NULL);
	turn(2);
	device->driver->stream->stop(device, on_done, NULL);
	wait_ns(10 * NS_PER_MS);
	assert_int_equal(dones, 2);
	assert_false(streams || samples.open);
	dones = 0;
	start();
	assert_true(streams && samples.open);
	device->driver->stream->start(device, NULL, NULL); /* a connection of its own again */
	assert_true(samples.link.connecting);
}

/* ---- samples ------------------------------------------------------------------------------------------------------- */

static size_t packet(uint8_t *p, unsigned number, unsigned status)
{
	unsigned n = reg[LJ_SAMPLES_PER_PACKET + 1];
	const uint8_t head[16] = {(uint8_t)(number >> 8),
				  (uint8_t)number,
				  0,
				  0,
				  (uint8_t)((10 + 2 * n) >> 8),
				  (uint8_t)(10 + 2 * n),
				  1,
				  76,
				  16,
				  0,
				  0,
				  0,
				  (uint8_t)(status >> 8),
				  (uint8_t)status};

	memcpy(p, head, sizeof(head));
	for (unsigned i = 0; i < n; i++) {
		unsigned raw = 33523 + 1000 * (i % 3); /* force 0 V, tip 1000 counts, displacement 2000 */
		p[16 + 2 * i] = (uint8_t)(raw >> 8);
		p[17 + 2 * i] = (uint8_t)raw;
	}
	return 16 + 2 * (size_t)n;
}

static void send_packet(unsigned number, unsigned status)
{
	uint8_t p[LJ_FRAME_MAX];
	size_t len = packet(p, number, status);

	samples.sink.bytes(samples.sink.ctx, p, len / 3, false, now_ns);
	samples.sink.bytes(samples.sink.ctx, p + len / 3, len - len / 3, false, now_ns);
}

static void test_blocks(void **state)
{
	const struct channel *channel;
	unsigned n;

	(void)state;
	open_ready();
	start();
	for (unsigned i = 0; i < 40; i++) /* of 25 scans: one temperature */
		send_packet(i, 0);
	channel = device->driver->channels(device, &n);
	assert_int_equal(blocks, 40);
	assert_int_equal(last.frames, 25);
	assert_int_equal(last.channels, 2);
	assert_int_equal(last.first_index, 39 * 25);
	assert_int_equal(last.flags, 0);
	assert_int_equal(last.host_ns, now_ns);
	assert_true(counts[0] == 0 && counts[48] == 0);
	double mm = channel[2].scale * counts[1], tip = channel[1].scale * warm_counts[0];
	assert_true(mm > 0.6316 && mm < 0.6317);   /* 2000 counts of 0.3158 mV at 1 mm/V */
	assert_true(tip > 1.5789 && tip < 1.5791); /* 1000 of 31.58 uV at 50 K/V */
	assert_int_equal(warm_blocks, 1);
	assert_int_equal(last_warm.first_index, 0);
	assert_int_equal(last_warm.channels, 1);
	assert_int_equal(events + lost, 0);
}

/* A mean in which a scan is missing is none. */
static void test_gap(void **state)
{
	struct device_counters told;

	(void)state;
	open_ready();
	start();
	for (unsigned i = 0; i < 10; i++)
		send_packet(i, 0);
	send_packet(12, 0);
	assert_int_equal(last.flags, SAMPLE_GAP);
	assert_int_equal(last.first_index, 12 * 25);
	assert_int_equal(events, 1);
	assert_non_null(strstr(event, "50 samples of each input are missing before 300"));
	for (unsigned i = 13; i < 80; i++)
		send_packet(i, 0);
	assert_int_equal(warm_blocks, 1);
	assert_int_equal(last_warm.first_index, 1);
	assert_int_equal(last_warm.flags, SAMPLE_GAP);
	device->driver->counters(device, &told);
	assert_int_equal(told.lost_samples, 50);
	assert_int_equal(told.frames, 78);
	assert_int_equal(lost, 0);
}

/* As many scans as make a mean are missing: what stands before and behind them is none. */
static void test_gap_of_a_mean(void **state)
{
	(void)state;
	open_ready();
	start();
	for (unsigned i = 0; i < 20; i++)
		send_packet(i, 0);
	for (unsigned i = 60; i < 80; i++)
		send_packet(i, 0);
	assert_int_equal(last.first_index, 79 * 25);
	assert_int_equal(warm_blocks, 0);
}

static void test_overflow(void **state)
{
	(void)state;
	open_ready();
	start();
	send_packet(0, 0);
	send_packet(1, 2945);
	assert_int_equal(lost, 1);
	assert_int_equal(blocks, 1);
	assert_non_null(strstr(why, "its buffer ran over"));
	send_packet(2, 0);
	assert_int_equal(blocks + lost, 2);
}

static void test_samples_gone(void **state)
{
	struct err err;

	(void)state;
	open_ready();
	start();
	err_set(&err, -ENODEV, "broken off");
	samples.sink.gone(samples.sink.ctx, &err);
	assert_int_equal(lost, 1);
	assert_string_equal(why, "broken off");
}

/* What the stream before has left on its way is nobody's sample. */
static void test_started_again(void **state)
{
	(void)state;
	open_ready();
	start();
	send_packet(0, 0);
	device->driver->stream->stop(device, NULL, NULL);
	wait_ns(10 * NS_PER_MS);
	assert_false(samples.open);
	start();
	send_packet(500, 0);
	assert_int_equal(last.first_index, 0);
	assert_int_equal(last.flags, 0);
}

/* A device of temperatures alone has one stream, of means. */
static void test_thermometer(void **state)
{
	struct daq_setup daq = usual();
	const struct channel *channel;
	unsigned count;

	(void)state;
	daq.input[0] = daq.input[1];
	daq.inputs = 1;
	daq.rate_hz = 25;
	open_device(&daq);
	turn(200);
	channel = device->driver->channels(device, &count);
	assert_int_equal(count, 1);
	assert_int_equal(channel[0].stream, 0);
	assert_true(channel[0].rate_hz > 8.3 && channel[0].rate_hz < 8.4); /* each the mean of three */
	start();
	for (unsigned i = 0; i < 9; i++)
		send_packet(i, 0);
	assert_int_equal(blocks, 3);
	assert_int_equal(last.first_index, 2);
	assert_int_equal(last.channels, 1);
	assert_int_equal(last.flags, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define REFUSED(name, row)                                                                                             \
	{                                                                                                              \
		name, test_refused, setup_row, teardown, (void *)(uintptr_t)(row)                                      \
	}

static int setup_row(void **state)
{
	void *row = *state;

	setup(state);
	*state = row;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_opening),
		TEST(test_left_streaming),
		{"calibration asked again", test_calibration_asked_again, setup_row, teardown, (void *)1},
		{"calibration never told", test_calibration_asked_again, setup_row, teardown, (void *)3},
		TEST(test_somebody_elses_stream),
		TEST(test_own_stream),
		REFUSED("refused: test register", 0),
		REFUSED("refused: product", 1),
		REFUSED("refused: calibration", 2),
		REFUSED("refused: input", 3),
		REFUSED("refused: not as set", 4),
		REFUSED("refused: streams on", 5),
		REFUSED("refused: a read", 6),
		REFUSED("refused: silence", 7),
		REFUSED("refused: a setting", 8),
		TEST(test_late_answer),
		TEST(test_no_modbus),
		TEST(test_start_waits),
		TEST(test_changed_meanwhile),
		TEST(test_does_not_begin),
		TEST(test_enabled_twice),
		TEST(test_stop_while_starting),
		TEST(test_blocks),
		TEST(test_gap),
		TEST(test_gap_of_a_mean),
		TEST(test_overflow),
		TEST(test_samples_gone),
		TEST(test_started_again),
		TEST(test_thermometer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
