/* Asks the operator in the loop: a line on standard input answers. */
#ifndef PENRIG_CLI_KIT_PROMPT_H
#define PENRIG_CLI_KIT_PROMPT_H

#include <stdbool.h>

#include "rig/base/loop.h"

struct prompt {
	struct loop *loop;
	int fd;
	bool waiting;
	char line[160]; /* longer lines are cut: a serial number is the longest that is asked for */
	unsigned len;
	/* What to make of a line that is none of the answers: 1 it is one, 0 pass it over, -1 give up. NULL: pass over.
	 */
	int (*other)(void *ctx, const char *line);
	void (*answer)(void *ctx, bool go_on);
	void *ctx;
};

/* Waits for a line of `fd`: an empty one or "y" means go on; "q", "n" or the end of input give up; any other line is
 * `other`'s. -errno of the loop; -EALREADY while a question is open. */
int prompt_ask(struct prompt *prompt);
void prompt_cancel(struct prompt *prompt);

#endif
