/* See watch.h. The socket that libudev listens to as well; that something came is all that is taken from it. */
#include "rig/system/watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP_UDEV 2
#define QUIET_MS   300

int system_watch_open(struct err *err)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = GROUP_UDEV};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return err_set(err, -errno, "this computer tells of no devices: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		int status = -errno;
		close(fd);
		return err_set(err, status, "this computer tells of no devices: %s", strerror(-status));
	}
	return fd;
}

/* A queue that ran over has lost messages, and that, too, is a change. */
static int take_all(int fd)
{
	char bytes[8192];
	ssize_t n;

	do
		n = recv(fd, bytes, sizeof(bytes), 0);
	while (n > 0 || (n < 0 && errno == ENOBUFS));
	return n < 0 && errno != EAGAIN ? -errno : 0;
}

int system_watch_wait(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	int ready = poll(&poller, 1, -1), status = 0;

	while (ready > 0 && !status) {
		status = take_all(fd);
		if (!status)
			ready = poll(&poller, 1, QUIET_MS);
	}
	return ready < 0 ? -errno : status;
}
