/* Verdicts that were formed after the run: appended behind everything that its file holds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/disk.h"
#include "rig/record/record_json.h"
#include "rig/runfile/runfile.h"
#include "rig/runfile/store.h"

static int append(struct store *store, const struct record_judged *judged, const void *limits, size_t limits_len,
		  const char *report, struct err *err)
{
	char *json;
	int rc = judged_to_json(judged, &json, err);
	if (rc)
		return rc;
	struct item item = {
		.kind = "limits", .state = "json", .key = judged->number, .data = limits, .len = limits_len};
	rc = limits ? store_item(store, item, err) : 0;
	item = (struct item){
		.kind = "judged", .state = "final", .key = judged->number, .data = json, .len = strlen(json)};
	if (!rc)
		rc = store_item(store, item, err);
	item = (struct item){
		.kind = "report", .state = "json", .key = judged->number, .data = report, .len = strlen(report)};
	if (!rc)
		rc = store_item(store, item, err);
	if (!rc)
		rc = store_journal(store, store_time(store), "verdict", json, strlen(json), err);
	free(json);
	return rc ? rc : store_commit(store, err);
}

int runfile_append_judged(const char *path, const struct record_judged *judged, const void *limits, size_t limits_len,
			  const char *report, struct err *err)
{
	struct store *store = NULL;
	int rc = store_open(path, &store, err);
	if (!rc)
		rc = append(store, judged, limits, limits_len, report, err);
	store_free(store);
	if (!rc && (rc = disk_sync_file(path)) != 0)
		err_set(err, rc, "%.300s cannot be made durable: %s", path, strerror(-rc));
	return rc;
}
