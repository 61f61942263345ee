/* Public keys that somebody vouches for by where he keeps them. */
#include "rig/base/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEX_DIGITS 64 /* of a SHA-256 */

static int add(struct keyring *ring, const struct public_key *key, struct err *err)
{
	if (keyring_find(ring, key->id))
		return 0;
	if (ring->count == KEYRING_MAX)
		return err_set(err, -E2BIG, "more than %d public keys", KEYRING_MAX);
	ring->key[ring->count++] = *key;
	return 0;
}

int keyring_add(struct keyring *ring, const char *key, struct err *err)
{
	struct public_key read;
	int rc = access(key, F_OK) == 0 ? public_key_read(key, &read, err)
					: public_key_parse(key, strlen(key), &read, err);

	if (rc == -EBADMSG && access(key, F_OK) != 0)
		return err_set(err, -ENOENT, "%.200s is neither a file nor a public key (56 characters, RW...)", key);
	return rc ? rc : add(ring, &read, err);
}

static int is_public(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), end = strlen(PUBLIC_EXTENSION);

	return len > end && strcmp(entry->d_name + len - end, PUBLIC_EXTENSION) == 0;
}

static int add_file(struct keyring *ring, const char *folder, const char *name, struct err *err)
{
	char path[FILENAME_MAX];
	struct public_key key;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int rc = public_key_read(path, &key, err);
	return rc ? rc : add(ring, &key, err);
}

int keyring_add_folder(struct keyring *ring, const char *folder, struct err *err)
{
	struct dirent **entry;
	int count = scandir(folder, &entry, is_public, alphasort), rc = 0;

	if (count < 0)
		return err_set(err, -errno, "the folder of keys %.300s cannot be read: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (!rc)
			rc = add_file(ring, folder, entry[i]->d_name, err);
		free(entry[i]);
	}
	free(entry);
	if (count == 0)
		return err_set(err, -ENOENT, "the folder %.300s holds no public key (NAME" PUBLIC_EXTENSION ")",
			       folder);
	if (!rc && (size_t)snprintf(ring->folder, sizeof(ring->folder), "%s", folder) >= sizeof(ring->folder))
		rc = err_set(err, -ENAMETOOLONG, "%.300s...: too long a path", folder);
	return rc;
}

const struct public_key *keyring_find(const struct keyring *ring, const uint8_t id[8])
{
	for (unsigned i = 0; i < ring->count; i++)
		if (memcmp(ring->key[i].id, id, sizeof(ring->key[i].id)) == 0)
			return &ring->key[i];
	return NULL;
}

void key_comment(const struct public_key *key, bool bench, const char *owner, char ret[KEY_COMMENT_MAX])
{
	char id[KEY_ID_HEX];

	key_id_text(key->id, id);
	snprintf(ret, KEY_COMMENT_MAX, "penrig %s key %s of %s", bench ? "bench" : "person", id, owner);
}

bool key_owner(const struct public_key *key, bool *ret_bench, char *ret_owner)
{
	static const char of[] = " of ";
	char comment[KEY_COMMENT_MAX];

	for (unsigned bench = 0; bench < 2; bench++) {
		key_comment(key, bench, "", comment);
		if (strncmp(key->comment, comment, strlen(comment)) != 0 || !key->comment[strlen(comment)])
			continue;
		*ret_bench = bench;
		snprintf(ret_owner, KEY_OWNER_MAX, "%s", strstr(key->comment, of) + strlen(of));
		return true;
	}
	return false;
}

/* A line's SHA-256, or NULL: empty or a remark. Byte order mark, blanks and sha256sum's own backslash may stand before it. */
static const char *listed(const char *line)
{
	if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	line += strspn(line, " \t");
	line += *line == '\\';
	return *line && *line != '#' ? line : NULL;
}

int keyring_withdrawn(const struct keyring *ring, const char *sha256, char *ret_why, size_t size, struct err *err)
{
	char path[FILENAME_MAX], line[512];
	int found = 0;
	unsigned number = 0;

	if (!ring->folder[0])
		return 0;
	snprintf(path, sizeof(path), "%s/" WITHDRAWN_FILE, ring->folder);
	FILE *list = fopen(path, "re");
	if (!list)
		return errno == ENOENT ? 0 : err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), list)) {
		number++;
		bool whole = strchr(line, '\n') || feof(list);
		line[strcspn(line, "\r\n")] = '\0';
		const char *sha = listed(line);
		if (!sha && whole)
			continue;
		if (!whole || strspn(sha, "0123456789abcdefABCDEF") != HEX_DIGITS)
			found = err_set(err, -EBADMSG,
					"%.300s:%u: begins with no SHA-256, so nobody knows what is withdrawn", path,
					number);
		else if (strncasecmp(sha, sha256, HEX_DIGITS) == 0) {
			found = 1;
			snprintf(ret_why, size, "%s", sha + HEX_DIGITS + strspn(sha + HEX_DIGITS, " \t*"));
		}
	}
	if (ferror(list))
		found = err_set(err, -EIO, "%.300s cannot be read", path);
	fclose(list);
	return found;
}
