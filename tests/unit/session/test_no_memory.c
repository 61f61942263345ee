/* A guard for which there is no memory: guard.c compiled with an allocator that has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void *no_memory(size_t count, size_t size)
{
	(void)count;
	(void)size;
	return NULL;
}

#define calloc no_memory
#include "rig/session/guard.c"

static void a_guard_without_memory_is_none(void **state)
{
	(void)state;
	const struct guard_config config = {.host = NULL};
	struct guard *g = (struct guard *)state;
	assert_int_equal(guard_new(&config, &g), -ENOMEM);
	assert_ptr_equal(g, state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_guard_without_memory_is_none)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
