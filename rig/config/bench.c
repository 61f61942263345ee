/* Reads a bench file and the phantom files that it names. Opens no device; what depends on the day is a call of its
 * own. */
#include "rig/config/bench.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/config/bench_device.h"
#include "rig/config/command.h"
#include "rig/config/filekind.h"
#include "rig/config/inputs.h"
#include "rig/driver/driver.h"
#include "rig/link/link.h"

#define SIZE(type, member) sizeof(((struct type *)0)->member)

/* ---- pen and sensor: the old form of a list of devices ------------------------------------------------------------ */

static int read_pen(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	return bench_device_read(doc, node, ROLE_BIT(ROLE_PEN), dst, err);
}

/* The sensor of that form carries whatever its channels are. */
static int read_sensor(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	const uint32_t roles = ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_DISPLACEMENT) | ROLE_BIT(ROLE_THERMOMETER);

	return bench_device_read(doc, node, roles, dst, err);
}

/* One form or the other. */
static int check_form(const struct json_doc *doc, struct err *err)
{
	static const char *const old[] = {"pen", "sensor"};
	const struct json *root = json_root(doc), *list = json_get(root, "devices");

	for (unsigned i = 0; i < 2; i++) {
		const struct json *node = json_get(root, old[i]);
		if (list && node)
			return json_key_error(doc, node, err,
					      "\"%s\" stands beside \"devices\": write it as an entry of that list",
					      old[i]);
		if (!list && !node)
			return json_error(doc, root, err, "\"%s\" is missing here", old[i]);
	}
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

static int read_phantom(const struct json_doc *doc, const struct json *node, struct bench *bench, struct err *err)
{
	struct phantom_text text = {.strokes_used = 0};
	struct phantom *phantom = &bench->phantom[bench->phantoms];
	char path[FILE_PATH_MAX];
	int ret = json_read_object(doc, node, phantom_fields, &text, err);

	if (ret)
		return ret;
	if (bench_file_path(bench->path, text.file, path))
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
	approval_stated(phantom->doc, &phantom->approval);
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

static int read_uncertainty(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	return uncertainty_read(doc, node, UNCERTAINTY_OF_BENCH, dst, err);
}

static int read_stopper(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "required", .kind = FIELD_BOOL, .offset = offsetof(struct bench_stopper, required)},
		{.key = "standstill_s",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct bench_stopper, standstill_s),
		 .lo = 0.5,
		 .hi = 3600,
		 .unit = "s"},
		{.key = NULL},
	};

	return json_read_object(doc, node, fields, dst, err);
}

#define IN(member) offsetof(struct bench, member)

static int read_versions(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct bench *bench = dst;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > BENCH_VERSIONS_MAX)
		return json_error(doc, node, err,
				  "\"penrig_versions\" must be a list of 1 to %d versions, as [\"0.1.0\"]",
				  BENCH_VERSIONS_MAX);
	for (size_t i = 0; i < json_size(node); i++) {
		const struct json *at = json_at(node, i);
		if (json_kind(at) != JSON_STRING || !json_string(at)[0] ||
		    strlen(json_string(at)) >= sizeof(bench->version[0]))
			return json_error(doc, at, err, "a version of penrig is a short text, as \"0.1.0\"");
		strcpy(bench->version[bench->versions++], json_string(at));
	}
	return 0;
}

/* A relative folder counts from that of the bench file. */
static int read_keys(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct bench *bench = dst;

	if (json_kind(node) != JSON_STRING || !json_string(node)[0] ||
	    bench_file_path(bench->path, json_string(node), bench->keys))
		return json_error(doc, node, err, "\"keys\" must be the path of a folder");
	return 0;
}

/* phantoms stands last in the table but may stand anywhere in the file: it needs nothing of the rest. */
static const struct json_field bench_fields[] = {
	FILE_KIND_FIELDS,
	{.key = "name", .kind = FIELD_STRING, .offset = IN(name), .size = SIZE(bench, name), .required = true, .lo = 1},
	{.key = "site", .kind = FIELD_STRING, .offset = IN(site), .size = SIZE(bench, site)},
	{.key = "retention_years",
	 .kind = FIELD_NUMBER,
	 .offset = IN(retention_years),
	 .lo = 0,
	 .hi = 1000,
	 .unit = "years"},
	{.key = "legal_hold", .kind = FIELD_STRING, .offset = IN(legal_hold), .size = SIZE(bench, legal_hold), .lo = 1},
	{.key = "production", .kind = FIELD_BOOL, .offset = IN(production)},
	{.key = "keys", .kind = FIELD_CUSTOM, .read = read_keys},
	{.key = "penrig_versions", .kind = FIELD_CUSTOM, .read = read_versions},
	{.key = "mains_hz", .kind = FIELD_CUSTOM, .offset = IN(mains_hz), .required = true, .read = read_mains},
	{.key = "ambient_c", .kind = FIELD_CUSTOM, .offset = IN(ambient_lo_c), .required = true, .read = read_ambient},
	{.key = "uncertainty", .kind = FIELD_CUSTOM, .offset = IN(uncertainty), .read = read_uncertainty},
	{.key = "stopper", .kind = FIELD_CUSTOM, .offset = IN(stopper), .read = read_stopper},
	{.key = "golden", .kind = FIELD_CUSTOM, .read = bench_golden_read},
	{.key = "pen", .kind = FIELD_CUSTOM, .read = read_pen},
	{.key = "sensor", .kind = FIELD_CUSTOM, .read = read_sensor},
	{.key = "devices", .kind = FIELD_CUSTOM, .read = bench_devices_read},
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
	bench->retention_years = NAN;
	bench->uncertainty = uncertainty_default(UNCERTAINTY_OF_BENCH);
	bench->stopper = (struct bench_stopper){.required = true, .standstill_s = 5};
	*ret = bench;
	return 0;
}

/* Takes the bench, with its document where `status` is 0: gives it out or frees it. */
static int read_document(struct bench *bench, int status, struct bench **ret, struct err *err)
{
	if (status == 0)
		status = file_kind_check(bench->doc, "bench", err);
	if (status == 0)
		status = check_form(bench->doc, err);
	if (status == 0)
		status = json_read_object(bench->doc, json_root(bench->doc), bench_fields, bench, err);
	if (status == 0)
		status = bench_devices_check(bench, err);
	if (status == 0)
		status = bench_profiles_check(bench, err);
	if (!status)
		status = bench_commands_check(bench, err);
	if (status == 0)
		status = bench_golden_check(bench, err);
	if (status == 0)
		approval_stated(bench->doc, &bench->approval);
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
	for (unsigned i = 0; i < bench->devices; i++)
		json_doc_free(bench->device[i].profile_doc);
	json_doc_free(bench->doc);
	approval_free(&bench->approval);
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

/* What a message calls a device by: its first role. */
static const char *label_of(const struct bench_device *device)
{
	for (unsigned i = 0; i < ROLES_COUNT; i++)
		if (device->roles & ROLE_BIT(i))
			return role_row((enum device_role)i)->label;
	return device->name;
}

static int check_device_due(const struct bench *bench, const struct bench_device *device, const char *today,
			    struct err *err)
{
	const struct calibration *calibration = &device->calibration;
	unsigned line = 1, column = 1;

	if (!calibration->certificate[0])
		return 0;
	if (device->node)
		json_position(json_get(device->node, "calibration"), &line, &column);
	if (strcmp(today, calibration->due) > 0)
		return err_set(err, -EKEYEXPIRED,
			       "%s:%u:%u: calibration %s of the %s was due on %s, and today is %s: have it calibrated "
			       "and write the new certificate here",
			       bench->path, line, column, calibration->certificate, label_of(device), calibration->due,
			       today);
	return check_not_before(bench->path, line, column, calibration, today, err);
}

int bench_check_devices_due(const struct bench *bench, const char *today, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < bench->devices && ret == 0; i++)
		ret = check_device_due(bench, &bench->device[i], today, err);
	return ret;
}

int bench_check_due(const struct bench *bench, const char *today, struct err *err)
{
	int ret = bench_check_devices_due(bench, today, err);

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

/* What only serves as a reference says what rests. */
static const char *too_slow(const struct driver *driver, enum device_role role)
{
	if (!driver_serves(driver, ROLE_REFERENCE))
		return "";
	return role == ROLE_LOAD_SENSOR
		       ? ": no stroke rate can come of so few readings a second. Give it the role \"reference\""
	       : role == ROLE_DISPLACEMENT
		       ? ": no stroke depth can come of so few readings a second. Give it the role \"reference\""
		       : "";
}

static int check_roles(const struct bench *bench, const struct bench_device *device, const struct driver *driver,
		       struct err *err)
{
	const struct json *node = json_get(device->node, "driver");

	for (unsigned i = 0; i < ROLES_COUNT; i++)
		if ((device->roles & ROLE_BIT(i)) && !driver_serves(driver, (enum device_role)i))
			return json_error(bench->doc, node, err, "driver \"%s\" drives no %s%s", driver->name,
					  role_row((enum device_role)i)->label, too_slow(driver, (enum device_role)i));
	return 0;
}

/* One that is shipped changes with the program. A run file's bench was checked when it ran. */
static int check_shipped(const struct bench *bench, const struct bench_device *device, const struct driver *driver,
			 struct err *err)
{
	const struct shipped_profile *shipped;
	char digest[DIGEST_HEX];

	if (bench->given || device->profile_doc || !device->profile_sha256[0])
		return 0;
	for (unsigned i = 0; (shipped = driver->profiles->shipped(i)) != NULL; i++) {
		if (strcmp(shipped->name, device->profile) != 0)
			continue;
		digest_text(shipped->text, strlen(shipped->text), digest);
		if (strcmp(device->profile_sha256, digest) == 0)
			return 0;
		return json_error(bench->doc, json_get(device->node, "profile_sha256"), err,
				  "the profile \"%s\" that is shipped has another digest, %s: it was changed since "
				  "this was written",
				  shipped->name, digest);
	}
	return 0; /* none of this name: refused by its name */
}

static int check_profile(const struct bench *bench, const struct bench_device *device, const struct driver *driver,
			 struct err *err)
{
	const struct json *node = json_get(device->node, "profile");
	struct device_told told;
	struct err why;

	if (!driver->profiles && device->profile[0])
		return json_error(bench->doc, node, err,
				  "driver \"%s\" takes no profile: leave it out, or write \"driver\": "
				  "\"profile\"",
				  driver->name);
	if (!driver->profiles)
		return 0;
	if (!device->profile[0])
		return json_error(
			bench->doc, device->node, err,
			"\"profile\" is missing: which one? `penrig profile list` names those that are shipped");
	bench_device_told(device, &told);
	int status = driver->profiles->check(&told, NULL, &why);
	return status ? json_error(bench->doc, node, err, "%s", why.text) : check_shipped(bench, device, driver, err);
}

/* A pen made of parts has "power", of a supply whose driver is there; any other has none. */
static int check_made_of(const struct bench *bench, const struct bench_device *device,
			 const struct driver *const *table, const struct driver *driver, struct err *err)
{
	bool made = (device->roles & ROLE_BIT(ROLE_PEN)) && bench->pen.power.present;
	const struct json *power = json_get(device->node, "power");
	struct power_setup setup;
	struct err why;
	int ret = check_roles(bench, device, driver, err);

	if (ret)
		return ret;
	if (made != driver->powered)
		return json_error(bench->doc, power ? power : json_get(device->node, "driver"), err,
				  made ? "the driver \"%s\" speaks to the pen itself: \"power\" belongs to \"driver\": "
					 "\"powered\""
				       : "the driver \"%s\" is of a pen that is made of parts: name its supply in "
					 "\"power\"",
				  driver->name);
	if (made && bench_dial_setup(&bench->pen.dial, table, &setup.dial, err))
		return json_error(bench->doc, json_get(json_get(device->node, "dial"), "driver"), err,
				  "there is no driver of stages named \"%s\"; `penrig version` lists the drivers",
				  bench->pen.dial.driver);
	if (made && bench_power_setup(bench, table, &setup, &why))
		return json_error(bench->doc, json_get(power, "driver"), err, "%s", why.text);
	return 0;
}

/* Nothing can be asked over a link from which bytes only come, so the bench file says what they are. */
static int check_described(const struct bench *bench, const struct bench_device *device, const struct driver *driver,
			   struct err *err)
{
	const struct json *command = json_get(device->node, "command");

	if (!driver->described && command)
		return json_error(bench->doc, command, err,
				  "the driver \"%s\" asks its device: leave \"command\" out, or write \"driver\": "
				  "\"command\"",
				  driver->name);
	if (driver->described && !command)
		return json_error(bench->doc, device->node, err,
				  "\"command\" is missing: what the samples are; docs/programs.md has an example");
	if (driver->mapped != device->daq.there)
		return json_error(bench->doc, device->daq.there ? json_get(device->node, "daq") : device->node, err,
				  driver->mapped
					  ? "\"daq\" is missing: what hangs on the inputs; docs/daq.md has an example"
					  : "the driver \"%s\" knows its device's channels: leave \"daq\" out",
				  driver->name);
	if (driver->described == link_uri_is_source(link_table, device->link))
		return 0;
	return json_error(bench->doc, json_get(device->node, "link"), err,
			  driver->described ? "the driver \"%s\" reads exec:PROGRAM or file:PATH"
					    : "the driver \"%s\" asks its device, and nothing can be asked over exec: "
					      "and file:; \"driver\": \"command\" reads those",
			  driver->name);
}

static int check_driver(const struct bench *bench, struct bench_device *device, const struct driver *const *table,
			struct err *err)
{
	const struct json *node = json_get(device->node, "driver");
	const char *name = device->driver, *near = json_nearest(name, driver_at, table);

	for (size_t i = 0; table[i]; i++)
		if (strcmp(table[i]->name, name) == 0) {
			int status = check_profile(bench, device, table[i], err);
			if (!status)
				status = check_described(bench, device, table[i], err);
			if (!status)
				status = check_made_of(bench, device, table, table[i], err);
			return status ? status : bench_inputs_settle(bench->doc, device, table[i], err);
		}
	if (near)
		return json_error(bench->doc, node, err, "unknown driver \"%s\"; did you mean \"%s\"?", name, near);
	return json_error(bench->doc, node, err, "unknown driver \"%s\"; `penrig version` lists those there are", name);
}

int bench_check_drivers(struct bench *bench, const struct driver *const *table, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < bench->devices && ret == 0; i++)
		ret = check_driver(bench, &bench->device[i], table, err);
	return ret;
}

const struct bench_device *bench_device(const struct bench *bench, enum device_role role)
{
	for (unsigned i = 0; i < bench->devices; i++)
		if (bench->device[i].roles & ROLE_BIT(role))
			return &bench->device[i];
	return NULL;
}

double bench_displacement_u_mm(const struct bench *bench)
{
	const struct bench_device *device = bench_device(bench, ROLE_DISPLACEMENT);

	return device ? device->displacement_u_mm : 0;
}

double bench_temperature_u_k(const struct bench *bench)
{
	const struct bench_device *device = bench_device(bench, ROLE_THERMOMETER);

	return device ? device->temperature_u_k : 0;
}

double bench_sample_rate_hz(const struct bench *bench)
{
	double sum = 0;

	for (unsigned i = 0; i < bench->devices; i++)
		sum += bench->device[i].rate_hz;
	return sum;
}

unsigned bench_device_line(const struct bench_device *device)
{
	unsigned line = 1, column = 1;

	if (device && device->node)
		json_position(device->node, &line, &column);
	return line;
}

int bench_phantom(const struct bench *bench, const char *serial)
{
	for (unsigned i = 0; i < bench->phantoms; i++)
		if (strcmp(bench->phantom[i].serial, serial) == 0)
			return (int)i;
	return -1;
}

int bench_check_version(const struct bench *bench, const char *version, struct err *err)
{
	const struct json *node = json_get(json_root(bench->doc), "penrig_versions");

	for (unsigned i = 0; i < bench->versions; i++)
		if (strcmp(bench->version[i], version) == 0)
			return 0;
	if (!bench->versions)
		return 0;
	json_error(bench->doc, node, err, "this is penrig %s, and the bench allows %s%s", version, bench->version[0],
		   bench->versions > 1 ? " and the others of this list" : " alone");
	return -EKEYREJECTED;
}

bool bench_pen_could_be(const struct bench *bench, const char *name)
{
	return bench_link_could_be(bench_device(bench, ROLE_PEN)->link, name);
}

int bench_pen_link(const struct bench *bench, const char *dut, char *ret, size_t size, struct err *err)
{
	char filled[LINK_NAME_MAX];
	const char *link = bench_device(bench, ROLE_PEN)->link;
	bool named = bench_link_waits(link);

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
	if (bench_link_fill(link, dut, filled, sizeof(filled)) || strlen(filled) >= size)
		return err_set(err, -EINVAL, "serial number \"%.48s...\" makes the pen's link too long", dut);
	int status = link_uri_check(link_table, filled, err);
	if (status)
		return status;
	memcpy(ret, filled, strlen(filled) + 1);
	return 0;
}
