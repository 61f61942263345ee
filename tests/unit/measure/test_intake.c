/* Samples into a point: what becomes of counts, of gaps, of ends and of counts that do not change. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/point/intake.h"

#define SAMPLES_MAX 40000
#define BLOCKS      30 /* room for all of them */

struct setup {
	struct point_config config;
	struct intake intake;
	int32_t counts[2 * SAMPLES_MAX];
};

/* Counts that differ from one to the next, far from the ends. */
static void lively(struct setup *s)
{
	for (int i = 0; i < 2 * SAMPLES_MAX; i++)
		s->counts[i] = 100 + 7 * (i % 50) + i % 3;
}

static void open_at(struct setup *s, double fs_hz, double rate_hz, int displacement)
{
	s->config = (struct point_config){
		.fs_hz = fs_hz,
		.rate_set_hz = rate_hz,
		.force = {.scale = 0.5, .offset = -3.0, .count_lo = -1000, .count_hi = 1000},
		.displacement = {
			.position = displacement, .scale = 0.25, .offset = 1.0, .count_lo = -500, .count_hi = 500}};
	if (displacement == 0)
		s->config.force.position = 1;

	const struct grid grid = grid_of(&s->config);

	assert_int_equal(intake_init(&s->intake, &s->config, &grid, BLOCKS * (size_t)grid.block), 0);
	lively(s);
}

/* fs 10 kS/s, 100 Hz: no decimation. */
static struct setup *start(int displacement)
{
	struct setup *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	open_at(s, 10000.0, 100.0, displacement);
	return s;
}

static void finish(struct setup *s)
{
	intake_release(&s->intake);
	free(s);
}

/* n frames of `channels` from place `from` of the counts, as if index 0 were their first. */
static void feed_flagged(struct setup *s, uint64_t from, uint32_t n, uint8_t channels, uint32_t flags)
{
	const struct sample_block block = {.channels = channels,
					   .flags = flags,
					   .frames = n,
					   .first_index = from,
					   .counts = s->counts + from % SAMPLES_MAX * channels};
	struct piecewise p = intake_begin(&s->intake, &block);

	while (intake_take(&s->intake, &p))
		assert_true(p.next <= n);
}

static void feed(struct setup *s, uint64_t from, uint32_t n)
{
	feed_flagged(s, from, n, 1, 0);
}

static void counts_become_forces(void **state)
{
	struct setup *s = start(-1);

	(void)state;
	feed(s, 5000, 700);
	assert_int_equal(s->intake.axis.origin, 5000);
	assert_int_equal(s->intake.next_index, 5700);
	assert_int_equal(s->intake.end, 700);

	struct stretch held = intake_stretch(&s->intake);

	assert_ptr_equal(held.raw, held.force);
	assert_null(held.displacement);
	for (unsigned i = 0; i < 700; i++)
		check_near((double)held.raw[i], -3.0 + 0.5 * s->counts[5000 + i], 1e-4);
	finish(s);
}

/* 20 kS/s at 2 Hz: means of three, whatever the cuts; a group that is not full waits. */
static void groups_become_means(void **state)
{
	struct setup *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	open_at(s, 20000.0, 2.0, 1);
	for (unsigned from = 0; from < 1000; from += 40)
		feed_flagged(s, from, 40, 2, 0);
	assert_int_equal(s->intake.end, 333);

	struct stretch held = intake_stretch(&s->intake);

	for (unsigned i = 0; i < 333; i++) {
		const int32_t *c = s->counts + (size_t)6 * i;

		check_near((double)held.raw[i], -3.0 + 0.5 * (c[0] + c[2] + c[4]) / 3.0, 1e-4);
		check_near((double)held.displacement[i], 1.0 + 0.25 * (c[1] + c[3] + c[5]) / 3.0, 1e-4);
	}
	finish(s);
}

static void groups_of_two(void **state)
{
	struct setup *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	open_at(s, 10000.0, 2.0, -1);
	feed(s, 0, 501);
	assert_int_equal(s->intake.end, 250);
	for (unsigned i = 0; i < 250; i++)
		check_near((double)intake_stretch(&s->intake).raw[i],
			   -3.0 + 0.25 * (s->counts[2 * i] + s->counts[2 * i + 1]), 1e-4);
	finish(s);
}

static void columns_of_frames(void **state)
{
	struct setup *s = start(0); /* displacement first, force second */

	(void)state;
	feed_flagged(s, 0, 600, 2, 0);

	struct stretch held = intake_stretch(&s->intake);

	for (unsigned i = 0; i < 600; i++) {
		check_near((double)held.raw[i], -3.0 + 0.5 * s->counts[2 * i + 1], 1e-4);
		check_near((double)held.displacement[i], 1.0 + 0.25 * s->counts[2 * i], 1e-4);
	}
	finish(s);
}

static void ends_of_the_converter(void **state)
{
	const struct {
		int32_t count;
		bool saturated;
	} rows[] = {{999, false}, {1000, true}, {1001, true}, {-999, false}, {-1000, true}, {-1001, true}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct setup *s = start(-1);

		assert_int_equal(intake_phase(&s->intake, POINT_MEASURE, 300), 0);
		s->counts[450] = rows[i].count;
		feed(s, 0, 400);
		assert_false(s->intake.quality[POINT_MEASURE].saturated);
		feed(s, 400, 400);
		assert_int_equal(s->intake.quality[POINT_MEASURE].saturated, rows[i].saturated);
		assert_false(s->intake.quality[POINT_TARE].saturated);
		finish(s);
	}
}

/* The phases part between two samples of a piece, and so do their ends. */
static void ends_beside_a_phase(void **state)
{
	(void)state;
	for (unsigned at = 299; at <= 300; at++) {
		struct setup *s = start(-1);

		assert_int_equal(intake_phase(&s->intake, POINT_MEASURE, 300), 0);
		s->counts[at] = 1000;
		feed(s, 0, 800);
		assert_int_equal(s->intake.quality[POINT_TARE].saturated, at == 299);
		assert_int_equal(s->intake.quality[POINT_MEASURE].saturated, at == 300);
		finish(s);
	}
}

/* A flag speaks for its whole block, so for every phase that the block touches. */
static void flags_of_blocks(void **state)
{
	(void)state;
	for (unsigned flag = 1; flag <= SAMPLE_OVER_RANGE; flag <<= 1) {
		struct setup *s = start(-1);

		assert_int_equal(intake_phase(&s->intake, POINT_SPIN_UP, 100), 0);
		assert_int_equal(intake_phase(&s->intake, POINT_MEASURE, 200), 0);
		assert_int_equal(intake_phase(&s->intake, POINT_COAST, 300), 0);
		feed(s, 0, 100);
		feed_flagged(s, 100, 101, 1, flag);
		feed(s, 201, 200);
		for (unsigned i = 0; i < POINT_PHASES; i++) {
			bool touched = i == POINT_SPIN_UP || i == POINT_MEASURE;

			assert_int_equal(s->intake.quality[i].gap, touched && flag == SAMPLE_GAP);
			assert_int_equal(s->intake.quality[i].saturated, touched && flag != SAMPLE_GAP);
		}
		finish(s);
	}
}

static void samples_of_each_phase(void **state)
{
	struct setup *s = start(-1);

	(void)state;
	assert_int_equal(intake_phase(&s->intake, POINT_TARE, 0), 0);
	assert_int_equal(intake_phase(&s->intake, POINT_MEASURE, 130), 0);
	feed(s, 0, 500);
	assert_int_equal(s->intake.phase, POINT_MEASURE);
	assert_int_equal(intake_phase(&s->intake, POINT_COAST, 499), -EINVAL);
	assert_int_equal(intake_phase(&s->intake, POINT_COAST, 500), 0);
	feed(s, 500, 1);
	assert_int_equal(s->intake.phase, POINT_COAST);
	assert_int_equal(s->intake.quality[POINT_TARE].samples, 130);
	assert_int_equal(s->intake.quality[POINT_SPIN_UP].samples, 0);
	assert_int_equal(s->intake.quality[POINT_MEASURE].samples, 370);
	assert_int_equal(s->intake.quality[POINT_COAST].samples, 1);
	finish(s);
}

/* `equal` counts in a row from `at` on, fed in blocks of `cut`; whether the phase of index 4000 on is stuck. */
static bool stands_still(double fs_hz, unsigned at, unsigned equal, uint32_t cut, bool *ret_before)
{
	struct setup *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	open_at(s, fs_hz, fs_hz / 100.0, -1);
	assert_int_equal(intake_phase(&s->intake, POINT_TARE, 0), 0);
	assert_int_equal(intake_phase(&s->intake, POINT_MEASURE, 4000), 0);
	for (unsigned i = at; i < at + equal; i++)
		s->counts[i] = 777;
	for (uint32_t from = 0; from < 9000; from += cut)
		feed(s, from, from + cut < 9000 ? cut : 9000 - from);

	bool stuck = s->intake.quality[POINT_MEASURE].stuck;

	*ret_before = s->intake.quality[POINT_TARE].stuck;
	finish(s);
	return stuck;
}

/* 50 ms without a change: 500 counts like the one before them at 10 kS/s, 50 at 1 kS/s. */
static void counts_that_stand_still(void **state)
{
	const uint32_t cuts[] = {9000, 256, 100, 33};
	bool before;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(stands_still(10000.0, 6000, 501, cuts[i], &before));
		assert_false(before);
		assert_false(stands_still(10000.0, 6000, 500, cuts[i], &before));
		assert_true(stands_still(1000.0, 6000, 51, cuts[i], &before));
		assert_false(stands_still(1000.0, 6000, 50, cuts[i], &before));
		/* Known at its end alone; it began in the tare. */
		assert_true(stands_still(10000.0, 3990, 501, cuts[i], &before));
		assert_true(before);
		assert_false(stands_still(10000.0, 3400, 501, cuts[i], &before));
		assert_true(before);
		/* Two stretches that one other count parts are none. */
		assert_false(stands_still(10000.0, 5600, 400, cuts[i], &before));
	}
}

static void two_stretches_apart(void **state)
{
	struct setup *s = start(-1);

	(void)state;
	for (unsigned i = 1000; i < 1900; i++)
		s->counts[i] = i == 1450 ? 778 : 777;
	feed(s, 0, 3000);
	assert_false(s->intake.quality[POINT_TARE].stuck);
	finish(s);
}

/* Gap after gap, each of which could be bridged: 10 minutes of them are, and then the axis skips. */
static void gaps_without_end_are_skipped(void **state)
{
	struct setup *s = start(-1);
	const uint32_t apart = 90000, rows = 10, gaps = 80;

	(void)state;
	for (uint64_t i = 0; i <= gaps; i++) {
		const struct sample_block block = {
			.channels = 1, .frames = rows, .first_index = i * apart, .counts = s->counts};
		struct piecewise p = intake_begin(&s->intake, &block);

		while (intake_take(&s->intake, &p))
			intake_drop(&s->intake, s->intake.end / s->intake.grid.block * s->intake.grid.block);
	}
	assert_int_equal(s->intake.end, 600 * 10000 + (gaps + 1) * rows);
	assert_int_equal(s->intake.axis.origin, gaps * apart + rows - s->intake.end);
	for (unsigned i = 0; i < POINT_PHASES; i++)
		assert_true(s->intake.quality[i].gap);
	finish(s);
}

/* Missing samples hold the last value; a gap is no stand-still, however long. */
static void gaps_are_bridged(void **state)
{
	struct setup *s = start(1);

	(void)state;
	assert_int_equal(intake_phase(&s->intake, POINT_SPIN_UP, 400), 0);
	assert_int_equal(intake_phase(&s->intake, POINT_MEASURE, 900), 0);
	assert_int_equal(intake_phase(&s->intake, POINT_COAST, 2000), 0);
	feed_flagged(s, 0, 300, 2, 0);
	feed_flagged(s, 1000, 100, 2, 0);

	struct stretch held = intake_stretch(&s->intake);

	assert_int_equal(s->intake.end, 1100);
	assert_int_equal(s->intake.axis.origin, 0);
	for (unsigned i = 300; i < 1000; i++) {
		check_near((double)held.raw[i], -3.0 + 0.5 * s->counts[2 * 299], 1e-4);
		check_near((double)held.displacement[i], 0.0, 0.0);
	}
	check_near((double)held.raw[1000], -3.0 + 0.5 * s->counts[2000], 1e-4);
	for (unsigned i = POINT_TARE; i <= POINT_MEASURE; i++)
		assert_true(s->intake.quality[i].gap);
	assert_false(s->intake.quality[POINT_COAST].gap);
	assert_false(s->intake.quality[POINT_MEASURE].stuck);
	assert_int_equal(s->intake.quality[POINT_MEASURE].samples, 100);
	finish(s);
}

/* 499 equal counts, a gap, the same count again: what was missing may have moved. */
static void a_gap_ends_a_stretch(void **state)
{
	struct setup *s = start(-1);

	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		s->counts[i] = 777;
	feed(s, 0, 450);
	feed(s, 500, 450);
	assert_false(s->intake.quality[POINT_TARE].stuck);
	finish(s);
}

static void gaps_that_are_too_long(void **state)
{
	const uint64_t most = 100000; /* 10 s */

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		struct setup *s = calloc(1, sizeof(*s));

		assert_non_null(s);
		open_at(s, 10000.0, 100.0, -1);
		feed(s, 0, 300);
		feed(s, 300 + most + over, 10);
		assert_int_equal(s->intake.end, 310 + most);
		assert_int_equal(s->intake.axis.origin, over);
		assert_int_equal(s->intake.next_index, 310 + most + over);
		assert_int_equal(s->intake.quality[POINT_REST].gap, over);
		finish(s);
	}
}

/* The axis skips whole groups, so that their means stay means of neighbours. */
static void long_gaps_and_groups(void **state)
{
	struct setup *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	open_at(s, 20000.0, 2.0, -1);
	feed(s, 0, 300);
	feed(s, 1000300, 3); /* 200 000 fit into 10 s: 66 666 groups */
	assert_int_equal(s->intake.end, 100 + 66666 + 1);
	assert_int_equal(s->intake.axis.origin, 1000000 - 3 * 66666);
	finish(s);
}

static void what_was_there_before(void **state)
{
	struct setup *s = start(-1);

	(void)state;
	feed(s, 0, 300);
	s->counts[250] = 1000;
	feed_flagged(s, 200, 100, 1, SAMPLE_GAP); /* all of it */
	assert_int_equal(s->intake.end, 300);
	assert_false(s->intake.quality[POINT_TARE].gap);
	feed(s, 200, 150); /* 50 more */
	assert_int_equal(s->intake.end, 350);
	assert_int_equal(s->intake.next_index, 350);
	assert_false(s->intake.quality[POINT_TARE].saturated);
	assert_int_equal(s->intake.quality[POINT_TARE].samples, 350);
	check_near((double)intake_stretch(&s->intake).raw[300], -3.0 + 0.5 * s->counts[300], 1e-4);
	finish(s);
}

/* The displacement's own ends and stand-still; at an end or still outside the window it is somebody else's business. */
static void displacement_has_its_own_quality(void **state)
{
	const struct {
		int32_t count, lo, hi;
		bool ended;
	} rows[] = {
		{499, -500, 500, false},  {500, -500, 500, true}, {-500, -500, 500, true},
		{-499, -500, 500, false}, {500, 0, 0, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct setup *s = start(1);

		s->config.displacement.count_lo = rows[i].lo;
		s->config.displacement.count_hi = rows[i].hi;
		for (unsigned k = 0; k < SAMPLES_MAX; k++)
			s->counts[2 * k + 1] = (int32_t)(k % 17);
		s->counts[2 * 333 + 1] = rows[i].count;
		feed_flagged(s, 0, 1000, 2, 0);
		assert_int_equal(s->intake.quality[POINT_TARE].displacement_ended, rows[i].ended);
		assert_false(s->intake.quality[POINT_TARE].saturated);
		for (unsigned k = 1000; k < 1500 + (i & 1); k++)
			s->counts[2 * k + 1] = 99;
		feed_flagged(s, 1000, 1000, 2, 0);
		assert_int_equal(s->intake.quality[POINT_TARE].displacement_stuck, i & 1);
		assert_false(s->intake.quality[POINT_TARE].stuck);
		finish(s);
	}
}

static void newest_samples(void **state)
{
	struct setup *s = start(-1);
	double mean, rms;

	(void)state;
	intake_newest(&s->intake, 100, &mean, &rms);
	assert_true(isnan(mean) && isnan(rms));
	for (unsigned i = 0; i < 1000; i++)
		s->counts[i] = i < 500 ? 900 : i % 2 ? 8 : 4;
	feed(s, 0, 1000);
	intake_newest(&s->intake, 500, &mean, &rms);
	check_near(mean, 0.0, 1e-12);
	check_near(rms, 1.0, 1e-12);
	intake_newest(&s->intake, 0, &mean, &rms); /* at least one */
	check_near(mean, 1.0, 1e-12);
	check_near(rms, 0.0, 1e-12);
	intake_newest(&s->intake, 5000, &mean, &rms); /* at most all */
	check_near(mean, 0.5 * (-3.0 + 450.0), 1e-3);
	finish(s);
}

/* What is forgotten frees room at the end, and places stay what they are. */
static void old_samples_are_dropped(void **state)
{
	struct setup *s = start(1);

	(void)state;
	intake_release(&s->intake);
	s->config.cell = (struct load_cell){.hz = 2000.0, .damping = 0.05};

	const struct grid grid = grid_of(&s->config);
	long block = grid.block;

	assert_int_equal(intake_init(&s->intake, &s->config, &grid, 3 * (size_t)block + INTAKE_AHEAD), 0);
	feed_flagged(s, 0, (uint32_t)(2 * block + 100), 2, 0);
	assert_true(intake_reaches(&s->intake, 2 * block));
	assert_true(intake_reaches(&s->intake, 2 * block + 100 - (long)s->intake.inverse.reach));
	assert_false(intake_reaches(&s->intake, 2 * block + 101 - (long)s->intake.inverse.reach));
	intake_compensate(&s->intake, 2 * block);

	struct stretch held = intake_stretch(&s->intake);
	float raw = held.raw[block + 77], force = held.force[block + 77], displacement = held.displacement[block + 77];

	assert_ptr_not_equal(held.raw, held.force);
	assert_true(fabs((double)raw - (double)force) > 1e-6);
	intake_drop(&s->intake, block);
	held = intake_stretch(&s->intake);
	assert_int_equal(held.base, block);
	assert_true(held.raw[77] == raw && held.force[77] == force && held.displacement[77] == displacement);
	feed_flagged(s, (uint64_t)(2 * block + 100), (uint32_t)block, 2, 0);
	held = intake_stretch(&s->intake);
	check_near((double)held.raw[2 * block + 99], -3.0 + 0.5 * s->counts[2 * (3 * block + 99)], 1e-4);
	finish(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_become_forces),
		cmocka_unit_test(groups_become_means),
		cmocka_unit_test(groups_of_two),
		cmocka_unit_test(columns_of_frames),
		cmocka_unit_test(ends_of_the_converter),
		cmocka_unit_test(ends_beside_a_phase),
		cmocka_unit_test(flags_of_blocks),
		cmocka_unit_test(samples_of_each_phase),
		cmocka_unit_test(counts_that_stand_still),
		cmocka_unit_test(two_stretches_apart),
		cmocka_unit_test(gaps_without_end_are_skipped),
		cmocka_unit_test(gaps_are_bridged),
		cmocka_unit_test(a_gap_ends_a_stretch),
		cmocka_unit_test(gaps_that_are_too_long),
		cmocka_unit_test(long_gaps_and_groups),
		cmocka_unit_test(what_was_there_before),
		cmocka_unit_test(displacement_has_its_own_quality),
		cmocka_unit_test(newest_samples),
		cmocka_unit_test(old_samples_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
