#include "rig/cli/kit/handing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A terminal polls writable as soon as it takes one byte, and then holds up whoever writes more: one that nobody reads, behind a
 * line that hangs. Opened anew it can be told not to, which O_NONBLOCK on `fd` itself would tell all who share it. */
static ssize_t write_terminal(int fd, const char *text, size_t len)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n = write(own < 0 ? fd : own, text, len);
	int error = errno;

	if (own >= 0)
		close(own);
	errno = error;
	return n;
}

ssize_t hand_over(int fd, const char *text, size_t len)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (len == 0 || len > HANDING_MAX || poll(&p, 1, 0) != 1)
		return -EAGAIN;
	ssize_t n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == ENOTSOCK)
		n = isatty(fd) ? write_terminal(fd, text, len) : write(fd, text, len);
	return n < 0 ? -errno : n;
}
