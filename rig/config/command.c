/* See command.h. */
#include "rig/config/command.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/config/bench_device.h"
#include "rig/config/filekind.h"

#define EXEC           "exec:"
#define RATE_TOLERANCE 0.01 /* where the bench file states none: of temperatures, which it may leave open */
#define CHANNEL_KEYS   "\"name\", \"unit\", \"column\", \"range\""

/* Whole numbers as JSON knows them, narrowed when they are taken. */
struct command_text {
	struct bench_command command;
	char format[16];
	int separator;
	int64_t columns, skip_lines, skip_bytes, start_ms;
	const struct json *channels;
};

#define IN(member) offsetof(struct command_text, member)
#define OF(member) offsetof(struct channel_text, member)

static const char *const separator_words[] = {"comma", "semicolon", "tab", "blank", NULL};
static const char separators[] = {',', ';', '\t', ' '};

/* ---- channels ---------------------------------------------------------------------------------------------------- */

_Static_assert(offsetof(struct command_channel, range_hi) ==
		       offsetof(struct command_channel, range_lo) + sizeof(double),
	       "a pair");

static int read_range(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "range", .unit = "the channel's unit", .lo = -1e9, .hi = 1e9};

	return interval_read(doc, node, &rule, dst, err);
}

static const struct quantity_row {
	const char *unit;
	enum quantity quantity;
	enum device_role role; /* that needs such a channel */
} quantities[] = {
	{"N", QUANTITY_FORCE, ROLE_LOAD_SENSOR},
	{"mm", QUANTITY_DISPLACEMENT, ROLE_DISPLACEMENT},
	{"degC", QUANTITY_TEMPERATURE, ROLE_THERMOMETER},
};

#define QUANTITIES (sizeof(quantities) / sizeof(quantities[0]))

static enum quantity quantity_of(const char *unit)
{
	for (size_t i = 0; i < QUANTITIES; i++)
		if (strcmp(quantities[i].unit, unit) == 0)
			return quantities[i].quantity;
	return QUANTITY_OTHER;
}

/* What every channel says, whoever delivers it. */
static const struct json_field common_fields[] = {
	{.key = "name",
	 .kind = FIELD_STRING,
	 .offset = OF(channel.name),
	 .size = sizeof(((struct command_channel *)0)->name),
	 .required = true,
	 .lo = 1},
	{.key = "unit",
	 .kind = FIELD_STRING,
	 .offset = OF(channel.unit),
	 .size = sizeof(((struct command_channel *)0)->unit),
	 .required = true,
	 .lo = 1},
	{.key = "scale", .kind = FIELD_NUMBER, .offset = OF(channel.scale), .lo = -1e9, .hi = 1e9},
	{.key = "offset", .kind = FIELD_NUMBER, .offset = OF(channel.offset), .lo = -1e9, .hi = 1e9},
	{.key = "range", .kind = FIELD_CUSTOM, .offset = OF(channel.range_lo), .required = true, .read = read_range},
	{.key = "noise_rms", .kind = FIELD_NUMBER, .offset = OF(channel.noise_rms), .lo = 0, .hi = 1e9},
	{.key = "bandwidth_hz",
	 .kind = FIELD_NUMBER,
	 .offset = OF(channel.bandwidth_hz),
	 .lo = 1e-3,
	 .hi = 1e7,
	 .unit = "Hz"},
};

#define COMMON  (sizeof(common_fields) / sizeof(common_fields[0]))
#define OWN_MAX 4

static const struct json_field column_fields[] = {
	{.key = "column",
	 .kind = FIELD_INT,
	 .offset = OF(column),
	 .required = true,
	 .lo = 1,
	 .hi = COMMAND_COLUMNS_MAX},
	{.key = "resolution", .kind = FIELD_NUMBER, .offset = OF(channel.resolution), .lo = 1e-12, .hi = 1e6},
	{.key = NULL},
};

int bench_channel_read(const struct json_doc *doc, const struct json *node, const struct json_field *own,
		       struct channel_text *ret, struct err *err)
{
	struct json_field fields[COMMON + OWN_MAX + 1];
	struct channel_text text = {.channel = {.scale = 1}};
	size_t n = 0;

	for (; own[n].key; n++)
		fields[n] = own[n];
	assert(n <= OWN_MAX);
	for (size_t i = 0; i < COMMON; i++) {
		bool given = false;
		for (const struct json_field *f = own; f->key; f++)
			given |= strcmp(f->key, common_fields[i].key) == 0;
		if (!given)
			fields[n++] = common_fields[i];
	}
	fields[n] = (struct json_field){.key = NULL};
	int status = json_read_object(doc, node, fields, &text, err);

	if (status)
		return status;
	text.channel.column = (unsigned)text.column;
	text.channel.quantity = quantity_of(text.channel.unit);
	if (text.channel.scale == 0)
		return json_error(doc, json_get(node, "scale"), err, "a scale of 0 makes every value the same");
	*ret = text;
	return 0;
}

/* How finely a column is kept is only asked where it is no integer. */
static int check_resolution(const struct json_doc *doc, const struct json *node, const struct command_setup *setup,
			    struct command_channel *channel, struct err *err)
{
	const struct json *named = json_get(node, "resolution");

	if (setup->format->bytes == 0)
		return named ? 0
			     : json_error(doc, node, err,
					  "\"resolution\" is missing: the smallest step of this column's numbers, such "
					  "as 0.0001 where they have four decimals");
	channel->resolution = 1;
	return named ? json_error(doc, named, err, "raw integers are kept as they are: leave \"resolution\" out") : 0;
}

static int check_channel(const struct json_doc *doc, const struct json *node, const struct command_setup *setup,
			 struct command_channel *channel, struct err *err)
{
	if (channel->column > setup->columns)
		return json_error(doc, json_get(node, "column"), err,
				  "column %u, and \"columns\" says that there are %u", channel->column, setup->columns);
	for (unsigned i = 0; i < setup->channels; i++)
		if (strcmp(setup->channel[i].name, channel->name) == 0)
			return json_error(doc, json_get(node, "name"), err, "a channel \"%s\" stands here already",
					  channel->name);
	return check_resolution(doc, node, setup, channel, err);
}

static int read_channels(const struct json_doc *doc, const struct json *node, struct command_setup *setup,
			 struct err *err)
{
	int ret = 0;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > CHANNELS_MAX)
		return json_error(doc, node, err, "\"channels\" is a list of 1 to %d objects with " CHANNEL_KEYS,
				  CHANNELS_MAX);
	for (size_t i = 0; i < json_size(node) && ret == 0; i++) {
		struct channel_text text;
		ret = bench_channel_read(doc, json_at(node, i), column_fields, &text, err);
		if (ret == 0)
			ret = check_channel(doc, json_at(node, i), setup, &text.channel, err);
		if (ret == 0)
			setup->channel[setup->channels++] = text.channel;
	}
	return ret;
}

/* ---- the object -------------------------------------------------------------------------------------------------- */

static int read_arguments(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct command_setup *setup = dst;

	if (json_kind(node) != JSON_ARRAY || json_size(node) > COMMAND_ARGUMENTS_MAX)
		return json_error(
			doc, node, err,
			"\"arguments\" is a list of at most %d texts, each one argument: no shell takes them apart",
			COMMAND_ARGUMENTS_MAX);
	for (size_t i = 0; i < json_size(node); i++) {
		if (json_kind(json_at(node, i)) != JSON_STRING)
			return json_error(doc, json_at(node, i), err, "an argument is a text: write it in quotes");
		setup->argument[i] = json_string(json_at(node, i));
	}
	return 0;
}

static const struct json_field fields[] = {
	{.key = "arguments", .kind = FIELD_CUSTOM, .offset = IN(command.setup), .read = read_arguments},
	{.key = "program_sha256",
	 .kind = FIELD_STRING,
	 .offset = IN(command.sha256),
	 .size = sizeof(((struct bench_command *)0)->sha256),
	 .lo = 1},
	{.key = "format", .kind = FIELD_STRING, .offset = IN(format), .size = 16, .required = true, .lo = 1},
	{.key = "separator", .kind = FIELD_WORD, .offset = IN(separator), .words = separator_words},
	{.key = "columns",
	 .kind = FIELD_INT,
	 .offset = IN(columns),
	 .required = true,
	 .lo = 1,
	 .hi = COMMAND_COLUMNS_MAX},
	{.key = "skip_lines", .kind = FIELD_INT, .offset = IN(skip_lines), .lo = 0, .hi = 1000},
	{.key = "skip_bytes", .kind = FIELD_INT, .offset = IN(skip_bytes), .lo = 0, .hi = 1 << 20},
	{.key = "start_ms", .kind = FIELD_INT, .offset = IN(start_ms), .lo = 0, .hi = 60000, .unit = "ms"},
	{.key = "channels", .kind = FIELD_NODE, .offset = IN(channels), .required = true},
	{.key = NULL},
};

static int check_format(const struct json_doc *doc, const struct json *node, const struct command_text *text,
			struct err *err)
{
	const struct command_format *format = text->command.setup.format;
	const char *other = format && format->bytes ? "skip_lines" : "skip_bytes";

	if (!format)
		return json_error(
			doc, json_get(node, "format"), err,
			"\"format\" is csv, or of raw integers their sign, width and byte order: s16le, s16be, "
			"u16le, u16be, s24le, s24be, u24le, u24be, s32le, s32be; of a laser ild1420, ild1402");
	if (format->columns_max && text->columns > format->columns_max)
		return json_error(doc, json_get(node, "columns"), err,
				  "the format %s has no more than %u value a sample: write 1", format->name,
				  format->columns_max);
	if (format->bytes && json_get(node, "separator"))
		return json_error(doc, json_get(node, "separator"), err,
				  "nothing separates raw integers: leave \"separator\" out");
	if (json_get(node, other))
		return json_error(doc, json_get(node, other), err,
				  "\"%s\" does not belong to the format %s: write \"%s\"", other, format->name,
				  format->bytes ? "skip_bytes" : "skip_lines");
	return 0;
}

int bench_command_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct command_text text = {.command = {.there = true}};
	struct command_setup *setup = &text.command.setup;
	int ret = json_read_object(doc, node, fields, &text, err);

	if (ret)
		return ret;
	setup->format = command_format_find(text.format);
	setup->separator = separators[text.separator];
	setup->columns = (unsigned)text.columns;
	setup->skip = (unsigned)(text.skip_lines + text.skip_bytes);
	setup->start_ns = (uint64_t)text.start_ms * NS_PER_MS;
	ret = check_format(doc, node, &text, err);
	if (ret == 0)
		ret = read_channels(doc, text.channels, setup, err);
	if (ret == 0)
		*(struct bench_command *)dst = text.command;
	return ret;
}

/* ---- with the rest of its entry ---------------------------------------------------------------------------------- */

int bench_channels_serve(const struct json_doc *doc, const struct json *list, uint32_t roles,
			 const struct command_channel *const *channel, unsigned channels, struct err *err)
{
	for (size_t i = 0; i < QUANTITIES; i++) {
		bool found = false;
		for (unsigned c = 0; c < channels; c++)
			found |= channel[c]->quantity == quantities[i].quantity;
		if ((roles & ROLE_BIT(quantities[i].role)) && !found)
			return json_error(doc, list, err, "the role \"%s\" needs a channel in %s",
					  role_row(quantities[i].role)->name, quantities[i].unit);
	}
	return 0;
}

static int check_roles(const struct json_doc *doc, const struct json *node, uint32_t roles,
		       const struct command_setup *setup, struct err *err)
{
	const struct command_channel *channel[CHANNELS_MAX];

	for (unsigned i = 0; i < setup->channels; i++)
		channel[i] = &setup->channel[i];
	return bench_channels_serve(doc, json_get(json_get(node, "command"), "channels"), roles, channel,
				    setup->channels, err);
}

static int digest_file(const char *path, char ret[DIGEST_HEX])
{
	FILE *file = fopen(path, "re");
	uint8_t bytes[8192], digest[DIGEST_BYTES];
	struct digest state;
	size_t n;

	if (!file)
		return -errno;
	digest_begin(&state);
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		digest_raw(&state, bytes, n);
	int status = ferror(file) ? -EIO : 0;
	fclose(file);
	digest_end(&state, digest);
	digest_hex(digest, ret);
	return status;
}

static int check_program(const struct json_doc *doc, const struct json *node, const char *path,
			 struct bench_command *command, struct err *err)
{
	int status = digest_file(path, command->setup.sha256);

	if (status)
		return json_error(doc, json_get(node, "link"), err,
				  "cannot read the program %s: %s; its name counts from the bench file's folder", path,
				  strerror(-status));
	if (command->sha256[0] && strcmp(command->sha256, command->setup.sha256) != 0)
		return json_error(doc, json_get(json_get(node, "command"), "program_sha256"), err,
				  "%s has another digest, %s: it was changed since this was written", path,
				  command->setup.sha256);
	return 0;
}

/* A bare name is looked for in PATH when it is run. Of a run file's bench nothing is run any more. */
static int find_program(const struct json_doc *doc, const struct json *node, const struct bench *bench,
			struct bench_device *device, struct err *err)
{
	const char *program = device->link + strlen(EXEC);
	char path[FILE_PATH_MAX];

	if (bench->given)
		return 0;
	if (strncmp(device->link, EXEC, strlen(EXEC)) != 0 || !strchr(program, '/'))
		return !device->command.sha256[0]
			       ? 0
			       : json_error(doc, json_get(json_get(node, "command"), "program_sha256"), err,
					    "a digest is of a program that \"link\" names with its folder, as "
					    "exec:./NAME");
	if (bench_file_path(bench->path, program, path) || strlen(EXEC) + strlen(path) >= sizeof(device->link))
		return json_error(doc, json_get(node, "link"), err, "the path of this program has more than %zu bytes",
				  sizeof(device->link) - strlen(EXEC) - 1);
	snprintf(device->link, sizeof(device->link), EXEC "%.*s", (int)(sizeof(device->link) - sizeof(EXEC)), path);
	return check_program(doc, node, path, &device->command, err);
}

int bench_command_settle(const struct json_doc *doc, const struct json *node, const struct bench *bench, uint32_t roles,
			 struct bench_device *device, struct err *err)
{
	struct command_setup *setup = &device->command.setup;

	if (!device->command.there)
		return 0;
	if (!(device->rate_hz > 0))
		return json_error(doc, node, err,
				  "\"sample_rate_hz\" is missing: how many samples a second this device delivers");
	if (json_get(node, "command") && setup->argument[0] && strncmp(device->link, EXEC, strlen(EXEC)) != 0)
		return json_error(doc, json_get(json_get(node, "command"), "arguments"), err,
				  "\"arguments\" are of a program, and \"%s\" is none: leave them out", device->link);
	setup->rate_hz = device->rate_hz;
	setup->rate_tolerance = device->clock_ppm > 0 ? device->clock_ppm * 1e-6 : RATE_TOLERANCE;
	memcpy(setup->serial, device->serial, sizeof(setup->serial));
	int ret = check_roles(doc, node, roles, setup, err);
	return ret ? ret : find_program(doc, node, bench, device, err);
}

int bench_commands_check(const struct bench *bench, struct err *err)
{
	const bool golden = bench->golden.present && !bench->given, asked = bench->production || golden;

	for (unsigned i = 0; asked && i < bench->devices; i++) {
		const struct bench_device *device = &bench->device[i];
		if (!device->command.there || device->command.sha256[0] ||
		    strncmp(device->link, EXEC, strlen(EXEC)) != 0)
			continue;
		return json_error(bench->doc, json_get(device->node, "command"), err,
				  "%s takes a program by its digest: name it with its folder, and write "
				  "\"program_sha256\": \"%s\"",
				  bench->production ? "a bench in production" : "a bench with a reference pen",
				  device->command.setup.sha256[0] ? device->command.setup.sha256 : "its sha256sum");
	}
	return 0;
}
