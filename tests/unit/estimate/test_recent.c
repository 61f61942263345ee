/* The newest frames: all of them, in order, out of a ring; and nothing across a gap or of a spoiled block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "rig/estimate/recent.h"

#define ROOM     100
#define CHANNELS 2

static int32_t counts[4096 * CHANNELS];

static int set_up(void **state)
{
	struct recent *r = malloc(sizeof(*r));

	if (!r)
		abort();
	for (int32_t i = 0; i < 4096 * CHANNELS; i++)
		counts[i] = i;
	*state = r;
	return recent_init(r, ROOM, CHANNELS);
}

static int tear_down(void **state)
{
	recent_release(*state);
	free(*state);
	return 0;
}

/* The frame of index i holds 2 i and 2 i + 1. */
static void take(struct recent *r, uint64_t first, uint32_t frames, uint32_t flags)
{
	const struct sample_block block = {.channels = CHANNELS,
					   .frames = frames,
					   .first_index = first,
					   .flags = flags,
					   .counts = counts + first * CHANNELS};

	recent_take(r, &block);
}

static void gives(const struct recent *r, uint64_t from, uint64_t to)
{
	struct sample_block block;
	uint64_t at = from;

	while (recent_next(r, &at, &block)) {
		assert_int_equal(block.channels, CHANNELS);
		assert_int_equal(block.first_index + block.frames, at);
		for (uint32_t i = 0; i < block.frames * CHANNELS; i++)
			assert_int_equal(block.counts[i], (block.first_index * CHANNELS) + i);
	}
	assert_int_equal(at, to);
}

static void in_order_out_of_the_ring(void **state)
{
	struct recent *r = *state;

	assert_false(recent_holds(r, 0));
	for (uint64_t i = 0; i < 370; i += 37) {
		take(r, i, 37, 0);
		uint64_t end = i + 37, first = end > ROOM ? end - ROOM : 0;
		assert_true(recent_holds(r, first));
		assert_false(first > 0 && recent_holds(r, first - 1));
		assert_false(recent_holds(r, end));
		gives(r, first, end);
		gives(r, end - 5, end);
	}
}

static void more_than_there_is_room_for(void **state)
{
	struct recent *r = *state;

	take(r, 0, 1000, 0);
	assert_true(recent_holds(r, 900));
	assert_false(recent_holds(r, 899));
	gives(r, 900, 1000);
	take(r, 1000, 3, 0);
	gives(r, 903, 1003);
}

static void nothing_across_a_gap(void **state)
{
	struct recent *r = *state;

	take(r, 0, 50, 0);
	take(r, 51, 10, 0);
	assert_false(recent_holds(r, 50));
	gives(r, 51, 61);
	take(r, 61, 10, SAMPLE_GAP);
	assert_false(recent_holds(r, 60));
	gives(r, 61, 71);
}

static void nothing_of_a_spoiled_block(void **state)
{
	struct recent *r = *state;

	take(r, 0, 50, 0);
	take(r, 50, 10, SAMPLE_SATURATED);
	assert_false(recent_holds(r, 59));
	take(r, 60, 10, 0);
	assert_false(recent_holds(r, 59));
	gives(r, 60, 70);
	take(r, 70, 10, SAMPLE_OVER_RANGE);
	assert_false(recent_holds(r, 79));
	take(r, 80, 10, 0);
	take(r, 90, 10, SAMPLE_UNPAIRED); /* the bar's values in it are none, and who gets them would not know */
	assert_false(recent_holds(r, 99));
	take(r, 100, 10, 0);
	gives(r, 100, 110);
}

static void keeps_nothing_without_memory(void **state)
{
	struct recent none = {.counts = NULL};

	(void)state;
	take(&none, 0, 50, 0);
	assert_false(recent_holds(&none, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_order_out_of_the_ring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_than_there_is_room_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_across_a_gap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_of_a_spoiled_block, set_up, tear_down),
		cmocka_unit_test(keeps_nothing_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
