/* A program of the user's as a child: started with pipes at its standard streams and in a process group of its own, and
 * stopped with all that it started. No shell: the program gets its arguments as they are. Reads none of the pipes. */
#ifndef PENRIG_LINK_CHILD_H
#define PENRIG_LINK_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rig/base/error.h"

struct link_child {
	pid_t pid;          /* also its process group; 0: there is none */
	int in, out, error; /* our ends of its standard streams; -1: closed. out and error are non-blocking */
};

/* Whole name of the program: a name without a slash is looked for in PATH. -ENOENT, -EACCES, -ENAMETOOLONG. */
int link_child_find(const char *program, char *ret, size_t size, struct err *err);

/* Starts it; returns when it runs or cannot. arguments: those behind the program's name, NULL-terminated; NULL: none.
 * The child is killed when the thread that started it ends, however that happens, and its standard input ends then.
 * 0, or -ENOENT, -EACCES and the like with the reason; -ENOEXEC: no program, nor a script that names its interpreter. */
int link_child_start(const char *program, const char *const *arguments, struct link_child *ret, struct err *err);

/* Whether it has ended, and then how: "has ended with exit status 3". It is not forgotten: link_child_stop() does that. */
bool link_child_ended(const struct link_child *child, char *text, size_t size);

/* Closes the pipes, asks the group to end (SIGTERM), waits for the program for at most 0.5 s, and kills what is left. */
void link_child_stop(struct link_child *child);

#endif
