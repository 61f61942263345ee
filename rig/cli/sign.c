/* `penrig sign`: a person's word, in a signature: on a run, or on any file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/deliver.h"
#include "rig/base/disk.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/sealing.h"
#include "rig/config/control.h"

struct sign_options {
	const char *key, *name, *password_file, *reason;
	int meaning;
	bool force, bench;
};

#define AT(member) offsetof(struct sign_options, member)
static const struct cli_option sign_table[] = {
	{.name = "key",
	 .letter = 'k',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(key),
	 .help = "The secret key, which others than its owner cannot read. Required."},
	{.name = "name",
	 .letter = 'n',
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(name),
	 .help = "The printed name of who signs. Default, and nothing else allowed: the owner that the key names."},
	{.name = "meaning",
	 .letter = 'm',
	 .kind = OPTION_WORD,
	 .arg = "WORD",
	 .offset = AT(meaning),
	 .words = meaning_words,
	 .help = "What the signature says: approved (default), reviewed, responsible or rejected; of a file that is no "
		 "run file also withdrawn."},
	{.name = "reason",
	 .kind = OPTION_TEXT,
	 .arg = "TEXT",
	 .offset = AT(reason),
	 .help = "Why, for a file that is no run file; withdrawn must have one."},
	{.name = "bench",
	 .kind = OPTION_FLAG,
	 .offset = AT(bench),
	 .help = "Seal a run with the bench's key, as penrig run --sign does: it says measured."},
	{.name = "password-file",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(password_file),
	 .help = "The key's password is the first line of FILE. Default: asked for on the terminal."},
	{.name = "force",
	 .kind = OPTION_FLAG,
	 .offset = AT(force),
	 .help = "Replace the .minisig of a file that has one. The seals of a run file always stay."},
	{.name = NULL},
};

static bool is_run_file(const char *path)
{
	size_t len = strlen(path), end = strlen(RUNFILE_EXTENSION);

	return len > end && strcmp(path + len - end, RUNFILE_EXTENSION) == 0;
}

static int sign_file(const char *path, const struct sealing *sealing, const struct sign_options *o, struct err *err)
{
	char target[FILE_PATH_MAX + 16], reason[200] = "";
	char *text = NULL;
	int rc = record_text("--reason", o->reason, reason, sizeof(reason), err);

	snprintf(target, sizeof(target), "%.*s" MINISIG_EXTENSION, FILE_PATH_MAX, path);
	if (rc == 0 && !o->reason && strcmp(sealing->meaning, "withdrawn") == 0)
		rc = err_set(err, -EINVAL, "--reason is missing: why is it withdrawn?");
	if (rc == 0 && !o->force && access(target, F_OK) == 0)
		rc = err_set(err, -EEXIST, "%.300s is there already: --force replaces it", target);
	const struct approval_words words = {
		.meaning = sealing->meaning, .signer = sealing->signer, .reason = reason, .wall_ns = sealing->wall_ns};
	if (rc == 0)
		rc = approval_make(path, sealing->key, &words, &text, err);
	if (rc == 0)
		rc = report_save_text(text, target, err);
	free(text);
	if (rc < 0)
		return rc;
	printf("%s by ", sealing->meaning);
	print_clean(stdout, sealing->signer);
	fputs(": ", stdout);
	print_clean(stdout, target);
	fputc('\n', stdout);
	return 0;
}

static int sign(const struct sign_options *o, const char *path, struct sealing *sealing, struct err *err)
{
	char signer[KEY_OWNER_MAX] = "", name[KEY_OWNER_MAX] = "";
	struct signing_key *key = NULL;
	bool run = is_run_file(path);
	int rc = record_text("--name", o->name, name, sizeof(name), err);

	if (rc == 0 && !o->key)
		rc = err_set(err, -EINVAL, "--key is missing: --key FILE names the key to sign with");
	if (rc == 0 && o->bench && !run)
		rc = err_set(err, -EINVAL, "--bench: a bench's key speaks of runs alone");
	sealing->meaning = o->bench ? "measured" : meaning_words[o->meaning];
	if (rc == 0 && run && !meaning_find(sealing->meaning)->of_run)
		rc = err_set(err, -EINVAL, "--meaning %s: a run is rejected, not %s", sealing->meaning,
			     sealing->meaning);
	if (rc == 0)
		rc = keys_load(o->key, o->password_file, &key, err);
	if (rc == 0)
		rc = keys_signer(key, o->bench, o->name, signer, err);
	sealing->key = key;
	sealing->signer = signer;
	sealing->bench = o->bench;
	if (rc == 0)
		rc = run ? seal_run(path, sealing, stdout, err) : sign_file(path, sealing, o, err);
	signing_key_free(key);
	return rc;
}

static int sign_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct sealing sealing = {.wall_ns = tables->clock->wall_ns(tables->clock_ctx)};
	struct err err = {0};
	int rc = 0, code = EXIT_PASS;

	for (unsigned i = 0; i < count && code == EXIT_PASS; i++) {
		rc = sign(options, operands[i], &sealing, &err);
		if (rc < 0)
			code = cli_error(rc == -EPERM || rc == -ENOKEY ? EXIT_USAGE : cli_exit_code(rc), "%s",
					 err.text);
	}
	return code;
}

const struct command command_sign = {
	.name = "sign",
	.operands = "FILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Sign a run, or any file, with a person's key",
	.description =
		"Of a run file: its chain and every digest are computed anew, and then a seal is appended that names "
		"the "
		"report, the chain's head, who signs, when and with which meaning (21 CFR 11.50). What stands in the "
		"file "
		"stays. Beside it stand then NAME.seal-N.json and its .minisig, and the .minisig of the JSON report, "
		"which "
		"minisign -V verifies without penrig.\n\n"
		"Of any other file (a plan, a bench, a phantom, limits, an anchor): FILE.minisig, which says the same "
		"of "
		"these very bytes. penrig run --production asks for it.\n\n"
		"Exit code: 0 signed; 2 wrong usage, a key that others may use or whose password is wrong, a signature "
		"that is there already; 6 not a run file, damaged, altered or not ended, or the signature could not be "
		"written.",
	.example = "  penrig sign SN-0417-….penrig --key meier.key --meaning approved\n"
		   "  penrig sign conformance.json bench-3.json --key meier.key\n",
	.options = sign_table,
	.options_size = sizeof(struct sign_options),
	.run = sign_run,
};
