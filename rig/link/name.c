/* Names of devices: what they are or where they are plugged in, never an address that changes.
 * Knows the two schemes of the product and the few places of Linux that lead from one name to another. */
#include "rig/link/name.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FORMS_USB    "usb:VID:PID:SERIAL or usb:port=1-2.3"
#define FORMS_SERIAL "serial:VID:PID:SERIAL, serial:port=1-2.3 or serial:by-id=NAME"

static const char *forms(const char *scheme)
{
	return strcmp(scheme, "usb") == 0 ? FORMS_USB : FORMS_SERIAL;
}

void link_read_line(const char *path, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");

	ret[0] = '\0';
	if (!file)
		return;
	if (!fgets(ret, (int)size, file))
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	fclose(file);
}

static bool hex4(const char *text, uint16_t *ret)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return false;
		value = value * 16 + (unsigned)(isdigit((unsigned char)text[i])
							? text[i] - '0'
							: tolower((unsigned char)text[i]) - 'a' + 10);
	}
	*ret = (uint16_t)value;
	return true;
}

/* "1-2.3": bus, then the ports on the way. */
static bool port_path(const char *text)
{
	bool digit = false;
	int dashes = 0;

	for (const char *c = text; *c; c++) {
		if (isdigit((unsigned char)*c)) {
			digit = true;
		} else if (digit && ((*c == '-' && dashes++ == 0) || (*c == '.' && dashes == 1))) {
			digit = false;
		} else {
			return false;
		}
	}
	return digit && dashes == 1 && strlen(text) < sizeof(((struct link_identity *)0)->port);
}

int link_by_id_of(const char *node, char *ret, size_t size)
{
	DIR *dir = opendir(LINK_BY_ID);
	const char *base = strrchr(node, '/');
	struct dirent *entry;
	int status = -ENOENT;

	if (!dir)
		return -ENOENT;
	base = base ? base + 1 : node;
	while (status && (entry = readdir(dir))) {
		char path[sizeof(LINK_BY_ID) + 1 + NAME_MAX + 1], target[PATH_MAX];
		ssize_t len;

		snprintf(path, sizeof(path), LINK_BY_ID "/%s", entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len <= 0 || strlen(entry->d_name) >= size)
			continue;
		target[len] = '\0';
		if (strcmp(strrchr(target, '/') ? strrchr(target, '/') + 1 : target, base) == 0) {
			snprintf(ret, size, "%s", entry->d_name);
			status = 0;
		}
	}
	closedir(dir);
	return status;
}

static int refuse_node(const char *scheme, const char *node, struct err *err)
{
	char name[LINK_NAME_MAX];

	if (strcmp(scheme, "serial") == 0 && link_by_id_of(node, name, sizeof(name)) == 0)
		return err_set(err, -EINVAL, "%s is not a stable name (it changes on replug); write serial:by-id=%s",
			       node, name);
	return err_set(err, -EINVAL, "%s is not a stable name (it changes on replug); write %s, as `penrig list` shows",
		       node, forms(scheme));
}

static int parse_text(struct link_name *name, enum link_name_kind kind, const char *text, struct err *err)
{
	if (strlen(text) >= sizeof(name->text))
		return err_set(err, -EINVAL, "device name is longer than %zu characters", sizeof(name->text) - 1);
	name->kind = kind;
	snprintf(name->text, sizeof(name->text), "%s", text);
	return 0;
}

static int parse_port(struct link_name *name, const char *scheme, const char *port, struct err *err)
{
	if (!port_path(port))
		return err_set(err, -EINVAL,
			       "'%s' is not a USB port path; write %s:port=BUS-PORT.PORT, such as port=1-2.3", port,
			       scheme);
	return parse_text(name, LINK_NAME_PORT, port, err);
}

static int parse_by_id(struct link_name *name, const char *id, struct err *err)
{
	if (!*id || strchr(id, '/') || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return err_set(err, -EINVAL,
			       "'%s' is not a name in %s; write serial:by-id=NAME with the file's name alone", id,
			       LINK_BY_ID);
	return parse_text(name, LINK_NAME_BY_ID, id, err);
}

static int parse_ids(struct link_name *name, const char *scheme, const char *uri, struct err *err)
{
	if (!hex4(uri, &name->vid) || uri[4] != ':' || !hex4(uri + 5, &name->pid) || (uri[9] && uri[9] != ':'))
		return err_set(err, -EINVAL, "'%s:%s' names no device: write %s (VID and PID are four hex digits)",
			       scheme, uri, forms(scheme));
	if (uri[9] != ':' || !uri[10])
		return err_set(err, -EINVAL,
			       "'%s:%s' lacks the serial number: write %s:%.9s:SERIAL, or %s:port=1-2.3 for a device "
			       "without one",
			       scheme, uri, scheme, uri, scheme);
	return parse_text(name, LINK_NAME_IDS, uri + 10, err);
}

int link_name_parse(const char *scheme, const char *uri, struct link_name *ret, struct err *err)
{
	bool serial = strcmp(scheme, "serial") == 0;
	struct link_name name = {0};
	int status;

	if (strncmp(uri, "port=", 5) == 0)
		status = parse_port(&name, scheme, uri + 5, err);
	else if (serial && strncmp(uri, "by-id=", 6) == 0)
		status = parse_by_id(&name, uri + 6, err);
	else if (serial && strncmp(uri, LINK_BY_ID "/", strlen(LINK_BY_ID) + 1) == 0)
		status = parse_by_id(&name, uri + strlen(LINK_BY_ID) + 1, err);
	else if (*uri == '/')
		status = refuse_node(scheme, uri, err);
	else
		status = parse_ids(&name, scheme, uri, err);
	if (!status)
		*ret = name;
	return status;
}

bool link_name_matches(const struct link_name *name, const struct link_identity *id)
{
	if (name->kind == LINK_NAME_PORT)
		return strcmp(name->text, id->port) == 0;
	return name->kind == LINK_NAME_IDS && name->vid == id->vid && name->pid == id->pid &&
	       strcmp(name->text, id->serial) == 0;
}

/* ---- addresses ---------------------------------------------------------------------------------------------------- */

/* Text up to 48 bytes before the port, and the port's text or NULL. */
static bool split_address(const char *uri, struct link_address *ret, const char **ret_port)
{
	const char *from = *uri == '[' ? uri + 1 : uri, *end = strchr(from, *uri == '[' ? ']' : ':');
	size_t len = end ? (size_t)(end - from) : strlen(from);

	ret->v6 = *uri == '[';
	if (len >= sizeof(ret->host) || (ret->v6 && !end))
		return false;
	memcpy(ret->host, from, len);
	ret->host[len] = '\0';
	end = from + len + (ret->v6 ? 1 : 0);
	*ret_port = *end == ':' ? end + 1 : NULL;
	return *end == ':' || !*end;
}

int link_address_parse(const char *uri, struct link_address *ret, struct err *err)
{
	struct link_address address = {.port = 0};
	const char *port = NULL;
	uint8_t bytes[16];
	int family;

	if (!split_address(uri, &address, &port))
		return err_set(err, -EINVAL, "'tcp:%s' names no device: write tcp:ADDRESS:PORT or tcp:[IPV6]:PORT",
			       uri);
	family = address.v6 ? AF_INET6 : AF_INET;
	if (inet_pton(family, address.host, bytes) != 1)
		return err_set(
			err, -EINVAL,
			"'tcp:%s': \"%s\" is no address such as 192.168.1.20; a name is not looked up, since that "
			"may take seconds: `getent ahosts NAME` shows its address",
			uri, address.host);
	inet_ntop(family, bytes, address.host, sizeof(address.host));
	if (port) {
		char *end;
		long number = isdigit((unsigned char)*port) ? strtol(port, &end, 10) : 0;
		if (number < 1 || number > 65535 || *end)
			return err_set(err, -EINVAL, "'tcp:%s': a port is a number from 1 to 65535", uri);
		address.port = (uint16_t)number;
	}
	*ret = address;
	return 0;
}

/* ---- who holds a node ------------------------------------------------------------------------------------------ */

static void holder_text(long pid, char *ret, size_t size)
{
	char path[32], comm[32];

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	link_read_line(path, comm, sizeof(comm));
	snprintf(ret, size, "%s (pid %ld)", *comm ? comm : "a process", pid);
}

static long holder_by_lock(const struct stat *node)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	long pid, found = 0;
	unsigned major_no, minor_no;
	unsigned long inode;

	if (!locks)
		return 0;
	while (!found && fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*d: FLOCK %*s WRITE %ld %x:%x:%lu", &pid, &major_no, &minor_no, &inode) == 4 &&
		    major_no == major(node->st_dev) && minor_no == minor(node->st_dev) && inode == node->st_ino &&
		    pid > 0 && pid != getpid())
			found = pid;
	fclose(locks);
	return found;
}

static bool process_holds(const char *pid, const struct stat *node)
{
	char path[64 + NAME_MAX];
	struct dirent *entry;
	bool holds = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!holds && (entry = readdir(dir))) {
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%.16s/fd/%s", pid, entry->d_name);
		holds = stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == node->st_rdev;
	}
	closedir(dir);
	return holds;
}

static long holder_by_descriptor(const struct stat *node)
{
	DIR *dir = S_ISCHR(node->st_mode) ? opendir("/proc") : NULL;
	struct dirent *entry;
	long found = 0;

	if (!dir)
		return 0;
	while (!found && (entry = readdir(dir))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid != getpid() && process_holds(entry->d_name, node))
			found = pid;
	}
	closedir(dir);
	return found;
}

void link_holder(const char *node, char *ret, size_t size)
{
	/* O_PATH asks the file system alone: it disturbs nobody and works on a node that is held exclusively. */
	int fd = open(node, O_PATH | O_CLOEXEC);
	struct stat st;
	long pid = 0;

	ret[0] = '\0';
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0) {
		pid = holder_by_lock(&st);
		if (!pid)
			pid = holder_by_descriptor(&st);
	}
	close(fd);
	if (pid)
		holder_text(pid, ret, size);
}
