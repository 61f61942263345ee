/* Device names: what is accepted, what is refused and with which remedy; choice of the link by scheme. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/link/name.h"

static const struct link_ops *opened;
static char opened_uri[LINK_NAME_MAX];
static struct link_settings opened_with;

static int note_open(const struct link_ops *ops, const char *uri, const struct link_wants *wants)
{
	opened = ops;
	opened_with = wants->serial;
	snprintf(opened_uri, sizeof(opened_uri), "%s", uri);
	return -ENODEV;
}

static const struct link_ops fake_usb, fake_serial, fake_odd;

#define FAKE_OPEN(name)                                                                                                \
	static int open_##name(struct loop *loop, const char *uri, const struct link_wants *wants,                     \
			       const struct link_sink *sink, struct link **ret, struct err *err)                       \
	{                                                                                                              \
		(void)loop, (void)sink, (void)ret, (void)err;                                                          \
		return note_open(&fake_##name, uri, wants);                                                            \
	}
FAKE_OPEN(usb)
FAKE_OPEN(serial)
FAKE_OPEN(odd)

static const struct link_ops fake_usb = {.name = "u", .scheme = "usb", .open = open_usb};
static const struct link_ops fake_serial = {.name = "s", .scheme = "serial", .open = open_serial};
static const struct link_ops fake_odd = {.name = "o", .scheme = "odd", .open = open_odd};
static const struct link_ops *const table[] = {&fake_usb, &fake_serial, &fake_odd, NULL};

static void good_names(void **state)
{
	static const char *const good[] = {
		"usb:1209:0001:PEN-GOOD-01",
		"usb:1209:0001:with:colons",
		"usb:port=1-2.3",
		"usb:port=12-1",
		"usb:ABCD:ef01:x",
		"serial:1209:0001:SN 7",
		"serial:port=1-2.3.4",
		"serial:by-id=usb-Maker_Pen_7-if00",
		"serial:/dev/serial/by-id/usb-x",
		"odd:anything at all",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct err err = {"untouched"};

		assert_int_equal(link_uri_check(table, good[i], &err), 0);
		assert_string_equal(err.text, "untouched");
	}
}

static void bad_names_say_what_to_write(void **state)
{
	static const struct {
		const char *uri, *says;
	} bad[] = {
		{"/dev/ttyACM0", "is not a stable name"},
		{"/dev/bus/usb/001/004", "write usb:VID:PID:SERIAL"},
		{"/dev/serial/by-id/usb-x", "write serial:/dev/serial/by-id/usb-x"},
		{"serial:/dev/ttyUSB1", "write serial:VID:PID:SERIAL"},
		{"serial:by-id=", "file's name alone"},
		{"serial:by-id=../../ttyS0", "file's name alone"},
		{"serial:by-id=..", "file's name alone"},
		{"usb:by-id=x", "write usb:VID:PID:SERIAL or usb:port=1-2.3"},
		{"usb:1209:0001", "lacks the serial number"},
		{"usb:1209:0001:", "lacks the serial number"},
		{"usb:1209:1:SN", "four hex digits"},
		{"usb:12g9:0001:SN", "four hex digits"},
		{"usb:1209:00012:SN", "four hex digits"},
		{"usb:001:004", "four hex digits"},
		{"usb:", "four hex digits"},
		{"usb:port=", "is not a USB port path"},
		{"usb:port=1", "is not a USB port path"},
		{"usb:port=1-", "is not a USB port path"},
		{"usb:port=1-2..3", "is not a USB port path"},
		{"usb:port=1-2-3", "is not a USB port path"},
		{"usb:port=1.2", "is not a USB port path"},
		{"tcp:host:1", "`penrig list`"},
		{"us", "`penrig list`"},
		{"usb", "`penrig list`"},
		{"", "`penrig list`"},
		{"odd:", "nothing stands behind the colon"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = {""};

		assert_int_equal(link_uri_check(table, bad[i].uri, &err), -EINVAL);
		if (!strstr(err.text, bad[i].says))
			fail_msg("%s: '%s' does not say '%s'", bad[i].uri, err.text, bad[i].says);
	}
}

static void overlong_names_are_refused(void **state)
{
	char uri[LINK_NAME_MAX + 40] = "usb:1209:0001:";

	(void)state;
	memset(uri + 14, 'x', LINK_NAME_MAX);
	assert_int_equal(link_uri_check(table, uri, NULL), -EINVAL);
	uri[14 + LINK_NAME_MAX - 1] = '\0';
	assert_int_equal(link_uri_check(table, uri, NULL), 0);
	memset(uri, 0, sizeof(uri));
	memcpy(uri, "usb:port=1-2", 12);
	for (size_t i = 12; i < 60; i += 2)
		memcpy(uri + i, ".1", 2);
	assert_int_equal(link_uri_check(table, uri, NULL), -EINVAL);
}

static void names_match_identities(void **state)
{
	struct link_identity id = {.vid = 0x1209, .pid = 0xab01, .serial = "SN1", .port = "1-2.3"};
	struct link_name name;

	(void)state;
	assert_int_equal(link_name_parse("usb", "1209:AB01:SN1", &name, NULL), 0);
	assert_int_equal(name.vid, 0x1209);
	assert_int_equal(name.pid, 0xab01);
	assert_true(link_name_matches(&name, &id));
	assert_int_equal(link_name_parse("usb", "1209:ab01:sn1", &name, NULL), 0);
	assert_false(link_name_matches(&name, &id));
	assert_int_equal(link_name_parse("usb", "1209:ab02:SN1", &name, NULL), 0);
	assert_false(link_name_matches(&name, &id));
	assert_int_equal(link_name_parse("usb", "port=1-2.3", &name, NULL), 0);
	assert_true(link_name_matches(&name, &id));
	assert_int_equal(link_name_parse("usb", "port=1-2", &name, NULL), 0);
	assert_false(link_name_matches(&name, &id));
}

static int try_open(const char *uri, struct link_wants wants, struct link_settings settings, struct link **ret,
		    struct err *err)
{
	const struct link_opening opening = {.table = table, .uri = uri, .wants = wants, .settings = settings};

	return link_open(&opening, ret, err);
}

static const struct link_settings unset;

static void scheme_chooses_the_link(void **state)
{
	struct link_wants both = {.usb_class = 0xff, .serial = {.baud = 115200}}, usb = {.usb_class = 0xff};
	struct link_wants serial = {.serial = {.baud = 9600}};
	struct link_wants usbtmc = {.usb_class = 0xfe, .usb_subclass = 3, .usbtmc = true};
	struct link *link = NULL;
	struct err err;

	(void)state;
	assert_int_equal(try_open("usb:1:2", both, unset, &link, &err), -ENODEV);
	assert_ptr_equal(opened, &fake_usb);
	assert_string_equal(opened_uri, "1:2");
	assert_int_equal(try_open("serial:x", both, unset, &link, &err), -ENODEV);
	assert_ptr_equal(opened, &fake_serial);
	opened = NULL;
	assert_int_equal(try_open("serial:x", usb, unset, &link, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no serial interface"));
	assert_int_equal(try_open("usb:x", serial, unset, &link, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no USB interface"));
	assert_int_equal(try_open("tcp:x", both, unset, &link, &err), -EINVAL);
	assert_int_equal(try_open("usb:x", usbtmc, unset, &link, &err), -ENOTSUP);
	assert_null(opened);
	assert_null(link);
	link_close(NULL);
}

/* What the bench says counts before what the driver says, and that before 8N1. */
static void opened_as(const struct link_settings *wanted)
{
	assert_int_equal(opened_with.baud, wanted->baud);
	assert_int_equal(opened_with.data_bits, wanted->data_bits);
	assert_int_equal(opened_with.stop_bits, wanted->stop_bits);
	assert_int_equal(opened_with.parity, wanted->parity);
	assert_int_equal(opened_with.flow, wanted->flow);
	assert_int_equal(opened_with.wait_ns, wanted->wait_ns);
}

static void settings_are_completed(void **state)
{
	const struct link_wants plain = {.serial = {.baud = 9600}};
	const struct link_wants scale = {.serial = {.baud = 1200,
						    .data_bits = 7,
						    .stop_bits = 2,
						    .parity = LINK_PARITY_ODD,
						    .flow = LINK_FLOW_XON_XOFF,
						    .wait_ns = 5}};
	const struct link_settings given = {.baud = 4800,
					    .data_bits = 6,
					    .stop_bits = 1,
					    .parity = LINK_PARITY_NONE,
					    .flow = LINK_FLOW_RTS_CTS,
					    .wait_ns = LINK_WAIT_MAX_NS};
	struct link *link = NULL;
	struct err err;

	(void)state;
	assert_int_equal(try_open("serial:x", plain, unset, &link, &err), -ENODEV);
	assert_true(opened_with.baud == 9600 && opened_with.data_bits == 8 && opened_with.stop_bits == 1 &&
		    opened_with.parity == LINK_PARITY_NONE && opened_with.flow == LINK_FLOW_NONE &&
		    opened_with.wait_ns == 0);
	assert_int_equal(try_open("serial:x", scale, unset, &link, &err), -ENODEV);
	opened_as(&scale.serial);
	assert_int_equal(try_open("serial:x", scale, given, &link, &err), -ENODEV);
	opened_as(&given);
}

static void settings_are_checked(void **state)
{
	static const struct {
		struct link_settings settings;
		const char *text; /* NULL: it is right */
	} cases[] = {
		{{.baud = LINK_BAUD_MIN}, NULL},
		{{.baud = LINK_BAUD_MAX}, NULL},
		{{.data_bits = 5}, NULL},
		{{.data_bits = 8, .stop_bits = 2}, NULL},
		{{.wait_ns = LINK_WAIT_MAX_NS}, NULL},
		{{.baud = LINK_BAUD_MIN - 1}, "serial:x: a baud rate of 299: write one from 300 to 20000000"},
		{{.baud = LINK_BAUD_MAX + 1}, "serial:x: a baud rate of 20000001: write one from 300 to 20000000"},
		{{.data_bits = 4}, "serial:x: 4 data bits: write 5 to 8"},
		{{.data_bits = 9}, "serial:x: 9 data bits: write 5 to 8"},
		{{.stop_bits = 3}, "serial:x: 3 stop bits: write 1 or 2"},
		{{.wait_ns = LINK_WAIT_MAX_NS + NS_PER_MS},
		 "serial:x: a wait of 10.001 s after opening: write at most 10 s"},
	};
	const struct link_wants wants = {.serial = {.baud = 9600}};
	struct link *link = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {""};
		opened = NULL;
		assert_int_equal(try_open("serial:x", wants, cases[i].settings, &link, &err),
				 cases[i].text ? -EINVAL : -ENODEV);
		assert_string_equal(err.text, cases[i].text ? cases[i].text : "");
		assert_int_equal(opened == NULL, cases[i].text != NULL);
	}
}

static void usb_has_no_settings(void **state)
{
	static const struct link_settings given[] = {{.baud = 9600},           {.data_bits = 8},
						     {.stop_bits = 1},         {.parity = LINK_PARITY_NONE},
						     {.flow = LINK_FLOW_NONE}, {.wait_ns = 1}};
	const struct link_wants both = {.usb_class = 0xff, .serial = {.baud = 115200}};
	struct link *link = NULL;
	struct err err;

	(void)state;
	opened = NULL;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		assert_int_equal(try_open("usb:1:2", both, given[i], &link, &err), -EINVAL);
		assert_non_null(strstr(err.text, "usb:1:2: baud rate, data bits, parity"));
		assert_null(opened);
		assert_int_equal(try_open("serial:x", both, given[i], &link, &err), -ENODEV);
		opened = NULL;
	}
}

static void binary_protocols_need_eight_bits(void **state)
{
	const struct link_wants binary = {.binary = true, .serial = {.baud = 9600}};
	const struct link_settings seven = {.data_bits = 7}, xon = {.flow = LINK_FLOW_XON_XOFF},
				   right = {.data_bits = 8, .flow = LINK_FLOW_RTS_CTS};
	struct link *link = NULL;
	struct err err;

	(void)state;
	assert_int_equal(try_open("serial:x", binary, seven, &link, &err), -EINVAL);
	assert_non_null(strstr(err.text, "every byte value"));
	assert_int_equal(try_open("serial:x", binary, xon, &link, &err), -EINVAL);
	assert_int_equal(try_open("serial:x", binary, right, &link, &err), -ENODEV);
}

static void product_table_has_unique_schemes(void **state)
{
	(void)state;
	for (int i = 0; link_table[i]; i++) {
		assert_non_null(link_table[i]->open);
		assert_non_null(link_table[i]->close);
		assert_non_null(link_table[i]->write);
		assert_non_null(link_table[i]->identity);
		assert_non_null(link_table[i]->counters);
		assert_non_null(link_table[i]->list);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(link_table[i]->scheme, link_table[k]->scheme);
	}
	assert_ptr_equal(link_table[0], &link_serial);
	assert_ptr_equal(link_table[1], &link_usb);
	assert_ptr_equal(link_table[2], &link_exec);
	assert_ptr_equal(link_table[3], &link_file);
	assert_ptr_equal(link_table[4], &link_tcp);
	assert_null(link_table[5]);
}

/* A link of a bench file and a device of a list are one, by whichever of its names. */
static void a_link_names_a_device(void **state)
{
	const struct link_identity id = {
		.uri = "serial:0403:6001:A5", .vid = 0x0403, .pid = 0x6001, .serial = "A5", .port = "1-2.3"};

	(void)state;
	assert_true(link_uri_names("serial:0403:6001:A5", "serial", &id));
	assert_true(link_uri_names("serial:port=1-2.3", "serial", &id));
	assert_false(link_uri_names("serial:0403:6001:A6", "serial", &id));
	assert_false(link_uri_names("serial:port=1-2", "serial", &id));
	assert_false(link_uri_names("usb:port=1-2.3", "serial", &id));
	assert_false(link_uri_names("serial:by-id=usb-none", "serial", &id));
	assert_false(link_uri_names("exec:tool", "exec", &id));
}

/* A child locks a file; the holder is that child, named. */
static void holder_is_found_by_its_lock(void **state)
{
	char path[] = "/tmp/penrig-holder-XXXXXX", holder[64], expected[64];
	int fd = mkstemp(path), ready[2], done[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(done), 0);
	link_holder(path, holder, sizeof(holder));
	assert_string_equal(holder, "");
	pid = fork();
	if (pid == 0) {
		fd = open(path, O_RDWR);
		close(done[1]);
		if (fd < 0 || flock(fd, LOCK_EX) || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(done[0], &byte, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	link_holder(path, holder, sizeof(holder));
	snprintf(expected, sizeof(expected), "(pid %d)", pid);
	assert_non_null(strstr(holder, expected));
	assert_non_null(strstr(holder, "test_names"));
	close(done[1]);
	waitpid(pid, NULL, 0);
	link_holder(path, holder, sizeof(holder));
	assert_string_equal(holder, "");
	unlink(path);
	close(ready[0]);
	close(ready[1]);
	close(done[0]);
}

/* What no list can show is not missing because no list has it. */
static void some_links_are_in_no_list(void **state)
{
	(void)state;
	assert_true(link_uri_is_listed(link_table, "serial:0403:6001:A5"));
	assert_true(link_uri_is_listed(link_table, "usb:1209:0001:PEN-1"));
	assert_false(link_uri_is_listed(link_table, "tcp:192.0.2.7"));
	assert_false(link_uri_is_listed(link_table, "file:/tmp/samples"));
	assert_false(link_uri_is_listed(link_table, "smoke:signals"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names),
		cmocka_unit_test(bad_names_say_what_to_write),
		cmocka_unit_test(overlong_names_are_refused),
		cmocka_unit_test(names_match_identities),
		cmocka_unit_test(scheme_chooses_the_link),
		cmocka_unit_test(some_links_are_in_no_list),
		cmocka_unit_test(settings_are_completed),
		cmocka_unit_test(settings_are_checked),
		cmocka_unit_test(usb_has_no_settings),
		cmocka_unit_test(binary_protocols_need_eight_bits),
		cmocka_unit_test(product_table_has_unique_schemes),
		cmocka_unit_test(a_link_names_a_device),
		cmocka_unit_test(holder_is_found_by_its_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
