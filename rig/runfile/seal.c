/* Seals of a run file: who vouches for what stands in it, made and looked at again. Each is two items, the statement
 * ("seal") and behind it its signature, both under the journal's chain as everything else. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/disk.h"
#include "rig/base/meaning.h"
#include "rig/record/record_json.h"
#include "rig/runfile/chain.h"
#include "rig/runfile/reader.h"
#include "rig/runfile/store.h"

/* ---- the statement ---------------------------------------------------------------------------------------------- */

struct filling {
	struct record_seal *seal;
	uint64_t step;
};

static int on_entry(void *ctx, struct db_stmt *row, struct err *err)
{
	struct filling *f = ctx;
	struct record_seal *seal = f->seal;
	size_t len;
	const void *hash = db_blob(row, 1, &len);

	if (len != DIGEST_BYTES)
		return err_set(err, -EBADMSG, "the journal has an entry without a digest");
	seal->entries = (uint64_t)db_int(row, 0);
	digest_hex(hash, seal->head);
	if (seal->entries % f->step == 0 && seal->marks < SEAL_MARKS_MAX) {
		struct seal_mark *mark = &seal->mark[seal->marks++];
		mark->entry = seal->entries;
		memcpy(mark->head, seal->head, sizeof(mark->head));
	}
	return 0;
}

static int on_report(void *ctx, struct db_stmt *row, struct err *err)
{
	struct record_seal *seal = ctx;
	size_t len;
	const void *text = db_blob(row, 1, &len);

	(void)err;
	seal->judged = (unsigned)db_int(row, 0);
	digest_text(text, len, seal->report_sha256);
	return 0;
}

int runfile_seal_draft(struct runfile_reader *reader, struct record_seal *ret, struct err *err)
{
	struct filling f = {.seal = ret};
	int64_t entries, seals;
	int rc = db_number(reader->db, "SELECT max(seq) FROM journal", &entries, err);

	if (!rc)
		rc = db_number(reader->db, "SELECT count(*) FROM item WHERE kind='seal'", &seals, err);
	if (rc)
		return rc;
	if (!reader->final)
		return err_set(err, -ENODATA,
			       "%.300s: its run did not come to its end, so that there is nothing to vouch for",
			       reader->path);
	ret->number = (unsigned)seals + 1;
	ret->marks = 0;
	f.step = ((uint64_t)entries + SEAL_MARKS_MAX - 1) / SEAL_MARKS_MAX;
	rc = db_each(reader->db, "SELECT seq, hash FROM journal ORDER BY seq", 0, 0, on_entry, &f, err);
	return rc ? rc
		  : db_each(reader->db, "SELECT key, data FROM item WHERE kind='report' ORDER BY seq DESC LIMIT 1", 0,
			    0, on_report, ret, err);
}

/* What stands in the signature's own line, so that minisign shows it. No name holds a tab or a line break. */
static void trusted_comment(const struct record_seal *seal, char ret[TRUSTED_COMMENT_MAX])
{
	snprintf(ret, TRUSTED_COMMENT_MAX, "%s by %s at %s\trun:%s\tseal:%u\tverdict:%s", seal->meaning, seal->signer,
		 seal->utc, seal->run, seal->number, seal->verdict);
}

static int store_seal(struct store *store, const struct record_seal *seal, const struct seal_texts *texts,
		      struct err *err)
{
	uint8_t head[DIGEST_BYTES];
	char hex[DIGEST_HEX];

	store_head(store, head);
	digest_hex(head, hex);
	if (strcmp(hex, seal->head) != 0)
		return err_set(err, -ESTALE, "the run file was written into meanwhile: sign it again");
	struct item item = {
		.kind = "seal", .state = "json", .key = seal->number, .data = texts->seal, .len = strlen(texts->seal)};
	int rc = store_item(store, item, err);
	item = (struct item){.kind = "signature",
			     .state = "minisig",
			     .key = seal->number,
			     .data = texts->signature,
			     .len = strlen(texts->signature)};
	if (!rc)
		rc = store_item(store, item, err);
	return rc ? rc : store_commit(store, err);
}

static int append(const char *path, const struct record_seal *seal, const struct seal_texts *texts, struct err *err)
{
	struct store *store = NULL;
	int rc = store_open(path, &store, err);

	if (!rc)
		rc = store_seal(store, seal, texts, err);
	store_free(store);
	if (!rc && (rc = disk_sync_file(path)) != 0)
		err_set(err, rc, "%.300s cannot be made durable: %s", path, strerror(-rc));
	return rc;
}

int runfile_append_seal(const char *path, const struct record_seal *seal, const struct signing_key *key,
			struct seal_texts *ret, struct err *err)
{
	struct seal_texts texts = {.seal = NULL};
	char comment[TRUSTED_COMMENT_MAX];

	trusted_comment(seal, comment);
	int rc = seal_to_json(seal, &texts.seal, err);
	if (!rc)
		rc = signature_make(key, texts.seal, strlen(texts.seal), comment, &texts.signature, err);
	if (!rc)
		rc = append(path, seal, &texts, err);
	if (rc)
		seal_texts_free(&texts);
	else
		*ret = texts;
	return rc;
}

void seal_texts_free(struct seal_texts *texts)
{
	free(texts->seal);
	free(texts->signature);
	*texts = (struct seal_texts){.seal = NULL};
}

/* ---- looked at again -------------------------------------------------------------------------------------------- */

static int broken(struct record_seal *seal, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int broken(struct record_seal *seal, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(seal->why, sizeof(seal->why), fmt, ap);
	va_end(ap);
	seal->state = SEAL_BROKEN;
	return 0;
}

void seal_check_signature(struct record_seal *seal, const struct seal_texts *texts, const struct keyring *ring)
{
	struct signature signature;
	char owner[KEY_OWNER_MAX];
	bool bench;
	const struct meaning *meaning = meaning_find(seal->meaning);

	if (signature_parse(texts->signature, strlen(texts->signature), &signature, NULL) != 0) {
		broken(seal, "its signature is none");
		return;
	}
	key_id_text(signature.id, seal->key_id);
	const struct public_key *key = keyring_find(ring, signature.id);
	if (!key) {
		seal->state = SEAL_UNCHECKED;
		snprintf(seal->why, sizeof(seal->why), "key %s is none of the %u that are trusted here", seal->key_id,
			 ring->count);
	} else if (!signature_holds(&signature, key, texts->seal, strlen(texts->seal))) {
		broken(seal, "the signature is not of this text by key %s", seal->key_id);
	} else if (key_owner(key, &bench, owner) && (bench != seal->bench || strcmp(owner, seal->signer) != 0)) {
		broken(seal, "it is signed by the %s key of %s", bench ? "bench" : "person", owner);
	} else if (!meaning || meaning->of_bench != seal->bench) {
		broken(seal, "\"%s\" is nothing that a %s can say", seal->meaning, seal->bench ? "bench" : "person");
	} else {
		seal->state = SEAL_HOLDS;
	}
}

struct head_at {
	char hex[DIGEST_HEX];
};

static int on_head(void *ctx, struct db_stmt *row, struct err *err)
{
	struct head_at *head = ctx;
	size_t len;
	const void *hash = db_blob(row, 0, &len);

	(void)err;
	if (len == DIGEST_BYTES)
		digest_hex(hash, head->hex);
	return 0;
}

int runfile_has_head(struct runfile_reader *reader, uint64_t entry, const char *head, bool *ret, struct err *err)
{
	struct head_at at = {.hex = ""};
	int rc = db_each(reader->db, "SELECT hash FROM journal WHERE seq=?", (int64_t)entry, 0, on_head, &at, err);

	*ret = !rc && strcmp(at.hex, head) == 0;
	return rc;
}

/* Where the chain is no longer the one that was sealed. */
static int find_place(struct runfile_reader *reader, struct record_seal *seal, struct err *err)
{
	uint64_t good = 0, bad = seal->entries;
	bool same = true;

	for (unsigned i = 0; i < seal->marks && same; i++) {
		int rc = runfile_has_head(reader, seal->mark[i].entry, seal->mark[i].head, &same, err);
		if (rc)
			return rc;
		*(same ? &good : &bad) = seal->mark[i].entry;
	}
	return broken(seal,
		      "the journal is not the one that was sealed: altered, cut or made anew between its entries "
		      "%" PRIu64 " and %" PRIu64,
		      good + 1, bad);
}

static int check_content(struct runfile_reader *reader, struct record_seal *seal, struct err *err)
{
	char *report = NULL;
	char sha256[SHA256_HEX] = "";
	bool same;
	int rc = runfile_has_head(reader, seal->entries, seal->head, &same, err);

	if (rc)
		return rc;
	if (!same)
		return find_place(reader, seal, err);
	rc = runfile_report(reader, seal->judged, &report, err);
	if (rc && rc != -ENOENT)
		return rc;
	if (report)
		digest_text(report, strlen(report), sha256);
	free(report);
	return strcmp(sha256, seal->report_sha256) == 0
		       ? 0
		       : broken(seal, "the report of verdict %u is not the one that was sealed", seal->judged);
}

struct seal_walk {
	struct runfile_reader *reader;
	const struct keyring *ring;
	struct record *record;
	struct seal_texts texts;
	struct record_seal *seal; /* the statement whose signature comes next */
	int64_t item;
};

static int on_statement(struct seal_walk *walk, uint64_t number, char *text, struct err *err)
{
	struct record_seal *seal = record_add_seal(walk->record);

	free(walk->texts.seal);
	walk->texts.seal = text;
	walk->seal = seal;
	if (!seal)
		return err_set(err, -ENOMEM, "no memory for the seals of the run file");
	if (seal_from_json(text, strlen(text), seal, NULL) != 0 || seal->number != number) {
		*seal = (struct record_seal){.number = (unsigned)number};
		return broken(seal, "its statement is none that penrig writes");
	}
	return broken(seal, "it has no signature");
}

static int on_signature(struct seal_walk *walk, uint64_t number, char *text, struct err *err)
{
	struct record_seal *seal = walk->seal;

	free(walk->texts.signature);
	walk->texts.signature = text;
	walk->seal = NULL;
	if (!seal) {
		seal = record_add_seal(walk->record);
		if (!seal)
			return err_set(err, -ENOMEM, "no memory for the seals of the run file");
		seal->number = (unsigned)number;
		return broken(seal, "a signature without a statement");
	}
	if (seal->number != number || !seal->meaning[0])
		return 0;
	seal->why[0] = '\0';
	seal_check_signature(seal, &walk->texts, walk->ring);
	return seal->state == SEAL_BROKEN ? 0 : check_content(walk->reader, seal, err);
}

static int on_item(void *ctx, struct db_stmt *row, struct err *err)
{
	struct seal_walk *walk = ctx;
	uint64_t number = (uint64_t)db_int(row, 1);
	bool statement = strcmp(db_text(row, 2, NULL), "seal") == 0;
	size_t len;
	const void *data = db_blob(row, 3, &len);
	char *text = malloc(len + 1);

	if (!text)
		return err_set(err, -ENOMEM, "no memory for the seals of the run file");
	memcpy(text, data, len);
	text[len] = '\0';
	if (memchr(text, '\0', len))
		text[0] = '\0'; /* no text: read as none that penrig writes */
	if (!statement && walk->item + 1 != db_int(row, 0))
		walk->seal = NULL;
	walk->item = db_int(row, 0);
	return statement ? on_statement(walk, number, text, err) : on_signature(walk, number, text, err);
}

int runfile_seals(struct runfile_reader *reader, const struct keyring *ring, struct record *record,
		  uint64_t *ret_behind, struct err *err)
{
	struct seal_walk walk = {.reader = reader, .ring = ring, .record = record};
	int64_t entries;
	uint64_t covered = 0;
	int rc = db_number(reader->db, "SELECT max(seq) FROM journal", &entries, err);

	record->seals = 0;
	if (!rc)
		rc = db_each(reader->db,
			     "SELECT seq, key, kind, data FROM item WHERE kind IN ('seal','signature') ORDER BY seq", 0,
			     0, on_item, &walk, err);
	seal_texts_free(&walk.texts);
	for (unsigned i = 0; i < record->seals; i++)
		if (record->seal[i].state == SEAL_HOLDS && record->seal[i].entries + SEAL_ENTRIES > covered)
			covered = record->seal[i].entries + SEAL_ENTRIES;
	*ret_behind = (uint64_t)entries > covered ? (uint64_t)entries - covered : 0;
	return rc;
}

int runfile_count(struct runfile_reader *reader, struct runfile_counts *ret, struct err *err)
{
	int64_t entries, items, blocks;
	int rc = db_number(reader->db, "SELECT count(*) FROM journal", &entries, err);

	if (!rc)
		rc = db_number(reader->db, "SELECT count(*) FROM item", &items, err);
	if (!rc)
		rc = db_number(reader->db, "SELECT count(*) FROM block", &blocks, err);
	if (!rc)
		*ret = (struct runfile_counts){(uint64_t)entries, (uint64_t)items, (uint64_t)blocks};
	return rc;
}
