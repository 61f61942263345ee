#include "rig/fleet/reserve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/fleet/words.h"

#define LEASE "60 s" /* RESERVE_LEASE_S */

int reserve_ask(struct server *server, const struct reservation_wish *wish, int64_t *ret_id, struct err *err)
{
	char lasts[40], *need = words_array(wish->need, wish->needs);
	const char *const values[] = {wish->token, wish->site, need, lasts, LEASE, wish->why};
	struct answer *answer = NULL;

	snprintf(lasts, sizeof(lasts), "%.3f s", wish->lasts_s);
	int rc = need ? server_ask(server, "SELECT reserve($1, $2, $3, $4, $5, $6)", values, 6, &answer, err)
		      : err_set(err, -ENOMEM, "out of memory");
	if (!rc)
		*ret_id = answer_int(answer, 0, 0);
	answer_free(answer);
	free(need);
	return rc;
}

int reserve_keep(struct server *server, int64_t id, struct reservation *ret, struct err *err)
{
	static const char *const words[] = {
		[RESERVATION_WAITS] = "waits", [RESERVATION_HELD] = "held", [RESERVATION_OVER] = "over"};
	char text[24];
	const char *const values[] = {text, LEASE};
	struct answer *answer = NULL;

	snprintf(text, sizeof(text), "%lld", (long long)id);
	int rc = server_ask(server, "SELECT state, bench, left_s FROM reserved($1, $2)", values, 2, &answer, err);
	if (rc)
		return rc;
	*ret = (struct reservation){.state = RESERVATION_OVER, .left_s = answer_real(answer, 0, 2)};
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], answer_text(answer, 0, 0)) == 0)
			ret->state = (enum reservation_state)i;
	snprintf(ret->bench, sizeof(ret->bench), "%s", answer_text(answer, 0, 1));
	answer_free(answer);
	return 0;
}

int reserve_release(struct server *server, int64_t id, struct err *err)
{
	char text[24];
	const char *const values[] = {text};

	snprintf(text, sizeof(text), "%lld", (long long)id);
	return server_ask(server, "SELECT release($1)", values, 1, NULL, err);
}
