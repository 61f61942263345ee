/* Ed25519 keys and signatures in minisign's formats. The only file that includes libsodium. */
#include "rig/base/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/base/disk.h"

#define BASE64      sodium_base64_VARIANT_ORIGINAL
#define FILE_MAX    4096
#define COMMENT_LIN "untrusted comment: "
#define TRUSTED_LIN "trusted comment: "
#define SECRET_MARK ", secret" /* behind the comment of a public key: that of its secret part */

/* What a password costs whoever tries: 128 MiB and about half a second. */
#define SCRYPT_OPS   (crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE / 8)
#define SCRYPT_MEM   (crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE / 8)
#define PASSWORD_MAX 1024

/* As they stand in files: bytes only, so no padding. */
struct public_file {
	uint8_t algorithm[2], id[8], key[32];
};
struct secret_part {
	uint8_t id[8], key[64], check[32];
};
struct secret_file {
	uint8_t algorithm[2], kdf[2], check_algorithm[2], salt[32], ops[8], mem[8];
	struct secret_part part; /* under the password's stream, where there is one */
};
struct signature_file {
	uint8_t algorithm[2], id[8], bytes[64];
};

struct signing_key {
	struct public_key public;
	uint8_t secret[64];
};

static int ready(struct err *err)
{
	return sodium_init() < 0 ? err_set(err, -EIO, "libsodium finds no source of random numbers") : 0;
}

static void put_le64(uint8_t bytes[8], uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le64(const uint8_t bytes[8])
{
	uint64_t value = 0;

	for (unsigned i = 8; i-- > 0;)
		value = value << 8 | bytes[i];
	return value;
}

void key_id_text(const uint8_t id[8], char ret[KEY_ID_HEX])
{
	snprintf(ret, KEY_ID_HEX, "%016llX", (unsigned long long)get_le64(id));
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

struct line {
	const char *at;
	size_t len;
};

/* The next line of a text, without its end; false where there is none. */
static bool next_line(const char **text, size_t *left, struct line *ret)
{
	const char *end;

	if (!*left)
		return false;
	end = memchr(*text, '\n', *left);
	ret->at = *text;
	ret->len = end ? (size_t)(end - *text) : *left;
	*left -= ret->len + (end != NULL);
	*text += ret->len + (end != NULL);
	if (ret->len && ret->at[ret->len - 1] == '\r')
		ret->len--;
	return true;
}

static bool begins(const struct line *line, const char *word)
{
	return line->len >= strlen(word) && memcmp(line->at, word, strlen(word)) == 0;
}

/* Exactly `size` bytes. */
static bool decode(const struct line *line, void *ret, size_t size)
{
	size_t len;

	return sodium_base642bin(ret, size, line->at, line->len, NULL, &len, NULL, BASE64) == 0 && len == size;
}

static void keep_comment(const struct line *line, char *ret, size_t size)
{
	snprintf(ret, size, "%.*s", (int)(line->len - strlen(COMMENT_LIN)), line->at + strlen(COMMENT_LIN));
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int read_small(int fd, const char *path, char ret[FILE_MAX], size_t *ret_len, struct err *err)
{
	size_t len = 0;

	while (len < FILE_MAX) {
		ssize_t n = read(fd, ret + len, FILE_MAX - len);
		if (n < 0)
			return err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return len == FILE_MAX ? err_set(err, -EBADMSG, "%.300s is no key: it is too long", path) : 0;
}

static int write_new(const char *path, mode_t mode, const char *text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode), rc = 0;

	if (fd < 0)
		return err_set(err, -errno, "%.300s cannot be made: %s%s", path, strerror(errno),
			       errno == EEXIST ? "; a key is never overwritten" : disk_remedy(-errno));
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd) != 0)
		rc = err_set(err, errno ? -errno : -EIO, "%.300s cannot be written: %s", path, strerror(errno));
	if (close(fd) != 0 && !rc)
		rc = err_set(err, -errno, "%.300s cannot be written: %s", path, strerror(errno));
	if (rc)
		unlink(path);
	return rc;
}

/* ---- public keys ------------------------------------------------------------------------------------------------ */

int public_key_parse(const char *text, size_t len, struct public_key *ret, struct err *err)
{
	struct public_key key = {.comment = ""};
	struct public_file file;
	struct line line;
	bool there = next_line(&text, &len, &line);

	if (there && begins(&line, COMMENT_LIN)) {
		keep_comment(&line, key.comment, sizeof(key.comment));
		there = next_line(&text, &len, &line);
	}
	if (!there || !decode(&line, &file, sizeof(file)) || memcmp(file.algorithm, "Ed", 2) != 0)
		return err_set(err, -EBADMSG, "no public key: one is a line of 56 characters that begins with RW");
	memcpy(key.id, file.id, sizeof(key.id));
	memcpy(key.key, file.key, sizeof(key.key));
	*ret = key;
	return 0;
}

int public_key_read(const char *path, struct public_key *ret, struct err *err)
{
	char text[FILE_MAX];
	size_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, -errno, "%.300s cannot be opened: %s", path, strerror(errno));
	int rc = read_small(fd, path, text, &len, err);
	close(fd);
	if (rc)
		return rc;
	rc = public_key_parse(text, len, ret, err);
	if (rc)
		err_prefix(err, "%.300s", path);
	return rc;
}

void public_key_base64(const struct public_key *key, char ret[PUBLIC_KEY_TEXT_MAX])
{
	struct public_file file = {.algorithm = {'E', 'd'}};

	memcpy(file.id, key->id, sizeof(file.id));
	memcpy(file.key, key->key, sizeof(file.key));
	sodium_bin2base64(ret, PUBLIC_KEY_TEXT_MAX, (const uint8_t *)&file, sizeof(file), BASE64);
}

/* ---- secret keys ------------------------------------------------------------------------------------------------ */

static struct signing_key *new_key(void)
{
	struct signing_key *key = sodium_malloc(sizeof(*key));

	if (key)
		memset(key, 0, sizeof(*key));
	return key;
}

int signing_key_new(struct signing_key **ret, struct err *err)
{
	int rc = ready(err);
	struct signing_key *key = rc ? NULL : new_key();

	if (!key)
		return rc ? rc : err_set(err, -ENOMEM, "no memory for a key");
	randombytes_buf(key->public.id, sizeof(key->public.id));
	crypto_sign_keypair(key->public.key, key->secret);
	*ret = key;
	return 0;
}

const struct public_key *signing_key_public(const struct signing_key *key)
{
	return &key->public;
}

void signing_key_free(struct signing_key *key)
{
	sodium_free(key);
}

/* BLAKE2b-256 of algorithm, id and key: tells a wrong password. */
static void checksum(const struct secret_file *file, uint8_t ret[32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, file->algorithm, sizeof(file->algorithm));
	crypto_generichash_update(&state, file->part.id, sizeof(file->part.id));
	crypto_generichash_update(&state, file->part.key, sizeof(file->part.key));
	crypto_generichash_final(&state, ret, 32);
}

/* Adds the password's stream to the secret part; twice is not at all. */
static int apply_password(struct secret_file *file, const char *password, struct err *err)
{
	uint8_t stream[sizeof(file->part)], *part = (uint8_t *)&file->part;

	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream), password, strlen(password), file->salt,
					       get_le64(file->ops), (size_t)get_le64(file->mem)) != 0)
		return err_set(err, -ENOMEM, "no memory to derive a key from the password");
	for (size_t i = 0; i < sizeof(stream); i++)
		part[i] ^= stream[i];
	sodium_memzero(stream, sizeof(stream));
	return 0;
}

static int encrypt(struct secret_file *file, const char *password, struct err *err)
{
	memcpy(file->kdf, "Sc", 2);
	randombytes_buf(file->salt, sizeof(file->salt));
	put_le64(file->ops, SCRYPT_OPS);
	put_le64(file->mem, SCRYPT_MEM);
	checksum(file, file->part.check);
	return apply_password(file, password, err);
}

static int secret_text(const struct signing_key *key, const char *password, const char *comment, char ret[FILE_MAX],
		       struct err *err)
{
	struct secret_file file = {.algorithm = {'E', 'd'}, .check_algorithm = {'B', '2'}};
	bool encrypted = password && *password;
	char base64[2 * sizeof(file)];
	int rc = 0;

	memcpy(file.part.id, key->public.id, sizeof(file.part.id));
	memcpy(file.part.key, key->secret, sizeof(file.part.key));
	if (encrypted)
		rc = encrypt(&file, password, err);
	sodium_bin2base64(base64, sizeof(base64), (const uint8_t *)&file, sizeof(file), BASE64);
	snprintf(ret, FILE_MAX, COMMENT_LIN "%s" SECRET_MARK "%s\n%s\n", comment, encrypted ? ", encrypted" : "",
		 base64);
	sodium_memzero(&file, sizeof(file));
	sodium_memzero(base64, sizeof(base64));
	return rc;
}

static int public_path(const char *path, char *ret, size_t size)
{
	size_t len = strlen(path), end = strlen(KEY_FILE_EXTENSION);
	bool named = len > end && strcmp(path + len - end, KEY_FILE_EXTENSION) == 0;
	int n = snprintf(ret, size, "%.*s" PUBLIC_EXTENSION, (int)(named ? len - end : len), path);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int signing_key_save(const struct signing_key *key, const char *path, const char *password, const char *comment,
		     struct err *err)
{
	char text[FILE_MAX], base64[PUBLIC_KEY_TEXT_MAX], beside[FILE_PATH_MAX];

	if (public_path(path, beside, sizeof(beside)) < 0 || strlen(comment) >= KEY_COMMENT_MAX ||
	    strchr(comment, '\n'))
		return err_set(err, -ENAMETOOLONG, "the key's path or owner is too long");
	public_key_base64(&key->public, base64);
	snprintf(text, sizeof(text), COMMENT_LIN "%s\n%s\n", comment, base64);
	int rc = write_new(beside, 0644, text, err);
	if (rc)
		return rc;
	rc = secret_text(key, password, comment, text, err);
	if (!rc)
		rc = write_new(path, 0600, text, err);
	sodium_memzero(text, sizeof(text));
	if (rc)
		unlink(beside);
	return rc;
}

/* What others can read is no secret, and what they can write is no one's. */
static int check_mode(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, -EPERM, "%.300s belongs to somebody else (user %u): a key is its owner's alone",
			       path, (unsigned)st.st_uid);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(err, -EPERM,
			       "%.300s: others than its owner may use it (mode %04o): chmod 600 it; on a token that "
			       "knows no modes, mount it with umask=077",
			       path, (unsigned)(st.st_mode & 07777));
	return 0;
}

static int decrypt(struct secret_file *file, const char *path, const struct password_source *source, struct err *err)
{
	char password[PASSWORD_MAX], prompt[FILE_PATH_MAX + 32];
	uint8_t check[32];

	if (get_le64(file->mem) > crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE ||
	    get_le64(file->ops) > crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE)
		return err_set(err, -EBADMSG, "%.300s wants more than 1 GiB of memory for its password", path);
	snprintf(prompt, sizeof(prompt), "password of %.300s: ", path);
	if (!source || source->ask(source->ctx, prompt, password, sizeof(password)) < 0)
		return err_set(err, -ENOKEY,
			       "%.300s is encrypted, and nobody can be asked for its password here: give "
			       "--password-file, or use a terminal",
			       path);
	int rc = apply_password(file, password, err);
	sodium_memzero(password, sizeof(password));
	if (rc)
		return rc;
	checksum(file, check);
	return sodium_memcmp(check, file->part.check, sizeof(check)) == 0
		       ? 0
		       : err_set(err, -ENOKEY, "%.300s: wrong password", path);
}

/* comment: as its public file has it. */
static int secret_parse(const char *text, size_t len, const char *path, struct secret_file *ret,
			char comment[KEY_COMMENT_MAX], struct err *err)
{
	struct line line = {.at = text};
	bool there = next_line(&text, &len, &line) && begins(&line, COMMENT_LIN);

	if (there) {
		keep_comment(&line, comment, KEY_COMMENT_MAX);
		char *end = strstr(comment, SECRET_MARK);
		if (end)
			*end = '\0';
		there = next_line(&text, &len, &line);
	}
	if (there && decode(&line, ret, sizeof(*ret)) && memcmp(ret->algorithm, "Ed", 2) == 0 &&
	    memcmp(ret->check_algorithm, "B2", 2) == 0 &&
	    (memcmp(ret->kdf, "Sc", 2) == 0 || memcmp(ret->kdf, "\0\0", 2) == 0))
		return 0;
	return err_set(err, -EBADMSG, "%.300s is no secret key of penrig or minisign", path);
}

static int take_secret(struct secret_file *file, const char *path, const struct password_source *password,
		       const char *comment, struct signing_key **ret, struct err *err)
{
	int rc = memcmp(file->kdf, "Sc", 2) == 0 ? decrypt(file, path, password, err) : 0;
	struct signing_key *key = rc ? NULL : new_key();

	if (!key)
		return rc ? rc : err_set(err, -ENOMEM, "no memory for a key");
	memcpy(key->public.id, file->part.id, sizeof(key->public.id));
	memcpy(key->secret, file->part.key, sizeof(key->secret));
	crypto_sign_ed25519_sk_to_pk(key->public.key, key->secret);
	snprintf(key->public.comment, sizeof(key->public.comment), "%s", comment);
	*ret = key;
	return 0;
}

int signing_key_load(const char *path, const struct password_source *password, struct signing_key **ret,
		     struct err *err)
{
	struct secret_file file;
	char text[FILE_MAX], comment[KEY_COMMENT_MAX] = "";
	size_t len = 0;
	int rc = ready(err), fd = rc ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (rc)
		return rc;
	if (fd < 0)
		return err_set(err, -errno, "%.300s cannot be opened: %s", path, strerror(errno));
	rc = check_mode(fd, path, err);
	if (!rc)
		rc = read_small(fd, path, text, &len, err);
	close(fd);
	if (!rc)
		rc = secret_parse(text, len, path, &file, comment, err);
	if (!rc)
		rc = take_secret(&file, path, password, comment, ret, err);
	sodium_memzero(text, sizeof(text));
	sodium_memzero(&file, sizeof(file));
	return rc;
}

/* ---- signatures ------------------------------------------------------------------------------------------------- */

static void hash(const void *data, size_t len, uint8_t ret[64])
{
	crypto_generichash(ret, 64, data, len, NULL, 0);
}

/* What the second signature is over. */
static size_t join(const uint8_t bytes[64], const char *comment, uint8_t ret[64 + TRUSTED_COMMENT_MAX])
{
	size_t len = strlen(comment);

	memcpy(ret, bytes, 64);
	memcpy(ret + 64, comment, len);
	return 64 + len;
}

int signature_make(const struct signing_key *key, const void *data, size_t len, const char *comment, char **ret,
		   struct err *err)
{
	struct signature_file file = {.algorithm = {'E', 'D'}};
	uint8_t digest[64], joined[64 + TRUSTED_COMMENT_MAX], global[64];
	char first[128], second[128], id[KEY_ID_HEX];

	if (strlen(comment) >= TRUSTED_COMMENT_MAX || strchr(comment, '\n') || strchr(comment, '\r'))
		return err_set(err, -EINVAL, "what the signature is to say is longer than %d bytes",
			       TRUSTED_COMMENT_MAX - 1);
	memcpy(file.id, key->public.id, sizeof(file.id));
	hash(data, len, digest);
	crypto_sign_detached(file.bytes, NULL, digest, sizeof(digest), key->secret);
	crypto_sign_detached(global, NULL, joined, join(file.bytes, comment, joined), key->secret);
	sodium_bin2base64(first, sizeof(first), (const uint8_t *)&file, sizeof(file), BASE64);
	sodium_bin2base64(second, sizeof(second), global, sizeof(global), BASE64);
	key_id_text(key->public.id, id);
	if (asprintf(ret, COMMENT_LIN "signature by penrig, key %s\n%s\n" TRUSTED_LIN "%s\n%s\n", id, first, comment,
		     second) < 0)
		return err_set(err, -ENOMEM, "no memory for a signature");
	return 0;
}

int signature_parse(const char *text, size_t len, struct signature *ret, struct err *err)
{
	struct signature signature = {.prehashed = false};
	struct signature_file file;
	struct line line[4];
	size_t before = strlen(TRUSTED_LIN);
	bool good = true;

	for (unsigned i = 0; i < 4; i++)
		good = good && next_line(&text, &len, &line[i]);
	good = good && len == 0 && begins(&line[0], COMMENT_LIN) && decode(&line[1], &file, sizeof(file)) &&
	       file.algorithm[0] == 'E' && (file.algorithm[1] == 'D' || file.algorithm[1] == 'd') &&
	       begins(&line[2], TRUSTED_LIN) && line[2].len - before < sizeof(signature.comment) &&
	       !memchr(line[2].at, '\0', line[2].len) && decode(&line[3], signature.global, sizeof(signature.global));
	if (!good)
		return err_set(err, -EBADMSG, "no signature as minisign writes them");
	signature.prehashed = file.algorithm[1] == 'D';
	memcpy(signature.id, file.id, sizeof(signature.id));
	memcpy(signature.bytes, file.bytes, sizeof(signature.bytes));
	memcpy(signature.comment, line[2].at + before, line[2].len - before);
	*ret = signature;
	return 0;
}

bool signature_holds(const struct signature *signature, const struct public_key *key, const void *data, size_t len)
{
	uint8_t digest[64], joined[64 + TRUSTED_COMMENT_MAX];

	if (memcmp(signature->id, key->id, sizeof(key->id)) != 0 || ready(NULL) < 0)
		return false;
	hash(data, len, digest);
	if (signature->prehashed) {
		data = digest;
		len = sizeof(digest);
	}
	return crypto_sign_verify_detached(signature->bytes, data, len, key->key) == 0 &&
	       crypto_sign_verify_detached(signature->global, joined,
					   join(signature->bytes, signature->comment, joined), key->key) == 0;
}
