/* When the stopper acts and when it does not, on a clock that stands still while it computes, with a pen that answers as the
 * test says, and this test as its penrig. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig/stopper/note.h"
#include "rig/stopper/warden.h"
#include "rig/stopper/wire.h"

#define STANDSTILL_S 2.0

/* ---- a pen ----------------------------------------------------------------------------------------------------- */

static struct {
	unsigned busy;         /* so many tries to open fail */
	bool dead_line;        /* every try over a lent port fails */
	uint64_t slow_ns;      /* a try to open takes so long */
	double wait_s;         /* from opening to its first word */
	double try_s;          /* when it was opened last */
	unsigned refuses;      /* so many stops are not confirmed */
	bool mute;             /* it opens and says nothing */
	unsigned losses;       /* so many times it says nothing but that it is lost */
	bool asks_first;       /* its opening orders nothing */
	const char *supply[2]; /* whose serial number it says, the first two times, and later */
	unsigned opened, closed, stops;
	int adopted;
	double opened_s; /* first */
	double stopped_s;
	struct device_open open;
	bool ready, stopping;
	device_done_fn done;
	void *ctx;
} pen;

static uint64_t now_ns; /* of the clock below */

static double now_s(void)
{
	return (double)now_ns * 1e-9;
}

static int pen_open(const struct device_open *open, uint64_t at_ns, struct device **ret, struct err *err)
{
	static struct device device;
	(void)at_ns;
	now_ns += pen.slow_ns;
	if (pen.busy) {
		pen.busy--;
		return err_set(err, -EBUSY, "held by penrig");
	}
	if (pen.dead_line && open->adopted > 0)
		return err_set(err, -EIO, "the port is gone");
	pen.try_s = now_s();
	if (!pen.opened++)
		pen.opened_s = now_s();
	pen.adopted = open->adopted;
	pen.open = *open;
	pen.ready = pen.stopping = false;
	*ret = &device;
	return 0;
}

static void pen_close(struct device *device)
{
	(void)device;
	pen.closed++;
}

static void pen_tick(struct device *device, uint64_t at_ns)
{
	const struct err no = {"still on"};
	(void)device;
	(void)at_ns;
	if (pen.mute || now_s() < pen.try_s + pen.wait_s)
		return;
	if (pen.losses) {
		pen.losses--;
		pen.open.host.lost(pen.open.host.ctx, -ENODEV, &(const struct err){"gone again"});
		return;
	}
	if (!pen.ready) {
		pen.ready = true;
		pen.open.host.ready(pen.open.host.ctx, 0, NULL);
	} else if (pen.stopping) {
		pen.stopping = false;
		bool refuses = pen.refuses > 0;
		pen.refuses -= refuses;
		pen.stopped_s = now_s();
		pen.done(pen.ctx, refuses ? -EREMOTEIO : 0, refuses ? &no : NULL);
	}
}

static void pen_stop(struct device *device, device_done_fn done, void *ctx)
{
	(void)device;
	pen.stops++;
	pen.stopping = true;
	pen.done = done;
	pen.ctx = ctx;
}

static void pen_counters(const struct device *device, struct device_counters *ret)
{
	(void)device;
	*ret = (struct device_counters){.stops = pen.stops + (pen.opened && !pen.asks_first)};
}

static const struct device_identity *pen_identity(const struct device *device)
{
	static struct device_identity identity;
	(void)device;
	snprintf(identity.serial, sizeof(identity.serial), "%s", pen.supply[pen.opened > 2]);
	return &identity;
}

static const struct pen_verbs verbs = {.stop = pen_stop};
static const struct driver driver = {.name = "test-pen",
				     .roles = ROLE_BIT(ROLE_PEN),
				     .open = pen_open,
				     .close = pen_close,
				     .on_tick = pen_tick,
				     .counters = pen_counters,
				     .identity = pen_identity,
				     .pen = &verbs};
static const struct driver of_parts = {.name = "test-of-parts",
				       .roles = ROLE_BIT(ROLE_PEN),
				       .open = pen_open,
				       .close = pen_close,
				       .on_tick = pen_tick,
				       .counters = pen_counters,
				       .identity = pen_identity,
				       .powered = true,
				       .pen = &verbs};
static const struct driver supply = {.name = "test-supply", .roles = ROLE_BIT(ROLE_POWER)};
static const struct driver *const drivers[] = {&driver, &of_parts, &supply, NULL};

/* ---- a clock with a course ------------------------------------------------------------------------------------- */

struct step {
	double at_s;
	char what;     /* a message; or one of those below */
	double long_s; /* 'z': the clock goes on by so much at once; 'b': 'm' every 50 ms for so long */
};

#define CLOSE     '#'
#define SIGN_OFF  '!' /* dismissed and closed, before the stopper looks */
#define NO_RECIPE '0' /* as the first step: none is sent */
#define LAST                                                                                                           \
	{                                                                                                              \
		.what = 0                                                                                              \
	}

static const struct step *course;
static int lent = STDIN_FILENO; /* as the pen's port */
static unsigned lent_times = 1; /* in one message */
static int penrig_end;
static double beats_until_s, next_beat_s;

static void send_message(char what, const char *text)
{
	char message[STOPPER_MESSAGE_MAX];
	int n = snprintf(message, sizeof(message), "%c%s", what, text);
	assert_int_equal(send(penrig_end, message, (size_t)n, MSG_NOSIGNAL), n);
}

static void send_line(void)
{
	char what = STOPPER_LINE;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = &what, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(lent_times * sizeof(int))};
	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(lent_times * sizeof(int))};
	for (unsigned i = 0; i < lent_times; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &lent, sizeof(int));
	assert_int_equal(sendmsg(penrig_end, &msg, 0), 1);
}

static void take_step(const struct step *step)
{
	switch (step->what) {
	case SIGN_OFF:
		send_message(STOPPER_DISMISS, "");
		close(penrig_end);
		break;
	case NO_RECIPE: break;
	case CLOSE: close(penrig_end); break;
	case 'z': now_ns += (uint64_t)(step->long_s * 1e9); break;
	case 'b':
		beats_until_s = step->at_s + step->long_s;
		next_beat_s = step->at_s;
		break;
	case STOPPER_LINE: send_line(); break;
	default: send_message(step->what, ""); break;
	}
}

static bool advance(double to_s)
{
	double step_s = course->what ? course->at_s : INFINITY;
	double beat_s = next_beat_s < beats_until_s ? next_beat_s : INFINITY;
	double first_s = fmin(step_s, beat_s);
	if (first_s > to_s) {
		now_ns = (uint64_t)(to_s * 1e9) > now_ns ? (uint64_t)(to_s * 1e9) : now_ns;
		return false;
	}
	now_ns = (uint64_t)(first_s * 1e9) > now_ns ? (uint64_t)(first_s * 1e9) : now_ns;
	if (beat_s <= step_s) {
		send_message(STOPPER_MOVING, "");
		next_beat_s += 0.05;
	} else {
		take_step(course++);
	}
	return true;
}

static uint64_t clock_now(void *ctx)
{
	(void)ctx;
	return now_ns;
}

static int clock_wait(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	(void)ctx;
	int n = poll(fds, nfds, 0);
	while (n == 0 && advance((double)deadline_ns * 1e-9))
		n = poll(fds, nfds, 0);
	assert_true(now_s() < 1000); /* it does not end */
	return n;
}

static const struct loop_clock on_course = {.now_ns = clock_now, .wall_ns = clock_now, .wait = clock_wait};

/* ---- a stopper ------------------------------------------------------------------------------------------------- */

static char folder[32];
static struct stop_recipe recipe;
static char said[8][STOPPER_MESSAGE_MAX + 1];
static unsigned sayings, answers; /* but for its answers, which are counted */

static int set_up(void **state)
{
	(void)state;
	memset(&pen, 0, sizeof(pen));
	strcpy(folder, "/tmp/penrig-warden-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	recipe = (struct stop_recipe){
		.driver = "test-pen", .link = "usb:1209:0001:P", .run = "R", .standstill_ms = STANDSTILL_S * 1000};
	snprintf(recipe.folder, sizeof(recipe.folder), "%s", folder);
	return 0;
}

static int tear_down(void **state)
{
	char path[64];
	(void)state;
	snprintf(path, sizeof(path), "%s/R.stopper.json", folder);
	unlink(path);
	return rmdir(folder);
}

static void hear_all(int fd)
{
	ssize_t n;
	sayings = answers = 0;
	while (sayings < 8 && (n = recv(fd, said[sayings], STOPPER_MESSAGE_MAX, MSG_DONTWAIT)) > 0) {
		bool is_answer = said[sayings][0] == STOPPER_ALIVE;
		answers += is_answer;
		said[sayings][n] = '\0';
		sayings += !is_answer;
	}
}

/* From the recipe to its end. A step of no message ends the course. What it said: in said[]. */
static void run(const struct step *steps)
{
	char text[RECIPE_TEXT_MAX];
	struct loop *loop;
	int fds[2], ears;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	now_ns = 0;
	course = steps;
	beats_until_s = next_beat_s = 0;
	penrig_end = fds[0];
	ears = -1;
	for (const struct step *step = steps; step->what; step++)
		if (step->what != CLOSE && step->what != SIGN_OFF && !step[1].what)
			ears = fds[0];
	assert_int_equal(stop_recipe_print(&recipe, text, NULL), 0);
	if (steps->what != NO_RECIPE)
		send_message(STOPPER_RECIPE, text);
	assert_int_equal(loop_new(&on_course, NULL, &loop, NULL), 0);
	const struct warden_config config = {.loop = loop, .drivers = drivers, .socket = fds[1], .lock = -1};
	assert_int_equal(warden_run(&config), 0);
	loop_free(loop);
	sayings = 0;
	if (ears >= 0) {
		hear_all(ears);
		close(ears);
	}
	close(fds[1]);
	assert_int_equal(pen.opened, pen.closed);
}

static int note_of(struct stop_note *ret)
{
	return stop_note_read(&recipe, ret, NULL);
}

/* ---- it does not act ------------------------------------------------------------------------------------------- */

static void expect_nothing(const struct step *steps)
{
	struct stop_note note;
	run(steps);
	assert_int_equal(pen.opened, 0);
	assert_int_equal(sayings, 1);
	assert_int_equal(said[0][0], STOPPER_READY);
	assert_int_equal(note_of(&note), -ENOENT);
}

static void test_not_while_the_pen_stands_still(void **state)
{
	(void)state;
	expect_nothing((const struct step[]){
		{1, STOPPER_IDLE, 0}, {60, STOPPER_MOVING, 0}, {61, STOPPER_IDLE, 0}, {300, STOPPER_DISMISS, 0}, LAST});
}

static void test_not_while_penrig_beats(void **state)
{
	(void)state;
	expect_nothing((const struct step[]){{1, 'b', 60}, {61.5, STOPPER_DISMISS, 0}, LAST});
}

static void test_not_for_a_time_in_which_it_did_not_run_itself(void **state)
{
	(void)state;
	expect_nothing(
		(const struct step[]){{1, 'b', 1}, {2, 'z', 30}, {32.1, 'b', 1}, {33.2, STOPPER_DISMISS, 0}, LAST});
}

static void test_a_short_standstill_is_none(void **state)
{
	(void)state;
	expect_nothing((const struct step[]){{1, STOPPER_MOVING, 0},
					     {1 + STANDSTILL_S - 0.1, STOPPER_MOVING, 0},
					     {1 + 2 * STANDSTILL_S - 0.3, STOPPER_IDLE, 0},
					     {60, STOPPER_DISMISS, 0},
					     LAST});
}

static void test_not_when_it_was_dismissed_before(void **state)
{
	(void)state;
	struct stop_note note;
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {2, SIGN_OFF, 0}, LAST});
	assert_int_equal(pen.opened, 0);
	assert_int_equal(note_of(&note), -ENOENT);
}

static void test_not_without_a_recipe(void **state)
{
	(void)state;
	run((const struct step[]){
		{0, NO_RECIPE, 0}, {0.5, STOPPER_ORDER, 0}, {1, STOPPER_MOVING, 0}, {20, CLOSE, 0}, LAST});
	assert_int_equal(pen.opened, 0);
}

/* ---- it acts --------------------------------------------------------------------------------------------------- */

static void test_penrig_is_gone(void **state)
{
	(void)state;
	struct stop_note note;
	pen.busy = 3; /* until the kernel has taken it from the dead */
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {1.5, CLOSE, 0}, LAST});
	assert_int_equal(pen.opened, 1);
	assert_int_equal(pen.stops, 1);
	assert_true(pen.opened_s >= 1.5 && pen.opened_s < 1.6);
	assert_int_equal(note_of(&note), 0);
	assert_true(note.stopped && !note.killed);
	assert_true(note.ordered_ms > 0 && note.ordered_ms < 100 && note.confirmed_ms >= note.ordered_ms);
	assert_non_null(strstr(note.cause, "is gone"));
	char pid[32];
	snprintf(pid, sizeof(pid), "(pid %ld)", (long)getpid()); /* this test is its penrig */
	assert_non_null(strstr(note.cause, pid));
	assert_int_equal(strlen(note.utc), strlen("2026-06-01T09:00:00.000Z"));
}

/* It is not waited for: its link may be back. */
static void test_a_pen_that_is_lost_meanwhile(void **state)
{
	(void)state;
	struct stop_note note;
	pen.losses = 2;
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {1.5, CLOSE, 0}, LAST});
	assert_int_equal(pen.opened, 3);
	assert_true(pen.try_s < pen.opened_s + 0.5);
	assert_int_equal(note_of(&note), 0);
	assert_true(note.stopped);
}

static void test_penrig_is_gone_before_it_ran_the_pen(void **state)
{
	(void)state;
	struct stop_note note;
	run((const struct step[]){{1.5, CLOSE, 0}, LAST});
	assert_int_equal(pen.stops, 1);
	assert_int_equal(note_of(&note), 0);
	assert_true(note.stopped);
}

/* Over the port that they share, so penrig lives on. */
static void test_penrig_stands_still(void **state)
{
	(void)state;
	struct stop_note note;
	run((const struct step[]){
		{0.5, STOPPER_LINE, 0}, {1, 'b', 1}, {30, STOPPER_IDLE, 0}, {31, STOPPER_DISMISS, 0}, LAST});
	assert_int_equal(pen.opened, 1);
	assert_true(pen.adopted > 0);
	assert_true(pen.opened_s >= 1.95 + STANDSTILL_S && pen.opened_s < 2.2 + STANDSTILL_S);
	assert_int_equal(sayings, 2);
	assert_int_equal(said[1][0], STOPPER_NOTE);
	assert_int_equal(stop_note_parse(said[1] + 1, &note, NULL), 0);
	assert_true(note.stopped && !note.killed);
	assert_non_null(strstr(note.cause, "has stood still for 2.0 s"));
}

/* Its adapter came back: another open of the same name. */
static void test_a_lent_port_that_is_dead(void **state)
{
	(void)state;
	struct stop_note note;
	pen.dead_line = true;
	run((const struct step[]){{0.5, STOPPER_LINE, 0}, {1, STOPPER_MOVING, 0}, {2, CLOSE, 0}, LAST});
	assert_int_equal(pen.stops, 1);
	assert_int_equal(pen.adopted, 0);
	assert_true(now_s() < 2.5);
	assert_int_equal(note_of(&note), 0);
	assert_true(note.stopped);
}

static void test_a_pen_whose_board_restarts(void **state)
{
	(void)state;
	struct stop_note note;
	pen.wait_s = 5;
	recipe.line.wait_ns = 5 * NS_PER_S;
	run((const struct step[]){{1.5, CLOSE, 0}, LAST});
	assert_int_equal(pen.opened, 1);
	assert_int_equal(note_of(&note), 0);
	assert_true(note.stopped);
}

/* What was ordered off is not what feeds the pen: said, and no stop. A garbled answer is asked for again. */
static void test_another_supply_on_the_pen_s_port(void **state)
{
	(void)state;
	struct stop_note note;
	strcpy(recipe.driver, "test-of-parts");
	strcpy(recipe.power, "test-supply");
	strcpy(recipe.supply, "S-1");
	pen.supply[0] = pen.supply[1] = "S-2";
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {2, CLOSE, 0}, LAST});
	assert_true(pen.stops > 2);
	assert_int_equal(note_of(&note), 0);
	assert_true(!note.stopped && isnan(note.confirmed_ms));
	assert_non_null(strstr(note.text, "could not stop the pen: the supply S-2 answers, not the pen's, S-1: it was "
					  "switched off"));
}

static void test_a_supply_whose_answer_was_garbled(void **state)
{
	(void)state;
	struct stop_note note;
	strcpy(recipe.driver, "test-of-parts");
	strcpy(recipe.power, "test-supply");
	strcpy(recipe.supply, "S-1");
	pen.supply[0] = "S-!";
	pen.supply[1] = "S-1";
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {2, CLOSE, 0}, LAST});
	assert_int_equal(pen.stops, 3);
	assert_int_equal(note_of(&note), 0);
	assert_true(note.stopped);
}

/* Who ordered it may be gone at once: the pen was left running all the same. */
static void test_an_order_is_seen_to_the_end(void **state)
{
	(void)state;
	pen.busy = 1000000;
	run((const struct step[]){{1, STOPPER_ORDER, 0}, {1.05, SIGN_OFF, 0}, LAST});
	assert_true(now_s() > 11 && now_s() < 11.5);
}

static void test_a_stop_that_is_not_confirmed_is_ordered_again(void **state)
{
	(void)state;
	struct stop_note note;
	pen.refuses = 2;
	run((const struct step[]){{1, CLOSE, 0}, LAST});
	assert_int_equal(pen.stops, 3);
	assert_int_equal(note_of(&note), 0);
	assert_true(note.stopped);
}

/* A computer that takes long to find out that there is no pen is not kept busy with that. */
static void test_pauses_are_as_long_as_tries_deserve(void **state)
{
	(void)state;
	pen.busy = 1000000;
	pen.slow_ns = 100000000;
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {2, CLOSE, 0}, LAST});
	assert_in_range(1000000 - pen.busy, 18, 22); /* in 10 s, half a second each */
}

/* One try that took long, for whatever it stood still, is no reason to leave the pen running. */
static void test_a_try_that_took_long_is_not_the_last(void **state)
{
	(void)state;
	pen.busy = 1;
	pen.slow_ns = 2600000000;
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {2, CLOSE, 0}, LAST});
	assert_int_equal(pen.stops, 1);
	assert_true(pen.opened_s < 8);
}

static void test_a_pen_that_cannot_be_reached(void **state)
{
	(void)state;
	struct stop_note note;
	pen.busy = 1000000;
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {2, CLOSE, 0}, LAST});
	assert_int_equal(pen.opened, 0);
	assert_true(now_s() > 12 && now_s() < 12.5);
	assert_int_equal(note_of(&note), 0);
	assert_true(!note.stopped && isnan(note.ordered_ms));
	assert_non_null(strstr(note.text, "held by penrig"));
}

/* Opened is not ordered: a supply must say first what it is, where that is not known. */
static void test_an_order_that_never_left_is_not_claimed(void **state)
{
	(void)state;
	struct stop_note note;
	pen.mute = pen.asks_first = true;
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {2, CLOSE, 0}, LAST});
	assert_true(pen.opened >= 3);
	assert_int_equal(note_of(&note), 0);
	assert_true(!note.stopped && isnan(note.ordered_ms));
}

static void test_a_pen_that_says_nothing(void **state)
{
	(void)state;
	struct stop_note note;
	pen.mute = true;
	run((const struct step[]){{1, STOPPER_MOVING, 0}, {2, CLOSE, 0}, LAST});
	assert_true(pen.opened >= 3);
	assert_int_equal(note_of(&note), 0);
	assert_true(!note.stopped && note.ordered_ms >= 0 && note.ordered_ms < 100); /* the first that was written */
}

static void test_ordered(void **state)
{
	(void)state;
	struct stop_note note;
	run((const struct step[]){{1, STOPPER_ORDER, 0}, {5, STOPPER_DISMISS, 0}, LAST});
	assert_int_equal(pen.stops, 1);
	assert_int_equal(said[1][0], STOPPER_NOTE);
	assert_int_equal(stop_note_parse(said[1] + 1, &note, NULL), 0);
	assert_true(note.stopped && !note.killed);
}

/* Dismissed while it acts: it ends what it began. */
static void test_dismissed_on_the_way(void **state)
{
	(void)state;
	struct stop_note note;
	pen.busy = 10;
	run((const struct step[]){{1, STOPPER_ORDER, 0}, {1.05, STOPPER_DISMISS, 0}, LAST});
	assert_int_equal(pen.stops, 1);
	assert_int_equal(note_of(&note), 0);
	assert_true(note.stopped);
}

/* Of what penrig says, so that penrig knows that it does not stand still; nothing by itself, and four times a second at most. */
static void test_it_answers_what_it_hears(void **state)
{
	(void)state;
	run((const struct step[]){{1, 'b', 10}, {12.2, STOPPER_IDLE, 0}, {60, STOPPER_DISMISS, 0}, LAST});
	assert_int_equal(sayings, 1);
	assert_in_range(answers, 36, 44);
	run((const struct step[]){{60, STOPPER_DISMISS, 0}, LAST});
	assert_in_range(answers, 1, 2); /* the recipe, the dismissal */
}

static unsigned descriptors(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* One comes with a message at most; what else comes is closed, and no pen is looked for there. */
static void test_descriptors_that_nobody_asked_for(void **state)
{
	(void)state;
	unsigned before = descriptors();
	for (lent_times = 1; lent_times <= 5; lent_times++) {
		run((const struct step[]){{1, STOPPER_LINE, 0},
					  {1.1, STOPPER_LINE, 0},
					  {2, STOPPER_ORDER, 0},
					  {5, STOPPER_DISMISS, 0},
					  LAST});
		assert_int_equal(descriptors(), before);
		assert_int_equal(pen.adopted > 0, lent_times == 1);
		tear_down(state);
		set_up(state);
	}
	lent_times = 1;
}

/* What is set for exclusive use and left so by a penrig that was killed, nobody but root could open again. */
static void test_a_lent_port_is_free_afterwards(void **state)
{
	(void)state;
	int master, port, exclusive = 0;
	assert_int_equal(openpty(&master, &port, NULL, NULL, NULL), 0);
	for (unsigned dead = 0; dead < 2; dead++) {
		assert_int_equal(ioctl(port, TIOCEXCL), 0);
		lent = port;
		pen.dead_line = dead;
		run((const struct step[]){{1, STOPPER_LINE, 0}, {1.1, STOPPER_MOVING, 0}, {1.2, CLOSE, 0}, LAST});
		assert_int_equal(ioctl(port, TIOCGEXCL, &exclusive), 0);
		assert_int_equal(exclusive, 0);
		assert_int_equal(pen.adopted > 0, !dead);
		tear_down(state);
		set_up(state);
	}
	lent = STDIN_FILENO;
	close(port);
	close(master);
}

static void test_unfit(void **state)
{
	(void)state;
	strcpy(recipe.driver, "other-pen");
	run((const struct step[]){{1, STOPPER_DISMISS, 0}, LAST});
	assert_int_equal(said[0][0], STOPPER_UNFIT);
	strcpy(recipe.driver, "test-pen");
	strcat(recipe.folder, "/not-there");
	run((const struct step[]){{1, STOPPER_DISMISS, 0}, LAST});
	assert_int_equal(said[0][0], STOPPER_UNFIT);
	assert_non_null(strstr(said[0], "/not-there"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_not_while_the_pen_stands_still),
		TEST(test_not_while_penrig_beats),
		TEST(test_not_for_a_time_in_which_it_did_not_run_itself),
		TEST(test_a_short_standstill_is_none),
		TEST(test_not_when_it_was_dismissed_before),
		TEST(test_not_without_a_recipe),
		TEST(test_penrig_is_gone),
		TEST(test_a_pen_that_is_lost_meanwhile),
		TEST(test_penrig_is_gone_before_it_ran_the_pen),
		TEST(test_penrig_stands_still),
		TEST(test_a_lent_port_that_is_dead),
		TEST(test_a_pen_whose_board_restarts),
		TEST(test_a_try_that_took_long_is_not_the_last),
		TEST(test_an_order_is_seen_to_the_end),
		TEST(test_a_stop_that_is_not_confirmed_is_ordered_again),
		TEST(test_another_supply_on_the_pen_s_port),
		TEST(test_a_supply_whose_answer_was_garbled),
		TEST(test_a_pen_that_cannot_be_reached),
		TEST(test_pauses_are_as_long_as_tries_deserve),
		TEST(test_an_order_that_never_left_is_not_claimed),
		TEST(test_a_pen_that_says_nothing),
		TEST(test_ordered),
		TEST(test_dismissed_on_the_way),
		TEST(test_it_answers_what_it_hears),
		TEST(test_descriptors_that_nobody_asked_for),
		TEST(test_a_lent_port_is_free_afterwards),
		TEST(test_unfit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
