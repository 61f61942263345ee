/* `penrig list`: what is plugged in, under the name that a bench file needs. Opens nothing. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/plugged.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/system/watch.h"

struct list_options {
	bool json, csv, watch, entries;
};

static const struct cli_option list_table[] = {
	{.name = "entries",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct list_options, entries),
	 .help = "Print an entry for the list \"devices\" of a bench file behind each device that has a driver; what a "
		 "certificate says is yours to add."},
	{.name = "watch",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct list_options, watch),
	 .help = "Go on, and say what is plugged in and pulled out, until Ctrl-C."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct list_options, json),
	 .help = "One JSON array on standard output; with --watch, one JSON object a line for each change behind it."},
	CSV_ROW(offsetof(struct list_options, csv)),
	{.name = NULL},
};

/* ---- as text ------------------------------------------------------------------------------------------------------ */

static void print_ids(const struct link_identity *id)
{
	if (!id->vid)
		return;
	printf(", %04x:%04x, serial number ", id->vid, id->pid);
	print_clean(stdout, *id->serial ? id->serial : "none");
}

/* What a bench file may name where nothing in the device says whose it is. */
static void print_could(const struct cli_tables *tables, const struct plugged *p)
{
	bool any = false;

	for (unsigned i = 0; tables->drivers[i]; i++) {
		if (!(p->could >> i & 1))
			continue;
		printf("%s%s", any ? ", " : "could be driven by ", tables->drivers[i]->name);
		any = true;
	}
	if (any)
		fputs("\n  ", stdout);
}

static void print_entry(const struct plugged *p)
{
	struct json_out *entry = json_out_object();
	struct err err;
	char *text = NULL;

	if (plugged_entry(p, entry) && json_out_print(entry, false, &text, &err) == 0) {
		fputs("  ", stdout);
		print_clean(stdout, text);
		fputc('\n', stdout);
	}
	free(text);
	json_out_free(entry);
}

static void print_device(const struct cli_tables *tables, const struct plugged *p, bool entries)
{
	const struct link_identity *id = &p->id;

	print_clean(stdout, *id->uri ? id->uri : "(no name that stays: not on USB)");
	fputs("\n  ", stdout);
	if (p->driver)
		printf("%s%s: %s\n  ", p->certainty == 1 ? "probably " : "", p->driver->name, p->driver->description);
	else
		print_could(tables, p);
	print_clean(stdout, id->maker);
	fputs(*id->maker ? " " : "", stdout);
	print_clean(stdout, *id->product ? id->product : "unnamed device");
	print_ids(id);
	fputs("\n  ", stdout);
	print_clean(stdout, id->node);
	fputs(*id->port ? ", port " : "", stdout);
	print_clean(stdout, id->port);
	if (*p->kernel_driver)
		printf(", kernel driver %s", p->kernel_driver);
	fputs(", ", stdout);
	print_clean(stdout, *id->holder ? id->holder : "free");
	fputc('\n', stdout);
	if (entries)
		print_entry(p);
}

static void print_text(const struct cli_tables *tables, const struct plugged_list *list, bool entries)
{
	bool others = false;

	if (list->count == 0)
		printf("No device is present. Is it plugged in and switched on? \"lsusb\" shows what the system "
		       "sees.\n");
	for (unsigned i = 0; i < list->count; i++) {
		if (!list->device[i].driver && !others) {
			printf("%sno driver by its name (a bench file may still name one):\n", i ? "\n" : "");
			others = true;
		}
		print_device(tables, &list->device[i], entries);
	}
}

/* ---- as JSON ------------------------------------------------------------------------------------------------------ */

static void put_could(const struct cli_tables *tables, const struct plugged *p, struct json_out *o)
{
	struct json_out *list = json_out_add_array(o, "drivers");

	for (unsigned i = 0; tables->drivers[i]; i++)
		if (p->could >> i & 1)
			json_out_string(list, NULL, tables->drivers[i]->name);
}

static void put_device(const struct cli_tables *tables, const struct plugged *p, struct json_out *o)
{
	char hex[8];

	json_out_string(o, "link", p->id.uri);
	json_out_string(o, "driver", p->driver ? p->driver->name : NULL);
	json_out_bool(o, "certain", p->certainty > 1);
	put_could(tables, p, o);
	json_out_string(o, "maker", p->id.maker);
	json_out_string(o, "product", p->id.product);
	json_out_string(o, "serial", p->id.serial);
	snprintf(hex, sizeof(hex), "%04x", p->id.vid);
	json_out_string(o, "vid", hex);
	snprintf(hex, sizeof(hex), "%04x", p->id.pid);
	json_out_string(o, "pid", hex);
	json_out_string(o, "node", p->id.node);
	json_out_string(o, "port", p->id.port);
	json_out_string(o, "kernel_driver", *p->kernel_driver ? p->kernel_driver : NULL);
	json_out_string(o, "holder", *p->id.holder ? p->id.holder : NULL);
	if (p->driver && *p->id.uri)
		plugged_entry(p, json_out_add_object(o, "bench_entry"));
	else
		json_out_null(o, "bench_entry");
}

static int print_tree(struct json_out *root)
{
	struct err err = {0};
	char *text = NULL;
	int rc = json_out_print(root, false, &text, &err);

	if (rc == 0)
		puts(text);
	free(text);
	json_out_free(root);
	return rc == 0 ? EXIT_PASS : cli_error(EXIT_INTERNAL, "%s", err.text);
}

static const struct table_column columns[] = {
	{"link", TABLE_STRING, NULL},     {"driver", TABLE_STRING, NULL},
	{"certain", TABLE_BOOLEAN, NULL}, {"drivers", TABLE_STRING, NULL},
	{"maker", TABLE_STRING, NULL},    {"product", TABLE_STRING, NULL},
	{"serial", TABLE_STRING, NULL},   {"vid", TABLE_STRING, NULL},
	{"pid", TABLE_STRING, NULL},      {"node", TABLE_STRING, NULL},
	{"port", TABLE_STRING, NULL},     {"kernel_driver", TABLE_STRING, NULL},
	{"holder", TABLE_STRING, NULL},   {.path = NULL},
};
const struct table table_list = {"list", "", columns};

static int print_form(const struct cli_tables *tables, const struct plugged_list *list, bool csv)
{
	struct json_out *root = json_out_array();
	struct err err = {""};

	for (unsigned i = 0; i < list->count; i++)
		put_device(tables, &list->device[i], json_out_add_object(root, NULL));
	return table_print(root, &table_list, csv, &err) == 0 ? EXIT_PASS : cli_error(EXIT_INTERNAL, "%s", err.text);
}

/* ---- what changes ------------------------------------------------------------------------------------------------- */

static bool is_in(const struct plugged *p, const struct plugged_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		if (strcmp(p->id.uri, list->device[i].id.uri) == 0 && strcmp(p->id.node, list->device[i].id.node) == 0)
			return true;
	return false;
}

static void tell_change(const struct cli_tables *tables, const struct plugged *p, bool came,
			const struct list_options *o)
{
	if (o->json) {
		struct json_out *root = json_out_object();
		json_out_string(root, "event", came ? "plugged_in" : "pulled_out");
		put_device(tables, p, json_out_add_object(root, "device"));
		print_tree(root);
	} else {
		printf("%s ", came ? "+" : "-");
		print_device(tables, p, came && o->entries);
	}
}

static void tell_changes(const struct cli_tables *tables, const struct plugged_list *was, const struct plugged_list *is,
			 const struct list_options *o)
{
	for (unsigned i = 0; i < was->count; i++)
		if (!is_in(&was->device[i], is))
			tell_change(tables, &was->device[i], false, o);
	for (unsigned i = 0; i < is->count; i++)
		if (!is_in(&is->device[i], was))
			tell_change(tables, &is->device[i], true, o);
	fflush(stdout);
}

/* Ends with a signal, whose usual way it goes. */
static int watch(const struct cli_tables *tables, int fd, struct plugged_list *list, const struct list_options *o)
{
	struct plugged_list *was = calloc(1, sizeof(*was));
	int status = 0;

	fflush(stdout);
	while (was && !ferror(stdout) && (status = system_watch_wait(fd)) == 0) {
		*was = *list;
		plugged_find(tables, list);
		tell_changes(tables, was, list, o);
	}
	free(was);
	return was ? cli_error(EXIT_DEVICE_LOST, "what is plugged in is told no more: %s", strerror(-status))
		   : cli_error(EXIT_INTERNAL, "out of memory");
}

static int show(const struct cli_tables *tables, int fd, struct plugged_list *list, const struct list_options *o)
{
	int code = plugged_find(tables, list), printed = EXIT_PASS;

	if (o->json || o->csv)
		printed = print_form(tables, list, o->csv);
	else
		print_text(tables, list, o->entries);
	if (list->beyond)
		cli_error(0, "%u more devices are present than the %d that are shown", list->beyond, PLUGGED_MAX);
	if (o->watch)
		return watch(tables, fd, list, o);
	return printed != EXIT_PASS ? printed : code;
}

static int list_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct list_options *o = options;
	struct plugged_list *list = calloc(1, sizeof(*list));
	struct err err = {0};
	int fd = o->watch ? system_watch_open(&err) : -1; /* before the first look, so that no change is missed */

	(void)operands, (void)count;
	if (o->csv && o->watch) {
		free(list);
		return cli_error(EXIT_USAGE, "--watch: as text, or with --json");
	}
	int code = !list                ? cli_error(EXIT_INTERNAL, "out of memory")
		   : o->watch && fd < 0 ? cli_error(EXIT_DEVICE_LOST, "%s", err.text)
					: show(tables, fd, list, o);
	if (fd >= 0)
		close(fd);
	free(list);
	return code;
}

const struct command command_list = {
	.name = "list",
	.operands = "",
	.group = "The bench",
	.summary = "List the devices that are present, with the names for a bench file",
	.description =
		"For every serial port, USB and IIO device: the link name to write into a bench file (it stays the "
		"same "
		"after replugging and rebooting, and no other device has it: equal adapters are named by their "
		"sockets), "
		"the driver that fits or those that a bench file may name, maker, product, ids and serial number, the "
		"device "
		"node of the moment, its kernel driver, and who holds it. Opens no device, so a pen is not disturbed.",
	.example = "  penrig list --entries\n  penrig list --json | jq -r '.[].link'\n  penrig list --watch\n",
	.options = list_table,
	.options_size = sizeof(struct list_options),
	.run = list_run,
};
