/* Verdicts that were formed after the run: appended behind everything that its file holds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/disk.h"
#include "rig/record/record_json.h"
#include "rig/runfile/runfile.h"
#include "rig/runfile/store.h"

static int append(struct store *store, const struct record_judged *judged, const struct judged_texts *texts,
		  struct err *err)
{
	char *json;
	int rc = judged_to_json(judged, &json, err);
	if (rc)
		return rc;
	const struct item items[] = {
		{.kind = "limits", .state = "json", .data = texts->limits, .len = texts->limits_len},
		{.kind = "limits_approval",
		 .state = "minisig",
		 .data = texts->approval,
		 .len = texts->approval ? strlen(texts->approval) : 0},
		{.kind = "judged", .state = "final", .data = json, .len = strlen(json)},
		{.kind = "report", .state = "json", .data = texts->report, .len = strlen(texts->report)},
	};
	for (unsigned i = 0; !rc && i < sizeof(items) / sizeof(items[0]); i++) {
		struct item item = items[i];
		item.key = judged->number;
		rc = item.data ? store_item(store, item, err) : 0;
	}
	if (!rc)
		rc = store_journal(store, store_time(store), "verdict", json, strlen(json), err);
	free(json);
	return rc ? rc : store_commit(store, err);
}

int runfile_append_judged(const char *path, const struct record_judged *judged, const struct judged_texts *texts,
			  struct err *err)
{
	struct store *store = NULL;
	int rc = store_open(path, &store, err);
	if (!rc)
		rc = append(store, judged, texts, err);
	store_free(store);
	if (!rc && (rc = disk_sync_file(path)) != 0)
		err_set(err, rc, "%.300s cannot be made durable: %s", path, strerror(-rc));
	return rc;
}
