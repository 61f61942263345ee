/* The ring of events. */
#include "rig/station/feed.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct feed {
	uint64_t epoch, next;
	char *text[FEED_EVENTS];
	size_t len[FEED_EVENTS];
};

struct feed *feed_new(uint64_t epoch)
{
	struct feed *s = calloc(1, sizeof(*s));

	if (s) {
		s->epoch = epoch;
		s->next = 1;
	}
	return s;
}

void feed_free(struct feed *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < FEED_EVENTS; i++)
		free(s->text[i]);
	free(s);
}

int feed_add(struct feed *s, const char *kind, const char *data)
{
	unsigned slot = s->next % FEED_EVENTS;
	char *text = NULL;
	int n = asprintf(&text, "id: %llu-%llu\nevent: %s\ndata: %s\n\n", (unsigned long long)s->epoch,
			 (unsigned long long)s->next, kind, data);

	if (n < 0)
		return -ENOMEM;
	free(s->text[slot]);
	s->text[slot] = text;
	s->len[slot] = (size_t)n;
	s->next++;
	return 0;
}

uint64_t feed_next(const struct feed *s)
{
	return s->next;
}

static bool number_at(const char **text, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

uint64_t feed_after(const struct feed *s, const char *last_id)
{
	uint64_t epoch, number;

	if (!last_id || strlen(last_id) > 42 || !number_at(&last_id, &epoch) || *last_id++ != '-' ||
	    !number_at(&last_id, &number) || *last_id)
		return 0;
	if (epoch != s->epoch || number >= s->next || s->next - number > FEED_EVENTS)
		return 0;
	return number + 1;
}

const char *feed_text(const struct feed *s, uint64_t number, size_t *ret_len)
{
	if (number == 0 || number >= s->next || s->next - number > FEED_EVENTS)
		return NULL;
	*ret_len = s->len[number % FEED_EVENTS];
	return s->text[number % FEED_EVENTS];
}
