/* Hooks as children in a process group of their own, so that all of it can be ended. */
#include "rig/cli/kit/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void child(const struct hook_call *call, int out_fd)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTTIN, SIG_DFL);
	signal(SIGTTOU, SIG_DFL);
	for (unsigned i = 0; call->variable[i]; i++)
		putenv((char *)call->variable[i]);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(call->log_fd, 2) < 0 ||
	    chdir(call->folder) != 0)
		_exit(126);
	execvp(call->argv[0], (char *const *)call->argv);
	dprintf(2, "%s: %s\n", call->argv[0], strerror(errno));
	_exit(127);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Until it has ended, its time is over or a signal came. */
static int wait_for(const struct hook_call *call, int pid_fd, int *ret_signal)
{
	struct pollfd fd[] = {{.fd = pid_fd, .events = POLLIN}, {.fd = call->signal_fd, .events = POLLIN}};
	double end_s = now_s() + call->timeout_s, left_s;
	struct signalfd_siginfo info;

	while ((left_s = end_s - now_s()) > 0.0) {
		int n = poll(fd, 2, (int)(left_s * 1e3) + 1);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fd[0].revents)
			return 0;
		if (n > 0 && fd[1].revents && read(call->signal_fd, &info, sizeof(info)) == sizeof(info)) {
			*ret_signal = (int)info.ssi_signo;
			return -EINTR;
		}
	}
	return -ETIMEDOUT;
}

static void read_line(int fd, int log_fd, char *ret, size_t size)
{
	ssize_t n = pread(fd, ret, size - 1, 0);

	ret[n > 0 ? n : 0] = '\0';
	dprintf(log_fd, "%s", ret);
	ret[strcspn(ret, "\r\n")] = '\0';
}

static int say(const struct hook_call *call, int rc, int status, struct err *err)
{
	if (rc == -EINTR)
		return err_set(err, rc, "%.200s: ended by a signal to penrig", call->argv[0]);
	if (rc == -ETIMEDOUT)
		return err_set(err, -EPROTO, "%.200s: not ended within %g s, and killed", call->argv[0],
			       call->timeout_s);
	if (rc)
		return err_set(err, -EPROTO, "%.200s: cannot be waited for: %s", call->argv[0], strerror(-rc));
	if (WIFSIGNALED(status))
		return err_set(err, -EPROTO, "%.200s: ended by signal %d", call->argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status))
		return err_set(err, -EPROTO, "%.200s: ended with code %d", call->argv[0], WEXITSTATUS(status));
	return 0;
}

static int run_child(const struct hook_call *call, int out_fd, int *ret_signal, struct err *err)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, -EPROTO, "%.200s: cannot be started: %s", call->argv[0], strerror(errno));
	if (pid == 0)
		child(call, out_fd);
	setpgid(pid, pid); /* whoever comes first */
	int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int rc = pid_fd < 0 ? -errno : wait_for(call, pid_fd, ret_signal);
	kill(-pid, SIGKILL); /* of one that has ended, what it left behind in its group */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid_fd >= 0)
		close(pid_fd);
	return say(call, rc, status, err);
}

int hook_run(const struct hook_call *call, char *first_line, size_t size, int *ret_signal, struct err *err)
{
	char path[] = "/tmp/penrig-hook-XXXXXX";
	int out_fd = first_line ? mkostemp(path, O_CLOEXEC) : call->log_fd;

	if (out_fd < 0)
		return err_set(err, -EPROTO, "no temporary file for what %.200s says: %s", call->argv[0],
			       strerror(errno));
	if (first_line)
		unlink(path);
	int rc = run_child(call, out_fd, ret_signal, err);
	if (first_line) {
		read_line(out_fd, call->log_fd, first_line, size);
		close(out_fd);
	}
	return rc;
}
