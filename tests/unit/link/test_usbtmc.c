/* USBTMC over a fake wire, at the byte: what goes out, and what comes of answers that are split, late, wrong or
 * missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/link/link.h"
#include "rig/link/usbtmc_wire.h"

#define EP_IN  0x81
#define EP_OUT 0x02
#define FACE   3

/* ---- a clock that jumps, and a wire that notes everything ------------------------------------------------------ */

static uint64_t now_ns;

static uint64_t jump_now(void *ctx)
{
	(void)ctx;
	return now_ns;
}

static int jump_wait(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	(void)ctx, (void)fds, (void)nfds;
	if (deadline_ns > now_ns)
		now_ns = deadline_ns;
	return 0;
}

static const struct loop_clock jump = {.now_ns = jump_now, .wall_ns = jump_now, .wait = jump_wait};

struct wire {
	struct link link;
	struct link_sink sink;
	bool open;
	uint8_t sent[8192]; /* of the last write */
	size_t sent_len;
	unsigned writes, controls;
	link_done_fn write_done;
	void *write_ctx;
	struct link_setup setup;
	link_control_fn control_done;
	void *control_ctx;
	int refuse_write, refuse_control;
};

static struct wire wire;
static struct loop *loop;
static struct link *tmc;
static char got[4096];
static size_t got_len;
static char told[256];
static int gone, bytes_calls;
static bool close_in_bytes;

static int wire_open(struct loop *in_loop, const char *uri, const struct link_wants *wants,
		     const struct link_sink *sink, struct link **ret, struct err *err);

static void wire_close(struct link *link)
{
	link_done_fn write_done = wire.write_done;
	link_control_fn control_done = wire.control_done;

	assert_ptr_equal(link, &wire.link);
	assert_true(wire.open);
	wire.open = false;
	wire.write_done = NULL;
	wire.control_done = NULL;
	if (write_done)
		write_done(wire.write_ctx, -ECANCELED);
	if (control_done)
		control_done(wire.control_ctx, -ECANCELED, NULL, 0);
}

static int wire_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		      void *ctx)
{
	(void)link, (void)deadline_ns;
	if (wire.refuse_write)
		return wire.refuse_write;
	assert_null(wire.write_done);
	assert_true(len <= sizeof(wire.sent));
	memcpy(wire.sent, data, len);
	wire.sent_len = len;
	wire.writes++;
	wire.write_done = done;
	wire.write_ctx = ctx;
	return 0;
}

static int wire_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
			link_control_fn done, void *ctx)
{
	(void)link, (void)data;
	if (wire.refuse_control)
		return wire.refuse_control;
	assert_null(wire.control_done);
	assert_true(deadline_ns > now_ns);
	wire.setup = *setup;
	wire.controls++;
	wire.control_done = done;
	wire.control_ctx = ctx;
	return 0;
}

static void wire_identity(const struct link *link, struct link_identity *ret)
{
	(void)link;
	*ret = (struct link_identity){.usb_interface = FACE, .usb_ep_in = EP_IN, .usb_ep_out = EP_OUT};
}

static const struct link_ops wire_ops = {
	.name = "wire",
	.scheme = "usb",
	.open = wire_open,
	.close = wire_close,
	.write = wire_write,
	.control = wire_control,
	.identity = wire_identity,
};
static const struct link_ops *const table[] = {&wire_ops, NULL};

static int wire_open(struct loop *in_loop, const char *uri, const struct link_wants *wants,
		     const struct link_sink *sink, struct link **ret, struct err *err)
{
	(void)in_loop, (void)uri, (void)wants, (void)err;
	wire = (struct wire){.link = {.ops = &wire_ops}, .sink = *sink, .open = true};
	*ret = &wire.link;
	return 0;
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	(void)ctx, (void)host_ns;
	assert_true(end);
	assert_true(got_len + len < sizeof(got));
	memcpy(got + got_len, data, len);
	got_len += len;
	bytes_calls++;
	if (close_in_bytes) {
		link_close(tmc);
		tmc = NULL;
	}
}

static void on_gone(void *ctx, const struct err *why)
{
	(void)ctx;
	assert_string_equal(why->text, "pulled");
	gone++;
}

static void on_told(void *ctx, int status)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%s:%d ", (const char *)ctx, status);
}

/* ---- what a device would do ------------------------------------------------------------------------------------ */

static void answer_write(int status)
{
	link_done_fn done = wire.write_done;

	assert_non_null(done);
	wire.write_done = NULL;
	done(wire.write_ctx, status);
}

static void answer_control(int status, uint8_t first, size_t len)
{
	const uint8_t data[8] = {first};
	link_control_fn done = wire.control_done;

	assert_non_null(done);
	wire.control_done = NULL;
	done(wire.control_ctx, status, data, len);
}

static void expect_setup(uint8_t type, uint8_t request, uint16_t value, uint16_t index, uint16_t length)
{
	assert_non_null(wire.control_done);
	assert_int_equal(wire.setup.request_type, type);
	assert_int_equal(wire.setup.request, request);
	assert_int_equal(wire.setup.value, value);
	assert_int_equal(wire.setup.index, index);
	assert_int_equal(wire.setup.length, length);
}

static void answer_clear(void)
{
	expect_setup(0xa1, 5, 0, FACE, 1);
	answer_control(0, USBTMC_STATUS_SUCCESS, 1);
	expect_setup(0xa1, 6, 0, FACE, 2);
	answer_control(0, USBTMC_STATUS_SUCCESS, 2);
	expect_setup(0x02, 1, 0, EP_OUT, 0);
	answer_control(0, 0, 0);
	assert_null(wire.control_done);
}

static void answer_abort(uint8_t tag)
{
	expect_setup(0xa2, 3, tag, EP_IN, 2);
	answer_control(0, USBTMC_STATUS_SUCCESS, 2);
	expect_setup(0xa2, 4, 0, EP_IN, 8);
	answer_control(0, USBTMC_STATUS_SUCCESS, 8);
	assert_null(wire.control_done);
}

static void expect_line(const char *text)
{
	size_t len = strlen(text);

	assert_non_null(wire.write_done);
	assert_int_equal(wire.sent[0], 1);
	assert_int_equal(wire.sent[1] ^ wire.sent[2], 0xff);
	assert_int_equal(wire.sent[4], len);
	assert_int_equal(wire.sent[8], 1);
	assert_int_equal(wire.sent_len, 12 + (len + 3) / 4 * 4);
	assert_memory_equal(wire.sent + 12, text, len);
}

static uint8_t expect_request(void)
{
	assert_non_null(wire.write_done);
	assert_int_equal(wire.sent_len, 12);
	assert_int_equal(wire.sent[0], 2);
	assert_int_equal(wire.sent[1] ^ wire.sent[2], 0xff);
	return wire.sent[1];
}

static size_t make_reply(uint8_t *buf, uint8_t tag, const char *text, bool eom)
{
	size_t len = strlen(text), padded = (len + 3) / 4 * 4;

	memset(buf, 0, 12 + padded);
	buf[0] = 2;
	buf[1] = tag;
	buf[2] = (uint8_t)(tag ^ 0xff);
	buf[4] = (uint8_t)len;
	buf[8] = eom;
	memcpy(buf + 12, text, len);
	return 12 + padded;
}

static void feed(const uint8_t *data, size_t len, bool end)
{
	wire.sink.bytes(wire.sink.ctx, data, len, end, now_ns);
}

static void reply(uint8_t tag, const char *text, bool eom)
{
	uint8_t buf[300];

	feed(buf, make_reply(buf, tag, text, eom), true);
}

static void expect_got(const char *text)
{
	assert_int_equal(got_len, strlen(text));
	assert_memory_equal(got, text, got_len);
	got_len = 0;
}

static int say_until(const char *text, uint64_t deadline_ns)
{
	return tmc->ops->write(tmc, (const uint8_t *)text, strlen(text), deadline_ns, on_told, (void *)text);
}

static void say(const char *text)
{
	assert_int_equal(say_until(text, now_ns + NS_PER_S), 0);
}

/* Writes a question and lets it go out; returns the tag of its request. */
static uint8_t ask(const char *text)
{
	say(text);
	expect_line(text);
	answer_write(0);
	(void)expect_request();
	answer_write(0);
	return wire.sent[1];
}

static void run_timers(void)
{
	assert_int_equal(loop_turn(loop, now_ns + 10 * NS_PER_MS), 0);
}

static int setup_raw(void **state)
{
	struct link_opening opening = {
		.table = table,
		.uri = "usb:port=1-1",
		.wants = {.usb_class = 0xfe, .usb_subclass = 3, .usb_protocol = -1, .usbtmc = true},
		.sink = {.bytes = on_bytes, .gone = on_gone},
	};

	(void)state;
	now_ns = 1000;
	got_len = 0;
	gone = bytes_calls = 0;
	close_in_bytes = false;
	memset(told, 0, sizeof(told));
	if (loop_new(&jump, NULL, &loop, NULL))
		return -1;
	opening.loop = loop;
	return link_open(&opening, &tmc, NULL);
}

static int setup(void **state)
{
	int status = setup_raw(state);

	if (!status)
		answer_clear();
	return status;
}

static int teardown(void **state)
{
	(void)state;
	link_close(tmc);
	tmc = NULL;
	loop_free(loop);
	return wire.open ? -1 : 0;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static void clears_before_the_first_line(void **state)
{
	(void)state;
	say("OUTP OFF\n");
	assert_int_equal(wire.writes, 0);
	expect_setup(0xa1, 5, 0, FACE, 1);
	answer_control(0, USBTMC_STATUS_SUCCESS, 1);
	answer_control(0, USBTMC_STATUS_PENDING, 2);
	assert_null(wire.control_done);
	run_timers();
	expect_setup(0xa1, 6, 0, FACE, 2);
	answer_control(0, USBTMC_STATUS_SUCCESS, 2);
	assert_int_equal(wire.writes, 0);
	expect_setup(0x02, 1, 0, EP_OUT, 0);
	answer_control(0, 0, 0);
	expect_line("OUTP OFF\n");
	answer_write(0);
	assert_string_equal(told, "OUTP OFF\n:0 ");
}

static void line_waiting_for_a_clear_expires(void **state)
{
	(void)state;
	assert_int_equal(say_until("A\n", now_ns + 100), 0);
	run_timers();
	assert_string_equal(told, "A\n:-110 ");
	answer_clear();
	assert_int_equal(wire.writes, 0);
}

static void clear_that_fails_is_tried_once_more(void **state)
{
	(void)state;
	say("A\n");
	answer_control(-EPIPE, 0, 0);
	expect_setup(0xa1, 5, 0, FACE, 1);
	answer_control(0, USBTMC_STATUS_FAILED, 1);
	assert_null(wire.control_done);
	expect_line("A\n");
}

static void clear_that_stays_pending_ends(void **state)
{
	(void)state;
	assert_int_equal(say_until("A\n", LOOP_NEVER), 0);
	for (int i = 0; i < 1000 && !wire.writes; i++) {
		if (!wire.control_done)
			run_timers();
		else
			answer_control(0, wire.setup.request == 5 ? USBTMC_STATUS_SUCCESS : USBTMC_STATUS_PENDING, 2);
	}
	expect_line("A\n");
	assert_true(wire.controls > 20);
}

static void clear_that_cannot_be_sent_is_tried_again(void **state)
{
	(void)state;
	answer_control(0, USBTMC_STATUS_SUCCESS, 1);
	wire.refuse_control = -ENOBUFS;
	answer_control(0, USBTMC_STATUS_SUCCESS, 2);
	assert_null(wire.control_done);
	wire.refuse_control = 0;
	run_timers();
	expect_setup(0x02, 1, 0, EP_OUT, 0);
}

/* ---- lines out ------------------------------------------------------------------------------------------------- */

static void lines_go_one_by_one(void **state)
{
	(void)state;
	say("A 1\n");
	say("B 2\n");
	expect_line("A 1\n");
	assert_int_equal(wire.writes, 1);
	answer_write(0);
	expect_line("B 2\n");
	answer_write(0);
	assert_int_equal(wire.writes, 2);
	assert_string_equal(told, "A 1\n:0 B 2\n:0 ");
}

static void tags_count_through_255(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		say("A\n");
		assert_int_equal(wire.sent[1], i % 255 + 1);
		memset(told, 0, sizeof(told));
		answer_write(0);
	}
}

static void bad_lines_are_refused(void **state)
{
	static char huge[5000];

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	assert_int_equal(say_until("A\nB\n", 1), -EINVAL);
	assert_int_equal(say_until("", 1), -EINVAL);
	assert_int_equal(say_until(huge, 1), -EMSGSIZE);
	assert_int_equal(wire.writes, 0);
}

static void write_that_breaks_off_is_followed_by_a_clear(void **state)
{
	static const int broken[] = {-EPIPE, -ETIMEDOUT, -EIO};

	(void)state;
	for (int i = 0; i < 3; i++) {
		char expected[64];

		memset(told, 0, sizeof(told));
		say("A?\n");
		say("B\n");
		expect_line("A?\n");
		answer_write(broken[i]);
		snprintf(expected, sizeof(expected), "A?\n:%d ", broken[i]);
		assert_string_equal(told, expected);
		assert_null(wire.write_done);
		answer_clear();
		expect_line("B\n");
		answer_write(0);
	}
}

static void refused_write_is_told_from_the_loop(void **state)
{
	(void)state;
	wire.refuse_write = -ENOBUFS;
	say("A\n");
	assert_string_equal(told, "");
	wire.refuse_write = 0;
	assert_int_equal(loop_turn(loop, now_ns), 0);
	assert_string_equal(told, "A\n:-105 ");
}

/* ---- replies in ------------------------------------------------------------------------------------------------ */

static void question_is_answered(void **state)
{
	(void)state;
	reply(ask("*IDN?\n"), "Maker,Pen,7,1.0\n", true);
	expect_got("Maker,Pen,7,1.0\n");
	assert_string_equal(told, "*IDN?\n:0 ");
	reply(ask("OUTP?\n"), "1", true);
	expect_got("1\n");
	assert_int_equal(bytes_calls, 2);
	assert_null(wire.control_done);
}

static void answer_may_overtake_the_request(void **state)
{
	uint8_t tag;

	(void)state;
	say("OUTP?\n");
	answer_write(0);
	tag = expect_request();
	reply(tag, "0\n", true);
	expect_got("0\n");
	answer_write(0);
	assert_string_equal(told, "OUTP?\n:0 ");
}

static void answer_may_be_split_anywhere(void **state)
{
	uint8_t buf[64];

	(void)state;
	for (size_t first = 1; first < 12 + 8; first++) {
		for (size_t second = first; second < 12 + 8; second += 3) {
			size_t len = make_reply(buf, ask("Q?\n"), "12345\n", true);

			assert_int_equal(len, 20);
			feed(buf, first, false);
			feed(buf + first, second - first, false);
			feed(buf + second, len - second, true);
			expect_got("12345\n");
			memset(told, 0, sizeof(told));
		}
	}
	assert_null(wire.control_done);
}

static void zero_length_packet_ends_a_full_transfer(void **state)
{
	uint8_t buf[64];
	size_t len;

	(void)state;
	len = make_reply(buf, ask("Q?\n"), "12345\n", true);
	feed(buf, len, false);
	expect_got("12345\n");
	feed(buf, 0, true);
	reply(ask("Q?\n"), "2\n", true);
	expect_got("2\n");
}

static void long_answer_comes_in_several_messages(void **state)
{
	uint8_t tag, next;

	(void)state;
	tag = ask("Q?\n");
	reply(tag, "abc", false);
	assert_int_equal(bytes_calls, 0);
	next = expect_request();
	assert_int_not_equal(next, tag);
	answer_write(0);
	reply(next, "def\n", true);
	expect_got("abcdef\n");
	assert_int_equal(bytes_calls, 1);
}

static void new_question_abandons_the_old(void **state)
{
	uint8_t old, tag;

	(void)state;
	old = ask("OLD?\n");
	say("NEW?\n");
	assert_null(wire.write_done);
	answer_abort(old);
	expect_line("NEW?\n");
	answer_write(0);
	tag = expect_request();
	answer_write(0);
	reply(old, "late\n", true);
	assert_int_equal(bytes_calls, 0);
	reply(tag, "new\n", true);
	expect_got("new\n");
}

static void command_passes_while_an_answer_is_awaited(void **state)
{
	uint8_t tag;

	(void)state;
	tag = ask("TELEM?\n");
	say("OUTP OFF\n");
	expect_line("OUTP OFF\n");
	assert_null(wire.control_done);
	reply(tag, "5\n", true);
	expect_got("5\n");
	answer_write(0);
}

static void abort_without_success_becomes_a_clear(void **state)
{
	static const uint8_t answers[] = {USBTMC_STATUS_FAILED, USBTMC_STATUS_TRANSFER_NOT_IN_PROGRESS, 0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		ask("OLD?\n");
		say("NEW?\n");
		answer_control(answers[i] ? 0 : -ETIMEDOUT, answers[i], answers[i] ? 2 : 0);
		answer_clear();
		expect_line("NEW?\n");
		answer_write(0);
		reply(expect_request(), "n\n", true);
		answer_write(0);
		expect_got("n\n");
		memset(told, 0, sizeof(told));
	}
}

/* Every way an answer can be wrong: nothing of it is delivered, and the next question is answered. */
static void wrong_answer_leaves_nothing_behind(void **state)
{
	enum { WRONG_MESSAGE, WRONG_INVERSE, NO_SIZE, SHORT_HEADER, SHORT_PAYLOAD, HUGE_SIZE, KINDS };
	uint8_t buf[64];

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		uint8_t tag = ask("Q?\n");
		size_t len = make_reply(buf, tag, "12345\n", true);

		buf[0] = kind == WRONG_MESSAGE ? 1 : 2;
		buf[2] ^= kind == WRONG_INVERSE ? 4 : 0;
		buf[4] = kind == NO_SIZE ? 0 : buf[4];
		buf[7] = kind == HUGE_SIZE ? 1 : 0;
		feed(buf, kind == SHORT_HEADER ? 7 : kind == SHORT_PAYLOAD ? 15 : len, true);
		assert_int_equal(bytes_calls, kind);
		answer_abort(tag);
		reply(ask("Q?\n"), "67890\n", true);
		expect_got("67890\n");
		memset(told, 0, sizeof(told));
	}
}

static void unexpected_answers_are_dropped(void **state)
{
	uint8_t tag;

	(void)state;
	reply(9, "nobody asked\n", true);
	tag = ask("Q?\n");
	reply((uint8_t)(tag + 1), "wrong tag\n", true);
	assert_null(wire.control_done);
	reply(tag, "right\n", true);
	expect_got("right\n");
	reply(tag, "twice\n", true);
	assert_int_equal(bytes_calls, 1);
}

static void garbage_then_answers(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 300; round++) {
		uint8_t noise[40];

		(void)ask("Q?\n");
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
		noise[0] = round % 2 ? noise[0] : 2;
		feed(noise, (seed >> 16) % sizeof(noise) + 1, (seed >> 24) & 1);
		while (wire.control_done)
			answer_control(0, USBTMC_STATUS_SUCCESS, 2);
		feed(noise, 0, true);
		say("R?\n");
		while (wire.control_done)
			answer_control(0, USBTMC_STATUS_SUCCESS, 2);
		expect_line("R?\n");
		answer_write(0);
		got_len = 0;
		reply(expect_request(), "ok\n", true);
		answer_write(0);
		expect_got("ok\n");
		memset(told, 0, sizeof(told));
	}
}

/* ---- ends ------------------------------------------------------------------------------------------------------ */

static void gone_tells_everybody_once(void **state)
{
	const struct err why = {"pulled"};

	(void)state;
	say("A\n");
	say("B\n");
	answer_write(-ENODEV);
	assert_string_equal(told, "A\n:-19 ");
	wire.write_done = NULL;
	wire.sink.gone(wire.sink.ctx, &why);
	assert_string_equal(told, "A\n:-19 B\n:-19 ");
	assert_int_equal(gone, 1);
	assert_int_equal(say_until("C\n", 1), -ENODEV);
}

static void close_cancels_what_waits(void **state)
{
	(void)state;
	say("A\n");
	say("B\n");
	link_close(tmc);
	tmc = NULL;
	assert_string_equal(told, "A\n:-125 B\n:-125 ");
	assert_false(wire.open);
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
}

static void close_from_inside_a_reply(void **state)
{
	uint8_t tag;

	(void)state;
	tag = ask("A?\n");
	close_in_bytes = true;
	reply(tag, "x\n", true);
	expect_got("x\n");
	assert_false(wire.open);
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
}

#define T(fn)   cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define RAW(fn) cmocka_unit_test_setup_teardown(fn, setup_raw, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAW(clears_before_the_first_line),
		RAW(line_waiting_for_a_clear_expires),
		RAW(clear_that_fails_is_tried_once_more),
		RAW(clear_that_stays_pending_ends),
		RAW(clear_that_cannot_be_sent_is_tried_again),
		T(lines_go_one_by_one),
		T(tags_count_through_255),
		T(bad_lines_are_refused),
		T(write_that_breaks_off_is_followed_by_a_clear),
		T(refused_write_is_told_from_the_loop),
		T(question_is_answered),
		T(answer_may_overtake_the_request),
		T(answer_may_be_split_anywhere),
		T(zero_length_packet_ends_a_full_transfer),
		T(long_answer_comes_in_several_messages),
		T(new_question_abandons_the_old),
		T(command_passes_while_an_answer_is_awaited),
		T(abort_without_success_becomes_a_clear),
		T(wrong_answer_leaves_nothing_behind),
		T(unexpected_answers_are_dropped),
		T(garbage_then_answers),
		T(gone_tells_everybody_once),
		T(close_cancels_what_waits),
		T(close_from_inside_a_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
