/* Text as JSON, XML and a terminal can carry it. */
#include "rig/base/text_clean.h"

#include <stdint.h>
#include <string.h>

#include "rig/base/text_plain.h"

/* Bytes of the valid UTF-8 character at `s`, at most `left`, and its code; 0 where there is none: overlong, surrogate,
 * beyond Unicode, or no character at all. */
static size_t character_at(const unsigned char *s, size_t left, uint32_t *ret_code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	if (!len || len > left)
		return 0;
	uint32_t code = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	bool surrogate = code >= 0xd800 && code <= 0xdfff, nothing = code == 0xfffe || code == 0xffff;
	*ret_code = code;
	return code < smallest[len] || code > 0x10ffff || surrogate || nothing ? 0 : len;
}

/* What a terminal or a page obeys instead of showing it: controls, C1 too, and the characters that break a line or turn the
 * order of all that stands behind them around, a verdict too. */
static bool terminal_obeys(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static bool document_carries(uint32_t code)
{
	return code == '\t' || code == '\n' || !terminal_obeys(code);
}

char *text_clean(const char *text, char *ret, size_t size)
{
	size_t len = strnlen(text, size - 1);
	for (size_t i = 0; i < len;) {
		uint32_t code = 0;
		size_t plain = text_plain(text + i, len - i);
		size_t n = plain ? plain : character_at((const unsigned char *)text + i, len - i, &code);
		bool kept = plain || (n && document_carries(code));
		if (kept)
			memcpy(ret + i, text + i, n);
		else
			ret[i] = '?';
		i += kept ? n : 1;
	}
	ret[len] = '\0';
	return ret;
}

void print_clean(FILE *out, const char *text)
{
	for (size_t left = strlen(text); left;) {
		uint32_t code = 0;
		size_t n = character_at((const unsigned char *)text, left, &code);
		if (n && !terminal_obeys(code))
			fwrite(text, 1, n, out);
		else
			fputc('?', out);
		text += n ? n : 1;
		left -= n ? n : 1;
	}
}

bool text_is_clean(const char *text)
{
	for (size_t left = strlen(text); left;) {
		uint32_t code = 0;
		size_t n = character_at((const unsigned char *)text, left, &code);
		if (!n || terminal_obeys(code))
			return false;
		text += n;
		left -= n;
	}
	return true;
}
