/* `penrig version`: what was compiled, with what, and what the machine loads now. Library versions are asked from the
 * loaded libraries by name, so that this file needs none of their headers. */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include "build-id.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/cli/version.h"
#include "rig/offline/export.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

typedef const char *(*version_fn)(void);

struct usb_version { /* what libusb_get_version() points to begins so (libusb.h, struct libusb_version) */
	uint16_t major, minor, micro, nano;
};
typedef const struct usb_version *(*usb_version_fn)(void);

enum version_kind { VERSION_FUNCTION, VERSION_STRING, VERSION_USB, VERSION_NONE };

static const struct {
	const char *module; /* pkg-config's name */
	const char *symbol;
	enum version_kind kind;
	const char *package, *use;
} libraries[] = {
	{"libserialport", "sp_get_package_version_string", VERSION_FUNCTION, "libserialport0", "serial links"},
	{"libusb-1.0", "libusb_get_version", VERSION_USB, "libusb-1.0-0", "USB links"},
	{"libudev", NULL, VERSION_NONE, "libudev1", "stable names"},
	{"libcjson", "cJSON_Version", VERSION_FUNCTION, "libcjson1", "plans, benches, reports"},
	{"gsl", "gsl_version", VERSION_STRING, "libgsl27", "statistics"},
	{"sqlite3", "sqlite3_libversion", VERSION_FUNCTION, "libsqlite3-0", "run files"},
	{"libzstd", "ZSTD_versionString", VERSION_FUNCTION, "libzstd1", "compression"},
	{"nettle", NULL, VERSION_NONE, "libnettle8", "hashes"},
	{"expat", NULL, VERSION_NONE, "libexpat1", "what an iiod says of its devices"},
	{"hdf5", NULL, VERSION_NONE, "libhdf5-103-1", "export"},
	{"libpq", NULL, VERSION_NONE, "libpq5", "a fleet of benches"},
	{"libmosquitto", NULL, VERSION_NONE, "libmosquitto1", "telemetry of a fleet"},
	{"libcurl", NULL, VERSION_NONE, "libcurl4", "a fleet's files in an object store"},
};

void version_record(struct record *record)
{
	snprintf(record->software_version, sizeof(record->software_version), "%s", PENRIG_VERSION);
	snprintf(record->software_build, sizeof(record->software_build), "%.30s, %.30s", PENRIG_BUILD, COMPILER);
}

/* dlsym() gives an object pointer also for functions; POSIX says that the bytes are the same. */
static void loaded_version(enum version_kind kind, const char *symbol, char *ret, size_t size)
{
	void *address = symbol ? dlsym(RTLD_DEFAULT, symbol) : NULL;
	usb_version_fn usb;
	version_fn text;

	ret[0] = '\0';
	if (!address)
		return;
	memcpy(&usb, &address, sizeof(usb));
	memcpy(&text, &address, sizeof(text));
	if (kind == VERSION_FUNCTION)
		snprintf(ret, size, "%s", text());
	else if (kind == VERSION_STRING)
		snprintf(ret, size, "%s", *(const char *const *)address);
	else if (kind == VERSION_USB)
		snprintf(ret, size, "%u.%u.%u", usb()->major, usb()->minor, usb()->micro);
}

/* PENRIG_LIBS is "name=version name=version ..." */
static void compiled_version(const char *module, char *ret, size_t size)
{
	const char *at = PENRIG_LIBS;
	size_t len = strlen(module);

	snprintf(ret, size, "?");
	for (; *at; at += strcspn(at, " "), at += *at == ' ')
		if (strncmp(at, module, len) == 0 && at[len] == '=')
			snprintf(ret, size, "%.*s", (int)strcspn(at + len + 1, " "), at + len + 1);
}

static void print_libraries(void)
{
	char compiled[40], loaded[40];

	printf("\nlibraries\n");
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		compiled_version(libraries[i].module, compiled, sizeof(compiled));
		if (strcmp(compiled, "?") == 0)
			continue;
		loaded_version(libraries[i].kind, libraries[i].symbol, loaded, sizeof(loaded));
		printf("  %-15s%-10s", libraries[i].module, compiled);
		if (*loaded)
			printf("loaded %-10s", loaded);
		else
			printf("%-17s", libraries[i].symbol ? "not used yet" : "");
		printf("%s (%s)\n", libraries[i].use, libraries[i].package);
	}
}

static void print_exports(void)
{
	bool missing = false;

	printf("\nexports\n ");
	for (unsigned i = 0; export_table_of_formats[i]; i++)
		if (!export_table_of_formats[i]->missing)
			printf(" %s", export_table_of_formats[i]->id);
	for (unsigned i = 0; export_table_of_formats[i]; i++) {
		const struct export_format *format = export_table_of_formats[i];

		if (!format->missing)
			continue;
		missing = true;
		printf("\n\nmissing        %s, for penrig export --format %s: install it and build again",
		       format->missing, format->id);
	}
	printf("%s\n", missing ? "" : "\n\nmissing        nothing: every library of this version is present");
}

struct version_options {
	bool json, csv;
};

static const struct cli_option version_table[] = {
	JSON_ROW(offsetof(struct version_options, json)),
	CSV_ROW(offsetof(struct version_options, csv)),
	{.name = NULL},
};

static const struct table_column columns[] = {
	{"library", TABLE_STRING, NULL}, {"compiled", TABLE_STRING, NULL}, {"loaded", TABLE_STRING, NULL},
	{"use", TABLE_STRING, NULL},     {"package", TABLE_STRING, NULL},  {.path = NULL},
};
const struct table table_version = {"version", "libraries", columns};

static int print_form(bool csv)
{
	struct json_out *root = json_out_object();
	char compiled[40], loaded[40];
	struct err err = {""};

	json_out_string(root, "version", PENRIG_VERSION);
	json_out_string(root, "build", PENRIG_BUILD);
	json_out_string(root, "compiler", COMPILER);
	struct json_out *list = json_out_add_array(root, "libraries");
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		compiled_version(libraries[i].module, compiled, sizeof(compiled));
		if (strcmp(compiled, "?") == 0)
			continue;
		loaded_version(libraries[i].kind, libraries[i].symbol, loaded, sizeof(loaded));
		struct json_out *o = json_out_add_object(list, NULL);
		json_out_string(o, "library", libraries[i].module);
		json_out_string(o, "compiled", compiled);
		json_out_string(o, "loaded", *loaded ? loaded : NULL);
		json_out_string(o, "use", libraries[i].use);
		json_out_string(o, "package", libraries[i].package);
	}
	return table_print(root, &table_version, csv, &err) == 0 ? EXIT_PASS : cli_error(EXIT_INTERNAL, "%s", err.text);
}

static int version_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	const struct version_options *o = options;

	(void)operands, (void)count;
	if (o->json || o->csv)
		return print_form(o->csv);
	printf("penrig %s (%s, %s)\n", PENRIG_VERSION, PENRIG_BUILD, COMPILER);
	print_libraries();
	printf("\nlinks\n");
	for (unsigned i = 0; tables->links[i]; i++)
		printf("  %-15s%s:\n", tables->links[i]->name, tables->links[i]->scheme);
	printf("\ndrivers\n");
	for (unsigned i = 0; tables->drivers[i]; i++)
		printf("  %-15s%s\n", tables->drivers[i]->name, tables->drivers[i]->description);
	printf("\nreports\n");
	for (unsigned i = 0; tables->reports[i]; i++)
		printf("  %-15s%s\n", tables->reports[i]->id, tables->reports[i]->description);
	print_exports();
	return EXIT_PASS;
}

const struct command command_version = {
	.name = "version",
	.operands = "",
	.group = "This program",
	.summary = "Print the version, the libraries, and what is built in",
	.description = "The first line is \"penrig VERSION (BUILD, COMPILER)\". Libraries are listed with the version "
		       "penrig was "
		       "compiled against, the one that is loaded now and the package that holds it.",
	.options = version_table,
	.options_size = sizeof(struct version_options),
	.run = version_run,
};
