/* Public keys that somebody vouches for by where he keeps them: the files NAME.pub of a folder, or keys that were given.
 * Whose a key is stands in its comment: "penrig person key ID of NAME" or "penrig bench key ID of NAME"; a key with
 * another comment (minisign's own) is nobody's in particular. */
#ifndef PENRIG_BASE_KEYRING_H
#define PENRIG_BASE_KEYRING_H

#include "rig/base/signature.h"

#define KEYRING_MAX    256
#define KEY_OWNER_MAX  96
#define WITHDRAWN_FILE "withdrawn.txt" /* of the folder: SHA-256 of files that no longer count, one a line */

struct keyring {
	unsigned count;
	struct public_key key[KEYRING_MAX];
	char folder[512]; /* empty: keys were given one by one */
};

/* Adds a key: the path of its file, or its base64 text. -EBADMSG, -E2BIG, -errno of the file. */
int keyring_add(struct keyring *ring, const char *key, struct err *err);
/* Adds every NAME.pub of a folder, of which there is at least one, in the order of their names; remembers the folder. */
int keyring_add_folder(struct keyring *ring, const char *folder, struct err *err);
/* NULL: unknown. */
const struct public_key *keyring_find(const struct keyring *ring, const uint8_t id[8]);

/* The comment of an owner's key. */
void key_comment(const struct public_key *key, bool bench, const char *owner, char ret[KEY_COMMENT_MAX]);
/* Whose it is: false where its comment does not say so; ret_owner of KEY_OWNER_MAX bytes. */
bool key_owner(const struct public_key *key, bool *ret_bench, char *ret_owner);

/* Whether the folder's list of withdrawn files names this digest (hex); ret_why: what stands behind it in its line, cut to
 * fit. -errno where there is a list that cannot be read. 1: it does; 0: it does not. */
int keyring_withdrawn(const struct keyring *ring, const char *sha256, char *ret_why, size_t size, struct err *err);

#endif
