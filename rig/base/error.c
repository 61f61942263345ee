#include "rig/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list args;
		va_start(args, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, args);
		va_end(args);
	}
	return code;
}

void err_prefix(struct err *err, const char *fmt, ...)
{
	if (!err)
		return;
	char old[ERR_TEXT_MAX];
	memcpy(old, err->text, sizeof(old));
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(err->text))
		return;
	const size_t room = sizeof(err->text) - (size_t)n;
	snprintf(err->text + n, room, ": %.*s", (int)room, old);
}
