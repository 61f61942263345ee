/* An anchor: what the journals of a day's runs held. */
#include "rig/offline/anchor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/digest.h"

#define FIRST_LINE "penrig anchor 1, "
#define LIST_MAX   (16u << 20)

struct anchor {
	char day[32];
	unsigned runs, room;
	struct anchor_run *run;
};

int anchor_begin(const char *day, char **ret_list, struct err *err)
{
	return asprintf(ret_list, FIRST_LINE "%s\n", day) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int anchor_add(char **list, struct runfile_reader *reader, const struct record *record, struct err *err)
{
	struct record_seal seal = {.number = 0};
	char *more, end[sizeof(record->name) + 3];
	int rc = runfile_seal_draft(reader, &seal, err);

	if (rc)
		return rc;
	snprintf(end, sizeof(end), " %s\n", record->name);
	if (strstr(*list, end))
		return err_set(err, -EEXIST, "the run %.128s is given twice: one file of each run is anchored",
			       record->name);
	if (asprintf(&more, "%s%s %" PRIu64 " %s\n", *list, seal.head, seal.entries, record->name) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	free(*list);
	*list = more;
	return 0;
}

/* The second line of a .minisig: the signature itself. */
static void signature_line(const char *text, char *ret, size_t size)
{
	const char *line = strchr(text, '\n');

	snprintf(ret, size, "%.*s", line ? (int)strcspn(line + 1, "\n") : 0, line ? line + 1 : "");
}

int anchor_sign(const char *list, const char *day, unsigned runs, const struct signing_key *key, const char *signer,
		char **ret_signature, char ret_line[ANCHOR_LINE_MAX], struct err *err)
{
	char sha256[DIGEST_HEX], said[TRUSTED_COMMENT_MAX], line[128];

	digest_text(list, strlen(list), sha256);
	snprintf(said, sizeof(said), "anchored by %s at %s\truns:%u\tsha256:%s", signer, day, runs, sha256);
	int rc = signature_make(key, list, strlen(list), said, ret_signature, err);
	if (rc)
		return rc;
	signature_line(*ret_signature, line, sizeof(line));
	snprintf(ret_line, ANCHOR_LINE_MAX, "penrig-anchor %s runs=%u sha256=%s minisig=%s", day, runs, sha256, line);
	return 0;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int read_text(const char *path, char **ret, size_t *ret_len, struct err *err)
{
	FILE *in = fopen(path, "re");
	char *text = in ? malloc(LIST_MAX + 1) : NULL;

	if (!in)
		return err_set(err, -errno, "%.300s cannot be opened: %s", path, strerror(errno));
	size_t len = text ? fread(text, 1, LIST_MAX, in) : 0;
	int rc = !text ? -ENOMEM : ferror(in) ? -EIO : !feof(in) ? -EFBIG : 0;
	fclose(in);
	if (rc) {
		free(text);
		return err_set(err, rc, "%.300s cannot be read: %s", path, strerror(-rc));
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

static int check_signature(const char *path, const char *text, size_t len, const struct keyring *ring, struct err *err)
{
	char beside[FILE_PATH_MAX + 16], id[KEY_ID_HEX];
	struct signature signature;
	char *sig;
	size_t sig_len;

	snprintf(beside, sizeof(beside), "%.*s" MINISIG_EXTENSION, FILE_PATH_MAX, path);
	int rc = read_text(beside, &sig, &sig_len, err);
	if (rc)
		return rc;
	rc = signature_parse(sig, sig_len, &signature, err);
	free(sig);
	if (rc) {
		err_prefix(err, "%.300s", beside);
		return rc;
	}
	key_id_text(signature.id, id);
	const struct public_key *key = keyring_find(ring, signature.id);
	if (!key)
		return err_set(err, -ENOKEY,
			       "%.300s is signed by key %s, which is none of the %u that are trusted here", path, id,
			       ring->count);
	if (!signature_holds(&signature, key, text, len))
		return err_set(err, -EBADMSG, "%.300s is not what key %s signed: it was altered", path, id);
	return 0;
}

static int add_run(struct anchor *anchor, const char *line, struct err *err)
{
	struct anchor_run run;
	int end = 0;

	if (anchor->runs == anchor->room) {
		unsigned room = 2 * anchor->room + 16;
		void *moved = reallocarray(anchor->run, room, sizeof(run));
		if (!moved)
			return err_set(err, -ENOMEM, "out of memory");
		anchor->run = moved;
		anchor->room = room;
	}
	if (sscanf(line, "%64[0-9a-f] %" SCNu64 " %127[^\n]%n", run.head, &run.entries, run.name, &end) != 3 ||
	    line[end])
		return err_set(err, -EBADMSG, "an anchor has a line that is none: %.80s", line);
	anchor->run[anchor->runs++] = run;
	return 0;
}

static int parse(char *text, struct anchor *anchor, struct err *err)
{
	char *line = strsep(&text, "\n");
	int rc = 0;

	if (strncmp(line, FIRST_LINE, strlen(FIRST_LINE)) != 0)
		return err_set(err, -EBADMSG, "not an anchor: it does not begin with \"" FIRST_LINE "\"");
	snprintf(anchor->day, sizeof(anchor->day), "%s", line + strlen(FIRST_LINE));
	while (!rc && (line = strsep(&text, "\n")) && *line)
		rc = add_run(anchor, line, err);
	return rc;
}

int anchor_read(const char *path, const struct keyring *ring, struct anchor **ret, struct err *err)
{
	struct anchor *anchor = calloc(1, sizeof(*anchor));
	char *text = NULL;
	size_t len;
	int rc = anchor ? read_text(path, &text, &len, err) : err_set(err, -ENOMEM, "out of memory");

	if (!rc)
		rc = check_signature(path, text, len, ring, err);
	if (!rc)
		rc = parse(text, anchor, err);
	free(text);
	if (rc)
		anchor_free(anchor);
	else
		*ret = anchor;
	return rc;
}

const struct anchor_run *anchor_find(const struct anchor *anchor, const char *run)
{
	for (unsigned i = anchor->runs; i-- > 0;)
		if (strcmp(anchor->run[i].name, run) == 0)
			return &anchor->run[i];
	return NULL;
}

unsigned anchor_runs(const struct anchor *anchor)
{
	return anchor->runs;
}

const struct anchor_run *anchor_run_at(const struct anchor *anchor, unsigned i)
{
	return &anchor->run[i];
}

unsigned anchor_place(const struct anchor *anchor, const struct anchor_run *run)
{
	return (unsigned)(run - anchor->run);
}

const char *anchor_day(const struct anchor *anchor)
{
	return anchor->day;
}

void anchor_free(struct anchor *anchor)
{
	if (!anchor)
		return;
	free(anchor->run);
	free(anchor);
}
