/* What is found of a device's node, in fabricated /sys, /dev and /etc: every finding with the command that mends it, and none
 * where all is in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/system/port.h"

static char root[64];
static struct diagnoses found;
static const struct system_user user = {.known = true, .uid = 1000, .gid = {1000, 20}, .gids = 2};

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

#define shell(format, a, b)                                                                                            \
	do {                                                                                                           \
		char command_[1024];                                                                                   \
		snprintf(command_, sizeof(command_), format, root, a, b);                                              \
		run(command_);                                                                                         \
	} while (0)

static void put(const char *path, const char *text)
{
	shell("mkdir -p \"$(dirname '%1$s%2$s')\" && printf '%%s\\n' '%3$s' > '%1$s%2$s'", path, text);
}

static void point(const char *path, const char *target)
{
	shell("mkdir -p \"$(dirname '%1$s%2$s')\" && ln -sfn '%3$s' '%1$s%2$s'", path, target);
}

#define USB "/sys/devices/pci0/usb1/1-2"

/* An FTDI adapter at ttyUSB0, and a USBTMC pen at bus 1, address 4. */
static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/penrig-port-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	found = (struct diagnoses){0};
	put(USB "/idVendor", "0403");
	put(USB "/idProduct", "6001");
	put(USB "/busnum", "1");
	put(USB "/devnum", "3");
	put(USB "/speed", "12");
	put(USB "/power/control", "auto");
	put(USB "/1-2:1.0/ttyUSB0/latency_timer", "16");
	point(USB "/1-2:1.0/ttyUSB0/driver", "../../../../../../bus/usb-serial/drivers/ftdi_sio");
	shell("mkdir -p '%1$s/sys/class/tty/ttyUSB0' && ln -s '%1$s%2$s' '%1$s/sys/class/tty/ttyUSB0/device'%3$s",
	      USB "/1-2:1.0/ttyUSB0", "");
	put("/sys/devices/pci0/usb1/1-3/idVendor", "1209");
	put("/sys/devices/pci0/usb1/1-3/idProduct", "0001");
	put("/sys/devices/pci0/usb1/1-3/busnum", "1");
	put("/sys/devices/pci0/usb1/1-3/devnum", "4");
	put("/sys/devices/pci0/usb1/1-3/speed", "1.5");
	put("/sys/devices/pci0/usb1/1-3/power/control", "on");
	point("/sys/devices/pci0/usb1/1-3/1-3:1.0/driver", "../../../../../../bus/usb/drivers/usbtmc");
	point("/sys/bus/usb/devices/1-2", "../../../devices/pci0/usb1/1-2");
	point("/sys/bus/usb/devices/1-3", "../../../devices/pci0/usb1/1-3");
	put("/dev/ttyUSB0", "");
	put("/dev/bus/usb/001/004", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shell("rm -rf '%1$s'%2$s%3$s", "", "");
	return 0;
}

/* Mode and group of a node; its owner is whoever runs the test, so the user that asks is another. */
static struct system_port read_node(const char *node, const char *mode)
{
	struct system_port port;

	shell("chmod %3$s '%1$s%2$s'", node, mode);
	system_port_read(root, node, &user, &port);
	return port;
}

static const struct diagnosis *finding(const char *check)
{
	for (unsigned i = 0; i < found.count; i++)
		if (strcmp(found.finding[i].check, check) == 0)
			return &found.finding[i];
	fail_msg("nothing is said of %s", check);
	abort();
}

static void assert_found(const char *check, enum diagnosis_state state, const char *text, const char *remedy)
{
	const struct diagnosis *f = finding(check);

	assert_int_equal(f->state, state);
	if (!strstr(f->text, text) || !strstr(f->remedy, remedy))
		fail_msg("%s: \"%s\", mend: \"%s\"", check, f->text, f->remedy);
	assert_int_equal(!f->remedy[0], !*remedy);
	assert_string_equal(f->subject, "pen");
}

static void test_adapter(void **state)
{
	struct system_port port = read_node("/dev/ttyUSB0", "0666");

	(void)state;
	assert_string_equal(port.kernel_driver, "ftdi_sio");
	assert_string_equal(port.vid, "0403");
	assert_string_equal(port.pid, "6001");
	assert_int_equal(port.latency_ms, 16);
	assert_int_equal(port.speed_mbit, 12);
	assert_true(port.there && port.readable && port.sleeps);
	system_port_check(root, &port, "pen", "", &found);
	assert_found("permission", DIAGNOSIS_GOOD, "/dev/ttyUSB0", "");
	assert_found("holder", DIAGNOSIS_GOOD, "nobody", "");
	assert_found("kernel driver", DIAGNOSIS_GOOD, "ftdi_sio", "");
	assert_found("latency timer", DIAGNOSIS_WARNING, "16 ms",
		     "echo 1 | sudo tee /sys/class/tty/ttyUSB0/device/latency_timer");
	assert_found("autosuspend", DIAGNOSIS_WARNING, "sleep", "echo on | sudo tee " USB "/power/control");
	assert_int_equal(diagnoses_worst(&found), DIAGNOSIS_WARNING);
}

static void test_adapter_in_order(void **state)
{
	(void)state;
	put(USB "/power/control", "on");
	put(USB "/1-2:1.0/ttyUSB0/latency_timer", "1");
	struct system_port port = read_node("/dev/ttyUSB0", "0666");
	system_port_check(root, &port, "pen", "", &found);
	assert_found("latency timer", DIAGNOSIS_GOOD, "1 ms", "");
	assert_found("autosuspend", DIAGNOSIS_GOOD, "awake", "");
	assert_int_equal(diagnoses_worst(&found), DIAGNOSIS_GOOD);
}

static void test_usb_device(void **state)
{
	struct system_port port = read_node("/dev/bus/usb/001/004", "0600");

	(void)state;
	assert_string_equal(port.kernel_driver, "usbtmc");
	assert_string_equal(port.vid, "1209");
	assert_false(port.readable || port.sleeps);
	assert_int_equal(port.latency_ms, -1);
	system_port_check(root, &port, "pen", "python3 (pid 412)", &found);
	assert_found("permission", DIAGNOSIS_FAULT, "no permission",
		     "'SUBSYSTEM==\"usb\", ATTR{idVendor}==\"1209\", ATTR{idProduct}==\"0001\", MODE=\"0660\", "
		     "GROUP=\"penrig\"");
	assert_found("holder", DIAGNOSIS_FAULT, "held by python3", "ps -fp 412");
	assert_found("hub speed", DIAGNOSIS_WARNING, "1 Mbit/s", "socket");
	assert_int_equal(diagnoses_worst(&found), DIAGNOSIS_FAULT);
}

static void test_modem_manager_holds(void **state)
{
	struct system_port port = read_node("/dev/ttyUSB0", "0666");

	(void)state;
	system_port_check(root, &port, "pen", "ModemManager (pid 7)", &found);
	assert_found("holder", DIAGNOSIS_FAULT, "ModemManager", "sudo systemctl stop ModemManager");
}

/* The owner's bits are the owner's, the group's its members', and nobody gets two. */
static void test_permission(void **state)
{
	static const struct {
		const char *mode;
		uid_t uid;
		gid_t gid;
		bool may;
	} rows[] = {
		{"0600", 0, 77, true},    {"0660", 1000, 77, false}, {"0660", 1000, 0, true},  {"0640", 1000, 0, false},
		{"0606", 1000, 0, false}, {"0606", 1000, 77, true},  {"0620", 1000, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct system_user who = {.known = true, .uid = rows[i].uid, .gid = {rows[i].gid}, .gids = 1};
		struct system_port port;
		struct stat st;
		char path[128];
		snprintf(path, sizeof(path), "%s/dev/ttyUSB0", root);
		assert_int_equal(stat(path, &st), 0);
		if (who.gid[0] == 0)
			who.gid[0] = st.st_gid;
		if (who.gid[0] == 77 && st.st_gid == 77)
			continue;
		if (who.uid == 1000 && st.st_uid == 1000)
			who.uid = 1001;
		shell("chmod %3$s '%1$s%2$s'", "/dev/ttyUSB0", rows[i].mode);
		system_port_read(root, "/dev/ttyUSB0", &who, &port);
		if (port.readable != rows[i].may)
			fail_msg("mode %s, user %u, group %u", rows[i].mode, who.uid, who.gid[0]);
	}
}

static void test_not_there(void **state)
{
	struct system_port port;

	(void)state;
	system_port_read(root, "/dev/ttyUSB9", &user, &port);
	assert_false(port.there);
	system_port_check(root, &port, "pen", "", &found);
	assert_found("permission", DIAGNOSIS_UNKNOWN, "/dev/ttyUSB9", "");
	assert_int_equal(found.count, 1);
}

static void test_modem_rule(void **state)
{
	(void)state;
	assert_false(system_modem_rule(root, "0403"));
	put("/usr/lib/udev/rules.d/77-mm.rules", "# ATTR{idVendor}==\"0403\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"");
	assert_false(system_modem_rule(root, "0403"));
	put("/etc/udev/rules.d/71-penrig-local.rules", "ATTR{idVendor}==\"0403\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"");
	assert_true(system_modem_rule(root, "0403"));
	assert_false(system_modem_rule(root, "1209"));
	put("/usr/local/lib/udev/rules.d/70-penrig.rules.bak",
	    "ATTR{idVendor}==\"10c4\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"");
	put("/lib/udev/rules.d/70-penrig.rules", "ATTR{idVendor}==\"1209\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"");
	assert_true(system_modem_rule(root, "1209"));
}

static char iio[256];

static void each_iio(void *ctx, const char *device, const char *name)
{
	size_t n = strlen(iio);

	(void)ctx;
	snprintf(iio + n, sizeof(iio) - n, "%s=%s ", device, name);
}

static void test_iio(void **state)
{
	(void)state;
	iio[0] = '\0';
	system_iio_list(root, each_iio, NULL);
	assert_string_equal(iio, "");
	put("/sys/bus/iio/devices/iio:device1/name", "ad7124-8");
	put("/sys/bus/iio/devices/iio:device0/name", "cros-ec");
	put("/sys/bus/iio/devices/trigger0/name", "hrtimer");
	system_iio_list(root, each_iio, NULL);
	assert_string_equal(iio, "iio:device0=cros-ec iio:device1=ad7124-8 ");
}

static void test_too_many(void **state)
{
	(void)state;
	for (int i = 0; i < DIAGNOSES_MAX; i++)
		assert_non_null(diagnosis_add(&found, DIAGNOSIS_GOOD, "x", "", "%d", i));
	assert_int_equal(diagnoses_worst(&found), DIAGNOSIS_GOOD);
	diagnosis_mend(diagnosis_add(&found, DIAGNOSIS_FAULT, "x", "", "one more"), "nothing");
	assert_int_equal(found.beyond, 1);
	assert_int_equal(diagnoses_worst(&found), DIAGNOSIS_UNKNOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_adapter),    TEST(test_adapter_in_order),
		TEST(test_usb_device), TEST(test_modem_manager_holds),
		TEST(test_permission), TEST(test_not_there),
		TEST(test_modem_rule), TEST(test_iio),
		TEST(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
