/* Files that grow, told to whoever watches them, by one inotify instance for all: to close one costs the kernel a grace period
 * (20 ms were seen), which nothing that a page waits for may stand behind. To stop watching a file costs nothing. */
#ifndef PENRIG_STATION_WATCH_H
#define PENRIG_STATION_WATCH_H

#include "rig/base/loop.h"

struct watches;

/* Embedded in its owner, which removes it before it frees itself. */
struct watch {
	void (*fn)(void *ctx); /* the file was written to, from the loop; may add and remove any watch */
	void *ctx;
	struct watch *next; /* set by watch_add() */
	int number;
};

/* The loop has to outlive them. -errno with text. */
int watches_new(struct loop *loop, struct watches **ret, struct err *err);
void watches_free(struct watches *watches); /* NULL is fine; each watch was removed */

int watch_add(struct watches *watches, struct watch *watch, const char *path); /* -errno */
void watch_remove(struct watches *watches, struct watch *watch);               /* one that was not added is fine */

#endif
