/* Reads one device of a bench. A key that belongs to another role is refused, so that nothing is written in vain. */
#include "rig/config/bench_device.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/config/command.h"
#include "rig/config/daq.h"
#include "rig/config/filekind.h"
#include "rig/config/inputs.h"
#include "rig/link/link.h"

#define DUT_WORD   "{dut}"
#define DUT_SAMPLE "DUT-1" /* stands for {dut} where only the form of a link name is checked */
#define LIST_MAX   160

/* An entry as it is read; numbers that JSON knows as whole ones are narrowed when it is taken. */
struct device_text {
	struct bench_device device;
	struct bench_pen pen;
	struct bench_sensor sensor;
	const struct json *roles;
	int64_t baud, data_bits, stop_bits, open_wait_ms, heartbeat_ms, deadman_ms;
	int parity, flow;
};

/* ---- values of two numbers -------------------------------------------------------------------------------------- */

#define PAIR(type, lo, hi)                                                                                             \
	static_assert(offsetof(struct type, hi) == offsetof(struct type, lo) + sizeof(double), "a pair")
PAIR(bench_pen, rate_lo_hz, rate_hi_hz);
PAIR(bench_pen, depth_lo_mm, depth_hi_mm);
PAIR(bench_sensor, force_range_lo_n, force_range_hi_n);
PAIR(bench_sensor, preload_lo_n, preload_hi_n);
PAIR(bench_device, latency_lo_ms, latency_hi_ms);

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

static int read_latency(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "latency_ms", .unit = "ms", .lo = 0, .hi = 1000};

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

/* ---- profiles --------------------------------------------------------------------------------------------------- */

static int read_sites(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const char *const words[] = {"handle", "tip", "ambient"};
	struct bench_device *device = &((struct device_text *)dst)->device;
	size_t count = json_kind(node) == JSON_ARRAY ? json_size(node) : 0;

	if (count == 0 || count > DEVICE_SITES_MAX)
		return json_error(doc, node, err,
				  "\"sites\" is a list of handle, tip, ambient: one for each value of a line");
	for (size_t i = 0; i < count; i++) {
		const char *word = json_kind(json_at(node, i)) == JSON_STRING ? json_string(json_at(node, i)) : "";
		unsigned n = 0;
		while (n < 3 && strcmp(words[n], word) != 0)
			n++;
		for (unsigned j = 0; j < device->sites; j++)
			n = strcmp(device->site[j], word) == 0 ? 3 : n;
		if (n == 3)
			return json_error(doc, json_at(node, i), err, "a site is handle, tip or ambient, each once");
		strcpy(device->site[device->sites++], word);
	}
	return 0;
}

int bench_file_path(const char *bench_path, const char *file, char ret[FILE_PATH_MAX])
{
	const char *slash = strrchr(bench_path, '/');
	int folder = *file == '/' || !slash ? 0 : (int)(slash - bench_path) + 1;
	int n = snprintf(ret, FILE_PATH_MAX, "%.*s%s", folder, bench_path, file);

	return n < 0 || n >= FILE_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* A shipped one has a bare name. */
static bool is_file(const char *profile)
{
	return strchr(profile, '/') || strchr(profile, '.');
}

static int check_digest(const struct json_doc *doc, const struct json *node, const struct bench_device *device,
			struct err *err)
{
	char digest[DIGEST_HEX];
	size_t len;
	const char *text = json_text(device->profile_doc, &len);

	digest_text(text, len, digest);
	if (!device->profile_sha256[0] || strcmp(device->profile_sha256, digest) == 0)
		return 0;
	return json_error(doc, json_get(node, "profile_sha256"), err,
			  "%s has another digest, %s: it was changed since this was written",
			  json_file(device->profile_doc), digest);
}

/* A run file's bench names its profile and needs it no more. */
static int load_profile(const struct json_doc *doc, const struct json *node, const struct bench *bench,
			struct bench_device *device, struct err *err)
{
	char path[FILE_PATH_MAX];

	if (bench->given)
		return 0;
	if (device->profile_sha256[0] && !device->profile[0])
		return json_error(doc, json_get(node, "profile_sha256"), err,
				  "\"profile_sha256\" is of a profile, and there is none: name it in \"profile\", or "
				  "leave this out");
	if (!is_file(device->profile))
		return 0;
	if (bench_file_path(bench->path, device->profile, path))
		return json_error(doc, json_get(node, "profile"), err, "the path of this file has more than %d bytes",
				  FILE_PATH_MAX - 1);
	int status = json_read(path, &device->profile_doc, err);
	if (status == 0)
		return check_digest(doc, node, device, err);
	if (status != -EINVAL && status != -ENOMEM && status != -E2BIG)
		json_error(doc, json_get(node, "profile"), err,
			   "cannot read %s: %s; the name counts from the bench file's folder", path, strerror(-status));
	return status;
}

int bench_profiles_check(const struct bench *bench, struct err *err)
{
	for (unsigned i = 0; bench->production && i < bench->devices; i++) {
		const struct bench_device *device = &bench->device[i];
		char digest[DIGEST_HEX];
		size_t len;
		if (!device->profile_doc || device->profile_sha256[0])
			continue;
		const char *text = json_text(device->profile_doc, &len);
		digest_text(text, len, digest);
		return json_error(
			bench->doc, json_get(device->node, "profile"), err,
			"a bench in production takes a profile of its own by its digest: write \"profile_sha256\": "
			"\"%s\"",
			digest);
	}
	return 0;
}

void bench_device_told(const struct bench_device *device, struct device_told *ret)
{
	*ret = (struct device_told){.roles = device->roles,
				    .profile = device->profile,
				    .gravity_m_s2 = device->gravity_m_s2,
				    .rate_hz = device->rate_hz,
				    .sites = device->sites};
	if (device->profile_doc) {
		ret->profile = json_file(device->profile_doc);
		ret->text = json_text(device->profile_doc, &ret->len);
	}
	memcpy(ret->unit, device->unit, sizeof(ret->unit));
	memcpy(ret->site, device->site, sizeof(ret->site));
}

/* ---- the keys --------------------------------------------------------------------------------------------------- */

#define PEN                ROLE_BIT(ROLE_PEN)
#define FORCE              ROLE_BIT(ROLE_LOAD_SENSOR)
#define TRAVEL             ROLE_BIT(ROLE_DISPLACEMENT)
#define HEAT               ROLE_BIT(ROLE_THERMOMETER)
#define IO                 ROLE_BIT(ROLE_IO)
#define OTHERS             (ROLE_BIT(ROLE_TACHOMETER) | ROLE_BIT(ROLE_CURRENT) | ROLE_BIT(ROLE_REFERENCE))
#define MEASURE            (FORCE | TRAVEL | HEAT | OTHERS)
#define EVERY              (ROLE_BIT(ROLES_COUNT) - 1)

#define IN(member)         offsetof(struct device_text, member)
#define SIZE(type, member) sizeof(((struct type *)0)->member)

static const char *const parity_words[] = {"none", "odd", "even", "mark", "space", NULL};
static const char *const flow_words[] = {"none", "rts_cts", "xon_xoff", NULL};

/* A key, the roles that may have it, those that must, and whether it sets a serial line. */
static const struct device_key {
	struct json_field field;
	uint32_t roles, needed;
	bool serial_line;
} keys[] = {
	{{.key = "name", .kind = FIELD_STRING, .offset = IN(device.name), .size = SIZE(bench_device, name), .lo = 1},
	 EVERY,
	 EVERY,
	 false},
	{{.key = "roles", .kind = FIELD_NODE, .offset = IN(roles)}, EVERY, EVERY, false},
	{{.key = "driver",
	  .kind = FIELD_STRING,
	  .offset = IN(device.driver),
	  .size = SIZE(bench_device, driver),
	  .lo = 1},
	 EVERY,
	 EVERY,
	 false},
	{{.key = "link", .kind = FIELD_STRING, .offset = IN(device.link), .size = SIZE(bench_device, link), .lo = 1},
	 EVERY,
	 EVERY,
	 false},
	{{.key = "profile",
	  .kind = FIELD_STRING,
	  .offset = IN(device.profile),
	  .size = SIZE(bench_device, profile),
	  .lo = 1},
	 EVERY,
	 0,
	 false},
	{{.key = "profile_sha256",
	  .kind = FIELD_STRING,
	  .offset = IN(device.profile_sha256),
	  .size = SIZE(bench_device, profile_sha256),
	  .lo = 1},
	 EVERY,
	 0,
	 false},
	{{.key = "command", .kind = FIELD_CUSTOM, .offset = IN(device.command), .read = bench_command_read},
	 MEASURE,
	 0,
	 false},
	{{.key = "daq", .kind = FIELD_CUSTOM, .offset = IN(device.daq), .read = bench_daq_read}, MEASURE, 0, false},
	{{.key = "inputs", .kind = FIELD_CUSTOM, .offset = IN(device.inputs), .read = bench_inputs_read},
	 IO,
	 IO,
	 false},
	{{.key = "unit", .kind = FIELD_STRING, .offset = IN(device.unit), .size = SIZE(bench_device, unit), .lo = 1},
	 MEASURE,
	 0,
	 false},
	{{.key = "gravity_m_s2",
	  .kind = FIELD_NUMBER,
	  .offset = IN(device.gravity_m_s2),
	  .lo = 9.76,
	  .hi = 9.84,
	  .unit = "m/s^2"},
	 MEASURE,
	 0,
	 false},
	{{.key = "sites", .kind = FIELD_CUSTOM, .read = read_sites}, HEAT, 0, false},
	{{.key = "baud", .kind = FIELD_INT, .offset = IN(baud), .lo = LINK_BAUD_MIN, .hi = LINK_BAUD_MAX},
	 EVERY,
	 0,
	 true},
	{{.key = "data_bits", .kind = FIELD_INT, .offset = IN(data_bits), .lo = 5, .hi = 8}, EVERY, 0, true},
	{{.key = "parity", .kind = FIELD_WORD, .offset = IN(parity), .words = parity_words}, EVERY, 0, true},
	{{.key = "stop_bits", .kind = FIELD_INT, .offset = IN(stop_bits), .lo = 1, .hi = 2}, EVERY, 0, true},
	{{.key = "flow_control", .kind = FIELD_WORD, .offset = IN(flow), .words = flow_words}, EVERY, 0, true},
	{{.key = "open_wait_ms",
	  .kind = FIELD_INT,
	  .offset = IN(open_wait_ms),
	  .lo = 0,
	  .hi = (double)(LINK_WAIT_MAX_NS / NS_PER_MS),
	  .unit = "ms"},
	 EVERY,
	 0,
	 true},
	{{.key = "serial",
	  .kind = FIELD_STRING,
	  .offset = IN(device.serial),
	  .size = SIZE(bench_device, serial),
	  .lo = 1},
	 EVERY & ~PEN,
	 0,
	 false},
	{{.key = "calibration", .kind = FIELD_CUSTOM, .offset = IN(device.calibration), .read = calibration_read},
	 MEASURE,
	 FORCE,
	 false},
	{{.key = "sample_rate_hz",
	  .kind = FIELD_NUMBER,
	  .offset = IN(device.rate_hz),
	  .lo = 1,
	  .hi = 1e6,
	  .unit = "Hz"},
	 MEASURE,
	 FORCE,
	 false},
	{{.key = "clock_ppm",
	  .kind = FIELD_NUMBER,
	  .offset = IN(device.clock_ppm),
	  .lo = 1e-3,
	  .hi = 1e4,
	  .unit = "ppm"},
	 MEASURE,
	 FORCE | TRAVEL,
	 false},
	{{.key = "latency_ms", .kind = FIELD_CUSTOM, .offset = IN(device.latency_lo_ms), .read = read_latency},
	 MEASURE,
	 0,
	 false},

	{{.key = "carries_serial", .kind = FIELD_BOOL, .offset = IN(pen.carries_serial)}, PEN, 0, false},
	{{.key = "rate_hz", .kind = FIELD_CUSTOM, .offset = IN(pen.rate_lo_hz), .read = read_pen_rate},
	 PEN,
	 PEN,
	 false},
	{{.key = "depth_mm", .kind = FIELD_CUSTOM, .offset = IN(pen.depth_lo_mm), .read = read_pen_depth},
	 PEN,
	 PEN,
	 false},
	{{.key = "heartbeat_ms", .kind = FIELD_INT, .offset = IN(heartbeat_ms), .lo = 10, .hi = 3000, .unit = "ms"},
	 PEN,
	 0,
	 false},
	{{.key = "dead_man", .kind = FIELD_WORD, .offset = IN(pen.dead_man), .words = deadman_words}, PEN, 0, false},
	{{.key = "power", .kind = FIELD_CUSTOM, .offset = IN(pen.power), .read = bench_power_read}, PEN, 0, false},
	{{.key = "dial", .kind = FIELD_CUSTOM, .offset = IN(pen.dial), .read = bench_dial_read}, PEN, 0, false},
	{{.key = "dead_man_ms", .kind = FIELD_INT, .offset = IN(deadman_ms), .lo = 50, .hi = 10000, .unit = "ms"},
	 PEN,
	 0,
	 false},
	{{.key = "coast_down_max_s",
	  .kind = FIELD_NUMBER,
	  .offset = IN(pen.coast_down_max_s),
	  .lo = 0.01,
	  .hi = 30,
	  .unit = "s"},
	 PEN,
	 0,
	 false},

	{{.key = "force", .kind = FIELD_CUSTOM, .offset = IN(sensor), .read = read_force}, FORCE, FORCE, false},
	{{.key = "cell", .kind = FIELD_CUSTOM, .offset = IN(sensor), .read = read_cell}, FORCE, 0, false},
	{{.key = "bandwidth_hz",
	  .kind = FIELD_NUMBER,
	  .offset = IN(sensor.bandwidth_hz),
	  .lo = 10,
	  .hi = 1e7,
	  .unit = "Hz"},
	 FORCE,
	 0,
	 false},
	{{.key = "preload_n", .kind = FIELD_CUSTOM, .offset = IN(sensor.preload_lo_n), .read = read_preload},
	 FORCE,
	 FORCE,
	 false},
	{{.key = "tare_free",
	  .kind = FIELD_STRING,
	  .offset = IN(sensor.tare_free),
	  .size = SIZE(bench_sensor, tare_free),
	  .lo = 1},
	 FORCE,
	 0,
	 false},
	{{.key = "zero_n", .kind = FIELD_NUMBER, .offset = IN(sensor.zero_n), .lo = -1000, .hi = 1000, .unit = "N"},
	 FORCE,
	 0,
	 false},
	{{.key = "u_zero_n", .kind = FIELD_NUMBER, .offset = IN(sensor.u_zero_n), .lo = 1e-6, .hi = 10, .unit = "N"},
	 FORCE,
	 0,
	 false},
	{{.key = "still_n", .kind = FIELD_NUMBER, .offset = IN(sensor.still_n), .lo = 1e-6, .hi = 10, .unit = "N"},
	 FORCE,
	 0,
	 false},
	{{.key = "temperature_coefficient_rel_per_k",
	  .kind = FIELD_NUMBER,
	  .offset = IN(sensor.temperature_coefficient_rel_per_k),
	  .lo = 0,
	  .hi = 0.1,
	  .unit = "1"},
	 FORCE,
	 0,
	 false},
	{{.key = "temperature_u_k",
	  .kind = FIELD_NUMBER,
	  .offset = IN(device.temperature_u_k),
	  .lo = 0,
	  .hi = 20,
	  .unit = "K"},
	 HEAT,
	 0,
	 false},
	{{.key = "displacement_u_mm",
	  .kind = FIELD_NUMBER,
	  .offset = IN(device.displacement_u_mm),
	  .lo = 0,
	  .hi = 1,
	  .unit = "mm"},
	 TRAVEL,
	 0,
	 false},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* ---- the link --------------------------------------------------------------------------------------------------- */

int bench_link_fill(const char *link, const char *dut, char *ret, size_t size)
{
	const char *word = strstr(link, DUT_WORD);
	int head = word ? (int)(word - link) : (int)strlen(link);
	int n = snprintf(ret, size, "%.*s%s%s", head, link, word ? dut : "", word ? word + strlen(DUT_WORD) : "");

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

bool bench_link_could_be(const char *link, const char *name)
{
	const char *word = strstr(link, DUT_WORD);
	if (!word)
		return strcmp(link, name) == 0;
	size_t head = (size_t)(word - link), tail = strlen(word + strlen(DUT_WORD)), len = strlen(name);

	return len > head + tail && strncmp(link, name, head) == 0 &&
	       strcmp(name + len - tail, word + strlen(DUT_WORD)) == 0 &&
	       strcspn(name + head, ":/{}\"\\") >= len - head - tail;
}

bool bench_link_waits(const char *link)
{
	return strstr(link, DUT_WORD) != NULL;
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
	if (bench_link_fill(link, DUT_SAMPLE, filled, sizeof(filled)))
		return json_error(doc, node, err, "this link is longer than %d bytes", LINK_NAME_MAX - 1);
	if (link_uri_check(link_table, filled, &why))
		return json_error(doc, node, err, "%s", why.text);
	return 0;
}

/* A USB link has no baud rate: one that is written there was meant for something else. */
static int check_line(const struct json_doc *doc, const struct json *node, const char *link, struct err *err)
{
	if (strncmp(link, "serial:", 7) == 0)
		return 0;
	for (size_t i = 0; i < KEYS; i++) {
		const struct json *value = json_get(node, keys[i].field.key);
		if (value && keys[i].serial_line)
			return json_error(doc, value, err,
					  "\"%s\" is for serial: links, and this one is \"%s\"; leave it out",
					  keys[i].field.key, link);
	}
	return 0;
}

/* ---- one entry -------------------------------------------------------------------------------------------------- */

static void list_roles(uint32_t roles, char ret[LIST_MAX])
{
	size_t n = 0;

	ret[0] = '\0';
	for (unsigned i = 0; i < ROLES_COUNT && n < LIST_MAX; i++)
		if (roles & ROLE_BIT(i))
			n += (size_t)snprintf(ret + n, LIST_MAX - n, "%s%s", n ? ", " : "", role_row(i)->name);
}

static int check_keys(const struct json_doc *doc, const struct json *node, uint32_t roles, struct err *err)
{
	char wanted[LIST_MAX], own[LIST_MAX];

	for (size_t i = 0; i < KEYS; i++) {
		const struct json *member = json_get(node, keys[i].field.key);
		if (!member || (keys[i].roles & roles))
			continue;
		list_roles(keys[i].roles, wanted);
		list_roles(roles, own);
		return json_key_error(doc, member, err,
				      "\"%s\" belongs to a device with the role %s, and this one is %s: leave it out, "
				      "or add the role",
				      keys[i].field.key, wanted, own);
	}
	return 0;
}

/* The fields of these roles; the old form has neither name nor roles. */
static void fields_of(uint32_t roles, bool listed, struct json_field ret[KEYS + 1])
{
	size_t n = 0;

	for (size_t i = listed ? 0 : 2; i < KEYS; i++) {
		if (!(keys[i].roles & roles))
			continue;
		ret[n] = keys[i].field;
		ret[n++].required = (keys[i].needed & roles) != 0;
	}
	ret[n] = (struct json_field){.key = NULL};
}

static int check_deadman(const struct json_doc *doc, const struct json *node, const struct device_text *text,
			 struct err *err)
{
	if (!deadman_row((enum deadman_class)text->pen.dead_man)->timed || 3 * text->heartbeat_ms <= text->deadman_ms)
		return 0;
	const struct json *named = json_get(node, "dead_man_ms");
	return json_error(doc, named ? named : json_get(node, "heartbeat_ms"), err,
			  "a dead-man of %lld ms must outlast three heartbeats of %lld ms: at least %lld ms",
			  (long long)text->deadman_ms, (long long)text->heartbeat_ms,
			  (long long)(3 * text->heartbeat_ms));
}

/* Its stopper is another object of the file: bench_devices_check() sees both. */
static int check_power(const struct json_doc *doc, const struct json *node, const struct bench_pen *pen,
		       bool stopper_required, struct err *err)
{
	const struct power_claim claim = {
		.power = &pen->power,
		.class = (enum deadman_class)pen->dead_man,
		.carries_serial = pen->carries_serial && json_get(node, "carries_serial"),
		.stopper_required = stopper_required,
		.rate_lo_hz = pen->rate_lo_hz,
		.rate_hi_hz = pen->rate_hi_hz,
	};

	int ret = bench_power_check(doc, node, &claim, err);

	return ret ? ret : bench_dial_check(doc, node, &pen->dial, pen->power.present, err);
}

static int check_preload(const struct json_doc *doc, const struct json *node, const struct bench_sensor *s,
			 struct err *err)
{
	if (s->preload_lo_n >= s->force_range_lo_n && s->preload_hi_n <= s->force_range_hi_n)
		return 0;
	return json_error(doc, json_get(node, "preload_n"), err,
			  "a preload of %.10g to %.10g N leaves the calibrated range of %.10g to %.10g N",
			  s->preload_lo_n, s->preload_hi_n, s->force_range_lo_n, s->force_range_hi_n);
}

/* An uncertainty comes from a certificate. */
static int check_certificate(const struct json_doc *doc, const struct json *node, const struct bench_device *device,
			     struct err *err)
{
	const char *key = device->displacement_u_mm > 0 ? "displacement_u_mm"
			  : device->temperature_u_k > 0 ? "temperature_u_k"
							: NULL;

	if (!key || device->calibration.certificate[0])
		return 0;
	return json_error(doc, json_get(node, key), err,
			  "\"%s\" comes from a certificate: write it in \"calibration\", or 0 where there is none",
			  key);
}

/* A level without its uncertainty proves nothing, nor the other way round. */
static int check_zero(const struct json_doc *doc, const struct json *node, struct err *err)
{
	const struct json *zero = json_get(node, "zero_n"), *u = json_get(node, "u_zero_n");

	if (!zero == !u)
		return 0;
	return json_error(doc, zero ? zero : u, err,
			  "\"zero_n\" and \"u_zero_n\" go together: the level without "
			  "contact, and its standard uncertainty");
}

/* Within these a sample reaches this computer, where the bench file does not say: a frame of 1 ms on USB, a block of
 * 5 ms on a line that is just fast enough or on a network, and of a program as late as still counts as fresh. */
static void default_latency(struct bench_device *device)
{
	if (device->latency_hi_ms == 0)
		device->latency_hi_ms = device->command.there                   ? 100.0
					: strncmp(device->link, "usb:", 4) != 0 ? 5.0
										: 1.0;
}

static void take(const struct json *node, uint32_t roles, const struct device_text *text, struct bench *bench)
{
	struct bench_device *device = &bench->device[bench->devices++];

	*device = text->device;
	device->node = node;
	device->roles = roles;
	device->line = (struct link_settings){.baud = (uint32_t)text->baud,
					      .data_bits = (uint8_t)text->data_bits,
					      .stop_bits = (uint8_t)text->stop_bits,
					      .parity = (enum link_parity)(text->parity + LINK_PARITY_NONE),
					      .flow = (enum link_flow)(text->flow + LINK_FLOW_NONE),
					      .wait_ns = (uint64_t)text->open_wait_ms * NS_PER_MS};
	default_latency(device);
	if (roles & PEN) {
		bench->pen = text->pen;
		bench->pen.heartbeat_ms = (uint32_t)text->heartbeat_ms;
		bench->pen.deadman_ms =
			deadman_row((enum deadman_class)text->pen.dead_man)->timed ? (uint32_t)text->deadman_ms : 0;
		bench->pen.carries_serial = text->pen.carries_serial && !text->pen.power.present;
	}
	if (roles & FORCE)
		bench->sensor = text->sensor;
}

static int read_device(const struct json_doc *doc, const struct json *node, bool listed, uint32_t roles,
		       struct bench *bench, struct err *err)
{
	struct json_field fields[KEYS + 1];
	struct device_text text = {
		.pen = {.carries_serial = true, .coast_down_max_s = 0.5},
		.sensor = {.still_n = 0.02},
		.heartbeat_ms = 100,
		.deadman_ms = 500,
		.parity = LINK_PARITY_UNSET - LINK_PARITY_NONE,
		.flow = LINK_FLOW_UNSET - LINK_FLOW_NONE,
	};
	fields_of(roles, listed, fields);
	int ret = json_read_object(doc, node, fields, &text, err);

	if (ret == 0)
		ret = check_link(doc, json_get(node, "link"), text.device.link, (roles & PEN) != 0, err);
	if (ret == 0)
		ret = check_line(doc, node, text.device.link, err);
	if (ret == 0 && (roles & PEN))
		ret = check_deadman(doc, node, &text, err);
	if (ret == 0 && (roles & PEN))
		ret = check_power(doc, node, &text.pen, true, err);
	if (ret == 0 && (roles & FORCE))
		ret = check_preload(doc, node, &text.sensor, err);
	if (ret == 0 && (roles & FORCE))
		ret = check_zero(doc, node, err);
	if (ret == 0)
		ret = check_certificate(doc, node, &text.device, err);
	if (ret == 0)
		ret = load_profile(doc, node, bench, &text.device, err);
	if (ret == 0)
		ret = bench_command_settle(doc, node, bench, roles, &text.device, err);
	if (ret == 0)
		ret = bench_daq_settle(doc, node, roles, &text.device, err);
	if (ret) {
		json_doc_free(text.device.profile_doc);
		return ret;
	}
	take(node, roles, &text, bench);
	return 0;
}

int bench_device_read(const struct json_doc *doc, const struct json *node, uint32_t roles, struct bench *bench,
		      struct err *err)
{
	return read_device(doc, node, false, roles, bench, err);
}

/* ---- the list --------------------------------------------------------------------------------------------------- */

static const char *role_at(const void *list, size_t i)
{
	(void)list;
	return i < ROLES_COUNT ? role_row((enum device_role)i)->name : NULL;
}

static int read_role(const struct json_doc *doc, const struct json *node, uint32_t *roles, struct err *err)
{
	enum device_role role;
	char list[LIST_MAX];

	if (json_kind(node) != JSON_STRING)
		return json_error(doc, node, err, "\"roles\" holds names of roles: write \"load_sensor\" in quotes");
	if (role_find(json_string(node), &role)) {
		const char *near = json_nearest(json_string(node), role_at, NULL);
		list_roles(EVERY, list);
		return near ? json_error(doc, node, err, "unknown role \"%.32s\"; did you mean \"%s\"?",
					 json_string(node), near)
			    : json_error(doc, node, err, "unknown role \"%.32s\": a device is one of %s",
					 json_string(node), list);
	}
	if (*roles & ROLE_BIT(role))
		return json_error(doc, node, err, "the role \"%s\" stands here twice: leave one out",
				  json_string(node));
	*roles |= ROLE_BIT(role);
	return 0;
}

static int read_roles(const struct json_doc *doc, const struct json *entry, uint32_t *ret, struct err *err)
{
	const struct json *node = json_get(entry, "roles");
	uint32_t roles = 0;

	if (!node || json_kind(node) != JSON_ARRAY || json_size(node) == 0)
		return json_error(doc, node ? node : entry, err,
				  "each device says what it is in \"roles\", a list such as [\"pen\"] or "
				  "[\"load_sensor\", \"thermometer\"]");
	for (size_t i = 0; i < json_size(node); i++) {
		int status = read_role(doc, json_at(node, i), &roles, err);
		if (status)
			return status;
	}
	*ret = roles;
	return 0;
}

static int check_name(const struct json_doc *doc, const struct json *entry, const struct bench *bench, struct err *err)
{
	const struct bench_device *last = &bench->device[bench->devices - 1];

	for (unsigned i = 0; i + 1 < bench->devices; i++) {
		if (strcmp(bench->device[i].name, last->name) == 0)
			return json_error(
				doc, json_get(entry, "name"), err,
				"a device named \"%s\" stands at line %u already: give each a name of its own",
				last->name, bench_device_line(&bench->device[i]));
		if (strcmp(bench->device[i].link, last->link) == 0)
			return json_error(doc, json_get(entry, "link"), err,
					  "\"%s\" is the link of device \"%s\" already: write one entry with the roles "
					  "of both",
					  last->link, bench->device[i].name);
	}
	return 0;
}

int bench_devices_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct bench *bench = dst;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > BENCH_DEVICES_MAX)
		return json_error(doc, node, err,
				  "\"devices\" must be a list of 1 to %d objects {\"name\": ..., \"roles\": [...], "
				  "\"driver\": ..., \"link\": ..., ...}",
				  BENCH_DEVICES_MAX);
	for (size_t i = 0; i < json_size(node); i++) {
		const struct json *entry = json_at(node, i);
		uint32_t roles = 0;
		int ret = json_kind(entry) == JSON_OBJECT
				  ? read_roles(doc, entry, &roles, err)
				  : json_error(doc, entry, err, "each device is an object, { ... }");

		if (ret == 0)
			ret = check_keys(doc, entry, roles, err);
		if (ret == 0)
			ret = read_device(doc, entry, true, roles, bench, err);
		if (ret == 0)
			ret = check_name(doc, entry, bench, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_role(const struct bench *bench, enum device_role role, struct err *err)
{
	const struct role_row *row = role_row(role);
	const struct bench_device *first = bench_device(bench, role), *last = NULL;
	uint32_t count = 0;

	for (unsigned i = 0; i < bench->devices; i++) {
		if (!(bench->device[i].roles & ROLE_BIT(role)))
			continue;
		last = &bench->device[i];
		count++;
	}
	if (count > row->at_most)
		return json_error(
			bench->doc, json_get(last->node, "roles"), err,
			"a bench has one %s, and device \"%s\" at line %u has the role \"%s\" already: take it "
			"away from one of them",
			row->label, first->name, bench_device_line(first), row->name);
	if (count < row->at_least)
		return json_error(bench->doc, json_get(json_root(bench->doc), "devices"), err,
				  "no device has the role \"%s\": a bench has one %s", row->name, row->label);
	return 0;
}

int bench_devices_check(const struct bench *bench, struct err *err)
{
	int ret = 0;

	for (unsigned role = 0; role < ROLES_COUNT && ret == 0; role++)
		ret = check_role(bench, (enum device_role)role, err);
	if (ret == 0)
		ret = check_power(bench->doc, bench_device(bench, ROLE_PEN)->node, &bench->pen, bench->stopper.required,
				  err);
	return ret;
}
