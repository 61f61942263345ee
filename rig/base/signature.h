/* Ed25519 keys and signatures in minisign's formats, through libsodium: what is signed here `minisign -V` verifies, and
 * the other way round. Formats: https://jedisct1.github.io/minisign/ ("Signature format", "Public key format", "Secret
 * key format"). A signature has two parts: one over BLAKE2b-512 of the data (or, of older minisigns, over the data
 * itself), one over that and the trusted comment, a line of text that can so not be changed either. */
#ifndef PENRIG_BASE_SIGNATURE_H
#define PENRIG_BASE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"

#define KEY_ID_HEX          17   /* 16 digits, as minisign prints them */
#define KEY_COMMENT_MAX     200  /* bytes of an untrusted comment that are kept */
#define TRUSTED_COMMENT_MAX 1024 /* bytes; minisign takes 8192 */
#define SIGNATURE_TEXT_MAX  (TRUSTED_COMMENT_MAX + 512)
#define PUBLIC_KEY_TEXT_MAX 384
#define KEY_FILE_EXTENSION  ".key"
#define PUBLIC_EXTENSION    ".pub"
#define MINISIG_EXTENSION   ".minisig"

struct public_key {
	uint8_t id[8], key[32];
	char comment[KEY_COMMENT_MAX]; /* of its file; nobody vouches for it but whoever keeps the file */
};

struct signing_key; /* secret; its memory is locked, and wiped when it is freed */

struct signature {
	uint8_t id[8], bytes[64], global[64];
	bool prehashed;
	char comment[TRUSTED_COMMENT_MAX];
};

/* A text that a person gives: 0 and at most size - 1 bytes in `ret`; -ENOKEY where nobody can be asked. */
struct password_source {
	int (*ask)(void *ctx, const char *prompt, char *ret, size_t size);
	void *ctx;
};

int signing_key_new(struct signing_key **ret, struct err *err);
/* A new file that nobody else can read, with its public part beside it (`path` with PUBLIC_EXTENSION in place of
 * KEY_FILE_EXTENSION, or behind it), both durable. password NULL or "": the key is not encrypted. comment: one line.
 * -EEXIST: one of them is there already. */
int signing_key_save(const struct signing_key *key, const char *path, const char *password, const char *comment,
		     struct err *err);
/* -EPERM: others than its owner may read or write it; -ENOKEY: encrypted, and the password is wrong or cannot be asked
 * for; -EBADMSG: no secret key; -errno of the file. */
int signing_key_load(const char *path, const struct password_source *password, struct signing_key **ret,
		     struct err *err);
const struct public_key *signing_key_public(const struct signing_key *key);
void signing_key_free(struct signing_key *key); /* NULL is fine */

/* From a file with a comment line, or the base64 text alone. -EBADMSG. */
int public_key_parse(const char *text, size_t len, struct public_key *ret, struct err *err);
int public_key_read(const char *path, struct public_key *ret, struct err *err);
void public_key_base64(const struct public_key *key, char ret[PUBLIC_KEY_TEXT_MAX]);
void key_id_text(const uint8_t id[8], char ret[KEY_ID_HEX]);

/* The text of a .minisig file, malloc'd. comment: one line of at most TRUSTED_COMMENT_MAX - 1 bytes. -EINVAL, -ENOMEM. */
int signature_make(const struct signing_key *key, const void *data, size_t len, const char *comment, char **ret,
		   struct err *err);
int signature_parse(const char *text, size_t len, struct signature *ret, struct err *err);
/* Whether it is this key's, of these bytes and with this comment. False also where it is another key's. */
bool signature_holds(const struct signature *signature, const struct public_key *key, const void *data, size_t len);

#endif
