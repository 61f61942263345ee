/* The dialogue of a driver that knows no protocol, with a device made of bytes: a request is written as "WHAT.ASKED ".
 * Compiled in, so that memory can run out and a programmer's mistake can be made. Time is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static bool no_memory;

static void *scarce(void *memory)
{
	if (!no_memory)
		return memory;
	free(memory);
	return NULL;
}

/* What closing waits in real time. */
static long slept_ns;

static int note_sleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	slept_ns += time->tv_nsec;
	return time->tv_sec == 0 ? 0 : -1;
}

#define nanosleep           note_sleep
#define malloc(size)        scarce(malloc(size))
#define calloc(count, size) scarce(calloc(count, size))
#include "rig/driver/dialogue.c"
#undef malloc
#undef calloc
#undef nanosleep

/* A failed assert() of the dialogue is caught by expect_assert_failure(). */
void __assert_fail(const char *expression, const char *file, unsigned line, const char *function)
{
	(void)function;
	mock_assert(0, expression, file, (int)line);
	__builtin_unreachable();
}

#define MS    NS_PER_MS
#define REPLY DRIVER_REPLY_NS
#define TOO   ((DRIVER_REPLY_NS) / NS_PER_MS)

/* ---- the link -------------------------------------------------------------------------------------------------- */

static struct link fake;
static struct link_sink sink;
static struct link_wants wants;
static char written[1024];
static uint64_t write_deadline_ns;
static int write_status, open_status;
static bool is_open;

static int fake_open(struct loop *loop, const char *uri, const struct link_wants *link_wants,
		     const struct link_sink *link_sink, struct link **ret, struct err *err)
{
	(void)loop;
	assert_string_equal(uri, "x");
	if (open_status)
		return err_set(err, open_status, "it is not there");
	sink = *link_sink;
	wants = *link_wants;
	is_open = true;
	*ret = &fake;
	return 0;
}

static void fake_close(struct link *link)
{
	assert_ptr_equal(link, &fake);
	assert_true(is_open);
	is_open = false;
}

static int fake_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		      void *ctx)
{
	size_t used = strlen(written);

	(void)ctx;
	assert_ptr_equal(link, &fake);
	assert_true(is_open);
	assert_null(done);
	assert_true(used + len < sizeof(written));
	write_deadline_ns = deadline_ns;
	if (write_status)
		return write_status;
	memcpy(written + used, data, len);
	written[used + len] = '\0';
	return 0;
}

static void fake_counters(const struct link *link, struct link_counters *ret)
{
	assert_ptr_equal(link, &fake);
	*ret = (struct link_counters){.bytes_out = strlen(written)};
}

static link_control_fn reply; /* of the control request that was sent last */

static int fake_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
			link_control_fn done, void *ctx)
{
	(void)data, (void)ctx;
	assert_ptr_equal(link, &fake);
	snprintf(written + strlen(written), sizeof(written) - strlen(written), "%u ", setup->request);
	write_deadline_ns = deadline_ns;
	reply = done;
	return 0;
}

static const struct link_ops fake_ops = {
	.name = "fake",
	.scheme = "serial",
	.open = fake_open,
	.close = fake_close,
	.write = fake_write,
	.control = fake_control,
	.counters = fake_counters,
};
static const struct link_ops *const table[] = {&fake_ops, NULL};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

static struct dialogue *d;
static int device; /* its address is what ops get */
static char heard[64];
static int encoded_len; /* -1: as long as it is */

static size_t encode(void *ctx, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%d.%u ", request->what, asked);

	assert_ptr_equal(ctx, &device);
	assert_int_equal(size, DIALOGUE_MESSAGE_MAX);
	memcpy(buffer, text, (size_t)len);
	return encoded_len < 0 ? (size_t)len : (size_t)encoded_len;
}

static void bytes(void *ctx, const uint8_t *data, size_t len, uint64_t host_ns)
{
	assert_ptr_equal(ctx, &device);
	assert_int_equal(dialogue_now_ns(d), host_ns);
	snprintf(heard, sizeof(heard), "%.*s", (int)len, (const char *)data);
}

#define SWITCHES_ON 50 /* requests from this one on */
#define STOOD       300

static unsigned standstills;

static bool is_hot(const struct dialogue_request *asked)
{
	return asked->what >= SWITCHES_ON;
}

static void stood(void *ctx)
{
	assert_ptr_equal(ctx, &device);
	standstills++;
}

static const struct driver driver = {.name = "test", .wants = {.serial = {.baud = 4800}}};
static const struct dialogue_ops ops = {.driver = &driver,
					.name = "gauge",
					.waiting_max = 4,
					.encode = encode,
					.bytes = bytes,
					.switches_on = is_hot,
					.stood = stood};

/* ---- the host -------------------------------------------------------------------------------------------------- */

static unsigned readies, losses;
static int ready_status, lost_status;
static char told[ERR_TEXT_MAX]; /* the last error text */
static char order[1024];        /* of all that the host was told */
static bool inside_verb;        /* callbacks must not come then */
static uint64_t now;

static void note(const char *what, int status, const struct err *err)
{
	size_t used = strlen(order);

	assert_false(inside_verb);
	assert_true(used + 32 < sizeof(order));
	snprintf(order + used, sizeof(order) - used, "%s:%d ", what, status);
	assert_int_equal(status == 0, err == NULL);
	if (err)
		snprintf(told, sizeof(told), "%s", err->text);
}

static void on_ready(void *ctx, int status, const struct err *err)
{
	assert_null(ctx);
	note("ready", status, err);
	ready_status = status;
	readies++;
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	assert_null(ctx);
	note("lost", status, err);
	lost_status = status;
	losses++;
}

static void on_done(void *ctx, int status, const struct err *err)
{
	note(ctx, status, err);
}

static struct dialogue_request request(int what, const char *name)
{
	return (struct dialogue_request){.what = what, .done = name ? on_done : NULL, .ctx = (void *)name};
}

static void submit(int what, const char *name)
{
	const struct dialogue_request made = request(what, name);

	inside_verb = true;
	dialogue_submit(d, &made);
	inside_verb = false;
}

static void stop(int what, const char *name)
{
	const struct dialogue_request made = request(what, name);

	inside_verb = true;
	dialogue_stop(d, &made);
	inside_verb = false;
}

static void tick(uint64_t ms)
{
	for (uint64_t end = now + ms * MS; now < end;) {
		now += DRIVER_TICK_NS < end - now ? DRIVER_TICK_NS : end - now;
		dialogue_tick(d, now);
	}
}

static void expect_written(const char *text)
{
	assert_string_equal(written, text);
	written[0] = '\0';
}

static void expect_told(const char *text)
{
	assert_string_equal(order, text);
	order[0] = '\0';
}

static struct dialogue_request awaited(void)
{
	const struct dialogue_request *awaits = dialogue_awaits(d);

	if (!awaits)
		fail_msg("no request is under way");
	return awaits ? *awaits : (struct dialogue_request){.what = -1};
}

static struct device_counters counters(void)
{
	struct device_counters ret = {.frames = 7};

	dialogue_counters(d, &ret);
	assert_int_equal(ret.frames, 7);
	return ret;
}

static const struct device_open opening = {.links = table,
					   .uri = "serial:x",
					   .settings = {.parity = LINK_PARITY_ODD},
					   .stood_ns = STOOD * MS,
					   .host = {.ready = on_ready, .lost = on_lost}};

static int setup_opening(void **state)
{
	(void)state;
	fake = (struct link){.ops = &fake_ops};
	written[0] = order[0] = told[0] = heard[0] = '\0';
	readies = losses = standstills = 0;
	write_status = open_status = 0;
	no_memory = false;
	encoded_len = -1;
	now = 1000 * MS;
	return dialogue_open(&ops, &device, &opening, now, &d, NULL);
}

static int setup(void **state)
{
	if (setup_opening(state))
		return -1;
	dialogue_ready(d);
	order[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	inside_verb = no_memory = false;
	dialogue_close(d, NULL);
	d = NULL;
	assert_false(is_open);
	return 0;
}

static const struct err odd = {"that makes no sense"};

/* ---- opening --------------------------------------------------------------------------------------------------- */

static void verbs_wait_until_it_is_ready(void **state)
{
	(void)state;
	assert_int_equal(wants.serial.baud, 4800);
	assert_int_equal(wants.serial.parity, LINK_PARITY_ODD);
	assert_ptr_equal(dialogue_link(d), &fake);
	assert_int_equal(dialogue_state(d), DIALOGUE_OPENING);
	assert_null(dialogue_awaits(d));
	expect_written("");
	dialogue_ask(d, 1, 2.5);
	expect_written("1.0 ");
	assert_int_equal(awaited().what, 1);
	assert_true(awaited().value == 2.5);
	assert_null(awaited().done);
	submit(7, "seven");
	submit(8, "eight");
	dialogue_ask(d, 2, 0);
	expect_written("2.0 ");
	tick(100);
	expect_told("");
	dialogue_ready(d);
	assert_int_equal(dialogue_state(d), DIALOGUE_READY);
	expect_told("ready:0 ");
	expect_written("7.0 ");
	dialogue_answered(d);
	expect_told("seven:0 ");
	expect_written("8.0 ");
	dialogue_answered(d);
	expect_told("eight:0 ");
	assert_null(dialogue_awaits(d));
	assert_int_equal(readies, 1);
}

static void opening_fails_in_silence(void **state)
{
	(void)state;
	dialogue_ask(d, 1, 0);
	submit(7, "seven");
	tick(2 * TOO - 1);
	expect_written("1.0 1.1 ");
	expect_told("");
	tick(1);
	expect_told("seven:-19 ready:-110 ");
	assert_int_equal(dialogue_state(d), DIALOGUE_LOST);
	tick(1000);
	expect_written("");
	assert_int_equal(losses, 0);
}

static void opening_fails_with_nonsense(void **state)
{
	(void)state;
	dialogue_ask(d, 1, 0);
	dialogue_reject(d, 2, -EPROTO, &odd);
	expect_told("");
	expect_written("1.0 1.1 ");
	dialogue_reject(d, 2, -EPROTO, &odd);
	expect_told("ready:-71 ");
	assert_string_equal(told, odd.text);
	assert_int_equal(losses, 0);
}

static void a_stop_while_opening_comes_first_after_it(void **state)
{
	(void)state;
	dialogue_ask(d, 1, 0);
	submit(7, "seven");
	stop(9, "stop");
	expect_written("1.0 ");
	assert_int_equal(awaited().what, 1); /* the opening goes on */
	tick(5);
	expect_told("seven:-125 ");
	submit(8, "eight");
	dialogue_ready(d);
	expect_written("9.0 ");
	dialogue_answered(d);
	expect_written("8.0 ");
	expect_told("ready:0 stop:0 ");
}

static void a_link_that_does_not_open(void **state)
{
	struct dialogue *none = (struct dialogue *)&device;
	struct err err = {""};

	(void)state;
	setup_opening(state);
	dialogue_close(d, NULL);
	open_status = -EBUSY;
	assert_int_equal(dialogue_open(&ops, &device, &opening, now, &none, &err), -EBUSY);
	assert_string_equal(err.text, "it is not there");
	no_memory = true;
	assert_int_equal(dialogue_open(&ops, &device, &opening, now, &none, &err), -ENOMEM);
	assert_string_equal(err.text, "no memory for a gauge");
	assert_ptr_equal(none, &device);
	assert_false(is_open);
	d = NULL;
}

/* ---- one request under way, asked twice ------------------------------------------------------------------------ */

static void silence(void **state)
{
	(void)state;
	submit(1, "one");
	submit(2, "two");
	expect_written("1.0 ");
	assert_int_equal(write_deadline_ns, now + REPLY);
	assert_int_equal(dialogue_asked(d), 1);
	assert_int_equal(dialogue_asked_ns(d), now);
	tick(TOO - 1);
	expect_written("");
	tick(1);
	expect_written("1.1 ");
	assert_int_equal(dialogue_asked(d), 2);
	assert_int_equal(dialogue_asked_ns(d), now);
	assert_int_equal(write_deadline_ns, now + REPLY);
	tick(TOO - 1);
	expect_told("");
	tick(1);
	expect_told("one:-110 two:-19 lost:-110 ");
	assert_string_equal(told, "the gauge has not answered within 200 ms, twice: check its power, its cable and, "
				  "on a serial line, the baud rate in the bench file");
	assert_int_equal(counters().repeated_requests, 1);
	submit(3, "three");
	expect_told("");
	tick(5);
	expect_told("three:-19 ");
	assert_string_equal(told, "the gauge is gone or silent");
	tick(1000);
	expect_written("");
	assert_int_equal(losses, 1);
	assert_int_equal(readies, 1);
}

/* Each request has two silences of its own, also where nobody wants to know. */
static void an_answer_ends_the_silence(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		submit(1, NULL);
		tick(TOO + 100);
		expect_written("1.0 1.1 ");
		dialogue_answered(d);
	}
	submit(1, NULL);
	tick(2 * TOO);
	expect_told("lost:-110 ");
}

static void odd_answers(void **state)
{
	(void)state;
	submit(1, "one");
	submit(2, "two");
	dialogue_reject(d, 2, -EPROTO, &odd);
	expect_written("1.0 1.1 ");
	assert_int_equal(dialogue_asked(d), 2);
	expect_told("");
	dialogue_reject(d, 2, -EREMOTEIO, &odd);
	expect_told("one:-121 ");
	assert_string_equal(told, odd.text);
	expect_written("2.0 ");
	assert_int_equal(counters().odd_replies, 2);
	assert_int_equal(counters().repeated_requests, 1);
	dialogue_reject(d, 3, -ERANGE, &odd); /* a refusal is no odd answer */
	dialogue_reject(d, 3, -ERANGE, &odd);
	expect_written("2.1 2.2 ");
	dialogue_reject(d, 3, -ERANGE, &odd);
	expect_told("two:-34 ");
	assert_int_equal(counters().odd_replies, 2);
	assert_int_equal(counters().repeated_requests, 3);
	dialogue_reject(d, 2, -EPROTO, &odd); /* nobody asked */
	expect_told("");
	expect_written("");
	assert_int_equal(counters().odd_replies, 3);
	assert_int_equal(counters().repeated_requests, 3);
	submit(3, NULL);
	dialogue_reject(d, 1, -EPROTO, &odd);
	expect_told("");
	assert_null(dialogue_awaits(d));
	assert_int_equal(losses, 0);
}

/* "Twice" in the text is true: an odd answer is no silence. */
static void an_odd_answer_and_then_silence(void **state)
{
	(void)state;
	submit(1, "one");
	dialogue_reject(d, 2, -EPROTO, &odd);
	tick(TOO);
	expect_written("1.0 1.1 1.2 ");
	expect_told("");
	tick(TOO);
	expect_told("one:-110 lost:-110 ");
}

static void one_answer_is_not_enough(void **state)
{
	(void)state;
	submit(1, "one");
	tick(TOO - 1);
	dialogue_confirm(d);
	expect_written("1.0 1.1 ");
	assert_int_equal(dialogue_asked(d), 2);
	assert_int_equal(counters().repeated_requests, 0);
	tick(TOO - 1);
	expect_written("");
	dialogue_answered(d);
	expect_told("one:0 ");
	assert_int_equal(counters().link.bytes_out, 0);
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* What is more than two ticks between two of them was the host's own pause, but for the one that was due. */
static uint64_t now_of(void *ctx)
{
	(void)ctx;
	return now;
}

static void control(void *ctx, const struct dialogue_request *asked, unsigned times, struct link_setup *ret,
		    uint8_t *data)
{
	(void)ctx, (void)times, (void)data;
	*ret = (struct link_setup){.request = (uint8_t)asked->what};
}

static void replied(void *ctx, int status, const uint8_t *data, size_t len)
{
	assert_ptr_equal(ctx, &device);
	assert_int_equal(status, 0);
	assert_int_equal(dialogue_now_ns(d), now);
	snprintf(heard, sizeof(heard), "%.*s", (int)len, (const char *)data);
	dialogue_answered(d);
}

/* A reply to a control request comes between two ticks, as bytes do: what follows on it counts from then, and what the host
 * slept through before it is seen first. */
static void a_control_reply_brings_its_time(void **state)
{
	static const struct loop_clock clock = {.now_ns = now_of, .wall_ns = now_of};
	struct dialogue_ops by_control = ops;
	struct device_open open = opening;

	setup_opening(state);
	dialogue_close(d, NULL);
	by_control.control = control;
	by_control.replied = replied;
	assert_int_equal(loop_new(&clock, NULL, &open.loop, NULL), 0);
	assert_int_equal(dialogue_open(&by_control, &device, &open, now, &d, NULL), 0);
	dialogue_ready(d);
	tick(DRIVER_TICK_NS / MS);
	submit(1, "a");
	submit(2, "b");
	expect_written("1 ");
	now += 3 * MS;
	reply(d, 0, (const uint8_t *)"yes", 3);
	assert_string_equal(heard, "yes");
	expect_written("2 ");
	assert_int_equal(write_deadline_ns, now + REPLY);
	now += STOOD * MS;
	submit(SWITCHES_ON, "hot");
	reply(d, 0, (const uint8_t *)"late", 4);
	assert_int_equal(standstills, 1);
	expect_written(""); /* it does not switch on behind a standstill */
	dialogue_close(d, NULL);
	loop_free(open.loop);
}

static void time_in_which_the_host_stood_still(void **state)
{
	static const uint64_t pauses_ms[] = {10, 11, 5000};

	(void)state;
	dialogue_tick(d, now);
	for (size_t i = 0; i < 3; i++) {
		uint64_t counted_ms = pauses_ms[i] <= 10 ? pauses_ms[i] : 5;
		written[0] = '\0';
		submit(1, NULL);
		tick(100);
		now += pauses_ms[i] * MS;
		dialogue_tick(d, now);
		tick(TOO - 100 - counted_ms - 1);
		expect_written("1.0 ");
		tick(1);
		expect_written("1.1 ");
		dialogue_answered(d);
	}
}

/* A silence in which the host missed more than 50 ms is asked again and not counted; a host that is held up again and
 * again has its question asked five times more. */
static void a_silence_on_a_held_up_host_does_not_count(void **state)
{
	(void)state;
	dialogue_tick(d, now);
	submit(1, "one");
	expect_written("1.0 ");
	for (int i = 0; i < 5; i++) {
		now += 56 * MS;
		dialogue_tick(d, now);
		tick(TOO - 5);
		expect_written("1.1 ");
		assert_int_equal(dialogue_asked(d), 1); /* an odd answer is asked again as ever */
	}
	now += 56 * MS;
	dialogue_tick(d, now);
	tick(TOO - 5);
	expect_written("1.1 ");
	assert_int_equal(dialogue_asked(d), 2);
	expect_told("");
	tick(TOO);
	expect_told("one:-110 lost:-110 ");
}

/* Somebody else may have switched the device off meanwhile. */
static void what_waited_switches_nothing_on_behind_a_standstill(void **state)
{
	(void)state;
	tick(5);
	submit(1, "one");
	submit(SWITCHES_ON, "on");
	submit(2, "two");
	submit(SWITCHES_ON + 1, "more");
	tick(5);
	expect_written("1.0 ");
	now += STOOD * MS;
	dialogue_tick(d, now);
	expect_told("on:-125 more:-125 ");
	assert_int_equal(standstills, 1);
	dialogue_answered(d);
	expect_written("2.0 ");
	dialogue_answered(d);
	expect_written("");
	expect_told("one:0 two:0 ");
	submit(SWITCHES_ON, "anew"); /* whoever asks for it now knows of the standstill */
	expect_written("50.0 ");
	dialogue_answered(d);
	order[0] = '\0';
}

static void a_short_pause_is_no_standstill(void **state)
{
	(void)state;
	tick(5);
	submit(1, "one");
	submit(SWITCHES_ON, "on");
	now += STOOD * MS - 1;
	dialogue_tick(d, now);
	dialogue_answered(d);
	expect_written("1.0 50.0 ");
	dialogue_answered(d);
	assert_int_equal(standstills, 0);
	order[0] = '\0';
}

/* What waited in the line is read before the tick. */
static void nor_what_an_answer_brings_before_the_tick(void **state)
{
	(void)state;
	tick(5);
	submit(1, "one");
	submit(SWITCHES_ON, "on");
	expect_written("1.0 ");
	now += STOOD * MS;
	sink.bytes(sink.ctx, (const uint8_t *)"x", 1, true, now);
	assert_int_equal(standstills, 1);
	dialogue_answered(d);
	submit(SWITCHES_ON + 1, "a step behind it");
	expect_written("");
	tick(5);
	expect_told("one:0 on:-125 a step behind it:-125 ");
}

static void what_switches_on_is_not_asked_again_behind_it(void **state)
{
	static const char *const what[] = {"silent", "odd", "unsure"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		tick(5);
		submit(SWITCHES_ON, what[i]);
		submit(1, NULL);
		expect_written("50.0 ");
		now += STOOD * MS;
		dialogue_tick(d, now);
		expect_told("");
		assert_int_equal(awaited().what, SWITCHES_ON); /* it may yet be answered */
		if (i == 0)
			tick(TOO + 5);
		else if (i == 1)
			dialogue_reject(d, DIALOGUE_ASKED_MAX, -EPROTO, &odd);
		else
			dialogue_confirm(d);
		expect_written("1.0 ");
		dialogue_answered(d);
		tick(5);
		assert_true(strncmp(order, what[i], strlen(what[i])) == 0 && strstr(order, ":-125 "));
		order[0] = '\0';
	}
}

static void a_little_lateness_excuses_nothing(void **state)
{
	(void)state;
	dialogue_tick(d, now);
	submit(1, "one");
	now += 55 * MS;
	dialogue_tick(d, now);
	tick(TOO - 5);
	expect_written("1.0 1.1 ");
	tick(TOO);
	expect_told("one:-110 lost:-110 ");
}

/* Asked in the turn that ends a pause: it has the time that any question has. */
static void a_question_behind_the_pause_missed_nothing(void **state)
{
	(void)state;
	dialogue_tick(d, now);
	now += 5000 * MS;
	dialogue_tick(d, now - 1);
	submit(1, "one");
	dialogue_tick(d, now);
	tick(TOO);
	expect_written("1.0 1.1 ");
	tick(TOO);
	expect_told("one:-110 lost:-110 ");
}

/* The time before the first tick is nobody's pause, and time that runs back is none either. */
static void first_tick(void **state)
{
	(void)state;
	submit(1, NULL);
	now += REPLY - 1;
	dialogue_tick(d, now);
	expect_written("1.0 ");
	dialogue_tick(d, now - 500 * MS);
	assert_int_equal(dialogue_now_ns(d), now);
	dialogue_tick(d, now - 500 * MS + 1);
	now += 1;
	for (uint64_t at = now - 500 * MS; at < now; at += 5 * MS)
		dialogue_tick(d, at);
	expect_written("");
	dialogue_tick(d, now);
	expect_written("1.1 ");
}

static void the_wait_of_the_link_is_not_the_devices(void **state)
{
	(void)state;
	fake.held_until_ns = now + 2000 * MS;
	submit(1, NULL);
	expect_written("1.0 ");
	assert_int_equal(write_deadline_ns, fake.held_until_ns + REPLY);
	tick(2000 + TOO - 1);
	expect_written("");
	tick(1);
	expect_written("1.1 ");
	assert_int_equal(write_deadline_ns, now + REPLY);
}

static void bytes_bring_the_time_with_them(void **state)
{
	const uint8_t data[] = {'a', 'b'};

	(void)state;
	sink.bytes(sink.ctx, data, 2, true, now + 3 * MS);
	assert_string_equal(heard, "ab");
	assert_int_equal(dialogue_now_ns(d), now + 3 * MS);
	submit(1, NULL);
	assert_int_equal(dialogue_asked_ns(d), now + 3 * MS);
	dialogue_lose(d, -ETIMEDOUT, &odd);
	heard[0] = '\0';
	sink.bytes(sink.ctx, data, 2, true, now + 4 * MS);
	assert_string_equal(heard, "");
}

/* ---- stop ------------------------------------------------------------------------------------------------------ */

static void stop_jumps_the_queue(void **state)
{
	(void)state;
	submit(1, "one");
	submit(2, "two");
	submit(3, NULL);
	submit(4, "four");
	expect_written("1.0 ");
	stop(9, "stop");
	expect_written("9.0 "); /* at once, though the first is not answered */
	expect_told("");
	tick(5);
	expect_told("two:-125 four:-125 one:-125 ");
	assert_string_equal(told, "cancelled: a stop, the end of the session or a standstill came first");
	dialogue_answered(d);
	expect_told("stop:0 ");
	tick(1000);
	expect_written("");
	expect_told("");
}

static void stop_is_sent_again(void **state)
{
	(void)state;
	stop(9, "stop");
	expect_written("9.0 ");
	tick(TOO);
	expect_written("9.1 ");
	dialogue_answered(d);
	expect_told("stop:0 ");
	stop(9, "stop");
	dialogue_reject(d, 2, -EREMOTEIO, &odd);
	expect_written("9.0 9.1 ");
	dialogue_reject(d, 2, -EREMOTEIO, &odd);
	expect_told("stop:-121 ");
	stop(9, "first");
	stop(9, "second"); /* nobody knows whether the first arrived */
	expect_written("9.0 9.0 ");
	tick(5);
	expect_told("first:-125 ");
	dialogue_answered(d);
	expect_told("second:0 ");
}

/* ---- done later, exactly once ---------------------------------------------------------------------------------- */

static void queue_is_bounded(void **state)
{
	(void)state;
	submit(1, "a");
	submit(1, "b");
	submit(1, "c");
	submit(1, "d");
	submit(1, "e");
	submit(1, "f");
	submit(1, "g");
	expect_told("");
	tick(5);
	expect_told("f:-105 g:-105 ");
	assert_string_equal(told, "4 requests wait for this gauge already");
	for (int i = 0; i < 5; i++)
		dialogue_answered(d);
	expect_told("a:0 b:0 c:0 d:0 e:0 ");
	expect_written("1.0 1.0 1.0 1.0 1.0 ");
}

#define MANY 1000
static unsigned outcomes[MANY];
static int statuses[MANY];

static void count(void *ctx, int status, const struct err *err)
{
	unsigned *outcome = ctx;

	assert_false(inside_verb);
	assert_non_null(err);
	++*outcome;
	statuses[outcome - outcomes] = status;
}

/* However many verbs fail at once within one turn of the loop: no done from inside any, each exactly once, also when
 * the device is closed before the next turn. */
static void verbs_that_fail_at_once(void **state)
{
	static const int expected[] = {-ENOBUFS, -ECANCELED, -ENODEV};

	for (unsigned kind = 0; kind < 3; kind++) {
		for (int closed = 0; closed < 2; closed++) {
			memset(outcomes, 0, sizeof(outcomes));
			if (kind == 2)
				sink.gone(sink.ctx, &odd);
			for (unsigned i = 0; i < MANY; i++) {
				struct dialogue_request made = {.what = 1, .done = count, .ctx = &outcomes[i]};
				inside_verb = true;
				if (kind == 1)
					dialogue_stop(d, &made);
				else
					dialogue_submit(d, &made);
				inside_verb = false;
				written[0] = '\0';
			}
			if (!closed)
				tick(5);
			if (kind == 2 && !closed)
				assert_int_equal(outcomes[0], 1);
			dialogue_close(d, NULL);
			for (unsigned i = 0; i < MANY; i++)
				assert_int_equal(outcomes[i], 1);
			assert_int_equal(statuses[MANY / 2], closed && kind == 0 ? -ENOBUFS : expected[kind]);
			assert_int_equal(setup(state), 0);
		}
	}
}

static void a_write_that_fails_is_not_told_inside_the_verb(void **state)
{
	(void)state;
	write_status = -ENOBUFS;
	submit(1, "one");
	stop(9, "stop");
	expect_told("");
	tick(5);
	expect_told("one:-125 ");
	tick(TOO - 5);
	expect_told("");
	tick(TOO);
	expect_told("stop:-110 lost:-110 ");
}

static unsigned tries;

static void try_again(void *ctx, int status, const struct err *err)
{
	const struct dialogue_request again = {.what = 1, .done = try_again};

	(void)ctx;
	(void)err;
	assert_int_equal(status, -ENODEV);
	tries++;
	if (tries < 50)
		dialogue_submit(d, &again);
}

static void a_done_that_tries_again_at_once(void **state)
{
	const struct dialogue_request first = {.what = 1, .done = try_again};

	(void)state;
	tries = 0;
	dialogue_lose(d, -ETIMEDOUT, &odd);
	dialogue_submit(d, &first);
	for (unsigned i = 1; i <= 3; i++) {
		tick(5);
		assert_int_equal(tries, i);
	}
	dialogue_close(d, NULL); /* all that is due is told before it returns */
	assert_int_equal(tries, 50);
	assert_int_equal(setup(state), 0);
}

static void submit_another(void *ctx, int status, const struct err *err)
{
	const struct dialogue_request another = request(2, "another");

	note(ctx, status, err);
	dialogue_submit(d, &another);
}

/* In the order in which they were called, before the next one that waits. */
static void a_done_that_calls_a_verb(void **state)
{
	const struct dialogue_request first = {.what = 1, .done = submit_another, .ctx = (void *)"first"};

	(void)state;
	dialogue_submit(d, &first);
	submit(3, "three");
	dialogue_answered(d);
	expect_told("first:0 ");
	expect_written("1.0 3.0 ");
	dialogue_answered(d);
	expect_written("2.0 ");
	dialogue_answered(d);
	expect_told("three:0 another:0 ");
	dialogue_submit(d, &first);
	dialogue_answered(d); /* nothing waited: it is asked at once, and only once */
	expect_written("1.0 2.0 ");
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void gone(void **state)
{
	const struct err why = {"unplugged"};

	(void)state;
	submit(1, "one");
	submit(2, NULL);
	submit(3, "three");
	sink.gone(sink.ctx, &why);
	expect_told("one:-19 three:-19 lost:-19 ");
	assert_string_equal(told, "unplugged");
	assert_null(dialogue_awaits(d));
	dialogue_lose(d, -ETIMEDOUT, &odd);
	tick(1000);
	expect_told("");
	stop(9, "stop");
	expect_written("1.0 ");
	tick(5);
	expect_told("stop:-19 ");
	assert_int_equal(counters().repeated_requests, 0);
}

static void close_cancels(void **state)
{
	const struct dialogue_request last = {.what = 9};
	const struct dialogue_request first = {.what = 1, .done = submit_another, .ctx = (void *)"first"};

	dialogue_submit(d, &first);
	submit(3, "three");
	submit(4, NULL);
	expect_written("1.0 ");
	tick(1);
	dialogue_close(d, &last);
	expect_written("9.0 ");
	assert_int_equal(write_deadline_ns, now + REPLY);
	expect_told("first:-125 three:-125 another:-19 ");
	assert_false(is_open);
	assert_int_equal(losses, 0);
	dialogue_close(NULL, NULL);
	setup_opening(state);
	dialogue_ask(d, 1, 0);
	submit(3, "three");
	dialogue_close(d, NULL);
	expect_told("three:-125 ");
	expect_written("1.0 ");
	setup(state);
}

static void mistakes_of_a_programmer(void **state)
{
	const struct dialogue_request asked = request(1, "one");
	struct dialogue_ops wrong = ops;
	struct dialogue *none = NULL;

	(void)state;
	expect_assert_failure(dialogue_ask(d, 1, 0));
	expect_assert_failure(dialogue_ready(d));
	expect_assert_failure(dialogue_answered(d));
	expect_assert_failure(dialogue_confirm(d));
	expect_assert_failure(dialogue_reject(d, 2, 0, &odd));
	wrong.waiting_max = 0;
	expect_assert_failure(dialogue_open(&wrong, &device, &opening, now, &none, NULL));
	wrong.waiting_max = DIALOGUE_WAITING_MAX + 1;
	expect_assert_failure(dialogue_open(&wrong, &device, &opening, now, &none, NULL));
	encoded_len = 0;
	expect_assert_failure(dialogue_stop(d, &asked));
	encoded_len = DIALOGUE_MESSAGE_MAX + 1;
	expect_assert_failure(dialogue_stop(d, &asked));
	encoded_len = -1;
	dialogue_close(d, NULL);
	setup_opening(state);
	dialogue_ask(d, 1, 0);
	expect_assert_failure(dialogue_answered(d));
	dialogue_lose(d, -EIO, &odd);
	no_memory = true; /* it has room of its own for all that can wait, twice */
	for (unsigned i = 0; i < 2 * DIALOGUE_WAITING_MAX + 1; i++)
		dialogue_submit(d, &asked);
	expect_assert_failure(dialogue_submit(d, &asked));
}

/* What was told gives its room back. */
static void telling_needs_no_memory(void **state)
{
	(void)state;
	dialogue_lose(d, -EIO, &odd);
	order[0] = '\0';
	no_memory = true;
	for (unsigned round = 0; round < 5 * DIALOGUE_WAITING_MAX; round++) {
		submit(1, "one");
		submit(2, "two");
		tick(5);
		expect_told("one:-19 two:-19 ");
	}
}

static void widest_bounds(void **state)
{
	struct dialogue_ops wide = ops;

	(void)state;
	dialogue_close(d, NULL);
	wide.waiting_max = DIALOGUE_WAITING_MAX;
	assert_int_equal(dialogue_open(&wide, &device, &opening, now, &d, NULL), 0);
	for (unsigned i = 0; i < DIALOGUE_WAITING_MAX; i++)
		submit(1, NULL);
	submit(1, "refused");
	order[0] = '\0';
	tick(5);
	expect_told("refused:-105 ");
	wide.waiting_max = 1;
	memset(written, 0, sizeof(written));
	encoded_len = DIALOGUE_MESSAGE_MAX;
	dialogue_ask(d, 1, 0);
	assert_int_equal(memcmp(written, "1.0 ", 4), 0);
	encoded_len = 1;
	written[0] = '\0';
	dialogue_ask(d, 1, 0);
	expect_written("1");
}

/* ---- a slow device ---------------------------------------------------------------------------------------------- */

static struct dialogue_pace slow_pace;

static void pace(const void *ctx, const struct dialogue_request *asked, struct dialogue_pace *ret)
{
	assert_ptr_equal(ctx, &device);
	assert_int_equal(ret->reply_ns, REPLY);
	assert_non_null(asked);
	*ret = slow_pace;
}

static struct dialogue_ops slow;

static int setup_slow(void **state)
{
	if (setup_opening(state))
		return -1;
	dialogue_close(d, NULL);
	slow = ops;
	slow.pace = pace;
	slow_pace = (struct dialogue_pace){.reply_ns = 400 * MS, .rest_ns = 300 * MS};
	return dialogue_open(&slow, &device, &opening, now, &d, NULL);
}

static void silence_of_a_slow_device(void **state)
{
	(void)state;
	dialogue_ready(d);
	submit(1, "one");
	expect_written("1.0 ");
	assert_int_equal(write_deadline_ns, now + 400 * MS);
	tick(395);
	assert_int_equal(awaited().what, 1);
	tick(5);
	assert_null(dialogue_awaits(d)); /* it rests: what comes now is nobody's answer */
	tick(295);
	expect_written("");
	tick(5);
	expect_written("1.1 ");
	assert_int_equal(awaited().what, 1);
	order[0] = '\0';
	tick(395);
	expect_told("");
	tick(5);
	assert_string_equal(order, "one:-110 lost:-110 ");
	assert_non_null(strstr(told, "has not answered within 400 ms, twice"));
}

static void an_odd_answer_rests_too(void **state)
{
	(void)state;
	dialogue_ready(d);
	submit(1, "one");
	submit(2, "two");
	tick(10);
	dialogue_reject(d, DIALOGUE_ASKED_MAX, -EPROTO, &odd);
	expect_written("1.0 ");
	assert_null(dialogue_awaits(d));
	dialogue_reject(d, DIALOGUE_ASKED_MAX, -EPROTO, &odd); /* the rest of the nonsense counts, and asks nothing */
	tick(295);
	expect_written("");
	tick(5);
	expect_written("1.1 ");
	assert_int_equal(counters().repeated_requests, 1);
	assert_int_equal(counters().odd_replies, 2);
	order[0] = '\0';
	dialogue_answered(d);
	expect_told("one:0 ");
	expect_written("2.0 ");
}

static void a_stop_while_it_rests(void **state)
{
	(void)state;
	dialogue_ready(d);
	submit(1, "one");
	tick(405);
	written[0] = order[0] = '\0';
	stop(9, "stop");
	expect_written("9.0 ");
	assert_int_equal(awaited().what, 9);
	dialogue_answered(d);
	tick(5);
	expect_told("stop:0 one:-125 ");
}

static void time_between_two_requests(void **state)
{
	(void)state;
	slow_pace.between_ns = 500 * MS;
	dialogue_ask(d, 1, 0);
	expect_written("1.0 "); /* the first at once */
	tick(100);
	dialogue_ask(d, 2, 0);
	expect_written("");
	assert_null(dialogue_awaits(d));
	tick(395);
	expect_written("");
	tick(5);
	expect_written("2.0 ");
	dialogue_ready(d);
	tick(600);
	submit(3, "three");
	expect_written("3.0 "); /* it was quiet for longer */
}

static void the_last_word_waits_for_a_free_line(void **state)
{
	const struct dialogue_request last = {.what = 9};
	const struct {
		bool paced;
		uint64_t between_ms, passed_ms, slept_ms;
	} cases[] = {{true, 100, 40, 60},
		     {true, 100, 100, 0},
		     {true, 100, 105, 0},
		     {true, 600, 10, 250},
		     {false, 100, 40, 0}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		slow_pace.between_ns = cases[i].between_ms * MS;
		d->paced = cases[i].paced;
		slept_ns = 0;
		dialogue_ask(d, 1, 0);
		tick(cases[i].passed_ms);
		written[0] = '\0';
		dialogue_close(d, &last);
		expect_written("9.0 ");
		assert_int_equal(slept_ns, cases[i].slept_ms * MS);
		setup_slow(state);
	}
	d->paced = true;
	slow_pace.between_ns = 100 * MS;
	slept_ns = 0;
	dialogue_close(d, &last); /* nothing was said before */
	assert_int_equal(slept_ns, 0);
	setup_slow(state);
}

static void listening_while_opening(void **state)
{
	(void)state;
	dialogue_ask(d, 1, 0);
	dialogue_listen(d);
	assert_null(dialogue_awaits(d));
	written[0] = '\0';
	tick(5000);
	expect_written("");
	expect_told("");
	dialogue_lose(d, -ETIMEDOUT, &odd);
	expect_told("ready:-110 ");
}

#define S(fn) cmocka_unit_test_setup_teardown(fn, setup_slow, teardown)
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define O(fn) cmocka_unit_test_setup_teardown(fn, setup_opening, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		O(verbs_wait_until_it_is_ready),
		O(opening_fails_in_silence),
		O(opening_fails_with_nonsense),
		O(a_stop_while_opening_comes_first_after_it),
		cmocka_unit_test(a_link_that_does_not_open),
		S(silence_of_a_slow_device),
		S(an_odd_answer_rests_too),
		S(a_stop_while_it_rests),
		S(time_between_two_requests),
		S(the_last_word_waits_for_a_free_line),
		S(listening_while_opening),
		T(silence),
		T(an_answer_ends_the_silence),
		T(odd_answers),
		T(an_odd_answer_and_then_silence),
		T(one_answer_is_not_enough),
		cmocka_unit_test(a_control_reply_brings_its_time),
		T(time_in_which_the_host_stood_still),
		T(a_silence_on_a_held_up_host_does_not_count),
		T(what_waited_switches_nothing_on_behind_a_standstill),
		T(a_short_pause_is_no_standstill),
		T(nor_what_an_answer_brings_before_the_tick),
		T(what_switches_on_is_not_asked_again_behind_it),
		T(a_little_lateness_excuses_nothing),
		T(a_question_behind_the_pause_missed_nothing),
		T(first_tick),
		T(the_wait_of_the_link_is_not_the_devices),
		T(bytes_bring_the_time_with_them),
		T(stop_jumps_the_queue),
		T(stop_is_sent_again),
		T(queue_is_bounded),
		T(verbs_that_fail_at_once),
		T(a_write_that_fails_is_not_told_inside_the_verb),
		T(a_done_that_tries_again_at_once),
		T(a_done_that_calls_a_verb),
		T(gone),
		T(close_cancels),
		T(mistakes_of_a_programmer),
		T(telling_needs_no_memory),
		T(widest_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
