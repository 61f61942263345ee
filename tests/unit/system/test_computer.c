/* What is found of the computer itself. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/system/computer.h"

static struct diagnoses found;

static const struct computer good = {.clock_known = true,
				     .clock_synchronised = true,
				     .real_time = true,
				     .disk_known = true,
				     .free_bytes = UINT64_C(50) << 30,
				     .sync_ms = 4};

static void check(const struct computer *computer)
{
	found = (struct diagnoses){0};
	computer_check(computer, "/runs", &found);
}

static void assert_worst(enum diagnosis_state state, const char *text, const char *remedy)
{
	assert_int_equal(diagnoses_worst(&found), state);
	for (unsigned i = 0; i < found.count; i++)
		if (found.finding[i].state == state && strstr(found.finding[i].text, text) &&
		    strstr(found.finding[i].remedy, remedy))
			return;
	fail_msg("no finding says \"%s\" with \"%s\"", text, remedy);
}

static void test_each(void **state)
{
	struct computer c = good;

	(void)state;
	check(&c);
	assert_int_equal(diagnoses_worst(&found), DIAGNOSIS_GOOD);
	c.clock_synchronised = false;
	check(&c);
	assert_worst(DIAGNOSIS_WARNING, "no time server", "sudo timedatectl set-ntp true");
	c = good;
	c.clock_error_us = 2500000;
	check(&c);
	assert_worst(DIAGNOSIS_WARNING, "off by 2.5 s", "timedatectl");
	c = good;
	c.clock_known = false;
	check(&c);
	assert_worst(DIAGNOSIS_UNKNOWN, "does not tell", "");
	c = good;
	c.real_time = false;
	check(&c);
	assert_worst(DIAGNOSIS_WARNING, "heartbeats", "rtprio 1");
	c = good;
	c.sync_ms = 251;
	check(&c);
	assert_worst(DIAGNOSIS_WARNING, "251 ms", "--output-dir");
	c = good;
	c.free_bytes = UINT64_C(500) << 20;
	check(&c);
	assert_worst(DIAGNOSIS_WARNING, "500 MB", "penrig dispose");
	c.free_bytes = UINT64_C(10) << 20;
	check(&c);
	assert_worst(DIAGNOSIS_FAULT, "10 MB", "penrig dispose");
	c = good;
	c.sync_ms = NAN;
	c.disk_errno = EROFS;
	check(&c);
	assert_worst(DIAGNOSIS_FAULT, "Read-only", "--output-dir");
	c.disk_known = false;
	c.disk_errno = ENOENT;
	check(&c);
	assert_worst(DIAGNOSIS_FAULT, "No such file", "mkdir -p '/runs'");
}

static void test_read(void **state)
{
	char root[] = "/tmp/penrig-computer-XXXXXX", command[256];
	struct computer c;

	(void)state;
	assert_non_null(mkdtemp(root));
	computer_read(root, root, &c);
	assert_true(c.disk_known && c.sync_ms >= 0 && !c.modem_manager);
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p proc/12 proc/self && echo ModemManager >proc/self/comm && echo bash >proc/12/comm",
		 root);
	assert_int_equal(system(command), 0);
	computer_read(root, root, &c);
	assert_false(c.modem_manager);
	snprintf(command, sizeof(command), "echo ModemManager >%s/proc/12/comm", root);
	assert_int_equal(system(command), 0);
	computer_read(root, "/no/such/folder", &c);
	assert_true(c.modem_manager && !c.disk_known && c.disk_errno == ENOENT && isnan(c.sync_ms));
	snprintf(command, sizeof(command), "test -z \"$(find %s -name '.penrig*')\" && rm -r %s", root, root);
	assert_int_equal(system(command), 0); /* what was written is gone again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_each), cmocka_unit_test(test_read)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
