/* The table of links and the way from a URI to an open one. Knows schemes, no wire. */
#include "rig/link/link.h"

#include <errno.h>
#include <string.h>

#include "rig/link/name.h"

const struct link_ops *const link_table[] = {&link_serial, &link_usb, NULL};

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
		       "'%s' names no device: write usb:VID:PID:SERIAL, serial:VID:PID:SERIAL or serial:by-id=NAME; "
		       "`penrig list` shows the names of what is plugged in",
		       uri);
}

int link_uri_check(const struct link_ops *const *table, const char *uri, struct err *err)
{
	const struct link_ops *ops;
	struct link_name name;
	const char *rest;
	int status = find_ops(table, uri, &ops, &rest, err);

	if (status)
		return status;
	if (known_scheme(ops->scheme))
		return link_name_parse(ops->scheme, rest, &name, err);
	return *rest ? 0 : err_set(err, -EINVAL, "'%s' names no device: nothing stands behind the colon", uri);
}

static int check_wants(const struct link_ops *ops, const struct link_wants *wants, const char *uri, struct err *err)
{
	if (strcmp(ops->scheme, "usb") == 0 && !wants->usb_class)
		return err_set(err, -EINVAL, "%s: this driver has no USB interface; name the device as serial:…", uri);
	if (strcmp(ops->scheme, "serial") == 0 && !wants->baud)
		return err_set(err, -EINVAL, "%s: this driver has no serial interface; name the device as usb:…", uri);
	return 0;
}

int link_open(const struct link_ops *const *table, struct loop *loop, const char *uri, const struct link_wants *wants,
	      const struct link_sink *sink, struct link **ret, struct err *err)
{
	const struct link_ops *ops;
	const char *rest;
	int status = find_ops(table, uri, &ops, &rest, err);

	if (!status)
		status = check_wants(ops, wants, uri, err);
	if (status)
		return status;
	if (wants->usbtmc && strcmp(ops->scheme, "usb") == 0)
		return link_usbtmc_open(loop, ops, rest, wants, sink, ret, err);
	return ops->open(loop, rest, wants, sink, ret, err);
}

void link_close(struct link *link)
{
	if (link)
		link->ops->close(link);
}
