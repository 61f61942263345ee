/* Keys as the command line names them: secret ones with their password, trusted ones from a folder or one by one. */
#ifndef PENRIG_CLI_KIT_KEYS_H
#define PENRIG_CLI_KIT_KEYS_H

#include "rig/base/keyring.h"
#include "rig/base/meaning.h"
#include "rig/cli/kit/command.h"
#include "rig/runfile/runfile.h"

/* The password of a key that is encrypted comes from the file, whose mode is checked, or is asked for on the terminal. */
int keys_load(const char *path, const char *password_file, struct signing_key **ret, struct err *err);
/* A new password: from the file, or asked for twice; "" where nothing is typed. -ENOKEY: nobody can be asked. */
int keys_new_password(const char *password_file, char *ret, size_t size, struct err *err);
/* A PIN or password of FILE (NULL: asked for on the terminal with `prompt`). -ENOKEY: nobody can be asked. */
int keys_ask(const char *file, const char *prompt, char *ret, size_t size, struct err *err);
void keys_forget(char *password, size_t size);

/* Whose key it is: -EINVAL where it is a bench's and a person's is wanted or the other way round, or where `name` (NULL:
 * none was given) is not its owner's. ret of KEY_OWNER_MAX bytes: the printed name. */
int keys_signer(const struct signing_key *key, bool bench, const char *name, char *ret, struct err *err);

/* Those given and those of the folder; without either those of PENRIG_KEYS, where it is set. */
int keys_trusted(const struct option_list *given, const char *folder, struct keyring *ret, struct err *err);

/* The seals of a run file into its record, by the keys of PENRIG_KEYS: what show and report say of them. -errno with text. */
int keys_read_seals(struct runfile_reader *reader, struct record *record, struct err *err);
/* Says on standard error that the run was rejected since, where it was: a verdict is the run's, whatever was decided of it later. */
void keys_say_rejected(const struct record *record);

#endif
