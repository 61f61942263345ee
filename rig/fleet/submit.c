#include "rig/fleet/submit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/digest.h"
#include "rig/fleet/shelf.h"
#include "rig/fleet/tables.h"
#include "rig/fleet/words.h"

#define LEASE "60 s" /* SUBMIT_LEASE_S */

#define PUT_1 "SELECT submit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
#define PUT_2 "SELECT submit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
#define PUT_3 "SELECT submit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
#define PUT_5 "SELECT submit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"

static const struct {
	const char *sql;
	unsigned values;
} puts_of[] = {[1] = {PUT_1, 12}, [2] = {PUT_2, 14}, [3] = {PUT_3, 15}, [5] = {PUT_5, 16}};

int submit_needs(const struct submission *s)
{
	return *s->image ? 5 : s->at_most_s > 0 ? 3 : *s->exclusive || s->reservation ? 2 : FLEET_OLDEST;
}

int submit_put(struct server *server, const struct submission *s, int64_t *ret_job, struct err *err)
{
	char priority[12], attempts[12], deadline[32], reservation[24], at_most[32];
	int put = submit_needs(s);
	char *need = words_array(s->need, s->needs), *reports = words_array(s->report, s->reports);
	struct answer *answer = NULL;

	snprintf(priority, sizeof(priority), "%d", s->priority);
	snprintf(attempts, sizeof(attempts), "%d", s->attempts);
	snprintf(deadline, sizeof(deadline), "%.3f s", s->deadline_s);
	const char *const values[] = {s->token,
				      s->site,
				      need,
				      s->plan_name,
				      s->plan,
				      s->dut,
				      s->lot,
				      reports,
				      priority,
				      s->deadline_s > 0 ? deadline : NULL,
				      attempts,
				      s->waits ? LEASE : NULL,
				      s->exclusive,
				      s->reservation ? reservation : NULL,
				      s->at_most_s > 0 ? at_most : NULL,
				      s->image};
	snprintf(reservation, sizeof(reservation), "%lld", (long long)s->reservation);
	snprintf(at_most, sizeof(at_most), "%.3f s", s->at_most_s);
	int rc = need && reports ? server_ask(server, puts_of[put].sql, values, puts_of[put].values, &answer, err)
				 : err_set(err, -ENOMEM, "out of memory");
	if (!rc)
		*ret_job = answer_int(answer, 0, 0);
	answer_free(answer);
	free(need);
	free(reports);
	return rc;
}

static const char *number(char ret[24], int64_t value)
{
	snprintf(ret, 24, "%lld", (long long)value);
	return ret;
}

int submit_follow(struct server *server, int64_t job, struct job_state *ret, struct err *err)
{
	char text[24];
	const char *const values[] = {number(text, job), LEASE};
	struct answer *a = NULL;
	int rc = server_ask(server, "SELECT state, exit_code, reason, run_id, bench FROM follow($1, $2)", values, 2, &a,
			    err);

	if (rc)
		return rc;
	*ret = (struct job_state){.exit_code = answer_is_null(a, 0, 1) ? -1 : (int)answer_int(a, 0, 1)};
	snprintf(ret->state, sizeof(ret->state), "%s", answer_text(a, 0, 0));
	snprintf(ret->reason, sizeof(ret->reason), "%s", answer_text(a, 0, 2));
	snprintf(ret->run_id, sizeof(ret->run_id), "%s", answer_text(a, 0, 3));
	snprintf(ret->bench, sizeof(ret->bench), "%s", answer_text(a, 0, 4));
	ret->closed = strcmp(ret->state, "ready") != 0 && strcmp(ret->state, "leased") != 0;
	answer_free(a);
	return 0;
}

int submit_cancel(struct server *server, int64_t job, const char *why, char ret_state[16], struct err *err)
{
	char text[24];
	const char *const values[] = {number(text, job), why};
	struct answer *answer = NULL;
	int rc = server_ask(server, "SELECT cancel($1, $2)", values, 2, &answer, err);

	if (!rc)
		snprintf(ret_state, 16, "%s", answer_text(answer, 0, 0));
	answer_free(answer);
	return rc;
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* bytea as text: \x and two digits for each byte; decoded in place. */
static size_t unhex(const char *text, uint8_t *ret)
{
	size_t len = strlen(text) / 2 - 1;

	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)(digit(text[2 * i + 2]) << 4 | digit(text[2 * i + 3]));
	return len;
}

static int write_piece(int fd, const char *hex, struct digest *digest)
{
	size_t len = strlen(hex) / 2 - 1;
	uint8_t *bytes = malloc(len ? len : 1);

	if (!bytes)
		return -ENOMEM;
	unhex(hex, bytes);
	digest_raw(digest, bytes, len);
	ssize_t n = write(fd, bytes, len);
	int rc = n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
	free(bytes);
	return rc;
}

/* Until there is no further piece. sql: by number or id of what the file is of, its name, and the piece's number. */
static int take_pieces(struct server *server, const char *sql, const char *of, const char *name, int fd,
		       char ret_sha256[DIGEST_HEX], struct err *err)
{
	uint8_t sum[DIGEST_BYTES];
	struct digest digest;
	bool end = false;
	int rc = 0;

	digest_begin(&digest);
	for (int n = 0; !rc && !end; n++) {
		char text[24];
		const char *const values[] = {of, name, number(text, n)};
		struct answer *answer = NULL;
		rc = server_ask(server, sql, values, 3, &answer, err);
		end = !rc && answer_is_null(answer, 0, 0);
		if (!rc && !end && (rc = write_piece(fd, answer_text(answer, 0, 0), &digest)) < 0)
			err_set(err, rc, "%.200s: %s%s", name, strerror(-rc), disk_remedy(rc));
		answer_free(answer);
	}
	digest_end(&digest, sum);
	digest_hex(sum, ret_sha256);
	return rc;
}

static bool is_same_file(const char *path, const char *sha256)
{
	uint8_t bytes[4096], sum[DIGEST_BYTES];
	char text[DIGEST_HEX];
	struct digest digest;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	digest_begin(&digest);
	while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
		digest_raw(&digest, bytes, (size_t)n);
	if (fd >= 0)
		close(fd);
	digest_end(&digest, sum);
	digest_hex(sum, text);
	return strcmp(text, sha256) == 0;
}

/* Whoever waits for a file keeps nobody else waiting. */
static int nothing_else(void *ctx, struct err *err)
{
	(void)ctx, (void)err;
	return 0;
}

struct fetching {
	struct server *server;
	const struct depot_config *config;
	const char *sql; /* take_pieces() */
	const char *of;
};

struct filed {                             /* a file as the server lists it */
	const char *name, *sha256, *store; /* store "": in the database */
	uint64_t size;
};

static int take_from_store(const struct fetching *f, const struct filed *file, int fd, struct err *err)
{
	const struct depot_tick tick = {nothing_else, NULL};
	struct depot *store = NULL;
	int rc = depot_open(file->store, f->config, &tick, &store, err);

	if (!rc)
		rc = shelf_get(store, file->sha256, file->size, fd, err);
	depot_free(store);
	if (rc)
		err_prefix(err, "%.100s", file->name);
	return rc;
}

static int take_content(const struct fetching *f, const struct filed *file, int fd, struct err *err)
{
	char got[DIGEST_HEX];

	if (*file->store)
		return take_from_store(f, file, fd, err);
	int rc = take_pieces(f->server, f->sql, f->of, file->name, fd, got, err);
	if (!rc && strcmp(got, file->sha256) != 0)
		rc = err_set(err, -EBADMSG, "%.200s arrived otherwise than it was recorded", file->name);
	return rc;
}

/* Under another name until it is whole and on the disk. */
static int take_file(const struct fetching *f, const struct filed *file, const char *path, struct err *err)
{
	char part[2 * FILE_PATH_MAX + 8];

	if (access(path, F_OK) == 0)
		return is_same_file(path, file->sha256)
			       ? 0
			       : err_set(err, -EEXIST, "%.300s is there already, and is another file", path);
	snprintf(part, sizeof(part), "%s.part", path);
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_set(err, -errno, "%.300s: %s", part, strerror(errno));
	int rc = take_content(f, file, fd, err);
	if (!rc && fsync(fd) != 0)
		rc = err_set(err, -errno, "%.300s: %s", part, strerror(errno));
	close(fd);
	if (!rc && rename(part, path) != 0)
		rc = err_set(err, -errno, "%.300s: %s", path, strerror(errno));
	if (rc)
		unlink(part);
	return rc;
}

/* sql lists name, SHA-256, size and store; tables before version 4 know of no store, and are asked by the other one. */
static int list_files(struct server *server, const char *sql, const char *before, const char *of, struct answer **ret,
		      struct err *err)
{
	const char *const values[] = {of};
	int rc = server_ask(server, sql, values, 1, ret, err);

	if (rc == -EREMOTE && strcmp(server_code(server), "42883") == 0)
		rc = server_ask(server, before, values, 1, ret, err);
	return rc;
}

static struct filed file_in(const struct answer *list, unsigned i)
{
	return (struct filed){answer_text(list, i, 0), answer_text(list, i, 1), answer_text(list, i, 3),
			      (uint64_t)answer_int(list, i, 2)};
}

int submit_fetch(struct server *server, int64_t job, const char *folder, const struct depot_config *store,
		 void (*got)(void *ctx, const char *path), void *ctx, struct err *err)
{
	char text[24], path[2 * FILE_PATH_MAX];
	const struct fetching fetching = {server, store, "SELECT job_piece($1, $2, $3)", number(text, job)};
	struct answer *list = NULL;
	int rc = disk_make_folder(folder, err);

	if (!rc)
		rc = list_files(server, "SELECT name, sha256, size, store FROM job_places($1)",
				"SELECT name, sha256, size, '' FROM job_files($1)", text, &list, err);
	for (unsigned i = 0; !rc && i < answer_rows(list); i++) {
		const struct filed file = file_in(list, i);
		if (strchr(file.name, '/')) /* the name of a file, and nothing that leads elsewhere */
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, file.name);
		rc = take_file(&fetching, &file, path, err);
		if (!rc)
			got(ctx, path);
	}
	answer_free(list);
	if (!rc)
		rc = disk_sync_folder(folder);
	return rc;
}

int submit_fetch_run(struct server *server, const char *run_id, const char *folder, const struct depot_config *store,
		     char *ret_path, size_t size, struct err *err)
{
	const struct fetching fetching = {server, store, "SELECT run_piece($1, $2, $3)", run_id};
	struct answer *list = NULL;
	int rc = list_files(server, "SELECT name, sha256, size, store FROM run_places($1)",
			    "SELECT name, sha256, 0, '' FROM run_file_of($1)", run_id, &list, err);

	if (!rc && (!answer_rows(list) || strchr(answer_text(list, 0, 0), '/')))
		rc = err_set(err, -ENOENT, "run %.40s: the server has it without its run file", run_id);
	if (!rc) {
		const struct filed file = file_in(list, 0);
		snprintf(ret_path, size, "%s/%.8s-%s", folder, run_id, file.name);
		rc = take_file(&fetching, &file, ret_path, err);
	}
	answer_free(list);
	return rc;
}
