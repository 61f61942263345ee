/* Jobs are done in order, each once, and are all done after a drain or the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig/base/worker.h"

#define JOBS 5000

struct done {
	unsigned count, out_of_order;
	uint64_t sum;
};

static void do_job(void *ctx, const void *job)
{
	struct done *done = ctx;
	const unsigned *number = job;

	done->out_of_order += *number != done->count;
	done->count++;
	done->sum += *number;
}

static void test_order(void **state)
{
	(void)state;
	for (unsigned depth = 1; depth <= 7; depth++) {
		struct done done = {.count = 0};
		struct worker *worker;

		assert_int_equal(worker_new(sizeof(unsigned), depth, do_job, &done, &worker), 0);
		worker_drain(worker); /* nothing to wait for */
		for (unsigned i = 0; i < JOBS; i++) {
			*(unsigned *)worker_slot(worker) = i;
			worker_post(worker);
			if (i % 97 == 0) {
				worker_drain(worker);
				assert_int_equal(done.count, i + 1);
			}
		}
		worker_free(worker); /* with jobs under way */
		assert_int_equal(done.count, JOBS);
		assert_int_equal(done.out_of_order, 0);
		assert_int_equal(done.sum, (uint64_t)JOBS * (JOBS - 1) / 2);
	}
	worker_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
