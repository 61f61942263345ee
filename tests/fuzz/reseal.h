/* A run file's digests and chain computed anew behind rows that were changed, as docs/run-file.md has them: whoever may write a
 * file can do that, and only then do its readers meet the changed rows. tests/e2e/sealing.py is the same in Python. */
#ifndef PENRIG_TESTS_FUZZ_RESEAL_H
#define PENRIG_TESTS_FUZZ_RESEAL_H

#include <ctype.h>
#include <inttypes.h>

#include "rig/base/db.h"
#include "rig/runfile/chain.h"
#include "rig/runfile/squeeze.h"
#include "tests/fuzz/standalone.h"

#define RESEAL_ENTRIES 512
#define RESEAL_TEXT    (1 << 20)

struct reseal {
	struct db *db;
	unsigned heads;
	char old_head[RESEAL_ENTRIES][DIGEST_HEX], new_head[RESEAL_ENTRIES][DIGEST_HEX];
	char text[RESEAL_TEXT];
	struct squeeze_buffer buffer;
};

/* 0: no such number stands behind the key. */
static int64_t reseal_number(const char *json, const char *key)
{
	const char *at = strstr(json, key);

	at = at ? at + strlen(key) : "";
	while (*at && strchr(" \":", *at))
		at++;
	return strtoll(at, NULL, 10);
}

/* Every digest in `text` that is `from` becomes `to`. */
static void reseal_replace(char *text, size_t len, const char *from, const char *to)
{
	for (char *at = text; (at = memmem(at, len - (size_t)(at - text), from, DIGEST_HEX - 1)); at += DIGEST_HEX - 1)
		memcpy(at, to, DIGEST_HEX - 1);
}

static size_t reseal_take(struct reseal *r, const void *data, size_t len)
{
	len = len < RESEAL_TEXT - 1 ? len : RESEAL_TEXT - 1;
	memcpy(r->text, data, len);
	r->text[len] = '\0';
	return len;
}

static void reseal_item(struct reseal *r, int64_t seq, char ret[DIGEST_HEX])
{
	struct db_stmt *row, *update;
	struct err err;
	uint8_t digest[DIGEST_BYTES] = {0};

	digest_hex(digest, ret);
	FUZZ_CHECK(!db_prepare(r->db, "SELECT kind, key, state, count, data FROM item WHERE seq=?", &row, &err));
	db_bind_int(row, 1, seq);
	if (db_step(row, &err) == 1) {
		size_t len;
		const void *data = db_blob(row, 4, &len);
		len = reseal_take(r, data, len);
		for (unsigned i = 0; i < r->heads; i++)
			reseal_replace(r->text, len, r->old_head[i], r->new_head[i]);
		item_digest(&(struct item){.seq = (uint64_t)seq,
					   .kind = db_text(row, 0, NULL),
					   .key = (uint64_t)db_int(row, 1),
					   .state = db_text(row, 2, NULL),
					   .count = (uint64_t)db_int(row, 3),
					   .data = r->text,
					   .len = len},
			    digest);
		digest_hex(digest, ret);
		FUZZ_CHECK(!db_prepare(r->db, "UPDATE item SET data=?, digest=? WHERE seq=?", &update, &err));
		db_bind_blob(update, 1, r->text, len);
		db_bind_blob(update, 2, digest, sizeof(digest));
		db_bind_int(update, 3, seq);
		db_finalize(row);
		(void)db_insert(update, &err);
		db_finalize(update);
		return;
	}
	db_finalize(row);
}

static void reseal_block(struct reseal *r, int64_t seq, uint8_t ret[DIGEST_BYTES])
{
	struct db_stmt *row, *update;
	struct err err;

	memset(ret, 0, DIGEST_BYTES);
	FUZZ_CHECK(!db_prepare(r->db,
			       "SELECT device, stream, first_index, frames, channels, width, zstd, arrivals, samples "
			       "FROM block WHERE seq=?",
			       &row, &err));
	db_bind_int(row, 1, seq);
	if (db_step(row, &err) == 1) {
		struct packed p = {.device = (uint32_t)db_int(row, 0),
				   .stream = (uint32_t)db_int(row, 1),
				   .first_index = (uint64_t)db_int(row, 2),
				   .frames = (uint64_t)db_int(row, 3),
				   .channels = (uint32_t)db_int(row, 4),
				   .width = (uint32_t)db_int(row, 5)};
		p.arrivals = db_blob(row, 7, &p.arrivals_len);
		p.raw = db_blob(row, 8, &p.raw_len);
		(void)unsqueeze(&r->buffer, db_int(row, 6) != 0, &p.raw, &p.raw_len, PACK_RAW_MAX);
		block_digest(&p, ret);
	}
	db_finalize(row);
	FUZZ_CHECK(!db_prepare(r->db, "UPDATE block SET digest=? WHERE seq=?", &update, &err));
	db_bind_blob(update, 1, ret, DIGEST_BYTES);
	db_bind_int(update, 2, seq);
	(void)db_insert(update, &err);
	db_finalize(update);
}

/* What an entry names of others: the digest of its item, or that of its blocks' digests. */
static void reseal_named(struct reseal *r, const char *kind, char *json)
{
	char *said = strstr(json, "\"sha256\""), hex[DIGEST_HEX] = "";

	if (strcmp(kind, "item") == 0) {
		reseal_item(r, reseal_number(json, "\"item\""), hex);
	} else if (strcmp(kind, "blocks") == 0) {
		struct digest cover;
		uint8_t digest[DIGEST_BYTES];
		int64_t first = reseal_number(json, "\"first\""), last = reseal_number(json, "\"last\"");
		digest_begin(&cover);
		for (int64_t seq = first; seq <= last && seq < first + 64; seq++) {
			reseal_block(r, seq, digest);
			digest_raw(&cover, digest, sizeof(digest));
		}
		digest_end(&cover, digest);
		digest_hex(digest, hex);
	}
	said = said ? strchr(said + 8, '"') : NULL;
	if (hex[0] && said && strlen(said) > DIGEST_HEX)
		memcpy(said + 1, hex, DIGEST_HEX - 1);
}

static void reseal_entry(struct reseal *r, int64_t seq, uint8_t head[DIGEST_BYTES])
{
	static char json[65536];
	struct db_stmt *row, *update;
	char kind[64];
	struct err err;

	FUZZ_CHECK(!db_prepare(r->db, "SELECT host_ns, kind, json, hash FROM journal WHERE seq=?", &row, &err));
	db_bind_int(row, 1, seq);
	FUZZ_CHECK(db_step(row, &err) == 1);
	uint64_t host_ns = (uint64_t)db_int(row, 0);
	size_t len;
	const uint8_t *old = db_blob(row, 3, &len);
	if (len == DIGEST_BYTES)
		digest_hex(old, r->old_head[r->heads]);
	snprintf(kind, sizeof(kind), "%s", db_text(row, 1, NULL));
	snprintf(json, sizeof(json), "%s", db_text(row, 2, NULL));
	db_finalize(row);
	reseal_named(r, kind, json);
	chain_append(head, (uint64_t)seq, host_ns, kind, json, strlen(json));
	digest_hex(head, r->new_head[r->heads]);
	r->heads += len == DIGEST_BYTES;
	FUZZ_CHECK(!db_prepare(r->db, "UPDATE journal SET json=?, hash=? WHERE seq=?", &update, &err));
	db_bind_text(update, 1, json, strlen(json));
	db_bind_blob(update, 2, head, DIGEST_BYTES);
	db_bind_int(update, 3, seq);
	(void)db_insert(update, &err);
	db_finalize(update);
}

/* In a transaction of the caller's. */
static void reseal(struct db *db)
{
	static struct reseal r;
	static int64_t seqs[RESEAL_ENTRIES];
	uint8_t head[DIGEST_BYTES] = {0};
	struct db_stmt *row;
	struct err err;
	unsigned count = 0;

	r.db = db;
	r.heads = 0;
	FUZZ_CHECK(!db_prepare(db, "SELECT seq FROM journal ORDER BY seq", &row, &err));
	while (count < RESEAL_ENTRIES && db_step(row, &err) == 1)
		seqs[count++] = db_int(row, 0);
	db_finalize(row);
	for (unsigned i = 0; i < count; i++)
		reseal_entry(&r, seqs[i], head);
	free(r.buffer.at);
	r.buffer = (struct squeeze_buffer){.size = 0};
}

#endif
