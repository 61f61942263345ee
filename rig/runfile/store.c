/* Rows into the run file's tables, under the journal's chain. Leaves out whose rows they are and when they come. */
#include "rig/runfile/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/base/db.h"
#include "rig/runfile/schema.h"
#include "rig/runfile/squeeze.h"

#define COMMIT_BYTES 1000000u
#define COMMIT_NS    1000000000ull
#define COVER_BLOCKS 16 /* blocks under one entry of the journal */

struct cover { /* blocks that no journal entry holds yet */
	uint64_t first, last;
	struct digest digest;
};

struct store {
	const char *path;
	struct db *db;
	struct db_stmt *insert_journal, *insert_item, *insert_block;
	struct squeezer *squeezer;
	bool in_transaction;
	size_t transaction_bytes;
	uint64_t commit_ns, host_ns;
	uint64_t journal_seq, item_seq, block_seq;
	uint8_t head[DIGEST_BYTES];
	struct cover cover;
};

/* ---- transactions ---- */

static uint64_t monotonic_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int begin(struct store *store, struct err *err)
{
	if (store->in_transaction)
		return 0;
	int rc = db_begin(store->db, err);
	if (rc)
		return rc;
	store->in_transaction = true;
	store->transaction_bytes = 0;
	store->commit_ns = monotonic_ns() + COMMIT_NS;
	return 0;
}

int store_commit(struct store *store, struct err *err)
{
	if (!store->in_transaction)
		return 0;
	int rc = db_commit(store->db, err);
	if (!rc)
		store->in_transaction = false;
	return rc;
}

bool store_due(const struct store *store)
{
	return store->in_transaction &&
	       (store->transaction_bytes >= COMMIT_BYTES || monotonic_ns() >= store->commit_ns);
}

uint64_t store_wake_ns(const struct store *store)
{
	return store->in_transaction ? store->commit_ns : UINT64_MAX;
}

void store_hurry(struct store *store, uint64_t within_ns)
{
	uint64_t soon_ns = monotonic_ns() + within_ns;
	if (soon_ns < store->commit_ns)
		store->commit_ns = soon_ns;
}

void store_abandon(struct store *store)
{
	db_rollback(store->db);
	store->in_transaction = false;
}

/* ---- rows ---- */

static int insert_row(struct store *store, struct db_stmt *insert, size_t bytes, struct err *err)
{
	store->transaction_bytes += bytes;
	return db_insert(insert, err);
}

void store_set_time(struct store *store, uint64_t host_ns)
{
	store->host_ns = host_ns;
}

uint64_t store_time(const struct store *store)
{
	return store->host_ns;
}

void store_head(const struct store *store, uint8_t ret[DIGEST_BYTES])
{
	memcpy(ret, store->head, DIGEST_BYTES);
}

static int insert_entry(struct store *store, const char *kind, const char *json, size_t len,
			const uint8_t head[DIGEST_BYTES], struct err *err)
{
	db_bind_int(store->insert_journal, 1, (int64_t)store->journal_seq + 1);
	db_bind_int(store->insert_journal, 2, (int64_t)store->host_ns);
	db_bind_text(store->insert_journal, 3, kind, strlen(kind));
	db_bind_text(store->insert_journal, 4, json, len);
	db_bind_blob(store->insert_journal, 5, head, DIGEST_BYTES);
	return insert_row(store, store->insert_journal, len, err);
}

int store_journal(struct store *store, uint64_t host_ns, const char *kind, const char *json, size_t len,
		  struct err *err)
{
	store->host_ns = host_ns;
	int rc = begin(store, err);
	if (rc)
		return rc;
	uint8_t head[DIGEST_BYTES];
	memcpy(head, store->head, sizeof(head));
	chain_append(head, store->journal_seq + 1, host_ns, kind, json, len);
	rc = insert_entry(store, kind, json, len, head, err);
	if (rc)
		return rc;
	store->journal_seq++;
	memcpy(store->head, head, sizeof(head));
	return 0;
}

int store_cover(struct store *store, struct err *err)
{
	if (!store->cover.first)
		return 0;
	uint8_t hash[DIGEST_BYTES];
	char hex[DIGEST_HEX], json[160];
	digest_end(&store->cover.digest, hash);
	digest_hex(hash, hex);
	int len = snprintf(json, sizeof(json), "{\"first\":\"%" PRIu64 "\",\"last\":\"%" PRIu64 "\",\"sha256\":\"%s\"}",
			   store->cover.first, store->cover.last, hex);
	store->cover.first = 0;
	return store_journal(store, store->host_ns, "blocks", json, (size_t)len, err);
}

static int insert_item(struct store *store, const struct item *item, const uint8_t digest[DIGEST_BYTES],
		       struct err *err)
{
	db_bind_int(store->insert_item, 1, (int64_t)item->seq);
	db_bind_text(store->insert_item, 2, item->kind, strlen(item->kind));
	db_bind_int(store->insert_item, 3, (int64_t)item->key);
	db_bind_text(store->insert_item, 4, item->state, strlen(item->state));
	db_bind_int(store->insert_item, 5, (int64_t)item->count);
	db_bind_blob(store->insert_item, 6, digest, DIGEST_BYTES);
	db_bind_blob(store->insert_item, 7, item->data, item->len);
	return insert_row(store, store->insert_item, item->len, err);
}

int store_item(struct store *store, struct item item, struct err *err)
{
	uint8_t digest[DIGEST_BYTES];
	char hex[DIGEST_HEX], json[160];

	int rc = begin(store, err);
	if (rc)
		return rc;
	item.seq = store->item_seq + 1;
	item_digest(&item, digest);
	rc = insert_item(store, &item, digest, err);
	if (rc)
		return rc;
	store->item_seq++;
	digest_hex(digest, hex);
	int len = snprintf(json, sizeof(json), "{\"item\":\"%" PRIu64 "\",\"kind\":\"%s\",\"sha256\":\"%s\"}", item.seq,
			   item.kind, hex);
	return store_journal(store, store->host_ns, "item", json, (size_t)len, err);
}

int store_squeezed(struct store *store, struct item item, struct err *err)
{
	bool squeezed;
	item.data = squeeze(store->squeezer, item.data, item.len, &item.len, &squeezed);
	item.state = squeezed ? "zstd" : "raw";
	return store_item(store, item, err);
}

static int insert_block(struct store *store, const struct packed *packed, const uint8_t digest[DIGEST_BYTES],
			struct err *err)
{
	size_t len;
	bool squeezed;
	const uint8_t *samples = squeeze(store->squeezer, packed->raw, packed->raw_len, &len, &squeezed);
	const uint64_t numbers[] = {store->block_seq + 1, packed->device,   packed->stream, packed->first_index,
				    packed->frames,       packed->channels, packed->width,  packed->first_host_ns,
				    packed->last_host_ns, squeezed};
	int column = 1;
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		db_bind_int(store->insert_block, column++, (int64_t)numbers[i]);
	db_bind_blob(store->insert_block, column++, digest, DIGEST_BYTES);
	db_bind_blob(store->insert_block, column++, packed->arrivals, packed->arrivals_len);
	db_bind_blob(store->insert_block, column, samples, len);
	return insert_row(store, store->insert_block, len + packed->arrivals_len, err);
}

int store_block(struct store *store, const struct packed *packed, struct err *err)
{
	uint8_t digest[DIGEST_BYTES];
	int rc = begin(store, err);
	if (rc)
		return rc;
	block_digest(packed, digest);
	rc = insert_block(store, packed, digest, err);
	if (rc)
		return rc;
	store->block_seq++;
	if (!store->cover.first) {
		store->cover.first = store->block_seq;
		digest_begin(&store->cover.digest);
	}
	store->cover.last = store->block_seq;
	digest_raw(&store->cover.digest, digest, sizeof(digest));
	return store->cover.last - store->cover.first + 1 == COVER_BLOCKS ? store_cover(store, err) : 0;
}

/* ---- opening and closing ---- */

static int prepare_inserts(struct store *store, struct err *err)
{
	int rc = db_prepare(store->db, "INSERT INTO journal VALUES(?,?,?,?,?)", &store->insert_journal, err);
	if (!rc)
		rc = db_prepare(store->db, "INSERT INTO item VALUES(?,?,?,?,?,?,?)", &store->insert_item, err);
	if (!rc)
		rc = db_prepare(store->db, "INSERT INTO block VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)", &store->insert_block,
				err);
	return rc;
}

static void finalize_inserts(struct store *store)
{
	db_finalize(store->insert_journal);
	db_finalize(store->insert_item);
	db_finalize(store->insert_block);
	store->insert_journal = store->insert_item = store->insert_block = NULL;
}

static struct store *allocate(const char *path, size_t longest, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));
	if (store && squeezer_new(longest > PACK_RAW_MAX ? longest : PACK_RAW_MAX, &store->squeezer) == 0) {
		store->path = path;
		return store;
	}
	free(store);
	err_set(err, -ENOMEM, "no memory for the run file");
	return NULL;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	finalize_inserts(store);
	db_close(store->db);
	squeezer_free(store->squeezer);
	free(store);
}

static int done(int rc, struct store *store, struct store **ret)
{
	if (rc)
		store_free(store);
	else
		*ret = store;
	return rc;
}

int store_create(const char *path, size_t longest, struct store **ret, struct err *err)
{
	struct store *store = allocate(path, longest, err);
	if (!store)
		return -ENOMEM;
	int rc = db_open(path, path, DB_WRITE, BUSY_MS, &store->db, err);
	if (!rc)
		rc = schema_create(store->db, err);
	if (!rc)
		rc = prepare_inserts(store, err);
	return done(rc, store, ret);
}

static int load_number(struct store *store, const char *sql, uint64_t *ret, struct err *err)
{
	int64_t number;
	int rc = db_number(store->db, sql, &number, err);
	if (!rc)
		*ret = (uint64_t)number;
	return rc;
}

static int on_head(void *ctx, struct db_stmt *row, struct err *err)
{
	struct store *store = ctx;
	size_t len;
	const void *hash = db_blob(row, 1, &len);
	(void)err;
	if (len != DIGEST_BYTES)
		return 0;
	store->journal_seq = (uint64_t)db_int(row, 0);
	memcpy(store->head, hash, DIGEST_BYTES);
	store->host_ns = (uint64_t)db_int(row, 2);
	return 0;
}

static int load_head(struct store *store, struct err *err)
{
	int rc = load_number(store, "SELECT ifnull(max(seq),0) FROM item", &store->item_seq, err);
	if (!rc)
		rc = load_number(store, "SELECT ifnull(max(seq),0) FROM block", &store->block_seq, err);
	if (!rc)
		rc = db_each(store->db, "SELECT seq, hash, host_ns FROM journal ORDER BY seq DESC LIMIT 1", 0, 0,
			     on_head, store, err);
	if (!rc && !store->journal_seq)
		rc = err_set(err, -EBADMSG, "%.300s: its journal has no head to append to", store->path);
	return rc;
}

int store_open(const char *path, struct store **ret, struct err *err)
{
	struct store *store = allocate(path, 0, err);
	if (!store)
		return -ENOMEM;
	int rc = db_open(path, path, DB_WRITE, BUSY_AT_END_MS, &store->db, err);
	if (!rc)
		rc = schema_check(store->db, path, err);
	if (!rc)
		rc = db_exec(store->db, "PRAGMA synchronous=FULL", err);
	if (!rc)
		rc = begin(store, err);
	if (!rc)
		rc = load_head(store, err);
	if (!rc)
		rc = prepare_inserts(store, err);
	return done(rc, store, ret);
}

int store_gather(struct store *store, struct err *err)
{
	return db_checkpoint(store->db, err);
}

int store_settle(struct store *store, struct err *err)
{
	int rc = store_commit(store, err);
	db_set_busy(store->db, BUSY_AT_END_MS);
	if (!rc)
		rc = db_checkpoint(store->db, err);
	if (rc)
		return rc;
	finalize_inserts(store);
	rc = db_exec(store->db, "PRAGMA journal_mode=DELETE", err);
	if (rc == -EBUSY)
		return err_set(
			err, rc,
			"%.300s: another program has it open; all is saved in it and its -wal: keep both together",
			store->path);
	if (rc)
		return rc;
	db_close(store->db);
	store->db = NULL;
	return 0;
}
