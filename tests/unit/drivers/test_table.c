/* The driver table: unique names, every slot that a kind needs is filled, link identities match what they should. */
#include "drivers/hid-relay/device.h"
#include "fake_link.h"

static bool delivers_channels(const struct driver *driver)
{
	for (unsigned role = 0; role < ROLES_COUNT; role++)
		if (driver_serves(driver, role) && role_row(role)->channels)
			return true;
	return false;
}

static void test_slots(void **state)
{
	unsigned n = 0;

	(void)state;
	for (; driver_table[n]; n++) {
		const struct driver *driver = driver_table[n];
		assert_true(driver->name && driver->name[0] && driver->description && driver->description[0]);
		assert_null(strchr(driver->description, '\n'));
		assert_true(driver->match && driver->open && driver->close && driver->on_tick && driver->identity &&
			    driver->channels && driver->counters && driver->link);
		assert_non_null(driver->link);
		assert_true(driver->wants.usb_class || driver->wants.serial.baud || driver->wants.source ||
			    driver->wants.tcp_port);
		assert_true(!driver->described || driver->wants.source);
		assert_true(!driver->mapped || (driver->stream && !driver->described));
		assert_true(driver->roles != 0 && driver->roles < ROLE_BIT(ROLES_COUNT));
		assert_int_equal(driver_serves(driver, ROLE_PEN), driver->pen != NULL);
		assert_int_equal(driver_serves(driver, ROLE_POWER), driver->power != NULL);
		assert_int_equal(delivers_channels(driver), driver->stream != NULL);
		assert_int_equal(driver_serves(driver, ROLE_STAGE), driver->stage != NULL);
		assert_int_equal(driver_serves(driver, ROLE_IO), driver->lines != NULL);
		assert_true(!driver->lines || (driver->lines->count > 0 && driver->lines->count <= INPUT_LINES_MAX));
		assert_true(!driver->stage || (driver->stage->move && driver->stage->halt));
		assert_true(!driver->powered || driver->pen);
		if (driver->power)
			assert_true(driver->power->on && driver->power->off && driver->power->read);
		if (driver->power && driver->power->set)
			assert_true(driver->wants.serial.baud || driver->wants.usbtmc);
		if (driver->pen)
			assert_true(driver->pen->limits && driver->pen->set_rate && driver->pen->set_depth &&
				    driver->pen->run && driver->pen->stop && driver->pen->deadman &&
				    driver->pen->heartbeat && driver->pen->telemetry);
		if (driver->stream)
			assert_true(driver->stream->start && driver->stream->stop);
		for (unsigned i = 0; i < n; i++)
			assert_string_not_equal(driver_table[i]->name, driver->name);
		driver->close(NULL);
	}
	assert_int_equal(n, 20);
}

/* Every role has a name of its own that leads back to it. */
static void test_roles(void **state)
{
	enum device_role found = ROLE_IO;

	(void)state;
	for (unsigned role = 0; role < ROLES_COUNT; role++) {
		const struct role_row *row = role_row(role);
		assert_true(row->name && row->name[0] && row->label && row->label[0]);
		assert_true(row->at_most > 0 && row->at_least <= row->at_most);
		assert_true(row->channels != row->verbs);
		assert_int_equal(role_find(row->name, &found), 0);
		assert_int_equal(found, role);
	}
	assert_string_equal(role_row(ROLE_LOAD_SENSOR)->name, "load_sensor");
	assert_int_equal(role_row(ROLE_LOAD_SENSOR)->at_least, 1);
	assert_int_equal(role_row(ROLE_PEN)->at_least, 1);
	assert_int_equal(role_row(ROLE_DISPLACEMENT)->at_least, 0);
	found = ROLE_STAGE;
	assert_int_equal(role_find("load sensor", &found), -ENOENT);
	assert_int_equal(role_find("", &found), -ENOENT);
	assert_int_equal(found, ROLE_STAGE);
}

static void test_match(void **state)
{
	const struct {
		struct link_identity id;
		int pen, sensor;
	} cases[] = {
		{{.vid = 0x1209, .pid = 1, .usb_class = 0xFE, .usb_subclass = 3, .usb_protocol = 1}, 2, 0},
		{{.vid = 0x1209, .pid = 2, .usb_class = 0xFF, .usb_subclass = 0x50, .usb_protocol = 1}, 0, 2},
		{{.vid = 0x1209, .pid = 3}, 2, 0},
		{{.vid = 0x1209, .pid = 4, .usb_class = 2}, 0, 2},
		{{.vid = 0x0957, .pid = 0x1755, .usb_class = 0xFE, .usb_subclass = 3}, 1, 0},
		{{.vid = 0x0957, .pid = 3, .usb_class = 0xFF, .usb_subclass = 0x50, .usb_protocol = 1}, 0, 1},
		{{.vid = 0x0957, .pid = 3, .usb_class = 0xFF, .usb_subclass = 0x50, .usb_protocol = 2}, 0, 0},
		{{.vid = 0x0403, .pid = 0x6001, .usb_class = 0xFF}, 0, 0},
		{{.vid = 0x09DB, .pid = 0x00EA, .usb_class = 0xFF}, 0, 0},
		{{.vid = 0x1209, .pid = 5}, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(driver_scpi_pen.match(&cases[i].id), cases[i].pen);
		assert_int_equal(driver_load_stream.match(&cases[i].id), cases[i].sensor);
	}
}

/* Ids that many things share say nothing, and neither does the class; the texts do. */
static void test_match_by_texts(void **state)
{
	static const struct {
		const char *maker, *product;
		int relay;
	} cases[] = {
		{"www.dcttech.com", "USBRelay1", 2},    {"www.dcttech.com", "USBRelay8", 2},
		{"www.dcttech.com", "USBRelay3", 0},    {"www.dcttech.com", "USBRelay", 0},
		{"www.dcttech.com", "USBRelay16", 0},   {"www.obdev.at", "USBRelay2", 0},
		{"www.dcttech.com", "LowBudgetHID", 0}, {"", "", 0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link_identity id = {.vid = 0x16C0, .pid = 0x05DF, .usb_class = 3};
		snprintf(id.maker, sizeof(id.maker), "%s", cases[i].maker);
		snprintf(id.product, sizeof(id.product), "%s", cases[i].product);
		assert_int_equal(driver_hid_relay.match(&id), cases[i].relay);
	}
}

static void test_open_fails_cleanly(void **state)
{
	static const struct link_ops *const none[] = {NULL};

	(void)state;
	for (unsigned i = 0; driver_table[i]; i++) {
		struct device *device = (struct device *)&heard;
		struct err err = {""};
		const struct device_open open = {.links = none, .uri = "serial:by-id=TEST", .host = test_host};
		assert_true(driver_table[i]->open(&open, 1, &device, &err) < 0);
		assert_ptr_equal(device, &heard);
		assert_true(err.text[0] != '\0');
	}
	assert_int_equal(heard.ready + heard.lost, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_by_texts),
		cmocka_unit_test(test_open_fails_cleanly),
	};
	(void)fake_table;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
