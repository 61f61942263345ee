/* `penrig key`: makes a key, or tells whose a key is. */
#include <errno.h>
#include <string.h>

#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/naming.h"

#define PASSWORD_MAX 1024

struct key_options {
	const char *owner, *password_file;
	bool bench, no_password;
};

#define AT(member) offsetof(struct key_options, member)
static const struct cli_option key_table[] = {
	{.name = "owner",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(owner),
	 .help = "Whose key it is: a person's printed name, or that of the bench. Stands in both files."},
	{.name = "bench",
	 .kind = OPTION_FLAG,
	 .offset = AT(bench),
	 .help = "The key of a bench: it can say what was measured, and nothing that only a person can say."},
	{.name = "password-file",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(password_file),
	 .help = "The password is the first line of FILE. Default: asked for on the terminal."},
	{.name = "no-password",
	 .kind = OPTION_FLAG,
	 .offset = AT(no_password),
	 .help = "The key is not encrypted: whoever can read the file can sign."},
	{.name = NULL},
};

static int print_public(const struct public_key *key)
{
	char base64[PUBLIC_KEY_TEXT_MAX], id[KEY_ID_HEX], owner[KEY_OWNER_MAX];
	bool bench;

	key_id_text(key->id, id);
	public_key_base64(key, base64);
	printf("key        %s\n", id);
	if (key_owner(key, &bench, owner)) {
		printf("owner      %s", bench ? "the bench " : "");
		print_clean(stdout, owner);
		fputc('\n', stdout);
	}
	printf("public key %s\n", base64);
	return EXIT_PASS;
}

static int make(const struct key_options *o, const char *path, struct err *err)
{
	char owner[KEY_OWNER_MAX] = "", comment[KEY_COMMENT_MAX], password[PASSWORD_MAX] = "";
	struct signing_key *key = NULL;

	if (!o->owner)
		return err_set(err, -EINVAL, "--owner is missing: --owner NAME says whose key this is");
	int rc = record_text("--owner", o->owner, owner, sizeof(owner), err);
	if (rc == 0 && !o->no_password)
		rc = keys_new_password(o->password_file, password, sizeof(password), err);
	if (rc == 0)
		rc = signing_key_new(&key, err);
	if (rc == 0) {
		key_comment(signing_key_public(key), o->bench, owner, comment);
		rc = signing_key_save(key, path, password, comment, err);
	}
	keys_forget(password, sizeof(password));
	if (rc == 0) {
		struct public_key public = *signing_key_public(key);
		snprintf(public.comment, sizeof(public.comment), "%s", comment);
		print_public(&public);
		printf("secret key ");
		print_clean(stdout, path);
		printf("%s\n", *password ? "" : o->no_password ? ", not encrypted: whoever can read it can sign" : "");
	}
	signing_key_free(key);
	return rc;
}

static int key_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct public_key key;
	struct err err = {0};
	int rc;

	(void)tables, (void)count;
	if (strcmp(operands[0], "new") == 0)
		rc = make(options, operands[1], &err);
	else if (strcmp(operands[0], "show") == 0)
		rc = public_key_read(operands[1], &key, &err);
	else
		rc = err_set(&err, -EINVAL, "key %.40s: new FILE makes a key, show FILE tells of a public one",
			     operands[0]);
	if (rc == 0 && *operands[0] == 's')
		print_public(&key);
	return rc < 0 ? cli_error(rc == -ENOKEY || rc == -EPERM || rc == -EBADMSG ? EXIT_USAGE : cli_exit_code(rc),
				  "%s", err.text)
		      : EXIT_PASS;
}

const struct command command_key = {
	.name = "key",
	.operands = "new|show FILE",
	.operands_min = 2,
	.operands_max = 2,
	.group = "Records",
	.summary = "Make a key to sign with, or tell whose a key is",
	.description =
		"new: an Ed25519 key in the formats of minisign. FILE (by custom NAME.key) is the secret key, for its "
		"owner's eyes alone; NAME.pub beside it is the public one, for the folder of those who verify. Neither "
		"is ever overwritten.\n\n"
		"show: the identity, owner and text of a public key.\n\n"
		"Exit code: 0; 2 wrong usage, or a file that is there already; 6 a file could not be written.",
	.example = "  penrig key new /media/token/meier.key --owner \"A. Meier\"\n"
		   "  penrig key new /etc/penrig/bench-3.key --owner bench-3 --bench --no-password\n",
	.options = key_table,
	.options_size = sizeof(struct key_options),
	.run = key_run,
};
