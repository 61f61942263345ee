/* Sealing a run file. */
#include "rig/cli/kit/sealing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reports/deliver.h"
#include "rig/base/digest.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"

void seal_time(uint64_t wall_ns, char ret[32])
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	*(struct record_judged *)ctx = *judged;
	return 0;
}

static void fill_words(struct record_seal *seal, const struct sealing *sealing, const struct record *record,
		       const struct record_judged *judged)
{
	struct record now = {.name = ""};

	version_record(&now);
	seal->bench = sealing->bench;
	snprintf(seal->signer, sizeof(seal->signer), "%s", sealing->signer);
	snprintf(seal->meaning, sizeof(seal->meaning), "%s", sealing->meaning);
	seal_time(sealing->wall_ns, seal->utc);
	memcpy(seal->run, record->name, sizeof(seal->run));
	memcpy(seal->dut, record->dut, sizeof(seal->dut));
	snprintf(seal->verdict, sizeof(seal->verdict), "%s",
		 judged->number ? verdict_row(judged->dut_verdict, judged->on_statement)->name : verdict_name(record));
	memcpy(seal->software_version, now.software_version, sizeof(seal->software_version));
	memcpy(seal->software_build, now.software_build, sizeof(seal->software_build));
}

/* What is signed is what was looked at: a file that does not verify is not sealed. */
static int draft(const char *path, const struct sealing *sealing, struct record_seal *ret, struct record_judged *judged,
		 struct err *err)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	int rc = reopen(path, &reader, &record, err);

	if (rc == 0)
		rc = runfile_verify(reader, err);
	if (rc == 0 && sealing->head && strcmp(sealing->head, record->journal_head) != 0)
		rc = err_set(err, -EBADMSG, "%.300s is not the file that the run wrote", path);
	if (rc == 0)
		rc = runfile_each_judged(reader, on_judged, judged, err);
	if (rc == 0)
		rc = runfile_seal_draft(reader, ret, err);
	if (rc == 0)
		fill_words(ret, sealing, record, judged);
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

static int save_beside(const char *path, const char *rest, const char *text, FILE *people, struct err *err)
{
	char target[FILE_PATH_MAX + 200];

	if (name_beside(path, rest, target, sizeof(target)) < 0)
		return err_set(err, -ENAMETOOLONG, "%.300s: the name of its seal would be too long", path);
	int rc = report_save_text(text, target, err);
	if (rc == 0) {
		fputs("seal:     ", people);
		print_clean(people, target);
		fputc('\n', people);
	}
	return rc;
}

/* It stands beside the file and not in it: whoever took it out of there must not have its last trace overwritten. */
static int check_untaken(const char *path, unsigned number, struct err *err)
{
	static const char *const ends[] = {"", MINISIG_EXTENSION};
	char rest[64], target[FILE_PATH_MAX + 200];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(rest, sizeof(rest), ".seal-%u.json%s", number, ends[i]);
		if (name_beside(path, rest, target, sizeof(target)) == 0 && access(target, F_OK) == 0)
			return err_set(
				err, -EEXIST,
				"%.400s is there already, and the run file holds no seal %u: one was taken out, or "
				"an older file was put back; look at it, then move it elsewhere",
				target, number);
	}
	return 0;
}

static char *read_all(const char *path, size_t *ret_len)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t room = 0, len = 0;

	while (in && !feof(in) && !ferror(in)) {
		char *more = realloc(text, room += 1u << 16);
		if (!more)
			break;
		text = more;
		len += fread(text + len, 1, room - len, in);
	}
	if (in)
		fclose(in);
	*ret_len = len;
	return text;
}

/* For whoever has the report alone: its own signature, by whoever seals the run first. One that is not the report of the
 * run file any more gets none. */
static int sign_report(const char *path, const struct sealing *sealing, const struct record_seal *seal,
		       const struct record_judged *judged, FILE *people, struct err *err)
{
	char rest[120], report[FILE_PATH_MAX + 200], sha256[DIGEST_HEX] = "", said[TRUSTED_COMMENT_MAX];
	char *text, *signature = NULL;
	size_t len;
	int rc = 0;

	snprintf(rest, sizeof(rest), judged->number ? ".limits-%s.report.json" : "%s.report.json", judged->limits_name);
	if (name_beside(path, rest, report, sizeof(report)) < 0)
		return 0;
	text = read_all(report, &len);
	if (text)
		digest_text(text, len, sha256);
	strncat(report, MINISIG_EXTENSION, sizeof(report) - strlen(report) - 1);
	snprintf(said, sizeof(said), "%s by %s at %s\trun:%s\tseal:%u\tverdict:%s", seal->meaning, seal->signer,
		 seal->utc, seal->run, seal->number, seal->verdict);
	if (text && strcmp(sha256, seal->report_sha256) == 0 && access(report, F_OK) != 0)
		rc = signature_make(sealing->key, text, len, said, &signature, err);
	if (signature) {
		strncat(rest, MINISIG_EXTENSION, sizeof(rest) - strlen(rest) - 1);
		rc = save_beside(path, rest, signature, people, err);
	}
	free(signature);
	free(text);
	return rc;
}

int seal_run(const char *path, const struct sealing *sealing, FILE *people, struct err *err)
{
	struct record_seal seal = {.number = 0};
	struct record_judged judged = {.number = 0};
	struct seal_texts texts = {.seal = NULL};
	char rest[64];
	int rc = draft(path, sealing, &seal, &judged, err);

	if (rc == 0)
		rc = check_untaken(path, seal.number, err);
	if (rc == 0)
		rc = runfile_append_seal(path, &seal, sealing->key, &texts, err);
	if (rc < 0)
		return rc;
	fprintf(people, "sealed:   %s by ", seal.meaning);
	print_clean(people, seal.signer);
	fprintf(people, " at %s, seal %u of the run file\n", seal.utc, seal.number);
	snprintf(rest, sizeof(rest), ".seal-%u.json", seal.number);
	rc = save_beside(path, rest, texts.seal, people, err);
	strncat(rest, MINISIG_EXTENSION, sizeof(rest) - strlen(rest) - 1);
	if (rc == 0)
		rc = save_beside(path, rest, texts.signature, people, err);
	if (rc == 0)
		rc = sign_report(path, sealing, &seal, &judged, people, err);
	seal_texts_free(&texts);
	return rc;
}
