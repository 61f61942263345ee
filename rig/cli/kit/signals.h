/* Signals as descriptors of the poll loop: nothing runs in a handler, so a signal cannot cut a step in two. */
#ifndef PENRIG_CLI_KIT_SIGNALS_H
#define PENRIG_CLI_KIT_SIGNALS_H

#include "rig/base/loop.h"

struct signals {
	struct loop *loop;
	int fd;
	void (*fn)(void *ctx, int number);
	void *ctx;
};

/* Blocks SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGTSTP in this thread and those it starts later, so call it before any
 * other thread exists. -errno. A signal that the parent had ignored (nohup) stays ignored. */
int signals_block(struct err *err);

/* fn is called from the loop, once per signal taken. `signals` lives until signals_close(). */
int signals_open(struct signals *signals, struct loop *loop, void (*fn)(void *ctx, int number), void *ctx,
		 struct err *err);
void signals_close(struct signals *signals); /* the signals stay blocked */

/* Stops this process as Ctrl-Z would have; returns when it is continued. */
void signals_suspend(void);

#endif
