/* See files.h. */
#include "rig/cli/mcp/files.h"

#include <errno.h>
#include <sys/stat.h>

#include "rig/base/json.h"
#include "rig/config/plan.h"

static void add(struct mcp_files *files, const struct json_doc *doc)
{
	size_t len = 0;
	const char *text = json_text(doc, &len);

	digest_text(text, len, files->sha256[files->count++]);
}

int mcp_files_read(const char *plan_path, const char *bench_path, struct mcp_files *ret, struct err *err)
{
	struct bench *bench = NULL;
	struct plan *plan = NULL;
	struct err unsaid; /* it may quote what the client shall not see */
	struct stat st;
	bool regular = stat(plan_path, &st) == 0 && S_ISREG(st.st_mode); /* nothing here waits for who writes a FIFO */
	int rc = regular ? plan_read(plan_path, &plan, &unsaid) : -EINVAL;

	ret->count = 0;
	if (rc < 0)
		rc = err_set(err, rc, "the plan cannot be read as one; the tool check says why");
	else if ((rc = bench_read(bench_path, &bench, &unsaid)) < 0)
		rc = err_set(err, rc, "the bench's files cannot be read; penrig check says why, at the bench");
	if (rc == 0) {
		add(ret, plan->doc);
		add(ret, bench->doc);
		for (unsigned i = 0; i < bench->phantoms; i++)
			add(ret, bench->phantom[i].doc);
	}
	bench_free(bench);
	plan_free(plan);
	return rc;
}
