/* The session and its stopper (stopper/stopper.h): started before a device is opened, told whether the pen may run, and
 * dismissed at the end. Before that, a pen that an earlier run left as it was is stopped. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/session/state.h"

#define READY_NS (5 * NS_PER_S)  /* a busy computer starts a program in a second */
#define ACTED_NS (15 * NS_PER_S) /* it tries for 10 s */

/* Of the standstill that the stopper waits for: what is so long to this process may be all of it to the stopper, which counts
 * from a sign that was given before. */
#define STOOD_SHARE 0.6

/* ---- what the stopper tells ------------------------------------------------------------------------------------ */

/* Whatever was to feed the pen or switch it on is cancelled by an order to stop, at once: that of the guard, which is proven,
 * follows with the next tick. */
static bool stop_first(struct session *s)
{
	if (!s->pen->device || !guard_stop_feeding(s->guard))
		return false;
	s->pen->driver->pen->stop(s->pen->device, NULL, NULL);
	return true;
}

/* A stop that comes into one that is being proven changes nothing; any other ends what is being measured, of which nothing
 * is judged. Its end goes through the guard, which starts no pen without its interlock. */
static void on_acted(void *ctx, const struct stop_note *note)
{
	struct session *s = ctx;
	s->standby.acted = true;
	s->standby.note = *note;
	if (s->standby.then)
		return;
	journal_text(s, "event", "%s", note->text);
	session_say(s, note->text, true);
	(void)stop_first(s);
	if (s->stage != STAGE_STOPPING && s->stage != STAGE_SAVING)
		attempt_unmeasured(s, note->text);
}

static void on_lost(void *ctx, const struct err *why)
{
	struct session *s = ctx;
	s->standby.lost = true;
	s->standby.why = *why;
	if (s->standby.then)
		return;
	journal_text(s, "event", "%s", why->text);
	if (s->bench->stopper.required)
		session_end(s, RUN_INTERNAL_ERROR, why->text);
}

static int start(struct session *s, const struct stop_recipe *recipe, struct err *err)
{
	char program[PATH_MAX];
	int status = stopper_find(program, sizeof(program), err);
	if (status)
		return status;
	const struct stopper_config config = {
		.loop = s->loop,
		.program = program,
		.recipe = *recipe,
		.lock_fd = bench_lock_descriptor(s->lock),
		.host = {.ctx = s, .acted = on_acted, .lost = on_lost},
	};
	s->standby.acted = s->standby.lost = false;
	return stopper_start(&config, &s->standby.stopper, err);
}

static void go_on(struct session *s)
{
	void (*then)(struct session *) = s->standby.then;
	s->standby.then = NULL;
	s->state = NULL;
	then(s);
}

/* ---- a bench that was left ------------------------------------------------------------------------------------- */

static void say_found(struct session *s, const char *what)
{
	const char *run = s->standby.left.run[0] ? s->standby.left.run : "before this one";
	snprintf(s->record->bench_found, sizeof(s->record->bench_found),
		 "the run %.80s on this bench did not come to its end: %.260s", run, what);
	session_say(s, s->record->bench_found, true);
}

/* Another run may be for another pen, which would leave that one running with nobody to remember it. */
static void unfinished(struct session *s, const char *why)
{
	char what[260], reason[ERR_TEXT_MAX];
	snprintf(what, sizeof(what), "its pen %.64s could not be stopped now: %.150s", s->standby.left.link, why);
	say_found(s, what);
	snprintf(reason, sizeof(reason),
		 "%.300s; switch that pen off, then empty the file that names it: truncate -c -s 0 %s", what,
		 bench_lock_path(s->lock));
	s->standby.then = NULL;
	s->record->refusal = REFUSED_BENCH;
	session_end(s, RUN_REFUSED, reason);
}

/* The stopper's note of then counts, where there is one; that of now says that it still holds. */
static void clearing(struct session *s, uint64_t now_ns)
{
	struct standby *b = &s->standby;
	char what[300];
	if (!b->acted && !b->lost && now_ns - s->state_since_ns < ACTED_NS + b->left.line.wait_ns)
		return;
	stopper_dismiss(b->stopper);
	b->stopper = NULL;
	if (!b->acted || !b->note.stopped) {
		unfinished(s, b->lost ? b->why.text : b->acted ? b->note.text : "the stopper does not answer");
		return;
	}
	bool known = b->before.stopped;
	snprintf(what, sizeof(what), "%.160s; now its pen was told to stop%s, and says that its motor is off",
		 b->before.run[0] ? b->before.text : "no stopper's note stands beside its run file",
		 known ? " once more" : "");
	b->open = false;
	say_found(s, what);
	bench_lock_leave(s->lock, "");
	go_on(s);
}

/* The lock's file is open to every user of the computer: what stands there is done to this bench's own pen alone. */
static int check_left(const struct session *s, struct err *err)
{
	const struct stop_recipe *left = &s->standby.left;
	const struct bench_device *pen = bench_device(s->bench, ROLE_PEN);
	int status = bench_lock_trusted(s->lock, err);
	if (status)
		return status;
	if (strcmp(left->driver, pen->driver) != 0)
		return err_set(err, -EPERM, "this bench's pen has the driver %s, that one %s", pen->driver,
			       left->driver);
	const struct bench_power *power = &s->bench->pen.power;
	if (strcmp(left->power, power->driver) != 0 || (int64_t)left->output != power->output ||
	    (int64_t)left->address != power->address)
		return err_set(err, -EPERM,
			       "this bench's pen has its power from \"%s\", address %lld, output %lld, that one from "
			       "\"%s\", address %u, output %u",
			       power->driver, (long long)power->address, (long long)power->output, left->power,
			       left->address, left->output);
	if (!bench_pen_could_be(s->bench, left->link))
		return err_set(err, -EPERM, "this bench's pen is %.100s", pen->link);
	if (!s->config.stopper)
		return err_set(err, -ENOTSUP, "this program has no stopper");
	return 0;
}

/* A folder that is gone, or another's: its note goes to this run's. */
static void read_before(struct session *s)
{
	struct standby *b = &s->standby;
	struct stat st;
	char folder[PATH_MAX];
	if (stat(b->left.folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid()) {
		(void)stop_note_read(&b->left, &b->before, NULL);
		return;
	}
	if (realpath(s->record->folder, folder) && strlen(folder) < sizeof(b->left.folder))
		memcpy(b->left.folder, folder, strlen(folder) + 1);
}

void standby_clear(struct session *s, void (*then)(struct session *s))
{
	struct standby *b = &s->standby;
	struct err err = {""};
	const char *left = bench_lock_left(s->lock);
	b->then = then;
	if (!*left) {
		go_on(s);
		return;
	}
	b->open = true;
	int status = stop_recipe_parse(left, &b->left, &err);
	if (!status)
		status = check_left(s, &err);
	if (!status) {
		read_before(s);
		status = start(s, &b->left, &err);
	}
	if (status) {
		unfinished(s, err.text);
		return;
	}
	stopper_order(b->stopper);
	session_go(s, STAGE_OPENING, clearing);
}

/* ---- this run's ------------------------------------------------------------------------------------------------ */

static void without(struct session *s, const char *why)
{
	char text[ERR_TEXT_MAX];
	stopper_dismiss(s->standby.stopper);
	s->standby.stopper = NULL;
	if (!s->bench->stopper.required) {
		journal_text(s, "event", "no stopper stands by: %s", why);
		go_on(s);
		return;
	}
	snprintf(text, sizeof(text),
		 "no stopper stands by: %.300s; install it, or let %.200s say \"stopper\": {\"required\": false}", why,
		 s->bench->path);
	s->standby.then = NULL;
	s->record->refusal = REFUSED_BENCH;
	session_end(s, RUN_REFUSED, text);
}

static void standing_by(struct session *s, uint64_t now_ns)
{
	struct standby *b = &s->standby;
	if (b->lost || now_ns - s->state_since_ns > READY_NS) {
		without(s, b->lost ? b->why.text : "it is not ready after 5 s");
		return;
	}
	if (!stopper_ready(b->stopper))
		return;
	journal_text(s, "event",
		     "a stopper stands by: a pen that may run is stopped where this program is gone, or stands still "
		     "for %g s",
		     s->bench->stopper.standstill_s);
	go_on(s);
}

static int recipe_of(struct session *s, struct stop_recipe *ret, struct err *err)
{
	const struct bench_device *pen = bench_device(s->bench, ROLE_PEN);
	struct stop_recipe recipe = {.line = pen->line};
	char folder[PATH_MAX];
	int status = bench_pen_link(s->bench, s->record->dut, recipe.link, sizeof(recipe.link), err);
	if (status)
		return status;
	if (!realpath(s->record->folder, folder))
		return err_set(err, -errno, "%.300s: %s", s->record->folder, strerror(errno));
	if (strlen(folder) >= sizeof(recipe.folder))
		return err_set(err, -ENAMETOOLONG, "%.300s...: a path of more than %d bytes", folder,
			       FILE_PATH_MAX - 1);
	memcpy(recipe.folder, folder, strlen(folder) + 1);
	snprintf(recipe.driver, sizeof(recipe.driver), "%s", pen->driver);
	snprintf(recipe.power, sizeof(recipe.power), "%s", s->bench->pen.power.driver);
	recipe.output = (unsigned)s->bench->pen.power.output;
	recipe.address = (unsigned)s->bench->pen.power.address;
	snprintf(recipe.supply, sizeof(recipe.supply), "%s", s->bench->pen.power.serial);
	if (s->pen->device && s->pen->driver->powered) {
		const struct device_identity *said = s->pen->driver->identity(s->pen->device);
		snprintf(recipe.dialect, sizeof(recipe.dialect), "%s", said->dialect);
		if (!recipe.supply[0])
			snprintf(recipe.supply, sizeof(recipe.supply), "%s", said->serial);
	}
	snprintf(recipe.run, sizeof(recipe.run), "%s", s->record->name);
	recipe.standstill_ms = (uint32_t)(s->bench->stopper.standstill_s * 1e3);
	*ret = recipe;
	return 0;
}

void standby_begin(struct session *s, void (*then)(struct session *s))
{
	struct stop_recipe recipe;
	struct err err = {""};
	char text[RECIPE_TEXT_MAX];
	s->standby.then = then;
	if (!s->config.stopper) {
		go_on(s);
		return;
	}
	int status = recipe_of(s, &recipe, &err);
	if (!status)
		status = stop_recipe_print(&recipe, text, &err);
	if (!status)
		status = start(s, &recipe, &err);
	if (status) {
		without(s, err.text);
		return;
	}
	bench_lock_leave(s->lock, text);
	session_go(s, STAGE_OPENING, standing_by);
}

/* A supply whose answers do not arrive may hear all the same, where it is known what it speaks. */
void standby_learn(struct session *s)
{
	struct stop_recipe recipe;
	struct err err = {""};
	char text[RECIPE_TEXT_MAX];
	if (!s->standby.stopper || !s->pen->driver->powered)
		return;
	int status = recipe_of(s, &recipe, &err);
	if (!status)
		status = stop_recipe_print(&recipe, text, &err);
	if (!status)
		status = stopper_teach(s->standby.stopper, &recipe, &err);
	if (status)
		journal_text(s, "event", "the stopper does not know what the pen's power supply speaks: %.200s",
			     err.text);
	else
		bench_lock_leave(s->lock, text);
}

uint64_t standby_stood_ns(const struct session *s)
{
	return s->standby.stopper ? (uint64_t)(STOOD_SHARE * s->bench->stopper.standstill_s * 1e9) : 0;
}

void standby_look(struct session *s, uint64_t now_ns)
{
	struct standby *b = &s->standby;
	uint64_t passed_ns = b->looked_ns ? now_ns - b->looked_ns : 0;
	char text[160];
	b->looked_ns = now_ns;
	if (!standby_stood_ns(s) || passed_ns < standby_stood_ns(s) || (!stop_first(s) && s->stage != STAGE_TESTS))
		return;
	snprintf(text, sizeof(text),
		 "this program stood still for %.2f s while the pen ran: the stopper may have stopped it",
		 (double)passed_ns * 1e-9);
	attempt_unmeasured(s, text);
}

void standby_beat(struct session *s, bool moving)
{
	stopper_beat(s->standby.stopper, moving, loop_now_ns(s->loop));
}

void standby_watch(struct session *s)
{
	stopper_watch(s->standby.stopper, loop_now_ns(s->loop));
}

void standby_lend(struct session *s)
{
	const struct link *link = s->pen->device ? s->pen->driver->link(s->pen->device) : NULL;
	if (link && link->ops->descriptor)
		stopper_lend(s->standby.stopper, link->ops->descriptor(link));
}

void standby_hand_over(struct session *s)
{
	struct standby *b = &s->standby;
	if (b->open && !s->record->bench_found[0])
		say_found(s, "its pen was not seen to stop before this run ended; the next start on this bench stops "
			     "it first");
	if ((!session_moving(s) && guard_power_off(s->guard)) || !b->stopper || b->handed_over)
		return;
	devices_close_pen(s);
	stopper_order(b->stopper);
	stopper_beat(b->stopper, false, loop_now_ns(s->loop)); /* saving may take longer than a standstill */
	b->acted = false;
	b->handed_over = true;
}

/* It gives up after 10 s, and a cable may be put back later than that. */
bool standby_stopped_it(struct session *s)
{
	struct standby *b = &s->standby;
	if (!b->handed_over || !b->acted)
		return false;
	if (b->note.stopped)
		return true;
	b->acted = false;
	stopper_order(b->stopper);
	return false;
}

void standby_end(struct session *s)
{
	struct standby *b = &s->standby;
	stopper_dismiss(b->stopper);
	b->stopper = NULL;
	if (b->open || b->handed_over)
		bench_lock_keep(s->lock);
	else if (s->lock && s->config.lock_for)
		bench_lock_hold(s->held_on = s->lock, s->config.lock_for);
	else
		bench_lock_release(s->lock);
	s->lock = NULL;
}
