/* Keys as the command line names them. */
#include "rig/cli/kit/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "rig/cli/kit/command.h"

#define PASSWORD_MAX 1024

/* ---- passwords --------------------------------------------------------------------------------------------------- */

static int password_of_file(const char *path, char *ret, size_t size, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0) {
		int code = -errno;
		if (fd >= 0)
			close(fd);
		return err_set(err, code, "%.300s cannot be opened: %s", path, strerror(-code));
	}
	if (S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO)) {
		close(fd);
		return err_set(err, -EPERM, "%.300s: others than its owner may use it (mode %04o): chmod 600 it", path,
			       (unsigned)(st.st_mode & 07777));
	}
	n = read(fd, ret, size - 1);
	close(fd);
	if (n < 0)
		return err_set(err, -EIO, "%.300s cannot be read", path);
	ret[n] = '\0';
	ret[strcspn(ret, "\r\n")] = '\0';
	return 0;
}

static int read_line(int fd, char *ret, size_t size)
{
	size_t len = 0;
	char c;

	while (read(fd, &c, 1) == 1 && c != '\n') {
		if (len + 1 == size)
			return -E2BIG;
		ret[len++] = c;
	}
	ret[len] = '\0';
	return 0;
}

/* On the terminal itself, whatever standard input is; what is typed does not show. */
static int ask_terminal(void *ctx, const char *prompt, char *ret, size_t size)
{
	struct termios shown, hidden;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), rc = -ENOKEY;

	(void)ctx;
	if (fd < 0)
		return rc;
	if (tcgetattr(fd, &shown) == 0) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(fd, TCSAFLUSH, &hidden);
		dprintf(fd, "%s", prompt);
		rc = read_line(fd, ret, size);
		tcsetattr(fd, TCSAFLUSH, &shown);
		dprintf(fd, "\n");
	}
	close(fd);
	return rc;
}

struct from_file {
	const char *path;
	struct err err;
};

static int ask_file(void *ctx, const char *prompt, char *ret, size_t size)
{
	struct from_file *from = ctx;

	(void)prompt;
	return password_of_file(from->path, ret, size, &from->err);
}

int keys_load(const char *path, const char *password_file, struct signing_key **ret, struct err *err)
{
	struct from_file from = {.path = password_file};
	const struct password_source source = {.ask = password_file ? ask_file : ask_terminal, .ctx = &from};
	int rc = signing_key_load(path, &source, ret, err);

	return rc && from.err.text[0] ? err_set(err, -EPERM, "%s", from.err.text) : rc;
}

int keys_new_password(const char *password_file, char *ret, size_t size, struct err *err)
{
	char again[PASSWORD_MAX];

	if (password_file) {
		int rc = password_of_file(password_file, ret, size, err);
		return rc || ret[0]
			       ? rc
			       : err_set(err, -EINVAL,
					 "%.300s: its first line, the password, is empty; write one there, or give "
					 "--no-password for a key that whoever can read it may use",
					 password_file);
	}
	if (ask_terminal(NULL, "password for the new key (empty: none): ", ret, size) < 0)
		return err_set(err, -ENOKEY,
			       "nobody can be asked for a password here: give --password-file, or --no-password");
	int rc = ask_terminal(NULL, "once more: ", again, sizeof(again));
	if (rc == 0 && strcmp(ret, again) != 0)
		rc = -EINVAL;
	keys_forget(again, sizeof(again));
	return rc ? err_set(err, -EINVAL, "the two passwords differ") : 0;
}

int keys_ask(const char *file, const char *prompt, char *ret, size_t size, struct err *err)
{
	if (file)
		return password_of_file(file, ret, size, err);
	return ask_terminal(NULL, prompt, ret, size) == 0
		       ? 0
		       : err_set(err, -ENOKEY, "nobody can be asked here (%s): give a file with it", prompt);
}

void keys_forget(char *password, size_t size)
{
	explicit_bzero(password, size);
}

/* ---- whose ------------------------------------------------------------------------------------------------------- */

int keys_signer(const struct signing_key *key, bool bench, const char *name, char *ret, struct err *err)
{
	bool is_bench;

	if (!key_owner(signing_key_public(key), &is_bench, ret)) {
		is_bench = bench; /* a key of minisign's own making is whose it is said to be */
		snprintf(ret, KEY_OWNER_MAX, "%s", name ? name : "");
	}
	if (is_bench != bench)
		return err_set(err, -EINVAL, "this is the key of %s %.80s; %s is wanted here",
			       is_bench ? "the bench" : "a person,", ret, bench ? "a bench's" : "a person's own");
	if (!*ret)
		return err_set(err, -EINVAL, "--name is missing: the key does not say whose it is");
	if (name && strcmp(name, ret) != 0)
		return err_set(err, -EINVAL, "--name %.80s: this is the key of %.80s", name, ret);
	return 0;
}

int keys_trusted(const struct option_list *given, const char *folder, struct keyring *ret, struct err *err)
{
	const char *own = getenv("PENRIG_KEYS");
	int rc = 0;

	ret->count = 0;
	ret->folder[0] = '\0';
	for (unsigned i = 0; given && i < given->count && rc == 0; i++)
		rc = keyring_add(ret, given->item[i], err);
	if (!folder && !ret->count && own && *own)
		folder = own;
	if (rc == 0 && folder)
		rc = keyring_add_folder(ret, folder, err);
	return rc;
}

int keys_read_seals(struct runfile_reader *reader, struct record *record, struct err *err)
{
	struct keyring *ring = calloc(1, sizeof(*ring));
	uint64_t behind;

	if (!ring)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = keys_trusted(NULL, NULL, ring, err);
	if (rc < 0)
		err_prefix(err, "PENRIG_KEYS");
	if (rc == 0)
		rc = runfile_seals(reader, ring, record, &behind, err);
	free(ring);
	return rc;
}

void keys_say_rejected(const struct record *record)
{
	const struct record_seal *rejected = record_rejected(record);

	if (rejected)
		cli_error(0,
			  "%.120s: its seal %u says %.20s, by %.80s: the verdict is that of the run, and does not tell "
			  "it",
			  record->name, rejected->number, rejected->meaning, rejected->signer);
}
