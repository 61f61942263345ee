/* The scale on USB: reports byte by byte, each state and unit; and what the driver makes of them over a link made of bytes. */
#include "drivers/hid-scale/device.h"
#include "drivers/hid-scale/wire.h"
#include "fake_link.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PERIOD_NS    (500 * NS_PER_MS)

static void test_reports(void **state)
{
	static const struct {
		const char *report;
		enum hid_scale_state state;
		double grams;
		const char *odd;
	} rows[] = {
		{"030402ffe803", SCALE_STABLE, 100, NULL},
		{"030302ffe803", SCALE_MOVES, 100, NULL},
		{"030202000000", SCALE_STABLE, 0, NULL},
		{"030502ff0500", SCALE_STABLE, -0.5, NULL},
		{"03040bfe6101", SCALE_STABLE, 100.07381663125, NULL},
		{"03040cff0a00", SCALE_STABLE, 453.59237, NULL},
		{"03040afe6400", SCALE_STABLE, 31.1034768, NULL},
		{"030403fd0180", SCALE_STABLE, 32769, NULL},
		{"030401020300", SCALE_STABLE, 0.3, NULL},
		{"030404006400", SCALE_STABLE, 20, NULL},
		{"0304060064000000", SCALE_STABLE, 6.479891, NULL}, /* what is behind it counts for nothing */
		{"030602ff0000", SCALE_BEYOND, 0, NULL},
		{"030102ff0000", SCALE_REFUSES, 0, NULL},
		{"030702ff0000", SCALE_REFUSES, 0, NULL},
		{"030802ff0000", SCALE_REFUSES, 0, NULL},
		{"030002ff0000", 0, 0, "state"},
		{"030902ff0000", 0, 0, "state"},
		{"030405ff0100", 0, 0, "unit"}, /* a tael */
		{"030409ff0100", 0, 0, "unit"}, /* a ton */
		{"03040dff0100", 0, 0, "unit"},
		{"030400ff0100", 0, 0, "unit"},
		{"0304020d0100", 0, 0, "power"},
		{"030402f30100", 0, 0, "power"},
		{"0304020c0100", SCALE_STABLE, 1e12, NULL},
		{"020402ffe803", 0, 0, "no report"},
		{"030402ffe8", 0, 0, "no report"},
		{"-", 0, 0, "no report"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t data[16];
		struct hid_scale_said said;
		const char *odd = hid_scale_read(data, from_hex(rows[i].report, data, sizeof(data)), &said);

		if ((odd != NULL) != (rows[i].odd != NULL) || (odd && !strstr(odd, rows[i].odd)))
			fail_msg("%s: %s", rows[i].report, odd);
		if (odd)
			continue;
		assert_int_equal(said.state, rows[i].state);
		assert_int_equal(said.why != NULL, rows[i].state == SCALE_REFUSES);
		if (said.state < SCALE_BEYOND && !(fabs(said.grams - rows[i].grams) <= 1e-9 * fabs(rows[i].grams)))
			fail_msg("%s is %.10g g", rows[i].report, said.grams);
	}
}

static void test_descriptors(void **state)
{
	static const struct {
		const char *bytes;
		bool scale;
	} rows[] = {
		{"058d0920a101", true},     {"068d000920", true},    {"068d010920", false}, {"05010902a101058d", true},
		{"05010906a101", false},    {"098d", false},         {"158d", false},       {"05", false},
		{"fe03108d8d8d058d", true}, {"fe0310058d05", false}, {"06008d", false},     {"-", false},
		{"27058d058d09", false},    {"078d000000", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t data[16];
		if (hid_scale_describes(data, from_hex(rows[i].bytes, data, sizeof(data))) != rows[i].scale)
			fail_msg("%s", rows[i].bytes);
	}
}

/* ---- the driver ---------------------------------------------------------------------------------------------------- */

static struct device *device;
static uint64_t now_ns;
static link_control_fn reply;
static void *reply_ctx;

static int usb_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
		       link_control_fn done, void *ctx)
{
	(void)link, (void)data;
	assert_true(deadline_ns > now_ns && setup->request_type == 0x81 && setup->request == 6 &&
		    setup->value == 0x2200);
	reply = done;
	reply_ctx = ctx;
	return 0;
}

static int usb_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		    struct link **ret, struct err *err);

static const struct link_ops usb = {.name = "fake",
				    .scheme = "usb",
				    .open = usb_open,
				    .close = fake_close,
				    .control = usb_control,
				    .identity = fake_identity,
				    .counters = fake_counters};
static const struct link_ops *const links[] = {&usb, NULL};

static int usb_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		    struct link **ret, struct err *err)
{
	int status = fake_open(loop, uri, wants, sink, ret, err);

	fake.link.ops = &usb;
	return status;
}

static int open_rate(double rate_hz, struct err *err)
{
	const struct device_open open = {
		.links = links, .uri = "usb:by-id=TEST", .rate_hz = rate_hz, .host = test_host};

	heard = (struct heard){.ready = 0};
	now_ns = NS_PER_S;
	return driver_hid_scale.open(&open, now_ns, &device, err);
}

static void tick(uint64_t ns)
{
	for (uint64_t end = now_ns + ns; now_ns < end;) {
		now_ns += DRIVER_TICK_NS;
		driver_hid_scale.on_tick(device, now_ns);
	}
}

static void says(const char *report)
{
	uint8_t data[16];
	arrive(data, from_hex(report, data, sizeof(data)), sizeof(data), now_ns);
}

static void open_scale(void)
{
	static const uint8_t descriptor[] = {0x05, 0x8D, 0x09, 0x20, 0xA1, 0x01};
	struct err err;

	assert_int_equal(open_rate(0, &err), 0);
	reply(reply_ctx, 0, descriptor, sizeof(descriptor));
	assert_int_equal(heard.ready, 0); /* not before a weight has come */
	says("030402ffe803");
	assert_true(heard.ready == 1 && heard.ready_status == 0);
}

static void test_newest_word_at_its_pace(void **state)
{
	struct outcome started = {.calls = 0};

	(void)state;
	open_scale();
	inside_verb = true;
	driver_hid_scale.stream->start(device, on_done, &started);
	inside_verb = false;
	tick(PERIOD_NS);
	assert_int_equal(started.calls, 1);
	assert_int_equal(heard.blocks, 0); /* what was said before the start is no sample */
	says("030302ffe803");
	says("030302ffe903");
	tick(PERIOD_NS);
	assert_int_equal(heard.blocks, 1);
	assert_true(heard.counts[0] == 1001000 && (heard.block.flags & SAMPLE_UNSTABLE) &&
		    (heard.block.flags & SAMPLE_GAP));
	tick(2 * PERIOD_NS); /* and nothing is said */
	assert_int_equal(heard.blocks, 1);
	uint64_t before = heard.block.first_index;
	says("030402ffe803");
	tick(PERIOD_NS);
	assert_true(heard.blocks == 2 && heard.block.first_index == before + 3 && heard.block.flags == SAMPLE_GAP);
	says("030402ffe803");
	tick(PERIOD_NS);
	assert_true(heard.blocks == 3 && heard.block.flags == 0 && heard.counts[0] == 1000000);
	says("030602ffe803");
	tick(PERIOD_NS);
	assert_true(heard.blocks == 4 && heard.block.flags == SAMPLE_OVER_RANGE && heard.events == 1);
	says("030402ffe803");
	says("030802ffe803"); /* what it said before does not count any more */
	tick(PERIOD_NS);
	assert_true(heard.blocks == 4 && heard.events == 2 && strstr(heard.event, "zero"));
	says("030802ffe803");
	assert_int_equal(heard.events, 2); /* once */
	driver_hid_scale.stream->stop(device, NULL, NULL);
	says("030402ffe803");
	tick(2 * PERIOD_NS);
	assert_int_equal(heard.blocks, 4);
	driver_hid_scale.close(device);
}

static void test_silence(void **state)
{
	struct outcome started = {.calls = 0};

	(void)state;
	open_scale();
	tick(3 * NS_PER_S - DRIVER_TICK_NS);
	assert_int_equal(heard.lost, 0);
	tick(2 * DRIVER_TICK_NS);
	assert_true(heard.lost == 1 && heard.lost_status == -ETIMEDOUT && strstr(heard.err, "switch it on"));
	driver_hid_scale.stream->start(device, on_done, &started);
	tick(DRIVER_TICK_NS);
	assert_true(started.calls == 1 && started.status == -ENODEV);
	driver_hid_scale.close(device);
}

static void test_refused_at_opening(void **state)
{
	static const uint8_t keyboard[] = {0x05, 0x01, 0x09, 0x06, 0xA1, 0x01}, scale[] = {0x05, 0x8D};
	struct err err;

	(void)state;
	assert_int_equal(open_rate(5.1, &err), -EINVAL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(open_rate(5, &err), 0);
		reply(reply_ctx, i == 0 ? -EPIPE : 0, i == 1 ? keyboard : scale,
		      i == 1 ? sizeof(keyboard) : sizeof(scale));
		if (i == 2) { /* it is one, and does not speak of weights */
			says("030802ff0000");
			assert_int_equal(heard.ready, 0);
			tick(2 * NS_PER_S);
		}
		assert_true(heard.ready == 1 && heard.ready_status == (i == 2 ? -ETIMEDOUT : -EINVAL));
		assert_non_null(strstr(heard.err, i == 2 ? "zero" : "another driver"));
		driver_hid_scale.close(device);
	}
}

static void test_match(void **state)
{
	struct link_identity id = {.usb_class = 3, .vid = 0x0922, .pid = 0x8004};

	(void)state;
	assert_int_equal(driver_hid_scale.match(&id), 2);
	id.usb_class = 0xFF;
	assert_int_equal(driver_hid_scale.match(&id), 0);
	id = (struct link_identity){.usb_class = 3, .vid = 0x0922, .pid = 0x1234};
	assert_int_equal(driver_hid_scale.match(&id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_newest_word_at_its_pace),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_refused_at_opening),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
