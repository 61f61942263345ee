/* The links on the real libusb and libserialport, in front of the virtual bench. Run without arguments it starts itself
 * once per case as a client of penrig-virtual, which stands two folders above it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <libusb-1.0/libusb.h>
#include <limits.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "drivers/load-stream/wire.h"
#include "rig/link/link.h"

#define PEN_USB    "usb:1209:0001:PEN-GOOD-01"
#define SENSOR_USB "usb:1209:0002:LC-2001"
#define DAQ_USB    "usb:09db:00ea:01B9D3C2"
#define PEN_SERIAL "serial:1209:0003:PEN-GOOD-01"
#define LIMIT_S    20 /* a case that takes longer has failed */
#define LIMIT_NS   (LIMIT_S * NS_PER_S)

static const struct link_wants pen_wants = {
	.usb_class = 0xfe, .usb_subclass = 3, .usb_protocol = -1, .usbtmc = true, .serial = {.baud = 115200}};
static const struct link_wants raw_wants = {
	.usb_class = LS_USB_CLASS, .usb_subclass = LS_USB_SUBCLASS, .usb_protocol = LS_USB_PROTOCOL};

/* ---- the client's side ---- */

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: %s\n  text: %s\n", __FILE__, __LINE__, #condition, err.text);          \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

static struct err err;
static struct loop *loop;
static char got[8192];
static size_t got_len, longest;
static int gone, done_status = 1;

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	(void)ctx, (void)end, (void)host_ns;
	CHECK(!gone);
	longest = len > longest ? len : longest;
	if (got_len + len < sizeof(got)) {
		memcpy(got + got_len, data, len);
		got_len += len;
	}
}

static void on_gone(void *ctx, const struct err *why)
{
	(void)ctx;
	err = *why;
	CHECK(strstr(why->text, "is gone"));
	gone++;
}

static void on_done(void *ctx, int status)
{
	*(ctx ? (int *)ctx : &done_status) = status;
}

static const struct link_settings unset;
static const struct link_sink sink = {.bytes = on_bytes, .gone = on_gone};

#define TURN_UNTIL(condition)                                                                                          \
	for (uint64_t limit_ns = loop_now_ns(loop) + LIMIT_NS; !(condition);) {                                        \
		CHECK(loop_turn(loop, limit_ns) == 0);                                                                 \
		CHECK(loop_now_ns(loop) < limit_ns);                                                                   \
	}

static int try_open(const char *uri, const struct link_wants *wants, const struct link_settings *settings,
		    struct link **ret)
{
	const struct link_opening opening = {
		.table = link_table, .loop = loop, .uri = uri, .wants = *wants, .settings = *settings, .sink = sink};

	return link_open(&opening, ret, &err);
}

static struct link *open_link(const char *uri, const struct link_wants *wants)
{
	struct link *link = NULL;

	CHECK(try_open(uri, wants, &unset, &link) == 0);
	return link;
}

static void say(struct link *link, const char *text)
{
	done_status = 1;
	CHECK(link->ops->write(link, (const uint8_t *)text, strlen(text), loop_now_ns(loop) + NS_PER_S, on_done,
			       NULL) == 0);
	TURN_UNTIL(done_status <= 0);
}

static void expect_identity(struct link *link)
{
	memset(got, 0, sizeof(got));
	got_len = 0;
	for (unsigned asked = 0; asked < 5 && !memchr(got, '\n', got_len); asked++) { /* as a driver does */
		say(link, "*IDN?\n");
		CHECK(done_status == 0);
		for (uint64_t until_ns = loop_now_ns(loop) + 2 * NS_PER_S;
		     !memchr(got, '\n', got_len) && loop_now_ns(loop) < until_ns;)
			CHECK(loop_turn(loop, until_ns) == 0);
	}
	CHECK(strstr(got, "PEN-GOOD-01"));
}

struct found {
	int pens, sensors;
};

static void each_device(void *ctx, const struct link_identity *id)
{
	struct found *found = ctx;

	CHECK(link_uri_check(link_table, id->uri, &err) == 0);
	CHECK(id->node[0] && id->port[0]);
	found->pens += strcmp(id->uri, PEN_USB) == 0 || strcmp(id->uri, PEN_SERIAL) == 0;
	found->sensors += strcmp(id->uri, SENSOR_USB) == 0;
}

static void lists(bool usb_pen)
{
	struct found usb = {0}, serial = {0};

	CHECK(link_usb.list(each_device, &usb, &err) == 0);
	CHECK(link_serial.list(each_device, &serial, &err) == 0);
	CHECK(usb.pens == usb_pen && serial.pens == !usb_pen && usb.sensors == 1);
}

static void refusals(const char *pen)
{
	struct link *link = NULL;

	CHECK(try_open(pen, &pen_wants, &unset, &link) == -EBUSY);
	CHECK(strstr(err.text, "held by"));
	CHECK(try_open("usb:1209:0001:NOBODY", &pen_wants, &unset, &link) == -ENODEV);
	CHECK(strstr(err.text, "penrig list"));
	CHECK(try_open("serial:1209:0003:NOBODY", &pen_wants, &unset, &link) == -ENODEV);
	CHECK(try_open("serial:by-id=nobody", &pen_wants, &unset, &link) == -ENODEV);
	CHECK(try_open(SENSOR_USB, &pen_wants, &unset, &link) == -EINVAL);
	CHECK(!link);
}

/* Open, talk, be refused a second time, close, and all that once more: nothing stays held. */
static void case_talk(const char *uri)
{
	struct link_identity id;
	struct link_counters counters;

	lists(uri[0] == 'u');
	for (int round = 0; round < 2; round++) {
		struct link *pen = open_link(uri, &pen_wants);
		char port[64];

		for (int i = 0; i < 20; i++)
			expect_identity(pen);
		refusals(uri);
		pen->ops->identity(pen, &id);
		CHECK(strcmp(id.uri, uri) == 0);
		snprintf(port, sizeof(port), "%.6s:port=%s", uri[0] == 'u' ? "usb" : "serial", id.port);
		pen->ops->counters(pen, &counters);
		CHECK(counters.bytes_out >= 20 * 6 && counters.bytes_in >= 20 * 11 && counters.stalls == 0);
		link_close(pen);
		pen = open_link(port, &pen_wants);
		expect_identity(pen);
		link_close(pen);
		CHECK(loop_turn(loop, LOOP_NEVER) == -EDEADLK);
	}
}

/* A second process holds the port; its name is in the refusal. */
static void case_holder(const char *self, const char *uri)
{
	struct link *link = NULL;
	char byte = 0, pid_text[32];
	int out[2];
	pid_t pid;

	CHECK(pipe(out) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[1]);
		execl(self, self, "hold", uri, (char *)NULL);
		_exit(1);
	}
	close(out[1]);
	CHECK(read(out[0], &byte, 1) == 1 && byte == 'h');
	CHECK(try_open(uri, &pen_wants, &unset, &link) == -EBUSY);
	snprintf(pid_text, sizeof(pid_text), "(pid %d)", pid);
	CHECK(strstr(err.text, "held by"));
	CHECK(uri[0] == 'u' || strstr(err.text, pid_text));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	link = open_link(uri, &pen_wants);
	expect_identity(link);
	link_close(link);
}

static void case_hold(const char *uri)
{
	struct link *link = open_link(uri, &pen_wants);

	expect_identity(link);
	CHECK(write(STDOUT_FILENO, "h", 1) == 1);
	TURN_UNTIL(gone);
	link_close(link);
}

/* The fault pulls the plug while the link waits. */
static void case_unplug(const char *uri)
{
	struct link *link = open_link(uri, strcmp(uri, SENSOR_USB) == 0 ? &raw_wants : &pen_wants);
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	TURN_UNTIL(gone);
	getrusage(RUSAGE_SELF, &after);
	CHECK(link->ops->write(link, (const uint8_t *)"x\n", 2, LOOP_NEVER, on_done, NULL) == -ENODEV);
	/* Something may still wake libusb once or twice; a link that spins would never let a second pass. */
	for (uint64_t until_ns = loop_now_ns(loop) + NS_PER_S / 4, turns = 0; loop_now_ns(loop) < until_ns; turns++) {
		int status = loop_turn(loop, until_ns);

		CHECK(turns < 20 && (status == 0 || status == -EDEADLK));
		if (status)
			break;
	}
	CHECK(gone == 1);
	link_close(link);
	CHECK(loop_turn(loop, LOOP_NEVER) == -EDEADLK);
	CHECK(after.ru_nvcsw - before.ru_nvcsw < 2000);
}

static int control_status;

static void on_control(void *ctx, int status, const uint8_t *data, size_t len)
{
	(void)ctx, (void)data, (void)len;
	control_status = status;
}

static void on_control_too(void *ctx, int status, const uint8_t *data, size_t len)
{
	(void)data, (void)len;
	*(int *)ctx = status;
}

static void halt(struct link *link, uint8_t endpoint)
{
	const struct link_setup set_feature = {.request_type = 0x02, .request = 3, .index = endpoint};

	control_status = 1;
	CHECK(link->ops->control(link, &set_feature, NULL, loop_now_ns(loop) + NS_PER_S, on_control, NULL) == 0);
	TURN_UNTIL(control_status <= 0);
	CHECK(control_status == 0);
}

static uint64_t stalls(struct link *link)
{
	struct link_counters counters;

	link->ops->counters(link, &counters);
	return counters.stalls;
}

/* Both pipes halt; each time the link clears the halt, tells the write that met it, and goes on. A pipe that halts
 * again before a byte has come is given a pause, in which a third halt would go unnoticed: so twice. */
static void case_stall(const char *uri)
{
	struct link *link = open_link(uri, &raw_wants);
	struct link_identity id;

	link->ops->identity(link, &id);
	CHECK(id.usb_ep_in & 0x80 && id.usb_ep_out);
	for (uint64_t i = 1; i <= 2; i++) {
		halt(link, id.usb_ep_in);
		TURN_UNTIL(stalls(link) == i);
	}
	for (uint64_t i = 1; i <= 5; i++) {
		halt(link, id.usb_ep_out);
		say(link, "x\n");
		CHECK(done_status == -EPIPE);
		CHECK(stalls(link) == 2 + i);
		say(link, "x\n");
		CHECK(done_status == 0);
	}
	CHECK(!gone);
	link_close(link);
	CHECK(loop_turn(loop, LOOP_NEVER) == -EDEADLK);
}

/* ---- libusb's calls, seen ---- */

static atomic_bool clearing, waits_for_turns, stood; /* stood: libusb's call that waits was made by the loop */
static atomic_uint cleared, called_meanwhile;
static sem_t turn;
static bool fail_control, fail_in;

/* Lasts until the loop has turned three times: for ever, to a loop that waits for it. */
int LIBUSB_CALL libusb_clear_halt(libusb_device_handle *handle, unsigned char endpoint)
{
	int (*own)(libusb_device_handle *, unsigned char) = NULL;
	struct timespec limit;

	*(void **)&own = dlsym(RTLD_NEXT, "libusb_clear_halt");
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += LIMIT_S / 2;
	while (sem_trywait(&turn) == 0)
		;
	clearing = true;
	for (int i = 0; waits_for_turns && !stood && i < 3; i++)
		stood = sem_timedwait(&turn, &limit) != 0;
	int code = own(handle, endpoint);
	clearing = false;
	cleared++;
	return code;
}

struct seen_transfer {
	libusb_transfer_cb_fn callback;
	void *ctx;
};

/* As libusb tells it: what was cancelled and failed as well was cancelled. */
static void LIBUSB_CALL on_seen(struct libusb_transfer *transfer)
{
	struct seen_transfer seen = *(struct seen_transfer *)transfer->user_data;
	bool control = transfer->type == LIBUSB_TRANSFER_TYPE_CONTROL;
	bool *fails = control ? &fail_control : transfer->endpoint & LIBUSB_ENDPOINT_IN ? &fail_in : NULL;

	free(transfer->user_data);
	transfer->callback = seen.callback;
	transfer->user_data = seen.ctx;
	if (fails && *fails && transfer->status == LIBUSB_TRANSFER_COMPLETED)
		transfer->status = LIBUSB_TRANSFER_ERROR;
	if (fails)
		*fails = false;
	seen.callback(transfer);
}

int LIBUSB_CALL libusb_submit_transfer(struct libusb_transfer *transfer)
{
	int (*own)(struct libusb_transfer *) = NULL;
	struct seen_transfer *seen = malloc(sizeof(*seen));

	*(void **)&own = dlsym(RTLD_NEXT, "libusb_submit_transfer");
	CHECK(own && seen);
	called_meanwhile += clearing;
	*seen = (struct seen_transfer){transfer->callback, transfer->user_data};
	transfer->callback = on_seen;
	transfer->user_data = seen;
	return own(transfer);
}

int LIBUSB_CALL libusb_handle_events_timeout_completed(libusb_context *context, struct timeval *time, int *completed)
{
	int (*own)(libusb_context *, struct timeval *, int *) = NULL;

	*(void **)&own = dlsym(RTLD_NEXT, "libusb_handle_events_timeout_completed");
	called_meanwhile += clearing;
	return own(context, time, completed);
}

static void on_turn(void *ctx, uint64_t now_ns)
{
	struct loop_timer *timer = ctx;

	if (clearing)
		sem_post(&turn);
	CHECK(loop_timer_at(loop, timer, now_ns + NS_PER_MS) == 0);
}

/* What clears a halt waits for the device, and the loop does not: a pen may run on another. What is asked of this device
 * meanwhile is asked behind it, for the kernel would let nobody in. */
static void case_slow_halt(const char *uri)
{
	const struct link_setup get_status = {.request_type = 0x80, .length = 2};
	struct loop_timer timer = {.fn = on_turn, .ctx = &timer};
	struct link *link = open_link(uri, &raw_wants);
	struct link_identity id;
	int expired = 1;

	CHECK(sem_init(&turn, 0, 0) == 0);
	CHECK(loop_timer_at(loop, &timer, 0) == 0);
	link->ops->identity(link, &id);
	waits_for_turns = true;
	for (unsigned i = 1; i <= 2; i++) {
		halt(link, id.usb_ep_out);
		say(link, "x\n");
		CHECK(done_status == -EPIPE);
		TURN_UNTIL(clearing || cleared == i);
		control_status = done_status = expired = 1;
		CHECK(link->ops->control(link, &get_status, NULL, loop_now_ns(loop) + NS_PER_S, on_control, NULL) == 0);
		CHECK(link->ops->control(link, &get_status, NULL, 0, on_control_too, &expired) == 0);
		CHECK(link->ops->write(link, (const uint8_t *)"x\n", 2, loop_now_ns(loop) + NS_PER_S, on_done, NULL) ==
		      0);
		TURN_UNTIL(control_status <= 0 && done_status <= 0 && expired <= 0);
		CHECK(cleared == i && control_status == 0 && done_status == 0 && expired == -ETIMEDOUT);
	}
	CHECK(!stood && called_meanwhile == 0 && !gone);
	halt(link, id.usb_ep_in);
	TURN_UNTIL(clearing);
	for (int i = 0; i < 3; i++)
		sem_post(&turn);
	link_close(link); /* in the middle of it */
	CHECK(!stood && cleared == 3 && called_meanwhile == 0);
	loop_timer_cancel(loop, &timer);
	CHECK(loop_turn(loop, LOOP_NEVER) == -EDEADLK);
}

static void order(struct link *link, uint8_t request_type, uint8_t request, uint16_t index, const uint8_t *data,
		  uint16_t len)
{
	const struct link_setup setup = {
		.request_type = request_type, .request = request, .index = index, .length = len};

	control_status = 1;
	CHECK(link->ops->control(link, &setup, data, loop_now_ns(loop) + NS_PER_S, on_control, NULL) == 0);
	TURN_UNTIL(control_status <= 0);
	CHECK(control_status == 0);
}

/* A stream without ends comes in pieces as long as were asked for; and where its endpoint's halt is cleared, nothing of it stands
 * in front of the next, which counts from 0. 20 kHz of one input are 40 bytes a millisecond: most pieces are under way for long. */
static void case_pieces(const char *uri)
{
	const struct link_wants wants = {.usb_class = 0xFF, .usb_subclass = -1, .usb_protocol = -1, .usb_piece = 2000};
	const uint8_t counts[10] = {0, 0, 0, 0, 0xCF, 7, 0, 0, 1, 1 << 5};
	struct link *link = open_link(uri, &wants);

	for (unsigned i = 0; i < 6; i++) {
		got_len = 0;
		order(link, 0x40, 0x11, 0, counts, sizeof(counts));
		TURN_UNTIL(got_len >= 2048);
		for (unsigned k = 0; k < 1024; k++)
			CHECK((uint8_t)got[2 * k] == (k & 0xFF) && (uint8_t)got[2 * k + 1] == k >> 8);
		for (uint64_t half_ns = loop_now_ns(loop) + 25 * NS_PER_MS; loop_now_ns(loop) < half_ns;)
			order(link, 0x40, 0x41, 0, NULL, 0); /* it blinks, and half a piece is under way */
		order(link, 0x40, 0x12, 0, NULL, 0);
		order(link, 0x40, 0x15, 0, NULL, 0);
		order(link, 0x02, 1, 0x81, NULL, 0);
	}
	CHECK(longest == 2048 && !gone); /* whole packets */
	link_close(link);
}

static uint64_t failed_in(struct link *link)
{
	struct link_counters counters;

	link->ops->counters(link, &counters);
	return counters.failed_in;
}

/* A control request that fails makes nobody give up what is under way: a read that fails in its shadow is counted, and one that
 * does not loses nothing. */
static void case_two_fail(const char *uri)
{
	const struct link_wants wants = {.usb_class = 0xFF, .usb_subclass = -1, .usb_protocol = -1, .usb_piece = 2000};
	const struct link_setup blink = {.request_type = 0x40, .request = 0x41};
	const uint8_t counts[10] = {0, 0, 0, 0, 0xCF, 7, 0, 0, 1, 1 << 5};

	for (uint64_t fails = 0; fails < 2; fails++) {
		struct link *link = open_link(uri, &wants);

		got_len = 0;
		order(link, 0x40, 0x11, 0, counts, sizeof(counts));
		control_status = 1;
		fail_control = true;
		fail_in = fails;
		CHECK(link->ops->control(link, &blink, NULL, loop_now_ns(loop) + NS_PER_S, on_control, NULL) == 0);
		TURN_UNTIL(control_status <= 0 && got_len >= 6144);
		CHECK(control_status == -EIO && failed_in(link) == fails && !gone);
		for (unsigned k = 0; k < 3072; k++)
			CHECK((uint8_t)got[2 * k] == (k & 0xFF) && (uint8_t)got[2 * k + 1] == k >> 8);
		order(link, 0x40, 0x12, 0, NULL, 0);
		link_close(link);
	}
}

/* A write whose deadline passes behind a long one is given up alone; the long one arrives whole, and the link goes on.
 */
static void case_deadline(const char *uri)
{
	const struct link_wants wants = {.usb_class = 0xfe, .usb_subclass = 3, .usb_protocol = -1};
	static uint8_t message[60000] = {1, 1, 0xfe, 0, 0x54, 0xea, 0, 0, 1};
	struct link *link = open_link(uri, &wants);
	uint64_t now_ns = loop_now_ns(loop);
	int second = 1;

	CHECK(link->ops->write(link, message, sizeof(message), now_ns + NS_PER_S, on_done, NULL) == 0);
	CHECK(link->ops->write(link, message, 16, now_ns, on_done, &second) == 0);
	TURN_UNTIL(second <= 0 && done_status <= 0);
	CHECK(second == -ETIMEDOUT && done_status == 0);
	CHECK(!gone);
	link_close(link);
	link = open_link(uri, &pen_wants);
	expect_identity(link);
	link_close(link);
}

/* Gone and back at another address: the same name opens it again. */
static void case_replug(const char *uri)
{
	struct link *link = open_link(uri, &pen_wants);
	int status = -ENODEV;

	TURN_UNTIL(gone);
	link_close(link);
	CHECK(try_open(uri, &pen_wants, &unset, &link) == -ENODEV);
	gone = 0;
	for (uint64_t limit_ns = loop_now_ns(loop) + LIMIT_NS; status;) {
		uint64_t pause_ns = loop_now_ns(loop) + 20 * NS_PER_MS;

		loop_turn(loop, pause_ns);
		CHECK(pause_ns < limit_ns);
		status = try_open(uri, &pen_wants, &unset, &link);
		CHECK(status == 0 || status == -ENODEV);
	}
	expect_identity(link);
	link_close(link);
}

/* Closed with everything on the way: each write and control transfer is told so, nothing comes later. */
static void case_close(const char *uri)
{
	const struct link_setup get_status = {.request_type = 0x80, .length = 2};
	struct link *link = open_link(uri, &raw_wants);

	for (int i = 0; i < 3; i++)
		CHECK(link->ops->write(link, (const uint8_t *)"x\n", 2, LOOP_NEVER, on_done, NULL) == 0);
	control_status = 1;
	CHECK(link->ops->control(link, &get_status, NULL, LOOP_NEVER, on_control, NULL) == 0);
	CHECK(done_status == 1 && control_status == 1);
	link_close(link);
	CHECK(done_status == -ECANCELED && control_status == -ECANCELED);
	CHECK(loop_turn(loop, LOOP_NEVER) == -EDEADLK);
	link_close(open_link(uri, &raw_wants));
}

/* A pty has eight bits and no parity whatever it is told: the read-back sees it. What it does take, it runs with. */
static void case_settings(const char *uri)
{
	const struct link_settings seven = {.data_bits = 7}, even = {.parity = LINK_PARITY_EVEN};
	const struct link_settings taken = {.baud = 115200, .stop_bits = 2, .flow = LINK_FLOW_XON_XOFF};
	const struct link_settings waiting = {.wait_ns = 50 * NS_PER_MS};
	struct link_counters counters;
	struct link *link = NULL;

	CHECK(try_open(uri, &pen_wants, &seven, &link) == -EINVAL);
	CHECK(strstr(err.text, "data bits 7 and runs with 8") && strncmp(err.text, "/dev/", 5) == 0);
	CHECK(try_open(uri, &pen_wants, &even, &link) == -EINVAL);
	CHECK(strstr(err.text, "parity even and runs with something else"));
	CHECK(!link);
	CHECK(try_open(uri, &pen_wants, &taken, &link) == 0);
	CHECK(link->held_until_ns == 0);
	expect_identity(link);
	link_close(link);
	uint64_t opened_ns = loop_now_ns(loop);
	CHECK(try_open(uri, &pen_wants, &waiting, &link) == 0);
	CHECK(link->held_until_ns >= opened_ns + waiting.wait_ns);
	CHECK(link->ops->write(link, (const uint8_t *)"\n", 1, LOOP_NEVER, on_done, NULL) == 0);
	link->ops->counters(link, &counters);
	CHECK(counters.bytes_out == 0);
	expect_identity(link);
	CHECK(loop_now_ns(loop) >= link->held_until_ns);
	link_close(link);
}

static void client(char **argv)
{
	CHECK(loop_new(&loop_clock_monotonic, NULL, &loop, &err) == 0);
	if (strcmp(argv[1], "talk") == 0)
		case_talk(argv[2]);
	else if (strcmp(argv[1], "holder") == 0)
		case_holder(argv[0], argv[2]);
	else if (strcmp(argv[1], "hold") == 0)
		case_hold(argv[2]);
	else if (strcmp(argv[1], "unplug") == 0)
		case_unplug(argv[2]);
	else if (strcmp(argv[1], "stall") == 0)
		case_stall(argv[2]);
	else if (strcmp(argv[1], "slow-halt") == 0)
		case_slow_halt(argv[2]);
	else if (strcmp(argv[1], "two-fail") == 0)
		case_two_fail(argv[2]);
	else if (strcmp(argv[1], "pieces") == 0)
		case_pieces(argv[2]);
	else if (strcmp(argv[1], "deadline") == 0)
		case_deadline(argv[2]);
	else if (strcmp(argv[1], "replug") == 0)
		case_replug(argv[2]);
	else if (strcmp(argv[1], "settings") == 0)
		case_settings(argv[2]);
	else if (strcmp(argv[1], "close") == 0)
		case_close(argv[2]);
	else
		CHECK(!"a known case");
	loop_free(loop);
}

/* ---- the test's side ---- */

static char self[PATH_MAX], bench_program[PATH_MAX + 32];

static void run(const char *bench, const char *fault, const char *name, const char *uri)
{
	const char *argv[12] = {bench_program};
	int n = 1, status;
	pid_t pid;

	if (bench) {
		argv[n++] = "--bench";
		argv[n++] = bench;
	}
	if (fault) {
		argv[n++] = "--fault";
		argv[n++] = fault;
	}
	argv[n++] = "--";
	argv[n++] = self;
	argv[n++] = name;
	argv[n++] = uri;
	pid = fork();
	if (pid == 0) {
		execv(bench_program, (char **)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define MIXED  "fixtures/benches/virtual-mixed.json"
#define BOUGHT "fixtures/benches/bought-1.json"

static void usb_talks(void **state)
{
	(void)state;
	run(NULL, NULL, "talk", PEN_USB);
}

static void serial_talks(void **state)
{
	(void)state;
	run(MIXED, NULL, "talk", PEN_SERIAL);
}

static void serial_settings_are_read_back(void **state)
{
	(void)state;
	run(MIXED, NULL, "settings", PEN_SERIAL);
}

static void usb_is_held(void **state)
{
	(void)state;
	run(NULL, NULL, "holder", PEN_USB);
}

static void serial_is_held_by_a_named_process(void **state)
{
	(void)state;
	run(MIXED, NULL, "holder", PEN_SERIAL);
}

static void usb_halts_are_cleared(void **state)
{
	(void)state;
	run(NULL, NULL, "stall", SENSOR_USB);
}

static void usb_halt_keeps_no_loop_waiting(void **state)
{
	(void)state;
	run(NULL, NULL, "slow-halt", SENSOR_USB);
}

static void usb_failure_hides_no_other(void **state)
{
	(void)state;
	run(BOUGHT, NULL, "two-fail", DAQ_USB);
}

static void usb_stream_comes_in_pieces(void **state)
{
	(void)state;
	run(BOUGHT, NULL, "pieces", DAQ_USB);
}

static void usb_closes_in_the_middle(void **state)
{
	(void)state;
	run(NULL, NULL, "close", SENSOR_USB);
}

static void usb_write_has_a_deadline(void **state)
{
	(void)state;
	run(NULL, NULL, "deadline", PEN_USB);
}

static void usb_pen_comes_back(void **state)
{
	(void)state;
	run(NULL, "unplug:pen@1,back=0.5", "replug", PEN_USB);
}

static void serial_pen_comes_back(void **state)
{
	(void)state;
	run(MIXED, "unplug:pen@1,back=0.5", "replug", PEN_SERIAL);
}

static void usb_pen_is_unplugged(void **state)
{
	(void)state;
	run(NULL, "unplug:pen@1", "unplug", PEN_USB);
}

static void usb_sensor_is_unplugged(void **state)
{
	(void)state;
	run(NULL, "unplug:sensor@1", "unplug", SENSOR_USB);
}

static void serial_pen_is_unplugged(void **state)
{
	(void)state;
	run(MIXED, "unplug:pen@1", "unplug", PEN_SERIAL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usb_talks),
		cmocka_unit_test(serial_talks),
		cmocka_unit_test(serial_settings_are_read_back),
		cmocka_unit_test(usb_is_held),
		cmocka_unit_test(serial_is_held_by_a_named_process),
		cmocka_unit_test(usb_halts_are_cleared),
		cmocka_unit_test(usb_halt_keeps_no_loop_waiting),
		cmocka_unit_test(usb_failure_hides_no_other),
		cmocka_unit_test(usb_stream_comes_in_pieces),
		cmocka_unit_test(usb_closes_in_the_middle),
		cmocka_unit_test(usb_write_has_a_deadline),
		cmocka_unit_test(usb_pen_comes_back),
		cmocka_unit_test(serial_pen_comes_back),
		cmocka_unit_test(usb_pen_is_unplugged),
		cmocka_unit_test(usb_sensor_is_unplugged),
		cmocka_unit_test(serial_pen_is_unplugged),
	};
	char folder[PATH_MAX];
	ssize_t len;

	if (argc == 3) {
		client(argv);
		return 0;
	}
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return 1;
	snprintf(folder, sizeof(folder), "%s", self);
	snprintf(bench_program, sizeof(bench_program), "%s/../../penrig-virtual", dirname(folder));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
