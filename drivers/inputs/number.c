/* See device.h. */
#include "drivers/inputs/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST 65535

/* IEEE 488.2 lets an instrument answer in another base: #HFF, #Q377, #B101. */
static bool read_based(const char *text, uint32_t *ret)
{
	static const struct {
		const char *letters;
		int base;
	} rows[] = {{"Hh", 16}, {"Qq", 8}, {"Bb", 2}};

	for (unsigned i = 0; i < 3; i++) {
		if (!*text || !strchr(rows[i].letters, *text))
			continue;
		char *end;
		unsigned long value = strtoul(text + 1, &end, rows[i].base);
		size_t len = (size_t)(end - text - 1);
		if (len == 0 || strspn(text + 1, "0123456789ABCDEFabcdef") < len || *end || value > MOST)
			return false;
		*ret = (uint32_t)value;
		return true;
	}
	return false;
}

bool inputs_read_number(const char *text, uint32_t *ret)
{
	char *end;

	while (*text == ' ' || *text == '\t')
		text++;
	if (*text == '#')
		return read_based(text + 1, ret);
	if (strcasecmp(text, "ON") == 0 || strcasecmp(text, "OFF") == 0) {
		*ret = strcasecmp(text, "ON") == 0;
		return true;
	}
	if (strspn(text, "+-.0123456789Ee \t\r") != strlen(text))
		return false;
	double value = strtod(text, &end);
	if (end == text || end[strspn(end, " \t\r")] || !(value >= 0 && value <= MOST) || value != floor(value))
		return false;
	*ret = (uint32_t)value;
	return true;
}
