/* Bytes of a link to lines of text, for protocols that speak in lines. Pure: no I/O, no clock.
 * A line ends in LF or CR LF and holds printable ASCII and tabs. What holds anything else, a CR in its middle, or more
 * than LINES_MAX bytes is dropped whole at its LF, counted, and said, because half a line is no line. */
#ifndef PENRIG_DRIVER_LINES_H
#define PENRIG_DRIVER_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_MAX 255 /* bytes of a line without its end */

struct lines { /* zero-initialised = at the start of a line */
	char text[LINES_MAX + 1];
	unsigned len, ended; /* bytes of the line under way; of the one that ended last */
	bool cr, spoilt;
	uint64_t dropped; /* lines dropped so far */
};

enum lines_fed {
	LINES_MORE,    /* all bytes are used, no line has ended */
	LINES_LINE,    /* lines->text holds a line of at least one byte, NUL-terminated, until the next call */
	LINES_DROPPED, /* a line has ended that cannot be right */
};

/* Takes bytes up to and with the end of the next line that is not empty; *ret_used, at least 1 where len is, says how
 * many: the caller comes back with the rest. */
enum lines_fed lines_feed(struct lines *lines, const uint8_t *data, size_t len, size_t *ret_used);

/* What came as the line that ended last, until the next lines_feed(), for a message: printable ASCII as it is but for
 * '"' and '\\', which get a '\\' before them; every other byte as \xNN; "..." at its end where it does not fit. size: 8 at
 * least. Always terminated. */
void lines_show(const struct lines *lines, char *ret, size_t size);

/* The same of any bytes. */
void lines_show_bytes(const char *bytes, size_t len, char *ret, size_t size);

#endif
