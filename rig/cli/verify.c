/* `penrig verify`: whether files are as they were written, and who vouches for that. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/deliver.h"
#include "rig/base/disk.h"
#include "rig/base/json_stream.h"
#include "rig/base/text_clean.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/cli/verify_kit.h"
#include "rig/config/control.h"
#include "rig/judge/verdict.h"
#include "rig/offline/anchor.h"
#include "rig/offline/earlier.h"
#include "rig/offline/reopen.h"

#define BESIDE_MAX 16 /* seals that a file may have lost and that are still looked for beside it */

struct verify_options {
	struct option_list public_key;
	const char *keys, *anchor;
	bool search, json, csv;
};

#define AT(member) offsetof(struct verify_options, member)
static const struct cli_option verify_table[] = {
	{.name = "public-key",
	 .letter = 'p',
	 .kind = OPTION_LIST,
	 .arg = "KEY",
	 .offset = AT(public_key),
	 .help = "A key that is trusted: its file, or its text as penrig key new printed it. May be repeated."},
	{.name = "keys",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(keys),
	 .help = "Every NAME.pub of DIR is trusted. Default, where no key is given: the environment's PENRIG_KEYS."},
	{.name = "anchor",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(anchor),
	 .help = "Runs must hold what this anchor (penrig anchor) says that they held."},
	{.name = "search",
	 .kind = OPTION_FLAG,
	 .offset = AT(search),
	 .help = "Of a row or a block that does not fit, look for the byte that was altered, and for what was written "
		 "there, however long it is; that may take minutes. Without it short rows alone are searched."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = AT(json),
	 .help = "Print what was found as JSON (penrig/verify/1) instead: of each file its findings and their worst."},
	CSV_ROW(AT(csv)),
	{.name = NULL},
};

struct verifying {
	const struct cli_tables *tables;
	const struct verify_options *options;
	struct json_stream *json; /* NULL: rows, or lines for people */
	const char *file;         /* at hand */
	struct keyring ring;
	struct anchor *anchor; /* NULL: none */
	const char *path;
	struct runfile_reader *reader;
	struct record *record;
	enum trust trust; /* of the file at hand, so far */
	bool *met;        /* of the anchor's runs, each: it was given */
};

static const struct {
	const char *name, *words; /* for programs, for people */
	int code;
} ends[] = {
	[TRUST_SOUND] = {"verified", "verified", EXIT_PASS},
	[TRUST_UNKNOWN] = {"unverified", "NOT ALL COULD BE VERIFIED", EXIT_INCONCLUSIVE},
	[TRUST_REJECTED] = {"rejected", "AS IT WAS WRITTEN, AND REJECTED OR WITHDRAWN", EXIT_FAIL},
	[TRUST_USAGE] = {"unread", "NOT ALL COULD BE READ", EXIT_USAGE},
	[TRUST_ALTERED] = {"altered", "ALTERED OR DAMAGED", EXIT_STORAGE},
};

static const struct table_column columns[] = {
	{"^file", TABLE_STRING, NULL},
	{"what", TABLE_STRING, NULL},
	{"state", TABLE_STRING, NULL},
	{"text", TABLE_STRING, NULL},
	{.path = NULL},
};
const struct table table_verify = {"verify", "files/findings", columns};

static void put_text(struct json_stream *out, const char *key, const char *text)
{
	char clean[ERR_TEXT_MAX + 400];

	json_put_string(out, key, text_clean(text, clean, sizeof(clean)));
}

static void say_json(struct json_stream *out, enum trust trust, const char *what, const char *text)
{
	json_object(out, NULL, JSON_LINE);
	json_put_string(out, "what", what);
	json_put_string(out, "state", ends[trust].name);
	put_text(out, "text", text);
	json_end(out);
}

/* One line of what was found; the worst of a file counts. */
__attribute__((format(printf, 4, 5))) static void say(struct verifying *v, enum trust trust, const char *what,
						      const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->trust = trust > v->trust ? trust : v->trust;
	if (v->json) {
		say_json(v->json, trust, what, text);
		return;
	}
	if (v->options->csv) {
		const char *const cell[] = {v->file, what, ends[trust].name, text};
		table_csv_row(&table_verify, cell);
		return;
	}
	printf("  %-9s ", what);
	print_clean(stdout, text);
	fputc('\n', stdout);
}

static void say_difference(void *ctx, bool same, const char *text)
{
	say(ctx, same ? TRUST_SOUND : TRUST_ALTERED, "against", "%s", text);
}

/* ---- a run file ------------------------------------------------------------------------------------------------- */

static int open_run(struct verifying *v, const char *path, struct err *err)
{
	int rc = reopen(path, &v->reader, &v->record, err);

	if (rc == 0 && v->options->search)
		runfile_search_long(v->reader);
	return rc ? rc : runfile_verify(v->reader, err);
}

static void close_run(struct verifying *v)
{
	runfile_reader_free(v->reader);
	record_free(v->record);
	v->reader = NULL;
	v->record = NULL;
}

static int check_pages(struct verifying *v)
{
	struct err err = {0};
	int rc = runfile_verify_pages(v->reader, &err);

	if (rc == 0)
		say(v, TRUST_SOUND, "pages", "indices fit, and nothing lies where nothing belongs");
	else if (rc == -EAGAIN)
		say(v, TRUST_UNKNOWN, "pages", "not checked: %s", err.text);
	else
		say(v, TRUST_ALTERED, "pages", "%s", err.text);
	return rc == -EBADMSG || rc == -EAGAIN ? 0 : rc;
}

static void say_seal(struct verifying *v, const struct record_seal *seal)
{
	static const enum trust trusts[] = {
		[SEAL_UNCHECKED] = TRUST_UNKNOWN, [SEAL_HOLDS] = TRUST_SOUND, [SEAL_BROKEN] = TRUST_ALTERED};
	char what[24];

	snprintf(what, sizeof(what), "seal %u", seal->number);
	say(v, trusts[seal->state], what, "%s by %s%s at %s (%s): %s%s%s", *seal->meaning ? seal->meaning : "?",
	    seal->bench ? "the bench " : "", *seal->signer ? seal->signer : "?", *seal->utc ? seal->utc : "?",
	    *seal->verdict ? seal->verdict : "?",
	    seal->state == SEAL_HOLDS    ? "holds, key "
	    : seal->state == SEAL_BROKEN ? "DOES NOT HOLD: "
					 : "not checked: ",
	    seal->state == SEAL_HOLDS ? seal->key_id : seal->why, "");
}

/* A seal that stands beside the file and not in it was in it once. */
static void check_beside(struct verifying *v, unsigned seals)
{
	for (unsigned n = 1; n <= seals + BESIDE_MAX; n++) {
		char rest[64], beside[FILE_PATH_MAX + 200];
		snprintf(rest, sizeof(rest), ".seal-%u.json", n);
		if (name_beside(v->path, rest, beside, sizeof(beside)) == 0 && access(beside, F_OK) == 0)
			verify_seal_file(v->reader, n, beside, say_difference, v);
	}
}

/* Of the seals that hold, the newest of a person that accepts the run or takes that back, where it takes it back. */
static const struct record_seal *rejection(const struct record *record)
{
	const struct record_seal *last = NULL;

	for (unsigned i = 0; i < record->seals; i++) {
		const struct meaning *meaning = meaning_find(record->seal[i].meaning);
		if (record->seal[i].state == SEAL_HOLDS && meaning && meaning->word)
			last = &record->seal[i];
	}
	return last && meaning_find(last->meaning)->word < 0 ? last : NULL;
}

static void say_rejected(struct verifying *v)
{
	const struct record_seal *last = rejection(v->record);

	if (last)
		say(v, TRUST_REJECTED, "sealed", "%s by %s, and accepted by nobody since", last->meaning, last->signer);
}

/* Each seal that the run file holds, as it is found. *ret_judged: the newest verdict under one that holds, -1: none. */
static int read_seals(struct verifying *v, uint64_t *ret_behind, int *ret_judged, struct err *err)
{
	int rc = runfile_seals(v->reader, &v->ring, v->record, ret_behind, err);

	*ret_judged = -1;
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < v->record->seals; i++) {
		const struct record_seal *seal = &v->record->seal[i];
		say_seal(v, seal);
		if (seal->state == SEAL_HOLDS && (int)seal->judged > *ret_judged)
			*ret_judged = (int)seal->judged;
	}
	say_rejected(v);
	return 0;
}

static int check_seals(struct verifying *v, struct err *err)
{
	uint64_t behind;
	int judged, rc = read_seals(v, &behind, &judged, err);

	if (rc < 0)
		return rc;
	check_beside(v, v->record->seals);
	if (v->ring.count && judged < 0)
		say(v, TRUST_UNKNOWN, "sealed", "NOT: nobody whose key is trusted here vouches for any of it");
	else if (v->ring.count && behind)
		say(v, TRUST_UNKNOWN, "sealed",
		    "NOT ALL: the last %llu entries of the journal stand behind the last seal that holds: %s",
		    (unsigned long long)behind, verify_newest(v->reader, v->record));
	else if (v->ring.count)
		say(v, TRUST_SOUND, "sealed", "all of it");
	else if (!v->record->seals)
		say(v, TRUST_SOUND, "sealed", "no: whoever may write the file could have made all of it anew");
	return 0;
}

static int check_anchor(struct verifying *v, struct err *err)
{
	const struct anchor_run *run = v->anchor ? anchor_find(v->anchor, v->record->name) : NULL;
	bool same;

	if (!v->anchor)
		return 0;
	if (!run) {
		say(v, TRUST_UNKNOWN, "anchor", "it does not name this run");
		return 0;
	}
	v->met[anchor_place(v->anchor, run)] = true;
	int rc = runfile_has_head(v->reader, run->entries, run->head, &same, err);
	if (rc == 0 && same)
		say(v, TRUST_SOUND, "anchor", "the first %llu entries are those of %s",
		    (unsigned long long)run->entries, anchor_day(v->anchor));
	else if (rc == 0)
		say(v, TRUST_ALTERED, "anchor",
		    "on %s the journal had %llu entries and the head %.16s..., and has not: altered, cut, or an older "
		    "state put back",
		    anchor_day(v->anchor), (unsigned long long)run->entries, run->head);
	return rc;
}

/* Which run of which pen it is: another's file under this one's name is the other's. */
static void check_name(struct verifying *v, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name) - strlen(RUNFILE_EXTENSION);

	if (strlen(v->record->name) == len && strncmp(v->record->name, name, len) == 0)
		say(v, TRUST_SOUND, "run", "%s, pen %s", v->record->name, v->record->dut);
	else
		say(v, TRUST_UNKNOWN, "run", "NOT OF THIS NAME: it is the run %s of pen %s", v->record->name,
		    v->record->dut);
}

/* Whether `record` says of the run that it went on with what that run's file says; these are the caller's then. */
static int check_link(const struct runfile_reader *reader, const struct record *record, struct runfile_reader **ret,
		      struct record **ret_before, struct err *err)
{
	struct record *taken = NULL;
	int rc = earlier_open(reader, record, ret, ret_before, err);

	if (rc == 0)
		rc = earlier_taken(record, *ret_before, &taken, err);
	if (rc == 0)
		rc = earlier_same_points(record, taken, err);
	record_free(taken);
	return rc;
}

static void say_link(struct verifying *v, const struct record *before, int rc, const struct err *why)
{
	if (rc == 0)
		say(v, TRUST_SOUND, "resumed", "from %s, which is as it was then", before->name);
	else if (rc == -EBADMSG || rc == -ENOTSUP)
		say(v, TRUST_ALTERED, "resumed", "%s", why->text);
	else
		say(v, TRUST_UNKNOWN, "resumed", "NOT CHECKED: %s", why->text);
}

/* What persons say of the run that it went on with; seals of it that hold and do not reject it are its own affair. */
static void say_link_seals(struct verifying *v, struct runfile_reader *reader, struct record *before)
{
	struct err why = {0};
	uint64_t behind;
	int rc = runfile_seals(reader, &v->ring, before, &behind, &why);

	if (rc < 0)
		say(v, TRUST_UNKNOWN, "resumed", "NOT CHECKED: the seals of %s: %s", before->name, why.text);
	for (unsigned i = 0; rc >= 0 && i < before->seals; i++) {
		const struct record_seal *seal = &before->seal[i];
		if (seal->state != SEAL_HOLDS)
			say(v, seal->state == SEAL_BROKEN ? TRUST_ALTERED : TRUST_UNKNOWN, "resumed",
			    "seal %u of %s, %s by %s, %s: %s", seal->number, before->name, seal->meaning, seal->signer,
			    seal->state == SEAL_BROKEN ? "DOES NOT HOLD" : "not checked", seal->why);
	}
	const struct record_seal *last = rc >= 0 ? rejection(before) : NULL;
	if (last)
		say(v, TRUST_REJECTED, "resumed", "%s is %s by %s, and accepted by nobody since", before->name,
		    last->meaning, last->signer);
}

/* A resumed run is worth what the run is that it went on with, down to the first: each measured points that count. */
static void check_earlier(struct verifying *v)
{
	struct runfile_reader *at = v->reader;
	struct record *record = v->record;
	int rc = 0;

	for (unsigned links = 0; rc == 0 && record->sessions && links < RECORD_SESSIONS_MAX; links++) {
		struct runfile_reader *reader = NULL;
		struct record *before = NULL;
		struct err why = {0};

		rc = check_link(at, record, &reader, &before, &why);
		say_link(v, before, rc, &why);
		if (rc == 0)
			say_link_seals(v, reader, before);
		if (record != v->record) {
			runfile_reader_free(at);
			record_free(record);
		}
		at = reader;
		record = before;
	}
	if (record != v->record) {
		runfile_reader_free(at);
		record_free(record);
	}
}

static int verify_run(struct verifying *v, struct err *err)
{
	struct runfile_counts counts;
	int rc = open_run(v, v->path, err);

	if (rc == 0)
		check_name(v, v->path);

	if (rc == 0)
		rc = runfile_count(v->reader, &counts, err);
	if (rc == 0) {
		say(v, TRUST_SOUND, "chain",
		    "%llu entries, %llu items, %llu blocks of samples are as they were written",
		    (unsigned long long)counts.entries, (unsigned long long)counts.items,
		    (unsigned long long)counts.blocks);
		if (!runfile_is_final(v->reader))
			say(v, TRUST_SOUND, "run", "it did not come to its end: there is no report to vouch for");
		rc = check_pages(v);
		check_earlier(v);
	}
	if (rc == 0)
		rc = check_seals(v, err);
	if (rc == 0)
		rc = check_anchor(v, err);
	return rc;
}

/* ---- other files ------------------------------------------------------------------------------------------------ */

/* The signature beside a file. */
static int check_signature(struct verifying *v, bool *ret_there, struct err *err)
{
	struct file_signature found;
	int rc = verify_signature(v->path, &v->ring, &found, err);

	*ret_there = rc == 0;
	if (rc == -ENOENT)
		return 0;
	if (rc == 0)
		say(v, found.trust, "signature", "%s", found.text);
	return rc;
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	*(struct record_judged *)ctx = *judged;
	return 0;
}

/* A verdict that came after the one that a file shows. */
static int say_later(struct verifying *v, int judged, struct err *err)
{
	struct record_judged last = {.number = 0};
	int rc = runfile_each_judged(v->reader, on_judged, &last, err);

	if (rc >= 0 && (int)last.number > judged)
		say(v, TRUST_SOUND, "later", "the run file holds a later verdict, number %u by limits %s: %s",
		    last.number, last.limits_name, verdict_row(last.dut_verdict, last.on_statement)->name);
	return rc < 0 ? rc : 0;
}

/* What a file beside a run is worth is what the run file is worth. */
static int check_vouched(struct verifying *v, int judged, struct err *err)
{
	uint64_t behind;
	int sealed, rc = read_seals(v, &behind, &sealed, err);

	if (rc < 0)
		return rc;
	if (v->ring.count && sealed < judged)
		say(v, TRUST_UNKNOWN, "sealed",
		    "NOT: nobody whose key is trusted here vouches for this in the run file beside it");
	else if (v->ring.count)
		say(v, TRUST_SOUND, "sealed", "in the run file beside it");
	else if (!v->record->seals)
		say(v, TRUST_SOUND, "sealed", "no: whoever may write the run file could have made both anew");
	return say_later(v, judged, err);
}

/* Against the run file beside it, where there is one. */
static int check_against_run(struct verifying *v, bool *ret_there, struct err *err)
{
	struct run_beside beside;
	uint64_t behind;

	*ret_there = verify_run_beside(v->tables->reports, v->path, &beside);
	if (!*ret_there)
		return 0;
	int rc = open_run(v, beside.run, err);
	if (rc == 0)
		check_name(v, beside.run);
	if (rc == 0)
		rc = runfile_seals(v->reader, &v->ring, v->record, &behind, err);
	if (rc == 0)
		rc = verify_against(&beside, v->reader, v->record, v->path, say_difference, v, err);
	if (rc >= 0)
		rc = check_vouched(v, rc, err);
	if (rc != -EOPNOTSUPP)
		return rc;
	say(v, TRUST_UNKNOWN, "against", "not checked: %s", err->text);
	return 0;
}

static int verify_other(struct verifying *v, struct err *err)
{
	bool is_signed = false, run = false;
	int rc = access(v->path, R_OK) == 0
			 ? check_signature(v, &is_signed, err)
			 : err_set(err, -errno, "%.300s cannot be opened: %s", v->path, strerror(errno));

	if (rc == 0)
		rc = check_against_run(v, &run, err);
	if (rc == 0 && !is_signed && !run)
		say(v, TRUST_UNKNOWN, "signature",
		    "none (.minisig), and no run file beside it whose report or seal it is by its name: nothing to "
		    "hold "
		    "it against");
	return rc;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

/* path NULL: of no file, but of what was not given. */
static void begin_file(struct verifying *v, const char *path)
{
	v->trust = TRUST_SOUND;
	v->file = path ? path : "";
	if (v->json) {
		json_object(v->json, NULL, JSON_LINES);
		put_text(v->json, "file", path ? path : "");
		json_array(v->json, "findings", JSON_LINES);
	} else if (path && !v->options->csv) {
		print_clean(stdout, path);
		fputc('\n', stdout);
	}
}

static void end_file(struct verifying *v)
{
	if (!v->json)
		return;
	json_end(v->json);
	json_put_string(v->json, "state", ends[v->trust].name);
	json_end(v->json);
}

static enum trust verify_one(struct verifying *v, const char *path)
{
	size_t len = strlen(path), end = strlen(RUNFILE_EXTENSION);
	struct err err = {0};
	int rc;

	v->path = path;
	begin_file(v, path);
	rc = len > end && strcmp(path + len - end, RUNFILE_EXTENSION) == 0 ? verify_run(v, &err)
									   : verify_other(v, &err);
	if (rc == -EBADMSG || rc == -ENOTSUP)
		say(v, TRUST_ALTERED, "ALTERED", "%s", err.text);
	else if (rc < 0)
		say(v, rc == -ENOENT || rc == -EACCES ? TRUST_USAGE : TRUST_ALTERED, "unread", "%s", err.text);
	close_run(v);
	end_file(v);
	return v->trust;
}

static int begin(struct verifying *v, const struct verify_options *o, struct err *err)
{
	int rc = keys_trusted(&o->public_key, o->keys, &v->ring, err);

	if (rc == 0 && o->anchor)
		rc = anchor_read(o->anchor, &v->ring, &v->anchor, err);
	if (rc == 0 && v->anchor && !(v->met = calloc(anchor_runs(v->anchor) + 1, sizeof(*v->met))))
		rc = err_set(err, -ENOMEM, "out of memory");
	return rc;
}

/* A run that the anchor names and that was not given may have been deleted. */
static enum trust say_unmet(struct verifying *v)
{
	v->trust = TRUST_SOUND;
	if (!v->anchor)
		return v->trust;
	begin_file(v, NULL);
	for (unsigned i = 0; i < anchor_runs(v->anchor); i++)
		if (!v->met[i])
			say(v, TRUST_UNKNOWN, "anchor", "it names %s, which was not given or could not be read",
			    anchor_run_at(v->anchor, i)->name);
	end_file(v);
	return v->trust;
}

static enum trust verify_all(struct verifying *v, const char *const *operands, unsigned count)
{
	enum trust worst = TRUST_SOUND;

	for (unsigned i = 0; i <= count; i++) {
		enum trust trust = i < count ? verify_one(v, operands[i]) : say_unmet(v);
		worst = trust > worst ? trust : worst;
	}
	return worst;
}

/* All of them, as JSON where `json` is given. */
static enum trust verify_printed(struct verifying *v, const char *const *operands, unsigned count, int *ret_rc,
				 struct err *err)
{
	struct json_stream stream;
	enum trust worst;

	if (!v->options->json) {
		if (v->options->csv)
			table_csv_head(&table_verify);
		worst = verify_all(v, operands, count);
		if (!v->options->csv)
			printf("%s\n", ends[worst].words);
		return worst;
	}
	v->json = &stream;
	json_stream_open(&stream, stdout);
	json_object(&stream, NULL, JSON_LINES);
	json_put_string(&stream, "kind", "penrig/verify/1");
	json_put_int(&stream, "trusted_keys", v->ring.count);
	json_array(&stream, "files", JSON_LINES);
	worst = verify_all(v, operands, count);
	json_end(&stream);
	json_put_string(&stream, "state", ends[worst].name);
	json_put_int(&stream, "exit_code", ends[worst].code);
	json_end(&stream);
	*ret_rc = json_stream_close(&stream, err);
	return worst;
}

static int verify_cli_run(const struct cli_tables *tables, const void *options, const char *const *operands,
			  unsigned count)
{
	struct verifying *v = calloc(1, sizeof(*v));
	struct err err = {0};
	int rc, code = EXIT_PASS;

	if (!v)
		return cli_error(EXIT_INTERNAL, "out of memory");
	v->tables = tables;
	v->options = options;
	rc = begin(v, options, &err);
	if (rc == 0)
		code = ends[verify_printed(v, operands, count, &rc, &err)].code;
	anchor_free(v->anchor);
	free(v->met);
	free(v);
	if (rc < 0)
		return cli_error(rc == -EBADMSG  ? EXIT_STORAGE
				 : rc == -ENOKEY ? EXIT_INCONCLUSIVE
						 : cli_exit_code(rc),
				 "%s", err.text);
	return code;
}

const struct command command_verify = {
	.name = "verify",
	.operands = "FILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Verify that files are as they were written, and who vouches for it",
	.description =
		"Of a run file: the journal's chain and every digest are computed anew, the database is checked page "
		"by page, "
		"each seal against the trusted keys, the chain and its report, and the seals beside the file against "
		"those in "
		"it. What does not fit is named: the first entry, item or block, in short ones the cell, the byte and "
		"what was written there (--search: in long ones too), the page and byte, the seal.\n\n"
		"Of a report or a seal: against the run file beside it, digit by digit, with that file's own seals, "
		"and against its .minisig. Of any other "
		"file: its .minisig.\n\n"
		"Without a trusted key only damage and careless changes are found: whoever may write a run file can "
		"make its "
		"whole chain anew. What each level protects from, and what not: docs/records.md.\n\n"
		"Exit code: 0 verified; 1 as it was written, and somebody whose key is trusted rejected or withdrew "
		"it; 3 not all of it could be: a seal or signature by a key that is not trusted here, with trusted "
		"keys something that no seal covers, a file of an unknown name, a run under another's name, a run "
		"that the anchor names and that was not given; 6 altered or damaged; 2 no such file, or wrong usage.",
	.example = "  penrig verify out/*.penrig out/*.report.json --keys /etc/penrig/keys\n"
		   "  penrig verify RUN.penrig --public-key RWQ… --anchor 2026-11-29.anchor\n",
	.options = verify_table,
	.options_size = sizeof(struct verify_options),
	.run = verify_cli_run,
};
