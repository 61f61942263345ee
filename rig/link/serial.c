/* Serial ports: libserialport finds, opens and configures them; reading and writing is ours, from the loop.
 * Never calls libserialport's own I/O: after an unplug it returns nothing for ever, or spins. */
#include "rig/link/link.h"

#include <errno.h>
#include <fcntl.h>
#include <libserialport.h>
#include <limits.h>
#include <linux/serial.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "rig/link/name.h"
#include "rig/link/queue.h"

#define READ_BYTES             65536             /* more than any driver hands out at once (7 KiB) */
#define DRAIN_NS               (250 * NS_PER_MS) /* for the last command on its way out when the link is closed */
#define BAUD_TOLERANCE_PERCENT 2                 /* what two UARTs may differ and still read each other's stop bit */
#define LATENCY_TIMER          "/sys/class/tty/%s/device/latency_timer"

struct serial_link {
	struct link link;
	struct loop *loop;
	struct link_sink sink;
	struct sp_port *port;
	int fd;
	struct link_identity id;
	struct link_counters counters;
	struct serial_icounter_struct before;
	bool icount_known;
	struct link_queue queue, finished;
	struct loop_timer timer; /* deadlines, and reports that link_write() may not make itself */
	bool busy, closed;       /* inside one of our callbacks; closed there */
	bool gone;
	bool held;       /* the wait after opening is not over */
	bool exclusive;  /* the mark on the port is ours to take away */
	int fatal_errno; /* a write failed with this; the loop reports it */
	uint8_t buffer[READ_BYTES];
};

/* ---- finding --------------------------------------------------------------------------------------------------- */

static int sp_errno(void)
{
	int code = sp_last_error_code();

	return code > 0 ? -code : -EIO;
}

/* The USB device directory above the tty ("/sys/devices/…/1-2.3") holds idVendor; the tty hangs one to three levels
 * below. */
static void port_path_of(const char *tty, char *ret, size_t size)
{
	char path[PATH_MAX], dir[PATH_MAX], probe[PATH_MAX + 16];

	ret[0] = '\0';
	snprintf(path, sizeof(path), "/sys/class/tty/%s/device", tty);
	if (!realpath(path, dir))
		return;
	for (char *slash = strrchr(dir, '/'); slash && slash != dir; slash = strrchr(dir, '/')) {
		snprintf(probe, sizeof(probe), "%s/idVendor", dir);
		if (access(probe, F_OK) == 0) {
			if (strlen(slash + 1) < size)
				snprintf(ret, size, "%s", slash + 1);
			return;
		}
		*slash = '\0';
	}
}

static void copy_text(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text ? text : "");
}

static void identify(const struct sp_port *port, struct link_identity *ret)
{
	struct link_identity id = {0};
	char name[LINK_NAME_MAX - 16];
	const char *node = sp_get_port_name(port), *tty = strrchr(node, '/');
	int vid = 0, pid = 0;

	copy_text(id.node, sizeof(id.node), node);
	if (sp_get_port_transport(port) == SP_TRANSPORT_USB && sp_get_port_usb_vid_pid(port, &vid, &pid) == SP_OK) {
		id.vid = (uint16_t)vid;
		id.pid = (uint16_t)pid;
		copy_text(id.serial, sizeof(id.serial), sp_get_port_usb_serial(port));
		copy_text(id.maker, sizeof(id.maker), sp_get_port_usb_manufacturer(port));
		copy_text(id.product, sizeof(id.product), sp_get_port_usb_product(port));
	}
	port_path_of(tty ? tty + 1 : node, id.port, sizeof(id.port));
	if (id.vid && id.serial[0])
		snprintf(id.uri, sizeof(id.uri), "serial:%04x:%04x:%s", id.vid, id.pid, id.serial);
	else if (link_by_id_of(node, name, sizeof(name)) == 0)
		snprintf(id.uri, sizeof(id.uri), "serial:by-id=%s", name);
	else if (id.port[0])
		snprintf(id.uri, sizeof(id.uri), "serial:port=%s", id.port);
	*ret = id;
}

static int resolve_by_id(const char *name, char *ret_node, size_t size, struct err *err)
{
	char path[sizeof(LINK_BY_ID) + LINK_NAME_MAX + 1], node[PATH_MAX];

	snprintf(path, sizeof(path), LINK_BY_ID "/%s", name);
	if (!realpath(path, node) || strlen(node) >= size)
		return err_set(err, -ENODEV, "%s is not there: plug the device in, or see `penrig list` for its name",
			       path);
	snprintf(ret_node, size, "%s", node);
	return 0;
}

static int resolve_by_search(const struct link_name *name, const char *uri, char *ret_node, size_t size,
			     struct err *err)
{
	struct link_identity id, found = {0};
	struct sp_port **ports;
	int matches = 0;

	if (sp_list_ports(&ports) != SP_OK)
		return err_set(err, sp_errno(), "cannot list the serial ports of this machine");
	for (int i = 0; ports[i]; i++) {
		identify(ports[i], &id);
		if (link_name_matches(name, &id) && matches++ == 0)
			found = id;
	}
	sp_free_port_list(ports);
	if (!matches)
		return err_set(err, -ENODEV,
			       "serial:%s is not there: plug the device in, or see `penrig list` for its name", uri);
	if (matches > 1)
		return err_set(err, -EINVAL,
			       "serial:%s fits %d ports (%s is one); name it by the file in %s: serial:by-id=NAME", uri,
			       matches, found.node, LINK_BY_ID);
	snprintf(ret_node, size, "%s", found.node);
	return 0;
}

static int resolve(const char *uri, char *ret_node, size_t size, struct err *err)
{
	struct link_name name;
	int status = link_name_parse("serial", uri, &name, err);

	if (status)
		return status;
	if (name.kind == LINK_NAME_BY_ID)
		return resolve_by_id(name.text, ret_node, size, err);
	return resolve_by_search(&name, uri, ret_node, size, err);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int held(const char *node, const char *holder, struct err *err)
{
	return err_set(err, -EBUSY, "%s is held by %s: close that program, or wait until it is done", node,
		       *holder ? holder : "another program");
}

static int busy_text(const char *node, struct err *err)
{
	char holder[sizeof(((struct link_identity *)0)->holder)];

	link_holder(node, holder, sizeof(holder));
	return held(node, holder, err);
}

static int open_failed(const char *node, int status, struct err *err)
{
	switch (status) {
	case -EBUSY:
	case -EAGAIN: /* libserialport from 0.1.2 on locks the port by itself */ return busy_text(node, err);
	case -EACCES:
	case -EPERM:
		return err_set(
			err, -EACCES,
			"no permission to open %s: join its group (sudo usermod -aG dialout $USER, then log in again)",
			node);
	case -ENOENT:
	case -ENODEV:
	case -ENXIO: return err_set(err, -ENODEV, "%s is not there any more: plug the device in again", node);
	default: return err_set(err, -EIO, "cannot open %s: %s", node, strerror(-status));
	}
}

/* flock() tells other controllers that ask; TIOCEXCL turns away programs that do not (but never root). */
static int take_exclusively(struct serial_link *self, struct err *err)
{
	int flags = fcntl(self->fd, F_GETFD);

	if (flags < 0 || fcntl(self->fd, F_SETFD, flags | FD_CLOEXEC) < 0)
		return err_set(err, -EIO, "%s: %s", self->id.node, strerror(errno));
	if (flock(self->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? busy_text(self->id.node, err)
					    : err_set(err, -EIO, "cannot lock %s: %s", self->id.node, strerror(errno));
	self->exclusive = ioctl(self->fd, TIOCEXCL) == 0;
	return 0;
}

static const enum sp_parity parities[] = {
	[LINK_PARITY_NONE] = SP_PARITY_NONE, [LINK_PARITY_ODD] = SP_PARITY_ODD,     [LINK_PARITY_EVEN] = SP_PARITY_EVEN,
	[LINK_PARITY_MARK] = SP_PARITY_MARK, [LINK_PARITY_SPACE] = SP_PARITY_SPACE,
};

static const enum sp_flowcontrol flows[] = {
	[LINK_FLOW_NONE] = SP_FLOWCONTROL_NONE,
	[LINK_FLOW_RTS_CTS] = SP_FLOWCONTROL_RTSCTS,
	[LINK_FLOW_XON_XOFF] = SP_FLOWCONTROL_XONXOFF,
};

static void ask_for(struct sp_port_config *config, const struct link_settings *settings)
{
	sp_set_config_baudrate(config, (int)settings->baud);
	sp_set_config_bits(config, settings->data_bits);
	sp_set_config_parity(config, parities[settings->parity]);
	sp_set_config_stopbits(config, settings->stop_bits);
	sp_set_config_xon_xoff(config, SP_XONXOFF_DISABLED);
}

/* Leaves in `config` what the port says that it runs with. */
static int apply(struct sp_port *port, const struct link_settings *settings, struct sp_port_config *config)
{
	if (sp_set_config(port, config) != SP_OK)
		return sp_errno();
	/* Gadgets and some adapters have no modem lines; a device that needs none works without, and whether flow
	 * control is there is read back. */
	sp_set_flowcontrol(port, flows[settings->flow]);
	if (settings->flow != LINK_FLOW_RTS_CTS)
		sp_set_rts(port, SP_RTS_ON);
	sp_set_dtr(port, SP_DTR_ON);
	return sp_get_config(port, config) == SP_OK ? 0 : sp_errno();
}

static const char *parity_of(const struct sp_port_config *config)
{
	enum sp_parity parity = SP_PARITY_INVALID;

	sp_get_config_parity(config, &parity);
	for (unsigned i = LINK_PARITY_NONE; i < sizeof(parities) / sizeof(parities[0]); i++)
		if (parities[i] == parity)
			return link_parity_words[i - 1];
	return "something else"; /* also when the port has dropped the parity bit alone */
}

static const char *flow_of(const struct sp_port_config *config)
{
	enum sp_xonxoff xon_xoff = SP_XONXOFF_INVALID;
	enum sp_rts rts = SP_RTS_INVALID;
	enum sp_cts cts = SP_CTS_INVALID;

	sp_get_config_xon_xoff(config, &xon_xoff);
	sp_get_config_rts(config, &rts);
	sp_get_config_cts(config, &cts);
	bool lines = rts == SP_RTS_FLOW_CONTROL || cts == SP_CTS_FLOW_CONTROL;
	if (lines && xon_xoff == SP_XONXOFF_DISABLED)
		return link_flow_words[LINK_FLOW_RTS_CTS - 1];
	if (!lines && xon_xoff == SP_XONXOFF_INOUT)
		return link_flow_words[LINK_FLOW_XON_XOFF - 1];
	return lines || xon_xoff != SP_XONXOFF_DISABLED ? "mixed" : link_flow_words[LINK_FLOW_NONE - 1];
}

/* Text for text: what was asked for, and what the port says. */
static int compare(const char *node, const char *what, const char *asked, const char *got, struct err *err)
{
	if (strcmp(asked, got) == 0)
		return 0;
	return err_set(err, -EINVAL,
		       "%s was asked for %s %s and runs with %s: write what this adapter can do, or use another one",
		       node, what, asked, got);
}

static int compare_number(const char *node, const char *what, int asked, int got, struct err *err)
{
	char asked_text[16], got_text[16];

	snprintf(asked_text, sizeof(asked_text), "%d", asked);
	snprintf(got_text, sizeof(got_text), "%d", got);
	return compare(node, what, asked_text, got_text, err);
}

static int check_config(const char *node, const struct link_settings *settings, const struct sp_port_config *config,
			struct err *err)
{
	long want = (long)settings->baud;
	int baud = 0, bits = 0, stop_bits = 0;

	sp_get_config_baudrate(config, &baud);
	sp_get_config_bits(config, &bits);
	sp_get_config_stopbits(config, &stop_bits);
	if (labs(baud - want) * 100 > want * BAUD_TOLERANCE_PERCENT)
		return err_set(err, -EINVAL,
			       "%s was asked for %ld baud and runs at %d: write a baud rate that this adapter can do",
			       node, want, baud);
	int status = compare_number(node, "data bits", settings->data_bits, bits, err);
	if (!status)
		status = compare(node, "parity", link_parity_words[settings->parity - 1], parity_of(config), err);
	if (!status)
		status = compare_number(node, "stop bits", settings->stop_bits, stop_bits, err);
	if (!status)
		status = compare(node, "flow control", link_flow_words[settings->flow - 1], flow_of(config), err);
	return status;
}

static int configure(struct serial_link *self, const struct link_settings *settings, struct err *err)
{
	struct sp_port_config *config;
	int status;

	if (sp_new_config(&config) != SP_OK)
		return err_set(err, -ENOMEM, "out of memory for %s", self->id.node);
	ask_for(config, settings);
	status = apply(self->port, settings, config);
	if (status)
		err_set(err, status,
			"cannot set %s to %u baud, %u data bits, parity %s, %u stop bits, flow control %s: %s",
			self->id.node, settings->baud, settings->data_bits, link_parity_words[settings->parity - 1],
			settings->stop_bits, link_flow_words[settings->flow - 1], strerror(-status));
	else
		status = check_config(self->id.node, settings, config, err);
	sp_free_config(config);
	return status;
}

/* FTDI adapters hold bytes back for 16 ms: 60 readings a second at most, and that much error in every time stamp. */
static void shorten_latency(struct serial_link *self)
{
	struct serial_struct serial;
	char path[PATH_MAX], text[16];
	FILE *file;

	snprintf(path, sizeof(path), LATENCY_TIMER, strrchr(self->id.node, '/') + 1);
	link_read_line(path, text, sizeof(text));
	if (!*text)
		return;
	file = atoi(text) > 1 ? fopen(path, "we") : NULL;
	if (file) {
		fputs("1\n", file);
		fclose(file);
	} else if (atoi(text) > 1 && ioctl(self->fd, TIOCGSERIAL, &serial) == 0) {
		serial.flags |= ASYNC_LOW_LATENCY; /* the same, without write access to sysfs */
		ioctl(self->fd, TIOCSSERIAL, &serial);
	}
	link_read_line(path, text, sizeof(text));
	self->id.latency_timer_ms = atoi(text);
}

static int open_port(struct serial_link *self, const char *node, const struct link_settings *settings, struct err *err)
{
	char holder[sizeof(self->id.holder)];
	int status;

	/* Opening alone changes the settings of whoever reads the port without a lock, and two readers share its bytes.
	 */
	link_holder(node, holder, sizeof(holder));
	if (*holder)
		return held(node, holder, err);
	if (sp_get_port_by_name(node, &self->port) != SP_OK)
		return open_failed(node, sp_errno(), err);
	identify(self->port, &self->id);
	if (sp_open(self->port, SP_MODE_READ_WRITE) != SP_OK)
		return open_failed(node, sp_errno(), err);
	if (sp_get_port_handle(self->port, &self->fd) != SP_OK)
		return err_set(err, -EIO, "%s has no descriptor", node);
	status = take_exclusively(self, err);
	if (!status)
		status = configure(self, settings, err);
	if (status)
		return status;
	shorten_latency(self);
	tcflush(self->fd, TCIFLUSH); /* what the last user left unread is nobody's answer */
	self->icount_known = ioctl(self->fd, TIOCGICOUNT, &self->before) == 0;
	return 0;
}

static void release_port(struct serial_link *self)
{
	if (self->fd >= 0 && self->exclusive)
		ioctl(self->fd, TIOCNXCL); /* some ttys keep the mark beyond the last close */
	if (self->fd >= 0 && self->port)
		sp_close(self->port);
	else if (self->fd >= 0)
		close(self->fd); /* adopted: whoever opened it keeps it */
	if (self->port)
		sp_free_port(self->port);
	free(self);
}

/* ---- reading and writing --------------------------------------------------------------------------------------- */

static bool means_gone(int code)
{
	return code == EIO || code == ENXIO || code == ENODEV || code == EBADF;
}

static void rearm(struct serial_link *self)
{
	bool report = self->finished.head || self->fatal_errno;
	bool writing = self->queue.head && !self->fatal_errno && !self->held;
	uint64_t next_ns = link_queue_deadline(&self->queue);

	if (self->gone || self->closed)
		return;
	if (self->held && self->link.held_until_ns < next_ns)
		next_ns = self->link.held_until_ns;
	loop_timer_at(self->loop, &self->timer, report ? 0 : next_ns);
	loop_fd_events(self->loop, self->fd, writing ? POLLIN | POLLOUT : POLLIN);
}

static void write_some(struct serial_link *self)
{
	while (self->queue.head && !self->fatal_errno && !self->held) {
		struct link_write *head = self->queue.head;
		ssize_t n = write(self->fd, head->data + head->sent, head->len - head->sent);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			self->fatal_errno = errno;
		if (n <= 0)
			return;
		head->sent += (size_t)n;
		self->counters.bytes_out += (uint64_t)n;
		if (head->sent < head->len)
			return;
		self->counters.transfers_out++;
		link_queue_finish(link_queue_take(&self->queue), 0, &self->finished);
	}
}

static void go(struct serial_link *self, int code)
{
	struct err why;

	self->gone = true;
	loop_timer_cancel(self->loop, &self->timer);
	loop_fd_remove(self->loop, self->fd);
	link_queue_finish_all(&self->queue, -ENODEV, &self->finished);
	link_queue_report(&self->finished);
	if (self->closed)
		return;
	err_set(&why, -ENODEV, "%s (%s) is gone: unplugged, or without power%s%s", self->id.node, self->id.uri,
		means_gone(code) || !code ? "" : "; ", means_gone(code) || !code ? "" : strerror(code));
	self->sink.gone(self->sink.ctx, &why);
}

/* The port is raw with VMIN 0: a read without data gives 0 as well, but not right after POLLIN. */
static int read_some(struct serial_link *self, short revents)
{
	uint64_t host_ns = loop_now_ns(self->loop);
	ssize_t n;

	if (!(revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)))
		return 0;
	n = read(self->fd, self->buffer, sizeof(self->buffer));
	if (n < 0)
		return errno == EINTR || (errno == EAGAIN && !(revents & (POLLHUP | POLLERR | POLLNVAL))) ? 0 : -EIO;
	if (n == 0)
		return -EIO;
	self->counters.bytes_in += (uint64_t)n;
	self->counters.transfers_in++;
	if (!self->held)
		self->sink.bytes(self->sink.ctx, self->buffer, (size_t)n, false, host_ns);
	return 0;
}

static void leave(struct serial_link *self)
{
	self->busy = false;
	if (self->closed)
		release_port(self);
	else
		rearm(self);
}

static void on_fd(void *ctx, int fd, short revents)
{
	struct serial_link *self = ctx;
	int status;

	(void)fd;
	self->busy = true;
	status = read_some(self, revents);
	if (!self->closed && !status && (revents & POLLOUT))
		write_some(self);
	if (!self->closed && (status || self->fatal_errno))
		go(self, self->fatal_errno);
	if (!self->closed)
		link_queue_report(&self->finished);
	leave(self);
}

/* What a board says while it restarts is nobody's answer. */
static void let_go(struct serial_link *self)
{
	self->held = false;
	tcflush(self->fd, TCIFLUSH);
	write_some(self);
}

static void on_timer(void *ctx, uint64_t now_ns)
{
	struct serial_link *self = ctx;

	self->busy = true;
	if (self->held && now_ns >= self->link.held_until_ns)
		let_go(self);
	link_queue_expire(&self->queue, now_ns, &self->finished);
	link_queue_report(&self->finished);
	if (!self->closed && self->fatal_errno)
		go(self, self->fatal_errno);
	leave(self);
}

/* ---- the operations -------------------------------------------------------------------------------------------- */

static struct serial_link *new_link(struct loop *loop, const char *uri, const struct link_sink *sink)
{
	struct serial_link *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	*self = (struct serial_link){.link = {.ops = &link_serial},
				     .loop = loop,
				     .sink = *sink,
				     .fd = -1,
				     .timer = {.fn = on_timer, .ctx = self}};
	snprintf(self->id.uri, sizeof(self->id.uri), "serial:%.140s", uri);
	return self;
}

/* Takes the link: into the loop, or away where it is not to be had. */
static int enter_loop(struct serial_link *self, int status, const char *node, struct err *err)
{
	if (!status && loop_fd_add(self->loop, self->fd, POLLIN, on_fd, self))
		status = err_set(err, -ENOSPC, "no room for %s in the event loop", node);
	if (status)
		release_port(self);
	return status;
}

static int serial_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		       struct link **ret, struct err *err)
{
	struct serial_link *self;
	char node[LINK_NAME_MAX];
	int status = resolve(uri, node, sizeof(node), err);

	if (status)
		return status;
	self = new_link(loop, uri, sink);
	if (!self)
		return err_set(err, -ENOMEM, "out of memory for %s", node);
	status = enter_loop(self, open_port(self, node, &wants->serial, err), node, err);
	if (status)
		return status;
	snprintf(self->id.uri, sizeof(self->id.uri), "serial:%.140s", uri);
	if (wants->serial.wait_ns) {
		self->held = true;
		self->link.held_until_ns = loop_now_ns(loop) + wants->serial.wait_ns;
		rearm(self);
	}
	*ret = &self->link;
	return 0;
}

static int serial_adopt(struct loop *loop, const char *uri, int fd, const struct link_sink *sink, struct link **ret,
			struct err *err)
{
	struct serial_link *self = new_link(loop, uri, sink);
	int status = 0;

	if (!self)
		return err_set(err, -ENOMEM, "out of memory for serial:%s", uri);
	snprintf(self->id.node, sizeof(self->id.node), "%s", self->id.uri);
	self->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (self->fd < 0 || fcntl(self->fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		status = err_set(err, -errno, "the port of %s cannot be taken over: %s", self->id.uri, strerror(errno));
	status = enter_loop(self, status, self->id.uri, err);
	if (status)
		return status;
	tcflush(self->fd, TCIFLUSH);
	*ret = &self->link;
	return 0;
}

static int serial_descriptor(const struct link *link)
{
	const struct serial_link *self = (const struct serial_link *)link;

	return self->gone || self->closed ? -ENODEV : self->fd;
}

/* What the kernel still holds may be the command that stops a pen: give it a moment, then drop it, because close()
 * itself would wait up to 30 s for a device that takes nothing. */
static void drain(const struct serial_link *self)
{
	uint64_t until_ns = loop_clock_monotonic.now_ns(NULL) + DRAIN_NS;
	int left = 0;

	while (ioctl(self->fd, TIOCOUTQ, &left) == 0 && left > 0 && loop_clock_monotonic.now_ns(NULL) < until_ns)
		loop_clock_monotonic.wait(NULL, NULL, 0, loop_clock_monotonic.now_ns(NULL) + NS_PER_MS);
	tcflush(self->fd, TCOFLUSH);
}

static void serial_close(struct link *link)
{
	struct serial_link *self = (struct serial_link *)link;
	bool busy = self->busy;

	self->closed = true;
	loop_timer_cancel(self->loop, &self->timer);
	if (!self->gone) {
		loop_fd_remove(self->loop, self->fd);
		drain(self);
	}
	self->busy = true;
	link_queue_finish_all(&self->queue, -ECANCELED, &self->finished);
	link_queue_report(&self->finished);
	if (!busy)
		release_port(self);
}

static int serial_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
			void *ctx)
{
	struct serial_link *self = (struct serial_link *)link;
	bool idle = !self->queue.head;
	int status;

	if (self->gone || self->closed || self->fatal_errno)
		return -ENODEV;
	status = link_queue_add(&self->queue, data, len, deadline_ns, done, ctx);
	if (status)
		return status;
	if (idle)
		write_some(self);
	rearm(self);
	return 0;
}

static void serial_identity(const struct link *link, struct link_identity *ret)
{
	*ret = ((const struct serial_link *)link)->id;
}

static int serial_control_lines(const struct link *link, unsigned *ret)
{
	static const struct {
		int bit;
		enum link_line line;
	} rows[] = {{TIOCM_CTS, LINK_CTS}, {TIOCM_DSR, LINK_DSR}, {TIOCM_CAR, LINK_DCD}, {TIOCM_RNG, LINK_RI}};
	const struct serial_link *self = (const struct serial_link *)link;
	int bits;

	if (self->gone)
		return -ENODEV;
	if (ioctl(self->fd, TIOCMGET, &bits) < 0)
		return errno == ENOTTY || errno == EINVAL ? -ENOTSUP : -ENODEV;
	*ret = 0;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		*ret |= bits & rows[i].bit ? rows[i].line : 0;
	return 0;
}

static void serial_counters(const struct link *link, struct link_counters *ret)
{
	const struct serial_link *self = (const struct serial_link *)link;
	struct serial_icounter_struct now;

	*ret = self->counters;
	if (self->gone || !self->icount_known || ioctl(self->fd, TIOCGICOUNT, &now) < 0)
		return;
	ret->counters_known = true;
	ret->overruns = (uint64_t)(uint32_t)(now.overrun - self->before.overrun) +
			(uint32_t)(now.buf_overrun - self->before.buf_overrun);
	ret->framing_errors = (uint32_t)(now.frame - self->before.frame);
}

static int serial_list(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err)
{
	struct link_identity id;
	struct sp_port **ports;

	if (sp_list_ports(&ports) != SP_OK)
		return err_set(err, sp_errno(), "cannot list the serial ports of this machine");
	for (int i = 0; ports[i]; i++) {
		identify(ports[i], &id);
		link_holder(id.node, id.holder, sizeof(id.holder));
		each(ctx, &id);
	}
	sp_free_port_list(ports);
	return 0;
}

const struct link_ops link_serial = {
	.name = "serial",
	.scheme = "serial",
	.open = serial_open,
	.adopt = serial_adopt,
	.descriptor = serial_descriptor,
	.close = serial_close,
	.write = serial_write,
	.control_lines = serial_control_lines,
	.identity = serial_identity,
	.counters = serial_counters,
	.list = serial_list,
};
