#include "rig/fleet/parcel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/base/digest.h"
#include "rig/base/text_clean.h"
#include "rig/fleet/shelf.h"

#define PIECE 262144 /* bytes; the server takes no longer one */
/* docs/exit-codes.md */
#define EXIT_PASSED      0
#define EXIT_FAILED      1
#define EXIT_NOT_SO      2 /* a plan or an option that is wrong: wrong on every bench */
#define EXIT_CANNOT_TELL 3
#define EXIT_IN_USE      5
#define EXIT_NO_STORAGE  6
#define EXIT_REFUSES     8 /* refused before anything moved */
#define AGAIN_AFTER      "15 s"

struct parcel {
	struct server *server;
	const struct outbox_item *item;
	const struct parcel_between *between;
	struct err *err;
	struct depot_tick tick;
	struct depot *store;     /* NULL: files go into the database */
	char url[DEPOT_URL_MAX]; /* of the store */
	int64_t next_ms;         /* depot_pace() */
};

/* ---- files --------------------------------------------------------------------------------------------------------- */

static int digest_file(int fd, uint8_t ret[DIGEST_BYTES], off_t *ret_size)
{
	static uint8_t bytes[PIECE];
	struct digest digest;
	ssize_t n;

	digest_begin(&digest);
	*ret_size = 0;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		digest_raw(&digest, bytes, (size_t)n);
		*ret_size += n;
	}
	digest_end(&digest, ret);
	return n < 0 ? -errno : 0;
}

/* bytea as text. */
static void hex_of(const uint8_t *bytes, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	*ret++ = '\\';
	*ret++ = 'x';
	for (size_t i = 0; i < len; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}

static int send_piece(struct parcel *p, const char *sha256, int fd, int n, bool *ret_end)
{
	static uint8_t bytes[PIECE];
	static char hex[2 * PIECE + 3];
	char number[12];
	const char *const values[] = {p->item->bench, sha256, number, hex};
	ssize_t len = pread(fd, bytes, sizeof(bytes), (off_t)n * PIECE);

	*ret_end = len <= 0;
	if (len <= 0)
		return len < 0 ? err_set(p->err, -EIO, "a run's file cannot be read: %s", strerror(errno)) : 0;
	hex_of(bytes, (size_t)len, hex);
	snprintf(number, sizeof(number), "%d", n);
	int rc = server_ask(p->server, "SELECT file_put($1, $2, $3, $4)", values, 4, NULL, p->err);
	if (!rc)
		rc = p->between->fn(p->between->ctx, p->err);
	return rc ? rc : depot_pace(p->between->store->rate, &p->tick, (size_t)len, &p->next_ms, p->err);
}

static int ask_number(const struct parcel *p, const char *sql, const char *const *values, unsigned count, int64_t *ret)
{
	struct answer *answer = NULL;
	int rc = server_ask(p->server, sql, values, count, &answer, p->err);

	if (!rc)
		*ret = answer_int(answer, 0, 0);
	answer_free(answer);
	return rc;
}

static int send_pieces(struct parcel *p, int fd, const char *sha256, off_t size)
{
	char text[24];
	const char *const values[] = {p->item->bench, sha256, text};
	int64_t next = 0, done = 0;
	bool end = false;

	snprintf(text, sizeof(text), "%lld", (long long)size);
	int rc = ask_number(p, "SELECT file_begin($1, $2, $3)", values, 3, &next);
	if (rc || next < 0)
		return rc;
	while (!rc && !end)
		rc = send_piece(p, sha256, fd, (int)next++, &end);
	if (!rc)
		rc = ask_number(p, "SELECT file_done($1, $2)::int", values, 2, &done);
	return !rc && !done ? err_set(p->err, -EAGAIN, "a file arrived otherwise than it was sent") : rc;
}

/* sha256: as bytea. */
static int send_to_store(const struct parcel *p, int fd, const char *sha256, off_t size)
{
	char text[24];
	const char *const values[] = {p->item->bench, sha256, text, p->url};
	int rc = shelf_put(p->store, fd, sha256 + 2, (uint64_t)size, p->err);

	snprintf(text, sizeof(text), "%lld", (long long)size);
	return rc ? rc : server_ask(p->server, "SELECT file_stored($1, $2, $3, $4)", values, 4, NULL, p->err);
}

/* Tables before version 3 know of no store. What is wrong with it a person mends, and nothing is set aside for it. */
static int open_store(struct parcel *p)
{
	const char *const values[] = {p->item->bench};
	struct answer *answer = NULL;
	int rc = server_ask(p->server, "SELECT store_of($1)", values, 1, &answer, p->err);

	if (rc == -EREMOTE && strcmp(server_code(p->server), "42883") == 0)
		return 0;
	if (rc)
		return rc;
	snprintf(p->url, sizeof(p->url), "%s", answer_text(answer, 0, 0));
	answer_free(answer);
	rc = *p->url ? depot_open(p->url, p->between->store, &p->tick, &p->store, p->err) : 0;
	return rc == -EINVAL ? -EAGAIN : rc;
}

/* -ENOENT: gone, or no file of a run: a folder, a device, a FIFO, a link. */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? -ENOENT : -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -ENOENT;
}

/* needed: else one that is gone is none. */
static int send_file(struct parcel *p, const char *path, const char *name, bool needed, struct json_out *list)
{
	uint8_t digest[DIGEST_BYTES];
	char hex[2 * DIGEST_BYTES + 3];
	off_t size = 0;
	int fd = open_regular(path);
	int rc = fd < 0 ? fd : digest_file(fd, digest, &size);

	if (rc == -ENOENT && !needed)
		return 0;
	if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM)
		return err_set(p->err, -EAGAIN, "%.300s: %s", path, strerror(-rc));
	if (rc) {
		p->between->left_out(p->between->ctx, path, strerror(-rc));
		size = rc = 0;
	}
	if (size) {
		hex_of(digest, sizeof(digest), hex);
		rc = p->store ? send_to_store(p, fd, hex, size) : send_pieces(p, fd, hex, size);
	}
	if (fd >= 0)
		close(fd);
	if (!rc && size) {
		struct json_out *entry = json_out_add_object(list, NULL);
		json_out_string(entry, "name", name);
		json_out_string(entry, "sha256", hex + 2);
	}
	return rc;
}

/* What stands beside the run file under the run's name. */
static int send_others(struct parcel *p, const char *run_file, struct json_out *list)
{
	char folder[FILE_PATH_MAX], path[2 * FILE_PATH_MAX], own[160];
	const char *slash = strrchr(run_file, '/');
	size_t stem = strlen(p->item->name);
	struct dirent *entry;
	int rc = 0;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - run_file) : 1, slash ? run_file : ".");
	DIR *dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? 0 : err_set(p->err, -EIO, "%.300s: %s", folder, strerror(errno));
	snprintf(own, sizeof(own), "%s.penrig", p->item->name);
	while (!rc && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		bool log = len > 4 && (strcmp(entry->d_name + len - 4, "-wal") == 0 ||
				       strcmp(entry->d_name + len - 4, "-shm") == 0);
		if (strncmp(entry->d_name, p->item->name, stem) != 0 || entry->d_name[stem] != '.' || log ||
		    strcmp(entry->d_name, own) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		rc = send_file(p, path, entry->d_name, false, list);
	}
	closedir(dir);
	return rc;
}

static int send_files(struct parcel *p, const char *run_file, struct json_out *list)
{
	char name[160];

	snprintf(name, sizeof(name), "%s.penrig", p->item->name); /* whatever it is called here */
	int rc = open_store(p);
	if (!rc)
		rc = send_file(p, run_file, name, true, list);
	if (!rc)
		rc = send_others(p, run_file, list);
	depot_free(p->store);
	p->store = NULL;
	return rc;
}

/* ---- the run ------------------------------------------------------------------------------------------------------- */

static int record(const struct parcel *p, struct json_out *run, enum parcel_end *ret, struct parcel_receipt *receipt)
{
	char job[24], fence[24], *text = NULL;
	struct answer *answer = NULL;
	int rc = json_out_print(run, false, &text, p->err);

	if (rc)
		return rc;
	snprintf(job, sizeof(job), "%lld", (long long)p->item->job);
	snprintf(fence, sizeof(fence), "%lld", (long long)p->item->fence);
	const char *const values[] = {p->item->bench, p->item->job ? job : NULL, p->item->job ? fence : NULL, text};
	rc = server_ask(p->server, "SELECT record($1, $2, $3, $4)", values, 4, &answer, p->err);
	if (!rc) {
		snprintf(receipt->label, sizeof(receipt->label), "%s", answer_text(answer, 0, 0));
		*ret = strcmp(receipt->label, "CONFLICT") == 0    ? PARCEL_CONFLICT
		       : strcmp(receipt->label, "OTHERWISE") == 0 ? PARCEL_OTHERWISE
								  : PARCEL_RECORDED;
	}
	answer_free(answer);
	free(text);
	return rc;
}

/* The last line that it wrote: what it complained of. */
static void last_words(const char *log, char *ret, size_t size)
{
	FILE *file = fopen(log, "re");
	char line[500];

	*ret = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "penrig: ", 8) == 0)
			text_clean(line + 8, ret, size);
	}
	if (file)
		fclose(file);
}

static bool is_one_of(int exit_code, const int *codes, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (exit_code == codes[i])
			return true;
	return false;
}

/* What ended so has a verdict, or has moved nothing; anything else is told by whether it left a run file. */
static bool is_lost(const struct parcel *p, const struct parcel_left *left)
{
	static const int verdicts[] = {EXIT_PASSED, EXIT_FAILED, EXIT_CANNOT_TELL};
	static const int unmoved[] = {EXIT_NOT_SO, EXIT_IN_USE, EXIT_REFUSES};
	int code = p->item->exit_code;

	return is_one_of(code, verdicts, 3) || (left->file && !is_one_of(code, unmoved, 3));
}

int parcel_give_up(struct server *server, const struct outbox_item *item, struct err *err)
{
	char job[24], fence[24], code[12], why[300];
	const char *const values[] = {item->bench, job, fence, code, why};

	snprintf(job, sizeof(job), "%lld", (long long)item->job);
	snprintf(fence, sizeof(fence), "%lld", (long long)item->fence);
	snprintf(code, sizeof(code), "%d", item->exit_code == EXIT_FAILED ? EXIT_FAILED : EXIT_NO_STORAGE);
	snprintf(why, sizeof(why), "%s: run %s ended with exit code %d and cannot be recorded: look at it there",
		 item->bench, item->name, item->exit_code);
	return item->job ? server_ask(server, "SELECT give_back($1, $2, $3, $4, $5, true, '0 s')", values, 5, NULL, err)
			 : 0;
}

static int give_up(const struct parcel *p, enum parcel_end *ret, struct parcel_receipt *receipt)
{
	*ret = PARCEL_LOST;
	snprintf(receipt->label, sizeof(receipt->label), "lost");
	return parcel_give_up(p->server, p->item, p->err);
}

/* An open door is no answer to a job: the bench has trouble, not the pen. */
static bool is_refused_by_inputs(const struct parcel *p, const struct parcel_left *left)
{
	return p->item->exit_code == EXIT_REFUSES && left->withheld;
}

static int give_back(const struct parcel *p, const struct parcel_left *left, enum parcel_end *ret,
		     struct parcel_receipt *receipt)
{
	char job[24], fence[24], code[12], why[400], words[400];
	bool final = p->item->exit_code == EXIT_NOT_SO ||
		     (p->item->exit_code == EXIT_REFUSES && !is_refused_by_inputs(p, left));

	snprintf(job, sizeof(job), "%lld", (long long)p->item->job);
	snprintf(fence, sizeof(fence), "%lld", (long long)p->item->fence);
	snprintf(code, sizeof(code), "%d", p->item->exit_code);
	last_words(left->log, words, sizeof(words));
	snprintf(why, sizeof(why), "%s: %.300s", p->item->bench,
		 *words                    ? words
		 : p->item->exit_code >= 0 ? "it ended before there was a run"
					   : "it died before there was a run");
	const char *const values[] = {p->item->bench,    job,        fence, p->item->exit_code >= 0 ? code : NULL, why,
				      final ? "t" : "f", AGAIN_AFTER};
	*ret = PARCEL_BACK;
	snprintf(receipt->label, sizeof(receipt->label), "given_back");
	return p->item->job
		       ? server_ask(p->server, "SELECT give_back($1, $2, $3, $4, $5, $6, $7)", values, 7, NULL, p->err)
		       : 0;
}

/* One that the server has is told again for what was decided of it since: its files need not go again. */
static int is_there(const struct parcel *p, int64_t *ret)
{
	const char *const values[] = {p->item->bench, p->item->run_id};

	return p->item->job || p->item->lacks ? 0 : ask_number(p, "SELECT recorded($1, $2)::int", values, 2, ret);
}

int parcel_send(struct server *server, struct history *history, const struct outbox_item *item,
		const struct parcel_left *left, const struct parcel_between *between, enum parcel_end *ret,
		struct parcel_receipt *receipt, struct err *err)
{
	struct parcel p = {
		.server = server, .item = item, .between = between, .err = err, .tick = {between->fn, between->ctx}};
	struct json_out *run = NULL;
	int64_t there = 0;
	int rc = outbox_run(history, item, &run, &receipt->told, err);

	if (rc < 0)
		return rc;
	if (rc == 1 && item->job && is_refused_by_inputs(&p, left)) {
		json_out_free(run);
		return give_back(&p, left, ret, receipt);
	}
	if (rc == 0)
		return is_lost(&p, left) ? give_up(&p, ret, receipt) : give_back(&p, left, ret, receipt);
	struct json_out *files = json_out_add_array(run, "files");
	rc = is_there(&p, &there);
	if (!rc && !there)
		rc = send_files(&p, receipt->told.path, files);
	if (!rc)
		rc = record(&p, run, ret, receipt);
	json_out_free(run);
	return rc;
}
