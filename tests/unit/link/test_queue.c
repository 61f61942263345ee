/* The write queue: order, bounds, deadlines, reports that change the queue they come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/link/queue.h"

static char told[256];
static struct link_queue queue, finished;

static void tell(void *ctx, int status)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%s:%d ", (const char *)ctx, status);
}

static void tell_and_add(void *ctx, int status)
{
	tell(ctx, status);
	assert_int_equal(link_queue_add(&queue, (const uint8_t *)"n", 1, 50, tell, (void *)"new"), 0);
}

static void tell_and_report(void *ctx, int status)
{
	tell(ctx, status);
	link_queue_report(&finished);
}

static int reset(void **state)
{
	(void)state;
	memset(told, 0, sizeof(told));
	link_queue_finish_all(&queue, 0, &finished);
	for (struct link_write *write = finished.head; write; write = write->next)
		write->done = NULL;
	link_queue_report(&finished);
	assert_int_equal(queue.bytes + finished.bytes, 0);
	return 0;
}

static void add(const char *text, uint64_t deadline_ns)
{
	assert_int_equal(link_queue_add(&queue, (const uint8_t *)text, strlen(text), deadline_ns, tell, (void *)text),
			 0);
}

static void first_in_first_out(void **state)
{
	struct link_write *write;

	(void)state;
	add("one", 10);
	add("two", 20);
	assert_int_equal(queue.bytes, 6);
	write = link_queue_take(&queue);
	assert_memory_equal(write->data, "one", 3);
	link_queue_finish(write, 0, &finished);
	add("three", 30);
	link_queue_finish(link_queue_take(&queue), -EPIPE, &finished);
	link_queue_finish(link_queue_take(&queue), 0, &finished);
	assert_null(link_queue_take(&queue));
	add("four", 40);
	assert_string_equal(told, "");
	link_queue_report(&finished);
	assert_string_equal(told, "one:0 two:-32 three:0 ");
	assert_int_equal(queue.bytes, 4);
}

static void deadlines_expire_in_any_place(void **state)
{
	(void)state;
	add("a", 30);
	add("b", 10);
	add("c", 20);
	assert_int_equal(link_queue_deadline(&queue), 10);
	link_queue_expire(&queue, 9, &finished);
	assert_null(finished.head);
	link_queue_expire(&queue, 10, &finished);
	assert_int_equal(link_queue_deadline(&queue), 20);
	link_queue_expire(&queue, 25, &finished);
	add("d", LOOP_NEVER);
	link_queue_report(&finished);
	assert_string_equal(told, "b:-110 c:-110 ");
	link_queue_expire(&queue, 1000, &finished);
	assert_int_equal(link_queue_deadline(&queue), LOOP_NEVER);
	link_queue_finish_all(&queue, -ECANCELED, &finished);
	link_queue_report(&finished);
	assert_string_equal(told, "b:-110 c:-110 a:-110 d:-125 ");
	assert_int_equal(link_queue_deadline(&queue), LOOP_NEVER);
}

static void size_is_bounded(void **state)
{
	static uint8_t much[LINK_QUEUE_BYTES + 1];

	(void)state;
	assert_int_equal(link_queue_add(&queue, much, 0, 1, NULL, NULL), -EINVAL);
	assert_int_equal(link_queue_add(&queue, much, sizeof(much), 1, NULL, NULL), -ENOBUFS);
	assert_int_equal(link_queue_add(&queue, much, LINK_QUEUE_BYTES - 1, 1, NULL, NULL), 0);
	assert_int_equal(link_queue_add(&queue, much, 2, 1, NULL, NULL), -ENOBUFS);
	assert_int_equal(link_queue_add(&queue, much, 1, 1, NULL, NULL), 0);
	assert_int_equal(link_queue_add(&queue, much, 1, 1, NULL, NULL), -ENOBUFS);
}

static void data_is_copied(void **state)
{
	uint8_t data[3] = {1, 2, 3};

	(void)state;
	assert_int_equal(link_queue_add(&queue, data, 3, 1, NULL, NULL), 0);
	data[0] = 9;
	assert_int_equal(queue.head->data[0], 1);
}

static void reports_may_add_and_nest(void **state)
{
	(void)state;
	assert_int_equal(link_queue_add(&queue, (const uint8_t *)"x", 1, 1, tell_and_add, (void *)"x"), 0);
	assert_int_equal(link_queue_add(&queue, (const uint8_t *)"y", 1, 1, tell_and_report, (void *)"y"), 0);
	assert_int_equal(link_queue_add(&queue, (const uint8_t *)"z", 1, 1, tell, (void *)"z"), 0);
	link_queue_finish_all(&queue, 0, &finished);
	link_queue_report(&finished);
	assert_string_equal(told, "x:0 y:0 z:0 ");
	assert_memory_equal(queue.head->data, "n", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_in_first_out, reset, reset),
		cmocka_unit_test_setup_teardown(deadlines_expire_in_any_place, reset, reset),
		cmocka_unit_test_setup_teardown(size_is_bounded, reset, reset),
		cmocka_unit_test_setup_teardown(data_is_copied, reset, reset),
		cmocka_unit_test_setup_teardown(reports_may_add_and_nest, reset, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
