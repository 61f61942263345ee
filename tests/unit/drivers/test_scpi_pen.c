/* The pen driver over a link made of bytes: every verb, and every way in which a pen or its line can fail it. */
#include "drivers/scpi-pen/wire.h"
#include "fake_link.h"

#define MS NS_PER_MS

static struct device *pen;
static uint64_t now;
static unsigned tag;        /* of the line read last */
static size_t piece = 1000; /* how answers arrive */

static void tick(uint64_t ms)
{
	for (uint64_t end = now + ms * MS; now < end;) {
		now += DRIVER_TICK_NS < end - now ? DRIVER_TICK_NS : end - now;
		pen->driver->on_tick(pen, now);
	}
}

static unsigned lines_unread(void)
{
	unsigned n = 0;

	for (size_t i = fake.read_to; i < fake.written_len; i++)
		n += fake.written[i] == '\n';
	return n;
}

/* The next line the driver wrote is `line` and a tag that was not used just before. */
static void expect(const char *line)
{
	char got[SCPI_LINE_MAX + 2];
	unsigned new_tag;
	const uint8_t *start = fake.written + fake.read_to;
	const uint8_t *lf = memchr(start, '\n', fake.written_len - fake.read_to);

	if (!lf)
		fail_msg("nothing was sent where '%s' is due", line);
	size_t len = (size_t)(lf - start);
	assert_true(len <= SCPI_LINE_MAX);
	memcpy(got, start, len);
	got[len] = '\0';
	fake.read_to += len + 1;
	char *tag_at = strstr(got, ";:SYST:TAG? ");
	assert_non_null(tag_at);
	assert_int_equal(sscanf(tag_at, ";:SYST:TAG? %u", &new_tag), 1);
	*tag_at = '\0';
	assert_string_equal(got, line);
	assert_int_not_equal(new_tag, tag);
	tag = new_tag;
}

static void say(const char *bytes)
{
	now += MS;
	arrive(bytes, strlen(bytes), piece, now);
}

static void answer(const char *fields)
{
	char line[600];

	snprintf(line, sizeof(line), "%s;%u\n", fields, tag);
	say(line);
}

#define OPEN    "*CLS;:OUTP OFF;:OUTP?"
#define REOPEN  "*CLS;:OUTP?;:OUTP?;:OUTP OFF;:OUTP?"
#define LIMITS  "SOUR:FREQ? MIN;:SOUR:FREQ? MAX;:SOUR:DEPT? MIN;:SOUR:DEPT? MAX"
#define CART    "SYST:CART?;:SYST:UPT?"
#define BEAT    "SYST:HEAR;:OUTP?;:STAT:QUES:COND?;:SYST:UPT?"
#define TELE    "MEAS:ALL?;:OUTP?;:STAT:QUES:COND?;:SYST:UPT?"
#define RATE120 "*CLS;:SOUR:FREQ 120;:SYST:ERR?;:SOUR:FREQ?"
#define RUN     "*CLS;:OUTP ON;:SYST:ERR?;:OUTP?"
#define STOP    "OUTP OFF;:OUTP?"
#define DEAD    "*CLS;:SYST:DEAD 500;:SYST:ERR?;:SYST:DEAD?"
#define NONE    "0,\"No error\""

static uint64_t uptime(void)
{
	return now / MS + 1;
}

static bool stopped_before, stopped_unheard;

static void begin_open(uint32_t baud)
{
	const struct device_open open = {.links = fake_table,
					 .uri = "serial:by-id=TEST",
					 .settings = {.baud = baud},
					 .stopped_before = stopped_before,
					 .stopped_unheard = stopped_unheard,
					 .host = test_host};
	struct err err = {""};

	memset(&heard, 0, sizeof(heard));
	tag = 0;
	now = 5000 * MS;
	assert_int_equal(driver_scpi_pen.open(&open, now, &pen, &err), 0);
}

static void answer_state(const char *before, int on, unsigned condition, uint64_t uptime_ms)
{
	char fields[200];

	snprintf(fields, sizeof(fields), "%s%d;%u;%llu", before, on, condition, (unsigned long long)uptime_ms);
	answer(fields);
}

static void answer_cartridge(uint64_t uptime_ms)
{
	char fields[80];

	snprintf(fields, sizeof(fields), "\"C-14\",14,1203;%llu", (unsigned long long)uptime_ms);
	answer(fields);
}

static void open_until_cartridge(void)
{
	begin_open(0);
	expect(OPEN);
	answer("0");
	expect("*IDN?");
	answer("penrig,Model P,PEN-1,1.0");
	expect(LIMITS);
	answer("30;150;0;2.5");
	expect(CART);
}

static void finish_open(void)
{
	expect(OPEN);
	answer("0");
	expect("*IDN?");
	answer("penrig,Model P,PEN-1,1.0");
	expect(LIMITS);
	answer("30;150;0;2.5");
	expect(CART);
	answer_state("\"C-14\",14,1203;", 0, 0, 0); /* four fields where two are due: odd */
	expect(CART);
	answer_cartridge(uptime());
	expect(CART); /* every later uptime is held against this one */
	answer_cartridge(uptime());
}

static int setup(void **state)
{
	(void)state;
	piece = 1000;
	begin_open(0);
	finish_open();
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	inside_verb = false;
	fake.refuse_writes = 0;
	driver_scpi_pen.close(pen);
	assert_false(fake.open);
	return 0;
}

#define VERB(call)                                                                                                     \
	do {                                                                                                           \
		inside_verb = true;                                                                                    \
		driver_scpi_pen.pen->call;                                                                             \
		inside_verb = false;                                                                                   \
	} while (0)

static struct device_counters counters(void)
{
	struct device_counters ret;

	driver_scpi_pen.counters(pen, &ret);
	return ret;
}

static void test_open(void **state)
{
	struct pen_limits limits;
	const struct device_identity *identity = driver_scpi_pen.identity(pen);
	unsigned channels = 7;

	(void)state;
	assert_int_equal(fake.wants.serial.baud, 115200);
	assert_true(fake.wants.usbtmc);
	assert_string_equal(identity->maker, "penrig");
	assert_string_equal(identity->model, "Model P");
	assert_string_equal(identity->serial, "PEN-1");
	assert_string_equal(identity->firmware, "1.0");
	assert_string_equal(identity->cartridge, "C-14");
	assert_int_equal(identity->needles, 14);
	assert_int_equal(identity->cartridge_strokes, 1203);
	assert_int_equal(identity->protocol_version, 1);
	assert_int_equal(driver_scpi_pen.pen->limits(pen, &limits), 0);
	assert_true(limits.rate_min_hz == 30 && limits.rate_max_hz == 150 && limits.depth_min_mm == 0 &&
		    limits.depth_max_mm == 2.5);
	driver_scpi_pen.channels(pen, &channels);
	assert_int_equal(channels, 0);
	assert_int_equal(counters().link.bytes_out, fake.written_len);
	assert_int_equal(lines_unread(), 0);
}

static uint32_t finish_reopened(void)
{
	unsigned before = heard.events;

	finish_open();
	uint32_t told = heard.conditions;
	pen->driver->close(pen);
	pen = NULL;
	assert_int_equal(before, 0); /* not before it is ready, and can be told to stop again */
	return told;
}

#define LOST    NULL /* instead of an answer */
#define GARBLED "1;x;0"

static void answer_reopened(const char *said)
{
	expect(REOPEN);
	if (said)
		answer(said);
	else
		tick(200);
}

static uint32_t reopened_after(const char *first, const char *said)
{
	stopped_before = true;
	begin_open(0);
	stopped_before = false;
	answer_reopened(first);
	answer_reopened(said);
	return finish_reopened();
}

static uint32_t reopened(const char *said)
{
	stopped_before = true;
	begin_open(0);
	stopped_before = false;
	answer_reopened(said);
	return finish_reopened();
}

/* It is stopped by the very line that asks it, and no single odd digit makes a pen one that started by itself, nor one that
 * did not. */
static void test_a_pen_that_must_have_stood_still(void **state)
{
	(void)state;
	assert_int_equal(reopened("0;0;0"), 0);
	assert_int_equal(reopened("1;0;0"), PEN_MAY_HAVE_RUN);
	assert_int_equal(reopened("0;1;0"), PEN_MAY_HAVE_RUN);
	assert_int_equal(reopened("1;1;0"), PEN_RAN_ITSELF);
}

/* Whoever asks again hears of a pen that the first question has switched off. */
static void test_a_first_answer_that_is_not_read(void **state)
{
	(void)state;
	assert_int_equal(reopened_after(LOST, "0;0;0"), PEN_MAY_HAVE_RUN);
	assert_int_equal(reopened_after(GARBLED, "0;0;0"), PEN_MAY_HAVE_RUN);
	assert_int_equal(reopened_after(LOST, "1;1;0"), PEN_RAN_ITSELF); /* and was not stopped either */
	assert_int_equal(reopened_after("0;0;1", "0;0;0"), 0);           /* read: it stood, and the rest was odd */
	assert_int_equal(reopened_after("1;1;1", "0;0;0"), PEN_RAN_ITSELF);
	stopped_unheard = true;
	assert_int_equal(reopened("0;0;0"), PEN_MAY_HAVE_RUN);
	assert_int_equal(reopened("1;1;0"), PEN_RAN_ITSELF);
	stopped_unheard = false;
}

/* Half a line of an unclean client stands before the first answer; the first line of ours was swallowed by the pen's
 * half. */
static void test_open_after_garbage(void **state)
{
	struct pen_limits limits = {.rate_min_hz = -1};

	(void)state;
	begin_open(9600);
	assert_int_equal(fake.wants.serial.baud, 9600);
	assert_int_equal(driver_scpi_pen.pen->limits(pen, &limits), -EAGAIN);
	assert_true(limits.rate_min_hz == -1);
	expect(OPEN);
	say("-113,\"Undefined header\";\x01\xff\n"); /* unreadable: asked again */
	expect(OPEN);
	answer("0");
	expect("*IDN?");
	tick(200);
	expect("*IDN?");
	answer("penrig,Model P,PEN-1,1.0");
	expect(LIMITS);
	answer("30;150;2.5;0"); /* upside down */
	expect(LIMITS);
	answer("30;150;0;2.5");
	expect(CART);
	answer_cartridge(77);
	expect(CART);
	answer_cartridge(78);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
	assert_int_equal(counters().repeated_requests, 3);
}

/* Large or small, the first uptime is not believed alone; nor is a cartridge's number that reads otherwise. */
static void test_open_with_a_flipped_uptime(void **state)
{
	const uint64_t flipped[] = {uptime() + 80000, 40};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct outcome beat = {0};
		driver_scpi_pen.close(pen);
		open_until_cartridge();
		answer_cartridge(flipped[i]);
		expect(CART);
		answer_cartridge(uptime());
		assert_int_equal(heard.ready, 0);
		expect(CART);
		answer_cartridge(uptime());
		assert_int_equal(heard.ready, 1);
		assert_int_equal(heard.ready_status, 0);
		for (int calls = 1; calls < 4; calls++) {
			tick(100);
			VERB(heartbeat(pen, on_done, &beat));
			expect(BEAT);
			answer_state("", 0, 0, uptime());
			assert_int_equal(beat.calls, calls);
		}
		assert_int_equal(heard.events, 0);
	}
}

static void test_open_with_uptimes_that_contradict_each_other(void **state)
{
	(void)state;
	driver_scpi_pen.close(pen);
	open_until_cartridge();
	answer_cartridge(uptime() + 80000);
	expect(CART);
	answer("\"C-15\",14,1203;77");
	expect(CART);
	answer_cartridge(78);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, -EPROTO);
}

static void test_open_fails(void **state)
{
	struct outcome set = {0};

	(void)state;
	begin_open(0);
	expect(OPEN);
	VERB(set_rate(pen, 120, on_done, &set));
	assert_int_equal(lines_unread(), 0);
	tick(195);
	assert_int_equal(lines_unread(), 0);
	tick(5);
	expect(OPEN);
	tick(195);
	assert_int_equal(heard.ready, 0);
	tick(5);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, -ETIMEDOUT);
	assert_non_null(strstr(heard.err, "baud"));
	assert_int_equal(heard.lost, 0);
	assert_int_equal(set.calls, 1);
	assert_int_equal(set.status, -ENODEV);
	tick(1000);
	assert_int_equal(heard.ready, 1);
	driver_scpi_pen.close(pen);

	begin_open(0);
	expect(OPEN);
	answer("0");
	expect("*IDN?");
	answer("no identity");
	expect("*IDN?");
	answer("no identity");
	assert_int_equal(heard.ready_status, -EPROTO);
	assert_non_null(strstr(heard.err, "no identity"));
	driver_scpi_pen.close(pen);

	begin_open(0);
	struct err why = {"unplugged"};
	fake.sink.gone(fake.sink.ctx, &why);
	assert_int_equal(heard.ready_status, -ENODEV);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.lost, 0);
}

static void test_set(void **state)
{
	struct outcome rate = {0}, depth = {0}, dead = {0};

	(void)state;
	VERB(set_rate(pen, 120, on_done, &rate));
	VERB(set_depth(pen, 1.25, on_done, &depth));
	VERB(deadman(pen, 500, on_done, &dead));
	expect(RATE120);
	assert_int_equal(lines_unread(), 0);
	answer(NONE ";120");
	assert_int_equal(rate.calls, 1);
	assert_int_equal(rate.status, 0);
	expect("*CLS;:SOUR:DEPT 1.25;:SYST:ERR?;:SOUR:DEPT?");
	answer(NONE ";1.25");
	assert_int_equal(depth.calls, 1);
	expect(DEAD);
	assert_int_equal(dead.calls, 0);
	answer(NONE ";500");
	assert_int_equal(dead.calls, 1);
	assert_int_equal(dead.status, 0);
	assert_int_equal(counters().frames, 3 + 3 + 2);    /* opening, its cartridge twice more, and these */
	assert_int_equal(counters().repeated_requests, 1); /* the cartridge of finish_open() */
}

static void test_refused(void **state)
{
	struct outcome rate = {0}, run = {0};

	(void)state;
	VERB(set_rate(pen, 400, on_done, &rate));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rate.calls, 0);
		expect("*CLS;:SOUR:FREQ 400;:SYST:ERR?;:SOUR:FREQ?");
		answer("-222,\"Data out of range\";30");
	}
	assert_int_equal(rate.calls, 1);
	assert_int_equal(rate.status, -ERANGE);
	assert_non_null(strstr(rate.err, "400 Hz"));
	assert_non_null(strstr(rate.err, "-222"));
	for (int i = 0; i < 2; i++) {
		struct outcome set = {0};
		if (i == 0)
			VERB(set_depth(pen, 3, on_done, &set));
		else
			VERB(deadman(pen, 20, on_done, &set));
		for (int asked = 0; asked < 2; asked++) {
			expect(i == 0 ? "*CLS;:SOUR:DEPT 3;:SYST:ERR?;:SOUR:DEPT?"
				      : "*CLS;:SYST:DEAD 20;:SYST:ERR?;:SYST:DEAD?");
			answer("-222,\"Data out of range\";30");
		}
		assert_non_null(
			strstr(set.err, i == 0 ? "the pen refused depth 3 mm" : "the pen refused dead-man 20 ms"));
	}
	VERB(run(pen, on_done, &run));
	expect(RUN);
	answer("-221,\"Settings conflict\";0");
	expect(RUN);
	answer("-221,\"Settings conflict\";0");
	assert_int_equal(run.status, -ERANGE);
	assert_int_equal(heard.lost, 0);
}

/* The numbers are right and the headers are of other queries: shown, asked again, never a value. */
static void test_answers_to_something_else(void **state)
{
	static const char *const answers[] = {":SYST:ERR " NONE ";:SOUR:DEPT 120", ":STAT:QUES:COND " NONE ";120"};
	struct outcome rate = {0}, stop = {0};

	(void)state;
	VERB(set_rate(pen, 120, on_done, &rate));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rate.calls, 0);
		expect(RATE120);
		answer(answers[i]);
	}
	assert_int_equal(rate.status, -EPROTO);
	assert_non_null(strstr(rate.err, "makes no sense: \":STAT:QUES:COND"));
	VERB(stop(pen, on_done, &stop));
	expect(STOP);
	answer(":STAT:QUES:COND 0");
	assert_int_equal(stop.calls, 0);
	expect(STOP);
	answer(":OUTPUT:STATE 0");
	assert_int_equal(stop.calls, 1);
	assert_int_equal(stop.status, 0);
	assert_int_equal(heard.lost, 0);
}

/* A line whose end was lost stands in front of the answer to the same question: one odd answer, not two. */
static void test_a_lost_line_end_is_one_odd_answer(void **state)
{
	struct outcome rate = {0}, again = {0};

	(void)state;
	VERB(set_rate(pen, 120, on_done, &rate));
	expect(RATE120);
	say(NONE ";120;9\x8a");
	tick(250); /* nothing has ended: asked again */
	expect(RATE120);
	answer(NONE ";120");
	assert_int_equal(rate.calls, 0);
	expect(RATE120);
	answer(NONE ";120");
	assert_int_equal(rate.calls, 1);
	assert_int_equal(rate.status, 0);
	VERB(set_rate(pen, 120, on_done, &again)); /* and no further: odd after odd decides as ever */
	expect(RATE120);
	say(NONE ";120;9\x8a");
	tick(250);
	for (int i = 0; i < 2; i++) {
		expect(RATE120);
		answer("none;120");
	}
	assert_int_equal(again.calls, 1);
	assert_int_equal(again.status, -EPROTO);
	assert_int_equal(heard.lost, 0);
}

/* What is no refusal is not called one, and stands in the message as it came. */
static void test_other_number_forms(void **state)
{
	struct outcome dead = {0}, rate = {0}, depth = {0}, odd = {0}, own = {0}, tele = {0};

	(void)state;
	VERB(deadman(pen, 500, on_done, &dead));
	expect(DEAD);
	answer("+0,\"No error\";+5.00000E+02");
	assert_int_equal(dead.calls, 1);
	assert_int_equal(dead.status, 0);
	VERB(set_rate(pen, 120, on_done, &rate));
	expect(RATE120);
	answer("+0, \"No error\"; +1.20000000E+02");
	assert_int_equal(rate.calls, 1);
	assert_int_equal(rate.status, 0);
	VERB(set_rate(pen, 120, on_done, &depth));
	for (int i = 0; i < 2; i++) {
		expect(RATE120);
		answer(i ? NONE ";9.9E37" : NONE ";NAN"); /* no setpoint, whatever was set */
	}
	assert_int_equal(depth.status, -EPROTO);
	assert_non_null(strstr(depth.err, "\\\"No error\\\";9.9E37"));
	VERB(deadman(pen, 500, on_done, &odd));
	for (int i = 0; i < 2; i++) {
		expect(DEAD);
		answer("none;500");
	}
	assert_int_equal(odd.status, -EPROTO);
	assert_non_null(strstr(odd.err, "\"none;500;"));
	assert_null(strstr(odd.err, "refused"));
	VERB(deadman(pen, 500, on_done, &own));
	for (int i = 0; i < 2; i++) {
		expect(DEAD);
		answer("+301,\"Hall sensor\";500");
	}
	assert_int_equal(own.status, -EPROTO);
	assert_string_equal(own.err,
			    "the pen answered dead-man 500 ms by an error that is no refusal: 301 \"Hall sensor\"");
	VERB(telemetry(pen, on_done, &tele));
	expect(TELE);
	answer_state("+1.1998E+02,9.9E37,-9.9E37,9.91E37,INF;+", 0, 0, uptime());
	assert_int_equal(tele.status, 0);
	assert_true(heard.telemetry.rate_hz == 119.98 && isnan(heard.telemetry.motor_c) &&
		    isnan(heard.telemetry.handle_c));
	assert_true(isnan(heard.telemetry.battery_v) && isnan(heard.telemetry.current_a));
}

static void test_limits_are_figures(void **state)
{
	static const char *const wrong[] = {"30;9.9E37;0;2.5", "NINF;150;0;2.5", "30;150;0;9.91E37"};

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		pen->driver->close(pen);
		begin_open(0);
		expect(OPEN);
		answer("0");
		expect("*IDN?");
		answer("penrig,Model P,PEN-1,1.0");
		for (int asked = 0; asked < 2; asked++) {
			expect(LIMITS);
			answer(wrong[i]);
		}
		assert_int_equal(heard.ready_status, -EPROTO);
	}
}

static void test_readback(void **state)
{
	struct outcome rate = {0}, other = {0};

	(void)state;
	VERB(set_rate(pen, 120, on_done, &rate));
	expect(RATE120);
	answer(NONE ";121"); /* one flipped bit on the way there: the second try is right */
	expect(RATE120);
	answer(NONE ";120");
	assert_int_equal(rate.status, 0);
	assert_int_equal(rate.calls, 1);
	VERB(set_rate(pen, 120, on_done, &other));
	for (int i = 0; i < 2; i++) {
		expect(RATE120);
		answer(NONE ";120.001");
	}
	assert_int_equal(other.status, -EREMOTEIO);
	assert_non_null(strstr(other.err, "120.001"));
	assert_int_equal(lines_unread(), 0);
}

static void test_run_and_stop(void **state)
{
	struct outcome run = {0}, stop = {0}, deaf = {0};

	(void)state;
	VERB(run(pen, on_done, &run));
	expect(RUN);
	answer(NONE ";1");
	assert_int_equal(run.calls, 1);
	assert_int_equal(run.status, 0);
	VERB(heartbeat(pen, NULL, NULL)); /* that it runs is no news */
	expect(BEAT);
	answer_state("", 1, 0, uptime());
	assert_true(heard.telemetry.running);
	assert_int_equal(heard.telemetries, 1);
	VERB(stop(pen, on_done, &stop));
	expect(STOP);
	answer("0");
	assert_int_equal(stop.calls, 1);
	assert_int_equal(stop.status, 0);
	VERB(stop(pen, on_done, &deaf));
	expect(STOP);
	answer("1");
	expect(STOP);
	answer("1");
	assert_int_equal(deaf.status, -EREMOTEIO);
}

static void test_stop_jumps_the_queue(void **state)
{
	struct outcome beat = {0}, rate = {0}, depth = {0}, stop = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	unsigned old_tag = tag;
	VERB(set_rate(pen, 120, on_done, &rate));
	VERB(set_depth(pen, 1, on_done, &depth));
	VERB(stop(pen, on_done, &stop));
	expect(STOP); /* at once, though the heartbeat is not answered */
	assert_int_equal(beat.calls + rate.calls + depth.calls, 0);
	tick(5);
	assert_int_equal(beat.status, -ECANCELED);
	assert_int_equal(rate.status, -ECANCELED);
	assert_int_equal(depth.status, -ECANCELED);
	char late[64];
	snprintf(late, sizeof(late), "0;0;%llu;%u\n", (unsigned long long)uptime(), old_tag);
	say(late);
	assert_int_equal(stop.calls, 0); /* the late heartbeat is not taken for the stop's answer */
	answer("0");
	assert_int_equal(stop.calls, 1);
	assert_int_equal(stop.status, 0);
	assert_int_equal(beat.calls, 1);
	assert_int_equal(heard.telemetries, 0);
	assert_int_equal(lines_unread(), 0);
	assert_int_equal(counters().odd_replies, 1); /* finish_open()'s */
}

static void test_late_answer_is_nobody_elses(void **state)
{
	struct outcome first = {0}, second = {0};

	(void)state;
	VERB(stop(pen, on_done, &first));
	expect(STOP);
	unsigned old_tag = tag;
	tick(200);
	expect(STOP);
	answer("0");
	assert_int_equal(first.status, 0);
	VERB(stop(pen, on_done, &second));
	expect(STOP);
	char late[64];
	snprintf(late, sizeof(late), "0;%u\n", old_tag);
	say(late);
	assert_int_equal(second.calls, 0);
	answer("1");
	expect(STOP);
	answer("1");
	assert_int_equal(second.status, -EREMOTEIO);
}

static void test_heartbeat_and_telemetry(void **state)
{
	struct outcome beat = {0}, tele = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, uptime());
	assert_int_equal(beat.status, 0);
	assert_int_equal(beat.calls, 1);
	assert_int_equal(heard.telemetries, 1);
	assert_false(heard.telemetry.running);
	assert_true(isnan(heard.telemetry.rate_hz) && isnan(heard.telemetry.battery_v));
	assert_true(heard.telemetry.host_ns == now);
	VERB(telemetry(pen, on_done, &tele));
	expect(TELE);
	answer_state("119.98,31.2,9.91e+37,3.91,0.42;", 0, 0, uptime());
	assert_int_equal(tele.status, 0);
	assert_int_equal(heard.telemetries, 2);
	assert_true(heard.telemetry.rate_hz == 119.98 && heard.telemetry.motor_c == 31.2 &&
		    isnan(heard.telemetry.handle_c) && heard.telemetry.battery_v == 3.91 &&
		    heard.telemetry.current_a == 0.42);
	assert_int_equal(heard.events, 0);
}

/* The process itself stood still: the time it did not listen is not the pen's. */
static void test_held_up(void **state)
{
	struct outcome beat = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	tick(100);
	now += 5000 * MS;
	pen->driver->on_tick(pen, now);
	tick(90); /* the tick that was due counts */
	assert_int_equal(lines_unread(), 0);
	tick(10);
	expect(BEAT);
	answer_state("", 0, 0, uptime());
	assert_int_equal(beat.calls, 1);
	assert_int_equal(beat.status, 0);
	assert_int_equal(heard.lost, 0);
}

static void test_condition_is_asked_twice(void **state)
{
	struct outcome beat = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 16, uptime()); /* a flipped bit: not confirmed */
	assert_int_equal(heard.events + heard.telemetries, 0);
	expect(BEAT);
	answer_state("", 0, 0, uptime());
	assert_int_equal(beat.calls, 1);
	assert_int_equal(heard.events, 0);
	assert_int_equal(heard.telemetry.condition, 0);
	assert_int_equal(counters().repeated_requests, 1 + 1); /* finish_open()'s cartridge, and this */

	VERB(heartbeat(pen, on_done, &beat)); /* the same bit, an exchange later: not two in a row */
	expect(BEAT);
	answer_state("", 0, 16, uptime());
	expect(BEAT);
	answer_state("", 0, 0, uptime());
	assert_int_equal(heard.events, 0);
	beat.calls = 1;

	VERB(heartbeat(pen, on_done, &beat));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(beat.calls, 1);
		expect(BEAT);
		answer_state("", 0, 16 + 512, uptime());
	}
	assert_int_equal(beat.calls, 2);
	assert_int_equal(heard.events, 2);
	assert_int_equal(heard.conditions, PEN_OVER_TEMPERATURE | PEN_STALL);
	assert_int_equal(heard.telemetry.condition, PEN_OVER_TEMPERATURE | PEN_STALL);

	VERB(heartbeat(pen, on_done, &beat)); /* the same again is no news */
	expect(BEAT);
	answer_state("", 0, 16 + 512, uptime());
	assert_int_equal(beat.calls, 3);
	assert_int_equal(heard.events, 2);
	assert_int_equal(lines_unread(), 0);
}

static void test_reboot(void **state)
{
	struct outcome beat = {0}, dead = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, uptime());
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, 40);
	assert_int_equal(heard.events, 0);
	expect(BEAT);
	answer_state("", 0, 0, 42);
	assert_int_equal(beat.calls, 2);
	assert_int_equal(heard.events, 1);
	assert_int_equal(heard.conditions, PEN_REBOOTED);
	assert_int_equal(heard.telemetry.condition, PEN_REBOOTED);
	tick(100);
	VERB(heartbeat(pen, on_done, &beat)); /* it stays so until it is armed anew */
	expect(BEAT);
	answer_state("", 0, 0, 142);
	assert_int_equal(heard.telemetry.condition, PEN_REBOOTED);
	assert_int_equal(heard.events, 1);
	VERB(deadman(pen, 500, on_done, &dead));
	expect(DEAD);
	answer(NONE ";500");
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, 144);
	assert_int_equal(heard.telemetry.condition, 0);
	assert_int_equal(beat.calls, 4);
}

static uint64_t in_steps(uint64_t ms, uint64_t step_ms)
{
	return ms / step_ms * step_ms;
}

/* flip_at: whose answer is flipped_ms too large; -1: none. */
static void beats_in_steps(uint64_t step_ms, int times, int flip_at, uint64_t flipped_ms)
{
	for (int i = 0; i < times; i++) {
		struct outcome beat = {0};
		tick(95);
		VERB(heartbeat(pen, on_done, &beat));
		expect(BEAT);
		answer_state("", 0, 0, in_steps(uptime(), step_ms) + (i == flip_at ? flipped_ms : 0));
		assert_int_equal(beat.calls, 1);
	}
	assert_int_equal(heard.events, 0);
}

static void open_in_steps(uint64_t step_ms)
{
	driver_scpi_pen.close(pen);
	open_until_cartridge();
	answer_cartridge(in_steps(uptime(), step_ms));
	expect(CART);
	answer_cartridge(in_steps(uptime(), step_ms));
	assert_int_equal(heard.ready_status, 0);
}

/* An uptime that goes in steps lags behind by up to one of them, and is no restart; a restart is known all the same. */
static void test_uptime_in_steps(void **state)
{
	const uint64_t steps_ms[] = {1, 20, 33, 50, 64, 100, 250, 500, 1000};

	(void)state;
	for (unsigned i = 0; i < sizeof(steps_ms) / sizeof(steps_ms[0]); i++) {
		struct outcome beat = {0};
		open_in_steps(steps_ms[i]);
		beats_in_steps(steps_ms[i], 60, -1, 0);
		VERB(heartbeat(pen, on_done, &beat));
		expect(BEAT);
		answer_state("", 0, 0, 0);
		expect(BEAT);
		answer_state("", 0, 0, 0);
		assert_int_equal(beat.calls, 1);
		assert_int_equal(heard.conditions, PEN_REBOOTED);
	}
}

/* Once its steps are known, one digit that flipped does not make them look finer. */
static void test_uptime_in_steps_flipped(void **state)
{
	(void)state;
	for (int flip_at = 15; flip_at < 35; flip_at++) {
		open_in_steps(1000);
		beats_in_steps(1000, 40, flip_at, 10);
	}
}

/* A pen of fine steps that restarted just after it was switched on is behind its time by less than a coarse step. */
static void test_restart_is_known_by_fine_steps(void **state)
{
	struct outcome beat = {0};
	uint64_t last_ms;

	(void)state;
	open_in_steps(1);
	beats_in_steps(1, 4, -1, 0);
	last_ms = uptime();
	tick(900);
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, last_ms + 50);
	expect(BEAT);
	answer_state("", 0, 0, last_ms + 50);
	assert_int_equal(heard.conditions, PEN_REBOOTED);
}

/* A flipped digit that makes the uptime large must not make the next, right one look like a restart. */
static void test_uptime_flipped_upwards(void **state)
{
	struct outcome beat = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, uptime() + 80000);
	assert_int_equal(beat.calls, 0);
	expect(BEAT);
	answer_state("", 0, 0, uptime());
	assert_int_equal(beat.calls, 1);
	tick(100);
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, uptime());
	assert_int_equal(beat.calls, 2);
	assert_int_equal(heard.events, 0);
}

/* Ahead by less than what makes an answer odd: it is taken, and must not become the measure of the next one. */
static void test_uptime_flipped_a_little_upwards(void **state)
{
	struct outcome beat = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, uptime() + 800);
	assert_int_equal(beat.calls, 1);
	for (int calls = 2; calls < 5; calls++) {
		tick(100);
		VERB(heartbeat(pen, on_done, &beat));
		expect(BEAT);
		answer_state("", 0, 0, uptime());
		assert_int_equal(beat.calls, calls);
	}
	assert_int_equal(heard.events, 0);
}

/* Two uptimes too small of which the second does not follow from the first are noise, and so is a third. */
static void test_uptimes_that_contradict_each_other(void **state)
{
	struct outcome beat = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, 400);
	expect(BEAT);
	answer_state("", 0, 0, 40);
	expect(BEAT);
	answer_state("", 0, 0, 1040);
	assert_int_equal(beat.calls, 1);
	assert_int_equal(beat.status, -EPROTO);
	assert_int_equal(heard.telemetries, 0);
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, uptime());
	assert_int_equal(beat.status, 0);
	assert_int_equal(heard.events, 0);
}

/* A pen of one rate and one depth, whose uptime has not moved between two answers. */
static void test_bounds_are_inside(void **state)
{
	struct pen_limits limits;
	struct outcome beat = {0};

	(void)state;
	driver_scpi_pen.close(pen);
	begin_open(0);
	expect(OPEN);
	answer("0");
	expect("*IDN?");
	answer("penrig,Model P,PEN-1,1.0");
	expect(LIMITS);
	answer("120;120;1;1");
	expect(CART);
	answer_cartridge(500);
	expect(CART);
	answer_cartridge(500);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(driver_scpi_pen.pen->limits(pen, &limits), 0);
	assert_true(limits.rate_min_hz == 120 && limits.depth_max_mm == 1);
	VERB(heartbeat(pen, on_done, &beat));
	expect(BEAT);
	answer_state("", 0, 0, 500);
	assert_int_equal(beat.calls, 1);
	assert_int_equal(heard.events, 0);
}

/* Noise and the answer, or the answer twice, in one piece of bytes. */
static void test_lines_together(void **state)
{
	struct outcome stop = {0};
	char lines[80];

	(void)state;
	VERB(stop(pen, on_done, &stop));
	expect(STOP);
	snprintf(lines, sizeof(lines), "boot\n0;%u\n0;%u\n", tag + 1, tag + 1);
	say(lines);
	expect(STOP);
	assert_int_equal(stop.calls, 1);
	assert_int_equal(stop.status, 0);
	assert_int_equal(counters().odd_replies, 2); /* finish_open()'s, and the first */
}

static void test_silence(void **state)
{
	struct outcome beat = {0}, rate = {0}, late = {0};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	VERB(set_rate(pen, 120, on_done, &rate));
	expect(BEAT);
	tick(199);
	assert_int_equal(lines_unread(), 0);
	tick(1);
	expect(BEAT);
	tick(199);
	assert_int_equal(heard.lost, 0);
	tick(1);
	assert_int_equal(beat.status, -ETIMEDOUT);
	assert_int_equal(rate.status, -ENODEV);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -ETIMEDOUT);
	VERB(stop(pen, on_done, &late));
	assert_int_equal(late.calls, 0);
	tick(5);
	assert_int_equal(late.status, -ENODEV);
	answer_state("", 0, 0, uptime());
	tick(1000);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(beat.calls + rate.calls + late.calls, 3);
	assert_int_equal(heard.telemetries, 0);
}

static void test_unplugged(void **state)
{
	struct outcome beat = {0}, rate = {0};
	struct err why = {"unplugged"};

	(void)state;
	VERB(heartbeat(pen, on_done, &beat));
	VERB(set_rate(pen, 120, on_done, &rate));
	fake.sink.gone(fake.sink.ctx, &why);
	assert_int_equal(beat.status, -ENODEV);
	assert_int_equal(rate.status, -ENODEV);
	assert_int_equal(heard.lost_status, -ENODEV);
	assert_int_equal(heard.lost, 1);
}

static void test_write_refused(void **state)
{
	struct outcome stop = {0};

	(void)state;
	fake.refuse_writes = -ENOBUFS;
	VERB(stop(pen, on_done, &stop));
	tick(200);
	fake.refuse_writes = 0;
	tick(195);
	assert_int_equal(stop.calls, 0);
	tick(5);
	assert_int_equal(stop.status, -ETIMEDOUT);
	assert_int_equal(heard.lost, 1);
}

static void test_garbage_between(void **state)
{
	struct outcome rate = {0};

	(void)state;
	say("boot: hello\n");
	assert_int_equal(lines_unread(), 0);
	VERB(set_rate(pen, 120, on_done, &rate));
	expect(RATE120);
	say("\xf3\x80;;\n");
	expect(RATE120);
	say(NONE);
	say(";12");
	say("0;");
	char rest[16];
	snprintf(rest, sizeof(rest), "%u\r\n", tag);
	say(rest);
	assert_int_equal(rate.status, 0);
	assert_int_equal(rate.calls, 1);
}

/* Every single-bit error in the answer to a read-back: never a wrong value taken for right. */
static void test_bit_flips(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * strlen(NONE ";120"); bit++) {
		struct outcome rate = {0};
		char fields[] = NONE ";120";
		fields[bit / 8] = (char)(fields[bit / 8] ^ (1 << bit % 8));
		VERB(set_rate(pen, 120, on_done, &rate));
		expect(RATE120);
		answer(fields);
		if (rate.calls == 0) {
			if (lines_unread() == 0)
				tick(200); /* the line end was made or broken */
			expect(RATE120);
			answer(NONE ";120");
		}
		assert_int_equal(rate.calls, 1);
		assert_int_equal(rate.status, 0);
		/* Only the wording of "No error" may be wrong and pass. */
		if (bit / 8 >= strlen(NONE) || bit / 8 < 3)
			assert_int_equal(lines_unread(), 0);
	}
	assert_true(counters().odd_replies > 30);
	assert_int_equal(heard.lost, 0);
}

/* The whole opening and a set, the answers in pieces of every size. */
static void test_pieces(void **state)
{
	(void)state;
	for (piece = 1; piece < 40; piece++) {
		struct outcome rate = {0};
		driver_scpi_pen.close(pen);
		begin_open(0);
		finish_open();
		assert_int_equal(heard.ready, 1);
		VERB(set_rate(pen, 120, on_done, &rate));
		expect(RATE120);
		answer(NONE ";120");
		assert_int_equal(rate.calls, 1);
		assert_int_equal(rate.status, 0);
	}
}

/* More verbs at once than there is room for their refusals in any queue: none is told from inside a verb. */
static void test_queue_is_bounded(void **state)
{
	static struct outcome many[200];
	unsigned refused = 0;

	(void)state;
	memset(many, 0, sizeof(many));
	for (unsigned i = 0; i < 200; i++)
		VERB(heartbeat(pen, on_done, &many[i]));
	tick(5);
	for (unsigned i = 0; i < 200; i++)
		refused += many[i].calls == 1 && many[i].status == -ENOBUFS;
	assert_int_equal(refused, 200 - 33); /* one under way, 32 waiting */
	for (unsigned i = 0; i < 200; i++)
		VERB(stop(pen, on_done, &many[i]));
	driver_scpi_pen.close(pen);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(many[i].calls, 2);
	begin_open(0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_open),
		cmocka_unit_test_teardown(test_a_pen_that_must_have_stood_still, teardown),
		cmocka_unit_test_teardown(test_a_first_answer_that_is_not_read, teardown),
		cmocka_unit_test_teardown(test_open_after_garbage, teardown),
		cmocka_unit_test_teardown(test_open_fails, teardown),
		T(test_set),
		T(test_refused),
		T(test_answers_to_something_else),
		T(test_a_lost_line_end_is_one_odd_answer),
		T(test_other_number_forms),
		T(test_limits_are_figures),
		T(test_readback),
		T(test_run_and_stop),
		T(test_stop_jumps_the_queue),
		T(test_late_answer_is_nobody_elses),
		T(test_heartbeat_and_telemetry),
		T(test_held_up),
		T(test_condition_is_asked_twice),
		T(test_open_with_a_flipped_uptime),
		T(test_open_with_uptimes_that_contradict_each_other),
		T(test_reboot),
		T(test_uptime_in_steps),
		T(test_uptime_in_steps_flipped),
		T(test_restart_is_known_by_fine_steps),
		T(test_uptime_flipped_upwards),
		T(test_uptime_flipped_a_little_upwards),
		T(test_uptimes_that_contradict_each_other),
		T(test_bounds_are_inside),
		T(test_lines_together),
		T(test_silence),
		T(test_unplugged),
		T(test_write_refused),
		T(test_garbage_between),
		T(test_bit_flips),
		T(test_pieces),
		T(test_queue_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
