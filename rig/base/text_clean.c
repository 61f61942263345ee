/* Text as JSON and XML can carry it. */
#include "rig/base/text_clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the valid UTF-8 character at `s`, at most `left`; 0 where there is none. */
static size_t character_len(const unsigned char *s, size_t left)
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
	bool surrogate = code >= 0xd800 && code <= 0xdfff;
	bool control =
		(code < 0x20 && code != '\t' && code != '\n') || code == 0x7f || code == 0xfffe || code == 0xffff;
	return code < smallest[len] || code > 0x10ffff || surrogate || control ? 0 : len;
}

char *text_clean(const char *text, char *ret, size_t size)
{
	size_t len = strnlen(text, size - 1);
	for (size_t i = 0; i < len;) {
		size_t n = character_len((const unsigned char *)text + i, len - i);
		if (n)
			memcpy(ret + i, text + i, n);
		else
			ret[i] = '?';
		i += n ? n : 1;
	}
	ret[len] = '\0';
	return ret;
}
