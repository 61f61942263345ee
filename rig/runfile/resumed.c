/* Which run went on with this one: an entry of its journal behind everything else. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"
#include "rig/runfile/reader.h"
#include "rig/runfile/store.h"

#define ENTRY "resumed"

static int print(const char *by, const char *utc, char **ret, struct err *err)
{
	struct json_out *out = json_out_object();

	json_out_string(out, "by", by);
	json_out_string(out, "utc", utc);
	int rc = json_out_print(out, false, ret, err);
	json_out_free(out);
	return rc;
}

/* Within the transaction that appends: of two that go on with one run, the second finds another head. */
static int check_head(const struct store *store, const struct runfile_head *seen, const char *path, struct err *err)
{
	uint8_t head[DIGEST_BYTES];
	char hex[DIGEST_HEX];

	store_head(store, head);
	digest_hex(head, hex);
	if (strcmp(hex, seen->head) == 0)
		return 0;
	return err_set(
		err, -ESTALE,
		"%.300s is not as it was when this run began: it was changed, or another run has gone on with it",
		path);
}

int runfile_append_resumed(const char *path, const struct runfile_head *seen, const char *by, const char *utc,
			   struct err *err)
{
	struct store *store = NULL;
	char *json = NULL;
	int rc = print(by, utc, &json, err);

	if (!rc)
		rc = store_open(path, &store, err);
	if (!rc)
		rc = check_head(store, seen, path, err);
	if (!rc)
		rc = store_journal(store, store_time(store), ENTRY, json, strlen(json), err);
	if (!rc)
		rc = store_commit(store, err);
	store_free(store);
	free(json);
	if (!rc && (rc = disk_sync_file(path)) != 0)
		err_set(err, rc, "%.300s cannot be made durable: %s", path, strerror(-rc));
	return rc;
}

struct found {
	char *by;
	size_t size;
};

static int on_entry(void *ctx, uint64_t host_ns, const char *kind, const char *json)
{
	struct found *found = ctx;
	struct json_doc *doc;

	(void)host_ns;
	if (strcmp(kind, ENTRY) != 0)
		return 0;
	snprintf(found->by, found->size, "another run");
	if (json_parse("journal", json, strlen(json), &doc, NULL) != 0)
		return 0;
	const struct json *by = json_get(json_root(doc), "by");
	if (by && json_kind(by) == JSON_STRING && json_string(by)[0])
		snprintf(found->by, found->size, "%s", json_string(by));
	json_doc_free(doc);
	return 0;
}

int runfile_resumed_by(struct runfile_reader *reader, char *ret, size_t size, struct err *err)
{
	ret[0] = '\0';
	return runfile_each_journal(reader, on_entry, &(struct found){.by = ret, .size = size}, err);
}

static int on_head(void *ctx, struct db_stmt *row, struct err *err)
{
	struct runfile_head *head = ctx;
	size_t len;
	const void *hash = db_blob(row, 1, &len);

	if (len != DIGEST_BYTES)
		return err_set(err, -EBADMSG, "the run file's journal has no head");
	head->entries = (uint64_t)db_int(row, 0);
	digest_hex(hash, head->head);
	return 0;
}

int runfile_head_of(struct runfile_reader *reader, struct runfile_head *ret, struct err *err)
{
	*ret = (struct runfile_head){.entries = 0};
	int rc =
		db_each(reader->db, "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1", 0, 0, on_head, ret, err);

	return rc || ret->entries ? rc : err_set(err, -EBADMSG, "the run file's journal has no head");
}

const char *runfile_reader_path(const struct runfile_reader *reader)
{
	return reader->path;
}
