/* What a signature may mean. */
#include "rig/base/meaning.h"

#include <string.h>

static const struct meaning meanings[] = {
	{.name = "measured", .of_bench = true, .of_run = true},
	{.name = "approved", .of_run = true, .word = 1},
	{.name = "reviewed", .of_run = true},
	{.name = "responsible", .of_run = true},
	{.name = "rejected", .of_run = true, .word = -1},
	{.name = "withdrawn", .word = -1},
};
const char *const meaning_words[] = {"approved", "reviewed", "responsible", "rejected", "withdrawn", NULL};

const struct meaning *meaning_find(const char *name)
{
	for (unsigned i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strcmp(meanings[i].name, name) == 0)
			return &meanings[i];
	return NULL;
}
