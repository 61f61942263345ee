/* The table of links and the way from a URI to an open one. Knows schemes, no wire. */
#include "rig/link/link.h"

#include <errno.h>
#include <string.h>

#include "rig/link/name.h"

const struct link_ops *const link_table[] = {&link_serial, &link_usb, &link_exec, &link_file, &link_tcp, NULL};

static bool known_scheme(const char *scheme)
{
	return strcmp(scheme, "usb") == 0 || strcmp(scheme, "serial") == 0;
}

static int find_ops(const struct link_ops *const *table, const char *uri, const struct link_ops **ret,
		    const char **ret_rest, struct err *err)
{
	struct link_name ignored;
	size_t len = strcspn(uri, ":");

	if (*uri == '/')
		return link_name_parse(strncmp(uri, "/dev/bus/usb", 12) == 0 ? "usb" : "serial", uri, &ignored, err) ==
				       0
			       ? err_set(err, -EINVAL, "'%s' lacks its scheme; write serial:%s", uri, uri)
			       : -EINVAL;
	for (const struct link_ops *const *ops = table; uri[len] == ':' && *ops; ops++) {
		if (strncmp((*ops)->scheme, uri, len) == 0 && !(*ops)->scheme[len]) {
			*ret = *ops;
			*ret_rest = uri + len + 1;
			return 0;
		}
	}
	return err_set(err, -EINVAL,
		       "'%s' names no device: write usb:VID:PID:SERIAL, serial:VID:PID:SERIAL or serial:by-id=NAME "
		       "(`penrig list` shows the names of what is plugged in), tcp:ADDRESS, exec:PROGRAM or file:PATH",
		       uri);
}

int link_uri_check(const struct link_ops *const *table, const char *uri, struct err *err)
{
	const struct link_ops *ops;
	struct link_address address;
	struct link_name name;
	const char *rest;
	int status = find_ops(table, uri, &ops, &rest, err);

	if (status)
		return status;
	if (known_scheme(ops->scheme))
		return link_name_parse(ops->scheme, rest, &name, err);
	if (strcmp(ops->scheme, "tcp") == 0)
		return link_address_parse(rest, &address, err);
	return *rest ? 0 : err_set(err, -EINVAL, "'%s' names no device: nothing stands behind the colon", uri);
}

bool link_uri_names(const char *uri, const char *scheme, const struct link_identity *id)
{
	size_t len = strlen(scheme);
	char by_id[LINK_NAME_MAX];
	struct link_name name;
	struct err ignored;

	if (strncmp(uri, scheme, len) != 0 || uri[len] != ':')
		return false;
	if (strcmp(uri, id->uri) == 0)
		return true;
	if (!known_scheme(scheme) || link_name_parse(scheme, uri + len + 1, &name, &ignored))
		return false;
	if (name.kind != LINK_NAME_BY_ID)
		return link_name_matches(&name, id);
	return link_by_id_of(id->node, by_id, sizeof(by_id)) == 0 && strcmp(by_id, name.text) == 0;
}

bool link_uri_is_listed(const struct link_ops *const *table, const char *uri)
{
	const struct link_ops *ops;
	const char *rest;
	struct err ignored;

	return find_ops(table, uri, &ops, &rest, &ignored) == 0 && !ops->unlisted;
}

bool link_uri_is_source(const struct link_ops *const *table, const char *uri)
{
	const struct link_ops *ops;
	const char *rest;
	struct err ignored;

	return find_ops(table, uri, &ops, &rest, &ignored) == 0 && ops->source;
}

static bool given(const struct link_settings *settings)
{
	return settings->baud || settings->data_bits || settings->stop_bits || settings->parity || settings->flow ||
	       settings->wait_ns;
}

static int check_no_settings(const struct link_opening *opening, struct err *err)
{
	if (given(&opening->settings))
		return err_set(err, -EINVAL,
			       "%s: baud rate, data bits, parity, stop bits, flow control and a wait after opening are "
			       "for serial: links; leave them out",
			       opening->uri);
	return 0;
}

static int check_usb(const struct link_opening *opening, struct err *err)
{
	if (!opening->wants.usb_class)
		return err_set(err, -EINVAL, "%s: this driver has no USB interface; name the device as serial:…",
			       opening->uri);
	return check_no_settings(opening, err);
}

static int check_tcp(const struct link_opening *opening, struct err *err)
{
	if (!opening->wants.tcp_port)
		return err_set(err, -EINVAL,
			       "%s: this driver has no network interface; name the device as serial:… or usb:…",
			       opening->uri);
	return check_no_settings(opening, err);
}

/* Fills what the bench and the driver leave unset. */
static int settle_serial(const struct link_opening *opening, struct link_settings *settings, struct err *err)
{
	if (!opening->wants.serial.baud)
		return err_set(err, -EINVAL, "%s: this driver has no serial interface; name the device as usb:…",
			       opening->uri);
	int status = link_settings_check(&opening->settings, err);
	if (status) {
		err_prefix(err, "%s", opening->uri);
		return status;
	}
	*settings = link_settings_over(&opening->settings, &opening->wants.serial);
	if (opening->wants.binary && (settings->data_bits != 8 || settings->flow == LINK_FLOW_XON_XOFF))
		return err_set(err, -EINVAL,
			       "%s: this driver's protocol uses every byte value: leave out \"data_bits\" and XON/XOFF",
			       opening->uri);
	return 0;
}

/* A driver that asks its device needs a way there; one that only listens has no port to set up. */
static int check_source(const struct link_opening *opening, bool source, struct err *err)
{
	if (source == opening->wants.source)
		return 0;
	return err_set(err, -EINVAL, "%s: %s", opening->uri,
		       source ? "over exec: and file: nothing can be asked: only the driver \"command\" has such a link"
			      : "this driver reads a program or a FIFO; name it as exec:PROGRAM or file:PATH");
}

int link_open(const struct link_opening *opening, struct link **ret, struct err *err)
{
	struct link_wants wants = opening->wants;
	const struct link_ops *ops;
	const char *rest;
	int status = find_ops(opening->table, opening->uri, &ops, &rest, err);

	if (!status)
		status = check_source(opening, ops->source, err);
	if (!status && strcmp(ops->scheme, "usb") == 0)
		status = check_usb(opening, err);
	else if (!status && strcmp(ops->scheme, "serial") == 0)
		status = settle_serial(opening, &wants.serial, err);
	else if (!status && strcmp(ops->scheme, "tcp") == 0)
		status = check_tcp(opening, err);
	if (status)
		return status;
	if (opening->adopted && ops->adopt)
		return ops->adopt(opening->loop, rest, opening->adopted, &opening->sink, ret, err);
	if (wants.usbtmc && strcmp(ops->scheme, "usb") == 0)
		return link_usbtmc_open(ops, rest, opening, ret, err);
	if (wants.hid_report && strcmp(ops->scheme, "usb") == 0)
		return link_hid_open(ops, rest, opening, ret, err);
	return ops->open(opening->loop, rest, &wants, &opening->sink, ret, err);
}

void link_close(struct link *link)
{
	if (link)
		link->ops->close(link);
}
