/* Reports, seal files and signatures against what they belong to. */
#include "rig/cli/verify_kit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/base/meaning.h"
#include "rig/cli/version.h"
#include "rig/config/control.h"

#define READ_MAX (256u << 20)
#define EXCERPT  28
#define LIMITS   ".limits-" /* before the name of the limits of a later verdict */

static int read_all(const char *path, char **ret, size_t *ret_len, struct err *err)
{
	FILE *in = fopen(path, "re");
	size_t room = 0, len = 0;
	char *text = NULL;

	if (!in)
		return err_set(err, -errno, "%.300s cannot be opened: %s", path, strerror(errno));
	while (!feof(in) && !ferror(in) && len < READ_MAX) {
		char *more = realloc(text, (room += 1u << 20) + 1);
		if (!more)
			break;
		text = more;
		len += fread(text + len, 1, room - len, in);
	}
	int rc = feof(in) ? 0 : err_set(err, -EIO, "%.300s cannot be read", path);
	fclose(in);
	if (rc) {
		free(text);
		return rc;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

/* ---- the first difference ---------------------------------------------------------------------------------------- */

static void excerpt(const char *text, size_t len, size_t at, char ret[EXCERPT + 1])
{
	size_t n = strcspn(text + at, "\n");

	snprintf(ret, EXCERPT + 1, "%.*s", (int)(n < len - at ? n : len - at), text + at);
}

/* Where it stands: from the last blank before the difference, so that a figure is seen whole. */
static void compare(const char *name, const char *there, size_t there_len, const char *wanted, size_t wanted_len,
		    difference_fn tell, void *ctx)
{
	char text[600], is[EXCERPT + 1], was[EXCERPT + 1];
	size_t at = 0, line = 1, start = 0, word = 0;

	while (at < there_len && at < wanted_len && there[at] == wanted[at]) {
		if (there[at] == '\n') {
			line++;
			start = word = at + 1;
		} else if (there[at] == ' ' || there[at] == ',' || there[at] == '>') {
			word = at + 1;
		}
		at++;
	}
	if (at == there_len && at == wanted_len) {
		snprintf(text, sizeof(text), "%.300s is what the run file holds, byte for byte", name);
		tell(ctx, true, text);
		return;
	}
	excerpt(there, there_len, word < there_len ? word : there_len, is);
	excerpt(wanted, wanted_len, word < wanted_len ? word : wanted_len, was);
	snprintf(text, sizeof(text), "%.300s:%zu:%zu: \"%s\" stands there, and \"%s\" in the run file", name, line,
		 at - start + 1, is, was);
	tell(ctx, false, text);
}

/* ---- signatures -------------------------------------------------------------------------------------------------- */

static void judge_signature(const struct signature *signature, const struct keyring *ring, const char *text, size_t len,
			    struct file_signature *ret)
{
	const struct public_key *key = keyring_find(ring, signature->id);
	char id[KEY_ID_HEX], owner[KEY_OWNER_MAX] = "";
	char words[300];
	struct approval said = {.text = NULL};
	bool bench = false, named = key && key_owner(key, &bench, owner);

	key_id_text(signature->id, id);
	approval_parse(signature->comment, &said);
	const struct meaning *meaning = meaning_find(said.meaning);
	if (!key) {
		ret->trust = TRUST_UNKNOWN;
		snprintf(ret->text, sizeof(ret->text), "not checked: key %s is none of the %u that are trusted here",
			 id, ring->count);
	} else if (!signature_holds(signature, key, text, len)) {
		ret->trust = TRUST_ALTERED;
		snprintf(ret->text, sizeof(ret->text), "DOES NOT HOLD: not of these bytes by key %s", id);
	} else if (named && said.approver[0] && strcmp(owner, said.approver) != 0) {
		ret->trust = TRUST_ALTERED;
		snprintf(ret->text, sizeof(ret->text), "DOES NOT HOLD: signed as %s by the key of %s", said.approver,
			 owner);
	} else if (named && meaning && meaning->of_bench != bench) {
		ret->trust = TRUST_ALTERED;
		snprintf(ret->text, sizeof(ret->text), "DOES NOT HOLD: the %s key of %s cannot say \"%s\"",
			 bench ? "bench" : "person", owner, said.meaning);
	} else {
		ret->trust = meaning && meaning->word < 0 ? TRUST_REJECTED : TRUST_SOUND;
		snprintf(words, sizeof(words), "%.299s", signature->comment);
		for (char *tab = words; (tab = strchr(tab, '\t'));)
			*tab = ';';
		snprintf(ret->text, sizeof(ret->text), "%s: holds, key %s%s%s", words, id, named ? " of " : "", owner);
	}
}

int verify_signature(const char *path, const struct keyring *ring, struct file_signature *ret, struct err *err)
{
	char beside[FILE_PATH_MAX + 16];
	struct signature signature;
	char *text = NULL, *sig = NULL;
	size_t len = 0, sig_len = 0;

	snprintf(beside, sizeof(beside), "%.*s" MINISIG_EXTENSION, FILE_PATH_MAX, path);
	if (access(beside, F_OK) != 0)
		return -ENOENT;
	int rc = read_all(beside, &sig, &sig_len, err);
	if (!rc)
		rc = read_all(path, &text, &len, err);
	if (!rc && signature_parse(sig, sig_len, &signature, NULL) != 0) {
		ret->trust = TRUST_ALTERED;
		snprintf(ret->text, sizeof(ret->text), "DOES NOT HOLD: %.300s is no signature", beside);
	} else if (!rc) {
		judge_signature(&signature, ring, text, len, ret);
	}
	free(text);
	free(sig);
	return rc;
}

/* ---- beside a run file ------------------------------------------------------------------------------------------- */

static bool ends(const char *text, const char *end)
{
	return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static bool seal_number(const char *rest, unsigned *ret)
{
	int end = 0;

	return sscanf(rest, ".seal-%u.json%n", ret, &end) == 1 && end > 0 &&
	       (!rest[end] || strcmp(rest + end, MINISIG_EXTENSION) == 0);
}

/* What stands behind a run's name is one of the names that penrig gives, whole: nothing else is known. */
static bool known_rest(const struct report_writer *const *reports, const char *rest, struct run_beside *ret)
{
	ret->writer = NULL;
	ret->seal = 0;
	if (seal_number(rest, &ret->seal))
		return true;
	for (unsigned i = 0; reports[i]; i++) {
		const char *extension = reports[i]->extension;

		if (strcmp(rest, extension) != 0 &&
		    !(strncmp(rest, LIMITS, strlen(LIMITS)) == 0 && ends(rest, extension) &&
		      strlen(rest) > strlen(LIMITS) + strlen(extension)))
			continue;
		ret->writer = reports[i];
		return true;
	}
	return false;
}

bool verify_run_beside(const struct report_writer *const *reports, const char *path, struct run_beside *ret)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t end = strlen(path);

	/* The name up to a dot, the longest first: names may hold dots. */
	for (; end > (size_t)(name - path); end--) {
		if (path[end] != '.' || !known_rest(reports, path + end, ret) ||
		    (size_t)snprintf(ret->run, sizeof(ret->run), "%.*s" RUNFILE_EXTENSION, (int)end, path) >=
			    sizeof(ret->run) ||
		    access(ret->run, F_OK) != 0)
			continue;
		ret->rest = path + end;
		return true;
	}
	return false;
}

struct by_name {
	const char *name;
	unsigned number;
};

static int on_judged(void *ctx, const struct record_judged *judged)
{
	struct by_name *wanted = ctx;

	if (strcmp(judged->limits_name, wanted->name) == 0)
		wanted->number = judged->number;
	return 0;
}

/* Of "limits-NAME.report.json" the verdict's number; 0 for the run's own; -ENOENT: the file has no such verdict. */
static int judged_of(struct runfile_reader *reader, const char *rest, const char *extension, struct err *err)
{
	char name[128];
	struct by_name wanted = {.name = name};

	if (strncmp(rest, LIMITS, strlen(LIMITS)) != 0)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(strlen(rest) - strlen(LIMITS) - strlen(extension)),
		 rest + strlen(LIMITS));
	int rc = runfile_each_judged(reader, on_judged, &wanted, err);
	if (rc < 0)
		return rc;
	return wanted.number ? (int)wanted.number
			     : err_set(err, -ENOENT, "the run file holds no verdict by limits \"%.80s\"", name);
}

/* The report as this penrig writes it of the file; `reader` NULL: as where the file was not at hand. */
static int written(const struct report_writer *writer, const struct record *record, struct runfile_reader *reader,
		   char **ret, struct err *err)
{
	size_t len;
	FILE *out = open_memstream(ret, &len);
	int rc = out ? report_write(writer, record, reader, out, err) : err_set(err, -ENOMEM, "out of memory");

	if (out && fclose(out) != 0 && !rc)
		rc = err_set(err, -ENOMEM, "out of memory");
	return rc;
}

/* Takes `*ret` for the text that is wanted where it is the first that was asked for, or equals what is there. */
static int try_text(const struct report_writer *writer, struct runfile_reader *reader, struct record *record,
		    const char *there, char **ret, struct err *err)
{
	char *text = NULL;
	int rc = *ret && strcmp(there, *ret) == 0 ? 0 : written(writer, record, reader, &text, err);

	if (!rc && text && (!*ret || strcmp(there, text) == 0)) {
		free(*ret);
		*ret = text;
		return 0;
	}
	free(text);
	return rc;
}

/* Whichever of those that may have been written equals what is there, else the first of them: with the run's own file and
 * without it; with the seals as they are known here, as they were not known where no key was at hand, and before the first. */
static int wanted_text(const struct report_writer *writer, struct runfile_reader *reader, struct record *record,
		       const char *there, char **ret, struct err *err)
{
	struct record_seal *known = record->seal;
	struct keyring *none = calloc(1, sizeof(*none));
	unsigned seals = record->seals, room = record->seal_room;
	uint64_t behind;
	int rc = none ? 0 : err_set(err, -ENOMEM, "out of memory");

	for (unsigned way = 0; way < 3 && !rc; way++) {
		record->seal = way == 0 ? known : NULL;
		record->seals = way == 0 ? seals : 0;
		record->seal_room = way == 0 ? room : 0;
		if (way == 1)
			rc = runfile_seals(reader, none, record, &behind, err);
		if (!rc)
			rc = try_text(writer, reader, record, there, ret, err);
		if (!rc)
			rc = try_text(writer, NULL, record, there, ret, err);
		if (way > 0)
			free(record->seal);
	}
	free(none);
	record->seal = known;
	record->seals = seals;
	record->seal_room = room;
	return rc;
}

/* Another build may lay out the same figures otherwise: of what it wrote, this one cannot tell a change from that. */
static int same_build(const struct record *record, const char *path, struct err *err)
{
	struct record now;

	version_record(&now);
	if (strcmp(record->software_build, now.software_build) == 0)
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "%.300s is not as this build of penrig (%s) writes it of the run, which another one made (%s): "
		       "verify it with that one, or the JSON report",
		       path, now.software_build, record->software_build);
}

static int compare_report(const struct run_beside *beside, struct runfile_reader *reader, struct record *record,
			  const char *path, difference_fn tell, void *ctx, struct err *err)
{
	const struct report_writer *writer = beside->writer;
	char *there = NULL, *wanted = NULL;
	size_t len;
	int judged = judged_of(reader, beside->rest, writer->extension, err), rc = judged < 0 ? judged : 0;

	if (rc == -ENOENT) {
		tell(ctx, false, err->text);
		return 0;
	}
	if (!rc)
		rc = read_all(path, &there, &len, err);
	if (!rc && writer->kept)
		rc = runfile_report(reader, (unsigned)judged, &wanted, err);
	else if (!rc && judged == 0)
		rc = wanted_text(writer, reader, record, there, &wanted, err);
	else if (!rc)
		rc = err_set(err, -EOPNOTSUPP, "%.300s: of later verdicts the JSON report alone is verified", path);
	if (!rc && !writer->kept && (len != strlen(wanted) || memcmp(there, wanted, len) != 0))
		rc = same_build(record, path, err);
	if (!rc)
		compare(path, there, len, wanted, strlen(wanted), tell, ctx);
	free(there);
	free(wanted);
	return rc ? rc : judged;
}

static void compare_seal(const char *path, const char *wanted, difference_fn tell, void *ctx)
{
	struct err err = {0};
	char *there = NULL;
	size_t len;

	if (read_all(path, &there, &len, &err) == 0)
		compare(path, there, len, wanted, strlen(wanted), tell, ctx);
	else
		tell(ctx, false, err.text);
	free(there);
}

struct only_differences {
	difference_fn tell;
	void *ctx;
};

static void pass_on(void *ctx, bool same, const char *text)
{
	const struct only_differences *to = ctx;

	if (!same)
		to->tell(to->ctx, same, text);
}

void verify_seal_file(struct runfile_reader *reader, unsigned number, const char *path, difference_fn tell, void *ctx)
{
	struct only_differences only = {.tell = tell, .ctx = ctx};
	struct seal_texts texts;
	char beside[FILE_PATH_MAX + 216], text[FILE_PATH_MAX + 300];

	if (runfile_seal_texts(reader, number, &texts, NULL) != 0) {
		snprintf(text, sizeof(text),
			 "%s is not in the run file: seals were taken out of it, or an older state was put back", path);
		tell(ctx, false, text);
		return;
	}
	compare_seal(path, texts.seal, pass_on, &only);
	snprintf(beside, sizeof(beside), "%.*s" MINISIG_EXTENSION, FILE_PATH_MAX + 200, path);
	if (access(beside, F_OK) == 0)
		compare_seal(beside, texts.signature, pass_on, &only);
	seal_texts_free(&texts);
}

static int compare_seal_file(struct runfile_reader *reader, unsigned number, const char *path, difference_fn tell,
			     void *ctx, struct err *err)
{
	struct seal_texts texts;
	int rc = runfile_seal_texts(reader, number, &texts, err);

	if (rc == -ENOENT) {
		tell(ctx, false, err->text);
		return 0;
	}
	if (rc == 0) {
		compare_seal(path, ends(path, MINISIG_EXTENSION) ? texts.signature : texts.seal, tell, ctx);
		seal_texts_free(&texts);
	}
	return rc;
}

int verify_against(const struct run_beside *beside, struct runfile_reader *reader, struct record *record,
		   const char *path, difference_fn tell, void *ctx, struct err *err)
{
	return beside->writer ? compare_report(beside, reader, record, path, tell, ctx, err)
			      : compare_seal_file(reader, beside->seal, path, tell, ctx, err);
}

static int count_judged(void *ctx, const struct record_judged *judged)
{
	*(unsigned *)ctx = judged->number;
	return 0;
}

const char *verify_newest(struct runfile_reader *reader, const struct record *record)
{
	unsigned newest = 0, sealed = 0;

	if (runfile_each_judged(reader, count_judged, &newest, NULL) < 0)
		return "of what, cannot be read";
	for (unsigned i = 0; i < record->seals; i++)
		if (record->seal[i].state == SEAL_HOLDS && record->seal[i].judged > sealed)
			sealed = record->seal[i].judged;
	return newest > sealed ? "a later verdict among them" : "no verdict among them";
}
