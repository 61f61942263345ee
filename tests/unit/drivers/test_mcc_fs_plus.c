/* A USB-1608FS-Plus against one made of requests: the bytes of its document, its calibration, a scan's life, what follows where it
 * does not obey, and 10 000 losses of which none may go unseen. The test owns the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "drivers/mcc-fs-plus/device.h"
#include "drivers/mcc-fs-plus/wire.h"

#define URI    "usb:09db:00ea:01B9D3C2"
#define ORDERS 64

/* ---- the device ---------------------------------------------------------------------------------------------------- */

static struct {
	struct link link;
	struct link_sink sink;
	struct link_wants wants;
	struct link_counters counters;
	uint16_t pid;
	bool open, runs, overran;
	uint8_t memory[768], config[8], scan[10];
	uint8_t order[ORDERS]; /* requests, in order */
	unsigned orders;
	uint8_t last;
	unsigned refuses; /* a request that it refuses */
	unsigned mute;    /* a request that it does not answer */
	bool deaf;        /* ranges that are set stay as they were; so does the scan */
	struct answer {
		link_control_fn done;
		void *ctx;
		int status;
		uint8_t data[MCC_CAL_PART];
		size_t len;
	} due[8]; /* answers, in order */
	unsigned dues;
} dev;

static struct device *device;
static uint64_t now_ns;
static unsigned ready, lost, dones, blocks, warm_blocks;
static int ready_status, lost_status, done_status;
static char why[ERR_TEXT_MAX];
static uint64_t next_index, samples;
static int32_t first[CHANNELS_MAX];
static uint32_t flags;
static void (*each_scan)(uint64_t index, const int32_t *counts);

static void set_real(uint8_t *p, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(bits >> 8 * i);
}

static void power_on(void)
{
	memset(&dev, 0, sizeof(dev));
	dev.pid = MCC_PID;
	dev.refuses = dev.mute = 0x100;
	for (unsigned i = 0; i < 64; i++) {
		set_real(dev.memory + 8 * (size_t)i, 1);
		set_real(dev.memory + 8 * (size_t)i + 4, 0);
	}
}

static int fake_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err);

static void fake_close(struct link *link)
{
	(void)link;
	assert_true(dev.open);
	dev.open = false;
}

static size_t answer_of(const struct link_setup *setup, const uint8_t *data, uint8_t *ret, int *ret_status)
{
	const uint8_t status[2] = {(uint8_t)(dev.runs << 1 | dev.overran << 2), 0};

	*ret_status = 0;
	if (setup->request == dev.refuses ||
	    (dev.runs && (setup->request == MCC_CONFIG || setup->request == MCC_SCAN_START)))
		*ret_status = -EPIPE;
	else if (setup->request == MCC_SERIAL)
		return memcpy(ret, "01B9D3C2", 8) ? 8 : 0;
	else if (setup->request == MCC_CALIBRATION)
		return memcpy(ret, dev.memory + setup->value, setup->length) ? setup->length : 0;
	else if (setup->request == MCC_STATUS)
		return memcpy(ret, status, 2) ? 2 : 0;
	else if (setup->request == MCC_CONFIG && setup->request_type == 0xC0)
		return memcpy(ret, dev.config, 8) ? 8 : 0;
	else if (setup->request == MCC_CONFIG && !dev.deaf)
		memcpy(dev.config, data, 8);
	else if (setup->request == MCC_SCAN_STOP)
		dev.runs = dev.deaf && dev.runs;
	else if (setup->request == MCC_SCAN_START) {
		memcpy(dev.scan, data, 10);
		dev.runs = true;
		dev.overran = false;
	}
	return 0;
}

static int fake_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
			link_control_fn done, void *ctx)
{
	uint8_t ignored[MCC_CAL_PART];
	int status;

	(void)link;
	assert_true(dev.open && deadline_ns > now_ns);
	if (setup->request_type == 0x02)
		assert_int_equal(setup->index, MCC_EP_IN);
	else
		assert_true(setup->request_type == 0x40 || setup->request_type == 0xC0);
	assert_true(dev.orders < ORDERS);
	dev.last = dev.order[dev.orders++] = setup->request;
	if (!done) {
		answer_of(setup, data, ignored, &status);
		return 0;
	}
	assert_true(dev.dues < 8);
	struct answer *due = &dev.due[dev.dues++];
	due->done = done;
	due->ctx = ctx;
	due->len = answer_of(setup, data, due->data, &due->status);
	return 0;
}

static void fake_identity(const struct link *link, struct link_identity *ret)
{
	(void)link;
	*ret = (struct link_identity){.uri = URI, .vid = MCC_VID, .pid = dev.pid};
}

static void fake_counters(const struct link *link, struct link_counters *ret)
{
	(void)link;
	*ret = dev.counters;
}

static const struct link_ops fake_usb = {.name = "fake",
					 .scheme = "usb",
					 .open = fake_open,
					 .close = fake_close,
					 .control = fake_control,
					 .identity = fake_identity,
					 .counters = fake_counters};
static const struct link_ops *const links[] = {&fake_usb, NULL};

static int fake_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err)
{
	(void)loop, (void)uri, (void)err;
	dev.link.ops = &fake_usb;
	dev.sink = *sink;
	dev.wants = *wants;
	dev.open = true;
	*ret = &dev.link;
	return 0;
}

static void turn(void)
{
	struct answer due = dev.due[0];

	now_ns += DRIVER_TICK_NS;
	if (dev.dues > 0 && dev.last != dev.mute) {
		memmove(dev.due, dev.due + 1, --dev.dues * sizeof(due));
		due.done(due.ctx, due.status, due.data, due.len);
	}
	device->driver->on_tick(device, now_ns);
}

static void turns(unsigned n)
{
	while (n-- > 0)
		turn();
}

/* ---- what is heard ------------------------------------------------------------------------------------------------- */

static void on_ready(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	ready++;
	ready_status = status;
	snprintf(why, sizeof(why), "%s", err ? err->text : "");
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	lost++;
	lost_status = status;
	snprintf(why, sizeof(why), "%s", err->text);
}

static void on_done(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	dones++;
	done_status = status;
	if (err)
		snprintf(why, sizeof(why), "%s", err->text);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	(void)ctx;
	warm_blocks += block->stream == 1;
	if (block->stream == 1)
		return;
	assert_int_equal(block->first_index, next_index);
	blocks++;
	next_index += block->frames;
	samples += (uint64_t)block->frames * block->channels;
	flags |= block->flags;
	memcpy(first, block->counts, block->channels * sizeof(*first));
	for (unsigned f = 0; each_scan && f < block->frames; f++)
		each_scan(block->first_index + f, block->counts + (size_t)f * block->channels);
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	(void)ctx, (void)condition, (void)text;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static struct daq_setup setup_of(const unsigned *inputs, unsigned n, double rate_hz, double range_v)
{
	struct daq_setup ret = {.inputs = n, .rate_hz = rate_hz};

	for (unsigned i = 0; i < n; i++)
		ret.input[i] = (struct daq_input){
			.channel = {.column = inputs[i], .scale = 1, .name = "x", .unit = "N"}, .range_v = range_v};
	return ret;
}

static int open_device(const struct daq_setup *daq, struct err *err)
{
	const struct device_open open = {
		.links = links,
		.uri = URI,
		.daq = daq,
		.host = {.ready = on_ready, .block = on_block, .event = on_event, .lost = on_lost}};

	ready = lost = dones = blocks = warm_blocks = 0;
	next_index = samples = flags = 0;
	each_scan = NULL;
	now_ns = NS_PER_S;
	return driver_mcc_fs_plus.open(&open, now_ns, &device, err);
}

static void begin(const struct daq_setup *daq)
{
	struct err err = {""};

	if (open_device(daq, &err))
		fail_msg("%s", err.text);
	turns(8);
	assert_int_equal(ready, 1);
	assert_int_equal(ready_status, 0);
}

static void start(void)
{
	dones = 0;
	driver_mcc_fs_plus.stream->start(device, on_done, NULL);
	turns(8);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, 0);
}

static void bytes(const uint8_t *data, size_t len)
{
	dev.sink.bytes(dev.sink.ctx, data, len, false, now_ns);
}

static void end(void)
{
	driver_mcc_fs_plus.close(device);
	assert_false(dev.open);
}

static int set_up(void **state)
{
	(void)state;
	power_on();
	return 0;
}

/* ---- the document -------------------------------------------------------------------------------------------------- */

static void test_plans(void **state)
{
	static const unsigned eight[] = {0, 1, 2, 3, 4, 5, 6, 7}, two[] = {6, 1};
	static const uint8_t khz20[] = {0, 0, 0, 0, 0xCF, 7, 0, 0, 1, 0},
			     khz10[] = {0, 0, 0, 0, 0x9F, 0x0F, 0, 0, 1, 0};
	struct daq_setup setup = setup_of(eight, 1, 20000, 10);
	struct mcc_plan plan;
	struct err err;

	(void)state;
	assert_int_equal(mcc_plan(&setup, &plan, &err), 0);
	assert_memory_equal(plan.scan, khz20, sizeof(khz20));
	assert_true(plan.rate_hz == 20000 && !plan.each_scan);
	assert_int_equal(plan.piece, 192); /* 160 bytes in 4 ms */
	setup.rate_hz = 10000;
	assert_int_equal(mcc_plan(&setup, &plan, &err), 0);
	assert_memory_equal(plan.scan, khz10, sizeof(khz10));
	setup = setup_of(two, 2, 1000, 1);
	setup.input[1].range_v = 2;
	assert_int_equal(mcc_plan(&setup, &plan, &err), 0);
	assert_memory_equal(plan.config, ((const uint8_t[]){0, 3, 0, 0, 0, 0, 5, 0}), 8);
	assert_int_equal(plan.scan[8], 0x42);
	assert_int_equal(plan.scan[9], 1); /* slow: each scan at once */
	assert_true(plan.each_scan && plan.piece == 64);
	setup = setup_of(eight, 8, 50000, 5);
	assert_int_equal(mcc_plan(&setup, &plan, &err), 0);
	assert_true(plan.config[7] == 1 && plan.scan[8] == 0xFF && plan.scan[9] == 0 && plan.piece == 3200);
	setup = setup_of(eight, 7, 400000.0 / 7, 5);
	assert_int_equal(mcc_plan(&setup, &plan, &err), 0);
}

static void test_refused_plans(void **state)
{
	static const unsigned inputs[] = {0, 1, 2, 3, 4, 5, 6, 7};
	static const struct {
		unsigned inputs, column, resolution;
		double rate_hz, range_v;
		const char *says;
	} rows[] = {
		{8, 0, 0, 50001, 10, "write \"sample_rate_hz\": 50000"},
		{1, 0, 0, 100001, 10, "100000"},
		{1, 8, 0, 1000, 10, "input 0 to input 7"},
		{1, 0, 0, 1000, 4, "+-10, 5, 2 and 1 V"},
		{1, 0, 1, 1000, 10, "\"resolution\": 1"},
		{1, 0, 0, 30011, 10, "30007.50188"},
		{1, 0, 0, 0.5, 10, "write that"},
	};
	struct mcc_plan plan;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct daq_setup setup = setup_of(inputs, rows[i].inputs, rows[i].rate_hz, rows[i].range_v);
		setup.input[0].channel.column = rows[i].column;
		setup.resolution = rows[i].resolution;
		assert_int_equal(mcc_plan(&setup, &plan, &err), -EINVAL);
		if (!strstr(err.text, rows[i].says))
			fail_msg("row %zu says \"%s\"", i, err.text);
	}
}

static void test_curves(void **state)
{
	const struct daq_input input = {.channel = {.column = 3}, .range_v = 2};
	static const struct {
		float slope, offset;
		bool right;
	} rows[] = {{1.01f, -120, true}, {0.91f, 3000, true}, {1.11f, 0, false}, {0.89f, 0, false}, {1, 3300, false},
		    {1, -3300, false},   {NAN, 0, false},     {1, NAN, false},   {0, 0, false}};
	struct mcc_curve curve;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_real(dev.memory + 8 * (3 * 8 + 3), rows[i].slope); /* code 3 is +-2 V */
		set_real(dev.memory + 8 * (3 * 8 + 3) + 4, rows[i].offset);
		assert_int_equal(mcc_curve_read(&input, dev.memory, &curve), rows[i].right);
	}
	set_real(dev.memory + 8 * (3 * 8 + 3), 1.01f);
	set_real(dev.memory + 8 * (3 * 8 + 3) + 4, -120);
	assert_true(mcc_curve_read(&input, dev.memory, &curve));
	double volts = (40000 * curve.slope + curve.offset) * MCC_HEADROOM * 2 / MCC_VOLTS_COUNTS;
	assert_float_equal(volts, (40000 * (double)1.01f - 120 - 32768) * 2 / 32768, 1e-9);
}

/* ---- its life ------------------------------------------------------------------------------------------------------ */

static void test_life(void **state)
{
	static const uint8_t opened[] = {MCC_SCAN_STOP, MCC_SERIAL, MCC_CALIBRATION, MCC_CALIBRATION},
			     started[] = {MCC_SCAN_STOP, MCC_CLEAR_FIFO, 1,         MCC_CONFIG,
					  MCC_CONFIG,    MCC_SCAN_START, MCC_STATUS};
	static const unsigned inputs[] = {5, 2};
	struct daq_setup daq = setup_of(inputs, 2, 20000, 10);
	const uint8_t scans[] = {0x00, 0x80, 0x00, 0x90, 0x01, 0x80, 0xFF, 0xFF, 0x02};

	(void)state;
	begin(&daq);
	assert_int_equal(dev.wants.usb_piece, 320);
	assert_string_equal(driver_mcc_fs_plus.identity(device)->serial, "01B9D3C2");
	assert_int_equal(dev.orders, sizeof(opened));
	assert_memory_equal(dev.order, opened, sizeof(opened));
	bytes(scans, 8); /* what a dead run has left */
	assert_int_equal(blocks, 0);
	dev.orders = 0;
	start();
	assert_true(dev.orders >= sizeof(started));
	assert_memory_equal(dev.order, started, sizeof(started));
	bytes(scans, 3);
	assert_int_equal(blocks, 0);
	bytes(scans + 3, 6);
	assert_int_equal(next_index, 2);
	assert_int_equal(samples, 4);
	bytes((const uint8_t[]){0x80, 0x00, 0xA0}, 3);
	assert_int_equal(next_index, 3);
	assert_int_equal(first[1], 410); /* input 2 comes first on the wire and is the second of the bench: 8002 */
	assert_int_equal(first[0], lround(0x2000 * 8388608.0 / 1.25 / 32768)); /* A000 */
	assert_int_equal(flags, SAMPLE_SATURATED);
	dones = 0;
	driver_mcc_fs_plus.stream->stop(device, on_done, NULL);
	bytes(scans, 8);
	turns(4);
	assert_true(dones == 1 && done_status == 0 && next_index == 3 && !dev.runs);
	start();
	next_index = 0;
	bytes(scans, 4); /* nothing of the stream before is in it */
	assert_int_equal(next_index, 1);
	end();
	assert_false(dev.runs);
}

static void test_temperatures(void **state)
{
	static const unsigned inputs[] = {0, 1};
	struct daq_setup daq = setup_of(inputs, 2, 2000, 10);
	uint8_t scans[4 * 400] = {0};

	(void)state;
	daq.input[1].channel.quantity = QUANTITY_TEMPERATURE;
	begin(&daq);
	start();
	bytes(scans, sizeof(scans));
	assert_true(next_index == 400 && samples == 400 && warm_blocks == 2);
	end();
}

static void test_no_such_device(void **state)
{
	static const unsigned inputs[] = {0};
	const struct daq_setup daq = setup_of(inputs, 1, 20000, 10);
	struct err err;

	(void)state;
	dev.pid = 0x0113;
	assert_int_equal(open_device(&daq, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no USB-1608FS-Plus"));
	assert_false(dev.open);
	power_on();
	set_real(dev.memory, 2);
	assert_int_equal(open_device(&daq, &err), 0);
	turns(12);
	assert_true(ready == 1 && ready_status == -EPROTO && strstr(why, "input 0 at +-10 V are none"));
	end();
	power_on();
	dev.mute = MCC_SERIAL;
	assert_int_equal(open_device(&daq, &err), 0);
	turns(200);
	assert_true(ready == 1 && ready_status == -ETIMEDOUT);
	end();
}

static void test_does_not_obey(void **state)
{
	static const unsigned inputs[] = {0};
	const struct daq_setup daq = setup_of(inputs, 1, 20000, 5);

	(void)state;
	begin(&daq);
	dev.deaf = true;
	driver_mcc_fs_plus.stream->start(device, on_done, NULL);
	turns(12);
	assert_true(dones == 1 && done_status == -EREMOTEIO && strstr(why, "the ranges that were set") && !dev.runs);
	dev.deaf = false;
	dev.refuses = MCC_SCAN_START;
	dones = dev.orders = 0;
	driver_mcc_fs_plus.stream->start(device, on_done, NULL);
	turns(12);
	assert_true(dones == 1 && done_status == -EREMOTEIO && strstr(why, "refuses request 11"));
	dev.refuses = 0x100;
	start();
	dev.deaf = true;
	dones = dev.orders = 0;
	driver_mcc_fs_plus.stream->stop(device, on_done, NULL);
	turns(12);
	assert_true(dones == 1 && done_status == -EREMOTEIO && strstr(why, "told to stop"));
	end();
}

/* An answer that comes late is not that to what is asked next. */
static void test_late(void **state)
{
	static const unsigned inputs[] = {0};
	const struct daq_setup daq = setup_of(inputs, 1, 20000, 5);

	(void)state;
	begin(&daq);
	dev.mute = MCC_CONFIG;
	driver_mcc_fs_plus.stream->start(device, on_done, NULL);
	turns(20);
	driver_mcc_fs_plus.stream->stop(device, on_done, NULL);
	dev.mute = 0x100;
	turns(12);
	assert_true(dones == 2 && done_status == 0 && lost == 0 && !dev.runs);
	end();
}

/* It runs, and what says so is lost: the scan goes on and is no other, and the start has failed. */
static void test_start_unheard(void **state)
{
	static const unsigned inputs[] = {0};
	const struct daq_setup daq = setup_of(inputs, 1, 20000, 5);
	const uint8_t scans[64] = {0};

	(void)state;
	begin(&daq);
	dev.mute = MCC_SCAN_START;
	driver_mcc_fs_plus.stream->start(device, on_done, NULL);
	turns(10);
	bytes(scans, sizeof(scans));
	assert_int_equal(next_index, 32);
	turns(40);
	bytes(scans, sizeof(scans));
	assert_int_equal(next_index, 64);
	dev.mute = 0x100;
	turns(8);
	assert_true(dones == 1 && done_status == -EREMOTEIO && lost == 0);
	end();
}

/* ---- losses -------------------------------------------------------------------------------------------------------- */

enum loss { STALLED, FAILED, ENDED, BABBLED, OVERRAN, STOPPED, LOSSES };

static unsigned draws;
static unsigned truth_inputs;

static unsigned draw(unsigned below)
{
	draws = draws * 1664525u + 1013904223u;
	return (unsigned)((uint64_t)draws * below >> 32);
}

static unsigned truth_of(uint64_t sample)
{
	return 1 + (unsigned)(sample * 2654435761u % 65533);
}

static void is_true(uint64_t index, const int32_t *counts)
{
	for (unsigned i = 0; i < truth_inputs; i++)
		assert_int_equal(counts[i],
				 lround(((double)truth_of(index * truth_inputs + i) - 32768) * 8388608 / 1.25 / 32768));
}

static uint64_t send(uint64_t sample, unsigned bytes_count)
{
	uint8_t data[4096];

	assert_true(bytes_count <= sizeof(data) && bytes_count % 2 == 0);
	for (unsigned i = 0; i < bytes_count / 2; i++, sample++) {
		data[2 * i] = (uint8_t)truth_of(sample);
		data[2 * i + 1] = (uint8_t)(truth_of(sample) >> 8);
	}
	bytes(data, bytes_count);
	return sample;
}

/* What the bus and the device show of it. */
static void meet(enum loss loss)
{
	dev.counters.stalls += loss == STALLED;
	dev.counters.failed_in += loss == FAILED;
	dev.counters.short_transfers += loss == ENDED;
	dev.counters.overruns += loss == BABBLED;
	dev.overran |= loss == OVERRAN;
	dev.runs = dev.runs && loss != STOPPED && (loss != OVERRAN || draw(2));
}

static void lose_some(enum loss loss)
{
	uint64_t sample = 0;
	bool shows = loss < OVERRAN;

	each_scan = is_true;
	start();
	for (unsigned left = 1 + draw(6); left > 0; left--) {
		dev.counters.transfers_in++;
		sample = send(sample, 64 * (1 + draw(30)));
		turn();
	}
	assert_true(lost == 0 && next_index == sample / truth_inputs);
	meet(loss);
	if (shows && draw(2))
		send(sample + 32 * (1 + draw(40)), 64 * (1 + draw(30)));
	else
		turns(shows ? 1 : 24);
	assert_int_equal(lost, 1);
	assert_true(lost_status == -EPROTO || lost_status == -EREMOTEIO);
	send(sample + 32, 640);
	assert_int_equal(next_index, sample / truth_inputs);
}

static void test_losses(void **state)
{
	static const unsigned inputs[] = {0, 1, 2, 3, 4, 5, 6, 7};

	(void)state;
	draws = 7;
	for (unsigned i = 0; i < 10000; i++) {
		truth_inputs = 1 + draw(8);
		const struct daq_setup daq = setup_of(inputs, truth_inputs, 20000, 10);
		power_on();
		begin(&daq);
		dev.orders = 0;
		lose_some((enum loss)draw(LOSSES));
		dev.orders = 0;
		end();
	}
}

/* What a short transfer is for slow scans, what was met before the stream, and a long stream, are no losses. */
static void test_no_loss(void **state)
{
	static const unsigned inputs[] = {0, 1, 2};
	struct daq_setup daq = setup_of(inputs, 3, 500, 10);
	uint64_t sample = 0;

	(void)state;
	truth_inputs = 3;
	begin(&daq);
	dev.counters = (struct link_counters){.stalls = 2, .failed_in = 1, .overruns = 3};
	each_scan = is_true;
	start();
	for (unsigned i = 0; i < 3000; i++) {
		dev.orders = 0;
		dev.counters.short_transfers++;
		sample = send(sample, 6);
		turn();
	}
	assert_true(lost == 0 && next_index == 3000);
	end();
}

/* A slow scan that has not come whole would move the inputs of all behind it. */
static void test_part_of_a_slow_scan(void **state)
{
	static const unsigned inputs[] = {0, 1, 2};
	const struct daq_setup daq = setup_of(inputs, 3, 500, 10);

	(void)state;
	truth_inputs = 3;
	begin(&daq);
	each_scan = is_true;
	start();
	uint64_t sample = send(0, 6);
	assert_int_equal(next_index, 1);
	each_scan = NULL;
	sample = send(sample, 4);
	send(sample + 1, 6);
	assert_true(lost == 1 && lost_status == -EPROTO && next_index == 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_plans, set_up),
		cmocka_unit_test_setup(test_refused_plans, set_up),
		cmocka_unit_test_setup(test_curves, set_up),
		cmocka_unit_test_setup(test_life, set_up),
		cmocka_unit_test_setup(test_temperatures, set_up),
		cmocka_unit_test_setup(test_no_such_device, set_up),
		cmocka_unit_test_setup(test_does_not_obey, set_up),
		cmocka_unit_test_setup(test_late, set_up),
		cmocka_unit_test_setup(test_start_unheard, set_up),
		cmocka_unit_test_setup(test_losses, set_up),
		cmocka_unit_test_setup(test_no_loss, set_up),
		cmocka_unit_test_setup(test_part_of_a_slow_scan, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
