/* Reads a bench file and the phantom files that it names. Opens no device; what depends on the day is a call of its
 * own. */
#include "rig/config/bench.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/filekind.h"
#include "rig/driver/driver.h"
#include "rig/link/link.h"

#define DUT_WORD   "{dut}"
#define DUT_SAMPLE "DUT-1" /* stands for {dut} where only the form of a link name is checked */

/* ---- pen -------------------------------------------------------------------------------------------------------- */

struct pen_text {
	struct bench_pen pen;
	int64_t baud, heartbeat_ms, deadman_ms;
};

static_assert(offsetof(struct bench_pen, rate_hi_hz) == offsetof(struct bench_pen, rate_lo_hz) + sizeof(double),
	      "a pair");
static_assert(offsetof(struct bench_pen, depth_hi_mm) == offsetof(struct bench_pen, depth_lo_mm) + sizeof(double),
	      "a pair");

static int read_pen_rate(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "rate_hz", .unit = "Hz", .lo = 1, .hi = 1000};

	return interval_read(doc, node, &rule, dst, err);
}

static int read_pen_depth(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "depth_mm", .unit = "mm", .lo = 0, .hi = 10};

	return interval_read(doc, node, &rule, dst, err);
}

/* Puts `dut` in the place of {dut}. */
static int fill_link(const char *link, const char *dut, char *ret, size_t size)
{
	const char *word = strstr(link, DUT_WORD);
	int head = word ? (int)(word - link) : (int)strlen(link);
	int n = snprintf(ret, size, "%.*s%s%s", head, link, word ? dut : "", word ? word + strlen(DUT_WORD) : "");

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int check_link(const struct json_doc *doc, const struct json *node, const char *link, bool pen, struct err *err)
{
	char filled[LINK_NAME_MAX];
	struct err why = {""};
	const char *brace = strchr(link, '{');

	if (brace && (!pen || strncmp(brace, DUT_WORD, strlen(DUT_WORD)) != 0 || strchr(brace + 1, '{')))
		return json_error(doc, node, err, "\"%s\": %s", link,
				  pen ? "only {dut}, once, may stand in braces"
				      : "{dut} belongs in the pen's link only");
	if (fill_link(link, DUT_SAMPLE, filled, sizeof(filled)))
		return json_error(doc, node, err, "this link is longer than %d bytes", LINK_NAME_MAX - 1);
	if (link_uri_check(link_table, filled, &why))
		return json_error(doc, node, err, "%s", why.text);
	return 0;
}

/* 0 = the driver's own. A USB link has no baud rate: one that is written there was meant for something else. */
static int check_baud(const struct json_doc *doc, const struct json *owner, const char *link, struct err *err)
{
	const struct json *baud = json_get(owner, "baud");

	if (baud && strncmp(link, "serial:", 7) != 0)
		return json_error(doc, baud, err, "\"baud\" is for serial: links, and this one is \"%s\"; leave it out",
				  link);
	return 0;
}

#define IN_PEN(member)     offsetof(struct pen_text, pen.member)
#define SIZE(type, member) sizeof(((struct type *)0)->member)
#define BAUD_LO            1200
#define BAUD_HI            20000000

static const struct json_field pen_fields[] = {
	{.key = "driver",
	 .kind = FIELD_STRING,
	 .offset = IN_PEN(driver),
	 .size = SIZE(bench_pen, driver),
	 .required = true,
	 .lo = 1},
	{.key = "link",
	 .kind = FIELD_STRING,
	 .offset = IN_PEN(link),
	 .size = SIZE(bench_pen, link),
	 .required = true,
	 .lo = 1},
	{.key = "baud", .kind = FIELD_INT, .offset = offsetof(struct pen_text, baud), .lo = BAUD_LO, .hi = BAUD_HI},
	{.key = "carries_serial", .kind = FIELD_BOOL, .offset = IN_PEN(carries_serial)},
	{.key = "rate_hz", .kind = FIELD_CUSTOM, .offset = IN_PEN(rate_lo_hz), .required = true, .read = read_pen_rate},
	{.key = "depth_mm",
	 .kind = FIELD_CUSTOM,
	 .offset = IN_PEN(depth_lo_mm),
	 .required = true,
	 .read = read_pen_depth},
	{.key = "heartbeat_ms",
	 .kind = FIELD_INT,
	 .offset = offsetof(struct pen_text, heartbeat_ms),
	 .lo = 10,
	 .hi = 3000,
	 .unit = "ms"},
	{.key = "dead_man_ms",
	 .kind = FIELD_INT,
	 .offset = offsetof(struct pen_text, deadman_ms),
	 .lo = 50,
	 .hi = 10000,
	 .unit = "ms"},
	{.key = "coast_down_max_s",
	 .kind = FIELD_NUMBER,
	 .offset = IN_PEN(coast_down_max_s),
	 .lo = 0.01,
	 .hi = 30,
	 .unit = "s"},
	{.key = NULL},
};

static int read_pen(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct pen_text text = {
		.pen = {.carries_serial = true, .coast_down_max_s = 0.5},
		.heartbeat_ms = 100,
		.deadman_ms = 500,
	};
	struct bench *bench = dst;
	int ret = json_read_object(doc, node, pen_fields, &text, err);

	if (ret == 0)
		ret = check_link(doc, json_get(node, "link"), text.pen.link, true, err);
	if (ret == 0)
		ret = check_baud(doc, node, text.pen.link, err);
	if (ret)
		return ret;
	if (3 * text.heartbeat_ms > text.deadman_ms) {
		const struct json *named = json_get(node, "dead_man_ms");
		return json_error(doc, named ? named : json_get(node, "heartbeat_ms"), err,
				  "a dead-man of %lld ms must outlast three heartbeats of %lld ms: at least %lld ms",
				  (long long)text.deadman_ms, (long long)text.heartbeat_ms,
				  (long long)(3 * text.heartbeat_ms));
	}
	bench->pen = text.pen;
	bench->pen.baud = (uint32_t)text.baud;
	bench->pen.heartbeat_ms = (uint32_t)text.heartbeat_ms;
	bench->pen.deadman_ms = (uint32_t)text.deadman_ms;
	unsigned column;
	json_position(node, &bench->pen_line, &column);
	return 0;
}

/* ---- sensor ----------------------------------------------------------------------------------------------------- */

struct sensor_text {
	struct bench_sensor sensor;
	int64_t baud;
};

static_assert(offsetof(struct bench_sensor, force_range_hi_n) ==
		      offsetof(struct bench_sensor, force_range_lo_n) + sizeof(double),
	      "a pair");
static_assert(offsetof(struct bench_sensor, preload_hi_n) ==
		      offsetof(struct bench_sensor, preload_lo_n) + sizeof(double),
	      "a pair");

static int read_force_range(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "range_n", .unit = "N", .lo = -1000, .hi = 1000};

	return interval_read(doc, node, &rule, dst, err);
}

static int read_preload(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "preload_n", .unit = "N", .lo = -1000, .hi = 1000};

	return interval_read(doc, node, &rule, dst, err);
}

static int read_force(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "u_rel",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct bench_sensor, force_u_rel),
		 .required = true,
		 .lo = 1e-6,
		 .hi = 0.2,
		 .unit = "1"},
		{.key = "range_n",
		 .kind = FIELD_CUSTOM,
		 .offset = offsetof(struct bench_sensor, force_range_lo_n),
		 .required = true,
		 .read = read_force_range},
		{.key = NULL},
	};

	return json_read_object(doc, node, fields, dst, err);
}

static int read_cell(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "natural_frequency_hz",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct bench_sensor, cell_hz),
		 .required = true,
		 .lo = 100,
		 .hi = 1e6,
		 .unit = "Hz"},
		{.key = "damping",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct bench_sensor, cell_damping),
		 .required = true,
		 .lo = 1e-4,
		 .hi = 1,
		 .unit = "1"},
		{.key = NULL},
	};

	return json_read_object(doc, node, fields, dst, err);
}

#define IN_SENSOR(member) offsetof(struct sensor_text, sensor.member)

static const struct json_field sensor_fields[] = {
	{.key = "driver",
	 .kind = FIELD_STRING,
	 .offset = IN_SENSOR(driver),
	 .size = SIZE(bench_sensor, driver),
	 .required = true,
	 .lo = 1},
	{.key = "link",
	 .kind = FIELD_STRING,
	 .offset = IN_SENSOR(link),
	 .size = SIZE(bench_sensor, link),
	 .required = true,
	 .lo = 1},
	{.key = "baud", .kind = FIELD_INT, .offset = offsetof(struct sensor_text, baud), .lo = BAUD_LO, .hi = BAUD_HI},
	{.key = "serial",
	 .kind = FIELD_STRING,
	 .offset = IN_SENSOR(serial),
	 .size = SIZE(bench_sensor, serial),
	 .lo = 1},
	{.key = "calibration",
	 .kind = FIELD_CUSTOM,
	 .offset = IN_SENSOR(calibration),
	 .required = true,
	 .read = calibration_read},
	{.key = "sample_rate_hz",
	 .kind = FIELD_NUMBER,
	 .offset = IN_SENSOR(rate_hz),
	 .required = true,
	 .lo = 1,
	 .hi = 1e6,
	 .unit = "Hz"},
	{.key = "force", .kind = FIELD_CUSTOM, .required = true, .read = read_force},
	{.key = "cell", .kind = FIELD_CUSTOM, .read = read_cell},
	{.key = "preload_n",
	 .kind = FIELD_CUSTOM,
	 .offset = IN_SENSOR(preload_lo_n),
	 .required = true,
	 .read = read_preload},
	{.key = "still_n", .kind = FIELD_NUMBER, .offset = IN_SENSOR(still_n), .lo = 1e-6, .hi = 10, .unit = "N"},
	{.key = "clock_ppm",
	 .kind = FIELD_NUMBER,
	 .offset = IN_SENSOR(clock_ppm),
	 .required = true,
	 .lo = 1e-3,
	 .hi = 1e4,
	 .unit = "ppm"},
	{.key = "temperature_coefficient_rel_per_k",
	 .kind = FIELD_NUMBER,
	 .offset = IN_SENSOR(temperature_coefficient_rel_per_k),
	 .lo = 0,
	 .hi = 0.1,
	 .unit = "1"},
	{.key = "temperature_u_k",
	 .kind = FIELD_NUMBER,
	 .offset = IN_SENSOR(temperature_u_k),
	 .lo = 0,
	 .hi = 20,
	 .unit = "K"},
	{.key = "displacement_u_mm",
	 .kind = FIELD_NUMBER,
	 .offset = IN_SENSOR(displacement_u_mm),
	 .lo = 0,
	 .hi = 1,
	 .unit = "mm"},
	{.key = NULL},
};

static int check_sensor(const struct json_doc *doc, const struct json *node, const struct bench_sensor *s,
			struct err *err)
{
	int ret = check_link(doc, json_get(node, "link"), s->link, false, err);

	if (ret == 0)
		ret = check_baud(doc, node, s->link, err);
	if (ret)
		return ret;
	if (s->preload_lo_n < s->force_range_lo_n || s->preload_hi_n > s->force_range_hi_n)
		return json_error(doc, json_get(node, "preload_n"), err,
				  "a preload of %.10g to %.10g N leaves the calibrated range of %.10g to %.10g N",
				  s->preload_lo_n, s->preload_hi_n, s->force_range_lo_n, s->force_range_hi_n);
	return 0;
}

static int read_sensor(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct sensor_text text = {.sensor.still_n = 0.02};
	struct bench *bench = dst;
	unsigned column;
	int ret = json_read_object(doc, node, sensor_fields, &text, err);

	if (ret == 0)
		ret = check_sensor(doc, node, &text.sensor, err);
	if (ret)
		return ret;
	bench->sensor = text.sensor;
	bench->sensor.baud = (uint32_t)text.baud;
	json_position(node, &bench->sensor_line, &column);
	json_position(json_get(node, "calibration"), &bench->calibration_line, &bench->calibration_column);
	return 0;
}

/* ---- phantoms --------------------------------------------------------------------------------------------------- */

struct phantom_text {
	char file[FILE_PATH_MAX], position[SIZE(phantom, position)];
	int64_t strokes_used;
};

static const struct json_field phantom_fields[] = {
	{.key = "file",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct phantom_text, file),
	 .size = SIZE(phantom_text, file),
	 .required = true,
	 .lo = 1},
	{.key = "position",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct phantom_text, position),
	 .size = SIZE(phantom_text, position),
	 .required = true,
	 .lo = 1},
	{.key = "strokes_used",
	 .kind = FIELD_INT,
	 .offset = offsetof(struct phantom_text, strokes_used),
	 .required = true,
	 .lo = 0,
	 .hi = 0x1p53,
	 .unit = "strokes"},
	{.key = NULL},
};

/* A relative name counts from the folder of the bench file. */
static int resolve(const char *bench_path, const char *file, char ret[FILE_PATH_MAX])
{
	const char *slash = strrchr(bench_path, '/');
	int folder = *file == '/' || !slash ? 0 : (int)(slash - bench_path) + 1;
	int n = snprintf(ret, FILE_PATH_MAX, "%.*s%s", folder, bench_path, file);

	return n < 0 || n >= FILE_PATH_MAX ? -ENAMETOOLONG : 0;
}

static int read_phantom(const struct json_doc *doc, const struct json *node, struct bench *bench, struct err *err)
{
	struct phantom_text text = {.strokes_used = 0};
	struct phantom *phantom = &bench->phantom[bench->phantoms];
	char path[FILE_PATH_MAX];
	int ret = json_read_object(doc, node, phantom_fields, &text, err);

	if (ret)
		return ret;
	if (resolve(bench->path, text.file, path))
		return json_error(doc, json_get(node, "file"), err, "the path of this file has more than %d bytes",
				  FILE_PATH_MAX - 1);
	if (bench->given && bench->phantoms >= bench->given_count)
		return json_error(doc, node, err, "the run file does not hold the text of this phantom");
	ret = bench->given ? phantom_parse(&bench->given[bench->phantoms], phantom, err)
			   : phantom_read(path, phantom, err);
	if (ret == -EINVAL || ret == -ENOMEM || ret == -E2BIG)
		return ret;
	if (ret) {
		json_error(doc, json_get(node, "file"), err,
			   "cannot read %s: %s; the name counts from the bench file's folder", path, strerror(-ret));
		return ret;
	}
	memcpy(phantom->position, text.position, sizeof(phantom->position));
	phantom->strokes_used = (uint64_t)text.strokes_used;
	json_position(node, &phantom->line, &phantom->column);
	if (bench_phantom(bench, phantom->serial) >= 0) {
		ret = json_error(doc, node, err, "phantom %s is named twice: keep the entry of the position in use",
				 phantom->serial);
		phantom_release(phantom);
		return ret;
	}
	bench->phantoms++;
	return 0;
}

static int read_phantoms(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct bench *bench = dst;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > BENCH_PHANTOMS_MAX)
		return json_error(doc, node, err,
				  "\"phantoms\" must be a list of 1 to %d objects {\"file\": ..., \"position\": ..., "
				  "\"strokes_used\": ...}; the first one is in the clamp",
				  BENCH_PHANTOMS_MAX);
	for (size_t i = 0; i < json_size(node); i++) {
		int ret = read_phantom(doc, json_at(node, i), bench, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- bench ------------------------------------------------------------------------------------------------------ */

static_assert(offsetof(struct bench, ambient_hi_c) == offsetof(struct bench, ambient_lo_c) + sizeof(double), "a pair");

static int read_mains(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	if (json_kind(node) != JSON_NUMBER || (json_number(node) != 50 && json_number(node) != 60))
		return json_error(doc, node, err, "\"mains_hz\" must be 50 or 60");
	*(double *)dst = json_number(node);
	return 0;
}

static int read_ambient(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "ambient_c", .unit = "degC", .lo = -20, .hi = 60};

	return interval_read(doc, node, &rule, dst, err);
}

#define IN(member) offsetof(struct bench, member)

/* phantoms stands last in the table but may stand anywhere in the file: it needs nothing of the rest. */
static const struct json_field bench_fields[] = {
	FILE_KIND_FIELDS,
	{.key = "name", .kind = FIELD_STRING, .offset = IN(name), .size = SIZE(bench, name), .required = true, .lo = 1},
	{.key = "site", .kind = FIELD_STRING, .offset = IN(site), .size = SIZE(bench, site)},
	{.key = "mains_hz", .kind = FIELD_CUSTOM, .offset = IN(mains_hz), .required = true, .read = read_mains},
	{.key = "ambient_c", .kind = FIELD_CUSTOM, .offset = IN(ambient_lo_c), .required = true, .read = read_ambient},
	{.key = "pen", .kind = FIELD_CUSTOM, .required = true, .read = read_pen},
	{.key = "sensor", .kind = FIELD_CUSTOM, .required = true, .read = read_sensor},
	{.key = "phantoms", .kind = FIELD_CUSTOM, .required = true, .read = read_phantoms},
	{.key = NULL},
};

static int new_bench(const char *path, struct bench **ret, struct err *err)
{
	struct bench *bench;

	if (strlen(path) >= sizeof(bench->path))
		return err_set(err, -ENAMETOOLONG, "%.200s...: a path of more than %d bytes", path, FILE_PATH_MAX - 1);
	bench = calloc(1, sizeof(*bench));
	if (!bench)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	memcpy(bench->path, path, strlen(path) + 1);
	*ret = bench;
	return 0;
}

/* Takes the bench, with its document where `status` is 0: gives it out or frees it. */
static int read_document(struct bench *bench, int status, struct bench **ret, struct err *err)
{
	if (status == 0)
		status = file_kind_check(bench->doc, "bench", err);
	if (status == 0)
		status = json_read_object(bench->doc, json_root(bench->doc), bench_fields, bench, err);
	bench->given = NULL;
	if (status) {
		bench_free(bench);
		return status;
	}
	*ret = bench;
	return 0;
}

int bench_read(const char *path, struct bench **ret, struct err *err)
{
	struct bench *bench;
	int status = new_bench(path, &bench, err);

	return status ? status : read_document(bench, json_read(path, &bench->doc, err), ret, err);
}

int bench_parse(const struct bench_text *own, const struct bench_text *phantoms, unsigned phantom_count,
		struct bench **ret, struct err *err)
{
	struct bench *bench;
	int status = new_bench(own->path, &bench, err);

	if (status)
		return status;
	bench->given = phantoms;
	bench->given_count = phantom_count;
	return read_document(bench, json_parse(own->path, own->text, own->len, &bench->doc, err), ret, err);
}

void bench_free(struct bench *bench)
{
	if (!bench)
		return;
	for (unsigned i = 0; i < BENCH_PHANTOMS_MAX; i++)
		phantom_release(&bench->phantom[i]);
	json_doc_free(bench->doc);
	free(bench);
}

/* A computer whose clock has lost the date would find nothing overdue. */
static int check_not_before(const char *path, unsigned line, unsigned column, const struct calibration *calibration,
			    const char *today, struct err *err)
{
	if (strcmp(today, calibration->date) >= 0)
		return 0;
	return err_set(
		err, -EKEYEXPIRED,
		"%s:%u:%u: calibration %s is dated %s, after the run's own date of %s (UTC): set this computer's "
		"clock, or correct the date",
		path, line, column, calibration->certificate, calibration->date, today);
}

int bench_check_sensor_due(const struct bench *bench, const char *today, struct err *err)
{
	const struct calibration *sensor = &bench->sensor.calibration;

	if (strcmp(today, sensor->due) > 0)
		return err_set(err, -EKEYEXPIRED,
			       "%s:%u:%u: calibration %s of the load sensor was due on %s, and today is %s: have it "
			       "calibrated "
			       "and write the new certificate here",
			       bench->path, bench->calibration_line, bench->calibration_column, sensor->certificate,
			       sensor->due, today);
	return check_not_before(bench->path, bench->calibration_line, bench->calibration_column, sensor, today, err);
}

int bench_check_due(const struct bench *bench, const char *today, struct err *err)
{
	int ret = bench_check_sensor_due(bench, today, err);

	if (ret)
		return ret;
	for (unsigned i = 0; i < bench->phantoms; i++) {
		const struct phantom *phantom = &bench->phantom[i];
		const struct calibration *calibration = &phantom->calibration;
		unsigned line, column;
		json_position(json_get(json_get(json_root(phantom->doc), "calibration"), "date"), &line, &column);
		ret = check_not_before(phantom->path, line, column, calibration, today, err);
		if (ret)
			return ret;
		if (strcmp(today, calibration->due) <= 0)
			continue;
		json_position(json_get(json_get(json_root(phantom->doc), "calibration"), "due"), &line, &column);
		return err_set(err, -EKEYEXPIRED,
			       "%s:%u:%u: calibration %s of phantom %s was due on %s, and today is %s: have it "
			       "calibrated, or take "
			       "it off the bench at %s:%u:%u",
			       phantom->path, line, column, calibration->certificate, phantom->serial, calibration->due,
			       today, bench->path, phantom->line, phantom->column);
	}
	return 0;
}

static const char *driver_at(const void *table, size_t i)
{
	const struct driver *driver = ((const struct driver *const *)table)[i];

	return driver ? driver->name : NULL;
}

static int check_driver(const struct bench *bench, const struct driver *const *table, const char *owner,
			enum device_role role, struct err *err)
{
	const struct json *node = json_get(json_get(json_root(bench->doc), owner), "driver");
	const char *name = json_string(node), *near = json_nearest(name, driver_at, table);

	for (size_t i = 0; table[i]; i++) {
		if (strcmp(table[i]->name, name) != 0)
			continue;
		if (driver_serves(table[i], role))
			return 0;
		return json_error(bench->doc, node, err, "driver \"%s\" drives no %s", name, role_row(role)->label);
	}
	if (near)
		return json_error(bench->doc, node, err, "unknown driver \"%s\"; did you mean \"%s\"?", name, near);
	return json_error(bench->doc, node, err, "unknown driver \"%s\"; `penrig version` lists those there are", name);
}

int bench_check_drivers(const struct bench *bench, const struct driver *const *table, struct err *err)
{
	int ret = check_driver(bench, table, "pen", ROLE_PEN, err);

	return ret ? ret : check_driver(bench, table, "sensor", ROLE_LOAD_SENSOR, err);
}

int bench_phantom(const struct bench *bench, const char *serial)
{
	for (unsigned i = 0; i < bench->phantoms; i++)
		if (strcmp(bench->phantom[i].serial, serial) == 0)
			return (int)i;
	return -1;
}

int bench_pen_link(const struct bench *bench, const char *dut, char *ret, size_t size, struct err *err)
{
	char filled[LINK_NAME_MAX];
	bool named = strstr(bench->pen.link, DUT_WORD) != NULL;

	for (const char *p = dut; named && *p; p++)
		if (*p <= ' ' || *p > '~' || strchr(":/{}\"\\", *p))
			return err_set(err, -EINVAL,
				       "serial number \"%.48s\" cannot stand in a link name: it holds '%c'; give the "
				       "pen's link in %s by "
				       "its port, as usb:port=1-2.3",
				       dut, *p >= ' ' && *p <= '~' ? *p : '?', bench->path);
	if (named && !*dut)
		return err_set(err, -EINVAL, "the pen's link in %s needs its serial number: give --dut SERIAL",
			       bench->path);
	if (fill_link(bench->pen.link, dut, filled, sizeof(filled)) || strlen(filled) >= size)
		return err_set(err, -EINVAL, "serial number \"%.48s...\" makes the pen's link too long", dut);
	int status = link_uri_check(link_table, filled, err);
	if (status)
		return status;
	memcpy(ret, filled, strlen(filled) + 1);
	return 0;
}
