/* See warden.h. */
#include "rig/stopper/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rig/stopper/note.h"
#include "rig/stopper/wire.h"

#define WATCH_NS     DRIVER_TICK_NS * 10 /* between two looks at penrig */
#define LOOK_NS      (2 * WATCH_NS)      /* counted for one: where it took longer, this process itself was held up */
#define AGAIN_NS     (20 * NS_PER_MS)    /* after a try that failed */
#define AGAIN_REST   4                   /* and so many times what it took, */
#define REST_MAX_NS  (500 * NS_PER_MS)   /* at most: a try that stood still is no reason to leave the pen running */
#define ACT_NS       (10 * NS_PER_S) /* a pen that cannot be reached for so long is left to its dead-man, and it is said */
#define NEVER_RAN_NS (2 * NS_PER_S)    /* one that penrig never ran is not looked for so long */
#define TRY_NS       (3 * NS_PER_S)    /* of one try: a driver opens within 2 s */
#define LENT_TRIES   2                 /* over the port that penrig has opened */
#define ANSWER_NS    (250 * NS_PER_MS) /* between two answers to what penrig says */
#define DYING_NS     (2 * NS_PER_S)    /* a killed program that still holds the pen after it is not waited for */

struct act {
	bool under_way;
	uint64_t since_ns, try_ns, next_ns;
	struct device *device;
	bool ready, confirmed; /* the driver has opened; its stop was confirmed as well */
	bool failed;
	unsigned failures; /* in a row, over the port that is lent */
	struct err why;    /* the newest failure */
	struct stop_note note;
};

struct warden {
	struct warden_config config;
	struct loop_timer timer;
	struct stop_recipe recipe;
	bool has_recipe;
	const struct driver *driver;
	struct power_setup power; /* of a pen made of parts: all that switching it off takes */
	int folder, pidfd, line;  /* the run's folder; penrig; its open port; -1 none */
	pid_t penrig;
	bool moving, ran, gone, dismissed; /* ran: it was moving at some time */
	bool may_kill;                     /* what is done now, is done because penrig is gone or stands still */
	uint64_t silent_ns, looked_ns, answered_ns;
	struct act act;
};

/* ---- penrig ---------------------------------------------------------------------------------------------------- */

static void know_penrig(struct warden *w)
{
	struct ucred peer = {.pid = 0};
	socklen_t len = sizeof(peer);

	w->pidfd = -1;
	if (getsockopt(w->config.socket, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return;
	w->penrig = peer.pid;
	if (peer.pid == getpid()) /* in one process with it nothing is killed */
		return;
	w->pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0); /* Linux 5.3; close-on-exec of itself */
	/* Had it died before, the number could be another's by now. */
	struct pollfd fd = {.fd = w->config.socket};
	if (poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP)) {
		close(w->pidfd);
		w->pidfd = -1;
	}
}

static bool is_dead(const struct warden *w)
{
	struct pollfd fd = {.fd = w->pidfd, .events = POLLIN};

	return w->pidfd < 0 ? w->gone : poll(&fd, 1, 0) > 0;
}

/* By its descriptor: a number may be another's by now. Where there is none, penrig is not killed. */
static void kill_penrig(struct warden *w)
{
	if (w->pidfd >= 0 && syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0) == 0 && !w->gone)
		w->act.note.killed = true;
}

static void say(struct warden *w, enum stopper_message what, const char *text)
{
	char message[STOPPER_MESSAGE_MAX];
	size_t len = strlen(text);

	message[0] = (char)what;
	if (w->gone || len >= sizeof(message))
		return;
	memcpy(message + 1, text, len);
	(void)!send(w->config.socket, message, 1 + len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- what is left behind --------------------------------------------------------------------------------------- */

static void utc(char *ret, size_t size)
{
	struct timespec now;
	struct tm tm;
	char seconds[24];

	clock_gettime(CLOCK_REALTIME, &now);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
	snprintf(ret, size, "%s.%03uZ", seconds, (unsigned)(now.tv_nsec / 1000000) % 1000);
}

/* First line: for whoever finds the bench in use. Second: for the next start, should nothing finish this. */
static void describe_lock(const struct warden *w)
{
	char text[RECIPE_TEXT_MAX + 256], recipe[RECIPE_TEXT_MAX];

	if (w->config.lock < 0 || stop_recipe_print(&w->recipe, recipe, NULL))
		return;
	int n = snprintf(text, sizeof(text), "%s (pid %ld), which stops the pen, since %s\n%s\n",
			 program_invocation_short_name, (long)getpid(), w->act.note.utc, recipe);
	/* Written, then cut to its length: at no moment does the file name no pen. */
	if (pwrite(w->config.lock, text, (size_t)n, 0) == n)
		(void)!ftruncate(w->config.lock, n);
}

static double since_ms(const struct warden *w)
{
	return (double)(loop_now_ns(w->config.loop) - w->act.since_ns) * 1e-6;
}

static void leave_note(struct warden *w)
{
	struct stop_note *note = &w->act.note;
	char text[RECIPE_TEXT_MAX];

	if (note->stopped)
		snprintf(note->text, sizeof(note->text),
			 "%.120s: the stopper stopped the pen, which said %.0f ms later that its motor is off",
			 note->cause, note->confirmed_ms);
	else
		snprintf(note->text, sizeof(note->text), "%.100s: the stopper could not stop the pen: %.100s",
			 note->cause, w->act.why.text);
	int status = stop_note_write(w->folder, note);
	if (status) {
		size_t len = strlen(note->text);
		snprintf(note->text + len, sizeof(note->text) - len, "; its note was not saved: %s", strerror(-status));
	}
	if (stop_note_print(note, text, NULL) == 0)
		say(w, STOPPER_NOTE, text);
}

/* ---- what the pen says ----------------------------------------------------------------------------------------- */

static void failed(struct warden *w, int status, const struct err *err)
{
	w->act.failed = true;
	err_set(&w->act.why, status, "%s", err ? err->text : strerror(-status));
}

/* Another supply on the pen's port is off now, as nothing else was safe to do; of the one that feeds the pen it says nothing. */
static bool is_another(const struct warden *w, struct err *err)
{
	const char *due = w->recipe.supply, *said;

	if (!due[0])
		return false;
	said = w->driver->identity(w->act.device)->serial;
	if (strcmp(said, due) == 0)
		return false;
	err_set(err, -ENODEV, "the supply %.24s answers, not the pen's, %.24s: it was switched off", said, due);
	return true;
}

static void on_stopped(void *ctx, int status, const struct err *err)
{
	struct warden *w = ctx;
	struct err another;

	if (status == -ECANCELED) /* by closing it, which has its own reason */
		return;
	if (status) {
		failed(w, status, err);
		return;
	}
	if (is_another(w, &another)) {
		failed(w, -ENODEV, &another);
		return;
	}
	w->act.confirmed = true;
	w->act.note.stopped = true;
	w->act.note.confirmed_ms = since_ms(w);
}

static void on_ready(void *ctx, int status, const struct err *err)
{
	struct warden *w = ctx;

	w->act.ready = status == 0;
	if (status)
		failed(w, status, err);
}

static void on_telemetry(void *ctx, const struct pen_telemetry *telemetry)
{
	(void)ctx;
	(void)telemetry;
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	(void)ctx;
	(void)condition;
	(void)text;
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	failed(ctx, status, err);
}

/* ---- acting ---------------------------------------------------------------------------------------------------- */

static void close_device(struct warden *w)
{
	if (w->act.device)
		w->driver->close(w->act.device);
	w->act.device = NULL;
	w->act.ready = w->act.failed = false;
}

/* A penrig that was killed has left its mark of exclusive use on the port, which some keep beyond the last close. */
static void leave_line(struct warden *w)
{
	if (w->line < 0)
		return;
	(void)ioctl(w->line, TIOCNXCL);
	close(w->line);
	w->line = -1;
}

/* A lent port whose adapter was taken from the bus stays dead, whatever is plugged in under its name: that is opened then. The
 * first failure alone may be the pen's. */
static void give_up_line(struct warden *w)
{
	if (w->line >= 0 && ++w->act.failures >= LENT_TRIES)
		leave_line(w);
}

/* Where looking for it takes long, by real time, the rest of a computer of one core lives in these pauses. */
static void again(struct warden *w, uint64_t now_ns)
{
	close_device(w);
	give_up_line(w);
	const uint64_t done_ns = loop_now_ns(w->config.loop), rest_ns = AGAIN_REST * (done_ns - now_ns);
	const uint64_t most_ns = rest_ns < REST_MAX_NS ? rest_ns : REST_MAX_NS;
	w->act.next_ns = done_ns + (most_ns > AGAIN_NS ? most_ns : AGAIN_NS);
}

/* An open port serves as it is. Anything else must be free. */
static bool may_open(struct warden *w, uint64_t now_ns)
{
	if (w->line >= 0 || !w->may_kill || is_dead(w) || now_ns - w->act.since_ns > DYING_NS)
		return true;
	kill_penrig(w);
	return is_dead(w);
}

/* What was written, and not what was tried: a supply that must say first what it is may never have been ordered. */
static void note_order(struct warden *w)
{
	struct device_counters counters = {.stops = 0};

	w->driver->counters(w->act.device, &counters);
	if (counters.stops > 0 && isnan(w->act.note.ordered_ms))
		w->act.note.ordered_ms = since_ms(w);
}

static void try_open(struct warden *w, uint64_t now_ns)
{
	const struct device_open open = {
		.links = w->config.links,
		.loop = w->config.loop,
		.uri = w->recipe.link,
		.settings = w->recipe.line,
		.power = w->driver->powered ? &w->power : NULL,
		.adopted = w->line > 0 ? w->line : 0,
		.host = {.ctx = w, .ready = on_ready, .telemetry = on_telemetry, .event = on_event, .lost = on_lost},
	};

	if (!may_open(w, now_ns))
		return;
	w->act.try_ns = now_ns;
	if (w->driver->open(&open, now_ns, &w->act.device, &w->act.why)) {
		again(w, now_ns);
		return;
	}
	note_order(w);
}

static void end_act(struct warden *w)
{
	close_device(w);
	w->act.under_way = false;
	w->moving = false;
	w->silent_ns = 0;
	leave_note(w);
	if (w->gone || w->dismissed)
		loop_stop(w->config.loop);
}

/* From where it stands to the next thing to do. */
static void act_on(struct warden *w, uint64_t now_ns)
{
	struct act *act = &w->act;
	uint64_t wait_ns = w->recipe.line.wait_ns; /* of each opening: a board that restarts hears nothing before */

	if (act->confirmed || now_ns - act->since_ns > wait_ns + (w->ran || !w->gone ? ACT_NS : NEVER_RAN_NS)) {
		end_act(w);
		return;
	}
	if (!act->device) {
		if (now_ns >= act->next_ns)
			try_open(w, now_ns);
		return;
	}
	w->driver->on_tick(act->device, now_ns);
	if (act->ready && !act->confirmed) {
		act->ready = false;
		w->driver->pen->stop(act->device, on_stopped, w);
	}
	note_order(w);
	if (act->failed || now_ns - act->try_ns > wait_ns + TRY_NS) {
		if (!act->failed)
			err_set(&act->why, -ETIMEDOUT, "the pen does not answer");
		again(w, now_ns);
	}
}

static void begin_act(struct warden *w, bool may_kill, const char *cause)
{
	uint64_t now_ns = loop_now_ns(w->config.loop);

	w->may_kill = may_kill;
	if (w->act.under_way)
		return;
	w->act = (struct act){.under_way = true, .since_ns = now_ns};
	w->act.note = (struct stop_note){.ordered_ms = NAN, .confirmed_ms = NAN};
	snprintf(w->act.note.run, sizeof(w->act.note.run), "%s", w->recipe.run);
	snprintf(w->act.note.pen, sizeof(w->act.note.pen), "%s", w->recipe.link);
	snprintf(w->act.note.cause, sizeof(w->act.note.cause), "%s", cause);
	utc(w->act.note.utc, sizeof(w->act.note.utc));
	describe_lock(w);
	act_on(w, now_ns);
	loop_timer_at(w->config.loop, &w->timer, now_ns + DRIVER_TICK_NS);
}

/* ---- watching -------------------------------------------------------------------------------------------------- */

static void watch_penrig(struct warden *w, uint64_t now_ns)
{
	uint64_t passed_ns = now_ns - w->looked_ns;
	char cause[160];

	w->looked_ns = now_ns;
	w->silent_ns += passed_ns < LOOK_NS ? passed_ns : LOOK_NS;
	if (!w->has_recipe || !w->moving || w->silent_ns < w->recipe.standstill_ms * NS_PER_MS)
		return;
	snprintf(cause, sizeof(cause), "penrig (pid %ld) has stood still for %.1f s with a pen that may run",
		 (long)w->penrig, (double)w->silent_ns * 1e-9);
	begin_act(w, true, cause);
}

static void on_timer(void *ctx, uint64_t now_ns)
{
	struct warden *w = ctx;

	if (w->act.under_way)
		act_on(w, now_ns);
	else
		watch_penrig(w, now_ns);
	loop_timer_at(w->config.loop, &w->timer, now_ns + (w->act.under_way ? DRIVER_TICK_NS : WATCH_NS));
}

/* ---- what penrig says ------------------------------------------------------------------------------------------ */

static const struct driver *find_driver(const struct warden *w, const char *name, enum device_role role)
{
	for (const struct driver *const *d = w->config.drivers; *d; d++)
		if (strcmp((*d)->name, name) == 0 && driver_serves(*d, role))
			return *d;
	return NULL;
}

static void take_recipe(struct warden *w, const char *text)
{
	struct err err;

	if (stop_recipe_parse(text, &w->recipe, &err)) {
		say(w, STOPPER_UNFIT, err.text);
		return;
	}
	w->driver = find_driver(w, w->recipe.driver, ROLE_PEN);
	w->power.driver = find_driver(w, w->recipe.power, ROLE_POWER);
	w->power.output = w->recipe.output;
	w->power.address = w->recipe.address;
	memcpy(w->power.dialect, w->recipe.dialect, sizeof(w->power.dialect));
	if (!w->driver || w->driver->powered != (w->power.driver != NULL)) {
		say(w, STOPPER_UNFIT, "the stopper has no such driver of a pen: it is of another version than penrig");
		return;
	}
	if (w->folder >= 0) /* this recipe says more than the last */
		close(w->folder);
	w->folder = open(w->recipe.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->folder < 0) {
		char why[FILE_PATH_MAX + 80];
		snprintf(why, sizeof(why), "the stopper cannot open the folder %s: %s", w->recipe.folder,
			 strerror(errno));
		say(w, STOPPER_UNFIT, why);
		return;
	}
	w->has_recipe = true;
	say(w, STOPPER_READY, "");
}

static void take_line(struct warden *w, int fd)
{
	if (fd < 0)
		return;
	if (w->line >= 0)
		close(w->line);
	w->line = fd;
}

static void penrig_gone(struct warden *w)
{
	char cause[80];

	w->gone = true;
	loop_fd_remove(w->config.loop, w->config.socket);
	if (w->dismissed || !w->has_recipe) {
		if (!w->act.under_way)
			loop_stop(w->config.loop);
		return;
	}
	snprintf(cause, sizeof(cause), "penrig (pid %ld) is gone", (long)w->penrig);
	begin_act(w, true, cause);
}

static void dismiss(struct warden *w)
{
	w->dismissed = true;
	if (!w->act.under_way)
		loop_stop(w->config.loop);
}

static void take(struct warden *w, const char *message, int fd)
{
	w->silent_ns = 0;
	if (fd >= 0 && message[0] != STOPPER_LINE)
		close(fd);
	switch (message[0]) {
	case STOPPER_RECIPE: take_recipe(w, message + 1); break;
	case STOPPER_LINE: take_line(w, fd); break;
	case STOPPER_IDLE: w->moving = false; break;
	case STOPPER_MOVING: w->moving = w->ran = true; break;
	case STOPPER_ORDER:
		w->ran = true; /* or may have: it is looked for as long as any */
		if (w->has_recipe)
			begin_act(w, false, "penrig was left with a pen that may run");
		break;
	case STOPPER_DISMISS: dismiss(w); break;
	default: break;
	}
}

/* One comes with a message at most, and -1 is none. Of more, which the room about one lets through, none is taken. */
static int descriptor_of(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fds[4];

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fds[0]);
	n = n < sizeof(fds) / sizeof(fds[0]) ? n : sizeof(fds) / sizeof(fds[0]);
	memcpy(fds, CMSG_DATA(c), n * sizeof(fds[0]));
	if (n == 1 && !(msg->msg_flags & MSG_CTRUNC))
		return fds[0];
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return -1;
}

/* 1: a message; 0: none is there; -1: there will be none. */
static int receive(struct warden *w, char message[STOPPER_MESSAGE_MAX + 1], int *ret_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = message, .iov_len = STOPPER_MESSAGE_MAX};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n;

	/* Where penrig closed it with something of ours unread, that is said first, and once; what it sent stands behind. */
	do
		n = recvmsg(w->config.socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == ECONNRESET || errno == EINTR));
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	message[n] = '\0';
	*ret_fd = descriptor_of(&msg);
	return 1;
}

static void answer(struct warden *w)
{
	uint64_t now_ns = loop_now_ns(w->config.loop);

	if (w->answered_ns && now_ns - w->answered_ns < ANSWER_NS)
		return;
	w->answered_ns = now_ns;
	say(w, STOPPER_ALIVE, "");
}

/* All that waits, before time is looked at: who was held up finds signs of life there. */
static void on_socket(void *ctx, int fd, short revents)
{
	struct warden *w = ctx;
	char message[STOPPER_MESSAGE_MAX + 1];
	int line, got;

	(void)fd;
	(void)revents;
	while ((got = receive(w, message, &line)) > 0)
		take(w, message, line);
	if (got < 0)
		penrig_gone(w);
	else
		answer(w);
}

int warden_run(const struct warden_config *config)
{
	struct warden w = {.config = *config, .folder = -1, .line = -1};

	w.timer = (struct loop_timer){.fn = on_timer, .ctx = &w};
	w.looked_ns = loop_now_ns(config->loop);
	know_penrig(&w);
	int status = loop_fd_add(config->loop, config->socket, POLLIN, on_socket, &w);
	if (!status)
		status = loop_timer_at(config->loop, &w.timer, w.looked_ns + WATCH_NS);
	if (!status)
		status = loop_run(config->loop);
	loop_timer_cancel(config->loop, &w.timer);
	loop_fd_remove(config->loop, config->socket);
	close_device(&w);
	leave_line(&w);
	const int fds[] = {w.folder, w.pidfd};
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return status;
}
