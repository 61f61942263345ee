/* See note.h. */
#include "rig/stopper/note.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"

#define NAME_MAX_BYTES (sizeof(((struct stop_note *)0)->run) + sizeof(STOP_NOTE_EXTENSION) + 8)
#define AT(member)     offsetof(struct stop_note, member)
#define TEXT(name)                                                                                                     \
	{                                                                                                              \
		.key = #name, .kind = FIELD_STRING, .offset = AT(name), .size = sizeof(((struct stop_note *)0)->name), \
		.required = true                                                                                       \
	}

static int read_ms(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	if (json_kind(node) != JSON_NUMBER && json_kind(node) != JSON_NULL)
		return json_error(doc, node, err, "must be a number of milliseconds, or null");
	*(double *)dst = json_kind(node) == JSON_NUMBER ? json_number(node) : NAN;
	return 0;
}

static int read_kind(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)dst;
	if (json_kind(node) == JSON_STRING && strcmp(json_string(node), STOP_NOTE_KIND) == 0)
		return 0;
	return json_error(doc, node, err, "\"kind\" must be \"" STOP_NOTE_KIND "\"");
}

static const struct json_field fields[] = {
	{.key = "kind", .kind = FIELD_CUSTOM, .required = true, .read = read_kind},
	TEXT(run),
	TEXT(pen),
	TEXT(utc),
	TEXT(cause),
	{.key = "killed", .kind = FIELD_BOOL, .offset = AT(killed), .required = true},
	{.key = "stopped", .kind = FIELD_BOOL, .offset = AT(stopped), .required = true},
	{.key = "ordered_ms", .kind = FIELD_CUSTOM, .offset = AT(ordered_ms), .required = true, .read = read_ms},
	{.key = "confirmed_ms", .kind = FIELD_CUSTOM, .offset = AT(confirmed_ms), .required = true, .read = read_ms},
	TEXT(text),
	{.key = NULL},
};

static void put_ms(struct json_out *out, const char *key, double ms)
{
	if (isnan(ms))
		json_out_null(out, key);
	else
		json_out_number(out, key, ms, 6);
}

int stop_note_print(const struct stop_note *note, char ret[RECIPE_TEXT_MAX], struct err *err)
{
	struct json_out *out = json_out_object();
	char *text;

	json_out_string(out, "kind", STOP_NOTE_KIND);
	json_out_string(out, "run", note->run);
	json_out_string(out, "pen", note->pen);
	json_out_string(out, "utc", note->utc);
	json_out_string(out, "cause", note->cause);
	json_out_bool(out, "killed", note->killed);
	json_out_bool(out, "stopped", note->stopped);
	put_ms(out, "ordered_ms", note->ordered_ms);
	put_ms(out, "confirmed_ms", note->confirmed_ms);
	json_out_string(out, "text", note->text);
	int status = json_out_print(out, false, &text, err);
	json_out_free(out);
	if (status)
		return status;
	if (strlen(text) < RECIPE_TEXT_MAX)
		memcpy(ret, text, strlen(text) + 1);
	else
		status = err_set(err, -EMSGSIZE, "the stopper's note is too long");
	free(text);
	return status;
}

static int read_note(const struct json_doc *doc, struct stop_note *ret, struct err *err)
{
	struct stop_note note = {.killed = false};
	int status = json_read_object(doc, json_root(doc), fields, &note, err);

	if (!status)
		*ret = note;
	return status;
}

int stop_note_parse(const char *text, struct stop_note *ret, struct err *err)
{
	struct json_doc *doc;
	int status = json_parse("the stopper's note", text, strlen(text), &doc, err);

	if (status)
		return status;
	status = read_note(doc, ret, err);
	json_doc_free(doc);
	return status;
}

/* The first is NAME.stopper.json, the second NAME.stopper-2.json. */
static void note_name(const char *run, unsigned number, char ret[NAME_MAX_BYTES])
{
	if (number == 1)
		snprintf(ret, NAME_MAX_BYTES, "%s" STOP_NOTE_EXTENSION, run);
	else
		snprintf(ret, NAME_MAX_BYTES, "%s.stopper-%u.json", run, number % 100);
}

/* The number of the first that is not there. */
static unsigned first_free(int folder_fd, const char *run)
{
	char name[NAME_MAX_BYTES];
	unsigned number = 1;

	for (; number <= STOP_NOTES_MAX; number++) {
		note_name(run, number, name);
		if (faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			break;
	}
	return number;
}

int stop_note_read(const struct stop_recipe *recipe, struct stop_note *ret, struct err *err)
{
	char path[sizeof(recipe->folder) + NAME_MAX_BYTES], name[NAME_MAX_BYTES];
	struct json_doc *doc;
	int folder = open(recipe->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return err_set(err, -errno, "%.300s: %s", recipe->folder, strerror(errno));
	unsigned next = first_free(folder, recipe->run);
	close(folder);
	note_name(recipe->run, next > 1 ? next - 1 : 1, name);
	snprintf(path, sizeof(path), "%s/%s", recipe->folder, name);
	int status = json_read(path, &doc, err);
	if (status)
		return status;
	status = read_note(doc, ret, err);
	json_doc_free(doc);
	return status;
}

static int write_whole(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* Some file systems cannot ask and rename in one step; who writes holds the bench's lock, so nobody comes between. */
static int rename_onto_none(int folder_fd, const char *from, const char *to)
{
	int rc = renameat2(folder_fd, from, folder_fd, to, RENAME_NOREPLACE);

	return rc != 0 && errno == EINVAL ? renameat(folder_fd, from, folder_fd, to) : rc;
}

int stop_note_write(int folder_fd, const struct stop_note *note)
{
	char name[NAME_MAX_BYTES], beside[NAME_MAX_BYTES + sizeof(".part")], text[RECIPE_TEXT_MAX + 1];
	int status = stop_note_print(note, text, NULL);
	unsigned number = first_free(folder_fd, note->run);

	if (!status && number > STOP_NOTES_MAX)
		status = -EEXIST;
	if (status)
		return status;
	strcat(text, "\n");
	note_name(note->run, number, name);
	snprintf(beside, sizeof(beside), "%s.part", name);
	int fd = openat(folder_fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0)
		return -errno;
	status = write_whole(fd, text);
	if (close(fd) != 0 && !status)
		status = -errno;
	if (!status && rename_onto_none(folder_fd, beside, name) != 0)
		status = -errno;
	if (!status && fsync(folder_fd) != 0)
		status = -errno;
	if (status)
		unlinkat(folder_fd, beside, 0);
	return status;
}
