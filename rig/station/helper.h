/* Programs that the station starts beside its runs and waits for: hooks, decisions, the server of its own devices. Each has a
 * session of its own, so that nothing it started outlives its time limit. */
#ifndef PENRIG_STATION_HELPER_H
#define PENRIG_STATION_HELPER_H

#include <stdbool.h>

#include "rig/base/loop.h"

#define HELPER_OUTPUT 2048 /* bytes of its output that are kept: the last ones */
#define HELPER_WORDS  24
#define HELPER_WORD   512

struct helper_command { /* words, NUL-terminated; none is empty for lack of room */
	unsigned count;
	char word[HELPER_WORDS][HELPER_WORD];
};

struct helper_end {
	int exit_code; /* 256: it was killed */
	bool timed_out;
	double seconds;
	const char *output; /* printable; borrowed until the callback returns */
};

struct helper;

/* seconds 0: no limit. lines: called for each line of its output as it comes, NULL: the output is kept for the end. The callback
 * `ended` comes from the loop, once; the helper is freed by the caller, from a later turn on. -errno with text: nothing runs. */
struct helper_host {
	void *ctx;
	void (*line)(void *ctx, const char *line);
	void (*ended)(void *ctx, const struct helper_end *end);
};
int helper_start(struct loop *loop, const struct helper_command *command, double seconds,
		 const struct helper_host *host, struct helper **ret, struct err *err);
void helper_kill(struct helper *helper);                 /* it then ends as killed */
int helper_say(struct helper *helper, const char *text); /* to its standard input; -EPIPE, -EAGAIN: it does not read */
/* Ends its input and waits until it has ended, no longer than ms; outside the loop. NULL is fine. */
void helper_end(struct helper *helper, int ms);
void helper_free(struct helper *helper); /* NULL is fine; one that still runs is killed */

/* Adds a word; "{dut}" and the like in it are replaced. False: it has no room, or holds a name in braces that is none. values
 * NULL: the word is a person's or a path, and is taken as it is. */
struct helper_value {
	const char *name, *value;
};
bool helper_word(struct helper_command *command, const char *word, const struct helper_value *values);

#endif
