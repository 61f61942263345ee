/* Bytes of a program, a FIFO or a device to samples, by what the bench file says of them. Pure: no I/O, no clock. Pieces of
 * any size are put together again. */
#ifndef PENRIG_DRIVERS_COMMAND_WIRE_H
#define PENRIG_DRIVERS_COMMAND_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/driver/command.h"

#define COMMAND_LINE_MAX 512 /* bytes of a line */

enum command_fed {
	COMMAND_MORE,    /* all bytes are used */
	COMMAND_SAMPLE,  /* count[] holds one value for each channel */
	COMMAND_NOTHING, /* a sample in which a channel has no value: NaN, inf, or an empty column */
	COMMAND_ODD,     /* a line that is none: `why`; the line itself is line[] */
	COMMAND_REMARK,  /* a line that begins with '#': line[] */
};

struct command_decoder { /* zero-initialised but for setup */
	const struct command_setup *setup;
	unsigned skipped;
	size_t len;                      /* of line[], or bytes of the sample under way */
	bool too_long, hunts;            /* hunts: for the first byte of a sample, among bytes that are marked */
	char line[COMMAND_LINE_MAX + 1]; /* NUL-terminated behind a line that has ended, until the next call */
	uint8_t raw[4 * COMMAND_COLUMNS_MAX];
	int32_t count[CHANNELS_MAX];
	uint32_t flags;  /* of count[]: SAMPLE_SATURATED, SAMPLE_OVER_RANGE */
	const char *why; /* static */
	size_t shown;    /* bytes of line[] that has ended */
};

/* Takes bytes up to and with the end of the next sample or line; *ret_used, at least 1 where len is, says how many: the
 * caller comes back with the rest. */
enum command_fed command_feed(struct command_decoder *decoder, const uint8_t *data, size_t len, size_t *ret_used);

#endif
