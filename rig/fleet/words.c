#include "rig/fleet/words.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int uuid_draw(char ret[UUID_TEXT], struct err *err)
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return err_set(err, -EIO, "this computer gives no random numbers");
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(ret, UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return 0;
}

static char *add_word(char *at, const char *word)
{
	*at++ = '"';
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			*at++ = '\\';
		*at++ = *word;
	}
	*at++ = '"';
	return at;
}

char *words_array(const char *const *words, unsigned count)
{
	size_t size = 3;

	for (unsigned i = 0; i < count; i++)
		size += 2 * strlen(words[i]) + 3;
	char *text = malloc(size), *at = text;
	if (!text)
		return NULL;
	*at++ = '{';
	for (unsigned i = 0; i < count; i++) {
		if (i)
			*at++ = ',';
		at = add_word(at, words[i]);
	}
	*at++ = '}';
	*at = '\0';
	return text;
}
