/* Orders and answers of a program that watches a run, a line each on a descriptor:
 *
 *     answer ID done      what question ID asked for is done
 *     answer ID is TEXT   what question ID asked to be read is TEXT
 *     answer ID give_up   it is not: the run ends
 *     stop                the run ends as by SIGTERM; said again, it changes nothing
 *
 * ID is the number in the question's event, so that a late answer cannot meet the next question. Any other line is told as
 * refused and changes nothing. Where the input ends (a pipe whose writer is gone) open and later questions are given up; a
 * FIFO that is open for reading and writing never ends. */
#ifndef PENRIG_CLI_KIT_ANSWERS_H
#define PENRIG_CLI_KIT_ANSWERS_H

#include "rig/base/loop.h"

struct answers {
	int fd; /* -1: none */
	struct loop *loop;
	uint64_t open; /* number of the question that waits; 0: none */
	bool words;    /* it wants to know a text */
	bool ended, stopped;
	char line[160]; /* a longer one is refused; a serial number is the longest that is said */
	size_t len;
	bool too_long;
	void (*waits)(int fd); /* a question is open, -1: it no longer is; may be NULL */
	void (*answer)(void *ctx, bool go_on);
	void (*say)(void *ctx, const char *words); /* the answer to a question that wants them */
	void (*stop)(void *ctx);
	void (*refused)(void *ctx, const char *line, const char *why);
	void *ctx;
};

/* fd, functions and ctx are set. From then on children do not inherit fd. -EBADF with text: not open for reading. */
int answers_check(const struct answers *answers, struct err *err);
/* Listens until answers_close(); `answers` lives until then. */
int answers_open(struct answers *answers, struct loop *loop, struct err *err);
void answers_close(struct answers *answers);

/* Question `id` waits; words: for "is TEXT" and nothing else but "give_up". Where nobody can answer any more it is given up before this returns. */
void answers_cancel(struct answers *answers); /* no question waits any more */
void answers_ask(struct answers *answers, uint64_t id, bool words);

#endif
