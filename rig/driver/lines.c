/* One byte after the other; a line's end decides what became of it. */
#include "rig/driver/lines.h"

#include <stdio.h>
#include <string.h>

static bool text_byte(uint8_t byte)
{
	return (byte >= 0x20 && byte <= 0x7e) || byte == '\t';
}

static void take_byte(struct lines *lines, uint8_t byte)
{
	if (byte == '\r' && !lines->cr) {
		lines->cr = true;
		return;
	}
	if (lines->cr || lines->len == LINES_MAX || !text_byte(byte))
		lines->spoilt = true;
	if (lines->len < LINES_MAX)
		lines->text[lines->len++] = (char)byte;
}

static enum lines_fed end_line(struct lines *lines)
{
	enum lines_fed fed = lines->spoilt ? LINES_DROPPED : lines->len > 0 ? LINES_LINE : LINES_MORE;

	lines->text[lines->len] = '\0';
	lines->ended = lines->len;
	lines->len = 0;
	lines->cr = lines->spoilt = false;
	lines->dropped += fed == LINES_DROPPED;
	return fed;
}

enum lines_fed lines_feed(struct lines *lines, const uint8_t *data, size_t len, size_t *ret_used)
{
	enum lines_fed fed = LINES_MORE;
	size_t used = 0;

	while (used < len && fed == LINES_MORE) {
		uint8_t byte = data[used++];

		if (byte == '\n')
			fed = end_line(lines);
		else
			take_byte(lines, byte);
	}
	*ret_used = used;
	return fed;
}

void lines_show(const struct lines *lines, char *ret, size_t size)
{
	lines_show_bytes(lines->text, lines->ended, ret, size);
}

void lines_show_bytes(const char *bytes, size_t bytes_len, char *ret, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < bytes_len; i++) {
		char shown[8];
		uint8_t byte = (uint8_t)bytes[i];
		bool printable = byte >= 0x20 && byte <= 0x7e;

		snprintf(shown, sizeof(shown),
			 !printable                    ? "\\x%02x"
			 : byte == '"' || byte == '\\' ? "\\%c"
						       : "%c",
			 (unsigned)byte);
		size_t len = strlen(shown);
		if (at + len + sizeof("...") > size) {
			strcpy(ret + at, "...");
			return;
		}
		memcpy(ret + at, shown, len);
		at += len;
	}
	ret[at] = '\0';
}
