/* Text that others wrote, made safe to print and to keep. */
#include <stdint.h>
#include <string.h>

#include "rig/cli/kit/command.h"

/* Length of the UTF-8 sequence at s, with its code point; 0 where there is none (overlong and surrogates included). */
static unsigned utf8_at(const unsigned char *s, uint32_t *ret_code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned len = s[0] < 0x80             ? 1
		       : (s[0] & 0xe0) == 0xc0 ? 2
		       : (s[0] & 0xf0) == 0xe0 ? 3
		       : (s[0] & 0xf8) == 0xf0 ? 4
					       : 0;
	uint32_t code;

	if (len <= 1) {
		*ret_code = s[0];
		return len;
	}
	code = s[0] & (0x7fu >> len);
	for (unsigned i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3fu);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return len;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

bool text_is_clean(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		uint32_t code;
		unsigned len = utf8_at(s, &code);

		if (!len || is_control(code))
			return false;
		s += len;
	}
	return true;
}

void print_clean(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		uint32_t code;
		unsigned len = utf8_at(s, &code);

		if (!len || is_control(code))
			fputc('?', out);
		else
			fwrite(s, 1, len, out);
		s += len ? len : 1;
	}
}
