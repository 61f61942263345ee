/* What was chosen, as conditions. */
#include "rig/cli/history_options.h"

#include <errno.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/cli/kit/fleet.h"
#include "rig/cli/kit/indexing.h"
#include "rig/fleet/mirror.h"

const char *const history_verdict_words[] = {
	"pass", "conditional_pass", "pass_on_statement", "inconclusive", "conditional_fail", "fail", "none", NULL};
const char *const history_status_words[] = {"complete", "interrupted",    "device_lost", "storage_failed",
					    "refused",  "internal_error", NULL};

static int add(struct history_filter *filter, enum history_field field, const char *option, const char *value,
	       struct err *err)
{
	if (filter->count == HISTORY_FILTERS_MAX)
		return err_set(err, -EINVAL, "%s %s: more than %d conditions at once", option, value,
			       HISTORY_FILTERS_MAX);
	filter->item[filter->count].field = field;
	filter->item[filter->count++].value = value;
	return 0;
}

static int is_word(const char *option, const char *value, const char *const *words, struct err *err)
{
	for (const char *const *word = words; word && *word; word++)
		if (strcmp(*word, value) == 0)
			return 0;
	if (!words || strpbrk(value, "*?"))
		return 0;
	const char *near = nearest_word(value, words);
	return err_set(err, -EINVAL, "%s %s: there is none of this name; did you mean \"%s\"?", option, value,
		       near ? near : words[0]);
}

static int is_time(const char *option, const char *value, struct err *err)
{
	char day[11];
	unsigned h, m, s;
	int n = 0;

	snprintf(day, sizeof(day), "%s", value);
	if (json_date_valid(day) &&
	    (value[10] == '\0' || (sscanf(value + 10, "T%2u:%2u:%2u%n", &h, &m, &s, &n) == 3 && n == 9 && h < 24 &&
				   m < 60 && s < 60 && (strcmp(value + 19, "") == 0 || strcmp(value + 19, "Z") == 0))))
		return 0;
	return err_set(err, -EINVAL, "%s %s: must be a date or time in UTC, as 2026-03-01 or 2026-03-01T09:00:00",
		       option, value);
}

static int add_time(struct history_filter *filter, enum history_field field, const char *option, const char *value,
		    struct err *err)
{
	int rc = value ? is_time(option, value, err) : 0;

	return rc || !value ? rc : add(filter, field, option, value, err);
}

int choice_filter(const struct choice *c, struct history_filter *ret, struct err *err)
{
	const struct {
		enum history_field field;
		const char *option;
		const struct option_list *list;
		const char *const *words;
	} table[] = {
		{BY_DUT, "--dut", &c->dut, NULL},
		{BY_LOT, "--lot", &c->lot, NULL},
		{BY_PLAN, "--plan", &c->plan, NULL},
		{BY_BENCH, "--bench", &c->bench, NULL},
		{BY_OPERATOR, "--operator", &c->by_operator, NULL},
		{BY_DEVICE, "--device", &c->device, NULL},
		{BY_CERTIFICATE, "--certificate", &c->certificate, NULL},
		{BY_VERDICT, "--verdict", &c->verdict, history_verdict_words},
		{BY_STATUS, "--status", &c->status, history_status_words},
		{BY_ATTRIBUTE, "--attr", &c->attr, NULL},
	};
	int rc = 0;

	ret->count = 0;
	for (unsigned t = 0; t < sizeof(table) / sizeof(table[0]); t++)
		for (unsigned i = 0; i < table[t].list->count && !rc; i++) {
			const char *value = table[t].list->item[i];
			rc = is_word(table[t].option, value, table[t].words, err);
			if (!rc)
				rc = add(ret, table[t].field, table[t].option, value, err);
		}
	for (unsigned i = 0; i < c->attr.count && !rc; i++)
		if (!strchr(c->attr.item[i], '='))
			rc = err_set(err, -EINVAL, "--attr %s: must be KEY=VALUE, as station=3", c->attr.item[i]);
	if (!rc)
		rc = add_time(ret, BY_SINCE, "--since", c->since, err);
	return rc ? rc : add_time(ret, BY_UNTIL, "--until", c->until, err);
}

int choice_open(const struct choice *c, const struct history_filter *filter, bool units, struct history **ret,
		struct err *err)
{
	const struct indexing where = {.history = c->history, .state = c->state};
	struct server *server = NULL;

	if (!c->db)
		return indexing_ask(&where, ret, err);
	int rc = c->history || c->state
			 ? err_set(err, -EINVAL, "--db asks a server: --history and --state name a bench's own history")
			 : server_new(c->db, "penrig history", &server, err);
	if (!rc)
		rc = mirror_fetch(server, filter, units, ret, err);
	server_free(server);
	return rc;
}

int choice_exit_code(const struct choice *choice, int rc)
{
	if (choice->db)
		return fleet_exit_code(rc);
	return rc == -ENOENT ? EXIT_USAGE : EXIT_STORAGE;
}
