/* penrig's side of the stopper: a process of its own that stops the pen when this one is gone or stands still. It is started
 * before any device is opened, told at every turn whether the pen may run, and dismissed when the pen is known to stand
 * still. How it acts stands in warden.h. */
#ifndef PENRIG_STOPPER_STOPPER_H
#define PENRIG_STOPPER_STOPPER_H

#include <stdbool.h>
#include <stddef.h>

#include "rig/base/loop.h"
#include "rig/stopper/note.h"
#include "rig/stopper/recipe.h"

#define STOPPER_PROGRAM "penrig-stopper"

struct stopper;

struct stopper_host {
	void *ctx;
	/* It has acted: it thought this program dead or still, or was ordered to. Called from the loop. */
	void (*acted)(void *ctx, const struct stop_note *note);
	/* There is no stopper any more: it has ended, cannot do what it is for, or answers nothing: it stands still. Called
	 * once, from the loop or from stopper_watch(). */
	void (*lost)(void *ctx, const struct err *why);
};

struct stopper_config {
	struct loop *loop; /* for the stopper's life, as what ctx is */
	const char *program;
	struct stop_recipe recipe;
	int lock_fd; /* of the bench's lock, which goes on while either process holds it; -1: none */
	struct stopper_host host;
};

/* One that is ready and answers nothing for the recipe's standstill, but for this at most, stands still. What is said
 * meanwhile stays in its queue, and leaves room for the dismissal. */
#define STOPPER_SILENT_MAX_NS (10 * NS_PER_S)

/* The program's path: beside this one, or in ../libexec/penrig. -ENOENT with where it was looked for. */
int stopper_find(char *ret, size_t size, struct err *err);

/* Starts it: in a session of its own, with an environment of its own and no descriptor of ours but those it is given. Not
 * waited for: stopper_ready(). */
int stopper_start(const struct stopper_config *config, struct stopper **ret, struct err *err);
bool stopper_ready(const struct stopper *stopper);

/* At every turn; goes out when it is due, and at once where `moving` changes. moving: the pen may run. NULL is fine. Says of
 * nothing that it is lost: an order to the pen may be on its way. */
void stopper_beat(struct stopper *stopper, bool moving, uint64_t now_ns);

/* At every turn of the loop: whether it answers. Its silence is counted in turns of 100 ms at most; time in which this process
 * did not run is nobody's. Where it was silent for too long, lost() is called from here. NULL is fine. */
void stopper_watch(struct stopper *stopper, uint64_t now_ns);

/* The pen's open port, which it then shares. NULL is fine, and a descriptor below 0, which is none. */
void stopper_lend(struct stopper *stopper, int fd);

/* What is known of the same pen by now. -EMSGSIZE where it cannot be said; what was said before holds then. */
int stopper_teach(struct stopper *stopper, const struct stop_recipe *recipe, struct err *err);

/* Stop the pen of the recipe now; acted() follows. What this process itself has of the pen must be closed. */
void stopper_order(struct stopper *stopper);

/* The end is in order: the stopper ends, once it is through with what it was ordered to do. Waits for that, for a second at
 * most: what it shares (lock, port) is free then. NULL is fine. */
void stopper_dismiss(struct stopper *stopper);

#endif
