/* What a batch is made of, and what of it is measured: the files that define it, and the run files of its jobs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/cli/batch.h"
#include "rig/config/bench.h"
#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"

#define FILES_MAX (BATCH_BUILDS_MAX + BATCH_PLANS_MAX + 1 + BENCH_PHANTOMS_MAX + BENCH_DEVICES_MAX)

/* ---- what defines it ----------------------------------------------------------------------------------------------- */

static int digest_file(const char *what, const char *path, char ret[DIGEST_HEX], struct err *err)
{
	char buffer[65536];
	uint8_t bytes[DIGEST_BYTES];
	struct digest digest;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 0;

	digest_begin(&digest);
	while (fd >= 0 && (n = read(fd, buffer, sizeof(buffer))) > 0)
		digest_raw(&digest, buffer, (size_t)n);
	int rc = n < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	digest_end(&digest, bytes);
	digest_hex(bytes, ret);
	return rc ? err_set(err, -EINVAL, "the %s %.300s cannot be read: %s", what, path, strerror(-rc)) : 0;
}

static int add_file(struct batch_course *c, const char *what, const char *path, int build, struct err *err)
{
	struct batch_file *file = &c->file[c->files++];

	*file = (struct batch_file){.what = what, .build = build};
	snprintf(file->path, sizeof(file->path), "%s", path);
	return digest_file(what, path, file->sha256, err);
}

static int add_builds(struct batch_course *c, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < c->batch->builds && !rc; i++) {
		if (!c->batch->build[i].file[0])
			continue;
		rc = add_file(c, "build", c->batch->build[i].file, (int)i, err);
		memcpy(c->build_sha256[i], c->file[c->files - 1].sha256, DIGEST_HEX);
	}
	return rc;
}

/* The bench and all that it names. */
static int add_bench(struct batch_course *c, struct err *err)
{
	struct bench *bench = NULL;
	int rc = bench_read(c->batch->bench, &bench, err);

	if (!rc)
		rc = add_file(c, "bench", c->batch->bench, -1, err);
	for (unsigned i = 0; !rc && i < bench->phantoms; i++)
		rc = add_file(c, "phantom", bench->phantom[i].path, -1, err);
	for (unsigned i = 0; !rc && i < bench->devices; i++)
		if (bench->device[i].profile_doc)
			rc = add_file(c, "profile", json_file(bench->device[i].profile_doc), -1, err);
	bench_free(bench);
	return rc;
}

int batch_define(struct batch_course *c, struct err *err)
{
	struct digest digest;
	uint8_t bytes[DIGEST_BYTES];
	size_t len = 0;
	const char *text = json_text(c->batch->doc, &len);

	c->file = calloc(FILES_MAX, sizeof(*c->file));
	if (!c->file)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = add_builds(c, err);
	for (unsigned i = 0; i < c->batch->plans && !rc; i++)
		rc = add_file(c, "plan", c->batch->plan[i], -1, err);
	if (!rc)
		rc = add_bench(c, err);
	digest_begin(&digest);
	digest_raw(&digest, text, len);
	for (unsigned i = 0; i < c->files; i++)
		digest_raw(&digest, c->file[i].sha256, DIGEST_HEX);
	digest_end(&digest, bytes);
	digest_hex(bytes, c->definition);
	return rc;
}

int batch_check_same(const struct batch_course *c, const struct batch_job *job, struct err *err)
{
	char digest[DIGEST_HEX];
	int rc = 0;

	for (unsigned i = 0; i < c->files && !rc; i++) {
		const struct batch_file *file = &c->file[i];
		if (file->build >= 0 && (unsigned)file->build != job->build)
			continue;
		rc = digest_file(file->what, file->path, digest, err);
		if (!rc && strcmp(digest, file->sha256) != 0)
			rc = err_set(err, -EINVAL, "the %s %.200s was changed since the batch began", file->what,
				     file->path);
	}
	return rc;
}

/* ---- its runs ------------------------------------------------------------------------------------------------------ */

void batch_run_name(const struct batch *b, unsigned number, unsigned attempt, char ret[128])
{
	if (attempt == 1)
		snprintf(ret, 128, "%s-%04u", b->name, number);
	else
		snprintf(ret, 128, "%s-%04u-%u", b->name, number, attempt);
}

unsigned batch_attempt_of(const struct batch *b, unsigned number, const char *run)
{
	char first[128];

	batch_run_name(b, number, 1, first);
	size_t len = strlen(first);
	if (strncmp(run, first, len) != 0)
		return 0;
	return run[len] == '-' ? (unsigned)strtoul(run + len + 1, NULL, 10) : 1;
}

static bool exists(const struct batch *b, const char *run, const char *extension, off_t *ret_size)
{
	char path[FILE_PATH_MAX + 200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s%s", b->output, run, extension);
	if (stat(path, &st) != 0)
		return false;
	*ret_size = st.st_size;
	return true;
}

/* 0: the file is of no run of that job. */
static unsigned attempt_of_file(const struct batch *b, unsigned number, const char *file)
{
	unsigned attempt = batch_attempt_of(b, number, file);
	char run[128];

	batch_run_name(b, number, attempt, run);
	size_t len = strlen(run);
	bool is = strncmp(file, run, len) == 0 &&
		  (strcmp(file + len, RUNFILE_EXTENSION) == 0 || strcmp(file + len, ".report.json") == 0);
	return is ? attempt : 0;
}

int batch_next_attempt(const struct batch *b, unsigned number, unsigned after, unsigned *ret_next, unsigned *ret_last,
		       struct err *err)
{
	DIR *dir = opendir(b->output);
	const struct dirent *entry;

	*ret_next = 0;
	*ret_last = 0;
	if (!dir)
		return err_set(err, -errno, "%.300s cannot be looked through: %s", b->output, strerror(errno));
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		unsigned attempt = attempt_of_file(b, number, entry->d_name);
		if (attempt > after && (!*ret_next || attempt < *ret_next))
			*ret_next = attempt;
		if (attempt > *ret_last)
			*ret_last = attempt;
	}
	int rc = errno ? err_set(err, -errno, "%.300s cannot be looked through: %s", b->output, strerror(errno)) : 0;
	closedir(dir);
	return rc;
}

static bool has_attr(const struct record *r, const char *key, const char *value)
{
	for (unsigned i = 0; i < r->attrs; i++)
		if (strcmp(r->attr[i].key, key) == 0)
			return strcmp(r->attr[i].value, value) == 0;
	return false;
}

/* Not one that somebody made under that name: by hand, of another pen, or gone on with from another job's. */
static bool is_of(const struct batch_course *c, const struct batch_job *job, const struct record *r)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", job->number);
	return strcmp(r->dut, c->batch->pen[job->pen]) == 0 && has_attr(r, BATCH_DEFINITION, c->definition) &&
	       has_attr(r, BATCH_JOB, number);
}

static int look(const struct batch_course *c, const struct batch_job *job, const char *run, struct batch_found *ret,
		struct err *err)
{
	char path[FILE_PATH_MAX + 200];
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err why = {""};

	snprintf(path, sizeof(path), "%s/%s" RUNFILE_EXTENSION, c->batch->output, run);
	int rc = reopen_sound(path, &reader, &record, &why);
	if (rc == -EBADMSG && runfile_holds_nothing(path)) {
		rc = 0; /* penrig was killed as it made it, before it opened a device */
	} else if (rc) {
		rc = err_set(err, rc,
			     "%.300s: penrig was killed before it told its verdict, and it cannot be read (%.200s); "
			     "move it away to have the job made again",
			     path, why.text);
	} else if (is_of(c, job, record)) {
		struct batch_done done = {.state = JOB_RUN, .code = verdict_exit_code(record)};
		snprintf(done.run, sizeof(done.run), "%s", run);
		snprintf(done.verdict, sizeof(done.verdict), "%s", verdict_name(record));
		enum batch_class class = batch_class_of(&done);
		if (class < CLASS_NO_VERDICT && batch_class_of(&ret->done) != CLASS_FAIL) {
			*ret = (struct batch_found){.done = done};
			ret->stop_unverified = runfile_is_final(reader) && record->moved && !record->stop_verified;
		}
	}
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

int batch_find(const struct batch_course *c, const struct batch_job *job, unsigned told, struct batch_found *ret,
	       struct err *err)
{
	char run[128];
	off_t size = 0;
	unsigned attempt = told, last;
	int rc;

	*ret = (struct batch_found){.done = {.state = JOB_OPEN}};
	while (!(rc = batch_next_attempt(c->batch, job->number, attempt, &attempt, &last, err)) && attempt) {
		batch_run_name(c->batch, job->number, attempt, run);
		if (exists(c->batch, run, RUNFILE_EXTENSION, &size) && size > 0) /* else its name was taken, no more */
			rc = look(c, job, run, ret, err);
		if (rc)
			break;
	}
	return rc;
}
