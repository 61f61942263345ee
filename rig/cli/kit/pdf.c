/* The page of a run as PDF. The page is written into a folder of its own, which the program reads and is gone afterwards. */
#include "rig/cli/kit/pdf.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/base/text_clean.h"

#define PATH_ROOM 300
#define ARGS_MAX  10
#define PAGE      "page.html"
#define RESULT    "page.pdf"
#define LOG       "log"

extern char **environ;

/* In the order in which they are tried; "@" is the folder of the page. */
static const struct tool {
	const char *package;
	bool archive; /* PDF/A-3b: an archive's form, in which fonts are embedded and nothing is loaded */
	const char *argument[ARGS_MAX];
} tools[] = {
	{"weasyprint", true, {"weasyprint", "-q", "--pdf-variant", "pdf/a-3b", "@/" PAGE, "@/" RESULT}},
	{"chromium",
	 false,
	 {"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
	  "--user-data-dir=@/profile", "--print-to-pdf=@/" RESULT, "file://@/" PAGE}},
};
#define TOOLS (sizeof(tools) / sizeof(tools[0]))

struct folder {
	char path[PATH_ROOM];
};

static void path_in(const struct folder *folder, const char *name, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%s", folder->path, name);
}

static int make_folder(struct folder *ret, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(ret->path, sizeof(ret->path), "%.250s/penrig-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (mkdtemp(ret->path))
		return 0;
	int rc = -errno;
	return err_set(err, rc, "no folder for the page can be made in TMPDIR: %s", strerror(-rc));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* With what a browser left in it. */
static void remove_folder(const struct folder *folder)
{
	nftw(folder->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* The argument with "@" made the folder. free() it. */
static char *expand(const char *argument, const struct folder *folder)
{
	const char *at = strchr(argument, '@');
	char *text = NULL;

	if (asprintf(&text, "%.*s%s%s", at ? (int)(at - argument) : (int)strlen(argument), argument,
		     at ? folder->path : "", at ? at + 1 : "") < 0)
		return NULL;
	return text;
}

/* What the program said last. */
static void last_words(const struct folder *folder, char ret[PATH_ROOM])
{
	char path[PATH_MAX], line[PATH_ROOM];
	FILE *log;

	snprintf(ret, PATH_ROOM, "it says nothing");
	path_in(folder, LOG, path);
	if (!(log = fopen(path, "re")))
		return;
	while (fgets(line, sizeof(line), log))
		if (strspn(line, " \t\r\n") < strlen(line))
			text_clean(line, ret, PATH_ROOM);
	ret[strcspn(ret, "\n")] = '\0';
	fclose(log);
}

static int spawn(const struct tool *tool, const struct folder *folder, pid_t *ret)
{
	char *argument[ARGS_MAX + 1] = {NULL}, path[PATH_MAX];
	posix_spawn_file_actions_t actions;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc)
		return -rc;
	path_in(folder, LOG, path);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	for (unsigned i = 0; !rc && i < ARGS_MAX && tool->argument[i]; i++)
		rc = (argument[i] = expand(tool->argument[i], folder)) ? 0 : ENOMEM;
	if (!rc)
		rc = posix_spawnp(ret, argument[0], &actions, NULL, argument, environ);
	posix_spawn_file_actions_destroy(&actions);
	for (unsigned i = 0; i < ARGS_MAX; i++)
		free(argument[i]);
	return -rc;
}

static int none_installed(bool archive, struct err *err)
{
	return err_set(err, -ENOSYS, "no program that makes a PDF of a page is installed: apt install weasyprint%s",
		       archive ? "" : " (PDF/A), or chromium");
}

/* A program that wrote nothing, or a part, may say that all is well: a PDF ends with its mark, and a line end or two. */
static bool is_whole(const char *path)
{
	char end[8 + 1] = "", head[5] = "";
	FILE *in = fopen(path, "re");

	if (!in)
		return false;
	bool whole = fread(head, 1, sizeof(head), in) == sizeof(head) && memcmp(head, "%PDF-", 5) == 0 &&
		     fseek(in, -8, SEEK_END) == 0 && fread(end, 1, 8, in) == 8 && strstr(end, "%%EOF");
	fclose(in);
	return whole;
}

/* By the first program that is there. */
static int convert(const struct folder *folder, bool archive, struct err *err)
{
	char path[PATH_MAX], words[PATH_ROOM];
	int rc = -ENOENT, status = 0;
	unsigned i = 0;
	pid_t pid = -1;

	while (i < TOOLS && ((archive && !tools[i].archive) || (rc = spawn(&tools[i], folder, &pid)) == -ENOENT))
		i++;
	if (i == TOOLS)
		return none_installed(archive, err);
	if (rc)
		return err_set(err, rc, "%s cannot be started: %s", tools[i].package, strerror(-rc));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	path_in(folder, RESULT, path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && is_whole(path))
		return 0;
	last_words(folder, words);
	return err_set(err, -EIO, "%s made no PDF of the page: %s", tools[i].package, words);
}

static int copy_result(const struct folder *folder, FILE *out, struct err *err)
{
	char path[PATH_MAX], bytes[65536];
	size_t n;

	path_in(folder, RESULT, path);
	FILE *in = fopen(path, "re");
	if (!in)
		return err_set(err, -errno, "the PDF cannot be read: %s", strerror(errno));
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		fwrite(bytes, 1, n, out);
	bool bad = ferror(in) || ferror(out);
	fclose(in);
	return bad ? err_set(err, -EIO, "the PDF cannot be written: %s", strerror(EIO)) : 0;
}

static int write_page(const struct folder *folder, const struct record *record, struct runfile_reader *reader,
		      struct err *err)
{
	char path[PATH_MAX];

	path_in(folder, PAGE, path);
	return report_save_run(&report_html, record, reader, path, err);
}

static int write_pdf_run(const struct record *record, struct runfile_reader *reader, FILE *out, struct err *err)
{
	struct folder folder;
	int rc = make_folder(&folder, err);

	if (rc)
		return rc;
	rc = write_page(&folder, record, reader, err);
	if (!rc)
		rc = convert(&folder, false, err);
	if (!rc)
		rc = copy_result(&folder, out, err);
	remove_folder(&folder);
	return rc;
}

int pdf_archive(const char *page, FILE *out, struct err *err)
{
	char path[PATH_MAX];
	struct folder folder;
	int rc = make_folder(&folder, err);

	if (rc)
		return rc;
	path_in(&folder, PAGE, path);
	rc = disk_copy(page, path);
	if (rc)
		err_set(err, rc, "%.300s cannot be copied to %.300s: %s", page, path, strerror(-rc));
	if (!rc)
		rc = convert(&folder, true, err);
	if (!rc)
		rc = copy_result(&folder, out, err);
	remove_folder(&folder);
	return rc;
}

static bool is_installed(const char *program)
{
	const char *at = getenv("PATH");
	char path[PATH_MAX];

	for (size_t n; at && *at; at += n + (at[n] == ':')) {
		n = strcspn(at, ":");
		snprintf(path, sizeof(path), "%.*s/%s", (int)n, at, program);
		if (n && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

int pdf_archive_check(struct err *err)
{
	for (unsigned i = 0; i < TOOLS; i++)
		if (tools[i].archive && is_installed(tools[i].package))
			return 0;
	return none_installed(true, err);
}

static int write_pdf(const struct record *record, FILE *out, struct err *err)
{
	return write_pdf_run(record, NULL, out, err);
}

const struct report_writer report_pdf = {
	.id = "pdf",
	.extension = ".report.pdf",
	.description = "the page as PDF, by weasyprint (PDF/A) or chromium where one is installed",
	.write = write_pdf,
	.write_run = write_pdf_run,
};
