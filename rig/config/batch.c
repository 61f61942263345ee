/* Reads a batch file, and puts its jobs in order. */
#include "rig/config/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/bench_device.h"
#include "rig/config/filekind.h"
#include "rig/measure/draws.h"

#define IN(member)         offsetof(struct batch, member)
#define SIZE(type, member) sizeof(((struct type *)0)->member)

/* A list of `most` texts at most, `width` bytes each; as paths where they count from the file's folder. */
struct list_rule {
	const char *key, *what;
	unsigned most;
	size_t width;
	bool paths;
};

static int take_text(const struct batch *batch, const struct json *at, const struct list_rule *rule, char *ret,
		     struct err *err)
{
	const char *text = json_kind(at) == JSON_STRING ? json_string(at) : "";

	if (!*text || strlen(text) >= rule->width)
		return json_error(batch->doc, at, err, "\"%s\": each is %s, a text of 1 to %zu bytes", rule->key,
				  rule->what, rule->width - 1);
	if (rule->paths && bench_file_path(batch->path, text, ret))
		return json_error(batch->doc, at, err, "the path of this file has more than %d bytes",
				  FILE_PATH_MAX - 1);
	if (!rule->paths)
		snprintf(ret, rule->width, "%s", text);
	return 0;
}

static int read_list(const struct batch *batch, const struct json *node, const struct list_rule *rule, char *ret,
		     unsigned *ret_count, struct err *err)
{
	int rc = 0;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > rule->most)
		return json_error(batch->doc, node, err, "\"%s\" must be a list of 1 to %u, each %s", rule->key,
				  rule->most, rule->what);
	for (size_t i = 0; i < json_size(node) && !rc; i++)
		rc = take_text(batch, json_at(node, i), rule, ret + i * rule->width, err);
	*ret_count = (unsigned)json_size(node);
	return rc;
}

static int read_pens(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct list_rule rule = {"pens", "a serial number", BATCH_PENS_MAX, SIZE(batch, pen[0]), false};
	struct batch *batch = dst;

	(void)doc;
	return read_list(batch, node, &rule, batch->pen[0], &batch->pens, err);
}

static int read_plans(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct list_rule rule = {"plans", "a plan file", BATCH_PLANS_MAX, FILE_PATH_MAX, true};
	struct batch *batch = dst;

	(void)doc;
	return read_list(batch, node, &rule, batch->plan[0], &batch->plans, err);
}

static int read_hook(const struct batch *batch, const struct json *node, struct batch_hook *ret, struct err *err)
{
	const struct list_rule rule = {json_key_of(node), "a word of the command", BATCH_WORDS_MAX, FILE_PATH_MAX,
				       false};

	return read_list(batch, node, &rule, ret->word[0], &ret->words, err);
}

static int read_before(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)doc;
	return read_hook(dst, node, &((struct batch *)dst)->before, err);
}

static int read_back(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)doc;
	return read_hook(dst, node, &((struct batch *)dst)->read_back, err);
}

static int read_after(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)doc;
	return read_hook(dst, node, &((struct batch *)dst)->after, err);
}

static int read_path(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct batch *batch = dst;
	char *to = strcmp(json_key_of(node), "bench") == 0 ? batch->bench : batch->output;

	if (json_kind(node) != JSON_STRING || !json_string(node)[0] ||
	    bench_file_path(batch->path, json_string(node), to))
		return json_error(doc, node, err, "\"%s\" must be a path", json_key_of(node));
	return 0;
}

static int read_build(struct batch *batch, const struct json *node, struct err *err)
{
#define IN_BUILD(member)                                                                                               \
	.kind = FIELD_STRING, .offset = offsetof(struct batch_build, member), .size = SIZE(batch_build, member), .lo = 1
	static const struct json_field fields[] = {
		{.key = "name", IN_BUILD(name), .required = true},
		{.key = "file", IN_BUILD(file)},
		{.key = "commit", IN_BUILD(commit)},
		{.key = "version", IN_BUILD(version)},
		{.key = NULL},
	};
	struct batch_build build = {.name = ""};
	int rc = json_read_object(batch->doc, node, fields, &build, err);

	if (rc)
		return rc;
	for (unsigned i = 0; i < batch->builds; i++)
		if (strcmp(batch->build[i].name, build.name) == 0)
			return json_error(batch->doc, node, err, "two builds are named \"%s\"", build.name);
	batch->build[batch->builds] = build;
	if (build.file[0] && bench_file_path(batch->path, build.file, batch->build[batch->builds].file))
		return json_error(batch->doc, json_get(node, "file"), err,
				  "the path of this file has more than %d bytes", FILE_PATH_MAX - 1);
	batch->builds++;
	return 0;
}

static int read_builds(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct batch *batch = dst;
	int rc = 0;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > BATCH_BUILDS_MAX)
		return json_error(
			doc, node, err,
			"\"builds\" must be a list of 1 to %d objects {\"name\": ..., \"file\": ..., \"commit\": "
			"..., \"version\": ...}",
			BATCH_BUILDS_MAX);
	for (size_t i = 0; i < json_size(node) && !rc; i++)
		rc = read_build(batch, json_at(node, i), err);
	return rc;
}

static int read_ready(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
#define IN_READY(member) .kind = FIELD_NUMBER, .offset = offsetof(struct batch_ready, member)
	static const struct json_field fields[] = {
		{.key = "handle_within_k", IN_READY(handle_within_k), .lo = 0.1, .hi = 50, .unit = "K"},
		{.key = "battery_min_v", IN_READY(battery_min_v), .lo = 0.1, .hi = 100, .unit = "V"},
		{.key = "wait_max_s", IN_READY(wait_max_s), .lo = 0, .hi = 86400, .unit = "s"},
		{.key = NULL},
	};
	struct batch *batch = dst;

	batch->waits = true;
	batch->ready = (struct batch_ready){.wait_max_s = 3600};
	int rc = json_read_object(doc, node, fields, &batch->ready, err);
	if (!rc && !json_get(node, "handle_within_k") && !json_get(node, "battery_min_v"))
		rc = json_error(doc, node, err,
				"\"ready\" names nothing to wait for: write \"handle_within_k\", \"battery_min_v\" or "
				"both");
	return rc;
}

static const struct json_field batch_fields[] = {
	{.key = "kind", .kind = FIELD_CUSTOM, .required = true, .read = file_kind_ignore},
	{.key = "$schema", .kind = FIELD_CUSTOM, .read = file_kind_ignore},
	{.key = "name", .kind = FIELD_STRING, .offset = IN(name), .size = SIZE(batch, name), .required = true, .lo = 1},
	{.key = "bench", .kind = FIELD_CUSTOM, .required = true, .read = read_path},
	{.key = "output", .kind = FIELD_CUSTOM, .required = true, .read = read_path},
	{.key = "pens", .kind = FIELD_CUSTOM, .required = true, .read = read_pens},
	{.key = "plans", .kind = FIELD_CUSTOM, .required = true, .read = read_plans},
	{.key = "builds", .kind = FIELD_CUSTOM, .read = read_builds},
	{.key = "blocks", .kind = FIELD_INT, .offset = IN(blocks), .lo = 1, .hi = 1000},
	{.key = "seed", .kind = FIELD_INT, .offset = IN(seed), .lo = 0, .hi = 0x1p53},
	{.key = "before", .kind = FIELD_CUSTOM, .read = read_before},
	{.key = "read_back", .kind = FIELD_CUSTOM, .read = read_back},
	{.key = "after", .kind = FIELD_CUSTOM, .read = read_after},
	{.key = "ready", .kind = FIELD_CUSTOM, .read = read_ready},
	{.key = "hook_timeout_s",
	 .kind = FIELD_NUMBER,
	 .offset = IN(hook_timeout_s),
	 .lo = 1,
	 .hi = 86400,
	 .unit = "s"},
	{.key = NULL},
};

/* A name is a stem of files, a draw needs its seed, and who reads back must know what to expect. */
static int check(const struct batch *batch, struct err *err)
{
	const struct json *root = json_root(batch->doc);

	if (strpbrk(batch->name, "/\\") || batch->name[0] == '.' || batch->name[0] == '-')
		return json_error(batch->doc, json_get(root, "name"), err,
				  "\"name\" begins the names of files: no \"/\", nor \".\" or \"-\" in front");
	if (batch->builds > 1 && !json_get(root, "seed"))
		return json_error(batch->doc, json_get(root, "builds"), err,
				  "the order of the builds is drawn, and a draw needs its seed, so that it can be had "
				  "again: write \"seed\": 1");
	for (unsigned i = 0; i < batch->builds; i++)
		if (!batch->build[i].version[0] == !!batch->read_back.words)
			return json_error(batch->doc, json_at(json_get(root, "builds"), i), err,
					  batch->read_back.words
						  ? "\"version\" is missing: what must \"read_back\" say of this build?"
						  : "\"version\" is what \"read_back\" must say, and there is none");
	if (batch->read_back.words && !batch->builds)
		return json_error(batch->doc, json_get(root, "read_back"), err, "there are no \"builds\" to read back");
	return 0;
}

int batch_read(const char *path, struct batch **ret, struct err *err)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int rc = batch ? 0 : err_set(err, -ENOMEM, "out of memory");

	if (!rc && strlen(path) >= sizeof(batch->path))
		rc = err_set(err, -ENAMETOOLONG, "%.200s...: a path of more than %d bytes", path, FILE_PATH_MAX - 1);
	if (!rc) {
		snprintf(batch->path, sizeof(batch->path), "%s", path);
		batch->blocks = 1;
		batch->hook_timeout_s = 300;
		rc = json_read(path, &batch->doc, err);
	}
	if (!rc)
		rc = file_kind_check(batch->doc, "batch", err);
	if (!rc)
		rc = json_read_object(batch->doc, json_root(batch->doc), batch_fields, batch, err);
	if (!rc)
		rc = check(batch, err);
	if (rc) {
		batch_free(batch);
		return rc;
	}
	*ret = batch;
	return 0;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	json_doc_free(batch->doc);
	free(batch);
}

/* Fisher and Yates. */
static void draw_order(struct draws *draws, unsigned *order, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		order[i] = i;
	for (unsigned i = n; i > 1; i--) {
		unsigned k = (unsigned)(draws_uniform(draws) * i), kept = order[i - 1];
		order[i - 1] = order[k];
		order[k] = kept;
	}
}

int batch_jobs(const struct batch *batch, struct batch_job **ret, unsigned *ret_count)
{
	unsigned builds = batch->builds ? batch->builds : 1, order[BATCH_BUILDS_MAX], n = 0;
	unsigned count = (unsigned)batch->blocks * batch->pens * batch->plans * builds;
	struct batch_job *job = calloc(count, sizeof(*job));
	struct draws draws;

	if (!job)
		return -ENOMEM;
	draws_seed(&draws, (uint64_t)batch->seed);
	for (unsigned block = 0; block < (unsigned)batch->blocks; block++)
		for (unsigned pen = 0; pen < batch->pens; pen++)
			for (unsigned plan = 0; plan < batch->plans; plan++) {
				draw_order(&draws, order, builds);
				for (unsigned b = 0; b < builds; b++, n++)
					job[n] = (struct batch_job){n + 1, block, pen, plan, order[b]};
			}
	*ret = job;
	*ret_count = count;
	return 0;
}
