/* `penrig purge`: deletes run files whose time is over, with all that stands beside them. Lists first, asks for a word, looks again
 * while nobody else has the bench, and writes down what it is about to delete before it does, and what went behind it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/digest.h"
#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/purge_log.h"
#include "rig/cli/kit/sealing.h"
#include "rig/config/bench.h"
#include "rig/offline/reopen.h"
#include "rig/runfile/runfile.h"
#include "rig/session/queue.h"

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
	double age_years, until_s; /* until_s: to when it had to be kept, in seconds since 1970 */
	struct stat file;
	char kept[TEXT_MAX]; /* why it must not go; "": it may */
};

struct purging {
	const struct purge_options *options;
	const char *bench_path;
	struct bench *bench;
	char by[96], reason[240], log[FILE_PATH_MAX + 32], utc[32];
	double now_s;
	unsigned count;
	struct doomed *run;
};

/* ---- what stands beside it --------------------------------------------------------------------------------------- */

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

/* With its slash. */
static void folder_of(const char *path, char ret[FILE_PATH_MAX + 2])
{
	const char *slash = strrchr(path, '/');

	snprintf(ret, FILE_PATH_MAX + 2, "%.*s", slash ? (int)(slash - path + 1) : 2, slash ? path : "./");
}

/* Calls fn for the run file and each file beside it whose name is the run's and a dot, the run file last. */
static int each_beside(const char *path, int (*fn)(void *ctx, const char *path), void *ctx, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t stem = strlen(name) - strlen(RUNFILE_EXTENSION);
	char folder[FILE_PATH_MAX + 2], file[2 * FILE_PATH_MAX];
	struct dirent *entry;
	int rc = 0;

	folder_of(path, folder);
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

static double seconds_of(const char *utc)
{
	struct tm tm = {.tm_isdst = 0};

	return strptime(utc, "%Y-%m-%dT%H:%M:%S", &tm) ? (double)timegm(&tm) : NAN;
}

static const char *day_of(double seconds, char ret[16])
{
	time_t at = (time_t)seconds;
	struct tm tm;

	if (!isfinite(seconds) || !gmtime_r(&at, &tm) || !strftime(ret, 16, "%Y-%m-%d", &tm))
		snprintf(ret, 16, "no day");
	return ret;
}

static void keep_for(struct doomed *d, const char *whose, double years, const char *hold)
{
	char day[16];
	double until_s = seconds_of(d->started) + years * YEAR_S;

	if (hold && *hold)
		keep(d, "held by %s: %.120s", whose, hold);
	else if (!(years >= 0.0))
		keep(d, "%s states no \"retention_years\"", whose);
	else if (!(d->age_years >= years))
		keep(d, "%.4g years old, kept for %.4g by %s: until %s", d->age_years, years, whose,
		     day_of(until_s, day));
	if (!(d->until_s >= until_s))
		d->until_s = until_s;
}

/* The bench file as it was then, in the run file: what it promised is kept, too. */
static void keep_by_own(struct doomed *d, const struct record *record)
{
	const struct record_file *file = record_file_of(record, "bench");
	struct json_doc *doc = NULL;
	struct err err = {""};

	if (!file || !file->text || json_parse("bench", file->text, strlen(file->text), &doc, &err) < 0) {
		keep(d, "the bench file of then cannot be read, and may hold it: %.150s", err.text);
		return;
	}
	const struct json *years = json_get(json_root(doc), "retention_years"),
			  *hold = json_get(json_root(doc), "legal_hold");
	if (years)
		keep_for(d, "the bench file of then", json_kind(years) == JSON_NUMBER ? json_number(years) : NAN, NULL);
	if (hold)
		keep(d, "held by the bench file of then: %.120s",
		     json_kind(hold) == JSON_STRING ? json_string(hold) : "no text");
	json_doc_free(doc);
}

/* Its own words, while its file is open. */
static void look_inside(const struct purging *p, struct doomed *d, struct runfile_reader *reader,
			const struct record *record)
{
	const char *slash = strrchr(d->path, '/'), *name = slash ? slash + 1 : d->path;
	size_t stem = strlen(name) - strlen(RUNFILE_EXTENSION);
	const char *end = record->ended_utc[0] ? record->ended_utc : record->started_utc;
	struct err err = {""};

	snprintf(d->run, sizeof(d->run), "%s", record->name);
	snprintf(d->dut, sizeof(d->dut), "%s", record->dut);
	snprintf(d->started, sizeof(d->started), "%s", record->started_utc);
	snprintf(d->head, sizeof(d->head), "%s", record->journal_head);
	d->age_years = (p->now_s - seconds_of(record->started_utc)) / YEAR_S;
	if (strlen(record->name) != stem || strncmp(record->name, name, stem) != 0)
		keep(d, "is the run %.100s under another name, and what stands beside it may be another run's",
		     record->name);
	if (runfile_resumed_by(reader, d->resumed_by, sizeof(d->resumed_by), &err) < 0)
		keep(d, "%s", err.text);
	if (!runfile_is_final(reader) && !d->resumed_by[0])
		keep(d, "has no end: nothing shows that its run is over");
	if (!(seconds_of(end) <= p->now_s))
		keep(d, "ended at %.19s, after now: is this computer's clock right?", end);
	if (strcmp(record->bench_name, p->bench->name) != 0)
		keep(d, "a run of the bench \"%s\", and this is \"%s\"", record->bench_name, p->bench->name);
	keep_for(d, "this bench", p->bench->retention_years, p->bench->legal_hold);
	keep_by_own(d, record);
}

/* Whoever has a database open holds a lock in these bytes of it. Asked when it is closed here: to close a file ends all locks of
 * this process on it. */
static void look_open(struct doomed *d)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};
	int fd = open(d->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) != 0)
		keep(d, "cannot be seen to be closed: %s", strerror(errno));
	else if (lock.l_type != F_UNLCK)
		keep(d, "is open in process %ld", (long)lock.l_pid);
	if (fd >= 0)
		close(fd);
}

struct looking {
	const struct purging *p;
	struct doomed *d;
};

static int look_at_file(void *ctx, const char *path)
{
	const struct looking *l = ctx;
	const char *const spared[] = {l->p->log, l->p->bench_path};
	struct stat file, other;

	if (lstat(path, &file) != 0)
		keep(l->d, "%.150s: %s", path, strerror(errno));
	else if (!S_ISREG(file.st_mode))
		keep(l->d, "%.150s stands beside it, and is no regular file: move it away", path);
	for (unsigned i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
		if (stat(spared[i], &other) == 0 && other.st_dev == file.st_dev && other.st_ino == file.st_ino)
			keep(l->d, "%.150s stands beside it, and is the %s", path, i ? "bench file" : "log");
	return 0;
}

static void look_beside(const struct purging *p, struct doomed *d)
{
	struct looking l = {p, d};
	char folder[FILE_PATH_MAX + 2];
	struct err err = {""};

	folder_of(d->path, folder);
	if (access(folder, W_OK | X_OK) != 0)
		keep(d, "nothing can be deleted in its folder: %s", strerror(errno));
	if (each_beside(d->path, look_at_file, &l, &err) < 0)
		keep(d, "%s", err.text);
}

static void look(const struct purging *p, struct doomed *d)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err = {""};

	if (lstat(d->path, &d->file) == 0 && !S_ISREG(d->file.st_mode)) {
		keep(d, "is no regular file");
		return;
	}
	int rc = reopen_sound(d->path, &reader, &record, &err);
	if (rc || digest_read_file(d->path, d->sha256, NULL) != 0)
		keep(d, "cannot be relied on to say how old it is: %s", err.text);
	else
		look_inside(p, d, reader, record);
	runfile_reader_free(reader);
	record_free(record);
	if (d->kept[0])
		return;
	look_open(d);
	look_beside(p, d);
	if (lstat(d->path, &d->file) != 0)
		keep(d, "%s", strerror(errno));
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* By whatever paths. */
static void keep_named_twice(struct purging *p)
{
	for (unsigned i = 0; i < p->count; i++)
		for (unsigned k = 0; k < i; k++)
			if (same_file(&p->run[i].file, &p->run[k].file))
				keep(&p->run[i], "is named twice, as %.150s too", p->run[k].path);
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
		char day[16];
		fputs(d->kept[0] ? "KEPT    " : "may go  ", stdout);
		print_clean(stdout, d->path);
		if (d->kept[0]) {
			fputs(": ", stdout);
			print_clean(stdout, d->kept);
		} else {
			printf(" (%.19s, %.4g years, since %s; ", d->started, d->age_years, day_of(d->until_s, day));
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

static int add_name(void *ctx, const char *path)
{
	const char *slash = strrchr(path, '/');

	json_out_string(ctx, NULL, slash ? slash + 1 : path);
	return 0;
}

static int write_down(const struct purging *p, const struct doomed *d, struct purge_log *log, struct err *err)
{
	struct json_out *o = json_out_object();

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
	if (rc)
		json_out_free(o);
	return rc ? rc : purge_log_add(log, o, err);
}

struct deleting {
	struct json_out *gone;
	struct err *err;
};

static int delete_one(void *ctx, const char *path)
{
	struct deleting *d = ctx;

	if (unlink(path) != 0)
		return err_set(d->err, -errno, "%.400s cannot be deleted: %s", path, strerror(errno));
	return add_name(d->gone, path);
}

/* Behind it a second line says what went: all that the first one says, or as far as it came. */
static int delete_run(const struct doomed *d, struct purge_log *log, struct err *err)
{
	struct json_out *o = json_out_object();
	struct err unwritten = {""};

	json_out_string(o, "event", "purged");
	json_out_string(o, "run", d->run);
	json_out_string(o, "sha256", d->sha256);
	struct deleting deleting = {json_out_add_array(o, "files"), err};
	int rc = each_beside(d->path, delete_one, &deleting, err);
	json_out_bool(o, "complete", rc == 0);
	if (rc)
		json_out_string(o, "error", err->text);
	int written = purge_log_add(log, o, &unwritten);
	if (written && !rc)
		return err_set(err, written, "%.300s was deleted, and %.200s", d->path, unwritten.text);
	return rc;
}

static int purge_one(const struct purging *p, const struct doomed *d, struct purge_log *log, struct err *err)
{
	struct stat now;

	if (lstat(d->path, &now) != 0 || !same_file(&now, &d->file) || now.st_size != d->file.st_size ||
	    now.st_mtim.tv_sec != d->file.st_mtim.tv_sec || now.st_mtim.tv_nsec != d->file.st_mtim.tv_nsec)
		return err_set(err, -ESTALE, "%.300s was changed since it was looked at: it stays", d->path);
	int rc = write_down(p, d, log, err);
	return rc ? rc : delete_run(d, log, err);
}

static int purge_all(struct purging *p, struct purge_log *log, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < p->count && !rc; i++) {
		rc = purge_one(p, &p->run[i], log, err);
		if (!rc) {
			fputs("deleted ", stdout);
			print_clean(stdout, p->run[i].path);
			fputc('\n', stdout);
		}
	}
	return rc;
}

/* ---- behind the word ---------------------------------------------------------------------------------------------- */

/* Minutes lie between list and word: what was said then, of bench and run, is asked again. */
static int look_again(struct purging *p, struct err *err)
{
	bench_free(p->bench);
	p->bench = NULL;
	int rc = bench_read(p->bench_path, &p->bench, err);
	if (rc)
		return rc;
	for (unsigned i = 0; i < p->count; i++) {
		struct doomed *d = &p->run[i], now = {.path = d->path};
		look(p, &now);
		if (strcmp(now.sha256, d->sha256) != 0)
			keep(&now, "was changed since it was listed");
		*d = now;
	}
	keep_named_twice(p);
	keep_resumed(p);
	return 0;
}

static int purge_held(struct purging *p, struct purge_log *log)
{
	struct err err = {""};

	if (look_again(p, &err) < 0)
		return cli_error(EXIT_USAGE, "%s: nothing was deleted", err.text);
	for (unsigned i = 0; i < p->count; i++)
		if (p->run[i].kept[0])
			return cli_error(EXIT_REFUSED, "%.300s: %s: nothing was deleted", p->run[i].path,
					 p->run[i].kept);
	if (purge_all(p, log, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	fputs("log:    ", stdout);
	print_clean(stdout, p->log);
	fputc('\n', stdout);
	return EXIT_PASS;
}

/* No run begins on the bench meanwhile, and no other purge. */
static int hold_and_purge(struct purging *p)
{
	struct bench_lock *lock = NULL;
	struct purge_log log = {.file = NULL};
	struct err err = {""};
	int rc = bench_queue_pass(p->bench_path, &lock, &err);

	if (!rc)
		rc = purge_log_open(&log, p->log, &err);
	int code = rc ? cli_error(rc == -EBUSY ? EXIT_BUSY : EXIT_STORAGE, "%s: nothing was deleted", err.text)
		      : purge_held(p, &log);
	purge_log_close(&log);
	bench_lock_keep(lock);
	return code;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static bool is_run_file(const char *path)
{
	size_t len = strlen(path), end = strlen(RUNFILE_EXTENSION);

	return len > end && len < FILE_PATH_MAX && strcmp(path + len - end, RUNFILE_EXTENSION) == 0;
}

/* Would the purge of this run take this file, if it were there, with it? */
static bool goes_with(const char *run, const char *file)
{
	const char *run_slash = strrchr(run, '/'), *file_slash = strrchr(file, '/');
	const char *run_name = run_slash ? run_slash + 1 : run, *name = file_slash ? file_slash + 1 : file;
	char folder[FILE_PATH_MAX + 2];
	struct stat a, b;

	folder_of(run, folder);
	if (stat(folder, &a) != 0)
		return false;
	folder_of(file, folder);
	return stat(folder, &b) == 0 && same_file(&a, &b) &&
	       strncmp(run_name, name, strlen(run_name) - strlen(RUNFILE_EXTENSION) + 1) == 0;
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
	p->bench_path = bench;
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
		if (goes_with(operands[i], p->log) || goes_with(operands[i], bench))
			return err_set(err, -EINVAL,
				       "%.200s stands under the name of %.200s and would go with it: --log names "
				       "another log, and a bench file stands elsewhere",
				       goes_with(operands[i], bench) ? bench : p->log, operands[i]);
		p->run[i].path = operands[i];
	}
	return keeping_check_made(tables->made_ns, wall_ns, err);
}

static int go_on(struct purging *p)
{
	for (unsigned i = 0; i < p->count; i++)
		look(p, &p->run[i]);
	keep_named_twice(p);
	keep_resumed(p);
	unsigned kept = list(p);
	if (kept)
		return cli_error(EXIT_REFUSED, "%u of %u must be kept: nothing was deleted", kept, p->count);
	if (!confirmed(p))
		return cli_error(EXIT_REFUSED, "not confirmed: nothing was deleted");
	return hold_and_purge(p);
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
	.summary = "Delete runs whose retention is over, and put that on record",
	.description = "Lists the run files that are named, each with its age or why it must be kept, and deletes them "
		       "and all that stands beside "
		       "them under their names once the word is given. Kept is a run that is younger than the bench's "
		       "\"retention_years\", now or when "
		       "it was made; one that is held (\"legal_hold\"); one of another bench; one that cannot be read, "
		       "or was altered, for nothing "
		       "shows how old it is; and one that another run went on with, without that one; one that is open "
		       "or without an end, under another name "
		       "than its run's, or with something beside it that is no regular file. Where one of "
		       "them is kept, none is deleted; a "
		       "bench that states no retention keeps all.\n\n"
		       "Once the word is given the bench is held, and each file looked at again. "
		       "Each deletion is written to the end of the log before it is made: who, why, when, the run, its "
		       "SHA-256 and chain head, every "
		       "file; and the SHA-256 of the line before; behind it, what went. The history keeps what it "
		       "knows of the run, and a "
		       "dossier tells it as missing.\n\n"
		       "Exit code: 0 deleted; 8 refused or not confirmed, and nothing was deleted; 2 wrong usage; 5 "
		       "the bench is in use; 6 a "
		       "file could not be deleted, or "
		       "the log not be written.",
	.example = "  penrig purge archive/2014/*.penrig --bench bench-3.json --by \"A. Meier\" --reason \"SOP 12, "
		   "retention over\"\n",
	.options = purge_table,
	.options_size = sizeof(struct purge_options),
	.run = purge_run,
};
