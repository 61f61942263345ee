/* See plugged.h. Opens nothing. */
#include "rig/cli/kit/plugged.h"

#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/command.h"
#include "rig/system/port.h"

struct search {
	const struct cli_tables *tables;
	const struct link_ops *ops;
	struct plugged_list *list;
};

/* ---- finding ------------------------------------------------------------------------------------------------------ */

/* A driver that could not be told from others by ids: it has the face that this link is for. What reports mean, the face of a
 * HID device does not tell. */
static bool has_face(const struct driver *driver, const char *scheme, const struct link_identity *id)
{
	if (strcmp(scheme, "serial") == 0)
		return driver->wants.serial.baud != 0;
	return driver->wants.usb_class && driver->wants.usb_class == id->usb_class &&
	       driver->wants.usb_subclass == id->usb_subclass && !driver->wants.hid_report;
}

static void each_device(void *ctx, const struct link_identity *id)
{
	struct search *search = ctx;
	struct plugged_list *list = search->list;
	struct system_port port;
	struct plugged *p;

	if (list->count == PLUGGED_MAX) {
		list->beyond++;
		return;
	}
	p = &list->device[list->count++];
	*p = (struct plugged){.id = *id, .scheme = search->ops->scheme};
	for (unsigned i = 0; search->tables->drivers[i]; i++) {
		const struct driver *driver = search->tables->drivers[i];
		int certainty = driver->match(id);
		if (has_face(driver, p->scheme, id) || certainty > 0)
			p->could |= UINT32_C(1) << i;
		if (certainty > p->certainty) {
			p->certainty = certainty;
			p->driver = driver;
		}
	}
	for (unsigned i = 0; p->certainty > 1 && search->tables->drivers[i]; i++)
		if (search->tables->drivers[i] != p->driver)
			p->could &= ~(UINT32_C(1) << i);
	system_port_read("", id->node, NULL, &port);
	snprintf(p->kernel_driver, sizeof(p->kernel_driver), "%s", port.kernel_driver);
}

static void each_iio(void *ctx, const char *device, const char *name)
{
	struct search *search = ctx;
	struct plugged_list *list = search->list;
	struct plugged *p;

	if (list->count == PLUGGED_MAX) {
		list->beyond++;
		return;
	}
	p = &list->device[list->count++];
	*p = (struct plugged){.scheme = "file"};
	snprintf(p->id.uri, sizeof(p->id.uri), "file:/dev/%.100s", device);
	snprintf(p->id.node, sizeof(p->id.node), "/dev/%.100s", device);
	snprintf(p->id.product, sizeof(p->id.product), "%.40s (IIO)", *name ? name : "unnamed");
	for (unsigned i = 0; search->tables->drivers[i]; i++)
		if (search->tables->drivers[i]->wants.source)
			p->could |= UINT32_C(1) << i;
}

/* Two adapters of one make often have one serial number, or none: each is then named by its socket. */
static void make_unique(struct plugged_list *list)
{
	bool twin[PLUGGED_MAX] = {false};

	for (unsigned i = 0; i < list->count; i++)
		for (unsigned j = 0; j < i; j++)
			if (*list->device[i].id.uri && strcmp(list->device[i].id.uri, list->device[j].id.uri) == 0)
				twin[i] = twin[j] = true;
	for (unsigned i = 0; i < list->count; i++) {
		struct plugged *p = &list->device[i];
		if (!twin[i])
			continue;
		if (*p->id.port)
			snprintf(p->id.uri, sizeof(p->id.uri), "%s:port=%s", p->scheme, p->id.port);
		else
			p->id.uri[0] = '\0';
	}
}

static int by_use(const void *a, const void *b)
{
	const struct plugged *x = a, *y = b;
	int order;

	if (x->certainty != y->certainty)
		return x->certainty > y->certainty ? -1 : 1;
	order = strcmp(x->id.uri, y->id.uri);
	return order ? order : strcmp(x->id.node, y->id.node);
}

int plugged_find(const struct cli_tables *tables, struct plugged_list *ret)
{
	struct search search = {.tables = tables, .list = ret};
	struct err err = {0};
	int code = EXIT_PASS;

	ret->count = ret->beyond = 0;
	for (unsigned i = 0; tables->links[i]; i++) {
		search.ops = tables->links[i];
		if (search.ops->list(each_device, &search, &err) < 0)
			code = cli_error(EXIT_DEVICE_LOST, "cannot list %s devices: %s", search.ops->name, err.text);
	}
	if (tables->stopper) /* the devices are of this computer */
		system_iio_list("", each_iio, &search);
	make_unique(ret);
	qsort(ret->device, ret->count, sizeof(ret->device[0]), by_use);
	return code;
}

/* ---- the entry ---------------------------------------------------------------------------------------------------- */

/* The role that a device of this driver has on most benches: the first that a bench must have, or else its first. */
static enum device_role role_of(const struct driver *driver)
{
	unsigned first = ROLES_COUNT;

	for (unsigned i = 0; i < ROLES_COUNT; i++) {
		if (!(driver->roles & ROLE_BIT(i)))
			continue;
		if (role_row((enum device_role)i)->at_least)
			return (enum device_role)i;
		first = first == ROLES_COUNT ? i : first;
	}
	return (enum device_role)first;
}

/* One bench serves every pen of a kind: where the link ends in the serial number that the pen itself tells, {dut} stands. */
void plugged_link(const struct plugged *p, enum device_role role, char *ret, size_t size)
{
	size_t uri = strlen(p->id.uri), serial = strlen(p->id.serial);

	if (role == ROLE_PEN && serial && uri > serial && strcmp(p->id.uri + uri - serial, p->id.serial) == 0 &&
	    p->id.uri[uri - serial - 1] == ':')
		snprintf(ret, size, "%.*s{dut}", (int)(uri - serial), p->id.uri);
	else
		snprintf(ret, size, "%s", p->id.uri);
}

bool plugged_entry(const struct plugged *device, struct json_out *ret)
{
	struct json_out *roles;
	char link[LINK_NAME_MAX + 8];

	if (!device->driver || !*device->id.uri)
		return false;
	enum device_role role = role_of(device->driver);
	plugged_link(device, role, link, sizeof(link));
	json_out_string(ret, "name", role_row(role)->label);
	roles = json_out_add_array(ret, "roles");
	json_out_string(roles, NULL, role_row(role)->name);
	json_out_string(ret, "driver", device->driver->name);
	json_out_string(ret, "link", link);
	if (strcmp(device->scheme, "serial") == 0)
		json_out_int(ret, "baud", device->driver->wants.serial.baud);
	return true;
}
