/* Stretches of strokes in a made signal, and the times of points that follow from them or from a file. */
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

#include "rig/offline/import/times.h"

#define RATE_HZ 5000.0
#define STILL_N 0.02
#define LEVEL_N 0.3

struct strokes { /* one stretch, in seconds */
	double from_s, to_s, hz, height_n;
};

static double noise(uint64_t i)
{
	uint64_t x = i * 0x9E3779B97F4A7C15u;
	x ^= x >> 29;
	x *= 0xBF58476D1CE4E5B9u;
	x ^= x >> 32;
	return ((double)(x >> 11) / 9007199254740992.0 - 0.5) * 0.004;
}

static double force_at(const struct strokes *strokes, unsigned count, double t_s)
{
	for (unsigned i = 0; i < count; i++) {
		const struct strokes *s = &strokes[i];
		double phase = fmod((t_s - s->from_s) * s->hz, 1);
		if (t_s >= s->from_s && t_s < s->to_s)
			return phase < 0.3 ? s->height_n * sin(M_PI * phase / 0.3) : 0;
	}
	return 0;
}

static struct stretches *found_in(const struct strokes *strokes, unsigned count, double length_s, double pause_s)
{
	const struct stretches_config config = {.rate_hz = RATE_HZ, .still_n = STILL_N, .pause_s = pause_s};
	struct stretches *s = NULL;
	assert_int_equal(stretches_new(&config, &s), 0);
	for (uint64_t i = 0; i < (uint64_t)(length_s * RATE_HZ); i++)
		assert_int_equal(
			stretches_feed(s, i, LEVEL_N + noise(i) + force_at(strokes, count, (double)i / RATE_HZ)), 0);
	assert_int_equal(stretches_end(s), 0);
	return s;
}

static void assert_stretch(const struct stretch *s, const struct strokes *true_)
{
	double period_s = 1 / true_->hz;
	assert_true(fabs((double)s->first / RATE_HZ - true_->from_s) < 0.003);
	assert_true(fabs((double)s->last / RATE_HZ - true_->to_s) < 0.022 + period_s);
	assert_true(fabs((double)s->pulses - (true_->to_s - true_->from_s) * true_->hz) <= 1);
	assert_true(fabs(stretch_rate_hz(s, RATE_HZ) / true_->hz - 1) < 0.005);
}

static const struct strokes sweep[] = {{1, 3, 120, 0.4}, {4, 6, 120, 1.5}, {7.5, 9.5, 60, 0.05}};

static void test_strokes_and_pauses(void **state)
{
	unsigned count;
	struct stretches *s = found_in(sweep, 3, 10, 0.15);
	const struct stretch *found = stretches_found(s, &count);
	(void)state;
	assert_int_equal(count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_stretch(&found[i], &sweep[i]);
	stretches_free(s);
}

static void test_a_pause_is_longer_than_its_bound(void **state)
{
	static const struct strokes near[] = {{1, 2, 120, 0.4}, {2.4, 3.4, 120, 0.4}};
	(void)state;
	for (unsigned wide = 0; wide < 2; wide++) {
		unsigned count;
		struct stretches *s = found_in(near, 2, 5, wide ? 0.5 : 0.3);
		(void)stretches_found(s, &count);
		assert_int_equal(count, wide ? 1 : 2);
		stretches_free(s);
	}
}

static void test_a_slow_pen_and_one_that_runs_to_the_end(void **state)
{
	static const struct strokes slow[] = {{1, 30, 2, 0.4}};
	unsigned count;
	struct stretches *s = found_in(slow, 1, 30, 1.5);
	const struct stretch *found = stretches_found(s, &count);
	(void)state;
	assert_int_equal(count, 1);
	assert_true(fabs(stretch_rate_hz(found, RATE_HZ) / 2 - 1) < 0.005);
	assert_true((double)found->last / RATE_HZ > 29);
	stretches_free(s);
}

static void test_a_quiet_signal_has_none(void **state)
{
	unsigned count;
	struct stretches *s = found_in(NULL, 0, 5, 0.15);
	(void)state;
	(void)stretches_found(s, &count);
	assert_int_equal(count, 0);
	stretches_free(s);
}

/* ---- points ---- */

static struct plan_step step = {
	.tare_s = 0.5, .settle = {.min_s = 0.4, .max_s = 0.4}, .measure = {.min_s = 1.5, .max_s = 1.5}};
static struct plan plan = {.steps = 1, .step = &step};
static struct plan_point points[3] = {{.number = 0, .depth_mm = 0.5, .rate_hz = 120},
				      {.number = 1, .depth_mm = 1, .rate_hz = 120},
				      {.number = 2, .depth_mm = 0.5, .rate_hz = 60}};

static int times_found(const struct strokes *strokes, unsigned n, unsigned count, struct point_times **ret,
		       struct err *err)
{
	unsigned stretches_count, left_out = 99;
	struct stretches *s = found_in(strokes, n, 12, point_times_pause_s(points, 3));
	const struct stretch *found = stretches_found(s, &stretches_count);
	int rc = point_times_find(found, stretches_count, RATE_HZ, &plan, points, count, "force.csv", ret, &left_out,
				  err);
	assert_true(rc || left_out == stretches_count - count);
	stretches_free(s);
	return rc;
}

static void test_times_of_each_point(void **state)
{
	struct point_times *times = NULL;
	struct err err;
	(void)state;
	assert_int_equal(times_found(sweep, 3, 3, &times, &err), 0);
	for (unsigned i = 0; i < 3; i++) {
		const struct point_times *t = &times[i];
		assert_int_equal(point_times_check(t, "x", &err), 0);
		assert_true(fabs(t->start_s - sweep[i].from_s) < 0.003);
		assert_true(t->tare_until_s < sweep[i].from_s - 0.01);
		assert_true(fabs(t->tare_until_s - t->tare_from_s - 0.5) < 1e-9);
		assert_true(fabs(t->measure_from_s - t->start_s - 0.4) < 1e-9 &&
			    fabs(t->measure_to_s - t->measure_from_s - 1.5) < 1e-9);
		assert_true(t->measure_to_s < sweep[i].to_s && (i == 0 || t->tare_from_s > sweep[i - 1].to_s));
	}
	free(times);
}

/* Nobody waited: as late as the strokes leave time for the window, never after the longest time nor before the shortest. */
static void test_where_the_plan_leaves_open_when_a_window_begins(void **state)
{
	static const struct {
		double min_s, max_s,
			settled_s; /* strokes of 2 s, of which 1.5 s are measured; the last of them are the stop's */
	} settles[] = {{0.1, 0.2, 0.2}, {0.1, 0.3, 0.3}, {0.48, 1, 0.48}};
	const struct window before = step.settle;
	struct point_times *times = NULL;
	struct err err;
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		step.settle = (struct window){.min_s = settles[i].min_s, .max_s = settles[i].max_s, .targets = 1};
		assert_int_equal(times_found(sweep, 3, 3, &times, &err), 0);
		assert_true(fabs(times[0].measure_from_s - times[0].start_s - settles[i].settled_s) < 1e-9);
		free(times);
	}
	step.settle = (struct window){.min_s = 0.1, .max_s = 1, .targets = 1};
	assert_int_equal(times_found(sweep, 3, 3, &times, &err), 0);
	assert_true(fabs(times[0].measure_to_s - times[0].measure_from_s - 1.5) < 1e-9);
	assert_true(times[0].measure_from_s - times[0].start_s > 0.4);
	free(times);
	step.settle = before;
}

static void test_handling_is_no_point(void **state)
{
	static const struct strokes handled[] = {
		{0.3, 0.4, 30, 2}, {1, 3, 120, 0.4}, {3.6, 4.2, 20, 1}, {5, 7, 120, 1}, {8, 10, 60, 0.3}};
	struct point_times *times = NULL;
	struct err err;
	(void)state;
	assert_int_equal(times_found(handled, 5, 3, &times, &err), 0);
	assert_true(fabs(times[1].start_s - 5) < 0.003);
	free(times);
}

/* What was moved just before a point is no part of its tare, though it is no point. */
static void test_a_tare_begins_behind_the_last_motion(void **state)
{
	static const struct strokes handled[] = {{1, 3, 120, 0.4}, {4.3, 4.6, 20, 1}, {5, 7, 120, 1}, {8, 10, 60, 0.3}};
	struct point_times *times = NULL;
	struct err err;
	(void)state;
	assert_int_equal(times_found(handled, 4, 3, &times, &err), 0);
	assert_true(times[1].tare_from_s > 4.6 && times[1].tare_from_s < 4.75);
	free(times);
}

static void assert_unfit(const struct strokes *strokes, unsigned n, unsigned count, const char *why)
{
	struct point_times *times = NULL;
	struct err err = {""};
	assert_int_equal(times_found(strokes, n, count, &times, &err), -EINVAL);
	assert_null(times);
	if (!strstr(err.text, why) || !strstr(err.text, "force.csv") || !strstr(err.text, "--points"))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_what_does_not_fit_is_told(void **state)
{
	static const struct strokes near[] = {{1, 3, 120, 0.4}, {3.2, 6, 120, 1}, {7, 9.5, 60, 0.3}};
	static const struct strokes brief[] = {{1, 3, 120, 0.4}, {4, 5.5, 120, 1}, {7, 9.5, 60, 0.3}};
	static const struct strokes other[] = {{1, 3, 120, 0.4}, {4, 6, 90, 1}, {7, 9.5, 60, 0.3}};
	(void)state;
	assert_unfit(sweep, 2, 3, "the plan has 3 points, the recording 2 stretches of strokes (1.00 to 3.0");
	assert_unfit(sweep, 3, 2, "the plan has 2 points, the recording 3 stretches");
	assert_unfit(sweep, 3, 2, "at 120 Hz");
	assert_unfit(sweep, 0, 1, "the plan has 1 point, the recording 0 stretches of strokes (none)");
	assert_unfit(near, 3, 3, "are quiet before it");
	assert_unfit(brief, 3, 3, "the plan wants settle_s 0.4 and measure_s 1.5");
	assert_unfit(other, 3, 3, "they come at 90");
}

/* ---- a file ---- */

static int read_text(const char *text, struct point_times **ret, struct err *err)
{
	char path[] = "/tmp/penrig-points-XXXXXX";
	int fd = mkstemp(path);
	struct json_doc *doc = NULL;
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	int rc = point_times_read(path, points, 2, ret, &doc, err);
	assert_true((rc == 0) == (doc != NULL));
	json_doc_free(doc);
	unlink(path);
	return rc;
}

#define FILE_OF(list) "{\"kind\": \"penrig/points/1\", \"points\": [" list "]}"
#define FIRST         "{\"tare_s\": [0.1, 0.6], \"start_s\": 0.7, \"measure_s\": [1, 2]}"
#define SECOND        "{\"tare_s\": [3, 3.5], \"start_s\": 3.5, \"measure_s\": [4, 5.5], \"depth_mm\": 1, \"rate_hz\": 120}"

static void test_a_file_states_the_times(void **state)
{
	struct point_times *times = NULL;
	struct err err;
	(void)state;
	assert_int_equal(read_text(FILE_OF(FIRST ",\n" SECOND), &times, &err), 0);
	assert_true(times[0].tare_from_s == 0.1 && times[0].tare_until_s == 0.6 && times[0].start_s == 0.7);
	assert_true(times[1].measure_from_s == 4 && times[1].measure_to_s == 5.5);
	free(times);
}

static void test_a_file_that_is_not_right(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{FILE_OF(FIRST), ":1:39: \"points\" lists 1; the plan has 2"},
		{FILE_OF(""), "must be a list of points"},
		{"{\"kind\": \"penrig/points/1\", \"points\": 3}", "must be a list of points"},
		{"{\"kind\": \"penrig/points/1\"}", "\"points\" is missing"},
		{"{\"kind\": \"penrig/plan/1\"}", "this is a plan file"},
		{FILE_OF(SECOND "," FIRST), "point 1 of the plan is 0.5 mm at 120 Hz"},
		{FILE_OF(FIRST "," FIRST), "its tare begins at 0.1 s, before the point above it ends at 2 s"},
		{FILE_OF("{\"tare_s\": [0.1, 0.2], \"start_s\": 0.7, \"measure_s\": [1, 2]}," SECOND),
		 "the tare take 0.2 s"},
		{FILE_OF("{\"tare_s\": [0.1, 0.6], \"start_s\": 0.5, \"measure_s\": [1, 2]}," SECOND), "must rise"},
		{FILE_OF("{\"tare_s\": [0.6, 0.1], \"start_s\": 0.7, \"measure_s\": [1, 2]}," SECOND),
		 "lower one first"},
		{FILE_OF("{\"tare_s\": [0.1, 0.6], \"start_s\": -1, \"measure_s\": [1, 2]}," SECOND), "start_s"},
		{FILE_OF("{\"tare_s\": [0.1, 0.6], \"start_s\": 0.7}," SECOND), "\"measure_s\" is missing"},
		{FILE_OF("{\"tare_s\": [0.1, 0.6], \"start\": 0.7, \"measure_s\": [1, 2]}," SECOND), "unknown key"},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct point_times *times = NULL;
		struct err err = {""};
		assert_int_equal(read_text(bad[i].text, &times, &err), -EINVAL);
		assert_null(times);
		if (!strstr(err.text, bad[i].why) || !strstr(err.text, ":1:"))
			fail_msg("\"%s\" does not say \"%s\"", err.text, bad[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strokes_and_pauses),
		cmocka_unit_test(test_a_pause_is_longer_than_its_bound),
		cmocka_unit_test(test_a_slow_pen_and_one_that_runs_to_the_end),
		cmocka_unit_test(test_a_quiet_signal_has_none),
		cmocka_unit_test(test_times_of_each_point),
		cmocka_unit_test(test_where_the_plan_leaves_open_when_a_window_begins),
		cmocka_unit_test(test_handling_is_no_point),
		cmocka_unit_test(test_a_tare_begins_behind_the_last_motion),
		cmocka_unit_test(test_what_does_not_fit_is_told),
		cmocka_unit_test(test_a_file_states_the_times),
		cmocka_unit_test(test_a_file_that_is_not_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
