/* Leaves out what the earlier run's samples say: replay.c derives it again. */
#include "rig/offline/earlier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/reopen.h"
#include "rig/record/record_json.h"
#include "rig/record/sessions.h"

/* ---- finding it ------------------------------------------------------------------------------------------------ */

static int path_beside(const char *path, const char *name, char *ret, size_t size)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0;
	int len = snprintf(ret, size, "%.*s%s" RUNFILE_EXTENSION, folder, path, name);

	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

/* A name leads nowhere but into the same folder. */
static bool is_stem(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/');
}

static int check_is_it(struct runfile_reader *reader, const struct record *found, const struct record_session *named,
		       struct err *err)
{
	bool same = false;
	int rc = runfile_verify(reader, err);

	if (!rc)
		rc = runfile_has_head(reader, named->entries, named->head, &same, err);
	if (!rc && (!same || strcmp(found->name, named->name) != 0))
		rc = err_set(err, -EBADMSG,
			     "%.200s is not the run that was gone on with: its journal does not hold the head %.16s... "
			     "behind %llu entries",
			     runfile_reader_path(reader), named->head, (unsigned long long)named->entries);
	return rc;
}

int earlier_open(const struct runfile_reader *reader, const struct record *record, struct runfile_reader **ret,
		 struct record **ret_record, struct err *err)
{
	const struct record_session *named = &record->session[record->sessions - 1];
	struct runfile_reader *found = NULL;
	struct record *before = NULL;
	char path[2 * FILE_PATH_MAX];

	if (!is_stem(named->name) || path_beside(runfile_reader_path(reader), named->name, path, sizeof(path)) < 0)
		return err_set(err, -EBADMSG, "the run file goes on with a run of an impossible name");
	int rc = reopen(path, &found, &before, err);
	if (rc == -ENOENT)
		return err_set(err, rc,
			       "this run goes on with %.120s, whose file is not beside it: keep both in one folder",
			       named->name);
	if (!rc)
		rc = check_is_it(found, before, named, err);
	if (rc) {
		runfile_reader_free(found);
		record_free(before);
		return rc;
	}
	*ret = found;
	*ret_record = before;
	return 0;
}

/* ---- what was taken over --------------------------------------------------------------------------------------- */

/* What of a record was said before this run, as text. `like`: a record of it, as files of earlier versions leave out what
 * stood behind the pen of an earlier session and what was read from it, which is no difference. */
static int said_before(const struct record *record, const struct record *like, char **ret, struct err *err)
{
	struct record *part = record_new();

	if (!part)
		return err_set(err, -ENOMEM, "out of memory");
	part->sessions = record->sessions;
	memcpy(part->session, record->session, sizeof(part->session));
	for (unsigned i = 0; i < part->sessions; i++)
		if (!like->session[i].proof.wanted)
			part->session[i].proof = (struct record_proof){.wanted = false};
	for (unsigned i = 0; i < part->sessions; i++)
		if (!like->session[i].dut_said.wanted)
			part->session[i].dut_said = (struct record_identity){.wanted = false};
	for (unsigned i = 0; i < record->tests; i++)
		if (record->test[i].session)
			part->test[part->tests++] = record->test[i];
	for (unsigned i = 0; i < record->conditions; i++)
		if (record->condition[i].session)
			part->condition[part->conditions++] = record->condition[i];
	part->points_planned = record->points_planned;
	int rc = record_to_json(part, ret, err);
	record_free(part);
	return rc;
}

static int compare(const struct record *record, const struct record *taken, struct err *err)
{
	char *now = NULL, *then = NULL;
	unsigned points = 0;
	int rc = said_before(record, record, &now, err);

	if (!rc)
		rc = said_before(taken, record, &then, err);
	while (points < record->points && record->point[points].session)
		points++;
	if (!rc && (strcmp(now, then) != 0 || points != taken->points))
		rc = err_set(
			err, -EBADMSG,
			"what this run says of the run %.120s that it went on with is not what that run's file says",
			record->session[record->sessions - 1].name);
	free(now);
	free(then);
	return rc;
}

int earlier_taken(const struct record *record, const struct record *before, struct record **ret, struct err *err)
{
	const struct record_session *named = &record->session[record->sessions - 1];
	struct record *taken = record_new();

	if (!taken)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = sessions_take_over(taken, before, named->entries, named->head, err);
	if (!rc)
		rc = compare(record, taken, err);
	if (rc)
		record_free(taken);
	else
		*ret = taken;
	return rc;
}

static int point_text(const struct record_point *point, char **ret, struct err *err)
{
	struct record_point *copy = malloc(sizeof(*copy));

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	*copy = *point;
	copy->counts = true;
	int rc = point_to_json(copy, ret, err);
	free(copy);
	return rc;
}

int earlier_same_points(const struct record *record, const struct record *taken, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < taken->points && !rc; i++) {
		char *now = NULL, *then = NULL;
		rc = point_text(&record->point[i], &now, err);
		if (!rc)
			rc = point_text(&taken->point[i], &then, err);
		if (!rc && strcmp(now, then) != 0)
			rc = err_set(err, -EBADMSG,
				     "point %u, attempt %u, is not what the run %.120s holds that measured it",
				     record->point[i].plan.number + 1, record->point[i].attempt,
				     record->session[record->point[i].session - 1].name);
		free(now);
		free(then);
	}
	return rc;
}
