/* Whether a run file is as it was written: the journal's chain, and every digest under it, computed again. Entries are
 * gone through in their order; the blocks that one of them covers are read here, or were just read for something else
 * (walk.c), which spares a second reading of a long file. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/record/record_json.h"
#include "rig/runfile/altered.h"
#include "rig/runfile/chain.h"
#include "rig/runfile/pages.h"
#include "rig/runfile/reader.h"

struct verification {
	struct runfile_reader *reader;
	struct squeeze_buffer bytes; /* not the reader's: that one may hold the block that is being looked at */
	struct db_stmt *journal;
	bool words;                  /* the digests of blocks as they are stored: no block is read */
	bool ended;                  /* no further entry */
	uint64_t seq, items, blocks; /* last ones that fit */
	uint64_t covered;            /* last block of the entry at hand */
	char cover_hex[DIGEST_HEX];  /* the digest that it names */
	uint8_t head[DIGEST_BYTES];
	char want_head[SHA256_HEX]; /* the one the record names; empty: none, or met */
	struct digest cover;        /* of the blocks under the entry at hand */
	char item_hex[DIGEST_HEX];  /* of the item at hand, */
	char named[DIGEST_HEX];     /* and as its entry names it */
	int rc;                     /* the first thing that did not fit: nothing is looked at any more */
	struct err err;
};

/* where: what is known of the place in the row; "": nothing. */
static int misfit_at(const struct verification *v, struct err *err, const char *what, uint64_t number,
		     const char *where)
{
	return err_set(err, -EBADMSG,
		       "%.300s: %s %" PRIu64 " does not fit: the file was changed or damaged after it was written%s%s",
		       v->reader->path, what, number, *where ? ": " : "", where);
}

static int misfit(const struct verification *v, struct err *err, const char *what, uint64_t number)
{
	return misfit_at(v, err, what, number, "");
}

static bool digest_is(struct db_stmt *row, int column, const uint8_t digest[DIGEST_BYTES])
{
	size_t len;
	const void *stored = db_blob(row, column, &len);
	return len == DIGEST_BYTES && memcmp(stored, digest, len) == 0;
}

#define OTHER_TYPE "a cell of it has another type"

/* `wanted`, a SHA-256 in hex, as bytes. */
static bool digest_from_hex(const char *hex, uint8_t ret[DIGEST_BYTES])
{
	for (unsigned i = 0; i < DIGEST_BYTES; i++) {
		unsigned value;
		if (sscanf(hex + 2 * (size_t)i, "%2x", &value) != 1)
			return false;
		ret[i] = (uint8_t)value;
	}
	return hex[DIGEST_HEX - 1] == '\0';
}

/* The chain's word on an item is the journal's: `named`. */
static int item_misfit(const struct verification *v, const struct item *item, const uint8_t digest[DIGEST_BYTES],
		       struct err *err)
{
	char where[ALTERED_TEXT_MAX + 100], cell[ALTERED_TEXT_MAX] = "cell digest";
	uint8_t named[DIGEST_BYTES];

	if (!digest_from_hex(v->named, named))
		return misfit(v, err, "item", item->seq);
	if (memcmp(named, digest, sizeof(named)) != 0)
		altered_in_item(item, named, v->reader->search, cell);
	snprintf(where, sizeof(where), "%.20s %" PRIu64 ", %.20s: %s", item->kind, item->key, item->state, cell);
	return misfit_at(v, err, "item", item->seq, where);
}

static int check_item(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	uint8_t digest[DIGEST_BYTES];
	bool typed = db_row_is(row, "ititibb"); /* before they are read: reading a text makes one */
	struct item item = {
		.seq = (uint64_t)db_int(row, 0),
		.kind = db_text(row, 1, NULL),
		.key = (uint64_t)db_int(row, 2),
		.state = db_text(row, 3, NULL),
		.count = (uint64_t)db_int(row, 4),
	};
	item.data = db_blob(row, 6, &item.len);
	item_digest(&item, digest);
	if (!typed || item.seq != v->items + 1)
		return misfit_at(v, err, "item", item.seq, typed ? "" : OTHER_TYPE);
	digest_hex(digest, v->item_hex);
	if (!digest_is(row, 5, digest) || strcmp(v->item_hex, v->named) != 0)
		return item_misfit(v, &item, digest, err);
	v->items = item.seq;
	return 0;
}

/* The block behind the last one that fitted; the last one of an entry closes it. */
static int take_block(struct verification *v, uint64_t seq, const void *stored, struct err *err)
{
	uint8_t digest[DIGEST_BYTES];
	char hex[DIGEST_HEX];

	v->blocks = seq;
	digest_raw(&v->cover, stored, DIGEST_BYTES);
	if (seq != v->covered)
		return 0;
	digest_end(&v->cover, digest);
	digest_hex(digest, hex);
	return strcmp(hex, v->cover_hex) == 0 ? 0 : misfit(v, err, "journal entry", v->seq);
}

static int block_misfit(const struct verification *v, struct db_stmt *row, const struct packed *packed,
			const uint8_t digest[DIGEST_BYTES], struct err *err)
{
	char where[ALTERED_TEXT_MAX + 120], cell[ALTERED_TEXT_MAX] = "cell first_host_ns or last_host_ns";
	size_t len;
	const uint8_t *stored = db_blob(row, BLOCK_DIGEST, &len);

	if (len != DIGEST_BYTES)
		return misfit_at(v, err, "block", (uint64_t)db_int(row, BLOCK_SEQ), OTHER_TYPE);
	if (altered_digest(stored, digest))
		snprintf(cell, sizeof(cell), "cell digest");
	else if (memcmp(stored, digest, DIGEST_BYTES) != 0)
		altered_in_block(packed, stored, v->reader->search, cell);
	snprintf(where, sizeof(where), "device %u, stream %u, samples %" PRIu64 " to %" PRIu64 ": %s", packed->device,
		 packed->stream, packed->first_index, packed->first_index + packed->frames - 1, cell);
	return misfit_at(v, err, "block", (uint64_t)db_int(row, BLOCK_SEQ), where);
}

static int check_block(struct verification *v, struct db_stmt *row, const struct packed *packed, struct err *err)
{
	uint8_t digest[DIGEST_BYTES];
	uint64_t seq = (uint64_t)db_int(row, BLOCK_SEQ);

	block_digest(packed, digest);
	if (seq != v->blocks + 1)
		return misfit(v, err, "block", seq);
	if (!digest_is(row, BLOCK_DIGEST, digest) || !packed_times_fit(packed))
		return block_misfit(v, row, packed, digest, err);
	return take_block(v, seq, digest, err);
}

#define STORED_DIGESTS "SELECT seq, digest FROM block "

static int on_stored_digest(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	uint64_t seq = (uint64_t)db_int(row, 0);
	size_t len;
	const void *stored = db_blob(row, 1, &len);

	if (!db_row_is(row, "ib") || seq != v->blocks + 1 || len != DIGEST_BYTES)
		return misfit(v, err, "block", seq);
	return take_block(v, seq, stored, err);
}

static int on_block(void *ctx, struct db_stmt *row, struct err *err)
{
	struct verification *v = ctx;
	struct packed packed;
	int rc = read_packed(v->reader, &v->bytes, row, &packed, err);

	return rc ? rc : check_block(v, row, &packed, err);
}

static bool member_text(const struct json_doc *doc, const char *key, const char **ret)
{
	const struct json *value = json_get(json_root(doc), key);
	if (!value || json_kind(value) != JSON_STRING)
		return false;
	*ret = json_string(value);
	return true;
}

static int check_item_entry(struct verification *v, const struct json_doc *doc, uint64_t seq, struct err *err)
{
	uint64_t before = v->items;
	const char *named;

	if (!member_text(doc, "sha256", &named) || strlen(named) != DIGEST_HEX - 1)
		return misfit(v, err, "journal entry", seq);
	memcpy(v->named, named, sizeof(v->named));
	int rc = db_each(v->reader->db, "SELECT seq, kind, key, state, count, digest, data FROM item WHERE seq=?",
			 (int64_t)before + 1, 0, check_item, v, err);
	if (rc)
		return rc;
	if (v->items != before + 1 || !member_text(doc, "item", &named) || strtoull(named, NULL, 10) != v->items)
		return misfit(v, err, "journal entry", seq);
	return 0;
}

static int open_blocks_entry(struct verification *v, const struct json_doc *doc, uint64_t seq, struct err *err)
{
	const char *first, *last, *named;

	if (!member_text(doc, "first", &first) || !member_text(doc, "last", &last) ||
	    !member_text(doc, "sha256", &named) || strtoull(first, NULL, 10) != v->blocks + 1)
		return misfit(v, err, "journal entry", seq);
	v->covered = strtoull(last, NULL, 10);
	if (v->covered <= v->blocks)
		return misfit(v, err, "journal entry", seq);
	snprintf(v->cover_hex, sizeof(v->cover_hex), "%s", named);
	digest_begin(&v->cover);
	return 0;
}

static int check_own_entry(struct verification *v, const char *kind, const char *json, uint64_t seq, struct err *err)
{
	struct json_doc *doc;
	bool item = strcmp(kind, "item") == 0;
	if (!item && strcmp(kind, "blocks") != 0)
		return 0;
	if (json_parse("journal", json, strlen(json), &doc, NULL) != 0)
		return misfit(v, err, "journal entry", seq);
	int rc = item ? check_item_entry(v, doc, seq, err) : open_blocks_entry(v, doc, seq, err);
	json_doc_free(doc);
	return rc;
}

static int on_next_entry(void *ctx, struct db_stmt *row, struct err *err)
{
	uint8_t *head = ctx; /* as it would be before that entry; behind the call: whether it fits, in the first byte */
	size_t len;

	(void)err;
	const char *json = db_text(row, 3, &len);
	chain_append(head, (uint64_t)db_int(row, 0), (uint64_t)db_int(row, 1), db_text(row, 2, NULL), json, len);
	head[0] = digest_is(row, 4, head);
	return 1;
}

/* Where the next entry goes on from what this one comes to, it is this one's hash that is another. */
static int entry_misfit(const struct verification *v, const struct altered_entry *entry, struct db_stmt *row,
			struct err *err)
{
	uint8_t next[DIGEST_BYTES];
	char cell[ALTERED_TEXT_MAX] = "cell hash";
	size_t len;
	const uint8_t *stored = db_blob(row, 4, &len);

	if (len != DIGEST_BYTES)
		return misfit_at(v, err, "journal entry", entry->seq, OTHER_TYPE);
	memcpy(next, v->head, sizeof(next));
	int rc = db_each(v->reader->db, "SELECT seq, host_ns, kind, json, hash FROM journal WHERE seq=?",
			 (int64_t)entry->seq + 1, 0, on_next_entry, next, NULL);
	if (!(rc == 1 && next[0] == 1) && !altered_digest(stored, v->head))
		altered_in_entry(entry, stored, v->reader->search, cell);
	return misfit_at(v, err, "journal entry", entry->seq, cell);
}

static int check_entry(struct verification *v, struct db_stmt *row, struct err *err)
{
	uint64_t seq = (uint64_t)db_int(row, 0);
	size_t len;
	bool typed = db_row_is(row, "iittb");
	const char *kind = db_text(row, 2, NULL), *json = db_text(row, 3, &len);
	char hex[DIGEST_HEX];
	uint8_t before[DIGEST_BYTES];

	if (!typed || seq != v->seq + 1)
		return misfit_at(v, err, "journal entry", v->seq + 1, typed ? "it is not there" : OTHER_TYPE);
	memcpy(before, v->head, sizeof(before));
	chain_append(v->head, seq, (uint64_t)db_int(row, 1), kind, json, len);
	if (!digest_is(row, 4, v->head))
		return entry_misfit(v,
				    &(struct altered_entry){.before = before,
							    .seq = seq,
							    .host_ns = (uint64_t)db_int(row, 1),
							    .kind = kind,
							    .json = json,
							    .len = len},
				    row, err);
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
	if (record_from_json(text, len, record, NULL) == 0) /* else opening says so, or the chain does */
		memcpy(ctx, record->journal_head, SHA256_HEX);
	record_free(record);
	return 0;
}

static int each_block(struct verification *v, uint64_t first, uint64_t last, struct err *err)
{
	return db_each(v->reader->db,
		       v->words ? STORED_DIGESTS "WHERE seq>=? AND seq<=? ORDER BY seq"
				: BLOCK_COLUMNS "WHERE seq>=? AND seq<=? ORDER BY seq",
		       (int64_t)first, (int64_t)last, v->words ? on_stored_digest : on_block, v, err);
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
		rc = each_block(v, v->blocks + 1, INT64_MAX, err);
	if (!rc && v->want_head[0])
		rc = err_set(err, -EBADMSG,
			     "%.300s: the journal's head that the report names, %s, is not in the journal",
			     v->reader->path, v->want_head);
	return rc;
}

/* Through the entries, and the blocks under them, until block `until` is the next one of an open entry; to the end
 * where it never is. */
static int advance(struct verification *v, uint64_t until, struct err *err)
{
	int rc = 0;

	while (!rc && !v->ended) {
		uint64_t next = v->blocks + 1, last = v->covered < until ? v->covered : until - 1;

		if (next <= last) {
			rc = each_block(v, next, last, err);
			if (!rc && v->blocks != last)
				rc = misfit(v, err, "journal entry", v->seq);
		} else if (next == until && next <= v->covered) {
			break;
		} else {
			rc = db_step(v->journal, err);
			v->ended = rc == 0;
			rc = rc > 0 ? check_entry(v, v->journal, err) : rc;
		}
	}
	return rc;
}

void verify_block(struct verification *v, struct db_stmt *row, const struct packed *packed)
{
	uint64_t seq = (uint64_t)db_int(row, BLOCK_SEQ);

	if (v->rc || v->ended || seq <= v->blocks)
		return;
	v->rc = advance(v, seq, &v->err);
	if (!v->rc && !v->ended)
		v->rc = check_block(v, row, packed, &v->err);
}

void verification_free(struct verification *v)
{
	if (!v)
		return;
	db_finalize(v->journal);
	free(v->bytes.at);
	free(v);
}

static int begin(struct runfile_reader *reader, bool words, struct err *err)
{
	struct verification *v = calloc(1, sizeof(*v));

	if (!v)
		return err_set(err, -ENOMEM, "out of memory");
	v->reader = reader;
	v->words = words;
	verification_free(reader->verification);
	reader->verification = v;
	int rc = db_each(reader->db, "SELECT data FROM item WHERE kind='record' ORDER BY seq DESC LIMIT 1", 0, 0,
			 on_record_head, v->want_head, err);
	return rc ? rc
		  : db_prepare(reader->db, "SELECT seq, host_ns, kind, json, hash FROM journal ORDER BY seq",
			       &v->journal, err);
}

int runfile_verify_begin(struct runfile_reader *reader, struct err *err)
{
	return begin(reader, false, err);
}

int runfile_verify_end(struct runfile_reader *reader, struct err *err)
{
	struct verification *v = reader->verification;
	int rc = v->rc;

	if (!rc)
		rc = advance(v, UINT64_MAX, &v->err);
	if (!rc)
		rc = check_rest(v, &v->err);
	if (rc)
		*err = v->err;
	verification_free(v);
	reader->verification = NULL;
	return rc;
}

int runfile_verify(struct runfile_reader *reader, struct err *err)
{
	int rc = runfile_verify_begin(reader, err);

	return rc ? rc : runfile_verify_end(reader, err);
}

int runfile_verify_words(struct runfile_reader *reader, struct err *err)
{
	int rc = begin(reader, true, err);

	return rc ? rc : runfile_verify_end(reader, err);
}

/* ---- what lies beneath the rows --------------------------------------------------------------------------------- */

#define ROOTS_MAX 64

struct roots {
	uint32_t at[ROOTS_MAX];
	unsigned count;
};

static int on_root(void *ctx, struct db_stmt *row, struct err *err)
{
	struct roots *roots = ctx;

	if (roots->count == ROOTS_MAX)
		return err_set(err, -EBADMSG, "more tables than a run file of penrig has");
	roots->at[roots->count++] = (uint32_t)db_int(row, 0);
	return 0;
}

static int on_complaint(void *ctx, struct db_stmt *row, struct err *err)
{
	const struct runfile_reader *reader = ctx;
	const char *text = db_text(row, 0, NULL);

	if (strcmp(text, "ok") == 0)
		return 0;
	return err_set(err, -EBADMSG, "%.300s: %.200s: the file was changed or damaged after it was written",
		       reader->path, text);
}

int runfile_verify_pages(struct runfile_reader *reader, struct err *err)
{
	struct roots roots = {.count = 0};
	int rc = reader->copy[0]
			 ? err_set(err, -EAGAIN, "%.300s has a log beside it, which holds the newest of its pages",
				   reader->path)
			 : 0;

	if (!rc)
		rc = db_each(reader->db, "PRAGMA integrity_check(1)", 0, 0, on_complaint, reader, err);
	if (!rc)
		rc = db_each(reader->db, "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0", 0, 0, on_root, &roots,
			     err);
	return rc ? rc : pages_check(reader->path, roots.at, roots.count, err);
}
