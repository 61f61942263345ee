/* The life of a converter behind an iiod, against one made of lines: what is asked, when a stream begins and ends, and what
 * follows where it does not obey. The test owns the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/iio/device.h"
#include "drivers/iio/wire.h"
#include "iio_xml.h"

#define ADDRESS "tcp:192.0.2.8"

struct wire {
	struct link link;
	struct link_sink sink;
	bool open;
	char asked[8192]; /* and not answered yet */
	size_t len;
};

static struct wire asking, samples;
static char asked[65536]; /* all that was, line by line */
static double rate_hz, rate_step, scale_mv;
static bool mute, refuses_rate;
static int open_code;
static const char *xml;
static unsigned keep_back; /* answers that wait */

static struct device *device;
static uint64_t now_ns;
static unsigned ready, lost, dones, blocks, events;
static int ready_status, done_status;
static char why[ERR_TEXT_MAX], event[128];
static struct sample_block last;
static int32_t counts[IIO_COUNTS_MAX];

/* ---- the server ---------------------------------------------------------------------------------------------------- */

static void say(struct wire *wire, const char *text, size_t len)
{
	if (!mute && wire->open)
		wire->sink.bytes(wire->sink.ctx, (const uint8_t *)text, len, false, now_ns);
}

static void say_value(const char *value)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%zu\n%s", strlen(value) + 1, value);

	text[n + 1] = '\n';
	say(&asking, text, (size_t)n + 2);
}

static void answer(struct wire *wire, const char *line, size_t *ret_more)
{
	char value[40];
	double wanted;

	*ret_more = 0;
	if (strcmp(line, "PRINT") == 0) {
		char head[16];
		say(wire, head, (size_t)snprintf(head, sizeof(head), "%zu\n", strlen(xml)));
		say(wire, xml, strlen(xml));
		say(wire, "\n", 1);
	} else if (strncmp(line, "OPEN ", 5) == 0) {
		say(wire, value, (size_t)snprintf(value, sizeof(value), "%d\n", open_code));
	} else if (strncmp(line, "READBUF ", 8) == 0) {
		return;
	} else if (strstr(line, " scale")) {
		snprintf(value, sizeof(value), "%.9f", scale_mv);
		say_value(value);
	} else if (strstr(line, " offset")) {
		say_value("-2048");
	} else if (strncmp(line, "READ ", 5) == 0) {
		snprintf(value, sizeof(value), "%.10g", rate_hz);
		say_value(value);
	} else if (sscanf(line, "WRITE iio:device1 sampling_frequency %zu", ret_more) == 1) {
		wanted = atof(line + strlen(line) + 1);
		rate_hz = rate_step * (double)(long)(wanted / rate_step + 0.5);
		say(wire, refuses_rate ? "-22\n" : "6\n", refuses_rate ? 4 : 2);
	} else {
		say(wire, strstr(line, "SET") ? "-38\n" : "0\n", strstr(line, "SET") ? 4 : 2);
	}
}

static bool serve(struct wire *wire)
{
	char *end = memchr(wire->asked, '\n', wire->len), line[8192];
	size_t used = end ? (size_t)(end + 1 - wire->asked) : 0, more;

	if (!end || keep_back)
		return false;
	memcpy(line, wire->asked, wire->len);
	line[used - 1] = '\0';
	size_t had = wire->len;
	wire->len = 0; /* what it asks on being answered comes behind */
	strcat(strcat(asked, line), "\n");
	answer(wire, line, &more);
	used += more;
	memmove(wire->asked + had - used, wire->asked, wire->len);
	memcpy(wire->asked, line + used, had - used);
	wire->len += had - used;
	return true;
}

static int wire_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		      void *ctx)
{
	struct wire *wire = (struct wire *)link;

	(void)deadline_ns, (void)ctx, (void)done;
	assert_true(wire->open && wire->len + len < sizeof(wire->asked));
	memcpy(wire->asked + wire->len, data, len);
	wire->len += len;
	return 0;
}

static int wire_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err);

static void wire_close(struct link *link)
{
	assert_true(((struct wire *)link)->open);
	((struct wire *)link)->open = false;
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
	struct wire *wire = asking.open ? &samples : &asking;

	(void)loop, (void)err, (void)uri;
	assert_int_equal(wants->tcp_port, IIO_PORT);
	assert_false(wire->open);
	*wire = (struct wire){.link = {.ops = &wire_ops}, .sink = *sink, .open = true};
	*ret = &wire->link;
	return 0;
}

static void turn(void)
{
	for (unsigned i = 0; i < 100 && (serve(&asking) || (samples.open && serve(&samples))); i++)
		;
	now_ns += DRIVER_TICK_NS;
	if (device)
		device->driver->on_tick(device, now_ns);
}

static void wait_ms(unsigned ms)
{
	for (uint64_t end_ns = now_ns + ms * NS_PER_MS; now_ns < end_ns;)
		turn();
}

/* ---- the host ------------------------------------------------------------------------------------------------------ */

static void note_status(int status, const struct err *err, int *ret)
{
	*ret = status;
	if (status)
		snprintf(why, sizeof(why), "%s", err->text);
}

static void on_ready(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	ready++;
	note_status(status, err, &ready_status);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	(void)ctx;
	blocks++;
	last = *block;
	memcpy(counts, block->counts, (size_t)block->frames * block->channels * sizeof(*counts));
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	(void)ctx, (void)condition;
	events++;
	snprintf(event, sizeof(event), "%s", text);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	int lost_status;

	(void)ctx;
	lost++;
	note_status(status, err, &lost_status);
}

static void on_done(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	dones++;
	note_status(status, err, &done_status);
}

static const struct daq_setup usual = {.inputs = 2,
				       .rate_hz = 20000,
				       .input = {{.channel = {.name = "force",
							      .unit = "N",
							      .quantity = QUANTITY_FORCE,
							      .column = 0,
							      .scale = 2,
							      .offset = 0.5},
						  .range_v = 8.388608},
						 {.channel = {.name = "displacement",
							      .unit = "mm",
							      .quantity = QUANTITY_DISPLACEMENT,
							      .column = 1,
							      .scale = 1},
						  .range_v = 0.002048}}};

static int setup(void **state)
{
	(void)state;
	asking.open = samples.open = mute = refuses_rate = false;
	asked[0] = '\0';
	rate_hz = 16000;
	rate_step = 1;
	scale_mv = 0.001;
	open_code = 0;
	xml = IIO_XML_HEAD IIO_XML_DEVICE IIO_XML_END;
	keep_back = ready = lost = dones = blocks = events = 0;
	ready_status = done_status = 1;
	now_ns = NS_PER_S;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (device)
		device->driver->close(device);
	device = NULL;
	assert_false(asking.open || samples.open);
	return 0;
}

static void open_device(const struct daq_setup *daq)
{
	const struct device_open open = {
		.links = table,
		.uri = ADDRESS,
		.daq = daq,
		.host = {.ready = on_ready, .block = on_block, .event = on_event, .lost = on_lost}};
	struct err err;

	assert_int_equal(driver_iio.open(&open, now_ns, &device, &err), 0);
}

static void open_ready(void)
{
	open_device(&usual);
	wait_ms(50);
	if (ready != 1 || ready_status != 0)
		fail_msg("not ready (%u, %d): %s", ready, ready_status, why);
}

static void start(void)
{
	dones = 0;
	device->driver->stream->start(device, on_done, NULL);
	assert_int_equal(dones, 0);
	wait_ms(100);
	if (dones != 1 || done_status)
		fail_msg("does not start: %u, %s", dones, why);
	dones = 0;
}

static void send_scans(unsigned n, unsigned first, bool masked)
{
	char text[64];
	uint8_t scan[16] = {0};

	say(&samples, text, (size_t)snprintf(text, sizeof(text), masked ? "%u\n0000000b\n" : "%u\n", 16 * n));
	for (unsigned i = 0; i < n; i++) {
		uint64_t stamp = (first + i) * UINT64_C(50000);
		for (int k = 0; k < 8; k++)
			scan[8 + k] = (uint8_t)(stamp >> 8 * k);
		scan[1] = (uint8_t)(first + i);
		scan[4] = 0x80;
		say(&samples, (const char *)scan, sizeof(scan));
	}
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static void test_opening(void **state)
{
	unsigned count;

	(void)state;
	open_ready();
	const struct device_identity *id = device->driver->identity(device);
	const struct channel *channel = device->driver->channels(device, &count);
	assert_string_equal(id->model, "ads131m02");
	assert_string_equal(id->serial, "SN 42");
	assert_string_equal(id->firmware, "libiio 0.24");
	assert_string_equal(id->loss, "");
	assert_int_equal(count, 2);
	assert_true(channel[0].scale * 8388608 > 16.777 && channel[0].scale * 8388608 < 16.778 &&
		    channel[0].bits == 24);
	assert_true(channel[0].offset == 0.5 && channel[1].offset == 0 && channel[1].bits == 16 &&
		    channel[1].rate_hz == 20000);
	assert_string_equal(
		asked, "PRINT\nTIMEOUT 2500\nSET iio:device1 BUFFERS_COUNT 32\nREAD iio:device1 sampling_frequency\n"
		       "WRITE iio:device1 sampling_frequency 6\nREAD iio:device1 sampling_frequency\n"
		       "READ iio:device1 INPUT voltage0 scale\nREAD iio:device1 INPUT voltage1 scale\n"
		       "READ iio:device1 INPUT voltage1 offset\n");
	assert_false(samples.open);
}

/* A rate that it has already is not set: another program may read it. */
static void test_rate_is_right(void **state)
{
	(void)state;
	rate_hz = 20001;
	open_ready();
	assert_null(strstr(asked, "WRITE"));
}

static void test_untimed(void **state)
{
	(void)state;
	xml = IIO_XML_HEAD
		"<device id='iio:device1' name='d'><channel id='voltage0'><scan-element index='0' "
		"format='le:s24/32&gt;&gt;8'/>" IIO_XML_SCALE
		"</channel><channel id='voltage1'><scan-element index='1' format='le:u12/16&gt;&gt;0'/>" IIO_XML_SCALE
		"<attribute name='offset' filename='x'/></channel><attribute "
		"name='sampling_frequency'/></device>" IIO_XML_END;
	open_ready();
	assert_string_equal(device->driver->identity(device)->loss, "its samples carry neither number nor time");
}

static void test_refused(void **state)
{
	static const char *const says[] = {"is this its port",
					   "no XML",
					   "0 of its devices sample volts",
					   "2 of its devices",
					   "no one input",
					   "sampling_frequency",
					   "it samples at 19500 Hz, and not at 20000",
					   "Invalid argument (-22)",
					   "shows +-83.89 V",
					   "has not answered",
					   "says nothing of itself"};
	struct daq_setup daq = usual;
	unsigned row = (unsigned)(uintptr_t)*state;

	xml = row == 0 || row == 10 ? ""
	      : row == 1            ? "HTTP/1.1 400 Bad Request"
	      : row == 2            ? IIO_XML_HEAD IIO_XML_END
	      : row == 3            ? IIO_XML_HEAD IIO_XML_DEVICE IIO_XML_DEVICE IIO_XML_END
	      : row == 5            ? IIO_XML_HEAD "<device id='d'><channel id='voltage0'><scan-element index='0' "
						   "format='le:s24/32&gt;&gt;8'/>" IIO_XML_SCALE "</channel></device>" IIO_XML_END
				    : xml;
	daq.inputs = row == 5 ? 1 : 2;
	daq.input[1].channel.column = row == 4 ? 7 : 1;
	rate_step = row == 6 ? 1500 : 1;
	refuses_rate = row == 7;
	scale_mv = row == 8 ? 0.01 : scale_mv;
	mute = row == 9;
	open_device(&daq);
	if (row == 0)
		say(&asking, "SSH-2.0-OpenSSH\r\n", 17);
	wait_ms(4500);
	assert_int_equal(ready, 1);
	assert_true(ready_status < 0);
	if (!strstr(why, says[row]))
		fail_msg("it says \"%s\"", why);
}

/* The first answer comes when it was asked again: both are taken for what they are. */
static void test_late_answer(void **state)
{
	(void)state;
	open_device(&usual);
	keep_back = 1;
	wait_ms(2100);
	keep_back = 0;
	wait_ms(50);
	assert_int_equal(ready, 1);
	assert_int_equal(ready_status, 0);
	assert_non_null(strstr(asked, "PRINT\nPRINT\nTIMEOUT"));
}

/* ---- streaming ----------------------------------------------------------------------------------------------------- */

static void test_blocks(void **state)
{
	struct device_counters told;

	(void)state;
	open_ready();
	start();
	assert_non_null(strstr(asked, "OPEN iio:device1 100 0000000b\nREADBUF iio:device1 409600\n"));
	send_scans(100, 0, true);
	send_scans(100, 100, false);
	assert_int_equal(last.first_index + last.frames, 200);
	assert_int_equal(last.channels, 2);
	assert_int_equal(last.host_ns, now_ns);
	assert_int_equal(counts[0], 199);
	assert_int_equal(counts[1], 0);
	assert_int_equal(last.flags, 0);
	send_scans(100, 240, false);
	assert_int_equal(events, 1);
	assert_non_null(strstr(event, "40 samples of each input are missing before 240"));
	device->driver->counters(device, &told);
	assert_int_equal(told.lost_samples, 40);
	assert_int_equal(lost, 0);
}

/* What was asked for has come: the next is asked for at once, and the mask stands before it again. */
static void test_asks_again(void **state)
{
	(void)state;
	open_ready();
	start();
	for (unsigned i = 0; i < 256; i++)
		send_scans(100, 100 * i, i == 0);
	turn();
	const char *first = strstr(asked, "READBUF");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "READBUF"));
	send_scans(100, 25600, true);
	assert_int_equal(last.first_index + last.frames, 25700);
	assert_int_equal(lost, 0);
}

static void test_broken(void **state)
{
	static const char *const text[] = {"-110\n", "16\n0000000f\n", "17\n", "GARBAGE\n",
					   "1600\n0000000b\nshort-5\nshort-5\nmore"};
	unsigned row = (unsigned)(uintptr_t)*state;
	struct err err;

	open_ready();
	start();
	if (row < 4) {
		say(&samples, text[row], strlen(text[row]));
	} else {
		err_set(&err, -ENODEV, "broken off");
		samples.sink.gone(samples.sink.ctx, &err);
	}
	assert_int_equal(lost, 1);
	assert_int_equal(blocks, 0);
	send_scans(1, 0, true);
	assert_int_equal(blocks + lost, 1);
}

static void test_changed_meanwhile(void **state)
{
	unsigned row = (unsigned)(uintptr_t)*state;

	open_ready();
	rate_hz = row == 0 ? 16000 : row == 1 ? 20001 : rate_hz;
	scale_mv = row == 2 ? 0.002 : scale_mv;
	device->driver->stream->start(device, on_done, NULL);
	wait_ms(200);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	assert_non_null(strstr(why, row == 2 ? "another program sets it up" : "it samples at"));
	assert_false(samples.open);
}

/* Another has it: tried for a while, in case that was a run that has just ended. */
static void test_in_use(void **state)
{
	(void)state;
	open_ready();
	open_code = -EBUSY;
	device->driver->stream->start(device, on_done, NULL);
	wait_ms(1000);
	assert_int_equal(dones, 0);
	wait_ms(2000);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EBUSY);
	assert_false(samples.open);
	dones = 0;
	device->driver->stream->start(device, on_done, NULL);
	wait_ms(500);
	open_code = 0;
	wait_ms(100);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, 0);
}

static void test_does_not_open(void **state)
{
	(void)state;
	open_ready();
	open_code = -EINVAL;
	device->driver->stream->start(device, on_done, NULL);
	wait_ms(100);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	assert_int_equal(lost, 1);
}

static void test_stops(void **state)
{
	(void)state;
	open_ready();
	start();
	send_scans(10, 0, true);
	device->driver->stream->stop(device, on_done, NULL);
	assert_false(samples.open);
	assert_int_equal(dones, 0);
	wait_ms(20);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, 0);
	dones = 0;
	device->driver->stream->start(device, on_done, NULL);
	device->driver->stream->stop(device, on_done, NULL);
	wait_ms(100);
	assert_int_equal(dones, 2);
	assert_false(samples.open);
	start();
	send_scans(1, 500, true);
	assert_int_equal(last.first_index, 0); /* a stream of its own */
	start();                               /* once more, with one under way */
	send_scans(10, 0, true);
	assert_int_equal(lost, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define ROW(name, test, row)                                                                                           \
	{                                                                                                              \
		name, test, setup_row, teardown, (void *)(uintptr_t)(row)                                              \
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
		TEST(test_rate_is_right),
		TEST(test_untimed),
		ROW("refused: another's port", test_refused, 0),
		ROW("refused: no XML", test_refused, 1),
		ROW("refused: no converter", test_refused, 2),
		ROW("refused: several", test_refused, 3),
		ROW("refused: no such input", test_refused, 4),
		ROW("refused: no rate", test_refused, 5),
		ROW("refused: another rate", test_refused, 6),
		ROW("refused: the rate is", test_refused, 7),
		ROW("refused: another range", test_refused, 8),
		ROW("refused: silence", test_refused, 9),
		ROW("refused: no word", test_refused, 10),
		TEST(test_late_answer),
		TEST(test_blocks),
		TEST(test_asks_again),
		ROW("broken: an error", test_broken, 0),
		ROW("broken: another mask", test_broken, 1),
		ROW("broken: short", test_broken, 2),
		ROW("broken: garbage", test_broken, 3),
		ROW("broken: gone", test_broken, 4),
		ROW("changed: rate", test_changed_meanwhile, 0),
		ROW("changed: rate, a little", test_changed_meanwhile, 1),
		ROW("changed: scale", test_changed_meanwhile, 2),
		TEST(test_in_use),
		TEST(test_does_not_open),
		TEST(test_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
