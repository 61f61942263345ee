/* What one light is told: whole texts, the last one that was wanted, again from its begin where the device went and came back. */
#ifndef PENRIG_CLI_KIT_IO_LIGHT_H
#define PENRIG_CLI_KIT_IO_LIGHT_H

#include <stdbool.h>
#include <stddef.h>

struct io_light {
	int fd;              /* the owner's, non-blocking; -1: none now */
	const char *wanted;  /* lent; NULL: nothing yet */
	bool due;            /* it was not begun yet */
	const char *sending; /* NULL: none */
	size_t at;           /* of its characters are out */
};

void io_light_set(struct io_light *light, const char *text);
/* The device is there again: it is told everything anew. */
void io_light_opened(struct io_light *light, int fd);
/* Writes what can be written now. 0: all of it is out; 1: call again once it takes more; -errno: the device went. One that is not
 * open is one that went (-ENODEV). */
int io_light_write(struct io_light *light);

#endif
