/* For tests of file readers: a right text, one change in it, and the whole message that it must give. */
#ifndef PENRIG_UNIT_CONFIG_VARIANT_H
#define PENRIG_UNIT_CONFIG_VARIANT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct variant {
	const char *find, *replace; /* find stands in the right text exactly once */
	const char *message;
};

/* Writes text with the first `find` replaced into the file `path`; false where it does not stand there exactly once. */
static inline bool variant_write(const char *path, const char *text, const char *find, const char *replace)
{
	const char *at = strstr(text, find);
	FILE *f = fopen(path, "w");

	if (!at || (*find && strstr(at + 1, find)) || !f)
		return false;
	fprintf(f, "%.*s%s%s", (int)(at - text), text, replace, at + strlen(find));
	return fclose(f) == 0;
}

static char variant_home[4096], variant_folder[] = "/tmp/penrig-test-XXXXXX";

/* Group set-up and tear-down: an empty folder as the working folder, and the way back. */
static inline int variant_enter(void **state)
{
	(void)state;
	return getcwd(variant_home, sizeof(variant_home)) && mkdtemp(variant_folder) ? chdir(variant_folder) : -1;
}

static inline int variant_leave(void **state)
{
	static const char *const files[] = {"plan.json", "bench.json", "phantom.json", "phantom2.json"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	return chdir(variant_home) || rmdir(variant_folder);
}

#endif
