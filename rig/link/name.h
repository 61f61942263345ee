/* Device names without their scheme ("1209:0001:SN", "port=1-2.3", "by-id=NAME"): parsed, compared, and found stable
 * ones for names that are not. Reads directories only; opens no device. */
#ifndef PENRIG_LINK_NAME_H
#define PENRIG_LINK_NAME_H

#include "rig/link/link.h"

#define LINK_BY_ID "/dev/serial/by-id"

enum link_name_kind { LINK_NAME_IDS, LINK_NAME_PORT, LINK_NAME_BY_ID };

struct link_name {
	enum link_name_kind kind;
	uint16_t vid, pid;
	char text[LINK_NAME_MAX]; /* serial number, port path or by-id name */
};

/* `scheme` is "usb" or "serial", `uri` stands without it. -EINVAL with the remedy, and the stable name where one is
 * known. */
int link_name_parse(const char *scheme, const char *uri, struct link_name *ret, struct err *err);

/* By ids or port; a by-id name is the file system's to resolve and never matches here. */
bool link_name_matches(const struct link_name *name, const struct link_identity *id);

/* A device on the network: "192.168.1.20", "192.168.1.20:502", "[fe80::1]:502". Its address, never a name. */
struct link_address {
	char host[48]; /* as inet_ntop() writes it */
	bool v6;
	uint16_t port; /* 0: not said */
};

/* -EINVAL with the remedy. uri: without its scheme. */
int link_address_parse(const char *uri, struct link_address *ret, struct err *err);

/* The name in /dev/serial/by-id that leads to `node` ("/dev/ttyACM0"), or -ENOENT. */
int link_by_id_of(const char *node, char *ret, size_t size);

/* First line of a small text file (sysfs), without the newline; "" where it cannot be read. */
void link_read_line(const char *path, char *ret, size_t size);

/* "penrig (pid 412)" for another process that holds `node`, "" for nobody or unknown. Looks at file locks first (they
 * are visible for every user's processes), then at open descriptors. */
void link_holder(const char *node, char *ret, size_t size);

#endif
