/* Bench and phantom files: what is read, and what each wrong key, value, date, link and curve is answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>

#include "rig/config/bench.h"
#include "rig/driver/driver.h"
#include "tests/unit/config/variant.h"

#define SENSOR_ROLES (ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_DISPLACEMENT) | ROLE_BIT(ROLE_THERMOMETER))
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))

static const char bench_text[] = "{ // a bench\n"
				 "  \"kind\": \"penrig/bench/1\",\n"
				 "  \"name\": \"b1\",\n"
				 "  \"site\": \"room 1\",\n"
				 "  \"mains_hz\": 50,\n"
				 "  \"ambient_c\": [18, 28],\n"
				 "  \"pen\": {\n"
				 "    \"driver\": \"scpi-pen\",\n"
				 "    \"link\": \"serial:1209:0003:{dut}\",\n"
				 "    \"baud\": 115200,\n"
				 "    \"rate_hz\": [30, 150],\n"
				 "    \"depth_mm\": [0, 2.5]\n"
				 "  },\n"
				 "  \"sensor\": {\n"
				 "    \"driver\": \"load-stream\",\n"
				 "    \"link\": \"usb:1209:0002:LC-1\",\n"
				 "    \"serial\": \"LC-1\",\n"
				 "    \"calibration\": {\"certificate\": \"C-1\", \"laboratory\": \"L\", \"date\": "
				 "\"2026-01-02\", \"due\": \"2027-01-02\"},\n"
				 "    \"sample_rate_hz\": 20000,\n"
				 "    \"force\": {\"u_rel\": 0.002, \"range_n\": [-10, 10]},\n"
				 "    \"cell\": {\"natural_frequency_hz\": 5000, \"damping\": 0.05},\n"
				 "    \"preload_n\": [0.1, 0.5],\n"
				 "    \"clock_ppm\": 25\n"
				 "  },\n"
				 "  \"phantoms\": [\n"
				 "    {\"file\": \"phantom.json\", \"position\": \"A1\", \"strokes_used\": 12}\n"
				 "  ]\n"
				 "}\n";

static const char phantom_text[] = "{\n"
				   "  \"kind\": \"penrig/phantom/1\",\n"
				   "  \"serial\": \"P-1\",\n"
				   "  \"material\": \"silicone\",\n"
				   "  \"calibration\": {\"certificate\": \"C-2\", \"laboratory\": \"L\", \"date\": "
				   "\"2026-01-02\", \"due\": \"2026-07-02\"},\n"
				   "  \"temperature_c\": 23,\n"
				   "  \"stroke_budget\": 1000,\n"
				   "  \"u_depth_mm\": 0.003, \"u_force_rel\": 0.004, \"u_fit_mm\": 0,\n"
				   "  \"curves\": [\n"
				   "    {\"rate_hz\": 90, \"depth_mm\": [0, 1, 2, 3], \"force_n\": [0, 0.6, 1.6, 3]},\n"
				   "    {\"rate_hz\": 150, \"depth_mm\": [0.5, 1, 2], \"force_n\": [0.2, 0.5, 1.5]}\n"
				   "  ]\n"
				   "}\n";

static int read_with(const char *find, const char *replace, struct bench **ret, struct err *err)
{
	assert_true(variant_write("phantom.json", phantom_text, "", ""));
	assert_true(variant_write("bench.json", bench_text, find, replace));
	return bench_read("bench.json", ret, err);
}

static struct bench *read_right(void)
{
	struct bench *bench = NULL;
	struct err err = {""};

	if (read_with("", "", &bench, &err))
		fail_msg("%s", err.text);
	return bench;
}

static void reads_every_value(void **state)
{
	struct bench *b = read_right();
	const struct bench_sensor *s = &b->sensor;
	const struct bench_device *pen = bench_device(b, ROLE_PEN), *d = bench_device(b, ROLE_LOAD_SENSOR);
	unsigned line, column;
	const struct phantom *p = &b->phantom[0];

	(void)state;
	assert_string_equal(b->name, "b1");
	assert_string_equal(b->site, "room 1");
	assert_true(b->mains_hz == 50 && b->ambient_lo_c == 18 && b->ambient_hi_c == 28);
	assert_string_equal(pen->driver, "scpi-pen");
	assert_string_equal(pen->link, "serial:1209:0003:{dut}");
	assert_int_equal(pen->line.baud, 115200);
	assert_true(b->pen.rate_lo_hz == 30 && b->pen.rate_hi_hz == 150);
	assert_true(b->pen.depth_lo_mm == 0 && b->pen.depth_hi_mm == 2.5);
	assert_string_equal(d->driver, "load-stream");
	assert_string_equal(d->link, "usb:1209:0002:LC-1");
	assert_string_equal(d->serial, "LC-1");
	assert_string_equal(d->calibration.certificate, "C-1");
	assert_string_equal(d->calibration.due, "2027-01-02");
	assert_true(d->rate_hz == 20000 && s->force_u_rel == 0.002);
	assert_true(s->force_range_lo_n == -10 && s->force_range_hi_n == 10);
	assert_true(s->cell_hz == 5000 && s->cell_damping == 0.05);
	assert_true(s->preload_lo_n == 0.1 && s->preload_hi_n == 0.5 && d->clock_ppm == 25);
	assert_int_equal(b->phantoms, 1);
	assert_string_equal(p->serial, "P-1");
	assert_string_equal(p->path, "phantom.json");
	assert_string_equal(p->position, "A1");
	assert_int_equal(p->strokes_used, 12);
	assert_int_equal(p->stroke_budget, 1000);
	assert_true(p->curves.u_depth_mm == 0.003 && p->curves.u_force_rel == 0.004 && p->curves.u_fit_mm == 0);
	assert_int_equal(p->curves.rates, 2);
	assert_int_equal(p->curves.at[1].points, 3);
	assert_true(p->curves.at[1].rate_hz == 150 && p->curves.at[1].depth_mm[0] == 0.5 &&
		    p->curves.at[0].force_n[3] == 3);
	assert_int_equal(bench_device_line(pen), 7);
	assert_int_equal(bench_device_line(d), 14);
	json_position(json_get(d->node, "calibration"), &line, &column);
	assert_int_equal(line, 18);
	assert_int_equal(column, 20);
	assert_int_equal(p->line, 26);
	assert_int_equal(p->column, 5);
	bench_free(b);
}

static void defaults(void **state)
{
	struct bench *b = NULL;

	(void)state;
	assert_int_equal(read_with("    \"baud\": 115200,\n", "", &b, NULL), 0);
	assert_int_equal(bench_device(b, ROLE_PEN)->line.baud, 0);
	assert_true(b->pen.carries_serial);
	assert_int_equal(b->pen.heartbeat_ms, 100);
	assert_int_equal(b->pen.deadman_ms, 500);
	assert_true(b->pen.coast_down_max_s == 0.5 && b->sensor.still_n == 0.02);
	assert_true(bench_temperature_u_k(b) == 0 && bench_displacement_u_mm(b) == 0);
	assert_true(b->sensor.temperature_coefficient_rel_per_k == 0);
	bench_free(b);
	assert_int_equal(
		read_with("    \"cell\": {\"natural_frequency_hz\": 5000, \"damping\": 0.05},\n", "", &b, NULL), 0);
	assert_true(b->sensor.cell_hz == 0);
	bench_free(b);
	assert_int_equal(read_with("    \"serial\": \"LC-1\",\n", "", &b, NULL), 0);
	assert_string_equal(bench_device(b, ROLE_LOAD_SENSOR)->serial, "");
	bench_free(b);
}

static const struct variant bench_variants[] = {
	{"penrig/bench/1", "penrig/plan/1",
	 "bench.json:2:11: this is a plan file; a bench file (\"penrig/bench/1\") is wanted here"},
	{"penrig/bench/1", "penrig/bench/2",
	 "bench.json:2:11: \"penrig/bench/2\": this program reads \"penrig/bench/1\""},
	{"penrig/bench/1", "bench", "bench.json:2:11: \"kind\" is \"bench\"; a bench file says \"penrig/bench/1\""},
	{"  \"kind\": \"penrig/bench/1\",\n", "",
	 "bench.json:1:1: \"kind\" is missing: a bench file says \"kind\": \"penrig/bench/1\""},
	{"\"mains_hz\": 50", "\"mains_hz\": 55", "bench.json:5:15: \"mains_hz\" must be 50 or 60"},
	{"\"mains_hz\"", "\"main_hz\"", "bench.json:5:3: unknown key \"main_hz\"; did you mean \"mains_hz\"?"},
	{"  \"mains_hz\": 50,\n", "", "bench.json:1:1: \"mains_hz\" is missing here"},
	{"[18, 28]", "[28, 18]", "bench.json:6:16: \"ambient_c\" goes from 28 to 18: write the lower one first"},
	{"[18, 28]", "[18]", "bench.json:6:16: \"ambient_c\" must be two numbers in degC: [lower, upper]"},
	{"[18, 28]", "[18, 82]", "bench.json:6:21: \"ambient_c\" holds 82 degC; allowed is -20 to 60 degC"},
	{"serial:1209:0003:{dut}", "serial:1209:0003:{sn}",
	 "bench.json:9:13: \"serial:1209:0003:{sn}\": only {dut}, once, may stand in braces"},
	{"serial:1209:0003:{dut}", "serial:1209:{dut}:{dut}",
	 "bench.json:9:13: \"serial:1209:{dut}:{dut}\": only {dut}, once, may stand in braces"},
	{"usb:1209:0002:LC-1", "usb:1209:0002:{dut}",
	 "bench.json:16:13: \"usb:1209:0002:{dut}\": {dut} belongs in the pen's link only"},
	{"115200", "100", "bench.json:10:13: \"baud\" is 100; allowed is 300 to 20000000"},
	{"serial:1209:0003:{dut}", "usb:1209:0001:{dut}",
	 "bench.json:10:13: \"baud\" is for serial: links, and this one is \"usb:1209:0001:{dut}\"; leave it out"},
	{"[30, 150]", "[30, 1500]", "bench.json:11:21: \"rate_hz\" holds 1500 Hz; allowed is 1 to 1000 Hz"},
	{"[0, 2.5]", "2.5", "bench.json:12:17: \"depth_mm\" must be two numbers in mm: [lower, upper]"},
	{"[0, 2.5]", "[0, 2.5], \"dead_man_ms\": 299",
	 "bench.json:12:42: a dead-man of 299 ms must outlast three heartbeats of 100 ms: at least 300 ms"},
	{"[0, 2.5]", "[0, 2.5], \"heartbeat_ms\": 200",
	 "bench.json:12:43: a dead-man of 500 ms must outlast three heartbeats of 200 ms: at least 600 ms"},
	{"2026-01-02", "2026-02-30",
	 "bench.json:18:70: \"date\" is \"2026-02-30\", no date of the calendar; write YYYY-MM-DD, as in 2026-03-31"},
	{"2027-01-02", "2025-01-02", "bench.json:18:91: due on 2025-01-02, before it was done on 2026-01-02"},
	{"\"u_rel\": 0.002", "\"u_rel\": 0", "bench.json:20:24: \"u_rel\" is 0; allowed is 1e-06 to 0.2"},
	{"[-10, 10]", "[10, -10]", "bench.json:20:42: \"range_n\" goes from 10 to -10: write the lower one first"},
	{"\"damping\": 0.05", "\"damping\": 5", "bench.json:21:55: \"damping\" is 5; allowed is 0.0001 to 1"},
	{"[0.1, 0.5]", "[0.1, 15]",
	 "bench.json:22:18: a preload of 0.1 to 15 N leaves the calibrated range of -10 to 10 N"},
	{"\"clock_ppm\": 25", "\"clock_ppm\": \"25\"",
	 "bench.json:23:18: \"clock_ppm\" must be a number in ppm: write 25 without quotes"},
	{",\n    \"clock_ppm\": 25", "", "bench.json:14:13: \"clock_ppm\" is missing here: a number in ppm"},
	{"\"phantom.json\"", "\"gone.json\"",
	 "bench.json:26:14: cannot read gone.json: No such file or directory; the name counts from the bench file's "
	 "folder"},
	{"\"strokes_used\": 12", "\"strokes_used\": -1",
	 "bench.json:26:64: \"strokes_used\" is -1 strokes; allowed is 0 to 9.007199255e+15 strokes"},
	{"12}", "12}, {\"file\": \"phantom.json\", \"position\": \"A2\", \"strokes_used\": 0}",
	 "bench.json:26:69: phantom P-1 is named twice: keep the entry of the position in use"},
	{"    {\"file\": \"phantom.json\", \"position\": \"A1\", \"strokes_used\": 12}\n", "",
	 "bench.json:25:15: \"phantoms\" must be a list of 1 to 16 objects {\"file\": ..., \"position\": ..., "
	 "\"strokes_used\": "
	 "...}; the first one is in the clamp"},
	{"\"name\": \"b1\"", "\"name\": \"\"",
	 "bench.json:3:11: \"name\" is empty; write something between the quotes"},
};

static void refuses_wrong_benches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bench_variants); i++) {
		const struct variant *v = &bench_variants[i];
		struct bench *bench = (struct bench *)&bench;
		struct err err = {""};
		int ret = read_with(v->find, v->replace, &bench, &err);
		assert_string_equal(err.text, v->message);
		assert_int_equal(ret, strstr(v->message, "cannot read") ? -ENOENT : -EINVAL);
		assert_ptr_equal(bench, &bench);
	}
}

static void link_names_are_checked(void **state)
{
	static const char *const wrong[] = {"1209:0003:{dut}", "/dev/ttyACM0", "serial:", "usb:12:0001:{dut}"};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct bench *bench = NULL;
		struct err err = {""};
		assert_int_equal(read_with("serial:1209:0003:{dut}", wrong[i], &bench, &err), -EINVAL);
		assert_memory_equal(err.text, "bench.json:9:13: ", 17);
		assert_true(strlen(err.text) > 40); /* says what to write */
	}
}

/* The right bench with a list of devices in the place of pen and sensor. */
#define BOX                                                                                                            \
	"{\"name\": \"box\", \"roles\": [\"displacement\"], \"driver\": \"load-stream\",\n"                            \
	"\"link\": \"serial:1209:0004:DB-1\", \"baud\": 230400, \"data_bits\": 7, \"parity\": \"even\", "              \
	"\"stop_bits\": 2,\n"                                                                                          \
	"\"flow_control\": \"rts_cts\", \"open_wait_ms\": 1500, \"calibration\": {\"certificate\": \"C-3\",\n"         \
	"\"laboratory\": \"L\", \"date\": \"2026-01-02\", \"due\": \"2026-12-02\"},\n"                                 \
	"\"sample_rate_hz\": 5000, \"clock_ppm\": 60, \"latency_ms\": [0.5, 2.5], \"displacement_u_mm\": 0.003}"

static const char list_text[] =
	"{\"kind\": \"penrig/bench/1\", \"name\": \"b1\", \"mains_hz\": 50, \"ambient_c\": [18, 28], \"devices\": [\n"
	"{\"name\": \"pen\", \"roles\": [\"pen\"], \"driver\": \"scpi-pen\",\n"
	"\"link\": \"serial:1209:0003:{dut}\", \"rate_hz\": [30, 150], \"depth_mm\": [0, 2.5]},\n"
	"{\"name\": \"cell\", \"roles\": [\"load_sensor\", \"thermometer\"], \"driver\": \"load-stream\",\n"
	"\"link\": \"usb:1209:0002:LC-1\", \"calibration\": {\"certificate\": \"C-1\", \"laboratory\": \"L\",\n"
	"\"date\": \"2026-01-02\", \"due\": \"2027-01-02\"}, \"sample_rate_hz\": 20000, \"clock_ppm\": 25,\n"
	"\"force\": {\"u_rel\": 0.002, \"range_n\": [-10, 10]}, \"preload_n\": [0.1, 0.5], \"temperature_u_k\": "
	"0.1, \"zero_n\": 0.31, \"u_zero_n\": 0.004, \"tare_free\": \"seen\"},\n" BOX "],\n"
	"\"phantoms\": [{\"file\": \"phantom.json\", \"position\": \"A1\", \"strokes_used\": 12}]}\n";

static int read_list_with(const char *find, const char *replace, struct bench **ret, struct err *err)
{
	assert_true(variant_write("phantom.json", phantom_text, "", ""));
	assert_true(variant_write("bench.json", list_text, find, replace));
	return bench_read("bench.json", ret, err);
}

static void reads_a_list_of_devices(void **state)
{
	struct bench *b = NULL;
	struct err err = {""};

	(void)state;
	if (read_list_with("", "", &b, &err))
		fail_msg("%s", err.text);
	assert_int_equal(b->devices, 3);
	const struct bench_device *pen = bench_device(b, ROLE_PEN), *cell = bench_device(b, ROLE_LOAD_SENSOR);
	const struct bench_device *box = bench_device(b, ROLE_DISPLACEMENT);
	assert_ptr_equal(pen, &b->device[0]);
	assert_ptr_equal(cell, &b->device[1]);
	assert_ptr_equal(cell, bench_device(b, ROLE_THERMOMETER));
	assert_ptr_equal(box, &b->device[2]);
	assert_null(bench_device(b, ROLE_TACHOMETER));
	assert_int_equal(cell->roles, ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_THERMOMETER));
	assert_string_equal(box->name, "box");
	assert_string_equal(box->calibration.certificate, "C-3");
	assert_true(b->pen.rate_hi_hz == 150 && b->pen.deadman_ms == 500 && b->pen.carries_serial);
	assert_true(b->sensor.force_u_rel == 0.002 && b->sensor.still_n == 0.02);
	assert_true(b->sensor.zero_n == 0.31 && b->sensor.u_zero_n == 0.004);
	assert_string_equal(b->sensor.tare_free, "seen");
	assert_int_equal(box->line.baud, 230400);
	assert_int_equal(box->line.data_bits, 7);
	assert_int_equal(box->line.stop_bits, 2);
	assert_int_equal(box->line.parity, LINK_PARITY_EVEN);
	assert_int_equal(box->line.flow, LINK_FLOW_RTS_CTS);
	assert_int_equal(box->line.wait_ns / NS_PER_MS, 1500);
	assert_int_equal(pen->line.parity, LINK_PARITY_UNSET);
	assert_int_equal(pen->line.flow, LINK_FLOW_UNSET);
	assert_int_equal(pen->line.stop_bits, 0);
	assert_true(box->clock_ppm == 60 && box->rate_hz == 5000);
	assert_true(box->latency_lo_ms == 0.5 && box->latency_hi_ms == 2.5);
	assert_true(cell->latency_lo_ms == 0 && cell->latency_hi_ms == 1);
	assert_true(pen->latency_hi_ms == 5);
	assert_true(bench_displacement_u_mm(b) == 0.003 && bench_temperature_u_k(b) == 0.1);
	assert_true(bench_sample_rate_hz(b) == 25000);
	assert_int_equal(bench_device_line(box), 8);
	bench_free(b);
}

static const struct variant list_variants[] = {
	{"\"roles\": [\"pen\"]", "\"roles\": [\"pin\"]",
	 "bench.json:2:27: unknown role \"pin\"; did you mean \"pen\"?"},
	{"\"roles\": [\"pen\"]", "\"roles\": [\"laser\"]",
	 "bench.json:2:27: unknown role \"laser\": a device is one of pen, power, stage, load_sensor, displacement, "
	 "thermometer, tachometer, current, reference, io"},
	{"\"roles\": [\"pen\"]", "\"roles\": \"pen\"",
	 "bench.json:2:26: each device says what it is in \"roles\", a list such as [\"pen\"] or [\"load_sensor\", "
	 "\"thermometer\"]"},
	{"\"roles\": [\"displacement\"]", "\"roles\": [\"displacement\", \"displacement\"]",
	 "bench.json:8:43: the role \"displacement\" stands here twice: leave one out"},
	{"\"roles\": [\"displacement\"]", "\"roles\": [\"displacement\", \"load_sensor\"]",
	 "bench.json:8:1: \"force\" is missing here"},
	{"\"name\": \"box\"", "\"name\": \"cell\"",
	 "bench.json:8:10: a device named \"cell\" stands at line 4 already: give each a name of its own"},
	{"serial:1209:0004:DB-1", "usb:1209:0002:DB-1",
	 "bench.json:9:39: \"baud\" is for serial: links, and this one is \"usb:1209:0002:DB-1\"; leave it out"},
	{"\"data_bits\": 7", "\"data_bits\": 9", "bench.json:9:63: \"data_bits\" is 9; allowed is 5 to 8"},
	{"\"stop_bits\": 2", "\"stop_bits\": 3", "bench.json:9:97: \"stop_bits\" is 3; allowed is 1 to 2"},
	{"\"clock_ppm\": 60, ", "", "bench.json:8:1: \"clock_ppm\" is missing here: a number in ppm"},
	{"\"temperature_u_k\": 0.1", "\"displacement_u_mm\": 0.1",
	 "bench.json:7:75: \"displacement_u_mm\" belongs to a device with the role displacement, and this one is "
	 "load_sensor, thermometer: leave it out, or add the role"},
	{", \"u_zero_n\": 0.004", "",
	 "bench.json:7:109: \"zero_n\" and \"u_zero_n\" go together: the level without contact, and its standard "
	 "uncertainty"},
	{"\"zero_n\": 0.31, ", "",
	 "bench.json:7:111: \"zero_n\" and \"u_zero_n\" go together: the level without contact, and its standard "
	 "uncertainty"},
	{"\"link\": \"usb:1209:0002:LC-1\"", "\"link\": \"serial:1209:0003:{dut}\"",
	 "bench.json:5:9: \"serial:1209:0003:{dut}\": {dut} belongs in the pen's link only"},
	{"\"devices\": [\n", "\"pen\": {}, \"devices\": [\n",
	 "bench.json:1:81: \"pen\" stands beside \"devices\": write it as an entry of that list"},
	{",\n" BOX "]", ", []]", "bench.json:7:156: each device is an object, { ... }"},
};

static void refuses_wrong_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(list_variants); i++) {
		const struct variant *v = &list_variants[i];
		struct bench *bench = NULL;
		struct err err = {""};
		assert_int_equal(read_list_with(v->find, v->replace, &bench, &err), -EINVAL);
		assert_string_equal(err.text, v->message);
	}
}

/* The short form is the list of two devices, and every device's certificate ages. */
static void both_forms_mean_the_same(void **state)
{
	struct bench *b = read_right();
	struct err err = {""};

	(void)state;
	assert_int_equal(b->devices, 2);
	assert_int_equal(bench_device(b, ROLE_LOAD_SENSOR)->roles, SENSOR_ROLES);
	assert_int_equal(bench_device(b, ROLE_PEN)->roles, ROLE_BIT(ROLE_PEN));
	bench_free(b);
	assert_int_equal(read_list_with("", "", &b, &err), 0);
	assert_int_equal(bench_check_devices_due(b, "2026-12-02", &err), 0);
	assert_int_equal(bench_check_devices_due(b, "2026-12-03", &err), -EKEYEXPIRED);
	assert_string_equal(err.text,
			    "bench.json:10:65: calibration C-3 of the displacement sensor was due on 2026-12-02, "
			    "and today is 2026-12-03: have it calibrated and write the new certificate here");
	bench_free(b);
	assert_int_equal(read_list_with("\"calibration\": {\"certificate\": \"C-3\",\n"
					"\"laboratory\": \"L\", \"date\": \"2026-01-02\", \"due\": \"2026-12-02\"},\n",
					"", &b, &err),
			 -EINVAL);
	assert_string_equal(err.text, "bench.json:10:138: \"displacement_u_mm\" comes from a certificate: write it in "
				      "\"calibration\", or 0 where there is none");
}

static const struct variant phantom_variants[] = {
	{"penrig/phantom/1", "penrig/bench/1",
	 "phantom.json:2:11: this is a bench file; a phantom file (\"penrig/phantom/1\") is wanted here"},
	{"\"serial\"", "\"seriel\"", "phantom.json:3:3: unknown key \"seriel\"; did you mean \"serial\"?"},
	{"23,", "23, \"temperature_range_c\": [24, 30],",
	 "phantom.json:6:47: \"temperature_range_c\" of 24 to 30 degC leaves out the 23 degC of the calibration "
	 "itself"},
	{"23,", "23, \"temperature_range_c\": [15, 22.5],",
	 "phantom.json:6:47: \"temperature_range_c\" of 15 to 22.5 degC leaves out the 23 degC of the calibration "
	 "itself"},
	{"23,", "23, \"temperature_range_c\": [30, 20],",
	 "phantom.json:6:47: \"temperature_range_c\" goes from 30 to 20: write the lower one first"},
	{"23,", "23, \"force_rel_per_k\": 0.01,",
	 "phantom.json:6:43: \"force_rel_per_k\" and \"u_force_rel_per_k\" belong together: write both"},
	{"23,", "23, \"u_force_rel_per_k\": 0.01,",
	 "phantom.json:6:45: \"force_rel_per_k\" and \"u_force_rel_per_k\" belong together: write both"},
	{"23,", "23, \"force_rel_per_k\": 0.2, \"u_force_rel_per_k\": 0,",
	 "phantom.json:6:43: \"force_rel_per_k\" is 0.2 1/K; allowed is -0.1 to 0.1 1/K"},
	{"1000", "0", "phantom.json:7:20: \"stroke_budget\" must be a whole number of strokes, at least 1"},
	{"1000", "1e300", "phantom.json:7:20: \"stroke_budget\" must be a whole number of strokes, at least 1"},
	{"1000", "10.5", "phantom.json:7:20: \"stroke_budget\" must be a whole number of strokes, at least 1"},
	{"0.003", "0", "phantom.json:8:17: \"u_depth_mm\" is 0 mm; allowed is 1e-06 to 1 mm"},
	{"[0, 1, 2, 3]", "[0, 1, 1, 3]",
	 "phantom.json:10:40: \"depth_mm\" must rise: 1 mm follows 1; sort the points by depth, and take out what the "
	 "phantom did "
	 "not resist"},
	{"[0, 0.6, 1.6, 3]", "[0, 0.6, 0.5, 3]",
	 "phantom.json:10:67: \"force_n\" must rise: 0.5 N follows 0.6; sort the points by depth, and take out what "
	 "the phantom "
	 "did not resist"},
	{"[0, 0.6, 1.6, 3]", "[0, 0.6, 1.6]", "phantom.json:10:58: 3 forces for 4 depths: each depth has one force"},
	{"[0, 1, 2, 3]", "[0, 1]", "phantom.json:10:33: \"depth_mm\" must be a list of 3 to 64 numbers in mm"},
	{"[0, 1, 2, 3]", "[-1, 1, 2, 3]", "phantom.json:10:34: \"depth_mm\" holds -1 mm; allowed is 0 to 20 mm"},
	{"[0, 1, 2, 3]", "[0, \"1\", 2, 3]", "phantom.json:10:37: \"depth_mm\" holds numbers in mm only"},
	{"\"rate_hz\": 150", "\"rate_hz\": 90",
	 "phantom.json:11:17: 90 Hz follows 90 Hz: order the curves by rising rate"},
	{"\"curves\": [\n", "\"curves\": [], \"x\": [\n",
	 "phantom.json:9:13: \"curves\" must be a list of 1 to 16 curves, one for each calibrated rate"},
	{"}\n  ]", "},\n  ]", "phantom.json:11:74: the comma before ] is one too many: take it away"},
};

static struct phantom phantom_with(const char *temperatures)
{
	struct bench *bench = NULL;
	struct err err = {""};
	assert_true(variant_write("bench.json", bench_text, "", ""));
	assert_true(variant_write("phantom.json", phantom_text, "\"temperature_c\": 23,", temperatures));
	assert_int_equal(bench_read("bench.json", &bench, &err), 0);
	struct phantom phantom = bench->phantom[0];
	bench_free(bench);
	return phantom;
}

static void where_a_phantom_holds(void **state)
{
	(void)state;
	struct phantom p = phantom_with("\"temperature_c\": 23,");
	assert_true(p.temperature_range_c[0] == 18 && p.temperature_range_c[1] == 28);
	assert_true(p.force_rel_per_k == 0 && p.u_force_rel_per_k == 0);
	p = phantom_with("\"temperature_range_c\": [23, 31], \"temperature_c\": 23, \"force_rel_per_k\": -0.02, "
			 "\"u_force_rel_per_k\": 0.003,");
	assert_true(p.temperature_range_c[0] == 23 && p.temperature_range_c[1] == 31);
	assert_true(p.force_rel_per_k == -0.02 && p.u_force_rel_per_k == 0.003);
	p = phantom_with("\"temperature_range_c\": [20, 23], \"temperature_c\": 23,");
	assert_true(p.temperature_range_c[1] == 23);
}

static void refuses_wrong_phantoms(void **state)
{
	(void)state;
	assert_true(variant_write("bench.json", bench_text, "", ""));
	for (size_t i = 0; i < COUNT(phantom_variants); i++) {
		const struct variant *v = &phantom_variants[i];
		struct bench *bench = NULL;
		struct err err = {""};
		assert_true(variant_write("phantom.json", phantom_text, v->find, v->replace));
		assert_int_equal(bench_read("bench.json", &bench, &err), -EINVAL);
		assert_string_equal(err.text, v->message);
	}
}

static void due_dates(void **state)
{
	struct bench *b = read_right();
	struct err err = {""};

	(void)state;
	assert_int_equal(bench_check_due(b, "2026-07-02", &err), 0); /* valid through the day */
	assert_int_equal(bench_check_due(b, "2026-07-03", &err), -EKEYEXPIRED);
	assert_string_equal(err.text,
			    "phantom.json:5:89: calibration C-2 of phantom P-1 was due on 2026-07-02, and today is "
			    "2026-07-03: have it calibrated, or take it off the bench at bench.json:26:5");
	assert_int_equal(bench_check_due(b, "2026-01-01", &err), -EKEYEXPIRED); /* a clock that lost the date */
	assert_non_null(strstr(
		err.text,
		"bench.json:18:20: calibration C-1 is dated 2026-01-02, after the run's own date of 2026-01-01"));
	assert_int_equal(bench_check_due(b, "2027-01-03", &err), -EKEYEXPIRED);
	assert_string_equal(err.text,
			    "bench.json:18:20: calibration C-1 of the load sensor was due on 2027-01-02, and today is "
			    "2027-01-03: have it calibrated and write the new certificate here");
	bench_free(b);
}

static void drivers_are_checked(void **state)
{
	static const struct driver pen = {.name = "scpi-pen", .roles = ROLE_BIT(ROLE_PEN)};
	static const struct driver sensor = {.name = "load-stream", .roles = SENSOR_ROLES};
	static const struct driver *const table[] = {&pen, &sensor, NULL};
	static const struct variant variants[] = {
		{"\"scpi-pen\"", "\"spci-pen\"",
		 "bench.json:8:15: unknown driver \"spci-pen\"; did you mean \"scpi-pen\"?"},
		{"\"scpi-pen\"", "\"load-stream\"", "bench.json:8:15: driver \"load-stream\" drives no pen"},
		{"\"load-stream\"", "\"scpi-pen\"", "bench.json:15:15: driver \"scpi-pen\" drives no load sensor"},
		{"\"load-stream\"", "\"x\"",
		 "bench.json:15:15: unknown driver \"x\"; `penrig version` lists those there are"},
	};
	struct bench *b = read_right();

	(void)state;
	assert_int_equal(bench_check_drivers(b, table, NULL), 0);
	bench_free(b);
	for (size_t i = 0; i < COUNT(variants); i++) {
		struct err err = {""};
		assert_int_equal(read_with(variants[i].find, variants[i].replace, &b, &err), 0);
		assert_int_equal(bench_check_drivers(b, table, &err), -EINVAL);
		assert_string_equal(err.text, variants[i].message);
		bench_free(b);
	}
}

static void pen_link(void **state)
{
	struct bench *b = read_right();
	char uri[64], small[8];
	struct err err = {""};

	(void)state;
	assert_int_equal(bench_pen_link(b, "PEN-GOOD-01", uri, sizeof(uri), &err), 0);
	assert_string_equal(uri, "serial:1209:0003:PEN-GOOD-01");
	assert_int_equal(bench_pen_link(b, "A/B", uri, sizeof(uri), &err), -EINVAL);
	assert_string_equal(err.text,
			    "serial number \"A/B\" cannot stand in a link name: it holds '/'; give the pen's link in "
			    "bench.json by its port, as usb:port=1-2.3");
	assert_int_equal(bench_pen_link(b, "A:B", uri, sizeof(uri), &err), -EINVAL);
	assert_int_equal(bench_pen_link(b, "{dut}", uri, sizeof(uri), &err), -EINVAL);
	assert_int_equal(bench_pen_link(b, "A\xC3\xA9", uri, sizeof(uri), &err), -EINVAL);
	assert_int_equal(bench_pen_link(b, "", uri, sizeof(uri), &err), -EINVAL);
	assert_string_equal(err.text, "the pen's link in bench.json needs its serial number: give --dut SERIAL");
	assert_int_equal(bench_pen_link(b, "PEN-1", small, sizeof(small), &err), -EINVAL);
	bench_free(b);
	assert_int_equal(read_with("serial:1209:0003:{dut}", "serial:port=1-2.3", &b, &err), 0);
	assert_int_equal(bench_pen_link(b, "A/B", uri, sizeof(uri), &err), 0); /* not needed for this name */
	assert_string_equal(uri, "serial:port=1-2.3");
	assert_int_equal(bench_phantom(b, "P-1"), 0);
	assert_int_equal(bench_phantom(b, "P-2"), -1);
	bench_free(b);
}

static void shipped_benches(void **state)
{
	static const char *const names[] = {"virtual-usb",  "virtual-serial",  "virtual-mixed",
					    "virtual-bone", "virtual-soft",    "virtual-boxes",
					    "virtual-text", "virtual-program", "my-bench.example"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct bench *bench = NULL;
		struct err err = {""};
		char path[8192];
		snprintf(path, sizeof(path), "fixtures/benches/%s.json", names[i]);
		assert_int_equal(chdir(variant_home), 0);
		if (bench_read(path, &bench, &err))
			fail_msg("%s", err.text);
		assert_int_equal(chdir(variant_folder), 0);
		assert_int_equal(bench_check_due(bench, bench_device(bench, ROLE_LOAD_SENSOR)->calibration.date, &err),
				 0);
		bench_free(bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_value),
		cmocka_unit_test(defaults),
		cmocka_unit_test(refuses_wrong_benches),
		cmocka_unit_test(link_names_are_checked),
		cmocka_unit_test(where_a_phantom_holds),
		cmocka_unit_test(refuses_wrong_phantoms),
		cmocka_unit_test(due_dates),
		cmocka_unit_test(drivers_are_checked),
		cmocka_unit_test(pen_link),
		cmocka_unit_test(shipped_benches),
		cmocka_unit_test(reads_a_list_of_devices),
		cmocka_unit_test(refuses_wrong_lists),
		cmocka_unit_test(both_forms_mean_the_same),
	};

	return cmocka_run_group_tests(tests, variant_enter, variant_leave);
}
