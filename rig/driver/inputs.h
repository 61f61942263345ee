/* The safety inputs of a bench: contacts that are closed while all is well, as of an emergency stop or a door. A contact is
 * closed where its line is on, so that a wire that breaks opens it. */
#ifndef PENRIG_DRIVER_INPUTS_H
#define PENRIG_DRIVER_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#define INPUTS_MAX       8
#define INPUT_LINES_MAX  16
#define INPUTS_QUERY_MAX 64

/* The lines of a driver's devices that a contact can hang on, as bench files name them. */
struct input_lines {
	const char *const *words; /* NULL-terminated; NULL: they are numbered from 1 */
	unsigned count;           /* at most INPUT_LINES_MAX */
	bool queried;             /* the bench file says what they are asked by ("query") */
	bool addressed;           /* several devices share a line, each with an address */
};

/* What a bench says of such a device. */
struct inputs_setup {
	unsigned count;
	struct input_setup {
		char name[32];
		unsigned line; /* of the driver's, from 0 */
		bool tried;    /* somebody opens it before each run, and it is seen to open */
		bool door;     /* hands that are asked for may open it; else it stops whatever is under way */
	} input[INPUTS_MAX];
	unsigned address;             /* 0: the driver's own */
	char query[INPUTS_QUERY_MAX]; /* of a driver that is `queried` */
};

struct inputs_state {
	uint64_t host_ns; /* when it was read */
	uint32_t closed;  /* bit i: inputs_setup.input[i] */
};

/* lines: bit i, the driver's line i is on. */
static inline uint32_t inputs_closed_by(const struct inputs_setup *setup, uint32_t lines)
{
	uint32_t closed = 0;

	for (unsigned i = 0; i < setup->count; i++)
		closed |= (lines >> setup->input[i].line & 1) << i;
	return closed;
}

#endif
