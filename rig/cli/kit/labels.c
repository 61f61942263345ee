#include "rig/cli/kit/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add_need(struct labels *labels, const char *word, struct err *err)
{
	if (!strchr(word, '='))
		return err_set(err, -EINVAL, "--where %.80s: must be KEY=VALUE, such as model=X2", word);
	if (strncmp(word, "site=", 5) == 0) {
		labels->site = word + 5;
		return 0;
	}
	if (labels->needs == OPTION_LIST_MAX)
		return err_set(err, -EINVAL, "--where has more than %d labels", OPTION_LIST_MAX);
	labels->need[labels->needs++] = word;
	return 0;
}

int labels_read(const struct option_list *where, struct labels *ret, struct err *err)
{
	size_t size = 1;
	char *rest, *word;
	int rc = 0;

	for (unsigned i = 0; i < where->count; i++)
		size += strlen(where->item[i]) + 1;
	*ret = (struct labels){.text = calloc(1, size)};
	if (!ret->text)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < where->count; i++) {
		strcat(ret->text, where->item[i]);
		strcat(ret->text, " ");
	}
	for (rest = ret->text; !rc && (word = strsep(&rest, " \t"));)
		if (*word)
			rc = add_need(ret, word, err);
	return rc;
}

void labels_free(struct labels *labels)
{
	free(labels->text);
}
