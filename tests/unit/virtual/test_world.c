/* The virtual bench as a host sees it: strokes against the truth file, dead-man, every fault, and that nothing depends
 * on how time was cut. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/virtual/host.h"

#define COUNT_N (10.0 / 8388608)

/* ---- strokes -------------------------------------------------------------------------------------------------------
 */

struct true_strokes {
	unsigned count;
	double index[4000], depth_mm[4000], t_s[4000];
	bool missed[4000];
};

static double field(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at && strncmp(at + strlen(key), "null", 4) != 0 ? strtod(at + strlen(key), NULL) : NAN;
}

static void read_truth(const char *path, struct true_strokes *ret)
{
	FILE *f = fopen(path, "re");
	char line[2048];

	ret->count = 0;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "{\"stroke\"", 9) != 0 || ret->count == 4000)
			continue;
		ret->index[ret->count] = field(line, "\"index\":");
		ret->depth_mm[ret->count] = field(line, "\"depth_mm\":");
		ret->t_s[ret->count] = field(line, "\"t_ns\":") * 1e-9;
		ret->missed[ret->count++] = strstr(line, "missed") != NULL;
	}
	fclose(f);
}

static void truth_path(char *path, size_t size)
{
	snprintf(path, size, "/tmp/penrig-truth-%d.jsonl", (int)getpid());
}

/* Maxima of the displacement channel lie where and as high as the truth says. */
static void check_strokes(const struct host *h, const struct true_strokes *t, double fs)
{
	unsigned checked = 0;
	double worst_mm = 0;

	for (unsigned k = 0; k < t->count; k++) {
		uint64_t at = (uint64_t)llround(t->index[k]);
		double mean = 0;

		if (at < 200 || at + 200 > h->samples)
			continue;
		/* nine samples about the top: the parabola's sag there is below a micrometre at 50 kS/s */
		for (uint64_t i = at - 4; i <= at + 4; i++)
			mean += h->displacement[i] * (8.0 / 8388608) / 9;
		worst_mm = fmax(worst_mm, fabs(mean - t->depth_mm[k]));
		assert_true(h->displacement[at] > h->displacement[at - (uint64_t)(fs / 1000)]);
		assert_true(h->displacement[at] > h->displacement[at + (uint64_t)(fs / 1000)]);
		checked++;
	}
	assert_true(checked > 100);
	assert_true(worst_mm < 0.006);
}

static void test_strokes_are_where_the_truth_says(void **state)
{
	static struct true_strokes t;
	struct world_config config = {.seed = 7};
	struct host h;
	char path[64], answer[64];

	(void)state;
	truth_path(path, sizeof(path));
	config.truth_path = path;
	host_open(&h, &config);
	host_start_sensor(&h, 50000);
	host_run_pen(&h, 120, 1.5);
	host_until(&h, 3, true);
	host_ask(&h, "OUTP OFF;:OUTP?\n", answer, sizeof(answer));
	host_until(&h, 4, false);
	assert_int_equal(h.channels, 2);
	assert_int_equal(h.lost_frames, 0);
	world_free(h.world);
	read_truth(path, &t);
	check_strokes(&h, &t, 50000);
	/* the realised rate of the second half of the run, by the truth's own instants */
	assert_true(fabs((t.count - 1 - 200) / (t.t_s[t.count - 30] - t.t_s[171]) - 120) < 1.2);
	free(h.force);
	free(h.displacement);
	unlink(path);
}

static double duty(struct host *h, double from_s, double to_s, double fs)
{
	uint64_t in = 0, all = 0;

	for (uint64_t i = (uint64_t)(from_s * fs); i < (uint64_t)(to_s * fs); i++, all++)
		in += h->displacement[i] > 0;
	return (double)in / (double)all;
}

static void test_duty_grows_with_depth(void **state)
{
	static const struct {
		double depth_mm, lo, hi;
	} cases[] = {{0.2, 0.14, 0.18}, {1.0, 0.36, 0.41}, {3.0, 0.84, 0.95}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct world_config config = {.seed = 3};
		struct host h;
		double d;

		host_open(&h, &config);
		host_start_sensor(&h, 20000);
		host_run_pen(&h, 120, cases[i].depth_mm);
		host_until(&h, 2, true);
		d = duty(&h, 1.0, 1.9, 20000);
		if (d < cases[i].lo || d > cases[i].hi)
			fail_msg("depth %g mm: duty %.3f", cases[i].depth_mm, d);
		host_close(&h);
	}
}

static void quiet_force(const struct host *h, uint64_t from, uint64_t to, double *ret_mean, double *ret_sd)
{
	double sum = 0, squares = 0;

	for (uint64_t i = from; i < to; i++) {
		double n = h->force[i] * COUNT_N;

		sum += n;
		squares += n * n;
	}
	*ret_mean = sum / (double)(to - from);
	*ret_sd = sqrt(squares / (double)(to - from) - *ret_mean * *ret_mean);
}

/* Before and after a run the cell carries the seating force, alive with noise and hum, and nothing moves. */
static void test_still_before_and_after(void **state)
{
	const struct world_config config = {.seed = 4};
	struct world_truth truth;
	struct host h;
	char answer[64];
	double mean, sd;

	(void)state;
	host_open(&h, &config);
	host_start_sensor(&h, 20000);
	host_until(&h, 0.5, false);
	quiet_force(&h, 2000, 9000, &mean, &sd);
	assert_true(mean > 0.2 && mean < 0.4);
	assert_true(sd > 0.001 && sd < 0.005);
	host_run_pen(&h, 150, 2);
	host_until(&h, 1.5, true);
	host_ask(&h, "OUTP OFF;:OUTP?\n", answer, sizeof(answer));
	host_until(&h, 2.2, false);
	world_truth(h.world, &truth);
	assert_false(truth.motor_on);
	assert_false(truth.moving);
	quiet_force(&h, h.samples - 4000, h.samples, &mean, &sd);
	assert_true(mean > 0.2 && mean < 0.4);
	assert_true(sd < 0.005);
	host_close(&h);
}

/* ---- dead-man ------------------------------------------------------------------------------------------------------
 */

static void test_deadman_trips_in_time(void **state)
{
	const struct world_config config = {.seed = 5};
	struct world_truth truth;
	struct host h;
	uint64_t fed_ns;

	(void)state;
	host_open(&h, &config);
	host_run_pen(&h, 120, 1);
	host_until(&h, 1.0, true);
	fed_ns = h.now_ns;
	do {
		world_advance(h.world, h.now_ns += 250000);
		world_truth(h.world, &truth);
	} while (truth.motor_on && h.now_ns < fed_ns + 2000000000);
	assert_true(h.now_ns - fed_ns >= 500000000);
	assert_true(h.now_ns - fed_ns <= 520000000);
	host_close(&h);
}

/* ---- determinism ---------------------------------------------------------------------------------------------------
 */

static uint64_t run_in_slices(uint64_t slice_ns, uint64_t seed, const char *fault, double *ret_tip_c)
{
	const struct world_config config = {.seed = seed, .faults = {fault}, .fault_count = 1};
	struct world_truth truth;
	struct host h;
	char answer[64];

	host_open(&h, &config);
	host_start_sensor(&h, 20000);
	host_until(&h, 0.1, false);
	h.slice_ns = slice_ns;
	assert_int_equal(host_ask(&h, "SYST:DEAD 10000;:SOUR:DEPT 1.2;:OUTP ON\n", answer, sizeof(answer)), 0);
	host_until(&h, 1.5, false);
	assert_int_equal(host_ask(&h, "OUTP OFF\n", answer, sizeof(answer)), 0);
	host_until(&h, 2, false);
	world_truth(h.world, &truth);
	*ret_tip_c = truth.tip_c;
	host_close(&h);
	return h.digest ^ truth.strokes;
}

static void test_same_whatever_the_slices(void **state)
{
	static const uint64_t slices[] = {37000, 125000, 1000000, 3333333, 100000000};
	double tip, other;
	uint64_t digest = run_in_slices(250000, 11, "bit-flips@1,rate=1e-4", &tip);

	(void)state;
	for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
		assert_true(run_in_slices(slices[i], 11, "bit-flips@1,rate=1e-4", &other) == digest);
		assert_true(tip == other);
	}
	assert_true(run_in_slices(250000, 12, "bit-flips@1,rate=1e-4", &other) != digest);
}

/* What the sensor sent without a fault, or with one that has not struck: every byte of it, for ever. Recordings and their
 * figures elsewhere rest on these streams. */
static void test_streams_stay_what_they_are(void **state)
{
	static const struct {
		uint64_t seed, digest;
		const char *fault;
	} cases[] = {
		{1, 0x87990f70dfcca337, "creep@1000"},
		{2, 0x218cc6f5f615830e, "unplug:pen@1000"},
		{3, 0xe6eee9b283d65619, "missed-strokes@0.5,p=0.2"},
		{4, 0xb30dd0539d2e42d2, "slow-clock@0.7,error=-0.01"},
	};
	double tip;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t digest = run_in_slices(1000000, cases[i].seed, cases[i].fault, &tip);

		if (digest != cases[i].digest)
			fail_msg("%s, seed %d: digest %#llx", cases[i].fault, (int)cases[i].seed,
				 (unsigned long long)digest);
	}
}

/* ---- faults --------------------------------------------------------------------------------------------------------
 */

/* A pen at 120 Hz, 1 mm, the fault striking at 1.0 s; stops at 3 s. */
static void run_with(struct host *h, const char *fault, const char *bench)
{
	const struct world_config config = {.seed = 21, .faults = {fault}, .fault_count = 1, .bench_path = bench};

	host_open(h, &config);
	host_start_sensor(h, 20000);
	host_run_pen(h, 120, 1);
	host_until(h, 3, true);
}

static unsigned condition(struct host *h)
{
	char answer[64];

	return host_ask(h, "STAT:QUES:COND?\n", answer, sizeof(answer)) > 0 ? (unsigned)atoi(answer) : 0xFFFF;
}

static bool motor_on(const struct host *h)
{
	struct world_truth truth;

	world_truth(h->world, &truth);
	return truth.motor_on;
}

static void test_pen_faults(void **state)
{
	static const struct {
		const char *fault;
		unsigned bit;
	} cases[] = {{"stall@1", 512}, {"over-temperature@1", 16}, {"weak-battery@1", 1}};
	struct world_truth truth;
	struct host h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_with(&h, cases[i].fault, NULL);
		if (motor_on(&h) || !(condition(&h) & cases[i].bit))
			fail_msg("%s: condition %u", cases[i].fault, condition(&h));
		world_truth(h.world, &truth);
		assert_false(truth.moving);
		host_close(&h);
	}
}

static void test_reboot_forgets(void **state)
{
	struct host h;
	char answer[128];

	(void)state;
	run_with(&h, "reboot@1", NULL);
	assert_false(motor_on(&h));
	assert_true(host_ask(&h, "OUTP?;:SYST:DEAD?;:SOUR:FREQ?;DEPT?;:SYST:UPT?\n", answer, sizeof(answer)) > 0);
	assert_memory_equal(answer, "0;0;120;0.5;", 12);
	assert_true(atoi(answer + 12) >= 1900 && atoi(answer + 12) <= 2100);
	host_close(&h);
}

static void test_pressed_starts(void **state)
{
	const struct world_config config = {.seed = 21, .faults = {"pressed@1"}, .fault_count = 1};
	struct host h;

	(void)state;
	host_open(&h, &config);
	host_until(&h, 0.9, true);
	assert_false(motor_on(&h));
	host_until(&h, 1.1, true);
	assert_true(motor_on(&h));
	host_close(&h);
}

static void test_silent_pen_is_stopped_by_its_deadman(void **state)
{
	struct host h;
	char answer[64];

	(void)state;
	run_with(&h, "silent:pen@1", NULL);
	assert_int_equal(host_ask(&h, "OUTP?\n", answer, sizeof(answer)), 0);
	assert_false(motor_on(&h));
	host_close(&h);
	run_with(&h, "dead-man-dead@0", NULL);
	host_until(&h, 5, false);
	assert_true(motor_on(&h));
	host_close(&h);
}

static void test_unplug_and_replug(void **state)
{
	struct host h;
	char answer[64];
	uint8_t data[512];

	(void)state;
	run_with(&h, "unplug:pen@1,back=1", NULL);
	assert_true(model_plugged(h.pen));
	assert_false(motor_on(&h)); /* its battery went on; its dead-man did not */
	assert_true(host_ask(&h, "*IDN?\n", answer, sizeof(answer)) > 0);
	host_close(&h);
	run_with(&h, "unplug:sensor@1", NULL);
	assert_false(model_plugged(h.sensor));
	assert_int_equal(model_in(h.sensor, 0x82, data, sizeof(data)), -ENODEV);
	assert_true(h.samples > 18000 && h.samples < 20100);
	host_close(&h);
	run_with(&h, "unplug:sensor@#50", NULL);
	assert_false(model_plugged(h.sensor));
	assert_true(h.frames < 50);
	host_close(&h);
}

static bool all_equal(const struct host *h, uint64_t from, uint64_t to, int32_t value)
{
	for (uint64_t i = from; i < to; i++)
		if (h->force[i] != value)
			return false;
	return true;
}

static void test_sensor_faults(void **state)
{
	struct host h;

	(void)state;
	run_with(&h, "stuck@1", NULL);
	assert_true(all_equal(&h, 20100, h.samples, h.force[20100]));
	host_close(&h);
	run_with(&h, "saturated@1", NULL);
	assert_true(all_equal(&h, 20100, h.samples, 8388607));
	host_close(&h);
	run_with(&h, "silent:sensor@1", NULL);
	assert_true(h.samples < 20100);
	assert_false(host_request(&h, 8, NULL, 0));
	host_close(&h);
	run_with(&h, "dropped-frames@1,p=0.1", NULL);
	assert_true(h.lost_frames > 15 && h.lost_frames < 90);
	assert_true(h.first_lost != UINT64_MAX);
	host_close(&h);
	run_with(&h, "slow-clock@1,error=-0.1", NULL);
	assert_true(h.samples > 55000 && h.samples < 56500);
	host_close(&h);
}

static void test_wire_faults(void **state)
{
	struct host h;

	(void)state;
	run_with(&h, "garbage:sensor@1,bytes=40,every=0.1", NULL);
	assert_true(h.reader.thrown_away >= 15);
	assert_true(h.samples > 59000);
	host_close(&h);
	run_with(&h, "bit-flips:sensor@1,rate=1e-4", NULL);
	assert_true(h.reader.thrown_away > 5 && h.lost_frames > 5);
	host_close(&h);
	run_with(&h, "usb-stall:sensor@1", NULL);
	assert_true(h.samples < 20200);
	model_clear_halt(h.sensor, 0x82);
	host_until(&h, 3.1, false);
	assert_true(h.samples > 59000);
	host_close(&h);
}

static void test_missed_strokes(void **state)
{
	static struct true_strokes t;
	struct world_config config = {.seed = 9, .faults = {"missed-strokes@0,p=0.05"}, .fault_count = 1};
	struct host h;
	unsigned missed = 0;
	char path[64];

	(void)state;
	truth_path(path, sizeof(path));
	config.truth_path = path;
	host_open(&h, &config);
	host_run_pen(&h, 200, 1);
	host_until(&h, 5, true);
	host_close(&h);
	read_truth(path, &t);
	for (unsigned i = 0; i < t.count; i++)
		missed += t.missed[i];
	assert_true(missed > 20 && missed < 90);
	unlink(path);
}

static void test_fault_specs_refused(void **state)
{
	static const char *const bad[] = {"unplugg",
					  "unplug@",
					  "unplug@x",
					  "unplug:keyboard",
					  "stuck:pen",
					  "stall@#5",
					  "stall,p=1",
					  "bit-flips,rate=2",
					  "bit-flips,rate",
					  "unplug@-1",
					  "unplug,back=0",
					  "usb-stall:pen,x=1",
					  ""};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct world_config config = {.seed = 1, .faults = {bad[i]}, .fault_count = 1};
		struct world *w;
		struct err err;

		if (world_new(&config, &w, &err) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(strstr(err.text, "fault"));
	}
}

/* ---- serial, and the shipped benches -------------------------------------------------------------------------------
 */

static void test_serial_bench(void **state)
{
	struct host h;
	char answer[64];

	(void)state;
	run_with(&h, "stall@1000", "fixtures/benches/virtual-serial.json");
	assert_int_equal(model_identity(h.pen)->bus, MODEL_SERIAL);
	assert_int_equal(model_identity(h.sensor)->bus, MODEL_SERIAL);
	assert_int_equal(h.lost_frames, 0);
	assert_true(h.samples > 59000);
	assert_true(h.temperatures >= 28);
	assert_true(motor_on(&h));
	model_set_baud(h.pen, 9600);
	host_ask(&h, "*IDN?\n", answer, sizeof(answer));
	assert_null(strstr(answer, "penrig"));
	model_set_baud(h.pen, 115200);
	host_ask(&h, "\n", answer, sizeof(answer));
	assert_true(host_ask(&h, "*IDN?\n", answer, sizeof(answer)) > 0);
	assert_non_null(strstr(answer, "PEN-GOOD-01"));
	host_close(&h);
}

static void test_line_too_slow_is_refused(void **state)
{
	const struct world_config config = {.seed = 1, .bench_path = "fixtures/benches/virtual-serial.json"};
	double rate_hz = 200000;
	uint8_t body[12] = {0};
	struct host h;

	(void)state;
	memcpy(body + 4, &rate_hz, 8);
	host_open(&h, &config);
	assert_true(host_request(&h, 7, body, sizeof(body)));
	assert_int_equal(h.reply[4], 3);
	rate_hz = 12345;
	memcpy(body + 4, &rate_hz, 8);
	assert_true(host_request(&h, 7, body, sizeof(body)));
	assert_int_equal(h.reply[4], 2);
	host_close(&h);
}

static void test_transfers_end_every_5_ms(void **state)
{
	static const double rates_hz[] = {500, 10000, 20000, 100000, 200000};

	(void)state;
	for (size_t i = 0; i < sizeof(rates_hz) / sizeof(rates_hz[0]); i++) {
		const struct world_config config = {.seed = 1};
		struct host h;

		host_open(&h, &config);
		h.slice_ns = 250000;
		host_start_sensor(&h, rates_hz[i]);
		h.longest_open_ns = 0;
		host_until(&h, 0.5, false);
		assert_true(h.longest_open_ns <= 5500000);
		assert_true(fabs((double)h.samples - rates_hz[i] * 0.5) < rates_hz[i] * 0.02 + 5);
		assert_int_equal(h.lost_frames, 0);
		host_close(&h);
	}
}

/* ---- speed: printed, never judged ----------------------------------------------------------------------------------
 */

static void test_throughput(void **state)
{
	const struct world_config config = {.seed = 1};
	struct host h;
	clock_t begun;
	double cpu_s;

	(void)state;
	host_open(&h, &config);
	h.slice_ns = 5000000;
	host_start_sensor(&h, 10000);
	host_run_pen(&h, 150, 1);
	begun = clock();
	host_until(&h, 60, true);
	cpu_s = (double)(clock() - begun) / CLOCKS_PER_SEC;
	print_message("one minute at 10 kS/s in %.2f s: %.0f ns a sample\n", cpu_s, cpu_s * 1e9 / (double)h.samples);
	assert_true(h.samples > 590000);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strokes_are_where_the_truth_says),
		cmocka_unit_test(test_duty_grows_with_depth),
		cmocka_unit_test(test_still_before_and_after),
		cmocka_unit_test(test_deadman_trips_in_time),
		cmocka_unit_test(test_same_whatever_the_slices),
		cmocka_unit_test(test_streams_stay_what_they_are),
		cmocka_unit_test(test_pen_faults),
		cmocka_unit_test(test_reboot_forgets),
		cmocka_unit_test(test_pressed_starts),
		cmocka_unit_test(test_silent_pen_is_stopped_by_its_deadman),
		cmocka_unit_test(test_unplug_and_replug),
		cmocka_unit_test(test_sensor_faults),
		cmocka_unit_test(test_wire_faults),
		cmocka_unit_test(test_missed_strokes),
		cmocka_unit_test(test_fault_specs_refused),
		cmocka_unit_test(test_serial_bench),
		cmocka_unit_test(test_line_too_slow_is_refused),
		cmocka_unit_test(test_transfers_end_every_5_ms),
		cmocka_unit_test(test_throughput),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
