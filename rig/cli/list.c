/* `penrig list`: what is plugged in, under the name that a bench file needs. Opens nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/cli/kit/command.h"

#define FOUND_MAX 256 /* two buses of 127 addresses; what is beyond is told */

struct list_options {
	bool json;
};

static const struct cli_option list_table[] = {
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct list_options, json),
	 .help = "One JSON array on standard output."},
	{.name = NULL},
};

struct found {
	struct link_identity id;
	const struct driver *driver; /* NULL: none of ours */
	int certainty;
};

struct search {
	const struct cli_tables *tables;
	struct found *found;
	unsigned count, beyond;
};

static void each_device(void *ctx, const struct link_identity *id)
{
	struct search *search = ctx;
	struct found *f;

	if (search->count == FOUND_MAX) {
		search->beyond++;
		return;
	}
	f = &search->found[search->count++];
	*f = (struct found){.id = *id};
	for (unsigned i = 0; search->tables->drivers[i]; i++) {
		int certainty = search->tables->drivers[i]->match(id);

		if (certainty > f->certainty) {
			f->certainty = certainty;
			f->driver = search->tables->drivers[i];
		}
	}
}

static int by_use(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->certainty != y->certainty)
		return x->certainty > y->certainty ? -1 : 1;
	return strcmp(x->id.uri, y->id.uri);
}

static const char *holder_of(const struct found *f)
{
	return *f->id.holder ? f->id.holder : "free";
}

static void print_ids(const struct link_identity *id)
{
	if (!id->vid)
		return;
	printf(", %04x:%04x, serial number ", id->vid, id->pid);
	print_clean(stdout, *id->serial ? id->serial : "none");
}

static void print_device(const struct found *f)
{
	const struct link_identity *id = &f->id;

	print_clean(stdout, *id->uri ? id->uri : "(no name that stays: not on USB)");
	fputs("\n  ", stdout);
	if (f->driver)
		printf("%s%s: %s\n  ", f->certainty == 1 ? "probably " : "", f->driver->name, f->driver->description);
	print_clean(stdout, id->maker);
	fputs(*id->maker ? " " : "", stdout);
	print_clean(stdout, *id->product ? id->product : "unnamed device");
	print_ids(id);
	fputs("\n  ", stdout);
	print_clean(stdout, id->node);
	fputs(*id->port ? ", port " : "", stdout);
	print_clean(stdout, id->port);
	fputs(", ", stdout);
	print_clean(stdout, holder_of(f));
	fputc('\n', stdout);
}

static void print_text(const struct search *search)
{
	bool others = false;

	if (search->count == 0)
		printf("No device is present. Is it plugged in and switched on? \"lsusb\" shows what the system "
		       "sees.\n");
	for (unsigned i = 0; i < search->count; i++) {
		if (!search->found[i].driver && !others) {
			printf("%sno driver by its name (a bench file may still name one):\n", i ? "\n" : "");
			others = true;
		}
		print_device(&search->found[i]);
	}
}

static int print_json(const struct search *search, struct err *err)
{
	struct json_out *root = json_out_array();
	char *text = NULL, hex[8];
	int rc;

	for (unsigned i = 0; i < search->count; i++) {
		const struct found *f = &search->found[i];
		struct json_out *o = json_out_add_object(root, NULL);

		json_out_string(o, "link", f->id.uri);
		json_out_string(o, "driver", f->driver ? f->driver->name : NULL);
		json_out_bool(o, "certain", f->certainty > 1);
		json_out_string(o, "maker", f->id.maker);
		json_out_string(o, "product", f->id.product);
		json_out_string(o, "serial", f->id.serial);
		snprintf(hex, sizeof(hex), "%04x", f->id.vid);
		json_out_string(o, "vid", hex);
		snprintf(hex, sizeof(hex), "%04x", f->id.pid);
		json_out_string(o, "pid", hex);
		json_out_string(o, "node", f->id.node);
		json_out_string(o, "port", f->id.port);
		json_out_string(o, "holder", *f->id.holder ? f->id.holder : NULL);
	}
	rc = json_out_print(root, true, &text, err);
	if (rc == 0)
		puts(text);
	free(text);
	json_out_free(root);
	return rc;
}

static int search_links(struct search *search)
{
	struct err err = {0};
	int code = EXIT_PASS;

	for (unsigned i = 0; search->tables->links[i]; i++) {
		const struct link_ops *link = search->tables->links[i];

		if (link->list(each_device, search, &err) < 0)
			code = cli_error(EXIT_DEVICE_LOST, "cannot list %s devices: %s", link->name, err.text);
	}
	qsort(search->found, search->count, sizeof(*search->found), by_use);
	return code;
}

static int list_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct list_options *o = options;
	struct search search = {.tables = tables, .found = calloc(FOUND_MAX, sizeof(struct found))};
	struct err err = {0};
	int code;

	(void)operands, (void)count;
	if (!search.found)
		return cli_error(EXIT_INTERNAL, "out of memory");
	code = search_links(&search);
	if (o->json) {
		if (print_json(&search, &err) < 0)
			code = cli_error(EXIT_INTERNAL, "%s", err.text);
	} else {
		print_text(&search);
	}
	if (search.beyond)
		cli_error(0, "%u more devices are present than the %d that are shown", search.beyond, FOUND_MAX);
	free(search.found);
	return code;
}

const struct command command_list = {
	.name = "list",
	.operands = "",
	.summary = "List the devices that are present, with the names for a bench file",
	.description =
		"For every serial and USB device: the link name to write into a bench file (it stays the same after "
		"replugging "
		"and rebooting), the driver that fits, maker, product, ids and serial number, the device node of the "
		"moment, and who holds it. Opens no device, so a pen is not disturbed.",
	.example = "  penrig list\n  penrig list --json | jq -r '.[].link'\n",
	.options = list_table,
	.options_size = sizeof(struct list_options),
	.run = list_run,
};
