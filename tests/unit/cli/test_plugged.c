/* What is plugged in, from lists that the test makes: names that no two devices share, drivers, entries of bench files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/load-stream/device.h"
#include "drivers/scpi-pen/device.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/plugged.h"

static const struct link_identity adapter = {
	.uri = "serial:0403:6001:A5", .vid = 0x0403, .pid = 0x6001, .serial = "A5"};
static struct link_identity serials[3], usbs[2];
static unsigned serials_count, usbs_count;
static int serial_status;

static int list_serial(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err)
{
	for (unsigned i = 0; i < serials_count; i++)
		each(ctx, &serials[i]);
	return serial_status ? err_set(err, serial_status, "no list") : 0;
}

static int list_usb(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err)
{
	(void)err;
	for (unsigned i = 0; i < usbs_count; i++)
		each(ctx, &usbs[i]);
	return 0;
}

static const struct link_ops serial = {.name = "serial", .scheme = "serial", .list = list_serial};
static const struct link_ops usb = {.name = "usb", .scheme = "usb", .list = list_usb};
static const struct link_ops *const links[] = {&serial, &usb, NULL};
static const struct driver *const drivers[] = {&driver_scpi_pen, &driver_load_stream, NULL};
static const struct cli_tables tables = {.links = links, .drivers = drivers};

static struct plugged_list found;

static void put(struct link_identity *id, const char *port, const char *node)
{
	*id = adapter;
	strcpy(id->port, port);
	strcpy(id->node, node);
}

static void test_equal_adapters(void **state)
{
	(void)state;
	put(&serials[0], "1-2.1", "/dev/ttyUSB1");
	put(&serials[1], "1-2.2", "/dev/ttyUSB0");
	put(&serials[2], "1-3", "/dev/ttyUSB2");
	strcpy(serials[2].uri, "serial:0403:6001:A6");
	serials_count = 3;
	usbs_count = 0;
	assert_int_equal(plugged_find(&tables, &found), EXIT_PASS);
	assert_int_equal(found.count, 3);
	assert_string_equal(found.device[0].id.uri, "serial:0403:6001:A6");
	assert_string_equal(found.device[1].id.uri, "serial:port=1-2.1");
	assert_string_equal(found.device[2].id.uri, "serial:port=1-2.2");
	assert_null(found.device[1].driver);
	assert_int_equal(found.device[1].could, 3); /* both speak over serial lines */
	serials[1].port[0] = '\0';
	plugged_find(&tables, &found);
	assert_string_equal(found.device[0].id.uri, ""); /* no name is better than another's */
	serial_status = -EIO;
	assert_int_equal(plugged_find(&tables, &found), EXIT_DEVICE_LOST);
	assert_int_equal(found.count, 3);
	serial_status = 0;
}

static char *entry_of(const struct plugged *p)
{
	struct json_out *out = json_out_object();
	char *text = NULL;
	struct err err;

	if (plugged_entry(p, out))
		assert_int_equal(json_out_print(out, false, &text, &err), 0);
	json_out_free(out);
	return text;
}

static void assert_entry(const struct plugged *p, const char *want)
{
	char *text = entry_of(p);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

static void test_entries(void **state)
{
	(void)state;
	put(&serials[0], "1-2", "/dev/ttyACM0");
	serials[0].vid = 0x1209;
	serials[0].pid = 3;
	strcpy(serials[0].uri, "serial:1209:0003:SN-1");
	strcpy(serials[0].serial, "SN-1");
	put(&serials[1], "1-4", "/dev/ttyUSB0");
	serials_count = 2;
	usbs[0] = (struct link_identity){.uri = "usb:1209:0002:LC-1", .vid = 0x1209, .pid = 2, .serial = "LC-1"};
	/* A pen that another made, without a serial number: by its class, and named by its socket. */
	usbs[1] = (struct link_identity){.uri = "usb:port=1-5",
					 .vid = 0x4321,
					 .pid = 1,
					 .usb_class = 0xfe,
					 .usb_subclass = 3,
					 .usb_protocol = 1};
	usbs_count = 2;
	assert_int_equal(plugged_find(&tables, &found), EXIT_PASS);
	assert_int_equal(found.count, 4);
	assert_entry(&found.device[0], "{\"name\":\"pen\",\"roles\":[\"pen\"],\"driver\":\"scpi-pen\",\"link\":"
				       "\"serial:1209:0003:{dut}\",\"baud\":115200}");
	assert_int_equal(found.device[0].could, 1); /* certainly: no other is offered */
	assert_entry(&found.device[1],
		     "{\"name\":\"load sensor\",\"roles\":[\"load_sensor\"],\"driver\":\"load-stream\","
		     "\"link\":\"usb:1209:0002:LC-1\"}");
	assert_int_equal(found.device[2].certainty, 1);
	assert_entry(&found.device[2],
		     "{\"name\":\"pen\",\"roles\":[\"pen\"],\"driver\":\"scpi-pen\",\"link\":\"usb:port=1-5\"}");
	assert_null(entry_of(&found.device[3]));
}

static void test_too_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		put(&serials[i], "1-2", "/dev/ttyUSB0");
	serials_count = 3;
	usbs_count = 0;
	static const struct link_ops *const many[] = {
#define TEN &serial, &serial, &serial, &serial, &serial, &serial, &serial, &serial, &serial, &serial
		TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, NULL};
	struct cli_tables crowded = tables;
	crowded.links = many;
	plugged_find(&crowded, &found);
	assert_int_equal(found.count, PLUGGED_MAX);
	assert_int_equal(found.beyond, 270 - PLUGGED_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_adapters),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
