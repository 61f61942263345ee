/* See stopper.h. */
#include "rig/stopper/stopper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rig/stopper/wire.h"

#define BEAT_NS    (50 * NS_PER_MS)  /* a hundredth of the shortest standstill that a bench may state is ten of them */
#define LOOK_NS    (100 * NS_PER_MS) /* counted for one turn: where it took longer, this process itself was held up */
#define DISMISS_MS 1000

struct stopper {
	struct loop *loop;
	struct stopper_host host;
	int fd;        /* the socket; -1: it is lost */
	pid_t started; /* which starts the stopper proper and ends; 0: it has ended */
	bool ready, moving;
	bool told; /* that it is lost */
	uint64_t next_beat_ns;
	uint64_t silent_ns, silent_max_ns, looked_ns; /* looked_ns 0: not yet */
};

int stopper_find(char *ret, size_t size, struct err *err)
{
	static const char *const places[] = {"", "../libexec/penrig/"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return err_set(err, -errno, "cannot read /proc/self/exe: %s; is /proc mounted?", strerror(errno));
	self[n] = '\0';
	strrchr(self, '/')[1] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(ret, size, "%s%s" STOPPER_PROGRAM, self, places[i]);
		if (len > 0 && (size_t)len < size && access(ret, X_OK) == 0)
			return 0;
	}
	return err_set(err, -ENOENT, "%.200s has no " STOPPER_PROGRAM " beside it nor in ../libexec/penrig/", self);
}

/* ---- starting -------------------------------------------------------------------------------------------------- */

/* Not one variable of ours: a job's end is known to hunt for processes that carry its own. */
static char *const environment[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

static int fill_actions(posix_spawn_file_actions_t *actions, int socket_fd, int lock_fd)
{
	int rc = 0;

	for (int fd = 0; fd <= 2 && !rc; fd++)
		rc = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, socket_fd, STOPPER_SOCKET);
	if (!rc && lock_fd >= 0)
		rc = posix_spawn_file_actions_adddup2(actions, lock_fd, STOPPER_LOCK);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(actions, lock_fd >= 0 ? STOPPER_LOCK + 1 : STOPPER_LOCK);
	return rc;
}

/* Ignored signals stay ignored over exec, blocked ones blocked: it is to begin with neither. */
static int fill_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	int rc = posix_spawnattr_setsigmask(attributes, &none);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(attributes, &all);
	if (!rc)
		rc = posix_spawnattr_setflags(attributes,
					      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	return rc;
}

static int spawn(const struct stopper_config *config, int socket_fd, int lock_fd, pid_t *ret)
{
	char *const argv[] = {(char *)STOPPER_PROGRAM, (char *)(uintptr_t)config->recipe.run, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc)
		return -rc;
	rc = posix_spawnattr_init(&attributes);
	if (!rc) {
		rc = fill_actions(&actions, socket_fd, lock_fd);
		if (!rc)
			rc = fill_attributes(&attributes);
		if (!rc)
			rc = posix_spawn(ret, config->program, &actions, &attributes, argv, environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* Never below what the child's own descriptors are: a dup2() there must not fall on another's source. */
static int above(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STOPPER_LOCK + 1);

	close(fd);
	return moved;
}

/* The lock's too; ours stays where it is. */
static int spawn_above(const struct stopper_config *config, int socket_fd, pid_t *ret)
{
	int lock = config->lock_fd < 0 ? -1 : fcntl(config->lock_fd, F_DUPFD_CLOEXEC, STOPPER_LOCK + 1);

	if (config->lock_fd >= 0 && lock < 0)
		return -errno;
	int rc = spawn(config, socket_fd, lock, ret);
	if (lock >= 0)
		close(lock);
	return rc;
}

static int make_sockets(int ret[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return -errno;
	ret[1] = above(ret[1]);
	if (ret[1] < 0) {
		int rc = -errno;
		close(ret[0]);
		return rc;
	}
	return 0;
}

/* ---- talking --------------------------------------------------------------------------------------------------- */

static void reap(struct stopper *self)
{
	if (self->started && waitpid(self->started, NULL, WNOHANG) == self->started)
		self->started = 0;
}

static void hang_up(struct stopper *self)
{
	if (self->fd < 0)
		return;
	loop_fd_remove(self->loop, self->fd);
	close(self->fd);
	self->fd = -1;
}

static int say(struct stopper *self, enum stopper_message what, const char *text, int fd)
{
	char message[STOPPER_MESSAGE_MAX] = {(char)what};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = message, .iov_len = 1 + strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(message + 1, text, strlen(text));
	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.header = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(self->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void tell_lost(struct stopper *self, const char *why)
{
	struct err err;

	if (self->told)
		return;
	self->told = true;
	err_set(&err, -ECHILD, "%s", why);
	self->host.lost(self->host.ctx, &err);
}

static void lose(struct stopper *self, const char *why)
{
	hang_up(self);
	tell_lost(self, why);
}

static void hear_note(struct stopper *self, const char *text)
{
	struct stop_note note;
	struct err err;

	if (stop_note_parse(text, &note, &err))
		lose(self, err.text);
	else
		self->host.acted(self->host.ctx, &note);
}

static void on_message(void *ctx, int fd, short revents)
{
	struct stopper *self = ctx;
	char message[STOPPER_MESSAGE_MAX + 1];
	ssize_t n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);

	(void)revents;
	reap(self);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose(self, self->ready ? "the stopper has ended: somebody has killed it"
				       : "the stopper ended before it was ready: run " STOPPER_PROGRAM
					 " --version by hand to see why");
		return;
	}
	message[n] = '\0';
	self->silent_ns = 0;
	self->told = false; /* that it stands still */
	switch (message[0]) {
	case STOPPER_READY: self->ready = true; break;
	case STOPPER_ALIVE: break;
	case STOPPER_NOTE: hear_note(self, message + 1); break;
	case STOPPER_UNFIT:
	default: lose(self, message + 1); break;
	}
}

/* ---- its life -------------------------------------------------------------------------------------------------- */

int stopper_start(const struct stopper_config *config, struct stopper **ret, struct err *err)
{
	char recipe[RECIPE_TEXT_MAX];
	int fds[2], status = stop_recipe_print(&config->recipe, recipe, err);

	if (status)
		return status;
	struct stopper *self = calloc(1, sizeof(*self));
	if (!self)
		return err_set(err, -ENOMEM, "no memory for the stopper");
	self->loop = config->loop;
	self->host = config->host;
	self->silent_max_ns = config->recipe.standstill_ms * NS_PER_MS;
	if (!self->silent_max_ns || self->silent_max_ns > STOPPER_SILENT_MAX_NS)
		self->silent_max_ns = STOPPER_SILENT_MAX_NS;
	status = make_sockets(fds);
	if (!status) {
		self->fd = fds[0];
		status = spawn_above(config, fds[1], &self->started);
		close(fds[1]);
		if (!status)
			status = loop_fd_add(self->loop, self->fd, POLLIN, on_message, self);
		if (!status)
			status = say(self, STOPPER_RECIPE, recipe, -1);
		if (status)
			hang_up(self);
	}
	if (status) {
		free(self);
		return err_set(err, status, "%.300s cannot be started: %s", config->program, strerror(-status));
	}
	*ret = self;
	return 0;
}

bool stopper_ready(const struct stopper *self)
{
	return self->ready;
}

/* The socket of one that stands still stays open: closed, it would have the pen stopped under a penrig that lives, should it
 * go on. */
void stopper_watch(struct stopper *self, uint64_t now_ns)
{
	char why[160];

	if (!self || self->fd < 0)
		return;
	uint64_t passed_ns = self->looked_ns ? now_ns - self->looked_ns : 0;
	self->looked_ns = now_ns;
	self->silent_ns += passed_ns < LOOK_NS ? passed_ns : LOOK_NS;
	if (!self->ready || self->silent_ns < self->silent_max_ns)
		return;
	snprintf(why, sizeof(why),
		 "the stopper stands still: it has answered nothing for %.1f s; end it (it holds the bench's lock)",
		 (double)self->silent_ns * 1e-9);
	tell_lost(self, why);
}

void stopper_beat(struct stopper *self, bool moving, uint64_t now_ns)
{
	if (!self || self->fd < 0)
		return;
	if (self->silent_ns >= self->silent_max_ns || (moving == self->moving && now_ns < self->next_beat_ns))
		return;
	self->moving = moving;
	self->next_beat_ns = now_ns + BEAT_NS;
	/* One that does not read has a full queue; one that is gone is seen where it is read. */
	(void)say(self, moving ? STOPPER_MOVING : STOPPER_IDLE, "", -1);
}

void stopper_lend(struct stopper *self, int fd)
{
	if (self && self->fd >= 0 && fd >= 0)
		(void)say(self, STOPPER_LINE, "", fd);
}

int stopper_teach(struct stopper *self, const struct stop_recipe *recipe, struct err *err)
{
	char text[RECIPE_TEXT_MAX];
	int status = stop_recipe_print(recipe, text, err);

	if (!status && self && self->fd >= 0)
		status = say(self, STOPPER_RECIPE, text, -1);
	return status;
}

void stopper_order(struct stopper *self)
{
	if (self && self->fd >= 0)
		(void)say(self, STOPPER_ORDER, "", -1);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* However much it has to say until then. */
static void await_end(struct stopper *self)
{
	char message[STOPPER_MESSAGE_MAX];
	struct pollfd fd = {.fd = self->fd, .events = POLLIN};
	long end_ms = now_ms() + DISMISS_MS, left_ms;

	while ((left_ms = end_ms - now_ms()) > 0 && poll(&fd, 1, (int)left_ms) > 0 &&
	       recv(self->fd, message, sizeof(message), MSG_DONTWAIT) > 0)
		;
}

void stopper_dismiss(struct stopper *self)
{
	if (!self)
		return;
	if (self->fd >= 0 && say(self, STOPPER_DISMISS, "", -1) == 0)
		await_end(self);
	hang_up(self);
	reap(self);
	if (self->started) { /* it only starts another and ends; one that does not is stuck, and its number still ours */
		kill(self->started, SIGKILL);
		waitpid(self->started, NULL, 0);
	}
	free(self);
}
