/* Is what is installed what was installed? Each file is held against the package that brought it (dpkg's own sums), else against
 * the list that `make install` left; and all of it against an earlier record, where one is given. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <limits.h>
#include <link.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/qualify/qualify.h"
#include "rig/cli/verify_kit.h"
#include "rig/fleet/pq_library.h"
#include "rig/offline/hdf5_library.h"

#define DPKG     "/var/lib/dpkg/info"
#define MANIFEST "qualification/installed.sha256"

/* ---- what dpkg knows ---------------------------------------------------------------------------------------------- */

/* The line "MD5  PATH" of one package's list, for either path. */
static bool in_list(const char *list, const char *path, const char *other, char ret[MD5_HEX])
{
	char line[PATH_MAX + MD5_HEX + 4];
	bool found = false;
	FILE *in = fopen(list, "re");

	while (in && !found && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		found = strlen(line) > MD5_HEX + 1 &&
			(strcmp(line + MD5_HEX + 1, path) == 0 || strcmp(line + MD5_HEX + 1, other) == 0);
	}
	if (found)
		snprintf(ret, MD5_HEX, "%.*s", MD5_HEX - 1, line);
	if (in)
		fclose(in);
	return found;
}

/* Packages keep out of /usr/local and of people's own folders. */
static bool may_be_packaged(const char *path)
{
	static const char *const places[] = {"usr/", "lib", "bin/", "sbin/", "opt/", "etc/"};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return strncmp(path, "usr/local/", 10) != 0;
	return false;
}

/* Which package installed it, and with which MD5. Debian's /lib is /usr/lib, and its lists say either. */
static bool package_of(const char *path, char *ret, size_t size, char md5[MD5_HEX])
{
	const char *full = path + 1, *merged = strncmp(full, "usr/", 4) == 0 ? full + 4 : full;
	char list[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir = may_be_packaged(full) ? opendir(DPKG) : NULL;

	while (dir && !found && (entry = readdir(dir))) {
		const char *end = strstr(entry->d_name, ".md5sums");
		if (!end || end[8])
			continue;
		snprintf(list, sizeof(list), DPKG "/%s", entry->d_name);
		found = in_list(list, full, merged, md5);
		if (found)
			snprintf(ret, size, "%.*s", (int)(end - entry->d_name), entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* ---- one file ----------------------------------------------------------------------------------------------------- */

static struct qualified_file *add_file(struct qualify *q, const char *path, char md5[MD5_HEX])
{
	struct qualification *record = &q->record;
	struct qualified_file *more = realloc(record->file, (record->files + 1) * sizeof(*more));

	if (!more) {
		q->no_memory = true;
		return NULL;
	}
	record->file = more;
	more = &record->file[record->files];
	*more = (struct qualified_file){.path = ""};
	snprintf(more->path, sizeof(more->path), "%s", path);
	int rc = digest_read_file(path, more->sha256, md5);
	if (rc) {
		evidence(q, QUALIFIED_BROKEN, path, "can be read", "%s", strerror(-rc));
		return NULL;
	}
	record->files++;
	return more;
}

/* Of the list that was made by the installation: "SHA256  PATH", relative to the folder above share/penrig. */
static bool listed(const struct qualify *q, const char *path, char ret[DIGEST_HEX])
{
	char manifest[QUALIFY_PATH_MAX], line[PATH_MAX + DIGEST_HEX + 4], prefix[PATH_MAX], *end;
	bool found = false;

	snprintf(manifest, sizeof(manifest), "%s/" MANIFEST, q->share);
	snprintf(prefix, sizeof(prefix), "%s", q->share);
	for (unsigned i = 0; i < 2; i++) /* less /share/penrig */
		if ((end = strrchr(prefix, '/')))
			*end = '\0';
	size_t len = strlen(prefix);
	if (strncmp(path, prefix, len) != 0 || path[len] != '/')
		return false;
	FILE *in = fopen(manifest, "re");
	while (in && !found && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		found = strlen(line) > DIGEST_HEX + 1 && strcmp(line + DIGEST_HEX + 1, path + len + 1) == 0;
	}
	if (found)
		snprintf(ret, DIGEST_HEX, "%.*s", DIGEST_HEX - 1, line);
	if (in)
		fclose(in);
	return found;
}

static void check_file(struct qualify *q, const char *path)
{
	char md5[MD5_HEX], was[MD5_HEX], sha[DIGEST_HEX], wanted[160];
	struct qualified_file *f = add_file(q, path, md5);

	if (!f)
		return;
	if (package_of(path, f->owner, sizeof(f->owner), was)) {
		snprintf(wanted, sizeof(wanted), "MD5 %s, of the package %s", was, f->owner);
		evidence_if(q, strcmp(md5, was) == 0, path, wanted, "MD5 %s; SHA-256 %s", md5, f->sha256);
	} else if (listed(q, path, sha)) {
		snprintf(wanted, sizeof(wanted), "SHA-256 %s, of " MANIFEST, sha);
		evidence_if(q, strcmp(f->sha256, sha) == 0, path, wanted, "SHA-256 %s", f->sha256);
	} else {
		bool ours = strncmp(path, q->share, strlen(q->share)) == 0 && path[strlen(q->share)] == '/';
		evidence(q, ours || access(DPKG, R_OK) == 0 ? QUALIFIED_BROKEN : QUALIFIED_UNKNOWN, path,
			 "is the file that a package or the installation brought",
			 "neither a package nor " MANIFEST " knows it; SHA-256 %s", f->sha256);
	}
}

void qualify_programs(struct qualify *q, const void *argument)
{
	static const char *const beside[] = {"penrig-virtual", "../libexec/penrig/penrig-stopper",
					     "../lib/penrig/libpenrig-shim.so"};
	const char *slash = strrchr(q->program, '/');
	char path[QUALIFY_PATH_MAX], whole[PATH_MAX];

	(void)argument;
	check_file(q, q->program);
	for (unsigned i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - q->program), q->program, beside[i]);
		if (realpath(path, whole))
			check_file(q, whole);
		else
			evidence(q, QUALIFIED_BROKEN, path, "is there", "%s", strerror(errno));
	}
}

/* ---- libraries ---------------------------------------------------------------------------------------------------- */

static int on_library(struct dl_phdr_info *info, size_t size, void *ctx)
{
	char whole[PATH_MAX];

	(void)size;
	if (info->dlpi_name[0] == '/' && realpath(info->dlpi_name, whole))
		check_file(ctx, whole);
	return 0;
}

void qualify_libraries(struct qualify *q, const void *argument)
{
	(void)argument;
	const char *const on_demand[] = {hdf5_file(), pq_file()}; /* with all that they bring */
	for (unsigned i = 0; i < sizeof(on_demand) / sizeof(on_demand[0]); i++)
		if (on_demand[i]) /* one that is not installed cannot be loaded by any command */
			(void)!dlopen(on_demand[i], RTLD_LAZY | RTLD_LOCAL);
	dl_iterate_phdr(on_library, q);
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

/* What is there and on no list was put there by somebody else, or its line was taken out. */
static void walk(struct qualify *q, const char *folder)
{
	char path[QUALIFY_PATH_MAX], sha[DIGEST_HEX];
	struct dirent *entry;
	struct stat file;
	DIR *dir = opendir(folder);

	if (!dir)
		evidence(q, QUALIFIED_UNKNOWN, folder, "can be read", "%s", strerror(errno));
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= sizeof(path))
			evidence(q, QUALIFIED_BROKEN, folder, "holds what was installed", "a longer name: %.60s",
				 entry->d_name);
		else if (lstat(path, &file) != 0)
			evidence(q, QUALIFIED_BROKEN, path, "can be read", "%s", strerror(errno));
		else if (S_ISDIR(file.st_mode))
			walk(q, path);
		else if (!S_ISREG(file.st_mode))
			evidence(q, QUALIFIED_BROKEN, path, "is a regular file", "it is none");
		else if (!listed(q, path, sha) && strcmp(path + strlen(q->share) + 1, MANIFEST) != 0)
			check_file(q, path);
	}
	if (dir)
		closedir(dir);
}

/* The list itself: its package knows it, or an earlier record, which `files` is held against. */
static void check_list(struct qualify *q, const char *path)
{
	char md5[MD5_HEX], was[MD5_HEX], wanted[160];
	struct qualified_file *f = add_file(q, path, md5);

	if (!f)
		return;
	if (package_of(path, f->owner, sizeof(f->owner), was)) {
		snprintf(wanted, sizeof(wanted), "MD5 %s, of the package %s", was, f->owner);
		evidence_if(q, strcmp(md5, was) == 0, path, wanted, "MD5 %s; SHA-256 %s", md5, f->sha256);
	} else {
		evidence(q, QUALIFIED_HOLDS, path, "is there; an earlier record (--against) shows that it is the same",
			 "SHA-256 %s", f->sha256);
	}
}

/* Every file of the list that is no program, and every file that stands there. */
void qualify_data(struct qualify *q, const void *argument)
{
	char path[QUALIFY_PATH_MAX], line[PATH_MAX + DIGEST_HEX + 4];
	unsigned count = 0;

	(void)argument;
	snprintf(path, sizeof(path), "%s/" MANIFEST, q->share);
	FILE *in = fopen(path, "re");
	if (!in) {
		evidence(q, QUALIFIED_UNKNOWN, path, "lists what was installed", "%s", strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) < DIGEST_HEX + 2 || strncmp(line + DIGEST_HEX + 1, "share/penrig/", 13) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%.120s", q->share, line + DIGEST_HEX + 1 + 13);
		check_file(q, path);
		count++;
	}
	fclose(in);
	if (!count)
		evidence(q, QUALIFIED_UNKNOWN, MANIFEST, "lists what was installed", "it lists nothing");
	snprintf(path, sizeof(path), "%s/" MANIFEST, q->share);
	check_list(q, path);
	walk(q, q->share);
}

/* ---- an earlier record -------------------------------------------------------------------------------------------- */

static const struct json *earlier_file(const struct json *files, const char *path)
{
	for (size_t i = 0; files && i < json_size(files); i++) {
		const struct json *name = json_get(json_at(files, i), "path");
		if (name && json_kind(name) == JSON_STRING && strcmp(json_string(name), path) == 0)
			return json_at(files, i);
	}
	return NULL;
}

static void compare_files(struct qualify *q, const struct json *files)
{
	if (!q->record.files) {
		evidence(q, QUALIFIED_UNKNOWN, "files of this installation", "were looked at",
			 "IQ-01 to IQ-03 were left out");
		return;
	}
	for (unsigned i = 0; i < q->record.files; i++) {
		const struct qualified_file *f = &q->record.file[i];
		const struct json *entry = earlier_file(files, f->path),
				  *sum = entry ? json_get(entry, "sha256") : NULL;
		const char *was = sum && json_kind(sum) == JSON_STRING ? json_string(sum) : "not there";
		evidence_if(q, strcmp(was, f->sha256) == 0, f->path, was, "%s", f->sha256);
	}
	if (json_size(files) != q->record.files)
		evidence(q, QUALIFIED_BROKEN, "number of files", "as in the earlier record", "%u, and %zu then",
			 q->record.files, json_size(files));
}

static void check_signed(struct qualify *q)
{
	struct keyring *ring = calloc(1, sizeof(*ring));
	struct file_signature said;
	struct err err = {""};

	if (!ring) {
		q->no_memory = true;
		return;
	}
	int rc = keys_trusted(q->public_key, q->keys, ring, &err);
	if (!rc)
		rc = verify_signature(q->against, ring, &said, &err);
	if (rc == -ENOENT)
		evidence(q, QUALIFIED_UNKNOWN, q->against, "is signed",
			 "nobody signed it: nothing shows that it is as it was written");
	else if (rc)
		evidence(q, QUALIFIED_UNKNOWN, q->against, "is signed", "%s", err.text);
	else
		evidence(q,
			 said.trust == TRUST_SOUND     ? QUALIFIED_HOLDS
			 : said.trust == TRUST_UNKNOWN ? QUALIFIED_UNKNOWN
						       : QUALIFIED_BROKEN,
			 q->against, "is signed by a trusted key", "%s", said.text);
	free(ring);
}

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *node = json_get(object, key);

	return node && json_kind(node) == JSON_STRING ? json_string(node) : "";
}

void qualify_against(struct qualify *q, const void *argument)
{
	struct json_doc *doc = NULL;
	struct err err = {""};

	(void)argument;
	if (!q->against) {
		evidence(q, QUALIFIED_HOLDS, "an earlier record", "none is needed for the first qualification",
			 "none was given (--against): this record is the one to hold later ones against");
		return;
	}
	check_signed(q);
	if (json_read(q->against, &doc, &err) < 0) {
		evidence(q, QUALIFIED_BROKEN, q->against, "can be read", "%s", err.text);
		return;
	}
	const struct json *files = json_get(json_root(doc), "files");
	const char *part = text_of(json_root(doc), "part"), *verdict = text_of(json_root(doc), "verdict");
	evidence_if(q, strcmp(verdict, "qualified") == 0, q->against, "the installation was qualified then", "%s",
		    verdict);
	if (!files || json_kind(files) != JSON_ARRAY || strcmp(part, "iq") != 0)
		evidence(q, QUALIFIED_BROKEN, q->against, "is the record of an installation qualification",
			 "it is not");
	else
		compare_files(q, files);
	json_doc_free(doc);
}

/* ---- arithmetic --------------------------------------------------------------------------------------------------- */

/* IEEE 754 doubles, rounded to the nearest, neither contracted nor kept in wider registers. */
void qualify_arithmetic(struct qualify *q, const void *argument)
{
	volatile double tenth = 0.1, third = 1.0, three = 3.0, huge = 1.0 + DBL_EPSILON, tiny = DBL_MIN;

	(void)argument;
	third /= three;
	evidence_if(q, fegetround() == FE_TONEAREST, "rounding", "to the nearest", "%s",
		    fegetround() == FE_TONEAREST ? "to the nearest" : "otherwise");
	evidence_if(q, tenth + 0.2 == 0x1.3333333333334p-2, "0.1 + 0.2", "0x1.3333333333334p-2", "%a", tenth + 0.2);
	evidence_if(q, third == 0x1.5555555555555p-2, "1 / 3", "0x1.5555555555555p-2", "%a", third);
	double square = huge * huge - (1.0 + 2.0 * DBL_EPSILON);
	evidence_if(q, square == 0.0, "(1 + e)^2 - (1 + 2 e), rounded after each operation", "0x0p+0", "%a", square);
	evidence_if(q, tiny / 2.0 > 0.0, "half of the least normal number", "0x1p-1023", "%a", tiny / 2.0);
	evidence_if(q, sqrt(2.0 * tenth * 10.0) == 0x1.6a09e667f3bcdp+0, "square root of 2", "0x1.6a09e667f3bcdp+0",
		    "%a", sqrt(2.0 * tenth * 10.0));
}
