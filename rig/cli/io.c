/* `penrig io`: holds a station's own scanner, foot switch and light, and speaks lines of JSON with the station on standard input and
 * output. It decides nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "rig/base/loop.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/io_file.h"
#include "rig/cli/kit/signals.h"

#define CODE_MAX  200 /* as the station takes it */
#define LINE_MAX_ 512

struct held {
	struct io *io;
	const struct io_device *device;
	int fd;
	size_t len;
	char code[CODE_MAX + 1];
	bool too_long;
};

struct io {
	struct loop *loop;
	struct io_file file;
	struct held held[IO_DEVICES_MAX];
	size_t len;
	char line[LINE_MAX_];
	const char *gone; /* the device that went */
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

static void gone(struct held *h)
{
	h->io->gone = h->device->device;
	loop_fd_remove(h->io->loop, h->fd);
	loop_stop(h->io->loop);
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
		gone(h);
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
		gone(h);
}

/* ---- from the station ------------------------------------------------------------------------------------------ */

static void set_lights(struct io *io, const char *bench, const char *word)
{
	for (unsigned i = 0; i < io->file.count; i++) {
		const struct held *h = &io->held[i];
		const struct json *text = h->device->words ? json_get(h->device->words, word) : NULL;

		if (!text || (h->device->bench[0] && strcmp(h->device->bench, bench) != 0))
			continue;
		if (write(h->fd, json_string(text), strlen(json_string(text))) < 0 && errno != EAGAIN)
			gone(&io->held[i]);
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
	if (n == 0)
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
	if (h->device->baud && (speed_of(h->device->baud) == B0 || cfsetspeed(&mode, speed_of(h->device->baud)) != 0))
		return err_set(err, -EINVAL, "%s: %lld baud is no usual rate", h->device->device,
			       (long long)h->device->baud);
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
		return 0;
	return loop_fd_add(h->io->loop, h->fd, POLLIN, is_switch ? on_switch : on_scanner, h);
}

static int hold_all(struct io *io, struct err *err)
{
	for (unsigned i = 0; i < io->file.count; i++) {
		struct held *h = &io->held[i];
		int rc;

		*h = (struct held){.io = io, .device = &io->file.device[i], .fd = -1};
		rc = hold(h, err);
		if (rc < 0)
			return rc;
	}
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
	    (rc = hold_all(io, err)) < 0 || (rc = signals_open(&signals, io->loop, on_signal, io->loop, err)) < 0)
		return rc;
	rc = loop_run(io->loop);
	signals_close(&signals);
	if (rc == 0 && io->gone)
		return err_set(err, -ENODEV, "%s is gone", io->gone);
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
		       "input. A switch starts a test, and never stops one.\n\n"
		       "The exit code is 0; 2 a wrong file; 4 a device cannot be opened, or went.",
	.example = "  penrig io line-3-io.json\n",
	.options = io_table,
	.options_size = 1,
	.run = io_run,
};
