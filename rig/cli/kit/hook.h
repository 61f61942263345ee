/* A command of the user's, run to its end between two runs: to flash, to switch, to read back. */
#ifndef PENRIG_CLI_KIT_HOOK_H
#define PENRIG_CLI_KIT_HOOK_H

#include <stddef.h>

#include "rig/base/error.h"

struct hook_call {
	const char *const *argv;     /* NULL-terminated */
	const char *const *variable; /* "NAME=VALUE", NULL-terminated, beside this program's own environment */
	const char *folder;          /* in which it runs */
	int log_fd;                  /* takes what it writes, but for the first line that is read back */
	int signal_fd;               /* a signalfd of blocked signals: one of them ends the hook */
	double timeout_s;
};

/* 0: it ended with 0. -EPROTO: with another code, by a signal, or not in its time, after which it and its group are killed;
 * -EINTR: a signal came, ret_signal says which. first_line: NULL, or room for the first line of its standard output. */
int hook_run(const struct hook_call *call, char *first_line, size_t size, int *ret_signal, struct err *err);

#endif
