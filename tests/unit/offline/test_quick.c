/* A quick look at a run file: each window's samples and no others, as if the light pass had been given them directly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/offline/import/import.h"
#include "rig/offline/quick.h"
#include "tests/bench/pw1.h"
#include "tests/bench/pw1_inputs.h"

#define SAMPLES 200000u

static char folder[64], raw[96], run[96];
static int32_t counts[SAMPLES];

static int finish(void *ctx, struct record *record, struct runfile *rf, struct err *err)
{
	(void)ctx;
	return runfile_finish(rf, record, NULL, err);
}

static int write_raw(void)
{
	static int16_t x[SAMPLES];
	static struct pw1 pw1;
	struct pw1_config config = pw1_default(40.0);
	FILE *out = fopen(raw, "we");

	pw1_init(&pw1, &config, NULL, NULL);
	pw1_fill(&pw1, counts, SAMPLES);
	for (unsigned i = 0; i < SAMPLES; i++)
		x[i] = (int16_t)counts[i];
	if (!out)
		return -1;
	size_t written = fwrite(x, sizeof(x[0]), SAMPLES, out);
	return fclose(out) == 0 && written == SAMPLES ? 0 : -1;
}

static int import(void)
{
	struct pw1_inputs in = {.plan = NULL};
	struct record *record = record_new();
	struct err err = {""};
	int rc = pw1_inputs_read(SAMPLES / PW1_FS_HZ, &in, &err);

	if (rc == 0) {
		const struct point_times times = {.measure_to_s = SAMPLES / PW1_FS_HZ};
		const struct import_config config = {.path = raw,
						     .format = "i16",
						     .columns = {.scale_n = PW1_SCALE},
						     .rate_hz = PW1_FS_HZ,
						     .plan = in.plan,
						     .bench = in.bench,
						     .points = in.points,
						     .point_count = 1,
						     .times = &times};

		strcpy(record->name, "quick");
		strcpy(record->folder, folder);
		rc = record_inputs(record, in.plan, in.bench);
		if (rc == 0)
			rc = import_run(&config, record, 0, finish, NULL, &err);
	}
	if (rc)
		print_error("%s\n", err.text);
	record_free(record);
	pw1_inputs_free(&in);
	return rc;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/penrig-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(raw, sizeof(raw), "%s/quick.i16", folder);
	snprintf(run, sizeof(run), "%s/quick.penrig", folder);
	return write_raw() == 0 ? import() : -1;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(raw);
	unlink(run);
	return rmdir(folder);
}

struct seen {
	unsigned count;
	struct quick_point point[8];
};

static void on_point(void *ctx, const struct quick_point *point)
{
	struct seen *seen = ctx;

	assert_in_range(seen->count, 0, 7);
	seen->point[seen->count++] = *point;
}

static struct light_summary direct(uint64_t first, uint64_t end)
{
	const struct light_config config = {.fs_hz = PW1_FS_HZ, .rate_set_hz = 120.0, .scale = PW1_SCALE, .bits = 16};
	struct light_summary summary;
	struct light *light;

	assert_int_equal(light_new(&config, &light), 0);
	for (uint64_t i = first; i < end; i += 1000) {
		const struct sample_block block = {.channels = 1,
						   .frames = (uint32_t)(end - i < 1000 ? end - i : 1000),
						   .first_index = i,
						   .counts = counts + i};

		light_feed(light, &block);
	}
	light_finish(light, &summary);
	light_free(light);
	return summary;
}

static void set_window(struct record_point *point, uint64_t first, uint64_t coast, uint64_t end)
{
	point->phase_index[POINT_MEASURE] = first;
	point->phase_index[POINT_COAST] = coast;
	point->end_index = end;
}

static void test_windows(void **state)
{
	struct runfile_reader *reader;
	struct record *record;
	struct replay_inputs inputs;
	struct err err = {""};
	/* Inside a block of 512 and across many; touching; closed before a stop; never measured. */
	static const uint64_t window[][2] = {{1, 20001}, {20001, 60000}, {100000, 150001}, {150001, SAMPLES}};
	struct seen seen = {.count = 0};

	(void)state;
	assert_int_equal(runfile_open(run, &reader, &record, &err), 0);
	assert_int_equal(replay_inputs_read(record, &inputs, &err), 0);
	struct record_point stored = record->point[0];

	for (unsigned i = 0; i < 5; i++) {
		struct record_point *point = i ? record_add_point(record) : &record->point[0];

		assert_non_null(point);
		*point = stored;
		point->attempt = i + 1;
	}
	set_window(&record->point[0], window[0][0], window[0][1], window[0][1] + 10);
	set_window(&record->point[1], window[1][0], window[1][1], window[1][1] + 10);
	set_window(&record->point[2], UINT64_MAX, UINT64_MAX, 70000);
	set_window(&record->point[3], window[2][0], UINT64_MAX, window[2][1]);
	set_window(&record->point[4], window[3][0], window[3][1] + 5, window[3][1] + 5);
	assert_int_equal(quick_look(reader, record, &inputs, on_point, &seen, &err), 0);
	assert_int_equal(seen.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct light_summary expected = direct(window[i][0], window[i][1]);

		assert_int_equal(seen.point[i].light.samples, window[i][1] - window[i][0]);
		assert_true(expected.strokes > 40);
		assert_memory_equal(&seen.point[i].light, &expected, sizeof(expected));
		assert_true(fabs(seen.point[i].depth_mm - 1.0) < 0.005);
	}
	assert_int_equal(seen.point[2].point->attempt, 4);
	replay_inputs_free(&inputs);
	record_free(record);
	runfile_reader_free(reader);
}

static void test_no_force(void **state)
{
	struct runfile_reader *reader;
	struct record *record;
	struct replay_inputs inputs;
	struct err err = {""};
	struct seen seen = {.count = 0};

	(void)state;
	assert_int_equal(runfile_open(run, &reader, &record, &err), 0);
	assert_int_equal(replay_inputs_read(record, &inputs, &err), 0);
	record->device[0].channel[0].quantity = QUANTITY_OTHER;
	assert_int_equal(quick_look(reader, record, &inputs, on_point, &seen, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "force"));
	record->device[0].channel[0].quantity = QUANTITY_FORCE;
	record->point[0].plan.rate_hz = PW1_FS_HZ / 5.0;
	assert_int_equal(quick_look(reader, record, &inputs, on_point, &seen, &err), -EINVAL);
	assert_non_null(strstr(err.text, "samples per stroke"));
	assert_int_equal(seen.count, 0);
	replay_inputs_free(&inputs);
	record_free(record);
	runfile_reader_free(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows), cmocka_unit_test(test_no_force)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
