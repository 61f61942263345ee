/* `penrig account`: who may do what at a station. Every change but the first is made by a supervisor, who gives the PIN. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/loop.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/table.h"
#include "rig/station/accounts.h"

struct account_options {
	const char *name, *badge, *by, *plan, *pin_file, *by_pin_file;
	int role;
	bool json, csv;
};

#define AT(member) offsetof(struct account_options, member)
static const struct cli_option account_table[] = {
	{.name = "name",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(name),
	 .group = "Whose",
	 .help = "The person's printed name."},
	{.name = "badge",
	 .kind = OPTION_TEXT,
	 .arg = "CODE",
	 .offset = AT(badge),
	 .help = "The code on the badge, of add and badge."},
	{.name = "role",
	 .kind = OPTION_WORD,
	 .arg = "ROLE",
	 .words = account_roles,
	 .offset = AT(role),
	 .help = "operator: tests by the plans that the person is trained for; engineer: by every plan; supervisor: "
		 "decides about units "
		 "that failed, and changes accounts."},
	{.name = "plan",
	 .kind = OPTION_TEXT,
	 .arg = "PLAN",
	 .offset = AT(plan),
	 .help = "The plan of train and untrain: its file's name without folder and .json."},
	{.name = "pin-file",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(pin_file),
	 .help = "The new PIN is the first line of FILE. Default: asked for on the terminal, twice."},
	{.name = "by",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(by),
	 .group = "Who changes it",
	 .help = "The supervisor, by name or badge. The first account needs none, nor does the owner of the file for "
		 "unlock."},
	{.name = "by-pin-file",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(by_pin_file),
	 .help = "The supervisor's PIN is the first line of FILE. Default: asked for on the terminal."},
	{.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .group = "Output", .help = "The accounts as JSON."},
	{.name = "csv", .kind = OPTION_FLAG, .offset = AT(csv), .help = "The accounts as CSV."},
	{.name = NULL},
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int new_pin(const struct account_options *o, char ret[PIN_KEPT_MAX], struct err *err)
{
	char pin[PIN_MAX + 2], again[PIN_MAX + 2];
	int rc = keys_ask(o->pin_file, "new PIN: ", pin, sizeof(pin), err);

	if (rc == 0 && !o->pin_file) {
		rc = keys_ask(NULL, "once more: ", again, sizeof(again), err);
		if (rc == 0 && strcmp(pin, again) != 0)
			rc = err_set(err, -EINVAL, "the two PINs differ");
	}
	if (rc == 0)
		rc = pin_keep(pin, ret, err);
	keys_forget(pin, sizeof(pin));
	keys_forget(again, sizeof(again));
	return rc;
}

/* Who owns the file could begin another: a lock holds no such person out, and holds a station without one for good. */
static int let_owner(const char *path, char ret_by[ACCOUNT_TEXT], struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (geteuid() != st.st_uid && geteuid() != 0)
		return err_set(err, -EINVAL, "--by is missing: without a supervisor only the owner of %s unlocks",
			       path);
	snprintf(ret_by, ACCOUNT_TEXT, "the file's owner (uid %u)", (unsigned)geteuid());
	return 0;
}

/* A change is a supervisor's, who is asked for the PIN each time. *ret_by: the name. */
static int let_by(struct accounts *accounts, const struct account_options *o, char ret_by[ACCOUNT_TEXT],
		  struct err *err)
{
	const struct account *by = NULL;
	char pin[PIN_MAX + 2];
	enum account_answer answer;
	int rc;

	snprintf(ret_by, ACCOUNT_TEXT, "%s", "first");
	if (accounts_count(accounts) == 0)
		return 0;
	if (!o->by)
		return err_set(err, -EINVAL, "--by is missing: a supervisor makes every change but the first");
	rc = keys_ask(o->by_pin_file, "PIN of the supervisor: ", pin, sizeof(pin), err);
	if (rc < 0)
		return rc;
	answer = accounts_ask(accounts, o->by, pin, now_ns(), &by);
	keys_forget(pin, sizeof(pin));
	if (answer == ACCOUNT_LOCKED)
		return err_set(err, -EPERM,
			       "%s: locked after %d wrong PINs; another supervisor unlocks it, or the owner of the "
			       "file without --by",
			       o->by, ACCOUNT_WRONG_MAX);
	if (answer == ACCOUNT_DISABLED)
		return err_set(err, -EPERM, "%s: this account is disabled", o->by);
	if (answer != ACCOUNT_KNOWN)
		return err_set(err, -EPERM, "%s: not this name and PIN", o->by);
	if (by->role != ROLE_SUPERVISOR)
		return err_set(err, -EPERM, "%s is no supervisor: only a supervisor changes accounts", by->name);
	snprintf(ret_by, ACCOUNT_TEXT, "%s", by->name);
	return 0;
}

static int change(struct accounts *accounts, const char *path, enum account_event event,
		  const struct account_options *o, struct err *err)
{
	char pin[PIN_KEPT_MAX] = "", by[ACCOUNT_TEXT], name[ACCOUNT_TEXT];
	bool owner = event == ACCOUNT_UNLOCK && !o->by;
	int rc;

	if (!o->name)
		return err_set(err, -EINVAL, "--name is missing: whose account it is");
	if ((rc = record_text("--name", o->name, name, sizeof(name), err)) < 0 ||
	    (rc = owner ? let_owner(path, by, err) : let_by(accounts, o, by, err)) < 0)
		return rc;
	if (event == ACCOUNT_ADD || event == ACCOUNT_PIN)
		rc = new_pin(o, pin, err);
	const struct account_entry entry = {.event = event,
					    .name = name,
					    .by = by,
					    .badge = o->badge,
					    .pin = pin,
					    .plan = o->plan,
					    .role = (enum account_role)o->role};

	return rc < 0 ? rc : accounts_tell(accounts, &entry, now_ns(), err);
}

static const struct table_column columns[] = {
	{"name", TABLE_STRING, NULL},    {"role", TABLE_STRING, NULL},  {"disabled", TABLE_BOOLEAN, NULL},
	{"locked", TABLE_BOOLEAN, NULL}, {"plans", TABLE_STRING, NULL}, {.path = NULL},
};
const struct table table_account = {"account list", "accounts", columns};

static int print_form(const struct accounts *accounts, bool csv, struct err *err)
{
	struct json_out *root = json_out_object(), *rows = json_out_add_array(root, "accounts");
	char head[DIGEST_HEX];

	for (unsigned i = 0; i < accounts_count(accounts); i++) {
		const struct account *a = accounts_at(accounts, i);
		struct json_out *o = json_out_add_object(rows, NULL);

		json_out_string(o, "name", a->name);
		json_out_string(o, "role", account_roles[a->role]);
		json_out_bool(o, "disabled", a->disabled);
		json_out_bool(o, "locked", account_locked(a));
		struct json_out *plans = json_out_add_array(o, "plans");
		for (unsigned k = 0; k < a->plans; k++)
			json_out_string(plans, NULL, a->plan[k]);
	}
	accounts_head(accounts, head);
	json_out_string(root, "head", head);
	return table_print(root, &table_account, csv, err);
}

static void list(const struct accounts *accounts)
{
	char head[DIGEST_HEX];

	for (unsigned i = 0; i < accounts_count(accounts); i++) {
		const struct account *a = accounts_at(accounts, i);

		print_clean(stdout, a->name);
		printf("\t%s%s%s", account_roles[a->role], a->disabled ? ", disabled" : "",
		       account_locked(a) ? ", locked" : "");
		for (unsigned k = 0; k < a->plans; k++) {
			printf("%s", k ? " " : "\t");
			print_clean(stdout, a->plan[k]);
		}
		fputc('\n', stdout);
	}
	accounts_head(accounts, head);
	printf("the trail is whole; its head is %s\n", head);
}

static int event_of(const char *word)
{
	for (int i = 0; i < ACCOUNT_CHANGES; i++)
		if (strcmp(account_events[i], word) == 0)
			return i;
	return -1;
}

static int account_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	struct accounts *accounts = NULL;
	struct err err = {""};
	const struct account_options *o = options;
	int event = event_of(operands[0]), rc;

	(void)tables, (void)count;
	if (event < 0 && strcmp(operands[0], "list") != 0)
		return cli_error(
			EXIT_USAGE,
			"account %.40s: list, or one of add, pin, badge, role, train, untrain, disable, enable, unlock",
			operands[0]);
	rc = accounts_open(operands[1], event == ACCOUNT_ADD, &accounts, &err);
	if (rc == 0 && event >= 0)
		rc = change(accounts, operands[1], (enum account_event)event, options, &err);
	if (rc == 0 && (o->json || o->csv))
		rc = print_form(accounts, o->csv, &err);
	else if (rc == 0)
		list(accounts);
	accounts_close(accounts);
	return rc < 0 ? cli_error(rc == -EPERM || rc == -ENOKEY ? EXIT_USAGE : cli_exit_code(rc), "%s", err.text)
		      : EXIT_PASS;
}

const struct command command_account = {
	.name = "account",
	.operands = "ACTION FILE",
	.operands_min = 2,
	.operands_max = 2,
	.summary = "Say who may sign in at a station, with which role and plans",
	.description = "FILE is the trail of accounts that a station file names (\"accounts\"). ACTION is list, or a "
		       "change: add, pin, "
		       "badge, role, train, untrain, disable, enable, unlock. The first account is a supervisor's; "
		       "from then on each "
		       "change needs --by and that supervisor's PIN.\n\n"
		       "Every change, sign-in, wrong PIN and decision about a unit is a line of the file, chained to "
		       "the one before by "
		       "its SHA-256. Five wrong PINs in a row lock an account until a supervisor unlocks it, or the "
		       "owner of the file "
		       "does, without --by and a PIN. A station "
		       "takes a change "
		       "in at the next order.\n\n"
		       "The exit code is 0; 2 wrong usage, or a PIN, name or role that does not allow it; 6 the file "
		       "cannot be read or "
		       "written, or its chain is broken.",
	.example = "  penrig account add accounts.jsonl --name \"R. Chief\" --role supervisor --badge SV-01\n"
		   "  penrig account add accounts.jsonl --name \"A. Meier\" --badge OP-0007 --by \"R. Chief\"\n"
		   "  penrig account train accounts.jsonl --name \"A. Meier\" --plan pen-s --by \"R. Chief\"\n",
	.options = account_table,
	.options_size = sizeof(struct account_options),
	.run = account_run,
};
