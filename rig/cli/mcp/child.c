/* One child: two pipes, its end, its time. */
#include "rig/cli/mcp/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct mcp_child {
	struct loop *loop;
	struct mcp_child_host host;
	pid_t pid;
	int pidfd, out, error; /* -1: closed */
	enum mcp_why why;
	struct loop_timer limit;
	char *output;
	size_t len, room, said_len;
	char said[MCP_SAID_MAX + 1];
};

/* ---- words ------------------------------------------------------------------------------------------------------- */

void mcp_words_add(struct mcp_words *words, const char *fmt, ...)
{
	va_list ap;

	if (words->count + 1 >= words->room) {
		unsigned room = words->room ? 2 * words->room : 32;
		char **word = realloc(words->word, room * sizeof(*word));

		words->out_of_memory |= !word;
		if (!word)
			return;
		words->word = word;
		words->room = room;
	}
	va_start(ap, fmt);
	if (vasprintf(&words->word[words->count], fmt, ap) < 0)
		words->out_of_memory = true;
	else
		words->count++;
	va_end(ap);
	words->word[words->count] = NULL;
}

void mcp_words_free(struct mcp_words *words)
{
	for (unsigned i = 0; i < words->count; i++)
		free(words->word[i]);
	free(words->word);
	*words = (struct mcp_words){.count = 0};
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

static void end_by(struct mcp_child *c, enum mcp_why why)
{
	if (c->why == MCP_BY_ITSELF)
		c->why = why;
	if (kill(-c->pid, c->host.end_signal) < 0) /* it has no session of its own yet */
		kill(c->pid, c->host.end_signal);
}

static bool keep(struct mcp_child *c, const char *bytes, size_t len)
{
	if (c->len + len > MCP_OUTPUT_MAX)
		return false;
	if (c->len + len + 1 > c->room) {
		size_t room = 2 * (c->len + len + 1);
		char *output = realloc(c->output, room);

		if (!output)
			return false;
		c->output = output;
		c->room = room;
	}
	memcpy(c->output + c->len, bytes, len);
	c->len += len;
	c->output[c->len] = '\0';
	return true;
}

static void keep_said(struct mcp_child *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (c->said_len == MCP_SAID_MAX) {
			memmove(c->said, c->said + MCP_SAID_MAX / 2, MCP_SAID_MAX / 2);
			c->said_len = MCP_SAID_MAX / 2;
		}
		c->said[c->said_len++] = bytes[i] ? bytes[i] : '?';
	}
	c->said[c->said_len] = '\0';
}

/* False: the pipe has ended, or has nothing now. */
static bool take(struct mcp_child *c, int *fd)
{
	char bytes[16384];
	ssize_t n = read(*fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		loop_fd_remove(c->loop, *fd);
		close(*fd);
		*fd = -1;
		return false;
	}
	if (fd == &c->error)
		keep_said(c, bytes, (size_t)n);
	else if (c->why != MCP_TOO_LONG && !keep(c, bytes, (size_t)n))
		end_by(c, MCP_TOO_LONG);
	return true;
}

static void on_pipe(void *ctx, int fd, short revents)
{
	struct mcp_child *c = ctx;

	(void)revents;
	(void)take(c, fd == c->out ? &c->out : &c->error);
}

/* ---- its end ----------------------------------------------------------------------------------------------------- */

static void on_exit_(void *ctx, int fd, short revents)
{
	struct mcp_child *c = ctx;
	siginfo_t info = {.si_pid = 0};

	(void)revents;
	/* What it left behind goes before its number can be another's. */
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
		return;
	kill(-c->pid, SIGKILL);
	(void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	loop_fd_remove(c->loop, fd);
	close(fd);
	c->pidfd = -1;
	loop_timer_cancel(c->loop, &c->limit);
	while (c->out >= 0 && take(c, &c->out))
		;
	while (c->error >= 0 && take(c, &c->error))
		;
	const struct mcp_end end = {.exit_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status,
				    .why = c->why,
				    .output = c->output ? c->output : "",
				    .output_len = c->len,
				    .said = c->said};

	c->host.ended(c->host.ctx, &end);
}

static void on_limit(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	end_by(ctx, MCP_TIMED_OUT);
}

void mcp_child_stop(struct mcp_child *child)
{
	if (child && child->pidfd >= 0)
		end_by(child, MCP_STOPPED);
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static void become(const struct mcp_child_host *host, pid_t parent, char *const *argv, const int end[2])
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setsid();
	prctl(PR_SET_PDEATHSIG, host->end_signal);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTTIN, SIG_DFL);
	signal(SIGTTOU, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(end[0], 1) < 0 || dup2(end[1], 2) < 0)
		_exit(127);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static int watch(struct mcp_child *c)
{
	int rc;

	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0)
		return -errno;
	rc = loop_fd_add(c->loop, c->out, POLLIN, on_pipe, c);
	if (rc == 0)
		rc = loop_fd_add(c->loop, c->error, POLLIN, on_pipe, c);
	if (rc == 0)
		rc = loop_fd_add(c->loop, c->pidfd, POLLIN, on_exit_, c);
	if (rc == 0 && c->host.limit_s > 0)
		rc = loop_timer_at(c->loop, &c->limit, loop_now_ns(c->loop) + (uint64_t)(c->host.limit_s * 1e9));
	return rc;
}

static int begin(struct mcp_child *c, char *const *argv)
{
	int out[2] = {-1, -1}, error[2] = {-1, -1};
	int rc = pipe2(out, O_CLOEXEC) != 0 || pipe2(error, O_CLOEXEC) != 0 ? -errno : 0;

	pid_t parent = getpid();

	if (rc == 0) {
		c->pid = fork();
		if (c->pid == 0)
			become(&c->host, parent, argv, (int[]){out[1], error[1]});
		rc = c->pid < 0 ? -errno : 0;
	}
	if (out[1] >= 0)
		close(out[1]);
	if (error[1] >= 0)
		close(error[1]);
	c->out = out[0];
	c->error = error[0];
	if (rc < 0)
		return rc;
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->error, F_SETFL, O_NONBLOCK);
	return watch(c);
}

int mcp_child_start(struct loop *loop, const struct mcp_words *words, const struct mcp_child_host *host,
		    struct mcp_child **ret, struct err *err)
{
	struct mcp_child *c = words->out_of_memory ? NULL : calloc(1, sizeof(*c));
	char **argv = c ? calloc(words->count + 2, sizeof(*argv)) : NULL;
	int rc;

	if (!argv) {
		free(c);
		return err_set(err, -ENOMEM, "out of memory");
	}
	argv[0] = (char *)(uintptr_t) "penrig";
	memcpy(argv + 1, words->word, words->count * sizeof(*argv));
	*c = (struct mcp_child){.loop = loop, .host = *host, .pidfd = -1, .out = -1, .error = -1};
	c->limit = (struct loop_timer){.fn = on_limit, .ctx = c};
	rc = begin(c, argv);
	free(argv);
	if (rc < 0) {
		mcp_child_free(c);
		return err_set(err, rc, "penrig %s cannot be started: %s", words->word[0], strerror(-rc));
	}
	*ret = c;
	return 0;
}

static void close_pipe(struct mcp_child *c, int fd)
{
	if (fd < 0)
		return;
	loop_fd_remove(c->loop, fd);
	close(fd);
}

void mcp_child_free(struct mcp_child *c)
{
	if (!c)
		return;
	loop_timer_cancel(c->loop, &c->limit);
	close_pipe(c, c->out);
	close_pipe(c, c->error);
	if (c->pidfd >= 0 || (c->pid > 0 && c->pidfd < 0 && waitpid(c->pid, NULL, WNOHANG) == 0)) {
		if (kill(-c->pid, SIGKILL) < 0)
			kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
	close_pipe(c, c->pidfd);
	free(c->output);
	free(c);
}
