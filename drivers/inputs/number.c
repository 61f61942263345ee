/* See device.h. */
#include "drivers/inputs/device.h"
#include "rig/driver/ieee488.h"

#include <string.h>
#include <strings.h>

#define MOST 65535

/* A word without the blanks behind it. */
static bool is_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncasecmp(text, word, len) == 0 && ieee488_at_end(text + len);
}

bool inputs_read_number(const char *query, const char *text, uint32_t *ret)
{
	const char *at;
	uint64_t value;

	if (!ieee488_data(text, query, &at))
		return false;
	if (is_word(at, "ON") || is_word(at, "OFF")) {
		*ret = is_word(at, "ON");
		return true;
	}
	if (!ieee488_uint(&at, &value) || !ieee488_at_end(at) || value > MOST)
		return false;
	*ret = (uint32_t)value;
	return true;
}
