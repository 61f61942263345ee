/* Whether a run file is as it was written: the journal's chain, and every digest under it, computed again. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/run/file/chain.h"
#include "rig/run/file/runfile_reader.h"
#include "rig/run/record_json.h"

#define VERIFY_NICE 10 /* of the verifying thread */

struct verification {
	struct runfile_reader *reader;
	uint64_t seq, items, blocks; /* last ones that fit */
	uint8_t head[DIGEST_BYTES];
	char want_head[SHA256_HEX]; /* the one the record names; empty: none, or met */
	struct digest cover;        /* of the blocks under the entry at hand */
	char item_hex[DIGEST_HEX];  /* of the item at hand */
};

static int misfit(const struct verification *v, struct err *err, const char *what, uint64_t number)
{
	return err_set(err, -EBADMSG,
		       "%.300s: %s %" PRIu64 " does not fit: the file was changed or damaged after it was written",
		       v->reader->path, what, number);
}

static bool digest_is(struct db_stmt *row, int column, const uint8_t digest[DIGEST_BYTES])
{
	size_t len;
	const void *stored = db_blob(row, column, &len);
	return len == DIGEST_BYTES && memcmp(stored, digest, len) == 0;
}

static int check_item(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	uint8_t digest[DIGEST_BYTES];
	struct item item = {
		.seq = (uint64_t)db_int(row, 0),
		.kind = db_text(row, 1, NULL),
		.key = (uint64_t)db_int(row, 2),
		.state = db_text(row, 3, NULL),
		.count = (uint64_t)db_int(row, 4),
	};
	item.data = db_blob(row, 6, &item.len);
	item_digest(&item, digest);
	if (item.seq != v->items + 1 || !digest_is(row, 5, digest))
		return misfit(v, err, "item", item.seq);
	v->items = item.seq;
	digest_hex(digest, v->item_hex);
	return 0;
}

static int check_block(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	struct packed packed;
	uint8_t digest[DIGEST_BYTES];
	uint64_t seq = (uint64_t)db_int(row, BLOCK_SEQ);
	if (read_packed(v->reader, &v->reader->bytes, row, &packed, err) != 0)
		return -EBADMSG;
	block_digest(&packed, digest);
	if (seq != v->blocks + 1 || !digest_is(row, BLOCK_DIGEST, digest))
		return misfit(v, err, "block", seq);
	v->blocks = seq;
	digest_raw(&v->cover, digest, sizeof(digest));
	return 0;
}

static bool member_text(const struct json_doc *doc, const char *key, const char **ret)
{
	const struct json *value = json_get(json_root(doc), key);
	if (!value || json_kind(value) != JSON_STRING)
		return false;
	*ret = json_string(value);
	return true;
}

/* The digest of what stands in v->cover against the one that the journal's entry names. */
static bool cover_matches(struct verification *v, const struct json_doc *doc)
{
	uint8_t digest[DIGEST_BYTES];
	char hex[DIGEST_HEX];
	const char *named;
	digest_end(&v->cover, digest);
	digest_hex(digest, hex);
	return member_text(doc, "sha256", &named) && strcmp(named, hex) == 0;
}

static int check_item_entry(struct verification *v, const struct json_doc *doc, uint64_t seq, struct err *err)
{
	uint64_t before = v->items;
	int rc = db_each(v->reader->db, "SELECT seq, kind, key, state, count, digest, data FROM item WHERE seq=?",
			 (int64_t)before + 1, 0, check_item, v, err);
	if (rc)
		return rc;
	const char *named;
	if (v->items != before + 1 || !member_text(doc, "item", &named) || strtoull(named, NULL, 10) != v->items ||
	    !member_text(doc, "sha256", &named) || strcmp(named, v->item_hex) != 0)
		return misfit(v, err, "journal entry", seq);
	return 0;
}

static int check_blocks_entry(struct verification *v, const struct json_doc *doc, uint64_t seq, struct err *err)
{
	const char *first, *last;
	if (!member_text(doc, "first", &first) || !member_text(doc, "last", &last) ||
	    strtoull(first, NULL, 10) != v->blocks + 1)
		return misfit(v, err, "journal entry", seq);
	uint64_t end = strtoull(last, NULL, 10);
	digest_begin(&v->cover);
	int rc = db_each(v->reader->db, BLOCK_COLUMNS "WHERE seq>=? AND seq<=? ORDER BY seq", (int64_t)v->blocks + 1,
			 (int64_t)end, check_block, v, err);
	if (rc)
		return rc;
	return v->blocks == end && cover_matches(v, doc) ? 0 : misfit(v, err, "journal entry", seq);
}

static int check_own_entry(struct verification *v, const char *kind, const char *json, uint64_t seq, struct err *err)
{
	struct json_doc *doc;
	bool item = strcmp(kind, "item") == 0;
	if (!item && strcmp(kind, "blocks") != 0)
		return 0;
	if (json_parse("journal", json, strlen(json), &doc, NULL) != 0)
		return misfit(v, err, "journal entry", seq);
	int rc = item ? check_item_entry(v, doc, seq, err) : check_blocks_entry(v, doc, seq, err);
	json_doc_free(doc);
	return rc;
}

static int check_entry(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	uint64_t seq = (uint64_t)db_int(row, 0);
	size_t len;
	const char *kind = db_text(row, 2, NULL), *json = db_text(row, 3, &len);
	char hex[DIGEST_HEX];

	if (seq != v->seq + 1)
		return misfit(v, err, "journal entry", v->seq + 1);
	chain_append(v->head, seq, (uint64_t)db_int(row, 1), kind, json, len);
	if (!digest_is(row, 4, v->head))
		return misfit(v, err, "journal entry", seq);
	v->seq = seq;
	digest_hex(v->head, hex);
	if (strcmp(hex, v->want_head) == 0)
		v->want_head[0] = '\0';
	return check_own_entry(v, kind, json, seq, err);
}

static int on_record_head(void *ctx, struct db_stmt *row, struct err *err)
{
	struct record *record = record_new();
	if (!record)
		return err_set(err, -ENOMEM, "no memory for the record");
	size_t len;
	const char *text = db_blob(row, 0, &len);
	int rc = record_from_json(text, len, record, err);
	if (!rc)
		memcpy(ctx, record->journal_head, SHA256_HEX);
	record_free(record);
	return rc;
}

/* Rows behind the last entry of the journal: blocks of a killed run may stand there, nothing else may. */
static int check_rest(struct verification *v, struct err *err)
{
	int64_t items, blocks;
	int rc = db_number(v->reader->db, "SELECT count(*) FROM item", &items, err);
	if (!rc)
		rc = db_number(v->reader->db, "SELECT count(*) FROM block", &blocks, err);
	if (!rc && v->seq == 0)
		rc = misfit(v, err, "journal entry", 1);
	if (!rc && (uint64_t)items != v->items)
		rc = misfit(v, err, "item", v->items + 1);
	if (!rc && v->reader->final && (uint64_t)blocks != v->blocks)
		rc = misfit(v, err, "block", v->blocks + 1);
	if (!rc)
		rc = db_each(v->reader->db, BLOCK_COLUMNS "WHERE seq>? ORDER BY seq", (int64_t)v->blocks, 0,
			     check_block, v, err);
	if (!rc && v->want_head[0])
		rc = err_set(err, -EBADMSG,
			     "%.300s: the journal's head that the report names, %s, is not in the journal",
			     v->reader->path, v->want_head);
	return rc;
}

int runfile_verify(struct runfile_reader *reader, struct err *err)
{
	struct verification v = {.reader = reader};
	int rc = db_each(reader->db, "SELECT data FROM item WHERE kind='record' ORDER BY seq DESC LIMIT 1", 0, 0,
			 on_record_head, v.want_head, err);
	if (!rc)
		rc = db_each(reader->db, "SELECT seq, host_ns, kind, json, hash FROM journal ORDER BY seq", 0, 0,
			     check_entry, &v, err);
	return rc ? rc : check_rest(&v, err);
}

struct runfile_verifying {
	pthread_t thread;
	struct runfile_reader *reader;
	int rc;
	struct err err;
};

/* The verdict waits for the results, too: these come first where there are too few processors for both. */
static void *verify_all(void *ctx)
{
	struct runfile_verifying *verifying = ctx;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), VERIFY_NICE);
	verifying->rc = runfile_verify(verifying->reader, &verifying->err);
	return NULL;
}

int runfile_verify_start(const char *path, struct runfile_verifying **ret, struct err *err)
{
	struct runfile_verifying *verifying = calloc(1, sizeof(*verifying));
	struct record *record = NULL;
	if (!verifying)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = runfile_open(path, &verifying->reader, &record, err);
	record_free(record);
	if (!rc && (rc = -pthread_create(&verifying->thread, NULL, verify_all, verifying)) != 0)
		err_set(err, rc, "%.300s cannot be verified: %s", path, strerror(-rc));
	if (rc) {
		runfile_reader_free(verifying->reader);
		free(verifying);
		return rc;
	}
	*ret = verifying;
	return 0;
}

int runfile_verify_end(struct runfile_verifying *verifying, struct err *err)
{
	pthread_join(verifying->thread, NULL);
	int rc = verifying->rc;
	if (rc)
		*err = verifying->err;
	runfile_reader_free(verifying->reader);
	free(verifying);
	return rc;
}
