/* Bytes of a link to whole lines, by a profile's marks. Pure: no I/O, no clock. As in lines.h a line holds printable ASCII and
 * tabs; what holds anything else, or more than PROFILE_FRAME_MAX bytes, is dropped whole, counted, and can be shown. */
#ifndef PENRIG_DRIVERS_PROFILE_FRAME_H
#define PENRIG_DRIVERS_PROFILE_FRAME_H

#include "drivers/profile/profile.h"

struct frame { /* zero-initialised: at the start of a line */
	char text[PROFILE_FRAME_MAX + PROFILE_MARK_MAX + 1];
	unsigned len;     /* bytes of the line under way */
	unsigned ended;   /* of the one that ended last */
	unsigned started; /* bytes of the start mark seen so far; all of them: inside a line */
	bool too_long;
	uint64_t dropped; /* lines dropped so far, torn ones among them */
};

enum frame_fed {
	FRAME_MORE,    /* all bytes are used, no line has ended */
	FRAME_LINE,    /* frame->text holds a line of at least one byte, NUL-terminated, until the next call */
	FRAME_DROPPED, /* a line has ended that cannot be right */
};

/* Takes bytes up to and with the end of the next line that is not empty; *ret_used, at least 1 where len is, says how many. */
enum frame_fed frame_feed(struct frame *frame, const struct profile_frame *form, const uint8_t *data, size_t len,
			  size_t *ret_used);

/* Forgets the line under way: what is asked next is answered by a whole one. A begun line counts as dropped. */
void frame_reset(struct frame *frame);

/* What ended last, as lines_show(). */
void frame_show(const struct frame *frame, char *ret, size_t size);

#endif
