/* The life of a device that only speaks, over a link made of bytes: ready with its first sample, samples numbered as they
 * come, and every way in which a program can fail it. */
#include "drivers/command/device.h"
#include "fake_link.h"

#define MS NS_PER_MS

static struct link_sink sink;
static struct link_wants wants;
static bool is_open;
static int refuse; /* what the link says to its opening */
static struct device *device;
static uint64_t now;
static struct command_setup setup;

static int source_open(struct loop *loop, const char *uri, const struct link_wants *own, const struct link_sink *to,
		       struct link **ret, struct err *err)
{
	static struct link link;
	extern const struct link_ops source_ops, midway_ops;

	(void)loop;
	if (refuse)
		return err_set(err, refuse, "there is no program %s", uri);
	link.ops = strcmp(uri, "midway") == 0 ? &midway_ops : &source_ops;
	sink = *to;
	wants = *own;
	is_open = true;
	*ret = &link;
	return 0;
}

static void source_close(struct link *link)
{
	(void)link;
	is_open = false;
}

static void source_identity(const struct link *link, struct link_identity *ret)
{
	(void)link;
	*ret = (struct link_identity){.product = "tool"};
}

static void source_counters(const struct link *link, struct link_counters *ret)
{
	(void)link;
	*ret = (struct link_counters){.bytes_in = 7};
}

#define OPS                                                                                                            \
	.name = "exec", .scheme = "exec", .source = true, .open = source_open, .close = source_close,                  \
	.identity = source_identity, .counters = source_counters
const struct link_ops source_ops = {OPS};
const struct link_ops midway_ops = {OPS, .midway = true};
static const struct link_ops *const table[] = {&source_ops, NULL};

static int try_open(const char *uri, struct err *err)
{
	const struct device_open open = {.links = table, .uri = uri, .command = &setup, .host = test_host};

	return driver_command.open(&open, now, &device, err);
}

static int begin(void **state)
{
	(void)state;
	heard = (struct heard){0};
	now = NS_PER_S;
	refuse = 0;
	setup = (struct command_setup){.argument = {"-v", NULL},
				       .format = command_format_find("csv"),
				       .separator = ',',
				       .columns = 2,
				       .channels = 2,
				       .rate_hz = 1000,
				       .start_ns = 500 * NS_PER_MS,
				       .serial = "BOX-1",
				       .sha256 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"};
	setup.channel[0] = (struct command_channel){.name = "force",
						    .unit = "N",
						    .quantity = QUANTITY_FORCE,
						    .column = 1,
						    .scale = 2,
						    .offset = 0.5,
						    .resolution = 0.01,
						    .range_lo = -10,
						    .range_hi = 10};
	setup.channel[1] =
		(struct command_channel){.name = "tip", .unit = "degC", .column = 2, .scale = 1, .resolution = 1};
	return try_open("exec:./tool", NULL);
}

static int end(void **state)
{
	(void)state;
	driver_command.close(device);
	device = NULL;
	assert_false(is_open);
	return 0;
}

static void say(const char *text)
{
	now += NS_PER_MS;
	sink.bytes(sink.ctx, (const uint8_t *)text, strlen(text), false, now);
}

static struct outcome outcome;

static void order(bool start)
{
	outcome = (struct outcome){0};
	inside_verb = true;
	(start ? driver_command.stream->start : driver_command.stream->stop)(device, on_done, &outcome);
	assert_int_equal(outcome.calls, 0); /* never from inside a verb */
	inside_verb = false;
	driver_command.on_tick(device, now);
	assert_int_equal(outcome.calls, 1);
}

static void test_ready_with_the_first_sample(void **state)
{
	unsigned count;

	(void)state;
	assert_string_equal(wants.arguments[0], "-v");
	assert_int_equal(heard.ready, 0);
	say("1.0");
	assert_int_equal(heard.ready, 0);
	say("0,20\n");
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
	assert_int_equal(heard.blocks, 0); /* nobody has asked for any */
	const struct channel *channels = driver_command.channels(device, &count);
	assert_int_equal(count, 2);
	assert_true(channels[0].scale == 0.02 && channels[0].offset == 0.5 && channels[0].rate_hz == 1000);
	assert_int_equal(channels[1].position, 1);
	const struct device_identity *identity = driver_command.identity(device);
	assert_string_equal(identity->model, "tool");
	assert_string_equal(identity->serial, "BOX-1");
	assert_string_equal(identity->firmware, "sha256:00112233445566778899aabbccddeeff00112233");
	assert_non_null(strstr(identity->loss, "no number"));
}

/* What arrives late, all at once, is no gap: samples are counted, not timed. */
static void test_samples_are_numbered(void **state)
{
	(void)state;
	say("1,1\n");
	order(true);
	say("1,20\n2,21\n3");
	assert_int_equal(heard.blocks, 1);
	assert_int_equal(heard.block.frames, 2);
	assert_int_equal(heard.block.first_index, 0);
	assert_int_equal(heard.block.flags, 0);
	assert_int_equal(heard.counts[2], 200);
	assert_int_equal(heard.counts[3], 21);
	now += NS_PER_S;
	say(",22\n4,23\n");
	assert_int_equal(heard.block.first_index, 2);
	assert_int_equal(heard.block.frames, 2);
	assert_int_equal(heard.block.flags, 0);
	assert_int_equal(heard.block.host_ns, now);
	order(false);
	say("5,5\n");
	assert_int_equal(heard.blocks, 2);
	order(true);
	say("6,6\n");
	assert_int_equal(heard.block.first_index, 0);
}

/* What has no value, and what is no line, stands in the place of a sample. */
static void test_gaps(void **state)
{
	struct device_counters counters;

	(void)state;
	say("1,1\n");
	order(true);
	say("1,1\nNaN,1\nNaN,1\n2,2\n");
	assert_int_equal(heard.blocks, 2);
	assert_int_equal(heard.block.first_index, 3);
	assert_int_equal(heard.block.flags, SAMPLE_GAP);
	assert_int_equal(heard.events, 1); /* told once, not for each */
	say("overrun!\n3,3\n");
	assert_int_equal(heard.block.first_index, 5);
	assert_int_equal(heard.block.flags, SAMPLE_GAP);
	assert_non_null(strstr(heard.event, "\"overrun!\""));
	say("4,4\n");
	assert_int_equal(heard.block.flags, 0);
	driver_command.counters(device, &counters);
	assert_int_equal(counters.lost_samples, 3);
	assert_int_equal(counters.odd_replies, 1);
	assert_int_equal(counters.frames, 4);
	assert_int_equal(counters.link.bytes_in, 7);
}

static void test_beyond_the_counts(void **state)
{
	(void)state;
	say("1,1\n");
	order(true);
	say("1,1e12\n");
	assert_int_equal(heard.block.flags, SAMPLE_OVER_RANGE);
}

/* A block holds no more than it can, and none is lost between two. */
static void test_many_samples(void **state)
{
	static char text[4 * 5000 + 1];

	(void)state;
	for (int i = 0; i < 5000; i++)
		memcpy(text + 4L * i, "1,2\n", 4);
	say("1,1\n");
	order(true);
	say(text);
	assert_int_equal(heard.samples, 5000);
	assert_int_equal(heard.blocks, 3);
	assert_int_equal(heard.block.first_index + heard.block.frames, 5000);
}

static void test_a_banner(void **state)
{
	(void)state;
	say("Vendor tool 1.0\nopening \x1b[31mdevice\n");
	assert_int_equal(heard.ready, 0);
	assert_int_equal(heard.events, 1);
	assert_null(strchr(heard.event, '\x1b'));
	say("# ready\n1,1\n");
	assert_int_equal(heard.ready, 1);
	assert_non_null(strstr(heard.event, "# ready"));
}

static void test_no_banner_is_endless(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		say("usage: tool\n");
	assert_int_equal(heard.ready, 0);
	say("usage: tool\n");
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, -EPROTO);
	assert_non_null(strstr(heard.err, "usage: tool"));
	say("1,1\n");
	assert_int_equal(heard.ready, 1);
}

static void test_lines_that_are_none(void **state)
{
	(void)state;
	say("1,1\n");
	order(true);
	for (int i = 0; i < 20; i++)
		say("1,2,3\n");
	assert_int_equal(heard.lost, 0);
	say("1,2,3\n");
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -EPROTO);
	say("1,1\n");
	assert_int_equal(heard.blocks, 0);
}

static void test_no_sample_at_all(void **state)
{
	(void)state;
	say("# soon\n");
	now = NS_PER_S + 2499 * NS_PER_MS;
	driver_command.on_tick(device, now);
	assert_int_equal(heard.ready, 0);
	now += NS_PER_MS;
	driver_command.on_tick(device, now);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, -ETIMEDOUT);
	assert_non_null(strstr(heard.err, "stdbuf"));
}

static void gone(const char *text)
{
	struct err err;

	err_set(&err, -ENODEV, "%s", text);
	sink.gone(sink.ctx, &err);
}

/* A thermometer of 10 samples a second: `each_ms` apart they come. Seconds until it was lost, 0: it was not. */
static unsigned lost_after_s(unsigned each_ms, unsigned held_up_from_s)
{
	heard = (struct heard){0};
	driver_command.close(device);
	setup.channel[0].quantity = QUANTITY_TEMPERATURE;
	setup.channel[1].quantity = QUANTITY_TEMPERATURE;
	setup.rate_hz = 10;
	setup.rate_tolerance = 0.01;
	assert_int_equal(try_open("exec:./tool", NULL), 0);
	say("1,1\n");
	order(true);
	uint64_t began = now;
	for (unsigned at = each_ms; at < 60000 && !heard.lost; at += each_ms) {
		/* what a computer that was held up for 4 s reads then, all at once */
		bool held_up = held_up_from_s && at / 1000 >= held_up_from_s && at / 1000 < held_up_from_s + 4;
		now = began + (held_up ? (held_up_from_s + 4) * 1000 : at) * MS - MS;
		say("1,1\n");
	}
	return heard.lost ? (unsigned)((now - began) / NS_PER_S) : 0;
}

static void test_rate_of_temperatures(void **state)
{
	(void)state;
	assert_int_equal(lost_after_s(100, 0), 0);
	assert_int_equal(lost_after_s(100, 20), 0);
	assert_in_range(lost_after_s(120, 0), 15, 16);
	assert_non_null(strstr(heard.err, "8.33"));
	assert_int_equal(heard.lost_status, -EPROTO);
	assert_in_range(lost_after_s(80, 0), 14, 16);
	assert_in_range(lost_after_s(103, 0), 20, 35); /* 3 %: seen once that is more than half a second */
	assert_int_equal(lost_after_s(101, 0), 0);
}

/* A force is held against the clock where it is measured. */
static void test_rate_of_forces(void **state)
{
	(void)state;
	say("1,1\n");
	order(true);
	for (unsigned i = 0; i < 400; i++) {
		now += 99 * MS;
		say("1,1\n");
	}
	assert_int_equal(heard.lost, 0);
}

static void test_it_ends(void **state)
{
	(void)state;
	say("1,1\n");
	order(true);
	sink.said(sink.ctx, "no\x07 licence", 11);
	assert_non_null(strstr(heard.event, "no\\x07 licence"));
	gone("exec:tool has ended with exit status 3");
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -ENODEV);
	assert_non_null(strstr(heard.err, "status 3"));
	assert_non_null(strstr(heard.err, "licence"));
	outcome = (struct outcome){0};
	driver_command.stream->stop(device, on_done, &outcome);
	driver_command.on_tick(device, now);
	assert_int_equal(outcome.status, -ENODEV);
}

static void test_it_ends_before_it_begins(void **state)
{
	(void)state;
	gone("exec:tool has ended with exit status 127");
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, -ENODEV);
	assert_int_equal(heard.lost, 0);
	now += 10 * NS_PER_S;
	driver_command.on_tick(device, now);
	assert_int_equal(heard.ready, 1);
}

static void test_it_talks_too_much(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		sink.said(sink.ctx, "warning", 7);
	assert_int_equal(heard.events, 101);
	assert_non_null(strstr(heard.event, "more than 100"));
}

static void test_opening_fails(void **state)
{
	struct err err;

	(void)state;
	now = NS_PER_S;
	refuse = -ENOENT;
	device = NULL;
	setup.format = command_format_find("csv");
	assert_int_equal(try_open("exec:./tool", &err), -ENOENT);
	assert_non_null(strstr(err.text, "no program"));
	refuse = 0;
	const struct device_open open = {.links = table, .uri = "exec:./tool", .host = test_host};
	assert_int_equal(driver_command.open(&open, now, &device, &err), -EINVAL);
	assert_false(is_open);
}

/* The first line of what flows already may be half a one: "1.35" has come as "5". */
static void test_midway(void **state)
{
	(void)state;
	begin(NULL);
	driver_command.close(device);
	assert_int_equal(try_open("exec:midway", NULL), 0);
	say("5,1\n");
	assert_int_equal(heard.ready, 0);
	say("6,1\n");
	assert_int_equal(heard.ready, 1);
	end(NULL);
}

/* What is still due when it is closed is told. */
static void test_close(void **state)
{
	(void)state;
	begin(NULL);
	outcome = (struct outcome){0};
	driver_command.stream->start(device, on_done, &outcome);
	end(NULL);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.status, -ECANCELED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_ready_with_the_first_sample),
		TEST(test_samples_are_numbered),
		TEST(test_gaps),
		TEST(test_beyond_the_counts),
		TEST(test_many_samples),
		TEST(test_a_banner),
		TEST(test_no_banner_is_endless),
		TEST(test_lines_that_are_none),
		TEST(test_no_sample_at_all),
		TEST(test_rate_of_temperatures),
		TEST(test_rate_of_forces),
		TEST(test_it_ends),
		TEST(test_it_ends_before_it_begins),
		TEST(test_it_talks_too_much),
		cmocka_unit_test(test_opening_fails),
		cmocka_unit_test(test_midway),
		cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
