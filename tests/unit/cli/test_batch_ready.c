/* What a batch's wait for its pen does with one that runs meanwhile, by a pen that the test makes, on a clock that jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "drivers/scpi-pen/device.h"
#include "fixtures/virtual/inproc.h"
#include "rig/base/json.h"
#include "rig/cli/batch.h"
#include "rig/cli/kit/signals.h"
#include "rig/config/bench.h"

#define NEVER UINT64_MAX

static struct {
	struct driver_host host;
	uint64_t opened_ns, runs_after_ns, stop_takes_ns, now_ns, stop_asked_ns;
	int stop_status;
	bool ready;
	unsigned stops, asked_behind_stop, closed;
	device_done_fn stopped;
	void *stopped_ctx;
} pen;

static int fake_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	static struct device device;

	(void)err;
	pen.host = open->host;
	pen.opened_ns = pen.now_ns = now_ns;
	*ret = &device;
	return 0;
}

static void fake_close(struct device *device)
{
	(void)device;
	pen.closed++;
}

static void fake_tick(struct device *device, uint64_t now_ns)
{
	struct err err = {"it does not obey"};
	device_done_fn stopped = pen.stopped;

	(void)device;
	pen.now_ns = now_ns;
	if (!pen.ready) {
		pen.ready = true;
		pen.host.ready(pen.host.ctx, 0, NULL);
	} else if (stopped && now_ns >= pen.stop_asked_ns + pen.stop_takes_ns) {
		pen.stopped = NULL;
		stopped(pen.stopped_ctx, pen.stop_status, pen.stop_status ? &err : NULL);
	}
}

static void fake_telemetry(struct device *device, device_done_fn done, void *ctx)
{
	const struct pen_telemetry said = {.host_ns = pen.now_ns,
					   .battery_v = 7.0,
					   .handle_c = NAN,
					   .running = pen.now_ns - pen.opened_ns >= pen.runs_after_ns};

	(void)device;
	pen.asked_behind_stop += pen.stops;
	pen.host.telemetry(pen.host.ctx, &said);
	done(ctx, 0, NULL);
}

static void fake_stop(struct device *device, device_done_fn done, void *ctx)
{
	(void)device;
	pen.stops++;
	pen.stop_asked_ns = pen.now_ns;
	pen.stopped = done;
	pen.stopped_ctx = ctx;
}

static const char *left = "";

static int waits(double battery_min_v, struct batch_looked *ret, struct err *err)
{
	static struct batch batch;
	const struct pen_verbs verbs = {.stop = fake_stop, .telemetry = fake_telemetry};
	const struct driver *drivers[64] = {NULL};
	struct virtual_clock clock = {.now_ns = 1000 * NS_PER_S};
	struct driver fake = driver_scpi_pen;
	const struct cli_tables tables = {.drivers = drivers, .clock = &virtual_clock_ops, .clock_ctx = &clock};
	const struct batch_wait wait = {
		.tables = &tables, .batch = &batch, .pen = "PEN-GOOD-01", .left = left, .say = stderr};

	fake.open = fake_open;
	fake.close = fake_close;
	fake.on_tick = fake_tick;
	fake.pen = &verbs;
	for (unsigned i = 0; driver_table[i]; i++)
		drivers[i] = driver_table[i] == &driver_scpi_pen ? &fake : driver_table[i];
	batch = (struct batch){.bench = "fixtures/benches/virtual-usb.json",
			       .waits = true,
			       .ready = {.battery_min_v = battery_min_v, .wait_max_s = 120}};
	if (json_parse("test", "{}", 2, &batch.doc, err) || signals_block(err))
		fail_msg("%s", err->text);
	int status = batch_wait_ready(&wait, ret, err);
	json_doc_free(batch.doc);
	assert_int_equal(pen.closed, pen.opened_ns != 0);
	return status;
}

static int set_up(void **state)
{
	(void)state;
	memset(&pen, 0, sizeof(pen));
	pen.runs_after_ns = NEVER;
	return 0;
}

static void test_it_stands(void **state)
{
	struct batch_looked looked;
	struct err err = {""};

	(void)state;
	assert_int_equal(waits(6.5, &looked, &err), 0);
	assert_true(!looked.ran && looked.battery_v == 7.0);
	set_up(NULL);
	assert_int_equal(waits(7.5, &looked, &err), -ETIMEDOUT);
	assert_true(!looked.ran && looked.waited_s >= 120 && looked.waited_s < 121);
	assert_int_equal(pen.stops, 0);
}

static void runs(uint64_t after_ns, double battery_min_v, const char *said)
{
	struct batch_looked looked;
	struct err err = {""};

	pen.runs_after_ns = after_ns;
	assert_int_equal(waits(battery_min_v, &looked, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "ran while it was waited for"));
	assert_non_null(strstr(err.text, said));
	assert_true(looked.ran);
	assert_int_equal(pen.stops, 1);
	assert_int_equal(pen.asked_behind_stop, 0);
}

static void test_it_runs(void **state)
{
	(void)state;
	runs(30 * NS_PER_S, 7.5, "motor is off");
	set_up(NULL);
	pen.stop_status = -EREMOTEIO;
	runs(30 * NS_PER_S, 7.5, "does not obey");
}

/* That all else is as it was asked for makes it no pen to begin with. */
static void test_it_runs_and_is_ready(void **state)
{
	(void)state;
	runs(0, 6.5, "motor is off");
}

/* What it said before is old meanwhile: that is not what is wrong. */
static void test_it_stops_slowly(void **state)
{
	(void)state;
	pen.stop_takes_ns = 30 * NS_PER_S;
	runs(30 * NS_PER_S, 7.5, "motor is off");
}

/* The wait may take a day; what may run meanwhile is stopped first. */
static void test_another_pen_was_left(void **state)
{
	static const char *const other[] = {"{\"link\": \"usb:1209:0001:PEN-GOOD-02\"}", "{}", "no recipe"};
	struct batch_looked looked;
	struct err err = {""};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		left = other[i];
		assert_int_equal(waits(6.5, &looked, &err), -EPERM);
		assert_non_null(strstr(err.text, "may still run"));
		assert_int_equal(pen.opened_ns, 0);
	}
	left = "{\"link\": \"usb:1209:0001:PEN-GOOD-01\"}";
	assert_int_equal(waits(6.5, &looked, &err), 0);
	left = "";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_it_stands, set_up),
		cmocka_unit_test_setup(test_it_runs, set_up),
		cmocka_unit_test_setup(test_it_runs_and_is_ready, set_up),
		cmocka_unit_test_setup(test_it_stops_slowly, set_up),
		cmocka_unit_test_setup(test_another_pen_was_left, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
