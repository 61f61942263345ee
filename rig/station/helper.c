/* One program: its process, its output, its time. */
#include "rig/station/helper.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED 256
#define GONE_MS                                                                                                        \
	100 /* a killed one that the kernel does not let go, on a share that does not answer, is not waited for */

extern char **environ;

struct helper {
	struct loop *loop;
	struct helper_host host;
	pid_t pid;
	int pidfd, output, input;
	uint64_t begun_ns;
	bool timed_out, ended;
	struct loop_timer limit;
	size_t len;
	char text[HELPER_OUTPUT + 1];
};

bool helper_word(struct helper_command *command, const char *word, const struct helper_value *values)
{
	size_t len = 0;

	if (command->count == HELPER_WORDS)
		return false;
	char *to = command->word[command->count];
	while (*word && len + 1 < HELPER_WORD) {
		const struct helper_value *v = values;
		size_t name = values && *word == '{' ? strcspn(word, "}") : 0;

		while (name && v->name && (strlen(v->name) != name - 1 || strncmp(v->name, word + 1, name - 1) != 0))
			v++;
		if (!name || !word[name]) {
			to[len++] = *word++;
			continue;
		}
		if (!v->name)
			return false;
		len += (size_t)snprintf(to + len, HELPER_WORD - len, "%s", v->value);
		if (len >= HELPER_WORD)
			return false;
		word += name + 1;
	}
	to[len] = '\0';
	command->count += !*word;
	return !*word;
}

/* ---- output ---------------------------------------------------------------------------------------------------- */

static void take_byte(struct helper *h, char c)
{
	if (h->host.line && c == '\n') {
		h->text[h->len] = '\0';
		h->len = 0;
		h->host.line(h->host.ctx, h->text);
		return;
	}
	if (h->len == HELPER_OUTPUT && !h->host.line) { /* the last ones are kept */
		memmove(h->text, h->text + HELPER_OUTPUT / 2, HELPER_OUTPUT / 2);
		h->len = HELPER_OUTPUT / 2;
	}
	if (h->len < HELPER_OUTPUT)
		h->text[h->len++] = h->host.line || isprint((unsigned char)c) || c == '\n' ? c : '?';
}

static ssize_t take_output(struct helper *h)
{
	char bytes[1024];
	ssize_t n = read(h->output, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++)
		take_byte(h, bytes[i]);
	return n;
}

static void on_output(void *ctx, int fd, short revents)
{
	struct helper *h = ctx;
	ssize_t n = take_output(h);

	(void)revents;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	loop_fd_remove(h->loop, fd);
	close(fd);
	h->output = -1;
}

/* ---- its end --------------------------------------------------------------------------------------------------- */

static void on_exit_(void *ctx, int fd, short revents)
{
	struct helper *h = ctx;
	siginfo_t info = {.si_pid = 0};

	(void)revents;
	/* What it left behind goes before its number can be another's. */
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
		return;
	kill(-h->pid, SIGKILL);
	(void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	loop_fd_remove(h->loop, fd);
	close(fd);
	h->pidfd = -1;
	loop_timer_cancel(h->loop, &h->limit);
	while (h->output >= 0 && take_output(h) > 0)
		;
	h->text[h->len] = '\0';
	h->ended = true;
	const struct helper_end end = {.exit_code = info.si_code == CLD_EXITED ? info.si_status : KILLED,
				       .timed_out = h->timed_out,
				       .seconds = (double)(loop_now_ns(h->loop) - h->begun_ns) / 1e9,
				       .output = h->text};

	h->host.ended(h->host.ctx, &end);
}

void helper_kill(struct helper *h)
{
	if (h && !h->ended)
		kill(-h->pid, SIGKILL);
}

static void on_limit(void *ctx, uint64_t now_ns)
{
	struct helper *h = ctx;

	(void)now_ns;
	h->timed_out = true;
	helper_kill(h);
}

/* ---- starting -------------------------------------------------------------------------------------------------- */

static int spawn(const struct helper_command *command, int input, int output, pid_t *ret)
{
	const char *argv[HELPER_WORDS + 1] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, pipe_signal;
	int rc;

	for (unsigned i = 0; i < command->count; i++)
		argv[i] = command->word[i];
	sigemptyset(&none);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_adddup2(&actions, output, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	rc = posix_spawnp(ret, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

static int begin(struct helper *h, const struct helper_command *command)
{
	int in[2], out[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) != 0) {
		close(in[0]);
		close(in[1]);
		return -errno;
	}
	rc = spawn(command, in[1], out[1], &h->pid);
	close(in[1]);
	close(out[1]);
	h->input = in[0];
	h->output = out[0];
	if (rc < 0)
		return rc;
	if (!h->host.line) { /* nothing will be said to it: it reads an end */
		close(h->input);
		h->input = -1;
	}
	fcntl(h->output, F_SETFL, O_NONBLOCK);
	h->pidfd = pidfd_open(h->pid, 0);
	if (h->pidfd < 0)
		return -errno;
	rc = loop_fd_add(h->loop, h->output, POLLIN, on_output, h);
	return rc < 0 ? rc : loop_fd_add(h->loop, h->pidfd, POLLIN, on_exit_, h);
}

int helper_start(struct loop *loop, const struct helper_command *command, double seconds,
		 const struct helper_host *host, struct helper **ret, struct err *err)
{
	struct helper *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return err_set(err, -ENOMEM, "out of memory");
	*h = (struct helper){
		.loop = loop, .host = *host, .pidfd = -1, .output = -1, .input = -1, .begun_ns = loop_now_ns(loop)};
	h->limit = (struct loop_timer){.fn = on_limit, .ctx = h};
	rc = begin(h, command);
	if (rc == 0 && seconds > 0)
		rc = loop_timer_at(loop, &h->limit, h->begun_ns + (uint64_t)(seconds * 1e9));
	if (rc < 0) {
		helper_free(h);
		return err_set(err, rc, "%.200s cannot be started: %s", command->word[0], strerror(-rc));
	}
	*ret = h;
	return 0;
}

int helper_say(struct helper *h, const char *text)
{
	ssize_t n = send(h->input, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);

	return n == (ssize_t)strlen(text) ? 0 : n < 0 ? -errno : -EAGAIN;
}

void helper_end(struct helper *h, int ms)
{
	struct pollfd exit_ = {.fd = h ? h->pidfd : -1, .events = POLLIN};

	if (!h || h->ended || h->input < 0)
		return;
	shutdown(h->input, SHUT_WR);
	(void)poll(&exit_, 1, ms);
}

void helper_free(struct helper *h)
{
	if (!h)
		return;
	loop_timer_cancel(h->loop, &h->limit);
	if (h->pidfd >= 0) {
		kill(-h->pid, SIGKILL);
		loop_fd_remove(h->loop, h->pidfd);
		(void)poll(&(struct pollfd){.fd = h->pidfd, .events = POLLIN}, 1, GONE_MS);
		waitid(P_PIDFD, (id_t)h->pidfd, &(siginfo_t){.si_pid = 0}, WEXITED | WNOHANG);
		close(h->pidfd);
	}
	if (h->output >= 0) {
		loop_fd_remove(h->loop, h->output);
		close(h->output);
	}
	if (h->input >= 0)
		close(h->input);
	free(h);
}
