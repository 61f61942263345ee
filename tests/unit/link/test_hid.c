/* Feature reports over a fake wire, at the request: what is set and what is read, in which order, and what comes of answers that
 * are late, refused or missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/link/link.h"

#define FACE      2
#define UNDER_WAY 8

static uint64_t jump_now(void *ctx)
{
	(void)ctx;
	return 1000;
}

static int jump_wait(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	(void)ctx, (void)fds, (void)nfds, (void)deadline_ns;
	return 0;
}

static const struct loop_clock jump = {.now_ns = jump_now, .wall_ns = jump_now, .wait = jump_wait};

struct wire {
	struct link link;
	struct link_sink sink;
	struct {
		struct link_setup setup;
		uint8_t data[64];
		link_control_fn done;
		void *ctx;
	} request[UNDER_WAY];
	unsigned begun, ended; /* requests */
	unsigned refuse_from;  /* those from this one on; 0: none */
	bool open;
};

static struct wire wire;
static struct loop *loop;
static struct link *hid;
static uint8_t got[64];
static size_t got_len;
static unsigned came, gone, dones;
static int last_done;

static int wire_open(struct loop *in_loop, const char *uri, const struct link_wants *wants,
		     const struct link_sink *sink, struct link **ret, struct err *err);

static void end(int status, const char *data, size_t len)
{
	unsigned i = wire.ended++;

	assert_true(i < wire.begun);
	wire.request[i].done(wire.request[i].ctx, status, (const uint8_t *)data, len);
}

static void wire_close(struct link *link)
{
	assert_ptr_equal(link, &wire.link);
	wire.open = false;
	while (wire.ended < wire.begun)
		end(-ECANCELED, NULL, 0);
}

static int wire_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
			link_control_fn done, void *ctx)
{
	(void)link;
	assert_int_equal(deadline_ns, 5000);
	assert_true(wire.begun < UNDER_WAY && setup->length <= 64);
	if (wire.refuse_from && wire.begun + 1 >= wire.refuse_from)
		return -ENOBUFS;
	wire.request[wire.begun].setup = *setup;
	wire.request[wire.begun].done = done;
	wire.request[wire.begun].ctx = ctx;
	if (data)
		memcpy(wire.request[wire.begun].data, data, setup->length);
	wire.begun++;
	return 0;
}

static void wire_identity(const struct link *link, struct link_identity *ret)
{
	(void)link;
	*ret = (struct link_identity){.usb_interface = FACE};
}

static const struct link_ops wire_ops = {
	.name = "wire",
	.scheme = "usb",
	.open = wire_open,
	.close = wire_close,
	.control = wire_control,
	.identity = wire_identity,
};
static const struct link_ops *const table[] = {&wire_ops, NULL};

static int wire_open(struct loop *in_loop, const char *uri, const struct link_wants *wants,
		     const struct link_sink *sink, struct link **ret, struct err *err)
{
	(void)in_loop, (void)uri, (void)err;
	assert_int_equal(wants->usb_class, 3);
	wire = (struct wire){.link = {.ops = &wire_ops}, .sink = *sink, .open = true};
	*ret = &wire.link;
	return 0;
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool ends, uint64_t host_ns)
{
	(void)ctx;
	assert_true(ends && host_ns == 1000 && len <= sizeof(got));
	memcpy(got, data, len);
	got_len = len;
	came++;
}

static void on_gone(void *ctx, const struct err *why)
{
	(void)ctx, (void)why;
	gone++;
}

static void on_done(void *ctx, int status)
{
	(void)ctx;
	dones++;
	last_done = status;
}

static int open_hid(void **state)
{
	const struct link_opening opening = {
		.table = table,
		.loop = loop,
		.uri = "usb:port=1-1",
		.wants = {.usb_class = 3, .usb_protocol = -1, .hid_report = 8},
		.sink = {.bytes = on_bytes, .gone = on_gone},
	};
	struct err err;

	(void)state;
	came = gone = dones = 0;
	got_len = 0;
	return link_open(&opening, &hid, &err);
}

static int write_report(const char *report, size_t len)
{
	return hid->ops->write(hid, (const uint8_t *)report, len, 5000, on_done, NULL);
}

static void expect_request(unsigned i, uint8_t type, uint8_t request, uint16_t value, uint16_t length)
{
	assert_true(i < wire.begun);
	const struct link_setup *setup = &wire.request[i].setup;

	assert_int_equal(setup->request_type, type);
	assert_int_equal(setup->request, request);
	assert_int_equal(setup->value, value);
	assert_int_equal(setup->index, FACE);
	assert_int_equal(setup->length, length);
}

static void test_set_and_read(void **state)
{
	(void)state;
	assert_int_equal(write_report("\0\xFF\x01\0\0\0\0\0\0", 9), 0);
	assert_int_equal(wire.begun, 2);
	expect_request(0, 0x21, 9, 0x0300, 8);
	assert_memory_equal(wire.request[0].data, "\xFF\x01\0\0\0\0\0\0", 8);
	expect_request(1, 0xA1, 1, 0x0300, 8);
	end(0, NULL, 8);
	assert_int_equal(came + dones, 0);
	end(0, "HW554\0\0\x01", 8);
	assert_true(came == 1 && got_len == 8 && dones == 1 && last_done == 0);
	assert_memory_equal(got, "HW554\0\0\x01", 8);

	assert_int_equal(write_report("\x05", 1), 0); /* only read, by its number */
	assert_int_equal(wire.begun, 3);
	expect_request(2, 0xA1, 1, 0x0305, 8);
	end(0, "HW5", 3);
	assert_true(came == 2 && got_len == 3);
	link_close(hid);
}

/* What an older write would have read is not the newer one's answer. */
static void test_abandons(void **state)
{
	(void)state;
	assert_int_equal(write_report("\0", 1), 0);
	assert_int_equal(write_report("\0\xFD\x01", 3), 0);
	end(0, "old", 3);
	assert_true(came == 0 && dones == 1 && last_done == 0);
	end(0, NULL, 2);
	end(0, "new", 3);
	assert_true(came == 1 && memcmp(got, "new", 3) == 0);
	link_close(hid);
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(write_report("\0", 0), -EINVAL);
	char longest[66] = {0};
	assert_int_equal(write_report(longest, 66), -EMSGSIZE);
	wire.refuse_from = 1;
	assert_int_equal(write_report("\0\1", 2), -ENOBUFS);
	wire.refuse_from = 2; /* the order leaves, its reading does not */
	assert_int_equal(write_report("\0\1", 2), 0);
	end(0, NULL, 1);
	assert_true(dones == 1 && last_done == 0 && came == 0);
	wire.refuse_from = 0;
	assert_int_equal(write_report("\0\1", 2), 0);
	end(-EPIPE, NULL, 0); /* stalled: what holds is read all the same */
	end(0, "state", 5);
	assert_true(dones == 2 && last_done == -EPIPE && came == 1);
	assert_int_equal(write_report("\0", 1), 0);
	end(-ETIMEDOUT, NULL, 0);
	assert_true(dones == 3 && last_done == -ETIMEDOUT && came == 1);
	link_close(hid);
}

static void test_gone_and_close(void **state)
{
	struct err why = {"pulled"};

	(void)state;
	assert_int_equal(write_report("\0\1", 2), 0);
	wire.sink.bytes(wire.sink.ctx, (const uint8_t *)"x", 1, true, 1); /* of its endpoint: dropped */
	assert_int_equal(came, 0);
	link_close(hid);
	assert_true(!wire.open && dones == 1 && last_done == -ECANCELED && gone == 0);

	assert_int_equal(open_hid(NULL), 0);
	wire.sink.gone(wire.sink.ctx, &why);
	assert_int_equal(gone, 1);
	assert_int_equal(write_report("\0\1", 2), -ENODEV);
	link_close(hid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_set_and_read, open_hid),
		cmocka_unit_test_setup(test_abandons, open_hid),
		cmocka_unit_test_setup(test_refused, open_hid),
		cmocka_unit_test_setup(test_gone_and_close, open_hid),
	};

	if (loop_new(&jump, NULL, &loop, NULL))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	loop_free(loop);
	return failed;
}
