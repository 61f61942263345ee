/* One byte after the other; a line's end decides what became of it. */
#include "drivers/profile/frame.h"

#include <string.h>

#include "rig/driver/lines.h"

static bool text_byte(char byte)
{
	return (byte >= 0x20 && byte <= 0x7e) || byte == '\t';
}

static bool is_clean(const struct frame *frame)
{
	for (unsigned i = 0; i < frame->len; i++)
		if (!text_byte(frame->text[i]))
			return false;
	return !frame->too_long;
}

static enum frame_fed end_line(struct frame *frame)
{
	bool clean = is_clean(frame), empty = frame->len == 0 && !frame->too_long;

	frame->text[frame->len] = '\0';
	frame->ended = frame->len;
	frame->len = 0;
	frame->started = 0;
	frame->too_long = false;
	frame->dropped += !clean;
	return !clean ? FRAME_DROPPED : empty ? FRAME_MORE : FRAME_LINE;
}

/* Outside a line all but its mark is dropped. A mark of one byte inside a line begins a new one: the end of the one before was
 * lost. */
static bool take_start(struct frame *frame, const struct profile_frame *form, uint8_t byte)
{
	bool inside = frame->started == form->start_len;

	if (inside && (form->start_len != 1 || byte != form->start[0]))
		return false;
	if (inside) {
		frame_reset(frame);
		frame->started = 1;
	} else if (byte == form->start[frame->started]) {
		frame->started++;
	} else {
		frame->started = byte == form->start[0];
	}
	return true;
}

static void take_byte(struct frame *frame, uint8_t byte)
{
	if (frame->len == PROFILE_FRAME_MAX + PROFILE_MARK_MAX) { /* the tail is kept for the end mark */
		memmove(frame->text, frame->text + 1, frame->len - 1);
		frame->len--;
		frame->too_long = true;
	}
	frame->text[frame->len++] = (char)byte;
}

static bool at_end(struct frame *frame, const struct profile_frame *form)
{
	if (form->length)
		return frame->len == form->length;
	if (frame->len < form->end_len ||
	    memcmp(frame->text + frame->len - form->end_len, form->end, form->end_len) != 0)
		return false;
	frame->len -= form->end_len;
	frame->too_long |= frame->len > PROFILE_FRAME_MAX;
	return true;
}

enum frame_fed frame_feed(struct frame *frame, const struct profile_frame *form, const uint8_t *data, size_t len,
			  size_t *ret_used)
{
	enum frame_fed fed = FRAME_MORE;
	size_t used = 0;

	while (used < len && fed == FRAME_MORE) {
		uint8_t byte = data[used++];

		if (form->skip_len && memchr(form->skip, byte, form->skip_len))
			continue;
		if (form->start_len && take_start(frame, form, byte))
			continue;
		take_byte(frame, byte);
		if (at_end(frame, form))
			fed = end_line(frame);
	}
	*ret_used = used;
	return fed;
}

void frame_reset(struct frame *frame)
{
	frame->dropped += frame->len > 0;
	frame->len = 0;
	frame->started = 0;
	frame->too_long = false;
}

void frame_show(const struct frame *frame, char *ret, size_t size)
{
	lines_show_bytes(frame->text, frame->ended, ret, size);
}
