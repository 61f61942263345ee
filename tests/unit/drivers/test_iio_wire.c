/* What an iiod says, byte by byte: its description, its answers, where a scan has its values, and 10 000 losses of which none may
 * go unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/iio/wire.h"
#include "iio_xml.h"

static struct iio_context context;
static struct err err;

/* ---- the description ----------------------------------------------------------------------------------------------- */

static int read_xml(const char *text, size_t piece, const char *wanted)
{
	size_t len = strlen(text);
	int status = 0;

	context = (struct iio_context){.found = 0};
	snprintf(context.wanted, sizeof(context.wanted), "%s", wanted);
	struct iio_xml *xml = iio_xml_new(&context);
	for (size_t at = 0; at < len && status == 0; at += piece)
		status =
			iio_xml_feed(xml, (const uint8_t *)text + at, len - at < piece ? len - at : piece, false, &err);
	if (status == 0)
		status = iio_xml_feed(xml, NULL, 0, true, &err);
	iio_xml_free(xml);
	return status;
}

static void test_description(void **state)
{
	static const char text[] = IIO_XML_HEAD IIO_XML_DEVICE IIO_XML_END;

	(void)state;
	for (size_t piece = 1; piece < 200; piece += 33) {
		assert_int_equal(read_xml(text, piece, ""), 0);
		const struct iio_device *d = &context.device;
		assert_int_equal(context.found, 1);
		assert_string_equal(context.serial, "SN 42");
		assert_string_equal(context.vendor, "M");
		assert_string_equal(context.version, "libiio 0.24");
		assert_string_equal(d->id, "iio:device1");
		assert_string_equal(d->name, "ads131m02");
		assert_int_equal(d->channels, 5);
		assert_true(d->rate && !d->channel[4].rate);
		assert_true(d->channel[0].index < 0 && d->channel[0].format.bytes == 0);
		const struct iio_format *f = &d->channel[1].format;
		assert_true(f->big && !f->is_signed && f->bits == 12 && f->bytes == 2 && f->shift == 4);
		assert_true(d->channel[1].offset && d->channel[1].scale && !d->channel[2].offset);
		assert_true(d->channel[3].output && !d->channel[2].output);
	}
}

static void test_which_device(void **state)
{
	static const char two[] = IIO_XML_HEAD IIO_XML_DEVICE IIO_XML_DEVICE IIO_XML_END;

	(void)state;
	assert_int_equal(read_xml(two, 64, ""), 0);
	assert_int_equal(context.found, 2);
	assert_int_equal(read_xml(two, 64, "iio:device0"), 0);
	assert_int_equal(context.found, 1);
	assert_string_equal(context.device.name, "board");
	assert_int_equal(read_xml(two, 64, "board"), 0);
	assert_int_equal(context.found, 1);
	assert_int_equal(read_xml(two, 64, "ads"), 0);
	assert_int_equal(context.found, 0);
}

/* Whatever stands there: no memory without end, no line of a request from a name. */
static void test_hostile(void **state)
{
	static const char bomb[] =
		"<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;\">]><a>&y;</a>";
	static const char *const no_xml[] = {"", "<context>", "HTTP/1.1 400 Bad Request\r\n", "<a></b>",
					     "<a x='1' x='2'/>"};
	char *huge = malloc(IIO_XML_MAX + 16), many[40 * 300 + 100];
	size_t n = 0;

	(void)state;
	assert_int_equal(read_xml(bomb, 7, ""), -EPROTO);
	assert_non_null(strstr(err.text, "entities"));
	for (size_t i = 0; i < sizeof(no_xml) / sizeof(no_xml[0]); i++)
		assert_int_equal(read_xml(no_xml[i], 5, ""), -EPROTO);
	memset(huge, ' ', IIO_XML_MAX + 8);
	memcpy(huge, "<a>", 3);
	huge[IIO_XML_MAX + 8] = '\0';
	assert_int_equal(read_xml(huge, 65536, ""), -EPROTO);
	assert_non_null(strstr(err.text, "longer than"));
	free(huge);
	assert_int_equal(read_xml("<context><device id='a&#10;EXIT' name='n'/></context>", 99, "n"), 0);
	assert_int_equal(context.found, 0);
	assert_int_equal(read_xml("<device id='e'><channel id='c'><device id='d'><scan-element index='1' "
				  "format='le:s8/8&gt;&gt;0'/>"
				  "<attribute name='sampling_frequency'/></device></channel></device>",
				  99, "d"),
			 0);
	assert_true(context.found == 1 && context.device.channels == 0 && context.device.rate);
	n += (size_t)snprintf(many, sizeof(many), "<context><device id='d'>");
	for (unsigned i = 0; i < 300; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "<channel id='voltage%u'/>", i);
	snprintf(many + n, sizeof(many) - n, "</device></context>");
	assert_int_equal(read_xml(many, 1000, "d"), 0);
	assert_int_equal(context.device.channels, 300);
	assert_int_equal(iio_layout(&context.device, &(struct daq_setup){.inputs = 1}, &(struct iio_layout){0}, &err),
			 -EINVAL);
}

static void test_formats(void **state)
{
	static const struct {
		const char *text;
		unsigned bytes;
	} row[] = {{"le:s24/32&gt;&gt;8", 4}, {"be:U16/16&gt;&gt;0", 2},  {"le:s8/8&gt;&gt;0", 1},
		   {"le:s24/32&gt;&gt;9", 0}, {"le:s0/32&gt;&gt;0", 0},   {"le:s12/24&gt;&gt;0", 0},
		   {"me:s12/16&gt;&gt;0", 0}, {"le:x12/16&gt;&gt;0", 0},  {"le:s16/16X2&gt;&gt;0", 0},
		   {"le:s16/16", 0},          {"le:s16/16&gt;&gt;0!", 0}, {"", 0}};
	char xml[200];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		snprintf(xml, sizeof(xml),
			 "<context><device id='d'><channel id='c'><scan-element index='0' "
			 "format='%s'/></channel></device></context>",
			 row[i].text);
		assert_int_equal(read_xml(xml, 300, "d"), 0);
		if (context.device.channel[0].format.bytes != row[i].bytes)
			fail_msg("%s: %u bytes", row[i].text, context.device.channel[0].format.bytes);
	}
}

/* ---- answers --------------------------------------------------------------------------------------------------------- */

static enum iio_fed feed_all(struct iio_answer *a, const char *text, size_t len, size_t piece, size_t *ret_left)
{
	enum iio_fed fed = IIO_MORE;
	size_t used;

	for (; len > 0 && fed != IIO_DONE && fed != IIO_NONSENSE; text += used, len -= used)
		fed = iio_answer_feed(a, (const uint8_t *)text, len < piece ? len : piece, &used);
	*ret_left = len;
	return fed;
}

static void test_answers(void **state)
{
	size_t left;
	double value;

	(void)state;
	for (size_t piece = 1; piece < 12; piece++) {
		struct iio_answer code = {.len = 0}, text = {.has_text = true}, refused = {.has_text = true};
		assert_int_equal(feed_all(&code, "-16\n0\n", 6, piece, &left), IIO_DONE);
		assert_int_equal(code.number, -16);
		assert_int_equal(left, 2);
		assert_int_equal(feed_all(&text, "6\n20000\0\n7", 10, piece, &left), IIO_DONE);
		assert_int_equal(left, 1);
		assert_true(iio_value(&text, &value) && value == 20000);
		assert_int_equal(feed_all(&refused, "-2\r\n", 4, piece, &left), IIO_DONE);
		assert_false(iio_value(&refused, &value));
	}
}

static void test_nonsense(void **state)
{
	static const char *const bad[] = {"\n",    "x\n",           "1x\n",
					  "--1\n", "99999999999\n", "-99999999999\n",
					  "-\n",   "1 2\n",         "000000000000000000000000000"};
	static const char *const no_value[] = {"1\nx\n", "3\nnan\n", "3\n1 x\n", "3\n   \n", "0\n", "3\ninf\n"};
	struct iio_answer long_one = {.has_text = true};
	char text[200];
	size_t left;
	double value;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct iio_answer a = {.len = 0};
		if (feed_all(&a, bad[i], strlen(bad[i]), 3, &left) != IIO_NONSENSE)
			fail_msg("\"%s\" is taken", bad[i]);
	}
	for (size_t i = 0; i < sizeof(no_value) / sizeof(no_value[0]); i++) {
		struct iio_answer a = {.has_text = true};
		assert_int_equal(feed_all(&a, no_value[i], strlen(no_value[i]), 9, &left), IIO_DONE);
		assert_false(iio_value(&a, &value));
	}
	int n = snprintf(text, sizeof(text), "100\n%-100d\n", 7);
	assert_int_equal(feed_all(&long_one, text, (size_t)n, 9, &left), IIO_DONE);
	assert_false(iio_value(&long_one, &value));
	struct iio_answer torn = {.has_text = true};
	assert_int_equal(feed_all(&torn, "1\n12\n", 5, 9, &left), IIO_NONSENSE);
}

/* ---- a scan ---------------------------------------------------------------------------------------------------------- */

static struct daq_setup inputs(unsigned first, unsigned second)
{
	return (struct daq_setup){
		.inputs = 2,
		.rate_hz = 1000,
		.input = {{.channel = {.name = "a", .column = first}}, {.channel = {.name = "b", .column = second}}}};
}

static struct iio_layout layout_of(const char *device, const struct daq_setup *setup)
{
	struct iio_layout l;
	char xml[4096];

	snprintf(xml, sizeof(xml), "%s%s%s", IIO_XML_HEAD, device, IIO_XML_END);
	assert_int_equal(read_xml(xml, 500, ""), 0);
	assert_int_equal(iio_layout(&context.device, setup, &l, &err), 0);
	return l;
}

/* Channels count by their indices, not as they are listed: voltage0 0, voltage1 1, the output 2, the stamp 3, temp behind them. */
static void test_layout(void **state)
{
	const struct daq_setup setup = inputs(1, 0);

	(void)state;
	const struct iio_layout l = layout_of(IIO_XML_DEVICE, &setup);
	assert_string_equal(l.mask, "0000000b");
	assert_int_equal(l.input[0].at, 4); /* the bench file's order; 32 bits, then 16, then 64 at a multiple of 8 */
	assert_int_equal(l.input[1].at, 0);
	assert_true(l.stamped);
	assert_int_equal(l.stamp.at, 8);
	assert_int_equal(l.bytes, 16);
}

/* A short value ahead of a long one leaves a hole; without a stamp a scan ends at a multiple of its longest value. */
static void test_alignment(void **state)
{
	static const char device[] =
		"<device id='d'><channel id='voltage0'><scan-element index='0' "
		"format='le:s16/16&gt;&gt;0'/>" IIO_XML_SCALE "</channel>"
		"<channel id='voltage1-voltage2'><scan-element index='1' format='be:s24/32&gt;&gt;0'/>" IIO_XML_SCALE
		"</channel>"
		"<channel id='voltage3'><scan-element index='2' format='le:u8/8&gt;&gt;0'/>" IIO_XML_SCALE
		"</channel></device>";
	struct daq_setup setup = inputs(0, 1);

	(void)state;
	setup.input[2].channel.column = 3;
	setup.inputs = 3;
	const struct iio_layout l = layout_of(device, &setup);
	assert_int_equal(l.input[0].at, 0);
	assert_int_equal(l.input[1].at, 4);
	assert_int_equal(l.input[2].at, 8);
	assert_int_equal(l.bytes, 12);
	assert_false(l.stamped);
	assert_string_equal(l.mask, "00000007");
}

static void test_no_such_input(void **state)
{
	static const char *const element[] = {"<scan-element index='0' format='le:s16/16&gt;&gt;0'/>",
					      "<scan-element index='0' format='le:s16/16&gt;&gt;0'/>" IIO_XML_SCALE,
					      "<scan-element index='-1' format='le:s16/16&gt;&gt;0'/>" IIO_XML_SCALE,
					      "<scan-element index='0' format='le:s48/64&gt;&gt;0'/>" IIO_XML_SCALE,
					      IIO_XML_SCALE};
	const struct daq_setup one = {.inputs = 1}, both = inputs(0, 1);
	struct iio_layout l;
	char xml[800];

	(void)state;
	for (size_t i = 0; i < sizeof(element) / sizeof(element[0]); i++) {
		snprintf(xml, sizeof(xml),
			 "<context><device id='d'><channel id='voltage0'>%s</channel></device></context>", element[i]);
		assert_int_equal(read_xml(xml, 800, "d"), 0);
		assert_int_equal(iio_layout(&context.device, &one, &l, &err), i == 1 ? 0 : -EINVAL);
	}
	snprintf(xml, sizeof(xml),
		 "<context><device id='d'><channel id='voltage0'>%s</channel><channel "
		 "id='voltage1'>%s</channel></device></context>",
		 element[1], element[1]);
	assert_int_equal(read_xml(xml, 800, "d"), 0);
	assert_int_equal(iio_layout(&context.device, &both, &l, &err), -EINVAL);
	assert_non_null(strstr(err.text, "one place"));
	snprintf(xml, sizeof(xml),
		 "<context><device id='d'><channel id='voltage0'>%s</channel><channel "
		 "id='voltage0-voltage1'>%s</channel></device></context>",
		 element[1], element[1]);
	assert_int_equal(read_xml(xml, 800, "d"), 0);
	assert_int_equal(iio_layout(&context.device, &one, &l, &err), -EINVAL);
}

static void test_volts(void **state)
{
	struct iio_place p = {.format = {.bits = 24, .is_signed = true}, .scale_mv = 12e3 / 8388608};
	struct daq_input input = {.channel = {.name = "force"}, .range_v = 12};
	double per_count, at_0;

	(void)state;
	assert_int_equal(iio_volts(&p, &input, &per_count, &at_0, &err), 0);
	assert_true(fabs(per_count * 8388608 - 12) < 1e-9 && at_0 == 0);
	input.range_v = 1.5; /* its amplifier is set otherwise than the bench file says */
	assert_int_equal(iio_volts(&p, &input, &per_count, &at_0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "+-12 V"));
	p = (struct iio_place){.format = {.bits = 12}, .scale_mv = 1, .offset = -2048};
	input.range_v = 2.048;
	assert_int_equal(iio_volts(&p, &input, &per_count, &at_0, &err), 0);
	assert_true(at_0 == 0 && per_count == 1e-3); /* raw 2048 is 0 V, and count 0 */
	p.offset = 0;
	assert_int_equal(iio_volts(&p, &input, &per_count, &at_0, &err), -EINVAL);
	input.range_v = 4.096;
	assert_int_equal(iio_volts(&p, &input, &per_count, &at_0, &err), 0);
	assert_true(at_0 == 2.048);
	p.scale_mv = 0;
	assert_int_equal(iio_volts(&p, &input, &per_count, &at_0, &err), -EINVAL);
}

/* ---- the stream ------------------------------------------------------------------------------------------------------ */

static struct iio_layout timed;
static uint8_t wire[65536];
static size_t wire_len;

static void say(const char *text)
{
	memcpy(wire + wire_len, text, strlen(text));
	wire_len += strlen(text);
}

/* voltage1 big-endian 12 of 16 bits, shifted by 4; voltage0 24 of 32 by 8, with something in the bits below. */
static void say_scan(int v0, unsigned v1, uint64_t stamp)
{
	uint32_t word = (uint32_t)v0 << 8 | 0x5A;
	uint8_t *p = wire + wire_len;

	memset(p, 0xEE, 16);
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(word >> 8 * i);
	p[4] = (uint8_t)(v1 >> 4);
	p[5] = (uint8_t)(v1 << 4 | 0x0C);
	for (int i = 0; i < 8; i++)
		p[8 + i] = (uint8_t)(stamp >> 8 * i);
	wire_len += 16;
}

static struct iio_stream begin(uint64_t asked)
{
	const struct daq_setup setup = inputs(0, 1);

	timed = layout_of(IIO_XML_DEVICE, &setup);
	wire_len = 0;
	return (struct iio_stream){.layout = &timed, .rate_hz = 1000, .asked = asked};
}

struct taken {
	unsigned blocks, frames, gaps, spent;
	bool is_broken;
	uint32_t flags;
	uint64_t last_index;
	int32_t last[2];
};

static struct taken take(struct iio_stream *s, size_t piece)
{
	static int32_t counts[IIO_COUNTS_MAX];
	struct taken t = {.blocks = 0};
	struct sample_block b;
	bool more = false;

	for (size_t at = 0, used; (at < wire_len || more) && !t.is_broken; at += used) {
		size_t len = wire_len - at < piece ? wire_len - at : piece;
		enum iio_samples got = iio_stream_take(s, wire + at, len, &used, &b, counts, &err);
		more = got != IIO_ALL;
		t.is_broken = got == IIO_BROKEN;
		t.spent += got == IIO_SPENT;
		if (got != IIO_BLOCK)
			continue;
		t.blocks++;
		t.frames += b.frames;
		t.gaps += (b.flags & SAMPLE_GAP) != 0;
		t.flags |= b.flags;
		t.last_index = b.first_index + b.frames - 1;
		memcpy(t.last, counts + 2 * (b.frames - 1), sizeof(t.last));
	}
	wire_len = 0;
	return t;
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 70; piece += 4) {
		struct iio_stream s = begin(64);
		say("32\n0000000B\n");
		say_scan(-5, 2048 + 7, 1000000);
		say_scan(-6, 2048 + 8, 2000000);
		say("16\n"); /* the mask is said once for each request */
		say_scan(-7, 2048 + 9, 3000000);
		say("16\n");
		say_scan(-8, 2048 - 10, 4000000);
		struct taken t = take(&s, piece);
		assert_false(t.is_broken);
		assert_int_equal(t.frames, 4);
		assert_int_equal(t.last_index, 3);
		assert_int_equal(t.last[0], -8);
		assert_int_equal(t.last[1], -10);
		assert_int_equal(t.spent, 1);
		assert_int_equal(t.flags, 0);
		s.asked = 16;
		say("16\n0000000b\n");
		say_scan(8388607, 1, 5000000);
		t = take(&s, piece);
		assert_int_equal(t.last_index, 4);
		assert_int_equal(t.flags, SAMPLE_SATURATED);
		assert_int_equal(t.spent, 1);
	}
}

static void test_ends_of_a_converter(void **state)
{
	static const struct {
		int v0;
		unsigned v1;
		bool ends;
	} row[] = {{8388607, 9, true},   {-8388608, 9, true}, {8388606, 4094, false},
		   {-8388607, 1, false}, {0, 0, true},        {0, 4095, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct iio_stream s = begin(16);
		say("16\n0000000b\n");
		say_scan(row[i].v0, row[i].v1, 1);
		assert_int_equal(take(&s, 99).flags, row[i].ends ? SAMPLE_SATURATED : 0);
	}
}

static void test_broken(void **state)
{
	static const struct {
		const char *text, *why;
	} row[] = {{"-110\n", "ends the stream"},
		   {"15\n0000000b\n", "part of a scan"},
		   {"0\n", "part of a scan"},
		   {"80\n0000000b\n", "more than was asked"},
		   {"16\n0000000f\n", "another program"},
		   {"16\n000000000000000b\n", "another program"},
		   {"16\n\n", "another program"},
		   {"x\n", "no count"},
		   {"16\n0000000b\n0123456789abcdef-5\n", "ends the stream"}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct iio_stream s = begin(64);
		say(row[i].text);
		struct taken t = take(&s, 3);
		assert_true(t.is_broken);
		if (!strstr(err.text, row[i].why))
			fail_msg("%s: %s", row[i].text, err.text);
	}
}

/* What comes unasked. */
static void test_unasked(void **state)
{
	struct iio_stream s = begin(16);

	(void)state;
	say("16\n0000000b\n");
	say_scan(1, 1, 1);
	assert_false(take(&s, 99).is_broken);
	say("16\n0000000b\n");
	assert_true(take(&s, 99).is_broken);
}

/* ---- losses ---------------------------------------------------------------------------------------------------------- */

static uint64_t drawn = 1;

static double draw(void)
{
	drawn = drawn * 6364136223846793005u + 1442695040888963407u;
	return (double)(drawn >> 11) * 0x1p-53;
}

/* A stream of which `lost` scans are missing behind the 100th; its stamps are late by up to `jitter` of a sample, its clock
 * off by `ppm`. The value says which scan it truly is. */
static struct taken with_loss(unsigned lost, double jitter, double ppm, bool *ret_right)
{
	struct iio_stream s = begin(300 * 16);
	char head[40];

	*ret_right = true;
	for (unsigned i = 0; i < 300; i++) {
		unsigned is = i < 100 ? i : i + lost;
		snprintf(head, sizeof(head), i ? "16\n" : "16\n0000000b\n");
		say(head);
		say_scan((int)is, 1,
			 1700000000000000000u + (uint64_t)((is + jitter * draw()) * 1e6 * (1 + ppm * 1e-6)));
	}
	struct taken t = take(&s, 4096);
	*ret_right = t.last[0] == (int32_t)t.last_index;
	assert_int_equal(s.lost, t.is_broken ? s.lost : lost);
	return t;
}

static void test_losses(void **state)
{
	unsigned unseen = 0;
	bool right;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		unsigned lost = 1 + (unsigned)(draw() * draw() * 3000);
		double jitter = 0.25 * draw(), ppm = 400 * (draw() - 0.5);
		struct taken t = with_loss(lost, jitter, ppm, &right);
		unseen += !t.is_broken && !(t.gaps == 1 && right);
		assert_true(t.is_broken == (lost > 1000));
	}
	assert_int_equal(unseen, 0);
}

/* Where none is missing none is said to be. */
static void test_no_losses(void **state)
{
	bool right;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct taken t = with_loss(0, 0.4 * draw(), 800 * (draw() - 0.5), &right);
		assert_true(!t.is_broken && t.gaps == 0 && t.frames == 300 && right);
	}
}

/* The first behind a gap does not wait for the next bytes, however they come. */
static void test_gap_at_the_end(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 60; piece++) {
		struct iio_stream s = begin(32);
		say("32\n0000000b\n");
		say_scan(0, 1, 1000000);
		say_scan(1, 1, 5000000);
		struct taken t = take(&s, piece);
		assert_true(!t.is_broken && t.frames == 2 && t.gaps == 1 && t.last_index == 4 && s.lost == 3);
	}
}

/* Stamps that do not tell end the stream: one that stands still, goes back, or jumps. */
static void test_stamps_that_do_not_tell(void **state)
{
	static const uint64_t second[] = {1000000, 0, 99000000000, 1400000};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct iio_stream s = begin(32);
		say("32\n0000000b\n");
		say_scan(0, 1, 1000000);
		say_scan(1, 1, second[i]);
		assert_true(take(&s, 99).is_broken);
	}
}

/* Late by half a sample and more, and then not: no loss, and yet it is not known; never a sample in another's place. */
static void test_late_stamps(void **state)
{
	struct iio_stream s = begin(64);

	(void)state;
	say("64\n0000000b\n");
	say_scan(0, 1, 1000000);
	say_scan(1, 1, 2000000);
	say_scan(2, 1, 3700000);
	say_scan(3, 1, 4000000);
	struct taken t = take(&s, 99);
	assert_true(t.is_broken && t.frames < 4);
}

/* Without stamps nothing shows, and nobody says that it would. */
static void test_untimed(void **state)
{
	struct iio_stream s = begin(32);

	(void)state;
	timed.stamped = false;
	say("32\n0000000b\n");
	say_scan(0, 1, 1000000);
	say_scan(1, 1, 9000000);
	struct taken t = take(&s, 99);
	assert_true(!t.is_broken && t.gaps == 0 && t.frames == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_description),    cmocka_unit_test(test_which_device),
		cmocka_unit_test(test_hostile),        cmocka_unit_test(test_formats),
		cmocka_unit_test(test_answers),        cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_layout),         cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_no_such_input),  cmocka_unit_test(test_volts),
		cmocka_unit_test(test_samples),        cmocka_unit_test(test_ends_of_a_converter),
		cmocka_unit_test(test_broken),         cmocka_unit_test(test_unasked),
		cmocka_unit_test(test_losses),         cmocka_unit_test(test_no_losses),
		cmocka_unit_test(test_gap_at_the_end), cmocka_unit_test(test_stamps_that_do_not_tell),
		cmocka_unit_test(test_late_stamps),    cmocka_unit_test(test_untimed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
