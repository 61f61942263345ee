/* What a run was given, into its record: the texts of plan, bench and phantoms with their digests, and their names. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/record/record.h"

void record_keep_file(struct record *record, const char *kind, const char *path, const char *text, size_t len)
{
	assert(record->files < RECORD_FILES_MAX);
	struct record_file *file = &record->file[record->files++];
	snprintf(file->kind, sizeof(file->kind), "%s", kind);
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->text = text;
	file->len = len;
	digest_text(file->text, file->len, file->sha256);
}

const struct record_file *record_file_of(const struct record *record, const char *kind)
{
	for (unsigned i = 0; i < record->files; i++)
		if (strcmp(record->file[i].kind, kind) == 0)
			return &record->file[i];
	return NULL;
}

void record_control(struct record_control *ret, const struct approval *approval)
{
	*ret = (struct record_control){.revision = ""};
	snprintf(ret->revision, sizeof(ret->revision), "%s", approval->revision);
	snprintf(ret->effective, sizeof(ret->effective), "%s", approval->effective);
	if (!approval->counts)
		return;
	snprintf(ret->approver, sizeof(ret->approver), "%s", approval->approver);
	snprintf(ret->approver_key, sizeof(ret->approver_key), "%s", approval->key_id);
	snprintf(ret->approved_utc, sizeof(ret->approved_utc), "%s", approval->utc);
}

/* With what the file says of its revision, and who approved it where that was looked at. */
static void record_file(struct record *record, const char *kind, const char *path, const struct json_doc *doc,
			const struct approval *approval)
{
	size_t len;
	const char *text = json_text(doc, &len);
	struct record_file *file = &record->file[record->files];
	record_keep_file(record, kind, path, text, len);
	record_control(&file->control, approval);
}

/* The signatures themselves, for whoever does not take this program's word. */
static void record_approval(struct record *record, const struct approval *approval)
{
	if (approval->counts)
		record_keep_file(record, "approval", approval->path, approval->text, strlen(approval->text));
}

/* Files of the bench's owner; a shipped one comes with the version of the program. */
static void record_profiles(struct record *record, const struct bench *bench)
{
	for (unsigned i = 0; i < bench->devices; i++) {
		const struct json_doc *doc = bench->device[i].profile_doc;
		size_t len;
		if (!doc)
			continue;
		const char *text = json_text(doc, &len);
		record_keep_file(record, "profile", json_file(doc), text, len);
	}
}

static int record_steps(struct record *record, const struct plan *plan)
{
	record->step_name = calloc(plan->steps, sizeof(*record->step_name));
	if (!record->step_name)
		return -ENOMEM;
	record->step_count = plan->steps;
	for (unsigned i = 0; i < plan->steps; i++)
		snprintf(record->step_name[i], sizeof(record->step_name[i]), "%s", plan->step[i].name);
	return 0;
}

int record_inputs(struct record *r, const struct plan *plan, const struct bench *bench)
{
	snprintf(r->plan_name, sizeof(r->plan_name), "%s", plan->name);
	snprintf(r->plan_description, sizeof(r->plan_description), "%s", plan->description);
	snprintf(r->bench_name, sizeof(r->bench_name), "%s", bench->name);
	snprintf(r->bench_site, sizeof(r->bench_site), "%s", bench->site);
	snprintf(r->dead_man, sizeof(r->dead_man), "%s", deadman_row((enum deadman_class)bench->pen.dead_man)->name);
	snprintf(r->depth_by, sizeof(r->depth_by), "%s", bench_depth_by(bench));
	snprintf(r->rate_by, sizeof(r->rate_by), "%s", bench_rate_by(bench));
	snprintf(r->thermal_basis, sizeof(r->thermal_basis), "%s", plan->thermal_basis);
	r->judge_nominal_rate = plan->judge_nominal_rate;
	r->judge_displacement = plan->judge_displacement;
	record_file(r, "plan", plan->path, plan->doc, &plan->approval);
	record_file(r, "bench", bench->path, bench->doc, &bench->approval);
	for (unsigned i = 0; i < bench->phantoms; i++) {
		record_file(r, "phantom", bench->phantom[i].path, bench->phantom[i].doc, &bench->phantom[i].approval);
		snprintf(r->phantom_serial[i], sizeof(r->phantom_serial[i]), "%s", bench->phantom[i].serial);
	}
	record_profiles(r, bench);
	record_approval(r, &plan->approval);
	record_approval(r, &bench->approval);
	for (unsigned i = 0; i < bench->phantoms; i++)
		record_approval(r, &bench->phantom[i].approval);
	return record_steps(r, plan);
}

const struct bench_device *record_bench_device(const struct record_device *device, const struct bench *bench)
{
	enum device_role role;

	for (unsigned i = 0; device->name[0] && i < bench->devices; i++)
		if (strcmp(bench->device[i].name, device->name) == 0)
			return &bench->device[i];
	return !device->name[0] && role_find(device->role, &role) == 0 ? bench_device(bench, role) : NULL;
}
