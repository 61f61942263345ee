/* See port.h. */
#include "rig/system/port.h"

#include <ctype.h>
#include <dirent.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LATENCY_GOOD_MS 1
#define RULES           "/etc/udev/rules.d/71-penrig-local.rules"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void read_line(const char *folder, const char *name, char *ret, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	ret[0] = '\0';
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(ret, (int)size, file))
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	fclose(file);
}

static const char *last_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The kernel driver of a device's folder: where its link "driver" leads to. */
static void driver_of(const char *folder, char *ret, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];

	ret[0] = '\0';
	snprintf(path, sizeof(path), "%s/driver", folder);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	snprintf(ret, size, "%.31s", last_of(target));
}

/* The folder of the USB device above: it has idVendor. */
static void usb_above(const char *folder, char *ret, size_t size)
{
	char dir[PATH_MAX], probe[8];

	ret[0] = '\0';
	snprintf(dir, sizeof(dir), "%s", folder);
	for (char *slash = strrchr(dir, '/'); slash && slash != dir; slash = strrchr(dir, '/')) {
		read_line(dir, "idVendor", probe, sizeof(probe));
		if (*probe) {
			if (strlen(dir) < size)
				strcpy(ret, dir);
			return;
		}
		*slash = '\0';
	}
}

static void read_tty(const char *root, const char *name, struct system_port *ret)
{
	char path[PATH_MAX], folder[PATH_MAX], text[16];

	snprintf(path, sizeof(path), "%s/sys/class/tty/%s/device", root, name);
	if (!realpath(path, folder))
		return;
	driver_of(folder, ret->kernel_driver, sizeof(ret->kernel_driver));
	usb_above(folder, ret->usb, sizeof(ret->usb));
	read_line(folder, "latency_timer", text, sizeof(text));
	if (!*text)
		return;
	ret->latency_ms = atoi(text);
	snprintf(ret->latency, sizeof(ret->latency), "/sys/class/tty/%.64s/device/latency_timer", name);
}

/* Those of its interfaces, which stand in its folder as "1-2:1.0". */
static void read_interfaces(const char *root, struct system_port *ret)
{
	char folder[PATH_MAX], path[PATH_MAX], driver[32];
	struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/sys/bus/usb/devices/%s", root, last_of(ret->usb));
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		size_t n = strlen(ret->kernel_driver);
		if (!strchr(entry->d_name, ':'))
			continue;
		snprintf(path, sizeof(path), "%.3000s/%.255s", folder, entry->d_name);
		driver_of(path, driver, sizeof(driver));
		if (*driver && !strstr(ret->kernel_driver, driver) &&
		    n + strlen(driver) + 3 < sizeof(ret->kernel_driver))
			snprintf(ret->kernel_driver + n, sizeof(ret->kernel_driver) - n, "%s%.20s", n ? ", " : "",
				 driver);
	}
	if (dir)
		closedir(dir);
}

/* Bus and address of a node, "/dev/bus/usb/001/004". */
static void read_usb(const char *root, const char *node, struct system_port *ret)
{
	char folder[PATH_MAX], path[PATH_MAX], text[16];
	unsigned bus, address;
	struct dirent *entry;
	DIR *dir;

	if (sscanf(node, "/dev/bus/usb/%u/%u", &bus, &address) != 2)
		return;
	snprintf(folder, sizeof(folder), "%s/sys/bus/usb/devices", root);
	dir = opendir(folder);
	while (dir && !ret->usb[0] && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%.3000s/%.255s", folder, entry->d_name);
		read_line(path, "busnum", text, sizeof(text));
		if (strtoul(text, NULL, 10) != bus || !*text)
			continue;
		read_line(path, "devnum", text, sizeof(text));
		if (strtoul(text, NULL, 10) == address && strlen(path) < sizeof(ret->usb))
			strcpy(ret->usb, path);
	}
	if (dir)
		closedir(dir);
	if (ret->usb[0])
		read_interfaces(root, ret);
}

static void read_adapter(struct system_port *ret)
{
	char text[16];

	if (!ret->usb[0])
		return;
	read_line(ret->usb, "idVendor", ret->vid, sizeof(ret->vid));
	read_line(ret->usb, "idProduct", ret->pid, sizeof(ret->pid));
	read_line(ret->usb, "speed", text, sizeof(text));
	ret->speed_mbit = atoi(text);
	read_line(ret->usb, "power/control", text, sizeof(text));
	ret->sleeps = strcmp(text, "auto") == 0;
}

void system_user_of_process(struct system_user *ret)
{
	int n = getgroups((int)(sizeof(ret->gid) / sizeof(ret->gid[0])) - 1, ret->gid);

	ret->known = true;
	ret->uid = geteuid();
	ret->gids = n > 0 ? (unsigned)n : 0;
	ret->gid[ret->gids++] = getegid();
}

static bool is_member(const struct system_user *user, gid_t gid)
{
	for (unsigned i = 0; i < user->gids; i++)
		if (user->gid[i] == gid)
			return true;
	return false;
}

static bool may(const struct system_user *user, const struct stat *st)
{
	unsigned bits = user->uid == st->st_uid       ? st->st_mode >> 6
			: is_member(user, st->st_gid) ? st->st_mode >> 3
						      : st->st_mode;

	return user->uid == 0 || (bits & 6) == 6;
}

static void read_permission(const char *root, const struct system_user *user, struct system_port *ret)
{
	char path[PATH_MAX];
	const struct group *group;
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", root, ret->node);
	if (stat(path, &st))
		return;
	ret->there = true;
	group = getgrgid(st.st_gid);
	snprintf(ret->group, sizeof(ret->group), "%.31s", group ? group->gr_name : "");
	ret->group_may = (st.st_mode & 060) == 060;
	/* An access list, as logind gives one to whoever sits at the machine, stands in no mode: the kernel is asked, where it
	 * is this process that wants to know. */
	ret->readable = may(user, &st) || (!*root && user->uid == geteuid() && access(path, R_OK | W_OK) == 0);
}

void system_port_read(const char *root, const char *node, const struct system_user *user, struct system_port *ret)
{
	struct system_user own;

	*ret = (struct system_port){.latency_ms = -1};
	snprintf(ret->node, sizeof(ret->node), "%s", node);
	if (!user || !user->known) {
		system_user_of_process(&own);
		user = &own;
	}
	if (strncmp(node, "/dev/bus/usb/", 13) == 0)
		read_usb(root, node, ret);
	else
		read_tty(root, last_of(node), ret);
	read_adapter(ret);
	read_permission(root, user, ret);
}

void system_iio_list(const char *root, void (*each)(void *ctx, const char *device, const char *name), void *ctx)
{
	char folder[PATH_MAX], path[PATH_MAX], name[64];
	struct dirent **entries;
	int count;

	snprintf(folder, sizeof(folder), "%s/sys/bus/iio/devices", root);
	count = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (strncmp(entries[i]->d_name, "iio:device", 10) == 0) {
			snprintf(path, sizeof(path), "%.3000s/%.255s", folder, entries[i]->d_name);
			read_line(path, "name", name, sizeof(name));
			each(ctx, entries[i]->d_name, name);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* ---- rules of udev ----------------------------------------------------------------------------------------------- */

static bool line_ignores(const char *line, const char *vid)
{
	const char *at = line + strspn(line, " \t");

	return *at != '#' && strstr(at, "ID_MM_DEVICE_IGNORE") && strstr(at, vid);
}

static bool file_ignores(const char *path, const char *vid)
{
	char line[1024];
	bool found = false;
	FILE *file = fopen(path, "re");

	while (file && !found && fgets(line, sizeof(line), file))
		found = line_ignores(line, vid);
	if (file)
		fclose(file);
	return found;
}

bool system_modem_rule(const char *root, const char *vid)
{
	static const char *const folders[] = {"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d",
					      "/usr/lib/udev/rules.d", "/lib/udev/rules.d"};
	char folder[PATH_MAX], path[PATH_MAX];
	bool found = false;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !found; i++) {
		snprintf(folder, sizeof(folder), "%s%s", root, folders[i]);
		DIR *dir = opendir(folder);
		struct dirent *entry;
		while (dir && !found && (entry = readdir(dir))) {
			snprintf(path, sizeof(path), "%.3000s/%.255s", folder, entry->d_name);
			found = strstr(entry->d_name, ".rules") && file_ignores(path, vid);
		}
		if (dir)
			closedir(dir);
	}
	return found;
}

/* ---- what is to be said ------------------------------------------------------------------------------------------ */

#define APPLY "&& sudo udevadm control --reload && sudo udevadm trigger"

static void check_permission(const struct system_port *port, const char *subject, struct diagnoses *findings)
{
	struct diagnosis *f;

	if (port->readable) {
		diagnosis_add(findings, DIAGNOSIS_GOOD, "permission", subject, "%s may be opened", port->node);
		return;
	}
	f = diagnosis_add(findings, DIAGNOSIS_FAULT, "permission", subject, "no permission for %s (group %s%s)",
			  port->node, port->group[0] ? port->group : "unknown",
			  port->group_may ? "" : ", which may not either");
	if (port->group_may && port->group[0] && strcmp(port->group, "root") != 0)
		diagnosis_mend(f, "sudo usermod -aG %s $USER    # then log in again", port->group);
	else
		diagnosis_mend(
			f,
			"echo 'SUBSYSTEM==\"%s\", ATTR%s{idVendor}==\"%s\", ATTR%s{idProduct}==\"%s\", MODE=\"0660\", "
			"GROUP=\"penrig\", TAG+=\"uaccess\"' | sudo tee -a " RULES " " APPLY,
			strncmp(port->node, "/dev/bus/", 9) == 0 ? "usb" : "tty",
			strncmp(port->node, "/dev/bus/", 9) == 0 ? "" : "S", port->vid,
			strncmp(port->node, "/dev/bus/", 9) == 0 ? "" : "S", port->pid);
}

static void check_latency(const struct system_port *port, const char *subject, struct diagnoses *findings)
{
	if (port->latency_ms < 0)
		return;
	if (port->latency_ms <= LATENCY_GOOD_MS) {
		diagnosis_add(findings, DIAGNOSIS_GOOD, "latency timer", subject,
			      "the adapter holds bytes back for %d ms", port->latency_ms);
		return;
	}
	diagnosis_mend(diagnosis_add(findings, DIAGNOSIS_WARNING, "latency timer", subject,
				     "the adapter holds bytes back for %d ms: arrival times are no better than that",
				     port->latency_ms),
		       "echo 1 | sudo tee %s", port->latency);
}

static void check_sleep(const char *root, const struct system_port *port, const char *subject,
			struct diagnoses *findings)
{
	if (!port->usb[0])
		return;
	if (port->sleeps)
		diagnosis_mend(diagnosis_add(findings, DIAGNOSIS_WARNING, "autosuspend", subject,
					     "the kernel may put this device to sleep between two runs"),
			       "echo on | sudo tee %s/power/control", port->usb + strlen(root));
	else
		diagnosis_add(findings, DIAGNOSIS_GOOD, "autosuspend", subject, "it is kept awake");
}

static void check_speed(const struct system_port *port, const char *subject, struct diagnoses *findings)
{
	if (port->speed_mbit > 0 && port->speed_mbit < 12)
		diagnosis_mend(diagnosis_add(findings, DIAGNOSIS_WARNING, "hub speed", subject,
					     "it runs at %d Mbit/s, the lowest of USB: streams do not fit",
					     port->speed_mbit),
			       "plug it into another socket, without a hub between");
}

static void check_holder(const struct system_port *port, const char *subject, const char *holder,
			 struct diagnoses *findings)
{
	const char *pid = strstr(holder, "(pid ");
	struct diagnosis *d =
		diagnosis_add(findings, DIAGNOSIS_FAULT, "holder", subject, "%s is held by %s", port->node, holder);

	if (strncmp(holder, "ModemManager ", 13) == 0)
		diagnosis_mend(d, "sudo systemctl stop ModemManager");
	else if (pid)
		diagnosis_mend(d, "ps -fp %d    # close it, or wait until it is done", atoi(pid + 5));
}

void system_port_check(const char *root, const struct system_port *port, const char *subject, const char *holder,
		       struct diagnoses *findings)
{
	if (!port->there) {
		diagnosis_add(findings, DIAGNOSIS_UNKNOWN, "permission", subject, "%s is not there to be looked at",
			      port->node[0] ? port->node : "its node");
		return;
	}
	check_permission(port, subject, findings);
	if (*holder)
		check_holder(port, subject, holder, findings);
	else
		diagnosis_add(findings, DIAGNOSIS_GOOD, "holder", subject, "nobody holds %s", port->node);
	if (port->kernel_driver[0])
		diagnosis_add(findings, DIAGNOSIS_GOOD, "kernel driver", subject, "%s", port->kernel_driver);
	check_latency(port, subject, findings);
	check_sleep(root, port, subject, findings);
	check_speed(port, subject, findings);
}
