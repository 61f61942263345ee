/* `penrig io`: holds a station's own scanner, foot switch and light, and speaks lines of JSON with the station on standard input and
 * output. It decides nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/loop.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/io_file.h"
#include "rig/cli/kit/io_light.h"
#include "rig/cli/kit/signals.h"

#define CODE_MAX  200 /* as the station takes it */
#define LINE_MAX_ 512

#define AGAIN_NS  NS_PER_S
#define END_MS    500 /* for the lights' last word */

struct held {
	struct io *io;
	const struct io_device *device;
	int fd; /* -1: it is not there */
	size_t len;
	char code[CODE_MAX + 1];
	bool too_long;
	struct io_light light;
	bool waits, stuck; /* a light that does not take its text: now, and since the turn before */
};

struct io {
	struct loop *loop;
	struct io_file file;
	struct held held[IO_DEVICES_MAX];
	size_t len;
	char line[LINE_MAX_];
	struct loop_timer again;
	unsigned missing; /* as the station was told: a bit for each device */
	struct err why;   /* of the one that went last */
};

/* ---- to the station -------------------------------------------------------------------------------------------- */

static void tell(const struct held *h, const char *event, const char *code)
{
	struct json_out *out = json_out_object();
	char *text = NULL;

	json_out_string(out, "event", event);
	json_out_string(out, "bench", h->device->bench);
	if (code)
		json_out_string(out, "code", code);
	if (json_out_print(out, false, &text, NULL) == 0)
		puts(text);
	fflush(stdout);
	free(text);
	json_out_free(out);
}

static void tell_missing(struct io *io)
{
	struct json_out *out = json_out_object(), *list;
	unsigned missing = 0;
	char *text = NULL;

	json_out_string(out, "event", "devices");
	list = json_out_add_array(out, "missing");
	for (unsigned i = 0; i < io->file.count; i++) {
		if (io->held[i].fd >= 0 && !io->held[i].stuck)
			continue;
		missing |= 1u << i;
		json_out_string(list, NULL, io->file.device[i].device);
	}
	if (missing != io->missing && json_out_print(out, false, &text, NULL) == 0)
		puts(text);
	fflush(stdout);
	io->missing = missing;
	free(text);
	json_out_free(out);
}

/* It is looked for again; the others go on. */
static void gone(struct held *h, int rc)
{
	(void)err_set(&h->io->why, rc, "%s is gone: %s", h->device->device, strerror(-rc));
	loop_fd_remove(h->io->loop, h->fd);
	close(h->fd);
	h->fd = h->light.fd = -1;
	h->waits = h->stuck = false;
	tell_missing(h->io);
}

static void take_byte(struct held *h, char c)
{
	if (c != '\r' && c != '\n' && c != '\t') {
		if (h->len < CODE_MAX)
			h->code[h->len++] = c;
		else
			h->too_long = true;
		return;
	}
	h->code[h->len] = '\0';
	/* One that is too long is told with one character more than a code may have: the station refuses it aloud. */
	if (h->len && strlen(h->code) == h->len && !h->too_long)
		tell(h, "code", h->code);
	else if (h->len)
		tell(h, "code", "\x01");
	h->len = 0;
	h->too_long = false;
}

static void on_scanner(void *ctx, int fd, short revents)
{
	struct held *h = ctx;
	char bytes[256];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)revents;
	for (ssize_t i = 0; i < n; i++)
		take_byte(h, bytes[i]);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		gone(h, n == 0 ? -ENODEV : -errno);
}

/* The press counts; holding it down or letting go says nothing. */
static void on_switch(void *ctx, int fd, short revents)
{
	struct held *h = ctx;
	struct input_event event;
	ssize_t n;

	(void)revents;
	while ((n = read(fd, &event, sizeof(event))) == sizeof(event))
		if (event.type == EV_KEY && event.value == 1 && (!h->device->key || event.code == h->device->key))
			tell(h, "switch", NULL);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		gone(h, n == 0 ? -ENODEV : -errno);
}

/* ---- from the station ------------------------------------------------------------------------------------------ */

static void write_light(struct held *h)
{
	const int rc = h->fd < 0 ? 0 : io_light_write(&h->light);

	h->waits = rc > 0;
	if (rc < 0) {
		gone(h, rc);
	} else if (h->fd >= 0) {
		(void)loop_fd_events(h->io->loop, h->fd, h->waits ? POLLOUT : 0);
		if (!h->waits && h->stuck) {
			h->stuck = false;
			tell_missing(h->io);
		}
	}
}

static void on_light(void *ctx, int fd, short revents)
{
	struct held *h = ctx;

	(void)fd;
	if (revents & (POLLERR | POLLHUP | POLLNVAL))
		gone(h, -ENODEV);
	else
		write_light(h);
}

/* One that is not there is told once it is back. */
static void set_lights(struct io *io, const char *bench, const char *word)
{
	for (unsigned i = 0; i < io->file.count; i++) {
		struct held *h = &io->held[i];

		if (h->device->kind != IO_LIGHT || (h->device->bench[0] && strcmp(h->device->bench, bench) != 0))
			continue;
		io_light_set(&h->light, io_file_word(h->device, word));
		write_light(h);
	}
}

/* Whoever comes reads no verdict off a light that nobody speaks to any more. */
static void end_lights(struct io *io)
{
	struct timespec begun, now;
	int left_ms = END_MS;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (unsigned i = 0; i < io->file.count; i++) {
		struct held *h = &io->held[i];

		if (h->device->kind != IO_LIGHT || h->fd < 0)
			continue;
		io_light_set(&h->light, io_file_word(h->device, NULL));
		while (io_light_write(&h->light) > 0 && left_ms > 0) {
			struct pollfd wait = {.fd = h->fd, .events = POLLOUT};

			(void)poll(&wait, 1, left_ms);
			clock_gettime(CLOCK_MONOTONIC, &now);
			left_ms = END_MS -
				  (int)((now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000);
		}
	}
}

static void line_done(struct io *io)
{
	struct json_doc *doc;
	const struct json *word, *bench;

	if (json_parse("order", io->line, io->len, &doc, NULL) < 0)
		return;
	word = json_get(json_root(doc), "light");
	bench = json_get(json_root(doc), "bench");
	if (word && json_kind(word) == JSON_STRING && bench && json_kind(bench) == JSON_STRING)
		set_lights(io, json_string(bench), json_string(word));
	json_doc_free(doc);
}

static void on_order(void *ctx, int fd, short revents)
{
	struct io *io = ctx;
	char bytes[256];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)revents;
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != '\n') {
			if (io->len < sizeof(io->line))
				io->line[io->len++] = bytes[i];
			continue;
		}
		line_done(io);
		io->len = 0;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		loop_stop(io->loop); /* the station is gone */
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static speed_t speed_of(int64_t baud)
{
	static const struct {
		int64_t baud;
		speed_t speed;
	} rows[] = {{300, B300},       {1200, B1200},     {2400, B2400},    {4800, B4800},
		    {9600, B9600},     {19200, B19200},   {38400, B38400},  {57600, B57600},
		    {115200, B115200}, {230400, B230400}, {921600, B921600}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].baud == baud)
			return rows[i].speed;
	return B0;
}

static int set_line(const struct held *h, struct err *err)
{
	struct termios mode;

	if (tcgetattr(h->fd, &mode) != 0)
		return 0; /* no serial line */
	cfmakeraw(&mode);
	mode.c_cflag |= CLOCAL | CREAD;
	if (h->device->baud)
		(void)cfsetspeed(&mode, speed_of(h->device->baud));
	return tcsetattr(h->fd, TCSANOW, &mode) == 0
		       ? 0
		       : err_set(err, -errno, "%s: %s", h->device->device, strerror(errno));
}

static int hold(struct held *h, struct err *err)
{
	const bool is_switch = h->device->kind == IO_SWITCH;
	int rc;

	h->fd = open(h->device->device, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (h->fd < 0 && is_switch && errno == EACCES)
		h->fd = open(h->device->device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (h->fd < 0)
		return err_set(err, -errno, "%s: %s", h->device->device, strerror(errno));
	if (is_switch)
		(void)ioctl(h->fd, EVIOCGRAB, 1); /* its key is nobody else's: no Enter on the page beside it */
	else if ((rc = set_line(h, err)) < 0)
		return rc;
	if (h->device->kind == IO_LIGHT)
		return loop_fd_add(h->io->loop, h->fd, 0, on_light, h); /* its loss alone, until it has to wait */
	return loop_fd_add(h->io->loop, h->fd, POLLIN, is_switch ? on_switch : on_scanner, h);
}

/* What is there is held; what is not is tried again. */
static void hold_what_is_there(struct io *io)
{
	for (unsigned i = 0; i < io->file.count; i++) {
		struct held *h = &io->held[i];
		const bool waited = h->waits;

		if (h->fd < 0 && hold(h, &io->why) < 0) {
			if (h->fd >= 0)
				close(h->fd);
			h->fd = -1;
		} else if (h->fd >= 0 && h->light.fd != h->fd && h->device->kind == IO_LIGHT) {
			io_light_opened(&h->light, h->fd);
			write_light(h);
		}
		h->len = h->fd < 0 ? 0 : h->len;
		h->stuck = waited && h->waits;
	}
	tell_missing(io);
}

static void on_again(void *ctx, uint64_t now_ns)
{
	struct io *io = ctx;

	hold_what_is_there(io);
	(void)loop_timer_at(io->loop, &io->again, now_ns + AGAIN_NS);
}

static int begin(struct io *io, struct err *err)
{
	for (unsigned i = 0; i < io->file.count; i++) {
		const struct io_device *d = &io->file.device[i];

		if (d->baud && speed_of(d->baud) == B0)
			return err_set(err, -EINVAL, "%s: %lld baud is no usual rate", d->device, (long long)d->baud);
		io->held[i] = (struct held){.io = io, .device = d, .fd = -1, .light = {.fd = -1}};
		if (d->kind == IO_LIGHT)
			io_light_set(&io->held[i].light, io_file_word(d, NULL)); /* until the station says more */
	}
	io->again = (struct loop_timer){.fn = on_again, .ctx = io};
	on_again(io, loop_now_ns(io->loop));
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	return loop_fd_add(io->loop, STDIN_FILENO, POLLIN, on_order, io);
}

static void on_signal(void *ctx, int number)
{
	(void)number;
	loop_stop(ctx);
}

static int serve(const struct cli_tables *tables, struct io *io, struct err *err)
{
	struct signals signals;
	int rc;

	if ((rc = signals_block(err)) < 0 || (rc = loop_new(tables->clock, tables->clock_ctx, &io->loop, err)) < 0 ||
	    (rc = begin(io, err)) < 0 || (rc = signals_open(&signals, io->loop, on_signal, io->loop, err)) < 0)
		return rc;
	rc = loop_run(io->loop);
	signals_close(&signals);
	loop_timer_cancel(io->loop, &io->again);
	end_lights(io);
	if (rc == 0 && io->missing)
		return err_set(err, -ENODEV, "%s", io->why.text);
	return rc;
}

static int io_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct io *io = calloc(1, sizeof(*io));
	struct err err = {""};
	int rc;

	(void)options, (void)count;
	if (!io)
		return cli_error(EXIT_INTERNAL, "out of memory");
	signal(SIGPIPE, SIG_IGN); /* a station that died is noticed by its end of the orders: the lights come first */
	rc = io_file_read(operands[0], &io->file, &err);
	const bool read = rc == 0;

	if (read)
		rc = serve(tables, io, &err);
	for (unsigned i = 0; read && i < io->file.count; i++)
		if (io->held[i].fd > STDERR_FILENO)
			close(io->held[i].fd);
	loop_free(io->loop);
	json_doc_free(io->file.doc);
	free(io);
	if (rc < 0)
		return cli_error(!read           ? cli_exit_code(rc)
				 : rc == -EINVAL ? EXIT_USAGE
						 : EXIT_DEVICE_LOST,
				 "%s", err.text);
	return EXIT_PASS;
}

static const struct cli_option io_table[] = {{.name = NULL}};

const struct command command_io = {
	.name = "io",
	.operands = "FILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Serve a station's own scanner, foot switch and light",
	.description = "A station starts this where its file names one (\"io\"); no bench names these devices. FILE "
		       "lists serial "
		       "scanners, foot switches (input devices) and lights that take a line of text.\n\n"
		       "It says {\"event\":\"code\",\"bench\":LABEL,\"code\":TEXT} and "
		       "{\"event\":\"switch\",\"bench\":LABEL} on "
		       "standard output, a line each, and takes {\"light\":WORD,\"bench\":LABEL} on standard input; it "
		       "ends with its "
		       "input. A switch starts a test, and never stops one. A device that cannot be opened, or goes, "
		       "is looked for each second, and the others go on: {\"event\":\"devices\",\"missing\":[DEVICE]} "
		       "says which, [] that all are there. At its end it sends each light its \"off\".\n\n"
		       "The exit code is 0; 2 a wrong file; 4 a device was missing at the end.",
	.example = "  penrig io line-3-io.json\n",
	.options = io_table,
	.options_size = 1,
	.run = io_run,
};
