/* `penrig purge`: deletes run files whose time is over, with all that stands beside them. Lists first, asks for a word, and writes
 * down what it is about to delete before it does. All that were named, or none. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/digest.h"
#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/sealing.h"
#include "rig/config/bench.h"
#include "rig/offline/reopen.h"
#include "rig/runfile/runfile.h"

#define YEAR_S   31557600.0 /* of 365.25 days */
#define TEXT_MAX 256

struct purge_options {
	const char *bench, *by, *reason, *log, *confirm;
};

#define AT(member) offsetof(struct purge_options, member)
static const struct cli_option purge_table[] = {
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(bench),
	 .group = "What may go",
	 .help = "The bench file that says how long its runs are kept (\"retention_years\") and whether they are held "
		 "(\"legal_hold\"). Default: the environment's PENRIG_BENCH."},
	{.name = "confirm",
	 .kind = OPTION_TEXT,
	 .arg = "WORD",
	 .offset = AT(confirm),
	 .help = "The word that is asked for, as the list ends in it. Without it, and without a terminal, nothing is "
		 "deleted."},
	{.name = "by",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(by),
	 .group = "For the record",
	 .help = "Who deletes. Required."},
	{.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", .offset = AT(reason), .help = "Why. Required."},
	{.name = "log",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(log),
	 .help = "What was deleted is written to its end. Default: BENCH.purged.jsonl beside the bench file."},
	{.name = NULL},
};
#undef AT

struct doomed { /* one run */
	const char *path;
	char run[128], dut[64], started[32], head[SHA256_HEX], sha256[DIGEST_HEX], resumed_by[128];
	double age_years;
	char kept[TEXT_MAX]; /* why it must not go; "": it may */
};

struct purging {
	const struct purge_options *options;
	struct bench *bench;
	char by[96], reason[240], log[FILE_PATH_MAX + 32], utc[32];
	double now_s;
	unsigned count;
	struct doomed *run;
};

/* ---- may it go? --------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void keep(struct doomed *d, const char *fmt, ...)
{
	va_list ap;

	if (d->kept[0])
		return;
	va_start(ap, fmt);
	vsnprintf(d->kept, sizeof(d->kept), fmt, ap);
	va_end(ap);
}

static void keep_for(struct doomed *d, const char *whose, double years, const char *hold)
{
	if (hold && *hold)
		keep(d, "held by %s: %.120s", whose, hold);
	else if (!(years >= 0.0))
		keep(d, "%s states no \"retention_years\"", whose);
	else if (!(d->age_years >= years))
		keep(d, "%.4g years old, kept for %.4g by %s", d->age_years, years, whose);
}

/* The bench file as it was then, in the run file: what it promised is kept, too. */
static void keep_by_own(struct doomed *d, const struct record *record)
{
	const struct record_file *file = record_file_of(record, "bench");
	struct json_doc *doc = NULL;
	struct err err = {""};

	if (!file || !file->text || json_parse("bench", file->text, strlen(file->text), &doc, &err) < 0)
		return;
	const struct json *years = json_get(json_root(doc), "retention_years"),
			  *hold = json_get(json_root(doc), "legal_hold");
	if (years && json_kind(years) == JSON_NUMBER)
		keep_for(d, "the bench file of then", json_number(years), NULL);
	if (hold && json_kind(hold) == JSON_STRING)
		keep_for(d, "the bench file of then", INFINITY, json_string(hold));
	json_doc_free(doc);
}

static double seconds_of(const char *utc)
{
	struct tm tm = {.tm_isdst = 0};

	return strptime(utc, "%Y-%m-%dT%H:%M:%S", &tm) ? (double)timegm(&tm) : NAN;
}

static void look(const struct purging *p, struct doomed *d)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err = {""};
	int rc = reopen_sound(d->path, &reader, &record, &err);

	if (rc || digest_read_file(d->path, d->sha256, NULL) != 0) {
		keep(d, "cannot be relied on to say how old it is: %s", err.text);
	} else {
		snprintf(d->run, sizeof(d->run), "%s", record->name);
		snprintf(d->dut, sizeof(d->dut), "%s", record->dut);
		snprintf(d->started, sizeof(d->started), "%s", record->started_utc);
		snprintf(d->head, sizeof(d->head), "%s", record->journal_head);
		d->age_years = (p->now_s - seconds_of(record->started_utc)) / YEAR_S;
		if (strcmp(record->bench_name, p->bench->name) != 0)
			keep(d, "a run of the bench \"%s\", and this is \"%s\"", record->bench_name, p->bench->name);
		keep_for(d, "this bench", p->bench->retention_years, p->bench->legal_hold);
		keep_by_own(d, record);
		if (runfile_resumed_by(reader, d->resumed_by, sizeof(d->resumed_by), &err) < 0)
			keep(d, "%s", err.text);
	}
	runfile_reader_free(reader);
	record_free(record);
}

/* A run that another one goes on with goes with it, or stays. */
static void keep_resumed(struct purging *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		bool goes = !p->run[i].resumed_by[0];
		for (unsigned k = 0; k < p->count && !goes; k++)
			goes = strcmp(p->run[k].run, p->run[i].resumed_by) == 0;
		if (!goes)
			keep(&p->run[i], "the run %.100s went on with it: name both", p->run[i].resumed_by);
	}
}

/* ---- listed, asked ------------------------------------------------------------------------------------------------ */

static unsigned list(const struct purging *p)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < p->count; i++) {
		const struct doomed *d = &p->run[i];
		fputs(d->kept[0] ? "KEPT    " : "may go  ", stdout);
		print_clean(stdout, d->path);
		if (d->kept[0]) {
			fputs(": ", stdout);
			print_clean(stdout, d->kept);
		} else {
			printf(" (%.19s, %.4g years, ", d->started, d->age_years);
			print_clean(stdout, d->dut);
			fputc(')', stdout);
		}
		fputc('\n', stdout);
		kept += d->kept[0] != '\0';
	}
	return kept;
}

static bool confirmed(const struct purging *p)
{
	char word[32], said[64] = "";

	snprintf(word, sizeof(word), "purge-%u", p->count);
	if (p->options->confirm)
		return strcmp(p->options->confirm, word) == 0;
	printf("\nType %s to delete %s with all that stands beside %s; anything else leaves %s: ", word,
	       p->count == 1 ? "it" : "them", p->count == 1 ? "it" : "them", p->count == 1 ? "it" : "them");
	fflush(stdout);
	if (!isatty(STDIN_FILENO) || !fgets(said, sizeof(said), stdin)) {
		printf("\n");
		return false;
	}
	said[strcspn(said, "\n")] = '\0';
	return strcmp(said, word) == 0;
}

/* ---- written down, deleted ---------------------------------------------------------------------------------------- */

/* Names may hold dots: does this file belong to another run, whose name begins with this one's? */
static bool of_another(const char *folder, const char *file, size_t stem)
{
	char path[2 * FILE_PATH_MAX];

	for (const char *dot = strchr(file + stem + 1, '.'); dot; dot = strchr(dot + 1, '.')) {
		snprintf(path, sizeof(path), "%.510s%.*s" RUNFILE_EXTENSION, folder, (int)(dot - file), file);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* Calls fn for the run file and each file beside it whose name is the run's and a dot, the run file last. */
static int each_beside(const char *path, int (*fn)(void *ctx, const char *path), void *ctx, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t stem = strlen(name) - strlen(RUNFILE_EXTENSION);
	char folder[FILE_PATH_MAX + 2], file[2 * FILE_PATH_MAX];
	struct dirent *entry;
	int rc = 0;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 2, slash ? path : "./");
	DIR *dir = opendir(folder);
	if (!dir)
		return err_set(err, -errno, "%.300s: %s", folder, strerror(errno));
	while (!rc && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, name, stem) != 0 || entry->d_name[stem] != '.' ||
		    of_another(folder, entry->d_name, stem) || strcmp(entry->d_name, name) == 0)
			continue;
		snprintf(file, sizeof(file), "%.510s%.500s", folder, entry->d_name);
		rc = fn(ctx, file);
	}
	closedir(dir);
	return rc ? rc : fn(ctx, path);
}

static int add_name(void *ctx, const char *path)
{
	const char *slash = strrchr(path, '/');

	json_out_string(ctx, NULL, slash ? slash + 1 : path);
	return 0;
}

/* The SHA-256 of the last line of the log, so that no line can be taken out of its middle unseen; "" of the first. */
static void last_digest(const char *path, char ret[DIGEST_HEX])
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	ret[0] = '\0';
	while (in && (len = getline(&line, &room, in)) > 0)
		digest_text(line, (size_t)(line[len - 1] == '\n' ? len - 1 : len), ret);
	free(line);
	if (in)
		fclose(in);
}

static int write_down(const struct purging *p, const struct doomed *d, struct err *err)
{
	struct json_out *o = json_out_object();
	char previous[DIGEST_HEX], *text = NULL;

	last_digest(p->log, previous);
	json_out_string(o, "event", "purge");
	json_out_string(o, "utc", p->utc);
	json_out_string(o, "by", p->by);
	json_out_string(o, "reason", p->reason);
	json_out_string(o, "bench", p->bench->name);
	json_out_string(o, "run", d->run);
	json_out_string(o, "dut", d->dut);
	json_out_string(o, "started", d->started);
	json_out_string(o, "sha256", d->sha256);
	json_out_string(o, "journal_head", d->head);
	int rc = each_beside(d->path, add_name, json_out_add_array(o, "files"), err);
	json_out_string(o, "previous", previous);
	if (!rc)
		rc = json_out_print(o, false, &text, err);
	json_out_free(o);
	FILE *out = rc ? NULL : fopen(p->log, "ae");
	if (!rc && (!out || fprintf(out, "%s\n", text) < 0 || fflush(out) != 0 || fsync(fileno(out)) != 0))
		rc = err_set(err, -EIO, "%.300s cannot be written: %s; nothing of this run was deleted", p->log,
			     strerror(errno));
	if (out)
		fclose(out);
	free(text);
	return rc;
}

static int delete_one(void *ctx, const char *path)
{
	return unlink(path) == 0 ? 0 : err_set(ctx, -errno, "%.400s cannot be deleted: %s", path, strerror(errno));
}

static int purge_all(struct purging *p, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < p->count && !rc; i++) {
		rc = write_down(p, &p->run[i], err);
		if (!rc)
			rc = each_beside(p->run[i].path, delete_one, err, err);
		if (!rc) {
			fputs("deleted ", stdout);
			print_clean(stdout, p->run[i].path);
			fputc('\n', stdout);
		}
	}
	return rc;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static bool is_run_file(const char *path)
{
	size_t len = strlen(path), end = strlen(RUNFILE_EXTENSION);

	return len > end && len < FILE_PATH_MAX && strcmp(path + len - end, RUNFILE_EXTENSION) == 0;
}

static int begin(struct purging *p, const struct cli_tables *tables, const char *const *operands, struct err *err)
{
	const struct purge_options *o = p->options;
	const char *bench = o->bench ? o->bench : getenv("PENRIG_BENCH");
	uint64_t wall_ns = tables->clock->wall_ns(tables->clock_ctx);
	int rc = 0;

	if (!bench || !*bench)
		return err_set(err, -EINVAL, "--bench is missing: its file says how long runs are kept");
	if (!o->by || !o->reason)
		return err_set(err, -EINVAL, "%s is missing: who deletes records stands in the log, and why",
			       o->by ? "--reason TEXT" : "--by NAME");
	if ((rc = record_text("--by", o->by, p->by, sizeof(p->by), err)) < 0 ||
	    (rc = record_text("--reason", o->reason, p->reason, sizeof(p->reason), err)) < 0 ||
	    (rc = bench_read(bench, &p->bench, err)) < 0)
		return rc;
	if (o->log && strlen(o->log) >= FILE_PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "--log: the path is too long");
	snprintf(p->log, sizeof(p->log), o->log ? "%s" : "%s.purged.jsonl", o->log ? o->log : bench);
	seal_time(wall_ns, p->utc);
	p->now_s = (double)wall_ns / 1e9;
	for (unsigned i = 0; i < p->count; i++) {
		if (!is_run_file(operands[i]))
			return err_set(err, -EINVAL,
				       "%.300s: no run file by its name: what stands beside one goes with it",
				       operands[i]);
		p->run[i].path = operands[i];
	}
	return keeping_check_made(tables->made_ns, wall_ns, err);
}

static int go_on(struct purging *p)
{
	struct err err = {""};

	for (unsigned i = 0; i < p->count; i++)
		look(p, &p->run[i]);
	keep_resumed(p);
	unsigned kept = list(p);
	if (kept)
		return cli_error(EXIT_REFUSED, "%u of %u must be kept: nothing was deleted", kept, p->count);
	if (!confirmed(p))
		return cli_error(EXIT_REFUSED, "not confirmed: nothing was deleted");
	if (purge_all(p, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	fputs("log:    ", stdout);
	print_clean(stdout, p->log);
	fputc('\n', stdout);
	return EXIT_PASS;
}

static int purge_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct purging p = {.options = options, .count = count, .run = calloc(count, sizeof(*p.run))};
	struct err err = {""};
	int rc = p.run ? begin(&p, tables, operands, &err) : err_set(&err, -ENOMEM, "out of memory");
	int code = rc ? cli_error(rc == -ENOMEM   ? EXIT_INTERNAL
				  : rc == -ESTALE ? EXIT_REFUSED
						  : EXIT_USAGE,
				  "%s", err.text)
		      : go_on(&p);

	bench_free(p.bench);
	free(p.run);
	return code;
}

const struct command command_purge = {
	.name = "purge",
	.operands = "RUNFILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Delete runs whose retention is over, and write down that it was done",
	.description = "Lists the run files that are named, each with its age or why it must be kept, and deletes them "
		       "and all that stands beside "
		       "them under their names once the word is given. Kept is a run that is younger than the bench's "
		       "\"retention_years\", now or when "
		       "it was made; one that is held (\"legal_hold\"); one of another bench; one that cannot be read, "
		       "or was altered, for nothing "
		       "shows how old it is; and one that another run went on with, without that one. Where one of "
		       "them is kept, none is deleted; a "
		       "bench that states no retention keeps all.\n\n"
		       "Each deletion is written to the end of the log before it is made: who, why, when, the run, its "
		       "SHA-256 and chain head, every "
		       "file; and the SHA-256 of the line before. The history keeps what it knows of the run, and a "
		       "dossier tells it as missing.\n\n"
		       "Exit code: 0 deleted; 8 refused or not confirmed, and nothing was deleted; 2 wrong usage; 6 a "
		       "file could not be deleted, or "
		       "the log not be written.",
	.example = "  penrig purge archive/2014/*.penrig --bench bench-3.json --by \"A. Meier\" --reason \"SOP 12, "
		   "retention over\"\n",
	.options = purge_table,
	.options_size = sizeof(struct purge_options),
	.run = purge_run,
};
