/* The one poll loop of a process: descriptors and timers over a clock that the owner of main() hands in.
 * Nothing in it blocks but the clock's wait, so a program on another clock runs as fast as it can compute. */
#ifndef PENRIG_BASE_LOOP_H
#define PENRIG_BASE_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "rig/base/error.h"

#define NS_PER_MS       1000000ULL
#define NS_PER_S        1000000000ULL
#define LOOP_NEVER      UINT64_MAX
#define LOOP_FDS_MAX    256 /* a bench has 3-4 devices of at most 4 descriptors each; the rest is reserve */
#define LOOP_TIMERS_MAX 1024

struct loop;

/* now_ns:  monotonic time in ns. wall_ns: UTC in ns since 1970.
 * wait:    sleep until a descriptor is ready or now_ns() >= deadline_ns (LOOP_NEVER: no bound); like poll(): number
 *          of ready descriptors, 0, or -errno (-EINTR is a normal return).
 * paced:   true where time passes by itself (a producer that outruns a consumer must drop);
 *          false where time stands still while the program computes (it may wait instead). */
struct loop_clock {
	uint64_t (*now_ns)(void *ctx);
	uint64_t (*wall_ns)(void *ctx);
	int (*wait)(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns);
	bool paced;
};

extern const struct loop_clock loop_clock_monotonic; /* CLOCK_MONOTONIC, CLOCK_REALTIME, ppoll(); ctx unused */

/* One-shot timer, embedded in its owner, zero-initialised. Belongs to the loop while armed; the owner cancels it before
 * freeing itself. Timers with equal deadlines fire in the order in which they were set. */
struct loop_timer {
	void (*fn)(void *ctx, uint64_t now_ns);
	void *ctx;
	uint64_t deadline_ns;
	uint64_t sequence; /* set by the loop */
	int slot;          /* set by the loop; 0 = not armed */
};

typedef void (*loop_fd_fn)(void *ctx, int fd, short revents);

int loop_new(const struct loop_clock *clock, void *clock_ctx, struct loop **ret, struct err *err);
void loop_free(struct loop *loop); /* NULL is fine; closes no descriptor */

uint64_t loop_now_ns(const struct loop *loop);
uint64_t loop_wall_ns(const struct loop *loop);
bool loop_paced(const struct loop *loop);
/* CLOCK_BOOTTIME, whatever the loop's clock: goes on while the computer sleeps, and is the same for all its programs. */
uint64_t loop_boot_ns(void);

/* A descriptor stands at most once in a loop (-EEXIST); -ENOSPC at LOOP_FDS_MAX; -ENOENT for one that is not in it.
 * Callbacks may add and remove any descriptor or timer, their own too: one removed is not called any more, one added is
 * called from the next turn on, even where its number was another's a moment ago. Remove before close(). */
int loop_fd_add(struct loop *loop, int fd, short events, loop_fd_fn fn, void *ctx);
int loop_fd_events(struct loop *loop, int fd, short events);
void loop_fd_remove(struct loop *loop, int fd);

/* (Re)arms; a deadline in the past fires on the next turn, never from inside the call; LOOP_NEVER never fires.
 * timer->fn must be set. -ENOSPC at LOOP_TIMERS_MAX (the timer is then not armed). */
int loop_timer_at(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* loop_run() runs until loop_stop() (0; a stop from before the run ends it at once), until nothing is left that could
 * wake it (-EDEADLK) or until the clock's wait fails. loop_turn() does one wait and its callbacks, descriptors first,
 * waiting no longer than until max_deadline_ns; it does not look at loop_stop(). Neither may be called from a callback.
 */
int loop_run(struct loop *loop);
int loop_turn(struct loop *loop, uint64_t max_deadline_ns);
void loop_stop(struct loop *loop);

#endif
