/* Change control of a file. Leaves out who must have approved: whoever keeps the folder of keys says so. */
#include "rig/config/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/base/digest.h"

#define SIGNED_MAX (256u << 20) /* bytes of a file that is signed whole */

/* ---- signing ---------------------------------------------------------------------------------------------------- */

static int read_file(const char *path, size_t most, char **ret, size_t *ret_len, struct err *err)
{
	FILE *in = fopen(path, "re");
	size_t room = 1u << 16, len = 0, n = 1;
	char *text = in ? malloc(room) : NULL;
	int rc = in ? 0 : -errno;

	while (!rc && text && n > 0) {
		n = fread(text + len, 1, room - len, in);
		len += n;
		if (len == room && len <= most) {
			char *more = realloc(text, room *= 2);
			if (!more)
				free(text);
			text = more;
		}
	}
	if (!rc)
		rc = !text ? -ENOMEM : ferror(in) ? -EIO : len > most ? -EFBIG : 0;
	if (in)
		fclose(in);
	if (rc) {
		free(text);
		return err_set(err, rc, "%.300s cannot be read: %s", path, strerror(-rc));
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

int approval_make(const char *path, const struct signing_key *key, const struct approval_words *words, char **ret,
		  struct err *err)
{
	const char *slash = strrchr(path, '/');
	time_t seconds = (time_t)(words->wall_ns / 1000000000u);
	char comment[TRUSTED_COMMENT_MAX], utc[32];
	struct tm tm;
	char *text;
	size_t len;
	int rc = read_file(path, SIGNED_MAX, &text, &len, err);

	if (rc)
		return rc;
	gmtime_r(&seconds, &tm);
	strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(comment, sizeof(comment), "%s by %s at %s\tfile:%.200s%s%s", words->meaning, words->signer, utc,
		 slash ? slash + 1 : path, *words->reason ? "\treason:" : "", words->reason);
	rc = signature_make(key, text, len, comment, ret, err);
	free(text);
	return rc;
}

/* ---- what is said ----------------------------------------------------------------------------------------------- */

int control_revision(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)dst;
	if (json_kind(node) != JSON_STRING || !json_string(node)[0] || strlen(json_string(node)) >= REVISION_MAX)
		return json_error(doc, node, err, "\"revision\" must be a text of 1 to %d bytes", REVISION_MAX - 1);
	return 0;
}

int control_effective(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)dst;
	if (json_kind(node) != JSON_STRING || !json_date_valid(json_string(node)))
		return json_error(doc, node, err, "\"effective\" must be a date, YYYY-MM-DD");
	return 0;
}

static void copy_text(const struct json_doc *doc, const char *key, char *ret, size_t size)
{
	const struct json *node = json_get(json_root(doc), key);

	if (node && json_kind(node) == JSON_STRING)
		snprintf(ret, size, "%s", json_string(node));
}

static void copy_part(const char *from, const char *end, char *ret, size_t size)
{
	snprintf(ret, size, "%.*s", (int)(end - from), from);
}

void approval_parse(const char *comment, struct approval *ret)
{
	static const char by[] = " by ", at[] = " at ", reason[] = "\treason:";
	const char *end = comment + strcspn(comment, "\t"), *name = strstr(comment, by), *utc = NULL, *why;

	for (const char *p = comment; (p = strstr(p, at)) && p < end; p++)
		utc = p;
	if (!name || !utc || name >= utc)
		return;
	copy_part(comment, name, ret->meaning, sizeof(ret->meaning));
	copy_part(name + strlen(by), utc, ret->approver, sizeof(ret->approver));
	copy_part(utc + strlen(at), end, ret->utc, sizeof(ret->utc));
	why = strstr(comment, reason);
	if (why)
		snprintf(ret->reason, sizeof(ret->reason), "%s", why + strlen(reason));
}

void approval_stated(const struct json_doc *doc, struct approval *ret)
{
	copy_text(doc, "revision", ret->revision, sizeof(ret->revision));
	copy_text(doc, "effective", ret->effective, sizeof(ret->effective));
}

static const char *const demand_names[] = {
	[APPROVALS_UNTOLD] = "",           [APPROVALS_NOT_LOOKED_AT] = "not_looked_at",
	[APPROVALS_OWN_KEYS] = "own_keys", [APPROVALS_LOOKED_AT] = "looked_at",
	[APPROVALS_DEMANDED] = "demanded",
};

const char *approval_demand_name(enum approval_demand demand)
{
	return demand_names[demand];
}

bool approval_demand_find(const char *name, enum approval_demand *ret)
{
	for (unsigned i = 0; i < sizeof(demand_names) / sizeof(demand_names[0]); i++) {
		if (strcmp(name, demand_names[i]) != 0)
			continue;
		*ret = (enum approval_demand)i;
		return true;
	}
	return false;
}

/* ---- whether it counts ------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static int refuse(const struct json_doc *doc, struct err *err, const char *fmt,
							...)
{
	char why[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(err, -EKEYREJECTED, "%.180s: %s", json_file(doc), why);
}

static int read_signature(const struct json_doc *doc, struct approval *a, struct signature *ret, struct err *err)
{
	size_t len;

	snprintf(a->path, sizeof(a->path), "%.480s" MINISIG_EXTENSION, json_file(doc));
	int rc = read_file(a->path, SIGNATURE_TEXT_MAX, &a->text, &len, err);
	if (rc == -ENOENT)
		return refuse(doc, err, "nobody has approved it: penrig sign makes %.200s", a->path);
	if (rc)
		return rc;
	char *text = realloc(a->text, len + 1);
	if (!text)
		return err_set(err, -ENOMEM, "no memory for a signature");
	a->text = text;
	text[len] = '\0';
	if (signature_parse(text, len, ret, NULL) != 0)
		return refuse(doc, err, "%.200s is no signature", a->path);
	key_id_text(ret->id, a->key_id);
	return 0;
}

static int check_signature(const struct json_doc *doc, const struct keyring *ring, struct approval *a, struct err *err)
{
	struct signature signature;
	char owner[KEY_OWNER_MAX];
	bool bench;
	size_t len;
	const char *text = json_text(doc, &len);
	int rc = read_signature(doc, a, &signature, err);

	if (rc)
		return rc;
	const struct public_key *key = keyring_find(ring, signature.id);
	if (!key)
		return refuse(doc, err, "it is signed by key %s, which is none of the %u that are trusted here",
			      a->key_id, ring->count);
	if (!signature_holds(&signature, key, text, len))
		return refuse(doc, err, "it is not as it was when it was signed by key %s: it has to be approved again",
			      a->key_id);
	approval_parse(signature.comment, a);
	if (key_owner(key, &bench, owner) && (bench || strcmp(owner, a->approver) != 0))
		return refuse(doc, err, "it is signed as %s by the %s key of %s", a->approver,
			      bench ? "bench" : "person", owner);
	return 0;
}

static int check_state(const struct json_doc *doc, const struct keyring *ring, const char *today,
		       const struct approval *a, struct err *err)
{
	char sha256[DIGEST_HEX], why[200] = "";
	size_t len;
	const char *text = json_text(doc, &len);

	if (strcmp(a->meaning, "withdrawn") == 0)
		return refuse(doc, err, "%s withdrew it at %s: %s", a->approver, a->utc, a->reason);
	if (strcmp(a->meaning, "approved") != 0)
		return refuse(doc, err, "%s signed it as \"%s\", which is no approval", a->approver, a->meaning);
	digest_text(text, len, sha256);
	int listed = keyring_withdrawn(ring, sha256, why, sizeof(why), err);
	if (listed < 0)
		return listed;
	if (listed)
		return refuse(doc, err, "it is withdrawn by %.200s/" WITHDRAWN_FILE "%s%s", ring->folder,
			      *why ? ": " : "", why);
	if (!a->revision[0])
		return refuse(doc, err, "it names no \"revision\"");
	if (!a->effective[0])
		return refuse(doc, err, "it does not say from which day it is \"effective\"");
	if (strcmp(a->effective, today) > 0)
		return refuse(doc, err, "it is effective from %s on, and today is %s", a->effective, today);
	return 0;
}

int approval_read(const struct json_doc *doc, const struct keyring *ring, const char *today, struct approval *ret,
		  struct err *err)
{
	approval_free(ret);
	*ret = (struct approval){.text = NULL};
	approval_stated(doc, ret);
	int rc = check_signature(doc, ring, ret, err);
	if (!rc)
		rc = check_state(doc, ring, today, ret, err);
	ret->counts = !rc;
	return rc;
}

void approval_free(struct approval *approval)
{
	free(approval->text);
	approval->text = NULL;
}
