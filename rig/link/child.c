/* See child.h. Between fork and exec only what is safe in a process with threads. */
#include "rig/link/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/base/loop.h"

#define GRACE_NS      (500 * NS_PER_MS)
#define LOOK_NS       (2 * NS_PER_MS)
#define PIPE_BYTES    (1 << 20) /* what a penrig that is held up does not read waits here, not in the program */
#define ARGUMENTS_MAX 64
#define ABOVE         10 /* the pipes' ends are put here first, so that no dup2() falls on another's source */

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static int usable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return access(path, X_OK) ? -errno : 0;
}

static int find_in_path(const char *program, char *ret, size_t size)
{
	const char *path = getenv("PATH");
	int status = -ENOENT;

	for (path = path && *path ? path : "/usr/local/bin:/usr/bin:/bin"; status == -ENOENT && *path;) {
		size_t len = strcspn(path, ":");
		int n = snprintf(ret, size, "%.*s%s%s", (int)len, path, len ? "/" : "./", program);
		if (n > 0 && (size_t)n < size)
			status = usable(ret);
		path += len + (path[len] == ':');
	}
	return status;
}

int link_child_find(const char *program, char *ret, size_t size, struct err *err)
{
	int status = !*program ? -ENOENT : strlen(program) < size ? 0 : -ENAMETOOLONG;

	if (!status && strchr(program, '/')) {
		strcpy(ret, program);
		status = usable(ret);
	} else if (!status) {
		status = find_in_path(program, ret, size);
	}
	if (status == -EACCES)
		return err_set(err, status, "%s may not be executed: chmod +x it, and check that it is a file",
			       program);
	if (status == -ENOENT)
		return err_set(err, status, "there is no program %s%s", program,
			       strchr(program, '/') ? "" : " in PATH; a file is named with its folder");
	return status ? err_set(err, status, "cannot run %s: %s", program, strerror(-status)) : 0;
}

/* ---- starting --------------------------------------------------------------------------------------------------- */

struct pipes {
	int end[4][2]; /* in, out, error, and the one that says why exec failed */
};

static void close_pipes(struct pipes *pipes)
{
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 2; j++)
			if (pipes->end[i][j] >= 0)
				close(pipes->end[i][j]);
}

/* Above every descriptor that the child's own streams will have. */
static int lift(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, ABOVE);

	close(*fd);
	*fd = high;
	return high < 0 ? -errno : 0;
}

static int make_pipes(struct pipes *pipes)
{
	int status = 0;

	memset(pipes, 0xff, sizeof(*pipes));
	for (int i = 0; i < 4 && !status; i++) {
		status = pipe2(pipes->end[i], O_CLOEXEC) ? -errno : lift(&pipes->end[i][0]);
		if (!status)
			status = lift(&pipes->end[i][1]);
	}
	return status;
}

__attribute__((noreturn)) static void become(const char *path, char *const *argv, const struct pipes *pipes,
					     pid_t parent)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	sigset_t none;
	int why;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &usual, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getppid() == parent && dup2(pipes->end[0][0], 0) == 0 && dup2(pipes->end[1][1], 1) == 1 &&
	    dup2(pipes->end[2][1], 2) == 2) {
		close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
		execv(path, argv);
	}
	why = errno;
	while (write(pipes->end[3][1], &why, sizeof(why)) < 0 && errno == EINTR)
		;
	for (;;)
		kill(getpid(), SIGKILL); /* nothing of the parent's is to run at this end */
}

/* What exec failed with; 0 where the pipe ends because the program runs. */
static int why_not(int fd)
{
	int why = 0;
	ssize_t n;

	do
		n = read(fd, &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(why) ? why : 0;
}

static void keep_ours(struct pipes *pipes, struct link_child *ret)
{
	int *ours[] = {&pipes->end[0][1], &pipes->end[1][0], &pipes->end[2][0]};

	ret->in = *ours[0];
	ret->out = *ours[1];
	ret->error = *ours[2];
	for (int i = 0; i < 3; i++)
		*ours[i] = -1;
	fcntl(ret->out, F_SETPIPE_SZ, PIPE_BYTES); /* refused beyond the user's limit: then it is the usual 64 KiB */
	fcntl(ret->out, F_SETFL, O_NONBLOCK);
	fcntl(ret->error, F_SETFL, O_NONBLOCK);
}

static int run(const char *path, char *const *argv, struct pipes *pipes, struct link_child *ret)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(path, argv, pipes, parent);
	setpgid(pid, pid); /* here, too: whoever is first */
	close(pipes->end[3][1]);
	pipes->end[3][1] = -1;
	int why = why_not(pipes->end[3][0]);
	if (why) {
		waitpid(pid, NULL, 0);
		return -why;
	}
	ret->pid = pid;
	keep_ours(pipes, ret);
	return 0;
}

int link_child_start(const char *program, const char *const *arguments, struct link_child *ret, struct err *err)
{
	char *argv[ARGUMENTS_MAX + 2] = {(char *)(uintptr_t)program};
	char path[PATH_MAX];
	struct pipes pipes;
	int count = 0, status;

	*ret = (struct link_child){.in = -1, .out = -1, .error = -1};
	for (; arguments && arguments[count]; count++) {
		if (count == ARGUMENTS_MAX)
			return err_set(err, -E2BIG, "%s has more than %d arguments", program, ARGUMENTS_MAX);
		argv[count + 1] = (char *)(uintptr_t)arguments[count];
	}
	status = link_child_find(program, path, sizeof(path), err);
	if (status)
		return status;
	status = make_pipes(&pipes);
	if (!status)
		status = run(path, argv, &pipes, ret);
	close_pipes(&pipes);
	if (status == -ENOEXEC)
		return err_set(err, status,
			       "%s is no program: a script names its interpreter in its first line, as #!/bin/sh",
			       path);
	return status ? err_set(err, status, "cannot run %s: %s", path, strerror(-status)) : 0;
}

/* ---- ending ----------------------------------------------------------------------------------------------------- */

bool link_child_ended(const struct link_child *child, char *text, size_t size)
{
	siginfo_t info = {.si_pid = 0};

	if (child->pid <= 0 || waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		return false;
	if (info.si_code == CLD_EXITED)
		snprintf(text, size, "has ended with exit status %d", info.si_status);
	else
		snprintf(text, size, "was ended by signal %d (%s)", info.si_status, strsignal(info.si_status));
	return true;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The program itself is waited for last: until then no other process can get its number, which is the group's, too. */
void link_child_stop(struct link_child *child)
{
	uint64_t until_ns = loop_clock_monotonic.now_ns(NULL) + GRACE_NS;
	char how[80];

	close_end(&child->in);
	close_end(&child->out);
	close_end(&child->error);
	if (child->pid <= 0)
		return;
	kill(-child->pid, SIGTERM);
	while (!link_child_ended(child, how, sizeof(how)) && loop_clock_monotonic.now_ns(NULL) < until_ns)
		loop_clock_monotonic.wait(NULL, NULL, 0, loop_clock_monotonic.now_ns(NULL) + LOOK_NS);
	kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}
