/* What a bench file says of samples that come without a word about themselves: the output of a program, a FIFO, a device
 * of the kernel. Plain data, checked where it is read. */
#ifndef PENRIG_DRIVER_COMMAND_H
#define PENRIG_DRIVER_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/samples.h"

#define COMMAND_ARGUMENTS_MAX 32
#define COMMAND_COLUMNS_MAX   64

/* How one value stands in the bytes. */
struct command_format {
	const char *name; /* in bench files: "csv", "s16le" */
	uint8_t bytes;    /* of a raw integer: 2 to 4; 0: lines of text */
	bool is_signed, big_endian;
	uint8_t bits; /* the narrowest of a run file's widths that holds it: 16, 24, 32 */
	/* Of values whose bytes are marked, so that one that is missing is seen: bits of a byte that are the value's, the others
	 * are its mark; 0: none are. mark[i]: of the value's byte i; mark_further: of the last byte where the value is not a
	 * sample's first. From `none` on it is no value, but a word why there is none. columns_max: 0: any. */
	uint8_t value_bits, mark[3], mark_further;
	int32_t none;
	unsigned columns_max;
};
extern const struct command_format command_formats[]; /* name NULL behind the last */

struct command_channel {
	char name[16], unit[8];
	enum quantity quantity;
	unsigned column; /* from 1: of a line, or of a sample's integers */
	/* value of the column * scale + offset = physical, in `unit`. The column is kept as whole multiples of
	 * `resolution`; 1 for integers. */
	double scale, offset, resolution;
	double range_lo, range_hi, noise_rms, bandwidth_hz; /* as in struct channel */
};

struct command_setup {
	const char *argument[COMMAND_ARGUMENTS_MAX + 1]; /* NULL-terminated; of the bench file's text */
	const struct command_format *format;
	char separator;   /* between columns; ' ': any number of blanks and tabs */
	unsigned columns; /* that each line, or each sample, has */
	unsigned skip;    /* lines, or bytes of raw integers, before the first sample */
	unsigned channels;
	struct command_channel channel[CHANNELS_MAX];
	double rate_hz;        /* samples a second of each channel */
	double rate_tolerance; /* how far that may be off, relative; of forces and displacements it is judged elsewhere */
	uint64_t start_ns;     /* how long the first sample may take, on top of the 2 s of every device */
	char serial[48];       /* of the instrument behind it, on the bench file's word; empty: not said */
	char sha256[65];       /* of the program's file; empty: it is none */
};

/* By its name: NULL, there is none. */
const struct command_format *command_format_find(const char *name);

#endif
