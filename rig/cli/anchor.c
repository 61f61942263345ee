/* `penrig anchor`: what a day's run files hold, in one signed line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/report.h"
#include "rig/base/disk.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/sealing.h"
#include "rig/offline/anchor.h"
#include "rig/offline/reopen.h"

struct anchor_options {
	const char *key, *password_file, *output;
};

#define AT(member) offsetof(struct anchor_options, member)
static const struct cli_option anchor_table[] = {
	{.name = "key",
	 .letter = 'k',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(key),
	 .help = "The secret key, a bench's or a person's. Required."},
	{.name = "output",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(output),
	 .help = "Where the list goes; its signature goes beside it, FILE.minisig. Neither may be there. Required."},
	{.name = "password-file",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(password_file),
	 .help = "The key's password is the first line of FILE. Default: asked for on the terminal."},
	{.name = NULL},
};

static int add(const char *path, char **list, struct err *err)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	int rc = reopen_sound(path, &reader, &record, err);

	if (rc == 0)
		rc = anchor_add(list, reader, record, err);
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

static int save(const char *path, const char *list, const char *signature, struct err *err)
{
	char beside[FILE_PATH_MAX + 16];

	snprintf(beside, sizeof(beside), "%.*s" MINISIG_EXTENSION, FILE_PATH_MAX, path);
	int rc = disk_make_file(path, err);
	if (rc == 0)
		rc = report_save_text(list, path, err);
	return rc ? rc : report_save_text(signature, beside, err);
}

static int make(const struct anchor_options *o, const char *day, const char *const *runs, unsigned count,
		const struct signing_key *key, struct err *err)
{
	char owner[KEY_OWNER_MAX] = "", line[ANCHOR_LINE_MAX];
	char *list = NULL, *signature = NULL;
	bool bench;
	int rc = anchor_begin(day, &list, err);

	for (unsigned i = 0; i < count && rc == 0; i++)
		rc = add(runs[i], &list, err);
	if (!key_owner(signing_key_public(key), &bench, owner))
		key_id_text(signing_key_public(key)->id, owner);
	if (rc == 0)
		rc = anchor_sign(list, day, count, key, owner, &signature, line, err);
	if (rc == 0)
		rc = save(o->output, list, signature, err);
	if (rc == 0)
		printf("%s\n", line);
	free(signature);
	free(list);
	return rc;
}

static int anchor_cli_run(const struct cli_tables *tables, const void *options, const char *const *operands,
			  unsigned count)
{
	const struct anchor_options *o = options;
	struct signing_key *key = NULL;
	struct err err = {0};
	char utc[32];
	int rc = 0;

	if (!o->key || !o->output)
		rc = err_set(&err, -EINVAL, "--%s is missing", o->key ? "output" : "key");
	if (rc == 0)
		rc = keys_load(o->key, o->password_file, &key, &err);
	seal_time(tables->clock->wall_ns(tables->clock_ctx), utc);
	if (rc == 0)
		rc = make(o, utc, operands, count, key, &err);
	signing_key_free(key);
	return rc < 0 ? cli_error(rc == -EPERM || rc == -ENOKEY ? EXIT_USAGE : cli_exit_code(rc), "%s", err.text)
		      : EXIT_PASS;
}

const struct command command_anchor = {
	.name = "anchor",
	.operands = "RUNFILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Say in one signed line what a day's run files hold",
	.description = "Verifies the chain of each run file, lists their names, entries and heads in FILE, signs that, "
		       "and prints one "
		       "line: mail it, print it, leave it with somebody else. Who has the line knows the list, who has "
		       "the list and "
		       "its .minisig can show with penrig verify --anchor that a run was altered since, that its end "
		       "was cut, or that "
		       "an older state of it was put back, even where all that was sealed on its bench at the time.\n\n"
		       "Exit code: 0; 2 wrong usage, or a file that is there already; 6 a run file that is damaged, "
		       "altered or did not "
		       "end, or the list could not be written.",
	.example =
		"  penrig anchor out/*20261129T*.penrig --key bench-3.key -o 2026-11-29.anchor | mail qa@example.com\n",
	.options = anchor_table,
	.options_size = sizeof(struct anchor_options),
	.run = anchor_cli_run,
};
