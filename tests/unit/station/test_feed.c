/* The ring of events: ids, what a page missed, what is overtaken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig/station/feed.h"

static void a_page_that_was_away(void **state)
{
	struct feed *f = feed_new(77);
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(feed_add(f, "bench", "{}"), 0);
	assert_int_equal(feed_next(f), 6);
	assert_int_equal(feed_after(f, "77-3"), 4);
	assert_int_equal(feed_after(f, "77-5"), 6); /* it missed nothing */
	assert_string_equal(feed_text(f, 4, &len), "id: 77-4\nevent: bench\ndata: {}\n\n");
	assert_int_equal(len, strlen("id: 77-4\nevent: bench\ndata: {}\n\n"));
	assert_null(feed_text(f, 6, &len));
	assert_null(feed_text(f, 0, &len));
	feed_free(f);
}

static void ids_that_are_not_ours(void **state)
{
	static const char *const ids[] = {"",
					  "76-3",
					  "77-6",
					  "77-",
					  "-3",
					  "77",
					  "77-3x",
					  "77--3",
					  "77- 3",
					  "77-+3",
					  "x-3",
					  "77-3-",
					  "77-99999999999999999999999"};
	struct feed *f = feed_new(77);
	char garbage[501];

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(feed_add(f, "bench", "{}"), 0);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (feed_after(f, ids[i]) != 0)
			fail_msg("\"%s\" is taken", ids[i]);
	memset(garbage, '7', 500);
	garbage[500] = '\0';
	assert_int_equal(feed_after(f, garbage), 0);
	assert_int_equal(feed_after(f, NULL), 0);
	feed_free(f);
}

static void what_is_overtaken(void **state)
{
	struct feed *f = feed_new(1);
	size_t len;
	char id[32];

	(void)state;
	for (int i = 0; i < FEED_EVENTS + 10; i++)
		assert_int_equal(feed_add(f, "beat", "{}"), 0);
	assert_null(feed_text(f, 10, &len));
	assert_non_null(feed_text(f, 11, &len));
	assert_int_equal(feed_after(f, "1-9"), 0); /* 10 is gone */
	snprintf(id, sizeof(id), "1-%d", FEED_EVENTS + 10);
	assert_int_equal(feed_after(f, id), feed_next(f));
	assert_int_equal(feed_after(f, "1-11"), 12);
	feed_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_that_was_away),
		cmocka_unit_test(ids_that_are_not_ours),
		cmocka_unit_test(what_is_overtaken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
